"""The caller's side of a server of runs: a typed client over httpx, and one for coroutines.

The same functions make the requests of both and read the answers; each client only sends and receives. A request that
changes something has an idempotency key, so that it may be sent again if the connection ended before the answer came.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter
from pydantic_core import from_json, to_json, to_jsonable_python

from statesig.codec.events import on_the_wire
from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.codec.states import encode
from statesig.http.client import raise_for_signal
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

__all__ = ["AsyncClient", "Client", "RequestRefused"]

DocumentT = TypeVar("DocumentT", bound=BaseModel)

_PAUSES: Final = (0.1, 0.3, 1.0)
"""Seconds before a request is sent again whose connection ended; after these the error is raised."""

_RETRY: Final = 1.0
"""Seconds between two connections that bring no event, where the stream does not say how many."""

_LONGEST_PAUSE: Final = 30.0
"""Seconds between these at most, whatever the stream says."""

_PAGE: Final = 100
_FLOWS: Final = TypeAdapter(list[FlowDocument])


class RequestRefused(RuntimeError):
    """A server refused a request with a problem that is no signal.

    Args:
        status: The HTTP status.
        title: Its phrase.
        detail: Why, if the server says so.
        possible: What is possible instead: families of signals.
    """

    def __init__(self, status: int, title: str, detail: str = "", possible: tuple[str, ...] = ()) -> None:
        super().__init__(status, title, detail, possible)
        self.status = status
        self.title = title
        self.detail = detail
        self.possible = possible

    def __str__(self) -> str:
        said = f"{self.status} {self.title}"
        said += f": {self.detail}" if self.detail else ""
        return said + (f"; possible: {', '.join(self.possible)}" if self.possible else "")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request: its method, its path, and what goes with it."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    query: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def may_be_repeated(self) -> bool:
        return self.method == "GET" or "idempotency-key" in self.headers


def _get(path: str, **query: object) -> _Asked:
    return _Asked("GET", path, query={name: str(value) for name, value in query.items() if value is not None})


def _post(path: str, body: bytes, key: str | None, version: str | None = None) -> _Asked:
    headers = {"content-type": "application/json", "idempotency-key": key or uuid.uuid4().hex}
    if version is not None:
        headers["if-match"] = version
    return _Asked("POST", path, body, headers)


def _of_run(run: str, *more: str) -> str:
    return "/".join(("/runs", *(quote(part, safe="") for part in (run, *more))))


def _start(flow: str, key: str | None, parameters: Mapping[str, object]) -> _Asked:
    body = to_json({"parameters": to_jsonable_python(dict(parameters))})
    return _post(f"/flows/{quote(flow, safe='')}/runs", body, key)


def _signal(run: str, task: str | None, signal: Signal[Any], key: str | None, version: str | None) -> _Asked:
    path = _of_run(run, "signals") if task is None else _of_run(run, "tasks", task, "signals")
    state = signal.state
    written = encode(on_the_wire(state, type(state.result) if state.has_result else Any))
    return _post(path, written, key, version)


def _rerun(run: str, tasks: tuple[str, ...], key: str | None) -> _Asked:
    return _post(_of_run(run, "reruns"), to_json({"tasks": list(tasks) or None}), key)


def _events(run: str, after: int) -> _Asked:
    return _Asked("GET", _of_run(run, "events"), headers={"last-event-id": str(after)})


def _page(state: str | None, flow: str | None, after: str | None) -> _Asked:
    return _get("/runs", state=state, flow=flow, after=after, limit=_PAGE)


def _read(kind: type[DocumentT], response: httpx.Response, limits: Limits) -> DocumentT:
    _check(response, limits)
    return kind.model_validate_json(response.content)


def _check(response: httpx.Response, limits: Limits) -> None:
    """Raise what the server says in place of a document.

    Raises:
        Signal: An endpoint raised it.
        RequestRefused: The request was refused otherwise.
    """
    raise_for_signal(response, limits=limits)
    if response.status_code < 400:
        return
    try:
        problem: Any = from_json(response.content)
        possible = tuple(map(str, problem.get("possible", ())))
        raise RequestRefused(
            response.status_code, str(problem.get("title", "")), str(problem.get("detail", "")), possible
        )
    except (ValueError, AttributeError, TypeError):
        raise RequestRefused(response.status_code, response.reason_phrase) from None


class _Stream:
    """The stream of a run's events over several connections: where it is, and when to connect again.

    Args:
        run: The run's identity.
        after: The number of the last event that was read.
    """

    def __init__(self, run: str, after: int) -> None:
        self._run = run
        self._after = after
        self._retry = _RETRY
        self._lost = 0  # connections in a row that ended with an error and brought no event
        self._empty = 0  # connections in a row that ended well and brought none

    def ask(self) -> _Asked:
        """Return the request for what follows."""
        return _events(self._run, self._after)

    def event(self, line: str) -> EventDocument | None:
        """Return the event of which a line is the data; each has one line of data."""
        name, _, value = line.partition(": ")
        if name == "retry" and value.isdecimal():
            self._retry = min(int(value) / 1000, _LONGEST_PAUSE)
        if name != "data":
            return None
        found = EventDocument.model_validate_json(value)
        self._after = found.number
        self._lost = self._empty = 0
        return found

    def pause(self, error: httpx.TransportError | None = None) -> float:
        """Return the seconds before the next connection, after one has ended.

        One that brought something is followed at once. Others wait as the stream itself asks, and longer each time.

        Args:
            error: The error with which it ended.

        Raises:
            httpx.TransportError: It is the last of several in a row.
        """
        if error is not None:
            if self._lost == len(_PAUSES):
                raise error
            self._lost += 1
            return _PAUSES[self._lost - 1]
        self._empty += 1
        return 0.0 if self._empty == 1 else min(self._retry * 2 ** min(self._empty - 2, 9), _LONGEST_PAUSE)


def _arguments(url: str, token: str, timeout: float) -> dict[str, Any]:
    return {"base_url": url, "headers": {"authorization": f"Bearer {token}"}, "timeout": timeout}


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
        self._http = httpx.Client(**_arguments(url, token, timeout), transport=transport)
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
        response = self._send(_get("/flows"))
        _check(response, self._limits)
        return _FLOWS.validate_json(response.content)

    def runs(self, *, state: str | None = None, flow: str | None = None) -> Iterator[SummaryDocument]:
        """Yield the runs, the latest first, page by page.

        Args:
            state: The tag of a state, of which and of whose descendants they are.
            flow: The name of their flow.
        """
        after: str | None = None
        while True:
            page = _read(RunsDocument, self._send(_page(state, flow, after)), self._limits)
            yield from page.runs
            after = page.next
            if after is None:
                return

    def run(self, run: str) -> RunDocument:
        """Return a run with its tasks.

        Args:
            run: Its identity.
        """
        return _read(RunDocument, self._send(_get(_of_run(run))), self._limits)

    def task(self, run: str, task: str) -> TaskHistoryDocument:
        """Return a task of a run, with its result and its history.

        Args:
            run: The run's identity.
            task: The task, or a child of a mapped one: ``load[3]``.
        """
        return _read(TaskHistoryDocument, self._send(_get(_of_run(run, "tasks", task))), self._limits)

    def start(self, flow: str, key: str | None = None, /, **parameters: object) -> SentDocument:
        """Start a run; the answer has its identity as ``run``.

        Args:
            flow: The name of its flow.
            key: An idempotency key: the same one starts no second run. By default a new one.
            parameters: The flow's parameters by name, as values that pydantic writes as JSON.
        """
        return _read(SentDocument, self._send(_start(flow, key, parameters)), self._limits)

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
        return _read(SentDocument, self._send(_signal(run, task, signal, key, version)), self._limits)

    def rerun(self, run: str, *tasks: str, key: str | None = None) -> SentDocument:
        """Run a run that is over again; the answer has the identity of the new one as ``run``.

        Args:
            run: The run's identity.
            tasks: The tasks from which on to run again also what succeeded.
            key: An idempotency key; by default a new one.
        """
        return _read(SentDocument, self._send(_rerun(run, tasks, key)), self._limits)

    def follow(self, run: str, *, after: int = 0) -> Iterator[EventDocument]:
        """Yield the events of a run as they come, each once, until the run is over; connect again where that is needed.

        Args:
            run: The run's identity.
            after: The number of the event after which to begin; 0: with the first.
        """
        stream = _Stream(run, after)
        while True:
            asked, error = stream.ask(), None
            try:
                with self._http.stream("GET", asked.path, headers=asked.headers, timeout=_LONG) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400:
                        response.read()
                        _check(response, self._limits)
                    for line in response.iter_lines():
                        event = stream.event(line)
                        if event is not None:
                            yield event
            except httpx.TransportError as exc:
                error = exc
            time.sleep(stream.pause(error))

    def _send(self, asked: _Asked) -> httpx.Response:
        for pause in (*_PAUSES, None):
            try:
                return self._http.request(
                    asked.method, asked.path, content=asked.body or None, headers=asked.headers, params=asked.query
                )
            except httpx.TransportError:
                if pause is None or not asked.may_be_repeated:
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


_LONG: Final = httpx.Timeout(30.0, read=60.0)
"""The server sends a comment every 15 seconds where nothing happens."""


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
        self._http = httpx.AsyncClient(**_arguments(url, token, timeout), transport=transport)
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
        response = await self._send(_get("/flows"))
        _check(response, self._limits)
        return _FLOWS.validate_json(response.content)

    async def runs(self, *, state: str | None = None, flow: str | None = None) -> AsyncIterator[SummaryDocument]:
        """Yield the runs; see `Client.runs`."""
        after: str | None = None
        while True:
            page = _read(RunsDocument, await self._send(_page(state, flow, after)), self._limits)
            for run in page.runs:
                yield run
            after = page.next
            if after is None:
                return

    async def run(self, run: str) -> RunDocument:
        """Return a run with its tasks."""
        return _read(RunDocument, await self._send(_get(_of_run(run))), self._limits)

    async def task(self, run: str, task: str) -> TaskHistoryDocument:
        """Return a task of a run, with its result and its history."""
        return _read(TaskHistoryDocument, await self._send(_get(_of_run(run, "tasks", task))), self._limits)

    async def start(self, flow: str, key: str | None = None, /, **parameters: object) -> SentDocument:
        """Start a run; see `Client.start`."""
        return _read(SentDocument, await self._send(_start(flow, key, parameters)), self._limits)

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
        return _read(SentDocument, await self._send(_signal(run, task, signal, key, version)), self._limits)

    async def rerun(self, run: str, *tasks: str, key: str | None = None) -> SentDocument:
        """Run a run that is over again; see `Client.rerun`."""
        return _read(SentDocument, await self._send(_rerun(run, tasks, key)), self._limits)

    async def follow(self, run: str, *, after: int = 0) -> AsyncIterator[EventDocument]:
        """Yield the events of a run as they come; see `Client.follow`."""
        stream = _Stream(run, after)
        while True:
            asked, error = stream.ask(), None
            try:
                async with self._http.stream("GET", asked.path, headers=asked.headers, timeout=_LONG) as response:
                    if response.status_code == 204:
                        return
                    if response.status_code >= 400:
                        await response.aread()
                        _check(response, self._limits)
                    async for line in response.aiter_lines():
                        event = stream.event(line)
                        if event is not None:
                            yield event
            except httpx.TransportError as exc:
                error = exc
            await asyncio.sleep(stream.pause(error))

    async def _send(self, asked: _Asked) -> httpx.Response:
        for pause in (*_PAUSES, None):
            try:
                return await self._http.request(
                    asked.method, asked.path, content=asked.body or None, headers=asked.headers, params=asked.query
                )
            except httpx.TransportError:
                if pause is None or not asked.may_be_repeated:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")
