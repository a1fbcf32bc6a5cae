"""Mistakes with tasks, flows and runs."""

import asyncio
from datetime import date, timedelta
from functools import partial

from statesig import (
    RETRY,
    SKIP,
    AnyState,
    Event,
    Failed,
    Flow,
    Paused,
    Run,
    SkipPolicy,
    State,
    Success,
    Task,
    acapture,
    all_finished,
    any_failed,
    capture,
    state_of,
    states_of,
    task,
)


@task
def extract(day: date) -> list[str]:
    return [str(day)]


@task(retries=2)
def load(rows: list[str], *, table: str = "rows") -> int:
    return len(rows)


@task
async def fetch(page: int) -> bytes:
    return b""


@task
def judged(state: State[int]) -> str:
    return state.type


@task(trigger=all_finished)
def report(states: list[AnyState[int]]) -> float:
    return 0.5


@task
def parsed(text: str) -> int | Failed[int]:
    return "none"  # E: return-value


@task(retry=3)  # E: call-overload, untyped-decorator
def one() -> None: ...


@task(retries="3")  # E: call-overload, untyped-decorator
def two() -> None: ...


@task(trigger="all_done")  # E: call-overload, untyped-decorator
def three() -> None: ...


@task(timeout="5 s")  # E: call-overload, untyped-decorator
def four() -> None: ...


@task(on_skip="propagate")  # E: call-overload, untyped-decorator
def five() -> None: ...


@task(cache_for="a day")  # E: call-overload, untyped-decorator
def six() -> None: ...


@task(handlers=[print, 5])  # E: list-item
def seven() -> None: ...


@task(retry_on=3)  # E: call-overload, untyped-decorator
def eight() -> None: ...


@task(cache_key=5, cache_for=60)  # E: call-overload, untyped-decorator
def nine(number: int) -> int:
    return number


def plain(number: int) -> int:
    return number


with Flow("mistakes") as flow:
    day = flow.parameter("day", date)
    size = flow.parameter("size", int, defualt=3)  # E: call-overload
    rows = extract(day)
    extract()  # E: call-arg
    extract("2026-01-01")  # E: arg-type
    extract(day, day)  # E: call-arg
    load(day)  # E: arg-type
    load(rows, "people")  # E: call-arg
    load(rows, table=3)  # E: arg-type
    load(rows, tabel="people")  # E: call-arg
    load(load(rows))  # E: arg-type
    load([fetch(1)])  # E: list-item
    fetch("1")  # E: arg-type
    judged(load(rows))  # E: arg-type
    judged(state_of(rows))  # E: arg-type
    pages = flow.map(fetch, [1, 2])
    sizes = flow.map(load, [["a"], ["b"]])
    flow.map(fetch, ["1"])  # E: arg-type
    flow.map(load, rows)  # E: arg-type
    flow.map(fetch, 3)  # E: arg-type
    flow.map(load(rows), [1])  # E: arg-type
    flow.map(plain, [1, 2])  # P: statesig
    flow.map(partial(load, tabel="a"), [["a"]])  # E: call-arg
    report(sizes)  # E: arg-type
    report(states_of(pages))  # E: arg-type
    states_of(load(rows))  # E: arg-type
    flow.parameter(date, "day")  # E: call-overload
    flow.reference(*rows, key=1)  # E: call-arg

run = flow.run(day=date(2026, 1, 1), executor="thread")  # E: arg-type
# The parameters of a flow are keywords of `run`, and no type says which they are.
flow.run(stores="runs.db")  # E: any  # missed: plugin, mypy, pyright, pyrefly, ty
flow.run(lease="10 s", on_event=1)  # E: arg-type
flow.resume(store="runs.db")  # E: call-arg
asyncio.run(flow.run())  # E: arg-type
asyncio.run(fetch(1))  # E: arg-type


def heard(event: Event) -> int:
    print(event.node)  # E: attr-defined
    return event.state.unwrap()  # E: return-value


def seen(run: Run) -> int:
    run[rows].unwrap().append(1)  # E: arg-type
    print(run[sizes].unwrap() + 1)  # E: operator
    # A task that returns a list and a mapped one are lists both.
    print(run.children(rows))  # E: any  # missed: plugin, mypy, pyright, pyrefly, ty
    print(run.status)  # E: attr-defined
    run.state = Success()  # E: misc
    if isinstance(run[rows], Paused):
        run.resume(answers=5)  # E: call-arg
    made: Task[[int], str] = load  # E: assignment
    print(made, SkipPolicy.FIRST, any_failed.verdict)  # E: attr-defined
    return run[rows].unwrap()  # E: return-value


async def outside() -> None:
    print(await fetch(1))  # E: misc
    print((await fetch.fn(1)) + 1)  # E: operator
    state: AnyState[str] = await acapture(fetch.fn, 1)  # E: arg-type
    print(state, capture(load.fn, [1]))  # E: arg-type  # missed: ty
    task(5)  # E: call-overload
    Flow(handlers=[])  # E: call-arg
    Flow("a", retry=1)  # E: call-arg
    Flow("a", retry_delay=timedelta)  # E: arg-type


@task
def raising(number: int) -> int:
    if number:
        raise SKIP  # right: nothing is to be said
    raise RETRY("busy", after=3)  # E: call-arg
