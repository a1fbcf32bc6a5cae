"""Tasks of a user's over one row: what the programs about tasks and flows call."""

from statesig import Skipped, Success, task


@task
def size(row: str) -> int | Skipped[int]:
    return len(row)


@task
def outcome(row: str) -> Success[float]:
    return Success(result=1.5)
