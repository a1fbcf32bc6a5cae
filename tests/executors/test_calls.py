"""What a call gives, the same in every executor: awaitables are awaited, context variables are its own."""

import asyncio
import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from statesig import Cancelled, Flow, Success, task

each_executor = pytest.mark.parametrize("executor", ["inline", "threads"])


async def fetch(number: int = 3) -> int:
    await asyncio.sleep(0)
    return number


@functools.wraps(fetch)
def wrapped(number: int = 3) -> Any:
    return fetch(number)


@functools.wraps(fetch)
def run_to_its_end(number: int = 3) -> int:
    return asyncio.run(fetch(number))


class Fetch:
    """Something to call that is a coroutine function."""

    async def __call__(self, number: int = 3) -> int:
        return await fetch(number)


class Promise:
    """Something to await that is no coroutine."""

    def __await__(self) -> Any:
        return fetch().__await__()


async def promised() -> Promise:
    return Promise()


PROMISES: dict[str, Callable[[], Any]] = {
    "wraps": wrapped,
    "wraps, and awaits": run_to_its_end,
    "an object": Fetch(),
    "a partial": functools.partial(Fetch(), 3),
    "a lambda": lambda: fetch(),
    "an awaitable": Promise,
    "an awaitable of a coroutine": promised,
}


@each_executor
@pytest.mark.parametrize("fn", PROMISES.values(), ids=PROMISES)
def test_an_awaitable_is_awaited(fn: Callable[[], Any], executor: Any) -> None:
    """Whatever a task returns that can be awaited is awaited: no coroutine is a result."""
    with Flow("f") as flow:
        node = task(name="fetch")(fn)()
    assert Success(result=3) == flow.run(executor=executor)[node]
    assert Success(result=3) == asyncio.run(flow.arun(executor=executor))[node]


@each_executor
def test_a_generator_is_no_result(executor: Any) -> None:
    """A function that returns a generator fails, is not retried, and is told what to return."""
    with Flow("f") as flow:
        node = task(name="rows", retries=3)(lambda: (number for number in [1]))()
    state: Any = flow.run(executor=executor)[node]
    assert "it returned a generator, which can be read only once; return a list of what it yields" == state.message
    assert ("Failed", False) == (state.type, state.retryable)


def cancels() -> None:
    raise asyncio.CancelledError


async def cancels_later() -> None:
    raise asyncio.CancelledError


@each_executor
@pytest.mark.parametrize("fn", [cancels, cancels_later])
def test_a_cancelled_error_is_cancelled(fn: Any, executor: Any) -> None:
    """asyncio's CancelledError out of a plain function is Cancelled, as it is out of a coroutine; the run goes on."""
    with Flow("f") as flow:
        node, other = task(fn)(), task(lambda: 1)()
    run = flow.run(executor=executor)
    assert (Cancelled, Success(result=1)) == (type(run[node]), run[other])


VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="nobody's")


def changes() -> str:
    before = VARIABLE.get()
    VARIABLE.set("the task's")
    return before


async def changes_later() -> str:
    return changes()


@each_executor
@pytest.mark.parametrize("fn", [changes, changes_later])
def test_context_variables(fn: Any, executor: Any) -> None:
    """A task sees its caller's context variables, and changes them for itself alone."""
    with Flow("f") as flow:
        nodes = [task(fn)() for _ in range(3)]
    token = VARIABLE.set("the caller's")
    try:
        run = flow.run(executor=executor)
        assert ["the caller's"] * 3 == [run[node].unwrap() for node in nodes]
        assert "the caller's" == VARIABLE.get()
    finally:
        VARIABLE.reset(token)
