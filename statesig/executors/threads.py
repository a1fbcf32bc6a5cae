"""Calls in threads of this process."""

from __future__ import annotations

import os
import time

from statesig.executors.calls import Call, Outcome, performed
from statesig.executors.pool import Pool, Worker

__all__ = ["Threads"]


class Threads(Pool):
    """Threads of this process.

    A thread cannot be stopped: the function of a call that was stopped goes on until it returns, while another thread
    takes the place. None of them holds the interpreter when the program ends.

    Args:
        workers: How many calls run at once; by default four more than there are processors, and at most 32.
    """

    def __init__(self, workers: int | None = None) -> None:
        super().__init__(min(32, (os.cpu_count() or 1) + 4) if workers is None else workers)

    def worker(self) -> Worker:
        """Return what calls the function."""
        return _CALLING


class _Calling(Worker):
    """Calls the functions of calls in the thread that asks for it."""

    def perform(self, call: Call) -> Outcome:
        call.began = time.monotonic()
        return performed(call)

    def stop(self) -> str:
        return "its thread goes on until the function returns"

    def close(self) -> None:
        """There is nothing to let go of."""


_CALLING = _Calling()
