"""One bare and one full sample of every concrete state, the built-in ones and those of `kinds`."""

from datetime import UTC, datetime
from typing import Any

from statesig import ErrorInfo, Finished, MetaState, Pending, Scheduled, Skipped, State, Success, states
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
}
_OPTIONAL: dict[str, Any] = {
    "start_time": NOON,
    "expires": NOON,
    "until": NOON,
    "run_count": 3,
    "loop_count": 4,
    "retryable": False,
    "children": (Success(result=1), Skipped(message="none")),
    "seals": 2,
    "quota": 5,
    "missing": ("c.csv",),
}


def bare(kind: type[Any], **fields: object) -> Any:
    """Return a state of a kind with nothing but what it must have."""
    return kind(**{**_REQUIRED.get(kind.__name__, {}), **fields})


def full(kind: type[Any], **fields: object) -> Any:
    """Return a state of a kind with every field given."""
    own = {name: value for name, value in _OPTIONAL.items() if name in kind.model_fields}
    return bare(kind, **{"message": "why", "result": {"rows": [1, 2.5, None]}, "causes": (CAUSE,), **own, **fields})
