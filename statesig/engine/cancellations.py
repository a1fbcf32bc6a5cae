"""Cancelling a stored run from outside of the process that goes on with it.

A run that a process goes on with is asked, and does it itself; what is changed here is what nobody holds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from statesig.codec.states import encode
from statesig.engine.fingerprints import graph_names
from statesig.engine.journal import Journal, open_run
from statesig.engine.options import LEASE, StoreTarget, utc_now
from statesig.states import Cancelled, Cancelling, Finished, Pending, Running, State
from statesig.stores.store import Record

__all__ = ["cancel_run"]

_CANCELLED: Final = Cancelled(message="the run was cancelled")


def cancel_run(store: StoreTarget, id: str, *, lease: float = LEASE, clock: Callable[[], datetime] = utc_now) -> bool:
    """Cancel a stored run: ask the process that goes on with it, or, where none does, cancel what is not finished.

    Args:
        store: Where the run is.
        id: The run's identity, or a beginning of it that no other has.
        lease: Seconds, as for `statesig.flow.Flow.run`.
        clock: Returns the time, aware.

    Returns:
        Whether it is cancelled; else it was asked for, and its process does it at its next heartbeat.

    Raises:
        NoRun: The store has no such run.
        RunTaken: It is over.
        StoreError: The store cannot be read or written.
    """
    with open_run(id, store, lease, clock) as journal:
        if journal.is_held() and journal.store.request_cancel(journal.stored.id):
            return False
        journal.acquire()
        journal.store.append(
            journal.stored,
            journal.owner,
            _cancelling(journal, clock()),
            now=clock(),
            state=encode(_CANCELLED),
            tag=_CANCELLED.type,
        )
        return True


def _cancelling(journal: Journal, now: datetime) -> list[Record]:
    """Return the records by which all that is not finished becomes Cancelled, children before their mapped node.

    That is not Mapped, even where its children are final: how many there were to be is not known here.
    """
    last: dict[tuple[str, int | None], State[Any]] = {}
    entries: dict[tuple[str, int | None], int] = {}
    lost: dict[tuple[str, int | None], int] = {}
    for record, state in journal.history({}):
        place = record.task, record.index
        last[place] = state
        lost[place] = record.lost
        entries[place] = entries.get(place, 0) + isinstance(state, Running)
    children = [place for place in last if place[1] is not None]
    records: list[Record] = []
    for place in [*children, *((name, None) for name in graph_names(journal.stored.graph))]:
        state = last.get(place, Pending())
        if isinstance(state, Finished):
            continue
        attempt = entries.get(place, 0) + (not isinstance(state, (Running, Cancelling)))
        records.append(Record(*place, attempt, now, None, lost.get(place, 0), encode(_CANCELLED)))
    return records
