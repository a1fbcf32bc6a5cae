"""One signal for each of the shop's states."""

from __future__ import annotations

from typing import Generic

from statesig import Signal

from .states import Backordered, Declined, OnHold, Quarantined, R, Shipped, Suspected

__all__ = ["BACKORDER", "DECLINE", "HOLD", "QUARANTINE", "SHIP", "SUSPECT"]


class QUARANTINE(Signal[Quarantined[R]], Generic[R]):
    """Set it aside; the result, where there is one, is what was set aside."""


class BACKORDER(Signal[Backordered]):
    """Wait for an article."""


class HOLD(Signal[OnHold]):
    """Wait for somebody of the shop."""


class DECLINE(Signal[Declined]):
    """The bank does not pay."""


class SUSPECT(Signal[Suspected]):
    """The shop does not want the money."""


class SHIP(Signal[Shipped]):
    """It left the house."""
