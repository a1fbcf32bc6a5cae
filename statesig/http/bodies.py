"""Request bodies within limits: refused before they are read whole, and JSON that not every reader reads alike.

A body of JSON is read and checked before the application is called, which then receives it in one piece; so is one that
is said to be packed and is not. Of any other, bytes are counted while the application reads them.
"""

from __future__ import annotations

import json
import re
from typing import Final

from statesig.codec.limits import DEFAULT_LIMITS, Limits, excess, is_modest, malformation
from statesig.http.answers import Answered, problem
from statesig.http.asgi import Message, Receive, Scope, header_of

__all__ = ["guarded"]

_JSON: Final = re.compile(rb"\s*application/(?:[^;\s]*\+)?json\s*(?:;|\Z)", re.IGNORECASE)
_NUMBER: Final = re.compile(rb"\d{1,18}\Z")


async def guarded(scope: Scope, receive: Receive, limits: Limits) -> Receive:
    """Return how an application receives its body within limits.

    Raises:
        Answered: The body is said to be, or is, beyond the limits, or it is JSON that is not well formed.
    """
    said = header_of(scope, b"content-length")
    is_sent_in_parts = bool(header_of(scope, b"transfer-encoding")) or scope["http_version"] >= "2"
    if _NUMBER.match(said) and int(said) > limits.max_bytes:
        raise _too_large(limits)
    if said in (b"", b"0") and not is_sent_in_parts:
        return receive  # there is no body
    if _JSON.match(header_of(scope, b"content-type")):
        is_plain = header_of(scope, b"content-encoding").strip().lower() in (b"", b"identity")
        return await _read(receive, limits, is_plain=is_plain)
    return _counted(receive, limits)


def _counted(receive: Receive, limits: Limits) -> Receive:
    """Return a receiver that refuses a body once more of it has come than is allowed."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limits.max_bytes:
            raise _too_large(limits)
        return message

    return counting


async def _read(receive: Receive, limits: Limits, *, is_plain: bool) -> Receive:
    """Read and check a body of JSON, and return a receiver that gives it in one piece.

    One that is packed is checked by whoever unpacks it; frameworks read one that is only said to be.
    """
    counting = _counted(receive, limits)
    parts: list[bytes] = []
    waiting: list[Message] = []
    while True:
        message = await counting()
        if message["type"] != "http.request":
            waiting.append(message)  # the client is gone
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = b"".join(parts)
    if not waiting and (is_plain or _is_json(body)):
        check(body, limits)
    waiting.insert(0, {"type": "http.request", "body": body, "more_body": bool(waiting)})

    async def replaying() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return replaying


def _is_json(body: bytes) -> bool:
    """Tell whether a body is JSON for a reader that is not strict."""
    try:
        json.loads(body)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True


def check(body: bytes, limits: Limits) -> None:
    """Refuse a body of JSON that is beyond the limits or not well formed; an empty one passes.

    Raises:
        Answered: It is.
    """
    beyond = None if limits is DEFAULT_LIMITS and is_modest(body) else excess(body, limits)
    if beyond is not None:
        raise Answered(problem(413, detail=f"the body {beyond}"))
    wrong = malformation(body) if body else None
    if wrong is not None:
        raise Answered(problem(400, detail=wrong))


def _too_large(limits: Limits) -> Answered:
    return Answered(problem(413, detail=f"the body has more than {limits.max_bytes:,} bytes"))
