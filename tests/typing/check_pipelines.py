"""Results are inferred from a function to what is made of its state, through captures, tasks and flows."""

from typing import assert_type

from kinds import OnHold, Quarantined

from statesig import (
    AnyState,
    Failed,
    Flow,
    Skipped,
    State,
    Success,
    acapture,
    bind,
    capture,
    decode,
    fold,
    is_successful,
    map,
    recover,
    state_of,
    states_of,
    task,
    zip,
)


def read(name: str) -> list[bytes] | Quarantined[list[bytes]]:
    return [name.encode()]


def count(lines: list[bytes]) -> int:
    return len(lines)


def halve(number: int) -> Success[float] | OnHold[float]:
    return Success(result=number / 2)


def default(failed: Failed[float]) -> Success[float]:
    return Success(result=0.0)


async def fetch(name: str) -> AnyState[str]:
    return Skipped()


# ---- outside a flow

lines = capture(read, "a")
assert_type(lines, AnyState[list[bytes]])
assert_type(map(count, lines), AnyState[int])
assert_type(bind(halve, map(count, lines)), AnyState[float])
assert_type(recover(default, bind(halve, map(count, capture(read, "a")))), AnyState[float])
if is_successful(lines):
    assert_type(map(count, lines), Success[int])
    assert_type(map(count, lines).unwrap(), int)

map(halve, lines)  # E: arg-type
bind(count, map(count, lines))  # E: arg-type
capture(count, read("a"))  # E: arg-type  # missed: ty


async def later() -> None:
    page = await acapture(fetch, "a")
    assert_type(page, AnyState[str])
    assert_type(map(len, page), AnyState[int])
    map(count, page)  # E: arg-type
    await acapture(fetch, b"a")  # E: arg-type  # missed: ty


# ---- in a flow

opened = task(read)
counted = task(retries=2)(count)


@task
def halved(number: int) -> Success[float] | OnHold[float]:
    return halve(number)


@task
def told(state: State[float]) -> str:
    return fold(
        state,
        success=lambda s: "done",
        failed=lambda s: "failed",
        cancelled=lambda s: "cancelled",
        unfinished=lambda s: "waiting",
    )


@task
def summed(states: list[AnyState[float]]) -> float:
    return sum(state.unwrap() for state in states if is_successful(state))


with Flow("through") as flow:
    names = flow.parameter("names", list[str])
    name = flow.parameter("name", str)
    one = halved(counted(opened(name)))
    assert_type(opened(name), list[bytes])
    assert_type(one, float)
    assert_type(told(state_of(one)), str)
    many = flow.map(halved, flow.map(counted, flow.map(opened, names)))
    assert_type(many, list[float])
    assert_type(summed(states_of(many)), float)
    halved(opened(name))  # E: arg-type
    flow.map(counted, names)  # E: arg-type
    told(state_of(name))  # E: arg-type
    summed(many)  # E: arg-type

done = flow.run(name="a", names=["a", "b"])
assert_type(done[many], AnyState[list[float]])
assert_type(map(str, done[one]), AnyState[str])
assert_type(bind(halve, map(len, done[many])), AnyState[float])
both = zip(done[one], Success[str](result="a"))
assert_type(decode(b"{}", Success[float]), Success[float])
map(count, done[one])  # E: arg-type
