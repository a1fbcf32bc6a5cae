"""One executor in several runs at once: each run gets its own answers, and none waits for ever."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest

from statesig import Executor, Flow, Processes, Run, State, Success, Threads, task
from statesig.executors.coroutines import Coroutines
from tests.harness.exhaustive import counts
from tests.harness.flows import Drawn, drawn
from tests.samples import calls_work as work

SEED = int(os.environ.get("STATESIG_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
"""Where the seeds begin; printed with a failure, and set by STATESIG_SEED."""


def doubling(number: int) -> tuple[Flow, Any]:
    """Return a flow that doubles five numbers from a given one on, and the node with the results."""
    with Flow(f"doubling {number}") as flow:
        node = flow.map(work.double, [number + place for place in range(5)])
    return flow, node


def doubled(number: int, executor: Executor) -> Any:
    flow, node = doubling(number)
    return flow.run(executor=executor)[node].result


@contextmanager
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set() == set(threading.enumerate()) - before


def two_threads() -> Executor:
    return Threads(2)


def one_process() -> Executor:
    return Processes(1, start="forkserver")


@pytest.mark.parametrize("make", [two_threads, one_process])
def test_runs_in_several_threads_share_an_executor(make: Callable[[], Executor]) -> None:
    """Each of many runs gets the results of its own calls; nothing is left when the last one is over."""
    executor = make()
    with no_thread_left(), ThreadPoolExecutor(4) as callers:
        found = list(callers.map(doubled, range(0, 80, 10), [executor] * 8))

    assert [[2 * (number + place) for place in range(5)] for number in range(0, 80, 10)] == found


@pytest.mark.parametrize("make", [two_threads, Coroutines])
def test_runs_on_one_event_loop_share_an_executor(make: Callable[[], Executor]) -> None:
    """So it is with three `arun` by `asyncio.gather`, whether the executor is kept between runs or not."""
    flows = [doubling(number) for number in (0, 10, 20)]

    async def all_of_them(executor: Executor) -> list[Any]:
        runs = await asyncio.gather(*(flow.arun(executor=executor) for flow, _ in flows))
        return [run[node].result for run, (_, node) in zip(runs, flows, strict=True)]

    with no_thread_left(), make() as kept:
        found = [asyncio.run(all_of_them(kept)), asyncio.run(all_of_them(kept)), asyncio.run(all_of_them(make()))]

    assert [[[2 * (number + place) for place in range(5)] for number in (0, 10, 20)]] * 3 == found


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_task_runs_a_flow_in_the_executor_that_runs_it(depth: int) -> None:
    """A pool of one thread does not wait for itself, however deep the runs are nested and wherever they begin."""
    pool = Threads(1)

    @task
    def deeper(left: int) -> int:
        if left == 0:
            return 0
        inner = nested(left - 1)
        run: Run = asyncio.run(inner.arun(executor=pool)) if left % 2 else inner.run(executor=pool)
        return 1 + sum(one.state.result for one in run)

    def nested(left: int) -> Flow:
        with Flow(f"{left} deep") as flow:
            deeper(left)
            deeper(left)
        return flow

    with no_thread_left():
        run = nested(depth).run(executor=pool)

    assert [total(depth)] * 2 == [one.state.result for one in run]


def total(left: int) -> int:
    """Return how many runs a task begins, with those that begin in them."""
    return 0 if left == 0 else 1 + 2 * total(left - 1)


def one_thread() -> Executor:
    return Threads(1)


@pytest.mark.parametrize(
    ("make", "by"),
    [
        *product([one_thread], ["handler", "on_event"]),
        (one_process, "handler"),
        pytest.param(one_process, "on_event", marks=pytest.mark.exhaustive),
        (one_thread, "task of such a run"),  # a worker process runs no flow in processes
    ],
)
def test_a_handler_runs_a_flow_in_the_executor_of_its_run(make: Callable[[], Executor], by: str) -> None:
    """The calls of its own run wait for leave in the threads of the pool meanwhile; the inner run does not."""
    pool, found = make(), list[Any]()

    @task
    def deeper() -> Any:
        return doubled(1, pool)

    def told(state: State[Any]) -> None:
        if not isinstance(state, Success) or len(found) > 1:
            return
        if by == "task of such a run":
            with Flow("deeper") as flow:
                node = deeper()
            found.append(flow.run(executor=pool)[node].result)
        else:
            found.append(doubled(1, pool))

    with Flow("outer", task_handlers=[lambda _, new: told(new) if by != "on_event" else None]) as outer:
        outer.map(work.double, range(4))
    with no_thread_left():
        outer.run(executor=pool, on_event=lambda event: told(event.state) if by == "on_event" else None)

    assert [[2, 4, 6, 8, 10]] * 2 == found


def test_a_run_that_ends_leaves_the_calls_of_others_alone() -> None:
    """A run that is cancelled stops its own calls and no others, and the other run gets all its outcomes."""
    pool, begun, go = Threads(2), threading.Event(), threading.Event()

    @task
    def waiting() -> str:
        begun.set()
        assert go.wait(60)
        return "done"

    with Flow("long") as long:
        node = waiting()
    other, doubles = doubling(1)
    with no_thread_left(), ThreadPoolExecutor(1) as callers:
        driven = callers.submit(long.run, executor=pool)
        assert begun.wait(60)
        assert [2, 4, 6, 8, 10] == other.run(executor=pool)[doubles].result
        go.set()

        assert Success(result="done") == driven.result(60)[node]


@pytest.mark.parametrize("flows", counts(40, 200))
def test_random_flows_at_once_end_as_alone(flows: int) -> None:
    """Random flows that share a pool across eight threads end with the states that each has alone."""

    def ended(case: Drawn, **options: Any) -> list[tuple[str, str, Any]]:
        run = case.flow.run(**options)
        return [(one.name, one.state.type, one.state.result) for whole in run for one in (whole, *whole.children)]

    seeds = range(SEED, SEED + flows)
    with Threads(3) as pool, ThreadPoolExecutor(8) as callers:
        at_once = list(callers.map(lambda seed: ended(drawn(seed, pauses=False), executor=pool), seeds))

    for seed, found in zip(seeds, at_once, strict=True):
        alone = drawn(seed, pauses=False)
        assert ended(alone) == found, alone.text
