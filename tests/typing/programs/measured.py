"""Measurements with generic states: states and signals of one's own keep the type of their result."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, assert_never, reveal_type

from typing_extensions import TypeVar

from statesig import (
    AnyFinished,
    AnyState,
    Cancelled,
    Failed,
    Flow,
    Paused,
    Running,
    Signal,
    State,
    Success,
    advance,
    bind,
    capture,
    combine,
    decode,
    encode,
    fold,
    is_successful,
    map,
    recover,
    task,
    zip,
)

R = TypeVar("R", covariant=True, default=Any)
T = TypeVar("T")
U = TypeVar("U")


class Estimated(Success[R]):
    """Done, with a value that is known up to an error."""

    error: float = 0.0


class Outlier(Failed[R]):
    """The value is too far from the others."""

    value: R | None = None
    distance: float = 0.0


class Recalibration(Paused[R]):
    """Waits for somebody who looks after an instrument."""

    instrument: str


class ESTIMATE(Signal[Estimated[R]], Generic[R]): ...


class OUTLIER(Signal[Outlier[R]], Generic[R]): ...


class RECALIBRATE(Signal[Recalibration[Any]]): ...


class Instrument(Protocol):
    """What can be read."""

    @property
    def name(self) -> str: ...

    def read(self, channel: int) -> float: ...


class Fixed:
    """An instrument whose readings are known."""

    def __init__(self, name: str, readings: Mapping[int, float]) -> None:
        self.name = name
        self._readings = readings

    def read(self, channel: int) -> float:
        if channel not in self._readings:
            raise RECALIBRATE(f"channel {channel} is dead", instrument=self.name)
        return self._readings[channel]


class Series(Generic[T]):
    """Some states of values of one type."""

    def __init__(self, states: Iterable[AnyState[T]]) -> None:
        self._states = tuple(states)

    def __len__(self) -> int:
        return len(self._states)

    def values(self) -> list[T]:
        return [state.unwrap() for state in self._states if is_successful(state)]

    def mapped(self, fn: Callable[[T], U]) -> Series[U]:
        return Series(map(fn, state) for state in self._states)

    def first(self) -> AnyState[T]:
        return self._states[0]

    def whole(self) -> AnyState[object]:
        return combine(self._states)


def centre(values: list[float]) -> float | Estimated[float]:
    """Return the mean, with its error where there is one."""
    if len(values) < 2:
        return values[0]
    return Estimated(result=statistics.mean(values), error=statistics.stdev(values))


def checked(value: float) -> AnyFinished[float]:
    if value > 100:
        return outlier(value)
    return Success(result=value)


def outlier(value: T) -> Outlier[T]:
    return Outlier(message=f"{value} is far off", value=value, distance=1.0)


def instead(failed: Failed[float]) -> Success[float]:
    return Success(result=0.0, message=failed.message)


def told(state: State[float]) -> str:
    return fold(
        state,
        success=lambda done: f"{done.unwrap():.1f}",
        failed=lambda failed: f"failed: {failed.message}",
        cancelled=lambda _: "cancelled",
        unfinished=lambda waiting: waiting.type,
    )


def weight(state: AnyFinished[T]) -> float:
    match state:
        case Success():
            return 1.0
        case Failed():
            return 0.0
        case Cancelled():
            return 0.5
        case _:
            assert_never(state)


@task
def read(channel: int, *, instrument: Fixed) -> float:
    return instrument.read(channel)


@task
def mean(values: list[float]) -> Estimated[float]:
    found = capture(centre, values)
    if isinstance(found, Estimated):
        return Estimated(result=found.unwrap(), error=1.0)
    return Estimated(result=values[0])


def flow_over(instrument: Fixed) -> tuple[Flow, float]:
    with Flow("measured") as flow:
        values = [read(channel, instrument=instrument) for channel in (1, 2, 3)]
        node = mean(values)
    return flow, node


def main() -> None:
    scale = Fixed("scale", {1: 10.0, 2: 12.0, 3: 14.0, 4: 500.0})
    series = Series(capture(scale.read, channel) for channel in (1, 2, 3, 9))
    reveal_type(series)
    assert (len(series), series.values()) == (4, [10.0, 12.0, 14.0])
    dead = combine([capture(scale.read, 9)])
    assert isinstance(dead, Paused)
    texts = series.mapped(str)
    assert texts.values()[0] == "10.0"
    first = series.first()
    if is_successful(first):
        reveal_type(map(str, first))
        reveal_type(map(str, first).unwrap())
    off = bind(checked, capture(scale.read, 4))
    assert (told(off), told(recover(instead, off))) == ("failed: 500.0 is far off", "0.0")
    assert isinstance(off, Outlier)
    both = zip(series.first(), texts.first())
    if is_successful(both):
        number, text = both.unwrap()
        assert str(number) == text
    centred = capture(centre, series.values())
    assert isinstance(centred, Success)
    assert weight(centred) == 1.0
    late = ESTIMATE[float](result=2.5, error=0.1)
    moved = advance(Running(), late)
    reveal_type(moved.error)
    assert moved.unwrap() == 2.5
    back = decode(encode(Outlier[float](value=3.0)), Outlier[float])
    reveal_type(back)
    assert (back.value, back.distance) == (3.0, 0.0)
    try:
        raise OUTLIER[int](value=3, distance=2.0)
    except OUTLIER as signal:
        reveal_type(signal.state.distance)
    flow, node = flow_over(scale)
    run = flow.run()
    assert run[node].unwrap() == 12.0
    assert run[node].type == "Estimated"


if __name__ == "__main__":
    main()
