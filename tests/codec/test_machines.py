"""States of a user's own machines at every entrance: JSON, models, results, tasks, stores; machines never mix."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, TypeVar, Union

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType

from statesig import (
    DecodeError,
    EncodeError,
    Failed,
    Flow,
    Machine,
    Signal,
    SignalOf,
    State,
    Success,
    Transition,
    ValidationFailed,
    decode,
    encode,
    open_store,
    schema,
    task,
)
from statesig.states.families import descendants
from tests.harness.cases import at_once
from tests.typing.machines import (
    OPEN,
    PLACE,
    SHIP,
    AnyLink,
    AnyOrder,
    AnyPayment,
    Broken,
    Document,
    Done,
    Draft,
    Express,
    Gift,
    Held,
    Job,
    Link,
    Order,
    Payment,
    Placed,
    Sheet,
    Shipped,
    Up,
    Working,
)

R = TypeVar("R")
ROOTS: list[Any] = [Order, Payment, Link, Job, Document]
SAMPLES: list[Any] = [
    Gift(order_id="o-1", wish="red"),
    Placed(order_id="o-1", lines=("tea", "milk"), total=Decimal("3.10")),
    Express(order_id="o-1", tracking="T-9"),
    Up(),
    Done[int](value=3),
    Broken(why="torn"),
    *(kind() for kind in descendants(Payment)),
    *(kind(title="a") for kind in descendants(Document)),
]

each_sample = pytest.mark.parametrize("state", SAMPLES, ids=repr)


def entrances(asked: Any, state: Any) -> list[Any]:
    """Return what each entrance makes of a state's document, or of the state itself; None: it is refused."""
    text = encode(state).decode()

    class Holder(BaseModel):
        held: asked

    found: list[Any] = []
    for enter in (
        lambda: decode(text, asked),
        lambda: TypeAdapter(asked).validate_json(text),
        lambda: TypeAdapter(asked).validate_python(json.loads(text)),
        lambda: TypeAdapter(asked).validate_python(state),
        lambda: Holder.model_validate_json(f'{{"held":{text}}}').held,
        lambda: Success[asked](result=state).unwrap(),
        lambda: decode(f'{{"type":"Success","result":{text}}}', Success[asked]).unwrap(),
    ):
        try:
            found.append(enter())
        except (ValidationError, DecodeError):
            found.append(None)
    return found


# ---- law 6


@each_sample
def test_a_state_reads_back_at_every_entrance_of_its_machine(state: Any) -> None:
    """``decode(encode(s), Root) == s``, of the same class; at the other entrances, too."""
    found = entrances(type(state).__top__, state)
    assert [state] * len(found) == found
    assert {type(state).__name__.partition("[")[0]} == {type(each).__name__.partition("[")[0] for each in found}


@each_sample
def test_every_other_machine_refuses_it(state: Any) -> None:
    """A state is no state of another root or of a run; a document is none unless it says the same of both."""
    others = [root for root in [*ROOTS, State] if root is not type(state).__top__]
    for other in others:
        assert [None] * 7 == entrances(other, state)


def test_a_family_within_a_machine() -> None:
    """A kind admits itself and what is below it; a group all that is in it."""
    gift, authorized = Gift(order_id="o-1"), decode('{"type":"Authorized"}', Held)
    assert [gift] * 7 == entrances(Draft, gift)
    assert [None] * 7 == entrances(Placed, gift)
    assert [authorized] * 7 == entrances(Held, authorized)


def test_a_closed_union_is_read_by_tag() -> None:
    """Of a document that is no member it says one problem; an alias by ``type`` (PEP 695) means what it names."""
    state = Express(order_id="o-1", tracking="T-9")
    alias = TypeAliasType("alias", Union[Draft, Shipped])
    generic = TypeAliasType("generic", Union[Working[R], Done[R]], type_params=(R,))
    for asked in (AnyOrder, Shipped | Draft, alias, Union[alias, Placed]):
        assert state == decode(encode(state), asked)
    done = decode('{"type":"Done","value":3}', generic[int])
    assert (Done[int](value=3), Done[int]) == (done, type(done))
    with pytest.raises(DecodeError) as error:
        decode('{"type":"Placed","order_id":"o-1"}', Draft | Placed)
    assert [("total", "field required")] == [*error.value.problems]
    with pytest.raises(DecodeError, match="a Up is not one; possible: Draft, Gift, Placed"):
        decode('{"type":"Up"}', Draft | Placed)
    with pytest.raises(DecodeError, match="value"):
        decode('{"type":"Done","value":"3"}', generic[int])


def test_a_tag_is_unknown_only_where_no_state_has_it() -> None:
    """One of another state of the machine is not one of those asked for; one that none has may need an import."""
    for tag, said in {
        "Placed": "a Placed is not one; possible: Draft, Gift",
        "Plaecd": "unknown tag Plaecd (import its module, or give --import MODULE); possible: Draft, Gift",
    }.items():
        with pytest.raises(DecodeError) as error:
            decode(f'{{"type":"{tag}","order_id":"o-1"}}', Draft)
        assert said == error.value.problems[0][1]


def test_a_union_of_states_of_a_run() -> None:
    """It is a closed union as any other."""
    assert Success[int](result=3) == decode('{"type":"Success","result":3}', Success[int] | Failed[int])
    with pytest.raises(DecodeError, match="a Running is not one"):
        decode('{"type":"Running"}', Success[int] | Failed[int])


def test_a_kind_that_is_defined_later_is_known() -> None:
    """To the union, too, which was read before."""
    assert Up() == decode('{"type":"Up"}', AnyLink)

    class Busy(Up): ...

    assert Busy() == decode('{"type":"Busy"}', AnyLink)


def test_a_union_of_two_machines_and_what_is_above_all_machines_are_refused() -> None:
    """Their tags may be the same."""
    for asked, names in ((Draft | Sheet, "Order and Document"), (Draft | Success, "Order and State")):
        with pytest.raises(TypeError, match=f"states of one machine are asked for, not of {names}"):
            decode("{}", asked)
    for refused in (lambda: decode("{}", Machine), lambda: TypeAdapter(Machine), lambda: schema(Machine)):
        with pytest.raises((TypeError, RuntimeError), match="Machine is above all machines"):
            refused()
    for signals in (Signal[Machine], SignalOf[Machine], Signal[State | Machine]):
        for ask in (TypeAdapter, schema, lambda asked: decode("{}", asked)):
            with pytest.raises(TypeError, match="Machine is above all machines"):
                ask(signals)


@at_once
@pytest.mark.parametrize("asked", [Order, AnyOrder, AnyPayment, Draft | Placed, Held, Job[int], Success[AnyOrder]])
def test_a_schema_describes_the_documents_that_decode_reads(asked: Any) -> None:
    """Another validator agrees with `decode` on each of them."""
    validator = Draft202012Validator(schema(asked))
    for state in SAMPLES:
        for document in (encode(state), b'{"type":"Success","result":%b}' % encode(state)):
            try:
                decode(document, asked)
                is_read = True
            except DecodeError:
                is_read = False
            assert is_read == validator.is_valid(json.loads(document))


def test_the_schema_of_a_union_tells_its_members_apart() -> None:
    """By the tag, as OpenAPI's discriminator; those below them are among them."""
    assert ["Draft", "Gift", "Placed"] == sorted(schema(Draft | Placed)["discriminator"]["mapping"])


def test_what_would_not_read_back_is_refused() -> None:
    """A field of no declared type as a result of a run; a field may have the name `result`."""

    class Loose(Machine): ...

    class Any_(Loose):
        other: Any = None
        result: Any = None

    class Strict(Loose):
        result: int

    for right in (Any_(other={"a": [1]}), Any_(result=[1]), Any_(), Strict(result=3)):
        assert right == decode(encode(right), Loose)
    for wrong, path in (({"other": float("nan")}, "other"), ({"result": float("inf")}, "result")):
        with pytest.raises(EncodeError, match=f"Any_ cannot be encoded: {path}"):
            encode(Any_(**wrong))
    for text in ('{"type":"Any_","other":NaN}', '{"type":"Any_","result":NaN}', '{"type":"Strict"}'):
        with pytest.raises(DecodeError):
            decode(text, Loose)


# ---- signals and models


def test_signals_of_machines_are_types_of_pydantic() -> None:
    """One, those of a machine; a signal of another is refused, and `Signal` means those of a run."""
    signal = SHIP(order_id="o-1", tracking="T-9")
    document = encode(signal)
    assert (SHIP, signal.state) == (type(decode(document, SHIP)), decode(document, SHIP).state)
    assert signal.state == TypeAdapter(SignalOf[Order]).validate_json(document).state
    with pytest.raises(ValidationError):
        TypeAdapter(SignalOf[Payment]).validate_json(document)
    with pytest.raises(ValidationError, match=r"define one: class GIFT\(Transition\[\.\.\., Gift\]\)"):
        TypeAdapter(SignalOf[Order]).validate_python({"type": "Gift", "order_id": "o-1"})


def test_signals_of_two_machines_are_no_type() -> None:
    """Nor is what is no signal yet: a transition without its two ends, or with them and without a class."""
    for asked, names in ((Draft | Sheet, "Order and Document"), (Draft | Failed, "Order and State")):
        with pytest.raises(TypeError, match=f"states of one machine are asked for, not of {names}"):
            TypeAdapter(Signal[asked])  # type: ignore[valid-type]  # known at run time alone
    for asked in (Transition, Transition[Draft, Placed]):
        with pytest.raises(TypeError, match="Transition is no signal yet; name one below it"):
            decode("{}", asked)


def test_parallel_states_are_a_model_with_two_fields() -> None:
    """Each field is of its own machine, in both directions."""

    class Deal(BaseModel):
        order: AnyOrder
        payment: Payment

    deal = Deal(order=Gift(order_id="o-1"), payment=decode('{"type":"Captured"}', Payment))
    assert deal == Deal.model_validate_json(deal.model_dump_json())
    with pytest.raises(ValidationError):
        Deal(order=deal.order, payment=deal.order)  # type: ignore[arg-type]  # that is the mistake


# ---- tasks and stores


@task
def opened(order: AnyOrder) -> Order:
    """Return what was ordered, one step further."""
    return PLACE.after(order, total=Decimal("3.10")).state if isinstance(order, Draft) else order


@task
def lying() -> Payment:
    """Return a state of another machine."""
    return Draft(order_id="o-1")  # type: ignore[return-value]  # that is the mistake


@task
def raising(order: Order) -> Payment:
    """Raise a signal of another machine than the one that is annotated."""
    raise OPEN(order_id=order.order_id)


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "stored"])
def test_states_of_machines_are_parameters_and_results_of_tasks(stored: bool, tmp_path: Path) -> None:
    """They are validated as what is annotated, stored and read back; a signal of another machine is a failure."""
    with Flow("orders") as flow:
        order = flow.parameter("order", AnyOrder, default=Draft(order_id="o-1"))
        placed = opened(order)
        later = opened(placed)
        lied, raised = lying(), raising(placed)
    with open_store(f"{tmp_path}/runs.db") as store:
        run = flow.run(store=store) if stored else flow.run()
        expected = Placed(order_id="o-1", total=Decimal("3.10"))
        assert (expected, expected) == (run[placed].unwrap(), run[later].unwrap())
        assert "its result is not a valid Payment" in (run[lied].message or "")
        assert (ValidationFailed, Failed) == (type(run[lied]), type(run[raised]))
        assert [f"{OPEN.__module__}.OPEN"] == [cause.type for cause in run[raised].causes]
        if stored:
            again = flow.rerun(run.id, store=store)
            assert (expected, Placed) == (again[placed].unwrap(), type(again[placed].unwrap()))


def test_a_generic_machine_validates_its_parameter() -> None:
    """In a state, at the root and in a union."""

    class Box(Machine, Generic[R]): ...

    class Full(Box[R]):
        value: R

    class FILL(Transition[None, Full[R]], Generic[R]): ...

    assert Full(value=3) == FILL(value=3).state == decode('{"type":"Full","value":3}', Box[int])
    for text, asked in (('{"type":"Full","value":"3"}', Box[int]), ('{"type":"Full","value":"3"}', Full[int])):
        with pytest.raises(DecodeError, match="value"):
            decode(text, asked)
