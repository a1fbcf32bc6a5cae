"""States as JSON: the only module that knows the wire.

A state is written in one way: the tag first, then its fields in order, those equal to their default left out, the
result if and only if it was given. What would not read back as it is, is refused with its path. What is read is
measured before a model is built, and no name found in it is looked up anywhere but among the known tags.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, overload

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from typing_extensions import TypeVar

from statesig.errors import DecodeError, EncodeError
from statesig.models import LONGEST_TAG, Narrow, StateMeta, StateModel, descendants, narrow, readers
from statesig.readback import MAX_DIGITS, SCALARS, difference, is_finite, is_plain, offences, shown
from statesig.rules import has_non_finite, is_exact
from statesig.states import AnyFinished, AnyState, ErrorInfo, Finished, MetaState, Queued, State, Submitted

__all__ = ["DEFAULT_LIMITS", "JsonSchema", "Limits", "decode", "encode", "schema"]

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)
ConcreteT = TypeVar("ConcreteT", bound=AnyState[Any])

JsonSchema = dict[str, Any]
"""A JSON Schema document, as `json.dumps` takes it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a document may be; one over any limit is refused before a model is built.

    Args:
        max_bytes: Bytes of UTF-8; 16 MiB by default.
        max_depth: Objects and arrays within each other; 100 by default, 150 at the most.
        max_nodes: Values: one, and one more for each object, array and comma; 50,000 by default.

    Raises:
        ValueError: A limit is below 1, or the depth beyond what the parser can follow.
    """

    max_bytes: int = 16 * 1024 * 1024
    max_depth: int = 100
    max_nodes: int = 50_000

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_depth, self.max_nodes) < 1 or self.max_depth > 150:
            raise ValueError("limits are from 1; max_depth is at most 150")


DEFAULT_LIMITS: Final = Limits()

# A document this short is within the default limits whatever it says: a level of depth takes two bytes.
_SHORT = 2 * DEFAULT_LIMITS.max_depth
# Up to this a count of brackets is cheap; beyond, it would only be made twice.
_MODEST = 4096
# Past this the context of an error, which repeats the document's tag, costs more than it tells.
_LARGE = 1 << 16

_EXACT, _UNDECLARED, _READ_BACK = range(3)


class _Writers(dict[type, Any]):
    """For each class: how to write it with and without its result, and how far that can be trusted."""

    def __missing__(self, cls: type) -> Any:
        if not issubclass(cls, StateModel):
            raise TypeError(f"encode takes a state, not {cls.__name__}")
        form = narrow(cls)
        trust = _trust(form.fields) if _is_plain_model(form.schema) else _READ_BACK
        without = _READ_BACK if trust == _READ_BACK else _EXACT
        head = b'{"type":%b,"result":' % to_json(cls.__tag__) if trust == _UNDECLARED and _has_defaults(cls) else None
        with_result, without_result = form.with_result.to_json, form.without_result.to_json
        if trust == _READ_BACK:
            with_result, without_result = partial(_in_full, form, with_result), partial(_in_full, form, without_result)
        self[cls] = entry = (head, with_result, without_result, trust, without)
        return entry


_writers: Final = _Writers()


def _is_plain_model(schema: dict[str, Any]) -> bool:
    """Tell a model without validators of its own, which may make another value of what was written."""
    return bool(schema["type"] == "model" and schema["schema"]["type"] == "model-fields")


def _in_full(form: Narrow, write: Callable[..., bytes], data: dict[str, Any], *, exclude_defaults: bool) -> bytes:
    """Write an instance with a model somewhere inside, that model in full and by its aliases, as it reads itself."""
    return write(data, exclude=form.defaulted(data) if exclude_defaults else None, by_alias=True)


def _has_defaults(cls: type[StateModel]) -> bool:
    """Tell whether all fields have defaults that are left out of the document."""
    return not any(field.is_required() or field.default_factory for field in cls.model_fields.values())


def _trust(fields: dict[str, Any]) -> int:
    others = (field for name, field in fields.items() if name != "result")
    if not all(is_exact(field, _is_exact_model) for field in others):
        return _READ_BACK
    if fields["result"]["type"] == "any":
        return _UNDECLARED
    return _EXACT if is_exact(fields["result"], _is_exact_model) else _READ_BACK


def _is_exact_model(cls: type) -> bool:
    return cls is ErrorInfo


def encode(state: State[Any], *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a state as canonical JSON, in UTF-8.

    ``decode(encode(s), type(s)) == s`` and of the same class, for every state this accepts.

    Args:
        state: A concrete state.
        limits: What the reader will admit; a state beyond it is refused.

    Raises:
        EncodeError: Something in the state would not read back as it is; the error names where.
        TypeError: `state` is no state.
    """
    head, with_result, without_result, trust, trust_without = _writers[type(state)]
    given = state.__pydantic_fields_set__
    try:
        if "result" in given:
            result = state.__dict__["result"]
            if head is not None and len(given) == 1:
                written: bytes = head + to_json(result) + b"}"  # the most frequent state, at two thirds of the price
            else:
                written = with_result(state.__dict__, exclude_defaults=True)
            if trust and (trust == _READ_BACK or type(result) not in SCALARS):
                _check_reading(state, written, trust, limits)
        else:
            written = without_result(state.__dict__, exclude_defaults=True)
            if trust_without:
                _check_reading(state, written, trust_without, limits)
    except EncodeError:
        raise
    except (ValueError, RecursionError, TypeError) as exc:
        raise _unwritable(state, exc, limits) from None
    if len(written) > _SHORT or limits is not DEFAULT_LIMITS:
        _check_written(state, written, limits)
    return written


@overload
def decode(  # type: ignore[overload-overlap]  # a concrete class asks for no more than itself
    data: str | bytes | bytearray, kind: type[ConcreteT], *, limits: Limits = ..., strict: bool = ...
) -> ConcreteT: ...
@overload
def decode(
    data: str | bytes | bytearray, kind: type[Finished[T]], *, limits: Limits = ..., strict: bool = ...
) -> AnyFinished[T]: ...
@overload
def decode(
    data: str | bytes | bytearray, kind: type[MetaState[T]], *, limits: Limits = ..., strict: bool = ...
) -> Queued[T] | Submitted[T]: ...
@overload
def decode(
    data: str | bytes | bytearray, kind: type[State[T]], *, limits: Limits = ..., strict: bool = ...
) -> AnyState[T]: ...
@overload
def decode(data: str | bytes | bytearray, *, limits: Limits = ..., strict: bool = ...) -> AnyState[Any]: ...
def decode(
    data: str | bytes | bytearray,
    kind: type[State[Any]] = State,
    *,
    limits: Limits = DEFAULT_LIMITS,
    strict: bool = False,
) -> Any:
    """Return the state that a JSON document holds.

    Args:
        data: JSON text, or its UTF-8.
        kind: The class that is asked for, one of its descendants will do; a parametrised one validates the result.
        limits: How large the document may be.
        strict: Whether to refuse an object that has one key twice, too.

    Raises:
        DecodeError: The document is too large, no JSON, or no such state. The text never repeats a value from it.
    """
    if strict or limits is not DEFAULT_LIMITS or (len(data) > _SHORT and not _is_modest(data)):
        data = _check_document(data, kind.__name__, limits, strict)
    try:
        state = readers[kind].validate_json(data)
    except (ValidationError, UnicodeError) as exc:
        raise _undecodable(kind.__name__, exc, in_detail=len(data) < _LARGE) from None
    if type(state.result) not in SCALARS and not is_finite(state.result):
        _refuse_constants(data, kind.__name__, state.result)
    return state


def decode_model(
    model: type[ModelT], data: str | bytes | bytearray, name: str, *, limits: Limits, strict: bool
) -> ModelT:
    """Return the document that a model with states in it describes, under the same limits and errors as `decode`."""
    data = _check_document(data, name, limits, strict)
    try:
        document = model.model_validate_json(data)
    except ValidationError as exc:
        raise _undecodable(name, exc, in_detail=len(data) < _LARGE) from None
    _refuse_constants(data, name)
    return document


def schema(kind: type[State[Any]] = State) -> JsonSchema:
    """Return the JSON Schema (2020-12) of what `decode` admits as a kind: each state by its required tag.

    Raises:
        TypeError: `kind` is no class of state.
    """
    asked: object = kind
    if type(asked) is not StateMeta:
        raise TypeError(f"a class of state is asked for, not {asked!r}")
    described = TypeAdapter(kind).json_schema(by_alias=False)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


# ---- measuring a document


_LONG_TAG = re.compile(rb'\s*\{\s*"type"\s*:\s*"[^"\\]{%d}' % (LONGEST_TAG + 1))
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_TOO_MANY_DIGITS = b"0" * (MAX_DIGITS + 1)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b'[]{}"\\'))


def _excess(data: bytes | bytearray, limits: Limits) -> str | None:
    """Return what a document is or has beyond the limits: by upper bounds first, by a count where they do not do."""
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
    """Tell whether brackets nest deeper than a limit, taking away the innermost pairs one level at a time."""
    brackets = bytes(data.translate(_BRACKETS, _NO_BRACKETS).replace(b'""', b""))
    if b'"' in brackets or b"\\" in brackets:  # some are inside strings
        brackets = _without_strings(data).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(max_depth):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            return inner.count(b"[") > max_depth  # these are never closed
        brackets = inner
    return b"[" in brackets


def _is_modest(data: str | bytes | bytearray) -> bool:
    """Tell a document that a glance shows to be within the default limits."""
    if type(data) is not bytes or len(data) > _MODEST:
        return False
    arrays = data.count(b"[")
    # An array takes two bytes, an object in another one five, as in {"":}, so this bounds the depth by one count.
    if 5 * arrays + (len(data) - 2 * arrays) < 5 * DEFAULT_LIMITS.max_depth:
        return True
    return arrays + data.count(b"{") <= DEFAULT_LIMITS.max_depth


def _check_document(data: str | bytes | bytearray, name: str, limits: Limits, strict: bool) -> bytes | bytearray:
    if len(data) > limits.max_bytes:
        raise DecodeError(name, [("", f"the document has more than {limits.max_bytes:,} bytes")])
    if isinstance(data, str):
        try:
            data = data.encode()
        except UnicodeError:
            raise DecodeError(name, [("", "the text is not valid Unicode")]) from None
    if len(data) > _LARGE and _LONG_TAG.match(data):
        raise DecodeError(name, [("type", "longer than any tag")])
    excess = _excess(data, limits)
    if excess is not None:
        raise DecodeError(name, [("", f"the document {excess}")])
    if strict:
        _refuse_duplicates(data, name)
    return data


class _Duplicate(Exception):
    """Ends the parse at the first key that is there twice."""


def _refuse_duplicates(data: bytes | bytearray, name: str) -> None:
    try:
        json.loads(data, object_pairs_hook=_without_duplicates, parse_int=len, parse_float=len, parse_constant=len)
    except _Duplicate as exc:
        raise DecodeError(name, [("", str(exc))]) from None
    except (ValueError, RecursionError):
        return  # no JSON at all: the parser proper says where


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _Duplicate(f"the key {shown(twice)} is there twice in one object")
    return found


def _refuse_constants(data: str | bytes | bytearray, name: str, result: Any = None) -> None:
    """Refuse NaN and infinities, which the parser takes though they are no JSON, and numbers that became infinite."""
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


# ---- saying what is wrong with a document


_SENTENCES = {
    "extra_forbidden": "no such field",
    "json_invalid": "not JSON",
    "missing": "required",
    "union_tag_not_found": 'a state needs its "type"',
    "model_attributes_type": "an object was expected",
    "model_type": "an object was expected",
    "value_error": "refused by its validator",
    "assertion_error": "refused by its validator",
}
_SHOWN_PROBLEMS = 3
_SHOWN_LENGTH = 110


def _undecodable(name: str, exc: ValidationError | UnicodeError, *, in_detail: bool) -> DecodeError:
    name = _cut(name, 40)
    if isinstance(exc, UnicodeError):
        return DecodeError(name, [("", "the text is not valid Unicode")])
    errors = exc.errors(include_url=False, include_input=False, include_context=in_detail)
    problems = [(_path(error["loc"]), _reason(error)) for error in errors[:_SHOWN_PROBLEMS]]
    return DecodeError(name, problems, len(errors) - len(problems))


def _reason(error: Any) -> str:
    """Return what is wrong in words that are ours or the schema's, never the document's."""
    code: str = error["type"]
    if code == "json_invalid":
        return _cut(error["msg"].replace("Invalid JSON", "not JSON"))
    if code == "union_tag_invalid":
        tag = error.get("ctx", {}).get("tag")
        known = {cls.__tag__ for cls in descendants(State)}
        ways = error.get("ctx", {}).get("expected_tags", "").replace("'", "")
        return _cut(f"a {tag} is none; possible: {ways}" if tag in known else f"unknown tag; possible: {ways}", 160)
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code in _PYDANTIC_CODES:
        return _cut(error["msg"])
    return _cut(f"refused: {code}")


# Messages of pydantic's own that speak of the schema alone.
_PYDANTIC_CODES = frozenset(
    {
        "bool_type", "bytes_type", "date_type", "datetime_type", "decimal_type", "dict_type", "enum", "float_type",
        "finite_number", "frozen_set_type", "greater_than", "greater_than_equal", "int_type", "less_than",
        "less_than_equal", "list_type", "literal_error", "none_required", "set_type", "state_kind", "string_type",
        "string_too_long", "string_too_short", "string_pattern_mismatch", "time_type", "time_delta_type",
        "timezone_aware", "timezone_range", "too_long", "too_short", "tuple_type", "uuid_type", "multiple_of",
        "datetime_from_date_parsing", "date_from_datetime_parsing", "time_delta_parsing", "time_parsing",
    }
)  # fmt: skip


def _path(loc: tuple[int | str, ...]) -> str:
    """Return where, as in ``result.items[3]``; tags that pydantic puts between are left out."""
    tags = {cls.__tag__ for cls in descendants(State)}
    path = ""
    for part in [part for part in loc if part not in tags][:8]:
        path += f"[{part}]" if isinstance(part, int) else f".{shown(part)}"
    return _cut(path.lstrip("."), 80)


def _cut(text: str, length: int = _SHOWN_LENGTH) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


# ---- making sure that what was written reads back


def _check_written(state: State[Any], written: bytes, limits: Limits) -> None:
    check_size(type(state).__name__, written, limits)
    if len(written) > MAX_DIGITS and written.translate(_DIGITS).find(_TOO_MANY_DIGITS) >= 0:
        found = _offence(state, limits)
        if found is not None:
            raise EncodeError(type(state).__name__, *found)


def check_size(name: str, written: bytes, limits: Limits) -> None:
    """Refuse what was written where `decode` would refuse to look at it.

    Raises:
        EncodeError: It is beyond the limits.
    """
    excess = _excess(written, limits)
    if excess is not None:
        raise EncodeError(name, "the document", f"it {excess}, which decode refuses")


def _check_reading(state: State[Any], written: bytes, trust: int, limits: Limits) -> None:
    """Refuse a state whose bytes would not give it back; everything that `trust` does not vouch for."""
    if trust == _UNDECLARED:
        if not is_plain(state.__dict__["result"], written):
            raise _unwritable(state, None, limits)
        return
    try:
        back = narrow(type(state)).validator.validate_json(written)
        _refuse_constants(written, "", back.result)
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        found = _offence(state, limits)
        where, reason = found or (_path(error["loc"]) or "the document", f"would not be read back: {_reason(error)}")
        raise EncodeError(type(state).__name__, where, reason) from None
    except DecodeError as exc:
        found = _offence(state, limits)
        raise EncodeError(type(state).__name__, *(found or exc.problems[0])) from None
    path = difference(state, back)
    if path is not None:
        reason = "would read back as another value; declare its type more closely"
        raise EncodeError(type(state).__name__, path or "the document", reason)


def _unwritable(state: State[Any], exc: Exception | None, limits: Limits) -> EncodeError:
    found = _offence(state, limits)
    if found is None:
        field = next((name for name, value in state.__dict__.items() if not _is_writable(value)), "the document")
        found = field, f"has no JSON form ({type(exc).__name__})"
    return EncodeError(type(state).__name__, *found)


def _offence(state: State[Any], limits: Limits) -> tuple[str, str] | None:
    free = "result" if _writers[type(state)][3] == _UNDECLARED else None
    return next(offences(state.__dict__, limits.max_depth, free=free), None)


def _is_writable(value: object) -> bool:
    try:
        to_json(value)
    except ValueError:
        return False
    return True
