"""Compare and hash values exactly: the one rule by which states are equal.

Two values are the same if they are one object, or of one class and alike:

* lists, tuples, deques, dictionaries and sets by their items, keys too, at every depth;
* models and dataclasses by their fields, whatever their own ``==`` says;
* signals by the states they carry;
* states by their class without parameters, by their fields, and by whether a result was given;
* times by their instant or, where they have no offset from UTC, by what they say and their fold;
* all others by their ``==``. Values that cannot be compared, as arrays, differ unless they are one object.

So ``1``, ``1.0`` and ``True`` differ, a NaN is the same only as itself, and no comparison raises an `Exception`.
Values that are the same have one hash. Nothing here may change a value or know the name of a state.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sized
from dataclasses import is_dataclass
from datetime import datetime, time
from typing import Any, Final

from pydantic import BaseModel

from statesig.states.generics import kind_of, origin_of

__all__ = ["Step", "are_alike", "difference", "digest", "same"]

Step = int | str | tuple[object, ...]
"""A step from a value to its part: a position, the name of a field, or ``(key,)``; ``()`` for an item of a set."""

_Pair = tuple[Step, Any, Any]

_ATOMS: Final = frozenset({str, int, float, bool, bytes, type(None)})
_PLAINLY_HASHED: Final = _ATOMS - {int}
_TIMES: Final = frozenset({datetime, time})
_EMPTY: Final = ()
_MISSING: Final = object()

_DEEPEST = 100
_LARGEST = 1 << 60


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, by the rule of this module."""
    return difference(one, other) is None


def are_alike(one: BaseModel, other: BaseModel) -> bool:
    """Return ``same(one, other)`` for two states; sooner than `same` where their fields are text, numbers and None."""
    mine, theirs = one.__dict__, other.__dict__
    if len(mine) != len(theirs):
        return same(one, other)
    for name, value in mine.items():
        its = theirs.get(name, _MISSING)
        if value is not its:
            cls = kind_of(value)
            if cls not in _ATOMS or cls is not kind_of(its):
                return same(one, other)
            if value != its:
                return False
    cls, its_cls = type(one), type(other)
    given = ("result" in one.__pydantic_fields_set__) == ("result" in other.__pydantic_fields_set__)
    return given and (cls is its_cls or origin_of(cls) is origin_of(its_cls))


def difference(one: Any, other: Any, *, ordered: bool = False) -> tuple[Step, ...] | None:
    """Return the steps to the first part in which two values differ; () if as a whole, None if they are the same.

    Args:
        one, other: Any values, however deep; they may contain themselves.
        ordered: Whether the order of a dictionary's keys counts.
    """
    steps: list[Step] = [()]
    opened: list[Iterator[_Pair]] = [iter([((), one, other)])]
    compared: dict[tuple[int, int], _Pair] = {}  # keeps the values alive, so that no identity is used again
    try:
        while opened:
            pair = next(opened[-1], None)
            if pair is None:
                opened.pop()
                steps.pop()
                continue
            steps[-1], mine, theirs = pair
            if mine is theirs:
                continue
            cls = kind_of(mine)
            if cls is not kind_of(theirs) and not _are_states_of_one_class(cls, kind_of(theirs)):
                break
            if cls in _ATOMS:
                if mine != theirs:
                    break
                continue
            parts = _parts(cls, mine, theirs, ordered)
            if parts is None:
                if not (_instant(mine) == _instant(theirs) if cls in _TIMES else _is_true(mine == theirs)):
                    break
            elif compared.setdefault((id(mine), id(theirs)), pair) is pair:
                opened.append(iter(parts))
                steps.append(())
    except Exception:  # code of the user's, as __eq__, ran and cannot tell
        return tuple(steps[1:])
    return tuple(steps[1:]) if opened else None


def digest(value: Any) -> int:
    """Return a hash of any value, also one that Python cannot hash; values that are the same have one digest.

    Whatever differs within `_DEEPEST` levels counts, of lists, dictionaries and sets too; a part that has no hash, such
    as an array, counts by its class and length. Like every hash it holds for this process alone.
    """
    return _digest(value, _DEEPEST, {})


# ---- the parts of two values


def _are_states_of_one_class(cls: type[Any], other: type[Any]) -> bool:
    return hasattr(cls, "__tag__") and issubclass(cls, BaseModel) and origin_of(cls) is origin_of(other)


def _is_class_of_signals(cls: type[Any]) -> bool:
    return hasattr(cls, "__state_type__") and issubclass(cls, BaseException)


def _is_true(verdict: object) -> bool:
    """Tell whether an ``==`` said yes; one that compares item by item, as an array's, says nothing."""
    return verdict is True or (not isinstance(verdict, (bool, Sized)) and bool(verdict))


def _parts(cls: type[Any], one: Any, other: Any, ordered: bool) -> Iterable[_Pair] | None:
    """Return the parts of two values of one class in pairs; None if values of the class have no parts."""
    kind = _container(cls)
    if kind is dict:
        return _items(one, other, ordered or issubclass(cls, OrderedDict))
    if kind is list:
        return _sequence(one, other)
    if kind is set:
        return _members(one, other)
    if issubclass(cls, BaseModel):
        return _fields(cls, one, other)
    if _is_class_of_signals(cls):
        return (((), one.state, other.state),)
    if is_dataclass(cls):
        return (
            (name, getattr(one, name, _MISSING), getattr(other, name, _MISSING)) for name in cls.__dataclass_fields__
        )
    return None


def _container(cls: type[Any]) -> type[Any] | None:
    """Return dict for a class of mappings, list for one of sequences, set for one of sets, else None."""
    if cls is dict or cls is list:  # the most frequent
        return cls
    if issubclass(cls, (list, tuple, deque)):
        return list
    if issubclass(cls, (set, frozenset)):
        return set
    return dict if issubclass(cls, dict) else None


_DIFFERENT: Final[tuple[_Pair, ...]] = (((), _MISSING, None),)


def _fields(cls: type[Any], one: Any, other: Any) -> Iterator[_Pair]:
    if hasattr(cls, "__tag__"):
        yield "result", "result" in one.__pydantic_fields_set__, "result" in other.__pydantic_fields_set__
    mine, theirs = one.__dict__, other.__dict__
    for name in cls.__pydantic_fields__:
        yield name, mine.get(name, _MISSING), theirs.get(name, _MISSING)
    yield (), one.__pydantic_extra__, other.__pydantic_extra__
    yield (), one.__pydantic_private__, other.__pydantic_private__


def _are_flat(one: Any, other: Any) -> bool:
    """Tell whether two sequences are the same and have no containers in them; at the speed of C."""
    classes = list(map(type, one))
    return _ATOMS.issuperset(classes) and classes == list(map(type, other)) and bool(one == other)


def _sequence(one: Any, other: Any) -> Iterable[_Pair]:
    if len(one) != len(other):
        return _DIFFERENT
    if _are_flat(one, other):
        return ()
    return ((index, *both) for index, both in enumerate(zip(one, other, strict=True)))


def _items(one: Any, other: Any, ordered: bool) -> Iterable[_Pair]:
    if len(one) != len(other):
        return _DIFFERENT
    keys, others = list(one), list(other)
    is_flat = _are_flat(keys, others)
    if is_flat and _are_flat(list(one.values()), list(other.values())):
        return ()
    if is_flat or same(keys, others):
        return (((key,), one[key], other[its]) for key, its in zip(keys, others, strict=True))
    return _DIFFERENT if ordered else _by_key(one, other)


def _by_key(one: Any, other: Any) -> Iterator[_Pair]:
    found = {_place(key): key for key in other}
    for key in one:
        its = found.get(_place(key), _MISSING)
        yield (), key, its
        yield (key,), one[key], other[its]


def _members(one: Any, other: Any) -> Iterable[_Pair]:
    if len(one) != len(other):
        return _DIFFERENT
    found = {_place(item): item for item in other}
    return (((), item, found.get(_place(item), _MISSING)) for item in one)


# ---- times


def _instant(value: Any) -> tuple[object, ...]:
    """Return what a time means; times that mean the same have equal and equally hashed tuples.

    Python says that an hour which a clock shows twice is never the same in another zone, and its hash has no fold.
    """
    offset = value.utcoffset()
    said = value.replace(fold=0)
    if offset is None:
        return said, value.fold
    return (said if isinstance(said, time) else said.replace(tzinfo=None) - datetime.min - offset,)


def _place(key: Any) -> Any:
    """Return the place of a dictionary's key, or of a set's item, among others."""
    cls = kind_of(key)
    return (cls, _instant(key)) if cls in _TIMES else key


# ---- hashes


def _digest(value: Any, depth: int, known: dict[tuple[int, int], tuple[Any, int]]) -> int:
    cls = kind_of(value)
    if cls in _PLAINLY_HASHED or value is _EMPTY:
        return hash(value)
    if cls is int:
        # Python's own hash of large numbers repeats, so that a document could make all states collide.
        is_small = -_LARGEST < value < _LARGEST
        return hash(value if is_small else value.to_bytes(value.bit_length() // 8 + 1, signed=True))
    if depth == 0:
        return hash(origin_of(cls))
    found = known.get((id(value), depth))
    if found is None:
        # The value is kept with its hash, so that its identity is not used again.
        found = known[id(value), depth] = value, _hash_of_parts(cls, value, depth - 1, known)
    return found[1]


def _hash_of_parts(cls: type[Any], value: Any, depth: int, known: dict[tuple[int, int], tuple[Any, int]]) -> int:
    try:
        kind = _container(cls)
        if kind is dict:
            keys = [_digest(key, depth, known) for key in value]
            return hash(frozenset(zip(keys, [_digest(item, depth, known) for item in value.values()], strict=True)))
        if kind is not None:
            items = [_digest(item, depth, known) for item in value]
            return hash(frozenset(items) if kind is set else tuple(items))
        if issubclass(cls, BaseModel):
            given = hasattr(cls, "__tag__") and "result" in value.__pydantic_fields_set__
            names: Iterable[str] = cls.__pydantic_fields__
            fields = [_digest(value.__dict__.get(name), depth, known) for name in names]
            return hash((origin_of(cls), given, *fields, _digest(value.__pydantic_extra__, depth, known)))
        if is_dataclass(cls):
            fields = [_digest(getattr(value, name, None), depth, known) for name in cls.__dataclass_fields__]
            return hash((cls, *fields))
        if _is_class_of_signals(cls):
            return hash((cls, _digest(value.state, depth, known)))
        return hash(_instant(value) if cls in _TIMES else value)
    except RecursionError:
        raise  # depends on the caller's stack, and a hash must not
    except Exception:  # code of the user's, as __hash__, ran and cannot tell
        return hash((cls, _length(value)))


def _length(value: Any) -> int:
    try:
        return len(value)
    except Exception:  # it has none, or cannot tell
        return -1
