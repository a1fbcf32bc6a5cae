"""Every predicate narrows both ways: to the kind that it names, and to the branches that are left."""

from typing import Union, assert_never, assert_type

from kinds import OnHold, Quarantined

from statesig import (
    AnyFinished,
    AnyState,
    Cached,
    Cancelled,
    Cancelling,
    Failed,
    Finished,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    Paused,
    Pending,
    Queued,
    Retrying,
    Running,
    Scheduled,
    Signal,
    Skipped,
    State,
    Submitted,
    Success,
    has_children,
    is_cached,
    is_cancelled,
    is_cancelling,
    is_failed,
    is_finished,
    is_looped,
    is_mapped,
    is_meta,
    is_paused,
    is_pending,
    is_queued,
    is_retrying,
    is_running,
    is_scheduled,
    is_skipped,
    is_submitted,
    is_successful,
)

NotPending = Union[
    Paused[int], Queued[int], Submitted[int], Running[int], Cancelling[int], Success[int], Failed[int], Cancelled[int]
]
NotPaused = Union[
    Pending[int], Queued[int], Submitted[int], Running[int], Cancelling[int], Success[int], Failed[int], Cancelled[int]
]
NotMeta = Union[Pending[int], Paused[int], Running[int], Cancelling[int], Success[int], Failed[int], Cancelled[int]]
NotQueued = Union[
    Pending[int], Paused[int], Submitted[int], Running[int], Cancelling[int], Success[int], Failed[int], Cancelled[int]
]
NotSubmitted = Union[
    Pending[int], Paused[int], Queued[int], Running[int], Cancelling[int], Success[int], Failed[int], Cancelled[int]
]
NotRunning = Union[
    Pending[int], Paused[int], Queued[int], Submitted[int], Cancelling[int], Success[int], Failed[int], Cancelled[int]
]
NotCancelling = Union[
    Pending[int], Paused[int], Queued[int], Submitted[int], Running[int], Success[int], Failed[int], Cancelled[int]
]
Unfinished = Union[Pending[int], Paused[int], Queued[int], Submitted[int], Running[int], Cancelling[int]]
Unsuccessful = Union[
    Pending[int], Paused[int], Queued[int], Submitted[int], Running[int], Cancelling[int], Failed[int], Cancelled[int]
]
NotFailed = Union[
    Pending[int], Paused[int], Queued[int], Submitted[int], Running[int], Cancelling[int], Success[int], Cancelled[int]
]
NotCancelled = Union[
    Pending[int], Paused[int], Queued[int], Submitted[int], Running[int], Cancelling[int], Success[int], Failed[int]
]


def by_is_pending(state: AnyState[int]) -> None:
    if is_pending(state):
        assert_type(state, Pending[int])
    else:
        assert_type(state, NotPending)


def by_is_scheduled(state: AnyState[int]) -> None:
    if is_scheduled(state):
        assert_type(state, Scheduled[int])
    else:
        whole: AnyState[int] = state
        part: NotPending = state  # E: assignment
        print(whole, part)


def by_is_retrying(state: AnyState[int]) -> None:
    if is_retrying(state):
        assert_type(state, Retrying[int])
    else:
        whole: AnyState[int] = state
        part: NotPending = state  # E: assignment
        print(whole, part)


def by_is_looped(state: AnyState[int]) -> None:
    if is_looped(state):
        assert_type(state, Looped[int])
    else:
        whole: AnyState[int] = state
        part: NotPending = state  # E: assignment
        print(whole, part)


def by_is_paused(state: AnyState[int]) -> None:
    if is_paused(state):
        assert_type(state, Paused[int])
    else:
        assert_type(state, NotPaused)


def by_is_meta(state: AnyState[int]) -> None:
    if is_meta(state):
        assert_type(state, Queued[int] | Submitted[int])
    else:
        assert_type(state, NotMeta)


def by_is_queued(state: AnyState[int]) -> None:
    if is_queued(state):
        assert_type(state, Queued[int])
    else:
        assert_type(state, NotQueued)


def by_is_submitted(state: AnyState[int]) -> None:
    if is_submitted(state):
        assert_type(state, Submitted[int])
    else:
        assert_type(state, NotSubmitted)


def by_is_running(state: AnyState[int]) -> None:
    if is_running(state):
        assert_type(state, Running[int])
    else:
        assert_type(state, NotRunning)


def by_is_cancelling(state: AnyState[int]) -> None:
    if is_cancelling(state):
        assert_type(state, Cancelling[int])
    else:
        assert_type(state, NotCancelling)


def by_is_finished(state: AnyState[int]) -> None:
    if is_finished(state):
        assert_type(state, Success[int] | Failed[int] | Cancelled[int])
    else:
        assert_type(state, Unfinished)


def by_is_successful(state: AnyState[int]) -> None:
    if is_successful(state):
        assert_type(state, Success[int])
    else:
        assert_type(state, Unsuccessful)


def by_is_cached(state: AnyState[int]) -> None:
    if is_cached(state):
        assert_type(state, Cached[int])
    else:
        whole: AnyState[int] = state
        part: Unsuccessful = state  # E: assignment
        print(whole, part)


def by_has_children(state: AnyState[int]) -> None:
    if has_children(state):
        assert_type(state, Mapped[int] | MapFailed[int] | MapCancelled[int])
        for child in state.children:
            print(child.unwrap())
    else:
        whole: AnyState[int] = state
        part: Unsuccessful = state  # E: assignment
        print(whole, part)
        print(state.children)  # E: union-attr


def by_is_mapped(state: AnyState[int]) -> None:
    if is_mapped(state):
        assert_type(state, Mapped[int])
    else:
        whole: AnyState[int] = state
        part: Unsuccessful = state  # E: assignment
        print(whole, part)


def by_is_skipped(state: AnyState[int]) -> None:
    if is_skipped(state):
        assert_type(state, Skipped[int])
    else:
        whole: AnyState[int] = state
        part: Unsuccessful = state  # E: assignment
        print(whole, part)


def by_is_failed(state: AnyState[int]) -> None:
    if is_failed(state):
        assert_type(state, Failed[int])
    else:
        assert_type(state, NotFailed)


def by_is_cancelled(state: AnyState[int]) -> None:
    if is_cancelled(state):
        assert_type(state, Cancelled[int])
    else:
        assert_type(state, NotCancelled)


def one_after_the_other(state: AnyState[int]) -> None:
    if is_successful(state):
        assert_type(state.unwrap(), int)
    elif is_failed(state):
        assert_type(state.retryable, bool)
    elif is_cancelled(state):
        assert_type(state, Cancelled[int])
    elif is_meta(state):
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


def one_forgotten(state: AnyFinished[str]) -> str:
    if is_successful(state):
        return state.unwrap()
    if is_cancelled(state):
        return "cancelled"
    assert_never(state)  # E: arg-type


def of_the_root(one: State[int], two: State[int], three: State[str], four: Finished[bytes]) -> None:
    if is_retrying(one):
        assert_type(one, Retrying[int])
        assert_type(one.run_count, int)
    elif is_finished(one):
        assert_type(one.unwrap(), int)
        print(one.unwrap().run_count)  # E: attr-defined
    else:
        print(one.run_count)  # E: attr-defined
    if is_scheduled(two):
        assert_type(two, Scheduled[int])
        if is_looped(two):
            assert_type(two, Looped[int])
        elif is_failed(two):
            print("never")
    if is_skipped(three):
        assert_type(three, Skipped[str])
    if is_mapped(three):
        assert_type(three.children, tuple[Success[object], ...])
    if is_failed(four):
        assert_type(four, Failed[bytes])


def of_a_users_kind(state: AnyState[int], quarantined: Quarantined[int], held: OnHold[int]) -> None:
    if isinstance(state, Quarantined):
        assert_type(state.reason, str)
    if isinstance(state, OnHold):
        assert_type(state.owner, str)
    if is_skipped(quarantined):
        assert_type(quarantined, Quarantined[int])
    if is_paused(held):
        assert_type(held.owner, str)


def of_many(states: list[AnyState[int]]) -> None:
    assert_type([state for state in states if is_successful(state)], list[Success[int]])
    assert_type([state.retryable for state in states if is_failed(state)], list[bool])


def of_no_state(signal: Signal[Success[int]]) -> None:
    is_successful(signal.state)
    is_successful(signal)  # E: arg-type
    is_failed("Failed")  # E: arg-type
