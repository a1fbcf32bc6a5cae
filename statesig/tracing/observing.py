"""Trace runs by their events. How the spans of one run hang together is the business of `spans`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from opentelemetry import trace

from statesig.codec.events import Event
from statesig.engine.observers import Observer
from statesig.engine.options import OnEvent
from statesig.executors.attempts import Attempt
from statesig.executors.calls import Enter
from statesig.graph.graph import Graph
from statesig.tracing.contexts import Entered
from statesig.tracing.spans import RunSpans

__all__ = ["Tracing"]

_LEFT: Final = 1_000
"""Runs to remember that were left before they were over, so that the span of a further drive has a link to the last."""


class Tracing(Observer):
    """Trace runs: ``flow.run(on_event=Tracing())``; one may serve many runs, at once too.

    A span begins and ends at the times of the events: a task's when it leaves Pending, an attempt's when it is Running;
    a run's begins with the drive. A run's span is a child of the span that is current where it is driven. The span of a
    task lasts over its retries until the task is final. No span of an attempt is made where none ran: a task that is
    Cached, Skipped by its trigger or taken over from another run has only its own, or none.

    While a task's function runs the attempt's span is the current one, so that what instrumented libraries record in it
    belongs to it: in line, in threads and coroutines, and in processes and on Dask, where the span is known by its
    W3C ``traceparent`` and baggage goes along. What is recorded there needs a tracer provider there. A worker of Dask
    asks nobody before it begins, so there the span of an attempt begins when the attempt is sent to a worker.

    Only states of the Failed family are errors: the span's status is ERROR, its description the tag with the class of
    the exception, which is its ``error.type``. All others leave the status unset, as OpenTelemetry's specification asks
    of libraries; OK is for those who run the program to set. Each state that neither begins a span nor plainly succeeds
    or fails, such as Skipped, Retrying, Paused and Cancelled, is an event of the innermost span that is open.

    When a drive ends all spans of the run end, also those of a run that is Paused, interrupted or broken off by an
    exception. To resume the run gives a new span of it, with a link to the last one if the same Tracing drove that;
    other processes do not know it, and the run's identity, ``cicd.pipeline.run.id``, joins both.

    Attributes: ``error.type``, ``exception.type`` and ``code.function.name`` of the semantic conventions, and those of
    CI/CD pipelines, which are in development, as there are no others for runs and tasks: ``cicd.pipeline.name``,
    ``cicd.pipeline.run.id``, ``cicd.pipeline.result``, ``cicd.pipeline.task.name``, ``cicd.pipeline.task.run.id`` and
    ``cicd.pipeline.task.run.result``. Of statesig's own are ``statesig.state`` and ``statesig.family``, as `to_log` has
    them, ``statesig.index``, ``statesig.attempt`` and ``statesig.try``.

    A fault of the tracer does not touch the run: the first is logged as a warning by the logger ``statesig.tracing``.

    Args:
        tracer_provider: Makes the tracer; None: the global provider, which records nothing unless it is configured.
        payload: Whether to add what states and exceptions say: ``statesig.message``, ``exception.message``, a traceback
            that was kept, and the message in the description of an error. They may hold what must not leave.
        on_event: Called with each event after it was traced, since a run takes one `on_event`.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        *,
        payload: bool = False,
        on_event: OnEvent | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("statesig", tracer_provider=tracer_provider)
        self._payload = payload
        self._on_event = on_event
        self._runs: dict[str, RunSpans] = {}
        self._left: dict[str, trace.SpanContext] = {}
        self._is_faulty = False

    def __call__(self, event: Event, /) -> None:
        """Trace an event. Those of a log or a stored history may be given, too, in their order."""
        try:
            self._take(event)
        except Exception as exc:
            self._say(exc)
        if self._on_event is not None:
            self._on_event(event)

    @contextmanager
    def driving(self, run: str, flow: Graph, now: Callable[[], datetime]) -> Generator[None]:
        """Trace one drive of a run, and end its spans with it; the engine calls this."""
        spans = self._begin(run, flow, now)
        self._runs.setdefault(run, spans)  # where it is driven already, the engine is about to refuse this drive
        try:
            yield
        finally:
            try:
                self._end(run, spans, now())
            except Exception as exc:
                self._say(exc)

    def entering(self, attempt: Attempt, /) -> Enter | None:
        """Return what makes the span of an attempt the current one; the engine and its executors call this."""
        try:
            spans = self._runs.get(attempt.run)
            context = None if spans is None else spans.of_attempt(attempt)
            return None if context is None else Entered(context)
        except Exception as exc:
            self._say(exc)
            return None

    def _take(self, event: Event) -> None:
        spans = self._runs.get(event.run)
        if spans is None:  # it is not driven here, or by a function that calls this one
            spans = self._runs[event.run] = self._begin(event.run)
        is_over = spans.take(event)
        if is_over and spans.now is None:
            self._end(event.run, spans, event.time)

    def _begin(self, run: str, flow: Graph | None = None, now: Callable[[], datetime] | None = None) -> RunSpans:
        return RunSpans(self._tracer, run, flow, now, last=self._left.pop(run, None), payload=self._payload)

    def _end(self, run: str, spans: RunSpans, time: datetime) -> None:
        if self._runs.get(run) is spans:
            del self._runs[run]
        spans.end(time)
        if spans.last is not None and not spans.is_final:
            self._left[run] = spans.last
            while len(self._left) > _LEFT:
                self._left.pop(next(iter(self._left)), None)

    def _say(self, fault: Exception) -> None:
        if not self._is_faulty:
            self._is_faulty = True
            logging.getLogger("statesig.tracing").warning("a run is not traced as it should be", exc_info=fault)
