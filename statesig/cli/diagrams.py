"""The verb of the command that draws: the transitions of states, or the tasks of a flow."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TextIO, cast

from pydantic_core import from_json

from statesig.algebra.diagrams import diagram
from statesig.cli.exits import Exit, UsageError
from statesig.cli.loading import OF_A_MACHINE, load_flow, load_kind, load_union
from statesig.cli.options import stored_before
from statesig.cli.terminal import colour_of
from statesig.engine.deadlines import seen_stored
from statesig.engine.fingerprints import graph_names
from statesig.graph.graph import Graph
from statesig.graph.nodes import Node, Takes
from statesig.states import State
from statesig.states.machines import AnyKind
from statesig.states.unions import parts_of
from statesig.stores.store import Store

__all__ = ["print_diagram"]


def print_diagram(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Print the transitions, or a flow, as a diagram; with the states of a stored run if one is given."""
    target: str | None = options.target
    kind = None if target is None else load_kind(target) or _first_of(load_union(target))
    if target is None or kind is not None:
        if options.run is not None:
            raise UsageError(f"a stored run is one of a flow; {target} is a class of states")
        print(diagram(options.format, kind=kind or State), end="", file=out)
        return Exit.OK
    flow = load_flow(target, hint=OF_A_MACHINE)
    tags: dict[str, str] = {}
    if options.run is not None:
        with stored_before(options, "read") as store:
            tags = _tags_of(flow, options.run, store)
    lines = _mermaid(flow, tags) if options.format == "mermaid" else _dot(flow, tags)
    out.writelines(f"{line}\n" for line in lines)
    return Exit.OK


def _first_of(union: object) -> AnyKind | None:
    """Return a class of states of a union: the table of one is that of all."""
    return None if union is None else cast("AnyKind", next(parts_of(union)))


def _tags_of(flow: Graph, prefix: str, store: Store) -> dict[str, str]:
    """Return the tag of the state of each task in a stored run.

    Raises:
        UsageError: The run has other tasks than the flow.
    """
    run = store.find(prefix)
    names = [node.name for node in flow.nodes]
    if list(graph_names(run.graph)) != names:
        raise UsageError(f"run {run.id} of flow {run.flow!r} has other tasks than flow {flow.name!r} has now")
    now = datetime.now(UTC)
    tags = dict.fromkeys(names, "Pending")
    for record in store.history(run):
        if record.task is not None and record.index is None:
            tags[record.task] = from_json(seen_stored(record.state, now))["type"]
    return tags


_FILLS = {"green": "#d3f9d8", "red": "#ffe3e3", "yellow": "#fff3bf"}


def _mermaid(flow: Graph, tags: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a flowchart of Mermaid: double sides for a mapped task, a dotted arrow for no value."""
    yield "flowchart TD"
    for node in flow.nodes:
        label = "<br/>".join(map(_for_mermaid, _words(node, tags)))
        colour = colour_of(tags.get(node.name, ""))
        start, end = ("[[", "]]") if node.is_mapped else ("[", "]")
        yield f'    n{node.index}{start}"{label}"{end}{f":::{colour}" if colour else ""}'
    arrows = {Takes.VALUE: "-->", Takes.STATE: "-. state .->", Takes.ORDER: "-.->"}
    for source, takes, node in _edges(flow):
        yield f"    n{source.index} {arrows[takes]} n{node.index}"
    if tags:
        yield from (f"    classDef {colour} fill:{fill}" for colour, fill in _FILLS.items())


def _for_mermaid(text: str) -> str:
    """Return a text in which Mermaid finds nothing to act upon: all but letters, digits and spaces as entities."""
    return "".join(char if char.isalnum() or char in " _-" else f"#{ord(char)};" for char in text)


def _dot(flow: Graph, tags: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a graph of Graphviz: double sides for a mapped task, a dashed arrow for no value."""
    yield "digraph flow {"
    yield '    node [shape=box, style="rounded,filled", fillcolor=white];'
    for node in flow.nodes:
        label = "\\n".join(map(_for_dot, _words(node, tags)))
        colour = colour_of(tags.get(node.name, ""))
        marks = ", peripheries=2" * node.is_mapped
        marks += f', fillcolor="{_FILLS[colour]}"' if colour else ""
        yield f'    n{node.index} [label="{label}"{marks}];'
    styles = {Takes.VALUE: "", Takes.STATE: ' [style=dashed, label="state"]', Takes.ORDER: " [style=dashed]"}
    for source, takes, node in _edges(flow):
        yield f"    n{source.index} -> n{node.index}{styles[takes]};"
    yield "}"


def _for_dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(char if char.isprintable() else "?" for char in escaped)


def _words(node: Node, tags: Mapping[str, str]) -> list[str]:
    """Return the lines of a task's label: its name, and its state if it is known."""
    return [node.name, tags[node.name]] if tags else [node.name]


def _edges(flow: Graph) -> Iterator[tuple[Node, Takes, Node]]:
    for node in flow.nodes:
        for source, takes in zip(node.upstream, node.takes, strict=True):
            yield source, takes, node
