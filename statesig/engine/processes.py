"""Tell from the lease of a stored run what became of its process. Nothing here changes a lease."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from statesig.engine.options import LEASE
from statesig.stores.leases import holds
from statesig.stores.store import Lease, StoredRun

__all__ = ["UNDER_WAY", "process_of"]

UNDER_WAY: Final = frozenset({"Pending", "Scheduled", "Resume", "Retrying", "Looped", "Queued", "Submitted", "Running"})
"""The tags of a run's own state while a process is to run it."""


def process_of(run: StoredRun, lease: Lease | None, now: datetime, seconds: float = LEASE) -> str:
    """Return what became of the process of a run that is under way; empty while it goes on, or if the run is not.

    Args:
        run: The run.
        lease: The lease on it.
        now: The time, aware.
        seconds: How long a lease lasts.
    """
    if lease is not None:
        return "" if holds(lease, now, seconds) else "its process is gone"
    return "interrupted" if run.tag in UNDER_WAY else ""
