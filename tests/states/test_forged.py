"""States that were changed although they are frozen: which entrances refuse them, and what is not promised."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from statesig import ErrorInfo, Failed, Flow, Retrying, Scheduled, State, Success, capture, decode, encode, task

FORGERIES: dict[str, tuple[State[Any], str, object]] = {
    "a message that is no text": (Success(result=1), "message", 5),
    "the tag of another class": (Success(), "type", "Failed"),
    "a count below the least": (Retrying(), "run_count", -3),
    "a count that is text": (Retrying(), "run_count", "3"),
    "a naive time": (Scheduled(), "start_time", datetime(2026, 3, 1)),
    "causes of another class": (Failed(), "causes", (1,)),
    "a flag that is a number": (Failed(), "retryable", 1),
}
every_forgery = pytest.mark.parametrize(("state", "field", "value"), FORGERIES.values(), ids=FORGERIES)


def forged(state: State[Any], field: str, value: object) -> State[Any]:
    """Return a copy of a state in which a field is changed past validation."""
    copied = state.model_copy()
    object.__setattr__(copied, field, value) if field != "type" else copied.__dict__.update(type=value)
    return copied


class Report(BaseModel):
    """A model with a state in it."""

    state: State[Any]


@every_forgery
@pytest.mark.parametrize(
    "entrance",
    [TypeAdapter(State).validate_python, State.model_validate, lambda state: Report(state=state)],
    ids=["TypeAdapter", "model_validate", "a field"],
)
def test_validation_refuses_it(entrance: Callable[[object], object], state: Any, field: str, value: object) -> None:
    """Each entrance that admits a state as it is looks at its plain fields, and names the one that was changed."""
    entrance(state)
    with pytest.raises(ValidationError, match=rf"(?m)^(state\.)?{field}"):
        entrance(forged(state, field, value))


@every_forgery
def test_a_function_that_returns_it_has_failed(state: Any, field: str, value: object) -> None:
    """Its outcome is a failure that names the field and repeats no value, under `capture` and in a flow."""
    expected = f"returned a {type(state).__name__} whose {field} is not one of a {type(state).__name__}: "
    with Flow("f") as flow:
        made = task(lambda: forged(state, field, value), name="forge")()
    for found in (capture(lambda: forged(state, field, value)), flow.run()[made]):
        assert isinstance(found, Failed)
        assert [expected] == [cause.message[: len(expected)] for cause in found.causes]


def test_a_valid_change_is_written() -> None:
    """`encode` leaves no field out because it was not given: the bytes read back as an equal state."""
    for state in (Success(result=1), Success(result=[1]), Success[int](result=1)):
        object.__setattr__(state, "message", "added")
        assert state == decode(encode(state), type(state))


def test_what_a_state_holds_is_not_copied() -> None:
    """A list that is given as a result is the caller's: a change of it changes the state."""
    given = [1]
    state = Success(result=given)
    given.append(2)
    assert Success(result=[1, 2]) == state


def test_a_declared_list_is_the_states_own() -> None:
    """Where the type of the result is declared, a list is read into a new one."""
    given = [1]
    state = Success[list[int]](result=given)
    given.append(2)
    assert Success(result=[1]) == state


def test_causes_are_the_states_own() -> None:
    """A list of causes becomes a tuple."""
    causes = [ErrorInfo(type="E", message="m")]
    state = Failed(causes=causes)  # type: ignore[arg-type]  # the JSON form
    causes.clear()
    assert (ErrorInfo(type="E", message="m"),) == state.causes
