"""Draw the tables of `statesig.algebra.tables` as diagrams; nothing here may know an arrow itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from statesig.algebra.machines import is_guarded
from statesig.algebra.tables import Table, table_of
from statesig.states import State
from statesig.states.families import descendants
from statesig.states.machines import AnyKind

__all__ = ["diagram"]


def diagram(format: Literal["mermaid", "dot"] = "mermaid", *, kind: AnyKind = State) -> str:
    """Return a table as a diagram; each name means its family.

    The arrows of a machine bear the names of their transitions, those with a guard ``[guarded]``; an arrow from a group
    is drawn from each of the states in it.

    Args:
        format: ``"mermaid"`` for a state diagram of Mermaid, ``"dot"`` for Graphviz.
        kind: Whose table: that of a run by default, else a machine's, by its root or any class below.

    Raises:
        ValueError: Another format was asked for.
        TypeError: `kind` is no class of states, or is above all machines.
    """
    table = table_of(kind)
    arrows = list(_arrows(table))
    first = [(target.__name__, _label(table, target)) for target in table.first]
    final = [target.__name__ for target in table.final]
    if format == "mermaid":
        lines = [f"    [*] --> {name}{label and _after_colon(label)}" for name, label in first]
        lines += [f"    {source} --> {target}{label and _after_colon(label)}" for source, target, label in arrows]
        lines += [f"    {name} --> [*]" for name in final]
        return "\n".join(["stateDiagram-v2", *lines]) + "\n"
    if format == "dot":
        lines = ["    rankdir=LR;", "    node [shape=box, style=rounded];"]
        lines += [f"    {_BEGINNING} [shape=point];"] if first else []
        lines += [f"    {name} [peripheries=2];" for name in final]
        lines += [f"    {_BEGINNING} -> {name}{label and _bracketed(label)};" for name, label in first]
        lines += [f"    {source} -> {target}{label and _bracketed(label)};" for source, target, label in arrows]
        return "\n".join(["digraph transitions {", *lines, "}"]) + "\n"
    raise ValueError(f"diagram() has no format {format!r}; take 'mermaid' or 'dot'")


_BEGINNING = '"[*]"'
"""The name in Graphviz of the point where a history begins; no state can have it."""


def _after_colon(label: str) -> str:
    return f": {label}"


def _bracketed(label: str) -> str:
    return f' [label="{label}"]'


def _arrows(table: Table) -> Iterator[tuple[str, str, str]]:
    """Yield the source, the target and the label of each arrow."""
    for source, targets in table.rows.items():
        drawn = [kind for kind in descendants(source) if kind in table.signals] if source.__abstract__ else [source]
        for target in targets:
            yield from ((kind.__name__, target.__name__, _label(table, target)) for kind in drawn)


def _label(table: Table, target: type) -> str:
    signal: Any = table.signals.get(target)
    if signal is None:
        return ""
    return f"{signal.__name__} [guarded]" if is_guarded(signal) else signal.__name__
