"""Cache keys: when two calls of a task count as equal. Nothing here keeps a success; a run or a store does."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import sys
import uuid
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from typing import Any, get_type_hints

from statesig.codec.events import as_declared
from statesig.codec.states import encode
from statesig.errors import EncodeError, FlowError
from statesig.graph.tasks import Task
from statesig.states import Cached, State, Success

__all__ = ["cached_from", "is_fresh", "key_of"]


def key_of(task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return the cache key of a call: the text that the task's `cache_key` returns or, without one, all arguments.

    Arguments count as the function takes them: by name, with defaults, as JSON of their annotated types. A method's
    instance is an argument as any other: calls on equal instances are equal, and which are is not for identity to say.

    Raises:
        FlowError: `cache_key` did not return a text, or an argument has no JSON form to compare.
    """
    if (unbound := task.unbound) is not None:
        task, instance = unbound
        args = (instance, *args)
    told = _identity(task)
    if task.cache_key is not None:
        key: Any = task.cache_key(*args, **kwargs)
        if type(key) is not str:
            raise FlowError(task.name, f"its cache_key is to return a str, not {type(key).__name__}", "task")
        return _digest(told, key)
    return _digest(told, json.dumps(_arguments(task, args, kwargs), sort_keys=True))


def _identity(task: Task[Any, Any]) -> str:
    """Return the identity of a task: its module and name, which other processes know too.

    A task that is made within a function may be one of many with different closures: it equals only itself.
    """
    module, path = getattr(task, "__module__", ""), getattr(task, "__qualname__", "")
    held: object = sys.modules.get(module)
    for part in path.split("."):
        held = inspect.getattr_static(held, part, None)
    if getattr(held, "__func__", held) is not task:  # a class method is kept as a classmethod of it
        token: str = vars(task).setdefault("token", uuid.uuid4().hex)
        return token
    place = getattr(sys.modules.get(module), "__file__", "") if module == "__main__" else module
    return f"{place}:{path}"


def _digest(*parts: str) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _arguments(task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by their names, each as parsed JSON."""
    named = _by_name(task, args, kwargs)
    try:
        hints = get_type_hints(task.fn)
    except (NameError, TypeError):
        hints = {}
    return {name: _compared(task, name, value, hints.get(name, Any)) for name, value in named.items()}


def _by_name(task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of a call by the names of the parameters; by position where these are not known."""
    signature, is_known = task.parameters
    if signature is not None:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            if is_known:
                raise
        else:
            bound.apply_defaults()
            return bound.arguments
    return {str(index): value for index, value in enumerate(args)} | dict(kwargs)


def _compared(task: Task[Any, Any], name: str, value: Any, hint: Any) -> Any:
    """Return an argument as parsed JSON; a state as its document, a class as its name."""
    given: object = value
    if isinstance(given, type) and "<locals>" not in given.__qualname__:
        return ["type", given.__module__, given.__qualname__]
    try:
        if isinstance(given, State):
            return json.loads(encode(value))
        holder: Success[Any] = Success(result=value)
        try:
            return json.loads(encode(holder))
        except EncodeError:
            if hint is not Any:
                # A wrapper may take what the function that it wraps, whose annotation this is, does not.
                with suppress(EncodeError) if hasattr(task.fn, "__wrapped__") else nullcontext():
                    return json.loads(encode(as_declared(holder, hint)))
            kind: type[Any] = type(given)  # what JSON alone does not tell apart
            return [kind.__module__, kind.__qualname__, json.loads(encode(as_declared(holder, kind)))]
    except EncodeError:
        raise FlowError(
            task.name,
            f"its argument {name} has no JSON by which calls could be equal; give the task a cache_key",
            "task",
        ) from None


def cached_from(state: State[Any], seconds: float, now: datetime) -> Cached[Any]:
    """Return the Cached state for further calls.

    Args:
        state: A Success with a result.
        seconds: How long it stays fresh; `math.inf`: for ever.
        now: The time, aware.
    """
    expires = None if seconds == math.inf else now + timedelta(seconds=seconds)
    return Cached(message=state.message, result=state.result, expires=expires)


def is_fresh(cached: Cached[Any], now: datetime) -> bool:
    """Tell whether a cached state has not expired."""
    return cached.expires is None or cached.expires > now
