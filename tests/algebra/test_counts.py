"""Counts: what is upstream by kind, kept up to date one change at a time."""

import random
from itertools import combinations_with_replacement, permutations
from typing import Any

import pytest

from statesig import (
    Cached,
    Cancelled,
    Counts,
    Failed,
    Finished,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Pending,
    Queued,
    Running,
    Skipped,
    State,
    Success,
    TriggerFailed,
    all_successful,
)
from tests.harness.cases import at_once
from tests.samples.kinds import Partial, Quarantined, Sealed
from tests.samples.samples import KINDS, bare, full, mapped

COMPOSED = (Mapped, MapFailed, MapCancelled)
SAMPLES = (*map(bare, KINDS), *map(full, KINDS), mapped(Failed(), Mapped(), Skipped()))


@at_once
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_kind_counts_its_descendants(kind: Any) -> None:
    """``counts[kind]`` is the number of leaves of a kind and all below it, a user's own too."""
    leaves = [bare(one) for one in KINDS if one not in COMPOSED and not issubclass(one, MetaState)]
    assert sum(isinstance(state, kind) for state in leaves) == Counts(leaves)[kind]


def test_parameters_do_not_matter() -> None:
    """A parametrised class is counted as what it is a parametrisation of."""
    counts = Counts([Success[int](result=1), Success(result="x"), Partial[str](result="x")])
    assert (3, 3, 1) == (counts[Success], counts[Success[int]], counts[Partial])
    assert {"Success": 2, "Partial": 1} == counts.by_tag()


def test_a_mapped_is_its_children() -> None:
    """Leaves are a Mapped's children, in whatever depth, an empty one a success, and what a meta-state wraps."""
    state = mapped(Failed(), Mapped(), mapped(Skipped(), Cancelled()))
    assert Counts([Failed(), Success(), Skipped(), Cancelled(), Pending()]) == Counts([state, Queued(state=Pending())])


def test_a_mapped_may_be_nested_deep() -> None:
    """What is nested a thousand deep is counted without recursion."""
    state: State[Any] = Failed()
    for _ in range(1000):
        state = MapFailed(children=(state,))  # type: ignore[arg-type]  # it has failed
    assert Counts([Failed()]) == Counts([state])


def test_the_order_does_not_matter() -> None:
    """Counts of the same states in another order are equal; of other states they are not."""
    for upstream in combinations_with_replacement((Success(), Cached(), Failed(), Pending()), 3):
        assert [Counts(upstream)] * 6 == [Counts(order) for order in permutations(upstream)]
    assert Counts([Success()]) != Counts([Cached()])
    assert Counts([Success()]) != Counts([Success(), Success()])
    assert Counts() != 0


@at_once
@pytest.mark.parametrize("old", SAMPLES, ids=lambda state: state.type)
def test_a_replaced_state_is_counted_as_the_new_one(old: State[Any]) -> None:
    """``replace(old, new)`` makes the counts those of the states with new in the place of old."""
    for new in SAMPLES:
        counts = Counts([Success(), old, Pending()])
        counts.replace(old, new)
        expected = Counts([Success(), new, Pending()])
        assert (expected, expected.unfinished, expected.total) == (counts, counts.unfinished, counts.total)


def test_many_changes_leave_what_counting_anew_finds() -> None:
    """After a thousand random changes the counts are those of the states that there are."""
    chance = random.Random(7)
    states = [chance.choice(SAMPLES) for _ in range(50)]
    counts = Counts(states)
    for _ in range(1000):
        place = chance.randrange(len(states))
        new = chance.choice(SAMPLES)
        counts.replace(states[place], new)
        states[place] = new
    again = Counts(states)
    assert (again, again.finished, again.unfinished) == (counts, counts.finished, counts.unfinished)


@pytest.mark.parametrize("old", [Skipped(), mapped(Success(), Skipped()), mapped(Failed(), Failed())])
def test_what_is_not_counted_cannot_be_replaced(old: State[Any]) -> None:
    """Replacing what is not there is a ValueError that says what is; nothing changed."""
    counts = Counts([Success(), Failed()])
    with pytest.raises(ValueError, match="is counted, there are 1 Success, 1 Failed"):
        counts.replace(old, Success())
    assert Counts([Success(), Failed()]) == counts


def test_counts_of_kinds() -> None:
    """`Counts.of` takes numbers of kinds, of which no state need be made."""
    counts = Counts.of({Success: 2, Quarantined: 1, Sealed: 0, Running: 1})
    assert Counts([Success(), Success(), Quarantined(path="x"), Running()]) == counts
    assert (4, 3, 1) == (len(counts), counts.finished, counts.unfinished)


@pytest.mark.parametrize("kind", [Finished, State, *COMPOSED, Queued])
def test_a_leaf_is_of_a_concrete_kind(kind: Any) -> None:
    """Abstract kinds, meta-states and those with children are no leaves, which is said."""
    with pytest.raises(TypeError, match=f"not {kind.__name__}"):
        Counts.of({kind: 1})


def test_a_number_of_leaves_is_not_negative() -> None:
    """Fewer than none are refused."""
    with pytest.raises(ValueError, match="the number of Failed is 0 or more, not -1"):
        Counts.of({Failed: -1})


@pytest.mark.parametrize("value", [None, 5, "Success", Success])
def test_what_is_no_state_is_refused(value: Any) -> None:
    """Anything but a state is a TypeError that says what it is; nothing changed."""
    counts = Counts([Success()])
    with pytest.raises(TypeError, match="a trigger takes states, not an object of class"):
        counts.add(value)
    with pytest.raises(TypeError, match="a trigger takes states, not an object of class"):
        all_successful.verdict([value])
    assert Counts([Success()]) == counts


def test_counts_are_told() -> None:
    """As text they are the numbers by tag, in the order in which the tags came."""
    counts = Counts([Success(), Failed(), TriggerFailed(), Success()])
    assert ("2 Success, 1 Failed, 1 TriggerFailed", "<counts of no upstream>") == (str(counts), repr(Counts()))


def test_counts_are_no_key() -> None:
    """They change, so they have no hash."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counts())
