"""From a transition of a task to those who follow its run: 200 listeners on real sockets, in this process as well.

There is no floor. The latency of an event is from the time that it carries, before it is stored, to its arrival. As the
server, the run and the listeners share one interpreter, it is an upper bound.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

import uvicorn
from measuring import Plan, Row

from statesig import Flow, task
from statesig.http import Client, Grant, Policy, Tokens, create_app

_LISTENERS = 200
_TICKS = 20
_GATE = threading.Event()
_TIME = re.compile(rb'"time":"([^"]+)"')


@task
def begin() -> list[int]:
    _GATE.wait()
    return [*range(_TICKS)]


@task
def tick(number: int) -> int:
    time.sleep(0.1)
    return number


with Flow("ticks") as _ticks:
    _ticks.map(tick, begin())


def following(plan: Plan) -> Iterator[Row]:
    """Measure how long an event takes to 200 listeners."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = Tokens()
        token = tokens.issue("ana", lifetime=timedelta(hours=1))
        policy = Policy(Grant("ana", ["read", "start"], flows=["ticks"]))
        app = create_app(Path(folder) / "runs.db", authenticate=tokens, authorize=policy, flows=[_ticks])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port: int = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield from _measured(port, token)
        finally:
            server.should_exit = True
            thread.join()


def _measured(port: int, token: str) -> Iterator[Row]:
    _GATE.clear()
    with Client(f"http://127.0.0.1:{port}", token) as client:
        run = client.start("ticks").run
    seconds = asyncio.run(_listen_all(port, token, run))
    subject = f"an event to {_LISTENERS} listeners"
    yield Row(f"{subject}, median of {len(seconds):,}", median(seconds))
    yield Row(f"{subject}, 99th percentile", quantiles(seconds, n=100)[98])


async def _listen_all(port: int, token: str, run: str) -> list[float]:
    seconds: list[float] = []
    ready = asyncio.Semaphore(0)
    listening = [asyncio.create_task(_listen(port, token, run, ready, seconds)) for _ in range(_LISTENERS)]
    for _ in listening:
        await ready.acquire()
    seconds.clear()
    _GATE.set()
    await asyncio.gather(*listening)
    return seconds


async def _listen(port: int, token: str, run: str, ready: asyncio.Semaphore, seconds: list[float]) -> None:
    """Follow a run to its end, and take the latency of each event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /runs/{run}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode())
    is_ready = False
    while line := await reader.readline():
        if line == b"0\r\n":  # the last chunk
            break
        if line.startswith(b"retry") and not is_ready:
            is_ready = True
            ready.release()
        found = _TIME.search(line) if line.startswith(b"data: ") else None
        if found is not None:
            seconds.append(time.time() - datetime.fromisoformat(found[1].decode()).timestamp())
    writer.close()
