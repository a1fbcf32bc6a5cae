"""One drive of a run: from where it is until nothing is left to do, or only people can help.

The loop hands calls to executors, takes what comes back, keeps the states, has them written down and tells of each;
what to do next is `decisions`' to say. Everything here happens in the thread that drives, save `cancel`.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from statesig.attempts import running
from statesig.caches import cached_from, is_fresh, key_of
from statesig.calls import Call, worker_name
from statesig.captures import Redact, capture, state_of_exception
from statesig.coroutines import Coroutines
from statesig.decisions import (
    Become,
    Wait,
    decide,
    decide_by_child,
    is_failure,
    settle,
    settle_cancelling,
    settle_replaced,
    settle_unbegun,
)
from statesig.events import Event
from statesig.executors import Executor, Threads
from statesig.inputs import Inputs
from statesig.items import PENDING, Item
from statesig.lanes import Lanes
from statesig.signals import Signal
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    Finished,
    Looped,
    Mapped,
    Paused,
    Pending,
    Running,
    Skipped,
    State,
    Success,
    TimedOut,
)
from statesig.tasks import Handler, building
from statesig.waits import Waits

if TYPE_CHECKING:
    import asyncio

    from statesig.journals import Journal

__all__ = ["Drive", "Options"]

_AWAY: Final = object()
_RUNNING: Final = Running()


@dataclass(frozen=True, slots=True)
class Options:
    """How a flow is run; see `statesig.runner.run`."""

    on_event: Callable[[Event], object] | None
    redact: Redact | None
    traceback: bool
    clock: Callable[[], datetime]
    sleep: Callable[[float], object] | None
    seed: object
    executor: Executor | None
    signals: bool = False
    loop: asyncio.AbstractEventLoop | None = None


class Drive:
    """One drive of a run.

    Args:
        run: The run's identity.
        items: The items of the flow's nodes, in their order.
        parameters: The values of the flow's parameters.
        options: How it is run.
        journal: What writes it down; None: nothing does.
        remembered: What is cached for the run alone, by key.
    """

    def __init__(
        self,
        run: str,
        items: Sequence[Item],
        parameters: Mapping[str, Any],
        options: Options,
        journal: Journal | None,
        remembered: dict[str, Cached[Any]],
    ) -> None:
        self._run = run
        self._items = items
        self._options = options
        self._clock = options.clock
        self._journal = journal
        self._remembered = remembered
        self._is_quiet = journal is None and options.on_event is None
        self._untold: list[Event] = []
        self._delayed: list[tuple[datetime, int, Item]] = []
        self._order = 0
        self._asked = self._done = 0
        self._inputs = Inputs(items, parameters)
        self._lanes = Lanes(
            options.executor,
            coroutines=lambda: Coroutines(options.loop),
            aside=lambda: Threads(1),
            is_stored=journal is not None,
        )

    def __enter__(self) -> Self:
        """Open its executor.

        Raises:
            ExecutorError: It cannot be used.
        """
        self._lanes.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close its executors; what is under way is stopped, where something went wrong or that was asked for."""
        self._lanes.close(now=exc is not None or self._done > 1)

    def go(self) -> None:
        """Run what can be run, until nothing is left or only people can help."""
        self._waits = Waits(self._items)
        tokens: tuple[Token[Any], Token[Any]] = running.set(None), building.set(None)
        try:
            self._loop()
        finally:
            running.reset(tokens[0])
            building.reset(tokens[1])

    def cancel(self, *, now: bool) -> None:
        """Ask that nothing further be begun, and, where `now` is true, that what runs be stopped; from any thread."""
        self._asked = max(self._asked, 2 if now else 1)
        self._lanes.wake()

    # ---- the loop

    def _loop(self) -> None:
        ready, lanes = self._waits.ready, self._lanes
        flying = lanes.flying
        while True:
            if self._asked > self._done:
                self._cancel()
            if flying and lanes.has_news:
                self._land()
            if ready:
                item = ready.popleft()
                if not item.is_settled:
                    self._look_at(item)
            elif lanes.holding and lanes.free(ready):
                continue
            elif lanes.launching:
                self._launch()
            elif flying or self._delayed:
                self._wait()
            else:
                return

    def _look_at(self, item: Item) -> None:
        """Take an item as far as it goes now, once there is room for it."""
        if self._lanes.is_open and self._lanes.hold(item):
            return
        until = self._step(item)
        if until is None:
            if type(item.state) is Success or Waits.is_at_rest(item):
                self._settle(item)
        elif isinstance(until, datetime):
            self._order += 1
            heapq.heappush(self._delayed, (until, self._order, item))

    def _step(self, item: Item) -> object:
        """Take an item as far as it goes now; return when to go on, where it waits for a time, or that it is away."""
        node = item.node
        while True:
            state = item.state
            if item.parent is not None and item.source is None and type(state) is Pending:
                away = self._execute(item)  # its node was let run on the same upstreams
            else:
                now = None if type(state) is Pending else self._clock()
                away = None
                expands = node.is_mapped and item.parent is None
                if expands and self._inputs.expands_by_child(node):
                    decision = decide_by_child(state, now=now)
                else:
                    decision = decide(node, state, self._inputs.upstream(item), resumed=item.resumed, now=now)
                if isinstance(decision, Wait):
                    return decision.until
                if isinstance(decision, Become):
                    self.become(item, decision.state)
                elif expands:
                    self._expand(item)
                else:
                    away = self._execute(item)
            if away is not None or type(item.state) is Success or isinstance(item.state, Finished):
                return away
            if item.state is state:
                return None
            if self._asked > self._done:
                return _AWAY  # what is run again at once, again and again, is cancelled as all that is not final

    def _settle(self, item: Item) -> None:
        """Tell those that wait for an item that it has come to rest."""
        parent = item.parent
        if parent is None:
            self._waits.settle(item)
            return
        item.is_settled = True
        parent.open -= 1
        if not parent.open:
            if self._gather(parent) and not isinstance(parent.state, (Finished, Paused)):
                self._waits.ready.append(parent)  # its handlers put it off
            else:
                self._waits.settle(parent)

    def _land(self) -> None:
        """Take what has come back, and what should have."""
        for item, outcome in self._lanes.arrived():
            if outcome.raised is not None:
                raise outcome.raised
            self._took(item, outcome.seconds)
            if self._is_plain_success(item, outcome.state):
                item.state = outcome.state
                self._settle(item)
                continue
            self._end(item, outcome.state, outcome.worker)
            self._go_on(item)
        for item, sentence in self._lanes.overdue():
            timeout = item.node.task.timeout or 0.0
            self._took(item, timeout)
            self._end(item, TimedOut(message=f"took longer than {timeout:g} s; {sentence}"), worker_name())
            self._go_on(item)

    def _go_on(self, item: Item) -> None:
        if isinstance(item.state, (Finished, Paused)):
            self._settle(item)
        else:
            self._waits.ready.append(item)

    def _launch(self) -> None:
        self.flush()
        self._lanes.launch()

    def _wait(self) -> None:
        """Wait until something comes back or the first of the delayed items may go on."""
        self.flush()
        if self._asked > self._done:
            return  # what was to end the wait may have been taken with what came back
        if not self._delayed:
            self._lanes.wait(None)
            return
        start, _, item = self._delayed[0]
        seconds = (start - self._clock()).total_seconds()
        if seconds > 0:
            if self._options.sleep is None or self._lanes.flying:
                self._lanes.wait(seconds)
                return
            self._options.sleep(seconds)
        heapq.heappop(self._delayed)
        self._waits.ready.append(item)

    # ---- one attempt

    def _execute(self, item: Item) -> object:
        """Call the task's function once, here or elsewhere; return `_AWAY` where it is under way elsewhere."""
        task = item.node.task
        try:
            args, kwargs = self._inputs.arguments(item)
            if task.cache_for is not None:
                item.key = key_of(task, args, kwargs)
        except (Signal, Exception, BaseExceptionGroup) as exc:
            self._fail_to_begin(item, exc)
            return None
        if task.is_plain and self._is_quiet:
            item.entries += 1
            item.state = _RUNNING
        elif self._recall(item) or not self._enter(item):
            return None
        lanes = self._lanes
        lane = lanes.pool if task.is_plain else lanes.lane_of(task)
        if lane is not None:
            options = self._options
            call = Call(task, args, kwargs, item.attempt(), options.redact, options.traceback)
            lanes.take(item, lane, call)
            return _AWAY
        if lanes.launching or not self._is_quiet:
            self._launch()
        self._call(item, partial(task.fn, **kwargs) if kwargs else task.fn, args)
        return None

    def _call(self, item: Item, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Call a function in this thread."""
        options = self._options
        began = time.perf_counter()
        try:
            running.set(item)
            outcome: State[Any] = capture(fn, *args, redact=options.redact, traceback=options.traceback)
            running.set(None)
        except KeyboardInterrupt:
            if self._asked < 2:  # the second Ctrl-C stops what runs, and nothing else may
                raise
            outcome = Cancelled(message="the run was cancelled, and its function was interrupted")
            running.set(None)
        self._took(item, time.perf_counter() - began)
        if self._is_plain_success(item, outcome):
            item.state = outcome
        else:
            self._end(item, outcome, worker_name())

    def _is_plain_success(self, item: Item, outcome: State[Any]) -> bool:
        """Tell whether an outcome is the state, and nobody is told of it: what most attempts come to."""
        return self._is_quiet and isinstance(outcome, Success) and item.node.task.is_plain

    @staticmethod
    def _took(item: Item, seconds: float) -> None:
        item.seconds += seconds
        if item.parent is not None:
            item.parent.seconds += seconds

    def _end(self, item: Item, outcome: State[Any], worker: str) -> None:
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
            jitter = Random(f"{self._options.seed}/{item.name}/{failures}").uniform(-1, 1)
        loops = item.loops + isinstance(outcome, Looped)
        return settle(task, outcome, failures, self._clock(), attempts=item.entries, loops=loops, jitter=jitter)

    def _enter(self, item: Item) -> bool:
        """Let an item come to be Running, and return whether its handlers let it."""
        state = self._handled(item, _RUNNING)
        item.entries += state is _RUNNING
        self._move(item, state)
        return state is _RUNNING

    def _fail_to_begin(self, item: Item, exc: BaseException) -> None:
        outcome = state_of_exception(exc, redact=self._options.redact, traceback=self._options.traceback)
        self.become(item, settle_unbegun(item.state, outcome))

    # ---- what is kept for equal calls

    def _recall(self, item: Item) -> bool:
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

    # ---- mapping

    def _expand(self, item: Item) -> None:
        """Make a mapped node's children, or find those it has, and put them in line."""
        if item.children is None:
            try:
                item.children = self._inputs.children(item)
            except (Signal, Exception, BaseExceptionGroup) as exc:
                self._fail_to_begin(item, exc)
                return
            if self._options.on_event is not None:
                for child in item.children:
                    if child.state is PENDING:
                        self._tell(child, child.state, 1)
        going_on = [child for child in item.children if not isinstance(child.state, Finished)]
        for child in going_on:
            child.is_settled = False
            child.resumed = child.resumed or item.resumed
        item.open = len(going_on)
        self._waits.ready.extend(going_on)
        if not going_on:
            self._gather(item)

    def _gather(self, item: Item) -> bool:
        """Let a mapped node become Mapped, once all its children are final; return whether they are."""
        states = tuple(child.state for child in item.children or ())
        if not all(isinstance(state, Finished) for state in states):
            return False
        self.become(item, gathered(states))
        return True

    # ---- cancelling

    def _cancel(self) -> None:
        """Let what has not begun be Cancelled, what runs be Cancelling, or Cancelled too where it is to be stopped."""
        self._done = self._asked
        self._waits.ready.clear()
        self._delayed.clear()
        away = {item: call for call, (item, _) in self._lanes.flying.items()}
        for node in self._items:
            for item in reversed(tuple(node.with_children())):  # children first: their node gathers them
                if item in away:
                    self._cancel_running(item, away[item])
                elif not isinstance(item.state, Finished) and not item.open:
                    self._cancel_waiting(item)

    def _cancel_running(self, item: Item, call: Call) -> None:
        if self._lanes.withdraw(call):
            self._stopped(item, "it had not begun")
        elif self._done > 1:
            _, sentence = self._lanes.stop(call)
            self._stopped(item, sentence, worker_name())
        elif isinstance(item.state, Running):
            cancelling = Cancelling(message="the run was cancelled")
            for handler in item.node.task.handlers:
                self._given(handler, item.state, cancelling)  # the function goes on, so nothing else is true of it
            self._move(item, cancelling)

    def _stopped(self, item: Item, sentence: str, worker: str | None = None) -> None:
        """Let an item whose call was stopped be Cancelled, or what else is final and its handlers put in place."""
        state: State[Any] = Cancelled(message=f"the run was cancelled; {sentence}")
        for handler in item.node.task.handlers:
            given = self._given(handler, item.state, state)
            if given is not state:
                state = settle_cancelling(settle_replaced(item.state, given))
        self._move(item, state, worker)
        self._settle(item)

    def _cancel_waiting(self, item: Item) -> None:
        was_settled = item.is_settled
        if item.children and all(isinstance(child.state, Finished) for child in item.children):
            self._gather(item)
        elif not item.children:
            self.become(item, Cancelled(message="the run was cancelled"))
        if item.parent is not None and not was_settled:
            item.is_settled = True
            item.parent.open -= item.parent.open > 0
        elif item.parent is None and not was_settled:
            self._waits.settle(item)

    # ---- changing and telling

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
        if self._is_quiet:
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
        self._tell(item, state, attempt)

    def _tell(self, item: Item, state: State[Any], attempt: int) -> None:
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


def gathered(children: tuple[State[Any], ...]) -> Mapped[Any]:
    """Return what a mapped task becomes with its children, all of them final."""
    if all(state.has_result for state in children):
        return Mapped(children=children, result=[state.result for state in children])
    return Mapped(children=children)
