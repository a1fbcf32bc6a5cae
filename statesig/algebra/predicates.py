"""Predicates over the counts of upstream states, and the expressions that they compose.

Evaluation is three-valued. A verdict is a severity, from RUN to FAIL. The severities that an expression can still have
are a range, and it gives a verdict once that range is one point. So a verdict never changes: later states only narrow
the range.

An expression keeps its negations at its atoms, by De Morgan's laws, which hold here by definition.
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
    """The verdict of a trigger: run, one of three ways not to run, or wait, since it is too early to tell."""

    RUN = "run"
    FAIL = "fail"
    SKIP = "skip"
    PAUSE = "pause"
    WAIT = "wait"

    def __bool__(self) -> bool:
        raise TypeError("a verdict is neither true nor false; compare it: verdict is Verdict.RUN")


# PAUSE is next to RUN since resuming turns the one into the other, and must keep the order of all others.
_BY_SEVERITY: Final = (Verdict.RUN, Verdict.PAUSE, Verdict.SKIP, Verdict.FAIL)
_SEVERITY: Final = {verdict: severity for severity, verdict in enumerate(_BY_SEVERITY)}
_RUN: Final = _SEVERITY[Verdict.RUN]

_DEEPEST = 40
"""How deep ``&`` and ``|`` may alternate; keeps the JSON of an expression within the limits of the reader."""

Word = Literal["every", "some", "none", "between", "share", "finished", "always", "manual_only"]


@dataclass(frozen=True, slots=True)
class Atom:
    """One predicate, and the verdict if it does not hold.

    Args:
        word: The name of the predicate.
        kind: The kind that it counts.
        lo, hi: Its bounds, inclusive: whole numbers, or parts of all; None: no upper bound.
        is_negated: Whether it holds if the predicate does not.
        rest: The verdict if it does not hold.
    """

    word: Word
    kind: type[State[Any]] = Finished
    lo: int | Fraction = 0
    hi: int | Fraction | None = None
    is_negated: bool = False
    rest: Verdict = Verdict.FAIL

    def holds(self, counts: Counts, resumed: bool) -> bool | None:
        """Tell whether it holds however the unfinished finish: True, False, or None if that depends.

        Without upstreams every predicate holds, negated or not, except `manual_only`, which asks for a person.
        """
        if self.word == "manual_only":
            return resumed is not self.is_negated
        if not counts.total:
            return True
        found = _HOLDS[self.word](self, counts)
        return found if found is None else found is not self.is_negated

    @property
    def text(self) -> str:
        """The predicate as source text."""
        return f"{'~' * self.is_negated}{self.word}{_ARGUMENTS[self.word](self)}"


@dataclass(frozen=True, slots=True)
class Compound:
    """Expressions of which all (``&``) or one (``|``) must hold; the verdict is their most severe, or their least.

    Args:
        operator: ``&`` or ``|``.
        parts: Two or more, none of them of the same operator.
    """

    operator: Literal["&", "|"]
    parts: tuple[Expression, ...]


Expression = Atom | Compound


def composed(operator: Literal["&", "|"], given: Iterable[Expression]) -> Expression:
    """Compose expressions, each of them once, in their order.

    Raises:
        ValueError: The composition would be nested too deep.
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
    """Negate an expression; each atom keeps its verdict for when it does not hold."""
    if isinstance(expression, Atom):
        return replace(expression, is_negated=not expression.is_negated)
    operator: Literal["&", "|"] = "|" if expression.operator == "&" else "&"
    return Compound(operator, tuple(map(negated, expression.parts)))


def with_rest(expression: Expression, rest: Verdict) -> Expression:
    """Return an expression whose atoms all have one verdict for when they do not hold."""
    if isinstance(expression, Atom):
        return replace(expression, rest=rest)
    return composed(expression.operator, (with_rest(part, rest) for part in expression.parts))


def atoms(expression: Expression) -> list[Atom]:
    """Return the atoms of an expression, from left to right."""
    if isinstance(expression, Atom):
        return [expression]
    return [atom for part in expression.parts for atom in atoms(part)]


def verdict_of(expression: Expression, counts: Counts, resumed: bool) -> Verdict:
    """Return the verdict of an expression on the counts; WAIT while more than one is possible."""
    least, most = _severities(expression, counts, resumed)
    return _BY_SEVERITY[least] if least == most else Verdict.WAIT


def _severities(expression: Expression, counts: Counts, resumed: bool) -> tuple[int, int]:
    """Return the least and the greatest severity that an expression can still have."""
    if isinstance(expression, Atom):
        holds = expression.holds(counts, resumed)
        if holds:
            return _RUN, _RUN
        rest = _SEVERITY[expression.rest]
        if holds is None:
            return _RUN, rest  # resumed or not: to resume a task does not make it run before its upstreams
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

    An unfinished upstream may turn out to be any number of leaves, so every part between none and all is still
    possible; none is impossible after a hit, and all is impossible after a miss.
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
