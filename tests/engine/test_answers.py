"""A person's answer: validated as the task declares it before anything changes, stored, handed to the body typed."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from statesig import (
    PAUSE,
    RESUME,
    RETRY,
    SKIP,
    Event,
    Failed,
    Flow,
    FlowError,
    NodeUseError,
    Paused,
    Resume,
    Run,
    Success,
    current,
    decode_event,
    encode_event,
    manual_only,
    resumed,
    task,
)
from statesig.examples.approval import Approval, Payment, Report, flow, paid, reported

GRANTED = Approval(by="Ada")
AMOUNTS = [Decimal(50), Decimal(900), Decimal(700)]


@pytest.fixture(params=[False, True], ids=["not stored", "stored"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return str(tmp_path / "runs.db") if request.param else None


def children(run: Run) -> list[str]:
    return [child.state.type for whole in run for child in whole.children]


def asking(declared: Any) -> tuple[Flow, Any, list[Any]]:
    """Return a flow of one task that waits for an answer and returns nothing, and what the task sees."""
    seen: list[Any] = []

    @task(answer=declared)
    def ask() -> None:
        found = resumed(declared)
        seen.append(found)
        if found is None:
            raise PAUSE("look")

    with Flow("asking") as made:
        node = ask()
    return made, node, seen


# ---- an answer and its type


def test_the_body_gets_the_answer_as_it_was_validated(store: str | None) -> None:
    """By node, by name and by child; a model as it is, or as the plain value that it is validated from."""
    run = flow.run(amounts=AMOUNTS, store=store)
    assert (["Success", "Paused", "Paused"], "Paused") == (children(run), run.state.type)
    run.resume({paid[1]: RESUME("fine", result=GRANTED), "pay[2]": Resume(result={"by": "Bob", "granted": False})})
    assert ["Success", "Success", "Failed"] == children(run)
    assert Payment(amount=Decimal(900), approved_by="Ada") == next(iter(run)).children[1].state.result
    assert Report(paid=Decimal(950), refused=1) == run[reported].unwrap()


def test_one_answer_for_all_children(store: str | None) -> None:
    """A mapped node means all its paused children."""
    run = flow.run(amounts=AMOUNTS, store=store)
    answer = RESUME(result=Approval(by="Ada", most=Decimal(600)))
    run.resume({paid: answer})  # pyright: ignore[reportUnhashable]  # it is no list, but the node
    assert Report(paid=Decimal(1250)) == run[reported].unwrap()


def test_an_answer_given_in_another_process(tmp_path: Path) -> None:
    """`Flow.resume` takes the same; the answer is stored with the Resume, and comes back as its type."""
    store = tmp_path / "runs.db"
    run = flow.run(amounts=AMOUNTS, store=store)
    flow.resume(run.id, {paid[1]: RESUME(result=GRANTED)}, store=store)
    ended = flow.resume(run.id, {"pay[2]": RESUME(result=GRANTED)}, store=store)
    assert Report(paid=Decimal(1650)) == ended[reported].unwrap()


def test_an_answer_outlives_the_process_that_took_it(tmp_path: Path) -> None:
    """A task that was released and then lost with its process gets the same answer, typed, in its next attempt."""
    dies = [True]
    seen: list[Any] = []

    @task(answer=Approval)
    def ask() -> None:
        found = resumed(Approval)
        seen.append(found)
        if found is None:
            raise PAUSE("look")
        if dies:
            raise KeyboardInterrupt

    with Flow("asking") as made:
        node = ask()
    store = tmp_path / "runs.db"
    run = made.run(store=store)
    with pytest.raises(KeyboardInterrupt):
        made.resume(run.id, {node: RESUME("fine", result=GRANTED)}, store=store)
    dies.clear()
    assert Success(result=None) == made.resume(run.id, store=store)[node]
    assert [("fine", GRANTED)] * 2 == [(found.message, found.unwrap()) for found in seen[1:]]


TYPES: list[tuple[Any, Any, Any]] = [
    (bool, True, True),
    (int, 5, 5),
    (date, date(2026, 1, 2), date(2026, 1, 2)),
    (date, "2026-01-02", date(2026, 1, 2)),
    (Decimal, "1.50", Decimal("1.50")),
    (tuple[int, date], [1, "2026-01-02"], (1, date(2026, 1, 2))),
    (set[int], [2, 1], {1, 2}),
    (Literal["yes", "no"], "yes", "yes"),
    (int | None, None, None),
    (Approval | int, {"by": "Ada"}, GRANTED),
    (list[Approval], [{"by": "Ada"}, GRANTED], [GRANTED, GRANTED]),
]


@pytest.mark.parametrize(("declared", "given", "expected"), TYPES, ids=str)
def test_any_type_can_be_declared(declared: Any, given: Any, expected: Any, store: str | None) -> None:
    """JSON's form of a value is as good as the value: the body sees one and the same."""
    made, node, seen = asking(declared)
    run = made.run(store=store)
    run.resume({node: RESUME(result=given)})
    assert (None, expected, type(expected)) == (seen[0], seen[1].unwrap(), type(seen[1].unwrap()))


def test_an_answer_stays_through_retries_and_ends_with_a_further_pause() -> None:
    """As `current().resumed` does, of which `resumed` is the typed form."""
    seen: list[Any] = []

    @task(answer=int, retries=1)
    def ask() -> None:
        found = resumed(int)
        assert current().resumed is found
        seen.append(found and found.unwrap())
        if len(seen) in (1, 3):
            raise PAUSE("look")
        if len(seen) == 2:
            raise RETRY("busy")

    with Flow("f") as made:
        node = ask()
    run = made.run()
    run.resume({node: RESUME(result=1)})
    run.resume({node: RESUME(result=2)})
    assert ([None, 1, 1, 2], "Success") == (seen, run.state.type)


def test_a_trigger_can_ask_too() -> None:
    """A task that `manual_only` paused gets the answer as one that paused itself does, each child of it as well."""

    @task(answer=str, trigger=manual_only)
    def note(number: int) -> str:
        found = resumed(str)
        return f"{number} {found.unwrap() if found else None}"

    with Flow("f") as made:
        alone, mapped = note(0), made.map(note, [1, 2])
    run = made.run()
    run.resume({alone: RESUME(result="a"), "note-2": RESUME(result="b")})
    assert ("0 a", ["1 b", "2 b"]) == (run[alone].unwrap(), run[mapped].unwrap())


def test_a_resume_that_no_person_sent_is_no_answer() -> None:
    """A RESUME that the task itself raises is not validated, so `resumed` does not hand it over."""
    seen: list[Any] = []

    @task(answer=int)
    def ask() -> None:
        seen.append(resumed(int))
        if len(seen) == 1:
            raise RESUME("on I go", result="not a number")

    with Flow("f") as made:
        ask()
    made.run()
    assert [None, None] == seen


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_the_answer_reaches_the_body_wherever_it_runs(executor: Literal["threads", "processes"]) -> None:
    """The attempt goes to the worker with its answer."""
    run = flow.run(amounts=AMOUNTS[:2], executor=executor)
    run.resume({paid[1]: RESUME(result=GRANTED)})
    assert Report(paid=Decimal(950)) == run[reported].unwrap()


def test_events_tell_the_answer(store: str | None) -> None:
    """The event of the Resume has the answer, and is written as JSON without a declared type."""
    told: list[Event] = []
    run = flow.run(amounts=AMOUNTS[:2], store=store, on_event=told.append)
    run.resume({paid[1]: RESUME("fine", result=GRANTED)})
    (event,) = [event for event in told if isinstance(event.state, Resume) and event.task is not None]
    back = decode_event(encode_event(event, result_type=flow.returns("pay"))).state
    assert (GRANTED, {"by": "Ada", "granted": True, "most": None}) == (event.state.result, back.result)


# ---- what is refused, and changes nothing


def nothing(by: str) -> Any:
    return {paid[1]: RESUME(result=GRANTED), paid[2]: by}


REFUSED: dict[str, tuple[Any, str]] = {
    "a wrong field": ({paid[1]: RESUME(result={"by": 5})}, "the answer for 'pay[1]' is refused: not an Approval: by: "),
    "a missing field": ({paid[1]: RESUME(result={})}, "'pay[1]' is refused: not an Approval: by: field required"),
    "a deep field": (
        {paid[1]: RESUME(result={"by": "Ada", "most": {"secret": 1}})},
        "'pay[1]' is refused: not an Approval: most: ",
    ),
    "another type": ({"pay[1]": RESUME(result="secret")}, "'pay[1]' is refused: not an Approval: an object was"),
    "one of two": (
        {paid[1]: RESUME(result=GRANTED), paid[2]: RESUME(result="secret")},
        "'pay[2]' is refused: not an Approval: an object was",
    ),
    "no answer": (paid, "'pay[1]' waits for an answer, of type Approval; give one: {'pay[1]': RESUME(result=...)}"),
    "a signal without a result": ({"pay": RESUME("fine")}, "'pay[1]' waits for an answer, of type Approval"),
    "another signal": ({paid[1]: SKIP("secret")}, "released by RESUME(...), not by a value of class SKIP"),
    "the answer alone": ({paid[1]: GRANTED}, "released by RESUME(...), not by a value of class Approval"),
    "what is not paused": ({paid[0]: RESUME(result=GRANTED)}, "'pay[0]' is not paused, it is Success"),
    "a child that is not there": ({paid[7]: RESUME(result=GRANTED)}, "'pay' has no child 7; it has 3"),
    "an unknown name": ({"pay[7]": RESUME(result=GRANTED)}, "there is no task 'pay[7]'; paused are pay[1], pay[2]"),
    "two answers": (
        {"pay": RESUME(result=GRANTED), "pay[2]": RESUME(result=GRANTED)},
        "'pay[2]' is given two answers; give one",
    ),
}


@pytest.mark.parametrize(("given", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_answer_is_refused_and_nothing_changes(given: Any, told: str, store: str | None) -> None:
    """The path and a sentence, without the value; every task is as it was, nothing ran, and a right answer follows."""
    events: list[Event] = []
    run = flow.run(amounts=AMOUNTS, store=store, on_event=events.append)
    before = [(event.task, event.state) for event in events]
    with pytest.raises(FlowError) as caught:
        run.resume(given)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    assert (["Success", "Paused", "Paused"], before) == (children(run), [(event.task, event.state) for event in events])
    if store is not None:
        with pytest.raises(FlowError) as caught:
            flow.resume(run.id, given, store=store)
        assert told in str(caught.value)
        assert ["Success", "Paused", "Paused"] == children(flow.resume(run.id, store=store))
    else:
        assert "Success" == run.resume({"pay": RESUME(result=GRANTED)})[reported].type


def test_an_answer_for_a_task_that_declares_none() -> None:
    """It is refused with what to write; without a result the release is as ever."""

    @task
    def ask() -> int:
        if current().resumed is None:
            raise PAUSE("look")
        return 1

    with Flow("f") as made:
        node = ask()
    run = made.run()
    with pytest.raises(FlowError, match=r"'ask' takes no answer; declare what it accepts, @task\(answer=\.\.\.\)"):
        run.resume({node: RESUME(result=5)})
    assert Paused(message="look") == run[node]
    assert Success(result=1) == run.resume({node: RESUME("fine")})[node]


def test_an_answer_that_cannot_be_stored(store: str | None) -> None:
    """With a store and without, it is refused as a wrong one is."""
    made, node, _ = asking(object)
    run = made.run(store=store)
    with pytest.raises(FlowError, match="the answer for 'ask' is refused: result: a value of class date is not JSON"):
        run.resume({node: RESUME(result=date(2026, 1, 2))})
    assert "Paused" == run[node].type


def test_a_type_that_pydantic_cannot_read() -> None:
    """No answer of it can be validated, and the error says so."""

    class Plain:
        pass

    made, node, _ = asking(Plain)
    run = made.run()
    with pytest.raises(FlowError, match="pydantic cannot read values of type Plain"):
        run.resume({node: RESUME(result=Plain())})
    assert "Paused" == run[node].type


def test_all_or_nothing_without_an_answer() -> None:
    """``run.resume()`` releases all that is paused, and refuses if one of it waits for an answer."""

    @task(trigger=manual_only)
    def plain() -> int:
        return 1

    made, _, _ = asking(int)
    with made:
        node = plain()
    run = made.run()
    with pytest.raises(FlowError, match="'ask' waits for an answer, of type int"):
        run.resume()
    assert "Paused" == run[node].type
    assert Success(result=1) == run.resume(node)[node]


# ---- `resumed`


def test_resumed_compares_with_what_the_task_declares() -> None:
    """Another type, or none, is an error that says what to write: no answer is handed over as what it is not."""

    @task(answer=Approval)
    def other() -> None:
        resumed(Payment)

    @task
    def none() -> None:
        resumed(Approval)

    with Flow("f") as made:
        nodes = other(), none()
    run = made.run()
    told = [state.causes[0].message for state in map(run.__getitem__, nodes) if isinstance(state, Failed)]
    assert [
        "resumed(Payment) is for a task that declares answer=Payment, and task 'other' declares answer=Approval",
        "resumed(Approval) is for a task that declares answer=Approval, and task 'none' declares no answer",
    ] == told


def test_resumed_outside_of_a_task() -> None:
    """As `current`, it is for the code of a running task."""
    with pytest.raises(LookupError, match=r"resumed\(\) is for the code of a running task"):
        resumed(int)


# ---- children of mapped nodes


def test_an_item_of_a_node_is_a_child_only_once_the_flow_is_built() -> None:
    """While a flow is built it is a use as a value, as ever; of a node that is not mapped it always is."""

    @task
    def one(number: int) -> int:
        return number

    with Flow("f") as made:
        alone, mapped = one(1), made.map(one, [1, 2])
        for use in (lambda: alone[0], lambda: mapped[0]):  # type: ignore[index]  # that is the test
            with pytest.raises(NodeUseError, match=r"\[\.\.\.\] on task 'one"):
                use()
    with pytest.raises(NodeUseError, match=r"\[\.\.\.\] on task 'one'"):
        alone[0]  # type: ignore[index]  # that is the test
    with pytest.raises(NodeUseError, match=r"\[\.\.\.\] on task 'one-2'"):
        mapped[0:1]
    child = mapped[1]
    assert "<child one-2[1]>" == repr(child)
    with made, pytest.raises(NodeUseError, match=r"\[\.\.\.\] on task 'one-2'"):
        one(child)
