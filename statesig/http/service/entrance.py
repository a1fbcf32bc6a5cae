"""Let nobody in without a valid token: before the body of a request is read, whatever it asks for."""

from __future__ import annotations

from anyio import to_thread

from statesig.http.answers import problem
from statesig.http.asgi import ASGIApp, Receive, Scope, Send, header_of
from statesig.http.service.access import Authenticate

__all__ = ["Entrance"]


class Entrance:
    """ASGI middleware that keeps the principal of a bearer token with the request, as ``scope["state"]["principal"]``.

    Args:
        app: The application.
        authenticate: Returns the principal of a token.
    """

    def __init__(self, app: ASGIApp, authenticate: Authenticate) -> None:
        self.app = app
        self.authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its principal, or answer 401; nothing else than HTTP is served."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        principal = await self._principal(header_of(scope, b"authorization"))
        if principal is None:
            challenge = [("www-authenticate", "Bearer")]
            await problem(401, challenge, detail="a valid bearer token is needed")(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self.app(scope, receive, send)

    async def _principal(self, header: bytes) -> str | None:
        scheme, _, token = header.decode("latin-1").strip().partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return await to_thread.run_sync(self.authenticate, token.strip())
