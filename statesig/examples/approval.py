"""Pay amounts; a person decides on the large ones, until a deadline.

    statesig run statesig.examples.approval 'amounts=["50", "900"]' --store runs.db
    statesig resume statesig.examples.approval RUN --store runs.db --approve 'pay[1]' --answer '{"by": "Ada"}'

Beside the flow, in Python::

    run = flow.run(amounts=[Decimal(50), Decimal(900)], store="runs.db")
    run.resume({paid[1]: RESUME("fine", result=Approval(by="Ada"))})
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial

from pydantic import BaseModel

from statesig import (
    FAIL,
    PAUSE,
    AnyState,
    Flow,
    Success,
    TimedOut,
    all_finished,
    resumed,
    states_of,
    task,
)

__all__ = ["Approval", "Payment", "Report", "flow", "paid", "pay", "report", "reported"]


class Approval(BaseModel, frozen=True, extra="forbid"):
    """A person's decision on one amount.

    Args:
        by: Who decided.
        granted: Whether it may be paid.
        most: The most to pay of it; None: all.
    """

    by: str
    granted: bool = True
    most: Decimal | None = None


class Payment(BaseModel, frozen=True):
    """What was paid.

    Args:
        amount: How much.
        approved_by: Who approved it; None: it needed no approval.
    """

    amount: Decimal
    approved_by: str | None = None


class Report(BaseModel, frozen=True):
    """What became of all amounts.

    Args:
        paid: The sum of what was paid.
        refused: How many were refused.
        too_late: On how many nobody decided in time.
    """

    paid: Decimal
    refused: int = 0
    too_late: int = 0


@task(answer=Approval)
def pay(amount: Decimal, limit: Decimal, until: datetime | None) -> Payment:
    """Pay an amount at once up to the limit, and beyond it as a person decides."""
    if amount <= limit:
        return Payment(amount=amount)
    answered = resumed(Approval)
    if answered is None:
        raise PAUSE(f"{amount} is over the limit of {limit}", until=until)
    approval = answered.unwrap()
    if not approval.granted:
        raise FAIL(f"refused by {approval.by}", retryable=False)
    most = amount if approval.most is None else approval.most
    return Payment(amount=min(amount, most), approved_by=approval.by)


@task(trigger=all_finished)
def report(states: list[AnyState[Payment]]) -> Report:
    """Report on all amounts, whatever became of each."""
    paid = sum((state.unwrap().amount for state in states if isinstance(state, Success)), Decimal())
    too_late = sum(isinstance(state, TimedOut) for state in states)
    return Report(
        paid=paid,
        refused=sum(not isinstance(state, Success) for state in states) - too_late,
        too_late=too_late,
    )


with Flow("approval") as flow:
    amounts = flow.parameter("amounts", list[Decimal])
    limit = flow.parameter("limit", Decimal, default=Decimal(100))
    until = flow.parameter("until", datetime, default=None)
    paid = flow.map(partial(pay, limit=limit, until=until), amounts)
    reported = report(states_of(paid))
