"""The text of a stub: imports in sections, and declarations spaced and wrapped as ``ruff format`` does.

Go-to-definition shows one field per line and a changed field is a one-line diff, where `ast.unparse` writes lines of
over 300 characters. Do not decide here on the stub's contents; a long expression stays on one line.
"""

from __future__ import annotations

import ast
import copy
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator
from typing import Final

from statesig.checking.stubs.declarations import Declarations
from statesig.checking.stubs.sources import Source, bound_by, ignored

__all__ = ["WIDTH", "function_lines", "text_of"]

WIDTH: Final = 120
"""The length of a line, in characters."""


def text_of(source: Source, declarations: Declarations, header: str) -> str:
    """Return the text of a stub.

    Args:
        source: The module that the stub describes.
        declarations: The stub's contents.
        header: A one-line comment for its top.
    """
    imports = [*_import_lines(source, declarations)]
    gap = [""] if imports and declarations.body else []
    return _double_quoted("\n".join([header, "", *imports, *gap, *_blocks(declarations.body, ""), ""]))


# ---- statements


def _blocks(statements: Iterable[ast.stmt], indent: str) -> Iterator[str]:
    """Yield the lines of statements, with a blank line around classes and branches and between kinds."""
    previous: ast.stmt | None = None
    for statement in statements:
        kinds = {_layout(statement), previous and _layout(previous)}
        if previous is not None and (len(kinds) > 1 or not kinds.isdisjoint((ast.ClassDef, ast.If))):
            yield ""
        yield from _lines(statement, indent)
        previous = statement


def _layout(statement: ast.stmt) -> type[ast.stmt]:
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return ast.Assign
    return ast.FunctionDef if isinstance(statement, ast.AsyncFunctionDef) else type(statement)


def _lines(statement: ast.stmt, indent: str) -> list[str]:
    if isinstance(statement, ast.ClassDef):
        return _class_lines(statement, indent)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return function_lines(statement, indent)
    if isinstance(statement, ast.If):
        return _branch_lines(statement, indent)
    if (
        bound_by(statement) == ["__all__"]
        and isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.List)
    ):
        return _wrapped(f"{indent}__all__ = [", [ast.unparse(item) for item in statement.value.elts], "]")
    return [indent + line for line in ast.unparse(statement).splitlines()]


def _branch_lines(node: ast.If, indent: str) -> list[str]:
    inner = indent + "    "
    lines = [f"{indent}if {ast.unparse(node.test)}:", *(_blocks(node.body, inner) if node.body else [f"{inner}pass"])]
    return [*lines, f"{indent}else:", *_blocks(node.orelse, inner)] if node.orelse else lines


def _class_lines(node: ast.ClassDef, indent: str) -> list[str]:
    bare = copy.copy(node)
    bare.body = [ast.Expr(ast.Constant(...))]
    *head, _ = ast.unparse(bare).splitlines()
    lines = [indent + line for line in head]
    body = [line for member in node.body for line in _lines(member, indent + "    ")]
    return [*lines, *body] if body else [*lines[:-1], lines[-1] + " ..."]


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, indent: str) -> list[str]:
    decorators = [f"{indent}@{ast.unparse(decorator)}{ignored(decorator)}" for decorator in node.decorator_list]
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    variables = ", ".join(map(ast.unparse, getattr(node, "type_params", ())))
    name = f"{node.name}[{variables}]" if variables else node.name
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    first, *others = _wrapped(f"{indent}{word} {name}(", _parameters(node.args), f"){returns}: ...")
    return [*decorators, first + ignored(node), *others]


def _parameters(arguments: ast.arguments) -> list[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(positional) - len(arguments.defaults)), *arguments.defaults]
    found = [_parameter(arg, default) for arg, default in zip(positional, defaults, strict=True)]
    if arguments.posonlyargs:
        found.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg:
        found.append("*" + _parameter(arguments.vararg))
    elif arguments.kwonlyargs:
        found.append("*")
    found += [_parameter(*pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        found.append("**" + _parameter(arguments.kwarg))
    return found


def _parameter(arg: ast.arg, default: ast.expr | None = None) -> str:
    if arg.annotation is None:
        return arg.arg if default is None else f"{arg.arg}={ast.unparse(default)}"
    text = f"{arg.arg}: {ast.unparse(arg.annotation)}"
    return text if default is None else f"{text} = {ast.unparse(default)}"


def _wrapped(opening: str, items: list[str], closing: str) -> list[str]:
    """Return items in brackets: on one line if they fit, else one item per line."""
    whole = f"{opening}{', '.join(items)}{closing}"
    if len(whole) <= WIDTH:
        return [whole]
    indent = " " * (len(opening) - len(opening.lstrip()))
    return [opening, *(f"{indent}    {item}," for item in items), indent + closing]


# ---- imports


def _import_lines(source: Source, declarations: Declarations) -> Iterator[str]:
    """Yield the imports at the top: the standard library's, other packages', then the module's own package's."""
    statements: dict[tuple[int, bool, str, str], set[str]] = {}
    for name in declarations.used | declarations.offered:
        origin = declarations.imports.origins.get(name)
        if origin is None or origin.module == "__future__" or name in source.bound:
            continue
        for module in (origin.module, *origin.also):
            target = origin.name or module
            is_plain = name == target.partition(".")[0] and name not in declarations.offered
            changed = "" if is_plain else f"{target} as {name}"  # becomes a separate statement
            key = (_section(module, source.name), origin.name is not None, module, changed)
            statements.setdefault(key, set()).add(changed or target)
    ordered = [(*key[:3], sorted(parts, key=_import_order)) for key, parts in statements.items()]
    previous = 0
    for section, is_from, module, parts in sorted(ordered, key=lambda it: (*it[:3], _import_order(it[3][0]))):
        if previous not in (0, section):
            yield ""
        previous = section
        line = f"from {module} import {', '.join(parts)}" if is_from else f"import {parts[0]}"
        yield from [line] if len(line) <= WIDTH else _wrapped(f"from {module} import (", parts, ")")


def _section(module: str, own: str) -> int:
    root = module.partition(".")[0]
    return 1 if root in sys.stdlib_module_names else 3 if root == own.partition(".")[0] else 2


def _import_order(name: str) -> tuple[int, str]:
    """Return a name's sort key among imports: constants, then classes, then the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)


def _double_quoted(text: str) -> str:
    """Return source with double quotes around its strings, except where that needs an escape."""
    lines = text.splitlines(keepends=True)
    for token in reversed([*tokenize.generate_tokens(io.StringIO(text).readline)]):
        quoted = token.string
        if token.type == tokenize.STRING and quoted[0] == "'" and not {'"', "\\"}.intersection(quoted):
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = f'{line[:column]}"{quoted[1:-1]}"{line[column + len(quoted) :]}'
    return "".join(lines)
