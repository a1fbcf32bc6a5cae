"""A plugin for mypy: what a signal is built from, which state it carries, and which classes may be one.

Turn it on with ``plugins = statesig.mypy`` under ``[mypy]``. What it needs to know of a class is noted in mypy's own
cache; what it remembers besides is an index, see `claims`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from mypy.errorcodes import ErrorCode
from mypy.expandtype import expand_type, expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.messages import format_type_bare
from mypy.nodes import (
    ARG_NAMED,
    ARG_NAMED_OPT,
    ARG_OPT,
    ARG_POS,
    Argument,
    AssignmentStmt,
    Block,
    CallExpr,
    EllipsisExpr,
    Expression,
    IfStmt,
    IndexExpr,
    MypyFile,
    NameExpr,
    Statement,
    StrExpr,
    TempNode,
    TryStmt,
    TypeAlias,
    TypeInfo,
    Var,
    WithStmt,
)
from mypy.options import Options
from mypy.plugin import AttributeContext, ClassDefContext, Plugin, ReportConfigContext
from mypy.plugins.common import add_method_to_class
from mypy.semanal import SemanticAnalyzer
from mypy.semanal_shared import has_placeholder
from mypy.server.trigger import make_wildcard_trigger
from mypy.types import (
    AnyType,
    Instance,
    NoneType,
    PlaceholderType,
    ProperType,
    Type,
    TypeOfAny,
    TypeVarType,
    UnboundType,
    get_proper_type,
)
from typing_extensions import override

from statesig.checking.claims import NOTES, SIGNAL, STATE, Claims, notes_of, state_raised_by
from statesig.errors import DefinitionError

__all__ = ["STATESIG", "StatesigPlugin", "plugin"]

VERSION: Final = 3
"""Raised when a verdict or a note changes, so that mypy drops what was cached under another."""

MODEL: Final = "pydantic.main.BaseModel"
FIELD: Final = "pydantic.fields.Field"

STATESIG: Final = ErrorCode("statesig", "Check that states and signals are defined one to one", "statesig")


def plugin(version: str) -> type[Plugin]:
    """Return the plugin, whichever version of mypy asks for it."""
    return StatesigPlugin


class StatesigPlugin(Plugin):
    """The hooks. Each says what mypy thinks alone, what it thinks with the hook, and why."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._claims = Claims()

    @override
    def report_config_data(self, ctx: ReportConfigContext) -> dict[str, int]:
        """Mypy alone trusts its cache; with this it drops what another version of the plugin wrote there."""
        return {"version": VERSION}

    def get_additional_indirect_deps(self, file: MypyFile) -> set[str]:
        """Mypy alone looks at a module again when what it uses has changed; with this, when a rival may have come.

        Why: two classes with one tag need not name each other. Mypy asks this from release 2.4 on; before, a rival that
        comes to a module which is imported through others is seen when its importer is looked at again.
        """
        return self._claims.imported_by(file.fullname)

    @override
    def get_customize_class_mro_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Mypy alone forgets a class's keywords and its fields' defaults once it is cached; with this they are noted.

        A state in the wrong place is told here, and a tag that is taken. Why this hook: no plugin listed before ours
        takes it away, as pydantic's takes that of a base class. It changes no method resolution order.
        """
        info = self._class_called(fullname)
        if info is None or fullname == MODEL or not info.has_base(MODEL):
            return None
        return self._see_state if info.has_base(STATE) else _see_model

    @override
    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Mypy alone takes any field in any signal; with this, the fields of its state, the message first.

        Why: ``class SKIP(Signal[Skipped])`` is all that is written, and `Signal` can say no more than
        ``**fields: object``. A class that cannot be a signal is told here, as it is when it runs.
        """
        info = self._class_called(fullname)
        return self._see_signal if info is not None and info.has_base(SIGNAL) else None

    @override
    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """Mypy alone gives Any for the state after ``except Signal``; with this, State[Any].

        Why: in ``except`` mypy takes a class without brackets as one of Any, whatever its variable is bound to.
        """
        return _state_of_some_signal if fullname == f"{SIGNAL}.state" else None

    def _class_called(self, fullname: str) -> TypeInfo | None:
        symbol = self.lookup_fully_qualified(fullname)
        node = symbol.node if symbol is not None else None
        if isinstance(node, TypeAlias):
            target = get_proper_type(node.target)
            return target.type if isinstance(target, Instance) else None
        return node if isinstance(node, TypeInfo) else None

    def _see_state(self, ctx: ClassDefContext) -> None:
        info, analyzer = ctx.cls.info, _analyzer_of(ctx)
        given, abstract = ctx.cls.keywords.get("tag"), ctx.cls.keywords.get("abstract")
        if given is None or (isinstance(given, NameExpr) and given.name == "None"):
            tag: str | None = info.name
        else:
            tag = given.value if isinstance(given, StrExpr) else None
        info.metadata[NOTES] = {
            "tag": tag,
            "abstract": isinstance(abstract, NameExpr) and abstract.name == "True",
            "fields": _fields_noted(ctx),
        }
        parents = [base.type for base in info.bases if base.type.has_base(STATE)]
        if len(parents) > 1:
            _refuse(ctx, f"a state has one state parent, not {' and '.join(parent.fullname for parent in parents)}")
        for parent in parents:
            if notes_of(parent).get("abstract") and parent.module_name != info.module_name:
                _refuse(ctx, f"{parent.fullname} is sealed; derive from one of the states below it")
        other = self._claims.rival_of(info, analyzer)
        if other is not None:
            remedy = f'choose another with class {info.name}(..., tag="...")'
            _refuse(ctx, f"the tag {tag!r} is taken by {other.fullname}; {remedy}")

    def _see_signal(self, ctx: ClassDefContext) -> None:
        info, analyzer = ctx.cls.info, _analyzer_of(ctx)
        if not info.has_base(SIGNAL):
            return  # mypy made something else of the class, such as a named tuple
        state = state_raised_by(info)
        if isinstance(state, PlaceholderType | UnboundType) or _is_unknown(state):
            return
        if isinstance(state, Instance) and state.type.fallback_to_any:
            return  # something above it is not known, and may be a state or have fields
        if not (isinstance(state, Instance) and state.type.has_base(STATE)):
            _refuse(ctx, f"a signal raises a state, and {format_type_bare(state, analyzer.options)} is none")
            return
        if any(isinstance(base, IndexExpr) and isinstance(base.index, StrExpr) for base in ctx.cls.base_type_exprs):
            _refuse(ctx, f"a signal raises a state, and a name in quotes is none; define {state.type.name} before it")
            return
        if notes_of(state.type).get("abstract"):
            _refuse(ctx, f"{state.type.fullname} is abstract; a signal raises one of the states below it")
            return
        other = self._claims.rival_of(info, analyzer)
        if other is not None:
            _refuse(ctx, f"{state.type.fullname} has a signal already, {other.fullname}; raise that one")
        _add_constructor(ctx, state, analyzer)


def _see_model(ctx: ClassDefContext) -> None:
    """Note the fields of a model that is no state: one that is beside a state's parent gives them to the state."""
    ctx.cls.info.metadata[NOTES] = {"fields": _fields_noted(ctx)}


def _fields_noted(ctx: ClassDefContext) -> list[list[object]]:
    return [[name, optional] for name, optional in _declared(ctx.cls.defs.body, _analyzer_of(ctx))]


def _analyzer_of(ctx: ClassDefContext) -> SemanticAnalyzer:
    """Return what runs the hook, which knows what is imported; the interface that mypy promises does not."""
    analyzer = ctx.api
    assert isinstance(analyzer, SemanticAnalyzer)
    return analyzer


def _refuse(ctx: ClassDefContext, reason: str) -> None:
    """Report a class in the words of the error that its definition would raise."""
    ctx.api.fail(str(DefinitionError(ctx.cls.name, reason)), ctx.cls, code=STATESIG)


def _is_unknown(state: ProperType) -> bool:
    """Tell an Any that nobody wrote, nor left to be written: mypy has reported why it knows no more."""
    return isinstance(state, AnyType) and state.type_of_any not in (
        TypeOfAny.explicit,
        TypeOfAny.from_omitted_generics,
    )


def _declared(body: Iterable[Statement], analyzer: SemanticAnalyzer) -> Iterator[tuple[str, bool]]:
    """Yield the names that a class body annotates, and whether each has a default."""
    for statement in body:
        for block in _blocks_of(statement):
            if block is not None and not block.is_unreachable:
                yield from _declared(block.body, analyzer)
        if isinstance(statement, AssignmentStmt) and statement.new_syntax:
            target = statement.lvalues[0]
            if isinstance(target, NameExpr) and not target.name.startswith("_"):
                yield target.name, _is_default(statement.rvalue, analyzer)


def _blocks_of(statement: Statement) -> Iterable[Block | None]:
    if isinstance(statement, IfStmt):
        return (*statement.body, statement.else_body)
    if isinstance(statement, TryStmt):
        return (statement.body, *statement.handlers, statement.else_body, statement.finally_body)
    return (statement.body,) if isinstance(statement, WithStmt) else ()


def _is_default(value: Expression, analyzer: SemanticAnalyzer) -> bool:
    """Tell whether what is assigned to a field gives it a default; ``Field(ge=1)`` does not."""
    if isinstance(value, TempNode):
        return not value.no_rhs
    if isinstance(value, EllipsisExpr):
        return False
    if not isinstance(value, CallExpr) or analyzer.get_fullname_for_hook(value) != FIELD:
        return True
    given = dict(zip(value.arg_names, value.args, strict=True))
    default = given.get("default", given.get(None))
    return "default_factory" in given or (default is not None and not isinstance(default, EllipsisExpr))


def _add_constructor(ctx: ClassDefContext, state: Instance, analyzer: SemanticAnalyzer) -> None:
    """Give a signal the constructor that its state's fields make, unless it has one of its own."""
    for base in ctx.cls.info.mro:
        if base.fullname == SIGNAL:
            break
        known = base.names.get("__init__")
        if known is not None and not known.plugin_generated:
            return
    fields = _fields_of(state, analyzer)
    if fields is None:
        if not analyzer.final_iteration:
            analyzer.defer()
        return
    arguments = [_argument(name, kind, optional) for name, (kind, optional) in fields.items()]
    arguments.sort(key=lambda argument: argument.kind.is_named())
    add_method_to_class(analyzer, ctx.cls, "__init__", arguments, NoneType())


def _fields_of(state: Instance, analyzer: SemanticAnalyzer) -> dict[str, tuple[Type, bool]] | None:
    """Return the fields of a state, with their types and whether they have a default; None if they are not known yet.

    Not what its constructor takes, which pydantic's plugin loosens to Any unless it is told otherwise.
    """
    found: dict[str, tuple[Type, bool]] = {}
    for info in reversed(state.type.mro):
        if NOTES not in info.metadata:
            continue
        analyzer.add_plugin_dependency(make_wildcard_trigger(info.fullname))
        seen_as = map_instance_to_supertype(state, info)
        declared: Iterable[tuple[str, bool]] = info.metadata.get(NOTES, {}).get("fields", ())
        for name, optional in declared:
            symbol = info.names.get(name)
            field = symbol.node if symbol is not None else None
            if not isinstance(field, Var) or field.is_classvar or field.is_final:
                continue
            if field.type is None or has_placeholder(field.type):
                return None
            kind = field.type if info.self_type is None else expand_type(field.type, {info.self_type.id: state})
            found[name] = expand_type_by_instance(kind, seen_as), optional
    return found


def _argument(name: str, kind: Type, optional: bool) -> Argument:
    """Return a field as an argument: the message by position too, any other by its name."""
    ways = (ARG_OPT, ARG_POS) if name == "message" else (ARG_NAMED_OPT, ARG_NAMED)
    return Argument(Var(name, kind), kind, None, ways[0] if optional else ways[1])


def _state_of_some_signal(ctx: AttributeContext) -> Type:
    """Return what the state of a signal is at least, where mypy knows no more than an Any that nobody wrote."""
    default = get_proper_type(ctx.default_attr_type)
    if isinstance(default, AnyType) and default.type_of_any != TypeOfAny.explicit and isinstance(ctx.type, Instance):
        declared = state_raised_by(ctx.type.type)
        if isinstance(declared, TypeVarType):
            return declared.upper_bound
    return ctx.default_attr_type
