"""Over a real socket: uvicorn serves applications of three frameworks, and httpx calls them."""

import logging
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from statesig import FAIL, RETRY, Failed, Finished, Limits, Signal, State, decode, signal_of
from statesig.http import Boundary, SignalMiddleware, install, signal_from
from tests.harness.serving import serving
from tests.samples.samples import KINDS, full

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

SECRET = "secret-4111"
BY_NAME = {kind.__name__: kind for kind in KINDS}
LIMITS = Limits(max_bytes=2_000_000)


def raised(kind: str) -> Signal[Any]:
    return signal_of(full(BY_NAME[kind]))


# ---- applications


def of_starlette() -> Any:
    async def endpoint(request: Request) -> Response:
        raise raised(request.path_params["kind"])

    def in_a_thread(request: Request) -> Response:
        raise raised(request.path_params["kind"])

    sub = Starlette(routes=[Route("/{kind}", endpoint)])
    routes = [Route("/endpoint/{kind}", endpoint), Route("/dependency/{kind}", in_a_thread), Mount("/sub", sub)]
    return Starlette(routes=routes, middleware=[Middleware(SignalMiddleware, expose=[State])])


def of_fastapi() -> Any:
    app, sub = FastAPI(), FastAPI()
    install(app, expose=[State])

    def dependency(kind: str) -> None:
        raise raised(kind)

    @app.get("/endpoint/{kind}")
    async def endpoint(kind: str) -> int:
        raise raised(kind)

    @app.get("/dependency/{kind}")
    async def dependent(found: Annotated[None, Depends(dependency)]) -> int:
        return 1

    sub.get("/{kind}")(endpoint)
    app.mount("/sub", sub)
    return app


def of_litestar() -> Any:
    from litestar import Litestar, asgi, get
    from litestar import Request as LitestarRequest
    from litestar.di import NamedDependency, Provide
    from litestar.types import Receive, Scope, Send

    async def dependency(request: LitestarRequest[Any, Any, Any]) -> None:
        raise raised(request.path_params["kind"])

    @get("/endpoint/{kind:str}")
    async def endpoint(request: LitestarRequest[Any, Any, Any]) -> int:
        raise raised(request.path_params["kind"])

    @get("/dependency/{kind:str}", dependencies={"found": Provide(dependency)})
    async def dependent(found: NamedDependency[None]) -> int:
        return 1

    @asgi("/sub", is_mount=True, copy_scope=True)
    async def sub(scope: Scope, receive: Receive, send: Send) -> None:
        raise raised(scope["path"].strip("/"))

    return Litestar([endpoint, dependent, sub], middleware=[lambda app: SignalMiddleware(app, expose=[State])])


FRAMEWORKS: dict[str, Callable[[], Any]] = {"Starlette": of_starlette, "FastAPI": of_fastapi, "Litestar": of_litestar}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_state_reaches_the_caller(framework: str) -> None:
    """Raised in an endpoint, a dependency (in Starlette: a thread) and a mounted application, it is an equal signal."""
    boundary = Boundary(expose=[State])
    with serving(FRAMEWORKS[framework]()) as url, httpx.Client(base_url=url) as client:
        for kind in KINDS:
            expected = boundary.answer(full(kind), {})
            for place in ("endpoint", "dependency", "sub"):
                response = client.get(f"/{place}/{kind.__name__}")
                assert (expected.status, expected.body) == (response.status_code, response.content), place
                assert dict(expected.headers).items() <= dict(response.headers).items()
                found = signal_from(response)
                assert (full(kind), type(signal_of(full(kind)))) == (found and found.state, type(found))


def hostile() -> Any:
    """Return an application whose endpoints have a secret in exception texts and locals."""
    app = FastAPI()
    install(app, limits=LIMITS)

    @app.post("/state")
    async def state(body: Finished[int]) -> int:
        return 1

    @app.post("/model")
    async def model(body: dict[str, dict[str, int]], page: int = 1) -> int:
        return page

    @app.post("/raw")
    async def raw(request: Request) -> int:
        body = await request.body()
        return len(decode(body, Failed, strict=True).type)

    @app.post("/raising")
    async def raising(request: Request) -> int:
        local = f"{SECRET} {request.headers!r}"
        try:
            raise ValueError(local)
        except ValueError as exc:
            exc.add_note(SECRET)
            raise FAIL(SECRET) from exc

    @app.post("/retrying")
    async def retrying(request: Request) -> int:
        raise RETRY(f"{await request.body()!r}")

    return app


def bodies() -> Iterator[tuple[str, bytes]]:
    """Yield hostile bodies with their media types."""
    keys = ",".join(f'"{SECRET}{at}":1' for at in range(100_000))
    for text in (
        f'{{"{SECRET}',
        f'{{"type":"{SECRET}"}}',
        f'{{"type":"{SECRET * 100_000}"}}',
        f'{{"type":"Failed","{SECRET}":1}}',
        f'{{"type":"Failed","message":["{SECRET}"]}}',
        f'{{"type":"Success","result":"{SECRET}"}}',
        f'{{"{SECRET}":1,"{SECRET}":2}}',
        f'{{"{SECRET}":{{"{SECRET}":"{SECRET}"}}}}',
        f'{{"type":"Failed","message":"{SECRET}\\ud800"}}',
        f'{{"type":"Failed","message":NaN,"x":"{SECRET}"}}',
        "[" * 100_000 + f'"{SECRET}"',
        f"{{{keys}}}",
        f'"{SECRET * 300_000}"',
    ):
        yield "application/json", text.encode()
        yield "text/plain", text.encode()


def test_a_secret_is_in_no_response_and_in_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Of a body, of parameters, headers, cookies, exception texts and locals; no answer is long, and 500 is a FAIL."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the client's own log has what the client sends
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    seen: dict[str, set[int]] = {}
    with serving(hostile()) as url, httpx.Client(base_url=url) as client:
        for path in ("/state", "/model", "/raw", "/raising", "/retrying"):
            for kind, body in bodies():
                headers = {"content-type": kind, "x-key": SECRET, "cookie": f"a={SECRET}", "authorization": SECRET}
                for content in (body, iter([body[:1000], body[1000:]])):
                    response = client.post(path, content=content, headers=headers)
                    seen.setdefault(path, set()).add(response.status_code)
                    assert SECRET not in response.text + repr(response.headers)
                    assert len(response.content) < 2_000
        seen["/model?page"] = {client.post("/model", params={"page": SECRET}, json={}).status_code}

    refused = {400, 413, 422}
    assert [set(), set(), set(), {500}, {503}] == [seen[path] - refused for path in list(seen)[:5]]
    assert any('"POST /raising HTTP/1.1" 500' in line for line in caplog.messages)
    # The path and the query are what uvicorn's own log of requests has.
    assert [] == [line for line in caplog.messages if SECRET in line and "page=" not in line]


def test_a_body_that_is_too_large_does_not_end_the_server() -> None:
    """The refusal arrives although the body was not read, and the next request is served."""
    with serving(hostile()) as url, httpx.Client(base_url=url) as client:
        for _ in range(20):
            response = client.post("/state", content=b" " * 2_000_001, headers={"content-type": "application/json"})
            assert 413 == response.status_code
        assert 503 == client.post("/retrying").status_code
