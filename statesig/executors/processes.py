"""Processes of this machine that run the code of tasks, each with a pipe and a supervising thread of its own.

Nothing is shared between two of them, neither a queue nor a lock: a process that is killed at any moment, in the middle
of a message too, takes nothing with it but its own call. That is why this is no `ProcessPoolExecutor`, where one that
dies breaks the pool, and no pool around queues, where one that dies with a queue's lock stops all others.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from statesig.errors import ExecutorError
from statesig.executors.calls import Call, Outcome, performed, worker_name
from statesig.executors.executor import Report
from statesig.executors.pickling import packed, packed_outcome, unpacked, unpacked_outcome
from statesig.executors.pool import Pool, Worker
from statesig.states import Crashed, Failed, State

__all__ = ["Processes"]

_PATIENCE = 60.0
"""The seconds that a process may take to start, and to make a call of what it is sent, before that counts as begun."""

_TRIES = 3
"""How many processes are started for a call, where each is killed before it begins it."""

_FAREWELL = 5.0
"""The seconds that an idle process may take to end by itself before it is killed."""


class Processes(Pool):
    """Worker processes, started when there are calls for them.

    A worker that dies costs its own call the attempt, which is Crashed, and another is started for the next call. To
    stop a call, its process is ended. Ctrl-C does not reach the workers: this process says whether they are to stop,
    and they end with it, even where it is killed. A worker may not start processes by `multiprocessing`.

    A task is pickled by its name, so its module can be imported by the workers; what `pickle` cannot name is tried with
    cloudpickle where that is installed. A program that runs a flow does so under ``if __name__ == "__main__":``.

    Args:
        workers: How many calls run at once; by default one for each processor.
        start: How a worker is started: each as a new interpreter, or forked from a server that has no threads.
    """

    takes_coroutines = True
    patience = _FAREWELL

    def __init__(self, workers: int | None = None, start: Literal["spawn", "forkserver"] = "spawn") -> None:
        super().__init__((os.cpu_count() or 1) if workers is None else workers)
        self._start: Literal["spawn", "forkserver"] = start
        self._refusal = _Refusal()

    def open(self, report: Report) -> None:
        """Begin to serve a run.

        Raises:
            ExecutorError: This process may start none: it is a worker itself, or is only about to become one.
        """
        this = multiprocessing.current_process()
        if getattr(this, "_inheriting", False):  # what multiprocessing itself asks, once it is too late
            raise ExecutorError(
                "Processes", "a worker is importing the program; run the flow under `if __name__ == '__main__':`"
            )
        if this.daemon:
            raise ExecutorError("Processes", "this is a worker process, which may not start others; use threads here")
        self._refusal = _Refusal()
        super().open(report)

    def worker(self) -> Worker:
        """Return what has calls run by a process of its own."""
        return _Supervisor(self._start, self._refusal)


class _Refusal:
    """Why no worker can start, once one has shown it; then no other is tried in this run."""

    def __init__(self) -> None:
        self.state: State[Any] | None = None


class _Lost(Exception):
    """The process has ended, or its pipe has."""


class _NotStarted(Exception):
    """No process could be started; it holds the state of the call that it was to run."""

    def __init__(self, state: State[Any]) -> None:
        super().__init__(state)
        self.state = state


class _Supervisor(Worker):
    """Has calls run by a process, one after the other, and starts another where it has died."""

    def __init__(self, start: Literal["spawn", "forkserver"], refusal: _Refusal) -> None:
        self._start: Literal["spawn", "forkserver"] = start
        self._refusal = refusal
        self._child: _Child | None = None
        self._code: int | None = None
        self._is_stopped = False
        # `stop` comes from another thread, and may neither miss a process that starts nor hit one that is reaped.
        self._lock = threading.Lock()

    def perform(self, call: Call) -> Outcome:
        try:
            return self._performed(call)
        except _NotStarted as exc:
            return _outcome(call, exc.state)
        except _Lost:
            return _outcome(call, Crashed(message=f"its worker process {_way(self._end())}"))
        except BaseException as exc:  # no memory for an answer, no further process: the thread may not end for that
            self._end()
            reason = exc.strerror if isinstance(exc, OSError) else type(exc).__name__
            return _outcome(call, Crashed(message=f"its worker process could not be used: {reason}"))

    def stop(self) -> str:
        with self._lock:
            self._is_stopped = True
            if self._child is not None:
                self._child.kill()
        return "its process was ended"

    def close(self) -> None:
        self._end()

    def _performed(self, call: Call) -> Outcome:
        data = packed(call)
        if isinstance(data, Failed):
            return _outcome(call, data)
        tries = 1
        while True:
            try:
                child = self._idle()
                child.send(data)
                return _answer(child, call)
            except _Lost:
                # One that is killed before it begins the call takes nothing with it, so others are tried.
                if call.began is not None or self._is_stopped or tries == _TRIES:
                    raise
                tries += 1

    def _idle(self) -> _Child:
        """Return a process that waits for a call, a new one if need be."""
        child = self._child
        if child is not None and child.is_idle():
            return child
        self._end()
        if self._refusal.state is not None:
            raise _NotStarted(self._refusal.state)
        child = _Child(self._start)
        with self._lock:
            self._child = child
            if self._is_stopped:
                child.kill()
        self._await(child)
        return child

    def _await(self, child: _Child) -> None:
        """Wait until a process is ready."""
        try:
            is_ready = child.receive(_PATIENCE) is not None
        except _Lost:
            code = self._end()
            if code is None or code < 0:
                raise
            # It ended by itself, as any other would: usually the program is not one that can be imported.
            self._refusal.state = Crashed(message=f"its worker process {_way(code)} {_WHY}", retryable=False)
            raise _NotStarted(self._refusal.state) from None
        if not is_ready:
            child.kill()
            self._end()
            raise _NotStarted(Crashed(message=f"its worker process did not start within {_PATIENCE:g} seconds"))

    def _end(self) -> int | None:
        """Let the process end, if there is one, and return the exit code of the last one."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            self._code = child.end()
        return self._code


_WHY = (
    "while it started: its standard error says why; a program that runs a flow in processes does so under "
    "`if __name__ == '__main__':`"
)


def _way(code: int | None) -> str:
    """Say how a process ended."""
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with exit code {code}"
    names = {int(known): known.name for known in signal.Signals}
    return f"was killed by {names.get(-code, f'signal {-code}')}"


def _answer(child: _Child, call: Call) -> Outcome:
    """Return what the process says of a call: an empty message when it begins it, and then the outcome."""
    is_read = False
    while not (message := child.receive(_PATIENCE if call.began is None else None)):
        is_read = is_read or message is not None
        call.began = call.began or time.monotonic()
    return unpacked_outcome(call, message, is_redacted=is_read)


def _outcome(call: Call, state: State[Any]) -> Outcome:
    """Return an outcome that the process did not tell."""
    return Outcome(state, 0.0 if call.began is None else time.monotonic() - call.began, worker_name())


# ---- one process


_STARTING = threading.Lock()
"""Held while a process is started: multiprocessing then reaps all that have ended, those of other threads too."""


class _Child:
    """A worker process and this end of its pipe."""

    def __init__(self, start: Literal["spawn", "forkserver"]) -> None:
        # One expression each: by its name alone a context's type is not known to checkers.
        spawning = start == "spawn"
        context = multiprocessing.get_context("spawn") if spawning else multiprocessing.get_context("forkserver")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs,), name="statesig", daemon=True)
        try:
            with _STARTING, _interrupt_blocked(start):
                self._process.start()
        except BaseException:
            self._pipe.close()
            raise
        finally:
            theirs.close()

    def is_idle(self) -> bool:
        """Tell whether it waits for a call; one that has ended has let go of its pipe, if it has said nothing else."""
        return not wait([self._pipe, self._process.sentinel], 0)

    def send(self, data: bytes) -> None:
        try:
            self._pipe.send_bytes(data)
        except OSError:
            raise _Lost from None

    def receive(self, timeout: float | None = None) -> bytes | None:
        """Return the next message; None where there is none within so many seconds.

        Raises:
            _Lost: The process has ended, and what it said before was received.
        """
        # The pipe alone would not tell, where a process that the task forked holds its other end.
        if not wait([self._pipe, self._process.sentinel], timeout):
            return None
        try:
            message = self._pipe.recv_bytes() if self._pipe.poll() else None
        except (EOFError, OSError):
            raise _Lost from None
        if message is None:
            raise _Lost
        return message

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> int | None:
        """Let an idle process end by itself, or kill it, and return its exit code."""
        self._pipe.close()
        self._process.join(_FAREWELL)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        until = time.monotonic() + 1
        while (code := self._process.exitcode) is None and time.monotonic() < until:
            time.sleep(0.001)  # another thread is just reaping it, and about to write down how it ended
        if code is not None:
            self._process.close()
        return code


@contextmanager
def _interrupt_blocked(start: str) -> Generator[None, None, None]:
    """Let a Ctrl-C not reach a process between its start and `_work`, which unblocks it.

    A server of forks is everybody's in this process, and is left as it is.
    """
    if start != "spawn" or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---- in the process


def _work(pipe: Connection) -> None:
    """Run the calls that come through the pipe until it is closed at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    _hold_alone()
    threading.Thread(target=_end_with_parent, name="statesig-parent", daemon=True).start()
    with suppress(EOFError, OSError):
        pipe.send_bytes(b"")
        while True:
            call = unpacked(pipe.recv_bytes())
            if isinstance(call, Failed):
                pipe.send_bytes(packed_outcome(Outcome(call, 0.0, worker_name())))
                continue
            pipe.send_bytes(b"")
            pipe.send_bytes(packed_outcome(performed(call), call.redact))
            del call


def _hold_alone() -> None:
    """Let programs that tasks start not inherit what tells the parent that this process has ended."""
    if os.path.isdir("/dev/fd"):
        for fd in map(int, os.listdir("/dev/fd")):
            if fd > 2:
                with suppress(OSError):  # one of them was the directory itself
                    os.set_inheritable(fd, False)


def _end_with_parent() -> None:
    """End this process, also in the middle of a call, when its parent has ended in whatever way."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
