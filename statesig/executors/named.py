"""Make executors by name.

Only the module of the named executor may be imported, besides that of threads.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from statesig.executors.executor import Executor
from statesig.executors.threads import Threads

__all__ = ["NAMES", "ExecutorName", "executor_named"]

ExecutorName = Literal["inline", "threads", "processes", "dask"]

NAMES: Final[tuple[str, ...]] = get_args(ExecutorName)


def executor_named(name: ExecutorName, *, workers: int | None = None, address: str | None = None) -> Executor | None:
    """Return a new executor by its name; None for ``inline``.

    Args:
        name: The name.
        workers: The number of calls that threads or processes run at once; None: their default.
        address: The address of a Dask scheduler; None: Dask chooses.

    Raises:
        ValueError: `workers` is below 1.
    """
    match name:
        case "inline":
            return None
        case "threads":
            return Threads(workers)
        case "processes":
            from statesig.executors.processes import Processes

            return Processes(workers)
        case "dask":
            from statesig.executors.dask.cluster import Dask

            return Dask(address)
