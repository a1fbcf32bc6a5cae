"""The example `statesig.examples.orders`: a service that follows its machine, whatever is sent to it."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from typing_extensions import override

from statesig import Change, Entities, EntityChanged, IllegalTransition, NoEntity, Transition, decode, encode
from statesig.examples.orders import (
    CANCEL,
    DELIVER,
    OPEN,
    PAY,
    PLACE,
    SHIP,
    AnyOrder,
    Cancelled,
    Order,
    Shipped,
    service,
)
from statesig.http import raise_for_signal
from statesig.testing import PairBroken, check_pairs, machine_test, problems
from tests import ROOT
from tests.harness.commands import ENVIRONMENT
from tests.harness.exhaustive import counts

TEA = {"lines": [{"article": "tea", "number": 2, "price": "3.10"}]}


@pytest.fixture
def orders(tmp_path: Path) -> Entities[AnyOrder]:
    """The histories of orders, in a new store."""
    return Entities(tmp_path / "orders.db", AnyOrder)


class Client:
    """Sends requests to an application in this process, one after the other."""

    def __init__(self, app: FastAPI) -> None:
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example")

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._client.get(path))

    def put(self, path: str, json: object) -> httpx.Response:
        return self._runner.run(self._client.put(path, json=json))

    def post(self, path: str, json: object = None) -> httpx.Response:
        return self._runner.run(self._client.post(path, json=json))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


@pytest.fixture
def client(orders: Entities[AnyOrder]) -> Iterator[Client]:
    """A client of a service of its own."""
    client = Client(service(orders))
    yield client
    client.close()


# ---- what it answers


def test_an_order_from_its_beginning_to_its_end(client: Client) -> None:
    """Each transition is answered with the new state and its version, and is a part of the history."""
    answers = [
        client.put("/orders/o-1", json=TEA),
        client.post("/orders/o-1/place", json={"address": "1 Mill Lane"}),
        client.post("/orders/o-1/pay", json={"reference": "p-1"}),
        client.post("/orders/o-1/ship", json={"tracking": "T-9"}),
        client.post("/orders/o-1/deliver"),
    ]
    assert [201, 200, 200, 200, 200] == [answer.status_code for answer in answers]
    assert ['"1"', '"2"', '"3"', '"4"', '"5"'] == [answer.headers["ETag"] for answer in answers]
    whole = {"type": "Delivered", **TEA, "address": "1 Mill Lane"}
    assert whole == answers[-1].json() == client.get("/orders/o-1").json()
    history = client.get("/orders/o-1/history").json()
    assert [answer.json() for answer in answers] == [change["state"] for change in history]


def test_what_may_not_be_is_a_conflict(client: Client) -> None:
    """The answer says what may be instead, or what the guard says; the order stays as it is."""
    client.put("/orders/o-1", json={})
    early = client.post("/orders/o-1/ship", json={"tracking": "T-9"})
    assert (409, ["Placed", "Cancelled"]) == (early.status_code, early.json()["transition"]["possible"])
    empty = client.post("/orders/o-1/place", json={"address": "1 Mill Lane"})
    assert (409, "nothing is ordered") == (empty.status_code, empty.json()["detail"])
    again = client.put("/orders/o-1", json=TEA)
    assert (412, {"key": "o-1", "expected": 0, "version": 1}) == (again.status_code, again.json()["entity"])
    assert {"type": "Draft"} == client.get("/orders/o-1").json()


def test_an_order_that_is_not_there_is_not_found(client: Client) -> None:
    """Whatever is asked of it."""
    paths = ("/orders/o-9", "/orders/o-9/history")
    assert [404, 404] == [client.get(path).status_code for path in paths]
    assert 404 == client.post("/orders/o-9/deliver").status_code


def test_the_page_shows_each_order_and_what_may_follow(client: Client) -> None:
    """A key is text, whatever is in it; without orders it says so."""
    assert "no orders yet" in client.get("/").text
    client.put("/orders/<b>", json=TEA)
    client.put("/orders/o-1", json=TEA)
    client.post("/orders/o-1/place", json={"address": "1 Mill Lane"})
    page = client.get("/").text
    assert "<td>Draft</td>" in page
    assert "<td>Placed</td>" in page
    assert "<td>Paid, Cancelled</td>" in page
    assert ("&lt;b&gt;" in page, "<b>" in page) == (True, False)
    assert "Placed --&gt; Paid: PAY" in page


# ---- what it accepts


class OneOrder:
    """One order of the service, for `check_pairs`: it knows the service by its URLs alone."""

    def __init__(self, client: Client, key: str) -> None:
        self.client = client
        self.url = f"/orders/{key}"

    @property
    def state(self) -> Order | None:
        answer = self.client.get(self.url)
        return None if answer.status_code == 404 else decode(answer.content, Order)

    def send(self, signal: Transition[Any, Order], /) -> None:
        match signal:
            case OPEN():
                answer = self.client.put(
                    self.url, json={"lines": [line.model_dump(mode="json") for line in signal.state.lines]}
                )
            case PLACE():
                answer = self.client.post(f"{self.url}/place", json={"address": signal.state.address})
            case PAY():
                answer = self.client.post(f"{self.url}/pay", json={"reference": signal.state.reference})
            case SHIP():
                answer = self.client.post(f"{self.url}/ship", json={"tracking": signal.state.tracking})
            case DELIVER():
                answer = self.client.post(f"{self.url}/deliver")
            case CANCEL():
                answer = self.client.post(f"{self.url}/cancel", json={"why": signal.state.why})
            case _:
                raise AssertionError(f"the service knows no {type(signal).__name__}")
        try:
            raise_for_signal(answer)  # a transition that was not made is raised again
        except (EntityChanged, NoEntity) as exc:
            raise IllegalTransition("an order that is or is not there", type(signal.state).__name__) from exc
        answer.raise_for_status()


Serving = Callable[[type[Entities[AnyOrder]]], Callable[[], OneOrder]]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Returns what makes a fresh order of a service on histories of a class."""
    keys = count(1)
    clients: list[Client] = []

    def serve(histories: type[Entities[AnyOrder]]) -> Callable[[], OneOrder]:
        clients.append(Client(service(histories(tmp_path / "orders.db", AnyOrder))))
        return lambda: OneOrder(clients[-1], f"o-{next(keys)}")

    yield serve
    for client in clients:
        client.close()


def test_the_machine_is_whole() -> None:
    """Each state is in the union, is reached, and comes to an end."""
    assert () == problems(AnyOrder)


@pytest.mark.parametrize("examples", counts(None, 1, 20))
def test_the_service_follows_its_machine(serving: Serving, examples: int) -> None:
    """Each transition in each state is accepted or refused as `advance` does, over HTTP, and keeps the same fields."""
    check_pairs(Order, serving(Entities), examples=examples)


@pytest.mark.thorough
def test_the_service_follows_its_machine_on_random_walks(serving: Serving) -> None:
    """The same on longer ways."""
    case = machine_test(Order, serving(Entities)).TestCase("runTest")
    result = case.defaultTestResult()
    case.run(result)
    assert (1, [], []) == (result.testsRun, result.errors, result.failures)


class Lenient(Entities[AnyOrder]):
    """A forbidden cancellation is accepted: what is on its way can be cancelled."""

    @override
    def advance(self, key: str, signal: type[Transition[Any, AnyOrder]], /, **new: object) -> Change[AnyOrder]:
        latest = self.latest(key)
        if signal is not CANCEL or not isinstance(latest.state, Shipped):
            return super().advance(key, signal, **new)
        stored = self.store.entity(key)
        assert stored is not None
        state = Cancelled.model_validate({"type": "Cancelled", "lines": latest.state.lines, **new})
        after = replace(stored, version=stored.version + 1, state=encode(state))
        self.store.change_entity(after)
        return self.latest(key)


class Forgetful(Entities[AnyOrder]):
    """A list is cut on one way: a parcel holds one line."""

    @override
    def advance(self, key: str, signal: type[Transition[Any, AnyOrder]], /, **new: object) -> Change[AnyOrder]:
        if signal is SHIP:
            new["lines"] = self.state(key).lines[:1]
        return super().advance(key, signal, **new)


@pytest.mark.parametrize(
    ("histories", "examples", "source", "signal", "found"),
    [
        pytest.param(
            *(Lenient, 2, "Shipped", "CANCEL", "the system holds Cancelled"),
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            *(Forgetful, 10, "Paid", "SHIP", "the system holds Shipped, which differs in lines"),
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_fault_of_the_service_is_found(
    histories: type[Entities[AnyOrder]], examples: int, source: str, signal: str, found: str, serving: Serving
) -> None:
    """The pair is named: where the order was, what was sent, and what became of it."""
    with pytest.raises(PairBroken) as broken:
        check_pairs(Order, serving(histories), examples=examples)
    assert (source, signal, found) == (broken.value.source, broken.value.signal, broken.value.found)


# ---- the command


@pytest.mark.exhaustive
def test_one_command_serves_it(tmp_path: Path) -> None:
    """`python -m statesig.examples.orders` serves the page and the orders of a store."""
    command = [sys.executable, "-m", "statesig.examples.orders", str(tmp_path / "orders.db"), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "running on" in line)
        url = line.split("running on ")[1].split()[0]
        assert 201 == httpx.put(f"{url}/orders/o-1", json=TEA).status_code
        assert "<td>Draft</td>" in httpx.get(url).text
        process.terminate()
        process.stderr.read()
    assert "Draft" == Entities(tmp_path / "orders.db", Order).state("o-1").type
