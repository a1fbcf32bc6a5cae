"""The fields of states for the mypy plugin: which a signal takes, of which types, and which of them may be left out.

Pydantic's rules, as far as they concern fields that annotations declare: those of a model, of a plain class beside it,
and the constructor that a state may have in place of its fields.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from mypy.errors import ErrorWatcher
from mypy.expandtype import expand_type, expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    ARG_NAMED,
    ARG_NAMED_OPT,
    ARG_OPT,
    ARG_POS,
    ARG_STAR,
    ARG_STAR2,
    ArgKind,
    Argument,
    AssignmentStmt,
    Block,
    CallExpr,
    ClassDef,
    EllipsisExpr,
    Expression,
    ForStmt,
    FuncDef,
    IfStmt,
    MatchStmt,
    MypyFile,
    NameExpr,
    Statement,
    TempNode,
    TryStmt,
    TypeInfo,
    Var,
    WhileStmt,
    WithStmt,
)
from mypy.plugin import ClassDefContext
from mypy.plugins.common import add_method_to_class
from mypy.semanal import SemanticAnalyzer
from mypy.semanal_shared import has_placeholder
from mypy.server.trigger import make_trigger, make_wildcard_trigger
from mypy.typeops import make_simplified_union
from mypy.types import AnyType, CallableType, Instance, NoneType, Type, TypeOfAny, UnboundType

from statesig.checking.claims import NOTES, SIGNAL, notes_of

__all__ = ["MODEL", "add_constructor", "blocks_of", "declared_in", "named_in", "noted_fields"]

MODEL: Final = "pydantic.main.BaseModel"
FIELD: Final = "pydantic.fields.Field"

_PLAIN: Final = frozenset({"builtins", "typing", "abc"})
"""The modules whose classes declare no field, though every state is below some of them."""


def noted_fields(info: TypeInfo) -> Iterable[tuple[str, bool]]:
    """Return the fields that a model declares, as they were noted: name, and whether it has a default."""
    found: Iterable[tuple[str, bool]] = notes_of(info).get("fields", ())  # type: ignore[assignment]  # as it was noted
    return found


def declared_in(body: Iterable[Statement], analyzer: SemanticAnalyzer) -> Iterator[tuple[str, bool]]:
    """Yield each name that a class body annotates, and whether it has a default."""
    for statement in body:
        for block in blocks_of(statement):
            if not block.is_unreachable:
                yield from declared_in(block.body, analyzer)
        if isinstance(statement, AssignmentStmt) and statement.new_syntax:
            target = statement.lvalues[0]
            if isinstance(target, NameExpr) and not target.name.startswith("_"):
                has_default = _is_default(statement.rvalue, analyzer) or _is_default_annotated(statement, analyzer)
                yield target.name, has_default


def blocks_of(statement: Statement) -> list[Block]:
    """Return the blocks of a compound statement that are in its own scope."""
    found: list[Block | None] = []
    if isinstance(statement, IfStmt):
        found = [*statement.body, statement.else_body]
    elif isinstance(statement, TryStmt):
        found = [statement.body, *statement.handlers, statement.else_body, statement.finally_body]
    elif isinstance(statement, (ForStmt, WhileStmt)):
        found = [statement.body, statement.else_body]
    elif isinstance(statement, WithStmt):
        found = [statement.body]
    elif isinstance(statement, MatchStmt):
        found = [*statement.bodies]
    return [block for block in found if block is not None]


def add_constructor(ctx: ClassDefContext, state: Instance, analyzer: SemanticAnalyzer) -> None:
    """Give a signal a constructor that takes what its state takes, unless it defines or inherits one."""
    if _constructor_of(ctx.cls.info.mro, SIGNAL) is not None:
        return
    own = _constructor_of(state.type.mro, MODEL)
    found = _fields_of(state, analyzer) if own is None else _parameters_of(own, state, analyzer)
    if found is None:
        if not analyzer.final_iteration:
            analyzer.defer()
    elif found or own is None:
        arguments = [Argument(Var(name, kind), kind, None, way) for name, kind, way in found]
        arguments.sort(key=lambda each: (each.kind is not ARG_POS and each.kind is not ARG_OPT, each.kind is ARG_STAR2))
        _put_constructor(arguments, ctx.cls, analyzer)


def _put_constructor(arguments: list[Argument], cls: ClassDef, analyzer: SemanticAnalyzer) -> None:
    """Give a class a constructor in place of the one that it was given before.

    Mypy would check its body in each signal, where nothing is written, so the class's body is spared it: a call looks
    it up among the names. Only the daemon looks into the body, when it puts new types in the place of old ones.
    """
    names, body = cls.info.names, cls.defs.body
    before = names.get("__init__")
    if before is not None and before.plugin_generated:
        del names["__init__"]
        if isinstance(before.node, FuncDef) and before.node in body:
            body.remove(before.node)
    added = add_method_to_class(analyzer, cls, "__init__", arguments, NoneType())
    options = analyzer.options
    if not (options.fine_grained_incremental or options.cache_fine_grained):
        body.remove(added)


Parameter = tuple[str, Type, ArgKind]


def _parameter(name: str, kind: Type, optional: bool) -> Parameter:
    """Return what a signal takes for a field: the message by position or name, all others by name."""
    ways = (ARG_OPT, ARG_POS) if name == "message" else (ARG_NAMED_OPT, ARG_NAMED)
    return name, kind, ways[0] if optional else ways[1]


# ---- the fields


def _fields_of(state: Instance, analyzer: SemanticAnalyzer) -> list[Parameter] | None:
    """Return what a signal takes for each field of a state; None if mypy knows their types only later.

    The state's generated constructor is no source for them: by default, pydantic's plugin loosens its types to Any.
    """
    found: dict[str, Parameter] = {}
    for info in reversed(state.type.mro):
        fields = _fields_in(info, analyzer)
        above = map_instance_to_supertype(state, info) if fields else state
        for name, field, optional in fields:
            if field.type is None or has_placeholder(field.type):
                return None
            kind = field.type if info.self_type is None else expand_type(field.type, {info.self_type.id: state})
            found[name] = _parameter(name, expand_type_by_instance(kind, above), optional)
    return [*found.values()]


def _fields_in(info: TypeInfo, analyzer: SemanticAnalyzer) -> list[tuple[str, Var, bool]]:
    """Return the fields that one class declares, a model or a plain class beside it, and whether each has a default."""
    if info.module_name in _PLAIN:
        return []
    named = list(named_in(info, analyzer.modules))
    if named or not info.has_base(MODEL):
        analyzer.add_plugin_dependency(make_wildcard_trigger(info.fullname))
    found: list[tuple[str, Var, bool]] = []
    for name, optional in named:
        symbol = info.names.get(name)
        field = symbol.node if symbol is not None else None
        if isinstance(field, Var) and not field.is_classvar and not (field.is_final and optional):
            found.append((name, field, optional))
    return found


def named_in(info: TypeInfo, modules: Mapping[str, MypyFile]) -> Iterable[tuple[str, bool]]:
    """Return what one class annotates, a model or a plain class beside it: each name, and whether it has a default.

    Args:
        info: The class.
        modules: All modules: what a stub annotates may not be annotated at run time.
    """
    if NOTES in info.metadata:
        return noted_fields(info)
    module = modules.get(info.module_name)
    if info.has_base(MODEL) or module is None or module.is_stub:
        return ()
    return [(name, _is_set(symbol.node)) for name, symbol in info.names.items() if _is_public(symbol.node)]


def _is_public(node: object) -> bool:
    """Tell whether something in a plain class is a variable that its body annotates, and public."""
    is_annotated = isinstance(node, Var) and node.is_initialized_in_class and not node.is_inferred
    return is_annotated and isinstance(node, Var) and not node.is_property and not node.name.startswith("_")


def _is_set(node: object) -> bool:
    return isinstance(node, Var) and node.has_explicit_value


# ---- the constructor that a state has in their place


def _constructor_of(mro: Iterable[TypeInfo], before: str) -> object:
    """Return the constructor that classes before one, statesig's apart, write themselves; None if they have none."""
    for info in mro:
        if info.fullname == before or info.fullname.startswith("statesig.states."):
            return None
        known = info.names.get("__init__")
        if known is not None and not known.plugin_generated:
            return known.node
    return None


def _parameters_of(constructor: object, state: Instance, analyzer: SemanticAnalyzer) -> list[Parameter] | None:
    """Return what a signal takes for the parameters of its state's own constructor, which it gives by name.

    Nothing for an overloaded or decorated one, whose parameters are not plain; None if mypy knows them only later.
    """
    if not isinstance(constructor, FuncDef):
        return []
    info = constructor.info
    analyzer.add_plugin_dependency(make_trigger(constructor.fullname))
    analyzer.add_plugin_dependency(make_wildcard_trigger(info.fullname))
    written = constructor.type if isinstance(constructor.type, CallableType) else None
    is_raw = written is not None and written is constructor.unanalyzed_type
    names, ways = constructor.arg_names[1:], constructor.arg_kinds[1:]
    kinds = written.arg_types[1:] if written is not None else [AnyType(TypeOfAny.unannotated) for _ in names]
    found: list[Parameter] = []
    for name, kind, way in zip(names, kinds, ways, strict=True):
        known = _looked_up(kind, info, analyzer) if is_raw else kind
        if known is None:
            return None
        seen = expand_type_by_instance(known, map_instance_to_supertype(state, info))
        if way.is_star():
            found += [(name or "fields", seen, way)] if way != ARG_STAR else []
        elif name is not None:
            found.append(_parameter(name, seen, way.is_optional()))
    if any(way.is_star() for _, _, way in found) and "message" not in names:
        text = analyzer.named_type("builtins.str")
        found.insert(0, _parameter("message", make_simplified_union([text, NoneType()]), optional=True))
    return found


def _looked_up(kind: Type, info: TypeInfo, analyzer: SemanticAnalyzer) -> Type | None:
    """Return a type in a method as it was read, with its names looked up: mypy does it after it has seen all classes.

    In a circle of imports the names of another module cannot be looked up from here: then anything goes.
    """
    if info.module_name != analyzer.cur_mod_id:
        return AnyType(TypeOfAny.special_form)
    scope = analyzer.tvar_scope.class_frame(info.fullname)
    for variable in info.defn.type_vars:
        scope.bind_existing(variable)
    with ErrorWatcher(analyzer.errors, filter_errors=True) as watcher:  # mypy reports them where they are
        found = analyzer.anal_type(kind, tvar_scope=scope)
    return AnyType(TypeOfAny.from_error) if watcher.has_new_errors() else found


# ---- defaults


def _is_default(value: Expression, analyzer: SemanticAnalyzer) -> bool:
    """Tell whether the value assigned to a field gives it a default; ``Field(ge=1)`` does not."""
    if isinstance(value, TempNode):
        return not value.no_rhs
    if isinstance(value, EllipsisExpr):
        return False
    if not isinstance(value, CallExpr) or analyzer.get_fullname_for_hook(value) != FIELD:
        return True
    given = dict(zip(value.arg_names, value.args, strict=True))
    default = given.get("default", given.get(None))
    return "default_factory" in given or (default is not None and not isinstance(default, EllipsisExpr))


def _is_default_annotated(statement: AssignmentStmt, analyzer: SemanticAnalyzer) -> bool:
    """Tell whether a field's annotation gives it a default, as ``Annotated[int, Field(default=3)]`` does.

    Mypy keeps nothing of what an annotation calls, so its source is read again.
    """
    written = statement.unanalyzed_type
    if not isinstance(written, UnboundType) or written.name.rpartition(".")[2] != "Annotated":
        return False
    match _written(statement, analyzer.modules[analyzer.cur_mod_id].path):
        case [ast.AnnAssign(annotation=ast.Subscript(slice=ast.Tuple(elts=[_, *metadata]))), *_]:
            return any(isinstance(part, ast.Call) and _gives_default(part, statement, analyzer) for part in metadata)
        case _:
            return False


def _gives_default(call: ast.Call, statement: AssignmentStmt, analyzer: SemanticAnalyzer) -> bool:
    """Tell whether a call in an annotation is ``Field(default=3)``, or another that gives a default."""
    symbol = analyzer.lookup_qualified(ast.unparse(call.func), statement, suppress_errors=True)
    if symbol is None or symbol.fullname != FIELD:
        return False
    given = {each.arg: each.value for each in call.keywords}
    default = given.get("default", call.args[0] if call.args else None)
    is_missing = isinstance(default, ast.Constant) and default.value is ...
    return "default_factory" in given or (default is not None and not is_missing)


def _written(statement: Statement, path: str) -> list[ast.stmt]:
    """Return a statement as its module's file has it, with what follows in its line; none if there is no such file."""
    linecache.checkcache(path)
    lines = linecache.getlines(path)[statement.line - 1 : statement.end_line]
    try:
        return ast.parse("".join(lines).encode()[statement.column :]).body
    except SyntaxError:  # the file was changed meanwhile
        return []
