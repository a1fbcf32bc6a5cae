"""An interrupt is no decision about the work: a stored run is left as it is, and resumed where it was."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from statesig import LOOP, PAUSE, RETRY, Event, Executor, Flow, Run, State, Success, cancel_run, task
from statesig.engine.options import Options
from statesig.engine.runner import begin
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from statesig.graph.parameters import checked_parameters
from statesig.stores.opening import open_store
from tests.harness.events import elsewhere

pytestmark = pytest.mark.usefixtures("leaves_nothing")

INTERRUPTS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]


def mark(folder: Path, name: str) -> int:
    """Write down that a task ran, and return how often it has."""
    number = len(list(folder.glob(f"{name}-*"))) + 1
    (folder / f"{name}-{number}").touch()
    return number


@task
def interrupt(folder: Path, driver: int, numbers: list[int]) -> int:
    """Send signals to the process that drives the run, but only the first time."""
    if mark(folder, "interrupt") == 1:
        for number in numbers:
            os.kill(driver, number)
        if len(numbers) > 1:
            threading.Event().wait(1)  # until it is stopped
    return 1


@task
async def interrupt_later(folder: Path, driver: int, numbers: list[int]) -> int:
    if mark(folder, "interrupt") == 1:
        for number in numbers:
            os.kill(driver, number)
        if len(numbers) > 1:
            await asyncio.sleep(20)
    return 1


@task
def follow(folder: Path, number: int) -> int:
    mark(folder, "follow")
    return number + 1


def flow_of(interrupting: Callable[..., int], folder: Path, *numbers: int) -> Flow:
    with Flow("f") as flow:
        follow(folder, interrupting(folder, os.getpid(), list(numbers)))
    return flow


def nowhere() -> Executor | None:
    return None


WHERE: list[Any] = [
    pytest.param(nowhere, interrupt, id="inline"),
    pytest.param(lambda: Threads(2), interrupt, id="threads"),
    pytest.param(nowhere, interrupt_later, id="coroutines"),
    pytest.param(lambda: Processes(1), interrupt, id="processes", marks=[pytest.mark.slow, pytest.mark.exhaustive]),
]


def seen(where: Callable[[], Executor | None], interrupting: Callable[..., int], tags: list[str]) -> list[str]:
    """Return the states of the interrupting task, given those that it has in line."""
    return tags if (where, interrupting) == (nowhere, interrupt) else elsewhere(tags)


def states(run: Run) -> dict[str, str]:
    return {one.name: one.state.type for one in run}


def stored(place: str) -> tuple[str, dict[str, list[str]], int]:
    """Return the tag of the only run in a store, the states that each task came to be in, and its lost attempts."""
    found: dict[str, list[str]] = {}
    lost = 0
    with open_store(place) as store:
        (run,) = store.runs()
        assert store.lease(run.id) is None
        for record in store.history(run):
            if record.task is None:
                continue  # the run's own state is its row's
            name = record.task if record.index is None else f"{record.task}[{record.index}]"
            found.setdefault(name, []).append(record.state.decode().split('"')[3])
            lost = max(lost, record.lost)
    return run.tag, found, lost


def only_run(place: str) -> str:
    with open_store(place) as store:
        (run,) = store.runs()
    return run.id


# ---- two signals in a handler


@pytest.mark.parametrize(("number", "raised"), INTERRUPTS, ids=["SIGINT", "SIGTERM"])
def test_two_signals_while_a_handler_runs(number: int, raised: type[BaseException], place: str) -> None:
    """The second ends the handler; what is raised is what the first one asks for, and says how to continue."""

    def hold(old: State[Any], new: State[Any]) -> None:
        if isinstance(new, Success) and not came:
            came.append(new)
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)

    came: list[State[Any]] = []
    with Flow("f") as flow:
        node = task(name="work", handlers=[hold])(lambda: 5)()
    with pytest.raises(raised) as caught:
        flow.run(store=place, signals=True)
    run = only_run(place)
    assert [f"run {run} is stored; Flow.resume({run!r}, store=...) continues it"] == caught.value.__notes__
    assert Success(result=5) == flow.resume(run, store=place)[node]


# ---- one signal


@pytest.mark.parametrize(("number", "raised"), INTERRUPTS, ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(("where", "interrupting"), WHERE)
def test_one_signal(
    where: Callable[[], Executor | None],
    interrupting: Callable[..., int],
    number: int,
    raised: type[BaseException],
    place: str,
    tmp_path: Path,
) -> None:
    """What runs ends and is stored, the rest stays as it was, the run Running; `resume` continues it."""
    flow = flow_of(interrupting, tmp_path, number)
    name = flow.nodes[0].name
    with pytest.raises(raised) as caught:
        flow.run(store=place, executor=where(), signals=True)
    assert ("Running", {name: seen(where, interrupting, ["Running", "Success"])}, 0) == stored(place)
    run = only_run(place)
    assert [f"run {run} is stored; Flow.resume({run!r}, store=...) continues it"] == caught.value.__notes__
    assert raised is KeyboardInterrupt or 143 == getattr(caught.value, "code", None)
    assert {name: "Success", "follow": "Success"} == states(flow.resume(run, store=place, executor=where()))
    assert ["follow-1", "interrupt-1"] == sorted(path.name for path in tmp_path.glob("*-*[0-9]"))


def test_what_waits_stays_what_it_is(place: str) -> None:
    """A task before its next attempt, one that is paused, children of a mapped task, and what is behind them."""

    @task(retries=1, retry_delay=3600)
    def later() -> int:
        raise RETRY("busy")

    @task
    def asks() -> int:
        raise PAUSE("may it?")

    @task
    def work(number: int) -> int:
        if number == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return number

    with Flow("f") as flow:
        later(), asks()
        follow(Path(), flow.map(work, range(3)))  # type: ignore[arg-type]  # never called
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, signals=True)
    assert (
        "Running",
        {
            "later": ["Running", "Retrying"],
            "asks": ["Running", "Paused"],
            "work[0]": ["Running", "Success"],
            "work[1]": ["Running", "Success"],
        },
        0,
    ) == stored(place)


def test_a_signal_while_the_last_task_runs(place: str, tmp_path: Path) -> None:
    """Nothing is left to do: the run is over, and the program is interrupted all the same."""
    with Flow("f") as flow:
        interrupt(tmp_path, os.getpid(), [signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, signals=True)
    assert ("Success", {"interrupt": ["Running", "Success"]}, 0) == stored(place)


def test_what_fails_meanwhile_is_tried_again_later(place: str) -> None:
    """The attempt that runs counts; the next one waits for the run to be resumed."""
    times: list[int] = []

    @task(retries=1)
    def work() -> int:
        times.append(1)
        if len(times) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            raise ValueError("no rows")
        return 5

    with Flow("f") as flow:
        node = work()
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, signals=True)
    assert ("Running", {"work": ["Running", "Retrying"]}, 0) == stored(place)
    assert Success(result=5) == flow.resume(only_run(place), store=place)[node]


def test_a_task_that_loops_for_ever(place: str) -> None:
    """An interrupt is noticed between two iterations."""

    @task
    def again() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise LOOP("further")

    with Flow("f") as flow:
        again()
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, signals=True)
    assert ("Running", {"again": ["Running", "Looped"]}, 0) == stored(place)


def test_what_had_not_begun_in_a_thread_is_scheduled(place: str, tmp_path: Path) -> None:
    """A call that waits for a thread is taken back; nothing says that it runs."""

    @task
    def hold(number: int) -> int:
        if mark(tmp_path, f"hold{number}") == 1 and number == 0:
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.wait(60)
        return number

    interrupted = threading.Event()

    def told(event: Event) -> None:
        if event.state.type == "Scheduled":
            interrupted.set()

    with Flow("f") as flow:
        flow.map(hold, range(2))
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, signals=True, executor=Threads(1), on_event=told)
    assert (
        "Running",
        {"hold[0]": ["Submitted", "Running", "Success"], "hold[1]": ["Submitted", "Scheduled"]},
        0,
    ) == stored(place)
    assert {"hold": "Mapped"} == states(flow.resume(only_run(place), store=place))


# ---- two signals


@pytest.mark.parametrize(("where", "interrupting"), WHERE)
def test_two_signals(
    where: Callable[[], Executor | None], interrupting: Callable[..., int], place: str, tmp_path: Path
) -> None:
    """What runs is stopped and left Running; it is not lost, and runs again when the run is resumed."""
    flow = flow_of(interrupting, tmp_path, signal.SIGINT, signal.SIGTERM)
    name = flow.nodes[0].name
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place, executor=where(), signals=True)
    assert ("Running", {name: seen(where, interrupting, ["Running"])}, 0) == stored(place)
    assert {name: "Success", "follow": "Success"} == states(flow.resume(only_run(place), store=place, executor=where()))
    assert ("Success", seen(where, interrupting, ["Running", "Scheduled", "Running", "Success"]), 0) == (
        stored(place)[0],
        stored(place)[1][name],
        stored(place)[2],
    )


def test_a_task_that_is_interrupted_often_is_not_lost(place: str) -> None:
    """Only a process that died loses a task: after any number of interrupts it runs again."""
    times: list[int] = []

    @task
    def work() -> int:
        times.append(1)
        if len(times) < 7:
            raise KeyboardInterrupt
        return 5

    with Flow("f") as flow:
        node = work()
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place)
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            flow.resume(only_run(place), store=place)
    assert Success(result=5) == flow.resume(only_run(place), store=place)[node]
    assert 0 == stored(place)[2]


# ---- an interrupt and a cancellation


def driven(flow: Flow, place: str, **given: Any) -> Run:
    return begin(flow, checked_parameters(flow, given), Options(store=place))


def test_a_run_is_interrupted_and_continued_in_one_process(place: str) -> None:
    """`Run.interrupt` is what a signal does; the run that is left is resumed as it is."""

    @task
    def work() -> int:
        if not left:
            left.append(1)
            run.interrupt()
        return 5

    left: list[int] = []
    with Flow("f") as flow:
        node = work()
        behind = follow(Path("/none"), node)
    run = driven(flow, place)
    run.start()
    assert (True, False, "Pending") == (run.is_interrupted, run.is_cancelled, run[behind].type)
    assert {"work": "Success", "follow": "Failed"} == states(run.resume())
    assert not run.is_interrupted


def test_a_cancellation_is_more_than_an_interrupt(place: str) -> None:
    """Asked for both, in either order, the run is cancelled."""

    @task
    def work(first: str) -> int:
        for act in (run.interrupt, run.cancel) if first == "interrupt" else (run.cancel, run.interrupt):
            act()
        return 5

    with Flow("f") as flow:
        first = flow.parameter("first", str)
        follow(Path(), work(first))
    for name in ("interrupt", "cancel"):
        run = driven(flow, place, first=name)
        assert {"work": "Success", "follow": "Cancelled"} == states(run.start())
        assert (False, True) == (run.is_interrupted, run.is_cancelled)


def test_an_interrupted_run_that_somebody_asked_to_cancel(place: str) -> None:
    """The request came before the interrupt: what is left is Cancelled."""

    @task
    def work() -> int:
        with open_store(place) as store:
            assert not cancel_run(store, run.id)
        run.interrupt()
        return 5

    with Flow("f") as flow:
        follow(Path(), work())
    run = driven(flow, place)
    assert {"work": "Success", "follow": "Cancelled"} == states(run.start())
    assert "Cancelled" == stored(place)[0]


def test_without_a_store_an_interrupt_cancels() -> None:
    """Nothing of the run would be left to resume."""

    @task
    def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return 5

    with Flow("f") as flow:
        follow(Path(), work())
    assert {"work": "Success", "follow": "Cancelled"} == states(flow.run(signals=True))


def test_a_coroutine_that_awaits_a_stored_run_is_cancelled(place: str, tmp_path: Path) -> None:
    """As under Ctrl-C: what runs is stopped, and the run is left to be resumed."""

    @task
    async def hold(folder: Path) -> int:
        if mark(folder, "hold") == 1:
            await asyncio.sleep(60)
        return 1

    with Flow("g") as flow:
        follow(tmp_path, hold(tmp_path))

    async def main() -> None:
        awaiting = asyncio.ensure_future(flow.arun(store=place))
        while not (tmp_path / "hold-1").exists():
            await asyncio.sleep(0.005)
        awaiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await awaiting

    asyncio.run(main())
    assert ("Running", {"hold": ["Submitted", "Running"]}, 0) == stored(place)
    assert {"hold": "Success", "follow": "Success"} == states(flow.resume(only_run(place), store=place))
