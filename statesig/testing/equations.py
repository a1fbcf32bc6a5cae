"""The laws of the algebra as tables of equations: the text of each law, and a function that returns its two sides.

The function takes kinds or states, and returns None if the law does not apply to them. Nothing here may know its
caller.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, NoReturn

from pydantic import ValidationError
from typing_extensions import TypeIs

from statesig.algebra.captures import capture
from statesig.algebra.joins import EMPTY, Kind, Order, combine, join, kind
from statesig.algebra.leaves import is_composite
from statesig.algebra.merges import Observation, merge
from statesig.algebra.results import bind, fold, recover
from statesig.algebra.results import map as map_result
from statesig.algebra.results import zip as zip_results
from statesig.algebra.transitions import advance, is_allowed, successors
from statesig.codec.states import decode, encode
from statesig.errors import EncodeError, IllegalTransition, NoSignal
from statesig.signals import Signal, signal_of, signal_type_of
from statesig.states import Cancelled, Failed, MetaState, State, Success, has_children
from statesig.states.families import descendants, narrow, origin_of
from statesig.states.generics import parent_of
from statesig.states.machines import AnyKind, Machine

__all__ = [
    "ANY_STATE",
    "JOINS",
    "ONE_KIND",
    "ONE_STATE",
    "THREE_STATES",
    "TWO_KINDS",
    "Pair",
    "Sides",
    "one_signal",
    "parent",
    "raise_",
]

Pair = tuple[object, object]
"""The two sides of an equation."""

Sides = Callable[..., Pair | None]
"""Returns the two sides for kinds or states, or None if the law does not apply to them."""

AnyModel = State[Any] | Machine
"""A state of a run or of a machine."""


def _pair(left: object, right: object) -> Pair:
    return left, right


def _is_state_class(one: object) -> TypeIs[type[State[Any]]]:
    return isinstance(one, type) and issubclass(one, State)


# ---- laws of kinds


def parent(own: AnyKind) -> Any:
    """Return the kind right above a kind."""
    return origin_of(parent_of(own))


def _inherited_successors(a: type[State[Any]]) -> Pair | None:
    above: type[State[Any]] = parent(a)
    return None if above.__abstract__ else (successors(a), successors(above))


def _inherited_arrows(a: Any, b: Any) -> Pair | None:
    if parent(a).__abstract__:
        return None
    return (is_allowed(a, b), is_allowed(b, a) or not is_allowed(b, parent(a))), (is_allowed(parent(a), b), True)


def one_signal(a: Any) -> Pair | None:
    """Return what the signal of a kind is of, and of which others; and the kind, and none."""
    try:
        signal = signal_type_of(a)
    except NoSignal:
        return None
    raised: object = signal.__state_type__
    others = [one.__name__ for one in descendants(a.__top__) if one is not a and _signal_or_none(one) is signal]
    nobody: list[str] = []
    return _pair((raised, others), (a, nobody))


def _signal_or_none(of: Any) -> type[Signal[Any]] | None:
    try:
        return signal_type_of(of)
    except NoSignal:
        return None


ONE_KIND: Mapping[str, Sides] = {
    "successors(a) == successors(the parent of a)": _inherited_successors,
    "signal_type_of(a) is of a, and of no other kind": one_signal,
}

TWO_KINDS: Mapping[str, Sides] = {
    "is_allowed(a, b) == is_allowed(the parent of a, b), and b -> a where b -> the parent of a": _inherited_arrows,
}


def _is_carried(of: Kind) -> bool:
    return of is EMPTY or not (of.__abstract__ or is_composite(of) or origin_of(of) is not of)


def _idempotent(a: Kind, b: Kind, c: Kind, order: Order) -> Pair:
    return join(a, a, order=order), a


def _identity(a: Kind, b: Kind, c: Kind, order: Order) -> Pair:
    return join(EMPTY, a, order=order), a


def _commutative(a: Kind, b: Kind, c: Kind, order: Order) -> Pair:
    return join(a, b, order=order), join(b, a, order=order)


def _closed(a: Kind, b: Kind, c: Kind, order: Order) -> Pair:
    return _is_carried(join(a, b, order=order)), True


def _associative(a: Kind, b: Kind, c: Kind, order: Order) -> Pair:
    return join(a, join(b, c, order=order), order=order), join(join(a, b, order=order), c, order=order)


JOINS: Mapping[str, Sides] = {
    "join(a, a) == a": _idempotent,
    "join(EMPTY, a) == a": _identity,
    "join(a, b) == join(b, a)": _commutative,
    "join(a, b) is of the carrier again": _closed,
    "join(a, join(b, c)) == join(join(a, b), c)": _associative,
}


# ---- laws of one state


def _with_class(state: object) -> Pair:
    """Return a state with its class, since equal states may differ in class: one parametrised, the other not."""
    return _pair(type(state), state)


def _read_back(s: AnyModel) -> Pair | None:
    try:
        written = encode(s)
    except EncodeError:
        return None
    return _with_class(decode(written, type(s))), _with_class(s)


def _read_by_each_ancestor(s: AnyModel) -> Pair | None:
    own: Any = origin_of(type(s))
    if own is not type(s):
        return None  # without its parameters, decoding may give the result another type
    try:
        written = encode(s)
    except EncodeError:
        return None
    families: list[Any] = [cls for cls in own.__mro__ if _is_family(cls)]
    return [decode(written, family) for family in families], [s] * len(families)


def _is_family(cls: Any) -> bool:
    """Tell whether a class is one of states below one root, without parameters."""
    return issubclass(cls, (State, Machine)) and cls is not Machine and origin_of(cls) is cls


def _frozen(s: AnyModel) -> Pair | None:
    fields = list(type(s).model_fields)
    if not fields:
        return None
    name = "message" if "message" in fields else fields[0]
    before = s.model_copy()
    try:
        setattr(s, name, "changed")
    except (AttributeError, ValidationError):
        return s, before
    return f"the {name} could be changed", "a state does not change"


def _result_is_seen(s: State[Any]) -> Pair | None:
    fields = {name: value for name, value in s.__dict__.items() if name in s.model_fields_set}
    other = {name: value for name, value in fields.items() if name != "result"} if s.has_result else fields
    try:
        made: State[Any] = narrow(type(s)).validate(other if s.has_result else {**other, "result": None})
    except ValidationError:
        return None
    return s == made, False


def raise_(signal: Signal[Any]) -> NoReturn:
    """Raise a signal."""
    raise signal


def _signal(s: Any) -> Signal[Any] | None:
    return None if _signal_or_none(type(s)) is None else signal_of(s)


def _signal_and_back(s: AnyModel) -> Pair | None:
    signal = _signal(s)
    return None if signal is None else (signal.state, s)


def _raised_and_captured(s: State[Any]) -> Pair | None:
    signal = _signal(s)
    if signal is None:
        return None
    captured: list[State[Any]] = [capture(raise_, signal)]
    return captured, [s]


def _signal_pickled(s: AnyModel) -> Pair | None:
    signal = _signal(s)
    return None if signal is None else (pickle.loads(pickle.dumps(signal)).state, s)


def _unwrapped(s: State[Any]) -> Pair | None:
    if not s.has_result or isinstance(s.result, (State, Signal)):
        return None
    return capture(s.unwrap), Success(result=s.result)


def _kind_of_itself(s: State[Any]) -> Pair:
    if isinstance(s, MetaState):
        return kind(s), kind(s.state)
    if has_children(s):
        joined: Kind = reduce(join, map(kind, s.children), EMPTY)
        return kind(s), Success if joined is EMPTY else joined
    return kind(s), origin_of(type(s))


def _honest_kind(s: State[Any]) -> Pair:
    own = kind(s)
    return [issubclass(own, branch) for branch in _OUTCOMES], [isinstance(s, branch) for branch in _OUTCOMES]


_OUTCOMES = (Success, Failed, Cancelled)


def _mapped_by_identity(s: State[Any]) -> Pair:
    made = map_result(lambda result: result, s)
    if origin_of(type(made)) is origin_of(type(s)) or not isinstance(s, origin_of(type(made))):
        return made, s
    return (made.message, made.result, made.causes), (s.message, s.result, s.causes)


def _bound_to_unit(s: State[Any]) -> Pair | None:
    if type(s) is not Success and (s.has_result or isinstance(s, MetaState)):
        return None
    return bind(_unit, s), s


def _unit(result: Any) -> Success[Any]:
    return Success(result=result)


def _boxed(result: Any) -> Any:
    return [result]


def _named(result: Any) -> Any:
    return {"result": result}


def _named_and_boxed(result: Any) -> Any:
    return _boxed(_named(result))


def _same(state: State[Any]) -> State[Any]:
    return state


def _pickled(s: AnyModel) -> Pair:
    return _with_class(pickle.loads(pickle.dumps(s))), _with_class(s)


def _copied(s: AnyModel) -> Pair:
    return _with_class(copy.deepcopy(s)), _with_class(s)


def _made_anew(s: AnyModel) -> Pair:
    made = s.model_copy()
    return (made, hash(made)), (s, hash(s))


def _mapped_twice(s: State[Any]) -> Pair:
    return map_result(_boxed, map_result(_named, s)), map_result(_named_and_boxed, s)


def _bound_from_unit(s: State[Any]) -> Pair:
    return bind(_same, _unit(s)), s


def _recovered_by_identity(s: State[Any]) -> Pair:
    return recover(_same, s), s


def _folded(s: State[Any]) -> Pair:
    return fold(s, success=_same, failed=_same, cancelled=_same, unfinished=_same), s


def _merged_with_itself(s: State[Any]) -> Pair:
    return merge(Observation(1, s), Observation(1, s)), Observation(1, s)


ANY_STATE: Mapping[str, Sides] = {
    "decode(encode(s), type(s)) == s, and of the same class": _read_back,
    "decode(encode(s), kind) == s for each kind above s": _read_by_each_ancestor,
    "pickle.loads(pickle.dumps(s)) == s, and of the same class": _pickled,
    "copy.deepcopy(s) == s, and of the same class": _copied,
    "s.model_copy() == s, and has the same hash": _made_anew,
    "s does not change": _frozen,
    "signal_of(s).state == s": _signal_and_back,
    "pickle.loads(pickle.dumps(signal_of(s))).state == s": _signal_pickled,
}
"""The laws of a state, be it of a run or of a machine."""

ONE_STATE: Mapping[str, Sides] = {
    **ANY_STATE,
    "s == t is false where only one of them was given a result": _result_is_seen,
    "capture(raise_, signal_of(s)) == s": _raised_and_captured,
    "capture(s.unwrap) == Success(result=s.result)": _unwrapped,
    "kind(s) is its class, or the kind of the states in it": _kind_of_itself,
    "issubclass(kind(s), branch) == isinstance(s, branch) for Success, Failed and Cancelled": _honest_kind,
    "map(identity, s) == s, as far as its class leaves the type of its result open": _mapped_by_identity,
    "map(f, map(g, s)) == map(f after g, s)": _mapped_twice,
    "bind(unit, s) == s for a plain Success and a state without a result": _bound_to_unit,
    "bind(f, unit(s)) == f(s)": _bound_from_unit,
    "recover(identity, s) == s": _recovered_by_identity,
    "fold(s, success=f, failed=f, cancelled=f, unfinished=f) == f(s)": _folded,
    "merge(o, o) == o for an observation o of s": _merged_with_itself,
}


# ---- laws of several states


def _advanced(s: State[Any], t: State[Any], u: State[Any]) -> Pair | None:
    signal: Any = _signal(t)
    if signal is None:
        return None
    state: Any = s
    try:
        reached = advance(state, signal) is t
    except IllegalTransition:
        reached = False
    return reached, is_allowed(type(s), type(t))


def _compared(s: State[Any], t: State[Any], u: State[Any]) -> Pair:
    alike: bool = (origin_of(type(s)), hash(s)) == (origin_of(type(t)), hash(t))
    return (s == t, alike or s != t), (t == s, True)


def _up_to_order(state: State[Any]) -> object:
    """Return a state as a value to compare, without the order of its causes."""
    fields = {name: value for name, value in state.__dict__.items() if name != "causes"}
    return origin_of(type(state)), fields, frozenset(state.causes), state.has_result


def _combined_kind(s: State[Any], t: State[Any], u: State[Any]) -> Pair:
    made = combine([s, t, u])
    joined: Any = join(join(kind(s), kind(t)), kind(u))
    chain = [cls for cls in joined.__mro__ if _is_constructible(cls)]
    for cls in chain[: chain.index(origin_of(type(made)))]:
        # `combine` skips a class that refuses the combined fields.
        fields = {name: getattr(made, name) for name in made.model_fields_set if name in cls.model_fields}
        if _takes(cls, fields):
            return kind(made), cls
    return kind(made), origin_of(type(made))


def _is_constructible(cls: Any) -> bool:
    if not _is_state_class(cls) or cls.__abstract__ or origin_of(cls) is not cls:
        return False
    return not any(field.is_required() for field in cls.model_fields.values())


def _takes(cls: Any, fields: Mapping[str, object]) -> bool:
    try:
        cls(**fields)
    except ValidationError:
        return False
    return True


def _in_any_order(s: State[Any], t: State[Any], u: State[Any]) -> Pair:
    return _up_to_order(combine([s, t, u])), _up_to_order(combine([u, s, t, s]))


def _observed(states: Iterable[State[Any]]) -> list[Observation[Any]]:
    return [Observation(1, state) for state in states]


def _merged_in_any_order(s: State[Any], t: State[Any], u: State[Any]) -> Pair:
    a, b, c = _observed((s, t, u))
    return merge(a, merge(b, c)), merge(merge(c, a), b)


def _giving(state: State[Any]) -> Callable[[Any], State[Any]]:
    """Return a function that ignores its argument and returns one state."""
    return lambda given: state


def _bound_in_steps(s: State[Any], t: State[Any], u: State[Any]) -> Pair:
    first, then = _giving(t), _giving(u)
    return bind(then, bind(first, s)), bind(lambda result: bind(then, first(result)), s)


def _recovered_in_steps(s: State[Any], t: State[Any], u: State[Any]) -> Pair:
    first, then = _giving(t), _giving(u)
    return recover(then, recover(first, s)), recover(lambda failed: recover(then, first(failed)), s)


def _zipped(s: State[Any], t: State[Any], u: State[Any]) -> Pair:
    swapped = map_result(lambda pair: (pair[1], pair[0]), zip_results(s, t))
    return _up_to_order(zip_results(t, s)), _up_to_order(swapped)


THREE_STATES: Mapping[str, Sides] = {
    "advance(s, signal_of(t)) is t if and only if is_allowed(type(s), type(t))": _advanced,
    "(s == t) == (t == s), and equal states are of one kind with one hash": _compared,
    "kind(combine([s, t, u])) == constructible(join of their kinds)": _combined_kind,
    "combine([s, t, u]) == combine([u, s, t, s]), causes as a set": _in_any_order,
    "merge(s, merge(t, u)) == merge(merge(u, s), t), of observations": _merged_in_any_order,
    "bind(g, bind(f, s)) == bind(f then g, s), where f gives t and g gives u": _bound_in_steps,
    "recover(g, recover(f, s)) == recover(f then g, s), where f gives t and g gives u": _recovered_in_steps,
    "zip(t, s) == map(swapped, zip(s, t)), causes as a set": _zipped,
}
