"""Signals as types of a boundary: each signal through each entrance, and what an entrance refuses.

The order of this module is part of the test: the entrances are built and used before `Tardy` is defined.
"""

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Generic

import cloudpickle
import httpx
import jsonschema
import pytest
from fastapi import Body, FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from typing_extensions import TypeVar

from statesig import (
    FAIL,
    MAP,
    RETRY,
    SKIP,
    SUCCESS,
    TIMEOUT,
    AnyState,
    DecodeError,
    Failed,
    Finished,
    Flow,
    Limits,
    Mapped,
    MetaState,
    Paused,
    Retrying,
    Scheduled,
    Signal,
    SignalOf,
    Skipped,
    State,
    Success,
    TimedOut,
    decode,
    encode,
    schema,
    signal_of,
    task,
)
from tests.harness.cases import at_once
from tests.samples.samples import KINDS, bare, full

R = TypeVar("R", default=Any)
S = TypeVar("S", bound=State[Any])
Door = Callable[[Signal[Any]], Any]


class Refused(Exception):
    """The application answered 422."""


REFUSALS = (ValidationError, DecodeError, Refused)


def document(signal: Signal[Any]) -> Any:
    """Return a signal as JSON parsed into Python."""
    return json.loads(encode(signal))


def texts(value: Any) -> Any:
    """Return parsed JSON with texts in the place of its scalars, as a form would send it."""
    if isinstance(value, dict):
        return {name: texts(part) for name, part in value.items()}
    return [texts(part) for part in value] if isinstance(value, list) else str(value)


def doors(asked: Any) -> dict[str, Door]:
    """Return every entrance of an annotation by its name."""
    adapter: Any = TypeAdapter(asked)
    listed: Any = TypeAdapter(list[asked])
    keyed: Any = TypeAdapter(dict[str, asked])
    holder: Any = create_model("Holder", held=(asked, ...))
    strict: Any = create_model("Strict", __config__={"strict": True}, held=(asked, ...))
    return {
        "TypeAdapter of a signal": adapter.validate_python,
        "TypeAdapter of a document": lambda signal: adapter.validate_python(document(signal)),
        "TypeAdapter of JSON": lambda signal: adapter.validate_json(encode(signal)),
        "TypeAdapter of JSON, strict": lambda signal: adapter.validate_json(encode(signal), strict=True),
        "a list, from JSON": lambda signal: listed.validate_json(b"[" + encode(signal) + b"]")[0],
        "a dict of signals": lambda signal: keyed.validate_python({"a": signal})["a"],
        "a field, constructed": lambda signal: holder(held=signal).held,
        "a field, from a document": lambda signal: holder.model_validate({"held": document(signal)}).held,
        "a field, from JSON": lambda signal: holder.model_validate_json(b'{"held":' + encode(signal) + b"}").held,
        "a strict field, from a document": lambda signal: strict(held=document(signal)).held,
        "decode": lambda signal: decode(encode(signal), asked),
        "strict decode": lambda signal: decode(encode(signal), asked, strict=True),
    }


def enter(door: Door, signal: Signal[Any]) -> Any:
    """Return what comes out of a door, None if it refuses."""
    try:
        return door(signal)
    except REFUSALS:
        return None


BARE = {kind: signal_of(bare(kind)) for kind in KINDS}
FULL = {kind: signal_of(full(kind)) for kind in KINDS}
FAMILIES = (State, MetaState, Finished, Success, Failed, Scheduled, Paused)
EXACT_DOORS = {kind: doors(type(signal)) for kind, signal in BARE.items()}
FAMILY_DOORS = {kind: doors(SignalOf[kind]) for kind in FAMILIES}  # type: ignore[valid-type]  # a class in a variable
ANY_DOORS = doors(Signal)
for book in (*EXACT_DOORS.values(), *FAMILY_DOORS.values(), ANY_DOORS):
    for opened in book.values():
        enter(opened, BARE[Success])


class Tardy(TimedOut[R]):
    """A user's state, defined late."""

    by: int = 1


class TARDY(Signal[Tardy[Any]]):
    """Its signal."""


class Mute(Failed[R]):
    """A user's state without a signal."""


class Elder(Success[R]):
    """A user's state, of which this module alone derives others."""

    hours: int = 0


class AGE(Signal[Elder[Any]]):
    """Its signal."""


class Younger(Elder[R]):
    """A descendant of it, which has none."""


class REJUVENATE(Signal[Younger[Any]]):
    """Its signal."""


SIGNALS = {**FULL, Tardy: TARDY("too late", by=3)}
some_families = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.__name__)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.__name__)


def admitted(book: dict[str, Door]) -> dict[str, set[Any]]:
    """Return, for each door, the states whose signals it lets through, as they were."""
    found: dict[str, set[Any]] = {name: set() for name in book}
    for kind, signal in SIGNALS.items():
        for name, door in book.items():
            entered = enter(door, signal)
            if entered is not None:
                assert (type(signal), type(signal.state), signal.state) == (
                    type(entered),
                    type(entered.state),
                    entered.state,
                )
                found[name].add(kind)
    return found


# ---- which signals enter


@at_once
@each_kind
def test_a_class_of_signals_admits_its_own_alone(kind: Any) -> None:
    """Of all signals, every entrance of SKIP admits SKIP, with its state, and refuses those of its descendants, too."""
    assert {name: {kind} for name in EXACT_DOORS[kind]} == admitted(EXACT_DOORS[kind])


@at_once
@some_families
def test_a_family_admits_its_signals_and_no_others(family: Any) -> None:
    """SignalOf[Failed] admits FAIL and the signals of all descendants of Failed, one that was defined late as well."""
    expected = {kind for kind in SIGNALS if issubclass(kind, family)}

    assert dict.fromkeys(FAMILY_DOORS[family], expected) == admitted(FAMILY_DOORS[family])


def test_signal_admits_every_signal() -> None:
    """A field of type Signal takes any signal, one that was defined late as well."""
    assert {name: set(SIGNALS) for name in ANY_DOORS} == admitted(ANY_DOORS)


@at_once
@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        (SKIP | RETRY, {Skipped, Retrying}),
        (Signal[Skipped | Retrying], {Skipped, Retrying}),
        (SignalOf[Scheduled | Skipped], {kind for kind in KINDS if issubclass(kind, (Scheduled, Skipped))}),
        (Signal[AnyState[Any]], set(SIGNALS)),
        (Signal[S], set(SIGNALS)),  # type: ignore[valid-type]  # as an annotation in a generic function
        (SignalOf, set(SIGNALS)),
    ],
    ids=str,
)
def test_a_union_admits_what_its_members_admit(asked: Any, kinds: set[Any]) -> None:
    """A union is told apart by tag, and comes out as the signal that went in."""
    book = {name: door for name, door in doors(asked).items() if "decode" not in name or asked != SKIP | RETRY}

    assert dict.fromkeys(book, kinds) == admitted(book)


def test_a_signal_passes_as_itself() -> None:
    """An instance is not copied: with its notes and its cause it is the very object."""
    signal = SKIP("no rows")

    assert signal is TypeAdapter(SKIP).validate_python(signal)
    assert signal is TypeAdapter(SignalOf[Finished]).validate_python(signal)
    assert signal is TypeAdapter(SKIP | RETRY).validate_python(signal)


@at_once
@pytest.mark.parametrize("asked", [SKIP, Signal, SignalOf[Finished]], ids=str)
def test_texts_are_no_numbers(asked: Any) -> None:
    """Strings mode, as for a form, reads the fields that are texts; it converts nothing, as for states."""
    adapter = TypeAdapter[Any](asked)

    assert "no rows" == adapter.validate_strings({"type": "Skipped", "message": "no rows"}).state.message
    with pytest.raises(ValidationError):
        TypeAdapter(RETRY).validate_strings({"type": "Retrying", "run_count": "2"})


# ---- declared results


class Order(BaseModel):
    """A user's model."""

    number: int


class Drawn(Success[R]):
    """A user's generic state."""

    share: float = 0.5


class DRAW(Signal[Drawn[R]], Generic[R]):
    """Its generic signal."""


class Weighed(Success[R]):
    """A user's state, whose signal says of what."""


class WEIGH(Signal[Weighed[int]]):
    """Its signal, of numbers."""


@at_once
@pytest.mark.parametrize(
    ("asked", "signal", "state"),
    [
        (Signal[Success[Order]], SUCCESS(result={"number": 1}), Success[Order](result=Order(number=1))),
        (SignalOf[Finished[Order]], SKIP(result={"number": 1}), Skipped[Order](result=Order(number=1))),
        (Signal[Finished[Order]], FAIL(), Failed[Order]()),
        (DRAW[Order], DRAW(result={"number": 1}), Drawn[Order](result=Order(number=1))),
        (DRAW, DRAW(result=1), Drawn(result=1)),
        (WEIGH, WEIGH(result=1), Weighed[int](result=1)),
    ],
    ids=str,
)
def test_a_declared_result_becomes_what_it_is_declared_as(asked: Any, signal: Any, state: Any) -> None:
    """Signal[Success[Order]] takes a success whose result reads as an Order, from a signal and from a document."""
    entered = [TypeAdapter(asked).validate_python(signal), decode(encode(signal), asked)]

    assert [(type(signal), type(state), state)] * 2 == [(type(one), type(one.state), one.state) for one in entered]


@at_once
@pytest.mark.parametrize(
    ("asked", "signal"),
    [
        (Signal[Success[int]], SUCCESS(result="4111")),
        (SignalOf[Finished[int]], TIMEOUT(result="4111")),
        (DRAW[int], DRAW(result="4111")),
        (WEIGH, WEIGH.of(Weighed(result="4111"))),  # type: ignore[arg-type]  # not what it declares
    ],
    ids=str,
)
def test_another_result_is_refused(asked: Any, signal: Any) -> None:
    """A result that is not of the declared type is refused with its path, of a signal and of a document."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(asked).validate_python(signal)
    with pytest.raises(DecodeError, match="result: Input should be a valid integer") as undecoded:
        decode(encode(signal), asked)

    assert [("result",)] == [error["loc"] for error in refused.value.errors()]
    assert "4111" not in str(undecoded.value)


def test_what_a_signal_was_raised_from_is_kept() -> None:
    """Where a result becomes what is declared, the new signal has the notes, the cause and the traceback of the old."""
    try:
        raise SUCCESS(result={"number": 1}) from ValueError("why")
    except SUCCESS as caught:
        caught.add_note("a note")
        signal = caught
    entered = TypeAdapter(Signal[Success[Order]]).validate_python(signal)

    entered.add_note("another")
    assert (["a note"], ["a note", "another"]) == (signal.__notes__, entered.__notes__)
    assert signal.__cause__ is entered.__cause__
    assert signal.__traceback__ is entered.__traceback__


class Box(BaseModel, Generic[S]):
    """A user's model, generic in the state."""

    exact: Signal[S]
    family: SignalOf[S]


def test_a_type_variable_is_what_it_is_replaced_by() -> None:
    """In a generic model Signal[S] admits what S is; bare, anything that S may be."""
    box = Box[Failed](exact=FAIL(), family=TIMEOUT())

    assert (FAIL, TIMEOUT) == (type(box.exact), type(box.family))
    assert SKIP is type(Box(exact=SKIP(), family=SKIP()).exact)
    with pytest.raises(ValidationError, match="expected FAIL, got TIMEOUT"):
        Box[Failed](exact=TIMEOUT(), family=TIMEOUT())


# ---- written


@at_once
@each_kind
def test_the_document_is_the_state_s(kind: Any) -> None:
    """A signal has one form: encode, TypeAdapter, a field and a dump in Python write what they write of its state."""
    for signal in (BARE[kind], FULL[kind]):
        held = create_model("Held", signal=(type(signal), ...))(signal=signal)
        state = create_model("Held", signal=(kind, ...))(signal=signal.state)

        assert encode(signal.state) == encode(signal)
        assert encode(signal.state) == TypeAdapter(Signal).dump_json(signal)
        assert state.model_dump_json() == held.model_dump_json()
        assert state.model_dump() == held.model_dump()


@at_once
@each_kind
def test_reading_gives_back_what_was_written(kind: Any) -> None:
    """``decode(encode(s), type(s))`` keeps the state and both classes, for every signal."""
    for signal in (BARE[kind], FULL[kind]):
        back = decode(encode(signal), type(signal))

        assert (type(signal), type(signal.state)) == (type(back), type(back.state))
        assert signal.state == back.state


def test_models_that_hold_signals_are_copied_and_pickled() -> None:
    """A model keeps its signals, their states and classes, through copies and pickles; the class can go along."""
    held = Box[Failed](exact=FAIL("no"), family=TIMEOUT("late"))

    for back in (copy.deepcopy(held), held.model_copy(deep=True), pickle.loads(cloudpickle.dumps(held))):
        assert [FAIL("no").state, TIMEOUT("late").state] == [back.exact.state, back.family.state]
    assert held.exact is held.model_copy().exact


def test_the_annotation_can_be_pickled() -> None:
    """SignalOf[Failed] means the same where a pickle is read."""
    adapter = TypeAdapter[Any](pickle.loads(pickle.dumps(SignalOf[Failed])))

    assert TIMEOUT is type(adapter.validate_python({"type": "TimedOut"}))


# ---- refused


SECRET = "secret-card-4111"
WRONG: tuple[Any, ...] = (
    {},
    [SECRET],
    {"message": SECRET},
    {"type": SECRET * 20},
    {"type": "Younger", "message": [SECRET]},
    {"type": "Younger", "message": {SECRET: SECRET}},
    {"type": "Younger", "causes": [{"type": SECRET}]},
    {"type": "Younger", "card": SECRET * 20},
    {"type": "Younger", **{f"{SECRET}{index}": index for index in range(200)}},
    {"type": "Skipped", "result": SECRET},
)


@at_once
@pytest.mark.parametrize("wrong", WRONG, ids=lambda one: str(one)[:30])
def test_errors_are_those_of_the_state(wrong: Any) -> None:
    """A wrong document is refused as a signal in the words in which it is as its state; nothing of it is repeated."""
    found: list[Any] = []
    for asked in (Younger, REJUVENATE):
        with pytest.raises(ValidationError) as refused:
            TypeAdapter(asked).validate_python(wrong)
        with pytest.raises(DecodeError) as undecoded:
            decode(json.dumps(wrong), asked)
        found.append((refused.value.errors(), undecoded.value.problems, undecoded.value.more))
        assert SECRET not in str(undecoded.value) or wrong.keys() - {"type"} == {"card"} or len(wrong) > 100

    assert found[0] == found[1]


@at_once
@pytest.mark.parametrize("asked", [SKIP, Signal, SignalOf[Finished], Signal[Skipped | Retrying]], ids=str)
def test_limits_are_those_of_states(asked: Any) -> None:
    """decode measures a document before it reads a signal, refuses one key twice if strict, and no JSON always."""
    with pytest.raises(DecodeError, match="more than 10 bytes"):
        decode(b'{"type":"Skipped"}', asked, limits=Limits(max_bytes=10))
    with pytest.raises(DecodeError, match="nested deeper than 3"):
        decode(b'{"type":"Skipped","result":[[[1]]]}', asked, limits=Limits(max_depth=3))
    with pytest.raises(DecodeError, match="twice"):
        decode(b'{"type":"Skipped","type":"Skipped"}', asked, strict=True)
    for data in (b"", b'{"type":"Skip', b'{"type":"Skipped","result":NaN}', b'{"type":"Skipped","message":"\xff"}'):
        with pytest.raises(DecodeError):
            decode(data, asked)


@at_once
@pytest.mark.parametrize(
    ("asked", "given", "told"),
    [
        (SKIP, RETRY(SECRET), "expected SKIP, got RETRY"),
        (SKIP, Skipped(message=SECRET), "expected SKIP, got the state Skipped"),
        (Signal, Skipped(message=SECRET), "expected Signal, got the state Skipped"),
        (SignalOf[Failed], SKIP(SECRET), r"expected SignalOf\[Failed\], got SKIP"),
        (Signal[Skipped | Retrying], FAIL(SECRET), r"expected Signal\[Skipped \| Retrying\], got FAIL"),
        (DRAW[int], SKIP(SECRET), r"expected DRAW\[int\], got SKIP"),
        (DRAW[list[int]], SKIP(SECRET), r"expected DRAW\[list\[int\]\], got SKIP"),
        (Skipped, SKIP(SECRET), "Unable to extract tag"),
        (Skipped, Retrying(message=SECRET), "expected Skipped, got Retrying"),
    ],
    ids=str,
)
def test_an_instance_of_another_class_is_refused(asked: Any, given: Any, told: str) -> None:
    """The text names both classes and shows nothing of the instance; a state is no signal, and a signal no state."""
    with pytest.raises(ValidationError, match=told) as refused:
        TypeAdapter(asked).validate_python(given)

    assert SECRET not in str(refused.value)


def test_a_state_without_a_signal_has_none_to_be_read_as() -> None:
    """A document of such a state is refused with the line to write, as a signal alone; the schema leaves it out."""
    assert isinstance(decode(b'{"type":"Mute"}', Failed), Mute)
    with pytest.raises(DecodeError, match=r"Mute has no signal; define one: class MUTE\(Signal\[Mute\]\)"):
        decode(b'{"type":"Mute"}', SignalOf[Failed])
    with pytest.raises(ValidationError, match=r"Mute has no signal"):
        TypeAdapter(Signal).validate_python({"type": "Mute", "message": SECRET})
    assert "Mute" in schema(Failed)["discriminator"]["mapping"]
    assert "Mute" not in schema(SignalOf[Failed])["discriminator"]["mapping"]


def test_a_forged_state_is_refused() -> None:
    """A signal whose state was changed past its being frozen does not enter, as the state would not."""
    signal = SKIP("no rows")
    object.__setattr__(signal.state, "message", 5)

    with pytest.raises(ValidationError):
        TypeAdapter(SKIP).validate_python(signal)


def test_a_signal_with_a_state_of_another_is_refused() -> None:
    """A signal that was given the state of another signal, past its being read-only, does not enter as either."""
    signal = SKIP()
    object.__setattr__(signal, "_state", Failed(message=SECRET))

    for asked in (Signal, SKIP, FAIL, SignalOf[Finished]):
        with pytest.raises(ValidationError) as refused:
            TypeAdapter[Any](asked).validate_python(signal)
        assert SECRET not in str(refused.value)


class Verdict(BaseModel):
    """A user's model that holds signals."""

    first: SKIP
    others: list[SignalOf[Finished]] = []


def test_a_result_that_holds_signals_is_read_back() -> None:
    """In a result signals are the same if their states are, so `encode` takes it, and a store gives it back."""
    held: Success[Any] = Success[Verdict](result=Verdict(first=SKIP("a"), others=[TIMEOUT("b"), SKIP()]))
    other: Success[Any] = Success[Verdict](result=Verdict(first=SKIP("b"), others=[TIMEOUT("b"), SKIP()]))
    back = decode(encode(held), Success[Verdict])

    assert (held, hash(held)) == (back, hash(back))
    assert held != other
    assert Success(result=SKIP("a")) != Success(result=RETRY("a"))


def test_a_signal_as_a_parameter_of_a_stored_flow(tmp_path: Path) -> None:
    """A parameter declared as a signal is kept as its document, and is the signal in the run."""

    @task
    def told(signal: SKIP) -> str:
        return repr(signal)

    with Flow("f") as flow:
        node = told(flow.parameter("signal", SKIP))
    run = flow.run(store=tmp_path / "runs.db", signal=SKIP("no rows"))

    assert Success(result="SKIP(message='no rows')") == run[node]


def test_a_mapped_document_of_a_failure_is_no_map() -> None:
    """What version 0.1.0 wrote as Mapped though a child failed is a MapFailed, so it is not read as MAP."""
    data = b'{"type":"Mapped","children":[{"type":"Failed"}]}'

    assert "MAPFAIL" == type(decode(data, Signal)).__name__
    with pytest.raises(DecodeError, match="expected MAP, got MapFailed"):
        decode(data, MAP)
    assert isinstance(decode(b'{"type":"Mapped"}', MAP).state, Mapped)


@at_once
@pytest.mark.parametrize("asked", [int, Signal[int], DecodeError, Annotated[int, 1], None, "SKIP"], ids=str)  # type: ignore[type-var]  # what is no state
def test_nothing_else_is_asked_for(asked: Any) -> None:
    """What is no class of states or signals is a TypeError that says so."""
    with pytest.raises(TypeError, match=r"a class of states or of signals is asked for|a signal raises a state"):
        decode(b"{}", asked)
    with pytest.raises(TypeError, match=r"a class of states or of signals is asked for|a signal raises a state"):
        schema(asked)
    with pytest.raises(TypeError, match="encode takes"):
        encode(asked)


# ---- described


ASKED: tuple[Any, ...] = (SKIP, FAIL, Signal, SignalOf[Failed], SignalOf[Finished], Signal[Skipped | Retrying])


@at_once
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_another_validator_agrees(asked: Any) -> None:
    """By the JSON Schema of an annotation a document is valid exactly where decode takes it."""
    validator = jsonschema.Draft202012Validator(schema(asked))
    documents = [*map(document, (*SIGNALS.values(), *BARE.values())), *WRONG, {"type": "Mute"}]

    def decodes(given: Any) -> bool:
        try:
            decode(json.dumps(given), asked)
        except DecodeError:
            return False
        return True

    assert [decodes(given) for given in documents] == [validator.is_valid(given) for given in documents]


def test_a_family_has_a_discriminator() -> None:
    """The schema of a family tells its members apart by tag, and names them as that of the states does."""
    assert schema(Elder) == schema(SignalOf[Elder])

    described = schema(SignalOf[Scheduled])
    assert "type" == described["discriminator"]["propertyName"]
    assert {"Scheduled", "Resume", "Retrying", "Looped"} <= described["discriminator"]["mapping"].keys()
    assert {"Skipped": "#/$defs/Skipped"} == schema(SKIP)["discriminator"]["mapping"]
    assert {"Skipped", "Retrying"} == schema(Signal[Skipped | Retrying])["discriminator"]["mapping"].keys()
    assert "Tardy" in schema(SignalOf[Failed])["discriminator"]["mapping"]


# ---- FastAPI


app = FastAPI()


@app.post("/skip")
async def skip(body: Annotated[SKIP, Body()]) -> SKIP:
    return body


@app.post("/either")
async def either(body: Annotated[SKIP | RETRY, Body()]) -> SKIP | RETRY:
    return body


@app.post("/family")
async def family(body: SignalOf[Failed]) -> SignalOf[Finished]:
    return body


@app.post("/any")
async def anything(body: Annotated[Signal, Body()]) -> Signal:
    return body


@app.post("/typed")
async def typed(body: Signal[Success[int]]) -> Signal[Success[int]]:
    return body


@app.post("/listed")
async def listed(body: list[SKIP]) -> dict[str, SKIP]:
    return {str(index): signal for index, signal in enumerate(body)}


def answers(path: str, bodies: list[bytes]) -> list[httpx.Response]:
    """Send bodies to the application, over ASGI."""

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
            headers = {"content-type": "application/json"}
            return [await client.post(path, content=body, headers=headers) for body in bodies]

    return asyncio.run(send())


ROUTES = {
    "/skip": {Skipped},
    "/either": {Skipped, Retrying},
    "/family": {kind for kind in SIGNALS if issubclass(kind, Failed)},
    "/any": set(SIGNALS),
    "/typed": set[Any](),
}


@at_once
@pytest.mark.parametrize("path", ROUTES)
def test_a_body_and_a_response_are_signals(path: str) -> None:
    """FastAPI reads a signal from a body and writes one as a response, byte for byte the state's; others are 422."""
    bodies = {kind: encode(signal) for kind, signal in SIGNALS.items()}
    answered = dict(zip(bodies, answers(path, list(bodies.values())), strict=True))

    assert {kind: 200 if kind in ROUTES[path] else 422 for kind in bodies} == {
        kind: answer.status_code for kind, answer in answered.items()
    }
    assert {kind: bodies[kind] for kind in ROUTES[path]} == {kind: answered[kind].content for kind in ROUTES[path]}


def test_bodies_of_several_and_of_declared_results() -> None:
    """A list of signals is a body, a dict of them a response; a declared result is validated."""
    good, bad = encode(SUCCESS(result=5)), encode(SUCCESS(result="five"))

    assert [200, 422] == [answer.status_code for answer in answers("/typed", [good, bad])]
    several = answers("/listed", [b"[" + encode(SKIP("a")) + b"]", b'[{"type":"Failed"}]'])
    assert [(200, b'{"0":' + encode(SKIP("a")) + b"}"), (422, b"")] == [
        (answer.status_code, answer.content if answer.status_code == 200 else b"") for answer in several
    ]


def test_openapi_names_the_states() -> None:
    """The bodies and responses are described by the components of the states, with discriminator and mapping."""
    described = app.openapi()
    posted = {
        path: operation["post"]["requestBody"]["content"]["application/json"]["schema"]
        for path, operation in described["paths"].items()
    }

    assert {"Skipped": "#/components/schemas/Skipped"} == posted["/skip"]["discriminator"]["mapping"]
    assert {"Failed", "TimedOut", "Tardy"} <= posted["/family"]["discriminator"]["mapping"].keys()
    assert set(posted["/any"]["discriminator"]["mapping"].values()) <= {
        f"#/components/schemas/{name}" for name in described["components"]["schemas"]
    }
