"""What the tests share: the kinds of the contract as a table, a sample of each, and Hypothesis strategies for payloads.

The table is written by hand, so that it can disagree with the package.
"""

import dataclasses
import enum
import json
import os
import re
import subprocess
import sys
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict, TypeVar

from statesig import (
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    ErrorInfo,
    Failed,
    Finished,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)
from statesig.states import UtcDatetime
from tests import ROOT

R = TypeVar("R", default=Any)


# ---- states and results of users


class Address(BaseModel):
    """A user's model, held by a user's field."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int = 443


class Withheld(Failed[R], tag="withheld/1"):
    """A user's state: a tag of its own, a required field, a time, a tuple."""

    reason: str
    until: UtcDatetime | None = None
    rows: tuple[int, ...] = ()


class Leased(Running[R]):
    """A user's state whose fields do not read back without conversion."""

    lease: timedelta = timedelta(minutes=1)
    owner: Address | None = None


class Line(BaseModel):
    """A part of an order."""

    item: str
    count: int = 1


class Order(BaseModel):
    """A result as users have them."""

    id: int
    placed: datetime
    total: Decimal
    lines: tuple[Line, ...] = ()


class Color(enum.Enum):
    """An enumeration of text."""

    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    """An enumeration of numbers, which are ints, too."""

    LOW = 1
    HIGH = 2


@dataclasses.dataclass(frozen=True)
class Point:
    """A dataclass of the standard library."""

    x: int
    y: float = 0.0
    seen: date | None = None


class Pair(NamedTuple):
    """A named tuple."""

    name: str
    day: date


class Movie(TypedDict):
    """A typed dictionary."""

    title: str
    year: int


# ---- the kinds, as section 3 of the contract draws them

PARENTS: dict[type[State[Any]], type[State[Any]] | None] = {
    State: None,
    Pending: State,
    Scheduled: Pending,
    Resume: Scheduled,
    Retrying: Scheduled,
    Looped: Scheduled,
    Paused: State,
    MetaState: State,
    Queued: MetaState,
    Submitted: MetaState,
    Running: State,
    Cancelling: State,
    Finished: State,
    Success: Finished,
    Cached: Success,
    Mapped: Success,
    Skipped: Success,
    Failed: Finished,
    TimedOut: Failed,
    TriggerFailed: Failed,
    ValidationFailed: Failed,
    Crashed: Failed,
    Cancelled: Finished,
    MapFailed: Failed,
    MapCancelled: Cancelled,
    Withheld: Failed,
    Leased: Running,
}
ABSTRACT = (State, MetaState, Finished)
CONCRETE = tuple(cls for cls in PARENTS if cls not in ABSTRACT)
BUILT_IN = tuple(cls for cls in CONCRETE if cls not in (Withheld, Leased))
BRANCHES = (Pending, Paused, Queued, Submitted, Running, Cancelling, Success, Failed, Cancelled)


def ancestors(kind: type[Any] | None, parents: Mapping[type[Any], type[Any] | None] = PARENTS) -> tuple[type[Any], ...]:
    """Return a kind and all above it."""
    return () if kind is None else (kind, *ancestors(parents[kind], parents))


def is_kind_of(cls: type[Any], kind: type[Any], parents: Mapping[type[Any], type[Any] | None] = PARENTS) -> bool:
    """Tell from the table alone whether a class is a kind of another."""
    return kind in ancestors(cls, parents)


def name_of(value: Any) -> str:
    """Return what pytest shows for a parameter."""
    return getattr(value, "__name__", str(value))


def shown(value: Any) -> str:
    """Return what pytest shows for a parameter of any kind: the same in every process, and short."""
    return re.sub(r" at 0x[0-9a-f]+", "", name_of(value) if isinstance(value, type) else str(value))[:60]


# ---- a sample of each concrete kind; no field has its default

NOON = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
CAUSE = ErrorInfo(type="builtins.OSError", message="disk full", notes=("while writing", "é"), traceback="line 1")
SHARED: dict[str, Any] = {"message": "as asked", "result": {"rows": [1, 2.5, None, "é"]}, "causes": (CAUSE,)}
ORDER = Order(id=7, placed=NOON, total=Decimal("9.90"), lines=(Line(item="tea", count=2),))

FIELDS: dict[type[State[Any]], dict[str, Any]] = {
    Pending: {},
    Scheduled: {"start_time": NOON},
    Resume: {"start_time": NOON},
    Retrying: {"start_time": NOON, "run_count": 3},
    Looped: {"start_time": NOON, "loop_count": 4},
    Paused: {"until": NOON},
    Queued: {"state": Retrying(message="inner", run_count=2)},
    Submitted: {"state": Scheduled(message="inner", start_time=NOON)},
    Running: {},
    Cancelling: {},
    Success: {},
    Cached: {"expires": NOON},
    Mapped: {
        "children": (
            Success(result=[1]),
            Mapped(children=(Skipped(message="deep"), Cached(expires=NOON, result=None))),
        )
    },
    Skipped: {},
    Failed: {"retryable": False},
    TimedOut: {"retryable": False},
    TriggerFailed: {"retryable": True},
    ValidationFailed: {"retryable": False},
    Crashed: {"retryable": False},
    Cancelled: {},
    MapFailed: {
        "retryable": True,
        "children": (
            Success(result=[1]),
            Withheld(reason="why", rows=(1, 2)),
            MapFailed(children=(MapCancelled(children=(Cancelled(message="deep"),)), Failed())),
        ),
    },
    MapCancelled: {"children": (Cancelled(), Mapped(children=(Skipped(message="deep"),)))},
    Withheld: {"retryable": False, "reason": "not signed", "until": NOON, "rows": (3, 1)},
    Leased: {"lease": timedelta(hours=1, microseconds=5), "owner": Address(host="a.example", port=8080)},
}
REQUIRED: dict[type[State[Any]], dict[str, Any]] = {
    Queued: {"state": Pending()},
    Submitted: {"state": Pending()},
    Withheld: {"reason": "why"},
    MapFailed: {"children": (Failed(),)},
    MapCancelled: {"children": (Cancelled(),)},
}
SAMPLES: dict[type[State[Any]], State[Any]] = {cls: cls(**SHARED, **fields) for cls, fields in FIELDS.items()}
BARE: dict[type[State[Any]], State[Any]] = {cls: cls(**REQUIRED.get(cls, {})) for cls in CONCRETE}


# ---- comparing more closely than equality does


def fingerprint(value: Any) -> Any:
    """Return a value that is equal for two values of the same classes and content, all the way down.

    Equality alone takes 1 for True, an enumeration's member for its text and a tuple of either. A state stands for its
    class whether parametrised or not, as its own equality has it.
    """
    cls: Any = type(value)
    if isinstance(value, State):
        fields = tuple((name, fingerprint(item)) for name, item in value.__dict__.items())
        return cls.__pydantic_generic_metadata__["origin"] or cls, fields, value.has_result
    if isinstance(value, BaseModel):
        return cls, fingerprint(value.__dict__), fingerprint(value.__pydantic_extra__)
    if dataclasses.is_dataclass(cls):
        return cls, tuple(fingerprint(getattr(value, field.name)) for field in dataclasses.fields(cls))
    if isinstance(value, dict):
        return cls, tuple((fingerprint(key), fingerprint(item)) for key, item in value.items())
    if isinstance(value, (list, tuple, deque)):
        return cls, tuple(fingerprint(item) for item in value)
    if isinstance(value, (set, frozenset)):
        return cls, frozenset(fingerprint(item) for item in value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return cls, (value - value.utcoffset()).replace(tzinfo=None).isoformat()  # type: ignore[operator]  # aware
    if isinstance(value, (datetime, time)):
        return cls, repr(value)
    if isinstance(value, int):
        return cls, value + 0  # the largest have no repr
    return cls, repr(value + 0.0 if isinstance(value, float) else value)  # minus zero is zero


# ---- payloads

texts = st.text(max_size=12)
small_integers = st.integers(-(10**30), 10**30)
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | small_integers | finite | texts
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
causes = st.builds(
    ErrorInfo, type=texts, message=texts, notes=st.lists(texts, max_size=2).map(tuple), traceback=st.none() | texts
)
lines = st.builds(Line, item=texts, count=small_integers)
orders = st.builds(
    Order, id=small_integers, placed=moments, total=decimals, lines=st.lists(lines, max_size=2).map(tuple)
)
addresses = st.builds(Address, host=texts, port=small_integers)
points = st.builds(Point, x=small_integers, y=finite, seen=st.none() | st.dates())

# Declared results: a type, and values of it that must survive.
DECLARED: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "model": (Order, orders),
    "tuple": (tuple[int, date], st.tuples(small_integers, st.dates())),
    "datetime": (datetime, moments),
    "decimal": (Decimal, decimals),
    "nested": (
        dict[str, list[Order | None]],
        st.dictionaries(texts, st.lists(st.none() | orders, max_size=2), max_size=2),
    ),
    "optional": (int | None, st.none() | small_integers),
    "enum": (Color, st.sampled_from(Color)),
    "int enum": (list[Level], st.lists(st.sampled_from(Level), max_size=3)),
    "dataclass": (Point, points),
    "exact": (dict[str, list[int | None]], st.dictionaries(texts, st.lists(st.none() | small_integers, max_size=3))),
    "identity": (uuid.UUID, st.uuids()),
    "clock": (tuple[time, timedelta], st.tuples(st.times().map(lambda clock: clock.replace(fold=0)), st.timedeltas())),
    "set": (frozenset[str], st.frozensets(texts, max_size=3)),
    "named tuple": (Pair, st.builds(Pair, texts, st.dates())),
    "typed dict": (Movie, st.fixed_dictionaries({"title": texts, "year": small_integers})),
    "state": (Finished[int], st.builds(Success[int], result=small_integers) | st.builds(Failed[int], message=texts)),
}

_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "message": st.none() | texts,
    "causes": st.lists(causes, max_size=2).map(tuple),
    "start_time": st.none() | moments,
    "run_count": st.integers(1, 10**6),
    "loop_count": st.integers(1, 10**6),
    "expires": st.none() | moments,
    "retryable": st.booleans(),
    "reason": texts,
    "until": st.none() | moments,
    "rows": st.lists(small_integers, max_size=3).map(tuple),
    "lease": st.timedeltas(),
    "owner": st.none() | addresses,
}
PENDING = tuple(cls for cls in CONCRETE if is_kind_of(cls, Pending))


@st.composite
def payloads(
    draw: st.DrawFn,
    cls: type[State[Any]],
    declared: Any = None,
    results: st.SearchStrategy[Any] = json_values,
    depth: int = 1,
) -> State[Any]:
    """Draw a state of a class: each field from its own strategy, or left out where it may be.

    Args:
        draw: Hypothesis's own.
        cls: A concrete class, not parametrised.
        declared: The type of the result; None where it is not declared.
        results: What the result is drawn from.
        depth: How many levels of children a Mapped may have.
    """
    given: dict[str, Any] = {}
    for name, field in cls.model_fields.items():
        if not field.is_required() and not draw(st.booleans()):
            continue
        if name == "result":
            given[name] = draw(results)
        elif name == "state":
            given[name] = draw(st.sampled_from(PENDING).flatmap(lambda kind: payloads(kind, declared, results)))
        elif name == "children":
            given[name] = draw(_children(cls, depth))
        else:
            given[name] = draw(_BY_NAME[name])
    made: Any = cls if declared is None else cls[declared]  # type: ignore[index]  # generic, as every state is
    state: State[Any] = made(**given)
    return state


WITH_CHILDREN: dict[type[State[Any]], tuple[type[State[Any]], ...]] = {
    Mapped: (Success,),
    MapFailed: (Success, Failed, Cancelled),
    MapCancelled: (Success, Cancelled),
}
"""The branches of the children of each class that has some."""


def _children(cls: type[State[Any]], depth: int) -> st.SearchStrategy[tuple[State[Any], ...]]:
    """Draw the children that a class may have; of a MapFailed at least one failed, and so on."""

    def of(*branches: type[State[Any]]) -> st.SearchStrategy[State[Any]]:
        kinds = [one for one in CONCRETE if any(is_kind_of(one, branch) for branch in branches)]
        kinds = kinds if depth else [one for one in kinds if one not in WITH_CHILDREN]
        return st.sampled_from(kinds).flatmap(lambda kind: payloads(kind, depth=depth - 1))

    some = st.lists(of(*WITH_CHILDREN[cls]), max_size=2).map(tuple)
    return some if cls is Mapped else st.tuples(some, of(PARENTS[cls] or cls)).map(lambda drawn: (*drawn[0], drawn[1]))


def undeclared_or_declared(cls: type[State[Any]], *, without: str = "") -> st.SearchStrategy[State[Any]]:
    """Draw a state of a class, its result of no declared type or of one of `DECLARED`, but one."""
    names = sorted(set(DECLARED) - {without})
    declared = st.sampled_from(names).flatmap(lambda name: payloads(cls, *DECLARED[name]))
    return payloads(cls) | declared


# ---- another process


def run_python(program: str, *, stdin: bytes | None = None) -> Any:
    """Run a program in a fresh interpreter that can import the tests, and return the JSON that it prints.

    Raises:
        AssertionError: The program failed; with what it wrote to stderr.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
