"""Wishes to cancel a run: how far each goes. What is done about them is the loop's business."""

from __future__ import annotations

import enum

__all__ = ["Stop", "Wish"]


class Stop(enum.IntEnum):
    """How far a run is to be stopped."""

    NO = 0
    GENTLY = 1
    """Begin nothing further; what runs may finish."""
    NOW = 2
    """Stop what runs, too, as far as that is possible."""


class Wish:
    """The wish to stop a run, from any thread or signal handler. It only grows.

    Attributes:
        level: How far the run is to be stopped.
    """

    def __init__(self) -> None:
        self.level: Stop = Stop.NO
        self._is_now = False

    def ask(self, level: Stop) -> None:
        """Ask that the run be stopped so far, if it is not asked for more already."""
        if level is Stop.NOW:
            self._is_now = True
        self.level = Stop.GENTLY
        if self._is_now:  # looked at last: a second signal may interrupt the handler of the first
            self.level = Stop.NOW
