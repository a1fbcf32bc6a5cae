"""What the workers of a process pool are asked to do."""

import os
from typing import Any

from statesig import State, Success, signal_of


def raise_signal(state: State[Any]) -> None:
    """Raise the signal of a state, with a note and from an error."""
    signal = signal_of(state)
    signal.add_note("raised in a worker")
    raise signal from ValueError("the worker's own")


def raise_plainly(state: State[Any]) -> None:
    """Raise the signal of a state as it is."""
    raise signal_of(state)


def give_back(state: State[Any]) -> State[Any]:
    return state


def parametrised(result: object) -> State[Any]:
    """Return a state of a class that is first parametrised here."""
    return Success[type(result)](result=result)


def nested() -> State[Any]:
    """Return a state that is parametrised by a parametrised state."""
    return Success[Success[int]](result=Success[int](result=1))


def nested_in_a_list() -> State[Any]:
    """Return a state that is parametrised by a list of parametrised states."""
    return Success[list[Success[int]]](result=[Success[int](result=1)])


def pid() -> int:
    return os.getpid()
