"""Executors: each call comes to one end, wherever it runs and whatever happens to who runs it."""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from statesig import (
    AnyState,
    Attempt,
    Cancelled,
    Crashed,
    Failed,
    Skipped,
    Success,
    Task,
)
from statesig.calls import Call, Outcome
from statesig.executors import Coroutines, Executor, Threads
from tests.programs import calls_work as work

ROUNDS = int(os.environ.get("STATESIG_ROUNDS", "20"))

Maker = Callable[[], Executor]


def call_of(task: Task[Any, Any], *args: Any, loop_result: Any = None, **options: Any) -> Call:
    return Call(task, args, {}, Attempt("run", task.name, None, 1, loop_result), **options)


class Served:
    """An executor that serves, and what it reported."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.reports: queue.SimpleQueue[tuple[Call, Outcome]] = queue.SimpleQueue()

    def next(self) -> tuple[Call, Outcome]:
        return self.reports.get(timeout=60)

    def silent(self) -> bool:
        """Tell whether nothing more was reported."""
        return self.reports.empty()

    def of(self, calls: Sequence[Call]) -> list[Outcome]:
        """Hand calls over and return their outcomes, in order; each is reported once."""
        self.executor.submit(calls)
        got = [self.next() for _ in calls]
        found = dict(got)
        assert len(calls) == len(found)
        return [found[call] for call in calls]

    def state(self, task: Task[Any, Any], *args: Any, **options: Any) -> AnyState[Any]:
        """Hand one call over and return the state that it left."""
        return self.of([call_of(task, *args, **options)])[0].state


@contextmanager
def serving(executor: Executor, *, now: bool = False) -> Iterator[Served]:
    """Serve a run, and see to it that all that was reported was asked for, and that no thread is left."""
    before = set(threading.enumerate())
    served = Served(executor)
    executor.open(lambda call, outcome: served.reports.put((call, outcome)))
    try:
        yield served
    finally:
        executor.close(now=now)
    assert served.silent()
    if not executor.is_kept:
        assert set() == set(threading.enumerate()) - before


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


LOCAL = [pytest.param(lambda: Threads(4), id="threads"), pytest.param(Coroutines, id="coroutines")]
EVERY = LOCAL


# ---- wherever they run


@pytest.mark.parametrize("make", EVERY)
def test_each_call_is_reported_once(make: Maker) -> None:
    """A thousand calls have a thousand outcomes, each of its own call."""
    task = work.double_later if make is Coroutines else work.double
    with serving(make()) as served:
        outcomes = served.of([call_of(task, number) for number in range(1_000)])
    assert [Success(result=2 * number) for number in range(1_000)] == [outcome.state for outcome in outcomes]


@pytest.mark.parametrize("make", EVERY)
def test_what_a_task_does_is_its_state(make: Maker) -> None:
    """A value, a state, a signal and an exception leave the states that `capture` makes of them."""
    with serving(make()) as served:
        assert Success(result=4) == served.state(work.double, 2)
        assert Success(result=3, message="mine") == served.state(work.give_state)
        assert Skipped(message="nothing to do") == served.state(work.skip)
        assert Failed(message="no use", retryable=False) == served.state(work.give_up)
        failed = served.state(work.divide, 0)
    assert ("raised ZeroDivisionError", "division by zero") == (failed.message, failed.causes[0].message)


@pytest.mark.parametrize("make", EVERY)
def test_texts_are_redacted(make: Maker) -> None:
    """What of an exception's text may be kept is decided before the state is reported."""
    with serving(make()) as served:
        assert "XXX" == served.state(work.divide, 0, redact=redacted).causes[0].message


def redacted(text: str) -> str:
    return "XXX"


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("task", [work.tell, work.tell_later], ids=lambda task: task.name)
def test_current_tells_of_the_attempt(make: Maker, task: Task[[], Attempt]) -> None:
    """`current` tells a running task of its attempt, with the result of its last loop."""
    with serving(make()) as served:
        state = served.state(task, loop_result=[1, 2])
    assert Success(result=Attempt("run", task.name, None, 1, [1, 2])) == state


@pytest.mark.parametrize("make", EVERY)
def test_it_is_said_when_a_call_began(make: Maker) -> None:
    """A call that ran has the time at which it began, and its outcome the seconds that it took."""
    task = work.dream if make is Coroutines else work.nap
    call = call_of(task, 0.02)
    before = time.monotonic()
    with serving(make()) as served:
        outcome = served.of([call])[0]
    assert call.began is not None
    assert before <= call.began <= time.monotonic()
    assert outcome.seconds >= 0.02 * 0.9  # clocks of two kinds


@pytest.mark.parametrize("make", EVERY)
def test_who_cancels_itself_is_cancelled(make: Maker) -> None:
    """A coroutine that is cancelled by its own code leaves Cancelled."""
    with serving(make()) as served:
        assert Cancelled(message="its coroutine was cancelled") == served.state(work.cancel_itself)


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("task", [work.raise_one, work.raise_one_later], ids=lambda task: task.name)
def test_what_is_no_outcome_is_handed_on(make: Maker, kind: type[BaseException], task: Task[[str], None]) -> None:
    """KeyboardInterrupt and SystemExit are told by their kind, without their text, and others go on."""
    with serving(make()) as served:
        outcome = served.of([call_of(task, kind.__name__)])[0]
        assert Success(result=4) == served.state(work.double, 2)
    assert Crashed(message=f"{kind.__name__} came out of the task") == outcome.state
    if make in LOCAL:
        assert kind is type(outcome.raised)


@pytest.mark.parametrize("make", EVERY)
def test_it_serves_one_run_after_another(make: Maker) -> None:
    """An executor that was closed can be opened again, and closing twice does nothing more."""
    executor = make()
    for number in range(3):
        with serving(executor) as served:
            assert Success(result=2 * number) == served.state(work.double, number)
    executor.close()


@pytest.mark.parametrize("make", EVERY)
def test_closing_unused_does_nothing(make: Maker) -> None:
    """An executor without calls has nothing to end."""
    with serving(make()):
        pass


@pytest.mark.parametrize("make", EVERY)
def test_the_window_is_not_below_the_slots(make: Maker) -> None:
    """So many calls may be handed over that no slot waits for one."""
    executor = make()
    assert 0 < executor.slots <= executor.window


# ---- contexts


@pytest.mark.parametrize(("make", "task"), [(Threads, work.look), (Coroutines, work.look_later)])
def test_calls_run_in_copies_of_the_openers_context(make: Maker, task: Task[..., str]) -> None:
    """A context variable is as it was where the run was opened; what a call sets is its own."""
    token = work.place.set("here")
    try:
        with serving(make()) as served:
            work.place.set("elsewhere")
            states = [served.state(task, "changed") for _ in range(3)]
        assert "elsewhere" == work.place.get()
    finally:
        work.place.reset(token)
    assert [Success(result="here")] * 3 == states


# ---- threads


def test_only_so_many_threads_as_there_are_calls() -> None:
    """Threads are begun for calls that are in hand: one call after the other needs one."""
    with serving(Threads(8)) as served:
        names = {served.state(work.thread_name).unwrap() for _ in range(20)}
    assert 1 == len(names)


def test_calls_run_at_once() -> None:
    """So many calls are under way at once as there are workers, and no more."""
    barrier = threading.Barrier(4)
    meet = Task(barrier.wait, name="meet")
    with serving(Threads(4)) as served:
        outcomes = served.of([call_of(meet, 60) for _ in range(4)])
    assert [0, 1, 2, 3] == sorted(outcome.state.unwrap() for outcome in outcomes)


def test_a_stopped_call_gives_its_place_to_another() -> None:
    """A thread that is stuck is given up: nothing is reported of its call, and the pool keeps its size."""
    events = [threading.Event() for _ in range(3)]
    stuck = [call_of(work.wait_for, event) for event in events]
    with serving_with_leftovers(Threads(2), events) as served:
        for call in stuck:
            served.executor.submit([call])
            until(lambda call=call: call.began is not None)
            assert "its thread goes on until the function returns" == served.executor.stop(call)
            barrier = threading.Barrier(2)
            meet = Task(barrier.wait, name="meet")
            assert 2 == len(served.of([call_of(meet, 60) for _ in range(2)]))


@contextmanager
def serving_with_leftovers(executor: Executor, events: Sequence[threading.Event]) -> Iterator[Served]:
    """Serve a run of which threads are left, and let those end afterwards."""
    before = set(threading.enumerate())
    served = Served(executor)
    executor.open(lambda call, outcome: served.reports.put((call, outcome)))
    try:
        yield served
        executor.close(now=True)
        assert len(events) == len(set(threading.enumerate()) - before)
    finally:
        for event in events:
            event.set()
    until(lambda: not set(threading.enumerate()) - before)
    assert served.silent()


def test_a_call_that_had_not_begun_is_never_run(tmp_path: Any) -> None:
    """A call that was stopped in line is passed over."""
    event = threading.Event()
    blocking, waiting = call_of(work.wait_for, event), call_of(work.touch, tmp_path / "touched")
    with serving(Threads(1)) as served:
        served.executor.submit([blocking, waiting])
        until(lambda: blocking.began is not None)
        assert "it had not begun" == served.executor.stop(waiting)
        event.set()
        assert (blocking, Success(result=True)) == (lambda got: (got[0], got[1].state))(served.next())
        assert Success(result=4) == served.state(work.double, 2)
    assert not (tmp_path / "touched").exists()
    assert waiting.began is None


def test_stopping_what_has_ended_changes_nothing() -> None:
    """A call that came to its end meanwhile keeps its outcome."""
    call = call_of(work.double, 2)
    with serving(Threads(1)) as served:
        served.of([call])
        assert "it had just come to its end" == served.executor.stop(call)


def test_threads_closed_at_once_leave_what_runs() -> None:
    """Closing at once waits for no function, and runs nothing that is still in line."""
    event = threading.Event()
    calls = [call_of(work.wait_for, event), *(call_of(work.double, number) for number in range(10))]
    with serving_with_leftovers(Threads(1), [event]) as served:
        served.executor.submit(calls)
        until(lambda: calls[0].began is not None)
    assert [None] * 10 == [call.began for call in calls[1:]]


def test_calls_stopped_at_any_moment_are_reported_or_stopped() -> None:
    """A call is reported or was stopped, never both and never neither, at whatever moment it is stopped."""
    with serving(Threads(4), now=True) as served:
        for _ in range(ROUNDS):
            calls = [call_of(work.double, number) for number in range(200)]
            served.executor.submit(calls)
            over = "it had just come to its end"
            stopped = {call for call in calls if served.executor.stop(call) != over}
            reported = [served.next()[0] for _ in range(len(calls) - len(stopped))]
            assert set(calls) - stopped == set(reported)


def test_kept_threads_serve_run_after_run() -> None:
    """As a context manager the same threads serve several runs."""
    before = threading.active_count()
    with Threads(1) as executor:
        names = set()
        for _ in range(3):
            with serving(executor) as served:
                names.add(served.state(work.thread_name).unwrap())
    assert 1 == len(names)
    assert before == threading.active_count()


def test_workers_are_at_least_one() -> None:
    """An executor without workers is refused."""
    with pytest.raises(ValueError, match="workers is at least 1, not 0"):
        Threads(0)


# ---- coroutines


def test_coroutines_run_at_once() -> None:
    """All calls are under way on one loop: they can wait for each other."""
    barrier = asyncio.Barrier(100)

    async def meet() -> int:
        return await barrier.wait()

    task = Task(meet)
    with serving(Coroutines()) as served:
        outcomes = served.of([call_of(task) for _ in range(100)])
    assert list(range(100)) == sorted(outcome.state.unwrap() for outcome in outcomes)


def test_a_stopped_coroutine_is_cancelled() -> None:
    """A coroutine that is stopped ends where it waits, and nothing is reported of it."""
    seen = threading.Event()

    async def dream() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.set()

    call = call_of(Task(dream))
    with serving(Coroutines()) as served:
        served.executor.submit([call])
        until(lambda: call.began is not None)
        assert "its coroutine was cancelled" == served.executor.stop(call)
        assert seen.wait(30)
        assert "it had just come to its end" == served.executor.stop(call)


def test_coroutines_closed_at_once_are_cancelled() -> None:
    """Closing at once cancels all, and waits for what they still do about it."""
    ended = []

    async def dream() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(1)

    calls = [call_of(Task(dream)) for _ in range(10)]
    with serving(Coroutines(), now=True) as served:
        served.executor.submit(calls)
        until(lambda: calls[-1].began is not None)
    assert 10 == len(ended)


def test_a_coroutine_that_goes_on_holds_nobody() -> None:
    """One that swallows its cancellation is left in a thread, which ends with it."""
    let_go = threading.Event()

    async def stubborn() -> None:
        while not let_go.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                pass

    call = call_of(Task(stubborn))
    with serving_with_leftovers(Coroutines(grace=0.05), [let_go]) as served:
        served.executor.submit([call])
        until(lambda: call.began is not None)
        assert "its coroutine was cancelled" == served.executor.stop(call)
        assert Success(result=4) == served.state(work.double_later, 2)


def test_a_blocked_loop_is_replaced() -> None:
    """A coroutine that does not let go of the loop costs those beside it their attempt, and what waits goes on."""
    let_go = threading.Event()

    async def block() -> None:
        let_go.wait(60)

    blocking, beside, behind = call_of(Task(block)), call_of(work.dream, 60), call_of(work.double_later, 2)
    with serving_with_leftovers(Coroutines(grace=0.05), [let_go]) as served:
        served.executor.submit([beside])
        until(lambda: beside.began is not None)
        served.executor.submit([blocking])
        until(lambda: blocking.began is not None)
        served.executor.submit([behind])
        assert "its event loop is blocked, where its coroutine goes on" == served.executor.stop(blocking)
        call, outcome = served.next()
        assert (beside, Crashed(message="its event loop was blocked by the code of another task")) == (
            call,
            outcome.state,
        )
        call, outcome = served.next()
        assert (behind, Success(result=4)) == (call, outcome.state)


def test_a_task_cannot_stop_the_loop() -> None:
    """A task that stops the loop, or cancels all that is on it, harms no further call."""

    async def stop() -> None:
        asyncio.get_running_loop().stop()

    async def cancel_all() -> None:
        for task in asyncio.all_tasks():
            task.cancel()

    with serving(Coroutines()) as served:
        states = [outcome.state for outcome in served.of([call_of(Task(stop)), call_of(work.dream, 0.01)])]
        assert [Success(result=None)] * 2 == states
        states = [outcome.state for outcome in served.of([call_of(Task(cancel_all)), call_of(work.dream, 60)])]
        assert Cancelled(message="its coroutine was cancelled") == states[1]
        assert Success(result=4) == served.state(work.double_later, 2)


def test_asynchronous_generators_and_threads_of_the_loop_are_ended() -> None:
    """What coroutines left on the loop of ours ends with it."""
    ended = []

    async def numbers() -> Any:
        try:
            yield 1
            yield 2
        finally:
            ended.append("generator")

    kept = []

    async def use() -> int:
        generator = numbers()
        kept.append(generator)
        return await asyncio.to_thread(int, await anext(generator))

    with serving(Coroutines()) as served:
        assert Success(result=1) == served.state(Task(use))
    assert ["generator"] == ended


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run a loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_given_loop_is_used_and_not_closed() -> None:
    """Calls run on the loop that was given, which goes on afterwards without any of them."""

    async def which() -> int:
        return id(asyncio.get_running_loop())

    async def left() -> int:
        return len(asyncio.all_tasks()) - 1

    with running_loop() as loop:
        call = call_of(work.dream, 60)
        with serving(Coroutines(loop), now=True) as served:
            assert Success(result=id(loop)) == served.state(Task(which))
            served.executor.submit([call])
            until(lambda: call.began is not None)
        assert 0 == asyncio.run_coroutine_threadsafe(left(), loop).result(60)


def test_calls_for_a_closed_loop_are_crashed() -> None:
    """A loop that was given and closed takes no call, and each is told so."""
    with running_loop() as loop:
        pass
    with serving(Coroutines(loop)) as served:
        assert Crashed(message="its event loop was closed") == served.state(work.double_later, 2)


def test_a_kept_loop_serves_run_after_run() -> None:
    """As a context manager the same loop serves several runs, without the calls of an earlier one."""

    async def others() -> int:
        return len(asyncio.all_tasks()) - 1

    call = call_of(work.dream, 60)
    before = threading.active_count()
    with Coroutines() as executor:
        with serving(executor, now=True) as served:
            served.executor.submit([call])
            until(lambda: call.began is not None)
        with serving(executor) as served:
            assert Success(result=0) == served.state(Task(others))
    assert before == threading.active_count()
