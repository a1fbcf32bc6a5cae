"""Values of the pytest fixtures: a clock, runs with their events, and a watch for swallowed signals.

Nothing here may import pytest or Hypothesis.
"""

from __future__ import annotations

import ast
import linecache
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType, TracebackType
from typing import Any, Self

from statesig.algebra.captures import Redact, Tracebacks
from statesig.codec.events import Event
from statesig.codec.histories import History, histories_of
from statesig.engine.runs import Run
from statesig.flow import Flow
from statesig.signals import Signal
from statesig.states import State

__all__ = ["CapturedRun", "Clock", "Rehearsal", "Swallowed", "SwallowedSignal", "Watch"]


class Clock:
    """A clock that only `set`, `advance` and `sleep` move: ``flow.run(clock=clock, sleep=clock.sleep)``.

    Args:
        now: Its first time, aware; by default 2026-01-01 12:00 UTC.

    Attributes:
        slept: The sleeps so far, in seconds, in order.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self.slept: list[float] = []
        self.set(now)

    def __call__(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Set the clock, forwards or back.

        Raises:
            ValueError: The time is not aware; the clock does not change.
        """
        if now.tzinfo is None:
            raise ValueError(f"a clock is set to an aware time, and {now.isoformat()} has no offset from UTC")
        self._now = now

    def advance(self, by: float | timedelta) -> None:
        """Move the clock forwards.

        Args:
            by: Seconds, or a timedelta.
        """
        passed = by if isinstance(by, timedelta) else timedelta(seconds=by)
        # In UTC, since a day of another zone may have 23 or 25 hours.
        self._now = (self._now.astimezone(UTC) + passed).astimezone(self._now.tzinfo)

    def sleep(self, seconds: float) -> None:
        """Advance by some seconds without waiting, and record them in `slept`."""
        self.slept.append(seconds)
        self.advance(seconds)


class CapturedRun:
    """A run and its events.

    Attributes:
        run: The run.
        events: Its events, in order, including those of a later ``run.resume()``.
    """

    run: Run

    def __init__(self) -> None:
        self.events: list[Event] = []

    def history(self, node: object, index: int | None = None) -> list[State[Any]]:
        """Return the states that a task was in, in order.

        Args:
            node: The value that the call of the task in the flow returned.
            index: For a child of a mapped task, its position from 0.

        Raises:
            FlowError: It is not a node of this run's flow.
        """
        name = self.run.flow.own(node).name
        return [event.state for event in self.events if (event.task, event.index) == (name, index)]

    def histories(self) -> list[History]:
        """Return the histories of all tasks, as `histories_of` does."""
        return list(histories_of(self.events))


class Rehearsal:
    """Runs flows by a `Clock`, and keeps their events.

    Args:
        clock: The clock; by default a new one.

    Attributes:
        clock: The clock.
        runs: The runs so far, in order.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = Clock() if clock is None else clock
        self.runs: list[CapturedRun] = []

    def __call__(
        self,
        flow: Flow,
        /,
        *,
        redact: Redact | None = None,
        traceback: Tracebacks = False,
        **parameters: object,
    ) -> CapturedRun:
        """Run a flow without real waiting, and return the run with its events.

        Args:
            flow: The flow.
            redact: As for ``flow.run``.
            traceback: As for ``flow.run``.
            parameters: The flow's parameters by name.
        """
        captured = CapturedRun()
        given: dict[str, Any] = dict(parameters)  # checkers would reject objects here, since options are typed
        captured.run = flow.run(
            on_event=captured.events.append,
            redact=redact,
            traceback=traceback,
            clock=self.clock,
            sleep=self.clock.sleep,
            **given,
        )
        self.runs.append(captured)
        return captured


# ---- signals that were swallowed


class SwallowedSignal(UserWarning):
    """A catch-all handler swallowed a signal."""


@dataclass(frozen=True, slots=True)
class Swallowed:
    """A swallowed signal, and the place of the handler.

    Args:
        signal: The signal.
        filename: The file of the handler.
        line: The line of its ``except``.
    """

    signal: Signal[Any]
    filename: str
    line: int

    def __str__(self) -> str:
        return (
            f"{type(self.signal).__name__} was raised and swallowed here, by a catch-all handler; "
            "catch only the errors you expect, or raise signals again"
        )


class Watch:
    """Finds signals that a bare ``except`` or ``except BaseException`` swallows inside a ``with`` block.

    It keeps each signal made in this process and looks at its traceback, whose outermost frame is the one that the
    signal did not leave. If the line there is in a ``try`` whose first matching handler catches everything and holds
    no ``raise``, that handler swallowed the signal.

    It misses a handler that raises under a condition or raises something else; ``except`` with an expression in place
    of names; ``finally: return``, a suppressing context manager, a future that nobody reads; code without source; and
    a signal made earlier or in another process. It also reports handlers that are meant to swallow a signal, as in a
    test: name the signal in those. It keeps signals alive, and with them the frames that they passed through.
    """

    def __init__(self) -> None:
        self.signals: list[Signal[Any]] = []

    def __enter__(self) -> Self:
        made, signals = Signal.__init__, self.signals
        of: Any = Signal.__dict__["of"]

        def make(self: Signal[Any], message: str | None = None, **fields: object) -> None:
            made(self, message, **fields)
            signals.append(self)

        def kept(cls: type[Signal[Any]], state: State[Any]) -> Signal[Any]:
            signal: Signal[Any] = of.__get__(None, cls)(state)
            signals.append(signal)
            return signal

        self._put_back = made, of
        _set(make, classmethod(kept))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _set(*self._put_back)

    def swallowed(self) -> list[Swallowed]:
        """Return the swallowed signals so far, in the order in which they were made."""
        return list(_swallowed(self.signals))

    def warn(self) -> None:
        """Warn of each swallowed signal, at the line of its handler."""
        for found in self.swallowed():
            warnings.warn_explicit(str(found), SwallowedSignal, found.filename, found.line)


def _set(init: object, of: object) -> None:
    signal: Any = Signal
    signal.__init__ = init
    signal.of = of


def _swallowed(signals: list[Signal[Any]]) -> Iterator[Swallowed]:
    for signal in signals:
        traceback = signal.__traceback__
        if traceback is not None:
            frame = traceback.tb_frame
            filename = frame.f_code.co_filename
            handler = _handler(signal, frame, _tries[filename, traceback.tb_lineno])
            if handler is not None and not any(isinstance(node, ast.Raise) for node in ast.walk(handler)):
                yield Swallowed(signal, filename, handler.lineno)


def _handler(signal: Signal[Any], frame: FrameType, tries: tuple[_Try, ...]) -> ast.ExceptHandler | None:
    """Return the first handler that matches a signal, if it is a catch-all."""
    for handler in (handler for statement in tries for handler in statement.handlers):
        if handler.type is None:
            return handler
        try:
            caught = _value(handler.type, frame)
            if isinstance(signal, caught):
                return handler if BaseException in _flattened(caught) else None
        except (LookupError, AttributeError, TypeError):
            return None  # its exception types are known only by running the expression
    return None


def _flattened(caught: Any) -> Iterator[object]:
    one: object = caught
    if isinstance(one, tuple):
        for part in caught:
            yield from _flattened(part)
    else:
        yield one


def _value(node: ast.expr, frame: FrameType) -> Any:
    """Return the value of a name, an attribute or a tuple of them in a frame; call nothing.

    Raises:
        LookupError: The name is unknown, or the expression is of another form.
    """
    if isinstance(node, ast.Name):
        for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
            if node.id in names:
                return names[node.id]
    elif isinstance(node, ast.Attribute):
        return getattr(_value(node.value, frame), node.attr)
    elif isinstance(node, ast.Tuple):
        return tuple(_value(part, frame) for part in node.elts)
    raise LookupError(ast.unparse(node))


_Try = ast.Try | ast.TryStar
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class _Tries(dict[tuple[str, int], tuple[_Try, ...]]):
    """The ``try`` statements whose bodies hold a line of a file, within the line's scope, innermost first."""

    def __missing__(self, place: tuple[str, int]) -> tuple[_Try, ...]:
        filename, line = place
        try:
            tree = ast.parse("".join(linecache.getlines(filename)))
        except (SyntaxError, ValueError):
            return ()
        scopes = [node.lineno for node in ast.walk(tree) if isinstance(node, _SCOPES) and _spans(node, node, line)]
        tries = [
            node for node in ast.walk(tree) if isinstance(node, _Try) and _spans(node.body[0], node.body[-1], line)
        ]
        inside = [node for node in tries if node.lineno >= max(scopes, default=0)]
        self[place] = found = tuple(sorted(inside, key=lambda node: (node.lineno, node.col_offset), reverse=True))
        return found


_tries = _Tries()


def _spans(first: ast.stmt | ast.expr, last: ast.stmt | ast.expr, line: int) -> bool:
    return first.lineno <= line <= (last.end_lineno or last.lineno)
