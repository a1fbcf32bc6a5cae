"""The tree of spans of one drive of a run: begun, told and ended by events alone.

Nothing here may catch a fault of the tracer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from opentelemetry.context import Context, get_current
from opentelemetry.trace import Link, Span, SpanContext, Tracer, set_span_in_context

from statesig.codec.events import Event
from statesig.executors.attempts import Attempt
from statesig.graph.graph import Graph
from statesig.states import AnyState, Cancelling, Failed, Finished, Paused, Pending, Running, Submitted
from statesig.states.families import origin_of
from statesig.tracing.descriptions import OF_RUN, OF_TASK, Attributes, close, tell

__all__ = ["RunSpans"]

_Place = tuple[str, int | None]
"""The name of a task, and the position of a mapped task's child."""


class RunSpans:
    """Spans of one drive of a run; only `of_attempt` may be called by another thread than the driving one.

    Attributes:
        now: Returns the time by the run's clock; None: the run is known by its events alone.
        last: The context of the run's span; None before it begins.
        is_final: Whether the run is over.

    Args:
        tracer: Makes the spans.
        run: The run's identity.
        flow: Its flow, which names the run and the functions; None: it is not known.
        now: Returns the time by the run's clock; None: the run is known by its events alone.
        last: The context of the run's span in the drive before; None: there was none, or it is not known.
        payload: Whether messages are added.
    """

    def __init__(
        self,
        tracer: Tracer,
        run: str,
        flow: Graph | None,
        now: Callable[[], datetime] | None,
        *,
        last: SpanContext | None,
        payload: bool,
    ) -> None:
        self.now: Callable[[], datetime] | None = now
        self.last: SpanContext | None = last
        self.is_final: bool = False
        self._tracer = tracer
        self._run = run
        self._flow = flow
        self._functions = _functions_of(flow)
        self._payload = payload
        self._around: Context = get_current()
        self._begun = None if now is None else _nanoseconds(now())
        self._whole: _Open | None = None
        self._tasks: dict[_Place, _Open] = {}
        self._attempts: dict[tuple[_Place, int], _Open] = {}
        self._is_over = False
        self._lock = threading.Lock()

    def take(self, event: Event) -> bool:
        """Begin, tell of or end spans as an event says; return whether the run itself is over, or Paused."""
        with self._lock:
            time = _nanoseconds(event.time)
            if event.task is not None:
                self._take_of_task(event, (event.task, event.index), time)
                return False
            whole, state = self._whole_at(time), event.state
            whole.state = state
            if not isinstance(state, Failed):  # the task that failed says why
                tell(whole.span, state, time, payload=self._payload)
            self.is_final = isinstance(state, Finished)
            if not isinstance(state, (Finished, Paused)):
                return False
            self._end(time)
            return True

    def of_attempt(self, attempt: Attempt) -> Context | None:
        """Return the context of an attempt's span, begun now if no event has told of it; None once all have ended."""
        place = attempt.task, attempt.index
        found = self._attempts.get((place, attempt.number))
        if found is None:
            with self._lock:
                if self._is_over:
                    return None
                now = datetime.now(UTC) if self.now is None else self.now()
                found = self._attempt_at(place, attempt.number, _nanoseconds(now))
        return self._within(found)

    def end(self, time: datetime) -> None:
        """End all spans that are open, for good."""
        with self._lock:
            self._is_over = True
            self._end(_nanoseconds(time))

    # ---- the lock is held

    def _take_of_task(self, event: Event, place: _Place, time: int) -> None:
        state = event.state
        if origin_of(type(state)) is Pending:
            if event.index is not None:  # a child is Pending once its mapped task has begun
                self._task_at((place[0], None), time)
            return
        task = self._task_at(place, time)
        task.state, task.try_number = state, event.try_number
        if isinstance(state, Running):
            self._attempt_at(place, event.attempt, time).state = state
            return
        # A state that is not final belongs to the attempt after the one that it ends.
        number = event.attempt - (not isinstance(state, (Finished, Cancelling)))
        attempt = None if isinstance(state, Submitted) else self._attempts.get((place, number))
        tell((attempt or task).span, state, time, payload=self._payload)
        if attempt is not None:
            attempt.state = state
            if not isinstance(state, Cancelling):
                self._close(self._attempts.pop((place, number)), time)
        if isinstance(state, Finished):
            self._close(self._tasks.pop(place), time, OF_TASK)

    def _end(self, time: int) -> None:
        """End all spans, those within others first."""
        whole, self._whole = self._whole, None
        attempts, tasks = [*self._attempts.values()], [*self._tasks.values()]
        self._attempts.clear()
        self._tasks.clear()
        for attempt in attempts:
            self._close(attempt, time)
        for task in reversed(tasks):
            self._close(task, time, OF_TASK)
        if whole is not None:
            self._close(whole, time, OF_RUN)

    def _close(self, open: _Open, time: int, result: str | None = None) -> None:
        close(open.span, open.state, open.try_number, result, payload=self._payload)
        open.span.end(max(time, open.begun))

    # ---- spans, begun where they are not

    def _whole_at(self, time: int) -> _Open:
        if self._whole is None:
            attributes: Attributes = {"cicd.pipeline.run.id": self._run}
            if self._flow is not None:
                attributes["cicd.pipeline.name"] = self._flow.name
            links = [] if self.last is None else [Link(self.last)]
            name = "run" if self._flow is None else f"run {self._flow.name}"
            begun = time if self._begun is None else self._begun
            self._whole = self._opened(name, self._around, attributes, begun, links)
            self._whole.state = _RUNNING  # of a run that goes on after an interrupt no event says so
            self.last = self._whole.span.get_span_context()
        return self._whole

    def _task_at(self, place: _Place, time: int) -> _Open:
        found = self._tasks.get(place)
        if found is None:
            name, index = place
            parent = self._whole_at(time) if index is None else self._task_at((name, None), time)
            attributes = self._attributes_of(place)
            attributes["cicd.pipeline.task.run.id"] = name if index is None else f"{name}[{index}]"
            found = self._tasks[place] = self._below(parent, f"task {name}", attributes, time)
        return found

    def _attempt_at(self, place: _Place, number: int, time: int) -> _Open:
        found = self._attempts.get((place, number))
        if found is None:
            name = place[0]
            attributes = {**self._attributes_of(place), "statesig.attempt": number}
            if name in self._functions:
                attributes["code.function.name"] = self._functions[name]
            task = self._task_at(place, time)
            found = self._attempts[place, number] = self._below(task, f"attempt {name}", attributes, time)
            found.state = _SUBMITTED
        return found

    def _within(self, parent: _Open) -> Context:
        return set_span_in_context(parent.span, self._around)

    def _attributes_of(self, place: _Place) -> Attributes:
        name, index = place
        attributes: Attributes = {"cicd.pipeline.run.id": self._run, "cicd.pipeline.task.name": name}
        if index is not None:
            attributes["statesig.index"] = index
        return attributes

    def _below(self, parent: _Open, name: str, attributes: Attributes, time: int) -> _Open:
        """Begin a span, no sooner than its parent: that may be known before the events that come first are told."""
        return self._opened(name, self._within(parent), attributes, max(time, parent.begun))

    def _opened(
        self, name: str, around: Context, attributes: Attributes, time: int, links: Sequence[Link] = ()
    ) -> _Open:
        span = self._tracer.start_span(name, around, attributes=attributes, links=links, start_time=time)
        return _Open(span, time)


class _Open:
    """A span that has begun, with the state in which it would end now."""

    __slots__ = ("begun", "span", "state", "try_number")

    def __init__(self, span: Span, begun: int) -> None:
        self.span: Span = span
        self.begun: int = begun
        self.state: AnyState[object] = _PENDING
        self.try_number: int = 1


_PENDING: Final = Pending()
_RUNNING: Final = Running()
_SUBMITTED: Final = Submitted(state=_PENDING)


def _functions_of(flow: Graph | None) -> dict[str, str]:
    """Return the whole name of each task's function, by the name of the task's node."""
    named: dict[str, str] = {}
    for node in () if flow is None else flow.nodes:
        fn = node.task.fn
        module, name = getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)
        if module is not None and name is not None:
            named[node.name] = f"{module}.{name}"
    return named


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND * 1_000
