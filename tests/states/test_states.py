"""What section 3 of the contract promises of states, one promise a test."""

import copy
import json
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, Generic, Literal
from zoneinfo import ZoneInfo

import cloudpickle
import pydantic
import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator, model_validator
from typing_extensions import TypeVar

import statesig
from statesig import (
    AnyFinished,
    AnyState,
    Cached,
    Cancelled,
    DecodeError,
    DefinitionError,
    ErrorInfo,
    Failed,
    Finished,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    NoResult,
    Paused,
    Pending,
    Queued,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
    decode,
    encode,
)
from tests.harness.cases import at_once
from tests.harness.exhaustive import counts, thorough_but
from tests.harness.strategies import (
    ABSTRACT,
    BARE,
    BRANCHES,
    CONCRETE,
    NOON,
    PARENTS,
    SAMPLES,
    SHARED,
    Leased,
    Order,
    Withheld,
    fingerprint,
    is_kind_of,
    name_of,
    run_python,
    shown,
)

R = TypeVar("R", default=Any)
X = TypeVar("X", default=Any)

every_class = pytest.mark.parametrize("cls", CONCRETE, ids=name_of)


class Replies(Success[R]):
    """A state of a user, without a signal, for the tests of this module."""

    count: int = 0


# ---- the hierarchy


@at_once
@every_class
def test_the_hierarchy_is_the_contracts(cls: Any) -> None:
    """A class is below another exactly where the contract draws it so."""
    above = [kind for kind in PARENTS if is_kind_of(cls, kind)]

    assert above == [kind for kind in PARENTS if issubclass(cls, kind)]
    assert above == [kind for kind in PARENTS if isinstance(SAMPLES[cls], kind)]


@at_once
@every_class
def test_the_tag_is_the_name_of_the_class(cls: Any) -> None:
    """A state's `type` is its class's name, unless the class chose another."""
    assert ("withheld/1" if cls is Withheld else cls.__name__) == SAMPLES[cls].type


@at_once
@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (Pending, {}),
        (Scheduled, {"start_time": None}),
        (Retrying, {"start_time": None, "run_count": 1}),
        (Looped, {"start_time": None, "loop_count": 1}),
        (Paused, {"until": None}),
        (Cached, {"expires": None}),
        (Mapped, {"children": ()}),
        (Failed, {"retryable": True}),
        (TimedOut, {"retryable": True}),
        (TriggerFailed, {"retryable": False}),
        (ValidationFailed, {"retryable": True}),
        (Success, {}),
        (Cancelled, {}),
    ],
    ids=name_of,
)
def test_fields_and_their_defaults_are_the_contracts(cls: Any, expected: dict[str, Any]) -> None:
    """A class has the common fields and its own, each with the default of the contract."""
    state = cls()

    assert {"message": None, "result": None, "causes": (), **expected} == {
        name: getattr(state, name) for name in cls.model_fields
    }


@pytest.mark.parametrize("cls", ABSTRACT, ids=name_of)
def test_an_abstract_class_cannot_be_constructed(cls: Any) -> None:
    """Constructing State, MetaState or Finished is a TypeError that names what can be."""
    with pytest.raises(TypeError, match=r"abstract; construct one of .*(Pending|Queued|Success)"):
        cls()


@pytest.mark.parametrize("cls", ABSTRACT, ids=name_of)
def test_an_abstract_class_cannot_be_constructed_with_a_parameter(cls: Any) -> None:
    """Constructing State[int], MetaState[int] or Finished[int] is the same error."""
    with pytest.raises(TypeError, match="abstract"):
        cls[int]()


def define_below_state() -> None:
    class Drifting(State[R]): ...


def define_below_meta() -> None:
    class Drifting(MetaState[R]): ...


def define_below_finished() -> None:
    class Drifting(Finished[R]): ...


def define_below_parametrised() -> None:
    class Drifting(Finished[int]): ...


@pytest.mark.parametrize(
    ("define", "ways"),
    [
        (define_below_state, [branch.__name__ for branch in BRANCHES]),
        (define_below_meta, ["Queued", "Submitted"]),
        (define_below_finished, ["Success", "Failed", "Cancelled"]),
        (define_below_parametrised, ["Success", "Failed", "Cancelled"]),
    ],
)
def test_the_branches_are_sealed(define: Callable[[], None], ways: list[str]) -> None:
    """A class directly under State, MetaState or Finished is an error that names each class to derive from."""
    with pytest.raises(DefinitionError) as caught:
        define()

    assert [] == [way for way in ways if way not in caught.value.reason]
    assert not is_known("Drifting")


def is_known(tag: str) -> bool:
    """Tell whether a document with a tag, and whatever fields it needs, could be decoded."""
    try:
        decode(json.dumps({"type": tag}))
    except DecodeError as exc:
        return "unknown tag" not in str(exc)
    return True


def test_a_state_has_one_state_parent() -> None:
    """A class below two states is an error that names both, and is not registered."""
    with pytest.raises(DefinitionError, match="one state parent, not Paused and Cancelled"):

        class PausedAndCancelled(Paused, Cancelled): ...

    assert not is_known("PausedAndCancelled")


def test_a_state_may_have_other_parents_beside() -> None:
    """A mixin that is no state is no second state parent."""

    class Polite:
        def greet(self) -> str:
            return "hello"

    class Greeted(Polite, Success[R]):
        name: str = "you"

    assert "hello" == Greeted().greet()
    assert Greeted(name="me") == decode(encode(Greeted(name="me")))


def test_a_tag_that_is_taken_is_an_error_when_the_second_is_defined() -> None:
    """A second class with a tag is an error that names the first; the first stays what the tag means."""

    class Twice(Failed[R]):
        first: int = 1

    with pytest.raises(DefinitionError, match=r"the tag 'Twice' is taken by .*Twice.*tag="):

        class Thrice(Failed[R], tag="Twice"):
            second: int = 2

    assert Twice(first=3) == decode('{"type": "Twice", "first": 3}')


def test_the_tag_of_a_shipped_state_is_taken() -> None:
    """A user's class named as a shipped one is an error, and the shipped one stays."""
    shipped = statesig.Success

    with pytest.raises(DefinitionError, match="taken by statesig"):

        class Success(Running[R]): ...

    assert shipped is type(decode('{"type": "Success"}'))


def test_a_tag_keyword_names_the_state_on_the_wire() -> None:
    """With `tag=` the class has that tag, and its name is free."""

    class Renamed(Success[R], tag="acme/renamed@2"): ...

    assert b'{"type":"acme/renamed@2"}' == encode(Renamed())
    assert Renamed() == decode('{"type": "acme/renamed@2"}')
    assert not is_known("Renamed")


def test_a_tag_is_not_inherited() -> None:
    """A class below one with a tag of its own has its own name as tag."""

    class Inner(Withheld[R]): ...

    assert "Inner" == Inner(reason="why").type


@pytest.mark.parametrize("tag", [3, b"tag", 1.5])
def test_a_tag_is_a_text(tag: Any) -> None:
    """A tag of another class is refused where the class is defined."""
    with pytest.raises(DefinitionError, match=f"a tag is a text, not a value of class {type(tag).__name__}"):

        class Numbered(Success[R], tag=tag): ...


def test_another_default_needs_its_annotation() -> None:
    """A field that gets a default without its annotation is refused where the class is defined, by its name."""
    with pytest.raises(DefinitionError, match="Unannotated cannot be defined: the field retryable needs its annotat"):

        class Unannotated(Failed):
            retryable = False

    class Annotated_(Failed):
        retryable: bool = False

    assert not Annotated_().retryable


@pytest.mark.parametrize("tag", ["x" * 201, "y" * 10_000])
def test_a_tag_has_a_longest_length(tag: str) -> None:
    """A tag that no document could carry cheaply is an error, and is not registered."""
    with pytest.raises(DefinitionError, match="characters"):

        class Wordy(Success[R], tag=tag): ...

    assert not is_known("Wordy")


def test_a_class_that_is_run_again_replaces_itself() -> None:
    """The same module and qualified name replaces: what a tag means is what was defined last."""

    def define(default: int) -> Any:
        class Reloaded(Success[R]):
            count: int = default

        return Reloaded

    define(1)
    second = define(2)

    assert second() == decode('{"type": "Reloaded"}')
    assert 2 == decode('{"type": "Reloaded"}', second).count
    assert second() == Success.model_validate_json('{"type": "Reloaded"}')


def test_a_field_cannot_be_named_as_the_tag() -> None:
    """A field `type` is an error, since the tag is written there, and the class is not registered."""
    with pytest.raises(DefinitionError, match="'type'"):

        class Typed(Success[R]):
            type: str = "mine"

    assert not is_known("Typed")


def test_an_abstract_class_of_a_user_groups_kinds() -> None:
    """A user's abstract class cannot be constructed, and stands for the classes below it."""

    class Billing(Failed[R], abstract=True):
        account: str

    class Unpaid(Billing[R]):
        amount: int

    with pytest.raises(TypeError, match="Billing is abstract; construct one of Unpaid"):
        Billing(account="a")
    assert Unpaid(account="a", amount=3) == decode('{"type": "Unpaid", "account": "a", "amount": 3}', Billing)
    assert not is_known("Billing")


# ---- what is admitted as a value


@at_once
@every_class
def test_an_unknown_keyword_is_refused(cls: Any) -> None:
    """A class takes its own fields and nothing else."""
    given = {name: getattr(BARE[cls], name) for name in BARE[cls].model_fields_set}

    with pytest.raises(ValidationError, match="extra_forbidden"):
        cls(**given, mesage="hello")


@at_once
@every_class
def test_the_tag_of_another_class_is_refused(cls: Any) -> None:
    """A constructor admits its own tag alone."""
    given = {name: getattr(BARE[cls], name) for name in BARE[cls].model_fields_set - {"type"}}

    assert BARE[cls] == cls(**given, type=BARE[cls].type)
    with pytest.raises(ValidationError):
        cls(**given, type="Skipped" if cls is not Skipped else "Success")


@at_once
@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (Retrying, "run_count", "1"),
        (Retrying, "run_count", True),
        (Retrying, "run_count", 1.0),
        (Retrying, "run_count", 0),
        (Retrying, "run_count", None),
        (Looped, "loop_count", -1),
        (Looped, "loop_count", False),
        (Scheduled, "start_time", 5),
        (Scheduled, "start_time", 5.5),
        (Scheduled, "start_time", "5"),
        (Scheduled, "start_time", "1772366400"),
        (Scheduled, "start_time", "1e9"),
        (Scheduled, "start_time", ""),
        (Scheduled, "start_time", "tomorrow"),
        (Scheduled, "start_time", b"2026-03-01T12:30:15Z"),
        (Scheduled, "start_time", date(2026, 3, 1)),
        (Scheduled, "start_time", "2026-03-01"),
        (Scheduled, "start_time", datetime(2026, 3, 1)),
        (Scheduled, "start_time", "2026-03-01T12:30:15"),
        (Scheduled, "start_time", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))),
        (Paused, "until", datetime(2026, 3, 1)),
        (Paused, "until", timedelta(days=1)),
        (Cached, "expires", datetime(2026, 3, 1)),
        (Failed, "retryable", 1),
        (Failed, "retryable", "true"),
        (Failed, "retryable", None),
        (Success, "message", 5),
        (Success, "message", b"hello"),
        (Success, "message", ["hello"]),
        (Mapped, "children", {Success()}),
        (Mapped, "children", frozenset()),
        (Mapped, "children", iter([])),
        (Mapped, "children", {"0": Success()}),
        (Mapped, "children", Success()),
        (Mapped, "children", [5]),
        (Mapped, "children", [None]),
        (Success, "causes", set()),
        (Success, "causes", [ValueError("x")]),
        (Success, "causes", ["x"]),
        (Success, "causes", None),
        (Withheld, "rows", ["1"]),
        (Withheld, "rows", [True]),
        (Withheld, "rows", {1}),
        (Leased, "lease", 60),
        (Leased, "lease", "60"),
        (Queued, "state", Success()),
        (Queued, "state", Running()),
        (Queued, "state", {"type": "Paused"}),
        (Queued, "state", {}),
        (Queued, "state", None),
    ],
    ids=shown,
)
def test_no_value_is_taken_for_one_of_another_kind(cls: Any, field: str, value: Any) -> None:
    """A constructor refuses a value of another kind, and names the field."""
    given = {name: getattr(BARE[cls], name) for name in BARE[cls].model_fields_set}

    with pytest.raises(ValidationError) as caught:
        cls(**{**given, field: value})

    assert {field} == {error["loc"][0] for error in caught.value.errors()}


@at_once
@pytest.mark.parametrize(
    ("cls", "field", "form", "expected"),
    [
        (Scheduled, "start_time", "2026-03-01T12:30:15.123456Z", NOON),
        (Scheduled, "start_time", "2026-03-01T13:30:15.123456+01:00", NOON),
        (Scheduled, "start_time", "2026-03-01 12:30:15.123456Z", NOON),
        (Scheduled, "start_time", NOON.astimezone(ZoneInfo("Europe/Berlin")), NOON),
        (MapFailed, "children", [Success(), Failed()], (Success(), Failed())),
        (MapCancelled, "children", [{"type": "Cancelled"}], (Cancelled(),)),
        (Mapped, "children", [{"type": "Success", "result": 1}], (Success(result=1),)),
        (Success, "causes", [{"type": "E", "message": "m"}], (ErrorInfo(type="E", message="m"),)),
        (Success, "causes", [ErrorInfo(type="E", message="m")], (ErrorInfo(type="E", message="m"),)),
        (Queued, "state", {"type": "Retrying", "run_count": 2}, Retrying(run_count=2)),
        (Withheld, "rows", [1, 2], (1, 2)),
        (Leased, "lease", "PT1H", timedelta(hours=1)),
    ],
    ids=shown,
)
def test_the_json_form_of_a_value_is_admitted_in_python(cls: Any, field: str, form: Any, expected: Any) -> None:
    """What JSON writes for a value stands for it in a constructor, too: text for times, lists for tuples."""
    given = {name: getattr(BARE[cls], name) for name in BARE[cls].model_fields_set}

    made = getattr(cls(**{**given, field: form}), field)

    assert (type(expected), expected) == (type(made), made)


def test_times_are_kept_in_utc() -> None:
    """An aware time is kept as the same instant in UTC."""
    state = Scheduled(start_time=datetime(2026, 7, 1, 14, 0, tzinfo=ZoneInfo("Europe/Berlin")))

    assert (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), UTC) == (state.start_time, state.start_time.tzinfo)  # type: ignore[union-attr]  # it is given


def test_a_state_never_holds_an_exception() -> None:
    """An exception as cause is refused: an ErrorInfo describes it."""
    with pytest.raises(ValidationError):
        Failed(causes=(ValueError("x"),))  # type: ignore[arg-type]  # the point


# ---- results


def test_a_result_that_was_given_is_told_apart_from_none() -> None:
    """`has_result` says whether a result was given, be it None."""
    assert (False, True, True) == (Success().has_result, Success(result=None).has_result, Success(result=0).has_result)


@at_once
@every_class
def test_unwrap_gives_the_result(cls: Any) -> None:
    """`unwrap` of a state with a result returns it."""
    assert SHARED["result"] == SAMPLES[cls].unwrap()


def test_unwrap_gives_a_result_of_none() -> None:
    """`unwrap` of a state that was given None returns None."""
    assert None is Success(result=None).unwrap()


@at_once
@every_class
def test_unwrap_without_a_result_raises(cls: Any) -> None:
    """`unwrap` of a state that was given no result raises NoResult, which names the state."""
    with pytest.raises(NoResult, match=cls.__name__):
        BARE[cls].unwrap()

    assert not BARE[cls].has_result


@at_once
@every_class
def test_a_result_not_given_differs_from_none(cls: Any) -> None:
    """A state with the result None and one without differ, in equality and on the wire."""
    without, with_none = BARE[cls], BARE[cls].model_copy(update={"result": None})

    assert without != with_none
    assert {**json.loads(encode(without)), "result": None} == json.loads(encode(with_none))
    assert "result" not in json.loads(encode(without))


@at_once
@every_class
def test_a_declared_result_is_validated(cls: Any) -> None:
    """X[int] refuses a result that is no int; None is none."""
    given = {name: getattr(BARE[cls], name) for name in BARE[cls].model_fields_set}

    for result in ("x", None, 1.5, True, [1]):
        with pytest.raises(ValidationError) as caught:
            cls[int](**given, result=result)

        assert ("result",) == caught.value.errors()[0]["loc"], result


def test_a_declared_result_need_not_be_given() -> None:
    """X[int] can be constructed without a result, and then has none."""
    assert (False, Success()) == (Success[int]().has_result, Success[int]())


def test_an_optional_result_may_be_none() -> None:
    """X[int | None] takes None as a result."""
    assert (True, None) == (Success[int | None](result=None).has_result, Success[int | None](result=None).unwrap())


def test_a_declared_result_is_read_from_its_json_form() -> None:
    """X[tuple[int, date]] takes a list with an ISO date."""
    assert (1, date(2026, 3, 1)) == Success[tuple[int, date]](result=[1, "2026-03-01"]).unwrap()  # type: ignore[arg-type]  # the JSON form


@pytest.mark.parametrize("kind", [Success, Success[int], Failed, Retrying, Mapped], ids=lambda kind: kind.__name__)
def test_fields_are_given_by_keyword(kind: type[State[Any]]) -> None:
    """A message without its name, as signals take it, is refused with the call to write; its text is not repeated."""
    name = kind.__name__
    expected = f"{name} takes its fields by keyword, not by place: {name}(message=...)"
    with pytest.raises(TypeError) as caught:
        kind("done")  # type: ignore[misc]  # the point

    assert expected == str(caught.value)


def test_an_undeclared_result_may_be_any_value() -> None:
    """Without a declared type a result is kept as it is, the same object."""
    result = object()

    assert result is Success(result=result).unwrap()


def test_parametrising_with_any_declares_nothing() -> None:
    """X[Any] is X."""
    assert Success is Success[Any]


def test_the_declared_result_reaches_what_a_meta_state_wraps() -> None:
    """Queued[int] wraps a Pending[int]: its result is validated, too."""
    with pytest.raises(ValidationError):
        Queued[int](state=Retrying(result="x"))

    assert Retrying(result=1) == Queued[int](state=Retrying(result=1)).state


# ---- equality and hashing


@at_once
@pytest.mark.parametrize("one", CONCRETE, ids=name_of)
def test_states_of_two_classes_differ(one: Any) -> None:
    """A state equals the bare state of its own class alone."""
    assert [one] == [other for other in CONCRETE if BARE[one] == BARE[other]]


@at_once
@every_class
def test_states_with_equal_fields_are_equal(cls: Any) -> None:
    """Equality is structural, and equal states have one hash."""
    other = copy.deepcopy(SAMPLES[cls])

    assert SAMPLES[cls] == other
    assert hash(SAMPLES[cls]) == hash(other)
    assert SAMPLES[cls] is not other


@at_once
@every_class
def test_each_field_counts_in_equality(cls: Any) -> None:
    """Changing any one field makes another state."""
    sample = SAMPLES[cls]
    changed = {
        name: sample.model_copy(update={name: getattr(BARE[cls], name)})
        for name in cls.model_fields
        if name not in ("state", "reason")
    }

    assert [] == [name for name, state in changed.items() if state == sample]


def test_a_parameter_does_not_count_in_equality() -> None:
    """`Success[int](result=1) == Success(result=1)`, with one hash."""
    typed, plain = Success[int](result=1), Success(result=1)

    assert typed == plain
    assert plain == typed
    assert hash(typed) == hash(plain)
    assert Success[int]() == Success[str]()


def test_a_state_equals_no_other_value() -> None:
    """A state is unequal to its own fields as a mapping, to its tag, to None, and to a model alike."""

    class Alike(BaseModel):
        message: str | None = None

    assert [False] * 4 == [Success() == other for other in ({"type": "Success"}, "Success", None, Alike())]


def test_a_state_with_an_unhashable_result_can_be_hashed() -> None:
    """States go into sets whatever their result."""
    assert 2 == len({Success(result=[1]), Success(result=[1]), Success(result={"a": []})})


# ---- change


@at_once
@every_class
def test_a_state_is_frozen(cls: Any) -> None:
    """Setting or deleting a field raises and changes nothing."""
    state = copy.deepcopy(SAMPLES[cls])

    for name in (*cls.model_fields, "type", "another"):
        with pytest.raises((ValidationError, AttributeError, ValueError)):
            setattr(state, name, None)
        with pytest.raises((ValidationError, AttributeError)):
            delattr(state, name)

    assert SAMPLES[cls] == state


@at_once
@every_class
def test_model_copy_replaces_fields(cls: Any) -> None:
    """`model_copy(update=)` gives a new state with the new value, and leaves the original."""
    original = copy.deepcopy(SAMPLES[cls])

    changed = original.model_copy(update={"message": "another"})

    assert (cls, "another", SHARED["result"]) == (type(changed), changed.message, changed.result)
    assert SAMPLES[cls] == original


@pytest.mark.parametrize("update", [{"message": 5}, {"mesage": "x"}, {"type": "Nothing"}, {"causes": [1]}], ids=shown)
def test_model_copy_validates(update: dict[str, Any]) -> None:
    """`model_copy(update=)` refuses what a constructor would refuse, and leaves the original."""
    for sample in SAMPLES.values():
        original = copy.deepcopy(sample)

        with pytest.raises(ValidationError):
            original.model_copy(update=update)

        assert sample == original


@at_once
@every_class
def test_model_copy_keeps_whether_a_result_was_given(cls: Any) -> None:
    """A copy has a result if and only if the original has, or it is given one."""
    bare = BARE[cls]

    assert (bare, False) == (bare.model_copy(), bare.model_copy(update={"message": "x"}).has_result)
    assert bare.model_copy(update={"result": None}).has_result


def test_model_copy_of_a_parametrised_class_validates_the_result() -> None:
    """A copy of a Success[int] is one, and refuses another result."""
    state = Success[int](result=1)

    with pytest.raises(ValidationError):
        state.model_copy(update={"result": "x"})

    assert Success[int] is type(state.model_copy(update={"result": 2}))


def test_a_deep_model_copy_shares_nothing() -> None:
    """`model_copy(deep=True)` copies the result; without it the copy holds the same one."""
    state = Success(result=[1])

    assert state.result is state.model_copy().result
    assert state.result is not state.model_copy(deep=True).result
    assert state == state.model_copy(deep=True)


def test_model_construct_makes_no_state_that_is_none() -> None:
    """Pydantic's way around validation gives a valid state or raises."""
    try:
        state = Success.model_construct(message="hello")
    except (TypeError, ValidationError):
        return

    assert Success(message="hello") == state
    assert hash(Success(message="hello")) == hash(state)
    assert state == decode(encode(state))


# ---- meta-states


@pytest.mark.parametrize("outer", [Queued, Submitted], ids=name_of)
@pytest.mark.parametrize("inner", [Queued, Submitted], ids=name_of)
def test_wrapping_a_meta_state_flattens(outer: Any, inner: Any) -> None:
    """A meta-state around a meta-state wraps what that one wraps."""
    wrapped = Retrying(message="inner", run_count=2)

    assert outer(state=wrapped) == outer(state=inner(message="lost", state=wrapped))
    assert wrapped == outer(state=outer(state=inner(state=wrapped))).state


def test_a_meta_state_keeps_the_class_it_wraps() -> None:
    """What is wrapped keeps its class and fields, a user's class too."""

    class Nightly(Scheduled[R]):
        hour: int

    assert Nightly(hour=3) == decode(encode(Queued(state=Nightly(hour=3))), Queued).state


# ---- predicates

PREDICATES: dict[str, type[Any]] = {
    "is_pending": Pending,
    "is_scheduled": Scheduled,
    "is_retrying": Retrying,
    "is_looped": Looped,
    "is_paused": Paused,
    "is_meta": MetaState,
    "is_queued": Queued,
    "is_submitted": Submitted,
    "is_running": Running,
    "is_cancelling": statesig.Cancelling,
    "is_finished": Finished,
    "is_successful": Success,
    "is_cached": Cached,
    "is_mapped": Mapped,
    "is_skipped": Skipped,
    "is_failed": Failed,
    "is_cancelled": Cancelled,
}


@at_once
@pytest.mark.parametrize("name", PREDICATES)
def test_a_predicate_holds_for_its_family_alone(name: str) -> None:
    """Each predicate is true of every state of its family, and of no other."""
    assert {cls: is_kind_of(cls, PREDICATES[name]) for cls in CONCRETE} == {
        cls: getattr(statesig, name)(SAMPLES[cls]) for cls in CONCRETE
    }


def test_every_exported_predicate_is_in_the_table() -> None:
    """No predicate over states is left untested."""
    assert set(PREDICATES) == {name for name in statesig.__all__ if name.startswith("is_")} - {"is_allowed"}


def test_predicates_hold_for_parametrised_states() -> None:
    """A predicate is true of a parametrised class as of the plain one."""
    assert statesig.is_successful(Success[int](result=1))
    assert statesig.is_finished(Skipped[Order]())


# ---- descriptions of exceptions


def test_an_error_info_has_text_alone() -> None:
    """An ErrorInfo's defaults are no notes and no traceback."""
    assert {"type": "E", "message": "m", "notes": (), "traceback": None} == dict(ErrorInfo(type="E", message="m"))


NO_ERROR_INFO: tuple[dict[str, Any], ...] = (
    {"type": "E"},
    {"message": "m"},
    {"type": 5, "message": "m"},
    {"type": "E", "message": True},
    {"type": "E", "message": "m", "notes": "n"},
    {"type": "E", "message": "m", "notes": [1]},
    {"type": "E", "message": "m", "traceback": 5},
    {"type": "E", "message": "m", "more": "x"},
)


@at_once
@pytest.mark.parametrize("given", NO_ERROR_INFO, ids=shown)
def test_an_error_info_refuses_what_is_no_text(given: dict[str, Any]) -> None:
    """An ErrorInfo takes text and a list of text, and nothing beyond its fields; as a cause and from JSON, too."""
    with pytest.raises(ValidationError):
        ErrorInfo(**given)
    with pytest.raises(ValidationError):
        Failed(causes=[given])  # type: ignore[arg-type]  # the JSON form
    with pytest.raises(DecodeError):
        decode(json.dumps({"type": "Failed", "causes": [given]}))


@pytest.mark.parametrize("notes", [{"n"}, frozenset({"n"}), iter(["n"])], ids=["set", "frozenset", "iterator"])
def test_the_notes_of_an_error_info_have_an_order(notes: Any) -> None:
    """An ErrorInfo refuses notes that are no tuple and no list."""
    with pytest.raises(ValidationError):
        ErrorInfo(type="E", message="m", notes=notes)


def test_an_error_info_refuses_an_exception() -> None:
    """The message of an ErrorInfo is text, not the exception itself."""
    with pytest.raises(ValidationError):
        ErrorInfo(type="E", message=ValueError("m"))  # type: ignore[arg-type]  # the point


def test_an_error_info_is_frozen() -> None:
    """An ErrorInfo cannot be changed."""
    info = ErrorInfo(type="E", message="m")

    with pytest.raises(ValidationError):
        info.message = "x"

    assert ErrorInfo(type="E", message="m") == info


# ---- generic states


class IntOnly(Success[int]):
    """A user's state below a parametrised class."""

    unit: str = "km"


class Versioned(Success[R], Generic[R, X]):
    """A user's state with a type parameter of its own."""

    version: X = Field(default=None)


class Doubled(Success[tuple[X, X]], Generic[X]):
    """A user's state whose result is made of its own type parameter."""


def test_a_state_below_a_parametrised_class_is_admitted_there() -> None:
    """`class IntOnly(Success[int])` is admitted where Success[int], and where Finished[int], is."""
    state = IntOnly(result=3, unit="m")

    for kind in (Success[int], Finished[int], State[int], Success, Finished, State):
        assert (IntOnly, state) == admitted(kind, state)
        assert (IntOnly, state) == admitted(kind, json.loads(encode(state)))
        assert (IntOnly, state) == (IntOnly, decode(encode(state), kind))


def admitted(kind: Any, value: Any) -> tuple[type, Any]:
    """Return the class and value of what a kind's adapter makes of a value."""
    made = TypeAdapter(kind).validate_python(value)
    return type(made), made


def test_a_state_below_a_parametrised_class_is_refused_elsewhere() -> None:
    """`class IntOnly(Success[int])` is refused where Success[str] is asked for, also when no result is given."""
    for kind in (Success[str], Finished[str], State[Order]):
        for value in (IntOnly(result=3), IntOnly(), {"type": "IntOnly"}):
            with pytest.raises(ValidationError):
                TypeAdapter(kind).validate_python(value)


def test_a_state_below_a_parametrised_class_validates_its_result() -> None:
    """IntOnly takes an int."""
    with pytest.raises(ValidationError):
        IntOnly(result="x")  # type: ignore[arg-type]  # the point


def test_a_state_with_two_parameters_takes_both() -> None:
    """A user's own type parameter is validated beside the result's."""
    state = Versioned[int, str](result=1, version="a")

    assert state == decode(encode(state), Versioned[int, str])
    with pytest.raises(ValidationError):
        Versioned[int, str](result=1, version=2)  # type: ignore[arg-type]  # the point


def test_a_family_binds_the_parameters_that_it_has() -> None:
    """In Success[int] a state with a further parameter has its result validated, and the rest left open."""
    assert (3, {"any": 1}) == (lambda s: (s.result, s.version))(
        decode('{"type": "Versioned", "result": 3, "version": {"any": 1}}', Success[int])
    )
    with pytest.raises(DecodeError):
        decode('{"type": "Versioned", "result": "x"}', Success[int])


def test_a_state_whose_result_is_built_from_its_parameter() -> None:
    """Doubled is a Success[tuple[int, int]] where that is asked for, and none where it cannot be."""
    assert (1, 2) == decode('{"type": "Doubled", "result": [1, 2]}', Success[tuple[int, int]]).result
    assert Doubled[int](result=(1, 2)) == Doubled[int](result=[1, 2])  # type: ignore[arg-type]  # the JSON form
    for kind in (Success[int], Success[tuple[int, str]]):
        with pytest.raises(DecodeError):
            decode('{"type": "Doubled", "result": [1, 2]}', kind)


def test_a_parametrised_class_is_below_its_plain_one() -> None:
    """A Success[int] is a Success and a Finished; a plain Success is no instance of Success[int]."""
    assert (True, True, False) == (
        isinstance(Success[int](), Success),
        isinstance(Success[int](), Finished),
        isinstance(Success(), Success[int]),
    )


def test_an_instance_becomes_of_the_parametrised_class_that_is_asked_for() -> None:
    """A plain state in Finished[int] becomes the parametrised class of its own, an equal state."""
    assert (Skipped[int], Skipped(result=1)) == admitted(Finished[int], Skipped(result=1))


def test_an_instance_of_another_parameter_is_validated_anew() -> None:
    """A Success[str] in Success[int] is refused unless its result is an int."""
    with pytest.raises(ValidationError):
        TypeAdapter(Success[int]).validate_python(Success[str](result="x"))

    assert (Success[int], Success()) == admitted(Success[int], Success[str]())


# ---- pickling and copying

HOW_TO_COPY: dict[str, Callable[[Any], Any]] = {
    "pickle 2": lambda state: pickle.loads(pickle.dumps(state, 2)),
    "pickle 5": lambda state: pickle.loads(pickle.dumps(state, 5)),
    "cloudpickle": lambda state: pickle.loads(cloudpickle.dumps(state)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda state: state.model_copy(),
    "deep model_copy": lambda state: state.model_copy(deep=True),
}
every_copy = pytest.mark.parametrize("how", HOW_TO_COPY)


@at_once
@every_copy
def test_a_copy_keeps_class_and_value(how: str) -> None:
    """Every way of copying gives an equal state of the same class, field by field; with and without a result."""
    for cls, state in [*SAMPLES.items(), *BARE.items()]:
        copied = HOW_TO_COPY[how](state)

        assert (cls, fingerprint(state)) == (type(copied), fingerprint(copied))
        assert state == copied


@at_once
@every_copy
@every_class
def test_a_copy_keeps_a_class_parametrised_inside_a_function(cls: Any, how: str) -> None:
    """A class first parametrised inside a function is that class again after every way of copying."""

    def parametrised() -> Any:
        return cls[list[Literal["inside a function"]]]

    given = {name: getattr(BARE[cls], name) for name in BARE[cls].model_fields_set}
    state = parametrised()(**given, result=["inside a function"])

    copied = HOW_TO_COPY[how](state)

    assert (parametrised(), fingerprint(state)) == (type(copied), fingerprint(copied))


def test_a_deepcopy_copies_the_result() -> None:
    """`copy.deepcopy` shares no mutable result; `copy.copy` does."""
    state = Success(result=[1])

    assert state.result is not copy.deepcopy(state).result
    assert state.result is copy.copy(state).result


def test_a_copied_state_validates_as_the_original_does() -> None:
    """A state that came out of a pickle is frozen and its copies are validated."""
    state = pickle.loads(pickle.dumps(Success[int](result=1)))

    with pytest.raises(ValidationError):
        state.message = "x"
    with pytest.raises(ValidationError):
        state.model_copy(update={"result": "x"})


@pytest.mark.parametrize("pickler", thorough_but([pickle], [pickle, cloudpickle]), ids=name_of)
def test_a_pickle_is_read_in_a_cold_process(pickler: Any) -> None:
    """A fresh interpreter reads the pickles of all kinds, plain and parametrised, and has equal states."""

    def parametrised(cls: Any) -> Any:
        given = {name: getattr(BARE[cls], name) for name in BARE[cls].model_fields_set}
        return cls[dict[str, list[int]]](**given, result={"cold": [1, 2]})

    states = [*SAMPLES.values(), *(parametrised(cls) for cls in CONCRETE)]
    program = """
import json, pickle, sys
states = pickle.load(sys.stdin.buffer)
from statesig import encode
print(json.dumps([(type(s).__name__, encode(s).decode(), s == type(s).model_validate(s)) for s in states]))
"""

    back = run_python(program, stdin=pickler.dumps(states))

    assert [[type(state).__name__, encode(state).decode(), True] for state in states] == back


def test_the_class_from_a_cold_process_is_the_one_that_it_parametrises() -> None:
    """In a cold process the class of an unpickled state is the one that the same parameter gives there."""
    program = """
import json, pickle, sys
state = pickle.load(sys.stdin.buffer)
from statesig import Success
print(json.dumps([type(state) is Success[dict[str, int]], state == Success(result={"a": 1})]))
"""

    assert [True, True] == run_python(program, stdin=pickle.dumps(Success[dict[str, int]](result={"a": 1})))


def test_cloudpickle_carries_a_state_that_is_defined_in_a_script() -> None:
    """A state defined in `__main__` travels by value to a process that has never seen it, and decodes there."""
    sender = """
import cloudpickle, json
from typing_extensions import TypeVar
from statesig import Success
R = TypeVar("R")
class Scripted(Success[R], tag="scripted/1"):
    count: int = 0
print(json.dumps([cloudpickle.dumps(state).hex() for state in (Scripted(count=3), Scripted[int](result=1))]))
"""
    receiver = """
import json, pickle, sys
from statesig import State, decode, encode
states = [pickle.loads(bytes.fromhex(line)) for line in json.load(sys.stdin)]
print(json.dumps([[encode(s).decode(), decode(encode(s)) == s, isinstance(s, State)] for s in states]))
"""

    back = run_python(receiver, stdin=json.dumps(run_python(sender)).encode())

    assert [
        ['{"type":"scripted/1","count":3}', True, True],
        ['{"type":"scripted/1","result":1}', True, True],
    ] == back


def test_a_pickle_names_no_class_that_cannot_be_imported() -> None:
    """The pickle of a parametrised state refers to the plain class and its parameters alone."""
    assert b"Success[" not in pickle.dumps(Success[int](result=1))


# ---- threads


def in_eight_threads(function: Callable[[], Any]) -> list[Any]:
    """Return what a function gives in eight threads that start together."""
    barrier = threading.Barrier(8)

    def together() -> Any:
        barrier.wait(timeout=30)
        return function()

    with ThreadPoolExecutor(8) as pool:
        return [future.result(timeout=30) for future in [pool.submit(together) for _ in range(8)]]


def test_parametrising_from_eight_threads_yields_one_class() -> None:
    """However many threads parametrise a class at once, there is one Success[T] for each T."""
    rounds = 60
    several = []
    for index in range(rounds):
        argument = Literal[index]  # type: ignore[valid-type]  # a new parameter each round
        if len(set(map(id, in_eight_threads(lambda: Success[list[argument]])))) > 1:  # called at once
            several.append(index)

    assert [] == several


@pytest.mark.parametrize("rounds", counts(2, None, 10))
def test_a_family_first_used_in_eight_threads_is_built_once(rounds: int) -> None:
    """Validators, constructors and writers that eight threads need first at one time all work."""
    for index in range(rounds):
        argument = dict[str, Literal[index]]  # type: ignore[valid-type]  # a new parameter each round

        def use() -> Any:
            made = TypeAdapter(Finished[argument]).validate_python({"type": "Skipped", "result": {"a": index}})
            return made, encode(Success[argument](result={"a": index})), type(made)

        outcomes = in_eight_threads(use)

        assert [outcomes[0]] * 8 == outcomes


def test_states_defined_while_others_decode_are_known_at_once() -> None:
    """Threads that define states while others decode get neither errors nor a stale answer."""
    counter = iter(range(10**6))

    def define_and_decode() -> list[bool]:
        right = []
        for _ in range(3):
            name = f"Burst{next(counter)}"
            made = type(Success)(name, (Success,), {"__module__": __name__, "__qualname__": name})
            with pytest.raises(DecodeError):
                decode('{"type": "NoSuch"}')
            right.append(type(decode(json.dumps({"type": name}))) is made)
        return right

    assert [[True] * 3] * 8 == in_eight_threads(define_and_decode)


# ---- what a user's class may have


class Chain(Success[R]):
    """A state with fields of its own type."""

    previous: "Chain[R] | None" = None
    others: "tuple[Chain[Any], ...]" = ()


def test_a_state_may_have_a_field_of_its_own_type() -> None:
    """A field of the class's own type admits its family, and reads back."""

    class Link(Chain[R]):
        length: int = 1

    chain = Chain(previous=Chain(message="a", previous=Link(length=3)), others=[Chain(), Link()])  # type: ignore[arg-type]  # the JSON form

    assert chain == decode(encode(chain))
    assert Link is type(decode(encode(chain), Chain).previous.previous)  # type: ignore[union-attr]  # it is given
    with pytest.raises(ValidationError):
        Chain(previous=Success())  # type: ignore[arg-type]  # the point


class Ranged(Success[R]):
    """A state with validators of pydantic's."""

    low: int
    high: int
    name: Annotated[str, Field(min_length=2)] = "range"

    @field_validator("low")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("low must be even")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> "Ranged[R]":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


@pytest.mark.parametrize(
    "given", [{"low": 1, "high": 2}, {"low": 4, "high": 2}, {"low": 2, "high": 4, "name": "x"}], ids=shown
)
def test_the_validators_of_a_users_state_run_at_every_entrance(given: dict[str, Any]) -> None:
    """A field's validator, a model's and a constraint refuse in the constructor, in a copy, in Python and in JSON."""
    document = {"type": "Ranged", **given}
    valid = Ranged(low=2, high=4)

    with pytest.raises(ValidationError):
        Ranged(**given)
    with pytest.raises(ValidationError):
        valid.model_copy(update=given)
    with pytest.raises(ValidationError):
        State.model_validate(document)
    with pytest.raises(ValidationError):
        State.model_validate_json(json.dumps(document))
    with pytest.raises(DecodeError):
        decode(json.dumps(document))
    assert Ranged(low=2, high=4) == valid == decode(encode(valid))


def test_a_model_validator_before_may_change_the_input() -> None:
    """A validator that runs before sees the fields as they came, in Python and in JSON."""

    class Celsius(Success[R]):
        degrees: float

        @model_validator(mode="before")
        @classmethod
        def _from_text(cls, data: Any) -> Any:
            if isinstance(data, dict) and isinstance(data.get("degrees"), str):
                return {**data, "degrees": float(data["degrees"].removesuffix("C"))}
            return data

    assert Celsius(degrees=21.5) == Celsius(degrees="21.5C")  # type: ignore[arg-type]  # the point
    assert Celsius(degrees=21.5) == decode('{"type": "Celsius", "degrees": "21.5C"}')


def test_a_field_may_have_an_alias() -> None:
    """A field with an alias is read by name or alias, and its state reads back."""

    class Aliased(Success[R]):
        from_: str = Field(default="here", alias="from")

    assert Aliased(**{"from": "there"}) == Aliased(from_="there") == decode(encode(Aliased(from_="there")))


def test_a_default_factory_is_called_for_each_state() -> None:
    """A mutable default is made anew for each state, and is not written."""

    class Collected(Success[R]):
        names: list[str] = Field(default_factory=list)

    assert Collected().names is not Collected().names
    assert b'{"type":"Collected"}' == encode(Collected())
    assert Collected(names=["a"]) == decode(encode(Collected(names=["a"])))


def test_a_user_may_give_a_shipped_field_another_default() -> None:
    """A redeclared field's own default is the one that is left out."""

    class Fatal(Failed[R]):
        retryable: bool = False

    assert b'{"type":"Fatal"}' == encode(Fatal())
    assert b'{"type":"Fatal","retryable":true}' == encode(Fatal(retryable=True))


def test_a_state_may_have_methods_and_properties() -> None:
    """What is no field is no part of the value."""

    class Counted(Success[R]):
        count: int = 2

        @property
        def doubled(self) -> int:
            return 2 * self.count

    assert 4 == Counted().doubled
    assert b'{"type":"Counted"}' == encode(Counted())


def test_a_state_defined_inside_a_function_may_use_its_names() -> None:
    """Annotations of a local class, written as text, are resolved where it was defined, as pydantic's are."""
    program = """
from __future__ import annotations
import json
from pydantic import BaseModel
from statesig import Success, decode

def define():
    class Local(BaseModel):
        a: int
    class Holding(Success):
        local: Local
    state = Holding(local=Local(a=1))
    return state == decode('{"type": "Holding", "local": {"a": 1}}')

print(json.dumps(define()))
"""

    assert run_python(program)


def test_a_state_that_cannot_be_built_yet_spoils_no_other() -> None:
    """While an annotation of one state names what is not defined yet, the others decode; afterwards it does, too."""
    program = """
from __future__ import annotations
import json
from pydantic import BaseModel
from statesig import Success, decode

class Early(Success):
    what: NotYet

before = decode('{"type": "Success"}') == Success()

class NotYet(BaseModel):
    a: int = 1

print(json.dumps([before, decode('{"type": "Early", "what": {}}') == Early(what=NotYet())]))
"""

    assert [True, True] == run_python(program)


def test_a_late_state_is_admitted_at_once() -> None:
    """A state defined after adapters, models, unions and schemas were built is admitted by all of them."""

    class Holder(BaseModel):
        held: AnyFinished[Any]

    adapter: Any = TypeAdapter(Success[int] | Failed)
    Holder(held=Success())
    adapter.validate_python({"type": "Success"})
    decode('{"type": "Success"}')
    statesig.schema(Finished)

    class Belated(Failed[R]):
        hours: int

    document = {"type": "Belated", "hours": 3}

    assert Belated(hours=3) == adapter.validate_python(document)
    assert Belated(hours=3) == Holder.model_validate({"held": document}).held
    assert Belated(hours=3) == Holder.model_validate_json(json.dumps({"held": document})).held
    assert Belated(hours=3) == decode(json.dumps(document), Finished[int])
    assert "Belated" in json.dumps(statesig.schema(Finished))


def test_a_subclass_of_a_users_state_is_of_its_family() -> None:
    """A class below a user's class is admitted where that one is."""

    class Deeper(Withheld[R]):
        level: int = 1

    state = Deeper(reason="why", level=2)

    assert state == decode(encode(state), Withheld)
    assert state == TypeAdapter(Failed[int]).validate_python(state)
    with pytest.raises(DecodeError):
        decode(encode(state), Leased)


def test_definition_fails_whole() -> None:
    """A class whose body pydantic refuses is not registered, and its name stays free."""
    with pytest.raises((TypeError, NameError, pydantic.errors.PydanticUserError)):

        class Faulty(Success[R]):
            untyped = 5  # a field without an annotation

    class Faulty2(Success[R], tag="Faulty"): ...

    assert Faulty2() == decode('{"type": "Faulty"}')


# ---- what people see


@at_once
@every_class
def test_constructing_with_defaults_writes_nothing_more(cls: Any) -> None:
    """A state's repr shows its class and what differs from the defaults."""
    text = repr(BARE[cls].model_copy(update={"message": "hello"}))

    assert text.startswith(f"{cls.__name__}(message='hello'")
    assert "causes" not in text
    assert "result" not in text


def test_a_result_of_none_is_shown() -> None:
    """The repr of a state that was given None says so."""
    assert ("Success(result=None)", "Success()") == (repr(Success(result=None)), repr(Success()))


def test_the_closed_unions_name_the_branches() -> None:
    """AnyState and AnyFinished admit what State and Finished admit."""
    assert Withheld(reason="why") == TypeAdapter(AnyFinished[int]).validate_python(Withheld(reason="why"))
    assert Leased() == TypeAdapter(AnyState[int]).validate_python({"type": "Leased"})
    with pytest.raises(ValidationError):
        TypeAdapter(AnyFinished[int]).validate_python(Leased())


def test_states_carry_no_clock_and_no_run() -> None:
    """Two states made at two times are equal: a state holds its fields alone."""
    assert {"type", "message", "result", "causes"} == set(vars(Running()))
    assert Running() == Running()


def test_annotations_that_pydantic_evaluates_wait_for_no_lock() -> None:
    """A model whose annotations name parametrised states is built in one thread while states are in another."""
    program = """
from __future__ import annotations
import json, threading, time
from pydantic import BaseModel
from statesig import Failed, Finished

class Report(BaseModel):
    first: "Slow[int]"
    outcome: "Finished[Order]"

class Slow:
    def __class_getitem__(cls, item):
        time.sleep(0.3)
        return item

class Order(BaseModel):
    id: int

class Mine(Failed):
    rows: int = 0

def read():
    Report.model_validate({"first": 1, "outcome": {"type": "Failed"}})

reading = threading.Thread(target=read, daemon=True)
reading.start()
time.sleep(0.1)
making = threading.Thread(target=lambda: Mine(rows=1), daemon=True)
making.start()
reading.join(20)
making.join(20)
print(json.dumps([reading.is_alive(), making.is_alive()]))
"""

    assert [False, False] == run_python(program)
