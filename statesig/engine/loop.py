"""One drive of a run: from where it is until nothing is left to do, or only people can help.

The loop hands calls to executors, takes what comes back and lets the items change; what to do next is `decisions`' to
say, and how a change is made `changes`'. Everything here happens in the thread that drives, save `cancel`.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from statesig.algebra.captures import capture
from statesig.engine.arguments import Inputs
from statesig.engine.cache_keys import key_of
from statesig.engine.changes import RUNNING, Changes
from statesig.engine.decisions import (
    Become,
    Wait,
    decide,
    decide_by_child,
)
from statesig.engine.dispatch import Lanes
from statesig.engine.noderuns import PENDING, Item
from statesig.engine.options import Options
from statesig.engine.readiness import Waits
from statesig.executors.attempts import running
from statesig.executors.calls import Call, worker_name
from statesig.executors.coroutines import Coroutines
from statesig.executors.threads import Threads
from statesig.graph.tasks import building
from statesig.signals import Signal
from statesig.states import (
    Cancelled,
    Finished,
    Mapped,
    Paused,
    Pending,
    Running,
    State,
    Success,
    TimedOut,
)

if TYPE_CHECKING:
    import asyncio

__all__ = ["Drive", "gathered"]

_AWAY: Final = object()


class Drive:
    """One drive of a run.

    Attributes:
        changes: What changes its items.

    Args:
        items: The items of the flow's nodes, in their order.
        parameters: The values of the flow's parameters.
        options: How it is run.
        changes: What changes its items.
        loop: A running event loop for coroutine functions; None: one is made.
    """

    def __init__(
        self,
        items: Sequence[Item],
        parameters: Mapping[str, Any],
        options: Options,
        changes: Changes,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.changes: Changes = changes
        self._items = items
        self._options = options
        self._clock = options.now
        self._delayed: list[tuple[datetime, int, Item]] = []
        self._order = 0
        self._asked = self._done = 0
        self._is_now = False
        self._inputs = Inputs(items, parameters)
        self._lanes = Lanes(
            options.where(),
            coroutines=lambda: Coroutines(_free(loop)),
            aside=lambda: Threads(1),
            is_stored=changes.is_stored,
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
        if now:
            self._is_now = True
        self._asked = 1
        if self._is_now:  # looked at last: the second of two signals may come in the midst of the first
            self._asked = 2
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
                    self.changes.become(item, decision.state)
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
        raised: BaseException | None = None
        for item, outcome in self._lanes.arrived():
            if outcome.raised is not None:
                raised = raised or outcome.raised
                continue
            self._took(item, outcome.seconds)
            if self._is_plain_success(item, outcome.state):
                item.state = outcome.state
                self._settle(item)
                continue
            self.changes.end(item, outcome.state, outcome.worker)
            self._go_on(item)
        if raised is not None:
            self.changes.flush()  # what else came back is not lost with it
            raise raised
        for item, sentence in self._lanes.overdue():
            timeout = item.node.task.timeout or 0.0
            self._took(item, timeout)
            self.changes.end(item, TimedOut(message=f"took longer than {timeout:g} s; {sentence}"), worker_name())
            self._go_on(item)

    def _go_on(self, item: Item) -> None:
        if isinstance(item.state, (Finished, Paused)):
            self._settle(item)
        else:
            self._waits.ready.append(item)

    def _launch(self) -> None:
        self.changes.flush()
        self._lanes.launch()

    def _wait(self) -> None:
        """Wait until something comes back or the first of the delayed items may go on."""
        self.changes.flush()
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
            self.changes.fail_to_begin(item, exc)
            return None
        if task.is_plain and self.changes.is_quiet:
            item.entries += 1
            item.state = RUNNING
        elif self.changes.recall(item) or not self.changes.enter(item):
            return None
        lanes = self._lanes
        lane = lanes.pool if task.is_plain else lanes.lane_of(task)
        if lane is not None:
            options = self._options
            call = Call(task, args, kwargs, item.attempt(), options.redact, options.traceback)
            lanes.take(item, lane, call)
            return _AWAY
        if lanes.launching or not self.changes.is_quiet:
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
            self.changes.end(item, outcome, worker_name())

    def _is_plain_success(self, item: Item, outcome: State[Any]) -> bool:
        """Tell whether an outcome is the state, and nobody is told of it: what most attempts come to."""
        return self.changes.is_quiet and isinstance(outcome, Success) and item.node.task.is_plain

    @staticmethod
    def _took(item: Item, seconds: float) -> None:
        item.seconds += seconds
        if item.parent is not None:
            item.parent.seconds += seconds

    # ---- mapping

    def _expand(self, item: Item) -> None:
        """Make a mapped node's children, or find those it has, and put them in line."""
        if item.children is None:
            try:
                item.children = self._inputs.children(item)
            except (Signal, Exception, BaseExceptionGroup) as exc:
                self.changes.fail_to_begin(item, exc)
                return
            if self._options.on_event is not None:
                for child in item.children:
                    if child.state is PENDING:
                        self.changes.tell(child, child.state, 1)
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
        self.changes.become(item, gathered(states))
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
            self.changes.stop(item, "it had not begun")
            self._settle(item)
        elif self._done > 1:
            _, sentence = self._lanes.stop(call)
            self.changes.stop(item, sentence, worker_name())
            self._settle(item)
        elif isinstance(item.state, Running):
            self.changes.let_end(item)

    def _cancel_waiting(self, item: Item) -> None:
        was_settled = item.is_settled
        if item.children and all(isinstance(child.state, Finished) for child in item.children):
            self._gather(item)
        elif not item.children:
            self.changes.become(item, Cancelled(message="the run was cancelled"))
        if item.parent is not None and not was_settled:
            item.is_settled = True
            item.parent.open -= item.parent.open > 0
        elif item.parent is None and not was_settled:
            self._waits.settle(item)


def _free(loop: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop | None:
    """Return a loop that runs in another thread, and None for one that this thread holds up, or that was closed."""
    if loop is None:
        return None
    import asyncio

    try:
        here: object = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    return loop if loop.is_running() and loop is not here else None


def gathered(children: tuple[State[Any], ...]) -> Mapped[Any]:
    """Return what a mapped task becomes with its children, all of them final."""
    if all(state.has_result for state in children):
        return Mapped(children=children, result=[state.result for state in children])
    return Mapped(children=children)
