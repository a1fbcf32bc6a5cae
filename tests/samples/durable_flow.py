"""A flow whose tasks write down, outside of any store, that they begin and that they end.

Its final states are the same whatever is killed meanwhile. Where the lines go is in the environment, so that it is the
same in worker processes. A line is written at once, so that the order in the file is that in which things happened.
"""

import asyncio
import functools
import json
import os
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from statesig import (
    FAIL,
    LOOP,
    RETRY,
    SKIP,
    AnyState,
    Flow,
    State,
    ValidationFailed,
    all_finished,
    any_failed,
    current,
    manual_only,
    state_of,
    states_of,
    task,
)

P = ParamSpec("P")
T = TypeVar("T")

WITNESS = "STATESIG_TEST_WITNESS"
"""The variable that names the file."""

LOOPS = 3


def tell(what: str, task: str, index: int | None, attempt: int, state: str = "") -> None:
    """Append a line to the witness file; it begins a new one, since a process may be killed within its write."""
    line = b"\n" + json.dumps([what, task, index, attempt, state]).encode() + b"\n"
    file = os.open(os.environ[WITNESS], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def told_lines(witness: Path) -> list[tuple[Any, ...]]:
    """Return what was told, but for a line within which its process was killed."""
    return [tuple(json.loads(line)) for line in witness.read_text().splitlines() if line.endswith("]")]


def witnessed(fn: Callable[P, T]) -> Callable[P, T]:
    """Let a task's function tell that it begins and that it ends."""

    @functools.wraps(fn)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        here = current()
        tell("begin", here.task, here.index, here.number)
        try:
            return fn(*args, **kwargs)
        finally:
            tell("end", here.task, here.index, here.number)

    return told


class Odd(ValidationFailed):
    number: int


class Order(BaseModel):
    number: int
    day: date
    total: Decimal


@task
@witnessed
def begin(day: date) -> date:
    return day + timedelta(days=1)


@task
@witnessed
def numbers(day: date) -> list[int]:
    return [3, 0, 4, 7, day.day]


@task
@witnessed
def nowhere(day: date) -> list[int]:
    return []


@task
@witnessed
def check(number: int) -> State[int] | int:
    if number == 0:
        raise SKIP("nothing there")
    if number == 7:
        return Odd(message="odd", number=number)
    return 2 * number


@task
@witnessed
def square(number: int) -> int:
    time.sleep(0.001)
    return number * number


@task
@witnessed
def add(values: list[int]) -> int:
    return sum(values)


@task(trigger=all_finished)
@witnessed
def tally(states: list[AnyState[int]]) -> dict[str, int]:
    tags = [state.type for state in states]
    return {tag: tags.count(tag) for tag in sorted(set(tags))}


@task(retries=2)
@witnessed
def unsteady(day: date) -> date:
    if current().number == 1:
        raise RETRY("not yet")
    return day


@task(retries=2)
@witnessed
def broken(day: date) -> int:
    raise ValueError(f"no rows on {day}")


@task
@witnessed
def refused(day: date) -> int:
    raise FAIL("no use", retryable=False)


@task
@witnessed
def nothing(day: date) -> int:
    raise SKIP("a holiday")


@task
@witnessed
def follow(value: int) -> int:
    return value + 1


@task(trigger=any_failed)
@witnessed
def mend(state: AnyState[int]) -> str:
    return f"mended {state.type}"


@task(trigger=manual_only)
@witnessed
def approve(day: date) -> date:
    return day


@task
@witnessed
def count_up(day: date) -> int:
    reached: int = current().loop_result or 0
    if reached < LOOPS:
        raise LOOP("further", result=reached + 1)
    return reached * day.day


@task(cache_for=3600)
@witnessed
def look_up(day: date) -> Order:
    return Order(number=1, day=day, total=Decimal("9.99"))


@task
async def load(number: int) -> Decimal:
    here = current()
    tell("begin", here.task, here.index, here.number)
    await asyncio.sleep(0.001)
    tell("end", here.task, here.index, here.number)
    return Decimal(number) / 2


@task
@witnessed
def report(orders: list[Order], total: int, empty: int, loaded: list[Decimal], approved: date) -> Order:
    assert {Order, int, Decimal, date} == {*map(type, orders), type(total), *map(type, loaded), type(approved)}
    return Order(number=total + empty, day=approved, total=sum(loaded, orders[0].total))


with Flow("durable") as flow:
    day = flow.parameter("day", date)
    begun = begin(day)
    found = numbers(begun)
    squares = flow.map(square, found)
    checked = flow.map(check, found)
    further = flow.map(square, checked)
    total = add(squares)
    tallied = tally(states_of(checked))
    none = add(flow.map(square, nowhere(begun)))
    first = unsteady(begun)
    failed = broken(begun)
    behind_failed = follow(failed)
    mended = mend(state_of(failed))
    gave_up = refused(begun)
    skipped = nothing(begun)
    behind_skipped = follow(skipped)
    counted = count_up(first)
    looked_up = look_up(begun)
    looked_up_again = look_up(begun)
    flow.after(looked_up_again, looked_up)
    loaded = flow.map(load, [1, 2, 3])
    approved = approve(begun)
    end = report([looked_up], total, none, loaded, approved)
    after_end = flow.map(square, found)
    flow.after(after_end, end)
