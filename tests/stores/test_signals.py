"""Signals from outside are kept with their run: once, in the transaction of what they change, under a checksum."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from statesig.errors import NoRun, RunTaken, StoreDamaged
from statesig.stores.opening import open_store
from statesig.stores.store import NOTHING, Store, StoredRun
from tests.harness.records import HOUR, NOW, a_lease, a_record, a_run, a_signal


def created(store: Store) -> StoredRun:
    run = a_run()
    store.create(run, a_lease(run))
    return run


def test_a_signal_comes_back(place: str, store: Store) -> None:
    """Each field as it was, with its run and its number; the run has not changed."""
    run = created(store)
    sent = store.send(run, a_signal(key="k"), count=0)
    assert replace(a_signal(key="k"), run=run.id, number=1) == sent
    with open_store(place) as other:
        assert [sent] == other.signals(run.id)
        assert sent == other.sent_with("k")
        assert run == other.find(run.id)
    assert None is store.sent_with("other")


def test_of_two_signals_from_one_reading_one_is_kept(store: Store) -> None:
    """The second is refused, and nothing has changed; so is one from a version that is past."""
    run = created(store)
    sent = store.send(run, a_signal(), count=0)
    with pytest.raises(RunTaken, match="changed since it was read"):
        store.send(run, a_signal(principal="bob"), count=0)
    store.append(run, "me", [a_record()], now=NOW)
    with pytest.raises(RunTaken, match="changed since it was read"):
        store.send(run, a_signal(principal="bob"), count=1)
    assert [sent] == store.signals(run.id)
    with pytest.raises(NoRun):
        store.send(a_run(), a_signal(), count=0)


def test_a_signal_may_ask_the_owner_to_cancel(store: Store) -> None:
    """Both are written together; where nobody has the lease nobody can be asked, and nothing is kept."""
    run = created(store)
    store.send(run, a_signal(None), count=0, cancel=True)
    lease = store.lease(run.id)
    assert lease is not None
    assert (True, 1) == (lease.cancel, lease.signals)
    store.release(run.id, "me")
    with pytest.raises(RunTaken):
        store.send(run, a_signal(None), count=1, cancel=True)
    assert 1 == len(store.signals(run.id))


def test_a_signal_is_applied_by_the_owner(store: Store) -> None:
    """It is marked in the transaction of the records; if that is refused it waits on."""
    run = created(store)
    store.send(run, a_signal(), count=0)
    store.send(run, a_signal("other"), count=1)
    with pytest.raises(RunTaken):
        store.append(run, "another", [a_record()], now=NOW, applied={1: 1})
    assert [None, None] == [sent.record for sent in store.signals(run.id)]
    store.append(run, "me", [a_record()], now=NOW, applied={1: 1, 2: NOTHING})
    assert [1, NOTHING] == [sent.record for sent in store.signals(run.id)]


def test_a_signal_comes_with_what_it_changes(store: Store) -> None:
    """With the run that it begins, and with the records that it is the reason of: all or nothing."""
    run = a_run()
    store.create(run, a_lease(run), sent=a_signal(None, key="start"))
    with pytest.raises(RunTaken):
        store.append(run, "another", [a_record()], now=NOW, sent=a_signal(None))
    store.append(run, "me", [a_record()], now=NOW, sent=a_signal(None, key="end"))
    assert ["start", "end"] == [sent.key for sent in store.signals(run.id)]


def test_the_lease_goes_on_as_before(store: Store) -> None:
    """Whoever renews, releases and takes it need not know of signals, and the number of them stays."""
    run = created(store)
    store.send(run, a_signal(), count=0)
    store.renew(a_lease(run))
    store.release(run.id, "me")
    store.acquire(run, a_lease(run, "you"), now=NOW)
    assert 1 == len(store.signals(run.id))


def test_a_run_goes_with_its_signals(store: Store) -> None:
    """Prune leaves none, so that the key of one is free again."""
    run = created(store)
    store.send(run, a_signal(key="k"), count=0)
    store.append(run, "me", [], now=NOW, state=b'{"type":"Success"}', tag="Success")
    store.release(run.id, "me")
    assert 1 == store.prune(NOW + 2 * HOUR)
    assert None is store.sent_with("k")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE statesig_signals SET principal = 'eve'",
        "UPDATE statesig_signals SET task = 'pay'",
        "UPDATE statesig_signals SET record = 7",
        "DELETE FROM statesig_signals WHERE number = 1",
        "DELETE FROM statesig_signals WHERE number = 2",
        "DELETE FROM statesig_signals",
        "UPDATE statesig_leases SET signals = 1",
        "UPDATE statesig_leases SET signals = 0",
    ],
)
def test_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    """A changed row and one that is gone, the last one too; check-store names the run and sets it aside whole."""
    path = tmp_path / "runs.db"
    with open_store(path) as store:
        run = created(store)
        for number in range(2):
            store.send(run, a_signal(), count=number)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(damage)
    connection.close()

    with open_store(path) as store:
        with pytest.raises(StoreDamaged, match=run.id):
            store.signals(run.id)
        errors: list[StoreDamaged] = []
        store.check(errors.append)
        assert errors
        assert run.id in f"{errors[0]}"
        assert (run.id,) == store.set_aside(lambda rows: None).runs
        errors.clear()
        store.check(errors.append)
        assert [] == errors


def test_a_run_is_looked_at_again(store: Store) -> None:
    """As it is now, with what never changes from before; one that was removed is missed."""
    run = created(store)
    after = store.append(run, "me", [a_record()], now=NOW)
    assert after == store.look(run)
    with pytest.raises(NoRun):
        store.look(a_run())


def test_a_history_is_read_from_anywhere(store: Store) -> None:
    """Only what comes after a record, by its number from 1."""
    run = created(store)
    run = store.append(run, "me", [a_record(number=number) for number in range(3)], now=NOW)
    assert [a_record(number=2)] == list(store.history(run, after=2))
    assert [] == list(store.history(run, after=3))


def test_runs_are_listed_in_pages(store: Store) -> None:
    """Each page begins after a run; of several tags, too."""
    runs = [a_run(at=NOW + number * HOUR, tag=tag) for number, tag in enumerate(("Paused", "Failed", "Paused"))]
    for run in runs:
        store.create(run, a_lease(run))
    assert [runs[2], runs[1]] == store.runs(limit=2)
    assert [runs[0]] == store.runs(limit=2, after=(runs[1].created, runs[1].id))
    assert [runs[0]] == store.runs(after=(runs[1].created, ""))  # it need not be there
    assert [runs[0]] == store.runs(tag="Paused", after=(runs[2].created, runs[2].id))
    assert [runs[1]] == store.runs(tag={"Failed", "Success"})


def test_a_page_is_read_alone(store: Store) -> None:
    """It is the same part of the same list; pages of any size, one after the other, are the whole of it."""
    tags = ("Paused", "Failed", "Success", "Failed", "Paused")
    for number, tag in enumerate(tags):
        run = a_run(flow="even" if number % 2 == 0 else "odd", at=NOW + number // 2 * HOUR, tag=tag)
        store.create(run, a_lease(run))
    runs = store.runs()
    for size in range(1, 7):
        pages: list[StoredRun] = []
        while page := store.runs_page(limit=size, after=(pages[-1].created, pages[-1].id) if pages else None):
            assert size == len(page) or len(pages) + len(page) == len(runs)
            pages += page
        assert runs == pages
    assert store.runs(tag="Failed") == store.runs_page(limit=9, tags={"Failed", "Crashed"})
    assert store.runs(flow="even", tag="Paused") == store.runs_page(limit=9, tags=["Paused"], flow="even")
    assert [[], []] == [store.runs_page(limit=9, tags=()), store.runs_page(limit=9, flow="none")]
