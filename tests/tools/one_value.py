"""One value everywhere: what a task downstream gets of a returned value, in every way in which it may get it.

Each of 40 return annotations is tried with five values: of exactly its kind, of a kind that its JSON form has, and
wrong. ``python -m tests.tools.one_value`` runs them in line, in threads, in processes, across a resume, and as cached
successes of another run, and prints one row for each; `tests/engine/test_values.py` holds them to one another.
"""

import sys
import tempfile
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from math import inf, nan
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType
from uuid import UUID

from pydantic import BaseModel, Field
from typing_extensions import TypedDict, TypeVar

from statesig import Cached, Executor, Flow, Processes, State, Success, Task, Threads, manual_only, task

T = TypeVar("T")
Number = NewType("Number", int)


class Level(IntEnum):
    LOW = 1


class Unit(StrEnum):
    KILO = "kg"


class Colour(Enum):
    RED = "red"


class Line(BaseModel):
    price: Decimal = Decimal(1)


class Order(BaseModel):
    number: int
    lines: list[Line] = []


class Wider(Order):
    further: int = 1


class Box(BaseModel, Generic[T]):
    inside: T


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


@dataclass
class Point:
    x: float


@dataclass
class Spot(Point):
    name: str = ""


class Pair(NamedTuple):
    left: int
    right: float


class Entry(TypedDict):
    day: date
    amount: float


DAY, NOON = date(2024, 1, 1), datetime(2024, 1, 1, 12, tzinfo=UTC)
KEY = UUID(int=5)

CASES: dict[str, tuple[Any, tuple[Any, Any, Any, Any, Any]]] = {
    "None": (None, (None, 0, "", False, [])),
    "bool": (bool, (True, False, 1, "true", None)),
    "int": (int, (1, Level.LOW, True, 1.0, "1")),
    "float": (float, (1.5, 1, "1", inf, nan)),
    "str": (str, ("a", Unit.KILO, 1, b"a", None)),
    "bytes": (bytes, (b"a", "a", bytearray(b"a"), [97], None)),
    "date": (date, (DAY, "2024-01-01", NOON, 5, "soon")),
    "datetime": (datetime, (NOON, "2024-01-01T12:00:00Z", DAY, 5, "soon")),
    "time": (time, (time(12), "12:30:00", 5, NOON, "noon")),
    "timedelta": (timedelta, (timedelta(1), "PT1S", 5, 0.5, "long")),
    "Decimal": (Decimal, (Decimal("1.0"), 1, "1.50", True, Decimal("nan"))),
    "UUID": (UUID, (KEY, str(KEY), 5, b"5", "five")),
    "Path": (Path, (Path("a/b"), "a/b", 5, b"a", None)),
    "IntEnum": (Level, (Level.LOW, 1, True, 9, "LOW")),
    "StrEnum": (Unit, (Unit.KILO, "kg", "lb", 1, None)),
    "Enum": (Colour, (Colour.RED, "red", "blue", 0, None)),
    "Literal": (Literal["a", 1], ("a", 1, True, 1.0, "b")),
    "NewType": (Number, (Number(3), Level.LOW, True, 1.5, "3")),
    "constrained": (Annotated[int, Field(gt=0)], (1, Level.LOW, 0, True, "1")),
    "list": (list, ([1], [], (1,), {1}, "a")),
    "list[float]": (list[float], ([1.5], [1, 2.5], (1.5,), ["1"], [nan])),
    "tuple": (tuple[int, str], ((1, "a"), [1, "a"], (1,), ("a", 1), "1a")),
    "tuple, ...": (tuple[date, ...], ((DAY,), ["2024-01-01"], {DAY}, [5], "")),
    "set": (set[int], ({1}, [1, 1], frozenset({1}), (1,), {"a"})),
    "frozenset": (frozenset[str], (frozenset({"a"}), ["a", "a"], {"a"}, [1], "a")),
    "deque": (deque[int], (deque([1]), [1], (1,), deque(["a"]), {1})),
    "dict": (dict, ({"a": 1}, Counter("aa"), OrderedDict(a=1), [("a", 1)], None)),
    "dict[str, float]": (dict[str, float], ({"a": 1.5}, {"a": 1}, Counter("aa"), {1: 1.5}, {"a": "1"})),
    "dict[int, date]": (dict[int, date], ({1: DAY}, {"1": "2024-01-01"}, {1.5: DAY}, {1: 5}, [])),
    "Mapping": (Mapping[str, int], ({"a": 1}, Counter("aa"), {"a": True}, {1: 1}, [])),
    "Sequence": (Sequence[int], ([1], (1, 2), range(2), {1}, "12")),
    "Iterable": (Iterable[int], ([1], (1, 2), deque([1]), {"a": 1}, "12")),
    "model": (Order, (Order(number=1), {"number": 1}, Wider(number=1), {"number": "1"}, 5)),
    "models": (list[Order], ([Order(number=1)], [{"number": 1}], [Wider(number=1)], [5], Order(number=1))),
    "generic model": (Box[date], (Box[date](inside=DAY), {"inside": "2024-01-01"}, Box(inside=DAY), Box(inside=5), 5)),
    "tagged union": (Annotated[Cat | Dog, Field(discriminator="kind")], (Dog(), {"kind": "cat"}, {}, Spot(1.5), 5)),
    "dataclass": (Point, (Point(1.5), {"x": 1}, Spot(1.5), {"x": "1"}, (1.5,))),
    "NamedTuple": (Pair, (Pair(1, 2.5), Pair(1, 2), [1, 2], (1,), {"left": "1"})),
    "TypedDict": (Entry, ({"day": DAY, "amount": 1.5}, {"day": "2024-01-01", "amount": 1}, {"day": DAY}, {}, [])),
    "optional": (date | None, (DAY, None, "2024-01-01", NOON, 5)),
    "either": (int | list[date], (1, [DAY], ["2024-01-01"], 1.5, DAY)),
    "ambiguous": (str | date, ("a", DAY, "2024-01-01", 5, NOON)),
    "ambiguous models": (Order | Wider, (Order(number=1), Wider(number=1), {"number": 1}, Spot(1.5), 5)),
}
"""Five values for each annotation."""


def shown(value: Any) -> str:
    """Return a value's class and the value, the same in every process; of a zone the offset, which is what counts."""
    if isinstance(value, datetime):
        return f"datetime {value.isoformat()}"
    items = sorted(value) if isinstance(value, (set, frozenset)) else value
    return f"{type(value).__name__} {items!r}"


@task
def see(value: object) -> str:
    return shown(value)


@task(trigger=manual_only)
def see_later(value: object) -> str:
    return shown(value)


def _giving(name: str, annotation: Any, values: Sequence[Any]) -> Callable[[int], Any]:
    def give(number: int) -> Any:
        return values[number]

    give.__annotations__ = {"number": int, "return": annotation}
    give.__qualname__ = give.__name__ = f"give_{name}"
    return give


GIVING: dict[str, Task[[int], Any]] = {
    f"give_{name}": task(cache_for=timedelta(days=1))(_giving(name, *case)) for name, case in CASES.items()
}
globals().update(GIVING)  # so that other processes find them by their names

PLACES = [(name, number) for name in CASES for number in range(5)]


def flow_of(seen_by: Task[[object], str]) -> Flow:
    with Flow("values") as flow:
        for name, number in PLACES:
            seen_by(GIVING[f"give_{name}"](number))
    return flow


FLOW, GATED = flow_of(see), flow_of(see_later)


def outcomes(states: Iterable[State[Any]]) -> list[str]:
    """Return, of states in pairs, what the second task saw, or what the first one came to."""
    pairs = zip(*[iter(states)] * 2, strict=True)
    return [str(seen.result) if isinstance(given, Success) else _said(given) for given, seen in pairs]


def _said(state: State[Any]) -> str:
    return f"{state.type}: {state.message}"


def ran(executor: Executor | None = None) -> list[str]:
    """Return what comes out without a store."""
    return outcomes(one.state for one in FLOW.run(executor=executor))


def resumed(store: Path) -> list[str]:
    """Return what comes out if a store lies between a value and the task that takes it."""
    run = GATED.run(store=store)
    return outcomes(one.state for one in GATED.resume(run.id, *[f"{one.name}" for one in run][1::2], store=store))


def cached(store: Path) -> list[str]:
    """Return what comes out of the successes that another run has cached."""
    states = [one.state for one in FLOW.run(store=store)]
    assert any(isinstance(state, Cached) for state in states)
    return outcomes(states)


def main() -> int:
    """Print the table; return whether there is a difference."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs.db"
        columns = {
            "in line": ran(),
            "threads": ran(Threads(4)),
            "processes": ran(Processes(2)),
            "resumed": resumed(store),
            "cached": cached(store),
        }
    differ = 0
    print(f"{'annotation':18} {'returned':40} {'seen downstream':50} {', '.join(columns)}")
    for place, (name, number) in enumerate(PLACES):
        found = {way: column[place] for way, column in columns.items()}
        is_one = len({*found.values()}) == 1
        differ += not is_one
        returned = shown(CASES[name][1][number])
        print(f"{name:18} {returned:40.40} {found['in line']:50.50} {'the same' if is_one else found}")
    invalid = sum(one.startswith("ValidationFailed") for one in columns["in line"])
    print(f"{len(CASES)} annotations, {len(PLACES)} values: {len(PLACES) - invalid} valid, {invalid} ValidationFailed")
    print(f"{differ} not the same in all of {len(columns)} ways")
    return differ > 0


if __name__ == "__main__":
    sys.exit(main())
