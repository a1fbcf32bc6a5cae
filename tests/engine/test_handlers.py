"""Handlers: told of each change, able to put another state in place of one, and never to make an illegal step."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    CANCEL,
    FAIL,
    LOOP,
    PAUSE,
    QUEUE,
    RETRY,
    SCHEDULE,
    SKIP,
    SUBMIT,
    AnyState,
    Cancelled,
    Event,
    Failed,
    Flow,
    Handler,
    MapCancelled,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Run,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TriggerFailed,
    check_history,
    current,
    is_allowed,
    manual_only,
    task,
)
from statesig.engine.options import Options
from statesig.engine.runner import begin
from statesig.executors.threads import Threads
from tests.harness.cases import at_once
from tests.harness.events import of_tasks
from tests.samples.clocks import Clock
from tests.samples.samples import BUILT_IN, bare

pytestmark = pytest.mark.usefixtures("leaves_nothing")

Step = tuple[State[Any], State[Any]]


class Seen(list[Step]):
    """The changes that a handler was told of."""

    def __call__(self, old: State[Any], new: State[Any]) -> None:
        self.append((old, new))

    @property
    def tags(self) -> list[str]:
        return [new.type for _, new in self]

    @property
    def illegal(self) -> list[Step]:
        """The changes that no state may make."""
        return [(old, new) for old, new in self if not is_allowed(type(old), type(new))]


def put(state: State[Any], *, for_: type[State[Any]]) -> Handler:
    """Return a handler that puts a state in the place of those of a class."""
    return lambda old, new: state if isinstance(new, for_) else None


def throw(exc: BaseException, *, at: type[State[Any]]) -> Handler:
    """Return a handler that raises something where a task is to be in a state of a class."""

    def handle(old: State[Any], new: State[Any]) -> None:
        if isinstance(new, at):
            raise exc

    return handle


def outcome(*handlers: Handler, fn: Callable[[], Any] = lambda: 5, **options: Any) -> tuple[State[Any], Seen]:
    """Run a task with handlers, and return its state and what a handler after them was told."""
    clock, last, seen = Clock(), Seen(), list[State[Any]]()
    with Flow("f") as flow:
        node = task(name="work", handlers=[*handlers, last], **options)(fn)()
    run = flow.run(
        clock=clock, sleep=clock.sleep, on_event=lambda event: event.task is not None and seen.append(event.state)
    )
    assert check_history(seen) is None
    return run[node], last


# ---- what a handler is told


def test_a_handler_is_told_of_every_change() -> None:
    """Of each with the state that is left and the one to be in; each begins where the last one ended."""

    def work() -> int:
        if current().number == 1:
            raise RETRY("busy")
        if current().number == 2:
            raise LOOP("further", result=1)
        return 5

    _, seen = outcome(fn=work, retries=1)
    assert ["Running", "Retrying", "Running", "Looped", "Running", "Success"] == seen.tags
    assert [Pending(), *(new for _, new in seen[:-1])] == [old for old, _ in seen]


def test_handlers_are_called_in_turn() -> None:
    """Each is given what the one before it put in place."""
    first, second = put(Skipped(message="a"), for_=Success), put(Failed(message="b", retryable=False), for_=Skipped)
    state, seen = outcome(first, second)
    assert Failed(message="b", retryable=False) == state == seen[-1][1]


def test_a_handler_is_told_what_the_run_tells(tmp_path: Path) -> None:
    """With a store and events, in threads too, handlers see the very states that are told."""
    for options in ({}, {"executor": Threads(2)}, {"store": tmp_path / "runs.db"}):
        events, seen = list[Event](), Seen()
        with Flow("f") as flow:
            task(handlers=[seen], retries=1, name="work")(lambda: 1 // 0)()
        flow.run(on_event=of_tasks(events), **options)
        assert [new for _, new in seen] == [event.state for event in events[1:]]


def test_a_pause_and_its_end() -> None:
    """A handler is told of the pause, of the release, and of what follows."""
    seen = Seen()

    @task(trigger=manual_only, handlers=[seen])
    def work() -> int:
        return 5

    with Flow("f") as flow:
        work()
    flow.run().resume()
    assert ["Paused", "Resume", "Running", "Success"] == seen.tags


def test_handlers_of_a_mapped_task() -> None:
    """They are told of each child, and of the node that comes to be Mapped; children come first."""
    seen = Seen()

    @task(handlers=[seen])
    def double(value: int) -> int:
        return 2 * value

    with Flow("f") as flow:
        node = flow.map(double, [1, 2])
    run = flow.run()
    assert ["Running", "Success"] * 2 + ["Mapped"] == seen.tags
    assert run[node] == seen[-1][1]
    assert [] == seen.illegal


def test_what_does_not_run_is_told_too() -> None:
    """A task that its trigger refuses, and one whose arguments cannot be made, change state as well."""
    refused, unmade = Seen(), Seen()

    @task
    def fails() -> list[int]:
        raise FAIL("no", retryable=False)

    @task(handlers=[refused])
    def follow(value: list[int]) -> None: ...

    @task(handlers=[unmade])
    def over(value: int) -> None: ...

    with Flow("f") as flow:
        follow(fails())
        flow.map(over, flow.parameter("values", Any))
    flow.run(values=5)
    assert (["TriggerFailed"], ["Failed"]) == (refused.tags, unmade.tags)


def test_a_handler_that_returns_what_it_is_given() -> None:
    """That changes nothing: the state is the very same, with its message and attempts."""
    state, seen = outcome(lambda old, new: new, fn=lambda: 1 // 0, retries=1)
    assert ["Running", "Retrying", "Running", "Failed"] == seen.tags
    assert "raised ZeroDivisionError" == state.message


# ---- what it puts in place


@pytest.mark.parametrize(
    "state",
    [Skipped(message="x"), Failed(message="x", retryable=False), Cancelled(message="x"), Success(result=6), Mapped()],
    ids=lambda state: state.type,
)
def test_an_outcome_is_replaced(state: State[Any]) -> None:
    """What a handler returns, that may follow Running, is the state, for the run and for those downstream."""
    seen = list[AnyState[int]]()

    @task(handlers=[put(state, for_=Success)])
    def work() -> int:
        return 5

    @task
    def follow(value: int) -> None: ...

    with Flow("f") as flow:
        node = work()
        later = follow(node)
    run = flow.run(on_event=lambda event: seen.append(event.state) if event.task == "work" else None)  # type: ignore[arg-type]
    assert state == run[node] == seen[-1]
    expected = {"Success": Success, "Skipped": Skipped}.get(state.type, TriggerFailed)
    assert expected is type(run[later])


def test_a_replaced_outcome_is_tried_again() -> None:
    """A retryable failure, and a RETRY, in place of a success use up a retry, as those of the task would."""
    for state in (Failed(message="no"), Retrying(message="no")):
        state, seen = outcome(put(state, for_=Success), retries=2)
        assert ["Running", "Retrying", "Running", "Retrying", "Running", "Failed"] == seen.tags
        assert Failed(message="no") == state


def test_a_failure_is_mended() -> None:
    """A success in place of a failure ends the task; no retry follows."""
    state, seen = outcome(put(Success(result=0), for_=Retrying), fn=lambda: 1 // 0, retries=2)
    assert (Success(result=0), ["Running", "Success"]) == (state, seen.tags)


def test_a_loop_in_place_of_a_success() -> None:
    """A handler may ask for another iteration, with something to hand on."""

    def again(old: State[Any], new: State[Any]) -> State[Any] | None:
        return LOOP(result=1).state if new == Success(result=None) else None

    state, seen = outcome(again, fn=lambda: current().loop_result)
    assert (Success(result=1), ["Running", "Looped", "Running", "Success"]) == (state, seen.tags)


def test_a_beginning_is_replaced() -> None:
    """A handler of Pending -> Running that skips, pauses, fails or cancels keeps the function from being called."""
    called = list[int]()
    for state in (Skipped(message="x"), Paused(message="x"), Failed(message="x"), Cancelled(message="x")):
        found, seen = outcome(put(state, for_=Running), fn=lambda: called.append(1), retries=2)
        assert (state, [(Pending(), state)]) == (found, seen)
    assert [] == called


def test_a_beginning_with_a_message() -> None:
    """Running in place of Running is a beginning, whatever it says: the function is called."""
    for given in (Running(), Running(message="by hand")):
        state, seen = outcome(put(given, for_=Running))
        assert (Success(result=5), [(Pending(), given), (given, Success(result=5))]) == (state, seen)


def test_a_beginning_is_put_off() -> None:
    """A start time in place of Running is waited for."""
    clock, seen = Clock(), Seen()
    later = Scheduled(start_time=clock.now + timedelta(seconds=60))

    @task(handlers=[lambda old, new: later if old == Pending() else None, seen])
    def work() -> int:
        return 5

    with Flow("f") as flow:
        node = work()
    assert Success(result=5) == flow.run(clock=clock, sleep=clock.sleep)[node]
    assert (["Scheduled", "Running", "Success"], [60]) == (seen.tags, clock.slept)


DOUBLED = (Success(result=2), Success(result=4))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Failed(message="x", retryable=False), Failed(message="x", retryable=False)),
        (Skipped(message="x"), Skipped(message="x")),
        (MapCancelled(children=(Cancelled(),)), MapCancelled(children=(Cancelled(),))),
        (Mapped(message="x"), Mapped(message="x", children=DOUBLED, result=[2, 4])),
        (Mapped(children=(Success(result=0),), result=[7]), Mapped(children=DOUBLED, result=[7])),
    ],
)
def test_what_became_of_a_mapped_task_is_replaced(state: State[Any], expected: State[Any]) -> None:
    """A state in place of Mapped is the node's; its children stay what they are, also within it."""
    with Flow("f") as flow:
        double = task(name="double", handlers=[put(state, for_=Mapped)])(lambda value: 2 * value)
        node = flow.map(double, [1, 2])
    run = flow.run()
    assert expected == run[node]
    assert [Success(result=2), Success(result=4)] == [one.state for one in next(iter(run)).children]


def test_a_child_is_replaced() -> None:
    """A handler may put another state in place of one child's alone."""
    with Flow("f") as flow:
        double = task(name="double", handlers=[_odd])(lambda value: value)
        node = flow.map(double, [1, 2, 3])
    children = flow.run()[node].children  # type: ignore[union-attr]  # it is Mapped
    assert ["Skipped", "Success", "Skipped"] == [child.type for child in children]


def _odd(old: State[Any], new: State[Any]) -> State[Any] | None:
    return Skipped() if type(new) is Success and new.result % 2 else None


def test_a_mapped_task_that_is_paused_instead() -> None:
    """Paused in place of Mapped waits for a person; after the release the children are not run again."""
    calls = list[int]()
    pausing = [Paused(message="look")]

    def pause(old: State[Any], new: State[Any]) -> State[Any] | None:
        return pausing.pop() if isinstance(new, Mapped) and pausing else None

    with Flow("f") as flow:
        node = flow.map(task(name="work", handlers=[pause])(calls.append), [1, 2])
    run = flow.run()
    assert Paused(message="look") == run[node]
    assert ("Mapped", [1, 2]) == (run.resume(node)[node].type, calls)


@pytest.mark.parametrize("source", [[1, 2], []], ids=["children", "nothing"])
def test_a_mapped_task_that_is_put_off(source: list[int]) -> None:
    """A start time in place of Mapped is waited for; then it is Mapped, and those behind it are not forgotten."""
    clock = Clock()
    times = [clock.now + timedelta(seconds=60)]

    def put_off(old: State[Any], new: State[Any]) -> None:
        if isinstance(new, Mapped) and times:
            raise SCHEDULE("later", start_time=times.pop())

    @task
    def follow(values: list[int]) -> int:
        return len(values)

    with Flow("f") as flow:
        node = flow.map(task(name="work", handlers=[put_off])(lambda value: value), source)
        later = follow(node)
    run = flow.run(clock=clock, sleep=clock.sleep)
    assert ("Mapped", Success(result=len(source)), [60]) == (run[node].type, run[later], clock.slept)


def test_a_mapped_task_that_is_paused_stays_so() -> None:
    """Whoever else is released, one that is mapped over children, and was paused in place of Mapped, stays Paused."""
    seen = Seen()
    with Flow("f") as flow:
        first = flow.map(task(lambda value: value), [1, 2])
        node = flow.map(task(name="work", handlers=[put(Paused(), for_=Mapped), seen])(lambda value: value), first)
        other = task(name="other", trigger=manual_only)(lambda: 5)()
    run = flow.run().resume(other)
    assert (Paused(), Success(result=5), []) == (run[node], run[other], seen.illegal)


# ---- what it cannot do


@at_once
@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("at", [Running, Success], ids=["begin", "end"])
def test_no_handler_makes_an_illegal_step(at: type[State[Any]], kind: type[State[Any]]) -> None:
    """A state that may not follow fails the task with IllegalTransition; any other is the state. No step is illegal."""
    old: type[State[Any]] = Pending if at is Running else Running
    given = bare(kind)
    left = [given]
    state, seen = outcome(
        lambda _, new: left.pop() if type(new) is at and left else None, retries=int(kind is Retrying)
    )
    assert [] == seen.illegal
    if not is_allowed(old, kind) or kind.__name__ == "Cancelling":
        assert (Failed, f"{old.__name__} -> {kind.__name__} is not allowed") == (
            type(state),
            state.causes[0].message.partition(";")[0],
        )
        assert "IllegalTransition" in state.causes[0].type
    else:
        assert kind.__name__ in seen.tags


@pytest.mark.parametrize("where", [None, Threads(1)], ids=["in line", "threads"])
def test_only_what_begins_is_running(where: Threads | None) -> None:
    """A handler cannot make a task Running that is skipped, or only handed over: no call would ever end it."""

    @task
    def skipped() -> int:
        raise SKIP("not today")

    @task(handlers=[lambda _, new: None if isinstance(new, Running) else Running()])
    def double(number: int) -> int:
        return 2 * number

    with Flow("f") as flow:
        node, handed = double(skipped()), double(3)
    run = flow.run(executor=where)
    for one in (node,) if where is None else (node, handed):
        assert isinstance(run[one], Failed)
        assert "Pending -> Running is not allowed" == run[one].causes[0].message.partition(";")[0]


def test_an_illegal_replacement_changes_nothing_else() -> None:
    """The task that is given one fails; the others, and what was downstream of it, go on by their triggers."""

    @task(handlers=[put(Pending(), for_=Success)], retries=2)
    def work() -> int:
        return 5

    @task
    def other() -> int:
        return 6

    @task
    def follow(value: int) -> None: ...

    with Flow("f") as flow:
        node, beside = work(), other()
        later = follow(node)
    run = flow.run()
    assert ["Failed", "Success", "TriggerFailed"] == [run[one].type for one in (node, beside, later)]


@pytest.mark.parametrize("given", ["Skipped", 0, Skipped, RETRY("x")], ids=["text", "number", "class", "signal"])
def test_what_is_no_state(given: Any) -> None:
    """What a handler returns is a state or None; anything else fails the task with a TypeError that says so."""
    state, seen = outcome(lambda old, new: given if isinstance(new, Success) else None)
    assert (Failed, "builtins.TypeError", ["Running", "Failed"]) == (
        type(state),
        f"builtins.{state.causes[0].type}",
        seen.tags,
    )
    assert state.causes[0].message.startswith("a handler returns a state or None, not ")


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (SKIP("x"), Skipped(message="x")),
        (FAIL("x", retryable=False), Failed(message="x", retryable=False)),
        (CANCEL("x"), Cancelled(message="x")),
        (PAUSE("x"), Paused(message="x")),
        (BaseExceptionGroup("g", [SKIP("x"), CANCEL("y")]), Cancelled(message="y")),
    ],
    ids=repr,
)
@pytest.mark.parametrize("at", [Running, Success], ids=["begin", "end"])
def test_a_signal_raised_in_a_handler(at: type[State[Any]], exc: BaseException, expected: State[Any]) -> None:
    """It stands for its state, as one that is raised in a task does."""
    state, seen = outcome(throw(exc, at=at), retries=2)
    assert (expected, seen[-1][1]) == (state, expected)


def test_an_exception_raised_in_a_handler() -> None:
    """It is a failure of the task, its text as `redact` lets it through; at the end of an attempt it is retried."""
    state, seen = outcome(throw(ValueError("x"), at=Success), retries=1)
    assert ["Running", "Retrying", "Running", "Failed"] == seen.tags
    assert "raised ValueError" == state.message
    with Flow("f") as flow:
        node = task(name="work", handlers=[throw(ValueError("secret"), at=Success)])(lambda: 5)()
    assert "..." == flow.run(redact=lambda text: "...")[node].causes[0].message


def test_a_retry_at_a_beginning_is_bounded() -> None:
    """It counts against the retries as one at the end does, and waits for the same delay; none is left at last."""
    state, seen = outcome(throw(RETRY("busy"), at=Running), retries=2, retry_delay=60)
    assert (Failed(message="busy"), ["Retrying", "Retrying", "Failed"]) == (state, seen.tags)


@pytest.mark.parametrize("signal", [RETRY("again"), PAUSE("ask"), SCHEDULE("later")], ids=repr)
def test_a_handler_holds_up_no_cancellation(signal: BaseException) -> None:
    """What it puts in place of a Cancelled task, child or mapped task is final: a run that is over is over."""
    runs: list[Run] = []
    handle = throw(signal, at=Cancelled)
    with Flow("f") as flow:
        mapped = flow.map(task(name="asks", trigger=manual_only, handlers=[handle])(lambda value: value), [1, 2])
        first = task(name="first")(lambda: runs[0].cancel())()
        flow.after(task(name="waits", retries=2, handlers=[handle])(lambda: 1)(), first)
    runs.append(begin(flow, {}, Options()))
    run = runs[0].start()
    assert ["Cancelled", "Success", "Cancelled"] == [one.state.type for one in run]
    assert ["Cancelled", "Cancelled"] == [child.type for child in run.children(mapped)]


def test_a_handler_knows_of_which_task_it_is_told() -> None:
    """`current()` has the task's name, the position of a child, and the number of the attempt."""
    told = list[tuple[str, int | None, int]]()

    def tell(old: State[Any], new: State[Any]) -> None:
        told.append((current().task, current().index, current().number))

    with Flow("f") as flow:
        flow.map(task(name="work", handlers=[tell])(lambda value: value), [1])
    flow.run()
    assert [("work", 0, 1), ("work", 0, 1), ("work", None, 1)] == told


def test_an_exception_at_a_beginning() -> None:
    """Raised before the function was called, it fails the task for good."""
    state, seen = outcome(throw(ValueError("x"), at=Running), retries=2)
    assert (["Failed"], "raised ValueError") == (seen.tags, state.message)


@pytest.mark.parametrize("exc", [KeyboardInterrupt(), SystemExit(2)], ids=repr)
def test_what_ends_the_program_comes_out(exc: BaseException) -> None:
    """KeyboardInterrupt and SystemExit in a handler end the run, and no task is called after them."""
    with Flow("f") as flow:
        task(name="work", handlers=[throw(exc, at=Success)])(lambda: 5)()
    with pytest.raises(type(exc)):
        flow.run()


# ---- put off, over and over


@pytest.mark.parametrize("given", [SCHEDULE, LOOP, partial(SUBMIT, state=Pending()), partial(QUEUE, state=Scheduled())])
@pytest.mark.parametrize("of_flow", [False, True], ids=["task", "flow"])
def test_what_is_put_off_for_ever_fails(of_flow: bool, given: Any) -> None:
    """A handler that puts off each beginning to no later time is asked 100 times more, and then the reason is said."""
    asked = 0

    def put_off(old: State[Any], new: State[Any]) -> None:
        nonlocal asked
        if isinstance(new, Running):
            asked += 1
            raise given("not yet")

    @task(handlers=[] if of_flow else [put_off])
    def work() -> int:
        return 1

    with Flow("f", handlers=[put_off] if of_flow else []) as flow:
        node = work()
    run = flow.run()
    state = run.state if of_flow else run[node]
    said = "its handlers put it off 100 times in a row, to no later time; give SCHEDULE a start_time"
    assert (Failed(message=said, retryable=False), 101) == (state, asked)


def test_what_is_put_off_to_a_later_time_is_asked_without_end() -> None:
    """A handler may wait for something as long as it likes, if time passes meanwhile."""
    clock, left = Clock(), 150

    def wait(old: State[Any], new: State[Any]) -> State[Any] | None:
        nonlocal left
        if isinstance(new, Running) and left:
            left -= 1
            return Scheduled(start_time=clock.now + timedelta(seconds=1))
        return None

    @task(handlers=[wait])
    def work() -> int:
        return 1

    with Flow("f") as flow:
        node = work()
    assert Success(result=1) == flow.run(clock=clock, sleep=clock.sleep)[node]
