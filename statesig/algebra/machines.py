"""Transitions of a user's own machines: signals that say which states they leave, so that checkers know the arrows.

The classes of transitions are the table of their machine; nothing else may keep one.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, Union, cast

from typing_extensions import TypeVar

from statesig.algebra.tables import table_of
from statesig.errors import DefinitionError, IllegalTransition, RefusedTransition
from statesig.signals import Signal, signal_type_of
from statesig.signals.definitions import declared_by, enter, raised_by
from statesig.states import State
from statesig.states.descriptions import no_state
from statesig.states.families import StateModel, origin_of
from statesig.states.generics import args_of, kind_of, parent_of
from statesig.states.machines import Machine, shared_fields
from statesig.states.unions import parts_of

__all__ = ["Transition", "check_guard", "illegal", "is_guarded", "kind_reached", "transition_of"]

SourceT = TypeVar("SourceT", bound=Union[Machine, None], contravariant=True)
TargetT = TypeVar("TargetT", bound=Machine, covariant=True)
MachineT = TypeVar("MachineT", bound=Machine)


class Transition(Signal[TargetT], Generic[SourceT, TargetT]):
    """A signal of a machine of your own: it leads from the states it names to one state.

    ``class SHIP(Transition[Placed, Shipped]): ...`` is the whole definition. Its source may be a union, a group (an
    abstract class) or ``None``, where a history begins; a source means its subclasses, too. `advance` with a state that
    is no source is an error for every type checker, and raises `IllegalTransition`.

    Args:
        fields: The fields of the new state. `after` takes over those that both states have from one class.

    Raises:
        ValidationError: A field does not fit; no signal is made.
    """

    __slots__ = ()

    __sources__: ClassVar[tuple[type[Machine] | type[None], ...]]
    __carried__: ClassVar[dict[type, tuple[str, ...]]]
    __guarded__: ClassVar[bool]
    __plain__: ClassVar[bool]  # whether it has no constructor of its own

    @classmethod
    def after(cls, source: SourceT, /, **new: object) -> Self:
        """Return the signal that leads on from a state: ``SHIP.after(placed, tracking="T-9")``.

        The new state takes over each field that it and the source have from one class (their root, a group, a mixin),
        unless it is given anew. ``advance(s, G.after(s, **new)) == G.after(s, **new).state``.

        Args:
            source: The current state; None where a history begins.
            new: The other fields of the new state.

        Raises:
            IllegalTransition: The transition does not leave such a state.
            RefusedTransition: Its guard refuses to leave this one.
            TypeError: Its guard returns neither None nor a text.
            ValidationError: A field does not fit.
        """
        carried = cls.__carried__[type(source)]
        if carried:
            kept = source.__dict__
            for name in carried:
                if name not in new:
                    new[name] = kept[name]
        signal = cls._made(new) if cls.__plain__ else cls(**cast("dict[str, Any]", new))
        if cls.__guarded__:
            check_guard(source, signal)
        return signal

    def refuses(self, source: SourceT) -> str | None:
        """Return why this transition must not leave a state although its kind allows it; None: it may.

        Override it to guard a transition; `self.state` is the new state. It must not change anything.

        Args:
            source: The state to leave, of one of the transition's sources.
        """
        return None

    if not TYPE_CHECKING:

        @classmethod
        def _define(cls):
            if Signal in cls.__bases__:
                return  # the class above
            state = _target_of(cls)
            sources = tuple(_sources_of(cls, state))
            _check_ways(cls, state, sources)
            enter(cls, state)
            cls.__sources__ = sources
            cls.__carried__ = _Carried(cls)
            cls.__guarded__ = cls.refuses is not Transition.refuses
            cls.__plain__ = cls.__init__ is Signal.__init__


class _Carried(dict[type, tuple[str, ...]]):
    """For one transition: the names of the fields that it takes over, by the class of the source."""

    def __init__(self, signal: type[Transition[Any, Any]]) -> None:
        super().__init__()
        self.signal = signal

    def __missing__(self, source: type) -> tuple[str, ...]:
        self[source] = found = self._find(source)
        return found

    def _find(self, source: Any) -> tuple[str, ...]:
        if source is not NoneType and not issubclass(source, StateModel):
            raise TypeError(f"{self.signal.__name__}.after takes a state, or None, not {source.__name__}")
        if not issubclass(source, self.signal.__sources__):
            raise illegal(source, kind_reached(self.signal))
        return () if source is NoneType else shared_fields(source, kind_reached(self.signal))


def transition_of(state: MachineT) -> Transition[Any, MachineT]:
    """Return the transition that leads to a state of a machine: ``transition_of(s).state is s``.

    It is for states that come from outside: `advance` with it is checked when it runs alone.

    Raises:
        NoSignal: The state's class has no transition; the text shows the line to write.
        TypeError: It is no state of a machine.
    """
    kind = kind_of(state)
    if issubclass(kind, State):
        raise TypeError(f"transition_of takes a state of a machine; {kind.__name__} is one of a run")
    if not issubclass(kind, Machine):
        raise no_state("transition_of", state)
    signal: Any = signal_type_of(type(state))
    found: Transition[Any, MachineT] = signal.of(state)
    return found


def kind_reached(signal: Transition[Any, Any] | type[Transition[Any, Any]]) -> type[Machine]:
    """Return the kind of state to which a transition leads."""
    kind: Any = signal.__state_type__
    return cast("type[Machine]", kind)


# ---- what is refused


def illegal(source: type, target: type[Machine]) -> IllegalTransition:
    """Return the error for a target that no transition leads to from a kind; `NoneType`: where a history begins."""
    if source is NoneType:
        return IllegalTransition("the beginning", target.__name__, _names(table_of(target).first))
    origin: type[Machine] = origin_of(source)
    return IllegalTransition(origin.__name__, target.__name__, _names(table_of(origin).successors(origin)))


def _names(kinds: Iterable[type]) -> list[str]:
    return [kind.__name__ for kind in kinds]


def is_guarded(signal: Any) -> bool:
    """Tell whether a class of transitions has a guard."""
    guarded: bool = signal.__guarded__
    return guarded


def check_guard(source: Machine | None, signal: Transition[Any, Any]) -> None:
    """Refuse a transition whose guard refuses to leave a state.

    Raises:
        RefusedTransition: `refuses` gave a reason.
        TypeError: It gave something else.
    """
    reason = cast("object", signal.refuses(source))
    if reason is None:
        return
    if not isinstance(reason, str) or not reason.strip():
        returned = "an empty text" if isinstance(reason, str) else f"a value of class {type(reason).__name__}"
        raise TypeError(f"{type(signal).__name__}.refuses returned {returned}; return None, or a text that says why")
    error = illegal(type(source), kind_reached(signal))
    raise RefusedTransition(error.source, error.target, error.possible, reason)


# ---- definitions


def _target_of(cls: type[Transition[Any, Any]]) -> type[Machine]:
    """Return the kind to which a new transition leads, or refuse the definition."""
    target = declared_by(cls)
    name = cls.__name__
    if target is None:
        raise DefinitionError(name, f"say which states it leads from and to: class {name}(Transition[Draft, Placed])")
    if isinstance(target, type) and issubclass(target, State):
        state = origin_of(target).__name__
        raise DefinitionError(name, f"the table says what {state} may follow; write Signal[{state}]")
    return cast("type[Machine]", raised_by(cls))


def _sources_of(cls: type[Transition[Any, Any]], target: type[Machine]) -> Iterator[type[Machine] | type[None]]:
    """Yield the kinds that a new transition leaves, or refuse the definition."""
    root: Any = target.__top__
    for source in parts_of(_declared_source(cls)):
        if source is None or source is NoneType:
            yield NoneType
            continue
        if getattr(source, "__top__", None) is None:
            raise DefinitionError(cls.__name__, f"a transition leaves states of a machine, not {source!r}")
        origin = origin_of(source)
        if origin.__top__ is not root:
            whose = "a run" if origin.__top__ is State else origin.__top__.__name__
            mixed = f"{origin.__name__} is a state of {whose} and {target.__name__} one of {root.__name__}"
            remedy = "a signal leads from a state to another of one machine"
            raise DefinitionError(cls.__name__, f"{mixed}; {remedy}")
        if any(not isinstance(arg, typing.TypeVar) for arg in args_of(source)):
            raise DefinitionError(cls.__name__, f"a source means its subclasses, too; write {origin.__name__}")
        yield origin


def _declared_source(cls: Any) -> Any:
    """Return the first argument of ``Transition[...]``; a transition below another has that one's."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        if getattr(base, "__origin__", None) is Transition:
            return base.__args__[0]
    return Union[cls.__sources__]


def _check_ways(
    cls: type[Transition[Any, Any]], target: type[Machine], sources: Sequence[type[Machine] | type[None]]
) -> None:
    """Refuse a new way outside of the root's module, so that whoever reads that module knows all ways of the machine.

    There a transition may only refine one: to a kind below another, from where that one is reached, too.
    """
    root: Any = target.__top__
    reached = table_of(target).signals
    other = reached.get(target)
    is_taken = other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__)
    if is_taken or cls.__module__ == root.__module__:
        return  # a second signal of one state is refused with another sentence
    above = origin_of(parent_of(target))
    while above is not root and above not in reached:
        above = origin_of(parent_of(above))
    allowed = () if above is root else cast("type[Transition[Any, Any]]", reached[above]).__sources__
    surplus = [source for source in sources if not issubclass(source, allowed)]
    if surplus:
        known, named = (", ".join(map(_name_of_source, kinds)) for kinds in (allowed, surplus))
        follows = f"elsewhere {target.__name__} follows {known or 'nothing'}, not {named}"
        raise DefinitionError(cls.__name__, f"the ways of {root.__name__} are said in {root.__module__}; {follows}")


def _name_of_source(source: type) -> str:
    return "None" if source is NoneType else source.__name__
