"""Histories of entities: states are the closed union, and transitions of another machine are errors."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import assert_never, assert_type

from machines import (
    AUTHORIZE,
    DELIVER,
    DROP,
    OPEN,
    SHIP,
    AnyOrder,
    AnyPayment,
    Delivered,
    Done,
    Draft,
    Dropped,
    Order,
    Placed,
    Shipped,
    Waiting,
)

from statesig import (
    Change,
    Cursor,
    Entities,
    EntityChanged,
    NoEntity,
    Running,
    Store,
    StoreError,
    Success,
    Transition,
    transition_of,
)


def made(path: Path, store: Store) -> None:
    assert_type(Entities("orders.db", AnyOrder), Entities[AnyOrder])
    assert_type(Entities(path, Order), Entities[Order])
    assert_type(Entities(store, Draft | Placed), Entities[Draft | Placed])
    assert_type(Entities(store, Waiting[int] | Done[int]), Entities[Waiting[int] | Done[int]])
    assert_type(Entities(store, AnyOrder, clock=lambda: datetime.now(UTC)).store, Store)
    other: Entities[AnyOrder] = Entities(store, AnyPayment)  # E: arg-type
    Entities(store, int)  # E: type-var
    Entities(store, Success | Running)  # E: type-var
    print(other)


def read(orders: Entities[AnyOrder]) -> str:
    assert_type(orders.latest("o-1"), Change[AnyOrder])
    assert_type(orders.latest("o-1").version, int)
    assert_type(orders.history("o-1"), tuple[Change[AnyOrder], ...])
    assert_type(orders.all(), list[Change[AnyOrder]])
    wrong: Draft = orders.state("o-1")  # E: assignment
    print(wrong, orders.state("o-1").total)  # E: union-attr
    order = orders.state("o-1")
    match order:
        case Draft() | Placed() | Shipped():
            return "open"
        case Delivered() | Dropped():
            return "over"
        case _:
            assert_never(order)


def one_missing(orders: Entities[AnyOrder]) -> str:
    order = orders.state("o-1")
    match order:
        case Draft() | Placed() | Delivered() | Dropped():
            return "known"
        case _:
            assert_never(order)  # E: arg-type


def appended(orders: Entities[AnyOrder], placed: Placed, outside: AnyOrder) -> None:
    assert_type(orders.append("o-1", OPEN(order_id="o-1"), expected=0), Change[AnyOrder])
    assert_type(orders.append("o-1", SHIP.after(placed, tracking="T-9"), expected=2).state, AnyOrder)
    orders.append("o-1", transition_of(outside), expected=3)
    orders.append("o-1", AUTHORIZE(), expected=0)  # E: arg-type
    orders.append("o-1", SHIP, expected=0)  # E: arg-type
    orders.append("o-1", placed, expected=0)  # E: arg-type
    orders.append("o-1", OPEN(order_id="o-1"))  # E: call-arg
    orders.append("o-1", OPEN(order_id="o-1"), expected="0")  # E: arg-type


def led_on(orders: Entities[AnyOrder]) -> None:
    assert_type(orders.advance("o-1", SHIP, tracking="T-9"), Change[AnyOrder])
    orders.advance("o-1", AUTHORIZE)  # E: arg-type
    orders.advance("o-1", SHIP)  # P: call-arg
    orders.advance("o-1", SHIP, tracking=9)  # P: arg-type
    orders.advance("o-1", SHIP, trackign="T-9")  # P: call-arg
    assert_type(orders.advance("o-1", SHIP, tracking="T-9", order_id="o-2"), Change[AnyOrder])
    orders.advance("o-1", DELIVER(order_id="o-1"))  # E: arg-type


def led_on_by_one_of_two(orders: Entities[AnyOrder], signal: type[SHIP] | type[DROP]) -> None:
    orders.advance("o-1", signal, tracking="T-9")


def ship(order: Placed) -> SHIP:
    return SHIP.after(order, tracking="T-9")


def ship_or_drop(order: AnyOrder) -> SHIP | DROP:
    match order:
        case Placed(total=total) if total > Decimal(3):
            return SHIP.after(order, tracking="T-9")
        case Draft() | Placed():
            return DROP.after(order, why="too little")
        case _:
            raise ValueError(order.type)


def decided(orders: Entities[AnyOrder]) -> None:
    assert_type(orders.change("o-1", ship_or_drop), Change[AnyOrder])
    orders.change("o-1", lambda order: DROP(order_id=order.order_id, why="late"))
    orders.change("o-1", ship)  # E: arg-type
    orders.change("o-1", lambda order: SHIP.after(order, tracking="T-9"))  # E: arg-type
    orders.change("o-1", lambda order: AUTHORIZE())  # E: arg-type, return-value


def follow(cursor: Cursor, change: Change[AnyOrder]) -> None:
    cursor.execute("INSERT INTO stages VALUES (?, ?)", (change.key, change.state.type))
    cursor.execute("SELECT version FROM stages")
    row = cursor.fetchone()
    print(row and row[0], cursor.fetchall(), cursor.rowcount)


def followed(store: Store, wider: Change[Shipped]) -> Change[Order]:
    Entities(store, AnyOrder, also=follow)
    Entities(store, AnyPayment, also=follow)  # E: arg-type
    return wider


def refused(orders: Entities[AnyOrder], transition: Transition[None, Draft]) -> int:
    try:
        return orders.append("o-1", transition, expected=0).version
    except EntityChanged as changed:
        assert_type(changed.version, int)
        return changed.version
    except (NoEntity, StoreError) as error:
        print(error.reason)
        return 0
