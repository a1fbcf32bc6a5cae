"""A user's signals, with the stub that `python -m statesig.stubgen` writes: `stubbed` is a copy of `kinds`."""

from typing import Any, assert_type

from stubbed import HOLD, QUARANTINE, OnHold, Quarantined

from statesig import Running, Signal, advance

QUARANTINE(reason="checksum")
QUARANTINE("left out", reason="checksum", result=5, causes=())
HOLD()
HOLD(message="ask", owner="me")
assert_type(QUARANTINE("left out", reason="checksum").state, Quarantined[Any])
assert_type(advance(Running(), HOLD()), OnHold[Any])
assert_type(Quarantined(reason="checksum", result=5), Quarantined[int])

QUARANTINE()  # E: call-arg
QUARANTINE("left out")  # E: call-arg
QUARANTINE(reason=5)  # E: arg-type
QUARANTINE("left out", "checksum")  # E: call-arg
HOLD(owner=None)  # E: arg-type
HOLD(reason="checksum")  # E: call-arg
Quarantined()  # E: call-arg
OnHold(owner=5)  # E: arg-type


class KEEP(HOLD): ...  # E: misc


class OTHER(Signal[OnHold[Any]]): ...
