"""Give each kind of state a sign and a colour, beside its name and never in place of it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from statesig.http.service.documents import TaskDocument
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    Failed,
    Finished,
    MetaState,
    Paused,
    Pending,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TimedOut,
    TriggerFailed,
)
from statesig.states.families import descendants

__all__ = ["CHOICES", "Look", "is_final", "look_of", "urgent"]


class Look(NamedTuple):
    """How a state looks.

    Args:
        colour: The class of its colour in the style sheet.
        sign: A character that tells it from the others without colour.
    """

    colour: str
    sign: str


_LOOKS: Final[dict[type[State[Any]], Look]] = {
    Pending: Look("pending", "○"),
    Scheduled: Look("scheduled", "◷"),
    MetaState: Look("pending", "⋯"),
    Paused: Look("paused", "❚❚"),
    Running: Look("running", "▶"),
    Cancelling: Look("cancelled", "◌"),
    Success: Look("success", "✓"),
    Cached: Look("success", "≡"),
    Skipped: Look("skipped", "»"),
    Failed: Look("failed", "✕"),
    TimedOut: Look("failed", "⌛"),
    TriggerFailed: Look("failed", "↯"),
    Crashed: Look("failed", "‼"),
    Cancelled: Look("cancelled", "⊘"),
}

_UNKNOWN: Final = Look("pending", "?")

CHOICES: Final = ("Pending", "Scheduled", "Running", "Paused", "Finished", "Success", "Failed", "Cancelled")
"""The kinds of states by which runs are chosen: each with its descendants."""


def look_of(tag: str) -> Look:
    """Return how a state looks: as its nearest ancestor here; one whose class nobody knows is said by its tag alone."""
    cls = _class_of(tag)
    ancestors: tuple[type[Any], ...] = () if cls is None else cls.__mro__
    return next((_LOOKS[one] for one in ancestors if one in _LOOKS), _UNKNOWN)


def urgent(task: TaskDocument) -> str:
    """Return the tag by which a task is seen: its state's, or, while its children are under way, the most urgent's."""
    own: str = task.state["type"]
    if is_final(own):
        return own
    tags = sorted(task.children, key=lambda tag: _URGENT.index(look_of(tag).colour))
    return tags[0] if tags and look_of(tags[0]).colour in _UNDER_WAY else own


_UNDER_WAY: Final = ("running", "paused", "scheduled")
_URGENT: Final = (*_UNDER_WAY, "failed", "cancelled", "pending", "skipped", "success")


def is_final(tag: str) -> bool:
    """Tell whether nothing follows a state."""
    cls = _class_of(tag)
    return cls is not None and issubclass(cls, Finished)


def _class_of(tag: str) -> type[Any] | None:
    return next((cls for cls in descendants(State) if cls.__tag__ == tag), None)
