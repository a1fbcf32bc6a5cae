"""Flows whose tasks wait until a test opens a gate, and write down that they ran."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from statesig import FAIL, PAUSE, SKIP, Flow, current, manual_only, task
from tests.samples.kinds import QUARANTINE


@task
def count(gate: Path) -> int:
    (gate.parent / f"count {current().number}").touch()
    return 7


@task
def wait(gate: Path, number: int) -> int:
    """Wait for the gate, which is a file."""
    (gate.parent / "waiting").touch()
    while not gate.exists():
        time.sleep(0.01)
    return number


@task
def follow(number: int) -> int:
    return number + 1


@task(trigger=manual_only)
def review(number: int) -> int:
    return number


@task
def ask(number: int) -> int:
    if number == 1:
        raise PAUSE("is one enough?")
    if number == 2:
        raise SKIP("none left")
    if number == 3:
        raise QUARANTINE("odd", path="c.csv")
    return number


@task
def undermine(store: Path) -> int:
    """Break the store that the run is in."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("DROP TABLE statesig_history")
    return 1


@task
def mumble() -> int:
    raise FAIL("\x1b[2Jgone")


with Flow("gated") as gated:
    gate = gated.parameter("gate", Path)
    follow(wait(gate, count(gate)))

with Flow("reviewed") as reviewed:
    follow(review(count(reviewed.parameter("gate", Path))))

with Flow("asking") as asking:
    asking.map(ask, [0, 1, 2, 3])

with Flow("last") as last:
    wait(last.parameter("gate", Path), 1)

with Flow("undermined") as undermined:
    follow(undermine(undermined.parameter("store_path", Path)))

with Flow("mumbling") as mumbling:
    mumble()
