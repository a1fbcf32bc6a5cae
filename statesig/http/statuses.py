"""The HTTP status of each state, and of each error that refuses a change: a table. Nothing here may know a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from statesig.errors import EntityChanged, IllegalTransition, NoEntity
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
from statesig.states.machines import AnyKind, Machine

__all__ = [
    "REFUSALS",
    "STATUSES",
    "Answerable",
    "Raises",
    "Refusal",
    "Statuses",
    "TableOfStatuses",
    "check_families",
    "is_class_of_states",
]

Refusal: TypeAlias = IllegalTransition | EntityChanged | NoEntity
"""An error that refuses to change a state: by its machine, or since the entity has another version or is not there."""

REFUSALS: Final[tuple[type[Refusal], ...]] = (IllegalTransition, EntityChanged, NoEntity)

Answerable: TypeAlias = AnyKind | type[Refusal]
"""What has a status: a class of states, of a run or of a machine, or one of the errors that refuse a change."""

Statuses: TypeAlias = Mapping[Answerable, int]
"""Statuses by class. One of a class holds for its descendants, too, but for those that have their own."""

Raises: TypeAlias = Collection[Answerable]
"""What endpoints raise: the signals of families of states, `IllegalTransition`, `EntityChanged` and `NoEntity`."""

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
        Machine: 200,
        IllegalTransition: 409,
        EntityChanged: 412,
        NoEntity: 404,
    }
)
"""The statuses as they are where nothing else is said."""


class TableOfStatuses:
    """Looks up the status of each class of states.

    Args:
        changes: Statuses in place of, or besides, those of `STATUSES`: final ones, 200 to 599; of an error from 400.

    Raises:
        TypeError: A key is no class of states, and no error that refuses a change.
        ValueError: A status is not a final one.
    """

    def __init__(self, changes: Statuses | None = None) -> None:
        for cls, status in (changes or {}).items():
            if not is_class_of_states(cls, Machine, *REFUSALS):
                raise TypeError(f"statuses are those of classes of states, not of {cls!r}")
            least = 400 if issubclass(cls, REFUSALS) else 200
            if type(status) is not int or not least <= status <= 599:
                raise ValueError(f"the status of {cls.__name__} is a whole number from {least} to 599, not {status!r}")
        self._own: dict[type[Any], int] = {**STATUSES, **{origin_of(cls): at for cls, at in (changes or {}).items()}}
        self._found: PerClass[int] = PerClass(self._find)

    def status_of(self, cls: Answerable) -> int:
        """Return the status of a class: its own, or that of its nearest ancestor."""
        return self._found[cls]

    def _find(self, cls: type[Any]) -> int:
        return next(self._own[ancestor] for ancestor in origin_of(cls).__mro__ if ancestor in self._own)


def is_class_of_states(value: object, *others: type) -> bool:
    """Tell whether an object is a class of states of a run, or below one of some other classes."""
    return isinstance(value, type) and issubclass(value, (State, *others))


def check_families(option: str, families: object, *others: type) -> None:
    """Check an option that lists families of states.

    Args:
        option: Its name.
        families: What was given.
        others: The classes that it may name besides states of a run, with those below them.

    Raises:
        TypeError: It is no list, or has something else in it.
    """
    if not isinstance(families, Collection) or isinstance(families, str):
        said = families.__name__ if isinstance(families, type) else "..."
        raise TypeError(f"{option} is a list of classes of states, such as {option}=[{said}]")
    for cls in cast("Collection[object]", families):
        if not is_class_of_states(cls, *others):
            raise TypeError(f"{option} names classes of states, not {cls!r}")
