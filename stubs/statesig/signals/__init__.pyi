# Written by `python -m statesig stubs`: change the module, not this file.

from typing import Any, Generic, Self, Union, final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from typing_extensions import TypeIs, TypeVar, override

from statesig.signals.definitions import Carrier
from statesig.states import (
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    ErrorInfo,
    Failed,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
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
    UtcDatetime,
    ValidationFailed,
)
from statesig.states.machines import Machine

__all__ = [
    "CACHE",
    "CANCEL",
    "CRASH",
    "FAIL",
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
    "Signal",
    "SignalOf",
    "catching",
    "is_class_of_signals",
    "is_signal",
    "signal_of",
    "signal_type_of",
]
StateT = TypeVar("StateT", bound=Union[State[Any], Machine], covariant=True, default=State[Any])
KindT = TypeVar("KindT", bound=Union[State[Any], Machine])
_ABSTRACT: str

class Signal(Carrier, Generic[StateT]):
    __slots__ = ("_state",)
    _state: StateT
    def __init__(self, message: str | None = None, **fields: object) -> None: ...
    @staticmethod
    def _construct(fields: dict[str, object]) -> Any: ...
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema: ...
    @classmethod
    def of(cls, state: StateT) -> Self: ...  # type: ignore[misc]
    @property
    def state(self) -> StateT: ...
    @override
    def __str__(self) -> str: ...
    @override
    def __repr__(self) -> str: ...
    @override
    def __reduce__(self) -> Any: ...

def _restored(cls: type[Signal[Any]], state: Any) -> Signal[Any]: ...
def is_signal(value: object) -> TypeIs[Signal[Any]]: ...
def is_class_of_signals(cls: object) -> TypeIs[type[Signal[Any]]]: ...
def signal_type_of(kind: type[KindT]) -> type[Signal[KindT]]: ...
def signal_of(state: KindT) -> Signal[KindT]: ...

SignalOf = Signal[StateT]

def catching(kind: type[KindT]) -> tuple[type[Signal[KindT]], ...]: ...

@final
class PEND(Signal[Pending[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
    ) -> None: ...

@final
class SCHEDULE(Signal[Scheduled[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        start_time: UtcDatetime | None = None,
    ) -> None: ...

@final
class RESUME(Signal[Resume[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        start_time: UtcDatetime | None = None,
    ) -> None: ...

@final
class RETRY(Signal[Retrying[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        start_time: UtcDatetime | None = None,
        run_count: int = 1,
    ) -> None: ...

@final
class LOOP(Signal[Looped[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        start_time: UtcDatetime | None = None,
        loop_count: int = 1,
    ) -> None: ...

@final
class PAUSE(Signal[Paused[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        until: UtcDatetime | None = None,
    ) -> None: ...

@final
class QUEUE(Signal[Queued[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        state: Pending[Any],
    ) -> None: ...

@final
class SUBMIT(Signal[Submitted[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        state: Pending[Any],
    ) -> None: ...

@final
class START(Signal[Running[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
    ) -> None: ...

@final
class STOP(Signal[Cancelling[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
    ) -> None: ...

@final
class SUCCESS(Signal[Success[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
    ) -> None: ...

@final
class CACHE(Signal[Cached[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        expires: UtcDatetime | None = None,
    ) -> None: ...

@final
class MAP(Signal[Mapped[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        children: tuple[Success[object], ...] = (),
    ) -> None: ...

@final
class SKIP(Signal[Skipped[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
    ) -> None: ...

@final
class FAIL(Signal[Failed[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = True,
    ) -> None: ...

@final
class TIMEOUT(Signal[TimedOut[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = True,
    ) -> None: ...

@final
class TRIGGERFAIL(Signal[TriggerFailed[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = False,
    ) -> None: ...

@final
class VALIDATIONFAIL(Signal[ValidationFailed[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = True,
    ) -> None: ...

@final
class CRASH(Signal[Crashed[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = True,
    ) -> None: ...

@final
class CANCEL(Signal[Cancelled[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
    ) -> None: ...

@final
class MAPFAIL(Signal[MapFailed[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = False,
        children: tuple[Success[object] | Failed[object] | Cancelled[object], ...],
    ) -> None: ...

@final
class MAPCANCEL(Signal[MapCancelled[Any]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        children: tuple[Success[object] | Cancelled[object], ...],
    ) -> None: ...
