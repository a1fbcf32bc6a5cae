# ruff: noqa  # written as users write, in every way there is
"""The package's states."""

from __future__ import annotations

import datetime as dt
import typing
from decimal import Decimal as Money
from typing import Annotated, Any, Generic

from pydantic import BaseModel, Field
from typing_extensions import TypeVar

from statesig import Failed, Paused, Skipped, Success

from ._hidden import Pairs

R = TypeVar("R", covariant=True, default=Any)
_Text = Annotated[str, Field(min_length=1)]
Whole = TypeVar("Whole", covariant=True, default=int)


class Shelf(BaseModel, frozen=True):
    """Where a thing lies."""

    number: int


class Priced(Success[R], Generic[R]):
    """At a price."""

    price: Money
    seen: list[dt.datetime] = Field(default_factory=list[dt.datetime])


class Sized(Priced[int]):
    """Of a size."""

    size: Annotated[int, Field(ge=0)] = 0
    shelf: "typing.Optional[Shelf]" = None


class Damaged(Failed[R], tag="damaged-goods"):
    """Not to be sold."""

    reason: _Text
    parts: Pairs = []


class Counted(Skipped[Whole]):
    """Its result is a number, unless it says something else."""


class Packed(Paused[R]):
    """Ready to be sent."""


class Held:
    """What holds a state of its own."""

    class Back(Paused[R]):
        """Kept."""

        until: dt.date
