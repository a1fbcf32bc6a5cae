"""The mypy plugin: checks the fields given to a signal, its state's type, and the definitions of states and signals.

Turn it on with ``plugins = statesig.mypy`` under ``[mypy]``. It keeps its notes on a class in mypy's cache, and no
other facts but the index in `claims`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from mypy.errorcodes import ABSTRACT
from mypy.messages import format_type_bare
from mypy.nodes import (
    GDEF,
    AssignmentStmt,
    BytesExpr,
    CallExpr,
    FloatExpr,
    IndexExpr,
    IntExpr,
    MemberExpr,
    MypyFile,
    NameExpr,
    RefExpr,
    Statement,
    StrExpr,
    SymbolTableNode,
    TypeAlias,
    TypeInfo,
    Var,
    get_member_expr_fullname,
)
from mypy.options import Options
from mypy.plugin import (
    AttributeContext,
    ClassDefContext,
    FunctionContext,
    FunctionSigContext,
    MethodContext,
    MethodSigContext,
    Plugin,
    ReportConfigContext,
)
from mypy.semanal import SemanticAnalyzer
from mypy.semanal_shared import has_placeholder
from mypy.server.trigger import make_trigger
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    PlaceholderType,
    ProperType,
    Type,
    TypeOfAny,
    TypeVarType,
    UnboundType,
    get_proper_type,
    has_type_vars,
)
from typing_extensions import override

from statesig.checking.claims import (
    MACHINE,
    NOTES,
    SIGNAL,
    STATE,
    STATESIG,
    TRANSITION,
    Claims,
    argument_of,
    is_state,
    notes_of,
    root_of,
)
from statesig.checking.fields import MODEL, add_constructor, declared_in, noted_fields
from statesig.checking.successions import fault_elsewhere, fault_of_way, signal_above, succession, succession_by_class
from statesig.checking.values import MAKERS, MAPS, SUCCESS, mapped, raised, task_of
from statesig.errors import LONGEST_TAG, DefinitionError

__all__ = ["STATESIG", "StatesigPlugin", "plugin"]

VERSION: Final = 14
"""Raise it when a verdict, a message or a note changes, so that mypy drops older cache entries."""


def plugin(version: str) -> type[Plugin]:
    """Return the plugin, the same for every version of mypy."""
    return StatesigPlugin


_OF_PYTHON: Final = frozenset({*sys.stdlib_module_names, "_typeshed", "mypy_extensions", "typing_extensions"})
"""Packages that define no model."""

_SIGNAL_STATE: Final = f"{SIGNAL}.state"
_AFTER: Final = ".after"
_ADVANCE: Final = "statesig.entities.histories.Entities.advance"


class StatesigPlugin(Plugin):
    """The hooks. Each says how mypy behaves alone, how it behaves with the hook, and why."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._claims = Claims()

    @override
    def report_config_data(self, ctx: ReportConfigContext) -> dict[str, int]:
        """Mypy alone trusts its cache; with this hook it drops entries from another version of the plugin."""
        return {"version": VERSION}

    def get_additional_indirect_deps(self, file: MypyFile) -> set[str]:
        """Mypy alone checks a module again when a name it uses changed; with this hook, also when a rival may appear.

        Why: two classes with one tag need not name each other. Mypy calls this from release 2.4 on; earlier releases
        find a rival in an indirectly imported module only when they check the importer again.
        """
        return self._claims.imported_by(file.fullname)

    @override
    def get_customize_class_mro_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Mypy alone caches neither a class's keywords nor its fields' defaults; with this hook it keeps both as notes.

        It also reports a state with a wrong parent and a tag that is taken. Why this hook: a plugin listed before ours
        cannot claim it first, as pydantic's does the hook for base classes. It leaves the method order alone.
        """
        info = self._class_called(fullname)
        if info is None or fullname == MODEL or not info.has_base(MODEL):
            return None
        return self._see_state if is_state(info) else _see_model

    @override
    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Mypy alone accepts any field in any signal; with this hook, only the fields of its state, the message first.

        Why: a user writes only ``class SKIP(Signal[Skipped])``, and `Signal` itself can say no more than
        ``**fields: object``. It also reports a class that cannot be a signal, as its definition would at run time.
        """
        info = self._class_called(fullname)
        return self._see_signal if info is not None and info.has_base(SIGNAL) else None

    @override
    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """Mypy alone infers Any for the state after ``except Signal``; with this hook, State[Any].

        Why: in ``except`` mypy fills a class without brackets with Any, and ignores the bound of its type variable.
        """
        return _state_of_some_signal if fullname == _SIGNAL_STATE else None

    @override
    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Mypy alone joins the members of a union that a task returns to object; with this hook, they stay a union.

        Why: from ``int | str`` it infers two lower bounds of one type variable. It also finds no value in
        ``Success[int] | None``, and lets the variables of a generic function escape. The hook also reports
        ``Finished()``: what annotations can say of it they would say of every ``type[Finished]``, too.
        """
        if fullname in MAKERS:
            return task_of
        info = self._class_called(fullname)
        return _construct_abstract if info is not None and notes_of(info).get("abstract") else None

    @override
    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], CallableType] | None:
        """Mypy alone lets a task raise a success with any result; with this hook, only with one that the task may have.

        Why: a success that is raised ends the task, and its result is validated as the task's value.
        """
        info = self._class_called(fullname)
        return raised if info is not None and notes_of(info).get("succeeds") else None

    @override
    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], CallableType] | None:
        """Mypy alone accepts any field in ``SHIP.after(placed)``; with this hook, those of the new state.

        The same holds for ``orders.advance("o-1", SHIP)``. Why: as for `get_base_class_hook`. Those that both states
        have from one class may be left out.
        """
        if fullname == _ADVANCE:
            return succession_by_class
        if not fullname.endswith(_AFTER):
            return None
        info = self._class_called(fullname.removesuffix(_AFTER))
        return succession if info is not None and info.has_base(TRANSITION) else None

    @override
    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """Like `get_function_hook`, for ``@task(retries=3)``; with it, ``flow.map`` takes only tasks.

        Why: to mypy alone any function is as good as a task.
        """
        if fullname in MAPS:
            return mapped
        return task_of if fullname in MAKERS else None

    def _class_called(self, fullname: str) -> TypeInfo | None:
        if fullname.partition(".")[0] in _OF_PYTHON:
            return None  # what programs name most; looking it up takes longer than all else here
        symbol = self.lookup_fully_qualified(fullname)
        node = symbol.node if symbol is not None else None
        if isinstance(node, TypeAlias):
            target = get_proper_type(node.target)
            return target.type if isinstance(target, Instance) else None
        return node if isinstance(node, TypeInfo) else None

    def _see_state(self, ctx: ClassDefContext) -> None:
        info, analyzer = ctx.cls.info, _analyzer_of(ctx)
        abstract, root = ctx.cls.keywords.get("abstract"), root_of(info)
        tag = _tag_of(ctx, analyzer)
        info.metadata[NOTES] = {
            "tag": tag,
            "root": root.fullname,
            "abstract": (isinstance(abstract, NameExpr) and abstract.name == "True") or root is info,
            "fields": _fields_noted(ctx),
        }
        if tag is not None and f"{info.module_name}.{tag}" != info.fullname:
            _show_tag(tag, analyzer)
        parents = [base.type for base in info.bases if is_state(base.type)]
        if len(parents) > 1:
            _refuse(ctx, f"a state has one state parent, not {' and '.join(parent.fullname for parent in parents)}")
        for parent in parents:
            if notes_of(parent).get("abstract") and parent.module_name != info.module_name:
                _refuse(ctx, f"{parent.fullname} is sealed; derive from one of the states below it")
        if info.has_base(STATE):
            _note_fixed_result(ctx, parents)
        for name in _overridden(ctx.cls.defs.body, info):
            _refuse(ctx, f"the field {name} needs its annotation to have another default")
        other = self._claims.rival_of(info, analyzer)
        if other is not None:
            remedy = f'choose another with class {info.name}(..., tag="...")'
            _refuse(ctx, f"the tag {tag!r} is taken by {other.fullname}; {remedy}")

    def _see_signal(self, ctx: ClassDefContext) -> None:
        info, analyzer = ctx.cls.info, _analyzer_of(ctx)
        if not info.has_base(SIGNAL):
            return  # mypy turned the class into something else, such as a named tuple
        state = argument_of(info, SIGNAL)
        if isinstance(state, PlaceholderType | UnboundType) or _is_unknown(state):
            return
        if isinstance(state, Instance) and state.type.fallback_to_any:
            return  # mypy does not know one of its bases, which may be a state or have fields
        if info.fullname == TRANSITION:
            return
        if not (isinstance(state, Instance) and (state.type.has_base(STATE) or state.type.has_base(MACHINE))):
            _refuse(ctx, f"a signal raises a state, not {format_type_bare(state, analyzer.options)}")
            return
        if any(isinstance(base, IndexExpr) and isinstance(base.index, StrExpr) for base in ctx.cls.base_type_exprs):
            _refuse(ctx, f"a signal raises a state, not a name in quotes; define {state.type.name} before it")
            return
        if notes_of(state.type).get("abstract"):
            _refuse(ctx, f"{state.type.fullname} is abstract; a signal raises one of the states below it")
            return
        reason = fault_of_way(info, state)
        if reason is not None:
            _refuse(ctx, reason)
            return
        info.metadata[NOTES] = {"raises": state.type.fullname, "succeeds": state.type.has_base(SUCCESS)}
        other = self._claims.rival_of(info, analyzer)
        if other is not None:
            _refuse(ctx, f"{state.type.fullname} has a signal already, {other.fullname}; raise that one")
        else:
            self._see_way(ctx, state, analyzer)
        add_constructor(ctx, state, analyzer)

    def _see_way(self, ctx: ClassDefContext, state: Instance, analyzer: SemanticAnalyzer) -> None:
        """Report a new way of a machine that is said in another module than its root.

        Modules may import each other, so that the ways in that module are seen only later.
        """
        info = ctx.cls.info

        def signal_of(kind: TypeInfo) -> TypeInfo | None:
            return self._claims.signal_of(kind, info.module_name, analyzer)

        reason = fault_elsewhere(info, state, signal_of)
        if reason is not None and (analyzer.final_iteration or signal_above(state.type, signal_of) is not None):
            _refuse(ctx, reason)
        elif reason is not None:
            analyzer.defer()


def _note_fixed_result(ctx: ClassDefContext, parents: list[TypeInfo]) -> None:
    """Note a state that fixes its result, as ``class Approval(Paused[str])`` does: it is right, but may not be meant.

    `AnyState` of another value does not have such a state, so mypy skips its ``case`` without a word.
    """
    info, analyzer = ctx.cls.info, _analyzer_of(ctx)
    result = argument_of(info, STATE)
    is_fixed = not has_type_vars(result) and not isinstance(result, AnyType) and not has_placeholder(result)
    if is_fixed and any(has_type_vars(argument_of(parent, STATE)) for parent in parents):
        shown = format_type_bare(result, analyzer.options)
        remedy = f"class {info.name}({parents[0].name}[R]) leaves the result open"
        reason = f"{info.name} has the fixed result {shown}: matching a task of another value does not check its case"
        analyzer.note(f"{reason}; {remedy}", ctx.cls, code=STATESIG)


def _see_model(ctx: ClassDefContext) -> None:
    """Note the fields of a model that is not a state: a state may inherit from it beside its state parent."""
    ctx.cls.info.metadata[NOTES] = {"fields": _fields_noted(ctx)}


def _fields_noted(ctx: ClassDefContext) -> list[list[object]]:
    return [[name, optional] for name, optional in declared_in(ctx.cls.defs.body, _analyzer_of(ctx))]


def _analyzer_of(ctx: ClassDefContext) -> SemanticAnalyzer:
    """Return the semantic analyzer behind the hook: mypy's public interface does not show imports."""
    analyzer = ctx.api
    assert isinstance(analyzer, SemanticAnalyzer)
    return analyzer


def _refuse(ctx: ClassDefContext, reason: str) -> None:
    """Report a class with the text of the error that its definition raises at run time."""
    ctx.api.fail(str(DefinitionError(ctx.cls.name, reason)), ctx.cls, code=STATESIG)


def _tag_of(ctx: ClassDefContext, analyzer: SemanticAnalyzer) -> str | None:
    """Return a state's tag, also of a constant; None if only the program knows it. Report what cannot be one."""
    given = ctx.cls.keywords.get("tag")
    if given is None or (isinstance(given, NameExpr) and given.name == "None"):
        return ctx.cls.name
    value: object = given.value if isinstance(given, (StrExpr, IntExpr, FloatExpr)) else None
    if isinstance(given, BytesExpr):
        value = given.value.encode()
    path = get_member_expr_fullname(given) if isinstance(given, MemberExpr) else getattr(given, "name", None)
    if path is not None:
        symbol = analyzer.lookup_qualified(path, given, suppress_errors=True)
        constant = symbol.node if symbol is not None else None
        if isinstance(constant, Var) and constant.is_final:
            value = constant.final_value
            analyzer.add_plugin_dependency(make_trigger(constant.fullname))
    if value is not None and not isinstance(value, str):
        _refuse(ctx, f"a tag is a text, not a value of class {type(value).__name__}")
        return None
    if value is not None and not 0 < len(value) <= LONGEST_TAG:
        _refuse(ctx, f"a tag has 1 to {LONGEST_TAG} characters, not {len(value)}")
        return None
    return value


def _show_tag(tag: str, analyzer: SemanticAnalyzer) -> None:
    """Enter a tag that no name of the module tells among these names, hidden from programs.

    Mypy's daemon checks importers again when the names of a module change, and does not look at a class's keywords.
    """
    name = f"tag {tag.replace('.', ' ')}"
    shown = Var(name, AnyType(TypeOfAny.special_form))
    shown._fullname = f"{analyzer.cur_mod_id}.{name}"  # pyright: ignore[reportPrivateUsage]  # as mypy's plugins do
    analyzer.globals[name] = SymbolTableNode(GDEF, shown, module_public=False, module_hidden=True)


def _overridden(body: Iterable[Statement], info: TypeInfo) -> Iterator[str]:
    """Yield each inherited field to which a class body assigns without its annotation."""
    for statement in body:
        if isinstance(statement, AssignmentStmt) and not statement.new_syntax:
            for target in statement.lvalues:
                if isinstance(target, NameExpr) and _is_annotated(target.name, info.mro[1:]):
                    yield target.name


def _is_annotated(name: str, above: Iterable[TypeInfo]) -> bool:
    return any(name == field and not _is_classvar(name, base) for base in above for field, _ in noted_fields(base))


def _is_classvar(name: str, info: TypeInfo) -> bool:
    symbol = info.names.get(name)
    return symbol is not None and isinstance(symbol.node, Var) and symbol.node.is_classvar


def _construct_abstract(ctx: FunctionContext) -> Type:
    """Report the construction of an abstract state, which is an error when it runs."""
    called = ctx.context.callee if isinstance(ctx.context, CallExpr) else None
    if isinstance(called, IndexExpr):
        called = called.base
    # A variable of such a class may hold one of the states below it.
    if isinstance(called, RefExpr) and isinstance(called.node, (TypeInfo, TypeAlias)):
        name = called.fullname.rpartition(".")[2]
        ctx.api.fail(f"{name} is abstract; construct one of the states below it", ctx.context, code=ABSTRACT)
    return ctx.default_return_type


def _is_unknown(state: ProperType) -> bool:
    """Tell whether a type is an Any that mypy put there after an error that it has already reported."""
    return isinstance(state, AnyType) and state.type_of_any not in (
        TypeOfAny.explicit,
        TypeOfAny.from_omitted_generics,
    )


def _state_of_some_signal(ctx: AttributeContext) -> Type:
    """Return the default of a signal's state, else its upper bound, where mypy inferred an Any that nobody wrote."""
    default = get_proper_type(ctx.default_attr_type)
    if isinstance(default, AnyType) and default.type_of_any != TypeOfAny.explicit and isinstance(ctx.type, Instance):
        declared = argument_of(ctx.type.type, SIGNAL)
        if isinstance(declared, TypeVarType):
            return declared.default if declared.has_default() else declared.upper_bound
    return ctx.default_attr_type
