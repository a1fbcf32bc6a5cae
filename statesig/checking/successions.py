"""The signature of a transition's `after` for the mypy plugin: fields that are carried over may be left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mypy.nodes import ARG_NAMED, ARG_NAMED_OPT, FuncDef, TypeInfo
from mypy.plugin import MethodSigContext
from mypy.types import CallableType, Instance, Type, UnionType, flatten_nested_unions, get_proper_type

from statesig.checking.claims import SIGNAL, TRANSITION, argument_of
from statesig.checking.fields import noted_fields

__all__ = ["succession"]


def succession(ctx: MethodSigContext) -> CallableType:
    """Return what ``SHIP.after`` takes; what it is declared to take, where more cannot be said.

    That is so of a generic transition, since mypy allows no covariant variable in a method, and where a stub says it.
    """
    default = ctx.default_signature
    signal = get_proper_type(default.ret_type)
    if not isinstance(signal, Instance) or signal.type.type_vars or len(default.arg_types) != 2:
        return default
    constructor = signal.type.get("__init__")
    function = constructor.node if constructor is not None and constructor.plugin_generated else None
    made = function.type if isinstance(function, FuncDef) else None
    target = argument_of(signal.type, SIGNAL)
    if not isinstance(made, CallableType) or not isinstance(target, Instance):
        return default
    sources = _sources_of(signal.type)
    takes = list(zip(made.arg_names, made.arg_types, made.arg_kinds, strict=True))[1:]
    kinds = [
        ARG_NAMED_OPT if kind.is_optional() or _is_carried(name or "", sources, target.type) else ARG_NAMED
        for name, _, kind in takes
    ]
    changed: Any = default  # whose method says nothing of its arguments
    taking: CallableType = changed.copy_modified(
        arg_types=[default.arg_types[0], *(of for _, of, _ in takes)],
        arg_kinds=[default.arg_kinds[0], *kinds],
        arg_names=[default.arg_names[0], *(name for name, _, _ in takes)],
    )
    return taking


def _sources_of(signal: TypeInfo) -> list[Type]:
    """Return the states that a transition leaves; None is one where a history begins."""
    left = argument_of(signal, TRANSITION)
    return flatten_nested_unions(left.items) if isinstance(left, UnionType) else [left]


def _is_carried(name: str, sources: Iterable[Type], target: TypeInfo) -> bool:
    """Tell whether a field is taken over from every source."""
    homes = _homes(name, target)
    states = [get_proper_type(source) for source in sources]
    return all(isinstance(state, Instance) and homes & _homes(name, state.type) for state in states)


def _homes(name: str, state: TypeInfo) -> set[str]:
    """Return the classes that declare a field, of those that a state is below."""
    return {base.fullname for base in state.mro if any(name == field for field, _ in noted_fields(base))}
