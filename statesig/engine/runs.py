"""A run of a flow: the outcome of each task, and how the run is begun, continued and cancelled.

A `Run` keeps the outcomes; a `RunLoop` moves them on. `runner` makes runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

from typing_extensions import TypeVar

from statesig.codec.events import Event
from statesig.engine.answers import Released, released_by
from statesig.engine.causes import Failure, failures_of, said
from statesig.engine.changes import Changes
from statesig.engine.deadlines import deadline_passed, seen
from statesig.engine.decisions import settle_lost
from statesig.engine.flowruns import FlowRun, begin_try, drive, outcome_of, outcome_seen
from statesig.engine.gathering import completed
from statesig.engine.interrupts import Interrupts, interrupted_by_signals
from statesig.engine.loop import RunLoop
from statesig.engine.noderuns import PENDING, NodeRun, TaskRun
from statesig.engine.observers import driven
from statesig.engine.options import Options
from statesig.engine.replay import replay
from statesig.engine.stopping import Stop, Wish
from statesig.engine.stored_values import decode_stored
from statesig.errors import DecodeError, FlowError, RunFailed
from statesig.graph.graph import Graph
from statesig.graph.nodes import name_of
from statesig.states import (
    AnyFinished,
    AnyState,
    Cancelled,
    Cancelling,
    Finished,
    Paused,
    Resume,
    Running,
    Scheduled,
    State,
    Success,
    has_children,
)
from statesig.stores.store import NOTHING

if TYPE_CHECKING:
    import asyncio

    from statesig.engine.journal import Journal
    from statesig.states import State
    from statesig.stores.store import Record, Sent

__all__ = ["Run", "new_identity"]

T = TypeVar("T")

_NOTHING: Final = nullcontext()


def new_identity() -> str:
    """Return an identity for a run, which no other run has: 128 random bits as 32 hexadecimal digits."""
    return os.urandom(16).hex()


class Run:
    """A run of a flow: the outcome of each task.

    Attributes:
        id: Its identity, 32 hexadecimal digits.
        flow: The flow.
    """

    def __init__(
        self,
        flow: Graph,
        parameters: Mapping[str, Any],
        options: Options,
        *,
        id: str,
        journal: Journal | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.id: str = id
        self.flow = flow
        self._parameters = parameters
        self._options = options
        self._event_loop = loop
        self._journal = journal
        self._remembered: dict[str, Any] = {}
        self._noderuns = [NodeRun(self.id, node) for node in flow.nodes]
        self._whole = FlowRun(self.id, flow)
        self._loop: RunLoop | None = None
        self._wish = Wish()
        self._released: Released | None = None
        self._is_interrupted = False

    def __getitem__(self, node: T) -> AnyState[T]:
        """Return the state of a node.

        Raises:
            FlowError: It is no node of this run's flow.
        """
        state = self._noderuns[self.flow.own(node).index].state
        return cast("AnyState[T]", self._look(state))  # a concrete state of its type

    def children(self, node: list[T]) -> tuple[AnyFinished[T], ...]:
        """Return the final state of each child of a mapped node, in the order of its items.

        Empty if nothing was mapped over, or if the task ended before anybody knew its items.

        Raises:
            FlowError: It is no mapped node of this run's flow, or it is not final.
        """
        found = self._noderuns[self.flow.own(node).index]
        if not found.node.is_mapped:
            raise FlowError(self.flow.name, f"{found.name!r} is not mapped, so that it has no children; use run[...]")
        if not isinstance(found.state, Finished):
            raise FlowError(
                self.flow.name,
                f"{found.name!r} is not final, it is {found.state.type}; iterate over the run for its children so far",
            )
        return tuple(cast("AnyFinished[T]", child.state) for child in found.children or ())  # those of its mapped type

    def __iter__(self) -> Iterator[TaskRun]:
        """Iterate over the outcome of each task, in the order of the flow."""
        for noderun in self._noderuns:
            yield noderun.outcome(self._look)

    def __len__(self) -> int:
        return len(self._noderuns)

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.flow.name}: {self.state.type}>"

    @property
    def state(self) -> AnyState[object]:
        """The flow's own state: Pending before it begins, Running while it runs, and then what its tasks give it.

        That is the join of its reference tasks, and of all paused tasks, unless a handler of the flow put another state
        in its place. By default the references are the leaves, and every failed or cancelled task whose state no task
        took by `state_of` or `states_of`: a failure that nobody handled makes the run fail, though a report that only
        comes after it is a success. A run is over only when no task can continue: while a task waits for a person, the
        run is Paused. Once the deadline of each pause has passed, the run is seen as TimedOut until somebody resumes
        it, which records that and lets the tasks that wait for them react.
        """
        state = self._whole.state
        if isinstance(state, Paused):
            state = outcome_seen(self.flow, self._noderuns, state, self._options.now())
        return cast("AnyState[object]", state)  # a concrete state

    def _look(self, state: State[Any]) -> State[Any]:
        """Return a state as it is seen now: a pause may have passed its deadline."""
        return seen(state, self._options.now()) if isinstance(state, Paused) else state

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked that it be cancelled."""
        return self._wish.level >= Stop.CANCEL

    @property
    def is_interrupted(self) -> bool:
        """Whether an interrupt left it with tasks to do, as it is stored; `resume` continues it."""
        return self._is_interrupted

    def raise_for_state(self) -> None:
        """Raise if the run did not succeed.

        Raises:
            RunFailed: It did not; the error names the tasks and the children of mapped tasks that are not successful,
                and says why the first of them failed.
        """
        state = self.state
        if not isinstance(state, Success):
            failures = self.failures()
            tasks = [(failure.name, failure.state.type) for failure in failures]
            tasks += [(one.name, one.state.type) for one in self if not isinstance(one.state, Finished)]
            message = "" if failures or not isinstance(state, Finished) else said(state)
            raise RunFailed(self.flow.name, state.type, tasks, [failure.reason for failure in failures], message)

    def failures(self) -> list[Failure]:
        """Return each task and each child of a mapped task that failed or was cancelled, with its cause, in order.

        Pauses whose deadline has passed, if nobody has recorded that yet, come last.
        """
        paused = [noderun for noderun in self._all_noderuns() if isinstance(noderun.state, Paused)]
        seen_now = [Failure(noderun.name, self._look(noderun.state)) for noderun in paused]
        return failures_of(self._noderuns) + [one for one in seen_now if not isinstance(one.state, Paused)]

    def start(self) -> Run:
        """Run what can be run, or continue a stored run; `Flow.run` and `Flow.resume` call this.

        Raises:
            RunTaken: It is stored, and another process has it.
            StoreError: The store cannot be written; the run is as it was last acknowledged.
            ExecutorError: The executor cannot be used; nothing was run.
        """
        if self._released is not None:
            return self._go_on(self._released)
        with self._journal or _NOTHING, self._driven(), self._new_loop() as loop:
            if self._journal is not None:
                self._journal.create()
            on_event = self._options.on_event
            if on_event is not None:
                for noderun in (self._whole, *self._noderuns):
                    if noderun.state is PENDING:  # a run that runs another one again took over some that are not
                        on_event(Event(self.id, noderun.task, None, 1, self._options.now(), PENDING))
            return self._go(loop)

    def enter(self, sent: Sent | None = None) -> Run:
        """Store a run that has not begun and run nothing: whoever resumes it begins it.

        Args:
            sent: The request that it comes from, which is kept with it in the same transaction.

        Raises:
            StoreError: It cannot be stored.
        """
        assert self._journal is not None, "only a stored run can be left to others"
        with self._journal as journal:
            journal.create(sent)
        return self

    def resume(self, *nodes: object) -> Run:
        """Release paused tasks and continue the run in this process; finished tasks are not run again.

        Args:
            nodes: The nodes to release, children of mapped ones (``node[3]``), or names of either; and mappings of
                these to their answers: ``{node: RESUME("fine", result=Approval(...))}``. By default all paused ones.
                A node whose value is a list can be a key, too, though type checkers accept only its name there.

        Returns:
            This run; if it was over already, nothing has changed.

        Raises:
            FlowError: A node is not paused, or an answer is not of the type that its task declares; nothing was
                released. Or the deadline of a pause has passed: nothing was released, the task is TimedOut, and the run
                was continued with that.
            RunTaken: It is stored, and another process has it.
        """
        if isinstance(self._whole.state, Finished) and any(
            isinstance(noderun.state, Paused) for noderun in self._all_noderuns()
        ):
            over = f"the run is over, it is {self._whole.state.type}"
            raise FlowError(self.flow.name, f"{over}: a handler of the flow said so")
        now = self._options.now()
        waiting = (one for one in self._all_noderuns() if isinstance(seen(one.state, now), Paused))
        released = released_by(self.flow, self._noderuns, nodes or waiting, now)
        if isinstance(self._whole.state, Finished) and self._is_over():
            return self
        self._wish.go_on()
        return self._go_on(released)

    def cancel(self, *, now: bool = False) -> None:
        """Cancel the run: nothing further is begun, and what has not begun is Cancelled.

        May be called from any thread and from a signal handler. The run notices at once or, while a function runs in
        line, when that returns.

        Args:
            now: Whether to stop running tasks, too, as far as possible: a process is ended, a coroutine is cancelled, a
                thread is given up. Otherwise they may finish.
        """
        self._stop(Stop.CANCEL_NOW if now else Stop.CANCEL)

    def interrupt(self, *, now: bool = False) -> None:
        """Stop driving the run, as Ctrl-C does, and decide nothing about its tasks.

        A stored run is left as it is, to be resumed: nothing further is begun, and what has not begun stays Pending,
        Retrying or Paused. A run without a store cannot be resumed once its process has ended; it is cancelled.

        May be called from any thread and from a signal handler, as `cancel` may.

        Args:
            now: Whether to stop running tasks, too, as far as possible; they are left Running, and run again when the
                run is resumed. Otherwise they may finish.
        """
        if self._journal is None or self.is_cancelled:
            self.cancel(now=now)
        else:
            self._stop(Stop.LEAVE_NOW if now else Stop.LEAVE)

    def _stop(self, level: Stop) -> None:
        self._wish.ask(level)
        if self._loop is not None:
            self._loop.wake()

    # ---- continuing

    def _go_on(self, released: Released) -> Run:
        """Continue a run that was left, once each task that was left in the middle is in order.

        Raises:
            FlowError: The refusal of a release that came too late.
        """
        journal, now = self._journal, self._options.now
        with journal or _NOTHING, self._driven(), self._new_loop() as loop:
            if journal is not None and journal.acquire():
                self._wish.ask(Stop.CANCEL)
            for noderun in self._all_noderuns():
                if isinstance(noderun.state, Cancelling):
                    loop.changes.become(
                        noderun, Cancelled(message="the run was cancelled, and the process that ran it was lost")
                    )
                elif isinstance(noderun.state, Running) and journal is not None and journal.is_of_dead:
                    noderun.lost += 1
                    loop.changes.become(noderun, settle_lost(noderun.lost, now()))
                elif isinstance(noderun.state, Running):
                    # An interrupt, KeyboardInterrupt or the like ended the run within the call.
                    loop.changes.become(noderun, Scheduled(start_time=now()))
            refusal = self._release_whole(loop) or released.refusal
            if not isinstance(self._whole.state, Finished):  # a handler of the flow may have said so
                if journal is not None:
                    self._take_signals(loop, journal)
                refusal = self._decide_all(loop, released) or refusal
            self._go(loop)
        if refusal is not None:
            raise refusal
        return self

    def _take_signals(self, loop: RunLoop, journal: Journal) -> None:
        """Apply the signals that were sent to the run since it was last driven, in their order."""
        for sent in journal.waiting():
            first = journal.length + 1
            is_applied = self._apply(loop, sent)
            journal.apply(sent, min(first, journal.length) if is_applied else NOTHING)

    def _apply(self, loop: RunLoop, sent: Sent) -> bool:
        """Apply a signal; return whether that was still possible."""
        if sent.task is None:
            return True  # to continue the run is what it asks for
        try:
            decision = {name_of(sent.task, sent.index): decode_stored(sent.state, Any)}
            released = released_by(self.flow, self._noderuns, [decision], sent.time)
        except (FlowError, DecodeError):
            return False
        for noderun, state in released.answers:
            self._decide(loop, noderun, state)
        return bool(released.answers)

    def _decide_all(self, loop: RunLoop, released: Released) -> FlowError | None:
        """Let the tasks be what the caller decided; refuse that for one that a signal from outside came first to."""
        refusal = None
        for noderun, state in released.answers:
            if isinstance(noderun.state, Paused):
                self._decide(loop, noderun, state)
            else:
                told = f"{noderun.name!r} is {noderun.state.type} by a signal that was sent to it before"
                refusal = FlowError(self.flow.name, told)
        return refusal

    def _decide(self, loop: RunLoop, noderun: NodeRun, decision: State[Any]) -> None:
        """Let a paused task be what a person decided."""
        if isinstance(decision, Resume):
            noderun.resumed = True
            decision = decision.model_copy(update={"start_time": decision.start_time or self._options.now()})
        loop.changes.become(noderun, decision)

    def _release_whole(self, loop: RunLoop) -> FlowError | None:
        """Release the run itself if it is paused; refuse that if its own deadline has passed, which is recorded."""
        whole, now = self._whole, self._options.now()
        if not isinstance(whole.state, Paused):
            return None
        waits_for_tasks = any(isinstance(noderun.state, Paused) for noderun in self._all_noderuns())
        late = None if waits_for_tasks else deadline_passed(whole.state, now)
        if late is None:
            whole.resumed = True
            loop.changes.become(whole, Resume(start_time=now))
            return None
        loop.changes.become(whole, late)
        return FlowError(self.flow.name, f"the run cannot be released, it is TimedOut: {late.message}")

    def _driven(self) -> AbstractContextManager[object]:
        return driven(self._options.on_event, self.id, self.flow, self._options.now)

    def _new_loop(self) -> RunLoop:
        changes = Changes(self.id, self._options, self._journal, self._remembered, self.flow.task_handlers)
        self._loop = RunLoop(
            self._noderuns, self._parameters, self._options, changes, self._wish, self._whole, self._event_loop
        )
        return self._loop

    def _go(self, loop: RunLoop) -> Run:
        with interrupted_by_signals(self) if self._options.signals else _NOTHING as came:
            if self._journal is not None:
                # A run that another process has is not worth continuing; storing it then says so.
                self._journal.hold(self.cancel, lost=lambda: self.cancel(now=True))
            try:
                drive(self._whole, self._noderuns, loop, self._run_tasks)
            except KeyboardInterrupt:
                self._raise_for(came)  # the second one came while a handler ran
                raise
            self._is_interrupted = not isinstance(self.state, (Finished, Paused))
            loop.changes.flush()
        self._raise_for(came)
        return self

    def _raise_for(self, came: Interrupts | None) -> None:
        """Raise for the interrupts of a stored run that have come, and say how to continue it."""
        if came is not None and self._journal is not None:
            came.raise_for(f"run {self.id} is stored; Flow.resume({self.id!r}, store=...) continues it")

    def _run_tasks(self, loop: RunLoop) -> State[Any] | None:
        """Run the tasks; return the state that they give the flow, None if an interrupt left some of them undone."""
        loop.run()
        if self._journal is None:
            return outcome_of(self.flow, self._noderuns)
        if not self.is_cancelled and not self._is_over() and self._journal.is_asked_to_cancel():
            self.cancel()  # asked for since the last heartbeat
            loop.run()
        return outcome_of(self.flow, self._noderuns) if loop.is_settled else None

    def _is_over(self) -> bool:
        return all(isinstance(noderun.state, Finished) for noderun in self._noderuns)

    def _all_noderuns(self) -> Iterator[NodeRun]:
        for noderun in self._noderuns:
            yield from noderun.with_children()

    # ---- reading back

    def read(self, journal: Journal, approve: tuple[object, ...]) -> Run:
        """Take the stored states and return this run, which `start` then continues.

        Args:
            journal: The run's place in its store.
            approve: What to release; see `released_by`.

        Raises:
            StoreDamaged: A stored row is not what was written.
            FlowError: A node to release is not paused, or its answer is not of the type that its task declares.
            RunTaken: A node to release is not paused because another process has the run.
        """
        self.take_over(journal.history({node.name: node for node in self.flow.nodes}))
        try:
            self._released = released_by(self.flow, self._noderuns, approve, self._options.now())
        except FlowError:
            journal.check_unchanged()
            raise
        return self

    def be_as_stored(self, state: State[Any]) -> None:
        """Let the run itself be in the state that is stored for it, if its history has no records of that.

        No history has that was written by version 0.1.0.
        """
        if self._whole.state is PENDING:
            self._whole.state = state

    def take_over(self, history: Iterable[tuple[Record, State[Any]]]) -> Sequence[NodeRun]:
        """Let the tasks be where a history ends, of this run or of one that it runs again; return their bookkeeping."""
        noderuns = {noderun.node.name: noderun for noderun in self._noderuns}

        def at(task: str | None, index: int | None) -> NodeRun:
            if task is None:
                return self._whole
            return noderuns[task] if index is None else noderuns[task].recorded_child(index)

        replay(history, at)
        if not isinstance(self._whole.state, Finished):
            begin_try(self._whole.tries, self._noderuns)  # as a process did that did not get as far as to store more
        for noderun in self._noderuns:
            if noderun.node.is_mapped and isinstance(noderun.state, Finished):
                recorded = noderun.recorded or {}  # nothing was mapped over
                noderun.children = [recorded[index] for index in sorted(recorded)]
                if has_children(noderun.state) and (recorded or not noderun.state.children):
                    noderun.state = completed(noderun.state, [child.state for child in noderun.children])
        return self._noderuns
