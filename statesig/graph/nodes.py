"""Nodes, parameters, and the stand-ins for their values while a flow is built.

User code holds stand-ins: it can pass one to a task, and any other use is refused. Nothing here runs a task.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from typing_extensions import override

from statesig.errors import FlowError, NodeUseError
from statesig.graph.tasks import building
from statesig.states.declared import Declared, declared_as
from statesig.states.reasons import invalid

if TYPE_CHECKING:
    from statesig.graph.tasks import Task

__all__ = [
    "ChildOf",
    "Node",
    "Parameter",
    "Source",
    "StandIn",
    "StateOf",
    "Takes",
    "name_of",
    "source_of",
]


def name_of(task: str, index: int | None) -> str:
    """Return the name of a task, or of a child of a mapped one: ``load[3]``."""
    return task if index is None else f"{task}[{index}]"


class Takes(enum.IntEnum):
    """What a task takes from another one upstream: only the order, the final state, or the value."""

    ORDER = 0
    STATE = 1
    VALUE = 2

    __hash__ = int.__hash__  # an enum's own is a function in Python


class Node:
    """A call of a task in a flow.

    Attributes:
        index: Its position in the flow, from 0.
        name: The name of its task, made unique in the flow: the second ``load`` is ``load-2``.
        task: What it runs.
        args, kwargs: The arguments of the call: values, sources in place of stand-ins, and a `Template` instead of each
            container that every attempt gets afresh.
        is_mapped: Whether the task is called once for each item of ``mapped``, as its first argument.
        mapped: The items that it is mapped over: a source, or a list of such arguments.
        upstream: The nodes whose states its trigger looks at, in order.
        takes: What is taken from each of those.
    """

    __slots__ = ("args", "index", "is_mapped", "kwargs", "mapped", "name", "takes", "task", "upstream")

    def __init__(
        self,
        index: int,
        name: str,
        task: Task[Any, Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        mapped: Any = None,
        is_mapped: bool = False,
        upstream: Sequence[Node] = (),
        takes: Sequence[Takes] = (),
    ) -> None:
        self.index: int = index
        self.name: str = name
        self.task: Task[Any, Any] = task
        self.args: tuple[Any, ...] = args
        self.kwargs: Mapping[str, Any] = kwargs
        self.mapped: Any = mapped
        self.is_mapped: bool = is_mapped
        self.upstream: Sequence[Node] = upstream
        self.takes: Sequence[Takes] = takes

    def __repr__(self) -> str:
        return f"<node {self.name}>"

    def narrowed(self, upstream: Mapping[Node, Takes]) -> Node:
        """Return the same call with another upstream: that of one child of a map."""
        child = copy.copy(self)
        child.upstream, child.takes = tuple(upstream), tuple(upstream.values())
        return child


class Parameter:
    """A value that is given when the flow is run.

    Attributes:
        name: Its name, a keyword of `Flow.run`.
        type: The type that its value is validated against.
        required: Whether it has no default.
        default: The value of a run that gives none.
        value_type: Validates its value as the type; None if there is nothing to ask of a value.
    """

    __slots__ = ("default", "name", "required", "type", "value_type")

    def __init__(self, name: str, type: Any, required: bool, default: Any) -> None:
        self.name: str = name
        self.type: Any = type
        self.required: bool = required
        self.value_type: Declared | None = declared_as(type)
        self.default: Any = default

    def validated(self, value: Any, flow: str) -> Any:
        """Return a value as the parameter's type, by the rules of JSON: a text for a date is a date.

        Args:
            value: The value.
            flow: The name of the flow, for the error.

        Raises:
            FlowError: It is not valid; the text does not repeat it.
        """
        declared = self.value_type
        if declared is None:
            return value
        if declared.broken is not None:
            raise FlowError(flow, f"the type of parameter {self.name} is not understood: {declared.broken}")
        try:
            return declared.validated(value)
        except Exception as exc:  # a validator of the type's own may raise anything
            raise FlowError(flow, f"parameter {self.name} is {invalid(declared, exc, self.name)}") from None

    def __repr__(self) -> str:
        return f"<parameter {self.name}>"


class StateOf:
    """A node's state, or its children's states, in place of its value.

    Attributes:
        node: The node.
        children: Whether the states of its children are taken instead of its own.
    """

    __slots__ = ("children", "node")

    def __init__(self, node: Node, children: bool) -> None:
        self.node: Node = node
        self.children: bool = children

    @property
    def name(self) -> str:
        """The name of the node."""
        return self.node.name

    def __repr__(self) -> str:
        return f"<{'states' if self.children else 'state'} of {self.node.name}>"


class ChildOf:
    """One child of a mapped node, by which a person releases it: ``run.resume({node[3]: RESUME(...)})``.

    Attributes:
        whole: The stand-in of the mapped node.
        node: The mapped node.
        index: The child's position, from 0.
    """

    __slots__ = ("index", "node", "whole")

    def __init__(self, whole: StandIn, node: Node, index: int) -> None:
        self.whole: StandIn = whole
        self.node: Node = node
        self.index: int = index

    @property
    def name(self) -> str:
        """The name of the child: ``load[3]``."""
        return name_of(self.node.name, self.index)

    def __repr__(self) -> str:
        return f"<child {self.name}>"


Source = Node | Parameter | StateOf | ChildOf


class StandIn:
    """Returned by a call in a flow in place of a value. It can be passed to another call; any other use is refused."""

    __slots__ = ("_source",)

    def __init__(self, source: Source) -> None:
        _set_source(self, source)  # past __setattr__, which would be the slowest part

    @override
    def __repr__(self) -> str:
        return repr(self._source)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)  # for protocols and tools the class answers
        raise NodeUseError(self._source.name, f".{name}")

    def __setattr__(self, name: str, value: object) -> None:
        if name != "_source":
            raise NodeUseError(self._source.name, f".{name} = ...")
        object.__setattr__(self, name, value)

    def __getitem__(self, index: object) -> StandIn:
        """Return a stand-in for one child of a mapped node, once its flow is built; refuse any other use."""
        source = source_of(self)
        if isinstance(source, Node) and source.is_mapped and isinstance(index, int) and building.get() is None:
            return StandIn(ChildOf(self, source, index))
        raise NodeUseError("?" if source is None else source.name, "[...]")

    @override
    def __hash__(self) -> int:
        return object.__hash__(self)


_set_source = StandIn.__dict__["_source"].__set__


def source_of(value: object) -> Source | None:
    """Return the source of a stand-in; None for any other value."""
    return value._source if isinstance(value, StandIn) else None  # pyright: ignore[reportPrivateUsage]


def _refusing(use: str) -> Callable[..., NoReturn]:
    def refuse(self: StandIn, *others: object) -> NoReturn:
        source = source_of(self)
        raise NodeUseError("?" if source is None else source.name, use)

    return refuse


# Operations that a stand-in refuses; an in-place operator falls back to the plain one, which is refused.
_UNARY = {
    "__bool__": "if ...", "__iter__": "iteration", "__next__": "next()", "__reversed__": "reversed()",
    "__len__": "len()", "__int__": "int()", "__float__": "float()", "__complex__": "complex()",
    "__index__": "an index", "__bytes__": "bytes()", "__str__": "str()", "__format__": "formatting",
    "__round__": "round()", "__trunc__": "trunc()", "__floor__": "floor()", "__ceil__": "ceil()", "__neg__": "-",
    "__pos__": "+", "__abs__": "abs()", "__invert__": "~", "__fspath__": "a path",
    "__call__": "a call", "__setitem__": "[...] = ...", "__delitem__": "del [...]",
    "__contains__": "in", "__eq__": "==", "__ne__": "!=", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=",
    "__enter__": "with", "__exit__": "with", "__aenter__": "async with", "__aexit__": "async with",
    "__await__": "await", "__aiter__": "async for", "__anext__": "async for",
}  # fmt: skip
_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "divmod": "divmod()", "pow": "**",
    "matmul": "@", "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
}  # fmt: skip
for _method, _use in _UNARY.items():
    setattr(StandIn, _method, _refusing(_use))
for _name, _use in _BINARY.items():
    setattr(StandIn, f"__{_name}__", _refusing(_use))
    setattr(StandIn, f"__r{_name}__", _refusing(_use))
