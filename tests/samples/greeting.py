"""A flow with parameters."""

from datetime import date

from statesig import Flow, task


@task
def greet(name: str, times: int) -> list[str]:
    return [f"hello {name}"] * times


@task
def count(lines: list[str], day: date | None) -> int:
    return len(lines)


with Flow("greeting") as flow:
    name = flow.parameter("name", str, default="you")
    times = flow.parameter("times", int, default=1)
    day = flow.parameter("day", date, default=None)
    counted = count(greet(name, times), day)
