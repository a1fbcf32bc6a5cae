"""Drive runs in worker threads: those that were begun or continued through the server, and after a restart again.

A run that is driven is always resumed: who begins one only stores it. So a process that dies between two steps leaves
nothing that a later one does not find in the store.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from statesig.engine.journal import own_state
from statesig.engine.options import Options
from statesig.engine.runner import reopen
from statesig.engine.runs import Run
from statesig.errors import FlowError, NoRun, RunTaken, StatesigError, StoreDamaged
from statesig.flow import Flow
from statesig.http.service.alarms import Alarms
from statesig.states import Finished, Paused
from statesig.stores.leases import is_held
from statesig.stores.store import Store, StoredRun

__all__ = ["ACCEPTED", "APPLIED", "STARTED", "STORED", "Driver"]

STARTED: Final = "started"
ACCEPTED: Final = "accepted"
APPLIED: Final = "applied"
STORED: Final = "stored"
"""What a sender is told: a run was begun, the server acts on the signal, it is applied, or it waits for a resume."""

_AGAIN: Final = 1.0
"""Seconds after which a run that another process has is tried again."""

_MOMENT: Final = 0.1
"""Seconds between two looks at whether a thread is to be given up."""

_logger = logging.getLogger("statesig.http")


@dataclass(slots=True)
class _Driven:
    """A run that waits for a worker, or that one drives.

    Args:
        flow: Its flow.
        run: The run, while a worker drives it.
        is_again: Whether something has come since the worker began.
    """

    flow: Flow
    run: Run | None = None
    is_again: bool = field(default=False)


class Driver:
    """Drives the runs of some flows in a bounded number of threads.

    Args:
        store: The store of the runs.
        flows: The flows by name.
        options: The options of each run.
        workers: The number of threads, at most.
    """

    def __init__(self, store: Store, flows: Mapping[str, Flow], options: Options, workers: int) -> None:
        self._store = store
        self._flows = flows
        self._options = options
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._driven: dict[str, _Driven] = {}
        self._lock = threading.Lock()
        self._is_stopping = False
        self._gives_up = False
        self._alarms = Alarms(options.now)

    def drive(self, run: str, flow: str) -> None:
        """Let a run go on, as far as it can; one that goes on already takes what has come for it.

        For that it is interrupted: what runs ends, nothing else is begun, and then it is resumed.

        Args:
            run: Its identity.
            flow: The name of its flow, one of the driver's.
        """
        with self._lock:
            if self._is_stopping:
                return  # the store has what is to be done, for the next server
            driven = self._driven.get(run)
            if driven is not None:
                driven.is_again = True
                if driven.run is not None:
                    driven.run.interrupt()
                return
            self._driven[run] = _Driven(self._flows[flow])
            self._queue.put(run)
            if len(self._threads) < min(self._workers, len(self._driven)):
                thread = threading.Thread(target=self._work, name=f"statesig run {len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def cancel(self, run: str) -> None:
        """Cancel a run at once if it is driven here; the store has the request already."""
        with self._lock:
            driven = self._driven.get(run)
            if driven is not None and driven.run is not None:
                driven.run.cancel()

    # ---- the end

    def stop(self, *, now: bool = False) -> None:
        """Begin nothing further, and leave the runs as they are, to be resumed; may be called from any thread.

        Args:
            now: Whether to stop running tasks, too, as far as possible; otherwise they may finish.
        """
        with self._lock:
            self._is_stopping = True
            self._gives_up = self._gives_up or now
            for driven in self._driven.values():
                if driven.run is not None:
                    driven.run.interrupt(now=now)
            for _ in self._threads:
                self._queue.put(None)
        self._alarms.stop()

    def wait(self) -> None:
        """Wait until no run is driven any more; once they are to be stopped now, not for functions that go on."""
        for thread in self._threads:
            while thread.is_alive() and not self._gives_up:
                thread.join(_MOMENT)

    # ---- the beginning

    def take_up(self) -> None:
        """Continue the runs that a server began or continued and that no process has, and watch deadlines of pauses."""
        for run in self._store.runs(damaged=_tell):
            if run.flow in self._flows:
                try:
                    self._take_up(run)
                except StatesigError as exc:
                    _tell(exc, run.id)

    def _take_up(self, run: StoredRun) -> None:
        state = own_state(self._store, run)
        if isinstance(state, Finished):
            return
        signals = self._store.signals(run.id)
        if any(sent.record is None for sent in signals):
            self.drive(run.id, run.flow)
        elif isinstance(state, Paused):
            self._watch(run, state)
        elif any(sent.outcome in (STARTED, ACCEPTED) for sent in signals):
            self.drive(run.id, run.flow)

    def _watch(self, run: StoredRun, state: Paused[object]) -> None:
        """Let the run go on once the deadline of its next pause has passed, which records that."""
        if state.until is not None:
            self._alarms.at(state.until, partial(self.drive, run.id, run.flow))

    # ---- one thread

    def _work(self) -> None:
        while (run := self._queue.get()) is not None:
            self._go_on(run)

    def _go_on(self, id: str) -> None:
        """Drive a run until nothing has come for it meanwhile."""
        driven = self._driven[id]
        while True:
            try:
                delay = self._once(id, driven)
            except Exception as exc:  # a run that cannot be driven must not end the thread of the others
                _tell(exc, id)
                delay = None
            with self._lock:
                driven.run = None
                if driven.is_again and not self._is_stopping and delay is None:
                    driven.is_again = False
                    continue
                del self._driven[id]
            if delay is not None:
                self._alarms.after(delay, partial(self.drive, id, driven.flow.name))
            return

    def _once(self, id: str, driven: _Driven) -> float | None:
        """Drive a run as far as it goes; return the seconds after which to try again, None for not at all."""
        try:
            stored = self._store.find(id)
            if not self._has_reason(stored):
                return None
            if is_held(self._store, id, self._options.now(), self._options.lease):
                return _AGAIN
            run = reopen(driven.flow, id, (), self._options)
            with self._lock:
                if self._is_stopping:
                    return None
                driven.run = run
            run.start()
        except FlowError as exc:
            if driven.run is None:
                _tell(exc, id)
                return None
            # the deadline of the run's own pause has passed, which is recorded
        except NoRun:
            return None  # it was removed
        except RunTaken:
            return _AGAIN
        stored = self._store.find(id)
        state = own_state(self._store, stored)
        if isinstance(state, Paused):
            self._watch(stored, state)
        return None

    def _has_reason(self, stored: StoredRun) -> bool:
        """Tell whether to resume a run: one that waits for people waits for their signals, or until its deadline."""
        state = own_state(self._store, stored)
        if not isinstance(state, Paused):
            return not isinstance(state, Finished)
        is_late = state.until is not None and state.until <= self._options.now()
        return is_late or any(sent.record is None for sent in self._store.signals(stored.id))


def _tell(exc: Exception, run: str = "") -> None:
    """Log that a run cannot be driven: by the class of the error, as its text may have values in it."""
    if isinstance(exc, StoreDamaged):
        _logger.error("the store of the server is damaged: statesig check-store says where")
    else:
        _logger.error("run %s cannot be driven by the server: %s", run, type(exc).__name__)
