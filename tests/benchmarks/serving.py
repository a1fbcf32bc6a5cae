"""Requests to an endpoint of FastAPI that validates a state, without a socket.

Floors:

* a state body: the same endpoint with a union of bare models, told apart by tag, in the same application.
* the boundary: the endpoint with a state body in an application without `install`, which then neither holds the body to
  limits nor refuses JSON that is not read alike by every reader. There is no bound: that check is the promise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from measuring import Plan, Row, Side, compare
from pydantic import BaseModel, Field

from statesig import Finished
from statesig.http import install

_BODY = b'{"type":"Success","message":"the upstream was busy","result":{"a":1,"b":2,"c":3}}'
_REQUESTS = 200


class BareSuccess(BaseModel):
    """A success and no more."""

    type: Literal["Success"]
    message: str | None = None
    result: dict[str, int] | None = None


class BareFailed(BaseModel):
    """A failure and no more."""

    type: Literal["Failed"]
    message: str | None = None
    retryable: bool = True


class BareCancelled(BaseModel):
    """A cancellation and no more."""

    type: Literal["Cancelled"]
    message: str | None = None


Bare = Annotated[BareSuccess | BareFailed | BareCancelled, Field(discriminator="type")]


def requests(plan: Plan) -> Iterator[Row]:
    """Measure a request to each endpoint."""
    installed, plain = _application(), _application()
    install(installed)
    loop = asyncio.new_event_loop()
    state = "request, a state body, installed", _side(loop, installed, "/state")
    yield compare(
        plan, state, ("the same, a union of bare models", _side(loop, installed, "/union")), 1 / 0.95, slices=3
    )
    yield compare(plan, state, ("the same, not installed", _side(loop, plain, "/state")), slices=3)
    loop.close()


def _application() -> FastAPI:
    app = FastAPI()

    @app.post("/state")
    async def state(body: Finished[dict[str, int]]) -> int:
        return 1

    @app.post("/union")
    async def union(body: Bare) -> int:
        return 1

    return app


def _side(loop: asyncio.AbstractEventLoop, app: Any, path: str) -> Side:
    def side() -> float:
        began = time.perf_counter()
        loop.run_until_complete(_ask(app, path))
        return (time.perf_counter() - began) / _REQUESTS

    side()  # the first request builds the middleware, and the validators
    return side


async def _ask(app: Any, path: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "client": None,
        "server": ("app.example", 80),
        "headers": headers,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": _BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        assert 200 == message.get("status", 200)

    for _ in range(_REQUESTS):
        await app(dict(scope), receive, send)
