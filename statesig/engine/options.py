"""The options of a run: their names, their defaults and what each may be. Nothing here acts on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from math import inf
from os import PathLike
from typing import Final

from statesig.algebra.captures import Redact, Tracebacks
from statesig.codec.events import Event
from statesig.errors import FlowError
from statesig.executors.executor import Executor
from statesig.executors.named import NAMES, ExecutorName, executor_named
from statesig.states.clocks import told_by
from statesig.stores.store import Store

__all__ = ["LEASE", "NAMES_OF_OPTIONS", "OnEvent", "Options", "StoreTarget"]

OnEvent = Callable[[Event], object]
"""Called with each event of a run."""

StoreTarget = str | PathLike[str] | Store
"""Names a store: a path, a URL, or the store itself."""

LEASE: Final = 30.0
"""Seconds that a lease on a stored run lasts by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a run, each as `statesig.flow.Flow.run` explains it."""

    executor: Executor | ExecutorName | None = None
    store: StoreTarget | None = None
    on_event: OnEvent | None = None
    redact: Redact | None = None
    traceback: Tracebacks = False
    seed: object = None
    lease: float = LEASE
    signals: bool = False
    clock: Callable[[], datetime] | None = None
    sleep: Callable[[float], object] | None = None

    def check(self, flow: str) -> None:
        """Refuse an option that is not what it has to be.

        Args:
            flow: The name of the flow, for the error.

        Raises:
            FlowError: One is not; the text names it, and says what it may be.
        """
        for name, (default, is_possible, possible) in _POSSIBLE.items():
            given: object = getattr(self, name)
            if given is not default and not is_possible(given):
                raise FlowError(flow, f"{name} is {possible}, not {_shown(given)}")
        if self.lease > _LONGEST_LEASE:
            raise FlowError(flow, f"lease is at most {_LONGEST_LEASE:,} seconds, some 30 years")

    def now(self) -> datetime:
        """Return the time by the run's clock, in UTC.

        Raises:
            ValueError: The clock returned a time without an offset from UTC.
        """
        return told_by(self.clock)

    def where(self) -> Executor | None:
        """Return the executor, a new one where it was named; None for in line."""
        return executor_named(self.executor) if isinstance(self.executor, str) else self.executor


_LONGEST_LEASE: Final = 1_000_000_000
"""More than any run takes, and no time past it that the clock cannot tell."""

NAMES_OF_OPTIONS: Final = tuple(sorted(field.name for field in fields(Options)))


def _is_executor(given: object) -> bool:
    return given is None or isinstance(given, Executor) or (isinstance(given, str) and given in NAMES)


def _is_store(given: object) -> bool:
    return given is None or isinstance(given, (str, PathLike, Store))


def _is_lease(given: object) -> bool:
    return isinstance(given, (int, float)) and not isinstance(given, bool) and 0 < given < inf


def _is_called(given: object) -> bool:
    return given is None or callable(given)


def _is_flag(given: object) -> bool:
    return isinstance(given, bool)


def _is_traceback(given: object) -> bool:
    return _is_flag(given) or given == "last"


_POSSIBLE: Final[dict[str, tuple[object, Callable[[object], bool], str]]] = {
    "executor": (None, _is_executor, f"an Executor or one of {', '.join(map(repr, NAMES))}"),
    "store": (None, _is_store, "a path, a URL or a Store"),
    "lease": (LEASE, _is_lease, "a number of seconds above 0"),
    "on_event": (None, _is_called, "a function that is called with each Event"),
    "redact": (None, _is_called, "a function of a text that returns one"),
    "clock": (None, _is_called, "a function without arguments that returns an aware datetime"),
    "sleep": (None, _is_called, "a function that is called with a number of seconds"),
    "traceback": (False, _is_traceback, "True, False or 'last'"),
    "signals": (False, _is_flag, "True or False"),
}
"""For each option that may be wrong: its default, whether a value is possible, and the words for what is possible."""


def _shown(given: object) -> str:
    """Return what was given, as far as it may be repeated: numbers and names, of others the class."""
    if isinstance(given, (int, float)):
        return repr(given)
    if isinstance(given, type):
        return f"the class {given.__name__}; call it: {given.__name__}()"
    return (
        repr(given) if isinstance(given, str) and given.isidentifier() else f"a value of class {type(given).__name__}"
    )
