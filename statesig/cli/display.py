"""The command's output for a run: progress while it runs, events as JSON, and a table at its end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from statesig.codec.events import Event, encode_event, without_result
from statesig.codec.problems import without_keys
from statesig.engine.causes import Failure, said
from statesig.engine.gathering import abridged
from statesig.errors import EncodeError
from statesig.flow import Flow
from statesig.states import (
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

__all__ = ["MOST_CHILDREN", "JsonLines", "Lines", "Silent", "aligned", "described", "printable", "summary"]

MOST_CHILDREN = 40
_MOST_RUNNING = 8
_MOST_NAMES = 5


class Silent:
    """Shows nothing.

    Attributes:
        failed: Whether an event could not be shown in full.
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

    def _without_what_was_told(self, event: Event) -> State[Any]:
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
            self.failed = True
            remedy = "give the task a return annotation, or return a value that JSON can hold"
            whose = "the flow" if event.task is None else f"task {event.task!r}"
            reason = without_keys(exc, declared_as(self._flow.returns(event.task)))
            print(f"statesig: {whose}: {reason}; {remedy}", file=self._errors)
        state = _spelled_out(state)
        try:
            return encode_event(replace(event, state=state))
        except EncodeError:  # there are more children than one document may hold
            return encode_event(replace(event, state=abridged(state)))


class Lines(Silent):
    """Writes a line for each task that finishes, pauses, or waits for another attempt."""

    def __init__(self, errors: TextIO) -> None:
        super().__init__(errors)
        self._began: dict[_Place, Any] = {}

    @staticmethod
    def for_stream(flow: Flow, errors: TextIO) -> Lines:
        """Return the display for a stream: a live bar on a terminal if rich is installed, else plain lines."""
        if errors.isatty() and os.environ.get("TERM") != "dumb":
            try:
                return _Live(flow, errors)
            except ImportError:
                pass  # rich comes with the extra `cli`; plain lines show the same events
        return Lines(errors)

    def __call__(self, event: Event) -> None:
        place = event.task, event.index
        if event.task is None and not isinstance(event.state, Retrying):
            return  # the summary tells how the run ended
        if isinstance(event.state, Running):
            self._began[place] = event.time
        elif isinstance(event.state, (Finished, Paused, Scheduled)):
            began = self._began.pop(place, None)
            seconds = "" if began is None else f"{(event.time - began).total_seconds():.3f}s"
            line = f"{_name(*place):30} {described(event.state):24} {seconds:>9}  {event.state.message or ''}"
            self.tell(printable(line.rstrip()))

    def tell(self, line: str) -> None:
        """Write one line."""
        print(line, file=self._errors, flush=True)


class _Live(Lines):
    """A progress bar, with the running tasks below it and a line above it for each task that did not succeed."""

    def __init__(self, flow: Flow, errors: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        super().__init__(errors)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, auto_refresh=False)
        self._bar = self._progress.add_task(flow.name, total=len(flow.nodes))
        self._running: dict[_Place, float] = {}
        self._live = Live(get_renderable=self._shown, console=Console(file=errors), transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        place = event.task, event.index
        if event.task is None:
            super().__call__(event)
            return
        if isinstance(event.state, Running):
            self._running[place] = time.monotonic()
        elif not isinstance(event.state, Cancelling):
            self._running.pop(place, None)
        if isinstance(event.state, Finished) and event.index is None:
            self._progress.advance(self._bar)
        elif event.try_number > 1 and type(event.state) is Pending and event.index is None:
            self._progress.advance(self._bar, -1)  # a further try of the run runs it again
        if not isinstance(event.state, Success):
            super().__call__(event)

    def take_over(self, run: Run) -> None:
        self._progress.update(self._bar, completed=sum(isinstance(task.state, Finished) for task in run))

    def tell(self, line: str) -> None:
        self._live.console.print(line, highlight=False, markup=False)

    def interject(self, line: str) -> None:
        super().interject(f"\r\x1b[2K{line}")  # overwrites the bar's last line; rich draws the bar again below

    def _shown(self) -> RenderableType:
        """Return the current bar and running tasks; the display's thread calls this."""
        from rich.console import Group
        from rich.text import Text

        now = time.monotonic()
        running = list(self._running.items())
        lines = [f"  {_name(*place):30} {now - began:8.1f}s" for place, began in running[:_MOST_RUNNING]]
        if len(running) > _MOST_RUNNING:
            lines.append(f"  and {len(running) - _MOST_RUNNING} more")
        return Group(self._progress, *map(Text, lines))


def _spelled_out(state: State[Any]) -> State[Any]:
    """Return a state with a message in valid Unicode, anything else in it escaped."""
    if state.message is None:
        return state
    return state.model_copy(update={"message": state.message.encode("utf-8", "backslashreplace").decode()})


_Place = tuple[str | None, int | None]


def _name(task: str | None, index: int | None) -> str:
    name = "the run" if task is None else task
    return name if index is None else f"{name}[{index}]"


def described(state: State[Any]) -> str:
    """Return a state's tag, and the counts of its children's tags if it has children."""
    if not has_children(state):
        return state.type
    tally: dict[str, int] = {}
    for child in state.children:
        tally[child.type] = tally.get(child.type, 0) + 1
    return f"{state.type}: {', '.join(f'{count} {tag}' for tag, count in tally.items()) or 'none'}"


def aligned(rows: Sequence[Sequence[str]], *, right: int | None = None) -> Iterator[str]:
    """Yield the lines of a table, with all columns but the last padded to their widest cell.

    Control characters are escaped, since names and messages may come from anybody.

    Args:
        rows: The cells of each row.
        right: The index of a right-aligned column, such as numbers.
    """
    table = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)][:-1]
    for *cells, last in table:
        padded = [
            cell.rjust(width) if column == right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        yield "  ".join([*padded, last]).rstrip()


def printable(text: str) -> str:
    """Return a text with what a terminal would act upon escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def summary(run: Run, out: TextIO, *, is_stored: bool = False) -> None:
    """Write a table of a run's tasks, with the children that did not succeed, each failure, and the run's outcome."""
    rows = [("TASK", "STATE", "SECONDS", "MESSAGE"), *_rows(run)]
    out.writelines(f"{line}\n" for line in aligned(rows, right=2))
    told = [printable(line) for line in _told_of(run.failures())]
    out.writelines(f"{line}\n" for line in ("", *told) if told)
    outcome = run.state
    name = f"run {run.id}\n{run.flow.name}" if is_stored else run.flow.name
    if run.is_interrupted:
        left = sum(not isinstance(task.state, Finished) for task in run)
        print(f"\n{name}: interrupted, with {left} of {len(run)} tasks to do", file=out)
        return
    message = printable(said(outcome))
    print(f"\n{name}: {outcome.type}{f', {message}' if message else ''}", file=out)


def _told_of(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield a line for each reason for which tasks failed, with their names; then the tracebacks that were kept."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.state.type, failure.reason), []).append(failure)
    for (tag, reason), failed in [*groups.items()][:MOST_CHILDREN]:
        names = [failure.name for failure in failed]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        mark = "" if not reason else " " if reason.startswith("because ") else ": "
        yield f"{', '.join(names[:_MOST_NAMES])}{more} {tag}{mark}{reason}"
        for cause in () if failed[0].root is not None else failed[0].state.causes:
            yield from (f"  {line}" for line in (cause.traceback or "").splitlines())
    if len(groups) > MOST_CHILDREN:
        yield f"and {sum(map(len, [*groups.values()][MOST_CHILDREN:]))} more"


def _rows(run: Run) -> Iterator[tuple[str, str, str, str]]:
    for task in run:
        yield _row(task)
        others = [child for child in task.children if not isinstance(child.state, Success)]
        for child in others[:MOST_CHILDREN]:
            yield _row(child)
        if len(others) > MOST_CHILDREN:
            yield f"{task.name}[...]", f"{len(others) - MOST_CHILDREN} more", "", ""


def _row(task: TaskRun) -> tuple[str, str, str, str]:
    return task.name, described(task.state), f"{task.seconds:.3f}", said(task.state)
