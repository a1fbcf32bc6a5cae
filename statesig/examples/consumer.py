"""Read the log of runs, one event in each line, and tell which tasks failed, were tried again or wait for a person.

    statesig run --json statesig.examples.intake folder=incoming > log.ndjson
    python -m statesig.examples.consumer log.ndjson --import statesig.examples.intake

The log may come from several machines, in any order and twice: `histories_of` sorts it out. `--import` names a module
that defines states of the runs. The exit code is 1 if a task failed, or a line is no event.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from statesig import Conflict, DecodeError, Event, Failed, History, Paused, Retrying, decode_event, histories_of

__all__ = ["main", "told"]


def told(lines: Iterable[bytes]) -> Iterator[tuple[str, bool]]:
    """Yield a sentence for each thing that a person should know of a log, and whether it is a failure.

    Args:
        lines: Events, as `statesig run --json` prints them.
    """
    refused: list[str] = []
    for history in histories_of(_events(lines, refused)):
        if (found := _told_of(history)) is not None:
            sentence, is_failure = found
            name = "run" if history.task is None else history.task
            place = name if history.index is None else f"{name}[{history.index}]"
            yield f"{history.run[:8]} {place}: {sentence}", is_failure
    for reason in refused:
        yield reason, True


def _told_of(history: History) -> tuple[str, bool] | None:
    """Return what a person should know of one task, and whether it is a failure; None if there is nothing."""
    if isinstance(history.merged, Conflict):
        return "reports contradict each other", True
    state = history.merged.state
    again = sum(isinstance(report.state, Retrying) for report in history.observations)
    match state:
        case Failed():
            return (f"{state.type}, {state.message}" if state.message else state.type), True
        case Paused():
            return f"waits for a person: {state.message}", False
        case _:
            return (f"{state.type} after {again + 1} attempts", False) if again else None


def _events(lines: Iterable[bytes], refused: list[str]) -> Iterator[Event]:
    """Yield the events of a log, and keep why a line could not be read."""
    for number, line in enumerate(lines, start=1):
        try:
            yield decode_event(line)
        except DecodeError as exc:
            refused.append(f"line {number}: {exc}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read a file, tell what a person should know, and return the exit code."""
    parser = argparse.ArgumentParser(description="Tell which tasks of a log failed, were tried again or wait.")
    parser.add_argument("log", type=Path, help="a file of events, one in each line")
    parser.add_argument("--import", dest="modules", action="append", default=[], help="a module that defines states")
    options = parser.parse_args(arguments)
    for module in options.modules:
        importlib.import_module(module)
    with options.log.open("rb") as lines:
        sentences = [*told(lines)]
    sys.stdout.writelines(f"{sentence}\n" for sentence, _ in sentences)
    return int(any(is_failure for _, is_failure in sentences))


if __name__ == "__main__":
    raise SystemExit(main())
