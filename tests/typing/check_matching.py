"""A match over AnyState or AnyFinished is exhaustive, and predicates narrow both ways."""

from typing import Any, assert_never, assert_type

from kinds import Quarantined

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
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    is_cancelled,
    is_failed,
    is_finished,
    is_meta,
    is_paused,
    is_pending,
    is_retrying,
    is_running,
    is_scheduled,
    is_skipped,
    is_successful,
)


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


def by_predicate(state: AnyState[int]) -> None:
    if is_finished(state):
        assert_type(state, AnyFinished[int])
    else:
        assert_type(
            state,
            Pending[int] | Paused[int] | Queued[int] | Submitted[int] | Running[int] | Cancelling[int],
        )
    if is_successful(state):
        assert_type(state, Success[int])
        assert_type(state.unwrap(), int)
    elif is_failed(state):
        assert_type(state, Failed[int])
    elif is_cancelled(state):
        assert_type(state, Cancelled[int])
    elif is_meta(state):
        assert_type(state, Queued[int] | Submitted[int])
        assert_type(state.state, Pending[int])
    elif is_pending(state):
        assert_type(state, Pending[int])
    elif is_paused(state):
        assert_type(state, Paused[int])
    elif is_running(state):
        assert_type(state, Running[int])
    else:
        assert_type(state, Cancelling[int])


def to_the_end(state: AnyFinished[str]) -> str:
    if is_successful(state):
        return state.unwrap()
    if is_failed(state):
        return "failed"
    if is_cancelled(state):
        return "cancelled"
    assert_never(state)


def below_a_branch(state: State[int]) -> None:
    if is_retrying(state):
        assert_type(state, Retrying[int])
        assert_type(state.run_count, int)
    elif is_scheduled(state):
        assert_type(state, Scheduled[int])
    elif is_skipped(state):
        assert_type(state, Skipped[int])
    elif is_finished(state):
        assert_type(state, Finished[int])
    else:
        assert_type(state, State[int])
        state.unwrap().run_count  # E: attr-defined
