"""A signal's class passed on as a function, or as a class: what is called so takes the fields of the state."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, assert_type

from generics import SAMPLE
from kinds import HOLD, QUARANTINE, OnHold, Quarantined

from statesig import FAIL, QUEUE, RETRY, SKIP, Failed, Pending, Retrying, Signal, Skipped, State

StateT = TypeVar("StateT", bound=State[Any])
SignalT = TypeVar("SignalT", bound=Signal[Any])


def make(signal: Callable[[str], Signal[StateT]], message: str) -> StateT:
    return signal(message).state


def apply(signal: type[SignalT]) -> SignalT:
    return signal("why")


# ---- as a function

plain: Callable[[str], Signal[Any]] = SKIP
empty: Callable[[], Signal[Failed[Any]]] = FAIL
held: Callable[[str], HOLD] = HOLD
asked: Callable[[], Signal[Any]] = HOLD
assert_type(make(SKIP, "no new rows"), Skipped[Any])
assert_type(make(RETRY, "again"), Retrying[Any])
assert_type(make(HOLD, "ask"), OnHold[Any])
assert_type(apply(RETRY), RETRY)
partial(RETRY, run_count=2)("again")
assert_type([each("why").state.message for each in (SKIP, FAIL, HOLD)], list[str | None])
list(map(SKIP, ["a", "b"]))

numbered: Callable[[int], Signal[Any]] = SKIP  # E: assignment
paired: Callable[[str, str], Signal[Any]] = SKIP  # E: assignment
failed: Callable[[str], Signal[Failed[Any]]] = SKIP  # E: assignment
queued: Callable[[str], Signal[Any]] = QUEUE  # E: assignment
queued_empty: Callable[[], Signal[Any]] = QUEUE  # E: assignment
quarantined: Callable[[str], Signal[Any]] = QUARANTINE  # P: assignment
quarantined_empty: Callable[[], Signal[Any]] = QUARANTINE  # P: assignment
sampled: Callable[[str], Signal[Any]] = SAMPLE  # P: assignment
make(QUEUE, "full")  # E: arg-type
make(QUARANTINE, "left out")  # P: arg-type
list(map(SKIP, [1, 2]))  # E: arg-type  # missed: pyrefly
list(map(QUARANTINE, ["a", "b"]))  # P: arg-type
partial(RETRY, runcount=2)  # E: call-arg  # missed: pyrefly, ty
partial(HOLD, ownr="me")  # P: call-arg

# ---- as a class


def through(skip: type[SKIP], retry: type[RETRY], hold: type[HOLD], quarantine: type[QUARANTINE]) -> None:
    assert_type(skip("no new rows").state, Skipped[Any])
    assert_type(retry(run_count=2), RETRY)
    assert_type(hold(owner="me").state, OnHold[Any])
    assert_type(quarantine(reason="checksum").state.reason, str)
    skip(5)  # E: arg-type
    skip("no new rows", 5)  # E: call-arg
    skip(results=5)  # E: call-arg
    retry(run_count="2")  # E: arg-type
    hold(ownr="me")  # P: call-arg
    quarantine("left out")  # P: call-arg
    quarantine(reason=5)  # P: arg-type
    raise skip


def either(signal: type[SKIP] | type[FAIL], any_: type[Signal[Any]]) -> None:
    assert_type(signal("why").state, Skipped[Any] | Failed[Any])
    signal(retryable=False)  # E: call-arg
    signal(5)  # E: arg-type
    any_("why", run_count=2)
    any_(5)  # E: arg-type


kind: type[Signal[Skipped[Any]]] = QUARANTINE
wrong: type[Signal[Quarantined[Any]]] = SKIP  # E: assignment
known: dict[str, type[Signal[Any]]] = {"skip": SKIP, "hold": HOLD, "queue": QUEUE}
known["fail"] = Failed  # E: assignment
QUEUE(state=Pending())
