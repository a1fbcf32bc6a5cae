"""Containers: their parts, a copy of them, and the same container with other parts.

A container is an instance of a built-in class of them, a deque, a dataclass, a model, or of a subclass; so is, without
parts, an object whose class defines ``__deepcopy__``. Nothing here knows a node, and no container is changed.
"""

from __future__ import annotations

import copy
import operator
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from pydantic import BaseModel

from statesig.states.generics import kind_of

__all__ = ["CLOSED", "EXACT", "PLAIN", "TANGLED", "Kind", "Tangled", "container_kind", "fields_of"]

PLAIN: Final[frozenset[type[Any]]] = frozenset(
    {type(None), bool, int, float, complex, str, bytes, date, datetime, time, timedelta, Decimal, UUID, range}
)
"""Classes whose values never change and hold nothing: cheaper to know than to look."""

CLOSED: Final[tuple[type[Any], ...]] = (
    type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, Enum, PurePath,
)  # fmt: skip
"""Values of these classes are no containers, and are not looked into."""


class Kind(NamedTuple):
    """What the containers of a class have in common with others.

    Args:
        parts: Returns the parts of a container, in a new list: of one with keys or names these, and then the values.
        copied: Returns a copy of a container with the same parts.
        rebuilt: Returns a copy of a container with other parts; it may keep the list of them.
        is_fixed: Tells whether a container never changes if its parts never do.
        brackets: ``[]`` if parts have positions, ``{}`` if they have none, ``.`` if they have keys or names.
        keeps_keys: Whether no key or name may be replaced.
        has_more: Whether a container may have attributes beside its parts.
    """

    parts: Callable[[Any], list[Any]]
    copied: Callable[[Any], Any]
    rebuilt: Callable[[Any, list[Any]], Any]
    is_fixed: Callable[[Any], bool]
    brackets: str
    keeps_keys: bool = False
    has_more: bool = False

    def is_exact(self, value: Any, parts: list[Any], whole: Any, opened: Mapping[int, Any]) -> bool:
        """Tell whether a container's copy, with parts at some positions replaced, is the container but for these.

        Args:
            value: The container.
            parts: Its parts.
            whole: Its copy.
            opened: The parts to replace, by position.
        """
        if whole is value and not self.is_fixed(value):
            return False  # its class wants it to be shared
        if not self._is_same(value, parts, whole):
            return False
        if self.keeps_keys and any(index < len(parts) // 2 for index in opened):
            return False  # other keys may be equal, and only a plain mapping is known to take the last of them
        return not opened or self._is_same(value, parts, self.rebuilt(whole, list(parts)))

    def _is_same(self, value: Any, parts: list[Any], other: Any) -> bool:
        """Tell whether another container has the class and the very parts of the first."""
        theirs = self.parts(other)
        if kind_of(other) is not kind_of(value) or len(theirs) != len(parts):
            return False
        if self.brackets == "{}":
            return {id(part) for part in theirs} == {id(part) for part in parts}
        return all(map(operator.is_, theirs, parts))

    def label(self, parts: list[Any], index: int) -> str:
        """Return the place of a part, as in a path; a key that is no short name may be a payload, and is not shown."""
        if self.brackets != ".":
            return f"[{index}]" if self.brackets == "[]" else "{...}"
        if index < len(parts) // 2:
            return "[a key]"
        key = parts[index - len(parts) // 2]
        return f".{key}" if isinstance(key, str) and key.isidentifier() and len(key) <= 40 else "[?]"


class Tangled(NamedTuple):
    """A container in which another occurs twice, or that holds itself.

    Args:
        value: The container.
        shared: What a copy of it shares with it, by identity.
    """

    value: Any
    shared: Mapping[int, Any]


def container_kind(cls: type[Any]) -> Kind | None:
    """Return what a class has in common with other classes of containers; None if it is not one of them."""
    found = EXACT.get(cls)
    if found is not None or issubclass(cls, CLOSED):
        return found
    for base, kind in _DERIVED:
        if issubclass(cls, base):
            return kind
    if hasattr(cls, "__dataclass_fields__") or hasattr(cls, "__attrs_attrs__"):
        return _RECORD
    return _WHOLE if hasattr(cls, "__deepcopy__") or issubclass(cls, bytearray) else None


def fields_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an instance by name, those in slots too."""
    state: Any = object.__getstate__(value)
    if not isinstance(state, tuple):
        return dict(state or {})
    held, slots = cast("tuple[Any, Any]", state)  # as `object` returns it for a class with slots
    return {**(held or {}), **slots}


# ---- each kind: its parts, and a container with others

# Their own methods, past those of a subclass, are called: a Counter's would count the pairs.
_Tuple: Any = tuple
_Frozenset: Any = frozenset
_List: Any = list
_Set: Any = set
_Deque: Any = deque


def _pairs(value: Mapping[Any, Any]) -> list[Any]:
    return [*value, *value.values()]


def _split(parts: list[Any]) -> Iterator[tuple[Any, Any]]:
    middle = len(parts) // 2
    return zip(parts[:middle], parts[middle:], strict=True)


def _list(whole: Any, parts: list[Any]) -> Any:
    if type(whole) is list:
        return parts
    made = copy.copy(whole)
    _List.__setitem__(made, slice(None), parts)
    return made


def _tuple(whole: Any, parts: list[Any]) -> Any:
    return _with_fields(_Tuple.__new__(kind_of(whole), parts), whole)


def _frozenset(whole: Any, parts: list[Any]) -> Any:
    return _with_fields(_Frozenset.__new__(kind_of(whole), parts), whole)


def _with_fields(made: Any, whole: Any) -> Any:
    for name, value in fields_of(whole).items():
        object.__setattr__(made, name, value)
    return made


def _set(whole: Any, parts: list[Any]) -> Any:
    made = copy.copy(whole)
    _Set.clear(made)
    _Set.update(made, parts)
    return made


def _deque(whole: Any, parts: list[Any]) -> Any:
    made = copy.copy(whole)
    _Deque.clear(made)
    _Deque.extend(made, parts)
    return made


def _dict(whole: Any, parts: list[Any]) -> Any:
    made = copy.copy(whole)
    base: Any = OrderedDict if issubclass(kind_of(whole), OrderedDict) else dict
    base.clear(made)
    for key, value in _split(parts):
        base.__setitem__(made, key, value)
    return made


def _fields(value: Any) -> list[Any]:
    return _pairs(fields_of(value))


def _record(whole: Any, parts: list[Any]) -> Any:
    made = copy.copy(whole)
    for name, value in _split(parts):
        object.__setattr__(made, name, value)
    return made


def _stores(model: Any) -> list[dict[str, Any]]:
    """Return the mappings in which a model keeps its fields, the extra ones and the private ones."""
    return [model.__dict__, model.__pydantic_extra__ or {}, model.__pydantic_private__ or {}]


def _model_fields(value: Any) -> list[Any]:
    stores = _stores(value)
    return [*(name for store in stores for name in store), *(held for store in stores for held in store.values())]


def _model(whole: Any, parts: list[Any]) -> Any:
    made = copy.copy(whole)
    stores = _stores(made)
    for name, value in _split(parts):
        next(store for store in stores if name in store)[name] = value
    return made


def _no_parts(value: object) -> list[Any]:
    return []


def _deep(whole: Any, parts: list[Any]) -> Any:
    return copy.deepcopy(whole)


def _tangled(whole: Tangled) -> Any:
    return copy.deepcopy(whole.value, dict(whole.shared))


def _itself(value: Any) -> Any:
    return value


def _always(value: object) -> bool:
    return True


def _never(value: object) -> bool:
    return False


def _is_frozen(value: Any) -> bool:
    return bool(getattr(getattr(kind_of(value), "__dataclass_params__", None), "frozen", False))


def _is_frozen_model(value: Any) -> bool:
    return bool(kind_of(value).model_config.get("frozen"))


_DICT: Final = Kind(_pairs, copy.copy, _dict, _never, ".")
_RECORD: Final = Kind(_fields, copy.copy, _record, _is_frozen, ".", keeps_keys=True)
_MODEL: Final = Kind(_model_fields, copy.copy, _model, _is_frozen_model, ".", keeps_keys=True)
_WHOLE: Final = Kind(_no_parts, copy.deepcopy, _deep, _never, "[]")
TANGLED: Final = Kind(_no_parts, _tangled, _deep, _never, "[]")
"""The kind of a `Tangled`, which is copied as a whole."""

EXACT: Final[dict[type[Any], Kind]] = {
    list: Kind(list, copy.copy, _list, _never, "[]"),
    tuple: Kind(list, _itself, _tuple, _always, "[]"),
    dict: _DICT,
    set: Kind(list, copy.copy, _set, _never, "{}"),
    frozenset: Kind(list, _itself, _frozenset, _always, "{}"),
    deque: Kind(list, copy.copy, _deque, _never, "[]"),
    OrderedDict: _DICT,
    defaultdict: _DICT,
}
"""The kinds of the classes whose copies need no check."""

_DERIVED: Final[tuple[tuple[type[Any], Kind], ...]] = (
    (BaseModel, _MODEL),
    (SimpleNamespace, _RECORD),
    *((base, EXACT[base]._replace(has_more=True)) for base in (list, tuple, set, frozenset, deque)),
    (dict, _DICT._replace(keeps_keys=True, has_more=True)),
)
