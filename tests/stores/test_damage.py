"""A damaged run hides no other: listing, pruning and looking up go on, and the damaged one is named."""

import json
import sqlite3
from pathlib import Path

import pytest

from statesig.errors import StoreDamaged
from statesig.stores.damage import damaged_among
from statesig.stores.opening import open_store
from statesig.stores.sql import SQLStore
from statesig.stores.store import Contents
from tests.harness.commands import in_this_process
from tests.harness.records import HOUR, NOW
from tests.samples.outcomes import failure, success

DAMAGE = {
    "a run": "UPDATE statesig_runs SET tag = 'Success' WHERE id = ?",
    "a plan": "UPDATE statesig_plans SET graph = x'00' WHERE run = ?",
    "a missing plan": "DELETE FROM statesig_plans WHERE run = ?",
}
TOO_LONG = """INSERT INTO statesig_history
    SELECT run, 99, task, idx, attempt, time, worker, lost, state, sum, try FROM statesig_history
    WHERE seq = 1 AND run = ?"""
every_damage = pytest.mark.parametrize("sql", DAMAGE.values(), ids=DAMAGE)


@pytest.fixture
def ids(tmp_path: Path) -> tuple[str, str, str]:
    """A store, and its runs: one to be damaged, which failed, and a whole one."""
    place = str(tmp_path / "runs.db")
    return place, failure.run(store=place).id, success.run(store=place).id


def damage(place: str, sql: str, run: str) -> None:
    with sqlite3.connect(place) as connection:
        connection.execute(sql, (run,))
    connection.close()


@every_damage
def test_the_other_runs_are_listed(sql: str, ids: tuple[str, str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """`statesig runs` lists them, names the damaged one on standard error, and exits 1."""
    place, broken, whole = ids
    damage(place, sql, broken)
    for arguments in (["runs"], ["runs", "--state", "Success"], ["runs", "--flow", "success"]):
        code, output, errors = in_this_process([*arguments, "--store", place], capfd)
        lines = [line for line in errors.splitlines() if broken in line]
        is_seen = "statesig_runs" in sql or arguments == ["runs"]  # a plan is only read of a run that is asked for
        assert (int(is_seen), True, int(is_seen)) == (code, output.splitlines()[1].startswith(whole), len(lines))


@every_damage
def test_a_page_has_the_other_runs(sql: str, ids: tuple[str, str, str]) -> None:
    """As many as were asked for: a damaged one is left out, and does not end the list."""
    place, broken, whole = ids
    later = failure.run(store=place).id
    damage(place, sql, later)
    with open_store(place) as store:
        assert [[whole], [whole, broken], [whole, broken]] == [
            [run.id for run in store.runs_page(limit=size)] for size in (1, 2, 3)
        ]


@every_damage
def test_other_runs_are_found_by_the_beginning_of_their_identity(sql: str, ids: tuple[str, str, str]) -> None:
    """A prefix that a whole run has finds it; one that only the damaged run has says that it is damaged."""
    place, broken, whole = ids
    damage(place, sql, broken)
    with open_store(place) as store:
        assert whole == store.find(whole[:16]).id
        with pytest.raises(StoreDamaged, match=broken):
            store.find(broken[:16])


@every_damage
def test_the_other_runs_are_pruned(sql: str, ids: tuple[str, str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """`statesig prune` removes them, keeps a run whose row is damaged, and the count of the runs stays right."""
    place, broken, _ = ids
    damage(place, sql, broken)
    code, output, errors = in_this_process(["prune", "--older-than", "0s", "--store", place], capfd)
    is_row = "statesig_runs" in sql
    assert (int(is_row), f"removed {1 if is_row else 2} run{'' if is_row else 's'}\n") == (code, output)
    assert is_row is (broken in errors)
    with open_store(place) as store:
        told: list[StoreDamaged] = []
        assert [] == store.runs(damaged=told.append)
        assert int(is_row) == len(told)


def test_a_damaged_lease_keeps_its_run_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whether a run may be pruned is asked of its lease: one that cannot be read keeps its run, and no other."""
    place = str(tmp_path / "runs.db")
    broken = failure.run(store=place).id
    success.run(store=place)
    damage(place, "UPDATE statesig_leases SET cancel = 1 WHERE run = ?", broken)
    code, output, errors = in_this_process(["prune", "--older-than", "0s", "--store", place], capfd)
    assert (1, "removed 1 run\n", True) == (code, output, broken in errors)
    with open_store(place) as store:
        assert [broken] == [run.id for run in store.runs()]


def test_without_a_listener_the_first_damage_is_an_error(ids: tuple[str, str, str]) -> None:
    """A program that does not ask for damaged runs is not given a part of the runs for all of them."""
    place, broken, _ = ids
    damage(place, DAMAGE["a run"], broken)
    with open_store(place) as store:
        with pytest.raises(StoreDamaged, match=f"the row of run '{broken}' is not what was written"):
            store.runs()
        with pytest.raises(StoreDamaged, match=broken):
            store.prune(NOW + HOUR)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        (DAMAGE["a run"], "the row of run '{}'"),
        (DAMAGE["a plan"], "the graph or the parameters of run '{}'"),
        ("UPDATE statesig_leases SET cancel = 1 WHERE run = ?", "the lease on run '{}'"),
        ("UPDATE statesig_history SET time = 0 WHERE seq = 2 AND run = ?", "record 2 in the history of run '{}'"),
        ("DELETE FROM statesig_history WHERE seq > 3 AND run = ?", "the history of run '{}', which lacks record 4"),
        (TOO_LONG, "the history of run '{}', which has records beyond its"),
        ("DELETE FROM statesig_counters WHERE name = 'runs' AND name <> ?", "the number of runs"),
    ],
)
def test_check_store_names_what_is_damaged(
    sql: str, named: str, ids: tuple[str, str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """`statesig check-store` reads everything, exits 1 with a line for what is damaged, and 0 for a whole store."""
    place, broken, _ = ids
    assert (0, "2 runs, nothing is damaged\n", "") == in_this_process(["check-store", place], capfd)
    damage(place, sql, broken)
    code, output, errors = in_this_process(["check-store", place], capfd)
    assert (1, "", 1, True) == (code, output, len(errors.splitlines()), named.format(broken) in errors)


# ---- set aside

ANY_DAMAGE = {
    **DAMAGE,
    "another identity": "UPDATE statesig_runs SET id = 'f00' WHERE id = ?",
    "a missing run": "DELETE FROM statesig_runs WHERE id = ?",
    "a lease": "UPDATE statesig_leases SET cancel = 1 WHERE run = ?",
    "a record": "UPDATE statesig_history SET time = 0 WHERE seq = 2 AND run = ?",
    "missing records": "DELETE FROM statesig_history WHERE seq > 3 AND run = ?",
    "a record too many": TOO_LONG,
}


@pytest.mark.parametrize("sql", ANY_DAMAGE.values(), ids=ANY_DAMAGE)
def test_damaged_runs_are_set_aside(
    sql: str, ids: tuple[str, str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every row of theirs moves to a file, the store is whole again, and the other runs are as they were."""
    place, broken, whole = ids
    damage(place, sql, broken)
    aside = tmp_path / "aside.ndjson"
    code, output, errors = in_this_process(["check-store", place, "--set-aside", str(aside)], capfd)
    assert (0, "", True) == (code, errors, output.endswith("1 run, nothing is damaged\n"))
    moved = [json.loads(line) for line in aside.read_text().splitlines()]
    assert "history" in {row["table"] for row in moved}
    assert {broken} >= {row["row"][0] for row in moved} - {"f00"}
    with open_store(place) as store:
        (run,) = store.runs()
        assert (whole, run.length) == (run.id, len(list(store.history(run))))


def test_nothing_is_set_aside_where_it_cannot_be_kept(
    ids: tuple[str, str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file that exists is not written over, and the store stays as it was."""
    place, broken, _ = ids
    damage(place, DAMAGE["a run"], broken)
    before = Path(place).read_bytes()
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for path, said in ((taken, "exists; name a new file"), (tmp_path / "no" / "folder", "cannot be written")):
        code, output, errors = in_this_process(["check-store", place, "--set-aside", str(path)], capfd)
        assert (2, "", True) == (code, output, said in errors)
    assert ("mine", before) == (taken.read_text(), Path(place).read_bytes())


def test_a_whole_store_has_nothing_to_set_aside(
    ids: tuple[str, str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No file is made."""
    place, _, _ = ids
    aside = tmp_path / "aside.ndjson"
    found = in_this_process(["check-store", place, "--set-aside", str(aside)], capfd)
    assert ((0, "2 runs, nothing is damaged\n", ""), False) == (found, aside.exists())


def test_a_damaged_cached_state_is_named_and_set_aside(
    ids: tuple[str, str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The cache is a part of the store: `check-store` reads it, too, and moves what is damaged there and no run."""
    place, _, _ = ids
    with open_store(place) as store:
        store.remember("one", b"1", NOW + HOUR)
        store.remember("two", b"2", NOW + HOUR)
    damage(place, "UPDATE statesig_cache SET expires = 0 WHERE key = ?", "one")
    code, output, errors = in_this_process(["check-store", place], capfd)
    assert (1, "", 1, True) == (code, output, len(errors.splitlines()), "the cached state 'one' is not" in errors)
    aside = tmp_path / "aside.ndjson"
    code, output, errors = in_this_process(["check-store", place, "--set-aside", str(aside)], capfd)
    moved = f"moved 1 damaged cached state, 1 row, to {aside}\n"
    assert (0, f"{moved}2 runs and 1 cached state, nothing is damaged\n", "") == (code, output, errors)
    assert {"table": "cache", "row": ["one", 0, {"base64": "MQ=="}]} == {
        name: value[:3] if name == "row" else value for name, value in json.loads(aside.read_text()).items()
    }


@pytest.mark.parametrize("sql", ["DELETE FROM statesig_counters", "UPDATE statesig_counters SET value = 7"])
def test_a_damaged_number_of_runs_is_put_right(
    sql: str, ids: tuple[str, str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The runs are counted anew where nothing else is damaged, and new ones can be added."""
    place, _, _ = ids
    damage(place, f"{sql} WHERE name <> ?", "")
    with open_store(place) as store, pytest.raises(StoreDamaged, match="the number of runs"):
        store.runs()
    found = in_this_process(["check-store", place, "--set-aside", str(tmp_path / "aside")], capfd)
    assert (0, "2 runs, nothing is damaged\n", "") == found
    success.run(store=place)
    with open_store(place) as store:
        assert 3 == len(store.runs())


def test_a_run_that_is_removed_while_a_store_is_checked_is_not_damaged(ids: tuple[str, str, str]) -> None:
    """What another process prunes after the damaged runs were found is neither moved nor told."""
    place, broken, whole = ids
    damage(place, DAMAGE["a plan"], broken)
    with open_store(place) as store:
        assert isinstance(store, SQLStore)
        with store._reading() as cursor:
            gone = damaged_among(store.name, cursor, Contents(("f00", whole), ("none",)), lambda error: None)
        assert Contents((), ()) == gone
