"""Equality of states: exact in kind at every depth, never an error, and hashes that agree with it."""

from __future__ import annotations

import enum
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ConfigDict

from statesig import ErrorInfo, Failed, Mapped, Queued, Retrying, State, Success
from statesig.codec.events import on_the_wire
from statesig.states.equality import difference, digest
from tests.harness.cases import at_once


class Array:
    """Compares item by item, as arrays do; the answer is neither true nor false."""

    def __init__(self, *items: int) -> None:
        self.items = items

    def __eq__(self, other: object) -> Any:
        return Array(*(int(one == two) for one, two in zip(self.items, other.items)))  # type: ignore[attr-defined]  # as arrays do

    __hash__: ClassVar[None]  # type: ignore[assignment]  # as arrays do

    def __len__(self) -> int:
        return len(self.items)

    def __bool__(self) -> bool:
        if len(self.items) == 1:
            return bool(self.items[0])
        raise ValueError("the truth value of an array is ambiguous")


class Refusing:
    """Cannot be compared, hashed or measured."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __hash__(self) -> int:
        raise RuntimeError("not hashable")

    def __len__(self) -> int:
        raise RuntimeError("not countable")


class Colour(enum.StrEnum):
    RED = "red"


@dataclass
class Point:
    x: Any
    y: Any = 0


@dataclass(eq=False, slots=True)
class Bare:
    x: Any


class Order(BaseModel):
    model_config = ConfigDict(extra="allow")

    total: Any


class Line(Order):
    pass


TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
"""Half past two in the night in which Berlin's clocks are set back; its fold tells which of two."""


def _nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


def _looped() -> list[Any]:
    items: list[Any] = [1]
    items += [items, items]
    return items


def _doubled(times: int) -> list[Any]:
    items: list[Any] = [1]
    for _ in range(times):
        items = [items, items]
    return items


ALIKE: dict[str, Callable[[], Any]] = {
    "a number": lambda: 12345.5,
    "a large number": lambda: 10**400,
    "a list": lambda: [1, "a", None, [True]],
    "a tuple": lambda: (1, ("a", b"b")),
    "a deque": lambda: deque([1, [2]]),
    "a dict": lambda: {"a": {1: [2]}, (3, 4): 5},
    "a set": lambda: {1, "a", frozenset({2})},
    "a model": lambda: Order(total=[1], note={"a": 1}),
    "a dataclass": lambda: Point([1], {"a": 1}),
    "a dataclass without ==": lambda: Bare([1]),
    "a member": lambda: Colour.RED,
    "a decimal": lambda: Decimal("1.5"),
    "a state": lambda: Failed(result=[1], causes=(ErrorInfo(type="T", message="m", notes=("n",)),)),
    "a list that holds itself": _looped,
    "a list nested 3,000 deep": lambda: _nested(3000, 1),
    "a list that is two of one, 60 times": lambda: _doubled(60),
}

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "int and bool": (1, True),
    "int and float": (1, 1.0),
    "str and bytes": ("a", b"a"),
    "str and a member": ("red", Colour.RED),
    "list and tuple": ([1], (1,)),
    "set and frozenset": ({1}, frozenset({1})),
    "dict and Counter": ({"a": 1}, Counter("a")),
    "in a list": ([0, 1], [0, True]),
    "in a tuple": ((1,), (1.0,)),
    "in a dict": ({"a": 1}, {"a": True}),
    "in a set": ({1}, {True}),
    "in a key": ({1: "a"}, {True: "a"}),
    "in a key that is a tuple": ({(1,): "a"}, {(1.0,): "a"}),
    "deep": ({"a": [{"b": (1,)}]}, {"a": [{"b": (1.0,)}]}),
    "in a dataclass": (Point(1), Point(True)),
    "in a dataclass without ==": (Bare(1), Bare(2)),
    "in a model": (Order(total=1), Order(total=1.0)),
    "in what a model has more": (Order(total=1, note=1), Order(total=1, note=True)),
    "two classes of model": (Order(total=1), Line(total=1)),
    "in a state": (Success(result=1), Success(result=True)),
    "a result of None and none": (Success(result=None), Success()),
    "one ordered otherwise": (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    "lengths": ([1, 2], [1]),
    "arrays": (Array(1, 2), Array(1, 2)),
    "arrays of one": (Array(1), Array(1)),
    "what refuses": (Refusing(), Refusing()),
    "NaN": (math.nan, float("nan")),
    "an hour that a zone's clock shows twice": (TWICE, TWICE.replace(fold=1)),
    "an hour that a clock shows twice": (datetime(2026, 10, 25, 2), datetime(2026, 10, 25, 2, fold=1)),
    "a time of day that a clock shows twice": (time(2), time(2, fold=1)),
}

INCOMPARABLE: dict[str, Any] = {
    "an array": Array(1, 2),
    "an empty array": Array(),
    "what refuses": Refusing(),
    "NaN": math.nan,
    "an array of one in a list": [Array(1)],
}

HOLDERS: dict[str, Callable[[Any], State[Any]]] = {
    "a result": lambda value: Success(result=value),
    "a wrapped state": lambda value: Queued(state=Retrying(result=[value])),
    "a child": lambda value: Mapped(children=(Success(), Success(result={"k": value}))),
}

every_holder = pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)


@at_once
@every_holder
@pytest.mark.parametrize("make", ALIKE.values(), ids=ALIKE)
def test_states_of_like_values_are_equal_and_have_one_hash(make: Callable[[], Any], holder: Callable[..., Any]) -> None:
    """Two states made alike are equal whatever they hold, also where Python cannot compare or hash it."""
    one, other = holder(make()), holder(make())

    assert one == other
    assert not one != other  # the operator is tested
    assert hash(one) == hash(other)


@at_once
@every_holder
@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_states_differ_where_a_value_differs_in_kind(pair: tuple[Any, Any], holder: Callable[..., Any]) -> None:
    """Another kind of value at any depth makes another state; nothing raises, on either side."""
    one, other = map(holder, pair)

    assert (False, False) == (one == other, other == one)
    assert one != other


@at_once
@every_holder
@pytest.mark.parametrize("name", INCOMPARABLE)
def test_a_value_that_cannot_be_compared_equals_itself(name: str, holder: Callable[..., Any]) -> None:
    """Equality is reflexive: states that hold one array, or one NaN, are equal and have one hash."""
    value = INCOMPARABLE[name]

    assert holder(value) == holder(value)
    assert hash(holder(value)) == hash(holder(value))


IN_CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "a value": lambda value: value,
    "a member": lambda value: {value, 1},
    "a key": lambda value: {value: 1},
}


@pytest.mark.parametrize("container", IN_CONTAINERS.values(), ids=IN_CONTAINERS)
@pytest.mark.parametrize(("fold", "hours"), [(0, 2), (1, 1)])
def test_times_are_equal_by_their_instant(fold: int, hours: int, container: Callable[[Any], Any]) -> None:
    """An hour that a zone's clock shows twice is the same as a time with its offset, which Python never says."""
    zoned = TWICE.replace(fold=fold)
    by_offset = zoned.replace(tzinfo=timezone(timedelta(hours=hours)), fold=0)

    assert zoned != by_offset
    one, other = Success(result=container(zoned)), Success(result=container(by_offset))
    assert one == other
    assert hash(one) == hash(other)


def test_the_order_of_keys_does_not_count() -> None:
    """Dictionaries are equal whatever the order of their keys, at every depth."""
    one, other = Success(result={"a": 1, "b": {1: 2, 3: 4}}), Success(result={"b": {3: 4, 1: 2}, "a": 1})

    assert one == other
    assert hash(one) == hash(other)


PAYLOADS: dict[str, Callable[[int], State[Any]]] = {
    "a message": lambda index: Failed(message=f"m{index}"),
    "a cause": lambda index: Failed(message="m", causes=(ErrorInfo(type="T", message=str(index)),)),
    "a number": lambda index: Success(result=index),
    "a multiple of Python's hash modulus": lambda index: Success(result=index * (2**61 - 1)),
    "a list": lambda index: Success(result=[index]),
    "a dict": lambda index: Success(result={"row": {"id": index}}),
    "a set": lambda index: Success(result={index, -9}),
    "a model": lambda index: Success(result=Order(total=[index])),
    "a dataclass": lambda index: Success(result=Point(index)),
    "a wrapped state": lambda index: Queued(state=Retrying(run_count=index + 1)),
    "a child": lambda index: Mapped(children=[Success(result=[index])]),
}


@at_once
@pytest.mark.parametrize("make", PAYLOADS.values(), ids=PAYLOADS)
def test_distinct_states_have_distinct_hashes(make: Callable[[int], State[Any]]) -> None:
    """A thousand states that differ in a payload fill a set in linear time: hardly two share a hash."""
    assert 990 < len({hash(make(index)) for index in range(1000)})


def test_what_has_no_hash_counts_by_class_and_length() -> None:
    """Arrays of one length share a hash, and nothing that cannot be hashed raises."""
    assert digest(Array(1, 2)) == digest(Array(3, 4))
    assert digest([Refusing()]) == digest([Refusing()])


def test_a_difference_is_named_by_its_steps() -> None:
    """Positions are numbers, fields are names, and keys stand alone in a tuple."""
    one, other = Order(total={"rows": [0, Point(1)]}), Order(total={"rows": [0, Point(2)]})

    assert ("total", ("rows",), 1, "x") == difference(one, other)
    assert () == difference(1, True)
    assert None is difference(one, one.model_copy(deep=True))
    assert (((),), None) == (difference({"a": 1, "b": 2}, {"b": 2, "a": 1}, ordered=True), difference({1: 2}, {1: 2}))


class WeighedForEquality(Success[Any]):
    weights: Any = 0


def test_a_default_is_compared_by_the_same_rule() -> None:
    """Repr and dump show a field that cannot be compared with its default, and one equal to it but of another kind."""
    states = [WeighedForEquality(weights=weights) for weights in (Array(1, 2), False, 0)]

    assert [True, True, False] == ["weights" in state.model_dump() for state in states]
    assert [True, True, False] == ["weights" in repr(state) for state in states]


def test_results_that_cannot_be_compared_reach_the_encoder() -> None:
    """A Mapped with arrays as results is refused by the encoder's own error, not by their ==."""
    children = tuple(Success(result=Array(index, 2)) for index in range(2))

    with pytest.raises(ValueError, match=r"declare the result's type"):
        on_the_wire(Mapped(children=children, result=[Array(0, 2), Array(1, 2)]), Any)
