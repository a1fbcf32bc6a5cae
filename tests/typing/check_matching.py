"""A match over AnyState or AnyFinished is exhaustive, whatever users define below; a forgotten arm is flagged."""

from typing import Any, assert_never, assert_type

from kinds import OnHold, Quarantined
from typing_extensions import TypeVar

from statesig import (
    AnyFinished,
    AnyState,
    Cancelled,
    Cancelling,
    Failed,
    Finished,
    Paused,
    Pending,
    Queued,
    Running,
    Scheduled,
    Skipped,
    Submitted,
    Success,
)

R = TypeVar("R", covariant=True, default=Any)


class Torn(Failed[R]):
    """Failed, for a reason."""

    reason: str = ""


def by_branch(state: AnyState[int]) -> str:
    match state:
        case Success():
            assert_type(state, Success[int])
            return str(state.unwrap() + 1)
        case Failed(retryable=retryable):
            assert_type(retryable, bool)
            return "failed"
        case Cancelled() | Cancelling():
            return "cancelled"
        case Pending():
            return "pending"
        case Paused():
            return "paused"
        case Queued(state=wrapped) | Submitted(state=wrapped):
            assert_type(wrapped, Pending[int])
            return "queued"
        case Running():
            return "running"
        case _:
            assert_never(state)


def by_kind(state: AnyFinished[int]) -> str:
    match state:
        case Quarantined(reason=reason):
            assert_type(reason, str)
            return reason
        case Skipped():
            return "skipped"
        case Success():
            return "done"
        case Failed():
            return "failed"
        case Cancelled():
            return "cancelled"
    assert_never(state)


def one_missing(state: AnyFinished[int]) -> str:
    match state:
        case Success():
            return "done"
        case Failed():
            return "failed"
        case _:
            assert_never(state)  # E: arg-type


def several_missing(state: AnyState[Any]) -> str:
    match state:
        case Success() | Failed() | Cancelled():
            return "finished"
        case Scheduled():
            return "later"
        case _:
            assert_never(state)  # E: arg-type


def by_a_users_kind(state: AnyState[int]) -> str:
    match state:
        case OnHold(owner=owner):
            assert_type(owner, str)
            return owner
        case Quarantined(reason=reason) | Torn(reason=reason):
            return reason
        case Pending() | Paused() | Queued() | Submitted():
            return "before"
        case Running() | Cancelling():
            return "now"
        case Success() | Failed() | Cancelled():
            return "after"
        case _:
            assert_never(state)


def only_kinds_below(state: AnyFinished[int]) -> str:
    match state:
        case Quarantined() | Skipped():
            return "left out"
        case Torn():
            return "torn"
        case Cancelled():
            return "cancelled"
        case _:
            assert_never(state)  # E: arg-type


def guarded(state: AnyFinished[int]) -> str:
    match state:
        case Success(result=5):
            return "five"
        case Failed() if state.retryable:
            return "again"
        case Failed() | Cancelled():
            return "over"
        case _:
            assert_never(state)  # E: arg-type


def each_by_isinstance(state: AnyFinished[int]) -> str:
    if isinstance(state, Success):
        return str(state.unwrap() + 1)
    assert_type(state, Failed[int] | Cancelled[int])
    return "over"


def of_a_root(state: Finished[int]) -> str:
    match state:
        case Success() | Failed() | Cancelled():
            return "finished"
        case _:
            return assert_never(state)  # E: arg-type
