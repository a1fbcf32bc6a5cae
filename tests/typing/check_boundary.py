"""Signals as types of a boundary: fields, bodies, unions, families and parameters have the types that they name."""

from typing import Annotated, Any, Generic, assert_type

from fastapi import Body, FastAPI
from generics import SAMPLE, SPLIT
from kinds import HOLD, QUARANTINE, Quarantined
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypeVar

from statesig import (
    FAIL,
    RETRY,
    SKIP,
    SUCCESS,
    TIMEOUT,
    AnyFinished,
    Failed,
    Finished,
    Paused,
    Retrying,
    Signal,
    SignalOf,
    Skipped,
    State,
    Success,
    TimedOut,
    decode,
    encode,
    schema,
)

R = TypeVar("R", default=Any)
DATA = encode(SKIP("no new rows"))
assert_type(DATA, bytes)
encode(SKIP)  # E: arg-type
encode(ValueError())  # E: arg-type


# ---- fields


class Order(BaseModel):
    """What a user receives."""

    number: int


class Report(BaseModel):
    """What a user sends."""

    one: SKIP
    either: SKIP | RETRY
    failure: SignalOf[Failed]
    any_: Signal
    typed: Signal[Success[Order]]
    own: QUARANTINE
    many: list[SignalOf[Finished]] = []
    maybe: SKIP | None = None


def of_fields(report: Report) -> None:
    assert_type(report.one, SKIP)
    assert_type(report.one.state, Skipped[Any])
    assert_type(report.either.state, Skipped[Any] | Retrying[Any])
    assert_type(report.failure, Signal[Failed[Any]])
    assert_type(report.failure.state, Failed[Any])
    assert_type(report.any_.state, State[Any])
    assert_type(report.typed.state.unwrap(), Order)
    assert_type(report.own.state.reason, str)
    assert_type(report.many[0].state, Finished[Any])
    print(report.one.state.run_count)  # E: attr-defined
    print(report.maybe.state)  # E: union-attr
    raise report.failure


Report(
    one=SKIP(),
    either=RETRY(run_count=2),
    failure=TIMEOUT(),
    any_=HOLD(),
    typed=SUCCESS(result=Order(number=1)),
    own=QUARANTINE(reason="checksum"),
    many=[SKIP(), FAIL()],
)


class Held(BaseModel, Generic[R]):
    """A user's own model, generic in the result."""

    signal: SignalOf[Finished[R]]


assert_type(TypeAdapter(Held[int]).validate_json(DATA).signal.state.unwrap(), int)


# ---- bodies and returns


app = FastAPI()


@app.post("/skipped")
def skipped(body: Annotated[SKIP, Body()]) -> SKIP:
    return body


@app.post("/failed")
def failed(body: SignalOf[Failed]) -> SignalOf[Finished]:
    if isinstance(body, TIMEOUT):
        assert_type(body, TIMEOUT)
    return body


@app.post("/finished")
def finished(body: AnyFinished[int]) -> AnyFinished[int]:
    assert_type(taken(body), str)
    return body


def taken(state: Finished[int]) -> str:
    return state.type


def too_wide(state: Finished[int]) -> AnyFinished[int]:
    return state  # E: return-value


def wrong(body: SignalOf[Finished]) -> SignalOf[Failed]:
    return body  # E: return-value


def exactly(signal: FAIL) -> None:
    print(signal)


def within(signal: SignalOf[Failed]) -> None:
    print(signal)


def of_arguments(late: SignalOf[TimedOut], done: SignalOf[AnyFinished[int]]) -> None:
    within(FAIL())
    within(TIMEOUT())
    within(late)
    within(SPLIT(left=1))
    within(QUARANTINE(reason="checksum"))  # E: arg-type
    within(SKIP())  # E: arg-type
    within(done)  # E: arg-type
    within(Failed())  # E: arg-type
    exactly(FAIL())
    exactly(TIMEOUT())  # E: arg-type
    exactly(late)  # E: arg-type
    assert_type(done.state, AnyFinished[int])


def of_nothing(signal: SignalOf[int]) -> None: ...  # E: type-var


# ---- decode

assert_type(decode(DATA, SKIP), SKIP)
assert_type(decode(DATA, SKIP).state, Skipped[Any])
assert_type(decode(DATA, QUARANTINE).state, Quarantined[Any])
assert_type(decode(DATA, SAMPLE[int]), SAMPLE[int])
assert_type(decode(DATA, SAMPLE[int]).state.unwrap(), int)
assert_type(decode(DATA, Signal[Success[int]]), Signal[Success[int]])
assert_type(decode(DATA, Signal[Success[int]]).state.unwrap(), int)
assert_type(decode(DATA, SignalOf[Paused[int]]), Signal[Paused[int]])
assert_type(decode(DATA, SignalOf[Failed]).state, Failed[Any])
assert_type(decode(DATA, Signal).state, State[Any])  # false: mypy
assert_type(decode("{}", SKIP, strict=True).state.message, str | None)
retry: RETRY = decode(DATA, SKIP)  # E: assignment
decode(DATA, SKIP())  # E: call-overload
decode(DATA, ValueError)  # E: type-var
assert_type(schema(SKIP), dict[str, Any])
schema(SignalOf[Failed])
schema(SKIP())  # E: arg-type
assert_type(TypeAdapter(SKIP).validate_python(DATA), SKIP)
assert_type(TypeAdapter(Signal[Success[int]]).validate_json(DATA).state.unwrap(), int)


def of_a_class(kind: type[SignalOf[Failed]]) -> None:
    assert_type(decode(DATA, kind), Signal[Failed[Any]])
