"""One attempt at a task as it is handed to where it is run, and what comes back.

Nothing here knows a run, a store or a pool; `perform` is what every worker calls, in whatever thread or process, and
`packed` and `packed_outcome` are how calls and outcomes travel between processes.
"""

from __future__ import annotations

import os
import time
from contextvars import copy_context
from functools import partial
from typing import Any, NamedTuple

from statesig.algebra.captures import Redact, acapture, capture
from statesig.executors.attempts import Attempt, running
from statesig.graph.tasks import Task, building
from statesig.states import Cancelled, Crashed, State

__all__ = [
    "Call",
    "Outcome",
    "aperform",
    "awaited",
    "cancelled",
    "perform",
    "performed",
    "worker_name",
]


class Call:
    """One attempt at a task: the function, what it is called with, and what it may know of itself.

    Attributes:
        task: The task.
        args, kwargs: What its function is called with.
        attempt: What `current` tells in it.
        redact, traceback: As for `capture`.
        began: When it began, in the seconds of `time.monotonic`; None before. Who runs it sets it, and from then on the
            runner counts the task's timeout.
    """

    __slots__ = ("args", "attempt", "began", "kwargs", "redact", "task", "traceback")

    def __init__(
        self,
        task: Task[Any, Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        attempt: Attempt,
        redact: Redact | None = None,
        traceback: bool = False,
    ) -> None:
        self.task: Task[Any, Any] = task
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs
        self.attempt: Attempt = attempt
        self.redact: Redact | None = redact
        self.traceback: bool = traceback
        self.began: float | None = None

    def __repr__(self) -> str:
        return f"<call of {self.attempt.task}, attempt {self.attempt.number}>"


class Outcome(NamedTuple):
    """What came of a call.

    Args:
        state: The state that it left, as `capture` gives it.
        seconds: How long the function ran.
        worker: Where that was: ``host:pid``, or what a cluster calls its worker.
        raised: What is neither a signal nor an Exception and came out of the function in this process, such as
            KeyboardInterrupt: it ends the run, whatever the state says.
    """

    state: State[Any]
    seconds: float
    worker: str
    raised: BaseException | None = None


def perform(call: Call) -> Outcome:
    """Call the task's function, in this thread, and return what came of it; a coroutine is run to its end on a loop.

    Raises:
        BaseException: What `capture` lets pass: KeyboardInterrupt, SystemExit and the like.
    """
    tokens = running.set(call.attempt), building.set(None)
    began = time.perf_counter()
    try:
        fn = partial(call.task.fn, **call.kwargs) if call.kwargs else call.task.fn
        to_state = awaited if call.task.is_async else capture
        state: State[Any] = to_state(fn, *call.args, redact=call.redact, traceback=call.traceback)
    finally:
        running.reset(tokens[0])
        building.reset(tokens[1])
    return Outcome(state, time.perf_counter() - began, worker_name())


def performed(call: Call) -> Outcome:
    """Call the task's function as `perform` does; what that lets pass is an outcome too, which holds it as `raised`."""
    began = time.perf_counter()
    try:
        return perform(call)
    except BaseException as exc:
        return _ended_by(exc, began)


async def aperform(call: Call) -> Outcome:
    """Await the task's coroutine on the loop that runs here, in a context of its own, and return what came of it.

    A plain function is called, and the loop waits for it.

    Raises:
        asyncio.CancelledError: The asyncio task was cancelled, or its own code raised it: see `cancelled`.
    """
    import asyncio

    began = time.perf_counter()
    try:
        if not call.task.is_async:
            return perform(call)
        running.set(call.attempt)
        building.set(None)
        fn = partial(call.task.fn, **call.kwargs) if call.kwargs else call.task.fn
        state: State[Any] = await acapture(fn, *call.args, redact=call.redact, traceback=call.traceback)
    except asyncio.CancelledError:
        raise
    except BaseException as exc:  # asyncio would let KeyboardInterrupt and SystemExit end the whole loop
        return _ended_by(exc, began)
    return Outcome(state, time.perf_counter() - began, worker_name())


def awaited(fn: Any, *args: Any, redact: Redact | None, traceback: bool) -> State[Any]:
    """Run a coroutine function to its end on a loop of its own; in a thread of its own where a loop is running here."""
    import asyncio

    def to_its_end() -> State[Any]:
        try:
            return asyncio.run(acapture(fn, *args, redact=redact, traceback=traceback))
        except asyncio.CancelledError:
            return cancelled()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return to_its_end()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="statesig") as pool:
        return pool.submit(copy_context().run, to_its_end).result()


def cancelled() -> State[Any]:
    """Return the state of a task whose coroutine was cancelled, by its own code or by another on its loop."""
    return Cancelled(message="its coroutine was cancelled")


def _ended_by(exc: BaseException, began: float) -> Outcome:
    state = Crashed(message=f"{type(exc).__name__} came out of the task")
    return Outcome(state, time.perf_counter() - began, worker_name(), exc)


def worker_name() -> str:
    """Return the name of this process: its machine's and its number."""
    pid = os.getpid()
    found = _names.get(pid)
    if found is None:
        import socket

        found = _names[pid] = f"{socket.gethostname()}:{pid}"
    return found


_names: dict[int, str] = {}
