"""Signals: the exceptions that task code raises, each carrying exactly one state.

A signal is not an error, so ``except Exception`` lets it pass. Nothing here may catch a signal, or know which signal
may follow which state.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Generic, Self, Union, cast, final

from typing_extensions import TypeIs, TypeVar, override

from statesig.errors import DefinitionError
from statesig.signals.causes import causes_of
from statesig.signals.definitions import SIGNALS, Carrier, Fields, enter, no_signal, raised_by
from statesig.signals.payloads import Descendants, payload_of
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    Failed,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
)
from statesig.states.descriptions import no_state
from statesig.states.families import narrow, origin_of
from statesig.states.machines import Machine

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

    from statesig.states import ErrorInfo, UtcDatetime

__all__ = [
    "CACHE",
    "CANCEL",
    "CRASH",
    "FAIL",
    "LOOP",
    "MAP",
    "MAPCANCEL",
    "MAPFAIL",
    "PAUSE",
    "PEND",
    "QUEUE",
    "RESUME",
    "RETRY",
    "SCHEDULE",
    "SKIP",
    "START",
    "STOP",
    "SUBMIT",
    "SUCCESS",
    "TIMEOUT",
    "TRIGGERFAIL",
    "VALIDATIONFAIL",
    "Signal",
    "SignalOf",
    "catching",
    "is_class_of_signals",
    "is_signal",
    "signal_of",
    "signal_type_of",
]

StateT = TypeVar("StateT", bound=Union[State[Any], Machine], covariant=True, default=State[Any])
KindT = TypeVar("KindT", bound=Union[State[Any], Machine])

_ABSTRACT = "Signal is abstract; raise one of its subclasses, such as SKIP or FAIL"


class Signal(Carrier, Generic[StateT]):
    """An exception that ends the work of a task with the state it carries.

    Subclass it once for each state: ``class QUARANTINE(Signal[Quarantined]): ...``, nothing more.

    In Pydantic (a field, a body, `TypeAdapter`) a subclass admits its own signals alone, and `Signal` every one; see
    `SignalOf` for those of a family. Each is written and read as its state. A signal that is given passes as it is.

    Args:
        message: The state's message, by position or by name.
        fields: The other fields of the state, validated as by its constructor.

    Raises:
        ValidationError: A field does not fit; no signal is made.
        TypeError: `Signal` itself was called.
    """

    __slots__ = ("_state",)

    _state: StateT

    def __init__(self, message: str | None = None, **fields: object) -> None:
        if message is not None:
            fields["message"] = message
        self._state = state = self._construct(fields)
        if len(state.__pydantic_fields_set__) != len(fields):
            narrow(self.__state_type__).validate(fields)  # names the unknown field

    if TYPE_CHECKING:

        @staticmethod
        def _construct(fields: dict[str, object]) -> Any: ...

    else:

        @staticmethod
        def _construct(fields):
            raise TypeError(_ABSTRACT)

        def __class_getitem__(cls, item):
            if cls is Signal:
                try:
                    return SIGNALS.get(item) or super().__class_getitem__(item)
                except TypeError:  # an unhashable argument: typing decides
                    return super().__class_getitem__(item)
            return super().__class_getitem__(item)

        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)
            parents = [base.__name__ for base in cls.__bases__ if issubclass(base, Signal)]
            if len(parents) > 1:
                raise DefinitionError(cls.__name__, f"a signal has one signal parent, not {' and '.join(parents)}")
            cls._define()

        @classmethod
        def _define(cls):
            state = raised_by(cls)
            if issubclass(state, Machine):
                name, reached = cls.__name__, state.__name__
                way = f"class {name}(Transition[..., {reached}]), None for the beginning"
                raise DefinitionError(name, f"say which state it leaves: {way}")
            enter(cls, state)

        __signature__ = Fields()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return payload_of(source).schema()

    @classmethod
    def of(cls, state: StateT) -> Self:  # type: ignore[misc]  # as covariant as it is where it is constructed
        """Return the signal that carries a state as it is.

        Raises:
            TypeError: The state is not of this signal's class of states.
        """
        if cls is Signal:
            raise TypeError(_ABSTRACT)
        expected = cls.__state_type__
        if origin_of(type(state)) is not expected:
            raise TypeError(f"{cls.__name__} carries {expected.__name__}, not {type(state).__name__}")
        signal = cls.__new__(cls)
        signal._state = state
        return signal

    @classmethod
    def _made(cls, fields: dict[str, object]) -> Self:
        """Return what the constructor makes of fields, for a class that has none of its own; without a call of it."""
        signal = cls.__new__(cls)
        signal._state = state = cls._construct(fields)
        if len(state.__pydantic_fields_set__) != len(fields):
            narrow(cls.__state_type__).validate(fields)  # names the unknown field
        return signal

    if TYPE_CHECKING:

        @property
        def state(self) -> StateT:
            """The state this signal carries."""
            ...

    else:
        # The same, without a Python frame for each access.
        state = property(attrgetter("_state"), doc="The state this signal carries.")

    @override
    def __str__(self) -> str:
        message = self._state.__dict__.get("message")
        return "" if message is None else str(message)

    @override
    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._state.__repr_args__())
        return f"{type(self).__name__}({fields})"

    @override
    def __reduce__(self) -> Any:
        # Exceptions lose their cause in a pickle; a run's state keeps it.
        state: Any = self._state
        if not isinstance(state, Machine) and (causes := causes_of(self)) != state.causes:
            state = state.model_copy(update={"causes": causes})
        extra = {key: value for key, value in self.__dict__.items() if key == "__notes__"}
        return _restored, (type(self), state), extra


def _restored(cls: type[Signal[Any]], state: Any) -> Signal[Any]:
    return cls.of(state)


def is_signal(value: object) -> TypeIs[Signal[Any]]:
    """Tell whether a value is a signal."""
    return issubclass(type(value), Signal)  # past the `__class__` that an object may claim


def is_class_of_signals(cls: object) -> TypeIs[type[Signal[Any]]]:
    """Tell whether an object is `Signal` or a subclass of it."""
    return isinstance(cls, type) and issubclass(cls, Signal)


def signal_type_of(kind: type[KindT]) -> type[Signal[KindT]]:
    """Return the signal class of a state class.

    Raises:
        NoSignal: The class has no signal; the text shows the line to write.
    """
    origin = origin_of(kind)
    found = SIGNALS.get(origin)
    if found is None:
        raise no_signal(origin)
    return found


def signal_of(state: KindT) -> Signal[KindT]:
    """Return the signal of a state: ``signal_of(s).state == s``, and its type is the one signal of ``type(s)``.

    Raises:
        NoSignal: The state's class has no signal; the text shows the line to write.
        TypeError: It is no state: a class of states, say.
    """
    if not isinstance(cast("object", state), (State, Machine)):
        raise no_state("signal_of", state)
    return signal_type_of(type(state)).of(state)


if TYPE_CHECKING:
    SignalOf = Signal[StateT]
    """The signals of a kind and of all its descendants, as a type: ``def post(signal: SignalOf[Failed])``.

    To checkers it is ``Signal[Failed]``, which is covariant. Validation tells them apart: that admits FAIL alone.
    """
else:
    SignalOf = Annotated[Signal[StateT], Descendants()]


def catching(kind: type[KindT]) -> tuple[type[Signal[KindT]], ...]:
    """Return the signals of a kind and all its descendants, for ``except``.

    ``except catching(Failed) as s:`` catches FAIL, TIMEOUT, ... and the signals of a user's failures.
    """
    family = origin_of(kind)
    return tuple(signal for state, signal in SIGNALS.items() if issubclass(state, family))


@final
class PEND(Signal[Pending[Any]]):
    """Pending."""

    if TYPE_CHECKING:

        def __init__(
            self, message: str | None = None, *, result: Any | None = None, causes: tuple[ErrorInfo, ...] = ()
        ) -> None: ...


@final
class SCHEDULE(Signal[Scheduled[Any]]):
    """Run it at a given time."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            start_time: UtcDatetime | None = None,
        ) -> None: ...


@final
class RESUME(Signal[Resume[Any]]):
    """Continue after a pause."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            start_time: UtcDatetime | None = None,
        ) -> None: ...


@final
class RETRY(Signal[Retrying[Any]]):
    """Run it again, while retries are left."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            start_time: UtcDatetime | None = None,
            run_count: int = 1,
        ) -> None: ...


@final
class LOOP(Signal[Looped[Any]]):
    """Run it again with this result as its input."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            start_time: UtcDatetime | None = None,
            loop_count: int = 1,
        ) -> None: ...


@final
class PAUSE(Signal[Paused[Any]]):
    """Wait for a person."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            until: UtcDatetime | None = None,
        ) -> None: ...


@final
class QUEUE(Signal[Queued[Any]]):
    """Queued."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            state: Pending[Any],
        ) -> None: ...


@final
class SUBMIT(Signal[Submitted[Any]]):
    """Submitted."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            state: Pending[Any],
        ) -> None: ...


@final
class START(Signal[Running[Any]]):
    """Running."""

    if TYPE_CHECKING:

        def __init__(
            self, message: str | None = None, *, result: Any | None = None, causes: tuple[ErrorInfo, ...] = ()
        ) -> None: ...


@final
class STOP(Signal[Cancelling[Any]]):
    """Cancelling."""

    if TYPE_CHECKING:

        def __init__(
            self, message: str | None = None, *, result: Any | None = None, causes: tuple[ErrorInfo, ...] = ()
        ) -> None: ...


@final
class SUCCESS(Signal[Success[Any]]):
    """End early, with success."""

    if TYPE_CHECKING:

        def __init__(
            self, message: str | None = None, *, result: Any | None = None, causes: tuple[ErrorInfo, ...] = ()
        ) -> None: ...


@final
class CACHE(Signal[Cached[Any]]):
    """Computed before, and still valid."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            expires: UtcDatetime | None = None,
        ) -> None: ...


@final
class MAP(Signal[Mapped[Any]]):
    """Run once for each input, every time with success."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            children: tuple[Success[object], ...] = (),
        ) -> None: ...


@final
class SKIP(Signal[Skipped[Any]]):
    """Leave it out; downstream tasks run as after a success."""

    if TYPE_CHECKING:

        def __init__(
            self, message: str | None = None, *, result: Any | None = None, causes: tuple[ErrorInfo, ...] = ()
        ) -> None: ...


@final
class FAIL(Signal[Failed[Any]]):
    """End with a failure."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            retryable: bool = True,
        ) -> None: ...


@final
class TIMEOUT(Signal[TimedOut[Any]]):
    """Took longer than its timeout."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            retryable: bool = True,
        ) -> None: ...


@final
class TRIGGERFAIL(Signal[TriggerFailed[Any]]):
    """Its trigger refused the upstream states."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            retryable: bool = False,
        ) -> None: ...


@final
class VALIDATIONFAIL(Signal[ValidationFailed[Any]]):
    """Its input is not valid."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            retryable: bool = True,
        ) -> None: ...


@final
class CRASH(Signal[Crashed[Any]]):
    """The process or the machine that ran it was lost."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            retryable: bool = True,
        ) -> None: ...


@final
class CANCEL(Signal[Cancelled[Any]]):
    """Stopped on request."""

    if TYPE_CHECKING:

        def __init__(
            self, message: str | None = None, *, result: Any | None = None, causes: tuple[ErrorInfo, ...] = ()
        ) -> None: ...


@final
class MAPFAIL(Signal[MapFailed[Any]]):
    """Run once for each input; a child has failed."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            retryable: bool = False,
            children: tuple[Success[object] | Failed[object] | Cancelled[object], ...],
        ) -> None: ...


@final
class MAPCANCEL(Signal[MapCancelled[Any]]):
    """Run once for each input; no child has failed, and one was cancelled."""

    if TYPE_CHECKING:

        def __init__(
            self,
            message: str | None = None,
            *,
            result: Any | None = None,
            causes: tuple[ErrorInfo, ...] = (),
            children: tuple[Success[object] | Cancelled[object], ...],
        ) -> None: ...
