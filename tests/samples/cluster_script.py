"""A program whose tasks and classes stand in itself, and which has a cluster of its own for its run."""

import threading
from dataclasses import dataclass

from statesig import Flow, Success, task

PARTS: list[str] = []
_lock = threading.Lock()


@dataclass(frozen=True)
class Found:
    value: int


@task(handlers=[lambda old, new: _lock.acquire(timeout=0) and _lock.release()])
def find(value: int) -> Found:
    return Found(value)


@task
def add(one: Found, other: Found) -> Found:
    return Found(one.value + other.value + find(1).value)


if __name__ == "__main__":
    with Flow("script") as flow:
        total = add(find(1), find(2))
    run = flow.run(executor="dask")
    assert Success(result=Found(4)) == run[total], run[total]
    print("done")
