# ruff: noqa  # written as users write, in every way there is
"""All that a module may hold besides signals: what a stub must not say less of."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import enum
import functools
import logging
import os.path
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    overload,
)

from typing_extensions import TypeVarTuple, Unpack, override

from statesig import Flow, Paused, Signal, task

from . import states as kinds
from .states import Counted, Damaged, Held, Priced, R, Sized as Large

if TYPE_CHECKING:
    from statesig import AnyState

    Outcome: TypeAlias = AnyState[int]
else:
    Outcome = object

if sys.version_info >= (3, 12):
    from typing import TypeAliasType

    def batched(items: list[int], size: int) -> list[tuple[int, ...]]:
        return [tuple(items[:size])]
else:
    from typing_extensions import TypeAliasType

    def batched(items: list[int], size: int) -> list[tuple[int, ...]]:
        return []


try:
    import tomllib as reader

    has_reader = True
except ImportError:
    has_reader = False

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")
_Names = dict[str, "Basket[int]"]
UserId = NewType("UserId", int)
Row = TypedDict("Row", {"in": int, "out": str})
Handler = Callable[[str], Awaitable[None]]
Later: TypeAlias = "Callable[[Basket[int]], None]"
Alias = TypeAliasType("Alias", "list[Basket[int]]")

_log = logging.getLogger(__name__)
log = _log
limit = 10
LIMIT: Final = 20
HOURS: Final[float] = 1.5
names = ["a", "b"]
codes = {"a": 1}
mixed = {"a": 1, "b": None}
pattern = re.compile("[a-z]+")
queue: deque[int] = deque()
last: Optional["Basket[int]"] = None
nothing = None
first, second = 1, "two"
folder = Path(os.path.dirname(__file__))
__version__ = "1.0"
handlers: collections.abc.Mapping[str, Handler] = {}

with contextlib.suppress(OSError), open(__file__) as _file, contextlib.closing(_file) as shown:
    line = shown.readline()

for number in [1, 2, 3]:
    doubled = number * 2
del number

if found := re.match("a", "b"):
    size = len(str(limit))
elif limit:
    size = 0

if limit > 5:

    def branch(of: int) -> str:
        return "much"
else:

    def branch(of: int) -> str:
        return "little"


class Colour(enum.Enum):
    """An enumeration."""

    RED = 1
    GREEN = enum.auto()
    BLUE = 1 << 4
    _value_: int

    @property
    def is_warm(self) -> bool:
        return self is Colour.RED


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int = 0


class Options(TypedDict, total=False):
    """A dictionary with known keys."""

    name: str
    _hidden: int


class Sized(Protocol):
    """What has a size."""

    def size(self, unit: str = "m") -> float: ...
    def _measure(self) -> int: ...


@dataclass(frozen=True)
class Item:
    """A data class."""

    name: str
    tags: list[str] = field(default_factory=list[str])
    _note: str = ""
    _: KW_ONLY
    price: float = 1.0
    kinds: ClassVar[dict[str, int]] = {}
    level: ClassVar = 5


@dataclass
class Parcel:
    """A data class that computes an attribute."""

    weight: int

    def __post_init__(self) -> None:
        self.price = self.weight


class Basket(Generic[T]):
    """A class with all kinds of members."""

    __slots__ = ("__weakref__", "_hidden", "label", "items", "by_name", "open", "rest", "owner", "lock", "here", "both")

    limit: ClassVar[int] = 10
    empty: Final = "empty"

    class Handle:
        """A nested class, with nested ones."""

        length: int = 3

        class Grip:
            """Two deep."""

            soft: bool

            def hold(self, hard: bool = True) -> "Basket.Handle":
                return Basket.Handle()

        def carry(self) -> Grip:
            return self.Grip()

    def __init__(self, label: str, *rest: int, owner: str | None = None, by_name: _Names | None = None) -> None:
        if owner is None:
            owner = "nobody"
        self.label = label
        self.items: list[T] = []
        self.by_name = by_name or {}
        self.open = True
        self.rest = rest
        self.owner = owner
        self.lock = asyncio.Lock()
        self.here = Path(label)
        self.both = label if label else 0
        self._hidden = 5

    @property
    def total(self) -> "float":
        return 0.0

    @total.setter
    def total(self, value: float) -> None: ...

    @functools.cached_property
    def cached(self) -> dict[str, T]:
        return {}

    @classmethod
    def of(cls, *items: T) -> "Basket[T]":
        return cls("")

    @staticmethod
    def parse(text: str, /, *, strict: bool = False) -> "Basket[str]":
        return Basket(text)

    @overload
    def get(self, key: int) -> T: ...
    @overload
    def get(self, key: str, default: T | None = ...) -> T | None: ...
    def get(self, key: int | str, default: T | None = None) -> T | None:
        return default

    async def fetch(self) -> bytes:
        return b""

    async def lines(self) -> AsyncIterator[str]:
        yield ""

    @override
    def __repr__(self) -> str:
        return ""


class Child(Basket[int]):
    """A class below another, which assigns what that one declares."""

    cache = None

    def __init__(self) -> None:
        super().__init__("child")
        self.label = "other"
        self.count = self.made = 1
        self.made = self.made + 1

    def fill(self) -> None:
        self.colour: Literal["red"] | Colour = "red"


class PRICE(Signal[Priced[R]]):
    """Generic."""


class LARGE(Signal[Large]):
    """Named by an alias."""


class DAMAGED(Signal[Damaged[str]]):
    """With a result of one type."""

    def hint(self) -> str:
        return ""


class COUNT(Signal[kinds.Counted]):
    """By its module's name, without the argument."""


class _Kept(Paused[R]):
    """What the package alone has a use for."""

    _label: str = "kept"
    where: Path


class _KEEP(Signal[_Kept[int]]):
    """For the package alone."""

    def _reason(self) -> str:
        return "kept"


class Outer:
    """A class that holds a signal."""

    class HOLD(Signal[Held.Back[Any]]):
        """Within a class."""


_cache: dict[str, _Names] = {}
_size, _sizes = 5, [5]


class _Counter:
    """A class for the package alone."""

    _step: ClassVar[int] = 1
    _limit = 5

    def __init__(self, start: int) -> None:
        self._now = start
        self._seen: list[int] = []
        self.__twice = start

    def _next(self, by: int = 1) -> int:
        return self._now + self.__add(by)

    def __add(self, by: int) -> int:
        return by + self.__twice

    @property
    def _last(self) -> int | None:
        return None


def _helper(names: _Names, *, _most: float = 1.5) -> list[float]:
    return []


def logged(fn: Callable[P, T]) -> Callable[P, T]:
    return fn


def _private(fn: Callable[P, T]) -> Callable[P, list[T]]:
    return lambda *args, **kwargs: [fn(*args, **kwargs)]


@logged
def one(value: int, by: "str" = "a") -> Basket[int]:
    return Basket("")


@_private
def many(value: int) -> str:
    return ""


@functools.lru_cache(maxsize=None)
def remembered(value: int) -> str:
    return ""


@contextlib.contextmanager
def opened(path: Path) -> Generator[int]:
    yield 1


@overload
def pair(one: int) -> _Names: ...
@overload
def pair(one: str, *rest: int, key: bool = False, **more: object) -> None: ...
def pair(one: int | str, *rest: int, key: bool = False, **more: object) -> _Names | None:
    return None


async def wait(seconds: float = 1.0, *, then: Handler | None = None) -> None: ...


async def ticks(every: float) -> AsyncIterator[float]:
    yield every


def spread(*args: Unpack[Ts]) -> tuple[Unpack[Ts]]:
    return args


def counted() -> Counted[bool]:
    return Counted()


@task
def load(rows: list[str], *, table: str = "rows") -> int:
    return len(rows)


with Flow("loading") as flow:
    loaded = load(["a"])
