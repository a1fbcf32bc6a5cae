"""The interface of executors: take calls, say which begin, run the code of tasks, report each outcome.

Each run that uses an executor has a session with it, so that several runs may share one at the same time. An executor
must not know a flow, a run or a run's states: the runner decides the consequences of a failure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

from statesig.executors.calls import Call, Outcome

__all__ = ["Begun", "Executor", "Report", "Session", "unheard"]

Report = Callable[[Call, Outcome], object]
"""The executor calls it, from any thread, once for each call that ended without being stopped or withdrawn."""

Begun = Callable[[Call], object]
"""The executor calls it, from any thread, once a worker is free for a call: nothing of the task has run yet where the
executor can wait for `Session.let_begin`; else it may have. A call may be reported without it."""


class Session(ABC):
    """One run's use of an executor; its calls and their reports are its own, whatever other runs the executor serves.

    Attributes:
        slots: The number of calls that the executor runs at once.
        window: The number of calls that a run may hand over at once; those beyond `slots` wait, to leave no slot idle.
    """

    slots: int
    window: int

    @abstractmethod
    def submit(self, calls: Sequence[Call]) -> None:
        """Take calls to run in about this order; return at once. A call that goes wrong has that as its outcome."""

    def withdraw(self, call: Call) -> bool:
        """Take back a call that has not begun, without a report; return whether it was taken back."""
        return False

    @abstractmethod
    def let_begin(self, calls: Sequence[Call]) -> None:
        """Let calls begin of which `Begun` was told; those that have begun by then are left alone."""

    @abstractmethod
    def stop(self, call: Call) -> str:
        """Stop a call as far as possible, and never report it.

        Returns:
            A sentence on its fate, such as that its process was ended or that its thread goes on.
        """

    @abstractmethod
    def close(self, *, now: bool = False) -> None:
        """End the session. Its calls may be under way only if `now` is true, and are then stopped.

        A second call does nothing.
        """


class Executor(ABC):
    """Run calls, for several runs after one another or at the same time.

    As a context manager it keeps its threads, processes or connections from one run to the next, and ends them when the
    block ends; otherwise they last as long as a run uses it.

    Attributes:
        takes_coroutines: Whether it accepts coroutine functions; else they go to the run's event loop.
        is_kept: Whether threads, processes or connections are kept for the next run.
    """

    takes_coroutines: bool = False
    is_kept: bool = False

    @abstractmethod
    def open(self, report: Report, begun: Begun | None = None) -> Session:
        """Begin to serve a run, and return its session; safe to call in several threads.

        Args:
            report: Called with each outcome of the session's calls.
            begun: Called when a call is about to begin; None: nobody wants to know, and calls begin at once.

        Raises:
            ExecutorError: It cannot be used, such as a cluster that is out of reach.
        """

    @abstractmethod
    def end(self) -> None:
        """End what was kept between runs; while a run uses it, that is left to the end of its session."""

    def __enter__(self) -> Self:
        self.is_kept = True
        return self

    def __exit__(self, *raised: object) -> None:
        self.is_kept = False
        self.end()


def unheard(call: Call, outcome: Outcome) -> None:
    """Drop an outcome: no run is being served."""
