"""A state and its signal, which other modules import; and a state without one."""

from typing import Any

from statesig import Failed, Signal, Skipped


class Stale(Skipped[Any]):
    days: int


class STALE(Signal[Stale]): ...


class Lost(Failed[Any]):
    where: str = ""
