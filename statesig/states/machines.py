"""Machines of a user's own: hierarchies of states beside those of a run, each below a root of its own.

Data and tags only: nothing here may know a signal, or which state may follow which.
"""

from __future__ import annotations

from typing import Any, ClassVar

from statesig.states import State
from statesig.states.families import StateModel, origin_of, own_annotations
from statesig.states.generics import PerClass

__all__ = ["AnyKind", "Machine", "shared_fields"]


class Machine(StateModel, abstract=True):
    """The base of a user's own state machines: ``class Order(Machine)`` is the root of one.

    A root is abstract, and its fields are those of all its states. The states are below it; like those of a run they
    are frozen, validated and told apart by a tag, which need only be unique within their machine. A class between,
    with ``abstract=True``, is a group of states: as the source of a `Transition` it means all of them.

    States of two machines never mix: a place that admits those of one refuses those of any other, and those of a run.

        class Order(Machine):
            order_id: str

        class Draft(Order): ...

        class Placed(Order):
            total: Decimal

        AnyOrder = Draft | Placed
    """

    __top__: ClassVar[type[StateModel] | None] = None


AnyKind = type[State[Any]] | type[Machine]
"""A class of states, of a run or of a machine."""


def shared_fields(source: type[StateModel], target: type[StateModel]) -> tuple[str, ...]:
    """Return the fields that two kinds have from one class: a root, a group or a mixin; never by chance of names."""
    return tuple(name for name in target.model_fields if not _homes(source, name).isdisjoint(_homes(target, name)))


def _homes(kind: type[StateModel], name: str) -> set[type]:
    """Return the classes that declare a field, of those that a kind is below."""
    return {cls for cls in origin_of(kind).__mro__ if name in _declared[origin_of(cls)]}


_declared = PerClass(lambda cls: frozenset(own_annotations(cls)))
