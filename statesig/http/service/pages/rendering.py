"""Make the responses of the page: HTML from templates that escape every value, under headers that allow no other code.

Nothing here decides what may be shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from statesig.http.service.pages.looks import look_of, urgent
from statesig.http.service.pages.sessions import form_mark

__all__ = ["HEADERS", "page", "static"]

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",  # without it at all, browsers send forms with the Origin "null"
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

_TYPES: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page.

    Args:
        request: The request that it answers.
        template: The name of its template.
        status: Its status.
        values: What the template shows.
    """
    state: Mapping[str, Any] = request.scope.get("state", {})
    common = {
        "root": request.scope.get("root_path", ""),
        "principal": state.get("principal"),
        "mark": form_mark(state["token"]) if "token" in state else "",
        "now": datetime.now(UTC),
    }
    html = _environment().get_template(template).render({**common, **values})
    return Response(html.encode(errors="replace"), status, HEADERS, "text/html; charset=utf-8")


def static(name: str) -> Response | None:
    """Return the style sheet, the script or the icon; None for anything else."""
    if name not in _TYPES:
        return None
    headers = {**HEADERS, "cache-control": "no-cache"}
    return Response(_file(name), 200, headers, _TYPES[name])


@cache
def _file(name: str) -> bytes:
    return files("statesig.http.service.pages").joinpath("static", name).read_bytes()


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("statesig.http.service.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Any] = found.filters
    filters |= {"look": look_of, "moment": _moment, "span": _span, "segment": _segment, "pretty": _pretty}
    filters |= {"clipped": _clipped, "urgent": urgent}
    return found


# ---- filters


def _moment(time: datetime) -> str:
    """Return a time as people read it, in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds: float) -> str:
    """Return a duration as people read it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _clipped(text: str, length: int = 18) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
