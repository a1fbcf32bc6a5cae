"""The command's output for a run: progress while it runs, events as JSON, and a table at its end."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar, cast

from pydantic_core import to_json

from statesig.cli.terminal import Look, aligned, cut
from statesig.codec.events import Event, encode_event, without_result
from statesig.codec.histories import printable
from statesig.codec.limits import Limits
from statesig.codec.problems import without_keys
from statesig.engine.causes import Failure, said
from statesig.engine.gathering import abridged
from statesig.errors import EncodeError
from statesig.flow import Flow
from statesig.graph.nodes import name_of
from statesig.states import (
    AnyState,
    Cancelled,
    Cancelling,
    Finished,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    State,
    Success,
    has_children,
)
from statesig.states.declared import declared_as

if TYPE_CHECKING:
    from rich.console import RenderableType

    from statesig.engine.noderuns import TaskRun
    from statesig.engine.runs import Run

__all__ = ["MOST_CHILDREN", "JsonLines", "Lines", "Silent", "described", "summary"]

MOST_CHILDREN = 40
_MOST_RUNNING = 8
_MOST_NAMES = 5
_MOST_ALIKE = 5
_MOST_RESULTS = 20
_LONGEST_RESULT = 1000
_WIDE = 100


class Silent:
    """Shows nothing.

    Attributes:
        failed: Whether JSON had no form for a result, so that it was left out.
    """

    failed = False

    def __init__(self, errors: TextIO) -> None:
        self._errors = errors

    def __call__(self, event: Event) -> None:
        """Show an event."""

    def take_over(self, run: Run) -> None:
        """Count the tasks that a resumed run finished before."""

    def interject(self, line: str) -> None:
        """Write a line from within a signal handler, even while another line is being written."""
        with suppress(OSError):  # the stream may have no reader
            os.write(self._errors.fileno(), f"{line}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the stream."""


class JsonLines(Silent):
    """Writes each event as one line of JSON, as soon as it happens.

    It leaves out a result that JSON cannot restore, and reports it on the error stream.
    """

    def __init__(self, flow: Flow, out: TextIO, errors: TextIO) -> None:
        super().__init__(errors)
        self._out = out
        self._flow = flow
        self._told: set[tuple[str | None, int]] = set()

    def __call__(self, event: Event) -> None:
        if has_children(event.state) and event.state.children:
            event = replace(event, state=self._without_what_was_told(event))
        elif event.index is not None and isinstance(event.state, Finished):
            self._told.add((event.task, event.index))
        try:
            line = encode_event(event, result_type=self._flow.returns(event.task))
        except EncodeError as exc:
            line = self._without_result(event, exc)
        print(line.decode(), file=self._out, flush=True)

    def _without_what_was_told(self, event: Event) -> AnyState[object]:
        """Return a mapped task's state with the results of those children alone whose lines another process wrote."""
        assert has_children(event.state)
        bare = [without_result(child) for child in event.state.children]
        told = [event.task is None or (event.task, index) in self._told for index in range(len(bare))]
        children = [
            one if was_told else own for one, own, was_told in zip(bare, event.state.children, told, strict=True)
        ]
        return without_result(event.state).model_copy(update={"children": tuple(children)})

    def _without_result(self, event: Event, exc: EncodeError) -> bytes:
        """Return an event's line without its result, and say so."""
        state = without_result(event.state)
        if state != event.state:
            whose = "the flow" if event.task is None else f"task {event.task!r}"
            reason = without_keys(exc, declared_as(self._flow.returns(event.task)))
            print(f"statesig: {whose}: {reason}; {self._remedy(event)}", file=self._errors)
        state = _spelled_out(state)
        try:
            return encode_event(replace(event, state=state))
        except EncodeError:  # there are more children than one document may hold
            return encode_event(replace(event, state=cast("AnyState[object]", abridged(state))))  # of a like class

    def _remedy(self, event: Event) -> str:
        """Return what to do about a result that is left out. One that is only too large is no failure."""
        try:
            encode_event(event, result_type=self._flow.returns(event.task), limits=_UNLIMITED)
        except EncodeError:
            self.failed = True
            return "give the task a return annotation, or return a value that JSON can hold"
        return "its line has no result; let the task write a large value to a file, and return the file's name"


_UNLIMITED = Limits(max_bytes=sys.maxsize, max_depth=150, max_nodes=sys.maxsize)


class Lines(Silent):
    """Writes a line for each task that finishes, pauses, or waits for another attempt.

    The tasks that a cancellation of the run ends share one line.
    """

    def __init__(self, errors: TextIO) -> None:
        super().__init__(errors)
        self._look = Look.of(errors)
        self._began: dict[_Place, Any] = {}
        self._is_cancelling = False
        self._cancelled: list[str] = []

    @staticmethod
    def for_stream(flow: Flow, errors: TextIO) -> Lines:
        """Return the display for a stream: a live bar on a terminal if rich is installed, else plain lines."""
        if errors.isatty() and os.environ.get("TERM") != "dumb":
            try:
                return _Live(flow, errors)
            except ImportError:
                pass  # rich comes with the extra `cli`; plain lines show the same events
        return Lines(errors)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tell_cancelled()

    def __call__(self, event: Event) -> None:
        place = event.task, event.index
        if event.task is None and not isinstance(event.state, Retrying):
            self._is_cancelling |= isinstance(event.state, Cancelling)
            return  # the summary tells how the run ended
        if isinstance(event.state, Running):
            self._began[place] = event.time
        elif isinstance(event.state, (Finished, Paused, Scheduled)):
            line = self._line(place, event, self._began.pop(place, None))
            if self._is_cancelling and isinstance(event.state, Cancelled):
                self._cancelled.append(line)
            else:
                self._tell_cancelled()
                self.tell(line)

    def _line(self, place: _Place, event: Event, began: datetime | None) -> str:
        seconds = "" if began is None else f"{(event.time - began).total_seconds():.3f}s"
        width = self._look.width or _WIDE
        name, state = (30, 24) if width >= _WIDE else (width // 4, width // 5)
        line = f"{_name(*place):{name}} {described(event.state):{state}} {seconds:>9}  {event.state.message or ''}"
        line = printable(line.rstrip())
        if self._look.width is not None:
            line = cut(line, width)
        return line.replace(event.state.type, self._look.painted(event.state.type), 1)

    def _tell_cancelled(self) -> None:
        """Write one line for the tasks that the cancellation ended since the last line."""
        lines, self._cancelled = self._cancelled, []
        if len(lines) == 1:
            self.tell(lines[0])
        elif lines:
            self.tell(f"{f'{len(lines)} tasks':30} {self._look.painted('Cancelled')}")

    def tell(self, line: str) -> None:
        """Write one line."""
        print(line, file=self._errors, flush=True)


class _Live(Lines):
    """A progress bar, with the running tasks below it and a line above it for each task that did not succeed.

    It counts tasks and the children of mapped ones, and those that end in a second.
    """

    def __init__(self, flow: Flow, errors: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        super().__init__(errors)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, auto_refresh=False)
        self._total = len(flow.nodes)
        self._done = self._ended = 0
        self._began_at = time.monotonic()
        self._bar = self._progress.add_task(cut(flow.name, 20), total=self._total, rate="")
        self._running: dict[_Place, float] = {}
        self._live = Live(get_renderable=self._shown, console=Console(file=errors), transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, exc, traceback)
        self._live.stop()

    def __call__(self, event: Event) -> None:
        place = event.task, event.index
        if event.task is None:
            super().__call__(event)
            return
        if isinstance(event.state, Running):
            self._running[place] = time.monotonic()
        elif not isinstance(event.state, Cancelling):
            was_running = self._running.pop(place, None) is not None
            self._count(event, was_running=was_running)
        if not isinstance(event.state, Success):
            super().__call__(event)

    def _count(self, event: Event, *, was_running: bool) -> None:
        if isinstance(event.state, Finished):
            self._done += 1
            self._ended += was_running
        elif type(event.state) is Pending:
            if event.try_number > 1:
                self._done -= 1  # a further try of the run runs it again
            elif event.index is not None:
                self._total += 1

    def take_over(self, run: Run) -> None:
        places = [one for task in run for one in (task, *task.children)]
        self._total = len(places)
        self._done = sum(isinstance(one.state, Finished) for one in places)

    def tell(self, line: str) -> None:
        from rich.text import Text

        self._live.console.print(Text.from_ansi(line))

    def interject(self, line: str) -> None:
        super().interject(f"\r\x1b[2K{line}")  # overwrites the bar's last line; rich draws the bar again below

    def _shown(self) -> RenderableType:
        """Return the current bar and running tasks; the display's thread calls this."""
        from rich.console import Group
        from rich.text import Text

        now = time.monotonic()
        rate = self._ended / max(now - self._began_at, 0.001)
        self._progress.update(self._bar, total=self._total, completed=self._done, rate=f"{rate:.1f}/s")
        running = list(self._running.items())
        lines = [f"  {_name(*place):30} {now - began:8.1f}s" for place, began in running[:_MOST_RUNNING]]
        if len(running) > _MOST_RUNNING:
            lines.append(f"  and {len(running) - _MOST_RUNNING} more")
        return Group(self._progress, *map(Text, lines))


def _spelled_out(state: KindT) -> KindT:
    """Return a state with a message in valid Unicode, anything else in it escaped."""
    if state.message is None:
        return state
    return state.model_copy(update={"message": state.message.encode("utf-8", "backslashreplace").decode()})


KindT = TypeVar("KindT", bound=State[Any])
_Place = tuple[str | None, int | None]


def _name(task: str | None, index: int | None) -> str:
    return name_of("the run" if task is None else task, index)


def described(state: State[Any]) -> str:
    """Return a state's tag, and the counts of its children's tags if it has children."""
    if not has_children(state):
        return state.type
    tally: dict[str, int] = {}
    for child in state.children:
        tally[child.type] = tally.get(child.type, 0) + 1
    return f"{state.type}: {', '.join(f'{count} {tag}' for tag, count in tally.items()) or 'none'}"


def summary(run: Run, out: TextIO, *, is_stored: bool = False, with_results: bool = False) -> None:
    """Write a table of a run's tasks, with the children that did not succeed, each failure, and the run's outcome.

    Args:
        run: The run.
        out: The stream.
        is_stored: Whether to name the run, which a store keeps.
        with_results: Whether to write the results of the tasks on which no other depends.
    """
    look = Look.of(out)
    rows = [("TASK", "STATE", "SECONDS", "MESSAGE"), *_rows(run)]
    out.writelines(f"{line}\n" for line in aligned(rows, right=2, look=look))
    told = [printable(line) for line in _told_of(run.failures())]
    out.writelines(f"{line}\n" for line in ("", *told) if told)
    results = list(_results(run, look)) if with_results else []
    out.writelines(f"{line}\n" for line in ("", *results) if results)
    outcome = run.state
    name = f"run {run.id}\n{run.flow.name}" if is_stored else run.flow.name
    if run.is_interrupted:
        left = sum(not isinstance(task.state, Finished) for task in run)
        print(f"\n{name}: interrupted, with {left} of {len(run)} tasks to do", file=out)
        return
    message = printable(said(outcome))
    print(f"\n{name}: {look.painted(outcome.type)}{f', {message}' if message else ''}", file=out)


def _results(run: Run, look: Look) -> Iterator[str]:
    """Yield a line for the result of each leaf, as JSON, cut where it is long."""
    inner = {source.name for node in run.flow.nodes for source in node.upstream}
    given = [
        (task.name, task.state.result)
        for task in run
        if task.name not in inner and task.state.has_result and task.state.result is not None
    ]
    for name, result in given[:_MOST_RESULTS]:
        yield cut(printable(f"{name} = {_as_json(result)}"), look.width or _LONGEST_RESULT)
    if len(given) > _MOST_RESULTS:
        yield f"and {len(given) - _MOST_RESULTS} more results"


def _as_json(result: object) -> str:
    """Return a value as JSON; what has no form in JSON is named by its class."""
    try:
        return to_json(result, inf_nan_mode="constants", fallback=lambda value: f"<{type(value).__name__}>").decode()
    except Exception:  # a serializer of the value's own may raise anything
        return f"<{type(result).__name__}>"


def _told_of(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield a line for each reason for which tasks failed, with their names; then the tracebacks that were kept."""
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.state.type, failure.reason, _place_of(failure)), []).append(failure)
    for (tag, reason, place), failed in [*groups.items()][:MOST_CHILDREN]:
        names = [failure.name for failure in failed]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        mark = "" if not reason else " " if reason.startswith("because ") else ": "
        yield f"{', '.join(names[:_MOST_NAMES])}{more} {tag}{mark}{reason}"
        tracebacks = [cause.traceback for cause in failed[0].state.causes] if failed[0].root is None else []
        for text in [place] if place else tracebacks:
            yield from (f"  {line}" for line in (text or "").splitlines())
    if len(groups) > MOST_CHILDREN:
        yield f"and {sum(map(len, [*groups.values()][MOST_CHILDREN:]))} more"


def _place_of(failure: Failure) -> str:
    """Return where a task's own exception was raised, if its cause keeps that line alone; else an empty text."""
    causes = failure.state.causes if failure.root is None else ()
    text = causes[0].traceback if causes else None
    return "" if text is None or "\n" in text else text


def _rows(run: Run) -> Iterator[tuple[str, str, str, str]]:
    for task, more in _grouped(list(run)):
        yield _row(task)
        if more:
            yield f"and {more} more", task.state.type, "", ""
        others = [child for child in task.children if not isinstance(child.state, Success)]
        for child, more_children in [*_grouped(others)][:MOST_CHILDREN]:
            yield _row(child)
            if more_children:
                yield f"{task.name}[...]", f"{more_children} more {child.state.type}", "", ""
        if len([*_grouped(others)]) > MOST_CHILDREN:
            yield f"{task.name}[...]", f"{len(others) - MOST_CHILDREN} more", "", ""


def _grouped(tasks: Sequence[TaskRun]) -> Iterator[tuple[TaskRun, int]]:
    """Yield tasks, each with how many like it are left out: of many that never began only the first."""
    numbers = Counter(task.state.type for task in tasks if _never_began(task))
    told: set[str] = set()
    for task in tasks:
        tag = task.state.type
        is_one_of_many = _never_began(task) and numbers[tag] > _MOST_ALIKE
        if not is_one_of_many:
            yield task, 0
        elif tag not in told:
            told.add(tag)
            yield task, numbers[tag] - 1


def _never_began(task: TaskRun) -> bool:
    """Tell whether a task was cancelled, or left as it was, before its function was called."""
    return isinstance(task.state, (Cancelled, Pending)) and not task.seconds and not task.children


def _row(task: TaskRun) -> tuple[str, str, str, str]:
    return task.name, described(task.state), f"{task.seconds:.3f}", said(task.state)
