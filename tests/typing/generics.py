"""States of a user's own that keep the type of their result, and generic signals of them."""

from typing import Any, Generic

from typing_extensions import TypeVar

from statesig import Failed, Retrying, Signal, Success

R = TypeVar("R", covariant=True, default=Any)


class Sampled(Success[R]):
    """Done with a part of the input."""

    share: float
    first: R | None = None


class Unsettled(Retrying[R]):
    """To be run again, since the data may still change."""

    since: str = "today"


class Split(Failed[tuple[R, R]]):
    """Failed between two halves."""

    left: R


class Counted(Success[int]):
    """Done; what it gave is a number."""

    unit: str = ""


class SAMPLE(Signal[Sampled[R]], Generic[R]): ...


class UNSETTLE(Signal[Unsettled[R]], Generic[R]): ...


class SPLIT(Signal[Split[R]], Generic[R]): ...


class COUNT(Signal[Counted]): ...
