"""Events as lines of JSON, and results as they look where nothing but their JSON is known."""

import json
import math
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statesig import (
    Cached,
    DecodeError,
    EncodeError,
    ErrorInfo,
    Event,
    Failed,
    Limits,
    MapCancelled,
    MapFailed,
    Mapped,
    Queued,
    Retrying,
    Running,
    Skipped,
    State,
    Success,
    decode,
    decode_event,
    encode,
    encode_event,
)
from statesig.codec.events import on_the_wire, without_result
from tests.harness.cases import at_once
from tests.harness.strategies import (
    BARE,
    CONCRETE,
    NOON,
    ORDER,
    SAMPLES,
    Order,
    Point,
    Withheld,
    fingerprint,
    moments,
    name_of,
    payloads,
    shown,
    texts,
)

SECRET = "hunter2"
EVENT = Event(run="2026-03-01/7", task="load", index=None, attempt=1, time=NOON, state=Running())
DOCUMENT: dict[str, Any] = {
    "run": "2026-03-01/7",
    "task": "load",
    "index": None,
    "attempt": 1,
    "time": "2026-03-01T12:30:15.123456Z",
    "state": {"type": "Running"},
}

every_class = pytest.mark.parametrize("cls", CONCRETE, ids=name_of)


def text(**changes: Any) -> str:
    """Return the document of an event with some of its fields changed."""
    return json.dumps({**DOCUMENT, **changes})


# ---- events


def test_an_event_is_one_line_in_one_order() -> None:
    """An event is written as its place, its time and its state, without a line break."""
    state = Failed(message="two\nlines", causes=(ErrorInfo(type="E", message="a\r\nb"),))

    assert (
        b'{"run":"2026-03-01/7","task":"load","index":null,"attempt":1,"time":"2026-03-01T12:30:15.123456Z",'
        b'"state":{"type":"Running"}}'
    ) == encode_event(EVENT)
    assert 1 == len(encode_event(replace(EVENT, state=state)).splitlines())


@at_once
@every_class
def test_an_event_reads_back(cls: Any) -> None:
    """`decode_event(encode_event(e)) == e`, whatever the state, its class kept."""
    event = Event("r", "t", 3, 2, NOON, SAMPLES[cls])

    back = decode_event(encode_event(event), strict=True)

    assert event == back
    assert fingerprint(event.state) == fingerprint(back.state)


@given(
    run=texts,
    task=texts,
    index=st.none() | st.integers(0, 10**6),
    attempt=st.integers(1, 10**6),
    time=moments,
    state=st.sampled_from(CONCRETE).flatmap(payloads),
)
def test_any_event_reads_back(
    run: str, task: str, index: int | None, attempt: int, time: datetime, state: State[Any]
) -> None:
    """Whatever its fields, an event reads back and has one form."""
    event = Event(run, task, index, attempt, time, state)
    written = encode_event(event)

    assert event == decode_event(written)
    assert written == encode_event(replace(event, time=time.astimezone(UTC)))


def test_the_state_in_an_event_is_written_as_encode_writes_it() -> None:
    """The bytes of the state are those of `encode`."""
    event = replace(EVENT, state=SAMPLES[Withheld])

    assert encode_event(event).endswith(b'"state":' + encode(SAMPLES[Withheld]) + b"}")


def test_the_time_of_an_event_is_in_utc() -> None:
    """A time with another offset is the same instant when it is read."""
    local = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert NOON == decode_event(encode_event(replace(EVENT, time=local))).time
    assert UTC is decode_event(encode_event(replace(EVENT, time=local))).time.tzinfo


@at_once
@pytest.mark.parametrize(
    "event",
    [
        replace(EVENT, time=NOON.replace(tzinfo=None)),
        replace(EVENT, attempt=0),
        replace(EVENT, index=-1),
        replace(EVENT, run="a\ud800"),
        replace(EVENT, task="a\ud800"),
        replace(EVENT, state=Success(result=(1,))),
        replace(EVENT, state=Success(result=math.nan)),
        replace(EVENT, state=Mapped(children=(Success(result={1}),))),
    ],
    ids=["naive time", "attempt 0", "index -1", "run", "task", "tuple", "NaN", "child"],
)
def test_an_event_that_would_not_read_back_is_refused(event: Event) -> None:
    """`encode_event` raises EncodeError rather than write what `decode_event` refuses."""
    with pytest.raises(EncodeError):
        encode_event(event)


def test_an_event_is_frozen() -> None:
    """An event cannot be changed."""
    with pytest.raises(FrozenInstanceError):
        EVENT.attempt = 2  # type: ignore[misc]  # the point

    assert 1 == EVENT.attempt


NO_EVENTS: dict[str, str] = {
    "no object": json.dumps([SECRET]),
    "nothing": "",
    "no JSON": "{" + SECRET,
    "a state alone": '{"type": "Success"}',
    "no state": json.dumps({key: value for key, value in DOCUMENT.items() if key != "state"}),
    "no index": json.dumps({key: value for key, value in DOCUMENT.items() if key != "index"}),
    "an extra key": text(more=SECRET),
    "an extra key in the state": text(state={"type": "Running", "more": SECRET}),
    "an unknown state": text(state={"type": f"{SECRET}!"}),
    "a state without a tag": text(state={"message": SECRET}),
    "a state that is none": text(state=SECRET),
    "a naive time": text(time="2026-03-01T12:30:15"),
    "a number for a time": text(time=5),
    "a number in quotes for a time": text(time="5"),
    "no time": text(time=SECRET),
    "attempt 0": text(attempt=0),
    "attempt true": text(attempt=True),
    "attempt in quotes": text(attempt="1"),
    "a fraction for an attempt": text(attempt=1.0),
    "index -1": text(index=-1),
    "index true": text(index=True),
    "index in quotes": text(index=SECRET),
    "a run that is a number": text(run=5),
    "a task that is null": text(task=None),
    "a child of no task": json.dumps({**{key: DOCUMENT[key] for key in DOCUMENT if key != "task"}, "index": 1}),
    "a try of no task": json.dumps({**{key: DOCUMENT[key] for key in DOCUMENT if key != "task"}, "try": 2}),
    "try 0": text(**{"try": 0}),
    "try in quotes": text(**{"try": "2"}),
    "a try by another name": text(try_number=2),
    "NaN": text(state={"type": "Success", "result": [SECRET, math.nan]}),
    "NaN in a child": text(state={"type": "Mapped", "children": [{"type": "Success", "result": math.inf}]}),
    "a number too large": text(state={"type": "Success", "result": 0}).replace("0}}", "1e999}}"),
    "deep": text(state={"type": "Success", "result": json.loads("[" * 120 + "]" * 120)}),
    "wide": text(state={"type": "Success", "result": [0] * 60_000}),
}


@at_once
@pytest.mark.parametrize("name", NO_EVENTS)
def test_what_is_no_event_is_refused(name: str) -> None:
    """A document that is no event is a short DecodeError that repeats no value of it; as bytes, too."""
    for data in (NO_EVENTS[name], NO_EVENTS[name].encode(), bytearray(NO_EVENTS[name].encode())):
        with pytest.raises(DecodeError) as caught:
            decode_event(data)

        assert len(str(caught.value)) < 500
        assert SECRET not in repr((caught.value, vars(caught.value)))


def test_an_error_names_the_field() -> None:
    """A DecodeError of an event says where: in the event, or in its state."""
    with pytest.raises(DecodeError, match=r"^not an event: attempt: "):
        decode_event(text(attempt=0))
    with pytest.raises(DecodeError, match=r"state\.run_count: "):
        decode_event(text(state={"type": "Retrying", "run_count": 0}))


def test_a_key_that_is_there_twice_is_refused_when_strict() -> None:
    """Strict decoding refuses a duplicate key in the event and in its state; else the last one counts."""
    twice = text().replace('"attempt": 1', '"attempt": 1, "attempt": 2')
    inner = text().replace('"type": "Running"', '"type": "Running", "message": "a", "message": "b"')

    for data in (twice, inner):
        with pytest.raises(DecodeError, match="twice"):
            decode_event(data, strict=True)
    assert (2, "b") == (decode_event(twice).attempt, decode_event(inner).state.message)


@pytest.mark.parametrize("limits", [Limits(max_bytes=100), Limits(max_depth=1), Limits(max_nodes=5)], ids=shown)
def test_limits_hold_for_events(limits: Limits) -> None:
    """A document over a limit is refused before it is looked at."""
    with pytest.raises(DecodeError, match="the document"):
        decode_event(text(), limits=limits)


@pytest.mark.parametrize("result_type", [Any, list[int]])
def test_wider_limits_admit_a_larger_event(result_type: Any) -> None:
    """The limits that are given hold for every part of the writing, also past the default ones."""
    wide = Limits(max_nodes=100_000)
    large = replace(EVENT, state=Success(result=list(range(60_000))))
    assert large == decode_event(encode_event(large, result_type=result_type, limits=wide), limits=wide)


def test_limits_hold_for_what_is_written() -> None:
    """The state of an event is written within the limits that are given."""
    with pytest.raises(EncodeError):
        encode_event(replace(EVENT, state=Success(result=[[]])), limits=Limits(max_depth=2))


def test_what_is_written_at_a_limit_is_read_at_it() -> None:
    """An event that `encode_event` writes within limits is read within the same ones."""
    event = replace(EVENT, state=Success(result=json.loads("[" * 99 + "]" * 99)))

    try:
        written = encode_event(event)
    except EncodeError:
        return

    assert event == decode_event(written)


# ---- results without their types


def test_a_state_of_plain_json_is_on_the_wire_already() -> None:
    """A state that reads back is returned as it is."""
    state = Success(result=[1, {"a": None}])

    assert state is on_the_wire(state, Any)
    assert state is on_the_wire(state, list[Any])


@at_once
@every_class
def test_every_kind_reads_back_from_the_wire_as_it_is_there(cls: Any) -> None:
    """What `on_the_wire` gives is accepted by encode and equals what decode reads, with no type declared."""
    for state in (SAMPLES[cls], BARE[cls]):
        wired = on_the_wire(state, Any)

        assert wired == decode(encode(wired))


@at_once
@pytest.mark.parametrize(
    ("declared", "result", "expected"),
    [
        (tuple[int, date], (1, date(2026, 3, 1)), [1, "2026-03-01"]),
        (Decimal, Decimal("1.10"), "1.10"),
        (set[int], {1}, [1]),
        (Order, ORDER, json.loads(ORDER.model_dump_json())),
        (list[Point], [Point(1, 2.5, date(2026, 3, 1))], [{"x": 1, "y": 2.5, "seen": "2026-03-01"}]),
        (datetime, NOON, "2026-03-01T12:30:15.123456Z"),
        (dict[int, str], {1: "a"}, {"1": "a"}),
        (Order | None, None, None),
    ],
    ids=shown,
)
def test_a_declared_result_becomes_json(declared: Any, result: Any, expected: Any) -> None:
    """A result that JSON alone cannot say is given as JSON writes it under its declared type; the class is kept."""
    state = Cached(result=result, message="m", expires=NOON)

    assert Cached(result=expected, message="m", expires=NOON) == on_the_wire(state, declared)


def test_a_mapped_state_has_its_children_on_the_wire() -> None:
    """Each child of a Mapped, of the declared type, is put on the wire, and the list of their results."""
    one, two = date(2026, 3, 1), date(2026, 3, 2)
    mapped = Mapped(
        message="m",
        children=(Success(result=one), Skipped(message="none"), Mapped(children=(Cached(result=two),), result=[two])),
        result=[one, None, [two]],
    )

    wired = on_the_wire(mapped, date)

    assert (
        Success(result="2026-03-01"),
        Skipped(message="none"),
        Mapped(children=(Cached(result="2026-03-02"),), result=["2026-03-02"]),
    ) == wired.children
    assert ("m", ["2026-03-01", None, ["2026-03-02"]]) == (wired.message, wired.result)
    assert wired == decode(encode(wired))


class Fanned(Mapped[Any]):
    """A user's kind of Mapped."""

    lanes: int = 1


def test_a_users_kind_of_mapped_stays_what_it_is() -> None:
    """A class below Mapped keeps its class and fields on the wire."""
    state = Fanned(lanes=3, children=(Success(result=date(2026, 3, 1)),), message="m")

    assert Fanned(lanes=3, children=(Success(result="2026-03-01"),), message="m") == on_the_wire(state, date)


@pytest.mark.parametrize("result", [None, {"total": 3}, [7], []], ids=shown)
def test_a_result_of_a_mapped_state_that_is_not_its_childrens_stays(result: Any) -> None:
    """A Mapped that was given a result of its own keeps it on the wire."""
    state = Mapped(children=(Success(result=1), Success(result=2)), result=result)

    assert state == on_the_wire(state, int)


def test_a_mapped_state_without_a_result_gets_none() -> None:
    """A Mapped that has no result has none on the wire."""
    assert not on_the_wire(Mapped(children=(Success(result=date(2026, 3, 1)),)), date).has_result


@at_once
@pytest.mark.parametrize(
    ("declared", "result"),
    [
        (Any, (1,)),
        (Any, {"a": NOON}),
        (int, (1,)),
        (Order, (1,)),
        (list[Any], [(1,)]),
        (float, math.nan),
        (object, object()),
        (lambda: None, {1}),
    ],
    ids=shown,
)
def test_a_result_that_cannot_be_on_the_wire_is_refused(declared: Any, result: Any) -> None:
    """A result that does not read back, declared or not, or is not of its type, is an EncodeError at `result`."""
    state = Success(result=result)
    before = fingerprint(state)

    with pytest.raises(EncodeError) as caught:
        on_the_wire(state, declared)

    assert caught.value.path.startswith("result")
    assert before == fingerprint(state)


# ---- states without their results


@at_once
@every_class
def test_without_result_keeps_all_but_the_result(cls: Any) -> None:
    """A state without its result has its class and every other field."""
    bare = without_result(SAMPLES[cls])

    assert (cls, False) == (type(bare), bare.has_result)
    if cls not in (Mapped, MapFailed, MapCancelled):
        assert SAMPLES[cls] == bare.model_copy(update={"result": SAMPLES[cls].result})


def test_the_children_of_a_mapped_state_lose_their_results_too() -> None:
    """A Mapped without results has children without results, at any depth."""
    mapped = MapFailed(
        children=(Success(result=1), MapFailed(children=(Failed(result=2, message="m"),), result=[])), result=[]
    )

    bare = MapFailed(children=(Success(), MapFailed(children=(Failed(message="m"),))))
    assert bare == without_result(mapped)


def test_what_is_wrapped_keeps_its_result() -> None:
    """The state in a meta-state is a field, not a result."""
    state = Queued(state=Retrying(result=1), result=2)

    assert Queued(state=Retrying(result=1)) == without_result(state)


def test_a_state_without_a_result_stays_as_it_is() -> None:
    """Nothing is taken from a state that has no result."""
    assert Failed(message="m", retryable=False) == without_result(Failed(message="m", retryable=False))


def test_without_result_leaves_the_original() -> None:
    """The state that is asked keeps its result."""
    state = Success(result=[1])

    without_result(state)

    assert [1] == state.unwrap()


def test_a_parametrised_state_without_its_result_is_of_its_class() -> None:
    """Success[int] stays Success[int]."""
    assert Success[int] is type(without_result(Success[int](result=1)))
