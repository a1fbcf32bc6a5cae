"""The `statesig` command. Nothing here may import the module of a verb before that verb runs."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn, TextIO

from statesig.cli.exits import Exit, Terminated, UsageError
from statesig.errors import ExecutorError, FlowError, NoEntity, NoRun, RunTaken, StoreError

__all__ = ["main"]

_Verb = Callable[[argparse.Namespace, TextIO, TextIO], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: The arguments, without the program's name; by default those of the process.
    """
    in_main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, _terminate) if in_main else None
    try:
        code = _carried_out(argv)
        sys.stdout.flush()
        return code
    except (UsageError, FlowError, ExecutorError, NoEntity, NoRun, RunTaken) as exc:
        print(f"statesig: {exc}", file=sys.stderr)
        return Exit.USAGE
    except StoreError as exc:
        print(f"statesig: {exc}", file=sys.stderr)
        return Exit.FAILURE
    except BrokenPipeError:
        # The reader has closed the pipe; keep the interpreter from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILURE
    except KeyboardInterrupt:
        print("statesig: interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except Terminated:
        print("statesig: terminated", file=sys.stderr)
        return Exit.TERMINATED
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, previous)


def _carried_out(argv: Sequence[str] | None) -> int:
    """Carry out the verb that the arguments name, and return the exit code."""
    from statesig.cli.parser import parser_of_all  # here, where Ctrl-C is caught: it takes a while

    parser = parser_of_all()
    options, rest = parser.parse_known_args(argv)
    if stray := _stray(options, rest):
        options.parser.error(f"unrecognized arguments: {' '.join(stray)}")
    if options.verb is None and not options.version:
        parser.print_help(sys.stderr)
        return Exit.USAGE
    out: object = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # print names that are not valid Unicode, too
    return _verb(options)(options, sys.stdout, sys.stderr)


def _stray(options: argparse.Namespace, rest: list[str]) -> list[str]:
    """Let what may stand after an option, too, be where it belongs: parameters and a task; return the others."""
    stray = [argument for argument in rest if argument.startswith("-")]
    if stray:
        return stray
    if options.verb == "run":
        options.parameters += rest
    elif options.verb == "check":
        options.files += rest
    elif options.verb == "show" and options.task is None and rest:
        options.task, *stray = rest
    elif options.verb == "diagram" and options.target is not None and options.run is None and rest:
        options.run, *stray = rest
    else:
        return rest
    return stray


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _verb(options: argparse.Namespace) -> _Verb:
    """Return the function of the chosen verb, and import only its module."""
    match options.verb:
        case "run" | "resume" | "rerun":
            from statesig.cli.running import rerun, resume, run

            return {"run": run, "resume": resume, "rerun": rerun}[options.verb]
        case "runs":
            from statesig.cli.stored_runs import list_runs

            return list_runs
        case "show" | "cancel" | "prune":
            from statesig.cli.stored_runs import cancel, prune, show

            return {"show": show, "cancel": cancel, "prune": prune}[options.verb]
        case "serve":
            from statesig.cli.serving import serve

            return serve
        case "check-store":
            from statesig.cli.store_checks import check_store

            return check_store
        case "check":
            from statesig.cli.documents import check_documents

            return check_documents
        case "history":
            from statesig.cli.documents import tell_history

            return tell_history
        case "schema":
            from statesig.cli.documents import print_schema

            return print_schema
        case "diagram":
            from statesig.cli.diagrams import print_diagram

            return print_diagram
        case "stubs":
            return _write_stubs
        case _:
            return _print_version


def _print_version(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from importlib.metadata import PackageNotFoundError, version

    try:
        print(f"statesig {version('statesig')}", file=out)
    except PackageNotFoundError:
        print("statesig, run from its source", file=out)
    return Exit.OK


def _write_stubs(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from statesig.checking.stubs.own import own_constructors
    from statesig.checking.stubs.plan import Plan, stubs_of
    from statesig.cli.loading import load

    if options.output is not None and not options.packages:
        raise UsageError("--output is where the stubs of a program go; name its package")
    try:
        plan = stubs_of(options.packages, options.output, load) if options.packages else own_constructors()
        if options.check:
            wrong = plan.check()
            print("".join(f"{line}\n" for line in wrong), end="", file=err)
            return Exit.FAILURE if wrong else Exit.OK
        changed = False
        for line in plan.write():
            print(line, file=out)
            changed = True
        if changed and isinstance(plan, Plan):
            print("".join(f"{line}\n" for line in plan.readers()), end="", file=err)
    except BrokenPipeError:
        raise
    except SyntaxError as exc:  # its text has only the last part of the file's path
        place = f"{exc.filename}:{exc.lineno}: {exc.msg}"
        raise UsageError(place if exc.filename and exc.lineno else f"{exc}") from exc
    except (ImportError, OSError) as exc:
        raise UsageError(f"{exc}") from exc
    if isinstance(plan, Plan) and not plan.texts:
        print(f"no module of {', '.join(options.packages)} defines a signal: no stub is needed", file=err)
    return Exit.OK
