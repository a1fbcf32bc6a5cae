"""What the states of the program have in common. The folder is a namespace package: it has no `__init__`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import TypeVar

from statesig import Scheduled

R = TypeVar("R", covariant=True, default=Any)


class Delayed(Scheduled[R]):
    """To be run when something has come."""

    until: datetime
    hours: int = 0
