"""One bare and one full sample of every concrete state, the built-in ones and those of `kinds`."""

from datetime import UTC, datetime
from typing import Any

from statesig import (
    Cancelled,
    ErrorInfo,
    Failed,
    Finished,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Pending,
    Scheduled,
    Skipped,
    State,
    Success,
    TimedOut,
    states,
)
from tests.samples import kinds

BUILT_IN: tuple[type[State[Any]], ...] = tuple(
    value
    for value in vars(states).values()
    if isinstance(value, type) and issubclass(value, State) and value not in (State, MetaState, Finished)
)
OWN: tuple[type[State[Any]], ...] = (kinds.Quarantined, kinds.Sealed, kinds.Throttled, kinds.Partial)
KINDS = (*BUILT_IN, *OWN)

NOON = datetime(2019, 4, 4, 12, tzinfo=UTC)
CAUSE = ErrorInfo(type="ValueError", message="no such day", notes=("a note",))

_REQUIRED: dict[str, dict[str, Any]] = {
    "Queued": {"state": Pending()},
    "Submitted": {"state": Scheduled(start_time=NOON)},
    "Quarantined": {"path": "a.csv"},
    "Sealed": {"path": "b.csv"},
    "MapFailed": {"children": (Failed(),)},
    "MapCancelled": {"children": (Cancelled(),)},
}
_OPTIONAL: dict[str, Any] = {
    "start_time": NOON,
    "expires": NOON,
    "until": NOON,
    "run_count": 3,
    "loop_count": 4,
    "retryable": False,
    "seals": 2,
    "quota": 5,
    "missing": ("c.csv",),
}


_LAST: dict[type[Any], tuple[State[Any], ...]] = {
    Mapped: (),
    MapFailed: (Cancelled(), TimedOut(message="late")),
    MapCancelled: (Cancelled(message="stopped"),),
}
"""The last children of a full state that has children."""


def mapped(*children: State[Any], **fields: object) -> Any:
    """Return the state of a mapped task with these children, which are final."""
    if any(isinstance(child, Failed) for child in children):
        return MapFailed(children=children, **fields)  # type: ignore[arg-type]  # any fields
    if any(isinstance(child, Cancelled) for child in children):
        return MapCancelled(children=children, **fields)  # type: ignore[arg-type]  # as above
    return Mapped(children=children, **fields)  # type: ignore[arg-type]  # as above


def bare(kind: type[Any], **fields: object) -> Any:
    """Return a state of a kind with nothing but what it must have."""
    return kind(**{**_REQUIRED.get(kind.__name__, {}), **fields})


def full(kind: type[Any], **fields: object) -> Any:
    """Return a state of a kind with every field given."""
    own = {name: value for name, value in _OPTIONAL.items() if name in kind.model_fields}
    if kind in _LAST:
        own["children"] = (Success(result=1), Skipped(message="none"), *_LAST[kind])
    return bare(kind, **{"message": "why", "result": {"rows": [1, 2.5, None]}, "causes": (CAUSE,), **own, **fields})
