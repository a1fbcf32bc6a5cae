"""What `on_event` may be besides a function: an observer surrounds each drive of a run, and each attempt."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial

import pytest

from statesig import PAUSE, Attempt, Event, Executor, Flow, Success, Task, Threads, current, task
from statesig.engine.observers import Observer, after
from statesig.executors.calls import Call, Enter
from statesig.executors.pickling import packed, unpacked, with_context
from statesig.executors.processes import Processes
from statesig.graph.graph import Graph
from tests.samples.entered import Enters, Unknown, entered, entered_aside, entered_later

Where = Callable[[], AbstractContextManager[Executor | None]]


class Notes(Observer):
    """Notes all that it is told, and enters each attempt's name."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def __call__(self, event: Event, /) -> None:
        self.noted.append(f"{event.task} {event.state.type}")

    @contextmanager
    def driving(self, run: str, flow: Graph, now: Callable[[], datetime]) -> Iterator[None]:
        self.noted.append(f"begin {flow.name}")
        try:
            yield
        finally:
            self.noted.append("end")

    def entering(self, attempt: Attempt, /) -> Enter | None:
        self.noted.append(f"enter {attempt.task}")
        return Enters(f"{attempt.task}[{attempt.index}]#{attempt.number}")


@pytest.mark.parametrize("is_stored", [False, True], ids=["not stored", "stored"])
@pytest.mark.parametrize(
    ("where", "work"),
    [
        (lambda: nullcontext(), entered),
        (lambda: nullcontext(), entered_aside),
        (lambda: nullcontext(), entered_later),
        (lambda: Threads(1), entered),
        pytest.param(lambda: Processes(1, start="forkserver"), entered, marks=pytest.mark.exhaustive),
        pytest.param(lambda: Processes(1, start="forkserver"), entered_later, marks=pytest.mark.exhaustive),
    ],
    ids=["in line", "aside", "coroutines", "threads", "processes", "coroutines in processes"],
)
def test_a_function_runs_in_the_context_that_was_entered(
    where: Where, work: Task[[int], str], is_stored: bool, place: str
) -> None:
    """Each attempt in its own, wherever it runs; it is asked for once its Running was told."""
    observer = Notes()
    with Flow("f") as flow:
        found = flow.map(work, [1, 2])
    with where() as executor:
        run = flow.run(executor=executor, on_event=observer, store=place if is_stored else None)
    name = work.name
    assert [Success(result=f"{name}[{index}]#1") for index in range(2)] == [*run.children(found)]
    told = [note for note in observer.noted if note in (f"{name} Running", f"enter {name}")]
    assert (4, f"{name} Running") == (len(told), told[0])
    assert entered.fn(1) == "nothing"


def test_what_surrounds_a_drive_begins_before_all_events_and_ends_after_them() -> None:
    """Also when it is continued, and when an exception ends it."""

    @task
    def ask() -> int:
        if current().resumed is None:
            raise PAUSE
        raise KeyboardInterrupt

    observer = Notes()
    with Flow("f") as flow:
        ask()
    run = flow.run(on_event=observer)
    assert ["begin f", "None Pending", "ask Pending"] == observer.noted[:3]
    assert ["enter ask", "ask Paused", "None Paused", "end"] == observer.noted[-4:]
    observer.noted.clear()
    with pytest.raises(KeyboardInterrupt):
        run.resume()
    resumed = ["None Resume", "ask Resume", "None Running", "ask Running"]
    assert ["begin f", *resumed, "enter ask", "end"] == observer.noted


def test_what_a_worker_cannot_unpickle_is_left_out() -> None:
    """The library of whoever watches may be missing there; the task runs all the same."""
    attempt = Attempt("run", "entered", None, 1, None)
    for enter, is_entered in ((Enters("here"), True), (Unknown("here"), False)):
        call = Call(entered, (1,), {}, attempt, entering=partial(_given, enter))
        data = packed(call, has_main=True)
        assert isinstance(data, bytes)
        arrived = unpacked(with_context(data, call))
        assert isinstance(arrived, Call)
        assert (is_entered, (1,)) == (arrived.entering is not None, arrived.args)


def _given(enter: Enter, attempt: Attempt) -> Enter:
    return enter


def test_without_an_observer_a_call_is_sent_as_it_is() -> None:
    """Nothing is added to the bytes, and nothing else is read."""
    call = Call(entered, (1,), {}, Attempt("run", "entered", None, 1, None))
    data = packed(call, has_main=True)
    assert isinstance(data, bytes)
    assert data is with_context(data, call)


def test_a_function_may_be_called_before_an_observer() -> None:
    """`after` keeps what an observer is asked for, and calls a plain `on_event`, or none, as well."""
    with Flow("f") as flow:
        found = entered(1)
    first: list[Event] = []
    second: list[Event] = []
    assert Success(result="entered[None]#1") == flow.run(on_event=after(first.append, Notes()))[found]
    assert 6 == len(first)
    flow.run(on_event=after(first.append, second.append))
    flow.run(on_event=after(first.append, None))
    assert (18, 6) == (len(first), len(second))
