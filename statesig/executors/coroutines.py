"""Run coroutine functions concurrently on one event loop, outside the runner's thread; replace a blocked loop.

Nothing here may know a flow or a run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from statesig.executors.calls import Call, Outcome, aperform, cancelled, worker_name
from statesig.executors.executor import Begun, Executor, Report, Session, unheard
from statesig.states import Crashed, State

if TYPE_CHECKING:
    import asyncio

__all__ = ["Coroutines"]


class Coroutines(Executor):
    """Run coroutine functions concurrently on one event loop in another thread than the caller's.

    By default the first call starts a loop in a new daemon thread; runs at the same time have a loop each. Stopping a
    coroutine cancels it; its outcome is dropped even if it goes on. A coroutine that blocks the loop is left with the
    loop in its thread: other calls that had begun there become Crashed, and the calls that had not begun move to a new
    loop.

    Args:
        loop: A loop that runs in another thread and stays open; it is not replaced when blocked. None: start one.
        window: The number of calls of a run that run at once.
        grace: The seconds to wait at the end of a run for cancelled coroutines. Slower ones are left in their daemon
            thread, which ends with them and does not hold the interpreter.
    """

    takes_coroutines = True

    def __init__(
        self, loop: asyncio.AbstractEventLoop | None = None, *, window: int = 1_000, grace: float = 5.0
    ) -> None:
        self.window: int = window
        self.grace: float = grace
        self.given: asyncio.AbstractEventLoop | None = loop
        self._idle: list[_Loop] = []

    def open(self, report: Report, begun: Begun | None = None) -> Session:
        """Begin to serve a run; its calls run in copies of this thread's context."""
        return _LoopSession(self, report, begun)

    def end(self) -> None:
        """Close the loops that were kept."""
        while self._idle:
            self._idle.pop().close(self.grace)

    def take(self) -> _Loop:
        """Return a loop for a session, one that was kept if there is one."""
        try:
            return self._idle.pop()
        except IndexError:
            return _Loop(self.given)

    def give_back(self, loop: _Loop) -> None:
        """Keep a session's loop for the next one, or close it if it was started here."""
        if self.is_kept:
            self._idle.append(loop)
        elif self.given is None:
            loop.close(self.grace)


class _LoopSession(Session):
    """One run's calls on a loop, which serves no other run meanwhile."""

    def __init__(self, executor: Coroutines, report: Report, begun: Begun | None) -> None:
        self.slots: int = executor.window
        self.window: int = executor.window
        self._executor = executor
        self._loop: _Loop | None = None
        self._report = report
        self._begun = begun
        self._held: dict[Call, bool] = {}
        self._context: Context = copy_context()

    def submit(self, calls: Sequence[Call]) -> None:
        """Hand calls to the loop, which runs each as an asyncio task."""
        if self._loop is None:
            self._loop = self._executor.take()
        if self._begun is not None:
            self._held.update(dict.fromkeys(calls, True))
        self._loop.submit(calls, self._report, self._begun, self._context)

    def withdraw(self, call: Call) -> bool:
        """Take back a call that may not begin yet."""
        loop = self._loop
        if loop is None or not self._held.pop(call, False):
            return False
        loop.forget(call)
        loop.cancel_soon(call)
        return True

    def let_begin(self, calls: Sequence[Call]) -> None:
        """Let calls begin that wait for that on the loop."""
        loop, held = self._loop, [call for call in calls if self._held.pop(call, False)]
        if loop is not None and held:
            loop.let_begin(held)

    def stop(self, call: Call) -> str:
        """Cancel a call's asyncio task."""
        if self.withdraw(call):
            return "it had not begun"
        loop = self._loop
        if loop is None or not loop.forget(call):
            return "it had just ended"
        if loop.cancel(call):
            return "its coroutine was cancelled"
        if self._executor.given is None:
            self._replace(loop)
        return "its event loop is blocked, and its coroutine goes on there"

    def close(self, *, now: bool = False) -> None:
        """End the session: cancel its calls on the loop."""
        self._report = unheard
        self._held.clear()
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.forget_all()
            if self._executor.is_kept or self._executor.given is not None:
                loop.cancel_all(self._executor.grace)
            self._executor.give_back(loop)

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
    """An event loop and its calls. Other threads call the methods without an underscore, the loop calls the rest."""

    def __init__(self, given: asyncio.AbstractEventLoop | None) -> None:
        import asyncio

        self._reports: dict[Call, Report] = {}  # changed atomically: whoever pops a call owns its outcome
        self._tasks: dict[Call, asyncio.Task[Outcome]] = {}
        self._gates: dict[Call, asyncio.Future[None]] = {}
        self._is_empty = threading.Event()
        self._is_empty.set()
        self._asked = threading.Event()
        self._asked.set()
        self._is_over = False
        self._thread: threading.Thread | None = None
        if given is not None:
            self._loop = given
            return
        # asyncio's Runner closes everything: tasks, asynchronous generators, threads, the loop. With `loop_factory` it
        # does not set the loop as this thread's.
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = runner.get_loop()
        self._thread = threading.Thread(target=self._serve, args=(runner,), name="statesig", daemon=True)
        self._thread.start()

    def _serve(self, runner: asyncio.Runner) -> None:
        with runner:
            while not self._is_over:  # a task may have stopped the loop, and with it all other tasks
                self._loop.run_forever()

    def submit(self, calls: Sequence[Call], report: Report, begun: Begun | None, context: Context) -> None:
        for call in calls:
            self._reports[call] = report
        if not self._ask(self._begin, calls, begun, context):
            for call in calls:
                if self.forget(call):
                    report(call, _after(call, Crashed(message="its event loop was closed")))

    def forget(self, call: Call) -> bool:
        """Drop the report of a call; tell whether it was still due."""
        return self._reports.pop(call, None) is not None

    def forget_all(self) -> list[Call]:
        """Drop all reports; return the calls whose report was still due."""
        return [call for call in list(self._reports) if self.forget(call)]

    def let_begin(self, calls: Sequence[Call]) -> None:
        """Let calls begin that wait for that."""
        self._ask(self._open, calls)

    def cancel_soon(self, call: Call) -> None:
        """Cancel a call's asyncio task, without waiting for the loop to do so."""
        self._ask(self._cancel, [call], threading.Event())

    def cancel(self, call: Call) -> bool:
        """Cancel a call's asyncio task; tell whether the loop did so within `_MOMENT`."""
        before, self._asked = self._asked, threading.Event()
        if not self._ask(self._cancel, [call], self._asked):
            return True
        return self._asked.wait(_MOMENT if before.is_set() else 0.0)  # a blocked loop is awaited once

    def cancel_all(self, grace: float) -> None:
        """Cancel the asyncio tasks of all calls and wait for them, at most `grace` seconds."""
        if self._ask(self._cancel, None, threading.Event()):
            self._is_empty.wait(grace)

    def close(self, grace: float) -> None:
        """Stop the loop once it is free, and wait for its thread, at most `grace` seconds."""
        self._is_over = True
        self._ask(self._loop.stop)
        if self._thread is not None:
            self._thread.join(grace)

    def _ask(self, fn: Callable[..., object], *args: Any) -> bool:
        """Have the loop call a function; return False if it is closed."""
        try:
            self._loop.call_soon_threadsafe(fn, *args)
        except RuntimeError:
            return False
        return True

    def _begin(self, calls: Sequence[Call], begun: Begun | None, context: Context) -> None:
        for call in calls:
            if call in self._reports:
                self._is_empty.clear()
                gate = None
                if begun is not None:
                    gate = self._gates[call] = self._loop.create_future()
                task = self._loop.create_task(self._perform(call, gate), context=context.copy())
                self._tasks[call] = task
                task.add_done_callback(partial(self._ended, call))
                if begun is not None:
                    begun(call)

    async def _perform(self, call: Call, gate: asyncio.Future[None] | None) -> Outcome:
        """Run a call once it may begin, unless its report was dropped: it was stopped, or moved to another loop."""
        import asyncio

        if gate is not None:
            await gate
        if call in self._reports:
            call.began = time.monotonic()
            # Ask again: `_replace` drops the report first and then looks whether the call has begun.
            if call in self._reports:
                return await aperform(call)
        raise asyncio.CancelledError

    def _open(self, calls: Sequence[Call]) -> None:
        for call in calls:
            gate = self._gates.get(call)
            if gate is not None and not gate.done():
                gate.set_result(None)

    def _ended(self, call: Call, task: asyncio.Task[Outcome]) -> None:
        del self._tasks[call]
        self._gates.pop(call, None)
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
"""Seconds without an answer after which a loop counts as blocked."""


def _after(call: Call, state: State[Any]) -> Outcome:
    """Return the outcome of a call that ended without returning one."""
    seconds = 0.0 if call.began is None else time.monotonic() - call.began
    return Outcome(state, seconds, worker_name())
