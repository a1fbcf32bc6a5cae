"""Run the code of tasks in processes of this machine, each with its pipe and its supervising thread.

Two processes must share nothing, neither a queue nor a lock: a process killed at any moment, even in the middle of a
message, loses only its own call. In a `ProcessPoolExecutor` a dead process breaks the pool, and in a pool around queues
one that dies with a queue's lock stops all others.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from statesig.errors import ExecutorError
from statesig.executors.calls import Call, Outcome, performed, worker_name
from statesig.executors.executor import Begun, Report, Session
from statesig.executors.pickling import packed, packed_outcome, unpacked, unpacked_outcome, with_context
from statesig.executors.pool import Pool, Worker
from statesig.states import Crashed, Failed, State

__all__ = ["Processes"]

_PATIENCE = 60.0
"""Seconds that a process may take to start, and to unpack a call before the call counts as begun."""

_TRIES = 3
"""Processes to start for one call when each is killed before it begins the call."""

_FAREWELL = 5.0
"""Seconds that an idle process may take to end before it is killed."""


class Processes(Pool):
    """Worker processes, started as calls need them.

    If a worker dies, the attempt at its call is Crashed, and the next call gets a new worker. Stopping a call ends its
    process. Ctrl-C does not reach the workers: this process decides whether they stop, and they end with it, even if it
    is killed. A worker may not start processes by `multiprocessing`.

    A task is pickled by its name, so the workers must be able to import its module; a call that `pickle` refuses is
    packed by cloudpickle if that is installed, and so is what a notebook defines, or ``python -c``. A program must run
    its flow under ``if __name__ == "__main__":``.

    Args:
        workers: The number of calls that run at once; by default one for each processor.
        start: The way to start a worker: as a new interpreter, or as a fork of a server without threads.
    """

    takes_coroutines = True
    patience = _FAREWELL

    def __init__(self, workers: int | None = None, start: Literal["spawn", "forkserver"] = "spawn") -> None:
        super().__init__((os.cpu_count() or 1) if workers is None else workers)
        self._start: Literal["spawn", "forkserver"] = start
        self._refusal = _Refusal()

    def open(self, report: Report, begun: Begun | None = None) -> Session:
        """Begin to serve a run.

        Raises:
            ExecutorError: This process is a worker, or about to become one, and may not start workers.
        """
        this = multiprocessing.current_process()
        if getattr(this, "_inheriting", False):  # multiprocessing asks the same, but too late
            raise ExecutorError(
                "Processes", "a worker is importing the program; run the flow under `if __name__ == '__main__':`"
            )
        if this.daemon:
            raise ExecutorError("Processes", "this is a worker process, which may not start others; use threads here")
        self._refusal = _Refusal()
        return super().open(report, begun)

    def worker(self) -> Worker:
        """Return a worker that runs its calls in its own process."""
        return _Supervisor(self._start, self._refusal)


class _Refusal:
    """The state of calls once a worker has shown that none can start; the run then starts no other."""

    def __init__(self) -> None:
        self.state: State[Any] | None = None


class _Lost(Exception):
    """The process has ended, or its pipe is closed."""


class _NotStarted(Exception):
    """No process could be started; holds the state for the call."""

    def __init__(self, state: State[Any]) -> None:
        super().__init__(state)
        self.state = state


class _Supervisor(Worker):
    """Runs calls in a process, one after another, and starts a new one if it dies."""

    def __init__(self, start: Literal["spawn", "forkserver"], refusal: _Refusal) -> None:
        self._start: Literal["spawn", "forkserver"] = start
        self._refusal = refusal
        self._child: _Child | None = None
        self._code: int | None = None
        self._is_stopped = False
        # `stop` comes from another thread; it may neither miss a process that is starting nor kill one that is reaped.
        self._lock = threading.Lock()

    def perform(self, call: Call, may_begin: Callable[[], bool]) -> Outcome | None:
        try:
            return self._performed(call, may_begin)
        except _NotStarted as exc:
            return _outcome(call, exc.state)
        except _Lost:
            return _outcome(call, Crashed(message=f"its worker process {_way(self._end())}"))
        except BaseException as exc:  # out of memory or of processes, say: the thread must survive it
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

    def _performed(self, call: Call, may_begin: Callable[[], bool]) -> Outcome | None:
        data = packed(call, has_main=_have_main())
        if isinstance(data, Failed):
            return _outcome(call, data)
        tries, begins = 1, False
        while True:
            try:
                child = self._idle()
                if not begins and not (begins := may_begin()):
                    return None
                child.send(with_context(data, call))
                return _answer(child, call)
            except _Lost:
                # The process was killed before it began the call, so trying again is safe.
                if call.began is not None or self._is_stopped or tries == _TRIES:
                    raise
                tries += 1

    def _idle(self) -> _Child:
        """Return an idle process, a new one if necessary."""
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
            # It ended by itself, as any other would: usually the program cannot be imported.
            self._refusal.state = Crashed(message=f"its worker process {_way(code)} {_WHY}", retryable=False)
            raise _NotStarted(self._refusal.state) from None
        if not is_ready:
            child.kill()
            self._end()
            raise _NotStarted(Crashed(message=f"its worker process did not start within {_PATIENCE:g} seconds"))

    def _end(self) -> int | None:
        """End the process, if any, and return the exit code of the last one."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            self._code = child.end()
        return self._code


_WHY = (
    "while it started: its standard error says why; a program that runs a flow in processes does so under "
    "`if __name__ == '__main__':`"
)


def _have_main() -> bool:
    """Tell whether workers import this process's ``__main__``, by the rule of `multiprocessing.spawn`."""
    main = sys.modules.get("__main__")
    name = getattr(getattr(main, "__spec__", None), "name", None)
    if name is not None:
        return name != "__main__" and not name.endswith(".__main__")
    path = getattr(main, "__file__", None)
    return path is not None and os.path.splitext(os.path.basename(path))[0] != "ipython"


def _way(code: int | None) -> str:
    """Return the predicate of a sentence on the end of a process."""
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with exit code {code}"
    names = {int(known): known.name for known in signal.Signals}
    return f"was killed by {names.get(-code, f'signal {-code}')}"


def _answer(child: _Child, call: Call) -> Outcome:
    """Return the outcome of a call; the process sends an empty message when it begins the call, then the outcome."""
    is_read = False
    while not (message := child.receive(_PATIENCE if call.began is None else None)):
        is_read = is_read or message is not None
        call.began = call.began or time.monotonic()
    return unpacked_outcome(call, message, is_redacted=is_read)


def _outcome(call: Call, state: State[Any]) -> Outcome:
    """Return an outcome that did not come from the process."""
    return Outcome(state, 0.0 if call.began is None else time.monotonic() - call.began, worker_name())


# ---- one process


_STARTING = threading.Lock()
"""Held while a process starts: multiprocessing then reaps all ended processes, those of other threads too."""


class _Child:
    """A worker process and this end of its pipe."""

    def __init__(self, start: Literal["spawn", "forkserver"]) -> None:
        # One call for each: type checkers know a context's type only by a literal name.
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
        """Tell whether it waits for a call: it has sent nothing, and neither the process nor its pipe has ended."""
        return not wait([self._pipe, self._process.sentinel], 0)

    def send(self, data: bytes) -> None:
        try:
            self._pipe.send_bytes(data)
        except OSError:
            raise _Lost from None

    def receive(self, timeout: float | None = None) -> bytes | None:
        """Return the next message; None if none comes within `timeout` seconds.

        Raises:
            _Lost: The process has ended, and all its messages were received.
        """
        # The pipe alone is not enough: a process that the task forked may hold its other end open.
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
            time.sleep(0.001)  # another thread is reaping it, and about to set the exit code
        if code is not None:
            self._process.close()
        return code


@contextmanager
def _interrupt_blocked(start: str) -> Generator[None, None, None]:
    """Keep Ctrl-C from a process between its start and `_work`, which unblocks it.

    The fork server is left as it is: all code of this process shares it.
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
    """Run the calls that arrive through the pipe until its other end is closed."""
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
    """Keep programs that tasks start from inheriting the descriptors by which the parent sees this process end."""
    if os.path.isdir("/dev/fd"):
        for fd in map(int, os.listdir("/dev/fd")):
            if fd > 2:
                with suppress(OSError):  # one of them was the directory itself
                    os.set_inheritable(fd, False)


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended in any way, even in the middle of a call."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
