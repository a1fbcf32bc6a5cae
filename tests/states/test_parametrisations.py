"""Parametrised classes: one for each argument while anything uses it, and a bounded number without use."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from statesig import Failed, State, Success, combine, decode, encode, tally
from statesig.algebra import counts, joins, leaves
from statesig.codec import writers
from statesig.states import families, generics
from statesig.states.generics import PerClass
from tests.harness.exhaustive import exhaustive_but


def _model() -> Any:
    class Own(BaseModel):
        x: int

    return Own


USES: dict[str, Callable[[Any], object]] = {
    "constructing": lambda own: Success[own](result=own(x=1)),
    "encoding": lambda own: encode(Success[own](result=own(x=1))),
    "decoding": lambda own: decode(b'{"type":"Success","result":{"x":1}}', Success[own]),
    "a TypeAdapter": lambda own: TypeAdapter(Failed[own]).validate_json('{"type":"Failed"}'),
    "combining": lambda own: combine([Success[own](), Failed[own]()]),
    "counting": lambda own: tally([Success[own]()]),
    "hashing": lambda own: hash(Success[own](result=own(x=1))),
}


@pytest.mark.parametrize("use", exhaustive_but(["combining"], USES))
def test_classes_out_of_use_are_given_up(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may make models of its own without end: all but the last parametrisations are freed."""
    monkeypatch.setattr(families, "MOST_KEPT", 2)
    for cache in _caches():
        monkeypatch.setattr(cache, "_most", 2)

    made: list[weakref.ref[Any]] = []
    for _ in range(6):
        own = _model()
        USES[use](own)
        made.append(weakref.ref(own))
    del own
    for _ in range(4):  # a class and its validators are freed one after the other
        gc.collect()

    assert sum(ref() is not None for ref in made) <= 4


def _caches() -> list[PerClass[Any]]:
    modules = (families, writers, joins, counts, leaves)
    return [found for module in modules for found in vars(module).values() if isinstance(found, PerClass)]


def test_a_class_in_use_stays_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parametrisation that is given up while something uses it is found again: one class, readable and writable."""
    monkeypatch.setattr(families, "MOST_KEPT", 2)
    own = _model()
    kept: Any = State[own]
    state: Any = Success[own](result=own(x=1))
    for _ in range(5):
        _ = Success[_model()]

    assert type(state) is Success[own]
    assert kept is State[own]
    assert state == decode(encode(state), kept)
    assert type(state) is type(decode(encode(state), kept))


def test_facts_about_plain_classes_are_kept() -> None:
    """Only parametrised classes are given up; those of a program are as many as it defines."""
    facts = PerClass(generics.args_of, most=1)
    for cls in (Success, Failed, Success[int], Success[str], Success[int]):
        _ = facts[cls]

    assert [Success, Failed, Success[int]] == list(facts)
