"""A flow that waits for a person half-way; its tasks write down that they begin, as those of `durable_flow`."""

from statesig import Flow, manual_only, task
from tests.samples.durable_flow import witnessed


@task
@witnessed
def before() -> int:
    return 1


@task(name="gate", trigger=manual_only)
@witnessed
def passed(number: int) -> int:
    return number + 1


@task
@witnessed
def after(number: int) -> int:
    return number + 1


with Flow("pauses") as flow:
    gate = passed(before())
    after(gate)
