"""A run's place in a store: it stores changes, holds the lease and reads the history back.

States are stored as JSON of their tasks' declared types and come back as those. Nothing here runs or decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import is_
from time import monotonic
from typing import Any, Final, Self

from statesig.codec.events import without_result
from statesig.codec.problems import not_understood
from statesig.codec.states import decode, encode
from statesig.engine.fingerprints import check_graph, graph_of
from statesig.engine.gathering import abridged
from statesig.engine.noderuns import SUBMITTED, NodeRun
from statesig.engine.options import Options, StoreTarget
from statesig.engine.replay import CANCELLED, cancelled_rest
from statesig.engine.stored_values import (
    STORED,
    beginnings_of,
    decode_release,
    decode_stored,
    encode_stored,
    parameters_of,
    stored_type,
    without_what_cannot_be_stored,
)
from statesig.errors import DecodeError, EncodeError, FlowError, RunTaken, StoreError
from statesig.graph.graph import Graph
from statesig.graph.nodes import Node
from statesig.states import Cached, Finished, Mapped, Pending, Resume, Running, State, Success, has_children, is_cached
from statesig.states.families import args_of
from statesig.stores.leases import Heartbeat, give_up, holds, is_dead, is_held, new_owner, take_up
from statesig.stores.opening import open_store
from statesig.stores.store import Lease, Record, Sent, Store, StoredRun

__all__ = ["Journal", "is_over", "new_journal", "open_journal", "open_run", "own_state"]

_MARK: Final[dict[type[State[Any]], bytes]] = {Running: encode(Running()), Mapped: encode(Mapped())}
_PENDING: Final = encode(Pending())
_SUBMITTED: Final = encode(SUBMITTED)


class Journal:
    """Stores the changes of a run under its lease.

    Args:
        store: The store.
        stored: The run as it is stored.
        seconds: How long the lease lasts if it is not renewed.
        clock: Returns the time, aware.
        is_own: Whether the store was opened for the run, so that it is closed with it.
        taken: The records that a new run takes over from another one.

    Attributes:
        is_of_dead: Whether the last owner of the lease did not release it, so that what ran was lost with its process.
            What ran when an owner released the lease was interrupted.
    """

    def __init__(
        self,
        store: Store,
        stored: StoredRun,
        seconds: float,
        clock: Callable[[], datetime],
        *,
        is_own: bool,
        taken: Sequence[Record] = (),
    ) -> None:
        self.store: Store = store
        self.is_own: bool = is_own
        self._taken = taken
        self.stored: StoredRun = stored
        self.owner: str = new_owner()
        self._seconds = seconds
        self._clock = clock
        self._own: tuple[bytes, str] = stored.state, stored.tag
        self._records: list[Record] = []
        self._cached: list[tuple[str, bytes, datetime]] = []
        self._applied: dict[int, int] = {}
        self._beats: Heartbeat | None = None
        self.is_of_dead: bool = False
        self._began_to_store: float = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    # ---- the lease

    def create(self, sent: Sent | None = None) -> None:
        """Add the run to the store, with its lease, what it takes over, and the request that begins it, if one does."""
        self.store.create(self.stored, self._lease(), self._taken, sent=sent)

    def acquire(self) -> bool:
        """Take the run's lease; return whether somebody asked that the run be cancelled.

        Raises:
            RunTaken: Another process has it.
        """
        held = self.store.lease(self.stored.id)
        self.is_of_dead = held is not None
        dead = None
        if held is not None and held.owner != self.owner:
            dead = held.owner if is_dead(held.owner) else None
            if held.until <= self._clock() and holds(held, self._clock(), self._seconds):
                raise RunTaken(
                    self.store.name,
                    f"the process that has the lease on run {self.stored.id!r} is late to renew it, and alive; wait "
                    "for it, or end it",
                )
        taken = self.store.acquire(self.stored, self._lease(), now=self._clock(), instead_of=dead)
        take_up(self.owner)
        return taken.cancel

    def check_unchanged(self) -> None:
        """Check that no process has the run, or has had it since it was read.

        Raises:
            RunTaken: A process has, or has had.
        """
        if self.is_held() or self.store.find(self.stored.id).version != self.stored.version:
            raise RunTaken(
                self.store.name, f"another process has run {self.stored.id!r}, or has had it since it was read"
            )

    def read_again(self) -> None:
        """Read the run as it is stored now.

        Raises:
            RunTaken: The run is over.
        """
        self.stored = self.store.find(self.stored.id)
        check_goes_on(self.store, self.stored)

    def is_asked_to_cancel(self) -> bool:
        """Tell whether somebody asked that the run be cancelled, without waiting for the next heartbeat."""
        held = self.store.lease(self.stored.id)
        return held is not None and held.cancel

    def is_held(self) -> bool:
        """Tell whether a live process has the run, as far as can be seen from here."""
        return is_held(self.store, self.stored.id, self._clock(), self._seconds)

    def _lease(self) -> Lease:
        return Lease(self.stored.id, self.owner, self._clock() + timedelta(seconds=self._seconds))

    def hold(self, cancel: Callable[[], object], *, lost: Callable[[], object]) -> None:
        """Renew the lease from now on, in a thread for that.

        Args:
            cancel: Called when somebody asks that the run be cancelled.
            lost: Called when another process has taken the lease.
        """
        self._beats = Heartbeat(self.store, self._lease, self._seconds / 3, cancel, lost)

    def release(self) -> None:
        """Release the lease; if that fails, it ends when its time is over or this process ends.

        If somebody asked that the run be cancelled, too late for who drove it to notice, it is cancelled now.
        """
        if self._beats is not None:
            self._beats.stop()
            self._beats = None
        try:
            if self.store.release(self.stored.id, self.owner):
                with suppress(RunTaken):  # it is over, or another process has it, which was told
                    self.read_again()
                    self.acquire()
                    self.cancel_rest()
                    self.store.release(self.stored.id, self.owner)
        except StoreError:  # the write before it has failed too, and said so
            give_up(self.owner)
        self.close()

    def close(self) -> None:
        """Close the store if it was opened for the run."""
        if self.is_own:
            self.store.close()

    # ---- writing

    def add(self, noderun: NodeRun, state: State[Any], attempt: int, *, worker: str | None) -> State[Any]:
        """Add a change, which the next `flush` stores; return the state that the task is then in.

        That is the given state, as far as it can be stored: a Failed with the reason if its value cannot, another state
        without what accompanies it. The run's own state is kept without a result that cannot be.
        """
        if noderun.task is None:
            state = _storable(state)
        if state is SUBMITTED:
            data: bytes | None = _SUBMITTED
        else:
            data = _MARK.get(type(state)) if state.__pydantic_fields_set__ <= _TYPE else None
        if data is None:
            try:
                data = self._encoded(noderun, state)
            except EncodeError as exc:
                state = without_what_cannot_be_stored(state, exc, noderun.node, noderun.index)
                data = self._encoded(noderun, state)
            if not isinstance(state, (Success, Resume)) and args_of(type(state)):
                state = decode_stored(data, Any)  # nobody could read the type of its payload from a stored state
        if noderun.task is None:
            self._own = data, state.type
        place = noderun.task, noderun.index, attempt, self._clock()
        self._records.append(Record(*place, worker, noderun.lost, data, noderun.try_number))
        return state

    def _encoded(self, noderun: NodeRun, state: State[Any]) -> bytes:
        if noderun.is_whole and has_children(state):
            own = [child.state for child in noderun.children or ()]
            if len(own) == len(state.children) and all(map(is_, own, state.children)):
                state = abridged(state)
        return encode_stored(state, stored_type(noderun.node, noderun.index))

    def remember(self, noderun: NodeRun, key: str, kept: Cached[Any]) -> None:
        """Keep a cached state for other runs; the next `flush` stores it with the changes that were added."""
        try:
            data = encode_stored(kept, noderun.node.task.returns)
        except EncodeError:
            return  # its success cannot be stored either, and `add` says so
        self._cached.append((key, data, kept.expires or _NEVER))

    def recall(self, noderun: NodeRun, key: str, now: datetime) -> Cached[Any] | None:
        """Return the cached state that is kept for equal calls; None if nothing is kept or it can no longer be read."""
        data = self.store.recall(key, now)
        if data is None:
            return None
        try:
            found = decode_stored(data, noderun.node.task.returns)
        except DecodeError:
            return None  # the task returned another type then
        return found if is_cached(found) else None

    def flush(self) -> None:
        """Store the changes that were added, in one transaction.

        Raises:
            RunTaken: Another process has taken the run.
            StoreError: It cannot be stored; nothing of it is, unless only the answer was lost.
        """
        if not self._records and not self._applied:
            return
        self._began_to_store = monotonic()
        own, tag = self._own
        self.stored = self.store.append(
            self.stored,
            self.owner,
            self._records,
            now=self._clock(),
            state=own,
            tag=tag,
            cached=self._cached,
            applied=self._applied,
        )
        self._records, self._cached, self._applied = [], [], {}

    def confirm(self) -> None:
        """Check that the run is still its owner's if the last `flush` began longer ago than a lease lasts.

        A process may be stopped between storing that a task runs and running it.

        Raises:
            RunTaken: Another process has taken the run.
        """
        if monotonic() - self._began_to_store > self._seconds:
            self.store.renew(self._lease())

    def cancel_rest(self, sent: Sent | None = None) -> None:
        """Cancel the run and each task that is not finished, as far as the store knows them.

        Args:
            sent: The signal that asks for it, which is kept in the same transaction.
        """
        now = self._clock()
        records = cancelled_rest(self.stored, self.history({}), now)
        if sent is not None:
            sent = replace(sent, record=self.stored.length + len(records))
        self.stored = self.store.append(
            self.stored, self.owner, records, now=now, state=encode(CANCELLED), tag=CANCELLED.type, sent=sent
        )

    # ---- signals from outside

    def waiting(self) -> list[Sent]:
        """Return the signals to the run that wait to be applied, in the order in which they were sent."""
        return [sent for sent in self.store.signals(self.stored.id) if sent.record is None]

    @property
    def length(self) -> int:
        """The number of records in the history, with those that the next `flush` stores."""
        return self.stored.length + len(self._records)

    def apply(self, sent: Sent, record: int) -> None:
        """Write down, with the next `flush`, by which record a signal was applied, or `NOTHING`."""
        self._applied[sent.number] = record

    # ---- reading

    def history(self, nodes: Mapping[str, Node]) -> Iterator[tuple[Record, State[Any]]]:
        """Yield the stored records of the run, each with its state.

        Args:
            nodes: The nodes of its tasks by name, of whose declared types the values are; those of others are JSON.

        Raises:
            StoreDamaged: A record is not what was written.
            StoreError: This program does not know a state's class, or a result is not of its declared type.
        """
        releases = beginnings_of(Resume)
        for record in self.store.history(self.stored):
            node = None if record.task is None else nodes.get(record.task)
            try:
                if node is not None and record.state.startswith(releases):
                    yield record, decode_release(record.state, node.task.answer)
                else:
                    yield record, decode_stored(record.state, Any if node is None else stored_type(node, record.index))
            except DecodeError as exc:
                whose = "a state" if record.task is None else f"a state of task {record.task!r}"
                what = f"{whose} in run {self.stored.id}"
                raise not_understood(self.store.name, what, exc) from None


_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_TYPE: Final = frozenset({"type"})


def _storable(state: State[Any]) -> State[Any]:
    """Return a run's own state, without its result if that cannot be stored."""
    try:
        encode(state, limits=STORED)
    except EncodeError:
        return without_result(state)
    return state


def new_journal(
    flow: Graph,
    values: Mapping[str, Any],
    id: str,
    options: Options,
) -> Journal:
    """Return the journal of a run that has not begun; nothing is stored yet.

    Raises:
        FlowError: A parameter cannot be stored.
        StoreError: The store cannot be opened.
    """
    parameters = parameters_of(flow, values)
    now = options.now()
    stored = StoredRun(id, flow.name, graph_of(flow), parameters, now, now, 0, 0, _PENDING, "Pending")
    store = given_store(options)
    return Journal(open_store(store), stored, options.lease, options.now, is_own=not isinstance(store, Store))


def given_store(options: Options) -> StoreTarget:
    """Return the store that a stored run's options name."""
    assert options.store is not None, "a stored run has a store"
    return options.store


def open_journal(flow: Graph, id: str, options: Options, *, finished: bool = False) -> Journal:
    """Return the journal of a stored run; its lease is not taken yet.

    Args:
        flow: The flow as it was when the run began.
        id: The run's identity, or the beginning of it if no other run's identity begins so.
        options: The options, of which `store` is given.
        finished: Whether a run that is over is opened, too.

    Raises:
        FlowError: The flow is not the one that was run.
        NoRun: The store has no such run.
        RunTaken: The run is over.
        StoreError: The store cannot be opened or read.
    """
    journal = open_run(id, given_store(options), options.lease, options.now, finished=finished)
    try:
        check_graph(flow, journal.stored)
    except FlowError:
        journal.close()
        raise
    return journal


def open_run(
    id: str, store: StoreTarget, lease: float, clock: Callable[[], datetime], *, finished: bool = False
) -> Journal:
    """Return the journal of a stored run of any flow, also of one that is over if asked for; its lease is not taken.

    Raises:
        NoRun: The store has no such run.
        RunTaken: The run is over.
        StoreError: The store cannot be opened or read.
    """
    opened, is_own = open_store(store), not isinstance(store, Store)
    try:
        stored = opened.find(id)
        if not finished:
            check_goes_on(opened, stored)
    except BaseException:
        if is_own:
            opened.close()
        raise
    return Journal(opened, stored, lease, clock, is_own=is_own)


def is_over(store: Store, stored: StoredRun) -> bool:
    """Tell whether a stored run is over.

    Raises:
        StoreError: This program does not know the class of its state.
    """
    return isinstance(own_state(store, stored), Finished)


def own_state(store: Store, stored: StoredRun) -> State[Any]:
    """Return the state of a stored run itself.

    Raises:
        StoreError: This program does not know its class.
    """
    kind: type[State[Any]] = State
    try:
        return decode(stored.state, kind, limits=STORED)
    except DecodeError as exc:
        raise not_understood(store.name, f"the state {stored.tag} of run {stored.id}", exc) from None


def check_goes_on(store: Store, stored: StoredRun) -> None:
    """Refuse a run that is over.

    Raises:
        RunTaken: The run is over.
        StoreError: This program does not know the class of its state.
    """
    if is_over(store, stored):
        raise RunTaken(store.name, f"run {stored.id} is over, it is {stored.tag}: nothing is left to do")
