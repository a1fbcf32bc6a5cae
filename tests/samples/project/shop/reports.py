"""What is said of states: to people a line for each, to other programs JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from pydantic import BaseModel

from statesig import (
    AnyFinished,
    AnyState,
    Cancelled,
    Failed,
    Finished,
    Skipped,
    Success,
    decode,
    encode,
    is_failed,
    is_finished,
    is_retrying,
    is_successful,
)

from .orders import Order, Parcel
from .states import Declined, Quarantined, Shipped

__all__ = ["Entry", "Summary", "amount", "line_of", "marked", "note", "outcome", "progress", "refusal", "written"]


class Summary(BaseModel, frozen=True):
    """A day in short.

    Args:
        lines: One for each order.
        cents: What was earned.
    """

    lines: tuple[str, ...]
    cents: int


class Entry(BaseModel, frozen=True):
    """An order in the books: a state is a model and can be a field of another.

    Args:
        order: Its number.
        outcome: How it ended.
    """

    order: int
    outcome: Finished[Parcel]


def line_of(state: AnyState[Parcel]) -> str:
    """Return what is said of a parcel, on its way or not."""
    return outcome(state) if is_finished(state) else progress(state)


def outcome(state: AnyFinished[Parcel]) -> str:
    """Return what is said of how it ended."""
    match state:
        case Shipped(tracking=tracking):
            return f"shipped: {tracking}"
        case Quarantined(reason=reason):
            return f"quarantined: {reason}"
        case Skipped():
            return "left out"
        case Success():
            return f"packed: {state.unwrap().order} by {state.unwrap().carrier}"
        case Declined(code=code):
            return f"declined: {code}"
        case Failed():
            return f"failed: {state.message}"
        case Cancelled():
            return "cancelled"
        case _:
            assert_never(state)


def progress(state: AnyState[Any]) -> str:
    """Return what is said of one that may have to wait."""
    if is_retrying(state):
        return f"attempt {state.run_count + 1}"
    return state.type.lower()


def note(state: AnyFinished[Order]) -> str:
    """Return a word for the margin."""
    if is_successful(state):
        return f"for {state.unwrap().customer}" if state.has_result else "left out"
    if is_failed(state):
        return "again" if state.retryable else "never"
    return "cancelled"


def amount(state: Success[int]) -> str:
    """Return what was earned, as people write it."""
    return f"{state.unwrap() / 100:.2f}"


def marked(state: Quarantined[Order], clerk: str) -> Quarantined[Order]:
    """Return a state with the name of who has seen it."""
    state = state.model_copy(update={"message": f"seen by {clerk}"})
    return state


def written(states: Iterable[AnyState[Any]]) -> list[bytes]:
    """Return states as JSON, one document for each."""
    return [encode(state) for state in states]


def refusal(data: bytes) -> Declined:
    """Return the refusal that a document holds."""
    return decode(data, Declined, strict=True)
