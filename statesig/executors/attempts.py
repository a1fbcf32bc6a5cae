"""What a running task may know of itself, wherever it runs: in the runner's own thread, in another, or in a worker."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

__all__ = ["Attempt", "current", "running"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a running task may know of itself; see `current`.

    Args:
        run: The run's identity.
        task: The name of the task's node.
        index: The position among a mapped node's children, from 0; None without.
        number: From 1.
        loop_result: The result that the last LOOP handed on; None before the first.
    """

    run: str
    task: str
    index: int | None
    number: int
    loop_result: Any

    def current_attempt(self) -> Attempt:
        """Return itself."""
        return self

    @property
    def logger(self) -> LoggerAdapter[Logger]:
        """The logger ``statesig.task``, whose records have the attributes ``run``, ``task``, ``index``, ``attempt``."""
        import logging

        place = {"run": self.run, "task": self.task, "index": self.index, "attempt": self.number}
        return logging.LoggerAdapter(logging.getLogger("statesig.task"), place)


class _Attempting(Protocol):
    def current_attempt(self) -> Attempt: ...


running: ContextVar[_Attempting | None] = ContextVar("running", default=None)
"""What can tell of the attempt that is being run here."""


def current() -> Attempt:
    """Return the attempt that is being run, to the task that is run in it.

    Raises:
        LookupError: No task is running here.
    """
    found = running.get()
    if found is None:
        raise LookupError("current() is for the code of a running task, and none is running here")
    return found.current_attempt()
