"""Run tasks on a Dask cluster, given as a scheduler's address, a cluster object or a client.

Nothing here may know a flow or a run. Dask silently reruns the work of a worker that died, up to four times; so this
package pins each submission to a worker that it chooses, and decides itself about the calls of a lost worker.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import threading

from statesig.errors import ExecutorError
from statesig.executors.dask.connection import Client, Cluster
from statesig.executors.dask.session import ClusterSession
from statesig.executors.executor import Begun, Executor, Report, Session

__all__ = ["Dask"]


class Dask(Executor):
    """Run calls on the workers of a Dask cluster.

    A call of a task whose calls take long, or have not been timed yet, is sent when a thread is free. It begins at most
    once in an attempt: if its worker dies, it is Crashed. Calls of a task that takes less than `batch` seconds are sent
    together and ahead of time; if their worker dies, those without an outcome are run once more, each alone, within the
    same attempt. So such a call may begin twice, and one that kills its worker kills two. With ``batch=0, ahead=0`` no
    call ever begins twice. A call that has not begun a second after it was sent goes to another worker.

    Timeouts count in the worker, from the start of the function; its thread cannot be stopped and goes on there. A call
    with a timeout is always sent alone.

    Args:
        cluster: The address of a scheduler, a cluster object, or a client; it is never closed here. None: the default
            client of this process, or the address in Dask's configuration, or else a new cluster on this machine for
            each run.
        batch: Seconds of work to send together, estimated from earlier calls of the task; 0 sends each call alone.
        ahead: Submissions of short calls that may wait at each thread of a worker; without batches, a few more than one
            hide the milliseconds of the round trip.
        timeout: Seconds to reach the scheduler, at first and after its connection was lost.
        patience: Seconds without a worker, or without an answer of the scheduler, after which calls are Crashed.
    """

    takes_coroutines = True

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

    def open(self, report: Report, begun: Begun | None = None) -> Session:
        """Connect to the scheduler, and greet its workers.

        Raises:
            ExecutorError: Dask is not installed, the scheduler cannot be reached, or its workers have no statesig.
        """
        if importlib.util.find_spec("distributed") is None:
            raise ExecutorError("Dask", "it is not installed; pip install 'statesig[dask]'")
        session = ClusterSession(self, report, begun)
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        thread = threading.Thread(target=lambda: asyncio.run(session.serve(ready)), name="statesig-dask", daemon=True)
        thread.start()
        try:
            ready.result()
        except Exception:
            thread.join(self.timeout)
            raise
        session.thread = thread
        return session

    def end(self) -> None:
        """Do nothing: each run has its own connection, and clusters that were given are never closed."""
