"""The generated table of what a task may leave, and the states that this leads to, as a handler is told of them.

Each row is a task that does one thing at each attempt; one that would go on for ever by that does it once. All of them
are tasks of one flow, which is really run. `tests/engine/test_outcomes.py` holds the table against the rule.
"""

from typing import Any

from pydantic import TypeAdapter

from statesig import (
    CANCEL,
    SKIP,
    Executor,
    Failed,
    Flow,
    Retrying,
    Scheduled,
    Signal,
    State,
    current,
    signal_of,
    task,
)
from statesig.signals import signal_type_of
from tests.samples.clocks import Clock
from tests.samples.samples import BUILT_IN, bare

RETRIES = (0, 2)


class Returned:
    """What a task returns: a value, a state, or a signal that was not raised."""

    def __init__(self, what: object) -> None:
        self.what = what

    def leave(self) -> object:
        state = self.what.state if isinstance(self.what, Signal) else self.what
        is_endless = isinstance(state, Scheduled) and not isinstance(state, Retrying)
        return None if is_endless and current().number > 1 else self._leave()

    def _leave(self) -> object:
        return self.what


class Raised(Returned):
    """What a task raises: an exception, or the signal of a state."""

    def _leave(self) -> object:
        assert isinstance(self.what, (State, BaseException))
        raise signal_of(self.what) if isinstance(self.what, State) else self.what


class Grouped(Returned):
    """What a task raises as a group; which is made there, since other packages' ways to pickle groups may not fit."""

    def _leave(self) -> object:
        assert isinstance(self.what, list)
        raise BaseExceptionGroup("", self.what)


def invalid() -> Exception:
    """Return what pydantic raises."""
    try:
        TypeAdapter(int).validate_python("x")
    except ValueError as exc:
        return exc
    raise AssertionError


def ways(state: State[Any]) -> tuple[Returned, ...]:
    return Returned(state), Raised(state), Returned(signal_of(state))


OUTCOMES: dict[str, tuple[Returned, ...]] = {
    "a value": (Returned(5), Returned([])),
    "`None`": (Returned(None),),
    "an `Exception`": (
        Raised(ValueError("no rows")),
        Raised(RecursionError()),
        Grouped([OSError()]),
    ),
    "pydantic's `ValidationError`": (Raised(invalid()),),
    "a group of `SKIP` and an `Exception`": (Grouped([SKIP(), ValueError()]),),
    "a group of `SKIP` and `CANCEL`": (Grouped([SKIP(), CANCEL()]),),
    **{f"`{kind.__name__}`, `{signal_type_of(kind).__name__}`": ways(bare(kind)) for kind in BUILT_IN},
    "`Failed(retryable=False)`": ways(Failed(retryable=False)),
}
"""What a task may leave, each with the ways to do so."""


class Seen(list[str]):
    """The tags of the states that a handler is told of."""

    def __call__(self, old: State[Any], new: State[Any]) -> None:
        self.append(new.type)


def leave(what: Returned) -> object:
    return what.leave()


def sequences(retries: int, executor: Executor | None = None) -> dict[str, list[list[str]]]:
    """Return for each outcome and each way to it the states that its task came to be in, after Pending."""
    seen: dict[str, list[list[str]]] = {told: [] for told in OUTCOMES}
    with Flow("outcomes") as flow:
        for told, found in OUTCOMES.items():
            for what in found:
                handler = Seen()
                seen[told].append(handler)
                task(retries=retries, handlers=[handler])(leave)(what)
    clock = Clock()
    flow.run(executor=executor, clock=clock, sleep=clock.sleep)
    return seen


def shown(states: list[str]) -> str:
    """Return states in a row, those that repeat as one."""
    pair = ["Running", "Retrying"]
    times = 0
    while states[:2] == pair:
        states, times = states[2:], times + 1
    repeated = [f"({' → '.join(pair)}) x {times}"] if times > 1 else pair * times
    return " → ".join([*repeated, *states])


def table() -> str:
    """Return the outcomes and their states as a table."""
    rows = ["| returned or raised | `retries=0` | `retries=2` |", "|---|---|---|"]
    columns = [sequences(retries) for retries in RETRIES]
    rows += [f"| {told} | {' | '.join(shown(column[told][0]) for column in columns)} |" for told in OUTCOMES]
    return "\n".join(rows)


def generated() -> dict[str, str]:
    """Return the generated part by its name."""
    return {"outcomes": table()}


if __name__ == "__main__":
    print(table())
