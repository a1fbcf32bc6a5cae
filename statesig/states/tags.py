"""Find the states of a run by the texts that name them: tags, and the names of abstract classes."""

from __future__ import annotations

from typing import Any

from statesig.states import Finished, MetaState, State
from statesig.states.families import StateModel, descendants

__all__ = ["kinds_by_name", "tags_of"]


def tags_of(family: type[StateModel]) -> frozenset[str]:
    """Return the tags of a family, as it is now."""
    return frozenset(cls.__tag__ for cls in descendants(family))


def kinds_by_name() -> dict[str, type[Any]]:
    """Return the classes of a run's states by name, as they are now: abstract ones, then the others by their tags."""
    abstract = {kind.__name__: kind for kind in (State, MetaState, Finished)}
    return {**abstract, **{cls.__tag__: cls for cls in descendants(State)}}
