"""Wrapped functions: a flow takes them with the parameters and the values that type checkers see."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import partial, partialmethod
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import pytest

from statesig import PAUSE, SKIP, Flow, Skipped, State, Success, Task, task
from statesig.algebra.wrappers import parameters_of, value_returned_by
from tests.harness.cases import at_once
from tests.harness.exhaustive import exhaustive_but

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K")
V = TypeVar("V")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Database:
    name: str = "main"


def with_database(fn: Callable[Concatenate[Database, P], R]) -> Callable[P, R]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        return fn(Database(), *args, **kwargs)

    return inner


def on_database(name: str) -> Callable[[Callable[Concatenate[Database, P], R]], Callable[P, R]]:
    def decorate(fn: Callable[Concatenate[Database, P], R]) -> Callable[P, R]:
        @functools.wraps(fn)
        def inner(*args: P.args, **kwargs: P.kwargs) -> R:
            return fn(Database(name), *args, **kwargs)

        return inner

    return decorate


class OnDatabase:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, fn: Callable[Concatenate[Database, P], R]) -> Callable[P, R]:
        @functools.wraps(fn)
        def inner(*args: P.args, **kwargs: P.kwargs) -> R:
            return fn(Database(self.name), *args, **kwargs)

        return inner


class Bound(Generic[P, R]):
    def __init__(self, fn: Callable[Concatenate[Database, P], R]) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.fn(Database(), *args, **kwargs)


def untyped(fn: Any) -> Any:
    @functools.wraps(fn)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return fn(Database(), *args, **kwargs)

    return inner


def spelled_out(fn: Callable[[Database, str], R]) -> Callable[[str], R]:
    @functools.wraps(fn)
    def inner(sql: str) -> R:
        return fn(Database(), sql)

    return inner


def for_tenant(fn: Callable[P, R]) -> Callable[Concatenate[str, P], R]:
    @functools.wraps(fn)
    def inner(tenant: str, *args: P.args, **kwargs: P.kwargs) -> R:
        return fn(*args, **kwargs)

    return inner


def kept(fn: F) -> F:
    @functools.wraps(fn)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    return inner  # type: ignore[return-value]  # the way in which it was written before ParamSpec


def timed(fn: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        return fn(*args, **kwargs)

    return inner


def as_text(fn: Callable[P, object]) -> Callable[P, str]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> str:
        return str(fn(*args, **kwargs))

    return inner


def pair(fn: Callable[P, R]) -> Callable[P, list[R]]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> list[R]:
        return [fn(*args, **kwargs)] * 2

    return inner


def found(fn: Callable[P, R | None]) -> Callable[P, R]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        value = fn(*args, **kwargs)
        if value is None:
            raise LookupError
        return value

    return inner


def or_skipped(fn: Callable[P, R]) -> Callable[P, State[R]]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> State[R]:
        with suppress(LookupError):
            return Success(result=fn(*args, **kwargs))
        return Skipped()

    return inner


def of_state(fn: Callable[P, Success[R]]) -> Callable[P, list[R]]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> list[R]:
        return [fn(*args, **kwargs).unwrap()]

    return inner


def listed(fn: Callable[P, Iterator[R]]) -> Callable[P, list[R]]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> list[R]:
        return [*fn(*args, **kwargs)]

    return inner


def gathered(fn: Callable[P, Iterable[R]]) -> Callable[P, list[R]]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> list[R]:
        return [*fn(*args, **kwargs)]

    return inner


def noted(fn: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(fn)
    def inner(*args: P.args, verbose: bool = False, **kwargs: P.kwargs) -> R:  # type: ignore[valid-type]  # more than it says
        return fn(*args, **kwargs)

    return inner


def value_of(fn: Callable[P, R | State[R]]) -> Callable[P, R]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        value = fn(*args, **kwargs)
        return value.unwrap() if isinstance(value, State) else value

    return inner


class AsText:
    def __init__(self, fn: Callable[..., object]) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn

    def __call__(self, number: int) -> str:
        return str(self.fn(number))


def at_last(fn: Callable[P, Awaitable[R]]) -> Callable[P, R]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        async def awaited() -> R:
            return await fn(*args, **kwargs)

        return asyncio.run(awaited())

    return inner


def later(fn: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, list[R]]]:
    @functools.wraps(fn)
    async def inner(*args: P.args, **kwargs: P.kwargs) -> list[R]:
        return [await fn(*args, **kwargs)]

    return inner


def plain(database: Database, sql: str, limit: int = 3) -> str:
    return f"{database.name}: {sql} {limit}"


def day(number: int) -> date:
    return date(2026, 1, number)


def maybe(number: int) -> date | None:
    return date(2026, 1, number)


def reported(number: int) -> Success[date]:
    return Success(result=date(2026, 1, number))


class Batch(Success[list[R]], Generic[R]):
    """A user's state, of another parameter than its family's."""


class Turned(dict[V, K], Generic[K, V]):
    """A user's mapping, of parameters in another order than a dict's."""


def batched(number: int) -> Batch[date]:
    return Batch(result=[date(2026, 1, number)])


def turned(number: int) -> Turned[int, str]:
    return Turned({"a": number})


def both(number: int) -> tuple[str, int]:
    return "a", number


def days(number: int) -> Iterator[date]:
    yield date(2026, 1, number)


async def awaited(number: int) -> date:
    return date(2026, 1, number)


def with_signature(fn: Any) -> Any:
    made = untyped(fn)
    made.__signature__ = inspect.signature(plain).replace(
        parameters=[*inspect.signature(plain).parameters.values()][1:]
    )
    return made


QUERIES: dict[str, Any] = {
    "a decorator": with_database(plain),
    "a factory of decorators": on_database("main")(plain),
    "an object as the decorator": OnDatabase("main")(plain),
    "a class as the decorator": Bound(plain),
    "two decorators": timed(with_database(plain)),
    "the other way round": with_database(timed(plain)),
    "above one that spells them out": timed(spelled_out(plain)),
    "parameters that are written out": spelled_out(plain),
    "a decorator without annotations": untyped(plain),
    "a signature of its own": with_signature(plain),
    "one that copies this": timed(with_signature(plain)),
    "a partial": partial(plain, Database()),
    "a partial that shows the function": functools.update_wrapper(partial(plain, Database()), plain),
    "a partial of a wrapper": partial(with_database(plain), limit=3),
    "a decorated partial": timed(partial(plain, Database())),
    "a decorator's decorator": kept(with_database)(plain),
    "another parameter first": partial(for_tenant(with_database(plain)), "acme"),
}


@at_once
@pytest.mark.parametrize("way", QUERIES)
def test_a_decorator_that_fills_in_an_argument(way: str) -> None:
    """A call in a flow gives the arguments that the wrapper takes, as a call outside does."""
    query = task(QUERIES[way])
    with Flow("f") as flow:
        node = query("select")
    assert (Success(result="main: select 3"), "main: select 3") == (flow.run()[node], query("select"))


REFUSED: list[tuple[str, tuple[Any, ...]]] = [
    (way, args)
    for way in QUERIES
    if way not in ("a decorator without annotations",)
    for args in ((), ("select", 1, 2, 3))
]


@at_once
@pytest.mark.parametrize(("way", "args"), REFUSED)
def test_a_call_that_the_wrapper_does_not_take(way: str, args: tuple[Any, ...]) -> None:
    """A call with too few or too many arguments is refused where it is written."""
    with Flow("f") as flow, pytest.raises(TypeError, match="task '"):
        task(QUERIES[way])(*args)
    assert [] == flow.nodes


def test_a_decorator_that_says_nothing() -> None:
    """Nobody knows what its wrapper takes: no call is refused when the flow is built, and a wrong one fails."""
    with Flow("f") as flow:
        node: Any = task(untyped(plain))()
    assert "TypeError" == flow.run()[node].causes[0].type


def test_arguments_of_which_a_decorator_says_nothing() -> None:
    """A partial may fill in what only the wrapper takes: what does not fit the wrapped function refuses no call."""
    loud: Any = task(partial(noted(day), verbose=True))
    with Flow("f") as flow:
        node = loud(2)
    assert Success(result=date(2026, 1, 2)) == flow.run()[node]


def test_a_wrapper_of_no_function() -> None:
    """What wraps itself, or what cannot be called, is taken for a function that wraps nothing."""

    def around(*args: int, **options: int) -> int:
        return sum(args)

    for wrapped in (around, lambda: 3, 5):
        vars(around)["__wrapped__"] = wrapped
        if callable(wrapped):
            vars(wrapped)["__wrapped__"] = around
        assert parameters_of(around).is_known
    assert int is value_returned_by(around)


RETURNED: list[tuple[Any, Any, Any]] = [
    (timed(day), date, date(2026, 1, 2)),
    (kept(day), date, date(2026, 1, 2)),
    (untyped(lambda _, number: number), Any, 2),
    (as_text(day), str, "2026-01-02"),
    (timed(as_text(day)), str, "2026-01-02"),
    (pair(day), list[date], [date(2026, 1, 2)] * 2),
    (pair(as_text(day)), list[str], ["2026-01-02"] * 2),
    (found(maybe), date, date(2026, 1, 2)),
    (or_skipped(day), State[date], date(2026, 1, 2)),
    (of_state(reported), list[date], [date(2026, 1, 2)]),
    (listed(days), list[date], [date(2026, 1, 2)]),
    (of_state(batched), list[list[date]], [[date(2026, 1, 2)]]),
    (gathered(both), list[str | int], ["a", 2]),
    (gathered(turned), list[Any], ["a"]),
    (AsText(day), str, "2026-01-02"),
    (value_of(day), date, date(2026, 1, 2)),
    (timed(task(day)), date, date(2026, 1, 2)),
    (partial(task(day)), date, date(2026, 1, 2)),
    (at_last(awaited), date, date(2026, 1, 2)),
    (timed(awaited), date, date(2026, 1, 2)),
    (later(awaited), Coroutine[Any, Any, list[date]], [date(2026, 1, 2)]),
    (partial(as_text(day)), str, "2026-01-02"),
    (functools.cache(day), date, date(2026, 1, 2)),
    (functools.cache(as_text(day)), str, "2026-01-02"),
]


@at_once
@pytest.mark.parametrize(("fn", "returned", "value"), RETURNED)
def test_a_decorator_that_changes_what_is_returned(fn: Any, returned: Any, value: Any) -> None:
    """The type of the value is what the decorator's annotations say of the wrapper."""
    assert returned == value_returned_by(fn)


def test_values_of_wrappers(tmp_path: Path) -> None:
    """A value is the same in a run without a store, in one with a store, and read back from it; mapped or not."""

    @task
    def paused() -> None:
        raise PAUSE

    with Flow("f") as flow:
        paused()
        made = [task(fn) for fn, *_ in RETURNED]
        nodes = [each(2) for each in made]
        lists: list[Any] = [flow.map(each, [2, 2]) for each in made]
    run = flow.run(store=tmp_path / "runs.db")
    for each in (flow.run(), run, flow.resume(run.id, store=tmp_path / "runs.db")):
        assert [Success(result=value) for *_, value in RETURNED] == [each[node] for node in nodes]
        assert [[value, value] for *_, value in RETURNED] == [each[values].unwrap() for values in lists]


def test_a_wrapper_around_a_class() -> None:
    """It returns an instance of the class, whose fields' annotations are copied to it."""
    assert Database is value_returned_by(timed(Database))


def test_a_wrapper_of_another_type_than_it_says() -> None:
    """What a decorator says of its wrapper holds as what a function says of itself does."""

    @task
    @as_text
    def number() -> int:
        return 3

    vars(number.fn)["__wrapped__"] = lambda: 3
    assert str is number.returns


def test_an_annotation_of_the_wrappers_own() -> None:
    """A wrapper that has annotations of its own speaks for itself where its decorator has none."""

    def decorated(fn: Callable[..., int]) -> Callable[..., str]:
        @functools.wraps(fn, assigned=("__name__",))
        def inner(*args: Any) -> str:
            return str(fn(*args))

        return inner

    @task
    @decorated
    def number(start: int) -> int:
        return start

    assert str is number.returns


class Pipeline:
    def __init__(self, name: str) -> None:
        self.name = name

    @task
    @timed
    def load(self, day: str, limit: int = 3) -> str:
        return f"{self.name} {day} {limit}"

    @task
    @as_text
    def count(self, day: str) -> int:
        return len(day)

    def at(self, day: str, *, limit: int) -> str:
        return f"{self.name} {day} {limit}"

    ten = partialmethod(at, limit=10)


def test_methods() -> None:
    """A decorated method takes what comes after the instance; so does a partial method."""
    pipeline = Pipeline("a")
    ten: Any = task(pipeline.ten)
    with Flow("f") as flow:
        nodes: list[Any] = [pipeline.load("mon"), pipeline.load("mon", limit=4), pipeline.count("mon"), ten("mon")]
        for made in (pipeline.load, pipeline.count, ten):
            with pytest.raises(TypeError, match="too many positional arguments"):
                made("mon", 3, 4)
    run = flow.run()
    assert ["a mon 3", "a mon 4", "3", "a mon 10"] == [run[node].unwrap() for node in nodes]


@task(cache_for="forever")
@with_database
def cached(database: Database, on: date, limit: int = 3) -> str:
    CALLS.append(on)
    return f"{on} {limit}"


CALLS: list[date] = []


def test_a_cache_key() -> None:
    """Arguments count as the wrapper takes them: by name, with defaults, as their annotated types."""
    CALLS.clear()
    with Flow("f") as flow:
        nodes = [cached(date(2026, 1, 2)), cached(on=date(2026, 1, 2)), cached(date(2026, 1, 2), 3)]
    run = flow.run()
    assert (["2026-01-02 3"] * 3, 1) == ([run[node].unwrap() for node in nodes], len(CALLS))


def from_text(fn: Callable[[str], R]) -> Callable[[date], R]:
    @functools.wraps(fn)
    def inner(on: date) -> R:
        return fn(on.isoformat())

    return inner


@task(cache_for="forever")
@from_text
def cached_text(on: str) -> str:
    return on


def test_a_cache_key_of_another_type() -> None:
    """A value that is not of the wrapped function's type, as the wrapper takes another, counts by its own class."""
    with Flow("f") as flow:
        nodes = [cached_text(date(2026, 1, number)) for number in (2, 2, 3)]
    run = flow.run()
    assert ["Success", "Cached", "Success"] == [run[node].type for node in nodes]


@task
@with_database
def skipping(database: Database, number: int) -> int:
    if number == 1:
        raise SKIP(database.name)
    return number


@pytest.mark.parametrize("executor", exhaustive_but(["threads"], ["threads", "processes"]))
def test_executors(executor: Any) -> None:
    """A wrapper runs elsewhere as in line: it is found by the name that it has from the function."""
    with Flow("f") as flow:
        values = flow.map(skipping, [0, 1, 2])
    assert [Success(result=0), Skipped(message="main"), Success(result=2)] == [
        *flow.run(executor=executor).children(values)
    ]


def test_a_task_in_a_wrapper() -> None:
    """A wrapper around a task is a function as any other: the task in it is the plain function."""

    @task
    def inner(number: int) -> int:
        return number

    outer: Task[..., Any] = task(as_text(inner))
    with Flow("f") as flow:
        node = outer(2)
    assert (Success(result="2"), ["number"]) == (flow.run()[node], [*parameters_of(outer.fn).signature.parameters])  # type: ignore[union-attr]  # it has one
