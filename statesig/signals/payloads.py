"""Signals in Pydantic: each is read and written as its state, and an annotation says which ones are admitted."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from copy import copy
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

from pydantic_core import PydanticSerializationUnexpectedValue, core_schema

from statesig.signals.definitions import SIGNALS, Carrier, carries_state, declared_by, no_signal
from statesig.states import State
from statesig.states.choices import Choice
from statesig.states.families import StateMeta, dump, origin_of, origins_of, read_unforged, rootless, schema_of
from statesig.states.generics import PerClass, kind_of
from statesig.states.machines import AnyKind, Machine
from statesig.states.refusals import misplaced, refused
from statesig.states.unions import check_tops, parts_of

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

__all__ = ["Descendants", "Payload", "payload_of"]


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

    def __call__(self, value: Any, info: core_schema.ValidationInfo) -> Carrier:
        """Return a signal as it is, or with its result validated; or the one that carries a document's state."""
        if not carries_state(value):
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

    def carrying(self, state: State[Any]) -> Carrier:
        """Return the signal of a state that was read.

        Raises:
            ValidationError: Its class has no signal.
        """
        found = SIGNALS.get(origin_of(type(state)))
        if found is None:
            origin: AnyKind = origin_of(type(state))
            raise refused(self.__name__, "no_signal", str(no_signal(origin)), origin.__name__)
        signal: Carrier = found.of(state)
        return signal

    def describe(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema of the states that have a signal."""
        return schema_of(self._described(), handler)

    def _described(self) -> Choice | type[State[Any]]:
        origins = origins_of(self.choice)
        raised = tuple(self.choice.member(origin) for origin in origins if origin in SIGNALS)
        if self.choice.alone is not None:
            return self.choice
        if len(raised) == len(origins) and len(self.choice.kinds) == 1:
            family: type[State[Any]] = self.choice.kinds[0]  # the very family, under one name wherever it is described
            return family
        return Choice(self.__name__, raised, families=False)


def _dumped(signal: Any, info: core_schema.SerializationInfo) -> Any:
    if not carries_state(signal):
        raise PydanticSerializationUnexpectedValue(f"expected a signal, got {type(signal).__name__}")
    return dump(signal.state, info)


def _replaced(signal: Carrier, state: State[Any]) -> Carrier:
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
    if not (isinstance(cls, type) and issubclass(cls, Carrier)):
        raise TypeError(f"a class of states or of signals is asked for, not {asked!r}")
    families = any(isinstance(mark, Descendants) for mark in marks)
    is_any = Carrier in cls.__bases__  # `Signal` itself
    if is_any:
        kinds = tuple(_kinds_in(args[0])) if args else (State,)
        families = families or any(isinstance(arg, typing.TypeVar) for arg in args)
    else:
        kinds = (_declared_for(cls, args),)
    name = "SignalOf" if families else cls.__name__
    if len(kinds) > 1 and not any(isinstance(arg, typing.TypeVar) for arg in args):
        check_tops(kinds)
    listed = " | ".join(kind.__name__ for kind in kinds)
    if not is_any and not families:
        listed = listed.partition("[")[2].removesuffix("]")  # of DRAW[int] and its Drawn[int]
    return Payload(f"{name}[{listed}]" if args or families else name, kinds, families=families)


_payloads: PerClass[Payload] = PerClass(_payload)


def _declared_for(cls: type[Carrier], args: tuple[Any, ...]) -> Any:
    """Return the state of a class of signals, parametrised as that is: of ``DRAW[int]`` it is ``Drawn[int]``."""
    declared = declared_by(cls)
    if isinstance(declared, typing.TypeVar):
        raise TypeError(f"{cls.__name__} is no signal yet; name one below it, or its states, as in Signal[Placed]")
    parameters: tuple[Any, ...] = declared.__pydantic_generic_metadata__["parameters"]
    given = dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))
    return declared[tuple(given.get(one, one) for one in parameters)] if given and parameters else declared


def _kinds_in(arg: Any) -> Iterator[type[State[Any]]]:
    """Yield the classes of states that the argument of ``Signal[...]`` admits."""
    if isinstance(arg, typing.TypeVar):
        bound = Union[arg.__constraints__] if arg.__constraints__ else arg.__bound__
        # Above all machines there is nothing to read.
        parts = [part for part in parts_of(bound) if part is not Machine]
        known = all(isinstance(part, StateMeta) for part in parts) and parts
        yield from cast("list[type[State[Any]]]", parts) if known else [State]
    elif get_origin(arg) in (Union, UnionType):
        for part in get_args(arg):
            yield from _kinds_in(part)
    elif arg is Machine:
        raise TypeError(rootless(Machine))
    elif arg is Any or isinstance(arg, StateMeta):
        yield State if arg is Any else cast("type[State[Any]]", arg)
    else:
        raise TypeError(f"a signal raises a state, not {arg!r}")


class Descendants:
    """Marks an annotation of signals that admits those of the descendants, too."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return payload_of(Annotated[source, self]).schema()
