"""Runs and their histories, kept where they survive the process.

A store knows rows, not flows: states are JSON to it, and times, leases and identities are given to it. It is the
backends' base; `open_store` returns the one that a path or a URL names.

1. What `append` has returned from is durable; before that nothing of it is visible.
2. Only the owner of a run's lease changes it, and only from the version that it has seen.
3. Each row has a checksum over all that it says, and a run says how many rows its history has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

__all__ = ["Lease", "Record", "Store", "StoredRun"]


@dataclass(frozen=True, slots=True)
class Record:
    """A transition of a task, as a history keeps it.

    Args:
        task: The name of the task's node.
        index: The position among a mapped node's children; None for the node itself.
        attempt: From 1.
        time: When, aware.
        worker: Where the attempt ran that it ends; None where it ends none.
        lost: How often so far an attempt of the task was lost with its process.
        state: The state as JSON.
    """

    task: str
    index: int | None
    attempt: int
    time: datetime
    worker: str | None
    lost: int
    state: bytes


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as a store keeps it.

    Args:
        id: Its identity.
        flow: The name of its flow.
        graph: What its flow looked like, as JSON.
        parameters: The values of the flow's parameters, as JSON.
        created: When it began, aware.
        changed: When it last changed, aware.
        version: How often it was changed.
        length: How many records its history has.
        state: The run's own state as JSON: Running while it goes on.
        tag: The tag of that state.
    """

    id: str
    flow: str
    graph: bytes
    parameters: bytes
    created: datetime
    changed: datetime
    version: int
    length: int
    state: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to go on with a run, until a time.

    Args:
        run: The run's identity.
        owner: Who has it: a text of its own for each time that a process goes on with a run.
        until: When it ends if it is not renewed, aware.
        cancel: Whether somebody has asked that the run be cancelled.
    """

    run: str
    owner: str
    until: datetime
    cancel: bool = False


class Store(ABC):
    """Runs and their histories. Safe to use from several threads; processes open a store each.

    Attributes:
        name: Where it is, for people: a path, or a URL without user and password.

    Every method raises `StoreError` where the store cannot be read or written, and `StoreDamaged` where a row that it
    reads is not what was written.
    """

    name: str

    @abstractmethod
    def create(self, run: StoredRun, lease: Lease) -> None:
        """Add a run with an empty history and its first lease.

        Raises:
            StoreError: A run of this identity is there already, too.
        """

    @abstractmethod
    def acquire(self, run: StoredRun, lease: Lease, *, now: datetime, instead_of: str | None = None) -> Lease:
        """Take the lease of a run that nobody goes on with; compare-and-set on the run's version.

        Args:
            run: The run as it was read.
            lease: The lease to take.
            now: The time, aware.
            instead_of: An owner of whom it is known that it is dead, so that its lease need not have ended.

        Returns:
            The lease as it is now, which tells whether a cancellation was asked for.

        Raises:
            RunTaken: It has another version by now, or another owner's lease has not ended.
        """

    @abstractmethod
    def append(
        self,
        run: StoredRun,
        owner: str,
        records: Sequence[Record],
        *,
        now: datetime,
        state: bytes | None = None,
        tag: str | None = None,
        cached: Sequence[tuple[str, bytes, datetime]] = (),
    ) -> StoredRun:
        """Append to a run's history, and change its own state where one is given, in one transaction; return it anew.

        Args:
            run: The run as it was read or last returned.
            owner: Who has its lease.
            records: What is appended.
            now: The time, aware.
            state, tag: The run's own state and its tag, where these change.
            cached: What is remembered in the same transaction, each as for `remember`: a task that is stored as
                successful is not run again, so what it leaves to others may not be lost between the two.

        After a StoreError that is not RunTaken it is open whether the transaction was written, all of it or nothing:
        the connection may have ended between the commit and its answer. Appending again from the same version is safe.

        Raises:
            RunTaken: The owner has no lease on the run any more, or the run has another version; nothing was written.
        """

    @abstractmethod
    def renew(self, lease: Lease) -> Lease:
        """Move the end of a lease; return it as it is now, which tells whether a cancellation was asked for.

        Raises:
            RunTaken: Another has it.
        """

    @abstractmethod
    def release(self, run: str, owner: str) -> None:
        """Give a lease back, and with it a wish to cancel; nothing happens where another has it."""

    @abstractmethod
    def lease(self, run: str) -> Lease | None:
        """Return the lease on a run, also one that has ended; None where it was given back.

        Raises:
            NoRun: There is no such run; so do `release` and `request_cancel`.
        """

    @abstractmethod
    def request_cancel(self, run: str) -> bool:
        """Ask whoever goes on with a run to cancel it; return whether anybody has its lease, be it one that has ended.

        The wish stays with a lease that is taken from its owner: the run is cancelled when it is gone on with.
        """

    @abstractmethod
    def find(self, run: str) -> StoredRun:
        """Return the run of an identity, or the only one that begins so.

        Raises:
            NoRun: There is none, or more than one.
        """

    @abstractmethod
    def history(self, run: StoredRun) -> Iterator[Record]:
        """Yield a run's history, in the order in which it was appended.

        Raises:
            StoreDamaged: It is not whole.
        """

    @abstractmethod
    def runs(self, *, tag: str | None = None, flow: str | None = None, limit: int | None = None) -> list[StoredRun]:
        """Return the runs, the latest first, those of a state or a flow alone where these are given.

        Raises:
            StoreDamaged: The row of any run is not what was written, or a row is missing.
        """

    @abstractmethod
    def prune(self, older_than: datetime) -> int:
        """Remove the runs that are final and last changed before a time, and what is cached until before it.

        A run stays while there is a lease on it that ends after that time, and where its state is of a class that this
        program has not defined: whether that is final is not known.

        Returns:
            How many runs were removed.
        """

    @abstractmethod
    def remember(self, key: str, state: bytes, expires: datetime) -> None:
        """Keep a cached state under a key, in place of what is kept there."""

    @abstractmethod
    def recall(self, key: str, now: datetime) -> bytes | None:
        """Return the cached state that is kept under a key and has not expired.

        A row that is not what was written is forgotten, with a warning in the log ``statesig.store``: its task is run
        again, which is better than a run that cannot go on.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections; a store that is used again opens them again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
