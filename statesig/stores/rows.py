"""Convert runs, records, leases and entities to rows and back, each row with a checksum; the same for every backend.

Nothing here may talk to a database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from statesig.errors import StoreDamaged
from statesig.stores.store import Lease, Record, Row, Sent, StoredEntity, StoredRun

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_RUN, _PLAN, _LEASE, _HISTORY, _CACHE, _ENTITY, _CHANGE, _SIGNAL, _COUNTER, _MIGRATION = (
    # Copied for each row: creating one takes as long as hashing a row.
    blake2b(digest_size=8, person=table)
    for table in (
        b"run",
        b"plan",
        b"lease",
        b"history",
        b"cache",
        b"entity",
        b"change",
        b"signal",
        b"counter",
        b"migration",
    )
)


def to_integer(time: datetime) -> int:
    """Return an aware time as microseconds since 1970 in UTC: exact, and in the order of times."""
    return (time - _EPOCH) // _MICROSECOND


def to_time(microseconds: int) -> datetime:
    """Return the time of a number from `to_integer`, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def checksum(table: blake2b, values: Row, payload: bytes = b"") -> bytes:
    """Return the checksum of a row: over its table, its columns and its long column.

    ``ascii`` of a tuple of texts, numbers, bytes and None is an unambiguous literal, the same in every Python release
    (``repr`` depends on the release's Unicode tables). A literal marks its end, so the payload can follow.

    Raises:
        TypeError: The payload is not bytes.
    """
    digest = table.copy()
    digest.update(ascii(values).encode() + payload)
    return digest.digest()


def is_whole(table: blake2b, found: object, values: Row, payload: Any = b"") -> bool:
    """Tell whether a row reads as it was written; its columns may have any type."""
    try:
        return found == checksum(table, values, payload)
    except TypeError:
        return False


_ASIDE: Final = "or set what is damaged aside: statesig check-store STORE --set-aside FILE"


def damaged(store: str, what: str, other: str = _ASIDE) -> StoreDamaged:
    """Return the error for a damaged part of a store, with a remedy."""
    return StoreDamaged(store, f"{what} is not what was written; restore the store from a backup, {other}")


# ---- histories: (run, seq, task, idx, attempt, time, worker, lost, state, sum, try); an empty task is the run itself


def history_rows(run: str, length: int, records: Sequence[Record]) -> list[Row]:
    """Return the rows of records that follow the first `length` records of a history."""
    rows: list[Row] = []
    for seq, record in enumerate(records, length + 1):
        worker = record.worker
        values = (
            run,
            seq,
            str(record.task or ""),  # `ascii` would show a StrEnum as its member
            record.index,
            record.attempt,
            to_integer(record.time),
            worker if worker is None else str(worker),
            record.lost,
        )
        found = checksum(_HISTORY, _with_try(values, record.try_number), record.state)
        rows.append((*values, record.state, found, record.try_number))
    return rows


def _with_try(values: Row, number: Any) -> Row:
    """Return the values that a record's checksum covers: rows of first tries keep those of version 1."""
    return values if number == 1 else (*values, number)


def record_of(store: str, run: str, seq: int, row: Row) -> Record:
    """Return the record in a row, which must have this `run` and `seq`.

    Raises:
        StoreDamaged: The row has another place, or is damaged.
    """
    *values, state, found, number = row
    _, at, task, index, attempt, time, worker, lost = values
    if at != seq or not is_whole(_HISTORY, found, _with_try(tuple(values), number), state):
        raise damaged(store, f"record {seq} in the history of run {run!r}")
    return Record(task or None, index, attempt, to_time(time), worker, lost, state, number)


def records_of(store: str, run: str, seq: int, until: int, rows: Sequence[Row]) -> Iterator[Record]:
    """Yield the records of a history after the first `seq` up to `until`, from their rows.

    Raises:
        StoreDamaged: A record is missing or damaged.
    """
    for place, row in enumerate(rows, seq + 1):
        yield record_of(store, run, place, row)
    if seq + len(rows) < until:
        raise damaged(store, f"the history of run {run!r}, which lacks record {seq + len(rows) + 1},")


# ---- runs: (id, flow, created, changed, version, length, tag, state, sum); the constant parts are in plans


def run_row(run: StoredRun) -> Row:
    """Return the row of a run's changing parts, with the columns by which it is found."""
    created, changed = to_integer(run.created), to_integer(run.changed)
    values = (run.id, str(run.flow), created, changed, run.version, run.length, str(run.tag))
    return (*values, run.state, checksum(_RUN, values, run.state))


def check_run(store: str, row: Row) -> None:
    """Compare the row of a run with its checksum.

    Raises:
        StoreDamaged: They do not match.
    """
    if not is_whole(_RUN, row[8], row[:7], row[7]):
        raise damaged(store, f"the row of run {shown(row[0])}")


def shown(identity: object) -> str:
    """Return an identity as an error may repeat it: damage can make it anything."""
    text = repr(identity)
    return text if len(text) <= 60 else f"{text[:57]}..."


def plan_row(run: StoredRun) -> Row:
    """Return the row of a run's constant parts, of which two may be long: (run, graph, parameters, sum, origin)."""
    values = _plan_values(run.id, run.graph, run.origin)
    return (run.id, run.graph, run.parameters, checksum(_PLAN, values, run.graph + run.parameters), run.origin)


def _plan_values(run: str, graph: bytes, origin: object) -> Row:
    """Return what the checksum of a plan covers beside its long parts; without an origin as before there were any."""
    return (run, len(graph)) if origin is None else (run, len(graph), origin)


def stored_run(store: str, row: Row, plan: Row | None) -> StoredRun:
    """Return the run in two rows; `check_run` must have checked the first.

    Raises:
        StoreDamaged: The second row is missing or damaged.
    """
    run, flow, created, changed, version, length, tag, state, _ = row
    if plan is None or not _is_whole_plan(run, plan):
        raise damaged(store, f"the graph or the parameters of run {run!r}")
    times = to_time(created), to_time(changed)
    return StoredRun(run, flow, plan[1], plan[2], *times, version, length, state, tag, plan[4])


def _is_whole_plan(run: str, row: Row) -> bool:
    of, graph, parameters, found, origin = row
    if type(graph) is not bytes or type(parameters) is not bytes:
        return False
    return of == run and is_whole(_PLAN, found, _plan_values(run, graph, origin), graph + parameters)


# ---- leases: (run, owner, until, cancel, sum, signals); the row outlives the lease, so that a missing row shows damage


def lease_row(run: str, owner: str | None, until: int, cancel: bool, signals: int) -> Row:
    """Return the row of the lease on a run, with the number of its signals; an owner of None: it was released."""
    values = (run, owner if owner is None else str(owner), until, int(cancel))
    return (*values, checksum(_LEASE, _with_signals(values, signals)), signals)


def _with_signals(values: Row, signals: Any) -> Row:
    """Return the values that a lease's checksum covers: rows of runs without signals keep those of version 1."""
    return values if signals == 0 else (*values, signals)


def lease_of(store: str, run: str, row: Row | None) -> Lease | None:
    """Return the lease in a row; None if it was released.

    Raises:
        StoreDamaged: The row is missing or damaged.
    """
    if row is None or row[0] != run or not is_whole(_LEASE, row[4], _with_signals(row[:4], row[5])):
        raise damaged(store, f"the lease on run {run!r}")
    return None if row[1] is None else Lease(run, row[1], to_time(row[2]), bool(row[3]), row[5])


# ---- signals: (run, number, task, idx, time, principal, outcome, key, digest, record, state, sum)


def sent_row(run: str, number: int, sent: Sent) -> Row:
    """Return the row of a signal that was sent to a run; an empty task is the run itself."""
    values = (
        run,
        number,
        str(sent.task or ""),
        sent.index,
        to_integer(sent.time),
        str(sent.principal),
        sent.outcome,
        sent.key,
        sent.digest,
        sent.record,
    )
    return (*values, sent.state, checksum(_SIGNAL, values, sent.state))


def sent_of(store: str, row: Row) -> Sent:
    """Return the signal in a row.

    Raises:
        StoreDamaged: The row is damaged.
    """
    *values, state, found = row
    if not is_whole(_SIGNAL, found, tuple(values), state):
        raise damaged(store, f"a signal to run {shown(row[0])}")
    run, number, task, index, time, principal, outcome, key, digest, record = values
    sent = Sent(task or None, index, to_time(time), principal, outcome, state, key, digest)
    return replace(sent, run=run, number=number, record=record)


def signals_of(store: str, run: str, rows: Sequence[Row], lease: Row | None) -> list[Sent]:
    """Return the signals in the rows of a run, in order, as many as the row of its lease counts.

    Raises:
        StoreDamaged: One is missing or damaged, or the row of the lease is.
    """
    lease_of(store, run, lease)
    signals = [sent_of(store, row) for row in rows]
    count = 0 if lease is None else lease[5]
    if [(run, number) for number in range(1, count + 1)] != [(sent.run, sent.number) for sent in signals]:
        raise damaged(store, f"the list of signals to run {shown(run)}")
    return signals


# ---- entities: (key, machine, version, time, state, sum), and each of their changes: (key, version, time, state, sum)


def entity_rows(entity: StoredEntity) -> tuple[Row, Row]:
    """Return the row of an entity, and that of its last change."""
    key, version, time, state = str(entity.key), entity.version, to_integer(entity.time), entity.state
    values = (key, entity.machine, version, time)
    changed = (key, version, time)
    return (*values, state, checksum(_ENTITY, values, state)), (*changed, state, checksum(_CHANGE, changed, state))


def entity_of(store: str, key: str, row: Row) -> StoredEntity:
    """Return the entity in a row, which must have this key.

    Raises:
        StoreDamaged: The row has another key, or is damaged.
    """
    *values, state, found = row
    if row[0] != key or not is_whole(_ENTITY, found, tuple(values), state):
        raise damaged(store, f"the row of entity {shown(key)}")
    _, machine, version, time = values
    return StoredEntity(key, machine, version, to_time(time), state)


def versions_of(
    store: str, entity: StoredEntity, version: int, until: int, rows: Sequence[Row]
) -> Iterator[StoredEntity]:
    """Yield an entity at its versions after one up to another, from the rows of its changes.

    Raises:
        StoreDamaged: A row is missing or damaged.
    """
    key = entity.key
    for number, row in enumerate(rows, version + 1):
        *values, state, found = row
        if values[:2] != [key, number] or not is_whole(_CHANGE, found, tuple(values), state):
            raise damaged(store, f"version {number} of entity {shown(key)}")
        yield StoredEntity(key, entity.machine, number, to_time(values[2]), state)
    if len(rows) != until - version:
        raise damaged(store, f"the history of entity {shown(key)}, which lacks version {version + len(rows) + 1},")


# ---- the cache: (key, expires, state, sum); counters: (name, value, sum); migrations: (version, sum)


def cache_row(key: str, expires: datetime, state: bytes) -> Row:
    """Return the row of a cached state."""
    values = (str(key), to_integer(expires))
    return (*values, state, checksum(_CACHE, values, state))


def is_whole_cached(row: Row) -> bool:
    """Tell whether the row of a cached state is undamaged."""
    return is_whole(_CACHE, row[3], row[:2], row[2])


def counter_row(name: str, value: int) -> Row:
    """Return the row of a counter."""
    return (name, value, checksum(_COUNTER, (name, value)))


def counter_of(store: str, name: str, row: Row | None) -> int:
    """Return the value of a counter.

    Raises:
        StoreDamaged: The row is missing or damaged.
    """
    if row is None or row[0] != name or not is_whole(_COUNTER, row[2], row[:2]):
        raise damaged(store, f"the number of {name}")
    value: int = row[1]
    return value


def migration_row(version: int) -> Row:
    """Return the row of the migration to a version."""
    return (version, checksum(_MIGRATION, (version,)))


def version_of(store: str, rows: Sequence[Row]) -> int:
    """Return the version of the tables, from the rows of their migrations in order.

    Raises:
        StoreDamaged: A row is missing or damaged.
    """
    whole = all(row == migration_row(place) for place, row in enumerate(rows, 1))
    if not rows or not whole:
        raise damaged(store, "the version of the tables")
    return len(rows)
