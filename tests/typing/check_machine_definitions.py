"""What is no state of a machine or no transition is flagged by the plugin where it is defined, and nothing else is."""

from __future__ import annotations

from typing import Any, ClassVar, Generic

import machines
from machines import Captured, Draft, Placed, Sheet
from pydantic import ConfigDict
from typing_extensions import TypeVar

from statesig import Machine, Running, Signal, Skipped, Transition

R = TypeVar("R", default=Any)

# ---- right


class Review(Machine):
    model_config = ConfigDict(title="What one thinks of it")
    kind: ClassVar[str] = "review"
    by: str


class Opened(Review): ...


class Held(Review, abstract=True): ...


class Asked(Held): ...


class Failed(Held): ...


class Repeated(Held, tag="Opened again"): ...


class Elsewhere(Draft): ...


class Box(Machine, Generic[R]): ...


class Full(Box[R], Generic[R]): ...


class Empty(Box[R], Generic[R]): ...


class Noted:
    note: str

    def shout(self) -> str:
        return self.note.upper()


class Called(Review, Noted): ...


class Answered(Noted, Review):
    kind = "answer"


class BEGIN(Transition[None, Opened]): ...


class CALL(Transition[Opened, Called]): ...


class ANSWER(Transition[Called, Answered]): ...


called = CALL.after(BEGIN(by="me").state, note="when?").state
assert ("WHEN?", "answer") == (ANSWER.after(called).state.shout(), ANSWER.after(called, note="now").state.kind)


class ASK(Transition[Opened | Held, Asked]): ...


class SPOIL(Transition[Review, Failed]): ...


class FILL(Transition[Empty[Any] | None, Full[R]], Generic[R]): ...


# ---- tags and parents


class Again(Review, tag="Opened"): ...  # P: statesig


class Between(Held, tag="Failed"): ...  # P: statesig


class Both(Opened, Draft): ...  # P: statesig


class Two(Opened, Asked): ...  # P: statesig


class Mixed(Opened, Running[Any]): ...  # P: statesig


class Outside(machines.Order): ...  # P: statesig


class OutsideToo(machines.Held): ...  # P: statesig


# ---- ways


class NOWHERE(Signal[Repeated]): ...  # P: statesig


class ABSTRACT(Transition[Opened, Held]): ...  # P: statesig


class ROOT(Transition[Opened, Review]): ...  # P: statesig


class OTHER(Transition[Draft, Repeated]): ...  # P: statesig


class ONEOTHER(Transition[Opened | Captured | None, Repeated]): ...  # P: statesig


class RUN(Transition[Running[Any], Repeated]): ...  # E: type-var  # P: statesig


class TORUN(Transition[Opened, Skipped]): ...  # E: type-var  # P: statesig


class OFONE(Transition[Full[int], Empty[Any]]): ...  # P: statesig


class SECOND(Transition[Opened, Asked]): ...  # P: statesig


class PLACED(Transition[Draft, Placed]): ...  # P: statesig


# ---- ways in another module than the root's


class Lent(Placed): ...


class Lost(machines.Dropped): ...


class Recalled(Lost): ...


class Refused(machines.Gift): ...


class LEND(Transition[Elsewhere, Lent]): ...


class LOSE(Transition[Draft | machines.Delivered, Lost]): ...  # P: statesig


class RECALL(Transition[None, Recalled]): ...  # P: statesig


class REFUSE(Transition[Draft, Refused]): ...  # P: statesig


# ---- abstract


Review(by="me")  # P: abstract
Held(by="me")  # P: abstract
Opened(by="me")
Sheet(title="a")
