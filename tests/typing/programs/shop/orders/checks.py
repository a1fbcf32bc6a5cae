"""Checks of orders; what they need of the shop is imported where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statesig import SKIP, task

if TYPE_CHECKING:
    from programs.shop.orders import Line, Order

STOCK = {"pen": 10, "ink": 5, "paper": 500}


def missing(line: Line) -> int:
    return max(0, line.amount - STOCK.get(line.item, 0))


@task
def check(order: Order) -> int:
    """Return how many things are in an order; all of them are there."""
    from programs.shop.signals import BACKORDER

    if not order.lines:
        raise SKIP(f"order {order.id} is empty")
    for line in order.lines:
        if lacking := missing(line):
            raise BACKORDER(f"wait for {line.item}", missing=lacking, of=line.item, result=order)
    return sum(line.amount for line in order.lines)
