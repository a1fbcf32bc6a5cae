"""The flow whose runs are in `tests/golden/store-1.sql`, a store with tables of version 1."""

from statesig import PAUSE, Flow, current, task


@task
def amounts() -> list[int]:
    return [70, 120]


@task
def pay(amount: int) -> int:
    if amount > 100 and current().resumed is None:
        raise PAUSE("over the limit")
    return amount


@task
def total(amounts: list[int]) -> int:
    return sum(amounts)


with Flow("payments") as flow:
    paid = flow.map(pay, amounts())
    whole = total(paid)
