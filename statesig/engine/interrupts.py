"""Ctrl-C and SIGTERM while a run goes on: they cancel the run instead of ending the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from statesig.executors.attempts import running

__all__ = ["Interrupts", "cancelled_by_interrupts"]


class _Cancellable(Protocol):
    def cancel(self, *, now: bool = False) -> None: ...


class Interrupts:
    """The interrupts that have come.

    Attributes:
        numbers: Their signal numbers, in order.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []


@contextmanager
def cancelled_by_interrupts(run: _Cancellable, tell: Callable[[int], object] | None = None) -> Generator[Interrupts]:
    """Let SIGINT (Ctrl-C) and SIGTERM cancel a run while the block runs, instead of ending the process.

    The first lets running tasks finish; the second stops them. Only the main thread may handle signals: in another
    thread nothing is changed.

    Args:
        run: The run.
        tell: Called in the handler of each interrupt, with how many have come.

    Returns:
        The interrupts that have come.
    """
    came = Interrupts()

    def handle(number: int, frame: FrameType | None) -> None:
        came.numbers.append(number)
        if tell is not None:
            tell(len(came.numbers))
        run.cancel(now=len(came.numbers) > 1)
        if len(came.numbers) > 1 and running.get() is not None:
            raise KeyboardInterrupt  # out of the function that runs in this thread

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
