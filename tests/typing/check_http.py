"""Signals over HTTP: the boundary's arguments, and what a caller gets, have the types that they name."""

from collections.abc import Mapping
from typing import Any, assert_type

import httpx
from fastapi import APIRouter, FastAPI
from kinds import QUARANTINE, Quarantined
from starlette.applications import Starlette
from starlette.middleware import Middleware

from statesig import FAIL, SKIP, Failed, Limits, Machine, Signal, Skipped, State, TimedOut, catching
from statesig.http import (
    STATUSES,
    Boundary,
    SignalMiddleware,
    SignalRoute,
    Statuses,
    araise_for_signal,
    install,
    raise_for_signal,
    signal_from,
)

# ---- statuses

changed: Statuses = {Skipped: 204, Quarantined: 451}
assert_type(STATUSES[TimedOut], int)
Boundary(statuses={Skipped: 204, TimedOut: 408}, expose=[Skipped, Quarantined])
Boundary(expose=[State], statuses={State: 299})
Boundary(statuses={Skipped: "204"})  # E: dict-item
Boundary(statuses={SKIP: 204})  # E: dict-item
Boundary(expose=["Skipped"])  # E: list-item
Boundary(expose=[FAIL])  # E: list-item
Boundary(redact=len)  # E: arg-type


def place_of(state: State[Any] | Machine, scope: Mapping[str, Any]) -> str | None:
    return f"/runs/{state.type}" if scope["path"] else None


def wrong_place(state: State[Any]) -> str:
    return "/"


# ---- applications

app = FastAPI()
install(app, statuses=changed, expose=(Failed,), redact=str.upper, location=place_of, limits=Limits(max_bytes=100))
install(app, location=wrong_place)  # E: arg-type
install(app, expose=Failed)  # E: arg-type
install(app, limits=100)  # E: arg-type
install(app, raises=[QUARANTINE])  # E: list-item
install(Starlette())  # E: arg-type
router = APIRouter(route_class=SignalRoute)
plain = Starlette(middleware=[Middleware(SignalMiddleware, expose=[Skipped])])
wrapped = SignalMiddleware(plain, statuses=changed)
around = SignalMiddleware(app, validation=False)
SignalMiddleware(app, validate=False)  # E: call-arg


# ---- callers


def call(client: httpx.Client) -> str:
    response = raise_for_signal(client.get("/"))
    assert_type(response, httpx.Response)
    found = signal_from(response)
    assert_type(found, Signal[Any] | None)
    if found is not None:
        raise found
    print(found.state)  # E: attr-defined
    try:
        return raise_for_signal(client.get("/")).text
    except catching(Failed) as failure:
        assert_type(failure.state, Failed[Any])
    return ""


async def acall(client: httpx.AsyncClient) -> None:
    assert_type(await araise_for_signal(await client.get("/")), httpx.Response)
    raise_for_signal(await client.get("/"), limits=1)  # E: arg-type
    raise_for_signal("response")  # E: arg-type
