"""A state with the tag of one in ``use``, which no module imports."""

from typing import Any

from statesig import Paused


class Overdue(Paused[Any], tag="Late"):
    """Waiting for too long."""
