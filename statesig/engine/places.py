"""Tell from the history of a stored run where its tasks are, without their program. Nothing here may read a store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from statesig.engine.deadlines import seen_stored
from statesig.engine.fingerprints import graph_names
from statesig.stores.store import Record

__all__ = ["PENDING", "Key", "Place", "place_named", "places_of"]

Key = tuple[str, int | None]
"""A task, and the position of one of its children; None: the task itself."""

PENDING: Final = b'{"type":"Pending"}'
"""The stored state in which each history begins, which the store leaves out."""


@dataclass(slots=True)
class Place:
    """Where a task of a run, or a child of a mapped one, is now.

    Args:
        data: Its state as it is stored.
        attempts: How often it has been Running.
        began, changed: When it first was Running, and when it last changed; None: never.
        worker: Where the last attempt that ended ran.
    """

    data: bytes = PENDING
    attempts: int = 0
    began: datetime | None = None
    changed: datetime | None = None
    worker: str | None = None

    def move(self, record: Record) -> None:
        """Take the next record of its history."""
        self.data, self.changed = record.state, record.time
        self.worker = record.worker or self.worker
        if record.state.startswith(b'{"type":"Running"'):
            self.attempts = record.attempt
            self.began = self.began or record.time

    def is_paused(self, now: datetime, beginnings: tuple[bytes, ...]) -> bool:
        """Tell whether it waits for a person, and its deadline has not passed.

        Args:
            now: The time, aware.
            beginnings: Those of the stored states that are Paused.
        """
        return self.data.startswith(beginnings) and seen_stored(self.data, now) is self.data


def places_of(records: Iterable[Record], places: dict[Key, Place] | None = None) -> dict[Key, Place]:
    """Return the places of tasks and children after some records, from where they were before them.

    Args:
        records: The records of a run, in order.
        places: The places before them, which are moved.
    """
    found = {} if places is None else places
    for record in records:
        if record.task is not None:
            found.setdefault((record.task, record.index), Place()).move(record)
    return found


def place_named(graph: bytes, name: str) -> Key | None:
    """Return the task, and the position of the child, that a name such as ``load[3]`` means; None: there is no task."""
    names = graph_names(graph)
    if name in names:
        return name, None
    task, bracket, position = name.removesuffix("]").rpartition("[")
    is_child = bracket and name.endswith("]") and position.isdecimal() and len(position) <= 9
    return (task, int(position)) if is_child and task in names else None
