"""Read and write the entities of a store in an SQL database, and what these share with runs.

Nothing here may know the kind of database, or a run.

1. A transaction that changes an entity first locks its row; one that adds an entity locks the number of all.
2. The row of an entity counts its changes, so that changes that vanish are missed; changes without that row reveal that
   it vanished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from statesig.errors import EntityChanged, StoreDamaged, StoreError
from statesig.stores.damage import PAGE, changes
from statesig.stores.database import Database
from statesig.stores.rows import counter_of, counter_row, damaged, entity_of, entity_rows, shown, versions_of
from statesig.stores.store import Cursor, OnDamage, Row, Store, StoredEntity

__all__ = ["SQLEntities", "refuse"]


class SQLEntities(Store):
    """The part of a store in an SQL database that keeps entities.

    Args:
        database: Its database.
    """

    def __init__(self, database: Database) -> None:
        self.name: str = database.name
        self._database = database
        self._for_update = database.dialect.for_update
        self._writing = database.writing
        self._reading = database.reading

    def entity(self, key: str) -> StoredEntity | None:
        with self._reading() as cursor:
            return self._entity(cursor, key, "")

    def change_entity(self, after: StoredEntity, also: Callable[[Cursor], object] | None = None) -> None:
        row, change = entity_rows(after)
        try:
            with self._writing() as cursor:
                if after.version == 1:
                    self._number(cursor, self._for_update, "entities")  # nobody else adds one meanwhile
                found = self._entity(cursor, after.key, self._for_update)
                version = 0 if found is None else found.version
                if version != after.version - 1:
                    raise EntityChanged(self.name, after.key, after.version - 1, version)
                cursor.execute(_WRITE, row)
                if found is None:
                    self._count(cursor, 1, "entities")
                cursor.execute("INSERT INTO statesig_changes VALUES (?, ?, ?, ?, ?)", change)
                if also is not None:
                    self._call(also, cursor)
        except _OfCaller as exc:
            error = exc.error
        else:
            return
        raise error  # out here, so that it keeps the context that it has

    def entity_history(self, entity: StoredEntity) -> Iterator[StoredEntity]:
        for version in range(0, entity.version, PAGE):
            with self._reading() as cursor:
                rows = changes(cursor, entity, version)
            yield from versions_of(self.name, entity, version, min(entity.version, version + PAGE), rows)

    def entities(self, *, machine: str | None = None, damaged: OnDamage | None = None) -> list[StoredEntity]:
        tell = damaged or refuse
        with self._reading() as cursor:
            rows = self._all_rows(cursor, "entities", tell)
        found: list[StoredEntity] = []
        for row in rows:
            try:
                found.append(entity_of(self.name, row[0], row))
            except StoreDamaged as exc:
                tell(exc)
        # Filtered and ordered here, not by the database, which would hide a row that is damaged.
        return sorted((one for one in found if machine in (None, one.machine)), key=lambda one: one.key)

    def _entity(self, cursor: Cursor, key: str, lock: str) -> StoredEntity | None:
        cursor.execute(f"SELECT * FROM statesig_entities WHERE key = ?{lock}", (key,))
        row = cursor.fetchone()
        if row is not None:
            return entity_of(self.name, key, row)
        cursor.execute("SELECT version FROM statesig_changes WHERE key = ?", (key,))
        if cursor.fetchone() is not None:
            raise damaged(self.name, f"the row of entity {shown(key)}, which is missing,")
        return None

    def _call(self, also: Callable[[Cursor], object], cursor: Cursor) -> None:
        """Call a caller's function within a transaction.

        Raises:
            _OfCaller: It raised an exception.
            StoreError: It went on after a statement that failed, which leaves its work half done.
        """
        watched = _Watched(cursor)
        try:
            also(watched)
        except Exception as exc:
            raise _OfCaller(exc) from exc
        if watched.failed is not None:
            raise StoreError(self.name, _HALF) from watched.failed

    # ---- the numbers of runs and entities

    def _all_rows(self, cursor: Cursor, name: str, tell: OnDamage, lock: str = "") -> list[Row]:
        """Return the rows of all runs or entities, whose number is compared with the counter.

        A transaction that does not read one snapshot must lock the counter, which keeps others from adding some.
        """
        number = self._number(cursor, lock, name)
        cursor.execute(f"SELECT * FROM statesig_{name}")
        rows = cursor.fetchall()
        if not number == len(rows) == len({row[0] for row in rows}):
            tell(damaged(self.name, f"the number of {name}"))
        return rows

    def _number(self, cursor: Cursor, lock: str, name: str) -> int:
        cursor.execute(f"SELECT * FROM statesig_counters WHERE name = ?{lock}", (name,))
        return counter_of(self.name, name, cursor.fetchone())

    def _count(self, cursor: Cursor, more: int, name: str = "runs") -> None:
        _, value, found = counter_row(name, self._number(cursor, self._for_update, name) + more)
        cursor.execute("UPDATE statesig_counters SET value = ?, sum = ? WHERE name = ?", (value, found, name))


_WRITE = """INSERT INTO statesig_entities VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET machine = excluded.machine, version = excluded.version, time = excluded.time,
        state = excluded.state, sum = excluded.sum"""


class _OfCaller(Exception):
    """Carries what a caller's function raised out of a transaction, which takes it for none of the driver's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


_HALF = (
    "a statement of `also` failed and its error was caught, so nothing is written; let the error out, or roll back to "
    "a savepoint before it"
)


class _Watched:
    """A caller's cursor, which remembers a statement that failed until it is rolled back to a savepoint.

    PostgreSQL refuses to commit after one, and SQLite does not: here both are alike.

    Attributes:
        failed: The error of the statement.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.fetchone = cursor.fetchone
        self.fetchall = cursor.fetchall
        self.failed: Exception | None = None

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    def execute(self, sql: str, parameters: Row = (), /) -> object:
        self._run(lambda: self._cursor.execute(sql, parameters))
        words = sql.upper().split()
        if words[:1] == ["ROLLBACK"] and "TO" in words:
            self.failed = None
        return self

    def executemany(self, sql: str, rows: Iterable[Row], /) -> object:
        self._run(lambda: self._cursor.executemany(sql, rows))
        return self

    def _run(self, statement: Callable[[], object]) -> None:
        try:
            statement()
        except Exception as exc:
            self.failed = exc
            raise


def refuse(error: StoreDamaged) -> NoReturn:
    """Raise the error of what is damaged, where nobody listens."""
    raise error
