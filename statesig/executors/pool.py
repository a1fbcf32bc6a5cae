"""Daemon threads that take calls from one queue: the base of executors whose workers are threads or processes.

A thread stuck in a call must not keep its place or hold the interpreter's exit.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextvars import Context, ContextVar, copy_context
from functools import partial
from queue import SimpleQueue
from typing import Final

from statesig.executors.calls import Call, Outcome
from statesig.executors.executor import Begun, Executor, Report, Session, unheard

__all__ = ["Pool", "Worker"]


class Worker(ABC):
    """Runs the calls of one thread of a `Pool`; that thread calls every method but `stop`."""

    @abstractmethod
    def perform(self, call: Call, may_begin: Callable[[], bool]) -> Outcome | None:
        """Run a call to its end, and set ``call.began``.

        Args:
            call: The call.
            may_begin: Waits for leave to begin. It is asked once all is ready for the call; if the call was withdrawn
                it returns False, and so does this method None.
        """

    @abstractmethod
    def stop(self) -> str:
        """Stop the running call as far as possible, and return a sentence on its fate; no other call follows."""

    @abstractmethod
    def close(self) -> None:
        """Release its resources."""


class Pool(Executor, ABC):
    """Daemon threads that take calls from one queue, started when there are calls for them.

    In `concurrent.futures` a thread that is stuck in a call keeps its place and holds the interpreter's exit. Here a
    thread whose call was stopped is abandoned, and a new one takes its place.

    A call whose code runs another flow in the same pool holds a thread and waits for others; the inner run brings one
    more thread for as long as it lasts, so that none waits for ever. So does a run that a handler or an `on_event` of
    another one begins: it has that thread for itself, since the threads of the pool may wait for leave from its caller.

    Args:
        workers: The number of calls that run at once, those of all runs together.
    """

    patience: float = 0.0
    """The seconds to wait for abandoned threads once no run uses the pool."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers is at least 1, not {workers}")
        self.workers: int = workers
        self._most = workers
        self._lock = threading.Lock()
        self._sessions: set[_PoolSession] = set()
        self._queue: SimpleQueue[tuple[_PoolSession, Call] | None] = SimpleQueue()
        self._seats: set[_Seat] = set()
        self._given_up: list[_Seat] = []

    @abstractmethod
    def worker(self) -> Worker:
        """Return the worker of a new thread."""

    def open(self, report: Report, begun: Begun | None = None) -> Session:
        """Begin to serve a run; its calls run in copies of this thread's context."""
        if self._is_awaited_here():
            return _Apart(self).open(report, begun)
        session = _PoolSession(self, report, begun, is_inner=self in _HOLDING.get())
        with self._lock:
            self._sessions.add(session)
            self._most += session.is_inner
        return session

    def _is_awaited_here(self) -> bool:
        """Tell whether calls that hold threads of the pool may wait for leave from the code that runs here."""
        if any(isinstance(pool, _Apart) and pool.of is self for pool in _HOLDING.get()):
            return True
        here = threading.get_ident()
        with self._lock:
            return any(session.waits_for == here for session in self._sessions)

    def end(self) -> None:
        """End the idle threads, unless a run uses them."""
        self._dismiss()

    # ---- called by sessions

    def put(self, session: _PoolSession, calls: Sequence[Call]) -> None:
        """Queue calls of a session."""
        with self._lock:
            self._staff()
            for call in calls:
                self._queue.put((session, call))

    def give_up(self, seats: Sequence[_Seat]) -> list[str]:
        """Stop what runs in some threads and replace these; return a sentence on the fate of each one's call."""
        with self._lock:
            self._seats.difference_update(seats)
            if self.patience:
                self._given_up = [*(left for left in self._given_up if left.thread.is_alive()), *seats]
        said = [seat.worker.stop() for seat in seats]
        with self._lock:
            self._staff()
        return said

    def leave(self, session: _PoolSession) -> None:
        """End the thread that a session brought and, with the last session, all others unless they are kept."""
        with self._lock:
            if session in self._sessions:
                self._sessions.discard(session)
                self._most -= session.is_inner
            if len(self._seats) > self._most:
                self._queue.put(None)
        self._dismiss()

    def ends(self, seat: _Seat) -> bool:
        """Tell whether an idle thread is to end: it was dismissed, or there is one too many."""
        with self._lock:
            is_over = seat not in self._seats or len(self._seats) > self._most
            if is_over:
                self._seats.discard(seat)
        return is_over

    # ----

    def _staff(self) -> None:
        """Start a thread for each call that has none, as far as there may be threads; the lock is held."""
        missing = self._most - len(self._seats)
        if missing <= 0:
            return
        calls = 0
        for session in self._sessions:
            calls += session.number
        for _ in range(min(missing, calls - len(self._seats))):
            seat = _Seat(self, self.worker(), self._queue)
            self._seats.add(seat)
            seat.thread.start()

    def _dismiss(self) -> None:
        """End all threads, unless a run uses them or they are kept; wait for the abandoned ones `patience` seconds."""
        with self._lock:
            if self._sessions or self.is_kept:
                return
            ending, self._seats = self._seats, set()
            abandoned, self._given_up = self._given_up, []
            for _ in ending:
                self._queue.put(None)
            self._queue = SimpleQueue()  # threads that begin from now on must not take what was put for these
        for seat in ending:
            seat.join()
        until = time.monotonic() + self.patience
        for seat in abandoned:
            seat.join(max(0.0, until - time.monotonic()))


class _Apart(Pool):
    """One thread like those of another pool, for a run that must not wait for these."""

    def __init__(self, of: Pool) -> None:
        super().__init__(1)
        self.of: Pool = of
        self.patience = of.patience

    def worker(self) -> Worker:
        """Return a worker as the other pool has them."""
        return self.of.worker()


_HOLDING: Final[ContextVar[tuple[Pool, ...]]] = ContextVar("pools", default=())
"""The pools of which the code that runs here holds a thread."""


class _PoolSession(Session):
    """One run's calls in a pool: queued, then held by a thread until they may begin, then running.

    Each change of the tables is one atomic operation of a dict, so no call is both stopped and reported, without a lock
    for each call.

    Attributes:
        is_inner: Whether it was opened by code that holds a thread of the pool.
        waits_for: The identity of the thread that opened it, if its calls wait for leave from that one.
    """

    def __init__(self, pool: Pool, report: Report, begun: Begun | None, *, is_inner: bool) -> None:
        self.slots: int = pool.workers
        # Large enough that the tasks one change makes ready are mostly handed over together: a thread that wakes for
        # each call and each outcome waits longer for the interpreter's lock than a short call takes.
        self.window: int = max(1_024, 2 * pool.workers)
        self.is_inner: bool = is_inner
        self.waits_for: int | None = None if begun is None else threading.get_ident()
        self._pool = pool
        self._report = report
        self._begun = begun
        self._waiting: dict[Call, bool] = {}
        self._held: dict[Call, _Hold] = {}
        self._running: dict[Call, _Seat] = {}
        self._context: Context = copy_context()
        self._context.run(lambda: _HOLDING.set((*_HOLDING.get(), pool)))

    @property
    def number(self) -> int:
        """How many calls wait or run."""
        return len(self._waiting) + len(self._held) + len(self._running)

    def submit(self, calls: Sequence[Call]) -> None:
        """Queue calls."""
        for call in calls:
            self._waiting[call] = True
        self._pool.put(self, calls)

    def withdraw(self, call: Call) -> bool:
        """Take back a call that has not begun."""
        if self._waiting.pop(call, False):
            return True
        hold = self._held.pop(call, None)
        if hold is not None:
            hold.answers.put(False)
        return hold is not None

    def let_begin(self, calls: Sequence[Call]) -> None:
        """Let held calls begin."""
        for call in calls:
            hold = self._held.get(call)
            if hold is not None:
                self._running[call] = hold.seat
                del self._held[call]
                hold.answers.put(True)

    def stop(self, call: Call) -> str:
        """Stop a call, and abandon the thread that runs it."""
        if self.withdraw(call):
            return "it had not begun"
        seat = self._running.pop(call, None)
        return "it had just ended" if seat is None else self._pool.give_up([seat])[0]

    def close(self, *, now: bool = False) -> None:
        """End the session: abandon the threads that run its calls."""
        self._waiting.clear()
        holds = [hold for call in list(self._held) if (hold := self._held.pop(call, None)) is not None]
        found = [seat for call in list(self._running) if (seat := self._running.pop(call, None)) is not None]
        self._pool.give_up([*(hold.seat for hold in holds), *found])
        for hold in holds:
            hold.answers.put(False)
        self._report = unheard
        self._pool.leave(self)

    def perform(self, call: Call, seat: _Seat) -> bool:
        """Run a call in the seat's thread, and report its outcome; return whether the thread is to take another."""
        # Add the call to the held or running ones before it leaves the queued ones: `stop` looks in the opposite order.
        hold = None
        if self._begun is None:
            self._running[call] = seat
        else:
            hold = self._held[call] = _Hold(seat)
        if not self._waiting.pop(call, False):
            self._forget(call)
            return not self._pool.ends(seat)
        report = self._report
        may_begin = _at_once if hold is None else partial(self._asked, call, hold)
        outcome = self._context.copy().run(seat.worker.perform, call, may_begin)
        if outcome is None or not self._forget(call):
            return not self._pool.ends(seat)
        report(call, outcome)
        return True

    def _forget(self, call: Call) -> bool:
        """Take a call out of the held and the running ones; return whether it was there."""
        return self._held.pop(call, None) is not None or self._running.pop(call, None) is not None

    def _asked(self, call: Call, hold: _Hold) -> bool:
        """Say that a call is about to begin, and wait for the answer."""
        assert self._begun is not None
        self._begun(call)
        return hold.answers.get()


class _Hold:
    """A call that a thread has taken and that may not begin yet."""

    __slots__ = ("answers", "seat")

    def __init__(self, seat: _Seat) -> None:
        self.seat: _Seat = seat
        self.answers: SimpleQueue[bool] = SimpleQueue()


def _at_once() -> bool:
    return True


class _Seat:
    """A thread of a pool, with its worker."""

    __slots__ = ("_pool", "_queue", "thread", "worker")

    def __init__(self, pool: Pool, worker: Worker, queue: SimpleQueue[tuple[_PoolSession, Call] | None]) -> None:
        self.worker: Worker = worker
        self.thread: threading.Thread = threading.Thread(target=self._serve, name="statesig", daemon=True)
        self._pool = pool
        self._queue = queue

    def join(self, seconds: float | None = None) -> None:
        """Wait for the thread's end, unless it is this thread."""
        if self.thread is not threading.current_thread():
            self.thread.join(seconds)

    def _serve(self) -> None:
        """Run calls until the pool ends this thread or one of them was stopped."""
        try:
            while (taken := self._queue.get()) is not None or not self._pool.ends(self):
                if taken is not None:
                    session, call = taken
                    if not session.perform(call, self):
                        return
                    del session, call  # they would live until the next call
                del taken
        finally:
            self.worker.close()
