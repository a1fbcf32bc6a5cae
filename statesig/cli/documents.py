"""The verbs of the command that read or describe JSON documents: check, history and schema."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from pydantic_core import from_json
from typing_extensions import TypeForm

from statesig.cli.exits import Exit, UsageError
from statesig.cli.loading import kind_named, load, load_kind, load_union
from statesig.cli.options import stored_before
from statesig.codec.events import decode_event
from statesig.codec.histories import tell_histories
from statesig.codec.limits import DEFAULT_LIMITS
from statesig.codec.states import decode, schema
from statesig.errors import DecodeError
from statesig.states import State
from statesig.states.choices import Choice
from statesig.states.generics import origin_of
from statesig.states.machines import Machine
from statesig.states.unions import choice_of

__all__ = ["check_documents", "print_schema", "tell_history"]


def check_documents(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Validate states and events, and report each invalid document."""
    kind = _states_named(options)
    bad = total = 0
    for file in options.files or ["-"]:
        count = 0
        for number, text, document in _documents(file):
            count += 1
            reason = _problem(text, document, kind)
            if reason is not None:
                bad += 1
                print(f"{_name(file)}:{number}: {reason}", file=err)
        if not count:
            raise UsageError(f"{_name(file)} is empty; it should hold one JSON document, or one per line")
        total += count
    if bad:
        print(f"{bad} of {total} not valid", file=err)
        return Exit.FAILURE
    print(f"{total} valid" if total > 1 else "valid", file=out)
    return Exit.OK


def tell_history(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Report on the histories in a log of events, or on those of a machine in a log or a store."""
    for module in options.modules:
        load(module)
    if options.root is not None:
        return _tell_machine(options, out, err)
    if options.store is not None:
        raise UsageError("--store holds entities, whose machine --root MODULE:CLASS names; for a run use show")
    file = options.file or "-"
    return tell_histories(_lines(file), _name(file), as_json=options.json, out=out, err=err)


def _tell_machine(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from statesig.entities.histories import Entities
    from statesig.entities.logs import tell_log, tell_stored

    kind = load_kind(options.root)
    if kind is None or not issubclass(kind, Machine):
        raise UsageError(f"{options.root!r} is no machine; name the root of one, as in shop:Order")
    if options.store is None:
        file = options.file or "-"
        return tell_log(_lines(file), _name(file), kind, as_json=options.json, out=out, err=err)
    with stored_before(options, "read") as store:
        return tell_stored(Entities(store, kind), options.file, as_json=options.json, out=out, err=err)


def print_schema(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Print the JSON Schema of a kind of state."""
    print(json.dumps(schema(_states_named(options)), indent=2), file=out)
    return Exit.OK


def _states_named(options: argparse.Namespace) -> TypeForm[State[Any] | Machine]:
    """Return the states that are asked for: a union of them, else a kind."""
    union = load_union(options.kind)
    return kind_named(options.kind, options.modules) if union is None else union


def _documents(path: str) -> Iterator[tuple[int, bytes, Any]]:
    """Yield each document: the number of its first line, its text and its value, None if it is not JSON.

    Each line is a document, unless only all lines together are one.
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
        stream = open(path, "rb")  # noqa: SIM115  # closed below; only opening it may fail
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from None
    with stream:
        yield from stream


def _name(path: str) -> str:
    return "standard input" if path == "-" else path


def _is_json(held: list[tuple[int, bytes, Any]]) -> bool:
    return _parsed(b"".join(line for _, line, _ in held)) is not None


def _parsed(text: bytes) -> Any:
    """Return the value of JSON text, None if it is not JSON or exceeds the size limit."""
    if len(text) > DEFAULT_LIMITS.max_bytes:
        return None
    try:
        return from_json(text)
    except ValueError:
        return None


def _broken_line(text: bytes) -> int:
    """Return the line, from 0, at which the parser fails; 0 if it does not."""
    try:
        from_json(text)
    except ValueError as exc:
        found = re.search(r"at line (\d+)", str(exc))
        return int(found[1]) - 1 if found else 0
    return 0


def _problem(text: bytes, document: Any, kind: TypeForm[State[Any] | Machine]) -> str | None:
    """Return the problem with a document, or None; a document with a run and no type is an event."""
    asked: Any = kind  # which one, only the program knows
    try:
        if isinstance(document, dict) and "run" in document and "type" not in document:
            state = decode_event(text, strict=True).state
            choice = choice_of(asked) or Choice(asked.__name__, (asked,), families=True)
            is_asked = choice.member(origin_of(type(state))) is not None
            return None if is_asked else f"state: a {state.type}, not a {choice.name}"
        decode(text, asked, strict=True)
    except DecodeError as exc:
        return str(exc)
    return None
