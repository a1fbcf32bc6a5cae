"""States are frozen, covariant in their result, and take their fields by name; a user's own states too."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, assert_type

from kinds import QUARANTINE, OnHold, Quarantined

from statesig import (
    Cached,
    Cancelled,
    ErrorInfo,
    Failed,
    Finished,
    MapCancelled,
    MapFailed,
    Mapped,
    MetaState,
    Paused,
    Pending,
    Queued,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
)

# ---- constructors

Success()
Success(message="done", result=5, causes=(ErrorInfo(type="OSError", message="disk full"),))
Retrying(run_count=2, start_time=datetime.now(UTC))
Queued(state=Pending(), message="full")
Mapped(children=(Success(), Skipped()))
MapFailed(children=(Success(), Failed(), Cancelled()))
MapCancelled(children=(Success(), Cancelled()))
Cached(expires=None)

Success("done")  # E: call-arg
Success(mesage="done")  # E: call-arg
Success(message=5)  # E: arg-type
Success[int](result="five")  # E: arg-type
Retrying(run_count="2")  # E: arg-type
Scheduled(start_time="tomorrow")  # E: arg-type
Queued()  # E: call-arg
Queued(state=Running())  # E: arg-type
Submitted[int](state=Pending[str]())  # E: arg-type
Mapped(children=(1,))  # E: arg-type
Mapped(children=(Success(), Failed()))  # E: arg-type
MapFailed(children=(Failed(), Running()))  # E: arg-type
MapFailed()  # E: call-arg
MapCancelled(children=(Failed(), Cancelled()))  # E: arg-type
Failed(retryable=None)  # E: arg-type
ErrorInfo(type="OSError")  # E: call-arg
ErrorInfo(type="OSError", message="disk full", text="")  # E: call-arg
ErrorInfo(type=3, message="disk full")  # E: arg-type

Quarantined(reason="checksum", message="left out", result=5)
OnHold()
OnHold(owner="me")

Quarantined()  # E: call-arg
Quarantined(reason=5)  # E: arg-type
Quarantined(reason="checksum", owner="me")  # E: call-arg
OnHold(owner=None)  # E: arg-type

# ---- the result's type

DAY = date(2026, 11, 22)
assert_type(Success(result=DAY).unwrap(), date)
assert_type(Success(result=DAY), Success[date])
assert_type(Success[str](result="a").result, str | None)
assert_type(Quarantined(reason="checksum", result=DAY), Quarantined[date])
assert_type(Quarantined[int](reason="checksum", result=5).unwrap(), int)
assert_type(Success(result=5).has_result, bool)
assert_type(Failed().retryable, bool)
assert_type(Queued[int](state=Pending[int]()).state, Pending[int])
assert_type(Success[int](result=1).model_copy(update={"result": 2}), Success[int])


class IntOnly(Success[int]):
    """A state that fixes its result."""


assert_type(IntOnly(result=5).unwrap(), int)
IntOnly(result="five")  # E: arg-type

# ---- covariance

whole: Success[object] = Success[int](result=5)
finished: Finished[object] = Skipped[int]()
any_state: State[float] = Quarantined[int](reason="checksum")
admitted: Success[int] = IntOnly(result=5)
narrower: Success[int] = Success[object]()  # E: assignment
another: Finished[int] = Failed[str]()  # E: assignment
not_finished: Finished[Any] = Running()  # E: assignment
not_pending: Pending[Any] = Paused()  # E: assignment
wrapped: MetaState[object] = Queued[int](state=Pending[int]())
several: tuple[State[object], ...] = (Success[int](), Failed[str](), Pending[bytes]())
of_ints: list[Success[int]] = [Success[int](), IntOnly()]
of_objects: list[Success[object]] = of_ints  # E: assignment
by_name: dict[str, State[Any]] = {"first": Success(), "second": Quarantined[str](reason="checksum")}
by_name["third"] = QUARANTINE  # E: assignment


def takes(state: Finished[float]) -> None: ...


takes(Success[int](result=5))
takes(Skipped[bool]())
takes(Success[str](result="a"))  # E: arg-type
takes(Pending[int]())  # E: arg-type


def hands(success: Callable[[Success[int]], None], any_: Callable[[State[object]], None]) -> None:
    wider: Callable[[Success[int]], None] = any_
    narrower: Callable[[State[object]], None] = success  # E: assignment
    print(wider, narrower)


# ---- frozen

state = Retrying()
state.run_count = 2  # E: misc
state.message = "again"  # E: misc
state.colour = "red"  # E: attr-defined  # missed: pyrefly
Quarantined(reason="checksum").reason = "size"  # E: misc
ErrorInfo(type="OSError", message="disk full").message = ""  # E: misc

# ---- abstract: a variable may hold a class below it, and such a class's name is none


def empty(kind: type[Finished[int]], any_: type[State[int]]) -> State[int]:
    return kind() if kind is not Finished else any_(message="none")


Finished()  # E: abstract  # missed: mypy
Finished[int](message="done")  # E: abstract  # missed: mypy, pyrefly
State(message="x")  # E: abstract  # missed: mypy
MetaState(state=Pending())  # E: abstract  # missed: mypy


class Halted(Failed[int], abstract=True):
    """A state of one's own that only those below it are."""


class Stuck(Halted): ...


Stuck()
Halted()  # P: abstract
