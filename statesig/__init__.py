"""A typed state-and-signal algebra: states are frozen models, signals are exceptions mapped one-to-one to them.

Names are loaded from their modules when they are first used, so that ``import statesig`` costs nothing by itself.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statesig.algebra import (
        COMPLETION as COMPLETION,
    )
    from statesig.algebra import (
        EMPTY as EMPTY,
    )
    from statesig.algebra import (
        combine as combine,
    )
    from statesig.algebra import (
        join as join,
    )
    from statesig.algebra import (
        kind as kind,
    )
    from statesig.captures import (
        acapture as acapture,
    )
    from statesig.captures import (
        capture as capture,
    )
    from statesig.captures import (
        collect as collect,
    )
    from statesig.codec import (
        Limits as Limits,
    )
    from statesig.codec import (
        decode as decode,
    )
    from statesig.codec import (
        encode as encode,
    )
    from statesig.codec import (
        schema as schema,
    )
    from statesig.errors import (
        DecodeError as DecodeError,
    )
    from statesig.errors import (
        DefinitionError as DefinitionError,
    )
    from statesig.errors import (
        EncodeError as EncodeError,
    )
    from statesig.errors import (
        FlowError as FlowError,
    )
    from statesig.errors import (
        IllegalTransition as IllegalTransition,
    )
    from statesig.errors import (
        NodeUseError as NodeUseError,
    )
    from statesig.errors import (
        NoResult as NoResult,
    )
    from statesig.errors import (
        NoSignal as NoSignal,
    )
    from statesig.errors import (
        RunFailed as RunFailed,
    )
    from statesig.errors import (
        StatesigError as StatesigError,
    )
    from statesig.events import (
        Event as Event,
    )
    from statesig.events import (
        decode_event as decode_event,
    )
    from statesig.events import (
        encode_event as encode_event,
    )
    from statesig.flow import (
        Flow as Flow,
    )
    from statesig.flow import (
        Task as Task,
    )
    from statesig.flow import (
        state_of as state_of,
    )
    from statesig.flow import (
        states_of as states_of,
    )
    from statesig.flow import (
        task as task,
    )
    from statesig.runner import (
        Run as Run,
    )
    from statesig.runner import (
        TaskRun as TaskRun,
    )
    from statesig.runner import (
        current as current,
    )
    from statesig.signals import (
        CACHE as CACHE,
    )
    from statesig.signals import (
        CANCEL as CANCEL,
    )
    from statesig.signals import (
        CRASH as CRASH,
    )
    from statesig.signals import (
        FAIL as FAIL,
    )
    from statesig.signals import (
        LOOP as LOOP,
    )
    from statesig.signals import (
        MAP as MAP,
    )
    from statesig.signals import (
        PAUSE as PAUSE,
    )
    from statesig.signals import (
        PEND as PEND,
    )
    from statesig.signals import (
        QUEUE as QUEUE,
    )
    from statesig.signals import (
        RESUME as RESUME,
    )
    from statesig.signals import (
        RETRY as RETRY,
    )
    from statesig.signals import (
        SCHEDULE as SCHEDULE,
    )
    from statesig.signals import (
        SKIP as SKIP,
    )
    from statesig.signals import (
        START as START,
    )
    from statesig.signals import (
        STOP as STOP,
    )
    from statesig.signals import (
        SUBMIT as SUBMIT,
    )
    from statesig.signals import (
        SUCCESS as SUCCESS,
    )
    from statesig.signals import (
        TIMEOUT as TIMEOUT,
    )
    from statesig.signals import (
        TRIGGERFAIL as TRIGGERFAIL,
    )
    from statesig.signals import (
        VALIDATIONFAIL as VALIDATIONFAIL,
    )
    from statesig.signals import (
        Signal as Signal,
    )
    from statesig.signals import (
        catching as catching,
    )
    from statesig.signals import (
        signal_of as signal_of,
    )
    from statesig.states import (
        AnyFinished as AnyFinished,
    )
    from statesig.states import (
        AnyState as AnyState,
    )
    from statesig.states import (
        Cached as Cached,
    )
    from statesig.states import (
        Cancelled as Cancelled,
    )
    from statesig.states import (
        Cancelling as Cancelling,
    )
    from statesig.states import (
        Crashed as Crashed,
    )
    from statesig.states import (
        ErrorInfo as ErrorInfo,
    )
    from statesig.states import (
        Failed as Failed,
    )
    from statesig.states import (
        Finished as Finished,
    )
    from statesig.states import (
        Looped as Looped,
    )
    from statesig.states import (
        Mapped as Mapped,
    )
    from statesig.states import (
        MetaState as MetaState,
    )
    from statesig.states import (
        Paused as Paused,
    )
    from statesig.states import (
        Pending as Pending,
    )
    from statesig.states import (
        Queued as Queued,
    )
    from statesig.states import (
        Resume as Resume,
    )
    from statesig.states import (
        Retrying as Retrying,
    )
    from statesig.states import (
        Running as Running,
    )
    from statesig.states import (
        Scheduled as Scheduled,
    )
    from statesig.states import (
        Skipped as Skipped,
    )
    from statesig.states import (
        State as State,
    )
    from statesig.states import (
        Submitted as Submitted,
    )
    from statesig.states import (
        Success as Success,
    )
    from statesig.states import (
        TimedOut as TimedOut,
    )
    from statesig.states import (
        TriggerFailed as TriggerFailed,
    )
    from statesig.states import (
        ValidationFailed as ValidationFailed,
    )
    from statesig.states import (
        is_cached as is_cached,
    )
    from statesig.states import (
        is_cancelled as is_cancelled,
    )
    from statesig.states import (
        is_cancelling as is_cancelling,
    )
    from statesig.states import (
        is_failed as is_failed,
    )
    from statesig.states import (
        is_finished as is_finished,
    )
    from statesig.states import (
        is_looped as is_looped,
    )
    from statesig.states import (
        is_mapped as is_mapped,
    )
    from statesig.states import (
        is_meta as is_meta,
    )
    from statesig.states import (
        is_paused as is_paused,
    )
    from statesig.states import (
        is_pending as is_pending,
    )
    from statesig.states import (
        is_queued as is_queued,
    )
    from statesig.states import (
        is_retrying as is_retrying,
    )
    from statesig.states import (
        is_running as is_running,
    )
    from statesig.states import (
        is_scheduled as is_scheduled,
    )
    from statesig.states import (
        is_skipped as is_skipped,
    )
    from statesig.states import (
        is_submitted as is_submitted,
    )
    from statesig.states import (
        is_successful as is_successful,
    )
    from statesig.transitions import (
        IllegalStep as IllegalStep,
    )
    from statesig.transitions import (
        advance as advance,
    )
    from statesig.transitions import (
        check_history as check_history,
    )
    from statesig.transitions import (
        diagram as diagram,
    )
    from statesig.transitions import (
        is_allowed as is_allowed,
    )
    from statesig.transitions import (
        successors as successors,
    )
    from statesig.triggers import (
        SkipPolicy as SkipPolicy,
    )
    from statesig.triggers import (
        Trigger as Trigger,
    )
    from statesig.triggers import (
        Verdict as Verdict,
    )
    from statesig.triggers import (
        all_failed as all_failed,
    )
    from statesig.triggers import (
        all_finished as all_finished,
    )
    from statesig.triggers import (
        all_successful as all_successful,
    )
    from statesig.triggers import (
        always_run as always_run,
    )
    from statesig.triggers import (
        any_failed as any_failed,
    )
    from statesig.triggers import (
        any_successful as any_successful,
    )
    from statesig.triggers import (
        every as every,
    )
    from statesig.triggers import (
        finished as finished,
    )
    from statesig.triggers import (
        manual_only as manual_only,
    )
    from statesig.triggers import (
        some as some,
    )

__all__ = [
    "CACHE",
    "CANCEL",
    "COMPLETION",
    "CRASH",
    "EMPTY",
    "FAIL",
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
    "Cached",
    "Cancelled",
    "Cancelling",
    "Crashed",
    "DecodeError",
    "DefinitionError",
    "EncodeError",
    "ErrorInfo",
    "Event",
    "Failed",
    "Finished",
    "Flow",
    "FlowError",
    "IllegalStep",
    "IllegalTransition",
    "Limits",
    "Looped",
    "Mapped",
    "MetaState",
    "NoResult",
    "NoSignal",
    "NodeUseError",
    "Paused",
    "Pending",
    "Queued",
    "Resume",
    "Retrying",
    "Run",
    "RunFailed",
    "Running",
    "Scheduled",
    "Signal",
    "SkipPolicy",
    "Skipped",
    "State",
    "StatesigError",
    "Submitted",
    "Success",
    "Task",
    "TaskRun",
    "TimedOut",
    "Trigger",
    "TriggerFailed",
    "ValidationFailed",
    "Verdict",
    "acapture",
    "advance",
    "all_failed",
    "all_finished",
    "all_successful",
    "always_run",
    "any_failed",
    "any_successful",
    "capture",
    "catching",
    "check_history",
    "collect",
    "combine",
    "current",
    "decode",
    "decode_event",
    "diagram",
    "encode",
    "encode_event",
    "every",
    "finished",
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
    "schema",
    "signal_of",
    "some",
    "state_of",
    "states_of",
    "successors",
    "task",
]

_MODULES = {
    "algebra": """
        COMPLETION EMPTY combine join kind
    """,
    "captures": """
        acapture capture collect
    """,
    "codec": """
        Limits decode encode schema
    """,
    "errors": """
        DecodeError DefinitionError EncodeError FlowError IllegalTransition NoResult NoSignal
        NodeUseError RunFailed StatesigError
    """,
    "events": """
        Event decode_event encode_event
    """,
    "flow": """
        Flow Task state_of states_of task
    """,
    "runner": """
        Run TaskRun current
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
    "transitions": """
        IllegalStep advance check_history diagram is_allowed successors
    """,
    "triggers": """
        SkipPolicy Trigger Verdict all_failed all_finished all_successful always_run any_failed
        any_successful every finished manual_only some
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
    return sorted({*globals(), *__all__})
