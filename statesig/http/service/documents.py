"""The documents of the server, as types. What a state may show is decided by `views`, not here."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import to_json

from statesig.codec.states import decode
from statesig.states import AnyState, UtcDatetime

__all__ = [
    "EventDocument",
    "FlowDocument",
    "HistoryDocument",
    "RerunDocument",
    "RunDocument",
    "RunsDocument",
    "SentDocument",
    "StartDocument",
    "StateDocument",
    "SummaryDocument",
    "TaskDocument",
    "TaskHistoryDocument",
]

StateDocument = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "title": "StateDocument",
            "description": "A state as JSON; without message and causes unless the server exposes them.",
            "properties": {"type": {"type": "string"}},
            "required": ["type"],
        }
    ),
]
"""The JSON of a state as it leaves the server."""

SchemaDocument = Annotated[dict[str, Any], WithJsonSchema({"type": ["object", "boolean"], "title": "JSON Schema"})]


class _Document(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True
    )


class _WithState(_Document):
    state: StateDocument

    def entered(self) -> AnyState[object]:
        """Return the state itself.

        Raises:
            DecodeError: This program does not know its class.
        """
        return cast("AnyState[object]", decode(to_json(self.state)))  # a concrete state


class FlowDocument(_Document):
    """A flow that the server runs.

    Args:
        flow: Its name.
        parameters: The JSON Schema of its parameters, an object.
        tasks: The names of its tasks, in order.
    """

    flow: str
    parameters: dict[str, Any]
    tasks: list[str]


class StartDocument(_Document):
    """What a run is begun with.

    Args:
        parameters: The values of the flow's parameters by name.
    """

    parameters: dict[str, Any] = {}


class RerunDocument(_Document):
    """From where a run is run again.

    Args:
        tasks: The tasks from which on to run again also what succeeded; None: only what did not succeed.
    """

    tasks: list[str] | None = None


class SentDocument(_Document):
    """A signal that was sent to a run, or the request that began it, and what its sender was told.

    Args:
        run: The run.
        number: Its place among the signals to the run, from 1.
        task: The task; None for the run itself.
        index: The position among a mapped task's children; None for the task itself.
        signal: The signal's state.
        principal: Who sent it.
        time: When.
        outcome: ``started``: a run begins with it. ``applied``: it is done. ``accepted``: the server acts on it as soon
            as what runs has ended. ``stored``: it waits for whoever resumes the run.
        event: The number of the event in the run's history by which it was applied; None before that.
        failed: Whether it came to nothing, since its task could not take it any more.
    """

    run: str
    number: int
    task: str | None
    index: int | None
    signal: StateDocument
    principal: str
    time: UtcDatetime
    outcome: str
    event: int | None
    failed: bool


class _OfARun(_WithState):
    """What every document of a run has."""

    run: str
    flow: str
    process: str | None
    origin: str | None
    created: UtcDatetime
    changed: UtcDatetime


class SummaryDocument(_OfARun):
    """A run, in a list.

    Args:
        run: Its identity.
        flow: The name of its flow.
        state: Its own state as it is seen now.
        process: What became of its process, where it is under way and has none: a sentence; else None.
        origin: The run that it runs again.
        created, changed: When it began, and when it last changed.
        tasks: The number of its tasks.
    """

    tasks: int


class RunsDocument(_Document):
    """Some runs, the latest first.

    Args:
        runs: The runs.
        next: What to give as ``after`` for those that follow; None: there are none.
    """

    runs: list[SummaryDocument]
    next: str | None


class TaskDocument(_WithState):
    """A task of a run as it is now, or a child of a mapped task.

    Args:
        task: The task.
        index: The position of a child; None for the task itself.
        state: Its state as it is seen now; without its result in a list of tasks.
        attempts: How often it has been Running.
        began, changed: When it first was Running, and when it last changed; None: never.
        worker: Where the last attempt that ended ran.
        upstream: The names of the tasks of which it takes something, or which come before it.
        mapped: Whether it has children.
        children: The number of its children by the tag of their states.
        unsuccessful: Its children that are not successful, the first of them, in order.
        possible: The families of signals that it takes now: of Resume, Failed and Cancelled.
        answer: The JSON Schema of the answer that a Resume carries; None where it takes none, or nobody knows.
        waiting: The signal that was sent to it and is not yet applied.
    """

    task: str
    index: int | None
    attempts: int
    began: UtcDatetime | None
    changed: UtcDatetime | None
    worker: str | None
    upstream: list[str]
    mapped: bool
    children: dict[str, int]
    unsuccessful: list[TaskDocument]
    possible: list[str]
    answer: SchemaDocument | None
    waiting: SentDocument | None


class RunDocument(_OfARun):
    """A run with its tasks.

    Args:
        run, flow, state, process, origin, created, changed: As in a list.
        served: Whether the server was given its flow, so that it drives the run.
        cancelling: Whether its process was asked to cancel it.
        possible: The families of signals that the run itself takes now.
        again: Whether it can be run again.
        tasks: Its tasks, in the order of the flow.
        signals: What was sent to it, in order.
        length: The number of events in its history.
    """

    served: bool
    cancelling: bool
    possible: list[str]
    again: bool
    tasks: list[TaskDocument]
    signals: list[SentDocument]
    length: int


class EventDocument(_WithState):
    """An event of a run's history: a task, or the run itself, entered a state.

    Args:
        number: Its place in the history, from 1.
        run: The run.
        task: The task; None for the run itself.
        index: The position of a child; None for the task itself.
        attempt: From 1.
        try_number: The try of the run, from 1; in JSON ``try``.
        time: When.
        state: The state.
        worker: Where the attempt ran that it ends.
        principal: Who sent the signal of which it comes; None: nobody did.
    """

    number: int
    run: str
    task: str | None
    index: int | None
    attempt: int
    try_number: int = Field(alias="try")
    time: UtcDatetime
    worker: str | None
    principal: str | None


class TaskHistoryDocument(TaskDocument):
    """A task with its result and its history.

    Args:
        events: Its history, in order.
    """

    events: list[EventDocument]


class HistoryDocument(_Document):
    """A part of a run's history. That each history begins Pending is not an event of it.

    Args:
        events: The events, in order.
        next: What to give as ``after`` for those that follow; None: there are none yet.
    """

    events: list[EventDocument]
    next: int | None
