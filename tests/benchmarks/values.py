"""States and signals as values: constructing, raising, advancing, pickling, and the memory they take.

Floors:

* construct: the constructor of a bare model with the same fields, called with the same arguments. A state is such a
  model, so nothing below this can be asked of it.
* signals: that construction, then ``raise BaseException`` and its ``except``. The two parts are not tied together,
  which flatters the floor: its exception carries nothing.
* advance: one look into a dict by a pair of classes and the construction of the model. The floor makes no exception
  where the subject makes a signal.
* pickle and memory: the bare model's own, as they are.
"""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from floors import BareRetrying, BareRunning, BareSkipped, BareSuccess
from measuring import Plan, Row, compare, compare_code

from statesig import RETRY, SKIP, Retrying, Running, Skipped, Success, advance

_PILE = 10_000

_NAMES: dict[str, Any] = {
    "BareRetrying": BareRetrying,
    "BareRunning": BareRunning,
    "BareSkipped": BareSkipped,
    "BareSuccess": BareSuccess,
    "RETRY": RETRY,
    "Retrying": Retrying,
    "Running": Running,
    "SKIP": SKIP,
    "Success": Success,
    "advance": advance,
}


def construct(plan: Plan) -> Iterator[Row]:
    """Measure constructors."""
    for call in ("Success()", 'Success(result=1, message="x")', 'Retrying(message="x", run_count=2)'):
        yield compare_code(plan, _NAMES, call, f"Bare{call}", bound=1.15)


def signals(plan: Plan) -> Iterator[Row]:
    """Measure raising a signal and catching it."""
    for signal, model in (
        ('SKIP("x")', 'BareSkipped(message="x")'),
        ('RETRY("x", run_count=2)', 'BareRetrying(message="x", run_count=2)'),
    ):
        name = signal.partition("(")[0]
        subject = f"try:\n    raise {signal}\nexcept {name}:\n    pass"
        floor = f"try:\n    {model}\n    raise BaseException\nexcept BaseException:\n    pass"
        called = f"raise {signal}, catch", f"{model}, raise"
        yield compare_code(plan, _NAMES, subject, floor, bound=1.1, called=called)


def transitions(plan: Plan) -> Iterator[Row]:
    """Measure a step of the machine, the state it leaves being there already, and being made for it."""
    table = {(BareRunning, BareRetrying): True}
    names = {**_NAMES, "running": Running(), "bare": BareRunning(), "table": table}
    made = 'BareRetrying(message="x", run_count=2)'
    yield compare_code(
        plan,
        names,
        'advance(running, RETRY("x", run_count=2))',
        f"table[type(bare), BareRetrying]; {made}",
        bound=1.3,
        called=('advance(running, RETRY("x", run_count=2))', "dict lookup, BareRetrying(...)"),
    )
    yield compare_code(
        plan,
        names,
        'advance(Running(), RETRY("x", run_count=2))',
        f"table[type(BareRunning()), BareRetrying]; {made}",
        bound=1.3,
        called=('advance(Running(), RETRY("x", run_count=2))', "BareRunning(), lookup, BareRetrying(...)"),
    )


def pickles(plan: Plan) -> Iterator[Row]:
    """Measure writing and reading a pickle."""
    bare = BareRetrying(message="x", run_count=2)
    state = Retrying(message="x", run_count=2)
    for name, value in (("Retrying", state), ("RETRY", RETRY.of(state))):
        names = {"loads": pickle.loads, "dumps": pickle.dumps, "value": value, "bare": bare}
        called = f"pickle dumps + loads, {name}", "the same, BareRetrying"
        yield compare_code(plan, names, "loads(dumps(value))", "loads(dumps(bare))", called=called)


def memory(plan: Plan) -> Iterator[Row]:
    """Measure the bytes that a state keeps, its fields' own values apart: they are shared."""
    once = replace(plan, rounds=1)
    makers: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
        ("Success()", Success, BareSuccess),
        ('Skipped(message="x")', lambda: Skipped(message="x"), lambda: BareSkipped(message="x")),
        (
            'Retrying(message="x", run_count=2)',
            lambda: Retrying(message="x", run_count=2),
            lambda: BareRetrying(message="x", run_count=2),
        ),
    )
    for call, make, make_bare in makers:
        subject, floor = lambda make=make: _kept(make), lambda make=make_bare: _kept(make)
        yield compare(once, (f"memory, {call}", subject), (f"Bare{call}", floor), unit="B")


def _kept(make: Callable[[], object]) -> float:
    """Return the bytes that one of many instances keeps."""
    make()
    pile: list[object] = [None] * _PILE
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for index in range(_PILE):
            pile[index] = make()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / _PILE
