"""Mistakes with the algebra: transitions, joins, results, captures and triggers."""

from typing import Any

from statesig import (
    CANCEL,
    EMPTY,
    FAIL,
    RETRY,
    SKIP,
    SUCCESS,
    AnyState,
    Cancelled,
    Failed,
    Paused,
    Pending,
    Running,
    Skipped,
    State,
    Success,
    Trigger,
    advance,
    all_finished,
    all_successful,
    between,
    bind,
    capture,
    check_history,
    collect,
    combine,
    every,
    fold,
    is_allowed,
    join,
    map,
    none,
    recover,
    share,
    some,
    some_failed,
    successors,
    tally,
    zip,
)


def length(text: str) -> int:
    return len(text)


def halved(number: int) -> Success[float]:
    return Success(result=number / 2)


def instead(failed: Failed[str]) -> Success[str]:
    return Success(result="")


def results(done: Success[int], state: AnyState[str], failed: Failed[str]) -> None:
    map(length, done)  # E: arg-type
    map(halved, state)  # E: arg-type
    map(length)  # E: call-overload
    bind(length, state)  # E: arg-type
    bind(halved, state)  # E: arg-type
    recover(instead, done)  # E: arg-type
    recover(length, state)  # E: arg-type
    wrong: Success[str] = map(length, Success(result=""))  # E: arg-type
    both: AnyState[tuple[str, str]] = zip(done, state)  # E: assignment
    fold(state, success=length, failed=length)  # E: call-overload
    fold(state, success=str, failed=str, cancelled=str, unfinished=lambda: "")  # E: arg-type, misc
    print(map(length, failed).unwrap() + "", wrong, both)  # E: operator
    print(bind(halved, done).runs)  # E: union-attr


def steps(running: Running[int], paused: Paused[int], pending: Pending[int], done: Success[int]) -> None:
    advance(done, RETRY())  # E: call-overload
    advance(done, SKIP())  # E: call-overload
    advance(paused, SUCCESS())  # E: type-var
    advance(pending, SUCCESS())  # E: type-var
    advance(running, Skipped())  # E: call-overload
    advance(RETRY(), running)  # E: call-overload
    advance(running)  # E: call-overload
    ended: Failed[Any] = advance(running, CANCEL())  # E: arg-type
    print(ended, advance(running, FAIL()).run_count)  # E: attr-defined
    is_allowed(running, done)  # E: arg-type
    successors(done)  # E: call-overload
    check_history(running)  # E: arg-type
    check_history(["Pending", "Running"])  # E: list-item


def joins(states: list[State[int]], running: Running[int]) -> None:
    join(running, running)  # E: arg-type
    join(Success, EMPTY, order="completion")  # E: arg-type
    combine(running)  # E: arg-type
    tally(running)  # E: arg-type
    print(tally(states)["Success"])  # E: index
    total: int = combine(states)  # E: assignment
    print(total, combine(states).unwrap().lower())  # E: attr-defined


def captured(state: AnyState[int]) -> int:
    capture(length, 5)  # E: arg-type  # missed: ty
    capture(length("a"))  # E: call-overload
    capture(length, "a", redacted=str)  # E: call-overload
    capture(length, "a", traceback="first")  # E: call-overload
    text: AnyState[str] = capture(length, "a")  # E: arg-type
    try:
        return capture(length, "a")  # E: return-value
    except BaseExceptionGroup as group:
        print(collect(group)[0].children, text)  # E: union-attr
        collect(state)  # E: arg-type
    return 0


def triggers(states: list[State[Any]]) -> bool:
    rule: Trigger = every(SKIP)  # E: arg-type
    rule = some(Success())  # E: arg-type
    # The left side of `and` is always true, so mypy takes it for the whole.
    rule = every(Success) and all_finished.name  # E: any  # missed: plugin, mypy
    rule = between(Failed, "1", 2)  # E: arg-type
    # A share may be a text, such as "1/2", which is read when the trigger is made.
    rule = share(Failed, "half")  # E: any  # missed: plugin, mypy, pyright, pyrefly, ty
    rule = some_failed(1, 2, 3)  # E: call-arg
    rule = all_successful & "all_finished"  # E: operator
    rule = ~none  # E: operator
    rule = all_finished.otherwise(RETRY)  # E: arg-type
    rule = all_finished.otherwise(Cancelled)  # E: arg-type
    # Nothing in typing says that a value has no truth.
    if all_finished.verdict(states):  # E: any  # missed: plugin, mypy, pyright, pyrefly, ty
        return rule.verdict(states)  # E: return-value
    return all_finished.verdict(*states)  # E: arg-type, return-value
