"""A program in which the tests change one line at a time: the parent of a state."""

from typing import Any

from statesig import Skipped


class Aged(Skipped[Any]):
    """Left out, being too old."""

    days: int = 0
