"""Ctrl-C and SIGTERM while a run goes on: they interrupt the run instead of ending the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from statesig.executors.attempts import running

__all__ = ["Interrupts", "interrupted_by_signals"]


class _Interruptible(Protocol):
    def interrupt(self, *, now: bool = False) -> None: ...


class Interrupts:
    """The interrupts that have come.

    Attributes:
        numbers: Their signal numbers, in order.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def raise_for(self, note: str) -> None:
        """Raise what Python raises for the first of them, if any has come: KeyboardInterrupt, or SystemExit(143).

        Args:
            note: A sentence for the exception.
        """
        if self.numbers:
            is_sigterm = self.numbers[0] == signal.SIGTERM
            exc = SystemExit(128 + self.numbers[0]) if is_sigterm else KeyboardInterrupt()
            exc.add_note(note)
            raise exc


@contextmanager
def interrupted_by_signals(run: _Interruptible, tell: Callable[[int], object] | None = None) -> Generator[Interrupts]:
    """Let SIGINT (Ctrl-C) and SIGTERM interrupt a run while the block runs, instead of ending the process.

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
        run.interrupt(now=len(came.numbers) > 1)
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
