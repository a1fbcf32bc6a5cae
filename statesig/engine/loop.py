"""The loop of a run: from where it is until nothing is left to do, or only a person can help.

It hands calls to executors, collects what comes back, and lets tasks change. `decisions` says what to do next, and
`changes` how a task changes. Everything happens in the thread that runs the loop, except `wake`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Token, copy_context
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from statesig.engine.arguments import Arguments
from statesig.engine.cache_keys import key_of
from statesig.engine.changes import Changes
from statesig.engine.children import Children
from statesig.engine.deadlines import deadline_passed
from statesig.engine.decisions import Become, Wait, decide, decide_by_child
from statesig.engine.delays import Delays
from statesig.engine.dispatch import Dispatcher
from statesig.engine.noderuns import PENDING, NodeRun, Place
from statesig.engine.observers import Observer
from statesig.engine.options import Options
from statesig.engine.readiness import Readiness
from statesig.engine.sending import Sender
from statesig.engine.stopping import Stop, Wish
from statesig.engine.values import not_understood_type
from statesig.executors.attempts import running
from statesig.executors.calls import Call, called, enter, worker_name
from statesig.executors.coroutines import Coroutines
from statesig.executors.threads import Threads
from statesig.graph.tasks import building
from statesig.signals import Signal
from statesig.states import (
    Cancelled,
    Finished,
    Paused,
    Pending,
    Running,
    Scheduled,
    State,
    Submitted,
    Success,
    TimedOut,
)

if TYPE_CHECKING:
    import asyncio

__all__ = ["RunLoop"]


class _Step(enum.Enum):
    """Where a step left a task that waits for no time."""

    DONE = "it changes no further now"
    AWAY = "its call is under way elsewhere"


# Names of the module: in 3.11 a member of an enum takes longer to look up than most of what is done with it here.
_DONE, _AWAY = _Step.DONE, _Step.AWAY
_WAITING, _DELAYED, _OPEN, _SETTLED = Place.WAITING, Place.DELAYED, Place.OPEN, Place.SETTLED


@dataclass(frozen=True, slots=True)
class _Until:
    """A step left a task to wait for a time.

    Args:
        time: Aware.
    """

    time: datetime


class RunLoop:
    """The loop of a run, once through.

    Attributes:
        changes: Changes the tasks.

    Args:
        noderuns: The tasks of the run, in the order of the flow.
        parameters: The values of the flow's parameters.
        options: The options of the run.
        changes: Changes the tasks.
        wish: Says how far the run is to be stopped; looked at between two steps.
        whole: The run itself, which is told that it is to be cancelled.
        loop: A running event loop for coroutine functions; None: one is made.
    """

    def __init__(
        self,
        noderuns: Sequence[NodeRun],
        parameters: Mapping[str, Any],
        options: Options,
        changes: Changes,
        wish: Wish,
        whole: NodeRun,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._whole = whole
        self.changes: Changes = changes
        self._noderuns = noderuns
        self._options = options
        self._clock = options.now
        self._entering = options.on_event.entering if isinstance(options.on_event, Observer) else None
        self._wish = wish
        self._stopped = Stop.NO
        self._arguments = Arguments(noderuns, parameters)
        self._dispatcher = Dispatcher(
            options.where(),
            coroutines=lambda: Coroutines(_free(loop)),
            aside=lambda: Threads(1),
            is_stored=changes.is_stored,
            is_watched=self._is_watched,
        )
        self._sender = Sender(self._dispatcher, changes, self._collect, self._is_interrupted)
        self._delays = Delays(options.now, options.sleep, self._dispatcher)
        self._children = Children(self._arguments, changes, tells=options.on_event is not None)

    def __enter__(self) -> Self:
        """Open the executor.

        Raises:
            ExecutorError: It cannot be used.
        """
        self._dispatcher.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the executors; stop what runs if something went wrong or that was asked for."""
        self._dispatcher.close(now=exc is not None or self._wish.stops_what_runs)

    def run(self) -> None:
        """Run what can be run, until nothing is left to do or only a person can help."""
        tokens: tuple[Token[Any], Token[Any]] = running.set(None), building.set(None)
        try:
            self._time_out_pauses()
            goes_on = True
            while goes_on:
                self._readiness = Readiness(self._noderuns)
                self._loop()
                goes_on = self._readiness.has_unfinished and self._stopped is Stop.NO and self._time_out_pauses()
        finally:
            running.reset(tokens[0])
            building.reset(tokens[1])

    def _time_out_pauses(self) -> bool:
        """Let the pauses whose deadline has passed be TimedOut; return whether there were any."""
        paused = [
            one
            for whole in self._noderuns
            if type(whole.state) is not Success
            and (whole.state is not PENDING or whole.node.is_mapped)  # there may be very many
            for one in whole.with_children()
            if isinstance(one.state, Paused)
        ]
        is_late = False
        for noderun in paused:
            timed_out = deadline_passed(noderun.state, self._clock())
            if timed_out is not None:
                is_late = True
                self.changes.become(noderun, timed_out)
        return is_late

    def _is_watched(self) -> bool:
        return not self.changes.is_short or any(noderun.node.task.handlers for noderun in self._noderuns)

    def _is_interrupted(self) -> bool:
        return self._wish.level > self._stopped

    @property
    def is_settled(self) -> bool:
        """Whether it came to its end, with no task left that may still change; an interrupt ends it before."""
        return not self._readiness.unsettled

    def wake(self) -> None:
        """Have the wish looked at now; from any thread, and from a signal handler."""
        self._dispatcher.wake()

    # ---- the loop

    def _loop(self) -> None:
        ready, dispatcher, wish = self._readiness.ready, self._dispatcher, self._wish
        in_flight = dispatcher.in_flight
        while True:
            if wish.level > self._stopped:
                if self._stop():
                    return
                continue
            if in_flight and dispatcher.has_news:
                self._collect()
            if ready:
                if in_flight and dispatcher.pool is None and not ready[0].node.task.is_async:
                    self._sender.let_coroutines_begin()
                    if wish.level > self._stopped:
                        continue
                noderun = ready.popleft()
                noderun.place = _WAITING
                self._look_at(noderun)
            elif dispatcher.queued and (found := dispatcher.dequeued()):
                self._make_ready(found)
            elif dispatcher.outgoing or dispatcher.begins:
                self._sender.send()
            elif in_flight or self._delays:
                self._wait()
            else:
                assert not self._readiness.unsettled, "a loop ends once every task is settled"
                return

    def _make_ready(self, noderuns: Iterable[NodeRun]) -> None:
        """Make tasks ready that waited for room, for a time or for their children."""
        for noderun in noderuns:
            noderun.place = _WAITING
            self._readiness.add(noderun)

    def _look_at(self, noderun: NodeRun) -> None:
        """Take a task as far as it goes now, once there is room for it."""
        if self._dispatcher.is_open and self._dispatcher.queue(noderun):
            return
        step = self._step(noderun)
        if step is _DONE:
            if type(noderun.state) is Success or Readiness.can_settle(noderun):
                self._settle(noderun)
        elif isinstance(step, _Until):
            noderun.place = _DELAYED
            self._delays.add(noderun, step.time)

    def _step(self, noderun: NodeRun) -> _Step | _Until:
        """Take a task as far as it goes now, and return where that left it."""
        node = noderun.node
        while True:
            state = noderun.state
            step = _DONE
            if noderun.parent is not None and noderun.parent.lets_run and type(state) is Pending:
                step = self._execute(noderun)
            else:
                now = None if type(state) is Pending else self._delays.now_for(noderun)
                expands = node.is_mapped and noderun.parent is None
                if expands and self._arguments.awaits_items(noderun):
                    return _DONE
                if expands and self._arguments.has_items(node):
                    decision = decide_by_child(state, now=now)
                else:
                    upstream = self._arguments.upstream(noderun)
                    has_begun = noderun.has_run or noderun.attempt > 1
                    decision = decide(node, state, upstream, resumed=noderun.resumed, has_begun=has_begun, now=now)
                if isinstance(decision, Wait):
                    return _DONE if decision.until is None else _Until(decision.until)
                if isinstance(decision, Become):
                    self.changes.become(noderun, decision.state)
                elif expands:
                    self._expand(noderun)
                else:
                    step = self._execute(noderun)
            if step is _AWAY or type(noderun.state) is Success or isinstance(noderun.state, Finished):
                return step
            if noderun.state is state:
                return _DONE
            if self._wish.level > self._stopped:
                return _AWAY  # a task that is run again at once, for ever, is stopped as all that is not final

    def _settle(self, noderun: NodeRun) -> None:
        """Tell those that wait for a task that it is settled."""
        parent = noderun.parent
        if parent is None:
            self._readiness.settle(noderun)
            return
        noderun.place = _SETTLED
        parent.open -= 1
        if not parent.open:
            if self._children.gather(parent) and not isinstance(parent.state, (Finished, Paused)):
                self._make_ready((parent,))  # its handlers put it off
            else:
                self._readiness.settle(parent)

    def _collect(self) -> None:
        """Take what has come back, and what should have."""
        raised: BaseException | None = None
        for noderun, call, outcome in self._dispatcher.arrivals():
            if outcome is None:
                self._begin(noderun, call)
            elif outcome.raised is not None:
                raised = raised or outcome.raised
            else:
                self._end(noderun, outcome.state, outcome.seconds, outcome.worker)
        if raised is not None:
            self.changes.flush()  # what else came back is not lost with it
            raise raised
        for noderun, sentence in self._dispatcher.overdue():
            timeout = noderun.node.task.timeout or 0.0
            state = TimedOut[Any](message=f"took longer than {timeout:g} s; {sentence}")
            self._end(noderun, state, timeout, worker_name())

    def _begin(self, noderun: NodeRun, call: Call) -> None:
        """Let a call begin for which a worker is free, or take note that it has begun."""
        if self._stopped is not Stop.NO and self._take_back(noderun, call):
            return
        if self._enter(noderun):
            self._dispatcher.let_begin(call)
        else:  # a handler put another state in place
            self._dispatcher.stop(call)
            self._go_on(noderun)

    def _enter(self, noderun: NodeRun) -> bool:
        """Let a task that was handed over be Running, unless it is; return whether its handlers let it."""
        if not isinstance(noderun.state, Submitted):
            return True
        has_begun = self.changes.enter(noderun)
        if has_begun and self.changes.is_cancelled:
            self.changes.let_end(noderun)
        return has_begun

    def _end(self, noderun: NodeRun, outcome: State[Any], seconds: float, worker: str) -> None:
        """Take the outcome of a call that was under way elsewhere; whether it began there is not always told before."""
        self._add_seconds(noderun, seconds)
        if self._enter(noderun):
            self.changes.end(noderun, outcome, worker)
        self._go_on(noderun)

    def _go_on(self, noderun: NodeRun) -> None:
        """Let the run go on after a call of a task."""
        if isinstance(noderun.state, (Finished, Paused)):
            self._settle(noderun)
        else:
            self._make_ready((noderun,))

    def _wait(self) -> None:
        """Wait until something comes back or the first of the delayed tasks may continue."""
        if self._sender.await_beginnings():
            return  # what was handed over begins, and one transaction stores both
        self.changes.flush()
        if self._wish.level > self._stopped:
            return  # the wake-up call may have been taken with what came back
        if not self._delays:
            self._dispatcher.wait(None)
        elif (noderun := self._delays.wait()) is not None:
            self._make_ready((noderun,))

    def wait_until(self, start: datetime | None) -> Stop:
        """Wait for the time when the run may begin, or until it is to be stopped; return how far it is to be.

        Args:
            start: Aware; None: it has come.
        """
        if start is not None:
            self.changes.flush()
            while self._wish.level is Stop.NO and not self._delays.wait_for(self._whole, start):
                pass
        return self._wish.level

    # ---- one attempt

    def _execute(self, noderun: NodeRun) -> _Step:
        """Call the task's function, here or elsewhere."""
        task = noderun.node.task
        declared = task.value_type
        if declared is not None and declared.broken is not None:
            self.changes.become(noderun, not_understood_type(declared))
            return _DONE
        try:
            args, kwargs = self._arguments.of(noderun)
            if task.cache_for is not None:
                noderun.key = key_of(task, args, kwargs)
        except (Signal, Exception, BaseExceptionGroup) as exc:
            self.changes.fail_to_begin(noderun, exc)
            return _DONE
        if noderun.key is not None and self.changes.recall(noderun):
            return _DONE
        dispatcher = self._dispatcher
        destination = dispatcher.pool if task.is_plain else dispatcher.destination_of(task)
        begins_here = destination is None or not destination.tells
        if not (self.changes.enter(noderun) if begins_here else self.changes.hand_over(noderun)):
            return _DONE
        if destination is not None:
            options = self._options
            attempt = noderun.current_attempt()
            call = Call(task, args, kwargs, attempt, options.redact, options.traceback, self._entering)
            dispatcher.take(noderun, destination, call)
            return _AWAY
        if dispatcher.outgoing or dispatcher.begins or not self.changes.is_quiet:
            self.changes.flush()
            dispatcher.send()
        self._call(noderun, partial(task.fn, **kwargs) if kwargs else task.fn, args)
        return _DONE

    def _call(self, noderun: NodeRun, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Call a function in this thread."""
        options, task = self._options, noderun.node.task
        began = perf_counter()
        try:
            running.set(noderun)
            # It runs in a copy of the context: what it does to context variables is its own affair.
            context = copy_context()
            if self._entering is not None:
                context.run(enter, self._entering, noderun.current_attempt())
            outcome = called(fn, args, task, options.redact, options.traceback, context)
            running.set(None)
        except KeyboardInterrupt:
            running.set(None)
            if not self._wish.stops_what_runs:  # only the second Ctrl-C does
                raise
            if self._wish.level < Stop.CANCEL:
                return  # it is left Running
            outcome = Cancelled(message="the run was cancelled, and its function was interrupted")
        self._add_seconds(noderun, perf_counter() - began)
        self.changes.end(noderun, outcome)

    @staticmethod
    def _add_seconds(noderun: NodeRun, seconds: float) -> None:
        noderun.seconds += seconds
        if noderun.parent is not None:
            noderun.parent.seconds += seconds

    # ---- mapping

    def _expand(self, noderun: NodeRun) -> None:
        """Make a mapped task's children, or find those it has, and make them ready."""
        children = self._children.expand(noderun)
        if children is None:
            return
        unfinished = self._readiness.add_children(children)
        noderun.open = len(unfinished)
        if unfinished:
            noderun.place = _OPEN
        else:
            self._children.gather(noderun)

    # ---- stopping

    def _stop(self) -> bool:
        """Stop the run as far as it is wished; return whether the loop ends here, with unfinished tasks left."""
        if self._wish.level < Stop.CANCEL:
            return self._leave()
        self._cancel()
        return False

    def _leave(self) -> bool:
        """Let what runs end, or stop it, and leave all other tasks as they are; return whether no more is wished."""
        self._stopped = self._wish.level
        in_flight = self._dispatcher.in_flight
        self._collect()  # what has come back already is not stopped
        for call, (noderun, _) in tuple(in_flight.items()):
            if not self._take_back(noderun, call) and self._stopped is Stop.LEAVE_NOW:
                self._dispatcher.stop(call)
        while in_flight and self._wish.level <= self._stopped:
            self.changes.flush()
            self._dispatcher.wait(None)
            self._collect()
        return self._wish.level <= self._stopped

    def _take_back(self, noderun: NodeRun, call: Call) -> bool:
        """Take back a call that has not begun, of a run that is stopped; return whether that was possible."""
        if not self._dispatcher.withdraw(call):
            return False
        if self._stopped < Stop.CANCEL:
            message = "the run was interrupted before it began"
            self.changes.become(noderun, Scheduled(start_time=self._clock(), message=message))
        else:
            self.changes.stop(noderun, "it had not begun")
            self._settle(noderun)
        return True

    def _cancel(self) -> None:
        """Cancel what has not begun; let what runs be Cancelling, or Cancelled too if it is to be stopped now."""
        self._stopped = self._wish.level
        self.changes.is_cancelled = True
        if isinstance(self._whole.state, Running):
            self.changes.let_end(self._whole)
        away = {noderun: call for call, (noderun, _) in self._dispatcher.in_flight.items()}
        for whole in self._noderuns:
            if whole.recorded and whole.children is None and not self._arguments.awaits_items(whole):
                self._children.find(whole)  # it had begun when the run was left
            for noderun in reversed(tuple(whole.with_children())):  # children first: their mapped task gathers them
                if noderun in away:
                    self._cancel_running(noderun, away[noderun])
                elif not isinstance(noderun.state, Finished) and not noderun.open:
                    self._cancel_waiting(noderun)
        # None of these is looked at again; some became ready while those they waited for were cancelled.
        self._readiness.ready.clear()
        self._delays.clear()
        self._dispatcher.clear_queues()

    def _cancel_running(self, noderun: NodeRun, call: Call) -> None:
        if self._take_back(noderun, call):
            return
        if self._stopped is Stop.CANCEL_NOW:
            _, sentence = self._dispatcher.stop(call)
            self.changes.stop(noderun, sentence, worker_name())
            self._settle(noderun)
        elif isinstance(noderun.state, Running):
            self.changes.let_end(noderun)

    def _cancel_waiting(self, noderun: NodeRun) -> None:
        was_settled = noderun.place is _SETTLED
        if noderun.children and all(isinstance(child.state, Finished) for child in noderun.children):
            self._children.gather(noderun)
        elif not noderun.children:
            self.changes.become(noderun, Cancelled(message="the run was cancelled"))
        if noderun.parent is not None and not was_settled:
            noderun.place = _SETTLED
            noderun.parent.open -= noderun.parent.open > 0
        elif noderun.parent is None and not was_settled:
            self._readiness.settle(noderun)


def _free(loop: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop | None:
    """Return a loop that runs in another thread; None for one that this thread blocks, or that was closed."""
    if loop is None:
        return None
    import asyncio

    try:
        here: object = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    return loop if loop.is_running() and loop is not here else None
