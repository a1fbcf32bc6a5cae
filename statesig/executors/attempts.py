"""Tell a running task about its attempt, wherever it runs: in the runner's thread, in another or in a worker.

Nothing here may know a runner or an executor.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import TypeVar

from statesig.states import Resume
from statesig.states.generics import args_of

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

__all__ = ["Attempt", "current", "resumed", "running"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task, as the running task sees it; see `current`.

    Args:
        run: The run's identity.
        task: The name of the task's node; in a handler of a flow, the flow's name.
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

    @property
    def logger(self) -> LoggerAdapter[Logger]:
        """The logger ``statesig.task``, whose records have the attributes ``run``, ``task``, ``index``, ``attempt``."""
        import logging

        place = {"run": self.run, "task": self.task, "index": self.index, "attempt": self.number}
        return logging.LoggerAdapter(logging.getLogger("statesig.task"), place)


class _Attempting(Protocol):
    @property
    def answer_type(self) -> object: ...
    def current_attempt(self) -> Attempt: ...


running: ContextVar[_Attempting | None] = ContextVar("running", default=None)
"""Gives the attempt that runs in this context; None: no task is running."""


def current() -> Attempt:
    """Return the attempt that is running; for the code of a task, and for handlers of tasks and flows.

    Raises:
        LookupError: No task is running here, and no handler.
    """
    return _running("current()").current_attempt()


def resumed(answer: type[T]) -> Resume[T] | None:
    """Return the Resume by which a person released the running task, its result the answer; for the code of a task.

    ``resumed(Approval)`` is ``current().resumed``, typed: None before a person has answered, and after a further pause.
    The result is an Approval, as it was validated when it was given.

    Args:
        answer: The type that the task declares: ``@task(answer=Approval)``.

    Raises:
        LookupError: No task is running here.
        TypeError: The task declares another type, or none.
    """
    attempting = _running("resumed()")
    declared = attempting.answer_type
    if declared != answer:
        says = "no answer" if declared is None else f"answer={_name(declared)}"
        asked = f"resumed({_name(answer)}) is for a task that declares answer={_name(answer)}"
        raise TypeError(f"{asked}, and task {attempting.current_attempt().task!r} declares {says}")
    found = attempting.current_attempt().resumed
    return found if found is not None and args_of(type(found)) == (answer,) else None


def _name(declared: object) -> str:
    return str(getattr(declared, "__name__", declared))


def _running(use: str) -> _Attempting:
    found = running.get()
    if found is None:
        raise LookupError(f"{use} is for the code of a running task, and no task is running here")
    return found
