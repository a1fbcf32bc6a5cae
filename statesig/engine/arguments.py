"""The arguments of a run's tasks: values and states of others, parameters, constants, and the items of a map.

Constants and parameters that may change are copied for each attempt; the results of other tasks are handed on as they
are. Nothing here calls a task or decides about it. An argument that cannot be made raises an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, cast

from statesig.engine.decisions import value_of
from statesig.engine.noderuns import NodeRun
from statesig.graph.nodes import Node, Parameter, StateOf
from statesig.graph.templates import Template, fresh, snapshot
from statesig.states import Finished, Mapped, State, is_mapped

__all__ = ["Arguments"]


class Arguments:
    """Makes the arguments of tasks.

    Args:
        noderuns: The tasks of the run, in the order of the flow.
        parameters: The values of the flow's parameters.
    """

    def __init__(self, noderuns: Sequence[NodeRun], parameters: Mapping[str, Any]) -> None:
        self._noderuns = noderuns
        self._parameters = {name: snapshot(value) for name, value in parameters.items()}

    def of(self, noderun: NodeRun) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and the keyword arguments of a task's call."""
        node = noderun.node
        if noderun.parent is not None:
            args: tuple[Any, ...] = (
                self._resolved(noderun.value) if noderun.source is None else value_of(noderun.source),
            )
        else:
            args = tuple([self._resolved(arg) for arg in node.args])
        if not node.kwargs:
            return args, {}
        return args, {name: self._resolved(arg) for name, arg in node.kwargs.items()}

    def upstream(self, noderun: NodeRun) -> list[State[Any]]:
        """Return the states that a task's trigger looks at; for a child, that of the child it is mapped over."""
        node = noderun.node
        noderuns = self._noderuns
        states = [noderuns[source.index].state for source in node.upstream]
        if noderun.source is not None:
            states[node.upstream.index(node.mapped)] = noderun.source
        return states

    def expands_by_child(self, node: Node) -> bool:
        """Tell whether each child of a mapped task is decided by itself, since it is mapped over other children."""
        source: object = node.mapped
        return isinstance(source, Node) and isinstance(self._noderuns[source.index].state, Mapped)

    def awaits_items(self, node: Node) -> bool:
        """Tell whether a mapped task is mapped over a task that is not final.

        Until then nobody knows whether its children are decided one by one, so nothing is decided about it: else the
        order of arrival would tell a failure of the whole from failures of its children.
        """
        source: object = node.mapped
        return isinstance(source, Node) and not isinstance(self._noderuns[source.index].state, Finished)

    def children(self, noderun: NodeRun) -> list[NodeRun]:
        """Return a mapped task's children, each with the argument of its call."""
        node = noderun.node
        children: list[NodeRun] = []
        if self.expands_by_child(node):
            mapped = self._noderuns[cast("Node", node.mapped).index].state
            for index, source in enumerate(mapped.children if is_mapped(mapped) else ()):
                child = noderun.child(index)
                child.source = source
                children.append(child)
            return children
        for index, value in enumerate(self._items(node.mapped)):
            child = noderun.child(index)
            child.value = value
            children.append(child)
        return children

    def _items(self, mapped: Any) -> Iterable[Any]:
        """Return the items of a map, each as a node keeps an argument."""
        if not isinstance(mapped, (Node, Parameter, StateOf)):
            return cast("list[Any]", mapped)  # as `Graph.map` made it
        values = self._resolved(mapped)
        if isinstance(values, Set):
            raise TypeError("a set has no order, which a map needs; return sorted(...)")
        return map(snapshot, values) if isinstance(mapped, Parameter) else values

    def _resolved(self, arg: Any) -> Any:
        """Return the value of an argument."""
        kind: type[Any] = type(arg)  # pyright: ignore[reportUnknownVariableType]  # called for each argument
        if kind is Node:
            index: int = arg.index
            return value_of(self._noderuns[index].state)
        if kind is Template:
            return arg.made(self._resolved)
        if kind is Parameter:
            return fresh(self._parameters[arg.name])
        if kind is StateOf:
            return self._state_taken(arg)
        return arg

    def _state_taken(self, taken: StateOf) -> State[Any] | list[State[Any]]:
        state = self._noderuns[taken.node.index].state
        if not taken.children:
            return state
        return list(state.children) if is_mapped(state) else []
