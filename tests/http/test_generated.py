"""Requests that schemathesis makes of the application's own OpenAPI document: what is sent is as described."""

from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI, Header, Query
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel

from statesig import RETRY, SKIP, Failed, Finished, Signal, SignalOf, State
from statesig.http import install

schemathesis = pytest.importorskip("schemathesis", reason=".ci/run --thorough installs it")
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

EACH = 200
"""Requests for each operation and mode: more than two thousand in all."""


class Order(BaseModel):
    """What is ordered."""

    number: int
    rows: list[int] = []


app = FastAPI()
install(app, expose=[State])


@app.post("/finished")
async def finished(body: Finished[Order]) -> Finished[Order]:
    return body


@app.post("/state")
async def state(body: State) -> State:
    return body


@app.post("/failure")
async def failure(body: SignalOf[Failed]) -> SignalOf[Failed]:
    return body


@app.post("/raised")
async def raised(body: Annotated[Signal, Body()]) -> int:
    raise body


@app.post("/order")
async def order(body: Order, page: Annotated[int, Query(ge=1)] = 1, key: Annotated[int, Header()] = 1) -> Order:
    if page > 5:
        raise SKIP("there are five pages", result=[])
    return body


@app.get("/busy/{times}")
async def busy(times: int) -> int:
    raise RETRY("busy", run_count=max(times, 1))


RAISING = ("/raised", "/busy/{times}")
"""Operations that raise what is asked of them: a failure is their answer."""

IMPOSSIBLE = {("/finished", "negative"): "schemathesis makes nothing of `contains`, a MapFailed's failed child"}
WHOLE = "Input should be a valid integer"
"""JSON Schema takes 3.0 for an integer, and a state does not: the kinds of values differ."""


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("path", ["/finished", "/state", "/failure", "/raised", "/order", "/busy/{times}"])
def test_what_is_sent_is_as_described(path: str, mode: str) -> None:
    """Status, media type and body are in the document, right requests are accepted, wrong ones refused, none is 500."""
    if (path, mode) in IMPOSSIBLE:
        pytest.skip(IMPOSSIBLE[path, mode])
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    operation = next(found.ok() for found in document.get_all_operations() if found.ok().path == path)
    requests = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))
    accepted = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
    expected = [schemathesis.checks.not_a_server_error, accepted] if path in RAISING else []
    count = 0

    @given(requests)
    @settings(
        max_examples=EACH,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
        phases=[Phase.generate],
    )
    def send(case: Any) -> None:
        nonlocal count
        count += 1
        response = case.call()
        known = [accepted] if WHOLE in response.text else []
        case.validate_response(response, excluded_checks=[*expected, *known])

    send()
    assert EACH / 4 <= count
