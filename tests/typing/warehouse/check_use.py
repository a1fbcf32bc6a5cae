"""The signals of a program, used far from where their states are: known to the plugin, under whatever name."""

from datetime import UTC, datetime
from typing import Any, assert_type

import warehouse.signals
from warehouse import signals as names
from warehouse.signals import HALT, Events
from warehouse.signals import ORDER as WAIT
from warehouse.states import Halted, Ordered, Shelf

from statesig import Running, Skipped, advance
from statesig import Signal as S

NOW = datetime.now(UTC)
Stop = HALT
Clear = Events.CLEAR

# ---- right

HALT(shelf=Shelf(row=1), count=1)
HALT("look", shelf=Shelf(row=1), count=1, next=Ordered(until=NOW, order="a"), notes=["dust"], rows=(1, 2))
Stop(shelf=Shelf(row=1), count=2)
Events.stop(shelf=Shelf(row=1), count=2)
WAIT(until=NOW, order="a")
WAIT("soon", until=NOW, order="a", hours=5, start_time=NOW)
warehouse.signals.ORDER(until=NOW, order="a")
names.Events.CLEAR("empty", by="me", result=5)
Clear(by="me")
assert_type(WAIT(until=NOW, order="a").state.until, datetime)
assert_type(HALT(shelf=Shelf(row=1), count=1).state.shelf.row, int)
assert_type(Clear(by="me", result=5).state.unwrap(), int)
assert_type(advance(Running(), WAIT(until=NOW, order="a")), Ordered[Any])
assert_type(Halted(shelf=Shelf(row=1), count=1).signal().state, Halted[Any])

# ---- wrong

HALT()  # P: call-arg
HALT(shelf=Shelf(row=1))  # P: call-arg
HALT(shelf=1, count=1)  # P: arg-type
HALT(shelf=Shelf(row=1), count="1")  # P: arg-type
HALT(shelf=Shelf(row=1), count=1, next=5)  # P: arg-type
HALT(shelf=Shelf(row=1), count=1, next=Ordered(until=NOW, order="a", result="a"))  # P: arg-type
HALT(shelf=Shelf(row=1), count=1, notes=None)  # P: arg-type
HALT(shelf=Shelf(row=1), count=1, rows=[1])  # P: arg-type
HALT(shelf=Shelf(row=1), count=1, limit=3)  # P: call-arg
Stop(count=2)  # P: call-arg
Events.stop(shelf=Shelf(row=1), count=None)  # P: arg-type
WAIT(order="a")  # P: call-arg
WAIT(until=NOW)  # P: call-arg
WAIT(until="soon", order="a")  # P: arg-type
WAIT(until=NOW, order="a", hours="5")  # P: arg-type
warehouse.signals.ORDER(until=NOW, order=5)  # P: arg-type
names.Events.CLEAR("empty", by=5)  # P: arg-type
Clear()  # P: call-arg
Clear(by="me", result="five")  # P: arg-type


# ---- in a function, and a class in it


def local(where: str | None) -> None:
    class Inside(Skipped[int]):
        where: str
        later: "Inside | None" = None

    class INSIDE(S[Inside]): ...

    try:
        INSIDE(where=5)  # P: arg-type
        INSIDE(later=Inside(where="here"))  # P: call-arg
        INSIDE(where="here", later=where)  # P: arg-type
        raise INSIDE(where="here", later=Inside(where="here"))
    except INSIDE as signal:
        assert_type(signal.state.where, str)
        assert_type(signal.state.later, Inside | None)
    except HALT as signal:
        assert_type(signal.state.count, int)
        if where is None:
            raise
        raise WAIT(order=where) from signal  # P: call-arg
