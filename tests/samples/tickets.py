"""A machine of its own for tests: a ticket, which is open, in one of two ways held, or closed."""

from __future__ import annotations

from typing_extensions import TypeAliasType, override

from statesig import Failed, Machine, Success, Transition


class Ticket(Machine):
    """What somebody asks for."""

    title: str


class Open(Ticket): ...


class Held(Ticket, abstract=True):
    """A group: it waits for somebody."""

    by: str = "somebody"


class Asked(Held): ...


class Blocked(Held): ...


class Closed(Ticket): ...


class FILE(Transition[None, Open]): ...


class ASK(Transition[Open, Asked]): ...


class BLOCK(Transition[Open, Blocked]): ...


class CLOSE(Transition[Open | Held, Closed]):
    """It may not be closed while nobody is named."""

    @override
    def refuses(self, source: Open | Held) -> str | None:
        return "nobody is named" if isinstance(source, Held) and not source.by else None


AnyTicket = Open | Closed
OneTicket = TypeAliasType("OneTicket", AnyTicket)
Ended = Success[int] | Failed
Mixed = Open | Success
