"""Runs over executors: timeouts, what is cached, coroutines that run together, and what a task knows of itself."""

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    FAIL,
    LOOP,
    RETRY,
    SKIP,
    Cached,
    Event,
    Executor,
    Failed,
    Flow,
    Run,
    State,
    Success,
    TimedOut,
    all_finished,
    check_history,
    current,
    is_retrying,
    manual_only,
    task,
)
from statesig.executors.calls import Call
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from tests import ROOT
from tests.harness.events import elsewhere
from tests.harness.exhaustive import exhaustive_but
from tests.samples import timed
from tests.samples.clocks import Clock

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]


def in_line() -> None:
    return None


def threads() -> Executor:
    return Threads(2)


def processes() -> Executor:
    return Processes(1, start="forkserver")


def history_of(events: list[Event], name: str) -> list[State[Any]]:
    """Return the states that a task was in, which are a history without fault."""
    found = [event for event in events if event.task == name]
    states = [event.state for event in found]
    assert check_history(states, attempts=[event.attempt for event in found]) is None
    return states


# ---- timeouts

GOES_ON = "its thread goes on until the function returns"
TIMED: list[tuple[str, Callable[[], Executor | None], str, str]] = [
    ("inline", in_line, "nap", GOES_ON),
    ("threads", threads, "nap", GOES_ON),
    ("processes", processes, "nap", "its process was ended"),
    ("coroutines", in_line, "doze", "its coroutine was cancelled"),
    ("coroutines_in_processes", processes, "doze", "its process was ended"),
]


@pytest.mark.parametrize(
    ("where", "name", "sentence"),
    exhaustive_but([one[1:] for one in TIMED[:-1]], [one[1:] for one in TIMED]),
    ids=[one[0] for one in TIMED],
)
def test_an_attempt_that_takes_too_long(
    where: Callable[[], Executor | None], name: str, sentence: str, tmp_path: Path
) -> None:
    """It is TimedOut, with what became of it; a task that has retries left is tried again, and may then succeed."""
    events: list[Event] = []
    with Flow("f") as flow:
        folder = flow.parameter("folder", str)
        once = getattr(timed, name)(folder, "once")
        always = getattr(timed, f"{name}_always")(folder, "always")
        beside = timed.quick(5)
    run = flow.run(executor=where(), folder=str(tmp_path), on_event=events.append)
    (tmp_path / "go").touch()  # for threads that go on
    message = f"took longer than 0.3 s; {sentence}"
    assert [Success(result="once"), TimedOut(message=message), Success(result=5)] == [
        run[one] for one in (once, always, beside)
    ]
    states = history_of(events, name)
    tags = ["Pending", "Running", "Retrying", "Running", "Success"]
    assert (tags if (where, name) == (in_line, "nap") else elsewhere(tags)) == [state.type for state in states]
    assert message == next(state.message for state in states if is_retrying(state))


@pytest.mark.parametrize("where", [in_line, threads], ids=["inline", "threads"])
def test_what_comes_too_late_is_not_looked_at(where: Callable[[], Executor | None], tmp_path: Path) -> None:
    """The function of an attempt that timed out goes on; what it returns, in the end, changes nothing."""
    with Flow("f") as flow:
        folder = flow.parameter("folder", str)
        late = timed.nap_always(folder, "late")
        held = timed.hold(folder, "late-went-on")
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if event.task == "nap_always" and isinstance(event.state, TimedOut):
            (tmp_path / "go").touch()

    run = flow.run(executor=where(), folder=str(tmp_path), on_event=tell)
    assert (TimedOut, Success(result="late-went-on")) == (type(run[late]), run[held])
    tags = ["Pending", "Running", "TimedOut"]
    assert (tags if where is in_line else elsewhere(tags)) == [state.type for state in history_of(events, "nap_always")]


def test_a_timeout_begins_with_the_function() -> None:
    """What waits for a thread, or for a place in line, is not late."""
    with Flow("f") as flow:
        nodes = [timed.short(number) for number in range(5)]
    for executor in (None, Threads(1)):
        run = flow.run(executor=executor)
        assert [Success(result=number) for number in range(5)] == [run[node] for node in nodes]


def test_a_timeout_of_a_child(tmp_path: Path) -> None:
    """Children of a mapped task time out one by one."""
    with Flow("f") as flow:
        node = flow.map(timed.nap_if_odd, [(str(tmp_path), number) for number in range(3)])
    run = flow.run(executor=Threads(3))
    (tmp_path / "go").touch()
    assert ["Success", "TimedOut", "Success"] == [child.type for child in run[node].children]  # type: ignore[union-attr]


# ---- what is cached


def counted(**options: Any) -> tuple[Any, list[Any]]:
    """Return a task that doubles, with options, and the arguments that its function was called with."""
    calls: list[Any] = []

    @task(name="double", **options)
    def double(value: int, by: int = 2) -> int:
        calls.append(value)
        return value * by

    return double, calls


def in_turn(flow: Flow, *nodes: Any) -> None:
    """Let each run after the one before it."""
    for before, after in pairwise(nodes):
        flow.after(after, before)


def test_equal_calls_are_made_once() -> None:
    """Arguments by position, by name and by default are the same call; others are another."""
    double, calls = counted(cache_for=60)
    clock = Clock()
    with Flow("f") as flow:
        nodes = [double(1), double(1, 2), double(value=1), double(2), double(1, by=3)]
        in_turn(flow, *nodes)
    run = flow.run(clock=clock)
    cached = Cached(result=2, expires=clock.now + timedelta(seconds=60))
    assert [Success(result=2), cached, cached, Success(result=4), Success(result=3)] == [run[node] for node in nodes]
    assert [1, 2, 1] == calls


def test_without_a_store_it_is_kept_for_the_run() -> None:
    """Another run calls the function anew."""
    double, calls = counted(cache_for=60)
    with Flow("f") as flow:
        double(1)
    assert ["Success", "Success"] == [flow.run().state.type for _ in range(2)]
    assert [1, 1] == calls


def test_with_a_store_it_is_kept_for_others(tmp_path: Path) -> None:
    """Another run of the same store does not call the function; it is Cached until the time is over."""
    double, calls = counted(cache_for=60)
    clock = Clock()
    with Flow("f") as flow:
        node = double(1)

    def state() -> State[int]:
        return flow.run(clock=clock, store=tmp_path / "runs.db")[node]

    expires = clock.now + timedelta(seconds=60)
    assert [Success(result=2), Cached(result=2, expires=expires)] == [state(), state()]
    clock.sleep(59.999)
    assert Cached(result=2, expires=expires) == state()
    clock.sleep(0.001)
    assert [Success(result=2), "Cached"] == [state(), state().type]
    assert [1, 1] == calls


def test_it_expires_within_a_run() -> None:
    """A success whose time is over stands for no further call."""
    clock = Clock()
    double, _ = counted(cache_for=60)

    @task
    def pass_time(seconds: float) -> None:
        clock.sleep(seconds)

    with Flow("f") as flow:
        nodes = [double(1), pass_time(59.0), double(1), pass_time(1.0), double(1)]
        in_turn(flow, *nodes)
    run = flow.run(clock=clock)
    assert ["Success", "Cached", "Success"] == [run[node].type for node in nodes[::2]]


def test_what_another_run_renewed_is_taken(tmp_path: Path) -> None:
    """A run whose own success has expired finds what another has stored since."""
    clock = Clock()
    double, calls = counted(cache_for=60)
    with Flow("other") as other:
        double(1)

    @task
    def meanwhile(seconds: float) -> None:
        clock.sleep(seconds)
        other.run(clock=clock, store=tmp_path / "runs.db")

    with Flow("f") as flow:
        nodes = [double(1), meanwhile(60.0), double(1)]
        in_turn(flow, *nodes)
    run = flow.run(clock=clock, store=tmp_path / "runs.db")
    assert (["Success", "Cached"], [1, 1]) == ([run[node].type for node in nodes[::2]], calls)


def test_it_is_kept_for_other_processes(tmp_path: Path) -> None:
    """A program that is started again finds it, with its value of the declared class."""
    command = [sys.executable, "-W", "error", "-m", "tests.samples.timed", str(tmp_path / "runs.db")]
    said = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    value = {date(2026, 1, 22): Decimal("1.10")}
    assert [f"called\nSuccess {value!r}\n", f"Cached {value!r}\n"] == said


def test_a_key_of_ones_own() -> None:
    """`cache_key` says which calls are equal, whatever their arguments are."""
    calls: list[Any] = []

    def key(value: object) -> str:
        return type(value).__name__

    @task(cache_for=60, cache_key=key)
    def work(value: object) -> int:
        calls.append(value)
        return len(calls)

    with Flow("f") as flow:
        nodes = [work(object()), work(object()), work(5), work({1, 2}), work({3})]
        in_turn(flow, *nodes)
    run = flow.run()
    assert [("Success", 1), ("Cached", 1), ("Success", 2), ("Success", 3), ("Cached", 3)] == [
        (run[node].type, run[node].result) for node in nodes
    ]


@dataclass(frozen=True)
class Scale:
    """Methods whose calls are cached."""

    factor: int
    name: str = ""

    @task(cache_for=60)
    def times(self, number: int) -> int:
        return number * self.factor

    @task(cache_for=60, cache_key=lambda self, number: f"{self.factor} {number}")
    def plus(self, number: int) -> int:
        return number + self.factor

    @classmethod
    @task(cache_for=60)
    def named(cls, number: int) -> str:
        return f"{cls.__name__} {number}"


class Finer(Scale):
    """Another class, whose class method gives another text."""


def test_the_instance_of_a_method_is_an_argument(tmp_path: Path) -> None:
    """Calls on equal instances are equal, in further runs too; a `cache_key` gets the instance first."""
    one, equal, other = Scale(2), Scale(2), Scale(3)
    with Flow("f") as flow:
        nodes = [each.times(5) for each in (one, equal, other)]
        nodes += [each.plus(5) for each in (one, Scale(2, "renamed"), other)]
        nodes += [Scale.named(5), one.named(5), Finer.named(5)]
        in_turn(flow, *nodes)
    run = flow.run(store=tmp_path / "runs.db")
    assert ["Success", "Cached", "Success"] * 3 == [run[node].type for node in nodes]
    assert [10, 10, 15, 7, 7, 8, "Scale 5", "Scale 5", "Finer 5"] == [run[node].unwrap() for node in nodes]
    again = flow.run(store=tmp_path / "runs.db")
    assert ["Cached"] * 9 == [again[node].type for node in nodes]


def test_an_argument_that_cannot_be_compared() -> None:
    """A call with one fails clearly, without being made, and the text does not repeat it."""
    double, calls = counted(cache_for=60)
    with Flow("f") as flow:
        node = double(flow.parameter("value", Any))
    state = flow.run(value={"secret"})[node]
    told = "task 'double': its argument value has no JSON by which calls could be equal; give the task a cache_key"
    assert (Failed, False, []) == (type(state), state.retryable, calls)
    assert told in state.causes[0].message
    assert "secret" not in str(state)


@pytest.mark.parametrize("key", [lambda value, by=2: 5, lambda value, by=2: 1 // 0], ids=["number", "raises"])
def test_a_key_that_is_none(key: Any) -> None:
    """A `cache_key` that returns no text, or raises, fails the task for good; its function is not called."""
    double, calls = counted(cache_for=60, cache_key=key, retries=2)
    with Flow("f") as flow:
        node = double(1)
    assert (Failed, []) == (type(flow.run()[node]), calls)


@pytest.mark.parametrize("signal", [FAIL("no"), SKIP("none", result=5), ValueError("no")], ids=repr)
def test_what_is_no_success_is_not_cached(signal: BaseException) -> None:
    """After a failure, or a skip, an equal call is made."""
    calls: list[int] = []

    @task(cache_for=60, trigger=all_finished)
    def work(value: int) -> int:
        calls.append(value)
        if len(calls) == 1:
            raise signal
        return value

    with Flow("f") as flow:
        nodes = [work(1), work(1), work(1)]
        in_turn(flow, *nodes)
    run = flow.run()
    assert [1, 1] == calls
    assert "Cached" == run[nodes[2]].type


def test_a_cached_value_goes_on(tmp_path: Path) -> None:
    """Downstream it is the success that it stands for."""
    double, _ = counted(cache_for=60)

    @task
    def follow(value: int) -> int:
        return value + 1

    with Flow("f") as flow:
        first = double(1)
        again = double(1)
        flow.after(again, first)
        later = follow(again)
    run = flow.run()
    assert ("Cached", Success(result=3), "Success") == (run[again].type, run[later], run.state.type)


def test_children_are_cached() -> None:
    """Equal items of mapped tasks are called once; a Mapped is never cached itself."""
    double, calls = counted(cache_for=60)
    with Flow("f") as flow:
        first = flow.map(double, [1, 2])
        again = flow.map(double, [2, 1, 3])
        flow.after(again, first)
    run = flow.run()
    assert ["Cached", "Cached", "Success"] == [child.type for child in run[again].children]  # type: ignore[union-attr]
    assert [1, 2, 3] == calls


def test_an_attempt_that_succeeds_late_is_cached() -> None:
    """Retries and loops come to the success that is kept, under the arguments of the call."""
    calls: list[int] = []

    @task(cache_for=60, retries=1)
    def work(value: int) -> int:
        calls.append(current().number)
        if current().number == 1:
            raise RETRY("busy")
        if current().number == 2:
            raise LOOP("further", result=1)
        return value

    with Flow("f") as flow:
        nodes = [work(1), work(1)]
        in_turn(flow, *nodes)
    run = flow.run()
    assert (["Success", "Cached"], [1, 2, 3]) == ([run[node].type for node in nodes], calls)


# ---- coroutines


def test_coroutines_run_together() -> None:
    """Three that wait for each other come to an end, in line and beside threads, and so they do awaited."""

    def meeting() -> tuple[Flow, Any]:
        barrier = asyncio.Barrier(3)

        @task
        async def meet(number: int) -> int:
            await asyncio.wait_for(barrier.wait(), 30)
            return number

        with Flow("f") as flow:
            node = flow.map(meet, range(3))
        return flow, node

    async def awaited(flow: Flow) -> Run:
        return await flow.arun()

    runs: list[Callable[[Flow], Run]] = [
        lambda flow: flow.run(),
        lambda flow: flow.run(executor=Threads(1)),
        lambda flow: asyncio.run(awaited(flow)),
    ]
    for run in runs:
        flow, node = meeting()
        assert [0, 1, 2] == run(flow)[node].result


def test_coroutines_are_on_the_callers_loop() -> None:
    """Under `arun`, and there alone; what is no coroutine function does not hold that loop up."""
    loops: list[Any] = []

    @task
    async def where() -> None:
        loops.append(asyncio.get_running_loop())

    @task
    def wait() -> bool:
        return ticked.wait(30)

    ticked = threading.Event()
    with Flow("f") as flow:
        where()
        waited = wait()

    async def main() -> Run:
        loops.append(asyncio.get_running_loop())
        asyncio.get_running_loop().call_later(0.01, ticked.set)
        return await flow.arun()

    run = asyncio.run(main())
    assert Success(result=True) == run[waited]
    flow.run()
    assert (True, False) == (loops[0] is loops[1], loops[0] is loops[2])


def test_a_run_of_a_coroutine_is_gone_on_with_elsewhere() -> None:
    """Once its loop is closed, and from within a coroutine too, `resume` runs coroutines on a loop of its own."""

    @task(trigger=manual_only)
    async def asked() -> int:
        return 5

    with Flow("f") as flow:
        node = asked()

    async def main() -> Run:
        return await flow.arun()

    async def and_resume() -> Run:
        return (await flow.arun()).resume(node)

    assert Success(result=5) == asyncio.run(main()).resume(node)[node]
    assert Success(result=5) == asyncio.run(and_resume())[node]


def test_a_run_within_a_coroutine() -> None:
    """`flow.run()` in a coroutine holds its loop up, and comes to its end all the same."""

    @task
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    with Flow("f") as flow:
        node = work()

    async def main() -> Run:
        return flow.run()

    assert Success(result=5) == asyncio.run(main())[node]


def test_what_ends_a_run_comes_out_of_a_coroutine() -> None:
    """An error of `on_event` is raised where the run is awaited."""
    with Flow("f") as flow:
        task(lambda: 5)()

    def tell(event: Event) -> None:
        raise OSError("disk full")

    async def main(**options: Any) -> Run:
        return await flow.arun(**options)

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(main(on_event=tell))


# ---- what a task knows of itself


@pytest.mark.parametrize("where", [in_line, threads], ids=["inline", "threads"])
def test_the_logger_of_a_task(where: Callable[[], Executor | None], caplog: pytest.LogCaptureFixture) -> None:
    """`current().logger` tells run, task, index and attempt with each record, of coroutines and children too."""

    @task(retries=1)
    def work(value: int) -> None:
        current().logger.info("at %s", value)
        if current().number == 1:
            raise RETRY("busy")

    @task
    async def later() -> None:
        current().logger.warning("later")

    with Flow("f") as flow:
        flow.map(work, [7])
        later()
    with caplog.at_level(logging.INFO, "statesig.task"):
        run = flow.run(executor=where())
    told = {
        (record.getMessage(), record.run, record.task, record.index, record.attempt)  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "statesig.task"
    }
    assert {("at 7", run.id, "work", 0, 1), ("at 7", run.id, "work", 0, 2), ("later", run.id, "later", None, 1)} == told


@pytest.mark.parametrize("where", [in_line, threads, processes], ids=["inline", "threads", "processes"])
def test_what_a_task_knows_of_itself(where: Callable[[], Executor | None]) -> None:
    """`current()` is the same wherever the task runs; outside of a task there is none."""
    with Flow("f") as flow:
        alone, mapped = timed.tell(), flow.map(timed.tell_of, [1, 2])
    run = flow.run(executor=where())
    assert [run.id, "tell", None, 3, {"handed": "on"}] == run[alone].result
    assert [[run.id, "tell_of", 0, 1, None], [run.id, "tell_of", 1, 1, None]] == run[mapped].result
    with pytest.raises(LookupError):
        current()


def test_a_task_that_calls_a_task() -> None:
    """Within a task another is the plain function."""

    @task
    def inner(value: int) -> int:
        return value + 1

    @task
    def outer(value: int) -> int:
        return inner(value) + current().number

    with Flow("f") as flow:
        node = outer(1)
    assert Success(result=3) == flow.run()[node]


def test_a_timeout_keeps_no_call_that_has_ended() -> None:
    """However long a task might have taken, its arguments are free once it has ended."""

    @task(timeout=3600)
    def quick(number: int) -> int:
        return number

    @task(trigger=all_finished)
    def calls_alive(numbers: list[int]) -> int:
        return sum(type(one) is Call for one in gc.get_objects())

    with Flow("f") as flow:
        node = calls_alive([quick(number) for number in range(300)])
    alive = flow.run(executor=Threads(2))[node].unwrap()
    assert 0 < alive < 60
