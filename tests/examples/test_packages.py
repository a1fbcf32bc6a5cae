"""The example `statesig.examples.packages`, run on small site-packages folders whose RECORDs are real."""

import base64
import csv
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from distributed import LocalCluster

from statesig import (
    ErrorInfo,
    Event,
    Executor,
    Failed,
    Mapped,
    Run,
    Running,
    Skipped,
    State,
    Success,
    TriggerFailed,
    ValidationFailed,
    decode,
    encode,
    signal_of,
)
from statesig.examples import packages
from statesig.examples.packages import DAMAGED, Damaged, Distribution, Report, Verified, flow
from statesig.executors.dask.cluster import Dask
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from statesig.stores.opening import open_store
from tests.harness.commands import read_up_to, started, statesig
from tests.harness.exhaustive import exhaustive_but

MODULE = b"print('hello')\n"


def recorded_hash(data: bytes, algorithm: str = "sha256") -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest())
    return f"{algorithm}={digest.decode().rstrip('=')}"


def install(
    site: Path,
    name: str,
    files: dict[str, bytes],
    *,
    version: str = "1.0",
    algorithm: str = "sha256",
    sized: bool = True,
    unhashed: tuple[str, ...] = (),
) -> Path:
    """Write a distribution as an installer does, and return its dist-info folder."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    files = {**files, f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()}
    rows: list[tuple[str, str, str]] = []
    for path, data in files.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        rows.append((path, recorded_hash(data, algorithm), str(len(data)) if sized else ""))
    rows += [(path, "", "") for path in (*unhashed, f"{info.name}/RECORD")]
    with (info / "RECORD").open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows(rows)
    return info


def children(run: Run) -> tuple[State[object], ...]:
    return run.children(packages.verified)


def only_child(run: Run) -> State[object]:
    (child,) = children(run)
    return child


def types(run: Run) -> list[str]:
    return [state.type for state in children(run)]


class Clock:
    """A clock that only moves when someone sleeps."""

    def __init__(self) -> None:
        self.now = datetime(2019, 4, 4, tzinfo=UTC)
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    return folder


# ---- whole distributions


def test_whole_distributions_are_verified(site: Path) -> None:
    """A run over whole distributions succeeds, and each result says how much was compared."""
    metadata = (install(site, "one", {"one.py": MODULE, "one_data/x.bin": bytes(3)}) / "METADATA").stat().st_size
    install(site, "two", {"two.py": b""})
    run = flow.run(site=site)
    expected = Verified(name="one", version="1.0", files=3, bytes=len(MODULE) + 3 + metadata)
    assert expected == children(run)[0].result
    assert ["Success", "Success"] == types(run)
    assert Success is type(run.state)


def test_distributions_are_sorted_by_name(site: Path) -> None:
    """Distributions are listed by name, whatever its case and the order of the folder."""
    for name in ("Beta", "alpha", "gamma"):
        install(site, name, {})
    found = flow.run(site=site)[packages.found].unwrap()
    assert ["alpha", "Beta", "gamma"] == [one.name for one in found]


def test_the_folder_names_the_distribution(site: Path) -> None:
    """Name and version are those of the folder, also where METADATA is lost."""
    info = install(site, "typing_extensions", {}, version="4.16.0rc1.post2+local")
    (info / "METADATA").unlink()
    expected = Distribution(name="typing_extensions", version="4.16.0rc1.post2+local", info=info.resolve())
    assert [expected] == packages.distributions(site)


def test_what_an_interrupted_pip_left_is_no_distribution(site: Path) -> None:
    """A folder that pip renamed with a tilde is not verified."""
    install(site, "~one", {"one.py": MODULE})
    assert Mapped(children=(), result=[]) == flow.run(site=site)[packages.verified]


def test_nothing_installed(site: Path) -> None:
    """An empty folder gives an empty Mapped, an empty report and success."""
    run = flow.run(site=site)
    assert Mapped(children=(), result=[]) == run[packages.verified]
    assert Report(verified=0, files=0, bytes=0, skipped=(), damaged=(), failed=()) == run[packages.summary].unwrap()
    assert Success is type(run.state)


@pytest.mark.parametrize(
    "path", ["a,comma.py", 'a"quote.py', "two words.py", "two\r\nlines.py", "ünïcode.py", " leading.py"]
)
def test_quoted_paths(site: Path, path: str) -> None:
    """A path that RECORD has to quote is the file of that name."""
    install(site, "one", {path: MODULE})
    assert ["Success"] == types(flow.run(site=site))
    (site / path).unlink()
    assert (path,) == damaged(flow.run(site=site)).missing


def test_a_path_outside_of_the_folder(site: Path) -> None:
    """A script that RECORD names by ``..`` is verified where it is."""
    path = "../../bin/one"
    install(site, "one", {path: b"#!/bin/sh\n"})
    assert ["Success"] == types(flow.run(site=site))
    (site / path).write_bytes(b"#!/bin/zsh\n")
    assert (path,) == damaged(flow.run(site=site)).changed


def test_an_absolute_path(site: Path, tmp_path: Path) -> None:
    """A path that RECORD gives in full is verified where it is."""
    path = (tmp_path / "man" / "one.1").as_posix()
    install(site, "one", {path: MODULE})
    Path(path).write_bytes(b"")
    assert (path,) == damaged(flow.run(site=site)).changed


def test_files_without_a_hash_are_left_out(site: Path) -> None:
    """A file that RECORD lists without a hash is neither counted nor missed."""
    install(site, "one", {"one.py": MODULE}, unhashed=("__pycache__/one.cpython-311.pyc",))
    (child,) = children(flow.run(site=site))
    assert isinstance(child.result, Verified)
    assert 2 == child.result.files


def test_an_editable_install(site: Path) -> None:
    """What an editable install recorded, its .pth file and direct_url.json, is verified as any other file."""
    install(site, "one", {"__editable__.one.pth": b"/src/one\n", "one-1.0.dist-info/direct_url.json": b"{}"})
    assert ["Success"] == types(flow.run(site=site))
    (site / "__editable__.one.pth").write_bytes(b"/src/other\n")
    assert ("__editable__.one.pth",) == damaged(flow.run(site=site)).changed


@pytest.mark.parametrize("algorithm", ["sha512", "sha3_256", "blake2b"])
def test_other_algorithms(site: Path, algorithm: str) -> None:
    """A hash is compared by the algorithm it names."""
    install(site, "one", {"one.py": MODULE}, algorithm=algorithm)
    assert ["Success"] == types(flow.run(site=site))
    (site / "one.py").write_bytes(MODULE.upper())
    assert ("one.py",) == damaged(flow.run(site=site)).changed


def test_a_file_larger_than_a_chunk(site: Path) -> None:
    """A large file is compared to its last byte."""
    data = bytes(3_000_000)
    install(site, "one", {"one.bin": data})
    assert ["Success"] == types(flow.run(site=site))
    (site / "one.bin").write_bytes(data[:-1] + b"\1")
    assert ("one.bin",) == damaged(flow.run(site=site)).changed


# ---- damaged distributions


def damaged(run: Run) -> Damaged:
    child = only_child(run)
    assert isinstance(child, Damaged)
    return child


def test_a_changed_byte(site: Path) -> None:
    """One changed byte makes a distribution Damaged; the state names it and the file, and so does the flow's own."""
    install(site, "one", {"one.py": MODULE})
    install(site, "two", {"two.py": MODULE})
    (site / "two.py").write_bytes(MODULE.replace(b"h", b"j"))
    run = flow.run(site=site)
    expected = Damaged(message="two 1.0: two.py changed", distribution="two", changed=("two.py",))
    assert ["Success", "Damaged"] == types(run)
    assert expected == children(run)[1]
    assert ValidationFailed(message="two 1.0: two.py changed", retryable=False) == run.state


def test_a_missing_file(site: Path) -> None:
    """A file that is gone makes a distribution Damaged."""
    install(site, "one", {"one.py": MODULE})
    (site / "one.py").unlink()
    expected = Damaged(message="one 1.0: one.py missing", distribution="one", missing=("one.py",))
    assert expected == only_child(flow.run(site=site))


def test_a_folder_that_became_a_file(site: Path) -> None:
    """The files of a folder in whose place a file is are missing."""
    install(site, "one", {"one/a.py": MODULE})
    (site / "one" / "a.py").unlink()
    (site / "one").rmdir()
    (site / "one").write_bytes(b"")
    assert ("one/a.py",) == damaged(flow.run(site=site)).missing


def test_several_differences(site: Path) -> None:
    """All differences are in the state; its message names the first changed and the first missing file."""
    install(site, "one", {f"{letter}.py": MODULE for letter in "abcde"})
    for letter in "ac":
        (site / f"{letter}.py").write_bytes(b"")
    (site / "e.py").unlink()
    expected = Damaged(
        message="one 1.0: a.py and 1 more changed, e.py missing",
        distribution="one",
        changed=("a.py", "c.py"),
        missing=("e.py",),
    )
    assert expected == only_child(flow.run(site=site))


def test_another_size(site: Path) -> None:
    """A file whose hash is right and whose recorded size is not makes a distribution Damaged."""
    info = install(site, "one", {})
    (site / "one.py").write_bytes(MODULE)
    (info / "RECORD").write_text(f"one.py,{recorded_hash(MODULE)},1\n")
    assert ("one.py",) == damaged(flow.run(site=site)).changed


@pytest.mark.parametrize("line", ["one.py,{hash},\n", "one.py,{hash}\n", "\none.py,{hash},15\n\n"])
def test_no_size(site: Path, line: str) -> None:
    """Where RECORD gives no size, the hash decides; a blank line says nothing."""
    info = install(site, "one", {})
    (site / "one.py").write_bytes(MODULE)
    (info / "RECORD").write_text(line.format(hash=recorded_hash(MODULE)))
    expected = Success(result=Verified(name="one", version="1.0", files=1, bytes=15))
    assert expected == only_child(flow.run(site=site))


def test_damage_is_not_tried_again(site: Path) -> None:
    """A damaged distribution is looked at once: nobody waits."""
    install(site, "one", {"one.py": MODULE})
    (site / "one.py").unlink()
    clock = Clock()
    damaged(flow.run(site=site, clock=clock, sleep=clock.sleep))
    assert [] == clock.slept


def test_damaged_is_a_state_like_any_other() -> None:
    """The example's own state has one signal, and reads back from its JSON."""
    state = Damaged(message="x", distribution="one", changed=("a.py",), missing=("b.py",))
    assert DAMAGED is type(signal_of(state))
    assert state == decode(encode(state))


# ---- what cannot be compared


def test_no_record(site: Path) -> None:
    """A distribution without RECORD is skipped, and the run succeeds."""
    (install(site, "one", {"one.py": MODULE}) / "RECORD").unlink()
    run = flow.run(site=site)
    assert Skipped(message="one 1.0 has no RECORD") == only_child(run)
    assert ("one 1.0 has no RECORD",) == run[packages.summary].unwrap().skipped
    assert Success is type(run.state)


@pytest.mark.parametrize("as_file", [True, False])
def test_an_egg_info(site: Path, as_file: bool) -> None:
    """A distribution of the older form, a folder or a file, has no RECORD either."""
    egg = site / "one-1.0-py3.11.egg-info"
    egg.write_text("Name: one\n") if as_file else egg.mkdir()
    assert Skipped(message="one 1.0 has no RECORD") == only_child(flow.run(site=site))


def test_an_unreadable_file(site: Path) -> None:
    """A file that cannot be read is tried three times; then the distribution is Failed with the error as its cause."""
    install(site, "one", {"one.py": MODULE})
    (site / "one.py").unlink()
    (site / "one.py").mkdir()
    with pytest.raises(OSError) as error:
        (site.resolve() / "one.py").read_bytes()
    clock = Clock()
    events: list[Event] = []
    run = flow.run(site=site, on_event=events.append, clock=clock, sleep=clock.sleep)
    message = "one 1.0: one.py cannot be read"
    cause = ErrorInfo(type=type(error.value).__name__, message=str(error.value))
    assert Failed(message=message, causes=(cause,)) == only_child(run)
    assert ["Pending", "Running", "Retrying", "Running", "Retrying", "Running", "Failed"] == [
        event.state.type for event in events if event.task == "verify" and event.index == 0
    ]
    assert [0.2, 0.2] == clock.slept
    assert Failed(message=message, causes=(cause,)) == run.state


def test_a_file_that_can_be_read_later(site: Path) -> None:
    """A file that can be read at the second attempt is verified then."""
    install(site, "one", {"one.py": MODULE})
    (site / "one.py").unlink()
    (site / "one.py").mkdir()
    clock = Clock()

    def repair(seconds: float) -> None:
        clock.sleep(seconds)
        (site / "one.py").rmdir()
        (site / "one.py").write_bytes(MODULE)

    run = flow.run(site=site, clock=clock, sleep=repair)
    assert [0.2] == clock.slept
    assert ["Success"] == types(run)


def test_an_unreadable_record(site: Path) -> None:
    """A RECORD that is there and cannot be read is an error, not a missing one."""
    info = install(site, "one", {})
    (info / "RECORD").unlink()
    (info / "RECORD").mkdir()
    clock = Clock()
    child = only_child(flow.run(site=site, clock=clock, sleep=clock.sleep))
    assert ("Failed", "one 1.0: its RECORD cannot be read") == (child.type, child.message)
    assert [0.2, 0.2] == clock.slept


@pytest.mark.parametrize(
    ("record", "message", "cause"),
    [
        (b"one.py,rot13=abc,3\n", "one 1.0: one.py cannot be compared", "ValueError"),
        (b"one.py,abc,3\n", "one 1.0: one.py cannot be compared", "ValueError"),
        (b"\xff\xfe,sha256=abc,3\n", "one 1.0: its RECORD is not valid CSV", "UnicodeDecodeError"),
        (b"x" * 200_000, "one 1.0: its RECORD is not valid CSV", "_csv.Error"),
    ],
)
def test_a_record_that_makes_no_sense(site: Path, record: bytes, message: str, cause: str) -> None:
    """A RECORD that cannot be understood fails the distribution at once, with the error as its cause."""
    info = install(site, "one", {"one.py": MODULE})
    (info / "RECORD").write_bytes(record)
    clock = Clock()
    child = only_child(flow.run(site=site, clock=clock, sleep=clock.sleep))
    assert ("Failed", message, [cause]) == (child.type, child.message, [one.type for one in child.causes])
    assert [] == clock.slept


# ---- the whole flow


def test_the_report_is_written_whatever_happened(site: Path) -> None:
    """One run with each outcome: the report names them all, and the flow has failed."""
    for name in ("damaged", "failed", "skipped", "whole"):
        install(site, name, {f"{name}.py": MODULE})
    (site / "damaged.py").write_bytes(b"")
    (site / "failed.py").unlink()
    (site / "failed.py").mkdir()
    (site / "skipped-1.0.dist-info" / "RECORD").unlink()
    clock = Clock()
    run = flow.run(site=site, clock=clock, sleep=clock.sleep)
    assert ["Damaged", "Failed", "Skipped", "Success"] == types(run)
    assert isinstance(run[packages.summary], Success)
    expected = Report(
        verified=1,
        files=2,
        bytes=len(MODULE) + (site / "whole-1.0.dist-info" / "METADATA").stat().st_size,
        skipped=("skipped 1.0 has no RECORD",),
        damaged=(Damaged(message="damaged 1.0: damaged.py changed", distribution="damaged", changed=("damaged.py",)),),
        failed=("failed 1.0: failed.py cannot be read",),
    )
    assert expected == run[packages.summary].unwrap()
    assert isinstance(run.state, Failed)


def test_a_folder_that_is_not_there(site: Path) -> None:
    """A wrong folder fails the flow; the report is written all the same, and is empty."""
    run = flow.run(site=site / "nowhere")
    assert ["FileNotFoundError"] == [cause.type for cause in run[packages.found].causes]
    assert TriggerFailed is type(run[packages.verified])
    assert Report(verified=0, files=0, bytes=0, skipped=(), damaged=(), failed=()) == run[packages.summary].unwrap()
    assert isinstance(run.state, Failed)


def test_one_name_in_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder all that Python imports from are searched, each once; both of two equal names are listed."""
    infos = [install(tmp_path / folder, "statesig_twice", {"one.py": MODULE}) for folder in ("a", "b")]
    paths = [str(info.parent) for info in infos]
    monkeypatch.setattr(sys, "path", [*paths, *paths, str(tmp_path / "none"), *sys.path])
    found = [one.info for one in packages.distributions(None) if one.name == "statesig_twice"]
    assert [info.resolve() for info in infos] == found


def test_two_versions_in_one_folder(site: Path) -> None:
    """Two versions of one distribution are verified apart."""
    install(site, "one", {"one.py": MODULE}, version="1.0")
    install(site, "one", {"two.py": MODULE}, version="2.0")
    (site / "two.py").unlink()
    assert ["Success", "Damaged"] == types(flow.run(site=site))


def test_this_environment() -> None:
    """The running environment is verified to the end, whatever shape it is in."""
    clock = Clock()
    run = flow.run(clock=clock, sleep=clock.sleep)
    listed = run[packages.found].unwrap()
    written = run[packages.summary].unwrap()
    assert "pydantic" in {one.name for one in listed}
    assert len(listed) == written.verified + len(written.skipped) + len(written.damaged) + len(written.failed)
    assert written.files > 0


# ---- elsewhere, and again


@pytest.fixture
def mixed(site: Path) -> Path:
    """A folder with distributions of which some are damaged or cannot be compared, all found out at once."""
    for number in range(6):
        install(site, f"whole{number}", {f"whole{number}.py": MODULE * (number + 1)})
    install(site, "damaged", {"damaged.py": MODULE})
    (site / "damaged.py").write_bytes(b"")
    (install(site, "skipped", {}) / "RECORD").unlink()
    (install(site, "senseless", {}) / "RECORD").write_bytes(b"\xff")
    return site


@contextmanager
def clustered() -> Iterator[Executor]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield Dask(cluster)


@pytest.mark.parametrize(
    "where",
    [
        lambda: Threads(3),
        lambda: Processes(2, start="forkserver"),
        pytest.param(clustered, marks=pytest.mark.exhaustive),
    ],
    ids=["threads", "processes", "dask"],
)
def test_the_same_wherever_it_runs(
    where: Callable[[], AbstractContextManager[Executor]], mixed: Path, tmp_path: Path
) -> None:
    """Each state and the report are those of a run in line, also with a store."""
    expected = flow.run(site=mixed)
    with where() as executor:
        run = flow.run(site=mixed, executor=executor, store=tmp_path / "runs.db")
    assert {"Damaged": 1, "Failed": 1, "Skipped": 1, "Success": 6} == dict(Counter(types(run)))
    assert [one.state for one in expected] == [one.state for one in run]


def report_in(store: Path, run: str) -> Report:
    """Return the report of a run as its store has it."""
    with open_store(store) as opened:
        stored = [record for record in opened.history(opened.find(run)) if record.task == "report"]
    return decode(stored[-1].state, Success[Report]).unwrap()


@pytest.mark.parametrize("executor", exhaustive_but(["inline"], ["inline", "threads", "processes"]))
def test_it_is_killed_and_resumed(executor: str, mixed: Path, tmp_path: Path) -> None:
    """Killed while it reads a file, it goes on with what is left, and reports what it would have reported."""
    expected = flow.run(site=mixed)
    index = [one.name for one in expected[packages.found].unwrap()].index("whole2")
    slow, store = mixed / "whole2.py", tmp_path / "runs.db"
    data = slow.read_bytes()
    slow.unlink()
    os.mkfifo(slow)  # whoever opens it waits
    options = ("--executor", executor, "--store", store)
    with started("run", "statesig.examples.packages", f"site={mixed}", *options) as process:
        run = read_up_to("run ", process, errors=True).split()[1]
        wait_until_running(store, index)
        process.kill()
    slow.unlink()
    slow.write_bytes(data)
    done = statesig("resume", "statesig.examples.packages", run, *options)
    assert 1 == done.returncode
    assert expected[packages.summary] == Success(result=report_in(store, run))
    assert (1, 2) == (times_begun(store, "distributions", None), times_begun(store, "verify", index))


def times_begun(place: Path, task: str, index: int | None) -> int:
    """Return how often a task, or a child of one, of the only run of a store came to be Running."""
    with open_store(place) as store:
        (run,) = store.runs()
        records = [one for one in store.history(run) if (one.task, one.index) == (task, index)]
    return sum(decode(record.state, State) == Running() for record in records)


def wait_until_running(place: Path, index: int) -> None:
    """Wait until a child of the only run of a store is Running."""
    until = time.monotonic() + 60
    with open_store(place) as store:
        while not any(
            record.index == index and decode(record.state, State) == Running()
            for run in store.runs()
            for record in store.history(run)
        ):
            assert time.monotonic() < until
            time.sleep(0.01)


def test_tasks_declare_their_results() -> None:
    """Each task's declared result can be resolved at run time."""
    expected = [list[Distribution], Verified, Report]
    assert expected == [one.returns for one in (packages.distributions, packages.verify, packages.report)]
