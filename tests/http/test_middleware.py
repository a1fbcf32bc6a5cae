"""Signals become responses under ASGI, in plain applications and Starlette's; bodies are held to limits."""

import asyncio
import gzip
import json
import resource
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from statesig import CANCEL, FAIL, PAUSE, RETRY, SKIP, TIMEOUT, Finished, Limits, State, decode
from statesig.http import SignalMiddleware
from statesig.http.asgi import Receive, Scope, Send
from tests.harness.asgi import JSON, Exchange, ask

# ---- endpoints


async def skip(request: Request) -> Response:
    raise SKIP("no rows", result=[1])


def in_a_thread(request: Request) -> Response:
    raise RETRY("busy")


async def several(request: Request) -> Response:
    async def one() -> None:
        raise SKIP

    async def other() -> None:
        raise CANCEL

    async with asyncio.TaskGroup() as group:
        group.create_task(one())
        group.create_task(other())
    return Response()


async def broken(request: Request) -> Response:
    raise OSError("secret")


def streamed(*parts: bytes) -> Any:
    async def endpoint(request: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for part in parts:
                yield part
            raise TIMEOUT("late")

        return StreamingResponse(body())

    return endpoint


async def afterwards(request: Request) -> Response:
    async def work() -> None:
        raise FAIL("late")

    return PlainTextResponse("done", background=BackgroundTask(work))


async def read(request: Request) -> Response:
    return JSONResponse(decode(await request.body(), Finished, strict=True).type)


async def length(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


async def untouched(request: Request) -> Response:
    return JSONResponse("untouched")


ROUTES = [
    Route("/skip", skip),
    Route("/thread", in_a_thread),
    Route("/several", several),
    Route("/broken", broken),
    Route("/early", streamed()),
    Route("/flushed", streamed(b"")),
    Route("/late", streamed(b"x")),
    Route("/afterwards", afterwards),
    Route("/read", read, methods=["POST"]),
    Route("/length", length, methods=["POST"]),
    Route("/untouched", untouched, methods=["POST"]),
    Mount("/sub", Starlette(routes=[Route("/skip", skip)])),
]
STATUSES = {"/skip": 200, "/thread": 503, "/several": 409, "/early": 504, "/sub/skip": 200}


class Outer(BaseHTTPMiddleware):
    """What ``@app.middleware("http")`` makes."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["outer"] = str(response.status_code)
        return response


def app_of(*outer: Middleware, **arguments: Any) -> Starlette:
    return Starlette(routes=ROUTES, middleware=[*outer, Middleware(SignalMiddleware, **arguments)])


APP = app_of()


def test_a_signal_becomes_a_response() -> None:
    """From an endpoint, one in a thread, a task group, a stream before its first byte, and a mounted application."""
    answers = ask(APP, *(("GET", path) for path in STATUSES))

    assert STATUSES == {path: answer.status_code for path, answer in zip(STATUSES, answers, strict=True)}
    assert b'{"type":"Skipped","result":[1]}' == answers[0].content


def test_around_the_application_it_does_the_same() -> None:
    """Where no other middleware stands between."""
    answers = ask(SignalMiddleware(Starlette(routes=ROUTES)), *(("GET", path) for path in STATUSES))

    assert list(STATUSES.values()) == [answer.status_code for answer in answers]


def test_within_middleware_that_groups_exceptions() -> None:
    """Innermost, it answers before Starlette's middleware for functions hides the signal in a group."""
    answers = ask(app_of(Middleware(Outer)), *(("GET", path) for path in STATUSES))

    assert list(STATUSES.values()) == [answer.status_code for answer in answers]
    assert [str(status) for status in STATUSES.values()] == [answer.headers["outer"] for answer in answers]


def test_arguments_are_the_boundarys() -> None:
    """Statuses, exposure, location and the rest."""
    app = app_of(
        statuses={State: 299},
        expose=[State],
        redact=lambda text: text.upper(),
        location=lambda state, scope: f"{scope['path']}/{state.type}",
    )
    (answer,) = ask(app, ("GET", "/skip"))

    assert (200, "/skip/Skipped") == (answer.status_code, answer.headers["location"])
    assert b'{"type":"Skipped","message":"NO ROWS","result":[1]}' == answer.content


def test_an_error_is_the_frameworks() -> None:
    """It is not answered here, and its text leaves nowhere."""
    exchange = Exchange(APP, headers={}, method="GET", path="/broken")

    assert isinstance(exchange.raised, OSError)
    assert (500, b"Internal Server Error") == (exchange.status, exchange.body)


@pytest.mark.parametrize("path", ["/late", "/flushed"])
def test_a_signal_after_the_first_byte_is_raised_again(path: str) -> None:
    """The response has begun: an empty part of the body sends the headers, too."""
    exchange = Exchange(APP, headers={}, method="GET", path=path)

    assert isinstance(exchange.raised, TIMEOUT)
    assert ([200], False) == (
        [message["status"] for message in exchange.sent if "status" in message],
        exchange.sent[-1].get("more_body") is False,
    )


def test_a_signal_from_the_background_is_raised_again() -> None:
    """It comes after the response, which stays what it is."""
    exchange = Exchange(APP, headers={}, method="GET", path="/afterwards")

    assert isinstance(exchange.raised, FAIL)
    assert (200, b"done") == (exchange.status, exchange.body)


def test_other_connections_are_left_alone() -> None:
    """A WebSocket and the lifespan have no response: a signal goes on, and what is sent is sent at once."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        raise PAUSE

    raised = [Exchange(SignalMiddleware(app), type=kind).raised for kind in ("websocket", "lifespan")]
    assert (["websocket", "lifespan"], [PAUSE, PAUSE]) == (seen, [type(each) for each in raised])


def test_a_response_without_a_body_is_sent() -> None:
    """An application that sends a start alone is not made to send more."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    assert [204] == [message["status"] for message in Exchange(SignalMiddleware(app)).sent]


@pytest.mark.exhaustive
def test_litestar() -> None:
    """Litestar takes the middleware as it is; `hand_over` leaves it the errors that Litestar would answer with 500."""
    from litestar import Litestar, get, post
    from litestar import Request as LitestarRequest
    from litestar.di import NamedDependency, Provide
    from litestar.middleware import DefineMiddleware

    from statesig import DecodeError
    from statesig.http import hand_over

    async def dependency() -> int:
        raise TIMEOUT("late")

    @get("/skip")
    async def endpoint() -> None:
        raise SKIP("no rows")

    @get("/dependent", dependencies={"number": Provide(dependency)})
    async def dependent(number: NamedDependency[int]) -> int:
        return number

    @post("/read")
    async def body(request: LitestarRequest[Any, Any, Any]) -> str:
        return decode(await request.body(), Finished, strict=True).type

    app = Litestar(
        [endpoint, dependent, body],
        middleware=[DefineMiddleware(SignalMiddleware, expose=[State])],
        exception_handlers={DecodeError: hand_over},
        logging_config=None,
    )
    read = [("POST", "/read", body) for body in (b'{"type":"Skipped"}', b'{"type":"secret"}', b'{"type":1,"type":2}')]
    answers = ask(app, ("GET", "/skip"), ("GET", "/dependent"), *read)

    assert [200, 504, 201, 422, 400] == [answer.status_code for answer in answers]
    assert b'{"type":"Skipped","message":"no rows"}' == answers[0].content
    assert b"secret" not in answers[3].content


# ---- bodies


CHUNKED = {**JSON, "transfer-encoding": "chunked"}


def many(count: int) -> bytes:
    return b"{" + b",".join(b'"secret%d":1' % index for index in range(count)) + b"}"


HOSTILE: dict[str, tuple[int, bytes]] = {
    "no JSON": (400, b'{"secret'),
    "a key twice": (400, b'{"type":"Skipped","secret":1,"secret":2}'),
    "a key twice within": (400, b'{"type":"Skipped","result":[{"secret":1,"secret":2}]}'),
    "NaN": (400, b'{"type":"Skipped","result":NaN}'),
    "infinity": (400, b'{"type":"Skipped","result":-Infinity}'),
    "beyond a double": (400, b'{"type":"Skipped","result":1e999}'),
    "too many digits": (400, b'{"type":"Skipped","result":' + b"1" * 5_000 + b"}"),
    "a lone surrogate": (400, b'{"type":"Skipped","message":"secret\\ud800"}'),
    "a surrogate in a key": (400, b'{"type":"Skipped","secret\\udfff":1}'),
    "a surrogate in bytes": (400, b'{"type":"Skipped","message":"\xed\xa0\x80"}'),
    "not UTF-8": (400, b'{"type":"Skipped","message":"\xff"}'),
    "UTF-16": (400, '{"type":"Skipped"}'.encode("utf-16")),
    "a mark of order": (400, b'\xef\xbb\xbf{"type":"Skipped"}'),
    "a tag of a megabyte": (422, b'{"type":"' + b"s" * 1_000_000 + b'"}'),
    "an unknown tag": (422, b'{"type":"secret"}'),
    "an unknown key": (422, b'{"type":"Skipped","secret":1}'),
    "a wrong value": (422, b'{"type":"Skipped","message":["secret"]}'),
    "many keys": (413, many(100_000)),
    "fewer keys": (422, b'{"type":"Skipped",' + many(10_000)[1:]),
    "deep": (413, b"[" * 200 + b"]" * 200),
    "very deep": (413, b"[" * 100_000),
    "many values": (413, b"[" + b"1," * 60_000 + b"1]"),
    "a scalar": (422, b'"secret"'),
    "null": (422, b"null"),
}


def test_a_hostile_body_is_refused() -> None:
    """With a status from 400 to 499, in few words, and none of them the client's."""
    answers = ask(APP, *(("POST", "/read", body) for _, body in HOSTILE.values()))

    assert {name: status for name, (status, _) in HOSTILE.items()} == {
        name: answer.status_code for name, answer in zip(HOSTILE, answers, strict=True)
    }
    assert [] == [answer.text for answer in answers if b"secret" in answer.content or len(answer.content) > 2_000]
    assert {"application/problem+json"} == {answer.headers["content-type"] for answer in answers}


@pytest.mark.parametrize(
    "said", ["application/json", "application/vnd.x+json; charset=utf-8", " Application/JSON", "application/x!y+json"]
)
def test_what_is_said_to_be_json_is_checked(said: str) -> None:
    """Before the application runs, whatever it would read; another kind of body, a packed and an empty one are not."""
    twice = b'{"a":1,"a":2}'

    checked = ask(APP, ("POST", "/untouched", twice), headers={"content-type": said})
    others = [
        *ask(APP, ("POST", "/untouched", twice), headers={"content-type": "text/plain"}),
        *ask(APP, ("POST", "/untouched", twice), headers={}),
        *ask(APP, ("POST", "/untouched", b"packed"), headers={"content-type": said, "content-encoding": "gzip"}),
        *ask(APP, ("POST", "/untouched"), headers={"content-type": said}),
    ]
    assert ([400], [200, 200, 200, 200]) == (
        [answer.status_code for answer in checked],
        [answer.status_code for answer in others],
    )


@pytest.mark.parametrize("coding", ["gzip", "Identity", "x"])
def test_json_that_is_only_said_to_be_packed_is_checked(coding: str) -> None:
    """Frameworks read it as it is; what is packed is left to whoever unpacks it."""
    headers = {**JSON, "content-encoding": coding}
    bodies = [b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000, gzip.compress(b'{"a":1,"a":2}')]

    answers = ask(APP, *(("POST", "/untouched", body) for body in bodies), headers=headers)

    packed = 400 if coding == "Identity" else 200
    assert [400, 400, 413, packed] == [answer.status_code for answer in answers]


def test_a_body_in_parts_is_held_to_the_limits_whatever_length_is_said() -> None:
    """A server may hand on a length of zero beside a body that comes in parts."""
    headers = {**JSON, "content-length": "0", "transfer-encoding": "chunked"}
    limited = app_of(limits=Limits(max_bytes=100))

    statuses = [
        Exchange(limited, [body], headers=headers, path="/length").status for body in (b"1" * 101, b'{"a":NaN}')
    ]

    assert [413, 400] == statuses


def test_the_application_receives_the_body_as_it_came() -> None:
    """In one piece where it was checked, and then whatever the server says next."""
    body = b' {"type": "Skipped", "message": "\xc3\xa4"} '
    exchange = Exchange(
        APP, [body[:3], b"", body[3:]], headers={**JSON, "transfer-encoding": "chunked"}, path="/length"
    )

    assert (200, str(len(body)).encode()) == (exchange.status, exchange.body)


def test_a_body_that_is_said_to_be_too_large_is_not_read() -> None:
    """413 by its length alone, of any kind; a length that is no number is the server's business."""
    limited = app_of(limits=Limits(max_bytes=100))

    for kind in (JSON, {"content-type": "text/plain"}):
        exchange = Exchange(limited, [b"x" * 101], headers={**kind, "content-length": "101"}, path="/length")
        assert (413, 0) == (exchange.status, exchange.read)
    assert 200 == Exchange(limited, [b"1"], headers={**JSON, "content-length": "100"}, path="/length").status


def test_a_body_of_unknown_length_is_counted() -> None:
    """413 once too much of it has come, whatever it is: the rest is not read."""
    limited = app_of(limits=Limits(max_bytes=100))

    for kind in (JSON, {"content-type": "text/plain"}):
        parts = [b" " * 40] * 1_000
        exchange = Exchange(limited, parts, headers={**kind, "transfer-encoding": "chunked"}, path="/length")
        assert (413, 3) == (exchange.status, exchange.read)
        assert b"more than 100 bytes" in exchange.body


def test_a_counted_body_is_refused_within_a_group() -> None:
    """A refusal that comes out of a task group is one, too."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def read() -> None:
            while (await receive()).get("more_body"):
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            group.create_task(read())

    assert 413 == Exchange(SignalMiddleware(app, limits=Limits(max_bytes=100)), [b"x" * 60] * 9).status


def test_a_client_that_goes_while_it_sends_is_told_to_the_application() -> None:
    """What came is handed on, and then that the client is gone."""
    messages = [{"type": "http.request", "body": b"[1", "more_body": True}, {"type": "http.disconnect"}]
    received: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None: ...

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.extend([await receive(), await receive()])

    scope = Exchange(app, headers=CHUNKED).scope
    received.clear()
    asyncio.run(SignalMiddleware(app)(scope, receive, send))
    assert [{"type": "http.request", "body": b"[1", "more_body": True}, {"type": "http.disconnect"}] == received


def most_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.exhaustive
def test_hostile_bodies_leave_no_memory() -> None:
    """Ten thousand of them keep less than five megabytes."""
    small = [body for _, body in HOSTILE.values() if len(body) < 10_000]

    def send(count: int) -> set[int]:
        bodies = (small[at % len(small)] for at in range(count))
        return {Exchange(APP, [body], path="/read", headers=CHUNKED).status for body in bodies}

    assert {400, 413, 422} == send(1_000)
    before = most_memory()
    send(10_000)
    assert most_memory() - before < 5_000_000


def test_a_problem_is_json() -> None:
    """Also that of a refused body, which has no state."""
    (answer,) = ask(APP, ("POST", "/read", b"{"))

    assert {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "not JSON: EOF while parsing an object at line 1 column 1",
    } == json.loads(answer.content)
