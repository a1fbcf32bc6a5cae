"""The Dask executor: each call comes to one end, whatever happens to workers, to the scheduler and to values."""

import importlib.util
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Event, LocalCluster
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from statesig import AnyState, Attempt, Crashed, Failed, Flow, Success, Task, TimedOut, task
from statesig.errors import ExecutorError
from statesig.executors.calls import Call, Outcome, performed
from statesig.executors.dask.cluster import Dask
from statesig.executors.dask.placement import MOST, Placement, Worker
from statesig.executors.executor import Session
from statesig.tracing import Tracing
from tests import ROOT
from tests.harness.exhaustive import counts, exhaustive_but
from tests.samples import cluster_work as work
from tests.samples import handing_over
from tests.samples.traced import inside


def call_of(task: Task[Any, Any], *args: Any, **options: Any) -> Call:
    return Call(task, args, {}, Attempt("run", task.name, None, 2, {"loop": 1}), **options)


class Served:
    """An executor that serves, and what it reported."""

    def __init__(self, executor: Dask) -> None:
        self.executor = executor
        self.session: Session
        self.reports: queue.SimpleQueue[tuple[Call, Outcome]] = queue.SimpleQueue()

    def next(self) -> tuple[Call, Outcome]:
        return self.reports.get(timeout=60)

    def wait(self, calls: Sequence[Call]) -> list[Outcome]:
        """Return the outcomes of calls, in order; each is reported once, and no other is."""
        got = [self.next() for _ in calls]
        found = dict(got)
        assert set(calls) == set(found)
        return [found[call] for call in calls]

    def of(self, calls: Sequence[Call]) -> list[Outcome]:
        self.session.submit(calls)
        return self.wait(calls)

    def state(self, task: Task[Any, Any], *args: Any, **options: Any) -> AnyState[Any]:
        return self.of([call_of(task, *args, **options)])[0].state

    def kinds(self, calls: Sequence[Call]) -> dict[str, int]:
        return Counter(type(outcome.state).__name__ for outcome in self.of(calls))


@contextmanager
def serving(executor: Dask) -> Iterator[Served]:
    """Serve a run; nothing is reported that was not asked for, and no thread is left."""
    served = Served(executor)
    served.session = executor.open(lambda call, outcome: served.reports.put((call, outcome)))
    try:
        yield served
    finally:
        served.session.close(now=True)
    assert served.reports.empty()
    assert "statesig-dask" not in {thread.name for thread in threading.enumerate()}


def local(workers: int) -> LocalCluster:
    return LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes of one thread each; their nannies begin them anew when they are killed."""
    with local(2) as found:
        yield found


@pytest.fixture
def served(cluster: LocalCluster) -> Iterator[Served]:
    """An executor on both workers."""
    all_there(cluster)
    with serving(Dask(cluster)) as found:
        yield found


def all_there(cluster: LocalCluster) -> None:
    """Wait until those that were killed have their successors, which takes a busy machine some seconds."""
    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)


def begun(path: Path, count: int = 1) -> list[int]:
    """Wait until so many calls of `notes` have begun, and return the processes that they are in."""
    while not path.exists() or len(path.read_text().splitlines()) < count:
        time.sleep(0.01)
    return [int(line) for line in path.read_text().splitlines()]


# ---- beginnings


@pytest.mark.exhaustive
def test_a_worker_says_that_a_call_has_begun(cluster: LocalCluster, tmp_path: Path) -> None:
    """The store has the task Running while its function, on a worker, still goes on."""
    place = str(tmp_path / "runs.db")
    with Flow("f") as flow:
        node = handing_over.until_running(place)
    all_there(cluster)
    assert Success(result="Running") == flow.run(store=place, executor=Dask(cluster))[node]


# ---- outcomes


@pytest.mark.parametrize(
    ("task", "args"),
    [
        (work.double, (2,)),
        (work.raises, ("no",)),
        (work.skips, ()),
        (work.fails_from, ("disk",)),
        (work.returns_state, ()),
        (work.typed, (3,)),
        (work.awaits, (4,)),
        (work.is_cancelled, ()),
        (work.exits, ()),
        (work.tells, ()),
        (work.tells_in_time, ()),
    ],
    ids=lambda given: getattr(given, "name", ""),
)
def test_a_call_leaves_the_state_that_it_leaves_in_line(served: Served, task: Task[Any, Any], args: Any) -> None:
    """Values, exceptions, signals, states, typed results, coroutines and `current()`: all are as they are here."""
    expected = performed(call_of(task, *args)).state
    state = served.state(task, *args)
    assert expected == state
    assert type(expected) is type(state)


def test_text_is_redacted_before_it_leaves_the_worker(served: Served) -> None:
    """`redact` is called where the exception was raised."""
    state = served.state(work.raises, "secret", redact=work.censor)
    assert ("...",) == tuple(cause.message for cause in state.causes)


@pytest.mark.parametrize("is_stored", exhaustive_but([True], [True, False]))
def test_a_function_finds_the_span_of_its_attempt(cluster: LocalCluster, is_stored: bool, tmp_path: Path) -> None:
    """As a remote one; calls that are sent together have each their own."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with Flow("traced") as flow:
        found = flow.map(inside, range(30))
    store = tmp_path / "runs.db" if is_stored else None
    run = flow.run(executor=Dask(cluster), store=store, on_event=Tracing(provider))
    attempts = [span for span in exporter.get_finished_spans() if span.name == "attempt inside"]
    ids = {(span.attributes or {})["statesig.index"]: span.get_span_context().span_id for span in attempts}
    assert [(ids[index], True, "None") for index in range(30)] == [child.result for child in run.children(found)]
    assert 30 == len(attempts)


def test_an_outcome_tells_its_worker_and_its_time(cluster: LocalCluster, served: Served) -> None:
    """The worker is called by its address, and the time is the function's."""
    [outcome] = served.of([call_of(work.naps, 1, 0.2)])
    with Client(cluster, set_as_default=False) as client:
        assert outcome.worker in client.nthreads()
    assert 0.2 <= outcome.seconds


@pytest.mark.parametrize("give", ["cluster", "address", "client"])
def test_a_cluster_is_given_as_an_object_an_address_or_a_client(cluster: LocalCluster, give: str) -> None:
    """Each leads to the same workers, and none of them is closed in the end."""
    with Client(cluster, set_as_default=False) as client:
        given = {"cluster": cluster, "address": cluster.scheduler_address, "client": client}[give]
        with serving(Dask(given)) as served:
            assert Success(result=2) == served.state(work.double, 1)
            assert 2 == served.session.slots
        assert 4 == client.submit(work.double, 2).result()


def test_an_executor_serves_one_run_after_the_other(cluster: LocalCluster) -> None:
    """What was closed can be opened again."""
    executor = Dask(cluster)
    for value in range(3):
        with serving(executor) as served:
            assert Success(result=2 * value) == served.state(work.double, value)


def test_threads_of_one_process_are_workers_too() -> None:
    """A cluster without processes serves as well."""
    with LocalCluster(n_workers=1, threads_per_worker=4, processes=False, dashboard_address=":0") as cluster:
        with serving(Dask(cluster)) as served:
            assert {"Success": 50} == served.kinds([call_of(work.double, value) for value in range(50)])


# ---- values that do not make the way


def test_an_argument_that_cannot_be_pickled_is_a_failure(served: Served) -> None:
    """It is not retryable, it says what it is about, and no worker hears of it."""
    state = served.state(work.takes, threading.Lock())
    assert Failed is type(state)
    assert not state.retryable
    assert "argument" in str(state.message)


def test_a_result_that_cannot_be_pickled_is_a_failure(served: Served) -> None:
    """It is not retryable and says that it is about the result; the worker goes on."""
    state = served.state(work.makes_lock)
    assert (Failed, False) == (type(state), state.retryable)
    assert "result" in str(state.message)
    assert Success(result=2) == served.state(work.double, 1)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_result_that_cannot_be_read_is_a_failure(served: Served, kind: type[BaseException]) -> None:
    """Whatever its class raises here, the client goes on."""
    state = served.state(work.makes_unreadable, kind)
    assert (Failed, False) == (type(state), state.retryable)
    assert "result" in str(state.message)
    assert Success(result=2) == served.state(work.double, 1)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
def test_an_argument_that_cannot_be_read_is_a_failure(served: Served, kind: type[BaseException]) -> None:
    """Whatever its class raises in the worker, that goes on; and what is said of it is redacted here."""
    state = served.state(work.takes, work.Unreadable(kind), redact=work.censor)
    assert (Failed, False) == (type(state), state.retryable)
    assert {"..."} == {cause.message for cause in state.causes}
    assert Success(result=2) == served.state(work.double, 1)


def test_what_no_worker_can_import_goes_by_value(served: Served) -> None:
    """A task of a function's own, a closure, and its lambda as an argument."""
    three = 3

    @task(handlers=[lambda old, new: None])
    def times(fn: Callable[[int], int]) -> int:
        return fn(three)

    assert Success(result=12) == served.state(times, lambda value: 4 * value)


def test_large_arguments_and_results(served: Served) -> None:
    """Twenty megabytes go there, and come back."""
    count = 20_000_000
    assert Success(result=count) == served.state(work.size, bytes(count))
    assert Success(result=bytes(count)) == served.state(work.zeros, count)


def test_many_large_arguments_of_short_calls(served: Served) -> None:
    """What would be too large together is sent in several parts."""
    calls = [call_of(work.size, bytes(300_000)) for _ in range(40)]
    assert {"Success": 40} == served.kinds(calls)


# ---- many calls


def test_each_of_many_short_calls_is_reported_once(served: Served) -> None:
    """Two thousand calls in portions: each outcome is its own, and there is one of each."""
    calls = [call_of(work.double, value) for value in range(2_000)]
    for start in range(0, 2_000, 250):
        served.session.submit(calls[start : start + 250])
    assert [Success(result=2 * value) for value in range(2_000)] == [each.state for each in served.wait(calls)]


@pytest.mark.exhaustive
def test_a_call_that_takes_long_among_short_ones_holds_up_none(served: Served) -> None:
    """What was sent along with it comes back before it ends, from another worker."""
    served.of([call_of(work.naps, 0, 0.0) for _ in range(50)])
    long = call_of(work.naps, 0, 5.0)
    calls = [long, *(call_of(work.naps, value, 0.0) for value in range(200))]
    served.session.submit(calls)
    reported = [served.next()[0] for _ in calls]
    assert long is reported[-1]
    assert set(calls) == set(reported)


@pytest.mark.exhaustive
def test_a_worker_that_others_use_is_passed_by(cluster: LocalCluster, served: Served) -> None:
    """What has not begun there in a second is run by another worker."""
    with Client(cluster, set_as_default=False) as client:
        free = Event("free", client=client)
        busy = client.submit(_waits, "free", workers=[min(client.nthreads())], pure=False)
        assert {"Success": 4} == served.kinds([call_of(work.naps, value, 0.1) for value in range(4)])
        assert not busy.done()
        free.set()
        busy.result()


def _waits(name: str) -> None:
    Event(name).wait()


# ---- losses


@pytest.mark.exhaustive
def test_a_worker_that_dies_takes_only_the_call_that_it_ran(served: Served, tmp_path: Path) -> None:
    """Of 50 calls under way one is Crashed, which says why and is retryable; the others are done."""
    path = tmp_path / "begun"
    calls = [call_of(work.notes, path, 0.06) for _ in range(50)]
    served.session.submit(calls)
    os.kill(begun(path, 20)[-1], signal.SIGKILL)
    states = [outcome.state for outcome in served.wait(calls)]
    assert {"Success": 49, "Crashed": 1} == Counter(type(state).__name__ for state in states)
    [crashed] = [state for state in states if isinstance(state, Crashed)]
    assert crashed.retryable
    assert "was lost" in str(crashed.message)
    assert 50 == len(begun(path))


@pytest.mark.thorough
def test_a_call_that_ends_its_worker_is_begun_once(served: Served, tmp_path: Path) -> None:
    """Dask alone would run it four times, each on another worker."""
    assert Crashed is type(served.state(work.kills, tmp_path / "begun"))
    assert ["begun"] == (tmp_path / "begun").read_text().splitlines()
    assert Success(result=2) == served.state(work.double, 1)


@pytest.mark.exhaustive
def test_short_calls_that_were_lost_are_run_once_more(served: Served) -> None:
    """Of 300 calls that were sent together, the one that ends its worker is Crashed, and it alone."""
    served.of([call_of(work.kills_if, -1, 0) for _ in range(20)])
    calls = [call_of(work.kills_if, value, 100) for value in range(300)]
    states = [outcome.state for outcome in served.of(calls)]
    assert Crashed is type(states[100])
    assert [Success(result=value) for value in range(300) if value != 100] == states[:100] + states[101:]


@pytest.mark.parametrize("rounds", counts(None, None, 2, share=1 / 10))
def test_workers_that_die_again_and_again_lose_no_call(
    cluster: LocalCluster, served: Served, tmp_path: Path, rounds: int
) -> None:
    """Whatever is killed, and when: each call is done or Crashed, and reported once; one is Crashed at most."""
    for killed in range(rounds):
        all_there(cluster)
        path = tmp_path / str(killed)
        calls = [call_of(work.notes, path, 0.01 * (number % 10)) for number in range(30)]
        served.session.submit(calls)
        os.kill(begun(path, killed % 20 + 1)[-1], signal.SIGKILL)
        kinds = Counter(type(outcome.state).__name__ for outcome in served.wait(calls))
        assert 30 == kinds["Success"] + kinds["Crashed"]
        assert 1 >= kinds["Crashed"]


@pytest.mark.exhaustive
def test_a_cluster_without_workers_is_given_up_in_time() -> None:
    """After `patience` seconds without a worker, calls are Crashed; so are those that come later."""
    with local(1) as cluster, serving(Dask(cluster, patience=2)) as served:
        calls = [call_of(work.naps, value, 60.0) for value in range(3)]
        served.session.submit(calls)
        cluster.scale(0)
        states = [outcome.state for outcome in served.wait(calls)]
        assert {Crashed} == {type(state) for state in states}
        assert "no worker for 2 s" in str(states[-1].message)
        assert Crashed is type(served.state(work.double, 1))


@pytest.mark.exhaustive
def test_a_worker_that_comes_late_is_used() -> None:
    """Calls wait for the first worker, and a further one makes the cluster larger."""
    with local(0) as cluster, serving(Dask(cluster)) as served:
        calls = [call_of(work.double, value) for value in range(10)]
        served.session.submit(calls)
        cluster.scale(2)
        assert {Success} == {type(outcome.state) for outcome in served.wait(calls)}


@pytest.mark.exhaustive
def test_an_adaptive_cluster_starts_workers_for_what_waits() -> None:
    """A cluster that has shrunk to nothing sees that there is something to do."""
    with local(0) as cluster:
        cluster.adapt(minimum=0, maximum=1, interval="100ms")
        with serving(Dask(cluster)) as served:
            assert Success(result=2) == served.state(work.double, 1)


@contextmanager
def hosted() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A cluster in a process of its own, and its scheduler's address."""
    command = [sys.executable, "-m", "tests.samples.cluster_host"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.exhaustive
def test_a_scheduler_that_is_lost() -> None:
    """What is under way is Crashed, and so is what comes later; nothing waits for ever."""
    with hosted() as (process, address), serving(Dask(address, timeout=2)) as served:
        calls = [call_of(work.naps, value, 60.0) for value in range(5)]
        served.session.submit(calls)
        time.sleep(0.5)
        process.kill()
        assert {Crashed} == {type(outcome.state) for outcome in served.wait(calls)}
        state = served.state(work.double, 1)
        assert Crashed is type(state)
        assert "scheduler" in str(state.message)


@pytest.mark.exhaustive
def test_a_scheduler_that_hangs() -> None:
    """One that does not answer for `patience` seconds is as good as lost."""
    with hosted() as (process, address), serving(Dask(address, timeout=1, patience=2)) as served:
        process.send_signal(signal.SIGSTOP)
        state = served.state(work.double, 1)
        process.send_signal(signal.SIGCONT)
        assert Crashed is type(state)
        assert "did not answer" in str(state.message)


def test_an_address_out_of_reach() -> None:
    """It is an error of the executor, that says what can be done."""
    with pytest.raises(ExecutorError, match=r"tcp://127\.0\.0\.1:9 cannot be reached within 1 s") as caught:
        Dask("tcp://127.0.0.1:9", timeout=1).open(lambda call, outcome: None)
    assert "Dask" == caught.value.executor


@pytest.mark.exhaustive
def test_workers_without_statesig() -> None:
    """That is said at once, and with what can be done."""
    preload = str(ROOT / "tests/samples/cluster_without.py")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", preload=[preload]) as cluster:
        with pytest.raises(ExecutorError, match="install the same version of statesig there"):
            Dask(cluster).open(lambda call, outcome: None)


def test_dask_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the error says how it is installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExecutorError, match=r"pip install 'statesig\[dask\]'"):
        Dask().open(lambda call, outcome: None)


# ---- stopping


def test_a_timeout_counts_in_the_worker(served: Served) -> None:
    """The call is TimedOut, which says that its thread goes on; the worker is free for others."""
    began = time.monotonic()
    states = [each.state for each in served.of([call_of(work.naps_too_long, 30.0) for _ in range(4)])]
    assert time.monotonic() - began < 30
    assert {TimedOut} == {type(state) for state in states}
    assert "took longer than 0.2 s; its thread goes on in worker tcp://" in str(states[0].message)


def test_the_runners_deadline_is_behind_that_of_the_worker(served: Served) -> None:
    """A call is said to have begun so late that the worker's own timeout is the one that acts."""
    before = time.monotonic()
    call = call_of(work.naps_too_long, 0.0)
    assert call.began is None
    served.of([call])
    assert call.began is not None
    assert call.began > before + 10


def test_a_call_that_is_stopped_before_it_begins_never_runs(served: Served, tmp_path: Path) -> None:
    """It is not reported, and the others are run."""
    path = tmp_path / "begun"
    calls = [call_of(work.notes, path, 0.5) for _ in range(6)]
    served.session.submit(calls)
    begun(path, 2)
    assert ["it had not begun"] * 4 == [served.session.stop(call) for call in calls[2:]]
    assert {Success} == {type(outcome.state) for outcome in served.wait(calls[:2])}
    assert Success(result=2) == served.state(work.double, 1)
    assert 2 == len(begun(path))


def test_a_call_that_is_stopped_while_it_runs_goes_on_unheard(served: Served, tmp_path: Path) -> None:
    """What is said of it is true, nothing is reported, and its thread is used again when it is done."""
    path = tmp_path / "begun"
    calls = [call_of(work.notes, path, 1.0) for _ in range(2)]
    served.session.submit(calls)
    begun(path, 2)
    for call in calls:
        assert "if its function has begun, it goes on in worker tcp://" in served.session.stop(call)
    assert Success(result=2) == served.state(work.double, 1)


def test_closing_now_leaves_what_is_under_way(cluster: LocalCluster, tmp_path: Path) -> None:
    """It ends at once, and no call that had not begun does so later."""
    path = tmp_path / "begun"
    with serving(Dask(cluster)) as served:
        calls = [call_of(work.notes, path, 1.0) for _ in range(20)]
        served.session.submit(calls)
        begun(path, 2)
        for call in calls:
            served.session.stop(call)
    with serving(Dask(cluster)) as served:
        assert {"Success": 2} == served.kinds([call_of(work.naps, 0, 0.1) for _ in range(2)])
    assert 2 == len(begun(path))


# ---- which call goes where


def places(*threads: int, batch: float = 0.05, ahead: int = 1) -> Placement:
    found = Placement(batch, ahead)
    for number, count in enumerate(threads):
        found.workers[str(number)] = Worker(str(number), count, "")
    return found


def all_of(found: Placement) -> list[tuple[str, int, bool]]:
    """Return the worker of each submission that can be made now, how many calls are in it, and whether it is alone."""
    return [(sent.worker.address, len(sent.calls), sent.alone) for sent in iter(found.next, None)]


def calls_of(count: int, task: Task[Any, Any] = work.double) -> list[Call]:
    return [call_of(task, number) for number in range(count)]


def test_calls_of_an_unknown_task_go_alone_one_for_each_thread() -> None:
    """So it is measured before more of it is sent."""
    found = places(1, 2)
    found.add(calls_of(10))
    assert [("0", 1, True), ("1", 1, True), ("1", 1, True)] == all_of(found)


def test_calls_of_a_short_task_go_together_and_ahead() -> None:
    """What waits is shared out among all threads, twice over."""
    found = places(1, 1)
    [call, *calls] = calls_of(101)
    found.took(call, 0.0001)
    found.add(calls)
    assert [("0", 25, False), ("1", 25, False), ("0", 25, False), ("1", 25, False)] == all_of(found)


def test_a_batch_is_no_longer_than_it_may_be() -> None:
    """Neither in seconds, by the task's mean, nor in calls."""
    for seconds, size in ((0.01, 5), (0.0, MOST), (0.051, 1)):
        found = places(1)
        [call, *calls] = calls_of(5_000)
        found.took(call, seconds)
        found.add(calls)
        sent = found.next()
        assert sent is not None
        assert size == len(sent.calls)


def test_a_long_call_waits_for_a_thread_and_is_not_overtaken() -> None:
    """Nothing is sent past it, so that short calls do not keep it from its thread."""
    found = places(1)
    [short, *shorts] = calls_of(10)
    found.took(short, 0.0001)
    [long] = calls_of(1, work.naps)
    found.took(long, 10.0)
    found.add([short])
    first = found.next()
    found.add([long, *shorts])
    assert first is not None
    assert [] == all_of(found)
    first.worker.sent.remove(first)
    assert [("0", 1, True)] == all_of(found)


def test_nothing_is_sent_behind_a_long_call() -> None:
    """Short calls wait only behind short ones."""
    found = places(1)
    found.add(calls_of(1, work.naps))
    assert [("0", 1, True)] == all_of(found)
    [call, *calls] = calls_of(10)
    found.took(call, 0.0001)
    found.add(calls)
    assert [] == all_of(found)


def test_tasks_take_turns() -> None:
    """Many calls of one task do not hold up those of another."""
    found = places(4)
    found.add(calls_of(10) + calls_of(10, work.size))
    tasks = [sent.calls[0].task for sent in iter(found.next, None) if sent.calls[0]]
    assert [work.double, work.size] * 2 == tasks


def test_a_task_with_a_timeout_goes_alone() -> None:
    """However short it is: what waits in a worker would wait within its time."""
    found = places(1)
    [call, *calls] = calls_of(10, work.naps_too_long)
    found.took(call, 0.0001)
    found.add(calls)
    assert [("0", 1, True)] == all_of(found)


def test_what_was_lost_goes_first_and_alone() -> None:
    """However short it is."""
    found = places(1)
    [call, *calls] = calls_of(10)
    found.took(call, 0.0001)
    found.add(calls)
    found.add_again([call])
    sent = found.next()
    assert sent is not None
    assert ([call], True) == (sent.calls, sent.alone)


def test_a_worker_that_stalls_is_given_nothing() -> None:
    """The others are."""
    found = places(1, 1)
    found.workers["0"].stalled = time.monotonic() + 60
    found.add(calls_of(2))
    assert [("1", 1, True)] == all_of(found)


# ---- flows


def test_a_flow_runs_on_a_cluster(cluster: LocalCluster, tmp_path: Path) -> None:
    """Tasks that were lost with their worker are run again while they have attempts."""
    again = task(retries=2, name="again")(partial(_kills_at_first, tmp_path / "begun"))
    with Flow("cluster") as flow:
        total = _sum(flow.map(work.double, list(range(20))), again())
    run = flow.run(executor=Dask(cluster))
    assert Success(result=381) == run[total]


def _kills_at_first(path: Path) -> int:
    if not path.exists():
        path.touch()
        os._exit(1)
    return 1


@task
def _sum(values: list[int], more: int) -> int:
    return sum(values) + more


@pytest.mark.thorough
def test_a_program_with_tasks_of_its_own() -> None:
    """What stands in the program itself is sent by value, and its classes are its own when they come back."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "tests/samples/cluster_script.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (0, "done\n") == (done.returncode, done.stdout), done.stderr
