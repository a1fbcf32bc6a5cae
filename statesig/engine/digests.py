"""Digests of the calls in a flow: equal where a task of the same name is called with equal constants.

Another process computes the same digest. A value without a form of its own there (a lambda, an engine, a table) counts
by its class and its qualified name: a change of it is not seen. Nothing here pickles or keeps a value.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

from statesig.graph.containers import PLAIN
from statesig.graph.nodes import Node, Parameter, StateOf
from statesig.graph.tasks import Task
from statesig.graph.templates import parts_of
from statesig.states.generics import kind_of

__all__ = ["Digests"]


class Digests:
    """Makes the digests of one flow."""

    def __init__(self) -> None:
        self._names: dict[Task[Any, Any], str] = {}
        self._usual: dict[Task[Any, Any], str] = {}
        self._known: dict[int, str] = {}

    def of(self, node: Node) -> str:
        """Return the digest of a call: of its function's name and its arguments, 16 hexadecimal digits."""
        args, task = node.args, node.task
        name = self._names.get(task)
        if name is None:
            name = self._names[task] = f"{_name_of(task)}{self._instance(task)}"
            self._usual[task] = _digest([name, "node"])
        if len(args) == 1 and type(args[0]) is Node and not node.kwargs and not node.is_mapped:
            return self._usual[task]  # the fingerprint has the node itself
        texts = [name, *map(self._text, args)]
        for keyword, value in node.kwargs.items():
            texts += (keyword, self._text(value))
        if node.is_mapped:
            mapped: Any = node.mapped
            items: list[Any] = mapped if kind_of(mapped) is list else [mapped]
            texts += ["mapped", *map(self._text, items)]
        return _digest(texts)

    def _instance(self, task: Task[Any, Any]) -> str:
        """Return a text for the instance on which a method works; nothing for any other task.

        One that has no hash may change in place while its tasks run, and counts by its class.
        """
        if task.unbound is None:
            return ""
        instance: Any = task.unbound[1]
        is_fixed = kind_of(instance).__hash__ is not None
        return f" of {self._text(instance) if is_fixed else _named(instance)}"

    def _text(self, kept: Any) -> str:
        """Return a text for an argument that equal arguments have as well, and no others."""
        cls = kind_of(kept)
        if cls in PLAIN:
            return f"{cls.__name__} {_TOLD[cls](kept) if cls in _TOLD else repr(kept)}"
        if cls is Node:
            return f"node {kept.index}"
        if cls is Parameter or cls is StateOf:
            return repr(kept)
        found = parts_of(kept)
        if found is None:
            return _named(kept)
        if id(kept) not in self._known:
            self._known[id(kept)] = "itself"
            self._known[id(kept)] = _digest(self._container(*found))
        return self._known[id(kept)]

    def _container(self, cls: type[Any], brackets: str, parts: list[Any]) -> Iterable[str]:
        texts = [self._text(part) for part in parts]
        if brackets == "{}":
            texts.sort()
        elif brackets == ".":  # equal mappings may have their keys in another order
            middle = len(texts) // 2
            texts = sorted(f"{key}: {value}" for key, value in zip(texts[:middle], texts[middle:], strict=True))
        return [cls.__qualname__, brackets, *texts]


def _digest(texts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=8).hexdigest()


def _name_of(task: Task[Any, Any]) -> str:
    """Return the name of a task's function, with the file or module that it is from, but not the way there.

    A program that is run by itself and one that is imported, here or in another folder, give the same name.
    """
    module: str = getattr(task, "__module__", "") or ""
    if module == "__main__":
        file: str = getattr(sys.modules[module], "__file__", None) or ""
        place = PurePath(file).stem
    else:
        place = module.rpartition(".")[2]
    return f"{place}:{getattr(task, '__qualname__', task.name)}"


def _named(value: Any) -> str:
    """Return a text for a value that is neither plain nor a container: its class, and its name if it has one."""
    cls = kind_of(value)
    if issubclass(cls, Enum):
        return f"{cls.__qualname__} {value.name}"
    if issubclass(cls, PurePath):
        return f"path {str(value)!r}"
    name: object = getattr(value, "__qualname__", "") if issubclass(cls, _NAMED) else ""
    return f"{cls.__qualname__} {name}"


def _moment(value: Any) -> str:
    """Return a time's text; that of its zone, whose own may be an address, by its class."""
    return f"{value.isoformat()} {value.fold} {kind_of(value.tzinfo).__qualname__}"


_NAMED: Final[tuple[type[Any], ...]] = (type, type(_digest), type(len), Task)
_TOLD: Final[dict[type[Any], Callable[[Any], str]]] = {int: hex, datetime: _moment, time: _moment}
"""How plain values are told whose `repr` is not the same everywhere, or may raise."""
