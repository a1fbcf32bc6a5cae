"""Call something at a time of the clock: one daemon thread for all. Nothing here knows what is called."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Final

__all__ = ["Alarms"]

_LONGEST: Final = 30.0
"""Seconds after which the clock is looked at again: it may have been set."""


class Alarms:
    """Calls functions at their times, one after the other.

    Args:
        clock: Returns the time, aware.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._waiting: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._is_over = False
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function after some seconds."""
        self.at(self._clock() + timedelta(seconds=seconds), call)

    def at(self, time: datetime, call: Callable[[], object]) -> None:
        """Call a function at a time, aware; it must not raise."""
        with self._changed:
            heappush(self._waiting, (time, next(self._numbers), call))
            if self._thread is None and not self._is_over:
                self._thread = threading.Thread(target=self._wait, name="statesig alarms", daemon=True)
                self._thread.start()
            self._changed.notify()

    def stop(self) -> None:
        """Call nothing any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def _wait(self) -> None:
        while (call := self._next()) is not None:
            call()

    def _next(self) -> Callable[[], object] | None:
        """Wait for the next alarm and return what to call; None: nothing any more."""
        with self._changed:
            while not self._is_over:
                now = self._clock()
                if self._waiting and self._waiting[0][0] <= now:
                    return heappop(self._waiting)[2]
                left = (self._waiting[0][0] - now).total_seconds() if self._waiting else _LONGEST
                self._changed.wait(min(left, _LONGEST))
        return None
