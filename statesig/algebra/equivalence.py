"""Compare triggers on all possible upstreams, and print their verdicts as tables.

Nothing here may sample. Kinds are a tree, and a predicate sees only the numbers of leaves of the kinds that it names;
the tree decides which numbers are possible together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement, pairwise, product
from typing import Any, NamedTuple

from statesig.algebra.counts import Counts, is_of_some
from statesig.algebra.leaves import is_composite
from statesig.algebra.predicates import Atom, atoms
from statesig.algebra.triggers import Trigger
from statesig.states import Cancelled, Failed, Finished, Pending, Skipped, State, Success
from statesig.states.families import descendants

__all__ = ["difference", "equivalent", "truth_table"]

_MOST = 20_000
"""The largest number of upstreams that `difference` tries."""


def equivalent(one: Trigger, other: Trigger) -> bool:
    """Tell whether two triggers give the same verdict on all finished upstreams, however many, resumed or not.

    On unfinished upstreams one may decide earlier than the other: ``finished()`` is equivalent to ``always()``, and
    waits.

    Raises:
        ValueError: Their parts of all are too fine to compare; see `difference`.
    """
    return difference(one, other) is None


def difference(one: Trigger, other: Trigger) -> Counts | None:
    """Return the fewest upstreams on which two triggers differ; None if they are equivalent.

    Exact: it tries every number of upstreams that can matter. That is at most the sum of the bounds, two for each
    predicate and one, times the common denominator of the parts of all.

    Raises:
        ValueError: That is more than 20,000, and the triggers agree on that many.
    """
    if one.expression == other.expression:
        return None
    parts = [*atoms(one.expression), *atoms(other.expression)]
    enough = _enough(parts)
    for counts in _all_counts(parts, min(enough, _MOST)):
        for resumed in (False, True):
            if one.verdict(counts, resumed=resumed) is not other.verdict(counts, resumed=resumed):
                return counts
    if enough > _MOST:
        raise ValueError(
            f"the triggers agree on up to {_MOST:,} upstreams, and may differ on up to {enough:,}; to compare them, "
            "take smaller bounds or coarser parts"
        )
    return None


def _enough(parts: Sequence[Atom]) -> int:
    """Return a number of upstreams beyond which nothing new can happen.

    A choice of truth values is possible for n upstreams if a system of inequalities holds, between sums of bounds and
    of rounded parts of n. Along n = r, r + d, r + 2d, ..., d being the common denominator, each is linear, so the n
    that satisfy all form an interval. It begins where a falling term is no longer above 0. That term falls by at least
    1 each time, and starts at no more than the sum of the bounds and one for each rounding; an atom has two roundings.
    """
    bounds = sum(_bounds(atom) for atom in parts)
    denominators = [Fraction(bound).denominator for atom in parts for bound in (atom.lo, atom.hi or 0)]
    return math.lcm(*denominators) * (bounds + 2 * len(parts) + 1)


def _bounds(atom: Atom) -> int:
    if atom.word in ("some", "none"):
        return 1
    return int(atom.lo) + int(atom.hi or 0) + 1 if atom.word == "between" else 0


class _Interval(NamedTuple):
    """The whole numbers from `least` to `most`; empty if `least` is greater."""

    least: int
    most: float


class _Node:
    """A kind that predicates name, or the root of all final kinds, with the named kinds directly below it.

    Attributes:
        kind: The kind.
        below: The named kinds directly below.
        rest: A class of this kind but of no kind in `below`; None if no class is.
    """

    def __init__(self, kind: type[State[Any]], named: Sequence[type[State[Any]]]) -> None:
        self.kind = kind
        under = [cls for cls in named if cls is not kind and issubclass(cls, kind)]
        next_below = [cls for cls in under if not any(cls is not up and issubclass(cls, up) for up in under)]
        self.below = [_Node(cls, named) for cls in next_below]
        classes: list[Any] = [kind] if not kind.__abstract__ else list(descendants(kind))
        self.rest: type[State[Any]] | None = next(
            (cls for cls in classes if not is_composite(cls) and not issubclass(cls, tuple(next_below))), None
        )

    def possible(self, asked: dict[type[State[Any]], _Interval]) -> _Interval:
        """Return how many leaves can be of this kind if all kinds from here down stay within intervals."""
        inner = [node.possible(asked) for node in self.below]
        if any(one.least > one.most for one in inner):
            return _Interval(1, 0)
        most = math.inf if self.rest is not None else sum(one.most for one in inner)
        own = asked.get(self.kind, _Interval(0, math.inf))
        return _Interval(max(own.least, sum(one.least for one in inner)), min(own.most, most))

    def filled(self, number: int, asked: dict[type[State[Any]], _Interval]) -> Iterator[tuple[type[State[Any]], int]]:
        """Yield classes with numbers of leaves that add up to `number` and stay within the intervals."""
        inner = [node.possible(asked) for node in self.below]
        more = number - sum(one.least for one in inner)
        for node, one in zip(self.below, inner, strict=True):
            added = 0 if self.rest is not None else int(min(more, one.most - one.least))
            more -= added
            yield from node.filled(one.least + added, asked)
        if self.rest is not None and more:
            yield self.rest, more


def _all_counts(parts: Sequence[Atom], most: int) -> Iterator[Counts]:
    """Yield counts of final leaves, smallest first: one for each possible choice of the atoms' truth values."""
    yield Counts()
    named = list(dict.fromkeys(atom.kind for atom in parts if is_of_some(atom.kind)))
    root = _Node(Finished, named)
    for number in range(1, most + 1):
        cuts = [_intervals([atom for atom in parts if atom.kind is kind], number) for kind in named]
        for choice in product(*cuts):
            asked = dict(zip(named, choice, strict=True))
            asked[Finished] = _Interval(number, number)
            if root.possible(asked) == (number, number):
                yield Counts.of(Counter(dict(root.filled(number, asked))))


def _intervals(parts: Sequence[Atom], number: int) -> list[_Interval]:
    """Split the numbers of leaves of a kind into intervals within which no atom of the kind changes its truth value."""
    begins = {0, number + 1}
    for atom in parts:
        begins.update(begin for begin in _begins(atom, number) if 0 < begin <= number)
    return [_Interval(begin, after - 1) for begin, after in pairwise(sorted(begins))]


def _begins(atom: Atom, number: int) -> tuple[int, ...]:
    """Return the numbers of leaves from which on an atom may have another truth value."""
    if atom.word in ("some", "none"):
        return (1,)
    if atom.word == "every":
        return (number,)
    if atom.word == "share":
        hi = Fraction(1 if atom.hi is None else atom.hi)
        return math.ceil(atom.lo * number), math.floor(hi * number) + 1
    return int(atom.lo), number + 1 if atom.hi is None else int(atom.hi) + 1


def truth_table(
    *triggers: Trigger,
    kinds: Sequence[type[State[Any]]] = (Success, Skipped, Failed, Cancelled, Pending),
    most: int = 2,
) -> str:
    """Return the verdicts of triggers on every choice of upstreams, as a Markdown table that reads well as text.

    Args:
        triggers: One for each column.
        kinds: The kinds of the upstreams; Pending represents every unfinished kind.
        most: The largest number of upstreams.

    Raises:
        TypeError: A kind is abstract, a meta-state or one with children.
    """
    heads = ["upstream", *(f"`{trigger.name}`" for trigger in triggers)]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for size in range(most + 1):
        for chosen in combinations_with_replacement(kinds, size):
            counts = Counts.of(Counter(chosen))
            lines.append(_line([str(counts), *(trigger.verdict(counts).name for trigger in triggers)]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
