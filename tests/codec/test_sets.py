"""Sets are written in one order: sorted by the JSON text of their items."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, Field, RootModel, TypeAdapter

from statesig import Mapped, State, Success, decode, encode, task
from statesig.engine.cache_keys import key_of
from tests.harness.cases import at_once

ONE, OTHER = (0, 8, 16, 10), (16, 10, 8, 0)
"""Two orders of insertion that give equal sets two orders of iteration."""


class Shelf(BaseModel):
    labels: set[int] = Field(alias="tags")
    inner: dict[str, frozenset[int]] = {}


class Roots(RootModel[set[int]]):
    pass


@dataclass(frozen=True)
class Bag:
    items: frozenset[tuple[str, frozenset[int]]]


class TaggedForSets(Success[Any]):
    labels: set[int] = set()


HOLDERS: dict[str, Callable[[Iterable[int]], State[Any]]] = {
    "a set": lambda items: Success[set[int]](result=set(items)),
    "a frozenset": lambda items: Success[frozenset[int] | None](result=frozenset(items)),
    "in a list": lambda items: Success[list[set[int]]](result=[set(items)]),
    "in a dict": lambda items: Success[dict[str, set[int]]](result={"k": set(items)}),
    "in a tuple": lambda items: Success[tuple[int, set[int]]](result=(1, set(items))),
    "in a set": lambda items: Success[set[frozenset[int]]](result={frozenset(items), frozenset({1})}),
    "in a model": lambda items: Success[Shelf](result=Shelf(tags=set(items), inner={"k": frozenset(items)})),
    "in a root": lambda items: Success[list[Roots]](result=[Roots(set(items))]),
    "in a dataclass": lambda items: Success[Bag](result=Bag(frozenset({("a", frozenset(items)), ("b", frozenset())}))),
    "in a field": lambda items: TaggedForSets(labels=set(items)),
    "in a child": lambda items: Mapped(children=[TaggedForSets(labels=set(items))]),
    "in a state in a result": lambda items: Success[list[Success[set[int]]]](result=[Success(result=set(items))]),
}


@at_once
@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_one_state_has_one_document(holder: Callable[[Iterable[int]], Any]) -> None:
    """Equal sets of two orders of iteration give the same bytes, which read back, from every writer."""
    assert list(set(ONE)) != list(set(OTHER))
    one, other = holder(ONE), holder(OTHER)

    assert one == other
    assert encode(one) == encode(other)
    assert one.model_dump_json() == other.model_dump_json()
    assert TypeAdapter(State[Any]).dump_json(one) == TypeAdapter(State[Any]).dump_json(other)
    assert one == decode(encode(one), type(one))


def test_items_are_sorted_by_their_json_text() -> None:
    """The order is that of the text: 10 comes before 2, and quotes count."""
    document = json.loads(encode(Success[set[int | str]](result={2, 10, "b", "a", 1})))

    assert ["a", "b", 1, 10, 2] == document["result"]


def test_lists_keep_their_order() -> None:
    """Only what was a set is sorted."""
    state = Success[tuple[set[int], list[int]]](result=({2, 1}, [2, 1]))

    assert [[1, 2], [2, 1]] == json.loads(encode(state))["result"]


def test_a_cache_key_does_not_depend_on_the_order_of_a_set() -> None:
    """A call with an equal set is an equal call, in every process."""

    @task(cache_for=60)
    def total(items: set[int]) -> int:
        return sum(items)

    assert key_of(total, (set(ONE),), {}) == key_of(total, (set(OTHER),), {})
