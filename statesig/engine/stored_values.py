"""States and parameters as stored JSON, of their declared types. Nothing here knows where they are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from statesig.codec.events import as_declared
from statesig.codec.limits import Limits
from statesig.codec.states import decode, encode
from statesig.errors import DecodeError, EncodeError, FlowError, StoreError
from statesig.graph.graph import Graph
from statesig.graph.nodes import Parameter
from statesig.states import Resume, State, Success, is_mapped
from statesig.states.families import descendants
from statesig.stores.store import Store, StoredRun

__all__ = [
    "STORED",
    "beginnings_of",
    "decode_release",
    "decode_stored",
    "encode_stored",
    "not_understood",
    "parameters_of",
    "read_parameters",
]

STORED: Final = Limits(max_bytes=900_000_000, max_depth=100, max_nodes=2**27)
"""A program may store more than a stranger may send. A row of SQLite takes 1,000,000,000 bytes; a larger result fails
its task rather than the run."""


def encode_stored(state: State[Any], returns: Any) -> bytes:
    """Return a state as it is stored: JSON of its task's declared type; a Resume's answer as its own class declares it.

    Args:
        state: The state.
        returns: The declared return type of its task; Any without one.

    Raises:
        EncodeError: It would not read back equal.
    """
    if "result" not in state.__pydantic_fields_set__ and not is_mapped(state):
        return encode(state, limits=STORED)
    is_declared = returns is Any or isinstance(state, Resume)
    return encode(state if is_declared else as_declared(state, returns), limits=STORED)


def decode_stored(data: bytes, returns: Any) -> State[Any]:
    """Return a stored state, its result of the declared type.

    Raises:
        DecodeError: The data is not such a state.
    """
    # Not `State[returns]` every time: Pydantic keeps each parametrised class for ever, and most states have no result.
    kind: Any = State if returns is Any or b'"result"' not in data else State[returns]
    state: State[Any] = decode(data, kind, limits=STORED)
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
            return decode_stored(data, answer)
        except DecodeError:
            pass  # it is a Resume of another task's making, or of another time
    return decode_stored(data, Any)


def parameters_of(flow: Graph, values: Mapping[str, Any]) -> bytes:
    """Return the values of a flow's parameters as they are stored.

    Raises:
        FlowError: A value cannot be stored.
    """
    found: dict[str, Any] = {}
    for name, parameter in flow.parameters.items():
        try:
            found[name] = json.loads(_encoded_parameter(parameter, values[name]))
        except EncodeError as exc:
            raise FlowError(flow.name, f"parameter {name} cannot be stored: {exc}") from None
    return json.dumps(found).encode()


def _encoded_parameter(parameter: Parameter, value: Any) -> bytes:
    """Return a value as JSON of its parameter's type; a default need not be of the type."""
    try:
        return encode_stored(Success(result=value), parameter.type)
    except EncodeError:
        if value is not parameter.default:
            raise
        return encode(Success(result=value), limits=STORED)


def read_parameters(flow: Graph, stored: StoredRun, store: Store) -> dict[str, Any]:
    """Return the values of a flow's parameters with which a run was begun.

    Raises:
        StoreError: A value is no longer of its parameter's type.
    """
    found: dict[str, Any] = json.loads(stored.parameters)
    values: dict[str, Any] = {}
    for name, parameter in flow.parameters.items():
        data = json.dumps(found[name]).encode()
        try:
            values[name] = decode_stored(data, parameter.type).unwrap()
        except DecodeError as exc:
            try:
                values[name] = decode(data, Success, limits=STORED).unwrap()
            except DecodeError:
                raise not_understood(store, f"parameter {name} of run {stored.id}", exc) from None
    return values


def not_understood(store: Store, what: str, exc: DecodeError) -> StoreError:
    """Return the error for a row that is whole, by its checksum, but that this program does not understand."""
    remedy = "import the module that defines it, or use the program as it was"
    return StoreError(store.name, f"{what} is not understood by this program: {exc}; {remedy}")
