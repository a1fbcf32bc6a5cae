"""The interface of executors: take calls, run the code of tasks, report each outcome.

An executor must not know a flow, a run or a run's states: the runner decides the consequences of a failure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

from statesig.executors.calls import Call, Outcome

__all__ = ["Executor", "Report", "unheard"]

Report = Callable[[Call, Outcome], object]
"""The executor calls it, from any thread, once for each call that ended without being stopped or withdrawn."""


class Executor(ABC):
    """Run calls, for one run after another.

    As a context manager it keeps its threads, processes or connections from one run to the next, and ends them when the
    block ends; otherwise they last for one run.

    Attributes:
        slots: The number of calls that it runs at once.
        window: The number of calls that it accepts at once; those beyond `slots` wait in it, so that no slot is idle.
        takes_coroutines: Whether it accepts coroutine functions; else they go to the run's event loop.
        is_kept: Whether `close` keeps threads, processes or connections for the next run.
    """

    slots: int
    window: int
    takes_coroutines: bool = False
    is_kept: bool = False

    @abstractmethod
    def open(self, report: Report) -> None:
        """Begin to serve a run.

        Raises:
            ExecutorError: It cannot be used, such as a cluster that is out of reach.
        """

    @abstractmethod
    def submit(self, calls: Sequence[Call]) -> None:
        """Take calls to run in about this order; return at once. A call that goes wrong has that as its outcome."""

    def withdraw(self, call: Call) -> bool:
        """Take back a call that has not begun, without a report; return whether it was taken back."""
        return False

    @abstractmethod
    def stop(self, call: Call) -> str:
        """Stop a call as far as possible, and never report it.

        Returns:
            A sentence on its fate, such as that its process was ended or that its thread goes on.
        """

    @abstractmethod
    def close(self, *, now: bool = False) -> None:
        """End serving a run. Calls may be under way only if `now` is true, and are then stopped.

        A second call does nothing.
        """

    def __enter__(self) -> Self:
        self.is_kept = True
        return self

    def __exit__(self, *raised: object) -> None:
        self.is_kept = False
        self.close(now=True)


def unheard(call: Call, outcome: Outcome) -> None:
    """Drop an outcome: no run is being served."""
