"""Decorators that keep the types of what they decorate: with ParamSpec and Concatenate, above and below tasks."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, reveal_type

from statesig import (
    FAIL,
    RETRY,
    SKIP,
    AnyState,
    Failed,
    Flow,
    Signal,
    Skipped,
    State,
    Success,
    all_finished,
    capture,
    is_failed,
    is_successful,
    state_of,
    task,
)

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=Exception)


@dataclass
class Session:
    """A connection to a database, as it were."""

    user: str = "reader"
    statements: list[str] = field(default_factory=list[str])
    is_open: bool = True

    def execute(self, sql: str, *args: object) -> list[tuple[str, int]]:
        if not self.is_open:
            raise ConnectionError("the session is closed")
        self.statements.append(sql)
        return [(str(each), number) for number, each in enumerate(args)]

    @classmethod
    @contextmanager
    def opened(cls, user: str) -> Generator[Self]:
        session = cls(user)
        try:
            yield session
        finally:
            session.is_open = False


class Refused(Failed):
    """The user may not do this."""

    user: str


class REFUSED(Signal[Refused]): ...


CALLS: Counter[str] = Counter()


def with_session(fn: Callable[Concatenate[Session, P], R]) -> Callable[P, R]:
    """Fill in the first argument."""

    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        with Session.opened("reader") as session:
            return fn(session, *args, **kwargs)

    return inner


def as_user(user: str) -> Callable[[Callable[Concatenate[Session, P], R]], Callable[P, R]]:
    """Fill in the first argument with a session of a user's."""

    def decorate(fn: Callable[Concatenate[Session, P], R]) -> Callable[P, R]:
        @functools.wraps(fn)
        def inner(*args: P.args, **kwargs: P.kwargs) -> R:
            with Session.opened(user) as session:
                return fn(session, *args, **kwargs)

        return inner

    return decorate


def counted(fn: Callable[P, R]) -> Callable[P, R]:
    """Count the calls of a function."""

    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        CALLS[getattr(fn, "__name__", "")] += 1
        return fn(*args, **kwargs)

    return inner


def timed(fn: Callable[P, R]) -> Callable[P, tuple[R, float]]:
    """Return the seconds that a call took, too."""

    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> tuple[R, float]:
        started = time.perf_counter()
        result = fn(*args, **kwargs)
        return result, time.perf_counter() - started

    return inner


def skipping(*expected: type[Exception]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a skip of some exceptions."""

    def decorate(fn: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(fn)
        def inner(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return fn(*args, **kwargs)
            except expected as exc:
                raise SKIP(str(exc)) from exc

        return inner

    return decorate


def retrying(fn: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Ask for another attempt where a coroutine lost its connection."""

    @functools.wraps(fn)
    async def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await fn(*args, **kwargs)
        except ConnectionError as exc:
            raise RETRY(str(exc)) from exc

    return inner


class Cached(Generic[P, R]):
    """A decorator that is a class: it keeps what a function returned."""

    def __init__(self, fn: Callable[P, R]) -> None:
        functools.update_wrapper(self, fn)
        self._fn = fn
        self._known: dict[str, R] = {}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        key = repr((args, sorted(kwargs.items())))
        if key not in self._known:
            self._known[key] = self._fn(*args, **kwargs)
        return self._known[key]


@task
@with_session
def names(session: Session, table: str, *, limit: int = 2) -> list[str]:
    return [name for name, _ in session.execute(f"select name from {table}", "ann", "bob", "eve")][:limit]


@task(retries=1)
@counted
@as_user("writer")
def renamed(session: Session, old: str, new: str) -> str:
    if session.user != "writer":
        raise REFUSED(f"{session.user} may not write", user=session.user)
    session.execute("update", old, new)
    return new


@task
@timed
@counted
def measured(values: list[str]) -> int:
    return len(values)


@task
@skipping(LookupError, ValueError)
def position(values: list[str], value: str) -> int:
    return values.index(value)


@task(retries=1)
@retrying
async def pinged(name: str) -> bytes:
    if CALLS["ping"] == 0:
        CALLS["ping"] += 1
        raise ConnectionError("reset")
    return name.encode()


@task
@Cached
def squared(number: int) -> int:
    CALLS["squared"] += 1
    return number**2


@task(trigger=all_finished)
@counted
def told(state: State[int], *, name: str) -> str:
    if is_failed(state):
        raise FAIL(f"{name} failed", retryable=False)
    return f"{name}: {state.type}"


def attempted(fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> AnyState[R]:
    """Call a function with keywords, which `capture` alone does not take."""
    return capture(lambda: fn(*args, **kwargs))


def value_or(state: AnyState[R], default: R) -> R:
    return state.unwrap() if is_successful(state) and state.has_result else default


with Flow("sessions") as flow:
    listed = names("people", limit=3)
    first = renamed("ann", new="anna")
    found = position(listed, "eve")
    missing = position(listed, "joe")
    line = told(state_of(missing), name="joe")
    spent = measured(listed)
    pages = flow.map(pinged, listed)
    squares = [squared(3), squared(3)]


def main() -> None:
    run = flow.run()
    reveal_type(run[listed].unwrap())
    assert run[listed].unwrap() == ["ann", "bob", "eve"]
    reveal_type(run[first].unwrap())
    assert run[first] == Success(result="anna")
    reveal_type(run[spent].unwrap())
    assert run[spent].unwrap()[0] == 3
    reveal_type(run[found].unwrap())
    assert isinstance(run[missing], Skipped)
    assert run[line].unwrap() == "joe: Skipped"
    assert run[pages].unwrap() == [b"ann", b"bob", b"eve"]
    assert [run[node].unwrap() for node in squares] == [9, 9]
    assert (CALLS["squared"], CALLS["measured"], CALLS["renamed"]) == (1, 1, 1)
    state = attempted(renamed, "ann", new="anna")
    assert value_or(state, "") == "anna"
    none = attempted(position, ["a"], value="b")
    reveal_type(value_or(none, -1))
    assert value_or(none, -1) == -1


if __name__ == "__main__":
    main()
