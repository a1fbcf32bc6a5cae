"""The verb of the command that reads a whole store, names what is damaged, and sets it aside if that is asked."""

from __future__ import annotations

import argparse
import base64
import json
import os
from collections.abc import Sequence
from typing import TextIO

from statesig.cli.exits import Exit, UsageError
from statesig.cli.options import stored_before
from statesig.errors import StoreDamaged
from statesig.stores.store import Contents

__all__ = ["check_store"]


def check_store(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Read all that is in a store, and name each part that is not what was written."""
    options.store = options.file
    if options.set_aside is not None:
        _set_aside(options, out)
    damage: list[StoreDamaged] = []
    with stored_before(options, "read") as store:
        found = store.check(damage.append)
    for error in damage:
        print(f"statesig: {error}", file=err)
    if damage:
        return Exit.FAILURE
    print(f"{_counted(found)}, nothing is damaged", file=out)
    return Exit.OK


def _set_aside(options: argparse.Namespace, out: TextIO) -> None:
    """Move the damaged parts of a store to a new file, as JSON lines: the table and the row, bytes in base 64.

    Raises:
        UsageError: The file exists, or cannot be written; nothing was moved.
    """
    kept: list[str] = []

    def keep(rows: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        kept.extend(table for table, _ in rows)
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
    if kept:
        print(
            f"moved {_counted(moved, 'damaged ')}, {_many(len(kept), 'row', 'rows')}, to {options.set_aside}",
            file=out,
        )


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    return value


def _counted(found: Contents, which: str = "") -> str:
    """Return how many runs, cached states and entities there are, without those of which there are none."""
    numbers = (
        (len(found.runs), "run", "runs"),
        (len(found.cached), "cached state", "cached states"),
        (len(found.entities), "entity", "entities"),
    )
    there = [each for each in numbers if each[0]] or numbers[:1]
    *others, last = [_many(number, which + one, which + several) for number, one, several in there]
    return f"{', '.join(others)} and {last}" if others else last


def _many(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
