"""Triggers are made of classes of states and composed of triggers; a word, a float or a state there is flagged."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, assert_type

from kinds import Quarantined

from statesig import (
    FAIL,
    PAUSE,
    RETRY,
    SKIP,
    AnyState,
    Counts,
    Failed,
    Finished,
    Judgement,
    Skipped,
    State,
    Success,
    Trigger,
    Verdict,
    all_successful,
    always,
    any_failed,
    between,
    decode_trigger,
    encode_trigger,
    equivalent,
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
    task,
    truth_table,
)

# ---- predicates count kinds: built-in, abstract, parametrised and a user's own

assert_type(every(Success), Trigger)
assert_type(some(Finished), Trigger)
assert_type(none(Quarantined), Trigger)
assert_type(every(Success[int]), Trigger)
assert_type(between(Failed, 1, 3), Trigger)
assert_type(between(Failed, 1), Trigger)
assert_type(share(Failed, "0.3"), Trigger)
assert_type(share(Failed, Fraction(1, 3), 1), Trigger)
assert_type(some_failed(1), Trigger)
assert_type(some_successful(1, 2), Trigger)
assert_type(finished(), Trigger)
assert_type(not_all_skipped, Trigger)

every(FAIL)  # E: arg-type
some("Failed")  # E: arg-type
none(Failed())  # E: arg-type
every(int)  # E: arg-type
every()  # E: call-arg
finished(Success)  # E: call-arg
always(Success)  # E: call-arg
between(Failed, "1")  # E: arg-type
between(Failed, 0.3)  # E: arg-type
between(1, 3)  # E: arg-type
share(Failed, 0.3)  # E: arg-type
share(Failed)  # E: call-arg
some_failed("1")  # E: arg-type
some_failed()  # E: call-arg

# ---- and are composed

both = all_successful & none_skipped.otherwise(SKIP)
assert_type(both, Trigger)
assert_type(any_failed | ~both, Trigger)
assert_type(manual_only.otherwise(PAUSE).called("deploy"), Trigger)

all_successful & every  # E: operator
all_successful | True  # E: operator
"all_failed" & all_successful  # E: operator
all_successful.otherwise("SKIP")  # E: arg-type
all_successful.otherwise(SKIP("no"))  # E: arg-type
all_successful.otherwise(Skipped)  # E: arg-type
all_successful.otherwise(RETRY)  # E: arg-type
all_successful.otherwise(FAIL)
all_successful.called(5)  # E: arg-type
all_successful.label = "other"  # E: misc

# ---- what they say


def asked(states: list[AnyState[int]], roots: tuple[State[Any], ...], counts: Counts) -> None:
    assert_type(both.verdict(states), Verdict)
    assert_type(both.verdict(roots, resumed=True), Verdict)
    assert_type(both.verdict(counts), Verdict)
    assert_type(both.judge(counts), Judgement)
    assert_type(both.judge(states).verdict, Verdict)
    assert_type(both.judge(states).message, str)
    assert_type(both.judge(states).counts, tuple[tuple[str, int], ...])
    assert_type(counts[Failed], int)
    counts.replace(states[0], Success())
    both.verdict([Success, Failed])  # E: list-item
    both.verdict(Success())  # E: arg-type
    both.verdict(states, True)  # E: call-arg
    both.verdict(["Success"])  # E: list-item
    counts["Failed"]  # E: index
    counts.add(Success)  # E: arg-type


def counted(numbers: Mapping[type[State[Any]], int]) -> Counts:
    return Counts.of(numbers)


assert_type(equivalent(both, any_failed), bool)
assert_type(truth_table(both, any_failed, kinds=(Success, Quarantined), most=1), str)
assert_type(encode_trigger(both), bytes)
assert_type(decode_trigger(b"{}"), Trigger)
equivalent(both)  # E: call-arg
truth_table("all_failed")  # E: arg-type
encode_trigger(Success())  # E: arg-type
decode_trigger(both)  # E: arg-type


@task(trigger=both & some(Quarantined))
def report() -> str:
    return "done"


@task(trigger="all_failed")  # E: call-overload, untyped-decorator
def wrong() -> None: ...
