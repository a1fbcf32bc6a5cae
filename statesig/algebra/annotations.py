"""Resolve the annotations of a function one by one: the others may name what only checkers know."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping
from types import FrameType, UnionType
from typing import Any, Union, get_type_hints

__all__ = ["annotation_of", "is_union", "names_around", "returned_by"]


def returned_by(fn: Any, names: Mapping[str, Any] | None = None) -> Any:
    """Return the return annotation of a function, with names in place of text; Any without one.

    Of a partial it is that of its function, of a class the class, of another callable object that of ``__call__``.

    Args:
        fn: The function.
        names: The names known where it is defined, beside those of its module.

    Raises:
        Exception: The annotation cannot be evaluated: a name is not known, say.
    """
    while isinstance(fn, functools.partial):
        fn = fn.func
    if isinstance(fn, type):
        return fn
    if not callable(getattr(fn, "__get__", None)) and not hasattr(fn, "__wrapped__"):
        fn = type(fn).__call__
    return annotation_of(fn, "return", names)


def annotation_of(fn: Any, name: str, names: Mapping[str, Any] | None = None) -> Any:
    """Return one annotation of a function, with names in place of text; Any without one.

    Args:
        fn: The function.
        name: The parameter, or ``return``.
        names: The names known where it is defined, beside those of its module.

    Raises:
        Exception: The annotation cannot be evaluated.
    """
    inner: Any = inspect.unwrap(fn)

    def holder() -> None: ...

    holder.__annotations__ = {name: _annotations(fn).get(name, Any)}
    holder.__type_params__ = getattr(inner, "__type_params__", ())  # type: ignore[attr-defined]  # since Python 3.12
    known: dict[str, Any] = getattr(inner, "__globals__", {})
    return get_type_hints(holder, known, dict(names or {}) or None, include_extras=True)[name]


def is_union(annotation: object) -> bool:
    """Tell whether a type is a union, in either spelling."""
    return isinstance(annotation, UnionType) or getattr(annotation, "__origin__", None) is Union


def _annotations(fn: Any) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        try:
            return annotationlib.get_annotations(fn, format=annotationlib.Format.FORWARDREF)
        except TypeError:  # a callable without any
            return {}
    found: Mapping[str, Any] = getattr(fn, "__annotations__", {})
    return found


def _as_written(fn: Any) -> Any:
    try:
        return _annotations(fn).get("return")
    except Exception:  # since Python 3.14 reading annotations evaluates them; `returned_by` says what is wrong
        return None


def names_around(fn: Any) -> Mapping[str, Any] | None:
    """Return the local names of the call that defined a function, if its return annotation is text and needs them.

    Such a text may name a class of the function around; nobody else knows that class, and later nobody does.
    """
    outside, inside, _ = str(getattr(fn, "__qualname__", "")).rpartition(".<locals>.")
    if not inside or not isinstance(_as_written(fn), str):
        return None
    around = outside.rpartition(".")[2]
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # public in all but its name
    while frame is not None and frame.f_code.co_name != around:
        frame = frame.f_back
    return None if frame is None else frame.f_locals
