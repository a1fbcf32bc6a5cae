"""Processes that share a store, in a process of their own: ``python -m tests.harness.rounds KIND PLACE ROUNDS SEED``.

The kinds are the functions named at the end. It prints what it counted as JSON. Children are forked, which is safe as
nothing here has threads.
"""

import contextlib
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count, groupby

from statesig.errors import EntityChanged, RunTaken
from statesig.stores import sqlite as sqlite  # loaded here, with Pydantic, and not in each child
from statesig.stores.opening import open_store
from statesig.stores.store import Cursor, Record, Store, StoredRun
from tests import ROOT
from tests.harness.records import HOUR, NOW, a_lease, a_record, a_run, an_entity

PROCESSES = 6


def done_in_rounds(what: str, place: str, number: int) -> dict[str, int]:
    """Run rounds of processes, in one that they are forked from, and return what it counted."""
    command = [sys.executable, "-m", "tests.harness.rounds", what, place, str(number), "1"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


def forked(body: Callable[[], int]) -> int:
    """Run a function in a child, which ends with the number that it returns; return the child's number."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        code = body()
    finally:
        os._exit(code)


WON, LOST, WRONG = 0, 3, 4
"""How a process of a race ends."""


def raced(place: str, act: Callable[[Store, int], Callable[[], int]]) -> str:
    """Let processes act on a store at once, and return how many of them won.

    Args:
        place: Where the store is.
        act: Prepares the process of a number, and returns what it does when all begin.
    """
    waiting, starting = os.pipe()

    def take_part(number: int) -> int:
        os.close(starting)
        with open_store(place) as store:
            prepared = act(store, number)
            os.read(waiting, 1)  # until the parent, and each sibling before, has closed the other end
            return prepared()

    children = [forked(partial(take_part, number)) for number in range(PROCESSES)]
    os.close(waiting)
    time.sleep(0.01)
    os.close(starting)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert set(codes) <= {WON, LOST}, codes
    return str(codes.count(WON))


def races(place: str, rounds: int, chance: random.Random) -> dict[str, int]:
    """Let processes take one lease at once, from an owner who is dead or whose lease has ended; count the winners."""
    winners: Counter[str] = Counter()
    for number in range(rounds):
        with open_store(place) as store:
            run = a_run(f"{number:032x}")
            is_ended = chance.random() < 0.5
            store.create(run, a_lease(run, "dead", NOW - HOUR if is_ended else NOW + HOUR))
        winners[raced(place, partial(take_lease, run.id, None if is_ended else "dead"))] += 1
    return dict(winners)


def take_lease(run: str, instead_of: str | None, store: Store, number: int) -> Callable[[], int]:
    found = store.find(run)

    def take() -> int:
        try:
            store.acquire(found, a_lease(found, f"process {number}"), now=NOW, instead_of=instead_of)
        except RunTaken:
            return LOST
        return WON

    return take


def changes(place: str, rounds: int, chance: random.Random) -> dict[str, int]:
    """Let processes begin one entity at once, or change it from one version; count the winners and what is wrong.

    The machine that an entity names tells which process wrote it: each version is the winner's, whole.
    """
    winners: Counter[str] = Counter()
    for number in range(rounds):
        key, version = f"entity {number}", chance.choice([0, 1, 2])
        with open_store(place) as store:
            for before in range(version):
                store.change_entity(an_entity(key, before + 1))
        winners[raced(place, partial(write_version, key, version))] += 1
        with open_store(place) as store:
            found = store.entity(key)
            history = [] if found is None else list(store.entity_history(found))
        assert [one.version for one in history] == [*range(1, version + 2)], history
        assert found == history[-1], found
    return dict(winners)


def write_version(key: str, version: int, store: Store, number: int) -> Callable[[], int]:
    def write() -> int:
        try:
            store.change_entity(replace(an_entity(key, version + 1), state=b"%d" % number))
        except EntityChanged as exc:
            return LOST if exc.version == version + 1 else WRONG
        return WON

    return write


def openings(place: str, rounds: int, chance: random.Random) -> dict[str, int]:
    """Let processes open a new store at once, and use and close it over and over; count how they ended."""
    found: Counter[str] = Counter()
    for number in range(rounds):
        new = new_place(place, number)

        def use() -> int:
            for _ in range(chance.randrange(1, 6)):
                with open_store(new) as store:
                    run = a_run(os.urandom(16).hex())
                    store.create(run, a_lease(run))
                    assert 1 == store.append(run, "me", [a_record()], now=NOW).length
            return 0

        children = [forked(use) for _ in range(PROCESSES)]
        found.update(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])) for child in children)
    return dict(found)


def new_place(place: str, number: int) -> str:
    """Return a place beside another: a file of its own, or a schema."""
    new = f"{place}_{number}"
    if "://" in place:
        import psycopg

        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {new.rpartition('%3D')[2]}".encode())
    return new


def kills(place: str, rounds: int, chance: random.Random) -> dict[str, int]:
    """Kill a process that appends, at random moments; count what was acknowledged and what of it is not there.

    In every other round the moment is after the first acknowledgement, which takes a busy machine long.
    """
    found = Counter(rounds=0, acknowledged=0, lost=0, half=0)
    for number in range(rounds):
        with open_store(place) as store:
            run = a_run(f"{number:032x}")
            store.create(run, a_lease(run))
        reading, writing = os.pipe()
        child = forked(lambda: append_for_ever(place, run, writing))
        os.close(writing)
        first = b"" if number % 2 else os.read(reading, 8)
        time.sleep(chance.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as stream:
            acknowledged = first + stream.read()
        assert len(acknowledged) % 8 == 0
        groups = len(acknowledged) // 8
        with open_store(place) as store:
            run = store.find(run.id)
            records = list(store.history(run))
        found["rounds"] += 1
        found["acknowledged"] += groups
        found["lost"] += max(0, groups - run.version)
        found["half"] += sum(size_of(group) != len(list(members)) for group, members in groupby(records, group_of))
        found["half"] += run.state != b"%d" % run.version if run.version else False
        found["half"] += run.version != len({group_of(record) for record in records})
    return dict(found)


def ends(place: str, rounds: int, chance: random.Random) -> dict[str, int]:
    """Kill a process that changes an entity and a table of its own, at random moments; count as `kills` does.

    A version is there by half if its row in that table is not, or the entity is not at its last version.
    """
    found = Counter(rounds=0, acknowledged=0, lost=0, half=0)
    with open_store(place) as store:
        store.change_entity(an_entity("first"), lambda cursor: cursor.execute("CREATE TABLE own (key TEXT, of TEXT)"))
    for number in range(rounds):
        key = f"entity {number}"
        reading, writing = os.pipe()
        child = forked(partial(change_for_ever, place, key, writing))
        os.close(writing)
        first = b"" if number % 2 else os.read(reading, 8)
        time.sleep(chance.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as stream:
            acknowledged = len(first + stream.read()) // 8
        own: list[tuple[object, ...]] = []
        with open_store(place) as store:
            last = store.entity(key)
            history = [] if last is None else list(store.entity_history(last))
            store.change_entity(an_entity(f"after {number}"), lambda cursor: own.extend(own_rows(cursor, key)))
        version = 0 if last is None else last.version
        found["rounds"] += 1
        found["acknowledged"] += acknowledged
        found["lost"] += max(0, acknowledged - version)
        found["half"] += [(str(one.version),) for one in history] != own
        found["half"] += version != len(history) or (last is not None and last != history[-1])
    return dict(found)


def change_for_ever(place: str, key: str, writing: int) -> int:
    """Append versions of an entity, each with a row of a table of its own, and tell of each that is acknowledged."""
    with contextlib.suppress(BrokenPipeError), open_store(place) as store:
        for version in count(1):
            row = (key, str(version))
            store.change_entity(an_entity(key, version), partial(insert_own, row))
            os.write(writing, struct.pack("q", version))
    return 0


def insert_own(row: tuple[str, str], cursor: Cursor) -> None:
    cursor.execute("INSERT INTO own VALUES (?, ?)", row)


def own_rows(cursor: Cursor, key: str) -> list[tuple[object, ...]]:
    cursor.execute("SELECT of FROM own WHERE key = ? ORDER BY length(of), of", (key,))
    return cursor.fetchall()


def append_for_ever(place: str, run: StoredRun, writing: int) -> int:
    """Append groups of one to five records, and tell of each when it is acknowledged."""
    with contextlib.suppress(BrokenPipeError), open_store(place) as store:
        for group in count():
            records = [
                Record("task", index, group + 1, NOW + timedelta(seconds=group), None, 0, b'{"result":"%d"}' % index)
                for index in range(size_of(group))
            ]
            run = store.append(run, "me", records, now=NOW, state=b"%d" % (group + 1))
            os.write(writing, struct.pack("q", group))
    return 0


def group_of(record: Record) -> int:
    return record.attempt - 1


def size_of(group: int) -> int:
    return group % 5 + 1


if __name__ == "__main__":
    what, where, rounds, seed = sys.argv[1:]
    kinds = {"races": races, "kills": kills, "openings": openings, "changes": changes, "ends": ends}
    count_of = kinds[what]
    print(json.dumps(count_of(where, int(rounds), random.Random(int(seed)))))
