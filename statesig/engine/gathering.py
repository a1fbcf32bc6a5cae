"""The state of a mapped task, made of the states of its children.

The runner picks the class of such a state here alone. Nothing here runs, stores or decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from statesig.states import Cancelled, Failed, MapCancelled, MapFailed, Mapped, State, has_children, mapped_class
from statesig.states.generics import kind_of

__all__ = ["abridged", "completed", "gathered"]


def gathered(children: Sequence[State[Any]]) -> Mapped[Any] | MapFailed[Any] | MapCancelled[Any]:
    """Return the state of a mapped task whose children are all final.

    It has a result, the list of theirs, if all succeeded and have one.
    """
    of: Any = mapped_class(children)
    # Not validated: that would look at each child again, and only ask what `mapped_class` has just made sure of.
    made: Mapped[Any] | MapFailed[Any] | MapCancelled[Any] = of.model_construct(
        children=tuple(children), **_results(of, children)
    )
    return made


def _results(of: type[State[Any]], children: Sequence[State[Any]]) -> dict[str, Any]:
    if issubclass(of, Mapped):
        results = [child.__dict__["result"] for child in children if "result" in child.__pydantic_fields_set__]
        if len(results) == len(children):
            return {"result": results}
    return {}


def completed(state: State[Any], children: Sequence[State[Any]]) -> State[Any]:
    """Return a mapped task's state with its own children, all final, in place of those that it was given.

    A handler and a store need not say what became of each child. A Mapped is never the state of a task whose children
    did not all succeed, whoever gave it: it becomes a MapFailed or MapCancelled that says the same.

    Args:
        state: A state of the task. One without children is returned as it is, as is a failure or a cancellation that
            does not follow from the children: somebody decided that.
        children: The states of the task's children.
    """
    if not has_children(state):
        return state
    whole: dict[str, Any] = {"children": tuple(children)}
    if not state.has_result:
        whole.update(_results(type(state), children))
    try:
        return state.model_copy(update=whole)
    except ValidationError:
        if not isinstance(state, Mapped):
            return state
    return gathered(children).model_copy(update=_said(state))


def abridged(state: State[Any]) -> State[Any]:
    """Return a mapped task's state as it is stored: with as few and as bare children as its class allows.

    Each child has a history, and together they have its value; `completed` puts the children back. A result that is not
    theirs is one that a handler has given, and is kept.
    """
    if not has_children(state):
        return state
    right = mapped_class(state.children)
    few: dict[str, Any] = {} if right is Mapped else {"children": (Failed() if right is MapFailed else Cancelled(),)}
    fields = {name: getattr(state, name) for name in state.model_fields_set - {"type", "children"}}
    result: Any = state.result
    if kind_of(result) is list and [*map(id, result)] == [id(child.result) for child in state.children]:
        del fields["result"]
    try:
        bare: State[Any] = type(state).model_validate({**fields, "type": state.type, **few})
    except ValidationError:  # a user's class may need its children
        bare = right(**few, **_said(state))
    return bare


def _said(state: State[Any]) -> dict[str, Any]:
    """Return the message and causes that a state was given."""
    return {name: getattr(state, name) for name in ("message", "causes") if name in state.model_fields_set}
