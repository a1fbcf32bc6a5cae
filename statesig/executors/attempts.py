"""Tell a running task about its attempt, wherever it runs: in the runner's thread, in another or in a worker.

Nothing here may know a runner or an executor.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from statesig.states import Resume

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

__all__ = ["Attempt", "current", "running"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task, as the running task sees it; see `current`.

    Args:
        run: The run's identity.
        task: The name of the task's node.
        index: The position among a mapped node's children, from 0; None for the node itself.
        number: The number of the attempt, from 1.
        loop_result: The result of the last LOOP; None before the first.
        resumed: The Resume by which a person released the task, kept through its retries; None before that, and after
            a further pause.
    """

    run: str
    task: str
    index: int | None
    number: int
    loop_result: Any
    resumed: Resume[Any] | None = None

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
"""Gives the attempt that runs in this context; None: no task is running."""


def current() -> Attempt:
    """Return the attempt that is running; for the code of a task.

    Raises:
        LookupError: No task is running here.
    """
    found = running.get()
    if found is None:
        raise LookupError("current() is for the code of a running task, and no task is running here")
    return found.current_attempt()
