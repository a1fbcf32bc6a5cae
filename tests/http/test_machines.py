"""Machines over HTTP: bodies, results and raised signals of their own, and 409 for a transition that is not made."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, cast

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from statesig import (
    CANCEL,
    FAIL,
    DecodeError,
    Failed,
    Flow,
    IllegalTransition,
    Machine,
    RefusedTransition,
    Signal,
    State,
    Success,
    Transition,
    advance,
    decode,
    encode,
    task,
    transition_of,
)
from statesig.http import Boundary, SignalMiddleware, araise_for_signal, install, raise_for_signal, signal_from
from statesig.http.answers import Answer
from statesig.http.asgi import Receive, Scope, Send
from tests.harness.asgi import ask
from tests.typing.machines import (
    DELIVER,
    DROP,
    PLACE,
    SHIP,
    AnyOrder,
    Delivered,
    Document,
    Draft,
    Dropped,
    Order,
    Placed,
    Shipped,
)

SECRET = "4111-1111"
EMPTY = Placed(order_id=SECRET, total=Decimal(3))
SENT = SHIP(order_id="o-1", tracking="T-9", lines=("tea",))


def answer_to(exc: BaseException, **arguments: Any) -> Answer:
    answer = Boundary(**arguments).answer_to(exc, {})
    assert answer is not None
    return answer


def error_of(source: Any, signal: Transition[Any, Any]) -> IllegalTransition:
    with pytest.raises(IllegalTransition) as error:
        advance(source, signal)
    return error.value


ILLEGAL = error_of(SENT.state, PLACE(order_id=SECRET, total=Decimal(1)))
REFUSED = error_of(EMPTY, SHIP(order_id=SECRET, tracking=SECRET))


# ---- transitions that are not made


def test_an_illegal_transition_is_a_conflict() -> None:
    """The problem says what was asked, and what is possible; of the states it says their classes alone."""
    answer = answer_to(ILLEGAL)
    assert {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "Shipped -> Placed is not allowed; from Shipped: Delivered",
        "transition": {"source": "Shipped", "target": "Placed", "possible": ["Delivered"]},
    } == json.loads(answer.body)
    assert (409, "application/problem+json") == (answer.status, dict(answer.headers)["content-type"])


def test_a_refused_transition_says_why() -> None:
    """The reason of the guard is the detail."""
    told = json.loads(answer_to(REFUSED).body)
    possible = ["Shipped", "Express", "Dropped"]
    assert "nothing to send" == told["detail"]
    assert {"source": "Placed", "target": "Shipped", "possible": possible} == told["transition"]


def test_a_reason_is_redacted() -> None:
    """As every text that leaves."""
    assert "***" == json.loads(answer_to(REFUSED, redact=lambda text: "***").body)["detail"]


def test_nothing_of_a_state_is_in_a_conflict() -> None:
    """Neither of the source nor of the new one."""
    assert [False, False] == [SECRET.encode() in answer_to(error).body for error in (ILLEGAL, REFUSED)]


def test_a_transition_of_a_run_is_a_conflict_too() -> None:
    """The table of runs is a table as any other."""
    error = error_of(Success(), FAIL())  # type: ignore[arg-type]  # that is the mistake
    assert (409, []) == (answer_to(error).status, json.loads(answer_to(error).body)["transition"]["possible"])


def test_the_status_of_a_conflict_is_changed() -> None:
    """That of all, or that of guards alone; it is an error's, whatever it is."""
    statuses: Any = {IllegalTransition: 422, RefusedTransition: 403}
    assert [422, 403] == [answer_to(error, statuses=statuses).status for error in (ILLEGAL, REFUSED)]
    with pytest.raises(ValueError, match="the status of RefusedTransition is a whole number from 400 to 599, not 200"):
        Boundary(statuses={RefusedTransition: 200})
    with pytest.raises(TypeError, match="statuses are those of classes of states, not of <class 'ValueError'>"):
        Boundary(statuses={ValueError: 400})  # type: ignore[dict-item]  # that is the mistake


def test_a_group_of_one_is_that() -> None:
    """A task group wraps what its only task raises; among others a transition is one failure of several."""
    answers = [answer_to(BaseExceptionGroup("g", [exc])) for exc in (ILLEGAL, SENT, CANCEL())]
    assert [answer_to(ILLEGAL), answer_to(SENT), answer_to(CANCEL())] == answers
    assert 500 == answer_to(BaseExceptionGroup("g", [CANCEL(), ILLEGAL])).status


# ---- signals of machines


def test_a_raised_signal_of_a_machine_is_its_state() -> None:
    """With 200: that an order was dropped is no failure of the request. All its fields leave."""
    answer = answer_to(SENT)
    assert (200, encode(SENT.state)) == (answer.status, answer.body)
    assert {"statesig-machine": "Order/Shipped", "content-type": "application/json"}.items() <= dict(
        answer.headers
    ).items()


def test_a_status_of_a_machine_is_changed() -> None:
    """For a root, a group or a state, and all below; from 400 on the state is a member of a problem."""
    dropped = DROP(order_id="o-1", why="late")
    statuses: Any = {Order: 202, Dropped: 410}
    assert [202, 410] == [answer_to(signal, statuses=statuses).status for signal in (SENT, dropped)]
    told = json.loads(answer_to(dropped, statuses=statuses).body)
    assert ("Gone", {"type": "Dropped", "order_id": "o-1", "why": "late"}) == (
        told["title"],
        told["state"],
    )
    assert "detail" not in told


class Parcel(Machine):
    """A machine whose states hold those of runs."""

    message: str = ""
    last: Failed[Any] | None = None
    causes: tuple[State[Any], ...] = ()


class Packed(Parcel): ...


class PACK(Transition[None, Packed]): ...


def test_messages_of_states_within_do_not_leave() -> None:
    """A field of a machine is its own, whatever it is called; a state of a run in it has a message, which stays."""
    failed = Failed(message=SECRET)
    signal = PACK(message="packed", last=failed, causes=(failed,))
    told = json.loads(answer_to(signal).body)
    assert {"type": "Failed"} == {name: value for name, value in told["last"].items() if value is not None}
    assert ("packed", True, False) == (
        told["message"],
        SECRET.encode() in answer_to(signal, expose=[Failed]).body,
        SECRET.encode() in answer_to(signal).body,
    )


def test_machines_have_nothing_to_expose() -> None:
    """`expose` is about messages and causes, which states of runs have."""
    with pytest.raises(TypeError, match="expose names classes of states, not <class"):
        Boundary(expose=[Order])  # type: ignore[list-item]  # that is the mistake


def test_a_location_of_an_order() -> None:
    """It is told of a machine's state as of a run's."""
    answer = answer_to(SENT, location=lambda state, scope: f"/orders/{getattr(state, 'order_id', '')}")
    assert "/orders/o-1" == dict(answer.headers)["location"]


# ---- FastAPI


class Basket(BaseModel):
    """A body with an order in it."""

    order: AnyOrder


def service() -> FastAPI:
    app = FastAPI()
    install(app, raises=[State, Order, IllegalTransition])

    @app.post("/ship")
    async def ship(order: AnyOrder) -> Shipped:
        source: Any = order
        return SHIP.after(source, tracking="T-9").state

    @app.post("/deliver")
    async def deliver(order: Order) -> Delivered:
        source: Any = order
        raise DELIVER.after(source)

    @app.post("/basket")
    async def basket(basket: Basket) -> AnyOrder:
        return basket.order

    return app


SERVICE = service()


def post(path: str, body: bytes) -> httpx.Response:
    (response,) = ask(SERVICE, ("POST", path, body))
    return response


FULL = Placed(order_id="o-1", total=Decimal(3), lines=("tea",))


def test_a_state_is_a_body_and_a_result() -> None:
    """By its tag, as the root or as the union; what is returned is its document."""
    shipped = Shipped(order_id="o-1", lines=("tea",), tracking="T-9")
    answer = post("/ship", encode(FULL))
    assert (200, shipped) == (answer.status_code, decode(answer.content, Order))
    basket = post("/basket", b'{"order":%b}' % encode(FULL))
    assert (200, FULL) == (basket.status_code, decode(basket.content, AnyOrder))


def test_an_endpoint_that_may_not_go_on_is_answered() -> None:
    """By 409, for the table and for the guard; a signal that is raised is 200."""
    answers = [post("/ship", encode(state)) for state in (Draft(order_id="o-1"), EMPTY)]
    assert [409, 409] == [answer.status_code for answer in answers]
    assert ["Draft -> Shipped is not allowed; from Draft: Placed, Dropped", "nothing to send"] == [
        answer.json()["detail"] for answer in answers
    ]
    delivered = post("/deliver", encode(SENT.state))
    assert (200, "Order/Delivered") == (delivered.status_code, delivered.headers["statesig-machine"])


def faults(path: str, body: str) -> list[tuple[str, str]]:
    answer = post(path, body.encode())
    assert 422 == answer.status_code
    return [(fault["path"], fault["reason"]) for fault in answer.json()["errors"]]


@pytest.mark.parametrize(("path", "frame"), [("/ship", "{}"), ("/basket", '{{"order":{}}}')])
def test_the_faults_of_a_state_are_those_of_its_own_kind(path: str, frame: str) -> None:
    """A union is asked member by member, and what the others say of the tag is not told."""
    place = "body" if path == "/ship" else "body.order"
    assert [(f"{place}.why", "field required")] == faults(path, frame.format('{"type":"Dropped","order_id":"o-1"}'))
    assert [(f"{place}.tracking", "field required")] == faults(
        path, frame.format('{"type":"Express","order_id":"o-1"}')
    )


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ('{"type":"Nope"}', "unknown tag; possible: Draft, Gift, Placed, Shipped, Express, Delivered, Dropped"),
        ('{"type":"Sheet"}', "unknown tag; possible: Draft, Gift, Placed, Shipped, Express, Delivered, Dropped"),
        ('{"order_id":"o-1"}', 'a state needs its "type"'),
    ],
)
def test_a_tag_that_no_member_knows_is_one_fault(document: str, reason: str) -> None:
    """It names all that is possible."""
    assert [("body", reason)] == [(path, without(said)) for path, said in faults("/ship", document)]


def without(reason: str) -> str:
    """Return a reason without what it says of a tag that another machine has."""
    return reason.replace("a Sheet is not one", "unknown tag")


def test_decode_and_tasks_tell_the_same() -> None:
    """A union within another type is no other union: in a result, and as what a task returns."""
    with pytest.raises(DecodeError) as error:
        decode(b'{"type":"Success","result":{"type":"Dropped","order_id":"o-1"}}', Success[AnyOrder])
    assert (("result.why", "field required"),) == error.value.problems

    @task
    def look() -> AnyOrder:
        found: Any = {"type": "Dropped", "order_id": "o-1"}
        return cast("AnyOrder", found)

    with Flow("looking") as flow:
        node = look()
    said = flow.run()[node].message or ""
    assert (True, 0) == (said.endswith(": field required"), said.count("tag"))


# ---- the document


def test_conflicts_and_signals_of_machines_are_described() -> None:
    """A conflict beside the cancelled states of runs, the states of the machine beside the others of their status."""
    document = SERVICE.openapi()
    responses = document["paths"]["/ship"]["post"]["responses"]
    conflict = responses["409"]["content"]["application/problem+json"]["schema"]
    assert {"#/components/schemas/Problem409", "#/components/schemas/Transition409"} == {
        each["$ref"] for each in conflict["anyOf"]
    }
    described = json.dumps(document["components"]["schemas"]["SignalOrder200"])
    assert all(f'"{kind.__name__}"' in described for kind in (Draft, Placed, Shipped, Delivered, Dropped))


@pytest.mark.parametrize("exc", [ILLEGAL, REFUSED, SENT])
def test_what_is_sent_is_described(exc: BaseException) -> None:
    """An independent validator agrees."""
    answer = answer_to(exc)
    document = SERVICE.openapi()
    response = document["paths"]["/ship"]["post"]["responses"][str(answer.status)]
    schema = response["content"][dict(answer.headers)["content-type"]]["schema"]
    validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
    assert [True, False] == [validator.is_valid(json.loads(body)) for body in (answer.body, b'{"type":"Nope"}')]


def test_a_conflict_is_described_unless_nothing_raises_one() -> None:
    """By default each operation may answer so; where it is said what is raised, as it is said."""

    def described(**arguments: Any) -> set[str]:
        app = FastAPI()
        install(app, **arguments)
        app.get("/")(lambda: 1)
        return {*app.openapi()["components"]["schemas"]}

    assert "Transition409" in described()
    assert {"Transition409", "SignalOrder200"}.isdisjoint(described(raises=[Failed]))
    changed = described(raises=[Order, RefusedTransition], statuses={RefusedTransition: 422, Order: 202})
    assert {"Transition422", "SignalOrder202"} <= changed


# ---- the caller


def response_to(exc: BaseException, method: str = "GET", **arguments: Any) -> httpx.Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise exc

    (response,) = ask(SignalMiddleware(app, **arguments), (method, "/"))
    return response


@pytest.mark.parametrize("status", [200, 410])
def test_the_caller_gets_the_signal_of_a_machine(status: int) -> None:
    """Where it names the machine: two may have a state of one tag."""
    response = response_to(SENT, statuses={Order: status})
    with pytest.raises(SHIP) as raised:
        raise_for_signal(response, machines=[Document, Order])
    assert SENT.state == raised.value.state
    assert (None, response) == (signal_from(response, machines=[Document]), raise_for_signal(response))


def test_a_response_without_a_body_is_the_state_of_its_tag() -> None:
    """As far as that has no fields which it must have."""
    packed = response_to(PACK(), "HEAD")
    found: Signal[Any] | None = signal_from(packed, machines=[Parcel])
    assert isinstance(found, PACK)
    with pytest.raises(DecodeError):
        signal_from(response_to(SENT, "HEAD"), machines=[Order])
    assert 409 == raise_for_signal(response_to(ILLEGAL, "HEAD")).status_code


@pytest.mark.parametrize("error", [ILLEGAL, REFUSED])
def test_the_caller_gets_the_error_of_a_transition(error: IllegalTransition) -> None:
    """Of the same class, with the names, and a guard's reason; as a hook, too."""
    with pytest.raises(IllegalTransition) as raised:
        raise_for_signal(response_to(error))
    assert (type(error), error.args, str(error)) == (type(raised.value), raised.value.args, str(raised.value))

    async def call() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            raise error

        hooks: dict[str, list[Callable[..., Any]]] = {"response": [partial(araise_for_signal, machines=[Order])]}
        transport = httpx.ASGITransport(SignalMiddleware(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://a.example", event_hooks=hooks) as client:
            await client.get("/")

    with pytest.raises(type(error)):
        asyncio.run(call())


def test_a_document_that_only_claims_to_be_a_conflict() -> None:
    """It is refused as any that does not read."""
    response = httpx.Response(409, headers={"statesig-transition": "illegal"}, content=b'{"detail":"x"}')
    with pytest.raises(DecodeError, match="transition: field required"):
        raise_for_signal(response)


def test_from_outside_and_back() -> None:
    """A client sends a state, the service goes on, and the client gets the next one."""
    response = post("/deliver", encode(SENT.state))
    with pytest.raises(DELIVER) as delivered:
        raise_for_signal(response, machines=[Order])
    source: AnyOrder = Shipped(order_id="o-1", tracking="T-9", lines=("tea",))
    assert delivered.value.state == advance(source, transition_of(delivered.value.state))
