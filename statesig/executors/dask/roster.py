"""Which workers a cluster has, as far as its scheduler tells, and for how long it has told nothing.

Nothing here knows what is done by a worker, or what its loss means.
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
        workers: Those that were greeted, by their addresses.

    Args:
        client: The client that asks.
        patience: Seconds without an answer, or without a worker, after which there is no hope.
        joined: Called when a worker was greeted.
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
        """See which workers there are, and greet them.

        Raises:
            ExecutorError: There is no answer, or none of the workers has a statesig that can be used.
        """
        await self.look()
        await asyncio.gather(*self._greetings.values())
        if self._refused and not self.workers:
            kinds = ", ".join(sorted(set(self._refused.values())))
            reason = f"none of its workers could be greeted ({kinds}); install the same version of statesig there"
            raise ExecutorError("Dask", reason)

    async def close(self) -> None:
        """Greet no more."""
        for greeting in self._greetings.values():
            greeting.cancel()
        await asyncio.gather(*self._greetings.values(), return_exceptions=True)

    async def look(self) -> list[Worker]:
        """See which workers there are, begin to greet those that are new, and return those that are gone."""
        if self._client.status != "running":
            return []
        try:
            threads: dict[str, int] = await asyncio.wait_for(self._client.nthreads(), self._patience)
        except Exception:  # of whatever kind: how long there was no answer is what counts
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
        """Let a worker be greeted anew: another process has its address now."""
        if self.workers.get(worker.address) is worker:
            del self.workers[worker.address]

    def call_for_workers(self) -> None:
        """Have something wait in a cluster without workers: an adaptive one starts them for what waits."""
        if self._beacon is None and not self.workers and self._client.status == "running":
            self._beacon = self._client.submit(int, pure=False)

    def hopeless(self) -> str:
        """Return why nothing is to be hoped for; an empty text as long as there is hope."""
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
        except Exception:  # it is gone, or hangs: a later look tells
            return
        finally:
            self._greetings.pop(address, None)
        if isinstance(answer, str):
            self.workers[address] = Worker(address, threads, answer)
            self._manned = time.monotonic()
            self._joined()
        elif not isinstance(answer, OSError):
            self._refused[address] = type(answer).__name__
