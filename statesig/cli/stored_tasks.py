"""Show one task of a stored run: its result as JSON, its causes and its history.

It reads states as stored JSON, so it needs no classes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from statesig.cli.exits import UsageError
from statesig.cli.terminal import Look, aligned
from statesig.codec.histories import printable
from statesig.engine.causes import in_one_line, said_stored
from statesig.engine.fingerprints import graph_names
from statesig.stores.store import Record, Store, StoredRun

__all__ = ["records_of", "told_of_task"]

_MOST_RECORDS = 1000


def records_of(run: StoredRun, store: Store, name: str) -> tuple[list[Record], dict[int, Record]]:
    """Return the history of a task, or of one child of a mapped task, and the last record of each of its children.

    Raises:
        UsageError: The run has no such task or child.
        StoreDamaged: A record is not what was written.
    """
    names = graph_names(run.graph)
    task, _, position = name.removesuffix("]").rpartition("[") if name not in names else (name, "", "")
    is_child = name not in names and name.endswith("]") and position.isdecimal()
    found = [record for record in store.history(run) if record.task == task] if task in names else []
    own = [record for record in found if record.index == (int(position) if is_child else None)]
    if task not in names or (is_child and not own):
        raise UsageError(f"run {run.id} has no task {name!r}; its tasks are {', '.join(names)}")
    children = {record.index: record for record in found if record.index is not None}
    return own, {} if is_child else children


def told_of_task(
    name: str, records: Sequence[Record], children: dict[int, Record], at: Callable[[datetime], str], look: Look
) -> Iterator[str]:
    """Yield the lines on a task: its state, its result, its causes and its history.

    Args:
        name: Its name.
        records: Its history.
        children: The last record of each of its children, if it is mapped.
        at: Writes a time.
        look: The look of the stream that they are for.
    """
    state: dict[str, Any] = from_json(records[-1].state) if records else {"type": "Pending"}
    head = [("task", name), ("state", state["type"])]
    if children:
        head.append(("children", _tally(children)))
    if state.get("message"):
        head.append(("message", in_one_line(state["message"])))
    yield from aligned(head, look=look)
    result = _result_of(state, children)
    if result:
        yield from ("", "result", *_as_json(result[0]))
    for number, cause in enumerate(state.get("causes", ())):
        yield from () if number else ("", "causes")
        yield printable(in_one_line(f"{cause['type']}", cause["message"]))
        for text in (*cause.get("notes", ()), cause.get("traceback") or ""):
            yield from (f"  {printable(line)}" for line in text.splitlines())
    if records:
        yield from ("", "history")
        yield from aligned([("TIME", "ATTEMPT", "STATE", "WORKER", "MESSAGE"), *_rows(records, at)], right=1, look=look)


def _tally(children: dict[int, Record]) -> str:
    tally: dict[str, int] = {}
    for record in children.values():
        tag: str = from_json(record.state)["type"]
        tally[tag] = tally.get(tag, 0) + 1
    return ", ".join(f"{count} {tag}" for tag, count in tally.items())


def _result_of(state: dict[str, Any], children: dict[int, Record]) -> list[Any]:
    """Return the result of a task in a list; of a mapped task the results of its children; an empty list for none."""
    if "result" in state:
        return [state["result"]]
    states = [from_json(children[index].state) for index in sorted(children)]
    if state["type"] == "Mapped" and states and all("result" in child for child in states):
        return [[child["result"] for child in states]]
    return []


def _as_json(result: Any) -> list[str]:
    """Return the lines of a value as JSON in which a terminal finds nothing to act upon."""
    text = json.dumps(result, ensure_ascii=False, indent=2)
    return [
        "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line) for line in text.split("\n")
    ]


def _rows(records: Sequence[Record], at: Callable[[datetime], str]) -> Iterator[tuple[str, ...]]:
    for record in records[-_MOST_RECORDS:]:
        state = from_json(record.state)
        yield at(record.time), str(record.attempt), state["type"], record.worker or "", said_stored(state)
