"""A signal that an endpoint raised is raised again at the caller."""

import asyncio
from typing import Any

import httpx
import pytest

from statesig import FAIL, SKIP, VALIDATIONFAIL, DecodeError, Failed, Limits, Signal, Skipped, State, encode, signal_of
from statesig.http import SignalMiddleware, araise_for_signal, raise_for_signal, signal_from
from statesig.http.answers import Boundary
from statesig.http.asgi import Receive, Scope, Send
from tests.harness.asgi import ask
from tests.harness.cases import at_once
from tests.samples.samples import KINDS, bare, full


def app_raising(signal: Signal[Any], **arguments: Any) -> SignalMiddleware:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise signal

    return SignalMiddleware(app, **arguments)


def response_to(signal: Signal[Any], method: str = "GET", **arguments: Any) -> httpx.Response:
    (response,) = ask(app_raising(signal, **arguments), (method, "/"))
    return response


@at_once
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sample", [bare, full])
def test_the_caller_gets_an_equal_signal(kind: Any, sample: Any) -> None:
    """Of the same class, with the same state, where all of it is exposed."""
    signal = signal_of(sample(kind))
    response = response_to(signal, expose=[State])

    found = signal_from(response)
    assert (type(signal), signal.state) == (type(found), found and found.state)
    with pytest.raises(type(signal)) as raised:
        raise_for_signal(response)
    assert signal.state == raised.value.state


def test_what_is_not_exposed_does_not_come() -> None:
    """The signal is the same without its message."""
    found = signal_from(response_to(SKIP("secret", result=1)))

    assert found is not None
    assert Skipped(result=1) == found.state


def test_a_response_that_only_looks_so_is_no_signal() -> None:
    """A state that an endpoint returned is its answer, and the same JSON."""
    response = httpx.Response(200, content=encode(Skipped()), headers={"content-type": "application/json"})

    assert signal_from(response) is None
    assert response is raise_for_signal(response)
    assert signal_from(httpx.Response(500, content=b'{"state":{"type":"Failed"}}')) is None


def test_a_response_without_a_body_is_the_state_of_its_tag() -> None:
    """204, or the answer to HEAD."""
    assert SKIP is type(signal_from(response_to(SKIP("x"), statuses={Skipped: 204})))


def test_a_refused_request_is_raised_as_validation_failed() -> None:
    """With what is wrong as its message."""
    error = DecodeError("State", [("message", "a text was expected")])
    answer = Boundary().answer_to(error, {})
    assert answer is not None

    with pytest.raises(VALIDATIONFAIL, match="message: a text was expected") as raised:
        raise_for_signal(httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body))
    assert not raised.value.state.retryable


FAILED = {"statesig-state": "Failed", "content-type": "application/problem+json"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"statesig-state": "Nowhere"}, b'{"type":"Nowhere"}'),
        ({"statesig-state": "Nowhere"}, b""),
        (
            {"statesig-state": "Failed", "content-type": "application/problem+json"},
            b'{"state":{"type":"Failed","x":1}}',
        ),
        ({"statesig-state": "Failed", "content-type": "application/problem+json"}, b'{"title":"x"}'),
        ({"statesig-state": "Failed"}, b"<html>"),
        ({"statesig-state": "Failed"}, b'{"type":"Failed","type":"Failed"}'),
    ],
)
def test_a_document_that_is_no_known_state_is_an_error(headers: dict[str, str], body: bytes) -> None:
    """It is not passed over as if the server had answered."""
    with pytest.raises(DecodeError):
        raise_for_signal(httpx.Response(500, headers=headers, content=body))


def test_limits_hold_at_the_caller_too() -> None:
    """A server's document may be hostile as well."""
    response = response_to(FAIL("x" * 200), expose=[Failed])

    for read in (signal_from, raise_for_signal):
        with pytest.raises(DecodeError, match="more than 100 bytes"):
            read(response, limits=Limits(max_bytes=100))


def test_as_a_hook_it_raises_for_every_response() -> None:
    """Asynchronously the body is awaited first."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app_raising(FAIL("x"), expose=[State]))
        hooks: Any = {"response": [araise_for_signal]}
        async with httpx.AsyncClient(transport=transport, base_url="http://app.example", event_hooks=hooks) as client:
            return await client.get("/")

    with pytest.raises(FAIL, match="x"):
        asyncio.run(call())
    answer = Boundary(expose=[State]).answer(Failed(message="x"), {})
    transport = httpx.MockTransport(
        lambda request: httpx.Response(500, headers=dict(answer.headers), content=answer.body)
    )
    with httpx.Client(transport=transport, event_hooks={"response": [raise_for_signal]}) as client:
        with pytest.raises(FAIL, match="x"):
            client.get("http://app.example")


def test_another_response_is_returned() -> None:
    """Read or not."""

    async def call() -> httpx.Response:
        return await araise_for_signal(httpx.Response(200, content=b"fine"))

    assert b"fine" == asyncio.run(call()).content
