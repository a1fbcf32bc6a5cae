"""How the items of a run change: by what their handlers say, written down, and told of, in one way for all.

What an attempt leads to is `decisions`' to say; when anything happens, and in which order, is the drive's.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from statesig.algebra.captures import state_of_exception
from statesig.codec.events import Event
from statesig.engine.cache_keys import cached_from, is_fresh
from statesig.engine.decisions import is_failure, settle, settle_cancelling, settle_replaced, settle_unbegun
from statesig.engine.noderuns import Item
from statesig.engine.options import Options
from statesig.graph.tasks import Handler
from statesig.signals import Signal
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    Finished,
    Looped,
    Mapped,
    Running,
    Skipped,
    State,
    Success,
)

if TYPE_CHECKING:
    from statesig.engine.journal import Journal

__all__ = ["RUNNING", "Changes"]

RUNNING: Final = Running()
"""What an item is in while its function runs."""


class Changes:
    """The changes of a run's items.

    Attributes:
        is_quiet: Whether nobody is told of any, and none is written down.
        is_stored: Whether they are written down.

    Args:
        run: The run's identity.
        options: How it is run.
        journal: What writes it down; None: nothing does.
        remembered: What is cached for the run alone, by key.
    """

    def __init__(self, run: str, options: Options, journal: Journal | None, remembered: dict[str, Cached[Any]]) -> None:
        self.is_quiet: bool = journal is None and options.on_event is None
        self.is_stored: bool = journal is not None
        self._run = run
        self._options = options
        self._clock = options.now
        self._seed = run if options.seed is None else options.seed
        self._journal = journal
        self._remembered = remembered
        self._untold: list[Event] = []

    def end(self, item: Item, outcome: State[Any], worker: str) -> None:
        """Move an item to what its attempt left, or to what its handlers put in place of that."""
        state = self._settled(item, outcome)
        for handler in item.node.task.handlers:
            given = self._given(handler, item.state, state)
            if given is not state:
                outcome, state = given, self._settled(item, given)
        item.failures += is_failure(outcome)
        if isinstance(outcome, Looped):
            item.loops += 1
            item.loop_result = outcome.result
        self._keep(item, state)
        self._move(item, state, worker)

    def _settled(self, item: Item, outcome: State[Any]) -> State[Any]:
        if isinstance(item.state, Cancelling):
            return settle_cancelling(outcome)
        task = item.node.task
        failures = item.failures + is_failure(outcome)
        jitter = 0.0
        if task.retry_jitter:
            jitter = Random(f"{self._seed}/{item.name}/{failures}").uniform(-1, 1)
        loops = item.loops + isinstance(outcome, Looped)
        return settle(task, outcome, failures, self._clock(), attempts=item.entries, loops=loops, jitter=jitter)

    def enter(self, item: Item) -> bool:
        """Let an item come to be Running, and return whether its handlers let it."""
        state = self._handled(item, RUNNING)
        is_running = isinstance(state, Running)
        item.entries += is_running
        self._move(item, state)
        return is_running

    def fail_to_begin(self, item: Item, exc: BaseException) -> None:
        """Move an item to what making its arguments raised: no attempt of it begins."""
        outcome = state_of_exception(exc, redact=self._options.redact, traceback=self._options.traceback)
        self.become(item, settle_unbegun(item.state, outcome))

    # ---- what is kept for equal calls

    def recall(self, item: Item) -> bool:
        """Let an item become Cached, where a success is kept for its arguments; return whether one is."""
        if item.key is None:
            return False
        now = self._clock()
        found = self._remembered.get(item.key)
        if (found is None or not is_fresh(found, now)) and self._journal is not None:
            found = self._journal.recall(item, item.key, now)  # another run may have renewed it
        if found is None or not is_fresh(found, now):
            return False
        self.become(item, found)
        return True

    def _keep(self, item: Item, state: State[Any]) -> None:
        """Keep a success for further calls with equal arguments."""
        seconds = item.node.task.cache_for
        if item.key is None or seconds is None or not isinstance(state, Success) or not state.has_result:
            return
        if not isinstance(state, (Cached, Skipped, Mapped)):
            kept = cached_from(state, seconds, self._clock())
            self._remembered[item.key] = kept
            if self._journal is not None:
                self._journal.remember(item, item.key, kept)

    def let_end(self, item: Item) -> None:
        """Let an item that runs be Cancelling; its function goes on, so its handlers can put nothing else in place."""
        cancelling = Cancelling(message="the run was cancelled")
        for handler in item.node.task.handlers:
            self._given(handler, item.state, cancelling)
        self._move(item, cancelling)

    def stop(self, item: Item, sentence: str, worker: str | None = None) -> None:
        """Let an item whose call was stopped be Cancelled, or what else is final and its handlers put in place."""
        state: State[Any] = Cancelled(message=f"the run was cancelled; {sentence}")
        for handler in item.node.task.handlers:
            given = self._given(handler, item.state, state)
            if given is not state:
                state = settle_cancelling(settle_replaced(item.state, given))
        self._move(item, state, worker)

    def become(self, item: Item, state: State[Any]) -> None:
        """Move an item to a state that no attempt left, or to what its handlers put in place of it."""
        self._move(item, self._handled(item, state))

    def _handled(self, item: Item, state: State[Any]) -> State[Any]:
        for handler in item.node.task.handlers:
            given = self._given(handler, item.state, state)
            if given is not state:
                state = settle_replaced(item.state, given)
        return state

    def _given(self, handler: Handler, old: State[Any], new: State[Any]) -> State[Any]:
        """Return what a handler gives in place of a state, the state itself where it gives nothing."""
        options = self._options
        try:
            given: Any = handler(old, new)
        except (Signal, Exception, BaseExceptionGroup) as exc:
            return state_of_exception(exc, redact=options.redact, traceback=options.traceback)
        if given is None:
            return new
        if not issubclass(type(given), State):
            return state_of_exception(TypeError(f"a handler returns a state or None, not {type(given).__name__}"))
        replaced: State[Any] = given
        return replaced

    def _move(self, item: Item, state: State[Any], worker: str | None = None) -> None:
        if self.is_quiet:
            item.state = state
            return
        # An attempt counts entries into Running: what is not the end of one is of the coming one.
        is_of_this = isinstance(state, (Running, Cancelling)) or (
            isinstance(item.state, (Running, Cancelling)) and isinstance(state, Finished)
        )
        attempt = item.entries if is_of_this else item.entries + 1
        if self._journal is not None:
            state = self._journal.add(item, state, attempt, worker=worker)
        item.state = state
        self.tell(item, state, attempt)

    def tell(self, item: Item, state: State[Any], attempt: int) -> None:
        """Tell of a state that an item is in: at once, or, where it is written down, once that is stored."""
        if self._options.on_event is None:
            return
        event = Event(self._run, item.node.name, item.index, attempt, self._clock(), state)
        if self._journal is None:
            self._options.on_event(event)
        else:
            self._untold.append(event)  # what is told has been stored

    def flush(self, state: State[Any] | None = None) -> None:
        """Store what was written down, and the run's own state where one is given, and tell of it.

        Raises:
            StoreError: It cannot be stored; nothing of it is, and nothing was told.
        """
        if self._journal is not None:
            self._journal.flush(state)
            untold, self._untold = self._untold, []
            for event in untold:
                assert self._options.on_event is not None
                self._options.on_event(event)
