"""Who has a lease on a run: its name, whether its process is dead, and the thread that renews it.

Nothing here knows what a run is.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from socket import gethostname

from statesig.errors import RunTaken, StoreError
from statesig.stores.store import Lease, Store

__all__ = ["Heartbeat", "give_up", "is_dead", "new_owner", "take_up"]


def new_owner() -> str:
    """Return a name for this process as the owner of a lease, another each time."""
    return f"{_process(os.getpid())}|{uuid.uuid4().hex}"


class Heartbeat:
    """Renews a lease from time to time, in a thread of its own."""

    def __init__(
        self,
        store: Store,
        lease: Callable[[], Lease],
        seconds: float,
        cancel: Callable[[], object],
        lost: Callable[[], object],
    ) -> None:
        self._store = store
        self._lease = lease
        self._seconds = seconds
        self._cancel = cancel
        self._lost = lost
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="statesig lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                if self._store.renew(self._lease()).cancel:
                    self._cancel()
            except RunTaken:
                self._lost()
                return
            except StoreError:
                continue  # the lease holds for two more beats; the runner's own writing tells of what lasts


def _process(pid: int) -> str:
    """Return what a process is told from others by: its machine, its place among its processes, and when it began."""
    return f"{gethostname()}|{_namespace()}|{pid}|{_began(pid)}"


def give_up(owner: str) -> None:
    """Take note that an owner of this process could not give its lease back, and goes on with nothing."""
    _given_up.add(owner)


def take_up(owner: str) -> None:
    """Take note that an owner that had given up has a lease again."""
    _given_up.discard(owner)


def is_dead(owner: str) -> bool:
    """Tell whether an owner surely goes on with nothing: its process was of this machine, and is not there."""
    if owner in _given_up:
        return True
    machine, namespace, pid, began, _ = owner.split("|") if owner.count("|") == 4 else ("", "", "", "", "")
    if (machine, namespace) != (gethostname(), _namespace()) or not began or not namespace:
        return False
    return _began(int(pid)) != began


def _namespace() -> str:
    """Return what tells apart machines and containers that have one name; empty where that cannot be told."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """Return when a process began, in ticks since its machine did; empty where there is none, or only its remains."""
    try:
        # After the name, which is in parentheses: the state, and as the 20th the time; see proc_pid_stat(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


_given_up: set[str] = set()
"""The owners of this process that could not give their leases back."""
