"""A store in a PostgreSQL database, which several machines may share.

Nothing here may know the stored data: `sql` does. The driver must not be loaded before a store is opened.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from statesig.errors import StoreError
from statesig.stores.database import Connection, Database, Dialect, Use
from statesig.stores.rows import damaged
from statesig.stores.sql import SQLStore
from statesig.stores.store import Row

if TYPE_CHECKING:
    import psycopg

__all__ = ["PostgresStore"]

_PARAMETERS = {
    # Bounds after which a silent server counts as lost, unless the URL gives others.
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "fallback_application_name": "statesig",
}

_SESSION = """SELECT
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
        ELSE current_setting('synchronous_commit') END, false),
    set_config('lock_timeout', '30s', false),
    set_config('idle_in_transaction_session_timeout', '60s', false)"""
"""Make commits durable whatever the server's settings, and keep a stopped process from blocking the others."""


class PostgresStore(SQLStore):
    """Runs and their histories in a PostgreSQL database; creates missing tables.

    Args:
        url: ``postgresql://user:password@host:port/database``, with the parameters of libpq,
            https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. Missing parts
            come from the environment and the password file, as for every client of PostgreSQL.

        use: What it is opened for. To be changed or read, its tables have to be there.

    Raises:
        StoreError: The database is out of reach, its tables are of a newer statesig, or the extra
            ``statesig[postgres]`` is not installed.
    """

    def __init__(self, url: str, *, use: Use = "create") -> None:
        super().__init__(_Server(url, use))


class _Server(Database):
    dialect = Dialect(
        integer="BIGINT",
        bytes="BYTEA",
        end="",
        # Not to_regclass: it ignores the transaction's snapshot, and may miss a table that another has just created.
        find_tables="""SELECT 1 FROM pg_catalog.pg_class
            WHERE relname = 'statesig_migrations' AND pg_catalog.pg_table_is_visible(oid)""",
        lock_tables="SELECT pg_advisory_xact_lock(8315161620061931878)",  # an arbitrary number, unlikely to be in use
        begin_writing="BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        begin_reading="BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        for_update=" FOR UPDATE",
    )

    def __init__(self, url: str, use: Use) -> None:
        super().__init__(use)
        try:
            import psycopg.conninfo
        except ImportError as exc:
            reason = "the driver of PostgreSQL is not installed: pip install 'statesig[postgres]'"
            raise StoreError("postgresql://...", reason) from exc
        self._driver = psycopg
        parameters = _parameters_of(url)
        self.name = _name_of(parameters)
        self._conninfo = psycopg.conninfo.make_conninfo("", **_PARAMETERS | parameters)

    def _connect(self) -> Connection:
        connection = _Connection(self._driver.connect(self._conninfo, autocommit=True))
        try:
            connection.cursor().execute(_SESSION)
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_gone(self, connection: Connection) -> bool:
        return isinstance(connection, _Connection) and connection.is_gone()

    def _translated(self, exc: BaseException) -> StoreError | None:
        if isinstance(exc, UnicodeError):
            return StoreError(self.name, "a name has half a surrogate pair in it, which is no text; rename it")
        if not isinstance(exc, self._driver.Error):
            return None
        code = exc.sqlstate
        if code is None and isinstance(exc, self._driver.DataError):
            code = "22000"  # the driver could not convert a value
        if code is None and isinstance(exc, self._driver.OperationalError):
            return StoreError(self.name, _OUT_OF_REACH)
        if code is None:
            return StoreError(self.name, f"its driver says {type(exc).__name__}; try again when that is put right")
        if code in ("XX001", "XX002"):
            return damaged(self.name, "the database")
        return StoreError(self.name, _reason(code, type(exc).__name__))


class _Connection:
    """A connection of psycopg as a `Connection` of `database`."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def cursor(self) -> _Cursor:
        return _Cursor(self._connection.cursor())

    def close(self) -> None:
        self._connection.close()

    def is_gone(self) -> bool:
        """Tell whether it is closed, or has unrequested input, which announces its end."""
        if self._connection.closed:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection.fileno(), selectors.EVENT_READ)
            return bool(selector.select(0))


class _Cursor:
    """A cursor of psycopg that marks parameters by ``?``."""

    def __init__(self, cursor: psycopg.Cursor[Row]) -> None:
        self._cursor = cursor
        self.fetchone = cursor.fetchone
        self.fetchall = cursor.fetchall

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def execute(self, sql: str, parameters: Row = (), /) -> object:
        return self._cursor.execute(_marked(sql), parameters)

    def executemany(self, sql: str, rows: Iterable[Row], /) -> None:
        self._cursor.executemany(_marked(sql), rows)


@lru_cache(maxsize=256)  # statements of a user's own may be many
def _marked(sql: str) -> bytes:
    """Return a statement in psycopg's form; each question mark is a parameter, and a percent sign itself."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


def _parameters_of(url: str) -> dict[str, str]:
    """Return the parameters of libpq in a URL.

    Raises:
        StoreError: The URL is malformed. The text never repeats it, and drops the driver's error, which does.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        raise StoreError("postgresql://...", _NO_URL) from None
    # A password with an unescaped @, / or ? is split there, and its rest taken for a host or a database.
    authority, _, path = url.partition("://")[2].partition("?")[0].partition("/")
    port = parameters.get("port", "").replace(",", "")
    if authority.count("@") > 1 or "@" in path or (port and not port.isdecimal()):
        raise StoreError("postgresql://...", _NO_URL)
    return parameters


def _name_of(parameters: dict[str, str]) -> str:
    host = parameters.get("host") or parameters.get("hostaddr") or ""
    port = f":{parameters['port']}" if parameters.get("port") else ""
    return f"postgresql://{host}{port}/{parameters.get('dbname') or ''}"


_NO_URL = (
    "the URL does not have the form postgresql://user:password@host:port/database; write @ in a part as %40, / as %2F"
)

_OUT_OF_REACH = (
    "the server is out of reach or has ended the connection, or refuses the user, the password or the database; "
    "put that right, then try again"
)

_REASONS = {
    # https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest matching prefix wins.
    "08": _OUT_OF_REACH,
    "22": "a text contains a character that PostgreSQL cannot store, such as NUL; rename it",
    "25006": "the database is read-only; if it is a standby, give the URL of its primary server",
    "25P03": "this process stalled in a transaction, which was rolled back; try again",
    "28": "the server refuses the user or the password; put that right in the URL",
    "3D": "the server has no such database; create it first",
    "40": "a transaction of another process conflicted with this one; try again",
    "42501": "the user may not do this; grant it CREATE on the schema, and all on its tables statesig_...",
    "53100": "the server's disk is full; make room, then try again",
    "53300": "the server has too many connections; try again when it has fewer",
    "54": "a row is larger than PostgreSQL takes, about 1 GB; make it smaller",
    "55P03": "another process has held a lock for 30 s; wait for that process to end",
    "57P": _OUT_OF_REACH,
}


def _reason(code: str, name: str) -> str:
    for length in (5, 3, 2):
        if code[:length] in _REASONS:
            return _REASONS[code[:length]]
    return f"PostgreSQL says {code} ({name}); try again when that is put right"
