"""Triggers: whether a task may run, read off the states upstream.

A trigger is a predicate over the upstream states and what to do where it does not hold. With unfinished upstreams a
verdict is given only when every way of finishing gives it, so it never changes later.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from statesig.signals import FAIL, PAUSE, SKIP, Signal
from statesig.states import Failed, Finished, Mapped, MetaState, State, Success

__all__ = [
    "SkipPolicy",
    "Trigger",
    "Verdict",
    "all_failed",
    "all_finished",
    "all_successful",
    "always_run",
    "any_failed",
    "any_successful",
    "every",
    "finished",
    "leaves",
    "manual_only",
    "some",
]


class Verdict(enum.Enum):
    """What a trigger says: run, one of the three ways not to, or that it is too early to tell."""

    RUN = "run"
    FAIL = "fail"
    SKIP = "skip"
    PAUSE = "pause"
    WAIT = "wait"


class SkipPolicy(enum.Enum):
    """What a skipped upstream does to a task.

    SUCCESS: it counts as a success, the default. PROPAGATE: any skipped upstream skips the task before its trigger is
    asked, as Prefect 0.5.1's runner did. FAILURE_FIRST: a failed trigger fails the task; else any skipped one skips it.
    """

    SUCCESS = "success"
    PROPAGATE = "propagate"
    FAILURE_FIRST = "failure_first"


_OTHERWISE: dict[type[Signal[Any]], Verdict] = {FAIL: Verdict.FAIL, SKIP: Verdict.SKIP, PAUSE: Verdict.PAUSE}


@dataclass(frozen=True, slots=True)
class Trigger:
    """A predicate over upstream states, and the verdict where it does not hold.

    Args:
        name: What it is called where its verdict is told.
        test: Which predicate: `every` or `some` state of a kind, all ``finished``, ``always``, or ``never`` by itself.
        kind: The kind that `every` and `some` count, its descendants included.
        rest: The verdict where the predicate does not hold.
    """

    name: str
    test: Literal["every", "some", "finished", "always", "never"]
    kind: type[State[Any]] = Success
    rest: Verdict = Verdict.FAIL

    def otherwise(self, signal: type[Signal[Any]]) -> Self:
        """Return this trigger with another verdict where its predicate does not hold.

        Raises:
            ValueError: The signal is none of FAIL, SKIP and PAUSE.
        """
        verdict = _OTHERWISE.get(signal)
        if verdict is None:
            raise ValueError(f"a trigger can say FAIL, SKIP or PAUSE otherwise, not {signal.__name__}")
        return replace(self, rest=verdict)

    def verdict(self, upstream: Sequence[State[Any]], *, resumed: bool = False) -> Verdict:
        """Return what the upstream states say.

        Args:
            upstream: A state for each upstream; mapped ones count as their children, meta-states as what they wrap.
            resumed: Whether a person has resumed the task in this run; a trigger that pauses by itself then passes.
        """
        if self.test == "never":
            return Verdict.RUN if resumed else self.rest
        if self.test == "always" or not upstream:
            return Verdict.RUN
        unfinished = hits = misses = 0
        for state in leaves(upstream):
            if not isinstance(state, Finished):
                unfinished += 1
                hits += self.test == "some" and issubclass(Finished, self.kind)
                misses += self.test == "every" and not _can_finish_as(self.kind)
            elif isinstance(state, self.kind):
                hits += 1
            else:
                misses += 1
        if self.test == "finished":
            return Verdict.WAIT if unfinished else Verdict.RUN
        if self.test == "every":
            if misses:
                return self._rest(resumed)
            return Verdict.WAIT if unfinished and not issubclass(Finished, self.kind) else Verdict.RUN
        if hits:
            return Verdict.RUN
        return Verdict.WAIT if unfinished and _can_finish_as(self.kind) else self._rest(resumed)

    def refuses(self, changed: State[Any]) -> bool:
        """Tell whether one upstream alone, in this state, can make the verdict another than RUN."""
        return self.test == "every" and any(
            isinstance(leaf, Finished) and not isinstance(leaf, self.kind) for leaf in leaves((changed,))
        )

    @property
    def can_hold_early(self) -> bool:
        """Whether the predicate can hold while upstreams are unfinished."""
        return self.test in ("some", "always", "never") or issubclass(Finished, self.kind)

    def _rest(self, resumed: bool) -> Verdict:
        return Verdict.RUN if resumed and self.rest is Verdict.PAUSE else self.rest


def _can_finish_as(kind: type[State[Any]]) -> bool:
    return issubclass(kind, Finished) or issubclass(Finished, kind)


def leaves(states: Iterable[State[Any]]) -> Iterator[State[Any]]:
    """Yield what triggers count: a Mapped's children, a success for an empty one, what a meta-state wraps."""
    for state in states:
        if isinstance(state, Mapped):
            yield from leaves(state.children) if state.children else (_SUCCESS,)
        elif isinstance(state, MetaState):
            yield from leaves((state.state,))
        else:
            yield state


_SUCCESS = Success()


def every(kind: type[State[Any]]) -> Trigger:
    """Return the trigger that holds where all upstreams are of a kind."""
    return Trigger(f"every({kind.__name__})", "every", kind)


def some(kind: type[State[Any]]) -> Trigger:
    """Return the trigger that holds where at least one upstream is of a kind."""
    return Trigger(f"some({kind.__name__})", "some", kind)


def finished() -> Trigger:
    """Return the trigger that holds once all upstreams are finished, however; until then it waits."""
    return Trigger("finished()", "finished")


all_successful: Trigger = replace(every(Success), name="all_successful")
"""All upstreams succeeded, skipped ones included. The default."""
all_failed: Trigger = replace(every(Failed), name="all_failed")
"""All upstreams failed."""
any_successful: Trigger = replace(some(Success), name="any_successful")
"""At least one upstream succeeded."""
any_failed: Trigger = replace(some(Failed), name="any_failed")
"""At least one upstream failed."""
all_finished: Trigger = replace(finished(), name="all_finished")
"""All upstreams are finished, however."""
always_run: Trigger = Trigger("always_run", "always")
"""Whatever the upstreams are."""
manual_only: Trigger = Trigger("manual_only", "never", rest=Verdict.PAUSE)
"""Never by itself: it pauses, also without upstreams, until a person resumes the task."""
