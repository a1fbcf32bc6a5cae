"""The verb of the command that reads a whole store and names what is damaged. Nothing here may change a store."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from statesig.cli.exits import Exit
from statesig.cli.options import stored_before
from statesig.errors import StoreDamaged
from statesig.stores.store import Store, StoredRun

__all__ = ["check_store"]


def check_store(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Read every run of a store with its lease and its history, and name each part that is not what was written."""
    options.store = options.file
    with stored_before(options, "read") as store:
        damage: list[StoreDamaged] = []
        runs = store.runs(damaged=damage.append)
        for run in runs:
            damage += _damage_of(run, store)
    for error in damage:
        print(f"statesig: {error}", file=err)
    if damage:
        return Exit.FAILURE
    print(f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}, nothing is damaged", file=out)
    return Exit.OK


def _damage_of(run: StoredRun, store: Store) -> Iterator[StoreDamaged]:
    """Yield the errors of reading a run's lease and its history."""
    for read in (lambda: store.lease(run.id), lambda: deque(store.history(run), maxlen=0)):
        try:
            read()
        except StoreDamaged as exc:
            yield exc
