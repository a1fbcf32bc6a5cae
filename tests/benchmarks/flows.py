"""Flows of tasks that do nothing: what the runner adds to each.

The floor orders the same graph with `graphlib.TopologicalSorter`, calls the same function with a constant and makes one
`Success` of what it returns. It decides nothing, catches nothing and hands no value on: what a user would write who
needs only the order. Building the flow is reported apart; the floor's graph is a dict that is there already.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from graphlib import TopologicalSorter
from time import perf_counter

from measuring import Plan, Row, alone, compare

from statesig import Flow, Success, task

_MANY, _FEW = 10_000, 1_000
Graph = dict[int, tuple[int, ...]]


def nothing(value: int) -> int:
    """Return what is given."""
    return value


_nothing = task(nothing)


def _chain(size: int) -> Flow:
    with Flow("chain") as flow:
        value = 0
        for _ in range(size):
            value = _nothing(value)
    return flow


def _fan(size: int) -> Flow:
    with Flow("fan") as flow:
        root = _nothing(0)
        for _ in range(size - 1):
            _nothing(root)
    return flow


def flows(plan: Plan) -> Iterator[Row]:
    """Measure running flows, and building them."""
    for name, build in (("chain", _chain), ("fan-out", _fan)):
        many, few = build(_MANY), build(_FEW)
        graph: Graph = {node.index: tuple(source.index for source in node.upstream) for node in many.nodes}
        subject = f"{name} of {_MANY:,}, a task", partial(_running, many, 1)
        alike = f"{name} of {_FEW:,}, {_MANY // _FEW} times, a task", partial(_running, few, _MANY // _FEW)
        yield compare(plan, subject, ("graphlib, call, Success(...)", partial(_sorting, graph)), 2.5, slices=3)
        yield compare(plan, subject, alike, 1.2, slices=3)
        yield alone(plan, (f"building a {name} of {_MANY:,}, a task", partial(_building, build)))


def _running(flow: Flow, times: int) -> float:
    gc.collect()
    began = perf_counter()
    runs = [flow.run() for _ in range(times)]
    seconds = perf_counter() - began
    assert all(type(run.state) is Success for run in runs)
    return seconds / (times * len(flow.nodes))


def _sorting(graph: Graph) -> float:
    states: dict[int, Success[int]] = {}
    gc.collect()
    began = perf_counter()
    for index in TopologicalSorter(graph).static_order():
        states[index] = Success(result=nothing(0))
    return (perf_counter() - began) / len(graph)


def _building(build: Callable[[int], Flow]) -> float:
    gc.collect()
    began = perf_counter()
    build(_MANY)
    return (perf_counter() - began) / _MANY
