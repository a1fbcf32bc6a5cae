"""A connection to an SQL database that a store's threads share: its transactions, and the version of its tables.

An error of the driver leaves as StoreError. Nothing here may know the meaning of rows.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Literal, Protocol

from statesig.errors import StoreError
from statesig.stores.rows import counter_row, migration_row, version_of
from statesig.stores.store import Cursor

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        "CREATE TABLE statesig_migrations (version {integer} PRIMARY KEY, sum {bytes} NOT NULL){end}",
        "CREATE TABLE statesig_counters (name TEXT PRIMARY KEY, value {integer} NOT NULL, sum {bytes} NOT NULL){end}",
        """CREATE TABLE statesig_runs (id TEXT PRIMARY KEY, flow TEXT NOT NULL, created {integer} NOT NULL,
            changed {integer} NOT NULL, version {integer} NOT NULL, length {integer} NOT NULL, tag TEXT NOT NULL,
            state {bytes} NOT NULL, sum {bytes} NOT NULL){end}""",
        """CREATE TABLE statesig_plans (run TEXT PRIMARY KEY, graph {bytes} NOT NULL, parameters {bytes} NOT NULL,
            sum {bytes} NOT NULL){end}""",
        """CREATE TABLE statesig_leases (run TEXT PRIMARY KEY, owner TEXT, until {integer} NOT NULL,
            cancel {integer} NOT NULL, sum {bytes} NOT NULL){end}""",
        """CREATE TABLE statesig_history (run TEXT NOT NULL, seq {integer} NOT NULL, task TEXT NOT NULL, idx {integer},
            attempt {integer} NOT NULL, time {integer} NOT NULL, worker TEXT, lost {integer} NOT NULL,
            state {bytes} NOT NULL, sum {bytes} NOT NULL, PRIMARY KEY (run, seq)){end}""",
        """CREATE TABLE statesig_cache (key TEXT PRIMARY KEY, expires {integer} NOT NULL, state {bytes} NOT NULL,
            sum {bytes} NOT NULL){end}""",
    ),
    (
        "ALTER TABLE statesig_history ADD COLUMN try {integer} NOT NULL DEFAULT 1",
        "ALTER TABLE statesig_plans ADD COLUMN origin TEXT",
    ),
    (
        """CREATE TABLE statesig_entities (key TEXT PRIMARY KEY, machine TEXT NOT NULL, version {integer} NOT NULL,
            time {integer} NOT NULL, state {bytes} NOT NULL, sum {bytes} NOT NULL){end}""",
        """CREATE TABLE statesig_changes (key TEXT NOT NULL, version {integer} NOT NULL, time {integer} NOT NULL,
            state {bytes} NOT NULL, sum {bytes} NOT NULL, PRIMARY KEY (key, version)){end}""",
    ),
    (
        """CREATE TABLE statesig_signals (run TEXT NOT NULL, number {integer} NOT NULL, task TEXT NOT NULL,
            idx {integer}, time {integer} NOT NULL, principal TEXT NOT NULL, outcome TEXT NOT NULL, key TEXT UNIQUE,
            digest TEXT NOT NULL, record {integer}, state {bytes} NOT NULL, sum {bytes} NOT NULL,
            PRIMARY KEY (run, number)){end}""",
        "ALTER TABLE statesig_leases ADD COLUMN signals {integer} NOT NULL DEFAULT 0",
    ),
)
"""Migrations of the tables from each version to the next, one transaction each. Entries are never changed."""

COUNTED: Mapping[int, str] = {0: "runs", 2: "entities"}
"""What is counted since the migration from a version."""


Use = Literal["create", "change", "read"]
"""What a store is opened for: to be made where it is missing, to be changed where it is, or only to be read."""


class Connection(Protocol):
    """The part of a DB-API connection that is used here; it must not begin a transaction by itself."""

    def cursor(self) -> Cursor: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL that differs between databases.

    Args:
        integer: The type of a 64-bit integer.
        bytes: The type of bytes.
        end: The text after a table's column list.
        find_tables: Selects a row if `statesig_migrations` exists.
        lock_tables: Keeps others from migrating until the transaction ends; empty if `begin_writing` does so.
        begin_writing: Begins a transaction that writes.
        begin_reading: Begins a transaction that reads one snapshot of the database.
        for_update: Locks the selected rows; empty if `begin_writing` does so.
    """

    integer: str
    bytes: str
    end: str
    find_tables: str
    lock_tables: str
    begin_writing: str
    begin_reading: str
    for_update: str


class Database(ABC):
    """An SQL database, over one connection that opens on first use.

    Attributes:
        name: Its path or URL in messages.
        dialect: Its SQL dialect.
        use: What it is opened for.
        lock: Held by the thread that uses the connection.
    """

    name: str
    dialect: ClassVar[Dialect]

    def __init__(self, use: Use = "create") -> None:
        self.use: Use = use
        self.lock: threading.RLock = threading.RLock()
        self._connection: Connection | None = None

    def writing(self) -> AbstractContextManager[Cursor]:
        """Run the block in a transaction: commit all its changes, or none."""
        return _Transaction(self, self.dialect.begin_writing)

    def reading(self) -> AbstractContextManager[Cursor]:
        """Let the block read one snapshot of the database."""
        return _Transaction(self, self.dialect.begin_reading)

    def cursor(self) -> Cursor:
        """Return a cursor; open the connection if necessary."""
        connection = self._connection
        if connection is None or self._is_gone(connection):
            connection = self._opened()
        return connection.cursor()

    def close(self) -> None:
        """Close the connection, until the next use."""
        with self.lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def translate(self, exc: BaseException) -> None:
        """Raise the StoreError for a driver's exception, and close the connection; do nothing for other exceptions."""
        error = None if isinstance(exc, StoreError) else self._translated(exc)
        if error is not None:
            with suppress(Exception):  # `exc` is the cause to report
                self.close()
            raise error from exc

    # ---- for a backend to implement

    @abstractmethod
    def _connect(self) -> Connection:
        """Open a connection."""

    @abstractmethod
    def _is_gone(self, connection: Connection) -> bool:
        """Tell whether a connection is known to be unusable."""

    def check_place(self) -> None:  # noqa: B027  # only a file can be removed while it is open
        """Check that the open connection still leads to what its name names: a file may be removed while it is open.

        Raises:
            StoreError: It does not.
        """

    @abstractmethod
    def _translated(self, exc: BaseException) -> StoreError | None:
        """Return the StoreError for a driver's exception; None for other exceptions."""

    # ---- the version of the tables

    def _opened(self) -> Connection:
        """Open a new connection, and migrate the tables to the latest version."""
        self.close()
        self._connection = connection = self._connect()
        try:
            with self.reading() as cursor:
                version = self._version(cursor)
            if version == 0 and self.use != "create":
                raise StoreError(self.name, self._without_tables())
            if self.use == "read" and version < len(MIGRATIONS):
                self.use = "change"  # the tables of an older release are read once they are of this one
                return self._opened()
            while version < len(MIGRATIONS):
                version = self._migrated()
        except BaseException:
            self.close()
            raise
        return connection

    def _without_tables(self) -> str:
        """Return why a store may have no tables, and what can be done."""
        return "nothing was ever stored in it; is it the right one?"

    def _migrated(self) -> int:
        """Migrate the tables by one version, unless another process has finished that; return the version."""
        with self.writing() as cursor:
            if self.dialect.lock_tables:
                cursor.execute(self.dialect.lock_tables)
            version = self._version(cursor)
            if version == len(MIGRATIONS):
                return version
            words = {"integer": self.dialect.integer, "bytes": self.dialect.bytes, "end": self.dialect.end}
            for statement in MIGRATIONS[version]:
                cursor.execute(statement.format_map(words))
            if version in COUNTED:
                cursor.execute("INSERT INTO statesig_counters VALUES (?, ?, ?)", counter_row(COUNTED[version], 0))
            cursor.execute("INSERT INTO statesig_migrations VALUES (?, ?)", migration_row(version + 1))
        return version + 1

    def _version(self, cursor: Cursor) -> int:
        cursor.execute(self.dialect.find_tables)
        if cursor.fetchone() is None:
            return 0
        cursor.execute("SELECT * FROM statesig_migrations ORDER BY version")
        version = version_of(self.name, cursor.fetchall())
        if version > len(MIGRATIONS):
            raise StoreError(
                self.name,
                f"its tables are of version {version}, made by a newer statesig; this one knows version "
                f"{len(MIGRATIONS)}: update statesig",
            )
        return version


class _Transaction:
    """Commit all changes of the block or none; keep other threads from the connection meanwhile.

    A class because it is faster than a generator, and each transition of each task waits for it.
    """

    __slots__ = ("_begin", "_cursor", "_database")

    _cursor: Cursor

    def __init__(self, database: Database, begin: str) -> None:
        self._database = database
        self._begin = begin

    def __enter__(self) -> Cursor:
        self._database.lock.acquire()
        try:
            self._cursor = self._database.cursor()
            self._database.check_place()
            self._cursor.execute(self._begin)
        except BaseException as exc:
            try:
                self._database.translate(exc)
            finally:
                self._database.lock.release()
            raise
        return self._cursor

    def __exit__(self, cls: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if exc is not None:
                self._undo(exc)
                return
            try:
                self._cursor.execute("COMMIT")
                self._database.check_place()  # what is acknowledged can be found again
            except BaseException as failure:
                self._undo(failure)
                raise
        finally:
            self._database.lock.release()

    def _undo(self, exc: BaseException) -> None:
        with suppress(Exception):  # if it fails, the database rolls back when the connection ends, or already has
            self._cursor.execute("ROLLBACK")
        self._database.translate(exc)
