"""The definition of a signal: the state that its class names, and the registry of which signal raises which state.

Nothing here may know `Signal` or one of its subclasses: they are defined by means of this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from typing_extensions import TypeIs

from statesig.errors import DefinitionError, NoSignal
from statesig.states import State
from statesig.states.families import descendants, narrow, one_of, origin_of
from statesig.states.machines import AnyKind, Machine

if TYPE_CHECKING:
    import inspect

__all__ = ["SIGNALS", "Carrier", "Fields", "carries_state", "declared_by", "enter", "no_signal", "raised_by"]

SIGNALS: Final[dict[AnyKind, type[Any]]] = {}
"""The signal of each state that has one."""

_lock = threading.Lock()


class Carrier(BaseException):
    """The base of `Signal` alone: an exception that carries a state."""

    __slots__ = ()

    __state_type__: ClassVar[AnyKind]

    if TYPE_CHECKING:

        @property
        def state(self) -> Any: ...

        @classmethod
        def of(cls, state: Any) -> Self: ...


def carries_state(value: object) -> TypeIs[Carrier]:
    """Tell whether a value is a signal."""
    return issubclass(type(value), Carrier)  # past the `__class__` that an object may claim


def raised_by(cls: type[Carrier]) -> AnyKind:
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
        possible = one_of("a signal raises one of", descendants(origin))
        raise DefinitionError(name, f"{origin.__name__} is abstract; {possible}")
    return origin


def enter(cls: type[Carrier], state: AnyKind) -> None:
    """Register a new signal as the one of its state.

    Raises:
        DefinitionError: The state has another.
    """
    with _lock:
        other = SIGNALS.get(state)
        if other is not None and not _same_name(other, cls):
            taken = f"{state.__name__} has a signal already, {other.__module__}.{other.__qualname__}"
            raise DefinitionError(cls.__name__, f"{taken}; raise that one")
        for stale in [state for state, signal in SIGNALS.items() if _same_name(signal, cls)]:
            del SIGNALS[stale]  # a notebook redefines its classes
        cls.__state_type__ = state
        _set_constructor(cls, _Unbuilt(cls, state))
        SIGNALS[state] = cls


def _same_name(one: type, other: type) -> bool:
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def declared_by(cls: type[Carrier]) -> Any:
    """Return the state in the brackets of a signal's base, also when a class of the same name is defined again."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        if _is_open(getattr(base, "__origin__", None)):
            return base.__args__[-1]
    for base in cls.__bases__:
        if issubclass(base, Carrier) and not _is_open(base):
            return base.__state_type__  # Signal[S] is the signal of S once S has one
    return None


def _is_open(cls: Any) -> bool:
    """Tell whether a class is `Signal` or another base of signals, which has no state."""
    return isinstance(cls, type) and issubclass(cls, Carrier) and "__state_type__" not in cls.__dict__


def _set_constructor(cls: Any, construct: Callable[..., Any]) -> None:
    cls._construct = staticmethod(construct)


class _Unbuilt:
    """Placeholder for a signal's constructor of states; builds it when the signal is first raised."""

    def __init__(self, cls: type[Carrier], state: AnyKind) -> None:
        self.cls = cls
        self.state = state

    def __call__(self, fields: dict[str, object]) -> Any:
        construct = narrow(self.state).construct
        _set_constructor(self.cls, construct)
        return construct(fields)


def no_signal(origin: AnyKind) -> NoSignal:
    """Return the error for a state without a signal; its text shows the line to write."""
    return NoSignal(origin.__name__, "Transition[..., {}]" if issubclass(origin, Machine) else "Signal[{}]")


class Fields:
    """The signature of a signal's constructor: the fields of its state, the message by position too."""

    def __get__(self, signal: Carrier | None, cls: type[Carrier]) -> inspect.Signature:
        import inspect

        given = inspect.signature(cls.__state_type__).parameters.values()  # AttributeError: `Signal` itself has none
        by_place = [each for each in given if each.name == "message"]  # a machine may have none
        others = [each for each in given if each.name != "message"]
        messages = [each.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in by_place]
        return inspect.Signature([*messages, *others])
