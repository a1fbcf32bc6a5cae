"""Type parameters in brackets and type aliases by statement, as Python 3.12 has them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, override, reveal_type

from statesig import (
    SKIP,
    AnyState,
    Failed,
    Flow,
    Paused,
    Signal,
    State,
    Success,
    all_finished,
    bind,
    capture,
    is_successful,
    map,
    states_of,
    task,
)

type Row = dict[str, int]
type Outcome[T] = AnyState[T]
type Step[A, B] = Callable[[A], B | State[B]]
type Pair[T] = tuple[T, T]


class Partial[R](Success[R]):
    """Done with a part of the input."""

    done: int
    of: int

    @property
    def share(self) -> float:
        return self.done / self.of


class Held(Paused[Any]):
    """Waits for somebody."""

    owner: str


class PARTIAL(Signal[Partial[Any]]): ...


class HOLD(Signal[Held]): ...


@dataclass(frozen=True)
class Box[T]:
    """A value with a name."""

    name: str
    value: T

    def mapped[U](self, fn: Callable[[T], U]) -> "Box[U]":
        return Box(self.name, fn(self.value))


class Chain[A, B]:
    """Functions one after the other, each of which may leave a state."""

    def __init__(self, first: Step[A, B]) -> None:
        self._first = first

    def then[C](self, step: Callable[[B], State[C]]) -> "Chain[A, C]":
        def both(value: A) -> State[C]:
            return bind(step, capture(self._first, value))  # false: ty

        return Chain[A, C](both)

    def __call__(self, value: A) -> Outcome[B]:
        return capture(self._first, value)  # false: ty

    @override
    def __repr__(self) -> str:
        return f"<chain from {self._first.__name__}>" if hasattr(self._first, "__name__") else "<chain>"


def logged[**P, R](fn: Callable[P, R]) -> Callable[P, R]:
    @wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        LOG.append(getattr(fn, "__name__", ""))
        return fn(*args, **kwargs)

    return inner


def with_scale[**P, R](fn: Callable[Concatenate[float, P], R]) -> Callable[P, R]:
    @wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        return fn(2.0, *args, **kwargs)

    return inner


def first[T](values: Sequence[T]) -> T:
    if not values:
        raise SKIP("nothing there")
    return values[0]


def succeeded[T](states: Iterable[Outcome[T]]) -> list[T]:
    return [state.unwrap() for state in states if is_successful(state) and state.has_result]


LOG: list[str] = []


@task
@logged
def row(number: int) -> Row:
    if number > 3:
        raise PARTIAL("only some", done=1, of=number, result={"number": number})
    return {"number": number}


@task
@with_scale
def scaled(scale: float, given: Row) -> Box[float]:
    return Box("scaled", given["number"] * scale)


@task(trigger=all_finished)
def total(states: list[AnyState[Box[float]]]) -> Pair[float]:
    values = [box.value for box in succeeded(states)]
    return sum(values), float(len(values))


with Flow("modern") as flow:
    rows = flow.map(row, [1, 2, 5])
    boxes = flow.map(scaled, rows)
    summed = total(states_of(boxes))


def halved(number: int) -> float:
    return number / 2


def kept(number: float) -> Success[str] | Failed[str]:
    return Success(result=str(number)) if number else Failed(message="nothing")


def main() -> None:
    run = flow.run()
    reveal_type(run[summed].unwrap()[0])
    assert run[summed].unwrap() == (16.0, 3.0)
    partly = run.children(rows)[2]
    assert isinstance(partly, Partial)
    reveal_type(partly.share)
    assert (partly.share, LOG) == (0.2, ["row"] * 3)
    chain = Chain(halved).then(kept)
    reveal_type(chain)
    state = chain(3)
    assert is_successful(state)
    reveal_type(map(len, state).unwrap())
    assert state.unwrap() == "1.5"
    box = Box("a", 3).mapped(str)
    reveal_type(box.value)
    reveal_type(first([True]))
    assert capture(first, list[int]()).type == "Skipped"
    held = HOLD("who?", owner="ann")
    reveal_type(held.state)
    reveal_type(held.state.owner)


if __name__ == "__main__":
    main()
