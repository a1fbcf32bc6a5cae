"""The runner: what is decided, what an attempt leads to, and what a run tells of itself."""

import asyncio
import functools
import io
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    CACHE,
    CANCEL,
    CRASH,
    FAIL,
    LOOP,
    MAP,
    PAUSE,
    PEND,
    QUEUE,
    RETRY,
    SCHEDULE,
    SKIP,
    START,
    STOP,
    SUBMIT,
    SUCCESS,
    TIMEOUT,
    TRIGGERFAIL,
    AnyState,
    Cancelled,
    Cancelling,
    Crashed,
    ErrorInfo,
    Event,
    Failed,
    Finished,
    Flow,
    FlowError,
    IllegalTransition,
    Looped,
    Mapped,
    Paused,
    Pending,
    Queued,
    Retrying,
    Run,
    RunFailed,
    Running,
    Scheduled,
    Signal,
    Skipped,
    SkipPolicy,
    State,
    Submitted,
    Success,
    TaskRun,
    TimedOut,
    TriggerFailed,
    all_finished,
    all_successful,
    always_run,
    any_failed,
    check_history,
    current,
    every,
    is_allowed,
    manual_only,
    signal_of,
    state_of,
    states_of,
    successors,
    task,
)
from statesig.cli import main
from statesig.cli.display import JsonLines
from statesig.engine.decisions import Become, Execute, Wait, decide, settle, settle_unbegun
from tests.harness.cases import at_once
from tests.harness.events import of_tasks
from tests.harness.exhaustive import one_in
from tests.samples.clocks import Clock
from tests.samples.kinds import PARTIAL, QUARANTINE, THROTTLE, Partial, Quarantined, Throttled
from tests.samples.samples import CAUSE, KINDS, NOON, bare, full

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


class Runaway(BaseException):
    """Ends a run that would go on for ever; no capture takes it for an outcome."""


class Script:
    """A task's function that does one thing after the other: raises an exception, returns anything else."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        step = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        if self.calls > 100:
            raise Runaway
        if isinstance(step, BaseException):
            raise step
        return step(*args) if callable(step) else step


def scripted(name: str, *steps: Any, **options: Any) -> Any:
    """Return a task of a script; without arguments of its own it takes any."""
    script = Script(*steps)

    def fn(*args: Any) -> Any:
        return script(*args)

    made = task(name=name, **options)(fn)
    made.script = script  # type: ignore[attr-defined]  # for the test to look at
    return made


def run_alone(fn: Any, **options: Any) -> tuple[State[Any], list[Event], Clock]:
    """Run a flow of one task and return its state, what was told, and the clock."""
    clock, events = Clock(), list[Event]()
    with Flow("f") as flow:
        node = fn()
    run = flow.run(clock=clock, sleep=clock.sleep, on_event=of_tasks(events), **options)
    return run[node], events, clock


def told(events: list[Event]) -> list[tuple[str | None, int | None, int, str]]:
    """Return task, index, attempt and tag of each event."""
    return [(event.task, event.index, event.attempt, event.state.type) for event in events]


def illegal_histories(events: list[Event]) -> list[Any]:
    """Return for every task and child of a run the first illegal step of its history, where there is one."""
    histories: dict[tuple[str, int | None], list[Event]] = {}
    for event in events:
        histories.setdefault((event.task, event.index), []).append(event)
    found = [
        (
            place,
            check_history(
                [event.state for event in history],
                attempts=[event.attempt for event in history],
                times=[event.time for event in history],
            ),
        )
        for place, history in histories.items()
    ]
    return [(place, step) for place, step in found if step is not None]


def error_of(exc: Exception) -> ErrorInfo:
    kind = type(exc)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return ErrorInfo(type=f"{module}{kind.__qualname__}", message=str(exc))


# ---- what an attempt leads to


@at_once
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (5, Success(result=5)),
        (None, Success(result=None)),
        (SUCCESS("ok"), Success(message="ok")),
        (SUCCESS("ok", result=5), Success(message="ok", result=5)),
        (SKIP("none"), Skipped(message="none")),
        (SKIP("none", result=5), Skipped(message="none", result=5)),
        (FAIL("no"), Failed(message="no")),
        (FAIL("no", retryable=False), Failed(message="no", retryable=False)),
        (TIMEOUT("late"), TimedOut(message="late")),
        (TRIGGERFAIL("no"), TriggerFailed(message="no")),
        (CRASH("gone"), Crashed(message="gone")),
        (CANCEL("stop"), Cancelled(message="stop")),
        (CACHE("old", result=5), bare(type(CACHE().state), message="old", result=5)),
        (MAP(children=(Success(result=1),)), Mapped(children=(Success(result=1),))),
        (PAUSE("look"), Paused(message="look")),
        (QUARANTINE("odd", path="x"), Quarantined(message="odd", path="x")),
        (PARTIAL(result=5, missing=("a",)), Partial(result=5, missing=("a",))),
        (RETRY("busy"), Failed(message="busy")),
        (THROTTLE("busy"), Failed(message="busy")),
        (ValueError("x"), Failed(message="raised ValueError", causes=(ErrorInfo(type="ValueError", message="x"),))),
    ],
    ids=repr,
)
def test_an_attempt_and_its_state(step: Any, expected: State[Any]) -> None:
    """What a task returns or raises is its state; without retries nothing is tried again."""
    fn = scripted("work", step)
    state, events, _ = run_alone(fn)
    assert (type(expected), expected, 1) == (type(state), state, fn.script.calls)
    assert ["Pending", "Running", expected.type] == [event.state.type for event in events]


@at_once
@pytest.mark.parametrize("kind", [kind for kind in KINDS if issubclass(kind, Finished)], ids=lambda one: one.__name__)
def test_raised_and_returned_states_take_one_path(kind: Any) -> None:
    """A final state is the outcome whether it is raised by its signal or returned."""
    for state in (bare(kind), full(kind)):
        raised, _, _ = run_alone(scripted("work", signal_of(state)))
        returned, _, _ = run_alone(scripted("work", state))
        assert (state, state) == (raised, returned)


ILLEGAL = {
    "PEND": PEND(),
    "QUEUE": QUEUE(state=Pending()),
    "SUBMIT": SUBMIT(state=Pending()),
    "START": START(),
    "STOP": STOP(),
}


@at_once
@pytest.mark.parametrize("signal", ILLEGAL.values(), ids=ILLEGAL)
@pytest.mark.parametrize("returned", [False, True], ids=["raised", "returned"])
def test_a_signal_that_no_task_may_raise(signal: Signal[Any], returned: bool) -> None:
    """PEND, QUEUE, SUBMIT, START and STOP are not a task's to raise: it fails with IllegalTransition, at once."""
    fn = scripted("work", signal.state if returned else signal, retries=3)
    state, events, clock = run_alone(fn)
    possible = [kind.__name__ for kind in successors(Running)]
    error = IllegalTransition("Running", type(signal.state).__name__, possible)
    assert (Failed, error_of(error).type) == (type(state), state.causes[0].type)
    assert f"Running -> {type(signal.state).__name__} is not allowed" in state.causes[0].message
    assert (1, [], []) == (fn.script.calls, clock.slept, illegal_histories(events))


def test_except_exception_lets_a_skip_pass() -> None:
    """A task that swallows every Exception still skips; in the ancestor it could not."""

    @task
    def work() -> int:
        try:
            raise SKIP("no new rows")
        except Exception:
            return 5

    assert Skipped(message="no new rows") == run_alone(work)[0]


def test_a_group_is_one_outcome() -> None:
    """A group of signals and exceptions gives their combination."""
    fn = scripted("work", BaseExceptionGroup("g", [SKIP("a"), TIMEOUT("b")]))
    assert TimedOut(message="b") == run_alone(fn)[0]


def test_a_cause_is_kept() -> None:
    """``raise FAIL(...) from exc`` keeps the exception as text."""

    @task
    def work() -> None:
        try:
            raise ValueError("no such day")
        except ValueError as exc:
            raise FAIL("no") from exc

    expected = Failed(message="no", causes=(ErrorInfo(type="ValueError", message="no such day"),))
    assert expected == run_alone(work)[0]


def test_redact_and_traceback_reach_the_causes() -> None:
    """``redact=`` and ``traceback=`` of a run are those of `capture`, for every task and child."""

    @task
    def work(number: int) -> None:
        raise ValueError("s3cret")

    with Flow("f") as flow:
        alone, mapped = work(1), flow.map(work, [1])
    run = flow.run(redact=lambda text: text.replace("s3cret", "***"), traceback=True)
    assert "s3cret" not in repr([run[alone], run[mapped]])
    assert [True] == [cause.traceback is not None for cause in run[alone].causes]
    assert None is flow.run()[alone].causes[0].traceback


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_outcome_passes_through(kind: type[BaseException]) -> None:
    """KeyboardInterrupt and its like end the run as they are, and leave nothing behind: flows can be built and run."""
    with Flow("f") as flow:
        scripted("work", kind("x"))()
    with pytest.raises(kind):
        flow.run()
    with Flow("other") as other:
        scripted("more", 1)()
    assert Success() == other.run().state


# ---- retries


def test_a_retry_is_tried_again() -> None:
    """RETRY runs the task again, as long as retries are left; each attempt is told."""
    state, events, clock = run_alone(scripted("work", RETRY("busy"), RETRY("busy"), 5, retries=2))
    assert Success(result=5) == state
    expected = [
        ("work", None, 1, "Pending"),
        ("work", None, 1, "Running"),
        ("work", None, 2, "Retrying"),
        ("work", None, 2, "Running"),
        ("work", None, 3, "Retrying"),
        ("work", None, 3, "Running"),
        ("work", None, 3, "Success"),
    ]
    assert expected == told(events)
    waiting = [event.state for event in events if isinstance(event.state, Retrying)]
    assert [Retrying(message="busy", start_time=clock.now, run_count=count) for count in (1, 2)] == waiting
    assert [] == illegal_histories(events)


@at_once
@pytest.mark.parametrize(
    "step", [RETRY("no"), FAIL("no"), TIMEOUT("no"), CRASH("no"), ValueError("no"), Failed()], ids=repr
)
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_every_failure_counts_against_retries(step: Any, retries: int) -> None:
    """RETRY, FAIL and its kinds and every exception are tried again ``retries`` times, and no more."""
    fn = scripted("work", step, retries=retries)
    state, events, _ = run_alone(fn)
    assert (True, retries + 1) == (isinstance(state, Failed), fn.script.calls)
    counts = [event.state.run_count for event in events if isinstance(event.state, Retrying)]
    assert (list(range(1, retries + 1)), []) == (counts, illegal_histories(events))


@at_once
@pytest.mark.parametrize(
    "step",
    [FAIL("no", retryable=False), TRIGGERFAIL("no"), SKIP("no"), SUCCESS("ok"), CANCEL("no"), PAUSE("look"), 5],
    ids=repr,
)
def test_what_is_not_tried_again(step: Any) -> None:
    """``FAIL(retryable=False)``, TRIGGERFAIL, SKIP, SUCCESS, CANCEL and PAUSE use no retry."""
    fn = scripted("work", step, retries=3)
    run_alone(fn)
    assert 1 == fn.script.calls


def test_a_retry_with_none_left() -> None:
    """A RETRY with no retries left becomes Failed, with its message and causes; in the ancestor it looped for ever."""

    @task(retries=1)
    def work() -> None:
        raise RETRY("busy", causes=(CAUSE,)) from OSError("disk")

    expected = Failed(message="busy", causes=(CAUSE, ErrorInfo(type="OSError", message="disk")))
    assert expected == run_alone(work)[0]


def test_the_last_failure_is_kept() -> None:
    """With no retries left a failure is itself, a user's own with its fields."""
    state, _, _ = run_alone(scripted("work", ValueError("x"), QUARANTINE("odd", path="x"), retries=1))
    assert Quarantined(message="odd", path="x") == state


def test_what_failed_is_told_while_it_is_tried_again() -> None:
    """The state between two attempts has the message and the causes of the one that failed."""
    _, events, _ = run_alone(scripted("work", ValueError("x"), 5, retries=1))
    (waiting,) = [event.state for event in events if isinstance(event.state, Retrying)]
    cause = ErrorInfo(type="ValueError", message="x")
    assert ("raised ValueError", (cause,)) == (waiting.message, waiting.causes)


@pytest.mark.parametrize("delay", [30, 30.0, timedelta(seconds=30)])
def test_a_delay_before_each_attempt(delay: Any) -> None:
    """``retry_delay`` is waited for, in seconds or as a timedelta, by the clock that is given."""
    state, events, clock = run_alone(scripted("work", RETRY(), FAIL(), 5, retries=2, retry_delay=delay))
    assert (Success(result=5), [30.0, 30.0]) == (state, clock.slept)
    starts = [event.state.start_time for event in events if isinstance(event.state, Retrying)]
    begin = Clock().now
    assert [begin + timedelta(seconds=30), begin + timedelta(seconds=60)] == starts


def test_a_retry_that_says_when() -> None:
    """``RETRY(start_time=...)`` is waited for instead of the task's delay; what is past is not waited for."""
    begin = Clock().now
    later = RETRY(start_time=begin + timedelta(hours=1))
    past = RETRY(start_time=begin - timedelta(hours=1))
    assert [3600.0] == run_alone(scripted("work", later, 5, retries=1, retry_delay=5))[2].slept
    assert [] == run_alone(scripted("work", past, 5, retries=1, retry_delay=5))[2].slept


def test_no_delay_is_no_wait() -> None:
    """Without a delay nobody sleeps."""
    assert [] == run_alone(scripted("work", RETRY(), 5, retries=1))[2].slept


def test_others_run_while_one_waits() -> None:
    """A task that waits for its next attempt does not hold up another."""
    order: list[str] = []
    clock = Clock()
    with Flow("f") as flow:
        scripted("slow", RETRY(), lambda: order.append("slow"), retries=1, retry_delay=60)()
        scripted("quick", lambda: order.append("quick"))()
    flow.run(clock=clock, sleep=clock.sleep)
    assert ["quick", "slow"] == order


def test_the_next_to_start_is_waited_for() -> None:
    """Of several tasks that wait, the first to be due goes first, and no longer is slept than that."""
    order: list[str] = []
    clock = Clock()
    with Flow("f") as flow:
        for name, delay in (("c", 30), ("a", 10), ("b", 20)):
            scripted(name, RETRY(), lambda name=name: order.append(name), retries=1, retry_delay=delay)()
    flow.run(clock=clock, sleep=clock.sleep)
    assert (["a", "b", "c"], [10.0, 10.0, 10.0]) == (order, clock.slept)


def test_a_users_own_retry_keeps_its_class_and_fields() -> None:
    """THROTTLE is a retry, and the state in between is the Throttled that was raised, counted and stamped."""
    _, events, clock = run_alone(scripted("work", THROTTLE("busy", quota=7), 5, retries=1))
    (waiting,) = [event.state for event in events if isinstance(event.state, Retrying)]
    assert Throttled(message="busy", quota=7, run_count=1, start_time=clock.now) == waiting


@pytest.mark.parametrize("count", [5, 2])
def test_another_run_count_than_the_runners_is_refused(count: int) -> None:
    """`run_count` is the attempts already made: another is not kept, a cause says so, and the retry is not lost."""
    state, events, _ = run_alone(scripted("work", RETRY("busy", run_count=count), 5, retries=1))
    (waiting,) = [event.state for event in events if isinstance(event.state, Retrying)]
    told = f"run_count is {count}, and the runner counts 1; leave it out, since the runner counts"
    assert (1, "busy", [told]) == (waiting.run_count, waiting.message, [cause.message for cause in waiting.causes])
    assert Success(result=5) == state


def test_a_retry_with_another_count_and_none_left() -> None:
    """It is Failed with its message, as any RETRY, and the refusal is a cause."""
    state, _, _ = run_alone(scripted("work", RETRY("busy", run_count=3)))
    assert ("Failed", "busy", 1) == (state.type, state.message, len(state.causes))


def test_the_runners_own_count_may_be_given() -> None:
    """``RETRY(run_count=current().number)`` says what is so, and nothing is refused."""
    _, events, _ = run_alone(scripted("work", RETRY(), RETRY(run_count=2), 5, retries=2))
    waiting = [event.state for event in events if isinstance(event.state, Retrying)]
    assert [(1, ()), (2, ())] == [(state.run_count, state.causes) for state in waiting]


def test_another_loop_count_than_the_runners_is_refused() -> None:
    """`loop_count` is the iterations already made, by the same rule."""
    state, events, _ = run_alone(scripted("work", LOOP(loop_count=7), LOOP(loop_count=2), 5))
    loops = [event.state for event in events if isinstance(event.state, Looped)]
    assert ([(1, 1), (2, 0)], "Success") == ([(loop.loop_count, len(loop.causes)) for loop in loops], state.type)


# ---- which exceptions are tried again


def attempts(events: list[Event]) -> int:
    return sum(isinstance(event.state, Running) for event in events)


@pytest.mark.parametrize("executor", [None, "threads"], ids=["in line", "in threads"])
@pytest.mark.parametrize("is_async", [False, True], ids=["a function", "a coroutine"])
def test_only_what_retry_on_names_is_tried_again(executor: Any, is_async: bool) -> None:
    """A subclass is tried again, any other exception fails at once, with retries left."""
    raised = [ConnectionError("busy"), ValueError("no such table")]

    def work() -> int:
        raise raised[current().number - 1]

    async def awaited() -> int:
        return work()

    made: Any = task(retries=5, retry_on=(OSError, LookupError))(awaited if is_async else work)
    state, events, _ = run_alone(made, executor=executor)
    assert (2, "raised ValueError", False) == (attempts(events), state.message, state.retryable)


@pytest.mark.parametrize("step", [RETRY("no"), FAIL("no"), TIMEOUT("no"), Failed()], ids=repr)
def test_signals_and_states_say_for_themselves(step: Any) -> None:
    """`retry_on` speaks of exceptions alone."""
    _, events, _ = run_alone(scripted("work", step, retries=2, retry_on=OSError))
    assert 3 == attempts(events)


def test_a_timeout_is_no_exception_of_the_task() -> None:
    """It counts against `retries` whatever `retry_on` names."""
    state, events, _ = run_alone(task(retries=1, retry_on=KeyError, timeout=0.01)(lambda: time.sleep(0.1)))
    assert ("TimedOut", 2) == (state.type, attempts(events))


def test_retry_on_holds_for_what_a_handler_raises() -> None:
    """An exception of a handler is the outcome of the attempt, and judged as one of its function."""

    def heeded(old: State[Any], new: State[Any]) -> None:
        if isinstance(new, Success):
            raise ValueError("not so good")

    _, events, _ = run_alone(scripted("work", 1, retries=2, retry_on=OSError, handlers=[heeded]))
    assert 1 == attempts(events)


def test_children_are_tried_again_apart() -> None:
    """Each child of a mapped task has its own retries."""
    calls: list[int] = []

    @task(retries=1)
    def work(number: int) -> int:
        calls.append(number)
        if calls.count(number) == 1:
            raise RETRY
        return number

    with Flow("f") as flow:
        node = flow.map(work, [1, 2, 3])
    assert [1, 2, 3] == flow.run()[node].unwrap()
    assert [1, 1, 2, 2, 3, 3] == sorted(calls)


# ---- before an attempt: arguments that cannot be made


class Raising:
    """Cannot be hashed, so that no set of it can be made: what it is asked is to be raised instead."""

    def __init__(self, exc: BaseException) -> None:
        self.exc = exc

    def __hash__(self) -> int:
        raise self.exc


def in_a_set(exc: BaseException, **options: Any) -> tuple[Flow, Any, Any]:
    """Return a flow, a task whose argument is a set that cannot be made, and its node."""
    fn = scripted("work", 5, **options)
    with Flow("f") as flow:
        node = fn({scripted("source", Raising(exc))()})
    return flow, fn, node


def test_arguments_that_cannot_be_made() -> None:
    """They fail the task before it is Running, at once and for good: its inputs are final, so retries are not used."""
    clock, events = Clock(), list[Event]()
    flow, fn, node = in_a_set(TypeError("unhashable"), retries=3)
    run = flow.run(clock=clock, sleep=clock.sleep, on_event=of_tasks(events))
    cause = ErrorInfo(type="TypeError", message="unhashable")
    assert Failed(message="raised TypeError", causes=(cause,), retryable=False) == run[node]
    assert (0, [], 0.0) == (fn.script.calls, clock.slept, list(run)[1].seconds)
    assert [("work", None, 1, "Pending"), ("work", None, 1, "Failed")] == [
        one for one in told(events) if one[0] == "work"
    ]


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (SKIP("none"), Skipped(message="none")),
        (QUARANTINE("odd", path="x"), Quarantined(message="odd", path="x")),
        (CANCEL("stop"), Cancelled(message="stop")),
        (PAUSE("look"), Paused(message="look")),
        (RETRY("busy"), Failed(message="busy", retryable=False)),
        (THROTTLE("busy"), Failed(message="busy", retryable=False)),
    ],
    ids=repr,
)
def test_a_signal_while_arguments_are_made(signal: Signal[Any], expected: State[Any]) -> None:
    """What may follow a task that has not begun is its state; a RETRY is a failure, as there is no second attempt."""
    flow, fn, node = in_a_set(signal, retries=3)
    state = flow.run()[node]
    assert (type(expected), expected, 0) == (type(state), state, fn.script.calls)


@at_once
@each_kind
def test_settle_unbegun_over_all_outcomes(kind: Any) -> None:
    """Whatever is raised before an attempt, what follows is final or a pause, allowed, and no success by mistake."""
    for source, outcome in product((Pending(), Retrying(start_time=NOON), bare(Queued)), (bare(kind), full(kind))):
        state = settle_unbegun(source, outcome)
        assert isinstance(state, (Finished, Paused))
        assert is_allowed(type(source), type(state))
        is_kept = is_allowed(type(source), kind) and issubclass(kind, (Finished, Paused)) and kind is not Failed
        assert is_kept == (state is outcome)
        assert (
            is_kept or (Failed, False) == (type(state), state.retryable) or state.causes[0].type.endswith("Transition")
        )


def test_items_that_cannot_be_told() -> None:
    """A mapped task whose items raise RETRY halfway fails, and is not left waiting for ever."""

    class Items:
        def __iter__(self) -> Iterator[int]:
            yield 1
            raise RETRY("busy")

    double = task(name="double", retries=3)(lambda number: number * 2)
    with Flow("f") as flow:
        node = flow.map(double, scripted("source", lambda: Items())())
    assert Failed(message="busy", retryable=False) == flow.run()[node]


def test_current_while_arguments_are_made() -> None:
    """No task is running then: neither the one that was before nor the one that will be."""
    seen: list[str] = []

    class Asking:
        def __hash__(self) -> int:
            with pytest.raises(LookupError):
                seen.append(current().task)
            return 0

    with Flow("f") as flow:
        node = scripted("work", 5)({scripted("source", Asking())()})
    assert (Success(result=5), []) == (flow.run()[node], seen)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (SkipPolicy.SUCCESS, [(1, "Pending"), (1, "Running"), (2, "Retrying"), (2, "Running"), (2, "Success")]),
        (SkipPolicy.PROPAGATE, [(1, "Pending"), (1, "Skipped")]),
        (SkipPolicy.FAILURE_FIRST, [(1, "Pending"), (1, "Skipped")]),
    ],
)
def test_a_skip_that_comes_late(policy: SkipPolicy, expected: list[tuple[int, str]]) -> None:
    """A policy waits for what may still be skipped before the first attempt; without one the task does not wait."""
    clock, events = Clock(), list[Event]()
    early = scripted("early", RETRY(), 5, retries=1, retry_delay=90, trigger=always_run, on_skip=policy)
    with Flow("f") as flow:
        slow = scripted("slow", RETRY(), SKIP("none"), retries=1, retry_delay=60)()
        node = early()
        flow.after(node, slow)
    flow.run(clock=clock, sleep=clock.sleep, on_event=of_tasks(events))
    assert expected == [(attempt, tag) for name, _, attempt, tag in told(events) if name == "early"]


def test_a_task_that_was_interrupted_is_scheduled_again() -> None:
    """A task in which a resumed run was interrupted is run once more by the next resumption, as another attempt."""
    events: list[Event] = []
    with Flow("f") as flow:
        node = scripted("work", PAUSE("look"), KeyboardInterrupt(), 5)()
    run = flow.run(on_event=of_tasks(events))
    with pytest.raises(KeyboardInterrupt):
        run.resume()
    assert Success(result=5) == run.resume()[node]
    assert [(2, "Running"), (3, "Scheduled"), (3, "Running"), (3, "Success")] == [
        (attempt, tag) for _, _, attempt, tag in told(events)[4:]
    ]
    assert [] == illegal_histories(events)


# ---- loops, schedules


def test_a_loop_hands_its_result_on() -> None:
    """LOOP runs the task again, with its result in ``current().loop_result``; it uses no retry."""

    @task
    def count() -> int:
        so_far = current().loop_result or 0
        if so_far == 3:
            return so_far
        raise LOOP(result=so_far + 1, loop_count=so_far + 1)

    state, events, clock = run_alone(count)
    assert (Success(result=3), []) == (state, clock.slept)
    loops = [event.state for event in events if event.state.type == "Looped"]
    assert [(1, 1), (2, 2), (3, 3)] == [(state.result, state.loop_count) for state in loops]
    assert ([1, 1, 2, 2, 3, 3, 4, 4, 4], []) == ([event.attempt for event in events], illegal_histories(events))


def test_a_loop_does_not_use_up_retries() -> None:
    """Between two loops a failure is tried again as often as without them."""
    steps = [LOOP(result=1), FAIL(), LOOP(result=2), FAIL(), 5]
    assert Success(result=5) == run_alone(scripted("work", *steps, retries=2))[0]
    assert Failed(message="") == run_alone(scripted("work", *steps[:3], FAIL(""), retries=1))[0]


def test_the_first_attempt_has_no_loop_result() -> None:
    """Before the first LOOP there is none, and a retry of an iteration has that of the iteration."""
    seen: list[Any] = []
    look = functools.partial(lambda: seen.append(current().loop_result))
    run_alone(
        scripted("work", lambda: look() or _raise(LOOP(result=1)), lambda: look() or _raise(RETRY()), look, retries=1)
    )
    assert [None, 1, 1] == seen


def _raise(exc: BaseException) -> None:
    raise exc


def test_schedule_runs_again_at_its_time() -> None:
    """SCHEDULE runs the task again when its time has come, without using a retry; no time is as soon as possible."""
    begin = Clock().now
    at = begin + timedelta(seconds=90)
    state, events, clock = run_alone(scripted("work", SCHEDULE(start_time=at), SCHEDULE(), 5))
    assert (Success(result=5), [90.0]) == (state, clock.slept)
    assert [at, at] == [event.state.start_time for event in events if isinstance(event.state, Scheduled)]


# ---- current


def test_current_tells_a_task_where_it_is() -> None:
    """`current` gives run, task, index and attempt, of a child as of a task by itself."""
    seen: list[tuple[str, str, int | None, int]] = []

    @task(retries=1)
    def work(*numbers: int) -> None:
        at = current()
        seen.append((at.run, at.task, at.index, at.number))
        if at.number == 1:
            raise RETRY

    with Flow("f") as flow:
        work()
        flow.map(work, [7])
    run = flow.run()
    place = run.id
    assert [
        (place, "work", None, 1),
        (place, "work", None, 2),
        (place, "work-2", 0, 1),
        (place, "work-2", 0, 2),
    ] == seen


def test_current_outside_of_a_task() -> None:
    """After a run, however it ended, no task is running, and `current` is a LookupError."""
    run_alone(scripted("work", 1))
    with pytest.raises(LookupError, match="running task"):
        current()
    with pytest.raises(KeyboardInterrupt):
        run_alone(scripted("work", KeyboardInterrupt()))
    with pytest.raises(LookupError, match="running task"):
        current()


def test_current_after_a_flow_within_a_task() -> None:
    """A flow that a task runs leaves the task current."""
    with Flow("inner") as inner:
        scripted("inner work", 1)()

    @task
    def outer() -> str:
        inner.run()
        return current().task

    assert Success(result="outer") == run_alone(outer)[0]


def test_a_task_inside_a_running_task_is_the_function() -> None:
    """Called in a running task, a task runs at once; also where the flow is run while another one is built."""
    inner = task(lambda number: number + 1)
    outer = task(name="outer")(lambda: inner(1))
    with Flow("being built") as being_built:
        state, events, _ = run_alone(outer)
    assert (Success(result=2), {"outer"}) == (state, {event.task for event in events})
    assert 0 == len(being_built.run())


def test_a_task_may_build_and_run_a_flow() -> None:
    """A flow can be built and run within a task."""

    @task
    def outer() -> int:
        with Flow("inner") as inner:
            node = scripted("work", 5)()
        return inner.run()[node].unwrap()

    assert Success(result=5) == run_alone(outer)[0]


# ---- skipping


@at_once
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (SKIP("none"), Skipped(message="its input source was skipped and has no value")),
        (SKIP("none", result=5), Success(result=5)),
        (SKIP("none", result=None), Success(result=None)),
        (SUCCESS("ok"), TriggerFailed(message="its input source is Success and has no value")),
        (SUCCESS("ok", result=5), Success(result=5)),
        (Success(), TriggerFailed(message="its input source is Success and has no value")),
        (MAP("all"), TriggerFailed(message="its input source is Mapped and has no value")),
        (MAP(result=[7], children=(Skipped(),)), Success(result=[7])),
        (MAP(children=(Success(result=1), Success(result=2))), Success(result=[1, 2])),
        (PARTIAL("some", result=5), Success(result=5)),
        (FAIL("no"), TriggerFailed(message="trigger all_successful: 1 Failed")),
        (CANCEL("no"), TriggerFailed(message="trigger all_successful: 1 Cancelled")),
    ],
    ids=repr,
)
def test_a_value_that_is_taken(step: Any, expected: State[Any]) -> None:
    """A task gets the value that there is; without one it is Skipped where that was skipped, else TriggerFailed."""
    source, sink = scripted("source", step), scripted("sink", lambda value: value)
    with Flow("f") as flow:
        node = sink(source())
    assert expected == flow.run()[node]


@pytest.mark.parametrize("step", [SKIP("none"), SUCCESS("ok"), SUCCESS(result=5)], ids=repr)
def test_downstream_tasks_act_as_if_skipped_tasks_succeeded(step: Any) -> None:
    """A task that only waits for a skipped one runs, as does one that takes its state."""
    source, sink = scripted("source", step), scripted("sink", lambda *states: len(states))
    with Flow("f") as flow:
        node = source()
        waiting, taking = sink(), sink(state_of(node))
        flow.after(waiting, node)
    run = flow.run()
    assert [Success(result=0), Success(result=1)] == [run[waiting], run[taking]]


def test_a_skip_spreads_by_value_alone() -> None:
    """A chain of values behind a skip is skipped to its end, and each says why; the flow succeeds."""
    follow = task(name="follow")(lambda value: value)
    with Flow("f") as flow:
        first = follow(scripted("source", SKIP("none"))())
        second = follow(first)
    run = flow.run()
    assert Skipped(message="its input source was skipped and has no value") == run[first]
    assert Skipped(message="its input follow was skipped and has no value") == run[second]
    assert True is isinstance(run.state, Success)


def test_a_failure_with_a_value_can_be_taken() -> None:
    """A task whose trigger admits failures gets the result that a failure carries; without one it is TriggerFailed."""
    take = task(name="take", trigger=all_finished)(lambda value: value)
    with Flow("f") as flow:
        with_value = take(scripted("source", FAIL("no", result=5))())
        without = take(scripted("source", FAIL("no"))())
    run = flow.run()
    assert Success(result=5) == run[with_value]
    assert TriggerFailed(message="its input source-2 is Failed and has no value") == run[without]


POLICIES = {
    # upstream outcomes: what the task becomes by SUCCESS, PROPAGATE and FAILURE_FIRST
    "S": "run run run",
    "F": "TriggerFailed TriggerFailed TriggerFailed",
    "K": "run Skipped Skipped",
    "SK": "run Skipped Skipped",
    "SF": "TriggerFailed TriggerFailed TriggerFailed",
    "FK": "TriggerFailed Skipped TriggerFailed",
    "SFK": "TriggerFailed Skipped TriggerFailed",
    "": "run run run",
}


@at_once
@pytest.mark.parametrize("outcomes", POLICIES)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["SUCCESS", "PROPAGATE", "FAILURE_FIRST"])
def test_skip_policies(outcomes: str, place: int) -> None:
    """What upstreams that succeeded (S), failed (F) and were skipped (K) make of a task, by its policy."""
    policy = [SkipPolicy.SUCCESS, SkipPolicy.PROPAGATE, SkipPolicy.FAILURE_FIRST][place]
    steps = {"S": 1, "F": FAIL("no"), "K": SKIP("none")}
    fn = scripted("sink", 5, on_skip=policy)
    with Flow("f") as flow:
        upstream = [scripted(letter, steps[letter])() for letter in outcomes]
        node = fn()
        flow.after(node, *upstream)
    expected = POLICIES[outcomes].split()[place]
    state = flow.run()[node]
    assert (expected, int(expected == "run")) == ("run" if state == Success(result=5) else state.type, fn.script.calls)


def test_a_policy_looks_at_children() -> None:
    """One skipped child of a mapped upstream is a skipped upstream."""
    half = task(name="half")(lambda number: _raise(SKIP("none")) if number else number)
    with Flow("f") as flow:
        mapped = flow.map(half, [0, 1])
        usual = scripted("usual", 5)()
        propagating = scripted("propagating", 5, on_skip=SkipPolicy.PROPAGATE)()
        for node in (usual, propagating):
            flow.after(node, mapped)
    run = flow.run()
    assert ["Success", "Skipped"] == [run[usual].type, run[propagating].type]


# ---- triggers


@at_once
@pytest.mark.parametrize(
    ("trigger", "steps", "expected"),
    [
        (all_successful, [1, SKIP()], "Success"),
        (all_successful, [1, FAIL()], "TriggerFailed"),
        (all_successful.otherwise(SKIP), [1, FAIL()], "Skipped"),
        (all_successful.otherwise(PAUSE), [1, FAIL()], "Paused"),
        (any_failed, [1, FAIL()], "Success"),
        (any_failed, [1, 2], "TriggerFailed"),
        (any_failed.otherwise(SKIP), [1, 2], "Skipped"),
        (all_finished, [FAIL(), CANCEL()], "Success"),
        (always_run, [FAIL(), PAUSE()], "Success"),
        (manual_only, [1, 2], "Paused"),
        (manual_only, [], "Paused"),
    ],
)
def test_a_trigger_decides(trigger: Any, steps: list[Any], expected: str) -> None:
    """A task runs as its trigger says; its function is not called where it does not run."""
    fn = scripted("sink", 5, trigger=trigger)
    with Flow("f") as flow:
        upstream = [scripted(f"source{index}", step)() for index, step in enumerate(steps)]
        node = fn()
        flow.after(node, *upstream)
    events: list[Event] = []
    assert expected == flow.run(on_event=of_tasks(events))[node].type
    assert (int(expected == "Success"), []) == (fn.script.calls, illegal_histories(events))


def test_a_refusal_says_what_was_upstream() -> None:
    """A task that its trigger does not let run tells the trigger's name and the tally of what it saw."""
    half = task(name="half")(lambda number: 1 // number)
    with Flow("f") as flow:
        mapped = flow.map(half, [1, 0, 1])
        node = scripted("sink", 5)()
        flow.after(node, mapped)
    assert TriggerFailed(message="trigger all_successful: 2 Success, 1 Failed") == flow.run()[node]


def _waiting_and(step: Any, trigger: Any) -> tuple[list[str], State[Any]]:
    """Run a task behind one that waits a minute for its second attempt and one that is done at once."""
    clock, events = Clock(), list[Event]()
    with Flow("f") as flow:
        slow = scripted("slow", RETRY(), 1, retries=1, retry_delay=60)()
        quick = scripted("quick", step)()
        node = scripted("sink", 5, trigger=trigger)()
        flow.after(node, slow, quick)
    run = flow.run(clock=clock, sleep=clock.sleep, on_event=of_tasks(events))
    ends = [event.task for event in events if isinstance(event.state, (Finished, Paused))]
    return ends, run[node]


def test_a_certain_verdict_does_not_wait() -> None:
    """A task runs when its trigger says RUN; upstreams that only order need not be finished."""
    assert (["quick", "sink", "slow"], Success(result=5)) == _waiting_and(FAIL(), any_failed)


@pytest.mark.parametrize(("signal", "tag"), [(FAIL, "TriggerFailed"), (SKIP, "Skipped"), (PAUSE, "Paused")])
def test_a_refusal_acts_at_once(signal: Any, tag: str) -> None:
    """FAIL, SKIP and PAUSE act as soon as they are certain, whatever is still running."""
    ends, state = _waiting_and(FAIL(), all_successful.otherwise(signal))
    assert (["quick", "sink", "slow"], tag) == (ends, state.type)


def test_a_verdict_that_is_not_certain_waits() -> None:
    """While the verdict may turn out either way the task waits."""
    assert (["quick", "slow", "sink"], Success(result=5)) == _waiting_and(1, all_successful)


# ---- one fails, others go on


def test_a_failure_does_not_stop_others() -> None:
    """Tasks that do not depend on the one that failed run; those that do are TriggerFailed, to the end."""
    follow = task(name="follow")(lambda value: value)
    with Flow("f") as flow:
        bad = scripted("bad", ValueError("x"))()
        behind = follow(follow(bad))
        good = follow(scripted("good", 5)())
    run = flow.run()
    assert ["Failed", "TriggerFailed", "Success"] == [run[node].type for node in (bad, behind, good)]


def test_a_failing_child_does_not_stop_others() -> None:
    """The other children of a mapped task run; it is MapFailed, holds all their states, and has no value."""
    half = task(name="half")(lambda number: 6 // number)
    with Flow("f") as flow:
        mapped = flow.map(half, [1, 0, 3])
        again = flow.map(half, mapped)
        taking = task(lambda values: values)(mapped)
    run = flow.run()
    assert ["Success", "Failed", "Success"] == [child.type for child in run.children(mapped)]
    assert ["Success", "TriggerFailed", "Success"] == [child.type for child in run.children(again)]
    assert ("MapFailed", "MapFailed", "TriggerFailed") == (run[mapped].type, run[again].type, run[taking].type)
    assert not run[mapped].has_result
    assert "Failed" == run.state.type


def test_what_cannot_be_mapped_over_fails() -> None:
    """A value that is no list fails the mapped task, with the error as its cause."""
    double = task(name="double")(lambda number: number * 2)
    with Flow("f") as flow:
        mapped = flow.map(double, scripted("source", 5)())
    state = flow.run()[mapped]
    assert (Failed, ["TypeError"]) == (type(state), [cause.type for cause in state.causes])


def test_a_mapped_task_behind_a_failure() -> None:
    """Without items there are no children; with items each is refused what all of them need."""
    double = task(name="double")(lambda number, by=2: number * by)
    with Flow("f") as flow:
        bad = scripted("bad", FAIL("no"))()
        over, constant = flow.map(double, bad), flow.map(functools.partial(double, by=bad), [1, 2])
        skipped = flow.map(double, scripted("skipped", SKIP("none"))())
    run = flow.run()
    assert ["TriggerFailed", "MapFailed", "Skipped"] == [run[node].type for node in (over, constant, skipped)]
    assert [(), ("TriggerFailed", "TriggerFailed"), ()] == [
        tuple(child.type for child in run.children(node)) for node in (over, constant, skipped)
    ]


def test_a_child_whose_input_was_skipped() -> None:
    """Over a mapped node each child takes its own input: one that was skipped skips its child alone."""
    odd = task(name="odd")(lambda number: number if number % 2 else _raise(SKIP("even")))
    double = task(name="double")(lambda number: number * 2)
    with Flow("f") as flow:
        node = flow.map(double, flow.map(odd, [1, 2, 3]))
        collected = task(lambda values: values)(node)
    run = flow.run()
    children = run[node].children  # type: ignore[union-attr]  # a Mapped
    assert ["Success", "Skipped", "Success"] == [child.type for child in children]
    assert ("Skipped", Success) == (run[collected].type, type(run.state).__mro__[1])


# ---- pausing and resuming


def test_a_pause_stops_what_is_behind_it() -> None:
    """A paused task holds up what needs it and nothing else; the flow is Paused."""
    follow = task(name="follow")(lambda value: value)
    with Flow("f") as flow:
        paused = scripted("look", PAUSE("look at it"), 5)()
        behind = follow(paused)
        apart = scripted("apart", 1)()
    run = flow.run()
    assert ["Paused", "Pending", "Success"] == [run[node].type for node in (paused, behind, apart)]
    assert Paused(message="look at it") == run.state


def test_a_resumed_task_goes_on() -> None:
    """`resume` releases a paused task: it runs again, and then what is behind it; what is finished is not run again."""
    events: list[Event] = []
    clock = Clock()
    before, look = scripted("before", 1), scripted("look", PAUSE("look at it"), 5)
    with Flow("f") as flow:
        done = before()
        paused = look()
        flow.after(paused, done)
        behind = task(name="behind")(lambda value: value + 1)(paused)
    run = flow.run(on_event=of_tasks(events), clock=clock, sleep=clock.sleep)
    told_before = len(events)
    assert run is run.resume()
    assert (Success(), Success(result=6), 1, 2) == (run.state, run[behind], before.script.calls, look.script.calls)
    expected = [
        ("look", None, 2, "Resume"),
        ("look", None, 2, "Running"),
        ("look", None, 2, "Success"),
        ("behind", None, 1, "Running"),
        ("behind", None, 1, "Success"),
    ]
    assert expected == told(events[told_before:])
    assert [] == illegal_histories(events)


def test_manual_only_runs_once_it_is_resumed() -> None:
    """`manual_only` pauses until the task is resumed, also without upstreams, and then passes, retries included."""
    fn = scripted("deploy", RETRY(), 5, trigger=manual_only, retries=1)
    events: list[Event] = []
    with Flow("f") as flow:
        node = fn()
    run = flow.run(on_event=of_tasks(events))
    assert (Paused(message="trigger manual_only: no upstream"), 0) == (run[node], fn.script.calls)
    run.resume(node)
    assert (Success(result=5), 2, []) == (run[node], fn.script.calls, illegal_histories(events))


def flattened(run: Run) -> list[TaskRun]:
    return [one for whole in run for one in (whole, *whole.children)]


def test_manual_only_on_a_mapped_task() -> None:
    """Each child of a mapped task waits for a person; they are released with it."""
    double = task(name="double", trigger=manual_only)(lambda number: number * 2)
    with Flow("f") as flow:
        node = flow.map(double, [1, 2])
    run = flow.run()
    assert ["Pending", "Paused", "Paused"] == [one.state.type for one in flattened(run)]
    assert "Paused" == run.state.type
    run.resume(node)
    assert Success() == run.state
    assert [2, 4] == run[node].unwrap()


def test_a_paused_child_can_be_resumed() -> None:
    """A child that paused is released with its node; the children that are finished are not run again."""
    calls: list[int] = []

    @task
    def work(number: int) -> int:
        calls.append(number)
        if number == 2 and calls.count(2) == 1:
            raise PAUSE("look")
        return number

    with Flow("f") as flow:
        node = flow.map(work, [1, 2, 3])
        total = task(sum)(node)
    run = flow.run()
    assert ("Paused", "Pending") == (run.state.type, run[total].type)
    run.resume(node)
    assert (Success(result=6), [1, 2, 3, 2]) == (run[total], calls)


def test_one_of_two_is_resumed() -> None:
    """Nodes that are named are released, others stay paused."""
    with Flow("f") as flow:
        one, two = (scripted(name, PAUSE("look"), 5)() for name in ("one", "two"))
    run = flow.run()
    run.resume(two)
    assert ["Paused", "Success"] == [run[one].type, run[two].type]


def test_a_task_may_pause_again() -> None:
    """A task that pauses after it was resumed is paused again."""
    with Flow("f") as flow:
        node = scripted("work", PAUSE("one"), PAUSE("two"), 5)()
    run = flow.run()
    run.resume()
    assert Paused(message="two") == run[node]
    run.resume()
    assert Success(result=5) == run[node]


def test_what_is_not_paused_cannot_be_resumed() -> None:
    """Naming a node that is not paused is an error that says what it is, and releases nothing."""
    paused = scripted("work", PAUSE("look"), 5)
    with Flow("f") as flow:
        done, waiting = scripted("done", 1)(), paused()
    run = flow.run()
    with pytest.raises(FlowError, match="'done' is not paused, it is Success"):
        run.resume(waiting, done)
    assert ("Paused", 1) == (run[waiting].type, paused.script.calls)


def test_resuming_with_nothing_paused() -> None:
    """Nothing to release is nothing to do."""
    with Flow("f") as flow:
        node = scripted("work", 5)()
    events: list[Event] = []
    run = flow.run(on_event=of_tasks(events))
    before = len(events)
    assert Success(result=5) == run.resume()[node]
    assert before == len(events)


def test_a_paused_run_does_not_run_when_another_does() -> None:
    """Runs are apart: in the ancestor a paused run ran when another run started."""
    fn = scripted("work", PAUSE("look"))
    with Flow("f") as flow:
        node = fn()
    first, second = flow.run(), flow.run()
    assert ("Paused", "Paused", 2) == (first[node].type, second[node].type, fn.script.calls)


def test_a_failure_and_a_pause() -> None:
    """While something is paused the flow is Paused, whatever failed."""
    with Flow("f") as flow:
        scripted("bad", FAIL("no"))()
        scripted("look", PAUSE("look"))()
    assert "Paused" == flow.run().state.type


# ---- async


def test_a_coroutine_function_is_awaited() -> None:
    """An ``async def`` task is run to its end, with arguments, retries and signals as any other."""

    @task(retries=1)
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        if current().number == 1:
            raise RETRY
        return number * 2

    @task
    async def skip() -> int:
        await asyncio.sleep(0)
        raise SKIP("none")

    with Flow("f") as flow:
        doubled, mapped, skipped = work(work(3)), flow.map(work, [1, 2]), skip()
    run = flow.run()
    assert [Success(result=12), Skipped(message="none")] == [run[doubled], run[skipped]]
    assert [2, 4] == run[mapped].unwrap()


def test_a_task_group_in_a_task() -> None:
    """Signals that are raised in a TaskGroup within a task are combined."""

    async def fail(exc: BaseException) -> None:
        raise exc

    @task
    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(SKIP("a")))
            group.create_task(fail(FAIL("b")))

    assert Failed(message="b") == run_alone(work)[0]


def test_an_async_task_outside_a_flow_is_the_function() -> None:
    """Called outside a flow it gives a coroutine."""

    @task
    async def work() -> int:
        return 5

    coroutine: Any = work()
    assert 5 == asyncio.run(coroutine)


def test_a_flow_with_async_tasks_runs_within_an_event_loop() -> None:
    """A flow can be run from a notebook or a coroutine, where an event loop is running already."""

    @task
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    async def main() -> State[Any]:
        return run_alone(work)[0]

    assert Success(result=5) == asyncio.run(main())


# ---- events


def test_the_events_of_a_small_flow() -> None:
    """Every transition is told once, in order, with the run, the time and the attempt."""
    clock, events = Clock(), list[Event]()
    follow = task(name="follow")(lambda value: value)
    with Flow("f") as flow:
        follow(scripted("source", RETRY("busy"), 5, retries=1, retry_delay=60)())
        scripted("apart", SKIP("none"))()
    run = flow.run(on_event=of_tasks(events), clock=clock, sleep=clock.sleep)
    begin, later = clock.now - timedelta(seconds=60), clock.now
    expected = [
        ("source", 1, begin, Pending()),
        ("follow", 1, begin, Pending()),
        ("apart", 1, begin, Pending()),
        ("source", 1, begin, Running()),
        ("source", 2, begin, Retrying(message="busy", start_time=later)),
        ("apart", 1, begin, Running()),
        ("apart", 1, begin, Skipped(message="none")),
        ("source", 2, later, Running()),
        ("source", 2, later, Success(result=5)),
        ("follow", 1, later, Running()),
        ("follow", 1, later, Success(result=5)),
    ]
    assert [Event(run.id, name, None, attempt, at, state) for name, attempt, at, state in expected] == events


def test_the_events_of_a_mapped_task() -> None:
    """The node begins and ends, and between that each child, under the node's name and its own index."""
    events: list[Event] = []
    with Flow("f") as flow:
        flow.map(task(name="double")(lambda number: number * 2), [1, 2])
    flow.run(on_event=of_tasks(events))
    own = [event for event in events if event.index is None]
    assert [Pending(), Mapped(children=(Success(result=2), Success(result=4)), result=[2, 4])] == [e.state for e in own]
    assert [("double", 0, 1, "Running"), ("double", 0, 1, "Success")] == [
        place for place in told(events) if place[1] == 0 and place[3] != "Pending"
    ]


def busy_flow() -> Flow:
    """Return a flow in which everything happens."""
    half = task(name="half", retries=1)(lambda number: 6 // number)
    follow = task(name="follow")(lambda value: value)
    with Flow("busy") as flow:
        mapped = flow.map(half, [1, 0, 3])
        flow.map(half, mapped)
        follow(mapped)
        follow(scripted("skipped", SKIP("none"))())
        follow(scripted("failing", RETRY(), FAIL(), ValueError("x"), retries=1)())
        follow(scripted("looping", LOOP(result=1), 5)())
        follow(scripted("scheduled", SCHEDULE(), 5)())
        follow(scripted("paused", PAUSE("look"), 5)())
        follow(scripted("illegal", START())())
        scripted("manual", 5, trigger=manual_only)()
        task(name="report", trigger=all_finished)(len)(states_of(mapped))
    return flow


def test_every_tasks_history_is_legal() -> None:
    """The states of every task, from the first event to after a resume, pass `check_history`."""
    events: list[Event] = []
    busy_flow().run(on_event=of_tasks(events)).resume()
    assert [] == [found for found in illegal_histories(events) if found[0][1] is None]


def test_every_childs_history_is_legal() -> None:
    """So do those of every child of a mapped task: they begin Pending, too."""
    events: list[Event] = []
    busy_flow().run(on_event=of_tasks(events)).resume()
    assert [] == [found for found in illegal_histories(events) if found[0][1] is not None]


def failing_arguments() -> Flow:
    """Return a flow of tasks whose arguments cannot be made, each in another way."""
    work = task(name="work", retries=2)(lambda *values, **more: 5)
    one = task(name="one", retries=1)(lambda value, by=(): value)
    with Flow("arguments") as flow:
        rows = scripted("rows", [1, 2])()
        work({rows})
        work(1, by={(rows,): 1})
        flow.map(one, scripted("number", 5)())
        flow.map(functools.partial(one, by={rows}), rows)
        before = scripted("before", RETRY(), 1, retries=1)()
        flow.after(work({rows}), before)
    return flow


def signalling_arguments() -> Flow:
    """Return a flow of tasks of which an argument raises each signal while it is made, alone and over items."""
    work = task(name="work", retries=2)(lambda value: value)
    with Flow("signals") as flow:
        for kind in KINDS:
            exc = signal_of(bare(kind))
            work({scripted("source", Raising(exc))()})
            flow.map(work, scripted("items", lambda exc=exc: iter(lambda: _raise(exc), 0))())
    return flow


def many_signals() -> Flow:
    """Return a flow of tasks that raise each signal twice, alone and as children of a mapped task."""
    with Flow("signals") as flow:
        for kind in KINDS:
            for retries in (0, 1, 3):
                exc = signal_of(bare(kind))
                scripted(kind.__name__, exc, exc, 5, retries=retries)()
                flow.map(scripted(f"{kind.__name__}s", exc, exc, 5, retries=retries), [1, 2])
    return flow


def late_skips() -> Flow:
    """Return a flow of tasks that wait for their next attempt, or for a person, while what is upstream is skipped."""
    with Flow("skips") as flow:
        for policy in SkipPolicy:
            for first in (RETRY(), LOOP(result=1), SCHEDULE(), PAUSE("look")):
                slow = scripted("slow", RETRY(), SKIP("none"), retries=1, retry_delay=60)()
                flow.after(
                    scripted("early", first, 5, retries=1, retry_delay=90, trigger=always_run, on_skip=policy)(), slow
                )
                flow.after(scripted("behind", 5, trigger=manual_only, on_skip=policy)(), slow)
    return flow


@pytest.mark.parametrize(
    "make", [busy_flow, failing_arguments, signalling_arguments, many_signals, late_skips], ids=lambda one: one.__name__
)
def test_what_a_run_writes_is_a_log_without_fault(
    make: Callable[[], Flow], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`statesig history` finds no fault in the lines of any run: a history for each task, and one for the run."""
    flow, clock, lines = make(), Clock(), io.StringIO()
    run = flow.run(on_event=JsonLines(flow, lines, io.StringIO()), clock=clock, sleep=clock.sleep)
    for _ in range(3):
        run.resume()
    log = tmp_path / "log"
    log.write_text(lines.getvalue())
    code = main(["history", "--import", "tests.samples.kinds", str(log)])
    told = capsys.readouterr()
    assert (0, "", []) == (code, told.err, [line for line in told.out.splitlines()[:-1] if ": ok: " not in line])
    assert 1 + len(flow.nodes) == len(
        {line.split()[2].rstrip(":").partition("[")[0] for line in told.out.splitlines()[:-1]}
    )


def test_attempts_never_go_back() -> None:
    """In the order of events the attempts of a task rise by at most one, from 1."""
    events: list[Event] = []
    busy_flow().run(on_event=of_tasks(events)).resume()
    last: dict[tuple[str | None, int | None], int] = {}
    for event in events:
        before = last.get((event.task, event.index), 1)
        assert event.attempt in (before, before + 1), event
        last[event.task, event.index] = event.attempt


def test_the_last_event_is_the_state() -> None:
    """After the run each task's last event has the state that the run tells."""
    events: list[Event] = []
    run = busy_flow().run(on_event=of_tasks(events))
    last = {event.task: event.state for event in events if event.index is None}
    assert last == {one.name: one.state for one in run}


def test_all_events_are_of_one_run() -> None:
    """The events of a run have its id, and no other run has that."""
    events: list[Event] = []
    flow = busy_flow()
    one, two = flow.run(on_event=of_tasks(events)), flow.run()
    assert ({one.id}, True) == ({event.run for event in events}, one.id != two.id)


# ---- what a run tells


def test_a_run_is_asked_by_node() -> None:
    """``run[node]`` is the state of the node; what is no node of the flow is a FlowError."""
    with Flow("other"):
        foreign = scripted("foreign", 1)()
    with Flow("f") as flow:
        node = scripted("work", 5)()
    run = flow.run()
    assert Success(result=5) == run[node]
    for key in (foreign, 0, "work", None):
        with pytest.raises(FlowError, match="no node of this flow"):
            run[key]


def test_a_run_is_iterated_in_the_order_of_the_flow() -> None:
    """Iteration gives name, state, seconds and children of each task, whatever order they ran in."""
    with Flow("f") as flow:
        scripted("slow", RETRY(), 1, retries=1)()
        flow.map(task(name="double")(lambda number: number * 2), [1, 2])
        scripted("last", SKIP())()
    run = flow.run()
    assert (["slow", "double", "last"], 3) == ([one.name for one in run], len(run))
    assert ["Success", "Mapped", "Skipped"] == [one.state.type for one in run]
    (mapped,) = [one for one in run if one.children]
    assert [("double[0]", Success(result=2)), ("double[1]", Success(result=4))] == [
        (child.name, child.state) for child in mapped.children
    ]
    assert all(one.seconds >= 0 for one in run)
    assert sum(child.seconds for child in mapped.children) == pytest.approx(mapped.seconds)


@at_once
@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([1, 2], Success()),
        ([1, SKIP("none")], Success()),
        ([SKIP("none"), SKIP("none")], Skipped(message="none")),
        ([1, FAIL("no")], Failed(message="no")),
        ([FAIL("no"), CANCEL("stop")], Failed(message="no")),
        ([1, QUARANTINE("odd", path="x")], Failed(message="odd")),
        ([TIMEOUT("late"), CRASH("gone")], Failed()),
        ([FAIL("no"), PAUSE("look")], Paused(message="look")),
    ],
    ids=repr,
)
def test_the_state_of_a_flow_is_the_join_of_its_leaves(steps: list[Any], expected: State[Any]) -> None:
    """``run.state`` combines the leaves: the most severe decides."""
    with Flow("f") as flow:
        for index, step in enumerate(steps):
            scripted(f"work{index}", step)()
    assert (type(expected), expected) == (type(flow.run().state), flow.run().state)


def report(given: Any = None) -> int:
    return 1


@at_once
@pytest.mark.parametrize(
    "how", ["value of a success", "order", "state", "states", "state, but skipped", "state, but refused"]
)
@pytest.mark.parametrize("ends", ["failed", "cancelled", "one child failed"])
@pytest.mark.parametrize("executor", [None, "threads"])
def test_a_failure_that_nobody_handled_fails_the_run(how: str, ends: str, executor: Any) -> None:
    """A report that only comes after it hides nothing; a task that has begun with its state has handled it."""
    step = CANCEL("no") if ends == "cancelled" else FAIL("no")
    with Flow("f") as flow:
        fine, other = scripted("fine", 1)(), scripted("other", SKIP("none") if how.endswith("skipped") else 5)()
        bad = flow.map(scripted("bad", step, 1), [1, 2]) if ends == "one child failed" else scripted("bad", step)()
        trigger = every(Cancelled) if how.endswith("refused") else always_run
        policy = SkipPolicy.PROPAGATE if how.endswith("skipped") else SkipPolicy.SUCCESS
        last = task(name="report", trigger=trigger, on_skip=policy)(report)
        if how == "value of a success":
            flow.after(last(fine), bad)
        elif how == "order":
            flow.after(last(), bad)
        elif how == "states" and ends == "one child failed":
            last(states_of(bad))
        else:
            node = last(state_of(bad))
            if how.endswith(("skipped", "refused")):
                flow.after(node, other)
    run = flow.run(executor=executor)
    expected = Success if how in ("state", "states") else (Failed, Cancelled)
    assert isinstance(run.state, expected), run.state
    flow.reference(fine)
    assert Success() == flow.run(executor=executor).state


def test_a_failure_that_a_cached_task_handled(tmp_path: Path) -> None:
    """A task that reuses what an equal call made of a state has handled it: runs with a cache and without agree."""
    with Flow("f") as flow:
        node = task(name="report", trigger=always_run, cache_for=60)(report)(state_of(scripted("bad", FAIL("no"))()))
    runs = [flow.run(store=tmp_path / "runs.db") for _ in range(2)]
    assert [("Success", True), ("Cached", True)] == [(run[node].type, isinstance(run.state, Success)) for run in runs]


def test_reference_tasks_decide_instead() -> None:
    """``flow.reference(...)`` says which tasks decide."""
    with Flow("f") as flow:
        good, bad = scripted("good", 1)(), scripted("bad", FAIL("no"))()
        follow = scripted("follow", 1, trigger=all_finished)()
        flow.after(follow, good, bad)
    assert Failed(message="no") == flow.run().state
    flow.reference(follow)
    assert Success() == flow.run().state
    flow.reference(good, bad)
    assert Failed(message="no") == flow.run().state
    flow.reference(good)
    assert Success() == flow.run().state


def test_raise_for_state() -> None:
    """A run that succeeded raises nothing; another raises RunFailed, which names the tasks and their states."""
    with Flow("good") as good:
        scripted("work", 5)()
        scripted("skipped", SKIP())()
    assert None is good.run().raise_for_state()
    with Flow("bad") as bad:
        node = scripted("failing", FAIL("no"))()
        task(name="behind")(lambda value: value)(node)
        scripted("fine", 5)()
    with pytest.raises(RunFailed) as error:
        bad.run().raise_for_state()
    assert ("bad", "Failed") == (error.value.flow, error.value.state)
    assert (("failing", "Failed"), ("behind", "TriggerFailed")) == error.value.tasks[:2]
    assert "flow 'bad' is Failed: failing Failed (no), behind TriggerFailed (because failing: no)" == str(error.value)


def test_a_paused_run_did_not_succeed() -> None:
    """`raise_for_state` raises for a paused run, too."""
    with Flow("f") as flow:
        scripted("look", PAUSE("look"))()
    with pytest.raises(RunFailed, match="flow 'f' is Paused: look Paused"):
        flow.run().raise_for_state()


def test_a_long_list_of_failures_is_shortened() -> None:
    """Ten tasks are named, the others counted; the error keeps them all."""
    with Flow("f") as flow:
        for index in range(12):
            scripted(f"bad{index}", FAIL())()
    with pytest.raises(RunFailed, match=r"bad9 Failed and 2 more$") as error:
        flow.run().raise_for_state()
    assert 12 == len(error.value.tasks)


# ---- decide and settle, as pure functions


def nodes() -> dict[str, Any]:
    """Return a node of each way to have one upstream, with the default trigger."""
    with Flow("f") as flow:
        source = scripted("source", 1)()
        scripted("value", 1)(source)
        scripted("state", 1)(state_of(source))
        flow.after(scripted("order", 1)(), source)
    return {node.name: node for node in flow.nodes[1:]}


NODES = nodes()
AT_REST = (Finished, Paused, Running, Cancelling)


@at_once
@pytest.mark.parametrize("kind", one_in(2, KINDS, others=pytest.mark.thorough), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("way", NODES)
def test_decide_over_all_states_and_upstreams(kind: Any, way: str) -> None:
    """For every state and upstream: it never raises, changes nothing, and whatever it says the table allows.

    A final or paused task waits, and so does one that is running already or being stopped.
    """
    for upstream, resumed, now in product(KINDS, (False, True), (None, NOON, NOON + timedelta(days=1))):
        for state, given in product((bare(kind), full(kind)), (bare(upstream), full(upstream))):
            decision = decide(NODES[way], state, [given], resumed=resumed, now=now)
            assert decision == decide(NODES[way], state, [given], resumed=resumed, now=now)
            if isinstance(state, AT_REST):
                assert Wait() == decision, (state, given)
            elif isinstance(decision, Become):
                assert is_allowed(kind, type(decision.state)), (state, given, decision)
            elif isinstance(decision, Execute):
                assert is_allowed(kind, Running)
            else:
                assert isinstance(decision, Wait)


def expected_decision(way: str, upstream: State[Any]) -> str:
    """Restate for the default trigger what one upstream makes of a task that is ready."""
    if isinstance(upstream, Mapped):
        leaves: tuple[State[Any], ...] = upstream.children or (Success(),)
    else:
        leaves = (upstream,)
    if any(isinstance(leaf, Finished) and not isinstance(leaf, Success) for leaf in leaves):
        return "TriggerFailed"
    if not isinstance(upstream, Finished):
        return "wait"
    if way != "value" or upstream.has_result or (isinstance(upstream, Mapped) and upstream.children == ()):
        return "execute"
    skipped = any(isinstance(leaf, Skipped) for leaf in leaves)
    return "Skipped" if skipped else "TriggerFailed"


@at_once
@each_kind
@pytest.mark.parametrize("way", NODES)
def test_decide_for_a_task_that_is_ready(kind: Any, way: str) -> None:
    """With the default trigger: execute, wait, TriggerFailed or Skipped, as the contract says of one upstream."""
    for upstream in (bare(kind), full(kind)):
        if isinstance(upstream, Mapped) and not upstream.has_result:
            continue  # whether an empty Mapped that was given no result has a value is not said
        decision = decide(NODES[way], Pending(), [upstream])
        names = {Execute: "execute", Wait: "wait"}
        actual = decision.state.type if isinstance(decision, Become) else names[type(decision)]
        assert expected_decision(way, upstream) == actual, upstream


@pytest.mark.parametrize("kind", [kind for kind in KINDS if issubclass(kind, Scheduled)], ids=lambda one: one.__name__)
def test_decide_and_the_start_time(kind: Any) -> None:
    """Before its start time a task waits until then; at it, past it and without one it runs."""
    node = NODES["order"]
    state, done = bare(kind, start_time=NOON), [Success(result=1)]
    assert Wait(NOON) == decide(node, state, done, now=NOON - timedelta(seconds=1))
    assert Execute() == decide(node, state, done, now=NOON)
    assert Execute() == decide(node, state, done, now=NOON + timedelta(seconds=1))
    assert Execute() == decide(node, bare(kind), done, now=NOON)


def no_settling(outcome: State[Any], retries: int, failures: int) -> State[Any]:
    """Restate what an attempt leads to, for a task with a delay of ten seconds, at noon."""
    in_ten = NOON + timedelta(seconds=10)
    if isinstance(outcome, Retrying):
        if outcome.run_count not in (1, failures):
            told = f"run_count is {outcome.run_count}, and the runner counts {failures}; leave it out, since the runner"
            refusal = ErrorInfo(type="ValueError", message=f"{told} counts")
            outcome = outcome.model_copy(update={"causes": (*outcome.causes, refusal)})
        if failures > retries:
            return Failed(message=outcome.message, causes=outcome.causes)
        return outcome.model_copy(update={"start_time": outcome.start_time or in_ten, "run_count": failures})
    if isinstance(outcome, Failed) and outcome.retryable and failures <= retries:
        return Retrying(message=outcome.message, causes=outcome.causes, start_time=in_ten, run_count=failures)
    if isinstance(outcome, Scheduled) and outcome.start_time is None:
        return outcome.model_copy(update={"start_time": NOON})
    return outcome


NOT_A_TASKS = (Pending, Queued, Submitted, Running, Cancelling)


@at_once
@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if kind not in NOT_A_TASKS and kind is not Throttled],
    ids=lambda kind: kind.__name__,
)
def test_settle_over_all_outcomes(kind: Any) -> None:
    """For every outcome, count of retries and of failures: what is restated above, with results but for a retry's."""
    for retries, failures in product((0, 1, 2), (1, 2, 3)):
        work = task(retries=retries, retry_delay=10)(lambda: None)
        for outcome in (bare(kind), full(kind)):
            expected = no_settling(outcome, retries, failures)
            actual = settle(work, outcome, failures, NOON)
            ignored = {"result"} if isinstance(expected, Retrying) else set()
            assert type(expected) is type(actual)
            assert {n: v for n, v in expected if n not in ignored} == {n: v for n, v in actual if n not in ignored}
            assert is_allowed(Running, type(actual))


@pytest.mark.parametrize("kind", NOT_A_TASKS, ids=lambda kind: kind.__name__)
def test_settle_refuses_what_is_not_a_tasks(kind: Any) -> None:
    """An outcome that no task may leave is a failure with IllegalTransition among its causes, retries or not."""
    for retries in (0, 3):
        for outcome in (bare(kind), full(kind)):
            state = settle(task(retries=retries)(lambda: None), outcome, 1, NOON)
            assert (Failed, ["statesig.errors.IllegalTransition"]) == (type(state), [one.type for one in state.causes])


@at_once
@each_kind
def test_settle_changes_nothing(kind: Any) -> None:
    """The outcome is afterwards what it was."""
    outcome = full(kind)
    settle(task(retries=1)(lambda: None), outcome, 1, NOON)
    assert full(kind) == outcome


# ---- size


def test_a_chain_of_ten_thousand() -> None:
    """A long chain of values runs without recursion."""
    increment = task(name="increment")(lambda number: number + 1)
    with Flow("chain") as flow:
        node = increment(0)
        for _ in range(9_999):
            node = increment(node)
    run = flow.run()
    assert (Success(result=10_000), Success()) == (run[node], run.state)


def test_a_failure_spreads_along_a_chain_of_ten_thousand() -> None:
    """What is behind a failure is TriggerFailed to the end of a long chain."""
    increment = task(name="increment")(lambda number: number + 1)
    with Flow("chain") as flow:
        first = node = scripted("bad", FAIL("no"))()
        for _ in range(9_999):
            node = increment(node)
    run = flow.run()
    assert ("Failed", "TriggerFailed") == (run[first].type, run[node].type)


def test_a_fan_out_of_ten_thousand() -> None:
    """Ten thousand tasks behind one, and one behind all of them, by value, by state and by order."""
    increment = task(name="increment")(lambda number: number + 1)
    with Flow("fan") as flow:
        source = scripted("source", 0)()
        fan = [increment(source) for _ in range(10_000)]
        total = task(name="total")(sum)(fan)
        states = task(name="states")(len)([state_of(node) for node in fan])
        later = scripted("later", "done")()
        flow.after(later, *fan)
    run = flow.run()
    assert [10_000, 10_000, "done"] == [run[node].unwrap() for node in (total, states, later)]


def test_a_map_of_ten_thousand() -> None:
    """Ten thousand children, mapped over once more."""
    double = task(name="double")(lambda number: number * 2)
    with Flow("map") as flow:
        node = flow.map(double, flow.map(double, range(10_000)))
    run = flow.run()
    assert (10_000, 39_996) == (len(run[node].unwrap()), run[node].unwrap()[-1])


def calls_of(fn: Callable[[], object]) -> int:
    """Return how many functions a function calls, itself and by others."""
    count = 0

    def seen(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        fn()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("failing", [False, True])
def test_a_wide_fan_in_is_linear(failing: bool) -> None:
    """Eight times the upstreams take eight times the steps, also where one of them failed."""

    def flow_of(width: int) -> Flow:
        with Flow("fan in") as flow:
            fan = [scripted("bad", FAIL())() if failing else scripted("good", 1)()]
            fan += [scripted("good", 1)() for _ in range(width)]
            task(name="states", trigger=all_finished)(len)([state_of(node) for node in fan])
        return flow

    small, large = flow_of(100), flow_of(800)
    assert calls_of(large.run) < 8.5 * calls_of(small.run)


# ---- the clock


def test_the_clock_of_the_system() -> None:
    """Without a clock of one's own events are told in UTC, now."""
    events: list[Event] = []
    with Flow("f") as flow:
        scripted("work", 1)()
    before = datetime.now(UTC)
    flow.run(on_event=of_tasks(events))
    times = [event.time for event in events]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= datetime.now(UTC)
    assert {UTC} == {at.tzinfo for at in times}


def test_a_real_delay() -> None:
    """Without a sleep of one's own a delay is really waited for."""
    with Flow("f") as flow:
        node = scripted("work", RETRY(), 5, retries=1, retry_delay=0.05)()
    began = time.monotonic()
    assert 5 == flow.run()[node].unwrap()
    assert 0.05 <= time.monotonic() - began


def test_run_is_a_run() -> None:
    """``flow.run()`` returns a Run that knows its flow, and says in short what became of it."""
    with Flow("f") as flow:
        scripted("work", 5)()
    run = flow.run()
    assert (True, flow) == (isinstance(run, Run), run.flow)
    assert f"<run {run.id} of f: Success>" == repr(run)


def test_a_state_given_to_a_task_is_its_own() -> None:
    """A task that takes a state gets the very state that the run tells."""
    seen: list[AnyState[int]] = []
    with Flow("f") as flow:
        node = scripted("work", 5)()
        task(seen.append)(state_of(node))
    assert [flow.run()[node]] == seen
