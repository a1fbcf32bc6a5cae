"""Count the leaves upstream of a task by kind, for triggers, and update the counts one change at a time.

A leaf is a state that is not made of others: one with children counts as these, an empty Mapped as one success, a
meta-state as the state it wraps. Nothing here may know a trigger or its verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from typing_extensions import TypeIs, override

from statesig.algebra.leaves import is_composite, leaves
from statesig.states import Finished, State
from statesig.states.generics import PerClass, origin_of

__all__ = ["Counts", "Range", "counted", "is_of_some"]


class Range(NamedTuple):
    """The possible final numbers of leaves: every whole number from `least` to `most`.

    An unfinished upstream can finish with any number of children, so there is often no upper bound.
    """

    least: int
    most: float


class Counts:
    """The numbers of leaves upstream of a task, by kind.

    Counting takes one step for each leaf; a change takes one step for each leaf that changes, however many others there
    are. The order of arrival does not matter: ``Counts(xs) == Counts(ys)`` where ys are xs in another order, and
    ``c = Counts(xs); c.replace(old, new)`` makes c equal to the counts of xs with new in the place of old.

    Args:
        upstream: The first states to count.
    """

    __slots__ = ("_kinds", "total", "unfinished")

    def __init__(self, upstream: Iterable[State[Any]] = ()) -> None:
        self._kinds: dict[type[State[Any]], int] = {}
        self.total: int = 0
        self.unfinished: int = 0
        for state in upstream:
            self.add(state)

    @classmethod
    def of(cls, kinds: Mapping[type[State[Any]], int]) -> Counts:
        """Return the counts of given numbers of leaves, by kind.

        Raises:
            TypeError: A kind is abstract, a meta-state or one with children; no leaf is of these.
            ValueError: A number is negative.
        """
        counts = cls()
        for kind, number in kinds.items():
            fact = _facts[counted(kind)]
            if fact.is_opened or fact.kind.__abstract__:
                raise TypeError(
                    f"a leaf is of a concrete kind without children that is no meta-state, not {kind.__name__}"
                )
            if number < 0:
                raise ValueError(f"the number of {kind.__name__} is 0 or more, not {number}")
            if number:
                counts._shift(fact, number)
        return counts

    @property
    def finished(self) -> int:
        """The number of leaves that are final."""
        return self.total - self.unfinished

    def add(self, state: State[Any]) -> None:
        """Count one more upstream."""
        fact = _facts[type(state)]
        if not fact.is_opened:
            self._shift(fact, 1)
            return
        for leaf in leaves((state,)):
            self._shift(_facts[type(leaf)], 1)

    def replace(self, old: State[Any], new: State[Any]) -> None:
        """Count one upstream as another state than before.

        Raises:
            ValueError: The old state is not counted; nothing changed.
        """
        gone, come = _facts[type(old)], _facts[type(new)]
        if not gone.is_opened and not come.is_opened:
            if gone.kind not in self._kinds:
                raise ValueError(f"no {old.type} is counted, there are {self}")
            self._shift(gone, -1)
            self._shift(come, 1)
            return
        without = Counts((old,))
        if any(self._kinds.get(kind, 0) < number for kind, number in without._kinds.items()):
            raise ValueError(f"no {old.type} of {without} is counted, there are {self}")
        for kind, number in without._kinds.items():
            self._shift(_facts[kind], -number)
        self.add(new)

    def _shift(self, fact: _Fact, by: int) -> None:
        kinds = self._kinds
        number = kinds.get(fact.kind, 0) + by
        if number:
            kinds[fact.kind] = number
        else:
            del kinds[fact.kind]
        self.total += by
        if not fact.is_finished:
            self.unfinished += by

    def __getitem__(self, kind: type[State[Any]]) -> int:
        """Return how many leaves are of a kind, its descendants included."""
        members = _members[kind]
        return sum([number for cls, number in self._kinds.items() if members[cls]])

    def at_the_end(self, kind: type[State[Any]]) -> Range:
        """Return how many leaves can be of a kind once all are finished."""
        members = _members[kind]
        if members.is_all:
            return Range(self.total, math.inf if self.unfinished else self.total)
        # A kind that no final leaf can have gets 0: only finished leaves are counted.
        now = 0
        for cls, number in self._kinds.items():
            if members[cls] and _facts[cls].is_finished:
                now += number
        return Range(now, math.inf if self.unfinished and members.is_some else now)

    def others_at_the_end(self, kind: type[State[Any]]) -> Range:
        """Return how many leaves can be of other kinds once all are finished."""
        members = _members[kind]
        if members.is_all:
            return Range(0, 0)
        now = self.finished - self.at_the_end(kind).least
        if not self.unfinished:
            return Range(now, now)
        return Range(now if members.is_some else self.total, math.inf)

    def by_tag(self) -> dict[str, int]:
        """Return the number of leaves of each tag, in the order in which the tags arrived."""
        return {kind.__tag__: number for kind, number in self._kinds.items()}

    def __len__(self) -> int:
        return self.total

    @override
    def __eq__(self, other: object) -> bool:
        return self._kinds == other._kinds if isinstance(other, Counts) else NotImplemented

    __hash__: ClassVar[None]  # type: ignore[assignment]  # it changes

    @override
    def __str__(self) -> str:
        return ", ".join(f"{number} {tag}" for tag, number in self.by_tag().items()) or "no upstream"

    @override
    def __repr__(self) -> str:
        return f"<counts of {self}>"


class _Fact(NamedTuple):
    """The facts about a class of states that counting needs: its kind, whether it is final or made of others."""

    kind: type[State[Any]]
    is_finished: bool
    is_opened: bool


class _Facts(PerClass[_Fact]):
    """The facts about each class of states; filled on demand, also for classes defined later."""

    def __missing__(self, cls: type) -> _Fact:
        name = cls.__name__
        if not _is_kind(cls):
            raise TypeError(f"a trigger takes states, not an object of class {name}")
        fact = _Fact(origin_of(cls), issubclass(cls, Finished), is_composite(cls))
        self.keep(cls, fact)
        return fact


class _Members(PerClass[bool]):
    """For one kind: whether each class belongs to it.

    Attributes:
        is_some: Whether a final leaf can be of the kind.
        is_all: Whether every final leaf is of the kind.
    """

    def __init__(self, kind: type[State[Any]]) -> None:
        super().__init__()
        self.kind = kind
        self.is_all = issubclass(Finished, kind)
        self.is_some = self.is_all or (issubclass(kind, Finished) and not is_composite(kind))

    def __missing__(self, cls: type[State[Any]]) -> bool:
        found = issubclass(cls, self.kind)
        self.keep(cls, found)
        return found


class _Kinds(PerClass[_Members]):
    """The members of each kind; filled on demand."""

    def __missing__(self, kind: type[State[Any]]) -> _Members:
        members = _Members(counted(kind))
        self.keep(kind, members)
        return members


_facts = _Facts()
_members = _Kinds()


def counted(kind: Any) -> type[State[Any]]:
    """Return a kind without its parameters, as it is counted: ``Success`` for ``Success[int]``.

    Raises:
        TypeError: It is not a class of states.
    """
    origin: Any = origin_of(kind)
    if _is_kind(origin):
        return origin
    name: str = type(kind).__name__
    what = repr(kind) if name in ("str", "type") else f"an object of class {name}"
    raise TypeError(f"a trigger counts a class of states, such as Failed, not {what}")


def is_of_some(kind: type[State[Any]]) -> bool:
    """Tell whether counting a kind says anything: final leaves can be of it, and can be of another."""
    members = _members[kind]
    return members.is_some and not members.is_all


def _is_kind(cls: object) -> TypeIs[type[State[Any]]]:
    return isinstance(cls, type) and issubclass(cls, State)
