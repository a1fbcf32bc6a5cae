"""The laws of machines: those of these tests keep them, one that breaks a law is told which, and paths are legal."""

from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from statesig import Machine, Transition, check_history, successors
from statesig.states.families import descendants
from statesig.testing import LawBroken, check_laws, paths
from tests.harness.exhaustive import counts
from tests.samples import unlawful_machines
from tests.samples.tickets import Ticket
from tests.typing.machines import Document, Done, Express, Held, Job, Link, Order, Payment

ROOTS: list[Any] = [Order, Payment, Link, Job, Document, Ticket]


@pytest.mark.parametrize("examples", counts(2, 30, 300))
@pytest.mark.parametrize("kind", [*ROOTS, Done[int]], ids=lambda kind: kind.__name__)
def test_the_laws_of_machines_hold(kind: Any, examples: int) -> None:
    """With guards, groups, cycles, kinds below others, parameters, and tags that other machines have, too."""
    check_laws(kind, examples=examples)


STEP = "advance(s, g) is t for g = transition_of(t) if and only if t may follow s and g.refuses(s) is None"
BROKEN = {
    "Coin": STEP,
    "Bag": STEP,
    "Gate": STEP,
    "Letter": "G.after(s, **f).state == T(**shared(s, T) | f), and advance(s, G.after(s, **f)) is that",
    "Echo": "s.model_copy() == s, and has the same hash",
    "Clay": "s does not change",
    "Track": "a, whose transition is in another module than the root, follows only what the kind above it follows",
}


@pytest.mark.parametrize("root", unlawful_machines.ROOTS, ids=lambda root: root.__name__)
def test_a_law_that_a_machine_breaks_is_named(root: type[Machine]) -> None:
    """An AssertionError names it, with the kinds or states that show it."""
    with pytest.raises(LawBroken) as error:
        check_laws(root, examples=200)
    assert BROKEN[root.__name__] == error.value.law
    assert {*error.value.subjects} in ({"a"}, {"s"}, {"s", "t"})


def test_a_walk_that_breaks_a_law_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """If `check_history` found a fault with every history, the shortest walk would be told."""
    monkeypatch.setattr(
        "statesig.testing.machine_equations.check_history", lambda history: "fault" if history else None
    )
    with pytest.raises(LawBroken, match="does not hold for") as error:
        check_laws(Link, examples=5)
    assert ("check_history(walk) is None", ["Dialing"]) == (error.value.law, kinds_of(error.value.subjects["walk"]))


def kinds_of(path: Any) -> list[str]:
    return [type(state).__name__ for state in path]


def test_a_machine_is_checked_in_part() -> None:
    """A group means the kinds below it, a kind itself; what is above all machines is none of them."""
    check_laws(Held, Express, examples=1)
    with pytest.raises(TypeError, match="laws are checked for classes of states, not for"):
        check_laws(Machine)


# ---- paths


@settings(max_examples=30)
@given(st.sampled_from(ROOTS).flatmap(paths))
def test_a_path_of_a_machine_is_legal(path: list[Any]) -> None:
    """So its guards let pass each step; it has at least one state."""
    assert (True, None) == (bool(path), check_history(path))


@settings(max_examples=30)
@given(st.sampled_from([root for root in ROOTS if root is not Link]).flatmap(lambda root: paths(root, finished=True)))
def test_a_finished_path_of_a_machine_comes_to_its_end(path: list[Any]) -> None:
    """It is legal, and nothing follows its last state."""
    assert (None, ()) == (check_history(path), successors(type(path[-1])))


@pytest.mark.parametrize("root", [Payment, Link, Job, Document])
def test_paths_lead_to_each_state_of_a_machine(root: Any) -> None:
    """Each is drawn."""
    seen: set[type] = set()

    @settings(max_examples=60, phases=(Phase.generate,), database=None)
    @given(paths(root))
    def draw(path: list[Any]) -> None:
        seen.update(map(type, path))

    draw()
    assert {*descendants(root)} == seen


def test_paths_of_a_machine_shrink() -> None:
    """The simplest one is the state with which a history begins."""
    assert ["Dialing"] == kinds_of(find(paths(Link), bool, settings=settings(max_examples=5, database=None)))


def test_a_machine_whose_histories_do_not_end() -> None:
    """A finished path is none that can be drawn where nothing is final, or in so few steps."""
    with pytest.raises(ValueError, match="no history of Link comes to an end"):
        paths(Link, finished=True)
    with pytest.raises(ValueError, match="a history takes 2 steps or more, and max_steps is 1"):
        paths(Job, finished=True, max_steps=1)
    with pytest.raises(ValueError, match="a history takes 0 steps or more, and max_steps is -1"):
        paths(Job, max_steps=-1)
    with pytest.raises(TypeError, match="the root of a machine is asked for, not"):
        paths(Express)


def test_any_transition_is_drawn() -> None:
    """``st.from_type(Transition)`` means those of all machines."""
    drawn: set[str] = set()

    @settings(max_examples=30, database=None)
    @given(st.from_type(Transition))
    def draw(signal: Transition[Any, Any]) -> None:
        drawn.add(type(signal).__module__)

    draw()
    assert 1 < len(drawn)
