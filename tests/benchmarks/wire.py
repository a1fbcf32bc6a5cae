"""States as JSON: `encode` and `decode`.

Floors:

* encode: the core serializer of a bare model with the same fields and values, ``to_json`` on it directly: the fastest
  way that Pydantic has, without the checks that what is written reads back. For a long undeclared result it is
  ``json.dumps`` of the result alone, which is what a user without statesig would write.
* decode: the core validator of the union of all states, as `decode` uses it, called directly: the same document, the
  same schema, the same limits of a state's own fields; what is left is measuring the document and refusing NaN.

Declared results that must be read back before they are handed out are reported without a bound: reading back is the
promise, and it costs a decoding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from floors import BareError, BareFailed, BareOrdered, BarePriced, BareRetrying, BareSuccess, Order
from measuring import Plan, Row, compare_code
from pydantic import BaseModel

from statesig import ErrorInfo, Failed, Retrying, State, Success, decode, encode
from statesig.states.families import readers

_MANY = 100_000
_START = datetime(2026, 5, 17, 8, 30, tzinfo=UTC)
_CAUSE: dict[str, Any] = {"type": "builtins.ValueError", "message": "no rows for 2026-05-17"}
_RECORDS = [{"id": number, "name": f"row {number}", "done": number % 2 == 0} for number in range(1000)]


def encoding(plan: Plan) -> Iterator[Row]:
    """Measure `encode`."""
    again: dict[str, Any] = {"message": "x", "run_count": 2}
    later: dict[str, Any] = {**again, "start_time": _START}
    pairs: tuple[tuple[str, State[Any], BaseModel, float | None], ...] = (
        ("Success(result=1)", Success(result=1), BareSuccess(result=1), 1.15),
        ("Retrying(message, run_count)", Retrying(**again), BareRetrying(**again), 1.15),
        ("Retrying(message, start_time, run_count)", Retrying(**later), BareRetrying(**later), 1.15),
        ("Failed(message, 1 cause)", _failed(), _bare_failed(), 1.15),
        *((f"Success(result={name})", Success(result=r), BareSuccess(result=r), 1.5) for name, r in _containers()),
        ("Success[Order], read back", _ordered(), _bare_ordered(), None),
        ("Success[Decimal], read back", _priced(), BarePriced(result=Decimal("12.50")), None),
    )
    for name, state, bare, bound in pairs:
        names = {"encode": encode, "state": state, "bare": bare, "to_json": type(bare).__pydantic_serializer__.to_json}
        called = f"encode {name}", f"{type(bare).__name__} serializer.to_json"
        yield compare_code(plan, names, "encode(state)", "to_json(bare)", bound=bound, called=called)
    yield _encode_records(plan)
    yield _encode_many(plan)


def _containers() -> tuple[tuple[str, Any], ...]:
    return ("list of 3", [1, "two", True]), ("dict of 8", {f"key{number}": number for number in range(8)})


def _failed() -> Failed[Any]:
    return Failed(message="raised ValueError", causes=(ErrorInfo(**_CAUSE),))


def _bare_failed() -> BareFailed:
    return BareFailed(message="raised ValueError", causes=(BareError(**_CAUSE),))


def _ordered() -> State[Any]:
    return Success[Order](result=Order(number=7, customer="Ann", placed=_START))


def _bare_ordered() -> BareOrdered:
    return BareOrdered(result=Order(number=7, customer="Ann", placed=_START))


def _priced() -> State[Any]:
    return Success[Decimal](result=Decimal("12.50"))


def _encode_records(plan: Plan) -> Row:
    names = {"encode": encode, "state": Success(result=_RECORDS), "dumps": json.dumps, "result": _RECORDS}
    called = "encode Success(result=list of 1,000 dicts)", "json.dumps(result)"
    return compare_code(plan, names, "encode(state)", "dumps(result)", bound=1.0, called=called)


def _encode_many(plan: Plan) -> Row:
    names = {
        "encode": encode,
        "states": [Success(result=number) for number in range(_MANY)],
        "bares": [BareSuccess(result=number) for number in range(_MANY)],
        "to_json": BareSuccess.__pydantic_serializer__.to_json,
    }
    return compare_code(
        plan,
        names,
        "for state in states:\n    encode(state)",
        "for bare in bares:\n    to_json(bare)",
        bound=1.15,
        called=(f"encode, each of {_MANY:,} states", "BareSuccess serializer.to_json"),
        per=_MANY,
    )


def decoding(plan: Plan) -> Iterator[Row]:
    """Measure `decode`."""
    long = Failed(
        message="could not load " + "x" * 100, causes=(ErrorInfo(**_CAUSE), ErrorInfo(**_CAUSE, notes=("n",) * 20))
    )
    for name, state in (
        ("Success(result=1)", Success(result=1)),
        ("Retrying", Retrying(message="x", start_time=_START, run_count=2)),
        ("Failed", long),
        ("list of 8", Success(result=list(range(8)))),
        ("list of 1,000 dicts", Success(result=_RECORDS)),
    ):
        data = encode(state)
        yield _decode(plan, f"decode {name}, {len(data):,} bytes", data)
    yield _decode_many(plan, [encode(Success(result=number, message="loaded")) for number in range(_MANY)])


def _decode(plan: Plan, name: str, data: bytes) -> Row:
    names = {"decode": decode, "validate_json": readers[State].validate_json, "data": data}
    called = name, "the union's validator.validate_json"
    return compare_code(plan, names, "decode(data)", "validate_json(data)", bound=1.15, called=called)


def _decode_many(plan: Plan, documents: list[bytes]) -> Row:
    return compare_code(
        plan,
        {"decode": decode, "validate_json": readers[State].validate_json, "documents": documents},
        "for data in documents:\n    decode(data)",
        "for data in documents:\n    validate_json(data)",
        bound=1.15,
        called=(f"decode, each of {len(documents):,} documents", "the union's validator.validate_json"),
        per=len(documents),
    )
