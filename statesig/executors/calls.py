"""Calls and outcomes: one attempt at a task as an executor gets it, and its result; every worker uses `perform`.

Nothing here may know a run, a store or a pool.
"""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import Any, NamedTuple

from statesig.algebra.captures import PLAIN, Redact, Tracebacks, state_of_exception, state_of_value
from statesig.executors.attempts import Attempt, running
from statesig.graph.tasks import Task, building
from statesig.signals import Signal
from statesig.states import Cancelled, Crashed, Failed, State, Success

__all__ = [
    "Call",
    "Enter",
    "Entering",
    "Outcome",
    "aperform",
    "awaited",
    "called",
    "cancelled",
    "enter",
    "perform",
    "performed",
    "worker_name",
]


Enter = Callable[[], object]
"""Called in the context in which a task's function runs, right before it, so that the function sees what it changes."""

Entering = Callable[[Attempt], Enter | None]
"""Returns what to call in the context of an attempt, asked as late as possible and from any thread; None: nothing."""


class Call:
    """One attempt at a task: the function, its arguments and the attempt that it may ask about.

    Attributes:
        task: The task.
        args, kwargs: The arguments of its function.
        attempt: The attempt that `current` returns in it.
        redact, traceback: As for `capture`.
        entering: Returns what is called in its context right before the function; None: nothing is.
        began: The time when it began, in the seconds of `time.monotonic`; None before. The executor sets it, and the
            runner counts the task's timeout from it.
    """

    __slots__ = ("args", "attempt", "began", "entering", "kwargs", "redact", "task", "traceback")

    def __init__(
        self,
        task: Task[Any, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        attempt: Attempt,
        redact: Redact | None = None,
        traceback: Tracebacks = False,
        entering: Entering | None = None,
    ) -> None:
        self.task: Task[Any, Any] = task
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs
        self.attempt: Attempt = attempt
        self.redact: Redact | None = redact
        self.traceback: Tracebacks = traceback
        self.entering: Entering | None = entering
        self.began: float | None = None

    @property
    def answer_type(self) -> object:
        """The type of the answer that its task takes; None: it takes none."""
        return self.task.answer

    def current_attempt(self) -> Attempt:
        """Return what its task may know of itself while it runs."""
        return self.attempt

    def __repr__(self) -> str:
        return f"<call of {self.attempt.task}, attempt {self.attempt.number}>"


class Outcome(NamedTuple):
    """The outcome of a call.

    Args:
        state: The state that the call left, as `capture` returns it.
        seconds: The seconds that the function ran.
        worker: The worker that ran it: ``host:pid``, or its name in a cluster.
        raised: The exception that the function raised in this process and that is neither a signal nor an Exception,
            such as KeyboardInterrupt: it ends the run, whatever the state says.
    """

    state: State[Any]
    seconds: float
    worker: str
    raised: BaseException | None = None


def perform(call: Call) -> Outcome:
    """Call the task's function in this thread and return the outcome; run a coroutine to its end on a loop.

    The function sees this thread's context variables, and changes them for itself alone.

    Raises:
        BaseException: An exception that `capture` lets pass: KeyboardInterrupt, SystemExit and the like.
    """
    return copy_context().run(_perform, call)


def _perform(call: Call) -> Outcome:
    running.set(call)
    building.set(None)
    if call.entering is not None:
        enter(call.entering, call.attempt)
    began = time.perf_counter()
    task = call.task
    fn = partial(task.fn, **call.kwargs) if call.kwargs else task.fn
    if task.is_async:
        state = awaited(partial(fn, *call.args), task, redact=call.redact, traceback=call.traceback)
    else:
        state = called(fn, call.args, task, redact=call.redact, traceback=call.traceback)
    return Outcome(state, time.perf_counter() - began, worker_name())


def performed(call: Call, *, in_new_context: bool = True) -> Outcome:
    """Call the task's function as `perform` does; an exception that it lets pass becomes the outcome's `raised`.

    Args:
        call: The call.
        in_new_context: Whether the function needs a context of its own; the caller's may be new already.
    """
    began = time.perf_counter()
    try:
        return perform(call) if in_new_context else _perform(call)
    except BaseException as exc:
        return _ended_by(exc, began)


async def aperform(call: Call) -> Outcome:
    """Await the task's coroutine on the running loop and return the outcome; the caller provides a fresh context.

    A plain function is called and blocks the loop.

    Raises:
        asyncio.CancelledError: The asyncio task was cancelled, or the task's code raised it: see `cancelled`.
    """
    import asyncio

    began = time.perf_counter()
    try:
        if not call.task.is_async:
            return perform(call)
        running.set(call)
        building.set(None)
        if call.entering is not None:
            enter(call.entering, call.attempt)
        fn = partial(call.task.fn, *call.args, **call.kwargs)
        state = await _acalled(fn, call.task, redact=call.redact, traceback=call.traceback)
    except asyncio.CancelledError:
        raise
    except BaseException as exc:  # asyncio would let KeyboardInterrupt and SystemExit end the whole loop
        return _ended_by(exc, began)
    return Outcome(state, time.perf_counter() - began, worker_name())


def enter(entering: Entering, attempt: Attempt) -> None:
    """Change this context, in which the function of an attempt is about to run, as whoever watches the run asks."""
    entered = entering(attempt)
    if entered is not None:
        entered()


def called(
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    task: Task[Any, Any],
    redact: Redact | None,
    traceback: Tracebacks,
    context: Context | None = None,
) -> State[Any]:
    """Call a plain function and return the state it leaves, as `capture` does; an awaitable that it returns is awaited.

    Args:
        fn: The function.
        args: Its positional arguments.
        task: The task whose function it is.
        redact, traceback: As for `capture`.
        context: The context in which the function runs; None: that of the caller.

    Raises:
        BaseException: As for `capture`, except asyncio.CancelledError, which gives Cancelled as in a coroutine.
    """
    try:
        value = fn(*args) if context is None else context.run(fn, *args)
    except (Signal, Exception, BaseExceptionGroup) as exc:
        return _left_by(exc, task, redact, traceback)
    except BaseException as exc:
        asyncio = sys.modules.get("asyncio")  # where nobody has imported it, nobody has raised its error
        if asyncio is None or not isinstance(exc, asyncio.CancelledError):
            raise
        return cancelled("its function raised CancelledError")
    state: State[Any] = state_of_value(value)
    if type(value) in PLAIN or type(state) is not Success:
        return state
    promised = state.result
    if not inspect.isawaitable(promised):
        return _without_generator(state)
    to_its_end = partial(awaited, lambda: promised, task, redact=redact, traceback=traceback)
    return to_its_end() if context is None else context.run(to_its_end)


async def _acalled(
    fn: Callable[[], Awaitable[Any]], task: Task[Any, Any], redact: Redact | None, traceback: Tracebacks
) -> State[Any]:
    """Await a coroutine function and return the state it leaves, as `called` does."""
    try:
        state: State[Any] = state_of_value(await fn())
        while type(state) is Success and inspect.isawaitable(promised := state.result):
            state = state_of_value(await promised)
    except (Signal, Exception, BaseExceptionGroup) as exc:
        return _left_by(exc, task, redact, traceback)
    return _without_generator(state)


def _left_by(exc: BaseException, task: Task[Any, Any], redact: Redact | None, traceback: Tracebacks) -> State[Any]:
    """Return the state that a task's function leaves with an exception, as `capture` does."""
    retry_on = task.retry_on
    return state_of_exception(exc, redact=redact, traceback=traceback, retry_on=retry_on, returns=lambda: task.returns)


def _without_generator(state: State[Any]) -> State[Any]:
    if type(state) is Success and isinstance(state.result, (GeneratorType, AsyncGeneratorType)):
        message = "it returned a generator, which can be read only once; return a list of what it yields"
        return Failed(message=message, retryable=False)
    return state


def awaited(
    fn: Callable[[], Awaitable[Any]], task: Task[Any, Any], redact: Redact | None, traceback: Tracebacks
) -> State[Any]:
    """Run a task's coroutine function to its end on a new loop, in a new thread if a loop is running here."""
    import asyncio

    def to_its_end() -> State[Any]:
        try:
            return asyncio.run(_acalled(fn, task, redact, traceback))
        except asyncio.CancelledError:
            return cancelled()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return to_its_end()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="statesig") as pool:
        return pool.submit(copy_context().run, to_its_end).result()


def cancelled(message: str = "its coroutine was cancelled") -> State[Any]:
    """Return the state of a task that was cancelled by its own code, or by other code on its event loop."""
    return Cancelled(message=message)


def _ended_by(exc: BaseException, began: float) -> Outcome:
    state = Crashed(message=f"{type(exc).__name__} came out of the task")
    return Outcome(state, time.perf_counter() - began, worker_name(), exc)


def worker_name() -> str:
    """Return the name of this process, ``host:pid``."""
    pid = os.getpid()
    found = _names.get(pid)
    if found is None:
        import socket

        found = _names[pid] = f"{socket.gethostname()}:{pid}"
    return found


_names: dict[int, str] = {}
