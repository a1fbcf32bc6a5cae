"""A typed state-and-signal algebra: states are frozen models, signals are exceptions mapped one-to-one to them.

Names are loaded from their modules when they are first used, so that ``import statesig`` costs nothing by itself.
There is nothing in it for pytest to rewrite, which would else ask for it before anybody imports it: PYTEST_DONT_REWRITE
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statesig.algebra import (
        COMPLETION,
        EMPTY,
        FAIL_FAST,
        Order,
        combine,
        join,
        kind,
        tally,
    )
    from statesig.attempts import (
        Attempt,
        current,
    )
    from statesig.cancellations import (
        cancel_run,
    )
    from statesig.captures import (
        acapture,
        capture,
        collect,
    )
    from statesig.clusters import (
        Dask,
    )
    from statesig.codec import (
        Limits,
        decode,
        encode,
        schema,
    )
    from statesig.errors import (
        DecodeError,
        DefinitionError,
        EncodeError,
        ExecutorError,
        FlowError,
        IllegalTransition,
        NodeUseError,
        NoResult,
        NoRun,
        NoSignal,
        RunFailed,
        RunTaken,
        StatesigError,
        StoreDamaged,
        StoreError,
    )
    from statesig.events import (
        Event,
        decode_event,
        encode_event,
    )
    from statesig.executors import (
        Executor,
        Threads,
    )
    from statesig.expressions import (
        decode_trigger,
        encode_trigger,
    )
    from statesig.flow import (
        Flow,
        state_of,
        states_of,
    )
    from statesig.histories import (
        History,
        histories_of,
    )
    from statesig.observations import (
        Conflict,
        Observation,
        merge,
        observe,
    )
    from statesig.processes import (
        Processes,
    )
    from statesig.results import (
        bind,
        fold,
        recover,
    )
    from statesig.results import map as map  # noqa: A004  # not in __all__, whose star would hide the builtin
    from statesig.results import zip as zip  # noqa: A004  # nor is this
    from statesig.runner import (
        Run,
        TaskRun,
    )
    from statesig.signals import (
        CACHE,
        CANCEL,
        CRASH,
        FAIL,
        LOOP,
        MAP,
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
    from statesig.store import (
        Store,
        open_store,
    )
    from statesig.tasks import (
        Handler,
        Task,
        task,
    )
    from statesig.transitions import (
        IllegalStep,
        advance,
        check_history,
        diagram,
        is_allowed,
        successors,
    )
    from statesig.triggers import (
        Counts,
        Judgement,
        SkipPolicy,
        Trigger,
        Verdict,
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
    from statesig.truths import (
        equivalent,
        truth_table,
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
    "Conflict",
    "Counts",
    "Crashed",
    "Dask",
    "DecodeError",
    "DefinitionError",
    "EncodeError",
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
    "Mapped",
    "MetaState",
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
    "Resume",
    "Retrying",
    "Run",
    "RunFailed",
    "RunTaken",
    "Running",
    "Scheduled",
    "Signal",
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
    "truth_table",
]

_MODULES = {
    "algebra": """
        COMPLETION EMPTY FAIL_FAST Order combine join kind tally
    """,
    "attempts": """
        Attempt current
    """,
    "cancellations": """
        cancel_run
    """,
    "captures": """
        acapture capture collect
    """,
    "clusters": """
        Dask
    """,
    "codec": """
        Limits decode encode schema
    """,
    "errors": """
        DecodeError DefinitionError EncodeError ExecutorError FlowError IllegalTransition NoResult
        NoRun NoSignal NodeUseError RunFailed RunTaken StatesigError StoreDamaged StoreError
    """,
    "events": """
        Event decode_event encode_event
    """,
    "executors": """
        Executor Threads
    """,
    "expressions": """
        decode_trigger encode_trigger
    """,
    "flow": """
        Flow state_of states_of
    """,
    "histories": """
        History histories_of
    """,
    "observations": """
        Conflict Observation merge observe
    """,
    "processes": """
        Processes
    """,
    "results": """
        bind fold map recover zip
    """,
    "runner": """
        Run TaskRun
    """,
    "signals": """
        CACHE CANCEL CRASH FAIL LOOP MAP PAUSE PEND QUEUE RESUME RETRY SCHEDULE SKIP START STOP
        SUBMIT SUCCESS TIMEOUT TRIGGERFAIL VALIDATIONFAIL Signal catching signal_of
    """,
    "states": """
        AnyFinished AnyState Cached Cancelled Cancelling Crashed ErrorInfo Failed Finished Looped
        Mapped MetaState Paused Pending Queued Resume Retrying Running Scheduled Skipped State
        Submitted Success TimedOut TriggerFailed ValidationFailed is_cached is_cancelled
        is_cancelling is_failed is_finished is_looped is_mapped is_meta is_paused is_pending
        is_queued is_retrying is_running is_scheduled is_skipped is_submitted is_successful
    """,
    "store": """
        Store open_store
    """,
    "tasks": """
        Handler Task task
    """,
    "transitions": """
        IllegalStep advance check_history diagram is_allowed successors
    """,
    "triggers": """
        Counts Judgement SkipPolicy Trigger Verdict all_failed all_finished all_skipped
        all_successful always always_run any_failed any_successful between every finished
        manual_only none none_skipped not_all_skipped share some some_failed some_successful
    """,
    "truths": """
        equivalent truth_table
    """,
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
