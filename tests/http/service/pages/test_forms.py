"""Forms from JSON Schemas: what somebody types says exactly the value, and each fault stands where it belongs."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import hypothesis.strategies as st
import pytest
from hypothesis import given
from pydantic import BaseModel, Field, TypeAdapter

from statesig.http.problems import Fault
from statesig.http.service.pages.forms import changed_rows, input_of, read, typed_of
from statesig.http.service.pages.shapes import NOTHING, Shape, shape_of
from tests.harness.cases import at_once


class Method(Enum):
    CARD = "card"
    CHEQUE = "cheque"


class Line(BaseModel):
    account: str
    amount: float
    note: str | None = None


@dataclass
class Address:
    street: str
    city: str = "Bern"


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


class Approval(BaseModel):
    by: str = Field(min_length=1, description="Who takes the responsibility")
    amount: int = Field(ge=1, le=1000)
    urgent: bool
    method: Method = Method.CARD
    level: Literal[1, 2, None] = None
    due: date | None = None
    rate: Decimal = Decimal("1.5")
    lines: list[Line] = []
    address: Address | None = None
    extra: dict[str, int] = {}
    tree: Tree | None = None
    note: str = "none"


KINDS: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    Decimal: "decimal",
    bool: "choice",
    Method: "choice",
    Literal["a", 1]: "choice",
    Literal["only"]: "choice",
    date: "date",
    int | None: "integer",
    list[int]: "list",
    Line: "object",
    Address: "object",
    Line | None: "object",
    int | str: "json",
    Line | Tree: "json",
    dict[str, int]: "json",
    tuple[int, str]: "json",
    list[int] | None: "json",
    Any: "json",
    object: "json",
}


@at_once
@pytest.mark.parametrize("declared", KINDS)
def test_each_type_has_its_input(declared: Any) -> None:
    """What has no input is typed as JSON."""
    assert KINDS[declared] == shape_of(TypeAdapter(declared).json_schema(), "Answer").kind


def test_a_recursive_type_ends_as_json() -> None:
    """Where a type comes again within itself, it is typed as JSON."""
    shape = dict(shape_of(TypeAdapter(Tree).json_schema(), "Tree").fields)
    item = shape["children"].item
    assert item is not None
    assert ("list", "json") == (shape["children"].kind, item.kind)


def test_a_form_says_what_its_schema_says() -> None:
    """Labels, descriptions, bounds and defaults."""
    shape = dict(shape_of(TypeAdapter(Approval).json_schema(), "Answer").fields)
    assert "Who takes the responsibility; not empty" == shape["by"].hint
    assert "at least 1; at most 1000" == shape["amount"].hint
    assert (("true", "Yes"), ("false", "No")) == shape["urgent"].options
    assert ("Method", "card", False) == (shape["method"].label, shape["method"].default, shape["method"].is_required)


# ---- the law

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=8)
LINES = st.builds(Line, account=TEXTS, amount=st.floats(allow_nan=False, allow_infinity=False), note=st.none() | TEXTS)
ADDRESSES = st.builds(Address, street=TEXTS, city=TEXTS)
TREES = st.builds(Tree, name=TEXTS, children=st.lists(st.builds(Tree, name=TEXTS), max_size=2))
DECIMALS = st.decimals(-(10**20), 10**20, places=2)
APPROVALS = st.builds(
    Approval,
    by=TEXTS,
    amount=st.integers(1, 1000),
    urgent=st.booleans(),
    method=st.sampled_from(Method),
    level=st.sampled_from([1, 2, None]),
    due=st.none() | st.dates(),
    rate=DECIMALS,
    lines=st.lists(LINES, max_size=3),
    address=st.none() | ADDRESSES,
    extra=st.dictionaries(TEXTS, st.integers(), max_size=2),
    tree=st.none() | TREES,
    note=TEXTS,
)
VALUES: dict[Any, Any] = {
    Approval: APPROVALS,
    str: TEXTS | st.just(""),
    int: st.integers(),
    int | None: st.none() | st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: DECIMALS,
    bool: st.booleans(),
    Literal["a", 1, ""]: st.sampled_from(["a", 1, ""]),
    list[list[str]]: st.lists(st.lists(TEXTS | st.just(""), max_size=3), max_size=3),
    dict[str, str]: st.dictionaries(TEXTS, TEXTS, max_size=3),
    int | str: st.integers() | TEXTS,
}


@at_once
@pytest.mark.parametrize("declared", VALUES)
def test_what_is_typed_says_the_value(declared: Any) -> None:
    """``read(shape, typed_of(shape, value)) == value``, for the value that the type reads."""
    adapter: TypeAdapter[Any] = TypeAdapter(declared)
    shape = shape_of(adapter.json_schema(), "Answer")

    @given(VALUES[declared])
    def check(value: Any) -> None:
        typed = typed_of(shape, "answer", adapter.dump_python(value, mode="json"))
        said, faults = read(shape, "answer", typed, "answer")
        assert [] == faults
        assert value == adapter.validate_python(said if said is not NOTHING else None)

    check()


def test_what_is_left_empty_is_left_out() -> None:
    """Defaults hold for what nobody typed, and an object that may be left out is, if all of it is empty."""
    shape = shape_of(TypeAdapter(Approval).json_schema(), "Answer")
    typed = {"answer/by": "ana", "answer/amount": "5", "answer/urgent": "true"}
    said, faults = read(shape, "answer", typed)
    assert [] == faults
    assert {"by": "ana", "amount": 5, "urgent": True, "note": ""} == said
    assert Approval(by="ana", amount=5, urgent=True, note="") == Approval.model_validate(said)


def test_what_is_required_and_left_empty_is_a_fault() -> None:
    """A number and a choice are; an empty text is a text, which the type refuses if it has to."""
    shape = shape_of(TypeAdapter(Approval).json_schema(), "Answer")
    said, faults = read(shape, "answer", {}, "answer")
    assert [Fault("answer.amount", "is required"), Fault("answer.urgent", "is required")] == faults
    assert "" == said["by"]


WRONG: dict[str, tuple[Any, ...]] = {
    "integer": (int, "1.5", "1e3", "1_000", "+1", "٣", "x", "9" * 5000),
    "number": (float, "nan", "inf", "1,5", ".5", "0x1", "1e9999"),
    "choice": (bool, "True", "1", "yes", "null"),
    "json": (dict[str, int], "{", "{'a': 1}", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 200 + "]" * 200),
}


@at_once
@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_read_is_a_fault_that_does_not_repeat_it(kind: str) -> None:
    """Nothing is coerced, and a fault says what is expected instead."""
    declared, *texts = WRONG[kind]
    shape = shape_of(TypeAdapter(declared).json_schema(), "Answer")
    assert kind == shape.kind
    for text in texts:
        said, faults = read(shape, "answer", {"answer": text}, "answer")
        assert (NOTHING, ["answer"]) == (said, [fault.path for fault in faults]), text
        assert text not in faults[0].reason or len(text) < 3


@given(st.dictionaries(st.sampled_from([f"a/{each}" for each in ("by", "lines/#", "lines/0/amount", "extra")]), TEXTS))
def test_whatever_is_typed_is_read_or_refused(typed: dict[str, str]) -> None:
    """No text raises anything else."""
    shape = shape_of(TypeAdapter(Approval).json_schema(), "Answer")
    said, faults = read(shape, "a", typed, "a")
    assert said is not NOTHING or faults
    input_of(shape, "a", typed, (), form="f")


# ---- rows, and where faults stand


def test_rows_are_added_and_removed_with_what_was_typed() -> None:
    """A new row holds its defaults, and those after a removed one move up."""
    shape = shape_of(TypeAdapter(Approval).json_schema(), "Answer")
    typed = {"answer/by": "ana", "answer/lines/#": "0"}
    for amount in ("1", "2", "3"):
        typed = changed_rows(shape, "answer", typed, add="answer/lines")
        typed[f"answer/lines/{int(amount) - 1}/amount"] = amount
    typed = changed_rows(shape, "answer", typed, remove="answer/lines/1")
    said, _ = read(shape, "answer", {**typed, "answer/amount": "1", "answer/urgent": "true"})
    assert ("ana", [1, 3]) == (said["by"], [line["amount"] for line in said["lines"]])


@pytest.mark.parametrize("name", ["answer/by", "answer/lines/9", "answer/lines/x", "nowhere", ""])
def test_a_row_that_is_not_there_changes_nothing(name: str) -> None:
    """Neither one that is removed nor one of what is no list."""
    shape = shape_of(TypeAdapter(Approval).json_schema(), "Answer")
    typed = {"answer/by": "ana", "answer/lines/#": "1"}
    assert typed == changed_rows(shape, "answer", typed, remove=name)
    assert typed == changed_rows(shape, "answer", typed, add=name)


PLACES: dict[str, str | None] = {
    "answer.amount": "answer/amount",
    "answer.lines[1].amount": "answer/lines/1/amount",
    "answer.lines[1].?": "answer/lines/1",
    "answer.lines[7].amount": "answer/lines",
    "answer.extra.key": "answer/extra",
    "answer": "answer",
    "elsewhere": None,
}


@at_once
@pytest.mark.parametrize("path", PLACES)
def test_a_fault_stands_at_its_input(path: str) -> None:
    """Or at the nearest around it; one that belongs nowhere is told of the whole form."""
    shape: Shape = shape_of(TypeAdapter(Approval).json_schema(), "Answer")
    shown, others = input_of(shape, "answer", {"answer/lines/#": "2"}, [Fault(path, "wrong")], form="f", place="answer")
    found = [one.name for one in shown.each() if one.faults]
    assert PLACES[path] == (found[0] if found else None)
    assert len(found) <= 1
    assert bool(found) != bool(others)
