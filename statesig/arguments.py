"""What the `statesig` command takes: one function for each verb. Nothing here does what is asked."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

__all__ = ["parser_of_all"]

Add = Callable[..., argparse.ArgumentParser]
"""Adds a verb to the command."""


def parser_of_all() -> argparse.ArgumentParser:
    """Return the parser of the command; what it parses has the verb's name as ``verb``, None without one."""
    parser = argparse.ArgumentParser(
        prog="statesig",
        description="Run flows, check states, events and histories, print schemas and diagrams, and write stubs.",
        epilog="exit codes: 0 success, 1 failure, 2 usage or import error, 3 paused, 130/143 interrupted",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", dest="verb")
    _add_run(verbs.add_parser)
    _add_check(verbs.add_parser)
    _add_history(verbs.add_parser)
    _add_schema(verbs.add_parser)
    _add_diagram(verbs.add_parser)
    _add_stubs(verbs.add_parser)
    return parser


def _add_run(add: Add) -> None:
    run = add(
        "run",
        help="run a flow",
        description="Run a flow of a module, and end with a table of its tasks, states and durations.",
    )
    run.add_argument(
        "target",
        metavar="MODULE[:FLOW]",
        help="a module, and which of its flows; by default the one named flow, or its only one",
    )
    run.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="a parameter, read as its type")
    run.add_argument("--json", action="store_true", help="print one event per line instead, as JSON")
    run.add_argument("--quiet", action="store_true", help="no progress while it runs")


def _add_check(add: Add) -> None:
    check = add(
        "check",
        help="validate states and events",
        description="Validate one JSON document, or one per line: states, or the events that `run --json` prints.",
    )
    check.add_argument("file", metavar="FILE", nargs="?", default="-", help="a file; - or nothing: standard input")
    check.add_argument("--as", dest="kind", metavar="STATE", default="State", help="admit only this kind of state")
    _take_imports(check)


def _add_history(add: Add) -> None:
    history = add(
        "history",
        help="check the histories in a log of events",
        description="Tell what became of each task of each run in a log of the events that `run --json` prints: the "
        "first illegal step, reports in conflict, and the merged state. The order of the lines does not matter.",
        epilog="The exit code is 1 where a step is illegal, reports are in conflict, or a line is no event.",
    )
    history.add_argument("file", metavar="FILE", nargs="?", default="-", help="a file; - or nothing: standard input")
    history.add_argument("--json", action="store_true", help="print one history per line instead, as JSON")
    _take_imports(history)


def _add_schema(add: Add) -> None:
    schema = add(
        "schema", help="print a JSON Schema", description="Print the JSON Schema (2020-12) of a kind of state."
    )
    schema.add_argument("kind", metavar="STATE", nargs="?", default="State", help="a state's tag; State by default")
    _take_imports(schema)


def _add_diagram(add: Add) -> None:
    diagram = add("diagram", help="draw the transitions", description="Print the transition table as a diagram.")
    diagram.add_argument("--format", choices=["mermaid", "dot"], default="mermaid", help="mermaid by default")


def _add_stubs(add: Add) -> None:
    stubs = add(
        "stubs",
        help="write the stubs of signals",
        description="Write a stub for each module that defines signals, by which every type checker knows what these "
        "take, without a plugin. All modules of a package are read; those that may define signals are imported.",
        epilog="With --check the exit code is 0 where all are current, and 1 where one is missing, stale, or not "
        "needed any more, each in a line of its own. A stub that was written by hand is left as it is, and that is an "
        "error, too.",
    )
    stubs.add_argument(
        "packages",
        metavar="PACKAGE",
        nargs="*",
        help="a package or a module of a program; by default statesig itself, in a checkout of it",
    )
    stubs.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        help="the folder to write below; by default each stub goes beside its module, where type checkers look first",
    )
    stubs.add_argument("--check", action="store_true", help="write nothing, and say which stubs are not current")


def _take_imports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import a program's module first, so that its states are known; may be given again",
    )
