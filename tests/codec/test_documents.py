"""States as JSON: what is written, what reads back, what is refused, and within which limits."""

import dataclasses
import datetime as dt
import enum
import json
import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypeVar

import statesig
from statesig import (
    Cached,
    Cancelled,
    DecodeError,
    EncodeError,
    ErrorInfo,
    Failed,
    Finished,
    Limits,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Paused,
    Pending,
    Queued,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    decode,
    decode_event,
    encode,
    schema,
)
from tests import ROOT
from tests.golden import write as golden
from tests.harness.cases import at_once
from tests.harness.exhaustive import exhaustive_but, one_in
from tests.harness.profile import EXAMPLES
from tests.harness.strategies import (
    ABSTRACT,
    BARE,
    BUILT_IN,
    CAUSE,
    CONCRETE,
    DECLARED,
    NOON,
    ORDER,
    PARENTS,
    SAMPLES,
    Address,
    Color,
    Leased,
    Level,
    Movie,
    Order,
    Pair,
    Point,
    Withheld,
    fingerprint,
    is_kind_of,
    json_values,
    name_of,
    payloads,
    run_python,
    shown,
    undeclared_or_declared,
)

R = TypeVar("R", default=Any)
SECRET = "hunter2"

FEWER = max(min(15, EXAMPLES * 3 // 4), EXAMPLES // 5)
every_class = pytest.mark.parametrize("cls", CONCRETE, ids=name_of)
third_class = pytest.mark.parametrize("cls", one_in(3, CONCRETE, others=pytest.mark.thorough), ids=name_of)
"""One class in three: each has its place in the corpus, too."""
every_kind = pytest.mark.parametrize("kind", PARENTS, ids=name_of)
some_kinds = pytest.mark.parametrize(
    "kind",
    exhaustive_but([State, Withheld], PARENTS, thorough=[MetaState, Success, MapFailed]),
    ids=name_of,
)


class Noted(Success[R]):
    """A user's state with a field in which anything may be."""

    note: Any = None


class Sheet(BaseModel):
    """A user's lax model, with fields in which much may be."""

    any: Any = None
    number: float | None = None


class Filed(Success[R]):
    """A user's state with a model as field."""

    sheet: Sheet = Sheet()


# ---- the law


@third_class
@given(data=st.data())
def test_decode_gives_back_what_encode_wrote(cls: Any, data: st.DataObject) -> None:
    """`decode(encode(s), type(s)) == s`, of the same class, whatever the payload and the result's type."""
    state = data.draw(undeclared_or_declared(cls))

    back = decode(encode(state), type(state))

    assert (type(state), state) == (type(back), back)


@third_class
@given(data=st.data())
def test_a_state_has_one_form(cls: Any, data: st.DataObject) -> None:
    """A state is written as the same bytes each time, and so is what is decoded from it."""
    state = data.draw(undeclared_or_declared(cls, without="set"))  # which has no order of its own
    written = encode(state)

    assert written == encode(state)
    assert written == encode(decode(written, type(state)))


@third_class
@given(data=st.data())
def test_the_class_is_known_from_the_document(cls: Any, data: st.DataObject) -> None:
    """Decoding as State gives the same as decoding as the class, where no type of result is declared."""
    state = data.draw(payloads(cls))

    assert fingerprint(state) == fingerprint(decode(encode(state)))


@pytest.mark.parametrize("name", DECLARED)
@given(data=st.data())
def test_declared_results_come_back_as_their_type(name: str, data: st.DataObject) -> None:
    """A result of a declared type is accepted, and reads back in the classes of all its parts."""
    declared, results = DECLARED[name]
    state = Success[declared](result=data.draw(results))

    assert fingerprint(state) == fingerprint(decode(encode(state), Success[declared]))


def given_fields(state: State[Any]) -> dict[str, Any]:
    """Return the fields that were given, but the tag."""
    return {name: getattr(state, name) for name in state.model_fields_set - {"type"}}


# ---- whatever encode accepts

ODD: tuple[Any, ...] = (
    math.nan,
    math.inf,
    -0.0,
    "\ud800",
    "2026-03-01",
    "1",
    "",
    "red",
    10**4300,
    10**4299,
    2**64,
    b"bytes",
    b"\xff",
    bytearray(b"x"),
    dt.date(2026, 3, 1),
    NOON,
    dt.datetime(2026, 3, 1),
    dt.datetime(2026, 3, 1, tzinfo=dt.timezone(dt.timedelta(seconds=1))),
    dt.timedelta(seconds=1),
    dt.time(1, 2),
    Decimal("1.0"),
    Fraction(1, 3),
    1j,
    Color.RED,
    Level.LOW,
    Point(1),
    Pair("a", dt.date(2026, 3, 1)),
    Address(host="a"),
    OrderedDict(a=1),
    defaultdict(int, a=1),
    deque([1]),
    Success(result=1),
    Success[int](result=1),
    Failed(message="x"),
    ValueError("x"),
    object(),
    len,
    int,
    Path("/tmp"),
    ...,
)
# By index: Hypothesis shows what it samples from, and the largest numbers have no repr.
odd = st.integers(0, len(ODD) - 1).map(ODD.__getitem__)
leaves = odd | st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3)
hashables = st.sampled_from([1, 1.0, True, "1", "a", None, (1,), Level.LOW, Color.RED, dt.date(2026, 3, 1), 2.5])
anything = st.recursive(
    leaves | st.sets(hashables, max_size=3) | st.frozensets(hashables, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | hashables, inner, max_size=3)
        | st.builds(OrderedDict, st.dictionaries(st.text(max_size=2), inner, max_size=2))
        | st.builds(Sheet, any=inner)
    ),
    max_leaves=12,
)


class Shade(enum.Enum):
    """An enumeration whose values are those of another type."""

    RED = "red"
    ONE = 1


ANNOTATIONS: tuple[Any, ...] = (
    Any,
    object,
    int,
    float,
    bool,
    str,
    bytes,
    Decimal,
    dt.date,
    dt.datetime,
    dt.time,
    dt.timedelta,
    Path,
    complex,
    Color,
    Level,
    Point,
    Pair,
    Movie,
    Sheet,
    Address,
    State,
    Finished[int],
    None,
    type(None) | int,
    int | float,
    int | str,
    str | dt.date,
    dt.date | str,
    str | bytes,
    bytes | str,
    Decimal | str,
    float | Decimal,
    Color | str,
    str | Color,
    Level | int,
    int | Level,
    Literal[1, "1", True],
    Literal[Shade.RED, "red"],
    Literal["red", Shade.RED],
    Literal[Shade.ONE, 1],
    Literal[Shade.RED],
    list,
    dict,
    tuple,
    set,
    list[Any],
    list[int],
    tuple[Any, ...],
    tuple[int, ...],
    tuple[()],
    set[Any],
    set[int],
    set[int] | list[int],
    list[int] | set[int],
    set[tuple[Any, ...]],
    list[int] | tuple[int, ...],
    list[float] | list[int],
    frozenset[Any],
    deque[Any],
    dict[str, Any],
    dict[int, Any],
    dict[Any, Any],
    dict[int | str, int],
    dict[dt.date, int],
    dict[Color, int],
    dict[tuple[int, ...], int],
    Sequence[Any],
    Mapping[str, Any],
    Address | Sheet,
    Movie | dict[str, Any],
    Point | dict[str, Any],
)
third_annotation = pytest.mark.parametrize("annotation", one_in(3, ANNOTATIONS, others=pytest.mark.thorough), ids=shown)


@given(value=anything)
@example(value=[0, 1, 2, 3, 4, 5, 6, 7, 8, Level.LOW])
@example(value=[0, 1, 2, 3, 4, 5, 6, 7, 8, math.nan])
@example(value={str(index): (index,) for index in range(20)})
@example(value={"a": {"b": {"c": {1: 2}}}})
def test_an_undeclared_result_that_is_accepted_reads_back(value: Any) -> None:
    """Whatever the result, encode raises EncodeError, or decode gives back the same of the same classes."""
    assert_accepted_reads_back(Success(result=value))


@given(value=anything)
@example(value="\ud800")
@example(value=10**4300)
@example(value=math.inf)
def test_a_field_that_is_accepted_reads_back(value: Any) -> None:
    """Whatever stands in a field typed Any, encode raises EncodeError, or decode gives back the same."""
    assert_accepted_reads_back(Noted(note=value))
    assert_accepted_reads_back(Filed(sheet=Sheet(any=value)))
    assert_accepted_reads_back(Mapped(children=(Success(result=value), Noted(note=value))))
    assert_accepted_reads_back(Queued(state=Scheduled(result=value)))


@third_annotation
@settings(max_examples=FEWER)  # each; there are many
@given(value=anything)
def test_a_declared_result_that_is_accepted_reads_back(annotation: Any, value: Any) -> None:
    """Whatever the declared type and the value, what encode accepts decodes to the same of the same classes."""
    try:
        state = Success[annotation](result=value)
    except ValidationError:
        return

    assert_accepted_reads_back(state)


ODD_OR_NESTED = (
    *ODD, 1, 1.0, True, [1], (1,), {1}, {"a": (1,)}, {1: 2}, {(Level.LOW,)}, [(Level.LOW,)], Shade.RED, Shade.ONE
)  # fmt: skip


@at_once
@third_annotation
def test_each_odd_value_of_a_type_reads_back_or_is_refused(annotation: Any) -> None:
    """The same, with each odd value there is."""
    lost = []
    for value in ODD_OR_NESTED:
        try:
            state = Success[annotation](result=value)
        except ValidationError:
            continue
        try:
            assert_accepted_reads_back(state)
        except AssertionError:
            lost.append(value)

    assert [] == lost


def assert_accepted_reads_back(state: State[Any]) -> None:
    """Fail if encode accepts a state that decode does not give back, class by class."""
    try:
        written = encode(state)
    except EncodeError:
        return

    assert fingerprint(state) == fingerprint(decode(written, type(state)))


# ---- the canonical form


@at_once
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Success(), '{"type":"Success"}'),
        (Success(result=None), '{"type":"Success","result":null}'),
        (Success(message=None, causes=()), '{"type":"Success"}'),
        (Success(message=""), '{"type":"Success","message":""}'),
        (Success(message='é "q" \n \u2028'), '{"type":"Success","message":"é \\"q\\" \\n \u2028"}'),
        (
            Success(result={"b": 1, "a": [1.0, -0.0, 1e-300]}),
            '{"type":"Success","result":{"b":1,"a":[1.0,-0.0,1e-300]}}',
        ),
        (Scheduled(start_time=NOON), '{"type":"Scheduled","start_time":"2026-03-01T12:30:15.123456Z"}'),
        (
            Scheduled(start_time=dt.datetime(2026, 3, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
            '{"type":"Scheduled","start_time":"2026-02-28T23:00:00Z"}',
        ),
        (
            Retrying(run_count=2, start_time=NOON, result=1, message="m"),
            '{"type":"Retrying","message":"m","result":1,"start_time":"2026-03-01T12:30:15.123456Z","run_count":2}',
        ),
        (Retrying(run_count=1), '{"type":"Retrying"}'),
        (Queued(state=Retrying()), '{"type":"Queued","state":{"type":"Retrying"}}'),
        (Cached(expires=None), '{"type":"Cached"}'),
        (Paused(until=NOON), '{"type":"Paused","until":"2026-03-01T12:30:15.123456Z"}'),
        (Paused(until=None), '{"type":"Paused"}'),
        (
            MapFailed(children=(Success(result=None), Failed(message="m"))),
            '{"type":"MapFailed","children":[{"type":"Success","result":null},{"type":"Failed","message":"m"}]}',
        ),
        (
            Failed(causes=(ErrorInfo(type="E", message="m"), CAUSE)),
            '{"type":"Failed","causes":[{"type":"E","message":"m"},{"type":"builtins.OSError","message":"disk full",'
            '"notes":["while writing","é"],"traceback":"line 1"}]}',
        ),
        (statesig.TriggerFailed(), '{"type":"TriggerFailed"}'),
        (statesig.TriggerFailed(retryable=True), '{"type":"TriggerFailed","retryable":true}'),
        (
            Withheld(rows=(1, 2), reason="why", message="m", retryable=False),
            '{"type":"withheld/1","message":"m","retryable":false,"reason":"why","rows":[1,2]}',
        ),
        (Leased(lease=dt.timedelta(hours=1)), '{"type":"Leased","lease":"PT1H"}'),
        (Success[Decimal](result=Decimal("1.10")), '{"type":"Success","result":"1.10"}'),
        (Success[Pair](result=Pair("a", dt.date(2026, 3, 1))), '{"type":"Success","result":["a","2026-03-01"]}'),
        (
            Success[Point](result=Point(1, 2.5, NOON.date())),
            '{"type":"Success","result":{"x":1,"y":2.5,"seen":"2026-03-01"}}',
        ),
    ],
    ids=repr,
)
def test_the_canonical_form(state: State[Any], expected: str) -> None:
    """The tag first, then the fields in order, those equal to their default left out, the result if given."""
    assert expected.encode() == encode(state)


def test_the_order_of_arguments_does_not_matter() -> None:
    """Fields are written in the order of the class, not in that of the call; a result's keys stay as they are."""
    one = Retrying(message="m", run_count=2, result={"b": 1, "a": 2})
    other = Retrying(result={"b": 1, "a": 2}, run_count=2, message="m")

    assert encode(one) == encode(other)


@at_once
@every_class
def test_a_field_equal_to_its_default_is_not_written(cls: Any) -> None:
    """A bare state is its tag and what it requires."""
    assert {"type", *BARE[cls].model_fields_set} >= set(json.loads(encode(BARE[cls])))


@at_once
@every_class
def test_a_parametrised_state_is_written_as_the_plain_one(cls: Any) -> None:
    """The declared type of a result is not on the wire."""
    assert encode(BARE[cls]) == encode(cls[int](**given_fields(BARE[cls])))


@pytest.mark.parametrize("child", [Success[int](result=1), Failed[Order](message="m")], ids=repr)
def test_a_parametrised_state_within_a_state_is_written(child: State[Any]) -> None:
    """A child whose result reads back without its declared type is accepted: it reads back as an equal state."""
    state = MapFailed(children=(child, Failed()))

    assert state == decode(encode(state))


def test_a_result_whose_model_has_aliases_reads_back() -> None:
    """A declared result's model may name a field otherwise in JSON, as pydantic's users do."""

    class Labelled(BaseModel):
        from_: str = Field(alias="from")

    state = Success[Labelled](result=Labelled(**{"from": "there"}))

    assert state == decode(encode(state), Success[Labelled])


def test_encode_takes_states_alone() -> None:
    """What is no state is a TypeError."""
    for value in ({"type": "Success"}, None, Success, b"{}", Address(host="a")):
        with pytest.raises(TypeError):
            encode(value)  # type: ignore[arg-type]  # the point


# ---- what cannot be written


class Text(str):
    """Text of a class of its own."""


class Number(int):
    """A number of a class of its own."""


class Words(list[Any]):
    """A list of a class of its own."""


class Colour(str, enum.Enum):  # noqa: UP042  # the older form, on purpose
    """An enumeration whose members are text."""

    RED = "red"


class Named(NamedTuple):
    """A tuple with names."""

    a: int


def nested(depth: int) -> Any:
    """Return lists within each other."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def circular() -> Any:
    """Return a list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


DEEP_PATH = "result" + "[0]" * 99
UNWRITABLE: dict[str, tuple[Callable[[], State[Any]], str]] = {
    "NaN": (lambda: Success(result=math.nan), "result"),
    "infinity": (lambda: Success(result=math.inf), "result"),
    "minus infinity in a list": (lambda: Success(result=[1, -math.inf]), "result[1]"),
    "NaN nested deep": (lambda: Success(result={"a": [{"b": {"c": [0, math.nan]}}]}), "result.a[0].b.c[1]"),
    "NaN in a long list": (lambda: Success(result=[0.5] * 40 + [math.nan]), "result[40]"),
    "a lone surrogate": (lambda: Success(result=[SECRET + "\ud800"]), "result[0]"),
    "a lone surrogate in a key": (lambda: Success(result={"a": {SECRET + "\ud800": 1}}), "result.a.?"),
    "a lone surrogate in the message": (lambda: Success(message=SECRET + "\udfff"), "message"),
    "a lone surrogate in a cause": (
        lambda: Failed(causes=(CAUSE, ErrorInfo(type="E", message=SECRET + "\ud800"))),
        "causes[1].message",
    ),
    "a number past 4,300 digits": (lambda: Success(result=10**4300), "result"),
    "a negative number past 4,300 digits": (lambda: Success(result=[-(10**4300)]), "result[0]"),
    "a number past 4,300 digits in a mapping": (lambda: Success(result={"a": 10**4300}), "result.a"),
    "a number past 4,300 digits in a long list": (lambda: Success(result=[0] * 20 + [10**4300]), "result[20]"),
    "a declared number past 4,300 digits": (lambda: Success[int](result=10**4300), "result"),
    "a count past 4,300 digits": (lambda: Retrying(run_count=10**4300), "run_count"),
    "a number past 4,300 digits in a field": (lambda: Noted(note={"a": 10**4300}), "note.a"),
    "nesting past the limit": (lambda: Success(result=nested(100)), "the document"),
    "nesting past any limit": (lambda: Success(result=nested(5000)), DEEP_PATH),
    "a list that holds itself": (lambda: Success(result=circular()), DEEP_PATH),
    "a tuple": (lambda: Success(result=(SECRET,)), "result"),
    "a tuple in a list": (lambda: Success(result=[[], (SECRET,)]), "result[1]"),
    "a named tuple": (lambda: Success(result=Named(1)), "result"),
    "a set": (lambda: Success(result={SECRET}), "result"),
    "a frozen set": (lambda: Success(result={"a": frozenset()}), "result.a"),
    "bytes": (lambda: Success(result=SECRET.encode()), "result"),
    "a bytearray": (lambda: Success(result=bytearray()), "result"),
    "an object": (lambda: Success(result=object()), "result"),
    "a function": (lambda: Success(result=[len]), "result[0]"),
    "a class": (lambda: Success(result=int), "result"),
    "an exception": (lambda: Success(result=ValueError(SECRET)), "result"),
    "a model": (lambda: Success(result=Address(host=SECRET)), "result"),
    "a dataclass": (lambda: Success(result=Point(1)), "result"),
    "a state": (lambda: Success(result=[Success()]), "result[0]"),
    "a key that is a number": (lambda: Success(result={"a": {1: SECRET}}), "result.a"),
    "a key that is true": (lambda: Success(result={True: SECRET}), "result"),
    "a key that is None": (lambda: Success(result={None: SECRET}), "result"),
    "a key that is a tuple": (lambda: Success(result={(1, 2): SECRET}), "result"),
    "a key that is text of a class of its own": (lambda: Success(result={Text("a"): 1}), "result"),
    "a datetime": (lambda: Success(result=NOON), "result"),
    "a date": (lambda: Success(result={"day": NOON.date()}), "result.day"),
    "a timedelta": (lambda: Success(result=[dt.timedelta(1)]), "result[0]"),
    "a Decimal": (lambda: Success(result=Decimal(1)), "result"),
    "a complex number": (lambda: Success(result=1j), "result"),
    "a path": (lambda: Success(result=Path(SECRET)), "result"),
    "a member of an IntEnum": (lambda: Success(result=Level.LOW), "result"),
    "a member of an IntEnum in a long list": (lambda: Success(result=[1] * 20 + [Level.LOW]), "result[20]"),
    "a member of a text Enum": (lambda: Success(result=Colour.RED), "result"),
    "a member of an Enum": (lambda: Success(result=[Color.RED]), "result[0]"),
    "an OrderedDict": (lambda: Success(result=OrderedDict(a=1)), "result"),
    "a defaultdict": (lambda: Success(result={"a": defaultdict(int)}), "result.a"),
    "a list of a class of its own": (lambda: Success(result=Words([1])), "result"),
    "a number of a class of its own": (lambda: Success(result=[Number(1)]), "result[0]"),
    "text of a class of its own": (lambda: Success(result={"a": Text(SECRET)}), "result.a"),
    "a set that may be a list": (lambda: Success[set[int] | list[int]](result={1, 2}), "result"),
    "a date that may be text": (lambda: Success[str | dt.date](result=NOON.date()), "result"),
    "a list of anything that holds a tuple": (lambda: Success[list[Any]](result=[1, (SECRET,)]), "result[1]"),
    "a mapping of anything with a number as key": (lambda: Success[dict[str, Any]](result={"a": {1: 2}}), "result.a"),
    "bytes that are no text": (lambda: Success[bytes](result=b"\xff"), "result"),
    "bytes that are no text, nested": (lambda: Success[dict[str, list[bytes]]](result={"a": [b"", b"\xff"]}), "result"),
    "a time whose offset has seconds": (
        lambda: Success[dt.datetime](result=NOON.replace(tzinfo=dt.timezone(dt.timedelta(seconds=1)))),
        "result",
    ),
    "a member that is written as its value": (
        lambda: Success[Literal[Shade.RED, "red"]](result=Shade.RED),
        "result",
    ),
    "a member that JSON cannot name": (lambda: Success[Literal[Shade.RED]](result=Shade.RED), "result"),
    "NaN in a user's model": (lambda: Filed(sheet=Sheet(number=math.nan)), "sheet.number"),
    "a tuple in a user's model": (lambda: Filed(sheet=Sheet(any=[(SECRET,)])), "sheet.any[0]"),
    "a tuple in a user's field": (lambda: Noted(note=(SECRET,)), "note"),
    "an object in a user's field": (lambda: Noted(note=object()), "note"),
    "NaN in a user's field": (lambda: Noted(note={"a": math.nan}), "note.a"),
    "infinity in a user's field": (lambda: Noted(note={"a": math.inf}), "note.a"),
    "infinity in a list of anything": (lambda: Success[list[Any]](result=[1, -math.inf]), "result[1]"),
    "infinity in a child's field": (lambda: Mapped(children=(Noted(note=math.inf),)), "children[0]"),
    "a tuple in a child": (
        lambda: Mapped(children=(Success(), Success(result=(SECRET,)))),
        "children[1].result",
    ),
    "the fold of a clock": (lambda: Success[dt.time](result=dt.time(2, fold=1)), "result"),
    "the fold of a time in a list": (lambda: Success[list[dt.datetime]](result=[NOON, FOLDED]), "result[1]"),
    "NaN in a child": (lambda: Mapped(children=(Success(), Success(result=[math.nan]))), "children[1]"),
    "a tuple in what is wrapped": (lambda: Queued(state=Scheduled(result=(SECRET,))), "state.result"),
    "a declared tuple in a child": (
        lambda: Mapped(children=(Success[tuple[int, ...]](result=(1,)),)),
        "children[0].result",
    ),
}


FOLDED = dt.datetime(2026, 10, 25, 2, 30, fold=1)


@pytest.mark.parametrize(("fold", "offset"), [(0, "+02:00"), (1, "+01:00")])
def test_an_hour_that_a_clock_shows_twice_is_written_with_its_offset(fold: int, offset: str) -> None:
    """A time in a zone is written as its instant says, and the state that is read back is equal."""
    time = FOLDED.replace(tzinfo=ZoneInfo("Europe/Berlin"), fold=fold)
    state = Success[dt.datetime](result=time)

    assert b'{"type":"Success","result":"2026-10-25T02:30:00%b"}' % offset.encode() == encode(state)
    assert state == decode(encode(state), Success[dt.datetime])


def test_the_fold_of_a_time_without_an_offset_is_refused_by_name() -> None:
    """JSON has no place for it, and reading another hour back would be a lie."""
    with pytest.raises(EncodeError, match="result: JSON cannot say the fold of a time without an offset from UTC"):
        encode(Success[dt.datetime](result=FOLDED))


@at_once
@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_would_not_read_back_is_refused_with_its_path(name: str) -> None:
    """A value that JSON would not give back raises EncodeError, which says where it is and never what."""
    make, path = UNWRITABLE[name]
    state = make()

    with pytest.raises(EncodeError) as caught:
        encode(state)

    assert caught.value.path.startswith(path)
    assert SECRET not in "".join((str(caught.value), repr(caught.value), repr(caught.value.args)))


@at_once
@pytest.mark.parametrize(
    "name", [name for name in UNWRITABLE if "past any limit" not in name and "holds itself" not in name]
)
def test_a_refused_state_stays_as_it_was(name: str) -> None:
    """A state that encode refused has the fields that it had."""
    state = UNWRITABLE[name][0]()
    before = fingerprint(state)

    with pytest.raises(EncodeError):
        encode(state)

    assert before == fingerprint(state)


@at_once
@pytest.mark.parametrize("name", UNWRITABLE)
def test_an_encode_error_is_short(name: str) -> None:
    """An EncodeError can be read: it has less than 1,000 characters."""
    with pytest.raises(EncodeError) as caught:
        encode(UNWRITABLE[name][0]())

    assert len(str(caught.value)) < 1000


@at_once
@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (tuple[int, ...], (1, 2)),
        (set[int], {1, 2}),
        (dict[int, str], {1: "a"}),
        (dict[dt.date, int], {NOON.date(): 1}),
        (Colour, Colour.RED),
        (Level, Level.LOW),
        (list[Color], [Color.RED]),
        (Order, ORDER),
        (Point, Point(1, 2.5, NOON.date())),
        (Pair, Pair("a", NOON.date())),
        (Movie, {"title": "a", "year": 1}),
        (dt.datetime, NOON),
        (bytes, b"text"),
        (Path, Path("/tmp/a")),
        (Decimal, Decimal("1E+400")),
        (int, 10**4300 - 1),
        (State[Any], Withheld(reason="why")),
        (int | str, "1"),
        (float, 1e-300),
    ],
    ids=shown,
)
def test_what_is_refused_undeclared_is_accepted_declared(declared: Any, value: Any) -> None:
    """A result that reads back as its declared type is accepted."""
    state = Success[declared](result=value)

    assert fingerprint(value) == fingerprint(decode(encode(state), Success[declared]).result)


# ---- limits

LIMITED = MapFailed(children=(Success(result=[1, {"a": []}]), Failed(message='[,]{,} \\" é')))
BYTES = len(encode(LIMITED))
DEPTH = 6
NODES = 1 + sum(encode(MapFailed(children=(Success(result=[1, {"a": []}]), Failed()))).count(c) for c in b"[{,") + 1


@pytest.mark.parametrize("name", ["max_bytes", "max_depth", "max_nodes"])
def test_limits_are_exact(name: str) -> None:
    """A document at a limit is written and read, one past it neither; brackets in text do not count."""
    size = {"max_bytes": BYTES, "max_depth": DEPTH, "max_nodes": NODES}[name]
    at, past = Limits(**{name: size}), Limits(**{name: size - 1})

    assert LIMITED == decode(encode(LIMITED, limits=at), limits=at)
    with pytest.raises(EncodeError, match="which decode refuses"):
        encode(LIMITED, limits=past)
    for data in (encode(LIMITED), encode(LIMITED).decode(), bytearray(encode(LIMITED))):
        with pytest.raises(DecodeError, match="the document"):
            decode(data, limits=past)


@at_once
@pytest.mark.parametrize("depth", range(1, 150, 7))
def test_the_depth_is_counted_from_the_state(depth: int) -> None:
    """A state is one level, each list or mapping in it one more; what is at the limit is written and read."""
    state = Success(result=nested(depth))

    assert state == decode(encode(state, limits=Limits(max_depth=depth + 1)), limits=Limits(max_depth=depth + 1))
    with pytest.raises(EncodeError):
        encode(state, limits=Limits(max_depth=depth))
    with pytest.raises(DecodeError):
        decode(encode(state, limits=Limits(max_depth=150)), limits=Limits(max_depth=depth))


def test_wide_documents_are_not_deep() -> None:
    """Many brackets next to each other are no depth."""
    state = Success(result=[[]] * 1000)

    assert state == decode(encode(state))


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_nodes_are_one_and_each_bracket_and_comma(count: int) -> None:
    """A list of n numbers in a state counts 1 + 1 + 1 + 1 + (n - 1)."""
    state = Success(result=[0] * count)
    nodes = 1 + 1 + 1 + 1 + (count - 1)

    assert state == decode(encode(state, limits=Limits(max_nodes=nodes)), limits=Limits(max_nodes=nodes))
    with pytest.raises(EncodeError):
        encode(state, limits=Limits(max_nodes=nodes - 1))
    with pytest.raises(DecodeError):
        decode(encode(state), limits=Limits(max_nodes=nodes - 1))


def test_the_default_limits_are_the_contracts() -> None:
    """16 MiB, 100 levels and 50,000 values."""
    assert Limits(max_bytes=16 * 2**20, max_depth=100, max_nodes=50_000) == Limits()


def test_the_default_limit_of_values_holds_both_ways() -> None:
    """A list of 50,000 values is refused by encode and by decode, one that fits is taken by both."""
    fits, large = Success(result=[0] * 49_997), Success(result=[0] * 49_998)

    assert fits == decode(encode(fits))
    with pytest.raises(EncodeError, match="50,000 values"):
        encode(large)
    with pytest.raises(DecodeError, match="50,000 values"):
        decode(encode(large, limits=Limits(max_nodes=60_000)))


def test_the_default_limit_of_bytes_holds_both_ways() -> None:
    """A document of 16 MiB is taken, one byte more is refused, by encode and by decode."""
    frame = len(encode(Success(message="x"))) - 1
    fits, large = Success(message="x" * (2**24 - frame)), Success(message="x" * (2**24 - frame + 1))

    assert 2**24 == len(encode(fits))
    assert fits == decode(encode(fits))
    with pytest.raises(EncodeError, match="bytes"):
        encode(large)
    with pytest.raises(DecodeError, match="bytes"):
        decode(encode(large, limits=Limits(max_bytes=2**25)))


def test_text_is_measured_in_bytes_of_utf8() -> None:
    """A str is as long as its UTF-8."""
    data = '{"type":"Success","message":"' + "é" * 200 + '"}'
    size = len(data.encode())

    assert "é" * 200 == decode(data, limits=Limits(max_bytes=size)).message
    with pytest.raises(DecodeError):
        decode(data, limits=Limits(max_bytes=size - 1))


@pytest.mark.parametrize("bad", [{"max_bytes": 0}, {"max_depth": 0}, {"max_nodes": -1}, {"max_depth": 151}], ids=shown)
def test_a_limit_that_cannot_be_is_an_error(bad: dict[str, int]) -> None:
    """Limits are from 1, the depth no more than the parser can follow."""
    with pytest.raises(ValueError, match="limits"):
        Limits(**bad)


def test_limits_are_frozen() -> None:
    """A Limits cannot be changed."""
    limits = Limits()

    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.max_bytes = 1  # type: ignore[misc]  # the point

    assert Limits() == limits


# ---- reading


@at_once
@every_kind
def test_decode_admits_the_family_of_a_kind(kind: Any) -> None:
    """Decoding as a kind admits its descendants, and refuses others with both names."""
    for cls, sample in SAMPLES.items():
        data = encode(sample)

        if is_kind_of(cls, kind):
            assert (cls, sample) == (type(decode(data, kind)), decode(data, kind))
        else:
            with pytest.raises(DecodeError, match=rf"not a {kind.__name__}: a {sample.type} is not one; possible: "):
                decode(data, kind)


@at_once
@every_class
def test_str_bytes_and_bytearray_agree(cls: Any) -> None:
    """A document may be text, bytes or a bytearray."""
    data = encode(SAMPLES[cls])

    assert [SAMPLES[cls]] * 3 == [decode(data), decode(data.decode()), decode(bytearray(data))]


@pytest.mark.parametrize("data", [b"{", "nul", '"\ud800"', b"\xff", ""], ids=repr)
def test_str_bytes_and_bytearray_fail_alike(data: str | bytes) -> None:
    """A document that is no JSON is a DecodeError in each form."""
    as_bytes = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")

    for form in (data, as_bytes, bytearray(as_bytes)):
        with pytest.raises(DecodeError):
            decode(form)


def test_white_space_around_is_read() -> None:
    """White space before, between and after does not matter."""
    assert Success(message="m") == decode(' \n{ "type" : "Success" ,\t"message":"m"}\r\n ', strict=True)


def test_the_tag_may_stand_anywhere() -> None:
    """Fields may come in any order, the tag too."""
    assert Retrying(message="m", run_count=2) == decode('{"run_count": 2, "message": "m", "type": "Retrying"}')


def test_defaults_may_be_written_out() -> None:
    """A field given as its default reads as if it were left out."""
    assert Failed() == decode('{"type": "Failed", "message": null, "causes": [], "retryable": true}')


def test_a_parametrised_kind_validates_the_result() -> None:
    """Decoding as Finished[Order] gives orders, and refuses what is none."""
    data = encode(Cached[Order](result=ORDER))

    assert (Cached[Order], ORDER) == (type(decode(data, Finished[Order])), decode(data, Finished[Order]).unwrap())
    with pytest.raises(DecodeError, match=r"result\.lines\[0\]\.count"):
        decode(data.replace(b'"count":2', b'"count":"two"'), Finished[Order])
    with pytest.raises(DecodeError, match="a Running is not one"):
        decode('{"type": "Running"}', Finished[Order])


@pytest.mark.parametrize("document", ['{"a":1,"a":2}', '[{"b":{"a":1,"a":1}}]', '{"a":1,"b":2,"\\u0061":3}'])
def test_a_key_that_is_there_twice_is_refused_when_strict(document: str) -> None:
    """Strict decoding refuses a duplicate key wherever it is, and names it; else the last one counts."""
    data = f'{{"type":"Success","result":{document}}}'

    with pytest.raises(DecodeError, match="the key a is there twice"):
        decode(data, strict=True)
    assert json.loads(document) == decode(data).result


@pytest.mark.parametrize(
    "data",
    [
        '{"type":"Success","type":"Failed"}',
        '{"type":"Mapped","children":[{"type":"Success","message":"a","message":"b"}]}',
        '{"type":"Success","message":"a","message":"a"}',
        '{"type":"Failed","causes":[{"type":"E","message":"a","message":"b"}]}',
    ],
)
def test_a_field_that_is_there_twice_is_refused_when_strict(data: str) -> None:
    """Strict decoding refuses a field that is given twice, the tag too."""
    with pytest.raises(DecodeError, match="twice"):
        decode(data, strict=True)
    with pytest.raises(DecodeError, match="twice"):
        decode(data.encode(), strict=True)


@at_once
@every_class
def test_strict_decoding_reads_what_encode_writes(cls: Any) -> None:
    """No document of encode's is refused for being read strictly."""
    assert SAMPLES[cls] == decode(encode(SAMPLES[cls]), cls, strict=True)


def test_an_error_names_the_kind_the_path_and_the_reason() -> None:
    """A DecodeError keeps what was asked, where it failed and why, and says it in a sentence."""
    with pytest.raises(DecodeError) as caught:
        decode('{"type": "Mapped", "children": [{"type": "Retrying", "run_count": 0}]}', Success)

    assert ("Success", (("children[0].run_count", "Input should be greater than or equal to 1"),), 0) == (
        caught.value.kind,
        caught.value.problems,
        caught.value.more,
    )
    assert "not a Success: children[0].run_count: Input should be greater than or equal to 1" == str(caught.value)


def test_an_error_counts_what_it_leaves_out() -> None:
    """Of many problems some are told and the others counted."""
    with pytest.raises(DecodeError, match="and 7 more") as caught:
        decode(json.dumps({"type": "Success", **{f"key{index}": 1 for index in range(10)}}))

    assert 3 == len(caught.value.problems)


# ---- documents that mean harm

MARK = json.dumps(SECRET)


def many_keys() -> str:
    """Return a document with 100,000 unknown keys."""
    return json.dumps({"type": "Success", **{f"key{index}": SECRET for index in range(100_000)}})


# A document, or what makes it where it is large, and how it is decoded.
HOSTILE: dict[str, tuple[Any, dict[str, Any]]] = {
    "5,000,000 nested arrays": (lambda: "[" * 5_000_000, {}),
    "5,000,000 nested arrays, closed, as a result": (
        lambda: '{"type":"Success","result":' + "[" * 5_000_000 + "]" * 5_000_000 + "}",
        {},
    ),
    "150 nested arrays": ('{"type":"Success","result":' + "[" * 150 + MARK + "]" * 150 + "}", {}),
    "a body of 100 MB": (lambda: b'{"type":"Success","message":"' + b"x" * 100_000_000 + b'"}', {}),
    "100,000 unknown keys": (many_keys, {}),
    "100,000 unknown keys within the limits": (many_keys, {"limits": Limits(max_nodes=200_000)}),
    "1,000 unknown keys": (json.dumps({"type": "Success", **{f"key{index}": SECRET for index in range(1000)}}), {}),
    "a tag of 10 MB": (lambda: json.dumps({"type": SECRET * 1_500_000}), {}),
    "a tag of 10 MB, last": (lambda: json.dumps({"message": "m", "type": SECRET * 1_500_000}), {}),
    "a tag of 10 MB with escapes": (lambda: '{"type":"' + (SECRET + "\\n") * 1_200_000 + '"}', {}),
    "a key of 1 MB": (lambda: json.dumps({"type": "Success", SECRET * 150_000: 1}), {}),
    "a lone surrogate": ('{"type":"Success","result":"' + SECRET + '\\ud800"}', {}),
    "a lone surrogate in text": ('{"type":"Success","result":"' + SECRET + '\ud800"}', {}),
    "bytes that are no UTF-8": (b'{"type":"Success","result":"' + SECRET.encode() + b'\xff"}', {}),
    "NaN": ('{"type":"Success","result":NaN}', {}),
    "Infinity": ('{"type":"Success","result":Infinity}', {}),
    "-Infinity in a list": ('{"type":"Success","result":[' + MARK + ",-Infinity]}", {}),
    "NaN in a mapping": ('{"type":"Success","result":{"a":{"b":NaN}}}', {}),
    "NaN in a child": ('{"type":"Mapped","children":[{"type":"Success","result":[NaN]}]}', {}),
    "NaN in what is wrapped": ('{"type":"Queued","state":{"type":"Pending","result":NaN}}', {}),
    "NaN for a number": ('{"type":"Retrying","run_count":NaN}', {}),
    "NaN as a declared result": ('{"type":"Success","result":NaN}', {"kind": Success[float]}),
    "NaN in a declared result": ('{"type":"Success","result":[NaN]}', {"kind": Success[list[Any]]}),
    "NaN in a field of any type": ('{"type":"Noted","note":NaN}', {}),
    "NaN in a mapping in a field": ('{"type":"Noted","note":{"a":[NaN]}}', {}),
    "NaN in a user's model": ('{"type":"Filed","sheet":{"number":NaN}}', {}),
    "a number too large": ('{"type":"Success","result":1e999}', {}),
    "a number too large in a list": ('{"type":"Success","result":[-1e999]}', {}),
    "a number too large in a field": ('{"type":"Noted","note":[1e999]}', {}),
    "a number past 4,300 digits": ('{"type":"Success","result":' + "9" * 4301 + "}", {}),
    "a naive time": ('{"type":"Scheduled","start_time":"2026-03-01T12:30:15"}', {}),
    "a time that is no time": ('{"type":"Scheduled","start_time":' + MARK + "}", {}),
    "a time out of range in UTC": ('{"type":"Scheduled","start_time":"9999-12-31T23:59:59-23:59"}', {}),
    "a duplicate key": ('{"type":"Success","result":{"a":' + MARK + ',"a":1}}', {"strict": True}),
    "a duplicate key with a long name": (
        '{"type":"Success","result":{' + f'"{SECRET * 100}":1,' * 2 + '"a":1}}',
        {"strict": True},
    ),
    "the name of a function": ('{"type": "os.system"}', {}),
    "the name of a function with arguments": ('{"type": "os.system", "args": [' + MARK + "]}", {}),
    "an unknown tag": (json.dumps({"type": f"{SECRET}!"}), {}),
    "an unknown tag of 41 letters": (json.dumps({"type": SECRET + "x" * 34}), {}),
    "a tag that is no text": ('{"type": [' + MARK + "]}", {}),
    "no tag": (json.dumps({"message": SECRET}), {}),
    "an unknown field": (json.dumps({"type": "Success", "mesage": SECRET}), {}),
    "an unknown field in a cause": (json.dumps({"type": "Failed", "causes": [{"type": SECRET, "x": SECRET}]}), {}),
    "a value of another kind": (json.dumps({"type": "Success", "message": [SECRET]}), {}),
    "text for a number": (json.dumps({"type": "Retrying", "run_count": SECRET}), {}),
    "a result of another type": (json.dumps({"type": "Success", "result": SECRET}), {"kind": Success[int]}),
    "a result that is no order": (
        json.dumps({"type": "Success", "result": {"id": SECRET, "placed": SECRET, "total": SECRET}}),
        {"kind": Finished[Order]},
    ),
    "a result that is none of a choice": (
        json.dumps({"type": "Success", "result": SECRET}),
        {"kind": Success[Literal["a", "b"] | int | Color | dt.date | Decimal]},
    ),
    "a result that its own validator refuses": (
        json.dumps({"type": "Success", "result": {"password": SECRET}}),
        {"kind": "Guarded"},
    ),
    "text that breaks off": ('{"type":"Success","result":"' + SECRET, {}),
    "text after the end": ('{"type":"Success"}' + MARK, {}),
    "no object": (MARK, {}),
    "an array": (f"[{MARK}]", {}),
    "nothing": ("", {}),
    "XML": (f"<state>{SECRET}</state>", {}),
}


class Guarded(BaseModel):
    """A user's model whose errors repeat what they refuse."""

    password: str

    def model_post_init(self, context: Any) -> None:
        raise ValueError(f"{self.password} is too weak")


@pytest.fixture(scope="module", params=HOSTILE)
def refusal(request: pytest.FixtureRequest) -> DecodeError:
    """Decode each document that means harm, once, and return how it was refused."""
    data, options = HOSTILE[request.param]
    options = dict(options)
    kind: Any = options.pop("kind", State)
    data = data() if callable(data) else data
    with pytest.raises(DecodeError) as caught:
        decode(data, Success[Guarded] if kind == "Guarded" else kind, **options)
    return caught.value


def test_a_harmful_document_is_refused_in_few_words(refusal: DecodeError) -> None:
    """It is a DecodeError of less than 500 characters that says why."""
    assert 0 < len(str(refusal)) < 500
    assert refusal.problems
    assert all(reason for _, reason in refusal.problems)


def test_no_value_of_a_document_is_in_the_error(refusal: DecodeError) -> None:
    """Neither text, repr, arguments, attributes nor the chain of the error hold a value from the document."""
    shown = [str(refusal), repr(refusal), repr(refusal.args), repr(vars(refusal)), repr(refusal.__cause__)]
    if not refusal.__suppress_context__:
        shown.append(repr(refusal.__context__))

    assert [] == [text for text in shown if SECRET in text]


@pytest.mark.exhaustive
def test_decoding_imports_opens_and_runs_nothing() -> None:
    """During the refusal of any of these documents no import, open, exec or the like is seen by an audit hook."""
    program = """
import json, sys
from statesig import DecodeError, Success, State, decode
from tests.codec.test_documents import HOSTILE, Guarded
from tests.codec import test_documents as test_codec

def refuse(data, options):
    options = dict(options)
    kind = options.pop("kind", State)
    try:
        decode(data, Success[Guarded] if kind == "Guarded" else kind, **options)
    except DecodeError as exc:
        return str(exc)
    return ""

WARM = ('{"type":"Success","result":{"a":[1.5,null]}}', '{"type":"x"}', '{"type":"Success","x":1}')
for text in WARM:
    for options in ({}, {"strict": True}):
        try:
            decode(text, **options)
        except DecodeError as exc:
            str(exc)
for _, options in HOSTILE.values():
    kind = options.get("kind", State)
    try:
        decode('{"type":"Success","result":""}', Success[Guarded] if kind == "Guarded" else kind)
    except DecodeError:
        pass

seen, watching, WATCHED = [], False, ("import", "open", "exec", "compile", "os.", "subprocess.", "socket.", "pickle.")

def hook(event, args):
    if watching and event.startswith(WATCHED):
        seen.append((watching, event, repr(args)[:80]))

sys.addaudithook(hook)
for name, (data, options) in HOSTILE.items():
    data = data() if callable(data) else data
    watching = name
    refuse(data, options)
    watching = False
print(json.dumps(seen))
"""

    assert [] == run_python(program)


# ---- JSON Schema


@at_once
@some_kinds
def test_a_schema_is_valid_json_schema(kind: Any) -> None:
    """`schema(X)` is a document of JSON Schema 2020-12."""
    described = schema(kind)

    assert "https://json-schema.org/draft/2020-12/schema" == described["$schema"]
    jsonschema.Draft202012Validator.check_schema(described)


@at_once
@every_kind
def test_a_schema_tells_states_apart_by_tag(kind: Any) -> None:
    """The discriminator maps the tag of each member to its definition, in which the tag is required and constant."""
    described = schema(kind)
    tags = {SAMPLES[cls].type for cls in CONCRETE if is_kind_of(cls, kind)}

    assert "type" == described["discriminator"]["propertyName"]
    assert tags <= set(described["discriminator"]["mapping"])
    for tag, reference in described["discriminator"]["mapping"].items():
        member = described["$defs"][reference.rpartition("/")[2]]
        assert (tag, True, False) == (
            member["properties"]["type"]["const"],
            "type" in member["required"],
            member["additionalProperties"],
        )


@at_once
@third_class
def test_names_in_a_schema_are_the_classes(cls: Any) -> None:
    """A definition has its class's name, and the schema of one kind is the same each time."""
    described = schema(cls)

    assert f"#/$defs/{cls.__name__}" == described["discriminator"]["mapping"][SAMPLES[cls].type]
    assert json.dumps(described) == json.dumps(schema(cls))


def checker(kind: Any) -> Callable[[Any], bool]:
    """Return another validator's verdict on documents of a kind."""
    validator = jsonschema.Draft202012Validator(schema(kind))
    return lambda document: bool(validator.is_valid(document))


def is_decoded(document: Any, kind: Any) -> bool:
    """Tell whether decode admits a document as a kind."""
    try:
        decode(json.dumps(document), kind)
    except DecodeError:
        return False
    return True


INVALID: tuple[Any, ...] = (
    {},
    {"type": "Sucess"},
    {"type": None},
    {"type": 5},
    {"type": "State"},
    {"type": "Finished"},
    {"type": "Withheld"},
    {"message": "m"},
    {"type": "Success", "mesage": "m"},
    {"type": "Success", "message": 5},
    {"type": "Success", "causes": {}},
    {"type": "Success", "causes": ["E"]},
    {"type": "Success", "causes": [{"type": "E"}]},
    {"type": "Success", "causes": [{"type": "E", "message": "m", "more": 1}]},
    {"type": "Success", "run_count": 1},
    {"type": "Retrying", "run_count": 0},
    {"type": "Retrying", "run_count": "1"},
    {"type": "Retrying", "run_count": True},
    {"type": "Retrying", "run_count": 1.5},
    {"type": "Retrying", "run_count": None},
    {"type": "Looped", "loop_count": -1},
    {"type": "Scheduled", "start_time": 5},
    {"type": "Cached", "expires": True},
    {"type": "Failed", "retryable": None},
    {"type": "Failed", "retryable": "true"},
    {"type": "Queued"},
    {"type": "Queued", "state": None},
    {"type": "Queued", "state": {"type": "Success"}},
    {"type": "Submitted", "state": {"type": "Retrying", "run_count": 0}},
    {"type": "Mapped", "children": None},
    {"type": "Mapped", "children": [{}]},
    {"type": "Mapped", "children": [{"type": "Mapped", "children": [{"type": "Nothing"}]}]},
    {"type": "MapFailed"},
    {"type": "MapFailed", "children": [{"type": "Success"}, {"type": "Cancelled"}]},
    {"type": "MapFailed", "children": [{"type": "Failed"}, {"type": "Running"}]},
    {"type": "MapCancelled", "children": []},
    {"type": "MapCancelled", "children": [{"type": "Cancelled"}, {"type": "Failed"}]},
    {"type": "MapCancelled", "children": [{"type": "Mapped"}]},
    {"type": "withheld/1"},
    {"type": "withheld/1", "reason": "why", "rows": ["1"]},
    {"type": "Leased", "owner": {"port": 1}},
    {"type": "Leased", "lease": 5},
    [],
    "Success",
    None,
    5,
)
VALID: tuple[Any, ...] = (
    *(json.loads(encode(state)) for book in (SAMPLES, BARE) for state in book.values()),
    {"type": "Success", "result": None},
    {"type": "Success", "message": None, "causes": []},
    {"type": "Queued", "state": {"type": "Resume", "start_time": None}},
    {"type": "Mapped", "children": [{"type": "Mapped", "children": [{"type": "Cached"}]}]},
    {"type": "MapFailed", "children": [{"type": "Success"}, {"type": "Cancelled"}, {"type": "Crashed"}]},
)


@at_once
@some_kinds
def test_another_validator_agrees_with_decode(kind: Any) -> None:
    """For each document of the tables, `jsonschema` and decode give one verdict."""
    agreed = checker(kind)

    assert [is_decoded(document, kind) for document in VALID + INVALID] == [
        agreed(document) for document in VALID + INVALID
    ]


def test_the_tables_of_documents_say_what_they_are() -> None:
    """Every document of the one table is a state, none of the other is."""
    assert [True] * len(VALID) + [False] * len(INVALID) == [is_decoded(item, State) for item in VALID + INVALID]


RESULTS: tuple[Any, ...] = (
    *(None, True, 1, 1.5, "a", "red", "1.10", [], [1], [1, "a"], {}, {"a": 1}, {"a": [None]}),
    json.loads(ORDER.model_dump_json()),
    {"id": "x", "placed": "2026-03-01T12:30:15Z", "total": "1"},
    {"x": 1, "y": 0.5, "seen": None},
    {"title": "a", "year": 1},
    {"title": "a", "year": 1, "more": 2},
)


@at_once
@pytest.mark.parametrize(
    "declared",
    one_in(
        2,
        [
            int,
            bool,
            str,
            int | None,
            list[int],
            tuple[int, str],
            dict[str, int],
            dict[str, list[Order | None]],
            Literal["a", 1],
            Color,
        ],
    ),
    ids=shown,
)
def test_another_validator_agrees_on_declared_results(declared: Any) -> None:
    """The schema of Success[T] describes what decode admits as the result."""
    agreed = checker(Success[declared])
    documents = [{"type": "Skipped", "result": result} for result in RESULTS] + [{"type": "Success"}]

    assert [is_decoded(document, Success[declared]) for document in documents] == [agreed(item) for item in documents]


def test_a_field_with_an_alias_is_in_the_schema_as_it_is_written() -> None:
    """What encode writes is valid by the schema, aliases or not."""

    class Labelled(Success[R]):
        from_: str = Field(default="here", alias="from")

    assert checker(Labelled)(json.loads(encode(Labelled(from_="there"))))


def test_a_state_with_a_field_of_its_own_type_is_described() -> None:
    """The definition of a state that refers to itself has its tag, and the field admits the state's family."""

    class Step(Success[R]):
        before: "Step[R] | None" = None

    class Leap(Step[R]):
        height: int = 1

    agreed = checker(Step)
    documents = [
        {"type": "Step", "before": {"type": "Step"}},
        {"type": "Step", "before": {"type": "Leap", "height": 2}},
        {"type": "Leap", "before": {"type": "Leap", "before": {"type": "Step"}}},
        {"type": "Step", "before": None},
        {"type": "Step", "before": {}},
        {"type": "Step", "before": {"type": "Success"}},
        {"type": "Step", "before": {"type": "Step", "height": 1}},
        {"before": None},
        {},
    ]

    assert [True] * 4 + [False] * 5 == [is_decoded(document, Step) for document in documents]
    assert [True] * 4 + [False] * 5 == [agreed(document) for document in documents]


def test_a_late_state_is_in_the_schema() -> None:
    """A state that is defined after a schema was made is in the next one."""
    before = schema(Paused)

    class Snoozed(Paused[R]):
        minutes: int

    assert {"Snoozed"} == set(schema(Paused)["discriminator"]["mapping"]) - set(before["discriminator"]["mapping"])


def test_a_schema_is_not_shared() -> None:
    """Changing a returned schema changes no other."""
    described = schema(Pending)
    described["$defs"].clear()

    assert "Retrying" in schema(Pending)["$defs"]


@pytest.mark.parametrize("kind", [int, Address, dict], ids=name_of)
def test_what_is_no_kind_is_a_type_error(kind: Any) -> None:
    """Asking decode or schema for a class that is no state is a TypeError, whatever the document."""
    with pytest.raises(TypeError):
        decode('{"type": "Success"}', kind)
    with pytest.raises(TypeError):
        schema(kind)


# ---- the golden corpus: see golden/README.md

CORPUS = sorted((ROOT / "tests/golden").glob("*.ndjson"))
DOCUMENTS = [
    pytest.param(line, id=f"{path.stem}-{number}")
    for path in CORPUS
    for number, line in enumerate(path.read_bytes().splitlines(), 1)
]


@at_once
@pytest.mark.parametrize("line", DOCUMENTS)
def test_a_state_written_by_a_release_decodes_forever(line: bytes) -> None:
    """Each document of the corpus decodes, and encodes to the same bytes, but for those that told another kind."""
    state = decode(line, strict=True)
    if line in DISHONEST:
        assert DISHONEST[line] == state == decode(encode(state))
    else:
        assert line == encode(state)


# Version 0.1.0 wrote Mapped, a success, whatever its children were; even ones that were not final were taken.
DISHONEST: dict[bytes, State[Any]] = {
    b'{"type":"Mapped","children":[{"type":"Success","result":1},{"type":"Skipped","message":"empty"},'
    b'{"type":"Failed","causes":[{"type":"builtins.KeyError","message":"\'rows\'"}]},{"type":"Mapped"}]}': MapFailed(
        children=(Success(result=1), Skipped(message="empty"), Failed(causes=(golden.PLAIN,)), Mapped())
    ),
    b'{"type":"Mapped","result":[null,1],"children":[{"type":"Mapped","children":[{"type":"Queued","state":'
    b'{"type":"Pending"}},{"type":"Running"}]},{"type":"Paused"}]}': MapCancelled(
        result=[None, 1],
        children=(
            MapCancelled(children=(Cancelled(message="it was Queued"), Cancelled(message="it was Running"))),
            Cancelled(message="it was Paused"),
        ),
    ),
}


def test_the_documents_that_told_another_kind_are_in_the_corpus() -> None:
    """No other document of a release has changed its meaning."""
    lines = {line for path in CORPUS for line in path.read_bytes().splitlines()}
    assert set() == DISHONEST.keys() - lines


@pytest.mark.parametrize("kind", [Mapped, Success, Skipped, Running])
def test_an_old_document_is_not_admitted_as_what_it_is_not(kind: Any) -> None:
    """What says Mapped and holds a child that did not succeed is no success, at whatever entrance."""
    for child in ("Failed", "Paused"):
        text = f'{{"type":"Mapped","children":[{{"type":"{child}"}}]}}'
        with pytest.raises(DecodeError, match="not a"):
            decode(text, kind)
        with pytest.raises(ValidationError):
            kind.model_validate_json(text)
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(json.loads(text))


def test_old_documents_keep_the_type_of_their_result() -> None:
    """A document whose kind has changed is read as the family that is asked for, with its type of result."""
    text = '{"type":"Mapped","message":"m","result":["2026-03-01"],"children":[{"type":"Failed"}]}'
    expected = MapFailed[list[dt.date]](message="m", result=[dt.date(2026, 3, 1)], children=(Failed(),))
    read = decode(text, Finished[list[dt.date]])
    assert (type(expected), expected) == (type(read), read)
    with pytest.raises(DecodeError, match="result"):
        decode(text.replace("2026-03-01", "soon"), Finished[list[dt.date]])


def test_each_release_has_its_documents() -> None:
    """The corpus has a file for the coming release, with at least one document of each kind."""
    written = [decode(line) for line in golden.path().read_bytes().splitlines()]

    assert set(BUILT_IN) <= {type(state) for state in written}


def test_a_file_of_the_corpus_is_what_its_states_are_written_as() -> None:
    """The file of the coming release holds the states that the corpus lists, in order."""
    assert [encode(state) for state in golden.STATES] == golden.path().read_bytes().splitlines()


def test_a_file_of_the_corpus_is_never_written_twice() -> None:
    """Writing the file of a version that has one raises, and leaves it as it is."""
    before = golden.path().read_bytes()

    with pytest.raises(FileExistsError):
        golden.main()

    assert before == golden.path().read_bytes()


# ---- the errors themselves


@third_class
@settings(max_examples=FEWER)
@given(value=json_values)
def test_any_json_is_a_state_or_a_decode_error(cls: Any, value: Any) -> None:
    """Arbitrary JSON under arbitrary fields of a kind raises nothing but DecodeError."""
    names = [*cls.model_fields, "extra"]
    document = {"type": SAMPLES[cls].type, **dict.fromkeys(names, value)}

    assert is_decoded(document, cls) in (True, False)


@given(data=st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_a_state_or_a_decode_error(data: bytes | str) -> None:
    """Arbitrary bytes and text raise nothing but DecodeError, strict or not."""
    for strict in (False, True):
        with pytest.raises(DecodeError):
            decode(data, strict=strict)


@pytest.mark.parametrize("kind", ABSTRACT, ids=name_of)
def test_abstract_tags_are_unknown(kind: Any) -> None:
    """The name of an abstract class is no tag."""
    with pytest.raises(DecodeError, match="unknown tag"):
        decode(json.dumps({"type": kind.__name__}), kind)


def test_errors_of_one_kind_name_what_is_possible() -> None:
    """An unknown tag names the possible ones."""
    with pytest.raises(DecodeError, match=r"; possible: Queued, Submitted$"):
        decode('{"type": "Queud"}', MetaState)


@at_once
@pytest.mark.parametrize(
    ("tag", "named"),
    [("NoSuchState", " NoSuchState"), ("my.State-2", " my.State-2"), ("x" * 40, " " + "x" * 40)]
    + [(tag, "") for tag in ("x" * 41, "a b", "4111", "$(x)", "", "a\n", "x.")],
)
def test_an_unknown_tag_is_named_with_the_remedy(tag: str, named: str) -> None:
    """A tag that reads as a name, of up to 40 characters, is told; at the top, in a child and in an event."""
    document = {"type": tag, "reason": 1}
    nested = {"type": "Mapped", "children": [document]}
    event = {"run": "r", "task": "t", "index": None, "attempt": 1, "time": "2026-01-01T00:00:00Z", "state": document}

    for read, wrong in ((decode, document), (decode, nested), (decode_event, event)):
        with pytest.raises(DecodeError) as caught:
            read(json.dumps(wrong))

        expected = f"unknown tag{named} (import its module, or give --import MODULE); possible: Pending, "
        assert caught.value.problems[0][1].startswith(expected), caught.value
