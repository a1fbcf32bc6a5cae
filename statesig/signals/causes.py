"""The causes of a signal: those that its state keeps, and those that it was raised from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from statesig.signals.definitions import Carrier, carries_state
from statesig.states import ErrorInfo, State
from statesig.states.descriptions import cause_of, describe, name_of

__all__ = ["causes_of", "chain_of"]


def causes_of(
    signal: Carrier, *, redact: Callable[[str], str] | None = None, traceback: bool | Literal["last"] = False
) -> tuple[ErrorInfo, ...]:
    """Return a signal's causes: those of its state, then those it was raised from, outermost first.

    Pickling copies the causes into the state. They are not taken twice where unpickling restored the cause, too: tblib,
    which Dask loads, teaches pickle to keep the causes of every exception.
    """
    own = _own_causes(signal)
    cause = cause_of(signal)
    if own and cause is not None:
        plain = chain_of(cause)
        if own[-len(plain) :] == plain:
            return own
    return (*own, *chain_of(cause, redact=redact, traceback=traceback))


def chain_of(
    cause: BaseException | None,
    *,
    redact: Callable[[str], str] | None = None,
    traceback: bool | Literal["last"] = False,
) -> tuple[ErrorInfo, ...]:
    """Return the descriptions of an exception and of its causes, outermost first.

    A signal in the chain gives its state's causes; the remote traceback of a process pool ends the chain.
    """
    found: list[ErrorInfo] = []
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen and not _is_remote_traceback(cause):
        seen.add(id(cause))
        if carries_state(cause):
            found.extend(_own_causes(cause))
        else:
            found.append(describe(cause, redact=redact, traceback=traceback))
        cause = cause_of(cause)
    return tuple(found)


def _own_causes(signal: Carrier) -> tuple[ErrorInfo, ...]:
    """Return the causes that a signal's state keeps; that of a machine keeps none."""
    state: object = signal.state
    return state.causes if isinstance(state, State) else ()


def _is_remote_traceback(cause: BaseException) -> bool:
    """Tell whether a cause is the remote traceback that a process pool adds; it is not an exception of the task."""
    module, _, name = name_of(type(cause)).rpartition(".")
    return name.lstrip("_") == "RemoteTraceback" and module in ("concurrent.futures.process", "multiprocessing.pool")
