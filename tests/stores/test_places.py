"""Where a store is: URLs that are refused, files that vanish, folders that change, and media that may only be read."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from statesig import Flow, StoreError, current, task
from statesig.stores.opening import file_of, open_store
from statesig.stores.sqlite import SQLiteStore
from tests import ROOT
from tests.harness.commands import in_this_process
from tests.harness.records import NOW, a_lease, a_record, a_run
from tests.samples.outcomes import success


@pytest.mark.parametrize(
    "target",
    [
        "postgresql:bob:s3cret@h",
        "postgres:bob:s3cret@h/runs",
        "POSTGRESQL:/bob:s3cret@h",
        "postgresql+psycopg:bob:s3cret",
        "sqlite:runs.db",
        "mysql://bob:s3cret@h",
        "redis:bob:s3cret@h",
    ],
)
def test_a_misspelt_url_is_refused(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no file of that name, in Python and from the command, and its password is not repeated."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="give a path, sqlite:///path or postgresql://user@host/name") as caught:
        success.run(store=target)
    assert ("s3cret" in str(caught.value), []) == (False, list(tmp_path.iterdir()))


def test_the_command_repeats_no_password_either(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither where it only reads."""
    code, output, errors = in_this_process(["runs", "--store", "postgresql:bob:s3cret@h"], capfd)
    assert (2, "", False) == (code, output, "s3cret" in errors)


@pytest.mark.parametrize("path", ["runs.db", "a:b.db", "C:\\runs.db", "me@home.db", "/x/postgresql:y"])
def test_a_path_may_have_colons(path: str) -> None:
    """What begins with no scheme is a path."""
    assert path == file_of(path)


# ---- a file that is not where it was


@pytest.mark.parametrize("gone", ["removed", "replaced", "moved with its folder"])
def test_a_file_that_goes_in_mid_run(gone: str, tmp_path: Path) -> None:
    """The run raises StoreError instead of a success that is nowhere, and no second file is made."""
    folder = tmp_path / "stores"
    folder.mkdir()
    path = folder / "runs.db"

    @task
    def lose() -> None:
        if gone == "moved with its folder":
            folder.rename(tmp_path / "other")
        else:
            path.unlink()
            (folder / "other.db").touch()
            (folder / "other.db").rename(path if gone == "replaced" else folder / "another.db")

    with Flow("f") as flow:
        lose()
    with pytest.raises(StoreError, match="its file was removed or replaced while it was open"):
        flow.run(store=path)
    assert not path.exists() or not path.stat().st_size


def test_a_change_is_not_acknowledged_once_the_file_is_gone(tmp_path: Path) -> None:
    """Also where it goes within the transaction."""
    path = tmp_path / "runs.db"
    run = a_run()
    with SQLiteStore(path) as store:
        store.create(run, a_lease(run))
        with pytest.raises(StoreError, match="removed"), store._database.writing():  # what append does
            path.unlink()
        with pytest.raises(StoreError, match="removed"):
            store.append(run, "me", [a_record()], now=NOW)


def test_a_relative_path_is_taken_from_where_the_store_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that goes to another folder makes no second store there, nor does a store that is opened again."""
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Flow("f") as flow:
        task(lambda: os.chdir(elsewhere), name="go")()
        task(lambda: current().attempt, name="stay")()
    with open_store("runs.db") as store:
        run = flow.run(store=store)
        store.close()
        assert run.id == store.find(run.id).id
    assert ([], ["elsewhere", "runs.db"]) == (list(elsewhere.iterdir()), sorted(os.listdir(tmp_path)))


# ---- a file that cannot be changed, or has nothing in it


@pytest.mark.parametrize(
    "verb", [["runs"], ["show", "1"], ["cancel", "1"], ["prune", "--older-than", "1d"]], ids=" ".join
)
def test_an_empty_file_stays_empty(verb: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """To look for runs, or to change some, makes no tables."""
    path = tmp_path / "runs.db"
    path.touch()
    code, output, errors = in_this_process([*verb, "--store", str(path)], capfd)
    expected = f"statesig: store {path}: nothing was ever stored in it; is it the right one?\n"
    assert (2, "", expected, 0) == (code, output, errors, path.stat().st_size)


def test_a_copy_without_its_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a killed process wrote may be in the log alone: a copy of the file without it says so."""
    path, copy = tmp_path / "runs.db", tmp_path / "copy.db"
    with SQLiteStore(path) as store:
        run = a_run()
        store.create(run, a_lease(run))
        shutil.copy(path, copy)  # as a kill leaves it: before the log was brought in
    code, output, errors = in_this_process(["runs", "--store", str(copy)], capfd)
    assert (2, "", True) == (code, output, f"copied without its log {copy}-wal" in " ".join(errors.split()))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """The file of a store that a process has open, with its first run in the file and a second one in the log alone."""
    path = tmp_path / "runs.db"
    with SQLiteStore(path) as store:
        store.create(run := a_run(), a_lease(run))
    with SQLiteStore(path) as store:
        before = path.read_bytes()
        store.create(run := a_run(), a_lease(run))
        assert before == path.read_bytes()  # so that nothing in the file can tell of the log
        yield path


def runs_of(path: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Return the exit code of `check-store`, the first words of its output, and its errors."""
    code, output, errors = in_this_process(["check-store", str(path)], capfd)
    return code, output.partition(",")[0], " ".join(errors.split())


def test_a_copy_without_its_log_is_the_store_as_it_was(
    running: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file does not change while its changes go to the log: a copy of it alone is whole, and lacks these."""
    shutil.copy(running, copy := tmp_path / "copy.db")
    assert (0, "1 run", "") == runs_of(copy, capfd)


def test_a_copy_with_the_index_of_its_log_alone(
    running: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The index says how much the log had: that it is missing is seen."""
    shutil.copy(running, copy := tmp_path / "copy.db")
    shutil.copy(f"{running}-shm", f"{copy}-shm")
    code, output, errors = runs_of(copy, capfd)
    assert (2, "", True) == (code, output, f"its log {copy}-wal" in errors)


@pytest.mark.parametrize("way", ["VACUUM INTO", "backup", "both files"])
def test_a_copy_that_has_everything(way: str, running: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """SQLite's own ways to copy a store take the log with it, also while it is written; so do both files together."""
    copy = tmp_path / "copy.db"
    if way == "both files":
        for end in ("", "-wal"):
            shutil.copy(f"{running}{end}", f"{copy}{end}")
    else:
        with closing(sqlite3.connect(running)) as connection, closing(sqlite3.connect(tmp_path / "other.db")) as other:
            if way == "backup":
                connection.backup(other)
            else:
                connection.execute(f"VACUUM INTO '{copy}'")
        if way == "backup":
            (tmp_path / "other.db").rename(copy)
    assert (0, "2 runs", "") == runs_of(copy, capfd)


_AS_NOBODY = """if True:
    import os, sys
    import pydantic, sqlite3, statesig.stores.sqlite
    from statesig.errors import StoreError
    from statesig.stores.opening import open_store
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        with open_store(sys.argv[1], use="read") as store:
            print([run.flow for run in store.runs()])
    except StoreError as exc:
        print(exc)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize("has_log", [False, True], ids=["closed", "with a log"])
def test_read_only_media(has_log: bool) -> None:
    """Runs are read where nothing may be written; what only the log has is not, which is said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "runs.db"
        success.run(store=path)
        if has_log:
            Path(f"{path}-wal").write_bytes(b"some changes")
        before = sorted(folder.iterdir())
        folder.chmod(0o555)
        try:
            command = [sys.executable, "-c", _AS_NOBODY, str(path)]
            told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        finally:
            folder.chmod(0o755)
        expected = "its log" if has_log else "success"
        assert (True, before) == (expected in told, sorted(folder.iterdir()))


def test_a_store_of_an_older_release_is_upgraded_by_reading(tmp_path: Path) -> None:
    """To be read it is brought to the tables of this release, as before."""
    path = tmp_path / "runs.db"
    run = success.run(store=path)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM statesig_migrations WHERE version > 1")
        connection.execute("ALTER TABLE statesig_history DROP COLUMN try")
        connection.execute("ALTER TABLE statesig_plans DROP COLUMN origin")
        connection.execute("DROP TABLE statesig_entities")
        connection.execute("DROP TABLE statesig_changes")
        connection.execute("DROP TABLE statesig_signals")
        connection.execute("ALTER TABLE statesig_leases DROP COLUMN signals")
        connection.execute("DELETE FROM statesig_counters WHERE name = 'entities'")
    connection.close()
    with open_store(path, use="read") as store:
        assert [run.id] == [one.id for one in store.runs()]


@pytest.mark.parametrize("lease", [1e10, 1e300, 10**400])
def test_a_lease_longer_than_any_run_is_refused(lease: float, tmp_path: Path) -> None:
    """It is refused where it is written, before a time past the last one is computed."""
    with pytest.raises(ValueError, match="flow 'success': lease is at most 1,000,000,000 seconds"):
        success.run(store=tmp_path / "runs.db", lease=lease)
    assert [] == list(tmp_path.iterdir())


def test_a_file_that_is_no_store_is_not_kept_open(tmp_path: Path) -> None:
    """What reads a file that SQLite refuses has closed it when the error comes out."""
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100)
    with pytest.raises(StoreError) as refused:
        open_store(path, use="read")

    assert [] == [one for one in Path("/proc/self/fd").iterdir() if os.path.realpath(one) == str(path)]
    assert refused.value.__traceback__ is not None  # it still holds the frames in which the file was open
