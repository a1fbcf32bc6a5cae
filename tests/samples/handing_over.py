"""Tasks that look at what a store says of them while they run."""

import time
from pathlib import Path

from statesig import current, task
from statesig.stores.opening import open_store


def said_of_me(place: str) -> str:
    """Return the tag of the state that a store has of the running task; a file is made if there is none."""
    path, here = Path(place), current()
    if not path.exists():
        path.touch()
        return "nothing"
    with open_store(place) as store:
        (run,) = store.runs()
        states = [one.state for one in store.history(run) if (one.task, one.index) == (here.task, here.index)]
    return states[-1].decode().split('"')[3]


@task
def look(place: str) -> str:
    return said_of_me(place)


@task
async def look_later(place: str) -> str:
    return said_of_me(place)


@task
def double(number: int) -> int:
    return 2 * number


@task
def until_running(place: str) -> str:
    """Wait until the store says that this task runs."""
    while (said := said_of_me(place)) != "Running":
        time.sleep(0.01)
    return said
