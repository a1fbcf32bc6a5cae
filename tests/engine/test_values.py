"""One value: what a task returns, validated as it declares it, is what everybody sees, with a store and without."""

import functools
import json
import sys
import typing
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import pytest
from pydantic import AfterValidator, BaseModel, Field

from statesig import (
    CACHE,
    FAIL,
    SKIP,
    SUCCESS,
    Cached,
    Event,
    Failed,
    Flow,
    FlowError,
    Mapped,
    Processes,
    Signal,
    Skipped,
    State,
    Success,
    Threads,
    TriggerFailed,
    ValidationFailed,
    all_finished,
    manual_only,
    state_of,
    task,
)
from statesig.codec.events import decode_event, encode_event
from statesig.graph.parameters import checked_parameters
from tests.tools import one_value

if TYPE_CHECKING:
    from nowhere import Frame  # type: ignore[import-not-found]  # known to no one at run time


class Unit(StrEnum):
    KILO = "kg"


class Order(BaseModel):
    number: int


class Wider(Order):
    further: int = 1


@dataclass
class Point:
    x: float


class Handle:
    """Of no schema."""


class Reader(Protocol):
    def read(self) -> str: ...


def giving(declared: Any, value: Any) -> Callable[[], Any]:
    """Return a function that declares a type and returns a value."""

    def give() -> Any:
        return value

    give.__annotations__ = {"return": declared}
    return give


def left(work: Callable[[], Any], store: Path | None = None, **options: Any) -> State[Any]:
    """Return the state that a task of a function is left in."""
    with Flow("f") as flow:
        node = task(**options)(work)()
    return flow.run(store=store)[node]


@pytest.fixture(params=["", "stored"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """No store, and a store."""
    return tmp_path / "runs.db" if request.param else None


# ---- one and the same everywhere


@pytest.mark.exhaustive
def test_a_value_is_one_and_the_same(tmp_path: Path) -> None:
    """In line, after a resume and from the cache of another run: one value, or ValidationFailed, for 43 annotations."""
    here = one_value.ran()
    assert (here, here) == (one_value.resumed(tmp_path / "runs.db"), one_value.cached(tmp_path / "runs.db"))
    assert {"ValidationFailed", "list", "Order", "date"} <= {one.partition(" ")[0].rstrip(":") for one in here}


@pytest.mark.slow
@pytest.mark.parametrize("executor", [Threads(2), Processes(1, start="forkserver")], ids=["threads", "processes"])
def test_a_value_is_one_and_the_same_in_every_executor(executor: Any) -> None:
    """Wherever the function runs."""
    assert one_value.ran() == one_value.ran(executor)


CONVERTED: list[tuple[Any, Any, Any]] = [
    (float, 1, 1.0),
    (str, Unit.KILO, "kg"),
    (set[int], [1, 1], {1}),
    (dict[str, int], Counter("a"), {"a": 1}),
    (list[Order], [{"number": 1}], [Order(number=1)]),
    (Annotated[str, AfterValidator(str.strip)], " a ", "a"),
]


@pytest.mark.parametrize(("declared", "value", "expected"), CONVERTED, ids=str)
def test_a_value_is_read_as_json_would_be(declared: Any, value: Any, expected: Any, store: Path | None) -> None:
    """It is of the declared type, and no other kind of value is converted."""
    found = left(giving(declared, value), store).unwrap()
    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize("value", [Order(number=1), Point(1.5), Unit.KILO, date(2024, 1, 1), ["a"]], ids=repr)
def test_an_instance_is_handed_on_as_it_is(value: Any) -> None:
    """An instance of exactly the declared class is not copied."""
    assert value is left(giving(type(value), value)).result


@pytest.mark.parametrize("declared", [{}, {"return": Any}, {"return": object}, {"return": Reader}], ids=repr)
def test_nothing_is_asked_where_nothing_can_be(declared: dict[str, Any]) -> None:
    """Where nothing, Any, object or a protocol is declared, which only checkers know, a value stays what it is."""
    value = (1, {2})
    give = giving(Any, value)
    give.__annotations__ = declared
    assert value is left(give).result


def test_a_type_without_a_schema_is_held_by_isinstance(tmp_path: Path) -> None:
    """An instance is a value in a run, and cannot be stored; anything else is not valid."""
    handle = Handle()
    assert handle is left(giving(Handle, handle)).result
    assert ValidationFailed is type(left(giving(Handle, 5)))
    assert (Failed, "pydantic cannot read values of type Handle") == (
        type(state := left(giving(Handle, handle), tmp_path / "runs.db")),
        str(state.message).split(": ")[3].partition(";")[0],
    )


@dataclass
class Framed:
    """A class that can be made, though a field's annotation is known to checkers alone."""

    frame: "Frame | None" = None


class Dated(BaseModel):
    day: str | date


def test_an_instance_whose_fields_nobody_can_resolve(tmp_path: Path) -> None:
    """It is an instance all the same, which cannot be stored, and what is none is not valid."""
    framed = Framed()
    assert framed is left(giving(Framed, framed)).result
    assert ValidationFailed is type(left(giving(Framed, 5)))
    assert "cannot be stored" in str(left(giving(Framed, framed), tmp_path / "runs.db").message)


@pytest.mark.parametrize("declared", [Dated, list[Dated]], ids=str)
def test_an_instance_that_json_would_read_as_another(declared: Any, store: Path | None) -> None:
    """It is refused with a store and without."""
    ambiguous, plain = Dated(day=date(2024, 1, 1)), Dated(day="soon")
    wrapped = [[one] if declared != Dated else one for one in (ambiguous, plain)]
    refused, kept = (left(giving(declared, one), store) for one in wrapped)
    assert (ValidationFailed, wrapped[1]) == (type(refused), kept.result)
    assert "would read back as another value" in str(refused.message)


# ---- what is not valid


INVALID: list[tuple[Any, Any, str]] = [
    (int, "secret", "not a valid int: result: Input should be a valid integer"),
    (list[Order], [{"number": "secret"}], "not a valid list[Order]: result[0].number: "),
    (dict[str, int], {"secret": "secret"}, "not a valid dict[str, int]: result.?: Input should be a valid integer"),
    (Order, Wider(number=5), "not a valid Order: result: an instance of exactly the declared class was expected"),
    (list[Order], [Wider(number=5)], "not a valid list[Order]: result[0]: an instance of exactly"),
    (str | date, date(2024, 1, 1), "not a valid str | date: result: would read back as another value"),
]


@pytest.mark.parametrize(("declared", "value", "said"), INVALID, ids=str)
def test_what_is_not_valid(declared: Any, value: Any, said: str, store: Path | None) -> None:
    """It is ValidationFailed, with the path and a sentence and without the value, and it is not tried again."""
    state = left(giving(declared, value), store, retries=3)
    assert (ValidationFailed, False, False) == (type(state), state.retryable, state.has_result)
    assert str(state.message).startswith(f"its result is {said}")
    assert "secret" not in str(state)


def _raised(exc: BaseException) -> Callable[[int], int]:
    def validate(value: int) -> int:
        raise exc

    return validate


@pytest.mark.parametrize(
    "exc",
    [KeyError("secret"), FAIL("secret"), ExceptionGroup("secret", [ValueError()])],
    ids=lambda exc: type(exc).__name__,
)
def test_a_validator_that_raises(exc: BaseException, store: Path | None) -> None:
    """Its task fails with the reason, the run goes on, and what was raised is not repeated."""
    with Flow("f") as flow:
        bad = task(giving(Annotated[int, AfterValidator(_raised(exc))], 1))()
        good = task(lambda: 1)()
    run = flow.run(store=store)
    assert (ValidationFailed, Success(result=1)) == (type(run[bad]), run[good])
    assert f"its validator raised {type(exc).__name__}" in str(run[bad].message)
    assert "secret" not in str(run[bad])


def test_a_validator_that_raises_when_it_reads_back(tmp_path: Path) -> None:
    """An instance is not validated anew; where its class refuses its JSON, the task fails with the reason."""
    calls: list[int] = []

    def once(value: int) -> int:
        calls.append(value)
        if len(calls) > 1:
            raise KeyError("secret")
        return value

    class Picky(BaseModel):
        number: Annotated[int, AfterValidator(once)]

    state = left(giving(Picky, Picky(number=1)), tmp_path / "runs.db")
    assert Failed is type(state)
    assert "its validator raised KeyError" in str(state.message)


# ---- where a value comes from


SUCCESSES: list[tuple[Any, Any]] = [
    (SUCCESS("done", result=1), Success(message="done", result=1.0)),
    (SKIP("none", result=1), Skipped(message="none", result=1.0)),
    (CACHE(result=1), Cached(result=1.0)),
    (Success[int](result=1), Success(result=1.0)),
    (Cached(result=1), Cached(result=1.0)),
    (SUCCESS("nothing"), Success(message="nothing")),
]


@pytest.mark.parametrize(("given", "expected"), SUCCESSES, ids=repr)
def test_the_value_of_a_success(given: Any, expected: State[Any], store: Path | None) -> None:
    """Raised or returned, a success of whatever kind has the task's value; without a result it has none."""

    def work() -> float | State[float]:
        if isinstance(given, Signal):
            raise given
        found: State[float] = given
        return found

    state = left(work, store)
    assert expected == state
    assert (type(expected.result), expected.has_result) == (type(state.result), state.has_result)


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_value_that_a_handler_gives(when: str, store: Path | None) -> None:
    """A success that a handler puts in place, of an attempt or of none, has the task's value, too."""

    def put(old: State[Any], new: State[Any]) -> State[Any] | None:
        if new.type == "Running" and when == "before":
            return Skipped(result=1)
        return Success(result=1) if isinstance(new, Success) and when == "after" else None

    found = left(giving(float, 2.5), store, handlers=[put])
    assert (float, 1.0) == (type(found.result), found.result)
    refused = left(giving(date, date(2024, 1, 1)), store, handlers=[put])
    assert ValidationFailed is type(refused)


def test_a_handler_sees_the_value() -> None:
    """It is told of the validated value, not of what the function returned."""
    seen: list[Any] = []
    left(giving(float, 1), handlers=[lambda old, new: seen.append(new.result)])
    assert [None, 1.0] == seen
    assert float is type(seen[1])


def test_children_have_values(store: Path | None) -> None:
    """Each child of a mapped task is validated by itself; the others are not lost."""

    @task
    def half(number: int) -> float:
        return number // 2 if number % 2 == 0 else "odd"  # type: ignore[return-value]  # as a program without checks

    with Flow("f") as flow:
        whole = flow.map(half, [2, 3, 4])
        told = task(giving_states := lambda states: [type(one).__name__ for one in states])(state_of(whole))
    del told, giving_states
    children = flow.run(store=store)._noderuns[0].children or []
    assert ["Success", "ValidationFailed", "Success"] == [child.state.type for child in children]
    assert [1.0, 2.0] == [child.state.result for child in children[::2]]


def test_a_value_is_settled_after_it_is_validated(store: Path | None) -> None:
    """What comes after sees ValidationFailed as any failure: a value has none, a state can be taken."""
    with Flow("f") as flow:
        wrong = task(giving(int, "1"))()
        needs = task(lambda value: value)(wrong)
        looks = task(trigger=all_finished)(lambda state: state.type)(state_of(wrong))
    run = flow.run(store=store)
    assert (TriggerFailed, Success(result="ValidationFailed")) == (type(run[needs]), run[looks])


def test_a_mapped_task_that_a_handler_replaced(tmp_path: Path) -> None:
    """Its message, its result, and the children that it has: the same for tasks before and after a resume."""

    def put(old: State[Any], new: State[Any]) -> State[Any] | None:
        return Mapped(message="both", result=[7]) if isinstance(new, Mapped) else None

    def bare(old: State[Any], new: State[Any]) -> State[Any] | None:
        return Mapped(message="both") if isinstance(new, Mapped) else None

    @task
    def see(values: Any) -> str:
        return repr(values)

    for handler, expected in ((put, "[7.0]"), (bare, "[1.0, 2.0]")):
        one = task(name="one", handlers=[handler])(lambda number: number)
        one.fn.__annotations__ = {"return": float}
        with Flow("f") as flow:
            whole = flow.map(one, [1, 2])
            now = see(whole)
            later = task(trigger=manual_only)(see.fn)(whole)
        run = flow.run(store=tmp_path / "runs.db")
        again = flow.resume(run.id, later, store=tmp_path / "runs.db")
        assert [Success(result=expected)] * 2 == [again[now], again[later]]
        assert (run[whole], "both") == (again[whole], again[whole].message)


# ---- annotations


def test_only_the_return_annotation_counts(tmp_path: Path) -> None:
    """A name that only checkers know, of an argument, does not hide what is returned."""

    def work(frame: "Frame | None" = None) -> "date":
        return "2024-01-01"  # type: ignore[return-value]  # as a program without checks

    assert Success(result=date(2024, 1, 1)) == left(work, tmp_path / "runs.db")


def test_a_class_of_the_function_around() -> None:
    """An annotation that is text may name a class of the function in which the task is made."""

    class Inner(BaseModel):
        number: int

    def work() -> "list[Inner]":
        return [{"number": 1}]  # type: ignore[list-item]  # as a program without checks

    assert [Inner(number=1)] == left(work).result


class Calls:
    def __call__(self) -> float:
        return 1

    def method(self) -> float:
        return 1


def one_of(number: float) -> float:
    return number


@pytest.mark.parametrize(
    "fn",
    [functools.partial(one_of, 1), Calls().method, functools.lru_cache(Calls().method)],
    ids=["partial", "", "lru"],
)
def test_whatever_is_called(fn: Callable[[], float]) -> None:
    """A partial, a method and a wrapped function declare what is called in the end."""
    assert float is type(left(fn, name="some").result)


def _unknown() -> "Frame":
    raise AssertionError("not called")


def _broken() -> "list[":  # type: ignore[valid-type]  # noqa: F722  # what is tested
    raise AssertionError("not called")


class Odd:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        raise KeyError("secret")


def _odd() -> list[Odd]:
    raise AssertionError("not called")


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (_unknown, "NameError: name 'Frame' is not defined"),
        (_broken, "SyntaxError: "),
        (_odd, "asking it for its schema raised KeyError"),
    ],
)
def test_an_annotation_that_is_not_understood(work: Any, said: str, store: Path | None) -> None:
    """Its task fails with the reason before it is called; the run goes on."""
    with Flow("f") as flow:
        bad, good = task(work)(), task(lambda: 1)()
        mapped = flow.map(task(lambda number: number), [1])
    run = flow.run(store=store)
    assert (ValidationFailed, False) == (type(run[bad]), run[bad].retryable)
    assert str(run[bad].message).startswith(f"not run: its return annotation is not understood: {said}")
    assert [Success(result=1), Mapped] == [run[good], type(run[mapped])]


class Entry(typing.TypedDict):
    amount: float


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Pydantic reads the TypedDict of typing from Python 3.12 on")
def test_a_typed_dict_that_pydantic_does_not_read(store: Path | None) -> None:
    """The reason says which it does read."""
    state = left(giving(Entry, Entry(amount=1)), store)
    assert ValidationFailed is type(state)
    assert "use `typing_extensions.TypedDict`" in str(state.message)


# ---- parameters


def told_of(flow: Flow, **values: Any) -> Any:
    """Return what the only task of a flow is given."""
    return next(iter(flow.run(**values))).state.result


@pytest.mark.parametrize(
    ("declared", "given", "expected"),
    [(date, "2024-01-01", date(2024, 1, 1)), (float, 1, 1.0), (set[int], [1, 1], {1}), (str, Unit.KILO, "kg")],
)
def test_a_parameter_is_of_its_type(declared: Any, given: Any, expected: Any, tmp_path: Path) -> None:
    """Given or by default, a value is validated; it is the same after a resume."""
    with Flow("f") as flow:
        node = task(trigger=manual_only)(lambda value: repr(value))(flow.parameter("p", declared, default=given))
    for values in ({}, {"p": given}):
        run = flow.run(store=tmp_path / "runs.db", **values)
        assert repr(expected) == flow.resume(run.id, node, store=tmp_path / "runs.db")[node].result
        assert repr(expected) == flow.run(**values).resume(node)[node].result


def test_a_default_that_is_not_valid() -> None:
    """It is refused where it is written, without the value; the flow has no such parameter."""
    with Flow("f") as flow, pytest.raises(FlowError, match="parameter day is not a valid date") as caught:
        flow.parameter("day", date, default="secret")
    assert ("secret" in str(caught.value), {}) == (False, flow.parameters)


def test_a_default_of_none_makes_a_parameter_optional() -> None:
    """The value is of the type or None, given or not."""
    with Flow("f") as flow:
        task(lambda value: value)(flow.parameter("day", date, default=None))
    assert [None, None, date(2024, 1, 1)] == [told_of(flow), told_of(flow, day=None), told_of(flow, day="2024-01-01")]
    with pytest.raises(FlowError, match="parameter day is not a valid date"):
        flow.run(day=5)


class Server(BaseModel):
    url: str
    port: int = Field(5432, alias="PORT")


@pytest.mark.parametrize(
    ("declared", "given", "expected"),
    [
        (Server, {}, "not a valid Server: p.url: field required"),
        (Server, {"url": "x", "PORT": "secret"}, "not a valid Server: p.PORT: Input should be a valid integer"),
        (Server, 5, "not a valid Server: p: an object was expected"),
        (list[Server], [{}], "not a valid list[Server]: p[0].url: field required"),
        (dict[str, int], {"secret": "secret"}, "not a valid dict[str, int]: p.?: Input should be a valid integer"),
    ],
)
def test_a_parameter_that_is_not_valid_names_the_place(declared: Any, given: Any, expected: str) -> None:
    """Path and sentence are those of `decode`, in Python and as JSON text; no value is repeated."""
    with Flow("f") as flow:
        task(lambda value: value)(flow.parameter("p", declared))
    with pytest.raises(FlowError) as in_python:
        flow.run(p=given)
    with pytest.raises(FlowError) as as_text:
        checked_parameters(flow, {"p": json.dumps(given)}, text=True)
    texts = [str(caught.value).partition(", unable")[0] for caught in (in_python, as_text)]
    assert [f"flow 'f': parameter p is {expected}"] * 2 == texts


def test_keys_of_a_parameter_are_not_repeated(tmp_path: Path) -> None:
    """They may be payload."""
    with Flow("f") as flow:
        task(lambda value: value)(flow.parameter("p", dict[str, Any]))
    with pytest.raises(FlowError, match=r"parameter p cannot be stored: .*: result\.\?: ") as caught:
        flow.run(p={"card_4111": {1}}, store=tmp_path / "runs.db")
    assert "4111" not in str(caught.value)


def test_a_parameter_of_a_type_without_a_schema() -> None:
    """It is held by isinstance."""
    with Flow("f") as flow:
        task(lambda value: value)(flow.parameter("handle", Handle))
    handle = Handle()
    assert handle is told_of(flow, handle=handle)
    with pytest.raises(FlowError, match="parameter handle is not a valid Handle"):
        flow.run(handle=5)


# ---- events


def test_events_of_a_resumed_mapped_task(tmp_path: Path) -> None:
    """Its children came back as their declared type; their event is written as one of the first drive is."""

    @task
    def price(number: int) -> Decimal:
        return Decimal(number) / 4

    with Flow("f") as flow:
        whole = flow.map(price, [1, 2])
        gate = task(trigger=manual_only)(lambda values: sum(values))(whole)
    events: list[Event] = []
    run = flow.run(store=tmp_path / "runs.db", on_event=events.append)
    first = next(one.state for one in events if one.task == "price" and one.state.type == "Mapped")
    again = flow.resume(run.id, gate, store=tmp_path / "runs.db")
    lines = [
        decode_event(encode_event(Event("r", "price", None, 1, events[0].time, state), result_type=Decimal)).state
        for state in (first, again[whole])
    ]
    assert (
        lines[0] == lines[1] == Mapped(children=(Success(result="0.25"), Success(result="0.5")), result=["0.25", "0.5"])
    )
