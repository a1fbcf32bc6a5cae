"""A call of a task is typed as the value it stands for, so wiring is checked as any call is."""

from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, assert_never, assert_type

from rows import outcome, size

from statesig import (
    AnyFinished,
    AnyState,
    Cancelled,
    ErrorInfo,
    Failed,
    Flow,
    Run,
    Skipped,
    State,
    Success,
    state_of,
    states_of,
    task,
)


@task
def extract(day: date) -> list[str]:
    return [day.isoformat()]


@task(retries=3, name="load it", retry_delay=0.5)
def load(rows: list[str], *, table: str = "rows") -> int:
    return len(rows)


@task
def scaled(row: str, factor: int = 1, *, unit: str = "m") -> float:
    return len(row) * factor


@task
async def fetch(url: str) -> bytes | Skipped[bytes]:
    return url.encode()


@task(retries=1)
async def store(data: bytes) -> None:
    return None


@task
def judge(state: State[int]) -> str:
    return state.type


@task
def judge_all(states: list[AnyState[int]]) -> int:
    return len(states)


@task
def total(sizes: list[int]) -> int:
    return sum(sizes)


class Table:
    """Methods that are tasks."""

    @task
    def count(self, rows: list[str], *, least: int = 0) -> int:
        return max(len(rows), least)

    @task(retries=1)
    async def write(self, rows: list[str]) -> bytes | Skipped[bytes]:
        return b""

    @classmethod
    @task
    def named(cls, name: str) -> Success[str]:
        return Success(result=name)


# ---- a task is typed as the value of its function, outside a flow and inside

assert_type(extract(date(2024, 1, 1)), list[str])
assert_type(load([]), int)
assert_type(size("a"), int)
assert_type(outcome("a"), float)

# ---- a method's task takes what follows the instance; the class has the task that takes the instance first

table = Table()
assert_type(table.count([], least=1), int)
assert_type(table.write([]), bytes)
assert_type(Table.count(table, []), int)
table.count(5)  # E: arg-type
table.count([], most=1)  # E: call-arg
Table.count(5, [])  # E: arg-type
assert_type(fetch("a"), bytes)

with Flow("etl") as flow:
    day = flow.parameter("day", date)
    path = flow.parameter("path", Path, default=Path())
    limit = flow.parameter("limit", int, default=10)
    site = flow.parameter("site", Path, default=None)
    assert_type(day, date)
    assert_type(path, Path)
    assert_type(limit, int)
    assert_type(site, Path | None)

    rows = extract(day)
    loaded = load(rows, table="a")
    assert_type(rows, list[str])
    assert_type(loaded, int)
    load(extract(day))
    store(fetch("a"))

    extract(limit)  # E: arg-type
    extract("2024-01-01")  # E: arg-type
    extract()  # E: call-arg
    extract(day, day)  # E: call-arg
    load(day)  # E: arg-type
    load(loaded)  # E: arg-type
    load(rows, tabel="a")  # E: call-arg
    load(rows, "a")  # E: call-arg
    load(extract(limit))  # E: arg-type
    size(rows)  # E: arg-type
    store(rows)  # E: arg-type
    store(load(rows))  # E: arg-type

    # ---- mapping

    sizes = flow.map(size, rows)
    assert_type(sizes, list[int])
    assert_type(flow.map(outcome, rows), list[float])
    assert_type(flow.map(fetch, ["a", "b"]), list[bytes])
    assert_type(flow.map(partial(scaled, unit="km"), rows), list[float])
    assert_type(flow.map(partial(scaled, factor=2), rows), list[float])
    assert_type(total(sizes), int)
    total(flow.map(size, rows))

    flow.map(size, [1, 2])  # E: arg-type
    flow.map(size, day)  # E: arg-type
    flow.map(load, rows)  # E: arg-type
    flow.map(size)  # E: call-arg
    flow.map(len, ["a"])  # P: statesig
    flow.map(str, [1, 2])  # P: statesig
    flow.map(lambda row: row, rows)  # P: statesig
    total(flow.map(fetch, rows))  # E: arg-type

    # ---- states in the place of values

    assert_type(state_of(loaded), AnyState[int])
    assert_type(states_of(sizes), list[AnyState[int]])
    judge(state_of(loaded))
    judge_all(states_of(sizes))

    judge(loaded)  # E: arg-type
    judge(state_of(rows))  # E: arg-type
    judge_all(sizes)  # E: arg-type
    states_of(loaded)  # E: arg-type
    load(state_of(rows))  # E: arg-type

    flow.parameter("other")  # E: call-overload
    flow.after(loaded, rows)
    flow.reference(loaded)

# ---- a run

run = flow.run(day=date(2024, 1, 1))
assert_type(run, Run)
assert_type(run[rows], AnyState[list[str]])
assert_type(run[loaded], AnyState[int])
assert_type(run[sizes], AnyState[list[int]])
assert_type(run.children(sizes), tuple[AnyFinished[int], ...])
for child in run.children(sizes):
    match child:
        case Success():
            print(child.unwrap() + 1)
        case Failed():
            print(child.retryable)
        case Cancelled():
            print(child.message)
        case _:
            assert_never(child)
run.children(loaded)  # E: arg-type
print(run[sizes].children)  # E: union-attr
count = run[loaded].unwrap() + 1
wrong = run[rows].unwrap() + 1  # E: operator


# ---- what a task may be


def plain(row: str) -> int:
    return len(row)


assert_type(task(plain)("a"), int)
task(5)  # E: call-overload
task(retry=3)  # E: call-overload
task(retries="3")  # E: call-overload


@task
def failed() -> int | Failed[int]:
    return Failed(message="no")


assert_type(failed(), int)


# ---- what a flow needs to know of a task


def by_month(day: date) -> str:
    return f"{day:%Y-%m}"


def heeded(old: State[Any], new: State[Any]) -> State[Any] | None:
    return Skipped() if isinstance(new, Failed) else None


def unheeded(old: int, new: int) -> None:
    return None


@task(cache_for=60, cache_key=by_month, timeout=1.5, retry_backoff=2, handlers=[heeded])
def monthly(day: date) -> int:
    return day.month


@task(cache_for=60)
async def hourly(day: date) -> int:
    return day.day


def busy(cause: ErrorInfo) -> bool:
    return "busy" in cause.message


@task(retries=3, retry_on=(OSError, TimeoutError))
def patient(day: date) -> int:
    return day.day


assert_type(patient(date(2024, 1, 1)), int)
assert_type(task(retry_on=OSError)(plain)("a"), int)
assert_type(task(retry_on=busy)(plain)("a"), int)
task(retry_on="OSError")  # E: call-overload
task(retry_on=(OSError, 3))  # E: arg-type
task(retry_on=by_month)  # E: arg-type

assert_type(monthly(date(2024, 1, 1)), int)
assert_type(hourly(date(2024, 1, 1)), int)
monthly("2024-01")  # E: arg-type
task(cache_for=60, cache_key=by_month)(plain)  # P: statesig
task(cache_key=by_month)  # E: call-overload
task(handlers=[unheeded])  # E: list-item
task(timeout="1s")  # E: call-overload

resumed = flow.resume("f00", loaded, "load it", store="runs.db")
assert_type(resumed, Run)
assert_type(resumed[loaded], AnyState[int])
assert_type(flow.load("f00", store="runs.db")[loaded], AnyState[int])
assert_type(flow.rerun("f00", store="runs.db", tasks=[loaded, "load it"])[loaded], AnyState[int])
flow.resume(5, store="runs.db")  # E: arg-type
