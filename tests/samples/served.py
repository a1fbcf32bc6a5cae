"""Flows for a server: a payment that waits for an answer, children that wait, one that waits while others run."""

import threading
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from statesig import FAIL, PAUSE, Flow, current, resumed, task

SECRET = "secret-4111"


class Approval(BaseModel):
    by: str
    amount: int


@task
def load(amount: int) -> int:
    return amount


@task(answer=Approval)
def pay(amount: int) -> int:
    answer = resumed(Approval)
    if answer is None:
        raise PAUSE(SECRET)
    return min(amount, answer.unwrap().amount)


@task
def report(paid: int) -> str:
    return f"paid {paid}"


with Flow("payments") as payments:
    report(pay(load(payments.parameter("amount", int))))


@task
def check(item: int) -> int:
    if item > 1 and current().resumed is None:
        raise PAUSE
    return item


with Flow("batch") as batch:
    batch.map(check, batch.parameter("items", list[int]))


@task
def fail(is_wrong: bool) -> int:
    if is_wrong:
        raise FAIL(SECRET)
    return 1


with Flow("failing") as failing:
    fail(failing.parameter("is_wrong", bool, default=True))


GATE = threading.Event()
"""Lets the task `held` end."""


@task
def held() -> int:
    GATE.wait(20)
    return 1


@task
def gate() -> int:
    if current().resumed is None:
        raise PAUSE
    return 2


@task
def both(one: int, two: int) -> int:
    return one + two


with Flow("busy") as busy:
    both(gate(), held())


@task
def late(seconds: float) -> int:
    if current().resumed is None:
        raise PAUSE(until=datetime.now(UTC) + timedelta(seconds=seconds))
    return 1


with Flow("deadline") as deadline:
    late(deadline.parameter("seconds", float, default=0.05))

FLOWS = (payments, batch, failing, busy, deadline)
