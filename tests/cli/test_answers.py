"""Answers and deadlines on the command line: ``--approve TASK --answer JSON``, and readers of a pause that is over."""

import json
import shlex
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from statesig import open_store
from statesig.examples.approval import Report, flow
from tests.harness.commands import in_this_process
from tests.samples.clocks import Clock

APPROVAL = "statesig.examples.approval"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "runs.db")


@pytest.fixture
def command(store: str, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command with the store, and returns its exit code, output and errors."""
    return lambda *told: in_this_process([*told, "--store", store], capfd)


def paused(store: str, **options: Any) -> str:
    """Run the flow up to its pauses, and return the run's identity."""
    return flow.run(amounts=[Decimal(50), Decimal(900), Decimal(700)], store=store, **options).id


def states(store: str, run: str) -> list[str]:
    """Return the state of each child as it is stored."""
    with open_store(store) as opened:
        last = {(one.task, one.index): one.state for one in opened.history(opened.find(run)) if one.index is not None}
    return [json.loads(state)["type"] for _, state in sorted(last.items())]


def report(store: str, run: str) -> Report:
    with open_store(store) as opened:
        last = {record.task: record.state for record in opened.history(opened.find(run))}
    return Report.model_validate(json.loads(last["report"])["result"])


def test_a_flow_that_asks_on_the_command_line(command: Command, store: str) -> None:
    """It exits with 3 and says what to answer; each answer is JSON of the task's type, and what follows runs."""
    code, _, err = command("run", APPROVAL, 'amounts=["50", "900", "700"]')
    run = err.splitlines()[0].removeprefix("run ")
    told = shlex.split(err.splitlines()[-1].removeprefix("to continue: "))
    asked = ["--approve", "pay[1]", "--answer", "JSON", "--approve", "pay[2]", "--answer", "JSON"]
    assert (3, asked) == (code, [part for part in told if part in asked])
    granted, refused = '{"by": "Ada", "most": "800"}', '{"by": "Bob", "granted": false}'
    code, _, _ = command("resume", APPROVAL, run, *asked[:3], granted, *asked[4:7], refused)
    assert (Report(paid=Decimal(850), refused=1), ["Success", "Success", "Failed"]) == (
        report(store, run),
        states(store, run),
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["--approve", "pay[1]", "--answer", '{"by": 5}'], "the answer for 'pay[1]' is refused: not an Approval: by: "),
        (
            ["--approve", "pay[1]", "--answer", '"secret"'],
            "'pay[1]' is refused: not an Approval: an object",
        ),
        (["--approve", "pay[1]", "--answer", "secret"], "the answer for 'pay[1]' is not JSON; a text is written in"),
        (["--approve", "pay[1]", "--answer", '{"by": "secret"}, "message": 1'], "the answer for 'pay[1]' is not JSON"),
        (
            ["--approve", "pay[1]", "--answer", '{"by": "secret", "by": "b"}'],
            "answer for 'pay[1]' is not a Resume: ",
        ),
        (["--approve", "pay[1]"], "'pay[1]' waits for an answer, of type Approval; give one: "),
        (["--answer", "5"], "--answer follows the --approve TASK that it is for"),
        (["--approve", "pay", "--answer", "5", "--answer", "5"], "--answer follows the --approve TASK that it is for"),
    ],
    ids=" ".join,
)
def test_a_wrong_answer_on_the_command_line(command: Command, store: str, told: list[str], said: str) -> None:
    """It exits with 2 and a sentence without the answer; nothing has changed."""
    run = paused(store)
    code, _, err = command("resume", APPROVAL, run, *told)
    assert (2, True, False) == (code, said in err, "secret" in err)
    assert ["Success", "Paused", "Paused"] == states(store, run)


def test_readers_show_a_pause_that_is_over_and_write_nothing(command: Command, store: str) -> None:
    """`runs` and `show` say TimedOut, also where they are asked for kinds of states; the rows stay as they were."""
    clock = Clock()
    run = paused(store, until=clock.now + timedelta(days=1), clock=clock)
    before = Path(store).read_bytes()
    code, shown, _ = command("show", run)
    rows = [line.split()[:2] for line in shown.splitlines() if line.startswith("pay[")]
    assert (0, [["pay[1]", "TimedOut"], ["pay[2]", "TimedOut"]]) == (code, rows)
    told = "TimedOut, nobody released it until 2019-04-05T00:00:00Z"
    assert any(line.split(maxsplit=1) == ["state", told] for line in shown.splitlines())
    listed = {
        state: run in command("runs", "--state", state)[1] for state in ("Paused", "TimedOut", "Failed", "Success")
    }
    assert {"Paused": False, "TimedOut": True, "Failed": True, "Success": False} == listed
    (described,) = map(json.loads, command("runs", "--json")[1].splitlines())
    assert ("TimedOut", False) == (described["state"]["type"], described["state"]["retryable"])
    assert (["Success", "Paused", "Paused"], before) == (states(store, run), Path(store).read_bytes())


def test_a_run_with_a_pause_that_goes_on_is_paused(command: Command, store: str) -> None:
    """While its deadline has not come, and while another task may still be released."""
    run = paused(store, until=Clock().now + timedelta(days=100_000), clock=Clock())
    assert (True, False) == (
        run in command("runs", "--state", "Paused")[1],
        run in command("runs", "--state", "Failed")[1],
    )
    assert "\nstate    Paused\n" in command("show", run)[1]


def test_an_answer_that_comes_too_late(command: Command, store: str) -> None:
    """It is refused with 2 and says when the deadline passed; what that leads to is recorded."""
    run = paused(store, until=Clock().now + timedelta(days=1), clock=Clock())
    code, _, err = command("resume", APPROVAL, run, "--approve", "pay[1]", "--answer", '{"by": "Ada"}')
    assert (2, True) == (code, "'pay[1]' cannot be released, it is TimedOut: 900 is over the limit" in err)
    assert (["Success", "TimedOut", "TimedOut"], Report(paid=Decimal(50), too_late=2)) == (
        states(store, run),
        report(store, run),
    )
