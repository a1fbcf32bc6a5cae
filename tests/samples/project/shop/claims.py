"""What customers have against the shop: a state and its signal, in one module of their own."""

from __future__ import annotations

from statesig import Signal

from .states import Declined

__all__ = ["DISPUTE", "Disputed"]


class Disputed(Declined, tag="shop.disputed"):
    """Paid, and then not: the bank took the money back.

    Args:
        reason: In the customer's words.
    """

    code: int = 13
    reason: str


class DISPUTE(Signal[Disputed]):
    """The money is gone."""
