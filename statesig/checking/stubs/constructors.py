"""The constructor of a signal in a stub: it takes the message by position or name, and its state's fields by name.

A state that writes its own constructor gives its parameters in place of the fields.

Types are read from the annotations of the state's classes, in any module, and rewritten with the stub's names. Never
take a type from a live value.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
from abc import ABC
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Any, Final, Generic, NamedTuple, Protocol, Self, TypeVar, cast, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import Format, TypeIs, get_annotations, override

from statesig.algebra.machines import Transition
from statesig.checking.stubs.sources import Origin, Source, assignment_of, bound_by, class_of, laid_flat
from statesig.signals import Signal
from statesig.states.families import StateModel
from statesig.states.generics import args_of, origin_of

__all__ = ["Imports", "constructor_of", "has_constructor", "is_named_signal", "literal", "unquoted"]

_MAX_LITERAL = 40  # characters; a stub shows longer defaults as `...`


def is_named_signal(value: object) -> TypeIs[type[Signal[Any]]]:
    """Tell whether a value is a class of signals, other than `Signal` itself."""
    return isinstance(value, type) and issubclass(value, Signal) and value not in (Signal, Transition)


def _is_open(value: object) -> bool:
    return value is Signal or value is Transition


def has_constructor(signal: type[Signal[Any]]) -> bool:
    """Tell whether a signal defines a constructor, or inherits one from a class before `Signal`.

    A protocol's constructor does not count: it comes from typing and calls the next one.
    """
    above = signal.__mro__[: signal.__mro__.index(Signal)]
    found = [vars(cls)["__init__"] for cls in above if "__init__" in vars(cls)]
    return any(getattr(each, "__module__", None) not in ("typing", "typing_extensions") for each in found)


def constructor_of(signal: type[Signal[Any]], node: ast.ClassDef, source: Source, imports: Imports) -> ast.FunctionDef:
    """Return the constructor of a signal as a statement without a body.

    Args:
        signal: The signal.
        node: The statement that defines it.
        source: The module that contains the statement.
        imports: The names of the stub; this adds to them.
    """
    kind = signal.__state_type__
    anything = ast.Name(imports.name("Any", Origin("typing", "Any")))
    names = _Names(imports, anything, _name_of(kind, imports) or anything)
    base = next((base for base in node.bases if _is_open(source.value(_head(base)))), None)
    if isinstance(base, ast.Subscript):
        state = _arguments(base)[-1]
        names = dataclasses.replace(names, state=_Moved(source, names)(state))
    own = _constructor_in(kind)
    found, others = (_of_fields(kind, names), None) if own is None else _of_constructor(own, kind, names)
    first = [each for each in found if each.name == "message"]
    by_name = [each for each in found if each.name != "message"]
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg("self"), *(ast.arg(each.name, each.kind) for each in first)],
        defaults=[each.default for each in first if each.default is not None],
        kwonlyargs=[ast.arg(each.name, each.kind) for each in by_name],
        kw_defaults=[each.default for each in by_name],
        kwarg=others,
    )
    parts: dict[str, Any] = dict(ast.iter_fields(ast.parse("def __init__() -> None: ...").body[0]))
    parts |= {"args": arguments, "body": []}
    return ast.FunctionDef(**parts)


def literal(text: str) -> ast.expr:
    """Return a default as a stub shows it: a short literal unchanged, anything else as ``...``."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ast.Constant(...)
    return ast.parse(text, mode="eval").body if len(text) <= _MAX_LITERAL else ast.Constant(...)


# ---- what a signal takes


@dataclasses.dataclass(frozen=True)
class _Parameter:
    """A parameter of a signal: its name, its type, and its default if it has one."""

    name: str
    kind: ast.expr
    default: ast.expr | None


def _of_fields(kind: type[StateModel], names: _Names) -> list[_Parameter]:
    """Return what a signal takes for the fields of its state."""
    types: dict[str, ast.expr] = {}
    for cls, written in _classes_of(kind, _arguments(names.state), names):
        if written is None:  # made by a call: the text gives no types for the fields it adds
            declared = dict.fromkeys(get_annotations(cls, format=Format.FORWARDREF), names.anything)
            types = {**declared, **types}
            continue
        for statement in laid_flat(written.node.body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                types.setdefault(statement.target.id, written.moved(statement.annotation))
    return [
        _Parameter(
            name,
            types.get(name, names.anything),
            None if field.is_required() else _default_of(field),
        )
        for name, field in kind.model_fields.items()
    ]


def _default_of(field: FieldInfo) -> ast.expr:
    """Return a field's default; ``...`` for a value whose type a checker would not see, as that of a NewType."""
    return ast.Constant(...) if _has_new_type(field.annotation) else literal(repr(field.default))


def _has_new_type(annotation: object) -> bool:
    return hasattr(annotation, "__supertype__") or any(map(_has_new_type, get_args(annotation)))


def _constructor_in(kind: type[StateModel]) -> type[Any] | None:
    """Return the class that writes a state's constructor by hand; None if its fields make it."""
    above = kind.__mro__[: kind.__mro__.index(StateModel)]
    return next((cls for cls in above if "__init__" in vars(cls)), None)


def _of_constructor(own: type[Any], kind: type[StateModel], names: _Names) -> tuple[list[_Parameter], ast.arg | None]:
    """Return what a signal takes for the parameters of its state's constructor, and for all others.

    That is anything, where the parameters are not plain: the constructor is overloaded, decorated, or has no source.
    """
    classes = _classes_of(kind, _arguments(names.state), names)
    written = next(written for cls, written in classes if cls is own)
    message = _Parameter("message", ast.parse("str | None", mode="eval").body, ast.Constant(None))
    function = written and _plain_constructor(written.node)
    if written is None or function is None:
        return [message], ast.arg("fields", ast.Name("object"))
    given, moved = function.args, written.moved

    def kind_of(arg: ast.arg) -> ast.expr:
        return moved(arg.annotation) if arg.annotation else names.anything

    placed = [*given.posonlyargs, *given.args]
    defaults = [*given.defaults, *given.kw_defaults]
    takes = [*placed, *given.kwonlyargs]
    ahead: list[ast.expr | None] = [None] * (len(takes) - len(defaults))
    found = [
        _Parameter(arg.arg, kind_of(arg), default and literal(ast.unparse(default)))
        for arg, default in zip(takes, [*ahead, *defaults], strict=True)
    ][1:]
    if given.kwarg is None:
        return found, None
    if all(each.name != "message" for each in found):
        found.insert(0, message)
    return found, ast.arg(given.kwarg.arg, kind_of(given.kwarg))


def _plain_constructor(node: ast.ClassDef) -> ast.FunctionDef | None:
    """Return the constructor that a class writes; None if it is overloaded, decorated or assigned."""
    found = [each for each in laid_flat(node.body) if bound_by(each) == ["__init__"]]
    is_plain = len(found) == 1 and isinstance(found[0], ast.FunctionDef) and not found[0].decorator_list
    return found[0] if is_plain and isinstance(found[0], ast.FunctionDef) else None


# ---- the types of fields


@dataclasses.dataclass(frozen=True)
class _Names:
    """The stub's names for the types of fields.

    Args:
        imports: The names of the stub.
        anything: The name for an undeclared type, ``Any``.
        state: The type to write for ``Self``.
    """

    imports: Imports
    anything: ast.expr
    state: ast.expr


class _Written(NamedTuple):
    """The statement of a class, and what rewrites its annotations in the stub's names."""

    node: ast.ClassDef
    moved: _Moved


def _classes_of(cls: type[Any], given: list[ast.expr], names: _Names) -> Iterator[tuple[type[Any], _Written | None]]:
    """Yield a class and those above it, as far as a user wrote them or statesig, the nearest declaration first.

    Args:
        cls: A class that is not parametrised: a model, or a plain class beside one.
        given: Its type arguments, in the stub's names.
        names: The stub's names.
    """
    parameters = [parameter.__name__ for parameter in _parameters_of(cls)]
    said: dict[object, list[ast.expr]] = {}
    found = class_of(cls)
    if found:
        source, node = found
        defaults = (_default_argument(name, source, node, names) for name in parameters[len(given) :])
        arguments = dict(zip(parameters, [*given, *(each or names.anything for each in defaults)], strict=False))
        moved = _Moved(source, names, arguments)
        said = {origin_of(source.value(_head(base))): [*map(moved, _arguments(base))] for base in node.bases}
        yield cls, _Written(node, moved)
    else:
        arguments = dict(zip(parameters, given, strict=False))
        yield cls, None
    for base in cls.__bases__:
        parent = origin_of(base)
        if parent not in _ROOTS:
            inner = said[parent] if parent in said else [_argument(arg, arguments, names) for arg in args_of(base)]
            yield from _classes_of(parent, inner, names)


_ROOTS: Final = (object, Generic, Protocol, ABC, BaseModel, StateModel)
"""Classes that declare no field."""


def _parameters_of(cls: type[Any]) -> Iterable[TypeVar]:
    """Return the type variables of a class, a model or a plain one."""
    model: Mapping[str, Any] = getattr(cls, "__pydantic_generic_metadata__", {})
    return model["parameters"] if model else getattr(cls, "__parameters__", ())


def _argument(value: object, arguments: Mapping[str, ast.expr], names: _Names) -> ast.expr:
    """Return a type argument of a base class that has no source."""
    if isinstance(value, TypeVar):
        return arguments.get(value.__name__, names.anything)
    return (isinstance(value, type) and _name_of(value, names.imports)) or names.anything


def _name_of(cls: type[Any], imports: Imports) -> ast.expr | None:
    """Return the stub's name for a class; None if it is made by a call or parametrised."""
    first, *rest = cls.__qualname__.split(".")
    if cls is NoneType:
        return ast.Constant(None)
    if not all(map(str.isidentifier, [first, *rest])):
        return None
    name = first if cls.__module__ == "builtins" else imports.name(first, Origin(cls.__module__, first))
    return ast.parse(".".join([name, *rest]), mode="eval").body


def _default_argument(name: str, source: Source, node: ast.ClassDef, names: _Names) -> ast.expr | None:
    """Return the default of a type parameter, from the class's brackets or from the call that makes its variable."""
    for parameter in getattr(node, "type_params", ()):
        default = getattr(parameter, "default_value", None)
        if parameter.name == name:
            return default and _Moved(source, names)(default)
    assigned = name in source.origins and assignment_of(source.origins[name])
    if not assigned or not isinstance(assigned[1], ast.Call):
        return None
    found = [keyword.value for keyword in assigned[1].keywords if keyword.arg == "default"]
    return _Moved(assigned[0], names)(found[0]) if found else None


def _head(expression: ast.expr) -> ast.expr:
    return expression.value if isinstance(expression, ast.Subscript) else expression


def _arguments(expression: ast.expr) -> list[ast.expr]:
    if not isinstance(expression, ast.Subscript):
        return []
    inner = expression.slice
    return list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]


# ---- annotations


class Imports:
    """The names that the stub imports, and their origins."""

    def __init__(self, source: Source) -> None:
        self.origins: dict[str, Origin] = dict(source.origins)

    def name(self, wanted: str, origin: Origin) -> str:
        """Return the stub's name for an origin: the wanted name, with underscores before it if it is taken."""
        while self.origins.setdefault(wanted, origin) != origin:
            wanted = f"_{wanted}"
        return wanted


class _Unquoted(ast.NodeTransformer):
    """Remove the quotes in an annotation: a stub never needs them."""

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
    """Rewrite a module's annotation in the stub's names, and replace its type variables."""

    def __init__(self, source: Source, names: _Names, arguments: Mapping[str, ast.expr] | None = None) -> None:
        self.source = source
        self.names = names
        self.imports = names.imports
        self.arguments = arguments or {}

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.arguments:
            return self.arguments[node.id]
        origin = self.source.origins.get(node.id)
        if origin is None:
            return node
        if self.source.value(node) is Self:
            return self.names.state
        return self._spelled_out(origin) or ast.Name(self.imports.name(node.id, origin))

    @override
    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if self.source.value(node) is Self:
            return self.names.state
        return ast.Attribute(self(node.value), node.attr)

    def _spelled_out(self, origin: Origin) -> ast.expr | None:
        """Return the type behind another module's private alias, since a stub imports no private names."""
        if not (origin.name or "").startswith("_") or origin in self.imports.origins.values():
            return None
        assigned = assignment_of(origin)
        if assigned is None or not isinstance(assigned[1], (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp)):
            return None
        return _Moved(assigned[0], self.names)(assigned[1])

    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        form = ast.unparse(node.value).rpartition(".")[2]
        if form == "Annotated" and isinstance(node.slice, ast.Tuple):
            return self(node.slice.elts[0])  # metadata does not change the type
        if form == "Final":
            return self(node.slice)  # it says nothing of a parameter
        return super().visit_Subscript(node)
