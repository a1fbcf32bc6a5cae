"""A ledger whose methods are tasks: of an instance, of a class, static, inherited and overridden."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import ClassVar, Final, Literal, NamedTuple, Self, reveal_type

from typing_extensions import override

from statesig import (
    FAIL,
    SKIP,
    AnyState,
    Failed,
    Flow,
    Run,
    Signal,
    State,
    Success,
    all_finished,
    capture,
    is_failed,
    is_successful,
    state_of,
    task,
)

Side = Literal["debit", "credit"]
ZERO: Final = 0


class Entry(NamedTuple):
    account: str
    side: Side
    cents: int
    on: date

    @property
    def signed(self) -> int:
        return self.cents if self.side == "debit" else -self.cents


class Unbalanced(Failed):
    """Debits and credits of a day differ."""

    by: int
    on: date | None = None


class UNBALANCED(Signal[Unbalanced]): ...


class Source(ABC):
    """Where entries come from."""

    kind: ClassVar[str] = "source"

    @abstractmethod
    def entries(self, on: date) -> list[Entry]: ...

    @task
    def load(self, on: date) -> list[Entry]:
        found = self.entries(on)
        if not found:
            raise SKIP(f"{self.kind} has nothing on {on}", result=found)
        return found

    @classmethod
    def named(cls) -> str:
        return f"{cls.__name__} ({cls.kind})"


@dataclass
class Memory(Source):
    """Entries that are known beforehand."""

    kind: ClassVar[str] = "memory"
    known: dict[date, list[Entry]] = field(default_factory=dict[date, list[Entry]])

    @override
    def entries(self, on: date) -> list[Entry]:
        return self.known.get(on, [])

    def add(self, account: str, side: Side, cents: int, on: date) -> Self:
        self.known.setdefault(on, []).append(Entry(account, side, cents, on))
        return self


class Ledger:
    """Balances by account, closed day by day."""

    tolerance: ClassVar[int] = ZERO

    def __init__(self, name: str, *, strict: bool = True) -> None:
        self.name = name
        self.strict = strict
        self.closed: list[date] = []

    @cached_property
    def label(self) -> str:
        return self.name.title()

    @task
    def balance(self, entries: list[Entry]) -> dict[str, int]:
        balances: defaultdict[str, int] = defaultdict(int)
        for entry in entries:
            balances[entry.account] += entry.signed
        return dict(balances)

    @task(retries=1)
    def check(self, balances: dict[str, int], *, on: date) -> int:
        difference = sum(balances.values())
        if abs(difference) > self.tolerance and self.strict:
            raise UNBALANCED(f"{self.label} is off", by=difference, on=on, retryable=False)
        return difference

    @task(trigger=all_finished)
    def close(self, state: State[int], on: date) -> date:
        if is_failed(state):
            raise FAIL(f"{on} stays open", retryable=False)
        self.closed.append(on)
        return on + timedelta(days=1)

    @task
    def merge(self, days: list[dict[str, int]]) -> dict[str, int]:
        merged: dict[str, int] = {}
        for balances in days:
            for account, cents in balances.items():
                merged[account] = merged.get(account, 0) + cents
        return merged

    @task
    def total(self, balances: dict[str, int]) -> int:
        return sum(cents for cents in balances.values() if cents > self.tolerance)

    def flow(self, source: Source, *days: date) -> tuple[Flow, list[date], str]:
        """Return a flow that closes some days, its nodes for these, and the one for what was turned over."""
        with Flow(f"{self.name} {source.named()}") as flow:
            closed: list[date] = []
            balances: list[dict[str, int]] = []
            for on in days:
                balance = self.balance(source.load(on))
                balances.append(balance)
                closed.append(self.close(state_of(self.check(balance, on=on)), on))
            turnover = euros(self.total(self.merge(balances)))
        return flow, closed, turnover


@task
def euros(cents: int) -> str:
    return f"{cents / 100:.2f}"


class Lenient(Ledger):
    """A ledger that forgives small differences."""

    tolerance: ClassVar[int] = 5

    @task
    def described(self, balances: dict[str, int]) -> str:
        return f"{self.label}: {len(balances)} accounts"


@task(trigger=all_finished)
def open_days(states: list[AnyState[date]]) -> int:
    return sum(1 for state in states if not is_successful(state))


def judged(run: Run, days: list[date]) -> list[str]:
    return [run[day].type for day in days]


def main() -> None:
    monday, tuesday, sunday = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 8)
    memory = Memory()
    memory.add("cash", "debit", 1250, monday).add("sales", "credit", 1250, monday)
    memory.add("cash", "debit", 1003, tuesday).add("sales", "credit", 1000, tuesday)

    ledger = Ledger("main")
    flow, closed, turnover = ledger.flow(memory, monday, tuesday, sunday)
    run = flow.run()
    assert judged(run, closed) == ["Success", "Failed", "Success"]
    assert ledger.closed == [monday, sunday]
    reveal_type(run[closed[0]].unwrap())
    reveal_type(run[turnover].unwrap())
    assert run[turnover].unwrap() == "22.53"

    off = capture(lambda: ledger.check({"cash": 3}, on=tuesday))
    assert isinstance(off, Unbalanced)
    reveal_type(off.by)

    lenient = Lenient("petty")
    bound: Callable[[dict[str, int]], str] = lenient.described
    assert bound({"cash": 3}) == "Petty: 1 accounts"
    reveal_type(lenient.balance(memory.load(monday)))
    reveal_type(lenient.total({"cash": 10, "sales": 3}))
    assert lenient.total({"cash": 10, "sales": 3}) == 10

    with Flow("many") as many:
        days = many.map(memory.load, [monday, tuesday, sunday])
        balances = many.map(lenient.balance, days)
        texts = many.map(lenient.described, balances)
        shown = many.map(euros, [100, 250])
    several = many.run()
    reveal_type(several[texts].unwrap())
    assert several[shown].unwrap() == ["1.00", "2.50"]
    assert Success(result="Petty: 2 accounts") == several.children(texts)[0]

    with Flow("open") as last:
        ends = [
            lenient.close(state_of(lenient.check(lenient.balance(memory.load(on)), on=on)), on)
            for on in (monday, tuesday)
        ]
        still_open = open_days([state_of(end) for end in ends])
    assert last.run()[still_open].unwrap() == 0


if __name__ == "__main__":
    main()
