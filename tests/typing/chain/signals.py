"""The signal."""

from chain.states import Stale

from statesig import Signal


class STALE(Signal[Stale]):
    """Leave it out."""
