"""A store whose tables an earlier release made is upgraded when it is opened, and its runs go on.

`tests/golden/store-1.sql` is such a store, as SQL: a run that is Paused, one that is over, and one whose process died.
"""

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from statesig import Paused, RunTaken, StoreError, Success, decode_event, histories_of, open_store
from statesig.cli import main
from statesig.stores import database
from tests import ROOT
from tests.samples.first_store import flow, whole

PAUSED, OVER, DIED = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((ROOT / "tests/golden/store-1.sql").read_text())
    return path


def test_an_old_store_opens(place: Path) -> None:
    """Its tables are of the latest version then, and each row still is what was written."""
    with open_store(place) as store:
        runs = {run.id: (run.tag, len(list(store.history(run)))) for run in store.runs()}
    assert {PAUSED: ("Paused", 6), OVER: ("Success", 12), DIED: ("Running", 3)} == runs
    with closing(sqlite3.connect(place)) as connection:
        versions = [row[0] for row in connection.execute("SELECT version FROM statesig_migrations ORDER BY version")]
    assert [*range(1, 1 + len(database.MIGRATIONS))] == versions


def test_an_upgrade_that_fails_changes_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one transaction: the file is as it was, and can be upgraded later."""
    before = dumped(place)
    monkeypatch.setattr(database, "MIGRATIONS", (database.MIGRATIONS[0], (*database.MIGRATIONS[1], "NONSENSE")))
    with pytest.raises(StoreError):
        open_store(place)
    assert before == dumped(place)


def dumped(place: Path) -> list[str]:
    with closing(sqlite3.connect(place)) as connection:
        return list(connection.iterdump())


def test_the_runs_of_an_old_store_are_read(place: Path) -> None:
    """Each run is in the state that is stored for it, though its history tells of its tasks alone."""
    assert ["Paused", "Success", "Running"] == [flow.load(run, store=place).state.type for run in (PAUSED, OVER, DIED)]


def test_the_runs_of_an_old_store_go_on(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A paused one is released, one whose process died goes on, one that is over stays so; no history has a fault."""
    assert Success(result=190) == flow.resume(PAUSED, "pay", store=place)[whole]
    died = flow.resume(DIED, store=place)
    assert Paused(message="over the limit") == died.state
    assert Success(result=190) == flow.resume(DIED, "pay[1]", store=place)[whole]
    with pytest.raises(RunTaken, match="is over, it is Success"):
        flow.resume(OVER, store=place)
    capsys.readouterr()
    for run in (PAUSED, OVER, DIED):
        assert 0 == main(["show", "--store", str(place), run, "--json"])
    log = io.BytesIO(capsys.readouterr().out.encode())
    assert [] == [history for history in histories_of(map(decode_event, log)) if not history.is_ok]
