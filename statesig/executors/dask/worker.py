"""Run calls in a worker of a cluster, and pack calls and outcomes for the way there and back.

Nothing here may know the choice of the worker.
"""

from __future__ import annotations

import contextvars
import io
import pickle
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from statesig.algebra.captures import RetryOn
from statesig.executors.calls import Call, Outcome, performed
from statesig.executors.pickling import packed, packed_outcome, unpacked, unpacked_outcome
from statesig.graph.tasks import Task
from statesig.states import Failed, State, TimedOut

__all__ = ["Answer", "greet", "read", "recall", "run", "write"]

Answer = tuple[bool, bytes]
"""Whether the worker could load the call, and the packed outcome."""


def write(call: Call) -> bytes | Failed[Any]:
    """Return a call as bytes for a worker, or the state of a task that cannot be called there.

    Code that a worker cannot import goes by value: that defined in ``__main__`` or inside a function.
    """
    data = packed(call)
    if isinstance(data, bytes) and _MAIN not in data:
        return data
    by_value = _by_value((call.task, call.args, call.kwargs, call.attempt, call.redact, call.traceback))
    return data if by_value is None else by_value


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
    return True, _written(outcome) or packed_outcome(outcome, call.redact)


def _written(outcome: Outcome) -> bytes | None:
    """Return an outcome as bytes, by value if necessary; None if it cannot be pickled."""
    data = _by_name(outcome)
    return _by_value(outcome) if data is None or _MAIN in data else data


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


# ---- as bytes

_MAIN = b"__main__"
"""Occurs in the bytes of a value pickled by name in ``__main__``, which is another module in a worker."""


def _by_name(value: object) -> bytes | None:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except BaseException:  # the code of a value's class may raise anything; by value may work
        return None


def _by_value(value: object) -> bytes | None:
    import cloudpickle  # type: ignore[import-untyped]  # it has no types

    base: Any = cloudpickle.Pickler

    def reducer_override(self: Any, obj: Any) -> Any:
        if type(obj) is Task and not _is_importable(obj):
            return _task, (obj.fn, obj.name, obj.timeout, obj.retry_on, obj.answer)
        return base.reducer_override(self, obj)

    file = io.BytesIO()
    # Not a class statement: mypy refuses an untyped base.
    pickler: Any = type("Pickler", (base,), {"reducer_override": reducer_override})(file)
    try:
        pickler.dump(value)
    except BaseException:  # the error reports the refusal by name
        return None
    return file.getvalue()


def _task(fn: Any, name: str, timeout: float | None, retry_on: RetryOn | None, answer: object) -> Task[Any, Any]:
    """Return a task with only the parts that performing it needs."""
    return Task(fn, name=name, timeout=timeout, retry_on=retry_on, answer=answer)


def _is_importable(task: Any) -> bool:
    return isinstance(task.__reduce__(), str) and task.__module__ != "__main__"
