"""What is done in a worker of a cluster, and how calls and outcomes are written for the way there and back.

Nothing here knows who chose the worker, or why.
"""

from __future__ import annotations

import contextvars
import io
import pickle
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from statesig.executors.calls import Call, Outcome, performed
from statesig.executors.pickling import packed, packed_outcome, unpacked, unpacked_outcome
from statesig.graph.tasks import Task
from statesig.states import Failed, State, TimedOut

__all__ = ["Answer", "greet", "read", "recall", "run", "write"]

Answer = tuple[bool, bytes]
"""Whether a call could be loaded in the worker, and the outcome."""


def write(call: Call) -> bytes | Failed[Any]:
    """Return a call as a worker reads it, or the state of a task that cannot be called there.

    What a worker cannot import goes by value: what stands in the program itself, or in a function.
    """
    data = packed(call)
    if isinstance(data, bytes) and _MAIN not in data:
        return data
    by_value = _by_value((call.task, call.args, call.kwargs, call.attempt, call.redact, call.traceback))
    return data if by_value is None else by_value


def read(call: Call, answer: Answer) -> Outcome:
    """Return what a worker wrote of a call, or the outcome that says that it cannot be read here."""
    is_loaded, data = answer
    return unpacked_outcome(call, data, is_redacted=is_loaded)


def greet(dask_worker: Any) -> str:
    """Return what the worker is called: another process that has its address is called otherwise."""
    return str(dask_worker.id)


class _Progress:
    """How far a submission is in this worker."""

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
"""How many submissions that have ended are remembered, for those who ask just then."""


def run(number: str, identity: str, parts: Mapping[int, bytes]) -> dict[int, Answer] | None:
    """Perform the calls of a submission in their order, save for those that are withdrawn.

    Returns:
        What each left, by its index; None where this is not the worker that was meant, and nothing was begun.
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
    """Withdraw calls of a submission, as far as they have not begun.

    Returns:
        What its calls left so far, by their indexes; and which of those asked about will not begin.
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
    """Return an outcome as bytes, by value where it must be; None where it cannot be written."""
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
"""What is in the bytes of whatever is pickled by its name in the program itself, which is another in a worker."""


def _by_name(value: object) -> bytes | None:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except BaseException:  # whatever the code of a value's class raises: it is tried by value
        return None


def _by_value(value: object) -> bytes | None:
    import cloudpickle  # type: ignore[import-untyped]  # it has no types of its own

    base: Any = cloudpickle.Pickler

    def reducer_override(self: Any, obj: Any) -> Any:
        if type(obj) is Task and not _is_importable(obj):
            return _task, (obj.fn, obj.name, obj.timeout)
        return base.reducer_override(self, obj)

    file = io.BytesIO()
    # Not by a class statement: what has no types can be no base to mypy, nor be found by it within a function.
    pickler: Any = type("Pickler", (base,), {"reducer_override": reducer_override})(file)
    try:
        pickler.dump(value)
    except BaseException:  # the refusal by name is the one that is told of
        return None
    return file.getvalue()


def _task(fn: Any, name: str, timeout: float | None) -> Task[Any, Any]:
    """Return of a task what is needed to perform it."""
    return Task(fn, name=name, timeout=timeout)


def _is_importable(task: Any) -> bool:
    return isinstance(task.__reduce__(), str) and task.__module__ != "__main__"
