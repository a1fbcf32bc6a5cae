"""Find what is damaged in a store: the one place that says when a run, a cached state or an entity is whole.

Nothing here may change a row. `rows` checks single rows; this module knows which rows belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from statesig.errors import StoreDamaged
from statesig.stores.database import COUNTED
from statesig.stores.rows import (
    check_run,
    counter_of,
    damaged,
    entity_of,
    is_whole_cached,
    records_of,
    shown,
    signals_of,
    stored_run,
    versions_of,
)
from statesig.stores.store import Contents, Cursor, OnDamage, Row, StoredEntity

__all__ = [
    "CACHE",
    "ENTITY_TABLES",
    "PAGE",
    "RUN_TABLES",
    "changes",
    "contents",
    "damage_of_counts",
    "damaged_among",
    "page",
    "signals_page",
]

RUN_TABLES: Final = {"runs": "id", "plans": "run", "leases": "run", "history": "run", "signals": "run"}
"""The tables with rows of runs, and the column of each that has the run's identity."""

CACHE: Final = {"cache": "key"}
"""The table of cached states, and its key."""

ENTITY_TABLES: Final = {"entities": "key", "changes": "key"}
"""The tables with rows of entities, and the column of each that has the entity's key."""

PAGE: Final = 1000
"""The number of records, or of versions of an entity, to read at once."""


def contents(cursor: Cursor) -> Contents:
    """Return what is in a store: every identity of which there is a row in any table."""
    return Contents(_identities(cursor, RUN_TABLES), _identities(cursor, CACHE), _identities(cursor, ENTITY_TABLES))


def damaged_among(store: str, cursor: Cursor, among: Contents, tell: OnDamage) -> Contents:
    """Return which runs, cached states and entities are damaged, and tell each damage.

    Args:
        store: The store's name.
        cursor: Reads one snapshot, or has locked what may change.
        among: The runs, the cached states and the entities to read.
        tell: Called with the error of each damaged part.
    """
    runs = (run for run in among.runs if _is_told(_damage_of_run(store, cursor, run), tell))
    cached = (key for key in among.cached if _is_told(_damage_of_cached(store, cursor, key), tell))
    entities = (key for key in among.entities if _is_told(_damage_of_entity(store, cursor, key), tell))
    return Contents(tuple(runs), tuple(cached), tuple(entities))


def damage_of_counts(store: str, cursor: Cursor) -> Iterator[StoreDamaged]:
    """Yield the error of each number, of runs or of entities, that is not the number of their rows."""
    for name in COUNTED.values():
        yield from _raised(partial(_check_count, store, cursor, name))


def _check_count(store: str, cursor: Cursor, name: str) -> None:
    cursor.execute("SELECT * FROM statesig_counters WHERE name = ?", (name,))
    row = cursor.fetchone()
    cursor.execute(f"SELECT count(*) FROM statesig_{name}")
    if (counter_of(store, name, row),) != cursor.fetchone():
        raise damaged(store, f"the number of {name}")


def _damage_of_run(store: str, cursor: Cursor, run: str) -> Iterator[StoreDamaged]:
    """Yield an error for each part of a run that is damaged or missing: its row, plan, lease, history and signals.

    A run without any row is not damaged: another process has removed it.
    """
    row = _one(cursor, "runs", run)
    if row is None:
        if any(_one(cursor, table, run) for table in RUN_TABLES):
            yield damaged(store, f"the row of run {shown(run)}, which is missing,")
        return
    whole, length = row, row[5]
    broken = list(_raised(lambda: check_run(store, whole)))
    if broken:
        yield from broken
        return  # only an undamaged row says how long the history is
    plan, lease = _one(cursor, "plans", run), _one(cursor, "leases", run)
    yield from _raised(lambda: stored_run(store, whole, plan))
    yield from _raised(lambda: signals_of(store, run, signals_page(cursor, run), lease))  # and the lease
    yield from _raised(lambda: _check_history(store, cursor, run, length))


def _damage_of_cached(store: str, cursor: Cursor, key: str) -> Iterator[StoreDamaged]:
    """Yield the error of a cached state that is damaged."""
    row = _one(cursor, "cache", key)
    if row is not None and not is_whole_cached(row):
        yield damaged(store, f"the cached state {shown(key)}")


def _damage_of_entity(store: str, cursor: Cursor, key: str) -> Iterator[StoreDamaged]:
    """Yield the error of an entity whose row, or a row of its changes, is damaged or missing."""
    row = _one(cursor, "entities", key)
    if row is None:
        if _one(cursor, "changes", key):
            yield damaged(store, f"the row of entity {shown(key)}, which is missing,")
        return
    yield from _raised(lambda: _check_changes(store, cursor, entity_of(store, key, row)))


def changes(cursor: Cursor, entity: StoredEntity, version: int) -> list[Row]:
    """Return the next rows of an entity's changes, from the one after a version; fewer only where some are missing."""
    cursor.execute(_SELECT_CHANGES, (entity.key, version, min(entity.version, version + PAGE)))
    return cursor.fetchall()


def _check_changes(store: str, cursor: Cursor, entity: StoredEntity) -> None:
    for version in range(0, entity.version, PAGE):
        until = min(entity.version, version + PAGE)
        for _ in versions_of(store, entity, version, until, changes(cursor, entity, version)):
            pass
    cursor.execute("SELECT count(*) FROM statesig_changes WHERE key = ?", (entity.key,))
    if cursor.fetchone() != (entity.version,):
        raise damaged(store, f"the history of entity {shown(entity.key)}, which has versions beyond {entity.version},")


def page(cursor: Cursor, run: str, seq: int, length: int) -> list[Row]:
    """Return the next rows of a history, from the one after record `seq`; fewer only where some are missing."""
    cursor.execute(_SELECT_HISTORY, (run, seq, min(length, seq + PAGE)))
    return cursor.fetchall()


def signals_page(cursor: Cursor, run: str) -> list[Row]:
    """Return the rows of all signals to a run, in order."""
    cursor.execute("SELECT * FROM statesig_signals WHERE run = ? ORDER BY number", (run,))
    return cursor.fetchall()


def _check_history(store: str, cursor: Cursor, run: str, length: int) -> None:
    for seq in range(0, length, PAGE):
        for _ in records_of(store, run, seq, min(length, seq + PAGE), page(cursor, run, seq, length)):
            pass
    cursor.execute("SELECT count(*) FROM statesig_history WHERE run = ?", (run,))
    (number,) = cursor.fetchone() or (length,)
    if number != length:
        raise damaged(store, f"the history of run {shown(run)}, which has records beyond its {length},")


def _identities(cursor: Cursor, tables: Mapping[str, str]) -> tuple[str, ...]:
    union = " UNION ".join(f"SELECT {key} FROM statesig_{table}" for table, key in tables.items())
    cursor.execute(union)
    return tuple(sorted((row[0] for row in cursor.fetchall()), key=str))  # damage can make one anything


def _is_told(errors: Iterable[StoreDamaged], tell: OnDamage) -> bool:
    found = False
    for error in errors:
        tell(error)
        found = True
    return found


def _one(cursor: Cursor, table: str, identity: str) -> Row | None:
    key = (RUN_TABLES | CACHE | ENTITY_TABLES)[table]
    cursor.execute(f"SELECT * FROM statesig_{table} WHERE {key} = ?", (identity,))
    return cursor.fetchone()


def _raised(check: Callable[[], object]) -> Iterator[StoreDamaged]:
    try:
        check()
    except StoreDamaged as exc:
        yield exc


_SELECT_CHANGES = "SELECT * FROM statesig_changes WHERE key = ? AND version > ? AND version <= ? ORDER BY version"

_SELECT_HISTORY = "SELECT * FROM statesig_history WHERE run = ? AND seq > ? AND seq <= ? ORDER BY seq"
