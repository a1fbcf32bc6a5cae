"""A store in a SQLite file beside the program: no server.

Nothing here may say what is stored; `sql` does.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter
from urllib.parse import quote

from statesig.errors import StoreError
from statesig.stores.database import Connection, Database, Dialect, Use
from statesig.stores.rows import damaged
from statesig.stores.sql import SQLStore
from statesig.stores.wal import is_log_damaged

__all__ = ["SQLiteStore"]


class SQLiteStore(SQLStore):
    """Runs and their histories in a file. The file is made if it is missing; its folder has to exist.

    The latest changes are in the log beside it, whose name ends in ``-wal``, until SQLite moves them into the file. A
    copy of the file alone is the store as it was earlier, and nothing distinguishes it from a backup made then. Copy a
    store by SQLite's ``VACUUM INTO`` or `sqlite3.Connection.backup`, or both files while no process has them open.

    Args:
        path: The file, on a disk of this machine: several processes cannot share it over a network's file system.
        wait: Seconds for which a transaction waits for those of other processes.
        use: What it is opened for. To be changed or read, it has to exist; to be read, it may be on read-only media.

    Raises:
        StoreError: The file cannot be opened, is not a SQLite file, or was made by a newer statesig.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 30.0, use: Use = "create") -> None:
        super().__init__(_File(os.fspath(path), wait, use))


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

    def __init__(self, path: str, wait: float, use: Use) -> None:
        super().__init__(use)
        if path in ("", ":memory:"):
            raise StoreError(repr(path), "a store is a file that outlives the process; give its path")
        self.name = path
        self.wait = wait
        self._path = os.path.abspath(path)  # the process may go to another folder
        self._file: tuple[int, int] | None = None

    def _connect(self) -> Connection:
        folder = os.path.dirname(self._path)
        if not os.path.isdir(folder):
            raise StoreError(self.name, f"there is no folder {os.path.dirname(self.name) or folder!r}; make it first")
        if self.use != "create" and not os.path.exists(self._path):
            raise StoreError(self.name, "there is no such file")
        if self.use != "create" and os.path.isdir(self._path):
            raise StoreError(self.name, _REASONS[sqlite3.SQLITE_CANTOPEN])
        if self.use != "create" and not _is_filled(self._path):
            raise StoreError(self.name, super()._without_tables())
        with _opening:
            # Not while a connection of this process is open: SQLite's locks would be lost, and the log is in use.
            if not _open_files[os.path.realpath(self._path)] and is_log_damaged(self._path):
                raise damaged(
                    self.name,
                    f"its log {self.name}-wal, left by a process that was killed,",
                    f"or remove {self.name}-shm, and its runs are as they were before the damage",
                )
            connection = self._read_only() if self.use == "read" else self._opened_by(self._path)
            connection.count(os.path.realpath(self._path))
        try:
            if self.use != "read":
                self._make_durable(connection)
            connection.execute("PRAGMA cell_size_check = ON")
            self._file = _identity(self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened_by(self, name: str) -> _Connection:
        """Return a new connection to a path, or to a URI that begins with ``file:``."""
        return sqlite3.connect(
            name,
            timeout=self.wait,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
            uri=name.startswith("file:"),
        )

    def _make_durable(self, connection: sqlite3.Connection) -> None:
        if self._journal_mode(connection) != "wal":
            raise StoreError(self.name, "its file system cannot hold a write-ahead log; use a local disk")
        connection.execute("PRAGMA synchronous = FULL")

    def _read_only(self) -> _Connection:
        """Return a connection that writes nothing; on read-only media one that takes the file as it is.

        Raises:
            StoreError: The media are read-only, and the log holds changes that only a writer can bring into the file.
        """
        uri = f"file:{quote(self._path)}?mode=ro"
        connection = self._opened_by(uri)
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except BaseException as exc:
            connection.close()
            media = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if not isinstance(exc, sqlite3.OperationalError) or _code(exc) not in media:
                raise
        else:
            return connection
        if not _is_filled(f"{self._path}-wal"):
            return self._opened_by(f"{uri}&immutable=1")
        raise StoreError(
            self.name,
            f"it cannot be read where nothing may be written, as its log {self.name}-wal holds changes: copy both "
            "files to a folder that may be written, and read the copy",
        )

    def check_place(self) -> None:
        if self._file is not None and self._connection is not None and self._file != _identity(self._path):
            raise StoreError(self.name, "its file was removed or replaced while it was open; changes are lost with it")

    def _without_tables(self) -> str:
        return (
            f"nothing was ever stored in it, or it was copied without its log {self.name}-wal, which a process that "
            "was killed leaves beside it: copy both files"
        )

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
        return StoreError(self.name, f"SQLite says {exc.sqlite_errorname}; try again when that is put right")

    def _is_gone(self, connection: Connection) -> bool:
        return False


def _identity(path: str) -> tuple[int, int] | None:
    """Return the device and the inode of a file, which no other file has; None if the file is missing."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_filled(path: str) -> bool:
    return os.path.exists(path) and os.path.getsize(path) > 0


_opening = threading.RLock()  # a connection may be closed while another is opened
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
    sqlite3.SQLITE_FULL: "the disk is full; make room, then try again",
    sqlite3.SQLITE_IOERR: "its disk cannot be read or written, or is full; put that right, then try again",
    sqlite3.SQLITE_READONLY: "it may not be written here; give write permission to the file and to its folder",
    sqlite3.SQLITE_PERM: "it may not be opened; give permission to the file and to its folder",
    sqlite3.SQLITE_AUTH: "it may not be opened; give permission to the file and to its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: is it a folder, or is its folder not writable?",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite file, or its beginning is damaged; give another path, or a backup",
    sqlite3.SQLITE_TOOBIG: "a row is larger than SQLite takes, about 1 GB; make it smaller",
}
