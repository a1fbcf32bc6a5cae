"""Keep the list of a cluster's workers, as its scheduler reports them; note how long it has been silent.

Nothing here may know a call, or decide the consequences of a lost worker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from statesig.errors import ExecutorError
from statesig.executors.dask.placement import Worker
from statesig.executors.dask.worker import greet

__all__ = ["Roster"]


class Roster:
    """The workers of a cluster.

    Attributes:
        workers: The greeted workers by address.

    Args:
        client: The client to ask.
        patience: Seconds without an answer, or without a worker, after which the cluster is hopeless.
        joined: Called after a worker was greeted.
    """

    def __init__(self, client: Any, patience: float, joined: Callable[[], object]) -> None:
        self.workers: dict[str, Worker] = {}
        self._client = client
        self._patience = patience
        self._joined = joined
        self._greetings: dict[str, asyncio.Task[None]] = {}
        self._refused: dict[str, str] = {}
        self._heard = self._manned = time.monotonic()
        self._beacon: Any = None

    async def open(self) -> None:
        """Find the workers, and greet them.

        Raises:
            ExecutorError: None of the workers has a statesig that can be used.
        """
        await self.look()
        await asyncio.gather(*self._greetings.values())
        if self._refused and not self.workers:
            kinds = ", ".join(sorted(set(self._refused.values())))
            reason = f"none of its workers could be greeted ({kinds}); install the same version of statesig there"
            raise ExecutorError("Dask", reason)

    async def close(self) -> None:
        """Stop greeting."""
        for greeting in self._greetings.values():
            greeting.cancel()
        await asyncio.gather(*self._greetings.values(), return_exceptions=True)

    async def look(self) -> list[Worker]:
        """Ask for the workers, begin to greet the new ones, and return those that are gone."""
        if self._client.status != "running":
            return []
        try:
            threads: dict[str, int] = await asyncio.wait_for(self._client.nthreads(), self._patience)
        except Exception:  # of any kind: only the time without an answer counts
            return []
        self._heard = time.monotonic()
        gone = [self.workers.pop(address) for address in list(self.workers) if address not in threads]
        self._refused = {address: kind for address, kind in self._refused.items() if address in threads}
        for address in threads.keys() - self.workers.keys() - self._refused.keys() - self._greetings.keys():
            self._greetings[address] = asyncio.create_task(self._greet(address, threads[address]))
        if self.workers:
            self._manned, self._beacon = time.monotonic(), None
        return gone

    def forget(self, worker: Worker) -> None:
        """Greet a worker's address again: another process has it now."""
        if self.workers.get(worker.address) is worker:
            del self.workers[worker.address]

    def call_for_workers(self) -> None:
        """Submit a trivial task to a cluster without workers, so that an adaptive one starts some."""
        if self._beacon is None and not self.workers and self._client.status == "running":
            self._beacon = self._client.submit(int, pure=False)

    def hopeless(self) -> str:
        """Return the reason to give the cluster up; an empty text while there is hope."""
        now = time.monotonic()
        if self._client.status == "closed":
            return "the scheduler was lost"
        if now - self._heard > self._patience:
            return f"the scheduler did not answer for {self._patience:g} s"
        if now - self._manned > self._patience:
            return f"the cluster had no worker for {self._patience:g} s"
        return ""

    async def _greet(self, address: str, threads: int) -> None:
        try:
            asking = self._client.run(greet, workers=[address], on_error="return")
            answer: object = (await asyncio.wait_for(asking, self._patience))[address]
        except Exception:  # it is gone or hangs: a later `look` will tell
            return
        finally:
            self._greetings.pop(address, None)
        if isinstance(answer, str):
            self.workers[address] = Worker(address, threads, answer)
            self._manned = time.monotonic()
            self._joined()
        elif not isinstance(answer, OSError):
            self._refused[address] = type(answer).__name__
