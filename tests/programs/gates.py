"""Flows whose tasks wait until a test opens a gate, and write down that they ran."""

import time
from pathlib import Path

from statesig import PAUSE, SKIP, Flow, current, manual_only, task
from tests.programs.kinds import QUARANTINE


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


with Flow("gated") as gated:
    gate = gated.parameter("gate", Path)
    follow(wait(gate, count(gate)))

with Flow("reviewed") as reviewed:
    follow(review(count(reviewed.parameter("gate", Path))))

with Flow("asking") as asking:
    asking.map(ask, [0, 1, 2, 3])

with Flow("last") as last:
    wait(last.parameter("gate", Path), 1)
