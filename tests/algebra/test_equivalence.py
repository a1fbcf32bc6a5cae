"""Which triggers say the same: the laws of composition, exactly, and the tables of what they say."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import pytest

from statesig import (
    FAIL,
    PAUSE,
    SKIP,
    Cancelled,
    Counts,
    Failed,
    Finished,
    MapCancelled,
    MapFailed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Skipped,
    State,
    Success,
    Trigger,
    TriggerFailed,
    all_failed,
    all_finished,
    all_successful,
    always,
    always_run,
    any_failed,
    any_successful,
    between,
    equivalent,
    every,
    finished,
    manual_only,
    none,
    none_skipped,
    not_all_skipped,
    share,
    some,
    truth_table,
)
from statesig.algebra.equivalence import difference
from tests.harness.cases import at_once
from tests.harness.exhaustive import one_in
from tests.samples.kinds import Quarantined, Sealed

TRIGGERS = (
    every(Success),
    some(Failed),
    none(Skipped).otherwise(SKIP),
    between(Failed, 1, 2),
    share(Success, "1/2").otherwise(PAUSE),
    some(Quarantined),
    finished(),
    always(),
    manual_only,
    not_all_skipped,
)


def all_counts(kinds: Sequence[type[State[Any]]], most: int) -> list[Counts]:
    """Return the counts of all multisets of up to so many leaves."""
    return [
        Counts.of(Counter(chosen)) for size in range(most + 1) for chosen in combinations_with_replacement(kinds, size)
    ]


COUNTS = all_counts((Success, Skipped, Failed, Quarantined, Cancelled, Pending), 3)
DONE = all_counts((Success, Skipped, Failed, Quarantined, Cancelled), 5)

each = pytest.mark.parametrize("a", TRIGGERS, ids=lambda one: one.name)
half = pytest.mark.parametrize("a", one_in(2, TRIGGERS, others=pytest.mark.thorough), ids=lambda one: one.name)
triples = pytest.mark.parametrize(
    ("a", "b", "c"),
    one_in(10, list(product(TRIGGERS[:6] + TRIGGERS[8:9], repeat=3)), others=pytest.mark.thorough),
    ids=lambda one: one.name,
)


def same(one: Trigger, other: Trigger) -> bool:
    """Tell whether two triggers say the same of all counts of up to three upstreams, waits included, resumed or not."""
    return all(
        one.verdict(counts, resumed=resumed) is other.verdict(counts, resumed=resumed)
        for counts in COUNTS
        for resumed in (False, True)
    )


@at_once
@each
def test_composition_is_commutative(a: Trigger) -> None:
    """``a & b == b & a`` and ``a | b == b | a``, waits included."""
    for b in TRIGGERS:
        assert (True, True) == (same(a & b, b & a), same(a | b, b | a))


@at_once
@triples
def test_composition_is_associative(a: Trigger, b: Trigger, c: Trigger) -> None:
    """``a & (b & c) == (a & b) & c`` and the same of ``|``, waits included."""
    assert (True, True) == (same(a & (b & c), (a & b) & c), same(a | (b | c), (a | b) | c))


@at_once
@each
def test_composition_is_idempotent(a: Trigger) -> None:
    """``a & a == a`` and ``a | a == a``, waits included."""
    assert (True, True) == (same(a & a, a), same(a | a, a))


@at_once
@half
def test_composition_absorbs(a: Trigger) -> None:
    """``a & (a | b) == a`` and ``a | (a & b) == a``, waits included."""
    for b in TRIGGERS:
        assert (True, True) == (same(a & (a | b), a), same(a | (a & b), a))


@at_once
@triples
def test_composition_distributes(a: Trigger, b: Trigger, c: Trigger) -> None:
    """``a & (b | c) == (a & b) | (a & c)`` and the same the other way, waits included."""
    assert same(a & (b | c), (a & b) | (a & c))
    assert same(a | (b & c), (a | b) & (a | c))


@at_once
@half
def test_de_morgan(a: Trigger) -> None:
    """``~(a & b) == ~a | ~b`` and ``~(a | b) == ~a & ~b``, waits included."""
    for b in TRIGGERS:
        assert (True, True) == (same(~(a & b), ~a | ~b), same(~(a | b), ~a & ~b))


@at_once
@each
def test_negation_is_an_involution(a: Trigger) -> None:
    """``~~a == a``, waits included."""
    assert same(~~a, a)


@at_once
@pytest.mark.parametrize("signal", [FAIL, SKIP, PAUSE])
@pytest.mark.parametrize("a", [one for one in TRIGGERS if one is not manual_only], ids=lambda one: one.name)
def test_complements(a: Trigger, signal: Any) -> None:
    """``a | ~a == always()`` and ``a & ~a == ~always()``, where all say one thing otherwise; once all is finished."""
    a = a.otherwise(signal)
    assert equivalent(a | ~a, always())
    assert equivalent(a & ~a, (~always()).otherwise(signal))


@at_once
@each
def test_identities(a: Trigger) -> None:
    """``a & always() == a`` and ``a | ~always() == a`` where the latter says no less than a; `always` takes up any."""
    for b in TRIGGERS:
        assert (True, True) == (same(a & always(), a), same(a | b | always(), always()))


# ---- equivalence is exact

EQUIVALENT = [
    (finished(), always()),
    (all_finished, always_run),
    (every(Failed), share(Failed, 1)),
    (every(Failed), share(Failed, 1, 1)),
    (some(Failed), between(Failed, 1)),
    (some(Failed), ~none(Failed)),
    (none(Failed), between(Failed, 0, 0)),
    (none(Failed), share(Failed, 0, 0)),
    (every(Success), none(Failed) & none(Cancelled)),
    (every(Skipped), every(Skipped) & every(Success)),
    (some(Quarantined) & some(Failed), some(Quarantined)),
    (between(Failed, 1, 3), between(Failed, 1) & ~between(Failed, 4)),
    (share(Failed, "1/2", "1/2"), share(Failed, "1/2") & share(Failed, 0, "1/2")),
    (share(Failed, "0.7"), share(Failed, "0.7") & some(Failed)),
    (share(Failed, "2/3") & share(Success, "2/3"), ~always()),
    (share(Failed, "1/2") & share(Success, "1/2") & some(Cancelled), ~always()),
    (some(Success) | some(Failed) | some(Cancelled), always()),
    (every(State), always()),
    (every(Finished), always()),
    (some(Mapped), ~always()),
    (some(MapFailed) | some(MapCancelled), ~always()),
    (none(Pending), always()),
    (manual_only, manual_only & always()),
    (manual_only.otherwise(PAUSE), manual_only),
    (all_successful.otherwise(FAIL), every(Success)),
]
DIFFERENT = [
    (every(Success), none(Failed), {Cancelled: 1}),
    (every(Success), none(Failed) & none(Cancelled) & none(Skipped), {Skipped: 1}),
    (share(Failed, "0.3"), ~share(Failed, 0, "0.3"), {Failed: 3, Success: 7}),
    (share(Failed, "1/2"), some(Failed), {Failed: 1, Success: 2}),
    (share(Failed, "0.333"), share(Failed, "1/3"), None),
    (between(Failed, 0, 99), always(), {Failed: 100}),
    (some(Quarantined), some(Failed), {Failed: 1}),
    (some(Sealed), some(Quarantined), {Quarantined: 1}),
    (any_failed, any_failed.otherwise(SKIP), {Success: 1}),
    (manual_only, always().otherwise(PAUSE), {}),
    (manual_only, ~always().otherwise(PAUSE), {}),
    (finished(), ~always(), {Success: 1}),
]


@at_once
@pytest.mark.parametrize(("one", "other"), EQUIVALENT, ids=lambda trigger: trigger.name)
def test_equivalent_triggers(one: Trigger, other: Trigger) -> None:
    """They say the same of all finished upstreams, however many."""
    assert (True, True, None) == (equivalent(one, other), equivalent(other, one), difference(one, other))


@at_once
@pytest.mark.parametrize(("one", "other", "least"), DIFFERENT, ids=lambda one: getattr(one, "name", ""))
def test_triggers_that_differ(one: Trigger, other: Trigger, least: Any) -> None:
    """Triggers that are not equivalent differ where it is said, and that is as few upstreams as can be."""
    assert (False, False) == (equivalent(one, other), equivalent(other, one))
    found = difference(one, other)
    assert found is not None
    assert any(one.verdict(found, resumed=r) is not other.verdict(found, resumed=r) for r in (False, True))
    assert least is None or Counts.of(least) == found


@at_once
@half
def test_equivalence_is_what_looking_at_all_finds(a: Trigger) -> None:
    """`equivalent` agrees with a look at all finished upstreams of up to five, for triggers and their compositions."""
    for b in TRIGGERS:
        for one, other in ((a, b), (a & b, a), (a | b, b), (a & ~b, a & b), (a, a | (b & ~b))):
            alike = all(
                one.verdict(counts, resumed=resumed) is other.verdict(counts, resumed=resumed)
                for counts in DONE
                for resumed in (False, True)
            )
            assert alike is equivalent(one, other), (one, other)


@pytest.mark.thorough
def test_what_would_take_too_long_is_refused() -> None:
    """Where more upstreams would have to be looked at than is bearable, that is said instead of guessed."""
    one = share(Failed, "0.1234567891")
    with pytest.raises(ValueError, match="agree on up to 20,000 upstreams"):
        equivalent(one, one & some(Failed))
    assert not equivalent(one, some(Failed))


# ---- tables


def test_a_truth_table_is_text() -> None:
    """A row for every choice of upstreams, a column for each trigger, in Markdown."""
    expected = """
| upstream | `all_successful` | `some(Failed) \\| none(Skipped)` |
| --- | --- | --- |
| no upstream | RUN | RUN |
| 1 Success | RUN | RUN |
| 1 Skipped | RUN | FAIL |
| 1 Failed | FAIL | RUN |
| 1 Pending | WAIT | WAIT |
"""
    table = truth_table(all_successful, any_failed | none_skipped, kinds=(Success, Skipped, Failed, Pending), most=1)
    assert expected.strip() == table


def test_a_truth_table_says_what_the_trigger_says() -> None:
    """Each cell is the verdict on the states of its row, for all kinds that it is made of."""
    kinds = (Success, TriggerFailed, Retrying, Paused)
    rows = truth_table(any_successful, all_failed, kinds=kinds, most=3).splitlines()[2:]
    choices = [chosen for size in range(4) for chosen in combinations_with_replacement(kinds, size)]
    assert len(choices) == len(rows)
    for chosen, row in zip(choices, rows, strict=True):
        states = [kind() for kind in chosen]
        verdicts = [trigger.verdict(states).name for trigger in (any_successful, all_failed)]
        assert verdicts == row.strip("| ").split(" | ")[1:], row


def test_a_truth_table_takes_a_users_kinds() -> None:
    """A kind with required fields has its row, though no state of it is made."""
    assert "| 1 Sealed | RUN |" in truth_table(some(Quarantined), kinds=(Sealed,)).splitlines()
