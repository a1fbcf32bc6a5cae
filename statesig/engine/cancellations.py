"""Cancel a stored run from another process than the one that drives it.

A process that drives the run is asked to cancel it. Only a run that no process has is changed here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from statesig.engine.journal import open_run
from statesig.engine.options import LEASE, StoreTarget
from statesig.errors import RunTaken
from statesig.states.clocks import utc_now

__all__ = ["cancel_run"]


def cancel_run(store: StoreTarget, id: str, *, lease: float = LEASE, clock: Callable[[], datetime] = utc_now) -> bool:
    """Cancel a stored run: ask the process that has it or, if none has, cancel the tasks that are not finished.

    Args:
        store: Where the run is.
        id: The run's identity, or the beginning of it if no other run's identity begins so.
        lease: Seconds that the lease on the run lasts while it is cancelled.
        clock: Returns the time, aware.

    Returns:
        True if the run is cancelled; False if its process was asked, which cancels it at its next heartbeat or, if it
        stops driving the run before that, then.

    Raises:
        NoRun: The store has no such run.
        RunTaken: The run is over.
        StoreError: The store cannot be read or written.
    """
    with open_run(id, store, lease, clock) as journal:
        while True:
            if journal.is_held() and journal.store.request_cancel(journal.stored.id):
                return False
            try:
                journal.acquire()
            except RunTaken:
                journal.read_again()  # its process has changed it since, and may have it or have left it
            else:
                journal.cancel_rest()
                return True
