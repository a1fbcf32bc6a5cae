"""The routes that change something: runs are started and run again, and signals are sent to them and to their tasks."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Body, FastAPI, Path, Response
from pydantic_core import from_json

from statesig.codec.states import encode
from statesig.engine.places import place_named
from statesig.http.answers import Answered, Boundary
from statesig.http.service.access import Verb
from statesig.http.service.documents import RerunDocument, SentDocument, StartDocument
from statesig.http.service.driving import APPLIED
from statesig.http.service.gate import Gate
from statesig.http.service.reading import RunId, TaskName
from statesig.http.service.requests import (
    Asking,
    IdempotencyKey,
    IfMatch,
    PrincipalOf,
    asking,
    conflict,
    missing,
)
from statesig.http.service.responses import problems_of
from statesig.http.service.signalling import Signalling
from statesig.http.service.starting import Starting, read_parameters
from statesig.http.service.views import DECISIONS, Views
from statesig.signals import Signal
from statesig.states import State
from statesig.stores.store import Sent

__all__ = ["Changing"]

_NO_PARAMETERS: Final = StartDocument()
_WHAT_FAILED: Final = RerunDocument()


class Changing:
    """The routes that change something.

    Args:
        views: Reads the store.
        gate: Finds runs and flows for those who may change them.
        signalling: Sends signals.
        starting: Begins runs.
        boundary: How requests are refused.
    """

    def __init__(
        self, views: Views, gate: Gate, signalling: Signalling, starting: Starting, boundary: Boundary
    ) -> None:
        self._views = views
        self._gate = gate
        self._signalling = signalling
        self._starting = starting
        self._boundary = boundary

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to an application."""
        begun = problems_of(401, 403, 404, 409)
        app.post("/flows/{flow:path}/runs", status_code=201, responses=begun)(self.start)
        app.post("/runs/{run}/reruns", status_code=201, responses=begun)(self.rerun)
        sent: dict[int | str, dict[str, Any]] = {
            202: {"model": SentDocument, "description": "The signal is kept, and acts later."}
        }
        sent |= problems_of(401, 403, 404, 409, 412)
        app.post("/runs/{run}/signals", responses=sent)(self.signal_to_run)
        app.post("/runs/{run}/tasks/{task:path}/signals", responses=sent)(self.signal_to_task)

    def start(
        self,
        principal: PrincipalOf,
        flow: Annotated[str, Path(max_length=1000, description="The name of a flow.")],
        response: Response,
        start: StartDocument = _NO_PARAMETERS,
        idempotency_key: IdempotencyKey = None,
    ) -> SentDocument:
        """Start a run of a flow that the server was given."""
        found = self._gate.flow(principal, "start", flow)
        values, faults = read_parameters(found, start.parameters)
        if faults:
            raise Answered(self._boundary.refusal(faults, {}))
        said = ["start", flow, start.parameters]
        return self._begun(
            self._starting.start(found, values, self._asking(principal, idempotency_key, said)), response
        )

    def rerun(
        self,
        principal: PrincipalOf,
        run: RunId,
        response: Response,
        rerun: RerunDocument = _WHAT_FAILED,
        idempotency_key: IdempotencyKey = None,
    ) -> SentDocument:
        """Run a run that is over again from where it failed, as a new run."""
        found = self._gate.run(principal, "rerun", run)
        flow = self._views.flows.get(found.flow)
        if flow is None:
            conflict(f"the server was not given flow {found.flow}: statesig rerun runs it again where the flow is")
        request = self._asking(principal, idempotency_key, ["rerun", run, rerun.tasks])
        return self._begun(self._starting.rerun(flow, found, rerun.tasks, request), response)

    def _begun(self, sent: Sent, response: Response) -> SentDocument:
        response.headers["location"] = f"/runs/{sent.run}"
        return self._views.sent(sent)

    def signal_to_run(
        self,
        principal: PrincipalOf,
        run: RunId,
        signal: Annotated[Signal, Body()],
        response: Response,
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> SentDocument:
        """Send a signal to a run: a Cancelled cancels it; a Resume lets one go on that waits or was interrupted."""
        state = signal.state
        found = self._gate.run(principal, _verb_of(state), run)
        said = ["signal", run, from_json(encode(state))]
        request = self._asking(principal, idempotency_key, said, if_match)
        return self._kept(self._signalling.to_run(found, state, request), response)

    def signal_to_task(
        self,
        principal: PrincipalOf,
        run: RunId,
        task: TaskName,
        signal: Annotated[Signal, Body()],
        response: Response,
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> SentDocument:
        """Decide a paused task: a Resume releases it, with the answer that it declares; it may fail or be cancelled."""
        state = signal.state
        found = self._gate.run(principal, _verb_of(state), run)
        key = place_named(found.graph, task)
        if key is None:
            missing("such task in this run")
        said = ["signal", run, task, from_json(encode(state))]
        request = self._asking(principal, idempotency_key, said, if_match)
        return self._kept(self._signalling.to_task(found, key, state, request), response)

    def _kept(self, sent: Sent, response: Response) -> SentDocument:
        response.status_code = 200 if sent.outcome == APPLIED else 202
        return self._views.sent(sent)

    def _asking(self, principal: str, key: str | None, said: list[Any], version: str | None = None) -> Asking:
        return asking(principal, key, said, self._views.clock(), version)


def _verb_of(state: State[Any]) -> Verb:
    """Return what somebody asks who sends a signal; one that nothing takes is told so to those who may read."""
    for kind, verb in DECISIONS.values():
        if isinstance(state, kind):
            return verb
    return "read"
