"""The fields of a machine's transitions, of `after` too: checked by the plugin, or where a stub says them."""

from decimal import Decimal
from typing import assert_type

from stubbed_machines import (
    APPROVE,
    CAPTURE,
    CONNECT,
    DELIVER,
    DIAL,
    DISPUTE,
    DROP,
    EXPRESS,
    FINISH,
    HANGUP,
    OPEN,
    PLACE,
    SHIP,
    VOID,
    Authorized,
    Captured,
    Delivered,
    Dialing,
    Draft,
    Express,
    Held,
    Placed,
    Sheet,
    Shipped,
    Up,
)

from statesig import advance

ONE = Decimal(1)


def right(draft: Draft, placed: Placed, shipped: Shipped, held: Held, link: Dialing | Up, sheet: Sheet) -> None:
    assert_type(OPEN(order_id="o-1", lines=("tea",)).state, Draft)
    assert_type(advance(draft, PLACE(order_id="o-1", total=ONE)), Placed)
    assert_type(PLACE.after(draft, total=ONE, lines=("milk",)).state, Placed)
    assert_type(SHIP.after(placed, tracking="T-9"), SHIP)
    assert_type(EXPRESS.after(placed, order_id="o-2", tracking="T-9").state, Express)
    assert_type(DELIVER.after(shipped).state, Delivered)
    assert_type(DROP.after(draft, why="late").state.why, str)
    assert_type(CAPTURE.after(held, amount=3).state, Captured)
    assert_type(DIAL.after(None, tries=2).state.tries, int)
    VOID.after(held)
    HANGUP.after(link)
    APPROVE.after(sheet)
    FINISH(value=3)


def wrong_fields(placed: Placed) -> None:
    SHIP(order_id="o-1")  # S: call-arg
    SHIP(order_id="o-1", tracking=9)  # S: arg-type
    SHIP(order_id="o-1", trackign="T-9")  # S: call-arg
    SHIP("T-9", order_id="o-1", tracking="T-9")  # S: misc
    PLACE(order_id="o-1", total="1")  # S: arg-type
    DIAL(tries="1")  # S: arg-type
    raise SHIP(tracking="T-9")  # S: call-arg


def wrong_fields_after(draft: Draft, placed: Placed, held: Held, authorized: Authorized, up: Up) -> None:
    OPEN.after(None)  # S: call-arg
    SHIP.after(placed)  # S: call-arg
    SHIP.after(placed, tracking=9)  # S: arg-type
    SHIP.after(placed, trackign="T-9")  # S: call-arg
    SHIP.after(placed, tracking="T-9", order_id=1)  # S: arg-type
    PLACE.after(draft, total="1")  # S: arg-type
    DROP.after(draft)  # S: call-arg
    DISPUTE.after(authorized, by=3)  # S: arg-type
    CAPTURE.after(held, until=3)  # S: call-arg
    HANGUP.after(up, tries=3)  # S: call-arg
    CONNECT.after(up)  # E: arg-type
    SHIP.after(draft, tracking="T-9")  # E: arg-type
    raise DROP.after(placed, reason="late")  # S: call-arg
