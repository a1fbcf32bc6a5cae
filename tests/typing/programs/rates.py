"""Exchange rates with partials: constants of mapped tasks, configured callables, and functions that make tasks."""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial, reduce
from itertools import pairwise
from typing import Final, Literal, TypeAlias, TypeVar, reveal_type

from statesig import (
    FAIL,
    RETRY,
    SKIP,
    AnyState,
    ErrorInfo,
    Failed,
    Flow,
    Retrying,
    SkipPolicy,
    State,
    Success,
    Task,
    all_finished,
    any_successful,
    capture,
    combine,
    is_successful,
    some_successful,
    states_of,
    task,
)

T = TypeVar("T")
Currency: TypeAlias = Literal["EUR", "USD", "CHF"]
Rates: TypeAlias = Mapping[tuple[Currency, date], Decimal]
CENT: Final = Decimal("0.01")
START: Final = date(2026, 1, 1)

KNOWN: dict[tuple[Currency, date], Decimal] = {
    ("USD", START): Decimal("1.10"),
    ("USD", START + timedelta(days=1)): Decimal("1.20"),
    ("CHF", START): Decimal("0.95"),
    ("EUR", START): Decimal(1),
    ("EUR", START + timedelta(days=1)): Decimal(1),
}


@task(retries=1, retry_on=(LookupError, TimeoutError))
def rate(on: date, *, currency: Currency, digits: int = 4) -> Decimal:
    """Return how much of a currency a euro was worth."""
    found = KNOWN.get((currency, on))
    if found is None:
        raise SKIP(f"no {currency} on {on}")
    return round(found, digits)


def worth_it(error: ErrorInfo) -> bool:
    return error.type != "ValueError"


@task(retries=2, retry_on=worth_it, retry_delay=0)
def converted(amount: Decimal, at: Decimal) -> Decimal:
    if at <= 0:
        raise FAIL(f"{at} is no rate", retryable=False)
    return (amount * at).quantize(CENT, ROUND_HALF_UP)


@task
def change(pair: tuple[Decimal, Decimal], *, relative: bool = False) -> Decimal:
    before, after = pair
    return (after - before) / before if relative else after - before


@task
def pairs(values: Sequence[Decimal]) -> list[tuple[Decimal, Decimal]]:
    return list(pairwise(values))


@task(trigger=some_successful(1, 3), on_skip=SkipPolicy.SUCCESS)
def best(states: Sequence[AnyState[Decimal]]) -> Decimal:
    found = [state.unwrap() for state in states if is_successful(state) and state.has_result]
    if not found:
        raise RETRY("nothing known yet")
    return max(found)


@task(trigger=all_finished & any_successful)
def known(states: Sequence[AnyState[Decimal]]) -> int:
    return sum(1 for state in states if is_successful(state) and state.has_result)


def noted(seen: list[str], old: State[object], new: State[object]) -> None:
    """Note each change of a task; the first argument is filled in by a partial."""
    seen.append(f"{old.type} {new.type}")


def doubled(old: State[object], new: State[object]) -> State[object] | None:
    if isinstance(new, Retrying) and new.run_count > 3:
        return Failed(message="too often")
    return None


def scaling(factor: Decimal) -> Task[[Decimal], Decimal, Decimal]:
    """Return a task that multiplies by a factor."""

    @task(name=f"times {factor}")
    def scaled(value: Decimal, /) -> Decimal:
        return value * factor

    return scaled


def applied(fns: Sequence[Callable[[T], T]], value: T) -> T:
    return reduce(lambda given, fn: fn(given), fns, value)


def states_on(days: Sequence[date], fn: Callable[[date], T]) -> Iterator[AnyState[T]]:
    for day in days:
        yield capture(fn, day)


@contextmanager
def rounding(digits: int) -> Generator[Callable[[Decimal], Decimal]]:
    yield partial(round_to, digits=digits)


def round_to(value: Decimal, *, digits: int) -> Decimal:
    return round(value, digits)


SEEN: list[str] = []
DAYS = [START + timedelta(days=number) for number in range(3)]

with Flow("rates", task_handlers=[partial(noted, SEEN), doubled]) as flow:
    days = flow.parameter("days", list[date], default=DAYS)
    dollars = flow.map(partial(rate, currency="USD", digits=2), days)
    francs = flow.map(partial(rate, currency="CHF"), days)
    euros = flow.map(partial(rate, currency="EUR"), DAYS[:2])
    changes = flow.map(partial(change, relative=True), pairs(euros))
    highest = best(states_of(dollars))
    counted = known(states_of(francs))
    twice = flow.map(scaling(Decimal(2)), euros)
    paid = flow.map(partial(converted, at=Decimal("1.5")), [Decimal("0.99"), Decimal(10)])


def main() -> None:
    run = flow.run()
    reveal_type(run[highest].unwrap())
    assert run[highest].unwrap() == Decimal("1.20")
    reveal_type(run[counted].unwrap())
    assert run[counted].unwrap() == 1
    assert run[changes].unwrap() == [Decimal(0)]
    assert run[twice].unwrap() == [Decimal(2), Decimal(2)]
    reveal_type(run[paid].unwrap()[0])
    assert run[paid].unwrap() == [Decimal("1.49"), Decimal("15.00")]
    assert [state.type for state in run.children(francs)] == ["Success", "Skipped", "Skipped"]
    assert "Pending Running" in SEEN

    dollar = partial(rate, currency="USD")
    reveal_type(dollar(START))
    states = list(states_on(DAYS, dollar))
    reveal_type(combine(states[:2]).type)
    assert [state.type for state in states] == ["Success", "Success", "Skipped"]
    with rounding(1) as rounded:
        value = applied([rounded, partial(operator.mul, Decimal(2))], Decimal("1.26"))
    assert value == Decimal("2.6")
    whole: Success[Decimal] = Success(result=value)
    reveal_type(whole.unwrap())
    off = capture(converted, Decimal(1), Decimal(0))
    assert isinstance(off, Failed)
    reveal_type(off.retryable)
    assert not off.retryable


if __name__ == "__main__":
    main()
