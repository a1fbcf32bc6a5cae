"""Tell which type checkers read the stubs in a folder, and warn where mypy checks less on account of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["TYPINGS", "read_by"]

TYPINGS: Final = Path("typings")
"""The folder for a program's stubs by default: pyright looks into it without being told."""

_CONFIGURATIONS: Final = {
    "mypy.ini": "[mypy",
    ".mypy.ini": "[mypy",
    "pyproject.toml": "[tool.mypy",
    "setup.cfg": "[mypy",
}
"""The files in which mypy looks for its configuration, and how the name of a section begins that is one."""


def read_by(output: Path, shown: str, stubs: Iterable[Path], beside: Iterable[str]) -> Iterator[str]:
    """Yield a line that says who reads the stubs in a folder, and a warning if mypy reads them in place of modules.

    Args:
        output: The folder.
        shown: The folder as it is told to people.
        stubs: The stubs that were written into it.
        beside: Those of a program's stubs, as they are told to people, that stand beside their modules.
    """
    stubs, beside = [*stubs], [*beside]
    if beside:
        yield "stubs beside their modules are read by every type checker"
    elif stubs:
        setting = "" if output.absolute() == TYPINGS.absolute() else f' with "stubPath": "{shown}"'
        yield (
            f'pyright reads {shown}/{setting}, ty with extra-paths = ["{shown}"] under [environment]; '
            "mypy needs plugins = statesig.mypy, and pyrefly stubs beside the modules: --output ."
        )
    if beside and (configuration := _mypy_configuration()):
        yield (
            f"warning: mypy, which {configuration} sets up, reads {beside[0]} in place of its module, whose code it no "
            "longer checks; give it plugins = statesig.mypy, and keep the stubs in typings/"
        )


def _mypy_configuration() -> str | None:
    """Return the name of the file in the current folder that sets up mypy; None without one."""
    for name, section in _CONFIGURATIONS.items():
        path = Path(name)
        if path.is_file() and section in path.read_text(encoding="utf-8", errors="replace"):
            return name
    return None
