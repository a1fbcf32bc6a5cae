"""The caller's side of a server of runs: a typed client over httpx, and one for coroutines.

The functions of `calls` make the requests of both and read the answers; each client only sends and receives. A request
that changes something has an idempotency key, so it may be sent again if the connection ended before the answer came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.http import calls
from statesig.http.service.documents import (
    EventDocument,
    FlowDocument,
    RunDocument,
    RunsDocument,
    SentDocument,
    SummaryDocument,
    TaskHistoryDocument,
)
from statesig.signals import Signal

__all__ = ["AsyncClient", "Client"]


class Client:
    """A client of a server of runs; close it, or use it in ``with``.

    A signal that an endpoint of the server raised is raised, such as VALIDATIONFAIL for parameters that are not valid.

    Args:
        url: The URL of the server.
        token: A bearer token.
        timeout: Seconds that a request may take.
        limits: Limits of documents with signals.
        transport: What sends the requests; by default sockets.

    Every method raises `RequestRefused` if the server refuses the request, a Signal if an endpoint raised it, and
    `httpx.HTTPError` if the server cannot be reached.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 30.0,
        limits: Limits = DEFAULT_LIMITS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(**calls.arguments(url, token, timeout), transport=transport)
        self._limits = limits

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, cls: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def flows(self) -> list[FlowDocument]:
        """Return the flows that the server runs."""
        response = self._send(calls.get("/flows"))
        calls.check(response, self._limits)
        return calls.FLOWS.validate_json(response.content)

    def runs(self, *, state: str | None = None, flow: str | None = None) -> Iterator[SummaryDocument]:
        """Yield the runs, the latest first, page by page.

        Args:
            state: The tag of a state, of which and of whose descendants they are.
            flow: The name of their flow.
        """
        after: str | None = None
        while True:
            page = calls.read(RunsDocument, self._send(calls.page(state, flow, after)), self._limits)
            yield from page.runs
            after = page.next
            if after is None:
                return

    def run(self, run: str) -> RunDocument:
        """Return a run with its tasks.

        Args:
            run: Its identity.
        """
        return calls.read(RunDocument, self._send(calls.get(calls.of_run(run))), self._limits)

    def task(self, run: str, task: str) -> TaskHistoryDocument:
        """Return a task of a run, with its result and its history.

        Args:
            run: The run's identity.
            task: The task, or a child of a mapped one: ``load[3]``.
        """
        return calls.read(TaskHistoryDocument, self._send(calls.get(calls.of_run(run, "tasks", task))), self._limits)

    def start(self, flow: str, key: str | None = None, /, **parameters: object) -> SentDocument:
        """Start a run; the answer has its identity as ``run``.

        Args:
            flow: The name of its flow.
            key: An idempotency key: the same one starts no second run. By default a new one.
            parameters: The flow's parameters by name, as values that pydantic writes as JSON.
        """
        return calls.read(SentDocument, self._send(calls.start(flow, key, parameters)), self._limits)

    def signal(
        self,
        run: str,
        task: str | None,
        signal: Signal[Any],
        *,
        key: str | None = None,
        version: str | None = None,
    ) -> SentDocument:
        """Send a signal to a paused task, or to a run itself.

        Args:
            run: The run's identity.
            task: The task, or a child of a mapped one: ``load[3]``; None: the run itself.
            signal: The signal: ``RESUME(result=Approval(...))``, ``FAIL("refused")`` or ``CANCEL()``.
            key: An idempotency key, a new one for each decision. By default a new one for each call.
            version: The ETag of the run as it was read; refused with 412 if the run has changed since.
        """
        return calls.read(SentDocument, self._send(calls.signal(run, task, signal, key, version)), self._limits)

    def rerun(self, run: str, *tasks: str, key: str | None = None) -> SentDocument:
        """Run a run that is over again; the answer has the identity of the new one as ``run``.

        Args:
            run: The run's identity.
            tasks: The tasks from which on to run again also what succeeded.
            key: An idempotency key; by default a new one.
        """
        return calls.read(SentDocument, self._send(calls.rerun(run, tasks, key)), self._limits)

    def follow(self, run: str, *, after: int = 0) -> Iterator[EventDocument]:
        """Yield the events of a run as they come, each once, until the run is over; connect again where that is needed.

        Args:
            run: The run's identity.
            after: The number of the event after which to begin; 0: with the first.
        """
        stream = calls.Stream(run, after)
        while True:
            asked, error = stream.ask(), None
            try:
                with self._http.stream("GET", asked.path, headers=asked.headers, timeout=calls.LONG) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400:
                        response.read()
                        calls.check(response, self._limits)
                    for line in response.iter_lines():
                        event = stream.event(line)
                        if event is not None:
                            yield event
            except httpx.TransportError as exc:
                error = exc
            time.sleep(stream.pause(error))

    def _send(self, asked: calls.Asked) -> httpx.Response:
        for pause in (*calls.PAUSES, None):
            try:
                return self._http.request(
                    asked.method, asked.path, content=asked.body or None, headers=asked.headers, params=asked.query
                )
            except httpx.TransportError:
                if pause is None or not asked.may_be_repeated:
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


class AsyncClient:
    """Does as `Client` does, for coroutines; close it, or use it in ``async with``.

    Args:
        url: The URL of the server.
        token: A bearer token.
        timeout: Seconds that a request may take.
        limits: Limits of documents with signals.
        transport: What sends the requests; by default sockets.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 30.0,
        limits: Limits = DEFAULT_LIMITS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(**calls.arguments(url, token, timeout), transport=transport)
        self._limits = limits

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, cls: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def flows(self) -> list[FlowDocument]:
        """Return the flows that the server runs."""
        response = await self._send(calls.get("/flows"))
        calls.check(response, self._limits)
        return calls.FLOWS.validate_json(response.content)

    async def runs(self, *, state: str | None = None, flow: str | None = None) -> AsyncIterator[SummaryDocument]:
        """Yield the runs; see `Client.runs`."""
        after: str | None = None
        while True:
            page = calls.read(RunsDocument, await self._send(calls.page(state, flow, after)), self._limits)
            for run in page.runs:
                yield run
            after = page.next
            if after is None:
                return

    async def run(self, run: str) -> RunDocument:
        """Return a run with its tasks."""
        return calls.read(RunDocument, await self._send(calls.get(calls.of_run(run))), self._limits)

    async def task(self, run: str, task: str) -> TaskHistoryDocument:
        """Return a task of a run, with its result and its history."""
        return calls.read(
            TaskHistoryDocument, await self._send(calls.get(calls.of_run(run, "tasks", task))), self._limits
        )

    async def start(self, flow: str, key: str | None = None, /, **parameters: object) -> SentDocument:
        """Start a run; see `Client.start`."""
        return calls.read(SentDocument, await self._send(calls.start(flow, key, parameters)), self._limits)

    async def signal(
        self,
        run: str,
        task: str | None,
        signal: Signal[Any],
        *,
        key: str | None = None,
        version: str | None = None,
    ) -> SentDocument:
        """Send a signal to a paused task, or to a run itself; see `Client.signal`."""
        return calls.read(SentDocument, await self._send(calls.signal(run, task, signal, key, version)), self._limits)

    async def rerun(self, run: str, *tasks: str, key: str | None = None) -> SentDocument:
        """Run a run that is over again; see `Client.rerun`."""
        return calls.read(SentDocument, await self._send(calls.rerun(run, tasks, key)), self._limits)

    async def follow(self, run: str, *, after: int = 0) -> AsyncIterator[EventDocument]:
        """Yield the events of a run as they come; see `Client.follow`."""
        stream = calls.Stream(run, after)
        while True:
            asked, error = stream.ask(), None
            try:
                async with self._http.stream("GET", asked.path, headers=asked.headers, timeout=calls.LONG) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400:
                        await response.aread()
                        calls.check(response, self._limits)
                    async for line in response.aiter_lines():
                        event = stream.event(line)
                        if event is not None:
                            yield event
            except httpx.TransportError as exc:
                error = exc
            await asyncio.sleep(stream.pause(error))

    async def _send(self, asked: calls.Asked) -> httpx.Response:
        for pause in (*calls.PAUSES, None):
            try:
                return await self._http.request(
                    asked.method, asked.path, content=asked.body or None, headers=asked.headers, params=asked.query
                )
            except httpx.TransportError:
                if pause is None or not asked.may_be_repeated:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")
