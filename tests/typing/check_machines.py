"""Machines of a user's own: an illegal transition is an error of every checker, by annotations alone."""

from decimal import Decimal
from typing import Any, assert_never, assert_type

from machines import (
    APPROVE,
    CAPTURE,
    CONNECT,
    DELIVER,
    DIAL,
    DROP,
    EXPRESS,
    FINISH,
    HANGUP,
    OPEN,
    PLACE,
    REFUND,
    SHIP,
    VOID,
    WORK,
    WRITE,
    AnyDocument,
    AnyOrder,
    AnyPayment,
    Approved,
    Authorized,
    Broken,
    Captured,
    Delivered,
    Dialing,
    Disputed,
    Done,
    Down,
    Draft,
    Dropped,
    Express,
    Gift,
    Held,
    Link,
    Order,
    Payment,
    Placed,
    Refunded,
    Sheet,
    Shipped,
    Up,
    Voided,
    Waiting,
    Working,
)
from pydantic import BaseModel
from typing_extensions import override

from statesig import (
    FAIL,
    START,
    AnyFinished,
    Failed,
    Finished,
    IllegalStep,
    Machine,
    Running,
    Signal,
    SignalOf,
    Skipped,
    Success,
    Transition,
    advance,
    catching,
    check_history,
    decode,
    diagram,
    encode,
    is_allowed,
    schema,
    signal_of,
    successors,
    transition_of,
)
from statesig.testing import problems

ONE = Decimal(1)

# ---- legal, and exactly typed


def legal(draft: Draft, gift: Gift, placed: Placed, express: Express, running: Running[Any]) -> None:
    assert_type(advance(None, OPEN(order_id="o-1")), Draft)
    assert_type(advance(draft, PLACE(order_id="o-1", total=ONE)), Placed)
    assert_type(advance(gift, PLACE(order_id="o-1", total=ONE)), Placed)
    assert_type(advance(placed, EXPRESS(order_id="o-1", tracking="T-9")), Express)
    assert_type(advance(express, DELIVER(order_id="o-1")), Delivered)
    assert_type(OPEN.after(None, order_id="o-1").state, Draft)
    assert_type(PLACE.after(gift, total=ONE).state, Placed)
    assert_type(SHIP.after(placed, tracking="T-9"), SHIP)
    assert_type(DELIVER.after(express).state, Delivered)
    assert_type(advance(placed, SHIP.after(placed, tracking="T-9")), Shipped)
    assert_type(advance(running, FAIL("x")), Failed[Any])


def legal_of_several(either: Draft | Placed, held: Held, open_: Authorized | Disputed, link: Dialing | Up) -> None:
    assert_type(advance(either, DROP(order_id="o-1", why="late")), Dropped)
    assert_type(DROP.after(either, why="late").state, Dropped)
    assert_type(advance(held, CAPTURE()), Captured)
    assert_type(advance(open_, VOID()), Voided)
    assert_type(VOID.after(held).state, Voided)
    assert_type(advance(link, HANGUP()), Down)
    assert_type(advance(None, DIAL()), Dialing)


def legal_of_generics(waiting: Waiting[int], working: Working[int], broken: Broken[str]) -> None:
    assert_type(advance(waiting, WORK()), Working[Any])
    assert_type(advance(broken, WORK()), Working[Any])
    assert_type(advance(working, FINISH[int](value=3)), Done[int])
    assert_type(FINISH[int].after(working, value=3).state, Done[int])
    advance(waiting, FINISH[int](value=3))  # E: arg-type
    FINISH[int].after(waiting, value=3)  # E: arg-type


def around(link: Down) -> None:
    dialing = advance(link, DIAL())
    assert_type(advance(advance(dialing, CONNECT()), HANGUP()), Down)


# ---- legal, and not followed by every checker


def of_several_signals(placed: Placed, draft: Draft, either: SHIP | DROP) -> None:
    assert_type(advance(placed, either), Shipped | Dropped)  # false: plugin, mypy, ty
    advance(draft, either)  # E: arg-type


def of_a_generic_until(job: Waiting[int] | Working[int] | Done[int]) -> None:
    while not isinstance(job, Done):
        job = Done[int](value=3)
    assert_type(job, Done[int])  # false: ty


def of_a_generic_signal(working: Working[int]) -> None:
    assert_type(FINISH.after(working, value=3).state, Done[int])  # false: pyright, ty


# ---- illegal


def illegal(draft: Draft, placed: Placed, shipped: Shipped, delivered: Delivered, order: Order) -> None:
    advance(draft, SHIP(order_id="o-1", tracking="T-9"))  # E: arg-type
    advance(None, SHIP(order_id="o-1", tracking="T-9"))  # E: arg-type
    advance(placed, OPEN(order_id="o-1"))  # E: arg-type
    advance(placed, PLACE(order_id="o-1", total=ONE))  # E: arg-type
    advance(delivered, DROP(order_id="o-1", why="late"))  # E: arg-type
    advance(shipped, DROP(order_id="o-1", why="late"))  # E: arg-type
    advance(order, DROP(order_id="o-1", why="late"))  # E: arg-type
    advance(advance(draft, PLACE(order_id="o-1", total=ONE)), DELIVER(order_id="o-1"))  # E: arg-type
    SHIP.after(draft, tracking="T-9")  # E: arg-type
    SHIP.after(None, tracking="T-9")  # E: arg-type
    OPEN.after(draft, order_id="o-1")  # E: arg-type
    DELIVER.after(placed)  # E: arg-type
    DROP.after(shipped, why="late")  # E: arg-type
    raise DROP.after(delivered, why="late")  # E: arg-type


def illegal_of_several(either: Draft | Shipped, maybe: Draft | None, any_: AnyOrder, payment: AnyPayment) -> None:
    advance(either, DROP(order_id="o-1", why="late"))  # E: arg-type
    DROP.after(either, why="late")  # E: arg-type
    advance(maybe, DROP(order_id="o-1", why="late"))  # E: arg-type
    advance(any_, DROP(order_id="o-1", why="late"))  # E: arg-type
    PLACE.after(any_, total=ONE)  # E: arg-type
    advance(payment, REFUND())  # E: arg-type
    CAPTURE.after(payment)  # E: arg-type


def illegal_of_groups(held: Held, captured: Captured, root: Payment, up: Up, link: Link) -> None:
    advance(held, REFUND())  # E: arg-type
    advance(captured, CAPTURE())  # E: arg-type
    advance(root, CAPTURE())  # E: arg-type
    VOID.after(captured)  # E: arg-type
    advance(up, CONNECT())  # E: arg-type
    advance(up, DIAL())  # E: arg-type
    HANGUP.after(link)  # E: arg-type


def of_two_machines(draft: Draft, sheet: Sheet, running: Running[Any]) -> None:
    advance(draft, APPROVE(title="a"))  # E: arg-type
    advance(sheet, PLACE(order_id="o-1", total=ONE))  # E: arg-type
    PLACE.after(sheet, total=ONE)  # E: arg-type
    advance(draft, FAIL())  # E: call-overload
    advance(draft, START())  # E: call-overload
    advance(running, OPEN(order_id="o-1"))  # E: type-var
    advance(running, WRITE(title="a"))  # E: type-var
    OPEN.after(running, order_id="o-1")  # E: arg-type
    advance(Success(), REFUND())  # E: call-overload


# ---- signals and their states


def states_of_signals(placed: Placed, ship: SHIP) -> None:
    assert_type(ship.state, Shipped)
    delivered: Delivered = SHIP.after(placed, tracking="T-9").state  # E: assignment
    narrower: Transition[Draft, Order] = ship  # E: assignment
    wider: Transition[Placed, Order] = ship
    covariant: Signal[Shipped] = ship
    contravariant: Transition[Express, Delivered] = DELIVER(order_id="o-1")
    print(delivered, narrower, wider, covariant, contravariant)


class CHECKED(Transition[Placed, Express]):  # P: statesig
    @override
    def refuses(self, source: Draft) -> str | None:  # E: override
        return self.state.tracking or source.order_id


def caught(placed: Placed) -> None:
    try:
        raise SHIP.after(placed, tracking="T-9")
    except SHIP as signal:
        assert_type(signal.state, Shipped)
        assert_type(signal.refuses(placed), str | None)
    try:
        print()
    except catching(Order) as some:
        assert_type(some.state, Order)
        advance(placed, some)  # E: call-overload


def from_outside(order: AnyOrder, shipped: Shipped, data: bytes, running: Running[Any]) -> None:
    assert_type(transition_of(shipped), Transition[Any, Shipped])
    assert_type(advance(order, transition_of(decode(data, AnyOrder))), AnyOrder)
    assert_type(signal_of(shipped), Signal[Shipped])
    transition_of(running)  # E: type-var
    advance(order, signal_of(shipped))  # E: call-overload


# ---- JSON


class Basket(BaseModel):
    order: AnyOrder
    payment: Payment
    signal: SignalOf[Order]


def read(data: bytes, basket: Basket, kind: type[Placed], order: Placed) -> None:
    assert_type(decode(data, AnyOrder), AnyOrder)
    assert_type(decode(data, Draft | Placed), Draft | Placed)
    assert_type(decode(data, Placed), Placed)
    assert_type(decode(data, Order), Order)
    assert_type(decode(data, kind), Placed)
    assert_type(decode(data, Done[int]).value, int)
    assert_type(decode(data, Done[int] | Broken[int]), Done[int] | Broken[int])
    assert_type(decode(data, Success[int] | Failed[int]), Success[int] | Failed[int])
    assert_type(decode(data, Finished[int]), AnyFinished[int])
    assert_type(decode(data, SHIP), SHIP)
    assert_type(decode(data, Success[AnyOrder]).unwrap(), AnyOrder)
    assert_type(encode(order), bytes)
    assert_type(basket.order, AnyOrder)
    assert_type(basket.signal.state, Order)
    print(schema(AnyOrder), schema(Order), schema(Draft | Placed))
    print(decode(data, AnyOrder).tracking)  # E: union-attr
    print(decode(data, Draft | int))  # E: type-var, arg-type
    wrong: Draft = decode(data, AnyOrder)  # E: assignment
    other: AnyOrder = Sheet(title="a")  # E: assignment
    print(wrong, other, Basket(order=order, payment=Captured(), signal=OPEN(order_id="o-1")))


# ---- the closed union


def exhausted(order: AnyOrder) -> str:
    match order:
        case Draft():
            return "draft"
        case Placed(total=total):
            assert_type(total, Decimal)
            return str(total)
        case Express() | Shipped():
            return "sent"
        case Delivered() | Dropped():
            return "over"
        case _:
            assert_never(order)


def one_missing(order: AnyOrder) -> str:
    match order:
        case Draft() | Placed() | Delivered() | Dropped():
            return "known"
        case _:
            assert_never(order)  # E: arg-type


def of_a_root(order: Order) -> str:
    match order:
        case Draft() | Placed() | Shipped() | Delivered() | Dropped():
            return "known"
        case _:
            return assert_never(order)  # E: arg-type


def by_group(payment: AnyPayment) -> int:
    if isinstance(payment, Held):
        assert_type(payment, Authorized | Disputed)  # false: ty
        return payment.until
    assert_type(payment, Captured | Voided | Refunded)  # false: ty
    return payment.amount


# ---- definitions


class WRONG(Transition[Running[Any], Approved]): ...  # E: type-var  # P: statesig


class LEADS(Transition[Draft, Skipped]): ...  # E: type-var  # P: statesig


class MISSES(Transition[Draft]): ...  # E: type-arg


# ---- the table


def tables(draft: Draft, document: AnyDocument) -> None:
    assert_type(is_allowed(Draft, Placed), bool)
    assert_type(is_allowed(None, Draft), bool)
    assert_type(successors(Draft), tuple[type[Machine], ...])
    assert_type(check_history([draft, document]), IllegalStep | None)
    assert_type(diagram(kind=Order), str)
    assert_type(problems(AnyOrder), tuple[str, ...])
    is_allowed(draft, Placed)  # E: arg-type
    diagram(kind=draft)  # E: arg-type
    problems(int)  # E: arg-type
