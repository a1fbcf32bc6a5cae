"""Typed states and signals for pipelines, and an algebra over both.

A *state* says what became of a task or a run: `Success`, `Skipped`, `Retrying`, ... are frozen Pydantic models.
A *signal* is the exception by which code asks for a state: ``raise SKIP("no new rows")`` ends a task as Skipped.
Each state has one signal, and a type checker knows which fields each takes.

    from statesig import SKIP, Flow, task

    @task(retries=2)
    def extract(day: int) -> list[int]:
        if day > 5:
            raise SKIP("no rows at weekends", result=[])
        return [day, day]

    @task
    def total(rows: list[int]) -> int:
        return sum(rows)

    with Flow("week") as flow:
        day = flow.parameter("day", int)
        node = total(extract(day))

    run = flow.run(day=3)
    print(run.state, run[node].unwrap())

Names by what they are for; ``help(statesig.capture)`` and the like tell more of each:

states        State and its descendants; AnyState, AnyFinished; is_successful and the other predicates
signals       FAIL, SKIP, RETRY, ...; Signal, SignalOf, signal_of, catching
transitions   advance, successors, is_allowed, check_history, diagram
algebra       join, combine, tally, merge; map, bind, recover, fold, zip; capture, collect
triggers      all_successful, any_failed, ...; every, some, none, between, share compose with & | ~
machines      Machine, Transition, transition_of: a machine of your own; Entities, Change: its histories in a store
JSON          encode, decode, schema, Limits; events, histories and triggers likewise
flows         task, Flow, state_of, states_of; Run, TaskRun, current, resumed
where         Threads, Processes, Dask; open_store, Store, cancel_run
errors        StatesigError and its descendants

Names are loaded from their modules when they are first used, so ``import statesig`` costs next to nothing.

PYTEST_DONT_REWRITE: there is no assertion in this file for pytest to rewrite.
"""

from typing import TYPE_CHECKING, Any


def _homes() -> dict[str, str]:
    """Return the module of each public name, read from the imports below; none if this file's source is not here."""
    try:
        with open(globals().get("__file__", ""), encoding="utf-8") as file:
            source = file.read()
    except (OSError, UnicodeError):  # within an archive, frozen, or byte code alone
        return {}
    only_tree = 0x400  # ast.PyCF_ONLY_AST, without importing ast
    tree: Any = compile(source, __name__, "exec", only_tree)
    imports = next(node.body for node in tree.body if type(node).__name__ == "If")
    return {alias.name: statement.module for statement in imports for alias in statement.names}


_HOMES = _homes()

if TYPE_CHECKING or not _HOMES:
    from statesig.algebra.captures import (
        acapture,
        capture,
        collect,
    )
    from statesig.algebra.counts import (
        Counts,
    )
    from statesig.algebra.diagrams import (
        diagram,
    )
    from statesig.algebra.equivalence import (
        equivalent,
        truth_table,
    )
    from statesig.algebra.joins import (
        COMPLETION,
        EMPTY,
        FAIL_FAST,
        Order,
        combine,
        join,
        kind,
        tally,
    )
    from statesig.algebra.machines import (
        Transition,
        transition_of,
    )
    from statesig.algebra.merges import (
        Conflict,
        Observation,
        merge,
        observe,
    )
    from statesig.algebra.predicates import (
        Verdict,
    )
    from statesig.algebra.results import (
        bind,
        fold,
        recover,
    )
    from statesig.algebra.results import map as map  # noqa: A004  # not in __all__: a star would hide the builtin
    from statesig.algebra.results import zip as zip  # noqa: A004  # nor is this
    from statesig.algebra.transitions import (
        IllegalStep,
        advance,
        check_history,
        is_allowed,
        successors,
    )
    from statesig.algebra.triggers import (
        Judgement,
        SkipPolicy,
        Trigger,
        all_failed,
        all_finished,
        all_skipped,
        all_successful,
        always,
        always_run,
        any_failed,
        any_successful,
        between,
        every,
        finished,
        manual_only,
        none,
        none_skipped,
        not_all_skipped,
        share,
        some,
        some_failed,
        some_successful,
    )
    from statesig.codec.events import (
        Event,
        decode_event,
        encode_event,
    )
    from statesig.codec.histories import (
        History,
        histories_of,
    )
    from statesig.codec.limits import (
        Limits,
    )
    from statesig.codec.logs import (
        to_log,
    )
    from statesig.codec.states import (
        decode,
        encode,
        schema,
    )
    from statesig.codec.triggers import (
        decode_trigger,
        encode_trigger,
    )
    from statesig.engine.cancellations import (
        cancel_run,
    )
    from statesig.engine.noderuns import (
        TaskRun,
    )
    from statesig.engine.runs import (
        Run,
    )
    from statesig.entities.histories import (
        Change,
        Entities,
    )
    from statesig.errors import (
        DecodeError,
        DefinitionError,
        EncodeError,
        EntityChanged,
        ExecutorError,
        FlowError,
        IllegalTransition,
        NodeUseError,
        NoEntity,
        NoResult,
        NoRun,
        NoSignal,
        RefusedTransition,
        RunFailed,
        RunTaken,
        StatesigError,
        StoreDamaged,
        StoreError,
    )
    from statesig.executors.attempts import (
        Attempt,
        current,
        resumed,
    )
    from statesig.executors.dask.cluster import (
        Dask,
    )
    from statesig.executors.executor import (
        Executor,
    )
    from statesig.executors.processes import (
        Processes,
    )
    from statesig.executors.threads import (
        Threads,
    )
    from statesig.flow import (
        Flow,
    )
    from statesig.graph.graph import (
        state_of,
        states_of,
    )
    from statesig.graph.tasks import (
        Handler,
        Task,
        task,
    )
    from statesig.signals import (
        CACHE,
        CANCEL,
        CRASH,
        FAIL,
        LOOP,
        MAP,
        MAPCANCEL,
        MAPFAIL,
        PAUSE,
        PEND,
        QUEUE,
        RESUME,
        RETRY,
        SCHEDULE,
        SKIP,
        START,
        STOP,
        SUBMIT,
        SUCCESS,
        TIMEOUT,
        TRIGGERFAIL,
        VALIDATIONFAIL,
        Signal,
        SignalOf,
        catching,
        signal_of,
    )
    from statesig.states import (
        AnyFinished,
        AnyState,
        Cached,
        Cancelled,
        Cancelling,
        Crashed,
        ErrorInfo,
        Failed,
        Finished,
        Looped,
        MapCancelled,
        MapFailed,
        Mapped,
        MetaState,
        Paused,
        Pending,
        Queued,
        Resume,
        Retrying,
        Running,
        Scheduled,
        Skipped,
        State,
        Submitted,
        Success,
        TimedOut,
        TriggerFailed,
        ValidationFailed,
        has_children,
        is_cached,
        is_cancelled,
        is_cancelling,
        is_failed,
        is_finished,
        is_looped,
        is_mapped,
        is_meta,
        is_paused,
        is_pending,
        is_queued,
        is_retrying,
        is_running,
        is_scheduled,
        is_skipped,
        is_submitted,
        is_successful,
    )
    from statesig.states.machines import (
        Machine,
    )
    from statesig.stores.opening import (
        open_store,
    )
    from statesig.stores.store import (
        Cursor,
        Store,
    )

__all__ = [
    "CACHE",
    "CANCEL",
    "COMPLETION",
    "CRASH",
    "EMPTY",
    "FAIL",
    "FAIL_FAST",
    "LOOP",
    "MAP",
    "MAPCANCEL",
    "MAPFAIL",
    "PAUSE",
    "PEND",
    "QUEUE",
    "RESUME",
    "RETRY",
    "SCHEDULE",
    "SKIP",
    "START",
    "STOP",
    "SUBMIT",
    "SUCCESS",
    "TIMEOUT",
    "TRIGGERFAIL",
    "VALIDATIONFAIL",
    "AnyFinished",
    "AnyState",
    "Attempt",
    "Cached",
    "Cancelled",
    "Cancelling",
    "Change",
    "Conflict",
    "Counts",
    "Crashed",
    "Cursor",
    "Dask",
    "DecodeError",
    "DefinitionError",
    "EncodeError",
    "Entities",
    "EntityChanged",
    "ErrorInfo",
    "Event",
    "Executor",
    "ExecutorError",
    "Failed",
    "Finished",
    "Flow",
    "FlowError",
    "Handler",
    "History",
    "IllegalStep",
    "IllegalTransition",
    "Judgement",
    "Limits",
    "Looped",
    "Machine",
    "MapCancelled",
    "MapFailed",
    "Mapped",
    "MetaState",
    "NoEntity",
    "NoResult",
    "NoRun",
    "NoSignal",
    "NodeUseError",
    "Observation",
    "Order",
    "Paused",
    "Pending",
    "Processes",
    "Queued",
    "RefusedTransition",
    "Resume",
    "Retrying",
    "Run",
    "RunFailed",
    "RunTaken",
    "Running",
    "Scheduled",
    "Signal",
    "SignalOf",
    "SkipPolicy",
    "Skipped",
    "State",
    "StatesigError",
    "Store",
    "StoreDamaged",
    "StoreError",
    "Submitted",
    "Success",
    "Task",
    "TaskRun",
    "Threads",
    "TimedOut",
    "Transition",
    "Trigger",
    "TriggerFailed",
    "ValidationFailed",
    "Verdict",
    "acapture",
    "advance",
    "all_failed",
    "all_finished",
    "all_skipped",
    "all_successful",
    "always",
    "always_run",
    "any_failed",
    "any_successful",
    "between",
    "bind",
    "cancel_run",
    "capture",
    "catching",
    "check_history",
    "collect",
    "combine",
    "current",
    "decode",
    "decode_event",
    "decode_trigger",
    "diagram",
    "encode",
    "encode_event",
    "encode_trigger",
    "equivalent",
    "every",
    "finished",
    "fold",
    "has_children",
    "histories_of",
    "is_allowed",
    "is_cached",
    "is_cancelled",
    "is_cancelling",
    "is_failed",
    "is_finished",
    "is_looped",
    "is_mapped",
    "is_meta",
    "is_paused",
    "is_pending",
    "is_queued",
    "is_retrying",
    "is_running",
    "is_scheduled",
    "is_skipped",
    "is_submitted",
    "is_successful",
    "join",
    "kind",
    "manual_only",
    "merge",
    "none",
    "none_skipped",
    "not_all_skipped",
    "observe",
    "open_store",
    "recover",
    "resumed",
    "schema",
    "share",
    "signal_of",
    "some",
    "some_failed",
    "some_successful",
    "state_of",
    "states_of",
    "successors",
    "tally",
    "task",
    "to_log",
    "transition_of",
    "truth_table",
]


def __getattr__(name: str) -> object:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOMES or __all__)
