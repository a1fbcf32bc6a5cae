"""Random flows: whatever the executor, every task is settled, and the final states are the same."""

import os
import random
from typing import Any

import pytest

from statesig import Finished, Paused, Run, Threads
from tests.harness.exhaustive import counts
from tests.harness.flows import Drawn, drawn

SEED = int(os.environ.get("STATESIG_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
"""Where the seeds begin; printed with a failure, and set by STATESIG_SEED."""


def told(run: Run) -> list[tuple[str, str, Any, list[str]]]:
    """Return each task and child with its state's tag, result and causes.

    The message of an early verdict says what was known then, times and counts say when: they are left out.
    """
    tasks = [one for whole in run for one in (whole, *whole.children)]
    return [(one.name, one.state.type, one.state.result, [cause.type for cause in one.state.causes]) for one in tasks]


def unsettled(run: Run) -> list[tuple[str, str]]:
    """Return the tasks that are neither final nor paused, though nothing that is paused is upstream of them."""
    waiting: set[str] = set()
    found: list[tuple[str, str]] = []
    for whole in run:
        node = next(node for node in run.flow.nodes if node.name == whole.name)
        is_held = any(source.name in waiting for source in node.upstream)
        inner = [child.state for child in whole.children]
        if isinstance(whole.state, Paused) or any(isinstance(state, Paused) for state in inner):
            waiting.add(whole.name)
        elif not isinstance(whole.state, Finished):
            waiting.add(whole.name)
            if not is_held:
                found.append((whole.name, whole.state.type))
    return found


def finished(case: Drawn, **options: Any) -> Run:
    """Run a random flow, and release what is paused until nothing is."""
    run = case.flow.run(**options)
    for _ in range(20):
        assert [] == unsettled(run), case.text
        if not any(isinstance(one.state, Paused) for whole in run for one in (whole, *whole.children)):
            break
        run.resume()
    return run


@pytest.mark.parametrize("flows", counts(150, 2_000))
def test_every_task_is_settled_wherever_it_runs(flows: int) -> None:
    """In line and in threads each task is final, or waits for what is paused; the states are equal when all is over."""
    with Threads(3) as pool:
        for seed in range(SEED, SEED + flows):
            in_line, in_threads = drawn(seed, pauses=False), drawn(seed, pauses=False)
            one, other = finished(in_line), finished(in_threads, executor=pool)
            assert told(one) == told(other), in_line.text
            assert sorted(in_line.calls, key=repr) == sorted(in_threads.calls, key=repr), in_line.text


@pytest.mark.parametrize("flows", counts(100, 1_000))
def test_a_paused_task_holds_only_those_that_need_it(flows: int) -> None:
    """While something is paused, all others are settled."""
    with Threads(3) as pool:
        for seed in range(SEED, SEED + flows):
            for executor in (None, pool):
                case = drawn(seed)
                assert [] == unsettled(case.flow.run(executor=executor)), case.text
