"""Modules as type checkers read them: their statements laid flat, and the origin of each name.

It reads source text, and imports a module only to find its file and look up names. Nothing here may know of stubs.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path

__all__ = [
    "Function",
    "Origin",
    "Source",
    "assignment_of",
    "bound_by",
    "class_of",
    "is_type_statement",
    "laid_flat",
    "parsed",
    "source_of",
    "walruses",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Origin:
    """The origin of a name.

    Args:
        module: The module's dotted name.
        name: Its name there; None for ``import module``.
        also: Further modules imported under the same name: ``import a.b`` and ``import a.c`` both bind ``a``.
    """

    module: str
    name: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """The source text of a module, parsed.

    Args:
        name: The module's dotted name.
        package: The package that its relative imports start from.
        body: Its statements, laid flat.
        origins: The origin of each name, including names defined here.
        bound: The names that a stub need not import: definitions, names from ``import *``, and imports in branches
            by Python's version.
    """

    name: str
    package: str
    body: tuple[ast.stmt, ...]
    origins: Mapping[str, Origin]
    bound: frozenset[str]

    def value(self, expression: ast.expr) -> object:
        """Return the value of a name, dotted or not, in the imported module; None if the module does not have it."""
        if isinstance(expression, ast.Attribute):
            return getattr(self.value(expression.value), expression.attr, None)
        name = expression.id if isinstance(expression, ast.Name) else ""
        return getattr(sys.modules[self.name], name, None)

    def is_own(self, name: str) -> bool:
        """Tell whether a name comes from the top-level package of the module itself."""
        origin = self.origins.get(name)
        return origin is not None and origin.module.partition(".")[0] == self.name.partition(".")[0]

    def absolute(self, statement: ast.stmt) -> ast.stmt:
        """Return a statement unchanged, but a relative import with its module's full name."""
        if not isinstance(statement, ast.ImportFrom):
            return statement
        return ast.ImportFrom(_module_of(statement, self.package), statement.names, 0)


@cache
def source_of(module: str) -> Source:
    """Import a module by its dotted name, and return its parsed source.

    Raises:
        ImportError: It cannot be imported.
        OSError: It has no source.
        SyntaxError: Its text is not Python, or needs a later version.
    """
    live = import_module(module)
    body = tuple(laid_flat(parsed(inspect.getsourcefile(live) or "").body))
    package = live.__package__ or ""
    origins: dict[str, Origin] = {}
    bound: set[str] = set()
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            stars = _of_star(statement, package)
            bound.update(stars)
            origins.update({name: origin for name, origin in stars.items() if name not in origins})
            for name, origin in _imported(statement, package).items():
                origins[name] = _merged(origins.get(name), origin)
        else:
            bound.update(bound_by(statement))
            origins.update({name: Origin(module, name) for name in bound_by(statement)})
            if isinstance(statement, ast.If):
                origins.update(_imported_within(statement, package))
    return Source(module, package, body, origins, frozenset(bound))


def parsed(path: str) -> ast.Module:
    """Return the syntax tree of a file.

    Raises:
        OSError: It cannot be read.
        SyntaxError: It is not Python, or needs a later version.
    """
    text = Path(path).read_bytes()
    tree = ast.parse(text, path)
    lines = text.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for part in (node, *node.decorator_list):
                vars(part)["ignored"] = b"".join(_IGNORED.findall(lines[part.lineno - 1])).decode()
    return tree


_IGNORED = re.compile(rb"  # (?:type|pyright): ignore\b(?:\[[^\]]*\])?")
"""A comment by which checkers leave a line out; a syntax tree has no comments, so a node keeps it as ``ignored``."""


def ignored(node: ast.AST) -> str:
    """Return the comments on the line of a function or a decorator that tell checkers to leave the line out."""
    found: str = getattr(node, "ignored", "")
    return found


def class_of(cls: type) -> tuple[Source, ast.ClassDef] | None:
    """Return the module of a class and its statement; None if a call made it or it has no source."""
    try:
        source = source_of(cls.__module__)
    except (ImportError, OSError, TypeError):
        return None
    body: Iterable[ast.stmt] = source.body
    node: ast.ClassDef | None = None
    for name in cls.__qualname__.split("."):
        classes = (statement for statement in body if isinstance(statement, ast.ClassDef) and statement.name == name)
        node = next(classes, None)
        body = laid_flat(node.body) if node else ()
    return (source, node) if node else None


def assignment_of(origin: Origin) -> tuple[Source, ast.expr] | None:
    """Return the module of a variable and its first value; None if it is not a variable or has no source."""
    try:
        source = source_of(origin.module)
    except (ImportError, OSError, TypeError):
        return None
    for statement in source.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and bound_by(statement) == [origin.name]:
            return (source, statement.value) if statement.value else None
    inner = origin.name and source.origins.get(origin.name)
    return assignment_of(inner) if inner and inner != origin else None


# ---- statements


def laid_flat(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of a scope without the compound statements around them, in order.

    Of ``if TYPE_CHECKING:`` only the branch that checkers read stays. Of any other ``if`` or ``try`` all branches
    stay, and the first definition of a name wins. An ``if`` itself stays if it tests Python's version or the platform,
    or narrows a type that an assignment in it uses. Targets of ``with`` and ``for`` become assignments.
    """
    return [each for statement in body for each in _flat(statement)]


def _flat(statement: ast.stmt) -> Iterable[ast.stmt]:
    match statement:
        case ast.If():
            return _flat_if(statement)
        case ast.Try() | ast.TryStar():
            handled = [handler.body for handler in statement.handlers]
            return [*_alternatives([*statement.body, *statement.orelse], *handled), *laid_flat(statement.finalbody)]
        case ast.With():
            bound = [(item.optional_vars, item.context_expr) for item in statement.items if item.optional_vars]
            return [*(_assignment(*each, "_.__enter__()") for each in bound), *laid_flat(statement.body)]
        case ast.For():
            item = _assignment(statement.target, statement.iter, "next(iter(_))")
            return [item, *laid_flat([*statement.body, *statement.orelse])]
        case ast.While():
            return [*walruses(statement.test), *laid_flat([*statement.body, *statement.orelse])]
        case ast.Match():
            emptied = copy.deepcopy(statement)
            for case in emptied.cases:
                case.body = [ast.Expr(ast.Constant(...))]
            return [emptied, *_alternatives(*(case.body for case in statement.cases))]
        case ast.Expr():
            return [*walruses(statement.value), statement]
        case _:
            return [statement]


def _flat_if(statement: ast.If) -> Iterable[ast.stmt]:
    names = {part.id if isinstance(part, ast.Name) else part.attr for part in _names_in(statement.test)}
    test = ast.unparse(statement.test)
    if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return laid_flat(statement.body)
    if test in ("not TYPE_CHECKING", "not typing.TYPE_CHECKING") or "__name__" in names:
        return laid_flat(statement.orelse)
    branches = statement.body, statement.orelse
    assigned = [each.value for branch in branches for each in laid_flat(branch) if isinstance(each, ast.Assign)]
    if names & {"version_info", "platform"} or not names.isdisjoint(_loaded_by(assigned)):
        kept = copy.copy(statement)
        kept.body = laid_flat(statement.body)
        kept.orelse = laid_flat(statement.orelse)
        return [kept]
    return [*walruses(statement.test), *_alternatives(*branches)]


def _loaded_by(expressions: Iterable[ast.expr]) -> set[str]:
    return {part.id for each in expressions for part in ast.walk(each) if isinstance(part, ast.Name)}


def _alternatives(*branches: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of all branches, without definitions that repeat an earlier branch's.

    Assignments of variables stay in every branch: a checker infers a type from all of them.
    """
    known: set[str] = set()
    settled: set[str] = set()
    for branch in branches:
        flat = laid_flat(branch)
        for statement in flat:
            names = set(bound_by(statement))
            taken = settled if isinstance(statement, ast.Assign) else known
            if not names or not names <= taken:
                yield statement
        known.update(name for statement in flat for name in bound_by(statement))
        settled.update(name for each in flat if not isinstance(each, ast.Assign) for name in bound_by(each))


def _assignment(target: ast.expr, value: ast.expr, how: str) -> ast.stmt:
    """Return an assignment of the expression `how`, with the value in place of its ``_``."""
    got = ast.parse(how.replace("_", f"({ast.unparse(value)})", 1), mode="eval").body
    return ast.Assign(targets=[target], value=got, lineno=0)


def walruses(expression: ast.expr) -> Iterator[ast.stmt]:
    """Yield an assignment for each ``:=`` in an expression."""
    for node in ast.walk(expression):
        if isinstance(node, ast.NamedExpr):
            yield ast.Assign(targets=[node.target], value=node.value, lineno=0)


def _names_in(expression: ast.expr) -> Iterator[ast.Name | ast.Attribute]:
    return (node for node in ast.walk(expression) if isinstance(node, (ast.Name, ast.Attribute)))


def bound_by(statement: ast.stmt) -> list[str]:
    """Return the names that a statement binds in its scope."""
    match statement:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return [statement.name]
        case ast.Import() | ast.ImportFrom():
            return [alias.asname or alias.name.partition(".")[0] for alias in statement.names if alias.name != "*"]
        case ast.Assign():
            return _stored(*statement.targets)
        case ast.AnnAssign() | ast.For():
            return _stored(statement.target)
        case ast.With():
            return _stored(*(item.optional_vars for item in statement.items if item.optional_vars))
        case ast.If():
            inner = [*walruses(statement.test), *statement.body, *statement.orelse]
            return [name for each in inner for name in bound_by(each)]
        case ast.Match():
            patterns = [part for case in statement.cases for part in ast.walk(case.pattern)]
            found = [getattr(part, "name", None) or getattr(part, "rest", None) for part in patterns]
            return [name for name in found if isinstance(name, str)]
        case _:
            return _stored(getattr(statement, "name", ast.Constant(None))) if is_type_statement(statement) else []


def _stored(*targets: ast.AST) -> list[str]:
    parts = (part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
    return [part.id for part in parts if isinstance(part.ctx, ast.Store)]


def is_type_statement(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``type X = ...``, by name since Python 3.11 has no such class in `ast`."""
    return type(statement).__name__ == "TypeAlias"


# ---- imports


def _imported(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, Origin]:
    if isinstance(statement, ast.Import):
        return {alias.asname or alias.name.partition(".")[0]: Origin(alias.name) for alias in statement.names}
    module = _module_of(statement, package)
    return {alias.asname or alias.name: Origin(module, alias.name) for alias in statement.names if alias.name != "*"}


def _module_of(statement: ast.ImportFrom, package: str) -> str:
    return resolve_name("." * statement.level + (statement.module or ""), package)


def _of_star(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, Origin]:
    """Return the names that ``from module import *`` binds, with their origins."""
    if isinstance(statement, ast.Import) or statement.names[0].name != "*":
        return {}
    module = _module_of(statement, package)
    live = import_module(module)
    names = getattr(live, "__all__", None) or [name for name in vars(live) if not name.startswith("_")]
    return {name: Origin(module, name) for name in names}


def _merged(known: Origin | None, origin: Origin) -> Origin:
    """Return both origins in one if both are ``import``s of modules of one package, else the later one."""
    if known is None or known.name or origin.name or "." not in known.module + origin.module:
        return origin
    return Origin(known.module, None, (*known.also, origin.module))


def _imported_within(statement: ast.If, package: str) -> dict[str, Origin]:
    """Return the imports in the branches of an ``if``; the last branch wins, as older Pythons have its names too."""
    found: dict[str, Origin] = {}
    for each in [*statement.body, *statement.orelse]:
        if isinstance(each, (ast.Import, ast.ImportFrom)):
            found.update(_imported(each, package))
        elif isinstance(each, ast.If):
            found.update(_imported_within(each, package))
    return found
