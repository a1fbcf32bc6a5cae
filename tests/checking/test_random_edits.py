"""The plugin over random edits: mypy's daemon, and mypy with a warm cache, tell what a run from nothing tells.

A program of four modules defines states and signals and uses them, rightly and wrongly. Each edit changes one thing in
it: a field, the class of fields, a tag, a parent, a signal's state, a use, where a name is defined or how it is
imported. Then three runs of mypy are compared, line by line and word by word.
"""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness.checkers import Environment, Mypy, installed
from tests.harness.exhaustive import counts

MODULES = ("one", "two", "three", "four")
PARENTS = ("Skipped", "Failed", "Paused", "Success")
TAGS = (None, None, None, '"Late"', '"Stale"', '"Skipped"', '""', "3", "TAG")
TYPES = {"int": "3", "str": '"x"', "tuple[int, ...]": "(1, 2)", "bool": "True", "Place": "Place(row=3)"}
FIELDS = ("days", "reason", "shelf", "retryable", "message")


@dataclass
class Defined:
    """A state of the program, and its signal.

    Args:
        module: The number of the module of the state; its signal is in this one or in a later one.
        parent: The name of a built-in state or of one defined before.
        tag: What stands for its tag; None where nothing does.
        fields: The type and whether there is a default, by name.
        of_signal: The number of the signal's module; None where it has none.
        twice: Whether there is a second signal, which is wrong.
    """

    module: int
    parent: str
    tag: str | None = None
    fields: dict[str, tuple[str, bool]] = field(default_factory=dict)
    of_signal: int | None = None
    twice: bool = False


@dataclass
class Program:
    """A program, and what each edit of it changes at random."""

    dice: random.Random
    states: dict[str, Defined] = field(default_factory=dict)
    uses: dict[str, list[str]] = field(default_factory=dict)
    whole: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(MODULES, False))
    comments: int = 0
    row: str = "int"
    broken: str | None = None

    def __post_init__(self) -> None:
        for number in range(5):
            parent = self.dice.choice([*PARENTS, *self.states])
            at_least = self.states[parent].module if parent in self.states else 0
            made = Defined(self.dice.randint(at_least, len(MODULES) - 1), parent)
            made.of_signal = self.dice.randint(made.module, len(MODULES) - 1)
            made.fields = {name: self.a_field() for name in self.dice.sample(FIELDS, self.dice.randint(0, 2))}
            self.states[f"S{number}"] = made
        for module in MODULES:
            self.uses[module] = [self.a_use() for _ in range(3)]

    # ---- edits

    def edit(self) -> str:
        """Change one thing, and return what."""
        self.broken = None
        of_states = (self.tag, self.parent, self.a_field_of, self.a_field_of, self.a_signal, self.moved)
        others = (self.a_use_of, self.imported, self.reshaped, self.commented, self.unreadable)
        how = self.dice.choice((*of_states, *others))
        return f"{how.__name__} {how()}"

    def tag(self) -> str:
        name, made = self.dice.choice([*self.states.items()])
        made.tag = self.dice.choice(TAGS)
        return f"{name} {made.tag}"

    def parent(self) -> str:
        name, made = self.dice.choice([*self.states.items()])
        before = [*self.states][: [*self.states].index(name)]
        made.parent = self.dice.choice([*PARENTS, *(one for one in before if self.states[one].module <= made.module)])
        return f"{name} {made.parent}"

    def a_field_of(self) -> str:
        name, made = self.dice.choice([*self.states.items()])
        of = self.dice.choice(FIELDS)
        if of in made.fields and self.dice.random() < 0.3:
            del made.fields[of]
            return f"{name}.{of} away"
        made.fields[of] = self.a_field()
        return f"{name}.{of} {made.fields[of]}"

    def a_signal(self) -> str:
        name, made = self.dice.choice([*self.states.items()])
        if self.dice.random() < 0.3:
            made.twice = not made.twice
        else:
            made.of_signal = self.dice.choice([None, *range(made.module, len(MODULES))])
        return f"{name} {made.of_signal} {made.twice}"

    def moved(self) -> str:
        name, made = self.dice.choice([*self.states.items()])
        least = max([self.states[made.parent].module if made.parent in self.states else 0])
        most = min([one.module for one in self.states.values() if one.parent == name], default=len(MODULES) - 1)
        made.module = self.dice.randint(least, most)
        if made.of_signal is not None:
            made.of_signal = max(made.module, made.of_signal)
        return f"{name} {made.module}"

    def a_use_of(self) -> str:
        module = self.dice.choice(MODULES)
        place = self.dice.randrange(3)
        self.uses[module][place] = self.a_use()
        return f"{module} {self.uses[module][place]}"

    def imported(self) -> str:
        module = self.dice.choice(MODULES)
        self.whole[module] = not self.whole[module]
        return module

    def reshaped(self) -> str:
        self.row = self.dice.choice(["int", "str", "Any"])
        return f"Place {self.row}"

    def commented(self) -> str:
        self.comments += 1
        return ""

    def unreadable(self) -> str:
        self.broken = self.dice.choice(MODULES)
        return self.broken

    def a_field(self) -> tuple[str, bool]:
        return self.dice.choice([*TYPES]), self.dice.random() < 0.5

    def a_use(self) -> str:
        """Return a use of a state or of its signal, with arguments that fit by chance."""
        name = f"S{self.dice.randrange(5)}"
        given = [
            f"{one}={TYPES[self.dice.choice([*TYPES])]}" for one in self.dice.sample(FIELDS, self.dice.randint(0, 2))
        ]
        arguments = ", ".join(given)
        return self.dice.choice(
            [
                f"raise {{{name}!signal}}({arguments})",
                f"raise {{{name}!signal}}({arguments})",
                f"reveal_type({{{name}!signal}}({arguments}).state)",
                f"{{{name}!state}}({arguments})",
                f"{{{name}!signal}}.of({{{name}!state}}({arguments}))",
                f"statesig.advance({{{name}!state}}({arguments}), statesig.RETRY())",
                f"statesig.advance(statesig.Running(), {{{name}!signal}}({arguments}))",
            ]
        )

    # ---- text

    def texts(self) -> dict[str, str]:
        """Return the text of each module."""
        return {module: self.text(number, module) for number, module in enumerate(MODULES)}

    def text(self, number: int, module: str) -> str:
        body: list[str] = ['TAG: Final = "Stale"']
        if number == 0:
            body += ["class Place(BaseModel):", '    """A type of fields."""', f"    row: {self.row}"]
        for name, made in self.states.items():
            if made.module == number:
                tag = f", tag={made.tag}" if made.tag else ""
                body += [f"class {name}({self.state(made.parent, number)}[Any]{tag}):", '    """One of ours."""']
                for one, (type_, has_default) in made.fields.items():
                    body.append(f"    {one}: {type_}" + (f" = {TYPES[type_]}" if has_default else ""))
        for name, made in self.states.items():
            if made.of_signal == number:
                for cls in (f"{name}_SIGNAL", *([f"{name}_TWICE"] if made.twice else [])):
                    body += [f"class {cls}(Signal[{self.state(name, number)}]):", '    """And its signal."""']
        for place, use in enumerate(self.uses[module]):
            written = use
            for name in self.states:
                written = written.replace(f"{{{name}!state}}", self.state(name, number))
                written = written.replace(f"{{{name}!signal}}", self.signal(name, number))
            body += [f"def use_{place}() -> None:", f"    {written}"]
        head = ["from typing import Any, Final", "import statesig", "from statesig import Signal"]
        head += ["from program.one import Place"] if number else ["from pydantic import BaseModel"]
        head += self.imports(number, module)
        head += [f"# {self.comments}"] * (self.comments % 3) + (["def ("] if self.broken == module else [])
        return "\n".join([*head, *body, ""])

    def imports(self, number: int, module: str) -> list[str]:
        """Return the imports of a module: of each other one whole, or of its names one by one."""
        if self.whole[module]:
            return [f"import program.{other}" for other in MODULES if other != module]
        names = {name: MODULES[made.module] for name, made in self.states.items() if made.module != number}
        names |= {
            f"{name}_SIGNAL": MODULES[made.of_signal]
            for name, made in self.states.items()
            if made.of_signal not in (None, number)
        }
        return [f"from program.{home} import {name}" for name, home in names.items()]

    def state(self, name: str, number: int) -> str:
        """Return how a module calls a state."""
        if name not in self.states:
            return f"statesig.{name}"
        return self.named(name, self.states[name].module, number)

    def signal(self, name: str, number: int) -> str:
        """Return how a module calls the signal of a state; where there is none, that of an exception."""
        home = self.states[name].of_signal
        return "statesig.SKIP" if home is None else self.named(f"{name}_SIGNAL", home, number)

    def named(self, name: str, home: int, number: int) -> str:
        return f"program.{MODULES[home]}.{name}" if self.whole[MODULES[number]] and home != number else name


class Written:
    """A program in a folder, of which each file that changes gets a later time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.when = 1_700_000_000
        (folder / "program").mkdir(parents=True)
        (folder / "program/__init__.py").touch()

    def write(self, program: Program) -> None:
        self.when += 2  # mypy takes a file for unchanged whose size and second are the same
        for module, text in program.texts().items():
            path = self.folder / f"program/{module}.py"
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                os.utime(path, (self.when, self.when))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return installed(tmp_path_factory.mktemp("wheel"))


PLUGIN = Mypy(("statesig.mypy",))
Run = Callable[[], list[str]]


def read(told: str) -> list[str]:
    """Return the lines that mypy printed, in the order of the places: the daemon tells files in another order."""
    problems = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    found = [
        f"{each['file']}:{each['line']}: {each['severity']}: {each['message']} [{each['code']}]" for each in problems
    ]
    return sorted(found)


class Daemon:
    """Mypy's daemon on a folder; it is started anew where it crashed.

    Where a class goes from one module to another, and the two import each other, mypy may give the class that is gone
    to its own plugin for dataclasses, which then crashes. What the daemon must not crash in is statesig.
    """

    def __init__(self, environment: Environment, mypy: Mypy, folder: Path, kept: Path) -> None:
        options = mypy.options(kept)
        self.folder, self.log, self.status = folder, kept / "log.txt", kept / "status.json"
        self.environment = environment
        self.command: list[str | Path] = [environment.python, "-m", "mypy.dmypy", "--status-file", self.status]
        self.start = ["start", "--log-file", str(self.log), "--timeout", "300", "--", *options]
        self.number = 0
        self.crashes = 0

    def __call__(self) -> list[str]:
        if not self.status.exists():
            self.environment.run(*self.command, *self.start, folder=self.folder)
            self.number = json.loads(self.status.read_text())["pid"]
        told = self.environment.run(*self.command, "check", ".", folder=self.folder, codes=(0, 1, 2))
        if self.status.exists():
            return read(told)
        self.crashes += 1
        assert "statesig" not in self.log.read_text()
        return self()

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)


def warm(environment: Environment, mypy: Mypy, folder: Path, kept: Path) -> Run:
    """Mypy on a folder, which begins anew each time and has its cache."""
    command: list[str | Path] = [environment.python, "-m", "mypy", *mypy.options(kept), "."]
    return lambda: read(environment.run(*command, folder=folder, codes=(0, 1, 2)))


def cold(environment: Environment, mypy: Mypy, folder: Path, kept: Path, libraries: Path) -> Run:
    """Mypy on a folder, which knows other packages from its cache, and of the program nothing."""
    run = warm(environment, mypy, folder, kept)

    def anew() -> list[str]:
        shutil.rmtree(kept / "cache", ignore_errors=True)
        shutil.copytree(libraries, kept / "cache")
        return run()

    return anew


@pytest.mark.parametrize("edits", counts(None, None, 40))
def test_what_is_told_after_edits_is_what_is_told_of_nothing_but_the_text(
    edits: int, wheel: Environment, tmp_path: Path
) -> None:
    """After each edit the daemon and the warm cache tell what a run without the program's cache tells, word by word."""
    seed = int(os.environ.get("STATESIG_SEED", random.randrange(10**6)))
    print(f"STATESIG_SEED={seed}")
    written = Written(tmp_path / "folder")
    program = Program(random.Random(seed))
    (written.folder / "program/one.py").write_text("import statesig\nimport typing\n")
    warm(wheel, PLUGIN, written.folder, tmp_path / "libraries")()
    anew = cold(wheel, PLUGIN, written.folder, tmp_path / "cold", tmp_path / "libraries/cache")
    cached = warm(wheel, PLUGIN, written.folder, tmp_path / "warm")
    daemon = Daemon(wheel, PLUGIN, written.folder, tmp_path / "kept")
    runs: dict[str, Run] = {"daemon": daemon, "warm cache": cached}
    try:
        for number in range(edits):
            what = program.edit() if number else "the first text"
            written.write(program)
            expected = set(anew())
            for how, run in runs.items():
                found = set(run())
                told = sorted([f"- {one}" for one in expected - found] + [f"+ {one}" for one in found - expected])
                assert expected == found, "\n".join([f"seed {seed}: {how}, edit {number}, {what}", *told])
    finally:
        daemon.end()
    print(f"{edits} edits, {daemon.crashes} crashes of the daemon")
    assert daemon.crashes <= edits / 20
