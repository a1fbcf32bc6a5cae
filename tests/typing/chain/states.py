"""The state."""

from chain.parents import Aged


class Stale(Aged):
    """Left out, being too old for a reason."""

    reason: str
