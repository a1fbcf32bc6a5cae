"""The signals of the program."""

from typing import Any

import warehouse.states as kinds
from warehouse.states import Ordered as Awaiting

from statesig import Paused, Signal

Sig = Signal


class HALT(Sig[kinds.Halted[Any]]):
    """Have somebody look at a shelf."""


class ORDER(Signal[Awaiting[Any]]):
    """Order it, and wait until it has come."""


class Events:
    """Signals by the names that people use."""

    stop = HALT

    class Cleared(Paused[int]):
        """Emptied."""

        by: str

    class CLEAR(Signal[Cleared]):
        """Empty it."""
