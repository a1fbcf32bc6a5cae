"""The flow of a day: what is wired to what."""

from __future__ import annotations

from datetime import date
from functools import partial

from statesig import Flow, state_of, states_of

from .steps import announce, check, pack, pay, revenue, summarise, take

__all__ = ["LIMIT", "earned", "flow", "notice", "packed", "report"]

LIMIT = 40_000  # cents

with Flow("shop") as flow:
    orders = take(flow.parameter("day", date, default=date(2026, 11, 22)))
    limit = flow.parameter("limit", int, default=LIMIT)
    carrier = flow.parameter("carrier", str, default="post")

    checked = flow.map(check, orders)
    paid = flow.map(partial(pay, limit=limit), checked)
    packed = flow.map(partial(pack, carrier=carrier), paid)
    earned = revenue(states_of(paid))
    report = summarise(states_of(packed), state_of(earned))
    notice = announce(report, 2)
    # The notice is written whatever it says: only whether there is one decides.
    flow.reference(notice)
