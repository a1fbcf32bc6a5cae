"""Orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NewType

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Mapping

OrderId = NewType("OrderId", str)


class Line(BaseModel):
    item: str
    amount: int = 1


class Order(BaseModel):
    id: OrderId
    lines: tuple[Line, ...] = ()

    def amounts(self) -> Mapping[str, int]:
        return {line.item: line.amount for line in self.lines}


ORDERS = {
    order.id: order
    for order in (
        Order(id=OrderId("a"), lines=(Line(item="pen", amount=3), Line(item="ink"))),
        Order(id=OrderId("b"), lines=(Line(item="paper", amount=900),)),
        Order(id=OrderId("c")),
    )
}
