"""The exit codes of the `statesig` command, and the exceptions that end it."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit", "Terminated", "UsageError"]


class Exit(IntEnum):
    """The exit codes."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    PAUSED = 3
    INTERRUPTED = 130
    TERMINATED = 143


class UsageError(Exception):
    """The command cannot do what it was asked; the text says why."""


class Terminated(BaseException):
    """The process was asked to end."""
