"""Signals over HTTP: an endpoint raises one, the response is its state, and the caller's client raises it again.

`SignalMiddleware` serves any ASGI application and needs no extra; the rest needs the extra ``http``: `install` and
`SignalRoute` are for FastAPI, `raise_for_signal` for responses of httpx. Each of these is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from statesig.http.answers import Boundary, Expose, Location
from statesig.http.middleware import SignalMiddleware, hand_over
from statesig.http.statuses import STATUSES, Statuses

if TYPE_CHECKING:
    from statesig.http.applications import SignalRoute, install
    from statesig.http.client import araise_for_signal, raise_for_signal, signal_from

__all__ = [
    "STATUSES",
    "Boundary",
    "Expose",
    "Location",
    "SignalMiddleware",
    "SignalRoute",
    "Statuses",
    "araise_for_signal",
    "hand_over",
    "install",
    "raise_for_signal",
    "signal_from",
]

_HOMES = {
    "SignalRoute": "applications",
    "araise_for_signal": "client",
    "install": "applications",
    "raise_for_signal": "client",
    "signal_from": "client",
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
