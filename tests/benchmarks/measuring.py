"""How a subject is timed beside its floor, and how the rows are printed.

The clock of a shared machine jumps between speeds (1.0x and 1.7x were seen), so two numbers taken one after the other
say nothing. Floor and subject therefore take turns, in slices of some milliseconds; a round is a number of slices, of
which the fastest of each side counts, and a result is the median over the rounds of either side, and of their ratio.
The garbage collector stays on, since it is on where states are used; it is run before each round, so that no round pays
for the garbage of another.
"""

from __future__ import annotations

import gc
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

Side = Callable[[], float]
"""Measures one slice and returns what one operation cost, in seconds or in bytes."""

_NAME, _FLOOR = 48, 46


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        rounds: How many ratios the median is taken of.
        slices: How often floor and subject take turns in a round; what takes long itself takes one turn.
        seconds: About how long a slice of either side runs.
        sizes: Of how many tasks the flows are that are measured, in ascending order.
    """

    rounds: int
    slices: int
    seconds: float
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one subject.

    Args:
        subject, floor: What they are called.
        cost: The median of the subject's rounds, in seconds or bytes.
        floor_cost: The same of the floor; None where there is none.
        ratio: The median of the ratios of neighbouring rounds.
        bound: What the ratio should not exceed; None where it is only reported.
        unit: ``"s"`` or ``"B"``.
    """

    subject: str
    cost: float
    floor: str = "-"
    floor_cost: float | None = None
    ratio: float | None = None
    bound: float | None = None
    unit: str = "s"


def compare(
    plan: Plan,
    subject: tuple[str, Side],
    floor: tuple[str, Side],
    bound: float | None = None,
    *,
    slices: int = 1,
    unit: str = "s",
) -> Row:
    """Measure a subject and its floor in turns. Each is given as its name and a `Side`."""
    pairs: list[tuple[float, float]] = []
    for _ in range(plan.rounds):
        gc.collect()
        turns = [(floor[1](), subject[1]()) for _ in range(slices)]
        pairs.append((min(below for below, _ in turns), min(cost for _, cost in turns)))
    below, cost, ratio = (
        median(each) for each in zip(*((below, cost, cost / below) for below, cost in pairs), strict=True)
    )
    return Row(subject[0], cost, floor[0], below, ratio, bound, unit)


def alone(plan: Plan, subject: tuple[str, Side]) -> Row:
    """Measure what has no floor."""
    costs: list[float] = []
    for _ in range(plan.rounds):
        gc.collect()
        costs.append(subject[1]())
    return Row(subject[0], median(costs))


def compare_code(
    plan: Plan,
    names: Mapping[str, Any],
    subject: str,
    floor: str,
    *,
    bound: float | None = None,
    called: tuple[str, str] | None = None,
    per: int = 1,
) -> Row:
    """Measure two statements in turns, each in line in a loop, so that no call of ours is counted on either side.

    Args:
        plan: How much is measured.
        names: What the statements refer to.
        subject, floor: The statements.
        bound: What the ratio should not exceed.
        called: What the table calls subject and floor, where the statements are no good as names.
        per: How many operations a statement does.
    """
    # timeit turns the garbage collector off before the setup.
    timers = [timeit.Timer(code, setup="gc.enable()", globals={"gc": gc, **names}) for code in (subject, floor)]
    once = max(_roughly(timer) for timer in timers)
    number = max(1, round(plan.seconds / once))
    slices = plan.slices if once < 10 * plan.seconds else 1

    def side(timer: timeit.Timer) -> Side:
        return lambda: timer.timeit(number) / (number * per)

    above, below = called or (subject, floor)
    return compare(plan, (above, side(timers[0])), (below, side(timers[1])), bound, slices=slices)


def _roughly(timer: timeit.Timer) -> float:
    """Return about how many seconds a statement takes, once warm."""
    timer.timeit(1)
    number, seconds = timer.autorange()
    return seconds / number


def heading() -> str:
    """Return the head of the table."""
    head = f"{'subject':{_NAME}} {'floor':{_FLOOR}} {'floor =':>9} {'subject =':>9} {'ratio':>6} {'bound':>6}"
    return f"{head}\n{'-' * (len(head) + 5)}"


def line(row: Row) -> str:
    """Return a row of the table."""
    floor_cost = "-" if row.floor_cost is None else quantity(row.floor_cost, row.unit)
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}x"
    bound = "-" if row.bound is None else f"{row.bound:.2f}x"
    costs = f"{floor_cost:>9} {quantity(row.cost, row.unit):>9} {ratio:>6} {bound:>6} {verdict(row)}"
    return f"{row.subject:{_NAME}} {row.floor:{_FLOOR}} {costs}".rstrip()


def verdict(row: Row) -> str:
    """Return whether a row is within its bound, in a word; none where there is no bound."""
    if row.bound is None or row.ratio is None:
        return ""
    return "ok" if row.ratio <= row.bound else "over"


def quantity(value: float, unit: str) -> str:
    """Return a time or a size in the unit that suits it."""
    if unit == "B":
        return f"{value:,.0f} B"
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if value >= scale:
            return f"{value / scale:.3g} {name}" if value < 1000 * scale else f"{value / scale:.0f} {name}"
    return f"{value * 1e9:.0f} ns"
