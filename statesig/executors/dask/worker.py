"""Run calls in a worker of a cluster, and pack calls and outcomes for the way there and back.

Nothing here may know the choice of the worker.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from statesig.executors.calls import Call, Outcome, performed
from statesig.executors.pickling import packed, packed_outcome, unpacked, unpacked_outcome, with_context
from statesig.states import Failed, State, TimedOut

__all__ = ["Answer", "begun", "greet", "read", "recall", "run", "write"]

Answer = tuple[bool, bytes]
"""Whether the worker could load the call, and the packed outcome."""


def write(call: Call) -> bytes | Failed[Any]:
    """Return a call as bytes for a worker, or the state of a task that cannot be called there.

    Code that a worker cannot import goes by value: that defined in ``__main__`` or inside a function.
    """
    data = packed(call, has_main=False)
    return with_context(data, call) if isinstance(data, bytes) else data


def read(call: Call, answer: Answer) -> Outcome:
    """Return the outcome in a worker's answer, or one that says that it cannot be read here."""
    is_loaded, data = answer
    return unpacked_outcome(call, data, is_redacted=is_loaded)


def greet(dask_worker: Any) -> str:
    """Return the worker's identity; another process at the same address has a different one."""
    return str(dask_worker.id)


class _Progress:
    """The progress of a submission in this worker."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.begun: set[int] = set()
        self.withdrawn: set[int] = set()
        self.answers: dict[int, Answer] = {}

    def begin(self, index: int) -> bool:
        with self.lock:
            if index in self.withdrawn:
                return False
            self.begun.add(index)
            return True

    def withdraw(self, indexes: Sequence[int]) -> list[int]:
        with self.lock:
            gone = [index for index in indexes if index not in self.begun]
            self.withdrawn.update(gone)
            return gone


_progress: dict[str, _Progress] = {}
_ended: deque[str] = deque()
_KEPT = 200
"""Ended submissions to remember, for a `recall` that arrives late."""


def run(number: str, identity: str, parts: Mapping[int, bytes]) -> dict[int, Answer] | None:
    """Perform the calls of a submission in order, except those that are withdrawn.

    Returns:
        Their answers by index; None if the submission was meant for another process, and nothing began.
    """
    from distributed import get_worker

    worker = get_worker()
    if worker.id != identity:
        return None
    progress = _progress.setdefault(number, _Progress())
    for index, part in parts.items():
        if progress.begin(index):
            progress.answers[index] = _answer(part, str(worker.address))
    _ended.append(number)
    while len(_ended) > _KEPT:
        _progress.pop(_ended.popleft(), None)
    answers, progress.answers = progress.answers, {}
    return answers


def begun(numbers: Sequence[str]) -> list[str]:
    """Return those submissions of which a call has begun."""
    return [number for number in numbers if number in _progress and _progress[number].begun]


def recall(number: str, indexes: Sequence[int]) -> tuple[dict[int, Answer], list[int]]:
    """Withdraw those calls of a submission that have not begun.

    Returns:
        The answers of its calls so far, by index; and the indexes of the calls that were withdrawn.
    """
    progress = _progress.setdefault(number, _Progress())
    gone = progress.withdraw(indexes)
    return dict(progress.answers), gone


def _answer(part: bytes, address: str) -> Answer:
    call = unpacked(part)
    if not isinstance(call, Call):
        return False, packed_outcome(Outcome(call, 0.0, address))
    outcome = _performed(call, address)._replace(worker=address, raised=None)
    return True, packed_outcome(outcome, call.redact, has_main=False)


def _performed(call: Call, address: str) -> Outcome:
    seconds = call.task.timeout
    if seconds is None:
        return performed(call)
    outcomes: list[Outcome] = []
    context = contextvars.copy_context()
    helper = threading.Thread(
        target=lambda: outcomes.append(context.run(performed, call)), name="statesig-task", daemon=True
    )
    helper.start()
    helper.join(seconds)
    if outcomes:
        return outcomes[0]
    state: State[Any] = TimedOut(message=f"took longer than {seconds:g} s; its thread goes on in worker {address}")
    return Outcome(state, seconds, address)
