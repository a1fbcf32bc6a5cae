"""Stock-taking with dataclasses: values that tasks hand on are plain data, validated and stored as such."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import reveal_type

from statesig import (
    SKIP,
    AnyState,
    Failed,
    Flow,
    Signal,
    Success,
    all_finished,
    capture,
    is_successful,
    states_of,
    task,
)


class Unit(StrEnum):
    PIECE = "piece"
    KILO = "kilo"


@dataclass(frozen=True)
class Item:
    """Something that is kept in the store."""

    name: str
    unit: Unit = Unit.PIECE
    price: Decimal = Decimal(0)


@dataclass(frozen=True)
class Count:
    """How much of an item somebody counted."""

    item: Item
    amount: Decimal
    on: date
    shelves: tuple[str, ...] = ()

    @property
    def worth(self) -> Decimal:
        return self.amount * self.item.price


@dataclass
class Sheet:
    """What one person wrote down."""

    person: str
    lines: list[Count] = field(default_factory=list[Count])
    notes: dict[str, str] = field(default_factory=dict[str, str])

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(order=True)
class Total:
    """The worth of all that was counted of an item."""

    worth: Decimal
    name: str = field(compare=False)
    counts: int = field(default=0, compare=False)


class Unreadable(Failed):
    """A line of a sheet cannot be read."""

    line: int
    text: str = ""


class UNREADABLE(Signal[Unreadable]): ...


CATALOGUE = {
    item.name: item
    for item in (
        Item("flour", Unit.KILO, Decimal("1.20")),
        Item("sugar", Unit.KILO, Decimal("0.95")),
        Item("whisk", price=Decimal("7.50")),
    )
}
DAY = date(2026, 3, 31)


def count_of(text: str, number: int) -> Count:
    """Read one line: ``flour 12.5 A3 A4``."""
    name, _, rest = text.partition(" ")
    amount, *shelves = rest.split()
    if name not in CATALOGUE:
        raise UNREADABLE(f"no item {name!r}", line=number, text=text)
    return Count(CATALOGUE[name], Decimal(amount), DAY, tuple(shelves))


@task
def sheet_of(text: str) -> Sheet:
    person, *lines = text.splitlines()
    if not lines:
        raise SKIP(f"{person} counted nothing")
    return Sheet(person, [count_of(line, number) for number, line in enumerate(lines, start=2)])


@task
def corrected(sheet: Sheet, *, factor: Decimal = Decimal(1)) -> Sheet:
    """Scale what was counted by a scale that is known to be wrong."""
    if factor == 1:
        return sheet
    lines = [replace(line, amount=line.amount * factor) for line in sheet.lines]
    return replace(sheet, lines=lines, notes={**sheet.notes, "factor": str(factor)})


@task(trigger=all_finished)
def merged(states: Sequence[AnyState[Sheet]]) -> Sheet:
    """Put all sheets that could be read together."""
    whole = Sheet("everybody")
    for state in states:
        if is_successful(state) and state.has_result:
            sheet = state.unwrap()
            whole.lines.extend(sheet.lines)
            whole.notes[sheet.person] = f"{len(sheet)} lines"
        elif isinstance(state, Unreadable):
            whole.notes[f"line {state.line}"] = state.text
    return whole


@task
def totals(sheet: Sheet) -> list[Total]:
    return sorted(by_item(sheet.lines), reverse=True)


def by_item(lines: Iterable[Count]) -> list[Total]:
    found: dict[str, Total] = {}
    for line in lines:
        total = found.setdefault(line.item.name, Total(Decimal(0), line.item.name))
        total.worth += line.worth
        total.counts += 1
    return list(found.values())


@task
def report(counted: list[Total], sheet: Sheet) -> str:
    worth = sum((total.worth for total in counted), Decimal(0))
    lines = [f"{total.name}: {total.worth} in {total.counts}" for total in counted]
    return "\n".join([*lines, f"all: {worth}", *(f"{key}: {note}" for key, note in sheet.notes.items())])


TEXTS = ["ann\nflour 10 A3\nsugar 4", "bob\nwhisk 2\nflour 1.5 A4 A5", "eve", "joe\nsalt 3"]

with Flow("inventory") as flow:
    sheets = flow.map(sheet_of, flow.parameter("texts", list[str], default=TEXTS))
    whole = merged(states_of(sheets))
    adjusted = corrected(whole, factor=Decimal("0.5"))
    counted = totals(adjusted)
    text = report(counted, adjusted)


def main() -> None:
    run = flow.run()
    kinds = [state.type for state in run.children(sheets)]
    assert kinds == ["Success", "Success", "Skipped", "Unreadable"]
    first = run.children(sheets)[0].unwrap()
    reveal_type(first)
    reveal_type(first.lines[0].worth)
    reveal_type(first.lines[0].item.unit)
    best = run[counted].unwrap()[0]
    reveal_type(best)
    assert (best.name, best.counts) == ("whisk", 1)
    reveal_type(run[text].unwrap())
    assert run[text].unwrap().splitlines()[3] == "all: 16.3000"
    unread = capture(count_of, "salt 3", 2)
    assert isinstance(unread, Unreadable)
    assert unread.line == 2
    again: Success[Sheet] = Success(result=first)
    assert again == capture(sheet_of, TEXTS[0])


if __name__ == "__main__":
    main()
