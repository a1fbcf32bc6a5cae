"""Refusals cost and say little: errors below the first few are not collected, and nesting multiplies nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from typing_extensions import TypeVar

from statesig import DecodeError, Limits, State, Success, decode, decode_event, decode_trigger
from statesig.states.refusals import FEW
from tests.harness.cases import at_once

R = TypeVar("R", default=Any)
WIDE = 3_000


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int


class Ledger(Success[R], Generic[R]):
    """A state whose field takes its rows in another form."""

    rows: tuple[Row, ...] = ()


def nested(inner: dict[str, Any], depth: int = 40) -> dict[str, Any]:
    """Return a state in a Mapped in a Mapped, and so on."""
    for _ in range(depth):
        inner = {"type": "Mapped", "children": [inner]}
    return inner


def keys(count: int = WIDE) -> dict[str, int]:
    return {f"k{index}": index for index in range(count)}


WRONG: dict[str, dict[str, Any]] = {
    "empty causes": {"type": "Failed", "causes": [{}] * WIDE},
    "causes of many keys": {"type": "Failed", "causes": [keys()]},
    "children without a tag": {"type": "Mapped", "children": [{}] * WIDE},
    "children of an unknown tag": {"type": "Mapped", "children": [{"type": "N" * 200}] * WIDE},
    "unknown keys": {"type": "Success", **keys()},
    "an unknown key of 50,000 letters": {"type": "Success", "k" * 50_000: 1},
    "a tag of 50,000 letters": {"type": "k" * 50_000},
    "a text for a number": {"type": "Retrying", "run_count": "k" * 50_000},
    "a list for a text": {"type": "Success", "message": list(range(WIDE))},
    "rows of another form": {"type": "Ledger", "rows": [{"id": "x"}] * WIDE},
    "a row of many keys": {"type": "Ledger", "rows": [{"id": 1, **keys()}]},
}

LIMITS = Limits(max_nodes=1_000_000)

ENTRANCES: dict[str, Callable[[str], object]] = {
    "decode": lambda text: decode(text, limits=LIMITS),
    "decode as bytes, strictly": lambda text: decode(text.encode(), limits=LIMITS, strict=True),
    "an event": lambda text: decode_event(
        f'{{"run":"r","task":"t","index":null,"attempt":1,"time":"2026-01-01T00:00:00Z","state":{text}}}', limits=LIMITS
    ),
    "TypeAdapter, from JSON": TypeAdapter(State[Any]).validate_json,
    "TypeAdapter, from objects": lambda text: TypeAdapter(State[Any]).validate_python(json.loads(text)),
    "a class": Success.model_validate_json,
}


@at_once
@pytest.mark.parametrize("read", ENTRANCES.values(), ids=ENTRANCES)
@pytest.mark.parametrize("depth", [0, 1, 40])
@pytest.mark.parametrize("name", WRONG)
def test_a_refusal_is_short_at_every_entrance(name: str, depth: int, read: Callable[[str], object]) -> None:
    """However wide and deep the fault, the first few errors are told, in less than 2 kB, inputs included."""
    with pytest.raises((DecodeError, ValidationError)) as caught:
        read(json.dumps(nested(WRONG[name], depth)))

    error = caught.value
    if isinstance(error, ValidationError):
        assert error.error_count() <= FEW
        assert len(json.dumps(error.errors(include_url=False), default=str)) < 2048
    else:
        assert len(error.problems) <= FEW
        assert len(str(error)) < 500


@pytest.mark.parametrize("name", ["unknown keys", "empty causes", "rows of another form"])
def test_a_refusal_names_the_place(name: str) -> None:
    """The first errors keep their paths, under any depth."""
    place = {"unknown keys": "k0", "empty causes": "causes[0].type", "rows of another form": "rows[0].id"}[name]

    for depth in (0, 1, 2):
        with pytest.raises(DecodeError) as caught:
            decode(json.dumps(nested(WRONG[name], depth)))

        assert "children[0]." * depth + place == caught.value.problems[0][0]


def test_the_message_of_a_declared_result_stays_pydantics_own() -> None:
    """A short error is handed on as it is: its type, message, context and a scalar input."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Success[int]).validate_python({"type": "Success", "result": "x"})

    assert [
        {"type": "int_type", "loc": ("Success", "result"), "msg": "Input should be a valid integer", "input": "x"}
    ] == caught.value.errors(include_url=False)


def test_a_trigger_of_many_wrong_parts_is_refused_in_few_words() -> None:
    """Nested all and any stop at the first wrong part."""
    inner = {"type": "any", "of": [{"type": "nonesuch"}] * WIDE}
    for _ in range(20):
        inner = {"type": "all", "of": [inner]}

    with pytest.raises(DecodeError) as caught:
        decode_trigger(json.dumps({"when": inner}))

    assert (1, 0) == (len(caught.value.problems), caught.value.more)


def test_a_class_that_reads_more_than_its_fields_may_take_many_keys() -> None:
    """The early look for unknown keys leaves classes with validators or aliases of their own alone."""

    class PackedRows(Success[Any]):
        rows: dict[str, int]

        @model_validator(mode="before")
        @classmethod
        def _pack(cls, data: dict[str, Any]) -> dict[str, Any]:
            rows = {key: data[key] for key in data if key not in ("type", *cls.model_fields)}
            return {key: data[key] for key in data if key not in rows} | {"rows": rows} if rows else data

    state = TypeAdapter(State[Any]).validate_python({"type": "PackedRows", **keys(200)})

    assert keys(200) == state.rows
