"""Calls on a Dask cluster of two worker processes: what the executor adds to each, and what batches save.

The floor is `Client.submit` for each call, and each future's own result in the order in which they are done: what a
user would write. All of it runs on the same cluster of this machine, with its scheduler in this process, as it is with
`LocalCluster`. Calls are handed over all at once, and are of a task that was measured before, as in a run of many.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import Any

from measuring import Plan, Row, compare

from statesig import Attempt, task
from statesig.executors.calls import Call, Outcome
from statesig.executors.dask.cluster import Dask

_CALLS = 500


def nothing(value: int) -> int:
    """Return what is given."""
    return value


_nothing = task(nothing)


def clusters(plan: Plan) -> Iterator[Row]:
    """Measure calls one by one, and in batches."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        floor = "Client.submit, as_completed", partial(_submitting, client)
        for name, options, bound in (
            (f"Dask, {_CALLS} calls one by one, a call", {"batch": 0, "ahead": 8}, 1.2),
            (f"Dask, {_CALLS} calls as they come, a call", {}, 0.5),
        ):
            executor = Dask(cluster, **options)
            reports: SimpleQueue[tuple[Call, Outcome]] = SimpleQueue()
            executor.open(lambda call, outcome, reports=reports: reports.put((call, outcome)))
            try:
                _calling(executor, reports)
                yield compare(plan, (name, partial(_calling, executor, reports)), floor, bound)
            finally:
                executor.close()


def _calling(executor: Dask, reports: SimpleQueue[tuple[Call, Outcome]]) -> float:
    attempt = Attempt("run", "nothing", None, 1, None)
    gc.collect()
    began = perf_counter()
    executor.submit([Call(_nothing, (value,), {}, attempt) for value in range(_CALLS)])
    outcomes = [reports.get()[1] for _ in range(_CALLS)]
    seconds = perf_counter() - began
    assert sum(range(_CALLS)) == sum(outcome.state.unwrap() for outcome in outcomes)
    return seconds / _CALLS


def _submitting(client: Any) -> float:
    from distributed import as_completed

    gc.collect()
    began = perf_counter()
    futures = [client.submit(nothing, value, pure=False) for value in range(_CALLS)]
    values = [future.result() for future in as_completed(futures)]
    seconds = perf_counter() - began
    assert sum(range(_CALLS)) == sum(values)
    return seconds / _CALLS
