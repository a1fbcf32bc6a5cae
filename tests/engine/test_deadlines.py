"""Past the deadline of its pause a task is TimedOut: readers see it so, and whoever drives the run records it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    PAUSE,
    RESUME,
    AnyState,
    Event,
    Flow,
    FlowError,
    Paused,
    Resume,
    Run,
    RunFailed,
    State,
    Success,
    TimedOut,
    all_finished,
    any_successful,
    cancel_run,
    current,
    open_store,
    state_of,
    states_of,
    task,
)
from statesig.engine.deadlines import seen_run
from tests.samples.clocks import Clock

DAY = timedelta(days=1)
TOLD = "look; nobody released it until 2019-04-05T00:00:00Z"
LATE: State[Any] = TimedOut(message=TOLD, retryable=False)


@pytest.fixture(params=[False, True], ids=["not stored", "stored"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return str(tmp_path / "runs.db") if request.param else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@task
def ask(until: datetime | None) -> int:
    if current().resumed is None:
        raise PAUSE("look", until=until)
    return 1


@task
def follow(number: int) -> int:
    return number + 1


@task(trigger=all_finished)
def tell(state: AnyState[int]) -> str:
    return state.type


with Flow("asks") as flow:
    until = flow.parameter("until", datetime, default=None)
    asked = ask(until)
    followed = follow(asked)
    told = tell(state_of(asked))


def begun(clock: Clock, **options: Any) -> Run:
    """Run the flow up to its pause, which lasts for a day."""
    return flow.run(until=clock.now + DAY, clock=clock, **options)


def types(run: Run) -> list[str]:
    return [task.state.type for task in run]


def test_before_its_deadline_a_pause_is_a_pause(clock: Clock, store: str | None) -> None:
    """It is kept with its deadline, in the run's own state too, and can be released up to that moment."""
    run = begun(clock, store=store)
    clock.now += DAY - timedelta(microseconds=1)
    expected = Paused(message="look", until=datetime(2019, 4, 5, tzinfo=UTC))
    assert (expected, expected) == (run[asked], run.state)
    assert ["Success", "Success", "Success"] == types(run.resume(asked))


def test_past_its_deadline_whoever_looks_sees_a_timeout(clock: Clock, store: str | None) -> None:
    """`run[node]`, iteration, `run.state` and `raise_for_state` agree; nothing is told, stored or run."""
    events: list[Event] = []
    run = begun(clock, store=store, on_event=events.append)
    before = len(events)
    clock.now += DAY
    assert (LATE, LATE, ["TimedOut", "Pending", "Pending"]) == (run[asked], run.state, types(run))
    with pytest.raises(RunFailed, match=r"is TimedOut: ask TimedOut \(look; .*Z\), follow Pending, tell Pending"):
        run.raise_for_state()
    assert before == len(events)


def test_a_resume_records_the_timeout_and_downstream_reacts(clock: Clock, store: str | None) -> None:
    """As after any failure: what needs its value is TriggerFailed, what takes its state runs."""
    events: list[Event] = []
    run = begun(clock, store=store, on_event=events.append)
    clock.now += DAY
    run.resume()
    assert (LATE, ["TimedOut", "TriggerFailed", "Success"]) == (run[asked], types(run))
    assert ("TimedOut", "TriggerFailed") == (run[told].unwrap(), run.state.type)
    assert ["Pending", "Running", "Paused", "TimedOut"] == [e.state.type for e in events if e.task == "ask"]


@pytest.mark.parametrize("how", ["in this process", "in another"])
def test_a_release_that_comes_too_late_is_refused_and_the_timeout_recorded(
    how: str, clock: Clock, tmp_path: Path
) -> None:
    """The text says when the deadline passed; the run has been continued without the release."""
    store = tmp_path / "runs.db"
    run = begun(clock, store=store)
    clock.now += DAY
    resume = run.resume if how == "in this process" else partial(flow.resume, run.id, store=store, clock=clock)
    with pytest.raises(FlowError) as caught:
        resume({asked: RESUME("fine")})
    assert f"flow 'asks': 'ask' cannot be released, it is TimedOut: {TOLD}" == str(caught.value)
    with open_store(store) as opened:
        stored = opened.find(run.id)
        history = [(record.task, record.state) for record in opened.history(stored)]
    assert "TriggerFailed" == stored.tag
    assert not any(b'"Resume"' in state for task, state in history if task == "ask")
    assert "TimedOut" in next(state for task, state in reversed(history) if task == "ask").decode()


def test_a_pause_that_is_over_when_it_begins(clock: Clock, store: str | None) -> None:
    """The run that pauses it records the timeout itself, in every way to run: it does not wait, nor is it left."""
    for executor in (None, "threads"):
        run = flow.run(until=clock.now, clock=clock, store=store, executor=executor)
        assert (["TimedOut", "TriggerFailed", "Success"], []) == (types(run), clock.slept)


def test_a_deadline_that_passes_while_others_run(clock: Clock) -> None:
    """It is recorded before the run is left, without waiting for it."""

    @task
    def long() -> int:
        clock.now += 2 * DAY
        return 1

    with Flow("f") as made:
        node, other = ask(clock.now + DAY), long()
        also = tell(state_of(node))
    run = made.run(clock=clock)
    assert (LATE, "TimedOut", 1) == (run[node], run[also].unwrap(), run[other].unwrap())


def test_a_run_does_not_wait_for_a_deadline(clock: Clock) -> None:
    """It is left at once, as with any pause."""
    run = flow.run(until=clock.now + DAY, clock=clock, sleep=clock.sleep)
    assert ([], "Paused") == (clock.slept, run.state.type)


def test_children_have_their_own_deadlines(clock: Clock, store: str | None) -> None:
    """While one may still be released the run is Paused; that one is released, the other times out."""

    @task
    def asking(days: int) -> int:
        if current().resumed is None:
            raise PAUSE("look", until=datetime(2019, 4, 4, tzinfo=UTC) + days * DAY)
        return days

    @task(trigger=all_finished)
    def tally(states: list[AnyState[int]]) -> list[str]:
        return [state.type for state in states]

    with Flow("f") as made:
        mapped = made.map(asking, [1, 3])
        tallied = tally(states_of(mapped))
    run = made.run(clock=clock, store=store)
    assert datetime(2019, 4, 5, tzinfo=UTC) == run.state.until if isinstance(run.state, Paused) else None
    clock.now += 2 * DAY
    seen = [child.state.type for whole in run for child in whole.children]
    assert (["TimedOut", "Paused"], "Paused") == (seen, run.state.type)
    run.resume(mapped)
    assert ["TimedOut", "Success"] == run[tallied].unwrap()


def test_one_that_is_late_does_not_hold_up_the_others(clock: Clock) -> None:
    """Without names all that may still be released is; the late one times out."""
    with Flow("f") as made:
        late, open_one = ask(clock.now + DAY), ask(None)
    run = made.run(clock=clock)
    clock.now += DAY
    run.resume()
    assert ("TimedOut", Success(result=1)) == (run[late].type, run[open_one])


def test_references_decide_past_a_deadline_as_well(clock: Clock) -> None:
    """A late pause that no reference is, or waits for, does not count; one that a reference waits for does."""
    with Flow("f") as made:
        late = ask(clock.now + DAY)
        after, beside = follow(late), task(name="beside")(lambda: 5)()
    states: list[tuple[str, str]] = []
    for reference in (beside, after, late):
        made.reference(reference)
        clock.now = Clock().now
        run = made.run(clock=clock)
        clock.now += DAY
        seen = run.state.type
        states.append((seen, run.resume().state.type))
    assert [("Success", "Success"), ("TimedOut", "TriggerFailed"), ("TimedOut", "TimedOut")] == states


def test_a_late_failure_beside_a_leaf_that_is_done(clock: Clock) -> None:
    """It is a failure that nobody handled, seen and recorded alike."""
    with Flow("f") as made:
        late, beside = ask(clock.now + DAY), task(name="beside")(lambda: 5)()
        last = task(name="last", trigger=any_successful)(lambda: 3)()
        made.after(last, late, beside)
    run = made.run(clock=clock)
    clock.now += DAY
    assert ("TimedOut", "TimedOut") == (run.state.type, run.resume().state.type)


def test_handlers_are_told_of_a_timeout(clock: Clock) -> None:
    """A handler may put another state in its place that may follow a pause: a Resume extends the deadline."""
    steps: list[tuple[str, str]] = []

    def extended(old: State[Any], new: State[Any]) -> State[Any] | None:
        steps.append((old.type, new.type))
        return Resume() if isinstance(new, TimedOut) else None

    with Flow("f") as made:
        node = task(handlers=[extended])(ask.fn)(clock.now + DAY)
    run = made.run(clock=clock)
    clock.now += DAY
    assert Success(result=1) == run.resume()[node]
    assert ("Paused", "TimedOut") in steps


def test_the_pause_of_a_flow_has_a_deadline(clock: Clock, store: str | None) -> None:
    """A handler of the flow that pauses the run itself may say until when; a release that comes later is refused."""

    def held(old: State[Any], new: State[Any]) -> State[Any] | None:
        return Paused(message="sign", until=clock.now + DAY) if isinstance(new, Success) else None

    with Flow("f", handlers=[held]) as made:
        follow(1)
    run = made.run(clock=clock, store=store)
    before = run.state.type
    clock.now += DAY
    assert ("Paused", "TimedOut") == (before, run.state.type)
    with pytest.raises(FlowError, match="the run cannot be released, it is TimedOut: sign; nobody released it until"):
        run.resume()
    assert "TimedOut" == run.state.type


@pytest.mark.parametrize(
    ("days", "expected"), [(None, ["Paused"] * 3), (1, ["Paused", "TimedOut"]), (3, ["Paused", "Paused", "TimedOut"])]
)
def test_the_pause_of_a_flow_that_has_paused_tasks(
    days: int | None, expected: list[str], clock: Clock, tmp_path: Path
) -> None:
    """It is TimedOut once every deadline has passed, its own too; a program and a store agree."""
    own = None if days is None else clock.now + days * DAY

    def held(old: State[Any], new: State[Any]) -> State[Any] | None:
        return Paused(message="sign", until=own) if isinstance(new, Paused) else None

    with Flow("f", handlers=[held]) as made:
        ask(clock.now + 2 * DAY)
    seen: list[str] = []
    with open_store(tmp_path / "runs.db") as store:
        run = made.run(clock=clock, store=store)
        for _ in expected:
            clock.now += DAY
            seen.append(run.state.type)
            assert run.state.type == seen_run(store.find(run.id), store, clock.now).tag
    assert expected == seen


def test_a_cancelled_run_keeps_the_timeout(clock: Clock, tmp_path: Path) -> None:
    """Who cancels it looks, too: what was late is TimedOut, what was not is Cancelled."""
    store = str(tmp_path / "runs.db")
    run = begun(clock, store=store)
    clock.now += DAY
    assert cancel_run(store, run.id, clock=clock)
    with open_store(store) as opened:
        last = {record.task: record.state for record in opened.history(opened.find(run.id))}
    assert [True, False, False] == [b'"TimedOut"' in last[name] for name in ("ask", "follow", "tell")]


def test_a_pause_stored_before_there_were_deadlines(clock: Clock) -> None:
    """It has none, and waits for ever."""
    run = flow.run(clock=clock)
    clock.now += 10_000 * DAY
    assert Paused(message="look") == run[asked]
