"""Rebuild the histories of tasks from a set of events, of any number of runs.

The order and the repetition of events must not change the answer. Nothing here may run a task, wait or read a clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, TextIO

from pydantic_core import from_json, to_json

from statesig.algebra.merges import PHASES, Conflict, Observation, merge
from statesig.algebra.transitions import IllegalStep, check_history, fault_of
from statesig.codec.events import Event, decode_event
from statesig.codec.states import encode
from statesig.errors import DecodeError, EncodeError
from statesig.states import Running, State

__all__ = ["History", "histories_of", "printable", "tell_histories"]

_ENTERED_ONCE = PHASES[Running]
_MOST_AT_ONE_TIME = 8


@dataclass(frozen=True, slots=True)
class History:
    """The reported states of one task of a run, of one child of a mapped task, or of the run itself.

    Args:
        run: The run's identity.
        task: The name of the task's node; None for the run itself.
        index: The position among a mapped node's children, from 0; None for the node itself.
        observations: The distinct reports, in the order of their times.
        times: One aware time for each observation.
        illegal: The first illegal step, with the index of its observation; None: every step is legal.
        conflicts: Unequal states reported for a place that has only one.
        merged: The latest position: the observations after `merge`. If these conflict but may follow one another, such
            as one schedule and the next, the later one.
        try_number: The try of the run in which the history began, from 1.
    """

    run: str
    task: str | None
    index: int | None
    observations: tuple[Observation[Any], ...]
    times: tuple[datetime, ...]
    illegal: IllegalStep | None
    conflicts: tuple[Conflict[Any], ...]
    merged: Observation[Any] | Conflict[Any]
    try_number: int = 1

    @property
    def is_ok(self) -> bool:
        """Whether each step is legal and no report contradicts another."""
        return self.illegal is None and not self.conflicts


def histories_of(events: Iterable[Event]) -> Iterator[History]:
    """Yield the history of each run and of each of its tasks in each try: by run, task, index and try.

    ``list(histories_of(xs)) == list(histories_of(ys))`` where ``set(xs) == set(ys)``. A history orders its events by
    time, then by attempt; events that tie in both, as a coarse clock makes them, come in a legal order if one exists.

    An attempt is Running, Cancelling and Finished once each, so two unequal states for one of these are a conflict.
    Waiting states may follow one another; two that may not are an illegal step.

    Args:
        events: Of any runs, in any order; all are read before the first history is yielded.
    """
    reports: defaultdict[_Key, list[_Report]] = defaultdict(list)
    names: dict[str, str] = {}
    plain: dict[bytes, State[Any]] = {}
    for event in events:
        written = _written(event.state)
        # Most states of a long log are Pending() and Running(), and names repeat: keep one object of each.
        state = event.state if event.state.has_result else plain.setdefault(written, event.state)
        task = None if event.task is None else names.setdefault(event.task, event.task)
        key = names.setdefault(event.run, event.run), task, event.index, event.try_number
        reports[key].append((event.time, event.attempt, state))
    for key in sorted(reports, key=_in_order):
        yield _history(key, reports.pop(key))


_Report = tuple[datetime, int, State[Any]]
_Key = tuple[str, str | None, int | None, int]


def _in_order(key: _Key) -> tuple[str, str, int, int]:
    run, task, index, number = key
    return run, task or "", -1 if index is None else index, number


def _history(key: _Key, reports: list[_Report]) -> History:
    run, task, index, number = key
    timeline = _timeline(reports)
    observations = tuple(Observation(attempt, state) for _, attempt, state in timeline)
    times = tuple(time for time, _, _ in timeline)
    states = [observation.state for observation in observations]
    illegal = check_history(states, attempts=[observation.attempt for observation in observations], times=times)
    places: defaultdict[tuple[int, int], list[Observation[Any]]] = defaultdict(list)
    for observation in observations:
        places[observation.place].append(observation)
    merged = {place: merge(*found) for place, found in sorted(places.items())}
    conflicts = tuple(
        report for (_, phase), report in merged.items() if phase >= _ENTERED_ONCE and isinstance(report, Conflict)
    )
    foremost = max(places)
    outcome = merged[foremost]
    if foremost[1] < _ENTERED_ONCE and isinstance(outcome, Conflict):
        outcome = places[foremost][-1]
    return History(run, task, index, observations, times, illegal, conflicts, outcome, number)


# ---- the order of reports


def _timeline(reports: Iterable[_Report]) -> list[_Report]:
    """Return the distinct reports by time, then attempt, then in a legal order, then by phase and JSON."""
    distinct = {(time, attempt, _written(state)): (time, attempt, state) for time, attempt, state in reports}
    ordered = [report for _, report in sorted(distinct.items(), key=lambda item: _sorted_by(*item))]
    told: list[_Report] = []
    # The legal orders after `told`, one for each report that may be the last.
    ways: list[list[_Report]] = [[]]
    for _, group in groupby(ordered, key=lambda report: report[:2]):
        moment = list(group)
        further = _continued(told, ways, moment)
        # No order is legal: keep the first way and append the reports as they are sorted.
        ways = further or [ways[0] + moment]
        if len(ways) == 1:
            told += ways[0]
            ways = [[]]
    return told + ways[0]


def _sorted_by(key: tuple[datetime, int, bytes], report: _Report) -> tuple[datetime, int, int, bytes]:
    time, attempt, written = key
    return time, attempt, Observation(attempt, report[2]).place[1], written


def _continued(told: list[_Report], ways: list[list[_Report]], moment: list[_Report]) -> list[list[_Report]]:
    """Extend the ways legally by all reports of a moment; return the first for each report that may be the last."""
    if len(moment) > _MOST_AT_ONE_TIME:
        return []
    found: dict[int, list[_Report]] = {}
    for way in ways:
        before = (way or told)[-1] if way or told else None
        for last, path in _legal_orders(before, moment):
            found.setdefault(last, way + path)
    return list(found.values())


def _legal_orders(before: _Report | None, moment: list[_Report]) -> Iterator[tuple[int, list[_Report]]]:
    """Yield the index of each report that may be the last of a moment, with one legal order that ends in it."""
    follows = {
        (source, target): _may_follow(before if source < 0 else moment[source], report)
        for target, report in enumerate(moment)
        for source in range(-1, len(moment))
        if source != target
    }
    orders: dict[tuple[frozenset[int], int], list[_Report]] = {(frozenset(), -1): []}
    for _ in moment:
        longer: dict[tuple[frozenset[int], int], list[_Report]] = {}
        for (taken, source), order in orders.items():
            for target, report in enumerate(moment):
                if target not in taken and follows[source, target]:
                    longer.setdefault((taken | {target}, target), [*order, report])
        orders = longer
    for (_, last), order in orders.items():
        yield last, order


def _may_follow(before: _Report | None, report: _Report) -> bool:
    return fault_of(_entry(report), None if before is None else _entry(before)) is None


def _entry(report: _Report) -> tuple[State[Any], int, datetime]:
    time, attempt, state = report
    return state, attempt, time


# ---- the output of the command


def tell_histories(lines: Iterable[bytes], name: str, *, as_json: bool, out: TextIO, err: TextIO) -> int:
    """Print the history of each task in a log of events, and return the exit code of the command.

    Args:
        lines: One event each, as JSON, decoded strictly; in any order. Empty lines are skipped.
        name: The log's name in messages.
        as_json: Whether to write one JSON object for each history instead of text.
        out: Receives the histories.
        err: Receives a message for each line that is not an event, with its number from 1.

    Returns:
        0: all is well; 1: a step is illegal, reports conflict, or a line is not an event; 2: the log is empty.
    """
    log = _Log(lines, name, err)
    ill = told = 0
    for history in histories_of(log):
        told += 1
        ill += not history.is_ok
        shown = [to_json(_described(history)).decode()] if as_json else _sentences(history)
        out.writelines(f"{line}\n" for line in shown)
    if not log.total:
        err.write(f"statesig: {name} is empty; it should hold events, one per line\n")
        return 2
    if log.bad:
        err.write(f"{log.bad} of {log.total} lines are not events\n")
    if not as_json:
        out.write(f"{told} {'history' if told == 1 else 'histories'}, {ill or 'none'} illegal or in conflict\n")
    return 1 if ill or log.bad else 0


class _Log:
    """Decode the events of a log; count its lines, and report those that are not events."""

    def __init__(self, lines: Iterable[bytes], name: str, err: TextIO) -> None:
        self.lines = lines
        self.name = name
        self.err = err
        self.total = self.bad = 0

    def __iter__(self) -> Iterator[Event]:
        for number, line in enumerate(self.lines, 1):
            if not line.strip():
                continue
            self.total += 1
            try:
                yield decode_event(line, strict=True)
            except DecodeError as exc:
                self.bad += 1
                self.err.write(f"{self.name}:{number}: {exc}\n")


def _described(history: History) -> dict[str, Any]:
    illegal = history.illegal
    place = {"run": history.run, "task": history.task, "index": history.index, "try": history.try_number}
    if history.task is None:
        del place["task"]
    if history.try_number == 1:
        del place["try"]
    return {
        **place,
        "ok": history.is_ok,
        "steps": len(history.observations),
        "illegal": illegal
        and {"index": illegal.index, "source": illegal.source, "target": illegal.target, "reason": illegal.reason},
        "conflicts": [_reported(conflict) for conflict in history.conflicts],
        "merged": _reported(history.merged),
    }


def _reported(report: Observation[Any] | Conflict[Any]) -> dict[str, Any]:
    """Return an attempt and the states reported for it: one, or several in conflict."""
    found = report.observations if isinstance(report, Conflict) else (report,)
    attempt = next(iter(found)).attempt
    return {"attempt": attempt, "states": [_document(written) for written in sorted(_written(o.state) for o in found)]}


def _sentences(history: History) -> Iterator[str]:
    place = f"run {printable(history.run)}"
    place += "" if history.task is None else f": {printable(history.task)}"
    place += "" if history.index is None else f"[{history.index}]"
    place += ":" if history.try_number == 1 else f", try {history.try_number}:"
    if history.is_ok:
        yield f"{place} ok: {_claims(history.merged)}"
        return
    if history.illegal is not None:
        yield f"{place} illegal at {history.illegal.index}: {history.illegal.reason}"
    for conflict in history.conflicts:
        yield f"{place} conflict in attempt {_reported(conflict)['attempt']}: {_claims(conflict)}"
    yield f"{place} merged: {_claims(history.merged)}"


def _claims(report: Observation[Any] | Conflict[Any]) -> str:
    """Return the tag of one state, or the JSON of those in conflict, each shortened."""
    if isinstance(report, Observation):
        return report.state.type
    return " or ".join(_cut(to_json(state).decode()) for state in _reported(report)["states"])


def _cut(text: str, length: int = 100) -> str:
    return printable(text if len(text) <= length else f"{text[: length - 3]}...")


def printable(text: str) -> str:
    """Return text with its unprintable characters escaped: a terminal would act on them."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _written(state: State[Any]) -> bytes:
    """Return a state's JSON, or its repr as JSON if a user's field would not read back."""
    try:
        return encode(state)
    except EncodeError:
        return to_json(repr(state))


def _document(written: bytes) -> Any:
    return from_json(written)
