"""Look at a machine as a whole: what no single definition can tell. Nothing here may know a test framework."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from typing_extensions import TypeForm

from statesig.algebra.machines import Transition
from statesig.algebra.tables import Table, table_of
from statesig.algebra.transitions import is_allowed
from statesig.states.families import StateMeta, descendants, origin_of
from statesig.states.machines import Machine
from statesig.states.unions import parts_of

__all__ = ["Kind", "problems", "shortest_paths", "signals_of", "ways_of"]

Kind = type[Machine] | None
"""A kind of states, or None: the beginning, where a machine is in none yet."""


def problems(machine: TypeForm[Machine]) -> tuple[str, ...]:
    """Return the faults of a machine as a whole; a test asserts that there are none, of ``problems(AnyOrder)``.

    A state is in no part of the union, so that a `match` over the union does not know it; no state begins a history; a
    state is never reached; from a state no way leads to an end, though the machine has one.

    Args:
        machine: The union of the machine's states; or its root, and no union is looked at.

    Raises:
        TypeError: It is nothing of the kind.
    """
    parts: list[Any] = list(parts_of(machine))
    roots = {getattr(part, "__top__", None) for part in parts}
    root: Any = roots.pop()
    if roots or not isinstance(root, StateMeta) or not issubclass(root, Machine):
        raise TypeError(f"the union of a machine's states, or its root, is asked for, not {machine!r}")
    return tuple(_problems(root, tuple(map(origin_of, parts))))


def shortest_paths(root: type[Machine]) -> dict[type[Machine], tuple[type[Transition[Any, Any]], ...]]:
    """Return the shortest way to each state of a machine: the transitions that lead there from its beginning.

    The nearest states come first; those never reached are missing. Of several ways of one length it takes the one that
    was defined first. It does not ask guards, which judge states, not kinds.

    Args:
        root: The root of the machine.

    Raises:
        TypeError: It is no root.
    """
    signals = signals_of(root)
    return {kind: tuple(signals[step] for step in way) for kind, way in ways_of(root).items()}


def ways_of(root: type[Machine]) -> dict[type[Machine], tuple[type[Machine], ...]]:
    """Return the same ways as the states on them, the last one included."""
    found: dict[type[Machine], tuple[type[Machine], ...]] = {}
    ahead: list[tuple[Kind, tuple[type[Machine], ...]]] = [(None, ())]
    while ahead:
        source, way = ahead.pop(0)
        for kind in signals_of(root):
            if kind not in found and is_allowed(source, kind):
                found[kind] = (*way, kind)
                ahead.append((kind, found[kind]))
    return found


def signals_of(root: type[Machine]) -> Mapping[type[Machine], type[Transition[Any, Any]]]:
    """Return the transition to each state of a machine that has one, in order of definition.

    Raises:
        TypeError: It is no root.
    """
    given: Any = root
    if not isinstance(given, StateMeta) or not issubclass(given, Machine) or given.__top__ is not given:
        raise TypeError(f"the root of a machine is asked for, not {root!r}")
    return cast("Mapping[type[Machine], type[Transition[Any, Any]]]", table_of(root).signals)


def _problems(root: type[Machine], parts: tuple[type, ...]) -> Iterator[str]:
    kinds = descendants(root)
    table = table_of(root)
    yield from (f"{kind.__name__} is in no part of the union" for kind in kinds if not issubclass(kind, parts))
    if not table.first:
        yield f"no state of {root.__name__} begins a history"
    reached = _closure(table.first, table)
    # A kind without a transition, below one with it, is that one told more closely.
    yield from (f"{kind.__name__} is never reached" for kind in kinds if not issubclass(kind, tuple(reached)))
    ends = [kind for kind in kinds if not table.successors(kind)]
    if ends:
        endless = (kind for kind in reached if not any(end in _closure([kind], table) for end in ends))
        yield from (f"{kind.__name__} never comes to an end" for kind in endless)


def _closure(kinds: Iterable[Any], table: Table) -> dict[Any, None]:
    """Return some kinds and all that may follow them, in the order in which they are met."""
    found: dict[Any, None] = {}
    ahead = list(kinds)
    while ahead:
        kind = ahead.pop(0)
        if kind not in found:
            found[kind] = None
            ahead += table.successors(kind)
    return found
