"""Sessions of the page: a token in a cookie that scripts cannot read, and forms that another site cannot send.

The cookie is the token itself, so a session ends with its token, and nothing is kept here.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import cookie_parser

from statesig.http.asgi import Scope, header_of

__all__ = [
    "LONGEST_TOKEN",
    "SIGN_IN",
    "cookie_of",
    "form_mark",
    "is_from_here",
    "is_of_session",
    "is_open",
    "is_page",
    "no_cookie",
    "path_of",
    "takes_cookie",
    "token_in_cookie",
]

SIGN_IN: Final = "/page/sign-in"
LONGEST_TOKEN: Final = 3000
"""The number of characters of a token that fits into a cookie, which browsers cut at 4,096 bytes."""

_STATIC: Final = "/page/static/"
_EVENTS: Final = re.compile(r"/runs/[^/]+/events\Z")


# ---- which requests


def path_of(scope: Scope) -> str:
    """Return the path of a request within the application."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


def is_page(scope: Scope) -> bool:
    """Tell whether a request is for the page rather than for the API."""
    path = path_of(scope)
    return path == "/" or path.startswith("/page/")


def is_open(scope: Scope) -> bool:
    """Tell whether a request needs no session: signing in, and the page's style and script."""
    path = path_of(scope)
    return path == SIGN_IN or path.startswith(_STATIC)


def takes_cookie(scope: Scope) -> bool:
    """Tell whether a request may be made with the cookie alone: for the page, and for the events that it listens to.

    Everything else of the API takes the bearer token in a header, which no other site can make a browser send.
    """
    return is_page(scope) or (scope["method"] == "GET" and _EVENTS.match(path_of(scope)) is not None)


def is_from_here(scope: Scope) -> bool:
    """Tell whether a form was sent from a page of this host; every browser says so in the header Origin.

    Schemes are not compared: whoever stands before the server may have taken TLS off.
    """
    origin, host = header_of(scope, b"origin").decode("latin-1"), header_of(scope, b"host").decode("latin-1")
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


# ---- the cookie


def cookie_of(scope: Scope, token: str) -> str:
    """Return the header Set-Cookie that begins a session."""
    return _cookie(scope, quote(token, safe=""), "")


def no_cookie(scope: Scope) -> str:
    """Return the header Set-Cookie that ends a session."""
    return _cookie(scope, "", "; Max-Age=0")


def _cookie(scope: Scope, value: str, ending: str) -> str:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return f"{_name(scope)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{ending}"


def token_in_cookie(scope: Scope) -> str | None:
    """Return the token of a session; None if there is none."""
    # Not the standard library's parser: one cookie that it refuses, of another program on this host, would hide ours.
    found = cookie_parser(header_of(scope, b"cookie").decode("latin-1")).get(_name(scope))
    return unquote(found) or None if found else None


def _name(scope: Scope) -> str:
    """Return the name of the cookie: ports have none of their own, and two servers of a host would share it."""
    port = header_of(scope, b"host").decode("latin-1").rpartition(":")[2]
    return f"statesig-{port}" if port.isascii() and port.isdecimal() else "statesig"


# ---- forms


def form_mark(token: str) -> str:
    """Return what every form of a session carries: it tells nothing of the token, and nobody without it can make it."""
    return hmac.new(token.encode(errors="surrogatepass"), b"statesig: a form of the page", sha256).hexdigest()


def is_of_session(token: str, mark: str) -> bool:
    """Tell whether a form is one of a session. The time taken tells nothing of the right mark."""
    return hmac.compare_digest(form_mark(token).encode(), mark.encode(errors="surrogatepass"))
