"""Type checkers, run on programs of a user's, and the marks by which a program says what each of them flags.

A program is a module below ``tests/typing``. A mark stands at the end of a line, and a line may have several:

    # E: code, code       Every checker flags the line, mypy with exactly these codes: the annotations say so.
    # S: code, code       The same, once the program has a stub; without one only mypy with our plugin.
    # P: code, code       Mypy with our plugin flags it with these codes, beside those above; nobody else does.
    # missed: ty, mypy    An exception: these do not flag the line, though they should.
    # false: ty, mypy     An exception: these flag the line, though nothing is wrong with it.
    # missed: pydantic    With pydantic's plugin mypy does not: unless it is set up to, it checks no value of a field.

The modules in ``programs`` are right, whole programs that run to their end; each line in ``mistakes`` that is marked is
a mistake of another kind, and where all miss one, or mypy alone, a comment says why.

A line without a mark is flagged by nobody. Exceptions are exact both ways: a checker that has become better, or worse,
differs from the marks as one does that is wrong. So the marks are the record, and `tallies` reads the table off them.

Why there are exceptions, by checker and program:

    all       codec        They take a text for the type that it names where a TypeForm is asked for; pyrefly does not.
    mypy      control      As in excepts.
              excepts      After ``except Signal`` it takes a class without brackets as one of Any.
              boundary     So it does in ``decode(data, Signal)``.
              machines     It joins the targets of a union of two signals to their root.
              tasks        It joins the members of a union to object, and a task has no type variables of its own.
    pyright   tasks        It takes one overload of an overloaded function; in strict mode a lambda needs annotations.
              machines     It loses the type variable of a generic signal in a class method.
    pyrefly   bounded      As in tasks, of a parameter.
              callables    It compares no constructor with what `map` and `partial` hand on.
              states       It takes a frozen model for one to which attributes may be added.
              tasks        It widens the literal of a parameter that has a default.
              transitions  It forgets the type of a result where a call is the argument of a call.
    ty        algebra      It infers no type variable from a union, nor from the value of a lambda.
              callables    It does not compare the arguments of `partial`.
              modern       As in algebra.
              capture      It does not compare the arguments that a TypeVarTuple stands for; so in pipelines and tasks.
              machines     It infers nothing from a union of two signals, nor the variable of a generic one in a class
                           method, and thinks of states that are of two branches: PEP 800 is not asked for.
              tasks        It keeps a state in the union beside its result.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import ROOT

TYPING = ROOT / "tests/typing"
PLUGIN = "mypy with the plugin"
CHECKERS = {"plugin": PLUGIN, "mypy": "mypy", "pyright": "pyright", "pyrefly": "pyrefly", "ty": "ty"}
"""The names of the checkers: as they stand in marks, and as they are told to people."""

LOOSE = "pydantic"
"""What stands in marks for pydantic's plugin as it is unless it is set up."""

PROGRAMS_SINCE = {"programs/modern.py": (3, 12)}
"""The programs that older Pythons cannot read."""


class Flagged(dict[tuple[str, int], dict[str, str]]):
    """The lines that a checker flags, by the file's path below the folder and the number from 1: its codes, and what it
    says first of each.

    Attributes:
        revealed: The types that it tells where a line has `reveal_type`, as it writes them.
    """

    def __init__(self, revealed: Mapping[tuple[str, int], str] | None = None) -> None:
        super().__init__()
        self.revealed: dict[tuple[str, int], str] = dict(revealed or {})


# ---- marks


@dataclass(frozen=True)
class Marks:
    """What the marks of a line say: the codes of three, the checkers of two."""

    annotations: frozenset[str] = frozenset()
    stubs: frozenset[str] = frozenset()
    plugin: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()
    false: frozenset[str] = frozenset()

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong with the line."""
        return bool(self.annotations or self.stubs or self.plugin)

    def is_flagged_by(self, checker: str, *, stubs: bool = True) -> bool:
        """Tell whether a checker, by its name in marks, flags the line, with stubs or without."""
        if checker in self.missed or checker in self.false:
            return checker in self.false
        return bool(self.annotations or (self.stubs and stubs) or (checker == "plugin" and self.is_wrong))

    def codes_of(self, checker: str) -> frozenset[str] | None:
        """Return the codes with which mypy flags the line, with stubs; None where any will do, as ``E: any`` says."""
        if checker not in ("plugin", "mypy") or checker in self.false or "any" in self.annotations:
            return None
        if checker in self.missed:
            return frozenset()
        return self.annotations | self.stubs | (self.plugin if checker == "plugin" else frozenset())


_MARK = re.compile(r"# (E|S|P|missed|false): ([\w, -]*\w)(?=  #|$)")
_FIELDS = {"E": "annotations", "S": "stubs", "P": "plugin", "missed": "missed", "false": "false"}


def marks_of(program: Path) -> dict[int, Marks]:
    """Return the marks of a program by line, from 1."""
    found: dict[int, Marks] = {}
    for number, line in enumerate(program.read_text(encoding="utf-8").splitlines(), start=1):
        marks = {_FIELDS[kind]: frozenset(names.split(", ")) for kind, names in _MARK.findall(line)}
        if marks:
            found[number] = Marks(**marks)
    return found


def programs() -> dict[str, Path]:
    """Return the programs by their paths below ``tests/typing``."""
    paths = {path.relative_to(TYPING).as_posix(): path for path in sorted(TYPING.rglob("*.py"))}
    return {name: path for name, path in paths.items() if sys.version_info >= PROGRAMS_SINCE.get(name, ())}


def counted() -> dict[str, Path]:
    """Return the programs that every supported Python reads: a table of them is one, whatever Python counts."""
    return {name: path for name, path in programs().items() if name not in PROGRAMS_SINCE}


@dataclass(frozen=True)
class Tally:
    """What a checker makes of all programs.

    Args:
        checker: As it is told to people.
        caught: How many of the marked lines it flags.
        marked: How many lines something is wrong with.
        false: How many lines it flags that nothing is wrong with.
    """

    checker: str
    caught: int
    marked: int
    false: int


def tallies() -> list[Tally]:
    """Return the table of the checkers, read off the marks: nothing is run."""
    lines = [marks for path in counted().values() for marks in marks_of(path).values()]
    wrong = [marks for marks in lines if marks.is_wrong]
    return [
        Tally(
            told,
            sum(marks.is_flagged_by(name) for marks in wrong),
            len(wrong),
            sum(name in marks.false for marks in lines),
        )
        for name, told in CHECKERS.items()
    ]


def offences(
    folder: Path, program: str, checker: str, found: Flagged, *, stubs: bool = True, loose: bool = False
) -> list[str]:
    """Return the lines of a program on which a checker and the marks are of two minds, and in what.

    Codes are compared only with stubs: of what is wrong twice, the plugin alone may see one thing only. Nor is a line
    looked at that pydantic's plugin is to miss, where it is `loose`.
    """
    marks = marks_of(folder / program)
    lines = (folder / program).read_text(encoding="utf-8").splitlines()
    given = {number: codes for (name, number), codes in found.items() if name == program}
    told: list[str] = []
    for number in sorted({*marks, *given}):
        mark, actual = marks.get(number, Marks()), set(given.get(number, ()))
        if loose and LOOSE in mark.missed and not actual:
            continue
        expected = mark.codes_of(checker) if stubs else None
        if mark.is_flagged_by(checker, stubs=stubs) != bool(actual) or (expected is not None and expected != actual):
            told.append(f"{program}:{number}: {lines[number - 1].strip()}\n    flagged: {sorted(actual)}")
    return told


# ---- environments


@dataclass(frozen=True)
class Environment:
    """A Python of its own, which sees one statesig and, behind it, what this Python sees."""

    python: Path
    packages: Path

    def run(self, *command: str | Path, folder: Path, codes: Iterable[int] = (0, 1)) -> str:
        """Run a command in a folder and return what it printed; it must exit with one of these codes.

        Raises:
            RuntimeError: It exited with another, as a checker does that could not check.
        """
        known = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])
        environ = {**known, "PATH": path, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, encoding="utf-8")
        if done.returncode not in codes:
            raise RuntimeError(f"{command[0]} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


def installed(folder: Path) -> Environment:
    """Return an environment, made in a folder, in which the wheel of this tree is installed."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    environment = _environment(folder / "venv")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(environment.packages)
    compileall.compile_dir(environment.packages / "statesig", quiet=2)
    return environment


def bare(folder: Path) -> Environment:
    """Return an environment, made in a folder, that sees the source tree, as an editable installation does."""
    environment = _environment(folder / "venv")
    (environment.packages / "statesig.pth").write_text(str(ROOT), encoding="utf-8")
    return environment


def _environment(folder: Path) -> Environment:
    venv.create(folder, symlinks=os.name != "nt")
    known = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", known))
    seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "behind.pth").write_text("\n".join(sorted(seen)), encoding="utf-8")
    return Environment(Path(sysconfig.get_path("scripts", "venv", known)) / "python", packages)


# ---- checkers

Check = Callable[[Environment, Path, Path], Flagged]
"""Runs a checker on all that is in a folder; the second folder is for what it keeps."""


@dataclass(frozen=True)
class Checker:
    """A type checker and how it is set up.

    Args:
        name: What the set-up is called.
        mark: The name in marks of the checker whose verdicts it has.
        check: Runs it.
        loose: Whether it checks no value of a model's field, as pydantic's plugin does unless it is set up to.
    """

    name: str
    mark: str
    check: Check = field(repr=False)
    loose: bool = False


@dataclass(frozen=True)
class Mypy:
    """Mypy, strict, with some plugins and the lines of a configuration."""

    plugins: tuple[str, ...] = ()
    settings: str = ""

    def __call__(self, environment: Environment, folder: Path, kept: Path) -> Flagged:
        told = environment.run(environment.python, "-m", "mypy", *self.options(kept), ".", folder=folder)
        return self.read(folder, told)

    def options(self, kept: Path) -> list[str]:
        """Return the command's options; the configuration and the cache are below a folder of their own."""
        kept.mkdir(parents=True, exist_ok=True)
        plugins = f"plugins = {', '.join(self.plugins)}\n" if self.plugins else ""
        config = kept / "mypy.ini"
        config.write_text(f"[mypy]\nstrict = True\n{plugins}{self.settings}", encoding="utf-8")
        options = ["--explicit-package-bases", "--no-error-summary", "--output=json"]
        return [f"--config-file={config}", f"--cache-dir={kept / 'cache'}", *options]

    def read(self, folder: Path, told: str) -> Flagged:
        """Return what was flagged, of what mypy printed."""
        problems = [json.loads(line) for line in told.splitlines()]
        return _flagged(
            folder,
            ((each["file"], each["line"], each["code"], each["message"]) for each in problems),
            [each["severity"] == "error" for each in problems],
        )


def _pyright(environment: Environment, folder: Path, kept: Path) -> Flagged:
    # What pyright checks is below its configuration.
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", environment.python]
    problems = json.loads(environment.run(*command, folder=folder))["generalDiagnostics"]
    places = (
        (each["file"], each["range"]["start"]["line"] + 1, each["message"], each.get("rule")) for each in problems
    )
    are_errors = [each["severity"] != "information" for each in problems]
    return _flagged(folder, ((path, line, rule or said, said) for path, line, said, rule in places), are_errors)


def _pyrefly(environment: Environment, folder: Path, kept: Path) -> Flagged:
    kept.mkdir(parents=True, exist_ok=True)
    config = kept / "pyrefly.toml"
    settings = {
        "preset": "strict",
        "python-interpreter-path": environment.python.as_posix(),
        "project-includes": [f"{folder.as_posix()}/**/*.py"],
        "search-path": [folder.as_posix()],
    }
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()), encoding="utf-8")
    told = environment.run(_script("pyrefly"), "check", "--output-format=json", "-c", config, folder=folder)
    errors = json.loads(told)["errors"]
    are_errors = [each["name"] != "reveal-type" for each in errors]
    places = ((each["path"], each["line"], each["name"], each["description"]) for each in errors)
    return _flagged(folder, places, are_errors)


def _ty(environment: Environment, folder: Path, kept: Path) -> Flagged:
    options = ["--python", environment.python.parents[1], "--output-format=gitlab"]
    problems = json.loads(environment.run(_script("ty"), "check", *options, ".", folder=folder))
    places = ((each["location"], each["check_name"], each["description"]) for each in problems)
    are_errors = [each["check_name"] != "revealed-type" for each in problems]
    found = ((at["path"], at["positions"]["begin"]["line"], rule, said) for at, rule, said in places)
    return _flagged(folder, found, are_errors)


def _script(name: str) -> Path:
    """Return where a checker is that is no Python module: beside this Python, as the environments have no scripts."""
    return Path(sysconfig.get_path("scripts")) / name


def _flagged(folder: Path, problems: Iterable[tuple[str, int, str, str]], are_errors: Iterable[bool]) -> Flagged:
    """Return problems by their places; each is a path, a line, a code and a message, and an error or a note."""
    home = folder.resolve()
    found = Flagged()
    for (path, line, code, message), is_error in zip(problems, are_errors, strict=True):
        place = (home / path).resolve().relative_to(home).as_posix(), line
        if is_error:
            found.setdefault(place, {}).setdefault(code, message)
        elif shown := _REVEALED.search(message):
            found.revealed.setdefault(place, shown[1])
    return found


_REVEALED = re.compile(r"(?:Type of .*|[Rr]evealed type)(?: is|:) [\"`]?(.*?)[\"`]?$", re.DOTALL)


_OURS, _PYDANTIC = "statesig.mypy", "pydantic.mypy"
_STRICTER = "[pydantic-mypy]\ninit_typed = True\ninit_forbid_extra = True\nwarn_untyped_fields = True\n"

SETUPS = {
    setup.name: setup
    for setup in (
        Checker("pyright", "pyright", _pyright),
        Checker(PLUGIN, "plugin", Mypy((_OURS,))),
        Checker("mypy with the plugin before pydantic's", "plugin", Mypy((_OURS, _PYDANTIC)), loose=True),
        Checker("mypy with the plugin after pydantic's", "plugin", Mypy((_PYDANTIC, _OURS)), loose=True),
        Checker("mypy with the plugin and a stricter pydantic's", "plugin", Mypy((_PYDANTIC, _OURS), _STRICTER)),
        Checker("mypy", "mypy", Mypy()),
        Checker("mypy with pydantic's plugin", "mypy", Mypy((_PYDANTIC,)), loose=True),
        Checker("pyrefly", "pyrefly", _pyrefly),
        Checker("ty", "ty", _ty),
    )
}
"""Every way in which the programs are checked, by name, the slowest first."""
