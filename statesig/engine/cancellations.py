"""Cancelling a stored run from outside of the process that goes on with it.

A run that a process goes on with is asked, and does it itself; what is changed here is what nobody holds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from statesig.codec.states import encode
from statesig.engine.fingerprints import graph_names
from statesig.engine.journal import Journal, open_run
from statesig.engine.noderuns import Progress
from statesig.engine.options import LEASE, StoreTarget, utc_now
from statesig.engine.replay import replay
from statesig.states import Cancelled, Finished
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
    found: dict[tuple[str, int | None], Progress] = {}
    replay(journal.history({}), lambda task, index: found.setdefault((task, index), Progress()))
    children = [place for place in found if place[1] is not None]
    records: list[Record] = []
    for place in [*children, *((name, None) for name in graph_names(journal.stored.graph))]:
        progress = found.get(place) or Progress()
        if not isinstance(progress.state, Finished):
            attempt = progress.attempt_of(_CANCELLED)
            records.append(Record(*place, attempt, now, None, progress.lost, encode(_CANCELLED)))
    return records
