"""Tasks that wait for a time: in which order they continue, and when. Nothing here decides what they do then.

A time comes by the run's clock or, where that was set back meanwhile, after as many seconds as it was away.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from statesig.engine.dispatch import Dispatcher
from statesig.engine.noderuns import NodeRun

__all__ = ["NAP", "Delays"]

NAP = 60.0
"""Seconds; the longest wait between two looks at the clock, which goes on while a machine sleeps."""


class Delays:
    """The tasks of a run that wait for a time.

    Args:
        clock: Returns the time, aware.
        sleep: Sleeps some seconds by that clock; None: time passes by itself.
        dispatcher: Wakes whoever waits when a call comes back.
    """

    def __init__(
        self, clock: Callable[[], datetime], sleep: Callable[[float], object] | None, dispatcher: Dispatcher
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._dispatcher = dispatcher
        self._delayed: list[tuple[float, int, datetime, NodeRun]] = []
        self._came: dict[NodeRun, datetime] = {}
        self._order = 0

    def __bool__(self) -> bool:
        return bool(self._delayed)

    def add(self, noderun: NodeRun, start: datetime) -> None:
        """Let a task wait for a time."""
        self._order += 1
        place = self._due(noderun, start) if self._sleep is None else start.timestamp()
        heapq.heappush(self._delayed, (place, self._order, start, noderun))

    def clear(self) -> None:
        """Forget all tasks."""
        self._delayed.clear()

    def wait(self) -> NodeRun | None:
        """Wait for the time of the first task, and return the task; None if something came back before."""
        _, _, start, noderun = self._delayed[0]
        if not self.wait_for(noderun, start):
            return None
        heapq.heappop(self._delayed)
        self._came[noderun] = start
        return noderun

    def wait_for(self, noderun: NodeRun, start: datetime) -> bool:
        """Wait for a task's time, or until something comes back; return whether the time has come."""
        seconds = (start - self._clock()).total_seconds()
        if self._sleep is None or self._dispatcher.in_flight:
            seconds = min(seconds, self._due(noderun, start) - monotonic())
            if seconds > 0:
                self._dispatcher.wait(min(seconds, NAP))
                return False
        elif seconds > 0:
            self._sleep(seconds)
        return True

    def now_for(self, noderun: NodeRun) -> datetime:
        """Return the time for a task: the clock's or, once its own has come, at least the time it waited for."""
        now, came = self._clock(), self._came.pop(noderun, None)
        return now if came is None else max(now, came)

    def _due(self, noderun: NodeRun, start: datetime) -> float:
        """Return when a task may continue, in the seconds of `time.monotonic`."""
        if noderun.due is None:  # another process put it off
            noderun.due = monotonic() + (start - self._clock()).total_seconds()
        return noderun.due
