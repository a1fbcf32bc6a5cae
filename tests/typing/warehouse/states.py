"""The states of the program; their fields name classes that come later, and their signals come from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, Field
from warehouse.parents import Delayed, R

from statesig import Paused

if TYPE_CHECKING:
    from warehouse.signals import HALT


class Halted(Paused[R]):
    """Waiting for somebody to look at a shelf."""

    limit: ClassVar[int] = 3
    shelf: Shelf
    next: Ordered[int] | None = None
    count: int = Field(ge=1)
    notes: list[str] = Field(default_factory=list[str])
    rows: tuple[int, ...] = Field(default=(), max_length=5)

    def signal(self) -> HALT:
        """Return the signal that carries it."""
        from warehouse.signals import HALT

        return HALT.of(self)


class Ordered(Delayed[R]):
    """To be run when what was ordered has come."""

    order: str


class Shelf(BaseModel):
    """Where things lie."""

    row: int
