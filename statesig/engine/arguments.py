"""What tasks are called with: the values of others, states in place of values, parameters, and the items of a map.

Nothing here calls or decides; what a function cannot be given is an exception of making its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, cast

from statesig.engine.decisions import value_of
from statesig.engine.noderuns import Item
from statesig.graph.nodes import Node, Parameter, StateOf, is_container, rebuilt
from statesig.states import Mapped, State, is_mapped

__all__ = ["Inputs"]


class Inputs:
    """The arguments of a run's tasks, made of what has become of others.

    Args:
        items: The items of the flow's nodes, in their order.
        parameters: The values of the flow's parameters.
    """

    def __init__(self, items: Sequence[Item], parameters: Mapping[str, Any]) -> None:
        self._items = items
        self._parameters = parameters

    def arguments(self, item: Item) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what an item's function is called with: its positional arguments, and those by name."""
        node = item.node
        if item.parent is not None:
            args: tuple[Any, ...] = (item.value if item.source is None else value_of(item.source),)
        else:
            args = tuple([self._resolved(arg) for arg in node.args])
        if not node.kwargs:
            return args, {}
        return args, {name: self._resolved(arg) for name, arg in node.kwargs.items()}

    def upstream(self, item: Item) -> list[State[Any]]:
        """Return the states that an item's trigger looks at; of a child's, that of the child it is mapped over."""
        node = item.node
        items = self._items
        states = [items[source.index].state for source in node.upstream]
        if item.source is not None:
            states[node.upstream.index(node.mapped)] = item.source
        return states

    def expands_by_child(self, node: Node) -> bool:
        """Tell whether each child of a mapped node is decided by itself, since it is mapped over other children."""
        source: object = node.mapped
        return isinstance(source, Node) and isinstance(self._items[source.index].state, Mapped)

    def children(self, item: Item) -> list[Item]:
        """Return a mapped item's children, each with what it is called with."""
        node = item.node
        children: list[Item] = []
        if self.expands_by_child(node):
            mapped = self._items[cast("Node", node.mapped).index].state
            for index, source in enumerate(mapped.children if is_mapped(mapped) else ()):
                child = item.child(index)
                child.source = source
                children.append(child)
            return children
        values = self._resolved(node.mapped)
        if isinstance(values, Set):
            raise TypeError("what is mapped over has an order, which a set has not; return sorted(...)")
        for index, value in enumerate(values):
            child = item.child(index)
            child.value = value
            children.append(child)
        return children

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
        return rebuilt(arg, self._all_resolved) if is_container(arg) else arg

    def _all_resolved(self, args: Iterable[Any]) -> list[Any]:
        return [self._resolved(arg) for arg in args]

    def _state_taken(self, taken: StateOf) -> State[Any] | list[State[Any]]:
        state = self._items[taken.node.index].state
        if not taken.children:
            return state
        return list(state.children) if is_mapped(state) else []
