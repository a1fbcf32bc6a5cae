"""Runs in which something goes wrong, each in a process: ``python -m tests.harness.troubles WHAT WHERE``.

It prints what happened as JSON: how each process ended and what it said, which bodies were run, and the states that
each task came to be in. WHERE is as for `tests.harness.fire`, whose processes these are, too.
"""

import functools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from statesig import Flow
from statesig.errors import RunTaken, StoreError
from statesig.executors.threads import Threads
from statesig.stores.database import Database
from statesig.stores.opening import open_store
from statesig.stores.sqlite import SQLiteStore
from statesig.stores.store import Store
from tests.harness.fire import SURVIVED, TAKEN, ended, forked, places
from tests.harness.servers import Server
from tests.samples import durable_troubles
from tests.samples.durable_flow import WITNESS, told_lines

REFUSED = 4


@dataclass
class Story:
    """What happened in a place.

    Args:
        place: The store.
        witness: What the tasks wrote down.
        codes: How each process ended.
        said: What each said at its end, where it said anything.
    """

    place: str
    witness: Path
    codes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def live(self, body: Callable[[], str]) -> None:
        """Let a process do something, to its end."""
        self.end(*self.begin(body))

    def begin(self, body: Callable[[], str]) -> tuple[int, int]:
        """Let a process do something; return its number, and from where it can be read what it says."""
        reading, writing = os.pipe()
        return forked(functools.partial(self._lived, body, writing, reading)), self._kept(reading, writing)

    @staticmethod
    def _kept(reading: int, writing: int) -> int:
        os.close(writing)
        return reading

    def _lived(self, body: Callable[[], str], writing: int, reading: int) -> int:
        os.close(reading)
        os.environ[WITNESS] = str(self.witness)
        code, said = SURVIVED, ""
        try:
            said = body()
        except RunTaken as exc:
            code, said = TAKEN, f"{exc}"
        except StoreError as exc:
            code, said = REFUSED, f"{exc}"
        os.write(writing, said.encode())
        return code

    def end(self, child: int, reading: int) -> None:
        """Wait for a process, and write down how it ended and what it said."""
        self.codes.append(ended(child))
        with os.fdopen(reading) as stream:
            self.said.append(stream.read())

    def told(self) -> dict[str, Any]:
        """Return all of it, with what the store has and what the tasks wrote down."""
        with open_store(self.place) as store:
            (run,) = store.runs()
            history = [record for record in store.history(run) if record.task is not None]  # the run's own is its row's
        states: dict[str, list[str]] = {}
        for record in history:
            states.setdefault(record.task, []).append(json.loads(record.state)["type"])
        lines = told_lines(self.witness)
        messages = {record.task: json.loads(record.state).get("message") for record in history}
        return {
            "codes": self.codes,
            "said": self.said,
            "begun": [task for what, task, *_ in lines if what == "begin"],
            "states": states,
            "messages": messages,
            "state": run.tag,
        }


def story_in(where: str) -> Story:
    return Story(*next(places(where)))


def run_into(
    trouble: Callable[[], None], store: Store | str, flow: Flow = durable_troubles.flow, **options: Any
) -> str:
    """Run a flow in the middle of which there is trouble."""
    durable_troubles.trouble = trouble
    return flow.run(store=store, **options).state.type


def go_on(place: str, **options: Any) -> str:
    """Go on with the only run of a place."""
    with open_store(place) as store:
        (run,) = store.runs()
    return durable_troubles.FLOWS[run.flow].resume(run.id, store=place, **options).state.type


def hit_again(place: str, **options: Any) -> str:
    durable_troubles.trouble = kill_itself
    return go_on(place, **options)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# ---- what kills its process each time


def poison(where: str) -> Story:
    """Run a task that kills its process, and go on until a process comes to its end."""
    story = story_in(where)
    story.live(lambda: run_into(kill_itself, story.place))
    while story.codes[-1] == -signal.SIGKILL:
        story.live(lambda: hit_again(story.place))
    return story


def crowd(where: str) -> Story:
    """Run children in one thread, the first of which kills the process each time."""
    story = story_in(where)
    story.live(lambda: run_into(kill_itself, story.place, durable_troubles.crowd, executor=Threads(1)))
    while story.codes[-1] == -signal.SIGKILL:
        story.live(lambda: hit_again(story.place, executor=Threads(1)))
    return story


# ---- a store that fails half-way


def full(where: str) -> Story:
    """The file may not grow further: the disk is full, as far as SQLite can tell."""
    story = story_in(where)

    def limit() -> None:
        size = Path(f"{story.place}-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return after(story, limit)


def small(where: str) -> Story:
    """A small file system has no room left, and has it again."""
    story = story_in(where)
    folder = Path(story.place).parent / "small"
    folder.mkdir()
    story.place = str(folder / "runs.db")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    try:
        return after(story, lambda: fill(folder), lambda: (folder / "rest").unlink())
    finally:
        keep_copy(story)
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Use up the room that a file system has."""
    with (folder / "rest").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def keep_copy(story: Story) -> None:
    """Move a store that is closed to where it can still be read."""
    kept = Path(story.place).parent.with_suffix(".db")
    kept.write_bytes(Path(story.place).read_bytes())
    story.place = str(kept)


def read_only(where: str) -> Story:
    """The store may not be written any more."""
    story = story_in(where)
    store = SQLiteStore(story.place)
    store.close()  # a connection is not taken into another process
    return after(story, lambda: forbid(store), store=store)


def forbid(store: SQLiteStore) -> None:
    database: Database = store._database
    with database.lock:
        database.cursor().execute("PRAGMA query_only = ON")


def locked(where: str) -> Story:
    """Another program has the store locked for longer than it is waited for."""
    story = story_in(where)
    store = SQLiteStore(story.place, wait=0.2)
    store.close()
    return after(story, lambda: lock(story.place), store=store)


def lock(place: str) -> None:
    connection = sqlite3.connect(place, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    _held.append(connection)


_held: list[sqlite3.Connection] = []
"""What is to be open until the process ends."""


def gone(where: str) -> Story:
    """The server stops, and is started again."""
    server = Server(Path(where.rpartition(":")[2]))
    return after(story_in(where), lambda: server.stop("immediate"), server.start)


def after(
    story: Story,
    trouble: Callable[[], None],
    remedy: Callable[[], object] = lambda: None,
    store: Store | None = None,
) -> Story:
    """Run into trouble, remedy it, and go on in another process."""
    story.live(lambda: run_into(trouble, store or story.place))
    remedy()
    story.live(lambda: go_on(story.place))
    return story


# ---- a process that is stopped for longer than its lease


def stopped(where: str) -> Story:
    """Stop a process in the middle of a task until its lease has ended, let another go on, and let it wake up."""
    return woken(where, durable_troubles.flow)


def stopped_waiting(where: str) -> Story:
    """The same with a process that waits for an attempt that is due in an hour."""
    return woken(where, durable_troubles.waiting)


def woken(where: str, flow: Flow) -> Story:
    story = story_in(where)
    coming, come = os.pipe()
    waiting, going = os.pipe()

    def hold() -> None:
        os.close(going)
        os.write(come, b"here")
        if flow is durable_troubles.flow:
            os.read(waiting, 1)  # until the other end is closed

    first = story.begin(lambda: run_into(hold, story.place, flow, lease=LEASE))
    os.close(waiting)
    os.read(coming, 4)
    if flow is durable_troubles.waiting:
        until(lambda: story.told()["states"] == {"later": ["Running", "Retrying"]})
    os.kill(first[0], signal.SIGSTOP)
    until(lambda: is_ended(story.place))
    story.live(lambda: go_on(story.place, clock=tomorrow))  # it need not wait for the attempt
    before = story.told()["states"]
    os.kill(first[0], signal.SIGCONT)
    os.close(going)
    story.end(*first)
    assert before == story.told()["states"]
    return story


LEASE = 0.5
"""Seconds."""


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def is_ended(place: str) -> bool:
    with open_store(place) as store:
        held = store.lease(store.runs()[0].id)
    return held is not None and held.until < datetime.now(UTC)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


if __name__ == "__main__":
    what, where = sys.argv[1:]
    acts = {
        act.__name__: act for act in (poison, crowd, full, small, read_only, locked, gone, stopped, stopped_waiting)
    }
    print(json.dumps(acts[what](where).told()))
