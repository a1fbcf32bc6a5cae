"""Mistakes with JSON: what is encoded, decoded, described and limited."""

from typing import Any

from pydantic import BaseModel, TypeAdapter

from statesig import (
    SKIP,
    AnyFinished,
    AnyState,
    Event,
    Failed,
    Finished,
    History,
    Limits,
    Observation,
    Retrying,
    Running,
    Skipped,
    State,
    Success,
    decode,
    decode_event,
    decode_trigger,
    encode,
    encode_event,
    encode_trigger,
    every,
    histories_of,
    merge,
    observe,
    schema,
)


class Order(BaseModel):
    outcome: Finished[int]


def encoded(state: Success[int], event: Event) -> str:
    encode({"type": "Success"})  # E: arg-type
    encode(state, 5)  # E: arg-type, call-arg
    encode(state, limit=Limits())  # E: call-arg
    encode(Success)  # E: arg-type
    encode([state])  # E: arg-type
    encode_event(state)  # E: arg-type
    encode_trigger(Success)  # E: arg-type
    text: str = encode(state)  # E: assignment
    print(text, encode_event(event, indent=2))  # E: call-arg
    return encode(state)  # E: return-value


def decoded(data: bytes) -> int:
    decode({"type": "Success"})  # E: call-overload
    decode(data, "Success")  # E: call-overload  # missed: plugin, mypy, pyright, ty
    decode(data, int)  # E: type-var
    decode(data, limits=100)  # E: call-overload
    decode(data, strict="yes")  # E: call-overload
    decode(data, Success, Limits())  # E: call-overload
    decode(data, kinds=Success)  # E: call-overload
    failed: Failed[Any] = decode(data, Success)  # E: assignment
    wide: Success[int] = decode(data, Finished[int])  # E: assignment
    narrow: AnyFinished[Any] = decode(data)  # E: assignment
    print(decode(data).retryable, failed, wide, narrow)  # E: union-attr
    print(decode(data, Retrying).runs)  # E: attr-defined
    print(decode(data, Success[int]).unwrap() + "")  # E: operator
    print(decode_event(data).name)  # E: attr-defined
    every_: int = decode_trigger(data)  # E: assignment
    print(every_, every(Failed).encode())  # E: attr-defined
    return decode(data, Success[str]).unwrap()  # E: return-value


def described() -> str:
    schema(Success())  # E: arg-type
    schema("Success")  # E: arg-type  # missed: plugin, mypy, pyright, ty
    schema(SKIP())  # E: arg-type
    Limits(max_byte=5)  # E: call-arg
    Limits(max_depth="deep")  # E: arg-type
    Limits(5, 5, 5, 5)  # E: call-arg
    return schema(Success)  # E: return-value


def models(order: Order, states: list[AnyState[int]]) -> None:
    Order()  # E: call-arg
    Order(outcome=Running())  # E: arg-type  # missed: pyrefly, pydantic
    Order(outcome=Success(result="5"))  # E: arg-type  # missed: pyrefly, ty, pydantic
    print(order.outcome.retryable)  # E: attr-defined
    adapter: TypeAdapter[Skipped[Any]] = TypeAdapter(Failed)  # E: arg-type
    adapter.validate_json(states)  # E: arg-type
    print(Success[int].model_validate_json(5))  # E: arg-type


def histories(events: list[Event], states: list[State[int]]) -> None:
    histories_of(states)  # E: arg-type
    found: list[History] = histories_of(events)  # E: assignment
    merge(states)  # E: arg-type
    print(found, observe(5))  # E: arg-type
    Observation("1", Success())  # E: arg-type
    Observation(state=Success())  # E: call-arg
