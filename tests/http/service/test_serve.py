"""``statesig serve`` as a process of its own: it ends cleanly, and one that is killed has done each act once."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from statesig import CANCEL, RESUME, Paused, Running, Success
from statesig.http import Client, Policy, Tokens, create_app, serve
from statesig.stores.opening import open_store
from tests import ROOT
from tests.harness.exhaustive import exhaustive_but, thorough_but
from tests.http.service.test_service import until
from tests.samples.served import Approval

pytestmark = pytest.mark.slow

GRANTED = RESUME(result=Approval(by="ana", amount=5))


@contextmanager
def process(place: Path, *, dies: str = "") -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """Serve a store in a process; with ``dies`` it kills itself once that method of its store has returned."""
    command = [
        sys.executable,
        "-c",
        _PROGRAM,
        dies,
        "serve",
        "--store",
        str(place),
        "--port",
        "0",
        "tests.samples.served",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            lines = [started.stdout.readline() for _ in range(3)]
            url, token = re.findall(r"http://\S+", lines[0])[0], lines[1].split()[1]
            with Client(url, token) as client:
                until(lambda: _answers(client), bool)
                yield started, client
        finally:
            started.kill()


_PROGRAM = """
import os, signal, sys
from statesig.cli import main
from statesig.stores.sql import SQLStore
dies = sys.argv.pop(1)
if dies:
    method = getattr(SQLStore, dies)
    def fatal(self, *args, **kwargs):
        made = method(self, *args, **kwargs)
        if dies != "create" or kwargs.get("sent") is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return made
    setattr(SQLStore, dies, fatal)
sys.exit(main(sys.argv[1:]))
"""


def _answers(client: Client) -> bool:
    try:
        client.flows()
    except httpx.TransportError:
        return False
    return True


@pytest.mark.parametrize(("number", "code"), thorough_but([], [(signal.SIGINT, 130), (signal.SIGTERM, 143)]))
def test_it_ends_cleanly(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """At once, though somebody follows a run; the streams end, and what is paused stays so."""
    with process(tmp_path / "runs.db") as (server, client):
        run = client.start("payments", amount=7).run
        for event in client.follow(run):
            if event.task is None and isinstance(event.entered(), Paused):
                server.send_signal(number)
                break
        assert code == server.wait(20)
        assert server.stderr is not None
        assert re.fullmatch("statesig: (interrupted|terminated)\n", server.stderr.read())
    with process(tmp_path / "runs.db") as (_, client):
        assert isinstance(client.run(run).entered(), Paused)
        client.signal(run, "pay", GRANTED)
        assert isinstance([*client.follow(run)][-1].entered(), Success)


@pytest.mark.exhaustive
def test_a_second_signal_stops_what_runs(tmp_path: Path) -> None:
    """The first one lets a task end, the second does not wait for it; the run stays as it is, for the next server."""
    with process(tmp_path / "runs.db") as (server, client):
        run = client.start("busy").run
        until(lambda: client.task(run, "held").entered(), lambda state: isinstance(state, Running))
        server.send_signal(signal.SIGINT)
        until(lambda: _answers(client), lambda answers: not answers)
        assert None is server.poll()
        server.send_signal(signal.SIGINT)
        assert 130 == server.wait(10)  # the task would take 20 s
    with open_store(tmp_path / "runs.db") as store:
        assert "Running" == store.find(run).tag


@pytest.mark.parametrize("verb", exhaustive_but([], ["start", "resume", "cancel"], thorough=["start", "cancel"]))
def test_one_that_is_killed_before_it_answers_has_done_it_once(tmp_path: Path, verb: str) -> None:
    """Between the transaction and the answer: the same key has its answer from the next server, and once."""
    place, run = tmp_path / "runs.db", ""

    def ask(client: Client) -> object:
        match verb:
            case "start":
                return client.start("payments", "the key", amount=7)
            case "resume":
                return client.signal(run, "pay", GRANTED, key="the key")
            case _:
                return client.signal(run, None, CANCEL(), key="the key")

    if verb != "start":
        with process(place) as (_, client):
            run = client.start("payments", amount=7).run
            until(lambda: client.run(run).entered(), lambda state: isinstance(state, Paused))
    with process(place, dies={"start": "create", "resume": "send", "cancel": "append"}[verb]) as (server, client):
        with pytest.raises(httpx.TransportError):
            ask(client)
        assert -signal.SIGKILL == server.wait(20)
    with process(place) as (_, client):
        one, two = ask(client), ask(client)
        assert (one.run, one.number, one.outcome) == (two.run, two.number, two.outcome)  # type: ignore[attr-defined]  # a document
        assert 1 == len([*client.runs()])
        run = next(client.runs()).run
        expected = {"start": "Paused", "resume": "Success", "cancel": "Cancelled"}[verb]
        until(lambda: client.run(run).entered().type, lambda tag: tag == expected)
        events = client.task(run, "pay").events
        assert {"start": 0, "resume": 1, "cancel": 0}[verb] == sum(event.state["type"] == "Resume" for event in events)
        assert len(client.run(run).signals) == (1 if verb == "start" else 2)


# ---- the function that serves


def test_only_a_server_of_runs_is_served() -> None:
    """It would not know how to end the streams of another application."""
    with socket.socket() as bound, pytest.raises(TypeError, match="an application of create_app is served"):
        serve(FastAPI(), bound)


def test_an_application_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    """Nobody takes its end for the one that somebody asked for."""

    @asynccontextmanager
    async def failing(app: FastAPI) -> AsyncGenerator[None]:
        raise OSError("no disk")
        yield

    app = create_app(tmp_path / "runs.db", authenticate=Tokens(), authorize=Policy())
    app.router.lifespan_context = failing
    with socket.create_server(("127.0.0.1", 0)) as bound, pytest.raises(RuntimeError, match="could not start"):
        serve(app, bound)
