"""The names of the origins again, in a module that no other imports and that imports none of them."""

from typing import Any

from statesig import Paused, Signal


class Stale(Paused[Any]):
    since: str


class STALE(Signal[Stale]): ...


class Lost(Paused[Any]): ...


class LOST(Signal[Lost]): ...


def kept() -> None:
    STALE(days=5)  # P: call-arg
    raise STALE(since="yesterday")
