"""Runs and triggers: a task is asked as its upstreams arrive, and what becomes of it does not depend on their order."""

from datetime import timedelta
from itertools import pairwise, product
from typing import Any

import pytest

from statesig import (
    FAIL,
    PAUSE,
    RETRY,
    SKIP,
    Event,
    Failed,
    Finished,
    Flow,
    Pending,
    Skipped,
    SkipPolicy,
    Success,
    TriggerFailed,
    all_failed,
    all_successful,
    always_run,
    any_failed,
    between,
    none,
    some,
    task,
)
from statesig.engine import loop as drives
from statesig.engine.decisions import Become, decide
from tests.engine.test_runner import scripted
from tests.harness.cases import at_once
from tests.harness.events import of_tasks
from tests.harness.exhaustive import exhaustive_but, one_in
from tests.samples.clocks import Clock
from tests.samples.samples import NOON


@at_once
@pytest.mark.parametrize(
    ("trigger", "on_skip"),
    one_in(
        3,
        list(product([any_failed, some(Skipped) & none(Failed), between(Failed, 2), ~all_successful], SkipPolicy)),
        others=pytest.mark.thorough,
    ),
)
@pytest.mark.parametrize("order", exhaustive_but(["1302"], ["0123", "3210", "1302"], thorough=["0123"]))
def test_the_order_of_arrival_does_not_matter(on_skip: SkipPolicy, trigger: Any, order: str) -> None:
    """Upstreams that finish in another order lead to the same state, which is that of all of them at once."""
    clock = Clock()
    due = [NOON + timedelta(hours=int(place)) for place in order]
    for steps in product((1, SKIP(), FAIL(retryable=False)), repeat=4):
        with Flow("f") as flow:
            upstream = [
                scripted(f"source{index}", RETRY(start_time=due[index]), step, retries=1)()
                for index, step in enumerate(steps)
            ]
            node = scripted("sink", 5, trigger=trigger, on_skip=on_skip)()
            flow.after(node, *upstream)
        run = flow.run(clock=clock, sleep=clock.sleep)
        decision = decide(flow.nodes[-1], Pending(), [run[one] for one in upstream])
        expected = decision.state.type if isinstance(decision, Become) else "Success"
        assert expected == run[node].type, steps


def test_a_trigger_is_asked_as_its_upstreams_arrive() -> None:
    """Each arrival is counted once: a task behind many is decided at the one that makes it certain, not before."""
    clock, events = Clock(), list[Event]()
    with Flow("f") as flow:
        upstream = [
            scripted(f"source{index}", RETRY(start_time=NOON + timedelta(hours=index)), step, retries=1)()
            for index, step in enumerate([1, FAIL(retryable=False), 1, FAIL(retryable=False), 1])
        ]
        node = scripted("sink", 5, trigger=between(Failed, 2))()
        flow.after(node, *upstream)
    run = flow.run(clock=clock, sleep=clock.sleep, on_event=of_tasks(events))
    ends = [event.task for event in events if isinstance(event.state, Finished)]
    assert (["source0", "source1", "source2", "source3", "sink", "source4"], Success(result=5)) == (ends, run[node])


@pytest.mark.parametrize("trigger", [any_failed, between(Failed, 2), all_successful, all_failed.otherwise(SKIP)])
def test_a_task_behind_many_is_not_asked_of_all_at_each(trigger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many upstreams finish one by one, all of them are looked at once, when the verdict is certain."""
    looks: list[int] = []

    def decide_counted(node: Any, state: Any, upstream: Any, **options: Any) -> Any:
        looks.append(len(upstream))
        return decide(node, state, upstream, **options)

    monkeypatch.setattr(drives, "decide", decide_counted)
    with Flow("f") as flow:
        upstream = [scripted("source", 1)() for _ in range(200)]
        for earlier, later in pairwise(upstream):
            flow.after(later, earlier)
        flow.after(scripted("sink", 5, trigger=trigger)(), *upstream)
    flow.run()
    assert [200] == [size for size in looks if size > 1]


def test_a_mapped_upstream_can_still_decide() -> None:
    """That few enough failed is not certain before a mapped task is done, which may fail many times."""
    half = task(name="half")(lambda number: 1 // number)
    clock = Clock()
    with Flow("f") as flow:
        source = scripted("source", RETRY(), [0, 0, 1], retries=1, retry_delay=60)()
        mapped = flow.map(half, source)
        good = scripted("good", 1)()
        node = scripted("sink", 5, trigger=between(Failed, 0, 1))()
        flow.after(node, mapped, good)
    message = "trigger between(Failed, 0, 1): 2 Failed, 2 Success"
    assert TriggerFailed(message=message) == flow.run(clock=clock, sleep=clock.sleep)[node]


def test_a_task_that_has_begun_is_not_begun_again() -> None:
    """A task that runs before its upstreams, and is tried again, runs as often as it is tried, whatever arrives."""
    clock = Clock()
    early = scripted("early", RETRY(), RETRY(), 5, trigger=always_run, retries=2, retry_delay=100)
    with Flow("f") as flow:
        upstream = [scripted(f"slow{index}", RETRY(), 1, retries=1, retry_delay=60 + index)() for index in range(3)]
        node = early()
        flow.after(node, *upstream)
    assert Success(result=5) == flow.run(clock=clock, sleep=clock.sleep)[node]
    assert 3 == early.script.calls


def test_the_children_of_a_task_that_has_begun_run_once() -> None:
    """A mapped task that begins before its upstreams runs each child once, whatever arrives meanwhile."""
    clock, calls = Clock(), list[int]()

    @task(trigger=always_run, retries=1, retry_delay=100)
    def work(number: int) -> int:
        calls.append(number)
        if calls.count(number) == 1:
            raise RETRY("once more")
        return number

    with Flow("f") as flow:
        upstream = [scripted(f"slow{index}", RETRY(), 1, retries=1, retry_delay=60 + index)() for index in range(3)]
        node = flow.map(work, [1, 2])
        flow.after(node, *upstream)
    assert [1, 2] == flow.run(clock=clock, sleep=clock.sleep)[node].unwrap()
    assert [1, 2, 1, 2] == calls


def test_a_resumed_task_need_not_wait_for_what_only_orders() -> None:
    """A task whose trigger paused it runs when it is resumed, while an upstream that only orders is still paused."""
    with Flow("f") as flow:
        paused, bad = scripted("look", PAUSE("look"), 1)(), scripted("bad", FAIL())()
        node = scripted("sink", 5, trigger=all_successful.otherwise(PAUSE))()
        flow.after(node, paused, bad)
    run = flow.run()
    assert ["Paused", "Paused"] == [run[paused].type, run[node].type]
    run.resume(node)
    assert ["Paused", "Success"] == [run[paused].type, run[node].type]
