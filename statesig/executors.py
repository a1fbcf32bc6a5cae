"""Where the code of tasks is run: in threads, in processes, on an event loop, on a cluster.

An executor is handed calls and reports what came of each. It knows no flow, no run and no state of one: what a failure
means is the runner's to say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from statesig.calls import Call, Outcome

__all__ = ["Executor", "Report"]

Report = Callable[[Call, Outcome], object]
"""What an executor calls, from any thread, once for each call that came to an end by itself."""


class Executor(ABC):
    """Where calls are run. One may serve several runs, one after the other.

    Attributes:
        slots: How many calls it runs at once.
        window: How many may be handed to it at once; what is past `slots` waits in it, so that no slot waits for a call.
        takes_coroutines: Whether coroutine functions may be handed to it; else they go to the run's event loop.
    """

    slots: int
    window: int
    takes_coroutines: bool = False

    @abstractmethod
    def open(self, report: Report) -> None:
        """Begin to serve a run.

        Raises:
            ExecutorError: It cannot be used: a cluster that cannot be reached, say.
        """

    @abstractmethod
    def submit(self, calls: Sequence[Call]) -> None:
        """Take calls, to be run in about this order; return at once. What goes wrong with a call is its outcome."""

    @abstractmethod
    def stop(self, call: Call) -> str:
        """Stop a call as far as that can be done, and report nothing of it any more.

        Returns:
            A sentence that says what became of it: that its process was ended, or that its thread goes on.
        """

    @abstractmethod
    def close(self, *, now: bool = False) -> None:
        """End serving a run; no call is under way any more, or those that are shall be stopped where `now` is true."""
