"""Containers as arguments: where nodes are found in them, where one is refused, and when they are read and copied."""

import asyncio
import functools
import re
import threading
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr

from statesig import Flow, NodeUseError, Success, state_of, task
from tests.harness.cases import at_once


@task
def one() -> int:
    return 1


@task
def see(value: Any) -> Any:
    return value


@dataclass
class Basket:
    """A value with fields."""

    count: Any = 0
    rows: list[Any] = field(default_factory=list[Any])


@dataclass(frozen=True, slots=True)
class Slotted:
    """A frozen one with slots, and one field that the constructor does not take."""

    count: Any
    twice: Any = field(init=False, default=2)


class Order(BaseModel):
    """A model."""

    count: Any = 0
    rows: list[Any] = []


class Open(BaseModel):
    """A frozen model with fields of any name, and a private one."""

    model_config = ConfigDict(extra="allow", frozen=True)
    _kept: Any = PrivateAttr(default=None)


class Named(NamedTuple):
    """A tuple with names."""

    left: Any
    right: Any = 2


class Rows(list[Any]):
    """A list with an attribute, whose constructor takes something else."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title


class Words(tuple[Any, ...]):
    """A tuple whose constructor takes each part by itself."""

    def __new__(cls, *parts: Any) -> "Words":
        return super().__new__(cls, parts)


def rows(title: str, *values: Any) -> Rows:
    made = Rows(title)
    made.extend(values)
    return made


def opened(value: Any) -> Open:
    made = Open(extra=value)
    made._kept = [value]
    return made


def handed(make: Callable[[Any], Any]) -> Any:
    """Return what a task was given for a container with a node in it."""
    with Flow("f") as flow:
        node = see(make(one()))
    return flow.run()[node].unwrap()


HOLDING: dict[str, Callable[[Any], Any]] = {
    "Counter": lambda node: Counter({"a": node, "b": 2}),
    "deque": lambda node: deque([node, 2], maxlen=2),
    "defaultdict": lambda node: defaultdict(list, {"a": node}),
    "OrderedDict": lambda node: OrderedDict([("b", node), ("a", 2)]),
    "set": lambda node: {node, 2},
    "frozenset": lambda node: frozenset([node, 2]),
    "a key": lambda node: {node: 1},
    "a key within a tuple": lambda node: {("a", node): 1},
    "a named tuple": lambda node: Named(node),
    "a tuple of another constructor": lambda node: Words(node, 2),
    "a list of another constructor": lambda node: rows("t", node),
    "a dataclass": lambda node: Basket(node),
    "a dataclass with slots": lambda node: Slotted(node),
    "a model": lambda node: Order(count=node),
    "a model's extra and private fields": opened,
    "a namespace": lambda node: SimpleNamespace(a=node),
    "one in another": lambda node: [Basket(rows=[deque([{"a": Order(rows=[(Slotted(node),)])}])])],
}


@at_once
@pytest.mark.parametrize("make", HOLDING.values(), ids=HOLDING)
def test_a_node_stands_for_its_value_in_every_container(make: Callable[[Any], Any]) -> None:
    """A container that can be rebuilt exactly is given with the value in place of the node."""
    expected, given = make(1), handed(make)
    assert (type(expected), expected) == (type(given), given)
    assert getattr(expected, "__dict__", None) == getattr(given, "__dict__", None)


def test_what_a_container_has_beside_its_parts() -> None:
    """A default factory, a longest length and a private field are those of the container that was passed."""
    assert list is handed(HOLDING["defaultdict"]).default_factory
    assert 2 == handed(HOLDING["deque"]).maxlen
    assert [1] == handed(opened)._kept


def test_states_and_parameters_in_every_container() -> None:
    """The same holds for the state of a node and for a parameter."""
    with Flow("f") as flow:
        node = see(deque([Basket(state_of(one())), flow.parameter("day", int)]))
    assert deque([Basket(Success(result=1)), 4]) == flow.run(day=4)[node].unwrap()


class Client:
    """No container, with what others may put into it."""

    def __init__(self, held: Any = None) -> None:
        self.held = held


class Slots:
    """The same with a slot."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


class Frozen(list[Any]):
    """A list that wants to be shared: its copy is itself."""

    def __copy__(self) -> "Frozen":
        return self


def titled(node: Any) -> Rows:
    return rows(node, 1)


def circular(node: Any) -> list[Any]:
    made: list[Any] = [node]
    made.append(made)
    return made


def yielded(node: Any) -> Iterator[Any]:
    yield from [node]


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an attribute": (Client, "value.held, within a Client,"),
    "an attribute in a slot": (Slots, "value.held, within a Slots,"),
    "a list in an attribute": (lambda node: [Client({"rows": [node]})], "value[0].held.rows[0], within a list,"),
    "an attribute of a list": (titled, "value.title, within a Rows,"),
    "a list that is shared": (lambda node: Frozen([node]), "value[0], within a Frozen,"),
    "a counted key": (lambda node: Counter([node]), "value[a key], within a Counter,"),
    "an iterator": (lambda node: {"a": iter([1, node])}, "value.a[1], within a list,"),
    "a generator": (yielded, "value, within a generator,"),
    "an expression": (lambda node: (item for item in [node]), "value[0], within a "),
    "a partial": (lambda node: functools.partial(print, node), "value[0], within a tuple,"),
    "a view": (lambda node: {"a": node}.values(), "value.a, within a dict,"),
    "a proxy": (lambda node: MappingProxyType({"s3cret key": node}), "value[?], within a dict,"),
    "itself": (circular, "value, within a list,"),
}


@at_once
@pytest.mark.parametrize(("make", "place"), REFUSED.values(), ids=REFUSED)
def test_a_node_is_refused_where_nothing_can_take_its_place(make: Callable[[Any], Any], place: str) -> None:
    """What cannot be rebuilt around a value is refused at the call; the error has the path, and nothing is added."""
    with Flow("f") as flow:
        node = one()
        held = make(node)
        if place == "value, within a generator,":
            next(held)
        for call in (lambda: see(held), lambda: see(value=held)):
            with pytest.raises(NodeUseError, match=re.escape(place)) as error:
                call()
    assert "one" == error.value.task
    assert ["one"] == [found.name for found in flow.nodes]


def test_the_place_of_a_refused_node() -> None:
    """The error names the argument, also among many, or the item of a map, and says what is possible."""

    @task
    def many(first: int, *values: Any, **named: Any) -> None: ...

    with Flow("f") as flow:
        node = one()
        for call, place in (
            (lambda: many(1, 2, Client(node)), "values[1].held"),
            (lambda: many(1, last=Client(node)), "last.held"),
            (lambda: flow.map(see, [1, Client(node)]), "[1].held"),
        ):
            with pytest.raises(NodeUseError) as error:
                call()
            assert str(error.value) == (
                f"{place}, within a Client, on task 'one': its value is known only when the flow runs; "
                "pass it as an argument, or in a list, tuple, set, dict, deque, dataclass or model"
            )


def test_an_object_is_not_searched_to_the_end() -> None:
    """An object's attributes are looked at, and those of further objects are not: it may refer to the whole program."""
    with Flow("f") as flow:
        far = Client(Client(one()))
        node = see(far)
    assert far is flow.run()[node].unwrap()


def test_a_container_is_read_at_the_call() -> None:
    """What is done to a container after it was passed changes no call, with a node in it or not."""
    first: list[Any] = [1]
    second: dict[str, Any] = {"a": [1]}
    third = Basket(rows=[1])
    with Flow("f") as flow:
        fourth = [one()]
        calls = [see(first), see(second), see([third]), see(fourth)]
        first.append(2)
        second["a"].append(2)
        third.rows.append(2)
        fourth.append(one())
    run = flow.run()
    assert [[1], {"a": [1]}, [Basket(rows=[1])], [1]] == [run[call].unwrap() for call in calls]


CONSTANTS: dict[str, Callable[[], Any]] = {
    "list": lambda: [0],
    "dict": lambda: {"a": 0},
    "set": lambda: {0},
    "deque": lambda: deque([0]),
    "bytearray": lambda: bytearray(b"0"),
    "array": lambda: array("i", [0]),
    "dataclass": lambda: Basket(rows=[0]),
    "model": lambda: Order(rows=[0]),
    "a tuple of lists": lambda: ([0],),
    "a frozen dataclass": lambda: Slotted([0]),
    "a list twice": lambda: [[0]] * 2,
}


def changed(value: Any) -> Any:
    """Change a constant in place, and return what it was."""
    before = repr(value)
    if isinstance(value, (Basket, Order)):
        value.rows.append(1)
    elif isinstance(value, (tuple, Slotted)):
        (value.count if isinstance(value, Slotted) else value[0]).append(1)
    elif isinstance(value, set):
        value.add(1)
    elif isinstance(value, dict):
        value["b"] = 1
    else:
        value.append(0)
    return before


@at_once
@pytest.mark.parametrize("make", CONSTANTS.values(), ids=CONSTANTS)
def test_each_attempt_has_its_own_constant(make: Callable[[], Any]) -> None:
    """A constant that a task changes in place is the same for every run, every attempt and every call; and for others.

    The same holds for the default of a parameter, a value given to a run, and the items and constants of a map.
    """
    seen: list[Any] = []
    given = make()
    expected = repr(make())

    @task(retries=2)
    def record(value: Any) -> None:
        seen.append(changed(value))
        if len(seen) % 3:
            raise ValueError

    @task(retries=2)
    def by_item(item: int, value: Any) -> None:
        record(value)

    with Flow("f") as flow:
        record(given)
        record(flow.parameter("default", Any, default=given))
        record(flow.parameter("given", Any))
        flow.map(record, [given, given])
        flow.map(functools.partial(by_item, value=given), [1, 2])
    for _ in range(2):
        assert "Success" == flow.run(given=given).state.type
    assert [expected] * 42 == seen
    assert expected == repr(given)


def test_a_list_that_occurs_twice() -> None:
    """A copy of a container holds one list twice where the container does, and holds itself where that does."""
    row = [0]
    loop: list[Any] = [1]
    loop.append(loop)
    with Flow("f") as flow:
        calls = [see([row, row, (2, 3), (2, 3)]), see(loop)]
    run = flow.run()
    twice, itself = (run[call].unwrap() for call in calls)
    assert (True, False) == (twice[0] is twice[1], twice[0] is row)
    assert (True, False) == (itself[1] is itself, itself is loop)


@pytest.mark.parametrize("make", [Client, asyncio.Semaphore, threading.Lock, lambda: (1, "a"), lambda: Slotted(1)])
def test_what_is_no_data_is_shared(make: Callable[[], Any]) -> None:
    """A client, a lock or what never changes is given as it is, also beside a list that is copied."""
    shared = make()
    with Flow("f") as flow:
        alone, beside = see(shared), see([shared, [1], [shared]])
    run = flow.run()
    assert shared is run[alone].unwrap()
    assert (True, True) == (shared is run[beside].unwrap()[0], shared is run[beside].unwrap()[2][0])


def test_a_result_is_handed_on_as_it_is() -> None:
    """The value of a task upstream is not copied, alone or in a container."""
    result = [1]
    with Flow("f") as flow:
        node = task(lambda: result)()
        alone, within = see(node), see([node])
    run = flow.run()
    assert (True, True) == (result is run[alone].unwrap(), result is run[within].unwrap()[0])


def test_a_cached_success_is_nobodys_value() -> None:
    """A success that further calls reuse is copied for each of them: changing one changes no other."""

    @task(cache_for=60)
    def load(name: str) -> list[int]:
        return [1]

    @task
    def grown(rows: list[int]) -> int:
        rows.append(2)
        return len(rows)

    with Flow("f") as flow:
        nodes = [grown(load("a")) for _ in range(3)]
    run = flow.run()
    assert [2, 2, 2] == [run[node].unwrap() for node in nodes]
