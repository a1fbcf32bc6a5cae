"""The states of a run: one frozen, validated hierarchy, generic in the result ``R``.

Data and tags only: nothing here may know a signal, a transition, a clock or JSON.
"""

from __future__ import annotations

import datetime
from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, PydanticKnownError
from typing_extensions import TypeIs, TypeVar

from statesig.errors import NoResult
from statesig.states.families import StateModel
from statesig.states.json_rules import reads_back

__all__ = [
    "AnyFinished",
    "AnyState",
    "Cached",
    "Cancelled",
    "Cancelling",
    "Crashed",
    "ErrorInfo",
    "Failed",
    "Finished",
    "Looped",
    "MapCancelled",
    "MapFailed",
    "Mapped",
    "MetaState",
    "Paused",
    "Pending",
    "Queued",
    "Resume",
    "Retrying",
    "Running",
    "Scheduled",
    "Skipped",
    "State",
    "Submitted",
    "Success",
    "TimedOut",
    "TriggerFailed",
    "UtcDatetime",
    "ValidationFailed",
    "has_children",
    "is_cached",
    "is_cancelled",
    "is_cancelling",
    "is_failed",
    "is_finished",
    "is_looped",
    "is_mapped",
    "is_meta",
    "is_paused",
    "is_pending",
    "is_queued",
    "is_retrying",
    "is_running",
    "is_scheduled",
    "is_skipped",
    "is_submitted",
    "is_successful",
    "mapped_class",
]

if TYPE_CHECKING:
    from typing_extensions import disjoint_base
else:

    def disjoint_base(cls):
        """Tell type checkers (PEP 800) that no class has two of these as parents, so that unions narrow exactly."""
        return cls


MYPY = False
"""True to mypy alone, which would refuse an abstract class wherever one is given, as in ``decode(data, Finished)``."""


def _concrete(self: object) -> None:
    """Tell type checkers that a class of states can be constructed; nobody calls it."""


R = TypeVar("R", covariant=True, default=Any)
T = TypeVar("T")


@reads_back
def _in_utc(value: datetime.datetime) -> datetime.datetime:
    if value.tzinfo is None:
        raise PydanticCustomError("timezone_aware", "a time needs its offset from UTC")
    try:
        utc = value.astimezone(datetime.UTC)
    except OverflowError:
        raise PydanticCustomError("timezone_range", "the time is out of range in UTC") from None
    return utc if type(utc) is datetime.datetime else datetime.datetime.fromisoformat(utc.isoformat())


UtcDatetime = Annotated[datetime.datetime, AfterValidator(_in_utc)]
"""An aware datetime, kept in UTC; in JSON an ISO 8601 string. A naive one is refused."""


_Text = Annotated[str, Field(strict=True)]


def _is_empty(value: object) -> bool:
    return not value and value != ""


def _in_order(notes: object) -> object:
    if type(notes) in (list, tuple):
        return notes
    raise PydanticKnownError("tuple_type")


class ErrorInfo(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """The text that a state keeps of an exception; never the exception itself.

    Args:
        type: The qualified name of the exception's class.
        message: The exception's own text.
        notes: Its ``__notes__``, in order.
        traceback: The formatted traceback, if requested.
    """

    __finite__: ClassVar[bool] = True

    type: _Text
    message: _Text
    notes: Annotated[tuple[_Text, ...], BeforeValidator(_in_order)] = Field(default=(), exclude_if=_is_empty)
    traceback: _Text | None = Field(default=None, exclude_if=_is_empty)

    if TYPE_CHECKING:
        # By default, pydantic's mypy plugin makes every argument Any of a constructor that is not written.
        def __init__(
            self, *, type: str, message: str, notes: tuple[str, ...] = (), traceback: str | None = None
        ) -> None: ...


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class State(StateModel, Generic[R], abstract=True):
    """The state of a run or of one of its tasks. Abstract: every state is of one of its branches.

    A state is frozen: its fields cannot be set. A list or another object that is given as its result is kept as it is,
    not copied: whoever changes it afterwards changes the state, its equality and its hash. Give a copy, or declare the
    type: ``Success[list[int]]`` keeps a list of its own.

    Nothing is promised of a state that was changed by `object.__setattr__` or in its ``__dict__``. Validation (fields
    of models, `TypeAdapter`) and `capture` refuse it if its plain fields are not what its class declares; they look
    neither at its result nor at states within it. `encode` trusts every state: looking takes half as long as writing.

    Args:
        message: Why the state was entered, for people.
        result: The result; validated against ``R`` where the class is parametrised.
        causes: The exceptions that led here, outermost first.
    """

    message: str | None = None
    if TYPE_CHECKING:
        result: R | None = None
    else:
        # Not `R | None`: a result that is given must be an R. The default is not validated.
        result: R = Field(default=None, json_schema_extra=_without_default)
    causes: tuple[ErrorInfo, ...] = ()

    if TYPE_CHECKING and not MYPY:

        @abstractmethod
        def _is_concrete(self) -> None:
            """Make this class, `MetaState` and `Finished` abstract for type checkers; for mypy the plugin does it."""

    @property
    def has_result(self) -> bool:
        """Whether a result was given, even None."""
        return "result" in self.__pydantic_fields_set__

    def unwrap(self) -> R:
        """Return the result that was given.

        Raises:
            NoResult: The state has no result; the text says why, if the state does.
        """
        if "result" not in self.__pydantic_fields_set__:
            texts = (self.message, *(cause.message for cause in self.causes[:1]))
            raise NoResult(type(self).__name__, ": ".join(text for text in texts if text))
        result: R = self.__dict__["result"]
        return result


@disjoint_base
class Pending(State[R]):
    """Not yet running. Every run starts here."""

    _is_concrete = _concrete


@disjoint_base
class Scheduled(Pending[R]):
    """Waiting for its start time.

    Args:
        start_time: Aware, kept in UTC; None: as soon as possible, and the runner sets it.
    """

    start_time: UtcDatetime | None = None


@disjoint_base
class Resume(Scheduled[R]):
    """Resumed by a person after a pause."""


@disjoint_base
class Retrying(Scheduled[R]):
    """Waiting to run again after a failed attempt.

    Args:
        run_count: The number of attempts made, from 1.
    """

    run_count: int = Field(default=1, ge=1)


@disjoint_base
class Looped(Scheduled[R]):
    """Waiting to run again, with the result as input of the next iteration.

    Args:
        loop_count: The number of iterations made, from 1.
    """

    loop_count: int = Field(default=1, ge=1)


@disjoint_base
class Paused(State[R]):
    """Waiting for a person to resume it.

    Args:
        until: The deadline, after which the task is TimedOut: aware, kept in UTC; None: without a deadline.
    """

    until: UtcDatetime | None = None

    _is_concrete = _concrete


def _flat(state: Any) -> Any:
    wrapping: object = state
    return state.state if isinstance(wrapping, MetaState) else state


@disjoint_base
class MetaState(State[R], abstract=True):
    """A wrapper of a pending state. Abstract; wrapping a meta-state wraps the state inside it.

    Args:
        state: The wrapped state.
    """

    state: Annotated[Pending[R], BeforeValidator(_flat)]


@disjoint_base
class Queued(MetaState[R]):
    """Waiting for a free slot."""

    _is_concrete = _concrete


@disjoint_base
class Submitted(MetaState[R]):
    """Handed to an executor, not yet begun."""

    _is_concrete = _concrete


@disjoint_base
class Running(State[R]):
    """Running now."""

    _is_concrete = _concrete


@disjoint_base
class Cancelling(State[R]):
    """Asked to stop, not yet stopped."""

    _is_concrete = _concrete


@disjoint_base
class Finished(State[R], abstract=True):
    """Final: nothing follows. Abstract: Success, Failed or Cancelled."""


@disjoint_base
class Success(Finished[R]):
    """Finished as intended."""

    _is_concrete = _concrete


@disjoint_base
class Cached(Success[R]):
    """Computed before, and still valid.

    Args:
        expires: The end of the result's validity: aware, kept in UTC; None: never.
    """

    expires: UtcDatetime | None = None


class _Child:
    """A state with any type of result, whatever the state that holds it declares."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(State)


class _Described:
    """Describes children in a schema more closely than as states.

    Args:
        branches: The branches that each child is of one of.
        least: The branch that at least one child is of.
    """

    def __init__(self, *branches: type[State[Any]], least: type[State[Any]] | None = None) -> None:
        self.branches = branches
        self.least = least

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        items = [branch.__get_pydantic_json_schema__(schema, handler) for branch in self.branches]
        described = {**handler(schema), "items": items[0] if len(items) == 1 else {"anyOf": items}}
        if self.least is not None:
            described["contains"] = self.least.__get_pydantic_json_schema__(schema, handler)
        return described


def _agreeing(state: Any) -> Any:
    """Refuse a mapped task's state that is not of the branch of its children."""
    children: tuple[State[Any], ...] = state.children
    name: str = state.type
    for index, child in enumerate(children):
        if not isinstance(child, Finished):
            raise _unfit(state, name, f"every child of a {name} is final, and children[{index}] is {child.type}")
    right = mapped_class(children)
    if not issubclass(type(state), right):
        raise _unfit(state, name, f"{_RULES[right]}; use {right.__name__}, not {name}")
    return state


def _unfit(state: Any, name: str, sentence: str) -> ValidationError:
    error = InitErrorDetails(
        type=PydanticCustomError("map_children", "{sentence}", {"sentence": sentence}),
        loc=("children",),
        input=state.children,
    )
    return ValidationError.from_exception_data(name, [error])


def _as_written(state: Any) -> State[Any]:
    """Return the state that a document of a Mapped means.

    Version 0.1.0 wrote one whatever its children were. A child that was not final never came to be: it is Cancelled.
    """
    written: tuple[State[Any], ...] = state.children
    children = tuple(
        child if isinstance(child, Finished) else Cancelled(message=f"it was {child.type}", causes=child.causes)
        for child in written
    )
    right: Any = mapped_class(children)
    if right is Mapped:
        same: State[Any] = state
        return same
    given = {name: value for name, value in state.__dict__.items() if name in state.model_fields_set - {"type"}}
    made: State[Any] = right(**{**given, "children": children})
    return made


@disjoint_base
class Mapped(Success[R]):
    """Run once for each of its inputs, every time with success.

    Args:
        children: The state of each child, in the order of the inputs; each is a success.
    """

    __as_written__: ClassVar[staticmethod[[Any], State[Any]]] = staticmethod(_as_written)

    if TYPE_CHECKING:
        children: tuple[Success[object], ...] = ()
    else:
        children: Annotated[tuple[_Child, ...], _Described(Success)] = ()
        _agree = model_validator(mode="after")(_agreeing)


@disjoint_base
class Skipped(Success[R]):
    """Left out on purpose; downstream tasks run as after a success."""


@disjoint_base
class Failed(Finished[R]):
    """Finished with a failure.

    Args:
        retryable: Whether a retry may help.
    """

    retryable: bool = True

    _is_concrete = _concrete


@disjoint_base
class TimedOut(Failed[R]):
    """Took longer than its timeout."""


@disjoint_base
class TriggerFailed(Failed[R]):
    """Not run: its trigger refused the upstream states."""

    retryable: bool = False


@disjoint_base
class ValidationFailed(Failed[R]):
    """Its input or its result is not valid."""


@disjoint_base
class Crashed(Failed[R]):
    """The process or the machine that ran it was lost."""


@disjoint_base
class Cancelled(Finished[R]):
    """Stopped on request."""

    _is_concrete = _concrete


@disjoint_base
class MapFailed(Failed[R]):
    """Run once for each of its inputs, and not every time with success: a child has failed.

    Args:
        children: The state of each child, in the order of the inputs; all are final, and at least one is a failure.
    """

    retryable: bool = False  # retries are the children's
    if TYPE_CHECKING:
        children: tuple[Success[object] | Failed[object] | Cancelled[object], ...]
    else:
        children: Annotated[tuple[_Child, ...], _Described(Finished, least=Failed)]
        _agree = model_validator(mode="after")(_agreeing)


@disjoint_base
class MapCancelled(Cancelled[R]):
    """Run once for each of its inputs, as far as it was not stopped: no child has failed, and one was cancelled.

    Args:
        children: The state of each child, in the order of the inputs; each is a success or Cancelled, at least one of
            them Cancelled.
    """

    if TYPE_CHECKING:
        children: tuple[Success[object] | Cancelled[object], ...]
    else:
        children: Annotated[tuple[_Child, ...], _Described(Success, Cancelled, least=Cancelled)]
        _agree = model_validator(mode="after")(_agreeing)


_RULES: dict[type[State[Any]], str] = {
    Mapped: "every child is a success",
    MapFailed: "a child has failed",
    MapCancelled: "a child was cancelled, and none has failed",
}


def mapped_class(children: Iterable[State[Any]]) -> type[Mapped[Any]] | type[MapFailed[Any]] | type[MapCancelled[Any]]:
    """Return the class of a mapped task's state, given the states of its children, which are final."""
    kinds = set(map(type, children))
    if any(issubclass(kind, Failed) for kind in kinds):
        return MapFailed
    return MapCancelled if any(issubclass(kind, Cancelled) for kind in kinds) else Mapped


if TYPE_CHECKING:
    AnyFinished = Union[Success[R], Failed[R], Cancelled[R]]
    AnyState = Union[
        Pending[R],
        Paused[R],
        Queued[R],
        Submitted[R],
        Running[R],
        Cancelling[R],
        Success[R],
        Failed[R],
        Cancelled[R],
    ]
else:
    # Checkers see the closed union of the branches, which `match` can exhaust; validation against the root
    # of the branches admits exactly the same states, and tells them apart by tag. So there is one rule: annotate with
    # `AnyFinished` what you receive, keep or return (a field, a body, a result), for it is assignable to both; with
    # `Finished` a parameter that takes either; and where a class is asked for, `Finished` is that class.
    AnyFinished = Finished
    AnyState = State


def is_pending(state: State[T]) -> TypeIs[Pending[T]]:
    """Tell whether a state is Pending or one of its kinds: it has not begun."""
    return isinstance(state, Pending)


def is_scheduled(state: State[T]) -> TypeIs[Scheduled[T]]:
    """Tell whether a state is Scheduled, Resume, Retrying or Looped."""
    return isinstance(state, Scheduled)


def is_retrying(state: State[T]) -> TypeIs[Retrying[T]]:
    """Tell whether a state waits for a further attempt."""
    return isinstance(state, Retrying)


def is_looped(state: State[T]) -> TypeIs[Looped[T]]:
    """Tell whether a state waits for a further iteration."""
    return isinstance(state, Looped)


def is_paused(state: State[T]) -> TypeIs[Paused[T]]:
    """Tell whether a state waits for a person."""
    return isinstance(state, Paused)


def is_meta(state: State[T]) -> TypeIs[MetaState[T]]:
    """Tell whether a state wraps a pending one: Queued or Submitted."""
    return isinstance(state, MetaState)


def is_queued(state: State[T]) -> TypeIs[Queued[T]]:
    """Tell whether a state waits for a free slot."""
    return isinstance(state, Queued)


def is_submitted(state: State[T]) -> TypeIs[Submitted[T]]:
    """Tell whether a state is Submitted: handed to an executor, not yet begun."""
    return isinstance(state, Submitted)


def is_running(state: State[T]) -> TypeIs[Running[T]]:
    """Tell whether a state is Running."""
    return isinstance(state, Running)


def is_cancelling(state: State[T]) -> TypeIs[Cancelling[T]]:
    """Tell whether a state is Cancelling: asked to stop, not yet stopped."""
    return isinstance(state, Cancelling)


def is_finished(state: State[T]) -> TypeIs[Finished[T]]:
    """Tell whether a state is final: Success, Failed, Cancelled or one of their kinds."""
    return isinstance(state, Finished)


def is_successful(state: State[T]) -> TypeIs[Success[T]]:
    """Tell whether a state is Success or one of its kinds, Skipped among them."""
    return isinstance(state, Success)


def is_cached(state: State[T]) -> TypeIs[Cached[T]]:
    """Tell whether a state is Cached: its result was computed before."""
    return isinstance(state, Cached)


def is_mapped(state: State[T]) -> TypeIs[Mapped[T]]:
    """Tell whether a state is Mapped: that of a mapped task whose children all succeeded."""
    return isinstance(state, Mapped)


def has_children(state: State[T]) -> TypeIs[Mapped[T] | MapFailed[T] | MapCancelled[T]]:
    """Tell whether a state holds the states of a mapped task's children, whatever became of them."""
    return isinstance(state, (Mapped, MapFailed, MapCancelled))


def is_skipped(state: State[T]) -> TypeIs[Skipped[T]]:
    """Tell whether a state is Skipped: left out on purpose."""
    return isinstance(state, Skipped)


def is_failed(state: State[T]) -> TypeIs[Failed[T]]:
    """Tell whether a state is Failed or one of its kinds."""
    return isinstance(state, Failed)


def is_cancelled(state: State[T]) -> TypeIs[Cancelled[T]]:
    """Tell whether a state is Cancelled: stopped on request."""
    return isinstance(state, Cancelled)
