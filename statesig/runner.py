"""Running a flow: a thin loop that does what was decided. The only user of the clock.

The loop calls tasks, waits, keeps the states and tells of each; what to do next is `decisions`' to say.
"""

from __future__ import annotations

import heapq
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, cast

from typing_extensions import TypeVar

from statesig.algebra import combine
from statesig.attempts import Attempt, running
from statesig.calls import awaited
from statesig.captures import Redact, capture, state_of_exception
from statesig.decisions import Become, Wait, decide, is_failure, may_decide, settle, settle_unbegun, value_of
from statesig.errors import FlowError, RunFailed
from statesig.events import Event
from statesig.flow import Flow
from statesig.nodes import Node, Parameter, StateOf, Takes, replaced
from statesig.parameters import checked_parameters
from statesig.signals import Signal
from statesig.states import (
    AnyState,
    Finished,
    Looped,
    Mapped,
    Paused,
    Pending,
    Resume,
    Running,
    Scheduled,
    State,
    Success,
    is_mapped,
)
from statesig.tasks import building
from statesig.triggers import Counts, all_successful

__all__ = ["Run", "TaskRun", "run"]

T = TypeVar("T")

_CONTAINERS = (list, tuple, set, frozenset, dict)

_PENDING: Final = Pending()
_RUNNING: Final = Running()


@dataclass(frozen=True, slots=True)
class TaskRun:
    """What became of one task of a run.

    Args:
        name: The name of its node.
        state: The state it is in.
        seconds: How long its function ran, all attempts and children together.
        children: Of a mapped task: what became of each call, in the order of its inputs.
    """

    name: str
    state: AnyState[Any]
    seconds: float
    children: tuple[TaskRun, ...] = ()


class _Item:
    """A task, or one child of a mapped one, on its way through a run."""

    __slots__ = (
        "children",
        "counts",
        "entries",
        "failures",
        "index",
        "inputs",
        "is_running",
        "is_settled",
        "loop_result",
        "loops",
        "node",
        "open",
        "parent",
        "resumed",
        "run",
        "seconds",
        "source",
        "state",
        "value",
        "waiting",
    )

    def __init__(
        self,
        run: Run,
        node: Node,
        parent: _Item | None = None,
        index: int | None = None,
        source: State[Any] | None = None,
    ) -> None:
        self.run = run
        self.node = node
        self.parent = parent
        self.index = index
        self.state: State[Any] = _PENDING
        self.failures = 0
        self.entries = 0
        self.loops = 0
        self.loop_result: Any = None
        self.resumed = False
        self.seconds = 0.0
        self.is_running = False
        self.is_settled = False
        self.waiting = 0
        self.inputs = 0
        self.open = 0
        self.children: list[_Item] | None = None
        self.counts: Counts | None = None
        self.source = source
        self.value: Any = None

    def attempt(self) -> Attempt:
        """Return what the task may know of itself."""
        return Attempt(self.run.id, self.node.name, self.index, self.entries, self.loop_result)

    def told(self) -> TaskRun:
        name = self.node.name if self.index is None else f"{self.node.name}[{self.index}]"
        children = tuple(child.told() for child in self.children or ())
        return TaskRun(name, cast("AnyState[Any]", self.state), self.seconds, children)


class Run:
    """A run of a flow: what became of each task.

    Attributes:
        id: Its identity, a random UUID.
        flow: The flow.
    """

    def __init__(
        self,
        flow: Flow,
        parameters: Mapping[str, Any],
        *,
        on_event: Callable[[Event], object] | None,
        redact: Redact | None,
        traceback: bool,
        clock: Callable[[], datetime],
        sleep: Callable[[float], object],
    ) -> None:
        self.id: str = uuid.uuid4().hex
        self.flow = flow
        self._parameters = parameters
        self._on_event = on_event
        self._redact = redact
        self._traceback = traceback
        self._clock = clock
        self._sleep = sleep
        self._items = [_Item(self, node) for node in flow.nodes]

    def start(self) -> Run:
        """Run what can be run, from the beginning; `run` has called it already."""
        if self._on_event is not None:
            for item in self._items:
                self._tell(item, item.state, 1)
        self._drive()
        return self

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

    def raise_for_state(self) -> None:
        """Raise if the run did not succeed.

        Raises:
            RunFailed: It did not; the error names the tasks that are not successful.
        """
        state = self.state
        if not isinstance(state, Success):
            others = [(item.node.name, item.state.type) for item in self._items if not isinstance(item.state, Success)]
            raise RunFailed(self.flow.name, state.type, others)

    def resume(self, *nodes: object) -> Run:
        """Release paused tasks and go on with the run, in this process; finished tasks are not run again.

        Args:
            nodes: The nodes to release; without any, all that are paused.

        Returns:
            This run.

        Raises:
            FlowError: A node is not paused; nothing was released.
        """
        chosen = [self._items[self.flow.own(node).index] for node in nodes] or self._items
        paused = [item for one in chosen for item in (one, *(one.children or ())) if isinstance(item.state, Paused)]
        for one in chosen if nodes else ():
            if not any(item is one or item.parent is one for item in paused):
                raise FlowError(self.flow.name, f"{one.node.name!r} is not paused, it is {one.state.type}")
        for item in self._all_items():
            if item.is_running:  # something that is no outcome ended the run within its call
                self._move(item, Scheduled(start_time=self._clock()))
        for item in paused:
            item.resumed = True
            self._move(item, Resume(start_time=self._clock()))
        self._drive()
        return self

    def _all_items(self) -> Iterator[_Item]:
        for item in self._items:
            yield item
            yield from item.children or ()

    # ---- the loop

    def _drive(self) -> None:
        """Run what can be run, until nothing is left or only people can help."""
        downstream = self._count()
        ready = deque(item for item in self._items if not item.is_settled and self._may_begin(item))
        delayed: list[tuple[datetime, int, _Item]] = []
        order = 0
        outer = running.set(None), building.set(None)
        try:
            while ready or delayed:
                if ready:
                    item = ready.popleft()
                else:
                    start, _, item = heapq.heappop(delayed)
                    self._sleep(max(0.0, (start - self._clock()).total_seconds()))
                if item.is_settled:
                    continue
                until = self._step(item, ready)
                if until is not None:
                    order += 1
                    heapq.heappush(delayed, (until, order, item))
                elif type(item.state) is Success or self._is_at_rest(item):
                    self._settle(item, downstream, ready)
        finally:
            running.reset(outer[0])
            building.reset(outer[1])

    def _count(self) -> list[list[tuple[_Item, Takes]]]:
        """Count what each item waits for, and return who waits for each and what they take of it."""
        downstream: list[list[tuple[_Item, Takes]]] = [[] for _ in self._items]
        items = self._items
        for item in items:
            item.is_settled = item.state is not _PENDING and isinstance(item.state, Finished)
            item.waiting = item.inputs = 0
            item.counts = None
        for item in items:
            if not item.is_settled and item.node.upstream:
                for source, takes in zip(item.node.upstream, item.node.takes, strict=True):
                    if not items[source.index].is_settled:
                        item.waiting += 1
                        item.inputs += takes is not Takes.ORDER
                        downstream[source.index].append((item, takes))
        return downstream

    def _may_begin(self, item: _Item) -> bool:
        if not item.waiting:
            return True
        node = item.node
        if node.task.trigger is all_successful and item.waiting == len(node.upstream):
            return False  # what most wait for: nothing is known yet
        item.counts = self._counted(node)
        return may_decide(node, item.counts, item.inputs, resumed=item.resumed)

    def _may_begin_now(self, item: _Item, arrived: State[Any]) -> bool:
        """Tell whether a task that has not begun may be decided, now that one more upstream has come to rest."""
        if not item.waiting:
            return True
        if item.counts is not None:
            item.counts.replace(_PENDING, arrived)
        elif type(arrived) is Success and item.node.task.trigger is all_successful:
            return False  # what arrives most often, and decides nothing while others are awaited
        else:
            item.counts = self._counted(item.node)
        return may_decide(item.node, item.counts, item.inputs, resumed=item.resumed)

    def _counted(self, node: Node) -> Counts:
        """Count what is upstream of a node; what has not come to rest is pending, whatever it is in."""
        upstream = [self._items[source.index] for source in node.upstream]
        return Counts(item.state if item.is_settled else _PENDING for item in upstream)

    def _is_at_rest(self, item: _Item) -> bool:
        """Tell whether an item will not change any more in this drive."""
        if isinstance(item.state, (Finished, Paused)):
            return True
        return not item.waiting and not item.open

    def _settle(self, item: _Item, downstream: list[list[tuple[_Item, Takes]]], ready: deque[_Item]) -> None:
        """Tell those that wait for an item that it has come to rest."""
        item.is_settled = True
        parent = item.parent
        if parent is not None:
            parent.open -= 1
            if not parent.open:
                self._gather(parent)
                self._settle(parent, downstream, ready)
            return
        is_final = isinstance(item.state, Finished)
        for later, takes in downstream[item.node.index]:
            later.waiting -= 1
            later.inputs -= is_final and takes is not Takes.ORDER
            # One that has begun was let run whatever comes: no verdict changes.
            if not (later.is_settled or later.entries or later.open) and self._may_begin_now(later, item.state):
                ready.append(later)

    def _step(self, item: _Item, ready: deque[_Item]) -> datetime | None:
        """Take an item as far as it goes now; return when to go on, where it waits for a time."""
        node = item.node
        items = self._items
        while True:
            state = item.state
            if item.parent is not None and item.source is None and type(state) is Pending:
                self._execute(item)  # its node was let run on the same upstreams
                if isinstance(item.state, Finished):
                    return None
                continue
            now = None if type(state) is Pending else self._clock()
            upstream = [items[source.index].state for source in node.upstream]
            if item.source is not None:
                upstream[node.upstream.index(node.mapped)] = item.source
            elif node.is_mapped and item.parent is None and self._expands_by_child(node):
                self._expand(item, ready)
                return None
            decision = decide(node, state, upstream, resumed=item.resumed, now=now)
            if isinstance(decision, Wait):
                return decision.until
            if isinstance(decision, Become):
                self._move(item, decision.state)
                return None
            if node.is_mapped and item.parent is None:
                self._expand(item, ready)
                return None
            self._execute(item)
            if type(item.state) is Success or isinstance(item.state, Finished):
                return None

    def _execute(self, item: _Item) -> None:
        """Call the task's function once and move the item to what it left, or to what making its arguments did."""
        node = item.node
        task = node.task
        try:
            args, kwargs = self._arguments(item)
        except (Signal, Exception, BaseExceptionGroup) as exc:
            self._fail_to_begin(item, exc)
            return
        began = time.perf_counter()
        item.entries += 1
        item.is_running = True
        running.set(item)
        if self._on_event is not None:
            self._tell(item, _RUNNING, item.entries)
        fn = partial(task.fn, **kwargs) if kwargs else task.fn
        call = awaited if task.is_async else capture
        outcome: State[Any] = call(fn, *args, redact=self._redact, traceback=self._traceback)
        running.set(None)
        seconds = time.perf_counter() - began
        item.seconds += seconds
        if item.parent is not None:
            item.parent.seconds += seconds
        if type(outcome) is not Success:
            item.failures += is_failure(outcome)
            if isinstance(outcome, Looped):
                item.loops += 1
                item.loop_result = outcome.result
            outcome = settle(task, outcome, item.failures, self._clock(), attempts=item.entries, loops=item.loops)
        self._move(item, outcome)

    def _fail_to_begin(self, item: _Item, exc: BaseException) -> None:
        outcome = state_of_exception(exc, redact=self._redact, traceback=self._traceback)
        self._move(item, settle_unbegun(item.state, outcome))

    def _arguments(self, item: _Item) -> tuple[tuple[Any, ...], dict[str, Any]]:
        node = item.node
        if item.parent is not None:
            args: tuple[Any, ...] = (item.value if item.source is None else value_of(item.source),)
        else:
            args = tuple([self._resolved(arg) for arg in node.args])
        if not node.kwargs:
            return args, {}
        return args, {name: self._resolved(arg) for name, arg in node.kwargs.items()}

    def _resolved(self, arg: Any) -> Any:
        """Return what an argument stands for."""
        given: object = arg
        cls: type[Any] = type(given)
        if cls is Node:
            index: int = arg.index
            return value_of(self._items[index].state)
        if cls is Parameter:
            return self._parameters[arg.name]
        if cls is StateOf:
            return self._state_taken(arg)
        return replaced(arg, self._resolved) if isinstance(given, _CONTAINERS) else arg

    def _state_taken(self, taken: StateOf) -> State[Any] | list[State[Any]]:
        state = self._items[taken.node.index].state
        if not taken.children:
            return state
        return list(state.children) if is_mapped(state) else []

    # ---- mapping

    def _expands_by_child(self, node: Node) -> bool:
        source: object = node.mapped
        return isinstance(source, Node) and isinstance(self._items[source.index].state, Mapped)

    def _expand(self, item: _Item, ready: deque[_Item]) -> None:
        """Make a mapped node's children, or find those it has, and put them in line."""
        if item.children is None:
            try:
                item.children = self._children(item)
            except (Signal, Exception, BaseExceptionGroup) as exc:
                self._fail_to_begin(item, exc)
                return
            if self._on_event is not None:
                for child in item.children:
                    self._tell(child, child.state, 1)
        going_on = [child for child in item.children if not isinstance(child.state, Finished)]
        for child in going_on:
            child.is_settled = False
            child.resumed = child.resumed or item.resumed
        item.open = len(going_on)
        ready.extend(going_on)
        if not going_on:
            self._gather(item)

    def _children(self, item: _Item) -> list[_Item]:
        node = item.node
        if self._expands_by_child(node):
            mapped = self._items[cast("Node", node.mapped).index].state
            sources = mapped.children if is_mapped(mapped) else ()
            return [_Item(self, node, item, index, source) for index, source in enumerate(sources)]
        children: list[_Item] = []
        for index, value in enumerate(self._resolved(node.mapped)):
            child = _Item(self, node, item, index)
            child.value = value
            children.append(child)
        return children

    def _gather(self, item: _Item) -> None:
        """Let a mapped node become Mapped, once all its children are final."""
        states = tuple(child.state for child in item.children or ())
        if all(isinstance(state, Finished) for state in states):
            if all(state.has_result for state in states):
                self._move(item, Mapped(children=states, result=[state.result for state in states]))
            else:
                self._move(item, Mapped(children=states))

    # ---- telling

    def _move(self, item: _Item, state: State[Any]) -> None:
        was_running = item.is_running
        item.state = state
        item.is_running = False
        if self._on_event is not None:
            # An attempt counts entries into Running: what is not the end of one is of the coming one.
            is_its_end = was_running and isinstance(state, Finished)
            self._tell(item, state, item.entries if is_its_end else item.entries + 1)

    def _tell(self, item: _Item, state: State[Any], attempt: int) -> None:
        assert self._on_event is not None
        self._on_event(Event(self.id, item.node.name, item.index, attempt, self._clock(), state))


def _utc_now() -> datetime:
    return datetime.now(UTC)


def run(
    flow: Flow,
    /,
    *,
    on_event: Callable[[Event], object] | None = None,
    redact: Redact | None = None,
    traceback: bool = False,
    clock: Callable[[], datetime] = _utc_now,
    sleep: Callable[[float], object] = time.sleep,
    **parameters: Any,
) -> Run:
    """Run a flow in this process and return what became of each task.

    Args:
        flow: The flow.
        on_event: Called with each event as it happens, in this thread.
        redact: Called with each text of an exception before a state keeps it.
        traceback: Whether causes keep the formatted traceback.
        clock: Returns the time, aware.
        sleep: Waits for some seconds.
        parameters: The flow's parameters by name.

    Raises:
        FlowError: A parameter is missing, unknown or not valid; nothing was run.
    """
    values = checked_parameters(flow, parameters)
    started = Run(flow, values, on_event=on_event, redact=redact, traceback=traceback, clock=clock, sleep=sleep)
    return started.start()


def run_checked(flow: Flow, values: Mapping[str, Any], *, on_event: Callable[[Event], object]) -> Run:
    """Run a flow with values that `checked_parameters` returned, and return what became of each task."""
    started = Run(flow, values, on_event=on_event, redact=None, traceback=False, clock=_utc_now, sleep=time.sleep)
    return started.start()
