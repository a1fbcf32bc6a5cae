"""Hypothesis strategies: states of every kind, and their signals.

``st.from_type(Success[int])`` finds them without an import. Running programs must not need this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property, partial
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, overload

import annotated_types
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies._internal import types
from pydantic import AwareDatetime, BaseModel, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo

from statesig.signals import Signal, catching
from statesig.states import Cancelled, Failed, Finished, MapCancelled, MapFailed, Mapped, State, Success, UtcDatetime
from statesig.states.families import StateMeta, StateModel, descendants, narrow, origin_of
from statesig.states.generics import specialised
from statesig.states.json_rules import has_non_finite
from statesig.states.machines import Machine

__all__ = ["Form", "filled", "json_values", "moments", "states", "strategy_for", "strategy_of"]

StateT = TypeVar("StateT", bound=State[Any])


def _shifted(moment: datetime, minutes: int) -> datetime:
    return moment.astimezone(timezone(timedelta(minutes=minutes)))


moments: Final[st.SearchStrategy[datetime]] = st.builds(
    _shifted,
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)),
    st.just(0) | st.integers(-14 * 60, 14 * 60),
)
"""Aware times with any offset from UTC, far enough from the first and the last year to be valid in UTC, too."""


json_values: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
"""Results of undeclared type: text, finite numbers, booleans, None, and lists and mappings of those."""


@overload
def states(kind: None = ...) -> st.SearchStrategy[State[Any]]: ...
@overload
def states(kind: type[StateT]) -> st.SearchStrategy[StateT]: ...
def states(kind: type[State[Any]] | None = None) -> st.SearchStrategy[Any]:
    """Return a strategy of the states of a family: the class and all its descendants, including a user's.

    ``st.from_type(Failed)`` draws Failed only, and ``states(Failed)`` also TimedOut and all its other descendants. For
    an abstract class both are the same.

    Args:
        kind: A class of states, parametrised or not, as in ``states(Finished[int])``; by default any state.
    """
    return st.deferred(lambda: _family(State if kind is None else kind))


_either = st.booleans()


# ---- for st.from_type


def strategy_for(thing: Any) -> st.SearchStrategy[Any] | None:
    """Return the strategy of a class of states or signals, or of `UtcDatetime`; None for any other type."""
    if isinstance(thing, StateMeta):
        return strategy_of(thing)
    if _is_below(thing, Signal):
        return st.deferred(lambda: _signals(thing))
    return moments if thing == UtcDatetime else None


def strategy_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return the strategy of a class of states: of that class only, or of its descendants if it is abstract."""
    return st.deferred(lambda: _family(kind) if kind.__abstract__ else _constructed(kind))


def _signals(signal: type[Signal[Any]]) -> st.SearchStrategy[Any]:
    """Return a strategy of a signal with any state that it can carry.

    For `Signal` itself it is one of all signals of a run, for `Transition` of all those of machines.
    """
    raised: Any = getattr(signal, "__state_type__", None)
    if raised is not None:
        return st.from_type(raised).map(signal.of)
    return st.one_of([st.from_type(one) for one in (catching(State) if signal is Signal else catching(Machine))])


def _family(kind: Any) -> st.SearchStrategy[Any]:
    return st.one_of([st.from_type(member) for member in _members(kind)])


def _members(kind: Any) -> list[Any]:
    """Return the concrete classes of a family with its type arguments, without classes not fully defined yet."""
    found = [specialised(member, kind) for member in descendants(origin_of(kind))]
    return [member for member in found if member is not None and _is_whole(member)]


def _is_whole(cls: Any) -> bool:
    try:
        narrow(cls)
    except PydanticUndefinedAnnotation:
        return False
    return True


def _constructed(cls: Any) -> st.SearchStrategy[Any]:
    return _filled(Form(cls), {})


class Form:
    """A model and the strategies of its fields, made at the first draw, when the class is fully defined."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def __repr__(self) -> str:
        return str(self.cls.__name__)

    @cached_property
    def validate(self) -> Callable[[dict[str, Any]], Any]:
        if _is_below(self.cls, StateModel):
            return narrow(self.cls).validate
        return partial(self.cls.model_validate, by_name=True)

    @cached_property
    def fields(self) -> dict[str, tuple[bool, st.SearchStrategy[Any]]]:
        """For each field, whether it is required, and its strategy."""
        fields: Mapping[str, FieldInfo] = self.cls.model_fields
        return {name: (field.is_required(), _field(self.cls, name, field)) for name, field in fields.items()}


def filled(form: Form, kept: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return a strategy of a model of which some fields are known."""
    return _filled(form, kept)


@st.composite
def _filled(draw: st.DrawFn, form: Form, kept: Mapping[str, Any]) -> Any:
    """Draw a model, sometimes without its optional fields; reject fields that the class or JSON does not allow."""
    validate = form.validate  # first, since it evaluates the annotations
    drawn = ((name, *told) for name, told in form.fields.items() if name not in kept)
    try:
        made = validate(
            {**kept, **{name: draw(values) for name, required, values in drawn if required or draw(_either)}}
        )
    except ValidationError:
        reject()
    if has_non_finite(made):
        reject()  # neither JSON nor equal to itself
    return made


def _field(cls: Any, name: str, field: FieldInfo) -> st.SearchStrategy[Any]:
    if name == "children" and _is_below(cls, tuple(_CHILDREN)):
        return st.deferred(_CHILDREN[next(one for one in _CHILDREN if issubclass(cls, one))])
    return _values(_without_references(field.annotation, cls), tuple(field.metadata))


def _with_one(least: type[State[Any]], others: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy of children, at least one of them of a branch, in any order."""
    few = st.tuples(states(least), st.lists(others, max_size=1))
    return few.flatmap(lambda drawn: st.permutations([drawn[0], *drawn[1]])).map(tuple)


_CHILDREN: Mapping[type[State[Any]], Callable[[], st.SearchStrategy[tuple[Any, ...]]]] = {
    Mapped: lambda: st.lists(states(Success), max_size=3).map(tuple),
    MapFailed: lambda: _with_one(Failed, states(Finished)),
    MapCancelled: lambda: _with_one(Cancelled, states(Success) | states(Cancelled)),
}
"""The children that each class of a mapped task's states takes."""


def _without_references(annotation: Any, cls: Any) -> Any:
    """Return a field's type, with the class in place of Pydantic's references to it.

    Pydantic leaves such references in a parametrised class with a field of the class's type.
    """
    if type(annotation).__name__ == "PydanticRecursiveRef":
        return cls
    origin, args = get_origin(annotation), get_args(annotation)
    resolved = tuple(_without_references(arg, cls) for arg in args)
    if resolved == args:
        return annotation
    return Union[resolved] if origin in (Union, UnionType) else origin[resolved]


# ---- the values of annotated types


def _values(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Return a strategy of the values of a type; of any JSON value if the type is open.

    Hypothesis supplies most of it. This adds Pydantic's constraints on fields, patterns and aware times, and leaves
    out NaN, which JSON lacks.
    """
    named: list[st.SearchStrategy[Any]] = [one for one in metadata if isinstance(one, st.SearchStrategy)]
    if named:
        return named[0]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(args[0], (*annotation.__metadata__, *metadata))
    if annotation in (Any, object) or isinstance(annotation, TypeVar):
        return json_values
    if origin in (Union, UnionType):
        # None first, since Hypothesis shrinks to the first.
        return st.one_of([_values(arg, metadata) for arg in sorted(args, key=lambda arg: arg is not type(None))])
    if origin in _COLLECTIONS and not (origin is tuple and args[-1:] != (...,)):
        return _COLLECTIONS[origin](_values(args[0]), *_size(metadata))
    if origin is tuple:
        return st.tuples(*map(_values, args))
    if origin is dict:
        low, high = _size(metadata)
        return st.dictionaries(_values(args[0]), _values(args[1]), min_size=low, max_size=high)
    return _scalars(annotation, metadata)


def _scalars(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    patterns: list[str] = [one.pattern for one in metadata if getattr(one, "pattern", None) is not None]
    if annotation is str and patterns:
        return st.from_regex(patterns[-1])
    if annotation is AwareDatetime or (annotation is datetime and _IN_UTC in metadata):
        return moments
    if _is_below(annotation, BaseModel) and not _is_registered(annotation):
        return strategy_of(annotation) if isinstance(annotation, StateMeta) else _constructed(annotation)
    if annotation is Decimal:
        return _decimals(metadata)
    constraints = tuple(one for one in metadata if isinstance(one, _CONSTRAINTS))
    constrained: Any = Annotated[(annotation, *constraints)] if constraints else annotation
    found: st.SearchStrategy[Any] = st.from_type(constrained)
    if annotation is float:
        return found.filter(math.isfinite)
    return found.map(_unfolded) if annotation in (datetime, time) else found


def _decimals(metadata: tuple[Any, ...]) -> st.SearchStrategy[Decimal]:
    """Return a strategy of finite decimals within bounds; Hypothesis would compare NaN with them, which raises."""
    low = [Decimal(bound) for bound in _told(metadata, "ge", "gt")]
    high = [Decimal(bound) for bound in _told(metadata, "le", "lt")]
    places: list[int] = _told(metadata, "decimal_places")
    if not (low or high or places):
        return st.from_type(Decimal).filter(Decimal.is_finite)
    drawn = st.decimals(
        max(low, default=None),
        min(high, default=None),
        allow_nan=False,
        allow_infinity=False,
        places=min(places, default=None),
    )
    strict = {*_told(metadata, "gt", "lt")}
    return drawn.filter(lambda value: value not in strict)


def _told(metadata: tuple[Any, ...], *names: str) -> list[Any]:
    """Return what constraints say under some names, those of annotated_types and of Pydantic's `Field`."""
    found = (getattr(one, name, None) for one in metadata for name in names)
    return [value for value in found if value is not None]


def _unfolded(clock: Any) -> Any:
    """Return a time that JSON can say: of one without an offset from UTC, it cannot say the fold."""
    return clock.replace(fold=0) if clock.utcoffset() is None else clock


def _lists(values: st.SearchStrategy[Any], low: int, high: int) -> st.SearchStrategy[Any]:
    return st.lists(values, min_size=low, max_size=high)


def _sets(values: st.SearchStrategy[Any], low: int, high: int) -> st.SearchStrategy[Any]:
    return st.sets(values, min_size=low, max_size=high)


_COLLECTIONS: Mapping[Any, Callable[[st.SearchStrategy[Any], int, int], st.SearchStrategy[Any]]] = {
    list: _lists,
    tuple: lambda values, low, high: _lists(values, low, high).map(tuple),
    set: _sets,
    frozenset: lambda values, low, high: _sets(values, low, high).map(frozenset),
}

_CONSTRAINTS = (
    annotated_types.Ge,
    annotated_types.Gt,
    annotated_types.Le,
    annotated_types.Lt,
    annotated_types.MultipleOf,
    annotated_types.MinLen,
    annotated_types.MaxLen,
    annotated_types.Predicate,
)
_IN_UTC = get_args(UtcDatetime)[1]


def _size(metadata: tuple[Any, ...]) -> tuple[int, int]:
    low = max([one.min_length for one in metadata if isinstance(one, annotated_types.MinLen)], default=0)
    high = min([one.max_length for one in metadata if isinstance(one, annotated_types.MaxLen)], default=low + 3)
    return low, high


def _is_below(cls: object, families: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, families)


def _is_registered(model: object) -> bool:
    """Tell whether a user has registered a strategy for a model; Hypothesis has no public way to ask."""
    return model in getattr(types, "_global_type_lookup", ())
