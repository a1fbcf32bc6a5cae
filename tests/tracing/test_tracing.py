"""Runs as traces of OpenTelemetry: which spans there are, from when to when, what they say, and which is current."""

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from statesig import (
    PAUSE,
    SKIP,
    Attempt,
    Event,
    Executor,
    Failed,
    Flow,
    Paused,
    Pending,
    Running,
    Skipped,
    State,
    Submitted,
    Success,
    Task,
    Threads,
    TimedOut,
    current,
    decode_event,
    encode_event,
    task,
)
from statesig.engine.options import Options
from statesig.engine.runner import begin, reopen
from statesig.executors.processes import Processes
from statesig.signals import SIGNALS
from statesig.tracing import Tracing
from tests.harness.cases import at_once
from tests.harness.exhaustive import counts
from tests.harness.flows import Drawn, drawn
from tests.samples.traced import inside, inside_aside, inside_later

SEED = int(os.environ.get("STATESIG_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
"""Where the seeds begin; printed with a failure, and set by STATESIG_SEED."""

SECRET = "4111-1111-1111-1111"


class Traced:
    """A Tracing, the spans that it made, and the events that it was told."""

    def __init__(self, *, payload: bool = False) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.events: list[Event] = []
        self.tracing = Tracing(self.provider, payload=payload, on_event=self.events.append)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they began."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: (span.start_time, depth_of(span)))

    def clear(self) -> None:
        self._exporter.clear()
        self.events.clear()

    def tree(self) -> list[str]:
        """Return the spans, each below its parent, with the states in which they end and the names of their events."""
        spans = self.spans

        def below(parent: int | None, depth: int) -> list[str]:
            found = [span for span in spans if parent == (span.parent and span.parent.span_id)]
            return [line for span in found for line in (said(span, depth), *below(id_of(span), depth + 1))]

        return below(None, 0)

    def span(self, name: str, **attributes: object) -> ReadableSpan:
        """Return the only span of a name with attributes of statesig."""
        given = {f"statesig.{key}": value for key, value in attributes.items()}
        (found,) = (span for span in self.spans if span.name == name and given.items() <= said_by(span).items())
        return found


def said(span: ReadableSpan, depth: int) -> str:
    told = said_by(span)
    place = f"{span.name}[{told['statesig.index']}]" if "statesig.index" in told else span.name
    return " ".join(["  " * depth + place, str(told["statesig.state"]), *(event.name for event in span.events)])


def said_by(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


def depth_of(span: ReadableSpan) -> int:
    return ["run", "task", "attempt"].index(span.name.split()[0]) + 2 * ("statesig.index" in said_by(span))


def nanoseconds(event: Event) -> int:
    return int((event.time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1_000


@task
def one() -> int:
    return 1


@task
def half(number: int) -> int:
    if number % 2:
        raise SKIP(f"{SECRET} is odd")
    return number // 2


@task(retries=1)
def connect(last: int) -> int:
    if current().number <= last:
        raise OSError(f"cannot reach {SECRET}")
    return 1


@task
def ask() -> int:
    if current().resumed is None:
        raise PAUSE(SECRET)
    return 1


# ---- which spans there are


def test_a_run_a_task_and_an_attempt_are_spans() -> None:
    """Each within the other."""
    traced = Traced()
    with Flow("nightly") as flow:
        one()
    flow.run(on_event=traced.tracing)
    assert ["run nightly Success", "  task one Success", "    attempt one Success"] == traced.tree()


def test_each_attempt_is_a_span_and_the_task_lasts_over_all() -> None:
    """An attempt that is retried ends with its Retrying; the exception is an event without its text."""
    traced = Traced()
    with Flow("f") as flow:
        connect(1)
    flow.run(on_event=traced.tracing)
    tried = ["    attempt connect Retrying Retrying exception", "    attempt connect Success"]
    assert ["run f Success", "  task connect Success", *tried] == traced.tree()
    assert [1, 2] == [said_by(span)["statesig.attempt"] for span in traced.spans if span.name == "attempt connect"]
    assert {trace.StatusCode.UNSET} == {span.status.status_code for span in traced.spans}


def test_a_child_of_a_mapped_task_is_a_task_below_it() -> None:
    """With its index; a child that skips itself says so in its attempt."""
    traced = Traced()
    with Flow("f") as flow:
        flow.map(half, [4, 3])
    flow.run(on_event=traced.tracing)
    first = ["    task half[0] Success", "      attempt half[0] Success"]
    second = ["    task half[1] Skipped", "      attempt half[1] Skipped Skipped"]
    assert ["run f Success", "  task half Mapped", *first, *second] == traced.tree()


def test_no_attempt_is_invented() -> None:
    """Where nothing ran, since a cache or a trigger decided, the task has no attempt."""
    traced = Traced()
    cached = task(cache_for=60)(one.fn)
    with Flow("f") as flow:
        first = cached()
        flow.after(cached(), first)
        half(half(3))
        flow.map(half, [])
    flow.run(on_event=traced.tracing)
    decided = ["  task one-2 Cached Cached", "  task half-2 Skipped Skipped", "  task half-3 Mapped"]
    assert {*decided} < {*traced.tree()}
    assert {"attempt one", "attempt half"} == {span.name for span in traced.spans if span.name.startswith("attempt")}


def test_an_inner_run_is_below_the_attempt_that_runs_it() -> None:
    """One Tracing may serve both."""
    traced = Traced()
    with Flow("inner") as inner:
        one()

    @task
    def outer() -> None:
        inner.run(on_event=traced.tracing)

    with Flow("outer") as flow:
        outer()
    flow.run(on_event=traced.tracing)
    assert ["    attempt outer Success", "      run inner Success", "        task one Success"] == traced.tree()[2:5]


def test_spans_begin_and_end_with_the_events() -> None:
    """A run right before its first, a task when it leaves Pending, an attempt with its Running."""
    traced = Traced()
    with Flow("f") as flow:
        one()
    times = (datetime(2026, 11, 1, 12, minute, tzinfo=UTC) for minute in count())
    flow.run(on_event=traced.tracing, clock=lambda: next(times))
    at = {(event.task, event.state.type): nanoseconds(event) for event in traced.events}
    begun, ended = at["one", "Running"], at["one", "Success"]
    begun_whole = at[None, "Pending"] - 60 * 1_000_000_000
    expected = [(begun_whole, at[None, "Success"]), (begun, ended), (begun, ended)]
    assert expected == [(span.start_time, span.end_time) for span in traced.spans]


def test_a_flow_that_tries_again_has_a_task_for_each_try() -> None:
    """The second says that it is of the second try."""
    traced = Traced()
    left = [1]

    @task
    def once() -> None:
        if left:
            raise OSError(left.pop())

    with Flow("f", retries=1) as flow:
        once()
    flow.run(on_event=traced.tracing)
    assert [None, 2] == [said_by(span).get("statesig.try") for span in traced.spans if span.name == "task once"]
    assert "Retrying" in traced.tree()[0]


# ---- what they say


OWN = [kind for kind in SIGNALS if kind.__module__ == State.__module__]
LEFT = [kind for kind in OWN if kind not in (Pending, Running) and "children" not in kind.model_fields]
"""The states that an attempt may leave, and some that it may not."""


@at_once
@pytest.mark.parametrize("kind", LEFT)
def test_only_failures_are_errors(kind: type[Any]) -> None:
    """The status of all others is unset; each but a plain success and a failure is an event, and no text is told."""
    traced = Traced()
    state = kind(message=SECRET, **({"state": Pending()} if "state" in kind.model_fields else {}))
    for event in (Running(), state):
        traced.tracing(Event("r", "t", None, 1, datetime.now(UTC), event))
    traced.tracing(Event("r", None, None, 1, datetime.now(UTC), Success()))
    told = [(span.status.status_code.name, span.status.description) for span in traced.spans[1:]]
    assert {("ERROR", kind.__name__) if issubclass(kind, Failed) else ("UNSET", None)} == {*told}
    events = [event.name for span in traced.spans for event in span.events]
    assert [kind.__name__] * (kind is not Success and not issubclass(kind, Failed)) == events
    assert not any(SECRET in span.to_json() for span in traced.spans)


def test_a_failure_says_its_class_and_not_its_text() -> None:
    """The attempt, the task and the run are errors; the exception is an event of the attempt alone."""
    traced = Traced()
    with Flow("f") as flow:
        connect(2)
    flow.run(on_event=traced.tracing)
    failed = [traced.span("run f"), traced.span("task connect"), traced.span("attempt connect", attempt=2)]
    assert [("ERROR", "Failed: OSError", "OSError")] * 3 == [
        (span.status.status_code.name, span.status.description, said_by(span)["error.type"]) for span in failed
    ]
    assert [{"exception.type": "OSError"}] == [dict(event.attributes or {}) for event in failed[2].events]
    assert not any(SECRET in span.to_json() for span in traced.spans)


def test_the_payload_is_told_if_it_is_asked_for() -> None:
    """Messages of states and exceptions, and tracebacks that were kept."""
    traced = Traced(payload=True)
    with Flow("f") as flow:
        connect(2)
        half(3)
    flow.run(on_event=traced.tracing, traceback=True)
    attempt = traced.span("attempt connect", attempt=2)
    (event,) = attempt.events
    assert f"Failed: OSError: cannot reach {SECRET}" == attempt.status.description
    assert event.attributes is not None
    assert f"cannot reach {SECRET}" == event.attributes["exception.message"]
    assert "test_tracing.py" in str(event.attributes["exception.stacktrace"])
    assert f"{SECRET} is odd" == said_by(traced.span("task half"))["statesig.message"]


def test_the_attributes_of_the_conventions() -> None:
    """Names and identities of pipelines, the function, and the results in their words."""
    traced = Traced()
    with Flow("nightly") as flow:
        flow.map(half, [3])
        one()
    run = flow.run(on_event=traced.tracing)
    own = {"statesig.state": "Skipped", "statesig.family": "Skipped"}
    told = {"cicd.pipeline.run.id": run.id, "cicd.pipeline.task.name": "half", "statesig.index": 0}
    of_task = {"cicd.pipeline.task.run.id": "half[0]", "cicd.pipeline.task.run.result": "skip"}
    assert {**told, **own, **of_task} == said_by(traced.span("task half", index=0))
    function = {"code.function.name": f"{__name__}.half", "statesig.attempt": 1}
    assert {**told, **own, **function} == said_by(traced.span("attempt half"))
    named = {"cicd.pipeline.name": "nightly", "cicd.pipeline.run.id": run.id, "cicd.pipeline.result": "success"}
    assert named.items() <= said_by(traced.span("run nightly")).items()


@pytest.mark.parametrize(
    ("state", "result"),
    [(Success(), "success"), (Skipped(), "skip"), (TimedOut(), "timeout"), (Failed(), "failure"), (Paused(), None)],
)
def test_the_result_is_the_nearest_word_of_the_conventions(state: State[object], result: str | None) -> None:
    """A run that is only paused has none."""
    traced = Traced()
    traced.tracing(Event("r", None, None, 1, datetime.now(UTC), state))  # type: ignore[arg-type]  # a concrete state
    assert result == said_by(traced.span("run")).get("cicd.pipeline.result")


# ---- runs that are left and continued


def test_a_paused_run_ends_its_spans_and_its_next_drive_has_a_link() -> None:
    """The task that waits ends Paused; who resumes with the same Tracing is led to the drive before."""
    traced = Traced()
    with Flow("f") as flow:
        ask()
        half(6)
    run = flow.run(on_event=traced.tracing)
    paused = ["run f Paused Paused", "  task ask Paused", "    attempt ask Paused Paused"]
    assert paused == traced.tree()[:3]
    before = id_of(traced.span("run f"))
    traced.clear()
    run.resume()
    assert ["run f Success Resume", "  task ask Success Resume", "    attempt ask Success"] == traced.tree()
    assert [before] == [link.context.span_id for link in traced.span("run f").links]
    assert not traced.tracing._left


@pytest.mark.parametrize("same", [True, False])
def test_an_interrupted_run_ends_its_spans(place: str, same: bool) -> None:
    """Though no event tells of it; another Tracing, as in another process, begins without a link."""
    traced = Traced()
    with Flow("f") as flow:
        first = stop()
        flow.after(half(6), first)
    run = begin(flow, {}, Options(store=place, on_event=traced.tracing))
    RUNS.append(run.interrupt)
    run.start()
    assert ["run f Running", "  task stop Success", "    attempt stop Success"] == traced.tree()
    before = traced.span("run f")
    other = traced if same else Traced()
    traced.clear()
    flow.resume(run.id, store=place, on_event=other.tracing)
    assert ["run f Success", "  task half Success", "    attempt half Success"] == other.tree()
    assert [before.context] * same == [link.context for link in other.span("run f").links]


RUNS: list[Callable[[], object]] = []


@task
def stop() -> None:
    RUNS.pop()()


def test_an_exception_that_ends_the_run_ends_its_spans() -> None:
    """What was under way is left Running, and ends when the drive does."""
    traced = Traced()

    @task
    def interrupted() -> None:
        raise KeyboardInterrupt

    with Flow("f") as flow:
        interrupted()
    with pytest.raises(KeyboardInterrupt):
        flow.run(on_event=traced.tracing)
    assert ["run f Running", "  task interrupted Running", "    attempt interrupted Running"] == traced.tree()
    assert not traced.tracing._runs


def test_a_log_of_events_is_traced_as_the_run_was() -> None:
    """Without the flow, whose name no event has; the times are those of the events."""
    traced, again = Traced(), Traced()
    with Flow("nightly") as flow:
        connect(1)
        flow.map(half, [3, 4])
    flow.run(on_event=traced.tracing)
    for line in [encode_event(event) for event in traced.events]:
        again.tracing(decode_event(line))
    assert traced.tree() == [line.replace("run ", "run nightly ") for line in again.tree()]
    times = [[(span.start_time, span.end_time) for span in made.spans[1:]] for made in (traced, again)]
    assert times[0] == times[1]
    assert not again.tracing._runs


# ---- the span that is current


Where = Callable[[], AbstractContextManager[Executor | None]]
Work = Task[[int], tuple[int, bool, str]]


@pytest.mark.parametrize(
    ("where", "work"),
    [
        (lambda: nullcontext(), inside),
        (lambda: nullcontext(), inside_aside),
        (lambda: nullcontext(), inside_later),
        (lambda: Threads(1), inside),
        pytest.param(lambda: Processes(1, start="forkserver"), inside, marks=pytest.mark.slow),
    ],
    ids=["in line", "aside", "coroutines", "threads", "processes"],
)
def test_the_span_of_the_attempt_is_current_in_its_function(where: Where, work: Work) -> None:
    """Wherever it runs; in another process as a remote one. Baggage goes along."""
    traced = Traced()
    with Flow("f") as flow:
        found = flow.map(work, [1, 2])
    token = context.attach(baggage.set_baggage("asked by", "ana"))
    try:
        with where() as executor:
            run = flow.run(executor=executor, on_event=traced.tracing)
    finally:
        context.detach(token)
    is_remote = isinstance(executor, Processes)
    attempts = [id_of(traced.span(f"attempt {work.name}", index=index)) for index in range(2)]
    assert [(span, is_remote, "ana") for span in attempts] == [child.result for child in run.children(found)]
    assert trace.INVALID_SPAN == trace.get_current_span()


def test_a_run_is_below_the_span_that_is_current_where_it_is_driven() -> None:
    """As in the endpoint of a server, or under another span of the program."""
    traced = Traced()
    with Flow("f") as flow:
        one()
    with traced.provider.get_tracer("program").start_as_current_span("run of the program") as span:
        flow.run(on_event=traced.tracing)
        assert span is trace.get_current_span()
    assert traced.span("run f").parent == span.get_span_context()


def test_an_attempt_that_begins_before_it_is_told_has_its_span_when_it_is_sent() -> None:
    """As on Dask with a store: its task and its run have theirs then, and none begins before what it is in."""
    traced = Traced()
    with Flow("f") as flow:
        flow.map(half, [4])
    minutes = [datetime(2026, 11, 1, 12, minute, tzinfo=UTC) for minute in range(9)]
    place = ("half", 0, 1)
    with traced.tracing.driving("r", flow, iter([minutes[2], minutes[3], minutes[7], minutes[8]]).__next__):
        entered = traced.tracing.entering(Attempt("r", "half", 0, 1, None))
        assert entered is not None
        for minute, state in ((0, Pending()), (1, Submitted(state=Pending())), (5, Running()), (6, Success())):
            traced.tracing(Event("r", *place, minutes[minute], state))
        traced.tracing.entering(Attempt("r", "half", 0, 2, None))
    assert traced.tracing.entering(Attempt("r", "half", 0, 3, None)) is None
    attempts = ["      attempt half[0] Success", "      attempt half[0] Submitted"]
    tasks = ["    task half[0] Success Submitted", attempts[0], "    task half[0] Pending", attempts[1]]
    assert ["run f Running", "  task half Pending", *tasks] == traced.tree()
    assert [] == misplaced(traced.spans)
    assert [1, 2] == [said_by(span)["statesig.attempt"] for span in traced.spans if "attempt" in span.name]


# ---- faults


class Faulty(trace.TracerProvider):
    """Gives tracers that begin so many spans and then raise."""

    def __init__(self, provider: TracerProvider, spans: int) -> None:
        self._provider = provider
        self._left = spans

    def get_tracer(self, *given: object, **named: object) -> trace.Tracer:  # type: ignore[override]  # it takes all
        tracer = self._provider.get_tracer("faulty")
        begin = tracer.start_span

        def start_span(*args: object, **options: object) -> trace.Span:
            self._left -= 1
            if self._left < 0:
                raise RuntimeError("the tracer is broken")
            return begin(*args, **options)  # type: ignore[arg-type]  # handed on as they are

        tracer.start_span = start_span  # type: ignore[method-assign]  # that is the fault
        return tracer


@pytest.mark.parametrize("spans", range(4))
def test_a_fault_of_the_tracer_does_not_touch_the_run(spans: int, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, and what began ends; the other `on_event` is told of everything."""
    events: list[Event] = []
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(Faulty(provider, spans), on_event=events.append)
    with Flow("f") as flow:
        connect(1)
    assert Success() == flow.run(on_event=tracing).state
    assert (8, 1, spans) == (len(events), len(caplog.records), len(exporter.get_finished_spans()))
    assert "the tracer is broken" in caplog.text


def test_without_a_configured_provider_nothing_is_recorded() -> None:
    """The global one is used, which does nothing by default, and the current span stays."""
    with Flow("f") as flow:
        found = inside(1)
    assert (0, False, "None") == flow.run(on_event=Tracing())[found].unwrap()


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, as the other extras do."""
    for name in [name for name in sys.modules if name.startswith("statesig.tracing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ModuleNotFoundError, match=r"statesig\.tracing needs opentelemetry, .* 'statesig\[otel\]'"):
        from statesig.tracing import Tracing as _  # noqa: F401


# ---- random flows


def expected(events: list[Event]) -> Counter[tuple[object, ...]]:
    """Return the spans of one drive by its events: kind, place, try, the state and the status in which it ends."""
    last: dict[tuple[str | None, int | None, int], State[object]] = {}
    running: dict[tuple[str | None, int | None, int], int] = {}
    found: Counter[tuple[object, ...]] = Counter()
    if events:
        last[None, None, 1] = Running()  # where nothing else is told, it was interrupted before
    for event in events:
        place = event.task, event.index, event.try_number
        if event.index is not None:
            last.setdefault((event.task, None, event.try_number), Pending())
        if event.task is None or type(event.state) is not Pending:
            last[place] = event.state
        if isinstance(event.state, Running) and event.task is not None:
            running[place] = event.attempt
        elif place in running:
            found["attempt", event.task, event.index, running.pop(place), *ended(event.state)] += 1
    for (name, index, _), attempt in running.items():  # the drive ended before it did
        found["attempt", name, index, attempt, *ended(Running())] += 1
    for (name, index, number), state in last.items():
        found["run" if name is None else "task", name, index, None if name is None else number, *ended(state)] += 1
    return found


def ended(state: State[object]) -> tuple[str, bool]:
    return state.type, isinstance(state, Failed)


def recorded(spans: list[ReadableSpan]) -> Counter[tuple[object, ...]]:
    """Return the same of the spans that there are."""
    found: Counter[tuple[object, ...]] = Counter()
    for span in spans:
        kind, said = span.name.split()[0], said_by(span)
        name, index = said.get("cicd.pipeline.task.name"), said.get("statesig.index")
        number = {"run": None, "task": said.get("statesig.try", 1), "attempt": said.get("statesig.attempt")}[kind]
        is_error = span.status.status_code is trace.StatusCode.ERROR
        found[kind, name, index, number, said["statesig.state"], is_error] += 1
    return found


def misplaced(spans: list[ReadableSpan]) -> list[str]:
    """Return the spans that are not within a span of the right kind and place, from its beginning to its end."""
    by_id = {id_of(span): span for span in spans}
    wrong: list[str] = []
    for span in spans:
        kind, said = span.name.split()[0], said_by(span)
        place = said.get("cicd.pipeline.task.name"), said.get("statesig.index")
        parent = None if span.parent is None else by_id[span.parent.span_id]
        of_parent = None if parent is None else (parent.name.split()[0], said_by(parent).get("cicd.pipeline.task.name"))
        index = None if parent is None else said_by(parent).get("statesig.index")
        if kind == "run":
            is_right = parent is None
        elif kind == "attempt":
            is_right = (of_parent, index) == (("task", place[0]), place[1])
        else:
            is_right = (of_parent, index) == (("run", None) if place[1] is None else ("task", place[0]), None)
        if parent is not None:
            assert None not in (span.start_time, span.end_time, parent.start_time, parent.end_time)
            is_right &= parent.start_time <= span.start_time <= span.end_time <= parent.end_time  # type: ignore[operator]  # as was just seen
        if not is_right:
            wrong.append(span.to_json())
    return wrong


def driven(case: Drawn, traced: Traced, executor: Executor | None, store: str | None, chance: float) -> Iterator[None]:
    """Drive a random flow until it is over, and yield after each drive: release what is paused, go on after interrupts.

    Args:
        case: The flow.
        traced: Traces it.
        executor: Where tasks run.
        store: Where the run is stored; None: nowhere.
        chance: How likely a call of a task interrupts the run, from 0 to 1.
    """
    options, rng = Options(executor=executor, store=store, on_event=traced.tracing), random.Random(case.text)
    run = begin(case.flow, {}, options)
    case.at_call = lambda: run.interrupt() if rng.random() < chance else None
    run.start()
    for _ in range(100):
        yield
        paused = [one.name for whole in run for one in (whole, *whole.children) if isinstance(one.state, Paused)]
        if not paused and not run.is_interrupted:
            return
        if store is None:
            run.resume()
        else:
            run = reopen(case.flow, run.id, () if run.is_interrupted else tuple(paused), options)
            run.start()
    raise AssertionError(f"it does not end\n{case.text}")


@pytest.mark.parametrize("flows", counts(10, 100, 1_000))
def test_the_spans_of_random_flows_are_what_their_events_say(flows: int, place: str) -> None:
    """In each drive, in line and in threads; stored and interrupted, too; and nothing is kept of a run that is over."""
    with Threads(3) as pool:
        for seed in range(SEED, SEED + flows):
            case, traced = drawn(seed), Traced()
            executor, store, chance = pool if seed % 2 else None, *((place, 0.2) if seed % 5 == 0 else (None, 0.0))
            for _ in driven(case, traced, executor, store, chance):
                assert expected(traced.events) == recorded(traced.spans), case.text
                assert [] == misplaced(traced.spans), case.text
                traced.clear()
            assert ({}, {}) == (traced.tracing._runs, traced.tracing._left)
