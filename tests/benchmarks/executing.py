"""Flows in threads and with a store, beside the bare pool and the bare database; and beside a peer's graphs.

Floors:

* threads: ``ThreadPoolExecutor.submit`` of the same function to as many threads, and ``result()`` of each; for a chain
  each is waited for before the next. It makes no states.
* store: `sqlite3` with the same pragmas (a write-ahead log, ``synchronous = FULL``), as many transactions and in them
  as many rows as the run has left, with the same columns. The rows are there before the clock starts; there are no
  checksums, no lease and no version in them. Both write to the same disk, which takes the most of the time in line.
* peer: `dask.delayed`, which puts the calls down in a graph and runs that; building and running together. It keeps no
  states. Nothing is asked of the ratio. It is measured at the smallest size alone: at 10,000 tasks a call takes it
  five times as long as at 1,000.
"""

from __future__ import annotations

import gc
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from graphs import SHAPES, chain, fan, nothing
from measuring import Plan, Row, compare

from statesig import Flow, Success
from statesig.executors.threads import Threads
from statesig.stores.opening import open_store

_WORKERS = 4


def threads(plan: Plan) -> Iterator[Row]:
    """Measure running flows in threads."""
    for name, build in SHAPES.items():
        submit = _submitting_one_by_one if build is chain else _submitting
        for size in plan.sizes:
            subject = f"{name} of {size:,} in threads, a task", partial(_threading, build(size), size)
            floor = "submit(...).result(), each" if build is chain else "submit(...) all, result() all"
            fewer = plan if size <= 1_000 else _fewer(plan)
            yield compare(fewer, subject, (floor, partial(submit, size)), 1.5)


def stored(plan: Plan) -> Iterator[Row]:
    """Measure runs that are stored: in line, where each task is a transaction, and in threads, where many share one."""
    size = plan.sizes[0]
    with tempfile.TemporaryDirectory(prefix="statesig-benchmark-") as folder:
        for name, build in SHAPES.items():
            yield _stored(plan, Path(folder), f"{name} of {size:,} stored, a task", build(size), size, None)
        for size in plan.sizes[:2]:
            subject = f"fan-out of {size:,} in threads, stored, a task"
            yield _stored(plan, Path(folder), subject, fan(size), size, "threads")


def peers(plan: Plan) -> Iterator[Row]:
    """Measure building and running a flow beside doing the same with `dask.delayed`."""
    size = plan.sizes[0]
    for name, build, delay in (("chain", chain, _delayed_chain), ("fan-out", fan, _delayed_fan)):
        for executor, scheduler in ((None, "synchronous"), (Threads(_WORKERS), "threads")):
            where = "in threads" if executor else "in line"
            subject = f"build, run {name} of {size:,} {where}, a task"
            ours = partial(_building_and_running, build, size, executor)
            theirs = partial(_delaying, delay, size, scheduler)
            yield compare(_fewer(plan), (subject, ours), (f"dask.delayed, {scheduler}", theirs))


def _fewer(plan: Plan) -> Plan:
    return replace(plan, rounds=min(plan.rounds, 5))


def _timed(work: Callable[[], object], size: int) -> float:
    gc.collect()
    began = perf_counter()
    made = work()
    seconds = perf_counter() - began
    del made
    return seconds / size


# ---- threads


def _threading(flow: Flow, size: int) -> float:
    run: Callable[[], Any] = partial(flow.run, executor=Threads(_WORKERS))
    assert isinstance(flow.run(executor=Threads(_WORKERS)).state, Success)
    return _timed(run, size)


def _submitting(size: int) -> float:
    def work() -> list[int]:
        with ThreadPoolExecutor(_WORKERS) as pool:
            futures = [pool.submit(nothing, 0) for _ in range(size)]
            return [future.result() for future in futures]

    return _timed(work, size)


def _submitting_one_by_one(size: int) -> float:
    def work() -> list[int]:
        with ThreadPoolExecutor(_WORKERS) as pool:
            return [pool.submit(nothing, 0).result() for _ in range(size)]

    return _timed(work, size)


# ---- a store

_Rows = Sequence[tuple[Any, ...]]


def _stored(plan: Plan, folder: Path, name: str, flow: Flow, size: int, executor: str | None) -> Row:
    commits = _commits(flow, folder / f"{name}.db", executor)
    floor = f"sqlite3, {sum(map(len, commits)):,} rows, {len(commits):,} commits"
    sides = partial(_storing, flow, folder, size, executor), partial(_inserting, folder, size, commits)
    return compare(_fewer(plan), (name, sides[0]), (floor, sides[1]), 2.0)


def _options(executor: str | None) -> dict[str, Any]:
    return {"executor": executor} if executor else {}


def _commits(flow: Flow, path: Path, executor: str | None) -> list[_Rows]:
    """Return the rows of a run, in as many parts as there were transactions."""
    run = flow.run(store=path, **_options(executor))
    with open_store(path) as store:
        found = store.find(run.id)
        rows = [
            (run.id, seq, one.task, one.index, one.attempt, one.time.timestamp(), one.worker, one.lost, one.state)
            for seq, one in enumerate(store.history(found))
        ]
    ends = [len(rows) * part // found.version for part in range(found.version + 1)]
    return [rows[begin:end] for begin, end in pairwise(ends)]


def _storing(flow: Flow, folder: Path, size: int, executor: str | None) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        return _timed(partial(flow.run, store=Path(own) / "runs.db", **_options(executor)), size)


def _inserting(folder: Path, size: int, commits: Sequence[_Rows]) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        return _timed(partial(_insert, Path(own) / "bare.db", commits), size)


def _insert(path: Path, commits: Sequence[_Rows]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE history (run, seq, task, idx, attempt, time, worker, lost, state, PRIMARY KEY (run, seq))"
        )
        for rows in commits:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")


# ---- a peer


def _building_and_running(build: Callable[[int], Flow], size: int, executor: Threads | None) -> float:
    return _timed(lambda: build(size).run(executor=executor or "inline"), size)


def _delaying(delay: Callable[[int], Any], size: int, scheduler: str) -> float:
    return _timed(lambda: delay(size).compute(scheduler=scheduler, num_workers=_WORKERS), size)


def _delayed_chain(size: int) -> Any:
    from dask import delayed

    call = delayed(nothing)
    value = call(0)
    for _ in range(size - 1):
        value = call(value)
    return value


def _delayed_fan(size: int) -> Any:
    from dask import delayed

    call = delayed(nothing)
    root = call(0)
    return delayed(len)([call(root) for _ in range(size - 2)])
