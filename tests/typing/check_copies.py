"""A copy, a pickle and a signal of a given state keep their types."""

import copy
import pickle
from typing import assert_type

from generics import SAMPLE, Sampled
from kinds import QUARANTINE, Quarantined

from statesig import FAIL, RETRY, SKIP, Failed, Retrying, Signal, Skipped, State, Success, signal_of


def states(
    success: Success[int], retrying: Retrying[str], quarantined: Quarantined[bytes], sampled: Sampled[int]
) -> None:
    assert_type(copy.copy(success), Success[int])
    assert_type(copy.deepcopy(retrying), Retrying[str])
    assert_type(success.model_copy(), Success[int])
    assert_type(success.model_copy(update={"message": "again"}), Success[int])
    assert_type(quarantined.model_copy(deep=True).reason, str)
    assert_type(sampled.model_copy().unwrap(), int)
    assert_type(Success[int].model_validate({"type": "Success", "result": 5}), Success[int])
    assert_type(Quarantined.model_validate_json("{}").reason, str)
    read: State[int] = pickle.loads(pickle.dumps(success))
    print(read.unwrap() + "a")  # E: operator
    success.model_copy({"message": "again"})  # E: call-arg
    success.model_copy(updated={})  # E: call-arg
    Success[int].model_validate(5, mode="json")  # E: call-arg
    copied: Success[str] = copy.copy(success)  # E: arg-type
    print(copied)


def signals(skipped: Skipped[int], sampled: Sampled[int], failed: Failed[str]) -> None:
    assert_type(SKIP.of(skipped), SKIP)
    assert_type(SKIP.of(Skipped(message="no new rows")), SKIP)
    assert_type(QUARANTINE.of(Quarantined(reason="checksum")), QUARANTINE)
    assert_type(SAMPLE[int].of(sampled), SAMPLE[int])
    assert_type(signal_of(failed), Signal[Failed[str]])
    assert_type(signal_of(failed).state.unwrap(), str)
    assert_type(signal_of(sampled).state, Sampled[int])
    assert_type(copy.copy(SKIP()), SKIP)
    assert_type(copy.deepcopy(RETRY(run_count=2)).state.run_count, int)
    caught: Signal[Failed[str]] = pickle.loads(pickle.dumps(signal_of(failed)))
    print(caught.state.unwrap() + 5)  # E: operator
    SKIP.of("no new rows")  # E: arg-type
    SKIP.of()  # E: call-arg
    SKIP.of(SKIP())  # E: arg-type
    FAIL.of(state=failed, message="no")  # E: call-arg
    signal_of(SKIP())  # E: type-var
