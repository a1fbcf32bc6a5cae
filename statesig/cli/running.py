"""The verbs of the command that run a flow of a program: run, resume and rerun."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, Literal, TextIO

from pydantic_core import from_json

from statesig.cli.continuing import continuing
from statesig.cli.display import JsonLines, Lines, Silent, summary
from statesig.cli.exits import Exit, UsageError
from statesig.cli.loading import load_flow
from statesig.cli.options import chosen_executor, chosen_store, stored_before
from statesig.codec.states import decode
from statesig.engine.interrupts import Interrupts, interrupted_by_signals
from statesig.engine.options import Options
from statesig.engine.reruns import run_again
from statesig.engine.runner import begin, reopen
from statesig.engine.runs import Run
from statesig.errors import DecodeError
from statesig.executors.executor import Executor
from statesig.flow import Flow
from statesig.graph.parameters import checked_parameters
from statesig.states import Paused, Resume, Success
from statesig.stores.store import Store

__all__ = ["rerun", "resume", "run"]


def run(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run a flow, and show its tasks."""
    flow = load_flow(options.target)
    values = checked_parameters(flow, _given(options.parameters), text=True)
    executor = chosen_executor(options)
    with chosen_store(options) or nullcontext() as store:
        shown = _shown(flow, options, out, err)
        begun = begin(flow, values, _options(options, store, executor, shown))
        return _driven(begun, shown, options, out, err, is_stored=store is not None)


def resume(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Resume a stored run, and show its tasks."""
    flow = load_flow(options.target)
    executor = chosen_executor(options)
    with stored_before(options) as store:
        shown = _shown(flow, options, out, err)
        approve = tuple(name if answer is None else {name: _answer(name, answer)} for name, answer in options.approve)
        reopened = reopen(flow, options.run, approve, _options(options, store, executor, shown))
        shown.take_over(reopened)
        return _driven(reopened, shown, options, out, err, is_stored=True)


def rerun(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """Run a stored run that is over again from where it failed, and show the tasks of the new run."""
    flow = load_flow(options.target)
    executor = chosen_executor(options)
    with stored_before(options) as store:
        shown = _shown(flow, options, out, err)
        again = run_again(flow, options.run, options.tasks, _options(options, store, executor, shown))
        shown.take_over(again)
        return _driven(again, shown, options, out, err, is_stored=True)


def _options(options: argparse.Namespace, store: Store | None, executor: Executor | None, shown: Silent) -> Options:
    """Return the options of a run that the command drives."""
    # Events as JSON are read by others, whom the folders of this machine do not concern.
    traceback: bool | Literal["last"] = True if options.traceback else False if options.json else "last"
    return Options(store=store, executor=executor, on_event=shown, traceback=traceback)


def _answer(name: str, text: str) -> Resume[Any]:
    """Return a person's answer as JSON has it; the run validates it as the task's type."""
    try:
        from_json(text)  # one value, rather than a part of a document
    except ValueError:
        raise UsageError(f"the answer for {name!r} is not JSON; a text is written in double quotes") from None
    try:
        return decode(f'{{"type":"Resume","result":{text}}}', Resume, strict=True)
    except DecodeError as exc:
        raise UsageError(f"the answer for {name!r} is {exc}") from None


def _given(arguments: Iterable[str]) -> dict[str, str]:
    """Return the texts of parameters by name."""
    given: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise UsageError(f"a parameter is given as NAME=VALUE, not {argument!r}")
        if name in given:
            raise UsageError(f"parameter {name} is given twice; give it once")
        given[name] = value
    return given


def _shown(flow: Flow, options: argparse.Namespace, out: TextIO, err: TextIO) -> Silent:
    if options.json:
        return JsonLines(flow, out, err)
    return Silent(err) if options.quiet else Lines.for_stream(flow, err)


def _driven(run: Run, shown: Silent, options: argparse.Namespace, out: TextIO, err: TextIO, *, is_stored: bool) -> int:
    """Drive a run to its end, show its outcome, and return the exit code."""
    if is_stored and not options.quiet:
        print(f"run {run.id}", file=err, flush=True)

    first = "interrupted; waiting for what runs, repeat to stop it" if is_stored else "cancelling; repeat to stop now"

    def told(count: int) -> None:
        if count <= 2:
            shown.interject(f"statesig: {first if count == 1 else 'stopping now'}")

    with shown, interrupted_by_signals(run, told) as came:
        run.start()
    if not options.json:
        summary(run, out, is_stored=is_stored, with_results=not options.quiet)
    if is_stored and (run.is_interrupted or isinstance(run.state, Paused)) and not options.quiet:
        paused = {} if run.is_interrupted else _paused(run)
        print(f"to continue: {continuing(run.id, options, paused)}", file=err)
    return _exit(run, came, shown)


def _paused(run: Run) -> dict[str, bool]:
    """Return the names of the paused tasks and children, each with whether it waits for an answer."""
    return {
        task.name: node.task.answer is not None
        for node, whole in zip(run.flow.nodes, run, strict=True)
        for task in (whole, *whole.children)
        if isinstance(task.state, Paused)
    }


def _exit(run: Run, came: Interrupts, shown: Silent) -> int:
    state = run.state
    if isinstance(state, Success) and not run.is_interrupted:
        return Exit.FAILURE if shown.failed else Exit.OK
    if came.numbers:
        return 128 + came.numbers[0]
    return Exit.PAUSED if isinstance(state, Paused) else Exit.FAILURE
