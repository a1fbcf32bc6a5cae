"""Read and write the tables of a store in an SQL database, in transactions.

Nothing here may know the kind of database: its `Database` does.

1. A transaction that changes a run first locks the row of its lease, so that changes of one run follow one another.
2. Each row is compared with its checksum when it is read. Counts reveal rows that vanish: the run counts its history, a
   counter the runs; the row of a lease stays as long as its run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter

from statesig.errors import NoRun, RunTaken, StoreDamaged, StoreError
from statesig.states import Finished
from statesig.states.tags import tags_of
from statesig.stores.damage import (
    CACHE,
    ENTITY_TABLES,
    PAGE,
    RUN_TABLES,
    contents,
    damage_of_counts,
    damaged_among,
    page,
)
from statesig.stores.database import COUNTED, Database
from statesig.stores.rows import (
    cache_row,
    check_run,
    counter_row,
    history_rows,
    is_whole_cached,
    lease_of,
    lease_row,
    plan_row,
    records_of,
    run_row,
    sent_row,
    stored_run,
    to_integer,
    to_time,
)
from statesig.stores.sent import INSERT_SIGNAL, add, apply
from statesig.stores.sql_entities import refuse
from statesig.stores.sql_leases import SQLLeases
from statesig.stores.store import Contents, Cursor, Lease, OnDamage, Record, Row, Sent, StoredRun

_logger = logging.getLogger("statesig.store")


class SQLStore(SQLLeases):
    """A store in an SQL database.

    Args:
        database: Its database.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        with self._reading():
            pass  # a database that cannot be opened is an error at once

    def close(self) -> None:
        self._database.close()

    # ---- runs

    def create(self, run: StoredRun, lease: Lease, records: Sequence[Record] = (), *, sent: Sent | None = None) -> None:
        with self._writing() as cursor:
            cursor.execute("SELECT id FROM statesig_runs WHERE id = ?", (run.id,))
            if cursor.fetchone() is not None:
                raise StoreError(self.name, f"run {run.id!r} already exists; give a new run another identity")
            cursor.execute("INSERT INTO statesig_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", run_row(run))
            cursor.execute("INSERT INTO statesig_plans VALUES (?, ?, ?, ?, ?)", plan_row(run))
            row = lease_row(run.id, lease.owner, to_integer(lease.until), lease.cancel, int(sent is not None))
            cursor.execute("INSERT INTO statesig_leases VALUES (?, ?, ?, ?, ?, ?)", row)
            if sent is not None:
                cursor.execute(INSERT_SIGNAL, sent_row(run.id, 1, sent))
            if records:
                cursor.executemany(_INSERT_HISTORY, history_rows(run.id, 0, records))
            self._count(cursor, 1)

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
        state, tag = run.state if state is None else state, run.tag if tag is None else tag
        length, version = run.length + len(records), run.version + 1
        # Not dataclasses.replace, which takes three times as long: this runs for every group of transitions.
        after = StoredRun(
            run.id, run.flow, run.graph, run.parameters, run.created, now, version, length, state, tag, run.origin
        )  # fmt: skip
        _, _, _, changed, _, _, _, _, found = run_row(after)
        rows = history_rows(run.id, run.length, records)
        with self._writing() as cursor:
            cursor.execute(f"SELECT owner FROM statesig_leases WHERE run = ?{self._for_update}", (run.id,))
            if cursor.fetchone() != (owner,):
                self._check_owner(cursor, run.id, owner)
            cursor.execute(_UPDATE_RUN, (changed, version, length, tag, state, found, run.id, run.version))
            if cursor.rowcount != 1:
                raise RunTaken(self.name, f"run {run.id!r} was changed since it was read; read it again")
            cursor.executemany(_INSERT_HISTORY, rows)
            for key, kept, expires in sorted(cached, key=_KEY):  # in one order, or two runs may deadlock
                cursor.execute(_REMEMBER, cache_row(key, expires, kept))
            if applied:
                apply(self.name, cursor, run.id, applied)
            if sent is not None:
                add(self.name, cursor, run.id, self._lease_row(cursor, run.id, ""), sent)
        return after

    def look(self, run: StoredRun) -> StoredRun:
        with self._reading() as cursor:
            row = self._run_row(cursor, run.id)
        if row is None:
            raise NoRun(self.name, f"there is no run {run.id!r}; `statesig runs` lists the runs")
        check_run(self.name, row)
        _, _, _, changed, version, length, tag, state, _ = row
        return replace(run, changed=to_time(changed), version=version, length=length, tag=tag, state=state)

    # ---- reading

    def find(self, run: str) -> StoredRun:
        with self._reading() as cursor:
            row = self._run_row(cursor, run)
            if row is None:
                row = self._only(run, cursor)
            check_run(self.name, row)
            return self._with_plan(cursor, row)

    def history(self, run: StoredRun, *, after: int = 0) -> Iterator[Record]:
        seq = after
        while seq < run.length:
            with self._reading() as cursor:
                rows = page(cursor, run.id, seq, run.length)
            yield from records_of(self.name, run.id, seq, min(run.length, seq + PAGE), rows)
            seq += len(rows)

    def runs(
        self,
        *,
        tag: str | Collection[str] | None = None,
        flow: str | None = None,
        limit: int | None = None,
        after: tuple[datetime, str] | None = None,
        damaged: OnDamage | None = None,
    ) -> list[StoredRun]:
        tell, tags = damaged or refuse, {tag} if isinstance(tag, str) else tag
        found: list[StoredRun] = []
        with self._reading() as cursor:
            # Filtered here, not by the database, which would hide a row whose tag is damaged.
            rows = self._run_rows(cursor, "", tell)
            end = None if after is None else (to_integer(after[0]), after[1])
            rows = [row for row in rows if (tags is None or row[6] in tags) and flow in (None, row[1])]
            for row in sorted((row for row in rows if end is None or _PLACE(row) < end), key=_PLACE, reverse=True):
                if len(found) == limit:
                    break
                try:
                    found.append(self._with_plan(cursor, row))
                except StoreDamaged as exc:
                    tell(exc)
        return found

    def runs_page(
        self,
        *,
        limit: int,
        tags: Collection[str] | None = None,
        flow: str | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[StoredRun]:
        where, values = _conditions(tags, flow, after)
        # A scan of three columns, without an index: one would have no checksums, and hide a run without a trace.
        select = f"SELECT id FROM statesig_runs WHERE {where} ORDER BY created DESC, id DESC LIMIT ? OFFSET ?"
        found: list[StoredRun] = []
        seen = 0
        with self._reading() as cursor:
            while len(found) < limit:  # again where some were damaged
                cursor.execute(select, (*values, limit, seen))
                names = cursor.fetchall()
                found += [run for (name,) in names if (run := self._whole_run(cursor, name)) is not None]
                seen += len(names)
                if len(names) < limit:
                    break
        return found[:limit]

    def prune(self, older_than: datetime, *, damaged: OnDamage | None = None) -> int:
        tell = damaged or refuse
        before, final = to_integer(older_than), tags_of(Finished)
        removed = 0
        with self._writing() as cursor:
            rows = self._run_rows(cursor, self._for_update, tell)
            for row in sorted(row for row in rows if row[6] in final and row[3] < before):
                try:
                    removed += self._is_removed(cursor, row, older_than)
                except StoreDamaged as exc:
                    tell(exc)
            if removed:
                self._count(cursor, -removed)
            cursor.execute("DELETE FROM statesig_cache WHERE expires < ?", (before,))
        return removed

    def _is_removed(self, cursor: Cursor, row: Row, older_than: datetime) -> bool:
        """Remove a run and return True, unless a lease on it ends later or it has changed since its row was read."""
        run, version = row[0], row[4]
        cursor.execute(f"SELECT * FROM statesig_leases WHERE run = ?{self._for_update}", (run,))
        found = cursor.fetchone()
        cursor.execute("SELECT version FROM statesig_runs WHERE id = ?", (run,))
        if cursor.fetchone() != (version,):
            return False
        lease = lease_of(self.name, run, found)
        if lease is not None and lease.until >= older_than:
            return False
        cursor.execute("DELETE FROM statesig_runs WHERE id = ?", (run,))
        for table in ("plans", "history", "signals", "leases"):
            cursor.execute(f"DELETE FROM statesig_{table} WHERE run = ?", (run,))
        return True

    def check(self, damaged: OnDamage) -> Contents:
        with self._reading() as cursor:
            found = contents(cursor)
            damaged_among(self.name, cursor, found, damaged)
            for error in damage_of_counts(self.name, cursor):
                damaged(error)
        return found

    def set_aside(self, keep: Callable[[Sequence[tuple[str, Row]]], object]) -> Contents:
        with self._reading() as cursor:  # others may write meanwhile
            found = damaged_among(self.name, cursor, contents(cursor), _ignore)
        with self._writing() as cursor:
            # Locked before they are counted: another process may be adding one.
            for name in COUNTED.values():
                cursor.execute(f"SELECT name FROM statesig_counters WHERE name = ?{self._for_update}", (name,))
            for run in found.runs:
                cursor.execute(f"SELECT run FROM statesig_leases WHERE run = ?{self._for_update}", (run,))
            for entity in found.entities:
                cursor.execute(f"SELECT key FROM statesig_entities WHERE key = ?{self._for_update}", (entity,))
            found = damaged_among(self.name, cursor, found, _ignore)
            parts = ((RUN_TABLES, found.runs), (CACHE, found.cached), (ENTITY_TABLES, found.entities))
            rows = [row for tables, gone in parts for row in _rows_of(cursor, tables, gone)]
            if rows:
                keep(rows)
            for tables, gone in parts:
                for table, key in tables.items():
                    cursor.executemany(f"DELETE FROM statesig_{table} WHERE {key} = ?", [(one,) for one in gone])
            for name in COUNTED.values():
                cursor.execute(f"SELECT count(*) FROM statesig_{name}")
                (number,) = cursor.fetchone() or (0,)
                cursor.execute(_RECOUNT, counter_row(name, number))
        return found

    def _run_rows(self, cursor: Cursor, lock: str, tell: OnDamage) -> list[Row]:
        """Return the rows of all whole runs: each is checked against its checksum."""
        return [row for row in self._all_rows(cursor, "runs", tell, lock) if self._is_whole(row, tell)]

    def _is_whole(self, row: Row, tell: OnDamage) -> bool:
        try:
            check_run(self.name, row)
        except StoreDamaged as exc:
            tell(exc)
            return False
        return True

    def _only(self, prefix: str, cursor: Cursor) -> Row:
        """Return the row of the only run whose identity begins with a prefix.

        Raises:
            NoRun: No run's identity begins with it, or several do.
            StoreDamaged: No undamaged run's identity begins with it, but a damaged run's may.
        """
        errors: list[StoreDamaged] = []
        rows = self._run_rows(cursor, "", errors.append)
        found = [row for row in rows if row[0].startswith(prefix)] if prefix else []
        if len(found) > 1:
            raise NoRun(self.name, f"{len(found)} runs begin with {prefix!r}; give more of the identity")
        if not found:
            for error in errors:
                raise error
            raise NoRun(self.name, f"there is no run {prefix!r}; `statesig runs` lists the runs")
        return found[0]

    def _run_row(self, cursor: Cursor, run: str) -> Row | None:
        cursor.execute("SELECT * FROM statesig_runs WHERE id = ?", (run,))
        return cursor.fetchone()

    def _whole_run(self, cursor: Cursor, run: str) -> StoredRun | None:
        """Return a run; None if it is damaged."""
        row = self._run_row(cursor, run)
        try:
            return self._with_plan(cursor, row) if row is not None and self._is_whole(row, _ignore) else None
        except StoreDamaged:
            return None

    def _with_plan(self, cursor: Cursor, row: Row) -> StoredRun:
        cursor.execute("SELECT * FROM statesig_plans WHERE run = ?", (row[0],))
        return stored_run(self.name, row, cursor.fetchone())

    # ---- the cache

    def remember(self, key: str, state: bytes, expires: datetime) -> None:
        with self._writing() as cursor:
            cursor.execute(_REMEMBER, cache_row(key, expires, state))

    def recall(self, key: str, now: datetime) -> bytes | None:
        with self._reading() as cursor:
            cursor.execute("SELECT * FROM statesig_cache WHERE key = ?", (key,))
            row = cursor.fetchone()
        if row is None:
            return None
        if row[0] != key or not is_whole_cached(row):
            # A cache may forget but never lie: running the task again is better than failing the run.
            _logger.warning("store %s: a cached state is not what was written; its task is run again", self.name)
            return None
        _, expires, state, _ = row
        return state if expires > to_integer(now) else None


def _rows_of(cursor: Cursor, tables: Mapping[str, str], identities: Sequence[str]) -> list[tuple[str, Row]]:
    """Return all rows of some runs or cached states, each with the name of its table."""
    rows: list[tuple[str, Row]] = []
    for one in identities:
        for table, key in tables.items():
            cursor.execute(f"SELECT * FROM statesig_{table} WHERE {key} = ?", (one,))
            rows += [(table, row) for row in cursor.fetchall()]
    return rows


def _conditions(
    tags: Collection[str] | None, flow: str | None, after: tuple[datetime, str] | None
) -> tuple[str, tuple[str | int, ...]]:
    """Return the condition of a query for runs, and its parameters."""
    parts: list[tuple[str, tuple[str | int, ...]]] = [("TRUE", ())]
    if tags is not None:
        parts.append((f"tag IN ({', '.join('?' * len(tags)) or 'NULL'})", tuple(tags)))
    if flow is not None:
        parts.append(("flow = ?", (flow,)))
    if after is not None:
        parts.append(("(created, id) < (?, ?)", (to_integer(after[0]), after[1])))
    return " AND ".join(part for part, _ in parts), tuple(value for _, values in parts for value in values)


def _ignore(error: StoreDamaged) -> None:
    pass  # what is damaged is moved or left out, not told


_KEY = itemgetter(0)

_PLACE = itemgetter(2, 0)
"""The place of a run's row in the list of runs, in which the latest comes first."""

_UPDATE_RUN = """UPDATE statesig_runs SET changed = ?, version = ?, length = ?, tag = ?, state = ?, sum = ?
    WHERE id = ? AND version = ?"""

_INSERT_HISTORY = "INSERT INTO statesig_history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_RECOUNT = """INSERT INTO statesig_counters VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, sum = excluded.sum"""

_REMEMBER = """INSERT INTO statesig_cache VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET expires = excluded.expires, state = excluded.state, sum = excluded.sum"""
