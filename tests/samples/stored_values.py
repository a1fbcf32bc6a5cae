"""A flow of values of many types, run in one process up to what is paused, and resumed in another.

``python -m tests.samples.stored_values STORE RUN`` resumes it, and prints of each value whether what came back is what
it was: "as it was", or where it is not.
"""

import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType
from uuid import UUID

from pydantic import BaseModel, Field
from typing_extensions import TypedDict, TypeVar

from statesig import Flow, Task, manual_only, task
from statesig.codec.faithful import difference

T = TypeVar("T")
Number = NewType("Number", int)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Unit(StrEnum):
    KILO = "kg"


class Line(BaseModel):
    article: str
    price: Decimal
    colour: Colour = Colour.RED


class Order(BaseModel):
    number: int
    day: date
    lines: list[Line] = []
    notes: dict[str, Level] = {}


class Box(BaseModel, Generic[T]):
    inside: T


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str = "Rex"


@dataclass
class Point:
    x: float
    y: float = 0.0


@dataclass(frozen=True)
class Track:
    begun: datetime
    points: tuple[Point, ...] = ()
    tags: set[str] = field(default_factory=set)


class Pair(NamedTuple):
    left: int
    right: date


class Entry(TypedDict):
    day: date
    amount: Decimal


LINE = Line(article="nail", price=Decimal("0.10"), colour=Colour.BLUE)
ORDER = Order(number=7, day=date(2026, 1, 22), lines=[LINE], notes={"a": Level.HIGH})
NOON = datetime(2026, 1, 22, 12, 30, 15, 123456, tzinfo=UTC)
EAST = datetime(2026, 1, 22, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
POINT = Point(1.5)
TRACK = Track(NOON, (POINT, Point(-0.25, 1e300)), {"a", "b"})

VALUES: dict[str, tuple[Any, Any]] = {
    "none": (None, None),
    "true": (bool, True),
    "whole": (int, 2**80),
    "fraction": (float, 0.1),
    "text": (str, "größer \N{SNOWMAN} \x00"),
    "new_type": (Number, Number(3)),
    "model": (Order, ORDER),
    "model_of_type": (Box[date], Box[date](inside=date(2026, 1, 1))),
    "either_model": (Annotated[Cat | Dog, Field(discriminator="kind")], Dog(name="Ada")),
    "data": (Point, POINT),
    "frozen_data": (Track, TRACK),
    "moment": (datetime, NOON),
    "moment_elsewhere": (datetime, EAST),
    "naive_moment": (datetime, datetime(2026, 1, 22)),
    "day": (date, date(2026, 1, 22)),
    "hour": (time, time(12, 30, 1)),
    "span": (timedelta, timedelta(days=-1, microseconds=1)),
    "amount": (Decimal, Decimal("10.00")),
    "colour": (Colour, Colour.BLUE),
    "level": (Level, Level.HIGH),
    "unit": (Unit, Unit.KILO),
    "identity": (UUID, UUID(int=5)),
    "place": (Path, Path("a/b.csv")),
    "octets": (bytes, b"abc"),
    "named": (Pair, Pair(1, date(2026, 1, 2))),
    "typed_dict": (Entry, Entry(day=date(2026, 1, 2), amount=Decimal("1.0"))),
    "literal": (Literal["a", "b"], "b"),
    "optional": (date | None, date(2026, 1, 2)),
    "either": (int | date, date(2026, 1, 2)),
    "models": (list[Order], [ORDER, Order(number=1, day=date(1, 1, 1))]),
    "data_list": (list[Track], [TRACK]),
    "moments": (list[datetime], [NOON, EAST]),
    "amounts": (dict[str, Decimal], {"net": Decimal("1.10"), "vat": Decimal("0.21")}),
    "colours": (list[Colour], [Colour.RED, Colour.BLUE]),
    "by_day": (dict[date, list[Order]], {date(2026, 1, 22): [ORDER]}),
    "by_number": (dict[int, Colour], {1: Colour.RED, -2: Colour.BLUE}),
    "by_colour": (dict[Colour, Decimal], {Colour.RED: Decimal(1)}),
    "tuple": (tuple[int, date, Line], (1, date(2026, 1, 2), LINE)),
    "tuples": (list[tuple[str, Decimal]], [("a", Decimal("1.5"))]),
    "numbers": (set[int], {3, 1, 2}),
    "days": (frozenset[date], frozenset({date(2026, 1, 2)})),
    "plain": (dict[str, Any], {"a": [1, 2.5, None, {"b": True}]}),
    "nothing": (list[Order], []),
}
"""Values, each with the type that a task declares it as."""


def giving(name: str, declared: Any, value: Any) -> Task[..., Any]:
    def give() -> Any:
        return value

    give.__annotations__ = {"return": declared}
    return task(name=f"give_{name}")(give)


def echoing(name: str, declared: Any) -> Task[..., Any]:
    def echo(value: Any) -> Any:
        return value

    echo.__annotations__ = {"value": declared, "return": declared}
    return task(name=f"echo_{name}")(echo)


def checking(name: str, expected: Any) -> Task[..., Any]:
    """Return a task that waits for a person, and then says whether what it is given is what it was."""

    def check(value: Any, items: list[Any], given: Any) -> str:
        pairs = {"result": (expected, value), "items": ([expected] * 2, items), "parameter": (expected, given)}
        found = {place: difference(*pair) for place, pair in pairs.items()}
        return ", ".join(f"{place}{path} differs" for place, path in found.items() if path is not None) or "as it was"

    return task(name=f"check_{name}", trigger=manual_only)(check)


with Flow("values") as flow:
    for name, (declared, value) in VALUES.items():
        items = flow.map(echoing(name, declared), [value, value])
        checking(name, value)(giving(name, declared, value)(), items, flow.parameter(name, declared))


if __name__ == "__main__":
    for one in flow.resume(sys.argv[2], *[f"check_{name}" for name in VALUES], store=sys.argv[1]):
        if one.name.startswith("check_"):
            print(one.name.removeprefix("check_"), one.state.result or one.state)
