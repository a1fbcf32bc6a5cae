"""A task, or one child of a mapped one, on its way through a run, and what is told of it.

Nothing here decides, waits or calls: an item only holds what the runner has found out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from statesig.algebra.triggers import Counts
from statesig.executors.attempts import Attempt
from statesig.graph.nodes import Node
from statesig.states import AnyState, Pending, State

__all__ = ["PENDING", "Item", "TaskRun"]

PENDING: Final = Pending()
"""What every item begins as."""


@dataclass(frozen=True, slots=True)
class TaskRun:
    """What became of one task of a run.

    Args:
        name: The name of its node.
        state: The state it is in.
        seconds: How long its function ran, all attempts and children together.
        children: Of a mapped task: what became of each call, in the order of its inputs.
    """

    name: str
    state: AnyState[Any]
    seconds: float
    children: tuple[TaskRun, ...] = ()


class Item:
    """A task, or one child of a mapped one, on its way through a run.

    Attributes:
        run: The identity of its run.
        node: Its node.
        parent, index: Of a child: the mapped node's item, and its position.
        state: What it is in.
        entries: How often it came to be Running.
        failures: How many attempts have failed.
        loops: How many iterations were made.
        lost: How many attempts were lost with the process that ran them.
        loop_result: What the last LOOP handed on.
        resumed: Whether a person has released it.
        seconds: How long its function ran.
        is_settled: Whether those that wait for it have been told that it has come to rest.
        key: Under which text its success is kept for equal calls.
        waiting: How many upstreams have not come to rest.
        inputs: How many of those, of which it takes something, are not final.
        open: How many of its children have not come to rest.
        children: Of a mapped task, once it has begun.
        recorded: The children that a stored history tells of, before it has begun anew.
        counts: What is upstream, once that is worth counting.
        source: Of a child: the state of the child that it is mapped over.
        value: Of a child: what it is called with.
    """

    __slots__ = (
        "children",
        "counts",
        "entries",
        "failures",
        "index",
        "inputs",
        "is_settled",
        "key",
        "loop_result",
        "loops",
        "lost",
        "node",
        "open",
        "parent",
        "recorded",
        "resumed",
        "run",
        "seconds",
        "source",
        "state",
        "value",
        "waiting",
    )

    def __init__(self, run: str, node: Node, parent: Item | None = None, index: int | None = None) -> None:
        self.run: str = run
        self.node: Node = node
        self.parent: Item | None = parent
        self.index: int | None = index
        self.state: State[Any] = PENDING
        self.entries: int = 0
        self.failures: int = 0
        self.loops: int = 0
        self.lost: int = 0
        self.loop_result: Any = None
        self.resumed: bool = False
        self.seconds: float = 0.0
        self.is_settled: bool = False
        self.key: str | None = None
        self.waiting: int = 0
        self.inputs: int = 0
        self.open: int = 0
        self.children: list[Item] | None = None
        self.recorded: dict[int, Item] | None = None
        self.counts: Counts | None = None
        self.source: State[Any] | None = None
        self.value: Any = None

    @property
    def name(self) -> str:
        """Its node's name, with the position of a child: ``load[3]``."""
        return self.node.name if self.index is None else f"{self.node.name}[{self.index}]"

    def attempt(self) -> Attempt:
        """Return what its task may know of itself."""
        return Attempt(self.run, self.node.name, self.index, self.entries, self.loop_result)

    def with_children(self) -> Iterator[Item]:
        """Yield it and its children."""
        yield self
        if self.children is not None:
            yield from self.children
        elif self.recorded is not None:
            yield from self.recorded.values()

    def child(self, index: int) -> Item:
        """Return the child at a position as a stored history tells of it, or a new one."""
        found = None if self.recorded is None else self.recorded.get(index)
        return Item(self.run, self.node, self, index) if found is None else found

    def told(self) -> TaskRun:
        """Return what became of it."""
        children = tuple(child.told() for child in self.children or ())
        return TaskRun(self.name, cast("AnyState[Any]", self.state), self.seconds, children)
