"""Capture: from what code did to the state that it left. The only place where signals are caught."""

import asyncio
import functools
import inspect
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from statesig import (
    CANCEL,
    FAIL,
    RETRY,
    SKIP,
    SUCCESS,
    TIMEOUT,
    Crashed,
    ErrorInfo,
    Failed,
    NoResult,
    Skipped,
    State,
    Success,
    TimedOut,
    acapture,
    capture,
    collect,
    combine,
    decode,
    encode,
    signal_of,
)
from tests.harness.cases import at_once
from tests.samples.kinds import QUARANTINE, Quarantined
from tests.samples.samples import CAUSE, KINDS, bare, full

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def raise_(exc: BaseException) -> Any:
    raise exc


def captured_in_a_loop(fn: Callable[..., Any], *args: Any, **options: Any) -> State[Any]:
    """Do with `acapture` what `capture` does: call the function in a coroutine."""

    async def call(*args: Any) -> Any:
        await asyncio.sleep(0)
        return fn(*args)

    return asyncio.run(acapture(call, *args, **options))


each_verb = pytest.mark.parametrize("verb", [capture, captured_in_a_loop], ids=["capture", "acapture"])

# ---- laws


@at_once
@each_kind
@each_verb
def test_the_law_of_results(kind: Any, verb: Any) -> None:
    """``capture(s.unwrap) == Success(result=r)`` for every state given a result r that is no State."""
    for result in (0, None, "", [1], {"a": None}, (1, 2), ValueError):
        assert Success(result=result) == verb(full(kind, result=result).unwrap)


@at_once
@each_kind
@each_verb
def test_the_law_of_signals(kind: Any, verb: Any) -> None:
    """``capture(raise_, signal_of(s)) == s`` for every state whose class has a signal: the very object."""
    for state in (bare(kind), full(kind)):
        assert state is verb(raise_, signal_of(state))


@at_once
@each_kind
@each_verb
def test_a_returned_state_is_the_outcome(kind: Any, verb: Any) -> None:
    """A returned state is the outcome, the very object, not the result of a Success."""
    for state in (bare(kind), full(kind)):
        assert state is verb(lambda state=state: state)


# ---- values


@each_verb
def test_a_value_is_the_result_of_a_success(verb: Any) -> None:
    """A returned value gives Success with that result, and None is a value, too."""
    for value in (5, "x", [1], None, False):
        state = verb(lambda value=value: value)
        assert (Success, Success(result=value), True) == (type(state), state, state.has_result)


@each_verb
def test_arguments_are_passed_on(verb: Any) -> None:
    """What stands after the function are its positional arguments; keywords are bound before."""
    assert Success(result=3) == verb(max, 1, 3, 2)
    assert Success(result=-3) == verb(functools.partial(max, key=abs), 1, -3, 2)


@each_verb
def test_a_result_that_is_not_given(verb: Any) -> None:
    """`unwrap` of a state without a result raises NoResult, which is an Exception like any other."""
    state = verb(Skipped().unwrap)
    expected = ErrorInfo(type="statesig.errors.NoResult", message=str(NoResult("Skipped")))
    assert Failed(message="raised statesig.errors.NoResult", causes=(expected,)) == state


@each_verb
def test_a_returned_signal_is_as_good_as_a_raised_one(verb: Any) -> None:
    """A state never holds a signal: one that is returned gives its state."""
    assert Skipped(message="x") == verb(lambda: SKIP("x"))


# ---- exceptions


@each_verb
def test_an_exception_is_a_failure(verb: Any) -> None:
    """An Exception gives Failed: its class in the message, its text among the causes alone."""
    error = ValueError("no such day")
    error.add_note("a note")
    assert Failed(message="raised ValueError", causes=(CAUSE,)) == verb(raise_, error)


@each_verb
def test_an_exception_is_told_with_its_chain(verb: Any) -> None:
    """Causes are those that the exception was raised from, outermost first; its mere context is none."""
    error = KeyError("outer")
    error.__cause__ = OSError("middle")
    error.__cause__.__cause__ = ValueError("inner")
    error.__context__ = RuntimeError("by the way")
    state = verb(raise_, error)
    assert [("KeyError", "'outer'"), ("OSError", "middle"), ("ValueError", "inner")] == [
        (cause.type, cause.message) for cause in state.causes
    ]


@each_verb
def test_a_signal_raised_from_an_exception(verb: Any) -> None:
    """``raise SKIP(...) from exc`` puts exc into the causes, after those that the state has; the signal's stay."""
    signal = FAIL("x", causes=(CAUSE,), retryable=False)
    signal.__cause__ = LookupError("y")
    expected = Failed(message="x", causes=(CAUSE, ErrorInfo(type="LookupError", message="y")), retryable=False)
    assert expected == verb(raise_, signal)
    assert Failed(message="x", causes=(CAUSE,), retryable=False) == signal.state


@at_once
@each_kind
@each_verb
def test_a_signal_of_any_kind_raised_from_an_exception(kind: Any, verb: Any) -> None:
    """Nothing but the causes differs from the signal's state, for every kind."""
    state = full(kind)
    signal = signal_of(state)
    signal.__cause__ = LookupError("y")
    expected = state.model_copy(update={"causes": (CAUSE, ErrorInfo(type="LookupError", message="y"))})
    assert (kind, expected) == (type(verb(raise_, signal)), verb(raise_, signal))


@each_verb
def test_a_signal_raised_from_a_signal(verb: Any) -> None:
    """A signal in the chain is no error: it gives its causes, and the chain goes on after it."""
    inner = FAIL("inner", causes=(CAUSE,))
    inner.__cause__ = OSError("disk")
    outer = RETRY("outer")
    outer.__cause__ = inner
    assert ["ValueError", "OSError"] == [cause.type for cause in verb(raise_, outer).causes]


@each_verb
def test_a_circle_of_causes_ends(verb: Any) -> None:
    """Exceptions that were raised from each other are told once each."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert ["one", "two"] == [cause.message for cause in verb(raise_, one).causes]


@each_verb
def test_the_class_of_an_exception_is_told_in_full(verb: Any) -> None:
    """A cause's type is the qualified name, that of a built-in one bare."""
    types = [verb(raise_, exc).causes[0].type for exc in (OSError(), NoResult("x"), asyncio.QueueEmpty())]
    assert ["OSError", "statesig.errors.NoResult", "asyncio.queues.QueueEmpty"] == types


@each_verb
def test_an_exception_that_cannot_be_told(verb: Any) -> None:
    """An exception whose text or notes are broken is a failure all the same."""

    class Broken(Exception):
        __notes__ = (1, "kept")

        def __str__(self) -> str:
            raise RuntimeError("no text")

    (cause,) = verb(raise_, Broken()).causes
    assert ("<str() of it raised RuntimeError>", ("kept",)) == (cause.message, cause.notes)


@each_verb
def test_a_lone_surrogate_in_an_error(verb: Any) -> None:
    """What is no Unicode in the text of an exception is spelled out, so that the state can be written."""
    state = verb(raise_, ValueError("\ud800"))

    assert r"\ud800" == state.causes[0].message
    assert state == decode(encode(state))


# ---- what passes through


class Foreign(BaseException): ...


THROUGH = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, Foreign]


@pytest.mark.parametrize("kind", THROUGH)
def test_what_is_neither_signal_nor_exception_passes_through(kind: type[BaseException]) -> None:
    """KeyboardInterrupt, SystemExit, GeneratorExit and CancelledError leave `capture` as they are."""
    exc = kind("x")
    with pytest.raises(kind) as caught:
        capture(raise_, exc)
    assert exc is caught.value


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit, Foreign])
def test_it_passes_through_acapture(kind: type[BaseException]) -> None:
    """The same leave `acapture`."""
    exc = kind("x")

    async def call() -> None:
        raise exc

    with pytest.raises(kind):
        asyncio.run(acapture(call))


def test_a_cancelled_task_is_cancelled() -> None:
    """A task that is cancelled while it awaits in `acapture` ends cancelled, not with a state."""

    async def main() -> bool:
        task = asyncio.ensure_future(acapture(asyncio.sleep, 60))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


def test_a_timeout_around_acapture_is_a_timeout() -> None:
    """``asyncio.timeout`` works around `acapture` as around anything."""

    async def main() -> State[Any]:
        async with asyncio.timeout(0.01):
            return await acapture(asyncio.sleep, 60)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


# ---- groups


@each_verb
def test_a_group_is_the_combination_of_its_states(verb: Any) -> None:
    """A group of signals and Exceptions gives the combination of what each alone would give, nested ones too."""
    members = [SKIP("a"), FAIL("b", causes=(CAUSE,)), ValueError("c")]
    states = [capture(raise_, member) for member in members]
    nested = BaseExceptionGroup("outer", [members[0], BaseExceptionGroup("inner", members[1:])])
    for group in (BaseExceptionGroup("g", members), nested):
        assert combine(states) == verb(raise_, group)


@at_once
@each_kind
@each_verb
def test_a_group_of_one(kind: Any, verb: Any) -> None:
    """A group of one signal gives what `combine` makes of its state, for every kind."""
    state = full(kind)
    assert combine([state]) == verb(raise_, BaseExceptionGroup("g", [signal_of(state)]))


@each_verb
def test_a_group_of_exceptions(verb: Any) -> None:
    """A group of Exceptions alone is a failure with all their chains as causes, each once."""
    error = ValueError("a")
    error.__cause__ = KeyError("b")
    state = verb(raise_, ExceptionGroup("g", [error, OSError("c"), OSError("c")]))
    assert (Failed, ["ValueError", "KeyError", "OSError"]) == (type(state), [cause.type for cause in state.causes])


def is_busy(cause: ErrorInfo) -> bool:
    return "busy" in cause.message


RETRYABLE: list[tuple[Any, BaseException, bool]] = [
    (OSError, ConnectionError("gone"), True),
    (ConnectionError, OSError("gone"), False),
    ((OSError, LookupError), KeyError("rows"), True),
    ((OSError, LookupError), ValueError("rows"), False),
    ((), ValueError("rows"), False),
    (is_busy, ValueError("the server is busy"), True),
    (is_busy, ValueError("no such table"), False),
    (OSError, ExceptionGroup("g", [OSError("a"), ConnectionError("b")]), True),
    (OSError, ExceptionGroup("g", [OSError("a"), ExceptionGroup("h", [ValueError("b")])]), False),
    (OSError, BaseExceptionGroup("g", [FAIL("no"), OSError("a")]), True),
    (OSError, BaseExceptionGroup("g", [FAIL("no"), ValueError("a")]), False),
    (OSError, FAIL("says for itself"), True),
    (ValueError, FAIL("says for itself", retryable=False), False),
]


@at_once
@each_verb
@pytest.mark.parametrize(("retry_on", "exc", "expected"), RETRYABLE)
def test_retry_on_tells_which_exceptions_are_retryable(
    verb: Any, retry_on: Any, exc: BaseException, expected: bool
) -> None:
    """By class or by predicate, in a group only if each of its exceptions is; signals say for themselves."""
    plain, state = verb(raise_, exc), verb(raise_, exc, retry_on=retry_on)
    assert (plain.causes, plain.message, expected) == (state.causes, state.message, state.retryable)


@each_verb
def test_retry_on_sees_redacted_texts(verb: Any) -> None:
    """The predicate is asked about the `ErrorInfo` that the state keeps."""
    seen: list[ErrorInfo] = []
    state = verb(raise_, ValueError("secret"), redact=lambda text: "***", retry_on=seen.append)
    assert ([ErrorInfo(type="ValueError", message="***")], False) == (seen, state.retryable)


@each_verb
def test_a_predicate_that_raises(verb: Any) -> None:
    """The failure is not retryable, and both exceptions are its causes."""
    state = verb(raise_, ValueError("a"), retry_on=lambda cause: cause.missing)
    assert (["ValueError", "AttributeError"], False) == ([cause.type for cause in state.causes], state.retryable)


@at_once
@each_verb
@pytest.mark.parametrize("kind", [asyncio.CancelledError, Foreign])
@pytest.mark.parametrize("nested", [False, True])
def test_a_group_with_anything_else_is_raised_again(verb: Any, kind: type[BaseException], nested: bool) -> None:
    """A group that holds something else is raised whole: the very object, however deep that is."""
    foreign: BaseException = BaseExceptionGroup("inner", [SKIP("b"), kind()]) if nested else kind()
    group = BaseExceptionGroup("g", [SKIP("a"), ValueError("x"), foreign])
    with pytest.raises(BaseExceptionGroup) as caught:
        verb(raise_, group)
    assert (group, 3) == (caught.value, len(caught.value.exceptions))


def test_a_task_group_for_real() -> None:
    """What ``asyncio.TaskGroup`` raises of several signals is one state."""

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_signal(SKIP("a")))
            group.create_task(_signal(TIMEOUT("b")))

    assert TimedOut(message="b") == asyncio.run(acapture(main))


async def _signal(exc: BaseException) -> None:
    raise exc


async def _gathered(*excs: BaseException) -> BaseExceptionGroup[BaseException]:
    """Return what a TaskGroup raises when each of its tasks raises one of these."""
    try:
        async with asyncio.TaskGroup() as group:
            for exc in excs:
                group.create_task(_signal(exc))
    except BaseExceptionGroup as raised:
        return raised
    raise AssertionError("a task group with a failing task raises")


def test_collect_gives_the_states_of_a_task_group() -> None:
    """`collect` gives the states of the signals in their order, as a tuple."""
    group = asyncio.run(_gathered(SKIP("a"), QUARANTINE("b", path="x"), SUCCESS(result=1)))
    assert (Skipped(message="a"), Quarantined(message="b", path="x"), Success(result=1)) == collect(group)


def test_collect_gives_nested_states_in_their_place() -> None:
    """The states of nested groups stand where the group stood, as a flat tuple."""
    inner = BaseExceptionGroup("inner", [FAIL("b"), BaseExceptionGroup("innermost", [CANCEL("c")])])
    group = BaseExceptionGroup("outer", [SKIP("a"), inner, FAIL("d")])
    assert ["a", "b", "c", "d"] == [state.message for state in collect(group)]


@at_once
@each_kind
def test_collect_keeps_every_kind(kind: Any) -> None:
    """Each signal gives its very state."""
    state = full(kind)
    (collected,) = collect(BaseExceptionGroup("g", [signal_of(state)]))
    assert state is collected


def test_collect_puts_what_a_signal_was_raised_from_into_its_causes() -> None:
    """As with `capture`, the cause of each signal is among the causes of its state."""
    signal = FAIL("x")
    signal.__cause__ = ValueError("no such day")
    signal.__cause__.add_note("a note")
    assert (Failed(message="x", causes=(CAUSE,)),) == collect(BaseExceptionGroup("g", [signal]))


@pytest.mark.parametrize("foreign", [ValueError("x"), asyncio.CancelledError(), Foreign()], ids=repr)
@pytest.mark.parametrize("nested", [False, True])
def test_collect_raises_a_mixed_group_whole(foreign: BaseException, nested: bool) -> None:
    """With any member that is no signal the whole group is raised again, and is what it was."""
    member = BaseExceptionGroup("inner", [SKIP("b"), foreign]) if nested else foreign
    group = BaseExceptionGroup("g", [SKIP("a"), member])
    before = group.exceptions
    with pytest.raises(BaseExceptionGroup) as caught:
        collect(group)
    assert (group, before) == (caught.value, caught.value.exceptions)


def test_a_task_group_inside_a_task_group() -> None:
    """Groups that are raised within groups are taken apart all the way."""

    async def inner() -> None:
        raise await _gathered(FAIL("b"), CANCEL("c"))

    async def main() -> BaseExceptionGroup[BaseException]:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_signal(SKIP("a")))
                group.create_task(inner())
        except BaseExceptionGroup as raised:
            return raised
        raise AssertionError("a task group with a failing task raises")

    assert {"a", "b", "c"} == {state.message for state in collect(asyncio.run(main()))}


# ---- what is kept of an exception


@each_verb
def test_redact_is_asked_for_every_text(verb: Any) -> None:
    """``redact`` sees message, notes and traceback of each cause, and what it returns is kept instead."""
    error = ValueError("secret")
    error.add_note("secret note")
    error.__cause__ = KeyError("inner secret")
    state = verb(raise_, error, redact=lambda text: text.replace("secret", "***"), traceback=True)
    assert "secret" not in repr(state)
    assert [("***", ("*** note",)), ("'inner ***'", ())] == [(cause.message, cause.notes) for cause in state.causes]
    assert all("***" in (cause.traceback or "") for cause in state.causes)


@each_verb
def test_redact_is_asked_for_what_a_signal_was_raised_from(verb: Any) -> None:
    """The cause of a signal is redacted; the message that the task itself gave the signal stands."""
    signal = FAIL("for all to see")
    signal.__cause__ = ValueError("secret")
    state = verb(raise_, signal, redact=lambda text: "***")
    assert ("for all to see", "***") == (state.message, state.causes[0].message)


@each_verb
def test_redact_is_asked_within_groups(verb: Any) -> None:
    """The members of a group are redacted as they would be alone."""
    group = BaseExceptionGroup("g", [SKIP("a"), ExceptionGroup("h", [ValueError("secret")])])
    assert ["***"] == [cause.message for cause in verb(raise_, group, redact=lambda text: "***").causes]


def parse(text: str) -> object:
    return json.loads(text)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: parse("{"), f"{__file__}:{parse.__code__.co_firstlineno + 1} in parse"),
        (lambda: raise_(ValueError("x")), "in raise_"),
        (lambda: eval("1 / 0"), "in <lambda>"),
    ],
    ids=["past a library", "here", "past generated code"],
)
@each_verb
def test_the_last_frame_is_kept_on_request(
    verb: Any, make: Callable[[], object], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``traceback="last"`` keeps where it was raised: in the last frame that is no library's; redacted as any text."""
    monkeypatch.chdir(tmp_path)
    place = verb(make, traceback="last").causes[0].traceback
    assert (True, 1) == (place.endswith(expected), len(place.splitlines()))
    assert "***" == verb(make, traceback="last", redact=lambda text: "***").causes[0].traceback


@each_verb
def test_a_traceback_is_kept_only_on_request(verb: Any) -> None:
    """Causes have no traceback, unless ``traceback=True``."""
    assert None is verb(raise_, ValueError("x")).causes[0].traceback
    kept = verb(raise_, ValueError("x"), traceback=True).causes[0].traceback
    assert (True, True) == (kept.startswith("Traceback"), kept.endswith("ValueError: x\n"))


@each_verb
def test_a_state_holds_text_alone(verb: Any) -> None:
    """Whatever was raised, no exception, traceback or frame is left in the state."""
    group = ExceptionGroup("g", [ValueError("x"), OSError(2, "no such file")])
    state = verb(raise_, group, traceback=True)
    assert {str, tuple} >= {type(value) for cause in state.causes for value in dict(cause).values()}


def test_a_capture_leaves_no_reference_to_the_exception() -> None:
    """What was caught goes away with the call: the state keeps nothing of it alive."""
    import gc
    import weakref

    class Tracked(Exception): ...

    def work() -> None:
        error = Tracked("x")
        found.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    found: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        state = capture(work)
        assert ([None], Failed) == ([ref() for ref in found], type(state))
    finally:
        gc.enable()


# ---- captures in captures


def test_capture_is_idempotent() -> None:
    """Capturing what `capture` returns changes nothing: a returned state is the outcome."""
    for exc in (SKIP("x"), ValueError("y"), BaseExceptionGroup("g", [FAIL("z")])):
        once = capture(raise_, exc)
        assert once is capture(capture, lambda once=once: once)
        assert capture(raise_, exc) == capture(lambda exc=exc: capture(raise_, exc))


def test_acapture_takes_anything_awaitable() -> None:
    """What is called may be any function whose value can be awaited."""

    def call(value: int) -> Awaitable[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return future

    async def main() -> State[int]:
        return await acapture(call, 5)

    assert Success(result=5) == asyncio.run(main())
    assert inspect.iscoroutinefunction(acapture)


def test_a_function_that_raises_before_it_can_be_awaited() -> None:
    """An error in the call itself, before anything is awaited, is captured as well."""

    def call() -> Awaitable[int]:
        raise CRASHED

    CRASHED = signal_of(Crashed(message="gone"))
    assert Crashed(message="gone") == asyncio.run(acapture(call))
