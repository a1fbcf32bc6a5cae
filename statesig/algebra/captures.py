"""Catch signals and exceptions, and turn them into states; no other module decides the state of an exception.

Nothing here may know a table, a clock or a flow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeVar, TypeVarTuple, cast, get_origin, overload

from pydantic import ValidationError
from typing_extensions import TypeIs

from statesig.algebra.joins import combine
from statesig.signals import Signal, is_signal
from statesig.signals.causes import causes_of, chain_of
from statesig.states import AnyState, ErrorInfo, Failed, State, Success
from statesig.states.descriptions import cause_of, describe, members_of
from statesig.states.families import check_unforged, narrow, origin_of
from statesig.states.machines import Machine
from statesig.states.reasons import reason_of
from statesig.states.unions import parts_of

__all__ = [
    "PLAIN",
    "Redact",
    "RetryOn",
    "Returns",
    "Tracebacks",
    "acapture",
    "capture",
    "collect",
    "state_of_exception",
    "state_of_value",
]

A = TypeVar("A")
Ts = TypeVarTuple("Ts")

Redact = Callable[[str], str]
"""Redacts the texts of an exception: called with each text, returns the text that a state keeps."""

Tracebacks = bool | Literal["last"]
"""What a cause keeps of a traceback: nothing, the whole, or only the last frame of the user's own code."""

RetryOn = type[Exception] | tuple[type[Exception], ...] | Callable[[ErrorInfo], object]
"""Tells which exceptions are worth a retry: by their classes, or by a predicate over what a state keeps of each."""

Returns = Callable[[], object]
"""Tells the declared type of what a function returns. It is called only where a signal of a machine was raised."""


@overload
def capture(
    fn: Callable[[*Ts], State[A]],
    *args: *Ts,
    redact: Redact | None = ...,
    traceback: Tracebacks = ...,
    retry_on: RetryOn | None = ...,
) -> AnyState[A]: ...
@overload
def capture(
    fn: Callable[[*Ts], A | State[A]],
    *args: *Ts,
    redact: Redact | None = ...,
    traceback: Tracebacks = ...,
    retry_on: RetryOn | None = ...,
) -> AnyState[A]: ...
def capture(
    fn: Callable[[*Ts], A | State[A]],
    *args: *Ts,
    redact: Redact | None = None,
    traceback: Tracebacks = False,
    retry_on: RetryOn | None = None,
) -> AnyState[A]:
    """Call a function and return the state it leaves.

    A returned value gives ``Success(result=value)``; a returned state is the outcome; a raised signal gives its state;
    an `Exception` gives Failed with its causes; a group of signals and exceptions gives their combination. A state of a
    machine is a value like any other. Its signal, raised, gives ``Success(result=its state)`` where the function is
    annotated to return such a state, as ``-> Shipped`` or a union with it; elsewhere it is a failure.

    ``capture(s.unwrap) == Success(result=r)`` for a state ``s`` given a result ``r`` that is not a state, and
    ``capture(raise_, signal_of(s)) == s`` for a state of a run whose class has a signal.

    Args:
        fn: The function to call.
        args: Its positional arguments; bind keywords with `functools.partial`.
        redact: Called with each text of an exception before a state keeps it.
        traceback: Whether causes keep the formatted traceback; ``"last"``: only where it was raised, as in
            ``etl.py:41 in load``, by the last frame that is no library's.
        retry_on: The exceptions that are worth a retry, by class or by a predicate over their `ErrorInfo`; the Failed
            of any other is not retryable, nor that of a group with any other in it. None: all are. Signals say for
            themselves.

    Raises:
        BaseException: KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError and every other exception
            that is neither a signal nor an Exception, and a group that holds one, pass through.
    """
    try:
        value = fn(*args)
    except (Signal, Exception, BaseExceptionGroup) as exc:
        returns = partial(_returned_by, fn)
        return state_of_exception(exc, redact=redact, traceback=traceback, retry_on=retry_on, returns=returns)
    return state_of_value(value)


@overload
async def acapture(
    fn: Callable[[*Ts], Awaitable[State[A]]],
    *args: *Ts,
    redact: Redact | None = ...,
    traceback: Tracebacks = ...,
    retry_on: RetryOn | None = ...,
) -> AnyState[A]: ...
@overload
async def acapture(
    fn: Callable[[*Ts], Awaitable[A | State[A]]],
    *args: *Ts,
    redact: Redact | None = ...,
    traceback: Tracebacks = ...,
    retry_on: RetryOn | None = ...,
) -> AnyState[A]: ...
async def acapture(
    fn: Callable[[*Ts], Awaitable[A | State[A]]],
    *args: *Ts,
    redact: Redact | None = None,
    traceback: Tracebacks = False,
    retry_on: RetryOn | None = None,
) -> AnyState[A]:
    """Call and await a coroutine function, and return the state it leaves, as `capture` does.

    Args:
        fn: The coroutine function.
        args: Its positional arguments.
        redact: As for `capture`.
        traceback: As for `capture`.
        retry_on: As for `capture`.

    Raises:
        BaseException: As for `capture`; cancellation of the awaiting task passes through.
    """
    try:
        value = await fn(*args)
    except (Signal, Exception, BaseExceptionGroup) as exc:
        returns = partial(_returned_by, fn)
        return state_of_exception(exc, redact=redact, traceback=traceback, retry_on=retry_on, returns=returns)
    return state_of_value(value)


def state_of_exception(
    exc: BaseException,
    *,
    redact: Redact | None = None,
    traceback: Tracebacks = False,
    retry_on: RetryOn | None = None,
    returns: Returns | None = None,
) -> AnyState[Any]:
    """Turn a caught exception into a state.

    Args:
        exc: The exception.
        redact, traceback, retry_on: As for `capture`.
        returns: Tells what the function that was called is declared to return; None: nothing is known of it.

    Raises:
        BaseException: `exc` itself, unless it is a signal, an Exception or a group of those alone.
    """
    if is_signal(exc):
        return _of_signal(exc, redact, traceback, retry_on, returns)
    if _is_group(exc):
        members = list(members_of(exc))
        if not all(issubclass(type(member), (Signal, Exception)) for member in members):
            raise exc
        states = [
            state_of_exception(member, redact=redact, traceback=traceback, retry_on=retry_on, returns=returns)
            for member in members
        ]
        return combine(states)
    if not issubclass(type(exc), Exception):
        raise exc
    causes = chain_of(exc, redact=redact, traceback=traceback)
    failed = Failed[Any](message=f"raised {causes[0].type}", causes=causes)
    return failed if retry_on is None else _judged(failed, exc, retry_on, redact)


def _judged(failed: Failed[Any], exc: BaseException, retry_on: RetryOn, redact: Redact | None) -> Failed[Any]:
    """Return the failure of an exception, retryable only if the exception is worth a retry.

    A predicate that raises says nothing: the failure is not retryable, and has both exceptions as its causes.
    """
    try:
        if isinstance(retry_on, (type, tuple)):
            is_worth_it = isinstance(exc, retry_on)
        else:
            is_worth_it = bool(retry_on(failed.causes[0]))
    except Exception as other:
        causes = (*failed.causes, *chain_of(other, redact=redact))
        return failed.model_copy(update={"causes": causes, "retryable": False})
    return failed if is_worth_it else failed.model_copy(update={"retryable": False})


def collect(group: BaseExceptionGroup[BaseException]) -> tuple[AnyState[object], ...]:
    """Return the states of a group of signals, as `asyncio.TaskGroup` raises it, with nested groups flattened in place.

    Raises:
        BaseExceptionGroup: The group itself, if a member is not a signal.
    """
    members = list(members_of(group))
    if not all(map(is_signal, members)):
        raise group
    return tuple(state_of_exception(member) for member in members)


def state_of_value(value: Any) -> AnyState[Any]:
    """Return the state that a function leaves which returned a value: the value itself if it is a state.

    A state whose fields were changed past its being frozen is no outcome: that the function returned it is a failure.
    """
    if type(value) in PLAIN:
        return _succeeded({"result": value})
    if isinstance(value, State):
        state = cast("AnyState[Any]", value)  # every concrete state is below one of the branches
        try:
            check_unforged(state)
        except ValidationError as exc:
            return state_of_exception(_forged(state, exc))
        return state
    if is_signal(value):
        return _of_signal(value)  # a state never holds a signal
    return _succeeded({"result": value})


def _forged(state: State[Any], exc: ValidationError) -> TypeError:
    error = exc.errors(include_url=False, include_input=False)[0]
    name = type(state).__name__
    return TypeError(f"returned a {name} whose {error['loc'][0]} is not one of a {name}: {reason_of(error)}")


PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, list, tuple, dict, set})
"""Classes whose values are no states, signals, awaitables or generators; a look-up here is cheaper than to ask."""


def _succeeded(fields: dict[str, Any]) -> Success[Any]:
    """Return ``Success(**fields)`` straight from the core, for speed: this runs once for each task."""
    state: Success[Any] = narrow(Success).construct(fields)
    return state


def _of_signal(
    signal: Signal[Any],
    redact: Redact | None = None,
    traceback: Tracebacks = False,
    retry_on: RetryOn | None = None,
    returns: Returns | None = None,
) -> AnyState[Any]:
    carried: object = signal.state
    if isinstance(carried, Machine):
        if returns is None or not _says(returns(), carried):
            return _stray(signal, carried, redact, traceback, retry_on)
        state: AnyState[Any] = _succeeded({"result": carried})
    else:
        state = cast("AnyState[Any]", carried)  # every concrete state is below one of the branches
    if cause_of(signal) is None:
        return state
    causes = causes_of(signal, redact=redact, traceback=traceback)
    return state if causes == state.causes else state.model_copy(update={"causes": causes})


def _stray(
    signal: Signal[Any], state: Machine, redact: Redact | None, traceback: Tracebacks, retry_on: RetryOn | None
) -> AnyState[Any]:
    """Return the failure of a function that raised a signal of a machine, but is not annotated to return its state."""
    causes = (describe(signal, redact=redact, traceback=traceback), *causes_of(signal, redact=redact))
    kind, root = origin_of(type(state)), type(state).__top__ or Machine
    message = (
        f"raised {causes[0].type}, a signal of {root.__name__}, but is not annotated to return a {kind.__name__};"
        f" annotate it -> {kind.__name__}, or return the state"
    )
    failed = Failed[Any](message=message, causes=causes)
    return failed if retry_on is None else _judged(failed, signal, retry_on, redact)


def _says(declared: object, state: Machine) -> bool:
    """Tell whether a declared type names a state's class, or one above it up to its root, among what is returned."""
    return any(
        _says(part.__origin__, state) if get_origin(part) is Annotated else _has_the_state(part, state)
        for part in parts_of(declared)
    )


def _has_the_state(part: object, state: Machine) -> bool:
    if not isinstance(part, type):
        return False
    kind: type[Any] = origin_of(part)
    return issubclass(kind, Machine) and kind.__top__ is not None and isinstance(state, kind)  # not `Machine` itself


def _returned_by(fn: Callable[..., object]) -> object:
    """Return the declared type of what a function returns; Any if none is declared or it cannot be resolved."""
    from statesig.algebra.wrappers import value_declared_by

    try:
        return value_declared_by(fn)
    except Exception:  # to evaluate an annotation may raise anything, and what was raised is the outcome to tell of
        return Any


def _is_group(exc: object) -> TypeIs[BaseExceptionGroup[BaseException]]:
    return issubclass(type(exc), BaseExceptionGroup)
