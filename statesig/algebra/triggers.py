"""Triggers: decide from the upstream states whether a task may run.

A trigger is a predicate over the upstream states, and the verdict if it does not hold. While upstreams are unfinished,
it gives a verdict only if every way of finishing gives the same: no verdict changes, and no order of arrival matters.

The laws, once all upstreams are finished, and the tests that check them. ``==`` is `equivalent`::

    a & b == b & a,  a | b == b | a                     test_composition_is_commutative
    a & (b & c) == (a & b) & c,  the same of |          test_composition_is_associative
    a & a == a,  a | a == a                             test_composition_is_idempotent
    a & (a | b) == a,  a | (a & b) == a                 test_composition_absorbs
    a & (b | c) == (a & b) | (a & c),  the same of |    test_composition_distributes
    ~(a & b) == ~a | ~b,  ~(a | b) == ~a & ~b           test_de_morgan
    ~~a == a                                            test_negation_is_an_involution
    a | ~a == always(),  a & ~a == ~always()            test_complements

All but the last line hold while triggers wait, too. The last holds if all triggers have the same verdict otherwise, and
none is `manual_only`, which asks for a person even without upstreams.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn, Self

from typing_extensions import override

from statesig.algebra.counts import Counts, counted
from statesig.algebra.predicates import Atom, Expression, Verdict, Word, composed, negated, verdict_of, with_rest
from statesig.signals import FAIL, PAUSE, SKIP, Signal
from statesig.states import Failed, Skipped, State, Success

__all__ = [
    "Counts",
    "Judgement",
    "SkipPolicy",
    "Trigger",
    "Verdict",
    "all_failed",
    "all_finished",
    "all_skipped",
    "all_successful",
    "always",
    "always_run",
    "any_failed",
    "any_successful",
    "between",
    "every",
    "finished",
    "manual_only",
    "none",
    "none_skipped",
    "not_all_skipped",
    "share",
    "some",
    "some_failed",
    "some_successful",
]


class SkipPolicy(enum.Enum):
    """The effect of a skipped upstream on a task.

    SUCCESS: it counts as a success, the default. PROPAGATE: it skips the task before the trigger is evaluated, as
    Prefect 0.5.1's runner did. FAILURE_FIRST: a failed trigger fails the task; else any skipped upstream skips it.
    """

    SUCCESS = "success"
    PROPAGATE = "propagate"
    FAILURE_FIRST = "failure_first"


_OTHERWISE: dict[type[Signal[Any]], Verdict] = {FAIL: Verdict.FAIL, SKIP: Verdict.SKIP, PAUSE: Verdict.PAUSE}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with the trigger and the counts behind it.

    Args:
        verdict: The verdict.
        trigger: The trigger's name.
        counts: The number of upstream leaves of each tag, in the order in which the tags arrived.
    """

    verdict: Verdict
    trigger: str
    counts: tuple[tuple[str, int], ...]

    @property
    def message(self) -> str:
        """The message of the resulting state: ``trigger all_successful: 2 Success, 1 Failed``."""
        counts = ", ".join(f"{number} {tag}" for tag, number in self.counts)
        return f"trigger {self.trigger}: {counts or 'no upstream'}"


@dataclass(frozen=True, slots=True, repr=False)
class Trigger:
    """A predicate over upstream states, and the verdict if it does not hold: FAIL, unless `otherwise` sets another.

    `every`, `some`, `none`, `between`, `share`, `finished` and `always` make triggers; ``&``, ``|`` and ``~`` compose
    them. ``&`` gives the most severe verdict of its parts and ``|`` the least, in the order RUN, PAUSE, SKIP, FAIL. So
    ``every(Success) & none(Skipped).otherwise(SKIP)`` fails after a failure, skips after a skip alone, and else runs.

    A single predicate is exact: it waits only while two ways of finishing give two verdicts, except `finished`, which
    waits by definition. A composition gives no verdict that could change either, but may wait although its outcome is
    certain, as does ``a | ~a``, or ``some(Failed) | every(Success)`` where nothing can be cancelled.

    Triggers are equal if they are composed alike and have the same name; `equivalent` ones give the same verdicts.
    """

    expression: Expression
    label: str | None = field(default=None)

    @property
    def name(self) -> str:
        """Its name in messages: the name that `called` gave it, else its expression as text."""
        return self.label if self.label is not None else _text(self.expression, rests=False)

    def called(self, name: str) -> Self:
        """Return this trigger under another name.

        Raises:
            ValueError: The name is empty.
        """
        if not name:
            raise ValueError("a trigger's name appears in messages, and may not be empty")
        return replace(self, label=name)

    def otherwise(self, signal: type[FAIL] | type[SKIP] | type[PAUSE]) -> Self:
        """Return this trigger with another verdict, in all its parts, for when it does not hold.

        Raises:
            ValueError: The signal is not FAIL, SKIP or PAUSE.
        """
        given: Any = signal
        verdict = _OTHERWISE.get(given) if isinstance(given, type) else None
        if verdict is None:
            what = given.__name__ if isinstance(given, type) else f"an object of class {type(given).__name__}"
            raise ValueError(f"a trigger can say FAIL, SKIP or PAUSE otherwise, not {what}")
        return replace(self, expression=with_rest(self.expression, verdict))

    def verdict(self, upstream: Iterable[State[Any]] | Counts, *, resumed: bool = False) -> Verdict:
        """Return the verdict on the upstream states.

        A verdict other than WAIT stays, however the unfinished finish. With counts, the time does not depend on the
        number of upstreams.

        Args:
            upstream: A state for each upstream (one with children counts as these, a meta-state as the state it wraps),
                or their counts, kept up to date.
            resumed: Whether a person has resumed the task in this run; a trigger that would pause then passes.
        """
        counts = upstream if isinstance(upstream, Counts) else Counts(upstream)
        return verdict_of(self.expression, counts, resumed)

    def judge(self, upstream: Iterable[State[Any]] | Counts, *, resumed: bool = False) -> Judgement:
        """Return the verdict with the trigger's name and the counts; ``t.judge(xs).verdict is t.verdict(xs)``.

        Args:
            upstream: As for `verdict`.
            resumed: As for `verdict`.
        """
        counts = upstream if isinstance(upstream, Counts) else Counts(upstream)
        return Judgement(verdict_of(self.expression, counts, resumed), self.name, tuple(counts.by_tag().items()))

    def __and__(self, other: Trigger) -> Trigger:
        """Return the trigger that holds if both do."""
        return Trigger(composed("&", (self.expression, other.expression))) if _is_trigger(other) else NotImplemented

    def __or__(self, other: Trigger) -> Trigger:
        """Return the trigger that holds if either does."""
        return Trigger(composed("|", (self.expression, other.expression))) if _is_trigger(other) else NotImplemented

    def __invert__(self) -> Trigger:
        """Return the trigger that holds if this one does not."""
        return Trigger(negated(self.expression))

    def __bool__(self) -> NoReturn:
        raise TypeError("a trigger is neither true nor false; compose with & | ~, not with and, or, not")

    @override
    def __repr__(self) -> str:
        written = _text(self.expression, rests=True)
        return f"<trigger {written}>" if self.label in (None, written) else f"<trigger {self.label}: {written}>"


def _is_trigger(value: object) -> bool:
    return isinstance(value, Trigger)


def _text(expression: Expression, *, rests: bool) -> str:
    """Return an expression as source text, with or without the verdicts that `otherwise` set."""
    if isinstance(expression, Atom):
        usual = Verdict.PAUSE if expression.word == "manual_only" else Verdict.FAIL
        rest = expression.rest
        return expression.text if rest is usual or not rests else f"{expression.text}.otherwise({rest.name})"
    texts = [_text(part, rests=rests) for part in expression.parts]
    if expression.operator == "|":
        return " | ".join(texts)
    pairs = zip(expression.parts, texts, strict=True)
    return " & ".join(text if isinstance(part, Atom) else f"({text})" for part, text in pairs)


# ---- predicates


def every(kind: type[State[Any]]) -> Trigger:
    """Return the trigger that holds if all upstreams are of a kind, its descendants included.

    Raises:
        TypeError: It is not a class of states.
    """
    return _counting("every", kind)


def some(kind: type[State[Any]]) -> Trigger:
    """Return the trigger that holds if at least one upstream is of a kind, its descendants included.

    Raises:
        TypeError: It is not a class of states.
    """
    return _counting("some", kind)


def none(kind: type[State[Any]]) -> Trigger:
    """Return the trigger that holds if no upstream is of a kind, its descendants included.

    Raises:
        TypeError: It is not a class of states.
    """
    return _counting("none", kind)


def between(kind: type[State[Any]], lo: int = 0, hi: int | None = None) -> Trigger:
    """Return the trigger that holds if from `lo` to `hi` upstreams are of a kind, its descendants included.

    An unfinished upstream can turn out to be a Mapped of any number of children, so "at least `lo`" and "more than
    `hi`" can be certain early, and "at most `hi`" only at the end.

    Args:
        kind: The kind to count.
        lo: The least number, from 0.
        hi: The greatest number, from `lo`; None: no limit.

    Raises:
        TypeError: `kind` is not a class of states, or a bound is not a whole number.
        ValueError: A bound is negative, or no number is between them.
    """
    for bound in (lo, 0 if hi is None else hi):
        if type(bound) is not int:
            raise TypeError(f"a bound is a whole number, not {bound!r}; for a part of all take share()")
    if lo < 0 or (hi is not None and hi < lo):
        raise ValueError(f"bounds are from 0, the lower first, and no number is between {lo} and {hi}")
    return Trigger(Atom("between", counted(kind), lo, hi))


def share(kind: type[State[Any]], lo: Part, hi: Part = 1) -> Trigger:
    """Return the trigger that holds if at least a part of all upstreams, and at most another, is of a kind.

    The arithmetic is exact: three of ten upstreams are ``"0.3"``. An unfinished upstream can turn out to be a Mapped of
    any number of children, so a part between none and all is certain only at the end.

    Args:
        kind: The kind to count, its descendants included.
        lo: The least part, from 0 to 1: ``"0.3"``, ``"1/3"``, a Fraction, a Decimal, 0 or 1. Not a float, since
            the float 0.3 is not 3/10.
        hi: The greatest part; 1, all of them, by default.

    Raises:
        TypeError: `kind` is not a class of states, or a part is a float or not a number.
        ValueError: A part is not from 0 to 1, or no part is between them.
    """
    least, most = part_of_all(lo), part_of_all(hi)
    if most < least:
        raise ValueError(f"parts are given with the lower first, and none is between {least} and {most}")
    return Trigger(Atom("share", counted(kind), least, most))


def finished() -> Trigger:
    """Return the trigger that holds once all upstreams are finished, in any state; until then it waits."""
    return Trigger(Atom("finished"))


def always() -> Trigger:
    """Return the trigger that always holds, whether upstreams are finished or not."""
    return Trigger(Atom("always"))


def _counting(word: Word, kind: Any) -> Trigger:
    return Trigger(Atom(word, counted(kind)))


Part = str | int | Fraction | Decimal
"""An exact part of all."""

# A limit on the digits, so that a document cannot demand arithmetic with millions of them.
_PART = re.compile(r"\d{1,18}(\.\d{1,18})?|\.\d{1,18}|\d{1,18}/0*[1-9]\d{0,17}", re.ASCII)


def part_of_all(given: Any) -> Fraction:
    """Return a part of all as a fraction.

    Raises:
        TypeError: It is a float, or not a number.
        ValueError: It is not from 0 to 1.
    """
    if isinstance(given, float):
        raise TypeError(f"a part is exact, and a float is not; write {str(given)!r}, or Fraction for another part")
    if isinstance(given, bool) or not isinstance(given, (str, int, Fraction, Decimal)):
        raise TypeError(f"a part is a str, an int, a Fraction or a Decimal, not {type(given).__name__}")
    text = format(given, "f") if isinstance(given, Decimal) and -18 <= given.adjusted() <= 18 else str(given)
    if not _PART.fullmatch(text) or Fraction(text) > 1:
        shown = text if len(text) <= 40 else f"{text[:37]}..."
        raise ValueError(f"a part is from 0 to 1, as '0.3' and '1/3' are, of at most 18 digits, and {shown!r} is not")
    return Fraction(text)


# ---- named triggers


all_successful: Trigger = every(Success).called("all_successful")
"""All upstreams succeeded, skipped ones included. The default."""
all_failed: Trigger = every(Failed).called("all_failed")
"""All upstreams failed."""
any_successful: Trigger = some(Success).called("any_successful")
"""At least one upstream succeeded, skipped ones included."""
any_failed: Trigger = some(Failed).called("any_failed")
"""At least one upstream failed."""
all_finished: Trigger = finished().called("all_finished")
"""All upstreams are finished, in any state."""
all_skipped: Trigger = every(Skipped).called("all_skipped")
"""All upstreams were skipped."""
none_skipped: Trigger = none(Skipped).called("none_skipped")
"""No upstream was skipped."""
not_all_skipped: Trigger = (every(Success) & (~every(Skipped)).otherwise(SKIP)).called("not_all_skipped")
"""All upstreams succeeded, and not all were skipped; if all were, the task is skipped. From Prefect 1."""
always_run: Trigger = always().called("always_run")
"""Always, whether upstreams are finished or not."""
manual_only: Trigger = Trigger(Atom("manual_only", rest=Verdict.PAUSE))
"""Never automatically: it pauses, also without upstreams, until a person resumes the task."""


def some_successful(lo: int, hi: int | None = None) -> Trigger:
    """Return the trigger that holds if from `lo` to `hi` upstreams succeeded, skipped ones included.

    Raises:
        TypeError: A bound is not a whole number.
        ValueError: A bound is negative, or no number is between them.
    """
    return _named("some_successful", Success, lo, hi)


def some_failed(lo: int, hi: int | None = None) -> Trigger:
    """Return the trigger that holds if from `lo` to `hi` upstreams failed.

    Raises:
        TypeError: A bound is not a whole number.
        ValueError: A bound is negative, or no number is between them.
    """
    return _named("some_failed", Failed, lo, hi)


def _named(name: str, kind: type[State[Any]], lo: int, hi: int | None) -> Trigger:
    return between(kind, lo, hi).called(f"{name}({lo}, {hi})")
