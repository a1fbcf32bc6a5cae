"""`statesig runs`, `show`, `cancel` and `prune`: what is stored, told without the programs that were run."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from statesig import FAIL, Conflict, Flow, Run, decode_event, histories_of, task
from statesig.stores.leases import new_owner
from statesig.stores.opening import open_store
from statesig.stores.store import Lease
from tests.harness.commands import ENVIRONMENT, ROOT, in_this_process, statesig
from tests.samples.gates import asking
from tests.samples.kinds import QUARANTINE
from tests.samples.outcomes import failure, mixed, pause, success

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store for the tests that only read."""
    return str(tmp_path_factory.mktemp("store") / "runs.db")


@pytest.fixture(scope="module")
def runs(store: str) -> dict[str, Run]:
    """Its runs by the names of their flows, which end in many ways."""
    return {flow.name: flow.run(store=store) for flow in (success, failure, pause, mixed, asking)}


@pytest.fixture
def own(tmp_path: Path) -> str:
    """A store of a test's own, in which a run is paused."""
    path = str(tmp_path / "runs.db")
    pause.run(store=path)
    return path


def ids(store: str) -> list[str]:
    with open_store(store) as opened:
        return [run.id for run in opened.runs()]


# ---- runs


def test_the_table_of_runs(store: str, runs: dict[str, Run]) -> None:
    """It has the identity, flow, state, times in UTC and number of tasks of each run, the latest first."""
    done = statesig("runs", "--store", store)
    head, *rows = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    assert ["RUN", "FLOW", "STATE", "CREATED", "CHANGED", "TASKS"] == head
    assert [[run.id, name, run.state.type, str(len(run))] for name, run in reversed(runs.items())] == [
        [*row[:3], row[5]] for row in rows
    ]
    assert [] == [each for row in rows for each in row[3:5] if not re.fullmatch(TIME, each)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--state", "Paused"], ["asking", "pause"]),
        (["--state", "Failed"], ["mixed", "failure"]),
        (["--state", "fAILED"], ["mixed", "failure"]),
        (["--state", "TriggerFailed"], []),
        (["--state", "Success"], ["success"]),
        (["--state", "Finished"], ["mixed", "failure", "success"]),
        (["--state", "Running"], []),
        (["--flow", "mixed"], ["mixed"]),
        (["--flow", "nope"], []),
        (["--limit", "2"], ["asking", "mixed"]),
        (["--state", "Finished", "--limit", "2"], ["mixed", "failure"]),
        (["--state", "Failed", "--flow", "failure"], ["failure"]),
    ],
    ids=lambda each: " ".join(each),
)
def test_runs_are_chosen(
    options: list[str], expected: list[str], store: str, runs: dict[str, Run], capfd: pytest.CaptureFixture[str]
) -> None:
    """By a kind of state, which counts its descendants, by flow, and by number."""
    code, output, errors = in_this_process(["runs", "--store", store, *options], capfd)
    assert (0, expected) == (code, [line.split()[1] for line in output.splitlines()[1:]])
    assert ("" if expected else "no runs\n") == errors


def test_runs_as_json(store: str, runs: dict[str, Run]) -> None:
    """With ``--json`` each run is a line, its state as it is stored."""
    done = statesig("runs", "--json", "--store", store, "--flow", "failure")
    (told,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"run", "flow", "state", "process", "origin", "created", "changed", "tasks"} == told.keys()
    assert (runs["failure"].id, "failure", "Failed", 3) == (
        told["run"],
        told["flow"],
        told["state"]["type"],
        told["tasks"],
    )


# ---- show


def test_what_became_of_a_run(store: str, runs: dict[str, Run]) -> None:
    """Above stands what is known of the run, below each task's state, attempts, times, worker and message."""
    done = statesig("show", runs["mixed"].id, "--store", store)
    head, table = done.stdout.split("\n\n")
    told = dict(re.split(r" {2,}", line, maxsplit=1) for line in head.splitlines())
    assert {
        "run": runs["mixed"].id,
        "flow": "mixed",
        "state": "Failed, integer division or modulo by zero",
        "lease": "none",
    } == {name: told[name] for name in ("run", "flow", "state", "lease")}
    rows = [re.split(r" {2,}", line) for line in table.splitlines()]
    assert ["TASK", "STATE", "ATTEMPTS", "BEGAN", "CHANGED", "WORKER", "MESSAGE"] == rows[0]
    assert [
        ["half", "MapFailed: 2 Success, 1 Quarantined, 1 Failed"],
        ["half[1]", "Quarantined", "1", "odd"],
        ["half[2]", "Failed", "1", "raised ZeroDivisionError: integer division or modulo by zero"],
        ["unsteady", "Failed", "2", "busy"],
        ["skipped", "Skipped", "1", "no new rows"],
    ] == [[cell for cell in row if not re.fullmatch(rf"{TIME}|\S+:\d+", cell)] for row in rows[1:]]
    assert [1, 3, 3, 3, 3] == [
        sum(re.fullmatch(rf"{TIME}|\S+:\d+", cell) is not None for cell in row) for row in rows[1:]
    ]


def test_a_task_that_never_ran(store: str, runs: dict[str, Run]) -> None:
    """It is shown as Pending."""
    table = statesig("show", runs["pause"].id, "--store", store).stdout.split("\n\n")[1]
    assert ["follow", "Pending"] in [line.split() for line in table.splitlines()]


def test_very_many_children_that_did_not_succeed(tmp_path: Path) -> None:
    """Forty are shown, of the others how many there are."""

    @task
    def refuse(number: int) -> int:
        raise FAIL(f"no {number}")

    with Flow("many") as many:
        many.map(refuse, range(50))
    run = many.run(store=tmp_path / "runs.db")
    lines = statesig("show", run.id, "--store", tmp_path / "runs.db").stdout.splitlines()
    assert ("refuse[39]", ["refuse[...]", "10", "more"]) == (lines[-2].split()[0], lines[-1].split())


@pytest.mark.parametrize("name", ["success", "failure", "pause", "mixed", "asking"])
def test_a_history_as_events(
    name: str, store: str, runs: dict[str, Run], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With ``--json`` a run's history is printed as events, which `check` and `history` find in order."""
    _, output, _ = in_this_process(["show", "--json", runs[name].id, "--store", store], capfd)
    log = tmp_path / "log"
    log.write_text(output)
    assert [0, 0] == [in_this_process([verb, str(log)], capfd)[0] for verb in ("check", "history")]
    ends = {
        (history.task, history.index): history.merged.state.type
        for history in histories_of(decode_event(line) for line in output.splitlines())
        if not isinstance(history.merged, Conflict)
    }
    assert {
        (None, None): runs[name].state.type,
        **{
            (task.name.partition("[")[0], index): one.state.type
            for task in runs[name]
            for index, one in [(None, task), *enumerate(task.children)]
        },
    } == ends


def test_events_are_those_of_the_run(tmp_path: Path) -> None:
    """They are what `run --json` prints, but for times and for what a mapped task says of its children."""
    path = str(tmp_path / "runs.db")
    printed = statesig("run", "--json", "tests.samples.outcomes:mixed", "--store", path).stdout
    shown = statesig("show", "--json", ids(path)[0], "--store", path).stdout

    def told(text: str) -> list[tuple[object, ...]]:
        events = [json.loads(line) for line in text.splitlines()]
        return sorted(
            (
                event.get("task", ""),
                str(event["index"]),
                event["attempt"],
                event["state"]["type"],
                event["state"].get("result"),
            )
            for event in events
        )

    assert [each[:4] for each in told(printed)] == [each[:4] for each in told(shown)]
    assert [each for each in told(printed) if each[1] != "None"] == [each for each in told(shown) if each[1] != "None"]


def test_a_program_is_not_needed(own: str, tmp_path: Path) -> None:
    """States of a program's own are shown as they are stored; nothing is imported that data names."""

    @task
    def spoil() -> int:
        raise QUARANTINE("odd", path="b.csv")

    with Flow("spoilt") as flow:
        spoil()
    run = flow.run(store=own)
    text = statesig("show", run.id, "--store", own, cwd=tmp_path).stdout
    assert ["spoil", "Quarantined", "1"] == text.splitlines()[-1].split()[:3]
    line = statesig("show", "--json", run.id, "spoil", "--store", own, cwd=tmp_path).stdout.splitlines()[-1]
    assert {"type": "Quarantined", "message": "odd", "path": "b.csv"} == json.loads(line)["state"]


def test_a_beginning_of_the_identity(store: str, runs: dict[str, Run]) -> None:
    """So much of it as no other run begins with is enough."""
    run = runs["success"].id
    assert f"run      {run}" == statesig("show", run[:8], "--store", store).stdout.splitlines()[0]


# ---- one task


def test_a_task_is_shown(store: str, runs: dict[str, Run], capfd: pytest.CaptureFixture[str]) -> None:
    """Its state, its causes, and its history with times, attempts and workers."""
    _, output, _ = in_this_process(["show", runs["mixed"].id, "--store", store, "half[2]"], capfd)
    assert [
        "task     half[2]",
        "state    Failed",
        "message  raised ZeroDivisionError",
        "",
        "causes",
        "ZeroDivisionError: integer division or modulo by zero",
        "",
        "history",
        "TIME ATTEMPT STATE WORKER MESSAGE",
        "T 1 Running",
        "T 1 Failed W raised ZeroDivisionError: integer division or modulo by zero",
    ] == [
        " ".join(re.sub(r" \S+:\d+ ", " W ", re.sub(TIME, "T", line)).split()) if "T" in line[:6] or at > 7 else line
        for at, line in enumerate(output.splitlines())
    ]


def test_the_result_of_a_task_is_shown_as_json(own: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A value is indented, without what a terminal would act upon; a mapped task has the results of its children."""

    @task
    def rows(number: int) -> dict[str, list[str]]:
        return {"names": ["é\x1b\x9b", str(number)]}

    with Flow("rows") as flow:
        rows(1)
        flow.map(rows, range(2))
        flow.map(rows, [])
    run = flow.run(store=own)

    def result(name: str) -> str:
        _, output, _ = in_this_process(["show", run.id, name, "--store", own], capfd)
        return output.partition("result\n")[2].partition("\n\n")[0]

    assert '{\n  "names": [\n    "é\\u001b\\u009b",\n    "1"\n  ]\n}' == result("rows")
    assert [{"names": ["é\x1b\x9b", "0"]}, {"names": ["é\x1b\x9b", "1"]}] == json.loads(result("rows-2"))
    assert json.loads(result("rows")) == json.loads(result("rows-2[1]"))
    assert "" == result("rows-3")


@pytest.mark.parametrize(
    ("name", "said"),
    [("follow", "state  Pending"), ("paused", "state    Paused"), ("bad", "state    Failed")],
)
def test_a_task_that_has_no_result(name: str, said: str, own: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is shown without one, also if it never ran."""
    code, output, _ = in_this_process(["show", ids(own)[0], name, "--store", own], capfd)
    assert (0, said, False) == (code, output.splitlines()[1], "result" in output)


def test_the_events_of_a_task(store: str, runs: dict[str, Run], capfd: pytest.CaptureFixture[str]) -> None:
    """With ``--json`` they are those of the run's history that are about it."""
    _, output, _ = in_this_process(["show", "--json", runs["mixed"].id, "unsteady", "--store", store], capfd)
    events = [decode_event(line) for line in output.splitlines()]
    assert [("unsteady", 1, "Running"), ("unsteady", 2, "Retrying")] == [
        (event.task, event.attempt, event.state.type) for event in events[:2]
    ]


# ---- the process of a run


def left(place: str, owner: str | None) -> str:
    """Leave a run in a store as a process leaves it that is interrupted, or that an owner's lease stays of."""

    @task
    def leave() -> None:
        raise KeyboardInterrupt

    with Flow("left") as flow:
        leave()
    with pytest.raises(KeyboardInterrupt):
        flow.run(store=place)
    with open_store(place) as store:
        run = store.runs()[0]
        if owner is not None:
            hour = timedelta(hours=-1 if owner == "elsewhere" else 1)
            store.acquire(run, Lease(run.id, owner, datetime.now(UTC) + hour), now=datetime.now(UTC))
    return run.id


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        (None, "Running, interrupted"),
        ("elsewhere", "Running, its process is gone"),
        (new_owner().replace(f"|{os.getpid()}|", f"|{2**22 + 1}|"), "Running, its process is gone"),
        (new_owner(), "Running"),
    ],
    ids=["released", "expired", "dead", "alive"],
)
def test_a_run_whose_process_is_gone(
    owner: str | None, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`runs` and `show` say so where the lease has expired or its process has ended; or that it was interrupted."""
    path = str(tmp_path / "runs.db")
    run = left(path, owner)
    listed = in_this_process(["runs", "--store", path], capfd)[1].splitlines()[1]
    shown = in_this_process(["show", run, "--store", path], capfd)[1].splitlines()[2]
    assert (said, said) == (re.split(r" {2,}", listed)[2], re.split(r" {2,}", shown)[1])
    told = json.loads(in_this_process(["runs", "--json", "--store", path], capfd)[1])
    assert (said.partition(", ")[2] or None) == told["process"]


# ---- rerun


def test_a_run_is_run_again(tmp_path: Path) -> None:
    """`rerun` takes over what succeeded, and `show` tells of which run it is one; ``--from`` names what runs again."""
    (tmp_path / "etl.py").write_text(
        """from pathlib import Path
from statesig import Flow, task

@task
def read() -> str:
    print("read runs")
    return "text"

@task
def size(text: str) -> int:
    print("size runs")
    return len(Path("here").read_text()) if Path("here").exists() else 1 // 0

with Flow("etl") as flow:
    size(read())
"""
    )

    def told(*arguments: str) -> list[str]:
        return statesig(*arguments, cwd=tmp_path, STATESIG_STORE="runs.db").stdout.splitlines()

    old = told("run", "etl")[-2].split()[1]
    (tmp_path / "here").write_text("four")
    again = told("rerun", "etl", old)
    new = again[-2].split()[1]
    assert (["size runs"], "etl: Success") == ([line for line in again if "runs" in line], again[-1])
    assert f"rerun of  {old}" == told("show", new)[2]
    assert ["read runs", "size runs"] == [
        line for line in told("rerun", "etl", new, "--from", "read") if "runs" in line
    ]
    done = statesig("rerun", "etl", new, cwd=tmp_path, STATESIG_STORE="runs.db")
    assert (2, True) == (done.returncode, "succeeded: name the tasks" in done.stderr)
    wrong = statesig("rerun", "etl", new, "--from", "nope", cwd=tmp_path, STATESIG_STORE="runs.db")
    assert (2, True) == (wrong.returncode, "there is no task 'nope'; its tasks are read, size" in wrong.stderr)


# ---- what cannot be done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs"], "give --store PATH|URL, or set STATESIG_STORE"),
        (["runs", "--store", "{folder}/none.db"], "there is no store {folder}/none.db"),
        (["runs", "--store", "{folder}"], "store {folder}: it cannot be opened"),
        (["runs", "--store", "{store}", "--state", "Nope"], "there is no state 'Nope'; known are State, "),
        (["runs", "--store", "{store}", "--limit", "0"], "a number is 1 or more, not '0'"),
        (["show", "--store", "{store}"], "RUN"),
        (["show", "nope", "--store", "{store}"], "there is no run 'nope'"),
        (["show", "{success}", "nope", "--store", "{store}"], "has no task 'nope'; its tasks are "),
        (["show", "{success}", "--store", "{store}", "half[9]"], "has no task 'half[9]'; its tasks are "),
        (["show", "{success}", "--store", "{store}", "half", "half"], "unrecognized arguments: half"),
        (["cancel", "nope", "--store", "{store}"], "there is no run 'nope'"),
        (["prune", "--store", "{store}"], "--older-than"),
        (["prune", "--store", "{store}", "--older-than", "soon"], "written as 30d, 12h, 90m or 10s"),
        (["prune", "--store", "{store}", "--older-than", ""], "P30D, not ''"),
        (["prune", "--store", "{store}", "--older-than", "30"], "P30D, not '30'"),
        (["prune", "--store", "{store}", "--older-than", "P"], "P30D, not 'P'"),
        (["prune", "--store", "{store}", "--older-than", "-P1D"], "--older-than"),
        (["prune", "--store", "{store}", "--older-than", "999999999999d"], "P30D, not '999999999999d'"),
        (["prune", "--store", "{store}", "--older-than", "900000000d"], "nothing can be older than '900000000d'"),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_what_cannot_be_done_as_asked(
    arguments: list[str], said: str, store: str, runs: dict[str, Run], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It exits 2, and says what is wrong on standard error."""
    places = {"folder": tmp_path, "store": store, "success": runs["success"].id}
    code, output, errors = in_this_process([argument.format_map(places) for argument in arguments], capfd)
    assert (2, "") == (code, output)
    assert said.format_map(places) in " ".join(errors.split())


def test_a_password_is_not_repeated(capfd: pytest.CaptureFixture[str]) -> None:
    """A store that cannot be reached is told without its password."""
    pytest.importorskip("psycopg")
    code, _, errors = in_this_process(["runs", "--store", "postgresql://me:s3cret@127.0.0.1:9/x"], capfd)
    assert (2, False) == (code, "s3cret" in errors)


def test_a_store_that_is_damaged(own: str) -> None:
    """Where a row is not what was written, showing it is a failure."""
    with sqlite3.connect(own) as connection:
        connection.execute("UPDATE statesig_history SET state = replace(state, 'Failed', 'Paused')")
    connection.close()
    done = statesig("show", ids(own)[0], "--store", own)
    assert (1, True) == (done.returncode, "is not what was written" in done.stderr)


# ---- cancel


def test_a_run_that_nobody_goes_on_with_is_cancelled(own: str) -> None:
    """What was not finished is Cancelled, and then the run is over."""
    (run,) = ids(own)
    done = statesig("cancel", run[:10], "--store", own)
    again = statesig("cancel", run, "--store", own)
    assert (0, f"run {run} is cancelled\n") == (done.returncode, done.stdout)
    assert (2, True) == (again.returncode, f"run {run} is over, it is Cancelled" in again.stderr)
    events = [json.loads(line) for line in statesig("show", "--json", run, "--store", own).stdout.splitlines()]
    assert {None: "Cancelled", "paused": "Cancelled", "follow": "Cancelled", "bad": "Failed"} == {
        event.get("task"): event["state"]["type"] for event in events
    }


@pytest.fixture
def held(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that goes on with a run until it is cancelled."""
    (tmp_path / "marks").mkdir()
    command = [sys.executable, "-m", "tests.samples.holding", tmp_path / "held.db", tmp_path / "marks/gate"]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            while not (tmp_path / "marks/waiting").exists():
                assert process.poll() is None
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def test_a_run_that_goes_on_is_asked(held: subprocess.Popen[str], tmp_path: Path) -> None:
    """Its process is told at its next heartbeat, and lets what runs come to its end."""
    path = str(tmp_path / "held.db")
    (run,) = ids(path)
    done = statesig("cancel", run, "--store", path)
    said = f"run {run} is running in another process, which was asked to cancel it\n"
    assert (0, said) == (done.returncode, done.stdout)
    while "Cancelling" not in statesig("show", run, "--store", path).stdout:
        assert held.poll() is None
    (tmp_path / "marks/gate").touch()
    assert held.stdout is not None
    assert f"{run} Cancelled\n" == held.stdout.read()


def test_the_lease_of_a_run_is_told(held: subprocess.Popen[str], tmp_path: Path) -> None:
    """Until when a process has the run is told, and whether it was asked to cancel it."""
    path = str(tmp_path / "held.db")
    (run,) = ids(path)
    before = statesig("show", run, "--store", path).stdout
    statesig("cancel", run, "--store", path)
    after = statesig("show", run, "--store", path).stdout
    assert [True, True] == [
        re.search(pattern, text, re.MULTILINE) is not None
        for pattern, text in ((rf"^lease    until {TIME}$", before), (rf"^lease    until {TIME} cancelling$", after))
    ]


# ---- prune


def test_old_runs_are_removed(own: str) -> None:
    """Those that are over and changed last so long ago go, the others stay, and how many went is said."""
    success.run(store=own)
    assert "removed 0 runs\n" == statesig("prune", "--older-than", "1h", "--store", own).stdout
    assert "removed 1 run\n" == statesig("prune", "--older-than", "0s", "--store", own).stdout
    assert ["pause"] == [line.split()[1] for line in statesig("runs", "--store", own).stdout.splitlines()[1:]]


@pytest.mark.parametrize("age", ["30d", "12h", "90m", "10s", "1d12h30m", "P30D", "PT12H", "P1DT2H"])
def test_ages(age: str, own: str, capfd: pytest.CaptureFixture[str]) -> None:
    """An age is days, hours, minutes and seconds, by letters or as ISO 8601 says it."""
    assert (0, "removed 0 runs\n", "") == in_this_process(["prune", "--older-than", age, "--store", own], capfd)
