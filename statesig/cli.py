"""The `statesig` command. Each verb loads what it needs when it runs.

Exit codes: 0 success, 1 failure, 2 usage or import error, 3 paused, 130 and 143 ended by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from statesig.flow import Flow
    from statesig.states import State

__all__ = ["main"]

_OK, _FAILURE, _USAGE, _PAUSED, _INTERRUPTED, _TERMINATED = 0, 1, 2, 3, 130, 143


class _UsageError(Exception):
    """What was asked cannot be done as it was asked."""


class _Terminated(BaseException):
    """The process was asked to end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: The arguments, without the program's name; those of the process by default.
    """
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    stray = [argument for argument in rest if argument.startswith("-") or options.verb is not _run]
    if stray:
        parser.error(f"unrecognized arguments: {' '.join(stray)}")
    if rest:
        options.parameters += rest  # parameters may stand after an option
    out: object = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # a name that is no Unicode is shown, too
    in_main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, _terminate) if in_main else None
    try:
        code: int = options.verb(options)
        sys.stdout.flush()
        return code
    except _UsageError as exc:
        print(f"statesig: {exc}", file=sys.stderr)
        return _USAGE
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep the interpreter from saying so at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILURE
    except KeyboardInterrupt:
        print("statesig: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except _Terminated:
        print("statesig: terminated", file=sys.stderr)
        return _TERMINATED
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, previous)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="statesig",
        description="Run flows, check states, events and histories, print schemas and diagrams, and write stubs.",
        epilog="exit codes: 0 success, 1 failure, 2 usage or import error, 3 paused, 130/143 interrupted",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.set_defaults(verb=_no_verb)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")

    run = verbs.add_parser(
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
    run.set_defaults(verb=_run)

    check = verbs.add_parser(
        "check",
        help="validate states and events",
        description="Validate one JSON document, or one per line: states, or the events that `run --json` prints.",
    )
    check.add_argument("file", metavar="FILE", nargs="?", default="-", help="a file; - or nothing: standard input")
    check.add_argument("--as", dest="kind", metavar="STATE", default="State", help="admit only this kind of state")
    _add_import(check)
    check.set_defaults(verb=_check)

    history = verbs.add_parser(
        "history",
        help="check the histories in a log of events",
        description="Tell what became of each task of each run in a log of the events that `run --json` prints: the "
        "first illegal step, reports in conflict, and the merged state. The order of the lines does not matter.",
        epilog="The exit code is 1 where a step is illegal, reports are in conflict, or a line is no event.",
    )
    history.add_argument("file", metavar="FILE", nargs="?", default="-", help="a file; - or nothing: standard input")
    history.add_argument("--json", action="store_true", help="print one history per line instead, as JSON")
    _add_import(history)
    history.set_defaults(verb=_history)

    schema = verbs.add_parser(
        "schema", help="print a JSON Schema", description="Print the JSON Schema (2020-12) of a kind of state."
    )
    schema.add_argument("kind", metavar="STATE", nargs="?", default="State", help="a state's tag; State by default")
    _add_import(schema)
    schema.set_defaults(verb=_schema)

    diagram = verbs.add_parser(
        "diagram", help="draw the transitions", description="Print the transition table as a diagram."
    )
    diagram.add_argument("--format", choices=["mermaid", "dot"], default="mermaid", help="mermaid by default")
    diagram.set_defaults(verb=_diagram)

    stubs = verbs.add_parser(
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
    stubs.set_defaults(verb=_stubs)
    return parser


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import a program's module first, so that its states are known; may be given again",
    )


def _no_verb(options: argparse.Namespace) -> int:
    if options.version:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"statesig {version('statesig')}")
        except PackageNotFoundError:
            print("statesig, run from its source")
        return _OK
    _parser().print_help(sys.stderr)
    return _USAGE


# ---- run


def _run(options: argparse.Namespace) -> int:
    from statesig.errors import FlowError
    from statesig.parameters import checked_parameters
    from statesig.progress import JsonLines, Lines, Silent, summary
    from statesig.runner import begin
    from statesig.states import Paused, Success

    flow = _load_flow(options.target)
    given = dict(_split(argument) for argument in options.parameters)
    try:
        values = checked_parameters(flow, given, text=True)
    except FlowError as exc:
        raise _UsageError(f"{exc}") from None
    if options.json:
        shown: JsonLines | Lines | Silent = JsonLines(flow, sys.stdout, sys.stderr)
    else:
        shown = Silent() if options.quiet else Lines.for_stream(flow, sys.stderr)
    with shown:
        done = begin(flow, values, on_event=shown).start()
    if not options.json:
        summary(done, sys.stdout)
    state = done.state
    if isinstance(state, Paused):
        return _PAUSED
    return _OK if isinstance(state, Success) and not shown.failed else _FAILURE


def _split(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals or not name:
        raise _UsageError(f"a parameter is given as NAME=VALUE, not {argument!r}")
    return name, value


def _load_flow(target: str) -> Flow:
    from statesig.flow import Flow

    module_name, _, name = target.partition(":")
    module = _load(module_name)
    flows: dict[str, Flow] = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    if name:
        found = flows.get(name)
        if found is None:
            raise _UsageError(f"{module_name} has no flow {name!r}; it has {', '.join(flows) or 'none'}")
        return found
    if "flow" in flows:
        return flows["flow"]
    if len(flows) != 1:
        listed = f"{', '.join(flows)}: say which, as in {module_name}:{next(iter(flows))}" if flows else "none"
        raise _UsageError(f"{module_name} has {len(flows)} flows, {listed}")
    return next(iter(flows.values()))


def _load(name: str) -> ModuleType:
    """Import a module that the user named, from the current folder too."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise _UsageError(f"there is no module {name!r}, here or installed") from None
        raise _UsageError(f"{name} cannot be imported: {exc}") from exc
    except (KeyboardInterrupt, _Terminated):
        raise
    except BaseException as exc:  # a module may also exit, or raise a signal
        raise _UsageError(f"{name} cannot be imported: {type(exc).__name__}: {exc}") from exc


# ---- check


def _check(options: argparse.Namespace) -> int:
    kind = _kind(options)
    name = _name(options.file)
    bad = total = 0
    for number, text, document in _documents(options.file):
        total += 1
        reason = _problem(text, document, kind)
        if reason is not None:
            bad += 1
            print(f"{name}:{number}: {reason}", file=sys.stderr)
    if not total:
        raise _UsageError(f"{name} is empty; it should hold one JSON document, or one per line")
    if bad:
        print(f"{bad} of {total} not valid", file=sys.stderr)
        return _FAILURE
    print(f"{total} valid" if total > 1 else "valid")
    return _OK


def _documents(path: str) -> Iterator[tuple[int, bytes, Any]]:
    """Yield each document: the number of its first line, its text, and what it holds, None where it is no JSON.

    Each line is one, unless it takes all lines together to make one.
    """
    is_lines = False
    held: list[tuple[int, bytes, Any]] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        document = _parsed(line)
        if held or document is None:
            held.append((number, line, document))
        else:
            is_lines = True
            yield number, line, document
    alone = not is_lines and all(document is None for _, _, document in held)
    if len(held) > 1 and (alone or _is_json(held)):
        whole = b"".join(line for _, line, _ in held)
        yield held[0][0] + _broken_line(whole), whole, _parsed(whole)
    else:
        yield from held


def _lines(path: str) -> Iterator[bytes]:
    if path == "-":
        yield from sys.stdin.buffer
        return
    try:
        stream = open(path, "rb")  # noqa: SIM115  # closed below; to open it is what may fail
    except OSError as exc:
        raise _UsageError(f"{path} cannot be read: {exc.strerror}") from None
    with stream:
        yield from stream


def _name(path: str) -> str:
    return "standard input" if path == "-" else path


def _is_json(held: list[tuple[int, bytes, Any]]) -> bool:
    return _parsed(b"".join(line for _, line, _ in held)) is not None


def _parsed(text: bytes) -> Any:
    """Return what JSON text holds, None where it is none or more than may be looked at."""
    from pydantic_core import from_json

    from statesig.codec import DEFAULT_LIMITS

    if len(text) > DEFAULT_LIMITS.max_bytes:
        return None
    try:
        return from_json(text)
    except ValueError:
        return None


def _broken_line(text: bytes) -> int:
    """Return on which line, from 0, the parser gives up; 0 where it does not."""
    from pydantic_core import from_json

    try:
        from_json(text)
    except ValueError as exc:
        found = re.search(r"at line (\d+)", str(exc))
        return int(found[1]) - 1 if found else 0
    return 0


def _problem(text: bytes, document: Any, kind: type[State[Any]]) -> str | None:
    """Return what is wrong with a document, or None; what has a run and no type is an event."""
    from statesig.codec import decode
    from statesig.errors import DecodeError
    from statesig.events import decode_event

    try:
        if isinstance(document, dict) and "run" in document and "type" not in document:
            state = decode_event(text, strict=True).state
            return None if isinstance(state, kind) else f"state: a {state.type}, not a {kind.__name__}"
        decode(text, kind, strict=True)
    except DecodeError as exc:
        return str(exc)
    return None


def _kind(options: argparse.Namespace) -> type[State[Any]]:
    from statesig.models import descendants
    from statesig.states import Finished, MetaState, State

    for module in options.modules:
        _load(module)
    known: dict[str, type[Any]] = {kind.__name__: kind for kind in (State, MetaState, Finished)}
    known |= {cls.__tag__: cls for cls in descendants(State)}
    found = known.get(options.kind)
    if found is None:
        raise _UsageError(f"there is no state {options.kind!r}; known are {', '.join(known)}")
    return found


# ---- history


def _history(options: argparse.Namespace) -> int:
    from statesig.histories import tell_histories

    for module in options.modules:
        _load(module)
    lines = _lines(options.file)
    return tell_histories(lines, _name(options.file), as_json=options.json, out=sys.stdout, err=sys.stderr)


# ---- schema and diagram


def _schema(options: argparse.Namespace) -> int:
    from statesig.codec import schema

    print(json.dumps(schema(_kind(options)), indent=2))
    return _OK


def _diagram(options: argparse.Namespace) -> int:
    from statesig.transitions import diagram

    print(diagram(options.format), end="")
    return _OK


# ---- stubs


def _stubs(options: argparse.Namespace) -> int:
    from statesig.stubgen import own_stubs, stubs_of

    try:
        plan = stubs_of(options.packages, options.output, _load) if options.packages else own_stubs(options.output)
        if options.check:
            wrong = plan.check()
            print("".join(f"{line}\n" for line in wrong), end="", file=sys.stderr)
            return _FAILURE if wrong else _OK
        for line in plan.write():
            print(line)
    except BrokenPipeError:
        raise
    except SyntaxError as exc:  # of the file's path its text has but the end
        place = f"{exc.filename}:{exc.lineno}: {exc.msg}"
        raise _UsageError(place if exc.filename and exc.lineno else f"{exc}") from exc
    except (ImportError, OSError) as exc:
        raise _UsageError(f"{exc}") from exc
    if not plan.texts:
        print(f"no module of {', '.join(options.packages)} defines a signal: no stub is needed", file=sys.stderr)
    return _OK
