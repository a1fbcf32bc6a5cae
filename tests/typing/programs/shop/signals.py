"""States and signals of the shop."""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import TypeVar

from statesig import Scheduled, Signal, Skipped

__all__ = ["BACKORDER", "REASONS", "RETURN", "Backordered", "Returned"]

R = TypeVar("R", covariant=True, default=Any)
REASONS: Final = ("broken", "late")


class Backordered(Scheduled[R]):
    """Is to be tried again once there is enough of it."""

    missing: int
    of: str = ""


class Returned(Skipped[Any]):
    """Came back."""

    reason: str = REASONS[0]


class BACKORDER(Signal[Backordered[Any]]): ...


class RETURN(Signal[Returned]): ...
