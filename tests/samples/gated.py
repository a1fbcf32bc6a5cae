"""Tasks that go on until they are told to end, wherever they run: what they wait for is a file.

``python -m tests.samples.gated WHERE FOLDER`` runs a flow of them that signals cancel, and prints each event, and at
the end what became of each task. One that has begun makes a file ``begun-NAME`` in the folder, and goes on until there
is a file ``go``.
"""

import asyncio
import sys
import time
from pathlib import Path

from statesig import Event, Flow, task
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads

PATIENCE = 30.0
"""Seconds after which a task gives up waiting."""


def begin(folder: str, name: str) -> float:
    """Say that a task has begun, and return until when it may go on."""
    Path(folder, f"begun-{name}").touch()
    return time.monotonic() + PATIENCE


def is_to_end(folder: str, until: float) -> bool:
    if time.monotonic() > until:
        raise TimeoutError("nobody let it go on")
    return Path(folder, "go").exists()


@task(retries=2)
def hold(folder: str, name: str) -> str:
    until = begin(folder, name)
    while not is_to_end(folder, until):
        time.sleep(0.005)
    return name


@task(retries=2)
async def hold_later(folder: str, name: str) -> str:
    until = begin(folder, name)
    while not is_to_end(folder, until):
        await asyncio.sleep(0.005)
    return name


@task
def follow(name: str) -> str:
    return f"{name} again"


with Flow("gated") as gated:
    folder = gated.parameter("folder", str)
    held = hold(folder, "a")
    behind = follow(held)

with Flow("gated_later") as gated_later:
    folder_later = gated_later.parameter("folder", str)
    held_later = hold_later(folder_later, "a")
    behind_later = follow(held_later)


def tell(event: Event) -> None:
    print(event.task, event.state.type, flush=True)


if __name__ == "__main__":
    where, given = sys.argv[1:]
    flow = gated_later if where == "coroutines" else gated
    executor = Processes(1) if where == "processes" else Threads(1) if where == "threads" else None
    run = flow.run(folder=given, signals=True, on_event=tell, executor=executor)
    for one in run:
        print(f"{one.name}: {one.state.type}: {one.state.message}")
