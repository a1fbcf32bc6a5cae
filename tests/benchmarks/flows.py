"""Flows of tasks that do nothing, in line: what the runner and the building of a flow add to each, in time and memory.

Floors:

* running: a loop over the order that `graphlib.TopologicalSorter` gives, which calls the same function with a constant
  and makes one `Success` of what it returns. It decides nothing, catches nothing and hands no value on: what a user
  would write who needs only the order. Its graph is a dict that is there already, as the flow is. The children of a map
  have no order, so the floor of a map is the loop alone.
* raising: the same flow with tasks that return.
* building: the same nodes and edges put down in dicts and lists, each edge looked up.
* size: the same number of tasks in flows of a tenth of the size, all of which stay, so that as many objects are there
  in the end and what the garbage collector does is on both sides. The rows before show what it costs, too.
* memory: the bound itself, and for states the bare model with the same fields.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from graphlib import TopologicalSorter
from time import perf_counter
from typing import Any

from floors import BareSuccess
from graphs import SHAPES, Graph, chain, fan, fan_in, nothing, plain, plain_fan_in, upstream
from measuring import Plan, Row, Side, compare

from statesig import SKIP, SUCCESS, Flow, Run, Success, capture, task

_EDGES = 1_000
_BYTES = 2_000
_PILE = 10_000


def flows(plan: Plan) -> Iterator[Row]:
    """Measure running flows in line."""
    for name, build in SHAPES.items():
        for size in plan.sizes:
            flow = build(size)
            subject = f"{name} of {size:,}, a task", partial(_running, [flow], size)
            if name == "map":
                yield _compare(plan, size, subject, ("loop, call, Success(...)", partial(_looping, size)))
            else:
                floor = "graphlib, call, Success(...)", partial(_sorting, upstream(flow))
                yield _compare(plan, size, subject, floor, 2.5)
        most, tenth = plan.sizes[-1], plan.sizes[-1] // 10
        subject = f"{name} of {most:,}, a task", partial(_running, [flow], most)
        floor = f"10 of {tenth:,}, a task", partial(_running, [build(tenth)] * 10, most)
        yield _compare(plan, most, subject, floor, 1.2)


def raising(plan: Plan) -> Iterator[Row]:
    """Measure tasks that raise a signal, beside tasks that return."""
    size = plan.sizes[0]
    returning = _fan_of(task(nothing), size)
    for signal, fn in (('SKIP("x")', _skip), ("SUCCESS(result=0)", _succeed)):
        subject = f"{size:,} tasks that raise {signal}, a task", partial(_running, [_fan_of(task(fn), size)], size)
        yield _compare(plan, size, subject, ("tasks that return", partial(_running, [returning], size)), 1.5)


def building(plan: Plan) -> Iterator[Row]:
    """Measure building flows."""
    for name, build in (("chain", chain), ("fan-out", fan)):
        for size in plan.sizes:
            subject = f"building a {name} of {size:,}, a task", partial(_building, build, size)
            put_down = partial(plain, chained=build is chain)
            yield _compare(plan, size, subject, ("dicts and lists", partial(_building, put_down, size)), 5.0)
        most, tenth = plan.sizes[-1], plan.sizes[-1] // 10
        subject = f"building a {name} of {most:,}, a task", partial(_building, build, most)
        yield _compare(plan, most, subject, (f"10 of {tenth:,}, a task", partial(_building, build, tenth, 10)), 1.2)
    for name, build in (("fan-in", fan_in), ("map", partial(fan_in, mapping=True))):
        subject = f"building a {name} of {_EDGES:,} tasks, each", partial(_building, build, _EDGES)
        floor = "dicts and lists", partial(_building, plain_fan_in, _EDGES)
        yield _compare(plan, _EDGES, subject, floor, 5.0)


def memory(plan: Plan) -> Iterator[Row]:
    """Measure the bytes that a task of a flow keeps, with its node, its name and what a run adds, and its state."""
    once = replace(plan, rounds=1)
    bound = f"{_BYTES:,} B", lambda: float(_BYTES)
    for name in ("chain", "fan-out"):
        for size in plan.sizes[-2:]:
            for what, running in (("", False), (" with its run", True)):
                kept = partial(_kept_flow, SHAPES[name], size, running=running)
                yield compare(once, (f"memory, {name} of {size:,}{what}, a task", kept), bound, 1.0, unit="B")
    subject = "memory, the state that a run makes", partial(_kept, partial(capture, nothing, 0))
    floor = "BareSuccess(result=0)", partial(_kept, lambda: BareSuccess(result=0))
    yield compare(once, subject, floor, 1.1, unit="B")


def _compare(
    plan: Plan, size: int, subject: tuple[str, Side], floor: tuple[str, Side], bound: float | None = None
) -> Row:
    """Compare, in fewer turns where one takes long."""
    if size > 10_000:
        return compare(replace(plan, rounds=min(plan.rounds, 5)), subject, floor, bound)
    return compare(plan, subject, floor, bound, slices=3)


# ---- running


def _running(flows: list[Flow], tasks: int) -> float:
    gc.collect()
    began = perf_counter()
    runs = [flow.run() for flow in flows]
    seconds = perf_counter() - began
    assert all(isinstance(run.state, Success) for run in runs)
    return seconds / tasks


def _sorting(graph: Graph) -> float:
    states: dict[int, Success[int]] = {}
    gc.collect()
    began = perf_counter()
    for index in TopologicalSorter(graph).static_order():
        states[index] = Success(result=nothing(0))
    return (perf_counter() - began) / len(graph)


def _looping(size: int) -> float:
    states: list[Success[int]] = []
    gc.collect()
    began = perf_counter()
    for number in range(size):
        states.append(Success(result=nothing(number)))
    return (perf_counter() - began) / size


def _fan_of(leaf: Any, size: int) -> Flow:
    with Flow("fan") as flow:
        root = task(nothing)(0)
        for _ in range(size - 1):
            leaf(root)
    return flow


def _skip(value: int) -> int:
    raise SKIP("x")


def _succeed(value: int) -> int:
    raise SUCCESS(result=0)


# ---- building


def _building(build: Callable[[int], object], size: int, times: int = 1) -> float:
    gc.collect()
    began = perf_counter()
    built = [build(size) for _ in range(times)]
    seconds = perf_counter() - began
    return seconds / (size * len(built))


# ---- memory


def _kept_flow(build: Callable[[int], Flow], size: int, *, running: bool) -> float:
    """Return the bytes that a task of a flow keeps, alone or with its run."""
    build(10).run()

    def make() -> tuple[Flow, Run | None]:
        flow = build(size)
        return flow, flow.run() if running else None

    return _traced(make) / size


def _kept(make: Callable[[], object]) -> float:
    """Return the bytes that one of many keeps, which are in a list as a run's states are in its items."""
    make()
    pile: list[object] = [None] * _PILE

    def fill() -> None:
        for index in range(_PILE):
            pile[index] = make()

    return _traced(fill) / _PILE


def _traced(make: Callable[[], object]) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = make()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del made
    return after - before
