"""Go from state to state: `advance` by a signal, `check_history` along a log; illegal steps are refused.

The overloads tell type checkers what the tables of `statesig.algebra.tables` tell at run time. Nothing here may
construct a state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any, Never, Protocol, Union, cast, overload

from typing_extensions import TypeVar

from statesig.algebra.machines import Transition, check_guard, illegal, is_guarded, transition_of
from statesig.algebra.tables import RUNS, table_of
from statesig.errors import IllegalTransition, NoSignal, RefusedTransition
from statesig.signals import Signal, signal_type_of
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
from statesig.states.machines import AnyKind, Machine

__all__ = ["IllegalStep", "advance", "check_history", "fault_of", "is_allowed", "successors"]


class _Row(dict[type, bool | None]):
    """For one class of states: whether the table allows the transition of each class of signals; None: ask its guard.

    Nothing forgets a verdict: the table of a run is what it is, and a class of transitions keeps its sources.
    """

    def __init__(self, source: type) -> None:
        super().__init__()
        self.source: Any = source

    def __missing__(self, signal: type) -> bool | None:
        self[signal] = verdict = _verdict(self.source, signal)
        return verdict


def _verdict(source: Any, signal: Any) -> bool | None:
    is_state, is_transition = issubclass(source, (State, Machine)), issubclass(signal, Transition)
    if is_transition and (is_state or source is NoneType):
        allowed = issubclass(source, signal.__sources__)
        return None if allowed and is_guarded(signal) else allowed
    if is_state and issubclass(signal, Signal):
        return is_allowed(source, signal.__state_type__)
    raise TypeError(f"advance takes a state and a signal, not {source.__name__} and {signal.__name__}")


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
SourceT = TypeVar("SourceT", bound=Machine)
TargetT = TypeVar("TargetT", bound=Machine)


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


class RootSignal(Protocol):
    """The same, of a state of which no more is known than that it is a `State`."""

    @property
    def state(self) -> State[Any] | Machine:
        """The state it carries."""
        ...

    def of(self, state: State[Any]) -> object:
        """Make another."""
        ...


UnknownSignal = AnySignal | RootSignal
"""Two protocols: asked for one alone, mypy would infer ``signal_of(Success())`` as a signal of an unknown kind.

No type variable: bound to a protocol, it lets pyright judge every ``Signal[...]`` as it judged the first.
"""


@overload
def advance(state: Pending[Any] | Queued[Any] | Submitted[Any], signal: Signal[AfterWaitingT]) -> AfterWaitingT: ...
@overload
def advance(state: Paused[Any], signal: Signal[AfterPausedT]) -> AfterPausedT: ...
@overload
def advance(state: Running[Any], signal: Signal[AfterRunningT]) -> AfterRunningT: ...
@overload
def advance(state: Cancelling[Any], signal: Signal[AfterCancellingT]) -> AfterCancellingT: ...
@overload  # says no more than the next, but mypy names its types where no overload fits
def advance(state: Machine, signal: Transition[Machine, TargetT]) -> TargetT: ...
@overload
def advance(state: SourceT, signal: Transition[SourceT, TargetT]) -> TargetT: ...
@overload
def advance(state: None, signal: Transition[None, TargetT]) -> TargetT: ...
@overload  # a checker that knows the state to be final knows that this raises
def advance(state: Finished[Any], signal: UnknownSignal) -> Never: ...
@overload
def advance(state: State[Any], signal: UnknownSignal) -> AnyState[Any]: ...
def advance(state: State[Any] | Machine | None, signal: Signal[Any] | UnknownSignal) -> Any:
    """Return the state that a signal leads to from a state.

    Checkers judge a signal whose kind they know: it must be allowed after all that the state may be. One of an unknown
    kind, such as ``signal_of(new)`` of a state from outside, is judged when it runs.

    Args:
        state: The current state; it does not change. None: the beginning of a machine's history.
        signal: The raised signal; for a state of a machine a `Transition`.

    Returns:
        ``signal.state``, the very object.

    Raises:
        IllegalTransition: The table does not allow the transition; the text lists those that it allows.
        RefusedTransition: The table does, and the transition's own guard, `Transition.refuses`, does not.
        TypeError: `state` is not a state, or `signal` not a signal.
    """
    if not _verdicts[type(state)][type(signal)]:
        _ask(state, signal)
    return signal.state


def _ask(state: Any, signal: Any) -> None:
    """Ask the guard of a transition, which the table has; raise the error of one that it does not have."""
    verdict = _verdicts[type(state)][type(signal)]
    if verdict is None:
        check_guard(state, signal)
    else:
        raise _not_allowed(type(state), origin_of(type(signal.state)))


def _not_allowed(source: Any, target: Any) -> IllegalTransition:
    if source is NoneType:
        return illegal(source, target)
    origin: AnyKind = origin_of(source)
    possible = [kind.__name__ for kind in table_of(origin).successors(origin)]
    return IllegalTransition(origin.__name__, target.__name__, possible)


@overload
def successors(kind: type[State[Any]]) -> tuple[type[State[Any]], ...]: ...
@overload
def successors(kind: type[Machine]) -> tuple[type[Machine], ...]: ...
def successors(kind: AnyKind) -> tuple[Any, ...]:
    """Return the kinds that may follow a kind.

    For a kind of a run's states these are the families of its branch in the table; for one of a machine's exactly those
    to which a transition leads from it, in order of definition.

    Raises:
        TypeError: It is on no branch of a run's table, such as Finished.
    """
    table = table_of(kind)
    found = table.successors(kind)
    if not found and table is RUNS and not issubclass(kind, tuple(RUNS.rows)):
        ways = ", ".join(branch.__name__ for branch in RUNS.rows)
        raise TypeError(f"{kind.__name__} is on no branch of the table; its branches are {ways}")
    return found


def is_allowed(source: AnyKind | None, target: AnyKind) -> bool:
    """Tell whether a kind may follow another; here a kind means only itself, not its family.

    Guards are not asked: they judge states, not kinds. None as the source is the beginning of a history.
    """
    if source is None and issubclass(target, State):
        return issubclass(origin_of(target), RUNS.first)
    if source is not None and issubclass(source, State):
        return issubclass(origin_of(target), RUNS.successors(source) or successors(source))
    try:
        transition: Any = signal_type_of(target)
    except NoSignal:
        return False
    return issubclass(source or NoneType, getattr(transition, "__sources__", ()))


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
    states: Iterable[State[Any] | Machine],
    *,
    attempts: Iterable[int] | None = None,
    times: Iterable[datetime] | None = None,
) -> IllegalStep | None:
    """Return the first illegal step of a history, or None.

    A history begins Pending, Queued or Submitted (or one of their kinds); that of a machine with a state to which a
    transition leads from None, and its guards are asked. A state equal to the one before it is not a step: the same
    report came twice.

    Args:
        states: The states, in the order in which the run was in them.
        attempts: The attempt of each state, from 1. They count entries into Running, the next one included: a state
            after Running is of the next attempt unless it is Cancelling or final; any other is of the same one. An
            equal state is the same report only if it is of the same attempt. States of machines have none.
        times: When the run entered each state, aware. They never go back, and Running is not before the start time of
            the state before it.

    Raises:
        TypeError: Something in it is no state: a class of states, say; or attempts were given for states of a machine.
        ValueError: The number of attempts or times is not that of the states.
    """
    history = list(states)
    for given in cast("list[object]", history):  # whatever it holds
        if not isinstance(given, (State, Machine)):
            raise no_state("check_history", given)
        if attempts is not None and isinstance(given, Machine):
            raise TypeError(f"attempts count entries into Running; {type(given).__name__} is a state of a machine")
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


Entry = tuple[State[Any] | Machine, int | None, datetime | None]
"""A state in a history, with its attempt and its time if they are known."""


def fault_of(entry: Entry, before: Entry | None) -> str | None:
    """Return why an entry of a history is illegal, or None.

    Args:
        entry: A state, its attempt and its time; unknown attempts or times are None in all entries.
        before: The entry before it, legal itself; None at the beginning.
    """
    state, attempt, time = entry
    if before is None:
        if not is_allowed(None, type(state)):
            return _not_first(state)
        if isinstance(state, Machine):
            return _refused(None, state)
        return None if attempt in (None, 1) else f"a history begins with attempt 1, not {attempt}"
    previous, last_attempt, last_time = before
    if time is not None and last_time is not None and time < last_time:
        return f"{state.type} at {time.isoformat()} is before {previous.type} at {last_time.isoformat()}"
    if state == previous and attempt == last_attempt:
        return None
    if not is_allowed(type(previous), type(state)):
        return str(IllegalTransition(previous.type, state.type, [kind.__name__ for kind in successors(type(previous))]))
    if isinstance(state, Machine) or isinstance(previous, Machine):
        return _refused(cast("Machine", previous), cast("Machine", state))  # both, as one may follow the other
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


def _not_first(state: State[Any] | Machine) -> str:
    """Return why a history must not begin with a state."""
    *others, last = [kind.__name__ for kind in table_of(type(state)).first] or ["with nothing"]
    return f"a history begins {', '.join(others)}{' or ' if others else ''}{last}, not {state.type}"


def _refused(source: Machine | None, target: Machine) -> str | None:
    """Return why the guard of a transition refuses it; None if it does not."""
    try:
        check_guard(source, transition_of(target))
    except RefusedTransition as exc:
        return str(exc)
    return None
