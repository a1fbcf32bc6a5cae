"""A web service with FastAPI: states are bodies and answers, and its schema names every kind."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal, reveal_type

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, Field

from statesig import (
    FAIL,
    AnyFinished,
    Cancelled,
    Failed,
    Finished,
    Flow,
    Signal,
    Success,
    capture,
    combine,
    is_failed,
    is_successful,
    task,
)

app = FastAPI(title="jobs")


class Job(BaseModel):
    name: str
    size: Annotated[int, Field(ge=0, le=1_000)] = 1


class Report(BaseModel):
    """What somebody else's worker says of a job."""

    job: Job
    outcome: Finished[float]
    note: str | None = None


class Answer(BaseModel):
    kind: str
    is_final: Literal[True] = True
    states: list[Finished[float]] = []


class Overloaded(Failed[Any]):
    """There is too much to do."""

    queue: int


class OVERLOADED(Signal[Overloaded]): ...


class Jobs:
    """The reports so far, by the names of the jobs."""

    def __init__(self) -> None:
        self.reports: dict[str, list[AnyFinished[float]]] = {}

    def add(self, name: str, state: AnyFinished[float]) -> int:
        states = self.reports.setdefault(name, [])
        if len(states) >= 3:
            raise OVERLOADED(f"{name} has enough reports", queue=len(states), retryable=False)
        states.append(state)
        return len(states)


JOBS = Jobs()


def jobs() -> Jobs:
    return JOBS


JobsOf = Annotated[Jobs, Depends(jobs)]


@task
def price(job: Job, *, per_unit: float) -> float:
    if job.size == 0:
        raise FAIL("there is nothing to do", retryable=False)
    return job.size * per_unit


def priced(job: Job, per_unit: float) -> AnyFinished[float]:
    with Flow("price") as flow:
        node = price(job, per_unit=per_unit)
    state = flow.run()[node]
    if isinstance(state, (Success, Failed, Cancelled)):
        return state
    return Failed(message=f"it is {state.type}")


@app.post("/reports")
async def report(given: Report, known: JobsOf) -> Answer:
    if not isinstance(given.outcome, (Success, Failed, Cancelled)):
        raise HTTPException(422, "no such outcome")
    state = capture(known.add, given.job.name, given.outcome)
    if is_failed(state):
        raise HTTPException(429, state.message)
    return Answer(kind=given.outcome.type, states=[given.outcome])


@app.get("/jobs/{name}", response_model=Answer)
def job(name: str, known: JobsOf, limit: Annotated[int, Query(ge=1)] = 10) -> Answer:
    states = known.reports.get(name)
    if states is None:
        raise HTTPException(404, f"no job {name}")
    return Answer(kind=combine(states).type, states=[*states[:limit]])


@app.post("/price")
def ask(given: Job, per_unit: float = 1.0) -> Finished[float]:
    return priced(given, per_unit)


def main() -> None:
    first = Report.model_validate_json('{"job": {"name": "a"}, "outcome": {"type": "Skipped", "result": 1.5}}')
    reveal_type(first)
    reveal_type(first.outcome.type)
    answer = asyncio.run(report(first, JOBS))
    reveal_type(answer.kind)
    assert answer.kind == "Skipped"
    for _ in range(2):
        asyncio.run(report(Report(job=Job(name="a"), outcome=Success[float](result=2.0)), JOBS))
    refused = capture(lambda: asyncio.run(report(first, JOBS)))
    assert is_failed(refused)
    reveal_type(refused)
    assert refused.causes[0].type.endswith("HTTPException")
    combined = job("a", JOBS, limit=2)
    assert (combined.kind, len(combined.states)) == ("Success", 2)
    asked = ask(Job(name="b", size=3), per_unit=1.5)
    assert isinstance(asked, Success)
    reveal_type(asked.type)
    assert asked.unwrap() == 4.5
    assert is_failed(priced(Job(name="c", size=0), 1.0))
    assert is_successful(priced(Job(name="c", size=1), 1.0))
    described = app.openapi()
    reveal_type(described)
    assert "Overloaded" in str(described["components"])


if __name__ == "__main__":
    main()
