"""Encode and decode states as JSON: the only module that knows the wire format.

Each state has one form: the tag first, then its fields in order without those equal to their default, and the result if
and only if it was given. `encode` refuses a value that would not read back, and names its path. `decode` must measure a
document before it builds a model, and must look up names only among the known tags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union, cast, overload

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from typing_extensions import TypeForm, TypeVar

from statesig.codec.chosen import annotated
from statesig.codec.faithful import MAX_DIGITS, SCALARS, difference, is_finite, is_plain, offences
from statesig.codec.limits import (
    DEFAULT_LIMITS,
    LARGE,
    SHORT,
    Limits,
    check_document,
    excess,
    is_modest,
    refuse_constants,
)
from statesig.codec.problems import path_of, undecodable
from statesig.codec.writers import READ_BACK, UNDECLARED, writers
from statesig.errors import DecodeError, EncodeError
from statesig.signals import Signal, is_signal
from statesig.signals.definitions import Carrier
from statesig.signals.payloads import Payload, payload_of
from statesig.states import AnyFinished, AnyState, Finished, MetaState, Queued, State, Submitted
from statesig.states.families import Asked, StateMeta, StateModel, check_keys, narrow, readers
from statesig.states.machines import Machine
from statesig.states.reasons import reason_of
from statesig.states.refusals import MANY
from statesig.states.unions import choice_of

__all__ = ["DEFAULT_LIMITS", "JsonSchema", "Limits", "decode", "encode", "schema"]

T = TypeVar("T", default=Any)  # pyright would take `Finished` without arguments for one of unknown ones
ModelT = TypeVar("ModelT", bound=BaseModel)
MemberT = TypeVar("MemberT", bound=Union[AnyState[Any], Machine])
ConcreteT = TypeVar("ConcreteT", bound=AnyState[Any])
SignalT = TypeVar("SignalT", bound=Signal[Any])

JsonSchema = dict[str, Any]
"""A JSON Schema document, ready for `json.dumps`."""


def encode(state: State[Any] | Machine | Signal[Any], *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a state, or the state of a signal, as canonical JSON, in UTF-8.

    ``decode(encode(s), type(s)) == s``, and the classes are the same, for every state that `encode` accepts. Of a
    signal ``signal.state`` is written; it is `capture` that adds what the signal was raised from to the causes.

    Args:
        state: A concrete state, or a signal.
        limits: The reader's limits; a state beyond them is refused.

    Raises:
        EncodeError: A part of the state would not read back unchanged; the error names its path.
        TypeError: `state` is neither a state nor a signal.
    """
    try:
        head, with_result, without_result, trust, trust_without = writers[type(state)]
    except TypeError:
        if not is_signal(state):
            raise
        return encode(state.state, limits=limits)
    if TYPE_CHECKING:
        assert not is_signal(state)
    given, fields = state.__pydantic_fields_set__, state.__dict__
    try:
        if "result" in given:
            result = fields["result"]
            if head is not None and len(given) == 1 and fields["message"] is None:
                written: bytes = head + to_json(result) + b"}"  # the most frequent state, in two thirds of the time
            else:
                written = with_result(fields, exclude_defaults=True)
            if trust and (trust == READ_BACK or type(result) not in SCALARS):
                _check_reading(state, written, trust, limits)
        else:
            written = without_result(fields, exclude_defaults=True)
            if trust_without:
                _check_reading(state, written, trust_without, limits)
    except EncodeError:
        raise
    except (ValueError, RecursionError, TypeError) as exc:
        raise _unwritable(state, exc, limits) from None
    if len(written) > SHORT or limits is not DEFAULT_LIMITS:
        _check_written(state, written, limits)
    return written


@overload
def decode(  # type: ignore[overload-overlap]  # a concrete class returns itself, not a union
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
@overload
def decode(
    data: str | bytes | bytearray, kind: type[SignalT], *, limits: Limits = ..., strict: bool = ...
) -> SignalT: ...
@overload
def decode(
    data: str | bytes | bytearray, kind: TypeForm[MemberT], *, limits: Limits = ..., strict: bool = ...
) -> MemberT: ...
def decode(
    data: str | bytes | bytearray,
    kind: type[State[Any]] | type[Signal[Any]] | TypeForm[Any] = State,
    *,
    limits: Limits = DEFAULT_LIMITS,
    strict: bool = False,
) -> Any:
    """Return the state that a JSON document holds, or the signal of that state.

    Args:
        data: JSON text, or its UTF-8.
        kind: The expected class of states; a descendant is accepted. A parametrised class validates the result. Or a
            closed union of them, an alias by ``type`` (PEP 695) too: ``Draft | Placed``. Or a class of signals, which
            accepts its own state alone; `Signal` for any, ``SignalOf[Failed]`` for a family.
        limits: The largest document that is accepted.
        strict: Whether to refuse an object with a duplicate key.

    Raises:
        DecodeError: The document is too large, not JSON, or not such a state. The text never repeats a value from it.
        TypeError: `kind` is no class of states or of signals, or a union of states of several machines.
    """
    payload: Payload | None = None
    asked: Any = kind
    try:
        reader = readers[asked]
    except TypeError:
        if isinstance(kind, StateMeta):
            raise
        choice_of(asked)  # says of which machines a union has states
        payload = payload_of(asked)
        asked = payload.choice
        reader = readers[asked]
    if strict or limits is not DEFAULT_LIMITS or (len(data) > SHORT and not is_modest(data)):
        data = check_document(data, _named(asked).__name__, limits, strict)
    try:
        if len(data) > LARGE:
            _check_keys(data, _named(asked))
        state = reader.validate_json(data)
    except (ValidationError, UnicodeError) as exc:
        raise _refusal(data, _named(asked), exc) from None
    result = state.__dict__.get("result")  # a state of a machine may have none
    if type(result) not in SCALARS and not is_finite(result):
        refuse_constants(data, _named(asked).__name__, result)
    return state if payload is None else _carried(payload, state)


def _named(asked: Any) -> Asked:
    """Return what was asked for as something with a name: a union has none."""
    return choice_of(asked) or asked


def _carried(payload: Payload, state: Any) -> Carrier:
    try:
        return payload.carrying(state)
    except ValidationError as exc:
        raise undecodable(payload.choice.name, exc) from None


def _refusal(data: str | bytes | bytearray, kind: Asked, exc: ValidationError | UnicodeError) -> DecodeError:
    if isinstance(exc, ValidationError) and exc.error_count() > MANY:
        try:
            check_keys(kind, from_json(data))
        except ValidationError as few:
            exc = few
    return undecodable(kind.__name__, exc)


def _check_keys(data: str | bytes | bytearray, kind: Asked) -> None:
    """Refuse a large document with unknown keys before an error is made for each; look only if it may have many."""
    text = data.encode() if isinstance(data, str) else data
    if text.count(b":") > MANY + _USUAL_KEYS * text.count(b"{"):
        try:
            document = from_json(text)
        except ValueError:
            return  # not JSON: the main parser says where
        if isinstance(document, dict):
            check_keys(kind, cast("dict[str, Any]", document))


_USUAL_KEYS = 12


def decode_model(
    model: type[ModelT], data: str | bytes | bytearray, name: str, *, limits: Limits, strict: bool
) -> ModelT:
    """Return a document read as a model that contains states, under the same limits and errors as `decode`."""
    data = check_document(data, name, limits, strict)
    try:
        document = model.model_validate_json(data)
    except ValidationError as exc:
        raise undecodable(name, exc) from None
    refuse_constants(data, name)
    return document


def schema(kind: type[State[Any]] | type[Signal[Any]] | TypeForm[State[Any] | Machine] = State) -> JsonSchema:
    """Return the JSON Schema (2020-12) of the documents that `decode` accepts as a kind; each state requires its tag.

    Raises:
        TypeError: `kind` is no class of states or of signals, or a union of states of several machines.
    """
    asked: Any = kind
    choice = choice_of(asked)
    if choice is not None:
        asked = annotated(choice)
    elif not isinstance(kind, StateMeta):
        payload_of(asked)
    described = TypeAdapter[Any](asked).json_schema(by_alias=False)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_TOO_MANY_DIGITS = b"0" * (MAX_DIGITS + 1)


# ---- checking that a written state reads back


def _check_written(state: StateModel, written: bytes, limits: Limits) -> None:
    check_size(type(state).__name__, written, limits)
    if len(written) > MAX_DIGITS and written.translate(_DIGITS).find(_TOO_MANY_DIGITS) >= 0:
        found = _offence(state, limits)
        if found is not None:
            raise EncodeError(type(state).__name__, *found)


def check_size(name: str, written: bytes, limits: Limits) -> None:
    """Refuse a written document that `decode` would refuse.

    Raises:
        EncodeError: The document is beyond the limits.
    """
    beyond = excess(written, limits)
    if beyond is not None:
        raise EncodeError(name, "the document", f"it {beyond}, which decode refuses")


def _check_reading(state: StateModel, written: bytes, trust: int, limits: Limits) -> None:
    """Refuse a state that its bytes would not give back; check only the parts that `trust` leaves in doubt."""
    if trust == UNDECLARED:
        if not is_plain(state.__dict__["result"], written):
            raise _unwritable(state, None, limits)
        return
    try:
        back = narrow(type(state)).validator.validate_json(written)
        refuse_constants(written, "", back.__dict__.get("result"))
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_input=False)[0]
        found = _offence(state, limits)
        where, reason = found or (
            path_of(error["loc"]) or "the document",
            f"would not be read back: {reason_of(error)}",
        )
        raise EncodeError(type(state).__name__, where, reason) from None
    except DecodeError as exc:
        found = _offence(state, limits)
        raise EncodeError(type(state).__name__, *(found or exc.problems[0])) from None
    path = difference(state, back)
    if path is not None:
        reason = "would read back as another value; declare its type more closely"
        raise EncodeError(type(state).__name__, *(_offence(state, limits) or (path or "the document", reason)))


def _unwritable(state: StateModel, exc: Exception | None, limits: Limits) -> EncodeError:
    found = _offence(state, limits)
    if found is None:
        field = next((name for name, value in state.__dict__.items() if not _is_writable(value)), "the document")
        found = field, f"has no JSON form ({type(exc).__name__})"
    return EncodeError(type(state).__name__, *found)


def _offence(state: StateModel, limits: Limits) -> tuple[str, str] | None:
    free = "result" if writers[type(state)][3] == UNDECLARED else None
    return next(offences(state.__dict__, limits.max_depth, free=free), None)


def _is_writable(value: object) -> bool:
    try:
        to_json(value)
    except ValueError:
        return False
    return True
