"""The arguments of the `statesig` command, one function for each verb. Nothing here may carry a verb out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from statesig.executors.named import NAMES

__all__ = ["parser_of_all"]

Add = Callable[..., argparse.ArgumentParser]
"""Adds a verb to the command."""


def parser_of_all() -> argparse.ArgumentParser:
    """Return the command's parser.

    Its result has the name of the verb as ``verb``, None without one, and the parser of that verb as ``parser``.
    """
    parser = argparse.ArgumentParser(
        prog="statesig",
        description="Run flows, resume stored runs and run them again, check states, events and histories, print "
        "schemas and diagrams, and write stubs.",
        epilog="exit codes: 0 success, 1 failure, 2 usage or import error, 3 paused, 130/143 ended by Ctrl-C/SIGTERM",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", dest="verb")
    _add_run(verbs.add_parser)
    _add_resume(verbs.add_parser)
    _add_rerun(verbs.add_parser)
    _add_runs(verbs.add_parser)
    _add_show(verbs.add_parser)
    _add_cancel(verbs.add_parser)
    _add_serve(verbs.add_parser)
    _add_prune(verbs.add_parser)
    _add_check_store(verbs.add_parser)
    _add_check(verbs.add_parser)
    _add_history(verbs.add_parser)
    _add_schema(verbs.add_parser)
    _add_diagram(verbs.add_parser)
    _add_stubs(verbs.add_parser)
    parser.set_defaults(parser=parser)
    for verb in verbs.choices.values():
        verb.set_defaults(parser=verb)
    return parser


def _add_run(add: Add) -> None:
    run = add(
        "run",
        help="run a flow",
        description="Run a flow of a module, then print a table of its tasks, states and durations, and the "
        "results of the tasks on which no other depends.",
        epilog="Ctrl-C or SIGTERM lets running tasks finish, a second one stops them. Without a store the rest is "
        "cancelled. With a store the run survives its process: the rest stays as it is, and `statesig resume` "
        "continues it.",
    )
    _take_flow(run)
    run.add_argument("parameters", metavar="NAME=VALUE", nargs="*", help="a parameter, read as its type")
    _take_store(run, "the store for the run, created if missing")
    _take_executor(run)
    _take_telling(run)


def _add_resume(add: Add) -> None:
    resume = add(
        "resume",
        help="resume a stored run",
        description="Resume a stored run. Finished tasks are not run again; paused ones wait for --approve.",
    )
    _take_flow(resume)
    _take_run(resume)
    resume.add_argument(
        "--approve",
        metavar="TASK",
        action="append",
        type=_approval,
        default=[],
        help="release a paused task, or one child of a mapped task: load[3]; may be repeated",
    )
    resume.add_argument(
        "--answer",
        metavar="JSON",
        action=_Answer,
        default=argparse.SUPPRESS,
        help="the answer for the task of the --approve before it, of the type that the task declares",
    )
    _take_store(resume)
    _take_executor(resume)
    _take_telling(resume)


def _approval(name: str) -> tuple[str, str | None]:
    """Return a task to release, without an answer yet."""
    return name, None


class _Answer(argparse.Action):
    """Adds an answer to the last task to release."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        approved: list[tuple[str, object]] = namespace.approve
        if not approved or approved[-1][1] is not None:
            parser.error("--answer follows the --approve TASK that it is for")
        approved[-1] = approved[-1][0], values


def _add_rerun(add: Add) -> None:
    rerun = add(
        "rerun",
        help="run a stored run again from where it failed",
        description="Run a stored run that is over again, as a new run that is linked to it and takes over what "
        "succeeded. What did not succeed runs, and what is downstream of that.",
    )
    _take_flow(rerun)
    _take_run(rerun)
    rerun.add_argument(
        "--from",
        dest="tasks",
        metavar="TASK",
        action="append",
        default=[],
        help="run again from this task on, though it succeeded; load[3] is a child of a mapped task; may be repeated",
    )
    _take_store(rerun)
    _take_executor(rerun)
    _take_telling(rerun)


def _add_runs(add: Add) -> None:
    runs = add("runs", help="list stored runs", description="List the runs in a store, the latest first.")
    _take_store(runs)
    runs.add_argument("--state", metavar="STATE", help="only runs in this kind of state, such as failed or Running")
    runs.add_argument("--flow", metavar="NAME", help="only runs of this flow")
    runs.add_argument("--limit", metavar="N", type=_number, help="at most N runs")
    runs.add_argument("--json", action="store_true", help="print one run per line instead, as JSON")
    _take_imports(runs)


def _add_show(add: Add) -> None:
    show = add(
        "show",
        help="show the tasks of a stored run",
        description="Show the state of each task of a stored run, and of the children of mapped tasks that are not "
        "successful; or of one task its result as JSON, its causes and its history.",
    )
    _take_run(show)
    show.add_argument("task", metavar="TASK", nargs="?", help="a task, or a child of a mapped task: load[3]")
    _take_store(show)
    show.add_argument(
        "--json", action="store_true", help="print its history instead: one event per line, as `run --json` does"
    )


def _add_cancel(add: Add) -> None:
    cancel = add(
        "cancel",
        help="cancel a stored run",
        description="Cancel a stored run: at once if no process is running it; otherwise ask that process, which "
        "cancels it within seconds.",
    )
    _take_run(cancel)
    _take_store(cancel)


def _add_serve(add: Add) -> None:
    serve = add(
        "serve",
        help="serve the runs of a store over HTTP",
        description="Serve the runs of a store over HTTP on 127.0.0.1, to whoever has the token that it prints: list, "
        "show and follow them, start runs of the flows of the modules, decide paused tasks, cancel runs and run them "
        "again. Needs the extra http.",
        epilog="Ctrl-C or SIGTERM lets running tasks finish, a second one stops them. The runs stay as they are, and "
        "the next `statesig serve` continues those that it drove.",
    )
    serve.add_argument(
        "targets",
        nargs="*",
        metavar="MODULE[:FLOW]",
        help="modules or their files, of which all flows are served, or one flow of each; runs of other flows are only "
        "shown, and signals to them stored",
    )
    _take_store(serve, "the store of the runs, created if missing")
    serve.add_argument("--port", metavar="N", type=_port, default=8000, help="the port, 8000 by default; 0: a free one")
    serve.add_argument("--lifetime", metavar="AGE", default="12h", help="how long the token is valid; 12h by default")
    serve.add_argument("--runs", metavar="N", type=_number, default=4, help="at most N runs at once; 4 by default")
    _take_executor(serve)


def _add_prune(add: Add) -> None:
    prune = add(
        "prune",
        help="remove old runs",
        description="Remove the runs that are final and last changed longer than AGE ago, and the cached results that "
        "expired before then.",
    )
    prune.add_argument(
        "--older-than", metavar="AGE", required=True, help="such as 30d, 12h, 90m or 10s, or ISO 8601's P30D"
    )
    _take_store(prune)


def _add_check_store(add: Add) -> None:
    check_store = add(
        "check-store",
        help="name what is damaged in a store",
        description="Read every run of a store with its lease and its history, every cached state, and every entity "
        "with its history, and name each part that is not what was written. Nothing is changed, unless what is damaged "
        "is set aside. The exit code is 1 if something is damaged.",
    )
    check_store.add_argument(
        "--set-aside",
        metavar="FILE",
        help="first move the rows of damaged runs, cached states and entities to this new file, as JSON lines, so that "
        "the store is whole again",
    )
    check_store.add_argument("file", metavar="PATH|URL", help="the store: an SQLite file, or a URL of PostgreSQL")


def _add_check(add: Add) -> None:
    check = add(
        "check",
        help="validate states and events",
        description="Validate one JSON document, or one per line: states, or the events that `run --json` prints.",
    )
    check.add_argument("files", metavar="FILE", nargs="*", help="files; standard input by default, or with -")
    check.add_argument(
        "--as",
        dest="kind",
        metavar="STATE",
        default="State",
        help="accept only this kind of state, a tag or MODULE:CLASS",
    )
    _take_imports(check)


def _add_history(add: Add) -> None:
    history = add(
        "history",
        help="check the histories in a log of events, or of a machine",
        description="Report on each task of each run in a log of the events that `run --json` prints: the first "
        "illegal step, conflicting reports, and the merged state. The order of the lines does not matter. With --root, "
        "report on histories of a machine of your own: of those in a store, or in a log. There each line, in their "
        "order, is a state or has a key and a state.",
        epilog="The exit code is 1 if a step is illegal, reports are in conflict, a line is neither an event nor a "
        "state, or a stored history cannot be read.",
    )
    history.add_argument(
        "file",
        metavar="FILE|KEY",
        nargs="?",
        help="a file; standard input by default, or with -. With --store the key of one entity; all by default",
    )
    history.add_argument("--root", metavar="MODULE:CLASS", help="the root of a machine, such as shop:Order")
    history.add_argument(
        "--store", metavar="PATH|URL", help="with --root: a store of entities, an SQLite file or a URL of PostgreSQL"
    )
    history.add_argument("--json", action="store_true", help="print one history per line instead, as JSON")
    _take_imports(history)


def _add_schema(add: Add) -> None:
    schema = add(
        "schema", help="print a JSON Schema", description="Print the JSON Schema (2020-12) of a kind of state."
    )
    schema.add_argument(
        "kind", metavar="STATE", nargs="?", default="State", help="a state's tag, or MODULE:CLASS; State by default"
    )
    _take_imports(schema)


def _add_diagram(add: Add) -> None:
    diagram = add(
        "diagram",
        help="draw the transitions, or a flow",
        description="Print the transition table as a diagram, or that of a machine of your own, by a class of its "
        "states; or the tasks of a flow and what each takes from others, with their states in a stored run if one is "
        "given.",
        epilog="A solid arrow hands a value on; a dotted one only a state, or the order. A task with double sides is "
        "mapped.",
    )
    _take_flow(diagram, nargs="?")
    diagram.add_argument("run", metavar="RUN", nargs="?", help="a stored run, or the beginning of its identity")
    diagram.add_argument("--format", choices=["mermaid", "dot"], default="mermaid", help="mermaid by default")
    _take_store(diagram, "the store of the run")


def _add_stubs(add: Add) -> None:
    stubs = add(
        "stubs",
        help="write the stubs of signals",
        description="Write a stub for each module that defines signals, so that every type checker knows their fields "
        "without a plugin. All modules of a package are read; those that may define signals are imported.",
        epilog="With --check the exit code is 0 if all stubs are current, and 1 if one is missing, stale, or no "
        "longer needed; each such stub is named in a line. A stub written by hand is an error, too, and is left "
        "unchanged.",
    )
    stubs.add_argument(
        "packages",
        metavar="PACKAGE",
        nargs="*",
        help="a package or a module of a program; by default the signals of statesig, in its checkout",
    )
    stubs.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        help="the folder for the stubs; by default typings, where pyright looks first. Beside the modules every type "
        "checker reads them, and mypy no longer checks what the modules do",
    )
    stubs.add_argument("--check", action="store_true", help="write nothing, and list the stubs that are not current")


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"a number is 1 or more, not {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _take_flow(parser: argparse.ArgumentParser, nargs: Literal["?"] | None = None) -> None:
    parser.add_argument(
        "target",
        nargs=nargs,
        metavar="MODULE[:FLOW]",
        help="a module or its file, and the name of one of its flows; by default `flow`, or its only one",
    )


def _take_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run's identity, or a beginning of it that no other run shares")


def _take_store(parser: argparse.ArgumentParser, help: str = "the store of the runs") -> None:
    parser.add_argument(
        "--store",
        metavar="PATH|URL",
        help=f"{help}: an SQLite file, or postgresql://user@host/database; by default the value of STATESIG_STORE",
    )


def _take_executor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--executor",
        choices=NAMES,
        default="inline",
        help="where tasks run; by default inline, one after the other in this process",
    )
    parser.add_argument("--workers", metavar="N", type=_number, help="the number of threads or processes")
    parser.add_argument("--address", metavar="URL", help="the URL of a Dask scheduler, such as tcp://host:8786")


def _take_telling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one event per line instead, as JSON")
    parser.add_argument("--quiet", action="store_true", help="show no progress, and no results at the end")
    parser.add_argument(
        "--traceback",
        action="store_true",
        help="keep the whole traceback of each exception, and print it with the failures, instead of its last own line",
    )


def _take_imports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import a program's module first, so that its states are known; may be repeated",
    )
