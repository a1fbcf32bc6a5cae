"""Write sets in one order: sorted by the JSON text of their items, whatever the order of the process's hashes.

This module must not write anything itself, and touches lists that were written for a set alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from statesig.states.generics import kind_of

__all__ = ["holds_sets", "sort_fields"]


def holds_sets(schema: Any) -> bool:
    """Tell whether a core schema declares a set, at any depth."""
    stack: list[Any] = [schema]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        cls = kind_of(node)
        if cls not in (dict, list, tuple) or id(node) in seen:
            continue
        seen.add(id(node))
        if cls is dict and node.get("type") in ("set", "frozenset"):
            return True
        stack.extend(node.values() if cls is dict else node)
    return False


def sort_fields(fields: Mapping[str, Any], values: Mapping[str, Any], written: dict[str, Any]) -> None:
    """Sort, in the JSON form of an object, the arrays of its sets.

    Where a form has another shape than its value, as a serializer of the user's may give it, it stays as it is.

    Args:
        fields: The fields by name, with the aliases under which they are written.
        values: Their values.
        written: The JSON form, of lists and dictionaries; changed in place.
    """
    for name, field in fields.items():
        alias: str | None = getattr(field, "serialization_alias", None)
        for key in dict.fromkeys((name, alias or name)):
            if key in written:
                _sort(values.get(name), written[key])


def _sort(value: Any, written: Any) -> None:
    cls, form = kind_of(value), kind_of(written)
    if form not in (list, dict) or hasattr(cls, "__tag__"):  # a state's sets were sorted when it was written
        return
    if issubclass(cls, BaseModel) and cls.__pydantic_root_model__:
        _sort(value.root, written)
    elif form is dict and issubclass(cls, BaseModel):
        sort_fields(cls.model_fields, value.__dict__, written)
    elif form is dict and is_dataclass(cls):
        names: Iterable[str] = cls.__dataclass_fields__
        values: dict[str, Any] = {name: getattr(value, name, None) for name in names}
        sort_fields(getattr(cls, "__pydantic_fields__", values), values, written)
    elif issubclass(cls, (dict, list, tuple, deque, set, frozenset)) and len(value) == len(written):
        _sort_items(value, written)


def _sort_items(value: Any, written: Any) -> None:
    cls = kind_of(value)
    is_array = kind_of(written) is list
    if issubclass(cls, dict) and not is_array:
        value, written = list(value.values()), list(written.values())
    elif issubclass(cls, dict) or not is_array:
        return
    for index, part in enumerate(value):
        _sort(part, written[index])
    if issubclass(cls, (set, frozenset)):
        written.sort(key=to_json)
