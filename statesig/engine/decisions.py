"""Decide what to do with a task next, from its state, the states upstream and the time.

Pure functions: nothing here calls a task, waits, or reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from statesig.algebra.captures import state_of_exception
from statesig.algebra.leaves import leaves
from statesig.algebra.transitions import is_allowed, successors
from statesig.algebra.triggers import Counts, SkipPolicy, Verdict, all_successful
from statesig.errors import IllegalTransition
from statesig.graph.nodes import Node, Takes
from statesig.graph.tasks import Task
from statesig.states import (
    Cancelled,
    Cancelling,
    Crashed,
    Failed,
    Finished,
    Looped,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TriggerFailed,
)

__all__ = [
    "MOST_LOST",
    "MOST_PUT_OFF",
    "Become",
    "Decision",
    "Execute",
    "Wait",
    "decide",
    "decide_by_child",
    "delay_before",
    "has_value",
    "is_failure",
    "may_decide",
    "settle",
    "settle_cancelling",
    "settle_lost",
    "settle_replaced",
    "settle_unbegun",
    "value_of",
]


@dataclass(frozen=True, slots=True)
class Execute:
    """Call the task's function now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing: until a time, or until something upstream changes.

    Args:
        until: Aware; None if only a change upstream can help.
    """

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Become:
    """Do not run; become another state.

    Args:
        state: The state.
    """

    state: State[Any]


Decision = Execute | Wait | Become

_EXECUTE: Final = Execute()
_WAIT: Final = Wait()


def decide(
    node: Node,
    state: State[Any],
    upstream: Sequence[State[Any]],
    *,
    resumed: bool = False,
    has_begun: bool = False,
    now: datetime | None = None,
) -> Decision:
    """Return what to do with a task: execute it, wait, or let it become another state. Pure.

    A task that has begun is not judged again: its trigger let it run, and a skip that comes later does not undo that.

    Args:
        node: The task's node.
        state: Its state.
        upstream: The states of ``node.upstream``, in that order.
        resumed: Whether a person has resumed the task in this run.
        has_begun: Whether an attempt of the task has been Running.
        now: The time, aware; needed only if the state has a start time.
    """
    if type(state) is not Pending and not isinstance(found := decide_by_child(state, now=now), Execute):
        return found
    task = node.task
    if has_begun or (task.trigger is all_successful and _all_have_values(upstream)):
        return _EXECUTE  # the latter is a shortcut for the usual case; the questions below give the same answer
    if task.on_skip is SkipPolicy.PROPAGATE and (skipped := _propagated(upstream)) is not None:
        return skipped
    judged = task.trigger.judge(upstream, resumed=resumed)
    if judged.verdict is Verdict.WAIT:
        return _WAIT
    if judged.verdict is not Verdict.RUN:
        return Become(_REFUSED[judged.verdict](message=judged.message))
    if task.on_skip is SkipPolicy.FAILURE_FIRST and (skipped := _propagated(upstream)) is not None:
        return skipped
    return _with_inputs(node, upstream)


def _propagated(upstream: Sequence[State[Any]]) -> Decision | None:
    """Return how a policy decides by which a skipped upstream skips the task; None if no upstream is skipped.

    While an upstream is unfinished it may still be skipped, so that nothing else is decided: the order in which states
    arrive does not matter.
    """
    if any(isinstance(state, Skipped) for state in leaves(upstream)):
        return Become(Skipped(message="a task upstream was skipped"))
    return None if all(isinstance(state, Finished) for state in upstream) else _WAIT


def decide_by_child(state: State[Any], *, now: datetime | None = None) -> Decision:
    """Return what to do with a mapped task whose children are judged one by one: only its own state counts. Pure.

    Args:
        state: Its state.
        now: The time, aware; needed only if the state has a start time.
    """
    if isinstance(state, (Finished, Paused, Running, Cancelling)):
        return _WAIT
    if isinstance(state, Scheduled) and state.start_time is not None and now is not None and state.start_time > now:
        return Wait(state.start_time)
    return _EXECUTE


def settle(
    task: Task[Any, Any],
    outcome: State[Any],
    failures: int,
    now: datetime,
    *,
    attempts: int | None = None,
    loops: int | None = None,
    jitter: float = 0.0,
) -> State[Any]:
    """Return the state after an attempt: the outcome itself, another attempt, or a failure for good. Pure.

    RETRY and a retryable failure count against the task's retries; a RETRY with none left is Failed with its message
    and causes. A state that may not follow Running is Failed with that as its cause. The runner counts attempts and
    iterations: a `run_count` or a `loop_count` that is neither its count nor the default, 1, is refused. The state then
    has the runner's count, and the refusal among its causes.

    Args:
        task: The task.
        outcome: The state that `capture` returned for the attempt.
        failures: How many attempts have failed, this one included if it did.
        now: The time, aware.
        attempts: How many attempts were made, this one included; by default as many as failed.
        loops: How many iterations were made, this one included; by default the outcome's own count.
        jitter: The place of the delay in its range, from -1 to 1; see `delay_before`.
    """
    if type(outcome) is Success:
        return outcome
    if isinstance(outcome, Cancelling) or not is_allowed(Running, type(outcome)):
        # A run asks a task to stop; a task never asks that.
        return _not_allowed(Running, outcome, [kind for kind in successors(Running) if kind is not Cancelling])
    made = failures if attempts is None else attempts
    if isinstance(outcome, Retrying):
        outcome = _refusing_count(outcome, "run_count", outcome.run_count, made)
    elif isinstance(outcome, Looped) and loops is not None:
        outcome = _refusing_count(outcome, "loop_count", outcome.loop_count, loops)
    again = isinstance(outcome, Retrying) or (isinstance(outcome, Failed) and outcome.retryable)
    if again and failures <= task.retries:
        later = now + timedelta(seconds=delay_before(task, failures, jitter))
        if isinstance(outcome, Retrying):
            return outcome.model_copy(update={"start_time": outcome.start_time or later, "run_count": made})
        return Retrying(message=outcome.message, causes=outcome.causes, start_time=later, run_count=made)
    if isinstance(outcome, Retrying):
        return Failed(message=outcome.message, causes=outcome.causes)
    if isinstance(outcome, Looped):
        return outcome.model_copy(
            update={"start_time": outcome.start_time or now, "loop_count": loops or outcome.loop_count}
        )
    if isinstance(outcome, Scheduled) and outcome.start_time is None:
        return outcome.model_copy(update={"start_time": now})
    return outcome


def _refusing_count(outcome: State[Any], field: str, given: int, counted: int) -> State[Any]:
    """Return a state as it is or, if the count that it was given is another than the runner's, with that as a cause."""
    if given in (1, counted):
        return outcome
    refusal = ValueError(f"{field} is {given}, and the runner counts {counted}; leave it out, since the runner counts")
    return outcome.model_copy(update={"causes": (*outcome.causes, *state_of_exception(refusal).causes)})


def settle_unbegun(state: State[Any], outcome: State[Any]) -> State[Any]:
    """Return the state of a task that could not be called because making its arguments raised something. Pure.

    No attempt was made, and none follows, whatever the task's retries: its inputs are final, so another try would raise
    again. An exception or a RETRY gives a Failed that is not retryable. A final state or a pause that may follow the
    state is the outcome; any other state gives Failed with that as its cause.

    Args:
        state: The state of the task before it would have been Running.
        outcome: The state that `state_of_exception` returned.
    """
    if isinstance(outcome, Retrying):
        return Failed(message=outcome.message, causes=outcome.causes, retryable=False)
    if type(outcome) is Failed:
        return outcome.model_copy(update={"retryable": False})
    ends = [kind for kind in successors(type(state)) if issubclass(kind, (Finished, Paused))]
    return outcome if isinstance(outcome, tuple(ends)) else _not_allowed(type(state), outcome, ends)


def delay_before(task: Task[Any, Any], failures: int, jitter: float = 0.0) -> float:
    """Return the seconds between the last of some failures and the next attempt. Pure.

    ``retry_delay * retry_backoff ** (failures - 1)``, at most `retry_max_delay`; of that, `retry_jitter` times the
    jitter is added, and the limit holds for the sum, too.

    Args:
        task: The task.
        failures: How many attempts have failed, at least 1.
        jitter: From -1, which makes the delay as short as it may be, to 1.
    """
    most = _LONGEST if task.retry_max_delay is None else min(task.retry_max_delay, _LONGEST)
    try:
        delay = task.retry_delay * task.retry_backoff ** (failures - 1)
    except OverflowError:
        delay = most if task.retry_delay else 0.0
    return min(min(delay, most) * (1 + task.retry_jitter * jitter), most)


def settle_cancelling(outcome: State[Any]) -> State[Any]:
    """Return the state of an attempt that ended after its run was cancelled: no further attempt. Pure."""
    if isinstance(outcome, Finished):
        return outcome
    return Cancelled(message=f"the run was cancelled; else it would be {outcome.type}", causes=outcome.causes)


def settle_replaced(source: State[Any], given: State[Any], *, begins: bool) -> State[Any]:
    """Return the state that a handler puts in place of another; Failed if it may not follow the source. Pure.

    Args:
        source: The state that the task leaves, other than Running, whose outcomes `settle` settles.
        given: The state that a handler returned.
        begins: Whether it is put in place of Running. Otherwise it is not Running: the runner begins tasks, and nobody
            would ever end this one.
    """
    if is_allowed(type(source), type(given)) and (begins or not isinstance(given, Running)):
        return given
    ways = [kind for kind in successors(type(source)) if begins or not issubclass(kind, Running)]
    return _not_allowed(type(source), given, ways)


def settle_lost(lost: int, now: datetime) -> State[Any]:
    """Return the state of a task whose attempt was lost with the process that ran it. Pure.

    It runs again without using up a retry; after `MOST_LOST` lost attempts it is Crashed.

    Args:
        lost: How many of its attempts were lost, this one included.
        now: The time, aware.
    """
    if lost > MOST_LOST:
        return Crashed(message=f"the process that ran it was lost {lost} times", retryable=False)
    return Scheduled(start_time=now, message="the process that ran it was lost")


MOST_PUT_OFF: Final = 100
"""How often in a row handlers may put a task off to no later time before it is Failed."""

MOST_LOST: Final = 3
"""How many attempts of a task may be lost with their process before it is Crashed."""

_LONGEST: Final = 10 * 365 * 24 * 3600.0
"""Seconds; the longest delay, so that the sum with a time is still a time."""


def is_failure(outcome: State[Any]) -> bool:
    """Tell whether an attempt's outcome counts against the task's retries."""
    return isinstance(outcome, Retrying) or (isinstance(outcome, Failed) and outcome.retryable)


def _not_allowed(source: type[State[Any]], outcome: State[Any], ways: Sequence[type[State[Any]]]) -> State[Any]:
    names = [kind.__name__ for kind in ways]
    return state_of_exception(IllegalTransition(source.__name__, type(outcome).__name__, names))


def _with_inputs(node: Node, upstream: Sequence[State[Any]]) -> Decision:
    """Decide by its inputs about a task that its trigger lets run."""
    for source, takes, given in zip(node.upstream, node.takes, upstream, strict=True):
        if takes is not Takes.ORDER and not isinstance(given, Finished):
            return _WAIT
        if takes is Takes.VALUE and not has_value(given):
            return Become(_without_value(source.name, given))
    return _EXECUTE


def may_decide(node: Node, counts: Counts, open_inputs: int, *, resumed: bool = False) -> bool:
    """Tell whether a task may be decided while upstreams are still open.

    A quick answer, in constant time, to whether asking `decide` is worth it, which looks at every upstream.

    Args:
        node: The task's node.
        counts: The states upstream.
        open_inputs: How many upstreams are not final of which it takes something.
        resumed: Whether a person has resumed the task in this run.
    """
    task = node.task
    skips = task.on_skip is SkipPolicy.SUCCESS or counts[Skipped] > 0 or not counts.unfinished
    if task.on_skip is SkipPolicy.PROPAGATE:
        return skips
    verdict = task.trigger.verdict(counts, resumed=resumed)
    if verdict is Verdict.RUN:
        return not open_inputs if task.on_skip is SkipPolicy.SUCCESS else skips
    return verdict is not Verdict.WAIT


def _all_have_values(upstream: Sequence[State[Any]]) -> bool:
    for state in upstream:  # noqa: SIM110  # a generator would cost twice as much, once for each task
        if type(state) is not Success or "result" not in state.__pydantic_fields_set__:
            return False
    return True


_REFUSED: dict[Verdict, type[State[Any]]] = {
    Verdict.FAIL: TriggerFailed,
    Verdict.SKIP: Skipped,
    Verdict.PAUSE: Paused,
}
"""The state of a task that its trigger does not let run."""


def has_value(state: State[Any]) -> bool:
    """Tell whether a final state has a value for a task that takes it: a result, or one of each child."""
    if "result" in state.__pydantic_fields_set__:
        return True
    return isinstance(state, Mapped) and bool(state.children) and all(map(has_value, state.children))


def value_of(state: State[Any]) -> Any:
    """Return the value that a task takes of a final state that has one."""
    if type(state) is not Success and isinstance(state, Mapped) and not state.has_result:
        return [value_of(child) for child in state.children]
    return state.__dict__["result"]


def _without_value(name: str, state: State[Any]) -> State[Any]:
    """Return the state of a task whose input has no value, so that no typed call can be made."""
    if isinstance(state, Success) and any(isinstance(leaf, Skipped) for leaf in leaves((state,))):
        return Skipped(message=f"its input {name} was skipped and has no value")
    return TriggerFailed(message=f"its input {name} is {state.type} and has no value")
