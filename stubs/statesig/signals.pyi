# Written by `python -m statesig stubs`: change the module, not this file.

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Generic, Literal, Self, Union, final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeIs, TypeVar, override

from statesig.errors import NoSignal
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
from statesig.states.choices import Choice
from statesig.states.generics import PerClass
from statesig.states.machines import AnyKind, Machine

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
    "Payload",
    "Signal",
    "SignalOf",
    "catching",
    "causes_of",
    "chain_of",
    "declared_by",
    "enter",
    "is_class_of_signals",
    "is_signal",
    "payload_of",
    "raised_by",
    "signal_of",
    "signal_type_of",
]
StateT = TypeVar("StateT", bound=Union[State[Any], Machine], covariant=True, default=State[Any])
KindT = TypeVar("KindT", bound=Union[State[Any], Machine])
_lock = threading.Lock()
_signals: dict[AnyKind, type[Signal[Any]]]
_ABSTRACT: str

class _Fields:
    def __get__(self, signal: Signal[Any] | None, cls: type[Signal[Any]]) -> inspect.Signature: ...

class Signal(BaseException, Generic[StateT]):
    __slots__ = ("_state",)
    _state: StateT
    __state_type__: ClassVar[AnyKind]
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
def raised_by(cls: type[Signal[Any]]) -> AnyKind: ...
def enter(cls: type[Signal[Any]], state: AnyKind) -> None: ...
def _same_name(one: type, other: type) -> bool: ...
def declared_by(cls: type[Signal[Any]]) -> Any: ...
def _is_open(cls: Any) -> bool: ...
def _set_constructor(cls: Any, construct: Callable[..., Any]) -> None: ...

class _Unbuilt:
    cls: type[Signal[Any]]
    state: AnyKind
    def __init__(self, cls: type[Signal[Any]], state: AnyKind) -> None: ...
    def __call__(self, fields: dict[str, object]) -> Any: ...

def is_signal(value: object) -> TypeIs[Signal[Any]]: ...
def signal_type_of(kind: type[KindT]) -> type[Signal[KindT]]: ...
def _no_signal(origin: AnyKind) -> NoSignal: ...
def signal_of(state: KindT) -> Signal[KindT]: ...

class _Family:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema: ...

SignalOf = Signal[StateT]

def catching(kind: type[KindT]) -> tuple[type[Signal[KindT]], ...]: ...

class Payload:
    __name__: str
    choice: Choice
    def __init__(self, name: str, kinds: tuple[type[State[Any]], ...], *, families: bool) -> None: ...
    def schema(self) -> CoreSchema: ...
    def __call__(self, value: Any, info: core_schema.ValidationInfo) -> Signal[Any]: ...
    def carrying(self, state: State[Any]) -> Signal[Any]: ...
    def describe(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue: ...
    def _described(self) -> Choice | type[State[Any]]: ...

def _dumped(signal: Any, info: core_schema.SerializationInfo) -> Any: ...
def _replaced(signal: Signal[Any], state: State[Any]) -> Signal[Any]: ...
def payload_of(asked: Any) -> Payload: ...
def _payload(asked: Any) -> Payload: ...

_payloads: PerClass[Payload]

def is_class_of_signals(cls: object) -> TypeIs[type[Signal[Any]]]: ...
def _declared_for(cls: type[Signal[Any]], args: tuple[Any, ...]) -> Any: ...
def _kinds_in(arg: Any) -> Iterator[type[State[Any]]]: ...
def causes_of(
    signal: Signal[Any],
    *,
    redact: Callable[[str], str] | None = None,
    traceback: bool | Literal["last"] = False,
) -> tuple[ErrorInfo, ...]: ...
def chain_of(
    cause: BaseException | None,
    *,
    redact: Callable[[str], str] | None = None,
    traceback: bool | Literal["last"] = False,
) -> tuple[ErrorInfo, ...]: ...
def _own_causes(signal: Signal[Any]) -> tuple[ErrorInfo, ...]: ...
def _is_remote_traceback(cause: BaseException) -> bool: ...

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
