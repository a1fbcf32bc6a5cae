"""The decisions of people: the paused tasks to release, each with its answer. Nothing here changes a task.

An answer is validated as what its task declares before anything is released, so a wrong one changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from typing_extensions import TypeIs

from statesig.codec.problems import undecodable
from statesig.codec.states import encode
from statesig.engine.deadlines import deadline_passed, seen
from statesig.engine.noderuns import NodeRun
from statesig.errors import DecodeError, EncodeError, FlowError
from statesig.graph.graph import Graph
from statesig.graph.nodes import ChildOf, source_of
from statesig.signals import is_signal
from statesig.states import Cancelled, Failed, MapCancelled, MapFailed, Paused, Resume, State

__all__ = ["Released", "decided", "is_decision", "meant_by", "released_by"]


@dataclass(frozen=True, slots=True)
class Released:
    """The tasks that a person releases.

    Args:
        answers: Each task with its decision: the Resume that releases it, or the Failed or Cancelled by which it ends.
        refusal: Why nothing is released, to be raised once the deadline that passed is recorded; None: nothing is
            refused.
    """

    answers: tuple[tuple[NodeRun, State[Any]], ...] = ()
    refusal: FlowError | None = None


def released_by(flow: Graph, noderuns: Sequence[NodeRun], approved: Iterable[object], now: datetime) -> Released:
    """Return the tasks that a person releases, each with its answer, validated.

    Args:
        flow: The flow.
        noderuns: The tasks of the run, in the order of the flow.
        approved: Nodes, children (``node[3]``), names of both, and bookkeeping; or mappings of these to the RESUME that
            releases each, or the FAIL or CANCEL by which it ends. A mapped node means all its paused children.
        now: The time, aware.

    Raises:
        FlowError: A task is not paused, or an answer is not what its task declares; the text does not repeat it.
    """
    answers: dict[NodeRun, State[Any]] = {}
    for target, given in _pairs(flow, approved):
        chosen = (
            [target] if isinstance(target, NodeRun) else meant_by(flow, noderuns, target, lambda: _paused(noderuns))
        )
        paused = [noderun for noderun in chosen if isinstance(noderun.state, Paused)]
        if not paused:
            raise FlowError(flow.name, f"{chosen[0].name!r} is not paused, it is {chosen[0].state.type}")
        waiting = [noderun for noderun in paused if deadline_passed(noderun.state, now) is None]
        if not waiting:
            return Released(refusal=_too_late(flow, paused[0], now))
        for noderun in waiting:
            if given is not None and noderun in answers:
                raise FlowError(flow.name, f"{noderun.name!r} is given two answers; give one")
            answers.setdefault(noderun, decided(flow, noderun.node.task.answer, noderun.name, given))
    return Released(tuple(answers.items()))


def _pairs(flow: Graph, approved: Iterable[object]) -> Iterator[tuple[object, State[Any] | None]]:
    """Yield what is to be released, each with the decision that was given for it."""
    for item in approved:
        if _is_mapping(item):
            for target, given in item.items():
                yield target, _decision(flow, given)
        else:
            yield item, None


def _decision(flow: Graph, given: object) -> State[Any]:
    state = given.state if is_signal(given) else given
    if is_decision(state):
        return state
    kind = type(given).__name__
    raise FlowError(flow.name, f"a task is released by RESUME(...), not by a value of class {kind}: RESUME(result=...)")


def _is_mapping(item: object) -> TypeIs[Mapping[object, object]]:
    return isinstance(item, Mapping)


def _is_resume(given: object) -> TypeIs[Resume[Any]]:
    return isinstance(given, Resume)


def is_decision(given: object) -> TypeIs[State[Any]]:
    """Tell whether a person may decide a paused task so: by a Resume, or by a Failed or Cancelled without children."""
    return isinstance(given, (Resume, Failed, Cancelled)) and not isinstance(given, (MapFailed, MapCancelled))


# ---- which tasks


def meant_by(flow: Graph, noderuns: Sequence[NodeRun], target: object, possible: Callable[[], str]) -> list[NodeRun]:
    """Return the tasks that somebody means: a task with its children, or one child.

    Args:
        flow: The flow.
        noderuns: The tasks of a run, in the order of the flow.
        target: A node, a child (``node[3]``), or the name of either.
        possible: Returns the end of the sentence if there is no such task: which ones there are.

    Raises:
        FlowError: There is no such task.
    """
    return _named(flow, noderuns, target, possible) if isinstance(target, str) else _owned(flow, noderuns, target)


def _owned(flow: Graph, noderuns: Sequence[NodeRun], target: object) -> list[NodeRun]:
    source = source_of(target)
    if not isinstance(source, ChildOf):
        return [*noderuns[flow.own(target).index].with_children()]
    whole, *children = _owned(flow, noderuns, source.whole)
    found = [child for child in children if child.index == source.index]
    if not found:
        raise FlowError(flow.name, f"{whole.name!r} has no child {source.index}; it has {len(children)}")
    return found


def _named(flow: Graph, noderuns: Sequence[NodeRun], name: str, possible: Callable[[], str]) -> list[NodeRun]:
    for noderun in noderuns:
        if noderun.node.name == name:
            return [*noderun.with_children()]
        for child in noderun.with_children():
            if child.name == name:
                return [child]
    raise FlowError(flow.name, f"there is no task {name!r}; {possible()}")


def _paused(noderuns: Sequence[NodeRun]) -> str:
    every = [one for noderun in noderuns for one in noderun.with_children()]
    names = [one.name for one in every if isinstance(one.state, Paused)]
    return f"paused are {', '.join(names) or 'none'}"


def _too_late(flow: Graph, noderun: NodeRun, now: datetime) -> FlowError:
    told = seen(noderun.state, now).message
    return FlowError(flow.name, f"{noderun.name!r} cannot be released, it is TimedOut: {told}")


# ---- which answers


def decided(flow: Graph, declared: Any, task: str, given: State[Any] | None) -> State[Any]:
    """Return what a person decides on a paused task: a Resume has a result of the type that the task declares.

    Args:
        flow: The flow.
        declared: The type of the answer; None: the task takes none.
        task: The task's name.
        given: The decision; None: a Resume without an answer.

    Raises:
        FlowError: The task declares no answer and one is given, or it declares one and none or a wrong one is.
    """
    if given is not None and not _is_resume(given):
        return given
    if declared is None:
        if given is not None and given.has_result:
            remedy = "declare what it accepts, @task(answer=...), or leave the result out"
            raise FlowError(flow.name, f"{task!r} takes no answer; {remedy}")
        return Resume() if given is None else given
    name = str(getattr(declared, "__name__", declared))
    if given is None or not given.has_result:
        how = f"{{{task!r}: RESUME(result=...)}}, or --answer JSON after --approve {task}"
        raise FlowError(flow.name, f"{task!r} waits for an answer, of type {name}; give one: {how}")
    try:
        kind: Any = State[declared]
        validated: Resume[Any] = kind.model_validate(given)
        encode(validated)
    except ValidationError as exc:
        wrong = _of_result(undecodable(name, exc))
    except PydanticSchemaGenerationError:
        wrong = f"pydantic cannot read values of type {name}"
    except EncodeError as exc:
        wrong = f"{exc.path}: {exc.reason}"
    else:
        return validated
    raise FlowError(flow.name, f"the answer for {task!r} is refused: {wrong}")


def _of_result(error: DecodeError) -> str:
    """Return the sentence of an error, with paths that begin at the answer rather than at the state around it."""
    problems = [(path.removeprefix("result").removeprefix("."), reason) for path, reason in error.problems]
    return str(DecodeError(error.kind, problems, error.more))
