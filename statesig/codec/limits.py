"""Limits on the size and depth of JSON documents.

A document must be measured before any model is built from it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from statesig.codec.faithful import shown
from statesig.errors import LONGEST_TAG, DecodeError
from statesig.states.json_rules import has_non_finite

__all__ = [
    "DEFAULT_LIMITS",
    "LARGE",
    "SHORT",
    "Limits",
    "check_document",
    "excess",
    "is_modest",
    "malformation",
    "refuse_constants",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a document; one over any of them is refused before a model is built.

    Args:
        max_bytes: Bytes of UTF-8; 16 MiB by default.
        max_depth: Nested objects and arrays; 100 by default, at most 150.
        max_nodes: Values, counted as one and one more for each object, array and comma; 50,000 by default.

    Raises:
        ValueError: A limit is below 1, or `max_depth` above 150, where the parser fails.
    """

    max_bytes: int = 16 * 1024 * 1024
    max_depth: int = 100
    max_nodes: int = 50_000

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_depth, self.max_nodes) < 1 or self.max_depth > 150:
            raise ValueError("limits are at least 1, and max_depth is at most 150")


DEFAULT_LIMITS: Final = Limits()


# A document of at most this many bytes is within the default limits: each level of depth takes two bytes.
SHORT = 2 * DEFAULT_LIMITS.max_depth


# Bytes up to which counting brackets is cheap; a longer document is counted by `excess` anyway.
_MODEST = 4096


# Bytes past which a quick look for long tags and many keys pays.
LARGE = 1 << 16


_LONG_TAG = re.compile(rb'\s*\{\s*"type"\s*:\s*"[^"\\]{%d}' % (LONGEST_TAG + 1))


_BRACKETS = bytes.maketrans(b"{}", b"[]")


_NO_BRACKETS = bytes(set(range(256)) - set(b'[]{}"\\'))


def excess(data: bytes | bytearray, limits: Limits) -> str | None:
    """Return how a document exceeds the limits, or None; a count is made only if upper bounds do not decide."""
    if len(data) > limits.max_bytes:
        return f"has more than {limits.max_bytes:,} bytes"
    opened = data.count(b"[") + data.count(b"{")
    few = len(data) <= limits.max_nodes or data.count(b",") + opened < limits.max_nodes
    if few and opened <= limits.max_depth:
        return None
    if not few:
        bare = _without_strings(data)
        if bare.count(b",") + bare.count(b"[") + bare.count(b"{") >= limits.max_nodes:
            return f"has more than {limits.max_nodes:,} values"
    return f"is nested deeper than {limits.max_depth}" if _is_deeper(data, limits.max_depth) else None


def _without_strings(data: bytes | bytearray) -> bytes:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(data.split(b'"')[::2])


def _is_deeper(data: bytes | bytearray, max_depth: int) -> bool:
    """Tell whether brackets nest deeper than a limit, by removing the innermost pairs one level at a time."""
    brackets = bytes(data.translate(_BRACKETS, _NO_BRACKETS).replace(b'""', b""))
    if b'"' in brackets or b"\\" in brackets:  # some brackets are inside strings
        brackets = _without_strings(data).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(max_depth):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            return inner.count(b"[") > max_depth  # these are never closed
        brackets = inner
    return b"[" in brackets


def is_modest(data: str | bytes | bytearray) -> bool:
    """Tell whether a quick look shows that a document is within the default limits."""
    if type(data) is not bytes or len(data) > _MODEST:
        return False
    arrays = data.count(b"[")
    # An array takes two bytes and an object inside another five, as in {"":}, so one count bounds the depth.
    if 5 * arrays + (len(data) - 2 * arrays) < 5 * DEFAULT_LIMITS.max_depth:
        return True
    return arrays + data.count(b"{") <= DEFAULT_LIMITS.max_depth


def check_document(data: str | bytes | bytearray, name: str, limits: Limits, strict: bool) -> bytes | bytearray:
    """Return a document as bytes, once it is within the limits.

    Args:
        data: JSON text, or its UTF-8.
        name: The kind that was asked for, for the error.
        limits: How large the document may be.
        strict: Whether an object that has one key twice is refused, too.

    Raises:
        DecodeError: It is too large, too deep, not Unicode or, if strict, has a key twice.
    """
    if len(data) > limits.max_bytes:
        raise DecodeError(name, [("", f"the document has more than {limits.max_bytes:,} bytes")])
    if isinstance(data, str):
        try:
            data = data.encode()
        except UnicodeError:
            raise DecodeError(name, [("", "the text is not valid Unicode")]) from None
    if len(data) > LARGE and _LONG_TAG.match(data):
        raise DecodeError(name, [("type", "longer than any tag")])
    beyond = excess(data, limits)
    if beyond is not None:
        raise DecodeError(name, [("", f"the document {beyond}")])
    if strict:
        _refuse_duplicates(data, name)
    return data


class _Duplicate(Exception):
    """Ends the parse at the first duplicate key."""


def _refuse_duplicates(data: bytes | bytearray, name: str) -> None:
    try:
        _PAIRS.decode(data.decode())
    except _Duplicate as exc:
        raise DecodeError(name, [("", str(exc))]) from None
    except (ValueError, RecursionError):
        return  # not JSON: the main parser will say where


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _Duplicate(f"the key {shown(twice)} is there twice in one object")
    return found


_PAIRS = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_int=len, parse_float=len, parse_constant=len)


def malformation(data: bytes) -> str | None:
    """Return why bytes are no JSON that every reader reads alike, or None; nothing of them is repeated.

    Refused are NaN and infinities, numbers beyond a double, text that is not Unicode or has a lone surrogate, and an
    object that has one key twice. Their nesting must be within a limit: see `excess`.
    """
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as exc:
        return f"not JSON: {exc}"
    if has_non_finite(value):
        return "a number is beyond a double"
    try:
        _PAIRS.decode(data.decode())
    except _Duplicate:
        return "a key is there twice in one object"
    return None


def refuse_constants(data: str | bytes | bytearray, name: str, result: Any = None) -> None:
    """Refuse NaN and infinities, which the parser accepts though JSON has none, and numbers that overflowed."""
    if isinstance(data, str):
        data = data.encode()
    refused = has_non_finite(result)
    if not refused and (b"NaN" in data or b"Infinity" in data):
        try:
            from_json(data, allow_inf_nan=False)
        except ValueError:
            refused = True
    if refused:
        raise DecodeError(name, [("", "NaN, infinities and numbers beyond a double are not JSON")])
