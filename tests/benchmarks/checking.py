"""What the plugin adds to a run of mypy.

The subject is mypy with the plugin on a generated project: 300 states, 300 signals and 3,000 raises in 90 modules. The
floor is mypy without it, on the same project. Cold runs begin with no cache at all, so that statesig and pydantic are
checked too; warm ones find everything cached and unchanged; those after a change find one module of states changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from measuring import Plan, Row, compare

_ROOT = Path(__file__).resolve().parents[2]
_PARENTS = ("Skipped", "Failed", "Paused", "Retrying", "Success")
_GROUPS, _KINDS, _RAISES = 30, 10, 100

_STATE = """
class State{group}x{kind}({parent}[R]):
    reason: str
    count: int = {kind}
    where: tuple[str, ...] = ()
"""
_RAISE = """
def work_{number}(given: int) -> int:
    if given > {number}:
        raise SIGNAL{group}x{kind}("too many", reason="more than {number}", count=given, result=given)
    return given + {number}
"""


def checking(plan: Plan) -> Iterator[Row | str]:
    """Measure mypy with the plugin beside mypy without it, cold, warm and after a change."""
    yield f"mypy on {_GROUPS * _KINDS} states, {_GROUPS * _KINDS} signals and {_GROUPS * _RAISES:,} raises"
    with TemporaryDirectory() as folder:
        project = Path(folder)
        write_project(project)
        for name, before in (("cold", _forget), ("warm", _leave), ("one module of states changed", _change)):
            sides = [(f"mypy {side}, {name}", partial(_seconds, project, side, before)) for side in _CONFIGS]
            for _, run in sides:
                run()  # each has its cache
            yield compare(plan, sides[0], sides[1], 1.1)


def write_project(project: Path) -> None:
    """Write the package ``generated`` into a folder, and a configuration for each side."""
    package = project / "generated"
    package.mkdir()
    (package / "__init__.py").touch()
    for group in range(_GROUPS):
        states = [
            _STATE.format(group=group, kind=kind, parent=_PARENTS[kind % len(_PARENTS)]) for kind in range(_KINDS)
        ]
        names = ", ".join(f"State{group}x{kind}" for kind in range(_KINDS))
        signals = [f"class SIGNAL{group}x{kind}(Signal[State{group}x{kind}[Any]]): ..." for kind in range(_KINDS)]
        raised = ", ".join(f"SIGNAL{group}x{kind}" for kind in range(_KINDS))
        raises = [_RAISE.format(group=group, kind=number % _KINDS, number=number) for number in range(_RAISES)]
        head = "from typing import Any\n"
        variable = 'from typing_extensions import TypeVar\nR = TypeVar("R", covariant=True, default=Any)\n'
        parents = f"from statesig import {', '.join(_PARENTS)}\n"
        (package / f"states_{group}.py").write_text(head + variable + parents + "".join(states))
        imports = f"from statesig import Signal\nfrom generated.states_{group} import {names}\n"
        (package / f"signals_{group}.py").write_text(head + imports + "\n".join(signals) + "\n")
        (package / f"work_{group}.py").write_text(f"from generated.signals_{group} import {raised}\n{''.join(raises)}")
    for side, config in _CONFIGS.items():
        (project / f"{side}.ini").write_text(config)


_CONFIGS = {"with plugin": "[mypy]\nstrict = True\nplugins = statesig.mypy\n", "alone": "[mypy]\nstrict = True\n"}


def _seconds(project: Path, side: str, before: Callable[[Path, Path], None]) -> float:
    cache = project / f"cache {side}"
    before(project, cache)
    command = [sys.executable, "-m", "mypy", f"--config-file={side}.ini", f"--cache-dir={cache}", "-p", "generated"]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "MYPYPATH": str(_ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed plugin is compiled
    began = time.perf_counter()
    subprocess.run(command, cwd=project, env=environment, capture_output=True, check=True)
    return time.perf_counter() - began


def _forget(project: Path, cache: Path) -> None:
    shutil.rmtree(cache, ignore_errors=True)


def _leave(project: Path, cache: Path) -> None:
    """Keep the cache and the project as they are."""


def _change(project: Path, cache: Path) -> None:
    """Add a field to a state, which no two runs of a side have seen."""
    module = project / "generated/states_0.py"
    module.write_text(module.read_text() + f"    added_{time.time_ns()}: int = 0\n")
