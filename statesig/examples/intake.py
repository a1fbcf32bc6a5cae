"""Load files of orders: set bad rows aside, keep the good ones, and report on every file.

    statesig run statesig.examples.intake folder=incoming
    statesig run statesig.examples.intake folder=incoming --store runs.db --executor processes

Each CSV file has the columns ``customer``, ``amount`` and ``day``. The flow shows a success and a failure of one's own,
each with a field, files that a second attempt writes alike, and a report that is made whatever became of each file::

    run = flow.run(folder=Path("incoming"))
    run[loaded]              # Mapped, or MapFailed if a file could not be used at all
    run[summary].unwrap()    # the Report

Rows that are not valid go to ``rejected/``, beside the files, each with the reason.
"""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeVar

from statesig import SKIP, AnyState, Failed, Flow, Signal, Skipped, Success, all_finished, states_of, task

__all__ = [
    "INCOMPLETE",
    "UNREADABLE",
    "Incomplete",
    "Order",
    "Report",
    "Unreadable",
    "files",
    "flow",
    "load",
    "loaded",
    "report",
    "summary",
]

R = TypeVar("R", default=Any)
COLUMNS = ("customer", "amount", "day")


class Incomplete(Success[R]):
    """Loaded, without some rows: the result is what is left.

    Args:
        rejected: The numbers of the lines that were set aside.
    """

    rejected: tuple[int, ...]


class INCOMPLETE(Signal[Incomplete[R]]):
    """Raise it for a file of which some rows are good."""


class Unreadable(Failed):
    """A file that cannot be used at all; another attempt would not change that.

    Args:
        file: Its name.
    """

    retryable: bool = False
    file: str


class UNREADABLE(Signal[Unreadable]):
    """Raise it for a file that is no file of orders."""


class Order(BaseModel, frozen=True, extra="forbid"):
    """One row.

    Args:
        customer: Who ordered.
        amount: What is to be paid.
        day: When.
    """

    customer: str
    amount: Decimal
    day: date


class Report(BaseModel, frozen=True):
    """The outcome for all files.

    Args:
        orders: The number of good rows.
        total: Their sum for each customer, by name.
        rejected: The number of rows that were set aside.
        empty: The files without a row.
        unreadable: The states of the files that could not be used.
        failed: One sentence for each file that failed otherwise.
    """

    orders: int
    total: dict[str, Decimal]
    rejected: int
    empty: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    failed: tuple[str, ...]


@task
def files(folder: Path) -> list[Path]:
    """Return the CSV files of a folder, by name. A folder that does not exist is an error, not an empty one."""
    return sorted(path for path in folder.iterdir() if path.suffix == ".csv")


@task(retries=2, retry_delay=0.2, retry_on=OSError)
def load(file: Path) -> list[Order]:
    """Return the good rows of a file, and write the others to ``rejected/``.

    SKIP: it has no rows. INCOMPLETE: some rows are not valid. UNREADABLE: it has other columns, or is no text.
    """
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as exc:
        raise UNREADABLE(f"{file.name} is not CSV in UTF-8", file=file.name) from exc
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UNREADABLE(f"{file.name} has not the columns {', '.join(COLUMNS)}", file=file.name)
    if not rows:
        raise SKIP(f"{file.name} has no rows", result=[])
    orders, wrong = _checked(rows)
    if wrong:
        _write_rejected(file, wrong)
        message = f"{len(wrong)} of {len(rows)} rows of {file.name} set aside"
        raise INCOMPLETE(message, result=orders, rejected=tuple(wrong))
    return orders


@task(trigger=all_finished)
def report(states: list[AnyState[list[Order]]]) -> Report:
    """Sum up the outcomes of all files, whatever they are."""
    orders: list[Order] = []
    rejected = 0
    empty: list[str] = []
    unreadable: list[Unreadable] = []
    failed: list[str] = []
    for state in states:
        match state:
            case Skipped():
                empty.append(state.message or "")
            case Success():
                orders += state.unwrap()
                rejected += len(state.rejected) if isinstance(state, Incomplete) else 0
            case Unreadable():
                unreadable.append(state)
            case _:
                failed.append(state.message or "")
    total: dict[str, Decimal] = {}
    for order in sorted(orders, key=lambda order: order.customer):
        total[order.customer] = total.get(order.customer, Decimal()) + order.amount
    return Report(
        orders=len(orders),
        total=total,
        rejected=rejected,
        empty=tuple(empty),
        unreadable=tuple(unreadable),
        failed=tuple(failed),
    )


def _checked(rows: list[tuple[int, dict[str, str]]]) -> tuple[list[Order], dict[int, tuple[dict[str, str], str]]]:
    """Return the good rows, and the others by the number of their (last) line, each with what is wrong."""
    orders: list[Order] = []
    wrong: dict[int, tuple[dict[str, str], str]] = {}
    for number, row in rows:
        try:
            orders.append(Order.model_validate(row))
        except ValidationError as exc:
            wrong[number] = row, "; ".join(f"{error['loc'][0]}: {error['msg']}" for error in exc.errors())
    return orders, wrong


def _write_rejected(file: Path, wrong: dict[int, tuple[dict[str, str], str]]) -> None:
    """Write the rows that were set aside; at a second attempt the file is the same."""
    folder = file.parent / "rejected"
    folder.mkdir(exist_ok=True)
    with (folder / file.name).open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["line", *COLUMNS, "reason"])
        writer.writerows([number, *(row.get(name) for name in COLUMNS), why] for number, (row, why) in wrong.items())


with Flow("intake") as flow:
    found = files(flow.parameter("folder", Path))
    loaded = flow.map(load, found)
    summary = report(states_of(loaded))
    # The report always succeeds, so the files that it reports on decide, too.
    flow.reference(found, loaded, summary)
