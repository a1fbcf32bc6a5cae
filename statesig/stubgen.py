"""Stubs: what each signal's constructor takes, written where every type checker reads it.

A signal takes the fields of its state, which the annotations of one class cannot say of another. A stub gives every
signal of a module a constructor of its own and repeats what the rest of the module declares: names, signatures,
annotations, defaults; no bodies, no docstrings, and of private names only those that the public ones need.

Nothing here may decide by what a value happens to be at run time where the module's text declares its type.
"""

from __future__ import annotations

import argparse
import ast
import copy
import inspect
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from typing import Any, cast

from pydantic.fields import FieldInfo
from typing_extensions import TypeIs, override

from statesig.models import StateMeta, StateModel, origin_of
from statesig.signals import Signal

__all__ = ["generate", "main", "stub_of"]

_MODULES = ("statesig.signals",)  # those whose annotations alone cannot say what they take
_HEADER = "# Written by `python -m statesig.stubgen`: change the module, not this file.\n"
_WIDTH = 120
_TYPE_MAKERS = {"NewType", "ParamSpec", "TypeVar", "TypeVarTuple"}


def generate(modules: Iterable[str] = _MODULES) -> dict[str, str]:
    """Return the text of each module's stub by its path below the folder of stubs, ``statesig/signals.pyi``.

    The modules are imported; the text is the same, byte for byte, on every Python.

    Args:
        modules: Their dotted names; statesig's own by default.

    Raises:
        ImportError: A module cannot be imported.
        OSError: A module has no source.
    """
    return {_path_of(name): stub_of(name) for name in modules}


def stub_of(module: str) -> str:
    """Return the stub of one module, by its dotted name, formatted as ``ruff format`` leaves it.

    Raises:
        ImportError: The module cannot be imported.
        OSError: The module has no source.
    """
    return _Stub(_source(module)).text()


def main(argv: Sequence[str] | None = None) -> int:
    """Write stubs, or with ``--check`` say which of them are stale.

    Returns:
        0: written, or all current; 1: some are stale or missing.
    """
    parser = argparse.ArgumentParser(prog="python -m statesig.stubgen", description="Write the stubs of modules.")
    parser.add_argument("modules", metavar="MODULE", nargs="*", default=_MODULES, help="statesig's own by default")
    parser.add_argument("--output", metavar="FOLDER", type=Path, default=Path("stubs"), help="stubs by default")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where a stub is stale")
    options = parser.parse_args(argv)
    stale = 0
    for name, text in generate(options.modules).items():
        path: Path = options.output / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if options.check:
            stale = 1
            sys.stderr.write(f"{path} is stale; run python -m statesig.stubgen\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"{path}\n")
    return stale


def _path_of(module: str) -> str:
    package = hasattr(import_module(module), "__path__")
    return module.replace(".", "/") + ("/__init__.pyi" if package else ".pyi")


# ---- modules as they are written


@dataclass(frozen=True)
class _Origin:
    """Where a name comes from: ``import module`` where it has no name there, else ``from module import name``."""

    module: str
    name: str | None = None


@dataclass(frozen=True)
class _Source:
    """A module's statements as a type checker sees them, and where its names come from."""

    name: str
    body: tuple[ast.stmt, ...]
    origins: Mapping[str, _Origin]

    def value(self, expression: ast.expr) -> object:
        """Return what a name, a dotted one too, stands for in the module."""
        if isinstance(expression, ast.Attribute):
            return getattr(self.value(expression.value), expression.attr, None)
        name = expression.id if isinstance(expression, ast.Name) else ""
        return getattr(sys.modules[self.name], name, None)


@cache
def _source(module: str) -> _Source:
    live = import_module(module)
    body = tuple(_seen(ast.parse(inspect.getsource(live)).body))
    origins: dict[str, _Origin] = {}
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            origins.update(_imported(statement, live.__package__ or ""))
        else:
            origins.update({name: _Origin(module, name) for name in _defined(statement)})
    return _Source(module, body, origins)


def _seen(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, of ``if TYPE_CHECKING:`` those that a checker reads, of another branching the first ones."""
    for statement in body:
        if isinstance(statement, ast.If):
            test = ast.unparse(statement.test)
            if "__name__" not in test:
                yield from _seen(statement.orelse if test.startswith("not ") else statement.body)
        elif isinstance(statement, ast.Try):
            yield from _seen(statement.body)
        else:
            yield statement


def _imported(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, _Origin]:
    if isinstance(statement, ast.Import):
        return {alias.asname or alias.name.partition(".")[0]: _Origin(alias.name) for alias in statement.names}
    relative = "." * statement.level + (statement.module or "")
    module = resolve_name(relative, package)
    return {alias.asname or alias.name: _Origin(module, alias.name) for alias in statement.names}


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    elif _is_type_statement(statement):
        targets = [getattr(statement, "name", ast.Constant(None))]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_type_statement(statement: ast.stmt) -> bool:
    """Tell ``type X = ...``, which the `ast` of Python 3.11 does not have."""
    return type(statement).__name__ == "TypeAlias"


class _Imports:
    """Under which name the stub has what comes from elsewhere."""

    def __init__(self, source: _Source) -> None:
        self.bound = dict(source.origins)

    def name(self, wanted: str, origin: _Origin) -> str:
        """Return the stub's name for something, another than the wanted one where that is taken."""
        while self.bound.setdefault(wanted, origin) != origin:
            wanted = f"_{wanted}"
        return wanted


class _Moved(ast.NodeTransformer):
    """An annotation of one module so rewritten that it says the same in the stub, its type variables replaced."""

    def __init__(self, source: _Source, imports: _Imports, arguments: Mapping[str, ast.expr]) -> None:
        self.source = source
        self.imports = imports
        self.arguments = arguments

    def __call__(self, annotation: ast.expr) -> ast.expr:
        return cast("ast.expr", self.visit(copy.deepcopy(annotation)))  # each method below returns an expression

    @override
    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.arguments:
            return self.arguments[node.id]
        origin = self.source.origins.get(node.id)
        return node if origin is None else ast.Name(self.imports.name(node.id, origin))

    @override
    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):  # a forward reference
            return self(ast.parse(node.value, mode="eval").body)
        return node

    @override
    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        form = ast.unparse(node.value).rpartition(".")[2]
        if form == "Annotated" and isinstance(node.slice, ast.Tuple):
            return self(node.slice.elts[0])
        if form == "Literal":
            return ast.Subscript(self(node.value), node.slice)
        return ast.Subscript(self(node.value), self(node.slice))


# ---- what a signal takes


def _is_named_signal(value: object) -> TypeIs[type[Signal[Any]]]:
    return isinstance(value, type) and issubclass(value, Signal) and value is not Signal


def _constructor(signal: type[Signal[Any]], base: ast.expr, source: _Source, imports: _Imports) -> ast.FunctionDef:
    """Return a signal's constructor: the message, also by position, and the other fields of its state by name."""
    declared = base.slice if isinstance(base, ast.Subscript) else base
    anything = ast.Name(imports.name("Any", _Origin("typing", "Any")))
    types = _declared_types(signal.__state_type__, _arguments(declared), _Moved(source, imports, {}), anything)
    fields = signal.__state_type__.model_fields
    by_name = [name for name in fields if name != "message"]
    message = ast.arg("message", types.get("message", anything))
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg("self"), message],
        defaults=[] if fields["message"].is_required() else [_default(fields["message"])],
        kwonlyargs=[ast.arg(name, types.get(name, anything)) for name in by_name],
        kw_defaults=[None if fields[name].is_required() else _default(fields[name]) for name in by_name],
    )
    returns = ast.Constant(None)
    return ast.FunctionDef(name="__init__", args=arguments, body=[], decorator_list=[], returns=returns)


def _default(field: FieldInfo) -> ast.expr:
    return _literal(repr(field.default))


def _literal(text: str) -> ast.expr:
    """Return a default as a stub shows it: a short literal as it is, all else as ``...``."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ast.Constant(...)
    return ast.parse(text, mode="eval").body if len(text) <= 40 else ast.Constant(...)


def _declared_types(
    state: type[StateModel], arguments: list[ast.expr], moved: _Moved, anything: ast.expr
) -> dict[str, ast.expr]:
    """Return the declared type of each field of a state with these arguments, the nearest declaration first.

    Args:
        state: A class that is not parametrised.
        arguments: What stands in the brackets behind it.
        moved: Rewrites those, which are written in the module that names the state.
        anything: What an argument stands for that is not given.
    """
    found: dict[str, ast.expr] = {}
    while state is not StateModel:
        source = _source(state.__module__)
        node = _class_in(source, state)
        if node is None:  # made by a call: its fields are of any type
            return found
        given = [moved(argument) for argument in arguments]
        names = [parameter.__name__ for parameter in state.__pydantic_generic_metadata__["parameters"]]
        given += [anything] * (len(names) - len(given))
        moved = _Moved(source, moved.imports, dict(zip(names, given, strict=False)))
        for statement in _seen(node.body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found.setdefault(statement.target.id, moved(statement.annotation))
        state = next(origin_of(base) for base in state.__bases__ if isinstance(base, StateMeta))
        arguments = [item for base in node.bases if source.value(_head(base)) is state for item in _arguments(base)]
    return found


def _class_in(source: _Source, cls: type) -> ast.ClassDef | None:
    classes = (node for node in source.body if isinstance(node, ast.ClassDef))
    return next((node for node in classes if node.name == cls.__qualname__), None)


def _head(expression: ast.expr) -> ast.expr:
    return expression.value if isinstance(expression, ast.Subscript) else expression


def _arguments(expression: ast.expr) -> list[ast.expr]:
    if not isinstance(expression, ast.Subscript):
        return []
    inner = expression.slice
    return list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]


# ---- the stub


class _Stub:
    """The stub of one module: which of its statements stay, and what is left of them."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.imports = _Imports(source)

    def text(self) -> str:
        """Return the whole of it."""
        reduced = [kept for statement in self.source.body if (kept := self._reduced(statement)) is not None]
        needed = _needed(_without_implementations(reduced))
        names = {name for statement in needed for name in _names(statement)}
        imports = [*_import_lines(self.source.name, self.imports.bound, names)]
        gap = [""] if imports and needed else []
        return _double_quoted("\n".join([_HEADER, *imports, *gap, *_blocks(needed), ""]))

    def _reduced(self, statement: ast.stmt) -> ast.stmt | None:
        """Return what a stub says of a statement at the top of the module; None where that is nothing."""
        if isinstance(statement, ast.ClassDef):
            return self._reduced_class(statement)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return _reduced_function(statement)
        if isinstance(statement, ast.AnnAssign):
            return _reduced_variable(statement)
        if isinstance(statement, ast.Assign) and len(_defined(statement)) == len(statement.targets):
            value = self.source.value(statement.targets[0])
            return statement if _is_declaration(statement, value) else self._inferred(statement, type(value))
        return statement if _is_type_statement(statement) else None

    def _reduced_class(self, node: ast.ClassDef) -> ast.ClassDef:
        body = [kept for statement in _seen(node.body) if (kept := _reduced_member(statement)) is not None]
        live = self.source.value(ast.Name(node.name))
        own = any(isinstance(member, ast.FunctionDef) and member.name == "__init__" for member in body)
        reduced = copy.copy(node)
        if _is_named_signal(live):
            # A second signal of its state is an error when it is defined, and so is a subclass of the first.
            final = self.imports.name("final", _Origin("typing", "final"))
            reduced.decorator_list = [*node.decorator_list, ast.Name(final)]
            if not own:
                base = next((base for base in node.bases if self.source.value(_head(base)) is Signal), node.bases[0])
                body.insert(0, _constructor(live, base, self.source, self.imports))
        reduced.body = _without_implementations(body)
        return reduced

    def _inferred(self, statement: ast.Assign, kind: type) -> ast.stmt:
        """Return a variable of which the text does not say the type, as of the class of its value."""
        root, dot, rest = kind.__qualname__.partition(".")
        if kind.__module__ != "builtins":
            root = self.imports.name(root, _Origin(kind.__module__, root))
        annotation = ast.parse(f"{root}{dot}{rest}", mode="eval").body
        return ast.AnnAssign(target=cast("ast.Name", statement.targets[0]), annotation=annotation, simple=1)


def _reduced_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    reduced = copy.copy(node)
    reduced.args = copy.copy(node.args)
    reduced.args.defaults = [_literal(ast.unparse(default)) for default in node.args.defaults]
    reduced.args.kw_defaults = [default and _literal(ast.unparse(default)) for default in node.args.kw_defaults]
    return reduced


def _reduced_variable(node: ast.AnnAssign) -> ast.stmt:
    """Return the declaration without its value, unless the value is what declares it."""
    if ast.unparse(node.annotation).rpartition(".")[2] in ("Final", "TypeAlias"):
        return node
    reduced = copy.copy(node)
    reduced.value = None
    return reduced


def _reduced_member(statement: ast.stmt) -> ast.stmt | None:
    """Return what a stub says of a statement in a class: nothing of private names, of a field its default too."""
    if isinstance(statement, ast.ClassDef):
        return statement
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None if _is_private(statement.name) else _reduced_function(statement)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or any(map(_is_private, _defined(statement))):
        return None
    reduced = copy.copy(statement)
    # What a call makes of a field, Field(ge=1) say, tells a checker whether it is required.
    if statement.value is not None and not isinstance(statement.value, ast.Call):
        reduced.value = _literal(ast.unparse(statement.value))
    return reduced


def _without_implementations(body: list[ast.stmt]) -> list[ast.stmt]:
    """Leave out the functions whose overloads are there."""
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


def _needed(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements that define something public, and those that these need."""
    needed = {id(statement) for statement in statements if not all(map(_is_private, _defined(statement)))}
    while True:
        names = {name for statement in statements if id(statement) in needed for name in _names(statement)}
        found = {id(statement) for statement in statements if names.intersection(_defined(statement))}
        if found <= needed:
            return [statement for statement in statements if id(statement) in needed]
        needed |= found


def _names(statement: ast.AST) -> Iterator[str]:
    """Yield the names that a reduced statement uses; a function's body is not there any more."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        parts: list[ast.AST] = [statement.args, *statement.decorator_list]
        parts += [statement.returns] if statement.returns else []
    else:
        parts = list(ast.iter_child_nodes(statement))
    if isinstance(statement, ast.Name):
        yield statement.id
    if isinstance(statement, ast.Constant) and isinstance(statement.value, str) and statement.value.isidentifier():
        yield statement.value  # a forward reference, perhaps
    for part in parts:
        yield from _names(part)


def _is_private(name: str) -> bool:
    return name == "__slots__" or (name.startswith("_") and not name.endswith("__"))


def _is_declaration(statement: ast.Assign, value: object) -> bool:
    """Tell an assignment that says what a name is: ``__all__``, a type variable, an alias of a type."""
    if _defined(statement) == ["__all__"]:
        return True
    if isinstance(statement.value, ast.Call):
        return ast.unparse(statement.value.func).rpartition(".")[2] in _TYPE_MAKERS
    return isinstance(value, type) or hasattr(value, "__args__")


# ---- text


def _blocks(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the text of statements, set apart as the formatter does: classes that have a body, and other kinds."""
    previous: ast.stmt | None = None
    for statement in statements:
        kinds = {_layout(statement), previous and _layout(previous)}
        if previous is not None and (len(kinds) > 1 or ast.ClassDef in kinds):
            yield ""
        yield from _lines(statement, "")
        previous = statement


def _layout(statement: ast.stmt) -> type[ast.stmt]:
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return ast.Assign
    return ast.FunctionDef if isinstance(statement, ast.AsyncFunctionDef) else type(statement)


def _lines(statement: ast.stmt, indent: str) -> list[str]:
    if isinstance(statement, ast.ClassDef):
        return _class_lines(statement, indent)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _function_lines(statement, indent)
    if _defined(statement) == ["__all__"] and isinstance(statement, ast.Assign):
        names = [ast.unparse(item) for item in getattr(statement.value, "elts", ())]
        return _wrapped(f"{indent}__all__ = [", names, "]")
    return [indent + line for line in ast.unparse(statement).splitlines()]


def _class_lines(node: ast.ClassDef, indent: str) -> list[str]:
    bare = copy.copy(node)
    bare.body = [ast.Expr(ast.Constant(...))]
    *head, _ = ast.unparse(bare).splitlines()
    lines = [indent + line for line in head]
    body = [line for member in node.body for line in _lines(member, indent + "    ")]
    return [*lines, *body] if body else [*lines[:-1], lines[-1] + " ..."]


def _function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, indent: str) -> list[str]:
    decorators = [f"{indent}@{ast.unparse(decorator)}" for decorator in node.decorator_list]
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    variables = ", ".join(map(ast.unparse, getattr(node, "type_params", ())))
    name = f"{node.name}[{variables}]" if variables else node.name
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return [*decorators, *_wrapped(f"{indent}{word} {name}(", _parameters(node.args), f"){returns}: ...")]


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
    """Return items in brackets: in one line where they have room, else each on its own."""
    whole = f"{opening}{', '.join(items)}{closing}"
    if len(whole) <= _WIDTH:
        return [whole]
    indent = " " * (len(opening) - len(opening.lstrip()))
    return [opening, *(f"{indent}    {item}," for item in items), indent + closing]


def _import_lines(own: str, bound: Mapping[str, _Origin], names: Iterable[str]) -> Iterator[str]:
    """Yield the imports of these names: the standard library's, other packages', those of the module's own package."""
    statements: dict[tuple[int, bool, str, str], list[str]] = {}
    for name in names:
        origin = bound.get(name)
        if origin is None or origin.module in (own, "__future__"):
            continue
        target = origin.name or origin.module
        changed = "" if name == target.partition(".")[0] else f"{target} as {name}"  # in a statement of its own
        key = (_section(origin.module, own), origin.name is not None, origin.module, changed)
        statements.setdefault(key, []).append(changed or target)
    ordered = [(*key[:3], sorted(parts, key=_import_order)) for key, parts in statements.items()]
    previous = 0
    for section, is_from, module, parts in sorted(ordered, key=lambda it: (*it[:3], _import_order(it[3][0]))):
        if previous not in (0, section):
            yield ""
        previous = section
        line = f"from {module} import {', '.join(parts)}" if is_from else f"import {parts[0]}"
        yield from [line] if len(line) <= _WIDTH else _wrapped(f"from {module} import (", parts, ")")


def _section(module: str, own: str) -> int:
    root = module.partition(".")[0]
    return 1 if root in sys.stdlib_module_names else 3 if root == own.partition(".")[0] else 2


def _import_order(name: str) -> tuple[int, str]:
    """Return where a sorter of imports puts a name: constants, classes, the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)


def _double_quoted(text: str) -> str:
    """Return source with its strings in double quotes, where that needs no escape."""
    lines = text.splitlines(keepends=True)
    for token in reversed([*tokenize.generate_tokens(io.StringIO(text).readline)]):
        quoted = token.string
        if token.type == tokenize.STRING and quoted[0] == "'" and not {'"', "\\"}.intersection(quoted):
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = f'{line[:column]}"{quoted[1:-1]}"{line[column + len(quoted) :]}'
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
