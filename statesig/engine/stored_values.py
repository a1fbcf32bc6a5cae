"""States and parameters as stored JSON, of their declared types. Nothing here knows where they are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from statesig.codec.events import as_declared, without_result
from statesig.codec.limits import Limits
from statesig.codec.problems import not_understood, without_keys
from statesig.codec.states import decode, encode
from statesig.errors import LONGEST_TAG, DecodeError, EncodeError, FlowError
from statesig.graph.graph import Graph
from statesig.graph.nodes import Node
from statesig.states import ErrorInfo, Failed, Looped, Resume, State, Success, is_mapped
from statesig.states.declared import list_of
from statesig.states.families import args_of, descendants
from statesig.stores.store import Store, StoredRun

__all__ = [
    "STORED",
    "beginnings_of",
    "decode_release",
    "decode_stored",
    "encode_stored",
    "parameters_of",
    "read_parameters",
    "stored_type",
    "without_what_cannot_be_stored",
]

STORED: Final = Limits(max_bytes=900_000_000, max_depth=100, max_nodes=2**27)
"""A program may store more than a stranger may send. A row of SQLite takes 1,000,000,000 bytes; a larger result fails
its task rather than the run."""


def encode_stored(state: State[Any], returns: Any) -> bytes:
    """Return a state as it is stored: the value of a success as its task's type, what others carry as JSON of its own.

    Args:
        state: The state.
        returns: The declared return type of its task; Any without one.

    Raises:
        EncodeError: It would not read back equal.
    """
    has_value = isinstance(state, Success) and (state.has_result or is_mapped(state)) and returns is not Any
    try:
        data = encode(as_declared(state, returns) if has_value else state, limits=STORED)
        if isinstance(state, Looped) and args_of(type(state)) and decode_stored(data, Any) != state:
            raise EncodeError(type(state).__name__, "result", "its type is not known where it is read back")
        return data
    except EncodeError:
        raise
    except Exception as exc:  # what a validator of the user's raises while the state is read back
        raise EncodeError(type(state).__name__, "result", f"its validator raised {type(exc).__name__}") from None


def stored_type(node: Node, index: int | None) -> Any:
    """Return the declared type of a node's value as it is stored: of a mapped task as a whole, a list of values."""
    returns = node.task.returns
    return list_of(returns) if node.is_mapped and index is None and returns is not Any else returns


def decode_stored(data: bytes, returns: Any) -> State[Any]:
    """Return a stored state, the value of a success as its declared type.

    Raises:
        DecodeError: The data is not such a state.
    """
    # Not `State[returns]`: each kind of a parametrised family is built for itself, and most states have no result.
    has_value = returns is not Any and b'"result"' in data and _tag_of(data) in _tags_of_successes()
    kind: Any = Success[returns] if has_value else State
    try:
        state: State[Any] = decode(data, kind, limits=STORED)
    except DecodeError:
        raise
    except Exception as exc:  # what a validator of the user's raises
        raise DecodeError(kind.__name__, [("result", f"its validator raised {type(exc).__name__}")]) from None
    return state


def beginnings_of(family: type[State[Any]]) -> tuple[bytes, ...]:
    """Return the bytes with which the stored states of a family begin."""
    return tuple(b'{"type":' + to_json(cls.__tag__) for cls in descendants(family))


def decode_release(data: bytes, answer: Any) -> State[Any]:
    """Return a stored Resume, its result the answer as its task declares it; as JSON if it is not, or no longer.

    A task whose declared answer has changed has none, then: `resumed` returns None.

    Raises:
        DecodeError: The data is not such a state.
    """
    if answer is not None and b'"result"' in data:
        try:
            kind: Any = Resume[answer]
            released: State[Any] = decode(data, kind, limits=STORED)
            return released
        except DecodeError:
            pass  # it is a Resume of another task's making, or of another time
    return decode_stored(data, Any)


def _tag_of(data: bytes) -> str:
    """Return the tag of a state's canonical JSON, which begins with it."""
    start = data[: 8 * LONGEST_TAG].decode(errors="ignore")
    tag: str = json.JSONDecoder().raw_decode(start, len('{"type":'))[0]
    return tag


def _tags_of_successes() -> frozenset[str]:
    return frozenset(cls.__tag__ for cls in descendants(Success))


def without_what_cannot_be_stored(state: State[Any], exc: EncodeError, node: Node, index: int | None) -> State[Any]:
    """Return the state to store in place of one that cannot be stored.

    Texts that are not valid Unicode are spelled out. A success without its value, or an iteration without what the next
    one starts from, is a failure; any other state stays what it is, without what accompanies it, and says so.

    Args:
        state: The state.
        exc: Why it cannot be stored.
        node, index: Whose state it is.
    """
    spelled_out = state.model_copy(update=_texts_of(state, state.message))
    if _can_be_stored(spelled_out, stored_type(node, index)):
        return spelled_out
    reason = f"its result cannot be stored: {without_keys(exc, node.task.value_type)}"
    if isinstance(state, Looped):
        remedy = "hand on what JSON can hold, or declare it by a state of your own: class Next(Looped[date]): ..."
        return Failed(message=f"{reason}; {remedy}", retryable=False)
    if isinstance(state, Success):
        remedy = "say what the task returns in its annotation, or return what JSON can hold"
        return Failed(message=f"{reason}; {remedy}", retryable=False)
    texts = _texts_of(state, f"{state.message}; {reason}" if state.message else reason)
    bare = without_result(state).model_copy(update=texts)
    return bare if _can_be_stored(bare, Any) else _of_the_package(state, texts)


def _can_be_stored(state: State[Any], returns: Any) -> bool:
    try:
        encode_stored(state, returns)
    except EncodeError:
        return False
    return True


def _of_the_package(state: State[Any], texts: dict[str, Any]) -> State[Any]:
    """Return a state as its nearest kind that is no user's own: a user's field may hold what cannot be stored."""
    kind: Any = next(cls for cls in type(state).__mro__ if cls.__module__ == State.__module__)
    fields = {name: getattr(state, name) for name in kind.model_fields if name != "result"}
    plain: State[Any] = kind(**{**fields, **texts})
    return plain


def _texts_of(state: State[Any], message: str | None) -> dict[str, Any]:
    """Return the fields of a state that hold text, with what is not valid Unicode spelled out."""
    return {
        "message": None if message is None else _valid(message),
        "causes": tuple(map(_valid_cause, state.causes)),
    }


def _valid_cause(cause: ErrorInfo) -> ErrorInfo:
    notes = tuple(map(_valid, cause.notes))
    traceback = None if cause.traceback is None else _valid(cause.traceback)
    return ErrorInfo(type=_valid(cause.type), message=_valid(cause.message), notes=notes, traceback=traceback)


def _valid(text: str) -> str:
    """Return a text with what is not valid Unicode spelled out."""
    return text.encode(errors="backslashreplace").decode()


def parameters_of(flow: Graph, values: Mapping[str, Any]) -> bytes:
    """Return the values of a flow's parameters as they are stored.

    Raises:
        FlowError: A value cannot be stored.
    """
    found: dict[str, Any] = {}
    for name, parameter in flow.parameters.items():
        try:
            found[name] = json.loads(encode_stored(Success(result=values[name]), parameter.type))
        except EncodeError as exc:
            reason = without_keys(exc, parameter.value_type)
            raise FlowError(flow.name, f"parameter {name} cannot be stored: {reason}") from None
    return json.dumps(found).encode()


def read_parameters(flow: Graph, stored: StoredRun, store: Store) -> dict[str, Any]:
    """Return the values of a flow's parameters with which a run was begun.

    Raises:
        StoreError: A value is no longer of its parameter's type.
    """
    found: dict[str, Any] = json.loads(stored.parameters)
    values: dict[str, Any] = {}
    for name, parameter in flow.parameters.items():
        try:
            data = json.dumps(found[name], separators=(",", ":")).encode()
            values[name] = decode_stored(data, parameter.type).unwrap()
        except DecodeError as exc:
            raise not_understood(store.name, f"parameter {name} of run {stored.id}", exc) from None
    return values
