"""Signals of states that declare their fields in less usual ways, with a stub: `stubbed_declared` is `declared`."""

from typing import Any, assert_type

from stubbed_declared import COUNTED, KEYED, OPENED, PAINTED, REFUSED, TOLD, Counted, Keyed, Opened, Painted

# ---- a default in an annotation

COUNTED(rows=1)
COUNTED("too many", rows=1, pages=2, names=["a"])
assert_type(COUNTED(rows=1).state, Counted[Any])

COUNTED()  # S: call-arg
COUNTED(rows="1")  # S: arg-type
COUNTED(rows=1, pages="2")  # S: arg-type
COUNTED(rows=1, names=[2])  # S: list-item

# ---- a field that is final

KEYED(key="a")
assert_type(KEYED(key="a").state, Keyed[Any])

KEYED()  # S: call-arg
KEYED(key=3)  # S: arg-type
KEYED(key="a", kind="b")  # S: call-arg

# ---- the fields of plain classes

PAINTED("wet", colour="red", box=b"")
PAINTED(colour="red", box=b"", size=2, coats=3)
assert_type(PAINTED(colour="red", box=b"").state, Painted[Any])

PAINTED(box=b"")  # S: call-arg
PAINTED(colour="red")  # S: call-arg
PAINTED(colour=3, box=b"")  # S: arg-type
PAINTED(colour="red", box="")  # S: arg-type
PAINTED(colour="red", box=b"", size="2")  # S: arg-type
PAINTED(colour="red", box=b"", count=1)  # S: call-arg

# ---- a constructor that is written by hand

OPENED(path="a/b")
OPENED("closed", path="a/b", parts=["a", "b"], result=3)
REFUSED(path="a/b", by="me")
TOLD("no")
TOLD(message="no", code=5)
assert_type(OPENED(path="a/b").state, Opened[Any])

OPENED()  # S: call-arg
OPENED(path=3)  # S: arg-type
OPENED("a/b", ["a"], path="a/b")  # E: any
OPENED(path="a/b", parts=[3])  # S: list-item
REFUSED(by="me")  # S: call-arg
TOLD()  # S: call-arg
TOLD(code=5)  # S: call-arg
TOLD("no", code="5")  # S: arg-type
TOLD("no", result=5)  # S: call-arg
