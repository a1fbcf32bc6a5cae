"""Types: programs of a user's through every checker, against the installed wheel, which the source tree is equal to.

What the marks in a program say, and how each checker is run, is told in `tests.harness.checkers`.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.harness.cases import at_once
from tests.harness.checkers import (
    CHECKERS,
    LOOSE,
    PLUGIN,
    PROGRAMS_SINCE,
    SETUPS,
    TYPING,
    Environment,
    Flagged,
    Mypy,
    bare,
    counted,
    installed,
    marks_of,
    offences,
    programs,
    tallies,
)
from tests.harness.exhaustive import exhaustive_but
from tests.harness.programs import MACHINE_PAIRS

PROGRAMS = programs()
CORE = ("ty",)
"""The set-ups that the test command tries; the others are exhaustive."""
THOROUGH = (
    "pyrefly",
    "mypy with the plugin before pydantic's",
    "mypy with the plugin after pydantic's",
    "mypy with the plugin and a stricter pydantic's",
    "mypy with pydantic's plugin",
)
"""Those of them that are thorough: each checker is tried before."""
COPIES = {
    "kinds.py": "stubbed.py",
    "generics.py": "stubbed_generics.py",
    "declared.py": "stubbed_declared.py",
    "machines.py": "stubbed_machines.py",
}
"""The modules of definitions that are there twice, the second time with a stub."""


@pytest.fixture(scope="session")
def background() -> Iterator[ThreadPoolExecutor]:
    """What runs the checkers, each in a process of its own, while the tests wait for the first of them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which the wheel of this tree is installed."""
    return installed(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that sees the source tree, as an editable installation does."""
    return bare(tmp_path_factory.mktemp("tree"))


def copied(folder: Path) -> Path:
    """Copy the programs to a folder which has nothing else to import from."""
    late = [Path(name).name for name in PROGRAMS_SINCE if name not in PROGRAMS]
    shutil.copytree(TYPING, folder, ignore=shutil.ignore_patterns("__pycache__", *late))
    for name, copy in COPIES.items():
        shutil.copy(folder / name, folder / copy)
    return folder


# The program of all pairs: a step from each kind by each signal, marked where the table does not have it.
PAIRS = """
import kinds, statesig
from statesig.states.families import descendants
from statesig.signals import signal_type_of

REQUIRED = {"state": "Pending()", "reason": "'checksum'"}
CHILDREN = {"MapFailed": "(Failed(),)", "MapCancelled": "(Cancelled(),)"}

def call(cls, kind):
    required = [name for name, field in kind.model_fields.items() if field.is_required()]
    given = [f"{name}={REQUIRED.get(name) or CHILDREN[kind.__name__]}" for name in required]
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
def folder(tmp_path_factory: pytest.TempPathFactory, wheel: Environment) -> Path:
    """The programs, the program of all pairs, and the stubs of the modules that are to have some."""
    folder = copied(tmp_path_factory.mktemp("programs") / "all")
    for copy in COPIES.values():
        command = ["-m", "statesig", "stubs", copy.removesuffix(".py"), "--output", "."]
        wheel.run(wheel.python, *command, folder=folder, codes=(0,))
    (folder / "pairs.py").write_text(wheel.run(wheel.python, "-c", PAIRS, folder=folder, codes=(0,)))
    (folder / "machine_pairs.py").write_text(wheel.run(wheel.python, "-c", MACHINE_PAIRS, folder=folder, codes=(0,)))
    return folder


@pytest.fixture(scope="session")
def bare_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs, and no stub."""
    return copied(tmp_path_factory.mktemp("bare_programs") / "all")


@dataclass(frozen=True)
class Runs:
    """What each checker, in each way of setting it up, flags in a folder; nobody runs before it is asked for.

    Args:
        folder: The programs.
        stubs: Whether it has the stubs of the programs.
        start: Starts a checker by the name of its set-up.
        running: The runs by the names of their set-ups.
    """

    folder: Path
    stubs: bool
    start: Callable[[str], Future[Flagged]]
    running: dict[str, Future[Flagged]] = field(default_factory=dict)

    def begin(self, setups: Iterable[str]) -> None:
        """Start the checkers of set-ups, so that each runs while others are waited for."""
        for setup in setups:
            if setup not in self.running:
                self.running[setup] = self.start(setup)

    def flagged(self, setup: str) -> Flagged:
        """Return what a checker flags, once it is done."""
        self.begin([setup])
        return self.running[setup].result()

    def offences(self, setup: str, program: str) -> list[str]:
        """Return the lines on which a checker and the marks of a program are of two minds."""
        checker, found = SETUPS[setup], self.flagged(setup)
        return offences(self.folder, program, checker.mark, found, stubs=self.stubs, loose=checker.loose)


def asked_for(request: pytest.FixtureRequest, fixture: str) -> list[str]:
    """Return the set-ups that the tests which are to run ask a fixture for, in their order."""
    items = [item for item in request.session.items if fixture in getattr(item, "fixturenames", ())]
    calls = [item.callspec for item in items if hasattr(item, "callspec")]
    return [call.params["setup"] for call in calls if "setup" in call.params]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what the checkers keep, which no other run has written."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="session")
def runs(
    background: ThreadPoolExecutor, wheel: Environment, folder: Path, kept: Path, request: pytest.FixtureRequest
) -> Runs:
    """The runs with the wheel installed, in all ways."""

    def start(name: str) -> Future[Flagged]:
        return background.submit(SETUPS[name].check, wheel, folder, kept / f"{name} wheel")

    found = Runs(folder, True, start)
    found.begin(asked_for(request, "runs"))
    return found


@pytest.fixture(scope="session")
def bare_runs(
    background: ThreadPoolExecutor, tree: Environment, bare_folder: Path, kept: Path, request: pytest.FixtureRequest
) -> Runs:
    """The runs with the source tree, and with no stub of a program."""

    def start(name: str) -> Future[Flagged]:
        return background.submit(SETUPS[name].check, tree, bare_folder, kept / f"{name} tree")

    found = Runs(bare_folder, False, start)
    found.begin(asked_for(request, "bare_runs"))
    return found


# ---- the programs


@pytest.mark.parametrize("setup", exhaustive_but(CORE, SETUPS, thorough=THOROUGH))
def test_a_program_is_flagged_where_it_is_marked_and_nowhere_else(setup: str, runs: Runs) -> None:
    """A checker flags every marked line of each program, mypy with the codes of the mark, and no other line."""
    found = [offence for program in PROGRAMS for offence in runs.offences(setup, program)]
    assert [] == found, "\n".join(found)


@pytest.mark.parametrize("setup", exhaustive_but(CORE, SETUPS, thorough=THOROUGH))
def test_a_step_is_flagged_if_and_only_if_the_table_has_no_such_arrow(setup: str, runs: Runs) -> None:
    """For every pair of a state and a signal, two of a user's own among them, a checker and `is_allowed` agree."""
    assert 24 * 24 == (runs.folder / "pairs.py").read_text().count("\nadvance(")
    found = [offence for offence in runs.offences(setup, "pairs.py") if "(" in offence]
    assert [] == found, "\n".join(found)


@pytest.mark.parametrize("setup", exhaustive_but(CORE, SETUPS, thorough=THOROUGH))
def test_a_transition_of_a_machine_is_flagged_if_and_only_if_its_table_has_no_such_arrow(
    setup: str, runs: Runs
) -> None:
    """For every pair of a state, or a union of two, and a signal of five machines, a checker and `is_allowed` agree."""
    text = (runs.folder / "machine_pairs.py").read_text()
    print(f"{text.count('advance(source')} pairs with advance, {text.count('.after(source')} with after")
    assert (888, 844) == (text.count("advance(source"), text.count(".after(source"))
    found = [offence for offence in runs.offences(setup, "machine_pairs.py") if "(" in offence]
    assert [] == found, "\n".join(found)


def test_the_source_tree_says_what_the_wheel_says(bare_runs: Runs) -> None:
    """As it is in the tree, the package has ty flag what is marked ``E``; only where a program has stubs, the rest."""
    stubless = [program for program in PROGRAMS if program != "check_stubbed_generics.py"]
    found = [offence for program in stubless for offence in bare_runs.offences("ty", program)]
    assert [] == found, "\n".join(found)


@pytest.mark.thorough
def test_the_plugin_needs_no_stub(bare_runs: Runs) -> None:
    """Without stubs of the programs mypy with the plugin flags every marked line of each, and no other line."""
    found = [offence for program in PROGRAMS for offence in bare_runs.offences(PLUGIN, program)]
    assert [] == found, "\n".join(found)


# ---- the marks


@at_once
@pytest.mark.parametrize("program", [name for name in PROGRAMS if "check_" in name])
def test_a_program_has_something_to_flag_and_something_to_leave(program: str) -> None:
    """Each program but the modules of definitions has lines that are wrong, and more that are not."""
    wrong = [mark for mark in marks_of(PROGRAMS[program]).values() if mark.is_wrong]
    assert 0 < len(wrong) < len(PROGRAMS[program].read_text().splitlines()) - len(wrong)


@at_once
@pytest.mark.parametrize("program", PROGRAMS)
def test_an_exception_is_one(program: str) -> None:
    """A checker misses only what others flag, and is wrong only about what is right; each is one that there is."""
    for mark in marks_of(PROGRAMS[program]).values():
        assert mark.missed | mark.false <= {*CHECKERS, LOOSE}
        assert not mark.missed or mark.annotations or mark.stubs
        assert not mark.false or not mark.is_wrong


@pytest.mark.thorough
def test_the_table_of_checkers_is_what_they_do(runs: Runs) -> None:
    """The table that is read off the marks is the one that is counted in what the checkers flag."""
    wrong = {(name, line) for name, path in counted().items() for line, mark in marks_of(path).items() if mark.is_wrong}
    runs.begin(tally.checker for tally in tallies())
    for tally in tallies():
        flagged = {place for place in runs.flagged(tally.checker) if place[0] in counted()}
        assert (len(flagged & wrong), len(wrong), len(flagged - wrong)) == (tally.caught, tally.marked, tally.false)


# ---- what is true at run time

# Each module is run statement by statement, so that one that raises does not hide the next; each program in a fork,
# so that no program sees the states of another.
RUN = """
import __future__, ast, importlib, json, os, statesig.states, sys, traceback
from pathlib import Path

for program in map(str.split, sys.argv[1:]):
    child = os.fork()
    if not child:
        break
    assert os.waitpid(child, 0)[1] == 0
else:
    sys.exit()

refused = {}
for name in program:
    path = Path(name.replace(".", "/") + ".py").resolve()
    module = sys.modules[name] = type(sys)(name)
    tree = ast.parse(path.read_text())
    if "." in name:
        setattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2], module)
    late = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    flags = __future__.annotations.compiler_flag if late else 0
    for statement in tree.body:
        try:
            exec(compile(ast.Module([statement], []), str(path), "exec", flags), vars(module))
        except Exception as error:
            line = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)][-1]
            refused.setdefault(path.name, {})[line.lineno] = type(error).__name__
print(json.dumps(refused), flush=True)
"""

Refused = dict[str, dict[str, str]]
"""The lines that raise, as text, by module, and the name of the error."""

RUNNABLE = {
    "check_declared.py": ["check_declared"],
    "check_definitions.py": ["check_definitions"],
    "check_fields.py": ["check_fields"],
    "check_machine_definitions.py": ["check_machine_definitions"],
    "check_messages.py": ["check_messages"],
    "check_own.py": ["check_own"],
    "check_shapes.py": ["check_shapes"],
    "check_states.py": ["check_states"],
    "check_stubbed.py": ["check_stubbed"],
    "check_unknown.py": ["check_unknown"],
    "defined/middle.py": ["defined.origins", "defined.middle"],
    "defined/check_ends.py": ["defined.origins", "defined.middle", "defined.check_ends"],
    "warehouse/check_use.py": ["warehouse.check_use"],
}
"""Programs that can be run, and the modules to run for each."""


@pytest.fixture(scope="session")
def refused(wheel: Environment, folder: Path) -> dict[str, Refused]:
    """For each program that can be run, the lines that raise, by module, and what."""
    told = wheel.run(wheel.python, "-c", RUN, *map(" ".join, RUNNABLE.values()), folder=folder, codes=(0,))
    return dict(zip(RUNNABLE, map(json.loads, told.splitlines()), strict=True))


@at_once
@pytest.mark.parametrize("program", RUNNABLE)
def test_a_line_that_is_not_marked_runs(program: str, refused: dict[str, Refused]) -> None:
    """No line raises in which nothing is wrong."""
    raised = refused[program].get(Path(program).name, {})
    marks = marks_of(PROGRAMS[program])
    assert {} == {line: error for line, error in raised.items() if int(line) not in marks}


@at_once
@pytest.mark.parametrize("program", RUNNABLE)
def test_a_definition_is_refused_if_and_only_if_the_plugin_flags_it(program: str, refused: dict[str, Refused]) -> None:
    """A class raises DefinitionError where its line is marked with the plugin's own code, and only there."""
    raised = refused[program].get(Path(program).name, {})
    marks = marks_of(PROGRAMS[program])
    expected = {line for line, mark in marks.items() if "statesig" in mark.plugin}
    assert expected == {int(line) for line, error in raised.items() if error == "DefinitionError"}


# ---- programs that are right, and mistakes

SHOWN = """
import json, os, runpy, sys, typing, typing_extensions

def shown(value):
    frame = sys._getframe(1)
    types[os.path.basename(frame.f_code.co_filename) + f":{frame.f_lineno}"] = type(value).__name__
    return value

typing.reveal_type = typing_extensions.reveal_type = shown
sys.path.insert(0, os.getcwd())
for name in sys.argv[1:]:
    types = {}
    child = os.fork()
    if not child:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        print(json.dumps(types), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, name
"""
RIGHT = {name: path for name, path in PROGRAMS.items() if name.startswith("programs/")}
RUN_ALONE = [name for name, path in RIGHT.items() if "__main__" in path.read_text()]
"""The programs; the other modules among them are what one of them imports."""


@pytest.fixture(scope="session")
def shown(wheel: Environment, folder: Path) -> dict[tuple[str, int], str]:
    """The class of each value that the programs reveal, by the place of the line; each program runs to its end."""
    modules = [name.removesuffix(".py").replace("/", ".") for name in RUN_ALONE]
    told = wheel.run(wheel.python, "-c", SHOWN, *modules, folder=folder, codes=(0,))
    found = {key: kind for line in told.splitlines() for key, kind in json.loads(line).items()}
    return {
        (f"programs/{name}", int(line)): kind for (name, line), kind in ((key.split(":"), found[key]) for key in found)
    }


@pytest.mark.parametrize("setup", exhaustive_but([], CHECKERS.values(), thorough=["pyrefly"]))
def test_what_is_revealed_is_what_a_program_has(setup: str, runs: Runs, shown: dict[tuple[str, int], str]) -> None:
    """The type that a checker reveals is the class of the value when the program runs, on every line that asks."""
    revealed = {place: kind for place, kind in runs.flagged(setup).revealed.items() if place[0] in RIGHT}
    classes = {place: kind.partition("[")[0].rpartition(".")[2] for place, kind in revealed.items()}
    assert 70 <= len(shown)
    assert {place: kind.partition("[")[0] for place, kind in shown.items()} == classes


@pytest.mark.exhaustive
def test_programs_run(shown: dict[tuple[str, int], str]) -> None:
    """Each program runs to its end, and reveals something on the way."""
    assert set(RUN_ALONE) == {name for name, _ in shown}


MOST_FALSE = {"plugin": 0, "mypy": 1, "pyright": 2, "pyrefly": 3, "ty": 3}
"""How many lines of the right programs a checker may report; `tests.harness.checkers` says why it does."""


def test_right_programs_are_long_and_hardly_reported() -> None:
    """The programs have 1,900 lines at least, of which hardly any is reported, though nothing is wrong with them."""
    late = [TYPING / name for name in PROGRAMS_SINCE]
    paths = {*RIGHT.values(), *late}
    marks = [mark for path in paths for mark in marks_of(path).values()]
    assert not any(mark.is_wrong for mark in marks)
    assert len(RUN_ALONE) + len(set(late) - set(RIGHT.values())) == 13
    assert sum(len(path.read_text().splitlines()) for path in paths) >= 1_900
    for checker, most in MOST_FALSE.items():
        assert sum(checker in mark.false for mark in marks) <= most


AREAS = ("signals", "own_signals", "definitions", "states", "flows", "algebra", "codec")
LEAST_SEEN = {"plugin": 0.95, "mypy": 0.9, "pyright": 0.9, "pyrefly": 0.9, "ty": 0.9}


def test_mistakes_are_seen() -> None:
    """Of the mistakes in all areas mypy with the plugin sees 95 in 100, and every other checker, with stubs, 90."""
    marks = {area: list(marks_of(PROGRAMS[f"mistakes/{area}.py"]).values()) for area in AREAS}
    every = [mark for area in AREAS for mark in marks[area]]
    assert all(mark.is_wrong for mark in every)
    assert min(map(len, marks.values())) >= 20
    for checker, least in LEAST_SEEN.items():
        assert sum(mark.is_flagged_by(checker) for mark in every) >= least * len(every)


# ---- what changes


@dataclass(frozen=True)
class Change:
    """A change in one module of the program ``chain``, in which nothing is wrong before.

    Args:
        module: The module that is changed.
        old: What stands in it.
        new: What is put in its place.
        code: The code of what is wrong then.
        flagged: The lines that are flagged then, by their beginnings.
    """

    module: str
    old: str
    new: str
    code: str
    flagged: tuple[str, ...]


_FIRST, _LAST = 'raise STALE("old", reason="a"', 'raise STALE("old", reason="b"'
_SIGNAL = "\n\nfrom chain.parents import Aged\n\nclass OLD(Signal[Aged]): ..."
_TAGGED = '\n\nfrom statesig import Paused\n\nclass Delayed(Paused[Any], tag="Late"): ...'
_CLASS = "class Aged(Skipped[Any])"
_WITHIN = "\n\nfrom statesig import Paused\n\nclass Outer:\n    class Late(Paused[Any]): ..."
_FIXED = "\n\nfrom statesig import Paused\n\nclass Fixed(Paused[str]): ...\n\nclass Below(Fixed): ..."
_ANY, _PARENT = "from typing import Any", "from chain.parents import Aged"

CHANGES = {
    "a field's type": Change("states", "reason: str", "reason: int", "arg-type", (_FIRST, _LAST)),
    "a new field": Change("states", "reason: str", "reason: str\n    shelf: int", "call-arg", (_FIRST, _LAST)),
    "a parent's field's type": Change("parents", "days: int = 0", "days: bytes = b''", "arg-type", (_FIRST,)),
    "a parent's field's name": Change("parents", "days: int = 0", "weeks: int = 0", "call-arg", (_FIRST,)),
    "a parent's field's default": Change("parents", "days: int = 0", "days: int", "call-arg", (_LAST,)),
    "a second signal": Change("signals", '"""Leave it out."""', f"...{_SIGNAL}", "statesig", ("class AGED",)),
    "a second tag": Change("parents", "days: int = 0", f"days: int = 0{_TAGGED}", "statesig", ("class Late",)),
    "a tag": Change("parents", _CLASS, f'{_CLASS[:-1]}, tag="Late")', "statesig", ("class Late",)),
    "a tag within": Change("parents", "days: int = 0", f"days: int = 0{_WITHIN}", "statesig", ("class Late",)),
    "an import": Change("parents", _ANY, f"{_ANY}\n\nimport chain.apart", "statesig", ("class Late",)),
    "an import of an import": Change("states", _PARENT, f"import chain.apart\n{_PARENT}", "statesig", ("class Late",)),
}


class Chain:
    """A copy of the program ``chain``, and mypy with the plugin, which keeps what it found out.

    Args:
        folder: Where the copy is.
        run: Runs mypy, and returns what it printed.
    """

    def __init__(self, folder: Path, run: Callable[[], str]) -> None:
        self.folder = folder
        self.run = run

    def flagged(self) -> set[tuple[str, str]]:
        """Return the lines that are flagged now, stripped, with a code of each."""
        found = MYPY.read(self.folder, self.run())
        places = ((self.folder.joinpath(name), line, codes) for (name, line), codes in found.items())
        return {
            (path.read_text().splitlines()[line - 1].strip(), code) for path, line, codes in places for code in codes
        }

    def put(self, module: str, old: str, new: str) -> None:
        path = self.folder / f"chain/{module}.py"
        text = path.read_text()
        assert 1 == text.count(old)
        when = path.stat().st_mtime + 2  # mypy takes a file for unchanged whose size and second are the same
        path.write_text(text.replace(old, new))
        os.utime(path, (when, when))


MYPY = Mypy(("statesig.mypy",))


@pytest.fixture(scope="session")
def cached(tmp_path_factory: pytest.TempPathFactory, wheel: Environment, kept: Path) -> Chain:
    """The program under mypy, which begins anew each time and has its cache."""
    folder = tmp_path_factory.mktemp("cached")
    shutil.copytree(TYPING / "chain", folder / "chain", ignore=shutil.ignore_patterns("__pycache__"))
    command = [wheel.python, "-m", "mypy", *MYPY.options(kept / "cached"), "."]
    return Chain(folder, lambda: wheel.run(*command, folder=folder))


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory, wheel: Environment, kept: Path) -> Iterator[Chain]:
    """The program under mypy's daemon, of which nothing is left in the end."""
    folder = tmp_path_factory.mktemp("daemon")
    shutil.copytree(TYPING / "chain", folder / "chain", ignore=shutil.ignore_patterns("__pycache__"))
    status = folder / "status.json"
    command = [wheel.python, "-m", "mypy.dmypy", "--status-file", status]
    wheel.run(*command, "start", "--timeout", "300", "--", *MYPY.options(kept / "daemon"), folder=folder)
    number = json.loads(status.read_text())["pid"]
    try:
        yield Chain(folder, lambda: wheel.run(*command, "check", ".", folder=folder))
    finally:
        with suppress(ProcessLookupError):  # it ends by itself when it is idle for long
            os.kill(number, signal.SIGKILL)  # what it would do at its end is to remove files that are removed anyway


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("how", exhaustive_but([], ["cached", "daemon"], thorough=["cached"]))
def test_a_change_is_flagged_where_it_matters_and_forgotten_when_it_is_taken_back(
    how: str, change: str, request: pytest.FixtureRequest
) -> None:
    """After a change in one module its consequences two modules away are flagged, and not any more once it is undone.

    So it is for mypy with a warm cache, and in the daemon.
    """
    chain: Chain = request.getfixturevalue(how)
    made = CHANGES[change]
    before = chain.flagged()
    chain.put(made.module, made.old, made.new)
    changed = chain.flagged()
    chain.put(made.module, made.new, made.old)
    after = chain.flagged()
    assert (set(), set()) == (before, after)
    assert {made.code} == {code for _, code in changed}
    assert list(made.flagged) == [
        line[: len(start)] for start, (line, _) in zip(made.flagged, sorted(changed), strict=True)
    ]


@pytest.mark.parametrize("how", exhaustive_but([], ["cached", "daemon"], thorough=["cached"]))
def test_a_fixed_result_is_noted_where_a_state_fixes_it(how: str, request: pytest.FixtureRequest) -> None:
    """A state with a fixed result is noted, and none that inherits it: a match over other states skips its case."""
    chain: Chain = request.getfixturevalue(how)
    chain.put("parents", "days: int = 0", f"days: int = 0{_FIXED}")
    told = [json.loads(line) for line in chain.run().splitlines()]
    chain.put("parents", f"days: int = 0{_FIXED}", "days: int = 0")
    assert [("note", "Fixed")] == [(each["severity"], each["message"].split()[0]) for each in told]


@pytest.mark.parametrize("how", exhaustive_but([], ["cached", "daemon"], thorough=["cached"]))
def test_a_state_that_is_moved_is_no_rival_of_itself(how: str, request: pytest.FixtureRequest) -> None:
    """A state that goes to another module, and is imported where it was, has one tag in all."""
    chain: Chain = request.getfixturevalue(how)
    days, there = "days: int = 0", "days: int = 0\n\nclass Moved(Skipped[Any]): ..."
    chain.put("parents", days, there)
    before = chain.flagged()
    chain.put("parents", there, f"{days}\n\nfrom chain.states import Moved as Moved")
    chain.put("states", "reason: str", "reason: str\n\nclass Moved(Aged): ...")
    moved = chain.flagged()
    chain.put("parents", "\n\nfrom chain.states import Moved as Moved", "")
    chain.put("states", "\n\nclass Moved(Aged): ...", "")
    assert (set(), set()) == (before, moved)


# ---- the package itself


@pytest.fixture(scope="session")
def completeness(background: ThreadPoolExecutor, wheel: Environment, folder: Path) -> Future[str]:
    command = ["-m", "pyright", "--outputjson", "--verifytypes", "statesig", "--ignoreexternal"]
    return background.submit(wheel.run, wheel.python, *command, folder=folder)


@pytest.mark.exhaustive
def test_every_public_type_is_known(completeness: Future[str]) -> None:
    """Every public name of the installed package has a type that all checkers read alike; the examples are not API."""
    told = json.loads(completeness.result())["typeCompleteness"]
    public = [symbol for symbol in told["symbols"] if not symbol["name"].startswith("statesig.examples.")]
    unknown = [symbol["name"] for symbol in public if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]]
    assert 500 < len(public)
    assert [] == unknown, "\n".join(unknown)
