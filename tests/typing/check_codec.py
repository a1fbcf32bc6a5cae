"""decode is typed by the class it is given."""

from typing import Any, assert_type

from kinds import Quarantined
from pydantic import BaseModel, TypeAdapter

from statesig import (
    AnyFinished,
    AnyState,
    Failed,
    Finished,
    Limits,
    MetaState,
    Pending,
    Queued,
    Retrying,
    Skipped,
    State,
    Submitted,
    Success,
    decode,
    encode,
)

DATA = encode(Success(result=5))
assert_type(DATA, bytes)

assert_type(decode(DATA), AnyState[Any])
assert_type(decode(DATA, State), AnyState[Any])
assert_type(decode(DATA, State[int]), AnyState[int])
assert_type(decode(DATA, Finished), AnyFinished[Any])
assert_type(decode(DATA, Finished[int]), AnyFinished[int])
finished = decode(DATA, Finished)
print(finished.result)
assert_type(decode(DATA, MetaState[int]), Queued[int] | Submitted[int])
assert_type(decode(DATA, Success), Success[Any])
assert_type(decode(DATA, Success[int]), Success[int])
assert_type(decode(DATA, Success[int]).unwrap(), int)
assert_type(decode(DATA, Failed[str]), Failed[str])
assert_type(decode(DATA, Retrying).run_count, int)
assert_type(decode(DATA, Quarantined[int]), Quarantined[int])
assert_type(decode("{}", Quarantined, limits=Limits(max_depth=5), strict=True).reason, str)


class Report(BaseModel, strict=True):
    """What a user sends."""

    outcome: Finished[int]
    before: list[AnyState[str]] = []
    held: Quarantined[bytes] | None = None


def received(report: Report, kind: type[Success[bytes]], finished: type[Finished[str]], root: type[State[int]]) -> None:
    assert_type(report.outcome, Finished[int])
    assert_type(report.outcome.unwrap(), int)
    assert_type(report.before[0].unwrap(), str)
    assert_type(decode(DATA, kind), Success[bytes])
    assert_type(decode(DATA, finished), AnyFinished[str])
    assert_type(decode(DATA, root), AnyState[int])
    assert_type(decode(bytearray(DATA), Skipped[list[int]]).unwrap(), list[int])
    assert_type(TypeAdapter(Success[int]).validate_json(DATA), Success[int])
    assert_type(Success[int].model_validate_json(DATA).unwrap(), int)
    assert_type(report.outcome.model_dump_json(), str)
    assert_type(encode(report.outcome), bytes)
    assert_type([decode(line, Finished[int]).message for line in DATA.splitlines()], list[str | None])
    print(report.outcome.run_count)  # E: attr-defined
    Report(outcome=Pending[int]())  # E: arg-type
    Report(outcome=Success[str]())  # E: arg-type
    wrong: Success[str] = decode(DATA, Success[int])  # E: arg-type
    decode(DATA, report)  # E: call-overload
    print(wrong)


decode(5)  # E: call-overload
decode(DATA, int)  # E: type-var
decode(DATA, Success())  # E: call-overload
decode(DATA, State, limit=Limits())  # E: call-overload
encode("a")  # E: arg-type
Limits(max_byte=5)  # E: call-arg
