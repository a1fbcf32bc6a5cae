"""The verbs of the command that handle stored runs without their programs: runs, show, cancel and prune.

They read states as stored JSON, so they need no classes. Never import a name from data.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TextIO

from pydantic_core import from_json, to_json

from statesig.cli.display import MOST_CHILDREN
from statesig.cli.exits import Exit, UsageError
from statesig.cli.loading import kind_named
from statesig.cli.options import chosen_age, stored_before
from statesig.cli.stored_tasks import records_of, told_of_task
from statesig.cli.terminal import Look, aligned
from statesig.engine.cancellations import cancel_run
from statesig.engine.causes import said_stored
from statesig.engine.deadlines import seen_run, seen_stored
from statesig.engine.fingerprints import graph_names
from statesig.engine.places import PENDING, Place, places_of
from statesig.engine.processes import UNDER_WAY, process_of
from statesig.errors import StoreDamaged
from statesig.graph.nodes import name_of
from statesig.states import Paused
from statesig.states.tags import tags_of
from statesig.stores.store import NOTHING, Lease, Record, Sent, Store, StoredRun

__all__ = ["cancel", "list_runs", "prune", "show"]


def list_runs(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """List stored runs, the latest first."""
    tags = None if options.state is None else _tags(options)
    damage = _Damage(err)
    with stored_before(options, "read") as store:
        found = _found(store, tags, options, damage)
        found.sort(key=lambda run: (run.created, run.id), reverse=True)
        runs = [(run, _process_or_damage(run, store, damage)) for run in found[: options.limit]]
    if options.json:
        out.writelines(f"{to_json(_described(run, process)).decode()}\n" for run, process in runs)
    elif runs:
        rows = [("RUN", "FLOW", "STATE", "CREATED", "CHANGED", "TASKS"), *(_row_of(run, told) for run, told in runs)]
        out.writelines(f"{line}\n" for line in aligned(rows, look=Look.of(out)))
    else:
        print("no runs" if not damage.told else "no other runs", file=err)
    return Exit.FAILURE if damage.told else Exit.OK


class _Damage:
    """Tells of each damaged run once, and lets the others be seen.

    Attributes:
        told: What was told.
    """

    def __init__(self, err: TextIO) -> None:
        self._err = err
        self.told: set[str] = set()

    def __call__(self, error: StoreDamaged) -> None:
        text = f"{error}"
        if text not in self.told:
            self.told.add(text)
            print(f"statesig: {text}", file=self._err)


def _process_or_damage(run: StoredRun, store: Store, damage: _Damage) -> str:
    try:
        return process_of(run, _lease(run, store), datetime.now(UTC))
    except StoreDamaged as exc:
        damage(exc)
        return ""


def _found(store: Store, tags: Collection[str] | None, options: argparse.Namespace, damage: _Damage) -> list[StoredRun]:
    """Return the runs of some tags as they are seen now: one that is stored as Paused may be TimedOut."""
    now, flow = datetime.now(UTC), options.flow

    def seen(run: StoredRun) -> StoredRun:
        try:
            return seen_run(run, store, now)
        except StoreDamaged as exc:
            damage(exc)
            return run

    if tags is None:
        return [seen(run) for run in store.runs(flow=flow, limit=options.limit, damaged=damage)]
    waiting = tags_of(Paused)
    found: list[StoredRun] = []
    for tag in {*tags, *(waiting if "TimedOut" in tags else ())}:
        limit = None if tag in waiting else options.limit
        found += [seen(run) for run in store.runs(tag=tag, flow=flow, limit=limit, damaged=damage)]
    return [run for run in found if run.tag in tags]


def _tags(options: argparse.Namespace) -> frozenset[str]:
    """Return the tags of a kind of state and of its descendants."""
    return tags_of(kind_named(options.state, options.modules))


def _lease(run: StoredRun, store: Store) -> Lease | None:
    """Return the lease on a run that is under way; one that is over or waits for a person has none."""
    return store.lease(run.id) if run.tag in UNDER_WAY else None


def _row_of(run: StoredRun, process: str) -> tuple[str, ...]:
    tasks = len(graph_names(run.graph))
    return run.id, run.flow, f"{run.tag}{_after_comma(process)}", _at(run.created), _at(run.changed), str(tasks)


def _described(run: StoredRun, process: str) -> dict[str, Any]:
    return {
        "run": run.id,
        "flow": run.flow,
        "state": from_json(run.state),
        "process": process or None,
        "origin": run.origin,
        "created": run.created,
        "changed": run.changed,
        "tasks": len(graph_names(run.graph)),
    }


def _at(time: datetime | None) -> str:
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


# ---- show


def show(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Show the tasks of a stored run, or the events of its history, or one of its tasks."""
    with stored_before(options, "read") as store:
        run = store.find(options.run)
        if options.task is not None:
            records, children = records_of(run, store, options.task)
            told = (
                (_event(run, record).decode() for record in records)
                if options.json
                else told_of_task(options.task, records, children, _at, Look.of(out))
            )
            out.writelines(f"{line}\n" for line in told)
        elif options.json:
            out.writelines(f"{line.decode()}\n" for line in _events(run, store.history(run)))
        else:
            out.writelines(f"{line}\n" for line in _told(run, store, Look.of(out)))
    return Exit.OK


def _events(run: StoredRun, records: Iterable[Record]) -> Iterator[bytes]:
    """Yield a run's history as events, with the Pending in which each history begins, which the store leaves out."""
    begun: set[tuple[str | None, int | None, int]] = set()
    for name in (None, *graph_names(run.graph)):
        begun.add((name, None, 1))
        yield _event(run, Record(name, None, 1, run.created, None, 0, PENDING))
    for record in records:
        history = record.task, record.index, record.try_number
        if history not in begun:
            begun.add(history)
            yield _event(run, replace(record, attempt=1, state=PENDING))
        yield _event(run, record)


def _event(run: StoredRun, record: Record) -> bytes:
    place: dict[str, Any] = {"run": run.id}
    if record.task is not None:
        place["task"] = record.task
    place |= {"index": record.index, "attempt": record.attempt}
    if record.try_number > 1:
        place["try"] = record.try_number
    place["time"] = record.time
    return to_json(place)[:-1] + b',"state":' + record.state + b"}"


def _told(run: StoredRun, store: Store, look: Look) -> Iterator[str]:
    now = datetime.now(UTC)
    run = seen_run(run, store, now)
    state = from_json(run.state)
    lease = store.lease(run.id)
    head = [
        ("run", run.id),
        ("flow", run.flow),
        *([] if run.origin is None else [("rerun of", run.origin)]),
        (
            "state",
            f"{run.tag}{_after_comma(said_stored(state))}{_after_comma(process_of(run, lease, now))}",
        ),
        ("created", _at(run.created)),
        ("changed", _at(run.changed)),
        ("lease", "none" if lease is None else f"until {_at(lease.until)}{' cancelling' * lease.cancel}"),
    ]
    yield from aligned(head, look=look)
    yield ""
    rows = [("TASK", "STATE", "ATTEMPTS", "BEGAN", "CHANGED", "WORKER", "MESSAGE"), *_rows(run, store.history(run))]
    yield from aligned(rows, right=2, look=look)
    signals = store.signals(run.id)
    if signals:
        yield ""
        yield from aligned([("SIGNAL", "TASK", "BY", "SENT", "OUTCOME"), *map(_row_of_sent, signals)], look=look)


def _row_of_sent(sent: Sent) -> tuple[str, ...]:
    name = name_of(sent.task or "", sent.index)
    became = {None: "waits", NOTHING: "came to nothing"}.get(sent.record, "applied" if sent.record else sent.outcome)
    return from_json(sent.state)["type"], name, sent.principal, _at(sent.time), became


def _rows(run: StoredRun, records: Iterable[Record]) -> Iterator[tuple[str, ...]]:
    now = datetime.now(UTC)
    places = places_of(records)
    children: dict[str, dict[int, str]] = {}
    for (task, index), place in places.items():
        if index is not None:
            children.setdefault(task, {})[index] = _state_at(place, now)["type"]
    for name in graph_names(run.graph):
        tags = children.get(name, {})
        yield _row(name, places.get((name, None), Place()), now, Counter(tags.values()))
        others = [index for index, tag in sorted(tags.items()) if tag != "Success"]
        for index in others[:MOST_CHILDREN]:
            yield _row(name_of(name, index), places[name, index], now, Counter())
        if len(others) > MOST_CHILDREN:
            yield f"{name}[...]", f"{len(others) - MOST_CHILDREN} more", "", "", "", "", ""


def _row(name: str, place: Place, now: datetime, children: Counter[str]) -> tuple[str, ...]:
    state = _state_at(place, now)
    tally = ", ".join(f"{count} {tag}" for tag, count in children.items())
    tag = f"{state['type']}: {tally}" if tally else state["type"]
    attempts = str(place.attempts) if place.attempts else ""
    return name, tag, attempts, _at(place.began), _at(place.changed), place.worker or "", said_stored(state)


def _state_at(place: Place, now: datetime) -> dict[str, Any]:
    """Return the state at a place as it is seen now, parsed."""
    state: dict[str, Any] = from_json(seen_stored(place.data, now))
    return state


def _after_comma(text: str) -> str:
    return f", {text}" if text else ""


# ---- cancel and prune


def cancel(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Cancel a stored run, or ask the process that is running it to do so."""
    with stored_before(options) as store:
        run = store.find(options.run)
        if cancel_run(store, run.id):
            print(f"run {run.id} is cancelled", file=out)
        else:
            print(f"run {run.id} is running in another process, which was asked to cancel it", file=out)
    return Exit.OK


def prune(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Remove the runs that are final and older than an age."""
    age = chosen_age(options.older_than)
    try:
        before = datetime.now(UTC) - age
    except OverflowError:
        raise UsageError(f"nothing can be older than {options.older_than!r}") from None
    damage = _Damage(err)
    with stored_before(options) as store:
        removed = store.prune(before, damaged=damage)
    print(f"removed {removed} {'run' if removed == 1 else 'runs'}", file=out)
    return Exit.FAILURE if damage.told else Exit.OK
