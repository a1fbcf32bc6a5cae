"""One flow in which everything happens comes to the same states wherever it is run, and whatever dies meanwhile."""

import asyncio
import itertools
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from distributed import LocalCluster
from distributed import utils as distributed_utils

from statesig import Event, Executor, State
from statesig.executors.dask.cluster import Dask
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from tests.harness.exhaustive import counts, exhaustive_but, thorough_but
from tests.harness.leftovers import leaving_nothing
from tests.samples.everything import RELEASE, SPENT, flow, states_in

DAY = date(2026, 1, 22)
NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)

States = dict[str, State[Any]]


def noon() -> datetime:
    """Return one time, so that Cached states expire at one time, too."""
    return NOON


@pytest.fixture(scope="module")
def expected() -> tuple[States, States]:
    """The states before and after the approval, in line."""
    run = flow.run(day=DAY, clock=noon)
    before = states_in(run)
    return before, states_in(run.resume(*RELEASE))


def two_workers() -> LocalCluster:
    """Return a cluster of two worker processes, whose nannies begin them anew when they are killed."""
    return LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0")


def start_the_thread_that_dask_keeps() -> None:
    """Start the thread that Dask starts once and keeps until the process ends, so that no test has left it."""
    distributed_utils._offload_executor.submit(int).result()


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A cluster for several tests, which leaves nothing when it is closed."""
    start_the_thread_that_dask_keeps()
    with leaving_nothing(), two_workers() as found:
        yield found


@pytest.fixture(autouse=True)
def leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    start_the_thread_that_dask_keeps()
    with nullcontext() if "cluster" in request.fixturenames else leaving_nothing():
        yield


def in_line() -> Executor | None:
    return None


def four_threads() -> Executor:
    return Threads(4)


def spawned() -> Executor:
    return Processes(2)


def forked() -> Executor:
    return Processes(2, start="forkserver")


@contextmanager
def kept(executor: Executor | None) -> Iterator[Executor | None]:
    """Keep what an executor has from the run to what follows the approval."""
    if executor is None:
        yield None
    else:
        with executor:
            yield executor


def before_and_after(**options: Any) -> tuple[States, States]:
    """Run the flow, approve what is paused, and return the states before that and after it."""
    run = flow.run(day=DAY, clock=noon, **options)
    before = states_in(run)
    return before, states_in(run.resume(*RELEASE))


@pytest.mark.parametrize(
    "where", exhaustive_but([in_line, four_threads, forked], [in_line, four_threads, spawned, forked])
)
def test_the_same_states_everywhere(
    where: Callable[[], Executor | None], expected: tuple[States, States], tmp_path: Path
) -> None:
    """In line, in threads and in processes, with a store and without, each task and child comes to the same state."""
    with kept(where()) as executor:
        without = before_and_after(executor=executor)
        stored = before_and_after(executor=executor, store=tmp_path / "runs.db")
    assert expected == without
    assert expected == stored
    assert ["runs.db"] == os.listdir(tmp_path)


async def before_and_after_awaited(**options: Any) -> tuple[States, States]:
    """Do the same from a coroutine, on whose loop coroutine functions run."""
    run = await flow.arun(day=DAY, clock=noon, **options)
    before = states_in(run)
    return before, states_in(await asyncio.to_thread(run.resume, *RELEASE))


@pytest.mark.parametrize("where", [in_line, four_threads])
def test_the_same_states_from_a_coroutine(
    where: Callable[[], Executor | None], expected: tuple[States, States], tmp_path: Path
) -> None:
    """Awaited, with a store and without, each task and child comes to the same state."""
    with kept(where()) as executor:
        without = asyncio.run(before_and_after_awaited(executor=executor))
        stored = asyncio.run(before_and_after_awaited(executor=executor, store=tmp_path / "runs.db"))
    assert expected == without
    assert expected == stored


class Killer:
    """Kills the worker that a task tells it is in, once it does; waits for that in a thread of its own."""

    def __init__(self, witness: Path) -> None:
        self.killed = 0
        self._witness = witness
        self._thread = threading.Thread(target=self._kill)

    def _kill(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            told = self._witness.read_text() if self._witness.exists() else ""
            if told:
                os.kill(int(told), signal.SIGKILL)
                self.killed += 1
                return
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.join()


def states_with_one_killed(executor: Executor, folder: Path) -> tuple[States, States]:
    """Run the flow while the worker that runs its second task is killed; return the states before and after."""
    events: list[Event] = []
    with Killer(folder / "pid") as killer:
        run = flow.run(day=DAY, witness=str(folder / "pid"), executor=executor, clock=noon, on_event=events.append)
        before = states_in(run)
        after = states_in(run.resume(*RELEASE))
    seen = [event.state for event in events if event.task == "slow"]
    assert 1 == killer.killed
    twice = ["Submitted", "Running"]
    assert ["Pending", *twice, "Retrying", *twice, "Success"] == [state.type for state in seen]
    assert "SIGKILL" in str(seen[3].message) or "lost" in str(seen[3].message)
    return before, after


@pytest.mark.exhaustive
@pytest.mark.parametrize("where", thorough_but([forked], [spawned, forked]))
def test_the_same_states_where_a_worker_is_killed(
    where: Callable[[], Executor], expected: tuple[States, States], tmp_path: Path
) -> None:
    """A process killed half-way costs what it ran an attempt, and no state is another."""
    with kept(where()) as executor:
        assert executor is not None
        assert expected == states_with_one_killed(executor, tmp_path)


def killing(draw: random.Random, workers: Callable[[], list[int]], killed: list[int]) -> Callable[[Event], None]:
    """Return what kills one of the workers that there are, at any of the events past the first ones."""
    at = draw.randint(30, 160)
    told = itertools.count()

    def tell(event: Event) -> None:
        alive = workers() if next(told) >= at and not killed else []
        if alive:
            killed.append(draw.choice(alive))
            os.kill(killed[0], signal.SIGKILL)

    return tell


def of_processes() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid]


@pytest.mark.parametrize("rounds", counts(1, None, 2))
def test_a_worker_is_killed_at_any_moment(expected: tuple[States, States], rounds: int) -> None:
    """Whichever worker dies when, no state is another, that of a task apart which had no attempt to lose."""
    for number in range(rounds):
        killed: list[int] = []
        told = killing(random.Random(number), of_processes, killed)
        with Processes(2, start="forkserver") as executor:
            run = flow.run(day=DAY, executor=executor, clock=noon, on_event=told)
            after = states_in(run.resume(*RELEASE))
        assert 1 == len(killed)
        assert {} == {name: state for name, state in after.items() if name not in SPENT and state != expected[1][name]}


def nannied(cluster: LocalCluster) -> list[int]:
    return [worker.pid for worker in cluster.workers.values() if worker.pid]


@pytest.mark.parametrize("rounds", counts(None, None, 2))
def test_a_worker_of_a_cluster_is_killed_at_any_moment(expected: tuple[States, States], rounds: int) -> None:
    """The same on a cluster; its nannies begin workers anew, but after many deaths give up, and it is another then."""
    for first in range(0, rounds, 10):
        with two_workers() as cluster:
            for number in range(first, min(first + 10, rounds)):
                cluster.wait_for_workers(2, timeout=60)
                killed: list[int] = []
                told = killing(random.Random(number), partial(nannied, cluster), killed)
                run = flow.run(day=DAY, executor=Dask(cluster), clock=noon, on_event=told)
                after = states_in(run.resume(*RELEASE))
                assert 1 == len(killed)
                assert {} == {
                    name: state for name, state in after.items() if name not in SPENT and state != expected[1][name]
                }


# ---- on a cluster, after all others: its nannies go on with their own work meanwhile


@pytest.mark.parametrize(
    "is_stored",
    exhaustive_but([], [False, True], thorough=[False]),
    ids=["without a store", "with a store"],
)
def test_the_same_states_on_a_cluster(
    cluster: LocalCluster, expected: tuple[States, States], is_stored: bool, tmp_path: Path
) -> None:
    """On two worker processes of Dask, with a store and without, each task and child comes to the same state."""
    store = tmp_path / "runs.db" if is_stored else None
    assert expected == before_and_after(executor=Dask(cluster), store=store)


@pytest.mark.thorough
def test_the_same_states_where_a_worker_of_a_cluster_is_killed(
    cluster: LocalCluster, expected: tuple[States, States], tmp_path: Path
) -> None:
    """So does a worker of a cluster."""
    assert expected == states_with_one_killed(Dask(cluster), tmp_path)
