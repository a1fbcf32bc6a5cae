"""Read and write the leases on runs in an SQL database, and the signals from outside, which the row of a lease counts.

Nothing here may know the kind of database, or append to a run.
"""

from __future__ import annotations

from datetime import datetime

from statesig.errors import NoRun, RunTaken
from statesig.stores.damage import signals_page
from statesig.stores.rows import lease_of, lease_row, sent_of, signals_of, to_integer
from statesig.stores.sent import add, update_lease
from statesig.stores.sql_entities import SQLEntities
from statesig.stores.store import Cursor, Lease, Row, Sent, StoredRun

__all__ = ["SQLLeases"]


class SQLLeases(SQLEntities):
    """The part of a store in an SQL database that keeps leases and signals."""

    def acquire(self, run: StoredRun, lease: Lease, *, now: datetime, instead_of: str | None = None) -> Lease:
        with self._writing() as cursor:
            row = self._lease_row(cursor, run.id, self._for_update)
            held = lease_of(self.name, run.id, row)
            if held is not None and held.owner not in (lease.owner, instead_of) and held.until > now:
                raise RunTaken(
                    self.name,
                    f"another process has the lease on run {run.id!r}; wait for it to end, or until "
                    f"{held.until:%H:%M:%S} UTC if it was killed",
                )
            cursor.execute("SELECT version FROM statesig_runs WHERE id = ?", (run.id,))
            if cursor.fetchone() != (run.version,):
                raise RunTaken(self.name, f"run {run.id!r} was changed since it was read; read it again")
            number = 0 if row is None else row[5]
            return self._write_lease(cursor, lease, cancel=row is not None and bool(row[3]), signals=number)

    def renew(self, lease: Lease) -> Lease:
        with self._writing() as cursor:
            held = self._check_owner(cursor, lease.run, lease.owner)
            return self._write_lease(cursor, lease, cancel=held.cancel, signals=held.signals)

    def release(self, run: str, owner: str) -> bool:
        with self._writing() as cursor:
            held = self._locked_lease(cursor, run)
            if held is None or held.owner != owner:
                return False
            update_lease(cursor, lease_row(run, None, to_integer(held.until), held.cancel, held.signals))
        return held.cancel

    def lease(self, run: str) -> Lease | None:
        with self._reading() as cursor:
            return lease_of(self.name, run, self._lease_row(cursor, run, ""))

    def request_cancel(self, run: str) -> bool:
        with self._writing() as cursor:
            held = self._locked_lease(cursor, run)
            if held is not None:
                self._write_lease(cursor, held, cancel=True, signals=held.signals)
        return held is not None

    def _locked_lease(self, cursor: Cursor, run: str) -> Lease | None:
        return lease_of(self.name, run, self._lease_row(cursor, run, self._for_update))

    def _lease_row(self, cursor: Cursor, run: str, lock: str) -> Row | None:
        cursor.execute(f"SELECT * FROM statesig_leases WHERE run = ?{lock}", (run,))
        row = cursor.fetchone()
        if row is None:
            cursor.execute("SELECT id FROM statesig_runs WHERE id = ?", (run,))
            if cursor.fetchone() is None:
                raise NoRun(self.name, f"there is no run {run!r}; `statesig runs` lists the runs")
        return row

    def _check_owner(self, cursor: Cursor, run: str, owner: str) -> Lease:
        held = self._locked_lease(cursor, run)
        if held is None or held.owner != owner:
            raise RunTaken(self.name, f"this process has no lease on run {run!r} any more; another may have taken it")
        return held

    def _write_lease(self, cursor: Cursor, lease: Lease, *, cancel: bool, signals: int) -> Lease:
        update_lease(cursor, lease_row(lease.run, lease.owner, to_integer(lease.until), cancel, signals))
        return Lease(lease.run, lease.owner, lease.until, cancel, signals)

    # ---- signals from outside

    def send(self, run: StoredRun, sent: Sent, *, count: int, cancel: bool = False) -> Sent:
        with self._writing() as cursor:
            row = self._lease_row(cursor, run.id, self._for_update)
            held = lease_of(self.name, run.id, row)
            cursor.execute("SELECT version FROM statesig_runs WHERE id = ?", (run.id,))
            if row is None or row[5] != count or cursor.fetchone() != (run.version,) or (cancel and held is None):
                raise RunTaken(self.name, f"run {run.id!r} was changed since it was read; read it again")
            return add(self.name, cursor, run.id, row, sent, cancel=cancel)

    def signals(self, run: str) -> list[Sent]:
        with self._reading() as cursor:
            row = self._lease_row(cursor, run, "")
            return signals_of(self.name, run, signals_page(cursor, run), row)

    def sent_with(self, key: str) -> Sent | None:
        with self._reading() as cursor:
            for column in ("key", "key || ''"):  # by the index, and without it: it has no checksums
                cursor.execute(f"SELECT * FROM statesig_signals WHERE {column} = ?", (key,))
                row = cursor.fetchone()
                if row is not None:
                    return sent_of(self.name, row)
        return None
