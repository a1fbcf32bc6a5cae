"""What is decided and settled, over all that a task, its state and its upstreams can be."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statesig import (
    Cancelled,
    Crashed,
    Failed,
    Finished,
    Flow,
    IllegalTransition,
    Looped,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    SkipPolicy,
    State,
    Success,
    TriggerFailed,
    Verdict,
    all_failed,
    all_finished,
    all_successful,
    always_run,
    any_failed,
    any_successful,
    is_allowed,
    manual_only,
    none_skipped,
    not_all_skipped,
    state_of,
    task,
)
from statesig.engine.decisions import (
    MOST_LOST,
    Become,
    Decision,
    Wait,
    decide,
    delay_before,
    settle,
    settle_cancelling,
    settle_lost,
    settle_replaced,
)
from tests.harness.cases import at_once
from tests.harness.exhaustive import one_in
from tests.samples.samples import CAUSE, KINDS, NOON, bare, full

TRIGGERS = (
    all_successful,
    all_failed,
    all_finished,
    always_run,
    any_failed,
    any_successful,
    manual_only,
    none_skipped,
    not_all_skipped,
)
UPSTREAM: tuple[State[Any], ...] = (
    Success(),
    Success(result=1),
    Skipped(),
    Skipped(result=2),
    Failed(),
    Failed(result=3),
    Cancelled(),
    Pending(),
    Paused(),
    Running(),
    Mapped(children=(Success(result=1), Skipped())),
    Mapped(children=(Success(result=1), Success(result=2)), result=[1, 2]),
    Mapped(result=[]),
)
WAYS = tuple(product(("order", "state", "value"), repeat=2))


def node_of(trigger: Any, policy: SkipPolicy, ways: tuple[str, ...]) -> Any:
    """Return a node that takes of each upstream what is said: nothing but its order, its state, or its value."""
    source = task(name="source")(lambda: 1)
    with Flow("f") as flow:
        sources = [source() for _ in ways]
        pairs = list(zip(sources, ways, strict=True))
        taken = [state_of(one) if way == "state" else one for one, way in pairs if way != "order"]
        last = task(name="last", trigger=trigger, on_skip=policy)(lambda *values: values)(*taken)
        flow.after(last, *(one for one, way in pairs if way == "order"))
    return flow.nodes[-1]


def leaves_of(state: State[Any]) -> tuple[State[Any], ...]:
    """Return what a trigger counts of a state."""
    return (state.children or (Success(),)) if isinstance(state, Mapped) else (state,)


def has_value(state: State[Any]) -> bool:
    """Restate which final state has a value."""
    return state.has_result or (
        isinstance(state, Mapped) and state.children != () and all(map(has_value, state.children))
    )


def expected(node: Any, upstream: list[State[Any]], resumed: bool) -> tuple[str, str]:
    """Restate the steps: a skip that spreads, the trigger, a skip after the trigger, the inputs.

    Where a skip would decide, the unfinished are waited for, which may still be skipped.
    """
    skipped = any(isinstance(leaf, Skipped) for state in upstream for leaf in leaves_of(state))
    may_be = not all(isinstance(state, Finished) for state in upstream)
    by_skip = ("become", "Skipped") if skipped else ("wait", "")
    if node.task.on_skip is SkipPolicy.PROPAGATE and (skipped or may_be):
        return by_skip
    verdict = node.task.trigger.verdict(upstream, resumed=resumed)
    if verdict is not Verdict.RUN:
        becomes = {Verdict.FAIL: "TriggerFailed", Verdict.SKIP: "Skipped", Verdict.PAUSE: "Paused"}
        return ("wait", "") if verdict is Verdict.WAIT else ("become", becomes[verdict])
    if node.task.on_skip is SkipPolicy.FAILURE_FIRST and (skipped or may_be):
        return by_skip
    for source, takes in zip(node.upstream, node.takes, strict=True):
        state = upstream[node.upstream.index(source)]
        if takes.name != "ORDER" and not isinstance(state, Finished):
            return "wait", ""
        if takes.name == "VALUE" and not has_value(state):
            leaves = leaves_of(state)
            failed = any(not isinstance(leaf, Success) and not leaf.has_result for leaf in leaves)
            is_skip = not failed and any(isinstance(leaf, Skipped) for leaf in leaves)
            return "become", "Skipped" if is_skip else "TriggerFailed"
    return "execute", ""


def named(decision: Decision) -> tuple[str, str]:
    """Return a decision as its name, and the tag of the state that it lets a task become."""
    if isinstance(decision, Become):
        return "become", decision.state.type
    return ("wait", "") if isinstance(decision, Wait) else ("execute", "")


@at_once
@pytest.mark.parametrize(("trigger", "policy"), one_in(4, list(product(TRIGGERS, SkipPolicy))), ids=str)
def test_decide_over_all_pairs_of_upstreams(trigger: Any, policy: SkipPolicy) -> None:
    """Every trigger, policy, pair of upstreams and way to take them: the steps one after the other say the same."""
    cases = 0
    for ways in WAYS:
        node = node_of(trigger, policy, ways)
        for given_states in product(UPSTREAM, repeat=2):
            # The node's upstreams stand in the order in which it takes them: those that only order are the last.
            upstream = [given_states[source.index] for source in node.upstream]
            for resumed in (False, True):
                actual = decide(node, Pending(), upstream, resumed=resumed)
                assert expected(node, upstream, resumed) == named(actual), (ways, upstream, resumed)
                cases += 1
    assert 2 * len(WAYS) * len(UPSTREAM) ** 2 == cases


@at_once
@pytest.mark.parametrize("policy", SkipPolicy)
@pytest.mark.parametrize("state", [Retrying(run_count=1), Scheduled(), Looped()], ids=lambda state: state.type)
def test_a_task_that_has_begun_is_not_judged_again(policy: SkipPolicy, state: State[Any]) -> None:
    """A skip or a failure that comes later does not undo that its trigger has let it run."""
    node = node_of(all_successful, policy, ("order", "order"))
    for upstream in product([Skipped(), Failed(), Success(), Pending()], repeat=2):
        assert ("execute", "") == named(decide(node, state, upstream, has_begun=True))


# ---- what an attempt leads to


def expected_end(outcome: State[Any], failures: int, retries: int) -> str:
    """Restate which kind of state follows an attempt."""
    if not is_allowed(Running, type(outcome)) or type(outcome).__name__ == "Cancelling":
        return "Failed"
    failed = isinstance(outcome, Retrying) or (isinstance(outcome, Failed) and outcome.retryable)
    if failed and failures <= retries:
        return outcome.type if isinstance(outcome, Retrying) else "Retrying"
    return "Failed" if isinstance(outcome, Retrying) else outcome.type


@at_once
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_settle_over_all_outcomes(kind: Any) -> None:
    """Every outcome, number of failures and of retries: one kind of state, which may follow Running."""
    for outcome, failures, retries in product((bare(kind), full(kind)), range(5), range(4)):
        work = task(retries=retries)(lambda: None)
        state = settle(work, outcome, failures, NOON, attempts=failures + 1, loops=2)
        assert expected_end(outcome, failures, retries) == state.type
        assert is_allowed(Running, type(state))
        if isinstance(state, Scheduled):
            assert state.start_time is not None
        if isinstance(state, Retrying):
            assert failures + 1 == state.run_count
        if isinstance(state, Looped) and isinstance(outcome, Looped):
            assert 2 == state.loop_count


@at_once
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_follows_a_cancelled_attempt(kind: Any) -> None:
    """An attempt that ends after its run was cancelled leaves its final state, or Cancelled with its causes."""
    for outcome in (bare(kind), full(kind)):
        state = settle_cancelling(outcome)
        if isinstance(outcome, Finished):
            assert outcome is state
        else:
            assert (Cancelled, outcome.causes) == (type(state), state.causes)


def test_what_a_handler_puts_in_place_over_all_pairs() -> None:
    """A state that may follow is taken as it is; any other is Failed, and its cause lists what is possible.

    Running may take the place of Running alone: a task that no call ends would be Running for ever.
    """
    for source, target in product(KINDS, KINDS):
        if issubclass(source, Finished):
            continue
        given_state = full(target)
        for begins in (False, True):
            state = settle_replaced(bare(source), given_state, begins=begins)
            if is_allowed(source, target) and (begins or target is not Running):
                assert given_state is state
            else:
                assert (Failed, "statesig.errors.IllegalTransition") == (type(state), state.causes[0].type)
                assert is_allowed(source, Failed)


def test_an_attempt_that_was_lost() -> None:
    """Three times it is run again as soon as possible; then it is Crashed for good."""
    states = [settle_lost(lost, NOON) for lost in range(1, MOST_LOST + 3)]
    assert [Scheduled] * 3 + [Crashed] * 2 == [type(state) for state in states]
    assert {NOON} == {state.start_time for state in states if isinstance(state, Scheduled)}
    assert [False, False] == [state.retryable for state in states if isinstance(state, Crashed)]


# ---- delays


@pytest.mark.parametrize(
    ("options", "delays"),
    [
        ({"retry_delay": 3}, [3, 3, 3, 3]),
        ({"retry_delay": 3, "retry_backoff": 2}, [3, 6, 12, 24]),
        ({"retry_delay": 3, "retry_backoff": 2, "retry_max_delay": 10}, [3, 6, 10, 10]),
        ({"retry_delay": timedelta(minutes=1), "retry_backoff": 1.5}, [60, 90, 135, 202.5]),
        ({}, [0, 0, 0, 0]),
    ],
)
def test_each_further_delay_is_longer(options: dict[str, Any], delays: list[float]) -> None:
    """The delay grows by the backoff from failure to failure, up to its limit."""
    work = task(retries=9, **options)(lambda: None)
    assert delays == [delay_before(work, failures) for failures in range(1, 5)]


@given(
    delay=st.floats(0, 1e6),
    backoff=st.floats(1, 1e6),
    limit=st.none() | st.floats(0, 1e6),
    jitter=st.floats(0, 1),
    drawn=st.floats(-1, 1),
    failures=st.integers(1, 10_000),
)
def test_no_delay_is_out_of_its_range(
    delay: float, backoff: float, limit: float | None, jitter: float, drawn: float, failures: int
) -> None:
    """A delay is never negative, over its limit, or too long to add to a time; jitter moves it by its part at most."""
    work = task(retry_delay=delay, retry_backoff=backoff, retry_max_delay=limit, retry_jitter=jitter)(lambda: None)
    plain, moved = delay_before(work, failures), delay_before(work, failures, drawn)
    assert 0 <= moved
    assert limit is None or moved <= limit
    assert abs(moved - plain) <= jitter * plain * (1 + 1e-9)
    assert NOON + timedelta(seconds=moved) >= NOON


def test_jitter_moves_what_is_settled() -> None:
    """`settle` gives the start time that the delay with its jitter says."""
    work = task(retries=3, retry_delay=10, retry_jitter=0.5)(lambda: None)
    starts = [settle(work, Failed(causes=(CAUSE,)), 1, NOON, jitter=jitter).start_time for jitter in (-1, 0, 1)]  # type: ignore[attr-defined]  # Retrying
    assert [NOON + timedelta(seconds=seconds) for seconds in (5, 10, 15)] == starts


def test_not_allowed_names_what_is() -> None:
    """The cause of an outcome that may not be says what may."""
    state = settle_replaced(Paused(), Success(), begins=False)
    assert isinstance(state, Failed)
    assert str(IllegalTransition("Paused", "Success", ["Resume", "Failed", "Cancelled"])) == state.causes[0].message
    assert isinstance(settle_replaced(Pending(), TriggerFailed(), begins=False), TriggerFailed)
