"""What the constructor of a signal takes: the message, also by position, and the other fields of its state by name.

The types are those that the state's classes declare, wherever they are written, said in the names of the stub. No type
here is that of a value.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import TypeIs, override

from statesig.generics import origin_of
from statesig.models import StateModel
from statesig.signals import Signal
from statesig.sources import Origin, Source, assignment_of, class_of, laid_flat

__all__ = ["Imports", "constructor_of", "is_named_signal", "literal", "unquoted"]

_MAX_LITERAL = 40  # characters that a reader of a stub has use for


def is_named_signal(value: object) -> TypeIs[type[Signal[Any]]]:
    """Tell whether a value is the signal of a state."""
    return isinstance(value, type) and issubclass(value, Signal) and value is not Signal


def constructor_of(signal: type[Signal[Any]], node: ast.ClassDef, source: Source, imports: Imports) -> ast.FunctionDef:
    """Return the constructor of a signal as a statement without a body.

    Args:
        signal: The signal.
        node: The statement that defines it.
        source: Where that stands.
        imports: The names of the stub, to which this adds.
    """
    base = next((base for base in node.bases if source.value(_head(base)) is Signal), node.bases[0])
    declared = base.slice if isinstance(base, ast.Subscript) else base
    anything = ast.Name(imports.name("Any", Origin("typing", "Any")))
    types = _declared_types(signal.__state_type__, _arguments(declared), _Moved(source, imports, {}), anything)
    fields = signal.__state_type__.model_fields
    first = [name for name in fields if name == "message"]
    by_name = [name for name in fields if name != "message"]
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg("self"), *(ast.arg(name, types.get(name, anything)) for name in first)],
        defaults=[_default(fields[name]) for name in first if not fields[name].is_required()],
        kwonlyargs=[ast.arg(name, types.get(name, anything)) for name in by_name],
        kw_defaults=[None if fields[name].is_required() else _default(fields[name]) for name in by_name],
    )
    parts: dict[str, Any] = dict(ast.iter_fields(ast.parse("def __init__() -> None: ...").body[0]))
    parts |= {"args": arguments, "body": []}
    return ast.FunctionDef(**parts)


def _default(field: FieldInfo) -> ast.expr:
    return literal(repr(field.default))


def literal(text: str) -> ast.expr:
    """Return a default as a stub shows it: a short literal as it is, all else as ``...``."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ast.Constant(...)
    return ast.parse(text, mode="eval").body if len(text) <= _MAX_LITERAL else ast.Constant(...)


# ---- the types of fields


def _declared_types(
    model: type[BaseModel], arguments: list[ast.expr], moved: _Moved, anything: ast.expr
) -> dict[str, ast.expr]:
    """Return the declared type of each field of a model with these arguments, the nearest declaration first.

    Args:
        model: A class that is not parametrised.
        arguments: What stands in the brackets behind it.
        moved: Rewrites those, which are written in the module that names the model.
        anything: What an argument stands for that is not given.
    """
    found: dict[str, ast.expr] = {}
    written = class_of(model)
    if written is None:  # made by a call: its fields are of any type
        return found
    source, node = written
    given = [moved(argument) for argument in arguments]
    names = [parameter.__name__ for parameter in model.__pydantic_generic_metadata__["parameters"]]
    given += [_default_argument(name, source, node, moved.imports) or anything for name in names[len(given) :]]
    moved = _Moved(source, moved.imports, dict(zip(names, given, strict=False)))
    for statement in laid_flat(node.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.setdefault(statement.target.id, moved(statement.annotation))
    for base in node.bases:
        parent = origin_of(source.value(_head(base)))
        if isinstance(parent, type) and issubclass(parent, BaseModel) and parent not in (BaseModel, StateModel):
            found = {**_declared_types(parent, _arguments(base), moved, anything), **found}
    return found


def _default_argument(name: str, source: Source, node: ast.ClassDef, imports: Imports) -> ast.expr | None:
    """Return the default of a type parameter: it stands in the class's own brackets or where its variable is made."""
    for parameter in getattr(node, "type_params", ()):
        default = getattr(parameter, "default_value", None)
        if parameter.name == name:
            return default and _Moved(source, imports, {})(default)
    assigned = name in source.origins and assignment_of(source.origins[name])
    if not assigned or not isinstance(assigned[1], ast.Call):
        return None
    found = [keyword.value for keyword in assigned[1].keywords if keyword.arg == "default"]
    return _Moved(assigned[0], imports, {})(found[0]) if found else None


def _head(expression: ast.expr) -> ast.expr:
    return expression.value if isinstance(expression, ast.Subscript) else expression


def _arguments(expression: ast.expr) -> list[ast.expr]:
    if not isinstance(expression, ast.Subscript):
        return []
    inner = expression.slice
    return list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]


# ---- annotations


class Imports:
    """Under which name the stub has what comes from elsewhere."""

    def __init__(self, source: Source) -> None:
        self.origins: dict[str, Origin] = dict(source.origins)

    def name(self, wanted: str, origin: Origin) -> str:
        """Return the stub's name for something, another than the wanted one where that is taken."""
        while self.origins.setdefault(wanted, origin) != origin:
            wanted = f"_{wanted}"
        return wanted


class _Unquoted(ast.NodeTransformer):
    """An annotation without the quotes around its parts, which a stub needs nowhere."""

    def __call__(self, annotation: ast.expr) -> ast.expr:
        return cast("ast.expr", self.visit(copy.deepcopy(annotation)))  # each method below returns an expression

    @override
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return self(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node

    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        form = ast.unparse(node.value).rpartition(".")[2]
        inner = node.slice
        if form == "Annotated" and isinstance(inner, ast.Tuple):
            inner = ast.Tuple([self(inner.elts[0]), *inner.elts[1:]])
        elif form != "Literal":
            inner = self(inner)
        return ast.Subscript(self(node.value), inner)


unquoted: _Unquoted = _Unquoted()


class _Moved(_Unquoted):
    """An annotation of one module so rewritten that it says the same in the stub, its type variables replaced."""

    def __init__(self, source: Source, imports: Imports, arguments: Mapping[str, ast.expr]) -> None:
        self.source = source
        self.imports = imports
        self.arguments = arguments

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.arguments:
            return self.arguments[node.id]
        origin = self.source.origins.get(node.id)
        if origin is None:
            return node
        return self._spelled_out(origin) or ast.Name(self.imports.name(node.id, origin))

    def _spelled_out(self, origin: Origin) -> ast.expr | None:
        """Return what another module's private alias stands for: a private name is not imported."""
        if not (origin.name or "").startswith("_") or origin in self.imports.origins.values():
            return None
        assigned = assignment_of(origin)
        if assigned is None or not isinstance(assigned[1], (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp)):
            return None
        return _Moved(assigned[0], self.imports, {})(assigned[1])

    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if ast.unparse(node.value).rpartition(".")[2] == "Annotated" and isinstance(node.slice, ast.Tuple):
            return self(node.slice.elts[0])  # what else is said of a field is no type
        return super().visit_Subscript(node)
