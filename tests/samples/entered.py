"""Tasks that say what an observer has entered where they run."""

from contextvars import ContextVar

from statesig import task

ENTERED: ContextVar[str] = ContextVar("entered", default="nothing")
"""What an observer has entered."""


class Enters:
    """Sets the variable to a text; pickled by its class."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self) -> None:
        ENTERED.set(self.text)


class Unknown(Enters):
    """Cannot be unpickled, as where its module is not installed."""

    def __reduce__(self) -> tuple[object, ...]:
        return __import__, ("no_such_module",)


@task
def entered(number: int) -> str:
    return ENTERED.get()


@task
async def entered_later(number: int) -> str:
    return ENTERED.get()


@task(timeout=60)
def entered_aside(number: int) -> str:
    return ENTERED.get()
