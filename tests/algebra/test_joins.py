"""The algebra of kinds: `join` by its laws over all pairs and triples, `kind`, and `combine` by what it claims."""

import asyncio
import copy
import pickle
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from inspect import signature
from itertools import combinations_with_replacement, permutations, product
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from statesig import (
    COMPLETION,
    EMPTY,
    FAIL,
    FAIL_FAST,
    RETRY,
    SKIP,
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    ErrorInfo,
    Failed,
    Finished,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Order,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Signal,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
    collect,
    combine,
    is_cancelled,
    is_failed,
    is_successful,
    join,
    kind,
    tally,
)
from statesig.algebra import joins, merges, results
from tests.harness.cases import at_once
from tests.harness.strategies import CONCRETE, Withheld, name_of, payloads, shown
from tests.samples.kinds import QUARANTINE, Partial, Quarantined, Sealed, Throttled
from tests.samples.samples import CAUSE, KINDS, NOON, bare, full, mapped


class Transient(Failed):
    """Worth another attempt, always."""

    retryable: Literal[True] = True


class TRANSIENT(Signal[Transient]):
    """Try it again, always."""


# The two orders as the contract tells them, by rising severity; kinds in one row are equally severe. A user's kind
# stands where its nearest ancestor stands: Sealed is below Quarantined, and that below Failed.
SEVERITY: dict[Order, list[str]] = {
    COMPLETION: [
        "Skipped",
        "Cached",
        "Success Partial",
        "Cancelled",
        "TriggerFailed",
        "Failed TimedOut ValidationFailed Crashed Quarantined Sealed",
        "Pending",
        "Scheduled Resume Retrying Looped Throttled",
        "Paused",
        "Cancelling",
        "Running",
    ],
    FAIL_FAST: [
        "Skipped",
        "Cached",
        "Success Partial",
        "Pending",
        "Scheduled Resume Retrying Looped Throttled",
        "Paused",
        "Cancelling",
        "Running",
        "Cancelled",
        "TriggerFailed",
        "Failed TimedOut ValidationFailed Crashed Quarantined Sealed",
    ],
}
RANK = {
    order: {name: rank for rank, row in enumerate(rows) for name in row.split()} for order, rows in SEVERITY.items()
}

# The nearest common ancestor of each two equally severe kinds that are not one below the other.
PARENT = {
    "Partial": "Success",
    "TimedOut": "Failed",
    "ValidationFailed": "Failed",
    "Crashed": "Failed",
    "Quarantined": "Failed",
    "Sealed": "Quarantined",
    "Resume": "Scheduled",
    "Retrying": "Scheduled",
    "Looped": "Scheduled",
    "Throttled": "Retrying",
}

COMPOSED = (Mapped, MapFailed, MapCancelled)
CARRIER: tuple[Any, ...] = (EMPTY, *(one for one in KINDS if not issubclass(one, (MetaState, *COMPOSED))))
FINAL = tuple(one for one in CARRIER if one is not EMPTY and issubclass(one, Finished))
PAIRS = list(product(CARRIER, repeat=2))

in_each_order = pytest.mark.parametrize("order", [COMPLETION, FAIL_FAST], ids=repr)


def ancestors(name: str) -> list[str]:
    return [name, *(ancestors(PARENT[name]) if name in PARENT else [])]


def expected_join(a: Any, b: Any, order: Order = COMPLETION) -> Any:
    """Return the join as the contract says it, read off the tables above."""
    if EMPTY in (a, b):
        return b if a is EMPTY else a
    one, other = a.__name__, b.__name__
    if RANK[order][one] != RANK[order][other]:
        return a if RANK[order][one] > RANK[order][other] else b
    nearest = next(name for name in ancestors(one) if name in ancestors(other))
    return next(found for found in CARRIER if found is not EMPTY and found.__name__ == nearest)


# ---- join


@in_each_order
def test_the_carrier(order: Order) -> None:
    """The carrier is EMPTY and each concrete kind but meta-states and those with children; the tables have all."""
    assert {"EMPTY", *RANK[order]} == {"EMPTY" if one is EMPTY else one.__name__ for one in CARRIER}


@in_each_order
def test_join_is_the_contracts(order: Order) -> None:
    """The more severe of two kinds; of two equally severe ones their nearest common ancestor."""
    assert [] == [(a, b) for a, b in PAIRS if join(a, b, order=order) is not expected_join(a, b, order)]


@in_each_order
def test_join_is_commutative(order: Order) -> None:
    """``join(a, b) == join(b, a)``."""
    assert [] == [(a, b) for a, b in PAIRS if join(a, b, order=order) is not join(b, a, order=order)]


@in_each_order
def test_join_is_associative(order: Order) -> None:
    """``join(a, join(b, c)) == join(join(a, b), c)``, over all triples of the carrier."""
    triples = list(product(CARRIER, repeat=3))
    broken = [
        (a, b, c)
        for a, b, c in triples
        if join(a, join(b, c, order=order), order=order) is not join(join(a, b, order=order), c, order=order)
    ]
    print(f"{order}: {len(triples)} triples of {len(CARRIER)} kinds, {len(broken)} not associative")
    assert [] == broken
    assert 22**3 == len(triples)


@in_each_order
def test_join_is_idempotent(order: Order) -> None:
    """``join(a, a) == a``: a user's own kind stays itself."""
    assert [] == [a for a in CARRIER if join(a, a, order=order) is not a]


@in_each_order
def test_empty_is_the_identity(order: Order) -> None:
    """``join(EMPTY, a) == a == join(a, EMPTY)``."""
    assert [] == [a for a in CARRIER if not a is join(EMPTY, a, order=order) is join(a, EMPTY, order=order)]


@in_each_order
def test_join_is_closed(order: Order) -> None:
    """The join of two of the carrier is of the carrier: concrete, and no meta-state."""
    assert set() == {join(a, b, order=order) for a, b in PAIRS} - set(CARRIER)


def test_join_is_by_completion() -> None:
    """The order that is not named is COMPLETION: what is still to be done outweighs a failure."""
    assert [join(a, b, order=COMPLETION) for a, b in PAIRS] == [join(a, b) for a, b in PAIRS]
    assert (Running, Failed) == (join(Running, Failed), join(Running, Failed, order=FAIL_FAST))


@in_each_order
def test_join_of_a_users_kinds(order: Order) -> None:
    """``join(Quarantined, Quarantined)`` is Quarantined; so is that with one below it; with another failure Failed."""
    assert Quarantined is join(Quarantined, Quarantined, order=order)
    assert Quarantined is join(Quarantined, Sealed, order=order)
    assert Sealed is join(Sealed, Sealed, order=order)
    assert Failed is join(Sealed, TimedOut, order=order)
    assert Scheduled is join(Throttled, Resume, order=order)


@in_each_order
def test_join_knows_a_kind_that_was_just_defined(order: Order) -> None:
    """A user's kind takes part without registration, also after joins were looked up."""
    assert Failed is join(Failed, Skipped, order=order)

    class JustDefined(Failed):
        """A failure that nobody knew of."""

    assert JustDefined is join(JustDefined, TriggerFailed, order=order)
    assert Failed is join(TimedOut, JustDefined, order=order)


def test_the_parameters_of_a_kind_do_not_matter() -> None:
    """A parametrised class is of the kind of the class."""
    assert (Success, Success, Failed) == (
        join(Success[int], EMPTY),
        join(Success[int], Success[str]),
        join(Failed[int], Success[int]),
    )


NO_KINDS: list[Any] = [State, Finished, MetaState, Queued, Submitted, *COMPOSED, Mapped[int], int, 5, None]
NO_KINDS.append(Success())


@at_once
@pytest.mark.parametrize("a", NO_KINDS, ids=shown)
@in_each_order
def test_join_refuses_what_is_no_kind(order: Order, a: Any) -> None:
    """What no state is of the kind of is refused, on either side, and the next join is as it was."""
    with pytest.raises(TypeError, match=r"cannot be joined; join takes EMPTY and what kind\(state\) returns"):
        join(a, Success, order=order)
    with pytest.raises(TypeError, match=r"cannot be joined; join takes EMPTY"):
        join(Success, a, order=order)
    assert Success is join(Success, Success, order=order)


# ---- orders


@in_each_order
def test_an_order_ranks_the_named_kinds(order: Order) -> None:
    """An order is a mapping of the named kinds to their ranks by severity."""
    assert {row.split()[0]: rank for rank, row in enumerate(SEVERITY[order])} == {
        one.__name__: rank for one, rank in order.items()
    }


@in_each_order
def test_the_rank_of_any_kind(order: Order) -> None:
    """A kind that is not named has the rank of its nearest ancestor; EMPTY is below all."""
    assert [-1, *(RANK[order][one.__name__] for one in CARRIER[1:])] == [order.rank(one) for one in CARRIER]


@in_each_order
def test_an_order_cannot_be_changed(order: Order) -> None:
    """An order is a table to read."""
    before = dict(order)
    with pytest.raises(TypeError):
        order[Success] = 99  # type: ignore[index]  # that is the mistake
    assert before == order


def test_an_order_of_ones_own() -> None:
    """Another order of severity joins by it, and obeys the same laws; one that leaves out a branch is refused."""
    branches = [Success, Failed, Running, Cancelling, Paused, Pending, Cancelled]
    order = Order("CANCELLED_FIRST", [*branches, Skipped])
    assert (Skipped, Cancelled) == (join(Skipped, Running, order=order), join(Cancelled, Running, order=order))
    for a, b, c in product(CARRIER, repeat=3):
        left = join(a, join(b, c, order=order), order=order)
        assert left is join(join(a, b, order=order), c, order=order) is join(c, join(b, a, order=order), order=order)
    with pytest.raises(
        ValueError, match=r"^an order ranks every branch of the states; X leaves out Paused, Cancelled$"
    ):
        Order("X", [one for one in branches if one not in (Paused, Cancelled)])


@in_each_order
def test_an_order_is_pickled_by_its_name(order: Order) -> None:
    """There is one of each order, whatever copies it."""
    assert (order, order) == (pickle.loads(pickle.dumps(order)), copy.deepcopy(order))
    assert pickle.loads(pickle.dumps(order)) is order
    assert {COMPLETION: 1, FAIL_FAST: 2} == dict(zip([COMPLETION, FAIL_FAST], [1, 2], strict=True))


# ---- kind


@at_once
@pytest.mark.parametrize("of", CARRIER[1:], ids=lambda one: one.__name__)
def test_the_kind_of_a_state_is_its_class(of: Any) -> None:
    """The kind of a state is its class, whatever it holds."""
    assert (of, of) == (kind(bare(of)), kind(full(of)))


def test_the_kind_of_a_parametrised_state() -> None:
    """The arguments of a class are no part of the kind."""
    assert (Success, Partial) == (kind(Success[int](result=1)), kind(Partial[int](result=1)))


@at_once
@pytest.mark.parametrize("wrapping", [Queued, Submitted])
@pytest.mark.parametrize("wrapped", [Pending, Scheduled, Resume, Retrying, Looped, Throttled])
def test_the_kind_of_a_meta_state(wrapping: Any, wrapped: Any) -> None:
    """A meta-state is of the kind of what it wraps."""
    assert wrapped is kind(wrapping(state=bare(wrapped)))


@at_once
@pytest.mark.parametrize("a", FINAL, ids=lambda one: one.__name__)
def test_the_kind_of_a_mapped(a: Any) -> None:
    """The kind of a state with children is the join of their kinds, nested ones too."""
    for b in FINAL:
        expected = expected_join(a, b)
        assert expected is kind(mapped(bare(a), bare(b)))
        assert expected is kind(mapped(mapped(bare(a)), bare(b)))


def test_a_kind_never_lies() -> None:
    """With up to four children of any final kinds: a mapped task succeeded just if each child has, and all agree."""
    ends = [bare(one) for one in KINDS if issubclass(one, Finished)]
    cases = 0
    for count in range(5):
        for children in combinations_with_replacement(ends, count):
            cases += 1
            state = mapped(*children)
            expected = expected_branch(children)
            assert expected == [isinstance(state, branch) for branch in OUTCOMES], children
            assert expected == [issubclass(kind(state), branch) for branch in OUTCOMES], children
            assert expected == [is_successful(state), is_failed(state), is_cancelled(state)], children
            assert {kind(state): 1} == tally([state])
            assert expected == [isinstance(combine([state]), branch) for branch in OUTCOMES], children
    print(f"{cases} choices of up to four of {len(ends)} final kinds")


OUTCOMES = (Success, Failed, Cancelled)


def expected_branch(children: tuple[State[Any], ...]) -> list[bool]:
    """Return whether a mapped task with these children succeeded, failed, was cancelled."""
    failed = any(isinstance(child, Failed) for child in children)
    cancelled = not failed and any(isinstance(child, Cancelled) for child in children)
    return [all(isinstance(child, Success) for child in children), failed, cancelled]


@pytest.mark.parametrize("of", [Mapped, MapFailed, MapCancelled], ids=lambda one: one.__name__)
def test_no_other_class_takes_the_children(of: Any) -> None:
    """Of three classes one alone takes some children, and the others name it; a child that is not final none takes."""
    choices = [
        (),
        (Success(),),
        (Failed(),),
        (Cancelled(),),
        (Success(), Failed(), Cancelled()),
        (Skipped(), Cancelled()),
    ]
    for children in choices:
        right = type(mapped(*children))
        if of is right:
            assert children == of(children=children).children
        else:
            with pytest.raises(ValidationError, match=f"use {right.__name__}, not {of.__name__}"):
                of(children=children)
    for child in (Running(), Pending(), Queued(state=Pending()), Paused()):
        with pytest.raises(ValidationError, match=rf"every child of a {of.__name__} is final, and children\[1\] is"):
            of(children=(Failed(), child))


def test_the_kind_of_an_empty_mapped() -> None:
    """A Mapped without children is a Success."""
    assert (Success, Success) == (kind(Mapped()), kind(Mapped(children=(Mapped(),))))


@in_each_order
def test_the_kind_of_a_mapped_in_an_order(order: Order) -> None:
    """The children are joined in the order that is asked for; since they are final, the two orders agree."""
    assert Failed is kind(mapped(Failed(), Cancelled(), TriggerFailed(), Success()), order=order)


def nested(state: State[Any], depth: int) -> State[Any]:
    """Return a state in so many Mapped, one in the other."""
    return reduce(lambda inner, _: mapped(inner), range(depth), state)


def test_the_kind_of_what_is_nested_deep() -> None:
    """A state nested deeper than Python calls itself has a kind, is counted and is combined."""
    deep = nested(Crashed(retryable=False, causes=(CAUSE,)), 5_000)
    assert (Crashed, {Crashed: 1}) == (kind(deep), tally([deep]))
    assert Crashed(retryable=False, causes=(CAUSE,)) == combine([deep])


# ---- tally


def test_tally_counts_kinds() -> None:
    """``tally(xs) == Counter(map(kind, xs))``, over two of each kind."""
    states = [make(one) for one in KINDS for make in (bare, full)]
    assert Counter(map(kind, states)) == tally(states)
    assert {Success: 2, Retrying: 1} == tally([Success(), Success[int](result=1), Queued(state=Retrying())])


def test_tally_counts_a_users_kind_as_itself() -> None:
    """A user's kind is counted apart from what it is below; a Mapped once, as the kind it is of."""
    states = [Quarantined(path="x"), Failed(), Sealed(path="y"), mapped(Failed(), Success())]
    assert {Quarantined: 1, Sealed: 1, Failed: 2} == tally(states)
    assert {} == tally([])


@given(st.lists(st.sampled_from(KINDS)), st.lists(st.sampled_from(KINDS)))
def test_tally_adds_up(xs: list[Any], ys: list[Any]) -> None:
    """``tally([*xs, *ys]) == tally(xs) + tally(ys)``, whatever the order."""
    left, right = [bare(one) for one in xs], [full(one) for one in ys]
    assert tally(left) + tally(right) == tally([*left, *right]) == tally([*right, *left])


# ---- combine


def constructible(of: Any) -> Any:
    """Return a kind's nearest ancestor that has no required field."""
    return {Quarantined: Failed, Sealed: Failed, Withheld: Failed}.get(of, of)


def joined_kind(states: Iterable[State[Any]], order: Order) -> Any:
    """Return the join of the kinds of states, one after the other."""
    return reduce(lambda a, b: join(a, b, order=order), (kind(state, order=order) for state in states), EMPTY)


@in_each_order
def test_the_kind_of_a_combination(order: Order) -> None:
    """``kind(combine(xs)) == constructible(join of the kinds)``, for all singles, pairs and triples of kinds."""
    states = [bare(one) for one in KINDS]
    for xs in [*product(states, repeat=1), *product(states, repeat=2), *product(states, repeat=3)]:
        assert constructible(joined_kind(xs, order)) is kind(combine(xs, order=order)), xs


samples = st.sampled_from(CONCRETE).flatmap(payloads)


@in_each_order
@given(xs=st.lists(samples, min_size=1, max_size=5))
def test_the_kind_of_a_combination_of_any_payloads(order: Order, xs: list[State[Any]]) -> None:
    """``kind(combine(xs)) == constructible(join of the kinds)``, whatever the states hold."""
    assert constructible(joined_kind(xs, order)) is kind(combine(xs, order=order))


@in_each_order
@given(xs=st.lists(samples, min_size=1, max_size=5), data=st.data())
def test_order_and_duplicates_of_any_payloads_do_not_matter(
    order: Order, xs: list[State[Any]], data: st.DataObject
) -> None:
    """However the same states are ordered and repeated, the combination is the same, its causes as a set."""
    again = data.draw(st.lists(st.sampled_from(xs), max_size=3))
    ys = data.draw(st.permutations([*xs, *again]))
    assert parts(combine(xs, order=order)) == parts(combine(ys, order=order))


def parts(state: State[Any]) -> tuple[type, dict[str, Any]]:
    """Return a state as class and fields, its causes as a set."""
    return type(state), {name: set(value) if name == "causes" else value for name, value in state}


def test_order_and_duplicates_do_not_matter() -> None:
    """However the same states are ordered and repeated, the combination is the same, its causes as a set."""
    variants = [
        full(one, message=f"{one.__name__}", causes=(CAUSE, ErrorInfo(type=one.__name__, message="x"))) for one in KINDS
    ]
    chosen = variants[::2] + [bare(one) for one in KINDS[1::3]]
    for xs in product(chosen, repeat=2):
        assert parts(combine(xs)) == parts(combine(xs[::-1])) == parts(combine((*xs, *xs[::-1])))
    for xs in [tuple(chosen[i : i + 4]) for i in range(len(chosen))]:
        assert [parts(combine(xs))] * len(list(permutations(xs))) == [parts(combine(ys)) for ys in permutations(xs)]


def test_combine_of_nothing() -> None:
    """Nothing combines to Success, or to what is given as `empty`; a Mapped without children is not nothing."""
    assert Success() == combine([])
    assert Skipped(message="x") == combine([], empty=Skipped(message="x"))
    assert Success() == combine([Mapped()], empty=Skipped())


def test_empty_is_used_for_nothing_alone() -> None:
    """`empty` has no part where there are states."""
    assert Success() == combine([Success()], empty=Failed())


@at_once
@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.__name__)
def test_causes_are_kept_once_each(one: Any) -> None:
    """Each cause of each state is kept once, those of a Mapped or a meta-state and of what is in them, too."""
    other = ErrorInfo(type="OSError", message="disk")
    combined = combine([full(one), full(one), Failed(causes=(other, CAUSE))])
    assert {CAUSE, other} == set(combined.causes)
    assert 2 == len(combined.causes)
    assert (CAUSE,) == combine([full(one, causes=(CAUSE,))]).causes


def test_causes_of_children_are_kept() -> None:
    """What a Mapped's children and a wrapped state were caused by is kept, in their order."""
    other = ErrorInfo(type="OSError", message="disk")
    both = mapped(Failed(causes=(CAUSE,)), Failed(causes=(other,)))
    assert (CAUSE, other) == combine([both]).causes
    wrapped = Queued(state=Retrying(causes=(CAUSE,)))
    assert (CAUSE,) == combine([wrapped]).causes
    assert (CAUSE,) == combine([mapped(Failed(causes=(CAUSE,)), Success())]).causes


def test_the_earliest_start_time_expiry_and_deadline() -> None:
    """The earliest start time, expiry and deadline of a pause are kept; what has none has no say."""
    later = NOON + timedelta(days=1)
    times = [Scheduled(start_time=later), Scheduled(start_time=NOON), Scheduled()]
    assert Scheduled(start_time=NOON) == combine(times)
    assert Cached(expires=NOON) == combine([Cached(expires=later), Cached(expires=NOON), Cached()])
    assert Paused(until=NOON) == combine([Paused(until=later), Paused(until=NOON), Paused()])


def test_the_largest_counts() -> None:
    """The largest count of attempts and of iterations is kept."""
    assert Retrying(run_count=7) == combine([Retrying(run_count=2), Retrying(run_count=7), Retrying()])
    assert Looped(loop_count=7) == combine([Looped(loop_count=7), Looped(loop_count=2)])


@at_once
@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([Failed(), Crashed()], Failed()),
        ([Failed(), Crashed(retryable=False)], Failed(retryable=False)),
        ([Failed(), Success()], Failed()),
        ([TriggerFailed(), Failed()], Failed(retryable=False)),
        ([TriggerFailed()], TriggerFailed()),
        ([TriggerFailed(retryable=True)], TriggerFailed(retryable=True)),
        ([Quarantined(path="x", retryable=False), ValidationFailed()], Failed(retryable=False)),
    ],
)
def test_retryable_only_if_all_failures_are(states: list[State[Any]], expected: State[Any]) -> None:
    """One failure that must not be retried decides; what did not fail has no say."""
    assert expected == combine(states)


@at_once
@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([Failed(message="x")], "x"),
        ([Failed(message="x"), Failed(message="x")], "x"),
        ([Failed(message="x"), Failed()], "x"),
        ([Failed(message="x"), Failed(message="y")], None),
        ([Failed(message="x"), Success(message="y")], "x"),
        ([Failed(message="x"), TimedOut(message="x")], "x"),
        ([TimedOut(message="x"), Crashed(message="y")], None),
        ([mapped(Failed(message="x"), Success(message="y"), message="m")], "x"),
    ],
)
def test_a_message_that_all_agree_on(states: list[State[Any]], message: str | None) -> None:
    """A message is kept where all states of the joined kind that have one agree on it."""
    assert message == combine(states).message


@at_once
@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.__name__)
def test_results_are_not_kept(one: Any) -> None:
    """A combination stands for several states and has no result."""
    assert not combine([full(one), full(one)]).has_result


@at_once
@pytest.mark.parametrize("one", [found for found in CARRIER[1:] if constructible(found) is found])
def test_combining_one_bare_state(one: Any) -> None:
    """A state without payload is its own combination, for every kind without required fields."""
    assert (one, bare(one)) == (type(combine([bare(one)])), combine([bare(one)]))


def test_combine_takes_any_iterable() -> None:
    """The states may come from a generator, and are not changed."""
    states: list[State[Any]] = [full(Failed), full(Submitted)]
    combine(state for state in states)
    assert [full(Failed), full(Submitted)] == states


def test_combine_of_states_that_restrict_their_fields() -> None:
    """No state makes `combine` raise, also one that admits fewer values than its parent."""
    states = [Transient(), TriggerFailed()]
    assert Failed is join(Failed, kind(combine(states)))
    assert (Failed, False) == (type(combine(states)), getattr(combine(states), "retryable", None))


class Tireless(TimedOut):
    """It took too long, and is always worth another attempt."""

    retryable: Literal[True] = True


def test_the_nearest_ancestor_that_takes_what_is_combined() -> None:
    """Of a class that refuses what is combined it is the next one above that takes it, not the last."""
    assert TimedOut(retryable=False) == combine([Tireless(), TriggerFailed()])


class Insured(Failed):
    """A failure with fields whose names others of the package have, and that mean something else."""

    expires: str = "never"
    run_count: Literal[0] = 0


def test_a_users_field_of_the_same_name_is_the_users() -> None:
    """What is combined are the fields of the package, not those that a user called the same."""
    assert Insured() == combine([Insured(), Cached(expires=NOON), Insured(expires="soon")])
    assert Retrying(run_count=3) == combine([Insured(), Retrying(run_count=3)])


class Told(Failed):
    """A failure that must say why."""

    message: str  # type: ignore[assignment]  # narrower than the parent's on purpose


def test_a_class_with_a_required_field_is_not_combined_to() -> None:
    """The combination is of the nearest ancestor without required fields, also where the field would be there."""
    assert Failed(message="x") == combine([Told(message="x")])
    assert Failed is kind(combine([Told(message="x"), Told(message="x")]))


@pytest.mark.parametrize(
    ("function", "expected"),
    [(kind, ["order"]), (join, ["order"]), (combine, ["empty", "order"])],
    ids=["kind", "join", "combine"],
)
def test_options_are_given_by_name(function: Any, expected: list[str]) -> None:
    """An order, and what stands for nothing, are given by name alone."""
    taken = signature(function).parameters.values()
    assert expected == [parameter.name for parameter in taken if parameter.kind is parameter.KEYWORD_ONLY]


def test_combine_in_the_other_order() -> None:
    """In FAIL_FAST a failure is not hidden by what is still running."""
    states = [Running(message="on it"), Failed(message="why", causes=(CAUSE,)), Pending(), Success()]
    assert Running(message="on it", causes=(CAUSE,)) == combine(states)
    assert Failed(message="why", causes=(CAUSE,)) == combine(states, order=FAIL_FAST)


# ---- combine of what is collected from a group


async def raising(*raised: BaseException) -> None:
    """Raise each of these in a task of one group."""

    async def task(exc: BaseException) -> None:
        raise exc

    async with asyncio.TaskGroup() as group:
        for exc in raised:
            group.create_task(task(exc))


def group_of(*raised: BaseException) -> BaseExceptionGroup[BaseException]:
    """Return the group that a task group raises of these."""
    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(raising(*raised))
    return caught.value


@pytest.mark.parametrize(
    ("raised", "completion", "fail_fast"),
    [
        ([SKIP("a")], Skipped(message="a"), Skipped(message="a")),
        ([SKIP("a"), FAIL("b")], Failed(message="b"), Failed(message="b")),
        ([RETRY("a", run_count=2), FAIL("b")], Retrying(message="a", run_count=2), Failed(message="b")),
        ([QUARANTINE("a", path="x"), SKIP("b")], Failed(message="a"), Failed(message="a")),
    ],
    ids=str,
)
def test_combine_of_what_a_task_group_raised(
    raised: list[BaseException], completion: State[Any], fail_fast: State[Any]
) -> None:
    """The signals that the tasks of an `asyncio.TaskGroup` raised are one state, in each order."""
    states = collect(group_of(*raised))
    assert (completion, fail_fast) == (combine(states), combine(states, order=FAIL_FAST))


@in_each_order
def test_combine_of_groups_within_groups(order: Order) -> None:
    """Groups that task groups raised within task groups combine as their signals in one group do."""
    signals = [SKIP("a"), FAIL("b", causes=(CAUSE,)), RETRY("c")]
    flat = group_of(*signals)
    within = group_of(signals[0], group_of(signals[1], group_of(signals[2])))
    assert combine(collect(flat), order=order) == combine(collect(within), order=order)
    assert constructible(joined_kind(collect(within), order)) is kind(combine(collect(within), order=order))


@pytest.mark.parametrize("inner", [False, True])
def test_a_group_with_anything_foreign_is_not_combined(inner: bool) -> None:
    """A group with what is no signal in it is raised whole, with all that it had, before anything is combined."""
    foreign = ValueError("no such day")
    mixed = group_of(SKIP("a"), group_of(FAIL("b"), foreign) if inner else foreign)
    before = mixed.exceptions
    with pytest.raises(BaseExceptionGroup) as caught:
        combine(collect(mixed))
    assert mixed is caught.value
    assert before == mixed.exceptions


# ---- the laws that the modules state


@pytest.mark.parametrize("module", [joins, merges, results], ids=name_of)
def test_each_law_names_its_test(module: ModuleType) -> None:
    """Each law in the docstring of a module names a test in the file of its tests that there is."""
    tests = Path(__file__).with_name(f"test_{module.__name__.rpartition('.')[2]}.py").read_text()
    named = re.findall(r"\btest_\w+", module.__doc__ or "")
    assert [] == [name for name in named if f"\ndef {name}(" not in tests]
    assert len(named) >= 5
