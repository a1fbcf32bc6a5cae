"""What the fixtures of the pytest plugin give: a clock, runs with their events, and a watch for swallowed signals.

Nothing here needs pytest or Hypothesis.
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

from statesig.algebra.captures import Redact
from statesig.codec.events import Event
from statesig.codec.histories import History, histories_of
from statesig.engine.runs import Run
from statesig.flow import Flow
from statesig.signals import Signal
from statesig.states import State

__all__ = ["CapturedRun", "Clock", "Rehearsal", "Swallowed", "SwallowedSignal", "Watch"]


class Clock:
    """A clock that stands still until it is set, advanced or slept by: ``flow.run(clock=clock, sleep=clock.sleep)``.

    Args:
        now: What it shows at first, aware; noon of the first of January 2026 in UTC by default.

    Attributes:
        slept: What was slept by it, in seconds, in order.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self.slept: list[float] = []
        self.set(now)

    def __call__(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Set it, also back.

        Raises:
            ValueError: The time is not aware; the clock shows what it did.
        """
        if now.tzinfo is None:
            raise ValueError(f"a clock is set to an aware time, and {now.isoformat()} has no offset from UTC")
        self._now = now

    def advance(self, by: float | timedelta) -> None:
        """Let some time pass.

        Args:
            by: Seconds, or a timedelta.
        """
        passed = by if isinstance(by, timedelta) else timedelta(seconds=by)
        # In UTC, since a day of another zone may have 23 or 25 hours.
        self._now = (self._now.astimezone(UTC) + passed).astimezone(self._now.tzinfo)

    def sleep(self, seconds: float) -> None:
        """Pass some seconds at once, and remember how many."""
        self.slept.append(seconds)
        self.advance(seconds)


class CapturedRun:
    """A run, and what it told while it ran.

    Attributes:
        run: The run.
        events: Its events, in order; those of a later ``run.resume()`` too.
    """

    run: Run

    def __init__(self) -> None:
        self.events: list[Event] = []

    def history(self, node: object, index: int | None = None) -> list[State[Any]]:
        """Return the states that a task was in, in order.

        Args:
            node: What the call of the task in the flow gave.
            index: For a child of a mapped task, its position from 0.

        Raises:
            FlowError: It is no node of this run's flow.
        """
        name = self.run.flow.own(node).name
        return [event.state for event in self.events if (event.task, event.index) == (name, index)]

    def histories(self) -> list[History]:
        """Return the histories of all tasks, as `histories_of` tells them."""
        return list(histories_of(self.events))


class Rehearsal:
    """Runs flows by a clock that is told, and keeps what they tell.

    Args:
        clock: The clock; one of its own by default.

    Attributes:
        clock: The clock.
        runs: The runs so far, in order.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = Clock() if clock is None else clock
        self.runs: list[CapturedRun] = []

    def __call__(
        self, flow: Flow, /, *, redact: Redact | None = None, traceback: bool = False, **parameters: object
    ) -> CapturedRun:
        """Run a flow, without waiting where it waits, and return the run with its events.

        Args:
            flow: The flow.
            redact: As for ``flow.run``.
            traceback: As for ``flow.run``.
            parameters: The flow's parameters by name.
        """
        captured = CapturedRun()
        given: dict[str, Any] = dict(parameters)  # a mapping of objects might hold options, for a checker
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
    """A signal was raised, and a handler for everything let it go no further."""


@dataclass(frozen=True, slots=True)
class Swallowed:
    """Where a signal ended.

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
            f"{type(self.signal).__name__} was raised and ended here, in a handler for everything; "
            "catch what is meant, or raise again what is a signal"
        )


class Watch:
    """Finds signals that a bare ``except`` or ``except BaseException`` has swallowed while it was entered.

    Each signal that is made in this process is kept, and its traceback looked at: the outermost frame in it is the one
    that the signal did not leave. If the line there is in a ``try`` of which the first handler that fits is one for
    everything, without a ``raise`` in it, then the signal ended there.

    So it does not see: a handler that raises under a condition, or raises something else; ``except`` with an expression
    in place of names; ``finally: return``, a context manager that suppresses, a future that nobody asks; code without
    source; a signal that was made before, or in another process. And it sees handlers that were meant to end a signal,
    as in a test of one: name the signal in those. It keeps signals alive, and by them the frames that they passed.
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
        """Return what was swallowed so far, in the order in which the signals were made."""
        return list(_swallowed(self.signals))

    def warn(self) -> None:
        """Warn of each that was swallowed, at the line of its handler."""
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
    """Return the first handler that fits a signal, if it is one for everything."""
    for handler in (handler for statement in tries for handler in statement.handlers):
        if handler.type is None:
            return handler
        try:
            caught = _value(handler.type, frame)
            if isinstance(signal, caught):
                return handler if BaseException in _flattened(caught) else None
        except (LookupError, AttributeError, TypeError):
            return None  # what it catches cannot be told without running it
    return None


def _flattened(caught: Any) -> Iterator[object]:
    one: object = caught
    if isinstance(one, tuple):
        for part in caught:
            yield from _flattened(part)
    else:
        yield one


def _value(node: ast.expr, frame: FrameType) -> Any:
    """Return what names stand for in a frame; nothing is called.

    Raises:
        LookupError: It is no name, or there is none such.
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
    """For a line of a file the ``try`` statements in whose body it is, of its own scope, the innermost first."""

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
