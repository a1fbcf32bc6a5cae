"""Entities over HTTP: 412 for a version that is not the present one, 404 for one that is not there, and back again."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import APIRouter, FastAPI

from statesig import DecodeError, Entities, EntityChanged, NoEntity, StatesigError
from statesig.http import Boundary, SignalMiddleware, SignalRoute, entity_error_from, install, raise_for_signal
from statesig.http.answers import Answer
from statesig.http.asgi import ASGIApp, Receive, Scope, Send
from tests.harness.asgi import ask
from tests.harness.serving import serving
from tests.typing.machines import DROP, OPEN, PLACE, AnyOrder, Order

PLACE_OF_STORE = "/srv/secret/orders.db"
STALE = EntityChanged(PLACE_OF_STORE, "o-1", 1, 2)
TWICE = EntityChanged(PLACE_OF_STORE, "o-1", 0, 2)
MISSING = NoEntity(PLACE_OF_STORE, "there is no entity 'o-9'; a history begins with expected=0")
ASKED = {"path": "/orders/o-1/drop"}


def answer_to(exc: BaseException, scope: Scope = ASKED, **arguments: Any) -> Answer:
    answer = Boundary(**arguments).answer_to(exc, scope)
    assert answer is not None
    return answer


# ---- the response


def test_a_stale_version_is_a_failed_precondition() -> None:
    """The problem has the version that was expected, and the one that the entity has."""
    answer = answer_to(STALE)
    assert {
        "type": "about:blank",
        "title": "Precondition Failed",
        "status": 412,
        "detail": "the entity is at version 2, not at version 1; read it and decide anew",
        "entity": {"key": "o-1", "expected": 1, "version": 2},
    } == json.loads(answer.body)
    assert (412, "application/problem+json") == (answer.status, dict(answer.headers)["content-type"])
    assert "the entity is at version 2, so it cannot begin again" == json.loads(answer_to(TWICE).body)["detail"]


def test_an_entity_that_is_not_there_is_not_found() -> None:
    """What is known of it in the store does not leave."""
    answer = answer_to(MISSING)
    assert (404, "there is no such entity") == (answer.status, json.loads(answer.body)["detail"])


def test_no_place_of_a_store_and_no_key_leaves() -> None:
    """A key does where the path of the request has it: it tells nobody what they have not said."""
    elsewhere = {"path": "/drop-mine"}
    answers = [answer_to(exc, elsewhere) for exc in (STALE, TWICE, MISSING)]
    assert not any(secret in answer.body for answer in answers for secret in (b"secret", b"o-1", b"o-9"))
    assert {"expected": 1, "version": 2} == json.loads(answers[0].body)["entity"]


def test_their_statuses_are_changed() -> None:
    """They are an error's, whatever they are."""
    statuses: Any = {EntityChanged: 409, NoEntity: 410}
    assert [409, 410] == [answer_to(error, statuses=statuses).status for error in (STALE, MISSING)]
    with pytest.raises(ValueError, match="the status of NoEntity is a whole number from 400 to 599, not 204"):
        Boundary(statuses={NoEntity: 204})


def test_a_group_of_one_is_that() -> None:
    """A task group wraps what its only task raises."""
    assert answer_to(STALE) == answer_to(BaseExceptionGroup("g", [STALE]))


# ---- applications


@pytest.fixture
def orders(tmp_path: Path) -> Entities[AnyOrder]:
    """Histories with one order, which is at version 2."""
    orders = Entities(tmp_path / "orders.db", AnyOrder)
    orders.append("o-1", OPEN(order_id="o-1"), expected=0)
    orders.advance("o-1", PLACE, total=Decimal(3))
    return orders


def in_fastapi(orders: Entities[AnyOrder], routes: APIRouter | None = None) -> FastAPI:
    app = FastAPI()
    router = routes or APIRouter()

    @router.post("/orders/{key}/drop")
    def drop(key: str, version: int) -> Order:
        return orders.append(key, DROP(order_id=key, why="late"), expected=version).state

    @router.get("/orders/{key}")
    def show(key: str) -> Order:
        return orders.state(key)

    if routes is None:
        install(app, raises=[EntityChanged, NoEntity])
    app.include_router(router)
    return app


def in_asgi(orders: Entities[AnyOrder]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        key = scope["path"].split("/")[2]
        if scope["method"] == "GET":
            orders.state(key)
        orders.append(key, DROP(order_id=key, why="late"), expected=1)

    return SignalMiddleware(app)


@pytest.mark.parametrize("kind", ["install", "SignalRoute", "SignalMiddleware"])
def test_what_an_endpoint_raises_is_answered(kind: str, orders: Entities[AnyOrder]) -> None:
    """Wherever signals are, and nothing was appended."""
    apps = {
        "install": in_fastapi,
        "SignalRoute": lambda orders: in_fastapi(orders, APIRouter(route_class=SignalRoute)),
        "SignalMiddleware": in_asgi,
    }
    requests = (("POST", "/orders/o-1/drop?version=1"), ("POST", "/orders/o-2/drop?version=1"), ("GET", "/orders/o-9"))
    answers = ask(apps[kind](orders), *requests)
    assert [412, 412, 404] == [answer.status_code for answer in answers]
    assert [{"key": "o-1", "expected": 1, "version": 2}, {"key": "o-2", "expected": 1, "version": 0}] == [
        answer.json()["entity"] for answer in answers[:2]
    ]
    assert 2 == orders.latest("o-1").version


@pytest.mark.parametrize("exc", [STALE, MISSING])
def test_what_is_sent_is_described(exc: StatesigError, orders: Entities[AnyOrder]) -> None:
    """An independent validator agrees; where it is said that nothing of the kind is raised, nothing is described."""
    answer, document = answer_to(exc), in_fastapi(orders).openapi()
    response = document["paths"]["/orders/{key}"]["get"]["responses"][str(answer.status)]
    schema = document["components"]["responses"][response["$ref"].rpartition("/")[2]]["content"][
        dict(answer.headers)["content-type"]
    ]["schema"]
    validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
    assert [True, False] == [validator.is_valid(json.loads(body)) for body in (answer.body, b'{"type":"Nope"}')]
    silent = FastAPI()
    install(silent, raises=[])
    silent.get("/")(lambda: 1)
    assert {"200"} == silent.openapi()["paths"]["/"]["get"]["responses"].keys()


def test_two_of_one_status_are_one_response(orders: Entities[AnyOrder]) -> None:
    """It is the one or the other."""
    app = FastAPI()
    install(app, raises=[EntityChanged, NoEntity], statuses={EntityChanged: 409, NoEntity: 409})
    app.get("/")(lambda: 1)
    content = app.openapi()["paths"]["/"]["get"]["responses"]["409"]["content"]["application/problem+json"]
    assert ["EntityChanged409", "NoEntity409"] == [
        each["$ref"].rpartition("/")[2] for each in content["schema"]["anyOf"]
    ]


# ---- the caller


def response_to(exc: BaseException, path: str = "/orders/o-1", method: str = "GET") -> httpx.Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise exc

    (response,) = ask(SignalMiddleware(app), (method, path))
    return response


@pytest.mark.parametrize("error", [STALE, TWICE])
def test_the_caller_gets_the_versions(error: EntityChanged) -> None:
    """Of the same key; for the caller the store is the server."""
    with pytest.raises(EntityChanged) as raised:
        raise_for_signal(response_to(error))
    server, *rest = raised.value.args
    assert (["o-1", error.expected, error.version], True) == (rest, server.startswith("http://"))


def test_the_caller_gets_what_is_not_there() -> None:
    """As that error."""
    with pytest.raises(NoEntity, match="there is no such entity"):
        raise_for_signal(response_to(MISSING))


def test_a_key_is_not_invented() -> None:
    """A response that does not say it, or has no body, is returned as it is."""
    responses = [response_to(STALE, "/drop-mine"), response_to(STALE, method="HEAD")]
    assert [None, None] == [entity_error_from(response) for response in responses]
    assert [412, 412] == [raise_for_signal(response).status_code for response in responses]


@pytest.mark.parametrize(
    ("said", "content"), [("changed", b'{"entity":{"key":"o-1","expected":-1,"version":2}}'), ("missing", b"{}")]
)
def test_a_document_that_only_claims_to_be_one(said: str, content: bytes) -> None:
    """It is refused as any that does not read."""
    with pytest.raises(DecodeError):
        raise_for_signal(httpx.Response(412, headers={"statesig-entity": said}, content=content))


@pytest.fixture
def served(orders: Entities[AnyOrder]) -> Iterator[httpx.Client]:
    """A client of the service on a real socket, which raises what its responses tell."""
    with (
        serving(in_fastapi(orders)) as url,
        httpx.Client(base_url=url, event_hooks={"response": [raise_for_signal]}) as client,
    ):
        yield client


@pytest.mark.exhaustive
def test_from_the_store_to_the_caller(served: httpx.Client) -> None:
    """Over a real socket: a stale version, then the present one, and an order that is not there."""
    with pytest.raises(EntityChanged) as stale:
        served.post("/orders/o-1/drop", params={"version": 1})
    assert 2 == stale.value.version
    assert "Dropped" == served.post("/orders/o-1/drop", params={"version": stale.value.version}).json()["type"]
    with pytest.raises(NoEntity):
        served.get("/orders/o-9")
