"""When each task of a run was in which state, as parts of the time from the run's beginning to its last change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from statesig.http.service.documents import EventDocument, RunDocument, TaskDocument
from statesig.http.service.pages.looks import is_final

__all__ = ["MOST_EVENTS", "Row", "Stretch", "histories_of", "rows_of"]

MOST_EVENTS: Final = 1000
"""The number of events up to which a timeline is drawn from the history."""

_THINNEST: Final = 0.4


@dataclass(frozen=True, slots=True)
class Stretch:
    """A state that a task was in, from where to where in hundredths of the whole.

    Args:
        tag: The state's tag.
        x: Where it begins.
        width: How long it is.
        seconds: How long it lasted.
    """

    tag: str
    x: float
    width: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A task in a timeline.

    Args:
        task: The task.
        stretches: The states that it was in, from the first time it was Running or Paused.
        seconds: From then to its last change, or to now; None: it has not begun.
    """

    task: TaskDocument
    stretches: tuple[Stretch, ...]
    seconds: float | None


def histories_of(events: Iterable[EventDocument]) -> dict[tuple[str, int | None], list[EventDocument]]:
    """Return the events of each task and of each child, in order."""
    found: dict[tuple[str, int | None], list[EventDocument]] = {}
    for event in events:
        if event.task is not None:
            found.setdefault((event.task, event.index), []).append(event)
    return found


def rows_of(
    run: RunDocument,
    tasks: Sequence[TaskDocument],
    histories: Mapping[tuple[str, int | None], Sequence[EventDocument]],
    now: datetime,
    *,
    is_over: bool,
) -> list[Row]:
    """Return the timeline of some tasks of a run.

    Args:
        run: The run.
        tasks: The tasks.
        histories: The events of each.
        now: The time.
        is_over: Whether the run is over, so that the timeline ends with it.
    """
    end = run.changed if is_over else max(now, run.changed)
    whole = max(end - run.created, timedelta(milliseconds=1))
    children: dict[str, list[Sequence[EventDocument]]] = {}
    for (name, index), events in histories.items():
        children.setdefault(name, []).append(events if index is not None else ())
    return [
        _row(task, [histories.get((task.task, None), ()), *children.get(task.task, ())], run.created, end, whole)
        for task in tasks
    ]


def _row(
    task: TaskDocument,
    histories: Iterable[Sequence[EventDocument]],
    start: datetime,
    end: datetime,
    whole: timedelta,
) -> Row:
    """Return the timeline of a task: of a mapped one with those of its children, one over the other."""
    stretches: list[Stretch] = []
    first, final = end, start
    for events in histories:
        if not events:
            continue
        times = [event.time for event in events]
        last = times[-1] if is_final(events[-1].state["type"]) else end
        first, final = min(first, times[0]), max(final, last)
        for event, until in zip(events, [*times[1:], last], strict=True):
            x = min(max((event.time - start) / whole * 100, 0.0), 100 - _THINNEST)
            width = min(max((until - event.time) / whole * 100, _THINNEST), 100 - x)
            seconds = (until - event.time).total_seconds()
            stretches.append(Stretch(event.state["type"], round(x, 2), round(width, 2), seconds))
    return Row(task, tuple(stretches), (final - first).total_seconds() if stretches else None)
