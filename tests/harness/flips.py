"""Flip single bits of a store and tell whether it notices: ``python -m tests.harness.flips FLIPS SEED``.

What is read is all that `all_of` reads. A flip is one of these: an *error* came; a cached state was *forgotten* and
nothing else; all is the *same*, as nothing that is read was hit; or something is different, and it went *unnoticed*.
"""

import json
import logging
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from statesig.errors import StoreError
from statesig.stores.opening import open_store
from tests import ROOT
from tests.harness.records import all_of, filled

TABLES = {
    "migrations": ("version", "sum"),
    "counters": ("name", "value", "sum"),
    "runs": ("id", "flow", "created", "changed", "version", "length", "tag", "state", "sum"),
    "plans": ("run", "graph", "parameters", "sum"),
    "leases": ("run", "owner", "until", "cancel", "sum", "signals"),
    "history": ("run", "seq", "task", "idx", "attempt", "time", "worker", "lost", "state", "sum"),
    "signals": (
        *("run", "number", "task", "idx", "time", "principal", "outcome", "key", "digest", "record", "state", "sum"),
    ),
    "cache": ("key", "expires", "state", "sum"),
    "entities": ("key", "machine", "version", "time", "state", "sum"),
    "changes": ("key", "version", "time", "state", "sum"),
}


def verdict(place: str, keys: list[str], before: tuple[list[object], list[bytes | None]]) -> str:
    """Return what became of a flip."""
    try:
        with open_store(place) as store:
            runs, cached = all_of(store, keys)
    except StoreError:
        return "error"
    if runs != before[0] or any(now not in (None, then) for now, then in zip(cached, before[1], strict=True)):
        return "unnoticed"
    return "same" if cached == before[1] else "forgotten"


def flipped(value: Any, chance: random.Random) -> Any:
    """Return a column's value with one bit of it flipped; a text may be none any more, and is bytes then."""
    if value is None:
        return chance.choice(["", 0])
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(63))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    if isinstance(value, bytes):
        return bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return bytes(raw)


def stored(folder: Path) -> tuple[Path, list[str], tuple[list[object], list[bytes | None]]]:
    """Return a store of SQLite in a file alone, its keys and all that can be read of it."""
    path = folder / "whole.db"
    with open_store(path) as store:
        keys = filled(store)
        before = all_of(store, keys)
    assert not list(folder.glob("*-wal"))
    return path, keys, before


def in_files(folder: Path, flips: int, chance: random.Random, where: Callable[[bytes], list[int]]) -> Counter[str]:
    """Flip bits of a file of SQLite, each in a copy of its own, among the bytes that `where` returns."""
    path, keys, before = stored(folder)
    whole = path.read_bytes()
    places = where(whole)
    found: Counter[str] = Counter()
    for _ in range(flips):
        raw = bytearray(whole)
        raw[chance.choice(places)] ^= 1 << chance.randrange(8)
        copy = folder / "flipped.db"
        copy.write_bytes(raw)
        found[verdict(str(copy), keys, before)] += 1
        for left in folder.glob("flipped.db*"):
            left.unlink()
    return found


def in_columns(folder: Path, flips: int, chance: random.Random) -> Counter[str]:
    """Flip bits of columns of a store of SQLite, each in a copy of its own."""
    path, keys, before = stored(folder)
    found: Counter[str] = Counter()
    while found.total() < flips:
        copy = Path(shutil.copy(path, folder / "flipped.db"))
        if flip_column(copy, chance):
            found[verdict(str(copy), keys, before)] += 1
        for left in folder.glob("flipped.db*"):
            left.unlink()
    return found


def flip_column(path: Path, chance: random.Random) -> bool:
    """Flip a bit of a column; return whether that was possible: a row may not get the key of another."""
    table = chance.choice(list(TABLES))
    column = chance.choice(TABLES[table])
    key = TABLES[table][:2] if table in ("history", "changes", "signals") else TABLES[table][:1]
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        rows = connection.execute(f"SELECT {', '.join(key)}, {column} FROM statesig_{table}").fetchall()
        *where, value = chance.choice(rows)
        changed = flipped(value, chance)
        new = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
        condition = " AND ".join(f"{name} = ?" for name in key)
        connection.execute(f"UPDATE statesig_{table} SET {column} = {new} WHERE {condition}", (changed, *where))
    except sqlite3.IntegrityError:
        return False
    finally:
        connection.close()
    return True


_LEFT = """if True:
    import os, sys
    from statesig.stores.opening import open_store
    from tests.harness.records import filled
    filled(open_store(sys.argv[1]))
    os._exit(0)
"""


def in_logs(folder: Path, flips: int, chance: random.Random) -> Counter[str]:
    """Flip bits of the write-ahead log that a process has left which did not close its store, each in a copy."""
    path = folder / "left.db"
    subprocess.run([sys.executable, "-c", _LEFT, str(path)], cwd=ROOT, check=True)
    parts = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal", "-shm")}
    whole, keys = parts["-wal"], ["one", "two"]
    found: Counter[str] = Counter()
    before = None
    for number in range(flips + 1):
        raw = bytearray(whole)
        if number:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        for end, content in {**parts, "-wal": raw}.items():
            Path(f"{folder}/flipped.db{end}").write_bytes(content)
        if before is None:
            with open_store(folder / "flipped.db") as store:
                before = all_of(store, keys)
            assert len(before[0]) > 0
        else:
            found[verdict(str(folder / "flipped.db"), keys, before)] += 1
        for left in folder.glob("flipped.db*"):
            left.unlink()
    return found


def rows_of(whole: bytes) -> list[int]:
    """Return where the rows of a file of SQLite are: the cells of its leaves, https://sqlite.org/fileformat2.html."""
    size = int.from_bytes(whole[16:18]) or 65536
    indexes = indexes_of(whole)
    places: list[int] = []
    for number, start in enumerate(range(0, len(whole), size), 1):
        head = start + (100 if start == 0 else 0)
        # A leaf of a table without row numbers, or of an index; the schema's own is another kind.
        if whole[head] != 10 or number in indexes:
            continue
        for cell in range(int.from_bytes(whole[head + 3 : head + 5])):
            at = start + int.from_bytes(whole[head + 8 + 2 * cell : head + 10 + 2 * cell])
            payload, length = varint(whole, at)
            places += range(at, at + length + payload)
    return places


def indexes_of(whole: bytes) -> set[int]:
    """Return the pages of a small file of SQLite that are an index's."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(whole[:18] + b"\1\1" + whole[20:])  # as if no write-ahead log belonged to it
    found = {page for (page,) in connection.execute("SELECT rootpage FROM sqlite_schema WHERE type = 'index'")}
    connection.close()
    return found


def all_but_rows(whole: bytes) -> list[int]:
    """Return the other places of a file: its head, the schema, indexes, the heads of its pages, and what is free."""
    rows = set(rows_of(whole))
    return [place for place in range(len(whole)) if place not in rows]


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number as SQLite writes it, and how many bytes it takes."""
    value = length = 0
    while True:
        byte = raw[at + length]
        length += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, length


if __name__ == "__main__":
    logging.disable()
    count, chance = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    for name, flip in {
        "columns": in_columns,
        "logs": in_logs,
        "rows' bytes": lambda *of: in_files(*of, rows_of),
        "other bytes": lambda *of: in_files(*of, all_but_rows),
    }.items():
        with tempfile.TemporaryDirectory() as folder:
            print(name, json.dumps(flip(Path(folder), count, chance)))
