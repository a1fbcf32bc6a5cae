"""decode is typed by the class it is given."""

from typing import Any, assert_type

from kinds import Quarantined

from statesig import (
    AnyFinished,
    AnyState,
    Failed,
    Finished,
    Limits,
    MetaState,
    Queued,
    Retrying,
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
assert_type(decode(DATA, MetaState[int]), Queued[int] | Submitted[int])
assert_type(decode(DATA, Success), Success[Any])
assert_type(decode(DATA, Success[int]), Success[int])
assert_type(decode(DATA, Success[int]).unwrap(), int)
assert_type(decode(DATA, Failed[str]), Failed[str])
assert_type(decode(DATA, Retrying).run_count, int)
assert_type(decode(DATA, Quarantined[int]), Quarantined[int])
assert_type(decode("{}", Quarantined, limits=Limits(max_depth=5), strict=True).reason, str)

decode(5)  # E: call-overload
decode(DATA, int)  # E: type-var
decode(DATA, Success())  # E: call-overload
decode(DATA, State, limit=Limits())  # E: call-overload
encode("a")  # E: arg-type
Limits(max_byte=5)  # E: call-arg
