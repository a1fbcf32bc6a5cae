"""The names that a path may show: those of declared fields. Any other key of a body may be its payload."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, is_dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import Format, get_annotations, get_type_hints, is_typeddict

from statesig.signals import is_class_of_signals
from statesig.signals.payloads import payload_of
from statesig.states.families import StateMeta, StateModel, descendants
from statesig.states.generics import args_of, origin_of
from statesig.states.reasons import path_shown
from statesig.states.refusals import cut

__all__ = ["Words", "words_of", "words_of_states"]

_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Words:
    """The words of declared types.

    Args:
        names: The names of fields, which a path may show.
        labels: The words that pydantic puts into a path for the member of a union, which a path leaves out.
    """

    names: frozenset[str]
    labels: frozenset[str]

    def path_of(self, loc: Iterable[int | str]) -> str:
        """Return the path of an error, as in ``body.rows[3]``, with a question mark for a key that is not declared."""
        return cut(path_shown(loc, self.names, self.labels).lstrip("."), _LONGEST)

    def __or__(self, other: Words) -> Words:
        return Words(self.names | other.names, self.labels | other.labels)


def words_of(annotations: Iterable[Any], names: Iterable[str] = ()) -> Words:
    """Return the words of types, and of all types within them.

    Args:
        annotations: The types.
        names: Names of fields besides.
    """
    found = _Search()
    for annotation in annotations:
        found.look(annotation)
    return Words(frozenset({*names, *found.names}), frozenset(found.labels))


def words_of_states() -> Words:
    """Return the words of all states that are defined by now, those of machines too."""
    return _of_classes(descendants(StateModel))


@lru_cache(maxsize=1)
def _of_classes(classes: tuple[type[Any], ...]) -> Words:
    return words_of(classes)


class _Search:
    """A walk through types, which remembers where it was."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.labels: set[str] = set()
        self.seen: dict[int, Any] = {}

    def look(self, annotation: Any) -> None:
        """Take the words of a type and of those within it."""
        if id(annotation) in self.seen or get_origin(annotation) is Literal:
            return
        self.seen[id(annotation)] = annotation  # kept: another object could have its identity
        self.labels.add(str(getattr(annotation, "__name__", "")))
        args = get_args(annotation)
        for arg in args[:1] if get_origin(annotation) is Annotated else args:
            self.look(arg)
        if isinstance(annotation, StateMeta):
            self.look_at_states(annotation)
        elif is_class_of_signals(annotation):
            for kind in payload_of(annotation).choice.kinds:
                self.look(kind)
        elif isinstance(annotation, type):
            self.look_at_fields(annotation)

    def look_at_states(self, family: Any) -> None:
        for arg in args_of(family):
            self.look(arg)
        for cls in descendants(origin_of(family)):
            self.labels.add(cls.__tag__)
            self.look_at_fields(cls)

    def look_at_fields(self, cls: type[Any]) -> None:
        if issubclass(cls, BaseModel):
            for name, field in cls.model_fields.items():
                self.names.update({name, *aliases_of(field)})
                self.look(field.annotation)
        elif is_dataclass(cls) or is_typeddict(cls) or hasattr(cls, "_fields"):
            for name, annotation in _hints_of(cls).items():
                self.names.add(name)
                self.look(annotation)


def _hints_of(cls: type[Any]) -> dict[str, Any]:
    """Return the annotations of a class, inherited ones too; as texts if one names what is not there."""
    try:
        return get_type_hints(cls)
    except NameError:
        return dict(get_annotations(cls, format=Format.FORWARDREF))


def aliases_of(field: FieldInfo) -> set[str]:
    """Return the names by which a body may give a field."""
    return {alias for alias in (field.alias, field.validation_alias) if isinstance(alias, str)}
