"""The requests of the clients of a server of runs, and what is read of its answers. Nothing here sends anything."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter
from pydantic_core import from_json, to_json, to_jsonable_python

from statesig.codec.events import on_the_wire
from statesig.codec.limits import Limits
from statesig.codec.states import encode
from statesig.http.client import raise_for_signal
from statesig.http.service.documents import EventDocument, FlowDocument
from statesig.signals import Signal

__all__ = [
    "FLOWS",
    "LONG",
    "PAUSES",
    "Asked",
    "RequestRefused",
    "Stream",
    "arguments",
    "check",
    "get",
    "of_run",
    "page",
    "read",
    "rerun",
    "signal",
    "start",
]

DocumentT = TypeVar("DocumentT", bound=BaseModel)

PAUSES: Final = (0.1, 0.3, 1.0)
"""Seconds before a request is sent again whose connection ended; after these the error is raised."""

_RETRY: Final = 1.0
"""Seconds between two connections that bring no event, where the stream does not say how many."""

_LONGEST_PAUSE: Final = 30.0
"""Seconds between these at most, whatever the stream says."""

_PAGE: Final = 100
FLOWS: Final = TypeAdapter(list[FlowDocument])


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
class Asked:
    """A request: its method, its path, and what goes with it."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    query: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def may_be_repeated(self) -> bool:
        """Whether it acts once, however often it comes."""
        return self.method == "GET" or "idempotency-key" in self.headers


def get(path: str, **query: object) -> Asked:
    """Return a request for a document; parts of the query that are None are left out."""
    return Asked("GET", path, query={name: str(value) for name, value in query.items() if value is not None})


def _post(path: str, body: bytes, key: str | None, version: str | None = None) -> Asked:
    headers = {"content-type": "application/json", "idempotency-key": key or uuid.uuid4().hex}
    if version is not None:
        headers["if-match"] = version
    return Asked("POST", path, body, headers)


def of_run(run: str, *more: str) -> str:
    """Return the path of a run, or of something of it."""
    return "/".join(("/runs", *(quote(part, safe="") for part in (run, *more))))


def start(flow: str, key: str | None, parameters: Mapping[str, object]) -> Asked:
    """Return the request that starts a run."""
    body = to_json({"parameters": to_jsonable_python(dict(parameters))})
    return _post(f"/flows/{quote(flow, safe='')}/runs", body, key)


def signal(run: str, task: str | None, signal: Signal[Any], key: str | None, version: str | None) -> Asked:
    """Return the request that sends a signal to a run, or to one of its tasks."""
    path = of_run(run, "signals") if task is None else of_run(run, "tasks", task, "signals")
    state = signal.state
    written = encode(on_the_wire(state, type(state.result) if state.has_result else Any))
    return _post(path, written, key, version)


def rerun(run: str, tasks: tuple[str, ...], key: str | None) -> Asked:
    """Return the request that runs a run again."""
    return _post(of_run(run, "reruns"), to_json({"tasks": list(tasks) or None}), key)


def _events(run: str, after: int) -> Asked:
    """Return the request for the events of a run after one."""
    return Asked("GET", of_run(run, "events"), headers={"last-event-id": str(after)})


def page(state: str | None, flow: str | None, after: str | None) -> Asked:
    """Return the request for a page of runs."""
    return get("/runs", state=state, flow=flow, after=after, limit=_PAGE)


def read(kind: type[DocumentT], response: httpx.Response, limits: Limits) -> DocumentT:
    """Return the document that an answer is.

    Raises:
        Signal: An endpoint of the server raised it.
        RequestRefused: The request was refused otherwise.
    """
    check(response, limits)
    return kind.model_validate_json(response.content)


def check(response: httpx.Response, limits: Limits) -> None:
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


class Stream:
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

    def ask(self) -> Asked:
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
            if self._lost == len(PAUSES):
                raise error
            self._lost += 1
            return PAUSES[self._lost - 1]
        self._empty += 1
        return 0.0 if self._empty == 1 else min(self._retry * 2 ** min(self._empty - 2, 9), _LONGEST_PAUSE)


LONG: Final = httpx.Timeout(30.0, read=60.0)
"""The server sends a comment every 15 seconds where nothing happens."""


def arguments(url: str, token: str, timeout: float) -> dict[str, Any]:
    """Return the arguments of httpx that both clients have."""
    return {"base_url": url, "headers": {"authorization": f"Bearer {token}"}, "timeout": timeout}
