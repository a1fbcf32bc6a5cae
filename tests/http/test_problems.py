"""What a refused request is told: paths of declared names and what is expected, nothing of what was sent."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from statesig import DecodeError, Failed, Finished, Machine, Signal, SignalOf, Success, decode
from statesig.http import Boundary
from statesig.http.problems import Fault, faults_of
from statesig.http.words import words_of


class Line(BaseModel):
    """A model within a model."""

    number: int
    named: Annotated[int, Field(alias="asked-for")] = 0


@dataclass
class Place:
    """A dataclass within it."""

    city: int


class Tagged(TypedDict):
    """A mapping of declared keys."""

    colour: int


class Pair(NamedTuple):
    """A tuple of declared names."""

    left: int


class Order(BaseModel):
    """What is asked for."""

    lines: list[Line] = []
    prices: dict[str, int] = {}
    place: Place | None = None
    tagged: Tagged | None = None
    either: int | Line = 0
    state: Finished[Line] | None = None


WORDS = words_of([Order])


def error_of(kind: Any, document: str) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_json(document)
    return caught.value


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ('{"lines": [{"number": "secret"}]}', ["lines[0].number"]),
        ('{"lines": [{"number": 1, "asked-for": "secret"}]}', ["lines[0].asked-for"]),
        ('{"lines": [{}]}', ["lines[0].number"]),
        ('{"prices": {"secret": "x"}}', ["prices.?"]),
        ('{"place": {"city": "secret"}}', ["place.city"]),
        ('{"tagged": {"colour": "secret"}}', ["tagged.colour"]),
        ('{"either": "secret"}', ["either", "either"]),
        ('{"state": {"type": "Success", "result": {"number": "secret"}}}', ["state.result.number"]),
        ('{"state": {"type": "Success", "secret": 1}}', ["state.?"]),
        ('{"state": {"type": "secret"}}', ["state"]),
        ('{"state": {"type": "secret-card-4111"}}', ["state"]),
    ],
)
def test_a_path_shows_declared_names_alone(document: str, paths: list[str]) -> None:
    """Fields of models, dataclasses, typed dicts and states are shown; any other key, and any tag, may be payload."""
    faults = faults_of(error_of(Order, document), WORDS)

    assert paths == [fault.path for fault in faults]
    assert "secret" not in str(faults)


def test_a_named_tuple_and_a_signal_have_words() -> None:
    """The types of a signature, too."""
    assert {"left"} <= words_of([list[Pair]]).names
    assert {"number"} <= words_of([Signal[Success[Line]]]).names & words_of([SignalOf[Success[Line]]]).names


def test_a_type_that_names_what_is_not_there_has_the_names_of_its_fields() -> None:
    """A field's own type may be defined later; what it is called is known."""

    @dataclass
    class Unfinished:
        """Not whole."""

        number: int
        later: "Later"  # type: ignore[name-defined]  # noqa: F821  # that is the point

    assert {"number", "later"} <= words_of([Unfinished]).names


def test_without_words_only_the_fields_of_states_are_shown() -> None:
    """An error that only its model could explain names no field that may be a key."""
    assert ("?.?[0]", "lines[0].number") == (
        faults_of(error_of(dict[str, dict[str, list[int]]], '{"entries": {"a": ["x"]}}'))[0].path,
        faults_of(error_of(Order, '{"lines": [{"number": ""}]}'), WORDS)[0].path,
    )
    assert "run_count" == faults_of(error_of(Finished, '{"type": "Failed", "run_count": 3}'))[0].path


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ('{"type": "Failed", "hunter2": 1}', Fault("?", "no such field")),
        ('{"type": "Failed", "message": 1}', Fault("message", "Input should be a valid string")),
        ('{"type": "Failed", "hunter2": 1, "hunter2": 1}', Fault("", "a key is there twice in one object")),
        ('{"type": "Failed", "causes": [{"type": "hunter2"}]}', Fault("causes[0].message", "field required")),
        ('{"type": "Running"}', Fault("", "a Running is not one; possible: Failed, TimedOut, TriggerFailed, Valid")),
        ('{"type": "hunter2"}', Fault("", "unknown tag; possible: Failed, TimedOut, TriggerFailed, ValidationFailed")),
        ('{"hunter2"', Fault("", "not JSON: EOF while parsing an object at line 1 column 10")),
    ],
)
def test_an_error_of_the_codec_names_nothing_of_the_document(document: str, fault: Fault) -> None:
    """Not the key and not the tag that its own text names for whoever reads it in a terminal."""
    with pytest.raises(DecodeError) as caught:
        decode(document, Failed, strict=True)
    path, reason = faults_of(caught.value)[0]

    assert (fault.path, True) == (path, reason.startswith(fault.reason)), reason
    assert "hunter2" not in str(faults_of(caught.value))


def test_few_faults_are_listed() -> None:
    """The first, and how many there are besides."""
    rows = "[" + ",".join(['"secret"'] * 100) + "]"
    many = "[" + ",".join(['"secret"'] * 2_000) + "]"

    assert ("[0]", "[1]", "[2]", "") == tuple(fault.path for fault in faults_of(error_of(list[int], rows)))
    assert Fault("", "and 97 more") == faults_of(error_of(list[int], rows))[-1]
    assert (Fault("", "more than 1,000 errors"),) == faults_of(error_of(list[int], many))


def test_a_refusal_is_a_problem_with_a_state() -> None:
    """ValidationFailed, which no retry helps, says what is wrong; its status is that of the table."""
    answer = Boundary().refusal([Fault("body.rows[3]", "a number was expected"), Fault("", "and 2 more")], {})

    said = "body.rows[3]: a number was expected; and 2 more"
    assert {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": said,
        "errors": [
            {"path": "body.rows[3]", "reason": "a number was expected"},
            {"path": "", "reason": "and 2 more"},
        ],
        "state": {"type": "ValidationFailed", "message": said, "retryable": False},
    } == json.loads(answer.body)


def test_a_refusal_is_short() -> None:
    """Whatever the paths and reasons are."""
    faults = [Fault("body." + "x" * 75, "y" * 160)] * 3

    assert 2_000 > len(Boundary().refusal([*faults, Fault("", "and 1,000,000 more")], {}).body)


def test_validation_may_be_left_to_the_framework() -> None:
    """Where documents come from elsewhere than the client, their errors are the server's."""
    errors = [DecodeError("State", [("", "x")]), error_of(int, '"x"')]

    assert [422, 422] == [answer.status for error in errors if (answer := Boundary().answer_to(error, {}))]
    assert [None, None] == [Boundary(validation=False).answer_to(error, {}) for error in errors]


def test_a_path_shows_the_fields_of_a_machine() -> None:
    """They are declared, as those of a run's states are."""

    class Crate(Machine):
        """A machine of one's own."""

    class Loaded(Crate):
        """With a field."""

        weight: int

    with pytest.raises(DecodeError) as caught:
        decode('{"type": "Loaded"}', Crate)
    assert (Fault("weight", "field required"),) == faults_of(caught.value)
