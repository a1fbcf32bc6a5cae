"""The `after` of a transition in a stub: it takes the source, and of the new state's fields those not carried over."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable
from typing import Any

from statesig.algebra.machines import Transition, kind_reached
from statesig.checking.stubs.constructors import Imports, unquoted
from statesig.checking.stubs.sources import Origin, Source
from statesig.states.machines import Machine, shared_fields

__all__ = ["after_of"]


def after_of(
    signal: type[Any], node: ast.ClassDef, constructor: ast.FunctionDef, source: Source, imports: Imports
) -> ast.FunctionDef | None:
    """Return the method as a statement without a body.

    None for a signal that is no transition, and for a generic one: checkers allow no covariant variable in a method.

    Args:
        signal: The signal.
        node: The statement that defines it.
        constructor: Its constructor in the stub.
        source: The module that contains the statement.
        imports: The names of the stub; this adds to them.
    """
    left = _left_by(node, source)
    if left is None or signal.__parameters__:
        return None
    carried = _carried(signal)
    given = [*zip(constructor.args.args[1:], _defaults_of(constructor), strict=True)]
    given += zip(constructor.args.kwonlyargs, constructor.args.kw_defaults, strict=True)
    arguments = ast.arguments(
        posonlyargs=[ast.arg("cls"), ast.arg(_free("source", given), unquoted(left))],
        args=[],
        defaults=[],
        kwonlyargs=[copy.deepcopy(arg) for arg, _ in given],
        kw_defaults=[ast.Constant(...) if arg.arg in carried else copy.deepcopy(default) for arg, default in given],
        kwarg=copy.deepcopy(constructor.args.kwarg),
    )
    returned = ast.Name(imports.name("Self", Origin("typing", "Self")))
    decorators: list[ast.expr] = [ast.Name("classmethod")]
    parts: dict[str, Any] = dict(ast.iter_fields(constructor))
    parts |= {"name": "after", "args": arguments, "decorator_list": decorators, "returns": returned}
    method = ast.FunctionDef(**parts)
    vars(method)["ignored"] = _IGNORED  # as of a method that has it in a source
    return method


_IGNORED = "  # type: ignore[override]  # ty: ignore[incompatible-method-override]"
"""It takes less than `Transition.after`, of any field, says: so does a constructor, which checkers let pass."""


def _free(name: str, given: Iterable[tuple[ast.arg, ast.expr | None]]) -> str:
    """Return a name for a parameter that no other has."""
    while any(arg.arg == name for arg, _ in given):
        name = f"_{name}"
    return name


def _left_by(node: ast.ClassDef, source: Source) -> ast.expr | None:
    """Return what a transition leaves, as its definition writes it."""
    for base in node.bases:
        if isinstance(base, ast.Subscript) and source.value(base.value) is Transition:
            return base.slice.elts[0] if isinstance(base.slice, ast.Tuple) else None
    return None


def _carried(signal: type[Transition[Any, Any]]) -> set[str]:
    """Return the fields that are taken over from every source."""
    target = kind_reached(signal)
    found = set(target.model_fields)
    for source in signal.__sources__:
        found &= set(shared_fields(source, target)) if issubclass(source, Machine) else set[str]()
    return found


def _defaults_of(constructor: ast.FunctionDef) -> list[ast.expr | None]:
    """Return the default of each parameter that may be given by position, `self` left out."""
    defaults = constructor.args.defaults
    return [*[None] * (len(constructor.args.args) - 1 - len(defaults)), *defaults]
