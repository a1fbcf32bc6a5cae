"""An order service on SQLite: each order has a history, its transitions alone change it, and a page shows all states.

    python -m statesig.examples.orders orders.db --port 8000
    curl -X PUT localhost:8000/orders/o-1 --json '{"lines": [{"article": "tea", "number": 2, "price": "3.10"}]}'
    curl -X POST localhost:8000/orders/o-1/place --json '{"address": "1 Mill Lane"}'
    curl -X POST localhost:8000/orders/o-1/ship --json '{"tracking": "T-9"}'    # 409: it is not paid

The page is at http://localhost:8000/. It needs the extra ``http``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field
from pydantic_core import from_json
from typing_extensions import override

from statesig import (
    Change,
    Entities,
    EntityChanged,
    IllegalTransition,
    Machine,
    NoEntity,
    Transition,
    diagram,
    encode,
    successors,
)
from statesig.http import install

__all__ = [
    "CANCEL",
    "DELIVER",
    "OPEN",
    "PAY",
    "PLACE",
    "SHIP",
    "AnyOrder",
    "Cancelled",
    "Delivered",
    "Draft",
    "Line",
    "Order",
    "Paid",
    "Placed",
    "Shipped",
    "main",
    "service",
]

# ---- the machine


class Line(BaseModel, frozen=True, extra="forbid"):
    """One line of an order.

    Args:
        article: What is ordered.
        number: How many, from 1 to 99.
        price: The price of one.
    """

    article: str
    number: int = Field(ge=1, le=99)
    price: Decimal = Field(ge=Decimal(0), le=Decimal(10_000), decimal_places=2)


class Order(Machine):
    """What somebody orders.

    Args:
        lines: What is in it.
    """

    lines: tuple[Line, ...] = ()


class Draft(Order):
    """Not ordered yet."""


class Addressed(Order, abstract=True):
    """The states of an order that goes somewhere.

    Args:
        address: Where it goes.
    """

    address: str


class Placed(Addressed):
    """Ordered, and not paid."""


class Paid(Addressed):
    """Paid, and not sent.

    Args:
        reference: The payment.
    """

    reference: str


class Shipped(Addressed):
    """On its way.

    Args:
        tracking: Where to ask for it.
    """

    tracking: str


class Delivered(Addressed):
    """It has arrived."""


class Cancelled(Order):
    """It will not be sent.

    Args:
        why: What the customer says.
    """

    why: str = ""


AnyOrder = Draft | Placed | Paid | Shipped | Delivered | Cancelled


class OPEN(Transition[None, Draft]):
    """Begin an order."""


class PLACE(Transition[Draft, Placed]):
    """Order it, if there is something in it."""

    @override
    def refuses(self, source: Draft) -> str | None:
        return None if source.lines else "nothing is ordered"


class PAY(Transition[Placed, Paid]):
    """Pay for it."""


class SHIP(Transition[Paid, Shipped]):
    """Send it."""


class DELIVER(Transition[Shipped, Delivered]):
    """Hand it over."""


class CANCEL(Transition[Draft | Placed | Paid, Cancelled]):
    """Cancel it, as long as it was not sent."""


# ---- the service


class Opened(BaseModel):
    """The body that begins an order."""

    lines: tuple[Line, ...] = ()


class Place(BaseModel):
    """The body that orders it."""

    address: str


class Payment(BaseModel):
    """The body that pays for it."""

    reference: str


class Parcel(BaseModel):
    """The body that sends it."""

    tracking: str


class Cancellation(BaseModel):
    """The body that cancels it."""

    why: str = ""


def service(orders: Entities[AnyOrder]) -> FastAPI:
    """Return the application that serves orders.

    Args:
        orders: Their histories.
    """
    app = FastAPI(title="Orders")
    install(app, raises=[IllegalTransition, EntityChanged, NoEntity])

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return _page(orders.all())

    @app.put("/orders/{key}", status_code=201)
    def begin(key: str, body: Opened, response: Response) -> Order:
        return _told(orders.append(key, OPEN(lines=body.lines), expected=0), response)

    @app.get("/orders/{key}")
    def show(key: str, response: Response) -> Order:
        return _told(orders.latest(key), response)

    @app.get("/orders/{key}/history")
    def history(key: str) -> JSONResponse:
        return JSONResponse([_described(change) for change in orders.history(key)])

    @app.post("/orders/{key}/place")
    def place(key: str, body: Place, response: Response) -> Order:
        return _told(orders.advance(key, PLACE, address=body.address), response)

    @app.post("/orders/{key}/pay")
    def pay(key: str, body: Payment, response: Response) -> Order:
        return _told(orders.advance(key, PAY, reference=body.reference), response)

    @app.post("/orders/{key}/ship")
    def ship(key: str, body: Parcel, response: Response) -> Order:
        return _told(orders.advance(key, SHIP, tracking=body.tracking), response)

    @app.post("/orders/{key}/deliver")
    def deliver(key: str, response: Response) -> Order:
        return _told(orders.advance(key, DELIVER), response)

    @app.post("/orders/{key}/cancel")
    def cancel(key: str, body: Cancellation, response: Response) -> Order:
        return _told(orders.advance(key, CANCEL, why=body.why), response)

    return app


def _told(change: Change[AnyOrder], response: Response) -> Order:
    """Return the state of an order; its version goes into the headers of the response."""
    response.headers["ETag"] = f'"{change.version}"'
    return change.state


def _described(change: Change[AnyOrder]) -> dict[str, object]:
    state: object = from_json(encode(change.state))
    return {"version": change.version, "time": change.time.isoformat(), "state": state}


# ---- the page


def _page(orders: Sequence[Change[AnyOrder]]) -> str:
    """Return the page of states: each order with its state, and what may follow."""
    rows = "\n".join(map(_row, orders)) or '<tr><td colspan="5">no orders yet</td></tr>'
    head = "".join(f"<th>{name}</th>" for name in ("order", "state", "since", "lines", "may become"))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Orders</title>
<style>body {{ font-family: sans-serif; margin: 2em }} td, th {{ padding: .3em 1em; text-align: left }}</style>
<h1>Orders</h1>
<table>
<tr>{head}</tr>
{rows}
</table>
<h2>The machine</h2>
<pre>{escape(diagram(kind=Order))}</pre>
</html>
"""


def _row(change: Change[AnyOrder]) -> str:
    key, state = change.key, change.state
    may = ", ".join(kind.__name__ for kind in successors(type(state))) or "nothing"
    place = quote(key, safe="")
    link = f'<a href="orders/{place}/history">{escape(key)}</a>'
    cells = (link, state.type, f"{change.time:%Y-%m-%d %H:%M:%S}", str(len(state.lines)), may)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the orders of a store until the process is asked to end.

    Args:
        argv: The arguments of the command, without its name; by default those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m statesig.examples.orders", description="Serve orders.")
    parser.add_argument("store", nargs="?", default="orders.db", help="an SQLite file, or a URL of PostgreSQL")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(argv)
    uvicorn.run(service(Entities(options.store, AnyOrder)), host="127.0.0.1", port=options.port)


if __name__ == "__main__":
    main()
