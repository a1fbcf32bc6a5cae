"""A signal has a message, also by position, and the state of its class, however it was caught or made."""

from typing import Any, assert_type

from kinds import HOLD, QUARANTINE, OnHold, Quarantined

from statesig import (
    CANCEL,
    CRASH,
    FAIL,
    PAUSE,
    PEND,
    QUEUE,
    RETRY,
    SCHEDULE,
    SKIP,
    SUCCESS,
    TRIGGERFAIL,
    Crashed,
    Failed,
    Finished,
    Paused,
    Pending,
    Retrying,
    Scheduled,
    Signal,
    Skipped,
    State,
    Success,
    catching,
    signal_of,
)
from statesig.signals import is_signal, signal_type_of


def work() -> None:
    raise SKIP("no new rows")


def caught() -> None:
    try:
        work()
    except SKIP as signal:
        assert_type(signal, SKIP)
        assert_type(signal.state, Skipped[Any])
        assert_type(signal.state.message, str | None)
        signal.state = Skipped()  # E: misc
        signal.state.reason  # E: attr-defined
    except RETRY as signal:
        assert_type(signal.state, Retrying[Any])
        assert_type(signal.state.run_count, int)
    except QUARANTINE as signal:
        assert_type(signal.state, Quarantined[Any])
        assert_type(signal.state.reason, str)
    except (FAIL, CRASH) as signal:
        assert_type(signal.state, Failed[Any] | Crashed[Any])
    except HOLD as signal:
        assert_type(signal.state.owner, str)


def caught_by_family() -> None:
    try:
        work()
    except catching(Failed) as signal:
        assert_type(signal, Signal[Failed[Any]])
        assert_type(signal.state, Failed[Any])
        assert_type(signal.state.retryable, bool)
    except catching(Finished) as signal:
        assert_type(signal.state, Finished[Any])
    except catching(Paused) as signal:
        assert_type(signal.state, Paused[Any])
    except catching(Quarantined) as signal:
        assert_type(signal.state.reason, str)
    except catching(int):  # E: type-var
        pass


def caught_all() -> None:
    try:
        work()
    except catching(State) as signal:
        assert_type(signal.state, State[Any])
    except Signal as signal:  # mypy takes a bare class as Signal[Any] here, pyright as Signal[State[Any]]
        print(signal.state.message)
    except BaseException as exc:
        if is_signal(exc):
            assert_type(exc, Signal[Any])


assert_type(signal_of(Success(result=5)), Signal[Success[int]])
assert_type(signal_of(Success(result=5)).state, Success[int])
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


# ---- the message

PEND(5)  # E: arg-type
PAUSE(message=5)  # E: arg-type
SUCCESS(message=b"early")  # E: arg-type
TRIGGERFAIL(message=ValueError())  # E: arg-type
CANCEL(message=True)  # E: arg-type
PEND("not yet", 1)  # E: call-arg
SCHEDULE("at night", None)  # E: call-arg
RETRY("again", 2)  # E: call-arg
QUEUE("full", Pending())  # E: call-arg
SUCCESS("early", 5)  # E: call-arg
SKIP("no new rows", 1)  # E: call-arg
FAIL("no such table", False)  # E: call-arg
CANCEL("asked to", None)  # E: call-arg

# ---- one to one: the built-in signals are final, as a second signal of a state is an error


class AGAIN(RETRY): ...  # E: misc


class NOTHING(Signal[int]): ...  # E: type-var
