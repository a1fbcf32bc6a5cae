"""Runs, leases and records for the tests of stores, and all that can be read of a store."""

import itertools
from datetime import UTC, datetime, timedelta

from statesig.stores.store import Lease, Record, Sent, Store, StoredEntity, StoredRun

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUNNING = b'{"type":"Running","message":null}'

_numbers = itertools.count(1)


def a_run(id: str | None = None, *, flow: str = "etl", tag: str = "Running", at: datetime = NOW) -> StoredRun:
    """Return a run that no store has yet."""
    id = id or f"{next(_numbers):032x}"
    return StoredRun(id, flow, b'{"tasks":["load"]}', b'{"day":"2026-03-04"}', at, at, 0, 0, RUNNING, tag)


def a_lease(run: StoredRun, owner: str = "me", until: datetime = NOW + HOUR) -> Lease:
    """Return a lease on a run that has not ended at NOW."""
    return Lease(run.id, owner, until)


def a_record(task: str = "load", number: int = 0) -> Record:
    """Return a record; others of other numbers are not equal to it."""
    time = NOW + timedelta(microseconds=number)
    return Record(task, None, 1, time, "host:1", 0, b'{"type":"Success","result":%d}' % number)


def a_signal(task: str | None = "load", *, key: str | None = None, principal: str = "ana") -> Sent:
    """Return a signal that no store has yet."""
    return Sent(task, None, NOW, principal, "stored", b'{"type":"Resume"}', key, "the request")


def an_entity(key: str = "o-1", version: int = 1, *, machine: str = "Order") -> StoredEntity:
    """Return an entity at a version; its states differ."""
    time = NOW + timedelta(microseconds=version)
    return StoredEntity(key, machine, version, time, b'{"type":"Draft","number":%d}' % version)


def filled(store: Store) -> list[str]:
    """Put some runs, entities and cached states into a store; return the keys of the cached states."""
    for number in range(3):
        run = a_run(f"{number:x}{number:031x}", flow=f"flow-{number}", at=NOW + number * HOUR)
        store.create(run, a_lease(run))
        for index in range(2):
            both = Record("täsk", index, 1, NOW, None, 0, b'{"type":"Running"}'), a_record(number=index)
            run = store.append(run, "me", both, now=NOW + HOUR)
        store.send(run, a_signal(key=f"key-{number}"), count=0)
        applied = {1: run.length}
        store.append(run, "me", [], now=NOW + HOUR, state=b'{"type":"Success"}', tag="Success", applied=applied)
    store.release(run.id, "me")
    for version, key in ((1, "o-1"), (1, "täsk"), (2, "o-1")):
        store.change_entity(an_entity(key, version))
    for key in ("one", "two"):
        store.remember(key, b'{"type":"Cached","result":"%b"}' % key.encode(), NOW + HOUR)
    return ["one", "two"]


def all_of(store: Store, keys: list[str]) -> tuple[list[object], list[bytes | None]]:
    """Return what can be read of the runs and entities of a store, and what it has cached under some keys."""
    found: list[object] = []
    for run in store.runs():
        found += [run, store.find(run.id), store.lease(run.id), list(store.history(run))]
        signals = store.signals(run.id)
        found += [signals, [store.sent_with(signal.key) for signal in signals if signal.key is not None]]
    for entity in store.entities():
        found += [entity, store.entity(entity.key), list(store.entity_history(entity))]
    return found, [store.recall(key, NOW) for key in keys]
