"""Run calls in threads of this process.

A call that was stopped must not keep its place or hold the interpreter's exit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from statesig.executors.calls import Call, Outcome, performed
from statesig.executors.pool import Pool, Worker

__all__ = ["Threads"]


class Threads(Pool):
    """Threads of this process.

    A thread cannot be stopped: the function of a stopped call goes on until it returns, and a new thread takes its
    place. No thread holds the interpreter's exit.

    Args:
        workers: The number of calls that run at once; by default that of processors plus four, at most 32.
    """

    def __init__(self, workers: int | None = None) -> None:
        super().__init__(min(32, (os.cpu_count() or 1) + 4) if workers is None else workers)

    def worker(self) -> Worker:
        """Return a worker that calls the function."""
        return _CALLING


class _Calling(Worker):
    """Calls the function in the calling thread."""

    def perform(self, call: Call, may_begin: Callable[[], bool]) -> Outcome | None:
        if not may_begin():
            return None
        call.began = time.monotonic()
        return performed(call, in_new_context=False)

    def stop(self) -> str:
        return "its thread goes on until the function returns"

    def close(self) -> None:
        """Do nothing: it holds no resources."""


_CALLING = _Calling()
