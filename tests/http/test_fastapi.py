"""FastAPI: installed in an application or by route, validation errors without payload, and the OpenAPI document."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import jsonschema
import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, Query, Request, WebSocket
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel

from statesig import (
    CANCEL,
    CRASH,
    FAIL,
    RETRY,
    SKIP,
    TIMEOUT,
    Crashed,
    Failed,
    Finished,
    Limits,
    Signal,
    SignalOf,
    Skipped,
    State,
    Success,
    TimedOut,
    ValidationFailed,
    encode,
    signal_of,
)
from statesig.http import Boundary, SignalRoute, install
from tests.harness.asgi import JSON, Exchange, ask
from tests.harness.cases import at_once
from tests.samples.samples import KINDS, bare


class Line(BaseModel):
    """A part of an order."""

    number: int


class Order(BaseModel):
    """What is ordered."""

    entries: list[Line]
    prices: dict[str, int] = {}


async def slow() -> int:
    raise TIMEOUT("late")


def opened() -> Iterator[int]:
    closed.append("opened")
    yield 1
    closed.append("closed")


closed: list[str] = []


def routes(at: APIRouter | FastAPI) -> None:  # noqa: C901  # no branches: each is an endpoint
    """Define the endpoints that each way to install is tried on."""

    @at.get("/skip")
    async def skip() -> Order:
        raise SKIP("no rows", result=[1])

    @at.get("/thread")
    def in_a_thread() -> Order:
        raise RETRY("busy")

    @at.get("/dependent")
    async def dependent(number: Annotated[int, Depends(slow)]) -> int:
        return number

    @at.get("/opened")
    async def with_a_resource(number: Annotated[int, Depends(opened)]) -> int:
        raise CANCEL

    @at.get("/early")
    async def early() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            raise CRASH
            yield b""

        return StreamingResponse(body())

    @at.get("/plain")
    async def plain() -> PlainTextResponse:
        return PlainTextResponse("plain")

    @at.post("/order")
    async def order(body: Order, page: Annotated[int, Query()] = 1) -> int:
        return len(body.entries)

    @at.post("/state")
    async def state(body: Finished[Order]) -> Finished[Order]:
        return body

    @at.post("/signal")
    async def signal(body: SignalOf[Failed]) -> SignalOf[Finished]:
        raise body

    @at.get("/asked")
    async def asked(
        page: Annotated[int, Query()], x_key: Annotated[int, Header()], session: Annotated[int, Cookie()] = 0
    ) -> int:
        return page

    @at.post("/read")
    async def read(request: Request) -> str:
        return Order.model_validate_json(await request.body()).model_dump_json()


STATUSES = {"/skip": 200, "/thread": 503, "/dependent": 504, "/opened": 409, "/early": 500, "/plain": 200}


async def through(request: Request, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["outer"] = str(response.status_code)
    return response


def installed(**arguments: Any) -> FastAPI:
    app = FastAPI()
    install(app, **arguments)
    routes(app)
    app.middleware("http")(through)  # later, and outside nevertheless
    app.add_middleware(GZipMiddleware)
    return app


def routed(boundary: Boundary = Boundary()) -> FastAPI:
    class Route(SignalRoute):
        """A route with a boundary."""

    Route.boundary = boundary
    app, router = FastAPI(), APIRouter(route_class=Route)
    app.middleware("http")(through)
    routes(router)
    app.include_router(router)
    return app


APPS = {"installed": installed(), "routed": routed()}
ways = pytest.mark.parametrize("way", APPS)


# ---- signals


@ways
def test_a_signal_becomes_a_response(way: str) -> None:
    """From an endpoint, one in a thread, a dependency and a stream, under middleware that would hide it in a group."""
    answers = ask(APPS[way], *(("GET", path) for path in STATUSES))

    assert STATUSES == {path: answer.status_code for path, answer in zip(STATUSES, answers, strict=True)}
    assert [str(status) for status in STATUSES.values()] == [answer.headers["outer"] for answer in answers]
    assert (b'{"type":"Skipped","result":[1]}', b"plain") == (answers[0].content, answers[-1].content)


@ways
def test_a_resource_is_closed(way: str) -> None:
    """A dependency that yields sees the signal go by, as it sees an error."""
    closed.clear()
    ask(APPS[way], ("GET", "/opened"))

    assert ["opened"] == closed  # the line after its yield is not reached


def test_a_mounted_application_is_within() -> None:
    """Its signals come to the application it is mounted in."""
    app, sub = FastAPI(), FastAPI()
    install(app)
    routes(sub)
    app.mount("/sub", sub)

    answers = ask(app, *(("GET", f"/sub{path}") for path in STATUSES))
    assert list(STATUSES.values()) == [answer.status_code for answer in answers]


@ways
def test_arguments_are_the_boundarys(way: str) -> None:
    """Statuses, exposure and the rest hold for either way."""
    app = (
        installed(statuses={Skipped: 206}, expose=[Skipped])
        if way == "installed"
        else routed(Boundary(statuses={Skipped: 206}, expose=[Skipped]))
    )
    (answer,) = ask(app, ("GET", "/skip"))

    assert (206, b'{"type":"Skipped","message":"no rows","result":[1]}') == (answer.status_code, answer.content)


def test_a_handler_of_signals_is_refused() -> None:
    """Starlette would answer every request with a bare AssertionError: the error says what to write instead."""
    app = FastAPI()
    install(app)

    with pytest.raises(TypeError, match=r"handlers of Exceptions alone, not of Signal; install\(app, statuses"):
        app.exception_handler(Signal)(lambda request, exc: None)
    with pytest.raises(TypeError, match="not of SKIP"):
        app.add_exception_handler(SKIP, lambda request, exc: PlainTextResponse())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not of FAIL"):
        install(FastAPI(exception_handlers={FAIL: lambda request, exc: PlainTextResponse()}))  # type: ignore[dict-item]


def test_install_comes_once_and_first() -> None:
    """A second one, and one after the first request, would not do what it says."""
    app = installed()
    with pytest.raises(RuntimeError, match="was called for this application"):
        install(app)
    begun = FastAPI()
    ask(begun, ("GET", "/"))
    with pytest.raises(RuntimeError, match="before the first request"):
        install(begun)


# ---- refused requests


REFUSED: dict[str, tuple[str, bytes, int, list[str]]] = {
    "a wrong value": ("/order", b'{"entries":[{"number":"secret"}]}', 422, ["body.entries[0].number"]),
    "a missing field": ("/order", b'{"entries":[{}]}', 422, ["body.entries[0].number"]),
    "a wrong key": ("/order", b'{"entries":[],"prices":{"secret":"x"}}', 422, ["body.prices.?"]),
    "a parameter": ("/order?page=secret", b'{"entries":[]}', 422, ["query.page"]),
    "several": ("/order?page=secret", b'{"entries":"secret"}', 422, ["query.page", "body.entries"]),
    "no body": ("/order", b"", 422, ["body"]),
    "a state's result": ("/state", b'{"type":"Success","result":{"entries":"secret"}}', 422, ["body.result.entries"]),
    "a state's field": ("/state", b'{"type":"Failed","retryable":"secret"}', 422, ["body.retryable"]),
    "an unknown key": ("/state", b'{"type":"Skipped","secret":1}', 422, ["body.?"]),
    "an unknown tag": ("/state", b'{"type":"secret"}', 422, ["body"]),
    "another signal": ("/signal", b'{"type":"Skipped","message":"secret"}', 422, ["body"]),
    "no JSON": ("/order", b'{"secret', 400, []),
    "a key twice": ("/order", b'{"entries":[],"entries":["secret"]}', 400, []),
    "a surrogate": ("/order", b'{"entries":[],"secret":"\\ud800"}', 400, []),
    "a long tag": ("/state", b'{"type":"' + b"secret" * 200_000 + b'"}', 422, ["body"]),
    "many keys": ("/state", b"{" + b",".join(b'"secret%d":1' % at for at in range(100_000)) + b"}", 413, []),
    "too deep": ("/state", b'{"type":"Success","result":' + b"[" * 150 + b"]" * 150 + b"}", 413, []),
    "an error in the endpoint": ("/read", b'{"entries":"secret"}', 422, ["?"]),
}


@ways
def test_a_refused_request_is_told_no_more_than_it_must(way: str) -> None:
    """Where and what is expected: a short problem, whatever was sent, and nothing of it."""
    answers = ask(APPS[way], *(("POST", path, body) for path, body, _, _ in REFUSED.values()))
    told = {
        name: (answer.status_code, [error["path"] for error in answer.json().get("errors", [])])
        for name, answer in zip(REFUSED, answers, strict=True)
    }

    assert {name: (status, paths) for name, (_, _, status, paths) in REFUSED.items()} == told
    assert [] == [answer.text for answer in answers if b"secret" in answer.content or len(answer.content) > 2_000]
    assert {"application/problem+json"} == {answer.headers["content-type"] for answer in answers}


@ways
def test_headers_and_cookies_are_not_told_either(way: str) -> None:
    """Their names are, by which the request has them."""
    headers = {**JSON, "x-key": "secret", "cookie": "session=secret"}
    (answer,) = ask(APPS[way], ("GET", "/asked?page=secret", b"1"), headers=headers)

    assert ["query.page", "header.x-key", "cookie.session"] == [error["path"] for error in answer.json()["errors"]]
    assert b"secret" not in answer.content


def test_a_websocket_is_closed_without_telling_what_was_sent() -> None:
    """The reason has the path and what is expected, and no more bytes than the protocol allows."""
    app = FastAPI()
    install(app)

    @app.websocket("/listen")
    async def listen(socket: WebSocket, page: Annotated[int, Query()]) -> None: ...

    exchange = Exchange(app, headers={}, type="websocket", path="/listen", query_string=b"page=secret", subprotocols=[])
    (closing,) = exchange.sent
    assert ("websocket.close", 1008) == (closing["type"], closing["code"])
    assert "query.page: Input should be a valid integer, unable to parse string as an integer" == closing["reason"]


def test_a_refused_request_has_the_status_of_validation_failed() -> None:
    """The table says it for both."""
    app = installed(statuses={ValidationFailed: 400}, limits=Limits(max_bytes=50))

    answers = ask(app, ("POST", "/order", b"{}"), ("POST", "/order", b" " * 51))
    assert [(400, 400), (413, 413)] == [(answer.status_code, answer.json()["status"]) for answer in answers]


# ---- the document


DOCUMENT: dict[str, Any] = APPS["installed"].openapi()
BY_STATUS = {
    200: ["Success", "Cached", "Mapped", "Skipped"],
    202: "Pending Scheduled Resume Looped Paused Queued Submitted Running Cancelling".split(),
    409: ["Cancelled", "MapCancelled"],
    422: ["ValidationFailed"],
    424: ["TriggerFailed"],
    500: ["Failed", "Crashed", "MapFailed"],
    503: ["Retrying"],
    504: ["TimedOut"],
}


def schema_at(status: int, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    """Return the schema of the states with a status."""
    name = f"Signal{status}" if status < 400 else f"Problem{status}"
    schema: dict[str, Any] = document["components"]["schemas"][name]
    return schema if status < 400 else dict(schema["properties"]["state"])


@at_once
@pytest.mark.parametrize("status", BY_STATUS)
def test_the_states_of_a_status_are_told_apart_by_tag(status: int) -> None:
    """Those of the table, with discriminator and mapping, each a component under its name."""
    schema = schema_at(status)
    mapping = schema["discriminator"]["mapping"]

    assert set(BY_STATUS[status]) <= mapping.keys()
    assert "type" == schema["discriminator"]["propertyName"]
    assert {each["$ref"] for each in schema.get("oneOf", [])} in ({*mapping.values()}, set())
    assert {tag: tag for tag in BY_STATUS[status]} == {
        tag: mapping[tag].rpartition("/")[2].removesuffix("-Output") for tag in BY_STATUS[status]
    }


def test_an_operation_has_the_responses_of_signals_besides_its_own() -> None:
    """Its own success or the states of that status; FastAPI's validation error, which is not sent, is not there."""
    responses = DOCUMENT["paths"]["/order"]["post"]["responses"]

    assert {"200", "202", "400", "404", "409", "412", "413", "422", "424", "500", "503", "504"} == responses.keys()
    own, states = responses["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert ("integer", "#/components/schemas/Signal200") == (own["type"], states["$ref"])
    assert {"400", "413"}.isdisjoint(DOCUMENT["paths"]["/skip"]["get"]["responses"])
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(DOCUMENT["components"]["schemas"])


def test_every_component_is_used_and_there() -> None:
    """No reference leads nowhere, and nothing is described in vain."""
    text = json.dumps(DOCUMENT)
    components = DOCUMENT["components"]

    for kind in ("schemas", "responses"):
        used = {part.partition('"')[0] for part in text.split(f"#/components/{kind}/")[1:]}
        assert used == components[kind].keys()


@pytest.mark.exhaustive
def test_the_document_is_valid() -> None:
    """Each of its schemas is one, of JSON Schema 2020-12."""
    assert DOCUMENT["openapi"].startswith("3.1")
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def is_described(answer: httpx.Response, document: dict[str, Any] = DOCUMENT, path: str = "/skip") -> bool:
    """Tell whether a response is as the document says."""
    responses = document["paths"][path]["get"]["responses"]
    response = responses.get(str(answer.status_code), {})
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response["content"][answer.headers["content-type"]]["schema"]
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]}).is_valid(answer.json())


@at_once
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_is_as_described(kind: Any) -> None:
    """An independent validator agrees, for each state; and it does not for another state in its place."""
    answer = Boundary(expose=[State]).answer(bare(kind, message="why"), {})
    response = httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)
    other = httpx.Response(answer.status, headers=response.headers, content=answer.body.replace(b"why", b'"'))

    assert is_described(response)
    with pytest.raises(ValueError):
        is_described(other)
    wrong = answer.body.replace(kind.type.encode(), b"Nowhere")
    assert not is_described(httpx.Response(answer.status, headers=dict(answer.headers), content=wrong))


def test_a_state_defined_later_is_described() -> None:
    """With its own schema, under the status of its ancestor; nothing is rebuilt where nothing has come."""
    app = installed()
    before = app.openapi()
    assert before is app.openapi()

    class Adjourned(TimedOut):
        """Later than that."""

        hours: int = 1

    class ADJOURN(Signal[Adjourned]):
        """Be later."""

    @app.get("/later")
    async def later() -> int:
        raise ADJOURN

    after = app.openapi()
    assert ("Adjourned" in schema_at(504, before)["discriminator"]["mapping"], "Adjourned" in json.dumps(after)) == (
        False,
        True,
    )
    assert "hours" in after["components"]["schemas"]["Adjourned"]["properties"]
    assert "/later" in after["paths"]


@pytest.mark.exhaustive
def test_only_what_endpoints_raise_is_described() -> None:
    """Where it is said what that is, and by the statuses that are said."""
    app = installed(raises=[Success, Crashed], statuses={Skipped: 204})
    document = app.openapi()

    assert {"200", "204", "500"} == document["paths"]["/skip"]["get"]["responses"].keys()
    assert {"Success", "Cached", "Mapped"} == schema_at(200, document)["discriminator"]["mapping"].keys() & {
        *BY_STATUS[200]
    }
    assert ["Crashed"] == [*schema_at(500, document)["discriminator"]["mapping"]]
    assert "content" not in document["components"]["responses"]["Signal204"]
    assert "InvalidRequest" in document["paths"]["/order"]["post"]["responses"]["422"]["$ref"]


@pytest.mark.exhaustive
def test_components_of_the_same_name_are_kept_apart() -> None:
    """A model of the user's that is called as a state or a problem keeps its name or gets a longer one."""
    app = FastAPI()
    install(app)

    class Problem500(BaseModel):
        """Another one."""

        mine: int

    made = type("Failed", (BaseModel,), {"__annotations__": {"mine": int}, "__module__": "shop"})

    @app.get("/")
    async def endpoint() -> list[Problem500]:
        return []

    @app.get("/failed", response_model=made)
    async def failed() -> None: ...

    document = app.openapi()
    assert "mine" in document["components"]["schemas"]["Problem500"]["properties"]
    assert "state" in document["components"]["schemas"]["StatesigProblem500"]["properties"]
    own = document["paths"]["/failed"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0]
    assert "mine" in document["components"]["schemas"][own["$ref"].rpartition("/")[2]]["properties"]
    mapping = document["components"]["schemas"]["StatesigProblem500"]["properties"]["state"]["discriminator"]["mapping"]
    assert "retryable" in document["components"]["schemas"][mapping["Failed"].rpartition("/")[2]]["properties"]


def test_a_body_that_is_a_signal_comes_back_as_one() -> None:
    """Through the application and back, byte for byte but for what is not exposed."""
    signals = [signal_of(bare(kind)) for kind in KINDS if issubclass(kind, Failed)]
    answers = ask(APPS["installed"], *(("POST", "/signal", encode(signal)) for signal in signals))

    assert [encode(signal) for signal in signals] == [
        json.dumps(answer.json()["state"], separators=(",", ":")).encode() for answer in answers
    ]


@pytest.mark.parametrize("raises", [[int], [SKIP], Failed])
def test_what_is_said_to_be_raised_is_a_list_of_classes_of_states(raises: Any) -> None:
    """Anything else would document nothing."""
    with pytest.raises(TypeError, match="raises"):
        install(FastAPI(), raises=raises)
