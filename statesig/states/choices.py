"""Choices of states: the classes that a place admits where these are not just one class's family.

A class alone means its family wherever states are validated, so a place that admits exactly one class, or the families
of several, asks for a `Choice` instead. Nothing here may read a document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from statesig.states.generics import origin_of, specialised

__all__ = ["Choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Classes of states, told apart by tag; an abstract one means its family.

    Args:
        name: What errors call it.
        kinds: The classes, parametrised or not. A class that several of them admit is of the first.
        families: Whether the descendants of each class are admitted, too, also those defined later.
    """

    name: str
    kinds: tuple[Any, ...]
    families: bool

    @property
    def __name__(self) -> str:
        return self.name

    def member(self, origin: Any) -> Any:
        """Return a class of states, specialised as it is admitted; None if it is not."""
        for kind in self.kinds:
            head = origin_of(kind)
            if origin is head or ((self.families or head.__abstract__) and issubclass(origin, head)):
                found = specialised(origin, kind)
                if found is not None:
                    return found
        return None

    @property
    def alone(self) -> Any:
        """The one class that it admits; None if it may admit several."""
        is_one = len(self.kinds) == 1 and not self.families and not origin_of(self.kinds[0]).__abstract__
        return self.member(origin_of(self.kinds[0])) if is_one else None
