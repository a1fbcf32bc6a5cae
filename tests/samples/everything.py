"""A flow in which everything happens that can happen to a task, with the same final states wherever it runs.

Tasks that may be hit by the death of a worker have retries to make up for it. None looks at a time or at chance.
"""

import asyncio
import os
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from statesig import (
    CANCEL,
    FAIL,
    LOOP,
    PAUSE,
    RESUME,
    RETRY,
    SKIP,
    SUCCESS,
    AnyState,
    Failed,
    Flow,
    Run,
    SkipPolicy,
    State,
    Success,
    all_finished,
    any_failed,
    current,
    manual_only,
    resumed,
    state_of,
    states_of,
    task,
)


class Order(BaseModel):
    number: int
    day: date
    total: Decimal


@task(retries=3)
def begin(day: date) -> date:
    return day + timedelta(days=1)


@task(retries=3)
def numbers(day: date) -> list[int]:
    return [3, 0, 4, 7, day.day]


@task(retries=3)
def slow(day: date, witness: str) -> date:
    """Wait, in the first attempt and where a file is given, until the process whose number is there is killed."""
    if witness and current().number == 1:
        unread = Path(f"{witness}.new")
        unread.write_text(str(os.getpid()))
        unread.rename(witness)
        time.sleep(30)
    return day


@task(retries=3)
def check(number: int) -> State[int] | int:
    if number == 0:
        raise SKIP("nothing there")
    if number == 7:
        return Failed(message="odd", retryable=False)
    return 2 * number


@task(retries=3)
def order(number: int) -> Order:
    return Order(number=number, day=date(2026, 1, number), total=Decimal("1.10") * number)


@task(retries=3)
def square(number: int) -> int:
    return number * number


@task(retries=3)
def add(values: list[int]) -> int:
    return sum(values)


@task(retries=3, trigger=all_finished)
def tally(states: list[AnyState[int]]) -> dict[str, int]:
    tags = [state.type for state in states]
    return {tag: tags.count(tag) for tag in sorted(set(tags))}


@task(retries=3)
def unsteady(day: date) -> date:
    if current().number == 1:
        raise RETRY("not yet")
    return day


@task(retries=1)
def broken(day: date) -> int:
    raise ValueError(f"no rows on {day}")


@task(retries=3, retry_on=OSError)
def picky(day: date) -> int:
    """Fail in a way that is run again, and then in one that is not."""
    if current().number == 1:
        raise ConnectionError("busy")
    raise ValueError(f"no rows on {day}")


@task(retries=3)
def refused(day: date) -> int:
    raise FAIL("no use", retryable=False)


@task(retries=3)
def withdrawn(day: date) -> int:
    raise CANCEL("not wanted")


@task(retries=3)
def nothing(day: date) -> int:
    raise SKIP("a holiday")


@task(retries=3)
def follow(value: int) -> int:
    return value + 1


@task(retries=3, trigger=any_failed)
def mend(state: AnyState[int]) -> str:
    return f"mended {state.type}"


@task(retries=3, on_skip=SkipPolicy.PROPAGATE)
def close(value: int) -> int:
    return value


@task(retries=3, trigger=manual_only)
def approve(day: date) -> date:
    return day


class Approval(BaseModel):
    by: str
    until: date


@task(retries=3, answer=Approval)
def ask(day: date) -> date:
    answered = resumed(Approval)
    if answered is None:
        raise PAUSE("may it be sent?")
    return answered.unwrap().until


@task(retries=3, answer=Approval)
async def ask_awaited(number: int) -> str:
    await asyncio.sleep(0)
    answered = resumed(Approval)
    if answered is None and number % 2:
        raise PAUSE("may it be sent?")
    return answered.unwrap().by if answered else "nobody"


@task(retries=3)
def count_up(day: date) -> int:
    reached: int = current().loop_result or 0
    if reached < 3:
        raise LOOP("further", result=reached + 1)
    return reached * day.day


@task(retries=3, cache_for=3600)
def look_up(day: date) -> Order:
    return Order(number=1, day=day, total=Decimal("9.99"))


@task(retries=3)
async def load(number: int) -> Decimal:
    await asyncio.sleep(0.01)
    if number == 4 and current().number == 1:
        raise RETRY("busy")
    return Decimal(number) / 2


@task(retries=3)
async def join(values: list[Decimal]) -> State[Decimal]:
    await asyncio.sleep(0)
    return Success(message="joined", result=sum(values, Decimal()))


@task(retries=3)
def known(day: date) -> dict[str, Order]:
    raise SUCCESS("as it was", result={"last": Order(number=7, day=day, total=Decimal("0.50"))})


@task(retries=3)
def report(orders: list[Order], total: Decimal, approved: date, last: dict[str, Order]) -> Order:
    assert {Order, Decimal, date} == {*map(type, orders), type(total), type(approved)}
    return Order(number=len(orders), day=approved, total=total + last["last"].total)


with Flow("everything") as flow:
    day = flow.parameter("day", date)
    witness = flow.parameter("witness", str, default="")
    begun = begin(day)
    found = numbers(slow(begun, witness))
    checked = flow.map(check, found)
    squares = flow.map(square, found)
    total = add(squares)
    further = flow.map(square, checked)
    tallied = tally(states_of(checked))
    tallied_further = tally(states_of(further))
    first = unsteady(begun)
    failed = broken(begun)
    behind_failed = follow(failed)
    mended = mend(state_of(failed))
    picked = picky(begun)
    gave_up = refused(begun)
    was_withdrawn = withdrawn(begun)
    behind_withdrawn = follow(was_withdrawn)
    skipped = nothing(begun)
    behind_skipped = follow(skipped)
    closed = close(total)
    flow.after(closed, skipped)
    counted = count_up(first)
    looked_up = look_up(begun)
    looked_up_again = look_up(begun)
    flow.after(looked_up_again, looked_up)
    loaded = flow.map(load, [1, 2, 3, 4])
    joined = join(loaded)
    approved = approve(day)
    asked = ask(day)
    asked_awaited = flow.map(ask_awaited, [1, 2, 3])
    orders = flow.map(order, [1, 2, 3])
    end = report(orders, joined, approved, known(begun))
    after_end = flow.map(square, found)
    flow.after(after_end, end)

ANSWER = RESUME("fine", result=Approval(by="Ada", until=date(2026, 2, 3)))
RELEASE: tuple[Any, ...] = (approved, {asked: ANSWER, "ask_awaited[2]": ANSWER, asked_awaited[0]: ANSWER})
"""What a person releases, and answers, once the flow is paused."""

SPENT = {"broken", "follow", "mend"}
"""The task that uses up all its attempts, and those behind it: of them alone a lost attempt may change the state."""


def states_in(run: Run) -> dict[str, State[Any]]:
    """Return the state of every task and every child of a run, by name."""
    return {one.name: one.state for top in run for one in (top, *top.children)}
