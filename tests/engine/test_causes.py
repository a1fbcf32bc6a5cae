"""Why tasks did not succeed: each failure has its cause, and one that follows from another names where it began."""

import json
import pickle
from typing import Any

import pytest

from statesig import (
    CANCEL,
    FAIL,
    TRIGGERFAIL,
    ErrorInfo,
    Failed,
    Flow,
    NoResult,
    Paused,
    RunFailed,
    Skipped,
    State,
    Success,
    all_failed,
    all_finished,
    any_successful,
    encode,
    state_of,
    task,
)
from statesig.engine.causes import said, said_stored
from tests.harness.exhaustive import exhaustive_but

BROKEN = (ErrorInfo(type="ValueError", message="row 3 has no amount"),)


@task
def read(name: str) -> str:
    raise FileNotFoundError("No such file")


@task
def size(text: str) -> int:
    return len(text)


@task
def add(number: int, other: int = 0) -> int:
    return number + other


@task
def check(number: int) -> int:
    if number == 1:
        raise FAIL("odd row")
    if number == 3:
        raise ValueError
    return number


@task(trigger=all_finished)
def report() -> int:
    return 1


def told(flow: Flow, **options: Any) -> list[str]:
    """Return what is said of each failure of a run."""
    return [str(failure) for failure in flow.run(**options).failures()]


@pytest.mark.parametrize("executor", exhaustive_but(["inline"], ["inline", "threads"]))
def test_a_cascade_names_its_root(executor: str) -> None:
    """What never ran because something upstream failed says what, however far away that is."""
    with Flow("f") as flow:
        number = add(add(size(read("rows.txt"))))
        flow.after(report(), number)
    assert [
        "read Failed: raised FileNotFoundError: No such file",
        "size TriggerFailed because read: No such file",
        "add TriggerFailed because read: No such file",
        "add-2 TriggerFailed because read: No such file",
    ] == told(flow, executor=executor)


def test_the_first_failed_upstream_is_the_root() -> None:
    """Of several, in the order of the call."""
    with Flow("f") as flow:
        fine, wrong, other = add(1), check(1), check(3)
        add(fine, add(wrong, other))
    assert ["check", "check-2", "add-2", "add-3"] == [failure.name for failure in flow.run().failures()]
    assert ["add-2 TriggerFailed because check: odd row", "add-3 TriggerFailed because check: odd row"] == told(flow)[
        2:
    ]


def test_children_are_named() -> None:
    """Each child of a mapped task that failed, and what follows from it: a child from that in its place."""
    with Flow("f") as flow:
        more = flow.map(add, flow.map(check, range(4)))
        flow.after(add(5), more)
    assert [
        "check[1] Failed: odd row",
        "check[3] Failed: raised ValueError",
        "add[1] TriggerFailed because check[1]: odd row",
        "add[3] TriggerFailed because check[3]: raised ValueError",
        "add-2 TriggerFailed because check[1]: odd row",
    ] == told(flow)


def test_a_failure_that_was_handled_is_told() -> None:
    """A task that took the state of the failure does not hide it."""

    @task(trigger=all_finished)
    def handle(state: object) -> int:
        return 1

    with Flow("f") as flow:
        handle(state_of(check(1)))
    assert (True, ["check Failed: odd row"]) == (isinstance(flow.run().state, Success), told(flow))


def test_what_failed_by_itself_has_no_root() -> None:
    """A trigger that fails though nothing upstream did, and a task that raises TRIGGERFAIL, say so themselves."""

    @task(trigger=all_failed)
    def rescue() -> int:
        return 1

    @task(trigger=any_successful)
    def refuse() -> None:
        raise TRIGGERFAIL("not today")

    with Flow("f") as flow:
        fine, wrong = add(1), check(1)
        flow.after(rescue(), fine)
        flow.after(refuse(), fine, wrong)
    assert [
        "check Failed: odd row",
        "rescue TriggerFailed: trigger all_failed: 1 Success",
        "refuse TriggerFailed: not today",
    ] == told(flow)


def test_what_was_cancelled_is_told() -> None:
    """A cancelled task counts as one that failed, and what follows from it as a cascade."""

    @task
    def leave() -> int:
        raise CANCEL

    with Flow("f") as flow:
        add(leave())
    assert ["leave Cancelled", "add TriggerFailed because leave is Cancelled"] == told(flow)


def test_a_very_long_cascade() -> None:
    """Its root is looked for once, not once for each task."""
    with Flow("f") as flow:
        number = check(1)
        for _ in range(3000):
            number = add(number)
    assert {"because check: odd row"} == {failure.reason for failure in flow.run().failures()[1:]}


def test_raise_for_state_says_why() -> None:
    """The error names the first failures with their causes, those of children too, and keeps the names of all."""
    with Flow("f") as flow:
        size(read("x" * 300))
        flow.map(check, range(4))
    with pytest.raises(RunFailed) as error:
        flow.run().raise_for_state()
    assert (
        "flow 'f' is Failed: read Failed (raised FileNotFoundError: No such file), "
        "size TriggerFailed (because read: No such file), check[1] Failed (odd row), "
        "check[3] Failed (raised ValueError)"
    ) == str(error.value)
    assert str(error.value) == str(pickle.loads(pickle.dumps(error.value)))
    assert ("check[3]", "Failed") == error.value.tasks[-1]


def test_a_very_long_reason_is_shortened() -> None:
    """The error shows the first two hundred characters of each."""
    with Flow("f") as flow:
        task(name="work")(lambda: (_ for _ in ()).throw(ValueError("x" * 1000)))()
    with pytest.raises(RunFailed) as error:
        flow.run().raise_for_state()
    assert 260 > len(str(error.value))


def test_unwrap_of_a_failure_says_why() -> None:
    """The error has the state's message and the text of its first cause."""
    with Flow("f") as flow:
        text = read("x")
        odd = check(1)
    run = flow.run()
    sentences: list[str] = []
    for state in (run[text], run[odd], Skipped(message="no new rows"), Success()):
        with pytest.raises(NoResult) as error:
            state.unwrap()
        assert str(error.value) == str(pickle.loads(pickle.dumps(error.value)))
        sentences.append(str(error.value))
    assert [
        "Failed has no result: raised FileNotFoundError: No such file",
        "Failed has no result: odd row",
        "Skipped has no result: no new rows",
        "Success was given no result; test `has_result` first, or construct it with result=...",
    ] == sentences


def test_a_reason_is_one_line() -> None:
    """However many lines the exception's text has."""
    with Flow("f") as flow:
        node = task(lambda: (_ for _ in ()).throw(ValueError("no\n  rows")))()
    assert "raised ValueError: no rows" == said(flow.run()[node])


@pytest.mark.parametrize("state", [Paused(message="ship it?", causes=BROKEN), Failed(message="no rows", causes=BROKEN)])
def test_the_causes_of_a_pause_are_those_of_others(state: State[Any]) -> None:
    """What is asked stands alone, where the state is live and where it is stored; a failure tells its first cause."""
    expected = "ship it?" if isinstance(state, Paused) else "no rows: row 3 has no amount"
    assert (expected, expected) == (said(state), said_stored(json.loads(encode(state))))
