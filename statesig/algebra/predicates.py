"""Predicates over the counts of what is upstream, and what they make together.

Evaluation is three-valued. A verdict is a severity, from RUN to FAIL; what an expression can still say is a range of
severities, and it says something once that range is one point. So a verdict never changes: what comes later only
narrows the range.

An expression is kept with its negations at its atoms, by De Morgan's laws, which hold here by definition.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, Literal

from statesig.algebra.counts import Counts
from statesig.states import Finished, State

__all__ = ["Atom", "Compound", "Expression", "Verdict", "atoms", "composed", "negated", "verdict_of", "with_rest"]


class Verdict(enum.Enum):
    """What a trigger says: run, one of the three ways not to, or that it is too early to tell."""

    RUN = "run"
    FAIL = "fail"
    SKIP = "skip"
    PAUSE = "pause"
    WAIT = "wait"


# PAUSE is next to RUN, as a person can turn the one into the other: resuming keeps the order of all others.
_BY_SEVERITY: Final = (Verdict.RUN, Verdict.PAUSE, Verdict.SKIP, Verdict.FAIL)
_SEVERITY: Final = {verdict: severity for severity, verdict in enumerate(_BY_SEVERITY)}
_RUN: Final = _SEVERITY[Verdict.RUN]

_DEEPEST = 40
"""How deep ``&`` and ``|`` may alternate: what is written as JSON is within the limits of what is read."""

Word = Literal["every", "some", "none", "between", "share", "finished", "always", "manual_only"]


@dataclass(frozen=True, slots=True)
class Atom:
    """One predicate, and the verdict where it does not hold.

    Args:
        word: Which predicate.
        kind: What it counts.
        lo, hi: The bounds that it was given, inclusive: whole numbers, or parts of all; None: as many as there are.
        is_negated: Whether it holds where the predicate does not.
        rest: The verdict where it does not hold.
    """

    word: Word
    kind: type[State[Any]] = Finished
    lo: int | Fraction = 0
    hi: int | Fraction | None = None
    is_negated: bool = False
    rest: Verdict = Verdict.FAIL

    def holds(self, counts: Counts, resumed: bool) -> bool | None:
        """Tell whether it holds however the unfinished finish: True, False, or None where that depends.

        Without upstreams everything holds, negated or not, but what asks for a person.
        """
        if self.word == "manual_only":
            return resumed is not self.is_negated
        if not counts.total:
            return True
        found = _HOLDS[self.word](self, counts)
        return found if found is None else found is not self.is_negated

    @property
    def text(self) -> str:
        """The predicate as it is written."""
        return f"{'~' * self.is_negated}{self.word}{_ARGUMENTS[self.word](self)}"


@dataclass(frozen=True, slots=True)
class Compound:
    """Expressions of which all (``&``) or one (``|``) must hold; the most severe says, or the least.

    Args:
        operator: Which.
        parts: Two or more, none of them of the same operator.
    """

    operator: Literal["&", "|"]
    parts: tuple[Expression, ...]


Expression = Atom | Compound


def composed(operator: Literal["&", "|"], given: Iterable[Expression]) -> Expression:
    """Return what expressions make together, each of them once, in their order.

    Raises:
        ValueError: It would be nested too deep.
    """
    parts: dict[Expression, None] = {}
    for one in given:
        same = isinstance(one, Compound) and one.operator == operator
        parts.update(dict.fromkeys(one.parts if isinstance(one, Compound) and same else (one,)))
    if len(parts) == 1:
        return next(iter(parts))
    made = Compound(operator, tuple(parts))
    if _depth(made) > _DEEPEST:
        raise ValueError(f"& and | may alternate {_DEEPEST} levels deep, and this would be deeper")
    return made


def negated(expression: Expression) -> Expression:
    """Return what holds where an expression does not; each atom keeps the verdict it has where it does not hold."""
    if isinstance(expression, Atom):
        return replace(expression, is_negated=not expression.is_negated)
    operator: Literal["&", "|"] = "|" if expression.operator == "&" else "&"
    return Compound(operator, tuple(map(negated, expression.parts)))


def with_rest(expression: Expression, rest: Verdict) -> Expression:
    """Return an expression with one verdict where it does not hold."""
    if isinstance(expression, Atom):
        return replace(expression, rest=rest)
    return composed(expression.operator, (with_rest(part, rest) for part in expression.parts))


def atoms(expression: Expression) -> list[Atom]:
    """Return the atoms of an expression, from left to right."""
    if isinstance(expression, Atom):
        return [expression]
    return [atom for part in expression.parts for atom in atoms(part)]


def verdict_of(expression: Expression, counts: Counts, resumed: bool) -> Verdict:
    """Return what an expression says of what is upstream; WAIT where it can still say one thing or another."""
    least, most = _severities(expression, counts, resumed)
    return _BY_SEVERITY[least] if least == most else Verdict.WAIT


def _severities(expression: Expression, counts: Counts, resumed: bool) -> tuple[int, int]:
    """Return the least and the most severe that an expression can still say."""
    if isinstance(expression, Atom):
        holds = expression.holds(counts, resumed)
        if holds:
            return _RUN, _RUN
        rest = _SEVERITY[expression.rest]
        if holds is None:
            return _RUN, rest  # resumed or not: a person's word does not make a task run before its upstreams
        return (_RUN, _RUN) if resumed and expression.rest is Verdict.PAUSE else (rest, rest)
    ranges = [_severities(part, counts, resumed) for part in expression.parts]
    pick = max if expression.operator == "&" else min
    return pick([least for least, _ in ranges]), pick([most for _, most in ranges])


def _depth(expression: Expression) -> int:
    return 0 if isinstance(expression, Atom) else 1 + max(map(_depth, expression.parts))


# ---- one predicate


def _every(atom: Atom, counts: Counts) -> bool | None:
    least, most = counts.others_at_the_end(atom.kind)
    return True if not most else None if not least else False


def _between(atom: Atom, counts: Counts) -> bool | None:
    least, most = counts.at_the_end(atom.kind)
    lo, hi = _BOUNDS.get(atom.word, (atom.lo, atom.hi))
    if most < lo or (hi is not None and least > hi):
        return False
    return True if lo <= least and (hi is None or most <= hi) else None


_BOUNDS: dict[str, tuple[int, int | None]] = {"some": (1, None), "none": (0, 0)}


def _share(atom: Atom, counts: Counts) -> bool | None:
    """Compare a part of all with its bounds, in whole numbers.

    While something is unfinished, which may turn out to be any number of leaves, every part between none and all is
    still possible; none is not, once there is a hit, and all is not, once there is something else.
    """
    (hits, most_hits), (others, most_others) = counts.at_the_end(atom.kind), counts.others_at_the_end(atom.kind)
    lo, hi = Fraction(atom.lo), Fraction(1 if atom.hi is None else atom.hi)
    if not counts.unfinished or not most_hits or not most_others:
        total = hits + others
        return lo.numerator * total <= hits * lo.denominator and hits * hi.denominator <= hi.numerator * total
    if lo == 0 and hi == 1:
        return True
    return False if (hi == 0 and hits) or (lo == 1 and others) else None


def _finished(atom: Atom, counts: Counts) -> bool | None:
    return None if counts.unfinished else True


def _always(atom: Atom, counts: Counts) -> bool | None:
    return True


_HOLDS: dict[str, Callable[[Atom, Counts], bool | None]] = {
    "every": _every,
    "some": _between,
    "none": _between,
    "between": _between,
    "share": _share,
    "finished": _finished,
    "always": _always,
}


def _of_kind(atom: Atom) -> str:
    return f"({atom.kind.__name__})"


def _of_bounds(atom: Atom) -> str:
    return f"({atom.kind.__name__}, {atom.lo}, {atom.hi})"


def _of_parts(atom: Atom) -> str:
    most = "" if atom.hi == 1 else f", {str(atom.hi)!r}"
    return f"({atom.kind.__name__}, {str(atom.lo)!r}{most})"


_ARGUMENTS: dict[str, Callable[[Atom], str]] = {
    "every": _of_kind,
    "some": _of_kind,
    "none": _of_kind,
    "between": _of_bounds,
    "share": _of_parts,
    "finished": lambda atom: "()",
    "always": lambda atom: "()",
    "manual_only": lambda atom: "",
}
