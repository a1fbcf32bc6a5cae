"""Tasks on a Dask cluster: a scheduler's address, a cluster object, or a client of one.

Nothing here knows a flow or a run. Dask by itself runs again what was on a worker that died, up to four times and
without a word; so each submission is pinned to one worker, chosen here, and what becomes of it there is said here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import threading
from collections.abc import Sequence

from statesig.errors import ExecutorError
from statesig.executors.calls import Call
from statesig.executors.dask.connection import Client, Cluster
from statesig.executors.dask.placement import MOST
from statesig.executors.dask.session import Session
from statesig.executors.executor import Executor, Report

__all__ = ["Dask"]


class Dask(Executor):
    """Run calls on the workers of a Dask cluster.

    A call of a task that takes long, or of which nothing is known yet, is sent when a thread is free. It is begun at
    most once in an attempt: if its worker dies, it is Crashed. Calls of a task that was seen to take less than `batch`
    seconds are sent together and ahead of time; if their worker dies, those whose outcome had not come back are run
    once more, each on its own, within the same attempt. So such a call may be begun twice, and one that kills its
    worker takes two with it. With ``batch=0, ahead=0`` no call is ever begun twice. What has not begun a second after
    it was sent goes to another worker.

    Timeouts count in the worker, from where the function begins; its thread cannot be stopped and goes on there. A call
    with a timeout is always sent on its own.

    Args:
        cluster: The address of a scheduler, a cluster object, or a client; none of them is closed. None: the default
            client of this process, or the address in Dask's configuration, or else a cluster of its own on this
            machine, for as long as a run.
        batch: The seconds of work that are sent together, by what the task took so far; 0 sends each call alone.
        ahead: How many submissions of short calls may wait at each thread of a worker; without batches some more than
            one hide the milliseconds of the way there and back.
        timeout: Seconds to find the scheduler, at first and after its connection was lost.
        patience: Seconds without any worker, or without an answer of the scheduler, after which calls are Crashed.
    """

    takes_coroutines = True
    slots = 1
    window = MOST

    def __init__(
        self,
        cluster: str | Cluster | Client | None = None,
        *,
        batch: float = 0.05,
        ahead: int = 1,
        timeout: float = 10.0,
        patience: float = 60.0,
    ) -> None:
        self.cluster = cluster
        self.batch = batch
        self.ahead = ahead
        self.timeout = timeout
        self.patience = patience
        self._session: Session | None = None
        self._thread: threading.Thread | None = None

    def open(self, report: Report) -> None:
        """Connect to the scheduler, and ask which workers there are.

        Raises:
            ExecutorError: Dask is not installed, the scheduler cannot be reached, or its workers have no statesig.
        """
        if importlib.util.find_spec("distributed") is None:
            raise ExecutorError("Dask", "it is not installed; pip install 'statesig[dask]'")
        session = Session(self, report)
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        thread = threading.Thread(target=lambda: asyncio.run(session.serve(ready)), name="statesig-dask", daemon=True)
        thread.start()
        try:
            ready.result()
        except Exception:
            thread.join(self.timeout)
            raise
        self._session, self._thread = session, thread

    def submit(self, calls: Sequence[Call]) -> None:
        """Take calls; those that wait for a place on the cluster do so here."""
        assert self._session is not None, "open() comes first"
        self._session.take(calls)

    def stop(self, call: Call) -> str:
        """Let a call not begin, or say that it goes on."""
        return "it had not begun" if self._session is None else self._session.stop(call)

    def close(self, *, now: bool = False) -> None:
        """Leave the cluster; what is under way there is left to itself, and nothing more of it begins."""
        if self._session is not None and self._thread is not None:
            self._session.end()
            # Each step of the leave-taking has a deadline; the thread is a daemon's should Dask's own code not keep it.
            self._thread.join(2 * self.timeout)
        self._session = self._thread = None
