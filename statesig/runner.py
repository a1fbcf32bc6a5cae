"""Running flows: beginning a run, and going on with a stored one. The only user of the clock.

What goes on in a run is its drive's; what is kept of it, the run's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from statesig.captures import Redact
from statesig.changes import Options
from statesig.events import Event
from statesig.executors import Executor, Threads
from statesig.flow import Flow
from statesig.parameters import checked_parameters
from statesig.runs import Run, TaskRun

if TYPE_CHECKING:
    import asyncio

    from statesig.store import Store

__all__ = ["Run", "TaskRun", "arun", "begin", "reopen", "resume", "run"]

ExecutorName = Literal["inline", "threads", "processes", "dask"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def run(
    flow: Flow,
    /,
    *,
    executor: Executor | ExecutorName | None = None,
    store: str | PathLike[str] | Store | None = None,
    on_event: Callable[[Event], object] | None = None,
    redact: Redact | None = None,
    traceback: bool = False,
    seed: object = None,
    lease: float = 30.0,
    signals: bool = False,
    clock: Callable[[], datetime] = _utc_now,
    sleep: Callable[[float], object] | None = None,
    **parameters: Any,
) -> Run:
    """Run a flow and return what became of each task.

    Args:
        flow: The flow.
        executor: Where tasks are run: ``"inline"``, in this thread, one after the other, by default; ``"threads"``,
            ``"processes"``, ``"dask"``, or an `Executor`. Coroutine functions run concurrently on one event loop,
            beside what is in line or in threads.
        store: A path, a URL or a `Store`, where each change is stored before anything follows from it, so that the run
            can be gone on with after its process died. Without one, a run lives as long as its process.
        on_event: Called with each event as it happens, in this thread; with a store, once it is stored.
        redact: Called with each text of an exception before a state keeps it.
        traceback: Whether causes keep the formatted traceback.
        seed: What the jitter of delays is drawn from; the run's identity by default.
        lease: For how many seconds a stored run is this process's, if it does not renew that: so long others wait
            before they go on with a run whose process they cannot see.
        signals: Whether Ctrl-C and SIGTERM cancel the run in place of ending the process, where this is the main
            thread: the first lets what runs finish, the second stops it.
        clock: Returns the time, aware.
        sleep: Waits for some seconds; by default as long as nothing else happens.
        parameters: The flow's parameters by name.

    Raises:
        FlowError: A parameter is missing, unknown or not valid; nothing was run.
        StoreError: The store cannot be read or written; the run is as it was last acknowledged.
        ExecutorError: The executor cannot be used; nothing was run.
    """
    values = checked_parameters(flow, parameters)
    return begin(
        flow,
        values,
        executor=executor,
        store=store,
        on_event=on_event,
        redact=redact,
        traceback=traceback,
        seed=seed,
        lease=lease,
        signals=signals,
        clock=clock,
        sleep=sleep,
    ).start()


def begin(
    flow: Flow,
    values: Mapping[str, Any],
    *,
    executor: Executor | ExecutorName | None = None,
    store: str | PathLike[str] | Store | None = None,
    on_event: Callable[[Event], object] | None = None,
    redact: Redact | None = None,
    traceback: bool = False,
    seed: object = None,
    lease: float = 30.0,
    signals: bool = False,
    clock: Callable[[], datetime] = _utc_now,
    sleep: Callable[[float], object] | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
) -> Run:
    """Return a run that has not begun, for values that `checked_parameters` returned; its `start` runs it.

    Args:
        flow: The flow.
        values: The values of its parameters.
        executor, store, on_event, redact, traceback, seed, lease, signals, clock, sleep: As for `run`.
        loop: A running event loop to run coroutine functions on, in place of one of its own.

    Raises:
        FlowError: A parameter cannot be stored.
        StoreError: The store cannot be opened.
    """
    identity = uuid.uuid4().hex
    drawn = identity if seed is None else seed
    options = Options(on_event, redact, traceback, clock, sleep, drawn, _executor(executor), signals, loop)
    if store is None:
        return Run(flow, values, options, id=identity)
    from statesig.journals import new_journal

    return Run(flow, values, options, id=identity, journal=new_journal(flow, values, identity, store, lease, clock))


def _executor(given: Executor | ExecutorName | None) -> Executor | None:
    """Return an executor by its name, None for in line."""
    if not isinstance(given, str):
        return given
    if given == "inline":
        return None
    if given == "threads":
        return Threads()
    if given == "processes":
        from statesig.processes import Processes

        return Processes()
    if given == "dask":
        from statesig.clusters import Dask

        return Dask()
    raise ValueError(f"there is no executor {given!r}; there are inline, threads, processes and dask")


async def arun(flow: Flow, /, **options: Any) -> Run:
    """Run a flow from a coroutine: coroutine functions run on the running event loop, the runner itself beside it.

    Cancelling the coroutine cancels the run, and what it runs, at once.

    Args:
        flow: The flow.
        options: As for `run`.

    Raises:
        FlowError: As for `run`.
        StoreError: As for `run`.
        ExecutorError: As for `run`.
    """
    import asyncio

    own = {name: options.pop(name) for name in _OPTIONS & options.keys()}
    begun = begin(flow, checked_parameters(flow, options), loop=asyncio.get_running_loop(), **own)
    driving = asyncio.ensure_future(asyncio.to_thread(begun.start))
    try:
        return await asyncio.shield(driving)
    except asyncio.CancelledError:
        begun.cancel(now=True)
        await asyncio.wait([driving])
        raise


_OPTIONS = frozenset(
    {"clock", "executor", "lease", "on_event", "redact", "seed", "signals", "sleep", "store", "traceback"}
)


def resume(flow: Flow, id: str, /, *approve: object, store: str | PathLike[str] | Store, **options: Any) -> Run:
    """Go on with a stored run where it was left, and return what became of each task.

    Args:
        flow: The flow as it was when the run began.
        id: The run's identity, or a beginning of it that no other has.
        approve: The nodes, or names of nodes, to release.
        store: Where the run is.
        options: As for `run`, the parameters apart, which are stored.

    Raises:
        FlowError: The flow is not the one that was run, or a node to release is not paused; nothing was run.
        NoRun: The store has no such run.
        RunTaken: Another process goes on with it, or it is over.
        StoreError: As for `run`.
        ExecutorError: As for `run`.
    """
    return reopen(flow, id, approve, store=store, **options).start()


def reopen(
    flow: Flow,
    id: str,
    approve: tuple[object, ...] = (),
    *,
    store: str | PathLike[str] | Store,
    executor: Executor | ExecutorName | None = None,
    on_event: Callable[[Event], object] | None = None,
    redact: Redact | None = None,
    traceback: bool = False,
    seed: object = None,
    lease: float = 30.0,
    signals: bool = False,
    clock: Callable[[], datetime] = _utc_now,
    sleep: Callable[[float], object] | None = None,
) -> Run:
    """Return a stored run as it was left; its `start` goes on with it. Arguments and errors are those of `resume`."""
    from statesig.encodings import read_parameters
    from statesig.journals import open_journal

    chosen = _executor(executor)
    journal = open_journal(flow, id, store, lease, clock)
    try:
        stored = journal.stored
        drawn = stored.id if seed is None else seed
        options = Options(on_event, redact, traceback, clock, sleep, drawn, chosen, signals)
        values = read_parameters(flow, stored, journal.store)
        return Run(flow, values, options, id=stored.id, journal=journal).read(journal, approve)
    except BaseException:
        journal.close()
        raise
