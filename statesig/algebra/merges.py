"""Merge reports on one run, delivered in any order, into the most advanced.

The place of a report is its attempt and its phase, and phases are a table. Nothing here may look at a clock: the time
of a report does not matter.

The laws of `merge`, with each policy, and the tests that check them. Observations are equal if their attempts and their
states are, conflicts if their sets of observations are::

    merge(a, b) == merge(b, a)                          test_merge_is_commutative
    merge(a, merge(b, c)) == merge(merge(a, b), c)      test_merge_is_associative
        == merge(a, b, c)                               test_merge_is_associative
    merge(a, a) == a == merge(a)                        test_merge_is_idempotent
    merge(*xs) is a Conflict if and only if unequal     test_a_conflict_when_and_only_when,
        states claim the foremost place                 test_any_delivery_of_a_log_gives_one_answer
    merge(*observe(xs)) == observe(xs)[-1]              test_a_finished_history_merges_to_its_end
        for a finished history xs without faults
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Union

from typing_extensions import TypeVar

from statesig.algebra.joins import Order, kind
from statesig.states import Cancelling, Finished, MetaState, Paused, Pending, Running, Scheduled, State

__all__ = ["PHASES", "Conflict", "Observation", "Report", "attempt_after", "merge", "observe"]

R = TypeVar("R", covariant=True, default=Any)
T = TypeVar("T")

PHASES: Mapping[type[State[Any]], int] = MappingProxyType(
    {
        Pending: 0,
        MetaState: 1,
        Scheduled: 2,
        Paused: 3,
        Running: 4,
        Cancelling: 5,
        Finished: 6,
    }
)
"""The phase of each family within an attempt; any other class has the phase of its nearest ancestor here."""


@dataclass(frozen=True, slots=True)
class Observation(Generic[R]):
    """A report that a run was in a state.

    Args:
        attempt: From 1. It counts entries into Running, the next one included: a Pending, Scheduled or Paused after
            Running belongs to the next attempt. `observe` and `Event` count the same way.
        state: The state.

    Raises:
        ValueError: The attempt is less than 1.
    """

    attempt: int
    state: State[R]

    def __post_init__(self) -> None:
        if self.attempt < 1:
            raise ValueError(f"attempts are counted from 1, and {self.attempt} is less")

    @property
    def place(self) -> tuple[int, int]:
        """The run's progress: its attempt, then its phase by `PHASES`."""
        return self.attempt, next(PHASES[cls] for cls in type(self.state).__mro__ if cls in PHASES)


@dataclass(frozen=True, slots=True)
class Conflict(Generic[R]):
    """Reports of unequal states for the same place.

    Args:
        observations: Two or more, no two of them equal, all of one place.

    Raises:
        ValueError: They are fewer than two, or of several places.
    """

    observations: frozenset[Observation[R]]

    def __post_init__(self) -> None:
        places = {observation.place for observation in self.observations}
        if len(self.observations) < 2 or len(places) != 1:
            raise ValueError(
                "a conflict holds two observations or more, all of one place; "
                f"these are {len(self.observations)}, of {len(places)} places"
            )


Report = Union[Observation[T], Conflict[T]]
"""An argument or the outcome of `merge`."""


def merge(report: Report[T], *reports: Report[T], policy: Order | None = None) -> Report[T]:
    """Return the most advanced report: of the latest attempt, and within it of the latest phase by `PHASES`.

    If unequal states claim that place, return a Conflict that holds an observation of each; conflicts of earlier places
    are dropped. ``merge(a, b) == merge(b, a)``, ``merge(a, merge(b, c)) == merge(merge(a, b), c) == merge(a, b, c)``
    and ``merge(a, a) == a == merge(a)``, with a policy too, if it is the same throughout. Observations are equal if
    their attempts and their states are, conflicts if their sets of observations are.

    Args:
        report: An observation, or the outcome of another merge.
        reports: More reports on the same run, in any order.
        policy: `COMPLETION` or `FAIL_FAST` to prefer, among states that claim the place, those of the most severe
            kinds; equally severe states still conflict. None: no preference.

    Returns:
        One of the observations, or a Conflict of several; never a new state. `combine` merges a conflict's states.
    """
    found = [observation for given in (report, *reports) for observation in _observations(given)]
    found = _foremost(found, [observation.place for observation in found])
    if policy is not None:
        found = _foremost(found, [policy.rank(kind(observation.state, order=policy)) for observation in found])
    if len(found) == 1:  # the most frequent; a state's hash covers every field, and costs more than all before
        return found[0]
    distinct = frozenset(found)
    return Conflict(distinct) if len(distinct) > 1 else found[0]


def observe(history: Iterable[State[T]]) -> tuple[Observation[T], ...]:
    """Return the states of a run's history as observations, each with its attempt.

    ``[o.state for o in observe(xs)] == list(xs)``, by equality of states. For a history in which `check_history`
    finds no fault and that ends in a Finished state, ``merge(*observe(xs)) == observe(xs)[-1]``, in whatever order and
    however often they are delivered.

    Args:
        history: The states in the order in which the run was in them.
    """
    attempt, has_run = 1, False
    observations: list[Observation[T]] = []
    for state in history:
        attempt, has_run = attempt_after(attempt, has_run, state)
        observations.append(Observation(attempt, state))
    return tuple(observations)


def attempt_after(attempt: int, has_run: bool, state: State[Any]) -> tuple[int, bool]:
    """Return the attempt that a state belongs to, and whether that attempt has been Running.

    The one rule that counts attempts: an attempt lasts from before Running to its end, so that the first state after
    Running that is neither Cancelling nor Finished belongs to the next one.

    Args:
        attempt: The attempt of the previous state; 1 before the first.
        has_run: Whether that attempt has been Running.
        state: The next state.
    """
    if isinstance(state, Running):
        return attempt, True
    if has_run and not isinstance(state, (Cancelling, Finished)):
        return attempt + 1, False
    return attempt, has_run


def _observations(report: Report[T]) -> Iterable[Observation[T]]:
    return report.observations if isinstance(report, Conflict) else (report,)


def _foremost(found: list[Observation[T]], keys: Sequence[Any]) -> list[Observation[T]]:
    """Return the observations with the greatest key."""
    greatest = max(keys)
    return [observation for observation, key in zip(found, keys, strict=True) if key == greatest]
