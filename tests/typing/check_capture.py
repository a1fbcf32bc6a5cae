"""capture gives AnyState of what the function returns, whether as a value or in a state."""

from collections.abc import Callable
from functools import partial
from typing import Any, assert_type

from statesig import AnyState, Failed, Skipped, State, Success, acapture, capture, collect


def value() -> int:
    return 5


def state() -> Success[int]:
    return Success(result=5)


def either() -> int | Skipped[int]:
    return Skipped()


def any_state() -> AnyState[int]:
    return Failed()


def mixed() -> str | Skipped[str] | Failed[str]:
    return "a"


def nothing() -> None:
    return None


def divided(whole: int, by: float) -> float:
    return whole / by


async def later(name: str) -> list[str] | Skipped[list[str]]:
    return [name]


assert_type(capture(value), AnyState[int])
assert_type(capture(state), AnyState[int])
assert_type(capture(either), AnyState[int])
assert_type(capture(any_state), AnyState[int])
assert_type(capture(mixed), AnyState[str])
assert_type(capture(nothing), AnyState[None])
assert_type(capture(divided, 1, 2.0), AnyState[float])
assert_type(capture(value, redact=str.upper, traceback=True), AnyState[int])
assert_type(capture(Success(result=list[int]()).unwrap), AnyState[list[int]])
assert_type(capture(value).result, int | None)
assert_type(capture(lambda: [value()]), AnyState[list[int]])
assert_type(capture(partial(divided, by=2.0), 1), AnyState[float])

capture(divided, 1)  # E: arg-type  # missed: ty
capture(divided, "1", 2.0)  # E: arg-type, call-arg  # missed: ty
capture(value, 1)  # E: arg-type  # missed: ty
capture(value, redact=len)  # E: arg-type, call-arg
capture(5)  # E: call-overload


async def caught() -> None:
    assert_type(await acapture(later, "a"), AnyState[list[str]])
    await acapture(later, 5)  # E: arg-type  # missed: ty
    await acapture(value)  # E: arg-type, call-arg


def of_a_group(group: BaseExceptionGroup[Any]) -> None:
    assert_type(collect(group), tuple[AnyState[object], ...])
    collect(ValueError())  # E: arg-type


def generic(fn: Callable[[], State[int]]) -> AnyState[int]:
    return capture(fn)
