"""Deadlines of pauses: past `Paused.until` a task is TimedOut, whoever looks first.

Pure functions. Whoever drives the run records the TimedOut; a reader shows it and writes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from statesig.codec.states import decode, encode
from statesig.engine.stored_values import STORED, beginnings_of
from statesig.errors import DecodeError
from statesig.states import Paused, State, TimedOut
from statesig.stores.store import Store, StoredRun

__all__ = ["deadline_passed", "seen", "seen_run", "seen_stored"]


def deadline_passed(state: State[Any], now: datetime) -> TimedOut[Any] | None:
    """Return the state of a pause whose deadline has passed; None for a pause that goes on, and any other state.

    Args:
        state: A task's state.
        now: The time, aware.
    """
    if not isinstance(state, Paused) or state.until is None or now < state.until:
        return None
    told = f"nobody released it until {state.until.isoformat(timespec='seconds').replace('+00:00', 'Z')}"
    message = told if state.message is None else f"{state.message}; {told}"
    return TimedOut(message=message, causes=state.causes, retryable=False)


def seen(state: State[Any], now: datetime) -> State[Any]:
    """Return a state as whoever looks at it now sees it: TimedOut in place of a pause whose deadline has passed."""
    return deadline_passed(state, now) or state


# ---- without the program


def seen_stored(data: bytes, now: datetime) -> bytes:
    """Return a stored state as it is seen now; the data itself if no deadline has passed.

    A user's kind of Paused counts only if its class is known here.
    """
    if b'"until"' not in data:
        return data
    try:
        passed = deadline_passed(decode(data, limits=STORED), now)
    except DecodeError:
        return data
    return data if passed is None else encode(passed)


def seen_run(run: StoredRun, store: Store, now: datetime) -> StoredRun:
    """Return a stored run as it is seen now: TimedOut once the deadline of each of its pauses has passed.

    Args:
        run: The run. Its own state, if that is Paused, has the earliest deadline of its tasks, or what a handler of the
            flow said instead.
        store: Where its history is.
        now: The time, aware.
    """
    own = seen_stored(run.state, now)
    if own is run.state:
        return run
    last = {(one.task, one.index): one.state for one in store.history(run) if one.task is not None}
    paused = [data for data in last.values() if data.startswith(beginnings_of(Paused))]
    if any(seen_stored(data, now) is data for data in paused):
        return run
    return replace(run, state=own, tag="TimedOut")
