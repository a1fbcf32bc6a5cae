"""The generated table of what the command answers to wrong input: each verb is really given it."""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest import mock

from statesig import Flow, task
from statesig.cli import main

INPUTS = [
    "run no_such_module",  # of all these none is answered by argparse, whose words depend on the release of Python
    "run notes",
    "run etl:weekly day=1",
    "run etl",
    "run etl day=monday",
    "run etl day=1 day=2",
    "run etl day=1 hour=2",
    "resume etl 4f2x",
    "resume etl 4f2x --store none.db",
    "rerun etl 4f2x --store empty.db",
    "runs --store postgresql:bob:secret@host",
    "runs --store notes.txt",
    "show 4f2x --store runs.db",
    "cancel 4f2x --store runs.db",
    "prune --older-than soon --store runs.db",
    "check-store none.db",
    "check notes.txt",
    "check none.json",
    "history notes.txt",
    "schema Skiped --import no_such_module",
    "diagram etl:weekly",
    "stubs no_such_module",
]


@task
def load(day: int) -> int:
    """Return the day."""
    return day


with Flow("nightly") as flow:
    load(flow.parameter("day", int))


def answered(line: str) -> tuple[int, str]:
    """Return the exit code of a command, and the first line that it writes to standard error."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main(line.split())
    return code, errors.getvalue().splitlines()[0]


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """Go to a folder with an empty file, a text and a store without runs; let `etl` and `notes` be modules."""
    etl = ModuleType("etl")
    etl.nightly = flow  # type: ignore[attr-defined]  # what a module with a flow has
    modules = {"etl": etl, "notes": ModuleType("notes")}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), mock.patch.dict(sys.modules, modules):
        Path("empty.db").touch()
        Path("notes.txt").write_text('{"type":"Skiped"}\n')
        flow.run(day=1, store="runs.db")
        yield


def generated() -> dict[str, str]:
    """Return the table by its name."""
    rows = ["| command | exit | answer |", "|---|---|---|"]
    with prepared(), mock.patch.dict(os.environ):
        os.environ.pop("STATESIG_STORE", None)
        for line in INPUTS:
            code, answer = answered(line)
            shown = answer.removeprefix("statesig: ").replace("|", "\\|")
            rows.append(f"| `statesig {line}` | {code} | {shown} |")
    return {"wrong input": "\n".join(rows)}
