"""Triggers over many upstreams that arrive one by one: what each arrival costs, in the counts alone and in a run.

A subject is an arrival among 100,000 upstreams, its floor one among 1,000: what is counted once and kept up to date
costs the same in both, within what the machine's caches make of it. What grows with the number of the others would be a
hundred times the floor. In the run a chain of tasks is run with and without one that only comes after all of them, and
is asked after each.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from time import perf_counter

from measuring import Plan, Row, alone, compare, quantity

from statesig import (
    Counts,
    Failed,
    Flow,
    Pending,
    Skipped,
    Success,
    Trigger,
    Verdict,
    all_successful,
    any_failed,
    none,
    share,
    some,
    task,
)

_MANY, _FEW = 100_000, 1_000
_PENDING, _SUCCESS, _FAILED = Pending(), Success(), Failed()


def triggers(plan: Plan) -> Iterator[Row | str]:
    """Measure a verdict after each arrival, of a single predicate and a composition, and a task behind many others."""
    composition = (some(Success) & none(Skipped)) | share(Failed, "0.9")
    for name, trigger in (("all_successful", all_successful), ("three predicates", composition)):
        many, few = partial(_arriving, trigger, _MANY, 1), partial(_arriving, trigger, _FEW, _MANY // _FEW)
        among = f"{name} among {_MANY:,}, an arrival", many
        yield compare(plan, among, (f"among {_FEW:,}, {_MANY // _FEW} times, an arrival", few), 1.5, slices=2)
        yield alone(plan, (f"{name} of {_MANY:,}, counted anew", partial(_counting, trigger)))
        yield f"{name}: {_MANY:,} arrivals in {quantity(many() * _MANY, 's')}"
    behind, without = partial(_running, _chain(_MANY, last=True)), partial(_running, _chain(_MANY, last=False))
    yield compare(plan, (f"any_failed behind a chain of {_MANY:,}, a task", behind), ("the chain alone", without), 2.0)


def _arriving(trigger: Trigger, size: int, times: int) -> float:
    """Let upstreams finish one by one, the last one by failing, and ask the trigger after each."""
    found = []
    gc.collect()
    began = perf_counter()
    for _ in range(times):
        counts = Counts.of({Pending: size})
        for _ in range(size - 1):
            counts.replace(_PENDING, _SUCCESS)
            trigger.verdict(counts)
        counts.replace(_PENDING, _FAILED)
        found.append(trigger.verdict(counts))
    seconds = perf_counter() - began
    assert Verdict.WAIT not in found
    return seconds / (size * times)


def _counting(trigger: Trigger) -> float:
    states = [_SUCCESS] * _MANY
    gc.collect()
    began = perf_counter()
    trigger.verdict(states)
    return perf_counter() - began


@task
def _nothing() -> None:
    return None


@task(trigger=any_failed)
def _last() -> None:
    return None


def _chain(size: int, *, last: bool) -> Flow:
    with Flow("chain") as flow:
        upstream = [_nothing() for _ in range(size)]
        for earlier, later in pairwise(upstream):
            flow.after(later, earlier)
        if last:
            flow.after(_last(), *upstream)
    return flow


def _running(flow: Flow) -> float:
    gc.collect()
    began = perf_counter()
    run = flow.run()
    seconds = perf_counter() - began
    assert run.state.type in ("Success", "TriggerFailed")
    return seconds / len(flow.nodes)
