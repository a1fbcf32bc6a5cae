"""The shop's desk: orders one at a time, stepped through their states by hand, outside of any flow."""

from __future__ import annotations

from collections.abc import Iterable

from statesig import (
    QUEUE,
    RESUME,
    START,
    STOP,
    SUCCESS,
    Cancelling,
    Failed,
    Pending,
    Queued,
    Running,
    Signal,
    Success,
    advance,
    catching,
    collect,
)

from .claims import DISPUTE, Disputed
from .orders import Order, Payment
from .signals import BACKORDER, DECLINE, HOLD, QUARANTINE, SUSPECT
from .states import Backordered, Declined, OnHold, Quarantined, Suspected
from .steps import charge, check

__all__ = [
    "Refusal",
    "admit",
    "charge_all",
    "explained",
    "failure",
    "finish",
    "finish_at_once",
    "hold",
    "queue",
    "refuse",
    "release",
    "risk",
    "risks",
    "set_aside",
    "stop",
    "take_back",
    "verdict",
    "wait_for",
    "wake",
]

Refusal = DECLINE  # as the clerks call it


# ---- from one state to the next


def queue(state: Pending) -> Queued:
    """Put an order in the queue."""
    return advance(state, QUEUE(state=state))


def admit(state: Pending | Queued) -> Running:
    """Begin with an order."""
    return advance(state, START("at the desk"))


def hold(state: Running, owner: str) -> OnHold:
    """Let somebody look at it."""
    return advance(state, HOLD(owner=owner))


def release(state: OnHold) -> Running:
    """Go on with it, now that somebody has looked."""
    return advance(advance(state, RESUME(f"released by {state.owner}")), START())


def wait_for(state: Running, sku: str, missing: int) -> Backordered:
    """Let it wait for an article."""
    return advance(state, BACKORDER(sku=sku, missing=missing))


def wake(state: Backordered | OnHold) -> Running:
    """Go on with it, whatever it waits for."""
    return advance(advance(state, RESUME()), START("at last"))


def set_aside(state: Running, order: Order) -> Quarantined[Order]:
    """Put an order away, as it is."""
    return advance(state, QUARANTINE("looks odd", reason="the clerk's", result=order))


def stop(state: Running) -> Cancelling:
    """Ask for it not to go on."""
    return advance(state, STOP())


def take_back(state: Cancelling, reason: str) -> Disputed:
    """Let the bank have its money."""
    return advance(state, DISPUTE(reason=reason))


def finish(state: Running, payment: Payment) -> Success:
    """End as meant."""
    return advance(state, SUCCESS(result=payment))


def finish_at_once(state: Pending, payment: Payment) -> Success:
    """End as meant what has hardly begun."""
    return advance(advance(state, START()), SUCCESS(result=payment))


# ---- signals that are caught by hand


def refuse(kind: type[Refusal], order: Order) -> Declined:
    """Return the state of a refusal, whichever class of it."""
    return kind(f"order {order.number} is refused", code=57).state


def risk(order: Order, limit: int) -> float:
    """Return how likely a fraud an order is."""
    try:
        charge(order, limit)
    except SUSPECT as signal:
        return signal.state.score
    return 0.0


def verdict(order: Order, limit: int) -> str:
    """Return what the shop itself has against an order."""
    try:
        charge(check(order), limit)
    except (SUSPECT, QUARANTINE) as signal:
        return f"{signal.state.type}: {signal.state.message}"
    return "nothing"


def failure(order: Order, limit: int) -> str:
    """Return whether it is worth asking for the money again."""
    try:
        charge(order, limit)
    except catching(Failed) as signal:
        return f"ask again: {signal.state.retryable}"
    return "paid"


def explained(order: Order, limit: int) -> str:
    """Return what stands in the way of an order."""
    try:
        charge(check(order), limit)
    except Signal as signal:
        return f"{signal.state.message}"
    return "nothing"


def charge_all(orders: Iterable[Order], limit: int) -> None:
    """Charge all orders, and then raise all that was against it in a group."""
    raised: list[BaseException] = []
    for order in orders:
        try:
            charge(order, limit)
        except catching(Failed) as signal:
            raised.append(signal)
    if raised:
        raise BaseExceptionGroup("not paid", raised)


def risks(orders: Iterable[Order], limit: int) -> list[float]:
    """Return how likely a fraud each of the suspected orders is."""
    found: list[float] = []
    try:
        charge_all(orders, limit)
    except* SUSPECT as group:
        for state in collect(group):
            if isinstance(state, Suspected):
                found.append(state.score)
    except* Refusal:
        pass  # the bank's affair
    return found
