"""An order of a user's own: a step without a guard, one with its signal made, and one by `after`.

Floors: a dict of dicts by the two classes; the same and the construction of a bare model with the new state's fields.
`after` reads two of the four fields from the state it leaves, where the floor is handed all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from measuring import Plan, Row, compare_code
from peers import peers
from pydantic import BaseModel, ConfigDict

from statesig import Machine, Transition, advance

__all__ = ["machines"]


class Order(Machine):
    """What was ordered."""

    order_id: str
    lines: tuple[str, ...] = ()


class Placed(Order): ...


class Shipped(Order):
    tracking: str


class PLACE(Transition[None, Placed]): ...


class SHIP(Transition[Placed, Shipped]): ...


class BareShipped(BaseModel):
    """The floor: the same fields, frozen, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_id: str
    lines: tuple[str, ...] = ()
    tracking: str


def machines(plan: Plan) -> Iterator[Row]:
    """Measure a step of a machine of a user's own."""
    placed = Placed(order_id="o-1", lines=("tea",))
    ship = SHIP.after(placed, tracking="T-9")
    table = {Placed: {SHIP: True}}
    names: dict[str, Any] = {
        "advance": advance,
        "SHIP": SHIP,
        "BareShipped": BareShipped,
        "placed": placed,
        "ship": ship,
        "step": lambda state, signal: table[type(state)][type(signal)] and signal.state,
    }
    fields = 'order_id="o-1", lines=("tea",), tracking="T-9"'
    floor = f"step(placed, ship); BareShipped({fields})"
    for subject, beside, bound, told in (
        ("advance(placed, ship)", "step(placed, ship)", 1.35, "dict of dicts, return"),
        (f"advance(placed, SHIP({fields}))", floor, 1.4, "dict of dicts, BareShipped(...)"),
        ('SHIP.after(placed, tracking="T-9").state', floor, 1.5, "dict of dicts, BareShipped(...)"),
    ):
        yield compare_code(plan, names, subject, beside, bound=bound, called=(subject.replace(fields, "..."), told))
    yield from peers(plan, names)
