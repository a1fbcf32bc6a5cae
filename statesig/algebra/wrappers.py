"""Tell what callers of a function see: its parameters and what it returns, as type checkers see them.

`functools.wraps` gives a wrapper the annotations of the function that it wraps and hides the wrapper's own. What the
wrapper takes and returns is still said: by its code where its parameters are written out, else by the annotations of
the decorator that made it, such as ``(fn: Callable[Concatenate[Session, P], R]) -> Callable[P, R]``. Where those are
missing, or name what only checkers import, the wrapped function speaks for the wrapper, and no call is refused for it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar, Union, get_args, get_origin

from statesig.algebra.annotations import annotation_of, is_union, returned_by
from statesig.states import State
from statesig.states.families import StateMeta
from statesig.states.generics import args_within, kind_of, origin_of
from statesig.states.unions import parts_of

__all__ = ["Parameters", "parameters_of", "value_declared_by", "value_returned_by"]


class Parameters(NamedTuple):
    """The parameters of a function.

    Args:
        signature: The signature; None where it cannot be told.
        is_known: Whether a call that does not fit it is wrong.
    """

    signature: inspect.Signature | None
    is_known: bool


def parameters_of(fn: Any) -> Parameters:
    """Return the parameters with which a function, or anything else that can be called, is to be called."""
    if isinstance(fn, functools.partial):
        inner = parameters_of(fn.func)
        return _changed(inner, lambda whole: functools.partial(whole, *fn.args, **fn.keywords))
    if isinstance(fn, MethodType):
        return _changed(parameters_of(fn.__func__), lambda whole: MethodType(whole, fn.__self__))
    wrapped = _wrapped_by(fn)
    if wrapped is None or _has_own_signature(fn, wrapped):
        return Parameters(_signature(fn), True)
    code = _code_of(fn)
    own = None if code is None else inspect.signature(code, follow_wrapped=False)
    if own is None:
        return parameters_of(wrapped)  # it is made by the standard library or an extension, such as `functools.cache`
    if not _takes_anything(own):
        return Parameters(own, True)
    sides, inner = _sides_of_decorator(fn), parameters_of(wrapped)
    found = _handed_on(own, inner.signature, *sides) if sides and inner.signature else None
    if found is None or inner.signature is None:
        return inner._replace(is_known=False)
    return inner._replace(signature=inner.signature.replace(parameters=found))


def value_returned_by(fn: Any, names: Mapping[str, Any] | None = None) -> Any:
    """Return the type of what a call of a function returns; Any if none is declared.

    Args:
        fn: The function, or anything else that can be called.
        names: The names known where it is defined, beside those of its module.

    Raises:
        Exception: The annotation cannot be evaluated: a name is not known, say.
    """
    while isinstance(fn, (functools.partial, MethodType)):
        fn = fn.func if isinstance(fn, functools.partial) else fn.__func__
    wrapped = _wrapped_by(fn)
    if wrapped is None:
        return returned_by(fn, names)
    inner = value_returned_by(wrapped, names)
    sides = _sides_of_decorator(fn)
    if sides is not None:
        taken, made = sides
        solved = _solved(taken.returned, inner)
        is_settled = made.returned in _variables(taken.returned) and not is_union(taken.returned)
        if isinstance(made.returned, TypeVar) and made.returned not in solved and not is_settled:
            return inner  # the value of a `Task`, or R of a function that returns R or State[R]
        return _put_in(made.returned, solved)
    own = _returned_by_class(fn)
    if own is not None:
        return own
    return inner if _shows_the_annotations_of(fn, wrapped) else returned_by(fn, names)


def value_declared_by(fn: Any, names: Mapping[str, Any] | None = None) -> Any:
    """Return ``A`` of a function that is declared to return ``A``, ``State[A]`` or ``A | State[A]``, or to await those.

    Values and results of several types are a union, as to a checker; a state without a result type adds nothing. A
    class of awaitables without arguments does not tell what it gives, which may be anything.

    Args:
        fn, names: As for `value_returned_by`.

    Raises:
        Exception: As for `value_returned_by`.
    """
    declared = value_returned_by(fn, names)
    while isinstance(kind := get_origin(declared) or declared, type) and hasattr(kind, "__await__"):
        declared = (get_args(declared) or (Any,))[-1]
    parts = tuple(parts_of(declared))
    values = [part for part in parts if not _is_state_class(part)]
    if len(values) == len(parts):
        return declared
    results = [result for part in parts if _is_state_class(part) for result in args_within(part, State)]
    results = [result for result in results if result is not Any]
    return Union[tuple(values + results)] if values or results else Any


# ---- wrappers and what they wrap


def _wrapped_by(fn: Any) -> Any:
    """Return the function that a wrapper wraps; None if it is no wrapper, or one that wraps itself."""
    if isinstance(fn, type):
        return None
    try:
        inspect.unwrap(fn)
    except ValueError:  # it never ends
        return None
    wrapped = getattr(fn, "__wrapped__", None)
    return wrapped if callable(wrapped) else None


def _code_of(fn: Any) -> Any:
    """Return the Python function, without the instance, that runs when a wrapper is called; None if none does."""
    if isinstance(fn, FunctionType):
        return fn
    call: Any = kind_of(fn).__call__
    return MethodType(call, fn) if isinstance(call, FunctionType) else None


def _has_own_signature(fn: Any, wrapped: Any) -> bool:
    """Tell whether a wrapper was given a signature; that of the wrapped function is copied with its attributes."""
    given = _attributes(fn).get("__signature__")
    return given is not None and given is not _attributes(wrapped).get("__signature__")


def _shows_the_annotations_of(fn: Any, wrapped: Any) -> bool:
    mine, theirs = (getattr(each, "__annotate__", None) or _annotations(each) for each in (fn, wrapped))
    return mine is theirs or not isinstance(fn, FunctionType)


def _annotations(fn: Any) -> Any:
    return getattr(fn, "__annotations__", None)


def _attributes(fn: Any) -> Mapping[str, Any]:
    return getattr(fn, "__dict__", {})


def _signature(fn: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):  # since 3.13 the first where what it is said to wrap cannot be called
        return None


def _changed(inner: Parameters, change: Callable[[Any], Any]) -> Parameters:
    """Return the parameters of what is made of a function: `inspect` knows how, given any function that has them.

    There are none if it is made with arguments that do not fit; those may fit a wrapper of which nobody knows what it
    takes.
    """

    def whole(*args: Any, **kwargs: Any) -> None: ...

    if inner.signature is None:
        return inner
    vars(whole)["__signature__"] = inner.signature
    return inner._replace(signature=_signature(change(whole)))


# ---- what a decorator's annotations say


class _Side(NamedTuple):
    """A function as a decorator's annotation has it.

    Args:
        leading: How many parameters it has before those of ``rest``.
        rest: The ParamSpec of its further parameters; None: it has no others, or any.
        returned: What it returns.
    """

    leading: int
    rest: object
    returned: Any


def _sides_of_decorator(fn: Any) -> tuple[_Side, _Side] | None:
    """Return the function that a decorator takes and the wrapper that it returns; None if that cannot be read."""
    try:
        taken, made = _types_of_class(fn) if not isinstance(fn, FunctionType) else _types_of_decorator(fn)
    except Exception:  # there is no such decorator, or its annotations may name what only checkers know
        return None
    if isinstance(taken, TypeVar) and made is taken:
        return (same := _Side(0, taken, taken)), same
    sides = [_side(each) for each in (taken, made)]
    return None if sides[0] is None or sides[1] is None else (sides[0], sides[1])


def _types_of_decorator(fn: FunctionType) -> tuple[Any, Any]:
    """Return the types of what a decorator takes and returns, in whose code a wrapper is written."""
    decorator, *deeper = fn.__code__.co_qualname.split(".<locals>.")[:-1]
    names = decorator.split(".")
    held: Any = functools.reduce(getattr, names[1:], fn.__globals__[names[0]])
    if inspect.unwrap(held).__code__.co_qualname != decorator:
        raise LookupError(decorator)  # another one has its name by now
    made = annotation_of(held, "return")
    if not deeper:
        return annotation_of(held, _first_annotated(held)), made
    taken: Any = None
    for _ in deeper:  # a function that returns the decorator
        (taken, *_), made = next(get_args(each) for each in _members(made) if _is_callable_type(each))
    return taken, made


def _types_of_class(fn: Any) -> tuple[Any, Any]:
    """Return the types of what a class takes and how its instances are called, where they are the wrappers."""
    cls: Any = kind_of(fn)
    named = [each for each in inspect.signature(cls.__call__).parameters.values() if each.kind not in _VARIADIC]
    rest = next(each.name for each in inspect.signature(cls.__call__).parameters.values() if each.kind in _VARIADIC)
    called = _Side(len(named) - 1, annotation_of(cls.__call__, rest).__origin__, annotation_of(cls.__call__, "return"))
    return annotation_of(cls.__init__, _first_annotated(cls.__init__)), called


def _returned_by_class(fn: Any) -> Any:
    """Return what the class of a wrapper says that its instances return; None if it says nothing, or leaves it open."""
    call: Any = kind_of(fn).__call__
    if isinstance(fn, FunctionType) or not isinstance(call, FunctionType):
        return None
    try:
        returned = annotation_of(call, "return")
    except Exception:  # it may name what only checkers know
        return None
    return None if returned is Any or _variables(returned) else returned


def _first_annotated(fn: Any) -> str:
    """Return the name of the first parameter with an annotation, which ``self`` has not."""
    parameters = inspect.signature(fn).parameters.values()
    return next(each.name for each in parameters if each.annotation is not each.empty)


def _side(annotation: Any) -> _Side | None:
    if isinstance(annotation, _Side):
        return annotation
    if not _is_callable_type(annotation):
        return None
    parameters, returned = get_args(annotation)
    if isinstance(parameters, list):
        return _Side(len(parameters), None, returned)  # pyright: ignore[reportUnknownArgumentType]  # types, however many
    *first, rest = get_args(parameters) or (parameters,)
    return _Side(len(first), rest if isinstance(rest, ParamSpec) else None, returned)


def _is_callable_type(annotation: object) -> bool:
    return get_origin(annotation) is _CALLABLE and len(get_args(annotation)) == 2


_CALLABLE: Final = get_origin(Callable[..., Any])


# ---- parameters


def _takes_anything(signature: inspect.Signature) -> bool:
    return set(_VARIADIC) <= {each.kind for each in signature.parameters.values()}


def _handed_on(own: inspect.Signature, wrapped: inspect.Signature, taken: _Side, made: _Side) -> list[Any] | None:
    """Return a wrapper's parameters: its own, and in place of ``*args, **kwargs`` those of the function it wraps.

    None if its decorator does not say that it hands them on.
    """
    named = [each for each in own.parameters.values() if each.kind not in _VARIADIC]
    if made.rest is None or made.rest is not taken.rest or len(named) != made.leading:
        return None
    rest = [*_without_first(wrapped, taken.leading)]
    names = {each.name for each in rest}
    first = [each.replace(name=f"{each.name}_" * (each.name in names) or each.name) for each in named]
    return [*(each.replace(kind=each.POSITIONAL_ONLY, default=each.empty) for each in first), *rest]


def _without_first(signature: inspect.Signature, count: int) -> Iterator[inspect.Parameter]:
    for at, parameter in enumerate(signature.parameters.values()):
        if at >= count or parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            yield parameter


_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


# ---- types


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if is_union(annotation) else (annotation,)


def _variables(annotation: Any) -> tuple[Any, ...]:
    """Return the type variables within a type; a state's class keeps them as pydantic's models do."""
    known: Any = getattr(annotation, "__pydantic_generic_metadata__", None)
    if known is not None:
        return tuple(known["parameters"]) if known["args"] else ()
    return (annotation,) if isinstance(annotation, TypeVar) else getattr(annotation, "__parameters__", ())


def _solved(declared: Any, actual: Any) -> dict[Any, Any]:
    """Return the type variables of what a decorator declares, given the type that is in its place."""
    if isinstance(declared, TypeVar):
        return {declared: actual}
    if is_union(declared):
        members = _members(declared)
        variables = [each for each in members if _variables(each)]
        rest = tuple(each for each in _members(actual) if each not in members)
        return _solved(variables[0], Union[rest]) if len(variables) == 1 and rest else {}
    inner = _args(declared)
    if not inner:
        return {}
    if _is_awaitable(declared):
        return _solved(inner[-1], _args(actual)[-1] if _is_awaitable(actual) and _args(actual) else actual)
    given = _args_seen_from(declared, actual)
    return {name: kind for one, other in zip(inner, given, strict=False) for name, kind in _solved(one, other).items()}


def _args_seen_from(declared: Any, actual: Any) -> tuple[Any, ...]:
    """Return the arguments of a type in the order of those of another, as which it is declared; none if unknown.

    The classes of the standard library keep the order: of a dict, and of a Mapping, the first are the keys. A user's
    class need not.
    """
    head, own, args = get_origin(declared), get_origin(actual), _args(actual)
    if isinstance(actual, StateMeta) and isinstance(declared, StateMeta):
        family = origin_of(declared)
        return args_within(actual, family) if issubclass(origin_of(actual), family) else ()
    if own is tuple and (head is not tuple or get_args(declared)[-1] is Ellipsis):
        items = tuple(each for each in args if each is not Ellipsis)
        return (Union[items],) if items else ()
    return args if own is head or {getattr(own, "__module__", ""), getattr(head, "__module__", "")} <= _STANDARD else ()


_STANDARD: Final = frozenset({"builtins", "collections", "collections.abc", "contextlib"})


def _args(annotation: Any) -> tuple[Any, ...]:
    known: Any = getattr(annotation, "__pydantic_generic_metadata__", None)
    return get_args(annotation) if known is None else tuple(known["args"])


def _put_in(declared: Any, solved: Mapping[Any, Any]) -> Any:
    """Return a type with its variables replaced, those that are not known by Any."""
    if isinstance(declared, TypeVar):
        return solved.get(declared, Any)
    variables = _variables(declared)
    if not variables:
        return declared
    if not all(isinstance(each, TypeVar) for each in variables):
        return Any
    return declared[tuple(solved.get(each, Any) for each in variables)]


def _is_awaitable(annotation: Any) -> bool:
    origin: object = get_origin(annotation)
    return isinstance(origin, type) and hasattr(origin, "__await__")


def _is_state_class(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, State)
