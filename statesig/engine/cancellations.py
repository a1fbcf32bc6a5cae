"""Cancel a stored run from another process than the one that drives it.

A process that drives the run is asked to cancel it. Only a run that no process has is changed here.
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
    """Cancel a stored run: ask the process that has it or, if none has, cancel the tasks that are not finished.

    Args:
        store: Where the run is.
        id: The run's identity, or the beginning of it if no other run's identity begins so.
        lease: Seconds that the lease on the run lasts while it is cancelled.
        clock: Returns the time, aware.

    Returns:
        True if the run is cancelled; False if its process was asked, which cancels it at its next heartbeat.

    Raises:
        NoRun: The store has no such run.
        RunTaken: The run is over.
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
    """Return the records that cancel each task that is not finished, children before their mapped task.

    A mapped task never becomes Mapped here, even if its children are final: nobody knows how many there were to be.
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
