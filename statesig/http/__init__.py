"""Signals over HTTP: an endpoint raises one, the response is its state, and the caller's client raises it again.

`SignalMiddleware` serves any ASGI application and needs no extra; the rest needs the extra ``http``: `install` and
`SignalRoute` are for FastAPI, `raise_for_signal` for responses of httpx. Each of these is loaded when it is first used.

`create_app` makes a server of stored runs: it shows them, starts them, and takes signals to them; `serve` serves it.
`Client` and `AsyncClient` are for those who ask it.
"""

from typing import TYPE_CHECKING

from statesig.http.answers import Boundary, Expose, Location
from statesig.http.middleware import SignalMiddleware, hand_over
from statesig.http.statuses import STATUSES, Raises, Statuses

if TYPE_CHECKING:
    from statesig.http.applications import SignalRoute, install
    from statesig.http.calls import RequestRefused
    from statesig.http.client import (
        araise_for_signal,
        entity_error_from,
        raise_for_signal,
        signal_from,
        transition_error_from,
    )
    from statesig.http.remote import AsyncClient, Client
    from statesig.http.service.access import (
        EVERY_FLOW,
        Asked,
        Authenticate,
        Authorize,
        Grant,
        Policy,
        Tokens,
        Verb,
    )
    from statesig.http.service.application import create_app
    from statesig.http.service.documents import (
        EventDocument,
        FlowDocument,
        RunDocument,
        SentDocument,
        SummaryDocument,
        TaskDocument,
        TaskHistoryDocument,
    )
    from statesig.http.service.serving import serve

__all__ = [
    "EVERY_FLOW",
    "STATUSES",
    "Asked",
    "AsyncClient",
    "Authenticate",
    "Authorize",
    "Boundary",
    "Client",
    "EventDocument",
    "Expose",
    "FlowDocument",
    "Grant",
    "Location",
    "Policy",
    "Raises",
    "RequestRefused",
    "RunDocument",
    "SentDocument",
    "SignalMiddleware",
    "SignalRoute",
    "Statuses",
    "SummaryDocument",
    "TaskDocument",
    "TaskHistoryDocument",
    "Tokens",
    "Verb",
    "araise_for_signal",
    "create_app",
    "entity_error_from",
    "hand_over",
    "install",
    "raise_for_signal",
    "serve",
    "signal_from",
    "transition_error_from",
]

_HOMES = {
    "EVERY_FLOW": "service.access",
    "Asked": "service.access",
    "AsyncClient": "remote",
    "Authenticate": "service.access",
    "Authorize": "service.access",
    "Client": "remote",
    "EventDocument": "service.documents",
    "FlowDocument": "service.documents",
    "Grant": "service.access",
    "Policy": "service.access",
    "RequestRefused": "calls",
    "RunDocument": "service.documents",
    "SentDocument": "service.documents",
    "SignalRoute": "applications",
    "SummaryDocument": "service.documents",
    "TaskDocument": "service.documents",
    "TaskHistoryDocument": "service.documents",
    "Tokens": "service.access",
    "Verb": "service.access",
    "araise_for_signal": "client",
    "create_app": "service.application",
    "entity_error_from": "client",
    "install": "applications",
    "raise_for_signal": "client",
    "serve": "service.serving",
    "signal_from": "client",
    "transition_error_from": "client",
}


def __getattr__(name: str) -> object:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        value: object = getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "statesig":
            raise
        raise ModuleNotFoundError(
            f"statesig.http.{name} needs {exc.name}, which is not installed; pip install 'statesig[http]'",
            name=exc.name,
        ) from exc
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
