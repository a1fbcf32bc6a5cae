"""Describe states in spans: attributes, events and the status of errors; payloads only if they are asked for.

Nothing here may know a run.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import Span, StatusCode

from statesig.codec.logs import family_of
from statesig.states import (
    AnyState,
    Cancelled,
    Crashed,
    ErrorInfo,
    Failed,
    MapFailed,
    Mapped,
    Pending,
    Running,
    Skipped,
    Success,
    TimedOut,
    TriggerFailed,
)
from statesig.states.families import origin_of

__all__ = ["OF_RUN", "OF_TASK", "Attributes", "close", "tell"]

Attributes = dict[str, str | int]

OF_RUN: Final = "cicd.pipeline.result"
OF_TASK: Final = "cicd.pipeline.task.run.result"
"""The attributes for the results of runs and tasks."""

_RESULTS: Final = (
    (Skipped, "skip"),
    (Success, "success"),
    (TimedOut, "timeout"),
    (Crashed, "error"),
    (Failed, "failure"),
    (Cancelled, "cancellation"),
)
"""The result of each family in the words of the conventions; the first that fits."""

_PLAIN: Final = frozenset({Pending, Running, Success, Mapped})
"""The states that a span's beginning or end says."""

_TOLD_BELOW: Final = (MapFailed, TriggerFailed)
"""The failures whose exceptions another task's span has."""


def tell(span: Span, state: AnyState[object], time: int, *, payload: bool) -> None:
    """Add a state as an event to the innermost span that is open, and the exception if it comes from one.

    Args:
        span: The span.
        state: The state.
        time: When it was entered, in nanoseconds since the epoch.
        payload: Whether to add messages and the traceback.
    """
    if not span.is_recording():
        return
    if not isinstance(state, Failed) and origin_of(type(state)) not in _PLAIN:
        attributes: Attributes = {"statesig.family": family_of(state)}
        if payload and state.message is not None:
            attributes["statesig.message"] = state.message
        span.add_event(state.type, attributes, time)
    if state.causes and not isinstance(state, _TOLD_BELOW):
        span.add_event("exception", _exception(state.causes[0], payload=payload), time)


def close(span: Span, state: AnyState[object], try_number: int, result: str | None, *, payload: bool) -> None:
    """Let a span say how it ends, before it does.

    Args:
        span: The span.
        state: The state in which it ends.
        try_number: The try of the run, from 1.
        result: The attribute for its result; None: it has none.
        payload: Whether to add messages.
    """
    if not span.is_recording():
        return
    attributes: Attributes = {"statesig.state": state.type, "statesig.family": family_of(state)}
    if try_number > 1:
        attributes["statesig.try"] = try_number
    known = next((known for family, known in _RESULTS if isinstance(state, family)), None)
    if result is not None and known is not None:
        attributes[result] = known
    if payload and state.message is not None:
        attributes["statesig.message"] = state.message
    if isinstance(state, Failed):
        error = state.causes[0] if state.causes else None
        attributes["error.type"] = state.type if error is None else error.type
        said, text = (state.type, state.message) if error is None else (f"{state.type}: {error.type}", error.message)
        span.set_status(StatusCode.ERROR, f"{said}: {text}" if payload and text else said)
    span.set_attributes(attributes)


def _exception(error: ErrorInfo, *, payload: bool) -> Attributes:
    attributes: Attributes = {"exception.type": error.type}
    if payload:
        attributes["exception.message"] = error.message
        if error.traceback is not None:
            attributes["exception.stacktrace"] = error.traceback
    return attributes
