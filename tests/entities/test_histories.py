"""Histories of a machine's states in a store: one transition rule, one version, one record for each change."""

import gc
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from statesig import (
    SKIP,
    Change,
    Cursor,
    EncodeError,
    Entities,
    EntityChanged,
    IllegalTransition,
    Machine,
    NoEntity,
    RefusedTransition,
    StoreDamaged,
    StoreError,
    Success,
    Transition,
    check_history,
    open_store,
    transition_of,
)
from tests.harness.records import NOW
from tests.typing.machines import (
    AUTHORIZE,
    CONNECT,
    DELIVER,
    DIAL,
    DROP,
    EXPRESS,
    FINISH,
    HANGUP,
    OPEN,
    PLACE,
    SHIP,
    AnyLink,
    AnyOrder,
    AnyPayment,
    Dialing,
    Done,
    Down,
    Draft,
    Dropped,
    Express,
    Link,
    Order,
    Payment,
    Placed,
    Shipped,
    Up,
    Waiting,
    Working,
)

TEA = ("tea",)
PRICE = Decimal("3.10")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Where a new store is to be."""
    return str(tmp_path / "orders.db")


@pytest.fixture
def orders(file: str) -> Entities[AnyOrder]:
    """The histories of orders, in a new store."""
    return Entities(file, AnyOrder, clock=lambda: NOW)


def placed(orders: Entities[AnyOrder], key: str = "o-1") -> Placed:
    """Begin an order and place it."""
    orders.append(key, OPEN(order_id=key, lines=TEA), expected=0)
    orders.advance(key, PLACE, total=PRICE)
    return Placed(order_id=key, lines=TEA, total=PRICE)


def tags(orders: Entities[Any], key: str = "o-1") -> list[str]:
    """Return the tags of the states of a history."""
    return [change.state.type for change in orders.history(key)]


# ---- appending


def test_a_history_begins_and_goes_on(file: str, orders: Entities[AnyOrder]) -> None:
    """The first transition expects version 0; each change has its version, its time and the state, the very object."""
    opening = OPEN(order_id="o-1", lines=TEA)
    first = orders.append("o-1", opening, expected=0)
    assert (Change("o-1", 1, NOW, Draft(order_id="o-1", lines=TEA)), True) == (first, first.state is opening.state)
    second = orders.append("o-1", PLACE.after(opening.state, total=PRICE), expected=first.version)
    assert Change("o-1", 2, NOW, Placed(order_id="o-1", lines=TEA, total=PRICE)) == second
    other = Entities(file, Order)  # as another process sees it, by the machine's root
    assert (first, second) == other.history("o-1")
    assert (second, second.state) == (other.latest("o-1"), other.state("o-1"))


@pytest.mark.parametrize(
    ("transition", "expected", "error"),
    [
        (OPEN(order_id="o-1"), 0, EntityChanged),
        (OPEN(order_id="o-1"), 2, IllegalTransition),
        (DELIVER(order_id="o-1"), 2, IllegalTransition),
        (SHIP(order_id="o-1", tracking="T-9"), 1, EntityChanged),
        (SHIP(order_id="o-1", tracking="T-9"), 3, EntityChanged),
        (SHIP(order_id="o-1", tracking="T-9"), -1, EntityChanged),
        (AUTHORIZE(), 2, TypeError),
        (SKIP(), 2, TypeError),
        (Shipped(order_id="o-1", tracking="T-9"), 2, TypeError),
    ],
)
def test_what_may_not_follow_is_refused(
    orders: Entities[AnyOrder], transition: Any, expected: int, error: type[Exception]
) -> None:
    """An illegal transition, another version, another machine or a run's signal: nothing is appended."""
    before = placed(orders)
    with pytest.raises(error):
        orders.append("o-1", transition, expected=expected)
    assert (before, ["Draft", "Placed"]) == (orders.state("o-1"), tags(orders))


def test_a_guard_is_asked(orders: Entities[AnyOrder]) -> None:
    """A transition that its guard refuses is not appended, whichever way it comes."""
    orders.append("o-1", OPEN(order_id="o-1"), expected=0)
    orders.advance("o-1", PLACE, total=PRICE)
    with pytest.raises(RefusedTransition, match="nothing to send"):
        orders.append("o-1", SHIP(order_id="o-1", tracking="T-9"), expected=2)
    with pytest.raises(RefusedTransition, match="nothing to send"):
        orders.advance("o-1", SHIP, tracking="T-9")
    assert ["Draft", "Placed"] == tags(orders)


def test_a_history_begins_where_one_may(orders: Entities[AnyOrder]) -> None:
    """A transition that does not come from nowhere begins none, and one of another machine neither."""
    with pytest.raises(IllegalTransition, match="the beginning -> Shipped"):
        orders.append("o-1", SHIP(order_id="o-1", tracking="T-9"), expected=0)
    with pytest.raises(TypeError, match="AUTHORIZE leads to Authorized of Payment; these are the histories of Order"):
        orders.append("o-1", AUTHORIZE(), expected=0)  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(EntityChanged, match="'o-1' is not there, not at version 1"):
        orders.append("o-1", OPEN(order_id="o-1"), expected=1)
    assert [] == orders.all()


def test_the_error_has_the_version_that_there_is(orders: Entities[AnyOrder]) -> None:
    """Whoever decided on an older version reads it there, and decides anew."""
    placed(orders)
    with pytest.raises(EntityChanged) as refused:
        orders.append("o-1", DROP(order_id="o-1", why="late"), expected=1)
    assert ("o-1", 1, 2) == (refused.value.key, refused.value.expected, refused.value.version)


def test_what_comes_from_outside_is_judged_when_it_is_appended(orders: Entities[AnyOrder]) -> None:
    """`transition_of` is for a state of which only its machine is known."""
    placed(orders)
    outside: AnyOrder = Shipped(order_id="o-1", lines=TEA, tracking="T-9")
    assert outside == orders.append("o-1", transition_of(outside), expected=2).state
    with pytest.raises(IllegalTransition, match="Shipped -> Placed"):
        orders.append("o-1", transition_of(Placed(order_id="o-1", total=PRICE)), expected=3)


def test_a_kind_of_a_state_is_one(orders: Entities[AnyOrder]) -> None:
    """A state below a member of the union is admitted, and comes back as what it is."""
    placed(orders)
    orders.advance("o-1", EXPRESS, tracking="T-9")
    assert Express(order_id="o-1", lines=TEA, tracking="T-9") == orders.state("o-1")


def test_what_would_not_be_read_back_is_refused(file: str) -> None:
    """A state outside of the part of a union, or of another parameter, is not appended."""
    drafts = Entities(file, Draft | Dropped)
    drafts.append("o-1", OPEN(order_id="o-1"), expected=0)
    with pytest.raises(EncodeError, match="Placed cannot be encoded: the document: it would not be read back"):
        drafts.append("o-1", PLACE(order_id="o-1", total=PRICE), expected=1)  # type: ignore[arg-type]  # the mistake
    assert ["Draft"] == tags(drafts)


def test_parametrised_states_are_validated(file: str) -> None:
    """A history of a generic machine has one parameter: another value is refused, and results keep their types."""
    jobs = Entities(file, Waiting[int] | Working[int] | Done[int])
    jobs.append("j", ENQUEUED, expected=0)
    jobs.append("j", transition_of(Working[int]()), expected=1)
    with pytest.raises(EncodeError, match="value"):
        jobs.append("j", FINISH[str](value="three"), expected=2)  # type: ignore[arg-type]  # that is the mistake
    done = jobs.append("j", FINISH[int](value=3), expected=2)
    assert (Done[int](value=3), 3) == (jobs.state("j"), done.version)


ENQUEUED: Transition[None, Waiting[int]] = transition_of(Waiting[int]())  # type: ignore[assignment]  # it says Any


# ---- deciding


def test_fields_come_along(orders: Entities[AnyOrder]) -> None:
    """`advance` makes the transition by `after` from the latest state, whatever that is when the program runs."""
    placed(orders)
    change = orders.advance("o-1", SHIP, tracking="T-9")
    assert (3, Shipped(order_id="o-1", lines=TEA, tracking="T-9")) == (change.version, change.state)
    with pytest.raises(IllegalTransition, match="Shipped -> Dropped is not allowed"):
        orders.advance("o-1", DROP, why="late")
    assert 3 == orders.latest("o-1").version


def test_a_function_decides(orders: Entities[AnyOrder]) -> None:
    """It is given the latest state; what it raises leaves, and nothing is appended."""

    def ship_or_drop(order: AnyOrder) -> SHIP | DROP:
        match order:
            case Placed(total=total) if total > 3:
                return SHIP.after(order, tracking="T-9")
            case Draft() | Placed():
                return DROP.after(order, why="too little")
            case _:
                raise ValueError(order.type)

    placed(orders, "o-1")
    orders.append("o-2", OPEN(order_id="o-2"), expected=0)
    assert ["Shipped", "Dropped"] == [orders.change(key, ship_or_drop).state.type for key in ("o-1", "o-2")]
    with pytest.raises(ValueError, match="Shipped"):
        orders.change("o-1", ship_or_drop)
    with pytest.raises(TypeError, match="a history takes transitions, not Shipped"):
        orders.change("o-1", lambda order: order)  # type: ignore[arg-type,return-value]  # that is the mistake
    assert 3 == orders.latest("o-1").version


def test_a_lost_race_is_decided_anew(file: str, orders: Entities[AnyOrder]) -> None:
    """If another changes the entity between reading and appending, the function is called with the state it left."""
    placed(orders)
    seen: list[str] = []

    def decide(order: AnyOrder) -> DELIVER | DROP:
        seen.append(order.type)
        if isinstance(order, Shipped):
            return DELIVER.after(order)
        Entities(file, AnyOrder).advance("o-1", SHIP, tracking="T-9")
        return DROP(order_id="o-1", why="late")

    assert 4 == orders.change("o-1", decide).version
    assert ["Placed", "Shipped"] == seen
    assert ["Draft", "Placed", "Shipped", "Delivered"] == tags(orders)


def test_no_change_of_many_at_once_is_lost(file: str) -> None:
    """Six threads lead a link around: each step is one record, and the history is legal."""
    Entities(file, AnyLink).append("l", DIAL(), expected=0)

    def go_round(_: int) -> None:
        links = Entities(file, AnyLink)
        ready.wait()
        for _ in range(10):
            links.change("l", lambda link: CONNECT() if isinstance(link, Dialing) else _on(link))

    def _on(link: Down | Up) -> DIAL | HANGUP:
        return DIAL() if isinstance(link, Down) else HANGUP()

    ready = threading.Barrier(6)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(go_round, range(6)))
    history = Entities(file, Link).history("l")
    assert [*range(1, 62)] == [change.version for change in history]
    assert check_history(change.state for change in history) is None


@given(st.lists(st.sampled_from([DIAL(), CONNECT(), HANGUP()]), max_size=8))
def test_the_store_says_what_advance_says(tmp_path_factory: pytest.TempPathFactory, signals: list[Any]) -> None:
    """Whatever is asked for, the history is that of `advance`: what it refuses is not there."""
    links = Entities(tmp_path_factory.mktemp("links") / "links.db", AnyLink)
    with links.store:
        state: AnyLink | None = None
        expected: list[AnyLink] = []
        for signal in signals:
            try:
                links.append("l", signal, expected=len(expected))
            except IllegalTransition:
                continue
            state = signal.state
            expected.append(state)
        found = [change.state for change in links.history("l")] if expected else []
    assert expected == found
    assert check_history(found) is None


# ---- reading


def test_there_is_no_entity(orders: Entities[AnyOrder]) -> None:
    """Each way of reading says so; only `append` begins one."""
    for act in (
        lambda: orders.state("o-9"),
        lambda: orders.latest("o-9"),
        lambda: orders.history("o-9"),
        lambda: orders.advance("o-9", DELIVER),
        lambda: orders.change("o-9", lambda order: pytest.fail("called")),
    ):
        with pytest.raises(NoEntity, match="there is no entity 'o-9'; a history begins with expected=0"):
            act()


def test_a_key_is_of_one_machine(file: str, orders: Entities[AnyOrder]) -> None:
    """Another machine neither reads, nor changes, nor begins what has the key, and does not list it."""
    before = placed(orders)
    payments = Entities(file, AnyPayment)
    for act in (
        lambda: payments.state("o-1"),
        lambda: payments.history("o-1"),
        lambda: payments.append("o-1", AUTHORIZE(), expected=0),
        lambda: payments.append("o-1", AUTHORIZE(), expected=2),
    ):
        with pytest.raises(StoreError, match="entity 'o-1' is of machine Order, not of Payment; choose another key"):
            act()
    payments.append("p-1", AUTHORIZE(), expected=0)
    assert ([before], ["p-1"]) == ([one.state for one in orders.all()], [one.key for one in payments.all()])


def test_a_state_that_this_program_does_not_know(file: str, orders: Entities[AnyOrder]) -> None:
    """It is refused with what to do, and hides no other: its class may be defined in a module to import."""
    placed(orders, "o-1")
    orders.append("o-2", OPEN(order_id="o-2"), expected=0)
    stored = orders.store.entity("o-1")
    assert stored is not None
    orders.store.change_entity(replace(stored, version=3, state=b'{"type":"Eaten","order_id":"o-1"}'))
    with pytest.raises(StoreError, match="version 3 of entity 'o-1' is not understood by this program") as said:
        orders.state("o-1")
    assert "unknown tag Eaten" in str(said.value)
    with pytest.raises(StoreError, match="version 3"):
        orders.all()
    told: list[StoreError] = []
    assert (["o-2"], 1) == ([one.key for one in orders.all(damaged=told.append)], len(told))


def test_a_damaged_entity_is_refused_and_hides_no_other(file: str, orders: Entities[AnyOrder]) -> None:
    """What is not what was written is never a state, and the others can be read and changed."""
    placed(orders, "o-1")
    placed(orders, "o-2")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE statesig_entities SET version = 1 WHERE key = 'o-1'")
    for act in (lambda: orders.state("o-1"), lambda: orders.advance("o-1", SHIP, tracking="T-9")):
        with pytest.raises(StoreDamaged, match="the row of entity 'o-1'"):
            act()
    told: list[StoreError] = []
    assert (["o-2"], 1) == ([one.key for one in orders.all(damaged=told.append)], len(told))
    assert 3 == orders.advance("o-2", SHIP, tracking="T-9").version


class Keys(StrEnum):
    """Keys that a program knows."""

    FIRST = "o-1"


class Mixed(str, Enum):  # noqa: UP042  # that is what is tried
    """The same, as it was written before there was a StrEnum."""

    FIRST = "o-1"


@pytest.mark.parametrize("key", [Keys.FIRST, Mixed.FIRST])
def test_a_key_is_text(orders: Entities[AnyOrder], key: str) -> None:
    """A member of an enumeration of texts is its value, wherever it is given."""
    before = placed(orders, key)
    orders.change(key, lambda order: DROP(order_id="o-1", why="late"))
    assert (before, "o-1", ["Draft", "Placed", "Dropped"]) == (
        orders.history("o-1")[1].state,
        orders.latest(key).key,
        tags(orders, key),
    )


@pytest.mark.parametrize("key", [1, None, b"o-1"])
def test_another_key_is_refused(orders: Entities[AnyOrder], key: Any) -> None:
    """By its type, before the store is asked."""
    for act in (
        lambda: orders.append(key, OPEN(order_id="o-1"), expected=0),
        lambda: orders.advance(key, DELIVER),
        lambda: orders.state(key),
        lambda: orders.history(key),
    ):
        with pytest.raises(TypeError, match="the key of an entity is a text, not"):
            act()
    assert [] == orders.all()


def test_an_alias_is_what_it_names(file: str) -> None:
    """The union may have a name that is one for checkers, too, as ``type AnyOrder = ...`` gives it."""
    links = Entities(file, TypeAliasType("Named", AnyLink))
    assert Dialing() == links.append("l", DIAL(), expected=0).state == links.state("l")


@pytest.mark.parametrize("kind", [int, Success, Machine, Draft | Payment, Draft | int, None])
def test_histories_are_of_one_machine(file: str, kind: Any) -> None:
    """Anything else is refused before a store is made."""
    with pytest.raises(TypeError):
        Entities(file, kind)
    assert not Path(file).exists()


# ---- times


def test_times_are_those_of_the_clock(file: str) -> None:
    """In UTC; a time without an offset is an error, and nothing is appended."""
    there = timezone(timedelta(hours=2))
    change = Entities(file, AnyOrder, clock=lambda: NOW.astimezone(there)).append("o", OPEN(order_id="o"), expected=0)
    assert (NOW, UTC) == (change.time, change.time.tzinfo)
    with pytest.raises(ValueError, match="no offset from UTC"):
        Entities(file, AnyOrder, clock=lambda: NOW.replace(tzinfo=None)).advance("o", PLACE, total=PRICE)
    before = datetime.now(UTC)
    assert before <= Entities(file, AnyOrder).advance("o", PLACE, total=PRICE).time <= datetime.now(UTC)


# ---- the caller's own tables


def test_another_entitys_change_is_no_lost_race_of_this_one(file: str) -> None:
    """EntityChanged that `also` raises leaves unchanged, and nothing is tried again."""
    other = EntityChanged("elsewhere.db", "o-1", 1, 2)
    calls = 0

    def fail(cursor: Cursor, change: Change[AnyOrder]) -> None:
        nonlocal calls
        calls += 1
        raise other

    placed(Entities(file, AnyOrder))
    with pytest.raises(EntityChanged) as raised:
        Entities(file, AnyOrder, also=fail).change("o-1", lambda order: DROP(order_id="o-1", why="late"))
    assert (other, 1) == (raised.value, calls)


def test_rows_of_the_callers_own_follow_each_change(file: str) -> None:
    """They are written in its transaction, whichever way it comes; where they are refused there is no change."""

    def follow(cursor: Cursor, change: Change[AnyOrder]) -> None:
        if change.version == 1 and change.key == "o-1":
            cursor.execute("CREATE TABLE stages (key TEXT, version INTEGER, tag TEXT UNIQUE)")
        cursor.execute("INSERT INTO stages VALUES (?, ?, ?)", (change.key, change.version, change.state.type))

    orders = Entities(file, AnyOrder, also=follow)
    placed(orders)
    orders.change("o-1", lambda order: DROP(order_id="o-1", why="late"))
    with pytest.raises(sqlite3.IntegrityError):
        orders.append("o-2", OPEN(order_id="o-2"), expected=0)
    with pytest.raises(NoEntity):
        orders.state("o-2")
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT * FROM stages ORDER BY version").fetchall()
    assert [("o-1", 1, "Draft"), ("o-1", 2, "Placed"), ("o-1", 3, "Dropped")] == rows


# ---- its store


def opened(file: str) -> int:
    """Return how often this process has a file open."""
    links = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
    return [os.readlink(link) for link in links if link.is_symlink()].count(os.path.realpath(file))


def test_a_store_that_it_opened_is_closed_with_it(file: str) -> None:
    """One that it was handed stays open: somebody else closes that."""
    before = opened(file)
    orders = Entities(file, AnyOrder)
    orders.append("o-9", OPEN(order_id="o-9"), expected=0)
    assert before < opened(file)
    del orders
    gc.collect()
    assert before == opened(file)
    with closing(open_store(file)) as store:
        handed = Entities(store, AnyOrder)
        assert "Draft" == handed.state("o-9").type
        del handed
        gc.collect()
        assert before < opened(file)
