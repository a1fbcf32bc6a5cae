"""Events: what happened to which task of which run, as a line of JSON.

An event is a state with its place in a history; states themselves carry no clock and no run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import to_json

from statesig.codec.limits import DEFAULT_LIMITS, Limits
from statesig.codec.states import check_size, decode, decode_model, encode
from statesig.errors import EncodeError
from statesig.states import State, Success, UtcDatetime, is_mapped
from statesig.states.json_rules import iso_time

__all__ = ["Event", "as_declared", "decode_event", "encode_event", "on_the_wire", "without_result"]


@dataclass(frozen=True, slots=True)
class Event:
    """A task of a run came to be in a state.

    Args:
        run: The run's identity.
        task: The name of the task's node.
        index: The position among a mapped node's children, from 0; None for the node itself.
        attempt: From 1; a state after Running that is not final belongs to the next attempt.
        time: When, aware.
        state: The state.
    """

    run: str
    task: str
    index: int | None
    attempt: int
    time: datetime
    state: State[Any]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    run: str = Field(strict=True)
    task: str = Field(strict=True)
    index: int | None = Field(strict=True, ge=0)
    attempt: int = Field(strict=True, ge=1)
    time: Annotated[UtcDatetime, BeforeValidator(iso_time)]
    state: State[Any]


def encode_event(event: Event, *, result_type: Any = Any, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return an event as one line of JSON, its state as `encode` writes it.

    Args:
        event: The event.
        result_type: What its task is declared to return (`Flow.returns`), where the result is more than JSON's kinds.
        limits: How large the state may be.

    Raises:
        EncodeError: The state would not read back as it is.
    """
    state = on_the_wire(event.state, result_type)
    place: dict[str, Any] = {
        "run": event.run,
        "task": event.task,
        "index": event.index,
        "attempt": event.attempt,
        "time": event.time,
    }
    try:
        written = to_json(_Document(**place, state=state).model_dump(mode="json", exclude={"state"}))
    except ValidationError as exc:
        field = str(exc.errors(include_url=False, include_input=False)[0]["loc"][0])
        raise EncodeError("Event", field, "would not be read back; see Event for what it may be") from None
    except ValueError:
        raise EncodeError("Event", "run or task", "text with a lone surrogate is not valid Unicode") from None
    line = written[:-1] + b',"state":' + encode(state, limits=limits) + b"}"
    check_size("Event", line, limits)
    return line


def on_the_wire(state: State[Any], result_type: Any) -> State[Any]:
    """Return a state as it reads back where nothing but its JSON is known: with its result in JSON's own kinds.

    Args:
        state: A state of no declared type, as a runner makes it; a Mapped's children are of the result type.
        result_type: What the result is declared as, where JSON alone cannot say it; Any where nothing is declared.

    Raises:
        EncodeError: The result would not read back, declared or not.
    """
    if is_mapped(state) and state.children:
        children = tuple(on_the_wire(child, result_type) for child in state.children)
        update: dict[str, Any] = {"children": children}
        if state.has_result and state.result == [child.result for child in state.children]:
            update["result"] = [child.result for child in children]
        elif state.has_result:
            encode(Success(result=state.result))
        return state.model_copy(update=update)
    try:
        encode(state)
    except EncodeError:
        if result_type is Any:
            raise
        return decode(encode(as_declared(state, result_type)))
    return state


def without_result(state: State[Any]) -> State[Any]:
    """Return a state, and a Mapped's children, without their results."""
    fields = {name: getattr(state, name) for name in state.model_fields_set - {"result"}}
    if is_mapped(state):
        fields["children"] = tuple(without_result(child) for child in state.children)
    bare: State[Any] = type(state).model_validate({"type": state.type, **fields})
    return bare


def as_declared(state: State[Any], result_type: Any) -> State[Any]:
    """Return a state as one whose result is of a declared type: ``Success[date]`` for a Success and `date`.

    Raises:
        EncodeError: Its result is not of the type, or nothing that pydantic reads.
    """
    try:
        declared: State[Any] = State[result_type].model_validate(state)
    except (ValidationError, PydanticSchemaGenerationError) as exc:
        name = getattr(result_type, "__name__", str(result_type))
        reason = f"not a valid {name}" if isinstance(exc, ValidationError) else f"{name} is no type that pydantic reads"
        raise EncodeError(type(state).__name__, "result", reason) from None
    return declared


def decode_event(data: str | bytes | bytearray, *, limits: Limits = DEFAULT_LIMITS, strict: bool = False) -> Event:
    """Return the event that a JSON document holds.

    Args:
        data: JSON text, or its UTF-8.
        limits: How large the document may be.
        strict: Whether to refuse an object that has one key twice.

    Raises:
        DecodeError: The document is too large, no JSON or no event. The text never repeats a value from it.
    """
    document = decode_model(_Document, data, "event", limits=limits, strict=strict)
    return Event(document.run, document.task, document.index, document.attempt, document.time, document.state)
