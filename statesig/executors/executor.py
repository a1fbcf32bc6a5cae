"""Where the code of tasks is run: here in threads, elsewhere on an event loop, in processes and on a cluster.

An executor is handed calls and reports what came of each. It knows no flow, no run and no state of one: what a failure
means is the runner's to say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self

from statesig.executors.calls import Call, Outcome

__all__ = ["Executor", "Report", "unheard"]

Report = Callable[[Call, Outcome], object]
"""What an executor calls, from any thread, once for each call that came to an end by itself."""


class Executor(ABC):
    """Where calls are run. One may serve several runs, one after the other.

    As a context manager it keeps its threads, processes or connections from one run to the next, and ends them when the
    block is left; otherwise they last for one run.

    Attributes:
        slots: How many calls it runs at once.
        window: How many may be handed to it at once; what is past `slots` waits in it, so that none is idle.
        takes_coroutines: Whether coroutine functions may be handed to it; else they go to the run's event loop.
        is_kept: Whether `close` leaves in place what the next run can use.
    """

    slots: int
    window: int
    takes_coroutines: bool = False
    is_kept: bool = False

    @abstractmethod
    def open(self, report: Report) -> None:
        """Begin to serve a run.

        Raises:
            ExecutorError: It cannot be used: a cluster that cannot be reached, say.
        """

    @abstractmethod
    def submit(self, calls: Sequence[Call]) -> None:
        """Take calls, to be run in about this order; return at once. What goes wrong with a call is its outcome."""

    def withdraw(self, call: Call) -> bool:
        """Take back a call that has not begun, of which then nothing is reported; return whether that could be done."""
        return False

    @abstractmethod
    def stop(self, call: Call) -> str:
        """Stop a call as far as that can be done, and report nothing of it any more.

        Returns:
            A sentence that says what became of it: that its process was ended, or that its thread goes on.
        """

    @abstractmethod
    def close(self, *, now: bool = False) -> None:
        """End serving a run; no call is under way any more, or those that are shall be stopped where `now` is true.

        Once more does nothing.
        """

    def __enter__(self) -> Self:
        self.is_kept = True
        return self

    def __exit__(self, *raised: object) -> None:
        self.is_kept = False
        self.close(now=True)


def unheard(call: Call, outcome: Outcome) -> None:
    """Take an outcome that nobody waits for any more."""
