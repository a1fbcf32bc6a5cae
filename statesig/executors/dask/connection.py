"""Find the scheduler and connect a new client to it.

Nothing here may send a call, or close an object that it did not open.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Protocol

from statesig.errors import ExecutorError

__all__ = ["Client", "Cluster", "connect", "name_of"]


class Cluster(Protocol):
    """An object with a scheduler's address: ``LocalCluster`` and the like."""

    @property
    def scheduler_address(self) -> str:
        """The address of its scheduler."""
        ...


class Client(Protocol):
    """An object that is connected to a scheduler: ``distributed.Client``."""

    @property
    def scheduler(self) -> object:
        """An object with the scheduler's ``address``."""
        ...


async def connect(cluster: str | Cluster | Client | None, timeout: float, opened: AsyncExitStack) -> Any:
    """Return a new client for the running loop; closing `opened` closes it, and a cluster that was started for it.

    Raises:
        ExecutorError: The scheduler cannot be reached within `timeout` seconds.
    """
    distributed = _distributed()
    try:
        address, security = await _scheduler(cluster, opened)
        client = distributed.Client(
            address, timeout=timeout, security=security, asynchronous=True, set_as_default=False, name="statesig"
        )
        opened.push_async_callback(_closed, client, timeout)
        await client
    except Exception as exc:
        raise ExecutorError("Dask", _unreached(name_of(cluster), timeout, exc)) from exc
    return client


def name_of(cluster: str | Cluster | Client | None) -> str:
    """Return the name of a cluster in messages."""
    if cluster is None:
        return "a cluster on this machine"
    return f"the scheduler at {cluster}" if isinstance(cluster, str) else f"the scheduler of {type(cluster).__name__}"


async def _scheduler(cluster: str | Cluster | Client | None, opened: AsyncExitStack) -> tuple[str, Any]:
    distributed = _distributed()
    found: Any = _default_client() if cluster is None else cluster
    if found is None:
        found = distributed.config.get("scheduler-address", None)
    if found is None:
        found = await opened.enter_async_context(distributed.LocalCluster(asynchronous=True, dashboard_address=":0"))
    if isinstance(found, str):
        return found, None
    address: str = getattr(found, "scheduler_address", None) or found.scheduler.address
    return address, found.security


def _default_client() -> Any:
    try:
        return _distributed().default_client()
    except ValueError:  # this process has no default client
        return None


def _distributed() -> Any:
    """Return the module, untyped: its annotations are too incomplete for type checkers."""
    import distributed

    return distributed


async def _closed(client: Any, timeout: float) -> None:
    """Close a client; leave one whose scheduler does not answer."""
    try:
        await asyncio.wait_for(client.close(), timeout)
    except (TimeoutError, OSError):
        return


def _unreached(name: str, timeout: float, exc: Exception) -> str:
    return (
        f"{name} cannot be reached within {timeout:g} s ({type(exc).__name__}); "
        "check that it runs, that its address is right, and that its version of distributed is the same as here"
    )
