"""Choose the next calls to send and their worker, from the waiting calls, the workers' room and past durations.

Nothing here may send anything, or know Dask.
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
"""The most calls in one submission."""


class Worker:
    """A worker of the cluster, as it answered the greeting.

    Attributes:
        address: Its address.
        threads: The number of calls that it runs at once.
        identity: The cluster's name for this process; another process may take over the address.
        sent: The submissions that are under way there.
        stalled: The time, by the monotonic clock, before which nothing is sent to it.
    """

    def __init__(self, address: str, threads: int, identity: str) -> None:
        self.address = address
        self.threads = threads
        self.identity = identity
        self.sent: set[Submission] = set()
        self.stalled: float = 0.0
        self.is_asked: bool = False

    def room(self, ahead: int) -> int:
        """Return how many more submissions it may take, if `ahead` may wait at each thread without a long one."""
        long = sum(sent.alone for sent in self.sent)
        return self.threads - len(self.sent) + ahead * max(0, self.threads - long)


class Submission:
    """Calls that are sent to a worker together.

    Attributes:
        number: Its identity in the worker.
        worker: Its worker.
        calls: Its calls in order; None in place of each call that is done or was taken out.
        alone: Whether it needs a free thread. If its worker is lost, its calls are assumed to have begun.
        since: The time when it was sent, by the monotonic clock.
        recalled: Whether the worker was asked to give back the calls that have not begun.
        told: Whether it was told that its calls have begun.
        over: Whether nothing more is expected of it.
        future: The cluster's future of its outcome, while it is under way.
    """

    def __init__(self, worker: Worker, calls: Sequence[Call], alone: bool) -> None:
        self.number: str = uuid4().hex
        self.worker = worker
        self.calls: list[Call | None] = list(calls)
        self.alone = alone
        self.since: float = time.monotonic()
        self.recalled = False
        self.told = False
        self.over = False
        self.future: Any = None

    def left(self) -> Iterator[tuple[int, Call]]:
        """Yield the calls that are still expected, each with its index."""
        return ((index, call) for index, call in enumerate(self.calls) if call is not None)


class _Mean:
    """The running mean duration of a task's calls, in seconds; the newest has a weight of at least a tenth."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += (seconds - self.seconds) * max(1 / self.count, 0.1)


class Placement:
    """The calls that wait to be sent, and the workers with room for them.

    Args:
        batch: Seconds of work to send together.
        ahead: Submissions of short calls that may wait at each thread.
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
        """Queue calls."""
        for call in calls:
            self._waiting.setdefault(call.task, deque()).append(call)

    def add_first(self, call: Call) -> None:
        """Queue a call that was given back, before others of its task."""
        self._waiting.setdefault(call.task, deque()).appendleft(call)

    def add_again(self, calls: Iterable[Call]) -> None:
        """Queue calls to be sent alone, before all others."""
        self._again.extend(calls)

    def took(self, call: Call, seconds: float) -> None:
        """Record the duration of a call, in seconds."""
        self._means.setdefault(call.task, _Mean()).add(seconds)

    def drain(self) -> list[Call]:
        """Remove and return all waiting calls."""
        found = [*self._again, *(call for calls in self._waiting.values() for call in calls)]
        self._again.clear()
        self._waiting.clear()
        return found

    def next(self) -> Submission | None:
        """Return the next submission; None while no worker has room, or no call waits.

        Tasks take turns. A call that needs a free thread waits for one, and no other call overtakes it.
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
                self._waiting[task] = calls  # behind the other tasks
            return self._sent(worker, taken, alone=not size)
        return None

    def _size(self, task: Task[Any, Any]) -> int:
        """Return how many calls of a task to send together; 0 if each needs a free thread."""
        mean = self._means.get(task)
        limit = self.batch or _SHORT
        if mean is None or task.timeout is not None or mean.seconds > limit or not (self.batch or self.ahead):
            return 0
        return int(min(MOST, limit / max(mean.seconds, limit / MOST))) if self.batch else 1

    def _share(self, waiting: int) -> int:
        """Return an equal share of the waiting calls for each free place, rounded up."""
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
"""Seconds up to which a task counts as short when calls are not batched."""
