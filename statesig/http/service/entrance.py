"""Let nobody in without a valid token: before the body of a request is read, whatever it asks for."""

from __future__ import annotations

from urllib.parse import quote

from anyio import to_thread

from statesig.http.answers import Answer, problem
from statesig.http.asgi import ASGIApp, Receive, Scope, Send, header_of
from statesig.http.service.access import Authenticate
from statesig.http.service.pages import sessions

__all__ = ["Entrance"]


class Entrance:
    """ASGI middleware that keeps the principal of a bearer token with the request, as ``scope["state"]["principal"]``.

    The page, and the events that it listens to, take the token from the cookie of a session, too. The token itself is
    kept with the request as ``scope["state"]["token"]``.

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
        token = _token(scope)
        principal = None if token is None else await to_thread.run_sync(self.authenticate, token)
        if principal is None and not sessions.is_open(scope):
            await _refusal(scope)(scope, receive, send)
            return
        if principal is not None:
            scope.setdefault("state", {}).update(principal=principal, token=token)
        await self.app(scope, receive, send)


def _token(scope: Scope) -> str | None:
    header = header_of(scope, b"authorization")
    if not header and sessions.takes_cookie(scope):
        return sessions.token_in_cookie(scope)
    scheme, _, token = header.decode("latin-1").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _refusal(scope: Scope) -> Answer:
    """Return the answer to a request without a valid token: people are asked to sign in."""
    if not sessions.is_page(scope):
        return problem(401, [("www-authenticate", "Bearer")], detail="a valid bearer token is needed")
    query = scope["query_string"].decode("latin-1")
    wanted = sessions.path_of(scope) + (f"?{query}" if query else "")
    asked = f"?next={quote(wanted, safe='/')}" if scope["method"] == "GET" and wanted != "/" else ""
    location = scope.get("root_path", "") + sessions.SIGN_IN + asked
    return Answer(303, (("location", location), ("content-length", "0"), ("cache-control", "no-store")), b"")
