"""What ``help()`` and completion show: the things that a person needs, first."""

import inspect
import pydoc

import pytest

import statesig
from statesig import SKIP, Failed, Flow, Signal, State, Success
from statesig.engine.options import NAMES_OF_OPTIONS
from statesig.signals import signal_type_of
from statesig.states.families import descendants
from tests.harness.cases import at_once


def lines_of(thing: object) -> list[str]:
    """Return what ``help(thing)`` prints."""
    return [line.strip(" |") for line in pydoc.render_doc(thing, renderer=pydoc.plaintext).splitlines()]


def unbroken(thing: object) -> str:
    """Return the same without spaces and line ends: a long signature is broken from Python 3.13 on."""
    return "".join("".join(lines_of(thing)).split())


def test_help_of_the_package_begins_with_an_example() -> None:
    """States, signals and a flow come before anything else; names are grouped by what they are for."""
    text = (statesig.__doc__ or "").split("\n\n")
    assert "Typed states and signals for pipelines, and an algebra over both." == text[0]
    assert text[2].lstrip().startswith("from statesig import")
    groups = next(part for part in text if part.startswith("states  ")).splitlines()
    assert ["states", "signals", "transitions", "algebra", "triggers"] == [line.split()[0] for line in groups[:5]]


def test_the_example_of_the_package_runs() -> None:
    """The lines that help shows are a program."""
    text = inspect.cleandoc(statesig.__doc__ or "")
    code = text[text.index("    from statesig import") : text.index("Names by what")]
    namespace: dict[str, object] = {}
    exec(inspect.cleandoc("\n" + code), namespace)
    assert Success(result=6) == namespace["run"][namespace["node"]]  # type: ignore[index]  # whatever exec left


@at_once
@pytest.mark.parametrize("kind", [kind for kind in descendants(State) if kind.__module__ == "statesig.states"])
def test_the_signature_of_a_signal_shows_the_fields_of_its_state(kind: type[State[object]]) -> None:
    """The message comes first, by position too; all others are keywords, with the defaults of the state's own."""
    signal = signal_type_of(kind)
    shown = inspect.signature(signal).parameters
    fields = inspect.signature(kind).parameters
    assert "message" == next(iter(shown))
    assert {name: field.default for name, field in fields.items()} == {name: one.default for name, one in shown.items()}
    assert set(kind.model_fields) == set(shown)


def test_signal_itself_has_the_signature_of_its_constructor() -> None:
    """It carries no state, so there are no fields to show."""
    assert ["message", "fields"] == list(inspect.signature(Signal).parameters)


def test_help_of_a_signal_shows_its_fields() -> None:
    """``help(SKIP)`` begins with the fields."""
    assert "SKIP(message:str|None=None,*,result:" in unbroken(SKIP)


def test_help_of_a_state_shows_its_own_things_first() -> None:
    """Before Pydantic's methods come the constructor and the methods of states; internals are not shown."""
    lines = lines_of(Failed)
    assert "retryable:bool=True" in unbroken(Failed).partition("Methodresolutionorder")[0]
    own, inherited = lines.index("unwrap(self) -> 'R'"), lines.index("Methods inherited from pydantic.main.BaseModel:")
    assert own < inherited
    assert [] == [name for name in dir(Success) if name.startswith("_") or name in ("dict", "json", "parse_obj")]


def test_help_of_run_shows_every_option() -> None:
    """``help(Flow.run)`` has each with its type and default."""
    shown = unbroken(Flow.run)
    assert "executor:'Executor|ExecutorName|None'=None" in shown
    assert [] == [name for name in NAMES_OF_OPTIONS if f"{name}:'" not in shown]
