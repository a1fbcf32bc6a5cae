"""Signals to runs and their tasks: what may be sent now, kept with the run once, and handed on to whoever drives it.

A signal is kept by compare-and-set on what was read, so of several decisions on one task exactly one is kept. Only the
owner of a run's lease changes the run; a signal waits beside it until the run is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from pydantic import ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from statesig.codec.states import encode
from statesig.engine.answers import decided, is_decision
from statesig.engine.deadlines import seen_stored
from statesig.engine.journal import Journal
from statesig.engine.options import Options
from statesig.engine.places import Key, Place, places_of
from statesig.engine.stored_values import STORED, beginnings_of
from statesig.errors import FlowError, RunTaken
from statesig.flow import Flow
from statesig.graph.nodes import name_of
from statesig.http.answers import Answered, problem
from statesig.http.problems import Fault, faults_of
from statesig.http.service.driving import ACCEPTED, APPLIED, Driver
from statesig.http.service.driving import STORED as WAITS
from statesig.http.service.requests import Asking, conflict, missing, refused, stale
from statesig.http.service.views import DECISIONS, Views, is_over
from statesig.http.words import words_of
from statesig.states import Cancelled, Paused, Resume, State
from statesig.stores.store import Lease, Sent, StoredRun

__all__ = ["Signalling", "repeated"]

_TRIES: Final = 20
"""How often a signal is tried again when the run changes meanwhile; one that another process drives changes often."""


def repeated(views: Views, asking: Asking) -> Sent | None:
    """Return what was answered to an equal request of the same key before; None if there was none.

    Raises:
        Answered: There was another request of this key.
    """
    found = None if asking.key is None else views.store.sent_with(asking.key)
    if found is not None and found.digest != asking.digest:
        refused(422, "the Idempotency-Key is that of another request; a new request has a new key")
    return found


class Signalling:
    """Sends signals to the runs of a store.

    Args:
        views: Reads the store.
        driver: Drives the runs of the server's flows.
        options: The options of the runs.
    """

    def __init__(self, views: Views, driver: Driver, options: Options) -> None:
        self._views = views
        self._store = views.store
        self._driver = driver
        self._options = options

    # ---- to a task

    def to_task(self, run: StoredRun, key: Key, state: State[Any], asking: Asking) -> Sent:
        """Decide a paused task; return what is kept of that.

        Args:
            run: The run as it was read.
            key: The task, and the position of a child.
            state: The signal's state.
            asking: Who asks, and how.

        Raises:
            Answered: The signal is not possible now, or the run is not the one that is meant.
        """
        places: dict[Key, Place] = {}
        read = 0
        for _ in range(_TRIES):
            found = repeated(self._views, asking)
            if found is not None:
                return found
            signals = self._store.signals(run.id)
            if not asking.is_for(run, signals):
                stale()
            places_of(self._store.history(run, after=read), places)
            read = run.length
            self._check_task(run, key, places, signals, state)
            decision = self._decision(run, key, state)
            outcome = ACCEPTED if run.flow in self._views.flows else WAITS
            try:
                sent = self._store.send(
                    run, asking.sent(*key, encode(decision, limits=STORED), outcome), count=len(signals)
                )
            except RunTaken:
                run = self._store.look(run)
                continue
            self._hand_on(run)
            return sent
        return conflict("the run changes too often now; try again", **_SOON)

    def _check_task(
        self, run: StoredRun, key: Key, places: Mapping[Key, Place], signals: Sequence[Sent], state: State[Any]
    ) -> None:
        """Refuse a signal that the task does not take now.

        Raises:
            Answered: It does not; the problem has what is possible.
        """
        task, index = key
        name = name_of(task, index)
        now = self._views.clock()
        place = places.get(key)
        if place is None and index is not None:
            missing(f"task {name}")
        place = place or Place()
        if is_over(run):
            conflict(f"the run is over, it is {run.tag}: nothing is left to do")
        sent = next((one for one in signals if one.record is None and (one.task, one.index) == key), None)
        if sent is not None:
            conflict(f"{name} was decided by {sent.principal}, and the run has not been resumed since")
        if not place.is_paused(now, beginnings_of(Paused)):
            if seen_stored(place.data, now) is not place.data and run.flow in self._views.flows:
                self._driver.drive(run.id, run.flow)  # which records that the deadline has passed
            self._refuse(name, key, place, places)
        if not is_decision(state):
            conflict(f"{name} is {self._tag(place)}: a {state.type} cannot be sent to it", [*DECISIONS])

    def _refuse(self, name: str, key: Key, place: Place, places: Mapping[Key, Place]) -> None:
        """Refuse a signal to a task that is not paused.

        Raises:
            Answered: Always.
        """
        now = self._views.clock()
        tag = self._tag(place)
        paused = beginnings_of(Paused)
        children = [one for one, at in places.items() if one[0] == key[0] and one != key and at.is_paused(now, paused)]
        if key[1] is None and children:
            listed = ", ".join(name_of(task, index) for task, index in sorted(children, key=str)[:_FEW])
            conflict(f"{name} is not paused, its children are; send it to one of them: {listed}")
        conflict(f"{name} is not paused, it is {tag}: only a paused task is decided from outside")

    def _tag(self, place: Place) -> str:
        tag: str = self._views.state(place.data, has_result=False)["type"]
        return tag

    def _decision(self, run: StoredRun, key: Key, state: State[Any]) -> State[Any]:
        """Return a decision with the answer as the task declares it.

        Raises:
            Answered: The answer is not of the declared type, or nobody knows the type.
        """
        task, index = key
        name = name_of(task, index)
        flow = self._views.flows.get(run.flow)
        if flow is None:
            if isinstance(state, Resume) and state.has_result:
                told = f"the server was not given flow {run.flow}, so that it does not know the type of the answer"
                conflict(f"{told}; release {name} where the flow is, by statesig resume", [*DECISIONS])
            return state
        declared = _declared(flow, task)
        try:
            return decided(flow, declared, name, state)
        except FlowError as exc:
            raise Answered(problem(422, detail=exc.reason, faults=_faults_of(state, declared))) from None

    # ---- to the run itself

    def to_run(self, run: StoredRun, state: State[Any], asking: Asking) -> Sent:
        """Cancel a run, or let it go on; return what is kept of that.

        Args:
            run: The run as it was read.
            state: The signal's state.
            asking: Who asks, and how.

        Raises:
            Answered: The signal is not possible now, or the run is not the one that is meant.
        """
        for _ in range(_TRIES):
            found = repeated(self._views, asking)
            if found is not None:
                return found
            signals, lease = self._store.signals(run.id), self._store.lease(run.id)
            if not asking.is_for(run, signals):
                stale()
            waiting = {(sent.task, sent.index) for sent in signals if sent.record is None}
            places = {} if isinstance(state, Cancelled) else places_of(self._store.history(run))
            possible = self._views.possible(run, places, waiting, lease)
            self._check_run(run, state, possible)
            with suppress(RunTaken):
                if isinstance(state, Cancelled):
                    return self._cancelled(run, lease, signals, encode(state), asking)
                outcome = ACCEPTED if run.flow in self._views.flows else WAITS
                sent = self._store.send(run, asking.sent(None, None, encode(state), outcome), count=len(signals))
                self._hand_on(run)
                return sent
            run = self._store.look(run)
        return conflict("the run changes too often now; try again", **_SOON)

    def _check_run(self, run: StoredRun, state: State[Any], possible: Sequence[str]) -> None:
        """Refuse a signal that the run does not take now.

        Raises:
            Answered: It does not; the problem has what is possible.
        """
        if is_over(run):
            conflict(f"the run is over, it is {run.tag}: nothing is left to do")
        if any(isinstance(state, DECISIONS[name][0]) for name in possible):
            if isinstance(state, Resume) and state.has_result:
                conflict("the run itself takes no answer; send it to the task that waits for it", possible)
            return
        conflict(f"the run is {run.tag}: a {state.type} cannot be sent to it", possible)

    def _cancelled(
        self, run: StoredRun, lease: Lease | None, signals: Sequence[Sent], state: bytes, asking: Asking
    ) -> Sent:
        """Cancel a run, or ask the process that has it to do so.

        Raises:
            RunTaken: It has changed since it was read.
        """
        journal = Journal(self._store, run, self._options.lease, self._options.now, is_own=False)
        if lease is not None and journal.is_held():
            sent = asking.sent(None, None, state, ACCEPTED)
            kept = self._store.send(run, sent, count=len(signals), cancel=True)
            self._driver.cancel(run.id)
            return kept
        journal.acquire()
        try:
            journal.cancel_rest(asking.sent(None, None, state, APPLIED))
        finally:
            journal.release()
        return self._store.signals(run.id)[len(signals)]

    def _hand_on(self, run: StoredRun) -> None:
        """Let a run of one of the server's flows go on with what was sent to it."""
        if run.flow in self._views.flows:
            self._driver.drive(run.id, run.flow)


_SOON: Final = {"retry-after": "1"}
_FEW: Final = 10


def _declared(flow: Flow, task: str) -> Any:
    """Return the type of the answer that a task declares; None if it takes none."""
    return next((node.task.answer for node in flow.nodes if node.name == task), None)


def _faults_of(state: State[Any], declared: Any) -> list[Fault]:
    """Return what is wrong with the answer that a Resume carries, each with its path in the body."""
    if declared is None or not state.has_result:
        return []
    kind: Any = State[declared]
    try:
        kind.model_validate(state)
    except ValidationError as exc:
        return [Fault(f"body.{fault.path}", fault.reason) for fault in faults_of(exc, words_of([declared]))]
    except PydanticSchemaGenerationError:
        return []
    return []
