"""The constructors of the built-in signals: they stand in the source, below ``if TYPE_CHECKING:``, for checkers alone.

``python -m statesig stubs`` without a package writes them anew from the states. No other line of the source may change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from statesig.checking.stubs.constructors import Imports, constructor_of, is_named_signal
from statesig.checking.stubs.formatting import WIDTH, function_lines
from statesig.checking.stubs.plan import COMMAND, shown
from statesig.checking.stubs.sources import Source, source_of

__all__ = ["Constructors", "own_constructors"]

_MODULE: Final = "statesig.signals"  # the examples define signals too, but are programs to read and run
_PACKAGE: Final = Path(__file__).parents[2]
_FILE: Final = _PACKAGE / "signals" / "__init__.py"
_INNER: Final = " " * 4


@dataclass(frozen=True)
class Constructors:
    """The built-in signals as their states are now.

    Args:
        path: The file that defines the signals.
        text: Its text with the constructors of their states.
        stale: The signals whose constructor the file has otherwise, or not at all.
    """

    path: Path
    text: str
    stale: tuple[str, ...]

    def write(self) -> Iterator[str]:
        """Write the file if a constructor is stale; yield a line that names it.

        Raises:
            OSError: It cannot be written.
        """
        if self.stale:
            self.path.write_text(self.text, encoding="utf-8", newline="\n")
            yield shown(self.path)

    def check(self) -> list[str]:
        """Return a line with the remedy for each signal whose constructor is stale."""
        return [f"{shown(self.path)}: the constructor of {name} is stale; run {COMMAND}" for name in self.stale]


def own_constructors() -> Constructors:
    """Return what the constructors of the built-in signals are to be, in the checkout that is running.

    Raises:
        FileNotFoundError: There is no checkout, or the current folder is another one.
    """
    _check_checkout()
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    source = source_of(_MODULE)
    stale: list[str] = []
    for node in reversed(source.body):  # from the end, so that the numbers of the lines above hold
        cls = source.value(ast.Name(node.name)) if isinstance(node, ast.ClassDef) else None
        if isinstance(node, ast.ClassDef) and is_named_signal(cls):
            place, wanted = _below_docstring(node), _wanted(cls, node, source)
            if lines[place] != wanted:
                stale.insert(0, node.name)
                lines[place] = wanted
    return Constructors(_FILE, "\n".join([*lines, ""]), tuple(stale))


def _check_checkout() -> None:
    root, here = _PACKAGE.parent, Path.cwd()
    if (here / "statesig" / "signals").is_dir() and here.resolve() != root.resolve():
        raise FileNotFoundError(f"this folder is a checkout of statesig, but {_PACKAGE} is running; use {COMMAND}")
    if not (root / "pyproject.toml").is_file():
        raise FileNotFoundError(
            f"the signals of statesig itself are written in a checkout of it, and {_PACKAGE} is not in one; "
            f"for a program's states and signals name its package: {COMMAND} PACKAGE"
        )


def _below_docstring(node: ast.ClassDef) -> slice:
    """Return where the lines of a class stand that follow its docstring."""
    return slice(node.body[0].end_lineno, node.end_lineno)


def _wanted(cls: type[Any], node: ast.ClassDef, source: Source) -> list[str]:
    constructor = constructor_of(cls, node, source, Imports(source))
    return ["", f"{_INNER}if TYPE_CHECKING:", "", *_compact(function_lines(constructor, _INNER * 2))]


def _compact(lines: list[str]) -> list[str]:
    """Return the lines of a function with all parameters on one, if they fit."""
    line = f"{_INNER * 3}{' '.join(map(str.strip, lines[1:-1])).removesuffix(',')}"
    return [lines[0], line, lines[-1]] if len(lines) > 1 and len(line) <= WIDTH else lines
