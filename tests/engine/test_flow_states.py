"""A run has states as its tasks have: told without a task, stored, and changed by the handlers of its flow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    FAIL,
    PAUSE,
    RETRY,
    SKIP,
    SUCCESS,
    TRIGGERFAIL,
    Cancelled,
    Event,
    Failed,
    Finished,
    Flow,
    FlowError,
    MapCancelled,
    Paused,
    Pending,
    Resume,
    Run,
    RunFailed,
    Running,
    Signal,
    Skipped,
    State,
    Success,
    all_finished,
    all_successful,
    cancel_run,
    current,
    decode_event,
    encode_event,
    histories_of,
    open_store,
    state_of,
    task,
)
from statesig.cli import main
from statesig.engine.options import Options
from statesig.engine.runner import begin
from tests.samples.clocks import Clock

pytestmark = pytest.mark.usefixtures("leaves_nothing")

Step = tuple[str, str]


def of_run(events: list[Event]) -> list[str]:
    """Return the tags of the run's own events."""
    return [event.state.type for event in events if event.task is None]


def of_task(events: list[Event], name: str) -> list[tuple[int, int, str]]:
    """Return try, attempt and tag of a task's events."""
    return [(event.try_number, event.attempt, event.state.type) for event in events if event.task == name]


def throw(signal: Signal[Any], *, at: type[State[Any]]) -> Callable[[State[Any], State[Any]], None]:
    """Return a handler that raises a signal where the flow is to be in a state of a class, until it is resumed."""

    def handle(old: State[Any], new: State[Any]) -> None:
        if isinstance(new, at) and current().resumed is None:
            raise signal

    return handle


class Work:
    """A function that counts its calls and does one thing after the other, the last one for ever."""

    def __init__(self, *script: Any) -> None:
        self.script = script
        self.calls = 0

    def __call__(self, *values: Any) -> Any:
        step = self.script[min(self.calls, len(self.script) - 1)]
        self.calls += 1
        if isinstance(step, BaseException):
            raise step
        return step


def one_task(*script: Any, **options: Any) -> tuple[Flow, Work, Any]:
    """Return a flow of one task, what it calls, and its node."""
    work = Work(*script)
    with Flow("f", **options) as flow:
        node = task(name="work")(work)()
    return flow, work, node


# ---- what a run tells


@pytest.mark.parametrize("options", [{}, {"executor": "threads"}], ids=["inline", "threads"])
def test_a_run_goes_from_pending_to_its_end(tmp_path: Path, options: dict[str, Any]) -> None:
    """It tells so before its tasks and after them, with a store and without, and its row has the last state."""
    for store in (None, tmp_path / "runs.db"):
        events = list[Event]()
        run = one_task(5)[0].run(on_event=events.append, store=store, **options)
        assert (["Pending", "Running", "Success"], Success()) == (of_run(events), run.state)
        assert (Pending(), Success()) == (events[0].state, events[-1].state)
    with open_store(tmp_path / "runs.db") as opened:
        assert "Success" == opened.find(run.id).tag


def test_an_event_of_a_run_names_no_task() -> None:
    """Its line of JSON has no `task`, and reads back as the event."""
    events = list[Event]()
    run = one_task(5)[0].run(on_event=events.append)
    line = encode_event(events[0])
    assert line.startswith(b'{"run":"%s","index":null,"attempt":1,"time":' % run.id.encode())
    assert events[0] == decode_event(line, strict=True)


def test_a_run_is_running_while_its_tasks_run() -> None:
    """Seen by its events and by a task, it is Running, whatever the tasks are."""
    seen = list[str]()
    with Flow("f") as flow:
        task(name="work")(lambda: seen.append(run.state.type))()
    run = begin(flow, {}, Options(on_event=lambda event: seen.append(run.state.type)))
    assert Pending() == run.state
    run.start()
    assert ["Pending"] * 2 + ["Running"] * 4 + ["Success"] == [*seen]


def test_show_has_the_runs_own_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`statesig show RUN --json` writes the events that were told, those of each try, and they have no fault."""
    place, clock, told = tmp_path / "runs.db", Clock(), list[Event]()
    flow = tried(Work(FAIL(), 1))
    run = flow.run(store=place, on_event=told.append, clock=clock, sleep=clock.sleep)
    assert 0 == main(["show", "--store", str(place), run.id, "--json"])
    shown = [decode_event(line, strict=True) for line in capsys.readouterr().out.splitlines()]
    assert {(event.task, event.try_number) for event in told} == {(event.task, event.try_number) for event in shown}
    assert [event for event in told if event.task is None] == [event for event in shown if event.task is None]
    assert all(history.is_ok for history in histories_of(shown))


# ---- the six signals of the ancestor


SIGNALS = {
    SKIP: (["Skipped"], ["Running", "Skipped"]),
    FAIL: (["Failed"], ["Running", "Failed"]),
    SUCCESS: (["Failed"], ["Running", "Success"]),  # Pending -> Success is not allowed
    TRIGGERFAIL: (["TriggerFailed"], ["Running", "TriggerFailed"]),
    PAUSE: (["Paused"], ["Running", "Paused"]),
    RETRY: (["Failed"], ["Running", "Failed"]),
}
"""The states after Pending if a handler raises a signal at the beginning and at the end, and there are no retries."""


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.__name__)
@pytest.mark.parametrize("at", [Running, Finished], ids=["begin", "end"])
def test_a_signal_of_a_handler_becomes_the_state(
    at: type[State[Any]], signal: type[Signal[Any]], tmp_path: Path
) -> None:
    """It takes the place of the state, for the run and in the store; at the beginning no task is called."""
    expected = SIGNALS[signal][at is Finished]
    for store in (None, tmp_path / "runs.db"):
        events = list[Event]()
        flow, work, node = one_task(5, handlers=[throw(signal("so"), at=at)])
        run = flow.run(on_event=events.append, store=store)
        assert ["Pending", *expected] == of_run(events)
        assert (expected[-1], int(at is Finished)) == (run.state.type, work.calls)
        assert ("Success" if at is Finished else "Pending") == run[node].type
    with open_store(tmp_path / "runs.db") as opened:
        assert run.state.model_dump_json().encode() == opened.find(run.id).state


def test_a_handler_returns_a_state() -> None:
    """It may be returned as well, with a result and a message, and what is no state fails the run."""
    given: list[Any] = [Success(message="ok", result=5), "Success"]
    states = [
        one_task(1, handlers=[lambda old, new, one=one: one if isinstance(new, Finished) else None])[0].run().state
        for one in given
    ]
    assert [Success(message="ok", result=5), "a handler returns a state or None, not str"] == [
        states[0],
        states[1].causes[0].message,
    ]


def test_a_handler_sees_every_change_of_the_run_alone() -> None:
    """Each from the old state to the new one; `current()` has the flow's name and the number of the attempt."""
    seen = list[tuple[str, str, str, int]]()

    def handle(old: State[Any], new: State[Any]) -> None:
        seen.append((old.type, new.type, current().task, current().number))

    clock = Clock()
    flow = one_task(FAIL(), 1, retries=1, handlers=[handle])[0]
    flow.run(clock=clock, sleep=clock.sleep)
    assert [
        ("Pending", "Running", "f", 1),
        ("Running", "Retrying", "f", 1),
        ("Retrying", "Running", "f", 2),
        ("Running", "Success", "f", 2),
    ] == seen


def test_raise_for_state_says_what_a_handler_said() -> None:
    """Where no task failed, the error has the message of the run's own state."""
    run = one_task(5, handlers=[throw(FAIL("not today"), at=Finished)])[0].run()
    with pytest.raises(RunFailed, match=r"^flow 'f' is Failed: not today$"):
        run.raise_for_state()


def test_an_exception_of_a_handler_fails_the_run() -> None:
    """At the beginning no task is called; its text is what `redact` lets through."""
    flow, work, _ = one_task(5, handlers=[throw(ValueError("secret"), at=Running)])  # type: ignore[arg-type]
    state = flow.run(redact=lambda text: "...").state
    assert ("raised ValueError", "...", 0) == (state.message, state.causes[0].message, work.calls)


# ---- a run that waits for a person


@pytest.mark.parametrize(("at", "before"), [(Running, 0), (Finished, 1)], ids=["begin", "end"])
def test_a_run_that_a_handler_pauses(at: type[State[Any]], before: int, tmp_path: Path) -> None:
    """It is Paused, in the store too; to resume the run releases it, which the handler sees; no task runs twice."""
    expected = ["Running", "Paused", "Resume", "Running", "Success"][not before :]
    for store in (None, tmp_path / "runs.db"):
        events = list[Event]()
        flow, work, _ = one_task(5, handlers=[throw(PAUSE("look"), at=at)])
        run = flow.run(on_event=events.append, store=store)
        assert (Paused(message="look"), before) == (run.state, work.calls)
        again = run.resume() if store is None else flow.resume(run.id, store=store, on_event=events.append)
        assert (Success(), 1, ["Pending", *expected]) == (again.state, work.calls, of_run(events))
        assert all(history.is_ok for history in histories_of(events))


def test_a_run_is_resumed_with_its_tasks() -> None:
    """A run that is Paused since a task is goes Resume -> Running as well."""
    events = list[Event]()
    flow = one_task(PAUSE(), 5)[0]
    flow.run(on_event=events.append).resume()
    assert ["Pending", "Running", "Paused", "Resume", "Running", "Success"] == of_run(events)


def test_a_handler_decides_about_a_paused_run() -> None:
    """It may end a run whose task waits for a person; that task can be released no more, and nothing changed."""
    flow, _, node = one_task(PAUSE("look"), 5, handlers=[throw(FAIL("no"), at=Paused)])
    run = flow.run()
    with pytest.raises(FlowError, match="the run is over, it is Failed"):
        run.resume(node)
    assert (Failed(message="no"), Paused(message="look")) == (run.state, run[node])


def test_a_handler_ends_a_run_instead_of_releasing_it(tmp_path: Path) -> None:
    """Its paused task is not released then: nothing changes in a run that is over."""
    for store in (None, tmp_path / "runs.db"):
        events = list[Event]()
        flow, _, node = one_task(PAUSE("look"), 5, handlers=[throw(FAIL("no"), at=Resume)])
        run = flow.run(on_event=events.append, store=store)
        again = run.resume(node) if store is None else flow.resume(run.id, node, store=store, on_event=events.append)
        assert (Failed(message="no"), Paused(message="look")) == (again.state, again[node])
        assert ["Pending", "Running", "Paused"] == [tag for *_, tag in of_task(events, "work")]


# ---- handlers for all tasks


def test_handlers_for_all_tasks() -> None:
    """They are told of each change of each task, after the task's own handlers, and may put another state in place."""
    seen = list[Step]()

    def tell(old: State[Any], new: State[Any]) -> None:
        seen.append((current().task, new.type))

    def mend(old: State[Any], new: State[Any]) -> State[Any] | None:
        return Success(result=0) if isinstance(new, Failed) else None

    with Flow("f", task_handlers=[tell, mend]) as flow:
        first = task(name="first", handlers=[throw(FAIL(), at=Success)])(lambda: 1)()
        second = task(name="second")(lambda value: value + 1)(first)
    run = flow.run()
    assert (Success(result=0), Success(result=1)) == (run[first], run[second])
    assert [("first", "Running"), ("first", "Failed"), ("second", "Running"), ("second", "Success")] == seen


# ---- retries of a flow


def tried(flaky: Work, sure: Work | None = None, **options: Any) -> Flow:
    """Return a flow with two tries: a flaky task, one that takes its value, and a sure one beside them."""
    with Flow("tried", **{"retries": 1, **options}) as flow:
        value = task(name="flaky")(flaky)()
        task(name="after")(lambda value: value)(value)
        task(name="sure")(sure or Work(1))()
    return flow


@pytest.mark.parametrize("store", [False, True], ids=["memory", "store"])
def test_what_did_not_succeed_is_run_again(store: bool, tmp_path: Path) -> None:
    """A further try begins a new history for it, and for what failed by it; what succeeded is kept."""
    clock, events, flaky, sure = Clock(), list[Event](), Work(FAIL("no"), 5), Work(1)
    run = tried(flaky, sure, retry_delay=60).run(
        clock=clock, sleep=clock.sleep, on_event=events.append, store=tmp_path / "runs.db" if store else None
    )
    assert (Success(), 2, 1, [60.0]) == (run.state, flaky.calls, sure.calls, clock.slept)
    assert ["Pending", "Running", "Retrying", "Running", "Success"] == of_run(events)
    assert [
        *[(1, 1, tag) for tag in ("Pending", "Running", "Failed")],
        *[(2, 1, tag) for tag in ("Pending", "Running", "Success")],
    ] == of_task(events, "flaky")
    assert [(1, 1, "TriggerFailed"), (2, 1, "Success")] == [of_task(events, "after")[at] for at in (1, -1)]
    assert [(1, 1, "Pending"), (1, 1, "Running"), (1, 1, "Success")] == of_task(events, "sure")
    assert all(history.is_ok for history in histories_of(events))


def test_the_tries_of_a_flow_end() -> None:
    """With none left the run is what its tasks give it."""
    clock, flaky = Clock(), Work(FAIL("no"))
    run = tried(flaky, retries=2).run(clock=clock, sleep=clock.sleep)
    assert (Failed(message="no", retryable=True), 3) == (run.state, flaky.calls)


@pytest.mark.parametrize(("end", "calls"), [(FAIL(retryable=False), 1), (SKIP(), 1), (TRIGGERFAIL(), 1), (5, 1)])
def test_what_is_tried_once(end: Any, calls: int) -> None:
    """A failure that is not retryable, and what is no failure, leads to no further try."""
    flaky = Work(end)
    tried(flaky).run()
    assert calls == flaky.calls


def test_a_retry_of_a_handler_is_another_try() -> None:
    """RETRY at the end is bounded by the flow's retries, and runs only what did not succeed."""
    flow, work, _ = one_task(5, retries=2, handlers=[throw(RETRY("again"), at=Success)])
    events = list[Event]()
    assert Failed(message="again") == flow.run(on_event=events.append).state
    assert (["Running", "Retrying"] * 2 + ["Running", "Failed"], 1) == (of_run(events)[1:], work.calls)


def test_a_retry_at_the_beginning_is_bounded() -> None:
    """RETRY at Pending -> Running is counted as well, and no task is called."""
    flow, work, _ = one_task(5, retries=2, handlers=[throw(RETRY("again"), at=Running)])
    events = list[Event]()
    assert Failed(message="again") == flow.run(on_event=events.append).state
    assert (["Pending", "Retrying", "Retrying", "Failed"], 0) == (of_run(events), work.calls)


def test_a_task_that_was_skipped_by_a_failure_is_run_again() -> None:
    """A skip that came of a failure upstream is decided anew; another one is kept."""
    skipped = Work(SKIP())
    flaky = Work(FAIL(), 5)
    with Flow("f", retries=1) as flow:
        source = task(name="flaky")(flaky)()
        after = task(name="after", trigger=all_successful.otherwise(SKIP))(lambda value: value)(source)
        apart = task(name="apart")(skipped)()
    run = flow.run()
    assert (Success(result=5), Skipped(), 1) == (run[after], run[apart], skipped.calls)


def test_only_the_children_that_failed_are_run_again() -> None:
    """Of a mapped task; and those of a task mapped over it take the new value."""
    calls = list[int]()

    def double(number: int) -> int:
        calls.append(number)
        if number == 2 and calls.count(2) == 1:
            raise FAIL("once")
        return 2 * number

    with Flow("f", retries=1) as flow:
        doubled = flow.map(task(double), [1, 2, 3])
        added = flow.map(task(name="add")(lambda number: number + 1), doubled)
        task(name="total")(sum)(added)
    run = flow.run()
    assert (Success(), [1, 2, 3, 2]) == (run.state, calls)
    assert [Success(result=2), Success(result=4), Success(result=6)] == [one.state for one in next(iter(run)).children]
    assert [Success(result=3), Success(result=5), Success(result=7)] == [one.state for one in list(run)[1].children]


def test_a_run_is_resumed_in_the_middle_of_a_try(tmp_path: Path) -> None:
    """A process that dies in a try leaves the run Running; another one goes on in that try."""
    place, events, clock = tmp_path / "runs.db", list[Event](), Clock()
    flaky, sure = Work(FAIL(), KeyboardInterrupt(), 5), Work(1)
    flow = tried(flaky, sure)
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, on_event=events.append, clock=clock, sleep=clock.sleep)
    with open_store(place) as store:
        (stored,) = store.runs()
    run = flow.resume(stored.id, store=place, on_event=events.append, clock=clock, sleep=clock.sleep)
    assert ("Running", Success(), 3, 1) == (stored.tag, run.state, flaky.calls, sure.calls)
    assert [(2, 1, "Running"), (2, 2, "Scheduled"), (2, 2, "Running"), (2, 2, "Success")] == of_task(events, "flaky")[
        4:
    ]
    assert [(2, 1, "Pending"), (2, 1, "Running"), (2, 1, "Success")] == of_task(events, "after")[2:]
    assert ["Pending", "Running", "Retrying", "Running", "Success"] == of_run(events)
    assert all(history.is_ok for history in histories_of(events))


def test_a_run_is_resumed_between_two_tries(tmp_path: Path) -> None:
    """A run that waits for its next try waits on after a resumption, until the time that was stored."""
    place, clock = tmp_path / "runs.db", Clock()
    flaky = Work(FAIL(), 5)
    flow = tried(flaky, retry_delay=60)

    def die(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, clock=clock, sleep=die)
    with open_store(place) as store:
        (stored,) = store.runs()
    assert ("Retrying", 1) == (stored.tag, flaky.calls)
    run = flow.resume(stored.id, store=place, clock=clock, sleep=clock.sleep)
    assert (Success(), 2, [60.0]) == (run.state, flaky.calls, clock.slept)


# ---- cancelling


def test_a_cancelled_run_is_cancelling_first() -> None:
    """It tells so, then its tasks, then that it is Cancelled; no retry of the flow follows."""
    events = list[Event]()
    with Flow("f", retries=1) as flow:
        task(name="work")(lambda: run.cancel())()
        task(name="later")(Work(5))()
    run = begin(flow, {}, Options(on_event=events.append))
    run.start()
    assert ["Pending", "Running", "Cancelling", "Cancelled"] == of_run(events)
    assert Cancelled(message="the run was cancelled") == run.state


@pytest.mark.parametrize("retries", [0, 1])
def test_a_run_is_cancelled_before_it_begins(retries: int) -> None:
    """Neither its tasks nor a further try begin."""
    clock, events = Clock(), list[Event]()
    flow, work, node = one_task(FAIL(), retries=retries, retry_delay=60)
    run: Run = begin(flow, {}, Options(on_event=events.append, clock=clock, sleep=lambda seconds: run.cancel()))
    if not retries:
        run.cancel()
    run.start()
    assert (Cancelled(message="the run was cancelled"), retries) == (run.state, work.calls)
    assert ["Failed" if retries else "Cancelled", "Cancelled"] == [run[node].type, of_run(events)[-1]]


def test_a_paused_run_is_cancelled_in_the_store(tmp_path: Path) -> None:
    """With its last record, which `show` tells; it can be resumed no more."""
    place = tmp_path / "runs.db"
    flow, _, _ = one_task(5, handlers=[throw(PAUSE("look"), at=Running)])
    run = flow.run(store=place)
    assert cancel_run(place, run.id)
    with open_store(place) as store:
        stored = store.find(run.id)
        last = list(store.history(stored))[-1]
        assert ("Cancelled", None, b'{"type":"Cancelled","message":"the run was cancelled"}') == (
            stored.tag,
            last.task,
            last.state,
        )


# ---- what is refused


def test_a_run_is_cancelled_in_the_store_in_the_middle_of_a_try(tmp_path: Path) -> None:
    """Children that had begun in that try are Cancelled, with their task; a task that had not is what it was."""
    runs: list[Run] = []
    calls: list[int] = []

    def fail(number: int) -> int:
        calls.append(number)
        if len(calls) == 3:  # the first of the second try
            runs[0].interrupt()
        raise FAIL("x")

    with Flow("f", retries=1) as flow:
        mapped = flow.map(task(name="mapped", retries=1)(fail), [5])
        second = task(name="second")(Work(FAIL("y")))()
    place = str(tmp_path / "runs.db")
    runs.append(begin(flow, {}, Options(store=place)))
    run = runs[0].start()
    assert cancel_run(place, run.id)
    read = flow.load(run.id, store=place)
    cancelled = Cancelled(message="the run was cancelled")
    assert (MapCancelled(children=(cancelled,)), Failed(message="y"), cancelled) == (
        read[mapped],
        read[second],
        read.state,
    )


def test_wrong_numbers_are_refused() -> None:
    """The error names the flow."""
    with pytest.raises(ValueError, match="flow 'f': retries is a whole number of at least 0, not -1"):
        Flow("f", retries=-1)


def test_a_failure_that_was_handled_is_no_reason_for_a_try() -> None:
    """A flow whose failure a task took as a state succeeded."""
    flaky = Work(FAIL())
    with Flow("f", retries=1) as flow:
        source = task(name="flaky")(flaky)()
        task(name="report", trigger=all_finished)(lambda state: state.type)(state_of(source))
    assert (Success(), 1) == (flow.run().state, flaky.calls)
