"""Running a flow: what to do next is decided purely, and a thin loop does it. The only user of the clock.

`decide` and `settle` take values and return a value. The loop calls tasks, waits, keeps the states and tells of each.
"""

from __future__ import annotations

import heapq
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypeVar

from statesig import flow as flows
from statesig.algebra import combine
from statesig.captures import Redact, acapture, capture, state_of_exception
from statesig.errors import FlowError, IllegalTransition, RunFailed
from statesig.events import Event
from statesig.flow import Flow, Node, Parameter, StateOf, Task
from statesig.states import (
    AnyState,
    Failed,
    Finished,
    Looped,
    Mapped,
    Paused,
    Pending,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TriggerFailed,
    is_mapped,
)
from statesig.transitions import is_allowed, successors
from statesig.triggers import SkipPolicy, Verdict, all_successful, leaves

__all__ = ["Attempt", "Become", "Execute", "Run", "TaskRun", "Wait", "current", "decide", "run", "settle"]

T = TypeVar("T")

_PENDING: Final = Pending()
_RUNNING: Final = Running()


# ---- deciding


@dataclass(frozen=True, slots=True)
class Execute:
    """Call the task's function now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing: until a time, or until something upstream changes.

    Args:
        until: Aware; None where only a change can help.
    """

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Become:
    """Do not run; go on as another state.

    Args:
        state: The state.
    """

    state: State[Any]


Decision = Execute | Wait | Become

_EXECUTE: Final = Execute()
_WAIT: Final = Wait()


def decide(
    node: Node,
    state: State[Any],
    upstream: Sequence[State[Any]],
    *,
    resumed: bool = False,
    now: datetime | None = None,
) -> Decision:
    """Return what is to be done with a task: execute it, wait, or let it become another state. Pure.

    Args:
        node: The task's node.
        state: What it is in.
        upstream: The states of ``node.upstream``, in that order.
        resumed: Whether a person has resumed the task in this run.
        now: The time, aware; needed only where the state has a start time.
    """
    if type(state) is not Pending:
        if isinstance(state, (Finished, Paused)):
            return _WAIT
        if isinstance(state, Scheduled) and state.start_time is not None and now is not None and state.start_time > now:
            return Wait(state.start_time)
    task = node.task
    if task.trigger is all_successful and _all_have_values(upstream):
        return _EXECUTE  # what follows says the same of the ordinary case, one question after the other
    if task.on_skip is SkipPolicy.PROPAGATE and _any_skipped(upstream):
        return Become(Skipped(message="a task upstream was skipped"))
    verdict = task.trigger.verdict(upstream, resumed=resumed)
    if verdict is not Verdict.RUN:
        return _refused(task, verdict, upstream)
    if task.on_skip is SkipPolicy.FAILURE_FIRST and _any_skipped(upstream):
        return Become(Skipped(message="a task upstream was skipped"))
    return _with_inputs(node, upstream)


def settle(task: Task[Any, Any], outcome: State[Any], failures: int, now: datetime) -> State[Any]:
    """Return the state after an attempt: the outcome itself, another attempt, or a failure for good. Pure.

    RETRY and a retryable failure count against the task's retries; a RETRY with none left is Failed with its message
    and causes. A state that may not follow Running is Failed with that as its cause.

    Args:
        task: The task.
        outcome: What `capture` made of the attempt.
        failures: How many attempts have failed, this one included if it did.
        now: The time, aware.
    """
    if type(outcome) is Success:
        return outcome
    if not is_allowed(Running, type(outcome)):
        ways = [kind.__name__ for kind in successors(Running)]
        return state_of_exception(IllegalTransition("Running", type(outcome).__name__, ways))
    again = isinstance(outcome, Retrying) or (isinstance(outcome, Failed) and outcome.retryable)
    if again and failures <= task.retries:
        given = outcome.start_time if isinstance(outcome, Retrying) else None
        return Retrying(
            message=outcome.message,
            causes=outcome.causes,
            start_time=given or now + timedelta(seconds=task.retry_delay),
            run_count=failures,
        )
    if isinstance(outcome, Retrying):
        return Failed(message=outcome.message, causes=outcome.causes)
    if isinstance(outcome, Scheduled) and outcome.start_time is None:
        return outcome.model_copy(update={"start_time": now})
    return outcome


def is_failure(outcome: State[Any]) -> bool:
    """Tell whether an attempt's outcome counts against the task's retries."""
    return isinstance(outcome, Retrying) or (isinstance(outcome, Failed) and outcome.retryable)


def _with_inputs(node: Node, upstream: Sequence[State[Any]]) -> Decision:
    """Return what the inputs of a task say that its trigger lets run."""
    awaited = _awaited(node)
    for source, by_value, given in zip(node.upstream, node.takes, upstream, strict=True):
        if (by_value or source.index in awaited) and not isinstance(given, Finished):
            return _WAIT
        if by_value and not _has_value(given):
            return Become(_without_value(source.name, given))
    return _EXECUTE


def _all_have_values(upstream: Sequence[State[Any]]) -> bool:
    for state in upstream:  # noqa: SIM110  # a generator would cost twice as much, once for each task
        if type(state) is not Success or "result" not in state.__pydantic_fields_set__:
            return False
    return True


def _any_skipped(upstream: Sequence[State[Any]]) -> bool:
    return any(isinstance(state, Skipped) for state in leaves(upstream))


def _refused(task: Task[Any, Any], verdict: Verdict, upstream: Sequence[State[Any]]) -> Decision:
    if verdict is Verdict.WAIT:
        return _WAIT
    tally: dict[str, int] = {}
    for state in leaves(upstream):
        tally[state.type] = tally.get(state.type, 0) + 1
    counts = ", ".join(f"{count} {tag}" for tag, count in tally.items()) or "no upstream"
    message = f"trigger {task.trigger.name}: {counts}"
    kind = {Verdict.FAIL: TriggerFailed, Verdict.SKIP: Skipped, Verdict.PAUSE: Paused}[verdict]
    return Become(kind(message=message))


def _awaited(node: Node) -> frozenset[int]:
    """Return the nodes that are taken by state, which must be final before it is handed over."""
    values = (node.mapped, *node.args, *node.kwargs.values())
    return frozenset(
        found.node.index for value in values for found in flows.nodes_in(value) if isinstance(found, StateOf)
    )


def _has_value(state: State[Any]) -> bool:
    return all(child.has_result for child in state.children) if isinstance(state, Mapped) else state.has_result


def _without_value(name: str, state: State[Any]) -> State[Any]:
    """Return what becomes of a task whose input has no value: no typed call can be made."""
    inner = list(leaves((state,)))
    failed = any(not isinstance(leaf, Success) and not leaf.has_result for leaf in inner)
    if not failed and any(isinstance(leaf, Skipped) for leaf in inner):
        return Skipped(message=f"its input {name} was skipped and has no value")
    return TriggerFailed(message=f"its input {name} is {state.type} and has no value")


# ---- what a run is


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


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a running task may know of itself; see `current`.

    Args:
        run: The run's identity.
        task: The name of the task's node.
        index: The position among a mapped node's children, from 0; None without.
        number: From 1.
        loop_result: The result that the last LOOP handed on; None before the first.
    """

    run: str
    task: str
    index: int | None
    number: int
    loop_result: Any


class _Item:
    """A task, or one child of a mapped one, on its way through a run."""

    __slots__ = (
        "children",
        "entries",
        "failures",
        "index",
        "node",
        "parent",
        "resumed",
        "run",
        "seconds",
        "source",
        "state",
        "value",
        "waiting",
    )

    def __init__(self, run: Run, node: Node, parent: _Item | None = None, index: int | None = None) -> None:
        self.run = run
        self.node = node
        self.parent = parent
        self.index = index
        self.state: State[Any] = _PENDING
        self.failures = 0
        self.entries = 0
        self.resumed = False
        self.seconds = 0.0
        self.waiting = 0
        self.children: list[_Item] | None = None
        self.source: State[Any] | None = None
        self.value: Any = None

    def told(self) -> TaskRun:
        name = self.node.name if self.index is None else f"{self.node.name}[{self.index}]"
        children = tuple(child.told() for child in self.children or ())
        return TaskRun(name, cast("AnyState[Any]", self.state), self.seconds, children)


_current: ContextVar[_Item | None] = ContextVar("_current", default=None)


def current() -> Attempt:
    """Return the attempt that is being run, to the task that is run in it.

    Raises:
        LookupError: No task is running here.
    """
    item = _current.get()
    if item is None:
        raise LookupError("current() is for the code of a running task, and none is running here")
    looped = item.state if isinstance(item.state, Looped) else None
    return Attempt(item.run.id, item.node.name, item.index, item.entries, looped.result if looped else None)


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
                self._tell(item, item.state)
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
        downstream: list[list[_Item]] = [[] for _ in self._items]
        ready: deque[_Item] = deque()
        for item in self._items:
            item.waiting = 0
            if not isinstance(item.state, Finished):
                for source in item.node.upstream:
                    if not isinstance(self._items[source.index].state, Finished):
                        item.waiting += 1
                        downstream[source.index].append(item)
                if not item.waiting:
                    ready.append(item)
        delayed: list[tuple[datetime, int, _Item]] = []
        order = 0
        token = flows.building.set(None)
        try:
            while ready or delayed:
                if not ready:
                    start, _, item = heapq.heappop(delayed)
                    self._sleep(max(0.0, (start - self._clock()).total_seconds()))
                else:
                    item = ready.popleft()
                until = self._step(item, ready)
                if until is not None:
                    order += 1
                    heapq.heappush(delayed, (until, order, item))
                    continue
                settled = self._settled(item)
                if settled is not None:
                    for later in downstream[settled.node.index]:
                        later.waiting -= 1
                        if not later.waiting:
                            ready.append(later)
        finally:
            flows.building.reset(token)

    def _settled(self, item: _Item) -> _Item | None:
        """Return the node's item that will not change any more in this drive, if there is one."""
        parent = item.parent
        if parent is None:
            return None if item.waiting else item
        parent.waiting -= 1
        if parent.waiting:
            return None
        self._gather(parent)
        return parent

    def _step(self, item: _Item, ready: deque[_Item]) -> datetime | None:
        """Take an item as far as it goes now; return when to go on, where it waits for a time."""
        node = item.node
        items = self._items
        while True:
            state = item.state
            now = None if type(state) is Pending else self._clock()
            upstream = [items[source.index].state for source in node.upstream]
            if item.source is not None:
                upstream = [
                    item.source if source is node.mapped else s
                    for source, s in zip(node.upstream, upstream, strict=True)
                ]
            elif node.mapped is not None and item.parent is None and self._expands_by_child(node):
                self._expand(item, ready)
                return None
            decision = decide(node, state, upstream, resumed=item.resumed, now=now)
            if isinstance(decision, Wait):
                return decision.until
            if isinstance(decision, Become):
                self._move(item, decision.state)
                return None
            if node.mapped is not None and item.parent is None:
                self._expand(item, ready)
                return None
            self._execute(item)
            if isinstance(item.state, Finished):
                return None

    def _execute(self, item: _Item) -> None:
        """Call the task's function once and move the item to what it left."""
        node = item.node
        task = node.task
        began = time.perf_counter()
        item.entries += 1
        _current.set(item)
        try:
            args, kwargs = self._arguments(item)
        except Exception as exc:
            outcome: State[Any] = state_of_exception(exc)
        else:
            if self._on_event is not None:
                self._tell(item, _RUNNING)
            fn = partial(task.fn, **kwargs) if kwargs else task.fn
            if task.is_async:
                import asyncio

                outcome = asyncio.run(acapture(fn, *args, redact=self._redact, traceback=self._traceback))
            else:
                outcome = capture(fn, *args, redact=self._redact, traceback=self._traceback)
        seconds = time.perf_counter() - began
        item.seconds += seconds
        if item.parent is not None:
            item.parent.seconds += seconds
        if type(outcome) is not Success:
            item.failures += is_failure(outcome)
            outcome = settle(task, outcome, item.failures, self._clock())
        self._move(item, outcome)

    def _arguments(self, item: _Item) -> tuple[tuple[Any, ...], dict[str, Any]]:
        node = item.node
        if item.parent is not None:
            args: tuple[Any, ...] = (item.value,)
        else:
            args = tuple([self._resolved(arg, node.nested) for arg in node.args])
        if not node.kwargs:
            return args, {}
        return args, {name: self._resolved(arg, node.nested) for name, arg in node.kwargs.items()}

    def _resolved(self, arg: Any, nested: bool) -> Any:
        """Return what an argument stands for."""
        given: object = arg
        cls: type[Any] = type(given)
        if cls is Node:
            index: int = arg.index
            return _value_of(self._items[index].state)
        if cls is Parameter:
            return self._parameters[arg.name]
        if cls is StateOf:
            return self._state_taken(arg)
        if nested and cls in (list, tuple):
            parts: list[Any] = [self._resolved(part, True) for part in arg]
            return tuple(parts) if cls is tuple else parts
        if nested and cls is dict:
            held: dict[Any, Any] = arg
            return {key: self._resolved(part, True) for key, part in held.items()}
        return arg

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
            except Exception as exc:
                self._move(item, state_of_exception(exc, redact=self._redact, traceback=self._traceback))
                return
        open_children = [child for child in item.children if not isinstance(child.state, Finished)]
        item.waiting = len(open_children)
        ready.extend(open_children)
        if not open_children:
            self._gather(item)

    def _children(self, item: _Item) -> list[_Item]:
        node = item.node
        children: list[_Item] = []
        if self._expands_by_child(node):
            mapped = self._items[cast("Node", node.mapped).index].state
            sources = mapped.children if is_mapped(mapped) else ()
            for index, source in enumerate(sources):
                child = _Item(self, node, item, index)
                child.source, child.value = source, source.result
                children.append(child)
            return children
        for index, value in enumerate(self._resolved(node.mapped, True)):
            child = _Item(self, node, item, index)
            child.value = self._resolved(value, True)
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
        item.state = state
        if self._on_event is not None:
            self._tell(item, state)

    def _tell(self, item: _Item, state: State[Any]) -> None:
        waits = not isinstance(state, (Finished, Running))
        attempt = max(item.entries + waits, 1)
        assert self._on_event is not None
        self._on_event(Event(self.id, item.node.name, item.index, attempt, self._clock(), state))


def _value_of(state: State[Any]) -> Any:
    if type(state) is not Success and isinstance(state, Mapped) and state.children:
        return [child.result for child in state.children]
    return state.__dict__["result"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def run(
    flow: Flow,
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


def checked_parameters(flow: Flow, given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
    """Return the values of a flow's parameters, each validated as its type.

    Args:
        flow: The flow.
        given: Values by name.
        text: Whether they are text, as from a command line, to be read as their types.

    Raises:
        FlowError: One is missing, unknown or not valid; the text does not repeat the value.
    """
    unknown = sorted(given.keys() - flow.parameters.keys())
    if unknown:
        known = ", ".join(flow.parameters) or "none"
        raise FlowError(flow.name, f"no such parameter: {', '.join(unknown)}; its parameters are {known}")
    missing = [name for name, one in flow.parameters.items() if one.required and name not in given]
    if missing:
        raise FlowError(flow.name, f"needs a value for {', '.join(missing)}")
    read = _from_text if text else _from_value
    return {
        name: read(flow, parameter, given[name]) if name in given else parameter.default
        for name, parameter in flow.parameters.items()
    }


def _from_value(flow: Flow, parameter: Parameter, value: Any) -> Any:
    if value is parameter.default:
        return value
    try:
        return TypeAdapter(parameter.type).validate_python(value, strict=True)
    except ValidationError as exc:
        raise _invalid(flow, parameter, exc) from None


def _from_text(flow: Flow, parameter: Parameter, value: str) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(parameter.type)
    try:
        return adapter.validate_strings(value)
    except ValidationError as exc:
        try:
            return adapter.validate_json(value)
        except ValidationError:
            raise _invalid(flow, parameter, exc) from None


def _invalid(flow: Flow, parameter: Parameter, exc: ValidationError) -> FlowError:
    name = getattr(parameter.type, "__name__", str(parameter.type))
    reason = exc.errors(include_url=False, include_input=False)[0]["type"]
    return FlowError(flow.name, f"parameter {parameter.name} is not a valid {name} ({reason})")
