"""What waits for what in a run: which items may be looked at, now that others have come to rest.

Nothing here decides what becomes of an item; it only spares asking before there can be an answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from statesig.algebra.triggers import Counts, all_successful
from statesig.engine.decisions import may_decide
from statesig.engine.noderuns import PENDING, Item
from statesig.graph.nodes import Node, Takes
from statesig.states import Finished, Paused, State, Success

__all__ = ["Waits"]


class Waits:
    """Who waits for whom among the items of a run, counted down as they come to rest.

    Attributes:
        ready: The items that are worth looking at, in order.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._downstream: list[list[tuple[Item, Takes]] | None] = [None] * len(items)
        for item in items:
            item.is_settled = item.state is not PENDING and isinstance(item.state, Finished)
            item.waiting = item.inputs = 0
            item.counts = None
        for item in items:
            if not item.is_settled and item.node.upstream:
                self._wait(item)
        self.ready: deque[Item] = deque(item for item in items if not item.is_settled and self._may_begin(item))

    def _wait(self, item: Item) -> None:
        for source, takes in zip(item.node.upstream, item.node.takes, strict=True):
            index = source.index
            if not self._items[index].is_settled:
                item.waiting += 1
                item.inputs += takes is not Takes.ORDER
                later = self._downstream[index]
                if later is None:
                    self._downstream[index] = [(item, takes)]
                else:
                    later.append((item, takes))

    def settle(self, item: Item) -> None:
        """Tell those that wait for a node's item that it has come to rest."""
        item.is_settled = True
        is_final = isinstance(item.state, Finished)
        for later, takes in self._downstream[item.node.index] or ():
            later.waiting -= 1
            later.inputs -= is_final and takes is not Takes.ORDER
            # One that has begun was let run whatever comes: no verdict changes.
            if not (later.is_settled or later.entries or later.open) and self._may_begin_now(later, item.state):
                self.ready.append(later)

    def _may_begin(self, item: Item) -> bool:
        if not item.waiting:
            return True
        node = item.node
        if node.task.trigger is all_successful and item.waiting == len(node.upstream):
            return False  # what most wait for: nothing is known yet
        item.counts = self._counted(node)
        return may_decide(node, item.counts, item.inputs, resumed=item.resumed)

    def _may_begin_now(self, item: Item, arrived: State[Any]) -> bool:
        """Tell whether a task that has not begun may be decided, now that one more upstream has come to rest."""
        if not item.waiting:
            return True
        if item.counts is not None:
            item.counts.replace(PENDING, arrived)
        elif type(arrived) is Success and item.node.task.trigger is all_successful:
            return False  # what arrives most often, and decides nothing while others are awaited
        else:
            item.counts = self._counted(item.node)
        return may_decide(item.node, item.counts, item.inputs, resumed=item.resumed)

    def _counted(self, node: Node) -> Counts:
        """Count what is upstream of a node; what has not come to rest is pending, whatever it is in."""
        upstream = [self._items[source.index] for source in node.upstream]
        return Counts(item.state if item.is_settled else PENDING for item in upstream)

    @staticmethod
    def is_at_rest(item: Item) -> bool:
        """Tell whether an item will not change any more in this drive."""
        if isinstance(item.state, (Finished, Paused)):
            return True
        return not item.waiting and not item.open
