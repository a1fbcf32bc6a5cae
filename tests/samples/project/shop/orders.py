"""What the shop knows of orders, and the book that they are kept in. Nothing here may know a state."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field

__all__ = ["BOOK", "STOCK", "Line", "Order", "Parcel", "Payment"]


class Line(BaseModel, frozen=True):
    """One article of an order.

    Args:
        sku: What the shop calls the article.
        count: How many of it.
        price: Of one of it, in cents.
    """

    sku: str
    count: int = Field(default=1, ge=1)
    price: int = Field(ge=0)


class Order(BaseModel, frozen=True):
    """What somebody ordered.

    Args:
        number: The order's own.
        customer: Who ordered.
        placed: On which day.
        lines: The articles, none of them twice.
    """

    number: int
    customer: str
    placed: date
    lines: tuple[Line, ...] = ()

    @property
    def total(self) -> int:
        """The price of the whole order, in cents."""
        return sum(line.count * line.price for line in self.lines)


class Payment(BaseModel, frozen=True):
    """An order that was paid for.

    Args:
        order: The order.
        cents: How much was paid.
    """

    order: Order
    cents: int


class Parcel(BaseModel, frozen=True):
    """What leaves the house.

    Args:
        order: The number of the order in it.
        carrier: Who carries it.
    """

    order: int
    carrier: str


DAY = date(2026, 11, 22)
PEN = Line(sku="pen", price=250)
INK = Line(sku="ink", count=2, price=400)
BOOK = (
    Order(number=1, customer="ada", placed=DAY, lines=(PEN, INK)),
    Order(number=2, customer="bob", placed=DAY),
    Order(number=3, customer="cyd", placed=DAY, lines=(Line(sku="desk", price=49_900),)),
    Order(number=4, customer="dan", placed=DAY, lines=(Line(sku="ink", count=9, price=400),)),
    Order(number=5, customer="eve", placed=DAY, lines=(PEN,)),
    Order(number=6, customer="flo", placed=DAY, lines=(Line(sku="pen", count=2, price=250),)),
)
STOCK = {"pen": 100, "ink": 5, "desk": 1}
