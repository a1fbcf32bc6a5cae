"""Flows: a graph of tasks with the verbs that run it. How a run goes on is `statesig.engine`'s business."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from statesig.algebra.captures import Redact, Tracebacks
from statesig.engine.options import LEASE, NAMES_OF_OPTIONS, OnEvent, Options, StoreTarget
from statesig.executors.executor import Executor
from statesig.executors.named import ExecutorName
from statesig.graph.graph import Graph

if TYPE_CHECKING:
    from statesig.engine.runs import Run

__all__ = ["Flow"]


class Flow(Graph):
    """A graph of task calls that can be run.

    Inside ``with Flow("name") as flow:`` an ordinary call of a task adds a node and returns it in place of the value.

    Args:
        name: The flow's name in messages and on the command line.
        handlers: Each is called with the old and the new state of the run itself at every change, and may return
            another state, or raise a signal, to take the place of the new one, if it may follow the old one.
        task_handlers: Handlers for all tasks of the flow, called after the task's own; see `statesig.task`.
        retries: How often the tasks that did not succeed are run again after the run failed, or after a RETRY of a
            handler. What succeeded is kept, also where it took the state of a failed task.
        retry_delay: Seconds, or a timedelta, before they are run again.

    Attributes:
        nodes: The calls, in the order in which they were made.
        parameters: The values that a run takes, by name.
    """

    options: ClassVar[tuple[str, ...]] = NAMES_OF_OPTIONS

    def run(
        self,
        /,
        *,
        executor: Executor | ExecutorName | None = None,
        store: StoreTarget | None = None,
        on_event: OnEvent | None = None,
        redact: Redact | None = None,
        traceback: Tracebacks = False,
        seed: object = None,
        lease: float = LEASE,
        signals: bool = False,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], object] | None = None,
        **parameters: object,
    ) -> Run:
        """Run the flow and return what became of each task.

        Args:
            executor: Where tasks run. ``"inline"`` (the default): in this thread, one after the other; ``"threads"``,
                ``"processes"``, ``"dask"``, or an `Executor`. Coroutine functions run concurrently on one event loop,
                unless the executor takes them.
            store: A path, a URL or a `Store`. Each change is stored before anything follows from it, so that `resume`
                can continue the run after its process died. Without a store the run lives as long as its process.
            on_event: Called with each `Event` in this thread; with a store, once the event is stored. A
                `statesig.tracing.Tracing` makes spans of OpenTelemetry of them.
            redact: Called with each text of an exception before a state keeps it; returns the text to keep.
            traceback: Whether causes keep the formatted traceback; ``"last"``: only where it was raised, as in
                ``etl.py:41 in load``, by the last frame that is no library's.
            seed: Seeds the jitter of retry delays; by default the run's identity.
            lease: Seconds for which a stored run belongs to this process unless it renews the lease, which it does
                three times as often. Others wait so long before they take over a run whose process they cannot see.
            signals: Whether Ctrl-C and SIGTERM interrupt the run instead of ending the process at once, if this is the
                main thread: the first lets running tasks finish, the second stops them. With a store all others are
                left as they are, to be resumed, and then KeyboardInterrupt or SystemExit is raised; without one they
                are cancelled.
            clock: Returns the time, aware; by default the time in UTC.
            sleep: Waits for a number of seconds; by default until that time is over or something else happens.
            parameters: The flow's parameters by name.

        Raises:
            FlowError: A parameter is missing, unknown or not valid, or an option is wrong; nothing was run.
            StoreError: The store cannot be read or written; the run is as it was last acknowledged.
            ExecutorError: The executor cannot be used; nothing was run.
        """
        from statesig.engine.runner import begin
        from statesig.graph.parameters import checked_parameters

        options = Options(
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
        )
        return begin(self, checked_parameters(self, parameters), options).start()

    async def arun(
        self,
        /,
        *,
        executor: Executor | ExecutorName | None = None,
        store: StoreTarget | None = None,
        on_event: OnEvent | None = None,
        redact: Redact | None = None,
        traceback: Tracebacks = False,
        seed: object = None,
        lease: float = LEASE,
        signals: bool = False,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], object] | None = None,
        **parameters: object,
    ) -> Run:
        """Run the flow from a coroutine: ``async def`` tasks run on the running event loop, all others beside it.

        Cancelling the coroutine, as Ctrl-C under `asyncio.run` does, stops the run's tasks. With a store they are left
        as they are, to be resumed; without one the run is cancelled.

        Args:
            executor: Where tasks run; see `run`. Coroutine functions run on the running event loop.
            store: Where the run is kept; see `run`.
            on_event: Called with each `Event`, in the thread that drives the run and not on the event loop.
            redact: Called with each text of an exception; see `run`.
            traceback: Whether causes keep the formatted traceback; ``"last"``: only where it was raised, as in
                ``etl.py:41 in load``, by the last frame that is no library's.
            seed: Seeds the jitter of retry delays; by default the run's identity.
            lease: Seconds that a lease on a stored run lasts; see `run`.
            signals: Has no effect here, where the run is driven by another thread than the main one.
            clock: Returns the time, aware; by default the time in UTC.
            sleep: Waits for a number of seconds; see `run`.
            parameters: The flow's parameters by name.

        Raises:
            FlowError: As for `run`.
            StoreError: As for `run`.
            ExecutorError: As for `run`.
        """
        from statesig.engine.runner import drive_beside_loop
        from statesig.graph.parameters import checked_parameters

        options = Options(
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
        )
        return await drive_beside_loop(self, checked_parameters(self, parameters), options)

    def resume(
        self,
        run: str,
        /,
        *approve: object,
        store: StoreTarget,
        executor: Executor | ExecutorName | None = None,
        on_event: OnEvent | None = None,
        redact: Redact | None = None,
        traceback: Tracebacks = False,
        seed: object = None,
        lease: float = LEASE,
        signals: bool = False,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> Run:
        """Continue a stored run and return what became of each task.

        Finished tasks are not run again. A task that a dead process left Running is run again, at most three times.
        Paused tasks stay paused unless they are approved; a run that a handler of the flow paused is released by this
        call. The store has the run's parameters.

        Args:
            run: The run's identity, or the beginning of it if no other run's identity begins so.
            approve: The nodes to release, children of mapped ones (``node[3]``), or names of either; and mappings of
                these to their answers, such as ``{"pay": RESUME(result=Approval(...))}``. ``{"pay": FAIL("refused")}``
                and ``{"pay": CANCEL()}`` end a paused task instead.
            store: Where the run is: a path, a URL or a `Store`.
            executor: Where tasks run; see `run`.
            on_event: Called with each `Event` once it is stored.
            redact: Called with each text of an exception; see `run`.
            traceback: Whether causes keep the formatted traceback; ``"last"``: only where it was raised, as in
                ``etl.py:41 in load``, by the last frame that is no library's.
            seed: Seeds the jitter of retry delays; by default the run's identity.
            lease: Seconds that the lease on the run lasts; see `run`.
            signals: Whether Ctrl-C and SIGTERM interrupt the run; see `run`.
            clock: Returns the time, aware; by default the time in UTC.
            sleep: Waits for a number of seconds; see `run`.

        Raises:
            FlowError: The flow is not the one that was run, a node to release is not paused, an answer is not of the
                type that its task declares, or an option is wrong; nothing was run. Or the deadline of a pause has
                passed: nothing was released, the task is TimedOut, and the run was continued with that.
            NoRun: The store has no such run.
            RunTaken: Another process has the run, or the run is over.
            StoreError: As for `run`.
            ExecutorError: As for `run`.
        """
        from statesig.engine.runner import reopen

        options = Options(
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
        )
        return reopen(self, run, approve, options).start()

    def rerun(
        self,
        run: str,
        /,
        *,
        store: StoreTarget,
        tasks: Iterable[object] | None = None,
        executor: Executor | ExecutorName | None = None,
        on_event: OnEvent | None = None,
        redact: Redact | None = None,
        traceback: Tracebacks = False,
        seed: object = None,
        lease: float = LEASE,
        signals: bool = False,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> Run:
        """Run a stored run that is over again from where it failed, as a new run with a history linked to the old one.

        The new run has the same parameters and takes over what succeeded, with its history; mapped tasks child by
        child. The rest runs, and what is downstream of it, so that no task keeps what it made of an outcome that is no
        longer so. The old run stays as it is.

        Args:
            run: The run's identity, or the beginning of it if no other run's identity begins so.
            store: Where the run is and the new one is kept: a path, a URL or a `Store`.
            tasks: The nodes, children of mapped ones (``node[3]``), or names of either, from which on to run again also
                what succeeded. By default only what did not succeed.
            executor: Where tasks run; see `run`.
            on_event: Called with each `Event` of a task that runs, once it is stored.
            redact: Called with each text of an exception; see `run`.
            traceback: Whether causes keep the formatted traceback; ``"last"``: only where it was raised, as in
                ``etl.py:41 in load``, by the last frame that is no library's.
            seed: Seeds the jitter of retry delays; by default the new run's identity.
            lease: Seconds that the lease on the run lasts; see `run`.
            signals: Whether Ctrl-C and SIGTERM interrupt the run; see `run`.
            clock: Returns the time, aware; by default the time in UTC.
            sleep: Waits for a number of seconds; see `run`.

        Raises:
            FlowError: The flow is not the one that was run, the run is not over, there is no such task, everything
                succeeded and no task is named, or an option is wrong; nothing was run.
            NoRun: The store has no such run.
            StoreError: As for `run`.
            ExecutorError: As for `run`.
        """
        from statesig.engine.reruns import run_again

        options = Options(
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
        )
        return run_again(self, run, tasks, options).start()

    def load(self, run: str, /, *, store: StoreTarget) -> Run:
        """Read a stored run as it is now, finished or not; nothing is run, and nothing in the store changes.

        ``flow.load(id, store=...)[node]`` is typed as it was when the run was made. `resume` of the returned run
        continues it if it is not over.

        Args:
            run: The run's identity, or the beginning of it if no other run's identity begins so.
            store: Where the run is: a path, a URL or a `Store`.

        Raises:
            FlowError: The flow is not the one that was run.
            NoRun: The store has no such run.
            StoreError: The store cannot be read, or a result is not of its task's type.
        """
        from statesig.engine.runner import load

        options = Options(store=store)
        options.check(self.name)
        return load(self, run, options)
