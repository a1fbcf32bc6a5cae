"""Stored runs in one process: who may go on with them, with what, and what an error leaves behind."""

import gc
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    AnyState,
    Cancelled,
    Event,
    Failed,
    Flow,
    Mapped,
    Success,
    all_finished,
    cancel_run,
    check_history,
    current,
    decode,
    manual_only,
    states_of,
    task,
)
from statesig.engine.options import Options
from statesig.engine.runner import begin
from statesig.engine.stored_values import decode_stored
from statesig.errors import FlowError, NoRun, RunTaken, StoreError
from statesig.executors.threads import Threads
from statesig.states import Pending, Running
from statesig.stores.opening import open_store
from statesig.stores.sqlite import SQLiteStore
from statesig.stores.store import Lease, Store
from tests import ROOT
from tests.harness.events import elsewhere
from tests.harness.leftovers import descriptors
from tests.samples import keeping

pytestmark = pytest.mark.slow

SOON = 60.0
"""Seconds within which what is about to happen has happened."""


@pytest.fixture(autouse=True)
def leaves_no_file_open() -> Iterator[None]:
    """What was opened for a run is closed with it, also where it cannot be gone on with."""
    before = descriptors()
    yield
    gc.collect()
    assert set() == descriptors() - before
    assert [] == [thread.name for thread in threading.enumerate() if thread.name.startswith("statesig")]


@task
def one() -> int:
    return 1


@task
def add(number: int, other: int = 0) -> int:
    return number + other


@task(trigger=manual_only)
def gate(number: int) -> int:
    return number


@task
def double(number: int) -> int:
    return 2 * number


def paused() -> Flow:
    with Flow("f") as flow:
        add(gate(one()))
    return flow


def tags(place: str, run: str) -> dict[str, list[str]]:
    """Return the states that each task and child came to be in, as they are stored."""
    with open_store(place) as store:
        found: dict[str, list[str]] = {}
        for record in store.history(store.find(run)):
            if record.task is None:
                continue  # the run's own state is its row's
            name = record.task if record.index is None else f"{record.task}[{record.index}]"
            found.setdefault(name, []).append(decode_stored(record.state, Any).type)
    return found


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


# ---- which run


def test_a_run_that_there_is_not(place: str) -> None:
    """An unknown identity is no run."""
    paused().run(store=place)
    with pytest.raises(NoRun, match=r"there is no run 'xyz'; `statesig runs` lists the runs"):
        paused().resume("xyz", store=place)


def test_a_beginning_of_an_identity(place: str) -> None:
    """It is enough where it is one run's alone, and of two that have it none is gone on with."""
    flow = paused()
    runs = [flow.run(store=place) for _ in range(17)]  # more than there are digits
    first = next(run.id[0] for run in runs if sum(other.id[0] == run.id[0] for other in runs) > 1)
    with pytest.raises(NoRun, match=f"runs begin with {first!r}; give more of the identity"):
        flow.resume(first, "gate", store=place)
    assert "Paused" == tags(place, runs[0].id)["gate"][-1]
    assert Success() == flow.resume(runs[0].id[:20], "gate", store=place).state


def test_a_run_that_is_over(place: str) -> None:
    """Nothing is left to go on with, or to cancel, and nothing is changed."""
    with Flow("f") as flow:
        one()
    run = flow.run(store=place)
    for act in (lambda: flow.resume(run.id, store=place), lambda: cancel_run(place, run.id)):
        with pytest.raises(RunTaken, match=f"run {run.id} is over, it is Success: nothing is left to do"):
            act()
    assert {"one": ["Running", "Success"]} == tags(place, run.id)


def test_a_run_is_running_while_it_goes_on(place: str) -> None:
    """What the store says of a run as a whole is so at each moment: before a pause, at it, and behind it."""

    def tag() -> str:
        with open_store(place) as store:
            (run,) = store.runs()
        return run.tag

    @task
    def look(number: int) -> str:
        return tag()

    with Flow("f") as flow:
        before = look(1)
        after = look(gate(1))
    run = flow.run(store=place)
    assert (Success(result="Running"), "Paused") == (run[before], tag())
    run = flow.resume(run.id, "gate", store=place)
    assert (Success(result="Running"), "Success") == (run[after], tag())


# ---- the flow as it was


def wired(of: str) -> Flow:
    """Return a flow that is not quite what another one was."""
    with Flow("g" if of == "another flow" else "f") as flow:
        if of == "another parameter":
            flow.parameter("day", int, default=1)
        first = double(2) if of == "another task" else one()
        passed = gate(first)
        if of == "a task more":
            one()
        if of == "wired otherwise":
            add(first)
        elif of != "a task less":
            add(passed)
    return flow


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        ("another flow", "run {id} is of flow 'f'"),
        ("another parameter", "parameter 'day' is new"),
        ("another task", "task 'one' is gone, task 'double' is new, task 'gate' is wired otherwise"),
        ("a task more", "task 'one-2' is new"),
        ("a task less", "task 'add' is gone"),
        ("wired otherwise", "task 'add' is wired otherwise"),
    ],
)
def test_a_flow_that_has_changed(of: str, sentence: str, place: str) -> None:
    """It is told what is different before anything runs, and the flow as it was goes on."""
    run = paused().run(store=place)
    before = tags(place, run.id)
    with pytest.raises(FlowError) as caught:
        wired(of).resume(run.id, "gate", store=place)
    assert sentence.format(id=run.id) in str(caught.value)
    assert before == tags(place, run.id)
    assert Success() == paused().resume(run.id, "gate", store=place).state


def test_what_has_changed_is_told_in_short(place: str) -> None:
    """Of very many tasks ten are named, and the others counted."""
    run = paused().run(store=place)
    with Flow("f") as flow:
        for _ in range(100):
            double(1)
    with pytest.raises(FlowError, match=r"task 'double-7' is new and 93 more; resume with the flow as it was"):
        flow.resume(run.id, store=place)


def test_tasks_in_another_order(place: str) -> None:
    """That is another flow, too."""

    def flow_of(*tasks: Callable[[], object]) -> Flow:
        with Flow("f") as flow:
            for each in tasks:
                each()
            gate(1)
        return flow

    def first() -> object:
        return one()

    def second() -> object:
        return double(1)

    run = flow_of(first, second).run(store=place)
    with pytest.raises(FlowError, match="its tasks come in another order"):
        flow_of(second, first).resume(run.id, store=place)


@pytest.mark.parametrize("approve", ["one", "add", "gat", "gate[0]"])
def test_a_task_that_is_not_paused(approve: str, place: str) -> None:
    """It cannot be released, which is told before anything runs; the run can be gone on with at once."""
    run = paused().run(store=place)
    before = tags(place, run.id)
    with pytest.raises(FlowError, match=r"is not paused, it is|paused are gate"):
        paused().resume(run.id, "gate", approve, store=place)
    assert before == tags(place, run.id)
    assert Success() == paused().resume(run.id, "gate", store=place).state


def test_an_executor_that_there_is_not(place: str) -> None:
    """Nothing is begun, and nothing is taken."""
    run = paused().run(store=place)
    with pytest.raises(ValueError, match=r"executor is an Executor or one of 'inline', .*, not 'thread'"):
        paused().resume(run.id, "gate", store=place, executor="thread")
    assert Success() == paused().resume(run.id, "gate", store=place).state


def test_a_type_that_has_changed(place: str) -> None:
    """A stored result that is none of what its task now returns is told of; nothing is run, and nothing is damaged."""

    def flow_of(kind: type) -> Flow:
        @task
        def some() -> Any:
            return 5

        some.returns = kind
        with Flow("f") as flow:
            gate(some())
        return flow

    run = flow_of(int).run(store=place)
    with pytest.raises(StoreError) as caught:
        flow_of(list[str]).resume(run.id, "gate", store=place)
    assert StoreError is type(caught.value)
    assert f"a state of task 'some' in run {run.id} is not understood by this program: " in str(caught.value)
    assert "5" not in str(caught.value).replace(run.id, "").replace(place, "")
    assert Success() == flow_of(int).resume(run.id, "gate", store=place).state


_OWN = """if True:
    import sys
    from statesig import Flow, Signal, ValidationFailed, cancel_run, manual_only, task
    from statesig.errors import StoreError
    if sys.argv[2:]:
        for run in sys.argv[2:]:
            try:
                cancel_run(sys.argv[1], run)
            except StoreError as exc:
                print(type(exc).__name__, exc)
    else:
        class Spoilt(ValidationFailed): pass
        class SPOILT(Signal[Spoilt]): pass
        @task
        def bad() -> int: raise SPOILT("no")
        @task(trigger=manual_only)
        def gate() -> int: return 1
        with Flow("f") as waits:
            bad(), gate()
        with Flow("g") as over:
            bad()
        print(waits.run(store=sys.argv[1]).id, over.run(store=sys.argv[1]).id)
"""


def test_a_state_that_this_program_does_not_know(place: str) -> None:
    """It is told what to do, of a task's state and of the run's own; nothing is damaged."""

    def program(*arguments: str) -> str:
        done = subprocess.run([sys.executable, "-c", _OWN, place, *arguments], cwd=ROOT, capture_output=True, text=True)
        assert (0, "") == (done.returncode, done.stderr)
        return done.stdout

    waits, over = program().split()
    remedy = "import the module that defines it, or use the program as it was"
    task_line, run_line = program(waits, over).splitlines()
    assert task_line.startswith(f"StoreError store {place}: a state of task 'bad' in run {waits} is not understood by")
    assert run_line.startswith(f"StoreError store {place}: the state Spoilt of run {over} is not understood by this")
    assert task_line.endswith(remedy)
    assert run_line.endswith(remedy)


# ---- what comes back


def test_an_empty_map_comes_back(place: str) -> None:
    """Its result is an empty list, also for tasks that take it after the pause."""

    @task(trigger=all_finished)
    def count(states: list[AnyState[int]]) -> int:
        return len(states)

    @task(trigger=manual_only)
    def late(first: list[int], second: int) -> int:
        return len(first) + second

    with Flow("f") as flow:
        mapped = flow.map(double, [])
        end = late(mapped, count(states_of(mapped)))
    run = flow.resume(flow.run(store=place).id, end, store=place)
    assert Mapped(children=(), result=[]) == run[mapped]
    assert Success(result=0) == run[end]


def test_a_default_of_none_comes_back(place: str) -> None:
    """It makes its parameter optional, in the store, too."""
    with Flow("f") as flow:
        day = flow.parameter("day", datetime, default=None)

        @task(trigger=manual_only)
        def told(given: datetime | None) -> bool:
            return given is None

        node = told(day)
    assert Success(result=True) == flow.resume(flow.run(store=place).id, node, store=place)[node]


def test_a_large_result_comes_back(place: str) -> None:
    """Some megabytes are as good as some bytes, as is very deep nesting as far as JSON takes it."""
    nested: Any = []
    for _ in range(90):
        nested = [nested]

    @task
    def many() -> list[int]:
        return list(range(1_000_000))

    @task
    def deep() -> Any:
        return nested

    @task(trigger=manual_only)
    def same(numbers: list[int], given: Any) -> bool:
        return numbers == list(range(1_000_000)) and given == nested

    with Flow("f") as flow:
        node = same(many(), deep())
    assert Success(result=True) == flow.resume(flow.run(store=place).id, node, store=place)[node]


# ---- who has it


def test_a_run_that_goes_on(place: str) -> None:
    """Nobody else goes on with it, in this process neither; it is told until when, and the run is not disturbed."""
    here, may_end = threading.Event(), threading.Event()

    @task
    def hold(number: int) -> int:
        here.set()
        assert may_end.wait(SOON)
        return number

    with Flow("f") as flow:
        node = hold(one())
    run = begin(flow, {}, Options(store=place))
    thread = threading.Thread(target=run.start)
    thread.start()
    assert here.wait(SOON)
    try:
        with pytest.raises(RunTaken, match=r"has the lease on run .*; wait for it to end, or until .* UTC"):
            flow.resume(run.id, store=place)
        with pytest.raises(RunTaken, match=r"another process has run .*, or has had it since it was read"):
            flow.resume(run.id, node, store=place)  # not that it is not paused, which may be so in a moment
    finally:
        may_end.set()
        thread.join()
    assert Success(result=1) == run[node]


@contextmanager
def left_by(owner: str, place: str, seconds: float) -> Iterator[tuple[Flow, str]]:
    """Let a paused run be held by somebody, for so long."""
    flow = paused()
    run = flow.run(store=place)
    with open_store(place) as store:
        now = datetime.now(UTC)
        store.acquire(store.find(run.id), Lease(run.id, owner, now + timedelta(seconds=seconds)), now=now)
    yield flow, run.id


def of_this_machine(pid: int, began: str) -> str:
    namespace = f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"
    return f"{socket.gethostname()}|{namespace}|{pid}|{began}|{'0' * 32}"


def born(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


@pytest.mark.parametrize(
    "owner", ["another machine|x/y|1|1|0", "something else", "a|b"], ids=["elsewhere", "another program's", "short"]
)
def test_an_owner_who_may_be_alive(owner: str, place: str) -> None:
    """Its lease is waited for, and then no longer."""
    with (
        left_by(owner, place, 3600) as (flow, run),
        pytest.raises(RunTaken, match="has the lease on run"),
    ):
        flow.resume(run, "gate", store=place)
    later = datetime.now(UTC) + timedelta(seconds=3601)
    assert Success() == flow.resume(run, "gate", store=place, clock=lambda: later).state


@contextmanager
def napping() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            yield process
        finally:
            process.kill()


def test_an_owner_who_is_alive(place: str) -> None:
    """Its lease is waited for beyond its end, as nobody may have been able to renew it, and given up after ten."""
    with napping() as process:
        owner = of_this_machine(process.pid, born(process.pid))
        with left_by(owner, place, -1) as (flow, run):
            with pytest.raises(RunTaken, match="is late to renew it, and alive; wait for it, or end it"):
                flow.resume(run, store=place, lease=30)
            later = datetime.now(UTC) + timedelta(seconds=9 * 30)
            assert Success() == flow.resume(run, "gate", store=place, lease=30, clock=lambda: later).state


def test_an_owner_who_is_stopped_is_late_like_any_other(place: str) -> None:
    """A process that SIGSTOP keeps from running renews nothing until somebody lets it go on."""
    with napping() as process:
        with left_by(of_this_machine(process.pid, born(process.pid)), place, -1) as (flow, run):
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            assert Success() == flow.resume(run, "gate", store=place).state


KEEPING = "from tests.samples.keeping import flow; print(flow.run(store=%r, lease=0.3).state.type)"


def test_a_task_that_keeps_the_interpreter_keeps_its_run(place: str) -> None:
    """Nobody can renew the lease meanwhile, and no other process takes the run and runs the task again."""
    with subprocess.Popen([sys.executable, "-c", KEEPING % place], cwd=ROOT, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert "holds\n" == process.stdout.readline()
        with open_store(place) as store:
            (run,) = store.runs()
            lease = store.lease(run.id)
        assert lease is not None
        time.sleep(max(0.0, (lease.until - datetime.now(UTC)).total_seconds()) + 0.1)
        with pytest.raises(RunTaken, match="and alive"):
            keeping.flow.resume(run.id, store=place, lease=0.3)
        assert "Success\n" == process.stdout.readline()


@pytest.mark.parametrize(
    "owner", [of_this_machine(2**22 + 1, "5"), of_this_machine(os.getpid(), "1")], ids=["no process", "a younger one"]
)
def test_an_owner_who_is_dead(owner: str, place: str) -> None:
    """Its lease need not be waited for: there is no process of its number, or it began at another time."""
    with left_by(owner, place, 3600) as (flow, run):
        assert Success() == flow.resume(run, "gate", store=place).state


def test_a_lease_is_renewed(place: str) -> None:
    """As long as a task runs, however long that is."""

    @task
    def hold() -> bool:
        with open_store(place) as store:
            (run,) = store.runs()
            first = store.lease(run.id)
            assert first is not None
            until(lambda: store.lease(run.id) != first)
            now = store.lease(run.id)
        return now is not None and now.until > first.until

    with Flow("f") as flow:
        node = hold()
    assert Success(result=True) == flow.run(store=place, lease=0.3)[node]


def test_a_store_that_is_locked_for_a_while(place: str) -> None:
    """A heartbeat that fails is made up for by the next; the run goes on."""
    store = SQLiteStore(place, wait=0.01)

    @task
    def hold() -> bool:
        (run,) = store.runs()
        locking = sqlite3.connect(place, isolation_level=None)
        locking.execute("BEGIN IMMEDIATE")
        time.sleep(0.3)  # some heartbeats
        locking.execute("ROLLBACK")
        locking.close()
        locked = store.lease(run.id)
        until(lambda: store.lease(run.id) != locked)
        return True

    with Flow("f") as flow:
        node = hold()
    with store:
        assert Success(result=True) == flow.run(store=store, lease=0.3)[node]


# ---- an error half-way


class Told(Exception):
    """What an `on_event` may raise."""


@pytest.mark.parametrize("at", ["Pending", "Running", "Success"])
def test_an_error_of_who_is_told(at: str, place: str) -> None:
    """It comes out of the run, whose lease is given back: whoever has put it right goes on at once."""

    def tell(event: Event) -> None:
        if event.state.type == at:
            raise Told

    with Flow("f") as flow:
        node = add(one())
    with pytest.raises(Told):
        flow.run(store=place, on_event=tell)
    with open_store(place) as store:
        (run,) = store.runs()
        assert store.lease(run.id) is None
    assert Success(result=1) == flow.resume(run.id, store=place)[node]


class Locking:
    """Lets a task lock the store that its run is in, once."""

    def __init__(self, place: str) -> None:
        self._connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        self.is_tired = False

    def lock(self) -> None:
        if not self.is_tired:
            self.is_tired = True
            self._connection.execute("BEGIN IMMEDIATE")

    def unlock(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def locking_flow(lock: Callable[[], None], bodies: list[str]) -> tuple[Flow, object]:
    @task
    def quick(number: int) -> int:
        bodies.append("quick")
        return number

    @task
    def middle(number: int) -> int:
        bodies.append("middle")
        lock()
        return number + 1

    with Flow("f") as flow:
        last = add(quick(middle(one())), other=10)
    return flow, last


@pytest.fixture
def locked(place: str) -> Iterator[tuple[Locking, SQLiteStore]]:
    """What locks a store, and the store, which does not wait for long."""
    with SQLiteStore(place, wait=0.05) as store:
        yield Locking(place), store


@pytest.mark.parametrize("executor", [None, Threads(2)], ids=["in line", "in threads"])
def test_a_run_that_could_not_be_stored(
    executor: Threads | None, locked: tuple[Locking, SQLiteStore], place: str
) -> None:
    """The error is that of what was to be stored; this process goes on as soon as that is put right."""
    locking, store = locked
    bodies: list[str] = []
    flow, last = locking_flow(locking.lock, bodies)
    try:
        with pytest.raises(StoreError, match=r"another process has it locked, for 0\.05 s by now"):
            flow.run(store=store, executor=executor)
    finally:
        locking.unlock()
    (run,) = store.runs()
    seen = list if executor is None else elsewhere
    assert {"one": seen(["Running", "Success"]), "middle": seen(["Running"])} == tags(place, run.id)
    resumed = flow.resume(run.id, store=store, executor=executor)
    assert Success(result=12) == resumed[last]
    assert ["middle", "middle", "quick"] == bodies
    assert seen(["Running", "Scheduled", "Running", "Success"]) == tags(place, run.id)["middle"]


def test_the_same_run_goes_on_after_an_error(locked: tuple[Locking, SQLiteStore], place: str) -> None:
    """What it has in memory and could not store is stored then: no body is run again, and the history is whole."""
    locking, store = locked
    bodies: list[str] = []
    flow, last = locking_flow(locking.lock, bodies)
    run = begin(flow, {}, Options(store=store))
    try:
        with pytest.raises(StoreError):
            run.start()
    finally:
        locking.unlock()
    assert Success(result=12) == run.resume()[last]
    assert ["middle", "quick"] == bodies
    stored = store.find(run.id)
    steps: dict[str | None, list[Any]] = {}
    for record in store.history(stored):
        steps.setdefault(record.task, [Pending()]).append(decode_stored(record.state, Any))
    assert [None] * 5 == [check_history(states) for states in steps.values()]  # of four tasks, and of the run
    assert ["Success"] * 5 == [states[-1].type for states in steps.values()]


def test_a_run_that_cannot_be_created(locked: tuple[Locking, SQLiteStore]) -> None:
    """Nothing is run, and nothing is left behind."""
    locking, store = locked
    bodies: list[str] = []
    flow, _ = locking_flow(lambda: None, bodies)
    locking.lock()
    try:
        with pytest.raises(StoreError, match="another process has it locked"):
            flow.run(store=store)
    finally:
        locking.unlock()
    assert [] == bodies
    assert [] == store.runs()


# ---- cancelled from outside


def test_a_run_that_is_asked_to_cancel(place: str) -> None:
    """What runs comes to its end at the next heartbeat's word, and what has not begun is Cancelled."""

    @task
    def hold() -> int:
        with open_store(place) as store:
            (run,) = store.runs()
            assert cancel_run(store, run.id) is False
            until(lambda: begun.is_cancelled)
        return 1

    with Flow("f") as flow:
        first = hold()
        second = add(first)
    begun = begin(flow, {}, Options(store=place, lease=0.3))
    begun.start()
    assert Success(result=1) == begun[first]
    assert Cancelled(message="the run was cancelled") == begun[second]
    with open_store(place) as store:
        assert "Cancelled" == store.find(begun.id).tag


@task
def ask_to_cancel(place: str) -> int:
    """Ask that the run of this task be cancelled, long before the next heartbeat of its process."""
    with open_store(place) as store:
        assert cancel_run(store, current().run) is False
    return 1


def test_a_cancellation_of_a_run_that_pauses_before_its_next_heartbeat(place: str) -> None:
    """What waits for a person is Cancelled in the end, in this process as in the store."""
    with Flow("f") as flow:
        add(gate(ask_to_cancel(place)))
    run = flow.run(store=place)
    assert ["Success", "Cancelled", "Cancelled"] == [one.state.type for one in run]
    with open_store(place) as store:
        assert "Cancelled" == store.find(run.id).tag
    assert ["Paused", "Cancelled"] == tags(place, run.id)["gate"]


def test_a_cancellation_of_a_run_that_raises_before_its_next_heartbeat(place: str) -> None:
    """An exception that ends the process's work on the run leaves it cancelled."""

    @task
    def leave(number: int) -> int:
        raise KeyboardInterrupt

    with Flow("f") as flow:
        add(leave(ask_to_cancel(place)))
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place)
    with open_store(place) as store:
        (run,) = store.runs()
    assert ("Cancelled", ["Running", "Cancelled"]) == (run.tag, tags(place, run.id)["leave"])


def test_a_cancellation_of_a_run_that_ends_before_its_next_heartbeat(place: str) -> None:
    """Nothing is left to cancel: what it has come to stays."""
    with Flow("f") as flow:
        ask_to_cancel(place)
    run = flow.run(store=place)
    with open_store(place) as store:
        assert ("Success", None) == (store.find(run.id).tag, store.lease(run.id))


@pytest.mark.parametrize("approve", [(), ("gate",)], ids=["still paused", "over"])
def test_a_run_that_changes_while_it_is_being_cancelled(
    approve: tuple[str, ...], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that its process changed and left between two looks at it is looked at again."""
    flow = paused()
    run = flow.run(store=place)
    with open_store(place) as store:
        leases = iter([lambda: flow.resume(run.id, *approve, store=place)])
        look = store.lease

        def look_once_it_has_changed(id: str) -> Lease | None:
            next(leases, lambda: None)()
            return look(id)

        monkeypatch.setattr(store, "lease", look_once_it_has_changed)
        if approve:
            with pytest.raises(RunTaken, match="is over, it is Success"):
                cancel_run(store, run.id)
        else:
            assert cancel_run(store, run.id)
            assert "Cancelled" == store.find(run.id).tag


def test_a_wish_to_cancel_outlives_its_process(place: str) -> None:
    """Who goes on with a run that was to be cancelled when its process died, cancels it."""
    with left_by(of_this_machine(2**22 + 1, "5"), place, 3600) as (flow, run):
        with open_store(place) as store:
            assert store.request_cancel(run)
        resumed = flow.resume(run, "gate", store=place)
    assert ["Success", "Cancelled", "Cancelled"] == [one.state.type for one in resumed]


def test_what_nobody_goes_on_with_is_cancelled(place: str) -> None:
    """All that is not final, children that never began as well; their mapped task ends as they make it."""

    @task
    def work(number: int) -> int:
        if number == 2:
            raise KeyboardInterrupt
        if number == 1:
            return Failed(message="odd")  # type: ignore[return-value]  # a state is what it becomes
        return number

    with Flow("f") as flow:
        add(flow.map(work, range(4)))  # type: ignore[arg-type]  # never called
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place)
    with open_store(place) as store:
        (run,) = store.runs()
        assert cancel_run(store, run.id) is True
        assert "Cancelled" == store.find(run.id).tag
        assert store.lease(run.id) is None
    assert {
        "work[0]": ["Running", "Success"],
        "work[1]": ["Running", "Failed"],
        "work[2]": ["Running", "Cancelled"],
        "work[3]": ["Cancelled"],
        "work": ["MapFailed"],
        "add": ["Cancelled"],
    } == tags(place, run.id)


# ---- what is cached


def test_what_is_cached_is_stored_with_its_success(place: str) -> None:
    """Both or neither: where the one was acknowledged, the other is there for a task that goes on from it."""
    times: list[str] = []

    @task(cache_for=60)
    def look_up(number: int) -> int:
        times.append("looked up")
        return number

    @task
    def stop(number: int) -> int:
        if len(times) == 1:
            raise KeyboardInterrupt
        return number

    with Flow("f") as flow:
        first = look_up(1)
        stopped = stop(first)
        second = look_up(1)
        flow.after(second, stopped)
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place)
    with open_store(place) as store:
        (run,) = store.runs()
    times.append("resumed")
    assert "Cached" == flow.resume(run.id, store=place)[second].type
    assert ["looked up", "resumed"] == times


def test_append_remembers_in_its_transaction(place: str) -> None:
    """What cannot be appended is not remembered either."""
    with Flow("f") as flow:
        one()
    with open_store(place) as store:
        run = flow.run(store=store)
        stored, now = store.find(run.id), datetime.now(UTC)
        kept = ("key", b"kept", now + timedelta(hours=1))
        with pytest.raises(RunTaken):
            store.append(stored, "nobody", [], now=now, cached=[kept])
        assert store.recall("key", now) is None
        store.acquire(stored, Lease(run.id, "me", now + timedelta(hours=1)), now=now)
        store.append(stored, "me", [], now=now, cached=[("key", b"older", kept[2]), ("a", b"b", kept[2]), kept])
        assert [b"kept", b"b"] == [store.recall(key, now) for key in ("key", "a")]
        assert isinstance(store, Store)


def test_what_is_mapped_over_has_an_order(tmp_path: Path) -> None:
    """A set, whose order is another in each process, is refused when the flow is built, or in the run."""

    @task
    def letters() -> set[str]:
        return {"a", "b"}

    @task
    def same(letter: str) -> str:
        return letter

    with Flow("sets") as flow:
        node = flow.map(same, letters())
        with pytest.raises(FlowError, match=r"map over sorted\(\.\.\.\)"):
            flow.map(same, {"a", "b"})
    state = flow.run(store=tmp_path / "runs.db")[node]
    assert (Failed, False) == (type(state), state.has_result)


def test_as_many_constants_are_mapped_over_as_before(tmp_path: Path) -> None:
    """A run that was mapped over two constants is not gone on with over three."""

    def flow_of(*numbers: int) -> Flow:
        with Flow("constants") as flow:
            task(name="wait", trigger=manual_only)(lambda values: values)(flow.map(task(name="same")(abs), numbers))
        return flow

    run = flow_of(1, 2).run(store=tmp_path / "runs.db")
    with pytest.raises(FlowError, match="task 'same' is wired otherwise"):
        flow_of(1, 2, 3).resume(run.id, store=tmp_path / "runs.db")


def test_tasks_made_by_one_function_share_no_cache(tmp_path: Path) -> None:
    """Closures of one function, and arguments of two types that JSON writes alike, are not taken for each other."""

    def times(factor: int) -> Any:
        return task(name="times", cache_for=60)(lambda number: number * factor)

    untyped = task(name="untyped", cache_for=60)(lambda value: type(value).__name__)
    with Flow("closures") as flow:
        nodes = [times(2)(5), times(10)(5), untyped(date(2026, 1, 1)), untyped("2026-01-01")]
        for earlier, later in pairwise(nodes):
            flow.after(later, earlier)
    run = flow.run(store=tmp_path / "runs.db")
    assert [10, 50, "date", "str"] == [run[node].unwrap() for node in nodes]


def test_a_listener_that_raises_loses_no_other_event(place: str) -> None:
    """Whatever is stored is told, also after the event at which it raised; then its exception comes out."""
    told: list[tuple[str | None, str]] = []

    def listen(event: Event) -> None:
        told.append((event.task, event.state.type))
        if event.task == "one" and isinstance(event.state, Running):
            raise OSError("nobody listens any more")

    with Flow("f") as flow:
        one(), one(), one()
    with pytest.raises(OSError, match="nobody listens any more"):
        flow.run(store=place, on_event=listen, executor=Threads(3))
    with open_store(place) as store:
        (run,) = store.runs()
        stored = [(record.task, decode(record.state).type) for record in store.history(run)]
    names = "one", "one-2", "one-3"
    assert [(None, "Running"), *((name, "Submitted") for name in names)] == stored[:4]
    assert ("one", "Running") in stored[4:]
    assert {*stored[4:]} <= {(name, "Running") for name in names}  # threads begin in any order
    assert stored == [event for event in told if event[1] != "Pending"]
