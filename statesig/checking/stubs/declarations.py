"""The declarations in a module's stub: every name with its declared type, without bodies or docstrings.

Private names stay, because other modules of the package use them. An undeclared variable keeps its value: a checker
must not infer another type from the stub than from the module.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast, final

from statesig.checking.stubs.attributes import assigned_attributes, type_of_literal
from statesig.checking.stubs.constructors import (
    Imports,
    constructor_of,
    has_constructor,
    is_named_signal,
    literal,
    unquoted,
)
from statesig.checking.stubs.sources import Function, Origin, Source, bound_by, is_type_statement, laid_flat, walruses
from statesig.checking.stubs.successions import after_of

__all__ = ["Declarations", "declarations_of"]


@dataclasses.dataclass(frozen=True)
class Declarations:
    """The contents of a stub.

    Args:
        body: Its statements, without the imports at its top.
        imports: The names of the stub and their origins.
        used: The names that the statements use.
        offered: The imported names that the module re-exports.
    """

    body: list[ast.stmt]
    imports: Imports
    used: frozenset[str]
    offered: frozenset[str]


def declarations_of(source: Source) -> Declarations:
    """Return the contents of a module's stub."""
    imports = Imports(source)
    reducer = _Reducer(source, imports, _Scope(source.body))
    kept = [reduced for statement in source.body if (reduced := reducer.of(statement)) is not None]
    body = _without_implementations(kept)
    used = {name for statement in body for name in _names(statement)} | _exported(source)
    return Declarations(body, imports, frozenset(used), frozenset(_offered(source)))


def _exported(source: Source) -> set[str]:
    """Return the names in ``__all__``, also those that the module adds from another one's."""
    listed = source.value(ast.Name("__all__"))
    return set(cast("Iterable[str]", listed)) if isinstance(listed, (list, tuple, set)) else set()


def _offered(source: Source) -> Iterator[str]:
    """Yield re-exported names: ``from module import name as name`` and, without ``__all__``, imports from its package.

    Imports of the package under ``if TYPE_CHECKING:`` do not count, since the name does not exist at run time.
    """
    says = any("__all__" in bound_by(statement) for statement in source.body)
    for statement in source.body:
        for alias in statement.names if isinstance(statement, ast.ImportFrom) else ():
            name = alias.asname or alias.name
            is_there = source.value(ast.Name(name)) is not None
            if alias.asname == alias.name or (is_there and not says and source.is_own(name)):
                yield name


# ---- reduced statements


class _Scope:
    """Counts of the assignments to each name of a scope, and the names that other statements declare."""

    def __init__(self, body: Iterable[ast.stmt]) -> None:
        statements = [*_all_of(body)]
        self.assigned = Counter(name for each in statements if isinstance(each, ast.Assign) for name in bound_by(each))
        others = (each for each in statements if not isinstance(each, ast.Assign))
        self.declared = {name for each in others for name in bound_by(each)}


def _all_of(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a scope, with the branches of each ``if`` in its place."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from (*walruses(statement.test), *_all_of([*statement.body, *statement.orelse]))
        else:
            yield statement


class _Reducer:
    """Reduces the top-level statements of a module to their declarations."""

    def __init__(self, source: Source, imports: Imports, scope: _Scope) -> None:
        self.source = source
        self.imports = imports
        self.scope = scope

    def of(self, statement: ast.stmt) -> ast.stmt | None:
        """Return the reduced statement; None if it declares nothing."""
        match statement:
            case ast.ClassDef():
                return self.of_class(statement, _class(self.source.value(ast.Name(statement.name))))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return _reduced_function(statement)
            case ast.AnnAssign():
                return _reduced_variable(statement)
            case ast.Assign():
                return self.of_assignment(statement)
            case ast.If():
                return _reduced_branches(statement, self.of_branch)
            case ast.Match():
                return statement
            case _ if is_type_statement(statement) or _is_star(statement) or _changes_all(statement):
                return self.source.absolute(statement)
            case _:
                return None

    def of_branch(self, statement: ast.stmt) -> ast.stmt | None:
        """Return a reduced statement from a branch, where imports stay too."""
        return self.source.absolute(statement) if _is_import(statement) else self.of(statement)

    def of_assignment(self, statement: ast.Assign) -> ast.stmt | None:
        """Return a declaration if the value's type is plain, else the unchanged assignment."""
        names = bound_by(statement)
        if self.scope.declared.issuperset(names):  # declared elsewhere, or it binds no name
            return None
        found = type_of_literal(statement.value) if len(statement.targets) == 1 else None
        is_plain = found is not None and ast.unparse(found) != "None" and names != ["__all__"]
        if isinstance(statement.targets[0], ast.Name) and self.scope.assigned[names[0]] == 1 and is_plain and found:
            return ast.AnnAssign(target=statement.targets[0], annotation=found, simple=1)
        return statement

    def of_class(self, node: ast.ClassDef, cls: type[Any]) -> ast.ClassDef:
        """Return a class with the declarations of its members; a signal also gets its constructor."""
        body = laid_flat(node.body)
        scope = _Scope(body)
        members = [kept for each in body if (kept := self.of_member(each, cls, scope)) is not None]
        attributes = assigned_attributes(node, cls, self.source, self.imports)
        replaced = {name for attribute in attributes for name in bound_by(attribute)}
        members = [each for each in members if not bound_by(each) or not replaced.issuperset(bound_by(each))]
        reduced = copy.copy(node)
        if is_named_signal(cls):
            # At run time, a second signal for one state is an error, and so is a subclass of the first.
            if all(self.source.value(each) is not final for each in node.decorator_list):
                word = self.imports.name("final", Origin("typing", "final"))
                reduced.decorator_list = [*node.decorator_list, ast.Name(word)]
            if not has_constructor(cls) and not any(bound_by(member) == ["__init__"] for member in members):
                constructor = constructor_of(cls, node, self.source, self.imports)
                after = after_of(cls, node, constructor, self.source, self.imports)
                members[:0] = [constructor] if after is None else [constructor, after]
        first = next((index for index, each in enumerate(members) if isinstance(each, Function)), len(members))
        reduced.body = _without_implementations([*members[:first], *attributes, *members[first:]])
        return reduced

    def of_member(self, statement: ast.stmt, cls: type[Any], scope: _Scope) -> ast.stmt | None:
        """Return a reduced statement of a class body; a field keeps its default."""
        names = bound_by(statement)
        match statement:
            case ast.ClassDef():
                return self.of_class(statement, _class(getattr(cls, statement.name, None)))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return _reduced_function(statement)
            case ast.AnnAssign():
                return _reduced_field(statement)
            case ast.Assign():
                return None if scope.declared.issuperset(names) else statement
            case ast.If():
                return _reduced_branches(statement, lambda each: self.of_member(each, cls, scope))
            case ast.Match():
                return statement
            case _:
                return statement if is_type_statement(statement) else None


def _reduced_branches(statement: ast.If, reduce: Callable[[ast.stmt], ast.stmt | None]) -> ast.If | None:
    reduced = copy.copy(statement)
    reduced.body = [kept for each in statement.body if (kept := reduce(each)) is not None]
    reduced.orelse = [kept for each in statement.orelse if (kept := reduce(each)) is not None]
    return reduced if reduced.body or reduced.orelse else None


def _reduced_function(node: Function) -> ast.stmt:
    """Return a function's signature; an async generator loses its ``async``, since a call returns no coroutine."""
    is_generator = isinstance(node, ast.AsyncFunctionDef) and _yields(node.body)
    reduced = ast.FunctionDef(**dict(ast.iter_fields(node))) if is_generator else copy.copy(node)
    reduced.args = copy.deepcopy(node.args)
    positional = [*reduced.args.posonlyargs, *reduced.args.args]
    defaulted = positional[len(positional) - len(reduced.args.defaults) :]
    for arg in ast.walk(reduced.args):
        if isinstance(arg, ast.arg) and arg.annotation:
            arg.annotation = unquoted(arg.annotation)
    defaults, by_name = reduced.args.defaults, reduced.args.kw_defaults
    reduced.args.defaults = [_reduced_default(*each) for each in zip(defaulted, defaults, strict=True)]
    pairs = zip(reduced.args.kwonlyargs, by_name, strict=True)
    reduced.args.kw_defaults = [default and _reduced_default(arg, default) for arg, default in pairs]
    reduced.returns = unquoted(node.returns) if node.returns else None
    return reduced


def _reduced_default(parameter: ast.arg, default: ast.expr) -> ast.expr:
    """Return a default, in full if the parameter has no annotation: checkers then infer its type."""
    return literal(ast.unparse(default)) if parameter.annotation else default


def _yields(body: Iterable[ast.AST]) -> bool:
    for node in body:
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        is_scope = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda))
        if not is_scope and _yields(ast.iter_child_nodes(node)):
            return True
    return False


def _reduced_variable(node: ast.AnnAssign) -> ast.stmt:
    """Return a declaration without its value, unless the value is part of the declaration."""
    reduced = copy.copy(node)
    if not _is_declared_by_value(node):
        reduced.annotation = unquoted(node.annotation)
        reduced.value = None
    return reduced


def _reduced_field(node: ast.AnnAssign) -> ast.stmt:
    """Return a declaration in a class body; it keeps its default or field call, which checkers read."""
    reduced = copy.copy(node)
    if not _is_declared_by_value(node):
        reduced.annotation = unquoted(node.annotation)
        if node.value is not None and not isinstance(node.value, ast.Call):
            reduced.value = literal(ast.unparse(node.value))
    return reduced


def _is_declared_by_value(node: ast.AnnAssign) -> bool:
    is_listing = bound_by(node) == ["__all__"]
    return is_listing or ast.unparse(node.annotation).rpartition(".")[2] in ("ClassVar", "Final", "TypeAlias")


def _without_implementations(body: list[ast.stmt]) -> list[ast.stmt]:
    """Leave out the implementations of overloaded functions."""
    overloaded: set[str] = set()
    kept: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if any(ast.unparse(decorator).endswith("overload") for decorator in statement.decorator_list):
                overloaded.add(statement.name)
            elif statement.name in overloaded:
                continue
        kept.append(statement)
    return kept


# ---- names in use


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a reduced statement uses; ignore the bodies of functions."""
    match node:
        case ast.Name():
            yield node.id
        case ast.Constant(value=str(text)):
            yield from _names_in(text)
        case ast.Subscript() if ast.unparse(node.value).rpartition(".")[2] == "Literal":
            yield from _names(node.value)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            expressions = [part for part in ast.iter_child_nodes(node.args) if isinstance(part, ast.expr)]
            arguments = [part for part in ast.walk(node.args) if isinstance(part, ast.arg)]
            returns = [node.returns] if node.returns else []
            parts = [*node.decorator_list, *getattr(node, "type_params", ()), *expressions, *arguments, *returns]
            yield from (name for part in parts if not isinstance(part, ast.Constant) for name in _names(part))
        case ast.AnnAssign(value=ast.Constant()):
            yield from (*_names(node.target), *_names(node.annotation))
        case _:
            yield from (name for part in ast.iter_child_nodes(node) for name in _names(part))


def _names_in(text: str) -> Iterator[str]:
    """Yield the names in a string, which may be a forward reference or an item of ``__all__``."""
    try:
        expression = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return
    yield from (part.id for part in ast.walk(expression) if isinstance(part, ast.Name))


def _class(value: object) -> type[Any]:
    """Return a class unchanged, and `object` if a decorator replaced the class with something else."""
    return value if isinstance(value, type) else object


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Import, ast.ImportFrom))


def _is_star(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


def _changes_all(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``__all__ += ...`` or calls a method, as ``__all__.append(...)``."""
    match statement:
        case ast.AugAssign(target=ast.Name(id="__all__")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__")))):
            return True
        case _:
            return False
