"""Fields and classes in shapes that are rare: the plugin says of a signal what is true when it is built."""

from typing import Any, Final, Self

from statesig import Failed, Signal


class Nested(Failed[Any]):
    """Failed, for the reason that another failed."""

    before: Self | None = None


class NEST(Signal[Nested]): ...


class Constant(Failed[Any]):
    """Failed, always with the same code, which is no field."""

    code: Final[int] = 57
    seen: int


class CONSTANT(Signal[Constant]): ...


class Guarded(Failed[Any]):
    """Failed; a field is declared where something may go wrong."""

    try:
        depth: int = 0
    except ValueError:
        pass


class GUARD(Signal[Guarded]): ...


class Counted:
    """What has a constructor of its own."""

    def __init__(self, count: int) -> None:
        self.count = count


class Numbered(Failed[Any]):
    number: int


class NUMBER(Counted, Signal[Numbered]): ...


class Finished(Failed[Any]):
    """Its tag is nobody's: the state of this name is abstract."""


class FINISH(Signal[Finished]): ...


# ---- right

NEST(before=Nested())
CONSTANT(seen=3)
GUARD(depth=3)
NUMBER(3).count
FINISH("over")

# ---- wrong

NEST(before=Finished())  # P: arg-type
CONSTANT(seen="3")  # P: arg-type
CONSTANT(seen=3, code=5)  # P: call-arg
GUARD(depht=3)  # P: call-arg
NUMBER("3")  # E: arg-type
FINISH(over=True)  # P: call-arg
