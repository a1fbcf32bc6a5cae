"""Types of tasks for the mypy plugin: what a call of a task is worth, read off its function's return type.

The rules are those of `Task.returns` at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mypy.checker import TypeChecker
from mypy.erasetype import remove_instance_last_known_values
from mypy.expandtype import expand_type
from mypy.maptype import map_instance_to_supertype
from mypy.meet import meet_types
from mypy.messages import format_type
from mypy.nodes import (
    ARG_STAR,
    ARG_STAR2,
    Block,
    CallExpr,
    Context,
    Decorator,
    Expression,
    FuncDef,
    FuncItem,
    MypyFile,
    RaiseStmt,
    RefExpr,
    Statement,
    TypeInfo,
    Var,
)
from mypy.plugin import FunctionContext, FunctionSigContext, MethodContext
from mypy.subtypes import is_subtype
from mypy.typeops import make_simplified_union
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    Parameters,
    Type,
    TypeOfAny,
    TypeVarId,
    TypeVarType,
    UninhabitedType,
    UnionType,
    flatten_nested_unions,
    get_proper_type,
)

from statesig.checking.claims import STATE, STATESIG
from statesig.checking.fields import blocks_of

__all__ = ["MAKERS", "MAPS", "SUCCESS", "mapped", "raised", "task_of"]

KEYED: Final = "statesig.graph.tasks._KeyedTaskMaker"
MAKER: Final = "statesig.graph.tasks.task"
MAKERS: Final = frozenset({MAKER, "statesig.graph.tasks._TaskMaker.__call__", f"{KEYED}.__call__"})
"""What makes a task of a function: alone, with options, and with a cache key."""

MAPS: Final = frozenset({"statesig.flow.Flow.map", "statesig.graph.graph.Graph.map"})
"""What calls a task for each of many items."""

SUCCESS: Final = "statesig.states.Success"
TASK: Final = "statesig.graph.tasks.Task"
AWAITABLE: Final = "typing.Awaitable"


def task_of(ctx: FunctionContext | MethodContext) -> Type:
    """Return the type of the task that is made of a function; what mypy inferred where the function does not tell."""
    default = get_proper_type(ctx.default_return_type)
    if isinstance(default, Instance) and default.type.fullname == KEYED:
        return _with_key(default, ctx)
    if not (isinstance(default, Instance) and default.type.fullname == TASK) or not ctx.arg_types[0]:
        return ctx.default_return_type
    given = get_proper_type(ctx.arg_types[0][0])
    if not isinstance(given, FunctionLike) or any(item.param_spec() for item in given.items):
        return ctx.default_return_type
    functions = [_without_variables(item) for item in given.items]
    values = [_value_of(each.ret_type) for each in functions]
    found = [value for value in values if value is not None]
    if len(found) != len(values):
        return ctx.default_return_type
    if isinstance(ctx, MethodContext) and isinstance(ctx.type, Instance) and ctx.type.type.fullname == KEYED:
        _compare_key(ctx, ctx.type, functions)
    raws = [remove_instance_last_known_values(each.ret_type) for each in functions]
    return Instance(default.type, [_parameters(functions), _either(found), _either(raws)], ctx.context.line)


def mapped(ctx: MethodContext) -> Type:
    """Report a function that is mapped and no task.

    Annotations could say it, but then a task of other items would be told of in two overloads, not in one sentence.
    """
    given = get_proper_type(ctx.arg_types[0][0]) if ctx.arg_types[0] else None
    if isinstance(given, FunctionLike):
        ctx.api.fail("Only a task can be mapped; decorate the function with @task", ctx.context, code=STATESIG)
    return ctx.default_return_type


def raised(ctx: FunctionSigContext) -> CallableType:
    """Return a signal's constructor; where a task raises it, with a result that the task may have."""
    signature, checker = ctx.default_signature, ctx.api
    place = signature.arg_names.index("result") if "result" in signature.arg_names else None
    if place is None or not ctx.args[place] or not isinstance(checker, TypeChecker):
        return signature
    fn = checker.scope.current_function()
    if not isinstance(fn, FuncDef) or not fn.is_decorated or not isinstance(fn.type, CallableType):
        return signature
    if not _raises(fn.body, ctx.context) or not _is_task(fn, checker):
        return signature
    value = get_proper_type(_value_of(fn.type.ret_type))
    if value is None or isinstance(value, (AnyType, UninhabitedType)):
        return signature
    declared = expand_type(signature.arg_types[place], _unknown(signature))
    both = value if is_subtype(value, declared) else meet_types(value, get_proper_type(declared))
    if isinstance(both, UninhabitedType):
        given, wanted = (format_type(kind, checker.options) for kind in (declared, value))
        ctx.api.fail(f"A task of {wanted} cannot end with a result of {given}", ctx.context, code=STATESIG)
        return signature
    kinds = [*signature.arg_types[:place], both, *signature.arg_types[place + 1 :]]
    return signature.copy_modified(arg_types=kinds)  # pyright: ignore[reportUnknownMemberType]  # mypy: not annotated


def _raises(block: Block, signal: Context) -> bool:
    """Tell whether a block raises an expression, itself or in a block within it."""
    for statement in block.body:
        if isinstance(statement, RaiseStmt) and statement.expr is signal:
            return True
        if any(_raises(inner, signal) for inner in blocks_of(statement)):
            return True
    return False


def _is_task(fn: FuncDef, checker: TypeChecker) -> bool:
    """Tell whether a function is decorated as a task, and by nothing before that may change its value."""
    around = checker.scope.stack[checker.scope.stack.index(fn) - 1]
    scope = around.defn.defs.body if isinstance(around, TypeInfo) else _body_of(around)
    decorator = next((each for each in _decorators_in(scope) if each.func is fn), None)
    return decorator is not None and _makes_task(decorator.original_decorators[-1])


def _body_of(scope: MypyFile | FuncItem) -> list[Statement]:
    return scope.defs if isinstance(scope, MypyFile) else scope.body.body


def _decorators_in(body: Iterable[Statement]) -> Iterator[Decorator]:
    for statement in body:
        if isinstance(statement, Decorator):
            yield statement
        for block in blocks_of(statement):
            yield from _decorators_in(block.body)


def _makes_task(decorator: Expression) -> bool:
    """Tell whether a decorator is ``task``, ``task(...)``, or a variable that holds the latter."""
    named = decorator.callee if isinstance(decorator, CallExpr) else decorator
    if not isinstance(named, RefExpr):
        return False
    kind = get_proper_type(named.node.type) if isinstance(named.node, Var) else None
    return named.fullname == MAKER or (isinstance(kind, Instance) and f"{kind.type.fullname}.__call__" in MAKERS)


def _with_key(maker: Instance, ctx: FunctionContext | MethodContext) -> Type:
    """Return what makes tasks with a cache key, and note what the key takes."""
    given = ctx.arg_types[ctx.callee_arg_names.index("cache_key")]
    key = get_proper_type(given[0]) if given else None
    if not isinstance(key, CallableType):
        return maker
    return Instance(maker.type, [_parameters([_without_variables(key)])], ctx.context.line)


def _compare_key(ctx: MethodContext, maker: Instance, functions: list[CallableType]) -> None:
    """Report a cache key that does not take what the task takes: it is called with the task's arguments.

    Annotations cannot say it: they would have the function take what the key takes.
    """
    takes = get_proper_type(maker.args[0])
    if not isinstance(takes, Parameters):
        return
    text = ctx.api.named_generic_type("builtins.str", [])
    fallback = ctx.api.named_generic_type("builtins.function", [])
    key = CallableType(takes.arg_types, takes.arg_kinds, takes.arg_names, text, fallback)
    calls = [CallableType(fn.arg_types, fn.arg_kinds, fn.arg_names, text, fallback) for fn in functions]
    for call in calls:
        if not is_subtype(key, call):
            given, wanted = (format_type(kind, ctx.api.options) for kind in (key, call))
            reason = f"The cache key {given} does not take what the task takes: {wanted}"
            ctx.api.fail(reason, ctx.context, code=STATESIG)


def _without_variables(fn: CallableType) -> CallableType:
    """Put Any in the place of a function's own type variables: a task has no type of its own for each call."""
    if not fn.variables:
        return fn
    plain = expand_type(fn, _unknown(fn))
    assert isinstance(plain, CallableType)
    return plain


def _unknown(fn: CallableType) -> dict[TypeVarId, Type]:
    """Return Any for each type variable of a function's own."""
    return {variable.id: AnyType(TypeOfAny.special_form) for variable in fn.variables}


def _parameters(functions: list[CallableType]) -> Parameters:
    """Return what a task takes: what its function does, anything for one with overloads."""
    if len(functions) == 1:
        fn = functions[0]
        return Parameters(fn.arg_types, fn.arg_kinds, fn.arg_names)
    anything = AnyType(TypeOfAny.special_form)
    return Parameters([anything, anything], [ARG_STAR, ARG_STAR2], [None, None], is_ellipsis_args=True)


def _value_of(returned: Type) -> Type | None:
    """Return ``A`` of ``A``, ``State[A]`` or ``A | State[A]``, and of an awaitable of those; None if it is unclear."""
    proper = get_proper_type(returned)
    if isinstance(proper, Instance) and proper.type.has_readable_member("__await__"):
        awaitable = next((base for base in proper.type.mro if base.fullname == AWAITABLE), None)
        return None if awaitable is None else _value_of(map_instance_to_supertype(proper, awaitable).args[0])
    values: list[Type] = []
    results: list[Type] = []
    for part in flatten_nested_unions([remove_instance_last_known_values(returned)]):
        item = get_proper_type(part)
        if isinstance(item, TypeVarType):
            return None
        if isinstance(item, Instance) and item.type.has_base(STATE):
            root = next(base for base in item.type.mro if base.fullname == STATE)
            results.append(map_instance_to_supertype(item, root).args[0])
        else:
            values.append(part)
    if not results:
        return values[0] if len(values) == 1 else UnionType(values)
    known = [result for result in results if not isinstance(get_proper_type(result), AnyType)]
    return _either([*values, *known] or results)


def _either(types: list[Type]) -> Type:
    return types[0] if len(types) == 1 else make_simplified_union(types, keep_erased=True)
