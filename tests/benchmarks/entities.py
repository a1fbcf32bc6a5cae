"""A change of an entity in a store beside the bare database.

Floor: `sqlite3` with the same pragmas (a write-ahead log, ``synchronous = FULL``), one transaction that reads the
version, updates it with the state and inserts the state into a log. The state is JSON already; there are no checksums,
no rule and no model. Both write to the same disk, which takes the most of the time.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from time import perf_counter

from measuring import Plan, Row, compare

from statesig import Entities, Machine, Transition, encode

__all__ = ["appended"]

_CHANGES = 200


class Link(Machine):
    """A connection: it goes round for ever."""

    host: str = "host.example"


class Down(Link): ...


class Up(Link): ...


class DIAL(Transition[Up | None, Down]): ...


class LIFT(Transition[Down, Up]): ...


def appended(plan: Plan) -> Iterator[Row]:
    """Measure a change of an entity."""
    keys = count()
    with tempfile.TemporaryDirectory(prefix="statesig-benchmark-") as folder:
        links = Entities(Path(folder) / "links.db", Down | Up)
        with links.store, closing(_bare(Path(folder) / "bare.db")) as bare:
            yield compare(
                plan,
                ("append to a history, a change", lambda: _ours(links, f"l-{next(keys)}")),
                ("sqlite3, 2 rows, 1 commit", lambda: _theirs(bare, f"l-{next(keys)}")),
            )


def _ours(links: Entities[Down | Up], key: str) -> float:
    links.append(key, DIAL(), expected=0)
    began = perf_counter()
    for version in range(1, _CHANGES + 1):
        links.append(key, LIFT() if version % 2 else DIAL(), expected=version)
    return (perf_counter() - began) / _CHANGES


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entities (key TEXT PRIMARY KEY, version INTEGER, time INTEGER, state BLOB)")
    columns = "key TEXT, version INTEGER, time INTEGER, state BLOB, PRIMARY KEY (key, version)"
    connection.execute(f"CREATE TABLE changes ({columns})")
    return connection


def _theirs(connection: sqlite3.Connection, key: str) -> float:
    states = [encode(Down(host="h.example")), encode(Up(host="h.example"))]
    connection.execute("INSERT INTO entities VALUES (?, 1, 0, ?)", (key, states[0]))
    began = perf_counter()
    for version in range(1, _CHANGES + 1):
        state = states[version % 2]
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("SELECT version FROM entities WHERE key = ?", (key,)).fetchone()
        assert found == (version,)
        changed = (version + 1, state, key)
        connection.execute("UPDATE entities SET version = ?, time = 0, state = ? WHERE key = ?", changed)
        connection.execute("INSERT INTO changes VALUES (?, ?, 0, ?)", (key, version + 1, state))
        connection.execute("COMMIT")
    return (perf_counter() - began) / _CHANGES
