"""Arguments as calls keep them: containers are read when the call is made, and each attempt gets fresh ones.

*Data* is copied: containers, and objects whose class defines ``__deepcopy__``, such as arrays. Any other object (a
client, a lock, a function) is shared by those who use it. Nothing here runs a task.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, MappingView, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from statesig.errors import NodeUseError
from statesig.graph.containers import CLOSED, EXACT, PLAIN, TANGLED, Kind, Tangled, container_kind, fields_of
from statesig.graph.nodes import Node, Source, StandIn, StateOf, Takes, source_of
from statesig.states.generics import kind_of

__all__ = ["Hidden", "Template", "fresh", "parts_of", "read", "snapshot", "taken_by"]

_LOOKED_THROUGH: Final[tuple[type[Any], ...]] = (Iterator, MappingView, MappingProxyType, partial)
"""Values of these classes hold others without an attribute for them."""


class Template:
    """A container as a call took it, of which each attempt gets a fresh one.

    Args:
        kind: What its class has in common with others.
        whole: A copy of the container that nobody else has.
        open: The parts, by their positions, that are made afresh: sources and templates.
    """

    __slots__ = ("_kind", "_open", "_whole")

    def __init__(self, kind: Kind, whole: Any, open: Mapping[int, Any]) -> None:
        self._kind = kind
        self._whole = whole
        self._open = open

    def described(self) -> tuple[type[Any], str, list[Any]]:
        """Return the class of the containers, the brackets of their kind, and their parts as they were read."""
        if self._kind is TANGLED:
            found = parts_of(self._whole.value)
            assert found is not None, "a container is in it"
            return found
        parts = self._kind.parts(self._whole)
        for index, part in self._open.items():
            parts[index] = part
        return kind_of(self._whole), self._kind.brackets, parts

    @property
    def open(self) -> Iterable[Any]:
        """The parts that are made afresh: sources and templates."""
        return self._open.values()

    def made(self, resolve: Callable[[Any], Any]) -> Any:
        """Return a fresh container.

        Args:
            resolve: Returns the value of a source, and a fresh container of a template.
        """
        kind, whole = self._kind, self._whole
        if not self._open:
            return kind.copied(whole)
        parts = kind.parts(whole)
        for index, part in self._open.items():
            parts[index] = resolve(part)
        return kind.rebuilt(whole, parts)


def read(value: Any, take: Callable[[Sequence[Source]], object]) -> Any:
    """Return an argument as its call keeps it: itself, if it never changes or is shared, else a `Template`.

    Args:
        value: The argument, which is no stand-in itself.
        take: Called with the sources of the stand-ins in it, in order, some at a time.

    Raises:
        Hidden: It holds a stand-in where nothing can be put in its place.
    """
    return _Reader(take).read(value)


def snapshot(value: Any) -> Any:
    """Return a value of which `fresh` makes copies: itself, if it never changes or is shared, else a `Template`."""
    return value if kind_of(value) in PLAIN else _Reader(None).read(value)


def fresh(kept: Any) -> Any:
    """Return a copy of a value as `snapshot` returned it; the value itself if it needs no copy."""
    return kept.made(fresh) if type(kept) is Template else kept


def parts_of(kept: Any) -> tuple[type[Any], str, list[Any]] | None:
    """Return the class, the brackets (as in `Kind`) and the parts of a container as `read` keeps it.

    Sources are in place of stand-ins, and templates in place of containers. None if it is no container.
    """
    if type(kept) is Template:
        return kept.described()
    cls = kind_of(kept)
    kind = container_kind(cls)
    return None if kind is None else (cls, kind.brackets, kind.parts(kept))


def taken_by(kept: Iterable[Any]) -> dict[Node, Takes]:
    """Return the nodes from which arguments, as `read` keeps them, take something, and what."""
    found: dict[Node, Takes] = {}
    waiting = [*kept]
    while waiting:
        part: object = waiting.pop()
        if isinstance(part, Template):
            waiting.extend(part.open)
        elif isinstance(part, Node):
            found[part] = Takes.VALUE
        elif isinstance(part, StateOf):
            found.setdefault(part.node, Takes.STATE)
    return found


class Hidden(Exception):
    """A stand-in is where nothing can be put in its place.

    Attributes:
        source: What it represents.
        holder: The class of the object that holds it.
        path: The way to it, from the outermost container.
    """

    def __init__(self, source: Source, holder: type[Any]) -> None:
        super().__init__(source, holder)
        self.source: Source = source
        self.holder: type[Any] = holder
        self.path: str = ""

    def error(self, argument: str) -> NodeUseError:
        """Return the error for the user, who gave the argument of this name."""
        use = f"{argument}{self.path}, within a {self.holder.__name__},"
        return NodeUseError(
            self.source.name, use, "pass it as an argument, or in a list, tuple, set, dict, deque, dataclass or model"
        )


class _Reader:
    """Reads one argument.

    Args:
        take: As for `read`; None: stand-ins are values like any other.
    """

    def __init__(self, take: Callable[[Sequence[Source]], object] | None) -> None:
        self._take = take
        self._taken: Source | None = None
        self._is_tangled = False
        self._is_circular = False
        self._kept: dict[int, Any] = {}
        self._shared: dict[int, Any] = {}

    def read(self, value: Any) -> Any:
        kept = self._read(value)
        if self._taken is not None and self._is_circular:
            raise Hidden(self._taken, kind_of(value))
        if not self._is_tangled or self._taken is not None:
            return kept
        # A container occurs in it twice, or holds itself: a deep copy keeps that, and what is shared stays shared.
        try:
            return Template(TANGLED, Tangled(copy.deepcopy(value, dict(self._shared)), self._shared), {})
        except Exception:  # the code of a class may refuse a copy in any way
            return value

    def _read(self, value: Any) -> Any:
        cls = kind_of(value)
        if cls in PLAIN:
            return value
        source = source_of(value) if cls is StandIn else None
        if source is not None and self._take is not None:
            self._take((source,))
            self._taken = source
            return source
        kind = container_kind(cls)
        if kind is None:
            return self._as_it_is(value)
        kept = self._kept.get(id(value), _MISSING)
        if kept is _MISSING:
            self._kept[id(value)] = _UNDER_WAY
            kept = self._kept[id(value)] = self._template(kind, value)
        elif kept is not value:
            self._is_tangled = True
            if kept is _UNDER_WAY:
                self._is_circular, kept = True, value
        return kept

    def _template(self, kind: Kind, value: Any) -> Any:
        parts = kind.parts(value)
        opened = {} if PLAIN.issuperset(map(type, parts)) else self._opened(kind, parts)
        if not opened and kind.is_fixed(value):
            return value
        try:
            whole = kind.copied(value)
            is_exact = kind_of(value) in EXACT or kind.is_exact(value, parts, whole, opened)
        except Exception:  # as above
            return self._as_it_is(value)
        if not is_exact:
            return self._as_it_is(value)
        if self._take is not None and kind.has_more:
            _look_at(value, [(f".{name}", part) for name, part in fields_of(value).items()], set(), is_inner=False)
        return Template(kind, whole, opened)

    def _opened(self, kind: Kind, parts: list[Any]) -> dict[int, Any]:
        if self._take is not None and _STAND_IN.issuperset(map(type, parts)):
            sources = [part._source for part in parts]  # the most frequent: a task that takes a list of others
            self._take(sources)
            self._taken = sources[-1]
            return dict(enumerate(sources))
        opened: dict[int, Any] = {}
        for index, part in enumerate(parts):
            try:
                kept = self._read(part)
            except Hidden as exc:
                exc.path = kind.label(parts, index) + exc.path
                raise
            if kept is not part:
                opened[index] = kept
        return opened

    def _as_it_is(self, value: Any) -> Any:
        """Return a value that is shared, unless something in it is a stand-in."""
        self._shared[id(value)] = value
        if self._take is not None:
            _look(value, set(), is_inner=False)
        return value


_STAND_IN: Final = frozenset({StandIn})
_MISSING: Final = object()
_UNDER_WAY: Final = object()


def _look(value: Any, seen: set[int], *, is_inner: bool) -> None:
    """Look for stand-ins in a value that cannot be rebuilt.

    Args:
        value: The value.
        seen: The identities of the values that were looked into.
        is_inner: Whether the value is an attribute of another, so that its own attributes are not looked at: an object
            may refer to the whole program.

    Raises:
        Hidden: There is one.
    """
    cls = kind_of(value)
    if cls in PLAIN or issubclass(cls, CLOSED) or id(value) in seen:
        return
    seen.add(id(value))
    kind = container_kind(cls)
    if kind is not None:
        parts = kind.parts(value)
        held = [(kind.label(parts, index), part) for index, part in enumerate(parts)]
        _look_at(value, held, seen, is_inner=is_inner)
    elif not is_inner:
        _look_at(value, [(f".{name}", part) for name, part in fields_of(value).items()], seen, is_inner=True)
    if issubclass(cls, _LOOKED_THROUGH):
        _look_at(value, [("", part) for part in gc.get_referents(value)], seen, is_inner=is_inner)


def _look_at(value: Any, held: list[tuple[str, Any]], seen: set[int], *, is_inner: bool) -> None:
    for label, part in held:
        try:
            source = source_of(part) if kind_of(part) is StandIn else None
            if source is not None:
                raise Hidden(source, kind_of(value))
            _look(part, seen, is_inner=is_inner)
        except Hidden as exc:
            exc.path = label + exc.path
            raise
