"""Read and write the entities of a store in an SQL database, and what these share with runs.

Nothing here may know the kind of database, or a run.

1. A transaction that changes an entity first locks its row; one that adds an entity locks the number of all.
2. The row of an entity counts its changes, so that changes that vanish are missed; changes without that row reveal that
   it vanished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from statesig.errors import EntityChanged, StoreDamaged
from statesig.stores.damage import PAGE, changes
from statesig.stores.database import Database
from statesig.stores.rows import counter_of, counter_row, damaged, entity_of, entity_rows, shown, versions_of
from statesig.stores.store import Cursor, OnDamage, Store, StoredEntity

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
                if also is not None:
                    _call(also, cursor)
                # The last statement: PostgreSQL refuses it where the caller went on after a failed one.
                cursor.execute("INSERT INTO statesig_changes VALUES (?, ?, ?, ?, ?)", change)
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
            number = self._number(cursor, "", "entities")
            cursor.execute("SELECT * FROM statesig_entities")
            rows = cursor.fetchall()
        if not number == len(rows) == len({row[0] for row in rows}):
            tell(_miscounted(self.name))
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

    # ---- the numbers of runs and entities

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


def _call(also: Callable[[Cursor], object], cursor: Cursor) -> None:
    try:
        also(cursor)
    except Exception as exc:
        raise _OfCaller(exc) from exc


def _miscounted(store: str) -> StoreDamaged:
    return damaged(store, "the number of entities")


def refuse(error: StoreDamaged) -> NoReturn:
    """Raise the error of what is damaged, where nobody listens."""
    raise error
