"""Systems of a user's own, held to the machine that they follow: shortest ways, every pair, random walks."""

import pickle
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from pydantic import Field, model_validator
from typing_extensions import override

from statesig import IllegalTransition, Machine, Transition, advance
from statesig.testing import PairBroken, System, check_pairs, machine_test, shortest_paths
from tests.typing.machines import Document, Link, Order, Payment


class Parcel(Machine):
    """What is sent: the machine of these tests."""

    items: tuple[Annotated[str, st.just("secret")], ...]


class Packed(Parcel): ...


class Sent(Parcel):
    price: Decimal = Field(ge=0, lt=3, decimal_places=2)


class Fast(Sent): ...


class Lost(Parcel): ...


class Withdrawn(Parcel):
    why: str = ""


class PACK(Transition[None, Packed]): ...


class SEND(Transition[Packed, Sent]):
    @override
    def refuses(self, source: Packed) -> str | None:
        return None if source.items else "it is empty"


class SEND_FAST(Transition[Packed, Fast]): ...


class WITHDRAW(Transition[Packed, Withdrawn]): ...


class Door(Machine): ...


class Shut(Door): ...


class Opened(Door): ...


class SHUT(Transition[None, Shut]): ...


class OPEN_IT(Transition[Shut, Opened]):
    @override
    def refuses(self, source: Shut) -> str | None:
        return "it is locked"


class Sum(Machine):
    """A machine whose only state is never valid."""


class Added(Sum):
    @model_validator(mode="after")
    def never(self) -> "Added":
        raise ValueError("it never fits")


class ADD(Transition[None, Added]): ...


class Right:
    """A system that does what `advance` does."""

    def __init__(self) -> None:
        self.state: Any = None

    def send(self, signal: Transition[Any, Any], /) -> None:
        self.state = advance(self.state, signal)


class Cancels(Right):
    """A forbidden cancellation is accepted: what is on a fast way can still be withdrawn."""

    @override
    def send(self, signal: Transition[Any, Any], /) -> None:
        if isinstance(self.state, Fast) and isinstance(signal, WITHDRAW):
            self.state = signal.state
        else:
            super().send(signal)


class Cuts(Right):
    """A list is cut on one way."""

    @override
    def send(self, signal: Transition[Any, Any], /) -> None:
        super().send(signal)
        if isinstance(signal, SEND):
            self.state = Sent(items=self.state.items[1:], price=self.state.price)


class Stubborn(Right):
    """What is allowed is refused."""

    @override
    def send(self, signal: Transition[Any, Any], /) -> None:
        if isinstance(signal, WITHDRAW):
            raise IllegalTransition("Packed", "Withdrawn")
        super().send(signal)


class Changes(Right):
    """A refusal changes the state."""

    @override
    def send(self, signal: Transition[Any, Any], /) -> None:
        try:
            super().send(signal)
        except IllegalTransition:
            self.state = None
            raise


class Breaks(Right):
    """An error that is no refusal."""

    @override
    def send(self, signal: Transition[Any, Any], /) -> None:
        if isinstance(self.state, Withdrawn):
            raise KeyError("state")
        super().send(signal)


def test_the_shortest_paths() -> None:
    """They are in the order of the ways' lengths, then of definition; a state never reached is missing."""
    expected = {Packed: (PACK,), Sent: (PACK, SEND), Fast: (PACK, SEND_FAST), Withdrawn: (PACK, WITHDRAW)}
    assert [*expected.items()] == [*shortest_paths(Parcel).items()]


@pytest.mark.parametrize("kind", [Packed, Machine, int, Parcel | Link])
def test_only_a_root_has_paths(kind: Any) -> None:
    """A state, what is above all machines, and a union are refused, by all three verbs."""
    for verb in (shortest_paths, lambda root: check_pairs(root, Right), lambda root: machine_test(root, Right)):
        with pytest.raises(TypeError, match="the root of a machine is asked for, not"):
            verb(kind)


@pytest.mark.parametrize("root", [Parcel, Payment, Link, Document, Order])
def test_a_right_system_passes(root: Any) -> None:
    """One that does what `advance` does, with guards, groups, cycles and generic states."""
    check_pairs(root, Right, examples=1)


def test_each_pair_is_sent() -> None:
    """Every transition reaches a system in every state, and one at the beginning."""
    seen: set[tuple[type, type]] = set()

    class Seeing(Right):
        @override
        def send(self, signal: Transition[Any, Any], /) -> None:
            seen.add((type(self.state), type(signal)))
            super().send(signal)

    check_pairs(Parcel, Seeing, examples=1)
    sources = (type(None), Packed, Sent, Fast, Withdrawn)
    assert {(source, signal) for source in sources for signal in (PACK, SEND, SEND_FAST, WITHDRAW)} == seen


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (Cancels, ("Fast", "WITHDRAW", "it is refused, and the system holds Fast", "the system holds Withdrawn")),
        (Cuts, ("Packed", "SEND", "the system holds Sent", "the system holds Sent, which differs in items")),
        (
            Stubborn,
            ("Packed", "WITHDRAW", "the system holds Withdrawn", "it is refused, and the system holds Packed"),
        ),
        (
            Changes,
            (
                "Packed",
                "PACK",
                "it is refused, and the system holds Packed",
                "it is refused, and the system holds no state",
            ),
        ),
        (Breaks, ("Withdrawn", "PACK", "it is refused, and the system holds Withdrawn", "KeyError is raised")),
    ],
)
def test_a_fault_is_found(system: type[Right], expected: tuple[str, ...]) -> None:
    """The error names the state, the transition, and what was expected."""
    with pytest.raises(PairBroken) as caught:
        check_pairs(Parcel, system, examples=5)
    error = caught.value
    assert expected == (error.source, error.signal, error.expected, error.found)


def test_a_fault_is_told_without_values() -> None:
    """The error shows types and sizes of the smallest example; Hypothesis adds nothing to it; it pickles."""
    with pytest.raises(PairBroken) as caught:
        check_pairs(Parcel, Cuts)
    shape = "items: tuple of 1, price: Decimal"
    expected, found = "the system holds Sent", "the system holds Sent, which differs in items"
    told = f"from Packed, SEND({shape})\n  expected: {expected}\n  found:    {found}"
    assert (told, []) == (str(caught.value), getattr(caught.value, "__notes__", []))
    assert told == str(pickle.loads(pickle.dumps(caught.value)))


def test_a_pair_that_cannot_be_sent() -> None:
    """Nothing passes for checked that was not: the error names the way whose guards refuse all that is drawn."""
    with pytest.raises(LookupError, match=r"no drawn states were valid and passed the guards of Shut -> Opened$"):
        check_pairs(Door, Right)


def test_a_state_that_is_never_valid() -> None:
    """It is told, too."""
    with pytest.raises(LookupError, match=r"of Added$"):
        check_pairs(Sum, Right)


def test_a_right_system_walks() -> None:
    """Random walks hold a system to the machine, too: they send from the beginning on, and find no fault."""
    sent: list[str] = []

    class Noting(Right):
        @override
        def send(self, signal: Transition[Any, Any], /) -> None:
            super().send(signal)
            sent.append(type(signal).__name__)

    run_state_machine_as_test(machine_test(Parcel, Noting), settings=settings(max_examples=5, database=None))
    assert "PACK" in sent


@pytest.mark.parametrize("system", [Changes, Stubborn])
def test_a_walk_finds_a_fault(system: type[Right]) -> None:
    """The error is the same as that of a pair."""
    unshrunk = settings(max_examples=50, database=None, phases=(Phase.generate,))
    with pytest.raises(PairBroken):
        run_state_machine_as_test(machine_test(Parcel, system), settings=unshrunk)


def test_the_protocol_is_small() -> None:
    """A class with a state and `send` is a system of its machine."""
    system: System[Parcel] = Right()
    assert None is system.state


@settings(max_examples=20)
@given(st.from_type(Sent))
def test_a_decimal_with_bounds(sent: Sent) -> None:
    """It is drawn within them, with the places that it may have."""
    assert 0 <= sent.price < 3
    assert sent.price == round(sent.price, 2)


class Cart(Machine):
    """Its states are false where they are empty."""

    items: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.items)


class Open(Cart): ...


class Left(Cart): ...


class TAKE(Transition[None, Open]): ...


class LEAVE(Transition[Open, Left]): ...


class Kept:
    """A system that does what the machine says."""

    def __init__(self) -> None:
        self.state: Any = None

    def send(self, signal: Transition[Any, Any]) -> None:
        self.state = advance(self.state, signal)


def test_a_state_that_is_false_is_a_state() -> None:
    """A right system of states with a length is right where that is 0."""
    check_pairs(Cart, Kept, examples=2)
    assert not Open()
