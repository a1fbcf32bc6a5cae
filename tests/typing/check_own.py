"""Signals of a user's own without a stub: mypy with the plugin knows what each takes, and no other checker does."""

from typing import Any, assert_type

from kinds import HOLD, QUARANTINE, OnHold, Quarantined
from pydantic import BaseModel

from statesig import ErrorInfo, Failed, Signal, advance
from statesig.states import Running

CAUSES = (ErrorInfo(type="OSError", message="disk full"),)


class Torn(Failed[bytes]):
    """Failed, with what was read until then."""

    at: int
    hints: dict[str, list[int]] = {}
    note: str | None = None


class TEAR(Signal[Torn]):
    """Stop at a tear."""


class Place(BaseModel, frozen=True):
    """What a state may have beside its parent."""

    row: int
    shelf: str = ""


class Misplaced(Place, Failed[Any]):
    """Failed, being in the wrong place."""

    guess: int = 0


class MISPLACE(Signal[Misplaced]):
    """Say where it is."""


# ---- right

MISPLACE("there", row=1)
MISPLACE(row=1, shelf="a", guess=2)

QUARANTINE(reason="checksum")
QUARANTINE("left out", reason="checksum")
QUARANTINE(message="left out", reason="checksum", result=5, causes=CAUSES)
HOLD()
HOLD("ask")
HOLD("ask", owner="me", result=[1])
TEAR(at=5)
TEAR("torn", at=5, result=b"", causes=CAUSES, hints={"near": [1]}, note=None, retryable=False)
assert_type(QUARANTINE("left out", reason="checksum").state, Quarantined[Any])
assert_type(HOLD().state.owner, str)
assert_type(TEAR(at=5).state, Torn)
assert_type(TEAR(at=5, result=b"").state.unwrap(), bytes)
assert_type(TEAR(at=5).state.hints, dict[str, list[int]])
assert_type(advance(Running(), HOLD()), OnHold[Any])
assert_type(advance(Running(), TEAR(at=5)), Torn)

# ---- what is required and missing

QUARANTINE()  # P: call-arg
QUARANTINE("left out")  # P: call-arg
QUARANTINE(result=5)  # P: call-arg
TEAR()  # P: call-arg
TEAR("torn", note="here")  # P: call-arg

MISPLACE()  # P: call-arg

# ---- a value of another type

MISPLACE(row="1")  # P: arg-type
MISPLACE(row=1, shelf=None)  # P: arg-type

QUARANTINE(reason=5)  # P: arg-type
QUARANTINE(reason=None)  # P: arg-type
QUARANTINE(reason="checksum", causes=5)  # P: arg-type
HOLD(owner=None)  # P: arg-type
HOLD(causes=[*CAUSES])  # P: arg-type
TEAR(at="5")  # P: arg-type
TEAR(at=5, result="text")  # P: arg-type
TEAR(at=5, hints={"near": 1})  # P: dict-item
TEAR(at=5, note=5)  # P: arg-type
TEAR(at=5, retryable="no")  # P: arg-type
QUARANTINE(5, reason="checksum")  # E: arg-type
HOLD(message=5)  # E: arg-type

# ---- a name that no field has

QUARANTINE(reason="checksum", owner="me")  # P: call-arg
HOLD(reason="checksum")  # P: call-arg
HOLD(ownr="me")  # P: call-arg
TEAR(at=5, notes="here")  # P: call-arg
TEAR(at=5, type="Torn")  # P: call-arg

# ---- only the message is taken by position

QUARANTINE("left out", "checksum")  # E: call-arg
HOLD("ask", "me")  # E: call-arg
TEAR("torn", b"", at=5)  # E: call-arg
