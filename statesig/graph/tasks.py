"""Tasks: functions with their retries, triggers, timeouts and the like.

A task is the same in every flow that calls it: nothing here knows a graph or a run.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    Self,
    cast,
    overload,
)

from typing_extensions import TypeVar

from statesig.algebra.annotations import names_around
from statesig.algebra.captures import RetryOn
from statesig.algebra.triggers import SkipPolicy, Trigger, all_successful
from statesig.algebra.wrappers import Parameters, parameters_of, value_declared_by
from statesig.graph.options import check_options, in_turn, seconds, unknown_options
from statesig.states import State
from statesig.states.declared import Declared, declared_as
from statesig.states.generics import kind_of

__all__ = ["FlowTask", "Handler", "Task", "building", "task"]

P = ParamSpec("P")
Q = ParamSpec("Q")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
S = TypeVar("S")
R = TypeVar("R")
Raw = TypeVar("Raw", default=Any)

Handler = Callable[[State[Any], State[Any]], State[Any] | None]
"""Called with the old and the new state at each change; a state that it returns takes the place of the new one."""


class Building(Protocol):
    """Records the calls of tasks while a flow is built."""

    def called(self, task: Task[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], /) -> object:
        """Record a call and return a stand-in for its value."""


building: ContextVar[Building | None] = ContextVar("building", default=None)


class Task(Generic[P, A, Raw]):
    """A function with the options of `task`. Outside a flow, and in a running task, calling it calls the function.

    To a type checker a call is the value: what a coroutine gives, and the result of a state. What the function itself
    returns is ``Raw``, so outside a flow write ``await fetch.fn(3)`` and ``acapture(fetch.fn, 3)``.

    Attributes:
        fn: The function, with its own type.
        name: The name of its nodes; the function's name by default.
        retries: How often it is run again after a failure.
        retry_delay: The seconds between a failure and the next attempt.
        retry_backoff: The factor by which each further delay is longer than the one before.
        retry_max_delay: The longest delay in seconds; None without a limit.
        retry_jitter: The part of a delay by which it may be shorter or longer, from 0 to 1.
        retry_on: The exceptions that are worth a retry; None: all.
        timeout: The seconds that an attempt may take; None without a limit.
        trigger: Decides by the states upstream whether it runs.
        on_skip: How a skipped upstream counts.
        cache_for: The seconds for which further calls with equal arguments reuse a success, `math.inf` for ever; None:
            they do not.
        cache_key: Returns the text by which calls are equal; None: all arguments as JSON.
        handlers: Called in turn at each change of state.
        answer: The type of the answer by which a person releases it after a pause; None: it takes none.
        is_async: Whether the function is a coroutine function.
        is_plain: Whether it has no coroutine function, no timeout, no cache and no handler.
    """

    _kind: ClassVar[str] = "task"

    def __init__(
        self,
        fn: Callable[P, Raw],
        *,
        name: str | None = None,
        retries: int = 0,
        retry_delay: float | timedelta = 0.0,
        retry_backoff: float = 1.0,
        retry_max_delay: float | timedelta | None = None,
        retry_jitter: float = 0.0,
        retry_on: RetryOn | None = None,
        timeout: float | timedelta | None = None,
        trigger: Trigger = all_successful,
        on_skip: SkipPolicy = SkipPolicy.SUCCESS,
        cache_for: float | timedelta | Literal["forever"] | None = None,
        cache_key: Callable[..., str] | None = None,
        handlers: Iterable[Handler] = (),
        answer: object = None,
    ) -> None:
        self.fn: Callable[P, Raw] = _function_of(fn)
        functools.update_wrapper(self, self.fn, updated=())  # an attribute of the function's may have a name of ours
        self.name: str = name or str(getattr(fn, "__name__", "") or type(fn).__name__)
        if remedy := _remedy_for(self.fn):
            raise TypeError(f"{self._kind} {self.name!r}: {remedy}")
        options: dict[str, object] = {
            "name": self.name, "retries": retries, "retry_delay": retry_delay, "retry_backoff": retry_backoff,
            "retry_max_delay": retry_max_delay, "retry_jitter": retry_jitter, "timeout": timeout, "trigger": trigger,
            "on_skip": on_skip, "cache_for": cache_for, "cache_key": cache_key,
            "handlers": (in_order := in_turn(handlers)),
        }  # fmt: skip
        check_options(f"{self._kind} {self.name!r}", options)
        self.retries = retries
        self.retry_delay: float = seconds(retry_delay)
        self.retry_backoff = retry_backoff
        self.retry_max_delay: float | None = None if retry_max_delay is None else seconds(retry_max_delay)
        self.retry_jitter = retry_jitter
        self.retry_on: RetryOn | None = retry_on
        self.timeout: float | None = None if timeout is None else seconds(timeout)
        self.trigger = trigger
        self.on_skip = on_skip
        self.cache_for: float | None = None if cache_for is None else seconds(cache_for)
        self.cache_key = cache_key
        self.handlers: tuple[Handler, ...] = cast("tuple[Handler, ...]", in_order)  # it was checked
        self.answer: Any = answer
        self.is_async: bool = inspect.iscoroutinefunction(_code_of(self.fn))
        special = self.is_async or self.timeout is not None or self.cache_for is not None or self.handlers
        self.is_plain: bool = not special
        self._check()
        names = names_around(fn)
        if names is not None and (found := self._resolved(names))[1] is None:
            self._declared = found

    def _check(self) -> None:
        wrong = [
            (not _is_retry_on(self.retry_on), "retry_on is classes of Exception, or a predicate over an ErrorInfo"),
            (self.cache_key is not None and self.cache_for is None, "cache_key goes with cache_for"),
        ]
        for is_wrong, rule in wrong:
            if is_wrong:
                raise ValueError(f"{self._kind} {self.name!r}: {rule}")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> A:
        flow = building.get()
        if flow is None:
            return cast("A", self.fn(*args, **kwargs))
        return cast("A", flow.called(self, args, kwargs))  # to a checker the stand-in is the value

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = ..., /) -> Self: ...
    @overload
    def __get__(self: _Method[S, Q, B, C], instance: S, owner: type[Any] | None = ..., /) -> Task[Q, B, C]: ...
    def __get__(self, instance: Any, owner: type[Any] | None = None, /) -> Any:
        """Return the task of the method that a function is on an instance; the task itself for anything else."""
        if instance is None or not hasattr(type(self.fn), "__get__"):
            return self
        bound = object.__new__(type(self))  # copy.copy would ask how it pickles, which may be by name
        bound.__dict__.update(self.__dict__)
        for name in ("parameters", "token"):
            bound.__dict__.pop(name, None)
        fn: Any = self.fn
        bound.fn = fn.__get__(instance, owner)
        return bound

    def __repr__(self) -> str:
        return f"<{self._kind} {self.name}>"

    def __reduce__(self) -> Any:
        """Pickle by name, as a function or a method does, if that is where the task is found."""
        if self.unbound is not None:
            return getattr, (self.unbound[1], self.fn.__name__)
        path: str = getattr(self, "__qualname__", "")
        held: Any = sys.modules.get(getattr(self, "__module__", ""))
        for part in path.split("."):
            held = getattr(held, part, None)
        return path if held is self else super().__reduce__()

    @property
    def unbound(self) -> tuple[Task[..., Any], object] | None:
        """The task that the class has, whose function takes the instance first, and the instance.

        None if this is not a method's task.
        """
        fn: Any = self.fn
        if not inspect.ismethod(fn):
            return None
        own: Any = inspect.getattr_static(fn.__self__, fn.__name__, None)
        if kind_of(own) is classmethod:
            own = own.__func__
        found = cast("Task[..., Any] | None", own if isinstance(own, Task) else None)
        return None if found is None or found.fn is not fn.__func__ else (found, fn.__self__)

    @functools.cached_property
    def parameters(self) -> Parameters:
        """The function's parameters, against which calls in a flow are checked."""
        return parameters_of(self.fn)

    def argument(self, index: int) -> str:
        """Return the name of the positional argument at a position of a call, for an error: ``rows``, ``values[2]``."""
        signature = self.parameters.signature
        for position, parameter in enumerate(signature.parameters.values() if signature else ()):
            if parameter.kind is parameter.VAR_POSITIONAL:
                return f"{parameter.name}[{index - position}]"
            if position == index:
                return parameter.name
        return f"argument {index}"

    @functools.cached_property
    def returns(self) -> Any:
        """The declared type of the value; Any if none is declared or it cannot be resolved."""
        return self._declared[0]

    @functools.cached_property
    def value_type(self) -> Declared | None:
        """Validates values as the declared type; None if there is nothing to ask of a value."""
        declared, wrong = self._declared
        return declared_as(self.returns) if wrong is None else Declared(declared, wrong)

    @functools.cached_property
    def _declared(self) -> tuple[Any, str | None]:
        """The declared type of the value, and what is wrong with its annotation."""
        return self._resolved(None)

    def _resolved(self, names: Mapping[str, Any] | None) -> tuple[Any, str | None]:
        try:
            return value_declared_by(self.fn, names), None
        except Exception as exc:  # evaluating an annotation may raise anything
            return Any, f"{type(exc).__name__}: {exc}".partition("\n")[0]


def _is_retry_on(given: object) -> bool:
    """Tell whether a value is None, a class of exceptions, a tuple of such classes, or something that can be called."""
    if isinstance(given, tuple):
        return all(map(_is_exception, cast("tuple[object, ...]", given)))  # whatever it holds
    return given is None or _is_exception(given) or (callable(given) and not isinstance(given, type))


def _is_exception(given: object) -> bool:
    return isinstance(given, type) and issubclass(given, Exception)


class FlowTask(Task[[], Any]):
    """A flow as a task: its handlers and retries follow the rules of a task's.

    Its function is never called: to run a flow is to run its tasks.
    """

    _kind = "flow"

    def __init__(self, name: str, *, handlers: Iterable[Handler], retries: int, retry_delay: float | timedelta) -> None:
        super().__init__(_run_nothing, name=name, handlers=handlers, retries=retries, retry_delay=retry_delay)
        # Tries are counted, which a shortcut for plain tasks would not do.
        self.is_plain: bool = self.is_plain and not retries


def _run_nothing() -> Any:
    """Take the place of a function in the `FlowTask` of a flow."""


def _function_of(fn: Any) -> Any:
    """Return the function of a task; anything else as it is."""
    return fn.fn if isinstance(fn, Task) else fn


def _code_of(fn: Any) -> Any:
    """Return the function that runs when something is called, as far as it can be told."""
    while isinstance(fn, (functools.partial, Task)):
        given: Any = fn  # pyright: ignore[reportUnknownVariableType]  # whatever it takes and returns
        fn = given.func if isinstance(fn, functools.partial) else given.fn
    return fn if inspect.isroutine(fn) or isinstance(fn, type) else kind_of(fn).__call__


def _remedy_for(fn: object) -> str:
    """Return what to write instead of a task of something that cannot be one; nothing if it can."""
    cls = kind_of(fn)
    if cls is staticmethod or cls is classmethod:
        return f"write @{cls.__name__} above @task, not below it"
    if not callable(fn):
        return f"a task is made of a function, not of a value of class {cls.__name__}"
    if inspect.isgeneratorfunction(_code_of(fn)) or inspect.isasyncgenfunction(_code_of(fn)):
        return "a generator can be read only once, so it is no result; return a list of what it yields instead"
    return ""


@overload
def task(fn: _Function[P, R, Awaitable[State[A]]], /) -> Task[P, A, R]: ...
@overload
def task(fn: _Function[P, R, Awaitable[State[A] | A]], /) -> Task[P, A, R]: ...
@overload
def task(fn: _Function[P, R, State[A]], /) -> Task[P, A, R]: ...
@overload
def task(fn: _Function[P, R, State[A] | A], /) -> Task[P, A, R]: ...
@overload
def task(fn: Callable[P, R], /) -> Task[P, R, R]: ...  # pyright: ignore[reportOverlappingOverload]  # mypy needs it
@overload
def task(
    *,
    name: str | None = ...,
    retries: int = ...,
    retry_delay: float | timedelta = ...,
    retry_backoff: float = ...,
    retry_max_delay: float | timedelta | None = ...,
    retry_jitter: float = ...,
    retry_on: RetryOn | None = ...,
    timeout: float | timedelta | None = ...,
    trigger: Trigger = ...,
    on_skip: SkipPolicy = ...,
    cache_for: float | timedelta | Literal["forever"] | None = ...,
    handlers: Iterable[Handler] = ...,
    answer: object = ...,
) -> _TaskMaker: ...
@overload
def task(
    *,
    name: str | None = ...,
    retries: int = ...,
    retry_delay: float | timedelta = ...,
    retry_backoff: float = ...,
    retry_max_delay: float | timedelta | None = ...,
    retry_jitter: float = ...,
    retry_on: RetryOn | None = ...,
    timeout: float | timedelta | None = ...,
    trigger: Trigger = ...,
    on_skip: SkipPolicy = ...,
    cache_for: float | timedelta | Literal["forever"],
    cache_key: Callable[..., str],
    handlers: Iterable[Handler] = ...,
    answer: object = ...,
) -> _KeyedTaskMaker[...]: ...
def task(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a task of a function: ``@task`` or ``@task(retries=3)``.

    Args:
        fn: The function; a coroutine function is awaited, and so is an awaitable that a function returns. It returns a
            value or a state, or raises a signal. The value, or the result of a success, is validated as the return
            annotation says. It is then handed on as it is: whoever changes it in place changes it for all. A method
            works on its instance: ``pipeline.load(day)``.
        name: The name of its nodes; the function's name by default.
        retries: How often it is run again after RETRY, FAIL or an exception.
        retry_delay: Seconds, or a timedelta, before it is run again.
        retry_backoff: Each further delay is this many times the one before; at least 1.
        retry_max_delay: The longest delay: seconds, or a timedelta.
        retry_jitter: A delay is shorter or longer by up to this part of it, from 0 to 1, so that tasks that failed
            together do not all retry together. It is drawn from the run's seed.
        retry_on: The exceptions that are run again: a class, a tuple of classes, or a predicate over the `ErrorInfo`
            that the state keeps, which sees texts redacted. Subclasses count. The task fails at once with any other
            exception, and with a group that holds another. FAIL and RETRY say for themselves; a `timeout` and a lost
            worker are no exceptions of the task, and count against `retries` whatever this says. By default all
            exceptions are run again.
        timeout: Seconds, or a timedelta, that an attempt may take; after that it is TimedOut, which counts as a
            failure. A thread cannot be stopped: its function continues, and its outcome is ignored.
        trigger: Decides by the states upstream whether it runs; `all_successful` by default.
        on_skip: How a skipped upstream counts; by default as a success.
        cache_for: Seconds, or a timedelta, for which further calls with equal arguments reuse a success and become
            Cached; ``"forever"`` without an end. The success is kept in the run's store; without a store, for this run.
        cache_key: Called with the task's arguments; returns the text by which two calls are equal. By default the JSON
            of all arguments. The instance of a method is its first argument, for both.
        handlers: Each is called with the old and the new state at every change, and may return another state to take
            the place of the new one, if it may follow the old one.
        answer: The type of the answer by which a person releases the task after a pause: a Pydantic model, or any type
            that Pydantic can validate. ``RESUME(result=...)`` carries the answer; it is validated before the task is
            released, and `resumed` hands it to the function, typed. By default the task takes no answer.

    Raises:
        TypeError: An option is unknown or has the wrong type, or the function is a generator function.
        ValueError: A number is out of its range.
    """
    return functools.partial(_task, options) if fn is None else _task(options, fn)


def _task(options: Mapping[str, Any], fn: Callable[..., Any], /) -> Task[..., Any]:
    known = [*inspect.signature(cast("Callable[..., Any]", Task)).parameters][1:] if options else []
    if unknown := [name for name in options if name not in known]:
        raise unknown_options(getattr(fn, "__name__", type(fn).__name__), unknown, known)
    return Task(fn, **options)


if TYPE_CHECKING:
    _S = TypeVar("_S", contravariant=True)
    _A = TypeVar("_A", covariant=True)
    _R = TypeVar("_R", covariant=True)
    _Seen = TypeVar("_Seen", covariant=True)

    class _Method(Protocol[_S, Q, _A, _R]):
        """A task whose function takes an instance first.

        ``Task[Concatenate[S, Q], A, R]`` would be one whose first parameter has no name, to pyrefly and ty.
        """

        @property
        def fn(self) -> Callable[Concatenate[_S, Q], _R]: ...
        def __call__(self, instance: _S, /, *args: Q.args, **kwargs: Q.kwargs) -> _A: ...

    class _Function(Protocol[P, _R, _Seen]):
        """A function whose return type is known as it is, and beside that seen as another.

        A function has to fit both overloads, so both type variables are inferred from it; there is no other way to
        keep a type and to take it apart.
        """

        @overload
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> _R: ...
        @overload
        def __call__(  # type: ignore[overload-cannot-match]  # nobody calls it
            self, *args: P.args, **kwargs: P.kwargs
        ) -> _Seen: ...

    class _TaskMaker:
        @overload
        def __call__(self, fn: _Function[P, R, Awaitable[State[A]]], /) -> Task[P, A, R]: ...
        @overload
        def __call__(self, fn: _Function[P, R, Awaitable[State[A] | A]], /) -> Task[P, A, R]: ...
        @overload
        def __call__(self, fn: _Function[P, R, State[A]], /) -> Task[P, A, R]: ...
        @overload
        def __call__(self, fn: _Function[P, R, State[A] | A], /) -> Task[P, A, R]: ...
        @overload
        def __call__(  # pyright: ignore[reportOverlappingOverload]  # mypy needs it
            self, fn: Callable[P, R], /
        ) -> Task[P, R, R]: ...
        def __call__(self, fn: Any, /) -> Any: ...

    class _KeyedTaskMaker(_TaskMaker, Generic[Q]):
        """Keeps what the cache key takes, which the plugin fills in and compares; the function alone says the rest."""
