"""Histories of a machine's states in a store, one for each key: the change of an order is its record.

A history is only ever appended to, from the version on which the change was decided. Nothing here may know SQL or a
flow.

1. An illegal transition appends nothing, and neither does one that was decided on an older version.
2. ``orders.append(k, g, expected=v).state is g.state``, and then ``orders.state(k) == g.state``.
3. ``check_history(change.state for change in orders.history(k)) is None``, as long as no guard has changed.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, cast

from typing_extensions import TypeForm, TypeVar

from statesig.algebra.machines import Transition
from statesig.algebra.transitions import advance
from statesig.codec.problems import not_understood
from statesig.codec.states import decode, encode
from statesig.errors import DecodeError, EncodeError, EntityChanged, NoEntity, StoreError
from statesig.states.clocks import told_by
from statesig.states.families import origin_of
from statesig.states.machines import Machine
from statesig.states.unions import check_tops, parts_of
from statesig.stores.opening import open_store
from statesig.stores.store import Cursor, Store, StoredEntity

__all__ = ["Change", "Entities"]

MachineT = TypeVar("MachineT", bound=Machine)
StateT_co = TypeVar("StateT_co", bound=Machine, covariant=True)


@dataclass(frozen=True, slots=True)
class Change(Generic[StateT_co]):
    """A state of an entity, in its history.

    Args:
        key: The entity's key.
        version: The number of its states up to this one, from 1.
        time: When it entered the state, aware.
        state: The state; ``transition_of(state)`` is the transition that led to it.
    """

    key: str
    version: int
    time: datetime
    state: StateT_co


class Entities(Generic[MachineT]):
    """The entities of one machine in a store, by key: each with its history, which is only ever appended to.

        orders = Entities("orders.db", AnyOrder)
        orders.append("o-1", OPEN(order_id="o-1"), expected=0)
        orders.advance("o-1", PLACE, total=Decimal("3.10"))
        orders.state("o-1")  # an AnyOrder, which `match` exhausts

    It may be used from several threads; processes make one each.

    Args:
        store: A path, a URL or a store; see `open_store`. What it opened is closed when it is gone itself. Other
            machines may have their entities there, under other keys; in the store a machine is known by the name of its
            root.
        kind: The states: the closed union of the machine, ``Draft | Placed | Shipped``, or its root.
        clock: Returns the time of a change, aware; by default the time in UTC.
        also: Called with each change, within its transaction, and a cursor of the store's database: rows that it
            writes to tables of your own are there if and only if the change is. Its statements mark parameters by
            ``?``, and it must not end the transaction. What it raises leaves unchanged, and nothing is written. Where
            it catches the error of a statement, nothing is written either, unless it rolls back to a savepoint.

    Raises:
        StoreError: The store cannot be opened.
        TypeError: `kind` is no class or union of states of one machine.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | Store,
        kind: TypeForm[MachineT],
        *,
        clock: Callable[[], datetime] | None = None,
        also: Callable[[Cursor, Change[MachineT]], object] | None = None,
    ) -> None:
        self._root = _root_of(kind)
        self._kind = kind
        self._clock = clock
        self._also = also
        self.store: Store = open_store(store)
        if self.store is not store:
            weakref.finalize(self, self.store.close)  # whoever is handed a path has nobody who would close it

    def append(self, key: str, transition: Transition[Any, MachineT], *, expected: int) -> Change[MachineT]:
        """Append the state of a transition to an entity's history, if it still has the version that is expected.

        After a StoreError that is not EntityChanged the change may have been written: the connection may have ended
        between the commit and its answer. Appending again is safe: at most one of both is written.

        Args:
            key: The entity's key.
            transition: What leads from its state to the next.
            expected: The version on which the transition was decided; 0 begins a history.

        Raises:
            EntityChanged: The entity has another version; the error has it.
            IllegalTransition: The transition does not leave the entity's state.
            RefusedTransition: Its guard refuses to leave it.
            EncodeError: The new state would not read back unchanged.
            StoreError: The key is of another machine, or the store cannot be written.
            TypeError: It is no transition of this machine, or the key is no text.
        """
        self._check(transition)
        key = _text_of(key)
        latest = self._found(key)
        version = 0 if latest is None else latest.version
        if version != expected:
            raise EntityChanged(self.store.name, key, expected, version)
        return self._appended(key, latest, transition)

    def advance(self, key: str, signal: type[Transition[Any, MachineT]], /, **new: object) -> Change[MachineT]:
        """Lead an entity on from its latest state: ``orders.advance("o-1", SHIP, tracking="T-9")``.

        The transition is ``SHIP.after(state, tracking="T-9")``: fields that both states share come along. If others
        change the entity meanwhile, it is made again from the state that they left.

        Args:
            key: The entity's key.
            signal: The class of the transition.
            new: The other fields of the new state.

        Raises:
            NoEntity: There is no entity with this key.
            IllegalTransition: The transition does not leave the entity's state.
            ValidationError: A field does not fit.
        """
        return self.change(key, lambda state: signal.after(state, **new))

    def change(self, key: str, decide: Callable[[MachineT], Transition[Any, MachineT]]) -> Change[MachineT]:
        """Let a function decide which transition leads an entity on, and append that.

        If others change the entity meanwhile, the function is called again with the state that they left.

        Args:
            key: The entity's key.
            decide: Returns a transition from the latest state.

        Raises:
            NoEntity: There is no entity with this key.
            IllegalTransition: The transition does not leave the entity's state.
        """
        key = _text_of(key)
        while True:
            latest = self.latest(key)
            transition = decide(latest.state)
            self._check(transition)
            try:
                return self._appended(key, latest, transition)
            except EntityChanged as exc:  # somebody else has made progress, so that this comes to an end
                if (exc.args[0], exc.key) != (self.store.name, key):
                    raise  # `also` raised it, of another entity

    def state(self, key: str) -> MachineT:
        """Return the latest state of an entity.

        Raises:
            NoEntity: There is no entity with this key.
            StoreError: The key is of another machine, or this program does not know the state's class.
            StoreDamaged: What is stored differs from what was written.
        """
        return self.latest(key).state

    def latest(self, key: str) -> Change[MachineT]:
        """Return the last change of an entity: its state, with the version to expect.

        Raises:
            NoEntity: There is no entity with this key; the others as for `state`.
        """
        return self._read(self._there(key))

    def history(self, key: str) -> tuple[Change[MachineT], ...]:
        """Return all changes of an entity, in their order.

        Raises:
            NoEntity: There is no entity with this key; the others as for `state`.
        """
        return tuple(map(self._read, self.store.entity_history(self._there(key))))

    def all(self, *, damaged: Callable[[StoreError], object] | None = None) -> list[Change[MachineT]]:
        """Return the last change of each entity, ordered by key.

        Args:
            damaged: Called with the error of each entity that is damaged, or whose state this program does not know;
                the others are returned.

        Raises:
            StoreError: There is one, and `damaged` is not given.
        """
        found: list[Change[MachineT]] = []
        for stored in self.store.entities(machine=self._root.__name__, damaged=damaged):
            try:
                found.append(self._read(stored))
            except StoreError as exc:
                if damaged is None:
                    raise
                damaged(exc)
        return found

    # ---- one change

    def _check(self, transition: Transition[Any, MachineT]) -> None:
        given = cast("object", transition)
        if not isinstance(given, Transition):
            raise TypeError(f"a history takes transitions, not {type(given).__name__}")
        kind: Any = origin_of(type(transition.state))
        if kind.__top__ is not self._root:
            raise TypeError(
                f"{type(transition).__name__} leads to {kind.__name__} of {kind.__top__.__name__}; these are the "
                f"histories of {self._root.__name__}"
            )

    def _appended(
        self, key: str, latest: Change[MachineT] | None, transition: Transition[Any, MachineT]
    ) -> Change[MachineT]:
        state = advance(cast("Any", None if latest is None else latest.state), transition)
        change = Change(key, 1 if latest is None else latest.version + 1, told_by(self._clock), state)
        stored = StoredEntity(key, self._root.__name__, change.version, change.time, self._written(change.state))
        also = self._also
        self.store.change_entity(stored, None if also is None else lambda cursor: also(cursor, change))
        return change

    def _written(self, state: MachineT) -> bytes:
        written = encode(state)
        try:
            decode(written, self._kind)  # a part of a union, or a parametrised state, need not admit it
        except DecodeError as exc:
            raise EncodeError(type(state).__name__, "the document", f"it would not be read back: {exc}") from None
        return written

    # ---- reading

    def _found(self, key: str) -> Change[MachineT] | None:
        stored = self._stored(key)
        return None if stored is None else self._read(stored)

    def _there(self, key: str) -> StoredEntity:
        stored = self._stored(_text_of(key))
        if stored is None:
            raise NoEntity(self.store.name, f"there is no entity {key!r}; a history begins with expected=0")
        return stored

    def _stored(self, key: str) -> StoredEntity | None:
        stored = self.store.entity(key)
        if stored is not None and stored.machine != self._root.__name__:
            reason = f"entity {key!r} is of machine {stored.machine}, not of {self._root.__name__}; choose another key"
            raise StoreError(self.store.name, reason)
        return stored

    def _read(self, stored: StoredEntity) -> Change[MachineT]:
        try:
            state = decode(stored.state, self._kind)
        except DecodeError as exc:
            what = f"version {stored.version} of entity {stored.key!r}"
            raise not_understood(self.store.name, what, exc) from None
        return Change(stored.key, stored.version, stored.time, state)


def _text_of(key: str) -> str:
    """Return a key as plain text: a member of a StrEnum is its value."""
    if not isinstance(cast("object", key), str):
        raise TypeError(f"the key of an entity is a text, not {type(key).__name__}")
    return str.__str__(key)


def _root_of(kind: Any) -> type[Machine]:
    """Return the root of a class or a union of states of one machine.

    Raises:
        TypeError: It is something else.
    """
    parts = list(parts_of(kind))
    if not all(isinstance(part, type) and issubclass(part, Machine) for part in parts):
        raise TypeError(f"histories are of states of a machine of your own, not of {kind!r}")
    check_tops(parts)
    root: type[Machine] = origin_of(parts[0]).__top__
    return root
