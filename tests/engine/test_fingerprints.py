"""The fingerprint of a flow: which changes of a flow are seen before a stored run is resumed."""

import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from statesig import Flow, FlowError, Success, manual_only, task
from statesig.engine.fingerprints import check_graph, graph_names, graph_of
from statesig.stores.store import StoredRun
from tests.harness.cases import at_once


@task
def see(*values: Any, **named: Any) -> None: ...


@task(trigger=manual_only)
def gate(value: Any) -> Any:
    return value


@dataclass
class Basket:
    """A value with fields."""

    count: Any = 0


class Order(BaseModel):
    """A model."""

    count: Any = 0


class Colour(Enum):
    """Two members of one value each."""

    RED = 1
    BLUE = 2


def called(*values: Any, **named: Any) -> bytes:
    with Flow("f") as flow:
        see(*values, **named)
    return graph_of(flow)


@dataclass(frozen=True)
class Scale:
    """A class with a task, whose instances are values."""

    factor: int

    @task
    def times(self, number: int) -> int:
        return number * self.factor


class Other(Scale):
    """Another class of values."""


class Counted(Scale):
    """One whose instances may change in place: none has a hash."""

    __hash__ = None  # type: ignore[assignment]  # what a dataclass that is not frozen has


MOMENT = datetime(2024, 10, 27, 1, 30, tzinfo=UTC)
SAME: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (lambda: [1, "a", None], lambda: [1, "a", None]),
    (lambda: {0, 8}, lambda: {8, 0}),
    (lambda: {"a": 1, "b": [2]}, lambda: {"b": [2], "a": 1}),
    (lambda: Order(count=[1]), lambda: Order(count=[1])),
    (lambda: object(), lambda: object()),
    (threading.Lock, threading.Lock),
    (lambda: lambda: 1, lambda: lambda: 1),
    (lambda: [[0] * 2] * 2, lambda: [[0, 0], [0, 0]]),
]
OTHER: list[tuple[Any, Any]] = [
    (1, 2),
    (1, True),
    (1, 1.0),
    (1, "1"),
    ("a", b"a"),
    (10**5000, 10**5000 + 1),
    (Decimal(1), Decimal(2)),
    (MOMENT, MOMENT.replace(fold=1)),
    (MOMENT, MOMENT.astimezone(timezone(timedelta(hours=1)))),
    ([1, 2], [2, 1]),
    ([1, 2], (1, 2)),
    (["a", "b"], ["a, b"]),
    ([[1], 2], [[1, 2]]),
    ({1, 2}, frozenset({1, 2})),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 2}),
    (Counter("a"), {"a": 1}),
    (deque([1]), deque([2])),
    (Basket(1), Basket(2)),
    ([Basket([1])], [Basket([2])]),
    (Order(count=1), Order(count=2)),
    (Colour.RED, Colour.BLUE),
    (Path("a"), Path("b")),
    (len, max),
    (int, str),
    ([[0] * 2] * 2, [[1] * 2] * 2),
]


@at_once
@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_constants(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    """Constants that are equal, or are told only by their class and name, have one fingerprint."""
    assert called(one(), at=one()) == called(other(), at=other())


@at_once
@pytest.mark.parametrize(("one", "other"), OTHER, ids=range(len(OTHER)))
def test_other_constants(one: Any, other: Any) -> None:
    """A constant that differs in value or class, alone or in a container, makes another fingerprint."""
    assert called(one) != called(other)
    assert called(at=[one]) != called(at=[other])
    assert called(one, other) != called(other, one)


def test_a_container_that_holds_itself() -> None:
    """It has a fingerprint, too."""
    loop: list[Any] = [1]
    loop.append(loop)
    assert called(loop) == called(loop)
    assert called(loop) != called([1])


def test_no_constant_can_be_read_in_a_fingerprint() -> None:
    """Constants are there as digests alone."""
    assert b"s3cret" not in called("s3cret", ["s3cret"], s3cret_name={"s3cret": Basket("s3cret")})


def test_a_map_over_other_constants(tmp_path: Path) -> None:
    """A run over "a" and "b" is not gone on with over others: nothing runs, and the flow as it was can be resumed."""
    loaded: list[str] = []
    load = task(name="load")(loaded.append)

    def flow_of(items: list[str]) -> Flow:
        with Flow("f") as flow:
            gate(flow.map(load, items))
        return flow

    place = tmp_path / "runs.db"
    run = flow_of(["a", "b"]).run(store=place)
    with pytest.raises(FlowError, match="task 'load' has other constants, or another function; resume with"):
        flow_of(["new", "a"]).resume(run.id, store=place)
    assert ["a", "b"] == loaded
    assert Success() == flow_of(["a", "b"]).resume(run.id, "gate", store=place).state


def changed(then: Callable[[], object], now: Callable[[], object]) -> str:
    """Return what is refused when a flow of one call is resumed as another, or nothing."""
    flows = [Flow("f"), Flow("f")]
    for flow, call in zip(flows, (then, now), strict=True):
        with flow:
            call()
    try:
        check_graph(flows[1], stored(flows[0]))
    except FlowError as exc:
        return str(exc).partition("began: ")[2].partition(";")[0]
    return ""


def stored(flow: Flow) -> StoredRun:
    now = datetime.now(UTC)
    return StoredRun("0", flow.name, graph_of(flow), b"{}", now, now, 0, 0, b"", "Paused")


def first(value: Any = 0) -> None: ...
def second(value: Any = 0) -> None: ...


def test_tasks_that_swapped_places() -> None:
    """Two tasks of one name are told apart by their functions."""

    def both(*fns: Callable[..., Any]) -> None:
        for fn in fns:
            task(name="load")(fn)()

    other = "has other constants, or another function"
    assert f"task 'load' {other}, task 'load-2' {other}" == changed(
        lambda: both(first, second), lambda: both(second, first)
    )
    assert "" == changed(lambda: both(first, second), lambda: both(first, second))


def test_constants_of_each_kind_of_call() -> None:
    """Keywords, and constants of a map over a node, are seen as well."""

    assert "task 'see' has other constants, or another function" == changed(lambda: see(at=1), lambda: see(at=2))
    flows = [Flow("f"), Flow("f")]
    for number, flow in enumerate(flows):
        with flow:
            flow.map(partial(see, at=number), gate([1]))
    with pytest.raises(FlowError, match="task 'see' has other constants"):
        check_graph(flows[1], stored(flows[0]))


def test_a_fingerprint_from_before_there_were_digests() -> None:
    """Of such a run all else is compared: an equal flow can be resumed, one that is wired otherwise cannot."""
    with Flow("f") as flow:
        see(gate(1))
    document = json.loads(graph_of(flow))
    document["tasks"] = [entry[:3] for entry in document["tasks"]]
    run = replace(stored(flow), graph=json.dumps(document, separators=(",", ":")).encode())
    assert ["gate", "see"] == graph_names(run.graph)
    check_graph(flow, run)
    with Flow("f") as other:
        see(gate(2))  # unseen
    check_graph(other, run)
    with Flow("f") as other:
        gate(1)
        see()
    with pytest.raises(FlowError, match="task 'see' is wired otherwise"):
        check_graph(other, run)


def test_the_instance_of_a_method_is_a_constant() -> None:
    """Another one is seen, an equal one is the same; one that may change in place counts by its class."""

    def scaled(scale: Scale) -> bytes:
        with Flow("f") as flow:
            scale.times(1)
        return graph_of(flow)

    assert scaled(Scale(2)) == scaled(Scale(2))
    assert 4 == len({scaled(scale) for scale in (Scale(2), Scale(3), Counted(2), Counted(3), Other(2))})
