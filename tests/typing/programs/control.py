"""Control flow: signals in except and except*, states in match, filters, loops and generators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, assert_never, cast, reveal_type

from statesig import (
    CANCEL,
    FAIL,
    LOOP,
    PAUSE,
    RETRY,
    SKIP,
    SUCCESS,
    AnyFinished,
    AnyState,
    Cancelled,
    Cancelling,
    Failed,
    Flow,
    IllegalTransition,
    Looped,
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
    advance,
    capture,
    catching,
    check_history,
    collect,
    current,
    is_allowed,
    is_failed,
    is_finished,
    is_skipped,
    is_successful,
    signal_of,
    task,
)

T = TypeVar("T")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Throttled(Retrying[Any]):
    """The service asked for a pause."""

    after: float = 1.0


class THROTTLE(Signal[Throttled]): ...


def work(number: int) -> int:
    match number:
        case 0:
            raise SKIP("nothing to do")
        case 1:
            raise FAIL("broken", retryable=False)
        case 2:
            raise THROTTLE("slowly", after=2.5)
        case 3:
            raise PAUSE("may it go on?", until=NOON)
        case 4:
            raise SUCCESS("early", result=40)
        case n if n < 0:
            raise ValueError("negative")
        case _:
            return number * 10


def told(state: AnyState[int]) -> str:
    """Say in a word what became of something; every branch is told."""
    match state:
        case Skipped():
            return "skipped"
        case Success():
            return f"success {state.result}"
        case Throttled(after=after):
            return f"throttled {after}"
        case Pending() | Queued() | Submitted():
            return "waiting"
        case Paused(until=until):
            return "paused" if until is None else f"paused until {until:%H}"
        case Running() | Cancelling():
            return "running"
        case Failed():
            return "failed" if state.retryable else "failed for good"
        case Cancelled():
            return "cancelled"
        case _:
            assert_never(state)


def caught(fn: Callable[[], object]) -> str:
    try:
        fn()
    except THROTTLE as signal:
        reveal_type(signal.state.after)
        return f"throttle {signal.state.after}"
    except (SKIP, RETRY) as signal:
        return f"other {signal.state.type}"
    except catching(Failed) as signal:
        reveal_type(signal.state.retryable)
        return f"failed {signal.state.retryable}"
    except Signal as signal:
        return signal.state.type  # false: mypy
    else:
        return "value"


def raised(*signals: Signal[Any]) -> Iterator[str]:
    """Sort the members of a group."""
    found: list[str] = []
    try:
        raise BaseExceptionGroup("several", signals)
    except* SKIP as group:
        found += [f"skip {state.message}" for state in collect(group)]
    except* (FAIL, CANCEL) as group:
        found += [f"end {state.type}" for state in collect(group)]
    except* Signal as group:
        found += [f"other {state.type}" for state in collect(group)]
    yield from found


def split(states: Iterable[AnyFinished[T]]) -> tuple[list[T], list[Failed[T]]]:
    listed = list(states)
    failed = [state for state in listed if is_failed(state)]
    values = [state.unwrap() for state in listed if is_successful(state) and not is_skipped(state)]
    return values, failed


def finished(states: Iterable[AnyState[T]]) -> Iterator[AnyFinished[T]]:
    for state in states:
        if is_finished(state):
            yield state
        else:
            continue


def first_failure(states: Iterable[AnyState[T]]) -> Failed[T] | None:
    return next((state for state in states if is_failed(state)), None)


def until_done(fn: Callable[[int], int], *, most: int) -> AnyState[int]:
    number = 2
    while True:
        state = capture(fn, number)
        if is_finished(state) or number >= most:
            return state
        number += 1


def walked(*signals: Signal[Any]) -> list[State[Any]]:
    """Follow a history from its beginning, as far as the table lets it."""
    history: list[State[Any]] = [Pending()]
    for signal in signals:
        state: State[Any] = signal.state
        if not is_allowed(type(history[-1]), type(state)):
            break
        history.append(state)
    return history


def refused(running: Running[int]) -> str:
    """Give a state that is already final by the time it is used."""
    done: Running[int] = running
    with suppress(IllegalTransition):
        done = cast("Running[int]", advance(done, SUCCESS(result=1)))
        return advance(done, SKIP()).type
    return "refused"


@task
def counted(most: int) -> int:
    seen = current().loop_result
    number = seen if isinstance(seen, int) else 0
    if number < most:
        raise LOOP(f"after {number}", result=number + 1)
    return number


@task
def attempt(number: int) -> int:
    with ExitStack() as stack:
        stack.enter_context(suppress(LookupError))
        return work(number)
    raise FAIL("suppressed")


with Flow("control") as flow:
    looped = counted(3)
    attempts = flow.map(attempt, [0, 1, 4, 5])


def main() -> None:
    states = [capture(work, number) for number in (0, 1, 2, 3, 4, 5, -1)]
    expected = "skipped, failed for good, throttled 2.5, paused until 12, success 40, success 50, failed"
    assert ", ".join(told(state) for state in states) == expected
    values, failures = split(finished(states))
    reveal_type(values)
    assert (values, len(failures)) == ([40, 50], 2)
    failure = first_failure(states)
    assert failure is not None
    reveal_type(failure.causes)
    assert len(list(filter(is_finished, states))) == 5
    assert [caught(partial(work, n)) for n in (0, 1, 2, 3, 5)] == [
        "other Skipped", "failed False", "throttle 2.5", "Paused", "value",
    ]  # fmt: skip
    assert list(raised(SKIP("a"), CANCEL(), RETRY())) == ["skip a", "end Cancelled", "other Retrying"]
    assert told(until_done(work, most=9)) == "success 40"
    later = advance(Running(), RETRY(run_count=2, start_time=NOON + timedelta(hours=1)))
    reveal_type(later)
    reveal_type(later.run_count)
    assert isinstance(later, Scheduled)
    history = walked(signal_of(Running()), THROTTLE(), signal_of(Running()), SUCCESS(), SKIP())
    assert [state.type for state in history] == ["Pending", "Running", "Throttled", "Running", "Success"]
    assert check_history(history) is None
    assert refused(Running()) == "refused"
    run = flow.run()
    assert run[looped].unwrap() == 3
    whole = run[attempts]
    assert not isinstance(whole, Mapped)
    assert not isinstance(run[looped], Looped)
    assert [told(state) for state in run.children(attempts)] == [
        "skipped",
        "failed for good",
        "success 40",
        "success 50",
    ]


if __name__ == "__main__":
    main()
