"""The value of a task: the result of a success, validated as the task declares it, the same for everybody who sees it.

What the other states carry is no value, and stays what it is. Nothing here stores or decides anything.
"""

from __future__ import annotations

from typing import Any

from statesig.codec.problems import without_keys
from statesig.engine.stored_values import encode_stored
from statesig.errors import EncodeError
from statesig.signals import Signal
from statesig.states import State, Success, ValidationFailed
from statesig.states.declared import Declared, declared_as, list_of
from statesig.states.families import narrow, origin_of
from statesig.states.reasons import invalid

__all__ = ["not_understood_type", "valued", "valued_items"]


def valued(declared: Declared | None, state: State[Any]) -> State[Any]:
    """Return a state with its value as the declared type, or ValidationFailed; a state without a value is returned.

    The value is the one that comes back from a store: ``1`` for a float is ``1.0``, ``[1, 1]`` for a set ``{1}``. An
    instance of the declared class is kept, uncopied.

    Args:
        declared: The declared type of the task's value; None: every value is valid.
        state: A state that the task is to enter.
    """
    if declared is None or not isinstance(state, Success) or "result" not in state.__pydantic_fields_set__:
        return state
    if declared.broken is not None:
        return not_understood_type(declared)
    given = state.__dict__["result"]
    try:
        value = declared.validated(given)
        if declared.is_ambiguous:
            encode_stored(Success(result=value), declared.type)
        return state if value is given else _with_result(state, value)
    except EncodeError as exc:
        reason = f"not a valid {declared.name}: {without_keys(exc, declared).path}: {exc.reason}"
    except (Signal, Exception, BaseExceptionGroup) as exc:  # ValidationError, or what a user's validator raises
        reason = invalid(declared, exc, "result")
    return ValidationFailed(message=f"its result is {reason}", retryable=False)


def valued_items(declared: Declared | None, state: State[Any]) -> State[Any]:
    """Do the same for a mapped task as a whole, whose value is a list of values."""
    return state if declared is None else valued(declared_as(list_of(declared.type)), state)


def not_understood_type(declared: Declared) -> State[Any]:
    """Return the state of a task whose return type is wrong itself, so that no value of it could be valid."""
    message = f"not run: its return annotation is not understood: {declared.broken}"
    return ValidationFailed(message=message, retryable=False)


def _with_result(state: Success[Any], value: Any) -> State[Any]:
    changed: State[Any]
    if type(state) is Success and len(state.__pydantic_fields_set__) == 1:
        changed = narrow(Success).construct({"result": value})  # the most frequent, in half of the time
    else:
        given = {name: getattr(state, name) for name in state.model_fields_set}
        changed = narrow(origin_of(type(state))).validate({**given, "result": value})
    return changed
