"""Two states of a user's own and their signals: what the other programs and the generated ones import."""

from typing import Any, Final

from typing_extensions import TypeVar

from statesig import Paused, Signal, Skipped

R = TypeVar("R", covariant=True, default=Any)
TAKEN: Final = "Quarantined"


class Quarantined(Skipped[R]):
    """Left out, since something about it is suspicious."""

    reason: str


class OnHold(Paused[R]):
    """Waiting for a person who is named."""

    owner: str = "nobody"


class QUARANTINE(Signal[Quarantined[Any]]): ...


class HOLD(Signal[OnHold[Any]]): ...
