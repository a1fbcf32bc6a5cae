"""Flows in the middle of which something goes wrong: what that is, is told by the process that runs them."""

from collections.abc import Callable

from statesig import RETRY, AnyState, Flow, State, all_finished, any_failed, current, state_of, task
from tests.samples.durable_flow import witnessed


def nothing() -> None:
    """Let all go well."""


trouble: Callable[[], None] = nothing
"""What the task in the middle does before it returns; whoever brings trouble sets it in its process."""


@task
@witnessed
def first() -> int:
    return 1


@task(retries=2)
@witnessed
def middle(number: int) -> int:
    trouble()
    return number + 1


@task
@witnessed
def beside(number: int) -> int:
    return 10 * number


@task
@witnessed
def last(number: int) -> int:
    return number + 1


@task(trigger=any_failed)
@witnessed
def mend(state: AnyState[int]) -> str:
    return f"mended {state.type}"


@task(trigger=all_finished)
@witnessed
def tell_all(state: AnyState[int]) -> str:
    return state.type


with Flow("troubles") as flow:
    begun = first()
    in_the_middle = middle(begun)
    beside(begun)
    last(in_the_middle)
    mend(state_of(in_the_middle))
    tell_all(state_of(in_the_middle))


@task(retries=1, retry_delay=3600)
@witnessed
def later() -> State[int] | int:
    trouble()
    if current().number == 1:
        raise RETRY("in an hour")
    return 1


with Flow("waits") as waiting:
    later()


@task
@witnessed
def stubborn(number: int) -> int:
    if number == 0:
        trouble()
    return number


with Flow("crowd") as crowd:
    crowd.map(stubborn, range(10))


FLOWS = {one.name: one for one in (flow, waiting, crowd)}
