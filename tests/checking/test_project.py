"""A user's program, `project/shop`: it runs, type checkers pass it, and see the mistakes that they are said to see.

Which mistakes, and which of them a checker misses, is data in `project/mistakes.py`.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.checkers import Environment, installed
from tests.harness.exhaustive import exhaustive_but
from tests.samples.project.mistakes import (
    CHECKERS,
    FALSE,
    HERE,
    MISSED,
    MISTAKES,
    Copies,
    Findings,
    Mistake,
    copies,
    measured,
    plant,
)

pytestmark = pytest.mark.exhaustive

CORE = ("ty",)
"""The checker that is no more than exhaustive: the others see `tests/typing/mistakes` there."""
THOROUGH = (
    "pyright",
    "mypy with the plugin",
    "pyrefly",
    "mypy",
    "mypy with both plugins",
    "mypy with pydantic's plugin",
)
NAMES = [mistake.name for mistake in MISTAKES]
SAID = """\
Success: MapFailed
packed: 1 by post
left out
failed: trigger all_successful: 1 Suspected
failed: order 4 lacks ink
failed: trigger all_successful: 1 Declined
shipped: X6
5150 cents, 2 copies
51.50
Pending -> Queued -> Running -> shop.on-hold -> Resume -> Running -> Success None
backordered at last Running
too blue seen by bob for ada
True {"order":1,"outcome":{"type":"Declined","message":"order 1 is refused","code":57}}
0.9 [0.9] ask again: False
Suspected: order 3 is over the limit; order 2 is empty
"""
TASKS = """\
take       Success
check      Mapped: 5 Success, 1 Quarantined
pay        MapFailed: 3 Success, 1 Skipped, 1 Suspected, 1 Declined
pack       MapFailed: 1 Success, 1 Skipped, 2 TriggerFailed, 1 Failed, 1 Shipped
revenue    Success
summarise  Success
announce   Success
"""


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment in which the wheel of this tree is installed."""
    return installed(tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def written(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """The program's copies: the first without a mistake, each of the others with one."""
    return copies(environment, tmp_path_factory.mktemp("copies"))


@pytest.fixture(scope="session")
def found(environment: Environment, written: Copies, request: pytest.FixtureRequest) -> Mapping[str, Findings]:
    """What each checker says of the copies that a test asks for which is to run."""
    calls = [item.callspec for item in request.session.items if {"found", "checker"} <= {*item.fixturenames}]
    names = {call.params["checker"] for call in calls}
    return measured(environment, written, [name for name in CHECKERS if name in names])


# ---- the program


def test_the_program_says_what_became_of_a_day(environment: Environment, written: Copies) -> None:
    """With the wheel installed, the program runs from the beginning to the end, whatever its package is called."""
    assert SAID == environment.run(environment.python, "-m", "shop_00", folder=written.plain, codes=(0,))


def test_the_command_runs_its_flow(environment: Environment, written: Copies) -> None:
    """`statesig run` ends with the state of each task, and with that of the flow."""
    command = ["-m", "statesig", "run", "--quiet", "shop_00.pipeline"]
    told = environment.run(environment.python, *command, folder=written.plain, codes=(0,)).splitlines()
    rows = {line.split()[0]: line for line in told[1 : told.index("")] if "[" not in line.split()[0]}
    expected = {line.split()[0]: line for line in TASKS.splitlines()}
    assert expected.keys() == rows.keys()
    assert [] == [line for name, line in expected.items() if not rows[name].startswith(line)]
    assert "shop: Success" == told[-1]


def test_the_command_reads_its_parameters(environment: Environment, written: Copies) -> None:
    """A parameter is given by its name, and read as its type."""
    command = ["-m", "statesig", "run", "--quiet", "shop_00.pipeline", "limit=100000"]
    told = environment.run(environment.python, *command, folder=written.plain, codes=(0,))
    assert "1 Declined" in told
    assert "Suspected" not in told


# ---- the checkers


@pytest.mark.parametrize("checker", exhaustive_but(CORE, CHECKERS, thorough=THOROUGH))
def test_the_program_is_not_reported(checker: str, found: Mapping[str, Findings]) -> None:
    """In its strict mode a checker reports nothing of the program, but for lines that it is known to be wrong of."""
    assert () == found[checker].clean
    assert set(FALSE[checker]) == found[checker].false


@pytest.mark.parametrize("checker", exhaustive_but(CORE, CHECKERS, thorough=THOROUGH))
def test_a_mistake_is_reported_on_its_line(checker: str, found: Mapping[str, Findings]) -> None:
    """A checker reports each mistake on its very line, but for those that it is known to miss."""
    assert set(MISSED[checker]) == found[checker].missed


@pytest.mark.parametrize(
    "checker",
    exhaustive_but([], ["mypy with the plugin", "mypy with both plugins"], thorough=THOROUGH),
)
def test_the_plugin_reports_no_other_line(checker: str, found: Mapping[str, Findings]) -> None:
    """With the plugin, mypy reports a mistake where it is and nowhere else."""
    assert {} == found[checker].elsewhere


# ---- the mistakes


def test_what_is_promised_of_the_checkers() -> None:
    """The plugin misses none of thirty mistakes, pyright three at most, and no table names another one."""
    assert 30 == len(set(NAMES))
    assert MISSED.keys() == FALSE.keys() == CHECKERS.keys()
    assert [] == [name for missed in MISSED.values() for name in missed if name not in NAMES]
    assert not MISSED["mypy with the plugin"]
    assert not MISSED["mypy with both plugins"]
    assert 3 >= len(MISSED["pyright"])


@pytest.mark.parametrize("name", sorted(MISSED["pyright"]))
def test_what_pyright_misses_is_told_at_the_import(name: str, environment: Environment, written: Copies) -> None:
    """A mistake that only the plugin sees before the program runs is a DefinitionError when it is imported."""
    at = NAMES.index(name)
    module = written.planted[at][0].removesuffix(".py").replace("/", ".")
    told = environment.run(environment.python, "-c", IMPORT.format(module=module), folder=written.plain, codes=(0,))
    assert "DefinitionError\n" == told


IMPORT = """
try:
    import {module}
except Exception as error:
    print(type(error).__name__)
"""


def test_a_mistake_is_planted_with_the_indentation_of_what_it_replaces() -> None:
    """The lines around a planted one stay where they are, and its number is told."""
    mistake = Mistake("", "", "", "b\n    c", "d")
    assert ("a:\n    d\ne\n", range(2, 3)) == plant("a:\n    b\n        c\ne\n", mistake)


def test_a_mistake_whose_line_is_not_there_once_is_refused() -> None:
    """A line that is missing, or there twice, is no place for a mistake."""
    mistake = Mistake("other", "", "", "b", "d")
    for source in ("a\n", "b\nb\n"):
        with pytest.raises(ValueError, match="other"):
            plant(source, mistake)


@pytest.mark.thorough
def test_the_script_prints_what_is_measured() -> None:
    """Run as a script it says how many mistakes a checker sees, which it misses, and that this was known."""
    script = [sys.executable, HERE / "mistakes.py", "--checker", "pyrefly"]
    done = subprocess.run(script, capture_output=True, text=True)
    caught = len(NAMES) - len(MISSED["pyrefly"])
    assert f"pyrefly: {caught} of {len(NAMES)}, " in done.stdout
    assert len(MISSED["pyrefly"]) == done.stdout.count("    missed: ")
    assert 0 == done.returncode


def test_the_script_says_how_it_is_called() -> None:
    """`--help` names the checkers."""
    done = subprocess.run([sys.executable, HERE / "mistakes.py", "--help"], capture_output=True, text=True)
    assert 0 == done.returncode
    assert all(name in done.stdout for name in ("--checker", "pyright", "pyrefly"))


def test_the_program_has_no_stub_beside_it() -> None:
    """The stubs are written for the copies: one that is kept would hide the module it was written for."""
    assert [] == sorted(Path(HERE).rglob("*.pyi"))
