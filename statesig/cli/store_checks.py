"""The verb of the command that reads a whole store, names what is damaged, and sets it aside if that is asked."""

from __future__ import annotations

import argparse
import base64
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence, Sized
from typing import TextIO

from statesig.cli.exits import Exit, UsageError
from statesig.cli.options import stored_before
from statesig.errors import StoreDamaged
from statesig.stores.store import Store, StoredRun

__all__ = ["check_store"]


def check_store(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Read every run of a store with its lease and its history, and name each part that is not what was written."""
    options.store = options.file
    if options.set_aside is not None:
        _set_aside(options, out)
    with stored_before(options, "read") as store:
        damage: list[StoreDamaged] = []
        runs = store.runs(damaged=damage.append)
        for run in runs:
            damage += _damage_of(run, store)
    for error in damage:
        print(f"statesig: {error}", file=err)
    if damage:
        return Exit.FAILURE
    print(f"{len(runs)} {_runs(runs)}, nothing is damaged", file=out)
    return Exit.OK


def _set_aside(options: argparse.Namespace, out: TextIO) -> None:
    """Move the damaged runs of a store to a new file, as JSON lines: the table and the row, bytes in base 64.

    Raises:
        UsageError: The file exists, or cannot be written; nothing was moved.
    """
    number = 0

    def keep(rows: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        nonlocal number
        number = len(rows)
        with open(options.set_aside, "x", encoding="utf-8") as file:
            for table, row in rows:
                file.write(json.dumps({"table": table, "row": [_shown(value) for value in row]}) + "\n")
            file.flush()
            os.fsync(file.fileno())  # before the store forgets them

    with stored_before(options, "change") as store:
        try:
            moved = store.set_aside(keep)
        except FileExistsError:
            raise UsageError(f"{options.set_aside} exists; name a new file for what is damaged") from None
        except OSError as exc:
            raise UsageError(f"{options.set_aside} cannot be written: {exc.strerror}") from None
    if moved:
        print(f"moved {len(moved)} damaged {_runs(moved)}, {number} rows, to {options.set_aside}", file=out)


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value


def _runs(runs: Sized) -> str:
    return "run" if len(runs) == 1 else "runs"


def _damage_of(run: StoredRun, store: Store) -> Iterator[StoreDamaged]:
    """Yield the errors of reading a run's lease and its history."""
    for read in (lambda: store.lease(run.id), lambda: deque(store.history(run), maxlen=0)):
        try:
            read()
        except StoreDamaged as exc:
            yield exc
