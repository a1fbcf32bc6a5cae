"""What an order can be in that the library has no word for."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from typing_extensions import TypeVar

from statesig import Failed, Paused, Scheduled, Skipped, Success

from .orders import Parcel

__all__ = ["Backordered", "Declined", "OnHold", "Quarantined", "R", "Shipped", "Suspected"]

R = TypeVar("R", covariant=True, default=Any)


class Quarantined(Skipped[R]):
    """Left out, since something about it makes no sense.

    Args:
        reason: What about it.
        lines: Which of its lines, from 1; none of them: the whole.
    """

    reason: str
    lines: tuple[int, ...] = ()


class Backordered(Scheduled):
    """To be packed once the article has come in.

    Args:
        sku: Which article.
        missing: How many of it are not there.
    """

    sku: str
    missing: int = Field(default=1, ge=1)


class OnHold(Paused, tag="shop.on-hold"):
    """Waiting for somebody of the shop to look at it.

    Args:
        owner: Who is to look.
    """

    owner: str = "nobody"


class Declined(Failed):
    """Not paid; asking the bank again would change nothing.

    Args:
        code: The bank's, from its own list.
    """

    retryable: bool = False
    code: int


class Suspected(Declined):
    """Declined by the shop itself.

    Args:
        score: How likely a fraud is, from 0 to 1.
    """

    code: int = 59
    score: float


class Shipped(Success[Parcel]):
    """Handed to a carrier.

    Args:
        tracking: What the carrier calls the parcel.
    """

    tracking: str
