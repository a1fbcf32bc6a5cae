"""The HTTP status of each state: a table. Nothing here may know a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from statesig.states import (
    Cancelled,
    Cancelling,
    Failed,
    MetaState,
    Paused,
    Pending,
    Retrying,
    Running,
    State,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)
from statesig.states.generics import PerClass, origin_of

__all__ = ["STATUSES", "Statuses", "TableOfStatuses", "check_families", "is_class_of_states"]

Statuses: TypeAlias = Mapping[type[State[Any]], int]
"""Statuses by class of states. One of a class holds for its descendants, too, but for those that have their own."""

STATUSES: Final[Statuses] = MappingProxyType(
    {
        Success: 200,
        Pending: 202,
        Retrying: 503,
        Paused: 202,
        MetaState: 202,
        Running: 202,
        Cancelling: 202,
        Failed: 500,
        TriggerFailed: 424,
        ValidationFailed: 422,
        TimedOut: 504,
        Cancelled: 409,
    }
)
"""The statuses as they are where nothing else is said."""


class TableOfStatuses:
    """Looks up the status of each class of states.

    Args:
        changes: Statuses in place of, or besides, those of `STATUSES`: final ones, 200 to 599.

    Raises:
        TypeError: A key is no class of states.
        ValueError: A status is not a final one.
    """

    def __init__(self, changes: Statuses | None = None) -> None:
        for cls, status in (changes or {}).items():
            if not is_class_of_states(cls):
                raise TypeError(f"statuses are those of classes of states, not of {cls!r}")
            if type(status) is not int or not 200 <= status <= 599:
                raise ValueError(f"the status of {cls.__name__} is a whole number from 200 to 599, not {status!r}")
        self._own: dict[type[Any], int] = {**STATUSES, **{origin_of(cls): at for cls, at in (changes or {}).items()}}
        self._found: PerClass[int] = PerClass(self._find)

    def status_of(self, cls: type[State[Any]]) -> int:
        """Return the status of a class of states: its own, or that of its nearest ancestor."""
        return self._found[cls]

    def _find(self, cls: type[Any]) -> int:
        return next(self._own[ancestor] for ancestor in origin_of(cls).__mro__ if ancestor in self._own)


def is_class_of_states(value: object) -> bool:
    """Tell whether an object is a class of states of a run; those of a machine are another's."""
    return isinstance(value, type) and issubclass(value, State)


def check_families(option: str, families: object) -> None:
    """Check an option that lists families of states.

    Args:
        option: Its name.
        families: What was given.

    Raises:
        TypeError: It is no list, or has something else in it than classes of states of a run.
    """
    if not isinstance(families, Collection) or isinstance(families, str):
        said = families.__name__ if isinstance(families, type) else "..."
        raise TypeError(f"{option} is a list of classes of states, such as {option}=[{said}]")
    for cls in cast("Collection[object]", families):
        if not is_class_of_states(cls):
            raise TypeError(f"{option} names classes of states, not {cls!r}")
