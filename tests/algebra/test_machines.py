"""Machines of a user's own: the tables of five, written out, against `advance`, `after`, histories and diagrams."""

import pickle
from copy import deepcopy
from decimal import Decimal
from itertools import pairwise, product
from types import new_class
from typing import Any, Generic, TypeVar, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from statesig import (
    FAIL,
    START,
    DefinitionError,
    Failed,
    IllegalStep,
    IllegalTransition,
    Machine,
    NoSignal,
    Pending,
    RefusedTransition,
    Running,
    Signal,
    Skipped,
    State,
    Success,
    Transition,
    advance,
    capture,
    catching,
    check_history,
    collect,
    diagram,
    is_allowed,
    signal_of,
    successors,
    transition_of,
)
from statesig.signals import signal_type_of
from statesig.states.families import descendants
from statesig.states.machines import shared_fields
from statesig.testing import problems
from tests.harness.cases import at_once
from tests.samples.samples import BUILT_IN, bare
from tests.typing.machines import (
    APPROVE,
    CAPTURE,
    DELIVER,
    DISPUTE,
    FINISH,
    OPEN,
    PLACE,
    SHIP,
    AnyDocument,
    AnyLink,
    AnyOrder,
    AnyPayment,
    Approved,
    Authorized,
    Captured,
    Delivered,
    Disputed,
    Document,
    Done,
    Draft,
    Dropped,
    Express,
    Gift,
    Held,
    Job,
    Link,
    Order,
    Payment,
    Placed,
    Rejected,
    Sheet,
    Shipped,
    Voided,
    Working,
)

R = TypeVar("R")

# Each signal, with the states that it leaves ("" is the beginning) and the one to which it leads.
TABLE = {
    "OPEN": ("", "Draft"),
    "PLACE": ("Draft Gift", "Placed"),
    "SHIP": ("Placed", "Shipped"),
    "EXPRESS": ("Placed", "Express"),
    "DELIVER": ("Shipped Express", "Delivered"),
    "DROP": ("Draft Gift Placed", "Dropped"),
    "AUTHORIZE": ("", "Authorized"),
    "DISPUTE": ("Authorized", "Disputed"),
    "CAPTURE": ("Authorized Disputed", "Captured"),
    "VOID": ("Authorized Disputed", "Voided"),
    "REFUND": ("Captured", "Refunded"),
    "DIAL": (" Down", "Dialing"),
    "CONNECT": ("Dialing", "Up"),
    "HANGUP": ("Dialing Up", "Down"),
    "ENQUEUE": ("", "Waiting"),
    "WORK": ("Waiting Broken", "Working"),
    "FINISH": ("Working", "Done"),
    "BREAK": ("Working", "Broken"),
    "WRITE": (" Rejected", "Sheet"),
    "APPROVE": ("Sheet", "Approved"),
    "REJECT": ("Sheet", "Rejected"),
}
ROOTS: list[Any] = [Order, Payment, Link, Job, Document]
OWN: list[Any] = [kind for root in ROOTS for kind in descendants(root)]
FIELDS: dict[str, Any] = {
    "order_id": "o-1",
    "lines": ("tea",),
    "total": Decimal("3.10"),
    "tracking": "T-9",
    "why": "late",
    "value": 3,
    "title": "a",
}


def made(kind: Any) -> Any:
    """Return a state of a kind of a machine."""
    return kind(**{name: FIELDS[name] for name in kind.model_fields if name in FIELDS})


def leaves(signal: type[Any], source: type[Any] | None) -> bool:
    """Tell whether the table above has a signal for a source."""
    return ("" if source is None else source.__name__) in TABLE[signal.__name__][0].split(" ")


SIGNALS: list[Any] = [signal_type_of(kind) for kind in OWN if kind is not Gift]


def attempted(what: Any) -> Any:
    """Return what a call returns, or the class of the error that it raises."""
    try:
        return what()
    except IllegalTransition as error:
        return type(error)


# ---- law 1: what the table has, and nothing else


def test_the_table_is_about_every_state_and_every_signal() -> None:
    """No kind of the five machines is missing in the table above, nor any signal."""
    assert sorted(TABLE) == sorted(signal.__name__ for signal in SIGNALS)
    assert {target for _, target in TABLE.values()} == {kind.__name__ for kind in OWN} - {"Gift"}


@at_once
@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.__name__)
def test_advance_and_after_go_where_the_table_goes(signal: Any, record_property: Any) -> None:
    """From every state of every machine, from the beginning and from every state of a run; nothing changes."""
    given = made(signal.__state_type__)
    new = {name: given.__dict__[name] for name in type(given).model_fields}
    sources = [None, *map(made, OWN), *map(bare, BUILT_IN)]
    for source in sources:
        before = deepcopy(source)
        raised = signal.of(given)
        is_there = leaves(signal, source and type(source)) and not isinstance(source, State)
        assert (given if is_there else IllegalTransition) == attempted(lambda: advance(source, raised))
        after = attempted(lambda: signal.after(source, **new).state)
        assert (given if is_there else IllegalTransition) == after
        assert (before, made(signal.__state_type__)) == (source, given)
    record_property("pairs", 2 * len(sources))


@at_once
@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_no_signal_of_a_run_leaves_a_state_of_a_machine(kind: Any) -> None:
    """Nor leads to one; the text says what is possible instead."""
    for target in BUILT_IN:
        with pytest.raises(IllegalTransition, match=f"{kind.__name__} -> {target.__name__} is not allowed; from "):
            advance(made(kind), signal_of(bare(target)))


def test_all_pairs_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """The number of pairs of a state and a signal, and of those that are legal, as the tests above try them."""
    sources = [None, *OWN]
    pairs = list(product(sources, SIGNALS))
    legal = [(source, signal) for source, signal in pairs if leaves(signal, source)]
    allowed = [(source, signal) for source, signal in pairs if is_allowed(source, signal.__state_type__)]
    print(f"{len(pairs)} pairs of a state and a signal of {len(ROOTS)} machines, {len(legal)} legal")
    assert legal == allowed
    assert "483 pairs of a state and a signal of 5 machines, 31 legal\n" == capsys.readouterr().out


def test_a_guard_refuses_a_state_whose_kind_may_be_left() -> None:
    """`advance`, `after` and `check_history` ask it; `is_allowed`, which is about kinds, does not; nothing changes."""
    empty = Placed(order_id="o-1", total=Decimal(1))
    sent = SHIP(order_id="o-1", tracking="T-9")
    for refused in (lambda: advance(empty, sent), lambda: SHIP.after(empty, tracking="T-9")):
        with pytest.raises(RefusedTransition) as error:
            refused()
        assert "Placed -> Shipped is refused: nothing to send" == str(error.value)
        assert ("nothing to send", "Placed") == (error.value.reason, error.value.source)
        assert (str(error.value), RefusedTransition) == (
            str(pickle.loads(pickle.dumps(error.value))),
            type(pickle.loads(pickle.dumps(error.value))),
        )
    step = check_history([made(Draft), empty, sent.state])
    assert IllegalStep(2, "Placed", "Shipped", "Placed -> Shipped is refused: nothing to send") == step
    assert is_allowed(Placed, Shipped)
    assert Placed(order_id="o-1", total=Decimal(1)) == empty


def test_a_refinement_has_a_guard_only_if_it_takes_one() -> None:
    """To a kind below another the way is a new one; ``refuses = LEAVE.refuses`` keeps the guard."""

    class Room(Machine): ...

    class Left(Room): ...

    class Fled(Left): ...

    class Thrown(Left): ...

    class LEAVE(Transition[None, Left]):
        def refuses(self, source: None) -> str | None:
            return "locked"

    class FLEE(Transition[None, Fled]): ...

    class THROW(Transition[None, Thrown]):
        refuses = LEAVE.refuses

    assert Fled() == FLEE.after(None).state
    with pytest.raises(RefusedTransition, match="the beginning -> Thrown is refused: locked"):
        THROW.after(None)


@pytest.mark.parametrize("returned", [False, True, "", " ", 3, ["why"]], ids=repr)
def test_a_guard_returns_none_or_a_text(returned: Any) -> None:
    """Anything else is a mistake in it, which `advance`, `after` and `check_history` tell; it refuses nothing."""

    class Door(Machine): ...

    class Closed(Door): ...

    class CLOSE(Transition[Closed | None, Closed]):
        def refuses(self, source: Closed | None) -> str | None:
            return returned  # type: ignore[no-any-return]  # that is the mistake

    given = "an empty text" if isinstance(returned, str) else f"a value of class {type(returned).__name__}"
    said = f"CLOSE.refuses returned {given}; return None, or a text that says why"
    for asked in (lambda: CLOSE.after(None), lambda: advance(None, CLOSE()), lambda: check_history([Closed()])):
        with pytest.raises(TypeError) as error:
            asked()
        assert said == str(error.value)


def test_an_abstract_class_without_states_says_what_to_define() -> None:
    """A text lists what is possible; where there is nothing yet, it says what to do first."""
    root = defined("Bare", Machine)
    with pytest.raises(TypeError, match=r"\ABare is abstract; define a state below it first\Z"):
        root()
    sealed = "Sub cannot be defined: Bare is sealed; define a state below it first"
    assert sealed == refused("Sub", root, module=__name__)
    transition: Any = Transition
    abstract = "GO cannot be defined: Bare is abstract; define a state below it first"
    assert abstract == refused("GO", transition[None, root], module="shop")


def test_the_text_of_an_illegal_transition_says_what_is_possible() -> None:
    """From a state, from a final one, from a parametrised one and from the beginning."""
    texts: set[str] = set()
    for source, signal in [
        (made(Draft), DELIVER(order_id="o-1")),
        (made(Delivered), DELIVER(order_id="o-1")),
        (Done[int](value=3), FINISH(value=3)),
        (None, DELIVER(order_id="o-1")),
    ]:
        with pytest.raises(IllegalTransition) as error:
            advance(source, signal)
        texts.add(str(error.value))
    assert {
        "Draft -> Delivered is not allowed; from Draft: Placed, Dropped",
        "Delivered -> Delivered is not allowed; from Delivered: nothing (final)",
        "Done -> Done is not allowed; from Done: nothing (final)",
        "the beginning -> Delivered is not allowed; from the beginning: Draft",
    } == texts


# ---- law 2: one signal per state


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.__name__)
def test_a_signal_and_its_state_are_one_to_one(signal: Any) -> None:
    """``type(signal_of(g.state)) is type(g)``, and `transition_of` is the same, typed as a transition."""
    raised = signal.of(made(signal.__state_type__))
    assert raised.state is transition_of(raised.state).state
    assert (signal, signal) == (type(signal_of(raised.state)), type(transition_of(raised.state)))


def test_a_state_without_a_transition_says_which_line_to_write() -> None:
    """Its sources are the writer's to name; a state of a run has no transition, and a class is no state."""
    with pytest.raises(NoSignal, match=r"define one: class GIFT\(Transition\[..., Gift\]\)"):
        transition_of(made(Gift))
    with pytest.raises(TypeError, match="takes a state of a machine; Running is one of a run"):
        transition_of(Running())  # type: ignore[type-var]  # that is the mistake
    with pytest.raises(TypeError, match="transition_of takes states, not the class Draft"):
        transition_of(Draft)  # type: ignore[type-var]  # that is the mistake


def test_signals_are_caught_by_kind_by_group_and_by_root() -> None:
    """As those of a run are; `catching(State)` catches none of a machine."""
    for kind in (Captured, Payment):
        with pytest.raises(catching(kind)) as caught:
            raise CAPTURE.after(made(Authorized))
        assert made(Captured) == caught.value.state
    assert {DISPUTE, Payment.__name__} >= {*catching(Held)} - {signal_type_of(Authorized)}
    assert not {*catching(State)} & {*SIGNALS}


# ---- law 3: a source means its subclasses, too


def test_what_leaves_a_class_leaves_its_subclasses() -> None:
    """If a kind may follow another, it may follow all kinds below that one."""
    for source, below, target in product(OWN, OWN, OWN):
        if issubclass(below, source) and is_allowed(source, target):
            assert is_allowed(below, target)


# ---- law 4: after


def test_after_takes_over_what_both_states_have_from_one_class() -> None:
    """``G.after(s, **f).state == T(**shared(s, T) | f)``, for every legal pair."""
    for source, signal in product(OWN, SIGNALS):
        if leaves(signal, source):
            state, target = made(source), signal.__state_type__
            shared = {name: getattr(state, name) for name in shared_fields(source, target)}
            own = {name: FIELDS[name] for name in target.model_fields if name in FIELDS and name not in shared}
            raised = signal.after(state, **own)
            assert target(**shared | own) == raised.state
            assert advance(state, raised) == raised.state


def test_after_is_what_the_constructor_makes() -> None:
    """A transition with a constructor of its own is made by that; a field that is not there is named."""

    class Root(Machine): ...

    class Made(Root):
        size: int = 0

    class MAKE(Transition[None, Made]):
        def __init__(self, **fields: Any) -> None:
            super().__init__(**{"size": 7, **fields})

    assert [7, 3] == [MAKE.after(None).state.size, MAKE.after(None, size=3).state.size]
    with pytest.raises(ValidationError, match="trackign"):
        SHIP.after(Placed(order_id="o-1", total=Decimal(1)), trackign="T-9")


def test_fields_of_one_name_are_taken_over_from_a_root_a_group_or_a_mixin_alone() -> None:
    """Never by chance: `Broken.why` and `Dropped.why` are two fields. What is given anew is new."""
    assert ("order_id", "lines") == shared_fields(Placed, Shipped)
    assert ("order_id", "lines", "tracking") == shared_fields(Shipped, Express)
    assert ("amount", "until") == shared_fields(Authorized, Disputed)
    assert ("amount",) == shared_fields(Authorized, Captured)
    assert () == shared_fields(made(Working).__class__, Done)
    draft = OPEN.after(None, order_id="o-1", lines=("tea",)).state
    assert ("milk",) == PLACE.after(draft, total=Decimal(1), lines=("milk",)).state.lines


def test_a_mixin_and_a_field_that_is_declared_again() -> None:
    """A field of a mixin is one field in both; declared again more closely it stays the one that it was."""

    class Noted(BaseModel):
        note: str | None = None

    class Case(Machine): ...

    class New(Case, Noted):
        size: int = 1

    class Closed(Case, Noted):
        note: str
        size: int = 2

    class NEW(Transition[None, New]): ...

    class CLOSE(Transition[New, Closed]): ...

    assert ("note",) == shared_fields(New, Closed)
    assert Closed(note="a") == CLOSE.after(New(note="a")).state
    with pytest.raises(ValidationError, match="note"):
        CLOSE.after(New())


# ---- law 5: histories


def walks(root: Any) -> st.SearchStrategy[list[Any]]:
    """Return a strategy of the legal walks of a machine."""

    @st.composite
    def walk(draw: st.DrawFn) -> list[Any]:
        path: list[Any] = []
        for _ in range(draw(st.integers(1, 6))):
            ways = [kind for kind in descendants(root) if is_allowed((path and type(path[-1])) or None, kind)]
            if not ways:
                break
            path.append(made(draw(st.sampled_from(ways))))
        return path

    return walk()


def folded(path: list[Any]) -> bool:
    """Tell whether `advance` goes along a path."""
    try:
        for before, state in pairwise([None, *path]):
            advance(before, transition_of(state))
    except (IllegalTransition, NoSignal):
        return False
    return True


@given(st.sampled_from(ROOTS).flatmap(walks), st.lists(st.sampled_from(OWN), max_size=2))
def test_a_history_is_legal_if_advance_goes_along_it(path: list[Any], more: list[Any]) -> None:
    """``check_history(path) is None`` iff folding `advance` goes through; each walk is legal, whatever comes after."""
    assert (True, None) == (folded(path), check_history(path))
    longer = [*path, *(made(kind) for kind in more)]
    if all(before != state for before, state in pairwise(longer)):  # an equal state is no step
        assert folded(longer) == (check_history(longer) is None)


def test_a_history_says_where_it_breaks() -> None:
    """At the beginning, between two states, at a state of another machine or of a run; attempts are a run's alone."""
    reasons = {
        (Placed,): "a history begins Draft, not Placed",
        (Draft, Delivered): "Draft -> Delivered is not allowed; from Draft: Placed, Dropped",
        (Draft, Approved): "Draft -> Approved is not allowed; from Draft: Placed, Dropped",
        (Gift,): "a history begins Draft, not Gift",
    }
    for kinds, reason in reasons.items():
        found = check_history(map(made, kinds))
        assert found is not None
        assert (len(kinds) - 1, reason) == (found.index, found.reason)
    assert check_history([made(Draft), Running()]) is not None
    assert check_history([Pending(), made(Draft)]) is not None
    assert check_history([made(Draft), made(Draft)]) is None
    with pytest.raises(TypeError, match="attempts count entries into Running; Draft is a state of a machine"):
        check_history([made(Draft)], attempts=[1])


# ---- law 7, and what else a definition may not do


def refused(name: str, *bases: Any, module: str = Order.__module__, **keywords: Any) -> str:
    """Return why a class cannot be defined."""
    with pytest.raises(DefinitionError) as error:
        new_class(name, bases, keywords, lambda namespace: namespace.update(__module__=module))
    return str(error.value)


def test_a_definition_says_why_it_is_refused() -> None:
    """One sentence each: what is wrong, and what to write instead."""

    class Root(Machine): ...

    class A(Root): ...

    transition: Any = Transition
    module = __name__
    assert (
        "GO cannot be defined: say which state it leaves: class GO(Transition[..., A]), None for the beginning"
        == refused("GO", Signal[A], module=module)
    )
    assert (
        "GO cannot be defined: A is a state of Root and Sheet one of Document; "
        "a signal leads from a state to another of one machine"
    ) == refused("GO", transition[A, Sheet])
    assert (
        "GO cannot be defined: Running is a state of a run and A one of Root; "
        "a signal leads from a state to another of one machine"
    ) == refused("GO", transition[Running, A], module=module)
    assert "GO cannot be defined: the table says what Skipped may follow; write Signal[Skipped]" == refused(
        "GO", transition[A, Skipped]
    )
    assert (
        f"GONE cannot be defined: Shipped has a signal already, {Order.__module__}.SHIP; raise that one"
        == refused("GONE", transition[Draft, Shipped])
        == refused("GONE", transition[Draft, Shipped], module="elsewhere")
    )
    assert "GO cannot be defined: Order is abstract; a signal raises one of Draft, Gift, Placed" in refused(
        "GO", transition[Draft, Order]
    )
    assert (
        "GO cannot be defined: say which states it leads from and to: class GO(Transition[Draft, Placed])"
        == refused("GO", transition)
    )
    assert "GO cannot be defined: a transition leaves states of a machine, not typing.Any" == refused(
        "GO", transition[Any, Gift]
    )
    assert "GO cannot be defined: a signal raises a state, not <class 'int'>" == refused("GO", transition[Draft, int])


def test_a_signal_is_below_one_signal() -> None:
    """Two would be two states to raise, of a machine or of a run; a group of Python's own beside one is none."""
    transition: Any = Transition
    root = defined("Pair", Machine)
    one = defined("One", root)
    skip: Any = Signal[Skipped]
    assert "GO cannot be defined: a signal has one signal parent, not Transition and SKIP" == refused(
        "GO", transition[None, one], skip, module="shop"
    )
    assert "GO cannot be defined: a signal has one signal parent, not FAIL and SKIP" == refused("GO", FAIL, skip)
    with pytest.raises(NoSignal):
        signal_type_of(one)


def test_no_field_is_called_self() -> None:
    """Python calls a method's first argument so; a signal could not take it by keyword."""
    for parent in (defined("Named", Machine), Skipped):
        said = "Own cannot be defined: the field name 'self' is Python's; choose another"
        with pytest.raises(DefinitionError) as error:
            new_class("Own", (parent,), {}, lambda body: body.update(__module__="shop", __annotations__={"self": int}))
        assert said == str(error.value)

    class Mixin(BaseModel):
        self: int

    assert "the field name 'self' is Python's" in refused("Own", Skipped, Mixin)


def test_the_text_of_a_signal_whose_message_is_no_text() -> None:
    """A machine's `message` may be anything; ``str`` shows it as text."""

    class Meter(Machine): ...

    class Read(Meter):
        message: int | None = None

    class READ(Transition[None, Read]): ...

    assert ("0", "") == (str(READ(message=0)), str(READ()))


def test_a_parametrised_source_is_refused() -> None:
    """A source means its subclasses, too; a type variable of the transition itself is no parameter."""
    transition: Any = Transition

    class Box(Machine, Generic[R]): ...

    class Full(Box[R]): ...

    class Empty(Box[R]): ...

    wrong = refused("GO", transition[Full[int], Empty], module=__name__)
    assert "GO cannot be defined: a source means its subclasses, too; write Full" == wrong

    class UNPACK(Transition[Full[R], Empty[R]], Generic[R]): ...

    assert Empty() == advance(Full[int](), UNPACK())


def defined(name: str, *bases: Any, module: str = "shop") -> Any:
    """Define a class in a module."""
    return new_class(name, bases, {}, lambda namespace: namespace.update(__module__=module))


def test_the_ways_of_a_machine_are_said_in_the_module_of_its_root() -> None:
    """Elsewhere nobody derives from the root, and a transition may only refine: what is final stays final."""
    transition: Any = Transition
    root = defined("Parcel", Machine)
    packed, sent, lost = (defined(name, root) for name in ("Packed", "Sent", "Lost"))
    for name, source, target in (("PACK", None, packed), ("SEND", packed, sent), ("LOSE", packed | sent, lost)):
        defined(name, transition[source, target])
    sealed = "Sub cannot be defined: Parcel is sealed; derive from one of Packed, Sent, Lost"
    assert sealed == refused("Sub", root, module=__name__)
    stolen, boxed = (defined(name, kind, module=__name__) for name, kind in (("Stolen", lost), ("Boxed", packed)))
    assert (
        "STEAL cannot be defined: the ways of Parcel are said in shop; elsewhere Stolen follows Packed, Sent, not Lost"
        == refused("STEAL", transition[sent | lost, stolen], module=__name__)
    )
    assert "elsewhere Stolen follows Packed, Sent, not None" in refused("STEAL", transition[None, stolen], module="x")
    steal = defined("STEAL", transition[boxed, stolen], module=__name__)
    assert stolen() == steal.after(boxed()).state
    with pytest.raises(IllegalTransition, match="from Packed: Sent, Lost"):
        steal.after(packed())


def test_a_tag_is_taken_only_within_its_machine() -> None:
    """An order, a document and a run may each have a state with the tag Failed or Draft; a machine has it once."""
    assert ("Draft", "Draft", "Failed", "Failed") == (Draft.type, Sheet.type, Rejected.type, Failed.type)
    assert f"the tag 'Draft' is taken by {Order.__module__}.Draft" in refused("Second", Order, tag="Draft")


def test_redefining_a_machine_in_a_notebook_replaces_it() -> None:
    """The same cells again: states and transitions of the same names take the place of the former."""

    def cells() -> Any:
        class Lamp(Machine): ...

        class On(Lamp): ...

        class LIGHT(Transition[None, On]): ...

        return Lamp, On, LIGHT

    first, second = cells(), cells()
    assert second[1:] == (type(second[2]().state), signal_type_of(second[1]))
    assert second[1]() == advance(None, second[2]())
    assert first[0] is not second[0]


# ---- the whole of a machine


def test_problems_of_a_whole_machine() -> None:
    """None for the five, whose unions are closed; a root asks of all but the union."""
    assert [(), (), (), (), ()] == [problems(each) for each in (AnyOrder, AnyPayment, AnyLink, Job, AnyDocument)]
    assert ("Delivered is in no part of the union", "Dropped is in no part of the union") == problems(
        Union[Draft, Placed, Shipped]
    )


def test_problems_say_what_is_unreachable_and_what_has_no_end() -> None:
    """A state that no way leads to; one from which no way leads to an end, if the machine has one; no beginning."""

    class Maze(Machine): ...

    class In(Maze): ...

    class Out(Maze): ...

    class Round(Maze): ...

    class Lost(Maze): ...

    class ENTER(Transition[None, In]): ...

    class LEAVE(Transition[In, Out]): ...

    class TURN(Transition[In | Round, Round]): ...

    class Closed(Machine): ...

    class Shut(Closed): ...

    class SHUT(Transition[Shut, Shut]): ...

    assert ("Lost is never reached", "Round never comes to an end") == problems(Maze)
    assert ("no state of Closed begins a history", "Shut is never reached") == problems(Closed)


def test_successors_are_the_kinds_to_which_transitions_lead() -> None:
    """In order of definition, from a group and the root as from a kind; a kind above all machines has none."""
    assert (Placed, Dropped) == successors(Draft) == successors(Gift)
    assert (Captured, Voided) == successors(Held)
    assert () == successors(Delivered) == successors(Order)
    with pytest.raises(TypeError, match="Machine is above all machines; ask for one of them"):
        successors(Machine)


def test_the_diagram_of_a_machine_names_its_signals_and_guards() -> None:
    """One arrow for each state of a group; the states that nothing follows are final; also as DOT."""
    drawn = diagram(kind=Order)
    assert (
        drawn
        == """stateDiagram-v2
    [*] --> Draft: OPEN
    Draft --> Placed: PLACE
    Draft --> Dropped: DROP
    Placed --> Shipped: SHIP [guarded]
    Placed --> Express: EXPRESS
    Placed --> Dropped: DROP
    Shipped --> Delivered: DELIVER
    Delivered --> [*]
    Dropped --> [*]
"""
    )
    assert drawn == diagram(kind=Placed)
    grouped = diagram(kind=Payment).splitlines()
    assert ["    Authorized --> Captured: CAPTURE", "    Disputed --> Captured: CAPTURE"] == [
        line for line in grouped if line.endswith("CAPTURE")
    ]
    assert '    Placed -> Shipped [label="SHIP [guarded]"];' in diagram("dot", kind=Order).splitlines()
    assert '    "[*]" -> Draft [label="OPEN"];' in diagram("dot", kind=Order).splitlines()
    assert "[*]" not in [line.split(" --> ")[-1] for line in diagram(kind=Link).splitlines()]


# ---- a run


def test_a_raised_signal_of_a_machine_is_a_failure_of_a_run() -> None:
    """`capture` and `collect` keep what was raised as a cause; a returned state is a result like any other.

    Elsewhere is told what `capture` does where the annotation names the state.
    """

    def ship() -> None:
        raise SHIP(order_id="o-1", tracking="T-9") from ValueError("why")

    failed = capture(ship)
    assert isinstance(failed, Failed)
    assert [f"{Order.__module__}.SHIP", "ValueError"] == [cause.type for cause in failed.causes]
    assert f"raised {Order.__module__}.SHIP, a signal of Order" in (failed.message or "")
    assert Success(result=made(Shipped)) == capture(lambda: made(Shipped))
    group = BaseExceptionGroup("", [FAIL("a"), APPROVE(title="a")])
    assert [Failed, Failed] == list(map(type, collect(group)))


def test_signals_of_machines_pickle_and_copy() -> None:
    """With their state and their notes; what they were raised from is not theirs to keep."""
    signal = SHIP(order_id="o-1", tracking="T-9")
    signal.add_note("why")
    for again in (pickle.loads(pickle.dumps(signal)), deepcopy(signal)):
        assert (SHIP, signal.state, ["why"]) == (type(again), again.state, again.__notes__)
    assert "" == str(signal)


def test_what_is_no_state_is_refused() -> None:
    """`advance` and `after` take a state of a machine or None; a run begins with a state."""
    with pytest.raises(TypeError, match="advance takes a state and a signal, not NoneType and START"):
        advance(None, START())  # type: ignore[call-overload]  # that is the mistake
    with pytest.raises(TypeError, match=r"OPEN.after takes a state, or None, not int"):
        OPEN.after(3)  # type: ignore[arg-type]  # that is the mistake
