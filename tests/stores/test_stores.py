"""Stores: runs and their histories come back as they were written, or a clear error does. In SQLite and PostgreSQL."""

import logging
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest

from statesig.errors import NoRun, RunTaken, StoreDamaged, StoreError
from statesig.stores import database as databases
from statesig.stores.opening import open_store
from statesig.stores.sql import SQLStore
from statesig.stores.sqlite import SQLiteStore
from statesig.stores.store import Contents, Cursor, Lease, Record, Store
from statesig.stores.wal import is_log_damaged
from tests import ROOT
from tests.harness.exhaustive import counts
from tests.harness.flips import all_but_rows, in_columns, in_files, in_logs, rows_of
from tests.harness.records import HOUR, NOW, RUNNING, a_lease, a_record, a_run, all_of, filled
from tests.harness.rounds import done_in_rounds

rounds = pytest.mark.parametrize("rounds", counts(2, 20))
"""How many rounds of races, kills and flips: 1,000 and more in earnest."""


# ---- runs and histories


def test_a_run_comes_back(place: str, store: Store) -> None:
    """What was created is found in another process's store of the same place."""
    run = a_run()
    store.create(run, a_lease(run))
    with open_store(place) as other:
        assert run == other.find(run.id)
        assert [] == list(other.history(run))
        assert a_lease(run) == other.lease(run.id)


def test_a_run_is_created_once(store: Store) -> None:
    """An identity that is there is refused, and nothing changed."""
    run = a_run()
    store.create(run, a_lease(run))
    with pytest.raises(StoreError, match="already exists"):
        store.create(a_run(run.id, flow="other"), a_lease(run, "other"))
    assert run == store.find(run.id)
    assert a_lease(run) == store.lease(run.id)


def test_records_come_back(place: str, store: Store) -> None:
    """Each field of a record is read back as it was, times in whatever zone to the microsecond."""
    records = [
        Record("täsk ☃ 'x'", None, 1, NOW, None, 0, b"{}"),
        Record(None, None, 2, datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), "", 3, b""),
        Record("a", 0, 1, NOW, None, 0, b"{}", try_number=2),
        Record("a", 2**40, 3, datetime.max.replace(tzinfo=UTC), "host:1", 2**31, bytes(range(256)) * 1000),
        Record("b", 1, 4, datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2))), "w", 0, b"{}"),
    ]
    run = a_run()
    store.create(run, a_lease(run))
    after = store.append(run, "me", records, now=NOW)
    with open_store(place) as other:
        assert after == other.find(run.id)
        assert records == list(other.history(after))


def test_append_returns_the_run_anew(store: Store) -> None:
    """A run's version counts its changes, its length its records; its own state changes where one is given."""
    run = a_run()
    store.create(run, a_lease(run))
    first = store.append(run, "me", [a_record(), a_record()], now=NOW + HOUR)
    assert (1, 2, NOW + HOUR, RUNNING, "Running") == (
        first.version,
        first.length,
        first.changed,
        first.state,
        first.tag,
    )
    last = store.append(first, "me", [], now=NOW + 2 * HOUR, state=b"{}", tag="Success")
    assert (2, 2, b"{}", "Success") == (last.version, last.length, last.state, last.tag)
    assert (NOW + HOUR, NOW + 2 * HOUR) == (first.changed, last.changed)
    assert last == store.find(run.id)


def test_a_long_history_comes_back_in_order(store: Store) -> None:
    """A history is read in pieces, and each run has its own."""
    one, other = a_run(), a_run()
    store.create(one, a_lease(one))
    store.create(other, a_lease(other))
    records = [a_record(number=number) for number in range(2500)]
    one = store.append(one, "me", records[:1700], now=NOW)
    other = store.append(other, "me", records[:1000], now=NOW)
    one = store.append(one, "me", records[1700:], now=NOW)
    assert records == list(store.history(one))
    assert records[:1000] == list(store.history(other))


def test_a_history_is_read_as_long_as_the_run_says(store: Store) -> None:
    """What was appended since a run was read is not of it."""
    run = a_run()
    store.create(run, a_lease(run))
    first = store.append(run, "me", [a_record()], now=NOW)
    store.append(first, "me", [a_record("late")], now=NOW)
    assert [a_record()] == list(store.history(first))


def test_a_run_that_was_changed_is_not_appended_to(store: Store) -> None:
    """Of two appends from one version the second is refused, and nothing is written."""
    run = a_run()
    store.create(run, a_lease(run))
    first = store.append(run, "me", [a_record()], now=NOW)
    with pytest.raises(RunTaken, match="was changed since it was read"):
        store.append(run, "me", [a_record("again")], now=NOW, tag="Failed")
    assert first == store.find(run.id)
    assert [a_record()] == list(store.history(first))


@pytest.mark.parametrize("owner", ["me", "other"])
def test_only_the_owner_of_the_lease_appends(store: Store, owner: str) -> None:
    """Neither who never had the lease nor who gave it back changes a run, and nothing is written."""
    run = a_run()
    store.create(run, a_lease(run))
    store.release(run.id, "me")
    if owner == "other":
        store.acquire(run, a_lease(run, "me"), now=NOW)
    with pytest.raises(RunTaken, match="no lease"):
        store.append(run, owner, [a_record()], now=NOW)
    assert run == store.find(run.id)


def test_a_run_that_is_not_there_is_not_appended_to(store: Store) -> None:
    """It is said that there is none."""
    with pytest.raises(NoRun, match="no run 'ab'"):
        store.append(a_run("ab"), "me", [a_record()], now=NOW)


# ---- leases


def test_a_lease_that_has_not_ended_is_not_taken(store: Store) -> None:
    """Another owner's lease stays, and the error says until when."""
    run = a_run()
    store.create(run, a_lease(run))
    with pytest.raises(RunTaken, match=r"has the lease on run .* until 06:06:07 UTC"):
        store.acquire(run, a_lease(run, "other"), now=NOW)
    assert a_lease(run) == store.lease(run.id)


@pytest.mark.parametrize("way", ["ended", "dead", "given back", "its own"])
def test_a_lease_is_taken(store: Store, way: str) -> None:
    """A lease is free once it has ended or was given back, or its owner is known to be dead; it is one's own anyway."""
    run = a_run()
    store.create(run, a_lease(run, "other" if way == "its own" else "me"))
    if way == "given back":
        store.release(run.id, "me")
    now = NOW + HOUR if way == "ended" else NOW
    lease = a_lease(run, "other", NOW + 3 * HOUR)
    assert lease == store.acquire(run, lease, now=now, instead_of="me" if way == "dead" else None)
    assert lease == store.lease(run.id)
    store.append(run, "other", [a_record()], now=now)


def test_the_lease_of_a_changed_run_is_not_taken(store: Store) -> None:
    """Whoever would go on from a version that is past has to read the run again."""
    run = a_run()
    store.create(run, a_lease(run))
    store.append(run, "me", [], now=NOW)
    store.release(run.id, "me")
    with pytest.raises(RunTaken, match="was changed since it was read"):
        store.acquire(run, a_lease(run, "other"), now=NOW)
    assert store.lease(run.id) is None


def test_a_lease_is_renewed(store: Store) -> None:
    """Its end moves; one that another has taken is not renewed."""
    run = a_run()
    store.create(run, a_lease(run))
    later = a_lease(run, until=NOW + 2 * HOUR)
    assert later == store.renew(later)
    assert later == store.lease(run.id)
    with pytest.raises(RunTaken):
        store.renew(a_lease(run, "other"))
    assert later == store.lease(run.id)


def test_a_lease_is_given_back_by_its_owner(store: Store) -> None:
    """Nothing happens where another has it."""
    run = a_run()
    store.create(run, a_lease(run))
    store.release(run.id, "other")
    assert a_lease(run) == store.lease(run.id)
    assert not store.release(run.id, "me")
    assert store.lease(run.id) is None
    assert not store.acquire(run, a_lease(run), now=NOW).cancel


def test_a_cancellation_reaches_the_owner(store: Store) -> None:
    """Whoever renews, releases or takes the lease is told; the request stays with the run."""
    run = a_run()
    store.create(run, a_lease(run))
    assert store.request_cancel(run.id)
    asked = Lease(run.id, "me", NOW + HOUR, cancel=True)
    assert asked == store.renew(a_lease(run)) == store.lease(run.id)
    assert store.acquire(run, a_lease(run, "other"), now=NOW, instead_of="me").cancel
    assert (False, True) == (store.release(run.id, "me"), store.release(run.id, "other"))
    assert not store.request_cancel(run.id)
    assert store.acquire(run, a_lease(run, "third"), now=NOW).cancel


def test_there_is_no_lease_on_no_run(store: Store) -> None:
    """A run that is not there is said so of."""
    for act in (store.lease, store.request_cancel, lambda run: store.release(run, "me")):
        with pytest.raises(NoRun):
            act("ab")


# ---- finding, listing, removing


def test_a_run_is_found_by_its_beginning(store: Store) -> None:
    """The only one that begins so; else the error says how many do."""
    one, other = a_run("ab" * 16), a_run("ac" * 16)
    store.create(one, a_lease(one))
    store.create(other, a_lease(other))
    assert one == store.find("ab")
    for text, words in {"a": "2 runs begin with 'a'", "b": "no run 'b'", "": "no run ''"}.items():
        with pytest.raises(NoRun, match=words):
            store.find(text)


def test_runs_are_listed(store: Store) -> None:
    """The latest first, those of a state or a flow, so many of them."""
    runs = [a_run(flow=flow, tag=tag, at=NOW + n * HOUR) for n, (flow, tag) in enumerate(["aF", "aS", "bS"])]
    for run in runs:
        store.create(run, a_lease(run))
    first, second, third = runs
    assert [third, second, first] == store.runs()
    assert [third, second] == store.runs(tag="S")
    assert [second] == store.runs(tag="S", flow="a") == store.runs(flow="a", limit=1)
    assert [] == store.runs(flow="none")


def test_old_runs_are_removed(store: Store) -> None:
    """Final ones that were last changed before a time and that nobody has a lease on, with all that is theirs."""
    keep = [
        a_run(tag="Success", at=NOW + HOUR),
        a_run(tag="Paused"),
        a_run(tag="OfAnotherProgram"),
        a_run(tag="Failed"),
    ]
    gone = [a_run(tag="Success"), a_run(tag="Failed"), a_run(tag="Cancelled")]
    for run in (*keep, *gone):
        store.create(run, a_lease(run, until=NOW))
        store.append(run, "me", [a_record()], now=run.created)
        if run is not gone[2]:  # a process that died after its run's end has not given its lease back
            store.release(run.id, "me")
    store.acquire(store.find(keep[3].id), a_lease(keep[3]), now=NOW)
    store.remember("old", b"", NOW)
    store.remember("new", b"", NOW + HOUR)
    assert 3 == store.prune(NOW + timedelta(minutes=1))
    assert {run.id for run in keep} == {run.id for run in store.runs()}
    assert [None, b""] == [store.recall(key, NOW - HOUR) for key in ("old", "new")]
    store.create(gone[0], a_lease(gone[0]))
    assert [] == list(store.history(store.find(gone[0].id)))
    assert 0 == store.prune(NOW)


# ---- the cache


def test_a_cached_state_comes_back_until_it_expires(place: str, store: Store) -> None:
    """Under its key alone, the last that was kept, in other processes too."""
    store.remember("key", b"old", NOW + 3 * HOUR)
    store.remember("key", b"new", NOW + HOUR)
    with open_store(place) as other:
        assert b"new" == other.recall("key", NOW)
        assert other.recall("key", NOW + HOUR) is None
        assert other.recall("ke", NOW) is None


# ---- several at once


def test_threads_share_a_store(store: Store) -> None:
    """Each thread's run has all that the thread appended."""
    runs = [a_run() for _ in range(4)]
    for run in runs:
        store.create(run, a_lease(run))

    def append(run: object) -> None:
        for number in range(25):
            run = store.append(run, "me", [a_record(number=number)], now=NOW)  # type: ignore[arg-type]
            store.renew(a_lease(run))  # type: ignore[arg-type]

    threads = [threading.Thread(target=append, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [a_record(number=number) for number in range(25)]
    assert [expected] * 4 == [list(store.history(store.find(run.id))) for run in runs]


def test_a_closed_store_opens_again(store: Store) -> None:
    """A store that is used after its end has a connection again."""
    store.close()
    run = a_run()
    store.create(run, a_lease(run))
    store.close()
    store.close()
    assert run == store.find(run.id)


@pytest.mark.parametrize("rounds", counts(1, None, 2, share=1 / 10))
def test_a_new_store_is_opened_by_many(place: str, rounds: int) -> None:
    """Processes that open a new store at once all find its tables, and none minds that others open and close it."""
    assert {"0": 6 * rounds} == done_in_rounds("openings", place, rounds)


@rounds
def test_one_process_takes_a_run(place: str, rounds: int) -> None:
    """Of six processes that take one lease at once, one wins each round."""
    assert {"1": rounds} == done_in_rounds("races", place, rounds)


@rounds
def test_what_was_acknowledged_survives_a_kill(place: str, rounds: int) -> None:
    """A process is killed while it appends: what append has returned from is there, and nothing is there by half."""
    counted = done_in_rounds("kills", place, rounds)
    assert (rounds, 0, 0) == (counted["rounds"], counted["lost"], counted["half"])
    assert counted["acknowledged"]


# ---- damage


def test_a_damaged_run_is_set_aside(place: str, store: Store) -> None:
    """Its rows are handed over and removed in one transaction; if they cannot be kept, they stay."""
    broken, whole = a_run(), a_run()
    for run in (broken, whole):
        store.create(run, a_lease(run))
    damage = f"DELETE FROM statesig_plans WHERE run = '{broken.id}'"
    if place.startswith("postgresql"):
        with psycopg.connect(place) as connected:
            connected.execute(damage.encode())
    else:
        with sqlite3.connect(place) as connection:
            connection.execute(damage)
        connection.close()

    def refuse(rows: object) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        store.set_aside(refuse)
    with pytest.raises(StoreDamaged):
        store.runs()
    kept: list[str] = []
    moved = store.set_aside(lambda rows: kept.extend(table for table, _ in rows))
    assert Contents((broken.id,), ()) == moved
    assert (["runs", "leases"], [whole]) == (kept, store.runs())
    assert Contents((), ()) == store.set_aside(refuse)


def test_runs_that_are_added_while_others_are_set_aside_are_counted(place: str, store: Store) -> None:
    """The runs are counted anew while nobody adds one: none that another process adds meanwhile is missed."""

    def add() -> None:
        with open_store(place) as other:
            assert isinstance(other, SQLStore)
            count = other._count

            def counted(cursor: Cursor, more: int) -> None:
                count(cursor, more)
                time.sleep(0.005)  # the run is counted, and others do not see it before this transaction ends

            other._count = counted  # type: ignore[method-assign]  # to stop between counting and the commit
            for _ in range(20):
                run = a_run()
                other.create(run, a_lease(run))

    thread = threading.Thread(target=add)
    thread.start()
    while thread.is_alive():
        store.set_aside(lambda rows: None)
        store.runs()  # which compares their number with the rows
    thread.join()
    assert 20 == len(store.runs())


@rounds
def test_a_flipped_bit_of_a_row_is_noticed(tmp_path: Path, rounds: int) -> None:
    """In the file, within the rows: an error comes, or a cached state is forgotten."""
    found = in_files(tmp_path, 5 * rounds, random.Random(1), rows_of)
    assert set() == found.keys() - {"error", "forgotten"}


@rounds
def test_a_flipped_bit_elsewhere_in_the_file_does_no_harm_unnoticed(tmp_path: Path, rounds: int) -> None:
    """In the file, outside of the rows: an error comes, or all that is read is the same."""
    found = in_files(tmp_path, 5 * rounds, random.Random(2), all_but_rows)
    assert 0 == found["unnoticed"]


@rounds
def test_a_flipped_bit_of_a_column_is_noticed(tmp_path: Path, rounds: int) -> None:
    """In any column of any table, its checksum too."""
    found = in_columns(tmp_path, 5 * rounds, random.Random(3))
    assert set() == found.keys() - {"error", "forgotten"}


@rounds
def test_a_flipped_bit_of_a_log_that_was_left_is_noticed(tmp_path: Path, rounds: int) -> None:
    """In what a killed process has committed and SQLite has not yet moved into the file: an error comes."""
    assert {"error": 2 * rounds} == in_logs(tmp_path, 2 * rounds, random.Random(4))


_HOLDING = """
import sys
from statesig.stores.opening import open_store
from tests.harness.records import NOW, a_lease, a_record, a_run
with open_store(sys.argv[1]) as store:
    run = a_run()
    store.create(run, a_lease(run))
    store.append(run, "me", [a_record()], now=NOW)
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_log_is_read_only_once_it_was_left(tmp_path: Path) -> None:
    """While its process has the file open, that has looked; a log that it leaves when it is killed is looked at."""
    path = str(tmp_path / "runs.db")
    holding = [sys.executable, "-c", _HOLDING, path]
    with subprocess.Popen(holding, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"open\n" == process.stdout.readline()
        log = Path(f"{path}-wal")
        raw = bytearray(log.read_bytes())
        raw[-1] ^= 1
        log.write_bytes(raw)
        assert not is_log_damaged(path)
        process.kill()
    assert is_log_damaged(path)


_IN_USE = """
import os, sys
from statesig.stores import wal
print(wal._is_in_use(os.open(sys.argv[1], os.O_RDONLY)))
"""


def test_a_second_store_of_a_process_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """Other processes still see that the file is in use: to close a file would give up this process's locks on it."""
    path = str(tmp_path / "runs.db")
    asking = [sys.executable, "-c", _IN_USE, f"{path}-shm"]
    with open_store(path) as one:
        one.create(run := a_run(), a_lease(run))
        with open_store(path) as other:
            assert run == other.find(run.id)
        assert b"True\n" == subprocess.run(asking, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout


def test_a_damaged_log_can_be_given_up(tmp_path: Path) -> None:
    """The error says what is damaged and what to remove; the runs are then as they were before."""
    with open_store(tmp_path / "runs.db") as store:
        run = a_run()
        store.create(run, a_lease(run))
        run = store.append(run, "me", [a_record()], now=NOW)
        store.append(run, "me", [a_record("last")], now=NOW)
        for end in ("", "-wal", "-shm"):  # as a process leaves them that is killed
            (tmp_path / f"copy.db{end}").write_bytes((tmp_path / f"runs.db{end}").read_bytes())
    log = tmp_path / "copy.db-wal"
    raw = bytearray(log.read_bytes())
    raw[-1] ^= 1
    log.write_bytes(raw)
    with pytest.raises(StoreDamaged, match=r"its log .*-wal, .* remove .*-shm, and its runs are as they were"):
        open_store(tmp_path / "copy.db")
    (tmp_path / "copy.db-shm").unlink()
    with open_store(tmp_path / "copy.db") as store:
        assert run == store.find(run.id)
        assert [a_record()] == list(store.history(run))


def test_a_store_that_is_written_can_be_opened(tmp_path: Path) -> None:
    """A log that another connection goes on with, and begins anew, is not taken for a damaged one."""
    path = tmp_path / "runs.db"
    state = bytes(200_000)
    with open_store(path) as store:
        run = a_run()
        store.create(run, a_lease(run))

        def append() -> None:
            changing = run
            for _ in range(60):
                record = Record("t", None, 1, NOW, None, 0, state)
                changing = store.append(changing, "me", [record], now=NOW)

        thread = threading.Thread(target=append)
        thread.start()
        while thread.is_alive():
            with open_store(path) as other:
                other.find(run.id)
        thread.join()
        assert 60 == store.find(run.id).length


def changed(path: Path, statement: str) -> None:
    """Change a store of SQLite behind its back."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("statement", [
    "DELETE FROM statesig_history WHERE seq = 1",
    "DELETE FROM statesig_history WHERE seq = 4",
    "DELETE FROM statesig_runs WHERE flow = 'flow-1'",
    "DELETE FROM statesig_plans",
    "DELETE FROM statesig_leases",
    "DELETE FROM statesig_counters",
    "DELETE FROM statesig_migrations",
    "UPDATE statesig_history SET seq = 9 WHERE seq = 4",
])  # fmt: skip
def test_a_missing_row_is_noticed(tmp_path: Path, statement: str) -> None:
    """A row that is gone or has another key is missed, and the remedy is told."""
    path = tmp_path / "runs.db"
    with open_store(path) as store:
        keys = filled(store)
    changed(path, statement)
    with pytest.raises(StoreDamaged, match="restore the store from a backup"), open_store(path) as store:
        all_of(store, keys)


def test_a_damaged_cached_state_is_forgotten(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A cache forgets and never lies; the log says so. The others are not touched."""
    path = tmp_path / "runs.db"
    with open_store(path) as store:
        store.remember("one", b"1", NOW + HOUR)
        store.remember("two", b"2", NOW + HOUR)
        changed(path, "UPDATE statesig_cache SET state = CAST('3' AS BLOB) WHERE key = 'one'")
        with caplog.at_level(logging.WARNING, "statesig.store"):
            assert [None, b"2"] == [store.recall(key, NOW) for key in ("one", "two")]
    assert 1 == len(caplog.records)


# ---- versions


def test_a_newer_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that a later release has changed are not touched."""
    path = tmp_path / "runs.db"
    with monkeypatch.context() as patch:
        patch.setattr(databases, "MIGRATIONS", (*databases.MIGRATIONS, ("CREATE TABLE statesig_new (a)",)))
        open_store(path).close()
    known = len(databases.MIGRATIONS)
    said = f"of version {known + 1}, made by a newer statesig; this one knows version {known}: update"
    with pytest.raises(StoreError, match=said):
        open_store(path)


def test_an_older_store_is_brought_forward(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs stay; a step that fails changes nothing."""
    with open_store(place) as store:
        keys = filled(store)
        before = all_of(store, keys)
    statements = (
        "CREATE TABLE statesig_new (a {integer}){end}".replace("{end}", ""),
        "ALTER TABLE statesig_nope ADD b",
    )
    with monkeypatch.context() as patch:
        patch.setattr(databases, "MIGRATIONS", (*databases.MIGRATIONS, statements))
        with pytest.raises(StoreError):
            open_store(place)
        patch.setattr(databases, "MIGRATIONS", (*databases.MIGRATIONS[:-1], statements[:1]))
        with open_store(place) as store:
            assert before == all_of(store, keys)
    with pytest.raises(StoreError, match="newer"):
        open_store(place)


def test_a_run_keeps_its_origin_and_what_it_takes_over(place: str) -> None:
    """Both are stored with the run, in one transaction; the origin is covered by a checksum, as all that is stored."""
    with open_store(place) as store:
        run = a_run()
        store.create(run, a_lease(run))
        again = replace(run, id="b" * 32, origin=run.id, length=1)
        taken = Record("load", None, 1, NOW, "worker", 0, b"{}")
        store.create(again, a_lease(again), [taken])
        assert (again, [taken]) == (store.find(again.id), [*store.history(again)])
        changed = store.append(again, "me", [], now=NOW)
        assert run.id == store.find(changed.id).origin


# ---- what is named, and what cannot be opened


def test_a_store_is_named_by_a_path_or_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path as text or not, sqlite:/// from here and sqlite://// from the root; a store is itself."""
    monkeypatch.chdir(tmp_path)
    run = a_run()
    with open_store(tmp_path / "a.db") as store:
        store.create(run, a_lease(run))
        assert store is open_store(store)
    for target in ("a.db", str(tmp_path / "a.db"), "sqlite:///a.db", f"sqlite:///{tmp_path}/a.db"):
        with open_store(target) as store:
            assert run == store.find(run.id)


@pytest.mark.parametrize("target", ["mysql://me:secret@host/db", "sqlite://a:secret.db", "redis://secret"])
def test_another_url_is_refused(target: str) -> None:
    """The error says what is possible, and no password."""
    with pytest.raises(StoreError, match="postgresql://user@host") as caught:
        open_store(target)
    assert "secret" not in str(caught.value)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    """A missing folder, a folder, memory, or a file of something else: the error says which, and nothing is changed."""
    other = tmp_path / "other.txt"
    other.write_text("not a database, but a text that is longer than the head of one" * 20)
    before = other.read_bytes()
    for target, words in {
        tmp_path / "no" / "runs.db": "there is no folder .*; make it first",
        tmp_path: "is it a folder",
        other: "not a SQLite file",
        ":memory:": "outlives the process",
        "": "outlives the process",
    }.items():
        with pytest.raises(StoreError, match=words):
            open_store(target)
    assert [other] == list(tmp_path.iterdir())
    assert before == other.read_bytes()


def test_a_name_that_is_no_text_is_refused(store: Store) -> None:
    """Half a surrogate pair cannot be stored; the store goes on."""
    run = a_run()
    store.create(run, a_lease(run))
    with pytest.raises(StoreError, match="surrogate"):
        store.append(run, "me", [a_record("\ud800")], now=NOW)
    store.append(run, "me", [a_record()], now=NOW)


def test_a_store_in_use_elsewhere_is_waited_for(tmp_path: Path) -> None:
    """Another process that keeps the file locked is told of after the time to wait; then the store goes on."""
    path = tmp_path / "runs.db"
    program = """if True:
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        print("locked", flush=True)
        sys.stdin.read()
        connection.close()
    """
    run = a_run()
    with SQLiteStore(path, wait=0.1) as store:
        store.create(run, a_lease(run))
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert b"locked\n" == other.stdout.readline()
            with pytest.raises(StoreError, match=r"another process has it locked, for 0\.1 s") as caught:
                store.append(run, "me", [a_record()], now=NOW)
            assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
            assert run == store.find(run.id)
            other.communicate()
        assert 1 == store.append(run, "me", [a_record()], now=NOW).length


# ---- a disk that takes nothing more

_FILL = """if True:
    import sys
    from statesig.errors import StoreError
    from statesig.stores.store import Record
    from statesig.stores.opening import open_store
    from tests.harness.records import NOW, a_lease, a_run
    run = a_run("ab" * 16)
    with open_store(sys.argv[1]) as store:
        store.create(run, a_lease(run))
        LIMIT
        try:
            for number in range(10_000):
                record = Record("t", number, 1, NOW, None, 0, b"the value" * 100)
                run = store.append(run, "me", [record], now=NOW)
        except StoreError as exc:
            print(run.length)
            print(exc)
"""

_LIMIT = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); " + (
    "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))"
)


def filled_disk(folder: Path, limit: str) -> tuple[str, int, list[int | None]]:
    """Append in another process until that fails; return its error, the number acknowledged, and what is stored."""
    path = folder / "runs.db"
    command = [sys.executable, "-c", _FILL.replace("LIMIT", limit), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    acknowledged, sentence = done.stdout.splitlines()
    with open_store(path) as store:
        return sentence, int(acknowledged), [record.index for record in store.history(store.find("ab"))]


_FULL = r"store .*: .* full.* try again"
"""The error of a disk that is full; it has no value in it."""


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The run is as it was last acknowledged, and the error says what to do."""
    sentence, acknowledged, stored = filled_disk(tmp_path, _LIMIT)
    assert re.fullmatch(_FULL, sentence)
    assert list(range(acknowledged)) == stored != []


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """The run is as it was last acknowledged, and the error says what to do; with room it goes on."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system may not be mounted here")
    try:
        sentence, acknowledged, stored = filled_disk(tmp_path, "pass")
        assert re.fullmatch(_FULL, sentence)
        assert list(range(acknowledged)) == stored != []
        subprocess.run(["mount", "-o", "remount,size=4m", str(tmp_path)], check=True)
        with open_store(tmp_path / "runs.db") as store:
            run = store.find("ab")
            assert run.length + 1 == store.append(run, "me", [a_record()], now=NOW).length
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


_READ_ONLY = """if True:
    import os, sys
    import sqlite3, statesig.stores.sqlite
    from statesig.errors import StoreError
    from statesig.stores.opening import open_store
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        open_store(sys.argv[1])
    except StoreError as exc:
        print(exc)
"""


@pytest.mark.parametrize("is_new", [True, False], ids=["a new file", "a file that is there"])
def test_a_folder_that_may_only_be_read(is_new: bool) -> None:
    """The error says so, and nothing is made or changed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "runs.db"
        if not is_new:
            open_store(path).close()
            path.chmod(0o444)
        before = sorted(folder.iterdir())
        folder.chmod(0o555)
        command = [sys.executable, "-c", _READ_ONLY, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        folder.chmod(0o755)
        assert f"store {path}: " in done.stdout
        assert ("its folder not writable?" if is_new else "write permission") in done.stdout
        assert before == sorted(folder.iterdir())
