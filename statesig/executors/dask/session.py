"""The session of an executor on a Dask cluster, from open to close: send calls, take answers, handle lost workers.

Nothing here may choose the worker of a call, or know how a worker runs it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Protocol

from statesig.executors.calls import Call, Outcome, worker_name
from statesig.executors.dask.connection import connect
from statesig.executors.dask.placement import MOST, Placement, Submission, Worker
from statesig.executors.dask.roster import Roster
from statesig.executors.dask.worker import Answer, begun, read, recall, run, write
from statesig.executors.executor import Begun, Report, Session
from statesig.states import Crashed

if TYPE_CHECKING:
    from statesig.executors.dask.connection import Client, Cluster

__all__ = ["ClusterSession", "Settings"]

_TICK = 0.5
"""Seconds between two checks of the workers and of late submissions."""

_LATE = 1.0
"""Seconds after which a worker is asked to give back the calls that it has not begun."""

_STALLED = 5.0
"""Seconds without submissions to a worker that began nothing in time: others use it, or it is paused."""

_GRACE = 30.0
"""Seconds by which the runner's deadline follows the worker's, which should act first."""

_END = 1.0
"""Seconds that pending work has to end when the session leaves the cluster."""

_LARGE = 1_000_000
"""Bytes past which calls are scattered before their submission: Dask warns of large arguments in one."""


class Settings(Protocol):
    """The settings of a `Dask` executor."""

    cluster: str | Cluster | Client | None
    batch: float
    ahead: int
    timeout: float
    patience: float


class ClusterSession(Session):
    """A thread with an event loop, which does all work except that of `submit`, `stop` and `close`.

    Attributes:
        thread: The thread, once it serves.
    """

    def __init__(self, options: Settings, report: Report, beginning: Begun | None) -> None:
        self.slots: int = 1
        self.window: int = MOST
        self.thread: threading.Thread | None = None
        self._options = options
        self._report = report
        self._begun = beginning
        self._placement = Placement(options.batch, options.ahead)
        self._client: Any = None
        self._roster: Roster | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._lock = threading.Lock()
        self._ended = ""
        self._where: dict[Call, Submission] = {}
        self._stopped: set[Call] = set()
        self._doing: set[asyncio.Task[Any]] = set()
        self._returned: dict[Call, int] = {}

    # Called by other threads.

    def submit(self, calls: Sequence[Call]) -> None:
        """Take calls; they wait in this process until a worker has room."""
        if not self._soon(self._take, tuple(calls)):
            for call in calls:
                self._crash(call, self._ended or "the cluster was left")

    def let_begin(self, calls: Sequence[Call]) -> None:
        """Do nothing: a worker says that a call has begun, and asks nobody."""

    def stop(self, call: Call) -> str:
        """Never report a call, keep it from beginning if possible, and return a sentence on its fate."""
        if self.thread is None:
            return "it had not begun"
        # `_send` does these two steps in the opposite order, so one of the two threads sees the other's step.
        self._stopped.add(call)
        sent = self._where.get(call)
        if sent is None:
            return "it had not begun"
        self._soon(self._stop_there, sent, call)
        return f"if its function has begun, it goes on in worker {sent.worker.address} until it returns"

    def close(self, *, now: bool = False) -> None:
        """Leave the cluster; calls that run there go on unheard, and no other call begins."""
        thread, self.thread = self.thread, None
        if thread is not None and self._over is not None:
            self._soon(self._over.set)
            # Each step of leaving has a deadline; the thread is a daemon in case Dask's code misses it.
            thread.join(2 * self._options.timeout)

    def _soon(self, fn: Callable[..., object], *args: object) -> bool:
        """Call a function in the loop's thread; return False if the session has ended or not begun."""
        with self._lock:
            if self._loop is None or self._ended:
                return False
            self._loop.call_soon_threadsafe(fn, *args)
            return True

    # Everything below runs in the loop's thread.

    async def serve(self, ready: concurrent.futures.Future[None]) -> None:
        """Connect, report success or the error to `ready`, and serve until the end."""
        async with AsyncExitStack() as opened:
            opened.push_async_callback(self._end_rest)  # after closing the client, which ends most of the rest
            try:
                self._client = await connect(self._options.cluster, self._options.timeout, opened)
                roster = Roster(self._client, self._options.patience, self._joined)
                opened.push_async_callback(roster.close)
                self._placement.workers = roster.workers
                await roster.open()
            except BaseException as exc:
                ready.set_exception(exc)
                return
            self._roster, self._over = roster, asyncio.Event()
            self._loop = asyncio.get_running_loop()
            ready.set_result(None)
            keeping, ending = self._begin(self._keep(roster, self._over)), self._begin(self._over.wait())
            try:
                await asyncio.wait((keeping, ending), return_when=asyncio.FIRST_COMPLETED)
                if not ending.done():
                    keeping.result()  # raises: `_keep` ends by an exception only
            finally:
                self._over.set()
                await self._leave()

    async def _keep(self, roster: Roster, over: asyncio.Event) -> None:
        """Check workers and calls at every tick."""
        while not over.is_set():
            for worker in await roster.look():
                self._lose_worker(worker)
            if why := roster.hopeless():
                self._crash_all(why)
            if self._placement:
                roster.call_for_workers()
            self._joined()
            self._ask_what_has_begun()
            self._ask_late_ones_back()
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _TICK)

    async def _leave(self) -> None:
        with self._lock:
            self._ended = "the cluster was left"
        await asyncio.sleep(0)  # let earlier calls of `_soon` run first
        self._crash_all(self._ended)

    async def _end_rest(self) -> None:
        """Let pending work end; cancel the rest, although Dask may then leave connections open."""
        if self._doing:
            await asyncio.wait(self._doing, timeout=_END)
        for task in list(self._doing):
            task.cancel()
        await asyncio.gather(*self._doing, return_exceptions=True)

    def _joined(self) -> None:
        """Update `slots` and `window` to the cluster's size, and send calls that now have room."""
        self.slots = max(1, sum(worker.threads for worker in self._placement.workers.values()))
        self.window = MOST * self.slots
        self._send_all()

    def _lose_worker(self, worker: Worker) -> None:
        for sent in list(worker.sent):
            self._lose(sent, f"worker {worker.address} was lost while it ran there", again=not sent.alone)

    # ---- sending calls

    def _take(self, calls: Sequence[Call]) -> None:
        self._placement.add(calls)
        self._send_all()

    def _send_all(self) -> None:
        if self._ended or self._client.status == "closed":
            self._crash_all(self._ended or "the scheduler was lost")
        while self._client.status == "running" and (sent := self._placement.next()) is not None:
            self._send(sent)

    def _send(self, sent: Submission) -> None:
        """Pack the calls of a submission and begin to carry it, unless no call is left."""
        parts: dict[int, bytes] = {}
        size = 0
        for index, call in sent.left():
            if size > _LARGE:
                self._drop(sent, index)
                self._placement.add_first(call)
                continue
            self._where[call] = sent
            if call in self._stopped:
                self._drop(sent, index)
                self._stopped.discard(call)
                continue
            part = write(call)
            if not isinstance(part, bytes):
                self._settle(sent, index, Outcome(part, 0.0, worker_name()))
                continue
            parts[index] = part
            size += len(part)
            call.began = sent.since + _GRACE
        if parts:
            self._begin(self._carry(sent, parts, size))
        else:
            self._finish(sent)

    async def _carry(self, sent: Submission, parts: dict[int, bytes], size: int) -> None:
        """Carry a submission to its worker, and its answers back."""
        address = sent.worker.address
        name = next((call.task.name for _, call in sent.left()), "task")
        try:
            given: Any = parts
            if size > _LARGE:
                [given] = await self._client.scatter([parts], workers=[address], hash=False)
                sent.since = time.monotonic()
            if not sent.over:
                asked = run, sent.number, sent.worker.identity, given
                sent.future = self._client.submit(*asked, key=f"{name}-{sent.number}", pure=False, workers=[address])
                answers: dict[int, Answer] | None = await sent.future
                self._arrived(sent, answers)
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            self._lose(sent, "the scheduler was lost, or cancelled it", again=False)
        except Exception as exc:
            self._lose(sent, f"the cluster gave it up ({type(exc).__name__})", again=not sent.alone)
        finally:
            sent.future = None
        self._send_all()

    def _arrived(self, sent: Submission, answers: dict[int, Answer] | None) -> None:
        if answers is None:  # Dask reran it in another process at the same address
            if self._roster is not None:
                self._roster.forget(sent.worker)
            self._lose_worker(sent.worker)
            return
        self._answered(sent, answers)
        for index, _ in sent.left():  # withdrawn; the answer to `recall` has yet to arrive
            self._give_back(sent, index)
        self._finish(sent)

    def _answered(self, sent: Submission, answers: dict[int, Answer]) -> None:
        for index, answer in answers.items():
            call = sent.calls[index]
            if call is not None:
                outcome = read(call, answer)
                self._placement.took(call, outcome.seconds)
                self._settle(sent, index, outcome)

    # ---- calls that have begun

    def _ask_what_has_begun(self) -> None:
        """Ask each worker which of its calls have begun; that a short one has is told with its end."""
        for worker in self._placement.workers.values() if self._begun is not None else ():
            asked = [sent for sent in worker.sent if sent.alone and sent.future is not None and not sent.told]
            if asked and not worker.is_asked:
                worker.is_asked = True
                self._begin(self._ask_begun(worker, asked))

    async def _ask_begun(self, worker: Worker, asked: Sequence[Submission]) -> None:
        numbers = [sent.number for sent in asked]
        try:
            asking = self._client.run(begun, numbers, workers=[worker.address])
            found: list[str] = (await asyncio.wait_for(asking, self._options.patience))[worker.address]
        except Exception:  # the next `look` notices a lost worker or scheduler
            return
        finally:
            worker.is_asked = False
        for sent in asked:
            if sent.number in found:
                self._tell_begun(sent)

    def _tell_begun(self, sent: Submission) -> None:
        sent.told = True
        if self._begun is not None:
            for _, call in sent.left():
                self._begun(call)

    # ---- late calls

    def _ask_late_ones_back(self) -> None:
        """Ask the worker of each late submission for its answers so far, and for the calls that it has not begun."""
        now = time.monotonic()
        for worker in self._placement.workers.values():
            for sent in worker.sent:
                # Double the time for each return of a call: the way to a worker may be slow, too.
                times = max((self._returned.get(call, 0) for _, call in sent.left()), default=0)
                if sent.future is not None and not sent.recalled and now - sent.since > _LATE * 2**times:
                    sent.recalled = True
                    self._begin(self._ask_back_late(sent))

    async def _ask_back_late(self, sent: Submission) -> None:
        asked = [index for index, _ in sent.left()]
        gone = await self._ask_back(sent, asked)
        if gone is not None:
            sent.alone = True  # its remaining calls have begun
            self._tell_begun(sent)
            if len(gone) == len(asked) > 0:
                sent.worker.stalled = time.monotonic() + _STALLED
            self._send_all()

    async def _ask_back(self, sent: Submission, indexes: Sequence[int]) -> list[int] | None:
        """Withdraw the calls that a worker has not begun, and return their indexes; None if it does not answer."""
        address = sent.worker.address
        try:
            found = await asyncio.wait_for(
                self._client.run(recall, sent.number, indexes, workers=[address]), self._options.patience
            )
        except Exception:  # the next `look` notices a lost worker or scheduler
            return None
        if sent.over:
            return None
        answers, gone = found[address]
        self._answered(sent, answers)
        for index in gone:
            self._give_back(sent, index)
        return list(gone)

    def _stop_there(self, sent: Submission, call: Call) -> None:
        indexes = [index for index, each in sent.left() if each is call]
        if indexes:
            self._begin(self._ask_back(sent, indexes))

    # ---- outcomes of calls

    def _settle(self, sent: Submission, index: int, outcome: Outcome) -> None:
        call = self._drop(sent, index)
        if call is not None:
            self._tell(call, outcome)

    def _give_back(self, sent: Submission, index: int) -> None:
        """Queue again a call that has not begun."""
        call = self._drop(sent, index)
        if call is not None:
            self._returned[call] = self._returned.get(call, 0) + 1
            self._placement.add_first(call)

    def _drop(self, sent: Submission, index: int) -> Call | None:
        call, sent.calls[index] = sent.calls[index], None
        if call is not None:
            self._where.pop(call, None)
        return call

    def _finish(self, sent: Submission) -> None:
        sent.over = True
        sent.worker.sent.discard(sent)

    def _lose(self, sent: Submission, why: str, *, again: bool) -> None:
        """Give a submission up: run its calls once more, or crash them."""
        if sent.over:
            return
        self._finish(sent)
        if sent.future is not None and self._client.status == "running":
            self._begin(self._cancel(sent.future))
        calls = [call for index, _ in sent.left() if (call := self._drop(sent, index)) is not None]
        if again:
            self._placement.add_again(calls)
            return
        for call in calls:
            self._crash(call, why, sent.worker.address)

    async def _cancel(self, future: Any) -> None:
        """Have the cluster forget a submission; this also wakes its waiter."""
        with suppress(Exception):  # a lost scheduler has nothing to forget
            await asyncio.wait_for(self._client.cancel([future]), self._options.timeout)

    def _crash_all(self, why: str) -> None:
        for worker in self._placement.workers.values():
            for sent in list(worker.sent):
                self._lose(sent, why, again=False)
        for call in self._placement.drain():
            self._crash(call, why)

    def _crash(self, call: Call, why: str, worker: str = "") -> None:
        self._tell(call, Outcome(Crashed(message=why), 0.0, worker or worker_name()))

    def _tell(self, call: Call, outcome: Outcome) -> None:
        self._returned.pop(call, None)
        if call in self._stopped:
            self._stopped.discard(call)
        else:
            self._report(call, outcome)

    def _begin(self, doing: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(doing)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)
        return task
