"""How states of several runs make one: kinds, their join, and the combination of states.

Severities are a table; everything here is read off it. Nothing here looks at a clock or raises a signal.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import ValidationError

from statesig.models import origin_of
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    ErrorInfo,
    Failed,
    Mapped,
    MetaState,
    Paused,
    Pending,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TriggerFailed,
)

__all__ = ["COMPLETION", "EMPTY", "Empty", "combine", "join", "kind"]


class Empty(enum.Enum):
    """The kind of no state at all: the identity of `join`."""

    EMPTY = "EMPTY"


EMPTY: Final = Empty.EMPTY

Kind = type[State[Any]] | Literal[Empty.EMPTY]

_BY_SEVERITY: tuple[type[State[Any]], ...] = (
    Skipped,
    Cached,
    Success,
    Cancelled,
    TriggerFailed,
    Failed,
    Pending,
    Scheduled,
    Paused,
    Cancelling,
    Running,
)

COMPLETION: Mapping[type[State[Any]], int] = MappingProxyType({of: rank for rank, of in enumerate(_BY_SEVERITY)})
"""The order by severity: what is still to be done outweighs what failed, and that what went well."""


def kind(state: State[Any]) -> Kind:
    """Return the kind of a state: its class without parameters.

    A meta-state is of the kind of what it wraps, a Mapped is the join of its children (Success when it has none).
    """
    if isinstance(state, MetaState):
        return kind(state.state)
    if isinstance(state, Mapped):
        return _joined(state.children) if state.children else Success
    origin: type[State[Any]] = origin_of(type(state))
    return origin


def join(one: Kind, other: Kind) -> Kind:
    """Return the more severe of two kinds; on equal severity their nearest common ancestor.

    ``join(a, b) == join(b, a)``, ``join(a, join(b, c)) == join(join(a, b), c)``, ``join(a, a) == a`` and
    ``join(EMPTY, a) == a``. The order is `COMPLETION`; a user's kind has the severity of its nearest ancestor there.
    """
    if one is EMPTY or other is EMPTY:
        return other if one is EMPTY else one
    difference = _severity(one) - _severity(other)
    if difference:
        return one if difference > 0 else other
    return next(ancestor for ancestor in one.__mro__ if issubclass(other, ancestor))


def _joined(states: Iterable[State[Any]]) -> Kind:
    joined: Kind = EMPTY
    for state in states:
        joined = join(joined, kind(state))
    return joined


def _severity(of: type[State[Any]]) -> int:
    return next(COMPLETION[ancestor] for ancestor in of.__mro__ if ancestor in COMPLETION)


def combine(states: Iterable[State[Any]], *, empty: State[Any] | None = None) -> State[Any]:
    """Return one state that stands for several: of the joined kind, or of its nearest ancestor without required fields.

    Causes are kept once each; the earliest start time and expiry and the largest counts are kept; it is retryable only
    if all failures are. A message is kept where all states of the joined kind that have one agree on it; results are
    not. ``kind(combine(xs))`` does not depend on the order of ``xs`` nor on duplicates.

    Args:
        states: Any states, in any order.
        empty: What is returned for none at all; ``Success()`` by default.
    """
    given = list(states)
    members = [member for state in given for member in _leaves(state)]
    joined = _joined(members)
    if joined is EMPTY:
        return Success() if empty is None else empty
    fields: dict[str, Any] = {"causes": tuple(dict.fromkeys(cause for state in given for cause in _causes(state)))}
    rank = _severity(joined)
    messages = {one.message for one in members if one.message is not None and _severity(type(one)) == rank}
    if len(messages) == 1:
        fields["message"] = messages.pop()
    for name, choose in _CHOICES.items():
        values = [value for member in members if (value := getattr(member, name, None)) is not None]
        if values:
            fields[name] = choose(values)
    return _constructed(joined, fields)


def _constructed(kind: Any, fields: Mapping[str, Any]) -> State[Any]:
    """Construct the nearest ancestor that asks for no fields and takes these; a user's class may restrict a field."""
    *nearest, last = (cls for cls in kind.__mro__ if _is_constructible(cls))
    for cls in nearest:
        try:
            return _filled(cls, fields)
        except ValidationError:
            continue
    return _filled(last, fields)


def _filled(cls: Any, fields: Mapping[str, Any]) -> State[Any]:
    state: State[Any] = cls(**{name: value for name, value in fields.items() if name in cls.model_fields})
    return state


_CHOICES: Mapping[str, Callable[[list[Any]], Any]] = {
    "start_time": min,
    "expires": min,
    "run_count": max,
    "loop_count": max,
    "retryable": all,
}


def _leaves(state: State[Any]) -> tuple[State[Any], ...]:
    if isinstance(state, MetaState):
        return _leaves(state.state)
    if isinstance(state, Mapped):
        return tuple(leaf for child in state.children for leaf in _leaves(child)) or (Success(),)
    return (state,)


def _is_constructible(cls: Any) -> bool:
    if not issubclass(cls, State) or cls.__pydantic_generic_metadata__["args"] or cls.__abstract__:
        return False
    return not any(field.is_required() for field in cls.model_fields.values())


def _causes(state: State[Any]) -> Iterator[ErrorInfo]:
    yield from state.causes
    inner = (state.state,) if isinstance(state, MetaState) else state.children if isinstance(state, Mapped) else ()
    for part in inner:
        yield from _causes(part)
