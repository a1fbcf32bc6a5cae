"""What a module defines again that it imports, itself or through another, is flagged by the plugin."""

from typing import Any

from defined.middle import AGED, LOSE, Elsewhere
from defined.origins import Stale
from statesig import Failed, Signal, Skipped, Success


class Stale2(Skipped[Any], tag="Stale"): ...  # P: statesig


class Stale3(Success[Any], tag="stale"): ...  # P: statesig


class Undecided(Failed[Any]): ...


class Lost(Failed[Any], tag="lost here"): ...


class LOST(Signal[Lost]): ...


class GONE(Signal[Elsewhere]): ...  # P: statesig


class AGE(AGED): ...  # P: statesig


class LOSING(LOSE): ...  # P: statesig


class RENEW(Signal[Stale]): ...  # P: statesig


def raised(days: int) -> None:
    if days > 5:
        raise AGED(days="five")  # P: arg-type
    if days > 4:
        raise AGED()  # P: call-arg
    if days > 3:
        raise LOSE("somewhere", where=5)  # P: arg-type
    if days > 2:
        raise LOST(where="lost")  # P: call-arg
    raise AGED("too old", days=days)
