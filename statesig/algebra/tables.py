"""The tables of which states may follow which: one of a run's states, and one of each machine that a user defines.

Everything that knows an arrow reads it here: `advance`, `check_history`, every diagram and document.

Two rules of the table of a run. A subclass has exactly its parent's successors, so that a transition that a checker
allows for the parent is right for the child. No transition leads back to plain Pending: a rerun is a new history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, cast

from statesig.signals import Signal, catching
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    Failed,
    Finished,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
)
from statesig.states.families import StateMeta, origin_of
from statesig.states.generics import PerClass
from statesig.states.machines import AnyKind

__all__ = ["FIRST", "RUNS", "SUCCESSORS", "Table", "table_of"]

Kind = type[State[Any]]

_WAITING: tuple[Kind, ...] = (
    Running,
    Paused,
    Scheduled,
    Queued,
    Submitted,
    Cached,
    Mapped,
    Skipped,
    Failed,
    Cancelled,
)

SUCCESSORS: Mapping[Kind, tuple[Kind, ...]] = MappingProxyType(
    {
        Pending: _WAITING,
        Queued: _WAITING,
        Submitted: _WAITING,
        Paused: (Resume, Failed, Cancelled),
        Running: (Success, Failed, Scheduled, Paused, Cancelling, Cancelled),
        Cancelling: (Finished,),
        Success: (),
        Failed: (),
        Cancelled: (),
    }
)
"""The table: each source family, with the families that may follow it."""

FIRST: tuple[Kind, ...] = (Pending, Queued, Submitted)
"""The families that a history may begin with."""


class Table:
    """The arrows below one root.

    Args:
        rows: Each source, which means its family, with the kinds that may follow it; of a final one, none.
        first: The kinds that a history may begin with.
        signals: The transition that leads to each kind; of a run's table none, whose signals know no source.

    Attributes:
        successors: Returns the kinds that may follow a kind.
    """

    def __init__(
        self,
        rows: Mapping[Any, tuple[Any, ...]],
        first: tuple[Any, ...],
        signals: Mapping[Any, type[Signal[Any]]] = MappingProxyType({}),
    ) -> None:
        self.rows = rows
        self.first = first
        self.signals = signals
        found: PerClass[tuple[Any, ...]] = PerClass(self._find)
        self.successors: Callable[[Any], tuple[Any, ...]] = found.__getitem__  # no frame of its own: it is asked often

    def _find(self, kind: Any) -> tuple[Any, ...]:
        """Return the kinds that may follow a kind: those of the rows of all classes that it is below."""
        rows = [self.rows[ancestor] for ancestor in kind.__mro__ if ancestor in self.rows]
        return tuple(dict.fromkeys(target for row in rows for target in row))

    @property
    def final(self) -> tuple[Any, ...]:
        """The sources that nothing follows."""
        return tuple(kind for kind in self.rows if not self.successors(kind))


RUNS = Table(SUCCESSORS, FIRST)


def table_of(kind: AnyKind) -> Table:
    """Return the table of a run, for a kind of its states; else that of a machine as far as it is defined now.

    Raises:
        TypeError: The kind is no class of states, or is above all machines.
    """
    if not isinstance(cast("object", kind), StateMeta):
        raise TypeError(f"a class of states is asked for, not {kind!r}")
    if issubclass(kind, State):
        return RUNS
    root: Any = origin_of(kind).__top__
    if root is None:
        raise TypeError(f"{kind.__name__} is above all machines; ask for one of them")
    rows: dict[Any, list[Any]] = {}
    signals: dict[Any, Any] = {}
    for signal in catching(root):
        transition: Any = signal
        target = transition.__state_type__
        signals[target] = transition
        rows.setdefault(target, [])
        for source in transition.__sources__:
            rows.setdefault(source, []).append(target)
    first = tuple(rows.pop(NoneType, ()))
    return Table({source: tuple(targets) for source, targets in rows.items()}, first, signals)
