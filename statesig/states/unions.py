"""Closed unions of states, such as ``Draft | Placed``: their members, and the choice of states that they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from statesig.states.choices import Choice
from statesig.states.generics import args_of, origin_of, substituted

__all__ = ["check_tops", "choice_of", "parts_of"]


def parts_of(asked: Any) -> Iterator[Any]:
    """Yield the members of a union, or the type alone; an alias by ``type`` (PEP 695) is what it names."""
    origin = get_origin(asked)
    if origin in (Union, UnionType):
        for part in get_args(asked):
            yield from parts_of(part)
    elif hasattr(origin, "__value__"):
        given = dict(zip(origin.__type_params__, get_args(asked), strict=False))
        for part in parts_of(origin.__value__):
            yield _given(part, given)
    elif hasattr(asked, "__value__"):
        yield from parts_of(asked.__value__)
    else:
        yield asked


def _given(part: Any, given: Mapping[Any, Any]) -> Any:
    """Return a member with the arguments of its alias in the place of the alias's type variables."""
    if not hasattr(part, "__pydantic_generic_metadata__") or not args_of(part):
        return part
    return origin_of(part)[tuple(substituted(arg, given) for arg in args_of(part))]


def choice_of(asked: Any) -> Choice | None:
    """Return the choice of states that a closed union, or an alias, means; None for another type.

    Raises:
        TypeError: The union is of states of several machines.
    """
    return None if isinstance(asked, type) else _choice_of(asked)  # a class that is out of use must not be kept


@lru_cache(maxsize=64)
def _choice_of(asked: Any) -> Choice | None:
    parts = tuple(dict.fromkeys(parts_of(asked)))
    if parts == (asked,) or not all(isinstance(part, type) and hasattr(part, "__top__") for part in parts):
        return None
    check_tops(parts)
    return Choice(" | ".join(part.__name__ for part in parts), parts, families=True)


def check_tops(kinds: Iterable[Any]) -> None:
    """Check that classes of states are of one machine, or of a run: elsewhere the same tag may be another state's.

    Args:
        kinds: The classes.

    Raises:
        TypeError: They are of several.
    """
    tops = dict.fromkeys(origin_of(kind).__top__ for kind in kinds)
    if len(tops) > 1 or None in tops:
        listed = " and ".join("several" if top is None else top.__name__ for top in tops)
        raise TypeError(f"states of one machine are asked for, not of {listed}")
