"""States and events as entries of a log: what happened and where, and nothing of a payload unless it is asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pydantic_core import from_json

from statesig.codec.events import Event, without_result
from statesig.codec.states import encode
from statesig.errors import EncodeError
from statesig.states import Failed, State, has_children
from statesig.states.families import origin_of
from statesig.states.machines import Machine

__all__ = ["family_of", "to_log"]


def to_log(what: State[Any] | Machine | Event, *, payload: bool = False) -> dict[str, object]:
    """Return what a log says of a state or an event, in JSON's kinds.

        logger.info("loaded", extra=to_log(state))  # logging
        log.info("loaded", **to_log(event))  # structlog

    Of a state it says its tag as ``state``, and as ``family`` the class of statesig that it is or derives from: of a
    failure of your own ``Failed``; of a state of a machine it is the machine's root. ``error`` is the class of the
    outermost exception, or None. A failure adds ``retryable``, a mapped state ``children``, their number for each tag.
    An event adds ``run``, ``task``, ``index``, ``attempt``, ``try`` and ``time``, always all of them. No record of
    `logging` has an attribute of one of these names already, and structlog fills no such key.

    Args:
        what: The state or the event.
        payload: Whether to add the state's whole JSON as ``document``: messages, results and fields may hold what must
            not be in a log. A result that would not read back is left out.

    Raises:
        EncodeError: The payload is asked for, and something else than the result would not read back.
    """
    if isinstance(what, Event):
        return _place_of(what) | to_log(what.state, payload=payload)
    error = what.causes[0].type if isinstance(what, State) and what.causes else None
    entry: dict[str, object] = {"state": what.type, "family": family_of(what), "error": error}
    if isinstance(what, Failed):
        entry["retryable"] = what.retryable
    if isinstance(what, State) and has_children(what):
        entry["children"] = dict(Counter(child.type for child in what.children))
    if payload:
        entry["document"] = _document_of(what)
    return entry


def _place_of(event: Event) -> dict[str, object]:
    place = {"run": event.run, "task": event.task, "index": event.index, "attempt": event.attempt}
    return {**place, "try": event.try_number, "time": event.time.isoformat()}


def family_of(state: State[Any] | Machine) -> str:
    """Return the name of the class of statesig that a state is or derives from; of a machine's state, its root's."""
    kinds: list[type[Any]] = [origin_of(kind) for kind in type(state).__mro__]
    if isinstance(state, Machine):
        return kinds[kinds.index(Machine) - 1].__name__
    return next(kind.__name__ for kind in kinds if kind.__module__ == State.__module__)


def _document_of(state: State[Any] | Machine) -> object:
    try:
        return from_json(encode(state))
    except EncodeError:
        if isinstance(state, Machine):
            raise
        return from_json(encode(without_result(state)))
