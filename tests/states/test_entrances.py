"""Every entrance admits a kind and its descendants, and nothing else: each state through each door of each kind.

The order of this module is part of the test: the doors of all kinds are built and used before `Overdue` is defined.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import date, datetime
from itertools import product
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from typing_extensions import TypeVar

from statesig import (
    AnyFinished,
    AnyState,
    DecodeError,
    Failed,
    Finished,
    MapFailed,
    Mapped,
    MetaState,
    Pending,
    Queued,
    Resume,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    decode,
    encode,
)
from statesig.states import UtcDatetime
from tests.harness.cases import at_once
from tests.harness.exhaustive import exhaustive_but, one_in, thorough_but
from tests.harness.strategies import (
    BARE,
    CONCRETE,
    FIELDS,
    NOON,
    ORDER,
    PARENTS,
    REQUIRED,
    SAMPLES,
    SHARED,
    Color,
    Level,
    Movie,
    Order,
    Pair,
    Point,
    Withheld,
    fingerprint,
    is_kind_of,
    name_of,
    run_python,
)

R = TypeVar("R", default=Any)
Door = Callable[[State[Any]], Any]


class Refused(Exception):
    """The application answered 422."""


REFUSALS = (ValidationError, DecodeError, Refused)


def document(state: State[Any]) -> Any:
    """Return a state as JSON parsed into Python."""
    return json.loads(encode(state))


def native(state: State[Any]) -> dict[str, Any]:
    """Return a state's tag and fields as Python has them."""
    return {"type": state.type, **{name: getattr(state, name) for name in state.model_fields_set}}


def ask(app: FastAPI, method: str, path: str, content: bytes | str = b"") -> httpx.Response:
    """Send a request to an application over ASGI."""

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
            return await client.request(method, path, content=content, headers={"content-type": "application/json"})

    return asyncio.run(send())


class Application:
    """A FastAPI application with a route per kind."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.received: Any = None

    def door(self, kind: Any) -> Door:
        """Add a route whose body is a kind, and return how to enter it with a state."""
        enter = self.raw_door(kind)
        return lambda state: enter(encode(state))

    def raw_door(self, kind: Any) -> Callable[[bytes | str], Any]:
        """Add a route whose body is a kind, and return how to enter it with a document."""
        path = f"/{len(self.app.routes)}"

        async def endpoint(body: Any) -> None:
            self.received = body

        endpoint.__annotations__["body"] = kind
        self.app.post(path)(endpoint)

        def enter(content: bytes | str) -> Any:
            self.received = None
            response = ask(self.app, "POST", path, content)
            if response.status_code == 422:
                raise Refused
            assert response.status_code == 200
            return self.received

        return enter


application = Application()


def doors(kind: Any) -> dict[str, Door]:
    """Return every entrance of a kind by its name."""
    adapter: Any = TypeAdapter(kind)
    holder: Any = create_model("Holder", held=(kind, ...))
    return {
        "model_validate of an instance": kind.model_validate,
        "model_validate of a document": lambda state: kind.model_validate(document(state)),
        "model_validate of native fields": lambda state: kind.model_validate(native(state)),
        "model_validate_json": lambda state: kind.model_validate_json(encode(state)),
        "TypeAdapter of an instance": adapter.validate_python,
        "TypeAdapter of a document": lambda state: adapter.validate_python(document(state)),
        "TypeAdapter of JSON": lambda state: adapter.validate_json(encode(state)),
        "a field, constructed": lambda state: holder(held=state).held,
        "a field, from a document": lambda state: holder.model_validate({"held": document(state)}).held,
        "a field, from JSON": lambda state: holder.model_validate_json(b'{"held":' + encode(state) + b"}").held,
        "a FastAPI body": application.door(kind),
        "decode": lambda state: decode(encode(state), kind),
    }


def enter(door: Door, state: State[Any]) -> Any:
    """Return what comes out of a door, None if it refuses."""
    try:
        return door(state)
    except REFUSALS:
        return None


DOORS: dict[Any, dict[str, Door]] = {kind: doors(kind) for kind in PARENTS}
TYPED_DOORS: dict[Any, dict[str, Door]] = {kind: doors(kind[Order]) for kind in PARENTS}  # type: ignore[index]  # generic
NAMES = tuple(DOORS[State])

# Each door is used before the last state is defined, so that what is built at first use is built by now.
for kind in PARENTS:
    for name in NAMES:
        enter(DOORS[kind][name], BARE[Success])
        enter(TYPED_DOORS[kind][name], BARE[Success])


class Overdue(Scheduled[R], tag="overdue"):
    """A user's state, defined late."""

    due: UtcDatetime
    hours: tuple[int, ...] = ()


LATE_PARENTS = {**PARENTS, Overdue: Scheduled}
LATE_SAMPLES = {**SAMPLES, Overdue: Overdue(**SHARED, due=NOON, hours=(9, 17), start_time=NOON)}
for book in (DOORS, TYPED_DOORS):
    book[Overdue] = doors(Overdue if book is DOORS else Overdue[Order])
TYPED_FIELDS = {**FIELDS, **{cls: {**FIELDS[cls], "state": Resume(start_time=NOON)} for cls in (Queued, Submitted)}}
TYPED_FIELDS[Overdue] = {"due": NOON, "hours": (9, 17)}

CORE = (State, MetaState, Finished, Success, Failed, Scheduled, Overdue, Queued, Mapped, Withheld)
some_kinds = pytest.mark.parametrize("kind", exhaustive_but(CORE, LATE_PARENTS), ids=name_of)
some_doors_of_some_kinds = pytest.mark.parametrize(
    ("kind", "name"),
    one_in(10, list(product(LATE_PARENTS, NAMES)), others=pytest.mark.thorough),
    ids=lambda one: one if isinstance(one, str) else name_of(one),
)


def family(kind: Any) -> dict[Any, bool]:
    """Return for each concrete class whether the contract's table has it below a kind."""
    return {cls: is_kind_of(cls, kind, LATE_PARENTS) for cls in LATE_SAMPLES}


@at_once
@some_kinds
def test_admits_the_kind_and_its_descendants_alone(kind: Any) -> None:
    """Of one sample of each concrete class, every entrance admits the kind's family and refuses all others."""
    admitted = {
        name: {cls: enter(door, state) is not None for cls, state in LATE_SAMPLES.items()}
        for name, door in DOORS[kind].items()
    }

    assert dict.fromkeys(NAMES, family(kind)) == admitted


@at_once
@some_kinds
def test_keeps_class_and_fields(kind: Any) -> None:
    """What comes out of an entrance is of the class that went in, with every field as it was."""
    members = [state for cls, state in LATE_SAMPLES.items() if family(kind)[cls]]
    expected = [(type(s), fingerprint(s)) for s in members]

    assert dict.fromkeys(NAMES, expected) == {
        name: [(type(s), fingerprint(s)) for s in map(door, members)] for name, door in DOORS[kind].items()
    }


def typed_samples(result: Any) -> dict[Any, State[Any]]:
    """Return a sample of each concrete class with a result that no class has checked."""
    return {cls: cls(message="as asked", result=result, **TYPED_FIELDS[cls]) for cls in LATE_SAMPLES}


VALID = typed_samples(json.loads(ORDER.model_dump_json()))
WRONG = typed_samples({"id": 7, "placed": "2026-03-01T12:30:15Z", "total": "9.90", "lines": "tea"})


@at_once
@some_doors_of_some_kinds
def test_a_declared_result_that_fits_is_admitted(kind: Any, name: str) -> None:
    """X[Order] admits the family of X with an order as result."""
    admitted = {cls: enter(TYPED_DOORS[kind][name], state) is not None for cls, state in VALID.items()}

    assert family(kind) == admitted


@at_once
@some_doors_of_some_kinds
def test_a_declared_result_becomes_what_it_is_declared_as(kind: Any, name: str) -> None:
    """Out of X[Order] comes the parametrised class of the state that went in, its result an Order, its fields kept."""
    members = {cls: state for cls, state in VALID.items() if family(kind)[cls]}

    outcome = {cls: TYPED_DOORS[kind][name](state) for cls, state in members.items()}

    assert {cls: (cls[Order], ORDER) for cls in members} == {cls: (type(s), s.result) for cls, s in outcome.items()}
    assert {cls: s.model_copy(update={"result": 0}) for cls, s in members.items()} == {
        cls: cls(**{**native_fields(s), "result": 0}) for cls, s in outcome.items()
    }


def native_fields(state: State[Any]) -> dict[str, Any]:
    """Return the fields that were given, the states in them as their untyped classes."""
    return {name: getattr(state, name) for name in state.model_fields_set - {"type"}}


@at_once
@some_doors_of_some_kinds
def test_a_declared_result_that_does_not_fit_is_refused(kind: Any, name: str) -> None:
    """X[Order] refuses every state whose result is no order, those of its own family too."""
    refused = [cls for cls, state in WRONG.items() if enter(TYPED_DOORS[kind][name], state) is None]

    assert list(WRONG) == refused


@at_once
@some_kinds
def test_a_declared_result_need_not_be_given(kind: Any) -> None:
    """X[Order] admits the family of X with no result, and adds none."""
    bare = {**BARE, Overdue: Overdue(due=NOON)}
    members = [state for cls, state in bare.items() if family(kind)[cls]]

    assert dict.fromkeys(NAMES, members) == {name: [*map(door, members)] for name, door in TYPED_DOORS[kind].items()}


@at_once
@some_doors_of_some_kinds
def test_a_result_of_none_is_no_order(kind: Any, name: str) -> None:
    """X[Order] refuses a result that is given as None."""
    nothing = {cls: state.model_copy(update={"result": None}) for cls, state in WRONG.items()}

    assert list(nothing) == [cls for cls, state in nothing.items() if enter(TYPED_DOORS[kind][name], state) is None]


BAD_DOCUMENTS = {
    "no tag": '{"message": "hello"}',
    "an unknown tag": '{"type": "Sucess"}',
    "a tag that is no text": '{"type": 5}',
    "the tag of an abstract class": '{"type": "Finished"}',
    "an extra key": '{"type": "Success", "mesage": "hello"}',
    "a number for text": '{"type": "Success", "message": 5}',
    "a naive time": '{"type": "Cached", "expires": "2026-03-01T12:00:00"}',
    "a number for a time": '{"type": "Cached", "expires": 5}',
    "a number in quotes for a time": '{"type": "Cached", "expires": "5"}',
    "a time out of range in UTC": '{"type": "Cached", "expires": "9999-12-31T23:59:59-23:59"}',
    "a true for a number": '{"type": "Retrying", "run_count": true}',
    "a number in quotes for a number": '{"type": "Retrying", "run_count": "2"}',
    "a fraction for a whole number": '{"type": "Retrying", "run_count": 2.0}',
    "a number below its bound": '{"type": "Retrying", "run_count": 0}',
    "a number for a truth": '{"type": "Failed", "retryable": 1}',
    "a null where none may be": '{"type": "Failed", "retryable": null}',
    "a missing field": '{"type": "Queued"}',
    "a wrapped state that is not pending": '{"type": "Queued", "state": {"type": "Success"}}',
    "a child that is no state": '{"type": "Mapped", "children": [{"type": "Success"}, {}]}',
    "an object for an array": '{"type": "Mapped", "children": {}}',
    "a cause with an extra key": '{"type": "Failed", "causes": [{"type": "E", "message": "m", "more": 1}]}',
    "a cause whose text is a number": '{"type": "Failed", "causes": [{"type": "E", "message": 1}]}',
    "no object": '"Success"',
    "an array": "[]",
    "null": "null",
}


def raw_doors(kind: Any) -> dict[str, Callable[[str], Any]]:
    """Return the entrances that take a document which is no state."""
    adapter: Any = TypeAdapter(kind)
    holder: Any = create_model("Holder", held=(kind, ...))
    return {
        "model_validate": lambda text: kind.model_validate(json.loads(text)),
        "model_validate_json": kind.model_validate_json,
        "TypeAdapter of a document": lambda text: adapter.validate_python(json.loads(text)),
        "TypeAdapter of JSON": adapter.validate_json,
        "a field, from a document": lambda text: holder.model_validate({"held": json.loads(text)}).held,
        "a field, from JSON": lambda text: holder.model_validate_json(f'{{"held":{text}}}').held,
        "a FastAPI body": application.raw_door(kind),
        "decode": lambda text: decode(text, kind),
    }


RAW_DOORS = raw_doors(State)


@at_once
@pytest.mark.parametrize("reason", BAD_DOCUMENTS)
def test_every_entrance_refuses_what_is_no_state(reason: str) -> None:
    """A document that is no state is refused by every entrance alike."""
    for door in RAW_DOORS.values():
        with pytest.raises(REFUSALS):
            door(BAD_DOCUMENTS[reason])


@at_once
@pytest.mark.parametrize("name", ["model_validate_json", "TypeAdapter of JSON", "a field, from JSON", "decode"])
@pytest.mark.parametrize("value", ["NaN", "[Infinity]", '{"a": [-Infinity]}', "1e999", "[1e999]"])
def test_json_text_that_is_not_finite_is_refused(value: str, name: str) -> None:
    """NaN and infinities, spelled out or too large a number, are refused wherever JSON text is read."""
    with pytest.raises(REFUSALS):
        RAW_DOORS[name](f'{{"type": "Success", "result": {value}}}')


class Strict(BaseModel, strict=True):
    """A user's model that is strict by itself."""

    when: UtcDatetime
    rows: tuple[int, ...]
    inner: "Strict | None" = None


STRICT = '{"when": "2026-03-01T12:30:15Z", "rows": [1, 2]}'
DECLARED_RESULTS: dict[str, tuple[Any, str]] = {
    "a strict model": (Strict, STRICT),
    "a strict model in a strict model": (Strict, STRICT.replace("}", f', "inner": {STRICT}}}')),
    "strict models in a list": (list[Strict], f"[{STRICT}]"),
    "a lax model": (Order, ORDER.model_dump_json()),
    "a dataclass": (Point, '{"x": 1, "y": 2.5, "seen": "2026-03-01"}'),
    "dataclasses in a mapping": (dict[str, Point], '{"a": {"x": 1, "seen": "2026-03-01"}}'),
    "a named tuple": (Pair, '["a", "2026-03-01"]'),
    "a typed dictionary": (list[Movie], '[{"title": "a", "year": 1}]'),
    "a time": (datetime, '"2026-03-01T12:30:15Z"'),
    "a time or none": (datetime | None, '"2026-03-01T12:30:15Z"'),
    "a member": (Color, '"red"'),
    "a member of numbers": (Level, "2"),
    "a set of dates": (set[date], '["2026-03-01"]'),
    "numbers by date": (dict[date, int], '{"2026-03-01": 1}'),
    "a state": (Finished[int], '{"type": "Skipped", "result": 1}'),
}
TYPED_RAW_DOORS = {
    name: {
        **raw_doors(Success[declared]),
        **{f"wrapped, {key}": door for key, door in raw_doors(Queued[declared]).items()},
    }
    for name, (declared, _) in DECLARED_RESULTS.items()
}


@at_once
@pytest.mark.parametrize("result", DECLARED_RESULTS)
def test_the_json_form_of_a_declared_result_is_read_alike_everywhere(result: str) -> None:
    """A document that decode admits is admitted by every entrance, as the same state; also deep inside a state."""
    declared, text = DECLARED_RESULTS[result]
    plain = f'{{"type": "Skipped", "result": {text}}}'
    wrapped = f'{{"type": "Queued", "state": {{"type": "Pending", "result": {text}}}}}'
    expected: Any = decode(plain, Success[declared])
    inside = Queued[declared](state=Pending[declared](result=expected.result))

    for name, door in TYPED_RAW_DOORS[result].items():
        is_wrapped = name.startswith("wrapped")
        made = door(wrapped if is_wrapped else plain)

        assert fingerprint(inside if is_wrapped else expected) == fingerprint(made), name


# ---- other ways to say where a state is expected

ANNOTATIONS = ["Finished", "Finished[bytes]", "Success[Withheld]", "State[dict[str, Order]]"]


class Report(BaseModel):
    """A user's model with states in it."""

    last: AnyState[Any]
    outcome: AnyFinished[Order] | None = None
    history: list[State[Any]] = []
    by_name: dict[str, Running[Any] | Finished[Any]] = {}


@pytest.mark.slow
@pytest.mark.parametrize("annotation", thorough_but(["Finished[bytes]"], ANNOTATIONS))
def test_a_kind_means_its_family_in_each_of_several_fields(annotation: str) -> None:
    """A kind that one model names several times, and first of all names there, means its family each time."""
    program = f"""
import json
from pydantic import BaseModel, ValidationError
from statesig import Finished, Skipped, State, Success
from tests.harness.strategies import Order, Withheld

class Report(BaseModel):
    one: {annotation}
    two: {annotation}
    many: list[{annotation}]

document = {{"type": "Skipped", "message": "m"}}
report = Report.model_validate({{"one": document, "two": document, "many": [document]}})
from_json = Report.model_validate_json(json.dumps({{"one": document, "two": document, "many": [document]}}))
refused = 0
for field in ("one", "two"):
    for other in ({{}}, {{"message": "m"}}, {{"type": "Running"}}):
        try:
            made = Report.model_validate({{"one": document, "two": document, "many": [], field: other}})
        except ValidationError:
            refused += 1
        else:
            refused += {annotation.startswith("State")} and made.two.type == "Running" or made.one.type == "Running"
print(json.dumps([report == from_json, {{state == Skipped(message="m") for state in
    (report.one, report.two, *report.many)}} == {{True}}, refused]))
"""

    assert [True, True, 6] == run_python(program)


@pytest.mark.slow
@pytest.mark.parametrize("annotation", thorough_but(["State[dict[str, Order]]"], ANNOTATIONS))
def test_a_kind_means_its_family_in_each_field_of_a_state(annotation: str) -> None:
    """The same, where the model is a user's state, and in a cold process."""
    program = f"""
import json
from statesig import Failed, Finished, Skipped, State, Success, decode, encode
from tests.harness.strategies import Order, Withheld

class Compared(Failed):
    one: {annotation}
    two: {annotation}
    many: tuple[{annotation}, ...] = ()

state = Compared(one=Skipped(), two=Skipped(message="m"), many=(Success(), Skipped()))
print(json.dumps([decode(encode(state)) == state, type(state.two).__name__.startswith("Skipped")]))
"""

    assert [True, True] == run_python(program)


def test_unions_lists_and_mappings_of_kinds_admit_descendants() -> None:
    """A kind inside another annotation means its family, as it does alone."""
    given = Report(
        last=SAMPLES[Withheld],
        outcome=Skipped(message="none today"),
        history=list(SAMPLES.values()),
        by_name={"a": SAMPLES[Withheld], "b": Running()},
    )

    read = Report.model_validate_json(given.model_dump_json())

    assert given == read
    assert [type(state) for state in given.history] == [type(state) for state in read.history]


@pytest.mark.parametrize("held", [Running(), Queued(state=Scheduled())], ids=name_of)
def test_the_closed_union_of_final_states_refuses_the_others(held: State[Any]) -> None:
    """AnyFinished[Order] refuses a state that is not final."""
    with pytest.raises(ValidationError):
        Report(last=held, outcome=held)  # type: ignore[arg-type]  # the point


@at_once
@pytest.mark.parametrize("cls", LATE_SAMPLES, ids=name_of)
def test_a_field_declared_with_a_base_class_is_written_whole(cls: Any) -> None:
    """A model writes the state in its field as `encode` does, the descendant's own fields too."""
    holder = create_model("Holder", held=(State, ...))

    written = holder(held=LATE_SAMPLES[cls]).model_dump_json()

    assert b'{"held":' + encode(LATE_SAMPLES[cls]) + b"}" == written.encode()


@at_once
@pytest.mark.parametrize("cls", LATE_SAMPLES, ids=name_of)
def test_pydantic_writes_a_state_as_encode_does(cls: Any) -> None:
    """`model_dump_json` and a TypeAdapter's `dump_json` give the canonical bytes."""
    state = LATE_SAMPLES[cls]

    assert encode(state) == state.model_dump_json().encode()
    assert encode(state) == TypeAdapter(State).dump_json(state)


def test_a_response_is_written_as_encode_does() -> None:
    """FastAPI answers with the canonical form of a state returned under a base class."""
    app = FastAPI()

    @app.get("/")
    async def last() -> AnyState[Any]:
        return SAMPLES[Withheld]

    assert document(SAMPLES[Withheld]) == ask(app, "GET", "/").json()


def test_a_list_annotation_built_early_admits_a_late_state() -> None:
    """An adapter of a list of states, built and used, admits a state that is defined afterwards."""
    adapter = TypeAdapter(list[State[Any]])
    adapter.validate_json("[]")

    class OverdueAgain(Running[R]):
        """A user's state, defined later still."""

        hours: int

    assert [OverdueAgain(hours=3)] == adapter.validate_json('[{"type": "OverdueAgain", "hours": 3}]')


def test_the_first_request_makes_no_warning() -> None:
    """An application with a state as body answers its first request without a warning of pydantic's."""
    app = FastAPI()

    @app.post("/")
    async def endpoint(body: Success[int]) -> None: ...

    assert 200 == ask(app, "POST", "/", encode(Success(result=1))).status_code


def test_the_application_describes_every_kind() -> None:
    """The OpenAPI document of an application with states in it has each tag in the discriminator's mapping."""
    app = FastAPI()

    @app.post("/")
    async def endpoint(body: State[Any]) -> None: ...

    described = app.openapi()
    body = described["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in body:
        body = described["components"]["schemas"][body["$ref"].rpartition("/")[2]]

    assert {cls(**REQUIRED.get(cls, {})).type for cls in CONCRETE} <= set(body["discriminator"]["mapping"])
    assert all(
        ref.rpartition("/")[2] in described["components"]["schemas"]
        for ref in body["discriminator"]["mapping"].values()
    )


def test_a_refused_instance_is_left_as_it_was() -> None:
    """Validation against another kind raises and changes nothing of the instance."""
    state = MapFailed(message="as asked", children=(Failed(),), result=[1])
    before = fingerprint(state)

    with pytest.raises(ValidationError):
        Success.model_validate(state)

    assert before == fingerprint(state)


# ---- the ways out


class Remarked(Success[R]):
    """A success with a field of no declared type."""

    note: Any = None


class Base(BaseModel):
    number: int = 0


class Derived(Base):
    further: int = 1


NOT_JSON: list[State[Any]] = [
    Success(result=float("nan")),
    Failed(result={"rows": [1.5, float("inf")]}),
    Mapped(children=(Success(result=float("-inf")),)),
    Remarked(note=[float("nan")]),
]


@pytest.mark.parametrize("state", NOT_JSON, ids=repr)
def test_what_is_no_json_is_refused_at_every_way_out(state: State[Any]) -> None:
    """NaN and infinities are refused by pydantic's ways to write JSON as by `encode`, and never written as null."""
    app = FastAPI()
    app.get("/")(lambda: state)
    holder = create_model("Holder", held=(State, ...))
    ways: list[Callable[[], Any]] = [
        lambda: encode(state),
        state.model_dump_json,
        lambda: state.model_dump(mode="json"),
        lambda: TypeAdapter(State).dump_json(state),
        lambda: holder(held=state).model_dump_json(),
        lambda: ask(app, "GET", "/"),
    ]
    for way in ways:
        with pytest.raises(ValueError, match="JSON"):
            way()
    assert state.model_dump() is not None


STATES_TO_WRITE: list[State[Any]] = [
    Failed(message="x"),
    Submitted(state=Pending(message="m")),
    MapFailed(children=(Success(result=1), Failed())),
    Success(result=None),
    Success[Base](result=Derived()),
]


@pytest.mark.parametrize("state", STATES_TO_WRITE, ids=repr)
def test_a_state_has_one_document(state: State[Any]) -> None:
    """Writing by the classes of the values, as `serialize_as_any` asks, adds nothing: no result, and no field."""
    assert state.model_dump_json() == state.model_dump_json(serialize_as_any=True)
