"""The caller's side: a signal that an endpoint raised is raised again, as that signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import BaseModel
from pydantic_core import to_json

from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.codec.states import decode, decode_model
from statesig.http.answers import MARK, PROBLEM
from statesig.signals import Signal

if TYPE_CHECKING:
    import httpx

__all__ = ["araise_for_signal", "raise_for_signal", "signal_from"]


class _Problem(BaseModel):
    """The part of a problem that is a state."""

    state: Signal


def signal_from(response: httpx.Response, *, limits: Limits = DEFAULT_LIMITS) -> Signal[Any] | None:
    """Return the signal that the server's endpoint raised; None if it raised none.

    Its state is the server's without what that does not expose.

    Args:
        response: The response, read.
        limits: Limits of the document.

    Raises:
        DecodeError: The document is of no state that this program knows, or beyond the limits.
    """
    tag = response.headers.get(MARK)
    if tag is None:
        return None
    if response.headers.get("content-type", "").lower().startswith(PROBLEM) and response.content:
        return decode_model(_Problem, response.content, "Signal", limits=limits, strict=True).state
    document = response.content or to_json({"type": unquote(tag)})  # an answer to HEAD, or a status without a body
    return decode(document, Signal, limits=limits, strict=True)


def raise_for_signal(response: httpx.Response, *, limits: Limits = DEFAULT_LIMITS) -> httpx.Response:
    """Raise the signal that the server's endpoint raised, or return the response.

    ``httpx.Client(event_hooks={"response": [raise_for_signal]})`` raises those of all responses.

    Args:
        response: The response; what is not read of it is.
        limits: Limits of the document.

    Raises:
        Signal: The endpoint raised it.
        DecodeError: The document is of no state that this program knows, or beyond the limits.
    """
    if MARK in response.headers:
        response.read()
    signal = signal_from(response, limits=limits)
    if signal is not None:
        raise signal
    return response


async def araise_for_signal(response: httpx.Response, *, limits: Limits = DEFAULT_LIMITS) -> httpx.Response:
    """Do as `raise_for_signal` does, with a response of an `httpx.AsyncClient`.

    Raises:
        Signal: The endpoint raised it.
        DecodeError: The document is of no state that this program knows, or beyond the limits.
    """
    if MARK in response.headers:
        await response.aread()
    return raise_for_signal(response, limits=limits)
