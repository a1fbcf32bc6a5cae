"""The server's responses besides its documents: problems and live events, as the OpenAPI document says of them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response

from statesig.errors import NoRun, RunTaken, StoreError
from statesig.http.answers import PROBLEM, problem, title_of

__all__ = ["EVENTS", "answer_to_error", "problems_of"]

_PROBLEM: Final = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "possible": {"type": "array", "items": {"type": "string"}, "description": "What is possible instead."},
    },
    "required": ["type", "title", "status"],
}

EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events: each is an `EventDocument`, its `id` the number of the event.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The run is over, and all its events were seen."},
}


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems with which a route may answer."""
    return {at: {"description": title_of(at), "content": {PROBLEM: {"schema": _PROBLEM}}} for at in statuses}


async def answer_to_error(request: Request, exc: Exception) -> Response:
    """Return the problem of an error of the store, or of any other; nothing of its text, which may name paths."""
    if isinstance(exc, NoRun):
        answer = problem(404, detail="there is no such run any more")
    elif isinstance(exc, RunTaken):
        answer = problem(409, _SOON, detail="the run changes now; try again")
    elif isinstance(exc, StoreError):
        answer = problem(503, _SOON, detail="the store cannot be read or written now")
    else:
        answer = problem(500)
    return Response(answer.body, answer.status, dict(answer.headers))


_SOON: Final = (("retry-after", "1"),)
