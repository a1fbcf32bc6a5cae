"""Triggers: each named one against a plain restatement, over all multisets of up to three upstream kinds."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations_with_replacement, permutations, product
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
    Crashed,
    Failed,
    Finished,
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
    all_successful,
    always_run,
    any_failed,
    any_successful,
    every,
    finished,
    manual_only,
    some,
)
from tests.programs.kinds import Quarantined
from tests.programs.samples import KINDS, bare

RUN, FAILED, WAIT, PAUSED, SKIPPED = Verdict.RUN, Verdict.FAIL, Verdict.WAIT, Verdict.PAUSE, Verdict.SKIP

# Mapped and meta-states stand for what is in them, and are tested apart.
LEAVES = tuple(bare(kind) for kind in KINDS if not issubclass(kind, (Mapped, MetaState)))
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
    """Yield all multisets of one to three upstream states."""
    for size in range(1, most + 1):
        yield from combinations_with_replacement(states, size)


def _all_successful(good: int, bad: int, other: int, unfinished: int) -> Verdict:
    return FAILED if bad or other else WAIT if unfinished else RUN


def _all_failed(good: int, bad: int, other: int, unfinished: int) -> Verdict:
    return FAILED if good or other else WAIT if unfinished else RUN


def _any_successful(good: int, bad: int, other: int, unfinished: int) -> Verdict:
    return RUN if good else WAIT if unfinished else FAILED


def _any_failed(good: int, bad: int, other: int, unfinished: int) -> Verdict:
    return RUN if bad else WAIT if unfinished else FAILED


def _all_finished(good: int, bad: int, other: int, unfinished: int) -> Verdict:
    return WAIT if unfinished else RUN


def _always_run(good: int, bad: int, other: int, unfinished: int) -> Verdict:
    return RUN


def _manual_only(good: int, bad: int, other: int, unfinished: int) -> Verdict:
    return PAUSED


Restated = Callable[[int, int, int, int], Verdict]
NAMED: list[tuple[Trigger, Restated]] = [
    (all_successful, _all_successful),
    (all_failed, _all_failed),
    (any_successful, _any_successful),
    (any_failed, _any_failed),
    (all_finished, _all_finished),
    (always_run, _always_run),
    (manual_only, _manual_only),
]
TRIGGERS = [trigger for trigger, _ in NAMED]

each_trigger = pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.name)


@pytest.mark.parametrize(("trigger", "restated"), NAMED, ids=lambda one: getattr(one, "name", ""))
def test_a_named_trigger_says_what_its_name_says(trigger: Trigger, restated: Restated) -> None:
    """Counting successes, failures, cancelled and unfinished upstreams gives the verdict; a skip is a success."""
    for upstream in upstreams():
        good = sum(isinstance(state, Success) for state in upstream)
        bad = sum(isinstance(state, Failed) for state in upstream)
        other = sum(isinstance(state, Cancelled) for state in upstream)
        expected = restated(good, bad, other, len(upstream) - good - bad - other)
        assert expected is trigger.verdict(upstream), upstream


@pytest.mark.parametrize(
    ("trigger", "name"),
    [
        (all_successful, "all_successful"),
        (all_failed, "all_failed"),
        (any_successful, "any_successful"),
        (any_failed, "any_failed"),
        (all_finished, "all_finished"),
        (always_run, "always_run"),
        (manual_only, "manual_only"),
        (every(Skipped), "every(Skipped)"),
        (some(Failed), "some(Failed)"),
        (finished(), "finished()"),
    ],
)
def test_a_trigger_is_called_by_its_name(trigger: Trigger, name: str) -> None:
    """The name is what a verdict is told with."""
    assert name == trigger.name


@each_trigger
def test_no_upstreams(trigger: Trigger) -> None:
    """With no upstreams every trigger says RUN; `manual_only` PAUSEs even then."""
    assert (PAUSED if trigger is manual_only else RUN) is trigger.verdict([])


@pytest.mark.parametrize("make", [every, some])
@pytest.mark.parametrize("kind", [State, Finished, *KINDS], ids=lambda kind: kind.__name__)
def test_no_upstreams_of_any_kind(make: Any, kind: Any) -> None:
    """``every`` and ``some`` of any kind say RUN without upstreams, whatever they say otherwise."""
    verdicts = [make(kind).otherwise(signal).verdict([]) for signal in (FAIL, SKIP, PAUSE)]
    assert [RUN, RUN, RUN] == verdicts


@each_trigger
def test_the_order_of_upstreams_does_not_matter(trigger: Trigger) -> None:
    """A verdict is the same for every order of the upstreams."""
    for upstream in upstreams(FEW):
        assert {trigger.verdict(upstream)} == {trigger.verdict(order) for order in permutations(upstream)}


def compositions() -> list[Trigger]:
    return [make(kind) for make in (every, some) for kind in (Success, Failed, Skipped, Quarantined, Cancelled)]


each_predicate = pytest.mark.parametrize("trigger", [*TRIGGERS, *compositions()], ids=lambda trigger: trigger.name)


@each_predicate
def test_a_verdict_never_changes(trigger: Trigger) -> None:
    """Whatever becomes of an unfinished upstream, a verdict other than WAIT stays."""
    for upstream in upstreams(FEW):
        verdict = trigger.verdict(upstream)
        if verdict is WAIT:
            continue
        for place, state in enumerate(upstream):
            if not isinstance(state, Finished):
                for later in FEW:
                    refined = (*upstream[:place], later, *upstream[place + 1 :])
                    assert verdict is trigger.verdict(refined), (upstream, refined)


def endings(upstream: Sequence[State[Any]], ends: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
    """Yield every way in which the unfinished of the upstreams can finish."""
    return product(*[[state] if isinstance(state, Finished) else ends for state in upstream])


@pytest.mark.parametrize(
    "trigger",
    [trigger for trigger in (*TRIGGERS, *compositions()) if trigger is not all_finished],
    ids=lambda trigger: trigger.name,
)
def test_a_verdict_is_given_as_soon_as_it_is_certain(trigger: Trigger) -> None:
    """A single predicate says WAIT only while two ways of finishing give two verdicts; finished() by definition."""
    for upstream in upstreams(FEW):
        verdicts = {trigger.verdict(ending) for ending in endings(upstream, FEW_ENDS)}
        expected = verdicts.pop() if len(verdicts) == 1 else WAIT
        assert expected is trigger.verdict(upstream), upstream


@pytest.mark.parametrize("make", [every, some])
def test_a_kind_that_decides_before_anything_is_finished(make: Any) -> None:
    """What every Finished state is, or none can be, is certain before the end, too."""
    for kind in (State, Finished, Pending, Running, Paused):
        trigger = make(kind)
        for upstream in upstreams(FEW, 2):
            verdicts = {trigger.verdict(ending) for ending in endings(upstream, FEW_ENDS)}
            assert verdicts == {trigger.verdict(upstream)}, (trigger.name, upstream)


@pytest.mark.parametrize("kind", [Success, Failed, Skipped, Cached, TimedOut, Crashed, Quarantined, Cancelled])
def test_a_kind_counts_its_descendants(kind: Any) -> None:
    """``every`` and ``some`` count a kind and everything below it, a user's own too, and nothing else."""
    for state in ENDS:
        expected = RUN if isinstance(state, kind) else FAILED
        assert (expected, expected) == (every(kind).verdict([state]), some(kind).verdict([state]))


# ---- what is counted are leaves


@each_predicate
def test_a_mapped_upstream_counts_as_its_children(trigger: Trigger) -> None:
    """A Mapped, in whatever depth, says what its children say one by one."""
    for upstream in upstreams(FEW, 2):
        expected = trigger.verdict(upstream)
        assert expected is trigger.verdict([Mapped(children=upstream)]), upstream
        assert expected is trigger.verdict([Mapped(children=(Mapped(children=upstream),))]), upstream
        assert expected is trigger.verdict([upstream[0], Mapped(children=upstream[1:])] if upstream[1:] else upstream)


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


@each_predicate
@pytest.mark.parametrize("wrapping", [Queued, Submitted])
def test_a_meta_state_counts_as_what_it_wraps(trigger: Trigger, wrapping: Any) -> None:
    """A queued or submitted upstream says what the pending one in it would say."""
    for state in (Pending(), Scheduled()):
        for other in FEW:
            assert trigger.verdict([state, other]) is trigger.verdict([wrapping(state=state), other])


# ---- otherwise


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
