"""Approvals: a run that waits for a person, is kept in a store, and goes on with a typed answer in a later process."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, reveal_type

from pydantic import BaseModel, Field

from statesig import (
    FAIL,
    PAUSE,
    RESUME,
    AnyState,
    Flow,
    Paused,
    Run,
    Skipped,
    State,
    all_finished,
    current,
    is_failed,
    is_paused,
    is_successful,
    open_store,
    resumed,
    state_of,
    task,
)


class Invoice(BaseModel):
    number: int
    cents: Annotated[int, Field(gt=0)]
    on: date = date(2026, 1, 1)


class Approval(BaseModel):
    """What a person says of an invoice."""

    by: str
    limit: int


@task
def invoices(numbers: Sequence[int]) -> list[Invoice]:
    return [Invoice(number=number, cents=number * 1_000) for number in numbers]


@task(answer=Approval)
def approved(listed: list[Invoice]) -> int:
    answer = resumed(Approval)
    if answer is None:
        raise PAUSE(f"{len(listed)} invoices, who approves them?")
    approval = answer.unwrap()
    cents = sum(invoice.cents for invoice in listed)
    if cents > approval.limit:
        raise FAIL(f"{approval.by} may not approve {cents}", retryable=False)
    return cents


@task(trigger=all_finished)
def told(state: State[int]) -> str:
    attempt = current().number
    return f"{state.type} at attempt {attempt}" if is_failed(state) else f"paid {state.unwrap()}"


@task
def booked(cents: int) -> date | Skipped[date]:
    return date(2026, 1, 2) if cents else Skipped(message="nothing to book")


@contextmanager
def folder() -> Generator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


with Flow("approvals") as flow:
    listed = invoices(flow.parameter("numbers", list[int], default=[1, 2]))
    cents = approved(listed)
    line = told(state_of(cents))
    day = booked(cents)


def waiting(run: Run) -> list[str]:
    return [outcome.name for outcome in run if is_paused(outcome.state)]


def value(state: AnyState[int]) -> int:
    if not is_successful(state):
        raise AssertionError(state)
    return state.unwrap()


def main() -> None:
    with folder() as where:
        store = open_store(where / "runs.db")
        first = flow.run(store=store)
        reveal_type(first.id)
        assert isinstance(first.state, Paused)
        assert waiting(first) == ["approved"]
        answer = RESUME("fine", result=Approval(by="ann", limit=5_000))
        second = flow.resume(first.id, {"approved": answer}, store=store)
        reveal_type(value(second[cents]))
        assert value(second[cents]) == 3_000
        reveal_type(second[line].unwrap())
        assert second[line].unwrap() == "paid 3000"
        reveal_type(second[day].unwrap())
        third = flow.run(numbers=[9])
        third.resume({"approved": RESUME(result=Approval(by="bob", limit=1))})
        assert third[line].unwrap() == "Failed at attempt 1"


if __name__ == "__main__":
    main()
