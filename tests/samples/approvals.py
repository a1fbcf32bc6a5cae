"""A flow that pauses for amounts over a limit, and pays them once they are released."""

from functools import partial

from statesig import PAUSE, Flow, current, task


@task
def pay(amount: int, limit: int) -> int:
    if amount > limit and current().resumed is None:
        raise PAUSE("over the limit")
    return amount


with Flow("approvals") as flow:
    amounts = flow.parameter("amounts", list[int])
    limit = flow.parameter("limit", int)
    paid = flow.map(partial(pay, limit=limit), amounts)
