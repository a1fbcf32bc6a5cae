"""A flow that sleeps for longer than anyone waits, and one with much to say."""

import asyncio
import time

from statesig import Flow, task


@task
def nap() -> None:
    time.sleep(60)


@task
async def dream() -> None:
    await asyncio.sleep(60)


@task
def tick(number: int) -> int:
    return number


with Flow("sleeping") as sleeping:
    nap()

with Flow("dreaming") as dreaming:
    dream()

with Flow("waiting") as waiting:
    task(name="wait", retries=1, retry_delay=60)(lambda: 1 // 0)()

with Flow("talking") as talking:
    talking.map(tick, range(3_000))
