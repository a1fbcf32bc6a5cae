"""How long a task waits between attempts: backoff, the cap, and jitter that a seed decides."""

import math
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statesig import FAIL, LOOP, RETRY, Event, Flow, Retrying, Scheduled, Task, current, task
from statesig.engine import delays
from statesig.engine.decisions import delay_before
from statesig.engine.options import Options
from statesig.engine.runner import begin
from tests.harness.cases import at_once
from tests.samples.clocks import Clock

LONGEST = 10 * 365 * 24 * 3600.0
seconds = st.floats(0, 1e9)
policies = st.fixed_dictionaries(
    {
        "retry_delay": seconds,
        "retry_backoff": st.floats(1, 100),
        "retry_max_delay": st.none() | seconds,
        "retry_jitter": st.floats(0, 1),
    }
)


def busy() -> None:
    raise RETRY("busy")


def policy(**options: Any) -> Task[[], None]:
    return task(retries=5, **options)(busy)


def slept(fn: Any, *, seed: object = 1) -> list[float]:
    """Return how long a run of one task slept between its attempts."""
    clock = Clock()
    with Flow("f") as flow:
        fn()
    flow.run(clock=clock, sleep=clock.sleep, seed=seed)
    return clock.slept


# ---- delay_before


@given(policies, st.integers(1, 10_000), st.floats(-1, 1))
def test_a_delay_is_within_its_bounds(options: dict[str, Any], failures: int, jitter: float) -> None:
    """It is at least 0, at most the cap, and within the jitter's part of what it is without."""
    made = policy(**options)
    delay, plain = delay_before(made, failures, jitter), delay_before(made, failures)
    most = LONGEST if made.retry_max_delay is None else min(made.retry_max_delay, LONGEST)
    assert 0 <= delay <= most
    spread = plain * made.retry_jitter * abs(jitter)
    rounding = plain * 1e-12
    assert plain - spread - rounding <= delay <= plain + spread + rounding


@given(policies, st.integers(1, 1_000), st.floats(-1, 1))
def test_a_delay_is_never_shorter_than_the_one_before(options: dict[str, Any], failures: int, jitter: float) -> None:
    """With the same jitter, delays grow until they are at their cap."""
    made = policy(**options)
    assert delay_before(made, failures, jitter) <= delay_before(made, failures + 1, jitter)


@given(policies, st.integers(1, 1_000), st.floats(-1, 1), st.floats(-1, 1))
def test_a_delay_grows_with_its_jitter(options: dict[str, Any], failures: int, one: float, other: float) -> None:
    """The least jitter makes the shortest delay."""
    made = policy(**options)
    assert delay_before(made, failures, min(one, other)) <= delay_before(made, failures, max(one, other))


@given(policies, st.integers(1, 20))
def test_a_delay_is_as_the_equation_says(options: dict[str, Any], failures: int) -> None:
    """``min(retry_delay * retry_backoff ** (failures - 1), cap)``."""
    made = policy(**options)
    cap = LONGEST if made.retry_max_delay is None else min(made.retry_max_delay, LONGEST)
    assert min(made.retry_delay * math.pow(made.retry_backoff, failures - 1), cap) == delay_before(made, failures)


def test_a_delay_that_no_number_can_hold() -> None:
    """A backoff that grows past all numbers is the cap, and without one ten years; of nothing it is nothing."""
    assert 60 == delay_before(policy(retry_delay=1, retry_backoff=10, retry_max_delay=60), 10_000)
    assert LONGEST == delay_before(policy(retry_delay=1, retry_backoff=10), 10_000)
    assert 0 == delay_before(policy(retry_backoff=10), 10_000)
    assert timedelta(days=3650) == timedelta(seconds=LONGEST)


# ---- in a run


@at_once
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"retry_delay": 10}, [10] * 5),
        ({"retry_delay": timedelta(minutes=1)}, [60] * 5),
        ({"retry_delay": 1, "retry_backoff": 3}, [1, 3, 9, 27, 81]),
        ({"retry_delay": 1, "retry_backoff": 3, "retry_max_delay": 10}, [1, 3, 9, 10, 10]),
        ({"retry_delay": 5, "retry_max_delay": 2}, [2] * 5),
        ({"retry_delay": 1, "retry_backoff": 2, "retry_max_delay": timedelta(0)}, []),
    ],
)
def test_a_run_waits_so_long(options: dict[str, Any], expected: list[float]) -> None:
    """Between attempts it sleeps for the delay; the cap holds for all of them."""
    assert expected == slept(policy(**options))


def test_jitter_is_the_seeds() -> None:
    """The same seed gives the same delays, another seed others; all differ, and are within their bounds."""
    made = policy(retry_delay=100, retry_jitter=0.5)
    delays = slept(made, seed="a")
    assert delays == slept(made, seed="a")
    assert delays != slept(made, seed="b")
    assert 5 == len(set(delays))
    assert all(50 <= delay <= 150 for delay in delays)


def test_jitter_without_a_seed_is_the_runs() -> None:
    """Two runs that are given no seed wait for other times."""
    made = policy(retry_delay=100, retry_jitter=0.5)
    assert slept(made, seed=None) != slept(made, seed=None)


def test_tasks_that_fail_together_come_back_apart() -> None:
    """Children of one mapped task, under one seed, have delays of their own."""
    clock, events = Clock(), list[Event]()

    @task(retries=1, retry_delay=100, retry_jitter=1)
    def work(value: int) -> None:
        raise RETRY("busy")

    with Flow("f") as flow:
        flow.map(work, range(20))
    flow.run(clock=clock, sleep=clock.sleep, seed=1, on_event=events.append)
    starts = [event.state.start_time for event in events if isinstance(event.state, Retrying)]
    assert 20 == len(set(starts))
    assert sum(clock.slept) <= 200


def test_a_time_of_its_own_is_kept() -> None:
    """RETRY with a start time is tried again then, whatever the task's delay."""
    clock = Clock()

    @task(retries=1, retry_delay=1_000, retry_jitter=1)
    def work() -> int:
        if current().number == 1:
            raise RETRY("busy", start_time=clock.now + timedelta(seconds=7))
        return 5

    assert [7] == _slept_by(clock, work)


def test_only_failures_make_delays_longer() -> None:
    """Attempts that end in LOOP count as attempts, and not for the backoff."""
    clock = Clock()

    @task(retries=2, retry_delay=1, retry_backoff=10)
    def work() -> int:
        raise LOOP("further") if current().number in (1, 3) else RETRY("busy")

    assert [1, 10] == _slept_by(clock, work)


def _slept_by(clock: Clock, fn: Any) -> list[float]:
    with Flow("f") as flow:
        fn()
    flow.run(clock=clock, sleep=clock.sleep)
    return clock.slept


# ---- zones


class Berlin:
    """A clock in a zone that sets its clocks back an hour at 3 in the morning of 26 October 2025."""

    def __init__(self, now: datetime) -> None:
        self.zone = ZoneInfo("Europe/Berlin")
        self.now = now.astimezone(self.zone)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now = (self.now.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(self.zone)


@pytest.mark.parametrize("minutes", [0, 15, 45])
@pytest.mark.parametrize("before", [True, False], ids=["autumn", "spring"])
def test_a_delay_is_as_long_as_it_says_when_clocks_change(minutes: int, before: bool) -> None:
    """An hour is 3,600 seconds, in a night of 25 hours and in one of 23."""
    night = datetime(2025, 10, 26, 0, minutes, tzinfo=UTC) if before else datetime(2026, 3, 29, 0, minutes, tzinfo=UTC)
    clock = Berlin(night)
    with Flow("f") as flow:
        policy(retry_delay=3600)()
    events: list[Event] = []
    flow.run(clock=clock, sleep=clock.sleep, on_event=events.append)
    assert [3600.0] * 5 == clock.slept
    assert {UTC} == {event.time.tzinfo for event in events}


def test_a_clock_without_an_offset_is_refused() -> None:
    """Nobody can say which hour it means."""
    with Flow("f") as flow:
        policy(retry_delay=1)()
    with pytest.raises(ValueError, match="clock returns an aware datetime"):
        flow.run(clock=lambda: datetime(2026, 1, 1))


# ---- a clock that is set


class Settable:
    """The machine's clock, which is set once an event tells of a delay."""

    def __init__(self, by: timedelta) -> None:
        self._by = by
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def on_event(self, event: Event) -> None:
        if isinstance(event.state, Scheduled):
            self._ahead = self._by


def attempts_while_set(
    by: timedelta, *, task_retries: int = 1, delay: float = 0.05, executor: Literal["threads"] | None = None
) -> int:
    """Return how many attempts a task has that fails once, if the clock is set while it, or its flow, is delayed."""
    clock, attempts = Settable(by), 0

    def fail_once() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise RETRY("busy") if task_retries else FAIL("busy")

    with Flow("f", retries=1 - task_retries, retry_delay=delay) as flow:
        task(retries=task_retries, retry_delay=delay)(fail_once)()
    run = begin(flow, {}, Options(clock=clock, on_event=clock.on_event, executor=executor))
    watchdog = threading.Timer(30, run.cancel)
    watchdog.start()
    run.start()
    watchdog.cancel()
    return attempts


@pytest.mark.parametrize("executor", [None, "threads"])
@pytest.mark.parametrize("task_retries", [1, 0], ids=["task", "flow"])
def test_a_clock_that_is_set_back_makes_no_delay_longer(task_retries: int, executor: Literal["threads"] | None) -> None:
    """A delay that a process waits for takes its seconds, though the clock was set back a day after the failure."""
    assert 2 == attempts_while_set(-timedelta(days=1), task_retries=task_retries, executor=executor)


def test_a_clock_that_is_set_forward_ends_a_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time has come when the clock says so: a machine may have slept."""
    monkeypatch.setattr(delays, "NAP", 0.01)
    assert 2 == attempts_while_set(timedelta(days=1), delay=3600)
