"""Ctrl-C and SIGTERM, while a run goes on: they cancel it in place of ending the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from statesig.executors.attempts import running

__all__ = ["Signals", "cancelled_by_signals"]


class _Cancellable(Protocol):
    def cancel(self, *, now: bool = False) -> None: ...


class Signals:
    """The signals that have come.

    Attributes:
        numbers: Their numbers, in order.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []


@contextmanager
def cancelled_by_signals(run: _Cancellable, told: Callable[[int], object] | None = None) -> Generator[Signals]:
    """Let SIGINT, which is Ctrl-C, and SIGTERM cancel a run while the block runs, in place of ending the process.

    The first lets what runs finish; the second stops it. In another thread than the main one, which alone may handle
    signals, nothing is changed.

    Args:
        run: The run.
        told: Called in the handler at each signal, with how many have come.

    Returns:
        The signals that have come.
    """
    came = Signals()

    def handle(number: int, frame: FrameType | None) -> None:
        came.numbers.append(number)
        if told is not None:
            told(len(came.numbers))
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
