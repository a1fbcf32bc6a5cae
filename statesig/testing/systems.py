"""A system of a user's, such as a service, held to the machine that it is said to follow; nothing may depend on which.

`advance` says what is right: the system must accept what `advance` accepts, and hold the state that `advance` gives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from hypothesis import given, reject
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable, UnsatisfiedAssumption
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from statesig.algebra.machines import Transition, kind_reached
from statesig.algebra.transitions import is_allowed
from statesig.errors import IllegalTransition
from statesig.states.machines import Machine
from statesig.testing.draws import drawn_anew
from statesig.testing.machines import Kind, ways_of
from statesig.testing.strategies import Form
from statesig.testing.walks import advanced, forms_of, signals_after

__all__ = ["PairBroken", "System", "check_pairs", "machine_test"]

RootT = TypeVar("RootT", bound=Machine)


class System(Protocol[RootT]):
    """What `check_pairs` and `machine_test` must be able to ask of a system: a few lines around a service.

    class Service:
        def __init__(self) -> None:
            self.orders = Orders(":memory:")

        @property
        def state(self) -> Order | None:
            return self.orders.find("o-1")

        def send(self, signal: Transition[Any, Order], /) -> None:
            try:
                self.orders.change("o-1", signal)
            except Conflict as exc:
                raise IllegalTransition(...) from exc
    """

    @property
    def state(self) -> RootT | None:
        """The state that it holds; None before the first."""
        ...

    def send(self, signal: Transition[Any, RootT], /) -> object:
        """Ask for a transition; whatever is returned is ignored.

        Raises:
            IllegalTransition: It is refused; `RefusedTransition` is one, too.
        """
        ...


class PairBroken(AssertionError):
    """A system does not follow its machine: it treats a transition from a state in another way than `advance`.

    Args:
        source: The name of the state in which the system was; None at the beginning.
        signal: The name of the transition that was sent.
        shape: The fields of the state that it carries: their types and sizes, and no values.
        expected: What `advance` does.
        found: What the system did.
    """

    def __init__(self, source: str | None, signal: str, shape: Mapping[str, str], expected: str, found: str) -> None:
        super().__init__(source, signal, dict(shape), expected, found)
        self.source = source
        self.signal = signal
        self.shape: dict[str, str] = dict(shape)
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        fields = ", ".join(f"{name}: {told}" for name, told in self.shape.items())
        where = self.source or "the beginning"
        return f"from {where}, {self.signal}({fields})\n  expected: {self.expected}\n  found:    {self.found}"


def check_pairs(root: type[RootT], system: Callable[[], System[RootT]], *, examples: int = 20) -> None:
    """Send each transition of a machine to a system in each of its states, and compare it with `advance`.

    A system must accept exactly what `advance` accepts and then hold the same state; where it refuses, it must keep the
    state that it had. A fresh one is brought to each state, and to the beginning, by the shortest way. A transition
    takes over what `Transition.after` would; the other fields are drawn by their types, as ``st.from_type`` does.

    Args:
        root: The root of the machine.
        system: Makes a fresh system, which holds no state yet.
        examples: The number of runs for each pair of a state and a transition, from 1.

    Raises:
        PairBroken: An AssertionError that names the state, the transition, the shape of its fields, and both outcomes.
        LookupError: No drawn states were valid, or none passed the guards on the way to a pair.
        TypeError: `root` is no root of a machine.
    """
    forms = forms_of(root)
    beginning: tuple[Kind, tuple[type[Machine], ...]] = (None, ())
    for _, way in (beginning, *ways_of(root).items()):
        try:
            unsent = _check_ways([forms[kind] for kind in way], [*forms.values()], system, examples)
        except Unsatisfiable:
            unsent = way[-1:] or tuple(forms)
        except PairBroken as exc:
            # Hypothesis has added the drawn values to it.
            raise PairBroken(exc.source, exc.signal, exc.shape, exc.expected, exc.found) from exc.__cause__
        for kind in unsent:
            steps = " -> ".join(one.__name__ for one in dict.fromkeys((*way, kind)))
            raise LookupError(f"no drawn states were valid and passed the guards of {steps}")


def machine_test(root: type[RootT], system: Callable[[], System[RootT]]) -> type[RuleBasedStateMachine]:
    """Return a state machine for Hypothesis that sends random transitions to a system, as `check_pairs` compares them.

    It finds what only a longer history shows. ``TestOrders = machine_test(Order, Service).TestCase`` is a test for
    pytest and unittest. Hypothesis prints the steps that led to a fault, with their values.

    Args:
        root: The root of the machine.
        system: Makes a fresh system, which holds no state yet.

    Raises:
        TypeError: `root` is no root of a machine.
    """
    forms = forms_of(root)

    class Walk(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.system = system()
            self.state: Machine | None = None

        def choices(self, *, allowed: bool) -> list[type[Machine]]:
            source: Kind = None if self.state is None else type(self.state)
            return [kind for kind in forms if is_allowed(source, kind) is allowed]

        def step(self, data: st.DataObject, targets: list[type[Machine]]) -> None:
            target = data.draw(st.sampled_from(targets))
            self.state = _compare(self.system, self.state, data.draw(signals_after(self.state, forms[target])))

        @precondition(lambda self: bool(cast("Walk", self).choices(allowed=True)))
        @rule(data=st.data())
        def lead(self, data: st.DataObject) -> None:
            self.step(data, self.choices(allowed=True))

        @precondition(lambda self: bool(cast("Walk", self).choices(allowed=False)))
        @rule(data=st.data())
        def refuse(self, data: st.DataObject) -> None:
            self.step(data, self.choices(allowed=False))

    Walk.__name__ = Walk.__qualname__ = f"Walk{root.__name__}"
    return Walk


# ---- one pair


def _check_ways(
    way: Sequence[Form], last: Sequence[Form], system: Callable[[], System[Any]], examples: int
) -> Iterable[type[Machine]]:
    """Check all transitions after a way; return those of them for which no state was valid, by their states."""
    unsent: dict[type[Machine], None] = dict.fromkeys(form.cls for form in last)

    @drawn_anew(examples)
    @given(_walks(way, last))
    def hold(walk: tuple[list[Transition[Any, Any]], list[Transition[Any, Any]]]) -> None:
        signals, choices = walk
        for choice in choices:
            fresh = system()
            state: Machine | None = None
            for signal in (*signals, choice):
                state = _compare(fresh, state, signal)
            unsent.pop(kind_reached(choice), None)

    hold()
    return unsent


@st.composite
def _walks(
    draw: st.DrawFn, way: Sequence[Form], last: Sequence[Form]
) -> tuple[list[Transition[Any, Any]], list[Transition[Any, Any]]]:
    """Draw legal signals to states one after the other, and then one to each of some states, legal or not."""
    state: Machine | None = None
    signals: list[Transition[Any, Any]] = []
    for form in way:
        signals.append(draw(signals_after(state, form)))
        state = advanced(state, signals[-1])
        if state is None:
            reject()  # a guard refused it
    choices: list[Transition[Any, Any]] = []
    for form in last:
        with contextlib.suppress(UnsatisfiedAssumption):  # no valid state: the others may have one
            choices.append(draw(signals_after(state, form)))
    return signals, choices


def _compare(system: System[Any], state: Machine | None, signal: Transition[Any, Any]) -> Machine | None:
    """Send a signal to a system that is in a state; return the state in which it must be now.

    Raises:
        PairBroken: It is in another, or refused what it must accept, or accepted what it must refuse.
    """
    new = advanced(state, signal)
    is_refused, expected = new is None, state if new is None else new
    try:
        system.send(signal)
        was_refused = False
    except IllegalTransition:
        was_refused = True
    except Exception as exc:
        raise _broken(state, signal, _outcome(expected, is_refused), f"{type(exc).__name__} is raised") from exc
    found: Machine | None = system.state
    if was_refused is is_refused and found == expected:
        return expected
    differences = _differences(expected, found)
    raise _broken(state, signal, _outcome(expected, is_refused), _outcome(found, was_refused) + differences)


def _broken(state: Machine | None, signal: Transition[Any, Any], expected: str, found: str) -> PairBroken:
    shape = {name: _shape(value) for name, value in _fields(signal.state).items()}
    return PairBroken(None if state is None else _name(state), type(signal).__name__, shape, expected, found)


def _outcome(state: object, is_refused: bool) -> str:
    name = "no state" if state is None else _name(state)
    return f"it is refused, and the system holds {name}" if is_refused else f"the system holds {name}"


def _differences(expected: Machine | None, found: Machine | None) -> str:
    """Name the fields in which two states of one class differ."""
    if expected is None or found is None or type(expected) is not type(found):
        return ""
    fields = _fields(found)
    names = ", ".join(name for name, value in _fields(expected).items() if fields[name] != value)
    return f", which differs in {names}" if names else ""


def _name(state: object) -> str:
    kind: Any = type(state)
    return str(kind.__name__)


def _fields(state: Machine) -> dict[str, Any]:
    fields: Iterable[str] = type(state).model_fields
    return {name: getattr(state, name) for name in fields if name in state.__dict__}


def _shape(value: object) -> str:
    """Return the type of a value, with the size of one that holds others."""
    name = type(value).__name__
    is_sized = isinstance(value, Collection) and not isinstance(value, (str, bytes))
    return f"{name} of {len(cast('Collection[object]', value))}" if is_sized else name
