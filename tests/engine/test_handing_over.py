"""Submitted is what an executor was handed, Running what a worker has begun: elsewhere, a task is first the one."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    RETRY,
    SKIP,
    Cancelled,
    Event,
    Executor,
    Flow,
    Pending,
    Retrying,
    Running,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    check_history,
    current,
    task,
)
from statesig.engine.options import Options
from statesig.engine.runner import begin
from statesig.errors import RunTaken, StoreError
from statesig.executors import coroutines
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from statesig.stores.opening import open_store
from statesig.stores.sqlite import SQLiteStore
from tests.samples import handing_over as work

pytestmark = pytest.mark.usefixtures("leaves_nothing")

Where = Callable[[], AbstractContextManager[Executor | None]]

ELSEWHERE: list[tuple[Where, str]] = [
    (lambda: Threads(1), "look"),
    (lambda: Processes(1, start="forkserver"), "look"),
    (lambda: nullcontext(), "look_later"),
    (lambda: Processes(1, start="forkserver"), "look_later"),
]
elsewhere = pytest.mark.parametrize(
    ("where", "name"), ELSEWHERE, ids=["threads", "processes", "coroutines", "coroutines in processes"]
)


def tags(place: str) -> dict[str, list[str]]:
    """Return the states that each task of the only run came to be in."""
    found: dict[str, list[str]] = {}
    with open_store(place) as store:
        (run,) = store.runs()
        for record in store.history(run):
            if record.task is not None:
                name = record.task if record.index is None else f"{record.task}[{record.index}]"
                found.setdefault(name, []).append(record.state.decode().split('"')[3])
    return found


@elsewhere
def test_a_body_begins_once_that_is_stored(where: Where, name: str, place: str) -> None:
    """Its own function finds its task Running in the store."""
    with Flow("f") as flow:
        seen = flow.map(getattr(work, name), [place] * 3)
    with where() as executor:
        run = flow.run(store=place, executor=executor)
    assert [Success(result="Running")] * 3 == [*run.children(seen)]
    assert [["Submitted", "Running", "Success"]] * 3 == [tags(place)[f"{name}[{index}]"] for index in range(3)]


@elsewhere
def test_a_handler_that_refuses(where: Where, name: str, tmp_path: Path) -> None:
    """What it puts in place of Running, or of Submitted, is the state, and the function is never called."""

    def refuse(old: State[Any], new: State[Any]) -> State[Any] | None:
        return SKIP(f"not {new.type}").state if type(new) is refused else None

    for refused in (Submitted, Running):
        body: Any = getattr(work, name).fn
        with Flow("f") as flow:
            node = task(handlers=[refuse])(body)(str(tmp_path / "nothing.db"))
            later = work.double(5)
        with where() as executor:
            run = flow.run(executor=executor)
        assert (Skipped(message=f"not {refused.__name__}"), Success(result=10)) == (run[node], run[later])
        assert not (tmp_path / "nothing.db").exists()


def test_what_waits_for_a_thread_is_submitted(place: str) -> None:
    """Of three children in one thread, one at a time is Running."""
    running: set[int | None] = set()
    most: list[int] = []

    def told(event: Event) -> None:
        if event.index is not None:
            (running.add if isinstance(event.state, Running) else running.discard)(event.index)
            most.append(len(running))

    with Flow("f") as flow:
        flow.map(work.double, range(3))
    flow.run(executor=Threads(1), on_event=told)
    assert 1 == max(most)


def test_submitted_wraps_what_the_task_was() -> None:
    """That is Pending, or the state by which it was put off, without a payload."""
    seen: list[State[Any]] = []

    @task(retries=1)
    def shaky() -> int:
        if current().number == 1:
            raise RETRY("busy", result={"rows": 3})
        return 5

    with Flow("f") as flow:
        shaky()
    flow.run(executor=Threads(1), on_event=lambda event: seen.append(event.state) if event.task else None)
    submitted = [state.state for state in seen if isinstance(state, Submitted)]
    (retrying,) = [state for state in seen if isinstance(state, Retrying)]
    expected = Retrying(message="busy", start_time=retrying.start_time, run_count=1)
    assert [Pending(), expected] == submitted


class Failing(SQLiteStore):
    """A store whose transactions fail from the one on that stores a state of some kind."""

    failing = b"no state"

    def append(self, run: Any, owner: Any, records: Any, **options: Any) -> Any:
        if any(record.task is not None and record.state.startswith(self.failing) for record in records):
            raise StoreError("the test", "the disk is on fire")
        return super().append(run, owner, records, **options)


@elsewhere
def test_a_body_whose_beginning_cannot_be_stored(where: Where, name: str, place: str, tmp_path: Path) -> None:
    """It is not begun; who continues hands it over again, and counts nothing as lost."""
    looked_at = str(tmp_path / "other.db")
    with Flow("f") as flow:
        node = getattr(work, name)(looked_at)
    with Failing(place) as store, where() as executor:
        Failing.failing = b'{"type":"Running"'
        with pytest.raises(StoreError, match="the disk is on fire"):
            flow.run(store=store, executor=executor)
        assert not Path(looked_at).exists()
        Failing.failing = b"no state"
        (run,) = store.runs()
        assert [] == [record for record in store.history(run) if record.lost]
        resumed = flow.resume(run.id, store=store, executor=executor)
    assert Success(result="nothing") == resumed[node]


@pytest.mark.parametrize("where", [nullcontext, lambda: Threads(1)], ids=["in line", "threads"])
def test_what_was_handed_over_by_a_dead_process(where: Where, place: str) -> None:
    """It is handed over again, without a further word in the history and without counting as lost."""
    may_end, submitted = threading.Event(), threading.Event()

    @task
    def hold(number: int) -> int:
        if number == 0:
            may_end.wait(60)
        return number

    def told(event: Event) -> None:
        if event.index == 1 and isinstance(event.state, Submitted):
            submitted.set()

    with Flow("f") as flow:
        node = flow.map(hold, range(2))

    def drive() -> None:
        with pytest.raises(RunTaken):
            flow.run(store=place, executor=Threads(1), on_event=told, lease=0.2)

    driving = threading.Thread(target=drive)
    driving.start()
    assert submitted.wait(60)
    with open_store(place) as store:
        (run,) = store.runs()
        held = store.lease(run.id)
        assert held is not None
        store.release(run.id, held.owner)
    may_end.set()
    with where() as executor:
        resumed = flow.resume(run.id, store=place, executor=executor)
    driving.join()
    assert [0, 1] == [child.unwrap() for child in resumed.children(node)]
    assert ["Submitted", "Running", "Success"] == tags(place)["hold[1]"]


@pytest.mark.parametrize("stored", [False, True], ids=["told", "stored"])
def test_coroutines_begin_before_a_function_keeps_the_thread(stored: bool, place: str) -> None:
    """A coroutine goes on beside a function in line, which runs in the thread that lets it begin."""
    begun = threading.Event()

    @task
    async def beside() -> None:
        begun.set()

    @task
    def here() -> bool:
        return begun.wait(10)

    with Flow("f") as flow:
        beside()
        node = here()
    run = flow.run(store=place) if stored else flow.run(on_event=lambda event: None)
    assert Success(result=True) == run[node]


def test_a_blocked_loop_holds_up_no_function() -> None:
    """A function in line is called though a coroutine that was handed over cannot say that it may begin."""
    let_go = threading.Event()

    @task
    async def block() -> bool:
        return let_go.wait(60)

    @task
    def first() -> int:
        return 1

    @task
    async def behind(number: int) -> int:
        return 2 * number

    @task
    def last(number: int) -> None:
        let_go.set()

    with Flow("f") as flow:
        blocked, number = block(), first()
        double = behind(number)
        last(number)
    run = flow.run(on_event=lambda event: None)
    assert (Success(result=True), Success(result=2)) == (run[blocked], run[double])


def test_a_call_that_moves_to_another_loop_after_a_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was let begin on a loop that is blocked, and did not: it is Cancelled, by legal steps."""
    monkeypatch.setattr(coroutines, "_MOMENT", 0.05)
    let_go, blocked, running = threading.Event(), threading.Event(), threading.Event()
    begun, seen = list[int](), list[State[Any]]()

    @task(timeout=0.3)
    async def block() -> None:
        blocked.set()
        let_go.wait(60)

    @task
    async def behind() -> None:
        begun.append(1)

    def told(event: Event) -> None:
        if event.task == "behind":
            seen.append(event.state)
            if isinstance(event.state, Running):
                running.set()

    with Flow("f") as flow:
        node = block()
        other = behind()
    run = begin(flow, {}, Options(on_event=told))

    def cancel() -> None:
        assert blocked.wait(60)
        assert running.wait(60)
        time.sleep(0.05)  # until the loop was told, too
        run.cancel()

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    run.start()
    let_go.set()
    cancelling.join()
    assert (TimedOut, Cancelled) == (type(run[node]), type(run[other]))
    check_history(seen)
    assert [] == begun
