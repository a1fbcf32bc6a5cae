"""What is caught has the state of its class, in every form of `except`."""

from typing import Any, assert_never, assert_type

from generics import SAMPLE
from kinds import HOLD, QUARANTINE, OnHold, Quarantined

from statesig import (
    CRASH,
    FAIL,
    RETRY,
    SKIP,
    TIMEOUT,
    AnyState,
    Crashed,
    Failed,
    Finished,
    MetaState,
    Paused,
    Retrying,
    Signal,
    Skipped,
    State,
    TimedOut,
    catching,
    collect,
    is_failed,
)
from statesig.signals import is_signal


def work() -> None: ...


def one() -> None:
    try:
        work()
    except SKIP as signal:
        assert_type(signal, SKIP)
        assert_type(signal.state, Skipped[Any])
        assert_type(signal.state.message, str | None)
        signal.state = Skipped()  # E: misc
        print(signal.state.reason)  # E: attr-defined
    except RETRY as signal:
        assert_type(signal.state, Retrying[Any])
        assert_type(signal.state.run_count, int)
        print(signal.state.loop_count)  # E: attr-defined
    except QUARANTINE as signal:
        assert_type(signal.state, Quarantined[Any])
        assert_type(signal.state.reason, str)
    except HOLD as signal:
        assert_type(signal.state.owner, str)
        signal.state.owner = "me"  # E: misc
    except SAMPLE as signal:
        assert_type(signal.state.share, float)


def one_of_several() -> None:
    try:
        work()
    except (FAIL, CRASH) as signal:
        assert_type(signal, FAIL | CRASH)
        assert_type(signal.state, Failed[Any] | Crashed[Any])
        print(signal.state.start_time)  # E: attr-defined
    except (SKIP, QUARANTINE, HOLD) as signal:
        assert_type(signal.state, Skipped[Any] | Quarantined[Any] | OnHold[Any])
        if isinstance(signal, HOLD):
            assert_type(signal.state.owner, str)
    except (TIMEOUT, ValueError) as exc:
        assert_type(exc, TIMEOUT | ValueError)
        if isinstance(exc, TIMEOUT):
            assert_type(exc.state, TimedOut[Any])


def any_signal() -> None:
    try:
        work()
    except Signal as signal:
        assert_type(signal.state, State[Any])  # false: mypy
        print(signal.state.message)
        print(signal.state.retryable)  # E: attr-defined  # missed: mypy
        if is_failed(signal.state):
            assert_type(signal.state.retryable, bool)


def any_signal_or_other() -> None:
    try:
        work()
    except (Signal, OSError) as exc:
        if isinstance(exc, OSError):
            print(exc.errno)
        else:
            print(exc.state.retryable)  # E: attr-defined  # missed: mypy


def in_brackets() -> None:
    try:
        work()
    except Signal[Failed] as signal:
        assert_type(signal.state, Failed[Any])
        assert_type(signal.state.retryable, bool)
        print(signal.state.run_count)  # E: attr-defined
    try:
        work()
    except Signal[Quarantined[Any]] as signal:
        assert_type(signal.state.reason, str)
    try:
        work()
    except (Signal[Skipped], Signal[OnHold]) as signal:
        assert_type(signal.state, Skipped[Any] | OnHold[Any])
    except Signal[int]:  # E: type-var
        pass


def a_family() -> None:
    try:
        work()
    except catching(Failed) as signal:
        assert_type(signal, Signal[Failed[Any]])
        assert_type(signal.state, Failed[Any])
        assert_type(signal.state.retryable, bool)
        print(signal.state.run_count)  # E: attr-defined
    except catching(Finished) as signal:
        assert_type(signal.state, Finished[Any])
    except catching(MetaState) as signal:
        assert_type(signal.state.state.message, str | None)
    except catching(Paused) as signal:
        assert_type(signal.state, Paused[Any])
    except catching(Quarantined) as signal:
        assert_type(signal.state.reason, str)
    except catching(int):  # E: type-var
        pass


def every_family() -> None:
    try:
        work()
    except catching(State) as signal:
        assert_type(signal.state, State[Any])
    except BaseException as exc:
        if is_signal(exc):
            assert_type(exc, Signal[Any])


def in_groups() -> None:
    try:
        work()
    except* SKIP as group:
        skips: BaseExceptionGroup[SKIP] = group
        others: BaseExceptionGroup[RETRY] = group  # E: assignment
        print(skips, others)
    except* (FAIL, QUARANTINE) as group:
        either: BaseExceptionGroup[FAIL | QUARANTINE] = group
        only: BaseExceptionGroup[FAIL] = group  # E: assignment
        print(either, only)
    except* catching(Crashed) as group:
        family: BaseExceptionGroup[Signal[Crashed[Any]]] = group
        another: BaseExceptionGroup[Signal[Skipped[Any]]] = group  # E: assignment
        print(family, another)
    except* Signal[Paused] as group:
        paused: BaseExceptionGroup[Signal[Paused[Any]]] = group
        skipped: BaseExceptionGroup[Signal[Skipped[Any]]] = group  # E: assignment
        print(paused, skipped)


def leaves(group: BaseExceptionGroup[SKIP]) -> None:
    for leaf in group.exceptions:
        if isinstance(leaf, SKIP):
            assert_type(leaf.state, Skipped[Any])


def any_in_groups() -> None:
    try:
        work()
    except* Signal as group:
        assert_type(collect(group), tuple[AnyState[object], ...])
        signals: BaseExceptionGroup[Signal[Any]] = group
        print(signals, group.reason)  # E: attr-defined


def by_isinstance(exc: BaseException) -> None:
    if isinstance(exc, SKIP):
        assert_type(exc.state, Skipped[Any])
    elif isinstance(exc, (FAIL, QUARANTINE)):
        assert_type(exc.state, Failed[Any] | Quarantined[Any])
    elif is_signal(exc):
        print(exc.state.message)


def by_match(exc: SKIP | FAIL | QUARANTINE) -> str:
    match exc:
        case SKIP(state=state):
            assert_type(state, Skipped[Any])
            return "skipped"
        case FAIL(state=Failed(retryable=retryable)):
            assert_type(retryable, bool)
            return "failed"
        case QUARANTINE():
            return exc.state.reason
    return "failed otherwise"


def all_matched(exc: SKIP | FAIL) -> str:
    match exc:
        case SKIP():
            return "skipped"
        case FAIL():
            return "failed"
        case _:
            assert_never(exc)


def one_forgotten(exc: SKIP | FAIL | HOLD) -> str:
    match exc:
        case SKIP():
            return "skipped"
        case FAIL():
            return "failed"
        case _:
            assert_never(exc)  # E: arg-type


def an_error() -> None:
    try:
        work()
    except Skipped:  # E: misc
        pass
    except SKIP():  # E: misc
        pass
