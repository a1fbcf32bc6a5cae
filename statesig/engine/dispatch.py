"""Where a run's calls are under way: the executors of a run, what was handed to them, and what has come back.

Nothing here knows what an outcome means. A call has one way back: its outcome, or, once its time is over, a timeout.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from statesig.engine.noderuns import Item
from statesig.executors.calls import Call, Outcome
from statesig.executors.executor import Executor
from statesig.graph.tasks import Task

__all__ = ["Lane", "Lanes"]


class Lane:
    """An executor as one run uses it.

    Attributes:
        executor: The executor.
        flying: How many calls are under way in it.
        held: The items that are to be looked at once there is room.
        launching: The calls that are to be handed to it next.
    """

    def __init__(self, executor: Executor, window: int) -> None:
        self.executor: Executor = executor
        self.window: int = window
        self.flying: int = 0
        self.held: deque[Item] = deque()
        self.launching: list[Call] = []


class Lanes:
    """The executors of one drive of a run.

    Attributes:
        flying: The calls that are under way, each with its item and its lane.
        launching: How many of them are to be handed over at the next `launch`.
        holding: How many items wait for room.
        pool: Where plain tasks are run, once it is open; None: in line.

    Args:
        executor: Where tasks are run; None: in line, in the runner's own thread.
        coroutines: Makes the executor of coroutine functions that the pool does not take.
        aside: Makes the executor of functions that have a timeout, and no pool.
        is_stored: Whether it is written down that a call is under way, so that no more of them should be than can run.
    """

    def __init__(
        self,
        executor: Executor | None,
        *,
        coroutines: Callable[[], Executor],
        aside: Callable[[], Executor],
        is_stored: bool = False,
    ) -> None:
        self._is_stored = is_stored
        self.flying: dict[Call, tuple[Item, Lane]] = {}
        self.launching: int = 0
        self.holding: int = 0
        self.pool: Lane | None = None
        self._executor = executor
        self._makers = {"coroutines": coroutines, "aside": aside}
        self._open: dict[str, Lane] = {}
        self._arrived: SimpleQueue[tuple[Call, Outcome] | None] = SimpleQueue()
        self._next: tuple[Call, Outcome] | None = None
        self._deadlines: list[tuple[float, int, Call]] = []
        self._order = 0

    def open(self) -> None:
        """Open the pool; the others are opened when the first call is for them.

        Raises:
            ExecutorError: It cannot be used.
        """
        if self._executor is not None:
            self.pool = self._opened("pool", self._executor)

    @property
    def is_open(self) -> bool:
        """Whether anything runs elsewhere than in line."""
        return bool(self._open)

    def lane_of(self, task: Task[Any, Any]) -> Lane | None:
        """Return where a task is run, None for in line."""
        pool = self.pool
        if task.is_async and (pool is None or not pool.executor.takes_coroutines):
            return self._lane("coroutines")
        if pool is not None or task.timeout is None:
            return pool
        return self._lane("aside")

    def hold(self, item: Item) -> bool:
        """Hold an item whose task cannot be run now; return whether that is so."""
        task = item.node.task
        lane = self.pool if task.is_plain else self.lane_of(task)
        if lane is None:
            # In line is one after the other, also while one is run aside so that it can be given up.
            lane = self._open.get("aside")
        if lane is None or lane.flying < lane.window:
            return False
        lane.held.append(item)
        self.holding += 1
        return True

    def free(self, ready: deque[Item]) -> bool:
        """Put the items that were held and for which there is room now in line; return whether there are any."""
        before = self.holding
        for lane in self._open.values():
            for _ in range(min(len(lane.held), lane.window - lane.flying)):
                ready.append(lane.held.popleft())
                self.holding -= 1
        return self.holding < before

    def _lane(self, name: str) -> Lane:
        found = self._open.get(name)
        return self._opened(name, self._makers[name]()) if found is None else found

    def _opened(self, name: str, executor: Executor) -> Lane:
        executor.open(lambda call, outcome: self._arrived.put((call, outcome)))
        lane = self._open[name] = Lane(executor, self._window(name, executor))
        return lane

    def _window(self, name: str, executor: Executor) -> int:
        if name == "aside":
            return 1
        return min(executor.window, 2 * executor.slots + 8) if self._is_stored else executor.window

    def take(self, item: Item, lane: Lane, call: Call) -> None:
        """Take a call, to be handed over at the next `launch`."""
        lane.flying += 1
        lane.launching.append(call)
        self.launching += 1
        self.flying[call] = item, lane

    def launch(self) -> None:
        """Hand over what was taken."""
        self.launching = 0
        for lane in self._open.values():
            if lane.launching:
                calls, lane.launching = lane.launching, []
                for call in calls:
                    if call.task.timeout is not None:
                        self._watch(call, time.monotonic() + call.task.timeout)
                lane.executor.submit(calls)

    def _watch(self, call: Call, due: float) -> None:
        self._order += 1
        heapq.heappush(self._deadlines, (due, self._order, call))

    @property
    def has_news(self) -> bool:
        """Whether something may have come back, or should have."""
        return self._next is not None or not self._arrived.empty() or bool(self._deadlines)

    def arrived(self) -> Iterator[tuple[Item, Outcome]]:
        """Yield what has come back, without waiting."""
        while True:
            found, self._next = self._next, None
            if found is None:
                if self._arrived.empty():
                    return
                found = self._arrived.get()
            landed = None if found is None else self._landed(found[0])
            if found is not None and landed is not None:
                yield landed, found[1]

    def _landed(self, call: Call) -> Item | None:
        """Return the item of a call that is not under way any more; None where it was given up before."""
        found = self.flying.pop(call, None)
        if found is None:
            return None
        item, lane = found
        lane.flying -= 1
        return item

    def overdue(self) -> Iterator[tuple[Item, str]]:
        """Stop the calls whose time is over, and yield each item with a sentence that says what became of it."""
        now = time.monotonic()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, call = heapq.heappop(self._deadlines)
            timeout = call.task.timeout
            if call not in self.flying or timeout is None:
                continue
            due = (now if call.began is None else call.began) + timeout
            if due > now:
                self._watch(call, due)
            else:
                yield self.stop(call)

    def withdraw(self, call: Call) -> bool:
        """Take back a call that has not begun; return whether that could be done."""
        _, lane = self.flying[call]
        if call in lane.launching:
            lane.launching.remove(call)
            self.launching -= 1
        elif not lane.executor.withdraw(call):
            return False
        del self.flying[call]
        lane.flying -= 1
        return True

    def stop(self, call: Call) -> tuple[Item, str]:
        """Stop a call, and return its item with a sentence that says what became of it."""
        item, lane = self.flying.pop(call)
        lane.flying -= 1
        return item, lane.executor.stop(call)

    def wait(self, seconds: float | None) -> None:
        """Wait until something comes back, a time is over, or somebody wakes it; None: however long that takes."""
        if self._deadlines:
            until = max(0.0, self._deadlines[0][0] - time.monotonic())
            seconds = until if seconds is None else min(seconds, until)
        try:
            self._next = self._arrived.get(timeout=_LONGEST_WAIT if seconds is None else min(seconds, _LONGEST_WAIT))
        except Empty:
            self._next = None

    def wake(self) -> None:
        """End a wait; safe in a signal handler and in any thread."""
        self._arrived.put(None)

    def close(self, *, now: bool = False) -> None:
        """Close the executors that were opened; nothing that comes back after that is looked at."""
        lanes: Sequence[Lane] = tuple(self._open.values())
        self._open.clear()
        self.flying.clear()
        for lane in lanes:
            lane.executor.close(now=now)


_LONGEST_WAIT = 0.5
"""Seconds; what is waited for longer is asked for again: a signal that comes just before a wait does not end it."""
