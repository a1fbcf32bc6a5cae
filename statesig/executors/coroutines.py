"""Where coroutine functions are run: all at once on one event loop, in another thread than the runner's.

What a blocked loop does to the calls on it is said here; nothing here knows a flow or a run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from statesig.executors.calls import Call, Outcome, aperform, cancelled, worker_name
from statesig.executors.executor import Executor, Report, unheard
from statesig.states import Crashed, State

if TYPE_CHECKING:
    import asyncio

__all__ = ["Coroutines"]


class Coroutines(Executor):
    """Coroutine functions, all at once on one event loop, which runs in another thread than the one that asks.

    By default that is a loop in a daemon thread of its own, begun with the first call. A coroutine that is stopped is
    cancelled; one that goes on although it was cancelled is not looked at any more. One that blocks the loop is left
    with it in its thread: the other calls that had begun there are Crashed, and those that had not begin on a new loop.

    Args:
        loop: The loop to use, which runs in another thread and stays open. It is not replaced when it is blocked.
        window: How many calls run at once.
        grace: The seconds that `close` waits for coroutines that go on although they were cancelled. What takes longer
            is left in its thread, which ends when they do and does not hold the interpreter.
    """

    takes_coroutines = True

    def __init__(
        self, loop: asyncio.AbstractEventLoop | None = None, *, window: int = 1_000, grace: float = 5.0
    ) -> None:
        self.slots: int = window
        self.window: int = window
        self._given = loop
        self._grace = grace
        self._loop: _Loop | None = None
        self._report: Report = unheard
        self._context: Context = copy_context()

    def open(self, report: Report) -> None:
        """Begin to serve a run; calls run in copies of this thread's context."""
        self._report = report
        self._context = copy_context()

    def submit(self, calls: Sequence[Call]) -> None:
        """Hand calls to the loop, each to be an asyncio task."""
        if self._loop is None:
            self._loop = _Loop(self._given)
        self._loop.submit(calls, self._report, self._context)

    def stop(self, call: Call) -> str:
        """Cancel a call's asyncio task."""
        loop = self._loop
        if loop is None or not loop.forget(call):
            return "it had just come to its end"
        if loop.cancel(call):
            return "its coroutine was cancelled"
        if self._given is None:
            self._replace(loop)
        return "its event loop is blocked, where its coroutine goes on"

    def close(self, *, now: bool = False) -> None:
        """End serving a run: what is still on the loop is cancelled, and one of our own is closed unless it is kept."""
        self._report = unheard
        loop = self._loop
        if loop is None or (self.is_kept and not now):
            return
        loop.forget_all()
        if self.is_kept or self._given is not None:
            loop.cancel_all(self._grace)
        else:
            loop.close(self._grace)
        if not self.is_kept:
            self._loop = None

    def _replace(self, blocked: _Loop) -> None:
        left = blocked.forget_all()
        blocked.close(0.0)
        self._loop = None
        for call in left:
            if call.began is not None:
                state = Crashed[Any](message="its event loop was blocked by the code of another task")
                self._report(call, _after(call, state))
        waiting = [call for call in left if call.began is None]
        if waiting:
            self.submit(waiting)


class _Loop:
    """An event loop and the calls on it. Methods without an underscore are called in other threads than the loop's."""

    def __init__(self, given: asyncio.AbstractEventLoop | None) -> None:
        import asyncio

        self._reports: dict[Call, Report] = {}  # one operation each, from any thread: who takes a call out has it
        self._tasks: dict[Call, asyncio.Task[Outcome]] = {}
        self._is_empty = threading.Event()
        self._is_empty.set()
        self._asked = threading.Event()
        self._asked.set()
        self._is_over = False
        self._thread: threading.Thread | None = None
        if given is not None:
            self._loop = given
            return
        # The runner that closes it all: tasks, asynchronous generators, threads, the loop. With a factory of its own it
        # does not make the loop that of this thread.
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = runner.get_loop()
        self._thread = threading.Thread(target=self._serve, args=(runner,), name="statesig", daemon=True)
        self._thread.start()

    def _serve(self, runner: asyncio.Runner) -> None:
        with runner:
            while not self._is_over:  # a task may have stopped the loop, and with it all the others
                self._loop.run_forever()

    def submit(self, calls: Sequence[Call], report: Report, context: Context) -> None:
        for call in calls:
            self._reports[call] = report
        if not self._ask(self._begin, calls, context):
            for call in calls:
                if self.forget(call):
                    report(call, _after(call, Crashed(message="its event loop was closed")))

    def forget(self, call: Call) -> bool:
        """Report nothing of a call any more, and tell whether it was still to be reported."""
        return self._reports.pop(call, None) is not None

    def forget_all(self) -> list[Call]:
        """Report nothing any more, and return the calls that were still to be reported."""
        return [call for call in list(self._reports) if self.forget(call)]

    def cancel(self, call: Call) -> bool:
        """Cancel a call's asyncio task; tell whether the loop has done so within a moment."""
        before, self._asked = self._asked, threading.Event()
        if not self._ask(self._cancel, [call], self._asked):
            return True
        return self._asked.wait(_MOMENT if before.is_set() else 0.0)  # a moment each could be many

    def cancel_all(self, grace: float) -> None:
        """Cancel all asyncio tasks of calls, and wait for them, for at most so many seconds."""
        if self._ask(self._cancel, None, threading.Event()):
            self._is_empty.wait(grace)

    def close(self, grace: float) -> None:
        """End the loop of our own once it is free, and wait for that, for at most so many seconds."""
        self._is_over = True
        self._ask(self._loop.stop)
        if self._thread is not None:
            self._thread.join(grace)

    def _ask(self, fn: Callable[..., object], *args: Any) -> bool:
        """Let the loop call a function; tell whether it is still open."""
        try:
            self._loop.call_soon_threadsafe(fn, *args)
        except RuntimeError:
            return False
        return True

    def _begin(self, calls: Sequence[Call], context: Context) -> None:
        for call in calls:
            if call in self._reports:
                self._is_empty.clear()
                task = self._loop.create_task(_timed(call), context=context.copy())
                self._tasks[call] = task
                task.add_done_callback(partial(self._ended, call))

    def _ended(self, call: Call, task: asyncio.Task[Outcome]) -> None:
        del self._tasks[call]
        if not self._tasks:
            self._is_empty.set()
        report = self._reports.pop(call, None)
        if report is not None:
            report(call, _after(call, cancelled()) if task.cancelled() else task.result())

    def _cancel(self, calls: Iterable[Call] | None, done: threading.Event) -> None:
        for call in list(self._tasks) if calls is None else calls:
            task = self._tasks.get(call)
            if task is not None:
                task.cancel()
        done.set()


_MOMENT = 1.0
"""The seconds after which a loop that does not answer is blocked."""


async def _timed(call: Call) -> Outcome:
    call.began = time.monotonic()
    return await aperform(call)


def _after(call: Call, state: State[Any]) -> Outcome:
    """Return the outcome of a call whose own end was not seen."""
    seconds = 0.0 if call.began is None else time.monotonic() - call.began
    return Outcome(state, seconds, worker_name())
