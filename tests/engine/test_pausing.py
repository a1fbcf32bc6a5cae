"""A person decides: a run with a paused task is Paused, and the body of a task sees that it was released."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    FAIL,
    PAUSE,
    RETRY,
    SUCCESS,
    Executor,
    Flow,
    Processes,
    Resume,
    Run,
    SkipPolicy,
    Threads,
    any_failed,
    any_successful,
    cancel_run,
    current,
    open_store,
    task,
)
from tests.harness.exhaustive import exhaustive_but
from tests.samples.approvals import flow as approvals
from tests.samples.approvals import paid


@task
def gate() -> int:
    if current().resumed is None:
        raise PAUSE("look")
    return 1


@task
def fine() -> int:
    return 2


@task
def bad() -> int:
    raise FAIL("no")


def beside(trigger: Any) -> Flow:
    """Return a flow in which a task that pauses has another beside it, and one after both."""
    with Flow("beside") as flow:
        paused, other = gate(), (bad() if trigger is any_failed else fine())
        last = task(name="down", trigger=trigger)(lambda: 3)()
        flow.after(last, paused, other)
    return flow


def default_beside_failure() -> Flow:
    """Return a flow whose only leaf fails by its trigger while another upstream is paused."""
    with Flow("failed beside") as flow:
        last = task(name="down")(lambda one, other: one)(gate(), bad())
        flow.reference(last)
    return flow


def mapped() -> Flow:
    """Return a flow in which one child of a mapped task pauses, and nothing that decides depends on it."""

    @task
    def asked(number: int) -> int:
        if number == 2 and current().resumed is None:
            raise PAUSE("look at 2")
        return number

    with Flow("mapped") as flow:
        flow.map(asked, [1, 2, 3])
        flow.reference(fine())
    return flow


FLOWS: list[Callable[[], Flow]] = [
    lambda: beside(any_successful),
    lambda: beside(any_failed),
    default_beside_failure,
    mapped,
]
NAMES = ["any successful", "any failed", "the default beside a failure", "mapped"]


@pytest.mark.parametrize("made", FLOWS, ids=NAMES)
@pytest.mark.parametrize("executor", [None, "threads"], ids=["in line", "in threads"])
@pytest.mark.parametrize("is_stored", [False, True], ids=["not stored", "stored"])
def test_a_run_is_paused_until_somebody_decides(
    made: Callable[[], Flow], executor: Any, is_stored: bool, tmp_path: Path
) -> None:
    """Whatever its references came to: it is Paused, stored as Paused, kept by prune, and can be approved."""
    place = str(tmp_path / "runs.db")
    flow = made()
    run = flow.run(executor=executor, store=place if is_stored else None)
    assert "Paused" == run.state.type
    if is_stored:
        with open_store(place) as store:
            assert [run.id] == [one.id for one in store.runs(tag="Paused")]
            assert 0 == store.prune(datetime.now(UTC) + timedelta(days=1))
    resumed = run.resume()
    assert [] == [one.name for whole in resumed for one in (whole, *whole.children) if one.state.type == "Paused"]
    assert resumed.state.type != "Paused"


@pytest.mark.parametrize("made", FLOWS, ids=NAMES)
def test_a_paused_run_can_be_cancelled(made: Callable[[], Flow], tmp_path: Path) -> None:
    """Another process may decide that nothing more is to be done."""
    place = str(tmp_path / "runs.db")
    run = made().run(store=place)
    assert cancel_run(place, run.id)
    with open_store(place) as store:
        assert ["Cancelled"] == [one.tag for one in store.runs()]


# ---- what the body sees


def amounts(run: Run) -> list[tuple[str, str | None]]:
    return [(child.state.type, child.state.message) for whole in run for child in whole.children]


EXECUTORS: dict[str, Callable[[], Executor | None]] = {
    "in line": lambda: None,
    "in threads": lambda: Threads(2),
    "in processes": lambda: Processes(1),
}
HOW = ["not stored", "stored", "in another run of the program"]
CORE = [("in line", "not stored"), ("in threads", "stored"), ("in line", "in another run of the program")]


@pytest.mark.parametrize(("executor", "how"), exhaustive_but(CORE, list(product(EXECUTORS, HOW))))
def test_a_body_that_pauses_passes_once_it_is_released(executor: str, how: str, tmp_path: Path) -> None:
    """``current().resumed`` is None at first, and then the Resume: only what is over the limit waits."""
    make = EXECUTORS[executor]
    place = str(tmp_path / "runs.db")
    run = approvals.run(amounts=[50, 150, 99], limit=100, executor=make(), store=None if how == "not stored" else place)
    assert [("Success", None), ("Paused", "over the limit"), ("Success", None)] == amounts(run)
    if how == "in another run of the program":
        run = approvals.resume(run.id, paid, store=place, executor=make())
    else:
        run.resume()
    assert ([50, 150, 99], "Success") == (run[paid].unwrap(), run.state.type)


def test_what_resumed_is() -> None:
    """None before; the Resume afterwards, through retries too, until a further pause, which needs another one."""
    seen: list[Any] = []

    @task(retries=1)
    def asked() -> int:
        resumed = current().resumed
        seen.append(None if resumed is None else resumed.type)
        match len(seen):
            case 1 | 4:
                raise PAUSE("look")
            case 2:
                raise RETRY("again")
            case 3:
                raise PAUSE("look once more")
            case _:
                raise SUCCESS("done", result=len(seen))

    with Flow("f") as flow:
        node = asked()
    run = flow.run()
    assert [None] == seen
    run.resume(node)
    assert [None, "Resume", "Resume"] == seen
    run.resume(node)
    assert [None, "Resume", "Resume", "Resume"] == seen
    run.resume(node)
    assert (5, "Resume") == (run[node].unwrap(), seen[-1])


def test_outside_of_a_pause_there_is_no_resume() -> None:
    """A task that nobody released sees None, whoever else was released."""
    seen: list[Resume[Any] | None] = []

    @task(on_skip=SkipPolicy.SUCCESS)
    def after(number: int) -> int:
        seen.append(current().resumed)
        return number

    with Flow("f") as flow:
        after(gate())
    flow.run().resume()
    assert [None] == seen
