"""Owners of leases: name them, tell whether they still have them, and renew their leases in a thread.

Nothing here may read or change a run.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from socket import gethostname

from statesig.errors import RunTaken, StoreError
from statesig.stores.store import Lease, Store

__all__ = ["Heartbeat", "give_up", "holds", "is_dead", "is_held", "new_owner", "take_up"]


def new_owner() -> str:
    """Return a new name for this process as the owner of a lease."""
    return f"{_process(os.getpid())}|{uuid.uuid4().hex}"


class Heartbeat:
    """Renews a lease every `seconds` in a daemon thread; calls `cancel` on a request to cancel, `lost` on its loss."""

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
        self._owner = lease().owner
        _beating.add(self._owner)
        self._thread = threading.Thread(target=self._beat, name="statesig lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()
        _beating.discard(self._owner)

    def _beat(self) -> None:
        while not self._over.wait(self._seconds):
            try:
                if self._store.renew(self._lease()).cancel:
                    self._cancel()
            except RunTaken:
                self._lost()
                return
            except StoreError:
                continue  # the lease holds for two more beats; a lasting error reaches the runner when it writes


def _process(pid: int) -> str:
    """Return the identity of a process: its machine, PID namespace, PID and start time."""
    return f"{gethostname()}|{_namespace()}|{pid}|{_began(pid)}"


def give_up(owner: str) -> None:
    """Remember an owner in this process whose release failed, so that its lease may be taken at once."""
    _given_up.add(owner)


def take_up(owner: str) -> None:
    """Forget that an owner gave up: it has a lease again."""
    _given_up.discard(owner)


def holds(lease: Lease, now: datetime, seconds: float) -> bool:
    """Tell whether a run still belongs to the owner of its lease, as far as that can be seen from here.

    Until the lease ends it does, unless the owner is dead. It does for as long as nine leases after that while the
    owner's process is seen to be alive: one call of C may keep the interpreter so long that nobody renews the lease.

    Args:
        lease: The lease.
        now: The time, aware.
        seconds: How long a lease lasts.
    """
    if is_dead(lease.owner):
        return False
    late = now - lease.until
    return late < timedelta() or (late < timedelta(seconds=9 * seconds) and _is_alive(lease.owner))


def is_held(store: Store, run: str, now: datetime, seconds: float) -> bool:
    """Tell whether a live process has a run, as far as can be seen from here.

    Args:
        store: The store of the run.
        run: The run's identity.
        now: The time, aware.
        seconds: How long a lease lasts.

    Raises:
        NoRun: The run does not exist.
    """
    held = store.lease(run)
    return held is not None and holds(held, now, seconds)


def is_dead(owner: str) -> bool:
    """Tell whether an owner is certainly dead: it gave up, or its process was on this machine and has ended."""
    if owner in _given_up:
        return True
    pid, began = _seen_from_here(owner)
    return bool(began) and _began(pid) != began


def _is_alive(owner: str) -> bool:
    """Tell whether an owner is certainly alive: its process is on this machine, and is not stopped."""
    pid, began = _seen_from_here(owner)
    if pid == os.getpid():
        return owner in _beating
    return bool(began) and _began(pid) == began and _stat(pid)[:1] not in (["T"], ["t"])


def _seen_from_here(owner: str) -> tuple[int, str]:
    """Return the PID and the start time of an owner's process; without the latter if it cannot be seen from here."""
    machine, namespace, pid, began, _ = owner.split("|") if owner.count("|") == 4 else ("", "", "", "", "")
    if (machine, namespace) != (gethostname(), _namespace()) or not namespace:
        return -1, ""
    return int(pid), began


def _namespace() -> str:
    """Return the boot and PID namespace, which distinguish machines and containers of one name; empty if unknown."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """Return the start time of a process, in clock ticks since boot; empty if it does not exist or is a zombie."""
    fields = _stat(pid)
    return "" if not fields or fields[0] in "ZX" else fields[19]


def _stat(pid: int) -> list[str]:
    """Return what Linux says of a process: first its state, as 20th its start time; empty if it does not exist."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # see proc_pid_stat(5)
    except OSError:
        return []


_given_up: set[str] = set()
"""The owners in this process whose release failed."""

_beating: set[str] = set()
"""The owners in this process whose leases are being renewed."""
