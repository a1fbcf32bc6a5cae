"""States of a user's own that declare their fields in less usual ways, and their signals."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Generic

from pydantic import Field
from typing_extensions import TypeVar

from statesig import Failed, Paused, Signal, Skipped

R = TypeVar("R", covariant=True, default=Any)
T = TypeVar("T")


class Counted(Failed[R]):
    """Its annotations give defaults."""

    rows: Annotated[int, Field(ge=0)]
    pages: Annotated[int, Field(default=3)]
    names: Annotated[list[str], Field(default_factory=list)]


class COUNTED(Signal[Counted[Any]]): ...


class Keyed(Skipped[R]):
    """One field is final; what is final and has a value is none."""

    key: Final[str]
    kind: Final[str] = "row"


class KEYED(Signal[Keyed[Any]]): ...


class Coloured:
    """A plain class beside a state."""

    colour: str
    size: int = 3
    count = 0
    _hidden: str

    def paint(self) -> str:
        return self.colour * self.size


class Boxed(Generic[T]):
    """A generic one."""

    box: T


class Painted(Coloured, Boxed[bytes], Paused[R]):
    """Its fields are those of all of them."""

    coats: int = 1


class PAINTED(Signal[Painted[Any]]): ...


class Opened(Failed[R]):
    """Its constructor is written by hand."""

    path: str
    depth: int

    def __init__(self, path: str, parts: Iterable[str] = (), **fields: Any) -> None:
        """Count the parts of a path."""
        given: dict[str, Any] = {"path": path, "depth": len([*parts]), **fields}
        super().__init__(**given)


class OPENED(Signal[Opened[Any]]): ...


class Refused(Opened[R]):
    """It inherits a constructor."""

    by: str = "nobody"


class REFUSED(Signal[Refused[Any]]): ...


class Told(Failed[R]):
    """Its constructor takes the message, and nothing else by any name."""

    def __init__(self, message: str, code: int = 0) -> None:
        """Put the code into the message."""
        super().__init__(message=f"{message} ({code})")


class TOLD(Signal[Told[Any]]): ...
