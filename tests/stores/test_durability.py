"""Stored runs survive what may happen to their processes and stores: nothing is lost, and nothing is done twice.

What is killed runs in processes of their own; see `tests.harness.fire` and `tests.harness.troubles`.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.harness.exhaustive import counts
from tests.harness.servers import Server

rounds = pytest.mark.parametrize("rounds", counts(1, 5, 20))
"""How many random moments and races: 1,000 in earnest. Of what takes longer there are fewer."""
rounds_on_a_server = pytest.mark.parametrize("rounds", counts(None, 4, share=1 / 5))

FAULTS = ("lost", "half", "different", "again", "unannounced", "repeated", "unbegun", "survivors")
"""What there must be none of: acknowledged transitions that are not in the history, histories that cannot be, other
final states than those of a run that nothing happens to, bodies run after their task was final or before it was told
to be Running, more retries, loops and approvals than there may be, tasks that are given up and never began, and worker
processes that outlive the runner's."""


def program(module: str, *arguments: str) -> dict[str, Any]:
    """Run a program of the tests, and return what it printed as JSON."""
    command = [sys.executable, "-W", "error", "-m", f"tests.harness.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def fire(what: str, where: Path | str, rounds: int, executor: str = "inline") -> dict[str, int]:
    """Put runs under fire, and return what was counted."""
    return program("fire", what, str(where), str(rounds), "1", executor)


def faults(counted: dict[str, int]) -> dict[str, int]:
    return {name: counted[name] for name in FAULTS if counted.get(name)}


@pytest.fixture
def on_server(server: Server) -> str:
    """Where a new store is, for the programs, each time they ask."""
    return f"postgres:{server.folder}"


# ---- kill -9


def of_an_executor(name: str, *numbers: int | None, share: float = 1.0) -> list[Any]:
    return [pytest.param(name, *one.values, marks=one.marks) for one in counts(*numbers, share=share)]


@pytest.mark.parametrize(
    ("executor", "rounds"),
    [
        *of_an_executor("inline", None, None, 20),
        *of_an_executor("threads", 1, 5, 20),
        *of_an_executor("processes", None, 2, None, share=1 / 20),
    ],
)
def test_a_process_that_is_killed_at_random_moments(executor: str, rounds: int, tmp_path: Path) -> None:
    """Whoever goes on comes to the states of a run that nothing happens to, and no finished task is run again."""
    counted = fire("kills", tmp_path, rounds, executor)
    assert {} == faults(counted)
    assert rounds <= counted["killed"]
    assert counted["acknowledged"]


@rounds_on_a_server
def test_a_process_that_is_killed_at_random_moments_on_a_server(on_server: str, rounds: int) -> None:
    """The same where the store is PostgreSQL."""
    counted = fire("kills", on_server, rounds)
    assert {} == faults(counted)
    assert rounds <= counted["killed"]


@rounds
def test_a_process_that_is_killed_at_each_boundary(tmp_path: Path, rounds: int) -> None:
    """The same right before and right after whatever is written: what is run anew, gone on with and given back too."""
    counted = fire("boundaries", tmp_path, rounds)
    assert {} == faults(counted)
    assert min(rounds, counted["boundaries"]) == counted["killed"]


@rounds_on_a_server
def test_a_process_that_is_killed_at_each_boundary_on_a_server(on_server: str, rounds: int) -> None:
    """The same where the store is PostgreSQL."""
    counted = fire("boundaries", on_server, rounds)
    assert {} == faults(counted)


@pytest.mark.parametrize("rounds", counts(None, 6, share=1 / 10))
@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_processes_that_are_stopped_at_random_moments(executor: str, rounds: int, tmp_path: Path) -> None:
    """Whoever takes the run, by a clock that was set back, comes to the same states; those who wake up change nothing.

    A body may run after its task was final: its process was stopped between being told to begin it and its first line.
    """
    counted = fire("stops", tmp_path, rounds, executor)
    assert {} == {name: number for name, number in faults(counted).items() if name not in ("again", "unannounced")}
    assert rounds <= counted["stopped"]


@pytest.mark.exhaustive
def test_a_task_that_kills_its_process_each_time(tmp_path: Path) -> None:
    """It is run again three times, uses up no retry, and is Crashed; triggers decide what becomes of those behind."""
    told = program("troubles", "poison", str(tmp_path))
    assert [-9, -9, -9, -9, 0] == told["codes"]
    assert ["first", *["middle"] * 4, "beside", "mend", "tell_all"] == told["begun"]
    assert [*["Running", "Scheduled"] * 3, "Running", "Crashed"] == told["states"]["middle"]
    assert "the process that ran it was lost 4 times" == told["messages"]["middle"]
    assert ["TriggerFailed", "Success", "Success"] == [
        told["states"][name][-1] for name in ("last", "mend", "tell_all")
    ]


def test_only_what_began_was_lost(tmp_path: Path) -> None:
    """Of ten children in one thread, the first kills the process each time: it alone is Crashed, the others run."""
    told = program("troubles", "crowd", str(tmp_path))
    assert [-9, -9, -9, -9, 0] == told["codes"]
    assert ["stubborn"] * 13 == told["begun"]
    tags = Counter(told["states"]["stubborn"])
    assert ("Crashed", 1, 9) == (told["state"], tags["Crashed"], tags["Success"])


# ---- several at once


@rounds
def test_processes_that_resume_one_run_at_once(tmp_path: Path, rounds: int) -> None:
    """Of six, one goes on with it, and the others are told that it does; what was approved is run once."""
    expected = {"rounds": rounds, "1 went on, 5 were told": rounds, "again": 0, "different": 0}
    assert expected == fire("races", tmp_path, rounds)


@rounds_on_a_server
def test_processes_that_resume_one_run_at_once_on_a_server(on_server: str, rounds: int) -> None:
    """The same where the store is PostgreSQL."""
    expected = {"rounds": rounds, "1 went on, 5 were told": rounds, "again": 0, "different": 0}
    assert expected == fire("races", on_server, rounds)


def is_as_if_nothing_happened(told: dict[str, Any]) -> bool:
    """Tell whether the run of a story came to its end, and only the task in the middle was run twice."""
    once = ["first", "middle", "middle", "beside", "last", "tell_all"]
    finals = {name: states[-1] for name, states in told["states"].items()}
    expected = dict.fromkeys(("first", "middle", "beside", "last", "tell_all"), "Success") | {"mend": "TriggerFailed"}
    return (once, expected, "TriggerFailed") == (told["begun"], finals, told["state"])


STOPPED = 3
"""How a process ends that is told that another goes on with the run."""


def test_a_process_that_slept_past_its_lease(tmp_path: Path) -> None:
    """Another goes on with its run; when it wakes up it is told so, and changes nothing."""
    told = program("troubles", "stopped", str(tmp_path))
    assert [0, STOPPED] == told["codes"]
    assert "has no lease on run" in told["said"][1]
    assert is_as_if_nothing_happened(told)


@pytest.mark.exhaustive
def test_a_process_that_slept_past_its_lease_while_it_waited(tmp_path: Path) -> None:
    """It is told at its next heartbeat, and does not wait for an attempt that another has made."""
    told = program("troubles", "stopped_waiting", str(tmp_path))
    assert [0, STOPPED] == told["codes"]
    assert {"later": ["Running", "Retrying", "Running", "Success"]} == told["states"]


# ---- a store that fails half-way

FAILED = 4
"""How a process ends whose store fails."""


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        # The other troubles are tried on stores in `test_stores`.
        ("full", "its disk cannot be read or written, or is full; put that right, then try again"),
        pytest.param("small", "the disk is full; make room, then try again", marks=pytest.mark.thorough),
        pytest.param(
            "read_only",
            "it may not be written here; give write permission to the file and to its folder",
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "locked",
            "another process has it locked, for 0.2 s by now; wait for its end",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_a_store_that_fails_half_way(trouble: str, sentence: str, tmp_path: Path) -> None:
    """The run ends with an error that says why, and another process goes on with it from what was acknowledged."""
    if trouble == "small" and not may_mount(tmp_path):
        pytest.skip("a small file system may not be mounted here")
    told = program("troubles", trouble, str(tmp_path))
    assert [FAILED, 0] == told["codes"]
    assert told["said"][0].endswith(f": {sentence}")
    assert is_as_if_nothing_happened(told)


def may_mount(folder: Path) -> bool:
    tried = folder / "tried"
    tried.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tried)], capture_output=True).returncode:
        return False
    subprocess.run(["umount", str(tried)], check=True)
    return True


@pytest.mark.exhaustive
def test_a_server_that_is_gone_half_way(on_server: str) -> None:
    """The same for a server that stops: once it is back, another process goes on."""
    told = program("troubles", "gone", on_server)
    assert [FAILED, 0] == told["codes"]
    assert "the server is out of reach or has ended the connection" in told["said"][0]
    assert is_as_if_nothing_happened(told)
