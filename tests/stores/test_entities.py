"""Entities in a store: each change is appended from the version that it was decided on, or nothing is changed."""

import pickle
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from statesig.errors import EntityChanged, StatesigError, StoreDamaged, StoreError
from statesig.stores import damage, sql_entities
from statesig.stores.opening import open_store
from statesig.stores.sql_entities import refuse
from statesig.stores.store import Contents, Cursor, Store, StoredEntity
from tests.harness.commands import in_this_process
from tests.harness.exhaustive import counts
from tests.harness.records import NOW, an_entity
from tests.harness.rounds import done_in_rounds

rounds = pytest.mark.parametrize("rounds", counts(None, 3, 20))
"""How many rounds of races and kills: 1,000 in earnest."""


def history(store: Store, key: str = "o-1") -> list[StoredEntity]:
    """Return an entity at each of its versions."""
    found = store.entity(key)
    return [] if found is None else list(store.entity_history(found))


# ---- changes


def test_an_entity_comes_back_at_each_version(place: str, store: Store) -> None:
    """Another process finds it as it was appended: its key, its times to the microsecond, its states to the byte."""
    key = "täsk ☃ 'x'"
    first = StoredEntity(key, "Order", 1, datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), bytes(range(256)) * 100)
    last = replace(first, version=2, time=datetime.max.replace(tzinfo=UTC), state=b"{}")
    for version in (first, last):
        store.change_entity(version)
    with open_store(place) as other:
        assert last == other.entity(key)
        assert [first, last] == history(other, key)


def test_what_is_not_there_is_none(store: Store) -> None:
    """An entity without a version is none, and is not listed."""
    assert (None, []) == (store.entity("o-1"), store.entities())


@pytest.mark.parametrize(("stored", "appended"), [(0, 2), (1, 1), (2, 1), (2, 2), (2, 4)])
def test_a_change_from_another_version_is_refused(store: Store, stored: int, appended: int) -> None:
    """The error has the version that was expected and the one that there is, and nothing changed."""
    for version in range(1, stored + 1):
        store.change_entity(an_entity(version=version))
    before = history(store)
    with pytest.raises(EntityChanged) as refused:
        store.change_entity(replace(an_entity(version=appended), state=b"mine"))
    assert ("o-1", appended - 1, stored) == (refused.value.key, refused.value.expected, refused.value.version)
    assert before == history(store)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (EntityChanged("a.db", "o-1", 3, 4), "entity 'o-1' is at version 4, not at version 3; read it and decide anew"),
        (EntityChanged("a.db", "o-1", 0, 4), "entity 'o-1' is at version 4, so it cannot begin again"),
        (EntityChanged("a.db", "o-1", 3, 0), "entity 'o-1' is not there, not at version 3; read it and decide anew"),
    ],
)
def test_the_error_says_which_version_there_is(error: EntityChanged, sentence: str) -> None:
    """It says what was expected as well, and pickles."""
    copy: StatesigError = pickle.loads(pickle.dumps(error))
    assert f"store a.db: {sentence}" == str(error) == str(copy)
    assert vars(error) == vars(copy)


def test_a_long_history_comes_back_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history is read in pieces, and each entity has its own."""
    for module in (damage, sql_entities):
        monkeypatch.setattr(module, "PAGE", 3)
    versions = [an_entity(version=version) for version in range(1, 9)]
    for version in versions:
        store.change_entity(version)
        if version.version <= 2:
            store.change_entity(replace(version, key="other"))
    assert versions == history(store)
    assert versions[:5] == list(store.entity_history(versions[4]))
    assert Contents((), (), ("o-1", "other")) == store.check(refuse)
    assert 2 == len(history(store, "other"))


def test_entities_are_listed_by_key(store: Store) -> None:
    """Those of one machine alone where that is asked."""
    for key, machine in (("b", "Order"), ("c", "Payment"), ("a", "Order")):
        store.change_entity(an_entity(key, machine=machine))
    store.change_entity(an_entity("b", 2))
    assert [("a", 1), ("b", 2), ("c", 1)] == [(one.key, one.version) for one in store.entities()]
    assert ["c"] == [one.key for one in store.entities(machine="Payment")]
    moved = an_entity("c", 2, machine="Order")
    store.change_entity(moved)
    assert moved == store.entity("c")


# ---- the caller's own tables

OWN = "CREATE TABLE own (key TEXT PRIMARY KEY, seen INTEGER)"
INSERT = "INSERT INTO own VALUES (?, ?)"


def own_rows(store: Store) -> list[Any]:
    """Return the rows of the table that is the caller's own."""
    rows: list[Any] = []
    version = len(history(store, "reader")) + 1

    def read(cursor: Cursor) -> None:
        cursor.execute("SELECT * FROM own")
        rows.extend(cursor.fetchall())

    store.change_entity(an_entity("reader", version), read)
    return rows


def test_rows_of_the_callers_own_are_written_with_the_change(place: str, store: Store) -> None:
    """One transaction writes both, and the statements mark their parameters alike in both databases."""
    store.change_entity(an_entity(), lambda cursor: cursor.execute(OWN))
    store.change_entity(an_entity(version=2), lambda cursor: cursor.executemany(INSERT, [("a", 2)]))
    like = "DELETE FROM own WHERE key LIKE 'b%' OR key = ?"
    store.change_entity(an_entity(version=3), lambda cursor: cursor.execute(like, ("c",)))
    with open_store(place) as other:
        assert ([("a", 2)], 3) == (own_rows(other), len(history(other)))


def test_what_the_caller_raises_undoes_the_change(store: Store) -> None:
    """The very error leaves, with its cause; neither the change nor the caller's rows are there."""
    store.change_entity(an_entity(), lambda cursor: cursor.execute(OWN))
    mine = KeyError("mine")

    def fail(cursor: Cursor) -> None:
        cursor.execute(INSERT, ("a", 2))
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            raise mine from OSError("its cause")

    with pytest.raises(KeyError) as raised:
        store.change_entity(an_entity(version=2), fail)
    assert (mine, "its cause") == (raised.value, str(raised.value.__cause__))
    assert isinstance(raised.value.__context__, ZeroDivisionError)
    assert ([], [an_entity()]) == (own_rows(store), history(store))


def twice(cursor: Cursor) -> None:
    """Write one key twice, which its table refuses."""
    for _ in range(2):
        cursor.execute(INSERT, ("a", 2))


def test_an_error_of_the_database_is_the_drivers(place: str, store: Store) -> None:
    """A row that a table of the caller's own refuses raises the driver's error, and undoes the change."""
    store.change_entity(an_entity(), lambda cursor: cursor.execute(OWN))
    with pytest.raises(psycopg.IntegrityError if "://" in place else sqlite3.IntegrityError):
        store.change_entity(an_entity(version=2), twice)
    assert ([], [an_entity()]) == (own_rows(store), history(store))


def swallow(cursor: Cursor) -> None:
    """Write a row twice, and catch the error of the second time."""
    with pytest.raises((psycopg.IntegrityError, sqlite3.IntegrityError)):
        twice(cursor)


def test_an_error_that_the_caller_swallows_is_not_lost(store: Store) -> None:
    """All or nothing: a transaction in which a statement failed is not written, in either database."""
    store.change_entity(an_entity(), lambda cursor: cursor.execute(OWN))
    with pytest.raises(StoreError, match="a statement of `also` failed and its error was caught, so nothing") as raised:
        store.change_entity(an_entity(version=2), swallow)
    assert isinstance(raised.value.__cause__, (psycopg.IntegrityError, sqlite3.IntegrityError))
    assert ([], 1) == (own_rows(store), len(history(store)))


def test_a_failure_that_is_rolled_back_to_a_savepoint_is_none(store: Store) -> None:
    """What came before the savepoint, and what comes after, is written."""
    store.change_entity(an_entity(), lambda cursor: cursor.execute(OWN))

    def try_and_go_on(cursor: Cursor) -> None:
        cursor.execute(INSERT, ("before", 1))
        cursor.execute("SAVEPOINT here")
        swallow(cursor)
        cursor.execute("ROLLBACK TO SAVEPOINT here")
        cursor.executemany(INSERT, [("after", 2)])
        cursor.execute("DELETE FROM own WHERE key = ?", ("after",))
        assert 1 == cursor.rowcount

    store.change_entity(an_entity(version=2), try_and_go_on)
    assert ([("before", 1)], 2) == (own_rows(store), len(history(store)))


def test_the_caller_is_not_asked_where_the_version_is_another(store: Store) -> None:
    """What is refused calls nothing."""
    store.change_entity(an_entity())
    with pytest.raises(EntityChanged):
        store.change_entity(an_entity(), lambda cursor: pytest.fail("called"))


# ---- several at once


def test_one_thread_changes_an_entity(place: str, store: Store) -> None:
    """Of six that begin an entity, or change it from one version, each with a store of its own, one wins each round."""

    def act(number: int) -> list[bool]:
        won: list[bool] = []
        with open_store(place) as mine:
            for version in range(1, 6):
                ready.wait()
                try:
                    mine.change_entity(replace(an_entity(version=version), state=b"%d" % number))
                    won.append(True)
                except EntityChanged as exc:
                    won.append(exc.version != version)
        return won

    ready = threading.Barrier(6)
    with ThreadPoolExecutor(6) as threads:
        rounds = list(zip(*threads.map(act, range(6)), strict=True))
    assert [1] * 5 == [won.count(True) for won in rounds]
    assert [1, 2, 3, 4, 5] == [one.version for one in history(store)]


@rounds
def test_one_process_changes_an_entity(place: str, rounds: int) -> None:
    """Of six processes that begin an entity, or change it from one version, at once, one wins each round."""
    assert {"1": rounds} == done_in_rounds("changes", place, rounds)


@rounds
def test_a_change_that_was_acknowledged_survives_a_kill(place: str, rounds: int) -> None:
    """What was acknowledged is there with the caller's own rows, and nothing is there by half."""
    counted = done_in_rounds("ends", place, rounds)
    assert (rounds, 0, 0) == (counted["rounds"], counted["lost"], counted["half"])
    assert counted["acknowledged"]


# ---- damage

BROKEN, WHOLE = "o-1", "o-2"
DAMAGE = {
    "a state": ("UPDATE statesig_entities SET state = x'00' WHERE key = ?", "the row of entity 'o-1'"),
    "a machine": ("UPDATE statesig_entities SET machine = 'Payment' WHERE key = ?", "the row of entity 'o-1'"),
    "a missing row": ("DELETE FROM statesig_entities WHERE key = ?", "the row of entity 'o-1', which is missing,"),
    "a change": ("UPDATE statesig_changes SET time = 0 WHERE version = 2 AND key = ?", "version 2 of entity 'o-1'"),
    "a missing change": ("DELETE FROM statesig_changes WHERE version = 2 AND key = ?", "version 2 of entity 'o-1'"),
    "the last change": (
        "DELETE FROM statesig_changes WHERE version = 3 AND key = ?",
        "entity 'o-1', which lacks version 3,",
    ),
    "a change too many": (
        """INSERT INTO statesig_changes
            SELECT key, 9, time, state, sum FROM statesig_changes WHERE version = 1 AND key = ?""",
        "entity 'o-1', which has versions beyond 3,",
    ),
}
any_damage = pytest.mark.parametrize(("sql", "named"), DAMAGE.values(), ids=DAMAGE)


def damaged(folder: Path, sql: str) -> str:
    """Return a store in a file with two entities, of which one was damaged."""
    place = str(folder / "runs.db")
    with open_store(place) as opened:
        for key in (BROKEN, WHOLE):
            for version in (1, 2, 3):
                opened.change_entity(an_entity(key, version))
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute(sql, (BROKEN,))
    return place


@any_damage
def test_a_damaged_entity_is_named_and_set_aside(
    sql: str, named: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`check-store` names it; set aside, all its rows are in the file, and the store is whole with the other entity."""
    place, aside = damaged(tmp_path, sql), tmp_path / "aside"
    code, output, errors = in_this_process(["check-store", place], capfd)
    assert (1, "", True) == (code, output, f"{named} is not what was written" in errors)
    code, output, errors = in_this_process(["check-store", place, "--set-aside", str(aside)], capfd)
    rows = len(aside.read_text().splitlines())
    moved = f"moved 1 damaged entity, {rows} rows, to {aside}\n1 entity, nothing is damaged\n"
    assert (0, moved, "") == (code, output, errors)
    with open_store(place) as opened:
        assert (None, 3) == (opened.entity(BROKEN), len(history(opened, WHOLE)))
        opened.change_entity(an_entity(BROKEN))  # it may begin again


@any_damage
def test_a_damaged_entity_hides_no_other(sql: str, named: str, tmp_path: Path) -> None:
    """The others are read, changed and listed; whoever reads what is damaged is told so, and cannot append to it."""
    with open_store(damaged(tmp_path, sql)) as opened:
        opened.change_entity(an_entity(WHOLE, 4))
        told: list[StoreDamaged] = []
        assert 4 == {one.key: one for one in opened.entities(damaged=told.append)}[WHOLE].version
        with pytest.raises(StoreDamaged, match=BROKEN):
            opened.check(refuse)
        is_row = "statesig_entities" in sql
        assert is_row is bool(told)
        if is_row:
            for act in (lambda: opened.change_entity(an_entity(BROKEN)), opened.entities):
                with pytest.raises(StoreDamaged):
                    act()


def test_an_entity_that_vanished_altogether_is_missed(tmp_path: Path) -> None:
    """The number of entities reveals it where they are listed; set aside, they are counted anew."""
    place = damaged(tmp_path, "DELETE FROM statesig_entities WHERE key = ?")
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("DELETE FROM statesig_changes WHERE key = ?", (BROKEN,))
    with open_store(place) as opened:
        with pytest.raises(StoreDamaged, match="the number of entities"):
            opened.entities()
        assert Contents((), (), ()) == opened.set_aside(lambda rows: pytest.fail("nothing is to be kept"))
        assert [WHOLE] == [one.key for one in opened.entities()]


def test_what_is_damaged_is_set_aside_on_a_server(place: str, store: Store) -> None:
    """Entities are removed and counted with runs and cached states, in one transaction."""
    remove: Callable[[Cursor], object] = lambda cursor: cursor.execute(  # noqa: E731
        "DELETE FROM statesig_entities WHERE key = ?", (BROKEN,)
    )
    store.change_entity(an_entity(BROKEN))
    store.change_entity(an_entity(WHOLE), remove)
    store.remember("one", b"1", NOW)
    assert Contents((), (), (BROKEN,)) == store.set_aside(lambda rows: None)
    assert Contents((), ("one",), (WHOLE,)) == store.check(refuse)
