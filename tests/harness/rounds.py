"""Processes that share a store, in a process of their own: ``python -m tests.harness.rounds KIND PLACE ROUNDS SEED``.

The kinds are races, kills and openings. It prints what it counted as JSON. Children are forked, which is safe as
nothing here has threads.
"""

import contextlib
import json
import os
import random
import signal
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import count, groupby

from statesig.errors import RunTaken
from statesig.stores import sqlite as sqlite  # loaded here, with Pydantic, and not in each child
from statesig.stores.opening import open_store
from statesig.stores.store import Record, StoredRun
from tests.harness.records import HOUR, NOW, a_lease, a_record, a_run

PROCESSES = 6


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


def races(place: str, rounds: int, chance: random.Random) -> dict[str, int]:
    """Let processes take one lease at once, from an owner who is dead or whose lease has ended; count the winners."""
    winners: Counter[str] = Counter()
    for number in range(rounds):
        with open_store(place) as store:
            run = a_run(f"{number:032x}")
            is_ended = chance.random() < 0.5
            store.create(run, a_lease(run, "dead", NOW - HOUR if is_ended else NOW + HOUR))

        waiting, starting = os.pipe()

        def take(name: str) -> int:
            os.close(starting)
            with open_store(place) as store:
                run = store.find(f"{number:032x}")
                os.read(waiting, 1)  # until the parent, and each sibling before, has closed the other end
                try:
                    store.acquire(run, a_lease(run, name), now=NOW, instead_of=None if is_ended else "dead")
                except RunTaken:
                    return 3
                return 0

        children = [forked(lambda: take(f"process {index}")) for index in range(PROCESSES)]
        os.close(waiting)
        time.sleep(0.01)
        os.close(starting)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert set(codes) <= {0, 3}, codes
        winners[str(codes.count(0))] += 1
    return dict(winners)


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
    count_of = {"races": races, "kills": kills, "openings": openings}[what]
    print(json.dumps(count_of(where, int(rounds), random.Random(int(seed)))))
