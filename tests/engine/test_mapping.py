"""Mapped tasks: each child is judged by itself, and the state of the whole never tells another kind than they make."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    CANCEL,
    FAIL,
    MAPFAIL,
    PAUSE,
    SKIP,
    Cancelled,
    Event,
    Failed,
    Flow,
    FlowError,
    MapCancelled,
    MapFailed,
    Mapped,
    Run,
    Skipped,
    SkipPolicy,
    State,
    Success,
    all_finished,
    any_failed,
    cancel_run,
    kind,
    manual_only,
    state_of,
    states_of,
    tally,
    task,
)
from statesig.engine import journal
from tests.harness.cases import at_once


@task
def work(number: int) -> int:
    """Fail for 0, skip for 1, be cancelled for 2, and return any other number."""
    signals: dict[int, BaseException] = {0: FAIL("zero"), 1: SKIP("one"), 2: CANCEL("two")}
    if number in signals:
        raise signals[number]
    return number


@task
def twice(number: int) -> int:
    return 2 * number


@task
def add(*numbers: int) -> int:
    return sum(numbers)


@task
def numbers(*given: int) -> list[int]:
    return [*given]


@task(trigger=manual_only)
def gate() -> int:
    return 0


def types(children: tuple[State[Any], ...]) -> list[str]:
    return [child.type for child in children]


@task
def label(pair: tuple[str, int]) -> str:
    return f"{pair[0]}{pair[1]}"


@task
def shout(text: str) -> str:
    return text.upper()


# ---- what is mapped over


def test_the_views_of_a_dict_have_its_order() -> None:
    """Keys, items and values are mapped over in the order of the dict, unlike a set."""
    counts = {"b": 2, "a": 1}
    with Flow("f") as flow:
        nodes = flow.map(shout, counts.keys()), flow.map(label, counts.items()), flow.map(twice, counts.values())
        with pytest.raises(FlowError, match="a set has no order"):
            flow.map(shout, {"b", "a"})
    run = flow.run()
    assert [["B", "A"], ["b2", "a1"], [4, 2]] == [run[node].unwrap() for node in nodes]


# ---- the kind of the whole


@at_once
@pytest.mark.parametrize("executor", [None, "threads"])
@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], Mapped),
        ([3, 1], Mapped),
        ([3, 0, 1], MapFailed),
        ([0, 2], MapFailed),
        ([3, 2, 1], MapCancelled),
        ([2], MapCancelled),
    ],
    ids=str,
)
def test_a_mapped_task_is_of_the_kind_that_its_children_make(items: list[int], expected: Any, executor: Any) -> None:
    """It succeeded only if each child has; predicates, kind, tally and the run agree."""
    with Flow("f") as flow:
        node = flow.map(work, items)
    run = flow.run(executor=executor)
    state = run[node]
    branch = next(one for one in (Success, Failed, Cancelled) if isinstance(state, one))
    assert (expected, run.children(node)) == (type(state), state.children)  # type: ignore[union-attr]  # one of three
    assert issubclass(kind(state), branch)
    assert [(branch, 1)] == [(branch, number) for of, number in tally([state]).items() if issubclass(of, branch)]
    assert isinstance(run.state, branch)


def test_a_mapped_task_that_did_not_succeed_has_no_value() -> None:
    """What the other children returned is not handed on as the whole; a task that takes the states sees it."""
    with Flow("f") as flow:
        node = flow.map(work, [3, 0])
        total = task(trigger=all_finished)(lambda values: sum(values))(node)
        seen = task(trigger=all_finished)(lambda states: [state.type for state in states])(states_of(node))
    run = flow.run()
    assert [False, "TriggerFailed"] == [run[node].has_result, run[total].type]
    assert Success(result=["Success", "Failed"]) == run[seen]


def test_a_failed_child_with_a_result_gives_the_whole_no_value() -> None:
    """What accompanies a failure is no value of a mapped task."""
    with Flow("f") as flow:
        node = flow.map(task(lambda item: _raise(FAIL("no", result=item))), [1, 2])
        skipped = flow.map(task(lambda item: _raise(SKIP("no", result=item))), [1, 2])
    run = flow.run()
    assert [False, True] == [run[one].has_result for one in (node, skipped)]


def _raise(exc: BaseException) -> Any:
    raise exc


# ---- each child by itself


def rows_of(run: Run) -> list[list[str]]:
    return [[whole.state.type, *(child.state.type for child in whole.children)] for whole in run]


@pytest.mark.parametrize("executor", [None, "threads"])
def test_a_map_over_a_mapped_task_that_failed_runs_the_other_children(executor: Any) -> None:
    """One child failed, was skipped or cancelled: the children over the others run."""
    with Flow("f") as flow:
        first = flow.map(work, [3, 0, 1, 2, 4])
        second = flow.map(twice, first)
    run = flow.run(executor=executor)
    assert ["Success", "TriggerFailed", "Skipped", "TriggerFailed", "Success"] == types(run.children(second))
    assert [6, 8] == [child.unwrap() for child in run.children(second) if child.has_result]


@pytest.mark.parametrize("executor", [None, "threads"])
def test_a_map_over_a_list_of_nodes_runs_the_other_children(executor: Any) -> None:
    """Each child waits for the nodes in its own item, also inside of containers, and is judged by these alone."""
    pair = task(name="pair")(lambda item: sum(item["two"]))
    with Flow("f") as flow:
        good, bad, skipped = work(3), work(0), work(1)
        single = flow.map(twice, [good, bad, skipped, 5])
        nested = flow.map(pair, [{"two": [good, good]}, {"two": [good, bad]}, {"two": [1, 2]}])
    run = flow.run(executor=executor)
    assert ["Success", "TriggerFailed", "Skipped", "Success"] == types(run.children(single))
    assert ["Success", "TriggerFailed", "Success"] == types(run.children(nested))
    assert [6, 10, 6, 3] == [
        child.unwrap() for node in (single, nested) for child in run.children(node) if child.has_result
    ]


def test_all_children_wait_for_what_they_share() -> None:
    """A constant and an order count for each child, besides its own item."""
    plus = task(name="plus", trigger=any_failed)(lambda item, by=0: item + by)
    with Flow("f") as flow:
        bad = work(0)
        constant = flow.map(partial(plus, by=work(4)), [work(3), work(1)])
        flow.after(constant, bad)
        alone = flow.map(plus, [work(3), bad])
        same = work(4)
        both = flow.map(partial(task(lambda item, by: (item, by)), by=same), [same, state_of(same), work(0)])
    run = flow.run()
    assert ["Success", "Skipped"] == types(run.children(constant))
    assert 7 == run.children(constant)[0].unwrap()
    assert ["TriggerFailed", "TriggerFailed"] == types(run.children(alone))
    assert ["Success", "Success", "TriggerFailed"] == types(run.children(both))
    assert [(4, 4), (Success(result=4), 4)] == [child.unwrap() for child in run.children(both)[:2]]


def over_constants(flow: Flow) -> list[int]:
    return [3, 4]


def over_a_parameter(flow: Flow) -> list[int]:
    return flow.parameter("items", list[int], default=[3, 4])


def over_a_value(flow: Flow) -> list[int]:
    return numbers(3, 4)


def over_children(flow: Flow) -> list[int]:
    return flow.map(work, [3, 4])


WAYS = [over_constants, over_a_parameter, over_a_value, over_children]


@at_once
@pytest.mark.parametrize("executor", [None, "threads"])
@pytest.mark.parametrize("items", WAYS)
@pytest.mark.parametrize(
    ("behind", "options", "expected"),
    [
        (0, {}, ["MapFailed", "TriggerFailed", "TriggerFailed"]),
        (3, {}, ["Mapped", "Success", "Success"]),
        (0, {"trigger": all_finished}, ["Mapped", "Success", "Success"]),
        (1, {"on_skip": SkipPolicy.PROPAGATE}, ["Mapped", "Skipped", "Skipped"]),
        (2, {"on_skip": SkipPolicy.FAILURE_FIRST}, ["MapFailed", "TriggerFailed", "TriggerFailed"]),
        (3, {"trigger": manual_only}, ["Pending", "Paused", "Paused"]),
    ],
)
def test_children_are_judged_alike_whatever_is_mapped_over(
    behind: int, options: dict[str, Any], expected: list[str], items: Callable[[Flow], list[int]], executor: Any
) -> None:
    """A list of constants, a parameter, the value of a task, other children: each child is judged by itself."""
    with Flow("f") as flow:
        earlier = work(behind)
        node = flow.map(task(name="judged", **options)(lambda item: item), items(flow))
        flow.after(node, earlier)
    assert expected == rows_of(flow.run(executor=executor))[-1]


def test_children_over_states_are_judged_by_their_own() -> None:
    """A map over the states of children is judged state by state, by the state that each child takes."""
    tell = task(name="tell", trigger=any_failed)(lambda state: state.type)
    with Flow("f") as flow:
        node = flow.map(tell, states_of(flow.map(work, [3, 0, 1])))  # type: ignore[arg-type]  # a lambda's type is open
    run = flow.run()
    assert ["TriggerFailed", "Success", "TriggerFailed"] == types(run.children(node))
    assert "Failed" == run.children(node)[1].unwrap()


def test_without_items_the_whole_is_judged() -> None:
    """Where the list itself failed or was skipped nobody knows the children: the whole says why."""
    lists: Any = task(lambda number: [work.fn(number)])
    with Flow("f") as flow:
        nodes = [flow.map(twice, lists(number)) for number in (0, 1, 2)]
    run = flow.run()
    assert ["TriggerFailed", "Skipped", "TriggerFailed"] == [run[node].type for node in nodes]
    assert [(), (), ()] == [run.children(node) for node in nodes]


def test_a_person_releases_one_child() -> None:
    """Children over a plain list pause one by one, and are released one by one or together."""
    with Flow("f") as flow:
        node = flow.map(task(name="sign", trigger=manual_only)(lambda item: item), [1, 2, 3])
    run = flow.run()
    run.resume("sign[1]")
    assert ["Pending", "Paused", "Success", "Paused"] == rows_of(run)[0]
    run.resume(node)
    assert [1, 2, 3] == run[node].unwrap()


def test_a_long_list_of_nodes_takes_one_look_at_each() -> None:
    """A map over two thousand nodes, one of them failed, takes time in proportion."""
    with Flow("f") as flow:
        node = flow.map(twice, [work(3 if index else 0) for index in range(2000)])
    run = flow.run()
    assert {"Success": 1999, "TriggerFailed": 1} == {
        tag: types(run.children(node)).count(tag) for tag in ("Success", "TriggerFailed")
    }


# ---- typed access


def test_children_of_a_node() -> None:
    """The final states of a mapped node's children, in the order of its items; of no other node."""
    with Flow("f") as flow:
        single, node, paused = work(3), flow.map(work, [3, 0]), flow.map(gate_of, [1])
    run = flow.run()
    assert (Success(result=3), Failed(message="zero")) == run.children(node)
    with pytest.raises(FlowError, match="'work' is not mapped, so that it has no children"):
        run.children(single)  # type: ignore[arg-type]  # it is not mapped
    with pytest.raises(FlowError, match="'gate_of' is not final, it is Pending"):
        run.children(paused)


@task(trigger=manual_only)
def gate_of(number: int) -> int:
    return number


# ---- handlers


def put(state: State[Any]) -> Callable[[State[Any], State[Any]], State[Any] | None]:
    """Return a handler that puts a state in place of the final one of a mapped task."""
    return lambda old, new: state if isinstance(new, (Mapped, MapFailed, MapCancelled)) else None


class Spread(Mapped[Any]):
    """A user's kind of Mapped."""

    lanes: int = 1


class Torn(MapFailed[Any]):
    """A user's kind of MapFailed."""

    lanes: int = 1


GOOD, BAD = (Success(result=3), Success(result=4)), (Success(result=3), Failed(message="zero"))


@pytest.mark.parametrize(
    ("items", "given", "expected"),
    [
        ([3, 4], Mapped(message="x"), Mapped(message="x", children=GOOD, result=[3, 4])),
        ([3, 4], Spread(lanes=2, message="x"), Spread(lanes=2, message="x", children=GOOD, result=[3, 4])),
        ([3, 0], Mapped(message="x"), MapFailed(message="x", children=BAD)),
        ([3, 0], Spread(lanes=2, message="x"), MapFailed(message="x", children=BAD)),
        ([3, 0], MapFailed(message="x", children=(Failed(),)), MapFailed(message="x", children=BAD)),
        ([3, 0], Torn(lanes=2, children=(Failed(),)), Torn(lanes=2, children=BAD)),
        ([3, 4], MapFailed(message="x", children=(Failed(),)), MapFailed(message="x", children=(Failed(),))),
        ([3, 0], MapCancelled(children=(Cancelled(),)), MapCancelled(children=(Cancelled(),))),
        ([3, 0], Skipped(message="enough"), Skipped(message="enough")),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_stored", [False, True], ids=["in memory", "stored"])
def test_what_a_handler_puts_in_place(
    items: list[int], given: State[Any], expected: State[Any], is_stored: bool, tmp_path: Path
) -> None:
    """It says what became of the whole, with the task's own children; a Mapped never hides one that did not succeed.

    After a resume it is the same.
    """
    with Flow("f") as flow:
        node = flow.map(task(name="put", handlers=[put(given)])(work.fn), items)
        gate()
    place = tmp_path / "runs.db"
    run = flow.run(store=place) if is_stored else flow.run()
    assert (type(expected), expected) == (type(run[node]), run[node])
    if is_stored:
        again = flow.resume(run.id, store=place)
        assert (type(expected), expected) == (type(again[node]), again[node])


def test_a_task_that_raises_a_map_of_its_own() -> None:
    """A plain task may end as MapFailed; what is mapped over it is judged by its children."""
    with Flow("f") as flow:
        plain: Any = task(lambda: _raise(MAPFAIL("by hand", children=(Success(result=1), Failed()))))()
        node = flow.map(twice, plain)
    run = flow.run()
    assert MapFailed(message="by hand", children=(Success(result=1), Failed())) == run[plain]
    assert ["Success", "TriggerFailed"] == types(run.children(node))


# ---- stored runs


@pytest.mark.parametrize("items", [[3, 4], [3, 0, 1], [2, 1], []], ids=str)
def test_a_mapped_task_comes_back_as_it_was(items: list[int], tmp_path: Path) -> None:
    """After a resume it is of the same kind, with the same children, and what is mapped over it runs alike."""
    seen: list[Event] = []
    with Flow("f") as flow:
        node = flow.map(work, items)
        waits = gate()
        later = flow.map(twice, node)
        flow.after(later, waits)
    place = tmp_path / "runs.db"
    run = flow.run(store=place, on_event=seen.append)
    again = flow.resume(run.id, waits, store=place)
    assert (run[node], run.children(node)) == (again[node], again.children(node))
    assert run[node] in [event.state for event in seen if event.index is None]
    expected = {"Success": "Success", "Skipped": "Skipped"}
    assert [expected.get(tag, "TriggerFailed") for tag in types(run.children(node))] == types(again.children(later))


def test_a_child_that_was_handed_on_comes_back_typed(tmp_path: Path) -> None:
    """Children of a mapped task that failed keep the declared type of their results."""

    @task
    def pair(number: int) -> tuple[int, ...]:
        return (number,) if number else _raise(FAIL("zero"))

    with Flow("f") as flow:
        node = flow.map(pair, [1, 0])
        gate()
    place = tmp_path / "runs.db"
    again = flow.resume(flow.run(store=place).id, store=place)
    assert (Success(result=(1,)), Failed(message="zero")) == again.children(node)


def test_a_run_that_an_older_release_stored_tells_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 0.1.0 stored Mapped whatever became of the children: it comes back as the kind that they make."""
    monkeypatch.setattr(journal, "abridged", lambda state: Mapped())
    with Flow("f") as flow:
        node, fine = flow.map(work, [3, 0]), flow.map(work, [3])
        waits = gate()
        follow = add(waits)
    place = tmp_path / "runs.db"
    run = flow.run(store=place)
    again = flow.resume(run.id, waits, store=place)
    assert (MapFailed(children=(Success(result=3), Failed(message="zero"))), run[node]) == (again[node],) * 2
    assert (Mapped(children=(Success(result=3),), result=[3]), Success(result=0)) == (again[fine], again[follow])


@pytest.mark.parametrize("how", ["from beside", "by the run itself", "by the run as it was read"])
def test_a_stored_run_that_somebody_cancels(how: str, tmp_path: Path) -> None:
    """Children that were not final are Cancelled; their mapped task is what they make it, whoever cancels the run."""

    @task
    def sign(item: int) -> int:
        return item if item == 3 else _raise(FAIL("zero") if item == 0 else PAUSE("sign"))

    with Flow("f") as flow:
        nodes = flow.map(sign, [3, 4, 0]), flow.map(sign, numbers(3, 4)), flow.map(sign, numbers(gate()))
    place = tmp_path / "runs.db"
    run = flow.run(store=place)
    if how == "from beside":
        assert cancel_run(place, run.id)
    else:
        run = run if how == "by the run itself" else flow.load(run.id, store=place)
        run.cancel()
        run.resume()
    again = flow.load(run.id, store=place)
    cancelled = Cancelled(message="the run was cancelled")
    failed = MapFailed(children=(Success(result=3), cancelled, Failed(message="zero")))
    expected = [failed, MapCancelled(children=(Success(result=3), cancelled)), cancelled]
    assert expected == [again[node] for node in nodes]
    if how != "from beside":
        assert expected == [run[node] for node in nodes]
    assert [len(again.children(node)) for node in nodes] == [3, 2, 0]
