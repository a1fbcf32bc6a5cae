"""Find a run for somebody who may do something with it. Nothing here decides who may: `authorize` does."""

from __future__ import annotations

from statesig.errors import NoRun
from statesig.flow import Flow
from statesig.http.service.access import Asked, Authorize, Verb
from statesig.http.service.requests import forbidden, missing
from statesig.http.service.views import Views
from statesig.stores.store import StoredRun

__all__ = ["Gate"]


class Gate:
    """Finds runs and flows for those who may do something with them.

    Args:
        views: Reads the store.
        authorize: Tells whether a principal may do something with a run.
    """

    def __init__(self, views: Views, authorize: Authorize) -> None:
        self._views = views
        self._authorize = authorize

    def allows(self, principal: str, verb: Verb, flow: str, run: str | None = None) -> bool:
        """Tell whether a principal may do something: only a policy that says exactly True allows it."""
        return self._authorize(principal, verb, Asked(flow, run)) is True

    def run(self, principal: str, verb: Verb, id: str) -> StoredRun:
        """Return a run, of which the whole identity is given.

        Raises:
            Answered: There is no such run, or the principal may not do this with it.
        """
        try:
            run = self._views.store.find(id)
        except NoRun:
            missing("such run")
        if run.id != id:
            missing("such run")
        if not self.allows(principal, verb, run.flow, run.id):
            forbidden(verb)
        return run

    def flow(self, principal: str, verb: Verb, name: str) -> Flow:
        """Return one of the server's flows.

        Raises:
            Answered: The principal may not do this with it, or there is no such flow.
        """
        if not self.allows(principal, verb, name):
            forbidden(verb)
        flow = self._views.flows.get(name)
        if flow is None:
            missing("such flow here")
        return flow

    def flows(self, principal: str) -> list[Flow]:
        """Return the server's flows of which a principal may read or start runs."""
        found = self._views.flows.values()
        return [flow for flow in found if any(self.allows(principal, verb, flow.name) for verb in _VERBS)]


_VERBS: tuple[Verb, ...] = ("read", "start")
