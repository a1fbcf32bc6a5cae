"""Plant mistakes in the program of this folder, one at a time, and print which of them each type checker sees.

A mistake is seen where the checker reports anything on the very line that was changed. The program is copied once for
each mistake, under a name of its own, and each checker is run once on all copies.

A checker without a plugin is given the stubs of the program's signals, as its author would have them: written before
the mistake was made. So it sees no mistake in a module that has a stub; what is wrong in a class that cannot even be
defined, the interpreter says at the next import.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
if not __package__:  # run as a script
    sys.path.insert(0, str(HERE.parents[2]))

from tests.harness.checkers import PLUGIN, SETUPS, Checker, Environment, Flagged, installed  # noqa: E402  # found from here on

PROGRAM = "shop"
STUBBED = ("claims", "signals")  # the modules that define signals


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Args:
        name: What it is called in the tables.
        why: What is wrong about it.
        file: The module, below the program's folder.
        line: The text that is right, a line or a few, without their common indentation; once in the module.
        planted: The text that is wrong, in its place.
    """

    name: str
    why: str
    file: str
    line: str
    planted: str


MISTAKES = (
    Mistake(
        "misspelt field",
        "RETRY has no field of this name",
        "steps.py",
        'raise RETRY("the bank is busy", run_count=attempt)',
        'raise RETRY("the bank is busy", runs=attempt)',
    ),
    Mistake(
        "misspelt field of a user's signal",
        "OnHold has an owner",
        "boundary.py",
        "return advance(state, HOLD(owner=owner))",
        "return advance(state, HOLD(ower=owner))",
    ),
    Mistake(
        "wrong type of a field",
        "run_count is a number, and nothing is converted",
        "steps.py",
        'raise RETRY("the bank is busy", run_count=attempt)',
        'raise RETRY("the bank is busy", run_count="1")',
    ),
    Mistake(
        "wrong type of a field of a user's signal",
        "the code of a Declined is a number",
        "steps.py",
        'raise DECLINE(f"order {order.number} is declined", code=51)',
        'raise DECLINE(f"order {order.number} is declined", code="51")',
    ),
    Mistake(
        "missing field of a user's signal",
        "a Quarantined needs its reason",
        "steps.py",
        'raise QUARANTINE(f"order {order.number} is empty", reason="no lines")',
        'raise QUARANTINE(f"order {order.number} is empty")',
    ),
    Mistake(
        "two positional arguments",
        "only the message may stand without its name",
        "steps.py",
        'raise SKIP(f"no orders on {day}", result=orders)',
        'raise SKIP(f"no orders on {day}", orders)',
    ),
    Mistake(
        "unknown field through type[...]",
        "whichever class is passed, it takes the fields of a Declined",
        "boundary.py",
        'return kind(f"order {order.number} is refused", code=57).state',
        'return kind(f"order {order.number} is refused", code=57, retries=0).state',
    ),
    Mistake(
        "attribute after except SIGNAL",
        "the state of SUSPECT has a score",
        "boundary.py",
        "return signal.state.score",
        "return signal.state.chance",
    ),
    Mistake(
        "attribute after except (A, B)",
        "a Suspected has a score, a Quarantined has none",
        "boundary.py",
        'return f"{signal.state.type}: {signal.state.message}"',
        'return f"{signal.state.type}: {signal.state.score}"',
    ),
    Mistake(
        "attribute after except Signal",
        "of any signal no more is known than that it has a State",
        "boundary.py",
        'return f"{signal.state.message}"',
        'return f"{signal.state.reason}"',
    ),
    Mistake(
        "attribute after except catching(...)",
        "a Failed has no code, only a Declined has",
        "boundary.py",
        'return f"ask again: {signal.state.retryable}"',
        'return f"ask again: {signal.state.code}"',
    ),
    Mistake(
        "attribute after except*",
        "the states of a group are of any kind until they are asked",
        "boundary.py",
        "if isinstance(state, Suspected):\n    found.append(state.score)",
        "found.append(state.score)",
    ),
    Mistake(
        "a signal in catching(...)",
        "catching takes the kind of state, not its signal",
        "boundary.py",
        "except catching(Failed) as signal:\n    raised.append(signal)",
        "except catching(SUSPECT) as signal:\n    raised.append(signal)",
    ),
    Mistake(
        "illegal transition",
        "what is pending has to run before it succeeds",
        "boundary.py",
        "return advance(advance(state, START()), SUCCESS(result=payment))",
        "return advance(state, SUCCESS(result=payment))",
    ),
    Mistake(
        "illegal transition of a user's state",
        "an OnHold is Paused, and has to be resumed before it runs",
        "boundary.py",
        'return advance(advance(state, RESUME(f"released by {state.owner}")), START())',
        "return advance(state, START())",
    ),
    Mistake(
        "illegal transition of one of two states",
        "a Backordered may run at once, an OnHold may not",
        "boundary.py",
        'return advance(advance(state, RESUME()), START("at last"))',
        'return advance(state, START("at last"))',
    ),
    Mistake(
        "forgotten arm of a match",
        "nothing is said of what was cancelled",
        "reports.py",
        'case Cancelled():\n    return "cancelled"\ncase _:\n    assert_never(state)',
        "case _:\n    assert_never(state)",
    ),
    Mistake(
        "predicate too wide",
        "what is not finished need not be Retrying, and has no run_count then",
        "reports.py",
        'if is_retrying(state):\n    return f"attempt {state.run_count + 1}"',
        'if not is_finished(state):\n    return f"attempt {state.run_count + 1}"',
    ),
    Mistake(
        "result of another type",
        "the result of a Success[int] is no text",
        "reports.py",
        'return f"{state.unwrap() / 100:.2f}"',
        'return state.unwrap() + " cents"',
    ),
    Mistake(
        "assignment to a frozen state",
        "states do not change; a change is a new one",
        "reports.py",
        'state = state.model_copy(update={"message": f"seen by {clerk}"})',
        'state.message = f"seen by {clerk}"',
    ),
    Mistake(
        "decoded as another state",
        "a Quarantined is no Declined",
        "reports.py",
        "return decode(data, Declined, strict=True)",
        "return decode(data, Quarantined, strict=True)",
    ),
    Mistake(
        "output wired to another input",
        "the summary is of parcels, not of payments",
        "pipeline.py",
        "report = summarise(states_of(packed), state_of(earned))",
        "report = summarise(states_of(paid), state_of(earned))",
    ),
    Mistake(
        "mapped over elements of another type",
        "the elements of the carrier's name are no orders",
        "pipeline.py",
        "checked = flow.map(check, orders)",
        "checked = flow.map(check, carrier)",
    ),
    Mistake(
        "missing argument of a task",
        "announce wants to know how many copies",
        "pipeline.py",
        "notice = announce(report, 2)",
        "notice = announce(report)",
    ),
    Mistake(
        "default of another type",
        "the default of a date is a date, not its text",
        "pipeline.py",
        'orders = take(flow.parameter("day", date, default=date(2026, 11, 22)))',
        'orders = take(flow.parameter("day", date, default="2026-11-22"))',
    ),
    Mistake(
        "retries as text",
        "how often is a number",
        "steps.py",
        "@task(retries=2)",
        '@task(retries="2")',
    ),
    Mistake(
        "trigger by its name",
        "a trigger is an object, not a word",
        "steps.py",
        "@task(trigger=any_successful)",
        '@task(trigger="any_successful")',
    ),
    Mistake(
        "second signal of a state",
        "DECLINE, in another module, is the signal of Declined",
        "boundary.py",
        "Refusal = DECLINE  # as the clerks call it",
        "class Refusal(Signal[Declined]): ...",
    ),
    Mistake(
        "signal of an abstract state",
        "nothing can be in a state that is no more than finished",
        "claims.py",
        "class DISPUTE(Signal[Disputed]):",
        "from statesig import Finished\n\n\nclass SETTLE(Signal[Finished]): ...\n\n\nclass DISPUTE(Signal[Disputed]):",
    ),
    Mistake(
        "tag taken twice",
        "OnHold, in another module, has this tag",
        "claims.py",
        'class Disputed(Declined, tag="shop.disputed"):',
        'class Disputed(Declined, tag="shop.on-hold"):',
    ),
)

CHECKERS: Mapping[str, Checker] = {
    PLUGIN: SETUPS[PLUGIN],
    "mypy with both plugins": SETUPS["mypy with the plugin after pydantic's"],
    **{name: SETUPS[name] for name in ("mypy", "mypy with pydantic's plugin", "pyright", "pyrefly", "ty")},
}
"""The checkers that look for the mistakes, by name."""

# No checker alone can compare one class with those of other modules; they are told at the import, as DefinitionError.
_DEFINITIONS = {"second signal of a state", "signal of an abstract state", "tag taken twice"}
MISSED: Mapping[str, Collection[str]] = {
    "mypy with the plugin": set(),
    "mypy with both plugins": set(),
    # It fills in Any for the state of a bare class in `except`, whatever that class says.
    "mypy": {*_DEFINITIONS, "attribute after except Signal"},
    "mypy with pydantic's plugin": {*_DEFINITIONS, "attribute after except Signal"},
    "pyright": _DEFINITIONS,
    "pyrefly": _DEFINITIONS,
    "ty": _DEFINITIONS,
}
"""The mistakes that each checker does not see, as measured."""

FALSE: Mapping[str, Collection[tuple[str, str]]] = {
    **dict.fromkeys(CHECKERS, ()),
}
"""The lines of the program, by file and text, that a checker reports though they are right, as measured."""


@dataclass(frozen=True)
class Findings:
    """What one checker said of the copies.

    Args:
        missed: The names of the mistakes that it did not see.
        elsewhere: By a mistake's name: what it reported on other lines of the same copy.
        clean: What it reported of the program without mistakes, but for what is in `FALSE`.
        false: What it reported of what is in `FALSE`.
        seconds: How long it ran.
    """

    missed: frozenset[str]
    elsewhere: Mapping[str, tuple[str, ...]]
    clean: tuple[str, ...]
    false: frozenset[tuple[str, str]]
    seconds: float


def plant(source: str, mistake: Mistake) -> tuple[str, range]:
    """Return a module's text with a mistake in it, and the lines, from 1, that were planted.

    Raises:
        ValueError: The text to be replaced is not there, or twice.
    """
    lines, wanted = source.splitlines(), _stripped(mistake.line.splitlines())
    places = [at for at in range(len(lines)) if _stripped(lines[at : at + len(wanted)]) == wanted]
    if len(places) != 1:
        raise ValueError(f"{mistake.name!r}: the text is {len(places)} times in {mistake.file}")
    at = places[0]
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    planted = [indent + line if line else "" for line in mistake.planted.splitlines()]
    lines[at : at + len(wanted)] = planted
    return "\n".join(lines) + "\n", range(at + 1, at + 1 + len(planted))


def _stripped(lines: Iterable[str]) -> list[str]:
    return [line.strip() for line in lines]


@dataclass(frozen=True)
class Copies:
    """The copies of the program: ``shop_00`` without a mistake, ``shop_01`` with the first, and so on.

    Args:
        plain: The folder of those without stubs.
        stubbed: The folder of those with stubs.
        kept: A folder for what the checkers keep.
        planted: For each mistake, in order: its file below the folder, and the lines that were planted.
    """

    plain: Path
    stubbed: Path
    kept: Path
    planted: tuple[tuple[str, range], ...]


def copies(environment: Environment, folder: Path) -> Copies:
    """Write the copies, with and without stubs, to a folder."""
    plain, stubbed = folder / "plain", folder / "stubbed"
    modules = [f"{PROGRAM}.{name}" for name in STUBBED]
    command = ("-m", "statesig", "stubs", *modules, "--output", folder)
    environment.run(environment.python, *command, folder=HERE, codes=(0,))
    places: list[tuple[str, range]] = []
    for index in range(len(MISTAKES) + 1):
        name = f"{PROGRAM}_{index:02}"
        shutil.copytree(HERE / PROGRAM, plain / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
        if index:
            mistake = MISTAKES[index - 1]
            module = plain / name / mistake.file
            text, lines = plant(module.read_text(encoding="utf-8"), mistake)
            module.write_text(text, encoding="utf-8")
            places.append((f"{name}/{mistake.file}", lines))
        shutil.copytree(plain / name, stubbed / name)
        for stub in (folder / PROGRAM).glob("*.pyi"):
            text = stub.read_text(encoding="utf-8").replace(f"from {PROGRAM}.", f"from {name}.")
            (stubbed / name / stub.name).write_text(text, encoding="utf-8")
    return Copies(plain, stubbed, folder / "kept", tuple(places))


def findings(environment: Environment, written: Copies, name: str) -> Findings:
    """Run a checker, by its name, on all copies."""
    checker = CHECKERS[name]
    folder = written.plain if checker.mark == "plugin" else written.stubbed
    began = time.perf_counter()
    reports = checker.check(environment, folder, written.kept / name)
    seconds = time.perf_counter() - began
    texts = {place: _text(folder, *place) for place in reports}
    false = frozenset(text for text in texts.values() if text in FALSE[name])
    reports = {place: said for place, said in reports.items() if texts[place] not in false}
    missed: list[str] = []
    elsewhere: dict[str, tuple[str, ...]] = {}
    for mistake, (path, lines) in zip(MISTAKES, written.planted, strict=True):
        seen = {(path, line) for line in lines}.intersection(reports)
        if not seen:
            missed.append(mistake.name)
        others = tuple(_shown(place, reports) for place in reports if _is_copy(place, path) and place not in seen)
        if others:
            elsewhere[mistake.name] = others
    clean = tuple(_shown(place, reports) for place in reports if _is_copy(place, f"{PROGRAM}_00/"))
    return Findings(frozenset(missed), elsewhere, clean, false, seconds)


def _text(folder: Path, path: str, line: int) -> tuple[str, str]:
    module = folder / path
    return module.name, module.read_text(encoding="utf-8").splitlines()[line - 1].strip()


def _is_copy(place: tuple[str, int], path: str) -> bool:
    """Tell whether a place is in the same copy as a file."""
    return place[0].partition("/")[0] == path.partition("/")[0]


def _shown(place: tuple[str, int], reports: Flagged) -> str:
    return f"{place[0]}:{place[1]}: {'; '.join(reports[place].values())}"


def measured(environment: Environment, written: Copies, names: Iterable[str]) -> Mapping[str, Findings]:
    """Run checkers, by their names, on all copies, two at a time: most of them use one processor."""
    with ThreadPoolExecutor(2) as pool:
        running = {name: pool.submit(findings, environment, written, name) for name in names}
        return {name: run.result() for name, run in running.items()}


def main() -> int:
    """Print what each checker sees.

    Returns:
        0: as in `MISSED` and nothing that is right was reported; 1: otherwise.
    """
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--checker", action="append", choices=CHECKERS, help="run this alone; may be given again")
    parser.add_argument("--verbose", action="store_true", help="print the reports on other lines, too")
    options = parser.parse_args()
    names: list[str] = options.checker or list(CHECKERS)
    print(f"{len(MISTAKES)} mistakes, {len(MISTAKES) + 1} copies: {', '.join(names)}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        environment = installed(Path(folder))
        found = measured(environment, copies(environment, Path(folder)), names)
    code = 0
    for name, one in found.items():
        verdict = "not reported" if not one.clean else f"reported {len(one.clean)} times"
        caught = len(MISTAKES) - len(one.missed)
        print(f"{name}: {caught} of {len(MISTAKES)}, {one.seconds:.1f} s; without mistakes {verdict}")
        for mistake in MISTAKES:
            if mistake.name in one.missed:
                print(f"    missed: {mistake.name} ({mistake.file})")
        for file, text in sorted(one.false):
            print(f"    wrongly: {file}: {text}")
        for said in one.clean:
            print(f"    without mistakes: {said}")
        if options.verbose:
            for mistake_name, others in one.elsewhere.items():
                print(f"    elsewhere: {mistake_name}", *others, sep="\n        ")
        if (one.clean, one.missed, one.false) != ((), set(MISSED[name]), set(FALSE[name])):
            code = 1
            print("    this is not what was measured before; see MISSED and FALSE")
    return code


if __name__ == "__main__":
    sys.exit(main())
