"""The interface of stores, which keep runs, entities and the histories of both beyond the process.

A store must not know flows, decode states or read a clock: callers give it states as JSON, times, leases and
identities. `open_store` opens the store that a path or a URL names.

1. Once `append` returns, its changes are durable; before that none of them is visible.
2. Only the owner of a run's lease changes it, and only from the version that it has seen.
3. Each row has a checksum over all its values, and a run records the length of its history.
4. An entity is changed by whoever has seen its latest version: no one owns it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, Self

from statesig.errors import StoreDamaged

__all__ = [
    "NOTHING",
    "Contents",
    "Cursor",
    "Lease",
    "OnDamage",
    "Record",
    "Row",
    "Sent",
    "Store",
    "StoredEntity",
    "StoredRun",
]

Row = tuple[Any, ...]


class Cursor(Protocol):
    """A cursor of a store's database: what SQLite and PostgreSQL share.

    Its statements mark parameters by ``?``; on PostgreSQL, one in a literal or an operator is a parameter, too.
    """

    @property
    def rowcount(self) -> int:
        """The number of rows that the last statement changed."""
        ...

    def execute(self, sql: str, parameters: Row = ..., /) -> object:
        """Execute a statement."""
        ...

    def executemany(self, sql: str, rows: Iterable[Row], /) -> object:
        """Execute a statement once with each row of parameters."""
        ...

    def fetchone(self) -> Row | None:
        """Return the next row that the last statement selected; None if there is no other."""
        ...

    def fetchall(self) -> list[Row]:
        """Return all the other rows that the last statement selected."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """A transition of a task, or of the run itself, in a stored history.

    Args:
        task: The name of the task's node; None for the run itself.
        index: The position among a mapped node's children; None for the node itself.
        attempt: From 1.
        time: The time of the transition, aware.
        worker: The worker of the attempt that it ends; None if it ends no attempt.
        lost: The number of the task's attempts that were lost with their process so far.
        state: The state as JSON.
        try_number: The try of the run in which this history of the task began, from 1.
    """

    task: str | None
    index: int | None
    attempt: int
    time: datetime
    worker: str | None
    lost: int
    state: bytes
    try_number: int = 1


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A stored run.

    Args:
        id: Its identity.
        flow: The name of its flow.
        graph: The graph of its flow at its start, as JSON.
        parameters: The values of the flow's parameters, as JSON.
        created: The time when it began, aware.
        changed: The time of its last change, aware.
        version: The number of its changes.
        length: The number of records in its history.
        state: The run's state as JSON, as its last record in the history has it.
        tag: The tag of that state.
        origin: The identity of the run that it runs again; None for a run of its own.
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
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The exclusive right to change a run, until a time.

    Args:
        run: The run's identity.
        owner: The name of its owner, a new one each time that a process begins or resumes a run.
        until: The time when it ends unless it is renewed, aware.
        cancel: Whether a cancellation of the run was requested.
        signals: The number of signals that were sent to the run, as it is stored; whoever takes a lease need not know.
    """

    run: str
    owner: str
    until: datetime
    cancel: bool = False
    signals: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A signal that somebody sent to a run from outside, or the request that began the run, kept beside its history.

    Args:
        task: The task, None for the run itself.
        index: The position among a mapped task's children; None for the task itself.
        time: When it was sent, aware.
        principal: Who sent it.
        outcome: What the sender was told.
        state: The signal's state as JSON.
        key: The idempotency key of the request, as an unguessable text; None without one.
        digest: The digest of the request, which tells another request of the same key.
        run: The run's identity; empty until it is stored.
        number: Its place among those of its run, from 1; 0 until it is stored.
        record: The number of the record in the run's history by which it was applied, from 1; 0: the run begins with
            it; None while it waits; `NOTHING` if it came to nothing.
    """

    task: str | None
    index: int | None
    time: datetime
    principal: str
    outcome: str
    state: bytes
    key: str | None = None
    digest: str = ""
    run: str = ""
    number: int = 0
    record: int | None = None


NOTHING: Final = -1
"""The record of a signal that came to nothing: its task could not take it any more when the run was resumed."""


@dataclass(frozen=True, slots=True)
class StoredEntity:
    """An entity at one version.

    Args:
        key: Its key.
        machine: The name of its machine.
        version: The number of its states up to this one, from 1.
        time: When it entered the state, aware.
        state: The state as JSON.
    """

    key: str
    machine: str
    version: int
    time: datetime
    state: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a store, or a part of it.

    Args:
        runs: The identities of runs.
        cached: The keys of cached states.
        entities: The keys of entities.
    """

    runs: tuple[str, ...]
    cached: tuple[str, ...]
    entities: tuple[str, ...] = ()


OnDamage = Callable[[StoreDamaged], object]
"""Called with the error of what is damaged, where the rest can be read all the same."""


class Store(ABC):
    """Runs, entities and their histories. Safe to use from several threads; processes open a store each.

    Attributes:
        name: Its name in messages: a path, or a URL without user and password.

    Every method raises `StoreError` if the store cannot be read or written, and `StoreDamaged` if a row that it reads
    is not what was written.
    """

    name: str

    @abstractmethod
    def create(self, run: StoredRun, lease: Lease, records: Sequence[Record] = (), *, sent: Sent | None = None) -> None:
        """Add a run with its first lease, in one transaction.

        Args:
            run: The run; its length is the number of records.
            lease: Its lease.
            records: The history that it begins with: what it takes over from another run.
            sent: The request that begins it, to be kept with it.

        Raises:
            StoreError: A run of this identity already exists.
        """

    @abstractmethod
    def acquire(self, run: StoredRun, lease: Lease, *, now: datetime, instead_of: str | None = None) -> Lease:
        """Take the lease of a run that no other owner holds; compare-and-set on the run's version.

        A request to cancel the run stays, also one that the last owner did not notice before it released the lease.

        Args:
            run: The run as it was read.
            lease: The lease to take.
            now: The current time, aware.
            instead_of: An owner known to be dead, whose lease may be taken before it ends.

        Returns:
            The lease as stored, with `cancel` if a cancellation was requested.

        Raises:
            RunTaken: The run has another version, or another owner's lease has not ended.
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
        applied: Mapping[int, int] | None = None,
        sent: Sent | None = None,
    ) -> StoredRun:
        """Append to a run's history, and change its state if one is given, in one transaction; return the changed run.

        Args:
            run: The run as it was read or last returned.
            owner: The owner of its lease.
            records: The records to append.
            now: The current time, aware.
            state, tag: The run's new state and its tag; None: unchanged.
            cached: Key, state and expiry of each cached state, remembered in the same transaction: a task stored as
                successful does not run again, so a separate write could lose its cached state for ever.
            applied: The numbers of signals that waited, each with the number of the record by which it is applied, or
                `NOTHING`.
            sent: A signal that these records apply, to be kept with the run.

        After a StoreError that is not RunTaken the transaction may have been written, all of it or nothing: the
        connection may have ended between the commit and its answer. Appending again from the same version is safe.

        Raises:
            RunTaken: The owner no longer has the lease, or the run has another version; nothing was written.
        """

    @abstractmethod
    def renew(self, lease: Lease) -> Lease:
        """Extend a lease; return it as stored, with `cancel` if a cancellation was requested.

        Raises:
            RunTaken: The owner no longer has the lease.
        """

    @abstractmethod
    def release(self, run: str, owner: str) -> bool:
        """Release a lease; do nothing if another owner has it.

        Returns:
            Whether the lease was released and somebody had asked that the run be cancelled. The request stays with the
            run, for whoever acquires it next.
        """

    @abstractmethod
    def lease(self, run: str) -> Lease | None:
        """Return the lease on a run, even one that has ended; None if it was released.

        Raises:
            NoRun: The run does not exist; `release` and `request_cancel` raise it, too.
        """

    @abstractmethod
    def request_cancel(self, run: str) -> bool:
        """Ask the owner of a run's lease to cancel the run; return whether there is a lease, even one that has ended.

        The request stays with a lease that another owner takes: the run is cancelled when it is resumed.
        """

    # ---- signals from outside

    @abstractmethod
    def send(self, run: StoredRun, sent: Sent, *, count: int, cancel: bool = False) -> Sent:
        """Keep a signal with a run; compare-and-set on the run's version and on the number of its signals.

        Args:
            run: The run as it was read.
            sent: The signal.
            count: The number of the run's signals as they were read.
            cancel: Whether to ask the owner of the run's lease, too, to cancel the run.

        Returns:
            The signal as stored.

        Raises:
            NoRun: The run does not exist.
            RunTaken: The run has another version or other signals, or nobody has the lease to be asked.
        """

    @abstractmethod
    def signals(self, run: str) -> list[Sent]:
        """Return the signals that were sent to a run, in order.

        Raises:
            StoreDamaged: One is missing or damaged.
        """

    @abstractmethod
    def sent_with(self, key: str) -> Sent | None:
        """Return the signal that was sent with an idempotency key; None if none was.

        A new key costs a scan of all signals in the store, in SQLite some 0.1 s for 200,000: the index has no
        checksums, and a key that it hid would act twice. One that was used before is found by the index.
        """

    @abstractmethod
    def look(self, run: StoredRun) -> StoredRun:
        """Return a run as it is now, without reading again what never changes.

        Raises:
            NoRun: It was removed.
        """

    # ---- reading

    @abstractmethod
    def find(self, run: str) -> StoredRun:
        """Return the run with an identity, or the only run whose identity begins with it.

        Raises:
            NoRun: No run matches, or several begin with it.
        """

    @abstractmethod
    def history(self, run: StoredRun, *, after: int = 0) -> Iterator[Record]:
        """Yield a run's history, in the order of appending.

        Args:
            run: The run.
            after: The number of the record after which to begin, from 1; 0: with the first.

        Raises:
            StoreDamaged: A record is missing or damaged.
        """

    @abstractmethod
    def runs(
        self,
        *,
        tag: str | Collection[str] | None = None,
        flow: str | None = None,
        limit: int | None = None,
        after: tuple[datetime, str] | None = None,
        damaged: OnDamage | None = None,
    ) -> list[StoredRun]:
        """Return the runs, the latest first, only those with a state's tag or of a flow if given.

        Args:
            tag: The tag of a state, or several.
            flow: The name of a flow.
            limit: The number of runs, at most.
            after: When the run began after which the list begins, and its identity; it need not be there any more.
            damaged: Called with the error of each run whose rows are damaged or missing; the others are returned.

        Raises:
            StoreDamaged: The rows of any run are damaged or missing, and `damaged` is not given.
        """

    @abstractmethod
    def runs_page(
        self,
        *,
        limit: int,
        tags: Collection[str] | None = None,
        flow: str | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[StoredRun]:
        """Return the next runs of the list, the latest first, and read hardly more than these.

        A damaged run is left out and nobody is told, so this is for a list that people leaf through; `runs` misses
        nothing.

        Args:
            limit: The number of runs, at most; there are fewer only at the end of the list.
            tags: The tags of their states; None: any.
            flow: The name of their flow; None: any.
            after: As for `runs`.
        """

    @abstractmethod
    def prune(self, older_than: datetime, *, damaged: OnDamage | None = None) -> int:
        """Remove final runs that last changed before a time, and cached states that expired before it.

        A run stays if a lease on it ends after that time, or if this program does not define its state's class, which
        may not be final.

        Args:
            older_than: The time.
            damaged: Called with the error of each run whose rows are damaged or missing; it stays, the others do not.

        Returns:
            The number of removed runs.
        """

    @abstractmethod
    def check(self, damaged: OnDamage) -> Contents:
        """Read everything: each run with its plan, lease and history, each cached state, each entity with its history.

        Args:
            damaged: Called with the error of each part that is damaged or missing.

        Returns:
            What there is, damaged or not.
        """

    @abstractmethod
    def set_aside(self, keep: Callable[[Sequence[tuple[str, tuple[object, ...]]]], object]) -> Contents:
        """Remove each run, cached state and entity of which `check` finds a part damaged, and count the others anew.

        Args:
            keep: Called before anything is removed with all rows of these, each with the name of its table; if it
                raises, nothing is removed. It is not called where nothing is damaged.

        Returns:
            What was removed.
        """

    @abstractmethod
    def remember(self, key: str, state: bytes, expires: datetime) -> None:
        """Store a cached state under a key, replacing any state there."""

    @abstractmethod
    def recall(self, key: str, now: datetime) -> bytes | None:
        """Return the cached state under a key; None if it is missing or has expired.

        A damaged row is ignored, with a warning in the log ``statesig.store``: running its task again is better than
        failing the run.
        """

    @abstractmethod
    def entity(self, key: str) -> StoredEntity | None:
        """Return an entity at its latest version; None if there is none with this key."""

    @abstractmethod
    def change_entity(self, after: StoredEntity, also: Callable[[Cursor], object] | None = None) -> None:
        """Append a version to an entity's history, the first or the next, in one transaction; compare-and-set.

        After a StoreError that is not EntityChanged the transaction may have been written, all of it or nothing.

        Args:
            after: The entity at its new version; the stored version must be the one before.
            also: Called within the transaction once the versions were compared. What it raises leaves unchanged, and
                nothing is written; neither is anything if it catches the error of a statement.

        Raises:
            EntityChanged: The entity has another version, or there is one already; nothing was written.
        """

    @abstractmethod
    def entity_history(self, entity: StoredEntity) -> Iterator[StoredEntity]:
        """Yield an entity at each of its versions up to this one, in their order.

        Raises:
            StoreDamaged: A version is missing or damaged.
        """

    @abstractmethod
    def entities(self, *, machine: str | None = None, damaged: OnDamage | None = None) -> list[StoredEntity]:
        """Return the entities at their latest versions, ordered by key, only those of a machine if given.

        Args:
            machine: The name of a machine.
            damaged: Called with the error of each entity whose row is damaged or missing; the others are returned.

        Raises:
            StoreDamaged: The row of any entity is damaged or missing, and `damaged` is not given.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections; the next use opens them again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
