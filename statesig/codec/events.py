"""Events as lines of JSON: a task of a run, or the run itself, entered a state.

An event adds run, task, attempt and time to a state; a state itself must carry no clock and no run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import from_json, to_json

from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.codec.states import check_size, decode, decode_model, encode
from statesig.errors import EncodeError
from statesig.states import AnyState, State, Success, UtcDatetime, has_children
from statesig.states.declared import list_of
from statesig.states.equality import same
from statesig.states.families import args_of
from statesig.states.json_rules import iso_time

__all__ = ["Event", "as_declared", "decode_event", "encode_event", "on_the_wire", "without_result"]


@dataclass(frozen=True, slots=True)
class Event:
    """A task of a run, or the run itself, entered a state.

    Args:
        run: The run's identity.
        task: The name of the task's node; None for the run itself, and then not written.
        index: The position among a mapped node's children, from 0; None for the node itself.
        attempt: From 1; a state after Running that is not final belongs to the next attempt.
        time: When the state was entered, aware.
        state: The state.
        try_number: The try of the run in which this history of the task began, from 1; in JSON ``try``, and not written
            if it is 1. The run itself has one history.
    """

    run: str
    task: str | None
    index: int | None
    attempt: int
    time: datetime
    state: AnyState[object]
    try_number: int = 1


KindT = TypeVar("KindT", bound=State[Any])

_OF_THE_RUN: Final = {"index": None, "try_number": 1}
"""The index and the try of an event without a task."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    run: str = Field(strict=True)
    task: str | None = Field(default=None, strict=True)
    index: int | None = Field(strict=True, ge=0)
    attempt: int = Field(strict=True, ge=1)
    try_number: int = Field(default=1, alias="try", strict=True, ge=1)
    time: Annotated[UtcDatetime, BeforeValidator(iso_time)]
    state: State[Any]

    @field_validator("task", mode="before")
    @classmethod
    def _is_named(cls, value: object) -> object:
        if value is None:
            raise ValueError("an event of the run itself has no task at all")
        return value

    @field_validator("index", "try_number")
    @classmethod
    def _of_a_task(cls, value: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("task", "") is None and value != _OF_THE_RUN[str(info.field_name)]:
            raise ValueError("only a task has one, and no task is named")
        return value


def encode_event(event: Event, *, result_type: Any = Any, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return an event as one line of JSON, with its state as `encode` writes it.

    Args:
        event: The event.
        result_type: The declared return type of its task (`Flow.returns`); needed where JSON has no such kind.
        limits: The largest state that is accepted.

    Raises:
        EncodeError: The state would not read back unchanged.
    """
    state = on_the_wire(event.state, result_type, limits)
    place: dict[str, Any] = {"run": event.run, "index": event.index, "attempt": event.attempt, "time": event.time}
    if event.task is not None:
        place["task"] = event.task
    if event.try_number != 1:
        place["try"] = event.try_number
    try:
        document = _Document(**place, state=state)
        written = to_json(document.model_dump(mode="json", by_alias=True, exclude={"state"}, exclude_unset=True))
    except ValidationError as exc:
        field = str(exc.errors(include_url=False, include_input=False)[0]["loc"][0])
        raise EncodeError("Event", field, "would not be read back; see Event for the values it may have") from None
    except ValueError:
        raise EncodeError("Event", "run or task", "text with a lone surrogate is not valid Unicode") from None
    line = written[:-1] + b',"state":' + encode(state, limits=limits) + b"}"
    check_size("Event", line, limits)
    return line


def on_the_wire(state: State[Any], result_type: Any, limits: Limits = DEFAULT_LIMITS) -> State[Any]:
    """Return a state as its JSON alone reads back: with the result in JSON's kinds.

    Args:
        state: A state as a runner makes it, or as one that a store gave back; children are of the result type.
        result_type: The declared type of the result; Any: no type is declared.
        limits: The largest state that is accepted.

    Raises:
        EncodeError: The result would not read back, even as the declared type.
    """
    if has_children(state) and state.children:
        children = tuple(on_the_wire(child, result_type, limits) for child in state.children)
        update: dict[str, Any] = {"children": children}
        if state.has_result and same(state.result, [child.result for child in state.children]):
            update["result"] = [from_json(encode(child, limits=limits)).get("result") for child in children]
        elif state.has_result:
            update["result"] = on_the_wire(Success(result=state.result), list_of(result_type), limits).result
        return state.model_copy(update=update)
    try:
        written = encode(state, limits=limits)
    except EncodeError:
        if result_type is Any:
            raise
        return decode(encode(as_declared(state, result_type), limits=limits), limits=limits)
    return decode(written, limits=limits) if args_of(type(state)) else state


def without_result(state: KindT) -> KindT:
    """Return a state and its children without their results."""
    fields = {name: getattr(state, name) for name in state.model_fields_set - {"result"}}
    if has_children(state):
        fields["children"] = tuple(without_result(child) for child in state.children)
    return type(state).model_validate({"type": state.type, **fields})


def as_declared(state: State[Any], result_type: Any) -> State[Any]:
    """Return a state with its result validated as a declared type: ``Success[date]`` for a Success and `date`.

    Raises:
        EncodeError: The result is not of the type, or pydantic cannot read the type.
    """
    try:
        declared: State[Any] = State[result_type].model_validate(state)
    except (ValidationError, PydanticSchemaGenerationError) as exc:
        name = getattr(result_type, "__name__", str(result_type))
        reason = (
            f"not a valid {name}" if isinstance(exc, ValidationError) else f"pydantic cannot read values of type {name}"
        )
        raise EncodeError(type(state).__name__, "result", reason) from None
    return declared


def decode_event(data: str | bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS, strict: bool = False) -> Event:
    """Return the event that a JSON document holds.

    Args:
        data: JSON text, or its UTF-8.
        limits: The largest document that is accepted.
        strict: Whether to refuse an object with a duplicate key.

    Raises:
        DecodeError: The document is too large, not JSON or not an event. The text never repeats a value from it.
    """
    document = decode_model(_Document, data, "event", limits=limits, strict=strict)
    place = document.run, document.task, document.index, document.attempt
    state = cast("AnyState[object]", document.state)  # a concrete state
    return Event(*place, document.time, state, document.try_number)
