"""Which call is sent to which worker next, alone or with others: decided from what waits and what is known.

Nothing here sends anything, or knows Dask.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import uuid4

from statesig.executors.calls import Call
from statesig.graph.tasks import Task

__all__ = ["MOST", "Placement", "Submission", "Worker"]

MOST = 256
"""How many calls are in one submission, at most."""


class Worker:
    """A worker of the cluster, as it was when it was greeted.

    Attributes:
        address: Where it is.
        threads: How many calls it runs at once.
        identity: What the cluster calls this very process; another may come to have its address.
        sent: What is under way there.
        stalled: Until when, by the monotonic clock, nothing is sent to it.
    """

    def __init__(self, address: str, threads: int, identity: str) -> None:
        self.address = address
        self.threads = threads
        self.identity = identity
        self.sent: set[Submission] = set()
        self.stalled: float = 0.0

    def room(self, ahead: int) -> int:
        """Return how many submissions it may take, where `ahead` may wait at each thread that no long one occupies."""
        long = sum(sent.alone for sent in self.sent)
        return self.threads - len(self.sent) + ahead * max(0, self.threads - long)


class Submission:
    """Calls that are sent to a worker together.

    Attributes:
        number: By which the worker knows it.
        worker: Where it is sent.
        calls: In order; None for those of which no more is to come.
        alone: Whether it is to find a thread free. If its worker is lost, its calls have begun, as far as can be told.
        since: When it was sent, by the monotonic clock.
        recalled: Whether the worker was asked to give back what has not begun.
        over: Whether nothing of it is to come any more.
        future: What the cluster calls its outcome to be, while it is under way.
    """

    def __init__(self, worker: Worker, calls: Sequence[Call], alone: bool) -> None:
        self.number: str = uuid4().hex
        self.worker = worker
        self.calls: list[Call | None] = list(calls)
        self.alone = alone
        self.since: float = time.monotonic()
        self.recalled = False
        self.over = False
        self.future: Any = None

    def left(self) -> Iterator[tuple[int, Call]]:
        """Yield those calls of which something is to come, each with its index."""
        return ((index, call) for index, call in enumerate(self.calls) if call is not None)


class _Mean:
    """The running mean of what a task's calls take, in seconds; the newest counts for a tenth at least."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += (seconds - self.seconds) * max(1 / self.count, 0.1)


class Placement:
    """What waits to be sent, and where there is room for it.

    Args:
        batch: The seconds of work that are sent together.
        ahead: How many submissions of short calls may wait at each thread.
    """

    def __init__(self, batch: float, ahead: int) -> None:
        self.batch = batch
        self.ahead = ahead
        self.workers: dict[str, Worker] = {}
        self._again: deque[Call] = deque()
        self._waiting: dict[Task[Any, Any], deque[Call]] = {}
        self._means: dict[Task[Any, Any], _Mean] = {}

    def __bool__(self) -> bool:
        return bool(self._again or self._waiting)

    def add(self, calls: Iterable[Call]) -> None:
        """Let calls wait to be sent."""
        for call in calls:
            self._waiting.setdefault(call.task, deque()).append(call)

    def add_first(self, call: Call) -> None:
        """Let a call that was given back wait to be sent, before others of its task."""
        self._waiting.setdefault(call.task, deque()).appendleft(call)

    def add_again(self, calls: Iterable[Call]) -> None:
        """Let calls wait to be sent, each alone, before all others."""
        self._again.extend(calls)

    def took(self, call: Call, seconds: float) -> None:
        """Learn what a call of a task took."""
        self._means.setdefault(call.task, _Mean()).add(seconds)

    def drain(self) -> list[Call]:
        """Return all that wait; none does any more."""
        found = [*self._again, *(call for calls in self._waiting.values() for call in calls)]
        self._again.clear()
        self._waiting.clear()
        return found

    def next(self) -> Submission | None:
        """Return what is to be sent now; None while there is no room, or nothing waits.

        Tasks take turns. A call that needs a thread of its own waits for it, and nothing overtakes it meanwhile.
        """
        if self._again:
            worker = self._roomiest(0)
            return None if worker is None else self._sent(worker, [self._again.popleft()], alone=True)
        for task, calls in self._waiting.items():
            size = self._size(task)
            worker = self._roomiest(self.ahead if size else 0)
            if worker is None:
                return None
            taken = [calls.popleft() for _ in range(min(self._share(len(calls)), size or 1))]
            del self._waiting[task]
            if calls:
                self._waiting[task] = calls  # the others come first now
            return self._sent(worker, taken, alone=not size)
        return None

    def _size(self, task: Task[Any, Any]) -> int:
        """Return how many calls of a task are sent together; 0 if one is to have a thread of its own."""
        mean = self._means.get(task)
        limit = self.batch or _SHORT
        if mean is None or task.timeout is not None or mean.seconds > limit or not (self.batch or self.ahead):
            return 0
        return int(min(MOST, limit / max(mean.seconds, limit / MOST))) if self.batch else 1

    def _share(self, waiting: int) -> int:
        """Return how many calls of those that wait make an equal share for all places that are free."""
        free = sum(max(0, worker.room(self.ahead)) for worker in self.workers.values())
        return math.ceil(waiting / max(1, free))

    def _roomiest(self, ahead: int) -> Worker | None:
        now = time.monotonic()
        found = [worker for worker in self.workers.values() if worker.room(ahead) > 0 and worker.stalled <= now]
        return min(found, key=lambda worker: len(worker.sent) / worker.threads, default=None)

    @staticmethod
    def _sent(worker: Worker, calls: Sequence[Call], alone: bool) -> Submission:
        sent = Submission(worker, calls, alone)
        worker.sent.add(sent)
        return sent


_SHORT = 0.05
"""Seconds under which a task is short where no batches are made."""
