"""A run that is over is run again from where it failed, and read without running anything."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from statesig import (
    FAIL,
    PAUSE,
    SKIP,
    SUCCESS,
    AnyState,
    Event,
    Failed,
    Flow,
    Mapped,
    Paused,
    Run,
    Skipped,
    State,
    Success,
    all_finished,
    current,
    state_of,
    states_of,
    task,
)
from statesig.errors import FlowError, NoRun
from statesig.executors.threads import Threads
from statesig.stores.opening import open_store
from statesig.stores.store import StoredRun
from tests.harness.leftovers import leaving_nothing
from tests.samples.kinds import QUARANTINE, Quarantined

calls: list[str] = []
"""The calls of tasks, in order."""

broken: set[str] = set()
"""The calls that fail."""


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    calls.clear()
    broken.clear()
    with leaving_nothing():
        yield


def called(name: str) -> None:
    calls.append(name)
    if name in broken:
        raise FAIL("broken")


@task
def read(day: date) -> Decimal:
    called("read")
    return Decimal("1.10")


@task
def load(value: Decimal) -> Decimal:
    called("load")
    return value * 2


@task
def send(value: Decimal) -> str:
    called("send")
    return f"{value}"


@task(trigger=all_finished)
def report(state: object = None) -> str:
    called("report")
    return "told"


@task
def each(number: int) -> int:
    called(f"each {number}")
    return number


@task
def after(number: int) -> int:
    called(f"after {number}")
    return number


with Flow("chain") as chain:
    amount = read(chain.parameter("day", date))
    sent = send(load(amount))
    told = report(state_of(sent))

with Flow("maps") as maps:
    rows = maps.map(each, range(3))
    more = maps.map(after, rows)


def stored(place: str, run: str) -> tuple[StoredRun, dict[str, list[str]]]:
    """Return a stored run, and the states that each of its tasks came to be in."""
    found: dict[str, list[str]] = {}
    with open_store(place) as store:
        run_ = store.find(run)
        for record in store.history(run_):
            if record.task is None:
                continue  # the run itself
            name = record.task if record.index is None else f"{record.task}[{record.index}]"
            found.setdefault(name, []).append(record.state.decode().split('"')[3])
        assert store.lease(run_.id) is None
    return run_, found


def failed(flow: Flow, place: str, *names: str, **given: Any) -> Run:
    """Run a flow in which some calls fail, and let them succeed from then on."""
    broken.update(names)
    run = flow.run(store=place, **given)
    broken.clear()
    calls.clear()
    return run


# ---- what runs again


def test_what_succeeded_is_taken_over(place: str) -> None:
    """What failed runs again, and what is downstream of it; the rest keeps its history, results and parameters."""
    run = failed(chain, place, "load", day=date(2026, 1, 2))
    events: list[Event] = []
    again = chain.rerun(run.id, store=place, on_event=events.append)
    assert ["load", "send", "report"] == calls
    assert (Decimal("1.10"), "2.20") == (again[amount].unwrap(), again[sent].unwrap())
    assert isinstance(again.state, Success)
    assert again.id != run.id
    assert {None, "load", "send", "report"} == {event.task for event in events}
    new, states = stored(place, again.id)
    old, _ = stored(place, run.id)
    assert (run.id, None) == (new.origin, old.origin)
    assert (old.parameters, old.graph, "Success", "Failed") == (new.parameters, new.graph, new.tag, old.tag)
    assert {name: ["Running", "Success"] for name in ("read", "load", "send", "report")} == states
    assert isinstance(run.flow.load(run.id, store=place).state, Failed)


def test_a_run_is_run_again_several_times(place: str) -> None:
    """A new run is one like any other: what failed in it is run again from it."""
    run = failed(chain, place, "load", day=date(2026, 1, 2))
    broken.add("send")
    second = chain.rerun(run.id[:20], store=place)
    broken.clear()
    calls.clear()
    third = chain.rerun(second.id, store=place, executor=Threads(2))
    assert ["send", "report"] == calls
    assert (second.id, True) == (stored(place, third.id)[0].origin, isinstance(third.state, Success))


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (["load"], ["load", "send", "report"]),
        ([sent], ["send", "report"]),
        (["report", "load"], ["load", "send", "report"]),
        ("report", ["report"]),
    ],
    ids=["a name", "a node", "two", "a name alone"],
)
def test_from_a_task_on(tasks: Any, expected: list[str], place: str) -> None:
    """A task that is named runs again though it succeeded, and so does what is downstream of it."""
    run = failed(chain, place, day=date(2026, 1, 2))
    assert isinstance(chain.rerun(run.id, store=place, tasks=tasks).state, Success)
    assert expected == calls


def test_children_are_taken_over_one_by_one(place: str) -> None:
    """Of a mapped task only what failed runs again; of what is mapped over it the children that follow from that."""
    run = failed(maps, place, "each 1")
    again = maps.rerun(run.id, store=place)
    assert ["each 1", "after 1"] == calls
    assert [0, 1, 2] == again[more].unwrap()
    assert {
        "each": ["Mapped"],
        "after": ["Mapped"],
        **{f"{name}[{index}]": ["Running", "Success"] for name in ("each", "after") for index in range(3)},
    } == stored(place, again.id)[1]


@pytest.mark.parametrize("child", ["each[2]", rows[2]], ids=["a name", "a node"])
def test_from_one_child_on(child: object, place: str) -> None:
    """A child is named with its position, as where a person releases it; one that there is not is refused."""
    run = failed(maps, place)
    assert isinstance(maps.rerun(run.id, store=place, tasks=[child]).state, Success)
    assert ["each 2", "after 2"] == calls
    for none, said in (
        ("each[9]", "there is no task 'each\\[9]'; its tasks are each, after"),
        (rows[9], "'each' has no child 9"),
    ):
        with pytest.raises(FlowError, match=said):
            maps.rerun(run.id, store=place, tasks=[none])


def test_what_is_mapped_over_a_list_that_runs_again(place: str) -> None:
    """Nobody knows that its children are the same: all of them run again."""

    @task
    def numbers() -> list[int]:
        called("numbers")
        return [0, 1]

    with Flow("f") as flow:
        flow.map(each, numbers())
    run = failed(flow, place)
    flow.rerun(run.id, store=place, tasks=["numbers"])
    assert ["numbers", "each 0", "each 1"] == calls


def test_what_is_mapped_over_nodes(place: str) -> None:
    """A child follows from the nodes in its own item; what succeeded beside them is taken over."""
    with Flow("f") as flow:
        numbers = [each(0), each(1)]
        flow.map(after, numbers)
    run = failed(flow, place, "each 1")
    assert isinstance(flow.rerun(run.id, store=place).state, Success)
    assert ["each 1", "after 1"] == calls


def test_what_is_mapped_over_the_states_of_children(place: str) -> None:
    """A child that took the state of a child that failed runs again; one that took that of another does not."""

    @task(trigger=all_finished)
    def tell(state: AnyState[int]) -> str:
        called(state.type)
        return state.type

    with Flow("f") as flow:
        rows = flow.map(each, range(3))
        told = flow.map(tell, states_of(rows))
    run = failed(flow, place, "each 1")
    assert ["Success"] * 3 == flow.rerun(run.id, store=place)[told].unwrap()
    assert ["each 1", "Success"] == calls


def test_a_child_that_takes_more_than_its_item(place: str) -> None:
    """It took the state of all children, which is no longer what it was, and runs again."""

    @task(trigger=all_finished)
    def share(number: int, whole: AnyState[list[int]]) -> str:
        called(f"{number} {whole.type}")
        return whole.type

    with Flow("f") as flow:
        rows = flow.map(each, range(2))
        flow.map(partial(share, whole=state_of(rows)), rows)
    run = failed(flow, place, "each 1")
    flow.rerun(run.id, store=place)
    assert ["each 1", "0 Mapped", "1 Mapped"] == calls


def test_each_kind_of_success_stays_itself(place: str) -> None:
    """Skipped, a success of a user's, one with a message and an empty Mapped are what they were."""

    def leave(signal: BaseException) -> Callable[[], int]:
        def fn() -> int:
            raise signal

        return fn

    with Flow("f") as flow:
        nodes = [
            task(name="skipped")(leave(SKIP("no rows")))(),
            task(name="odd")(leave(SUCCESS("odd", result=3)))(),
            flow.map(each, []),
        ]
        quarantined = task(name="quarantined")(leave(QUARANTINE("odd", path="b.csv")))()
        last = each(5)
    run = failed(flow, place, "each 5")
    again = flow.rerun(run.id, store=place)
    kept: list[State[Any]] = [again[node] for node in nodes]
    assert [Skipped(message="no rows"), Success(message="odd", result=3), Mapped(result=[], children=())] == kept
    assert (Quarantined, Success(result=5)) == (type(again[quarantined]), again[last])


def test_a_rerun_that_pauses_is_resumed(place: str) -> None:
    """It is a stored run like any other: what it took over and what it did are finished."""

    @task
    def ask(value: str) -> str:
        called("ask")
        if current().resumed is None:
            raise PAUSE("may it?")
        return "yes"

    with Flow("f") as flow:
        node = ask(load(read(date(2026, 1, 2))))  # type: ignore[arg-type]  # nobody looks at the value
    run = failed(flow, place, "load")
    again = flow.rerun(run.id, store=place)
    assert (["load", "ask"], "Paused") == (calls, again.state.type)
    assert Success(result="yes") == flow.resume(again.id, node, store=place)[node]
    assert ["load", "ask", "ask"] == calls


# ---- what is refused


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        (None, r"every task of run \w+ succeeded: name the tasks from which on to run again"),
        (["nope"], "there is no task 'nope'; its tasks are read, load, send, report"),
        (["load[1]"], r"there is no task 'load\[1\]'"),
        ([rows], "no node of this flow"),
    ],
    ids=["everything succeeded", "no task", "no mapped task", "another flow's node"],
)
def test_what_cannot_be_run_again(tasks: Any, said: str, place: str) -> None:
    """It is refused before anything runs, and no run is added."""
    run = failed(chain, place, day=date(2026, 1, 2))
    with pytest.raises(FlowError, match=said):
        chain.rerun(run.id, store=place, tasks=tasks)
    with open_store(place) as store:
        assert [run.id] == [one.id for one in store.runs()]
    assert [] == calls


def test_a_run_that_is_not_over_is_not_run_again(place: str) -> None:
    """It is resumed or cancelled first."""
    with Flow("f") as flow:
        task(name="ask")(lambda: Paused(message="may it?"))()
    run = flow.run(store=place)
    with pytest.raises(FlowError, match="is Paused: resume it or cancel it; what is over can be run again"):
        flow.rerun(run.id, store=place)
    with pytest.raises(NoRun):
        flow.rerun("xyz", store=place)
    with pytest.raises(FlowError, match="is of flow 'f'"):
        chain.rerun(run.id, store=place)


# ---- reading a run


def test_a_run_is_read(place: str) -> None:
    """Each node's state is as it was, its result of the declared type; nothing runs, and nothing changes."""
    run = failed(chain, place, "send", day=date(2026, 1, 2))
    before = stored(place, run.id)
    read_ = chain.load(run.id[:20], store=place)
    assert (run.id, run[amount], run[sent], run.state) == (read_.id, read_[amount], read_[sent], read_.state)
    assert isinstance(read_[amount].unwrap(), Decimal)
    assert (before, []) == (stored(place, run.id), calls)
    assert ["send Failed: broken"] == [str(failure) for failure in read_.failures()]
    assert read_ is read_.resume()
    assert before == stored(place, run.id)


def test_children_of_a_run_that_is_read(place: str) -> None:
    """They are there, as after the run."""
    run = failed(maps, place, "each 1")
    assert [(one.name, one.state, [child.state for child in one.children]) for one in run] == [
        (one.name, one.state, [child.state for child in one.children]) for one in maps.load(run.id, store=place)
    ]


def test_a_paused_run_is_read_and_resumed(place: str) -> None:
    """What is read is what `Run.resume` continues."""
    times: list[int] = []

    @task
    def ask() -> int:
        times.append(1)
        if len(times) == 1:
            raise PAUSE("may it?")
        return 5

    with Flow("f") as flow:
        node = ask()
    flow.run(store=place)
    with open_store(place) as store:
        (run,) = store.runs()
    read_ = flow.load(run.id, store=place)
    assert (Paused(message="may it?"), 1) == (read_[node], len(times))
    assert Success(result=5) == read_.resume(node)[node]


def test_children_of_a_paused_run_that_is_read(place: str) -> None:
    """Those that have begun are there, in their order, with the pauses that a person may release."""

    @task
    def ask(number: int) -> int:
        if number > 1:
            raise PAUSE("may it?")
        return number

    with Flow("f") as flow:
        node = flow.map(ask, [3, 1, 2])
    run = flow.run(store=place)
    resumed = flow.resume(run.id, "ask[2]", store=place)
    read_ = flow.load(run.id, store=place)
    states = [Paused(message="may it?"), Success(result=1), Paused(message="may it?")]
    for one in (run, resumed, read_):
        assert ("Pending", states) == (one[node].type, [child.state for child in next(iter(one)).children])


def test_a_run_that_is_under_way_is_read(place: str) -> None:
    """It is as it is stored at that moment."""
    seen: list[str] = []

    @task
    def look() -> int:
        with open_store(place) as store:
            (run,) = store.runs()
        seen.append(flow.load(run.id, store=place)[node].type)
        return 1

    with Flow("f") as flow:
        node = look()
    assert isinstance(flow.run(store=place).state, Success)
    assert ["Running"] == seen


def test_a_run_is_read_from_a_store() -> None:
    """What is none is refused."""
    with pytest.raises(FlowError, match="store is a path, a URL or a Store"):
        chain.load("abc", store=5)  # type: ignore[arg-type]  # that is what is refused


def test_a_rerun_begins_now(place: str) -> None:
    """Its own times are new, whenever what it took over ran."""
    before = datetime.now(UTC)
    run = failed(chain, place, "load", day=date(2026, 1, 2))
    old, new = stored(place, run.id)[0], stored(place, chain.rerun(run.id, store=place).id)[0]
    assert before < old.created < new.created
