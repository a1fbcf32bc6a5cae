"""Graphs of tasks that do nothing, as flows and as anyone would write them down who needs no more than a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statesig import Flow, task

__all__ = ["SHAPES", "Graph", "chain", "fan", "fan_in", "mapped", "nothing", "plain", "plain_fan_in", "upstream"]

Graph = dict[int, tuple[int, ...]]
"""What each task waits for, by position."""


def nothing(value: Any) -> Any:
    """Return what is given."""
    return value


_nothing = task(nothing)


def chain(size: int) -> Flow:
    """Return a flow in which each task takes the value of the one before."""
    with Flow("chain") as flow:
        value = 0
        for _ in range(size):
            value = _nothing(value)
    return flow


def fan(size: int) -> Flow:
    """Return a flow in which all tasks take the value of the first."""
    with Flow("fan") as flow:
        root = _nothing(0)
        for _ in range(size - 1):
            _nothing(root)
    return flow


def mapped(size: int) -> Flow:
    """Return a flow of one task that is called for each number."""
    with Flow("map") as flow:
        flow.map(_nothing, range(size))
    return flow


def fan_in(size: int, *, mapping: bool = False) -> Flow:
    """Return a flow in which the last task takes the values of all others, as a list or as what it is mapped over."""
    with Flow("fan-in") as flow:
        values = [_nothing(0) for _ in range(size)]
        if mapping:
            flow.map(_nothing, values)
        else:
            _nothing(values)
    return flow


SHAPES: dict[str, Callable[[int], Flow]] = {"chain": chain, "fan-out": fan, "map": mapped}


def upstream(flow: Flow) -> Graph:
    """Return what each task of a flow waits for."""
    return {node.index: tuple(source.index for source in node.upstream) for node in flow.nodes}


# ---- the floor of building


class _Plain:
    """A graph in dicts and lists: a function, its arguments and its edges for each name, and no edge to a stranger."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Any]] = {}
        self.arguments: dict[str, tuple[Any, ...]] = {}
        self.edges: dict[str, list[str]] = {}

    def add(self, function: Callable[..., Any], args: tuple[Any, ...], *upstream: str) -> str:
        name = f"{function.__name__}-{len(self.functions)}"
        for source in upstream:
            if source not in self.functions:
                raise LookupError(source)
        self.functions[name] = function
        self.arguments[name] = args
        self.edges[name] = list(upstream)
        return name


def plain(size: int, *, chained: bool) -> _Plain:
    """Put down the nodes and edges of a chain or a fan."""
    graph = _Plain()
    last = graph.add(nothing, (0,))
    for _ in range(size - 1):
        name = graph.add(nothing, (last,), last)
        if chained:
            last = name
    return graph


def plain_fan_in(size: int) -> _Plain:
    """Put down the nodes and edges of a fan-in."""
    graph = _Plain()
    names = [graph.add(nothing, (0,)) for _ in range(size)]
    graph.add(nothing, (names,), *names)
    return graph
