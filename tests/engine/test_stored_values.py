"""What a store gives back: results, parameters and items of maps, equal and of their own class, in another process."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from statesig import (
    LOOP,
    PAUSE,
    SKIP,
    SUCCESS,
    AnyState,
    Failed,
    Flow,
    FlowError,
    Looped,
    Signal,
    State,
    Success,
    Task,
    all_finished,
    current,
    states_of,
    task,
)
from tests import ROOT
from tests.samples.stored_values import VALUES
from tests.samples.stored_values import flow as flow_of_values

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("leaves_nothing")]


def program(*arguments: str) -> str:
    """Return what the program of the values prints."""
    command = [sys.executable, "-W", "error", "-m", "tests.samples.stored_values", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def came_back(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a process says of each value, that goes on with the run of this one."""
    store = str(tmp_path_factory.mktemp("values") / "runs.db")
    run = flow_of_values.run(store=store, **{name: value for name, (_, value) in VALUES.items()})
    said = program(store, run.id)
    return dict(line.split(" ", 1) for line in said.splitlines())  # type: ignore[arg-type]  # two parts each


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_as_it_was(came_back: dict[str, str], name: str) -> None:
    """As a result, as items of a mapped task and as a parameter it is equal, and of its own class, in a new process."""
    assert "as it was" == came_back[name]


# ---- what cannot be stored


class Model(BaseModel):
    number: int = 0


class Withheld(BaseModel):
    number: int = Field(default=0, exclude=True)


class NoModel:
    pass


LOOPED: list[Any] = []
LOOPED.append(LOOPED)

UNSTORABLE: dict[str, tuple[Any, Any, str]] = {
    "undeclared": (Any, date(2026, 1, 22), "a value of class date is not JSON; declare the result's type"),
    "undeclared_class": (Any, NoModel(), "a value of class NoModel is not JSON; declare the result's type"),
    "undeclared_tuple": (Any, (1, 2), "a value of class tuple is not JSON; declare the result's type"),
    "undeclared_keys": (Any, {1: 2}, "JSON's keys are text, and a key is not"),
    "declared_class": (NoModel, NoModel(), "pydantic cannot read values of type NoModel"),
    "withheld_field": (Withheld, Withheld(number=5), "would read back as another value"),
    "not_a_number": (Any, float("nan"), "NaN and infinities are not JSON"),
    "surrogate": (str, "secret\ud800", "text with a lone surrogate is not valid Unicode"),
    "octets": (bytes, b"secret\xff", "bytes that are not UTF-8 have no JSON form"),
    "digits": (int, 10**5_000, "whole numbers past 4,300 digits do not read back"),
    "endless": (list, LOOPED, "nested too deep"),
    "class": (type, int, "has no JSON form"),
}


def giving(name: str, declared: Any, value: Any) -> Task[..., Any]:
    def give() -> Any:
        return value

    give.__annotations__ = {"return": declared}
    return task(name=name, retries=2)(give)


@task
def double(value: int) -> int:
    return 2 * value


@task(trigger=all_finished)
def tally(states: list[AnyState[int]]) -> list[str]:
    return [state.type for state in states]


@pytest.mark.parametrize("name", UNSTORABLE)
def test_a_result_that_cannot_be_stored(name: str, tmp_path: Path) -> None:
    """It fails its task at once, with the reason and the remedy and not with the value; the run goes on."""
    declared, value, reason = UNSTORABLE[name]
    with Flow("f") as flow:
        given = giving(name, declared, value)()
        other = double(4)
    run = flow.run(store=tmp_path / "runs.db")
    state = run[given]
    assert (Failed, False, Success(result=8)) == (type(state), state.retryable, run[other])
    assert str(state.message).startswith("its result cannot be stored: ")
    assert reason in str(state.message)
    assert str(state.message).endswith("; say what the task returns in its annotation, or return what JSON can hold")
    assert "secret" not in str(state.message)


@pytest.mark.parametrize("name", UNSTORABLE)
def test_without_a_store_it_is_a_result(name: str) -> None:
    """Nothing is asked of a result that is not stored."""
    declared, value, _ = UNSTORABLE[name]
    with Flow("f") as flow:
        given = giving(name, declared, value)()
    assert value is flow.run()[given].result


def test_a_child_whose_result_cannot_be_stored(tmp_path: Path) -> None:
    """Of a mapped task that child alone fails."""

    @task
    def odd(number: int) -> Any:
        return {number} if number % 2 else number

    with Flow("f") as flow:
        told = tally(states_of(flow.map(odd, [2, 3, 4])))
    assert Success(result=["Success", "Failed", "Success"]) == flow.run(store=tmp_path / "runs.db")[told]


@pytest.mark.parametrize("signal", [SUCCESS, SKIP, LOOP], ids=lambda signal: signal.__name__)
def test_a_value_that_cannot_be_stored(signal: Any, tmp_path: Path) -> None:
    """Without its value, or without what the next iteration starts from, a task fails; events tell what is stored."""

    @task
    def work() -> NoModel:
        raise signal("why", result=NoModel())

    with Flow("f") as flow:
        node = work()
    events: list[State[Any]] = []
    run = flow.run(store=tmp_path / "runs.db", on_event=lambda event: events.append(event.state))
    assert Failed is type(run[node])
    assert "its result cannot be stored" in str(run[node].message)
    assert run[node] == events[-1]


def test_a_parameter_that_cannot_be_stored(tmp_path: Path) -> None:
    """It is refused before anything runs, and before there is a run in the store; the text does not repeat it."""
    with Flow("f") as flow:
        double(flow.parameter("value", Any))
    with pytest.raises(FlowError, match="parameter value cannot be stored: ") as caught:
        flow.run(value={"secret"}, store=tmp_path / "runs.db")
    assert "secret" not in str(caught.value)
    assert [] == os.listdir(tmp_path)


class Next(Looped[date]):
    """An iteration that hands on a date."""


class NEXT(Signal[Next]):
    """Iterate again, with a date."""


def test_what_a_loop_hands_on_comes_back(tmp_path: Path) -> None:
    """The result that an iteration hands on is of the type that its state declares, after a resume, too."""

    @task
    def work() -> date:
        handed: date | None = current().loop_result
        if handed is None:
            raise NEXT("further", result=date(2026, 1, 22))
        if current().number == 2:
            raise PAUSE("look")
        return handed

    with Flow("f") as flow:
        node = work()
    run = flow.run(store=tmp_path / "runs.db")
    resumed = flow.resume(run.id, node, store=tmp_path / "runs.db")
    assert Success(result=date(2026, 1, 22)) == resumed[node]
