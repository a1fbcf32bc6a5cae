"""A run of a flow: what became of each task, and going on with it where it was left.

A `Run` holds what became of each task; a `Drive` moves it on. How a run is begun is `runner`'s.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import TypeVar

from statesig.algebra.joins import combine
from statesig.codec.events import Event
from statesig.engine.changes import Changes
from statesig.engine.decisions import settle_lost
from statesig.engine.interrupts import cancelled_by_signals
from statesig.engine.loop import Drive, gathered
from statesig.engine.noderuns import Item, TaskRun
from statesig.engine.options import Options
from statesig.engine.replay import replay, said_by
from statesig.errors import FlowError, RunFailed
from statesig.graph.graph import Graph
from statesig.states import (
    AnyState,
    Cached,
    Cancelled,
    Cancelling,
    Finished,
    Paused,
    Resume,
    Running,
    Scheduled,
    Success,
    is_mapped,
)

if TYPE_CHECKING:
    import asyncio

    from statesig.engine.journal import Journal

__all__ = ["Run", "TaskRun"]

T = TypeVar("T")


class Run:
    """A run of a flow: what became of each task.

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
        id: str | None = None,
        journal: Journal | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.id: str = id or uuid.uuid4().hex
        self.flow = flow
        self._parameters = parameters
        self._options = options
        self._loop = loop
        self._journal = journal
        self._remembered: dict[str, Cached[Any]] = {}
        self._items = [Item(self.id, node) for node in flow.nodes]
        self._drive: Drive | None = None
        self._asked = False
        self._is_now = False
        self._released: list[Item] | None = None

    def __getitem__(self, node: T) -> AnyState[T]:
        """Return the state of a node.

        Raises:
            FlowError: It is no node of this run's flow.
        """
        return cast("AnyState[T]", self._items[self.flow.own(node).index].state)  # a concrete state of its type

    def __iter__(self) -> Iterator[TaskRun]:
        """Iterate over what became of each task, in the order of the flow."""
        for item in self._items:
            yield item.told()

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.flow.name}: {self.state.type}>"

    @property
    def state(self) -> AnyState[Any]:
        """The flow's own state: the join of its reference tasks, and of all paused tasks while those are unfinished."""
        states = [self._items[index].state for index in self.flow.references]
        if not all(isinstance(state, Finished) for state in states):
            states += [item.state for item in self._all_items() if isinstance(item.state, Paused)]
        return cast("AnyState[Any]", combine(states))  # combine gives a concrete state

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked that it be cancelled."""
        return self._asked

    def raise_for_state(self) -> None:
        """Raise if the run did not succeed.

        Raises:
            RunFailed: It did not; the error names the tasks that are not successful.
        """
        state = self.state
        if not isinstance(state, Success):
            others = [(item.node.name, item.state.type) for item in self._items if not isinstance(item.state, Success)]
            raise RunFailed(self.flow.name, state.type, others)

    def start(self) -> Run:
        """Run what can be run, or go on with it where the run was stored; `run` and `resume` have called it already.

        Raises:
            RunTaken: It is stored, and another process goes on with it.
            StoreError: The store cannot be written; the run is as it was last acknowledged.
            ExecutorError: The executor cannot be used; nothing was run.
        """
        if self._released is not None:
            return self._go_on(self._released)
        with self._journal or nullcontext(), self._driven() as drive:
            if self._journal is not None:
                self._journal.create()
            on_event = self._options.on_event
            if on_event is not None:
                for item in self._items:
                    on_event(Event(self.id, item.node.name, None, 1, self._options.now(), item.state))
            return self._go(drive)

    def resume(self, *nodes: object) -> Run:
        """Release paused tasks and go on with the run, in this process; finished tasks are not run again.

        Args:
            nodes: The nodes to release, or their names; without any, all that are paused.

        Returns:
            This run.

        Raises:
            FlowError: A node is not paused; nothing was released.
            RunTaken: It is stored, and another process goes on with it.
        """
        released = self._paused(nodes) if nodes else [one for one in self._all_items() if isinstance(one.state, Paused)]
        return self._go_on(released)

    def cancel(self, *, now: bool = False) -> None:
        """Cancel the run: nothing further is begun, and what has not begun is Cancelled.

        May be called from any thread, and from a signal handler; whoever drives the run finds out at once, or, where a
        function runs in line, when that returns.

        Args:
            now: Whether what runs is stopped, too, as far as that can be done: a process is ended, a coroutine is
                cancelled, a thread is given up. Else it may finish.
        """
        if now:
            self._is_now = True
        self._asked = True
        if self._drive is not None:
            self._drive.cancel(now=now)

    # ---- going on

    def _go_on(self, released: list[Item]) -> Run:
        """Go on with a run that was left, once what it was left with is in order."""
        journal, now = self._journal, self._options.now
        with journal or nullcontext(), self._driven() as drive:
            if journal is not None and journal.acquire():
                self._asked = True
            for item in self._all_items():
                if isinstance(item.state, Cancelling):
                    drive.changes.become(
                        item, Cancelled(message="the run was cancelled, and the process that ran it was lost")
                    )
                elif isinstance(item.state, Running) and journal is not None:
                    item.lost += 1
                    drive.changes.become(item, settle_lost(item.lost, now()))
                elif isinstance(item.state, Running):
                    # Something that is no outcome ended the run within its call.
                    drive.changes.become(item, Scheduled(start_time=now()))
            for item in released:
                item.resumed = True
                drive.changes.become(item, Resume(start_time=now()))
            return self._go(drive)

    def _driven(self) -> Drive:
        changes = Changes(self.id, self._options, self._journal, self._remembered)
        self._drive = Drive(self._items, self._parameters, self._options, changes, self._loop)
        return self._drive

    def _go(self, drive: Drive) -> Run:
        if self._asked:
            drive.cancel(now=self._is_now)
        with cancelled_by_signals(self) if self._options.signals else nullcontext():
            if self._journal is not None:
                # What another process has is not worth going on with; storing it then says so.
                self._journal.hold(self.cancel, lost=lambda: self.cancel(now=True))
            drive.go()
            if self._journal is not None:
                drive.changes.flush(self.state)
        return self

    def _all_items(self) -> Iterator[Item]:
        for item in self._items:
            yield from item.with_children()

    def _paused(self, nodes: tuple[object, ...]) -> list[Item]:
        """Return the paused items among some nodes and their children.

        Raises:
            FlowError: One is none, or has none.
        """
        found: list[Item] = []
        for node in nodes:
            chosen = self._named(node) if isinstance(node, str) else self._owned(node)
            paused = [item for item in chosen if isinstance(item.state, Paused)]
            if not paused:
                raise FlowError(self.flow.name, f"{chosen[0].name!r} is not paused, it is {chosen[0].state.type}")
            found += paused
        return found

    def _owned(self, node: object) -> list[Item]:
        return [*self._items[self.flow.own(node).index].with_children()]

    def _named(self, name: str) -> list[Item]:
        for item in self._items:
            if item.node.name == name:
                return [*item.with_children()]
            for child in item.with_children():
                if child.name == name:
                    return [child]
        names = [item.name for item in self._all_items() if isinstance(item.state, Paused)]
        raise FlowError(self.flow.name, f"there is no task {name!r}; paused are {', '.join(names) or 'none'}")

    # ---- reading back

    def read(self, journal: Journal, approve: tuple[object, ...]) -> Run:
        """Take the states that are stored, and return this run, of which `start` then goes on.

        Args:
            journal: The run's place in its store.
            approve: The nodes, or names of nodes, to release.

        Raises:
            StoreDamaged: What is stored is not what was written.
            FlowError: A node to release is not paused.
            RunTaken: It is not, since another process goes on with the run.
        """
        items = {item.node.name: item for item in self._items}
        for record, state in journal.history({node.name: node.task.returns for node in self.flow.nodes}):
            item = items[record.task]
            if record.index is not None:
                if item.recorded is None:
                    item.recorded = {}
                item = item.recorded.setdefault(record.index, Item(self.id, item.node, item, record.index))
            item.lost = record.lost
            replay(item, state)
        for item in self._items:
            if item.node.is_mapped and isinstance(item.state, Finished):
                recorded = item.recorded or {}  # nothing was mapped over
                item.children = [recorded[index] for index in sorted(recorded)]
                if is_mapped(item.state):
                    children = gathered(tuple(child.state for child in item.children))
                    item.state = children.model_copy(update=said_by(item.state))
        try:
            self._released = self._paused(approve)
        except FlowError:
            journal.check_unchanged()
            raise
        return self
