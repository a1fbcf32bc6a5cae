"""Draw the graph of a run: a layer for each step from the first tasks, and lines from task to task. Nothing is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from statesig.http.service.documents import TaskDocument

__all__ = ["MOST_TASKS", "Drawing", "Line", "Spot", "drawing_of"]

MOST_TASKS: Final = 80
"""The number of tasks up to which a graph is drawn: a picture of more shows nothing."""

WIDTH: Final = 168
HEIGHT: Final = 52
_BESIDE: Final = 44
_BELOW: Final = 20
_MARGIN: Final = 4
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a task is drawn, in pixels: its left upper corner."""

    task: TaskDocument
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line from a task to one that takes something of it, as the path of an SVG."""

    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph as it is drawn, with its size in pixels."""

    width: int
    height: int
    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]


def drawing_of(tasks: Sequence[TaskDocument]) -> Drawing | None:
    """Return the drawing of a run's graph; None if it has too many tasks, or none.

    Args:
        tasks: Its tasks, each after those that it depends on.
    """
    if not tasks or len(tasks) > MOST_TASKS:
        return None
    layers = _layers(tasks)
    tallest = max(map(len, layers))
    height = tallest * (HEIGHT + _BELOW) - _BELOW + 2 * _MARGIN
    spots: dict[str, Spot] = {}
    for column, layer in enumerate(layers):
        above = (tallest - len(layer)) * (HEIGHT + _BELOW) // 2
        for row, task in enumerate(layer):
            x = _MARGIN + column * (WIDTH + _BESIDE)
            spots[task.task] = Spot(task, x, _MARGIN + above + row * (HEIGHT + _BELOW))
    width = len(layers) * (WIDTH + _BESIDE) - _BESIDE + 2 * _MARGIN
    return Drawing(width, height, tuple(spots[task.task] for task in tasks), tuple(_lines(tasks, spots)))


def _layers(tasks: Sequence[TaskDocument]) -> list[list[TaskDocument]]:
    """Return the tasks by their distance from the first ones, each layer in an order that crosses few lines."""
    at: dict[str, int] = {}
    for task in tasks:
        at[task.task] = max((at.get(name, -1) for name in task.upstream), default=-1) + 1
    layers: list[list[TaskDocument]] = [[] for _ in range(max(at.values()) + 1)]
    for task in tasks:
        layers[at[task.task]].append(task)
    downstream: dict[str, list[str]] = {}
    for task in tasks:
        for name in task.upstream:
            downstream.setdefault(name, []).append(task.task)
    upstream = {task.task: task.upstream for task in tasks}
    for _ in range(_ROUNDS):
        for before, layer in pairwise(layers):
            _sort(layer, before, upstream)
        for layer, after in reversed([*pairwise(layers)]):
            _sort(layer, after, downstream)
    return layers


def _sort(layer: list[TaskDocument], beside: Sequence[TaskDocument], neighbours: Mapping[str, Sequence[str]]) -> None:
    """Put each task of a layer where its neighbours in the layer beside are on average (Sugiyama's barycentres)."""
    rows = {task.task: row - len(beside) / 2 for row, task in enumerate(beside)}
    own = {task.task: row - len(layer) / 2 for row, task in enumerate(layer)}

    def place(task: TaskDocument) -> float:
        found = [rows[name] for name in neighbours.get(task.task, ()) if name in rows]
        return sum(found) / len(found) if found else own[task.task]

    layer.sort(key=place)


def _lines(tasks: Sequence[TaskDocument], spots: Mapping[str, Spot]) -> list[Line]:
    lines: list[Line] = []
    for task in tasks:
        for name in dict.fromkeys(one for one in task.upstream if one in spots):
            source, target = spots[name], spots[task.task]
            x1, y1, x2, y2 = source.x + WIDTH, source.y + HEIGHT // 2, target.x, target.y + HEIGHT // 2
            bend = (x2 - x1) // 2 if x2 - x1 <= _BESIDE else _BESIDE
            lines.append(Line(name, task.task, f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"))
    return lines
