"""The table of transitions between states, read by `advance`, the type checkers' overloads and every diagram.

Two rules. A subclass has exactly its parent's successors, so that a transition that a checker allows for the parent is
right for the child. No transition leads back to plain Pending: a rerun is a new history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, Never, Protocol, Union, cast, overload

from typing_extensions import TypeVar

from statesig.errors import IllegalTransition
from statesig.signals import Signal
from statesig.states import (
    AnyState,
    Cached,
    Cancelled,
    Cancelling,
    Failed,
    Finished,
    Mapped,
    MetaState,
    Paused,
    Pending,
    Queued,
    Resume,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
)
from statesig.states.descriptions import no_state
from statesig.states.families import origin_of

__all__ = [
    "FIRST",
    "SUCCESSORS",
    "IllegalStep",
    "advance",
    "check_history",
    "diagram",
    "fault_of",
    "is_allowed",
    "successors",
]

Kind = type[State[Any]]

_WAITING: tuple[Kind, ...] = (
    Running,
    Paused,
    Scheduled,
    Queued,
    Submitted,
    Cached,
    Mapped,
    Skipped,
    Failed,
    Cancelled,
)

SUCCESSORS: Mapping[Kind, tuple[Kind, ...]] = MappingProxyType(
    {
        Pending: _WAITING,
        Queued: _WAITING,
        Submitted: _WAITING,
        Paused: (Resume, Failed, Cancelled),
        Running: (Success, Failed, Scheduled, Paused, Cancelling, Cancelled),
        Cancelling: (Finished,),
        Success: (),
        Failed: (),
        Cancelled: (),
    }
)
"""The table: each source family, with the families that may follow it."""

FIRST: tuple[Kind, ...] = (Pending, Queued, Submitted)
"""The families that a history may begin with."""


class _Row(dict[type, bool]):
    """For one class of states: whether the table allows the transition of each class of signals."""

    def __init__(self, source: type) -> None:
        super().__init__()
        self.source: Any = source

    def __missing__(self, signal: type) -> bool:
        given: Any = signal
        if not all(map(issubclass, (self.source, signal), (State, Signal))):
            raise TypeError(f"advance takes a state and a signal, not {self.source.__name__} and {signal.__name__}")
        self[signal] = verdict = is_allowed(self.source, given.__state_type__)
        return verdict


class _Verdicts(dict[type, _Row]):
    """The row of each class of states; filled on demand."""

    def __missing__(self, source: type) -> _Row:
        self[source] = row = _Row(source)
        return row


_verdicts = _Verdicts()

AfterWaitingT = TypeVar(
    "AfterWaitingT",
    bound=Union[
        Running[Any],
        Paused[Any],
        Scheduled[Any],
        Queued[Any],
        Submitted[Any],
        Cached[Any],
        Mapped[Any],
        Skipped[Any],
        Failed[Any],
        Cancelled[Any],
    ],
)
AfterPausedT = TypeVar("AfterPausedT", bound=Union[Resume[Any], Failed[Any], Cancelled[Any]])
AfterRunningT = TypeVar(
    "AfterRunningT",
    bound=Union[Success[Any], Failed[Any], Scheduled[Any], Paused[Any], Cancelling[Any], Cancelled[Any]],
)
AfterCancellingT = TypeVar("AfterCancellingT", bound=Union[Success[Any], Failed[Any], Cancelled[Any], Finished[Any]])


class AnySignal(Protocol):
    """A signal of which a checker knows no kind, such as ``signal_of(state)`` of a state from outside.

    `Signal.of` tells it from the others: ``Signal[Any]`` makes a signal of any state, FAIL of a Failed alone.
    """

    @property
    def state(self) -> State[Any]:
        """The state it carries."""
        ...

    def of(self, state: AnyState[Any]) -> object:
        """Make another."""
        ...


AnySignalT = TypeVar("AnySignalT", bound=AnySignal)
"""Without it mypy would infer ``signal_of(Success())`` as the signal of an unknown kind that is asked for."""


@overload
def advance(state: Pending[Any] | Queued[Any] | Submitted[Any], signal: Signal[AfterWaitingT]) -> AfterWaitingT: ...
@overload
def advance(state: Paused[Any], signal: Signal[AfterPausedT]) -> AfterPausedT: ...
@overload
def advance(state: Running[Any], signal: Signal[AfterRunningT]) -> AfterRunningT: ...
@overload
def advance(state: Cancelling[Any], signal: Signal[AfterCancellingT]) -> AfterCancellingT: ...
@overload
def advance(  # a checker that knows the state to be final knows that this raises
    state: Finished[Any],
    signal: AnySignalT,  # pyright: ignore[reportInvalidTypeVarUse]  # see there
) -> Never: ...
@overload
def advance(
    state: State[Any],
    signal: AnySignalT,  # pyright: ignore[reportInvalidTypeVarUse]  # see there
) -> AnyState[Any]: ...
def advance(state: State[Any], signal: Signal[Any] | AnySignal) -> Any:
    """Return the state that a signal leads to from a state.

    Checkers judge a signal whose kind they know: it must be allowed after all that the state may be. One of an unknown
    kind, such as ``signal_of(new)`` of a state from outside, is judged when it runs.

    Args:
        state: The current state; it does not change.
        signal: The raised signal.

    Returns:
        ``signal.state``, the very object.

    Raises:
        IllegalTransition: The table does not allow the transition; the text lists those that it allows.
        TypeError: `state` is not a state, or `signal` not a signal.
    """
    if not _verdicts[type(state)][type(signal)]:
        source = origin_of(type(state))
        possible = [kind.__name__ for kind in successors(source)]
        raise IllegalTransition(source.__name__, origin_of(type(signal.state)).__name__, possible)
    return signal.state


def successors(kind: type[State[Any]]) -> tuple[type[State[Any]], ...]:
    """Return the families that may follow a kind: those of its branch in the table."""
    for ancestor in kind.__mro__:
        if ancestor in SUCCESSORS:
            return SUCCESSORS[ancestor]
    ways = ", ".join(branch.__name__ for branch in SUCCESSORS)
    raise TypeError(f"{kind.__name__} is on no branch of the table; its branches are {ways}")


def is_allowed(source: type[State[Any]], target: type[State[Any]]) -> bool:
    """Tell whether a kind may follow another; here a kind means only itself, not its family."""
    return issubclass(origin_of(target), successors(source))


@dataclass(frozen=True, slots=True)
class IllegalStep:
    """The first illegal step of a history.

    Args:
        index: The position of the illegal state, from 0.
        source: The tag of the state before it; None at the beginning.
        target: The tag of the illegal state.
        reason: Why it is illegal, and what is possible instead.
    """

    index: int
    source: str | None
    target: str
    reason: str


def check_history(
    states: Iterable[State[Any]],
    *,
    attempts: Iterable[int] | None = None,
    times: Iterable[datetime] | None = None,
) -> IllegalStep | None:
    """Return the first illegal step of a history, or None.

    A history begins Pending, Queued or Submitted (or one of their kinds). A state equal to the one before it is
    not a step: the same report came twice.

    Args:
        states: The states, in the order in which the run was in them.
        attempts: The attempt of each state, from 1. They count entries into Running, the next one included: a state
            after Running is of the next attempt unless it is Cancelling or final; any other is of the same one. An
            equal state is the same report only if it is of the same attempt.
        times: When the run entered each state, aware. They never go back, and Running is not before the start time of
            the state before it.

    Raises:
        TypeError: Something in it is no state: a class of states, say.
        ValueError: The number of attempts or times is not that of the states.
    """
    history = list(states)
    for given in cast("list[object]", history):  # whatever it holds
        if not isinstance(given, State):
            raise no_state("check_history", given)
    counted = [None] * len(history) if attempts is None else list(attempts)
    timed = [None] * len(history) if times is None else list(times)
    if not len(history) == len(counted) == len(timed):
        raise ValueError(f"{len(history)} states need as many attempts and times, not {len(counted)} and {len(timed)}")
    before: Entry | None = None
    for index, entry in enumerate(zip(history, counted, timed, strict=True)):
        reason = fault_of(entry, before)
        if reason is not None:
            return IllegalStep(index, None if before is None else before[0].type, entry[0].type, reason)
        before = entry
    return None


Entry = tuple[State[Any], int | None, datetime | None]
"""A state in a history, with its attempt and its time if they are known."""


def fault_of(entry: Entry, before: Entry | None) -> str | None:
    """Return why an entry of a history is illegal, or None.

    Args:
        entry: A state, its attempt and its time; unknown attempts or times are None in all entries.
        before: The entry before it, legal itself; None at the beginning.
    """
    state, attempt, time = entry
    if before is None:
        if not isinstance(state, FIRST):
            return f"a history begins {_listed(FIRST)}, not {state.type}"
        return None if attempt in (None, 1) else f"a history begins with attempt 1, not {attempt}"
    previous, last_attempt, last_time = before
    if time is not None and last_time is not None and time < last_time:
        return f"{state.type} at {time.isoformat()} is before {previous.type} at {last_time.isoformat()}"
    if state == previous and attempt == last_attempt:
        return None
    if not is_allowed(type(previous), type(state)):
        return str(IllegalTransition(previous.type, state.type, [kind.__name__ for kind in successors(type(previous))]))
    if attempt is not None and last_attempt is not None:
        again = isinstance(previous, Running) and not isinstance(state, (Cancelling, Finished))
        if attempt != last_attempt + again:
            return f"{state.type} after {previous.type} is of attempt {last_attempt + again}, not {attempt}"
    start = _start_of(previous) if isinstance(state, Running) else None
    if start is not None and time is not None and time < start:
        return f"{state.type} at {time.isoformat()} is before the start_time {start.isoformat()} of {previous.type}"
    return None


def _start_of(state: State[Any]) -> datetime | None:
    waiting = state.state if isinstance(state, MetaState) else state
    return waiting.start_time if isinstance(waiting, Scheduled) else None


def _listed(kinds: tuple[Kind, ...]) -> str:
    names = [kind.__name__ for kind in kinds]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def diagram(format: Literal["mermaid", "dot"] = "mermaid") -> str:
    """Return the table as a diagram; each name means its family.

    Args:
        format: ``"mermaid"`` for a state diagram of Mermaid, ``"dot"`` for Graphviz.

    Raises:
        ValueError: Another format was asked for.
    """
    arrows = [(source.__name__, target.__name__) for source, targets in SUCCESSORS.items() for target in targets]
    first = [kind.__name__ for kind in FIRST]
    final = [source.__name__ for source, targets in SUCCESSORS.items() if not targets]
    if format == "mermaid":
        lines = [f"    [*] --> {name}" for name in first]
        lines += [f"    {source} --> {target}" for source, target in arrows]
        lines += [f"    {name} --> [*]" for name in final]
        return "\n".join(["stateDiagram-v2", *lines]) + "\n"
    if format == "dot":
        lines = ["    rankdir=LR;", "    node [shape=box, style=rounded];"]
        lines += [f"    {name} [peripheries=2];" for name in final]
        lines += [f"    {source} -> {target};" for source, target in arrows]
        return "\n".join(["digraph transitions {", *lines, "}"]) + "\n"
    raise ValueError(f"diagram() has no format {format!r}; take 'mermaid' or 'dot'")
