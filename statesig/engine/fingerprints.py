"""The fingerprint of a flow, stored with each run, so that a flow that has changed since is refused.

It names the tasks and what each takes from which others, and has a digest of each call: its function by name, and its
constants. Nothing here pickles a value, and no value can be read back from a fingerprint.
"""

from __future__ import annotations

import json
from typing import Any, Final

from statesig.engine.digests import Digests
from statesig.errors import FlowError
from statesig.graph.graph import Graph
from statesig.graph.nodes import Node
from statesig.stores.store import StoredRun

__all__ = ["check_graph", "graph_names", "graph_of", "lengths_of"]


def graph_of(flow: Graph) -> bytes:
    """Return the fingerprint of a flow as JSON: its tasks with their upstreams and digests, and its parameters."""
    digests = Digests()
    tasks = [
        [
            node.name,
            # Children differ by their positions alone.
            _length(node) if node.is_mapped else False,
            [[source.index, int(takes)] for source, takes in zip(node.upstream, node.takes, strict=True)],
            digests.of(node),
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
    graph = graph_of(flow)
    if stored.graph == graph:
        return
    before, after = json.loads(stored.graph), json.loads(graph)
    if not any(task[_DIGEST:] for task in before["tasks"]):
        after["tasks"] = [task[:_DIGEST] for task in after["tasks"]]  # it was stored before there were digests
        if before == after:
            return
    then, now = _readable(before), _readable(after)
    gone = [f"{name} is gone" for name in then if name not in now]
    new = [f"{name} is new" for name in now if name not in then]
    other = [f"{name} {_how(then[name], now[name])}" for name in then if name in now and then[name] != now[name]]
    found = [*gone, *new, *other] or ["its tasks come in another order"]
    more = f" and {len(found) - 10} more" if len(found) > 10 else ""
    raise FlowError(
        flow.name,
        f"is not what it was when run {stored.id} began: {', '.join(found[:10])}{more}; "
        "resume with the flow as it was, or begin a new run",
    )


_DIGEST: Final = 3
"""The position of the digest in a task's entry."""


def _readable(document: Any) -> dict[str, tuple[object, object]]:
    """Return a fingerprint by name: for each task what it takes from which others, and its digest; the parameters."""
    names = [task[0] for task in document["tasks"]]
    tasks: dict[str, tuple[object, object]] = {
        f"task {name!r}": ((is_mapped, [(names[index], takes) for index, takes in upstream]), digest)
        for name, is_mapped, upstream, *digest in document["tasks"]
    }
    return tasks | {f"parameter {name!r}": (None, None) for name in document["parameters"]}


def _how(then: tuple[object, object], now: tuple[object, object]) -> str:
    if then[0] != now[0]:
        return "is wired otherwise"
    return "has other constants, or another function"


def graph_names(graph: bytes) -> list[str]:
    """Return the names of the tasks in a fingerprint, in order."""
    return [*lengths_of(graph)]


def lengths_of(graph: bytes) -> dict[str, int]:
    """Return the names of the tasks in a fingerprint, in order, each with how many children it has at least."""
    return {name: 0 if isinstance(mapped, bool) else mapped for name, mapped, *_ in json.loads(graph)["tasks"]}
