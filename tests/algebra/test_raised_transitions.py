"""A raised signal of a machine: a success where the function's annotation names its state, elsewhere a failure."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar, Union

import pytest
from typing_extensions import TypeAliasType

from statesig import (
    SKIP,
    Executor,
    Failed,
    Flow,
    Machine,
    Signal,
    Skipped,
    State,
    Success,
    TriggerFailed,
    acapture,
    capture,
    collect,
    combine,
    task,
)
from statesig.executors.processes import Processes
from statesig.executors.threads import Threads
from tests.harness.exhaustive import exhaustive_but
from tests.typing.machines import APPROVE, PLACE, SHIP, AnyOrder, Order, Payment, Placed, Shipped

P = ParamSpec("P")
R = TypeVar("R")

ALIAS = TypeAliasType("ALIAS", AnyOrder)
OF_STATES = TypeAliasType("OF_STATES", Union[int, State[Shipped]])  # a class does not say `|` for all

SAID: dict[str, object] = {
    "the state": Shipped,
    "a union": Placed | Shipped,
    "the closed union": AnyOrder,
    "the root": Order,
    "or None": Shipped | None,
    "an alias": ALIAS,
    "annotated": Annotated[AnyOrder, "as it is now"],
    "a state of a run": State[Shipped],
    "a success": Success[Placed | Shipped],
    "either": Shipped | State[Shipped],
    "an alias of either": OF_STATES,
    "text": "Shipped | None",
    "an awaitable": Awaitable[Shipped],
}

UNSAID: dict[str, object] = {
    "Any": Any,
    "object": object,
    "nothing": NoReturn,
    "another state": Placed,
    "another machine": Payment,
    "every machine": Machine,
    "any state of a run": State[Any],
    "a list": list[Shipped],
    "a class": type[Shipped],
}

SIGNAL = SHIP(order_id="o-1", tracking="T-9")
SHIPPED = Success(result=SIGNAL.state)


def raising(annotation: object) -> Callable[[], Any]:
    """Return a function that raises a signal of a machine, with a return annotation."""

    def ship() -> Any:
        raise SIGNAL

    ship.__annotations__["return"] = annotation
    return ship


def awaiting(annotation: object) -> Callable[[], Any]:
    """Return a coroutine function that raises a signal of a machine, with a return annotation."""

    async def ship() -> Any:
        raise SIGNAL

    ship.__annotations__["return"] = annotation
    return ship


def four_ways(annotation: object) -> list[State[Any]]:
    """Return the states of `capture`, `acapture`, and of a plain and an async task."""
    plain, coroutine = raising(annotation), awaiting(annotation)
    with Flow("ways") as flow:
        both = task(plain, name="plain")(), task(coroutine, name="coroutine")()
    run = flow.run()
    return [capture(plain), asyncio.run(acapture(coroutine)), *(run[each] for each in both)]


@pytest.mark.parametrize("annotation", SAID.values(), ids=SAID.keys())
def test_it_succeeds_with_a_state_that_the_annotation_names(annotation: object) -> None:
    """To raise the signal is to return its state, as it is for signals of a run."""
    assert [SHIPPED] * 4 == four_ways(annotation)


@pytest.mark.parametrize("annotation", UNSAID.values(), ids=UNSAID.keys())
def test_it_fails_where_no_annotation_names_the_state(annotation: object) -> None:
    """The failure keeps what was raised as its cause and says what to write."""
    for state in four_ways(annotation):
        assert (Failed, [f"{SHIP.__module__}.SHIP"]) == (type(state), [cause.type for cause in state.causes])
        assert "not annotated to return a Shipped; annotate it -> Shipped, or return the state" in (state.message or "")


def test_it_fails_without_an_annotation_that_can_be_read() -> None:
    """A lambda has none; a text may name what is not known, or raise."""

    def raises(signal: Signal[Any]) -> NoReturn:
        raise signal

    for fn in (lambda: raises(SIGNAL), raising("Missing"), raising("1 / 0")):
        assert Failed is type(capture(fn))


def placing(order_id: str) -> Placed:
    raise PLACE(order_id=order_id, total=Decimal("3.10"))


def traced(fn: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        return fn(*args, **kwargs)

    return inner


def counted(fn: Callable[P, object]) -> Callable[P, int]:
    @functools.wraps(fn)
    def inner(*args: P.args, **kwargs: P.kwargs) -> int:
        fn(*args, **kwargs)
        return 1

    return inner


class Desk:
    """Places orders in three ways."""

    def place(self, order_id: str) -> Placed:
        """Place an order."""
        return placing(order_id)

    def __call__(self, order_id: str) -> Placed:
        return placing(order_id)


def test_whatever_can_be_called_is_asked_for_its_annotation() -> None:
    """Partials, methods, objects, wrappers and tasks; a wrapper that returns something else says that for itself."""
    callables: list[Callable[[str], Placed]] = [placing, partial(placing), Desk().place, Desk(), traced(placing)]
    expected = Success(result=Placed(order_id="o-1", total=Decimal("3.10")))
    for fn in [*callables, task(placing)]:
        assert expected == capture(fn, "o-1")
    assert Failed is type(capture(counted(placing), "o-1"))


def test_what_it_was_raised_from_is_kept_as_a_cause() -> None:
    """As with a signal of a run."""

    def ship() -> Shipped:
        raise SHIP(order_id="o-1", tracking="T-9") from ValueError("why")

    state = capture(ship)
    assert ("Success", ["ValueError"]) == (state.type, [cause.type for cause in state.causes])
    assert SHIPPED.result == state.unwrap()


def test_each_member_of_a_group_is_judged_alone() -> None:
    """A state that is named is a success beside the others, one that is not a failure; `collect` knows no function."""

    def both(*signals: Signal[Any]) -> Shipped:
        raise BaseExceptionGroup("", signals)

    assert combine([SHIPPED, Skipped[Shipped](message="no rows")]) == capture(both, SIGNAL, SKIP("no rows"))
    assert Failed is type(capture(both, SIGNAL, APPROVE(title="a")))
    assert [Failed] == list(map(type, collect(BaseExceptionGroup("", [SIGNAL]))))


# ---- wherever a task runs


@task
def shipped(order_id: str) -> AnyOrder:
    """Raise a signal whose state is named."""
    raise SHIP(order_id=order_id, tracking="T-9")


@task
def astray(order_id: str) -> Shipped:
    """Raise a signal whose state is not named."""
    raise APPROVE(title=order_id)


@task
def tracking(order: AnyOrder) -> str:
    """Take the state that was raised."""
    return order.tracking if isinstance(order, Shipped) else order.order_id


def in_processes() -> Executor:
    return Processes(2)


def in_threads() -> Executor:
    return Threads(2)


@pytest.mark.parametrize("where", exhaustive_but([lambda: None, in_threads], [lambda: None, in_threads, in_processes]))
@pytest.mark.parametrize("store", [None, "runs.db"], ids=["in memory", "stored"])
def test_a_task_that_raises_it_has_returned_its_state(
    where: Callable[[], Executor | None], store: str | None, tmp_path: Any
) -> None:
    """For each item of a map, with a store and without, and another task takes the state."""

    with Flow("orders") as flow:
        many = flow.map(shipped, ["o-1", "o-2"])
        numbers = flow.map(tracking, many)
        lost = astray("o-3")
        after = tracking(lost)
    run = flow.run(executor=where(), store=store and tmp_path / store)
    assert [Shipped(order_id=f"o-{number}", tracking="T-9") for number in (1, 2)] == run[many].unwrap()
    assert ["T-9", "T-9"] == run[numbers].unwrap()
    assert (Failed, TriggerFailed) == (type(run[lost]), type(run[after]))
    assert "annotate it -> Approved" in (run[lost].message or "")
