"""The state of a run itself: Pending, Running, final, as a task's, and the tries in which it gets there.

The rules of its changes are the tasks' own, in `decisions` and `changes`. What the tasks do is the loop's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from statesig.algebra.joins import combine, kind
from statesig.algebra.leaves import leaves
from statesig.engine.causes import is_unsuccessful
from statesig.engine.deadlines import seen
from statesig.engine.loop import RunLoop
from statesig.engine.noderuns import PENDING, NodeRun
from statesig.engine.stopping import Stop
from statesig.graph.graph import Graph
from statesig.graph.nodes import Node, Takes
from statesig.states import (
    Cached,
    Cancelling,
    Failed,
    Finished,
    Mapped,
    Paused,
    Pending,
    Running,
    Scheduled,
    Skipped,
    State,
    Success,
    TriggerFailed,
)

__all__ = ["FlowRun", "begin_try", "drive", "outcome_of", "outcome_seen"]


class FlowRun(NodeRun):
    """Bookkeeping of a run itself, as of one task more.

    Attributes:
        tries: The try that is under way, or that ended last; from 1.
    """

    __slots__ = ("_is_again", "tries")

    def __init__(self, run: str, flow: Graph) -> None:
        NodeRun.__init__(self, run, Node(len(flow.nodes), flow.name, flow.whole, (), {}))
        self.tries: int = 1
        self._is_again: bool = False

    @property
    def task(self) -> None:
        """None: events and records know a run by its identity alone."""
        return None

    def move(self, state: State[Any]) -> None:
        if isinstance(state, Running):
            self.tries += self._is_again
            self._is_again = False
        elif isinstance(self.state, Running):
            self._is_again = isinstance(state, Scheduled)
        NodeRun.move(self, state)


def drive(
    flowrun: FlowRun,
    noderuns: Sequence[NodeRun],
    loop: RunLoop,
    run_tasks: Callable[[RunLoop], State[Any] | None],
) -> None:
    """Take a run as far as it goes now: begin it, run its tasks, end it, and begin it again for a further try.

    A run that is interrupted stays as it is.

    Args:
        flowrun: The run itself.
        noderuns: Its tasks, in the order of the flow.
        loop: Their loop.
        run_tasks: Lets the loop run the tasks; returns the state that they give the run, None if some are left undone.
    """
    changes = loop.changes
    # Exact types come first: to ask for a family takes a small part of what a short run does.
    while type(state := flowrun.state) is not Success and not isinstance(state, (Finished, Paused)):
        if type(state) is Running or isinstance(state, (Running, Cancelling)):
            for noderun in begin_try(flowrun.tries, noderuns):
                changes.tell(noderun, PENDING, 1)
            outcome = run_tasks(loop)
            if outcome is None:
                return
            changes.end(flowrun, outcome)
            continue
        stop = loop.wait_until(state.start_time if isinstance(state, Scheduled) else None)
        if stop is Stop.NO:
            changes.enter(flowrun)
        elif stop < Stop.CANCEL:
            return
        else:
            loop.run()  # which cancels the tasks
            changes.stop(flowrun)


def begin_try(number: int, noderuns: Sequence[NodeRun]) -> list[NodeRun]:
    """Begin new histories, in a try of the run, for the tasks that did not succeed; return those tasks.

    A task that was skipped downstream of such a task is among them: what it was skipped for may have gone. Of a mapped
    task only the children that did not succeed run again. A task that has begun in this try already is left alone, so
    that a run is resumed in the middle of a try by the same rule.

    Args:
        number: The number of the try, from 1.
        noderuns: All tasks, in the order of the flow.
    """
    begun: list[NodeRun] = []
    for noderun in noderuns if number > 1 else ():
        if noderun.try_number < number and _runs_again(noderun, number, noderuns):
            noderun.forget_children(number)
            noderun.begin_again(number)
            begun.append(noderun)
    return begun


def _runs_again(noderun: NodeRun, number: int, noderuns: Sequence[NodeRun]) -> bool:
    if not issubclass(kind(noderun.state), Success):
        return True
    return isinstance(noderun.state, Skipped) and any(
        noderuns[source.index].try_number == number for source in noderun.node.upstream
    )


# ---- what the tasks give the run


def outcome_of(flow: Graph, noderuns: Sequence[NodeRun]) -> State[Any]:
    """Return the state that the tasks give a run; see `statesig.engine.runs.Run.state`.

    Args:
        flow: The flow.
        noderuns: All tasks, in the order of the flow.
    """
    states = _of_references(flow, noderuns)
    if _all_succeeded(noderuns):  # the most frequent: nothing failed, and nothing is paused
        return _SUCCESS if all(map(_says_nothing, states)) else combine(_distinct(states))
    if not flow.has_references:
        states += [noderun.state for noderun in _unhandled(noderuns)]
    states += [one.state for noderun in noderuns for one in noderun.with_children() if isinstance(one.state, Paused)]
    outcome = combine(states)
    if flow.whole.retries and isinstance(outcome, Failed):
        return outcome.model_copy(update={"retryable": _is_worth_another_try(states, noderuns)})
    return outcome


def outcome_seen(flow: Graph, noderuns: Sequence[NodeRun], state: Paused[Any], now: datetime) -> State[Any]:
    """Return the state of a paused run as it is seen now, while nobody has recorded which deadlines have passed.

    What waits for a task that is seen as TimedOut counts for nothing yet: the run fails by that task. While another
    task, or the run itself, may still be released the run is Paused, as `statesig.engine.deadlines.seen_run` says.

    Args:
        flow: The flow.
        noderuns: All tasks, in the order of the flow.
        state: The state of the run as it is recorded.
        now: The time, aware.
    """
    own = seen(state, now)
    every = [one.state for noderun in noderuns for one in noderun.with_children()]
    paused = [seen(one, now) for one in every if isinstance(one, Paused)]
    if any(isinstance(one, Paused) for one in (own, *paused)):
        return state
    if not paused:
        return own  # a handler of the flow paused it
    states = _of_references(flow, noderuns)
    decided = [one for one in states if type(one) is not Pending and not isinstance(one, Paused)]
    if not flow.has_references or len(decided) < len(states):  # a reference is late, or waits for one that is
        decided += [*(noderun.state for noderun in _unhandled(noderuns) if not flow.has_references), *paused]
    return combine(decided)


_SUCCESS: Final = Success()
_SUCCEEDED: Final = frozenset({Success, Skipped, Mapped})


def _all_succeeded(noderuns: Sequence[NodeRun]) -> bool:
    for noderun in noderuns:  # noqa: SIM110  # a generator would cost twice as much, once for each task
        if type(noderun.state) not in _SUCCEEDED:
            return False
    return True


def _distinct(states: Sequence[State[Any]]) -> list[State[Any]]:
    """Return states with one of those that say the same; how often each is there does not matter to `combine`."""
    kept: dict[object, State[Any]] = {}
    for state in states:
        given = state.__dict__
        is_plain = type(state) is not Mapped and not given["causes"]
        kept[(type(state), given["message"]) if is_plain else id(state)] = state
    return [*kept.values()]


def _says_nothing(state: State[Any]) -> bool:
    """Tell whether a success, and each child of it, is a Success without words."""
    given = state.__dict__
    if given["message"] is not None or given["causes"]:
        return False
    if type(state) is not Mapped:
        return type(state) is Success
    for child in state.children:
        given = child.__dict__
        if type(child) is not Success or given["message"] is not None or given["causes"]:
            return False
    return True


def _of_references(flow: Graph, noderuns: Sequence[NodeRun]) -> list[State[Any]]:
    return [noderuns[index].state for index in flow.references]


def _unhandled(noderuns: Sequence[NodeRun]) -> list[NodeRun]:
    """Return the failed and cancelled tasks whose state no task took.

    A task took it that has begun, or that reuses what an equal call made of it: a run's state does not depend on a
    cache.
    """
    failed = {noderun.node: noderun for noderun in noderuns if is_unsuccessful(noderun.state)}
    if failed:
        for noderun in noderuns:
            if any(one.has_begun or isinstance(one.state, Cached) for one in noderun.with_children()):
                for source, takes in zip(noderun.node.upstream, noderun.node.takes, strict=True):
                    if takes is Takes.STATE:
                        failed.pop(source, None)
    return [*failed.values()]


def _is_worth_another_try(states: Sequence[State[Any]], noderuns: Sequence[NodeRun]) -> bool:
    """Tell whether a failed run is retryable: no task that failed by itself says that to run it again is no use.

    A TriggerFailed says nothing of that, since a further try runs what it waited for again. Where the states that make
    the run fail are TriggerFailed alone, all tasks are asked.
    """
    roots = [*_failed_by_themselves(states)] or [*_failed_by_themselves([noderun.state for noderun in noderuns])]
    return bool(roots) and all(state.retryable for state in roots)


def _failed_by_themselves(states: Sequence[State[Any]]) -> Iterator[Failed[Any]]:
    return (state for state in leaves(states) if isinstance(state, Failed) and not isinstance(state, TriggerFailed))
