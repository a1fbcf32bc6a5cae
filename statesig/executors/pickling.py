"""Pack calls and outcomes as bytes for the way between processes.

A value that cannot be packed or unpacked must not raise: it becomes a Failed state.
"""

from __future__ import annotations

import io
import pickle
from importlib import import_module
from typing import Any, Final

from statesig.algebra.captures import Redact, RetryOn
from statesig.executors.calls import Call, Enter, Entering, Outcome, worker_name
from statesig.graph.tasks import Task
from statesig.signals.causes import chain_of
from statesig.states import Failed
from statesig.states.descriptions import redacted

__all__ = ["packed", "packed_outcome", "unpacked", "unpacked_outcome", "with_context"]


def packed(call: Call, *, has_main: bool) -> bytes | Failed[Any]:
    """Return a call as bytes, or the state of a task that cannot be called in another process.

    Code goes by its name. What `pickle` refuses, such as a lambda, goes by value if cloudpickle is installed.

    Args:
        call: The call.
        has_main: Whether the worker has this process's ``__main__``; if not, its code goes by value, too.
    """
    parts = (call.task, call.args, call.kwargs, call.attempt, call.redact, call.traceback)
    try:
        data = pickle.dumps(parts, pickle.HIGHEST_PROTOCOL)
    except BaseException as exc:  # the code of a value's class may raise anything
        by_value = _by_value(parts)
        return by_value if by_value is not None else _unfit(f"{_refused(call)} cannot be pickled", exc, call.redact)
    return data if has_main or _MAIN not in data else _by_value(parts) or data


def with_context(data: bytes, call: Call) -> bytes:
    """Return a packed call together with what enters the context of its attempt; the call alone if nothing does.

    Ask for it when the call is sent, not before: only then is it known which attempt begins.
    """
    enter = None if call.entering is None else call.entering(call.attempt)
    return data if enter is None else pickle.dumps((pickle.dumps(enter), data), pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Call | Failed[Any]:
    """Return the packed call, or the state of a task whose call cannot be unpacked here."""
    try:
        parts = pickle.loads(data)
        if len(parts) > _CONTEXT_AND_CALL:
            return Call(*parts)
        call = Call(*pickle.loads(parts[1]))
        call.entering = _entering(parts[0])
        return call
    except BaseException as exc:
        is_mains = isinstance(exc, AttributeError) and "__main__" in str(exc)
        return _unfit(_UNKNOWN + (_MAINS if is_mains else ""), exc)


def _entering(data: bytes) -> Entering | None:
    try:
        enter: Enter = pickle.loads(data)
    except Exception:  # a library that only the other process has, say; the task runs as if nobody watched
        return None
    return lambda attempt: enter


_CONTEXT_AND_CALL: Final = 2
"""The number of parts of `with_context`; a call alone has more."""

_UNKNOWN: Final = (
    "the task or an argument of it cannot be unpickled by its worker, which must be able to import its module"
)
_MAINS: Final = "; what a notebook defines goes by value where cloudpickle is installed"


def packed_outcome(outcome: Outcome, redact: Redact | None = None, *, has_main: bool = True) -> bytes:
    """Return an outcome as bytes, without `raised`; one that cannot be pickled becomes an outcome that says so.

    Args:
        outcome: The outcome.
        redact: Redacts the text of an exception that pickling raises.
        has_main: Whether this process has the caller's ``__main__``; if not, what is defined there goes by value.
    """
    outcome = outcome._replace(raised=None)
    try:
        data = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    except BaseException as exc:
        by_value = _by_value(outcome)  # a class that came by value has no name here
        if by_value is not None:
            return by_value
        outcome = outcome._replace(state=_unfit("the task's result cannot be pickled", exc, redact))
        return pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    return data if has_main or _MAIN not in data else _by_value(outcome) or data


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


_MAIN: Final = b"__main__"
"""Occurs in the bytes of what is pickled by its name in ``__main__``, which may be another module in a worker."""


def _by_value(value: object) -> bytes | None:
    """Return a value as cloudpickle's bytes; None if it is not installed or refuses the value as well."""
    try:
        cloudpickle: Any = import_module("cloudpickle")  # it has no types
    except ImportError:
        return None
    base: Any = cloudpickle.Pickler

    def reducer_override(self: Any, obj: Any) -> Any:
        if type(obj) is Task and not _is_importable(obj):
            return _task, (obj.fn, obj.name, obj.timeout, obj.retry_on, obj.answer)
        return base.reducer_override(self, obj)

    file = io.BytesIO()
    # Not a class statement: mypy refuses an untyped base.
    pickler: Any = type("Pickler", (base,), {"reducer_override": reducer_override})(file)
    try:
        pickler.dump(value)
    except BaseException:  # the error reports the refusal by name
        return None
    return file.getvalue()


def _task(fn: Any, name: str, timeout: float | None, retry_on: RetryOn | None, answer: object) -> Task[Any, Any]:
    """Return a task with only the parts that performing it needs."""
    return Task(fn, name=name, timeout=timeout, retry_on=retry_on, answer=answer)


def _is_importable(task: Any) -> bool:
    return isinstance(task.__reduce__(), str) and task.__module__ != "__main__"


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
