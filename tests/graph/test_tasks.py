"""Tasks: what their options may be, what can be one, and tasks that are methods."""

import functools
import math
import pickle
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from statesig import Failed, Flow, Mapped, Paused, Skipped, Success, Task, all_finished, task
from tests.harness.cases import at_once


def work() -> int:
    return 1


def told(old: Any, new: Any) -> None: ...


WRONG_TYPES: list[tuple[dict[str, Any], str]] = [
    ({"trigger": "all_done"}, "trigger is a Trigger, such as all_finished, not 'all_done'"),
    ({"trigger": "all_succesful"}, "'all_succesful'; did you mean all_successful?"),
    ({"trigger": work}, "not a value of class function; decide by the states upstream in the task itself"),
    ({"handlers": [1]}, "handlers is a list of functions, each of the old and the new state, not 1"),
    ({"handlers": told}, "handlers is a list of functions, each of the old and the new state, not a value of class"),
    ({"retries": "3"}, "retries is a whole number of at least 0, not a value of class str"),
    ({"retries": True}, "not True"),
    ({"retries": 1.5}, "not 1.5"),
    ({"retry_delay": "3"}, "retry_delay is a number of seconds or a timedelta, at least 0"),
    ({"timeout": "forever"}, "timeout is a number of seconds or a timedelta, more than 0"),
    ({"cache_for": "for ever"}, 'at most 100 years, "forever", or None, not a value of class str'),
    ({"on_skip": "PROPAGATE"}, "on_skip is a SkipPolicy, such as SkipPolicy.PROPAGATE, not 'PROPAGATE'"),
    ({"cache_key": "a", "cache_for": 1}, "cache_key is a function"),
    ({"name": 5}, "name is a text, not 5"),
    ({"retry": 3}, "no such option: retry; did you mean retries?; the options are name, retries, retry_delay"),
]


@at_once
@pytest.mark.parametrize(("options", "sentence"), WRONG_TYPES)
def test_an_option_of_another_type(options: dict[str, Any], sentence: str) -> None:
    """It is refused where it is written, with the name of the task, or of the option if that is the mistake."""
    with pytest.raises(TypeError) as error:
        task(**options)(work)
    assert sentence in str(error.value)
    assert str(error.value).startswith("task 5:" if "name" in options else "task 'work':")


@at_once
@pytest.mark.parametrize("name", ["retry_delay", "retry_max_delay", "timeout", "cache_for"])
@pytest.mark.parametrize("value", [math.inf, math.nan, -1, 1e300, 1e10, timedelta.max, timedelta(-1)])
def test_a_duration_that_cannot_be(name: str, value: Any) -> None:
    """Infinite, negative and huge durations, and NaN, are refused where they are written."""
    options: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"task 'work': {name} is a number of seconds or a timedelta, .*100 years"):
        task(**options)(work)


@pytest.mark.parametrize(
    "options",
    [{"retry_backoff": math.inf}, {"retry_backoff": 0.5}, {"retry_jitter": math.nan}, {"retry_jitter": 2}],
)
def test_a_factor_that_cannot_be(options: dict[str, Any]) -> None:
    """So are factors out of their range."""
    with pytest.raises(ValueError, match="task 'work': retry_"):
        task(**options)(work)


def test_all_options() -> None:
    """Numbers, durations and any iterable of handlers are taken."""
    made: Any = task(
        retries=1,
        retry_delay=timedelta(days=36_525),
        timeout=1,
        cache_for="forever",
        trigger=all_finished,
        handlers=iter([told]),
    )(work)
    assert (math.inf, (told,), 36_525 * 86_400.0) == (made.cache_for, made.handlers, made.retry_delay)


def test_a_success_that_is_kept_for_ever(tmp_path: Any) -> None:
    """``cache_for="forever"``: the success has no expiry, and is found again by other runs on the store."""
    calls: list[int] = []

    @task(cache_for="forever", cache_key=str)
    def load(number: int) -> int:
        calls.append(number)
        return number

    with Flow("f") as flow:
        nodes = [load(1), load(1)]
    runs = [flow.run(store=tmp_path / "runs.db") for _ in range(2)]
    states: list[Any] = [run[node] for run in runs for node in nodes]
    assert [1] == calls
    assert [None] * 3 == [state.expires for state in states[1:]]


def test_a_wrong_call_names_the_task() -> None:
    """A call that the task does not take is refused by its name."""
    with Flow("f"), pytest.raises(TypeError, match="task 'work': too many positional arguments"):
        task(work)(1)  # type: ignore[call-arg]  # that is the mistake


# ---- what can be a task


def yields() -> Iterator[int]:
    yield 1


async def yields_later() -> Any:
    yield 1


class Yielding:
    """Something to call that yields."""

    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize("fn", [yields, yields_later, functools.partial(yields), Yielding()])
def test_a_generator_function_is_refused(fn: Any) -> None:
    """Where the task is made, with what to write instead."""
    with pytest.raises(TypeError, match=r"a generator can be read only once.*return a list of what it yields instead"):
        task(fn)


@pytest.mark.parametrize(
    ("fn", "sentence"),
    [
        (staticmethod(work), "write @staticmethod above @task"),
        (classmethod(work), "write @classmethod above @task"),
        (5, "a task is made of a function, not of a value of class int"),
        (property(work), "not of a value of class property"),
    ],
)
def test_what_is_no_function_is_refused(fn: Any, sentence: str) -> None:
    """So is what cannot be called as it is."""
    with pytest.raises(TypeError, match=sentence):
        task(fn)


def test_a_task_of_a_task() -> None:
    """It is a task of the same function, with its own options."""

    @task(retries=3)
    async def fetch(number: int) -> int:
        return number

    again: Any = task(name="again")(fetch)
    with Flow("f") as flow:
        node = again(3)
    assert (fetch.fn, 0, True) == (again.fn, again.retries, again.is_async)
    assert Success(result=3) == flow.run()[node]


# ---- methods


class Pipeline:
    """A class with tasks."""

    biggest = task(max)

    def __init__(self, factor: int) -> None:
        self.factor = factor
        self.seen: list[int] = []

    @task(retries=1)
    def times(self, number: int) -> int:
        self.seen.append(number)
        if len(self.seen) == 1:
            raise ValueError
        return number * self.factor

    @task
    async def later(self, number: int) -> int:
        return number * self.factor

    @staticmethod
    @task
    def half(number: int) -> float:
        return number / 2

    @classmethod
    @task
    def titled(cls, number: int) -> str:
        return f"{cls.__name__} {number}"


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_a_method_works_on_its_instance(executor: Any) -> None:
    """A task that is a method is called, mapped and run on the instance that it was taken from."""
    pipeline = Pipeline(10)
    with Flow("f") as flow:
        nodes: list[Any] = [pipeline.times(1), pipeline.later(2), pipeline.half(3), pipeline.biggest(1, 4)]
        mapped: Any = flow.map(pipeline.later, [1, 2])
        titled: Any = flow.map(Pipeline.titled, [5])
    run = flow.run(executor=executor)
    assert [10, 20, 1.5, 4] == [run[node].unwrap() for node in nodes]
    assert Mapped(children=(Success(result=10), Success(result=20)), result=[10, 20]) == run[mapped]
    assert ["Pipeline 5"] == run[titled].unwrap()
    assert [1, 1] == pipeline.seen
    assert ["times", "later", "half", "max", "later-2", "titled"] == [node.name for node in flow.nodes]


def test_a_method_outside_of_a_flow_is_the_method() -> None:
    """Called outside of a flow it runs at once; of the class it is the task itself, which takes the instance first."""
    pipeline = Pipeline(10)
    pipeline.seen.append(0)
    assert (20, 30) == (pipeline.times(2), Pipeline.times(pipeline, 3))


def test_a_method_pickles_with_its_instance() -> None:
    """In another process a method works on the instance that was sent there."""
    pipeline = Pipeline(10)
    pipeline.seen.append(0)
    copied: Task[Any, Any] = pickle.loads(pickle.dumps(pipeline.times))
    assert 20 == copied(2)
    assert [0] == pipeline.seen


# ---- what a call is worth


class Approval(Paused[str]):
    """A state with a result of one type."""


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (int | Skipped[int], int),
        (Success[float] | Failed[float], float),
        (Success[int] | None, int | None),
        (Success[int] | Approval, int | str),
        (list[int] | Failed, list[int]),
        (Success[int] | Failed, int),
        (Failed, Any),
        (Awaitable[bytes | Skipped[bytes]], bytes),
    ],
)
def test_the_value_of_a_return_type(declared: Any, value: Any) -> None:
    """What a task is worth is what checkers say: its values and its states' results, however they are declared."""

    def give() -> Any: ...

    give.__annotations__ = {"return": declared}
    assert value == task(give).returns


def test_a_result_beside_none() -> None:
    """A task that returns a state or None hands on the state's result, validated as the state declares it."""

    @task
    def maybe(number: int) -> Success[int] | None:
        return Success(result=number) if number else None

    with Flow("f") as flow:
        some, none = maybe(3), maybe(0)
    run = flow.run()
    assert (Success(result=3), Success(result=None)) == (run[some], run[none])
