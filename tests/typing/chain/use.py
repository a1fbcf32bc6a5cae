"""Where the signal is raised, and what else is defined once in all that is imported."""

from typing import Any

from chain import parents
from chain.signals import STALE

from statesig import Failed, Signal


class Late(Failed[Any]):
    """Failed, being too late."""


class AGED(Signal[parents.Aged]):
    """The only signal of its state."""


def work(days: int) -> None:
    if days > 5:
        raise STALE("old", reason="a", days=days)
    raise STALE("old", reason="b")
