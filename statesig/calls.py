"""One attempt at a task as it is handed to where it is run, and what comes back.

Nothing here knows a run, a store or a pool; `perform` is what every worker calls, in whatever thread or process.
"""

from __future__ import annotations

import os
import time
from contextvars import copy_context
from functools import partial
from typing import Any, NamedTuple

from statesig.attempts import Attempt, running
from statesig.captures import Redact, acapture, capture
from statesig.states import State
from statesig.tasks import Task, building

__all__ = ["Call", "Outcome", "awaited", "perform", "worker_name"]


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
        self.task = task
        self.args = args
        self.kwargs = kwargs
        self.attempt = attempt
        self.redact = redact
        self.traceback = traceback
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


def awaited(fn: Any, *args: Any, redact: Redact | None, traceback: bool) -> State[Any]:
    """Run a coroutine function to its end on a loop of its own; in a thread of its own where a loop is running here."""
    import asyncio

    def to_its_end() -> State[Any]:
        return asyncio.run(acapture(fn, *args, redact=redact, traceback=traceback))

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return to_its_end()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="statesig") as pool:
        return pool.submit(copy_context().run, to_its_end).result()


def worker_name() -> str:
    """Return the name of this process: its machine's and its number."""
    pid = os.getpid()
    found = _names.get(pid)
    if found is None:
        import socket

        found = _names[pid] = f"{socket.gethostname()}:{pid}"
    return found


_names: dict[int, str] = {}
