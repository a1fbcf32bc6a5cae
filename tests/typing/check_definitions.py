"""What is no state or no signal is flagged by the plugin where it is defined, and nothing else is."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

import kinds
from kinds import QUARANTINE, OnHold, Quarantined

from statesig import (
    SKIP,
    Failed,
    Finished,
    MetaState,
    Pending,
    Queued,
    Retrying,
    Scheduled,
    Signal,
    Skipped,
    State,
    Success,
)

StateT = TypeVar("StateT", bound=State[Any])
R = TypeVar("R", covariant=True)

# ---- right: a state, and its signal in each way of writing it


class Torn(Failed[R], Generic[R]):
    at: int


class TEAR(Signal[Torn[Any]]): ...


class Plain(Success[int]): ...


class PLAIN(Signal[Plain]):
    """With a docstring, and a method."""

    def text(self) -> str:
        return self.state.message or ""


class Tagged(Skipped[R], Generic[R], tag="tagged.by.hand"): ...


Base = Signal
Alias = Tagged


class TAGGED(Base[Alias[Any]]): ...


class Wrapping(Queued[R], Generic[R]):
    place: int = 1


class WRAP(Signal[Wrapping[Any]]): ...


class OUTER(Exception):
    class Inner(Retrying[int]):
        hint: str = ""

    class INNER(Signal[Inner]): ...


class Later(Scheduled[R], Generic[R]): ...


class LATER(Signal[Later[R]], Generic[R]): ...


# ---- a signal of an abstract state


class ANY(Signal[State[Any]]): ...  # P: statesig


class ANYTHING(Signal[State]): ...  # P: statesig


class DONE(Signal[Finished[Any]]): ...  # P: statesig


class META(Signal[MetaState[Any]]): ...  # P: statesig


# ---- a signal of what is no state, or of none


class NUMBER(Signal[int]): ...  # E: type-var  # P: statesig


class Quoted(Failed[int]): ...


class QUOTED(Signal["Quoted"]): ...  # P: statesig


class OTHER(Signal[SKIP]): ...  # E: type-var  # P: statesig


class EITHER(Signal[Skipped[Any] | Failed[Any]]): ...  # P: statesig


class VARIABLE(Signal[StateT], Generic[StateT]): ...  # P: statesig


class UNKNOWN(Signal[Any]): ...  # P: statesig


class BARE(Signal): ...  # P: statesig


# ---- a second signal of a state: beside it, of an imported one's, below it


class TEARS(Signal[Torn[int]]): ...  # P: statesig


class PLAINER(Signal[Plain]): ...  # P: statesig


class LEAVE(Signal[Skipped[Any]]): ...  # P: statesig


class ASIDE(Signal[Quarantined[Any]]): ...  # P: statesig


class KEEP(Signal[kinds.OnHold[Any]]): ...  # P: statesig


class DEEPER(TEAR): ...  # P: statesig


class DEEPEST(QUARANTINE): ...  # P: statesig


# ---- a tag that is taken: of a built-in state's, by one beside it, by an imported one, by hand


class Skipping(Failed[R], Generic[R], tag="Skipped"): ...  # P: statesig


class Torn2(Success[R], Generic[R], tag="Torn"): ...  # P: statesig


class Quarantining(Pending[R], Generic[R], tag="Quarantined"): ...  # P: statesig


class Hand(Failed[R], Generic[R], tag="tagged.by.hand"): ...  # P: statesig


class Outer:
    class Torn(Failed[R], Generic[R]): ...  # P: statesig


TAG: Final = "Torn"
FREE: Final = "free"


class ByConstant(Failed[R], Generic[R], tag=TAG): ...  # P: statesig


class ByImported(Failed[R], Generic[R], tag=kinds.TAKEN): ...  # P: statesig


class ByFree(Failed[R], Generic[R], tag=FREE): ...


# ---- a tag that cannot be one


class Numbered(Failed[R], Generic[R], tag=3): ...  # E: any  # P: statesig  # missed: mypy, pyright, pyrefly


class Byted(Failed[R], Generic[R], tag=b"x"): ...  # E: any  # P: statesig  # missed: mypy, pyright, pyrefly


class Nameless(Failed[R], Generic[R], tag=""): ...  # P: statesig


# ---- a field with another default, and without its annotation


class Unannotated(Failed[R], Generic[R]):  # P: statesig
    retryable = False  # type: ignore[pydantic-field, unused-ignore]  # which pydantic's plugin sees as well


class Lasting(Failed[R], Generic[R]):
    retryable: bool = False


# ---- a state in the wrong place


class Root(State[R], Generic[R]): ...  # P: statesig


class Leaf(Finished[R], Generic[R]): ...  # P: statesig


class Two(Failed[R], OnHold[R], Generic[R]): ...  # E: misc  # P: statesig


# ---- in a function, where nobody imports them


def local() -> None:
    class Inside(Skipped[int]):
        where: str

    class INSIDE(Signal[Inside]): ...

    raise INSIDE(where="here")
