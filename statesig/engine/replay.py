"""Take bookkeeping through a stored history, as the run took it when the history was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from statesig.engine.noderuns import Progress
from statesig.states import State
from statesig.stores.store import Record

__all__ = ["replay", "said_by"]


def replay(history: Iterable[tuple[Record, State[Any]]], at: Callable[[str, int | None], Progress]) -> None:
    """Move the bookkeeping of each task through its history.

    Args:
        history: The records in the order in which they were stored, each with its state.
        at: Returns the bookkeeping of a task or, given a position, of a mapped task's child.
    """
    for record, state in history:
        progress = at(record.task, record.index)
        progress.lost = record.lost
        progress.move(state)


def said_by(state: State[Any]) -> dict[str, Any]:
    """Return the message and causes that a state was given, without those that it has by default."""
    return {name: getattr(state, name) for name in ("message", "causes") if name in state.model_fields_set}
