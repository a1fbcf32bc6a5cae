"""A connection to an SQL database that a store's threads share: its transactions, and the version of its tables.

What may go wrong in a driver comes out as StoreError. Nothing here may know what the rows say.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Protocol

from statesig.errors import StoreError
from statesig.stores.rows import Row, counter_row, migration_row, version_of

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
        lock: Held by the thread that uses the connection.
    """

    name: str
    dialect: ClassVar[Dialect]

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self._connection: Connection | None = None

    def writing(self) -> AbstractContextManager[Cursor]:
        """Commit what the block does, or nothing of it."""
        return _Transaction(self, self.dialect.begin_writing)

    def reading(self) -> AbstractContextManager[Cursor]:
        """Let the block read the database as it is at one moment."""
        return _Transaction(self, self.dialect.begin_reading)

    def cursor(self) -> Cursor:
        """Return a cursor on the connection, which is opened where it is not."""
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
        """Raise what an exception of the driver means, and close the connection; return after any other exception."""
        error = None if isinstance(exc, StoreError) else self._translated(exc)
        if error is not None:
            with suppress(Exception):  # it is `exc` that tells what went wrong
                self.close()
            raise error from exc

    # ---- what a backend adds

    @abstractmethod
    def _connect(self) -> Connection:
        """Open a connection."""

    @abstractmethod
    def _is_gone(self, connection: Connection) -> bool:
        """Return whether a connection is known to be of no use any more."""

    @abstractmethod
    def _translated(self, exc: BaseException) -> StoreError | None:
        """Return what an exception of the driver means; None for another one."""

    # ---- the version of the tables

    def _opened(self) -> Connection:
        """Open the connection anew, and bring the tables to the version that is known here."""
        self.close()
        self._connection = connection = self._connect()
        try:
            with self.reading() as cursor:
                version = self._version(cursor)
            while version < len(MIGRATIONS):
                version = self._migrated()
        except BaseException:
            self.close()
            raise
        return connection

    def _migrated(self) -> int:
        """Bring the tables one version further, unless another has brought them to the last; return the version."""
        with self.writing() as cursor:
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


class _Transaction:
    """Commit what the block does, or nothing of it; keep other threads from the connection meanwhile.

    A class, where a generator would be shorter: each transition of each task waits for it.
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
            except BaseException as failure:
                self._undo(failure)
                raise
        finally:
            self._database.lock.release()

    def _undo(self, exc: BaseException) -> None:
        with suppress(Exception):  # where it fails, the database has undone it, or does when the connection ends
            self._cursor.execute("ROLLBACK")
        self._database.translate(exc)
