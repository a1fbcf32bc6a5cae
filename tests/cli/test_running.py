"""`statesig run` and `statesig resume`: stores, executors, approvals, Ctrl-C and SIGTERM, and their exit codes."""

import json
import os
import re
import shlex
import signal
import subprocess
import time
from itertools import product
from pathlib import Path

import pytest

from statesig import decode_event
from statesig.cli.continuing import without_password
from tests.harness.cases import at_once
from tests.harness.commands import (
    COMMAND,
    ENVIRONMENT,
    ROOT,
    Done,
    ended,
    in_this_process,
    read_up_to,
    send,
    started,
    statesig,
)
from tests.harness.exhaustive import exhaustive_but, thorough_but
from tests.harness.servers import Server, server  # noqa: F401  # a fixture
from tests.samples.gates import reviewed

EXECUTORS = ["inline", "threads", "processes"]
GATED, REVIEWED = "tests.samples.gates:gated", "tests.samples.gates:reviewed"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The path of a store that is not there yet."""
    return str(tmp_path / "runs.db")


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The file that a task waits for; in its folder the tasks write down that they ran."""
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks/gate"


def marks(gate: Path) -> list[str]:
    return sorted(path.name for path in gate.parent.iterdir())


def states(done: Done) -> dict[str, str]:
    """Return the state of each task, as the table at the end tells them."""
    lines = done.stdout.split("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: line.split()[1] for line in lines}


def run_of(done: Done) -> str:
    """Return the identity of the run, as the last lines tell it."""
    head, run = done.stdout.splitlines()[-2].split()
    assert "run" == head
    return run


def paused(store: str, gate: Path) -> str:
    """Run a flow up to its pause, and return the run's identity."""
    return reviewed.run(gate=gate, store=store).id


# ---- run


def test_a_stored_run_tells_its_identity(store: str, gate: Path) -> None:
    """It stands on standard error before anything runs, and before the last line of the summary."""
    done = statesig("run", REVIEWED, f"gate={gate}", "--store", store)
    assert (3, "reviewed: Paused, trigger manual_only: 1 Success") == (done.returncode, done.stdout.splitlines()[-1])
    assert f"run {run_of(done)}" == done.stderr.splitlines()[0]


def test_events_of_a_stored_run(store: str, gate: Path) -> None:
    """With ``--json`` the identity on standard error is that of the events."""
    done = statesig("run", "--json", REVIEWED, f"gate={gate}", "--store", store)
    assert {done.stderr.splitlines()[0]} == {f"run {json.loads(line)['run']}" for line in done.stdout.splitlines()}


def test_a_quiet_stored_run(store: str, gate: Path) -> None:
    """``--quiet`` leaves the summary alone."""
    done = statesig("run", "--quiet", REVIEWED, f"gate={gate}", "--store", store)
    assert (3, "") == (done.returncode, done.stderr)


def test_a_run_without_a_store_tells_no_identity(gate: Path) -> None:
    """It cannot be gone on with."""
    done = statesig("run", REVIEWED, f"gate={gate}")
    assert (3, False, False) == (done.returncode, "\nrun " in done.stdout, "to continue" in done.stderr)


def test_the_environment_names_the_store(store: str, gate: Path) -> None:
    """STATESIG_STORE is the default of ``--store``, for `run` and for `resume`."""
    done = statesig("run", REVIEWED, f"gate={gate}", STATESIG_STORE=store)
    resumed = statesig("resume", REVIEWED, run_of(done), "--approve", "review", STATESIG_STORE=store)
    assert (3, 0) == (done.returncode, resumed.returncode)


@pytest.mark.parametrize(
    "executor",
    [["inline"], ["threads"], ["threads", "--workers", "2"], ["processes", "--workers", "2"]],
    ids=" ".join,
)
def test_the_same_under_each_executor(executor: list[str], gate: Path, store: str) -> None:
    """``--executor`` says where tasks are run, and changes no state."""
    gate.parent.joinpath("gate").touch()
    done = statesig("run", GATED, f"gate={gate}", "--executor", *executor, "--store", store)
    assert (0, {"count": "Success", "wait": "Success", "follow": "Success"}) == (done.returncode, states(done))


@pytest.mark.exhaustive
def test_on_a_cluster(gate: Path) -> None:
    """``--executor dask`` with the address of a scheduler runs the tasks there."""
    distributed = pytest.importorskip("distributed")
    gate.touch()
    options = {"threads_per_worker": 1, "processes": False, "protocol": "tcp://", "dashboard_address": ":0"}
    with distributed.LocalCluster(1, **options) as cluster:
        address = cluster.scheduler_address
        done = statesig("run", GATED, f"gate={gate}", "--executor", "dask", "--address", address)
    assert (0, {"count": "Success", "wait": "Success", "follow": "Success"}) == (done.returncode, states(done))


USAGE: list[tuple[list[str], str]] = [
    (["--workers", "2"], "--workers goes with --executor threads or processes"),
    (["--executor", "dask", "--workers", "2"], "--workers goes with --executor threads or processes"),
    (["--executor", "threads", "--workers", "0"], "a number is 1 or more, not '0'"),
    (["--executor", "threads", "--workers", "two"], "a number is 1 or more, not 'two'"),
    (["--executor", "rockets"], "'rockets'"),
    (["--address", "tcp://localhost:8786"], "--address is for a Dask scheduler"),
    (["--store", "{folder}"], "store {folder}: it cannot be opened"),
    (["--store", "{folder}/none/runs.db"], "there is no folder '{folder}/none'"),
    (["--store", "{folder}/text"], "the file is not a SQLite file"),
    (["--store", "redis://user:secret@host/1"], "redis://...: it is not a store"),
]


@pytest.mark.parametrize(("options", "said"), USAGE, ids=[" ".join(options) for options, _ in USAGE])
def test_a_run_that_cannot_begin(
    options: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Options that do not go together, and a store that cannot be opened, exit 2 before anything runs."""
    (tmp_path / "text").write_text("this is a text of some length, and no database at all" * 10)
    given = [option.format(folder=tmp_path) for option in options]
    code, output, errors = in_this_process(["run", "tests.samples.outcomes:success", *given], capfd)
    assert (2, "", True) == (code, output, said.format(folder=tmp_path) in " ".join(errors.split()))
    assert "secret" not in errors


def test_a_parameter_that_cannot_be_stored(store: str, tmp_path: Path) -> None:
    """It is refused before anything runs."""
    (tmp_path / "mine.py").write_text(
        "import sys\nfrom statesig import Flow, task\n\n@task\ndef show(o: object) -> None: ...\n\n"
        "with Flow('f') as flow:\n    show(flow.parameter('o', object, default=sys))\n"
    )
    done = statesig("run", "mine", "--store", store, cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert "flow 'f': parameter o cannot be stored" in done.stderr


def test_a_store_that_fails_half_way(store: str) -> None:
    """It is a failure of the run: it exits 1, and says what is wrong in one line."""
    done = statesig("run", "--quiet", "tests.samples.gates:undermined", f"store_path={store}", "--store", store)
    assert (1, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert done.stderr.startswith(f"statesig: store {store}: ")


def test_a_cluster_that_cannot_be_used(gate: Path) -> None:
    """Without its scheduler nothing is run, and that is told as what cannot be done."""
    pytest.importorskip("distributed")
    done = statesig("run", GATED, f"gate={gate}", "--executor", "dask", "--address", "nonsense://x")
    assert (2, "", []) == (done.returncode, done.stdout, marks(gate))
    assert "statesig: Dask cannot be used: " in done.stderr


def test_what_a_terminal_would_act_upon(store: str) -> None:
    """It is spelled out wherever `run` and `show` repeat it: messages are anybody's."""
    done = statesig("run", "tests.samples.gates:mumbling", "--store", store)
    shown = statesig("show", run_of(done), "--store", store)
    texts = (done.stdout.split("\n\n")[0], done.stdout.splitlines()[-1], done.stderr, shown.stdout)
    assert [(False, True)] * 4 == [("\x1b" in text, r"\x1b[2Jgone" in text) for text in texts]


def test_the_last_lines_name_each_failure(tmp_path: Path) -> None:
    """Before the outcome each failed task stands with its cause, handled or not; a cascade with its root."""
    (tmp_path / "etl.py").write_text(
        """from statesig import FAIL, Flow, all_finished, task

@task
def read(name: str) -> str:
    raise FileNotFoundError("No such file")

@task
def load(number: int) -> int:
    raise FAIL("odd" if number % 2 else "even")

@task
def add(text: str) -> str:
    return text

@task(trigger=all_finished)
def report() -> None: ...

with Flow("etl") as flow:
    text = add(add(read("rows.txt")))
    rows = flow.map(load, range(14))
    last = report()
    flow.after(last, text, rows)
flow.reference(last)
"""
    )
    done = statesig("run", "etl", cwd=tmp_path)
    assert [
        "read Failed: raised FileNotFoundError: No such file",
        "  etl.py:5 in read",
        "add, add-2 TriggerFailed because read: No such file",
        "load[0], load[2], load[4], load[6], load[8] and 2 more Failed: even",
        "load[1], load[3], load[5], load[7], load[9] and 2 more Failed: odd",
        "",
        "etl: Success",
    ] == done.stdout.splitlines()[-7:]


def test_the_last_own_frame_of_each_failure(tmp_path: Path) -> None:
    """It stands below the failure, past the frames of libraries, and in the store; events as JSON have none."""
    program = "import json\nfrom statesig import Flow, task\n\n@task\ndef load() -> int:\n    return json.loads('{')\n"
    (tmp_path / "etl.py").write_text(f"{program}\nwith Flow('etl') as flow:\n    load()\n")
    done = statesig("run", "etl.py", "--store", "runs.db", cwd=tmp_path)
    failure, place = done.stdout.split("\n\n")[1].splitlines()
    assert (True, "  etl.py:6 in load") == (failure.startswith("load Failed: raised json"), place)
    assert place in statesig("show", run_of(done), "load", "--store", "runs.db", cwd=tmp_path).stdout.splitlines()
    assert "etl.py" not in statesig("run", "etl", "--json", cwd=tmp_path).stdout


def test_the_traceback_of_each_failure(tmp_path: Path) -> None:
    """With ``--traceback`` it stands below the failure, and in the store; without it only the last own frame does."""
    program = "from statesig import Flow, task\n\n@task\ndef load() -> None:\n    raise ValueError('odd')\n\n"
    (tmp_path / "etl.py").write_text(f"{program}with Flow('etl') as flow:\n    load()\n")
    for given in ([], ["--traceback"]):
        done = statesig("run", "etl", "--store", "runs.db", *given, cwd=tmp_path)
        lines = done.stdout.split("\n\n")[1].splitlines()
        assert given or ["  etl.py:5 in load"] == lines[1:]
        assert "load Failed: raised ValueError: odd" == lines[0]
        assert bool(given) is ("    raise ValueError('odd')" in "\n".join(lines))
        shown = statesig("show", run_of(done), "load", "--store", "runs.db", cwd=tmp_path).stdout
        assert bool(given) is ("    raise ValueError('odd')" in shown)


# ---- resume


def test_a_paused_run_is_approved(store: str, gate: Path) -> None:
    """In a new process it goes on with the values that it had, and runs nothing again."""
    run = paused(store, gate)
    done = statesig("resume", REVIEWED, run, "--approve", "review", "--store", store)
    assert (0, {"count": "Success", "review": "Success", "follow": "Success"}) == (done.returncode, states(done))
    assert ["count 1"] == marks(gate)


@pytest.mark.exhaustive
def test_in_a_database(server: Server, gate: Path) -> None:  # noqa: F811  # the fixture
    """A run in PostgreSQL is listed, shown and gone on with by the URL, as one in a file is."""
    pytest.importorskip("psycopg")
    place = server.new_place()
    run = paused(place, gate)
    listed = statesig("runs", "--store", place).stdout.splitlines()[1].split()
    shown = statesig("show", run, "--store", place).stdout.splitlines()[0].split()
    done = statesig("resume", REVIEWED, run, "--approve", "review", "--store", place)
    assert ([run, "reviewed", "Paused"], ["run", run], 0) == (listed[:3], shown, done.returncode)
    assert ["count 1"] == marks(gate)


def test_what_is_not_approved_stays_paused(store: str, gate: Path) -> None:
    """Without ``--approve`` the run is gone on with, and is paused as it was."""
    run = paused(store, gate)
    done = statesig("resume", REVIEWED, run, "--store", store)
    assert (3, "Paused", "Pending") == (done.returncode, states(done)["review"], states(done)["follow"])


def test_the_command_that_goes_on_is_told(store: str, gate: Path) -> None:
    """Where a stored run is paused, standard error ends with the command to go on with it."""
    done = statesig("run", REVIEWED, f"gate={gate}", "--store", store)
    told = shlex.split(done.stderr.splitlines()[-1].removeprefix("to continue: "))
    assert ["statesig", "resume", REVIEWED, run_of(done), "--approve", "review", "--store", store] == told
    assert 0 == statesig(*told[1:]).returncode


def test_a_child_of_a_mapped_task_is_approved(store: str) -> None:
    """A name with a position names the child alone; the told command is quoted for a shell."""
    done = statesig("run", "tests.samples.gates:asking", "--store", store)
    told = done.stderr.splitlines()[-1]
    assert told.endswith(f"resume tests.samples.gates:asking {run_of(done)} --approve 'ask[1]' --store {store}")
    resumed = statesig("resume", "tests.samples.gates:asking", run_of(done), "--approve", "ask[1]", "--store", store)
    assert (3, "Paused") == (resumed.returncode, states(resumed)["ask[1]"])


def test_a_beginning_of_the_identity(store: str, gate: Path) -> None:
    """So much of an identity as no other run begins with is enough."""
    run = paused(store, gate)
    assert 0 == statesig("resume", REVIEWED, run[:6], "--approve", "review", "--store", store).returncode


@pytest.mark.parametrize("executor", exhaustive_but(["threads"], EXECUTORS))
def test_a_run_that_was_killed(executor: str, store: str, gate: Path) -> None:
    """After SIGKILL a run is gone on with: what was finished is not run again, what ran is."""
    options = ("--executor", executor, "--store", store)
    with started("run", GATED, f"gate={gate}", *options) as process:
        run = read_up_to("run ", process, errors=True).split()[1]
        until_there(gate.parent / "waiting", process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    gate.touch()
    done = statesig("resume", GATED, run, *options)
    assert (0, {"count": "Success", "wait": "Success", "follow": "Success"}) == (done.returncode, states(done))
    assert ["count 1", "gate", "waiting"] == marks(gate)


def until_there(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a process has made a file."""
    while not path.exists():
        assert process.poll() is None, "the process ended before it made the file"
    time.sleep(0.1)  # until its own thread waits for something to happen


def test_a_run_that_goes_on_elsewhere(store: str, gate: Path) -> None:
    """A second process is refused, and the first one is not disturbed."""
    with started("run", GATED, f"gate={gate}", "--store", store) as process:
        run = read_up_to("run ", process, errors=True).split()[1]
        until_there(gate.parent / "waiting", process)
        refused = statesig("resume", GATED, run, "--store", store)
        gate.touch()
        code, _, _ = ended(process)
    assert (2, 0) == (refused.returncode, code)
    assert "another process has the lease on run" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resume", "tests.samples.gates:asking", "{run}"], "of flow 'reviewed'"),
        (["resume", REVIEWED, "{run}", "--approve", "count"], "'count' is not paused, it is Success"),
        (["resume", REVIEWED, "{run}", "--approve", "nope"], "there is no task 'nope'; paused are review"),
        (["resume", REVIEWED, "none"], "there is no run 'none'"),
        (["resume", REVIEWED, ""], "there is no run ''"),
        (["resume", REVIEWED], "RUN"),
        (["resume", "tests.samples.kinds", "{run}"], "has no flow"),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_what_cannot_be_gone_on_with(
    arguments: list[str], said: str, store: str, gate: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Another flow, a task that is not paused, a run that is not there: each exits 2, and the run is as it was."""
    run = paused(store, gate)
    given = [argument.format(run=run) for argument in arguments]
    code, output, errors = in_this_process([*given, "--store", store], capfd)
    assert (2, "", True) == (code, output, said in errors)
    assert 0 == in_this_process(["resume", REVIEWED, run, "--approve", "review", "--store", store], capfd)[0]


def test_a_run_that_is_over(store: str, gate: Path) -> None:
    """Nothing is left to go on with."""
    run = paused(store, gate)
    reviewed.resume(run, "review", store=store)
    done = statesig("resume", REVIEWED, run, "--store", store)
    assert (2, "") == (done.returncode, done.stdout)
    assert f"run {run} is over, it is Success" in done.stderr


def test_a_flow_that_has_changed(store: str, tmp_path: Path) -> None:
    """What is different is said, and nothing is run."""
    program = (
        "from statesig import Flow, task, manual_only\n\n@task(trigger=manual_only)\ndef one() -> int: return 1\n\n"
    )
    (tmp_path / "mine.py").write_text(f"{program}with Flow('f') as flow:\n    one()\n")
    run = run_of(statesig("run", "mine", "--store", store, cwd=tmp_path))
    (tmp_path / "mine.py").write_text(f"{program}with Flow('f') as flow:\n    one()\n    one()\n")
    done = statesig("resume", "mine", run, "--approve", "one", "--store", store, cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert "task 'one-2' is new" in done.stderr


@pytest.mark.parametrize("given", [[], ["--store", "{folder}/none.db"], ["--store", "sqlite:///{folder}/none.db"]])
def test_a_store_that_is_not_there(given: list[str], tmp_path: Path) -> None:
    """To look for a run makes no store; that none is named is told with the ways to do so."""
    options = [option.format(folder=tmp_path) for option in given]
    done = statesig("resume", REVIEWED, "abc", *options)
    said = "there is no store" if given else "give --store PATH|URL, or set STATESIG_STORE"
    assert (2, True, []) == (done.returncode, said in done.stderr, list(tmp_path.iterdir()))


def test_events_of_what_goes_on(store: str, gate: Path) -> None:
    """With ``--json`` a resumed run prints what happens from then on, each in the attempt that it is of."""
    run = paused(store, gate)
    done = statesig("resume", "--json", REVIEWED, run, "--approve", "review", "--store", store)
    told = [decode_event(line) for line in done.stdout.splitlines()]
    assert [
        (None, 2, "Resume"),
        ("review", 1, "Resume"),
        (None, 2, "Running"),
        ("review", 1, "Running"),
        ("review", 1, "Success"),
        ("follow", 1, "Running"),
        ("follow", 1, "Success"),
        (None, 2, "Success"),
    ] == [(event.task, event.attempt, event.state.type) for event in told]


# ---- Ctrl-C and SIGTERM

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def by_signals(core: signal.Signals) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("number", thorough_but([core], SIGNALS))


def by_executors_and_signals(*core: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("executor", "number"), thorough_but([core], product(EXECUTORS, SIGNALS)))


@by_executors_and_signals("threads", signal.SIGINT)
def test_what_runs_is_let_finish(executor: str, number: signal.Signals, store: str, gate: Path) -> None:
    """After one signal what runs ends and the rest stays as it is; the command that continues the run is printed."""
    with started("run", GATED, f"gate={gate}", "--executor", executor, "--store", store) as process:
        read_up_to("run ", process, errors=True)
        until_there(gate.parent / "waiting", process)
        send(number, process)
        read_up_to("statesig: interrupted; waiting for what runs, repeat to stop it", process, errors=True)
        gate.touch()
        code, output, errors = ended(process)
    done = Done([], code, output, errors)
    assert 128 + number == code
    assert {"count": "Success", "wait": "Success", "follow": "Pending"} == states(done)
    assert "gated: interrupted, with 1 of 3 tasks to do" == output.splitlines()[-1]
    assert "Traceback" not in errors
    resumed = statesig(*shlex.split(errors.splitlines()[-1].removeprefix("to continue: statesig ")))
    assert {"count": "Success", "wait": "Success", "follow": "Success"} == states(resumed)
    assert (0, ["count 1", "gate", "waiting"]) == (resumed.returncode, marks(gate))


@by_executors_and_signals("processes", signal.SIGTERM)
def test_what_runs_is_stopped(executor: str, number: signal.Signals, store: str, gate: Path) -> None:
    """After a second signal what runs is stopped, too; it is left Running, and runs again when it is resumed."""
    options = ("--executor", executor, "--store", store)
    with started("run", GATED, f"gate={gate}", *options) as process:
        read_up_to("run ", process, errors=True)
        until_there(gate.parent / "waiting", process)
        send(number, process)
        read_up_to("statesig: interrupted", process, errors=True)
        send(number, process)
        read_up_to("statesig: stopping now", process, errors=True)
        code, output, errors = ended(process)
    done = Done([], code, output, errors)
    assert 128 + number == code
    assert {"count": "Success", "wait": "Running", "follow": "Pending"} == states(done)
    assert "Traceback" not in errors
    gate.touch()
    resumed = statesig("resume", GATED, run_of(done), *options)
    assert (0, {"count": "Success", "wait": "Success", "follow": "Success"}) == (resumed.returncode, states(resumed))


def test_what_runs_is_cancelled_without_a_store(gate: Path) -> None:
    """Nothing could continue it: one signal lets what runs finish, and the rest is Cancelled."""
    with started("run", GATED, f"gate={gate}", "--executor", "threads") as process:
        until_there(gate.parent / "waiting", process)
        send(signal.SIGTERM, process)
        read_up_to("statesig: cancelling; repeat to stop now", process, errors=True)
        gate.touch()
        code, output, errors = ended(process)
    assert 143 == code
    assert {"count": "Success", "wait": "Success", "follow": "Cancelled"} == states(Done([], code, output, errors))
    assert "gated: Cancelled, the run was cancelled" == output.splitlines()[-1]


def test_each_option_that_continues_a_run(store: str, gate: Path) -> None:
    """The printed command has the store and the executor; a store from the environment is there for it, too."""
    options = ["--store", store, "--executor", "threads", "--workers", "2"]
    done = statesig("run", REVIEWED, f"gate={gate}", *options)
    told = shlex.split(done.stderr.splitlines()[-1].removeprefix("to continue: "))
    assert ["statesig", "resume", REVIEWED, run_of(done), "--approve", "review", *options] == told
    done = statesig("run", REVIEWED, f"gate={gate}", STATESIG_STORE=store)
    assert done.stderr.splitlines()[-1].endswith(f"{run_of(done)} --approve review")


@at_once
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("my runs.db", "my runs.db"),
        ("sqlite:////data/runs.db", "sqlite:////data/runs.db"),
        ("postgresql://host/runs", "postgresql://host/runs"),
        ("postgresql://me@host:5432/runs", "postgresql://me@host:5432/runs"),
        ("postgresql://me:s3cret@host/runs", "postgresql://me@host/runs"),
        (
            "postgresql://me:s3%40cret@[::1]:5432/runs?sslmode=require",
            "postgresql://me@[::1]:5432/runs?sslmode=require",
        ),
        ("postgresql://host/runs?user=me&password=s3cret", "postgresql://host/runs?user=me"),
        ("postgresql:///runs?host=/var/run&sslpassword=s3cret", "postgresql:///runs?host=/var/run"),
    ],
)
def test_a_command_without_a_password(target: str, told: str) -> None:
    """A URL is repeated without the password in it."""
    assert told == without_password(target)


@by_signals(signal.SIGINT)
def test_a_coroutine_is_stopped(number: signal.Signals) -> None:
    """An ``async def`` task is cancelled by the second signal."""
    with started("run", "--json", "tests.samples.nap:dreaming") as process:
        read_up_to('"Running"', process)
        send(number, process)
        read_up_to("cancelling", process, errors=True)
        send(number, process)
        code, output, errors = ended(process)
    assert (128 + number, "Cancelled") == (code, decode_event(output.splitlines()[-1]).state.type)
    assert "Traceback" not in errors


@by_signals(signal.SIGTERM)
def test_nothing_is_waited_for_where_nothing_runs(number: signal.Signals) -> None:
    """Between two attempts one signal ends the run."""
    with started("run", "--json", "tests.samples.nap:waiting") as process:
        read_up_to('"Retrying"', process)
        send(number, process)
        code, output, errors = ended(process)
    assert (128 + number, "Cancelled") == (code, decode_event(output.splitlines()[-1]).state.type)
    assert "statesig: cancelling; repeat to stop now\n" == errors


def test_a_run_that_succeeds_all_the_same(gate: Path) -> None:
    """Where nothing is left to cancel, the exit code tells of the success."""
    with started("run", "tests.samples.gates:last", f"gate={gate}") as process:
        until_there(gate.parent / "waiting", process)
        send(signal.SIGINT, process)
        read_up_to("cancelling", process, errors=True)
        gate.touch()
        code, output, _ = ended(process)
    assert (0, "last: Success") == (code, output.splitlines()[-1])


@pytest.mark.exhaustive
def test_a_signal_while_a_program_is_imported(tmp_path: Path) -> None:
    """Before anything runs, one signal ends the command."""
    (tmp_path / "slow.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    for number, said in ((signal.SIGINT, "statesig: interrupted\n"), (signal.SIGTERM, "statesig: terminated\n")):
        with started("run", "slow", cwd=tmp_path) as process:
            read_up_to("importing", process)
            send(number, process)
            code, _, errors = ended(process)
        assert (128 + number, said) == (code, errors)


# ---- terminals


class Screen:
    """What a terminal has been told to show so far."""

    def __init__(self, terminal: int) -> None:
        self.terminal = terminal
        self.text = ""

    def read_up_to(self, pattern: str) -> None:
        """Read until the text has a pattern in it."""
        while not re.search(pattern, self.text):
            try:
                self.text += os.read(self.terminal, 65536).decode()
            except OSError:  # as Linux says that the other end is gone
                raise AssertionError(f"the terminal never showed {pattern}") from None


def test_what_runs_is_shown_on_a_terminal(gate: Path) -> None:
    """Below the bar stands each running task with its seconds; a signal is answered there, too."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [*COMMAND, "run", GATED, f"gate={gate}", "--executor", "threads"]
    environment = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    screen = Screen(ours)
    with process:
        try:
            screen.read_up_to(r"wait +\d+\.\ds")
            process.send_signal(signal.SIGINT)
            screen.read_up_to("cancelling; repeat to stop now")
            gate.touch()
            screen.read_up_to("follow +Cancelled")
            code, output, _ = ended(process)
        finally:
            process.kill()
            os.close(ours)
    assert (130, False) == (code, "\x1b" in output)
