"""Pack calls and outcomes as bytes for the way between processes.

A value that cannot be packed or unpacked must not raise: it becomes a Failed state.
"""

from __future__ import annotations

import pickle
from importlib import import_module
from typing import Any

from statesig.algebra.captures import Redact
from statesig.executors.calls import Call, Outcome, worker_name
from statesig.signals import chain_of
from statesig.states import Failed
from statesig.states.descriptions import redacted

__all__ = ["packed", "packed_outcome", "unpacked", "unpacked_outcome"]


def packed(call: Call) -> bytes | Failed[Any]:
    """Return a call as bytes, or the state of a task that cannot be called in another process.

    A call that `pickle` refuses, such as that of a lambda, is packed by cloudpickle if that is installed.
    """
    parts = (call.task, call.args, call.kwargs, call.attempt, call.redact, call.traceback)
    try:
        return pickle.dumps(parts, pickle.HIGHEST_PROTOCOL)
    except BaseException as exc:  # the code of a value's class may raise anything
        by_value = _by_value(parts)
        return by_value if by_value is not None else _unfit(f"{_refused(call)} cannot be pickled", exc, call.redact)


def unpacked(data: bytes) -> Call | Failed[Any]:
    """Return the packed call, or the state of a task whose call cannot be unpacked here."""
    try:
        return Call(*pickle.loads(data))
    except BaseException as exc:
        what = (
            "the task or an argument of it cannot be unpickled by its worker, which must be able to import its module"
        )
        return _unfit(what, exc)


def packed_outcome(outcome: Outcome, redact: Redact | None = None) -> bytes:
    """Return an outcome as bytes, without `raised`; one that cannot be pickled becomes an outcome that says so."""
    outcome = outcome._replace(raised=None)
    try:
        return pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    except BaseException as exc:
        outcome = outcome._replace(state=_unfit("the task's result cannot be pickled", exc, redact))
        return pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)


def unpacked_outcome(call: Call, data: bytes, *, is_redacted: bool = True) -> Outcome:
    """Return the packed outcome, or one that says that it cannot be unpickled here.

    Args:
        call: The call.
        data: The packed outcome.
        is_redacted: Whether the worker redacted the outcome. A worker that could not unpickle the call had no `redact`,
            so its causes are redacted here.
    """
    try:
        outcome: Outcome = pickle.loads(data)
    except BaseException as exc:
        state = _unfit("the task's result was pickled but cannot be unpickled", exc, call.redact)
        return Outcome(state, 0.0, worker_name())
    redact = call.redact
    if is_redacted or redact is None:
        return outcome
    causes = tuple(
        cause.model_copy(update={"message": redacted(cause.message, redact)}) for cause in outcome.state.causes
    )
    return outcome._replace(state=outcome.state.model_copy(update={"causes": causes}))


def _by_value(parts: object) -> bytes | None:
    """Return the parts of a call as cloudpickle's bytes; None if it is not installed or refuses them as well."""
    try:
        cloudpickle: Any = import_module("cloudpickle")  # it has no types
    except ImportError:
        return None
    try:
        data: bytes = cloudpickle.dumps(parts)
    except BaseException:  # the error reports the refusal of `pickle`
        return None
    return data


def _refused(call: Call) -> str:
    """Return the name of the part of a call that cannot be pickled."""
    parts = {"the task": call.task, "an argument of the task": (call.args, call.kwargs), "`redact`": call.redact}
    for name, part in parts.items():
        try:
            pickle.dumps(part, pickle.HIGHEST_PROTOCOL)
        except BaseException:  # found the part
            return name
    return "the result that its last loop handed on"


def _unfit(message: str, exc: BaseException, redact: Redact | None = None) -> Failed[Any]:
    return Failed(message=message, causes=chain_of(exc, redact=redact), retryable=False)
