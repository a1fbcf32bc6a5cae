"""The routes that read: flows, runs, tasks, histories and live events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from statesig.engine.places import place_named
from statesig.http.service.documents import (
    FlowDocument,
    HistoryDocument,
    RunDocument,
    RunsDocument,
    SummaryDocument,
    TaskHistoryDocument,
)
from statesig.http.service.following import Feeds
from statesig.http.service.gate import Gate
from statesig.http.service.requests import PrincipalOf, etag_of, missing, refused
from statesig.http.service.responses import EVENTS, problems_of
from statesig.http.service.views import Views, is_over
from statesig.states.tags import kinds_by_name, tags_of
from statesig.stores.rows import to_integer, to_time
from statesig.stores.store import StoredRun

__all__ = ["Reading"]

RunId = Annotated[str, Path(max_length=100, description="The run's identity, all of it.")]
TaskName = Annotated[str, Path(max_length=1000, description="A task, or a child of a mapped one: `load[3]`.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many, at most.")]
After = Annotated[int, Query(ge=0, le=2**53, description="The number of the event after which to begin.")]


class Reading:
    """The routes that read.

    Args:
        views: Reads the store.
        feeds: Follows runs.
        gate: Finds runs for those who may read them.
    """

    def __init__(self, views: Views, feeds: Feeds, gate: Gate) -> None:
        self._views = views
        self._feeds = feeds
        self._gate = gate

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to an application."""
        app.get("/flows", responses=problems_of(401))(self.flows)
        app.get("/runs", responses=problems_of(401))(self.runs)
        app.get("/runs/{run}", responses=problems_of(401, 403, 404))(self.run)
        app.get("/runs/{run}/history", responses=problems_of(401, 403, 404))(self.history)
        app.get(
            "/runs/{run}/events", responses={**EVENTS, **problems_of(401, 403, 404)}, response_class=StreamingResponse
        )(self.events)
        app.get("/runs/{run}/tasks/{task:path}", responses=problems_of(401, 403, 404))(self.task)

    def flows(self, principal: PrincipalOf) -> list[FlowDocument]:
        """List the flows whose runs the server starts and drives, with the JSON Schema of their parameters."""
        return [self._views.flow(flow) for flow in self._gate.flows(principal)]

    def runs(
        self,
        principal: PrincipalOf,
        state: Annotated[str | None, Query(max_length=200, description="A tag: of it and its descendants.")] = None,
        flow: Annotated[str | None, Query(max_length=200, description="The name of a flow.")] = None,
        after: Annotated[str | None, Query(max_length=100, description="What another answer said as `next`.")] = None,
        limit: Limit = 50,
    ) -> RunsDocument:
        """List the runs that the principal may read, the latest first."""

        def is_allowed(run: Any) -> bool:
            return self._gate.allows(principal, "read", run.flow, run.id)

        found, following = self._views.runs(_tags(state), flow, _place_of(after), limit, is_allowed)
        return RunsDocument(runs=found, next=None if following is None else _said_of(following))

    def run(self, principal: PrincipalOf, run: RunId, response: Response) -> RunDocument:
        """Show a run with its tasks as they are now, what was sent to it, and which signals are possible.

        Its ETag is for If-Match alone: what is shown changes with the time, too, as where a deadline passes.
        """
        found = self._gate.run(principal, "read", run)
        signals = self._views.store.signals(found.id)
        response.headers["etag"] = etag_of(found, signals)
        return self._views.run(found, signals)

    def task(
        self,
        principal: PrincipalOf,
        run: RunId,
        task: TaskName,
    ) -> TaskHistoryDocument:
        """Show a task of a run, or a child of a mapped one, with its result and its history."""
        return self.task_of(self._gate.run(principal, "read", run), task)

    def task_of(self, run: StoredRun, task: str) -> TaskHistoryDocument:
        """Return a task of a run that was found.

        Raises:
            Answered: There is no such task.
        """
        key = place_named(run.graph, task)
        document = None if key is None else self._views.task(run, self._views.store.signals(run.id), key)
        if document is None:
            missing("such task in this run")
        return document

    def summary_of(self, run: StoredRun) -> SummaryDocument:
        """Return a run that was found, without its tasks."""
        return self._views.summary(run)

    def history(self, principal: PrincipalOf, run: RunId, after: After = 0, limit: Limit = 1000) -> HistoryDocument:
        """Show the history of a run, event by event."""
        found = self._gate.run(principal, "read", run)
        events = self._views.events(found, after, limit)
        last = events[-1].number if events else after
        return HistoryDocument(events=events, next=last if last < found.length else None)

    def events(
        self,
        principal: PrincipalOf,
        run: RunId,
        last_event_id: Annotated[
            str | None,
            Header(pattern=r"^\d{1,15}$", description="The number of the last event that was seen; 0 for none."),
        ] = None,
        after: After = 0,
    ) -> Response:
        """Follow a run: its events as they come, from the first or from the one after `Last-Event-ID`, to its end.

        The answer is 204 if the run is over and all its events were seen.
        """
        found = self._gate.run(principal, "read", run)
        seen = after if last_event_id is None else int(last_event_id)
        if is_over(found) and seen >= found.length:
            return Response(status_code=204)
        frames: AsyncIterator[bytes] = self._feeds.follow(found, seen)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(frames, media_type="text/event-stream", headers=headers)


def _said_of(place: tuple[datetime, str]) -> str:
    """Return a place in the list of runs as an answer says it."""
    began, run = place
    return f"{to_integer(began)}.{run}"


def _place_of(after: str | None) -> tuple[datetime, str] | None:
    """Return the place in the list of runs that an answer said as ``next``.

    Raises:
        Answered: No answer said that.
    """
    if after is None:
        return None
    began, _, run = after.partition(".")
    try:
        return to_time(int(began)), run
    except (ValueError, OverflowError):
        refused(422, "after is what another answer said as next")


def _tags(state: str | None) -> frozenset[str] | None:
    """Return the tag and those of the descendants of a kind of state; a tag that nothing has is only itself."""
    kind = None if state is None else kinds_by_name().get(state)
    if kind is not None:
        return tags_of(kind)
    return None if state is None else frozenset({state})
