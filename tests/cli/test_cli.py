"""The `statesig` command, run as people run it: as a process, with pipes, files, signals and exit codes."""

import base64
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from statesig import (
    PAUSE,
    Event,
    Failed,
    Finished,
    Flow,
    MapFailed,
    Mapped,
    State,
    Success,
    current,
    decode_event,
    diagram,
    encode,
    encode_event,
    schema,
    task,
)
from statesig.cli import display
from statesig.cli.display import JsonLines
from statesig.codec.limits import DEFAULT_LIMITS, Limits
from tests.harness.cases import at_once
from tests.harness.commands import (
    COMMAND,
    ENVIRONMENT,
    ROOT,
    Done,
    ended,
    in_a_process,
    in_this_process,
    read_up_to,
    started,
    statesig,
)
from tests.harness.exhaustive import exhaustive_but, one_in, thorough_but
from tests.samples.kinds import Quarantined
from tests.samples.samples import BUILT_IN, bare, full


def events_of(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def task_events_of(done: Done) -> list[dict[str, Any]]:
    """Return the events without those of the run itself."""
    return [event for event in events_of(done) if "task" in event]


# ---- help and usage


VERBS = ["run", "resume", "rerun", "runs", "show", "cancel", "serve", "prune", "check-store", "check", "history"]
VERBS += ["schema", "diagram", "stubs"]


@at_once
@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)], ids=" ".join)
def test_help(verb: list[str]) -> None:
    """``--help`` explains the command, or a verb, on standard output, and exits 0."""
    done = statesig(*verb, "--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith(f"usage: statesig {' '.join(verb)}")


def test_help_names_every_verb_and_exit_code() -> None:
    """The help of the command lists its verbs and what its exit codes say."""
    text = statesig("--help").stdout
    listed = re.findall(r"^    ([a-z-]+)(?: {2,}|$)", text, re.MULTILINE)
    assert VERBS == listed
    assert [] == [part for part in ("0 success", "3 paused", "130/143") if part not in " ".join(text.split())]


@at_once
@pytest.mark.parametrize("verb", ["run", "resume", "rerun", "runs", "show", "cancel", "prune"])
def test_help_names_the_default_of_the_store(verb: str) -> None:
    """Each verb that takes a store says that STATESIG_STORE is its default."""
    assert "STATESIG_STORE" in statesig(verb, "--help").stdout


def test_version() -> None:
    """``--version`` prints the name and the version, and exits 0."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    done = statesig("--version")
    assert (0, f"statesig {version}\n", "") == (done.returncode, done.stdout, done.stderr)


USAGE: list[tuple[list[str], str]] = [
    ([], "usage: statesig"),
    (["fly"], "'fly'"),
    (["--nope"], "--nope"),
    (["run"], "MODULE[:FLOW]"),
    (["run", "tests.samples.greeting", "--nope"], "--nope"),
    (["run", "statesig_no_such_module"], "there is no module 'statesig_no_such_module'"),
    (["run", "tests.no_such_package.module"], "there is no module 'tests.no_such_package.module'"),
    (["run", "tests/samples/no_such.py"], "there is no file 'tests/samples/no_such.py'"),
    (["run", "no_such.py"], "there is no file or module 'no_such.py'"),
    (["run", "tests.samples.greeting", "--nope"], "usage: statesig run"),
    (["show", "1", "a", "b"], "usage: statesig show"),
    (["diagram", "tests.samples.greeting", "1"], "no store is given"),
    (["run", ""], "module"),
    (["run", ".greeting"], "greeting"),
    (["run", "tests.samples.needs_another"], "No module named 'statesig_no_such_dependency'"),
    (["run", "tests.samples.fails_on_import"], "ValueError: not today"),
    (["run", "tests.samples.leaves_on_import"], "tests.samples.leaves_on_import"),
    (["run", "tests.samples.skips_on_import"], "tests.samples.skips_on_import"),
    (["run", "tests.samples.kinds"], "has no flow"),
    (["run", "tests.samples.outcomes"], "has 6 flows, success, failure, pause, skip, mixed, needy"),
    (["run", "tests.samples.outcomes:nope"], "has no flow 'nope'; it has success, failure"),
    (["run", "tests.samples.greeting", "name"], "NAME=VALUE, not 'name'"),
    (["run", "tests.samples.greeting", "=x"], "NAME=VALUE, not '=x'"),
    (["run", "tests.samples.greeting", "nmae=x"], "no such parameter: nmae; did you mean name?; its parameters are"),
    (["run", "tests.samples.greeting", "nmae=x"], "its parameters are name, times, day"),
    (["run", "tests.samples.greeting", "times=many"], "times is not a valid int"),
    (["run", "tests.samples.greeting", "times="], "times is not a valid int"),
    (["run", "tests.samples.greeting", "day=2019-13-01"], "day is not a valid date"),
    (["run", "tests.samples.greeting", "times=many"], "times: Input should be a valid integer"),
    (["run", "tests.samples.greeting", "times=1", "times=2"], "parameter times is given twice; give it once"),
    (["run", "tests.samples.settings", "cfg={}"], "cfg is not a valid Settings: cfg.url: field required"),
    (["run", "tests.samples.settings", 'cfg={"url": 5}'], "cfg.url: Input should be a valid string"),
    (["run", "tests.samples.settings", 'cfg={"url": "x", "limits": [1, "many"]}'], "cfg.limits[1]: Input should be a"),
    (["run", "tests.samples.settings", 'cfg={"url": "x"'], "cfg: not JSON: EOF while parsing"),
    (["run", "tests.samples.settings", "cfg=x"], "cfg: an object was expected"),
    (["run", "tests.samples.settings", "cfg=5"], "cfg: an object was expected"),
    (["run", "tests.samples.settings", 'cfg={"url": "x", "retry": "raise"}'], "cfg: its validator raised ZeroDivision"),
    (["run", "tests.samples.outcomes:needy", "token=x"], "needs a value for count"),
    (["check", "no such file"], "no such file cannot be read"),
    (["check", "tests"], "tests cannot be read"),
    (["check", "--as", "Nope"], "there is no state 'Nope'; known are State, "),
    (["check", "--import", "statesig_no_such_module"], "there is no module 'statesig_no_such_module'"),
    (["check", "--import", "tests.samples.fails_on_import"], "ValueError: not today"),
    (["schema", "Nope"], "there is no state 'Nope'"),
    (["schema", "Ticket", "--import", "tests.samples.tickets"], "a class of a machine is MODULE:CLASS, such as shop:"),
    (["diagram", "--format", "png"], "'png'"),
    (["stubs", "--nope"], "--nope"),
    (["stubs", ""], "module"),
    (["stubs", "--check", "--output", "out"], "name its package"),
    (["stubs", "statesig_no_such_module"], "there is no module 'statesig_no_such_module'"),
    (["stubs", "--check", "tests.samples.fails_on_import"], "ValueError: not today"),
    (["stubs", "tests.samples.leaves_on_import"], "tests.samples.leaves_on_import"),
]


@pytest.mark.parametrize(("arguments", "said"), USAGE, ids=[" ".join(arguments) for arguments, _ in USAGE])
def test_what_cannot_be_done_as_asked(arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A usage or import error exits 2, says what is wrong on standard error and nothing on standard output."""
    code, output, errors = in_this_process(arguments, capfd)
    assert (2, "") == (code, output)
    assert said in " ".join(errors.split())


@pytest.mark.parametrize(
    "arguments",
    one_in(
        4,
        [
            ["fly"],
            ["run", "statesig_no_such_module"],
            ["run", "tests.samples.greeting", "name"],
            ["check", "none"],
            ["history", "none"],
            ["runs"],
            ["diagram"],
            ["stubs", ""],
        ],
    ),
    ids=" ".join,
)
def test_a_process_exits_as_main_returns(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """The command as a process says and exits what `main` says and returns here, and what a fork does."""
    done, forked = in_a_process(*arguments), statesig(*arguments)
    expected = (done.returncode, done.stdout, done.stderr)
    assert expected == in_this_process(arguments, capfd)
    assert expected == (forked.returncode, forked.stdout, forked.stderr)


def test_a_value_is_not_repeated() -> None:
    """What a parameter refuses is not shown: it may be a secret."""
    done = statesig("run", "tests.samples.greeting", "times=s3cret")
    assert (2, False) == (done.returncode, "s3cret" in done.stderr)


# ---- run


@pytest.mark.parametrize(
    ("flow", "code", "outcome"),
    [
        ("success", 0, "success: Success"),
        ("skip", 0, "skip: Skipped, its input skipped was skipped and has no value"),
        ("failure", 1, "failure: Failed, no such day"),
        ("pause", 3, "pause: Paused, look at it"),
    ],
)
def test_the_exit_code_says_how_a_run_ended(flow: str, code: int, outcome: str) -> None:
    """0 for success, 1 for failure, 3 for paused; the last line tells the flow's own state."""
    done = statesig("run", f"tests.samples.outcomes:{flow}")
    assert (code, outcome) == (done.returncode, done.stdout.splitlines()[-1])


def test_the_table_at_the_end() -> None:
    """Standard output has a table of tasks, states, durations and messages, with the children that did not succeed."""
    done = statesig("run", "tests.samples.outcomes:mixed")
    rows = [re.split(r" {2,}", line) for line in done.stdout.splitlines()]
    assert ["TASK", "STATE", "SECONDS", "MESSAGE"] == rows[0]
    seconds = [row.pop(2) for row in rows[1:6]]
    assert [True] * 5 == [re.fullmatch(r"\d+\.\d{3}", each) is not None for each in seconds]
    assert [
        ["half", "MapFailed: 2 Success, 1 Quarantined, 1 Failed"],
        ["half[1]", "Quarantined", "odd"],
        ["half[2]", "Failed", "raised ZeroDivisionError: integer division or modulo by zero"],
        ["unsteady", "Failed", "busy"],
        ["skipped", "Skipped", "no new rows"],
    ] == rows[1:6]
    assert 1 == done.returncode


def test_a_plain_line_for_each_task() -> None:
    """Where standard error is no terminal it has a plain line for each task that comes to rest, without colour."""
    done = statesig("run", "tests.samples.outcomes:mixed")
    assert [
        "half[0] Success",
        "half[1] Quarantined",
        "half[2] Failed",
        "half[3] Success",
        "half MapFailed:",
        "unsteady Retrying",
        "unsteady Failed",
        "skipped Skipped",
    ] == sorted(
        (" ".join(line.split()[:2]) for line in done.stderr.splitlines()),
        key=lambda line: ["half[", "half ", "unst", "skip"].index(line[:5] if line[:4] == "half" else line[:4]),
    )
    assert "\x1b" not in done.stderr + done.stdout


def test_quiet() -> None:
    """``--quiet`` shows no progress, and the same table."""
    loud, quiet = statesig("run", "tests.samples.greeting"), statesig("run", "--quiet", "tests.samples.greeting")
    assert (0, "") == (quiet.returncode, quiet.stderr)
    assert [line.split()[0] for line in loud.stdout.split("\n\n")[0].splitlines()] == [
        line.split()[0] for line in quiet.stdout.split("\n\n")[0].splitlines()
    ]


def test_parameters_are_read_as_their_types() -> None:
    """``NAME=VALUE`` is read as the parameter's type; the value may hold spaces and further equal signs."""
    done = statesig("run", "--json", "tests.samples.greeting", "name=a = b", "times=2", "day=2019-04-04")
    results = [event["state"]["result"] for event in task_events_of(done) if event["state"]["type"] == "Success"]
    assert (0, [["hello a = b"] * 2, 2]) == (done.returncode, results)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "tests.samples.greeting", "times=3"],
        ["tests.samples.greeting", "times=3", "--json"],
        ["tests.samples.greeting", "--json", "times=3"],
        ["tests.samples.greeting", "--json", "times=3", "--quiet", "name=x"],
    ],
    ids=" ".join,
)
def test_options_may_stand_anywhere(arguments: list[str]) -> None:
    """Options may stand before, between and after the module and its parameters."""
    done = statesig("run", *arguments)
    assert (0, "", 3) == (done.returncode, done.stderr, task_events_of(done)[-1]["state"]["result"])


def test_a_parameter_is_validated_once() -> None:
    """A type that changes what it is given changes it once."""
    done = statesig("run", "--json", "tests.samples.doubling", "number=2")
    assert 4 == task_events_of(done)[-1]["state"]["result"]


def test_a_flow_in_the_current_folder(tmp_path: Path) -> None:
    """A module in the current folder is found, also where Python itself does not look there."""
    (tmp_path / "mine.py").write_text((ROOT / "tests/samples/greeting.py").read_text())
    done = subprocess.run(
        [sys.executable, "-P", "-m", "statesig", "run", "mine", "--quiet"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    assert (0, b"") == (done.returncode, done.stderr)


def test_the_flow_named_flow_is_the_default(tmp_path: Path) -> None:
    """Of several flows the one that the module calls ``flow`` is run."""
    (tmp_path / "mine.py").write_text("from statesig import Flow\nflow, other = Flow('this'), Flow('that')\n")
    assert "this: Success" == statesig("run", "mine", cwd=tmp_path).stdout.splitlines()[-1]
    assert "that: Success" == statesig("run", "mine:other", cwd=tmp_path).stdout.splitlines()[-1]


@pytest.mark.parametrize("target", ["./etl.py", "etl.py", "jobs/etl.py", "jobs/nightly/load.py", "etl.py:flow"])
def test_a_file_is_run_as_its_module(target: str, tmp_path: Path) -> None:
    """A path names the module that the file is, in a package where it is in one; processes find it as well."""
    text = (ROOT / "tests/samples/greeting.py").read_text()
    (tmp_path / "jobs/nightly").mkdir(parents=True)
    for path in ("etl.py", "jobs/etl.py", "jobs/nightly/greeting.py"):
        (tmp_path / path).write_text(text)
    (tmp_path / "jobs/nightly/__init__.py").touch()
    (tmp_path / "jobs/nightly/load.py").write_text("from .greeting import flow\n")
    executor = ["--executor", "processes", "--workers", "1"] if target == "jobs/etl.py" else []
    done = statesig("run", target, "times=2", "--quiet", *executor, cwd=tmp_path)
    assert (0, "", "greeting: Success") == (done.returncode, done.stderr, done.stdout.splitlines()[-1])


def test_a_file_with_the_name_of_another_module(tmp_path: Path) -> None:
    """It is not taken for that module, and the remedy is told."""
    (tmp_path / "argparse.py").write_text("raise AssertionError\n")
    done = statesig("run", "./argparse.py", cwd=tmp_path)
    assert (2, True) == (done.returncode, "'argparse.py' would be the module 'argparse', which is" in done.stderr)


def test_results_are_printed_unless_quiet() -> None:
    """The results of the leaves stand before the last line; ``--quiet`` leaves them out."""
    loud, quiet = (statesig("run", "tests.samples.greeting", "times=2", *more).stdout for more in ([], ["--quiet"]))
    assert ["", "count = 2", "", "greeting: Success"] == loud.splitlines()[-4:]
    assert "count =" not in quiet


# ---- run --json


def test_json_prints_one_event_per_line() -> None:
    """With ``--json`` standard output has events and nothing else, all with the same keys; the run has no task."""
    done = statesig("run", "--json", "tests.samples.outcomes:mixed")
    events = task_events_of(done)
    assert {("run", "task", "index", "attempt", "time", "state")} == {tuple(event) for event in events}
    own = [event for event in events_of(done) if "task" not in event]
    assert {("run", "index", "attempt", "time", "state")} == {tuple(event) for event in own}
    assert ["Pending", "Running", "Failed"] == [event["state"]["type"] for event in own]
    assert (1, "", 1) == (done.returncode, done.stderr, len({event["run"] for event in events_of(done)}))
    unsteady = [(event["attempt"], event["state"]["type"]) for event in events if event["task"] == "unsteady"]
    assert [(1, "Pending"), (1, "Running"), (2, "Retrying"), (2, "Running"), (2, "Failed")] == unsteady
    odd = [event["state"] for event in events if (event["task"], event["index"]) == ("half", 1)][-1]
    assert {"type": "Quarantined", "message": "odd", "path": "b.csv"} == odd


@pytest.mark.parametrize("flow", ["pause", "mixed"])
def test_json_passes_check(flow: str) -> None:
    """What ``run --json`` prints is what ``check`` admits, whatever became of the flow."""
    printed = statesig("run", "--json", f"tests.samples.outcomes:{flow}").stdout
    done = statesig("check", "--import", "tests.samples.kinds", "-", text=printed)
    assert (0, "", f"{len(printed.splitlines())} valid\n") == (done.returncode, done.stderr, done.stdout)


def test_a_result_that_json_cannot_give_back() -> None:
    """Such a result is left out of its line and told of on standard error, with what to do; the command exits 1."""
    done = statesig("run", "--json", "tests.samples.unwritable:unwritable")
    assert (1, {"type": "Success"}) == (done.returncode, events_of(done)[-1]["state"])
    assert ["'handle'", "annotation"] == [part for part in ("'handle'", "annotation") if part in done.stderr]
    assert 0 == statesig("check", text=done.stdout).returncode


def test_a_result_that_is_larger_than_a_document() -> None:
    """However large a result is, the exit code is that of the run; its line has no result, as is said."""
    done = statesig("run", "--json", "tests.samples.unwritable:huge")
    assert (0, {"type": "Success"}) == (done.returncode, events_of(done)[-1]["state"])
    assert "task 'row': Success[list[int]] cannot be encoded: the document: it has more" in done.stderr
    assert 0 == statesig("check", text=done.stdout).returncode


def test_a_mapped_task_that_is_larger_than_a_document() -> None:
    """The children of a mapped task may together be more than a document may hold; every line passes check."""
    done = statesig("run", "--json", "tests.samples.unwritable:large")
    assert 200 == sum(event["state"]["type"] == "Success" for event in task_events_of(done))
    assert "Mapped" == task_events_of(done)[-1]["state"]["type"]
    assert (0, 0) == (statesig("check", text=done.stdout).returncode, done.returncode)


SMALL = Limits(max_nodes=500)


@pytest.mark.parametrize("last", [Success(), Failed()], ids=lambda state: state.type)
@pytest.mark.parametrize("limits", thorough_but([SMALL], [SMALL, DEFAULT_LIMITS]), ids=lambda one: str(one.max_nodes))
def test_a_mapped_task_of_very_many(limits: Limits, last: State[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapped task of so many children that not even their tags fit a document is told of all the same."""
    monkeypatch.setattr(display, "encode_event", partial(encode_event, limits=limits))
    kind: Any = Mapped if isinstance(last, Success) else MapFailed
    state = kind(children=(Success(result=1),) * (limits.max_nodes * 3 // 5) + (last,), message="m")
    with Flow("f") as flow:
        flow.map(task(name="tick")(lambda number: number), [])
    out, errors = io.StringIO(), io.StringIO()
    with JsonLines(flow, out, errors) as lines:
        lines(Event("r", "tick", None, 1, datetime(2019, 4, 4, tzinfo=UTC), state))
    assert state.type == json.loads(out.getvalue())["state"]["type"]
    told = decode_event(out.getvalue(), strict=True).state
    assert (state.type, state.message) == (told.type, told.message)


def test_what_another_process_told_of_a_mapped_task_is_told_again(tmp_path: Path) -> None:
    """After a resume the children that had ended have no lines of their own: their results stand with their task's."""

    @task
    def price(number: int) -> Decimal:
        if number == 3 and current().resumed is None:
            raise PAUSE("look")
        return Decimal(number) / 4

    with Flow("f") as flow:
        node = flow.map(price, [1, 2, 3])
    run = flow.run(store=tmp_path / "runs.db")
    out, errors = io.StringIO(), io.StringIO()
    with JsonLines(flow, out, errors) as lines:
        flow.resume(run.id, node, store=tmp_path / "runs.db", on_event=lines)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    state = [one["state"] for one in events if one.get("task") == "price" and one["index"] is None][-1]
    assert [("Success", "0.25"), ("Success", "0.5"), ("Success", None)] == [
        (child["type"], child.get("result")) for child in state["children"]
    ]
    assert ("", False) == (errors.getvalue(), lines.failed)


# ---- the shipped example


def installed(site: Path, name: str, data: bytes) -> Path:
    """Write a distribution of one file and return that file."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"{name}.py,sha256={digest},{len(data)}\n{info.name}/RECORD,,\n")
    (site / f"{name}.py").write_bytes(data)
    return site / f"{name}.py"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("alpha", "beta"):
        installed(tmp_path, name, b"print('hello')\n")
    return tmp_path


def test_the_example_on_a_whole_folder(site: Path) -> None:
    """The packages example on a folder whose files are as recorded exits 0."""
    done = statesig("run", "statesig.examples.packages", f"site={site}")
    assert (0, "packages: Success") == (done.returncode, done.stdout.splitlines()[-1])
    assert "Mapped: 2 Success" in done.stdout


def test_the_example_on_a_damaged_folder(site: Path) -> None:
    """With one byte changed it exits 1, and the table names the file and the distribution."""
    (site / "beta.py").write_bytes(b"print('jello')\n")
    done = statesig("run", "statesig.examples.packages", f"site={site}")
    assert (1, True) == (done.returncode, "beta 1.0: beta.py changed" in done.stdout)
    assert "alpha" not in done.stdout


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_the_examples_events_pass_check(site: Path, damaged: bool) -> None:
    """Its events pass ``check --import statesig.examples.packages``, those of a damaged folder too."""
    if damaged:
        (site / "beta.py").unlink()
    run = statesig("run", "statesig.examples.packages", f"site={site}", "--json")
    done = statesig("check", "--import", "statesig.examples.packages", "-", text=run.stdout)
    assert (int(damaged), 0, "") == (run.returncode, done.returncode, done.stderr)
    assert damaged == any(event["state"]["type"] == "Damaged" for event in events_of(run))


# ---- check

EVENT = {
    "run": "r",
    "task": "t",
    "index": None,
    "attempt": 1,
    "time": "2019-04-04T12:00:00Z",
    "state": {"type": "Success"},
}


def test_check_admits_every_state_on_its_own() -> None:
    """Every built-in state, bare and full, is valid as one line among others."""
    lines = [encode(make(kind)) for kind in BUILT_IN for make in (bare, full)]
    done = statesig("check", text=b"\n".join(lines))
    assert (0, f"{len(lines)} valid\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "Success"}',
        '{"type": "Success"}\n',
        '\n\n{"type": "Success"}\r\n\n',
        '{\n  "type": "Retrying",\n  "run_count": 2\n}\n',
        json.dumps(EVENT),
        json.dumps(EVENT, indent=4),
    ],
)
def test_check_of_one_document(text: str) -> None:
    """One document, a state or an event, is valid in one line or in many."""
    done = statesig("check", text=text)
    assert (0, "valid\n", "") == (done.returncode, done.stdout, done.stderr)


def test_check_takes_states_and_events_alike() -> None:
    """Lines may be states and events in turn, with empty lines between them."""
    done = statesig("check", text=f'{json.dumps(EVENT)}\n\n{{"type": "Skipped"}}\n{json.dumps(EVENT)}\n')
    assert (0, "3 valid\n") == (done.returncode, done.stdout)


def test_check_of_a_file(tmp_path: Path) -> None:
    """A file is read in place of standard input, and named where something is wrong."""
    path = tmp_path / "states.ndjson"
    path.write_text('{"type": "Success"}\n{"type": "Sucess"}\n')
    done = statesig("check", str(path))
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"{path}:2: ")


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_check_of_standard_input(arguments: list[str]) -> None:
    """Without a file, or with a dash, standard input is read."""
    done = statesig("check", *arguments, text='{"type": "Success", "rows": 1}')
    assert (1, True) == (done.returncode, done.stderr.startswith("standard input:1: "))


BAD: list[tuple[str, str]] = [
    ('{"type": "Retrying", "run_count": 0}', "run_count: "),
    ('{"type": "Success", "rows": 1}', "rows: no such field"),
    ('{"type": "Scheduled", "start_time": "2019-04-04T12:00:00"}', "start_time: "),
    ('{"type": "Success", "causes": [{"type": "E", "message": 1}]}', "causes[0].message: "),
    (
        '{"type": "Mapped", "children": [{"type": "Success"}, {"type": "Failed", "retryable": 1}]}',
        "children[1].retryable",
    ),
    ('{"type": "Queued", "state": {"type": "Running"}}', "state"),
    ('{"type": "os.system"}', "unknown tag"),
    ('{"type": "Damaged", "distribution": "x"}', "unknown tag"),
    ('{"type": "State"}', "unknown tag"),
    ("{}", '"type"'),
    ('{"type": "Success", "type": "Failed"}', "type is there twice"),
    ('{"type": "Success", "result": {"a": 1, "a": 2}}', "a is there twice"),
    ('{"type": "Success", "result": NaN}', "NaN"),
    ('{"type": "Success",}', "not JSON"),
    ("Success", "not JSON"),
    ("[1]", "object"),
    ("[" * 200 + "]" * 200, "nested"),
    (json.dumps({**EVENT, "attempt": 0}), "attempt: "),
    (json.dumps({**EVENT, "time": "noon"}), "time: "),
    (json.dumps({**EVENT, "note": "x"}), "note: no such field"),
    (json.dumps({key: value for key, value in EVENT.items() if key != "attempt"}), "attempt: field required"),
    (json.dumps({**EVENT, "state": {"type": "Looped", "loop_count": -1}}), "state.loop_count: "),
    (json.dumps({**EVENT, "state": {"type": "Nope"}}), "state: unknown tag"),
    (json.dumps(EVENT)[:-1] + ', "task": "u"}', "task is there twice"),
]


@pytest.fixture(scope="module")
def checked() -> Done:
    """Check all the bad lines at once, a good one before each."""
    return statesig("check", text="".join(f'{{"type": "Success"}}\n{line}\n' for line, _ in BAD))


@at_once
@pytest.mark.parametrize("place", range(len(BAD)), ids=lambda place: BAD[place][1])
def test_check_names_line_and_field(checked: Done, place: int) -> None:
    """A line that is not valid is named by its number, and what is wrong by its field."""
    start = f"standard input:{2 * place + 2}: "
    (told,) = [line for line in checked.stderr.splitlines() if line.startswith(start)]
    assert BAD[place][1] in told.replace("'", "").replace("the key ", "")


def test_check_goes_on_after_a_bad_line(checked: Done) -> None:
    """All lines are checked and counted, each that is not valid is told once, and the command exits 1."""
    tally = f"{len(BAD)} of {2 * len(BAD)} not valid"
    assert (1, "", tally) == (checked.returncode, checked.stdout, checked.stderr.splitlines()[-1])
    assert len(BAD) + 1 == len(checked.stderr.splitlines())


def test_check_of_text_that_is_not_unicode() -> None:
    """A line that is no UTF-8 is not valid, and named."""
    done = statesig("check", text=b'{"type": "Success"}\n{"type": "Success", "message": "\xff"}\n')
    assert (1, True) == (done.returncode, done.stderr.startswith("standard input:2: "))


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_check_of_nothing(text: str) -> None:
    """No document at all is a usage error: something was forgotten."""
    done = statesig("check", text=text)
    assert (2, "") == (done.returncode, done.stdout)
    assert "standard input is empty" in done.stderr


def test_check_repeats_no_value() -> None:
    """What is wrong is told without the document's own values."""
    done = statesig("check", text='{"type": "my s3cret"}\n{"type": "Retrying", "run_count": "s3cret"}\n{"s3cret\n')
    assert (1, False) == (done.returncode, "s3cret" in done.stderr)


def test_check_of_a_broken_document_of_many_lines() -> None:
    """A document over several lines that is no JSON is one problem, at the line where it breaks off."""
    done = statesig("check", text='{\n  "type": "Retrying",\n  "run_count": 2,\n}\n')
    assert (1, "") == (done.returncode, done.stdout)
    first, *rest = done.stderr.splitlines()
    assert ("standard input:4: ", ["1 of 1 not valid"]) == (first[:18], rest)


def test_check_as_a_kind() -> None:
    """``--as`` admits a kind and everything below it, of states and of events."""
    lines = ['{"type": "Success"}', '{"type": "TimedOut"}', json.dumps(EVENT)]
    assert 0 == statesig("check", "--as", "Finished", text="\n".join(lines)).returncode
    done = statesig("check", "--as", "Failed", text="\n".join(lines))
    assert (1, "2 of 3 not valid") == (done.returncode, done.stderr.splitlines()[-1])
    assert [True, True] == [
        line.startswith(place) and "Success" in line
        for line, place in zip(done.stderr.splitlines(), ("standard input:1:", "standard input:3:"), strict=False)
    ]


@pytest.mark.parametrize("kind", ["State", "Quarantined"])
def test_check_with_a_programs_own_states(kind: str) -> None:
    """``--import`` makes a program's states known, to ``--as`` too; without it they are not."""
    text = encode(Quarantined(path="a.csv"))
    known = statesig("check", "--import", "tests.samples.kinds", "--as", kind, text=text)
    assert (0, "valid\n", "") == (known.returncode, known.stdout, known.stderr)


def test_check_imports_nothing_that_the_data_names() -> None:
    """A tag is never looked up as a module or an attribute, however it is written."""
    text = '{"type": "tests.samples.kinds.Quarantined", "path": "a"}\n{"type": "tests.samples.kinds:Quarantined"}'
    assert 1 == statesig("check", text=text).returncode


def test_several_imports() -> None:
    """``--import`` may be given again."""
    text = '{"type": "Quarantined", "path": "a"}\n{"type": "Damaged", "distribution": "x"}\n'
    arguments = ["--import", "tests.samples.kinds", "--import", "statesig.examples.packages"]
    assert 0 == statesig("check", *arguments, text=text).returncode


# ---- schema and diagram


@pytest.mark.parametrize(
    "kind", thorough_but([State, Failed], [State, Finished, Failed]), ids=lambda kind: kind.__name__
)
def test_schema(kind: Any) -> None:
    """``schema`` prints the JSON Schema of a kind, of any state by default; another validator can read it."""
    arguments = [] if kind is State else [kind.__name__]
    done = statesig("schema", *arguments)
    printed = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(printed)
    jsonschema.validate(json.loads(encode(bare(Failed))), printed)
    assert (0, "") == (done.returncode, done.stderr)
    assert schema(kind)["$schema"] == printed["$schema"]


def test_schema_of_a_state_that_is_not_known() -> None:
    """A program's own state is unknown until its module is named; the error lists those that are known."""
    done = statesig("schema", "Quarantined")
    assert (2, "") == (done.returncode, done.stdout)
    assert "there is no state 'Quarantined'; known are State, MetaState, Finished, Pending" in done.stderr


def test_schema_of_a_programs_own_state() -> None:
    """With ``--import`` a program's own states are described."""
    printed = json.loads(statesig("schema", "--import", "tests.samples.kinds", "Quarantined").stdout)
    jsonschema.validate(json.loads(encode(Quarantined(path="a.csv"))), printed)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": "Quarantined"}, printed)


@pytest.mark.parametrize("arguments", [[], ["--format", "mermaid"], ["--format", "dot"]], ids=" ".join)
def test_diagram(arguments: list[str]) -> None:
    """``diagram`` prints the transition table, as Mermaid by default."""
    done = statesig("diagram", *arguments)
    expected = diagram("dot" if "dot" in arguments else "mermaid")
    assert (0, expected, "") == (done.returncode, done.stdout, done.stderr)


# ---- broken pipes


def test_a_reader_that_has_seen_enough() -> None:
    """A pipe that is closed while events are printed ends the run, without a word."""
    with started("run", "--json", "tests.samples.nap:talking") as process:
        read_up_to("Running", process)
        assert process.stdout is not None
        process.stdout.close()
        code, _, errors = ended(process)
    assert ("", True) == (errors, code != 0)


@pytest.mark.parametrize(
    "arguments",
    exhaustive_but(
        [["schema"], ["run", "--quiet", "tests.samples.greeting"]],
        [["schema"], ["diagram"], ["run", "--quiet", "tests.samples.greeting"], ["--help"]],
    ),
)
def test_a_reader_that_was_never_there(arguments: list[str]) -> None:
    """A pipe that is closed from the beginning leaves no traceback either."""
    with started(*arguments) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert "" == ended(process)[2]


# ---- terminals


def on_a_terminal(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the command with a terminal for its standard error; return its exit code, its output, and what was shown."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    env = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "100", **environment}
    process = subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:
        pass  # Linux says so when the other end is gone
    os.close(ours)
    output, _ = process.communicate(timeout=20)
    return process.returncode, output.decode(), shown.decode()


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-9]|4[0-9]|9[0-7])(?:;\d+)*m")


def test_progress_on_a_terminal() -> None:
    """A terminal shows live progress and a line for each task that did not succeed; the table has no escape codes."""
    code, output, shown = on_a_terminal("run", "tests.samples.outcomes:mixed")
    assert (1, False, True) == (code, "\x1b" in output, "\x1b" in shown)
    assert [] == [part for part in ("half[1]", "Quarantined", "unsteady") if part not in shown]


def test_no_color() -> None:
    """NO_COLOR is honoured."""
    _, output, shown = on_a_terminal("run", "tests.samples.outcomes:mixed", NO_COLOR="1")
    assert ([], False) == (COLOUR.findall(shown), "\x1b" in output)


def test_a_dumb_terminal() -> None:
    """A terminal that can do nothing gets plain lines."""
    code, _, shown = on_a_terminal("run", "tests.samples.greeting", TERM="dumb")
    assert (0, False, True) == (code, "\x1b" in shown, "greet" in shown)


def test_a_terminal_that_is_told_to_be_quiet() -> None:
    """``--quiet`` shows nothing on a terminal either."""
    assert (0, "") == on_a_terminal("run", "--quiet", "tests.samples.greeting")[::2]


# ---- stubs


def test_stubs_of_a_module_in_the_current_folder(tmp_path: Path) -> None:
    """The current folder is importable, and the stub goes into ``typings``; the check is silent then."""
    (tmp_path / "mine.py").write_text((ROOT / "tests/samples/kinds.py").read_text())
    done = statesig("stubs", "mine", cwd=tmp_path)
    assert (0, "typings/mine.pyi\n") == (done.returncode, done.stdout)
    done = statesig("stubs", "--check", "mine", cwd=tmp_path)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_stale_stub_is_a_failure(tmp_path: Path) -> None:
    """With ``--check`` the exit code is 1, and standard error has one line that ends in the command to run."""
    (tmp_path / "mine.py").write_text((ROOT / "tests/samples/kinds.py").read_text())
    done = statesig("stubs", "mine", "--check", "--output", "out", cwd=tmp_path)
    said = "out/mine.pyi is missing; run python -m statesig stubs mine --output out\n"
    assert (1, "", said) == (done.returncode, done.stdout, done.stderr)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the folder should be is said in one line."""
    (tmp_path / "mine.py").write_text((ROOT / "tests/samples/kinds.py").read_text())
    (tmp_path / "typings").touch()
    done = statesig("stubs", "mine", "--output", "typings", cwd=tmp_path)
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
