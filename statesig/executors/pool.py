"""Daemon threads that take calls from one queue, for executors whose workers are threads or processes."""

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
    """What one thread of a `Pool` runs calls with; all is called in that thread, except `stop`."""

    @abstractmethod
    def perform(self, call: Call) -> Outcome:
        """Run a call to its end. It sets ``call.began``."""

    @abstractmethod
    def stop(self) -> str:
        """Stop the call that it runs, as far as that can be done, and say what became of it: it is the last one."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds."""


class Pool(Executor, ABC):
    """Daemon threads that take calls from one queue, started when there are calls for them.

    It is not `concurrent.futures`: there a thread that is stuck in a call keeps its place, and the interpreter from its
    end. Here a thread whose call was stopped is given up and another takes its place.

    Every change of the two tables is one operation of a dict, which no other thread can see half-way; so no call is
    both stopped and reported, and no lock is taken for a call.

    Args:
        workers: How many calls run at once.
    """

    patience: float = 0.0
    """The seconds that `close` waits for threads that were given up."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers is at least 1, not {workers}")
        self.slots: int = workers
        # So many that what one change makes ready is mostly handed over at once: a thread that is woken for each call
        # and each outcome by itself waits longer for the interpreter's lock than a short call takes.
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
        """Return what a new thread runs its calls with."""

    def open(self, report: Report) -> None:
        """Begin to serve a run; calls run in copies of this thread's context."""
        self._report = report
        self._context = copy_context()

    def submit(self, calls: Sequence[Call]) -> None:
        """Put calls in line."""
        for call in calls:
            self._waiting[call] = True
            self._queue.put(call)
        self._staff()

    def withdraw(self, call: Call) -> bool:
        """Take back a call that is still in line."""
        return self._waiting.pop(call, False)

    def stop(self, call: Call) -> str:
        """Stop a call; the thread that runs it is given up."""
        if self.withdraw(call):
            return "it had not begun"
        seat = self._running.pop(call, None)
        if seat is None:
            return "it had just come to its end"
        said = self._give_up(seat)
        self._staff()
        return said

    def close(self, *, now: bool = False) -> None:
        """End serving a run, and all threads unless they are kept; those that run calls are given up."""
        self._waiting.clear()
        for call in list(self._running):
            seat = self._running.pop(call, None)
            if seat is not None:
                self._give_up(seat)
        self._report = unheard
        if not self.is_kept:
            self._dismiss()

    def _staff(self) -> None:
        """Start as many threads as there are calls for."""
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
        """Let the threads that are in line for calls end, and wait for them."""
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
        """Run calls, in the seat's own thread, until there are no more or one of them was stopped."""
        call: Call | None
        while (call := self._queue.get()) is not None:
            # It is to be found among the running ones before it leaves those in line: `stop` looks in this order.
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
            del call, outcome  # or they would live until the next call


class _Seat:
    """A thread of a pool, and what it runs calls with."""

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
