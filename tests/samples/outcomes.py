"""Flows that end in each way, and one that needs a parameter."""

from statesig import FAIL, PAUSE, RETRY, SKIP, Flow, task
from tests.samples.kinds import QUARANTINE


@task
def good() -> int:
    return 1


@task
def bad() -> int:
    raise FAIL("no such day")


@task
def broken(token: str) -> int:
    raise ValueError(f"refused: {token}")


@task
def skipped() -> int:
    raise SKIP("no new rows")


@task
def paused() -> int:
    raise PAUSE("look at it")


@task(retries=1)
def unsteady() -> int:
    raise RETRY("busy")


@task
def half(number: int) -> int:
    if number == 2:
        raise QUARANTINE("odd", path="b.csv")
    return 6 // number


@task
def follow(value: int) -> int:
    return value


with Flow("success") as success:
    follow(good())

with Flow("failure") as failure:
    follow(bad())
    good()

with Flow("pause") as pause:
    follow(paused())
    bad()

with Flow("skip") as skip:
    follow(skipped())

with Flow("mixed") as mixed:
    mixed.map(half, [1, 2, 0, 3])
    unsteady()
    skipped()

with Flow("needy") as needy:
    broken(needy.parameter("token", str))
    follow(needy.parameter("count", int))
