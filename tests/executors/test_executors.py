"""Executors: each call comes to one end, wherever it runs and whatever happens to who runs it."""

import asyncio
import multiprocessing
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from statesig import AnyState, Attempt, Cancelled, Crashed, Failed, Skipped, Success, Task
from statesig.executors import processes
from statesig.executors.calls import Call, Outcome
from statesig.executors.coroutines import Coroutines
from statesig.executors.executor import Executor, Session, unheard
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from tests import ROOT
from tests.harness.exhaustive import counts, exhaustive_but, thorough_but
from tests.samples import calls_work as work

# How often what is random is tried.
ROUNDS = int(os.environ.get("STATESIG_ROUNDS", "20"))

Maker = Callable[[], Executor]


def call_of(task: Task[Any, Any], *args: Any, loop_result: Any = None, **options: Any) -> Call:
    return Call(task, args, {}, Attempt("run", task.name, None, 1, loop_result), **options)


class Served:
    """An executor that serves, and what it reported."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.session: Session
        self.reports: queue.SimpleQueue[tuple[Call, Outcome]] = queue.SimpleQueue()

    def next(self) -> tuple[Call, Outcome]:
        return self.reports.get(timeout=60)

    def silent(self) -> bool:
        """Tell whether nothing more was reported."""
        return self.reports.empty()

    def of(self, calls: Sequence[Call]) -> list[Outcome]:
        """Hand calls over and return their outcomes, in order; each is reported once."""
        self.session.submit(calls)
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
    threads, processes = set(threading.enumerate()), children()
    served = Served(executor)
    served.session = executor.open(lambda call, outcome: served.reports.put((call, outcome)))
    try:
        yield served
    finally:
        served.session.close(now=now)
    assert served.silent()
    if not executor.is_kept:
        assert set() == set(threading.enumerate()) - threads
        assert set() == children() - processes


def children() -> set[int]:
    """Return the numbers of this process's worker processes."""
    return {child.pid or 0 for child in multiprocessing.active_children()}


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


def four_threads() -> Executor:
    return Threads(4)


def spawned() -> Executor:
    return Processes(2)


def forked() -> Executor:
    return Processes(2, start="forkserver")


REMOTE = exhaustive_but([forked], [spawned, forked])
each_start = pytest.mark.parametrize("start", thorough_but(["forkserver"], ["spawn", "forkserver"]))
EVERY = [four_threads, Coroutines, *REMOTE]


@pytest.fixture(scope="module", params=EVERY)
def anywhere(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Return an executor of each kind, kept from one test to the next, as processes take long to start."""
    with request.param() as executor:
        yield executor


@pytest.fixture(scope="module", params=REMOTE)
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Return an executor of processes, kept from one test to the next."""
    with request.param() as executor:
        yield executor


# ---- wherever they run


def test_each_call_is_reported_once(anywhere: Executor) -> None:
    """A thousand calls have a thousand outcomes, each of its own call."""
    task = work.double_later if isinstance(anywhere, Coroutines) else work.double
    with serving(anywhere) as served:
        outcomes = served.of([call_of(task, number) for number in range(1_000)])
    assert [Success(result=2 * number) for number in range(1_000)] == [outcome.state for outcome in outcomes]


def test_what_a_task_does_is_its_state(anywhere: Executor) -> None:
    """A value, a state, a signal and an exception leave the states that `capture` makes of them."""
    with serving(anywhere) as served:
        assert Success(result=4) == served.state(work.double, 2)
        assert Success(result=3, message="mine") == served.state(work.give_state)
        assert Skipped(message="nothing to do") == served.state(work.skip)
        assert Failed(message="no use", retryable=False) == served.state(work.give_up)
        failed = served.state(work.divide, 0)
    assert ("raised ZeroDivisionError", "division by zero") == (failed.message, failed.causes[0].message)


def test_texts_are_redacted(anywhere: Executor) -> None:
    """What of an exception's text may be kept is decided before the state is reported."""
    with serving(anywhere) as served:
        assert "redacted" == served.state(work.divide, 0, redact=redacted).causes[0].message


def redacted(text: str) -> str:
    """Return what is kept of a text: nothing."""
    return "redacted"


@pytest.mark.parametrize("task", [work.tell, work.tell_later], ids=lambda task: task.name)
def test_current_tells_of_the_attempt(anywhere: Executor, task: Task[[], Attempt]) -> None:
    """`current` tells a running task of its attempt, with the result of its last loop."""
    with serving(anywhere) as served:
        state = served.state(task, loop_result=[1, 2])
    assert Success(result=Attempt("run", task.name, None, 1, [1, 2])) == state


def test_it_is_said_when_a_call_began(anywhere: Executor) -> None:
    """A call that ran has the time at which it began, and its outcome the seconds that it took."""
    task = work.dream if isinstance(anywhere, Coroutines) else work.nap
    call = call_of(task, 0.02)
    before = time.monotonic()
    with serving(anywhere) as served:
        outcome = served.of([call])[0]
    assert call.began is not None
    assert before <= call.began <= time.monotonic()
    assert outcome.seconds >= 0.02 * 0.9  # clocks of two kinds


def test_who_cancels_itself_is_cancelled(anywhere: Executor) -> None:
    """A coroutine that is cancelled by its own code leaves Cancelled."""
    with serving(anywhere) as served:
        assert Cancelled(message="its coroutine was cancelled") == served.state(work.cancel_itself)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("task", [work.raise_one, work.raise_one_later], ids=lambda task: task.name)
def test_what_is_no_outcome_is_handed_on(
    anywhere: Executor, kind: type[BaseException], task: Task[[str], None]
) -> None:
    """KeyboardInterrupt and SystemExit are told by their kind, without their text, and others go on."""
    with serving(anywhere) as served:
        outcome = served.of([call_of(task, kind.__name__)])[0]
        assert Success(result=4) == served.state(work.double, 2)
    assert Crashed(message=f"{kind.__name__} came out of the task") == outcome.state
    if not isinstance(anywhere, Processes):
        assert kind is type(outcome.raised)


@pytest.mark.parametrize("make", EVERY)
def test_it_serves_one_run_after_another(make: Maker) -> None:
    """An executor can be opened again, and closing a session twice does nothing more."""
    executor = make()
    for number in range(3):
        with serving(executor) as served:
            assert Success(result=2 * number) == served.state(work.double, number)
        served.session.close()


@pytest.mark.parametrize("make", EVERY)
def test_closing_unused_does_nothing(make: Maker) -> None:
    """An executor without calls has begun nothing, and has nothing to end."""
    before = threading.active_count()
    with serving(make()):
        assert before == threading.active_count()


@pytest.mark.parametrize("make", EVERY)
def test_the_window_is_not_below_the_slots(make: Maker) -> None:
    """So many calls may be handed over that no slot waits for one."""
    with serving(make()) as served:
        assert 0 < served.session.slots <= served.session.window


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
            served.session.submit([call])
            until(lambda call=call: call.began is not None)
            assert "its thread goes on until the function returns" == served.session.stop(call)
            barrier = threading.Barrier(2)
            meet = Task(barrier.wait, name="meet")
            assert 2 == len(served.of([call_of(meet, 60) for _ in range(2)]))


@contextmanager
def serving_with_leftovers(executor: Executor, events: Sequence[threading.Event]) -> Iterator[Served]:
    """Serve a run of which threads are left, and let those end afterwards."""
    before = set(threading.enumerate())
    served = Served(executor)
    served.session = executor.open(lambda call, outcome: served.reports.put((call, outcome)))
    try:
        yield served
        served.session.close(now=True)
        assert len(events) == len(set(threading.enumerate()) - before)
    finally:
        for event in events:
            event.set()
    until(lambda: not set(threading.enumerate()) - before)
    assert served.silent()


def test_a_session_that_breaks_off_leaves_no_other_without_a_thread() -> None:
    """The thread that it leaves behind in a call is replaced if another session's calls wait for one."""
    event, pool = threading.Event(), Threads(1)
    stuck, behind = call_of(work.wait_for, event), call_of(work.double, 2)
    before = set(threading.enumerate())
    with serving(pool) as served:
        broken = pool.open(unheard)
        broken.submit([stuck])
        until(lambda: stuck.began is not None)
        served.session.submit([behind])
        broken.close(now=True)
        call, outcome = served.next()
        assert (behind, Success(result=4)) == (call, outcome.state)
        event.set()
        until(lambda: len(set(threading.enumerate()) - before) <= 1)


def test_a_call_that_had_not_begun_is_never_run(tmp_path: Path) -> None:
    """A call that was stopped in line is passed over."""
    event = threading.Event()
    blocking, waiting = call_of(work.wait_for, event), call_of(work.touch, tmp_path / "touched")
    with serving(Threads(1)) as served:
        served.session.submit([blocking, waiting])
        until(lambda: blocking.began is not None)
        assert "it had not begun" == served.session.stop(waiting)
        event.set()
        assert (blocking, Success(result=True)) == (lambda got: (got[0], got[1].state))(served.next())
        assert Success(result=4) == served.state(work.double, 2)
    assert not (tmp_path / "touched").exists()
    assert waiting.began is None


def test_a_call_that_had_not_begun_can_be_taken_back() -> None:
    """A call in line is taken back, one that runs is not; nothing else of the line changes."""
    event = threading.Event()
    blocking, waiting, last = call_of(work.wait_for, event), call_of(work.double, 1), call_of(work.double, 2)
    with serving(Threads(1)) as served:
        served.session.submit([blocking, waiting, last])
        until(lambda: blocking.began is not None)
        assert [False, True, False] == [served.session.withdraw(call) for call in (blocking, waiting, waiting)]
        event.set()
        assert [blocking, last] == [served.next()[0] for _ in range(2)]


def test_stopping_what_has_ended_changes_nothing() -> None:
    """A call that came to its end meanwhile keeps its outcome."""
    call = call_of(work.double, 2)
    with serving(Threads(1)) as served:
        served.of([call])
        assert "it had just ended" == served.session.stop(call)


def test_threads_closed_at_once_leave_what_runs() -> None:
    """Closing at once waits for no function, and runs nothing that is still in line."""
    event = threading.Event()
    calls = [call_of(work.wait_for, event), *(call_of(work.double, number) for number in range(10))]
    with serving_with_leftovers(Threads(1), [event]) as served:
        served.session.submit(calls)
        until(lambda: calls[0].began is not None)
    assert [None] * 10 == [call.began for call in calls[1:]]


def test_calls_stopped_at_any_moment_are_reported_or_stopped() -> None:
    """A call is reported or was stopped, never both and never neither, at whatever moment it is stopped."""
    with serving(Threads(4), now=True) as served:
        for _ in range(ROUNDS):
            calls = [call_of(work.double, number) for number in range(200)]
            served.session.submit(calls)
            over = "it had just ended"
            stopped = {call for call in calls if served.session.stop(call) != over}
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
        served.session.submit([call])
        until(lambda: call.began is not None)
        assert "its coroutine was cancelled" == served.session.stop(call)
        assert seen.wait(30)
        assert "it had just ended" == served.session.stop(call)


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
        served.session.submit(calls)
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
        served.session.submit([call])
        until(lambda: call.began is not None)
        assert "its coroutine was cancelled" == served.session.stop(call)
        assert Success(result=4) == served.state(work.double_later, 2)


def test_a_blocked_loop_is_replaced() -> None:
    """A coroutine that does not let go of the loop costs those beside it their attempt, and what waits goes on."""
    let_go = threading.Event()

    async def block() -> None:
        let_go.wait(60)

    blocking, beside, behind = call_of(Task(block)), call_of(work.dream, 60), call_of(work.double_later, 2)
    with serving_with_leftovers(Coroutines(grace=0.05), [let_go]) as served:
        served.session.submit([beside])
        until(lambda: beside.began is not None)
        served.session.submit([blocking])
        until(lambda: blocking.began is not None)
        served.session.submit([behind])
        assert "its event loop is blocked, and its coroutine goes on there" == served.session.stop(blocking)
        call, outcome = served.next()
        assert (beside, Crashed(message="its event loop was blocked by the code of another task")) == (
            call,
            outcome.state,
        )
        call, outcome = served.next()
        assert (behind, Success(result=4)) == (call, outcome.state)


def test_a_call_that_moves_to_another_loop_begins_once() -> None:
    """The blocked loop, once it is free, does not begin what waited behind the blocking coroutine."""
    let_go, begun = threading.Event(), []

    async def block() -> None:
        let_go.wait(60)

    async def note() -> None:
        begun.append(threading.get_ident())

    blocking, behind = call_of(Task(block)), call_of(Task(note))
    with serving_with_leftovers(Coroutines(grace=0.05), [let_go]) as served:
        served.session.submit([blocking, behind])
        until(lambda: blocking.began is not None)
        assert "its event loop is blocked, and its coroutine goes on there" == served.session.stop(blocking)
        assert behind is served.next()[0]
    assert 1 == len(begun)


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
            served.session.submit([call])
            until(lambda: call.began is not None)
        assert 0 == asyncio.run_coroutine_threadsafe(left(), loop).result(60)


def test_a_given_loop_that_is_blocked_is_told() -> None:
    """A loop that was given is not replaced: it is said that what was on it goes on, and the runner is not held."""
    let_go = threading.Event()

    async def block() -> None:
        let_go.wait(60)

    blocking, beside = call_of(Task(block)), call_of(work.dream, 60)
    with running_loop() as loop, serving(Coroutines(loop, grace=0.05)) as served:
        served.session.submit([beside])
        until(lambda: beside.began is not None)
        served.session.submit([blocking])
        until(lambda: blocking.began is not None)
        said = [served.session.stop(call) for call in (blocking, beside)]
        let_go.set()
        assert ["its event loop is blocked, and its coroutine goes on there"] * 2 == said
        assert Success(result=4) == served.state(work.double_later, 2)


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
            served.session.submit([call])
            until(lambda: call.began is not None)
        with serving(executor) as served:
            assert Success(result=0) == served.state(Task(others))
    assert before == threading.active_count()


# ---- processes


def deaths(how: str) -> str:
    """Return what is said of a worker that ended so."""
    return {
        "kill": "was killed by SIGKILL",
        "exit": "ended with exit code 7",
        "segfault": "was killed by SIGSEGV",
    }[how]


@pytest.mark.parametrize("make", REMOTE)
@pytest.mark.parametrize("how", ["kill", "exit", "segfault"])
def test_a_worker_that_dies_costs_its_own_call(make: Maker, how: str) -> None:
    """A process that ends within a call leaves it Crashed with the reason; another one takes the next call."""
    with serving(make()) as served:
        died = served.state(work.end, how)
        assert Success(result=4) == served.state(work.double, 2)
    assert Crashed(message=f"its worker process {deaths(how)}") == died
    assert died.retryable


def started(served: Served, path: Path, seconds: float) -> tuple[Call, int]:
    """Begin a call that naps, and return it with the number of its process."""
    call = call_of(work.mark_and_nap, path, seconds)
    served.session.submit([call])
    until(path.exists)
    until(lambda: call.began is not None)
    return call, int(path.read_text())


@pytest.mark.parametrize("make", REMOTE)
def test_killing_one_worker_touches_no_other(make: Maker, tmp_path: Path) -> None:
    """Of two calls under way in two processes, only that of the killed one is lost."""
    with serving(make()) as served:
        lost, number = started(served, tmp_path / "lost", 60)
        kept, other = started(served, tmp_path / "kept", 0.3)
        os.kill(number, signal.SIGKILL)
        assert (lost, Crashed(message="its worker process was killed by SIGKILL")) == told(served.next())
        assert (kept, Success(result=other)) == told(served.next())


def told(report: tuple[Call, Outcome]) -> tuple[Call, AnyState[Any]]:
    """Return the call and the state of a report."""
    return report[0], report[1].state


@pytest.mark.parametrize("make", REMOTE)
def test_a_worker_killed_while_idle_costs_nothing(make: Maker) -> None:
    """A process that is killed between two calls, however shortly before the next one, costs that one no attempt."""
    with serving(make()) as served:
        for pause in (0, 0, 0.001, 0.1):
            number = served.state(work.pid).unwrap()
            os.kill(number, signal.SIGKILL)
            time.sleep(pause)
            assert number != served.state(work.pid).unwrap()


def status_of(number: int) -> str:
    """Return the letter of a process's status: Z where it has ended and is not yet reaped; none where it is gone."""
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rpartition(")")[2].split()[0]


def is_gone(number: int) -> bool:
    return status_of(number) in ("", "Z")


@each_start
@pytest.mark.parametrize("rounds", counts(1, 5, share=1 / 4))
def test_a_worker_killed_within_a_message_costs_its_own_call(start: Any, rounds: int) -> None:
    """A process that is killed while it sends a large result, at any point of it, leaves that call Crashed alone."""
    drawn = random.Random(1)
    with serving(Processes(1, start=start)) as served:
        for _ in range(rounds):
            number = served.state(work.pid).unwrap()
            call = call_of(work.bytes_of, 30_000_000)
            served.session.submit([call])
            until(lambda call=call: call.began is not None)
            time.sleep(drawn.uniform(0, 0.04))
            kill(number)
            got, outcome = served.next()
            assert got is call
            if isinstance(outcome.state, Crashed):
                assert Crashed(message="its worker process was killed by SIGKILL") == outcome.state
            else:
                assert 30_000_000 == len(outcome.state.unwrap())


def kill(number: int) -> None:
    """Kill a process that may have ended meanwhile."""
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        pass


@pytest.mark.parametrize("rounds", counts(1, 10, 30))
@each_start
def test_no_call_is_lost_or_doubled_when_workers_are_killed_at_random(start: Any, rounds: int) -> None:
    """Four workers are killed again and again at random: each call is done or Crashed, and reported once."""
    drawn = random.Random(2)
    others = children()
    ready: set[int] = set()  # those that have run a call: were any killed at any time, none might come so far
    killed: list[int] = []
    states: dict[Call, Any] = {}
    done = threading.Event()

    def kill_some() -> None:
        while len(killed) < rounds and not done.wait(drawn.uniform(0, 0.03)):
            if found := ready - set(killed):
                found = found if drawn.random() < 0.8 else children() - others - set(killed)
                for number in drawn.sample(sorted(found), min(1, len(found))):
                    killed.append(number)
                    kill(number)

    with serving(Processes(4, start=start)) as served:
        killer = threading.Thread(target=kill_some)
        killer.start()
        try:
            while len(killed) < rounds:
                batch = [call_of(work.double_later, number) for number in range(40)]
                served.session.submit(batch)
                for _ in batch:
                    call, outcome = served.next()
                    assert call not in states
                    states[call] = outcome.state
                    ready.add(int(outcome.worker.rpartition(":")[2]))
                    ready.discard(os.getpid())
                assert set(batch) <= states.keys()
        finally:
            done.set()
            killer.join()
    for call, state in states.items():
        if isinstance(state, Crashed):
            assert (state.message or "").startswith("its worker process was killed ")
        else:
            assert Success(result=2 * call.args[0]) == state
    assert any(isinstance(state, Success) for state in states.values())


@pytest.mark.parametrize("make", REMOTE)
def test_a_stopped_call_ends_its_process(make: Maker, tmp_path: Path) -> None:
    """A call that is stopped is so with its process, nothing is reported of it, and another process serves."""
    with serving(make()) as served:
        call, number = started(served, tmp_path / "began", 60)
        assert "its process was ended" == served.session.stop(call)
        until(lambda: is_gone(number))
        assert Success(result=4) == served.state(work.double, 2)
        assert "it had just ended" == served.session.stop(call)


@pytest.mark.parametrize("rounds", counts(2, 10))
@each_start
def test_calls_in_processes_stopped_at_any_moment_are_reported_or_stopped(start: Any, rounds: int) -> None:
    """Stopping a call hits its own process only, at whatever moment: each other call has its outcome."""
    with serving(Processes(2, start=start)) as served:
        for number in range(rounds):
            calls = [call_of(work.double, number) for number in range(6)]
            served.session.submit(calls)
            time.sleep(0.006 * number / rounds)
            over = "it had just ended"
            stopped = {call for call in calls[::2] if served.session.stop(call) != over}
            reported = dict(told(served.next()) for _ in range(len(calls) - len(stopped)))
            assert set(calls) - stopped == set(reported)
            assert all(Success(result=2 * call.args[0]) == state for call, state in reported.items())


@pytest.mark.parametrize("make", REMOTE)
def test_processes_closed_at_once_are_ended(make: Maker, tmp_path: Path) -> None:
    """Closing at once ends the processes that run calls, and runs nothing that is still in line."""
    with serving(make(), now=True) as served:
        _, number = started(served, tmp_path / "began", 60)
        served.session.submit([call_of(work.touch, tmp_path / "touched") for _ in range(4)])
    assert is_gone(number)


@pytest.mark.exhaustive
@pytest.mark.parametrize("make", thorough_but([forked], [spawned, forked]))
def test_a_call_that_kills_each_worker_before_it_begins_is_crashed(make: Maker) -> None:
    """An argument that cannot even be unpickled without the end of the process is not tried for ever."""
    with serving(make()) as served:
        state = served.state(work.take, work.Deadly())
        assert Success(result=4) == served.state(work.double, 2)
    assert Crashed(message="its worker process was killed by SIGKILL") == state


def test_arguments_and_results_of_any_size(elsewhere: Executor) -> None:
    """What is larger than any pipe goes through it in both directions."""
    with serving(elsewhere) as served:
        assert Success(result=20_000_000) == served.state(work.length, b"x" * 20_000_000)
        assert 20_000_000 == len(served.state(work.bytes_of, 20_000_000).unwrap())


def test_an_argument_that_cannot_be_pickled_fails_its_task(elsewhere: Executor) -> None:
    """It is said that it is an argument, no attempt is worth another, and the process is not touched."""
    with serving(elsewhere) as served:
        number = served.state(work.pid).unwrap()
        state = served.state(work.take, threading.Lock())
        assert number == served.state(work.pid).unwrap()
    assert isinstance(state, Failed)
    assert ("an argument of the task cannot be pickled", False) == (state.message, state.retryable)
    assert "cannot pickle '_thread.lock' object" == state.causes[0].message


def test_a_result_that_cannot_be_pickled_fails_its_task(elsewhere: Executor) -> None:
    """It is said that it is the result, and the worker lives on."""
    with serving(elsewhere) as served:
        number = served.state(work.pid).unwrap()
        states = [served.state(work.lock), served.state(work.unreadable)]
        assert number == served.state(work.pid).unwrap()
    assert [
        ("the task's result cannot be pickled", False),
        ("the task's result was pickled but cannot be unpickled", False),
    ] == [(state.message, state.retryable) for state in states if isinstance(state, Failed)]
    assert "this does not unpickle" == states[1].causes[0].message


def test_what_the_worker_cannot_unpickle_fails_its_task(elsewhere: Executor) -> None:
    """An argument that does not unpickle there is told, redacted as all texts, and the worker lives on."""
    with serving(elsewhere) as served:
        number = served.state(work.pid).unwrap()
        state = served.state(work.take, work.Unreadable(), redact=redacted)
        assert number == served.state(work.pid).unwrap()
    said = "the task or an argument of it cannot be unpickled by its worker, which must be able to import its module"
    assert isinstance(state, Failed)
    assert (said, False, "redacted") == (state.message, state.retryable, state.causes[0].message)


def test_what_has_no_name_needs_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task without a name to be imported by runs by cloudpickle, and fails with the reason where that is missing."""
    call = call_of(Task(lambda number: number + 1, name="nameless"), 1)
    with serving(spawned()) as served:
        assert Success(result=2) == served.of([call])[0].state
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
        state = served.of([call])[0].state
    assert isinstance(state, Failed)
    assert ("the task cannot be pickled", False) == (state.message, state.retryable)


NOTEBOOK = """
import sys
from dataclasses import dataclass
from statesig import *

@dataclass
class Order:
    total: int

class Refused(Failed[int]):
    code: int

class REFUSED(Signal[Refused]):
    pass

@task
def order(total: int) -> Order:
    return Order(total)

@task
def check(order: Order) -> int:
    raise REFUSED("too much", code=order.total)

if sys.argv[1:]:
    sys.modules["cloudpickle"] = None
with Flow("notebook") as flow:
    ordered = order(flow.parameter("total", int))
    checked = check(ordered)
run = flow.run(total=7, executor="processes")
if isinstance(run[ordered], Success):
    print(type(run[ordered].result) is Order, type(run[checked]) is Refused, run[checked].code)
else:
    print(run[ordered].type, run[ordered].message)
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "True True 7\n"),
        pytest.param(
            ["without"],
            "Failed the task or an argument of it cannot be unpickled by its worker, which must be able to import its "
            "module; what a notebook defines goes by value where cloudpickle is installed\n",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_what_a_notebook_defines_goes_by_value(arguments: list[str], expected: str) -> None:
    """Tasks, values and states of a `__main__` that no worker can import work, by cloudpickle; the error names it."""
    command = [sys.executable, "-c", NOTEBOOK, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert expected == done.stdout


def test_a_redaction_that_cannot_be_pickled_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides on texts goes to the worker too, and is named where it cannot."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with serving(spawned()) as served:
        state = served.state(work.double, 1, redact=lambda text: text)
        assert "`redact` cannot be pickled" == state.message
        state = served.state(work.double, 1, loop_result=threading.Lock())
        assert "the result that its last loop handed on cannot be pickled" == state.message


def test_ctrl_c_does_not_reach_workers(elsewhere: Executor) -> None:
    """The signal of Ctrl-C, which a terminal sends to all, is the parent's to act on."""
    with serving(elsewhere) as served:
        assert Success(result="went on") == served.state(work.interrupt_itself)


def test_a_program_left_behind_by_a_task_hides_no_death(tmp_path: Path) -> None:
    """The end of a worker is seen at once, though a program that its task started goes on."""
    path = tmp_path / "pid"
    with serving(spawned()) as served:
        state = served.state(work.leave_behind, path, 60)
    left = int(path.read_text())
    assert not is_gone(left)
    os.kill(left, signal.SIGKILL)
    assert Crashed(message="its worker process was killed by SIGKILL") == state


def test_workers_start_when_there_are_calls_for_them() -> None:
    """One call after the other needs one process, and calls at once need as many as there may be."""
    others = children()
    with serving(Processes(3, start="forkserver")) as served:
        assert set() == children() - others
        assert 1 == len({served.state(work.pid).unwrap() for _ in range(5)})
        assert 1 == len(children() - others)
        served.of([call_of(work.nap, 0.2) for _ in range(6)])
        assert 3 == len(children() - others)


def test_a_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that a task left in its worker does not hold the end of a run."""
    monkeypatch.setattr(processes, "_FAREWELL", 0.2)
    with serving(spawned()) as served:
        assert Success(result=None) == served.state(work.leave_thread, 60)


def test_kept_processes_serve_run_after_run() -> None:
    """As a context manager the same processes serve several runs, and end with the block."""
    others = children()
    with Processes(1) as executor:
        numbers = set()
        for _ in range(3):
            with serving(executor) as served:
                numbers.add(served.state(work.pid).unwrap())
    assert 1 == len(numbers)
    assert others == children()


@pytest.mark.exhaustive
@pytest.mark.parametrize("make", thorough_but([forked], [spawned, forked]))
def test_open_files_are_as_many_as_before(make: Maker) -> None:
    """Pipes and sentinels are closed, of processes that ended, that were killed and that were stopped."""
    with serving(make()) as served:  # what multiprocessing opens once for all
        served.state(work.double, 1)
    before = sorted(os.listdir("/proc/self/fd"))
    with serving(make(), now=True) as served:
        served.state(work.end, "kill")
        calls = [call_of(work.nap, 60) for _ in range(3)]
        served.session.submit(calls)
        until(lambda: calls[1].began is not None)
        served.session.stop(calls[0])
    assert before == sorted(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("busy", "start"),
    exhaustive_but([(False, "forkserver")], list(product([False, True], ["spawn", "forkserver"]))),
)
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, start: str, busy: bool) -> None:
    """No worker is left when its parent is killed, be it in the middle of a call or waiting for one."""
    program = f"""
import queue, sys, time
from pathlib import Path
from statesig import Attempt
from statesig.executors.calls import Call
from statesig.executors.processes import Processes
from tests.samples import calls_work as work

if __name__ == "__main__":
    executor = Processes(2, start={start!r})
    reports = queue.SimpleQueue()
    session = executor.open(lambda call, outcome: reports.put(outcome))
    attempt = Attempt("run", "task", None, 1, None)
    paths = [Path({str(tmp_path)!r}, name) for name in "ab"]
    session.submit([Call(work.mark_and_nap, (path, {60 if busy else 0.5}), {{}}, attempt) for path in paths])
    if {not busy}:
        reports.get(), reports.get()
    while not all(path.exists() for path in paths):
        time.sleep(0.01)
    print(*[path.read_text() for path in paths], flush=True)
    time.sleep(60)
"""
    path = tmp_path / "program.py"
    path.write_text(program)
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True, env=environment()) as parent:
        assert parent.stdout is not None
        numbers = [int(number) for number in parent.stdout.readline().split()]
        parent.kill()
    assert 2 == len(set(numbers))
    until(lambda: all(is_gone(number) for number in numbers))


def environment() -> dict[str, str]:
    """Return this process's environment, in which the tests' programs can be imported."""
    root = str(ROOT)
    return {**os.environ, "PYTHONPATH": root}


@pytest.mark.parametrize("start", exhaustive_but([], ["spawn", "forkserver"], thorough=["forkserver"]))
def test_tasks_of_the_program_itself(tmp_path: Path, start: str) -> None:
    """A task that is defined in the program that is run is found there by its name, in the workers too."""
    program = f"""
import queue
from statesig import Attempt, task
from statesig.executors.calls import Call
from statesig.executors.processes import Processes

@task
def halve(number: int) -> float:
    return number / 2

if __name__ == "__main__":
    executor = Processes(1, start={start!r})
    reports = queue.SimpleQueue()
    session = executor.open(lambda call, outcome: reports.put(outcome.state))
    session.submit([Call(halve, (3,), {{}}, Attempt("run", "task", None, 1, None))])
    print(repr(reports.get()))
    session.close()
"""
    path = tmp_path / "program.py"
    path.write_text(program)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, env=environment(), timeout=120, check=True
    )
    assert ("Success(result=1.5)\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("start", exhaustive_but([], ["spawn", "forkserver"], thorough=["forkserver"]))
def test_a_program_without_its_guard_is_told(tmp_path: Path, start: str) -> None:
    """A program that runs when it is imported starts no process after the other: each call says what to write."""
    program = f"""
import queue
from statesig import Attempt
from statesig.executors.calls import Call
from statesig.executors.processes import Processes
from tests.samples.calls_work import double

executor = Processes(2, start={start!r})
reports = queue.SimpleQueue()
session = executor.open(lambda call, outcome: reports.put(outcome.state))
session.submit([Call(double, (number,), {{}}, Attempt("run", "task", None, 1, None)) for number in range(20)])
for _ in range(20):
    state = reports.get()
    print(state.type, state.retryable, state.message)
session.close()
"""
    path = tmp_path / "program.py"
    path.write_text(program)
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, env=environment(), timeout=120, check=True
    )
    lines = done.stdout.splitlines()
    assert 20 == len(lines), done.stdout
    if start == "spawn":
        said = (
            "its worker process ended with exit code 1 while it started: its standard error says why; a program that "
        )
        assert {f"Crashed False {said}runs a flow in processes does so under `if __name__ == '__main__':`"} == set(
            lines
        )
    assert "run the flow under `if __name__ == '__main__':`" in done.stderr


def test_a_worker_starts_no_workers() -> None:
    """In a worker process the executor is refused, with what to use instead."""
    with serving(spawned()) as served:
        state = served.state(work.open_processes)
    said = "Processes cannot be used: this is a worker process, which may not start others; use threads here"
    assert said == state.causes[0].message
