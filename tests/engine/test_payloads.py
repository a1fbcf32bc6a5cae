"""Payloads: what accompanies a state that is no success. It is no value of the task, and is kept as JSON of its own."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import TypedDict, TypeVar

from statesig import (
    FAIL,
    LOOP,
    PAUSE,
    SUCCESS,
    Failed,
    Flow,
    Looped,
    Signal,
    State,
    Success,
    current,
    manual_only,
    task,
)

R = TypeVar("R", default=Any)


class NoModel:
    pass


class Entry(TypedDict):
    rows: Any


def giving(declared: Any, value: Any) -> Callable[[], Any]:
    def give() -> Any:
        return value

    give.__annotations__ = {"return": declared}
    return give


def left(work: Callable[[], Any], store: Path | None, **options: Any) -> State[Any]:
    """Return the state that a task of a function is left in."""
    with Flow("f") as flow:
        node = task(**options)(work)()
    return flow.run(store=store)[node]


PAYLOADS = [FAIL("12 rows refused", result={"rows": [1, 2]}, retryable=False), PAUSE("ask", result={"limit": 5})]


@pytest.mark.parametrize("signal", PAYLOADS, ids=repr)
def test_a_payload_is_no_value(signal: Signal[Any], tmp_path: Path) -> None:
    """What a failure or a pause carries need not be of the task's type; it is stored as JSON, and comes back."""

    def work() -> int:
        raise signal

    with Flow("f") as flow:
        node = task(work)()
        gate = task(trigger=manual_only)(lambda: 1)()
    run = flow.run(store=tmp_path / "runs.db")
    assert [signal.state] * 2 == [run[node], flow.resume(run.id, gate, store=tmp_path / "runs.db")[node]]
    assert signal.state == left(work, None)


@pytest.mark.parametrize("handed", [{"n": 1}, [1, 1], "2026-01-22"], ids=repr)
def test_what_a_loop_hands_on_is_no_value(handed: Any, tmp_path: Path) -> None:
    """An iteration may hand on any JSON, whatever the task returns; it is not read as the task's type."""

    def work() -> set[date]:
        if current().number == 1:
            raise LOOP(result=handed)
        if current().number == 2:
            raise PAUSE("look")
        assert handed == current().loop_result
        return set()

    with Flow("f") as flow:
        node = task(work)()
    run = flow.run(store=tmp_path / "runs.db")
    assert Success(result=set()) == flow.resume(run.id, node, store=tmp_path / "runs.db")[node]


def test_a_loop_whose_type_nobody_would_know(tmp_path: Path) -> None:
    """A state that is parametrised where it is raised leaves no trace of its type; the error says what does."""

    def work() -> int:
        raise LOOP.of(Looped[date](result=date(2026, 1, 22)))

    state = left(work, tmp_path / "runs.db")
    assert Failed is type(state)
    assert str(state.message).endswith("declare it by a state of your own: class Next(Looped[date]): ...")


@pytest.mark.parametrize("signal", [FAIL("12 rows refused", result={1}), PAUSE("ask", result={1})], ids=repr)
def test_a_payload_that_cannot_be_stored(signal: Signal[Any], tmp_path: Path) -> None:
    """The state is kept without it, and says so."""

    def work() -> int:
        raise signal

    state = left(work, tmp_path / "runs.db")
    assert (type(signal.state), False) == (type(state), state.has_result)
    assert str(state.message).startswith(f"{signal.state.message}; its result cannot be stored: ")


def test_a_typed_payload_is_what_comes_back(tmp_path: Path) -> None:
    """A payload that is declared where it is raised becomes JSON in a store at once, not only after a resume."""

    def work() -> int:
        raise FAIL.of(Failed[date](message="late", result=date(2026, 1, 22), retryable=False))

    assert Failed(message="late", result="2026-01-22", retryable=False) == left(work, tmp_path / "runs.db")


class Rejected(Failed[R]):
    """A failure with more than text."""

    details: Any = None


class REJECT(Signal[Rejected]):
    """Fail with more than text."""


def test_a_failure_is_not_lost_for_what_accompanies_it(tmp_path: Path) -> None:
    """A field of a user's state that cannot be stored is left out, with the user's kind; message and causes stay."""

    def work() -> int:
        raise REJECT("12 rows refused", details=NoModel(), retryable=False) from ValueError("why")

    state = left(work, tmp_path / "runs.db")
    assert (Failed, ("why",), False) == (type(state), tuple(one.message for one in state.causes), state.retryable)
    assert str(state.message).startswith("12 rows refused; its result cannot be stored: ")


def test_text_that_is_no_unicode(tmp_path: Path) -> None:
    """What an exception or a message says of a name that is no Unicode is spelled out; a value is not lost for it."""

    def read() -> int:
        raise FileNotFoundError("no \udcff.csv")

    def told() -> int:
        raise SUCCESS("\udcff.csv", result=1)

    assert ["no \\udcff.csv"] == [one.message for one in left(read, tmp_path / "runs.db").causes]
    assert Success(message="\\udcff.csv", result=1) == left(told, tmp_path / "runs.db")


@pytest.mark.parametrize("declared", [Any, dict[str, Any]], ids=repr)
def test_keys_of_a_result_are_not_repeated(declared: Any, tmp_path: Path) -> None:
    """They may be payload: in what is said of a result that cannot be stored, a question mark stands for each."""
    state = left(giving(declared, {"card_4111": {"pin": {1, 2}}}), tmp_path / "runs.db")
    assert Failed is type(state)
    assert "result.?.?: " in str(state.message)


def test_names_of_fields_are_told(tmp_path: Path) -> None:
    """A path leads through the fields of the declared type by their names."""
    state = left(giving(list[Entry], [{"rows": {"card": {1}}}]), tmp_path / "runs.db")
    assert "result[0].rows.?: " in str(state.message)
