"""Find the tasks that are worth looking at, now that others are settled.

It only spares asking too early; it must not decide anything, which `decisions` does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from statesig.algebra.counts import Counts
from statesig.algebra.triggers import all_successful
from statesig.engine.decisions import may_decide
from statesig.engine.noderuns import PENDING, NodeRun, Place
from statesig.graph.nodes import Node, Takes
from statesig.states import Finished, Paused, State, Success

__all__ = ["Readiness"]

# Names of the module: in 3.11 a member of an enum takes longer to look up than most of what is done with it here.
_WAITING, _READY, _OPEN, _SETTLED = Place.WAITING, Place.READY, Place.OPEN, Place.SETTLED
_ORDER = Takes.ORDER


class Readiness:
    """Who waits for whom, counted down as tasks settle.

    Attributes:
        ready: The tasks that are worth looking at, in order.
        unsettled: How many tasks are not settled.
        has_unfinished: Whether a task was settled that is not final: it, a child of it or one upstream is paused.

    Args:
        noderuns: The tasks of the run, in the order of the flow.
    """

    def __init__(self, noderuns: Sequence[NodeRun]) -> None:
        self._noderuns = noderuns
        self.unsettled: int = 0
        self.has_unfinished: bool = False
        self._downstream: list[list[tuple[NodeRun, Takes]] | None] = [None] * len(noderuns)
        for noderun in noderuns:
            is_final = noderun.state is not PENDING and isinstance(noderun.state, Finished)
            noderun.place = _SETTLED if is_final else _WAITING
            self.unsettled += not is_final
            noderun.waiting = noderun.inputs = 0
            noderun.counts = None
        for noderun in noderuns:
            if noderun.place is _WAITING and noderun.node.upstream:
                self._wait(noderun)
        self.ready: deque[NodeRun] = deque()
        for noderun in noderuns:
            if noderun.place is _WAITING and (not noderun.waiting or self._may_begin(noderun)):
                self.add(noderun)

    def add(self, noderun: NodeRun) -> None:
        """Make a task ready, which was waiting, or was taken from where it waited for a time or for its children."""
        assert noderun.place is _WAITING, f"{noderun.name} is not waiting, but {noderun.place.name}"
        noderun.place = _READY
        self.ready.append(noderun)

    def add_children(self, children: Iterable[NodeRun]) -> list[NodeRun]:
        """Make the children of a mapped task ready that are not final, and return them."""
        unfinished: list[NodeRun] = []
        for child in children:
            if child.state is PENDING or not isinstance(child.state, Finished):
                child.place = _READY
                unfinished.append(child)
            else:
                child.place = _SETTLED
        self.ready.extend(unfinished)
        return unfinished

    def _wait(self, noderun: NodeRun) -> None:
        for source, takes in zip(noderun.node.upstream, noderun.node.takes, strict=True):
            index = source.index
            if self._noderuns[index].place is not _SETTLED:
                noderun.waiting += 1
                noderun.inputs += takes is not _ORDER
                later = self._downstream[index]
                if later is None:
                    self._downstream[index] = [(noderun, takes)]
                else:
                    later.append((noderun, takes))

    def settle(self, noderun: NodeRun) -> None:
        """Tell those that wait for a task that it will not change any more in this loop."""
        assert noderun.place is not _SETTLED, f"{noderun.name} settles twice"
        noderun.place = _SETTLED
        self.unsettled -= 1
        is_final = isinstance(noderun.state, Finished)
        if not is_final:
            self.has_unfinished = True
        for later, takes in self._downstream[noderun.node.index] or ():
            later.waiting -= 1
            later.inputs -= is_final and takes is not _ORDER
            if later.place is _WAITING and not later.waiting:
                later.place = _READY  # as `add` does, for what comes most often
                self.ready.append(later)
            elif later.place is _OPEN:
                self._add_waiting_children(later)
            # Counted wherever the task is; one that is not waiting was let run, or will be looked at anyhow.
            elif later.place is not _SETTLED and later.waiting and self._may_begin_now(later, noderun.state):
                self._add_if_waiting(later)

    def _add_if_waiting(self, noderun: NodeRun) -> None:
        if noderun.place is _WAITING:
            self.add(noderun)

    def _add_waiting_children(self, noderun: NodeRun) -> None:
        """Make the children ready that wait for what their mapped task is ordered after."""
        for child in noderun.children or ():
            self._add_if_waiting(child)

    def _may_begin(self, noderun: NodeRun) -> bool:
        """Tell whether a task may be decided though some upstreams are not settled."""
        node = noderun.node
        if node.task.trigger is all_successful and noderun.waiting == len(node.upstream):
            return False  # the usual case: nothing is known yet
        noderun.counts = self._counted(node)
        return may_decide(node, noderun.counts, noderun.inputs, resumed=noderun.resumed)

    def _may_begin_now(self, noderun: NodeRun, arrived: State[Any]) -> bool:
        """Tell whether a task may be decided while some upstreams are not settled, now that one more is."""
        if noderun.counts is not None:
            noderun.counts.replace(PENDING, arrived)
        elif type(arrived) is Success and noderun.node.task.trigger is all_successful:
            return False  # the usual arrival decides nothing while others are awaited
        else:
            noderun.counts = self._counted(noderun.node)
        return may_decide(noderun.node, noderun.counts, noderun.inputs, resumed=noderun.resumed)

    def _counted(self, node: Node) -> Counts:
        """Count the states upstream of a node; one that is not settled counts as Pending, whatever it is."""
        upstream = [self._noderuns[source.index] for source in node.upstream]
        return Counts(source.state if source.place is _SETTLED else PENDING for source in upstream)

    @staticmethod
    def can_settle(noderun: NodeRun) -> bool:
        """Tell whether a task will not change any more in this loop."""
        if isinstance(noderun.state, (Finished, Paused)):
            return True
        waiting = noderun.waiting if noderun.parent is None else noderun.parent.waiting
        return not waiting and not noderun.open
