"""Tasks that take too long, and tasks that tell of themselves; as a program, a flow whose value is cached in a store.

A task that takes too long goes on until there is a file ``go`` in its folder, or, if nobody makes it, for 30 seconds.
"""

import asyncio
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from statesig import LOOP, RETRY, Flow, current, task

PATIENCE = 30.0


def wait(folder: str) -> None:
    until = time.monotonic() + PATIENCE
    while not Path(folder, "go").exists() and time.monotonic() < until:
        time.sleep(0.005)


@task(timeout=0.3, retries=1)
def nap(folder: str, name: str) -> str:
    """Take too long at the first attempt."""
    if current().number == 1:
        wait(folder)
    return name


@task(timeout=0.3)
def nap_always(folder: str, name: str) -> str:
    wait(folder)
    Path(folder, f"{name}-went-on").touch()
    return name


@task(timeout=0.3, retries=1)
async def doze(folder: str, name: str) -> str:
    if current().number == 1:
        await asyncio.sleep(PATIENCE)
    return name


@task(timeout=0.3)
async def doze_always(folder: str, name: str) -> str:
    await asyncio.sleep(PATIENCE)
    return name


@task(timeout=0.3)
def nap_if_odd(what: tuple[str, int]) -> int:
    folder, number = what
    if number % 2:
        wait(folder)
    return number


@task(timeout=1)
def short(number: int) -> int:
    """Take long for several of them in line, and not long alone."""
    time.sleep(0.25)
    return number


@task
def quick(value: int) -> int:
    return value


@task
def hold(folder: str, name: str) -> str:
    """Go on until there is a file."""
    until = time.monotonic() + PATIENCE
    while not Path(folder, name).exists() and time.monotonic() < until:
        time.sleep(0.005)
    return name


@task(retries=1)
def tell() -> list[Any]:
    """Tell of the third attempt, after one that failed and one that handed something on."""
    if current().number == 1:
        raise RETRY("busy")
    if current().number == 2:
        raise LOOP("further", result={"handed": "on"})
    return tell_of.fn(0)


@task
def tell_of(value: int) -> list[Any]:
    attempt = current()
    return [attempt.run, attempt.task, attempt.index, attempt.number, attempt.loop_result]


@task(cache_for=3600)
def price(day: date) -> dict[date, Decimal]:
    print("called")
    return {day: Decimal("1.10")}


with Flow("prices") as prices:
    priced = price(date(2026, 1, 22))


if __name__ == "__main__":
    state = prices.run(store=sys.argv[1])[priced]
    print(state.type, repr(state.result))
