"""Attributes that the methods of a class assign, with types from the source text.

A type comes from an annotation, a parameter, a literal, or a call of a class; any other attribute is declared as Any.
Never take a type from a live value.
"""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel

from statesig.checking.stubs.constructors import Imports, unquoted
from statesig.checking.stubs.sources import Function, Origin, Source, bound_by, class_of, laid_flat

__all__ = ["assigned_attributes", "type_of_literal"]

_NONE = ast.Constant(None)


def type_of_literal(value: ast.expr) -> ast.expr | None:
    """Return a literal's type where all checkers infer the same, else None: ``dict[str, int]`` for ``{"a": 1}``."""
    match value:
        case ast.Constant(value=None):
            return _NONE
        case ast.Constant():
            return None if value.value is ... else ast.Name(type(value.value).__name__)
        case ast.JoinedStr():
            return ast.Name("str")
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            return type_of_literal(value.operand)
        case ast.Tuple(elts=[_, *_]):
            items = [type_of_literal(item) for item in value.elts]
            found = [item for item in items if item]
            return ast.Subscript(ast.Name("tuple"), ast.Tuple(found)) if len(found) == len(items) else None
        case ast.List():
            return _collection("list", value.elts)
        case ast.Set():
            return _collection("set", value.elts)
        case ast.Dict():
            return _collection("dict", value.keys, value.values)
        case _:
            return None


def _collection(name: str, *parts: Iterable[ast.expr | None]) -> ast.expr | None:
    """Return ``name[part, ...]``, or None if a part is empty or mixes types."""
    found: list[ast.expr] = []
    for part in parts:
        types = [item and type_of_literal(item) for item in part]
        if len({each and ast.unparse(each) for each in types}) != 1 or types[0] is None:
            return None
        found.append(types[0])
    return ast.Subscript(ast.Name(name), found[0] if len(found) == 1 else ast.Tuple(found))


def assigned_attributes(node: ast.ClassDef, cls: type[Any], source: Source, imports: Imports) -> list[ast.stmt]:
    """Return a declaration for each attribute that the methods of a class assign and its body does not declare.

    Args:
        node: The class's statement.
        cls: The class.
        source: The module that defines it.
        imports: The names of the stub; this adds to them.
    """
    if issubclass(cls, BaseModel):  # a model's attributes are its fields
        return []
    body = laid_flat(node.body)
    declared = {name for statement in body if not _is_none(statement) for name in bound_by(statement)}
    known = declared | _inherited(cls)
    found: dict[str, list[_Assigned]] = {}
    for method in body:
        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for assigned in _assigned(method):
                if assigned.name not in declared and (assigned.annotation or assigned.name not in known):
                    found.setdefault(assigned.name, []).append(assigned)
    classwide = {name for statement in body if _is_none(statement) for name in bound_by(statement)}
    types = _Types(source, imports, body)
    return [_declaration(name, places, types, cls, name in classwide) for name, places in found.items()]


def _is_none(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``x = None``: checkers then infer the type from the methods' assignments."""
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value is None
    )


def _inherited(cls: type[Any]) -> set[str]:
    """Return the names that the base classes declare, and the attributes that their methods assign."""
    found: set[str] = set()
    for base in cls.__mro__[1:]:
        found.update(vars(base))
        _, node = class_of(base) or (None, None)
        for statement in laid_flat(node.body) if node else ():
            found.update(bound_by(statement))
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.update(assigned.name for assigned in _assigned(statement))
    return found


# ---- where attributes are assigned


@dataclasses.dataclass(frozen=True)
class _Assigned:
    """One assignment of an attribute in a method; without a value if it is unpacked or bound by `for` or `with`."""

    name: str
    method: Function
    annotation: ast.expr | None = None
    value: ast.expr | None = None


def _assigned(method: Function) -> Iterator[_Assigned]:
    """Yield each assignment that a method makes to an attribute of its first parameter."""
    positional = [*method.args.posonlyargs, *method.args.args]
    decorators = {ast.unparse(decorator) for decorator in method.decorator_list}
    if not positional or decorators & {"staticmethod", "classmethod"}:
        return
    this = positional[0].arg
    for node in _own_parts(method.body):
        if isinstance(node, ast.AnnAssign) and _is_of(this, node.target):
            yield _Assigned(_attribute(node.target), method, node.annotation, node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if _is_of(this, target):
                    yield _Assigned(_attribute(target), method, None, node.value)
                elif isinstance(target, (ast.Tuple, ast.List)):
                    yield from (_Assigned(_attribute(part), method) for part in ast.walk(target) if _is_of(this, part))
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            yield from (_Assigned(_attribute(part), method) for part in ast.walk(node.target) if _is_of(this, part))
        elif isinstance(node, ast.withitem) and node.optional_vars:
            parts = ast.walk(node.optional_vars)
            yield from (_Assigned(_attribute(part), method) for part in parts if _is_of(this, part))


def _own_parts(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body in order, skipping nested functions and classes."""
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield node
            yield from _own_parts(ast.iter_child_nodes(node))


def _is_of(this: str, node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == this


def _attribute(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""


# ---- types of attributes


def _declaration(
    name: str, places: list[_Assigned], types: _Types, cls: type[Any], is_none_in_class: bool
) -> ast.AnnAssign | ast.Assign:
    target = ast.Name(name, ast.Store())
    annotation, value = types.declared(places), None
    if annotation is None and len(places) == 1 and not issubclass(cls, Enum) and types.is_of_module(places[0]):
        return ast.Assign(targets=[target], value=copy.deepcopy(places[0].value or _NONE), lineno=0)
    if annotation is None:
        annotation = ast.Name(types.imports.name("Any", Origin("typing", "Any")))
    elif is_none_in_class and ast.unparse(annotation) != "None":
        annotation = ast.BinOp(annotation, ast.BitOr(), _NONE)
    if dataclasses.is_dataclass(cls):  # otherwise checkers would make it a parameter of the constructor
        field = types.imports.name("field", Origin("dataclasses", "field"))
        value = ast.Call(ast.Name(field), [], [ast.keyword("init", ast.Constant(False))])
    return ast.AnnAssign(target=target, annotation=annotation, value=value, simple=1)


class _Types:
    """The types of expressions in the methods of a class, from the source text alone."""

    def __init__(self, source: Source, imports: Imports, body: Iterable[ast.stmt]) -> None:
        self.source = source
        self.imports = imports
        self.declarations = {
            statement.target.id: statement.annotation
            for statement in body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        }

    def declared(self, places: list[_Assigned]) -> ast.expr | None:
        """Return the type of an attribute: its first annotation, else the union of its values' types."""
        for place in places:
            if place.annotation is not None:
                return self._annotation(place.annotation, place)
        first, *others = (place.value and self.of(place.value, place.method) for place in places)
        # If the first value's type is known, later unknown ones are left out: checkers hold them against the first.
        return first and _union([first, *(each for each in others if each)])

    def _annotation(self, annotation: ast.expr, place: _Assigned) -> ast.expr | None:
        if ast.unparse(annotation).rpartition(".")[2] == "Final":  # bare: the value gives the type
            inner = place.value and self.of(place.value, place.method)
            return ast.Subscript(annotation, inner) if inner else annotation
        return unquoted(annotation)

    def of(self, value: ast.expr, method: Function) -> ast.expr | None:
        """Return the type of an expression, or None if the text does not say it."""
        match value:
            case ast.Name():
                return self._of_local(value.id, method)
            case ast.Attribute(value=ast.Name(), attr=name) if name in self.declarations and _reads_self(value, method):
                return unquoted(self.declarations[name])
            case ast.IfExp():
                return self._either(self._unless_none(value.body, value.test, method), value.orelse, method)
            case ast.BoolOp(op=ast.Or(), values=[first, second]):
                found = self.of(first, method)
                return self._either(found and _without_none(found), second, method)
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return ast.Name("bool")
            case ast.Call() if self._is_plain_class(value.func, method):
                return copy.deepcopy(value.func)
            case _:
                return type_of_literal(value)

    def is_of_module(self, place: _Assigned) -> bool:
        """Tell whether an assignment calls only module-level names, so that it means the same outside its method."""
        names = _loaded(place.value) if isinstance(place.value, ast.Call) else set[str]()
        known = all(name in self.source.origins or hasattr(builtins, name) for name in names)
        return bool(names) and known and not names & _locals(place.method)

    def _either(self, first: ast.expr | None, second: ast.expr, method: Function) -> ast.expr | None:
        """Return the union of a type and an expression's type; ``[]`` and ``{}`` add nothing to it."""
        is_empty = ast.unparse(second) in ("[]", "{}")
        return first if is_empty else _union([first, self.of(second, method)])

    def _unless_none(self, value: ast.expr, test: ast.expr, method: Function) -> ast.expr | None:
        found = self.of(value, method)
        is_known = found and ast.unparse(test) in (ast.unparse(value), f"{ast.unparse(value)} is not None")
        return _without_none(found) if found and is_known else found

    def _of_local(self, name: str, method: Function) -> ast.expr | None:
        """Return the type of a parameter, or of a variable with one assignment."""
        arguments = method.args
        for parameter in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            if parameter.arg == name and parameter.annotation:
                found = unquoted(parameter.annotation)
                return _without_none(found) if _is_never_none(name, method) else found
        if arguments.vararg and arguments.vararg.arg == name and arguments.vararg.annotation:
            items = ast.Tuple([unquoted(arguments.vararg.annotation), ast.Constant(...)])
            return ast.Subscript(ast.Name("tuple"), items)
        if arguments.kwarg and arguments.kwarg.arg == name and arguments.kwarg.annotation:
            return ast.Subscript(ast.Name("dict"), ast.Tuple([ast.Name("str"), unquoted(arguments.kwarg.annotation)]))
        simple = (ast.Assign, ast.AnnAssign, ast.For, ast.With)
        assigned = [part for part in _own_parts(method.body) if isinstance(part, simple) and name in bound_by(part)]
        match assigned:
            case [ast.AnnAssign(annotation=annotation)]:
                return unquoted(annotation)
            case [ast.Assign(targets=[ast.Name()], value=value)] if name not in _loaded(value):
                return self.of(value, method)
            case _:
                return None

    def _is_plain_class(self, called: ast.expr, method: Function) -> bool:
        """Tell whether a called expression names a class without type parameters."""
        if not isinstance(called, (ast.Name, ast.Attribute)) or _loaded(called) & _locals(method):
            return False
        value = self.source.value(called)
        if value is None and isinstance(called, ast.Name):
            value = getattr(builtins, called.id, None)
        is_generic = hasattr(value, "__class_getitem__") or (isinstance(value, type) and issubclass(value, type))
        return isinstance(value, type) and not is_generic


def _reads_self(value: ast.Attribute, method: Function) -> bool:
    first = [*method.args.posonlyargs, *method.args.args][0].arg
    return isinstance(value.value, ast.Name) and value.value.id == first


def _loaded(expression: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(expression) if isinstance(part, ast.Name)}


def _locals(method: Function) -> set[str]:
    """Return the names that a method binds, parameters included."""
    parameters = {part.arg for part in ast.walk(method.args) if isinstance(part, ast.arg)}
    stored = (
        part for part in _own_parts(method.body) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    )
    return parameters | {part.id for part in stored}


def _is_never_none(name: str, method: Function) -> bool:
    """Tell whether a method rules out None for a parameter: it returns, raises, asserts, or assigns another value."""
    is_none, is_not = f"{name} is None", f"{name} is not None"
    for part in _own_parts(method.body):
        if isinstance(part, ast.Assert) and ast.unparse(part.test) == is_not:
            return True
        if isinstance(part, ast.If) and ast.unparse(part.test) == is_none:
            last = part.body[-1]
            if isinstance(last, (ast.Raise, ast.Return)) or bound_by(last) == [name]:
                return True
    return False


def _union(types: Iterable[ast.expr | None]) -> ast.expr | None:
    """Return the union of types, or None if one of them is unknown."""
    found: dict[str, ast.expr] = {}
    for each in types:
        if each is None:
            return None
        found.setdefault(ast.unparse(each), each)
    union, *others = found.values()
    for each in others:
        union = ast.BinOp(union, ast.BitOr(), each)
    return union


def _without_none(annotation: ast.expr) -> ast.expr:
    """Return ``X`` for ``X | None`` and ``Optional[X]``."""
    if isinstance(annotation, ast.BinOp):
        parts = [part for part in (annotation.left, annotation.right) if ast.unparse(part) != "None"]
        return _union(map(_without_none, parts)) or annotation
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).rpartition(".")[2] == "Optional":
        return annotation.slice
    return annotation
