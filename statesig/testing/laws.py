"""The check of a user's kinds of states against the laws of the algebra. Nothing here may know a test framework."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypeIs

from statesig.algebra.joins import COMPLETION, EMPTY, FAIL_FAST
from statesig.algebra.leaves import is_composite
from statesig.algebra.tables import table_of
from statesig.codec.states import encode
from statesig.errors import EncodeError
from statesig.states import State
from statesig.states.families import descendants, origin_of
from statesig.states.machines import AnyKind, Machine
from statesig.testing import machine_equations
from statesig.testing.draws import drawn_anew
from statesig.testing.equations import JOINS, ONE_KIND, ONE_STATE, THREE_STATES, TWO_KINDS, Sides
from statesig.testing.walks import paths

__all__ = ["LawBroken", "check_laws"]


class LawBroken(AssertionError):
    """A law of the algebra does not hold.

    Args:
        law: The law.
        subjects: The kinds or states that break it, by their names in the law.
        left: The value of its left side.
        right: The value of its right side.
    """

    def __init__(self, law: str, subjects: Mapping[str, object], left: object, right: object) -> None:
        super().__init__(law, dict(subjects), left, right)
        self.law = law
        self.subjects: dict[str, object] = dict(subjects)
        self.left = left
        self.right = right

    def __str__(self) -> str:
        listed = "".join(f"\n    {name} = {_shown(subject)}" for name, subject in self.subjects.items())
        return f"{self.law}\n  does not hold for{listed}\n  left:  {_shown(self.left)}\n  right: {_shown(self.right)}"


def _shown(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def check_laws(*kinds: AnyKind, examples: int | None = None) -> None:
    """Check states against every law of the algebra, alone and together with all of statesig's states.

    It checks the laws of kinds (`join` in both orders, transitions, signals) on all pairs and triples that contain one
    of these kinds, and the laws of states (JSON, pickle, equality, `combine`, `merge`, `map`, `bind`, `recover`,
    `fold`, `zip`) on states drawn by Hypothesis, as by ``st.from_type``. It skips laws of signals for a state without
    one, and laws of JSON for a state that `encode` refuses, as long as `encode` accepts some state of each kind.

    States of a machine are checked against the laws of machines: which steps `advance` takes and guards refuse, what
    `Transition.after` carries over, JSON at every entrance, pickles, and histories along random walks. A root, as in
    ``check_laws(Order)``, means all its states.

    Args:
        kinds: Classes of states, usually a user's; an abstract one, such as a root, means all its descendants.
        examples: The number of states drawn of each kind; by default that of Hypothesis's current profile.

    Raises:
        LawBroken: An AssertionError that names the law, the kinds or states, and the two sides.
        TypeError: An argument is not a class of states.
    """
    for one in kinds:
        if not _is_state_class(one):
            raise TypeError(f"laws are checked for classes of states, not for {one!r}")
    own: list[Any] = [each for one in kinds for each in (descendants(origin_of(one)) if one.__abstract__ else (one,))]
    drawing = drawn_anew(examples)
    roots: dict[Any, None] = {}
    for one in own:
        if one.__top__ is State:
            _check_kind(origin_of(one))
            _check_states(one, drawing)
        else:
            roots[one.__top__] = None
            _check_kind_of_machine(origin_of(one))
            _check_states_of_machine(one, drawing)
    for root in roots:
        _check_walks(root, drawing)


def _is_state_class(one: object) -> TypeIs[AnyKind]:
    return isinstance(one, type) and issubclass(one, (State, Machine)) and one is not Machine


# ---- of runs


def _check_kind(own: type[State[Any]]) -> None:
    kinds: list[Any] = [own, *(one for one in _BUILT_IN if one is not own)]
    carrier = [EMPTY, *(one for one in kinds if not is_composite(one))]
    for law, sides in ONE_KIND.items():
        _hold(law, sides, {"a": own})
    for law, sides in TWO_KINDS.items():
        for other in kinds:
            _hold(law, sides, {"a": own, "b": other})
    if own in carrier:
        for order, (law, sides) in product((COMPLETION, FAIL_FAST), JOINS.items()):
            for a, b, c in product(carrier, repeat=3):
                if own in (a, b, c):
                    _hold(f"{law}  [order={order}]", sides, {"a": a, "b": b, "c": c}, order)


def _check_states(own: type[State[Any]], drawing: settings) -> None:
    drawn: st.SearchStrategy[Any] = st.from_type(own)
    others: st.SearchStrategy[Any] = st.one_of(drawn, *map(st.from_type, _BUILT_IN))

    @drawing
    @given(drawn, others, others)
    def hold_together(s: State[Any], t: State[Any], u: State[Any]) -> None:
        for law, sides in THREE_STATES.items():
            _hold(law, sides, {"s": s, "t": t, "u": u})

    _check_alone(own, ONE_STATE, drawing)  # first: what one state breaks is told of one state
    hold_together()


def _check_alone(own: Any, laws: Mapping[str, Sides], drawing: settings) -> None:
    refused: list[EncodeError] = []
    written: list[bytes] = []

    @drawing
    @given(st.from_type(own))
    def hold(s: Any) -> None:
        for law, sides in laws.items():
            _hold(law, sides, {"s": s})
        try:
            written.append(encode(s))
        except EncodeError as exc:
            refused.append(exc)

    hold()
    if not written:
        raise LawBroken("some state of each kind can be encoded", {"a": own}, refused[-1], b"{...}")


# ---- of machines


def _check_kind_of_machine(own: Any) -> None:
    for law, sides in machine_equations.KIND.items():
        _hold(law, sides, {"a": own})
    for (law, sides), other in product(machine_equations.KINDS.items(), descendants(own.__top__)):
        _hold(law, sides, {"a": own, "b": other})


def _check_states_of_machine(own: Any, drawing: settings) -> None:
    drawn: st.SearchStrategy[Any] = st.from_type(own)
    others: st.SearchStrategy[Any] = st.from_type(own.__top__)

    @drawing
    @given(st.tuples(st.none() | others, drawn) | st.tuples(drawn, others))
    def hold_steps(step: tuple[Machine | None, Machine]) -> None:
        for law, sides in machine_equations.STEP.items():
            _hold(law, sides, dict(zip("st", step, strict=True)))

    _check_alone(own, machine_equations.STATE, drawing)
    hold_steps()


def _check_walks(root: type[Machine], drawing: settings) -> None:
    if not table_of(root).first:
        return  # no history begins

    @drawing
    @given(paths(root), st.lists(st.from_type(root), max_size=2))
    def hold(walk: list[Machine], more: list[Machine]) -> None:
        for law, sides in machine_equations.WALK.items():
            _hold(law, sides, {"walk": walk, "more": more})

    hold()


# ---- both


def _hold(law: str, sides: Sides, subjects: Mapping[str, object], *others: object) -> None:
    """Raise LawBroken if the two sides differ, or if an operation raises, which none may on a legal state."""
    try:
        found = sides(*subjects.values(), *others)
    except Exception as exc:
        raise LawBroken(law, subjects, exc, "nothing is raised") from exc
    if found is not None and found[0] != found[1]:
        raise LawBroken(law, subjects, *found)


_BUILT_IN: tuple[Any, ...] = tuple(one for one in descendants(State) if one.__module__ == State.__module__)
