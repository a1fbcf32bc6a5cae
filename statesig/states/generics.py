"""Type parameters of generic models, and descendants specialised by the parameters of their family.

This module reads the metadata that pydantic and typing keep of generic classes; it must not know any state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Final, Generic, NamedTuple, TypeVar, Union, get_args, get_origin

__all__ = [
    "MOST_KEPT",
    "PerClass",
    "args_of",
    "args_within",
    "kind_of",
    "origin_of",
    "packed",
    "parent_of",
    "specialised",
    "substituted",
    "unpacked",
]


FactT = TypeVar("FactT")

MOST_KEPT: Final = 512
"""The parametrised classes that are kept although nothing may use them any longer."""


class PerClass(dict[Any, FactT], Generic[FactT]):
    """A fact about each class, found at first use and kept; of parametrised classes and choices the last `most` are.

    A server that builds flows with models of their own parametrises without end.
    """

    def __init__(self, find: Callable[[Any], FactT] | None = None, *, most: int = MOST_KEPT) -> None:
        super().__init__()
        self._find = find
        self._most = most
        self._recent: deque[Any] = deque()

    def __missing__(self, cls: Any) -> FactT:
        if self._find is None:
            raise KeyError(cls)
        found = self._find(cls)
        self.keep(cls, found)
        return found

    def keep(self, cls: Any, fact: FactT) -> None:
        """Keep the fact about a class; drop the oldest about a parametrised one if these become too many."""
        is_new = cls not in self
        self[cls] = fact
        if is_new and (origin_of(cls) is not cls or not isinstance(cls, type)):
            self._recent.append(cls)
            while len(self._recent) > self._most:
                self.pop(self._recent.popleft(), None)


def kind_of(value: object) -> type[Any]:
    """Return the real class of a value, whatever its ``__class__`` claims; to type checkers, any class."""
    return type(value)


def origin_of(cls: Any) -> Any:
    """Return a class without its parameters: ``Success`` for ``Success[int]``.

    A class without parameters, or one that is not a model, is returned as it is.
    """
    metadata = getattr(cls, "__pydantic_generic_metadata__", None)
    return (metadata and metadata["origin"]) or cls


def args_of(cls: Any) -> tuple[Any, ...]:
    """Return the arguments of a parametrised class: ``(int,)`` for ``Success[int]``, ``()`` for ``Success``."""
    args: tuple[Any, ...] = cls.__pydantic_generic_metadata__["args"]
    return args


def specialised(origin: Any, family: Any) -> Any:
    """Return a descendant specialised by a family's arguments; None if they contradict its own.

    ``specialised(Skipped, Finished[int])`` is ``Skipped[int]``; ``class IntOnly(Success[int])`` stays
    ``IntOnly`` in ``Finished[int]`` and gives None in ``Finished[str]``.
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
    """Return the direct parent of a state class."""
    return next(base for base in cls.__bases__ if isinstance(base, type(cls)))


def args_within(cls: Any, family: Any) -> tuple[Any, ...]:
    """Return the arguments that a class gives its family: ``(str,)`` for ``class Approval(Paused[str])`` as a State.

    Those that it leaves open are left out.
    """
    origin = origin_of(cls)
    given = dict(zip(origin.__pydantic_generic_metadata__["parameters"], args_of(cls), strict=False))
    seen = (substituted(part, given) for part in _seen_from(origin, family))
    return tuple(arg for arg in seen if not isinstance(arg, TypeVar) and not getattr(arg, "__parameters__", ()))


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
    return tuple(substituted(part, given) for part in inner)


def substituted(part: Any, given: Mapping[Any, Any]) -> Any:
    """Return a type with the given types in the place of type variables."""
    if isinstance(part, TypeVar):
        return given.get(part, part)
    parameters = getattr(part, "__parameters__", ())
    return part[tuple(given.get(parameter, parameter) for parameter in parameters)] if parameters else part


def _unify(template: Any, arg: Any, bound: dict[Any, Any]) -> bool:
    """Bind a template's type variables so that it equals an argument; return False if that is impossible."""
    if isinstance(template, TypeVar):
        return bool(bound.setdefault(template, arg) == arg)
    if not getattr(template, "__parameters__", ()):
        return bool(template == arg) or arg in (Any, object)
    parts: tuple[Any, ...] = getattr(template, "__args__", ())
    others: tuple[Any, ...] = getattr(arg, "__args__", ())
    same: bool = getattr(template, "__origin__", template) == getattr(arg, "__origin__", arg)
    return same and len(parts) == len(others) and all(map(_unify, parts, others, [bound] * len(parts)))


class _Packed(NamedTuple):
    """A type that contains a parametrised state, split into parts that a pickle can name."""

    origin: Any
    args: tuple[Any, ...]


def packed(arg: Any) -> Any:
    """Return a type, split into parts if a parametrised class in it has no importable name."""
    if hasattr(arg, "__tag__"):
        args = args_of(arg)
        return _Packed(origin_of(arg), tuple(map(packed, args))) if args else arg
    parts = tuple(map(packed, get_args(arg)))
    if not any(isinstance(part, _Packed) for part in parts):
        return arg
    return _Packed(Union if isinstance(arg, UnionType) else get_origin(arg), parts)


def unpacked(arg: Any) -> Any:
    """Return the type that `packed` split."""
    return arg.origin[tuple(map(unpacked, arg.args))] if isinstance(arg, _Packed) else arg
