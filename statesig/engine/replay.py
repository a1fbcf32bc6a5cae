"""Take bookkeeping through a stored history, as the run took it when the history was written.

Nothing here reads or writes a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from statesig.codec.states import encode
from statesig.engine.deadlines import deadline_passed
from statesig.engine.fingerprints import lengths_of
from statesig.engine.gathering import abridged, gathered
from statesig.engine.noderuns import Progress
from statesig.states import Cancelled, Finished, Mapped, State, mapped_class
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

    A pause whose deadline has passed is TimedOut instead. A mapped task that has begun ends as its children make it.
    Nobody may know how many there were to be: those after the last that began have no records then.

    Args:
        stored: The run.
        history: Its history.
        now: The time, aware.
    """
    found: dict[tuple[str | None, int | None], Progress] = {}
    replay(history, lambda task, index: found.setdefault((task, index), Progress()))
    begun: dict[str | None, int] = {}
    for (task, index), child in [*found.items()]:
        if index is not None:
            begun[task] = max(begun.get(task, 0), index + 1)
            whole = found.setdefault((task, None), Progress())
            if child.try_number > whole.try_number:
                whole.begin_again(child.try_number)
    records: list[Record] = []

    def end(task: str | None, index: int | None, progress: Progress, state: State[Any]) -> State[Any]:
        if isinstance(progress.state, Finished):
            return progress.state
        ended = (None if task is None else deadline_passed(progress.state, now)) or state
        attempt = progress.attempt_of(ended)
        records.append(Record(task, index, attempt, now, None, progress.lost, encode(ended), progress.try_number))
        return ended

    for task, length in [*lengths_of(stored.graph).items(), (None, 0)]:
        whole = found.get((task, None)) or Progress()
        states: list[State[Any]] = []
        if task in begun and not isinstance(whole.state, Finished):
            for index in range(max(length, begun[task])):
                child = found.get((task, index)) or Progress(whole.try_number)
                states.append(end(task, index, child, CANCELLED))
        end(task, None, whole, _ended_as(states))
    return records


def _ended_as(children: Sequence[State[Any]]) -> State[Any]:
    """Return the state of a mapped task that is cancelled after its children have ended, as it is stored.

    If all that began succeeded there were others to come, and nobody knows how many: it is Cancelled without children.
    """
    return CANCELLED if mapped_class(children) is Mapped else abridged(gathered(children))
