"""Read a store as the server shows it: states as they are seen now, without what they may not show.

Nothing here writes. A state whose class this program does not know is shown by its tag alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from statesig.codec.states import decode, encode
from statesig.engine.deadlines import seen, seen_run
from statesig.engine.places import PENDING, Key, Place, places_of
from statesig.engine.processes import UNDER_WAY, process_of
from statesig.engine.stored_values import STORED, beginnings_of
from statesig.errors import DecodeError, EncodeError
from statesig.flow import Flow
from statesig.http.answers import Boundary
from statesig.http.service.access import Verb
from statesig.http.service.documents import (
    EventDocument,
    FlowDocument,
    RunDocument,
    SentDocument,
    SummaryDocument,
    TaskDocument,
    TaskHistoryDocument,
)
from statesig.states import Cancelled, Failed, Finished, Paused, Resume, State, Success
from statesig.states.tags import tags_of
from statesig.stores.leases import holds
from statesig.stores.store import NOTHING, Lease, Record, Sent, Store, StoredRun

__all__ = ["DECISIONS", "Views", "is_over"]

DECISIONS: Final[Mapping[str, tuple[type[State[Any]], Verb]]] = {
    "Resume": (Resume, "resume"),
    "Failed": (Failed, "fail"),
    "Cancelled": (Cancelled, "cancel"),
}
"""The families of signals by which a person decides a paused task, each with the verb that allows it."""

_MOST: Final = 100
"""The number of unsuccessful children of a mapped task that are listed."""

_SHORT: Final = 200


def is_over(run: StoredRun) -> bool:
    """Tell whether a run is over, as far as this program knows the class of its state."""
    return run.tag in tags_of(Finished)


@dataclass(slots=True)
class _Run:
    """A run while its document is made.

    Args:
        stored: The run.
        flow: Its flow, if the server has it.
        now: The time.
        places: Its tasks and children.
        waiting: The signals that wait, by task and position.
        is_over: Whether the run is over.
        paused: The beginnings of the stored states that are Paused.
        successful: The tags of the states that are a Success.
        children: The positions of children by task.
    """

    stored: StoredRun
    flow: Flow | None
    now: datetime
    places: dict[Key, Place]
    waiting: dict[tuple[str | None, int | None], Sent]
    is_over: bool
    paused: tuple[bytes, ...]
    successful: frozenset[str]
    children: dict[str, list[int]] = field(default_factory=dict[str, list[int]])


class Views:
    """Makes the documents of a store.

    Args:
        store: The store.
        flows: The flows that the server drives, by name.
        boundary: What states may show.
        clock: Returns the time, aware.
        lease: Seconds that a lease lasts.
    """

    def __init__(
        self,
        store: Store,
        flows: Mapping[str, Flow],
        boundary: Boundary,
        clock: Callable[[], datetime],
        lease: float,
    ) -> None:
        self.store = store
        self.flows = flows
        self.clock = clock
        self._boundary = boundary
        self._lease = lease
        self._short: dict[bytes, dict[str, Any]] = {}
        self._answers: dict[tuple[str, str], dict[str, Any] | None] = {}

    # ---- states and signals

    def state(self, data: bytes, *, has_result: bool = True) -> dict[str, Any]:
        """Return a stored state as it leaves the server.

        Args:
            data: The state as it is stored.
            has_result: Whether its result is shown.
        """
        found = self._short.get(data)
        if found is None:
            found = self._state(data)
            if len(data) < _SHORT and b'"until"' not in data:  # one with a deadline is another once that is past
                if len(self._short) >= _MOST * _MOST:
                    self._short.clear()
                self._short[data] = found
        return found if has_result else {name: value for name, value in found.items() if name != "result"}

    def _state(self, data: bytes) -> dict[str, Any]:
        try:
            state: State[Any] = decode(data, limits=STORED)
            shown = encode(self._boundary.exposed(seen(state, self.clock())), limits=STORED)
        except (DecodeError, EncodeError, ValidationError):
            return {"type": from_json(data)["type"]}
        document: dict[str, Any] = from_json(shown)
        return document

    def sent(self, sent: Sent) -> SentDocument:
        """Return the document of a signal that was sent to a run."""
        return SentDocument(
            run=sent.run,
            number=sent.number,
            task=sent.task,
            index=sent.index,
            signal=self.state(sent.state),
            principal=sent.principal,
            time=sent.time,
            outcome=sent.outcome,
            event=sent.record if sent.record is not None and sent.record > 0 else None,
            failed=sent.record == NOTHING,
        )

    # ---- flows

    def flow(self, flow: Flow) -> FlowDocument:
        """Return the document of a flow that the server runs."""
        properties = {name: _schema_of(parameter.type) for name, parameter in flow.parameters.items()}
        required = [name for name, parameter in flow.parameters.items() if parameter.required]
        schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return FlowDocument(flow=flow.name, parameters=schema, tasks=[node.name for node in flow.nodes])

    # ---- runs

    def runs(
        self,
        tags: Collection[str] | None,
        flow: str | None,
        after: tuple[datetime, str] | None,
        limit: int,
        is_allowed: Callable[[StoredRun], bool],
    ) -> tuple[list[SummaryDocument], tuple[datetime, str] | None]:
        """Return some runs as they are seen now, and after which run those begin that follow, if any do.

        Args:
            tags: The tags of their states; None: any.
            flow: The name of their flow; None: any.
            after: When the run began after which the list begins, and its identity.
            limit: The number of runs, at most.
            is_allowed: Tells whether somebody may see a run.
        """
        stored = None if tags is None else {*tags, *(tags_of(Paused) if "TimedOut" in tags else ())}
        now, found = self.clock(), list[StoredRun]()
        size = limit + 1
        while len(found) <= limit:
            page = self.store.runs_page(tags=stored, flow=flow, limit=size, after=after)
            for run in (seen_run(run, self.store, now) for run in page if is_allowed(run)):
                if tags is None or run.tag in tags:
                    found.append(run)
            if len(page) < size:
                break
            after, size = (page[-1].created, page[-1].id), 2 * size  # somebody may see few of many
        summaries = [self._summary(run, now) for run in found[:limit]]
        return summaries, (found[limit - 1].created, found[limit - 1].id) if len(found) > limit else None

    def summary(self, stored: StoredRun) -> SummaryDocument:
        """Return a run as it is seen now, without its tasks."""
        now = self.clock()
        return self._summary(seen_run(stored, self.store, now), now)

    def _summary(self, run: StoredRun, now: datetime) -> SummaryDocument:
        lease = self.store.lease(run.id) if run.tag in UNDER_WAY else None
        return SummaryDocument(**self._of_a_run(run, lease, now), tasks=len(json.loads(run.graph)["tasks"]))

    def _of_a_run(self, run: StoredRun, lease: Lease | None, now: datetime) -> dict[str, Any]:
        return {
            "run": run.id,
            "flow": run.flow,
            "state": self.state(run.state),
            "process": process_of(run, lease, now, self._lease) or None,
            "origin": run.origin,
            "created": run.created,
            "changed": run.changed,
        }

    def run(self, stored: StoredRun, signals: Sequence[Sent]) -> RunDocument:
        """Return a run with its tasks.

        Args:
            stored: The run.
            signals: The signals that were sent to it.
        """
        run = self._read(stored, signals, self.store.history(stored))
        seen_now = seen_run(stored, self.store, run.now)
        lease = self.store.lease(stored.id)
        tasks = json.loads(stored.graph)["tasks"]
        return RunDocument(
            **self._of_a_run(seen_now, lease, run.now),
            served=run.flow is not None,
            cancelling=lease is not None and lease.cancel,
            possible=self.possible(stored, run.places, run.waiting, lease),
            again=run.flow is not None and run.is_over,
            tasks=[self._task(run, tasks, index, None) for index in range(len(tasks))],
            signals=[self.sent(sent) for sent in signals],
            length=stored.length,
        )

    def possible(
        self,
        run: StoredRun,
        places: Mapping[Key, Place],
        waiting: Collection[tuple[str | None, int | None]],
        lease: Lease | None,
    ) -> list[str]:
        """Return the families of signals that a run itself takes now.

        Args:
            run: The run.
            places: Its tasks and children.
            waiting: The tasks to which signals were sent that wait.
            lease: The lease on it.
        """
        if is_over(run):
            return []
        found = [] if lease is not None and lease.cancel else ["Cancelled"]
        paused = beginnings_of(Paused)
        if run.state.startswith(paused):
            can_go_on = not any(place.data.startswith(paused) for place in places.values())
        else:
            can_go_on = run.flow in self.flows and not (lease and holds(lease, self.clock(), self._lease))
        return ["Resume", *found] if can_go_on and (None, None) not in waiting else found

    def _read(self, stored: StoredRun, signals: Iterable[Sent], records: Iterable[Record]) -> _Run:
        waiting = {(sent.task, sent.index): sent for sent in signals if sent.record is None}
        places = places_of(records)
        run = _Run(
            stored,
            self.flows.get(stored.flow),
            self.clock(),
            places,
            waiting,
            is_over=is_over(stored),
            paused=beginnings_of(Paused),
            successful=tags_of(Success),
        )
        for task, index in places:
            if index is not None:
                run.children.setdefault(task, []).append(index)
        return run

    # ---- tasks

    def task(self, stored: StoredRun, signals: Sequence[Sent], key: Key) -> TaskHistoryDocument | None:
        """Return a task of a run, or a child, with its history; None for a child that there is not."""
        records = list(self.store.history(stored))
        run = self._read(stored, signals, records)
        task, index = key
        if index is not None and key not in run.places:
            return None
        tasks = json.loads(stored.graph)["tasks"]
        place = next(place for place, entry in enumerate(tasks) if entry[0] == task)
        who = _principals_of(signals)
        told = enumerate(records, 1)
        events = [self._event(stored.id, at, one, who) for at, one in told if (one.task, one.index) == key]
        found = self._task(run, tasks, place, index).model_dump(exclude={"state"})
        state = self.state(run.places[key].data if key in run.places else PENDING)
        return TaskHistoryDocument(**found, state=state, events=events)

    def _task(self, run: _Run, tasks: Sequence[Any], place: int, index: int | None) -> TaskDocument:
        name, mapped, upstream, *_ = tasks[place]
        at = run.places.get((name, index)) or Place()
        positions = sorted(run.children.get(name, ())) if index is None else []
        tags = {one: self.state(run.places[name, one].data, has_result=False)["type"] for one in positions}
        others = [one for one in positions if tags[one] not in run.successful][:_MOST]
        sent = run.waiting.get((name, index))
        is_paused = not run.is_over and at.is_paused(run.now, run.paused)
        return TaskDocument(
            task=name,
            index=index,
            state=self.state(at.data, has_result=False),
            attempts=at.attempts,
            began=at.began,
            changed=at.changed,
            worker=at.worker,
            upstream=[tasks[source][0] for source, _ in upstream],
            mapped=mapped is not False and index is None,
            children=dict(Counter(tags.values())),
            unsuccessful=[self._task(run, tasks, place, one) for one in others],
            possible=[*DECISIONS] if is_paused and sent is None else [],
            answer=None if run.flow is None else self._answer(run.flow, name),
            waiting=None if sent is None else self.sent(sent),
        )

    def _answer(self, flow: Flow, task: str) -> dict[str, Any] | None:
        """Return the JSON Schema of the answer that a task takes; None if it takes none."""
        if (flow.name, task) not in self._answers:
            declared = next((node.task.answer for node in flow.nodes if node.name == task), None)
            self._answers[flow.name, task] = None if declared is None else _schema_of(declared)
        return self._answers[flow.name, task]

    # ---- events

    def _event(self, run: str, number: int, record: Record, principals: Mapping[int | None, str]) -> EventDocument:
        """Return the event of a record.

        Args:
            run: The run's identity.
            number: The record's place in the history, from 1.
            record: The record.
            principals: Who sent the signal of which record.
        """
        return EventDocument(
            number=number,
            run=run,
            task=record.task,
            index=record.index,
            attempt=record.attempt,
            **{"try": record.try_number},
            time=record.time,
            state=self.state(record.state),
            worker=record.worker,
            principal=principals.get(number),
        )

    def events(self, run: StoredRun, after: int, limit: int) -> list[EventDocument]:
        """Return the events of a run's history after one, at most as many as asked for."""
        until = min(run.length, after + limit)
        if after >= until:
            return []
        records = self.store.history(_cut(run, until), after=after)
        who = _principals_of(self.store.signals(run.id))
        return [self._event(run.id, number, record, who) for number, record in enumerate(records, after + 1)]


def _principals_of(signals: Iterable[Sent]) -> dict[int | None, str]:
    """Return who sent the signal of each record."""
    return {sent.record: sent.principal for sent in signals}


def _cut(run: StoredRun, length: int) -> StoredRun:
    """Return a run as if its history ended earlier, so that no more of it is read."""
    return replace(run, length=length)


def _schema_of(declared: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type; of one that pydantic cannot describe one that takes anything."""
    try:
        return TypeAdapter(declared).json_schema()
    except Exception:  # a type's own code may raise anything while pydantic asks it
        return {}
