"""Wishes to stop a run: how far each goes. What is done about them is the loop's business."""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["Stop", "Wish"]


class Stop(enum.IntEnum):
    """How far a run is to be stopped. To leave a run decides nothing about its tasks; to cancel it does."""

    NO = 0
    LEAVE = 1
    """Begin nothing further and leave the rest as it is, to be resumed; what runs may finish."""
    LEAVE_NOW = 2
    """Stop what runs, too, as far as that is possible, and leave it Running."""
    CANCEL = 3
    """Begin nothing further and cancel the rest; what runs may finish."""
    CANCEL_NOW = 4
    """Stop and cancel what runs, too, as far as that is possible."""


_NO: Final = Stop.NO  # a member of an enum takes long to look up in 3.11, and every run does
_LEVELS: Final = len(Stop)


class Wish:
    """The wish to stop a run, from any thread or signal handler.

    Attributes:
        level: How far the run is to be stopped. It only grows while the run is driven.
    """

    def __init__(self) -> None:
        self.level: Stop = _NO
        self._asked = [False] * _LEVELS

    def ask(self, level: Stop) -> None:
        """Ask that the run be stopped so far, if it is not asked for more already."""
        self._asked[level] = True
        self._rise()

    def _rise(self) -> None:
        for one in Stop:  # looked at from below: another wish may come between any two of these lines
            if self._asked[one] and one > self.level:
                self.level = one

    @property
    def stops_what_runs(self) -> bool:
        """Whether somebody asked that running tasks be stopped."""
        return self._asked[Stop.LEAVE_NOW] or self._asked[Stop.CANCEL_NOW]

    def go_on(self) -> None:
        """Forget that the run was to be left; a wish to cancel it stays."""
        self._asked[Stop.LEAVE] = self._asked[Stop.LEAVE_NOW] = False
        if self.level < Stop.CANCEL:
            self.level = Stop.NO
            self._rise()  # to a wish that has come meanwhile
