"""Begin runs of the server's flows: store them, each with the request that it comes from, for the driver to go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from statesig.codec.states import encode
from statesig.engine.options import Options
from statesig.engine.reruns import run_again
from statesig.engine.runner import begin
from statesig.engine.runs import Run
from statesig.errors import FlowError, StoreError
from statesig.flow import Flow
from statesig.graph.nodes import Parameter
from statesig.http.problems import Fault, faults_of
from statesig.http.service.driving import STARTED, Driver
from statesig.http.service.requests import Asking, conflict
from statesig.http.service.signalling import repeated
from statesig.http.service.views import Views
from statesig.http.words import words_of
from statesig.states import Pending
from statesig.stores.store import Sent, StoredRun

__all__ = ["Starting", "read_parameters"]


class Starting:
    """Begins runs.

    Args:
        views: Reads the store.
        driver: Drives the runs.
        options: The options of the runs.
    """

    def __init__(self, views: Views, driver: Driver, options: Options) -> None:
        self._views = views
        self._driver = driver
        self._options = options

    def start(self, flow: Flow, parameters: Mapping[str, Any], asking: Asking) -> Sent:
        """Begin a run; return what is kept of the request.

        Args:
            flow: Its flow.
            parameters: The values of the flow's parameters, as `read_parameters` returned them.
            asking: Who asks, and how.

        Raises:
            Answered: The run cannot be stored.
        """
        return self._once(flow, asking, lambda: begin(flow, parameters, self._options))

    def rerun(self, flow: Flow, run: StoredRun, tasks: list[str] | None, asking: Asking) -> Sent:
        """Run a stored run again; return what is kept of the request.

        Args:
            flow: Its flow.
            run: The run.
            tasks: The tasks from which on to run again also what succeeded.
            asking: Who asks, and how.

        Raises:
            Answered: The run is not over, or there is nothing to run again.
        """
        return self._once(flow, asking, lambda: run_again(flow, run.id, tasks, self._options))

    def _once(self, flow: Flow, asking: Asking, make: Callable[[], Run]) -> Sent:
        """Store a run, unless an equal request of the same key has."""
        found = repeated(self._views, asking)
        if found is not None:
            return found
        try:
            run = make()
        except FlowError as exc:
            conflict(exc.reason)
        try:
            run.enter(replace(asking.sent(None, None, encode(Pending()), STARTED), record=0))
        except StoreError:
            found = repeated(self._views, asking)  # another request of this key came first, perhaps to another server
            if found is None:
                raise
            return found
        self._driver.drive(run.id, flow.name)
        return self._views.store.signals(run.id)[0]


def read_parameters(flow: Flow, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the values of a flow's parameters, each validated as its type, and what is wrong with those given.

    Args:
        flow: The flow.
        given: The values by name.

    Returns:
        The values, which are whole where nothing is wrong; and the faults, which say nothing of what was sent.
    """
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    if given.keys() - flow.parameters.keys():
        known = ", ".join(flow.parameters) or "none"
        faults.append(Fault("body.parameters", f"there is no such parameter; the parameters are {known}"))
    for name, parameter in flow.parameters.items():
        values[name] = given.get(name, parameter.default)
        if name in given and parameter.value_type is not None:
            try:
                values[name] = parameter.value_type.validated(given[name])
            except Exception as exc:  # a validator of the type's own may raise anything
                faults += _faults_of(parameter, exc)
        elif name not in given and parameter.required:
            faults.append(Fault(f"body.parameters.{name}", "is required"))
    return values, faults


def _faults_of(parameter: Parameter, exc: Exception) -> list[Fault]:
    place = f"body.parameters.{parameter.name}"
    if not isinstance(exc, ValidationError):
        return [Fault(place, f"is not valid: its validator raised {type(exc).__name__}")]
    return [Fault(_joined(place, fault.path), fault.reason) for fault in faults_of(exc, words_of([parameter.type]))]


def _joined(place: str, path: str) -> str:
    return place + path if path.startswith("[") or not path else f"{place}.{path}"
