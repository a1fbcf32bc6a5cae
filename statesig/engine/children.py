"""The children of mapped tasks: made when their task is expanded, gathered once they are final."""

from __future__ import annotations

from collections.abc import Sequence

from statesig.engine.arguments import Arguments
from statesig.engine.changes import Changes
from statesig.engine.decisions import Execute, decide
from statesig.engine.noderuns import PENDING, NodeRun
from statesig.signals import Signal
from statesig.states import Finished

__all__ = ["Children"]


class Children:
    """Makes the children of a run's mapped tasks, and gathers them.

    Args:
        arguments: Finds the items that a task is mapped over.
        changes: Changes the tasks.
        tells: Whether somebody is told that children are Pending.
    """

    def __init__(self, arguments: Arguments, changes: Changes, *, tells: bool) -> None:
        self._arguments = arguments
        self._changes = changes
        self._tells = tells

    def expand(self, noderun: NodeRun) -> Sequence[NodeRun] | None:
        """Return the children of a mapped task that may begin, new ones or those it has; None if that failed it."""
        if noderun.children is None:
            self.find(noderun)
        children = noderun.children
        if children is None:
            return None
        noderun.lets_run = self._lets_each_run(noderun, children)
        if noderun.resumed:
            for child in children:
                if not isinstance(child.state, Finished):
                    child.resumed = True
                    child.answer = child.answer or noderun.answer
        return children

    def find(self, noderun: NodeRun) -> None:
        """Make a mapped task's children, as far as no stored history tells of them; fail it if that is impossible."""
        try:
            noderun.children = self._arguments.children(noderun)
        except (Signal, Exception, BaseExceptionGroup) as exc:
            self._changes.fail_to_begin(noderun, exc)
            return
        if self._tells:
            for child in noderun.children:
                if child.state is PENDING:
                    self._changes.tell(child, child.state, 1)

    def _lets_each_run(self, noderun: NodeRun, children: Sequence[NodeRun]) -> bool:
        """Tell whether every child of a mapped task may run: one answer is enough where all have the same upstream."""
        node = noderun.node
        if not children or children[0].source is not None or children[0].node is not node:
            return False
        return isinstance(decide(node, PENDING, self._arguments.upstream(children[0])), Execute)

    def gather(self, noderun: NodeRun) -> bool:
        """Let a mapped task be final once all its children are; return whether they are."""
        states = tuple(child.state for child in noderun.children or ())
        if not all(isinstance(state, Finished) for state in states):
            return False
        self._changes.gather(noderun, states)
        return True
