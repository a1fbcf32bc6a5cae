"""The graph of a flow: which tasks are called with which arguments. Nothing here runs them.

Inside ``with Flow("name") as flow:`` an ordinary call of a task adds a node and returns it in place of the value. To a
type checker it is the value, so wiring is checked as any call is: ``load(extract(day))``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, ItemsView, Iterable, KeysView, Mapping, Sequence, Set
from contextvars import Token
from datetime import timedelta
from types import MethodType, TracebackType
from typing import Any, ClassVar, Self, cast, overload

from typing_extensions import TypeForm, TypeIs, TypeVar

from statesig.errors import FlowError, NodeUseError
from statesig.graph.containers import PLAIN
from statesig.graph.nodes import (
    ChildOf,
    Node,
    Parameter,
    Source,
    StandIn,
    StateOf,
    Takes,
    source_of,
)
from statesig.graph.tasks import Building, FlowTask, Handler, Task, building
from statesig.graph.templates import Hidden, fresh, read, snapshot
from statesig.states import AnyState
from statesig.states.declared import optional

__all__ = ["Graph", "state_of", "states_of"]

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


def _is_task(value: object) -> TypeIs[Task[..., Any]]:
    return isinstance(value, Task)


class _Waiting:
    """The upstreams that `Graph.after` adds to a node, in lists that grow: a tuple would be copied each time."""

    __slots__ = ("_known", "_takes", "_upstream")

    def __init__(self, node: Node) -> None:
        self._known = set(node.upstream)
        node.upstream = self._upstream = list(node.upstream)
        node.takes = self._takes = list(node.takes)

    def add(self, node: Node) -> None:
        if node not in self._known:
            self._known.add(node)
            self._upstream.append(node)
            self._takes.append(Takes.ORDER)


class Graph:
    """A graph of task calls, built by making the calls; `statesig.flow.Flow` is one that can be run.

    Args:
        name: Its name in messages and on the command line.
        handlers: Each is called with the old and the new state of the flow itself at every change, and may return
            another state, or raise a signal, to take the place of the new one; see `statesig.task`.
        task_handlers: Handlers for each task of the flow; they are called after the task's own.
        retries: How often the tasks that did not succeed are run again after the flow failed, or after a RETRY of its
            handlers.
        retry_delay: Seconds, or a timedelta, before they are run again.

    Attributes:
        nodes: The calls, in the order in which they were made.
        parameters: The values that a run takes, by name.
        options: The names of a run's options, which no parameter may have.
        whole: The flow itself as a task.

    Raises:
        ValueError: A number is out of its range.
    """

    options: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        name: str,
        *,
        handlers: Iterable[Handler] = (),
        task_handlers: Iterable[Handler] = (),
        retries: int = 0,
        retry_delay: float | timedelta = 0.0,
    ) -> None:
        self.name = name
        self.whole: FlowTask = FlowTask(name, handlers=handlers, retries=retries, retry_delay=retry_delay)
        self.task_handlers: tuple[Handler, ...] = tuple(task_handlers)
        self.nodes: list[Node] = []
        self.parameters: dict[str, Parameter] = {}
        self._names: dict[str, int] = {}
        self._named: dict[str, Node] = {}
        self._references: tuple[int, ...] = ()
        self._leaves: tuple[int, ...] | None = None  # not known, since the last change
        self._takes: dict[tuple[Takes, ...], tuple[Takes, ...]] = {}
        self._checked: set[tuple[object, ...]] = set()
        self._waiting: dict[Node, _Waiting] = {}
        self._tokens: list[Token[Building | None]] = []

    def __enter__(self) -> Self:
        self._tokens.append(building.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        building.reset(self._tokens.pop())

    def __repr__(self) -> str:
        return f"<flow {self.name}: {len(self.nodes)} tasks>"

    def called(self, task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> StandIn:
        """Add a call of a task and return a stand-in for its value; a task calls this inside ``with flow:``."""
        return StandIn(self.add(task, args, kwargs))

    def add(self, task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Node:
        """Add a call of a task and return its node; an ordinary call inside ``with flow:`` does the same.

        Raises:
            TypeError: The task does not take these arguments.
            FlowError: An argument is a node of another flow.
        """
        call = (task, len(args), *kwargs) if kwargs else (task, len(args))
        if call not in self._checked:
            self._check(call, task, args, kwargs)
        return self._added(task, args, kwargs)

    def _check(
        self, call: tuple[object, ...], task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Check a call against the task's parameters.

        Only the number of arguments and the names of keywords count, so each shape of call is checked once.
        """
        signature, is_known = task.parameters
        if signature is not None and is_known:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as exc:
                raise TypeError(f"task {task.name!r}: {exc}") from None
        self._checked.add(call)

    def _added(
        self,
        task: Task[Any, Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        mapped: Any = None,
        is_mapped: bool = False,
    ) -> Node:
        """Add a node after checking that everything it takes is of this flow."""
        taken: dict[Node, Takes] = {}
        args = tuple(self._sources(args, taken, task.argument))
        kwargs = self._keywords(kwargs, taken) if kwargs else _NO_KEYWORDS
        if is_mapped:
            source = source_of(mapped)
            if source is None:
                mapped = self._sources(mapped, taken, "[{}]".format)
            else:
                self._take(taken, (source,))
                mapped = source
        upstream, takes = self._edges(args, taken)
        name = self._unique(task.name)
        node = Node(len(self.nodes), name, task, args, kwargs, mapped, is_mapped, upstream, takes)
        self.nodes.append(node)
        self._leaves = None
        return node

    def _sources(self, values: Iterable[Any], taken: dict[Node, Takes], name: Callable[[int], str]) -> list[Any]:
        """Return arguments as a node keeps them, and note the nodes from which they take something.

        Args:
            values: The arguments.
            taken: Where to note it.
            name: Returns the name of the argument at a position, for an error.
        """
        nodes, count = self.nodes, len(self.nodes)
        sources: list[Any] = []
        for value in values:  # an edge calls nothing here: where there are many edges, this loop is what building costs
            kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]  # that it says so is right
            if kind is StandIn:
                source: Source = value._source
                if type(source) is Node and source.index < count and nodes[source.index] is source:
                    taken[source] = _VALUE
                else:
                    self._take(taken, (source,))
                sources.append(source)
            elif kind in PLAIN:
                sources.append(value)
            else:
                try:
                    sources.append(read(value, functools.partial(self._take, taken)))
                except Hidden as exc:
                    raise exc.error(name(len(sources))) from None
        return sources

    def _keywords(self, given: Mapping[str, Any], taken: dict[Node, Takes]) -> dict[str, Any]:
        names = list(given)
        return dict(zip(names, self._sources(given.values(), taken, names.__getitem__), strict=True))

    def _take(self, taken: dict[Node, Takes], sources: Iterable[Source]) -> None:
        """Note what a call takes."""
        nodes, count = self.nodes, len(self.nodes)
        for source in sources:
            if type(source) is Node and source.index < count and nodes[source.index] is source:
                taken[source] = _VALUE
            elif isinstance(source, Node):
                taken[self._own(source)] = _VALUE
            elif isinstance(source, StateOf):
                taken.setdefault(self._own(source.node), Takes.STATE)
            elif isinstance(source, ChildOf):
                raise NodeUseError(source.node.name, "[...]")
            elif self.parameters.get(source.name) is not source:
                raise FlowError(self.name, f"{source!r} is no parameter of this flow")

    def _edges(self, args: tuple[Any, ...], taken: dict[Node, Takes]) -> tuple[tuple[Node, ...], tuple[Takes, ...]]:
        """Return a call's upstream and what it takes of each; equal tuples are shared."""
        takes = tuple(taken.values())
        takes = self._takes.setdefault(takes, takes)
        if len(taken) == len(args) == 1 and type(args[0]) is Node:
            return args, takes
        return tuple(taken), takes

    @overload
    def parameter(self, name: str, type: TypeForm[T]) -> T: ...
    @overload
    def parameter(self, name: str, type: TypeForm[T], *, default: None) -> T | None: ...
    @overload
    def parameter(self, name: str, type: type[T], *, default: T) -> T: ...
    @overload
    def parameter(self, name: str, type: TypeForm[T], *, default: object) -> T: ...
    def parameter(self, name: str, type: TypeForm[T], **options: object) -> T | None:
        """Declare a value that each run takes, and return a stand-in for it.

        Args:
            name: A keyword of `run`, and ``NAME=VALUE`` on the command line.
            type: The type that the value is validated as, by the rules of JSON: a text for a date is a date. It may be
                any type that Pydantic can validate: ``Literal["a", "b"]``, ``int | None``, ``Annotated[int, Gt(0)]``.
            default: The value of a run that gives none, validated as any other; without a default the parameter is
                required. None makes it optional: ``parameter("site", Path, default=None)`` is a path or None.

        Raises:
            FlowError: The name is taken, no identifier, or one of the options of `run`; or the default is not valid.
        """
        if not name.isidentifier() or name in self.parameters:
            raise FlowError(
                self.name, f"a parameter's name is an identifier that no other parameter has, and {name!r} is not"
            )
        if name in self.options:
            raise FlowError(self.name, f"{name!r} is an option of run(); its options are {', '.join(self.options)}")
        self.parameters[name] = parameter = self._parameter(name, type, **options)
        return cast("T", StandIn(parameter))  # to a checker the stand-in is the value

    def _parameter(self, name: str, type: Any, **options: Any) -> Parameter:
        if "default" not in options:
            return Parameter(name, type, True, None)
        default = fresh(snapshot(options["default"]))
        parameter = Parameter(name, type if default is not None else optional(type), False, default)
        parameter.default = parameter.validated(default, self.name)
        return parameter

    def map(self, fn: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Call a task once for each item, and return a stand-in for the list of its values.

        Each call is judged by itself: its trigger looks at what is in its own item and at what all calls take or wait
        for. The node ends as Mapped if all succeeded, else as MapFailed or MapCancelled.

        Args:
            fn: A task, or `functools.partial` of one with keywords, which are the same for all calls.
            items: A list or anything else that has an order, such as the items of a dict; or a node or a parameter
                whose value will be a list. No items give an empty Mapped.

        Raises:
            FlowError: `fn` is not a task, or the items are a set, whose order differs from process to process.
        """
        keywords: dict[str, Any] = {}
        target: Any = fn
        if isinstance(target, functools.partial):
            if target.args:
                raise FlowError(self.name, "a mapped task takes its constants by keyword: partial(fn, key=value)")
            keywords, target = dict(target.keywords), target.func
        if isinstance(target, MethodType) and _is_task(target.__func__):  # a class method, which Python may bind itself
            target = target.__func__.__get__(target.__self__)
        if not _is_task(target):
            raise FlowError(self.name, f"only a task can be mapped, and {target!r} is not one; decorate it with @task")
        self._check((target, 1, *keywords), target, (None,), keywords)
        if _has_no_order(items):
            raise FlowError(self.name, "a set has no order, which a map needs; map over sorted(...)")
        over = items if isinstance(items, StandIn) else list(items)
        node = self._added(target, (), keywords, over, is_mapped=True)
        return cast("list[B]", StandIn(node))  # to a checker the stand-in is the list

    def after(self, node: object, *upstream: object) -> None:
        """Make a node wait for others without taking their values.

        Args:
            node: The node that waits, a later one than those it waits for.
            upstream: The nodes that it waits for; their states count for its trigger.

        Raises:
            FlowError: A value is not a node of this flow, or the order would be a circle.
        """
        later = self.own(node)
        earlier = [self.own(item) for item in upstream]
        for item in earlier:
            if item.index >= later.index:
                raise FlowError(self.name, f"{later.name!r} was called before {item.name!r}; call it after that")
        waiting = self._waiting.get(later)
        if waiting is None:
            waiting = self._waiting[later] = _Waiting(later)
        for item in earlier:
            waiting.add(item)
        self._leaves = None

    def reference(self, *nodes: object) -> None:
        """Choose the nodes that alone decide the flow's own state.

        By default its leaves do, and every failed or cancelled task whose state no task took by `state_of` or
        `states_of`.

        Raises:
            FlowError: A value is not a node of this flow.
        """
        self._references = tuple(self.own(node).index for node in nodes)

    @property
    def has_references(self) -> bool:
        """Whether `reference` has chosen the nodes that decide the flow's own state."""
        return bool(self._references)

    @property
    def references(self) -> tuple[int, ...]:
        """The indexes of the nodes that decide the flow's own state: the chosen ones, by default the leaves."""
        if self._references:
            return self._references
        if self._leaves is None:
            inner = {source.index for node in self.nodes for source in node.upstream}
            self._leaves = tuple(node.index for node in self.nodes if node.index not in inner)
        return self._leaves

    def returns(self, name: str | None) -> Any:
        """Return the declared type of a task's value, Any without one; for a mapped task the type of each call.

        Args:
            name: The name of its node, as in `Event.task`; None, for the run itself, has no declared type.

        Raises:
            FlowError: No node has this name.
        """
        if name is None:
            return Any
        if len(self._named) != len(self.nodes):
            self._named = {node.name: node for node in self.nodes}
        if name not in self._named:
            raise FlowError(self.name, f"there is no task {name!r}")
        return self._named[name].task.returns

    def own(self, value: object) -> Node:
        """Return the node of a stand-in.

        Raises:
            FlowError: The value is not a node of this flow.
        """
        source = source_of(value)
        if isinstance(source, Node):
            return self._own(source)
        kind = type(value).__name__
        raise FlowError(self.name, f"a value of class {kind} is no node of this flow; it has {len(self.nodes)}")

    def _own(self, node: Node) -> Node:
        if node.index < len(self.nodes) and self.nodes[node.index] is node:
            return node
        raise FlowError(self.name, f"{node!r} is no node of this flow, but of another; it has {len(self.nodes)}")

    def _unique(self, name: str) -> str:
        names = self._names
        count = names.get(name)
        if count is None:
            names[name] = 1
            return name
        while True:
            count += 1
            unique = f"{name}-{count}"
            if unique not in names:
                names[name] = count
                names[unique] = 1
                return unique


_NO_KEYWORDS: Mapping[str, Any] = {}
_VALUE = Takes.VALUE


def state_of(node: A) -> AnyState[A]:
    """Return a stand-in for a node's state, to pass to a task in place of its value.

    A task that takes the state can run whatever the state is, if its trigger lets it.

    Raises:
        TypeError: The value is not a node.
    """
    return cast("AnyState[A]", StandIn(StateOf(_node(node, "state_of"), children=False)))


def states_of(node: Sequence[B]) -> list[AnyState[B]]:
    """Return a stand-in for the states of a mapped node's children, to pass to a task in place of its value.

    The list is empty if the node itself did not run.

    Raises:
        TypeError: The value is not a mapped node.
    """
    found = _node(node, "states_of")
    if not found.is_mapped:
        raise TypeError(f"states_of takes a mapped node, and {found.name!r} is not one; use state_of")
    return cast("list[AnyState[B]]", StandIn(StateOf(found, children=True)))


def _has_no_order(items: object) -> bool:
    return isinstance(items, Set) and not isinstance(items, (KeysView, ItemsView))  # those have their mapping's order


def _node(value: object, use: str) -> Node:
    source = source_of(value)
    if not isinstance(source, Node):
        raise TypeError(f"{use} takes a node of a flow, not {type(value).__name__}")
    return source
