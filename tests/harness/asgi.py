"""Requests to ASGI applications, in this process."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx

from statesig.http.asgi import ASGIApp, Message

JSON = {"content-type": "application/json"}


def ask(app: Any, *requests: tuple[str, str] | tuple[str, str, bytes], headers: Any = JSON) -> list[httpx.Response]:
    """Return the responses of an application to requests: a method, a path and perhaps a body, said to be JSON."""

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
            return [
                await client.request(method, path, content=b"".join(body) or None, headers=headers if body else None)
                for method, path, *body in requests
            ]

    return asyncio.run(send())


class Exchange:
    """One request to an application, message by message.

    Attributes:
        sent: What the application sent.
        read: How many messages of the request it received.
        raised: What left the application.
    """

    def __init__(self, app: ASGIApp, parts: Iterable[bytes] = (), *, headers: Any = None, **scope: Any) -> None:
        self.sent: list[Message] = []
        self.read = 0
        self.raised: BaseException | None = None
        self._parts = iter(parts)
        given = {"transfer-encoding": "chunked"} if headers is None else headers
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "client": None,
            "server": ("app.example", 80),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            **scope,
        }
        asyncio.run(self._run(app))

    async def _run(self, app: ASGIApp) -> None:
        try:
            await app(self.scope, self._receive, self._send)
        except BaseException as exc:
            self.raised = exc

    async def _receive(self) -> Message:
        self.read += 1
        part = next(self._parts, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        """The status of the response."""
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> bytes:
        """The body of the response."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])
