"""States of a user's own that break a law each; in a process of their own, since every family would know them."""

from datetime import date
from typing import Annotated, Any

from hypothesis import strategies as st
from pydantic import ConfigDict, field_validator

from statesig import Failed, Success


class Lonely(Success):
    """Equal to nothing but itself."""

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = Success.__hash__


class Loud(Failed):
    """Says more with each validation."""

    @field_validator("message")
    @classmethod
    def louder(cls, message: str | None) -> str | None:
        return message and message + "!"


class Changing(Success):
    """Can be changed."""

    model_config = ConfigDict(frozen=False)


class Unwritten(Success):
    """Holds dates that read back as text."""

    when: Annotated[str | date, st.dates()]


class Unpacked(Success):
    """Forgets its message in a pickle."""

    def __setstate__(self, state: dict[Any, Any]) -> None:
        state["__dict__"]["message"] = "forgotten"
        super().__setstate__(state)


KINDS = [Lonely, Loud, Changing, Unwritten, Unpacked]


def local() -> type[Success[Any]]:
    """Return a class that no other process can find."""

    class Local(Success):
        pass

    return Local
