"""The front door: every option of a run is written out, and a wrong one is refused before anything runs."""

import asyncio
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from statesig import Flow, FlowError, Threads, task
from statesig.engine.options import NAMES_OF_OPTIONS
from tests.harness.cases import at_once

EXECUTORS = "executor is an Executor or one of 'inline', 'threads', 'processes', 'dask', not"

WRONG = [
    ("executor", 5, f"{EXECUTORS} 5"),
    ("executor", "thread", f"{EXECUTORS} 'thread'"),
    ("executor", Threads, f"{EXECUTORS} the class Threads; call it: Threads()"),
    ("store", 3.5, "store is a path, a URL or a Store, not 3.5"),
    ("store", b"runs.db", "store is a path, a URL or a Store, not a value of class bytes"),
    ("lease", "soon", "lease is a number of seconds above 0, not 'soon'"),
    ("lease", 0, "lease is a number of seconds above 0, not 0"),
    ("lease", -1.5, "lease is a number of seconds above 0, not -1.5"),
    ("lease", float("inf"), "lease is a number of seconds above 0, not inf"),
    ("lease", float("nan"), "lease is a number of seconds above 0, not nan"),
    ("lease", True, "lease is a number of seconds above 0, not True"),
    ("on_event", 7, "on_event is a function that is called with each Event, not 7"),
    ("redact", "***", "redact is a function of a text that returns one, not a value of class str"),
    ("traceback", "yes", "traceback is True, False or 'last', not 'yes'"),
    ("signals", None, "signals is True or False, not a value of class NoneType"),
    ("clock", 12, "clock is a function without arguments that returns an aware datetime, not 12"),
    ("sleep", 0.1, "sleep is a function that is called with a number of seconds, not 0.1"),
]


class Doubling:
    """A flow with one task, and the numbers with which the task was called."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        with Flow("doubling") as self.flow:
            self.node = task(self.double)(self.flow.parameter("n", int, default=1))

    def double(self, n: int) -> int:
        self.calls.append(n)
        return 2 * n

    def run(self, **given: Any) -> Any:
        return self.flow.run(**given)

    def arun(self, **given: Any) -> Any:
        return asyncio.run(self.flow.arun(**given))

    def resume(self, **given: Any) -> Any:
        return self.flow.resume("f00", **given)


ENTRANCES: list[Callable[..., Any]] = [Doubling.run, Doubling.arun, Doubling.resume]


@pytest.mark.parametrize("entrance", ENTRANCES, ids=lambda entrance: entrance.__name__)
@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_option_is_named(
    entrance: Callable[..., Any], name: str, value: object, sentence: str, tmp_path: Path
) -> None:
    """The error says in one line which option it is and what it may be; nothing is run or stored."""
    doubling = Doubling()
    place = tmp_path / "runs.db"
    with pytest.raises(FlowError) as caught:
        entrance(doubling, **{"store": place, name: value})
    assert f"flow 'doubling': {sentence}" == str(caught.value)
    assert ([], False) == (doubling.calls, place.exists())


@at_once
@pytest.mark.parametrize("entrance", ENTRANCES[:2], ids=lambda entrance: entrance.__name__)
@pytest.mark.parametrize(
    ("name", "meant"), [("exectuor", "executor"), ("stroe", "store"), ("on_events", "on_event"), ("m", None)]
)
def test_a_misspelt_option_is_guessed(entrance: Callable[..., Any], name: str, meant: str | None) -> None:
    """A checker takes it for a parameter; the run refuses it, and says which option was probably meant."""
    doubling = Doubling()
    with pytest.raises(FlowError) as caught:
        entrance(doubling, **{"n": 1, name: "threads"})
    hint = "" if meant is None else f"; did you mean {meant}?"
    assert f"flow 'doubling': no such parameter: {name}{hint}; its parameters are n" == str(caught.value)
    assert [] == doubling.calls


def options_of(verb: Callable[..., Any]) -> dict[str, tuple[object, object]]:
    """Return the type and the default of each option of a verb."""
    given = inspect.signature(verb).parameters
    return {name: (given[name].annotation, given[name].default) for name in NAMES_OF_OPTIONS}


def test_the_options_are_written_out() -> None:
    """`run`, `arun` and `resume` have the same options, with the same types and defaults; resuming needs a store."""
    options = options_of(Flow.run)
    assert options == options_of(Flow.arun)
    assert {**options, "store": ("StoreTarget", inspect.Parameter.empty)} == options_of(Flow.resume)


@pytest.mark.parametrize("verb", [Flow.run, Flow.arun, Flow.resume], ids=lambda verb: verb.__name__)
def test_each_option_is_explained(verb: Callable[..., Any]) -> None:
    """Where the user looks: in the docstring of each verb."""
    explained = re.findall(r"^ {4}(\w+): ", inspect.getdoc(verb) or "", re.MULTILINE)
    assert set() == {*NAMES_OF_OPTIONS} - {*explained}


def test_no_parameter_has_the_name_of_an_option() -> None:
    """A keyword of a run is one or the other."""
    for name in NAMES_OF_OPTIONS:
        with pytest.raises(FlowError, match=f"'{name}' is an option of run"):
            Flow("f").parameter(name, int)
