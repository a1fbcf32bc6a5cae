"""Reports on one run: where each stands, and `merge` by its laws, over every delivery of generated logs."""

import pickle
from collections.abc import Callable
from itertools import islice, permutations, product
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from statesig import (
    COMPLETION,
    FAIL_FAST,
    Cached,
    Cancelled,
    Cancelling,
    Conflict,
    Crashed,
    Failed,
    Finished,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    Observation,
    Order,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
    check_history,
    is_allowed,
    merge,
    observe,
)
from tests.harness.cases import at_once
from tests.harness.exhaustive import exhaustive_but, thorough_but
from tests.harness.strategies import CONCRETE, name_of, payloads
from tests.samples.kinds import Partial, Quarantined, Sealed, Throttled
from tests.samples.samples import KINDS, bare, full, mapped

# The phases as the contract tells them, from the first to the last; states of one row are equally far.
PHASES = [
    [Pending],
    [Queued, Submitted],
    [Scheduled, Resume, Retrying, Looped, Throttled],
    [Paused],
    [Running],
    [Cancelling],
    [
        *(Success, Cached, Mapped, Skipped, Partial, Cancelled, MapFailed, MapCancelled),
        *(Failed, TimedOut, TriggerFailed, ValidationFailed, Crashed, Quarantined, Sealed),
    ],
]
PHASE: dict[Any, int] = {one: phase for phase, row in enumerate(PHASES) for one in row}

POLICIES = [None, COMPLETION, FAIL_FAST]
with_each_policy = pytest.mark.parametrize("policy", POLICIES, ids=repr)
with_some_policies = pytest.mark.parametrize("policy", exhaustive_but([None, FAIL_FAST], POLICIES), ids=repr)

# One report of each kind on a first attempt, and some on a second; two of them equal, some of one kind but unequal.
REPORTS: list[Any] = [
    *(Observation(1, bare(one)) for one in KINDS),
    Observation(1, Success(result=1)),
    Observation(1, Success[int](result=1)),
    Observation(1, Running(message="again")),
    *(Observation(2, bare(one)) for one in (Pending, Retrying, Running, Success, Failed, TimedOut)),
    Observation(2, full(Failed)),
    merge(Observation(1, Success()), Observation(1, Failed())),
    merge(Observation(2, Success()), Observation(2, Success(result=1)), Observation(2, Crashed())),
]


# ---- places


def test_every_kind_has_its_phase() -> None:
    """The table above has every kind, two of a user's own one below the other among them."""
    assert set(KINDS) == set(PHASE)


@at_once
@pytest.mark.parametrize("one", KINDS, ids=name_of)
def test_the_place_of_an_observation(one: Any) -> None:
    """It is the attempt, and in it the phase: that of the nearest of the state's ancestors that is in the table."""
    assert [(1, PHASE[one]), (7, PHASE[one])] == [Observation(1, bare(one)).place, Observation(7, full(one)).place]


def test_the_more_advanced_wins() -> None:
    """Of two observations of different places the later attempt wins, and in one attempt the later phase."""
    for (a, one), (b, other) in product(product((1, 2), KINDS), repeat=2):
        left, right = Observation(a, bare(one)), Observation(b, bare(other))
        if (a, PHASE[one]) != (b, PHASE[other]):
            assert (left if (a, PHASE[one]) > (b, PHASE[other]) else right) == merge(left, right)


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_are_counted_from_one(attempt: int) -> None:
    """There is no attempt before the first."""
    with pytest.raises(ValueError, match=rf"^attempts are counted from 1, and {attempt} is less$"):
        Observation(attempt, Success())


# ---- laws


@with_each_policy
def test_merge_is_commutative(policy: Order | None) -> None:
    """``merge(a, b) == merge(b, a)``."""
    for a, b in product(REPORTS, repeat=2):
        assert merge(a, b, policy=policy) == merge(b, a, policy=policy)


@pytest.mark.parametrize("step", thorough_but([9], [9, 1]))
@with_some_policies
def test_merge_is_associative(policy: Order | None, step: int) -> None:
    """``merge(a, merge(b, c)) == merge(merge(a, b), c) == merge(a, b, c)``, over triples: every ninth, and all."""

    def merged(*reports: Any) -> Any:
        return merge(*reports, policy=policy)

    pairs = {(i, j): merged(REPORTS[i], REPORTS[j]) for i, j in product(range(len(REPORTS)), repeat=2)}
    for i, j, k in islice(product(range(len(REPORTS)), repeat=3), 0, None, step):
        whole = merged(REPORTS[i], REPORTS[j], REPORTS[k])
        assert whole == merged(REPORTS[i], pairs[j, k]) == merged(pairs[i, j], REPORTS[k])


@with_each_policy
def test_merge_is_idempotent(policy: Order | None) -> None:
    """``merge(a, a) == merge(a)``, which is ``a`` where the policy has not to choose."""
    for a in REPORTS:
        once = merge(a, policy=policy)
        assert once == merge(a, a, policy=policy) == merge(once, a, policy=policy)
        if policy is None or isinstance(a, Observation):
            assert a == once


observed = st.builds(Observation, st.integers(1, 3), st.sampled_from(CONCRETE).flatmap(payloads))


@with_each_policy
@given(xs=st.lists(observed, min_size=1, max_size=6), data=st.data())
def test_any_delivery_of_any_payloads(policy: Order | None, xs: list[Any], data: st.DataObject) -> None:
    """However often and in whatever order and groups they are delivered, the same reports merge to the same."""
    again = data.draw(st.lists(st.sampled_from(xs), max_size=3))
    ys = data.draw(st.permutations([*xs, *again]))
    split = data.draw(st.integers(1, len(ys)))
    first = merge(*ys[:split], policy=policy)
    assert merge(*xs, policy=policy) == merge(*ys, policy=policy) == merge(first, *ys[split:], policy=policy)


# ---- conflicts


@pytest.mark.parametrize("step", thorough_but([5], [5, 1]))
def test_a_conflict_when_and_only_when(step: int) -> None:
    """A Conflict when and only when unequal states claim the foremost place, over pairs and triples of reports."""
    plain = [one for one in REPORTS if isinstance(one, Observation)]
    for xs in [*product(plain, repeat=2), *islice(product(plain, repeat=3), 0, None, step)]:
        assert expected_merge(xs) == merge(*xs)


def expected_merge(xs: Any) -> Any:
    """Return what observations merge to, by the table above and comparison of each with each."""
    ranked = [(x.attempt, PHASE[type(x.state)] if type(x.state) in PHASE else PHASE[Success]) for x in xs]
    foremost = [x for x, rank in zip(xs, ranked, strict=True) if rank == max(ranked)]
    if all(x.state == foremost[0].state for x in foremost):
        return foremost[0]
    return Conflict(frozenset(foremost))


def test_a_conflict_holds_each_of_the_observations_once() -> None:
    """What is in conflict is told: the set of observations, equal ones once, whoever reported them."""
    a, b = Observation(1, Success(result=1)), Observation(1, Failed(message="no"))
    assert Conflict(frozenset({a, b})) == merge(a, Observation(1, Running()), b, a, Observation(1, Success(result=1)))


def test_a_conflict_that_was_left_is_none() -> None:
    """What is more advanced ends the conflict, and what is less so does not touch it."""
    conflict = merge(Observation(1, Success()), Observation(1, Failed()))
    assert isinstance(conflict, Conflict)
    assert Observation(2, Retrying()) == merge(conflict, Observation(2, Retrying()))
    assert conflict == merge(conflict, Observation(1, Running()))


def test_conflicts_of_one_place_are_one() -> None:
    """Conflicts of one place hold together what each of them held."""
    a, b, c = (Observation(1, Success(result=number)) for number in range(3))
    assert Conflict(frozenset({a, b, c})) == merge(merge(a, b), merge(b, c))


@pytest.mark.parametrize("policy", [COMPLETION, FAIL_FAST], ids=repr)
def test_a_policy_prefers_the_more_severe(policy: Order) -> None:
    """With a policy the most severe of what claims a place wins; one with children counts as the kind it is of."""
    success, failed = Observation(1, Success(result=1)), Observation(1, Failed())
    assert failed == merge(success, failed, policy=policy) == merge(merge(success, failed), policy=policy)
    whole = Observation(1, mapped(Success(), Failed(), Cancelled()))
    assert whole == merge(whole, Observation(1, Cancelled()), success, policy=policy)
    assert merge(whole, failed) == merge(whole, failed, policy=policy)


@pytest.mark.parametrize("policy", [COMPLETION, FAIL_FAST], ids=repr)
def test_a_policy_does_not_choose_between_the_equally_severe(policy: Order) -> None:
    """Unequal states of equally severe kinds stay in conflict, and what is less severe is out of it."""
    a, b = Observation(1, Failed(message="a")), Observation(1, TimedOut())
    assert Conflict(frozenset({a, b})) == merge(a, Observation(1, Success()), b, policy=policy)


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([], "these are 0, of 0 places"),
        ([Success()], "these are 1, of 1 places"),
        ([Success(), Running()], "these are 2, of 2 places"),
    ],
    ids=str,
)
def test_a_conflict_is_of_one_place(states: list[State[Any]], told: str) -> None:
    """Less than two observations, or those of different places, are no conflict."""
    with pytest.raises(ValueError, match=f"^a conflict holds two observations or more, all of one place; {told}$"):
        Conflict(frozenset(Observation(1, state) for state in states))


# ---- histories


def test_observe_counts_attempts() -> None:
    """An attempt begins with what waits after Running; a pause and its end belong to the attempt that follows."""
    history = [
        *(Pending(), Queued(state=Pending()), Running()),
        *(Retrying(), Running(), Running(), Cancelling()),
        *(Paused(), Resume(), Running(), Success()),
    ]
    observations = observe(history)
    assert history == [one.state for one in observations]
    assert [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3] == [one.attempt for one in observations]


def test_observe_of_what_never_ran() -> None:
    """What ends before it runs ends in its first attempt."""
    assert (Observation(1, Pending()), Observation(1, Skipped())) == observe([Pending(), Skipped()])
    assert () == observe([])


def step_of(random: Random, state: State[Any]) -> State[Any] | None:
    """Return a state that the table lets follow, or None after a final one: a retry or a loop more often than not."""
    if isinstance(state, Finished):
        return None
    if isinstance(state, Running) and random.random() < 0.5:
        made: Callable[..., State[Any]] = random.choice([Retrying, Looped])
        return made(message=random.choice(["busy", None]))
    kinds = [one for one in KINDS if one is not Running and is_allowed(type(state), one)]
    if is_allowed(type(state), Running):
        kinds += [Running] * len(kinds)
    following: State[Any] = random.choice([bare, full])(random.choice(kinds))
    return following


def generated_log(random: Random) -> list[State[Any]]:
    """Return a history without fault, of up to seven states."""
    log: list[State[Any]] = [random.choice([Pending(), Queued(state=Pending()), Submitted(state=Pending())])]
    while len(log) < 7 and (following := step_of(random, log[-1])) is not None:
        log.append(following)
    return log


LOGS = [generated_log(Random(seed)) for seed in range(200)]


def test_the_generated_logs() -> None:
    """The logs have no fault; in many the run is retried or loops, and goes through several attempts."""
    assert [None] * len(LOGS) == [check_history(log) for log in LOGS]
    assert {2, 3, 4, 5, 6, 7} == {len(log) for log in LOGS}
    assert 40 <= sum(any(isinstance(state, (Retrying, Looped)) for state in log) for log in LOGS)
    assert 10 <= sum(observe(log)[-1].attempt >= 3 for log in LOGS)


def disputed(log: list[State[Any]]) -> list[Observation[Any]]:
    """Return what was observed of a log, where a second reporter takes its last state for another."""
    observations = list(observe(log[:6]))
    last = observations[-1]
    other: State[Any] = last.state.model_copy(update={"message": "disputed"})
    if isinstance(other, Finished) and len(log) % 2:
        other = Failed(message="disputed")
    return [*observations, Observation(last.attempt, other)]


DELIVERED: list[Any] = [*(list(observe(log)) for log in LOGS[:40]), *(disputed(log) for log in LOGS[40:70])]


@pytest.mark.parametrize("step", thorough_but([5], [5, 1]))
@with_some_policies
def test_any_delivery_of_a_log_gives_one_answer(policy: Order | None, step: int) -> None:
    """All orders of delivery of a log merge to one answer: a Conflict if and only if unequal states claim one place."""
    deliveries = conflicts = 0
    for log in DELIVERED[::step]:
        answers = [merge(*delivered, policy=policy) for delivered in permutations(log)]
        assert [answers[0]] * len(answers) == answers
        if policy is None:
            assert expected_merge(log) == answers[0]
        deliveries += len(answers)
        conflicts += isinstance(answers[0], Conflict)
    print(f"{policy}: {deliveries} deliveries of {len(DELIVERED[::step])} logs, {conflicts} of them in conflict")
    assert len(DELIVERED) == 70
    assert (20 if policy is None else 5) // step <= conflicts <= 35 // step


def test_a_finished_history_merges_to_its_end() -> None:
    """``merge(*observe(xs)) == observe(xs)[-1]`` for a history without fault that is finished."""
    finished = [log for log in LOGS if isinstance(log[-1], Finished)]
    assert len(finished) >= 50
    assert [observe(log)[-1] for log in finished] == [merge(*observe(log)) for log in finished]


# ---- as values


def test_reports_are_values() -> None:
    """Observations and conflicts are compared by what they hold, can be hashed, pickled, and not changed."""
    a, b = Observation(1, Success(result=[1])), Observation(1, Failed())
    conflict = merge(a, b)
    assert (a, conflict) == pickle.loads(pickle.dumps((Observation(1, Success(result=[1])), merge(b, a))))
    assert 2 == len({a, Observation(1, Success(result=[1])), conflict, merge(b, a)})
    with pytest.raises(AttributeError):
        a.attempt = 2  # type: ignore[misc]  # that is the mistake
    assert Observation(1, Success(result=[1])) == a


def test_an_observation_is_validated_at_a_boundary() -> None:
    """A `TypeAdapter` reads an observation as it reads a state, and refuses what is none."""
    adapter = TypeAdapter(Observation[int])
    read = adapter.validate_json('{"attempt": 2, "state": {"type": "Success", "result": 5}}')
    assert Observation(2, Success(result=5)) == read
    for wrong in ('{"attempt": 0, "state": {"type": "Success"}}', '{"attempt": 1, "state": {"type": "Nope"}}'):
        with pytest.raises(ValidationError):
            adapter.validate_json(wrong)
