"""The algebra of kinds: `join` by its laws over all pairs and triples, `kind`, and `combine` by what it claims."""

from datetime import timedelta
from itertools import permutations, product
from typing import Any, Literal

import pytest

from statesig import (
    COMPLETION,
    EMPTY,
    Cached,
    Crashed,
    ErrorInfo,
    Failed,
    Looped,
    Mapped,
    MetaState,
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
    combine,
    join,
    kind,
)
from tests.programs.kinds import Partial, Quarantined, Sealed, Throttled
from tests.programs.samples import CAUSE, KINDS, NOON, bare, full


class Transient(Failed):
    """Worth another attempt, always."""

    retryable: Literal[True] = True


class TRANSIENT(Signal[Transient]):
    """Try it again, always."""


# Section 6 of the contract, by rising severity; kinds in one row are equally severe. A user's kind stands where its
# nearest ancestor stands: Sealed is below Quarantined, and that below Failed.
SEVERITY = [
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
]
RANK = {name: rank for rank, row in enumerate(SEVERITY) for name in row.split()}

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

CARRIER: tuple[Any, ...] = (EMPTY, *(one for one in KINDS if not issubclass(one, (MetaState, Mapped))))

each = pytest.mark.parametrize("a", CARRIER, ids=lambda one: one.name if one is EMPTY else one.__name__)


def ancestors(name: str) -> list[str]:
    return [name, *(ancestors(PARENT[name]) if name in PARENT else [])]


def expected_join(a: Any, b: Any) -> Any:
    """Return the join as the contract says it, read off the tables above."""
    if EMPTY in (a, b):
        return b if a is EMPTY else a
    one, other = a.__name__, b.__name__
    if RANK[one] != RANK[other]:
        return a if RANK[one] > RANK[other] else b
    nearest = next(name for name in ancestors(one) if name in ancestors(other))
    return next(found for found in CARRIER if found is not EMPTY and found.__name__ == nearest)


# ---- join


def test_the_carrier() -> None:
    """The carrier is every concrete kind but meta-states and Mapped, and EMPTY; the table above has them all."""
    assert {"EMPTY", *RANK} == {"EMPTY" if one is EMPTY else one.__name__ for one in CARRIER}


@each
def test_join_is_the_contracts(a: Any) -> None:
    """The more severe of two kinds; of two equally severe ones their nearest common ancestor."""
    assert [expected_join(a, b) for b in CARRIER] == [join(a, b) for b in CARRIER]


@each
def test_join_is_commutative(a: Any) -> None:
    """``join(a, b) == join(b, a)``."""
    assert [join(b, a) for b in CARRIER] == [join(a, b) for b in CARRIER]


@each
def test_join_is_associative(a: Any) -> None:
    """``join(a, join(b, c)) == join(join(a, b), c)``."""
    pairs = list(product(CARRIER, repeat=2))
    assert [join(a, join(b, c)) for b, c in pairs] == [join(join(a, b), c) for b, c in pairs]


@each
def test_join_is_idempotent(a: Any) -> None:
    """``join(a, a) == a``: a user's own kind stays itself."""
    assert a is join(a, a)


@each
def test_empty_is_the_identity(a: Any) -> None:
    """``join(EMPTY, a) == a == join(a, EMPTY)``."""
    assert (a, a) == (join(EMPTY, a), join(a, EMPTY))


@each
def test_join_is_closed(a: Any) -> None:
    """The join of two of the carrier is of the carrier: concrete, and no meta-state."""
    assert set() == {join(a, b) for b in CARRIER} - set(CARRIER)


def test_join_of_a_users_kinds() -> None:
    """``join(Quarantined, Quarantined)`` is Quarantined; so is that with one below it; with another failure Failed."""
    assert Quarantined is join(Quarantined, Quarantined)
    assert Quarantined is join(Quarantined, Sealed)
    assert Sealed is join(Sealed, Sealed)
    assert Failed is join(Sealed, TimedOut)
    assert Scheduled is join(Throttled, Resume)


def test_completion_is_the_order_of_severity() -> None:
    """COMPLETION ranks the named kinds by severity."""
    names = sorted(COMPLETION, key=lambda one: COMPLETION[one])
    assert [row.split()[0] for row in SEVERITY] == [one.__name__ for one in names]


def test_completion_cannot_be_changed() -> None:
    """The order is a table to read."""
    before = dict(COMPLETION)
    with pytest.raises(TypeError):
        COMPLETION[Success] = 99  # type: ignore[index]  # that is the mistake
    assert before == COMPLETION


# ---- kind


@pytest.mark.parametrize("of", CARRIER[1:], ids=lambda one: one.__name__)
def test_the_kind_of_a_state_is_its_class(of: Any) -> None:
    """The kind of a state is its class, whatever it holds."""
    assert (of, of) == (kind(bare(of)), kind(full(of)))


def test_the_kind_of_a_parametrised_state() -> None:
    """The arguments of a class are no part of the kind."""
    assert (Success, Partial) == (kind(Success[int](result=1)), kind(Partial[int](result=1)))


@pytest.mark.parametrize("wrapping", [Queued, Submitted])
@pytest.mark.parametrize("wrapped", [Pending, Scheduled, Resume, Retrying, Looped, Throttled])
def test_the_kind_of_a_meta_state(wrapping: Any, wrapped: Any) -> None:
    """A meta-state is of the kind of what it wraps."""
    assert wrapped is kind(wrapping(state=bare(wrapped)))


@pytest.mark.parametrize("a", CARRIER[1:], ids=lambda one: one.__name__)
def test_the_kind_of_a_mapped(a: Any) -> None:
    """A Mapped is the join of its children's kinds, nested ones and wrapped ones too."""
    for b in CARRIER[1:]:
        expected = expected_join(a, b)
        assert expected is kind(Mapped(children=(bare(a), bare(b))))
        assert expected is kind(Mapped(children=(Mapped(children=(bare(a),)), bare(b))))
    assert Running is kind(Mapped(children=(Queued(state=Pending()), Running())))


def test_the_kind_of_an_empty_mapped() -> None:
    """A Mapped without children is a Success."""
    assert (Success, Success) == (kind(Mapped()), kind(Mapped(children=(Mapped(),))))


# ---- combine


def constructible(of: Any) -> Any:
    """Return a kind's nearest ancestor that has no required field."""
    return {Quarantined: Failed, Sealed: Failed}.get(of, of)


def test_the_kind_of_a_combination() -> None:
    """``kind(combine(xs)) == constructible(join of the kinds)``, for all pairs and triples of kinds."""
    states = [bare(one) for one in KINDS]
    for xs in [*product(states, repeat=1), *product(states, repeat=2), *product(states, repeat=3)]:
        joined: Any = EMPTY
        for x in xs:
            joined = join(joined, kind(x))
        assert constructible(joined) is kind(combine(xs)), xs


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


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.__name__)
def test_causes_are_kept_once_each(one: Any) -> None:
    """Each cause of each state is kept once, those of a Mapped or a meta-state and of what is in them, too."""
    other = ErrorInfo(type="OSError", message="disk")
    combined = combine([full(one), full(one), Failed(causes=(other, CAUSE))])
    assert {CAUSE, other} == set(combined.causes)
    assert 2 == len(combined.causes)
    assert (CAUSE,) == combine([full(one, causes=(CAUSE,))]).causes


def test_causes_of_children_are_kept() -> None:
    """What a Mapped's children and a wrapped state were caused by is kept."""
    wrapped = Queued(state=Retrying(causes=(CAUSE,)))
    assert (CAUSE,) == combine([wrapped]).causes
    assert (CAUSE,) == combine([Mapped(children=(Failed(causes=(CAUSE,)), Success()))]).causes


def test_the_earliest_start_time_and_expiry() -> None:
    """The earliest start time and the earliest expiry are kept; what has none has no say."""
    later = NOON + timedelta(days=1)
    times = [Scheduled(start_time=later), Scheduled(start_time=NOON), Scheduled()]
    assert Scheduled(start_time=NOON) == combine(times)
    assert Cached(expires=NOON) == combine([Cached(expires=later), Cached(expires=NOON), Cached()])


def test_the_largest_counts() -> None:
    """The largest count of attempts and of iterations is kept."""
    assert Retrying(run_count=7) == combine([Retrying(run_count=2), Retrying(run_count=7), Retrying()])
    assert Looped(loop_count=7) == combine([Looped(loop_count=7), Looped(loop_count=2)])


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
        ([Mapped(message="m", children=(Failed(message="x"), Success(message="y")))], "x"),
    ],
)
def test_a_message_that_all_agree_on(states: list[State[Any]], message: str | None) -> None:
    """A message is kept where all states of the joined kind that have one agree on it."""
    assert message == combine(states).message


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.__name__)
def test_results_are_not_kept(one: Any) -> None:
    """A combination stands for several states and has no result."""
    assert not combine([full(one), full(one)]).has_result


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
