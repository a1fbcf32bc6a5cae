"""advance has the exact type of the new state where the table has the arrow, and is an error where it has none."""

from typing import Any, Never, assert_type

from kinds import HOLD, QUARANTINE, OnHold, Quarantined

from statesig import (
    CANCEL,
    FAIL,
    PAUSE,
    PEND,
    QUEUE,
    RESUME,
    RETRY,
    SKIP,
    START,
    STOP,
    SUCCESS,
    AnyFinished,
    AnyState,
    Cancelled,
    Cancelling,
    Failed,
    IllegalStep,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Signal,
    Skipped,
    State,
    Submitted,
    Success,
    advance,
    check_history,
    is_allowed,
    is_finished,
    signal_of,
    successors,
)

# ---- legal, and exactly typed

assert_type(advance(Pending(), START()), Running[Any])
assert_type(advance(Retrying(), START()), Running[Any])
assert_type(advance(Pending(), QUEUE(state=Pending())), Queued[Any])
assert_type(advance(Queued(state=Pending()), SKIP()), Skipped[Any])
assert_type(advance(Submitted(state=Pending()), FAIL()), Failed[Any])
assert_type(advance(Running(), SUCCESS(result=5)), Success[Any])
assert_type(advance(Running(), RETRY()), Retrying[Any])
assert_type(advance(Running(), PAUSE()), Paused[Any])
assert_type(advance(Running(), STOP()), Cancelling[Any])
assert_type(advance(Paused(), RESUME()), Resume[Any])
assert_type(advance(Cancelling(), CANCEL()), Cancelled[Any])
assert_type(advance(Running(), signal_of(Success(result=list[int]()))), Success[list[int]])  # false: pyrefly

# ---- a user's own states, in the place of their parents

assert_type(advance(Running(), HOLD()), OnHold[Any])
assert_type(advance(Running(), QUARANTINE(reason="checksum")), Quarantined[Any])
assert_type(advance(Cancelling(), QUARANTINE(reason="checksum")), Quarantined[Any])
assert_type(advance(OnHold(), RESUME()), Resume[Any])
assert_type(advance(Pending(), signal_of(OnHold(owner="me"))).owner, str)
advance(OnHold(), START())  # E: type-var
advance(OnHold(), HOLD())  # E: type-var
advance(Quarantined(reason="checksum"), RETRY())  # E: call-overload

# ---- illegal

advance(Success(), RETRY())  # E: call-overload
advance(Failed(), RETRY())  # E: call-overload
advance(Skipped(), START())  # E: call-overload
advance(Pending(), SUCCESS())  # E: type-var
advance(Pending(), PEND())  # E: type-var
advance(Running(), START())  # E: type-var
advance(Running(), PEND())  # E: type-var
advance(Paused(), START())  # E: type-var
advance(Paused(), RETRY())  # E: type-var
advance(Cancelling(), PAUSE())  # E: type-var
advance(RETRY(), Success())  # E: call-overload
advance(Running(), Success())  # E: call-overload
advance(Running())  # E: call-overload

# ---- of several states only what all of them allow


def of_several(
    waiting: Pending[Any] | Queued[Any], open_: Running[Any] | Paused[Any], any_: AnyState[Any], done: AnyFinished[Any]
) -> None:
    assert_type(advance(waiting, START()), Running[Any])
    assert_type(advance(open_, FAIL()), Failed[Any])
    assert_type(advance(open_, CANCEL()), Cancelled[Any])
    advance(open_, START())  # E: type-var, arg-type
    advance(any_, FAIL())  # E: arg-type
    advance(done, FAIL())  # E: call-overload


def of_any(state: State[Any], signal: Signal[Any]) -> None:
    advance(state, START())  # E: call-overload
    advance(Running(), signal)


def of_a_known_family(paused: Paused[Any], later: Signal[Scheduled[Any]]) -> None:
    advance(paused, later)  # E: type-var


# ---- from outside: a signal of an unknown kind is judged when it runs


def from_outside(
    old: AnyState[Any], new: AnyState[int], state: State[Any], signal: Signal[State[Any]], some: Signal[Any]
) -> None:
    assert_type(advance(old, signal_of(new)), AnyState[Any])
    assert_type(advance(state, signal_of(state)), AnyState[Any])
    assert_type(advance(old, signal), AnyState[Any])
    assert_type(advance(state, signal), AnyState[Any])
    assert_type(advance(Running(), signal), AnyState[Any])
    assert_type(advance(Paused(), signal_of(new)), AnyState[Any])
    advance(state, some)
    advance(Pending(), some)
    advance(old, SKIP())  # E: arg-type
    advance(signal, old)  # E: call-overload
    if not is_finished(old):
        assert_type(advance(old, CANCEL()), Cancelled[Any])


def after_the_end(ended: Success[int], signal: Signal[AnyState[int]]) -> None:
    advance(ended, RETRY())  # E: call-overload
    assert_type(advance(ended, signal), Never)


def of_families(running: Running[Any], finished: Signal[AnyFinished[Any]], later: Signal[Scheduled[Any]]) -> None:
    assert_type(advance(running, later), Scheduled[Any])
    assert_type(advance(running, finished), AnyFinished[Any])


# ---- the table itself

assert_type(is_allowed(Running, Success), bool)
assert_type(successors(Running), tuple[type[State[Any]], ...])
assert_type(check_history([Pending(), Running()]), IllegalStep | None)
is_allowed(Running(), Success)  # E: arg-type
check_history(Pending())  # E: arg-type
