"""Begin a run of a flow, or reopen a stored one. What happens in a run is the loop's business, not this module's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from statesig.engine.options import Options
from statesig.engine.runs import Run, new_identity
from statesig.graph.graph import Graph

if TYPE_CHECKING:
    import asyncio

__all__ = ["begin", "drive_beside_loop", "load", "reopen"]


def begin(
    flow: Graph, values: Mapping[str, Any], options: Options, *, loop: asyncio.AbstractEventLoop | None = None
) -> Run:
    """Return a run that has not begun; its `start` runs it.

    Args:
        flow: The flow.
        values: The values of its parameters, as `checked_parameters` returned them.
        options: The options of the run.
        loop: A running event loop for coroutine functions; None: the run makes one when it needs one.

    Raises:
        FlowError: An option is wrong, or a parameter cannot be stored.
        StoreError: The store cannot be opened.
    """
    options.check(flow.name)
    identity = new_identity()
    if options.store is None:
        return Run(flow, values, options, id=identity, loop=loop)
    from statesig.engine.journal import new_journal

    journal = new_journal(flow, values, identity, options)
    return Run(flow, values, options, id=identity, journal=journal, loop=loop)


async def drive_beside_loop(flow: Graph, values: Mapping[str, Any], options: Options) -> Run:
    """Run a flow from a coroutine: coroutine functions on the running event loop, the run's own loop in a thread.

    Cancelling this coroutine stops the run's tasks; the run is left, to be resumed, or cancelled if it has no store.

    Args:
        flow: The flow.
        values: The values of its parameters, as `checked_parameters` returned them.
        options: The options of the run.

    Raises:
        FlowError: As for `begin`.
        StoreError: The store cannot be opened, read or written.
        ExecutorError: The executor cannot be used; nothing was run.
        asyncio.CancelledError: This coroutine was cancelled; an exception that the run raised is its cause.
    """
    import asyncio

    begun = begin(flow, values, options, loop=asyncio.get_running_loop())
    driving = asyncio.ensure_future(asyncio.to_thread(begun.start))
    driving.add_done_callback(lambda done: done.cancelled() or done.exception())  # else asyncio logs it as never seen
    try:
        return await asyncio.shield(driving)
    except asyncio.CancelledError as cancelled:
        begun.interrupt(now=True)
        await asyncio.wait([driving])
        raise cancelled from driving.exception()


def reopen(flow: Graph, id: str, approve: tuple[object, ...], options: Options) -> Run:
    """Return a stored run as it was left; its `start` continues it.

    Args:
        flow: The flow as it was when the run began.
        id: The run's identity, or the beginning of it if no other run's identity begins so.
        approve: The nodes to release, or their names.
        options: The options of the run, of which `store` is given.

    Raises:
        FlowError: The flow is not the one that was run, a node to release is not paused, or an option is wrong.
        NoRun: The store has no such run.
        RunTaken: Another process has the run, or the run is over.
        StoreError: The store cannot be opened or read.
    """
    from statesig.engine.journal import open_journal
    from statesig.engine.stored_values import read_parameters

    options.check(flow.name)
    journal = open_journal(flow, id, options)
    try:
        values = read_parameters(flow, journal.stored, journal.store)
        return Run(flow, values, options, id=journal.stored.id, journal=journal).read(journal, approve)
    except BaseException:
        journal.close()
        raise


def load(flow: Graph, id: str, options: Options) -> Run:
    """Return a stored run as it is stored now, whether it is over or not; nothing is run and nothing is changed.

    Args:
        flow: The flow as it was when the run began.
        id: The run's identity, or the beginning of it if no other run's identity begins so.
        options: The options with which `Run.resume` would continue it, of which `store` is given.

    Raises:
        FlowError: The flow is not the one that was run.
        NoRun: The store has no such run.
        StoreError: The store cannot be opened or read.
    """
    from statesig.engine.journal import open_journal, own_state
    from statesig.engine.stored_values import read_parameters

    journal = open_journal(flow, id, options, finished=True)
    try:
        values = read_parameters(flow, journal.stored, journal.store)
        run = Run(flow, values, options, id=journal.stored.id, journal=journal).read(journal, ())
        run.be_as_stored(own_state(journal.store, journal.stored))
        return run
    finally:
        journal.close()
