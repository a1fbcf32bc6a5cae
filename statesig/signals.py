"""Signals: the exceptions that task code raises, each carrying exactly one state.

A signal is no error, so ``except Exception`` lets it pass. Nothing here catches anything, nor knows which signal may
follow which state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, cast

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
from statesig.states.families import descendants, narrow, origin_of

__all__ = [
    "CACHE",
    "CANCEL",
    "CRASH",
    "FAIL",
    "LOOP",
    "MAP",
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
    "catching",
    "causes_of",
    "chain_of",
    "describe",
    "is_signal",
    "signal_of",
    "signal_type_of",
]

StateT = TypeVar("StateT", bound=State[Any], covariant=True, default=State[Any])
KindT = TypeVar("KindT", bound=State[Any])

_lock = threading.Lock()
_signals: dict[type[State[Any]], type[Signal[Any]]] = {}


_ABSTRACT = "Signal is abstract; raise one of its subclasses, such as SKIP or FAIL"


class Signal(BaseException, Generic[StateT]):
    """What is raised to end the work of a task with a state of its own.

    Subclass it once for each state: ``class QUARANTINE(Signal[Quarantined]): ...``, nothing more.

    Args:
        message: The state's message, by position or by name.
        fields: The other fields of the state, validated as its own constructor does.

    Raises:
        ValidationError: A field does not fit; no signal is made.
        TypeError: `Signal` itself was called.
    """

    __slots__ = ("_state",)

    _state: StateT
    __state_type__: ClassVar[type[State[Any]]]

    def __init__(self, message: str | None = None, **fields: object) -> None:
        if message is not None:
            fields["message"] = message
        self._state = state = self._construct(fields)
        if len(state.__pydantic_fields_set__) != len(fields):
            narrow(self.__state_type__).validate(fields)  # says which of them is no field

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
                except TypeError:  # an unhashable argument, for typing to judge
                    return super().__class_getitem__(item)
            return super().__class_getitem__(item)

        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)
            _define(cls)

    @classmethod
    def of(cls, state: State[Any]) -> Self:
        """Return the signal that carries a state as it is.

        Raises:
            TypeError: The state is of another class than this signal's.
        """
        if cls is Signal:
            raise TypeError(_ABSTRACT)
        expected = cls.__state_type__
        if origin_of(type(state)) is not expected:
            raise TypeError(f"{cls.__name__} carries {expected.__name__}, not {type(state).__name__}")
        signal = cls.__new__(cls)
        signal._state = cast("StateT", state)  # its class was just compared
        return signal

    if TYPE_CHECKING:

        @property
        def state(self) -> StateT:
            """The state this signal stands for."""
            ...

    else:
        # The same, without a Python frame for each look.
        state = property(attrgetter("_state"), doc="The state this signal stands for.")

    @override
    def __str__(self) -> str:
        return self._state.message or ""

    @override
    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._state.__repr_args__())
        return f"{type(self).__name__}({fields})"

    @override
    def __reduce__(self) -> Any:
        # Exceptions lose their cause in a pickle; the state keeps it.
        causes = causes_of(self)
        state = self._state.model_copy(update={"causes": causes}) if causes != self._state.causes else self._state
        extra = {key: value for key, value in self.__dict__.items() if key == "__notes__"}
        return _restored, (type(self), state), extra


def _restored(cls: type[Signal[Any]], state: State[Any]) -> Signal[Any]:
    return cls.of(state)


def _define(cls: type[Signal[Any]]) -> None:
    """Tie a new signal to its state, or refuse it."""
    name = cls.__name__
    state = _declared_state(cls)
    if state is None:
        raise DefinitionError(name, f"say which state it raises: class {name}(Signal[Skipped])")
    if not (isinstance(state, type) and issubclass(state, State)):
        raise DefinitionError(name, f"a signal raises a state, and {state!r} is none")
    origin: type[State[Any]] = origin_of(state)
    if origin.__abstract__:
        ways = ", ".join(kind.__name__ for kind in descendants(origin))
        raise DefinitionError(name, f"{origin.__name__} is abstract; a signal raises one of {ways}")
    with _lock:
        other = _signals.get(origin)
        if other is not None and not _same_name(other, cls):
            raise DefinitionError(
                name, f"{origin.__name__} has a signal already, {other.__module__}.{other.__qualname__}; raise that one"
            )
        for stale in [state for state, signal in _signals.items() if _same_name(signal, cls)]:
            del _signals[stale]  # a notebook defines its classes again
        cls.__state_type__ = origin
        _set_constructor(cls, _Unbuilt(cls, origin))
        _signals[origin] = cls


def _same_name(one: type, other: type) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _declared_state(cls: type[Signal[Any]]) -> Any:
    """Return what stands in the brackets of ``Signal[...]``, also when a class of the same name is defined again."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        if getattr(base, "__origin__", None) is Signal:
            return base.__args__[0]
    for base in cls.__bases__:
        if base is not Signal and issubclass(base, Signal):
            return base.__state_type__  # Signal[S] is the signal of S, once there is one
    return None


def _set_constructor(cls: Any, construct: Callable[..., Any]) -> None:
    cls._construct = staticmethod(construct)


class _Unbuilt:
    """Stand where a signal's constructor of states will be, until it is first raised."""

    def __init__(self, cls: type[Signal[Any]], state: type[State[Any]]) -> None:
        self.cls = cls
        self.state = state

    def __call__(self, fields: dict[str, object]) -> Any:
        construct = narrow(self.state).construct
        _set_constructor(self.cls, construct)
        return construct(fields)


def is_signal(value: object) -> TypeIs[Signal[Any]]:
    """Tell whether a value is a signal."""
    return isinstance(value, Signal)


def signal_type_of(kind: type[KindT]) -> type[Signal[KindT]]:
    """Return the signal class of a state class.

    Raises:
        NoSignal: The class has none; the text prints the line to write.
    """
    origin = origin_of(kind)
    found = _signals.get(origin)
    if found is None:
        raise NoSignal(origin.__name__)
    return found


def signal_of(state: KindT) -> Signal[KindT]:
    """Return the signal of a state: ``signal_of(s).state == s``, and its type is the one signal of ``type(s)``.

    Raises:
        NoSignal: The state's class has none; the text prints the line to write.
    """
    return signal_type_of(type(state)).of(state)


def catching(kind: type[KindT]) -> tuple[type[Signal[KindT]], ...]:
    """Return what ``except`` needs to catch the signals of a kind and of all its descendants.

    ``except catching(Failed) as s:`` catches FAIL, TIMEOUT, ... and those of a user's own failures.
    """
    family = origin_of(kind)
    return tuple(signal for state, signal in _signals.items() if issubclass(state, family))


def describe(exc: BaseException, *, redact: Callable[[str], str] | None = None, traceback: bool = False) -> ErrorInfo:
    """Return the text that a state keeps of an exception.

    Args:
        exc: The exception.
        redact: Called with each text (message, note, traceback) before it is kept; returns what may be kept.
        traceback: Whether the formatted traceback is kept too.
    """

    def clean(said: str) -> str:
        """Redact, and spell out what is no Unicode, such as the name of a file: a state is to be written."""
        kept = said if redact is None else redact(said)
        return kept.encode("utf-8", "backslashreplace").decode()

    kind = type(exc)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    text = None
    if traceback:
        from traceback import format_exception

        text = clean("".join(format_exception(exc)))
    return ErrorInfo(
        type=f"{module}{kind.__qualname__}",
        message=clean(_text_of(exc)),
        notes=tuple(clean(note) for note in getattr(exc, "__notes__", ()) if isinstance(note, str)),
        traceback=text,
    )


def _text_of(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception as broken:
        return f"<str() of it raised {type(broken).__name__}>"


def causes_of(
    signal: Signal[Any], *, redact: Callable[[str], str] | None = None, traceback: bool = False
) -> tuple[ErrorInfo, ...]:
    """Return a signal's causes: those of its state, then those it was raised from, outermost first.

    What a pickle has folded into the state is not taken twice where the cause has come back, too: tblib, which Dask
    loads, teaches pickle to keep the causes of every exception.
    """
    own: tuple[ErrorInfo, ...] = signal.state.causes
    if own and signal.__cause__ is not None:
        plain = chain_of(signal.__cause__)
        if own[-len(plain) :] == plain:
            return own
    return (*signal.state.causes, *chain_of(signal.__cause__, redact=redact, traceback=traceback))


def chain_of(
    cause: BaseException | None, *, redact: Callable[[str], str] | None = None, traceback: bool = False
) -> tuple[ErrorInfo, ...]:
    """Return the descriptions of an exception and of what it was raised from, outermost first.

    A signal in the chain gives its state's causes; a process pool's stand-in for a remote traceback ends it.
    """
    found: list[ErrorInfo] = []
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen and not _is_remote_traceback(cause):
        seen.add(id(cause))
        if is_signal(cause):
            found.extend(cause.state.causes)
        else:
            found.append(describe(cause, redact=redact, traceback=traceback))
        cause = cause.__cause__
    return tuple(found)


def _is_remote_traceback(cause: BaseException) -> bool:
    """Tell the stand-in that a process pool puts where the cause was: it is the pool's, not the task's."""
    kind = type(cause)
    return kind.__name__.lstrip("_") == "RemoteTraceback" and kind.__module__ in (
        "concurrent.futures.process",
        "multiprocessing.pool",
    )


class PEND(Signal[Pending[Any]]):
    """Pending."""


class SCHEDULE(Signal[Scheduled[Any]]):
    """Run it at a time of its own."""


class RESUME(Signal[Resume[Any]]):
    """Go on after a pause."""


class RETRY(Signal[Retrying[Any]]):
    """Run it again, as long as retries are left."""


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
    """Done, as meant, before the end of the code."""


class CACHE(Signal[Cached[Any]]):
    """Done before, and still good."""


class MAP(Signal[Mapped[Any]]):
    """Done, once for each input."""


class SKIP(Signal[Skipped[Any]]):
    """Leave it out; what is downstream goes on as after a success."""


class FAIL(Signal[Failed[Any]]):
    """Not as meant."""


class TIMEOUT(Signal[TimedOut[Any]]):
    """Took longer than it was given."""


class TRIGGERFAIL(Signal[TriggerFailed[Any]]):
    """The states upstream are not what it needs."""


class VALIDATIONFAIL(Signal[ValidationFailed[Any]]):
    """What it was given is not valid."""


class CRASH(Signal[Crashed[Any]]):
    """The machinery below it was lost."""


class CANCEL(Signal[Cancelled[Any]]):
    """Stopped on request."""
