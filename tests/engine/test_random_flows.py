"""Random flows end in the same states wherever they run, stored or not, interrupted and resumed or not."""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from statesig import Executor, Finished, Paused, Run, Store, Threads, open_store
from statesig.engine.options import Options
from statesig.engine.runner import begin, reopen
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


@pytest.mark.parametrize("flows", counts(25, 300, 2_000))
def test_every_task_is_settled_wherever_it_runs(flows: int) -> None:
    """In line and in threads each task is final, or waits for what is paused; the states are equal when all is over."""
    with Threads(3) as pool:
        for seed in range(SEED, SEED + flows):
            in_line, in_threads = drawn(seed, pauses=False), drawn(seed, pauses=False)
            one, other = finished(in_line), finished(in_threads, executor=pool)
            assert told(one) == told(other), in_line.text
            assert sorted(in_line.calls, key=repr) == sorted(in_threads.calls, key=repr), in_line.text


@pytest.mark.parametrize("flows", counts(20, 150, 1_000))
def test_a_paused_task_holds_only_those_that_need_it(flows: int) -> None:
    """While something is paused, all others are settled."""
    with Threads(3) as pool:
        for seed in range(SEED, SEED + flows):
            for executor in (None, pool):
                case = drawn(seed)
                assert [] == unsettled(case.flow.run(executor=executor)), case.text


# ---- stored, interrupted, resumed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("random flows") / "runs.db") as opened:
        yield opened


def interrupted(case: Drawn, store: Store, executor: Executor | None, chance: random.Random) -> Run:
    """Run a random flow in a store, interrupt it at random calls, resume it each time, and release what is paused."""
    options = Options(store=store, executor=executor)
    run = begin(case.flow, {}, options)

    def maybe_interrupt() -> None:
        if chance.random() < 0.3:
            run.interrupt()

    case.at_call = maybe_interrupt
    run.start()
    for _ in range(200):
        paused = () if run.is_interrupted else tuple(paused_in(run))
        if not run.is_interrupted and not paused:
            return run
        run = reopen(case.flow, run.id, paused, options)
        run.start()
    raise AssertionError(f"it does not end\n{case.text}")


def paused_in(run: Run) -> list[str]:
    return [one.name for whole in run for one in (whole, *whole.children) if isinstance(one.state, Paused)]


@pytest.mark.parametrize("flows", counts(10, 40, 300))
def test_an_interrupted_run_ends_as_any_other(flows: int, store: Store) -> None:
    """Stored and not, in line and in threads, interrupted at random calls and resumed: equal states, equal calls."""
    with Threads(3) as pool:
        for seed in range(SEED, SEED + flows):
            plain = drawn(seed)
            expected = told(finished(plain))
            for executor in (None, pool):
                case = drawn(seed)
                assert expected == told(finished(case, executor=executor, store=store)), case.text
                broken = drawn(seed)
                assert expected == told(interrupted(broken, store, executor, random.Random(seed))), broken.text
                assert sorted(plain.calls, key=repr) == sorted(broken.calls, key=repr), broken.text
