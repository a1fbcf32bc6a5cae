"""Each option of a run has a type of its own; the flow's parameters are keywords beside them."""

from datetime import UTC, datetime
from typing import assert_type

from statesig import AnyState, Event, Flow, Run, Threads, open_store, task


@task
def double(n: int) -> int:
    return 2 * n


with Flow("double") as flow:
    number = flow.parameter("n", int)
    doubled = double(number)


def heard(event: Event) -> None:
    assert_type(event.state, AnyState[object])
    event.state.unwrap() + 1  # E: operator


def hidden(text: str) -> str:
    return "***"


def noon() -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC)


run = flow.run(n=1)
assert_type(run, Run)
assert_type(run.state, AnyState[object])
assert_type([outcome.state for outcome in run], list[AnyState[object]])
assert_type(flow.run(n=1, executor="threads", lease=10, seed=("a", 1), traceback=True, signals=True), Run)
assert_type(flow.run(n=1, executor=Threads(2), on_event=heard, redact=hidden, clock=noon, sleep=lambda s: None), Run)
assert_type(flow.run(n=1, store=open_store("runs.db")), Run)
assert_type(flow.resume("f00", doubled, store="runs.db", executor="processes"), Run)

flow.run(
    n=1,
    executor=5,  # E: arg-type
    store=3.5,  # E: arg-type
    lease="soon",  # E: arg-type
    on_event=7,  # E: arg-type
)
flow.run(n=1, executor="thread")  # E: arg-type
flow.run(n=1, executor=Threads)  # E: arg-type
flow.run(n=1, redact=heard)  # E: arg-type
flow.run(n=1, clock=heard)  # E: arg-type
flow.run(n=1, sleep=hidden)  # E: arg-type
flow.run(n=1, on_event=hidden)  # E: arg-type
flow.run(n=1, traceback="no")  # E: arg-type
flow.run(n=1, signals=None)  # E: arg-type
flow.run(1)  # E: arg-type, call-arg
flow.resume("f00", executor="threads")  # E: call-arg
flow.resume("f00", store="runs.db", n=1)  # E: call-arg
flow.resume("f00", store="runs.db", exectuor="threads")  # E: call-arg


async def driven() -> None:
    assert_type(await flow.arun(n=1, executor="threads", store="runs.db"), Run)
    await flow.arun(n=1, store=3.5)  # E: arg-type
    await flow.arun(
        n=1,
        executor=5,  # E: arg-type
        lease="soon",  # E: arg-type
        on_event=7,  # E: arg-type
    )
