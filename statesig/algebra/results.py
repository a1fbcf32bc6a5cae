"""Work on the results of states: `map`, `bind`, `recover`, `fold` and `zip`.

Nothing here may catch an exception that a function raises, or know a clock.

The laws and the tests that check them. Equality is that of states: class without its parameters, fields, and whether a
result was given; ``unit(r)`` is ``Success(result=r)``. States are of any class that leaves its result type open::

    map(identity, s) == s                               test_map_of_the_identity
    map(f, map(g, s)) == map(f after g, s)              test_map_of_a_composition
    bind(f, unit(r)) == f(r)                            test_bind_left_identity
    bind(unit, s) == s for a plain Success, and         test_bind_right_identity
        every s without a result
    bind(g, bind(f, s)) == bind(f then g, s)            test_bind_is_associative
    bind(unit after f, s) == map(f, s)                  test_bind_with_a_unit_is_map
        for a plain Success
    recover(identity, s) == s                           test_recover_right_identity
    recover(f, s) == f(s) if s failed, else s           test_recover_is_for_failures
    recover(g, recover(f, s)) == recover(f then g, s)   test_recover_is_associative
    fold(s, success=f, failed=f, cancelled=f,           test_fold_is_total
         unfinished=f) == f(s)
    zip(a, b) == combine([a, b]) with (x, y)            test_zip_is_combine_with_the_results
        if both have results

Equality up to the order of causes::

    zip(map(f, a), map(g, b)) == map(f by g, zip(a, b)) test_zip_is_natural
    zip(b, a) == map(swapped, zip(a, b))                test_zip_is_symmetric
    zip(zip(a, b), c) == zip(a, zip(b, c)), tuples      test_zip_is_associative
        flattened, messages aside
"""

# ruff: noqa: A001  # map and zip are the words of the field; neither builtin is used here

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, get_args, overload

from pydantic import ValidationError

from statesig.algebra.joins import combine
from statesig.states import (
    AnyFinished,
    AnyState,
    Cancelled,
    Cancelling,
    Failed,
    Finished,
    MetaState,
    Paused,
    Pending,
    Queued,
    Running,
    State,
    Submitted,
    Success,
)
from statesig.states.families import args_of, narrow, origin_of

__all__ = ["bind", "fold", "map", "recover", "zip"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")


@overload
def map(fn: Callable[[A], B], state: Success[A]) -> Success[B]: ...
@overload
def map(fn: Callable[[A], B], state: Failed[A]) -> Failed[B]: ...
@overload
def map(fn: Callable[[A], B], state: Cancelled[A]) -> Cancelled[B]: ...
@overload
def map(fn: Callable[[A], B], state: Finished[A]) -> AnyFinished[B]: ...
@overload
def map(fn: Callable[[A], B], state: Pending[A]) -> Pending[B]: ...
@overload
def map(fn: Callable[[A], B], state: Paused[A]) -> Paused[B]: ...
@overload
def map(fn: Callable[[A], B], state: Queued[A]) -> Queued[B]: ...
@overload
def map(fn: Callable[[A], B], state: Submitted[A]) -> Submitted[B]: ...
@overload
def map(fn: Callable[[A], B], state: Running[A]) -> Running[B]: ...
@overload
def map(fn: Callable[[A], B], state: Cancelling[A]) -> Cancelling[B]: ...
@overload
def map(fn: Callable[[A], B], state: State[A]) -> AnyState[B]: ...
def map(fn: Callable[[A], B], state: State[A]) -> Any:
    """Apply a function to the result of a state; a state without a result is returned as it is.

    ``map(fn, Success(result=r)) == Success(result=fn(r))``, and so for every kind. `map` is a functor for every state
    whose class leaves the type of its result open: ``map(lambda r: r, s) == s`` and
    ``map(f, map(g, s)) == map(lambda r: f(g(r)), s)``. The parameters of such a class are dropped.

    If a class fixes or validates its result, or uses its type in other fields, a state with a result becomes one of the
    nearest ancestor that does none of that: under the identity, too, and the same on both sides of the second law.

    Args:
        fn: Called with the result, if there is one; also with that of the state in a meta-state, but not with those of
            children. Its exceptions pass through.
        state: Any state; it does not change.
    """
    changes: dict[str, Any] = {}
    if isinstance(state, MetaState):
        inner = map(fn, state.state)
        if inner is not state.state:
            changes["state"] = inner
    if state.has_result:
        changes["result"] = fn(state.__dict__["result"])
    return _changed(state, changes, _open_kinds(origin_of(type(state)))) if changes else state


def bind(fn: Callable[[A], State[B]], state: State[A]) -> AnyState[B]:
    """Return a function's state for the result of a success; any other state is passed on, without its result.

    ``bind(f, Success(result=r)) == f(r)``. `bind` makes a monad whose unit is ``Success(result=...)``:
    ``bind(g, bind(f, s)) == bind(lambda r: bind(g, f(r)), s)`` for every state, and ``bind(unit, s) == s`` for a plain
    Success and every state without a result. ``bind(unit, s)`` turns other successes with a result (Cached, Mapped,
    Skipped, a user's) into Success. A state that is not successful loses its result, since that is not a ``B``.

    ``bind(lambda r: Success(result=f(r)), s) == map(f, s)`` for a plain Success: its message and causes stay unless the
    function's success sets its own.

    Args:
        fn: Called with the result of a success that has one. Its exceptions pass through; `capture` makes states of
            them.
        state: Any state; it does not change.
    """
    if not isinstance(state, Success) or not state.has_result:
        passed: AnyState[B] = _without_result(state)
        return passed
    made: Any = fn(state.__dict__["result"])
    outcome: AnyState[B] = made
    if not isinstance(outcome, Success):
        return outcome
    unsaid = {
        name: state.__dict__[name]
        for name, default in _SAID.items()
        if outcome.__dict__[name] == default != state.__dict__[name]
    }
    return _as_far_as_admitted(outcome, unsaid) if unsaid else outcome


def recover(fn: Callable[[Failed[A]], State[B]], state: State[A]) -> AnyState[A | B]:
    """Return a function's state for a failure; any other state is returned as it is.

    ``recover(f, s) == f(s)`` for a Failed ``s`` and its kinds, and ``recover(f, s) == s`` for all others. So
    ``recover(lambda s: s, s) == s`` and ``recover(g, recover(f, s)) == recover(lambda x: recover(g, f(x)), s)``.

    Args:
        fn: Called with the failed state. Its exceptions pass through; `capture` makes states of them.
        state: Any state; it does not change.
    """
    made: Any = fn(state) if isinstance(state, Failed) else state
    outcome: AnyState[A | B] = made
    return outcome


@overload
def fold(
    state: Finished[A],
    *,
    success: Callable[[Success[A]], T],
    failed: Callable[[Failed[A]], U],
    cancelled: Callable[[Cancelled[A]], V],
) -> T | U | V: ...
@overload
def fold(
    state: State[A],
    *,
    success: Callable[[Success[A]], T],
    failed: Callable[[Failed[A]], U],
    cancelled: Callable[[Cancelled[A]], V],
    unfinished: Callable[
        [Pending[A] | Paused[A] | Queued[A] | Submitted[A] | Running[A] | Cancelling[A]],
        W,
    ],
) -> T | U | V | W: ...
def fold(
    state: State[A],
    *,
    success: Callable[[Success[A]], T],
    failed: Callable[[Failed[A]], U],
    cancelled: Callable[[Cancelled[A]], V],
    unfinished: Callable[[Any], W] | None = None,
) -> T | U | V | W:
    """Call the function for a state's outcome, and return its value.

    Total: each state has exactly one of the four, and type checkers require `unfinished` where a state may be that.
    ``fold(s, success=f, failed=f, cancelled=f, unfinished=f) == f(s)``, by the equality of ``f``'s values.

    Args:
        state: Any state.
        success: Called with a Success, Cached, Mapped, Skipped or a user's own.
        failed: Called with a Failed or one of its kinds.
        cancelled: Called with a Cancelled.
        unfinished: Called with any other state; required unless the state is known to be finished.

    Raises:
        TypeError: The state is not finished, and `unfinished` was not given.
    """
    if isinstance(state, Success):
        return success(state)
    if isinstance(state, Failed):
        return failed(state)
    if isinstance(state, Cancelled):
        return cancelled(state)
    if unfinished is None:
        raise TypeError(f"fold of a {type(state).__name__}, which is not finished, needs unfinished=...")
    return unfinished(state)


@overload
def zip() -> Success[tuple[()]]: ...
@overload
def zip(one: State[A], /) -> AnyState[tuple[A]]: ...
@overload
def zip(one: State[A], two: State[B], /) -> AnyState[tuple[A, B]]: ...
@overload
def zip(one: State[A], two: State[B], three: State[C], /) -> AnyState[tuple[A, B, C]]: ...
@overload
def zip(one: State[A], two: State[B], three: State[C], four: State[D], /) -> AnyState[tuple[A, B, C, D]]: ...
@overload
def zip(
    one: State[A], two: State[B], three: State[C], four: State[D], five: State[E], /
) -> AnyState[tuple[A, B, C, D, E]]: ...
@overload
def zip(*states: State[A]) -> AnyState[tuple[A, ...]]: ...
def zip(*states: State[Any]) -> Any:
    """Combine several states into one; if each has a result, the combination has the tuple of the results.

    ``zip(a, b)`` is ``combine([a, b])``, with ``result=(x, y)`` if and only if ``a`` has the result ``x`` and ``b`` the
    result ``y``. So it keeps all failures, in its causes. ``zip()`` is ``Success(result=())``.

    Natural: ``zip(map(f, a), map(g, b)) == map(lambda r: (f(r[0]), g(r[1])), zip(a, b))``, and independent of order,
    ``map(swapped, zip(a, b)) == zip(b, a)``, both up to the order of causes.

    Args:
        states: Any states; they do not change.
    """
    combined = combine(states)
    if not all(state.has_result for state in states):
        return combined
    results = tuple(state.__dict__["result"] for state in states)
    return _changed(combined, {"result": results}, _open_kinds(origin_of(type(combined))))


_SAID: Mapping[str, object] = {"message": None, "causes": ()}
"""The fields that `bind` keeps from the first success, with the values that mean unset."""


def _without_result(state: State[Any]) -> Any:
    """Return a state without its result, and a meta-state also without that of the state inside."""
    changes: dict[str, Any] = {}
    if isinstance(state, MetaState):
        inner = _without_result(state.state)
        if inner is not state.state:
            changes["state"] = inner
    if not changes and not state.has_result:
        return state
    return _changed(state, changes, _kinds(origin_of(type(state))), without="result")


def _changed(state: State[Any], changes: Mapping[str, Any], kinds: tuple[Any, ...], *, without: str = "") -> Any:
    """Construct the first of some kinds that takes the fields of a state, some of them replaced, one left out.

    The last kind is a class of the package, which takes them all.
    """
    given = {name: value for name, value in state.__dict__.items() if name in state.__pydantic_fields_set__}
    given.update(changes)
    *nearest, last = kinds
    for cls in nearest:
        try:
            return _filled(cls, given, without)
        except ValidationError:
            continue
    return _filled(last, given, without)


def _filled(cls: Any, given: Mapping[str, Any], without: str) -> Any:
    known = cls.model_fields
    return narrow(cls).validate({name: value for name, value in given.items() if name in known and name != without})


def _as_far_as_admitted(state: Success[B], changes: Mapping[str, Any]) -> Success[B]:
    """Return a state with some fields replaced, or as it is if its class refuses them."""
    try:
        return state.model_copy(update=changes)
    except ValidationError:
        return state


@cache
def _kinds(cls: Any) -> tuple[Any, ...]:
    """Return a class and its ancestors, as far as they are concrete, nearest first, without parameters."""
    return tuple(kind for kind in cls.__mro__ if _is_concrete(kind) and origin_of(kind) is kind)


@cache
def _open_kinds(cls: Any) -> tuple[Any, ...]:
    """Return the `_kinds` of a class that take any result and use its type in no other field."""
    return tuple(kind for kind in _kinds(cls) if _is_open(kind))


def _is_concrete(cls: Any) -> bool:
    return issubclass(cls, State) and not cls.__abstract__


def _is_open(cls: Any) -> bool:
    if narrow(cls).fields["result"]["type"] != "any":
        return False
    shared = {"result", "state"} if issubclass(cls, MetaState) else {"result"}
    return not any(_has_variable(field.annotation) for name, field in cls.model_fields.items() if name not in shared)


def _has_variable(annotation: Any) -> bool:
    """Tell whether an annotation contains a type variable."""
    return isinstance(annotation, TypeVar) or any(_has_variable(part) for part in _parts(annotation))


def _parts(annotation: Any) -> Iterator[Any]:
    yield from get_args(annotation)
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_generic_metadata__"):
        yield from args_of(annotation)
