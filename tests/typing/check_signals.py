"""A signal has a message, also by position, and the state of its class, however it was caught or made."""

from typing import Any, assert_type

from kinds import HOLD, QUARANTINE, OnHold, Quarantined

from statesig import (
    FAIL,
    RETRY,
    SKIP,
    SUCCESS,
    Failed,
    Retrying,
    Scheduled,
    Signal,
    Skipped,
    State,
    Success,
    signal_of,
)
from statesig.signals import signal_type_of


def of_a_state(success: Success[int], quarantined: Quarantined[str]) -> None:
    assert_type(signal_of(success), Signal[Success[int]])
    assert_type(signal_of(success).state, Success[int])
    assert_type(signal_of(quarantined).state.reason, str)
    assert_type(signal_of(quarantined).state.unwrap(), str)
    wide: Signal[Success[object]] = signal_of(success)
    narrow: Signal[Success[str]] = signal_of(success)  # E: arg-type
    many: list[Signal[Success[object]]] = [signal_of(success)]
    ones: list[Signal[Success[int]]] = [signal_of(success)]
    many = ones  # E: assignment
    print(wide, narrow, many)


assert_type(signal_of(Quarantined(reason="checksum")).state.reason, str)
assert_type(signal_type_of(Retrying), type[Signal[Retrying[Any]]])
signal_of(5)  # E: type-var
signal_type_of(str)  # E: type-var

assert_type(SKIP.of(Skipped()), SKIP)
assert_type(FAIL("no").state, Failed[Any])
SKIP.of("no new rows")  # E: arg-type

# A signal of a kind is a signal of its family, and no other.
one: Signal[Success[Any]] = SKIP()
another: Signal[State[Any]] = QUARANTINE("why", reason="checksum")
later: Signal[Scheduled[Any]] = RETRY()
held: Signal[OnHold[Any]] = HOLD(owner="me")
wrong: Signal[Skipped[Any]] = SUCCESS()  # E: assignment
other: Signal[Failed[Any]] = SKIP()  # E: assignment


def leave() -> None:
    raise Skipped(message="states are not raised")  # E: misc


# ---- Signal itself is abstract, and raises states


class NOTHING(Signal[int]): ...  # E: type-var  # P: statesig


# ---- of a state: only its own

assert_type(SKIP.of(Skipped(message="none")), SKIP)
assert_type(FAIL.of(Failed()), FAIL)
assert_type(QUARANTINE.of(Quarantined(reason="checksum")).state.reason, str)
SKIP.of(Failed())  # E: arg-type
QUARANTINE.of(Failed())  # E: arg-type
SKIP.of(Skipped)  # E: arg-type
signal_of(Failed)  # E: type-var
