"""Show text on a stream: tables that fit its width, and states in colour. Nothing here may know a run.

A pipe or a file gets whole texts without colour, whatever they are read by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TextIO
from unicodedata import combining, east_asian_width

from statesig.codec.histories import printable
from statesig.states import Failed, Paused, Scheduled, Skipped, State, Success
from statesig.states.families import descendants

__all__ = ["PLAIN", "Colour", "Look", "aligned", "colour_of", "cut"]

_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Look:
    """The look of text on a stream.

    Args:
        width: The number of columns of a terminal; None: lines may have any length.
        is_coloured: Whether states are coloured.
    """

    width: int | None = None
    is_coloured: bool = False

    @staticmethod
    def of(stream: TextIO) -> Look:
        """Return the look of a stream: a terminal has a width, and colour unless NO_COLOR is set or it is dumb."""
        if not stream.isatty():
            return PLAIN
        is_coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return Look(max(_columns_of(stream), _NARROWEST), is_coloured)

    def painted(self, text: str, state: str | None = None) -> str:
        """Return a text with the tag at its beginning in the colour of the state.

        Args:
            text: The tag, or its beginning, and what is said after it.
            state: The whole of a text that was cut.
        """
        tag = re.split("[:, ]", state or text, maxsplit=1)[0]
        colour = colour_of(tag) if self.is_coloured else None
        return text if colour is None else f"\x1b[{_CODES[colour]}m{text[: len(tag)]}\x1b[0m{text[len(tag) :]}"


PLAIN = Look()


def _columns_of(stream: TextIO) -> int:
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


# ---- colours

Colour = Literal["green", "red", "yellow"]

_CODES: dict[Colour, int] = {"red": 31, "green": 32, "yellow": 33}


def colour_of(tag: str) -> Colour | None:
    """Return the colour of a state: green for a success, red for a failure, yellow for what a person may look at.

    None for any other state, and for one that this program does not define.
    """
    return _colours().get(tag)


@cache
def _colours() -> dict[str, Colour]:
    # A skip is a success, too: the later colour holds.
    families: dict[Colour, tuple[type[State[Any]], ...]] = {
        "green": (Success,),
        "red": (Failed,),
        "yellow": (Skipped, Paused, Scheduled),
    }
    return {cls.__tag__: colour for colour, kinds in families.items() for kind in kinds for cls in descendants(kind)}


# ---- tables


def aligned(rows: Sequence[Sequence[str]], *, right: int | None = None, look: Look = PLAIN) -> Iterator[str]:
    """Yield the lines of a table, with all columns but the last padded to their widest cell.

    Control characters are escaped, since names and messages may come from anybody. A table that is wider than its
    terminal loses the columns that tell least, and then the ends of its longest cells.

    Args:
        rows: The cells of each row. If those of the first are in capitals, they are the titles of the columns.
        right: The index of a right-aligned column, such as numbers.
        look: The look of the stream that it is for.
    """
    table = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(_cells, column)) for column in zip(*table, strict=True)]
    columns = list(range(len(widths)))
    if look.width is not None and table[0][0].isupper():
        columns = _fitted(table[0], widths, look.width)
    state = table[0].index("STATE") if "STATE" in table[0] else None
    for row in table:
        line = ""
        for column in columns:
            # The beginning of an identity names the run as well, so that it is cut without a mark.
            cell = row[column][: widths[column]] if table[0][column] == "RUN" else cut(row[column], widths[column])
            space = " " * (widths[column] - _cells(cell)) if column != columns[-1] or column == right else ""
            if column == (1 if row[0] == "state" else state):
                cell = look.painted(cell, row[column])
            line += f"{space}{cell}  " if column == right else f"{cell}{space}  "
        yield line.rstrip()


_LEAST = {"RUN": 8, "FLOW": 8, "TASK": 12, "STATE": 12, "WORKER": 8, "MESSAGE": 12}
"""The width of each column that may be shortened; the others are shown whole or not at all."""

_SPARE = ("WORKER", "CHANGED", "CREATED", "BEGAN", "ATTEMPTS", "TASKS", "SECONDS")
"""The columns that a narrow terminal does without, in this order."""


def _fitted(titles: Sequence[str], widths: list[int], width: int) -> list[int]:
    """Return the columns of a table that fit a width, and shorten their widths in place."""
    least = [min(natural, _LEAST.get(title, natural)) for title, natural in zip(titles, widths, strict=True)]
    columns = list(range(len(titles)))
    for title in _SPARE:
        if _total(least, columns) > width and title in titles:
            columns.remove(titles.index(title))
    while (surplus := _total(widths, columns) - width) > 0:
        wide = [column for column in columns if widths[column] > least[column]]
        if not wide:
            break
        widest = max(wide, key=widths.__getitem__)
        others = [least[widest], *(widths[column] for column in wide if column != widest)]
        widths[widest] = max(widths[widest] - surplus, least[widest], min(widths[widest] - 1, max(others)))
    return columns


def _total(widths: Sequence[int], columns: Sequence[int]) -> int:
    return sum(widths[column] for column in columns) + 2 * (len(columns) - 1)


def cut(text: str, width: int) -> str:
    """Return a text, or as much of its beginning as has a width, with a mark."""
    if _cells(text) <= width:
        return text
    while text and _cells(text) > width - 3:
        text = text[:-1] if not text.isascii() else text[: width - 3]
    return f"{text}..."


def _cells(text: str) -> int:
    """Return the number of columns that a terminal gives to a text."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
