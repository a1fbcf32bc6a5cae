"""Five machines of a user's own: what the programs about machines import, and the generated ones.

An order with a guard and a kind below another; a payment with a group; a link without an end; a generic job; a document
whose tags an order and a run have, too.
"""

from decimal import Decimal
from typing import Any, Generic

from typing_extensions import TypeVar, override

from statesig import Machine, Transition

R = TypeVar("R", default=Any)


class Order(Machine):
    """What was ordered."""

    order_id: str
    lines: tuple[str, ...] = ()


class Draft(Order): ...


class Gift(Draft):
    wish: str = ""


class Placed(Order):
    total: Decimal


class Shipped(Order):
    tracking: str


class Express(Shipped): ...


class Delivered(Order): ...


class Dropped(Order):
    why: str


AnyOrder = Draft | Placed | Shipped | Delivered | Dropped


class OPEN(Transition[None, Draft]): ...


class PLACE(Transition[Draft, Placed]): ...


class SHIP(Transition[Placed, Shipped]):
    @override
    def refuses(self, source: Placed) -> str | None:
        return None if source.lines else "nothing to send"


class EXPRESS(Transition[Placed, Express]): ...


class DELIVER(Transition[Shipped, Delivered]): ...


class DROP(Transition[Draft | Placed, Dropped]): ...


class Payment(Machine):
    """What is paid for it; Held is a group."""

    amount: int = 0


class Held(Payment, abstract=True):
    until: int = 7


class Authorized(Held): ...


class Disputed(Held):
    by: str = ""


class Captured(Payment): ...


class Voided(Payment): ...


class Refunded(Payment): ...


AnyPayment = Authorized | Disputed | Captured | Voided | Refunded


class AUTHORIZE(Transition[None, Authorized]): ...


class DISPUTE(Transition[Authorized, Disputed]): ...


class CAPTURE(Transition[Held, Captured]): ...


class VOID(Transition[Held, Voided]): ...


class REFUND(Transition[Captured, Refunded]): ...


class Link(Machine):
    """A connection: it never ends."""


class Down(Link): ...


class Dialing(Link):
    tries: int = 1


class Up(Link): ...


AnyLink = Down | Dialing | Up


class DIAL(Transition[Down | None, Dialing]): ...


class CONNECT(Transition[Dialing, Up]): ...


class HANGUP(Transition[Dialing | Up, Down]): ...


class Job(Machine, Generic[R]):
    """Work with a value of some type."""


class Waiting(Job[R]): ...


class Working(Job[R]):
    share: int = 0


class Done(Job[R]):
    value: R


class Broken(Job[R]):
    why: str = ""


class ENQUEUE(Transition[None, Waiting[Any]]): ...


class WORK(Transition[Waiting[Any] | Broken[Any], Working[Any]]): ...


class FINISH(Transition[Working[R], Done[R]], Generic[R]): ...


class BREAK(Transition[Working[Any], Broken[Any]]): ...


class Document(Machine):
    """Has the tags of an order and of a run, which are other machines."""

    title: str


class Sheet(Document, tag="Draft"): ...


class Approved(Document): ...


class Rejected(Document, tag="Failed"): ...


AnyDocument = Sheet | Approved | Rejected


class WRITE(Transition[Rejected | None, Sheet]): ...


class APPROVE(Transition[Sheet, Approved]): ...


class REJECT(Transition[Sheet, Rejected]): ...
