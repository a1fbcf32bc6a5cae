"""What the type parameters of a state class are, and what a descendant makes of those of its family.

This module reads what pydantic and typing keep of generic classes; it must not know what a state is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

__all__ = ["args_of", "kind_of", "origin_of", "packed", "parent_of", "specialised", "unpacked"]


def kind_of(value: object) -> type[Any]:
    """Return the class of a value: what it is, whatever it says of its class, and to a checker any class."""
    return type(value)


def origin_of(cls: Any) -> Any:
    """Return the class that was parametrised, or the class itself: ``Success`` for ``Success[int]``.

    Of a class that is no model it is the class itself, too.
    """
    metadata = getattr(cls, "__pydantic_generic_metadata__", None)
    return (metadata and metadata["origin"]) or cls


def args_of(cls: Any) -> tuple[Any, ...]:
    """Return the arguments of a parametrised class: ``(int,)`` for ``Success[int]``, ``()`` for ``Success``."""
    args: tuple[Any, ...] = cls.__pydantic_generic_metadata__["args"]
    return args


def specialised(origin: Any, family: Any) -> Any:
    """Return a descendant as a family's arguments make it, or None where they contradict its own.

    ``specialised(Skipped, Finished[int])`` is ``Skipped[int]``; of ``class IntOnly(Success[int])`` it is ``IntOnly`` in
    ``Finished[int]`` and None in ``Finished[str]``.
    """
    asked = args_of(family)
    if not asked or any(isinstance(arg, TypeVar) for arg in asked):
        return origin
    bound: dict[Any, Any] = {}
    template = _seen_from(origin, origin_of(family))
    if not all(_unify(part, arg, bound) for part, arg in zip(template, asked, strict=True)):
        return None
    parameters = origin.__pydantic_generic_metadata__["parameters"]
    return origin[tuple(bound.get(parameter, Any) for parameter in parameters)] if parameters else origin


def parent_of(cls: type[Any]) -> Any:
    """Return the state class that a state class is directly derived from."""
    return next(base for base in cls.__bases__ if isinstance(base, type(cls)))


def _seen_from(cls: type[Any], family: type[Any]) -> tuple[Any, ...]:
    """Return the family's type parameters in terms of a descendant's own."""
    if cls is family:
        return tuple(cls.__pydantic_generic_metadata__["parameters"])
    parent = parent_of(cls)
    origin = origin_of(parent)
    inner = _seen_from(origin, family)
    if parent is origin:
        return inner
    given = dict(zip(origin.__pydantic_generic_metadata__["parameters"], args_of(parent), strict=True))
    return tuple(_substituted(part, given) for part in inner)


def _substituted(part: Any, given: Mapping[Any, Any]) -> Any:
    if isinstance(part, TypeVar):
        return given.get(part, part)
    parameters = getattr(part, "__parameters__", ())
    return part[tuple(given.get(parameter, parameter) for parameter in parameters)] if parameters else part


def _unify(template: Any, arg: Any, bound: dict[Any, Any]) -> bool:
    """Bind the template's type variables so that it equals the argument; False where it cannot."""
    if isinstance(template, TypeVar):
        return bool(bound.setdefault(template, arg) == arg)
    if not getattr(template, "__parameters__", ()):
        return bool(template == arg) or arg in (Any, object)
    parts: tuple[Any, ...] = getattr(template, "__args__", ())
    others: tuple[Any, ...] = getattr(arg, "__args__", ())
    same: bool = getattr(template, "__origin__", template) == getattr(arg, "__origin__", arg)
    return same and len(parts) == len(others) and all(map(_unify, parts, others, [bound] * len(parts)))


class _Packed(NamedTuple):
    """A type with a parametrised state somewhere in it, in parts that a pickle can name."""

    origin: Any
    args: tuple[Any, ...]


def packed(arg: Any) -> Any:
    """Return a type as it is, or in parts where a parametrised class in it has no importable name."""
    if hasattr(arg, "__tag__"):
        args = args_of(arg)
        return _Packed(origin_of(arg), tuple(map(packed, args))) if args else arg
    parts = tuple(map(packed, get_args(arg)))
    if not any(isinstance(part, _Packed) for part in parts):
        return arg
    return _Packed(Union if isinstance(arg, UnionType) else get_origin(arg), parts)


def unpacked(arg: Any) -> Any:
    """Return the type that `packed` took apart."""
    return arg.origin[tuple(map(unpacked, arg.args))] if isinstance(arg, _Packed) else arg
