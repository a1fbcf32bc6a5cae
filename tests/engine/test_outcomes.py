"""What a task leaves, and what becomes of it: the table in docs, held against its rule and against real runs."""

from collections.abc import Callable

import pytest

from statesig import Executor, Flow, task
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from tests.harness.cases import at_once
from tests.harness.events import elsewhere
from tests.tools.documents import PAGES
from tests.tools.outcomes import OUTCOMES, RETRIES, Seen, sequences, shown

pytestmark = pytest.mark.usefixtures("leaves_nothing")

FAILURES = {"Failed", "TimedOut", "ValidationFailed", "Crashed"}
SUCCESSES = {"Success", "Cached", "Mapped", "Skipped"}
NOT_A_TASKS = {"Pending", "Queued", "Submitted", "Running", "Cancelling"}
NEVER_AGAIN = {"Paused", "TriggerFailed", "Cancelled", "MapFailed", "MapCancelled"}
RUN_AGAIN = {"Scheduled", "Resume", "Looped"}


def restated(told: str, retries: int) -> list[str]:
    """Say again, from the contract alone, which states a task comes to be in that leaves something at each attempt."""
    if told in ("a value", "`None`"):
        return ["Running", "Success"]
    kind = told.split("`")[1]
    if told == "a group of `SKIP` and `CANCEL`":
        return ["Running", "Cancelled"]
    if told == "`Failed(retryable=False)`" or kind in NOT_A_TASKS:
        return ["Running", "Failed"]
    if kind in RUN_AGAIN:
        return ["Running", kind, "Running", "Success"]
    if kind in SUCCESSES | NEVER_AGAIN and not told.startswith("a group"):
        return ["Running", kind]
    end = kind if kind in FAILURES else "Failed"
    return ["Running", "Retrying"] * retries + ["Running", end]


@pytest.fixture(scope="module")
def in_line() -> dict[int, dict[str, list[list[str]]]]:
    return {retries: sequences(retries) for retries in RETRIES}


@pytest.mark.parametrize("retries", RETRIES)
@pytest.mark.parametrize("told", OUTCOMES)
def test_what_a_task_leaves(told: str, retries: int, in_line: dict[int, dict[str, list[list[str]]]]) -> None:
    """A handler sees the states that the rule names, whether the outcome is raised or returned."""
    assert [restated(told, retries)] * len(OUTCOMES[told]) == in_line[retries][told]


@pytest.mark.parametrize(
    "where", [lambda: Threads(4), lambda: Processes(2, start="forkserver")], ids=["threads", "processes"]
)
def test_it_is_the_same_elsewhere(
    where: Callable[[], Executor], in_line: dict[int, dict[str, list[list[str]]]]
) -> None:
    """Handlers see the same states where tasks run in threads and in processes, and that they are handed over."""
    with where() as executor:
        there = {retries: sequences(retries, executor) for retries in RETRIES}
    others = {
        (told, retries): (seen, there[retries][told])
        for retries in RETRIES
        for told, seen in in_line[retries].items()
        if there[retries][told] != [*map(elsewhere, seen)]
    }
    assert {} == others


@at_once
@pytest.mark.parametrize("told", OUTCOMES)
def test_the_reference_tells_it(told: str) -> None:
    """The reference has a row for the outcome, with the states by the rule."""
    row = f"| {told} | {' | '.join(shown(restated(told, retries)) for retries in RETRIES)} |"
    assert row in (PAGES / "reference" / "outcomes.md").read_text().splitlines()


def test_states_that_repeat_are_shown_as_one() -> None:
    """Attempts that fail are counted where there is more than one."""
    rows = [shown(restated("`Failed`, `FAIL`", retries)) for retries in (0, 1, 3)]
    assert "Running → Failed" == rows[0]
    assert "Running → Retrying → Running → Failed" == rows[1]
    assert "(Running → Retrying) x 3 → Running → Failed" == rows[2]


@pytest.mark.parametrize(
    "exc", [KeyboardInterrupt(), SystemExit(3), BaseExceptionGroup("", [KeyboardInterrupt()])], ids=repr
)
@pytest.mark.parametrize("where", [lambda: None, lambda: Threads(2)], ids=["in line", "threads"])
def test_what_is_no_outcome(exc: BaseException, where: Callable[[], Executor | None]) -> None:
    """KeyboardInterrupt, SystemExit and groups that hold one come out of the run, and the task is left Running."""
    seen, ran = Seen(), list[int]()

    @task(retries=2, handlers=[seen])
    def work() -> None:
        raise exc

    @task
    def later(value: None) -> None:
        ran.append(1)

    with Flow("f") as flow:
        later(work())
    with pytest.raises(type(exc)) as caught:
        flow.run(executor=where())
    assert (caught.value, ["Running"] if where() is None else ["Submitted", "Running"], []) == (exc, seen, ran)
