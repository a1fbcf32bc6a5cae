"""A connection to an SQL database that a store's threads share: its transactions, and the version of its tables.

What may go wrong in a driver comes out as StoreError. Nothing here may know what the rows say.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import ClassVar, Protocol

from statesig.errors import StoreError
from statesig.rows import Row, counter_row, migration_row, version_of

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
)
"""What brings the tables from each version to the next, in one transaction each. Entries are added, never changed."""


class Cursor(Protocol):
    """What is used of a cursor of Python's database interface; parameters stand as ``?`` in its statements."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, sql: str, parameters: Row = ..., /) -> object: ...
    def executemany(self, sql: str, rows: Iterable[Row], /) -> object: ...
    def fetchone(self) -> Row | None: ...
    def fetchall(self) -> list[Row]: ...
    def close(self) -> None: ...


class Connection(Protocol):
    """What is used of a connection; it begins no transaction by itself."""

    def cursor(self) -> Cursor: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """What databases say in ways of their own.

    Args:
        integer: The type of a number of 64 bits.
        bytes: The type of bytes.
        end: What follows the columns of a table.
        find_tables: Selects a row where `statesig_migrations` is.
        lock_tables: Keeps others from migrating until the transaction ends; empty where beginning to write does so.
        begin_writing: Begins a transaction.
        begin_reading: Begins one that sees the database as it is at one moment.
        for_update: Locks the rows that are selected; empty where beginning to write does so.
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
    """An SQL database, over one connection that is opened when it is needed.

    Attributes:
        name: Where it is, for people.
        dialect: How statements are written for it.
    """

    name: str
    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._connection: Connection | None = None

    def open(self) -> None:
        """Open the connection, and bring the tables to the version that is known here."""
        with self._lock, self._translating():
            if self._connection is not None and self._is_gone(self._connection):
                self.close()
            if self._connection is None:
                self._connection = self._connected()

    def close(self) -> None:
        """Close the connection, until the next use."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def writing(self) -> AbstractContextManager[Cursor]:
        """Commit what the block does, or nothing of it."""
        return self._transaction(self.dialect.begin_writing)

    def reading(self) -> AbstractContextManager[Cursor]:
        """Let the block read the database as it is at one moment."""
        return self._transaction(self.dialect.begin_reading)

    # ---- what a backend adds

    @abstractmethod
    def _connect(self) -> Connection:
        """Open a connection."""

    @abstractmethod
    def _is_gone(self, connection: Connection) -> bool:
        """Return whether a connection is known to be of no use any more."""

    @abstractmethod
    def _translated(self, exc: Exception) -> StoreError | None:
        """Return what an exception of the driver means; None for another one."""

    # ---- transactions

    @contextmanager
    def _transaction(self, begin: str) -> Generator[Cursor, None, None]:
        with self._lock, self._translating():
            self.open()
            assert self._connection is not None
            with _transaction_on(self._connection, begin) as cursor:
                yield cursor

    @contextmanager
    def _translating(self) -> Generator[None, None, None]:
        """Raise the driver's exceptions as StoreError, and close the connection: the next use opens it again."""
        try:
            yield
        except StoreError:
            raise
        except Exception as exc:
            error = self._translated(exc)
            if error is None:
                raise
            with suppress(Exception):  # it is `exc` that tells what went wrong
                self.close()
            raise error from exc

    # ---- the version of the tables

    def _connected(self) -> Connection:
        connection = self._connect()
        try:
            with _transaction_on(connection, self.dialect.begin_reading) as cursor:
                version = self._version(cursor)
            while version < len(MIGRATIONS):
                version = self._migrated(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrated(self, connection: Connection) -> int:
        """Bring the tables one version further, unless another has brought them to the last; return the version."""
        with _transaction_on(connection, self.dialect.begin_writing) as cursor:
            if self.dialect.lock_tables:
                cursor.execute(self.dialect.lock_tables)
            version = self._version(cursor)
            if version == len(MIGRATIONS):
                return version
            words = {"integer": self.dialect.integer, "bytes": self.dialect.bytes, "end": self.dialect.end}
            for statement in MIGRATIONS[version]:
                cursor.execute(statement.format_map(words))
            if version == 0:
                cursor.execute("INSERT INTO statesig_counters VALUES (?, ?, ?)", counter_row("runs", 0))
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


@contextmanager
def _transaction_on(connection: Connection, begin: str) -> Generator[Cursor, None, None]:
    cursor = connection.cursor()
    try:
        cursor.execute(begin)
        try:
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            with suppress(Exception):  # where it fails, the database has done so, or does when the connection is closed
                cursor.execute("ROLLBACK")
            raise
    finally:
        cursor.close()
