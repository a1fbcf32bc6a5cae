"""What type checkers find in the programs of the page beside others: ``python -m tests.tools.others``.

The page has one program for each package, and all do the same. Here are the mistakes that are planted in them, one at a
time: a piece of the program, and what replaces it. A checker finds a mistake if it then reports what it does not report
of the right program. Only packages that are installed are looked at.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path

from tests.harness.checkers import PLUGIN, SETUPS, Flagged, bare
from tests.tools.blocks import blocks
from tests.tools.documents import PAGES

__all__ = ["PACKAGES", "PLANTED", "PROGRAMS", "found", "told"]

PAGE = PAGES / "explanation" / "others.md"

RIGHT = "reports of the right program"
"""The row of the table that says how many lines mypy and pyright report where no mistake is planted."""

MISTAKES = FIELD, OPTION, WIRING, RESULT, START, OUTCOME, CHANGE = (
    "a field of the skip is misspelt",
    "an option of the task is misspelt",
    "a task takes another type than it gets",
    "a result is used as another type",
    "an argument of the run is misspelt",
    "an outcome is forgotten",
    "a state changes that is final",
)
_SUM = "(amounts: list[int]) -> int:\n    return sum(amounts)"
_LENGTH = "(amounts: list[str]) -> int:\n    return len(amounts)"

PLANTED: dict[str, dict[str, tuple[str, str]]] = {
    "statesig": {
        FIELD: ("result=[]", "resutl=[]"),
        OPTION: ("retries=2", "retires=2"),
        WIRING: (_SUM, _LENGTH),
        RESULT: ("told(run[summed])", 'run[summed].unwrap() + "!"'),
        START: ("run(day=day)", "run(dya=day)"),
        OUTCOME: ("Failed() | Cancelled()", "Failed()"),
        CHANGE: ("print(told", "advance(Success(result=1), RETRY())\n    print(told"),
    },
    "prefect": {
        FIELD: ("message=", "mesage="),
        OPTION: ("retries=2", "retires=2"),
        WIRING: (_SUM, _LENGTH),
        RESULT: ('f"{orders(day=day)} euros"', 'orders(day=day) + "!"'),
        START: ("orders(day=day)", "orders(dya=day)"),
        OUTCOME: (" | StateType.CANCELLED", ""),
    },
    "airflow": {
        FIELD: ('("nothing on Sundays")', '("nothing on Sundays", resutl=[])'),
        OPTION: ("retries=2", "retires=2"),
        WIRING: (
            "(amounts: list[int] | None) -> int:\n    return sum(amounts or [])",
            "(amounts: list[str] | None) -> int:\n    return len(amounts or [])",
        ),
        RESULT: ("one.xcom_pull(task_ids=one.task_id)", 'one.xcom_pull(task_ids="total") + "!"'),
        START: ('{"day": day}', '{"dya": day}'),
    },
    "celery": {
        OPTION: ("max_retries=2", "max_retires=2"),
        WIRING: (_SUM, _LENGTH),
        RESULT: ('total.delay(rows).get(), "euros"', 'total.delay(rows).get() + "!"'),
        START: ("delay(day=day)", "delay(dya=day)"),
    },
    "returns": {
        FIELD: ('Skipped("nothing on Sundays")', 'Skipped(mesage="nothing on Sundays")'),
        OPTION: ("exceptions=", "exceptoins="),
        WIRING: (_SUM, _LENGTH),
        RESULT: ("told(extract(day).map(total))", 'extract(day).map(total).unwrap() + "!"'),
        OUTCOME: ('        case Failure(reason):\n            return f"{type(reason).__name__}: {reason}"\n', ""),
    },
    "tenacity": {
        OPTION: ("stop=", "stpo="),
        WIRING: (_SUM, _LENGTH),
        RESULT: ('total(extract(day=day)), "euros', 'total(extract(day=day)) + "!", "euros'),
        START: ("extract(day=day)", "extract(dya=day)"),
    },
    "statemachine": {
        FIELD: ("skip(message=", "skip(mesage="),
        OPTION: ("initial=True", "inital=True"),
        WIRING: (
            "amounts: list[int]) -> None:\n        self.amount = sum",
            "amounts: list[str]) -> None:\n        self.amount = len",
        ),
        RESULT: ("orders.amount, ", 'orders.amount + "!", '),
        CHANGE: ("    print(orders", "    orders.finish(amounts=[])\n    print(orders"),
    },
}
"""The mistakes of each program. One that is not there cannot be made: the package has no such thing."""

FOUND_BY = {frozenset({PLUGIN, "pyright"}): "both", frozenset({PLUGIN}): "mypy", frozenset({"pyright"}): "pyright"}
"""How the table says which checkers find a mistake."""

PROGRAMS = {
    block.title.removeprefix("with_").removesuffix(".py"): block
    for block in blocks(PAGE.read_text())
    if block.title.startswith("with_")
}
"""The programs of the page by package."""

PACKAGES = [name for name, block in PROGRAMS.items() if block.is_here]
"""Those that are installed."""


def told() -> dict[str, dict[str, str]]:
    """Return what the table of the page says of each package and mistake; what a package cannot have is left out."""
    lines = re.findall(rf"(?m)^\| (?:mistake|{'|'.join([RIGHT, *MISTAKES])}) \|.*$", PAGE.read_text())
    names, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {
        name.lower().removeprefix("python-"): {row[0]: row[at] for row in rows if row[at] != "-"}
        for at, name in enumerate(names)
        if at
    }


def found() -> dict[str, dict[str, str]]:
    """Return what of each mistake the checkers find, by package; "no" where neither finds it."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        code.mkdir()
        (code / "shop.py").write_text(
            next(block.body for block in blocks(PAGE.read_text()) if block.title == "shop.py")
        )
        for name in PACKAGES:
            body = PROGRAMS[name].body
            (code / f"{name}_right.py").write_text(body)
            for at, (old, new) in enumerate(PLANTED[name].values()):
                assert body.count(old) >= 1, (name, old)
                (code / f"{name}_{at}.py").write_text(_imported(body.replace(old, new)))
        environment = bare(Path(folder))
        seen = {
            checker: SETUPS[checker].check(environment, code, Path(folder) / "kept") for checker in (PLUGIN, "pyright")
        }
    return {
        name: {
            RIGHT: ", ".join(str(_reports(told, f"{name}_right.py").total()) for told in seen.values()),
            **{
                mistake: FOUND_BY.get(frozenset(each for each, told in seen.items() if _is_new(told, name, at)), "no")
                for at, mistake in enumerate(PLANTED[name])
            },
        }
        for name in PACKAGES
    }


def _imported(body: str) -> str:
    """Return a program that imports what a mistake needs."""
    return body.replace("Success, encode", "RETRY, Success, advance, encode") if "advance(" in body else body


def _is_new(told: Flagged, name: str, at: int) -> bool:
    """Tell whether a checker reports more of a program with a mistake than of the right one."""
    return bool(_reports(told, f"{name}_{at}.py") - _reports(told, f"{name}_right.py"))


def _reports(told: Flagged, file: str) -> Counter[str]:
    """Return how often a checker reports each code in a file."""
    return Counter(code for (path, _), codes in told.items() if path == file for code in codes)


if __name__ == "__main__":
    for package, cells in found().items():
        for row, cell in cells.items():
            print(f"{package:14} {row:42} {cell}")
