"""Flows: how calls are wired, what parameters admit, and that a node is no value."""

import contextlib
import functools
import inspect
import math
import operator
from collections import OrderedDict, namedtuple
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import pytest
from pydantic import Field

from statesig import (
    RETRY,
    AnyState,
    Flow,
    FlowError,
    Mapped,
    NodeUseError,
    State,
    Success,
    Task,
    all_finished,
    all_successful,
    state_of,
    states_of,
    task,
)
from statesig.graph.nodes import Takes
from tests.harness.cases import at_once


@task
def one() -> int:
    """Return one."""
    return 1


@task
def double(number: int) -> int:
    return number * 2


@task
def add(left: int, right: int = 10) -> int:
    return left + right


@task
def listed(*values: Any, **named: Any) -> list[Any]:
    return [*values, *named.values()]


# ---- tasks


def test_a_task_outside_a_flow_is_the_function() -> None:
    """Called outside a flow a task runs at once and returns its value."""
    assert 12 == add(double(one()))


def test_a_task_keeps_name_and_docstring() -> None:
    """A task looks like the function that it was made of."""
    assert ("one", "Return one.", "<task one>") == (one.name, one.__doc__, repr(one))
    assert __name__ == one.__module__


def test_the_defaults_of_a_task() -> None:
    """A bare task runs once, when all that is upstream succeeded."""
    assert (0, 0.0, all_successful) == (one.retries, one.retry_delay, one.trigger)


def test_the_options_of_a_task() -> None:
    """``@task(...)`` takes a name, retries, a delay in seconds or as a timedelta, and a trigger."""

    @task(name="other", retries=3, retry_delay=timedelta(minutes=1), trigger=all_finished)
    def named() -> None: ...

    assert isinstance(named, Task)
    assert ("other", 3, 60.0, all_finished) == (named.name, named.retries, named.retry_delay, named.trigger)


@pytest.mark.parametrize("options", [{"retries": -1}, {"retry_delay": -0.5}, {"retry_delay": timedelta(-1)}])
def test_a_negative_number_is_refused(options: dict[str, Any]) -> None:
    """Retries and delays are at least 0; the error names the task."""
    with pytest.raises(ValueError, match="'work'"):

        @task(**options)
        def work() -> None: ...


@pytest.mark.parametrize("retry_on", ["OSError", 3, RETRY, KeyboardInterrupt, (OSError, "KeyError"), [OSError]])
def test_retry_on_is_exceptions_or_a_predicate(retry_on: Any) -> None:
    """Signals say for themselves, and what is no Exception ends the run: neither can be named."""
    with pytest.raises(ValueError, match="task 'work': retry_on is classes of Exception, or a predicate over an Error"):
        task(name="work", retry_on=retry_on)(lambda: None)


def test_a_builtin_function_can_be_a_task() -> None:
    """A function that cannot say what it takes is wired unchecked."""
    with Flow("f") as flow:
        number, largest = task(int)("5"), task(max)(1, 2)  # type: ignore[call-overload]  # classes of many signatures
        mapped = flow.map(task(str), [1, 2])  # type: ignore[call-overload]  # as above
    run = flow.run()
    assert [5, 2, ["1", "2"]] == [run[node].unwrap() for node in (number, largest, mapped)]


def test_an_unknown_option_is_refused() -> None:
    """A misspelt option is a TypeError."""
    with pytest.raises(TypeError, match="retrys"):
        task(retrys=1)(lambda: None)  # type: ignore[call-overload]  # that is the mistake


# ---- wiring


def test_a_call_makes_a_node_for_its_value() -> None:
    """Ordinary calls inside ``with Flow(...)`` are run with each other's values when the flow is run."""
    with Flow("f") as flow:
        first = one()
        second = add(double(first), right=first)
    run = flow.run()
    assert [1, 3] == [run[first].unwrap(), run[second].unwrap()]


def test_nothing_runs_while_a_flow_is_built() -> None:
    """Building calls no function."""
    calls: list[int] = []
    record = task(lambda: calls.append(1))
    with Flow("f"):
        record()
    assert [] == calls


def test_a_flow_can_be_run_again() -> None:
    """A flow is only a description: each run begins anew."""
    with Flow("f") as flow:
        node = one()
    assert (Success(result=1), Success(result=1)) == (flow.run()[node], flow.run()[node])


def test_names_are_unique() -> None:
    """Nodes are called as their tasks, the second with a 2; a name that another node has is not given again."""
    with Flow("f") as flow:
        one(), one(), task(name="one-2")(double.fn)(1), one(), double(1)
    names = [node.name for node in flow.run()]
    assert "one" == names[0]
    assert len(set(names)) == len(names), names


def test_a_task_of_the_same_name() -> None:
    """Two different tasks of one name give two nodes of two names."""
    with Flow("f") as flow:
        task(name="load")(one.fn)(), task(name="load")(one.fn)()
    assert ["load", "load-2"] == [node.name for node in flow.run()]


@pytest.mark.parametrize("call", [lambda: double(), lambda: double(1, 2), lambda: double(nope=1), lambda: one(1)])
def test_a_wrong_call_is_refused_while_building(call: Any) -> None:
    """A call that the function would not take is a TypeError at once, and adds nothing to the flow."""
    with Flow("f") as flow:
        with pytest.raises(TypeError):
            call()
        one()
        double(1)
    assert ["one", "double"] == [node.name for node in flow.run()]


@at_once
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (lambda: add(1), lambda: add()),
        (lambda: add(1, 2), lambda: add(1, 2, 3)),
        (lambda: add(1, right=2), lambda: add(1, left=2)),
        (lambda: add(left=1, right=2), lambda: add(right=2)),
        (lambda: double(number=1), lambda: double(nope=1)),
        (lambda: double(1), lambda: one(1)),
        (lambda: task(double.fn)(1), lambda: task(one.fn)(1)),
    ],
)
def test_a_right_call_lets_no_wrong_one_pass(right: Any, wrong: Any) -> None:
    """Each call is checked for itself: after a right one, made twice, a wrong one is refused, made twice as well."""
    with Flow("f") as flow:
        right(), right()
        for _ in range(2):
            with pytest.raises(TypeError):
                wrong()
    assert 2 == len(flow.nodes)


def test_a_right_mapped_call_lets_no_wrong_one_pass() -> None:
    """What a call takes and what a mapped call takes differ: the item is an argument, too."""
    with Flow("f") as flow:
        one(), flow.map(double, [1])
        with pytest.raises(TypeError):
            flow.map(one, [1])
        with pytest.raises(TypeError):
            double()
    assert 2 == len(flow.nodes)


def test_a_node_of_another_flow_is_refused() -> None:
    """A value of another flow cannot be taken; the error names the flow, and nothing is added."""
    with Flow("other"):
        foreign = one()
    with Flow("mine") as mine:
        with pytest.raises(FlowError, match="'mine'"):
            double(foreign)
        with pytest.raises(FlowError, match="'mine'"):
            listed([foreign])
        with pytest.raises(FlowError, match="'mine'"):
            listed(state_of(foreign))
        with pytest.raises(FlowError, match="'mine'"):
            mine.map(double, [foreign])
        double(1)
        listed()
    assert ["double", "listed"] == [node.name for node in mine.run()]


def test_flows_within_flows() -> None:
    """While an inner flow is built, calls belong to it; afterwards to the outer one again."""
    with Flow("outer") as outer:
        one()
        with Flow("inner") as inner:
            double(1)
        add(1)
    assert (["one", "add"], ["double"]) == ([n.name for n in outer.run()], [n.name for n in inner.run()])


def test_a_flow_can_be_continued() -> None:
    """A flow that is entered again grows."""
    flow = Flow("f")
    with flow:
        first = one()
    with flow:
        second = double(first)
    assert 2 == flow.run()[second].unwrap()


def test_an_error_while_building_ends_the_building() -> None:
    """After an exception in a ``with`` block tasks are functions again."""
    with pytest.raises(ZeroDivisionError), Flow("f"):
        raise ZeroDivisionError
    assert 1 == one()


def test_a_flow_without_tasks() -> None:
    """Nothing to do is a success."""
    with Flow("f") as flow:
        pass
    run = flow.run()
    assert (Success(), 0, []) == (run.state, len(run), list(run))


Pair = namedtuple("Pair", "left right")


@at_once
@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        (lambda node: [node, 2], [1, 2]),
        (lambda node: (node, 2), (1, 2)),
        (lambda node: {"a": node}, {"a": 1}),
        (lambda node: {"a": [(node, {"b": node})]}, {"a": [(1, {"b": 1})]}),
        (lambda node: [], []),
        (lambda node: Pair(node, 2), Pair(1, 2)),
        (lambda node: OrderedDict(a=node), OrderedDict(a=1)),
        (lambda node: [Pair(left=[node], right=0)], [Pair([1], 0)]),
    ],
)
def test_nodes_in_containers_stand_for_their_values(wrap: Any, expected: Any) -> None:
    """A node within lists, tuples and dicts, in whatever depth, stands for its value; their classes stay."""
    with Flow("f") as flow:
        node = one()
        by_position = listed(wrap(node))
        by_name = listed(value=wrap(node))
    run = flow.run()
    assert [[expected], [expected]] == [run[by_position].unwrap(), run[by_name].unwrap()]
    assert type(expected) is type(run[by_position].unwrap()[0])


@pytest.mark.parametrize("wrap", [lambda node: {node}, lambda node: frozenset([node]), lambda node: {node: 1}])
def test_a_node_never_reaches_a_function(wrap: Any) -> None:
    """Where a node cannot stand for its value it is refused while the flow is built, or else is given as its value."""
    with Flow("f") as flow:
        node = one()
        with contextlib.suppress(NodeUseError, FlowError):
            listed(wrap(node))
    taken = [one.state.unwrap() for one in flow.run() if one.name == "listed"]
    assert [[wrap(1)]] * len(taken) == taken


class Posing:
    """Says that it is a list, as mocks and proxies do, and cannot be walked."""

    @property
    def __class__(self) -> Any:
        return list


def test_what_only_says_that_it_is_a_container() -> None:
    """What is no container by its own class is wired as it is."""
    posing = Posing()
    with Flow("f") as flow:
        listed(posing, one())
    assert posing is flow.nodes[-1].args[0]


def test_a_container_is_not_changed() -> None:
    """The list that a node was put in holds the node afterwards; a run makes lists of its own."""
    with Flow("f") as flow:
        values = [one()]
        node = listed(values)
    before = values[0]
    assert [[1]] == flow.run()[node].unwrap()
    assert before is values[0]


def test_a_large_flow_is_built_quickly() -> None:
    """Building is linear: 10,000 calls that take each other's values."""
    with Flow("f") as flow:
        node = one()
        for _ in range(10_000):
            node = double(node)
    assert 10_001 == len(flow.nodes)


# ---- order without data


def test_after_orders_without_data() -> None:
    """``flow.after(later, earlier)`` makes a node wait, and passes no value."""
    order: list[str] = []
    first = task(name="first")(lambda: order.append("first"))
    second = task(name="second")(lambda: order.append("second"))
    with Flow("f") as flow:
        earlier = first()
        later = second()
        flow.after(later, earlier)
    assert Success() == flow.run().state
    assert ["first", "second"] == order


def test_after_counts_for_the_trigger() -> None:
    """What a node waits for is upstream of it: its failure fails the trigger."""
    with Flow("f") as flow:
        failing, later = task(lambda: 1 // 0)(), one()
        flow.after(later, failing)
    assert "TriggerFailed" == flow.run()[later].type


def test_after_twice_is_once() -> None:
    """Naming a node again, or one whose value is taken already, adds nothing; the value is still taken."""
    with Flow("f") as flow:
        node = one()
        later = double(node)
        flow.after(later, node, node)
        flow.after(later, node)
    assert 2 == flow.run()[later].unwrap()


def test_after_in_a_loop() -> None:
    """A node can wait for thousands, one call each; the order of them stays, and so do the values that it takes."""
    with Flow("f") as flow:
        nodes = [one() for _ in range(20_000)]
        later = double(nodes[0])
        for node in nodes:
            flow.after(later, node)
    assert flow.nodes[:20_000] == list(flow.nodes[-1].upstream)
    assert [Takes.VALUE, *[Takes.ORDER] * 19_999] == list(flow.nodes[-1].takes)


@pytest.mark.parametrize("calls", [lambda node: (node, state_of(node)), lambda node: (state_of(node), node)])
def test_the_value_and_the_state_of_a_node(calls: Any) -> None:
    """A task that takes a node's value and its state needs the value; the node is upstream of it once."""
    with Flow("f") as flow:
        node = listed(*calls(one()))
    assert ((flow.nodes[0],), (Takes.VALUE,)) == (flow.nodes[1].upstream, flow.nodes[1].takes)
    assert {"Success", "int"} == {type(value).__name__ for value in flow.run()[node].unwrap()}


def test_one_nodes_waiting_is_not_anothers() -> None:
    """Nodes that take the same wait for themselves alone."""
    with Flow("f") as flow:
        first, second = one(), one()
        left, right = double(first), double(first)
        flow.after(left, second)
    assert [2, 1] == [len(flow.own(node).upstream) for node in (left, right)]


def test_a_circle_is_refused() -> None:
    """A node cannot wait for a later one, nor for itself; the error names both, and the order stays."""
    with Flow("f") as flow:
        first = one()
        second = double(first)
        with pytest.raises(FlowError, match=r"'one'.*'double'"):
            flow.after(first, second)
        with pytest.raises(FlowError, match="'one'"):
            flow.after(first, first)
    assert 2 == flow.run()[second].unwrap()


@pytest.mark.parametrize("value", [None, 1, "one", one])
def test_after_takes_nodes(value: Any) -> None:
    """Anything else is a FlowError, on either side, and the order stays."""
    with Flow("f") as flow:
        node = one()
        with pytest.raises(FlowError, match="no node of this flow"):
            flow.after(node, value)
        with pytest.raises(FlowError, match="no node of this flow"):
            flow.after(value, node)
    assert 1 == flow.run()[node].unwrap()


# ---- parameters


def test_a_parameter_stands_for_its_value() -> None:
    """A parameter is given by name when the flow is run; without a value its default is taken."""
    with Flow("f") as flow:
        node = double(flow.parameter("number", int, default=4))
    assert [8, 6] == [flow.run()[node].unwrap(), flow.run(number=3)[node].unwrap()]


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        (lambda day: day, 4),
        (lambda day: [day], [4]),
        (lambda day: (day, 1), (4, 1)),
        (lambda day: {"day": [day]}, {"day": [4]}),
    ],
)
def test_parameters_in_containers_stand_for_their_values(wrap: Any, expected: Any) -> None:
    """A parameter within lists, tuples and dicts stands for its value, too, whether or not a node is among them."""
    with Flow("f") as flow:
        day = flow.parameter("day", int)
        alone = listed(wrap(day))
        by_name = listed(value=wrap(day))
        beside = listed(wrap(day), [one()])
    run = flow.run(day=4)
    assert [[expected], [expected], [expected, [1]]] == [run[node].unwrap() for node in (alone, by_name, beside)]


def test_a_parameter_that_is_required() -> None:
    """A parameter without a default must be given; nothing runs without it."""
    calls: list[int] = []
    with Flow("f") as flow:
        task(calls.append)(flow.parameter("number", int))
        flow.parameter("day", date)
        flow.parameter("other", int, default=1)
    with pytest.raises(FlowError, match="'f': needs a value for number, day"):
        flow.run()
    assert [] == calls


def test_a_default_of_none() -> None:
    """None is a default like any other."""
    with Flow("f") as flow:
        node = listed(flow.parameter("site", Path, default=None))
    assert [None] == flow.run()[node].unwrap()


def test_a_parameter_that_there_is_not() -> None:
    """An unknown name is refused, and those that there are are listed; nothing runs."""
    calls: list[int] = []
    with Flow("f") as flow:
        task(calls.append)(flow.parameter("number", int, default=1))
    with pytest.raises(
        FlowError, match=r"no such parameter: nubmer; did you mean number[?]; its parameters are number"
    ):
        flow.run(nubmer=2)
    assert [] == calls


@pytest.mark.parametrize(
    ("kind", "value", "wrong"),
    [
        (Literal["a", "b"], "a", "c"),
        (int | None, None, "s3cret"),
        (Annotated[int, Field(gt=0)], 1, 0),
        (NewType("UserId", int), 7, "7"),
    ],
)
def test_a_parameter_of_any_type_that_can_be_validated(kind: Any, value: Any, wrong: Any) -> None:
    """A literal, a union, an annotated type and a new type are types of parameters as classes are."""
    with Flow("f") as flow:
        node = listed(flow.parameter("given", kind))
    assert [value] == flow.run(given=value)[node].unwrap()
    with pytest.raises(FlowError, match="given"):
        flow.run(given=wrong)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(int, "s3cret"), (int, "5"), (int, True), (date, "2019-04-04s3cret"), (list[int], ["s3cret"]), (Path, 3)],
)
def test_a_parameter_that_is_not_valid(kind: Any, value: Any) -> None:
    """A value of another type is refused by the parameter's name and type; the value is not repeated; nothing runs."""
    calls: list[int] = []
    with Flow("f") as flow:
        task(calls.append)(flow.parameter("given", kind))
    with pytest.raises(FlowError, match="given") as error:
        flow.run(given=value)
    assert ("f", False) == (error.value.flow, "s3cret" in str(error.value))
    assert (None, []) == (error.value.__cause__, calls)


@pytest.mark.parametrize("name", ["clock", "on_event", "redact", "sleep", "traceback"])
def test_an_option_of_run_is_no_name_for_a_parameter(name: str) -> None:
    """The names of run's own options are refused, and listed; the flow has no such parameter."""
    flow = Flow("f")
    with pytest.raises(FlowError, match=rf"'{name}' is an option of run\(\); its options are clock, executor"):
        flow.parameter(name, int)
    assert {} == flow.parameters


@at_once
@pytest.mark.parametrize(
    "name", ["flow", "self", "name", "node", "parameters", "options", "class", "fn", "data", "text"]
)
def test_any_other_name_can_be_given(name: str) -> None:
    """A parameter that could be defined can be given."""
    with Flow("f") as flow:
        with contextlib.suppress(FlowError):
            double(flow.parameter(name, int))
    assert [4] * len(flow.parameters) == [one.state.unwrap() for one in flow.run(**dict.fromkeys(flow.parameters, 2))]


@pytest.mark.parametrize("name", ["", "a b", "1a", "a-b", "day"])
def test_a_parameter_needs_a_name_of_its_own(name: str) -> None:
    """A name that is no identifier, or taken, is refused; the flow keeps what it had."""
    flow = Flow("f")
    flow.parameter("day", date)
    with pytest.raises(FlowError, match="an identifier that no other parameter has"):
        flow.parameter(name, int)
    assert ["day"] == list(flow.parameters)


def test_a_parameter_of_another_flow_is_refused() -> None:
    """A parameter belongs to its flow; taking it into another is refused while that is built."""
    other = Flow("other")
    foreign = other.parameter("day", int)
    with Flow("mine") as mine, pytest.raises(FlowError, match="day"):
        double(foreign)
    assert 0 == len(mine.run())


# ---- mapping


def mapped_values(flow: Flow, node: Any, **parameters: Any) -> list[Any]:
    state: Any = flow.run(**parameters)[node]
    assert isinstance(state, Mapped)
    return [child.unwrap() for child in state.children]


def test_map_over_a_list() -> None:
    """A task is called once for each item of any iterable, in order."""
    with Flow("f") as flow:
        over_list = flow.map(double, [1, 2, 3])
        over_generator = flow.map(double, (number for number in (4, 5)))
    assert [2, 4, 6] == mapped_values(flow, over_list)
    assert [8, 10] == mapped_values(flow, over_generator)
    assert [8, 10] == mapped_values(flow, over_generator)


def test_map_over_a_node() -> None:
    """What a task returns is mapped over, however long it turns out to be."""
    with Flow("f") as flow:
        node = flow.map(double, listed(1, 2))
    assert [2, 4] == mapped_values(flow, node)


def test_map_over_a_parameter() -> None:
    """A parameter that is a list is mapped over."""
    with Flow("f") as flow:
        node = flow.map(double, flow.parameter("numbers", list[int]))
    assert [10, 12] == mapped_values(flow, node, numbers=[5, 6])


def test_map_over_nodes_and_parameters() -> None:
    """A list of nodes and parameters is a list of their values."""
    with Flow("f") as flow:
        node = flow.map(double, [one(), flow.parameter("number", int, default=5), 7])
    assert [2, 10, 14] == mapped_values(flow, node)


def test_map_over_a_mapped_node() -> None:
    """Each child of the second takes the value of the first's child at its place."""
    with Flow("f") as flow:
        node = flow.map(double, flow.map(double, [1, 2, 3]))
    assert [4, 8, 12] == mapped_values(flow, node)


def test_map_over_states() -> None:
    """``states_of`` a mapped node can be mapped over: each call takes a state."""

    @task(trigger=all_finished)
    def tag(state: State[Any]) -> str:
        return state.type

    with Flow("f") as flow:
        node = flow.map(tag, states_of(flow.map(task(name="half")(lambda number: 1 // number), [1, 0])))
    assert ["Success", "Failed"] == mapped_values(flow, node)


def test_constants_by_partial() -> None:
    """``partial(fn, key=value)`` gives every call the same value: a constant, a node, a parameter or a list of them."""
    with Flow("f") as flow:
        constant = flow.map(functools.partial(add, right=100), [1, 2])
        node = flow.map(functools.partial(add, right=one()), [1, 2])
        right = flow.parameter("right", int, default=7)
        parameter = flow.map(functools.partial(add, right=right), [1, 2])
        nested = flow.map(functools.partial(listed, named=[one(), {"a": right}]), [1])
    assert [101, 102] == mapped_values(flow, constant)
    assert [2, 3] == mapped_values(flow, node)
    assert [8, 9] == mapped_values(flow, parameter)
    assert [[1, [1, {"a": 7}]]] == mapped_values(flow, nested)


def test_a_parameter_alone_in_a_partials_list() -> None:
    """A parameter within a constant list stands for its value in every call."""
    with Flow("f") as flow:
        node = flow.map(functools.partial(listed, named=[flow.parameter("right", int, default=7)]), [1])
    assert [[1, [7]]] == mapped_values(flow, node)


@pytest.mark.parametrize("items", [[], (), iter([]), {}])
def test_nothing_to_map_over(items: Any) -> None:
    """An empty Mapped, with an empty list for its value."""
    with Flow("f") as flow:
        node = flow.map(double, items)
        after = listed(node)
    run = flow.run()
    assert Mapped(children=(), result=[]) == run[node]
    assert [[]] == run[after].unwrap()


def test_map_over_an_empty_mapped_node() -> None:
    """Over an empty Mapped there is an empty Mapped."""
    with Flow("f") as flow:
        node = flow.map(double, flow.map(double, []))
    assert Mapped(children=(), result=[]) == flow.run()[node]


@pytest.mark.parametrize("fn", [len, lambda number: number, functools.partial(len), "double", None])
def test_only_a_task_can_be_mapped(fn: Any) -> None:
    """Anything else is a FlowError that says to decorate it, and adds nothing."""
    with Flow("f") as flow, pytest.raises(FlowError, match="decorate it with @task"):
        flow.map(fn, [1])
    assert 0 == len(flow.run())


def test_constants_are_given_by_keyword() -> None:
    """A partial with positional arguments is refused, as the item is the first; nothing is added."""
    with Flow("f") as flow, pytest.raises(FlowError, match="by keyword"):
        flow.map(functools.partial(add, 1), [1])
    assert 0 == len(flow.run())


@pytest.mark.parametrize("fn", [one, functools.partial(double, nope=1), functools.partial(double, number=1)])
def test_a_mapped_call_is_checked_while_building(fn: Any) -> None:
    """A task that could not take the item and the constants is a TypeError at once, and adds nothing."""
    with Flow("f") as flow, pytest.raises(TypeError):
        flow.map(fn, [1])
    assert 0 == len(flow.run())


# ---- states in place of values


def test_state_of_passes_the_state() -> None:
    """A task that takes ``state_of(node)`` gets the state, whatever it is, once it is final."""

    @task(trigger=all_finished)
    def tag(state: AnyState[int]) -> str:
        return state.type

    with Flow("f") as flow:
        good, bad = tag(state_of(one())), tag(state_of(task(lambda: 1 // 0)()))
    run = flow.run()
    assert ["Success", "Failed"] == [run[good].unwrap(), run[bad].unwrap()]


def test_states_of_passes_the_states_of_the_children() -> None:
    """A task that takes ``states_of(mapped)`` gets a list of its children's states, in order."""

    @task(trigger=all_finished)
    def tags(states: list[AnyState[int]]) -> list[str]:
        return [state.type for state in states]

    with Flow("f") as flow:
        half = flow.map(task(name="half")(lambda number: 1 // number), [1, 0, 1])
        mixed, none = tags(states_of(half)), tags(states_of(flow.map(double, [])))
    run = flow.run()
    assert [["Success", "Failed", "Success"], []] == [run[mixed].unwrap(), run[none].unwrap()]


def test_states_in_containers() -> None:
    """A state may stand in a list beside values."""

    @task(trigger=all_finished)
    def tags(states: list[AnyState[Any]]) -> list[str]:
        return [state.type for state in states]

    with Flow("f") as flow:
        node = tags([state_of(one()), state_of(task(lambda: 1 // 0)())])
    assert ["Success", "Failed"] == flow.run()[node].unwrap()


@pytest.mark.parametrize("value", [None, 1, [], one])
def test_state_of_takes_a_node(value: Any) -> None:
    """Anything else is a TypeError that says what was given."""
    with pytest.raises(TypeError, match=f"state_of takes a node of a flow, not {type(value).__name__}"):
        state_of(value)
    with pytest.raises(TypeError, match=f"states_of takes a node of a flow, not {type(value).__name__}"):
        states_of(value)


def test_states_of_takes_a_mapped_node() -> None:
    """Of a plain node there is one state; the error says to take that."""
    with Flow("f"):
        node = listed(1)
    with pytest.raises(TypeError, match="'listed' is not one; use state_of"):
        states_of(node)


# ---- references


def test_references_are_nodes_of_the_flow() -> None:
    """A foreign node decides nothing; the leaves do, as before."""
    with Flow("other"):
        foreign = one()
    with Flow("f") as flow:
        task(lambda: 1 // 0)()
        with pytest.raises(FlowError, match="no node of this flow"):
            flow.reference(foreign)
    assert "Failed" == flow.run().state.type


def test_what_a_task_returns() -> None:
    """A flow tells the declared type of a task's value by the name of its node, also of one that was added since."""
    with Flow("f") as flow:
        one()
        assert int is flow.returns("one")
        one(), listed()
    assert [int, list[Any]] == [flow.returns(name) for name in ("one-2", "listed")]
    with pytest.raises(FlowError, match="there is no task 'one-3'"):
        flow.returns("one-3")


# ---- a node is no value


def _unpack(node: Any) -> None:
    _first, _second = node


def _with(node: Any) -> None:
    with node:
        pass


async def _async_with(node: Any) -> None:
    async with node:
        pass


async def _async_for(node: Any) -> None:
    async for _ in node:
        pass


async def _await(node: Any) -> None:
    await node


def _driven(coroutine: Any) -> Any:
    try:
        return coroutine.send(None)
    finally:
        coroutine.close()


BINARY = "add sub mul matmul truediv floordiv mod pow lshift rshift and_ or_ xor".split()
USES: dict[str, Any] = {
    "if": lambda node: 1 if node else 2,
    "not": lambda node: not node,
    "and": lambda node: node and 1,
    "bool": bool,
    "iteration": list,
    "unpacking": _unpack,
    "star": lambda node: [*node],
    "double star": lambda node: dict(**node),
    "len": len,
    "next": next,
    "reversed": lambda node: list(reversed(node)),
    "item": lambda node: node[0],
    "key": lambda node: node["a"],
    "slice": lambda node: node[1:],
    "set item": lambda node: operator.setitem(node, 0, 1),
    "delete item": lambda node: operator.delitem(node, 0),
    "in": lambda node: 1 in node,
    "call": lambda node: node(1),
    "int": int,
    "float": float,
    "complex": complex,
    "index": lambda node: [0, 1][node],
    "range": range,
    "round": round,
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
    "bytes": bytes,
    "fspath": lambda node: open(node),
    "divmod": lambda node: divmod(node, 2),
    "reflected divmod": lambda node: divmod(2, node),
    "str": str,
    "format": lambda node: f"{node}",
    "format with a spec": lambda node: f"{node:>3}",
    "sum": lambda node: sum([node]),
    "sorted": lambda node: sorted([node, node]),
    "max": lambda node: max(node, 1),
    "abs": abs,
    **{name: lambda node, name=name: getattr(operator, name)(node, 2) for name in BINARY},
    **{f"reflected {name}": lambda node, name=name: getattr(operator, name)(2, node) for name in BINARY},
    **{
        f"in-place {name}": lambda node, name=name: getattr(operator, f"i{name.strip('_')}")(node, 2) for name in BINARY
    },
    **{name: lambda node, name=name: getattr(operator, name)(node) for name in ("neg", "pos", "invert")},
    **{name: lambda node, name=name: getattr(operator, name)(node, 2) for name in "eq ne lt le gt ge".split()},
    "equal to a node": lambda node: node == node,
    "reflected eq": lambda node: node == 2,
    "in a list": lambda node: node in [1, 2],
    "attribute": lambda node: node.rows,
    "method": lambda node: node.strip(),
    "with": _with,
    "await": lambda node: _driven(_await(node)),
    "async with": lambda node: _driven(_async_with(node)),
    "async for": lambda node: _driven(_async_for(node)),
}


def refused(stand_in: Any) -> dict[str, str]:
    """Return for each use of a stand-in the name in the error that refuses it; such an error is a TypeError, too."""
    names: dict[str, str] = {}
    for how, use in USES.items():
        with pytest.raises(NodeUseError) as error:
            use(stand_in)
        assert isinstance(error.value, TypeError)
        assert repr(error.value.task) in str(error.value)
        names[how] = error.value.task
    return names


def test_a_node_is_no_value() -> None:
    """Whatever is done with a node as if it were its value is a TypeError that names the task, and adds nothing."""
    with Flow("f") as flow:
        node = one()
        assert dict.fromkeys(USES, "one") == refused(node)
    assert Success(result=1) == flow.run()[node]


def test_a_parameter_is_no_value() -> None:
    """The same holds for what stands for a parameter, by its name."""
    with Flow("f") as flow:
        assert dict.fromkeys(USES, "day") == refused(flow.parameter("day", int))


def test_a_state_to_come_is_no_state() -> None:
    """The same holds for what ``state_of`` returns, by the name of the task."""
    with Flow("f"):
        assert dict.fromkeys(USES, "one") == refused(state_of(one()))


NAMES = "name index args kwargs task type default required node children upstream value result message state".split()


@pytest.mark.parametrize("what", ["node", "parameter", "state"])
def test_no_attribute_of_a_value_is_taken_from_its_stand_in(what: str) -> None:
    """``order.name`` is the name of the order, which is not there yet; it is never that of the node instead."""
    answered: list[str] = []
    with Flow("f") as flow:
        made: Any = {"node": one(), "parameter": flow.parameter("day", int), "state": state_of(one())}[what]
        for name in NAMES:
            try:
                getattr(made, name)
            except NodeUseError:
                continue
            except AttributeError:
                pass
            answered.append(name)
    assert [] == answered


def test_a_node_can_be_told_apart_and_kept() -> None:
    """Identity stays: a node can be a key, and be looked at."""
    with Flow("f"):
        first, second = one(), double(1)
    kept: dict[Any, str] = {first: "first", second: "second"}
    assert ("first", "second") == (kept[first], kept[second])
    assert "one" in repr(first)


def test_the_use_is_told() -> None:
    """The error says what was done, and what to do instead."""
    with Flow("f"), pytest.raises(NodeUseError) as error:
        bool(one())
    expected = (
        "if ... on task 'one': its value is known only when the flow runs; pass it to another task, and compute there"
    )
    assert expected == str(error.value)


def test_tools_may_ask_a_node_what_it_is() -> None:
    """What asks for an attribute with a private name, as `inspect` does, is told that there is none."""

    @task
    def one() -> int:
        return 1

    with Flow("f"):
        node = one()
    assert not inspect.iscoroutinefunction(node)
    assert "none" == getattr(node, "_is_coroutine_marker", "none")
