"""Results are inferred through map, bind, recover, fold and zip; what does not fit, or is left out, is flagged."""

from typing import assert_type

from statesig import (
    AnyFinished,
    AnyState,
    Cached,
    Failed,
    Pending,
    Queued,
    Skipped,
    State,
    Success,
    bind,
    capture,
    fold,
    map,
    recover,
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
    assert_type(map(lambda text: [text], state), AnyState[list[str]])
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
    assert_type(bind(lambda text: Success(result=[text]), finished), AnyState[list[str]])
    bind(total, state)  # E: arg-type
    bind(read, state)  # E: arg-type

    # recover may end in either
    assert_type(recover(default, map(len, state)), AnyState[int | float])
    assert_type(recover(lambda failed: Success(result=failed.message or ""), state), AnyState[str])
    recover(default, state)  # E: arg-type
    recover(len, state)  # E: arg-type


def told_apart(state: AnyState[int], finished: AnyFinished[int], success: Success[int]) -> None:
    assert_type(
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
    assert_type(zip(number), AnyState[tuple[int]])
    assert_type(zip(number, text), AnyState[tuple[int, str]])
    assert_type(zip(number, text, success), AnyState[tuple[int, str, int]])
    assert_type(zip(number, text, number, text), AnyState[tuple[int, str, int, str]])
    assert_type(zip(number, text, number, text, number), AnyState[tuple[int, str, int, str, int]])
    assert_type(zip(number, number, number, number, number, success), AnyState[tuple[int, ...]])
    assert_type(zip(*[number, number]), AnyState[tuple[int, ...]])
    assert_type(map(lambda both: both[0] + len(both[1]), zip(number, text)), AnyState[int])
    zip(5, text)  # E: call-overload
    zip([number, text])  # E: call-overload
