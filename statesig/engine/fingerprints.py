"""The fingerprint of a flow, stored with each run, so that a flow that has changed since is refused."""

from __future__ import annotations

import json
from typing import Any

from statesig.errors import FlowError
from statesig.graph.graph import Graph
from statesig.graph.nodes import Node
from statesig.stores.store import StoredRun

__all__ = ["check_graph", "graph_names", "graph_of"]


def graph_of(flow: Graph) -> bytes:
    """Return the fingerprint of a flow as JSON: its tasks, what each takes from which others, its parameters."""
    tasks = [
        [
            node.name,
            # Children differ by their positions alone.
            _length(node) if node.is_mapped else False,
            [[source.index, int(takes)] for source, takes in zip(node.upstream, node.takes, strict=True)],
        ]
        for node in flow.nodes
    ]
    return json.dumps({"tasks": tasks, "parameters": sorted(flow.parameters)}, separators=(",", ":")).encode()


def _length(node: Node) -> int | bool:
    """Return how many constants a node is mapped over; True if only a run can know."""
    constants: Any = node.mapped
    return len(constants) if issubclass(type(constants), list) else True


def check_graph(flow: Graph, stored: StoredRun) -> None:
    """Refuse a flow that is not the one of a stored run.

    Raises:
        FlowError: It is not that flow; the text says what differs.
    """
    if stored.flow != flow.name:
        raise FlowError(flow.name, f"run {stored.id} is of flow {stored.flow!r}")
    if stored.graph == graph_of(flow):
        return
    then, now = _readable(stored.graph), _readable(graph_of(flow))
    gone = [f"{name} is gone" for name in then if name not in now]
    new = [f"{name} is new" for name in now if name not in then]
    other = [f"{name} is wired otherwise" for name in then if name in now and then[name] != now[name]]
    found = [*gone, *new, *other] or ["its tasks come in another order"]
    more = f" and {len(found) - 10} more" if len(found) > 10 else ""
    raise FlowError(
        flow.name,
        f"is not what it was when run {stored.id} began: {', '.join(found[:10])}{more}; "
        "resume with the flow as it was, or begin a new run",
    )


def _readable(graph: bytes) -> dict[str, object]:
    """Return a fingerprint by name: for each task what it takes from which others, and the parameters."""
    document = json.loads(graph)
    names = [name for name, _, _ in document["tasks"]]
    tasks: dict[str, object] = {
        f"task {name!r}": (is_mapped, [(names[index], takes) for index, takes in upstream])
        for name, is_mapped, upstream in document["tasks"]
    }
    return tasks | {f"parameter {name!r}": None for name in document["parameters"]}


def graph_names(graph: bytes) -> list[str]:
    """Return the names of the tasks in a fingerprint, in order."""
    names: list[str] = [name for name, _, _ in json.loads(graph)["tasks"]]
    return names
