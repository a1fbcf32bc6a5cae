"""Run a stored run again from where it failed: a new history that takes over what succeeded.

What is taken over is decided here; how the rest runs is the loop's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from statesig.algebra.joins import kind
from statesig.codec.states import encode
from statesig.engine.answers import meant_by
from statesig.engine.arguments import nodes_of_items
from statesig.engine.journal import Journal, is_over, open_journal
from statesig.engine.noderuns import NodeRun
from statesig.engine.options import Options
from statesig.engine.runs import Run, new_identity
from statesig.engine.stored_values import read_parameters
from statesig.errors import FlowError
from statesig.graph.graph import Graph
from statesig.graph.nodes import Node, StandIn, StateOf
from statesig.graph.templates import taken_by
from statesig.states import Pending, State, Success
from statesig.states.generics import kind_of
from statesig.stores.store import Record

__all__ = ["run_again"]


def run_again(flow: Graph, id: str, tasks: Iterable[object] | None, options: Options) -> Run:
    """Return a new run of a flow that takes over the successes of a stored one; its `start` runs the rest.

    A success is taken over if all tasks upstream of it are, with its history. What is downstream of a task that runs
    again runs again, too.

    Args:
        flow: The flow as it was when the run began.
        id: The run's identity, or the beginning of it if no other run's identity begins so.
        tasks: The nodes from which on to run again also what succeeded, or their names.
        options: The options of the new run, of which `store` is given.

    Raises:
        FlowError: The flow is not the one that was run, the run is not over, there is no such task, everything
            succeeded and no task is named, or an option is wrong.
        NoRun: The store has no such run.
        StoreError: The store cannot be opened or read.
    """
    options.check(flow.name)
    past = open_journal(flow, id, options, finished=True)
    try:
        return _rerun_of(past, flow, tasks, options)
    except BaseException:
        past.close()
        raise


def _rerun_of(past: Journal, flow: Graph, tasks: Iterable[object] | None, options: Options) -> Run:
    stored = past.stored
    if not is_over(past.store, stored):
        held = ", and another process has it" if past.is_held() else ""
        remedy = "resume it or cancel it; what is over can be run again"
        raise FlowError(flow.name, f"run {stored.id} is {stored.tag}{held}: {remedy}")
    values = read_parameters(flow, stored, past.store)
    history = [*past.history({node.name: node for node in flow.nodes})]
    before = Run(flow, values, options, id=stored.id).take_over(history)
    taken = _Taken(before, _places_of(flow, before, tasks))
    if all(taken.wholes):
        remedy = "name the tasks from which on to run again, as tasks=[...] or --from TASK, or begin a new run"
        raise FlowError(flow.name, f"every task of run {stored.id} succeeded: {remedy}")
    history = [(replace(record, try_number=1), state) for record, state in history if taken.has(record)]
    records = [record for record, _ in history]
    now, new = options.now(), new_identity()
    again = replace(
        stored,
        id=new,
        created=now,
        changed=now,
        version=0,
        length=len(records),
        state=encode(Pending()),
        tag="Pending",
        origin=stored.id,
    )
    journal = Journal(past.store, again, options.lease, options.now, is_own=past.is_own, taken=records)
    run = Run(flow, values, options, id=new, journal=journal)
    run.take_over(history)
    return run


def _places_of(flow: Graph, noderuns: Sequence[NodeRun], tasks: Iterable[object] | None) -> set[tuple[int, int | None]]:
    """Return the index of each named node, each with the position of a child or None.

    Raises:
        FlowError: There is no such task.
    """
    given: Iterable[object] = (tasks,) if isinstance(tasks, (str, StandIn)) else tasks or ()
    first = [meant_by(flow, noderuns, task, lambda: _names_of(flow))[0] for task in given]
    return {(one.node.index, one.index) for one in first}


def _names_of(flow: Graph) -> str:
    return f"its tasks are {', '.join(node.name for node in flow.nodes)}"


class _Taken:
    """What a new run takes over from another one.

    Attributes:
        wholes: For each task, in the order of the flow, whether it is taken over; a mapped one with all its children.

    Args:
        noderuns: The tasks of the other run.
        again: The indexes of the tasks that are to run again, and of children with their positions.
    """

    def __init__(self, noderuns: Sequence[NodeRun], again: set[tuple[int, int | None]]) -> None:
        self.wholes: list[bool] = []
        self._children: list[set[int]] = []
        self._indexes = {noderun.node.name: noderun.node.index for noderun in noderuns}
        everyone = [one for noderun in noderuns for one in noderun.with_children()]
        self._tries = {(one.node.index, one.index): one.try_number for one in everyone}
        for noderun in noderuns:  # in the order of the flow, so that what is upstream comes first
            self._children.append(self._children_of(noderun, again))
            self.wholes.append(self._is_whole(noderun, again))

    def has(self, record: Record) -> bool:
        """Tell whether a record is taken over: it is of the last try of a task, or of a child, that is."""
        if record.task is None:
            return False  # the new run has a history of its own
        at = self._indexes[record.task]
        is_taken = self.wholes[at] if record.index is None else record.index in self._children[at]
        return is_taken and record.try_number == self._tries[at, record.index]

    def _is_whole(self, noderun: NodeRun, again: set[tuple[int, int | None]]) -> bool:
        node = noderun.node
        children = [child for child in noderun.with_children() if child is not noderun]
        return (
            (node.index, None) not in again
            and _is_successful(noderun.state)
            and all(self.wholes[source.index] for source in node.upstream)
            and len(children) == len(self._children[node.index])
        )

    def _children_of(self, noderun: NodeRun, again: set[tuple[int, int | None]]) -> set[int]:
        """Return the positions of a task's children that are taken over.

        A child depends on what is in its own item, and on what all children take. One that is mapped over another child
        depends on that one alone, not on all of them.
        """
        node, found = noderun.node, set[int]()
        if (node.index, None) in again:
            return found
        by_child = _mapped_by_child(node)
        items: Any = node.mapped
        own = nodes_of_items(node, items) if kind_of(items) is list else None
        for child in noderun.with_children():
            at = child.index
            if at is None or (node.index, at) in again or not _is_successful(child.state):
                continue
            upstream = (node if own is None else own[at]).upstream
            is_taken = all(self.wholes[one.index] for one in upstream if one is not by_child)
            if is_taken and (by_child is None or at in self._children[by_child.index]):
                found.add(at)
        return found


def _mapped_by_child(node: Node) -> Node | None:
    """Return the mapped node of whose children each child of a node takes one, and nothing of the others; None if none.

    It takes a value or, mapped over `states_of`, a state.
    """
    source: object = node.mapped
    if isinstance(source, StateOf) and source.children:
        source = source.node
    if not isinstance(source, Node) or not source.is_mapped:
        return None
    return None if source in taken_by(node.kwargs.values()) else source


def _is_successful(state: State[Any]) -> bool:
    return issubclass(kind(state), Success)
