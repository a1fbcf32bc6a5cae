"""The bookkeeping of each task, and of each child of a mapped task, during a run. Nothing here decides or calls."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from statesig.algebra.counts import Counts
from statesig.algebra.merges import attempt_after
from statesig.executors.attempts import Attempt
from statesig.graph.nodes import Node, name_of
from statesig.states import AnyState, Looped, Paused, Pending, Resume, Retrying, Running, State, Submitted, Success

__all__ = ["PENDING", "SUBMITTED", "NodeRun", "Place", "Progress", "TaskRun"]

PENDING: Final = Pending()
"""The state in which every task begins."""

SUBMITTED: Final = Submitted(state=PENDING)
"""The state of a task that was handed over for its first attempt."""


class Place(enum.Enum):
    """Where a task is in the loop: always in exactly one place."""

    WAITING = "nothing is to be done until something upstream settles"
    READY = "the loop will look at it"
    QUEUED = "the loop will look at it once its executor has room"
    IN_FLIGHT = "its call is under way"
    DELAYED = "it waits for a time"
    OPEN = "its children are on their way"
    SETTLED = "it will not change any more in this loop, and those that wait for it were told"


_WAITING: Final = Place.WAITING  # in 3.11 a member of an enum takes longer to look up than the rest of a task's making


@dataclass(frozen=True, slots=True)
class TaskRun:
    """The outcome of one task of a run.

    Args:
        name: The name of its node.
        state: Its state.
        seconds: How long its function ran, all attempts and children together.
        children: Of a mapped task: the outcome of each call, in the order of its inputs. Of one that is not final, in a
            run that was read from a store, only of the calls that have begun or ended.
    """

    name: str
    state: AnyState[object]
    seconds: float
    children: tuple[TaskRun, ...] = ()


class Progress:
    """How far a task has come, counted along its history.

    Attributes:
        state: Its state.
        try_number: The try of the run in which this history began; from 1.
        attempt: The attempt that is under way, or the coming one; from 1.
        has_run: Whether that attempt has been Running.
        failures: How many attempts failed, or were refused by a RETRY of a handler, and were followed by another.
        loops: How many iterations were made.
        lost: How many attempts were lost with the process that ran them.
        loop_result: The result that the last LOOP handed on.
        resumed: Whether a person has released it.
        answer: The Resume by which a person released it; None before, and from the next pause on.
    """

    __slots__ = (
        "answer",
        "attempt",
        "failures",
        "has_run",
        "loop_result",
        "loops",
        "lost",
        "resumed",
        "state",
        "try_number",
    )

    def __init__(self, try_number: int = 1) -> None:
        self.state: State[Any] = PENDING
        self.try_number: int = try_number
        self.attempt: int = 1
        self.has_run: bool = False
        self.failures: int = 0
        self.loops: int = 0
        self.lost: int = 0
        self.loop_result: Any = None
        self.resumed: bool = False
        self.answer: Resume[Any] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether an attempt of it has been Running."""
        return self.has_run or self.attempt > 1

    def move(self, state: State[Any]) -> None:
        """Take the next state of the history, and count what it says; live and replayed histories come this way."""
        self.attempt, self.has_run = attempt_after(self.attempt, self.has_run, state)
        self.failures += isinstance(state, Retrying)
        if isinstance(state, Looped) and isinstance(self.state, Running):
            self.loops += 1
            self.loop_result = state.result
        if isinstance(state, Resume):
            self.resumed = True
            self.answer = state
        elif isinstance(state, Paused):
            self.answer = None
        self.state = state

    def begin_again(self, try_number: int) -> None:
        """Begin a new history in a further try of the run; only the release by a person is kept from the one before."""
        resumed, answer = self.resumed, self.answer
        Progress.__init__(self, try_number)
        self.resumed, self.answer = resumed, answer

    def attempt_of(self, state: State[Any]) -> int:
        """Return the attempt to which the next state belongs."""
        return attempt_after(self.attempt, self.has_run, state)[0]


class NodeRun(Progress):
    """The bookkeeping of one task, or of one child of a mapped task, during a run.

    Attributes:
        run: The identity of its run.
        node: Its node.
        parent, index: Of a child: the bookkeeping of the mapped task, and the child's position.
        seconds: How long its function ran.
        place: Where it is in the loop.
        key: The cache key of its call; None where nothing is cached.
        waiting: How many upstreams are not settled.
        inputs: How many of those, of which it takes something, are not final.
        open: How many of its children are not settled.
        put_off: How often in a row its handlers have put it off to no later time.
        due: When the delay of a task is over that this process put off, in the seconds of `time.monotonic`.
        children: Of a mapped task, once it has begun.
        lets_run: Of a mapped task: whether its children need not be judged, since what is upstream lets each one run.
        recorded: The children that a stored history tells of, until it begins anew.
        counts: The states upstream, once they are worth counting.
        source: Of a child: the state of the child that it is mapped over.
        value: Of a child: its item.
    """

    __slots__ = (
        "children",
        "counts",
        "due",
        "index",
        "inputs",
        "key",
        "lets_run",
        "node",
        "open",
        "parent",
        "place",
        "put_off",
        "recorded",
        "run",
        "seconds",
        "source",
        "value",
        "waiting",
    )

    def __init__(self, run: str, node: Node, parent: NodeRun | None = None, index: int | None = None) -> None:
        Progress.__init__(self)
        self.run: str = run
        self.node: Node = node
        self.parent: NodeRun | None = parent
        self.index: int | None = index
        self.seconds: float = 0.0
        self.place: Place = _WAITING
        self.key: str | None = None
        self.waiting: int = 0
        self.inputs: int = 0
        self.open: int = 0
        self.put_off: int = 0
        self.due: float | None = None
        self.children: list[NodeRun] | None = None
        self.lets_run: bool = False
        self.recorded: dict[int, NodeRun] | None = None
        self.counts: Counts | None = None
        self.source: State[Any] | None = None
        self.value: Any = None

    @property
    def task(self) -> str | None:
        """The name by which events and records know it; None for the flow itself."""
        return self.node.name

    @property
    def name(self) -> str:
        """Its node's name, with the position of a child: ``load[3]``."""
        return name_of(self.node.name, self.index)

    @property
    def answer_type(self) -> object:
        """The type of the answer that its task takes; None: it takes none."""
        return self.node.task.answer

    @property
    def is_whole(self) -> bool:
        """Whether it is a mapped task as a whole, not one of its children."""
        return self.node.is_mapped and self.parent is None

    def current_attempt(self) -> Attempt:
        """Return what its task may know of itself while it runs."""
        return Attempt(self.run, self.node.name, self.index, self.attempt, self.loop_result, self.answer)

    def with_children(self) -> Iterator[NodeRun]:
        """Yield it and its children, in their order; those of which a stored history tells, until it begins anew."""
        yield self
        if self.children is not None:
            yield from self.children
        elif self.recorded is not None:
            for index in sorted(self.recorded):
                yield self.recorded[index]

    def child(self, index: int) -> NodeRun:
        """Return the child at a position as a stored history tells of it, or a new one."""
        found = None if self.recorded is None else self.recorded.get(index)
        if found is None:
            found = NodeRun(self.run, self.node, self, index)
            found.try_number = self.try_number
        return found

    def recorded_child(self, index: int) -> NodeRun:
        """Return the child at a position of which a stored history tells, and keep it until the task begins anew."""
        if self.recorded is None:
            self.recorded = {}
        return self.recorded.setdefault(index, self.child(index))

    def forget_children(self, try_number: int) -> None:
        """Let the children that did not succeed begin anew, once the mapped task does, in a further try of the run."""
        if self.children is not None:
            self.recorded = dict(enumerate(self.children))
            self.children = None
        for child in (self.recorded or {}).values():
            if child.try_number < try_number and not isinstance(child.state, Success):
                child.begin_again(try_number)

    def outcome(self, look: Callable[[State[Any]], State[Any]]) -> TaskRun:
        """Return its outcome and those of its children.

        Args:
            look: Returns a state as it is seen now.
        """
        children = tuple(one.outcome(look) for one in self.with_children() if one is not self)
        return TaskRun(self.name, cast("AnyState[Any]", look(self.state)), self.seconds, children)
