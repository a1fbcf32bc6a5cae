"""What the command shows of a run: progress while it goes on, lines of JSON, and the table at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from statesig.errors import EncodeError
from statesig.events import Event, encode_event, without_result
from statesig.flow import Flow
from statesig.states import Finished, Mapped, Paused, Running, Scheduled, State, Success, is_mapped

if TYPE_CHECKING:
    from statesig.runner import Run, TaskRun

__all__ = ["JsonLines", "Lines", "Silent", "summary"]

_MOST_CHILDREN = 40


class Silent:
    """Shows nothing.

    Attributes:
        failed: Whether something could not be shown as it is.
    """

    failed = False

    def __call__(self, event: Event) -> None:
        """Take note of an event."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the stream as it should be."""


class JsonLines(Silent):
    """Writes each event as one line of JSON, as soon as it happens.

    A result that JSON cannot give back is left out of its line and told of on the error stream.
    """

    def __init__(self, flow: Flow, out: TextIO, errors: TextIO) -> None:
        self._out = out
        self._errors = errors
        self._tasks = {node.name: node.task for node in flow.nodes}

    def __call__(self, event: Event) -> None:
        returns = self._tasks[event.task].returns
        if is_mapped(event.state) and event.state.children:
            self._tell_mapped(event)
            return
        try:
            line = encode_event(event, result_type=returns)
        except EncodeError as exc:
            self.failed = True
            remedy = "say what the task returns in its annotation, or return what JSON can hold"
            print(f"statesig: task {event.task!r}: {exc}; {remedy}", file=self._errors)
            line = encode_event(replace(event, state=_spelled_out(without_result(event.state))))
        print(line.decode(), file=self._out, flush=True)

    def _tell_mapped(self, event: Event) -> None:
        """Write a mapped task's event: its children without their results, which stand in their own lines."""
        state = without_result(event.state)
        try:
            line = encode_event(replace(event, state=state))
        except EncodeError:
            # So many that no reader would look at them at once.
            line = encode_event(replace(event, state=Mapped(message=state.message, causes=state.causes)))
        print(line.decode(), file=self._out, flush=True)


class Lines(Silent):
    """Writes a line for each task that comes to rest: finished, paused, or waiting for another attempt."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began: dict[tuple[str, int | None], Any] = {}

    @staticmethod
    def for_stream(flow: Flow, out: TextIO) -> Lines:
        """Return what suits a stream: a live bar on a terminal where rich is installed, plain lines elsewhere."""
        if out.isatty() and os.environ.get("TERM") != "dumb":
            try:
                return _Bar(flow, out)
            except ImportError:
                pass  # rich comes with the extra `cli`; lines say the same
        return Lines(out)

    def __call__(self, event: Event) -> None:
        place = event.task, event.index
        if isinstance(event.state, Running):
            self._began[place] = event.time
        elif isinstance(event.state, (Finished, Paused, Scheduled)):
            began = self._began.pop(place, None)
            seconds = "" if began is None else f"{(event.time - began).total_seconds():.3f}s"
            self.tell(
                f"{_name(*place):30} {described(event.state):24} {seconds:>9}  {event.state.message or ''}".rstrip()
            )

    def tell(self, line: str) -> None:
        """Write one line."""
        print(line, file=self._out, flush=True)


class _Bar(Lines):
    """A bar that moves as tasks finish, below a line for each that did not succeed."""

    def __init__(self, flow: Flow, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        super().__init__(out)
        columns = (TextColumn("{task.description:30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(file=out), transient=True)
        self._bar = self._progress.add_task(flow.name, total=len(flow.nodes))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event.state, Running):
            self._progress.update(self._bar, description=_name(event.task, event.index))
        elif isinstance(event.state, Finished):
            self._progress.advance(self._bar, 0 if event.index is not None else 1)
        if not isinstance(event.state, Success):
            super().__call__(event)

    def tell(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, markup=False)


def _spelled_out(state: State[Any]) -> State[Any]:
    """Return a state whose message is valid Unicode, what is not spelled out in it."""
    if state.message is None:
        return state
    return state.model_copy(update={"message": state.message.encode("utf-8", "backslashreplace").decode()})


def _name(task: str, index: int | None) -> str:
    return task if index is None else f"{task}[{index}]"


def described(state: State[Any]) -> str:
    """Return a state's tag, that of a Mapped with the count of its children's."""
    if not is_mapped(state):
        return state.type
    tally: dict[str, int] = {}
    for child in state.children:
        tally[child.type] = tally.get(child.type, 0) + 1
    return f"{state.type}: {', '.join(f'{count} {tag}' for tag, count in tally.items()) or 'none'}"


def said(state: State[Any]) -> str:
    """Return a state's message in one line, with the text of the exception it is of."""
    parts = [state.message or "", *(cause.message for cause in state.causes[:1])]
    return " ".join(": ".join(part for part in parts if part).split())


def summary(run: Run, out: TextIO) -> None:
    """Write a table of a run's tasks, states and durations, with the children that did not succeed, and its outcome."""
    rows = [("TASK", "STATE", "SECONDS", "MESSAGE"), *_rows(run)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, state, seconds, message in rows:
        print(f"{name:{widths[0]}}  {state:{widths[1]}}  {seconds:>{widths[2]}}  {message}".rstrip(), file=out)
    outcome = run.state
    print(f"\n{run.flow.name}: {outcome.type}{f', {said(outcome)}' if said(outcome) else ''}", file=out)


def _rows(run: Run) -> Iterator[tuple[str, str, str, str]]:
    for task in run:
        yield _row(task)
        others = [child for child in task.children if not isinstance(child.state, Success)]
        for child in others[:_MOST_CHILDREN]:
            yield _row(child)
        if len(others) > _MOST_CHILDREN:
            yield f"{task.name}[...]", f"{len(others) - _MOST_CHILDREN} more", "", ""


def _row(task: TaskRun) -> tuple[str, str, str, str]:
    return task.name, described(task.state), f"{task.seconds:.3f}", said(task.state)
