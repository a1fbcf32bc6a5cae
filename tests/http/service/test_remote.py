"""The typed client: what a server answers comes as documents, what it raises as signals, and streams go on."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from statesig import CANCEL, FAIL, RESUME, SKIP, VALIDATIONFAIL, Paused, Success
from statesig.http import AsyncClient, Client, RequestRefused, Tokens, create_app
from tests.harness.serving import serving
from tests.http.service.test_service import HOUR, POLICY, until
from tests.samples.served import FLOWS, SECRET, Approval

GRANTED = RESUME("fine", result=Approval(by="ana", amount=5))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a server, and a token."""
    tokens = Tokens()
    path = tmp_path_factory.mktemp("remote") / "runs.db"
    app = create_app(path, authenticate=tokens, authorize=POLICY, flows=FLOWS, poll=0.02)
    with serving(app, level="warning") as url:
        yield url, tokens.issue("ana", lifetime=HOUR)


@pytest.fixture(scope="module")
def client(place: tuple[str, str]) -> Iterator[Client]:
    """A client of that server."""
    with Client(*place) as made:
        yield made


def paused(client: Client) -> str:
    """Start a run, and return its identity once it waits."""
    run = client.start("payments", amount=7).run
    until(lambda: client.run(run).entered(), lambda state: isinstance(state, Paused))
    return run


def test_a_run_is_steered(client: Client) -> None:
    """Started, shown, decided and followed to its end; each document is typed, its state a state."""
    run = paused(client)
    assert ["payments", "batch"] == [flow.flow for flow in client.flows()][:2]
    assert run in [one.run for one in client.runs(flow="payments", state="Paused")]
    assert "accepted" == client.signal(run, "pay", GRANTED).outcome
    *_, last = client.follow(run)
    assert (None, Success) == (last.task, type(last.entered()))
    assert Success(result=5) == client.task(run, "pay").entered()
    assert [] == [*client.follow(run, after=last.number)]


@pytest.mark.exhaustive
def test_runs_come_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, each once."""
    expected = [run.run for run in client.runs()]
    monkeypatch.setattr("statesig.http.calls._PAGE", 1)
    assert expected == [run.run for run in client.runs()]


def test_a_signal_is_raised_again(client: Client) -> None:
    """Parameters and signals that are not valid are VALIDATIONFAIL here, as there."""
    with pytest.raises(VALIDATIONFAIL, match=r"body\.parameters\.amount"):
        client.start("payments", amount=SECRET)


def test_a_refusal_says_what_is_possible(client: Client) -> None:
    """By its status, and the families of signals; an answer of the wrong type changes nothing."""
    run = paused(client)
    with pytest.raises(RequestRefused, match="a Skipped cannot be sent") as raised:
        client.signal(run, "pay", SKIP())
    assert (409, ("Resume", "Failed", "Cancelled")) == (raised.value.status, raised.value.possible)
    with pytest.raises(RequestRefused, match="422"):
        client.signal(run, "pay", RESUME(result=1))
    with pytest.raises(RequestRefused, match="412"):
        client.signal(run, "pay", GRANTED, version='"0-0"')
    assert [] == client.run(run).signals[1:]
    assert "applied" == client.signal(run, None, CANCEL()).outcome


def test_a_key_acts_once(client: Client) -> None:
    """A start and a decision, repeated with their keys, are what they were; a rerun is a new run."""
    one, two = (client.start("failing", "the key", is_wrong=True) for _ in range(2))
    assert one == two
    until(lambda: client.run(one.run).again, bool)
    again = client.rerun(one.run)
    assert one.run != again.run
    run = paused(client)
    first, second = (client.signal(run, "pay", FAIL("no"), key="decide") for _ in range(2))
    assert (first.number, first.outcome) == (second.number, second.outcome)


class Breaking(httpx.BaseTransport):
    """Sends requests, and loses the connection: before an answer comes, and after some of a stream."""

    def __init__(self) -> None:
        self._http = httpx.HTTPTransport()
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._http.handle_request(request)
        if request.url.path.endswith("/events"):
            stream: Any = response.stream
            return httpx.Response(response.status_code, headers=response.headers, stream=self._some(stream))
        if self.lost % 2:
            self.lost += 1
            return response
        response.close()
        self.lost += 1
        raise httpx.ReadError("lost", request=request)

    def _some(self, stream: Any) -> Any:
        breaking = self

        class Some(httpx.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                for part in stream:
                    head, mark, _ = part.partition(b"\n\nid: ")
                    yield head + b"\n\n"
                    if mark:
                        breaking.lost += 1
                        raise httpx.ReadError("lost")

            def close(self) -> None:
                stream.close()

        return Some()

    def close(self) -> None:
        self._http.close()


def test_a_lost_connection_changes_nothing(
    place: tuple[str, str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request is sent again with its key, a stream goes on after the last event: each acts, and comes, once."""
    monkeypatch.setattr("statesig.http.calls.PAUSES", (0.001,) * 3)
    before = len([*client.runs()])
    transport = Breaking()
    with Client(*place, transport=transport) as breaking:
        run = breaking.start("failing").run
        numbers = [event.number for event in breaking.follow(run)]
    assert transport.lost > 2
    assert [*range(1, 1 + client.run(run).length)] == numbers
    assert 1 + before == len([*client.runs()])


class Silent(httpx.MockTransport):
    """A server whose streams end at once, until the run is over; it asks for half a second."""

    def __init__(self, streams: int, retry: int) -> None:
        self.left = streams
        self.retry = retry
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        return httpx.Response(200, content=b"retry: %d\n\n" % self.retry) if self.left >= 0 else httpx.Response(204)


@pytest.mark.parametrize(
    ("streams", "retry", "pauses"),
    [
        (1, 500, [0.0]),
        (12, 500, [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, *[30.0] * 5]),
        (3, 10**9, [0.0, 30.0, 30.0]),
    ],
)
def test_a_stream_that_ends_at_once_is_asked_for_ever_more_seldom(
    streams: int, retry: int, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From what the stream says on, up to half a minute; the first time at once, as the run may be over."""
    slept: list[float] = []
    monkeypatch.setattr("statesig.http.remote.time", SimpleNamespace(sleep=slept.append))
    with Client("http://server.example", "token", transport=Silent(streams, retry)) as client:
        assert [] == [*client.follow("run")]
    assert pauses == slept


def test_coroutines_have_the_same(place: tuple[str, str]) -> None:
    """Each method as that of the other client."""

    async def steer() -> None:
        async with AsyncClient(*place) as client:
            run = (await client.start("payments", amount=3)).run
            async for event in client.follow(run):
                if event.task is None and isinstance(event.entered(), Paused):
                    await client.signal(run, "pay", GRANTED)
            assert Success(result=3) == (await client.task(run, "pay")).entered()
            assert run in [one.run async for one in client.runs(flow="payments")]
            assert (await client.run(run)).again
            assert "started" == (await client.rerun(run, "pay")).outcome
            assert 5 == len(await client.flows())
            with pytest.raises(RequestRefused, match="404"):
                await client.run("0" * 32)

    asyncio.run(steer())
    assert {name for name in dir(Client) if name[0] != "_"} == {name for name in dir(AsyncClient) if name[0] != "_"}
