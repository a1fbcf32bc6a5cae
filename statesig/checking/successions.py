"""The signature of a transition's `after` for the mypy plugin: fields that are carried over may be left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mypy.nodes import ARG_NAMED, ARG_NAMED_OPT, FuncDef, MypyFile, TypeInfo
from mypy.plugin import MethodSigContext
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    NoneType,
    ProperType,
    Type,
    TypeVarType,
    UnionType,
    flatten_nested_unions,
    get_proper_type,
)

from statesig.checking.claims import SIGNAL, STATE, TRANSITION, argument_of, is_state, root_of
from statesig.checking.fields import named_in

__all__ = ["fault_elsewhere", "fault_of_way", "signal_above", "succession", "succession_by_class"]


def succession(ctx: MethodSigContext) -> CallableType:
    """Return what ``SHIP.after`` takes; what it is declared to take, where more cannot be said.

    That is so of a generic transition, since mypy allows no covariant variable in a method, and where a stub says it.
    """
    default = ctx.default_signature
    return _taking(get_proper_type(default.ret_type), ctx) if len(default.arg_types) == 2 else default


def succession_by_class(ctx: MethodSigContext) -> CallableType:
    """Return what ``orders.advance("o-1", SHIP, tracking="T-9")`` takes, which is what ``SHIP.after`` does."""
    given = ctx.args[1] if len(ctx.args) == len(ctx.default_signature.arg_types) else []
    kind = get_proper_type(ctx.api.get_expression_type(given[0])) if given else None
    if isinstance(kind, CallableType) and kind.is_type_obj():
        return _taking(get_proper_type(kind.ret_type), ctx)
    return ctx.default_signature


def _taking(signal: ProperType, ctx: MethodSigContext) -> CallableType:
    """Return the signature of a method with the fields of a transition's new state in place of its last argument."""
    default = ctx.default_signature
    if not isinstance(signal, Instance) or signal.type.type_vars or not signal.type.has_base(TRANSITION):
        return default
    constructor = signal.type.get("__init__")
    function = constructor.node if constructor is not None and constructor.plugin_generated else None
    made = function.type if isinstance(function, FuncDef) else None
    target = argument_of(signal.type, SIGNAL)
    if not isinstance(made, CallableType) or not isinstance(target, Instance):
        return default
    sources = _sources_of(signal.type)
    takes = list(zip(made.arg_names, made.arg_types, made.arg_kinds, strict=True))[1:]
    checker: Any = ctx.api  # the public interface does not show modules
    carried = {name for name, _, _ in takes if name and _is_carried(name, sources, target.type, checker.modules)}
    kinds = [ARG_NAMED_OPT if kind.is_optional() or name in carried else ARG_NAMED for name, _, kind in takes]
    changed: Any = default  # whose method says nothing of its arguments
    taking: CallableType = changed.copy_modified(
        arg_types=[*default.arg_types[:-1], *(of for _, of, _ in takes)],
        arg_kinds=[*default.arg_kinds[:-1], *kinds],
        arg_names=[*default.arg_names[:-1], *(name for name, _, _ in takes)],
    )
    return taking


def fault_of_way(signal: TypeInfo, target: Instance) -> str | None:
    """Return why a new signal must not lead to a state from where it does, or None.

    Args:
        signal: The class of signals.
        target: The state that it raises.
    """
    name, root = target.type.name, root_of(target.type)
    if not signal.has_base(TRANSITION):
        way = f"class {signal.name}(Transition[..., {name}]), None for the beginning"
        return None if root.fullname == STATE else f"say which state it leaves: {way}"
    if root.fullname == STATE:
        return f"the table says what {name} may follow; write Signal[{name}]"
    for source in map(get_proper_type, _sources_of(signal)):
        if not isinstance(source, Instance) or not is_state(source.type):
            continue
        top = root_of(source.type)
        if top is not root:
            whose = "a run" if top.fullname == STATE else top.name
            mixed = f"{source.type.name} is a state of {whose} and {name} one of {root.name}"
            return f"{mixed}; a signal leads from a state to another of one machine"
        if any(not isinstance(get_proper_type(arg), (TypeVarType, AnyType)) for arg in source.args):
            return f"a source means its subclasses, too; write {source.type.name}"
    return None


def fault_elsewhere(signal: TypeInfo, target: Instance, signal_of: Callable[[TypeInfo], TypeInfo | None]) -> str | None:
    """Return why a transition in another module than the root's must not lead to a state from where it does, or None.

    It may only refine: lead to a kind below another, from where that one is reached, too.

    Args:
        signal: The class of transitions.
        target: The state that it raises.
        signal_of: Returns the signal of a state; None if it has none.
    """
    root = root_of(target.type)
    if root.fullname == STATE or signal.module_name == root.module_name:
        return None
    above = signal_above(target.type, signal_of)
    allowed = [] if above is None else [get_proper_type(source) for source in _sources_of(above)]
    surplus = [source for source in map(get_proper_type, _sources_of(signal)) if not _is_among(source, allowed)]
    if not surplus:
        return None
    known, named = (", ".join(map(_name_of, kinds)) for kinds in (allowed, surplus))
    follows = f"elsewhere {target.type.name} follows {known or 'nothing'}, not {named}"
    return f"the ways of {root.name} are said in {root.module_name}; {follows}"


def signal_above(state: TypeInfo, signal_of: Callable[[TypeInfo], TypeInfo | None]) -> TypeInfo | None:
    """Return the signal of the nearest kind above a state that has one; None if none has."""
    above = next((base.type for base in state.bases if is_state(base.type)), None)
    return None if above is None else signal_of(above) or signal_above(above, signal_of)


def _is_among(source: ProperType, allowed: Iterable[ProperType]) -> bool:
    """Tell whether a source is one of some kinds or below one; a type that is no state is another error's."""
    if isinstance(source, Instance):
        kinds = [kind.type.fullname for kind in allowed if isinstance(kind, Instance)]
        return any(source.type.has_base(kind) for kind in kinds)
    return not isinstance(source, NoneType) or any(isinstance(kind, NoneType) for kind in allowed)


def _name_of(source: ProperType) -> str:
    return source.type.name if isinstance(source, Instance) else "None"


def _sources_of(signal: TypeInfo) -> list[Type]:
    """Return the states that a transition leaves; None is one where a history begins."""
    left = argument_of(signal, TRANSITION)
    return flatten_nested_unions(left.items) if isinstance(left, UnionType) else [left]


def _is_carried(name: str, sources: Iterable[Type], target: TypeInfo, modules: Mapping[str, MypyFile]) -> bool:
    """Tell whether a field is taken over from every source."""
    homes = _homes(name, target, modules)
    states = [get_proper_type(source) for source in sources]
    return all(isinstance(state, Instance) and homes & _homes(name, state.type, modules) for state in states)


def _homes(name: str, state: TypeInfo, modules: Mapping[str, MypyFile]) -> set[str]:
    """Return the classes that declare a field, of those that a state is below."""
    return {base.fullname for base in state.mro if any(name == field for field, _ in named_in(base, modules))}
