"""Types: programs of a user's, checked by mypy and pyright, without a plugin of ours, against the installed wheel.

A program is ``typing/check_*.py``. A line that ends in ``# E: code`` must be flagged, by mypy with exactly these codes
and by pyright with any; no other line may be. The wheel is unpacked into an environment of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

# One process builds the wheel and runs the checkers, once for all of these.
pytestmark = pytest.mark.xdist_group("typing")

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted((ROOT / "tests/typing").glob("*.py"))
NAMES = [program.name for program in PROGRAMS]
CHECKERS = ["mypy", "mypy with pydantic's plugin", "pyright"]
MARK = re.compile(r"# E: ([\w, -]+)$")

Flagged = dict[tuple[str, int], set[str]]
"""The lines that a checker flags, by file and number, and the codes it gives them."""


@dataclass(frozen=True)
class Environment:
    """A Python of its own, which sees one statesig and, behind it, what this Python sees."""

    python: Path
    packages: Path

    def run(self, *arguments: str | Path, folder: Path, codes: Iterable[int] = (0,)) -> str:
        """Run its Python in a folder and return what it printed; it must exit with one of these codes."""
        known = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])
        environ = {**known, "PATH": path, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
        done = subprocess.run([self.python, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout


def make_environment(folder: Path) -> Environment:
    venv.create(folder, symlinks=os.name != "nt")
    known = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", known))
    seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "behind.pth").write_text("\n".join(sorted(seen)))
    return Environment(Path(sysconfig.get_path("scripts", "venv", known)) / "python", packages)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which the wheel of this tree is installed."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    environment = make_environment(folder / "venv")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(environment.packages)
    return environment


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that sees the source tree, which has no stub beside its modules."""
    environment = make_environment(tmp_path_factory.mktemp("bare"))
    (environment.packages / "statesig.pth").write_text(str(ROOT))
    return environment


# The program of all pairs: a step from each kind by each signal, marked where the table does not have it.
PAIRS = """
import kinds, statesig
from statesig.models import descendants
from statesig.signals import signal_type_of

REQUIRED = {"state": "Pending()", "reason": "'checksum'"}

def call(cls, kind):
    given = [f"{name}={REQUIRED[name]}" for name, field in kind.model_fields.items() if field.is_required()]
    return f"{cls.__name__}({', '.join(given)})"

states = descendants(statesig.State)
for cls in [*states, *map(signal_type_of, states)]:
    print(f"from {cls.__module__} import {cls.__name__}")
print("from statesig import advance")
for state in states:
    for target in states:
        mark = "" if statesig.is_allowed(state, target) else "  # E: any"
        print(f"advance({call(state, state)}, {call(signal_type_of(target), target)}){mark}")
"""


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory, installed: Environment) -> Path:
    """A folder with the programs, that of all pairs among them, and nothing else to import from."""
    folder = tmp_path_factory.mktemp("programs")
    for program in PROGRAMS:
        shutil.copy(program, folder)
    shutil.copy(folder / "kinds.py", folder / "stubbed.py")
    installed.run("-m", "statesig.stubgen", "stubbed", "--output", ".", folder=folder)
    (folder / "pairs.py").write_text(installed.run("-c", PAIRS, folder=folder))
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    (folder / "pydantic.ini").write_text("[mypy]\nplugins = pydantic.mypy\n")
    return folder


def check(environment: Environment, folder: Path, cache: Path, *names: str) -> dict[str, Flagged]:
    """Run all checkers, side by side, on some programs of a folder or on all."""
    with ThreadPoolExecutor() as pool:
        running = {
            "mypy": pool.submit(run_mypy, environment, folder, cache / "alone", "", *names),
            "pyright": pool.submit(run_pyright, environment, folder, *names),
            "mypy with pydantic's plugin": pool.submit(
                run_mypy, environment, folder, cache / "plugin", "pydantic.ini", *names
            ),
        }
        return {checker: run.result() for checker, run in running.items()}


def run_mypy(environment: Environment, folder: Path, cache: Path, config: str, *names: str) -> Flagged:
    options = ["--strict", f"--config-file={config}", "--no-error-summary", "--output=json", f"--cache-dir={cache}"]
    found: Flagged = {}
    for line in environment.run("-m", "mypy", *options, *names or ["."], folder=folder, codes=(0, 1)).splitlines():
        problem = json.loads(line)
        if problem["severity"] == "error":
            found.setdefault((Path(problem["file"]).name, problem["line"]), set()).add(problem["code"])
    return found


def run_pyright(environment: Environment, folder: Path, *names: str) -> Flagged:
    found: Flagged = {}
    told = json.loads(environment.run("-m", "pyright", "--outputjson", *names, folder=folder, codes=(0, 1)))
    for problem in told["generalDiagnostics"]:
        place = Path(problem["file"]).name, problem["range"]["start"]["line"] + 1
        found.setdefault(place, set()).add(problem.get("rule", problem["message"]))
    return found


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of mypy's that no other run has written."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def flagged(installed: Environment, programs: Path, cache: Path) -> dict[str, Flagged]:
    """What each checker flags in the programs, with the wheel installed."""
    return check(installed, programs, cache)


@pytest.fixture(scope="session")
def flagged_in_bare_tree(
    bare: Environment, programs: Path, cache: Path, flagged: dict[str, Flagged]
) -> dict[str, Flagged]:
    """What each checker flags in the program of the fields without the stub; run after the others, not beside them."""
    return check(bare, programs, cache, "check_fields.py")


def marks_of(program: Path) -> dict[int, set[str]]:
    lines = enumerate(program.read_text().splitlines(), start=1)
    return {number: set(mark[1].split(", ")) for number, line in lines if (mark := MARK.search(line))}


def offences(program: Path, found: Flagged, *, codes: bool) -> list[str]:
    """Return the lines on which a checker and the marks are of two minds, and in what."""
    marks = marks_of(program)
    lines = program.read_text().splitlines()
    given = {number: rules for (name, number), rules in found.items() if name == program.name}
    told: list[str] = []
    for number in sorted({*marks, *given}):
        expected, actual = marks.get(number, set()), given.get(number, set())
        if (expected != actual) if codes else (bool(expected) != bool(actual)):
            told.append(f"{program.name}:{number}: {lines[number - 1].strip()}\n    flagged: {sorted(actual)}")
    return told


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_flagged_where_it_is_marked_and_nowhere_else(
    name: str, checker: str, programs: Path, flagged: dict[str, Flagged]
) -> None:
    """A checker flags every marked line of a program, mypy with the codes of the mark, and no other line."""
    found = offences(programs / name, flagged[checker], codes=checker != "pyright")
    assert [] == found, "\n".join(found)


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_step_is_flagged_if_and_only_if_the_table_has_no_such_arrow(
    checker: str, programs: Path, flagged: dict[str, Flagged]
) -> None:
    """For every pair of a state and a signal, two of a user's own among them, a checker and `is_allowed` agree."""
    pairs = programs / "pairs.py"
    assert 22 * 22 == pairs.read_text().count("\nadvance(")
    found = offences(pairs, flagged[checker], codes=False)
    assert [] == found, "\n".join(found)


@pytest.mark.parametrize("checker", CHECKERS)
def test_without_the_stub_no_wrong_field_of_a_signal_is_seen(
    checker: str, flagged_in_bare_tree: dict[str, Flagged]
) -> None:
    """In the bare source tree no line of the program of the fields is flagged: it is the stub that is tested."""
    assert {} == flagged_in_bare_tree[checker]


@pytest.mark.parametrize("program", PROGRAMS, ids=NAMES)
def test_a_program_has_something_to_flag(program: Path) -> None:
    """Each program but that of definitions has marked lines and more that are not."""
    marks = marks_of(program)
    assert (program.name != "kinds.py") == bool(marks)


def test_every_public_type_is_known(installed: Environment, programs: Path) -> None:
    """Every public name of the installed package has a type that all checkers read alike; the examples are not API."""
    arguments = ["-m", "pyright", "--outputjson", "--verifytypes", "statesig", "--ignoreexternal"]
    told = json.loads(installed.run(*arguments, folder=programs, codes=(0, 1)))["typeCompleteness"]
    public = [symbol for symbol in told["symbols"] if not symbol["name"].startswith("statesig.examples.")]
    unknown = [symbol["name"] for symbol in public if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]]
    assert 500 < len(public)
    assert [] == unknown, "\n".join(unknown)


def test_the_stub_says_what_is_true_at_run_time(installed: Environment, programs: Path) -> None:
    """`mypy.stubtest` finds nothing but what the allowlist gives a reason for, and each of its lines is needed."""
    allowed = ROOT / "stubs/allowlist.txt"
    told = installed.run(
        "-m", "mypy.stubtest", "statesig.signals", "--allowlist", allowed, folder=programs, codes=(0, 1)
    )
    assert "Success: no issues found in 1 module\n" == told
