"""Runs under fire: processes that go on with a run are killed, others go on with it, and all that is left is compared.

``python -m tests.harness.fire kills|stops|boundaries|races PLACE ROUNDS SEED EXECUTOR`` prints what it counted as JSON;
PLACE is a folder for SQLite, or ``postgres:FOLDER`` of a running server. Processes are forked from this one, in which
all is imported and which has no threads, so that a process costs no more than its run.

Nothing here knows what a test takes for right: it counts.
"""

import functools
import itertools
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from statesig import Event, Executor, Pending, Run, State, check_history, is_cached, is_finished, is_paused
from statesig.engine.gathering import abridged
from statesig.engine.stored_values import decode_stored, encode_stored
from statesig.errors import RunTaken, StoreError
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from statesig.stores.opening import open_store
from statesig.stores.sqlite import SQLiteStore
from statesig.stores.store import Contents, Cursor, Lease, OnDamage, Record, Sent, Store, StoredEntity, StoredRun
from tests.harness.leftovers import PATIENCE, descendants
from tests.samples import durable_flow
from tests.samples.durable_flow import WITNESS, approved, tell

DAY = date(2026, 1, 22)
MOST_KILLED = 3
"""How often a run is killed: what is lost more often than that is not run again."""
COMPETITORS = 6
MOST_STOPPED = 3
LEASE = 0.3
"""Seconds after which a run of a process that was stopped may be taken from it."""
SURVIVED, OTHER, TAKEN, LOCKED = 0, 1, 3, 5
"""How a process ends that was not killed: the run is over and as expected, or it is not, or another had it, or one that
was stopped within a transaction holds the store."""

Place = tuple[str | None, int | None]
States = dict[str, State[Any]]


# ---- processes


def forked(body: Callable[[], int]) -> int:
    """Run a function in a child, which ends with the number that it returns; return the child's number."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        code = body()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a child, and return its exit code, or the negative of the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill(child: int) -> int:
    """Kill a child with all that it can do about it, and return how many of its own children outlive it."""
    of_it = descendants(child)
    os.kill(child, signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        of_it = {pid for pid in of_it if is_running(pid)}
        if not of_it:
            break
        time.sleep(0.002)
    return len(of_it)


def is_running(pid: int) -> bool:
    """Tell whether there is a process of a number, other than the remains of one that nobody waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# ---- places


def places(where: str) -> Iterator[tuple[str, Path]]:
    """Yield new stores, each with the witness file beside it."""
    kind, _, folder = where.rpartition(":")
    for number in itertools.count(1):
        if kind:
            yield schema(folder, number), Path(folder) / f"witness-{os.getpid()}-{number}"
        else:
            yield str(Path(folder) / f"{number}.db"), Path(folder) / f"witness-{number}"


def schema(folder: str, number: int) -> str:
    """Return the URL of a store of its own on a server."""
    import psycopg

    from tests.harness.servers import Server

    url, name = Server(Path(folder)).url, f"fire_{os.getpid()}_{number}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"{url}&options=-csearch_path%3D{name}"


def forget(place: str, witness: Path) -> None:
    """Remove what a round has left."""
    for path in (witness, *(Path(f"{place}{end}") for end in ("", "-wal", "-shm"))):
        path.unlink(missing_ok=True)


# ---- what is killed


def executor_named(name: str) -> Executor | None:
    return {"inline": lambda: None, "threads": lambda: Threads(4), "processes": lambda: Processes(2)}[name]()


def acknowledge(event: Event) -> None:
    """Write down what a run tells of, as the store has it."""
    if event.state == Pending():
        return  # what every run and task begins as is not stored
    state = abridged(event.state) if event.index is None else event.state
    written = encode_stored(state, durable_flow.flow.returns(event.task)).decode()
    tell("state", event.task, event.index, event.attempt, written)


def go_on(store: Store, executor: str, **given: Any) -> Run | None:
    """Run the flow, or go on with its run, until it is over; None where it is already."""
    options: dict[str, Any] = {"store": store, "executor": executor_named(executor), "on_event": acknowledge, **given}
    found = store.runs()
    if not found:
        run = durable_flow.flow.run(day=DAY, **options)
    elif found[0].tag in ("Pending", "Running", "Resume"):
        run = durable_flow.flow.resume(found[0].id, **options)
    elif found[0].tag == "Paused":
        return durable_flow.flow.resume(found[0].id, approved, **options)
    else:
        return None
    if is_paused(run.state):
        run = durable_flow.flow.resume(run.id, approved, **options)
    return run


def life(place: str, witness: Path, executor: str, expected: States, wait: float | None = None, **given: Any) -> int:
    """Go on with the run of a store, and return 0 where its states are the expected ones."""
    os.environ[WITNESS] = str(witness)
    with open_store(place) if wait is None else SQLiteStore(place, wait=wait) as store:
        run = go_on(store, executor, **given)
    if run is None:
        return SURVIVED
    found = states_in(run)
    for name in found.keys() | expected.keys():
        if found.get(name) != expected.get(name):
            print(f"{name} is {found.get(name)!r}, not {expected.get(name)!r}", file=sys.stderr)
    return SURVIVED if found == expected else OTHER


def states_in(run: Run) -> States:
    """Return the state of every task and every child, by name, without the time at which one expires."""
    return {one.name: timeless(one.state) for top in run for one in (top, *top.children)}


def timeless(state: State[Any]) -> State[Any]:
    return state.model_copy(update={"expires": None}) if is_cached(state) else state


def uninterrupted(place: str, witness: Path) -> States:
    """Return the states of a run that nothing happens to and that no store has.

    It also goes on with one that a store has, so that what is made once in a process is there before it is forked.
    """
    os.environ[WITNESS] = str(witness)
    run = durable_flow.flow.run(day=DAY).resume(approved)
    with open_store(place) as store:
        go_on(store, "inline")
    forget(place, witness)
    return states_in(run)


def other_life(place: str, witness: Path, executor: str, expected: States, late: float) -> int:
    """Do the same with a short lease and by a clock that is so many seconds late; say so where another has the run."""

    def clock() -> datetime:
        return datetime.now(UTC) - timedelta(seconds=late)

    try:
        return life(place, witness, executor, expected, LEASE, lease=LEASE, clock=clock)
    except RunTaken:
        return TAKEN
    except StoreError as exc:
        if "locked" not in str(exc):
            raise
        return LOCKED


# ---- what is left


def verdict(place: str, witness: Path, expected: States, *, by_one_clock: bool = True) -> Counter[str]:
    """Count what was told and is not there, what is there and cannot be, and what was run and should not have been.

    Where processes wake up again, and have clocks of their own, the order of what they told and of their times is not
    looked at.
    """
    with open_store(place) as store:
        (run,) = store.runs()
        history = list(store.history(run))
    lines = durable_flow.told_lines(witness)
    told = [line[1:] for line in lines if line[0] == "state"]
    kept = [(record.task, record.index, record.attempt, record.state.decode()) for record in history]
    written = iter(kept)
    lost = sum(line not in written for line in told)  # each is looked for behind the one before
    return of_bodies(lines) + Counter(
        acknowledged=len(told),
        lost=lost if by_one_clock else (Counter(told) - Counter(kept)).total(),
        begun=sum(line[0] == "begin" for line in lines),
        different=different(history, expected),
        half=illegal(run, history, by_one_clock=by_one_clock),
        repeated=repeated(history),
    )


def different(history: Sequence[Record], expected: States) -> int:
    """Count the tasks and children whose last stored state is not the expected one."""
    last: States = {}
    for record in history:
        if record.task is None:
            continue  # the run itself
        name = record.task if record.index is None else f"{record.task}[{record.index}]"
        last[name] = timeless(decode_stored(record.state, durable_flow.flow.returns(record.task)))
    others = {name: state if "[" in name else abridged(state) for name, state in expected.items()}
    return sum(last.get(name) != others.get(name) for name in last.keys() | others.keys())


def illegal(run: StoredRun, history: Sequence[Record], *, by_one_clock: bool) -> int:
    """Count the tasks and children that came to their states in a way in which none can."""
    steps: dict[Place, list[tuple[State[Any], int, datetime]]] = defaultdict(lambda: [(Pending(), 1, run.created)])
    for record in history:
        state = decode_stored(record.state, durable_flow.flow.returns(record.task))
        steps[record.task, record.index].append((state, record.attempt, record.time))
    ways = [zip(*way, strict=True) for way in steps.values()]
    return sum(
        check_history(states, attempts=attempts, times=times if by_one_clock else None) is not None
        for states, attempts, times in ways
    )


def repeated(history: Sequence[Record]) -> int:
    """Count the tasks and children that were tried again, looped or asked for approval more often than they may be.

    The run itself may pause twice: a server ends the last commit of a process that was killed, perhaps after the next
    one has asked whether the run is paused, and that one then goes on without an approval.
    """
    retries = {node.name: node.task.retries for node in durable_flow.flow.nodes}
    of_tasks = (record for record in history if record.task is not None)
    times = Counter((record.task, record.index, json.loads(record.state)["type"]) for record in of_tasks)
    most = {"Looped": durable_flow.LOOPS, "Paused": 1}
    return sum(
        count > (retries[task] if tag == "Retrying" else most.get(tag, count))
        for (task, _, tag), count in times.items()
    )


def of_bodies(lines: Sequence[tuple[Any, ...]]) -> Counter[str]:
    """Count the bodies that were run after their task was told to be final, or before it was told to be Running, and
    the tasks that were given up though they never began."""
    found: Counter[str] = Counter()
    final: set[Place] = set()
    running: set[tuple[str | None, int | None, int]] = set()
    begun: set[Place] = set()
    for what, task, index, attempt, written in lines:
        if what == "state":
            state = decode_stored(written.encode(), durable_flow.flow.returns(task))
            if is_finished(state):
                final.add((task, index))
                found["unbegun"] += state.type == "Crashed" and (task, index) not in begun
            elif state.type == "Running":
                running.add((task, index, attempt))
        elif what == "begin":
            begun.add((task, index))
            found["again"] += (task, index) in final
            found["unannounced"] += (task, index, attempt) not in running
    return found


# ---- at random moments


def stops(where: str, rounds: int, chance: random.Random, executor: str) -> Counter[str]:
    """Stop the process of a run at random moments, that many of them, let others go on, and wake it at the end.

    Each process has a clock of its own, up to half a second late: it sees that one behind it has set its clock back.
    """
    found: Counter[str] = Counter()
    at = places(where)
    expected = uninterrupted(*next(at))
    seconds = measured(*next(at), executor, expected)
    while found["stopped"] < rounds:
        place, witness = next(at)
        found["runs"] += 1
        sleeping: list[int] = []
        code = TAKEN
        while code in (TAKEN, LOCKED):
            late = chance.uniform(0, 0.5)
            child = forked(functools.partial(other_life, place, witness, executor, expected, late))
            if len(sleeping) < MOST_STOPPED:
                while not witness.exists():
                    time.sleep(0.001)  # there is a run, so that no other begins one
                time.sleep(chance.uniform(0, seconds))
                os.kill(child, signal.SIGSTOP)
                sleeping.append(child)
                found["stopped"] += 1
                continue
            code = ended(child)
            if code == LOCKED:
                found += awake(sleeping)
            elif code == TAKEN:
                time.sleep(LEASE / 6)
        found["different"] += code != SURVIVED
        found += awake(sleeping)
        found += verdict(place, witness, expected, by_one_clock=False)
        forget(place, witness)
    return found


def awake(sleeping: list[int]) -> Counter[str]:
    """Wake processes, and count how they end."""
    for child in sleeping:
        os.kill(child, signal.SIGCONT)
    codes = Counter(map(ended, sleeping))
    sleeping.clear()
    told = codes[TAKEN] + codes[LOCKED]
    return Counter(different=codes.total() - told - codes[SURVIVED], told=told, unhindered=codes[SURVIVED])


def kills(where: str, rounds: int, chance: random.Random, executor: str) -> Counter[str]:
    """Kill the process of a run at random moments, that many of them, and each time let another go on."""
    found: Counter[str] = Counter()
    at = places(where)
    expected = uninterrupted(*next(at))
    while found["killed"] < rounds:
        if found["runs"] % 20 == 0:  # a machine is not as busy all the time
            seconds = measured(*next(at), executor, expected)
        place, witness = next(at)
        found["runs"] += 1
        left = MOST_KILLED
        while True:
            child = forked(functools.partial(life, place, witness, executor, expected))
            if left and (left == MOST_KILLED or chance.random() < 0.7):
                time.sleep(chance.uniform(0, seconds))
                found["survivors"] += kill(child)
            code = ended(child)
            if code == SURVIVED:
                break
            assert code in (-signal.SIGKILL, OTHER), code
            found["different"] += code == OTHER
            if code == OTHER:
                break
            found["killed"] += 1
            left -= 1
        found += verdict(place, witness, expected)
        forget(place, witness)
    return found


def measured(place: str, witness: Path, executor: str, expected: States) -> float:
    """Return for how many seconds a process goes on with a run that nothing happens to."""
    began = time.monotonic()
    assert ended(forked(functools.partial(life, place, witness, executor, expected))) == SURVIVED
    seconds = time.monotonic() - began
    forget(place, witness)
    return seconds


# ---- at each boundary


class Doomed(Store):
    """A store that kills its process before or after something is written for the nth time.

    Args:
        store: What it does all else by.
        fatal: At which write, from 1; 0: never.
        is_before: Whether that is before.
    """

    def __init__(self, store: Store, fatal: int, *, is_before: bool) -> None:
        self.name = store.name
        self.writes = 0
        self._store = store
        self._fatal = fatal
        self._is_before = is_before

    def _written(self, write: Callable[[], Any]) -> Any:
        self.writes += 1
        is_fatal = self.writes == self._fatal
        if is_fatal and self._is_before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = write()
        if is_fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def create(self, run: StoredRun, lease: Lease, records: Sequence[Record] = (), *, sent: Sent | None = None) -> None:
        self._written(lambda: self._store.create(run, lease, records, sent=sent))

    def acquire(self, run: StoredRun, lease: Lease, **options: Any) -> Lease:
        return self._written(lambda: self._store.acquire(run, lease, **options))

    def append(self, run: StoredRun, owner: str, records: Sequence[Record], **options: Any) -> StoredRun:
        return self._written(lambda: self._store.append(run, owner, records, **options))

    def release(self, run: str, owner: str) -> bool:
        released: bool = self._written(lambda: self._store.release(run, owner))
        return released

    def check(self, damaged: OnDamage) -> Contents:
        return self._store.check(damaged)

    def set_aside(self, keep: Callable[..., object]) -> Contents:
        removed: Contents = self._written(lambda: self._store.set_aside(keep))
        return removed

    def remember(self, key: str, state: bytes, expires: datetime) -> None:
        self._written(lambda: self._store.remember(key, state, expires))

    def entity(self, key: str) -> StoredEntity | None:
        return self._store.entity(key)

    def change_entity(self, after: StoredEntity, also: Callable[[Cursor], object] | None = None) -> None:
        self._written(lambda: self._store.change_entity(after, also))

    def entity_history(self, entity: StoredEntity) -> Iterator[StoredEntity]:
        return self._store.entity_history(entity)

    def entities(self, **options: Any) -> list[StoredEntity]:
        return self._store.entities(**options)

    def renew(self, lease: Lease) -> Lease:
        return self._store.renew(lease)  # by the clock, not by the run

    def lease(self, run: str) -> Lease | None:
        return self._store.lease(run)

    def request_cancel(self, run: str) -> bool:
        return self._store.request_cancel(run)

    def find(self, run: str) -> StoredRun:
        return self._store.find(run)

    def look(self, run: StoredRun) -> StoredRun:
        return self._store.look(run)

    def send(self, run: StoredRun, sent: Sent, *, count: int, cancel: bool = False) -> Sent:
        return self._written(lambda: self._store.send(run, sent, count=count, cancel=cancel))

    def signals(self, run: str) -> list[Sent]:
        return self._store.signals(run)

    def sent_with(self, key: str) -> Sent | None:
        return self._store.sent_with(key)

    def history(self, run: StoredRun, *, after: int = 0) -> Iterator[Record]:
        return self._store.history(run, after=after)

    def runs(self, **options: Any) -> list[StoredRun]:
        return self._store.runs(**options)

    def runs_page(self, **options: Any) -> list[StoredRun]:
        return self._store.runs_page(**options)

    def prune(self, older_than: datetime, *, damaged: OnDamage | None = None) -> int:
        return self._store.prune(older_than, damaged=damaged)

    def recall(self, key: str, now: datetime) -> bytes | None:
        return self._store.recall(key, now)

    def close(self) -> None:
        self._store.close()


def doomed_life(place: str, witness: Path, executor: str, fatal: int, is_before: bool, counted: int) -> int:
    """Run the flow until it is over or kills itself; tell a pipe how often something was written."""
    os.environ[WITNESS] = str(witness)
    with open_store(place) as store:
        doomed = Doomed(store, fatal, is_before=is_before)
        go_on(doomed, executor)
    os.write(counted, str(doomed.writes).encode())
    return SURVIVED


def boundaries(where: str, rounds: int, chance: random.Random, executor: str) -> Counter[str]:
    """Kill the process of a run right before and right after what it writes, at that many of those places at most."""
    at = places(where)
    expected = uninterrupted(*next(at))
    reading, writing = os.pipe()
    place, witness = next(at)
    assert ended(forked(lambda: doomed_life(place, witness, executor, 0, False, writing))) == SURVIVED
    writes = int(os.read(reading, 100))
    forget(place, witness)
    found = Counter(boundaries=2 * writes)
    every = list(itertools.product(range(1, writes + 1), (True, False)))
    for fatal, is_before in every if rounds >= len(every) else chance.sample(every, rounds):
        place, witness = next(at)
        doomed = functools.partial(doomed_life, place, witness, executor, fatal, is_before, writing)
        assert ended(forked(doomed)) == -signal.SIGKILL, (fatal, is_before)
        found["killed"] += 1
        survivor = ended(forked(functools.partial(life, place, witness, executor, expected)))
        assert survivor in (SURVIVED, OTHER), survivor
        found["different"] += survivor == OTHER
        found += verdict(place, witness, expected)
        forget(place, witness)
    return found


# ---- at once


def races(where: str, rounds: int, chance: random.Random, executor: str) -> Counter[str]:
    """Let processes resume one paused run at once, and count the rounds by how many of them have gone on with it."""
    from tests.samples.durable_pauses import flow, gate

    found: Counter[str] = Counter()
    at = places(where)
    uninterrupted(*next(at))
    for place, witness in itertools.islice(at, rounds):
        os.environ[WITNESS] = str(witness)
        run = flow.run(store=place)
        waiting, starting = os.pipe()

        def compete(delay: float) -> int:
            os.close(starting)
            os.read(waiting, 1)  # until the parent has closed the other end, as each sibling before
            time.sleep(delay)
            try:
                flow.resume(run.id, gate, store=place, executor=executor_named(executor))
            except RunTaken:
                return TAKEN
            return SURVIVED

        spread = chance.choice([0.0, 0.002, 0.02])  # so that some come while the winner is at work
        children = [forked(functools.partial(compete, chance.uniform(0, spread))) for _ in range(COMPETITORS)]
        os.close(waiting)
        os.close(starting)
        codes = Counter(map(ended, children))
        lines = durable_flow.told_lines(witness)
        begun = Counter(task for what, task, *_ in lines if what == "begin")
        found["rounds"] += 1
        found[f"{codes[SURVIVED]} went on, {codes[TAKEN]} were told"] += 1
        found["again"] += begun != {"before": 1, "gate": 1, "after": 1}
        with open_store(place) as store:
            found["different"] += store.find(run.id).tag != "Success"
        forget(place, witness)
    return found


if __name__ == "__main__":
    what, where, rounds, seed, executor = sys.argv[1:]
    acts = {"kills": kills, "stops": stops, "boundaries": boundaries, "races": races}
    print(json.dumps(acts[what](where, int(rounds), random.Random(int(seed)), executor)))
