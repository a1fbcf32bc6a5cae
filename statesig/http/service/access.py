"""Bearer tokens with a lifetime tell who asks, and a policy allows each what it names alone.

Nothing here may log or keep a token.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal, TypeAlias, get_args

from statesig.states.clocks import utc_now

__all__ = ["EVERY_FLOW", "VERBS", "Asked", "Authenticate", "Authorize", "Grant", "Policy", "Tokens", "Verb"]

Verb: TypeAlias = Literal["read", "start", "resume", "fail", "cancel", "rerun"]
"""What is asked. ``resume``, ``fail`` and ``cancel`` send a signal of that family to a run or to one of its tasks."""

VERBS: Final[tuple[Verb, ...]] = get_args(Verb)

EVERY_FLOW: Final = "*"
"""In place of the name of a flow in a `Grant`: all flows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The run that somebody asks for.

    Args:
        flow: The name of its flow.
        run: Its identity; None for a run that is to be started, and for the flow itself.
    """

    flow: str
    run: str | None = None


Authenticate: TypeAlias = Callable[[str], str | None]
"""Returns the principal of a bearer token; None for a token that is unknown or has expired."""

Authorize: TypeAlias = Callable[[str, Verb, Asked], bool]
"""Tells whether a principal may do something with a run: called with the principal, the verb and what is asked for."""


class Tokens:
    """Bearer tokens, each of a principal and with an end. Only their digests are kept. Safe to use from threads.

    Args:
        clock: Returns the time, aware.
    """

    def __init__(self, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # for changes; who reads takes the tuple as it is
        self._entries: tuple[tuple[bytes, str, datetime], ...] = ()

    def __repr__(self) -> str:
        return f"<tokens of {', '.join(sorted({principal for _, principal, _ in self._entries})) or 'nobody'}>"

    def issue(self, principal: str, *, lifetime: timedelta) -> str:
        """Make a token, of 256 random bits, and return it; it cannot be read again.

        Args:
            principal: Whose it is.
            lifetime: How long it is valid from now.

        Raises:
            ValueError: The principal has no name, or the lifetime is not positive.
        """
        token = secrets.token_urlsafe(32)
        self.admit(token, principal, until=self._clock() + lifetime)
        return token

    def admit(self, token: str, principal: str, *, until: datetime) -> None:
        """Admit a token that was made elsewhere, such as one from the environment.

        Args:
            token: The token, at least 32 characters that nobody can guess.
            principal: Whose it is.
            until: When it ends, aware.

        Raises:
            ValueError: The token is too short, the principal has no name, or the end is past or has no offset from UTC.
        """
        if len(token) < _SHORTEST:
            raise ValueError(f"a token has at least {_SHORTEST} characters, not {len(token)}")
        if not principal:
            raise ValueError("a token is somebody's; the principal has no name")
        if until.tzinfo is None or until <= self._clock():
            raise ValueError("a token ends at an aware time that is to come")
        with self._lock:
            self._entries = (*self._valid(), (_digest(token), principal, until))

    def revoke(self, principal: str) -> None:
        """Let all tokens of a principal end now."""
        with self._lock:
            self._entries = tuple(entry for entry in self._valid() if entry[1] != principal)

    def __call__(self, token: str) -> str | None:
        """Return the principal of a token; None if it is unknown or has ended. The time taken tells nothing of it."""
        digest, found = _digest(token), None
        for known, principal, until in self._entries:
            if hmac.compare_digest(known, digest) and self._clock() < until:
                found = principal
        return found

    def _valid(self) -> tuple[tuple[bytes, str, datetime], ...]:
        now = self._clock()
        return tuple(entry for entry in self._entries if now < entry[2])


_SHORTEST: Final = 32


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()


@dataclass(frozen=True)
class Grant:
    """What a principal may do with some runs.

    Args:
        principal: Who.
        verbs: What.
        flows: With all runs of these flows, by name; `EVERY_FLOW` for all.
        runs: With these runs, by identity.

    Raises:
        TypeError: Verbs, flows or runs are one text.
        ValueError: A verb is unknown, or neither a flow nor a run is named.
    """

    principal: str
    verbs: Collection[Verb]
    flows: Collection[str] = ()
    runs: Collection[str] = ()

    def __post_init__(self) -> None:
        for name, value in (("verbs", self.verbs), ("flows", self.flows), ("runs", self.runs)):
            if isinstance(value, str):
                raise TypeError(f"{name} is a list, such as {name}=[{value!r}]")
        unknown = [verb for verb in self.verbs if verb not in VERBS]
        if unknown or not self.verbs:
            raise ValueError(f"verbs are some of {', '.join(VERBS)}, not {', '.join(map(repr, unknown)) or 'none'}")
        if not self.flows and not self.runs:
            raise ValueError("a grant names the flows or the runs that it is for; flows=[EVERY_FLOW] are all")

    def allows(self, principal: str, verb: Verb, asked: Asked) -> bool:
        """Tell whether it names a principal, a verb and a run together."""
        named = (
            asked.flow in self.flows or EVERY_FLOW in self.flows or (asked.run is not None and asked.run in self.runs)
        )
        return principal == self.principal and verb in self.verbs and named


class Policy:
    """Allows what one of its grants names, and nothing else.

    Args:
        grants: The grants.

    Raises:
        TypeError: One is no `Grant`.
    """

    def __init__(self, *grants: Grant) -> None:
        for grant in grants:
            if not isinstance(grant, Grant):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is checked
                raise TypeError(f"a policy is made of grants, Policy(Grant(...)), not of {grant!r}")
        self.grants: tuple[Grant, ...] = grants

    def __repr__(self) -> str:
        return f"Policy({', '.join(map(repr, self.grants))})"

    def __call__(self, principal: str, verb: Verb, asked: Asked) -> bool:
        """Tell whether a principal may do something with a run."""
        return any(grant.allows(principal, verb, asked) for grant in self.grants)
