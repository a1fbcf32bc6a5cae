"""A task has two types: what a call is worth, and what its function returns, which is `Task.fn`."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NewType, ParamSpec, TypedDict, TypeVar, assert_type, overload

from kinds import OnHold
from pydantic import Field
from rows import outcome, size

from statesig import (
    AnyState,
    Failed,
    Flow,
    Skipped,
    State,
    Success,
    acapture,
    capture,
    is_failed,
    states_of,
    task,
)

P = ParamSpec("P")
T = TypeVar("T")


@task
async def fetch(page: int) -> str:
    return str(page)


@task(retries=2)
async def found(page: int, *, site: str = "") -> list[str] | Skipped[list[str]]:
    return [site] if page else Skipped()


@task
async def reported(page: int) -> Success[float]:
    return Success(result=page / 2)


@task
def later(page: int) -> Awaitable[str]:
    return asyncio.sleep(0, str(page))


@task
def promised(page: int) -> asyncio.Future[int | Failed[int]]:
    raise NotImplementedError


class Site:
    """Methods that are coroutine functions."""

    @task
    async def read(self, page: int) -> bytes:
        return b""


# ---- a call is the value, and in a flow it is wired as the value


@task
def joined(texts: list[str], first: str) -> int:
    return len(texts)


assert_type(fetch(3), str)
assert_type(found(3), list[str])
assert_type(reported(3), float)
assert_type(later(3), str)
assert_type(promised(3), int)

with Flow("pages") as flow:
    joined(found(1, site="a"), fetch(2))
    joined(flow.map(fetch, [1, 2]), later(2))
    joined(found(1), found(2))  # E: arg-type
    joined(reported(1), fetch(2))  # E: arg-type
    fetch(fetch(2))  # E: arg-type

# ---- the function is what it is


async def outside() -> None:
    assert_type(await fetch.fn(3), str)
    assert_type(await found.fn(3, site="a"), list[str] | Skipped[list[str]])
    assert_type(await reported.fn(3), Success[float])
    assert_type(await later.fn(3), str)
    assert_type(await Site().read.fn(3), bytes)
    assert_type(await acapture(fetch.fn, 3), AnyState[str])
    assert_type(await acapture(found.fn, 3), AnyState[list[str]])
    await asyncio.gather(fetch.fn(1), fetch.fn(2))
    async with asyncio.TaskGroup() as group:
        group.create_task(fetch.fn(1))
    await fetch.fn("3")  # E: arg-type
    await found.fn(3, sight="a")  # E: call-arg
    await acapture(fetch.fn, "3")  # E: arg-type  # missed: ty
    await fetch(3)  # E: misc
    await acapture(fetch, 3)  # E: arg-type
    print((await fetch.fn(3)) + 1)  # E: operator
    print(fetch.fn(3) + "")  # E: operator


assert_type(asyncio.run(reported.fn(3)), Success[float])
assert_type(size.fn("a"), int | Skipped[int])
assert_type(outcome.fn("a"), Success[float])
assert_type(capture(size.fn, "a"), AnyState[int])
assert_type(capture(size, "a"), AnyState[int])
again: Callable[[int], Coroutine[Any, Any, str]] = fetch.fn
asyncio.run(fetch(3))  # E: arg-type
size.fn(3)  # E: arg-type
size.fn("a") + 1  # E: operator
wrong: Callable[[int], Coroutine[Any, Any, bytes]] = fetch.fn  # E: assignment

# ---- unions, and functions with types of their own


@task
def parse(text: str) -> int | str:
    return text


@task(retries=1)
def parsed(text: str) -> bytes | int | Failed:
    return 5


@task
def listed(text: str) -> Failed | list[int]:
    return [1]


@task
def maybe(text: str) -> Success[int] | None:
    return None


@task
def ended(text: str) -> Success[int] | OnHold[str]:
    return Success(result=1)


@task
def first(items: list[T]) -> T:
    return items[0]


@overload
def doubled(value: int) -> int: ...
@overload
def doubled(value: str) -> str: ...
def doubled(value: Any) -> Any:
    return value * 2


def plus(number: int) -> int:
    return number + 1


def timed(fn: Callable[P, T]) -> Callable[P, T]:
    return fn


@task
@timed
def wrapped(text: str) -> int | str:
    return text


def made(fn: Callable[P, int]) -> Callable[P, int]:
    return task(fn)


assert_type(parse("a"), int | str)  # false: mypy
assert_type(parsed("a"), bytes | int)  # false: mypy, ty
assert_type(listed("a"), list[int])  # false: mypy, pyright, ty
assert_type(maybe("a"), int | None)  # false: mypy, ty
assert_type(ended("a"), int | str)  # false: mypy
assert_type(wrapped("a"), int | str)  # false: mypy
first(["a"])  # false: mypy
task(doubled)("a")  # false: mypy, pyright
assert_type(task(partial(plus, 1))(), int)
assert_type(made(plus)(1), int)
plus(parse("a"))  # E: arg-type
plus(maybe("a"))  # E: arg-type
parse(3)  # E: arg-type
listed(3)  # E: arg-type

# ---- a cache key is called with what the task takes, and says nothing about it


def anything(*args: object, **kwargs: object) -> str:
    return ""


def by_text(text: str) -> str:
    return text


@task(cache_for=60, cache_key=lambda number: f"{number}")  # false: pyright, pyrefly
def half(number: int) -> float:
    return number / 2


@task(cache_for=60, cache_key=anything)
def third(number: int) -> float:
    return number / 3


@task(cache_for=60, cache_key=by_text)
async def length(text: str) -> int | str:
    return len(text)


assert_type(half(3), float)
assert_type(length("a"), int | str)  # false: mypy
half("3")  # E: arg-type
third("3")  # E: arg-type
length(3)  # E: arg-type
task(cache_for=60, cache_key=by_text)(plus)  # P: statesig
task(cache_for=60, cache_key=lambda: "")(plus)  # P: statesig
task(cache_for=60, cache_key=plus)  # E: arg-type

# ---- a parameter is of any type that can be validated

UserId = NewType("UserId", int)
Mode = Literal["a", "b"]


class Options(TypedDict):
    """What a user of the flow may say."""

    mode: Mode


@task
def report(states: Sequence[State[int]]) -> str:
    return f"{len(states)}"


@task
def chosen(mode: Mode, user: UserId) -> bool:
    return True


@task
def flagged(text: str) -> bool:
    return True


def failures(states: list[AnyState[int]]) -> list[Failed[int]]:
    return [state for state in states if is_failed(state)]


with Flow("asked") as asked:
    mode = asked.parameter("mode", Literal["a", "b"])
    usual = asked.parameter("usual", Mode, default="a")
    limit = asked.parameter("limit", int | None)
    none = asked.parameter("none", int | None, default=None)
    some = asked.parameter("some", int | str, default=3)
    positive = asked.parameter("positive", Annotated[int, Field(gt=0)])
    user = asked.parameter("user", UserId)
    options = asked.parameter("options", Options)
    pairs = asked.parameter("pairs", tuple[int, str])
    texts = asked.parameter("texts", list[str], default=[])
    assert_type(mode, Literal["a", "b"])
    assert_type(usual, Literal["a", "b"])  # false: pyrefly
    assert_type(limit, int | None)
    assert_type(none, int | None)
    assert_type(some, int | str)
    assert_type(positive, int)
    assert_type(user, UserId)
    assert_type(options, Options)
    assert_type(pairs, tuple[int, str])
    assert_type(texts, list[str])  # false: ty
    chosen(mode, user)
    chosen(usual, user)  # false: pyrefly
    report(states_of(asked.map(flagged, texts)))
    chosen(texts, user)  # E: arg-type
    chosen(mode, positive)  # E: arg-type
    plus(limit)  # E: arg-type
    asked.parameter("number", 5)  # E: call-overload
    asked.parameter("number", "int", 5)  # E: call-overload
