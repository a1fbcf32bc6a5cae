"""Values of a declared type, without a state around them: what is valid, and what a message may say of the type."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NoReturn

import pytest
from pydantic import BaseModel, ValidationError

from statesig import Success
from statesig.states.declared import Declared, declared_as, name_of
from tests.harness.cases import at_once


class Order(BaseModel):
    number: int


TYPES: list[tuple[Any, str]] = [
    (int, "int"),
    (None, "None"),
    (Order, "Order"),
    (list[Order], "list[Order]"),
    (dict[str, tuple[Decimal, ...]], "dict[str, tuple[Decimal, ...]]"),
    (date | None, "date | None"),
    (Literal["a", 1], "Literal['a', 1]"),
    (Callable[[int], str], "Callable[[int], str]"),
]


@at_once
@pytest.mark.parametrize(("declared", "expected"), TYPES, ids=str)
def test_the_name_of_a_type(declared: Any, expected: str) -> None:
    """A type is named as it is written, without modules."""
    assert expected == name_of(declared)


@pytest.mark.parametrize("declared", [Any, object, NoReturn], ids=str)
def test_nothing_to_ask(declared: Any) -> None:
    """Some types ask nothing of a value."""
    found = declared_as(declared)
    value = object()
    assert found is None or value is found.validated(value)


@at_once
@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (int | str | None, False),
        (int | float, False),
        (list[int] | dict[str, int], False),
        (str | date, True),
        (list[set[int] | list[int]], True),
        (date | None, False),
        (Order | int, False),
        (Order | dict[str, int], True),
    ],
    ids=str,
)
def test_what_json_does_not_tell_apart(declared: Any, expected: bool) -> None:
    """A union is ambiguous if two of its members have one form in JSON."""
    assert expected == Declared(declared).is_ambiguous


def test_a_value_is_what_a_state_would_hold() -> None:
    """Validating a value, and constructing a state of it, give the same."""
    for declared, value in ((float, 1), (set[date], ["2024-01-01"]), (list[Order], [{"number": 1}])):
        assert Success[declared](result=value) == Success(result=Declared(declared).validated(value))


def test_a_type_is_copied_and_pickled() -> None:
    """A task that is sent by value takes its type along, not its validator."""
    declared = Declared(list[Order])
    for other in (copy.copy(declared), pickle.loads(pickle.dumps(declared))):
        assert (declared.type, declared.exact) == (other.type, other.exact)
        with pytest.raises(ValidationError):
            other.validated([5])


def test_a_type_that_is_wrong_says_why() -> None:
    """A reason that was given is kept, and no value is of the type."""
    broken = Declared(Any, "NameError: name 'X' is not defined")
    assert ("NameError: name 'X' is not defined", frozenset()) == (broken.broken, broken.exact)


@dataclass
class Named:
    name: str
    filename: str | None = None


def test_a_dataclass_with_a_field_that_is_called_name() -> None:
    """The names of its fields are known, whatever they are."""
    declared = declared_as(list[Named])
    assert declared is not None
    assert (None, frozenset({"name", "filename"})) == (declared.broken, declared.names)
    assert [Named("a")] == declared.validated([Named("a")])
