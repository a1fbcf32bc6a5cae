"""The arguments of a run's tasks: values and states of others, parameters, constants, and the items of a map.

Constants and parameters that may change are copied for each attempt; the results of other tasks are handed on as they
are. Nothing here calls a task or decides about it. An argument that cannot be made raises an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from statesig.algebra.captures import PLAIN
from statesig.engine.decisions import has_value, value_of
from statesig.engine.noderuns import NodeRun
from statesig.graph.nodes import Node, Parameter, StateOf
from statesig.graph.templates import Template, fresh, snapshot, taken_by
from statesig.states import Finished, State, has_children

__all__ = ["Arguments", "nodes_of_items"]


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
            item = noderun.value
            is_plain = noderun.source is None and type(item) in PLAIN
            args: tuple[Any, ...] = (item if is_plain else self._item_of(noderun),)
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
            mapped: Node | StateOf = node.mapped
            states[node.upstream.index(mapped if isinstance(mapped, Node) else mapped.node)] = noderun.source
        return states

    def _item_of(self, child: NodeRun) -> Any:
        over_children = child.source is not None and isinstance(child.node.mapped, Node)
        return value_of(child.value) if over_children else self._resolved(child.value)

    def awaits_items(self, noderun: NodeRun) -> bool:
        """Tell whether the items of a mapped task are not final yet.

        Until then nobody knows which children it has, so nothing is decided about it: else the order of arrival would
        tell a failure of the whole from failures of its children.
        """
        mapped: object = noderun.node.mapped
        if isinstance(mapped, (Node, StateOf)):
            return not isinstance(self._state_of(mapped), Finished)
        return isinstance(mapped, list) and noderun.inputs > 0 and bool(taken_by(noderun.node.mapped))

    def has_items(self, node: Node) -> bool:
        """Tell whether a mapped task, whose items are final, has children, each of which is judged by itself."""
        mapped: object = node.mapped
        if not isinstance(mapped, Node):
            return True
        state = self._state_of(mapped)
        return has_children(state) or has_value(state)

    def _state_of(self, source: Node | StateOf) -> State[Any]:
        node = source if isinstance(source, Node) else source.node
        return self._noderuns[node.index].state

    def children(self, noderun: NodeRun) -> list[NodeRun]:
        """Return a mapped task's children, each with its item, and with the state that it is judged by."""
        mapped: Any = noderun.node.mapped
        source: object = mapped
        if isinstance(source, list):
            return _narrowed(noderun.node, self._with_items(noderun, mapped))
        if isinstance(source, (Node, StateOf)) and self._is_over_children(mapped):
            states = self._children_of(mapped)
            children = self._with_items(noderun, states)
            for child, state in zip(children, states, strict=True):
                child.source = state
            return children
        values = self._resolved(mapped)
        if isinstance(values, Set):
            raise TypeError("a set has no order, which a map needs; return sorted(...)")
        return self._with_items(noderun, map(snapshot, values) if isinstance(source, Parameter) else values)

    def _is_over_children(self, source: Node | StateOf) -> bool:
        return source.children if isinstance(source, StateOf) else has_children(self._state_of(source))

    def _with_items(self, noderun: NodeRun, items: Iterable[Any]) -> list[NodeRun]:
        """Return the children over some items, each as a node keeps an argument."""
        children: list[NodeRun] = []
        for index, item in enumerate(items):
            child = noderun.child(index)
            child.value = item
            children.append(child)
        return children

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
        return self._children_of(taken) if taken.children else self._state_of(taken)

    def _children_of(self, source: Node | StateOf) -> list[State[Any]]:
        state = self._state_of(source)
        return list(state.children) if has_children(state) else []


def _narrowed(node: Node, children: list[NodeRun]) -> list[NodeRun]:
    for child, own in zip(children, nodes_of_items(node, [child.value for child in children]), strict=True):
        child.node = own
    return children


def nodes_of_items(node: Node, items: Sequence[Any]) -> list[Node]:
    """Return the node of each child of a map over a list: it waits for the nodes in its own item, not in others.

    Args:
        node: The mapped node.
        items: The items, as a node keeps arguments.
    """
    if not node.upstream:
        return [node] * len(items)
    taken = [taken_by((item,)) for item in items]
    inside = {source for own in taken for source in own}
    if not inside:
        return [node] * len(items)
    common = taken_by(node.kwargs.values())
    for source, takes in zip(node.upstream, node.takes, strict=True):
        if source not in inside:
            common.setdefault(source, takes)
    shared = [{source: max(takes, own.get(source, takes)) for source, takes in common.items()} for own in taken]
    return [node.narrowed({**own, **those}) for own, those in zip(taken, shared, strict=True)]
