"""Triggers: each against a plain restatement over all multisets of up to four upstreams; when they wait, and why."""

import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from inspect import signature
from itertools import combinations_with_replacement, permutations
from typing import Any

import pytest

from statesig import (
    FAIL,
    PAUSE,
    RETRY,
    SKIP,
    SUCCESS,
    TRIGGERFAIL,
    Cached,
    Cancelled,
    Counts,
    Crashed,
    Failed,
    Finished,
    Judgement,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Paused,
    Pending,
    Queued,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    Trigger,
    TriggerFailed,
    Verdict,
    all_failed,
    all_finished,
    all_skipped,
    all_successful,
    always,
    always_run,
    any_failed,
    any_successful,
    between,
    every,
    finished,
    manual_only,
    none,
    none_skipped,
    not_all_skipped,
    share,
    some,
    some_failed,
    some_successful,
)
from statesig.algebra.tables import SUCCESSORS
from tests.harness.cases import at_once
from tests.harness.exhaustive import exhaustive_but, one_in
from tests.samples.kinds import Quarantined
from tests.samples.samples import KINDS, bare, mapped

RUN, FAILED, WAIT, PAUSED, SKIPPED = Verdict.RUN, Verdict.FAIL, Verdict.WAIT, Verdict.PAUSE, Verdict.SKIP

# Meta-states and those with children stand for what is in them, and are tested apart.
LEAVES = tuple(bare(kind) for kind in KINDS if not issubclass(kind, (MetaState, Mapped, MapFailed, MapCancelled)))
ENDS = tuple(state for state in LEAVES if isinstance(state, Finished))

# One state for each way a predicate can look at it, where all would be too many.
FEW = tuple(
    bare(kind)
    for kind in (
        Success,
        Cached,
        Skipped,
        Failed,
        TriggerFailed,
        Quarantined,
        Cancelled,
        Pending,
        Scheduled,
        Paused,
        Running,
    )
)
FEW_ENDS = tuple(state for state in FEW if isinstance(state, Finished))


def upstreams(states: Sequence[Any] = LEAVES, most: int = 3) -> Iterable[tuple[Any, ...]]:
    """Yield all multisets of one to so many upstream states."""
    for size in range(1, most + 1):
        yield from combinations_with_replacement(states, size)


# What triggers say of finished upstreams, restated: the leaves go in, whether the predicate holds comes out.
Restated = Callable[[Sequence[State[Any]]], bool]


def _number(leaves: Sequence[State[Any]], kind: Any) -> int:
    return sum(isinstance(leaf, kind) for leaf in leaves)


NAMED: list[tuple[Trigger, Restated]] = [
    (all_successful, lambda xs: _number(xs, Success) == len(xs)),
    (all_failed, lambda xs: _number(xs, Failed) == len(xs)),
    (any_successful, lambda xs: _number(xs, Success) > 0),
    (any_failed, lambda xs: _number(xs, Failed) > 0),
    (some_successful(1, 2), lambda xs: 1 <= _number(xs, Success) <= 2),
    (some_failed(2), lambda xs: _number(xs, Failed) >= 2),
    (some_failed(0, 1), lambda xs: _number(xs, Failed) <= 1),
    (all_finished, lambda xs: True),
    (all_skipped, lambda xs: _number(xs, Skipped) == len(xs)),
    (none_skipped, lambda xs: _number(xs, Skipped) == 0),
    (always_run, lambda xs: True),
]
PREDICATES: list[tuple[Trigger, Restated]] = [
    *[(every(kind), lambda xs, kind=kind: _number(xs, kind) == len(xs)) for kind in (Skipped, Cancelled, Quarantined)],
    *[(some(kind), lambda xs, kind=kind: _number(xs, kind) > 0) for kind in (Skipped, TriggerFailed, Quarantined)],
    *[(none(kind), lambda xs, kind=kind: _number(xs, kind) == 0) for kind in (Failed, Skipped, Quarantined)],
    (between(Failed, 1, 3), lambda xs: 1 <= _number(xs, Failed) <= 3),
    (between(Success, 0, 2), lambda xs: _number(xs, Success) <= 2),
    (between(Quarantined, 2, 2), lambda xs: _number(xs, Quarantined) == 2),
    (between(Finished, 2, 3), lambda xs: 2 <= len(xs) <= 3),
    (share(Failed, "1/2"), lambda xs: 2 * _number(xs, Failed) >= len(xs)),
    (share(Success, "0.4", "0.6"), lambda xs: 2 * len(xs) <= 5 * _number(xs, Success) <= 3 * len(xs)),
    (share(Skipped, 0, "1/2"), lambda xs: 2 * _number(xs, Skipped) <= len(xs)),
    (share(Failed, 1), lambda xs: _number(xs, Failed) == len(xs)),
    (share(Failed, 0, 0), lambda xs: _number(xs, Failed) == 0),
    (share(Cancelled, 0), lambda xs: True),
    (finished(), lambda xs: True),
    (always(), lambda xs: True),
]
_PAIRS = [
    (all_successful, none_skipped),
    (any_failed, any_successful),
    (all_failed, all_skipped),
    (some(Skipped), none(Failed)),
    (between(Failed, 1, 3), between(Success, 0, 2)),
    (share(Failed, "1/2"), some_failed(2)),
    (finished(), any_successful),
    (every(Cancelled), share(Skipped, 0, "1/2")),
    (some(Quarantined), none(Quarantined)),
    (always(), every(Skipped)),
]


def composed() -> list[tuple[Trigger, Restated]]:
    """Return thirty compositions: of ten pairs both, either, and one without the other."""
    known = [*NAMED, *PREDICATES]

    def restated(trigger: Trigger) -> Restated:
        return next(fn for one, fn in known if one == trigger)

    made: list[tuple[Trigger, Restated]] = []
    for one, other in _PAIRS:
        f, g = restated(one), restated(other)
        made.append((one & other, lambda xs, f=f, g=g: f(xs) and g(xs)))
        made.append((one | other, lambda xs, f=f, g=g: f(xs) or g(xs)))
        made.append((one & ~other, lambda xs, f=f, g=g: f(xs) and not g(xs)))
    return made


COMPOSED = composed()
NEGATED: list[tuple[Trigger, Restated]] = [
    (~trigger, lambda xs, f=f: not f(xs)) for trigger, f in PREDICATES if trigger not in (finished(), always())
]
TRIGGERS = [*[trigger for trigger, _ in NAMED], not_all_skipped, manual_only]
SINGLE = [trigger for trigger, _ in (*NAMED, *PREDICATES, *NEGATED)]

ALL_ENDS = tuple(bare(kind) for kind in KINDS if issubclass(kind, Finished))


def leaf(state: Any) -> Any:
    """Return what a bare state counts as."""
    return Success() if isinstance(state, Mapped) else getattr(state, "children", (state,))[0]


@cache
def finished_upstreams(most: int) -> list[tuple[tuple[Any, ...], Counts]]:
    """Return every multiset of so many finished upstreams of all kinds, and up to four of few: leaves and counts."""
    chosen = {*upstreams(ALL_ENDS, most), *upstreams(FEW_ENDS, 4)}
    return [(tuple(map(leaf, upstream)), Counts(upstream)) for upstream in chosen]


@at_once
@pytest.mark.parametrize("most", exhaustive_but([2], [2, 4], thorough=[4]))
@pytest.mark.parametrize(
    ("trigger", "restated"),
    [*NAMED, *PREDICATES, *NEGATED, *COMPOSED],
    ids=lambda one: getattr(one, "name", ""),
)
def test_a_trigger_says_what_its_rule_says(trigger: Trigger, restated: Restated, most: int) -> None:
    """Over every multiset of two or four finished upstreams of all kinds: RUN where the rule holds, else FAIL."""
    for leaves, counts in finished_upstreams(most):
        assert (RUN if restated(leaves) else FAILED) is trigger.verdict(counts), leaves
    print(f"{trigger.name}: {len(finished_upstreams(most))} cases")


def test_not_all_skipped_says_what_prefect_1_says() -> None:
    """All skipped: SKIP; any that did not succeed: FAIL; else RUN."""
    for upstream in upstreams(ALL_ENDS, 4):
        failed = not all(isinstance(state, Success) for state in upstream)
        skipped = all(isinstance(state, Skipped) for state in upstream)
        expected = SKIPPED if skipped else FAILED if failed else RUN
        assert expected is not_all_skipped.verdict(upstream), upstream


each_trigger = pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.name)


@at_once
@pytest.mark.parametrize(
    ("trigger", "name"),
    [
        (all_successful, "all_successful"),
        (all_failed, "all_failed"),
        (any_successful, "any_successful"),
        (any_failed, "any_failed"),
        (some_successful(1, 2), "some_successful(1, 2)"),
        (some_failed(1), "some_failed(1, None)"),
        (none_skipped, "none_skipped"),
        (all_skipped, "all_skipped"),
        (not_all_skipped, "not_all_skipped"),
        (all_finished, "all_finished"),
        (always_run, "always_run"),
        (manual_only, "manual_only"),
        (every(Skipped), "every(Skipped)"),
        (some(Failed), "some(Failed)"),
        (none(Skipped), "none(Skipped)"),
        (between(Failed, 1, 3), "between(Failed, 1, 3)"),
        (between(Failed), "between(Failed, 0, None)"),
        (share(Failed, "0.30"), "share(Failed, '3/10')"),
        (share(Failed, 0, "0.3"), "share(Failed, '0', '3/10')"),
        (finished(), "finished()"),
        (always(), "always()"),
        (~every(Skipped), "~every(Skipped)"),
        (all_successful & (none_skipped | any_failed), "every(Success) & (none(Skipped) | some(Failed))"),
        (all_successful & none_skipped | any_failed, "every(Success) & none(Skipped) | some(Failed)"),
        (~(all_successful & none_skipped), "~every(Success) | ~none(Skipped)"),
        (all_successful.otherwise(SKIP), "all_successful"),
        ((some(Success) & none(Failed)).otherwise(SKIP), "some(Success) & none(Failed)"),
        ((some(Success) & none(Failed)).called("quorum"), "quorum"),
        (every(Success[int]), "every(Success)"),
    ],
)
def test_a_trigger_is_called_by_its_name(trigger: Trigger, name: str) -> None:
    """The name is what a verdict is told with."""
    assert name == trigger.name


@at_once
@each_trigger
def test_no_upstreams(trigger: Trigger) -> None:
    """With no upstreams every trigger says RUN; `manual_only` PAUSEs even then."""
    assert (PAUSED if trigger is manual_only else RUN) is trigger.verdict([])


@at_once
@pytest.mark.parametrize("make", [every, some])
@pytest.mark.parametrize("kind", [State, Finished, *KINDS], ids=lambda kind: kind.__name__)
def test_no_upstreams_of_any_kind(make: Any, kind: Any) -> None:
    """``every`` and ``some`` of any kind say RUN without upstreams, whatever they say otherwise."""
    verdicts = [make(kind).otherwise(signal).verdict([]) for signal in (FAIL, SKIP, PAUSE)]
    assert [RUN, RUN, RUN] == verdicts


@at_once
@each_trigger
def test_the_order_of_upstreams_does_not_matter(trigger: Trigger) -> None:
    """A verdict is the same for every order of the upstreams."""
    for upstream in upstreams(FEW):
        assert {trigger.verdict(upstream)} == {trigger.verdict(order) for order in permutations(upstream)}


EVERY = [*TRIGGERS, *[trigger for trigger, _ in (*PREDICATES, *COMPOSED)]]
each_predicate = pytest.mark.parametrize("trigger", EVERY, ids=lambda trigger: trigger.name)
third_predicate = pytest.mark.parametrize(
    "trigger", one_in(3, EVERY, others=pytest.mark.thorough), ids=lambda trigger: trigger.name
)


def test_every_unfinished_state_can_finish_as_anything() -> None:
    """By the table of transitions each unfinished branch leads to Success, Failed and Cancelled, and to Mapped."""

    def reached(source: Any) -> set[Any]:
        found, waiting = set(), [source]
        while waiting:
            kind = next(branch for branch in SUCCESSORS if issubclass(waiting[-1], branch) or branch is waiting[-1])
            waiting.pop()
            new = {target for target in SUCCESSORS[kind] if target not in found}
            found |= new
            waiting += [target for target in new if not issubclass(target, Finished)]
        return found

    for source in SUCCESSORS:
        if not issubclass(source, Finished):
            assert {Success, Failed, Cancelled} <= reached(source) or Finished in reached(source), source


@at_once
@pytest.mark.parametrize("most", exhaustive_but([2], [2, 3], thorough=[3]))
@third_predicate
def test_unfinished_states_count_alike(trigger: Trigger, most: int) -> None:
    """Over every multiset of two or three upstreams of all kinds: whatever is unfinished could as well be Pending."""
    for counts, alike in with_pending(most):
        assert trigger.verdict(alike) is trigger.verdict(counts), counts


@cache
def with_pending(most: int) -> list[tuple[Counts, Counts]]:
    """Return every multiset of so many upstreams of all kinds, and the same with all that is unfinished pending."""
    return [
        (Counts(upstream), Counts(state if isinstance(state, Finished) else Pending() for state in upstream))
        for upstream in upstreams([bare(kind) for kind in KINDS], most)
    ]


MANY = tuple(mapped(*children) for children in upstreams((Success(), Skipped(), Failed(), Cancelled()), 3))


@cache
def refined() -> list[tuple[Counts, list[Counts]]]:
    """Return multisets of up to four upstreams, some unfinished, and what becomes of each when one of these changes."""
    found: list[tuple[Counts, list[Counts]]] = []
    for size in range(4):
        for done in combinations_with_replacement(FEW_ENDS, size):
            for more in range(1, 5 - size):
                others = (*done, *[Pending()] * (more - 1))
                found.append((Counts((*others, Pending())), [Counts((*others, later)) for later in (*FEW, *MANY)]))
    return found


@at_once
@third_predicate
def test_a_verdict_never_changes(trigger: Trigger) -> None:
    """Whatever becomes of an unfinished upstream, a Mapped of several included, a verdict other than WAIT stays."""
    cases = 0
    for counts, changed in refined():
        verdict = trigger.verdict(counts)
        if verdict is not WAIT:
            for later in changed:
                assert verdict is trigger.verdict(later), (counts, later)
                cases += 1
    print(f"{trigger.name}: {cases} cases")


# ---- as soon as it is certain

# One leaf for each way in which the predicates above can look at a final one.
WAYS = (Success, Skipped, Failed, TriggerFailed, Quarantined, Cancelled)


def way(kind: Any) -> int:
    """Return which of the ways a final kind is."""
    return max((index for index, one in enumerate(WAYS) if issubclass(kind, one)))


def ends(trigger: Trigger, leaves: int) -> Callable[[tuple[int, ...], int], frozenset[Verdict]]:
    """Return what tells all verdicts that final leaves, so many of each way, and unfinished upstreams can lead to.

    An unfinished one ends as one leaf or, as a Mapped, as more; so many leaves are looked at.
    """

    @cache
    def end(numbers: tuple[int, ...]) -> Verdict:
        return trigger.verdict(Counts.of(dict(zip(WAYS, numbers, strict=True))))

    @cache
    def reached(numbers: tuple[int, ...], unfinished: int) -> frozenset[Verdict]:
        if not unfinished:
            return frozenset({end(numbers)})
        if sum(numbers) + unfinished > leaves:
            return frozenset()
        found: set[Verdict] = set()
        for index in range(len(numbers)):
            more = (*numbers[:index], numbers[index] + 1, *numbers[index + 1 :])
            found |= reached(more, unfinished - 1) | reached(more, unfinished)
        return frozenset(found)

    return reached


@cache
def cases(most: int) -> list[tuple[Counts, tuple[int, ...], int]]:
    """Return every multiset of up to so many upstreams of all kinds: its counts, its final leaves, its unfinished."""
    found: list[tuple[Counts, tuple[int, ...], int]] = []
    for size in range(1, most + 1):
        for chosen in combinations_with_replacement(KINDS, size):
            done = Counter(way(kind) for kind in chosen if issubclass(kind, Finished))
            numbers = tuple(done[index] for index in range(len(WAYS)))
            found.append((Counts(map(bare, chosen)), numbers, size - done.total()))
    return found


def waits(trigger: Trigger, most: int) -> tuple[int, int]:
    """Return how often a trigger waits although it is certain, and how often it waits, of all cases.

    Where it gives a verdict, that is the certain one.
    """
    reached = ends(trigger, most + 4)
    needless = waiting = 0
    for counts, numbers, unfinished in cases(most):
        verdict = trigger.verdict(counts)
        possible = reached(numbers, unfinished)
        assert verdict is WAIT or {verdict} == possible, counts
        waiting += verdict is WAIT
        needless += verdict is WAIT and len(possible) == 1
    return needless, waiting


up_to = pytest.mark.parametrize("most", exhaustive_but([3], [3, 4], thorough=[4]))


@at_once
@up_to
@pytest.mark.parametrize(
    "trigger",
    one_in(6, [one for one in SINGLE if one not in (all_finished, finished())], others=pytest.mark.thorough),
    ids=lambda trigger: trigger.name,
)
def test_a_verdict_is_given_as_soon_as_it_is_certain(trigger: Trigger, most: int) -> None:
    """A single predicate says WAIT only while two ways of finishing give two verdicts; finished() by definition."""
    needless, waiting = waits(trigger, most)
    print(f"{trigger.name}: {len(cases(most))} cases, {waiting} wait")
    assert 0 == needless


@at_once
@up_to
@pytest.mark.parametrize(
    "trigger",
    one_in(6, [trigger for trigger, _ in COMPOSED], others=pytest.mark.thorough),
    ids=lambda trigger: trigger.name,
)
def test_a_composition_gives_no_verdict_too_early(trigger: Trigger, most: int) -> None:
    """A composition gives the verdict of every way of finishing, or waits; it may wait where its parts do."""
    needless, waiting = waits(trigger, most)
    print(f"{trigger.name}: {len(cases(most))} cases, {waiting} wait, {needless} of these although it is certain")
    assert needless <= waiting


def test_what_a_composition_may_wait_for() -> None:
    """That one of two predicates must hold, whichever, no composition sees before either does."""
    assert WAIT is (some(Failed) | none(Failed)).verdict([Pending()])
    assert WAIT is (every(Skipped) & ~every(Skipped)).verdict([Pending()])


def test_a_mapped_task_can_still_change_a_part() -> None:
    """An unfinished upstream may become many leaves: too many are certain early, few enough or a part are not."""
    assert (FAILED, WAIT) == (
        between(Failed, 0, 1).verdict([Failed(), Failed(), Pending()]),
        between(Failed, 0, 1).verdict([Success(), Pending()]),
    )
    assert WAIT is share(Failed, "0.1").verdict([*[Failed()] * 9, Pending()])
    later = mapped(*[Success()] * 90)
    assert FAILED is share(Failed, "0.1").verdict([*[Failed()] * 9, later])


@pytest.mark.parametrize("make", [every, some])
def test_a_kind_that_decides_before_anything_is_finished(make: Any) -> None:
    """What every Finished state is, or none can be, is certain before the end, too."""
    for kind in (State, Finished, Pending, Running, Paused):
        trigger = make(kind)
        for upstream in upstreams(FEW, 2):
            done = [state if isinstance(state, Finished) else Success() for state in upstream]
            assert trigger.verdict(done) is trigger.verdict(upstream), (trigger.name, upstream)


@at_once
@pytest.mark.parametrize("kind", [Success, Failed, Skipped, Cached, TimedOut, Crashed, Quarantined, Cancelled])
def test_a_kind_counts_its_descendants(kind: Any) -> None:
    """``every`` and ``some`` count a kind and everything below it, a user's own too, and nothing else."""
    for state in ENDS:
        expected = RUN if isinstance(state, kind) else FAILED
        assert (expected, expected) == (every(kind).verdict([state]), some(kind).verdict([state]))


# ---- what is counted are leaves


@at_once
@each_predicate
def test_a_mapped_upstream_counts_as_its_children(trigger: Trigger) -> None:
    """A state with children, in whatever depth, says what its children say one by one."""
    for upstream in upstreams(FEW_ENDS, 2):
        expected = trigger.verdict(upstream)
        assert expected is trigger.verdict([mapped(*upstream)]), upstream
        assert expected is trigger.verdict([mapped(mapped(*upstream))]), upstream
        assert expected is trigger.verdict([upstream[0], mapped(*upstream[1:])] if upstream[1:] else upstream)


@at_once
@each_trigger
def test_an_empty_mapped_counts_as_one_success(trigger: Trigger) -> None:
    """Nothing to map over is a success."""
    for upstream in [(), *upstreams(FEW, 2)]:
        assert trigger.verdict([*upstream, Success()]) is trigger.verdict([*upstream, Mapped()])


@pytest.mark.parametrize("kind", [Skipped, Cached, Mapped, Failed], ids=lambda kind: kind.__name__)
def test_an_empty_mapped_is_a_plain_success(kind: Any) -> None:
    """An empty Mapped is one Success, no other kind, a Mapped neither."""
    for make in (every, some):
        assert make(kind).verdict([Success()]) is make(kind).verdict([Mapped()])


@at_once
@each_predicate
def test_a_meta_state_counts_as_what_it_wraps(trigger: Trigger) -> None:
    """A queued or submitted upstream says what the pending one in it would say."""
    wrapped: list[tuple[State[Any], State[Any]]] = [
        (meta(state=state), state) for meta in (Queued, Submitted) for state in (Pending(), Scheduled())
    ]
    for meta_state, state in wrapped:
        for other in FEW:
            assert trigger.verdict([state, other]) is trigger.verdict([meta_state, other])


# ---- otherwise


@at_once
@pytest.mark.parametrize(("signal", "verdict"), [(FAIL, FAILED), (SKIP, SKIPPED), (PAUSE, PAUSED)])
@each_trigger
def test_otherwise_sets_the_verdict_where_the_predicate_does_not_hold(
    trigger: Trigger, signal: Any, verdict: Verdict
) -> None:
    """``otherwise(SIG)`` changes what is said instead of RUN, and neither RUN nor WAIT."""
    changed = trigger.otherwise(signal)
    for upstream in upstreams(FEW):
        before = trigger.verdict(upstream)
        assert (before if before in (RUN, WAIT) else verdict) is changed.verdict(upstream), upstream


@pytest.mark.parametrize("signal", [SUCCESS, RETRY, TRIGGERFAIL])
def test_otherwise_takes_three_signals(signal: Any) -> None:
    """A trigger can say FAIL, SKIP or PAUSE otherwise; any other signal is a ValueError that says so."""
    with pytest.raises(ValueError, match=f"FAIL, SKIP or PAUSE otherwise, not {signal.__name__}"):
        all_successful.otherwise(signal)
    assert FAILED is all_successful.verdict([Failed()])


def test_otherwise_makes_another_trigger() -> None:
    """A trigger is a value: `otherwise` leaves the one it is asked of as it was."""
    assert SKIPPED is all_successful.otherwise(SKIP).verdict([Failed()])
    assert FAILED is all_successful.verdict([Failed()])
    assert finished() == finished()


# ---- resumed


@at_once
@each_trigger
def test_a_resumed_task_passes_where_its_trigger_paused_it(trigger: Trigger) -> None:
    """After a person resumed the task a trigger that pauses says RUN; one that fails or waits is not changed."""
    for upstream in [(), *upstreams(FEW, 2)]:
        plain = trigger.verdict(upstream)
        expected = RUN if plain is PAUSED else plain
        assert expected is trigger.verdict(upstream, resumed=True), upstream
        pausing = trigger.otherwise(PAUSE)
        plain = pausing.verdict(upstream)
        assert (RUN if plain is PAUSED else plain) is pausing.verdict(upstream, resumed=True), upstream


@pytest.mark.parametrize("signal", [FAIL, SKIP])
def test_manual_only_that_says_something_else(signal: Any) -> None:
    """A person's word counts whatever `manual_only` says until then."""
    assert RUN is manual_only.otherwise(signal).verdict([], resumed=True)


# ---- compositions


def test_parts_keep_what_they_say_otherwise() -> None:
    """``&`` says the most severe of what does not hold, FAIL before SKIP before PAUSE, and ``|`` the least."""
    fail, skip = every(Success), none(Skipped).otherwise(SKIP)
    pause = none(Cancelled).otherwise(PAUSE)
    both, either = fail & skip & pause, fail | skip | pause
    skipped, failed, cancelled = Skipped(), Failed(), Cancelled()
    assert [RUN, SKIPPED, FAILED, FAILED] == [
        both.verdict([state]) for state in (Success(), skipped, failed, cancelled)
    ]
    assert FAILED is both.verdict([skipped, failed, cancelled])
    assert SKIPPED is (skip & pause).verdict([skipped, cancelled])
    assert [RUN, RUN] == [either.verdict([state]) for state in (skipped, failed)]
    assert PAUSED is either.verdict([skipped, failed, cancelled])
    assert SKIPPED is (fail | skip).verdict([skipped, failed])


def test_otherwise_of_a_composition_is_of_all_its_parts() -> None:
    """``(a & b).otherwise(SIG)`` says the same whichever part does not hold."""
    trigger = (every(Success) & none(Skipped).otherwise(SKIP)).otherwise(PAUSE)
    assert [PAUSED, PAUSED] == [trigger.verdict([state]) for state in (Skipped(), Failed())]


def test_a_composition_waits_for_the_more_severe() -> None:
    """A part that does not hold is not told while a more severe one is open; FAIL is told at once."""
    trigger = every(Success) & none(Skipped).otherwise(SKIP)
    assert WAIT is trigger.verdict([Skipped(), Pending()])
    assert FAILED is trigger.verdict([Failed(), Pending()])


def test_manual_only_in_a_composition() -> None:
    """With `manual_only` a task fails where it would, pauses where it would run, and runs once it is resumed."""
    trigger = manual_only & all_successful
    assert [PAUSED, PAUSED, FAILED, WAIT] == [
        trigger.verdict(upstream) for upstream in ([], [Success()], [Failed()], [Pending()])
    ]
    assert [RUN, RUN, FAILED, WAIT] == [
        trigger.verdict(upstream, resumed=True) for upstream in ([], [Success()], [Failed()], [Pending()])
    ]


def test_no_upstreams_of_a_negation() -> None:
    """Without upstreams a negated predicate says RUN, too, and so does every composition."""
    assert [RUN] * 3 == [one.verdict([]) for one in (~always(), ~every(Success), every(Failed) & ~every(Failed))]


def test_a_composition_may_be_wide() -> None:
    """A thousand parts are as good as two."""
    trigger = every(Success)
    for number in range(1, 1000):
        trigger &= between(Failed, 0, number)
    assert [RUN, FAILED] == [trigger.verdict([state]) for state in (Success(), Failed())]


def test_a_composition_may_not_be_too_deep() -> None:
    """``&`` and ``|`` alternate forty levels deep; one more is a ValueError that says so."""
    trigger = every(Success)
    for level in range(40):
        other = between(Failed, 0, level)
        trigger = trigger & other if level % 2 else trigger | other
    with pytest.raises(ValueError, match="alternate 40 levels deep"):
        trigger | every(Failed)
    assert RUN is (trigger & every(Success)).verdict([Success()])


def test_a_trigger_is_no_truth_value() -> None:
    """``and``, ``or`` and ``not`` would drop a trigger without a word; they are a TypeError that says what to write."""
    for act in (
        lambda: all_successful and none_skipped,
        lambda: all_successful or none_skipped,
        lambda: not all_failed,
    ):
        with pytest.raises(TypeError, match=r"compose with & \| ~"):
            act()


@pytest.mark.parametrize("other", [True, "all_failed", every, None])
def test_a_trigger_is_composed_with_triggers(other: Any) -> None:
    """Anything else beside ``&`` or ``|`` is a TypeError."""
    with pytest.raises(TypeError, match="unsupported operand"):
        all_successful & other
    with pytest.raises(TypeError, match="unsupported operand"):
        other | all_successful


# ---- a trigger is a value


@at_once
@each_predicate
def test_a_trigger_is_a_value(trigger: Trigger) -> None:
    """Pickled it is equal, of one hash, and says the same; it cannot be changed, and holds nothing else."""
    back = pickle.loads(pickle.dumps(trigger))
    assert (trigger, hash(trigger), repr(trigger)) == (back, hash(back), repr(back))
    with pytest.raises(AttributeError):
        trigger.label = "other"  # type: ignore[misc]  # that is the mistake
    assert trigger == back
    assert not hasattr(trigger, "__dict__")


def test_equal_triggers() -> None:
    """Equal are triggers made alike, whatever the parameters of their kinds; a name of its own makes another."""
    assert every(Success[int]) == every(Success)
    assert all_failed & none_skipped == every(Failed) & none(Skipped)
    assert 1 == len({every(Failed), every(Failed), every(Failed) & every(Failed), ~~every(Failed)})
    assert all_failed != every(Failed)
    assert every(Failed) != every(Failed).otherwise(SKIP)


@at_once
@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (every(Failed), "<trigger every(Failed)>"),
        (some(Failed), "<trigger some(Failed)>"),
        (none(Failed).otherwise(PAUSE), "<trigger none(Failed).otherwise(PAUSE)>"),
        (share(Failed, "1/2").otherwise(FAIL), "<trigger share(Failed, '1/2')>"),
        (all_failed, "<trigger all_failed: every(Failed)>"),
        (~all_failed.otherwise(SKIP), "<trigger ~every(Failed).otherwise(SKIP)>"),
        (manual_only, "<trigger manual_only>"),
        (manual_only.otherwise(FAIL), "<trigger manual_only.otherwise(FAIL)>"),
        (not_all_skipped, "<trigger not_all_skipped: every(Success) & ~every(Skipped).otherwise(SKIP)>"),
    ],
)
def test_a_trigger_is_shown_as_it_is_written(trigger: Trigger, expected: str) -> None:
    """``repr`` shows the name and the expression, and what is said otherwise where that is not the usual."""
    assert expected == repr(trigger)


# ---- what is refused


@at_once
@pytest.mark.parametrize("make", [every, some, none, between, lambda kind: share(kind, 1)])
@pytest.mark.parametrize("kind", [int, "Failed", Failed(), None, FAIL])
def test_a_kind_is_a_class_of_state(make: Any, kind: Any) -> None:
    """Anything else is a TypeError that says so."""
    with pytest.raises(TypeError, match=r"counts a class of states, such as Failed, not .+"):
        make(kind)


@pytest.mark.parametrize("make", [lambda *bounds: between(Failed, *bounds), some_failed, some_successful])
def test_bounds_that_are_refused(make: Any) -> None:
    """Bounds are whole numbers from 0, the lower first; anything else is an error that says what is possible."""
    for bounds in ((-1, 1), (0, -1), (3, 2)):
        with pytest.raises(ValueError, match="bounds are from 0, the lower first"):
            make(*bounds)
    for bounds in ((0.3, 1), ("1", 2), (0, 0.5), (True, 2), (None, 2)):
        with pytest.raises(TypeError, match=r"a bound is a whole number, .*share\(\)"):
            make(*bounds)


def test_parts_that_are_refused() -> None:
    """A float is refused and told how to be written; so is what is not from 0 to 1, and what is no number."""
    with pytest.raises(TypeError, match=r"a float is not; write '0\.3'"):
        share(Failed, 0.3)  # type: ignore[arg-type]  # that is the mistake
    for part in (
        "1.5",
        "-0.1",
        2,
        "3/2",
        "1/0",
        "nan",
        "1e-1",
        "",
        " 0.3",
        "0.3\n",
        "1" * 5000,
        "1e999999999",
        "٣",
        -1,
    ):
        with pytest.raises(ValueError, match="a part is from 0 to 1"):
            share(Failed, part)
    for part in (None, True, [1], 1j):
        with pytest.raises(TypeError, match="a str, an int, a Fraction or a Decimal"):
            share(Failed, part)  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(ValueError, match="none is between 1/2 and 3/10"):
        share(Failed, "0.5", "0.3")


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("7" * 40, "7" * 40),
        ("7" * 41, "7" * 37 + "..."),
        (Decimal("1E-19"), "1E-19"),
        (Decimal("1E18"), "1" + "0" * 18),
        (Decimal("1E19"), "1E+19"),
    ],
    ids=str,
)
def test_a_part_that_is_refused_is_shown(part: Any, shown: str) -> None:
    """What is refused is told as it is written, of more than forty characters the first."""
    with pytest.raises(ValueError, match=re.escape(f" {shown!r} is not")):
        share(Failed, part)


def test_the_finest_part() -> None:
    """A part has up to eighteen digits behind the point, a Decimal too."""
    assert share(Failed, "0.000000000000000001") == share(Failed, Decimal("1E-18"))


@at_once
@pytest.mark.parametrize("part", ["0.3", "3/10", "0.30", ".3", Fraction(3, 10), Decimal("0.3"), Decimal("3E-1")])
def test_a_part_is_exact(part: Any) -> None:
    """Three of ten are 0.3 of all, however that is written; two of ten, or three of eleven, are less."""
    trigger = share(Failed, part)
    assert share(Failed, "0.3") == trigger
    numbers = [(3, 7), (2, 8), (3, 8), (30, 70), (299_999, 700_001)]
    assert [RUN, FAILED, FAILED, RUN, FAILED] == [
        trigger.verdict(Counts.of({Failed: failed, Success: others})) for failed, others in numbers
    ]


def test_a_name_may_not_be_empty() -> None:
    """A trigger is told by its name, so there is one."""
    with pytest.raises(ValueError, match="may not be empty"):
        all_failed.called("")


def test_an_instance_is_no_signal_to_say_otherwise() -> None:
    """``otherwise`` takes the class of the signal; one that was made is refused by what it is."""
    with pytest.raises(ValueError, match="not an object of class SKIP"):
        all_failed.otherwise(SKIP("no"))  # type: ignore[arg-type]  # that is the mistake


# ---- what a verdict is told with


def test_a_judgement_carries_name_and_counts() -> None:
    """`judge` gives the verdict, the trigger's name, and how many leaves had each tag, in the order of arrival."""
    judged = all_successful.judge([Success(), mapped(Failed(), Success()), Pending()])
    expected = Judgement(FAILED, "all_successful", (("Success", 2), ("Failed", 1), ("Pending", 1)))
    assert expected == judged
    assert "trigger all_successful: 2 Success, 1 Failed, 1 Pending" == judged.message
    assert "trigger manual_only: no upstream" == manual_only.judge([]).message


def test_a_judgement_is_a_value() -> None:
    """Judgements of one verdict are equal and of one hash; they cannot be changed, and hold nothing else."""
    one, same = (all_failed.judge([Failed()]) for _ in range(2))
    assert {one} == {same}
    with pytest.raises(AttributeError):
        one.trigger = "other"  # type: ignore[misc]  # that is the mistake
    assert not hasattr(one, "__dict__")


def test_nobody_resumed_unless_it_is_said() -> None:
    """A task counts as not resumed where nothing else is said, in `verdict` as in `judge`."""
    upstream = [Success()]
    assert (PAUSED, PAUSED) == (manual_only.verdict(upstream), manual_only.judge(upstream).verdict)


@pytest.mark.parametrize("method", [Trigger.verdict, Trigger.judge], ids=["verdict", "judge"])
def test_resumed_is_given_by_name(method: Any) -> None:
    """That a person resumed the task is said by name alone."""
    taken = signature(method).parameters.values()
    assert ["resumed"] == [parameter.name for parameter in taken if parameter.kind is parameter.KEYWORD_ONLY]


@at_once
@each_predicate
def test_a_judgement_is_the_verdict(trigger: Trigger) -> None:
    """``t.judge(xs).verdict is t.verdict(xs)``, of states and of their counts, resumed or not."""
    for upstream in ((), *upstreams(FEW, 2)):
        for resumed in (False, True):
            verdict = trigger.verdict(upstream, resumed=resumed)
            assert verdict is trigger.verdict(Counts(upstream), resumed=resumed)
            assert verdict is trigger.judge(upstream, resumed=resumed).verdict
            assert verdict is trigger.judge(Counts(upstream), resumed=resumed).verdict


def test_a_verdict_is_neither_true_nor_false() -> None:
    """Every verdict would count as true; asking for its truth is an error that says how to compare it."""
    for verdict in Verdict:
        with pytest.raises(TypeError, match="compare it: verdict is"):
            bool(verdict)
