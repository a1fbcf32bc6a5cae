"""Why tasks of a run did not succeed: each failed task with its cause, or with the failure that it follows from.

`Run.raise_for_state` and the command tell failures by the same rule, which is here. Nothing here changes a task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statesig.engine.noderuns import NodeRun
from statesig.graph.nodes import Node
from statesig.states import Cancelled, Failed, Paused, State, TriggerFailed
from statesig.states.families import descendants

__all__ = ["Failure", "failures_of", "in_one_line", "is_unsuccessful", "said", "said_stored"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A task, or one child of a mapped task, that failed or was cancelled.

    Args:
        name: Its name; of a child with its position: ``load[3]``.
        state: Its state.
        root: The failure from which it follows, as it never ran; None if it failed by itself.
    """

    name: str
    state: State[Any]
    root: Failure | None = None

    @property
    def reason(self) -> str:
        """Why it failed, in one line; empty if nobody said."""
        if self.root is None:
            return said(self.state)
        text = _cause_of(self.root.state)
        return f"because {self.root.name}{f': {text}' if text else f' is {self.root.state.type}'}"

    def __str__(self) -> str:
        """Return its name, the tag of its state and why it failed."""
        between = ": " if self.root is None else " "
        return f"{self.name} {self.state.type}{between if self.reason else ''}{self.reason}"


def failures_of(noderuns: Sequence[NodeRun]) -> list[Failure]:
    """Return the failed and cancelled tasks of a run, in its order; for a mapped task its failed children, if any.

    A task whose trigger failed follows from the first upstream task that did not succeed, and so on up to a task that
    failed by itself: that is its root.
    """
    roots: dict[NodeRun, NodeRun] = {}
    failures: list[Failure] = []
    for noderun in noderuns:
        for failed in _failed_in(noderun):
            root = _root_of(failed, noderuns, roots)
            follows_from = None if root is failed else Failure(root.name, root.state)
            failures.append(Failure(failed.name, failed.state, follows_from))
    return failures


def is_unsuccessful(state: State[Any]) -> bool:
    """Tell whether a task has failed or was cancelled."""
    return isinstance(state, (Failed, Cancelled))


def said(state: State[Any]) -> str:
    """Return a state's message in one line, with the text of its first cause; a pause's causes are those of others."""
    causes = () if isinstance(state, Paused) else state.causes[:1]
    return in_one_line(state.message, *(cause.message for cause in causes))


def said_stored(state: Mapping[str, Any]) -> str:
    """Return the same of a state as stored JSON, whose class need not be known here."""
    is_paused = state["type"] in {cls.__tag__ for cls in descendants(Paused)}
    causes = () if is_paused else state.get("causes", ())[:1]
    return in_one_line(state.get("message"), *(cause["message"] for cause in causes))


def in_one_line(*parts: str | None) -> str:
    """Return the texts that there are in one line, with colons between them."""
    return " ".join(": ".join(part for part in parts if part).split())


def _cause_of(state: State[Any]) -> str:
    """Return why a task failed, in short: the text of its exception alone, if that is all it says."""
    for cause in state.causes[:1]:
        if state.message == f"raised {cause.type}" and cause.message:
            return in_one_line(cause.message)
    return said(state)


def _failed_in(noderun: NodeRun) -> Iterator[NodeRun]:
    """Yield the failed children of a task; the task itself if it has none and has failed."""
    is_whole = is_unsuccessful(noderun.state)
    for one in noderun.with_children():
        if one is not noderun and is_unsuccessful(one.state):
            is_whole = False
            yield one
    if is_whole:
        yield noderun


def _root_of(failed: NodeRun, noderuns: Sequence[NodeRun], roots: dict[NodeRun, NodeRun]) -> NodeRun:
    """Return the task with which the failure of a task began; remember it for all tasks on the way there."""
    way: list[NodeRun] = []
    at = failed
    while at not in roots and (cause := _upstream_of(at, noderuns)) is not None:
        way.append(at)
        at = cause
    root = roots.get(at, at)
    roots.update(dict.fromkeys(way, root))
    return root


def _upstream_of(failed: NodeRun, noderuns: Sequence[NodeRun]) -> NodeRun | None:
    """Return the first failed task upstream of one whose trigger failed; None if it failed by itself."""
    if failed.has_begun or not isinstance(failed.state, TriggerFailed):
        return None
    for source in failed.node.upstream:
        upstream = noderuns[source.index]
        found = next(_failed_in(upstream), None)
        if found is not None and found.index is not None and _is_mapped_over(failed, source):
            found = next((one for one in _failed_in(upstream) if one.index == failed.index), None)
        if found is not None:
            return found
    return None


def _is_mapped_over(failed: NodeRun, source: Node) -> bool:
    """Tell whether a child is mapped over the children of a source."""
    return failed.index is not None and failed.node.mapped is source
