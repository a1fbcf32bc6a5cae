"""Change the tasks of a run, and the run itself, in one way for all: ask handlers, store the change, tell of it.

`decisions` says what an attempt leads to, and the loop when anything happens and in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from statesig.algebra.captures import state_of_exception
from statesig.codec.events import Event, without_result
from statesig.engine.cache_keys import cached_from, is_fresh
from statesig.engine.decisions import (
    MOST_PUT_OFF,
    is_failure,
    settle,
    settle_cancelling,
    settle_replaced,
    settle_unbegun,
)
from statesig.engine.gathering import completed, gathered
from statesig.engine.noderuns import PENDING, SUBMITTED, NodeRun
from statesig.engine.options import Options
from statesig.engine.values import valued, valued_items
from statesig.executors.attempts import running
from statesig.executors.calls import worker_name
from statesig.graph.tasks import Handler
from statesig.graph.templates import fresh, snapshot
from statesig.signals import Signal
from statesig.states import (
    AnyState,
    Cached,
    Cancelled,
    Cancelling,
    Failed,
    Finished,
    Looped,
    Mapped,
    Paused,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
)

if TYPE_CHECKING:
    from statesig.engine.journal import Journal

__all__ = ["RUNNING", "Changes"]

RUNNING: Final = Running()
"""The state of a task while its function runs."""


class Changes:
    """The changes of a run and its tasks.

    Attributes:
        is_quiet: Whether no change is stored, and nobody is told of any.
        is_short: Whether, besides, no handler is told of each task.
        is_stored: Whether changes are stored.
        is_cancelled: Whether the run is cancelled: each task ends, and a handler can only say how.

    Args:
        run: The run's identity.
        options: The options of the run.
        journal: Stores the changes; None: nothing does.
        remembered: The successes that are cached for this run alone, by key, each as a `snapshot`.
        handlers: Called at each change of each task, after the task's own.
    """

    def __init__(
        self,
        run: str,
        options: Options,
        journal: Journal | None,
        remembered: dict[str, Any],
        handlers: tuple[Handler, ...] = (),
    ) -> None:
        self.is_quiet: bool = journal is None and options.on_event is None
        self.is_short: bool = self.is_quiet and not handlers
        self._for_all = handlers
        self.is_stored: bool = journal is not None
        self.is_cancelled: bool = False
        self._run = run
        self._options = options
        self._clock = options.now
        self._seed = run if options.seed is None else options.seed
        self._journal = journal
        self._remembered = remembered
        self._untold: list[Event] = []

    def enter(self, noderun: NodeRun) -> bool:
        """Let a task become Running; return whether its handlers let it."""
        if self.is_short and noderun.node.task.is_plain:
            noderun.has_run, noderun.state = True, RUNNING  # what `move` would do, for the most frequent change
            return True
        state = self._handled(noderun, RUNNING)
        if isinstance(state, Running):
            noderun.put_off = 0
        self._move(noderun, state)
        return isinstance(state, Running)

    def hand_over(self, noderun: NodeRun) -> bool:
        """Let a task become Submitted, unless it is; return whether its handlers let it."""
        if isinstance(noderun.state, Submitted):
            return True
        submitted = SUBMITTED
        if noderun.state is not PENDING:
            before: Any = without_result(noderun.state)  # of the Pending family: no other is executed
            submitted = Submitted(state=before)
        state = self._handled(noderun, submitted)
        self._move(noderun, state)
        return isinstance(state, Submitted)

    def end(self, noderun: NodeRun, outcome: State[Any], worker: str | None = None) -> None:
        """Move a task to the outcome of its attempt, or to what its handlers put in its place.

        Args:
            noderun: The task.
            outcome: The state that its function left.
            worker: Where the attempt ran; None: in this process.
        """
        task = noderun.node.task
        if self.is_short and task.is_plain:
            if type(outcome) is Success:
                declared = task.value_type
                if declared is not None and type(outcome.__dict__["result"]) not in declared.exact:
                    outcome = valued(declared, outcome)
            if type(outcome) is Success or (type(outcome) is Skipped and not outcome.has_result):
                noderun.state = outcome  # what `move` would do, for the most frequent outcomes
                return
        state = self._settled(noderun, outcome)
        for handler in self._handlers_of(noderun):
            given = self._given(handler, noderun, state)
            if given is not state:
                state = self._settled(noderun, given)
        self._keep(noderun, state)
        self._move(noderun, state, worker_name() if worker is None else worker)

    def _settled(self, noderun: NodeRun, outcome: State[Any]) -> State[Any]:
        outcome = valued(noderun.node.task.value_type, outcome)
        if isinstance(noderun.state, Cancelling):
            return settle_cancelling(outcome)
        failures = noderun.failures + is_failure(outcome)
        jitter = self._jitter(noderun, failures)
        loops = noderun.loops + isinstance(outcome, Looped)
        return settle(
            noderun.node.task, outcome, failures, self._clock(), attempts=noderun.attempt, loops=loops, jitter=jitter
        )

    def _jitter(self, noderun: NodeRun, failures: int) -> float:
        if not noderun.node.task.retry_jitter:
            return 0.0
        return Random(f"{self._seed}/{noderun.name}/{failures}").uniform(-1, 1)

    def fail_to_begin(self, noderun: NodeRun, exc: BaseException) -> None:
        """Move a task to the state of an exception that making its arguments raised; no attempt begins."""
        outcome = state_of_exception(exc, redact=self._options.redact, traceback=self._options.traceback)
        self.become(noderun, self._replaced(noderun, settle_unbegun(noderun.state, outcome)))

    # ---- cached successes

    def recall(self, noderun: NodeRun) -> bool:
        """Let a task with a cache key become Cached if a success is kept for it; return whether one is."""
        key = noderun.key
        assert key is not None
        now = self._clock()
        found: Cached[Any] | None = fresh(self._remembered.get(key))
        if (found is None or not is_fresh(found, now)) and self._journal is not None:
            found = self._journal.recall(noderun, key, now)  # another run may have renewed it
        if found is None or not is_fresh(found, now):
            return False
        self.become(noderun, found)
        return True

    def _keep(self, noderun: NodeRun, state: State[Any]) -> None:
        """Keep a success for further calls with equal arguments."""
        seconds = noderun.node.task.cache_for
        if noderun.key is None or seconds is None or not isinstance(state, Success) or not state.has_result:
            return
        if not isinstance(state, (Cached, Skipped, Mapped)):
            kept = cached_from(state, seconds, self._clock())
            self._remembered[noderun.key] = snapshot(kept)
            if self._journal is not None:
                self._journal.remember(noderun, noderun.key, kept)

    # ---- changes that no attempt makes

    def let_end(self, noderun: NodeRun) -> None:
        """Let a running task be Cancelling; its function goes on, so handlers are told and can replace nothing."""
        cancelling = Cancelling(message="the run was cancelled")
        for handler in self._handlers_of(noderun):
            self._given(handler, noderun, cancelling)
        self._move(noderun, cancelling)

    def stop(self, noderun: NodeRun, sentence: str | None = None, worker: str | None = None) -> None:
        """Let a task whose call was stopped be Cancelled, or the final state that its handlers put in place.

        Args:
            noderun: The task.
            sentence: What became of the call; None: it was not called.
            worker: Where the call ran; None if it had not begun.
        """
        message = "the run was cancelled"
        state: State[Any] = Cancelled(message=message if sentence is None else f"{message}; {sentence}")
        for handler in self._handlers_of(noderun):
            given = self._given(handler, noderun, state)
            if given is not state:
                state = self._replaced(noderun, given)
        self._move(noderun, state, worker)

    def become(self, noderun: NodeRun, state: State[Any]) -> None:
        """Move a task to a state that no attempt left, or to what its handlers put in its place."""
        self._move(noderun, self._handled(noderun, state))

    def gather(self, noderun: NodeRun, children: Sequence[State[Any]]) -> None:
        """Move a mapped task to the state that its final children make, or to what its handlers put in its place."""
        state: State[Any] = gathered(children)
        given = self._handled(noderun, state)
        self._move(noderun, state if given is state else completed(given, children))

    def _handled(self, noderun: NodeRun, state: State[Any]) -> State[Any]:
        for handler in self._handlers_of(noderun):
            given = self._given(handler, noderun, state)
            if given is not state:
                state = self._replaced(noderun, given, begins=isinstance(state, Running))
        return state

    def _replaced(self, noderun: NodeRun, given: State[Any], *, begins: bool = False) -> State[Any]:
        """Return the state that a handler puts in place of one that no attempt left; a RETRY counts as in `end`."""
        validated = valued_items if noderun.is_whole else valued
        state = settle_replaced(noderun.state, validated(noderun.node.task.value_type, given), begins=begins)
        if self.is_cancelled:
            return settle_cancelling(state)
        if not isinstance(state, Retrying):
            return self._put_off(noderun, state)
        failures = noderun.failures + 1
        task, jitter = noderun.node.task, self._jitter(noderun, failures)
        return settle(task, state, failures, self._clock(), jitter=jitter)

    def _put_off(self, noderun: NodeRun, state: State[Any]) -> State[Any]:
        """Return a state that a handler gave; Failed if handlers put the task off over and over, to no later time."""
        start_time = state.start_time if isinstance(state, Scheduled) else None
        if isinstance(state, (Finished, Paused)) or (start_time is not None and start_time > self._clock()):
            noderun.put_off = 0
            return state
        noderun.put_off += 1
        if noderun.put_off <= MOST_PUT_OFF:
            return state
        message = f"its handlers put it off {MOST_PUT_OFF} times in a row, to no later time; give SCHEDULE a start_time"
        return Failed(message=message, retryable=False)

    def _handlers_of(self, noderun: NodeRun) -> tuple[Handler, ...]:
        own = noderun.node.task.handlers
        return own if noderun.task is None else own + self._for_all

    def _given(self, handler: Handler, noderun: NodeRun, new: State[Any]) -> State[Any]:
        """Return the state that a handler gives in place of another; the state itself if it gives none."""
        options, retry_on = self._options, noderun.node.task.retry_on
        token = running.set(noderun)  # `current()` tells a handler of which task it is told
        try:
            given: Any = handler(noderun.state, new)
        except (Signal, Exception, BaseExceptionGroup) as exc:
            return state_of_exception(exc, redact=options.redact, traceback=options.traceback, retry_on=retry_on)
        finally:
            running.reset(token)
        if given is None:
            return new
        if not issubclass(type(given), State):
            return state_of_exception(TypeError(f"a handler returns a state or None, not {type(given).__name__}"))
        replaced: State[Any] = given
        return replaced

    # ---- one way for all

    def _move(self, noderun: NodeRun, state: State[Any], worker: str | None = None) -> None:
        attempt = noderun.attempt_of(state)
        if self._journal is not None:
            state = self._journal.add(noderun, state, attempt, worker=worker)
        noderun.move(state)
        if isinstance(state, Scheduled) and state.start_time is not None:
            noderun.due = monotonic() + (state.start_time - self._clock()).total_seconds()
        if not self.is_quiet:
            self.tell(noderun, state, attempt)

    def tell(self, noderun: NodeRun, state: State[Any], attempt: int) -> None:
        """Tell of a task's state: at once or, with a store, once it is stored."""
        if self._options.on_event is None:
            return
        entered = cast("AnyState[object]", state)  # a concrete state
        event = Event(self._run, noderun.task, noderun.index, attempt, self._clock(), entered, noderun.try_number)
        if self._journal is None:
            self._options.on_event(event)
        else:
            self._untold.append(event)

    def flush(self) -> None:
        """Store the changes that were added; then tell of them.

        Raises:
            RunTaken: Another process has taken the run.
            StoreError: It cannot be stored; nothing of it is, and nobody was told.
            Exception: The first one that `on_event` raised; every event was told.
        """
        if self._journal is not None:
            self._journal.flush()
            untold, self._untold = self._untold, []
            raised: BaseException | None = None
            for event in untold:
                assert self._options.on_event is not None
                try:
                    self._options.on_event(event)
                except (Signal, Exception, BaseExceptionGroup) as exc:
                    raised = raised or exc  # the events after this one are told all the same
            if raised is not None:
                raise raised
            self._journal.confirm()
