"""Observers: an `on_event` that also surrounds the drive of a run and enters the context of its attempts.

Nothing here may know what an observer makes of that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final

from statesig.codec.events import Event
from statesig.executors.attempts import Attempt
from statesig.executors.calls import Enter
from statesig.graph.graph import Graph

__all__ = ["Observer", "after", "driven"]


class Observer(ABC):
    """Called with each event of a run, as any `on_event` is, and asked for the context of each attempt."""

    @abstractmethod
    def __call__(self, event: Event, /) -> object:
        """Take an event, in the thread that drives the run; with a store, once it is stored."""

    @abstractmethod
    def driving(self, run: str, flow: Graph, now: Callable[[], datetime]) -> AbstractContextManager[object]:
        """Return what surrounds one drive of a run, from its first event until no task of it runs here any more.

        Args:
            run: The run's identity.
            flow: Its flow.
            now: Returns the time by the run's clock, aware.
        """

    @abstractmethod
    def entering(self, attempt: Attempt, /) -> Enter | None:
        """Return the function to call in the context of an attempt, right before the task's own; None: nothing.

        It is asked for as late as possible, from any thread: where an attempt runs in this process, once its Running is
        told; where it runs in another, when it is sent there. `Enter` is pickled on the way, and left out where the
        worker cannot unpickle it. Neither function may raise.
        """


def driven(on_event: object, run: str, flow: Graph, now: Callable[[], datetime]) -> AbstractContextManager[object]:
    """Return what surrounds the drive of a run: that of its observer, if `on_event` is one."""
    return on_event.driving(run, flow, now) if isinstance(on_event, Observer) else _NOTHING


_NOTHING: Final = nullcontext()


def after(first: Callable[[Event], object], on_event: Callable[[Event], object] | None) -> Callable[[Event], object]:
    """Return an `on_event` that calls a function before another one, which may be an observer."""
    if isinstance(on_event, Observer):
        return _After(first, on_event)

    def told(event: Event) -> None:
        first(event)
        if on_event is not None:
            on_event(event)

    return told


class _After(Observer):
    """An observer that is told of each event once a function was."""

    def __init__(self, first: Callable[[Event], object], observer: Observer) -> None:
        self._first = first
        self._observer = observer

    def __call__(self, event: Event, /) -> None:
        self._first(event)
        self._observer(event)

    def driving(self, run: str, flow: Graph, now: Callable[[], datetime]) -> AbstractContextManager[object]:
        return self._observer.driving(run, flow, now)

    def entering(self, attempt: Attempt, /) -> Enter | None:
        return self._observer.entering(attempt)
