"""Signals: one for each concrete state, from the definition of the class to the clause that catches it."""

import gc
import importlib
import traceback
import weakref
from datetime import datetime
from typing import Any, Generic, TypeVar

import pytest
from pydantic import ValidationError

import statesig
from statesig import (
    FAIL,
    RETRY,
    SKIP,
    SUCCESS,
    TIMEOUT,
    DefinitionError,
    Failed,
    Finished,
    MetaState,
    NoSignal,
    Pending,
    Signal,
    Skipped,
    State,
    Success,
    TimedOut,
    catching,
    signal_of,
)
from tests.harness.cases import at_once
from tests.samples import kinds
from tests.samples.samples import BUILT_IN, KINDS, bare, full

T = TypeVar("T")

NAMES = {
    "PEND": "Pending",
    "SCHEDULE": "Scheduled",
    "RESUME": "Resume",
    "RETRY": "Retrying",
    "LOOP": "Looped",
    "PAUSE": "Paused",
    "QUEUE": "Queued",
    "SUBMIT": "Submitted",
    "START": "Running",
    "STOP": "Cancelling",
    "SUCCESS": "Success",
    "CACHE": "Cached",
    "MAP": "Mapped",
    "SKIP": "Skipped",
    "FAIL": "Failed",
    "TIMEOUT": "TimedOut",
    "TRIGGERFAIL": "TriggerFailed",
    "VALIDATIONFAIL": "ValidationFailed",
    "CRASH": "Crashed",
    "CANCEL": "Cancelled",
    "MAPFAIL": "MapFailed",
    "MAPCANCEL": "MapCancelled",
}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def signal_class(kind: type[State[Any]]) -> type[Signal[Any]]:
    return type(signal_of(bare(kind)))


# ---- one to one


def test_every_built_in_state_has_a_signal_and_every_name_is_there() -> None:
    """The names and their states are the contract's, and no concrete state is without one."""
    assert sorted(NAMES.values()) == sorted(kind.__name__ for kind in BUILT_IN)
    found = {name: type(signal_of(bare(getattr(statesig, state)))) for name, state in NAMES.items()}
    assert {name: getattr(statesig, name) for name in NAMES} == found


def test_no_two_states_share_a_signal() -> None:
    """As many signals as states, a user's own among them."""
    assert len(KINDS) == len({signal_class(kind) for kind in KINDS})


@at_once
@each_kind
def test_signal_of_is_the_inverse_of_state(kind: type[State[Any]]) -> None:
    """``signal_of(s).state is s``, for a bare state and for a full one."""
    for state in (bare(kind), full(kind)):
        assert state is signal_of(state).state


@at_once
@each_kind
def test_the_state_of_a_signal_has_one_class(kind: type[State[Any]]) -> None:
    """``type(signal_of(S(...)))`` is the one signal of S, and makes an S."""
    signal = signal_class(kind)
    fields = {name: value for name, value in full(kind) if name != "type"}
    assert full(kind) == signal(**fields).state
    assert kind is type(signal(**fields).state)


@at_once
@each_kind
def test_subscripting_gives_the_signal_itself(kind: type[State[Any]]) -> None:
    """``Signal[Failed] is FAIL``, for every state."""
    assert signal_class(kind) is Signal[kind]  # type: ignore[valid-type]  # a class in a variable


@pytest.mark.parametrize("argument", [Success[int], Failed[list[str]], T, State, Finished, MetaState])
def test_subscripting_with_no_one_state_gives_an_alias(argument: Any) -> None:
    """A parametrised state, a type variable and an abstract state give a plain alias of Signal."""
    assert Signal is Signal[argument].__origin__  # type: ignore[valid-type,attr-defined]  # what typing makes of it


@at_once
@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_is_a_direct_subclass_and_not_generic(name: str) -> None:
    """``class SKIP(Signal[Skipped])`` and nothing more."""
    signal = getattr(statesig, name)
    assert ((Signal,), ()) == (signal.__bases__, signal.__parameters__)


def test_a_user_writes_the_same_line() -> None:
    """A state of a user's own gets its signal by one line, and the signal takes the state's fields."""
    expected = kinds.Quarantined(message="odd", path="a.csv")
    assert expected == kinds.QUARANTINE("odd", path="a.csv").state


def test_a_generic_state_has_one_signal_for_all_its_results() -> None:
    """The signal of a generic state carries any parametrisation of it."""
    state = kinds.Partial[int](result=1, missing=("x",))
    assert kinds.PARTIAL is type(signal_of(state))
    assert state is signal_of(state).state


# ---- definitions that cannot be


def _second() -> None:
    class SECOND(Signal[Failed]): ...


def _below_a_leaf() -> None:
    class LOUDER(SKIP): ...


def _parametrised() -> None:
    class EXACT(Signal[Success[int]]): ...


def _own_twice() -> None:
    class AGAIN(Signal[kinds.Quarantined]): ...


def _two_at_once() -> None:
    class BOTH(Signal[kinds.Quarantined], Signal[kinds.Sealed]): ...


def _abstract() -> None:
    class END(Signal[Finished]): ...


def _abstract_meta() -> None:
    class HOLD(Signal[MetaState[int]]): ...


def _root() -> None:
    class ANY(Signal[State]): ...


def _no_state() -> None:
    class NOTHING(Signal): ...  # type: ignore[type-arg]  # that is the mistake


def _no_concrete_state() -> None:
    class GENERIC(Signal[T], Generic[T]): ...  # type: ignore[type-var]  # that is the mistake


def _non_state() -> None:
    class NUMBER(Signal[int]): ...  # type: ignore[type-var]  # that is the mistake


@pytest.mark.parametrize(
    ("define", "named"),
    [
        (_second, ["SECOND", "Failed", "FAIL"]),
        (_below_a_leaf, ["LOUDER", "Skipped", "SKIP"]),
        (_parametrised, ["EXACT", "Success", "SUCCESS"]),
        (_own_twice, ["AGAIN", "Quarantined", "QUARANTINE"]),
        (_two_at_once, ["BOTH", "QUARANTINE", "SEAL"]),
        (_abstract, ["END", "Finished", "Success"]),
        (_abstract_meta, ["HOLD", "MetaState", "Queued"]),
        (_root, ["ANY", "State", "Pending"]),
        (_no_state, ["NOTHING", "Signal"]),
        (_no_concrete_state, ["GENERIC", "T"]),
        (_non_state, ["NUMBER", "int"]),
    ],
)
def test_a_wrong_definition_is_refused(define: Any, named: list[str]) -> None:
    """A signal that breaks one-to-one is an error that names what is involved, and nothing is registered."""
    before = catching(State)
    with pytest.raises(DefinitionError) as error:
        define()
    assert named == [name for name in named if name in str(error.value)]
    assert before == catching(State)
    assert FAIL is Signal[Failed]


def test_a_definition_error_is_a_type_error() -> None:
    """What catches a TypeError catches a wrong definition."""
    assert issubclass(DefinitionError, TypeError)


def test_a_module_that_is_loaded_again_replaces() -> None:
    """The same module and qualified name is the same class defined again, as in a notebook."""
    module = importlib.import_module("tests.samples.reloaded")
    old_state, old_signal = module.Misfiled, module.MISFILE
    module = importlib.reload(module)
    assert old_state is not module.Misfiled
    assert module.MISFILE is type(signal_of(module.Misfiled()))
    assert module.MISFILE is Signal[module.Misfiled]
    assert module.Misfiled(message="x") == module.MISFILE("x").state
    assert old_signal not in catching(State)


def test_only_the_signal_is_defined_again() -> None:
    """A cell that holds the signal alone can be run again, too."""
    imports = "from statesig import Signal\nfrom tests.samples.reloaded import Misfiled"
    module = importlib.reload(importlib.import_module("tests.samples.reloaded"))
    namespace = {"__name__": module.__name__}
    exec(f"{imports}\nclass MISFILE(Signal[Misfiled]): ...", namespace)
    assert namespace["MISFILE"] is type(signal_of(module.Misfiled()))
    assert namespace["MISFILE"] in catching(Failed)
    assert module.MISFILE not in catching(Failed)


@pytest.mark.parametrize(
    ("given", "what"), [(Failed, "the class Failed; construct it: Failed(...)"), (3, "a value of class int")]
)
def test_signal_of_what_is_no_state(given: Any, what: str) -> None:
    """A class of states, or a value, is refused by what it is, and no line to write is made of it."""
    with pytest.raises(TypeError) as error:
        signal_of(given)
    assert f"signal_of takes states, not {what}" == str(error.value)


def test_no_signal_prints_the_line_to_write() -> None:
    """`signal_of` a state without a signal raises NoSignal, and the line that it prints makes one."""

    class Orphaned(Failed): ...

    with pytest.raises(NoSignal) as error:
        signal_of(Orphaned())
    line = str(error.value).partition("define one: ")[2]
    assert "class ORPHANED(Signal[Orphaned]): ..." == line
    namespace: dict[str, Any] = {"Signal": Signal, "Orphaned": Orphaned, "__name__": __name__}
    exec(line, namespace)
    assert namespace["ORPHANED"] is type(signal_of(Orphaned()))


# ---- construction


@at_once
@each_kind
def test_a_message_by_position_or_by_name(kind: type[State[Any]]) -> None:
    """``SIG("why", ...)`` and ``SIG(message="why", ...)`` are equal in state; without one it is None."""
    signal = signal_class(kind)
    required = {name: value for name, value in bare(kind) if name in kind.model_fields and value is not None}
    assert bare(kind, message="why") == signal("why", **required).state
    assert bare(kind, message="why") == signal(**{**required, "message": "why"}).state
    assert bare(kind) == signal(**required).state


def test_a_message_twice_is_refused() -> None:
    """One message by position and one by name is a TypeError."""
    with pytest.raises(TypeError, match="message"):
        SKIP("one", message="two")  # type: ignore[misc]  # that is the mistake


def test_a_signal_takes_a_result() -> None:
    """``SKIP("x", result=5)`` is a Skipped with a result; in the ancestor it was a TypeError."""
    assert 5 == SKIP("x", result=5).state.unwrap()


@at_once
@each_kind
def test_the_result_is_not_the_signal(kind: type[State[Any]]) -> None:
    """A signal without a result has a state without one; in the ancestor the result was the signal."""
    signal = signal_of(bare(kind, message="ok"))
    assert (False, None) == (signal.state.has_result, signal.state.result)


@at_once
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *((name, {"no_such_field": 1}) for name in NAMES),
        *((name, {"message": 5}) for name in NAMES),
        ("RETRY", {"run_count": -3}),
        ("RETRY", {"run_count": "1"}),
        ("RETRY", {"start_time": datetime(2019, 4, 4)}),
        ("LOOP", {"loop_count": 0}),
        ("FAIL", {"retryable": "yes"}),
        ("FAIL", {"causes": (ValueError("x"),)}),
        ("CACHE", {"expires": 5}),
        ("PAUSE", {"until": datetime(2019, 4, 4)}),
        ("QUEUE", {}),
        ("QUEUE", {"state": Success()}),
        ("MAP", {"children": (1,)}),
    ],
)
def test_a_bad_argument_is_the_validation_error_of_the_state(name: str, fields: dict[str, Any]) -> None:
    """A bad argument raises the very error that the state's own constructor raises, and no signal."""
    with pytest.raises(ValidationError) as expected:
        getattr(statesig, NAMES[name])(**fields)
    with pytest.raises(ValidationError) as actual:
        raise getattr(statesig, name)(**fields)
    assert (expected.value.title, expected.value.errors()) == (actual.value.title, actual.value.errors())


def test_a_bad_message_by_position() -> None:
    """The message is validated by position, too."""
    with pytest.raises(ValidationError, match="message"):
        SKIP(5)  # type: ignore[arg-type]  # that is the mistake


def test_signal_itself_is_abstract() -> None:
    """`Signal` cannot be raised, with a message or from a state."""
    with pytest.raises(TypeError, match="SKIP or FAIL"):
        Signal("x")
    with pytest.raises(TypeError, match="abstract"):
        Signal.of(Skipped())


@at_once
@each_kind
def test_of_carries_the_state_as_it_is(kind: type[State[Any]]) -> None:
    """``SIG.of(state).state is state``."""
    state = full(kind)
    assert state is signal_class(kind).of(state).state


def test_of_takes_a_parametrised_state() -> None:
    """The class of a parametrised state is kept."""
    state = Success[int](result=1)
    assert state is SUCCESS.of(state).state


@at_once
@each_kind
def test_of_refuses_every_other_state(kind: type[State[Any]]) -> None:
    """``SIG.of`` a state of another class, an ancestor or a descendant among them, is a TypeError that names both."""
    signal = signal_class(kind)
    for other in KINDS:
        if other is not kind:
            with pytest.raises(TypeError) as error:
                signal.of(bare(other))
            assert f"{signal.__name__} carries {kind.__name__}, not {other.__name__}" == str(error.value)


@pytest.mark.parametrize("value", [None, "x", Skipped, SKIP("x")])
def test_of_refuses_what_is_no_state(value: Any) -> None:
    """``SIG.of`` takes an instance of its state and nothing else."""
    with pytest.raises(TypeError, match="SKIP carries Skipped"):
        SKIP.of(value)


@at_once
@each_kind
def test_the_state_is_read_only(kind: type[State[Any]]) -> None:
    """``signal.state`` can be neither set nor deleted, and stays."""
    signal = signal_of(bare(kind))
    before = signal.state
    with pytest.raises(AttributeError):
        signal.state = bare(kind, message="other")  # type: ignore[misc]  # that is the mistake
    with pytest.raises(AttributeError):
        del signal.state
    assert before is signal.state


# ---- raising and catching


@at_once
@each_kind
def test_a_signal_is_no_error(kind: type[State[Any]]) -> None:
    """``except Exception`` lets every signal pass, so user code cannot swallow a SKIP."""
    signal = signal_of(bare(kind))
    caught_by = ""
    try:
        raise signal
    except Exception:
        caught_by = "Exception"
    except Signal:
        caught_by = "Signal"
    assert ("Signal", False) == (caught_by, isinstance(signal, Exception))


def test_except_a_subscripted_signal() -> None:
    """``except Signal[Failed]`` catches FAIL, and lets the signals of other states pass, descendants' too."""
    caught: list[tuple[str, State[Any]]] = []
    for signal in (FAIL("no"), TIMEOUT("late")):
        try:
            raise signal
        except Signal[Failed] as one:  # type: ignore[misc]  # a class when it is evaluated
            caught.append(("Signal[Failed]", one.state))
        except Signal as one:
            caught.append(("Signal", one.state))
    assert [("Signal[Failed]", Failed(message="no")), ("Signal", TimedOut(message="late"))] == caught


@at_once
@pytest.mark.parametrize("family", [State, MetaState, Finished, *KINDS], ids=lambda kind: kind.__name__)
def test_catching_catches_a_family(family: type[State[Any]]) -> None:
    """``except catching(K) as s`` catches the signals of K and of every descendant, a user's too, and no others."""
    caught: list[State[Any]] = []
    for kind in KINDS:
        try:
            raise signal_of(bare(kind))
        except catching(family) as signal:
            caught.append(signal.state)
        except Signal:
            pass
    assert [bare(kind) for kind in KINDS if issubclass(kind, family)] == caught


def test_catching_a_parametrised_family() -> None:
    """The arguments of a class say nothing of its signals."""
    assert catching(Failed) == catching(Failed[int])


def test_catching_knows_a_signal_that_is_defined_later() -> None:
    """A signal that is defined after a first `catching` is caught by the next."""
    before = set(catching(Pending))

    class Deferred(Pending): ...

    class DEFER(Signal[Deferred]): ...

    assert {DEFER} == set(catching(Pending)) - before


def test_except_star_by_signal_and_by_family() -> None:
    """``except*`` splits a group by signal, by family and by what is left."""
    found: dict[str, list[str]] = {}
    try:
        raise BaseExceptionGroup("g", [SKIP("a"), TIMEOUT("b"), RETRY("c"), ValueError("d"), FAIL("e")])
    except* SKIP as group:
        found["SKIP"] = [str(member) for member in group.exceptions]
    except* catching(Failed) as group:
        found["Failed"] = [str(member) for member in group.exceptions]
    except* Signal as group:
        found["Signal"] = [str(member) for member in group.exceptions]
    except* ValueError as group:
        found["ValueError"] = [str(member) for member in group.exceptions]
    assert {"SKIP": ["a"], "Failed": ["b", "e"], "Signal": ["c"], "ValueError": ["d"]} == found


def test_a_signal_takes_notes() -> None:
    """``add_note`` works as for any exception."""
    signal = SKIP("x")
    signal.add_note("row 3")
    assert ["row 3"] == signal.__notes__


def test_signals_are_told_apart_by_match() -> None:
    """A signal is a class to match by, and its state another."""
    match FAIL("x").state, SKIP("y"):
        case Failed(message="x"), SKIP():
            matched = True
        case _:
            matched = False
    assert matched


# ---- how it looks


@at_once
@each_kind
def test_text_is_the_message(kind: type[State[Any]]) -> None:
    """``str(signal)`` is its state's message, empty without one."""
    assert ("", "why") == (str(signal_of(bare(kind))), str(signal_of(full(kind))))


@at_once
@each_kind
def test_repr_is_a_call(kind: type[State[Any]]) -> None:
    """``repr(signal)`` is its class called with the state's fields, those that were given."""
    for state in (bare(kind), full(kind)):
        signal = signal_of(state)
        assert repr(state) == repr(signal).replace(type(signal).__name__, kind.__name__, 1)


def test_repr_of_a_signal() -> None:
    """Fields that equal their default are left out."""
    assert "SKIP()" == repr(SKIP())
    assert "RETRY(message='busy', run_count=2)" == repr(RETRY("busy", run_count=2))
    assert "SUCCESS(result=None)" == repr(SUCCESS(result=None))


def test_a_traceback_ends_with_the_message() -> None:
    """An uncaught signal reads as an exception does."""
    assert ["statesig.signals.SKIP: no rows\n"] == traceback.format_exception_only(SKIP("no rows"))


# ---- no reference cycle


def test_a_signal_and_its_state_are_no_cycle() -> None:
    """A signal that was raised and caught goes away with its last name, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        for kind in KINDS:
            try:
                raise signal_of(bare(kind))
            except Signal as caught:
                signal, state = weakref.ref(caught), weakref.ref(caught.state)
            assert (None, None) == (signal(), state()), kind
    finally:
        gc.enable()


def test_the_state_is_left_when_the_signal_is_gone() -> None:
    """A caught state does not keep its signal alive, nor the frames of its traceback."""
    signal = FAIL("x")
    gone, state = weakref.ref(signal), signal.state
    del signal
    assert (None, Failed(message="x")) == (gone(), state)


def test_a_descendant_is_another_signal() -> None:
    """TIMEOUT is no FAIL, though TimedOut is a Failed: families are caught by `catching`."""
    assert (False, True) == (issubclass(TIMEOUT, FAIL), issubclass(TimedOut, Failed))
