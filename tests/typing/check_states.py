"""States are frozen, covariant in their result, and take their fields by name; a user's own states too."""

from datetime import UTC, datetime
from typing import Any, assert_type

from kinds import OnHold, Quarantined

from statesig import (
    Cached,
    ErrorInfo,
    Failed,
    Finished,
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
Mapped(children=(Success(), Failed()))
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
Failed(retryable=None)  # E: arg-type
ErrorInfo(type="OSError")  # E: call-arg
ErrorInfo(type="OSError", message="disk full", text="")  # E: call-arg

Quarantined(reason="checksum", message="left out", result=5)
OnHold()
OnHold(owner="me")

Quarantined()  # E: call-arg
Quarantined(reason=5)  # E: arg-type
Quarantined(reason="checksum", owner="me")  # E: call-arg
OnHold(owner=None)  # E: arg-type

# ---- the result's type

assert_type(Success(result=5).unwrap(), int)
assert_type(Success(result=5), Success[int])
assert_type(Success[str](result="a").result, str | None)
assert_type(Quarantined(reason="checksum", result=5), Quarantined[int])
assert_type(Quarantined[int](reason="checksum").unwrap(), int)
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

# ---- frozen

state = Retrying()
state.run_count = 2  # E: misc
state.message = "again"  # E: misc
state.colour = "red"  # E: attr-defined
Quarantined(reason="checksum").reason = "size"  # E: misc
ErrorInfo(type="OSError", message="disk full").message = ""  # E: misc
