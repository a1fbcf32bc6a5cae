"""The verbs of the command that run a flow of a program: run."""

from __future__ import annotations

import argparse
from typing import TextIO

from statesig.errors import FlowError
from statesig.exits import Exit, UsageError
from statesig.parameters import checked_parameters
from statesig.programs import load_flow
from statesig.progress import JsonLines, Lines, Silent, summary
from statesig.runner import begin
from statesig.states import Paused, Success

__all__ = ["run"]


def run(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run a flow, and tell what becomes of its tasks."""
    flow = load_flow(options.target)
    given = dict(_split(argument) for argument in options.parameters)
    try:
        values = checked_parameters(flow, given, text=True)
    except FlowError as exc:
        raise UsageError(f"{exc}") from None
    if options.json:
        shown: JsonLines | Lines | Silent = JsonLines(flow, out, err)
    else:
        shown = Silent() if options.quiet else Lines.for_stream(flow, err)
    with shown:
        done = begin(flow, values, on_event=shown).start()
    if not options.json:
        summary(done, out)
    state = done.state
    if isinstance(state, Paused):
        return Exit.PAUSED
    return Exit.OK if isinstance(state, Success) and not shown.failed else Exit.FAILURE


def _split(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals or not name:
        raise UsageError(f"a parameter is given as NAME=VALUE, not {argument!r}")
    return name, value
