"""A parameter whose type changes what it is given."""

from typing import Annotated, Any

from pydantic import AfterValidator

from statesig import Flow, task

Doubled: Any = Annotated[int, AfterValidator(lambda number: number * 2)]


@task
def give(number: int) -> int:
    return number


with Flow("doubling") as flow:
    give(flow.parameter("number", Doubled))
