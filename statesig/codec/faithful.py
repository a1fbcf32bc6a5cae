"""Tell whether a value reads back unchanged from its JSON, and where it does not.

This module must only inspect values; the codec decides whether to refuse them.
"""

from __future__ import annotations

import marshal
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json

from statesig.states import equality
from statesig.states.generics import kind_of

__all__ = ["MAX_DIGITS", "SCALARS", "difference", "is_finite", "is_plain", "offences", "shown"]

SCALARS = frozenset({str, int, bool, type(None)})
"""The classes whose every value reads back from JSON, within `MAX_DIGITS` and valid Unicode."""

MAX_DIGITS = 4_300
"""The longest whole number, in digits, that CPython and the parser read."""

_KEYS = frozenset({str})
_SMALL = 8
_FIRST_TOO_LONG = 10**MAX_DIGITS


def is_plain(result: Any, written: bytes) -> bool:
    """Tell whether an undeclared result consists of JSON's kinds (exact classes, text keys) and reads back.

    Args:
        result: The result.
        written: The state's JSON, with the result under ``result``.
    """
    cls = kind_of(result)
    if cls is float:
        return math.isfinite(result)
    if cls is not list and cls is not dict:
        return cls in SCALARS
    if len(result) <= _SMALL and _is_flat(result, cls):
        return True
    try:
        # marshal refuses all but the exact built-in classes, at the speed of C; of those, only JSON's classes equal
        # the value that is read back.
        marshal.dumps(result)
        return bool(from_json(written, allow_inf_nan=False, cache_strings="keys")["result"] == result)
    except (ValueError, TypeError, RecursionError):
        return False


def _is_flat(result: Any, cls: type) -> bool:
    """Tell whether a list or dict holds only scalars, under text keys; for few items a loop is faster than sets."""
    items: Iterable[object] = result
    if cls is dict:
        for key in items:
            if type(key) is not str:
                return False
        items = result.values()
    for item in items:
        of = type(item)
        if of is not int and of is not str and of not in SCALARS:
            return False
    return True


def is_finite(result: Any) -> bool:
    """Tell whether a quick look shows that a result just read has JSON's kinds and finite numbers only.

    False means unknown: the caller must look closer.
    """
    cls = kind_of(result)
    if cls is list or cls is dict:
        if len(result) <= _SMALL and _is_flat(result, cls):
            return True
        try:
            packed = marshal.dumps(result)
        except ValueError:
            return False
        return not any(packed.find(pattern) >= 0 for pattern in _NON_FINITE)
    return cls is float and math.isfinite(result)


# Infinity and the NaN that parsers make, of either sign, as marshal writes them: eight bytes, little-endian.
_NON_FINITE = tuple(bytes(6) + high for high in (b"\xf0\x7f", b"\xf0\xff", b"\xf8\x7f", b"\xf8\xff"))


def difference(one: Any, other: Any) -> str | None:
    """Return the path at which two values differ in class or value, or None; the order of a mapping's keys counts."""
    steps = equality.difference(one, other, ordered=True)
    return None if steps is None else "".join(map(_step, steps)).lstrip(".")


def _step(step: equality.Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    name = step if isinstance(step, str) else next(iter(step), None)
    return "" if step == () else f".{shown(name)}"


def offences(fields: Mapping[str, Any], max_depth: int, *, free: str | None) -> Iterator[tuple[str, str]]:
    """Yield the path and the reason of each part of a state's fields that would not read back.

    Args:
        fields: Values by name.
        max_depth: The deepest nesting, counting the state itself as one level.
        free: The field without a declared type, which may hold only JSON's kinds.
    """
    for name, value in fields.items():
        yield from _offences(value, name, max_depth - 1, name == free)


def _offences(value: Any, path: str, depth: int, free: bool) -> Iterator[tuple[str, str]]:
    cls = kind_of(value)
    reason = _reason(value, cls)
    if reason is not None:
        yield path, reason
    elif cls in (list, dict) and depth < 1:
        yield path, "nested too deep"
    elif cls is dict and free and not set(map(type, value)) <= _KEYS:
        yield path, "JSON's keys are text, and a key is not"
    elif issubclass(cls, dict) and (cls is dict or not free):
        for key, item in value.items():
            yield from _offences(key, f"{path}.{shown(key)}", depth, False)
            yield from _offences(item, f"{path}.{shown(key)}", depth - 1, free)
    elif issubclass(cls, (list, tuple)) and (cls is list or not free):
        for index, item in enumerate(value):
            yield from _offences(item, f"{path}[{index}]", depth - 1, free)
    elif issubclass(cls, BaseModel) and not free:
        yield from _offences(dict(value), path, depth, free)
    elif free and cls is not float and cls not in SCALARS:
        name = cls.__name__
        yield path, f"a value of class {name} is not JSON; declare the result's type, as in Success[{name}]"


def _reason(value: Any, cls: type[Any]) -> str | None:
    if issubclass(cls, str) and not _is_unicode(value):
        return "text with a lone surrogate is not valid Unicode"
    if issubclass(cls, int) and abs(value) >= _FIRST_TOO_LONG:
        return f"whole numbers past {MAX_DIGITS:,} digits do not read back"
    if issubclass(cls, bytes) and not _is_utf8(value):
        return "bytes that are not UTF-8 have no JSON form"
    if issubclass(cls, float) and not math.isfinite(value):
        return "NaN and infinities are not JSON"
    if issubclass(cls, (datetime, time)) and value.fold and value.utcoffset() is None:
        return "JSON cannot say the fold of a time without an offset from UTC; give it its time zone"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeError:
        return False
    return True


def shown(key: object) -> str:
    """Return a key that is a short identifier, else ``?``: any other key may be a payload value."""
    return key if isinstance(key, str) and key.isidentifier() and len(key) <= 40 else "?"
