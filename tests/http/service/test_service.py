"""A server of stored runs on a real socket: runs are started, shown, followed and decided, each act once."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from statesig import Flow, State, decode, task
from statesig.http import Grant, Policy, Tokens, create_app
from statesig.http.service.access import VERBS, Verb
from statesig.stores.opening import open_store
from statesig.stores.store import Store
from statesig.tracing import Tracing
from tests.harness.serving import serving
from tests.samples import served
from tests.samples.served import FLOWS, GATE, SECRET

HOUR = timedelta(hours=1)
RESUME = {"type": "Resume"}
GRANTED = {"type": "Resume", "result": {"by": "ana", "amount": 5}}


@task
def wait_for_somebody() -> int:
    return served.gate.fn()


with Flow("elsewhere") as elsewhere:  # no server has it
    wait_for_somebody()


class Served:
    """A server, and a client of somebody who may do everything with the flows.

    Attributes:
        place: Where its store is.
        tokens: Its tokens.
    """

    def __init__(self, place: Path, url: str, tokens: Tokens) -> None:
        self.place = place
        self.url = url
        self.tokens = tokens
        self.client = self.client_of("ana")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.client.close()

    def client_of(self, principal: str) -> httpx.Client:
        token = self.tokens.issue(principal, lifetime=HOUR)
        headers = {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, verify=False)  # to load certificates takes longest

    def start(self, flow: str, until: str = "Paused", **parameters: Any) -> str:
        """Start a run, and return its identity once it has come to a state."""
        response = self.client.post(f"/flows/{flow}/runs", json={"parameters": parameters})
        assert 201 == response.status_code, response.text
        run: str = response.json()["run"]
        self.wait(run, until)
        return run

    def wait(self, run: str, tag: str) -> Any:
        """Return a run once it has come to a state."""
        return until(lambda: self.client.get(f"/runs/{run}").json(), lambda found: found["state"]["type"] == tag)

    def signal(self, run: str, task: str | None, document: Any, **headers: str) -> httpx.Response:
        place = f"/runs/{run}/signals" if task is None else f"/runs/{run}/tasks/{task}/signals"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(place, json=document, headers=named)

    def tag(self, run: str, task: str) -> str:
        """Return the tag of a task's state."""
        found: str = self.client.get(f"/runs/{run}/tasks/{task}").json()["state"]["type"]
        return found

    def store(self) -> Store:
        return open_store(self.place)


def until(look: Callable[[], Any], is_found: Callable[[Any], bool]) -> Any:
    """Look until something is found."""
    end = time.monotonic() + 20
    while not is_found(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.005)
    return found


POLICY = Policy(
    Grant("ana", VERBS, flows=[*(flow.name for flow in FLOWS), "elsewhere"]),
    Grant("bob", ["read"], flows=["payments"]),
    Grant("cyd", ["resume"], flows=["payments"]),
)


SPANS = InMemorySpanExporter()
"""The spans of the runs that the server of this file drives."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for the tests of this file."""
    place, tokens = tmp_path_factory.mktemp("served") / "runs.db", Tokens()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(SPANS))
    tracing = Tracing(provider)
    app = create_app(place, authenticate=tokens, authorize=POLICY, flows=FLOWS, poll=0.02, on_event=tracing)
    with serving(app, level="warning") as url, Served(place, url, tokens) as server:
        yield server


@pytest.fixture(scope="module")
def waiting(server: Served) -> str:
    """A run whose payment waits, for tests that change nothing."""
    return server.start("payments", amount=7)


# ---- starting


def test_a_run_is_started(server: Served) -> None:
    """The server says which one, drives it, and keeps who started it."""
    response = server.client.post("/flows/payments/runs", json={"parameters": {"amount": 7}})
    assert 201 == response.status_code
    run = response.json()["run"]
    assert f"/runs/{run}" == response.headers["location"]
    found = server.wait(run, "Paused")
    assert [("ana", "started")] == [(sent["principal"], sent["outcome"]) for sent in found["signals"]]
    assert {"load": "Success", "pay": "Paused", "report": "Pending"} == {
        one["task"]: one["state"]["type"] for one in found["tasks"]
    }


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"amount": SECRET}, "body.parameters.amount"),
        ({"amount": True}, "body.parameters.amount"),
        ({}, "body.parameters.amount"),
        ({"amount": 1, SECRET: 1}, "body.parameters"),
    ],
)
def test_parameters_are_validated(server: Served, parameters: Any, path: str) -> None:
    """What is wrong is told by its path, nothing of what was sent; no run begins."""
    before = server.client.get("/runs").json()
    response = server.client.post("/flows/payments/runs", json={"parameters": parameters})
    assert (422, [path]) == (response.status_code, [error["path"] for error in response.json()["errors"]])
    assert SECRET not in response.text
    assert before == server.client.get("/runs").json()


def test_flows_are_listed_with_their_parameters(server: Served) -> None:
    """By a JSON Schema; one that the server was not given is none of its."""
    found = {flow["flow"]: flow["parameters"] for flow in server.client.get("/flows").json()}
    assert {flow.name for flow in FLOWS} == found.keys()
    assert ["amount"] == found["payments"]["required"]
    assert {"amount": {"type": "integer"}} == found["payments"]["properties"]
    assert [] == found["failing"]["required"]
    assert 404 == server.client.post("/flows/elsewhere/runs", json={}).status_code


def test_a_start_is_made_once(server: Served) -> None:
    """The same key and body have the same answer; the key with another body is refused."""
    key = {"Idempotency-Key": "start"}
    bodies = ({"parameters": {"items": items}} for items in ([1], [1], [2]))
    one, two, other = (server.client.post("/flows/batch/runs", json=body, headers=key) for body in bodies)
    assert (201, one.content) == (two.status_code, two.content)
    assert 422 == other.status_code
    assert 1 == len(server.client.get("/runs", params={"flow": "batch", "limit": 1000}).json()["runs"])


# ---- deciding


def test_a_task_is_released_with_an_answer(server: Served) -> None:
    """The answer is of the type that it declares, and who gave it is kept with the event."""
    run = server.start("payments", amount=7)
    assert 202 == server.signal(run, "pay", GRANTED).status_code
    server.wait(run, "Success")
    found = server.client.get(f"/runs/{run}/tasks/pay").json()
    assert {"type": "Success", "result": 5} == found["state"]
    assert [(None, "Running"), (None, "Paused"), ("ana", "Resume"), (None, "Running"), (None, "Success")] == [
        (event["principal"], event["state"]["type"]) for event in found["events"]
    ]


@pytest.mark.parametrize(
    ("task", "document", "status", "said"),
    [
        ("pay", RESUME, 422, "waits for an answer"),
        ("pay", {"type": "Resume", "result": {"by": SECRET, "amount": SECRET}}, 422, "amount"),
        ("pay", {"type": "Resume", "result": {"by": "ana", "amount": 1, SECRET: 1}, "x": 1}, 422, ""),
        ("pay", {"type": "Skipped"}, 409, "a Skipped cannot be sent to it"),
        ("pay", {"type": "MapFailed", "children": [{"type": "Failed"}]}, 409, "a MapFailed cannot be sent to it"),
        ("load", {"type": "Cancelled"}, 409, "it is Success"),
        ("report", {"type": "Resume"}, 409, "it is Pending"),
        ("pay", {"type": "Nonsense"}, 422, ""),
        ("pay", [], 422, ""),
        ("nothing", RESUME, 404, "no such task"),
        ("pay[0]", RESUME, 404, "no task pay[0]"),
    ],
)
def test_a_signal_that_is_not_possible_is_refused(
    server: Served, waiting: str, task: str, document: Any, status: int, said: str
) -> None:
    """With what is possible, and nothing of what was sent; nothing has changed."""
    run = waiting
    before = server.client.get(f"/runs/{run}").json()
    response = server.signal(run, task, document)
    assert status == response.status_code, response.text
    assert said in response.json()["detail"]
    assert SECRET not in response.text
    if document in ({"type": "Skipped"},):
        assert ["Resume", "Failed", "Cancelled"] == response.json()["possible"]
    assert before == server.client.get(f"/runs/{run}").json()


@pytest.mark.parametrize(("tag", "whole"), [("Failed", "Failed"), ("Cancelled", "TriggerFailed")])
def test_a_task_is_refused_by_a_person(server: Served, tag: str, whole: str) -> None:
    """FAIL and CANCEL decide a paused task, too; what waits for it follows."""
    run = server.start("payments", amount=7)
    assert 202 == server.signal(run, "pay", {"type": tag, "message": SECRET}).status_code
    found = server.wait(run, whole)
    assert [tag, "TriggerFailed"] == [one["state"]["type"] for one in found["tasks"][1:]]
    assert SECRET not in json.dumps(found)  # its message is not exposed
    with server.store() as store:
        assert SECRET.encode() in store.signals(run)[1].state


def test_a_child_of_a_mapped_task_is_decided(server: Served) -> None:
    """By its position, as on the command line; the task as a whole is not, and says which children are."""
    run = server.start("batch", items=[1, 2, 3])
    response = server.signal(run, "check", RESUME)
    assert 409 == response.status_code
    assert "check[1], check[2]" in response.json()["detail"]
    server.signal(run, "check[1]", RESUME)
    until(lambda: server.client.get(f"/runs/{run}/tasks/check[1]").json()["attempts"], lambda count: count == 2)
    found = server.wait(run, "Paused")
    assert {"Success": 2, "Paused": 1} == found["tasks"][0]["children"]
    assert [2] == [one["index"] for one in found["tasks"][0]["unsuccessful"]]
    assert 409 == server.signal(run, "check[1]", RESUME).status_code
    assert 404 == server.signal(run, "check[9]", RESUME).status_code


def test_the_runs_that_it_drives_are_traced(server: Served) -> None:
    """By the `on_event` that it is given, in each drive."""
    run = server.start("payments", amount=7)
    server.signal(run, "pay", GRANTED)
    server.wait(run, "Success")

    def spans() -> list[ReadableSpan]:
        found = SPANS.get_finished_spans()
        return [span for span in found if run == (span.attributes or {})["cicd.pipeline.run.id"] and "run" in span.name]

    paused, ended = until(spans, lambda found: len(found) == 2)
    assert ["Paused", "Success"] == [span.attributes["statesig.state"] for span in (paused, ended)]
    assert [paused.context] == [link.context for link in ended.links]


def test_a_decision_is_made_once(server: Served) -> None:
    """The same key gives the same answer, also after the run has gone on; with another body it is refused."""
    run = server.start("payments", amount=7)
    one = server.signal(run, "pay", GRANTED, idempotency_key="decide")
    server.wait(run, "Success")
    two = server.signal(run, "pay", GRANTED, idempotency_key="decide")
    told = {name: value for name, value in two.json().items() if name != "event"}
    assert (one.status_code, {**one.json(), "event": None}) == (two.status_code, {**told, "event": None})
    other = server.signal(run, "pay", {"type": "Cancelled"}, idempotency_key="decide")
    assert 422 == other.status_code
    assert 2 == len(server.client.get(f"/runs/{run}").json()["signals"])


def test_of_six_decisions_at_once_one_is_applied(server: Served) -> None:
    """Five are told that the task was decided, is not paused any more, or that the run is over by now."""
    run = server.start("payments", amount=7)
    clients = [server.client_of("ana") for _ in range(6)]
    barrier = threading.Barrier(6)

    def decide(client: httpx.Client) -> httpx.Response:
        barrier.wait()
        return client.post(f"/runs/{run}/tasks/pay/signals", json=GRANTED)

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(decide, clients))
    for client in clients:
        client.close()
    assert [202, 409, 409, 409, 409, 409] == sorted(response.status_code for response in responses)
    told = [response.json()["detail"] for response in responses if response.status_code == 409]
    assert all(text.startswith(("pay was decided by ana", "pay is not paused", "the run is over")) for text in told)
    server.wait(run, "Success")
    events = server.client.get(f"/runs/{run}/tasks/pay").json()["events"]
    assert 1 == sum(event["state"]["type"] == "Resume" for event in events)


def test_a_run_that_has_changed_is_not_decided(server: Served) -> None:
    """If-Match names the version that was read: 412, and nothing has changed; as it is now it is taken."""
    run = server.start("payments", amount=7)
    response = server.client.get(f"/runs/{run}")
    etag = response.headers["etag"]
    assert 412 == server.signal(run, "pay", GRANTED, if_match='"0-0"').status_code
    assert response.content == server.client.get(f"/runs/{run}").content
    assert 412 == server.signal(run, None, {"type": "Cancelled"}, if_match='"0-0"').status_code
    assert 202 == server.signal(run, "pay", GRANTED, if_match=f'"0-0", {etag}').status_code


def test_a_pause_is_decided_while_others_run(server: Served) -> None:
    """The signal is kept at once; what runs ends, and then the run goes on with it."""
    GATE.clear()
    run = server.client.post("/flows/busy/runs", json={}).json()["run"]
    until(lambda: server.tag(run, "held"), lambda tag: tag == "Running")
    assert "Paused" == server.tag(run, "gate")
    assert 202 == server.signal(run, "gate", RESUME).status_code
    found = server.client.get(f"/runs/{run}").json()["tasks"][0]
    assert ("Paused", [], "ana") == (found["state"]["type"], found["possible"], found["waiting"]["principal"])
    assert "was decided by ana" in server.signal(run, "gate", RESUME).json()["detail"]
    GATE.set()
    server.wait(run, "Success")
    assert 3 == server.client.get(f"/runs/{run}/tasks/both").json()["state"]["result"]


def test_runs_are_driven_beside_each_other(server: Served) -> None:
    """Two that begin at once are both driven, although a worker that waits for something to do has not woken yet."""
    server.start("payments", amount=7)
    GATE.clear()
    runs = [server.client.post("/flows/busy/runs", json={}).json()["run"] for _ in range(2)]
    for run in runs:
        until(lambda run=run: server.tag(run, "held"), lambda tag: tag == "Running")
        assert 202 == server.signal(run, None, {"type": "Cancelled"}).status_code
    GATE.set()
    for run in runs:
        server.wait(run, "Cancelled")


def test_a_flow_with_a_slash_in_its_name_is_started(tmp_path: Path) -> None:
    """Its name is one part of the path, with the slash escaped or not."""
    with Flow("etl/daily") as flow:
        wait_for_somebody()
    tokens = Tokens()
    app = create_app(tmp_path / "runs.db", authenticate=tokens, authorize=lambda *_: True, flows=[flow], poll=0.02)
    with serving(app) as url, Served(tmp_path / "runs.db", url, tokens) as server:
        run = server.client.post("/flows/etl%2Fdaily/runs", json={}).json()["run"]
        assert "etl/daily" == server.wait(run, "Paused")["flow"]


# ---- the run itself


def test_a_run_is_cancelled(server: Served) -> None:
    """At once if nobody drives it; after that nothing can be sent to it."""
    run = server.start("payments", amount=7)
    response = server.signal(run, None, {"type": "Cancelled"})
    assert (200, "applied") == (response.status_code, response.json()["outcome"])
    found = server.client.get(f"/runs/{run}").json()
    assert ("Cancelled", []) == (found["state"]["type"], found["possible"])
    assert "the run is over" in server.signal(run, None, {"type": "Cancelled"}).json()["detail"]
    assert "the run is over" in server.signal(run, "pay", GRANTED).json()["detail"]


def test_a_run_is_cancelled_while_it_is_driven(server: Served) -> None:
    """Its process is asked, in the transaction in which the signal is kept."""
    GATE.clear()
    run = server.client.post("/flows/busy/runs", json={}).json()["run"]
    until(lambda: server.tag(run, "held"), lambda tag: tag == "Running")
    response = server.signal(run, None, {"type": "Cancelled"})
    assert (202, "accepted") == (response.status_code, response.json()["outcome"])
    GATE.set()
    server.wait(run, "Cancelled")


def test_a_run_takes_no_other_signal(server: Served, waiting: str) -> None:
    """One that waits for its tasks cannot be released as a whole."""
    run = waiting
    for document in (RESUME, {"type": "Success"}, {"type": "Failed"}):
        response = server.signal(run, None, document)
        assert (409, ["Cancelled"]) == (response.status_code, response.json()["possible"])


def test_a_run_is_run_again(server: Served) -> None:
    """As a new one, where the table of what is possible allows it: it has to be over."""
    paused = server.start("payments", amount=7)
    assert 409 == server.client.post(f"/runs/{paused}/reruns", json={}).status_code
    run = server.start("failing", "Failed")
    assert server.client.get(f"/runs/{run}").json()["again"]
    key = {"Idempotency-Key": "again"}
    response, again = (server.client.post(f"/runs/{run}/reruns", json={}, headers=key) for _ in range(2))
    assert (201, response.content) == (response.status_code, again.content)
    assert run == server.wait(response.json()["run"], "Failed")["origin"]
    assert 409 == server.client.post(f"/runs/{run}/reruns", json={"tasks": ["nothing"]}).status_code


# ---- flows that the server was not given


def test_a_signal_to_another_programs_run_is_stored(server: Served) -> None:
    """The answer says so, and the next resume acts; an answer of unknown type is refused."""
    run = elsewhere.run(store=server.place)
    assert 409 == server.signal(run.id, "wait_for_somebody", {"type": "Resume", "result": 1}).status_code
    response = server.signal(run.id, "wait_for_somebody", RESUME)
    assert (202, "stored") == (response.status_code, response.json()["outcome"])
    assert "Paused" == server.client.get(f"/runs/{run.id}").json()["state"]["type"]
    assert [2] == [one.state.unwrap() for one in elsewhere.resume(run.id, store=server.place)]
    found = server.client.get(f"/runs/{run.id}").json()
    (sent,) = found["signals"]
    assert ("ana", False, True) == (sent["principal"], sent["failed"], sent["event"] is not None)
    assert 409 == server.client.post(f"/runs/{run.id}/reruns", json={}).status_code


# ---- following


def followed(server: Served, run: str, **headers: str) -> Iterator[tuple[int, Any]]:
    """Yield the events of a run, each with its number, until the stream ends."""
    with server.client.stream("GET", f"/runs/{run}/events", headers=headers) as response:
        assert "text/event-stream" in response.headers["content-type"]
        number = 0
        for line in response.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: "):
                yield number, json.loads(line[6:])


def tags_followed(server: Served, run: str) -> list[str]:
    return [event["state"]["type"] for _, event in followed(server, run)]


def test_a_run_is_followed_to_its_end(server: Served) -> None:
    """Each event once, in order, as the history has them; whoever comes back goes on after the last one seen."""
    run = server.start("payments", amount=7)
    stream = followed(server, run)
    first = [next(stream) for _ in range(6)]
    server.signal(run, "pay", GRANTED)
    events = first + list(stream)
    history = server.client.get(f"/runs/{run}/history").json()["events"]
    assert [(event["number"], event) for event in history] == events
    assert history[3:] == [event for _, event in followed(server, run, **{"last-event-id": "3"})]
    assert 204 == server.client.get(f"/runs/{run}/events", headers={"last-event-id": str(len(history))}).status_code
    assert history[2:4] == server.client.get(f"/runs/{run}/history", params={"after": 2, "limit": 2}).json()["events"]


def test_a_run_of_another_process_is_followed(server: Served) -> None:
    """The store is asked, once for all who listen."""
    run = elsewhere.run(store=server.place)
    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(tags_followed, server, run.id) for _ in range(3)]
        elsewhere.resume(run.id, "wait_for_somebody", store=server.place)
        found = [stream.result() for stream in streams]
    assert [found[0]] * 3 == found
    assert ["Running", "Success", "Success"] == found[0][-3:]


# ---- listing


def test_runs_are_listed_in_pages(server: Served) -> None:
    """The latest first, of a flow and of a state with its descendants, without those that somebody may not read."""
    runs = [server.start("failing", "Failed") for _ in range(3)]
    page = server.client.get("/runs", params={"flow": "failing", "limit": 2}).json()
    assert runs[:0:-1] == [run["run"] for run in page["runs"]]
    following = server.client.get("/runs", params={"flow": "failing", "limit": 1, "after": page["next"]}).json()
    assert runs[:1] == [run["run"] for run in following["runs"]]
    tags = {run["state"]["type"] for run in server.client.get("/runs", params={"state": "Finished"}).json()["runs"]}
    assert tags <= {"Success", "Failed", "TriggerFailed", "Cancelled", "TimedOut"}
    assert [] == server.client.get("/runs", params={"state": "Nonsense"}).json()["runs"]
    assert 422 == server.client.get("/runs", params={"after": "nonsense"}).status_code
    with server.client_of("bob") as bob:
        assert {"payments"} == {run["flow"] for run in bob.get("/runs", params={"limit": 1000}).json()["runs"]}


def test_a_run_is_named_whole(server: Served) -> None:
    """A beginning of an identity is nobody's, so that nobody finds others' runs by guessing."""
    run = server.start("failing", "Failed")
    assert [200, 404, 404] == [server.client.get(f"/runs/{name}").status_code for name in (run, run[:8], "0" * 32)]


# ---- who may


def asked(client: httpx.Client, verb: Verb, run: str) -> int:
    """Ask for something with a run, and return the status."""
    match verb:
        case "read":
            return client.get(f"/runs/{run}").status_code
        case "start":
            return client.post("/flows/payments/runs", json={"parameters": {"amount": 7}}).status_code
        case "rerun":
            return client.post(f"/runs/{run}/reruns", json={}).status_code
        case "resume":
            return client.post(f"/runs/{run}/tasks/pay/signals", json=GRANTED).status_code
        case "fail":
            return client.post(f"/runs/{run}/tasks/pay/signals", json={"type": "Failed"}).status_code
        case "cancel":
            return client.post(f"/runs/{run}/signals", json={"type": "Cancelled"}).status_code


def test_nothing_is_allowed_that_the_policy_does_not_name(server: Served) -> None:
    """Each principal, verb and run: 403, and nothing has changed; what it names is not forbidden."""
    runs = {"payments": server.start("payments", amount=7), "batch": server.start("batch", items=[2])}
    named = {("bob", "read", "payments"), ("cyd", "resume", "payments")}
    clients = {principal: server.client_of(principal) for principal in ("bob", "cyd", "nobody")}
    for principal, verb, flow in product(clients, VERBS, runs):
        before = server.client.get(f"/runs/{runs[flow]}").content
        if (principal, verb, flow) in named:
            continue
        if verb != "start" or flow == "payments":
            assert 403 == asked(clients[principal], verb, runs[flow]), (principal, verb, flow)
        assert before == server.client.get(f"/runs/{runs[flow]}").content
    for principal, verb, flow in sorted(named):
        assert asked(clients[principal], verb, runs[flow]) in (200, 202)  # type: ignore[arg-type]  # a verb
    for client in clients.values():
        client.close()
    server.wait(runs["payments"], "Success")


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic YTpi", "bearer \t-", "Bearer \xff"])
def test_nobody_comes_in_without_a_token(server: Served, header: str | None) -> None:
    """Whatever is asked, there or not: 401 alone, before the body is read."""
    headers = {} if header is None else {"authorization": header.encode("latin-1")}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        for path in ("/runs", "/flows/payments/runs", "/openapi.json", "/x"):
            response = client.post(path, content=b"{" * 10)
            assert (401, "Bearer") == (response.status_code, response.headers["www-authenticate"])


# ---- what leaves


@pytest.mark.exhaustive
def test_messages_leave_where_they_are_exposed(tmp_path: Path) -> None:
    """By default none does; `redact` has been there before, in the store too."""
    tokens = Tokens()
    arguments: dict[str, Any] = {"authenticate": tokens, "authorize": POLICY, "flows": FLOWS}
    hidden, shown = (
        create_app(tmp_path / "runs.db", **arguments),
        create_app(tmp_path / "runs.db", **arguments, expose=[State], redact=lambda text: text.replace("4111", "****")),
    )
    with serving(shown) as url, Served(tmp_path / "runs.db", url, tokens) as server:
        run = server.start("failing", "Failed")
        assert "secret-****" == server.client.get(f"/runs/{run}/tasks/fail").json()["state"]["message"]
    with serving(hidden) as url, Served(tmp_path / "runs.db", url, tokens) as server:
        assert {"type": "Failed"} == server.client.get(f"/runs/{run}/tasks/fail").json()["state"]


# ---- the end and the beginning


def test_a_run_goes_on_after_a_restart(tmp_path: Path) -> None:
    """The server leaves what it drives, to be resumed, and the next one does so; runs of others are left alone."""
    place, tokens = tmp_path / "runs.db", Tokens()

    def make() -> Any:
        return create_app(place, authenticate=tokens, authorize=POLICY, flows=FLOWS)

    GATE.clear()
    app = make()
    with serving(app) as url, Served(place, url, tokens) as server:
        run = server.client.post("/flows/busy/runs", json={}).json()["run"]
        until(lambda: server.tag(run, "held"), lambda tag: tag == "Running")
        server.signal(run, "gate", RESUME)
        app.state.service.stop()
        GATE.set()
    with open_store(place) as store:
        assert "Running" == store.find(run).tag
    with serving(make()) as url, Served(place, url, tokens) as server:
        server.wait(run, "Success")


@pytest.mark.parametrize("is_passed", [False, True])
def test_who_opened_the_store_closes_it(is_passed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server closes the one that it opened by its name, and leaves one that it was given to its owner."""
    closed: list[str] = []
    monkeypatch.setattr("statesig.stores.sql.SQLStore.close", lambda store: closed.append(store.name))
    place = tmp_path / "runs.db"
    app = create_app(open_store(place) if is_passed else place, authenticate=Tokens(), authorize=POLICY)

    async def live() -> None:
        async with app.router.lifespan_context(app):
            assert [] == closed

    asyncio.run(live())
    assert ([] if is_passed else [str(place)]) == closed


def test_the_server_records_that_a_deadline_has_passed(server: Served) -> None:
    """Nobody has to ask; a signal that comes later is refused."""
    run = server.start("deadline", "TimedOut")
    with server.store() as store:
        until(lambda: store.find(run).tag, lambda tag: tag == "TimedOut")
    assert 409 == server.signal(run, "late", RESUME).status_code


@pytest.mark.exhaustive
def test_a_document_is_a_state(server: Served) -> None:
    """What leaves of a state reads back as one."""
    run = server.start("failing", "Failed")
    found = server.client.get(f"/runs/{run}").json()
    assert "Failed" == decode(json.dumps(found["state"])).type


def test_everything_is_documented(server: Served) -> None:
    """In OpenAPI 3.1: each route, the problems that it answers with, and the signals that it takes."""
    document = server.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert {
        "/flows",
        "/flows/{flow}/runs",
        "/runs",
        "/runs/{run}",
        "/runs/{run}/events",
        "/runs/{run}/history",
        "/runs/{run}/reruns",
        "/runs/{run}/signals",
        "/runs/{run}/tasks/{task}",
        "/runs/{run}/tasks/{task}/signals",
    } == document["paths"].keys()
    responses = document["paths"]["/runs/{run}/tasks/{task}/signals"]["post"]["responses"]
    assert {"200", "202", "400", "401", "403", "404", "409", "412", "413", "422"} == responses.keys()
