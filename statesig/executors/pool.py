"""Daemon threads that take calls from one queue: the base of executors whose workers are threads or processes.

A thread stuck in a call must not keep its place or hold the interpreter's exit.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextvars import Context, copy_context
from queue import SimpleQueue

from statesig.executors.calls import Call, Outcome
from statesig.executors.executor import Executor, Report, unheard

__all__ = ["Pool", "Worker"]


class Worker(ABC):
    """Runs the calls of one thread of a `Pool`; that thread calls every method but `stop`."""

    @abstractmethod
    def perform(self, call: Call) -> Outcome:
        """Run a call to its end, and set ``call.began``."""

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

    Each change of the two tables is one atomic operation of a dict, so no call is both stopped and reported, without a
    lock for each call.

    Args:
        workers: The number of calls that run at once.
    """

    patience: float = 0.0
    """The seconds that `close` waits for abandoned threads."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers is at least 1, not {workers}")
        self.slots: int = workers
        # Large enough that the tasks one change makes ready are mostly handed over together: a thread that wakes for
        # each call and each outcome waits longer for the interpreter's lock than a short call takes.
        self.window: int = max(1_024, 2 * workers)
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._waiting: dict[Call, bool] = {}
        self._running: dict[Call, _Seat] = {}
        self._seats: set[_Seat] = set()
        self._given_up: list[_Seat] = []
        self._report: Report = unheard
        self._context: Context = copy_context()

    @abstractmethod
    def worker(self) -> Worker:
        """Return the worker of a new thread."""

    def open(self, report: Report) -> None:
        """Begin to serve a run; calls run in copies of this thread's context."""
        self._report = report
        self._context = copy_context()

    def submit(self, calls: Sequence[Call]) -> None:
        """Queue calls."""
        for call in calls:
            self._waiting[call] = True
            self._queue.put(call)
        self._staff()

    def withdraw(self, call: Call) -> bool:
        """Take back a call that is still queued."""
        return self._waiting.pop(call, False)

    def stop(self, call: Call) -> str:
        """Stop a call, and abandon the thread that runs it."""
        if self.withdraw(call):
            return "it had not begun"
        seat = self._running.pop(call, None)
        if seat is None:
            return "it had just ended"
        said = self._give_up(seat)
        self._staff()
        return said

    def close(self, *, now: bool = False) -> None:
        """End serving a run: abandon the threads that run calls, and end the others unless they are kept."""
        self._waiting.clear()
        for call in list(self._running):
            seat = self._running.pop(call, None)
            if seat is not None:
                self._give_up(seat)
        self._report = unheard
        if not self.is_kept:
            self._dismiss()

    def _staff(self) -> None:
        """Start a thread for each call that has none, up to `slots`."""
        wanted = min(self.slots, len(self._waiting) + len(self._running))
        while len(self._seats) < wanted:
            seat = _Seat(self, self.worker())
            self._seats.add(seat)
            seat.thread.start()

    def _give_up(self, seat: _Seat) -> str:
        self._seats.discard(seat)
        if self.patience:
            self._given_up = [*(left for left in self._given_up if left.thread.is_alive()), seat]
        return seat.worker.stop()

    def _dismiss(self) -> None:
        """End the idle threads and wait for them; wait for the abandoned ones at most `patience` seconds."""
        for _ in self._seats:
            self._queue.put(None)
        for seat in self._seats:
            seat.thread.join()
        self._seats.clear()
        until = time.monotonic() + self.patience
        for seat in self._given_up:
            seat.thread.join(max(0.0, until - time.monotonic()))
        self._given_up.clear()

    def serve(self, seat: _Seat) -> None:
        """Run calls in the seat's thread until the pool ends it or one of them was stopped."""
        call: Call | None
        while (call := self._queue.get()) is not None:
            # Add the call to the running ones before it leaves the queued ones: `stop` looks in the opposite order.
            self._running[call] = seat
            if not self._waiting.pop(call, False):
                if self._running.pop(call, None) is None:
                    return
                continue
            report = self._report
            outcome = self._context.copy().run(seat.worker.perform, call)
            if self._running.pop(call, None) is None:
                return
            report(call, outcome)
            del call, outcome  # they would live until the next call


class _Seat:
    """A thread of a pool, with its worker."""

    __slots__ = ("pool", "thread", "worker")

    def __init__(self, pool: Pool, worker: Worker) -> None:
        self.pool: Pool = pool
        self.worker: Worker = worker
        self.thread: threading.Thread = threading.Thread(target=self._serve, name="statesig", daemon=True)

    def _serve(self) -> None:
        try:
            self.pool.serve(self)
        finally:
            self.worker.close()
