"""Other packages beside statesig, for the page of that name: what one task, one retry and one event of each costs.

The subject is theirs and the floor is ours, in turns, so that a ratio says how much more theirs takes. Nothing is asked
of it: they do other things. A package that is not installed here is named as such; Prefect and Airflow cannot be
installed together, so a whole table takes two environments. What each pair compares:

* Prefect, Airflow: a task of a chain, with its states stored in SQLite on both sides. Prefect's is timed within a flow
  of its temporary server. Airflow's is timed by ``dag.test()``, in one process and without its scheduler and workers,
  so a deployment pays more.
* Celery: ``delay(...).get()`` over its broker in memory, polled each millisecond, with a worker in a thread, beside a
  task of a chain in line.
* tenacity: a call that fails once and is tried again without a wait, beside a task that does; and a call that succeeds.
* returns: a call under ``@safe``, beside `capture`.
* python-statemachine: an event that changes the state, beside `advance` with the signal made.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

from graphs import chain, nothing
from machines import SHIP, Placed
from measuring import Plan, Row, Side, compare, compare_code

from statesig import Flow, advance, capture, task

_TASKS = 100
_FEW = 20
_POLLING = 0.001
"""How often Celery looks for a message and for a result, in seconds; its defaults are a second and half a second."""


def others(plan: Plan) -> Iterator[Row | str]:
    """Measure each package that is installed, and name those that are not."""
    for name, measure in _MEASURED.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield f"{name} is not installed"
            continue
        yield f"{name} {found}"
        yield from measure(plan)


def _fewer(plan: Plan) -> Plan:
    return replace(plan, rounds=min(plan.rounds, 5))


def _a_task(run: Callable[[], object], size: int) -> float:
    began = perf_counter()
    run()
    return (perf_counter() - began) / size


def _stored(folder: Path) -> Side:
    """Return a side that runs a chain with a store and gives what a task took."""
    flow, numbers = chain(_TASKS), iter(range(10**6))
    return lambda: _a_task(partial(flow.run, store=folder / f"{next(numbers)}.db"), _TASKS)


def _prefect(plan: Plan) -> Iterator[Row]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        quiet = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL"}
        os.environ.update(PREFECT_HOME=str(home), PREFECT_SERVER_ANALYTICS_ENABLED="false", **quiet)
        prefect: Any = import_module("prefect")
        harness: Any = import_module("prefect.testing.utilities")
        stack.enter_context(harness.prefect_test_harness(server_startup_timeout=120))
        call = prefect.task(nothing)

        @prefect.flow  # type: ignore[untyped-decorator]  # it is imported only where it is installed
        def chained() -> float:
            def run() -> None:
                value = 0
                for _ in range(_TASKS):
                    value = call(value)

            return _a_task(run, _TASKS)

        theirs = f"Prefect: task of {_TASKS}, chained", chained
        yield compare(_fewer(plan), theirs, ("task of a chain, stored", _stored(home)))


_DAG = f"""
from airflow.sdk import dag, task

@task
def nothing(value):
    return value

@dag
def chained():
    value = 0
    for _ in range({_FEW}):
        value = nothing(value)

found = chained()
"""


def _airflow(plan: Plan) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "dags").mkdir()
        (home / "dags" / "chained_dag.py").write_text(_DAG)
        os.environ.update(
            AIRFLOW_HOME=folder, AIRFLOW__CORE__LOAD_EXAMPLES="False", AIRFLOW__LOGGING__LOGGING_LEVEL="CRITICAL"
        )
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
        sys.path.insert(0, str(home / "dags"))
        dag: Any = import_module("chained_dag").found

        def tested() -> float:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                return _a_task(dag.test, _FEW)

        theirs = f"Airflow: task of {_FEW}, dag.test()", tested
        yield compare(_fewer(plan), theirs, ("task of a chain, stored", _stored(home)))


def _celery(plan: Plan) -> Iterator[Row]:
    celery: Any = import_module("celery")
    worker: Any = import_module("celery.contrib.testing.worker")
    logging.getLogger("celery").setLevel(logging.CRITICAL)
    app = celery.Celery("benchmark", broker="memory://", backend="cache+memory://")
    app.conf.broker_transport_options = {"polling_interval": _POLLING}
    call = app.task(nothing)

    def run() -> None:
        value = 0
        for _ in range(_FEW):
            value = call.delay(value).get(interval=_POLLING)

    with worker.start_worker(app, pool="solo", perform_ping_check=False, loglevel="CRITICAL"):
        theirs = "Celery: delay(...).get(), memory broker", partial(_a_task, run, _FEW)
        flow = chain(_TASKS)
        yield compare(_fewer(plan), theirs, ("task of a chain, in line", lambda: _a_task(flow.run, _TASKS)))


def _tenacity(plan: Plan) -> Iterator[Row]:
    tenacity: Any = import_module("tenacity")
    fails = cycle([True, False])

    def fail_once() -> int:
        if next(fails):
            raise ConnectionError
        return 1

    retrying = tenacity.retry(
        stop=tenacity.stop_after_attempt(3), retry=tenacity.retry_if_exception_type(ConnectionError)
    )
    call = retrying(fail_once)
    tried = task(retries=2, retry_on=ConnectionError)(fail_once)
    with Flow("retries") as flow:
        for _ in range(_TASKS):
            tried()

    def run() -> None:
        for _ in range(_TASKS):
            call()

    theirs = "tenacity: a call, tried twice", partial(_a_task, run, _TASKS)
    yield compare(plan, theirs, ("task, tried twice", lambda: _a_task(flow.run, _TASKS)))
    names = {"call": retrying(nothing), "capture": capture, "nothing": nothing}
    yield compare_code(plan, names, "call(1)", "capture(nothing, 1)", called=("tenacity: a call", "capture(fn, 1)"))


def _returns(plan: Plan) -> Iterator[Row]:
    result: Any = import_module("returns.result")
    names = {"call": result.safe(nothing), "capture": capture, "nothing": nothing}
    yield compare_code(plan, names, "call(1)", "capture(nothing, 1)", called=("returns: @safe", "capture(fn, 1)"))


def _statemachine(plan: Plan) -> Iterator[Row]:
    package: Any = import_module("statemachine")
    placed, shipped = package.State(initial=True), package.State()
    body = {"placed": placed, "shipped": shipped, "turn": placed.to(shipped) | shipped.to(placed)}
    names: dict[str, Any] = {
        "machine": type("Orders", (package.StateMachine,), body)(),
        "advance": advance,
        "placed": Placed(order_id="o-1", lines=("tea",)),
        "SHIP": SHIP,
    }
    ours = 'advance(placed, SHIP(order_id="o-1", lines=("tea",), tracking="T-9"))'
    called = "python-statemachine: an event", "advance(placed, SHIP(...))"
    yield compare_code(plan, names, "machine.turn()", ours, called=called)


_MEASURED: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "prefect": _prefect,
    "apache-airflow": _airflow,
    "celery": _celery,
    "tenacity": _tenacity,
    "returns": _returns,
    "python-statemachine": _statemachine,
}
