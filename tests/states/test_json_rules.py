"""One set of rules for a value in Python and in JSON, over a table of annotations and a table of inputs."""

import copy
import dataclasses
import datetime as dt
import enum
import functools
import json
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Generic, Literal

import pydantic.dataclasses
import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict, TypeVar

from statesig import DecodeError, Finished, Paused, Skipped, Success, decode, encode
from statesig.states import UtcDatetime
from statesig.states.json_rules import json_rules
from tests.harness.cases import at_once
from tests.harness.exhaustive import one_in
from tests.harness.strategies import (
    Address,
    Color,
    Level,
    Movie,
    Order,
    Pair,
    Point,
    fingerprint,
    shown,
)

R = TypeVar("R", default=Any)

REFUSED = "refused"


class Holding(Paused[R], Generic[R]):
    """A state with a field of the declared type beside the result, in a family with few members."""

    held: R


class Parcel(BaseModel, strict=True):
    """A model that is strict by itself."""

    sent: dt.date
    size: tuple[int, int] = (1, 1)


@pydantic.dataclasses.dataclass(frozen=True)
class Spot:
    """A dataclass of pydantic's."""

    day: dt.date
    at: Point | None = None


@dataclasses.dataclass(frozen=True)
class Route:
    """A dataclass with dataclasses, a model and a set in it."""

    stops: tuple[Point, ...] = ()
    codes: frozenset[int] = frozenset()
    to: Address | None = None


class Diary(TypedDict, total=False):
    """A typed dictionary with a date, a tuple and a mapping in it."""

    day: dt.date
    pages: tuple[int, ...]
    notes: dict[int, str]


class Cat(BaseModel):
    """A choice of a discriminated union."""

    kind: Literal["cat"]
    born: dt.date


class Dog(BaseModel):
    """The other choice."""

    kind: Literal["dog"]
    born: dt.date


class Size(enum.Enum):
    """An enumeration of tuples and numbers, which JSON writes as lists and numbers."""

    ONE = 1
    TWO = 2.5


ANNOTATIONS: dict[str, Any] = {
    "Any": Any,
    "None": None,
    "bool": bool,
    "int": int,
    "int, bounded": Annotated[int, Field(ge=1, lt=10)],
    "float": float,
    "str": str,
    "str, bounded": Annotated[str, Field(min_length=2)],
    "bytes": bytes,
    "date": dt.date,
    "time": dt.time,
    "datetime": dt.datetime,
    "datetime in UTC": UtcDatetime,
    "timedelta": dt.timedelta,
    "UUID": uuid.UUID,
    "Decimal": Decimal,
    "complex": complex,
    "Path": Path,
    "IPv4Address": IPv4Address,
    "Enum": Color,
    "IntEnum": Level,
    "Enum of numbers": Size,
    "Literal": Literal["red", 1, None],
    "Literal of truth": Literal[True],
    "list": list[int],
    "list of anything": list[Any],
    "bare list": list,
    "list of dates": list[dt.date],
    "tuple": tuple[int, dt.date],
    "tuple of any length": tuple[int, ...],
    "bare tuple": tuple,
    "set": set[int],
    "set of dates": set[dt.date],
    "frozenset": frozenset[str],
    "deque": deque[int],
    "Sequence": Sequence[int],
    "Sequence of dates": Sequence[dt.date],
    "dict": dict[str, int],
    "dict of anything": dict[str, Any],
    "bare dict": dict,
    "dict by int": dict[int, str],
    "dict by float": dict[float, str],
    "dict by bool": dict[bool, str],
    "dict by date": dict[dt.date, int],
    "dict by UUID": dict[uuid.UUID, int],
    "dict by Enum": dict[Color, int],
    "dict by IntEnum": dict[Level, int],
    "dict by Decimal": dict[Decimal, int],
    "dict by bounded int": dict[Annotated[int, Field(ge=1)], int],
    "dict of dicts": dict[int, dict[dt.date, tuple[int, ...]]],
    "Mapping": Mapping[str, int],
    "Mapping by date": Mapping[dt.date, int],
    "TypedDict": Movie,
    "TypedDict with dates": Diary,
    "NamedTuple": Pair,
    "dataclass": Point,
    "dataclass of dataclasses": Route,
    "dataclass of pydantic's": Spot,
    "model": Address,
    "model of models": Order,
    "strict model": Parcel,
    "list of models": list[Order],
    "list of strict models": list[Parcel | None],
    "optional": int | None,
    "optional date": dt.date | None,
    "optional tuple": tuple[int, ...] | None,
    "int or str": int | str,
    "str or date": str | dt.date,
    "date or str": dt.date | str,
    "int or float": int | float,
    "set or list": set[int] | list[int],
    "list or tuple": list[int] | tuple[int, ...],
    "Decimal or str": Decimal | str,
    "bool or int": bool | int,
    "Enum or int": Level | int,
    "model or dict": Address | dict[str, int],
    "discriminated": Annotated[Cat | Dog, Field(discriminator="kind")],
    "list of unions": list[dt.date | int | None],
    "state": Finished[int],
    "list of states": list[Success[dt.date]],
}

TEXTS: tuple[str, ...] = (
    *("null", "true", "false", "0", "1", "-1", "2", "1.0", "1.5", "2.5", "1e3", "12345678901234567890", "1772366400"),
    *('""', '"1"', '"1.5"', '"true"', '"null"', '"a"', '"abc"', '"red"', '"5"', '"1e3"', '"-1"', '"0x1"', '"1_000"'),
    *('"NaN"', '"inf"', '"Infinity"', '"1772366400"', '" 1 "', '"1+2j"'),
    *('"2026-03-01"', '"2026-03-01T12:30:15Z"', '"2026-03-01T12:30:15"', '"2026-03-01T00:00:00"', '"20260301"'),
    *('"2026-03-01 12:30:15+01:00"', '"2026-02-30"', '"12:30"', '"12:30:15.5Z"'),
    *('"24:00"', '"PT1H"', '"P1D"', '"-P1D"'),
    *('"1 day, 1:00:00"', '"00:01:00"', '"3600"', '"\\u00e9"', '"/tmp/a"', '"127.0.0.1"', '"127.0.0.256"', '"10"'),
    '"12345678-1234-5678-1234-567812345678"',
    '"12345678123456781234567812345678"',
    *("[]", "[1]", "[1, 2]", "[2, 1, 1]", "[true]", '["1"]', "[1.5]", "[null]", '["a", "b"]', "[[1]]", "[{}]"),
    *('["2026-03-01"]', '[1, "2026-03-01"]', '["a", "2026-03-01"]', '["2026-03-01", 1, null]', '["2026-03-01", "5"]'),
    *("{}", '{"a": 1}', '{"1": "a"}', '{"1": 1}', '{"1.5": "a"}'),
    *('{"1.0": "a"}', '{"true": "a"}', '{"2026-03-01": 1}', '{"red": 1}'),
    *('{"a": null}', '{"5": 1}'),
    *('{"": 1}', '{"1": {"2026-03-01": [1]}}', '{"12345678-1234-5678-1234-567812345678": 1}'),
    *('{"title": "a", "year": 1}', '{"title": "a", "year": "1"}'),
    *('{"title": "a"}', '{"title": "a", "year": 1, "x": 1}'),
    *('{"day": "2026-03-01", "pages": [1]}', '{"notes": {"1": "a"}}', '{"day": "2026-03-01", "at": {"x": 1}}'),
    *('{"x": 1}', '{"x": 1, "y": 2.5, "seen": "2026-03-01"}', '{"x": "1"}', '{"x": true}', '{"x": 1, "y": 1}'),
    *('{"x": 1, "seen": 5}', '{"x": 1, "more": 1}', '{"name": "a", "day": "2026-03-01"}'),
    '{"stops": [{"x": 1, "seen": "2026-03-01"}], "codes": [1, 1], "to": {"host": "a", "port": 1}}',
    *('{"stops": {"x": 1}}', '{"codes": ["1"]}', '{"host": "a"}', '{"host": "a", "port": "1"}', '{"host": 1}'),
    '{"id": 1, "placed": "2026-03-01T12:30:15Z", "total": "1.10", "lines": [{"item": "a"}]}',
    '{"id": "1", "placed": 5, "total": 1.5, "lines": [{"item": "a", "count": "2"}]}',
    '[{"id": 1, "placed": "2026-03-01T12:30:15Z", "total": 1}]',
    *('{"sent": "2026-03-01"}', '{"sent": "2026-03-01", "size": [2, 3]}'),
    *('{"sent": 5}', '{"sent": "2026-03-01", "size": ["2", 3]}'),
    *('[{"sent": "2026-03-01"}, null]',),
    *('{"kind": "cat", "born": "2026-03-01"}', '{"kind": "cow", "born": "2026-03-01"}'),
    *('{"type": "Success", "result": 1}', '{"type": "Success", "result": "1"}', '{"type": "Running"}', '{"result": 1}'),
    *('[{"type": "Success", "result": "2026-03-01"}]', '[{"type": "Skipped"}, {"type": "Success", "result": 5}]'),
)  # fmt: skip

some_annotations = pytest.mark.parametrize("name", one_in(4, list(ANNOTATIONS), others=pytest.mark.thorough))


def outcome(admit: Callable[[], Any]) -> Any:
    """Return a value's fingerprint, or that it was refused."""
    try:
        return fingerprint(admit())
    except (ValidationError, DecodeError):
        return REFUSED


@functools.cache
def doors(annotation: Any) -> dict[str, Callable[[str], Any]]:
    """Return the ways in which a JSON text can come to be a value of an annotation."""
    declared: Any = Paused[annotation]
    holding: Any = Holding[annotation]
    adapter: Any = TypeAdapter(Paused[annotation])

    def result(text: str) -> str:
        return f'{{"type": "Paused", "result": {text}}}'

    def field(text: str) -> str:
        return f'{{"type": "Holding", "held": {text}}}'

    return {
        "result, decoded": lambda text: decode(result(text), declared).result,
        "result, from JSON": lambda text: declared.model_validate_json(result(text)).result,
        "result, from a document": lambda text: declared.model_validate(json.loads(result(text))).result,
        "result, of an adapter": lambda text: adapter.validate_python(json.loads(result(text))).result,
        "result, constructed": lambda text: declared(result=json.loads(text)).result,
        "result, of an instance": lambda text: declared.model_validate(Paused(result=json.loads(text))).result,
        "field, decoded": lambda text: decode(field(text), holding).held,
        "field, constructed": lambda text: holding(held=json.loads(text)).held,
    }


@at_once
@some_annotations
def test_python_and_json_give_one_verdict_and_one_value(name: str) -> None:
    """A text that decode admits is admitted, parsed, by each entrance of Python as the same value; others by none."""
    ways = doors(ANNOTATIONS[name])
    decoded = {text: outcome(lambda: ways["result, decoded"](text)) for text in TEXTS}

    differing = {
        (text, way): (decoded[text], found)
        for text in TEXTS
        for way in ways
        if (found := outcome(lambda: ways[way](text))) != decoded[text]
    }

    assert {} == differing


@at_once
@some_annotations
def test_the_table_of_inputs_says_something_of_each_annotation(name: str) -> None:
    """Each annotation admits some of the inputs, and, Any apart, refuses some."""
    decoded = doors(ANNOTATIONS[name])["result, decoded"]
    verdicts = {outcome(lambda: decoded(text)) == REFUSED for text in TEXTS}

    assert ({False} if name == "Any" else {True, False}) == verdicts


DAY = dt.date(2026, 3, 1)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

NATIVE: tuple[tuple[Any, Any, str], ...] = (
    (dt.date, DAY, '"2026-03-01"'),
    (dt.time, dt.time(12, 30, 15, 5), '"12:30:15.000005"'),
    (dt.datetime, NOON, '"2026-03-01T12:00:00Z"'),
    (dt.datetime, NOON.replace(tzinfo=None), '"2026-03-01T12:00:00"'),
    (UtcDatetime, NOON, '"2026-03-01T12:00:00Z"'),
    (dt.timedelta, dt.timedelta(hours=1), '"PT1H"'),
    (uuid.UUID, uuid.UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
    (Decimal, Decimal("1.10"), '"1.10"'),
    (bytes, b"abc", '"abc"'),
    (Path, Path("/tmp/a"), '"/tmp/a"'),
    (IPv4Address, IPv4Address("127.0.0.1"), '"127.0.0.1"'),
    (Color, Color.RED, '"red"'),
    (Level, Level.HIGH, "2"),
    (tuple[int, dt.date], (1, DAY), '[1, "2026-03-01"]'),
    (tuple[int, ...], (1, 2), "[1, 2]"),
    (set[int], {1, 2}, "[1, 2]"),
    (frozenset[str], frozenset({"a"}), '["a"]'),
    (deque[int], deque([1, 2]), "[1, 2]"),
    (dict[int, str], {1: "a"}, '{"1": "a"}'),
    (dict[float, str], {1.5: "a"}, '{"1.5": "a"}'),
    (dict[bool, str], {True: "a"}, '{"true": "a"}'),
    (dict[dt.date, int], {DAY: 1}, '{"2026-03-01": 1}'),
    (dict[Color, int], {Color.RED: 1}, '{"red": 1}'),
    (dict[Level, int], {Level.LOW: 1}, '{"1": 1}'),
    (Movie, {"title": "a", "year": 1}, '{"title": "a", "year": 1}'),
    (Diary, {"day": DAY, "pages": (1,)}, '{"day": "2026-03-01", "pages": [1]}'),
    (Pair, Pair("a", DAY), '["a", "2026-03-01"]'),
    (Point, Point(1, 2.5, DAY), '{"x": 1, "y": 2.5, "seen": "2026-03-01"}'),
    (Route, Route(stops=(Point(1),), codes=frozenset({1})), '{"stops": [{"x": 1}], "codes": [1]}'),
    (Spot, Spot(day=DAY), '{"day": "2026-03-01"}'),
    (Address, Address(host="a"), '{"host": "a"}'),
    (Parcel, Parcel(sent=DAY, size=(2, 3)), '{"sent": "2026-03-01", "size": [2, 3]}'),
    (list[Parcel], [Parcel(sent=DAY)], '[{"sent": "2026-03-01"}]'),
    (dt.date | None, DAY, '"2026-03-01"'),
    (dt.date | int, DAY, '"2026-03-01"'),
    (float, 1.5, "1.5"),
    (Finished[int], Success[int](result=1), '{"type": "Success", "result": 1}'),
)  # fmt: skip


@at_once
@pytest.mark.parametrize(("annotation", "value", "text"), NATIVE, ids=shown)
def test_a_native_value_and_its_json_form_are_one(annotation: Any, value: Any, text: str) -> None:
    """A value of Python's own is admitted as it is, and its JSON form, text or parsed, gives the same value."""
    ways = doors(annotation)

    assert fingerprint(value) == fingerprint(Success[annotation](result=value).result)
    assert fingerprint(value) == fingerprint(Holding[annotation](held=value).held)
    assert {way: fingerprint(value) for way in ways} == {way: outcome(lambda: ways[way](text)) for way in ways}


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Sequence[int], (1, 2), [1, 2]),
        (Sequence[int], range(2), [0, 1]),
        (Sequence[dt.date], deque(["2026-03-01"]), [dt.date(2026, 3, 1)]),
        (Iterable[int], [1], [1]),
        (Iterable[int], (1, 2), [1, 2]),
        (Iterable[int], dict.fromkeys([1, 2]).keys(), [1, 2]),
    ],
    ids=shown,
)
def test_a_collection_of_an_abstract_class_is_a_list(annotation: Any, value: Any, expected: Any) -> None:
    """It is what its JSON reads back as, at once."""
    state = Success[annotation](result=value)
    assert (list, expected) == (type(state.result), state.result)
    assert state == decode(encode(state), Success[annotation])


@pytest.mark.parametrize("value", ["12", b"12", {1: 2}, iter([1]), 5], ids=shown)
def test_what_is_no_collection(value: Any) -> None:
    """Text, a mapping, and an iterator, which can be read only once, are not made lists of."""
    for annotation in (Sequence[int], Iterable[int]):
        with pytest.raises(ValidationError, match="list"):
            Success[annotation](result=value)


COERCED: tuple[tuple[Any, Any], ...] = (
    (bool, 1),
    (bool, 0),
    (bool, "true"),
    (bool, None),
    (int, True),
    (int, "1"),
    (int, 1.0),
    (int, Decimal(1)),
    (int, b"1"),
    (float, "1.5"),
    (float, True),
    (str, 1),
    (str, b"a"),
    (str, Path("a")),
    (str, DAY),
    (bytes, 1),
    (bytes, [1]),
    (bytes, bytearray(b"a")),
    (dt.date, 5),
    (dt.date, "5"),
    (dt.date, 5.5),
    (dt.date, NOON),
    (dt.date, b"2026-03-01"),
    (dt.time, 5),
    (dt.time, "5"),
    (dt.time, NOON),
    (dt.datetime, 5),
    (dt.datetime, "5"),
    (dt.datetime, "1772366400.5"),
    (dt.datetime, DAY),
    (dt.datetime, True),
    (dt.timedelta, 5),
    (dt.timedelta, "5"),
    (dt.timedelta, 5.5),
    (dt.timedelta, dt.time(1)),
    (uuid.UUID, 5),
    (uuid.UUID, b"0" * 16),
    (Decimal, True),
    (Decimal, (0, (1,), 0)),
    (Decimal, b"1"),
    (Decimal, "NaN"),
    (Decimal, "Infinity"),
    (float, float("nan")),
    (float, float("inf")),
    (complex, True),
    (Path, 5),
    (Path, b"a"),
    (IPv4Address, 5),
    (IPv4Address, b"\x7f\x00\x00\x01"),
    (Color, "RED"),
    (Color, Level.LOW),
    (Level, True),
    (Level, "1"),
    (Level, 1.0),
    (Level, "LOW"),
    (Size, True),
    (Literal["red", 1], True),
    (Literal["red", 1], 1.0),
    (Literal["red", 1], "1"),
    (Literal[True], 1),
    (list[int], (1,)),
    (list[int], {1}),
    (list[int], "12"),
    (list[int], {"a": 1}),
    (list[int], range(3)),
    (list[int], iter([1])),
    (tuple[int, ...], {1}),
    (tuple[int, ...], "12"),
    (tuple[int, ...], deque([1])),
    (tuple[int, ...], {1: 2}),
    (tuple[int, ...], iter([1])),
    (tuple[int, ...], ["1"]),
    (tuple[int, ...], [True]),
    (set[int], (1,)),
    (set[int], frozenset({1})),
    (set[int], {True}),
    (set[int], {"a": 1}),
    (frozenset[int], {1}),
    (frozenset[int], (1,)),
    (deque[int], (1,)),
    (deque[int], {1}),
    (dict[str, int], [("a", 1)]),
    (dict[str, int], {1: 1}),
    (dict[str, int], {b"a": 1}),
    (dict[int, int], {True: 1}),
    (dict[int, int], {1.0: 1}),
    (dict[int, int], {"one": 1}),
    (dict[dt.date, int], {5: 1}),
    (dict[dt.date, int], {"5": 1}),
    (dict[dt.date, int], {NOON: 1}),
    (Movie, {"title": "a", "year": "1"}),
    (Movie, [("title", "a"), ("year", 1)]),
    (Diary, {"day": 5}),
    (Pair, {"name": "a", "day": 5}),
    (Pair, ["a", 5]),
    (Point, {"x": "1"}),
    (Point, {"x": True}),
    (Point, (1,)),
    (Point, {"x": 1, "seen": 5}),
    (Route, {"stops": {Point(1)}}),
    (Route, {"codes": ["1"]}),
    (Address, ("a", 1)),
    (Address, Point(1)),
    (Parcel, {"sent": 5}),
    (Parcel, {"sent": "5"}),
    (Parcel, {"sent": "2026-03-01", "size": ["1", 2]}),
    (Parcel, {"sent": "2026-03-01", "size": {1, 2}}),
    (int | None, "1"),
    (int | None, True),
    (dt.date | None, 5),
    (int | dt.date, "5"),
    (int | dt.date, True),
    (Finished[int], {"type": "Success", "result": "1"}),
    (Finished[int], {"type": "Running"}),
)


@at_once
@pytest.mark.parametrize(("annotation", "value"), one_in(3, COERCED, others=pytest.mark.thorough), ids=shown)
def test_nothing_is_converted_from_one_kind_of_value_to_another(annotation: Any, value: Any) -> None:
    """A value of another kind is refused as a result and as a field, in a constructor and in a copy."""
    state = Success[annotation]()

    for admit in (
        lambda: Success[annotation](result=value),
        lambda: Holding[annotation](held=value),
        lambda: state.model_copy(update={"result": value}),
        lambda: Success[annotation].model_validate({"type": "Success", "result": value}),
        lambda: TypeAdapter(Success[annotation]).validate_python(Skipped(result=value)),
    ):
        assert outcome(admit) == REFUSED
    assert not state.has_result


def test_a_lax_model_of_a_user_stays_lax() -> None:
    """A user's model keeps its own rules: what it converts alone it converts as a result, too."""
    given = {"host": "a", "port": "443"}

    assert Address(**given) == Success[Address](result=given).result  # type: ignore[arg-type]  # the JSON form


def test_a_lax_dataclass_of_pydantics_stays_lax() -> None:
    """A dataclass that brings its own rules keeps them."""
    given = {"day": "2026-03-01", "at": {"x": "1"}}

    assert Spot(**given) == Success[Spot](result=given).result  # type: ignore[arg-type]  # the JSON form


def test_a_schema_is_not_changed() -> None:
    """`json_rules` returns another schema and leaves the one it was given."""
    schema: Any = TypeAdapter(tuple[dt.date, dict[int, set[Decimal]]], config={"strict": True}).core_schema
    before = copy.deepcopy(schema)

    assert schema != json_rules(schema)
    assert before == schema


def test_what_replaces_a_node_is_not_entered() -> None:
    """A node that `replace` answers for stands as it was answered."""
    schema: Any = TypeAdapter(list[dt.date], config={"strict": True}).core_schema
    instead = {"type": "none"}

    def replace(node: Any) -> Any:
        return instead if node["type"] == "date" else None

    assert instead is json_rules(schema, replace)["items_schema"]
