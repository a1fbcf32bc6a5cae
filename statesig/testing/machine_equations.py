"""The laws of machines as tables of equations, like those of `equations`. Nothing here may know its caller.

A law is about a kind `a` and another `b` of its machine, a state `s`, None where a history begins, a state `t` that may
follow it, or a walk: a list of states.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic_core import from_json

from statesig.algebra.captures import capture
from statesig.algebra.machines import kind_reached, transition_of
from statesig.algebra.transitions import advance, check_history, is_allowed
from statesig.codec.states import decode, encode
from statesig.errors import EncodeError, IllegalTransition, RefusedTransition
from statesig.signals import signal_of
from statesig.signals.definitions import SIGNALS
from statesig.states import Failed, State, Success
from statesig.states.families import descendants, narrow, origin_of
from statesig.states.machines import Machine, shared_fields
from statesig.testing.equations import ANY_STATE, Pair, Sides, one_signal, parent, raise_

__all__ = ["KIND", "KINDS", "STATE", "STEP", "WALK"]


# ---- kinds


def _refined(a: Any) -> Pair | None:
    signal = SIGNALS.get(a)
    if signal is None or signal.__module__ == a.__top__.__module__:
        return None
    above: Any = parent(a)
    while above not in SIGNALS and above is not a.__top__:
        above = parent(above)
    kinds: tuple[Any, ...] = (None, *descendants(a.__top__))
    sources = [b for b in kinds if is_allowed(b, a)]
    return sources, [b for b in sources if is_allowed(b, above)]


def _left_as_its_parent(a: Any, b: Any) -> Pair:
    return is_allowed(a, b) or not is_allowed(parent(a), b), True


KIND: Mapping[str, Sides] = {
    "signal_type_of(a) is of a, and of no other kind": one_signal,
    "a, whose transition is in another module than the root, follows only what the kind above it follows": _refined,
}

KINDS: Mapping[str, Sides] = {
    "b may follow a where it may follow the kind above a": _left_as_its_parent,
}


# ---- one state


@lru_cache(maxsize=32)
def _entrances(root: Any) -> tuple[Callable[[bytes], Any], ...]:
    """Return the ways in which a document of a machine is read, made once for each root."""
    adapter: TypeAdapter[Any] = TypeAdapter(root)
    holder: type[BaseModel] = create_model("Holder", state=(root, ...))
    return (
        lambda document: decode(document, root),
        root.model_validate_json,
        lambda document: root.model_validate(from_json(document)),
        adapter.validate_json,
        lambda document: getattr(holder.model_validate_json(b'{"state":%b}' % document), "state", None),
    )


def _read_alike(s: Machine) -> Pair | None:
    own: Any = type(s)
    if origin_of(own) is not own:
        return None  # its root is without parameters
    try:
        document = encode(s)
    except EncodeError:
        return None
    found = [read(document) for read in _entrances(own.__top__)]
    classes: list[object] = [type(each) for each in found]
    return (found, classes), ([s] * len(found), [own] * len(found))


def _taken_by_no_other(s: Machine) -> Pair:
    own: Any = type(s)
    tops: list[Any] = [State, *dict.fromkeys(kind.__top__ for kind in descendants(Machine))]
    return [top for top in tops if _takes(top, s)], [own.__top__]


def _takes(root: Any, s: Machine) -> bool:
    try:
        return root.model_validate(s) is not None
    except ValidationError:
        return False


def _has_transition(s: Machine) -> bool:
    return origin_of(type(s)) in SIGNALS


def _transition(s: Machine) -> Pair | None:
    if not _has_transition(s):
        return None
    return (transition_of(s).state is s, type(transition_of(s))), (True, type(signal_of(s)))


def _raised(s: Machine) -> Pair | None:
    if not _has_transition(s):
        return None
    captured: list[State[Any]] = [capture(raise_, transition_of(s))]
    return isinstance(captured[0], Failed), True


def _raised_as_annotated(s: Machine) -> Pair | None:
    if not _has_transition(s):
        return None
    captured: list[State[Any]] = [capture(_annotated(partial(raise_, transition_of(s)), type(s)))]
    return captured, [Success(result=s)]


def _annotated(fn: Callable[[], Any], annotation: object) -> Callable[[], Any]:
    def returning() -> Any:
        return fn()

    returning.__annotations__ = {"return": annotation}
    return returning


STATE: Mapping[str, Sides] = {
    **ANY_STATE,
    "s is read by its root at each entrance: decode, models, their fields, type adapters": _read_alike,
    "no other machine takes s, and no run": _taken_by_no_other,
    "transition_of(s).state is s": _transition,
    "capture(raise_, transition_of(s)) is a failure": _raised,
    "capture(f) == Success(result=s), where f raises transition_of(s) and is annotated with its class": (
        _raised_as_annotated
    ),
}


# ---- steps


def _reached(s: Machine | None, t: Machine) -> str:
    source: Any = s
    try:
        found: object = advance(source, transition_of(t))
    except RefusedTransition:
        return "refused"
    except IllegalTransition:
        return "illegal"
    return "t" if found is t else "another state"


def _judged(s: Machine | None, t: Machine) -> Pair | None:
    if not _has_transition(t):
        return None
    before = copy.deepcopy((s, t))
    expected = "illegal"
    if is_allowed(None if s is None else type(s), type(t)):
        source: Any = s
        expected = "t" if transition_of(t).refuses(source) is None else "refused"
    return (_reached(s, t), s, t), (expected, *before)


def _carried(s: Machine | None, t: Machine) -> Pair | None:
    if not _has_transition(t) or _reached(s, t) != "t":
        return None
    signal: Any = type(transition_of(t))
    target: Any = kind_reached(signal)
    names = () if s is None else shared_fields(type(s), target)
    new = {name: t.__dict__[name] for name in t.model_fields_set if name not in names}
    try:
        expected = narrow(target).validate({**{name: getattr(s, name) for name in names}, **new})
        if _reached(s, expected) != "t":
            return None  # with what is carried over, the guard refuses it
    except ValidationError:
        return None
    made = signal.after(s, **new)
    source: Any = s
    return (made.state, advance(source, made)), (expected, made.state)


STEP: Mapping[str, Sides] = {
    "advance(s, g) is t for g = transition_of(t) if and only if t may follow s and g.refuses(s) is None": _judged,
    "G.after(s, **f).state == T(**shared(s, T) | f), and advance(s, G.after(s, **f)) is that": _carried,
}


# ---- walks


def _legal(walk: list[Machine], more: list[Machine]) -> Pair:
    return check_history(walk), None


def _goes_along(walk: list[Machine], more: list[Machine]) -> Pair:
    history = [*walk, *more]
    before: Machine | None = None
    for state in history:
        if state != before:  # an equal state is no step
            if not _has_transition(state) or _reached(before, state) != "t":
                return check_history(history) is None, False
            before = state
    return check_history(history) is None, True


WALK: Mapping[str, Sides] = {
    "check_history(walk) is None": _legal,
    "check_history(walk + more) is None if and only if advance goes along it": _goes_along,
}
