"""Run type checkers on packages that use the wheel of this tree, and return the lines that each of them reports.

The wheel is installed in an environment of its own, whose Python sees, behind it, what this Python sees.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Reports = dict[tuple[str, int], str]
"""What a checker reports: by a file's path below the folder, with slashes, and a line from 1; the first of a line."""


@dataclass(frozen=True)
class Environment:
    """A Python that sees the wheel of this tree."""

    python: Path

    def run(self, *command: str | Path, folder: Path, codes: tuple[int, ...] = (0, 1)) -> str:
        """Run a command in a folder and return what it printed; it must exit with one of these codes.

        Raises:
            RuntimeError: It exited with another, as a checker does that could not check.
        """
        known = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
        environ = {**known, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, encoding="utf-8")
        if done.returncode not in codes:
            raise RuntimeError(f"{command[0]} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


def installed(folder: Path) -> Environment:
    """Return an environment made in a folder, with the wheel of this tree in it."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    home = folder / "venv"
    venv.create(home, symlinks=os.name != "nt")
    places = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", places))
    seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "behind.pth").write_text("\n".join(sorted(seen)), encoding="utf-8")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    return Environment(Path(sysconfig.get_path("scripts", "venv", places)) / "python")


Check = Callable[[Environment, Path], Reports]


@dataclass(frozen=True)
class Checker:
    """A type checker and how it is set up.

    Args:
        name: As in the tables.
        has_stubs: Whether it needs stubs to know what a user's signals take, and is given them.
        check: Runs it on all packages of a folder.
    """

    name: str
    has_stubs: bool
    check: Check


def _mypy(*plugins: str) -> Check:
    def check(environment: Environment, folder: Path) -> Reports:
        name = "-".join(["mypy", *plugins])
        config = folder / f"{name}.ini"
        config.write_text(f"[mypy]\nstrict = True\nplugins = {', '.join(plugins)}\n", encoding="utf-8")
        options = [f"--config-file={config.name}", f"--cache-dir=.{name}", "--output=json", "--no-error-summary"]
        told = environment.run(environment.python, "-m", "mypy", *options, ".", folder=folder)
        problems = map(json.loads, told.splitlines())
        errors = (problem for problem in problems if problem["severity"] == "error")
        return _reports(folder, ((error["file"], error["line"], error["message"]) for error in errors))

    return check


def _pyright(environment: Environment, folder: Path) -> Reports:
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", environment.python]
    problems = json.loads(environment.run(*command, folder=folder))["generalDiagnostics"]
    places = ((problem["file"], problem["range"]["start"]["line"] + 1, problem["message"]) for problem in problems)
    return _reports(folder, places)


def _pyrefly(environment: Environment, folder: Path) -> Reports:
    config = folder / "pyrefly.toml"
    settings = f'preset = "strict"\npython-interpreter-path = "{environment.python.as_posix()}"\n'
    config.write_text(settings, encoding="utf-8")
    told = environment.run(_script("pyrefly"), "check", "--output-format=json", "-c", config, folder=folder)
    errors = (problem for problem in json.loads(told)["errors"] if problem["severity"] == "error")
    return _reports(folder, ((error["path"], error["line"], error["description"]) for error in errors))


def _ty(environment: Environment, folder: Path) -> Reports:
    options = ["--python", environment.python.parents[1], "--output-format=gitlab"]
    problems = json.loads(environment.run(_script("ty"), "check", *options, ".", folder=folder))
    errors = (problem for problem in problems if problem["severity"] in ("major", "critical", "blocker"))
    places = ((error["location"], error["description"]) for error in errors)
    return _reports(folder, ((at["path"], at["positions"]["begin"]["line"], said) for at, said in places))


def _script(name: str) -> Path:
    """Return where a checker is that is no Python, beside this Python: the environment has no scripts of its own."""
    return Path(sysconfig.get_path("scripts")) / name


def _reports(folder: Path, problems: Iterable[tuple[str, int, str]]) -> Reports:
    home = folder.resolve()
    found: Reports = {}
    for path, line, message in problems:
        found.setdefault(((home / path).resolve().relative_to(home).as_posix(), line), message)
    return found


CHECKERS = {
    checker.name: checker
    for checker in (
        Checker("mypy with the plugin", False, _mypy("statesig.mypy")),
        Checker("mypy with both plugins", False, _mypy("pydantic.mypy", "statesig.mypy")),
        Checker("mypy", True, _mypy()),
        Checker("mypy with pydantic's plugin", True, _mypy("pydantic.mypy")),
        Checker("pyright", True, _pyright),
        Checker("pyrefly", True, _pyrefly),
        Checker("ty", True, _ty),
    )
}
"""All of them, by name."""
