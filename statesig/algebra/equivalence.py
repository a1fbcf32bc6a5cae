"""What triggers say of all that can be upstream: where two of them differ, and their tables as text.

Nothing here samples. Kinds are a tree, and a predicate sees of the leaves no more than how many are of the kinds that
it names; which of these numbers are possible together follows from the tree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement, pairwise, product
from typing import Any, NamedTuple

from statesig.algebra.counts import Counts, is_of_some
from statesig.algebra.predicates import Atom, atoms
from statesig.algebra.triggers import Trigger
from statesig.states import Cancelled, Failed, Finished, Mapped, Pending, Skipped, State, Success
from statesig.states.families import descendants

__all__ = ["difference", "equivalent", "truth_table"]

_MOST = 20_000
"""How many upstreams are looked at."""


def equivalent(one: Trigger, other: Trigger) -> bool:
    """Tell whether two triggers say the same of all finished upstreams, however many, resumed or not.

    While upstreams are unfinished the one may know earlier than the other: ``finished()`` is equivalent to
    ``always()``, and waits.

    Raises:
        ValueError: Their parts of all are too fine for that to be told; see `difference`.
    """
    return difference(one, other) is None


def difference(one: Trigger, other: Trigger) -> Counts | None:
    """Return upstreams of which two triggers say different things, as few as do; None if they are equivalent.

    Exact: it looks at as many upstreams as can matter. That is at most the sum of the bounds and two for each
    predicate, times the common denominator of the parts of all.

    Raises:
        ValueError: That is more than 20,000, and up to there they say the same.
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
            f"they say the same of up to {_MOST:,} upstreams, and may differ in up to {enough:,}; to tell, smaller "
            "bounds or coarser parts are needed"
        )
    return None


def _enough(parts: Sequence[Atom]) -> int:
    """Return a number of upstreams beyond which nothing new can be.

    Whether a choice of truths is possible for n upstreams is a system of inequalities between sums of bounds and of
    parts of n, rounded. Along n = r, r + d, r + 2d, ..., d the common denominator, each is linear, so that n where all
    hold are an interval; its begin is where a falling one is no longer above 0. It falls by at least 1 each time, and
    is at first at most the sum of the bounds, and one for each rounding, of which an atom has two.
    """
    bounds = sum(_bounds(atom) for atom in parts)
    denominators = [Fraction(bound).denominator for atom in parts for bound in (atom.lo, atom.hi or 0)]
    return math.lcm(*denominators) * (bounds + 2 * len(parts) + 1)


def _bounds(atom: Atom) -> int:
    if atom.word in ("some", "none"):
        return 1
    return int(atom.lo) + int(atom.hi or 0) + 1 if atom.word == "between" else 0


class _Interval(NamedTuple):
    """Whole numbers from the one to the other; none if the one is greater."""

    least: int
    most: float


class _Node:
    """A kind that predicates name, or the root of all final ones, with the named kinds next below it.

    Attributes:
        kind: The kind.
        below: The named kinds next below.
        rest: A class of this kind and of none below; None where there is none.
    """

    def __init__(self, kind: type[State[Any]], named: Sequence[type[State[Any]]]) -> None:
        self.kind = kind
        under = [cls for cls in named if cls is not kind and issubclass(cls, kind)]
        next_below = [cls for cls in under if not any(cls is not up and issubclass(cls, up) for up in under)]
        self.below = [_Node(cls, named) for cls in next_below]
        classes: list[Any] = [kind] if not kind.__abstract__ else list(descendants(kind))
        self.rest: type[State[Any]] | None = next(
            (cls for cls in classes if not issubclass(cls, (Mapped, *next_below))), None
        )

    def possible(self, asked: dict[type[State[Any]], _Interval]) -> _Interval:
        """Return how many leaves can be of this kind, where all kinds from here down are to be within intervals."""
        inner = [node.possible(asked) for node in self.below]
        if any(one.least > one.most for one in inner):
            return _Interval(1, 0)
        most = math.inf if self.rest is not None else sum(one.most for one in inner)
        own = asked.get(self.kind, _Interval(0, math.inf))
        return _Interval(max(own.least, sum(one.least for one in inner)), min(own.most, most))

    def filled(self, number: int, asked: dict[type[State[Any]], _Interval]) -> Iterator[tuple[type[State[Any]], int]]:
        """Yield classes and how many leaves of each, so many together, that are within the intervals."""
        inner = [node.possible(asked) for node in self.below]
        more = number - sum(one.least for one in inner)
        for node, one in zip(self.below, inner, strict=True):
            added = 0 if self.rest is not None else int(min(more, one.most - one.least))
            more -= added
            yield from node.filled(one.least + added, asked)
        if self.rest is not None and more:
            yield self.rest, more


def _all_counts(parts: Sequence[Atom], most: int) -> Iterator[Counts]:
    """Yield counts of final leaves, the smallest first: one for each choice of truths of the atoms that is possible."""
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
    """Return the intervals of how many leaves are of a kind, in each of which all atoms of it keep one truth."""
    begins = {0, number + 1}
    for atom in parts:
        begins.update(begin for begin in _begins(atom, number) if 0 < begin <= number)
    return [_Interval(begin, after - 1) for begin, after in pairwise(sorted(begins))]


def _begins(atom: Atom, number: int) -> tuple[int, ...]:
    """Return from where on an atom may be true where it was not, or the other way round."""
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
    """Return what triggers say of every choice of upstreams as a table in Markdown, which is as easily read as it is.

    Args:
        triggers: One for each column.
        kinds: Of which the upstreams are; Pending stands for whatever is not finished.
        most: How many upstreams there are at most.

    Raises:
        TypeError: A kind is abstract, a Mapped or a meta-state.
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
