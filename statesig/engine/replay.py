"""Take bookkeeping through a stored history, as the run took it when the history was written.

Nothing here reads or writes a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from statesig.codec.states import encode
from statesig.engine.deadlines import deadline_passed
from statesig.engine.fingerprints import graph_names
from statesig.engine.noderuns import Progress
from statesig.states import Cancelled, Finished, State
from statesig.stores.store import Record, StoredRun

__all__ = ["CANCELLED", "cancelled_rest", "replay"]

CANCELLED: Final = Cancelled(message="the run was cancelled")
"""The state of a run that was cancelled while no process had it, and of each task that was not finished then."""


def replay(history: Iterable[tuple[Record, State[Any]]], at: Callable[[str | None, int | None], Progress]) -> None:
    """Move the bookkeeping of a run, and of each of its tasks, through its history.

    Args:
        history: The records in the order in which they were stored, each with its state.
        at: Returns the bookkeeping of a task or, given a position, of a mapped task's child; given None, of the run.
    """
    for record, state in history:
        progress = at(record.task, record.index)
        if record.try_number > progress.try_number:
            progress.begin_again(record.try_number)
        progress.lost = record.lost
        progress.move(state)


def cancelled_rest(stored: StoredRun, history: Iterable[tuple[Record, State[Any]]], now: datetime) -> list[Record]:
    """Return the records that cancel each task that is not finished, children before their mapped task, and the run.

    A pause whose deadline has passed is TimedOut instead. A mapped task gets no children here, even if all that are
    known are final: nobody knows how many there were to be.

    Args:
        stored: The run.
        history: Its history.
        now: The time, aware.
    """
    found: dict[tuple[str | None, int | None], Progress] = {}
    replay(history, lambda task, index: found.setdefault((task, index), Progress()))
    children = [place for place in found if place[1] is not None]
    records: list[Record] = []
    for place in [*children, *((name, None) for name in (*graph_names(stored.graph), None))]:
        progress = found.get(place) or Progress()
        if not isinstance(progress.state, Finished):
            passed = None if place[0] is None else deadline_passed(progress.state, now)
            state = passed or CANCELLED
            attempt = progress.attempt_of(state)
            records.append(Record(*place, attempt, now, None, progress.lost, encode(state), progress.try_number))
    return records
