"""Open states that are made of others: a mapped task's children, the state that a meta-state wraps.

Kinds, combinations and triggers look inside states through this module only, so that they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from statesig.states import MapCancelled, MapFailed, Mapped, MetaState, State, Success
from statesig.states.generics import PerClass

__all__ = ["is_composite", "leaves", "walk"]

_SUCCESS: Final = Success()


def _holds_states(cls: type[State[Any]]) -> bool:
    return issubclass(cls, (MetaState, Mapped, MapFailed, MapCancelled))


_is_composite = PerClass(_holds_states)


def is_composite(kind: type[State[Any]]) -> bool:
    """Tell whether the states of a class are made of others."""
    return _is_composite[kind]


def walk(states: Iterable[State[Any]]) -> Iterator[tuple[State[Any], bool]]:
    """Yield states and the states inside them, outermost first, and whether each is a leaf: not made of others.

    An empty Mapped counts as holding one Success. States may be nested as deep as memory allows.
    """
    for outer in states:
        waiting = [outer]
        while waiting:
            state = waiting.pop()
            is_leaf = not _is_composite[type(state)]
            yield state, is_leaf
            if isinstance(state, MetaState):
                waiting.append(state.state)
            elif not is_leaf:
                children: tuple[State[Any], ...] = state.__dict__["children"] or (_SUCCESS,)
                waiting.extend(reversed(children))


def leaves(states: Iterable[State[Any]]) -> Iterator[State[Any]]:
    """Yield the leaves among the states that `walk` yields."""
    return (state for state, is_leaf in walk(states) if is_leaf)
