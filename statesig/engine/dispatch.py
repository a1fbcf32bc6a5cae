"""The calls of a run that are under way: to which executor each was handed, and what has come back.

A call ends in one way: by its outcome or, once its time is over, by a timeout. Nothing here knows what either means.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from statesig.engine.noderuns import NodeRun, Place
from statesig.executors.calls import Call, Outcome
from statesig.executors.executor import Executor, Session
from statesig.graph.tasks import Task

__all__ = ["Destination", "Dispatcher"]

_QUEUED, _IN_FLIGHT = Place.QUEUED, Place.IN_FLIGHT


class Destination:
    """An executor as one run uses it.

    Attributes:
        session: The run's session with it.
        takes_coroutines: Whether it accepts coroutine functions.
        window: How many calls may be under way in it.
        in_flight: How many are.
        queued: The tasks to look at once there is room.
        tells: Whether it says which calls begin; else a call that was handed over counts as begun.
        outgoing: The calls to hand over at the next `Dispatcher.send`.
        beginning: The calls to let begin then.
    """

    def __init__(self, session: Session, window: int, *, takes_coroutines: bool, tells: bool) -> None:
        self.session: Session = session
        self.takes_coroutines: bool = takes_coroutines
        self.window: int = window
        self.in_flight: int = 0
        self.queued: deque[NodeRun] = deque()
        self.tells: bool = tells
        self.outgoing: list[Call] = []
        self.beginning: list[Call] = []


class Dispatcher:
    """The executors of one run while it is driven.

    Attributes:
        in_flight: The calls that are under way, each with its task and its destination.
        outgoing: How many of them the next `send` hands over.
        begins: Whether the next `send` lets calls begin, so that this must be stored before.
        queued: How many tasks wait for room.
        pool: The destination of plain tasks once it is open; None: in line.

    Args:
        executor: Where tasks run; None: in line, in the thread of the loop.
        coroutines: Makes the executor of coroutine functions that the pool does not take.
        aside: Makes the executor of functions with a timeout where there is no pool.
        is_stored: Whether it is stored that a call is under way, so that no more should be than can run.
        is_watched: Tells whether anybody sees when a call begins: a store, a handler, whoever is told of events.
    """

    def __init__(
        self,
        executor: Executor | None,
        *,
        coroutines: Callable[[], Executor],
        aside: Callable[[], Executor],
        is_stored: bool,
        is_watched: Callable[[], bool],
    ) -> None:
        self._is_stored = is_stored
        self._is_watched = is_watched
        self.in_flight: dict[Call, tuple[NodeRun, Destination]] = {}
        self.outgoing: int = 0
        self.begins: bool = False
        self.queued: int = 0
        self.pool: Destination | None = None
        self._executor = executor
        self._makers = {"coroutines": coroutines, "aside": aside}
        self._open: dict[str, Destination] = {}
        self._arrivals: SimpleQueue[tuple[Call, Outcome | None] | None] = SimpleQueue()
        self._next: tuple[Call, Outcome | None] | None = None
        self._deadlines: list[tuple[float, int, Call]] = []
        self._order = 0

    def open(self) -> None:
        """Open the pool; the other executors open with their first call.

        Raises:
            ExecutorError: It cannot be used.
        """
        if self._executor is not None:
            self.pool = self._opened("pool", self._executor)

    @property
    def is_open(self) -> bool:
        """Whether anything runs elsewhere than in line."""
        return bool(self._open)

    def destination_of(self, task: Task[Any, Any]) -> Destination | None:
        """Return where a task runs; None for in line."""
        pool = self.pool
        if task.is_async and (pool is None or not pool.takes_coroutines):
            return self._destination("coroutines")
        if pool is not None or task.timeout is None:
            return pool
        return self._destination("aside")

    def queue(self, noderun: NodeRun) -> bool:
        """Queue a task for which there is no room now; return whether that is so."""
        task = noderun.node.task
        destination = self.pool if task.is_plain else self.destination_of(task)
        if destination is None:
            # In line means one after the other, also while a task runs aside so that it can be given up.
            destination = self._open.get("aside")
        if destination is None or destination.in_flight < destination.window:
            return False
        noderun.place = _QUEUED
        destination.queued.append(noderun)
        self.queued += 1
        return True

    def dequeued(self) -> list[NodeRun]:
        """Take the queued tasks for which there is room out of their queues, and return them."""
        found: list[NodeRun] = []
        for destination in self._open.values():
            room = min(len(destination.queued), destination.window - destination.in_flight)
            found.extend(destination.queued.popleft() for _ in range(room))
        self.queued -= len(found)
        return found

    def clear_queues(self) -> None:
        """Forget the tasks that wait for room."""
        for destination in self._open.values():
            destination.queued.clear()
        self.queued = 0

    def _destination(self, name: str) -> Destination:
        found = self._open.get(name)
        return self._opened(name, self._makers[name]()) if found is None else found

    def _opened(self, name: str, executor: Executor) -> Destination:
        tells = name != "aside" and self._is_watched()  # in line nothing is handed over
        arrived = self._arrivals.put
        session = executor.open(
            lambda call, outcome: arrived((call, outcome)), (lambda call: arrived((call, None))) if tells else None
        )
        window = self._window(name, session)
        found = self._open[name] = Destination(session, window, takes_coroutines=executor.takes_coroutines, tells=tells)
        return found

    def _window(self, name: str, session: Session) -> int:
        if name == "aside":
            return 1
        return min(session.window, 2 * session.slots + 8) if self._is_stored else session.window

    def take(self, noderun: NodeRun, destination: Destination, call: Call) -> None:
        """Take a call, to hand it over at the next `send`."""
        noderun.place = _IN_FLIGHT
        destination.in_flight += 1
        destination.outgoing.append(call)
        self.outgoing += 1
        self.begins = self.begins or not destination.tells
        self.in_flight[call] = noderun, destination

    @property
    def may_more_begin(self) -> bool:
        """Whether a worker that is not about to begin a call may soon be, by the number of workers."""
        return any(
            0 < len(destination.beginning) < min(destination.session.slots, destination.in_flight)
            for destination in self._open.values()
        )

    def let_begin(self, call: Call) -> None:
        """Let a call begin at the next `send`."""
        self.in_flight[call][1].beginning.append(call)
        self.begins = True

    def send(self) -> None:
        """Let calls begin, and hand over those that were taken."""
        self.outgoing, self.begins = 0, False
        for destination in self._open.values():
            if destination.beginning:
                beginning, destination.beginning = destination.beginning, []
                destination.session.let_begin(beginning)
            if destination.outgoing:
                calls, destination.outgoing = destination.outgoing, []
                for call in calls:
                    if call.task.timeout is not None:
                        self._watch(call, time.monotonic() + call.task.timeout)
                destination.session.submit(calls)

    def _watch(self, call: Call, due: float) -> None:
        self._order += 1
        heapq.heappush(self._deadlines, (due, self._order, call))

    @property
    def has_news(self) -> bool:
        """Whether something may have come back, or should have."""
        return self._next is not None or not self._arrivals.empty() or bool(self._deadlines)

    def arrivals(self) -> Iterator[tuple[NodeRun, Call, Outcome | None]]:
        """Yield the calls that have ended, each with its outcome, and those that may begin, with None; do not wait."""
        while True:
            found, self._next = self._next, None
            if found is None:
                if self._arrivals.empty():
                    return
                found = self._arrivals.get()
            if found is None:
                continue
            call, outcome = found
            if outcome is not None:
                noderun = self._ended(call)
            else:
                noderun = self.in_flight[call][0] if call in self.in_flight else None
            if noderun is not None:
                yield noderun, call, outcome

    def _ended(self, call: Call) -> NodeRun | None:
        """Return the task of a call that has ended; None if the call was given up before."""
        found = self.in_flight.pop(call, None)
        if found is None:
            return None
        noderun, destination = found
        destination.in_flight -= 1
        if call.task.timeout is not None and len(self._deadlines) > 2 * len(self.in_flight) + _FEW:
            self._deadlines = [deadline for deadline in self._deadlines if deadline[2] in self.in_flight]
            heapq.heapify(self._deadlines)
        return noderun

    def overdue(self) -> Iterator[tuple[NodeRun, str]]:
        """Stop the calls whose time is over, and yield each task with a sentence on what became of the call."""
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, call = heapq.heappop(self._deadlines)
            timeout = call.task.timeout
            if call not in self.in_flight or timeout is None:
                continue
            due = (now if call.began is None else call.began) + timeout
            if due > now:
                self._watch(call, due)
            else:
                yield self.stop(call)

    def withdraw(self, call: Call) -> bool:
        """Take back a call that has not begun; return whether that was possible."""
        _, destination = self.in_flight[call]
        if call in destination.outgoing:
            destination.outgoing.remove(call)
            self.outgoing -= 1
        elif not destination.session.withdraw(call):
            return False
        if call in destination.beginning:
            destination.beginning.remove(call)
        del self.in_flight[call]
        destination.in_flight -= 1
        return True

    def stop(self, call: Call) -> tuple[NodeRun, str]:
        """Stop a call, and return its task with a sentence on what became of the call."""
        noderun, destination = self.in_flight.pop(call)
        destination.in_flight -= 1
        return noderun, destination.session.stop(call)

    def wait(self, seconds: float | None) -> bool:
        """Wait until something comes back, a call's time is over, or `wake` is called; return whether something came.

        Args:
            seconds: The longest wait; None: without limit.
        """
        if self._deadlines:
            until = max(0.0, self._deadlines[0][0] - time.monotonic())
            seconds = until if seconds is None else min(seconds, until)
        try:
            self._next = self._arrivals.get(timeout=_LONGEST_WAIT if seconds is None else min(seconds, _LONGEST_WAIT))
        except Empty:
            self._next = None
        return self._next is not None

    def wake(self) -> None:
        """End a wait; safe in a signal handler and in any thread."""
        self._arrivals.put(None)

    def close(self, *, now: bool = False) -> None:
        """Close the executors that were opened; later outcomes are dropped."""
        destinations: Sequence[Destination] = tuple(self._open.values())
        self._open.clear()
        self.in_flight.clear()
        for destination in destinations:
            destination.session.close(now=now)


_FEW = 16
"""Deadlines of calls that have ended and may be kept, beside as many as there are calls under way."""

_LONGEST_WAIT = 0.5
"""Seconds; a longer wait is made of several: a signal that comes just before a wait does not end it."""
