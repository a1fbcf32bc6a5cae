"""The steps of a day, each a task: it returns its value or raises the signal of what became of it."""

from __future__ import annotations

from datetime import date

from statesig import FAIL, RETRY, SKIP, AnyState, all_finished, any_successful, current, task

from .orders import BOOK, STOCK, Order, Parcel, Payment
from .reports import Summary, line_of
from .signals import DECLINE, QUARANTINE, SUSPECT
from .states import Shipped

__all__ = ["announce", "charge", "check", "pack", "pay", "revenue", "summarise", "take"]


@task
def take(day: date) -> list[Order]:
    """Return the orders of a day."""
    orders = [order for order in BOOK if order.placed == day]
    if not orders:
        raise SKIP(f"no orders on {day}", result=orders)
    return orders


@task
def check(order: Order) -> Order:
    """Return the order, unless it makes no sense."""
    if not order.lines:
        raise QUARANTINE(f"order {order.number} is empty", reason="no lines")
    return order


@task(retries=2)
def pay(order: Order, limit: int) -> Payment:
    """Ask the bank for the money; about order 1 it has to be asked twice."""
    attempt = current().number
    if order.number == 1 and attempt == 1:
        raise RETRY("the bank is busy", run_count=attempt)
    return charge(order, limit)


def charge(order: Order, limit: int) -> Payment:
    """Take the money of an order below a limit, in cents."""
    if order.customer == "eve":
        raise DECLINE(f"order {order.number} is declined", code=51)
    if order.total > limit:
        raise SUSPECT(f"order {order.number} is over the limit", score=0.9)
    return Payment(order=order, cents=order.total)


@task
def pack(payment: Payment, carrier: str) -> Parcel | Shipped:
    """Pack an order; the sixth was, the day before."""
    order = payment.order
    for line in order.lines:
        if line.count > STOCK[line.sku]:
            raise FAIL(f"order {order.number} lacks {line.sku}", retryable=False)
    parcel = Parcel(order=order.number, carrier=carrier)
    return Shipped(result=parcel, tracking="X6") if order.number == 6 else parcel


@task(trigger=any_successful)
def revenue(payments: list[AnyState[Payment]]) -> int:
    """Return what was earned, in cents."""
    return sum(state.unwrap().cents for state in payments if state.has_result)


@task(trigger=all_finished)
def summarise(parcels: list[AnyState[Parcel]], earned: AnyState[int]) -> Summary:
    """Sum up what became of each order, whatever that was."""
    lines = tuple(line_of(state) for state in parcels)
    return Summary(lines=lines, cents=earned.unwrap() if earned.has_result else 0)


@task
def announce(summary: Summary, copies: int) -> str:
    """Return what is read out in the evening."""
    return "\n".join([*summary.lines, f"{summary.cents} cents, {copies} copies"])
