"""Signals from outside, within a transaction that has locked the lease of their run. Nothing here decides on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from statesig.stores.rows import damaged, lease_of, lease_row, sent_of, sent_row
from statesig.stores.store import Cursor, Row, Sent

__all__ = ["INSERT_SIGNAL", "add", "apply", "update_lease"]

INSERT_SIGNAL: Final = "INSERT INTO statesig_signals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def add(store: str, cursor: Cursor, run: str, lease: Row | None, sent: Sent, *, cancel: bool = False) -> Sent:
    """Add a signal to those of a run, and count it in the row of the lease; return it as stored.

    Args:
        store: The store's name.
        cursor: Of the transaction.
        run: The run's identity.
        lease: The row of its lease.
        sent: The signal.
        cancel: Whether to request that the run be cancelled, too.

    Raises:
        StoreDamaged: The row of the lease is damaged.
    """
    lease_of(store, run, lease)
    assert lease is not None, "a missing row is damage, which was raised"
    _, owner, until, cancelling, _, count = lease
    update_lease(cursor, lease_row(run, owner, until, bool(cancelling) or cancel, count + 1))
    cursor.execute(INSERT_SIGNAL, sent_row(run, count + 1, sent))
    return replace(sent, run=run, number=count + 1)


def update_lease(cursor: Cursor, row: Row) -> None:
    """Write the row of a lease in place of the one that is there."""
    run, *values = row
    sql = "UPDATE statesig_leases SET owner = ?, until = ?, cancel = ?, sum = ?, signals = ? WHERE run = ?"
    cursor.execute(sql, (*values, run))


def apply(store: str, cursor: Cursor, run: str, applied: Mapping[int, int]) -> None:
    """Write down by which records signals that waited were applied.

    Args:
        store: The store's name.
        cursor: Of the transaction.
        run: The run's identity.
        applied: The numbers of the signals, each with the number of the record, or `NOTHING`.

    Raises:
        StoreDamaged: The row of one is missing or damaged.
    """
    for number, record in applied.items():
        cursor.execute("SELECT * FROM statesig_signals WHERE run = ? AND number = ?", (run, number))
        row = cursor.fetchone()
        if row is None:
            raise damaged(store, f"the list of signals to run {run!r}")
        found = sent_row(run, number, replace(sent_of(store, row), record=record))[-1]
        sql = "UPDATE statesig_signals SET record = ?, sum = ? WHERE run = ? AND number = ?"
        cursor.execute(sql, (record, found, run, number))
