"""Hand over the calls of a run and let them begin, as many together as possible: one transaction stores them all.

Nothing here decides which tasks run, or changes a task.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from statesig.engine.changes import Changes
from statesig.engine.dispatch import Dispatcher
from statesig.states import Submitted

__all__ = ["Sender"]

_MOMENT: Final = 0.002
"""Seconds to wait for calls that were just handed over to begin; both are then stored together."""

_PATIENCE: Final = 0.1
"""Seconds to wait for coroutines to begin before a function takes the thread that lets them; their event loop may be
blocked."""

_OFTEN, _SELDOM = 3, 32
"""After this many waits in vain no call is waited for any more, until this many transactions were stored."""


class Sender:
    """Hands over the calls of a run and lets them begin.

    Args:
        dispatcher: The calls under way.
        changes: Stores that calls begin.
        collect: Takes what has come back.
        is_interrupted: Tells whether the run is to be stopped, which the loop has to look at first.
    """

    def __init__(
        self, dispatcher: Dispatcher, changes: Changes, collect: Callable[[], None], is_interrupted: Callable[[], bool]
    ) -> None:
        self._dispatcher = dispatcher
        self._changes = changes
        self._collect = collect
        self._is_interrupted = is_interrupted
        self._has_sent = False
        self._in_vain = 0

    def send(self) -> None:
        """Store that calls begin and let them; hand over others, which the next transaction stores."""
        if self._dispatcher.begins:
            if self._changes.is_stored:
                self._await_others()
            self._changes.flush()
        self._has_sent = True
        self._dispatcher.send()

    def _await_others(self) -> None:
        """Wait a moment for other calls that are about to begin, so that one transaction stores them all.

        After some waits in vain it is tried only now and then: the others take long.
        """
        until = monotonic() + _MOMENT
        while self._dispatcher.may_more_begin and self._in_vain % _SELDOM < _OFTEN:
            if not self._dispatcher.wait(max(0.0, until - monotonic())):
                self._in_vain += 1
                return
            self._collect()
            self._in_vain = 0
        self._in_vain += self._in_vain % _SELDOM >= _OFTEN

    def let_coroutines_begin(self) -> None:
        """Let coroutines begin that were handed over, before a function keeps this thread, which has to let them."""
        if self._dispatcher.outgoing or self._dispatcher.begins:
            self.send()
        if not self._has_sent:
            return
        self._has_sent = False
        until = monotonic() + _PATIENCE
        in_flight = self._dispatcher.in_flight
        while any(isinstance(noderun.state, Submitted) for noderun, _ in in_flight.values()):
            left = until - monotonic()
            if self._is_interrupted():
                return
            if left <= 0:
                break
            if self._dispatcher.wait(left):
                self._collect()
        if self._dispatcher.begins:
            self.send()

    def await_beginnings(self) -> bool:
        """Wait a moment if calls were just handed over whose beginning is stored; return whether one came back."""
        if not self._changes.is_stored or not self._has_sent:
            return False
        self._has_sent = False
        return self._dispatcher.wait(_MOMENT)
