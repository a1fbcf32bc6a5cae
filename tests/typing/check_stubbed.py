"""A user's signals, with the stub that `python -m statesig stubs` writes: `stubbed` is a copy of `kinds`."""

from typing import Any, assert_type

from stubbed import HOLD, QUARANTINE, OnHold, Quarantined

from statesig import Running, Signal, advance

QUARANTINE(reason="checksum")
QUARANTINE("left out", reason="checksum", result=5, causes=())
HOLD()
HOLD(message="ask", owner="me")
assert_type(QUARANTINE("left out", reason="checksum").state, Quarantined[Any])
assert_type(advance(Running(), HOLD()), OnHold[Any])
assert_type(Quarantined(reason="checksum", result=list[int]()), Quarantined[list[int]])

QUARANTINE()  # S: call-arg
QUARANTINE("left out")  # S: call-arg
QUARANTINE(reason=5)  # S: arg-type
QUARANTINE("left out", "checksum")  # E: call-arg
HOLD(owner=None)  # S: arg-type
HOLD(reason="checksum")  # S: call-arg
Quarantined()  # E: call-arg
OnHold(owner=5)  # E: arg-type


class KEEP(HOLD): ...  # S: misc  # P: statesig


class OTHER(Signal[OnHold[Any]]): ...  # P: statesig
