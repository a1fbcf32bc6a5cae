"""The store in PostgreSQL when its server fails; what every store does is in test_store.py."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from statesig.errors import StoreError
from statesig.stores.opening import open_store
from statesig.stores.store import Record, Store, StoredRun
from tests import ROOT
from tests.harness.exhaustive import counts
from tests.harness.flips import TABLES, flipped, verdict
from tests.harness.records import NOW, a_lease, a_record, a_run, all_of, filled
from tests.harness.servers import Server, owner


@pytest.fixture
def place(server: Server) -> str:
    """Where a new store is to be."""
    return server.new_place()


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    """A new store."""
    with open_store(place) as opened:
        yield opened


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_stops_between_two_appends(server: Server, store: Store, mode: str) -> None:
    """An error says so; what was acknowledged is there when the server is back, and the same store goes on."""
    run = a_run()
    store.create(run, a_lease(run))
    first = store.append(run, "me", [a_record()], now=NOW)
    server.stop(mode)
    try:
        for act in (
            lambda: store.append(first, "me", [a_record("lost")], now=NOW),
            lambda: store.find(run.id),
            lambda: store.renew(a_lease(run)),
        ):
            with pytest.raises(StoreError, match="out of reach or has ended the connection") as caught:
                act()
            assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    finally:
        server.start()
    assert first == store.find(run.id)
    assert [a_record(), a_record("next")] == list(store.history(store.append(first, "me", [a_record("next")], now=NOW)))


def test_a_server_that_was_restarted(server: Server, store: Store) -> None:
    """A store that had nothing under way when the server was started anew does not notice."""
    run = a_run()
    store.create(run, a_lease(run))
    server.stop("immediate")
    server.start()
    assert 1 == store.append(run, "me", [a_record()], now=NOW).length


def test_a_connection_that_is_ended_in_a_transaction(server: Server, store: Store) -> None:
    """Nothing of the transaction is there, and the store goes on."""
    run = a_run()
    store.create(run, a_lease(run))
    database = store._database  # type: ignore[attr-defined]  # what append does, cut in two

    def half() -> None:
        with database.writing() as cursor:
            cursor.execute("UPDATE statesig_runs SET version = 7 WHERE id = ?", (run.id,))
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(_END_CONNECTIONS)
            cursor.execute("SELECT 1")

    with pytest.raises(StoreError, match="has ended the connection"):
        half()
    assert run == store.find(run.id)


_END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'statesig'"


def test_a_process_that_stands_still_keeps_nobody_waiting_for_ever(place: str) -> None:
    """A session gives up a lock after its time, and one that idles in a transaction is ended by the server."""
    with open_store(place) as store, store._database.reading() as cursor:  # type: ignore[attr-defined]  # its session
        settings = []
        for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SHOW {name}")
            settings.append(cursor.fetchone())
    assert [("30s",), ("1min",)] == settings


def test_what_is_acknowledged_is_durable_however_the_server_is_set(place: str) -> None:
    """Commits that the server would not wait for are waited for."""
    lazy = place.replace("options=", "options=-csynchronous_commit%3Doff%20")
    with open_store(lazy) as store, store._database.reading() as cursor:  # type: ignore[attr-defined]  # its session
        cursor.execute("SHOW search_path")
        assert cursor.fetchone() != ('"$user", public',)
        cursor.execute("SHOW synchronous_commit")
        assert ("on",) == cursor.fetchone()


@pytest.mark.parametrize("rounds", counts(5, 20))
def test_a_flipped_bit_of_a_column_is_noticed(place: str, rounds: int) -> None:
    """In any column of any table, its checksum too: an error comes, or a cached state is forgotten."""
    assert set() == flips(place, 5 * rounds, random.Random(4)).keys() - {"error", "forgotten"}


def flips(place: str, number: int, chance: random.Random) -> Counter[str]:
    """Flip bits of columns, one after the other, and count what became of them."""
    with open_store(place) as store:
        keys = filled(store)
        before = all_of(store, keys)
    found: Counter[str] = Counter()
    with psycopg.connect(place, autocommit=True) as connection:
        while found.total() < number:
            table = chance.choice(list(TABLES))
            column = chance.choice(TABLES[table])
            rows = connection.execute(f"SELECT ctid, {column} FROM statesig_{table}".encode()).fetchall()
            row, value = chance.choice(rows)
            bad = flipped(value, chance)
            if value is None:
                bad = 0 if column == "idx" else ""
            elif isinstance(value, str) and (isinstance(bad, bytes) or "\0" in bad):
                continue  # no text to PostgreSQL
            change = f"UPDATE statesig_{table} SET {column} = %s WHERE ctid = %s RETURNING ctid".encode()
            try:
                [[changed]] = connection.execute(change, (bad, row)).fetchall()
            except psycopg.errors.UniqueViolation:
                continue
            found[verdict(place, keys, before)] += 1
            connection.execute(change, (value, changed))
    with open_store(place) as store:
        assert before == all_of(store, keys)
    return found


# ---- what is named, and what cannot be opened


@pytest.mark.parametrize("url", [
    "postgresql://me:secret@127.0.0.1:1/runs",
    "postgresql://me:sec%2Fret@127.0.0.1:1/runs?password=secret",
    "postgres://127.0.0.1:1/runs?password=secret&user=me",
    "postgresql://me:sec/ret@127.0.0.1:1/runs",
    "postgresql://me:secret@ret@127.0.0.1:1/runs",
    "postgresql://me:secret@127.0.0.1:ret/runs",
    "postgresql://me:secret@[::1/runs",
    "postgresql://me:secret@127.0.0.1/runs?nope=secret",
])  # fmt: skip
def test_no_password_is_told(url: str) -> None:
    """Neither by the error, nor by its cause or its name of the store; also of a URL that cannot be read."""
    with pytest.raises(StoreError) as caught:
        open_store(url)
    told = f"{caught.value} {caught.value.store} {caught.value.__cause__}"
    assert not [part for part in ("sec", "ret@", "ret/") if part in told]
    assert caught.value.__cause__ is not None or "%40" in str(caught.value)


def test_a_store_is_called_by_its_url_without_a_user(server: Server, store: Store) -> None:
    """So are its errors."""
    assert f"postgresql://{server.folder}/postgres" == store.name


def test_a_database_that_is_not_there(server: Server) -> None:
    """The error says what may be wrong."""
    with pytest.raises(StoreError, match="or refuses the user, the password or the database"):
        open_store(server.url_of("nope"))


def test_a_user_who_may_not(server: Server, place: str) -> None:
    """The error says what to grant."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match="grant it CREATE on the schema"):
        open_store(f"postgresql://guest@/postgres?host={server.folder}")


def test_a_name_that_postgres_cannot_keep(store: Store) -> None:
    """A zero character is refused, and its text is not repeated; the store goes on."""
    run = a_run()
    store.create(run, a_lease(run))
    with pytest.raises(StoreError, match="such as NUL") as caught:
        store.append(run, "me", [a_record("secret\0")], now=NOW)
    assert "secret" not in str(caught.value)
    assert 1 == store.append(run, "me", [a_record()], now=NOW).length


def test_without_the_driver() -> None:
    """The error says what to install."""
    program = """if True:
        import sys
        sys.modules["psycopg"] = None
        from statesig.errors import StoreError
        from statesig.stores.opening import open_store
        try:
            open_store("postgresql://me:secret@host/runs")
        except StoreError as exc:
            print(exc)
    """
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pip install 'statesig[postgres]'" in done.stdout
    assert "secret" not in done.stdout


def test_a_disk_that_is_full(server: Server, tmp_path: Path) -> None:
    """The run is as it was last acknowledged, and the error says what to do."""
    disk = server.folder / "disk"
    disk.mkdir()
    uid, gid = owner()
    option = f"size=16m,uid={uid},gid={gid},mode=700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system may not be mounted here")
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{disk}'".encode())
            connection.execute("CREATE DATABASE small TABLESPACE small")
        try:
            sentence, acknowledged, found, records = filled_disk(server.url_of("small"))
            assert "disk is full; make room, then try again" in sentence
            assert (acknowledged, True) == (found, found.length > 0)
            assert [_LARGE] * found.length == records
        finally:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("DROP DATABASE small WITH (FORCE)")
                connection.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


_LARGE = Record("t", None, 1, NOW, None, 0, random.Random(5).randbytes(500_000))  # which does not compress


def filled_disk(place: str) -> tuple[str, StoredRun, StoredRun, list[Record]]:
    """Append until that fails; return the error, the run as acknowledged and as stored, and its history."""
    run = a_run()
    with open_store(place) as store:
        store.create(run, a_lease(run))
        try:
            while True:
                run = store.append(run, "me", [_LARGE], now=NOW)
        except StoreError as exc:
            found = store.find(run.id)
            return str(exc), run, found, list(store.history(found))
