"""Results are inferred through map, bind, recover, fold, zip and merge; what does not fit is flagged."""

from collections import Counter
from typing import Any, assert_type

from statesig import (
    COMPLETION,
    EMPTY,
    FAIL_FAST,
    AnyFinished,
    AnyState,
    Cached,
    Conflict,
    Failed,
    Observation,
    Pending,
    Queued,
    Skipped,
    State,
    Success,
    bind,
    capture,
    combine,
    fold,
    join,
    kind,
    map,
    merge,
    observe,
    recover,
    tally,
    zip,
)


def read(path: str) -> bytes:
    return path.encode()


def parsed(data: bytes) -> Success[list[int]] | Failed[list[int]]:
    return Success(result=list(data))


def total(numbers: list[int]) -> AnyState[int]:
    return capture(sum, numbers)


def default(failed: Failed[int]) -> Success[float]:
    return Success(result=0.0)


def shown(state: State[int]) -> str:
    return state.type


def through(state: AnyState[str], finished: AnyFinished[str], success: Success[str], root: State[str]) -> None:
    # map keeps the branch
    assert_type(map(read, state), AnyState[bytes])
    assert_type(map(read, root), AnyState[bytes])
    assert_type(map(read, finished), AnyFinished[bytes])
    assert_type(map(read, success), Success[bytes])
    assert_type(map(lambda text: [text], success), Success[list[str]])
    assert_type(map(lambda text: [text], state), AnyState[list[str]])  # false: ty
    assert_type(map(len, map(read, success)), Success[int])
    assert_type(map(len, Pending[str]()), Pending[int])
    assert_type(map(len, Queued[str](state=Pending())), Queued[int])
    assert_type(map(len, Cached[str]()), Success[int])
    map(read, Success(result=5))  # E: arg-type
    map(read, Skipped[int]())  # E: arg-type
    map(5, success)  # E: call-overload

    # bind hands a result from step to step
    assert_type(bind(parsed, map(read, state)), AnyState[list[int]])
    assert_type(bind(total, bind(parsed, map(read, state))), AnyState[int])
    assert_type(bind(lambda text: Success(result=[text]), finished), AnyState[list[str]])  # false: ty
    bind(total, state)  # E: arg-type
    bind(read, state)  # E: arg-type

    # recover may end in either
    assert_type(recover(default, map(len, state)), AnyState[int | float])
    assert_type(recover(lambda failed: Success(result=failed.message or ""), state), AnyState[str])  # false: ty
    recover(default, state)  # E: arg-type
    recover(len, state)  # E: arg-type


def told_apart(state: AnyState[int], finished: AnyFinished[int], success: Success[int]) -> None:
    assert_type(  # false: ty
        fold(finished, success=lambda s: s.unwrap(), failed=lambda s: s.message, cancelled=lambda s: 0.5),
        int | str | None | float,
    )
    assert_type(fold(state, success=shown, failed=shown, cancelled=shown, unfinished=shown), str)
    assert_type(fold(success, success=lambda s: [s.unwrap()], failed=lambda s: [0], cancelled=lambda s: [1]), list[int])
    fold(state, success=shown, failed=shown, cancelled=shown)  # E: arg-type
    fold(finished, success=shown, failed=shown)  # E: call-overload
    fold(finished, shown, shown, shown)  # E: call-overload
    fold(finished, success=read, failed=shown, cancelled=shown)  # E: arg-type


def together(number: AnyState[int], text: AnyState[str], success: Success[int]) -> None:
    assert_type(zip(), Success[tuple[()]])
    assert_type(zip(number), AnyState[tuple[int]])  # false: ty
    assert_type(zip(number, text), AnyState[tuple[int, str]])  # false: ty
    assert_type(zip(number, text, success), AnyState[tuple[int, str, int]])  # false: ty
    assert_type(zip(number, text, number, text), AnyState[tuple[int, str, int, str]])  # false: ty
    assert_type(zip(number, text, number, text, number), AnyState[tuple[int, str, int, str, int]])  # false: ty
    assert_type(zip(number, number, number, number, number, success), AnyState[tuple[int, ...]])
    assert_type(zip(*[number, number]), AnyState[tuple[int, ...]])  # false: ty
    assert_type(map(lambda both: both[0] + len(both[1]), zip(number, text)), AnyState[int])  # false: ty
    zip(5, text)  # E: call-overload
    zip([number, text])  # E: call-overload


def counted(states: list[AnyState[int]], state: State[int]) -> None:
    assert_type(kind(state), type[State[Any]])
    assert_type(tally(states), Counter[type[State[Any]]])
    joined = join(kind(state), join(EMPTY, Failed), order=FAIL_FAST)
    if joined is not EMPTY:
        assert_type(joined, type[State[Any]])
    assert_type(combine(states, order=COMPLETION, empty=Skipped()), AnyState[object])
    combine(state)  # E: arg-type
    combine(states, Skipped())  # E: call-arg
    join(Success, 5)  # E: arg-type
    join(Success, Failed, order="fail fast")  # E: arg-type


def merged(history: list[AnyState[int]], seen: Observation[int], other: Observation[int]) -> None:
    assert_type(observe(history), tuple[Observation[int], ...])
    report = merge(seen, *observe(history), policy=FAIL_FAST)
    assert_type(report, Observation[int] | Conflict[int])
    assert_type(merge(report, other), Observation[int] | Conflict[int])
    if isinstance(report, Conflict):
        assert_type(report.observations, frozenset[Observation[int]])
    else:
        assert_type(report.state, State[int])
        assert_type(report.attempt, int)
    merge()  # E: call-arg
    merge(history[0])  # E: arg-type
    Observation("1", Success(result=1))  # E: arg-type
    seen.attempt = 2  # E: misc
