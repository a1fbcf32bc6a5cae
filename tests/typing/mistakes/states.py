"""Mistakes with states: how they are made, read, narrowed and told apart."""

from datetime import datetime
from typing import Any, assert_never

from statesig import (
    AnyFinished,
    AnyState,
    Cached,
    Cancelled,
    ErrorInfo,
    Failed,
    Finished,
    MapFailed,
    Mapped,
    Paused,
    Pending,
    Queued,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    is_failed,
    is_finished,
    is_paused,
    is_successful,
    kind,
)


def made(text: str, number: int, when: datetime) -> None:
    Success("done")  # E: call-arg
    Success(resutl=number)  # E: call-arg
    Success[int](result=text)  # E: arg-type
    Success(message=number)  # E: arg-type
    Skipped(reason=text)  # E: call-arg
    Failed(retryable=text)  # E: arg-type
    Failed(causes=[ErrorInfo(type="a", message="b")])  # E: arg-type
    ErrorInfo(type="a")  # E: call-arg
    ErrorInfo(type="a", text="b")  # E: call-arg
    Retrying(run_count=text)  # E: arg-type
    Retrying(starttime=when)  # E: call-arg
    Scheduled(start_time=number)  # E: arg-type
    Queued()  # E: call-arg
    Queued(state=Failed())  # E: arg-type
    Submitted(state=Running())  # E: arg-type
    Mapped(children=[Success()])  # E: arg-type
    MapFailed()  # E: call-arg
    Cached(expires=text)  # E: arg-type
    Finished()  # E: abstract  # missed: mypy
    State(message=text)  # E: abstract  # missed: mypy
    Paused(until=text)  # E: arg-type


def read(state: State[int], done: Success[int], failed: Failed[str], either: AnyFinished[int]) -> str:
    print(state.retryable)  # E: attr-defined
    print(done.value)  # E: attr-defined
    print(done.unwrap() + "")  # E: operator
    print(done.result + 1)  # E: operator
    print(either.children)  # E: union-attr
    print(failed.causes[0].msg)  # E: attr-defined
    done.result = 5  # E: misc
    failed.retryable = False  # E: misc
    if is_failed(state):
        print(state.start_time)  # E: attr-defined
        return state.unwrap()  # E: return-value
    return done.unwrap()  # E: return-value


def told(state: AnyState[int]) -> int:
    match state:
        case Success():
            return state.unwrap()
        case Failed():
            return state.retries  # E: attr-defined, no-any-return
        case Paused():
            return state.until  # E: return-value
        case Pending() | Queued() | Submitted() | Running():
            return state.message  # E: return-value
        case _:
            assert_never(state)  # E: arg-type


def narrowed(state: AnyState[int], ended: AnyFinished[str]) -> AnyFinished[int]:
    if is_finished(state):
        good: Success[int] = state  # E: assignment
        print(good)
    elif is_paused(state):
        return state  # E: return-value
    if is_successful(ended):
        print(ended.unwrap() + 1)  # E: operator
    else:
        only: Failed[str] = ended  # E: assignment
        print(only)
    return state  # E: return-value


def kinds(kind_: type[State[Any]], wide: Success[object], number: Success[int]) -> None:
    print(kind(Success))  # E: arg-type
    narrow: Success[int] = wide  # E: assignment
    other: Cancelled[Any] = number  # E: assignment
    print(kind_().retryable, narrow, other)  # E: attr-defined
