"""States and events in logs: `to_log`."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from statesig import ErrorInfo, Event, Failed, Mapped, Skipped, State, Success, encode, to_log
from tests.harness.strategies import BARE, SAMPLES, Withheld
from tests.samples.tickets import Open

SECRET = "card-4111"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_state_is_told_by_tag_and_family() -> None:
    """A user's state is told with the class of statesig from which it derives."""
    assert {"state": "Skipped", "family": "Skipped", "error": None} == to_log(Skipped(message="no new rows"))
    assert {"state": "withheld/1", "family": "Failed", "error": None, "retryable": True} == to_log(
        Withheld(reason=SECRET)
    )
    assert {"state": "Success", "family": "Success", "error": None} == to_log(Success[int](result=3))


def test_a_state_of_a_machine_has_its_root_for_a_family() -> None:
    """An Open of the machine Ticket is told as such."""
    assert {"state": "Open", "family": "Ticket", "error": None} == to_log(Open(title=SECRET))


def test_a_failure_is_told_by_the_class_of_its_cause() -> None:
    """Of an exception the class is told, and nothing of its text."""
    cause = ErrorInfo(type="OSError", message=SECRET, notes=(SECRET,))

    assert {"state": "Failed", "family": "Failed", "retryable": False, "error": "OSError"} == to_log(
        Failed(message=SECRET, causes=(cause,), retryable=False)
    )


def test_children_are_counted() -> None:
    """A mapped task tells how many of its children are in which state."""
    mapped = Mapped(children=(Success(result=SECRET), Success(), Skipped()))

    assert {"Success": 2, "Skipped": 1} == to_log(mapped)["children"]


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (Event("r1", "load", 3, 2, NOON, Skipped()), ("load", 3, 2, 1)),
        (Event("r1", "load", None, 1, NOON, Skipped(), 2), ("load", None, 1, 2)),
        (Event("r1", None, None, 1, NOON, Skipped()), (None, None, 1, 1)),
    ],
    ids=["child", "second try", "run"],
)
def test_an_event_adds_where_and_when(event: Event, place: tuple[object, ...]) -> None:
    """An event tells its run, task, index, attempt, try and time, whatever they are."""
    task, index, attempt, number = place
    where = {"run": "r1", "task": task, "index": index, "attempt": attempt, "try": number}

    assert {**where, "time": "2026-03-01T12:00:00+00:00", **to_log(Skipped())} == to_log(event)


def test_the_payload_is_told_where_it_is_asked_for() -> None:
    """The document is the state's own JSON; a result that would not read back is left out of it."""
    state = Withheld(reason="late", message="held")

    assert json.loads(encode(state)) == to_log(state, payload=True)["document"]
    assert {"type": "Success", "message": "m"} == to_log(Success(message="m", result=object()), payload=True)[
        "document"
    ]


@pytest.mark.parametrize("state", [*SAMPLES.values(), *BARE.values()], ids=lambda state: state.type)
def test_every_state_goes_into_a_record(state: State[Any]) -> None:
    """Logging takes an entry as the attributes of a record, and JSON can hold it."""
    record = logging.getLogger("x").makeRecord("x", 20, "", 1, "m", (), None, extra=to_log(state, payload=True))

    assert state.type == vars(record)["state"]
    assert json.loads(json.dumps(to_log(state))) == to_log(state)
