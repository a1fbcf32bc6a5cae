"""The caller's side: a signal or a refused change that an endpoint raised is raised again, as what it was."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from pydantic import BaseModel, NonNegativeInt, create_model
from pydantic_core import to_json

from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.codec.states import decode, decode_model
from statesig.errors import EntityChanged, IllegalTransition, NoEntity, RefusedTransition
from statesig.http.answers import ENTITY, MACHINE, MARK, PROBLEM, TRANSITION
from statesig.signals import Signal, SignalOf
from statesig.states.machines import Machine

if TYPE_CHECKING:
    import httpx

__all__ = ["araise_for_signal", "entity_error_from", "raise_for_signal", "signal_from", "transition_error_from"]


@lru_cache(maxsize=64)
def _problem_of(kind: Any) -> type[BaseModel]:
    """Return the model of a problem with a state of some signals."""
    return create_model("Problem", state=(kind, ...))


class _Names(BaseModel):
    """The names of a transition that was not made."""

    source: str
    target: str
    possible: tuple[str, ...]


class _Conflict(BaseModel):
    """The parts of a problem that are such a transition."""

    detail: str
    transition: _Names


class _Versions(BaseModel):
    """The versions of an entity, and its key if the request has named it."""

    key: str | None = None
    expected: NonNegativeInt
    version: NonNegativeInt


class _Changed(BaseModel):
    """The part of a problem that is an entity of another version."""

    entity: _Versions


class _Missing(BaseModel):
    """The part of a problem that is an entity which is not there."""

    detail: str


def signal_from(
    response: httpx.Response, *, machines: Collection[type[Machine]] = (), limits: Limits = DEFAULT_LIMITS
) -> Signal[Any] | None:
    """Return the signal that the server's endpoint raised; None if it raised none.

    Its state is the server's without what that does not expose.

    Args:
        response: The response, read.
        machines: The roots of the machines whose signals are asked for, besides those of runs: two machines may have
            states of the same tag. A signal of any other machine is not returned.
        limits: Limits of the document.

    Raises:
        DecodeError: The document is of no state that this program knows, or beyond the limits.
    """
    kind, tag = _kind_of(response, machines)
    if kind is None:
        return None
    if response.headers.get("content-type", "").lower().startswith(PROBLEM) and response.content:
        problem: Any = decode_model(_problem_of(kind), response.content, "Signal", limits=limits, strict=True)
        return cast("Signal[Any]", problem.state)
    document = response.content or to_json({"type": unquote(tag)})  # an answer to HEAD, or a status without a body
    return cast("Signal[Any]", decode(document, kind, limits=limits, strict=True))


def _kind_of(response: httpx.Response, machines: Collection[type[Machine]]) -> tuple[Any, str]:
    """Return the signals of which a response has one, None if it has none, and the tag of its state in its header."""
    if MARK in response.headers:
        return Signal, response.headers[MARK]
    name, _, tag = response.headers.get(MACHINE, "").partition("/")
    root: Any = next((one for one in machines if one.__name__ == unquote(name)), None)
    return (None if root is None else SignalOf[root]), tag


def transition_error_from(response: httpx.Response, *, limits: Limits = DEFAULT_LIMITS) -> IllegalTransition | None:
    """Return the error of the transition that the server did not make; None if the response is another.

    Args:
        response: The response, read.
        limits: Limits of the document.

    Raises:
        DecodeError: The document is no such problem, or beyond the limits.
    """
    if TRANSITION not in response.headers or not response.content:
        return None
    told = decode_model(_Conflict, response.content, "IllegalTransition", limits=limits, strict=True)
    names = told.transition
    if response.headers[TRANSITION] == "refused":
        return RefusedTransition(names.source, names.target, names.possible, told.detail)
    return IllegalTransition(names.source, names.target, names.possible)


def entity_error_from(response: httpx.Response, *, limits: Limits = DEFAULT_LIMITS) -> EntityChanged | NoEntity | None:
    """Return the error of the entity that the server did not find, or not at the version that was expected.

    Its `store` is the server, as the URL of the request names it.

    Args:
        response: The response, read.
        limits: Limits of the document.

    Returns:
        The error; None if the response is another, or does not say the key: only one that the path of the request has
        is sent back.

    Raises:
        DecodeError: The document is no such problem, or beyond the limits.
    """
    said = response.headers.get(ENTITY)
    if said is None or not response.content:
        return None
    if said == "missing":
        missing = decode_model(_Missing, response.content, "NoEntity", limits=limits, strict=True)
        return NoEntity(_server_of(response), missing.detail)
    entity = decode_model(_Changed, response.content, "EntityChanged", limits=limits, strict=True).entity
    if entity.key is None:
        return None
    return EntityChanged(_server_of(response), entity.key, entity.expected, entity.version)


def _server_of(response: httpx.Response) -> str:
    """Return the place of the server that answered, without user and password."""
    try:
        url = response.url
    except RuntimeError:  # it was made by hand, without its request
        return "the server"
    return f"{url.scheme}://{url.netloc.decode()}"


def raise_for_signal(
    response: httpx.Response, *, machines: Collection[type[Machine]] = (), limits: Limits = DEFAULT_LIMITS
) -> httpx.Response:
    """Raise the signal that the server's endpoint raised, or the error that refused a change, or return the response.

    ``httpx.Client(event_hooks={"response": [raise_for_signal]})`` raises those of all responses.

    Args:
        response: The response; what is not read of it is.
        machines: The roots of the machines whose signals are raised, besides those of runs.
        limits: Limits of the document.

    Raises:
        Signal: The endpoint raised it.
        IllegalTransition: The endpoint asked for a transition that the machine does not allow; if a guard refused it, a
            `RefusedTransition` with the guard's reason.
        EntityChanged: The endpoint asked to change an entity that has another version; see `entity_error_from`.
        NoEntity: The endpoint asked for an entity that is not there.
        DecodeError: The document is of no state that this program knows, or beyond the limits.
    """
    if _is_told(response):
        response.read()
    error = transition_error_from(response, limits=limits) or entity_error_from(response, limits=limits)
    if error is not None:
        raise error
    signal = signal_from(response, machines=machines, limits=limits)
    if signal is not None:
        raise signal
    return response


async def araise_for_signal(
    response: httpx.Response, *, machines: Collection[type[Machine]] = (), limits: Limits = DEFAULT_LIMITS
) -> httpx.Response:
    """Do as `raise_for_signal` does, with a response of an `httpx.AsyncClient`.

    Args:
        response: The response.
        machines: Whose states raise their signals, as there.
        limits: How much is decoded, as there.

    Raises:
        Signal: The endpoint raised it.
        IllegalTransition: The endpoint asked for a transition that the machine does not allow.
        EntityChanged: The endpoint asked to change an entity that has another version.
        NoEntity: The endpoint asked for an entity that is not there.
        DecodeError: The document is of no state that this program knows, or beyond the limits.
    """
    if _is_told(response):
        await response.aread()
    return raise_for_signal(response, machines=machines, limits=limits)


def _is_told(response: httpx.Response) -> bool:
    """Tell whether a response has a header of a signal, a transition or an entity."""
    return not response.headers.keys().isdisjoint((MARK, MACHINE, TRANSITION, ENTITY))
