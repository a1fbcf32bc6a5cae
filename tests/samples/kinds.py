"""States and signals of a user's own: one under a failure, one under that, one that retries, one that is generic."""

from typing import Any, Generic, TypeVar

from statesig import Failed, Retrying, Signal, Success

R = TypeVar("R")


class Quarantined(Failed):
    """Kept apart; a field is required."""

    path: str


class QUARANTINE(Signal[Quarantined]):
    """Keep it apart."""


class Sealed(Quarantined):
    """Below a user's own state; a field has a default."""

    seals: int = 1


class SEAL(Signal[Sealed]):
    """Keep it apart for good."""


class Throttled(Retrying):
    """Another attempt, since somebody asked for patience."""

    quota: int = 0


class THROTTLE(Signal[Throttled]):
    """Be patient."""


class Partial(Success[R], Generic[R]):
    """A success with something missing; generic in its result."""

    missing: tuple[str, ...] = ()


class PARTIAL(Signal[Partial[Any]]):
    """As much as there is."""
