"""Machines that break a law each; in a process of their own, like the states of `tests.samples.unlawful`."""

from itertools import count
from types import new_class
from typing import Any

from pydantic import ConfigDict, field_validator
from typing_extensions import override

from statesig import Machine, Transition


class Coin(Machine):
    """Whether it may be spent is another matter each time."""


class Minted(Coin): ...


class Spent(Coin): ...


class MINT(Transition[None, Minted]): ...


_times = count()


class SPEND(Transition[Minted, Spent]):
    @override
    def refuses(self, source: Minted) -> str | None:
        return "not now" if next(_times) % 2 else None


class Bag(Machine):
    """A guard takes something out."""

    held: list[int] = []


class Filled(Bag): ...


class Emptied(Bag): ...


class FILL(Transition[None, Filled]): ...


class EMPTY_IT(Transition[Filled, Emptied]):
    @override
    def refuses(self, source: Filled) -> str | None:
        source.held.clear()
        return None


class Gate(Machine):
    """A guard fails."""


class Shut(Gate): ...


class Ajar(Gate): ...


class SHUT(Transition[None, Shut]): ...


class OPEN_GATE(Transition[Shut, Ajar]):
    @override
    def refuses(self, source: Shut) -> str | None:
        raise LookupError("the key")


class Letter(Machine):
    """One way forgets to whom it goes."""

    to: str = ""


class Written(Letter): ...


class Posted(Letter): ...


class WRITE_IT(Transition[None, Written]): ...


class POST(Transition[Written, Posted]):
    @classmethod
    @override
    def after(cls, source: Written, /, **new: Any) -> "POST":
        return cls(**new)


class Echo(Machine):
    """Says more with each validation."""

    said: str = ""

    @field_validator("said")
    @classmethod
    def louder(cls, said: str) -> str:
        return said and said + "!"


class Called(Echo): ...


class CALL(Transition[None, Called]): ...


class Clay(Machine):
    """Can be changed."""

    model_config = ConfigDict(frozen=False)

    form: str = ""


class Wet(Clay): ...


class WET(Transition[None, Wet]): ...


class Track(Machine):
    """Elsewhere its end is left: nobody may say so, and here somebody did it past the definition."""


class Straight(Track): ...


class End(Track): ...


class Siding(End): ...


class LAY(Transition[None, Straight]): ...


class FINISH_IT(Transition[Straight, End]): ...


def _elsewhere() -> None:
    base: Any = Transition[Straight, Siding]
    siding: Any = new_class("SIDE", (base,), {}, lambda names: names.update(__module__="elsewhere"))
    siding.__sources__ = (End,)


_elsewhere()

ROOTS = [Coin, Bag, Gate, Letter, Echo, Clay, Track]
