"""Signals: the exceptions that task code raises, each carrying exactly one state.

A signal is not an error, so ``except Exception`` lets it pass. Nothing here may catch a signal, or know which signal
may follow which state.
"""

from __future__ import annotations

import threading
import typing
from collections.abc import Callable, Iterator
from copy import copy
from operator import attrgetter
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, Self, Union, cast, get_args, get_origin

from pydantic_core import PydanticSerializationUnexpectedValue, core_schema
from typing_extensions import TypeIs, TypeVar, override

from statesig.errors import DefinitionError, NoSignal
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    ErrorInfo,
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
from statesig.states.choices import Choice
from statesig.states.descriptions import cause_of, describe, name_of, no_state
from statesig.states.families import (
    StateMeta,
    descendants,
    dump,
    narrow,
    origin_of,
    origins_of,
    read_unforged,
    schema_of,
)
from statesig.states.generics import PerClass, kind_of
from statesig.states.machines import AnyKind, Machine
from statesig.states.refusals import misplaced, refused

if TYPE_CHECKING:
    import inspect

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

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
    "Payload",
    "Signal",
    "SignalOf",
    "catching",
    "causes_of",
    "chain_of",
    "declared_by",
    "enter",
    "is_class_of_signals",
    "is_signal",
    "payload_of",
    "raised_by",
    "signal_of",
    "signal_type_of",
]

StateT = TypeVar("StateT", bound=Union[State[Any], Machine], covariant=True, default=State[Any])
KindT = TypeVar("KindT", bound=Union[State[Any], Machine])

_lock = threading.Lock()
_signals: dict[AnyKind, type[Signal[Any]]] = {}


_ABSTRACT = "Signal is abstract; raise one of its subclasses, such as SKIP or FAIL"


class _Fields:
    """The signature of a signal's constructor: the fields of its state, the message by position too."""

    def __get__(self, signal: Signal[Any] | None, cls: type[Signal[Any]]) -> inspect.Signature:
        import inspect

        given = inspect.signature(cls.__state_type__).parameters.values()  # AttributeError: `Signal` itself has none
        by_place = [each for each in given if each.name == "message"]  # a machine may have none
        others = [each for each in given if each.name != "message"]
        messages = [each.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in by_place]
        return inspect.Signature([*messages, *others])


class Signal(BaseException, Generic[StateT]):
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
    __state_type__: ClassVar[AnyKind]

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
                    return _signals.get(item) or super().__class_getitem__(item)
                except TypeError:  # an unhashable argument: typing decides
                    return super().__class_getitem__(item)
            return super().__class_getitem__(item)

        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)
            cls._define()

        @classmethod
        def _define(cls):
            state = raised_by(cls)
            if issubclass(state, Machine):
                name, reached = cls.__name__, state.__name__
                way = f"class {name}(Transition[..., {reached}]), None for the beginning"
                raise DefinitionError(name, f"say which state it leaves: {way}")
            enter(cls, state)

        __signature__ = _Fields()

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
        return self._state.__dict__.get("message") or ""

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


def raised_by(cls: type[Signal[Any]]) -> AnyKind:
    """Return the class of the states that a new signal raises.

    Raises:
        DefinitionError: It is no class of states, or an abstract one.
    """
    name = cls.__name__
    state = declared_by(cls)
    if state is None:
        raise DefinitionError(name, f"say which state it raises: class {name}(Signal[Skipped])")
    if not (isinstance(state, type) and issubclass(state, (State, Machine))):
        raise DefinitionError(name, f"a signal raises a state, not {state!r}")
    origin: AnyKind = origin_of(state)
    if origin.__abstract__:
        ways = ", ".join(kind.__name__ for kind in descendants(origin))
        raise DefinitionError(name, f"{origin.__name__} is abstract; a signal raises one of {ways}")
    return origin


def enter(cls: type[Signal[Any]], state: AnyKind) -> None:
    """Register a new signal as the one of its state.

    Raises:
        DefinitionError: The state has another.
    """
    with _lock:
        other = _signals.get(state)
        if other is not None and not _same_name(other, cls):
            taken = f"{state.__name__} has a signal already, {other.__module__}.{other.__qualname__}"
            raise DefinitionError(cls.__name__, f"{taken}; raise that one")
        for stale in [state for state, signal in _signals.items() if _same_name(signal, cls)]:
            del _signals[stale]  # a notebook redefines its classes
        cls.__state_type__ = state
        _set_constructor(cls, _Unbuilt(cls, state))
        _signals[state] = cls


def _same_name(one: type, other: type) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def declared_by(cls: type[Signal[Any]]) -> Any:
    """Return the state in the brackets of a signal's base, also when a class of the same name is defined again."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        if _is_open(getattr(base, "__origin__", None)):
            return base.__args__[-1]
    for base in cls.__bases__:
        if issubclass(base, Signal) and not _is_open(base):
            return base.__state_type__  # Signal[S] is the signal of S once S has one
    return None


def _is_open(cls: Any) -> bool:
    """Tell whether a class is `Signal` or another base of signals, which has no state."""
    return isinstance(cls, type) and issubclass(cls, Signal) and "__state_type__" not in cls.__dict__


def _set_constructor(cls: Any, construct: Callable[..., Any]) -> None:
    cls._construct = staticmethod(construct)


class _Unbuilt:
    """Placeholder for a signal's constructor of states; builds it when the signal is first raised."""

    def __init__(self, cls: type[Signal[Any]], state: AnyKind) -> None:
        self.cls = cls
        self.state = state

    def __call__(self, fields: dict[str, object]) -> Any:
        construct = narrow(self.state).construct
        _set_constructor(self.cls, construct)
        return construct(fields)


def is_signal(value: object) -> TypeIs[Signal[Any]]:
    """Tell whether a value is a signal."""
    return issubclass(type(value), Signal)  # past the `__class__` that an object may claim


def signal_type_of(kind: type[KindT]) -> type[Signal[KindT]]:
    """Return the signal class of a state class.

    Raises:
        NoSignal: The class has no signal; the text shows the line to write.
    """
    origin = origin_of(kind)
    found = _signals.get(origin)
    if found is None:
        raise _no_signal(origin)
    return found


def _no_signal(origin: AnyKind) -> NoSignal:
    return NoSignal(origin.__name__, "Transition[..., {}]" if issubclass(origin, Machine) else "Signal[{}]")


def signal_of(state: KindT) -> Signal[KindT]:
    """Return the signal of a state: ``signal_of(s).state == s``, and its type is the one signal of ``type(s)``.

    Raises:
        NoSignal: The state's class has no signal; the text shows the line to write.
        TypeError: It is no state: a class of states, say.
    """
    if not isinstance(cast("object", state), (State, Machine)):
        raise no_state("signal_of", state)
    return signal_type_of(type(state)).of(state)


class _Family:
    """Marks an annotation of signals that admits those of the descendants, too."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return payload_of(Annotated[source, self]).schema()


if TYPE_CHECKING:
    SignalOf = Signal[StateT]
    """The signals of a kind and of all its descendants, as a type: ``def post(signal: SignalOf[Failed])``.

    To checkers it is ``Signal[Failed]``, which is covariant. Validation tells them apart: that admits FAIL alone.
    """
else:
    SignalOf = Annotated[Signal[StateT], _Family()]


def catching(kind: type[KindT]) -> tuple[type[Signal[KindT]], ...]:
    """Return the signals of a kind and all its descendants, for ``except``.

    ``except catching(Failed) as s:`` catches FAIL, TIMEOUT, ... and the signals of a user's failures.
    """
    family = origin_of(kind)
    return tuple(signal for state, signal in _signals.items() if issubclass(state, family))


class Payload:
    """Reads and writes signals as documents of their states.

    Args:
        name: What was asked for, as errors call it.
        kinds: The classes of the states.
        families: Whether the descendants of each are admitted, too.
    """

    def __init__(self, name: str, kinds: tuple[type[State[Any]], ...], *, families: bool) -> None:
        self.__name__ = name  # Pydantic puts it into the path of an error, too
        self.choice: Choice = Choice(name, kinds, families)

    def schema(self) -> CoreSchema:
        """Return how Pydantic validates, writes and describes these signals."""
        written = core_schema.plain_serializer_function_ser_schema(_dumped, info_arg=True, when_used="always")
        described = {"pydantic_js_functions": [self.describe]}
        return core_schema.with_info_plain_validator_function(self, serialization=written, metadata=described)

    def __call__(self, value: Any, info: core_schema.ValidationInfo) -> Signal[Any]:
        """Return a signal as it is, or with its result validated; or the one that carries a document's state."""
        if not is_signal(value):
            cls = kind_of(value)
            if issubclass(cls, (State, Machine)):
                raise misplaced(self.__name__, "signal_kind", f"the state {cls.__name__}")
            return self.carrying(read_unforged(self.choice, value, info))
        if self.choice.member(value.__state_type__) is None:
            raise misplaced(self.__name__, "signal_kind", type(value).__name__)
        if origin_of(type(value.state)) is not value.__state_type__:
            raise misplaced(type(value).__name__, "state_kind", type(value.state).__name__)
        state: State[Any] = read_unforged(self.choice, value.state, info)
        return value if state is value.state else _replaced(value, state)

    def carrying(self, state: State[Any]) -> Signal[Any]:
        """Return the signal of a state that was read.

        Raises:
            ValidationError: Its class has no signal.
        """
        found = _signals.get(origin_of(type(state)))
        if found is None:
            origin: AnyKind = origin_of(type(state))
            raise refused(self.__name__, "no_signal", str(_no_signal(origin)), origin.__name__)
        return found.of(state)

    def describe(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema of the states that have a signal."""
        return schema_of(self._described(), handler)

    def _described(self) -> Choice | type[State[Any]]:
        origins = origins_of(self.choice)
        raised = tuple(self.choice.member(origin) for origin in origins if origin in _signals)
        if self.choice.alone is not None:
            return self.choice
        if len(raised) == len(origins) and len(self.choice.kinds) == 1:
            family: type[State[Any]] = self.choice.kinds[0]  # the very family, under one name wherever it is described
            return family
        return Choice(self.__name__, raised, families=False)


def _dumped(signal: Any, info: core_schema.SerializationInfo) -> Any:
    if not is_signal(signal):
        raise PydanticSerializationUnexpectedValue(f"expected a signal, got {type(signal).__name__}")
    return dump(signal.state, info)


def _replaced(signal: Signal[Any], state: State[Any]) -> Signal[Any]:
    """Return a signal with another state; its notes, causes and traceback are kept."""
    made = type(signal).of(state).with_traceback(signal.__traceback__)
    made.__cause__, made.__context__ = signal.__cause__, signal.__context__
    made.__suppress_context__ = signal.__suppress_context__
    # A list of its own: whoever adds a note to one of them does not add it to the other.
    made.__dict__.update({name: copy(value) if name == "__notes__" else value for name, value in vars(signal).items()})
    return made


def payload_of(asked: Any) -> Payload:
    """Return how the signals are read that an annotation admits.

    Args:
        asked: `Signal` or a subclass, ``Signal[Success[int]]`` or ``SignalOf[Failed]``.

    Raises:
        TypeError: It is nothing of the kind.
    """
    return _payloads[asked]


def _payload(asked: Any) -> Payload:
    alias, *marks = get_args(asked) if get_origin(asked) is Annotated else (asked,)
    cls: Any = get_origin(alias) or alias
    args: tuple[Any, ...] = get_args(alias)
    if not is_class_of_signals(cls):
        raise TypeError(f"a class of states or of signals is asked for, not {asked!r}")
    families = any(isinstance(mark, _Family) for mark in marks)
    if cls is Signal:
        kinds = tuple(_kinds_in(args[0])) if args else (State,)
        families = families or any(isinstance(arg, typing.TypeVar) for arg in args)
    else:
        kinds = (_declared_for(cls, args),)
    name = "SignalOf" if families else cls.__name__
    listed = " | ".join(kind.__name__ for kind in kinds)
    if cls is not Signal and not families:
        listed = listed.partition("[")[2].removesuffix("]")  # of DRAW[int] and its Drawn[int]
    return Payload(f"{name}[{listed}]" if args or families else name, kinds, families=families)


_payloads: PerClass[Payload] = PerClass(_payload)


def is_class_of_signals(cls: object) -> TypeIs[type[Signal[Any]]]:
    """Tell whether an object is `Signal` or a subclass of it."""
    return isinstance(cls, type) and issubclass(cls, Signal)


def _declared_for(cls: type[Signal[Any]], args: tuple[Any, ...]) -> Any:
    """Return the state of a class of signals, parametrised as that is: of ``DRAW[int]`` it is ``Drawn[int]``."""
    declared = declared_by(cls)
    parameters: tuple[Any, ...] = declared.__pydantic_generic_metadata__["parameters"]
    given = dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))
    return declared[tuple(given.get(one, one) for one in parameters)] if given and parameters else declared


def _kinds_in(arg: Any) -> Iterator[type[State[Any]]]:
    """Yield the classes of states that the argument of ``Signal[...]`` admits."""
    if isinstance(arg, typing.TypeVar):
        arg = Union[arg.__constraints__] if arg.__constraints__ else arg.__bound__
        arg = arg if isinstance(arg, (StateMeta, UnionType)) or get_origin(arg) is Union else State
    if get_origin(arg) in (Union, UnionType):
        for part in get_args(arg):
            yield from _kinds_in(part)
    elif arg is Machine:
        return  # above all machines there is nothing to read
    elif arg is Any or isinstance(arg, StateMeta):
        yield State if arg is Any else cast("type[State[Any]]", arg)
    else:
        raise TypeError(f"a signal raises a state, not {arg!r}")


def causes_of(
    signal: Signal[Any], *, redact: Callable[[str], str] | None = None, traceback: bool | Literal["last"] = False
) -> tuple[ErrorInfo, ...]:
    """Return a signal's causes: those of its state, then those it was raised from, outermost first.

    Pickling copies the causes into the state. They are not taken twice where unpickling restored the cause, too: tblib,
    which Dask loads, teaches pickle to keep the causes of every exception.
    """
    own = _own_causes(signal)
    cause = cause_of(signal)
    if own and cause is not None:
        plain = chain_of(cause)
        if own[-len(plain) :] == plain:
            return own
    return (*own, *chain_of(cause, redact=redact, traceback=traceback))


def chain_of(
    cause: BaseException | None,
    *,
    redact: Callable[[str], str] | None = None,
    traceback: bool | Literal["last"] = False,
) -> tuple[ErrorInfo, ...]:
    """Return the descriptions of an exception and of its causes, outermost first.

    A signal in the chain gives its state's causes; the remote traceback of a process pool ends the chain.
    """
    found: list[ErrorInfo] = []
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen and not _is_remote_traceback(cause):
        seen.add(id(cause))
        if is_signal(cause):
            found.extend(_own_causes(cause))
        else:
            found.append(describe(cause, redact=redact, traceback=traceback))
        cause = cause_of(cause)
    return tuple(found)


def _own_causes(signal: Signal[Any]) -> tuple[ErrorInfo, ...]:
    """Return the causes that a signal's state keeps; that of a machine keeps none."""
    state: object = signal.state
    return state.causes if isinstance(state, State) else ()


def _is_remote_traceback(cause: BaseException) -> bool:
    """Tell whether a cause is the remote traceback that a process pool adds; it is not an exception of the task."""
    module, _, name = name_of(type(cause)).rpartition(".")
    return name.lstrip("_") == "RemoteTraceback" and module in ("concurrent.futures.process", "multiprocessing.pool")


class PEND(Signal[Pending[Any]]):
    """Pending."""


class SCHEDULE(Signal[Scheduled[Any]]):
    """Run it at a given time."""


class RESUME(Signal[Resume[Any]]):
    """Continue after a pause."""


class RETRY(Signal[Retrying[Any]]):
    """Run it again, while retries are left."""


class LOOP(Signal[Looped[Any]]):
    """Run it again with this result as its input."""


class PAUSE(Signal[Paused[Any]]):
    """Wait for a person."""


class QUEUE(Signal[Queued[Any]]):
    """Queued."""


class SUBMIT(Signal[Submitted[Any]]):
    """Submitted."""


class START(Signal[Running[Any]]):
    """Running."""


class STOP(Signal[Cancelling[Any]]):
    """Cancelling."""


class SUCCESS(Signal[Success[Any]]):
    """End early, with success."""


class CACHE(Signal[Cached[Any]]):
    """Computed before, and still valid."""


class MAP(Signal[Mapped[Any]]):
    """Run once for each input, every time with success."""


class SKIP(Signal[Skipped[Any]]):
    """Leave it out; downstream tasks run as after a success."""


class FAIL(Signal[Failed[Any]]):
    """End with a failure."""


class TIMEOUT(Signal[TimedOut[Any]]):
    """Took longer than its timeout."""


class TRIGGERFAIL(Signal[TriggerFailed[Any]]):
    """Its trigger refused the upstream states."""


class VALIDATIONFAIL(Signal[ValidationFailed[Any]]):
    """Its input is not valid."""


class CRASH(Signal[Crashed[Any]]):
    """The process or the machine that ran it was lost."""


class CANCEL(Signal[Cancelled[Any]]):
    """Stopped on request."""


class MAPFAIL(Signal[MapFailed[Any]]):
    """Run once for each input; a child has failed."""


class MAPCANCEL(Signal[MapCancelled[Any]]):
    """Run once for each input; no child has failed, and one was cancelled."""
