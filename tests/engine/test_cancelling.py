"""Cancelling a run: what runs ends or is stopped, the rest does not begin, and nothing is left behind."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Self

import pytest

from statesig import (
    LOOP,
    RETRY,
    Cancelled,
    Cancelling,
    Event,
    Executor,
    Failed,
    Flow,
    MapCancelled,
    Run,
    State,
    Success,
    check_history,
    manual_only,
    task,
)
from statesig.engine.options import Options
from statesig.engine.runner import begin
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from statesig.graph.parameters import checked_parameters
from tests import ROOT
from tests.harness.events import elsewhere
from tests.harness.exhaustive import exhaustive_but, thorough_but
from tests.samples.gated import behind, behind_later, gated, gated_later, held, held_later, hold

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]

ROUNDS = int(os.environ.get("STATESIG_ROUNDS", "10"))


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


class Driven:
    """A run that another thread drives, while this one looks on and cancels it."""

    def __init__(
        self, flow: Flow, *, executor: Executor | None = None, store: Path | None = None, **given: Any
    ) -> None:
        self.events: list[Event] = []
        values = checked_parameters(flow, given)
        self.run: Run = begin(flow, values, Options(on_event=self.events.append, executor=executor, store=store))
        self._raised: BaseException | None = None
        self._thread = threading.Thread(target=self._drive)

    def _drive(self) -> None:
        try:
            self.run.start()
        except BaseException as exc:
            self._raised = exc

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._raised is not None:
            raise self._raised

    def states(self, name: str) -> list[State[Any]]:
        """Return the states that a task was in, which are a history without fault."""
        states = [event.state for event in self.events if event.task == name and event.index is None]
        assert check_history(states) is None
        return states

    def tags(self, name: str) -> list[str]:
        return [state.type for state in self.states(name)]


@contextmanager
def in_line() -> Iterator[None]:
    yield None


def threads() -> AbstractContextManager[Executor | None]:
    return Threads(2)


def spawned() -> AbstractContextManager[Executor | None]:
    return Processes(1)


def forked() -> AbstractContextManager[Executor | None]:
    return Processes(1, start="forkserver")


Where = Callable[[], AbstractContextManager[Executor | None]]

EVERYWHERE: list[tuple[str, Where, str]] = [
    ("inline", in_line, ""),
    ("threads", threads, "its thread goes on until the function returns"),
    ("spawn", spawned, "its process was ended"),
    ("forkserver", forked, "its process was ended"),
    ("coroutines", in_line, "its coroutine was cancelled"),
]
everywhere = pytest.mark.parametrize(
    ("name", "where", "sentence"),
    exhaustive_but([one for one in EVERYWHERE if one[0] != "spawn"], EVERYWHERE),
    ids=[one[0] for one in EVERYWHERE],
)


def chosen(name: str) -> tuple[Flow, str, str]:
    """Return the flow for where it runs, and its nodes by attribute order: what holds, what is behind it."""
    return (gated_later, held_later, behind_later) if name == "coroutines" else (gated, held, behind)


# ---- from another thread


@everywhere
@pytest.mark.parametrize("is_stored", [False, True], ids=["", "stored"])
def test_what_runs_may_finish(name: str, where: Where, sentence: str, is_stored: bool, tmp_path: Path) -> None:
    """`cancel()` lets the task end that runs, whose result is kept; what has not begun is Cancelled."""
    flow, holding, following = chosen(name)
    store = tmp_path / "runs.db" if is_stored else None
    with where() as executor, Driven(flow, executor=executor, store=store, folder=str(tmp_path)) as driven:
        until(lambda: (tmp_path / "begun-a").exists())
        driven.run.cancel()
        if name != "inline":  # which does not look before the function returns
            until(lambda: any(isinstance(event.state, Cancelling) for event in driven.events))
        (tmp_path / "go").touch()
    run = driven.run
    assert (Success(result="a"), Cancelled(message="the run was cancelled")) == (run[holding], run[following])
    middle = [] if name == "inline" else ["Cancelling"]
    tags = ["Pending", "Running", *middle, "Success"]
    assert (tags if name == "inline" else elsewhere(tags)) == driven.tags(flow.nodes[0].name)
    assert ["Pending", "Cancelled"] == driven.tags("follow")
    assert (True, "Cancelled") == (run.is_cancelled, run.state.type)


@everywhere
def test_what_runs_is_stopped(name: str, where: Where, sentence: str, tmp_path: Path) -> None:
    """`cancel(now=True)` stops it, as far as that can be done, and says what became of it; it is not tried again."""
    flow, holding, following = chosen(name)
    with where() as executor, Driven(flow, executor=executor, folder=str(tmp_path)) as driven:
        until(lambda: (tmp_path / "begun-a").exists())
        driven.run.cancel(now=True)
        if name == "inline":
            (tmp_path / "go").touch()
    (tmp_path / "go").touch()  # for the thread that goes on
    assert Cancelled(message="the run was cancelled") == driven.run[following]
    expected = Success(result="a") if name == "inline" else Cancelled(message=f"the run was cancelled; {sentence}")
    assert expected == driven.run[holding]
    tags = ["Pending", "Running", expected.type]
    assert (tags if name == "inline" else elsewhere(tags)) == driven.tags(flow.nodes[0].name)


@pytest.mark.parametrize(("name", "where", "sentence"), EVERYWHERE[1:], ids=[one[0] for one in EVERYWHERE[1:]])
def test_first_asked_then_stopped(name: str, where: Where, sentence: str, tmp_path: Path) -> None:
    """What was let finish can be stopped after all."""
    flow, _, _ = chosen(name)
    with where() as executor, Driven(flow, executor=executor, folder=str(tmp_path)) as driven:
        until(lambda: (tmp_path / "begun-a").exists())
        driven.run.cancel()
        until(lambda: "Cancelling" in driven.tags(flow.nodes[0].name))
        driven.run.cancel(now=True)
    (tmp_path / "go").touch()
    assert ["Pending", "Submitted", "Running", "Cancelling", "Cancelled"] == driven.tags(flow.nodes[0].name)


def test_a_cancellation_is_never_overheard(tmp_path: Path) -> None:
    """Whenever it is asked for, while something comes back too, it ends the wait for what goes on."""

    @task
    def tick(value: int) -> int:
        return value

    for number in range(ROUNDS):
        with Flow("f") as flow:
            folder = flow.parameter("folder", str)
            node = hold(folder, "a")
            flow.map(tick, range(20))
        with Driven(flow, executor=Threads(3), folder=str(tmp_path)) as driven:
            until(lambda driven=driven, number=number: len(driven.events) > 4 + number % 60)
            driven.run.cancel()
            driven.run.cancel(now=True)
        assert Cancelled is type(driven.run[node])
    (tmp_path / "go").touch()


def test_what_waits_for_a_thread_does_not_begin(tmp_path: Path) -> None:
    """Calls that are in line behind others are taken back: they are Cancelled, and their functions never called."""
    with Flow("f") as flow:
        folder = flow.parameter("folder", str)
        for name in "abcdef":
            hold(folder, name)
    with Driven(flow, executor=Threads(2), folder=str(tmp_path)) as driven:
        until(lambda: len(list(tmp_path.glob("begun-*"))) == 2)
        driven.run.cancel()
        until(lambda: any(isinstance(event.state, Cancelling) for event in driven.events))
        (tmp_path / "go").touch()
    states = [one.state for one in driven.run]
    assert [Success(result="a"), Success(result="b")] == states[:2]
    assert [Cancelled(message="the run was cancelled; it had not begun")] * 4 == states[2:]
    assert {"begun-a", "begun-b", "go"} == set(os.listdir(tmp_path))


def test_a_failure_is_not_tried_again(tmp_path: Path) -> None:
    """A task that fails while its run is cancelled has no further attempt: a retry of it is Cancelled."""
    may_end = threading.Event()

    @task(retries=3)
    def fails() -> None:
        may_end.wait(60)
        raise ValueError("no rows")

    @task(retries=3)
    def retries() -> None:
        may_end.wait(60)
        raise RETRY("busy")

    with Flow("f") as flow:
        failed, retried = fails(), retries()
    with Driven(flow, executor=Threads(2)) as driven:
        until(lambda: len(driven.events) == 8)  # the run and its two tasks are Running
        driven.run.cancel()
        until(lambda: len(driven.events) == 11)
        may_end.set()
    assert (Failed, "raised ValueError") == (type(driven.run[failed]), driven.run[failed].message)
    assert Cancelled(message="the run was cancelled; else it would be Retrying") == driven.run[retried]


@pytest.mark.parametrize("signal", [LOOP("further"), RETRY("busy")], ids=repr)
def test_a_task_that_is_run_again_and_again_in_line(signal: BaseException) -> None:
    """One that asks for its next attempt at once, for ever, is found between two of them."""
    begun = threading.Event()

    @task(retries=10**9)
    def again() -> None:
        begun.set()
        raise signal

    with Flow("f") as flow:
        node = again()
    run = begin(flow, {}, Options())
    driving = threading.Thread(target=run.start)
    driving.start()
    assert begun.wait(60)
    run.cancel()
    driving.join(60)
    assert Cancelled(message="the run was cancelled") == run[node]


def test_what_waits_for_a_time_or_a_person() -> None:
    """A task before its next attempt, one that is paused and those behind them are Cancelled."""

    @task(retries=1, retry_delay=3600)
    def later() -> int:
        raise RETRY("busy")

    @task(trigger=manual_only)
    def asked() -> int:
        return 5

    @task
    def follow(value: int) -> int:
        return value

    with Flow("f") as flow:
        nodes = [later(), asked()]
        nodes += [follow(node) for node in nodes]
    with Driven(flow) as driven:
        until(lambda: "Retrying" in driven.tags("later") and "Paused" in driven.tags("asked"))
        driven.run.cancel()
    assert [Cancelled(message="the run was cancelled")] * 4 == [driven.run[node] for node in nodes]


def test_a_mapped_task_keeps_what_its_children_did(tmp_path: Path) -> None:
    """Children that ran keep their results, the others are Cancelled, and their node is MapCancelled, with them all."""
    may_end = threading.Event()

    @task
    def work(value: int) -> int:
        may_end.wait(60)
        return value

    with Flow("f") as flow:
        node = flow.map(work, range(4))
    with Driven(flow, executor=Threads(1)) as driven:
        until(lambda: any((event.index, event.state.type) == (0, "Running") for event in driven.events))
        driven.run.cancel()
        until(lambda: any((event.index, event.state.type) == (0, "Cancelling") for event in driven.events))
        may_end.set()
    children = driven.run.children(node)
    assert ["Success", "Cancelled", "Cancelled", "Cancelled"] == [child.type for child in children]
    assert MapCancelled(children=children) == driven.run[node]
    assert ["Pending", "MapCancelled"] == driven.tags("work")


def test_a_run_that_is_cancelled_before_it_begins() -> None:
    """Nothing of it runs."""
    with Flow("f") as flow:
        node = task(lambda: 5)()
    run = begin(flow, {}, Options())
    run.cancel()
    assert Cancelled(message="the run was cancelled") == run.start()[node]


def test_a_run_that_is_over_stays_what_it_is() -> None:
    """Cancelled afterwards, it is what it was."""
    with Flow("f") as flow:
        node = task(lambda: 5)()
    run = flow.run()
    run.cancel(now=True)
    assert Success(result=5) == run[node]


def test_handlers_are_told_of_a_cancellation(tmp_path: Path) -> None:
    """Of each change; what they put in place counts where the task is at its end, and makes it run no further."""
    seen: dict[str, list[str]] = {}

    def handle(old: State[Any], new: State[Any]) -> State[Any] | None:
        seen.setdefault(name, []).append(new.type)
        return RETRY("again").state if isinstance(new, (Cancelling, Cancelled)) else None

    for name, now in (("finish", False), ("stop", True)):
        may_end = threading.Event()
        with Flow("f") as flow:
            node = task(name="work", retries=3, handlers=[handle])(lambda end=may_end: end.wait(60))()
        with Driven(flow, executor=Threads(1)) as driven:
            until(lambda driven=driven: "Running" in driven.tags("work"))
            driven.run.cancel(now=now)
            until(lambda driven=driven: len(driven.events) > 2)
            may_end.set()
        expected = (
            Success(result=True)
            if name == "finish"
            else Cancelled(message="the run was cancelled; else it would be Retrying")
        )
        assert expected == driven.run[node]
    begun = ["Submitted", "Running"]
    assert {"finish": [*begun, "Cancelling", "Success"], "stop": [*begun, "Cancelled"]} == seen


# ---- by signals


SIGNALS = [signal.SIGINT, signal.SIGTERM]
WHERE = ["inline", "threads", "processes", "coroutines"]


@contextmanager
def program(where: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs a flow which signals cancel, in the middle of its first task."""
    command = [sys.executable, "-W", "error", "-m", "tests.samples.gated", where, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: (folder / "begun-a").exists())
            yield process
        finally:
            process.kill()


def lines_until(process: "subprocess.Popen[str]", end: str) -> None:
    """Read what a process prints until a line."""
    assert process.stdout is not None
    assert end in iter(lambda: process.stdout.readline().strip(), "")  # type: ignore[union-attr]  # it is a pipe


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "number"),
    thorough_but([("threads", signal.SIGINT)], product(WHERE, SIGNALS)),
)
def test_a_signal_lets_what_runs_finish(where: str, number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, or SIGTERM, once: the task that runs succeeds, the one behind it is Cancelled; the program goes on."""
    name = "hold_later" if where == "coroutines" else "hold"
    with program(where, tmp_path) as process:
        process.send_signal(number)
        if where != "inline":
            lines_until(process, f"{name} Cancelling")
        (tmp_path / "go").touch()
        out, err = process.communicate(timeout=60)
    assert [f"{name}: Success: None", "follow: Cancelled: the run was cancelled"] == out.splitlines()[-2:]
    assert (0, "") == (process.returncode, err)


@pytest.mark.slow
@pytest.mark.parametrize("where", exhaustive_but(["inline"], WHERE))
def test_a_second_signal_stops_what_runs(where: str, tmp_path: Path) -> None:
    """SIGINT and then SIGTERM: the task is Cancelled, with what became of it; the program goes on."""
    said = {
        "inline": "and its function was interrupted",
        "threads": "its thread goes on until the function returns",
        "processes": "its process was ended",
        "coroutines": "its coroutine was cancelled",
    }[where]
    with program(where, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        if where != "inline":
            lines_until(process, f"{'hold_later' if where == 'coroutines' else 'hold'} Cancelling")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    held, followed = out.splitlines()[-2:]
    assert ("Cancelled", True) == (held.split(": ")[1], held.endswith(said))
    assert "follow: Cancelled: the run was cancelled" == followed
    assert (0, "") == (process.returncode, err)


def test_signals_are_what_they_were_afterwards() -> None:
    """Handlers of the program are put back when the run is over, however it ends."""
    before = [signal.getsignal(number) for number in SIGNALS]
    with Flow("f") as flow:
        task(lambda: [signal.getsignal(number) for number in SIGNALS])()
    inside = next(iter(flow.run(signals=True))).state.result
    assert before == [signal.getsignal(number) for number in SIGNALS]
    assert before != inside
    with Flow("g") as flow:
        task(lambda: sys.exit(3))()
    with pytest.raises(SystemExit):
        flow.run(signals=True)
    assert before == [signal.getsignal(number) for number in SIGNALS]


# ---- from a coroutine


def test_a_coroutine_that_awaits_a_run_is_cancelled(tmp_path: Path) -> None:
    """Its run is stopped with it, on its own loop, and CancelledError comes out once that is done."""
    events: list[Event] = []

    async def main() -> None:
        awaiting = asyncio.ensure_future(gated_later.arun(folder=str(tmp_path), on_event=events.append))
        while not (tmp_path / "begun-a").exists():
            await asyncio.sleep(0.005)
        awaiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await awaiting
        assert ["Cancelled", "Cancelled"] == sorted(event.state.type for event in events[-2:])

    asyncio.run(main())


def test_a_run_of_threads_that_a_coroutine_awaits_is_cancelled(tmp_path: Path) -> None:
    """Threads are given up; the coroutine does not wait for what goes on in them."""

    async def main() -> None:
        awaiting = asyncio.ensure_future(gated.arun(folder=str(tmp_path), executor=Threads(1)))
        while not (tmp_path / "begun-a").exists():
            await asyncio.sleep(0.005)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(awaiting, 0.01)

    asyncio.run(main())
    (tmp_path / "go").touch()


def test_what_a_cancelled_run_raises_is_the_cause_and_is_not_logged() -> None:
    """A run may fail while it is stopped: asyncio has nothing to complain of, and nothing is lost."""
    complaints: list[dict[str, Any]] = []
    here = threading.Event()

    @task
    def hold() -> None:
        here.set()
        time.sleep(0.05)

    def refuse(event: Event) -> None:
        if here.is_set():
            raise OSError("nobody listens any more")

    with Flow("f") as flow:
        hold()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, told: complaints.append(told))
        awaiting = asyncio.ensure_future(flow.arun(on_event=refuse))
        await asyncio.to_thread(here.wait)
        awaiting.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await awaiting
        assert isinstance(caught.value.__cause__, OSError)
        del awaiting
        gc.collect()

    asyncio.run(main())
    assert [] == complaints
