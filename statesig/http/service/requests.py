"""Read who asks, the idempotency key and the expected version from a request. Nothing here may act on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, NoReturn

from fastapi import Depends, Header, Request
from pydantic_core import to_json

from statesig.http.answers import Answered, problem
from statesig.stores.store import Sent, StoredRun

__all__ = [
    "Asking",
    "IdempotencyKey",
    "IfMatch",
    "PrincipalOf",
    "asking",
    "conflict",
    "etag_of",
    "forbidden",
    "is_listed",
    "missing",
    "refused",
    "stale",
]


def _principal(request: Request) -> str:
    principal: str = request.scope["state"]["principal"]
    return principal


PrincipalOf = Annotated[str, Depends(_principal)]


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that changes something.

    Args:
        principal: Who asks.
        key: The idempotency key, as it is stored: together with the principal, so that nobody meets another's.
        digest: What else is said: a request of the same key and another digest is another one.
        time: When it came.
        version: The version of the run that it is for; None: any.
    """

    principal: str
    key: str | None
    digest: str
    time: datetime
    version: str | None = None

    def is_for(self, run: StoredRun, signals: Sequence[Sent]) -> bool:
        """Tell whether it is for a run as it was read."""
        return self.version is None or self.version == "*" or is_listed(self.version, etag_of(run, signals))

    def sent(self, task: str | None, index: int | None, state: bytes, outcome: str) -> Sent:
        """Return what is kept of it with the run."""
        return Sent(task, index, self.time, self.principal, outcome, state, self.key, self.digest)


def is_listed(header: str, etag: str) -> bool:
    """Tell whether a header lists an ETag."""
    return etag in [tag.strip() for tag in header.split(",")]


def asking(
    principal: str, key: str | None, said: Iterable[object], time: datetime, version: str | None = None
) -> Asking:
    """Return a request that changes something.

    Args:
        principal: Who asks.
        key: Its header Idempotency-Key.
        said: What it says: its path and its body.
        time: When it came.
        version: Its header If-Match.
    """
    digest = sha256(to_json([*said])).hexdigest()
    kept = None if key is None else sha256(to_json([principal, key])).hexdigest()
    return Asking(principal, kept, digest, time, version)


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Any text, a new one for each decision: the request may be repeated with it, and acts once.",
    ),
]

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1000, description="The ETag of the run as it was read; 412 if it has changed."),
]


def etag_of(run: StoredRun, signals: Sequence[Sent]) -> str:
    """Return the ETag of a run: it changes with the run and with the signals that were sent to it."""
    return f'"{run.version}-{len(signals)}"'


# ---- refusals


def refused(status: int, detail: str, headers: Iterable[tuple[str, str]] = (), **members: Any) -> NoReturn:
    """Answer with a problem.

    Raises:
        Answered: Always.
    """
    raise Answered(problem(status, headers, detail=detail, members=members))


def conflict(detail: str, possible: Sequence[str] = (), **headers: str) -> NoReturn:
    """Answer that something is not possible now, and what is.

    Raises:
        Answered: Always.
    """
    refused(409, detail, [*headers.items()], possible=list(possible))


def missing(what: str) -> NoReturn:
    """Answer that there is no such thing.

    Raises:
        Answered: Always.
    """
    refused(404, f"there is no {what}")


def forbidden(verb: str) -> NoReturn:
    """Answer that somebody may not do something.

    Raises:
        Answered: Always.
    """
    refused(403, f"this token does not allow to {verb} here")


def stale() -> NoReturn:
    """Answer that a run has changed since it was read.

    Raises:
        Answered: Always.
    """
    refused(412, "the run has changed since it was read; read it again")
