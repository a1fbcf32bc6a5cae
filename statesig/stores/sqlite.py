"""A store in a SQLite file beside the program: no server.

Nothing here may say what is stored; `sql` does.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter

from statesig.errors import StoreError
from statesig.stores.database import Connection, Database, Dialect
from statesig.stores.rows import damaged
from statesig.stores.sql import SQLStore
from statesig.stores.wal import is_log_damaged

__all__ = ["SQLiteStore"]


class SQLiteStore(SQLStore):
    """Runs and their histories in a file. The file is made if it is missing; its folder has to exist.

    Args:
        path: The file, on a disk of this machine: several processes cannot share it over a network's file system.
        wait: Seconds for which a transaction waits for those of other processes.

    Raises:
        StoreError: The file cannot be opened, is not a SQLite file, or was made by a newer statesig.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 30.0) -> None:
        super().__init__(_File(os.fspath(path), wait))


class _File(Database):
    dialect = Dialect(
        integer="INTEGER",
        bytes="BLOB",
        end=" WITHOUT ROWID",  # a table alone is one tree of pages; a row is found in it or nowhere
        find_tables="SELECT 1 FROM sqlite_master WHERE name = 'statesig_migrations'",
        lock_tables="",
        # A plain BEGIN that reads first and then writes fails at once when another process has written in between.
        begin_writing="BEGIN IMMEDIATE",
        begin_reading="BEGIN",
        for_update="",
    )

    def __init__(self, path: str, wait: float) -> None:
        super().__init__()
        if path in ("", ":memory:"):
            raise StoreError(repr(path), "a store is a file that outlives the process; give its path")
        self.name = path
        self.wait = wait

    def _connect(self) -> Connection:
        folder = os.path.dirname(self.name) or "."
        if not os.path.isdir(folder):
            raise StoreError(self.name, f"there is no folder {folder!r}; make it first")
        with _opening:
            # Not while a connection of this process is open: SQLite's locks would be lost, and the log is in use.
            if not _open_files[os.path.realpath(self.name)] and is_log_damaged(self.name):
                raise damaged(
                    self.name,
                    f"its log {self.name}-wal, left by a process that was killed,",
                    f"or remove {self.name}-shm, and its runs are as they were before the damage",
                )
            connection = sqlite3.connect(
                self.name, timeout=self.wait, isolation_level=None, check_same_thread=False, factory=_Connection
            )
            connection.count(os.path.realpath(self.name))
        try:
            mode = self._journal_mode(connection)
            if mode != "wal":
                raise StoreError(self.name, "its file system cannot hold a write-ahead log; use a local disk")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cell_size_check = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _journal_mode(self, connection: sqlite3.Connection) -> object:
        """Turn the write-ahead log on. SQLite does not wait for other processes here, so this does."""
        end = time.monotonic() + self.wait
        while True:
            try:
                return connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError as exc:
                if _code(exc) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            time.sleep(0.01)

    def _translated(self, exc: BaseException) -> StoreError | None:
        if isinstance(exc, UnicodeError):
            return StoreError(self.name, "a name has half a surrogate pair in it, which is no text; rename it")
        if not isinstance(exc, sqlite3.Error):
            return None
        code = _code(exc)
        if code == sqlite3.SQLITE_CORRUPT or (code is None and isinstance(exc, sqlite3.OperationalError)):
            return damaged(self.name, "the file")  # without a code: a text that Python cannot decode
        if code is None:
            return None
        if code == sqlite3.SQLITE_BUSY:
            return StoreError(self.name, f"another process has it locked, for {self.wait:g} s by now; wait for its end")
        if code in _REASONS:
            return StoreError(self.name, _REASONS[code])
        return StoreError(self.name, f"SQLite says {exc.sqlite_errorname}; resume the run when that is put right")

    def _is_gone(self, connection: Connection) -> bool:
        return False


_opening = threading.Lock()
_open_files: Counter[str] = Counter()
"""How many connections of this process are open, by the real path of their file."""


class _Connection(sqlite3.Connection):
    """A connection that is counted while it is open."""

    _file: str | None = None

    def count(self, file: str) -> None:
        """Count this connection among those that are open to a file."""
        self._file = file
        _open_files[file] += 1

    def close(self) -> None:
        super().close()
        with _opening:
            file, self._file = self._file, None
            if file is not None:
                _open_files[file] -= 1


def _code(exc: sqlite3.Error) -> int | None:
    """Return SQLite's primary result code, https://sqlite.org/rescode.html; None for an error of Python's module."""
    code: int | None = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full; make room, then resume the run",
    sqlite3.SQLITE_IOERR: "its disk cannot be read or written, or is full; put that right, then resume the run",
    sqlite3.SQLITE_READONLY: "it may not be written here; give write permission to the file and to its folder",
    sqlite3.SQLITE_PERM: "it may not be opened; give permission to the file and to its folder",
    sqlite3.SQLITE_AUTH: "it may not be opened; give permission to the file and to its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: is it a folder, or is its folder not writable?",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite file, or its beginning is damaged; give another path, or a backup",
    sqlite3.SQLITE_TOOBIG: "a row is larger than SQLite takes, about 1 GB; let the task return less",
}
