"""Take a task's bookkeeping through a stored history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statesig.engine.noderuns import Item
from statesig.states import (
    Looped,
    Resume,
    Retrying,
    Running,
    State,
)

if TYPE_CHECKING:
    pass

__all__ = ["replay", "said_by"]


def replay(item: Item, state: State[Any]) -> None:
    """Let an item come to be in a state as it did when that was written down."""
    if isinstance(state, Running):
        item.entries += 1
    elif isinstance(item.state, Running):
        item.failures += isinstance(state, Retrying)
        if isinstance(state, Looped):
            item.loops += 1
            item.loop_result = state.result
    elif isinstance(state, Resume):
        item.resumed = True
    item.state = state


def said_by(state: State[Any]) -> dict[str, Any]:
    """Return what a state was given of its own accord: its message and causes."""
    return {name: getattr(state, name) for name in ("message", "causes") if name in state.model_fields_set}
