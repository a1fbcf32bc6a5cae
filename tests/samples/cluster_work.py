"""Tasks for workers of a cluster, and values that do not make the way there or back."""

import asyncio
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from statesig import FAIL, SKIP, Attempt, Failed, State, current, task


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


@task
def double(value: int) -> int:
    return 2 * value


@task
def raises(text: str) -> None:
    raise ValueError(text)


@task
def skips() -> None:
    raise SKIP("not today")


@task
def fails_from(text: str) -> None:
    raise FAIL("on purpose", retryable=False) from OSError(text)


@task
def returns_state() -> State[int]:
    return Failed(message="half", result=1)


@task
def typed(x: int) -> dict[str, Any]:
    return {"point": Point(x=x), "pair": Pair((x,), Path("a"))}


@task
async def awaits(value: int) -> int:
    await asyncio.sleep(0.01)
    return value


@task
async def is_cancelled() -> None:
    raise asyncio.CancelledError


@task
def tells() -> Attempt:
    return current()


@task(timeout=60)
def tells_in_time() -> Attempt:
    return current()


@task
def exits() -> None:
    raise SystemExit(3)


@task
def size(data: bytes) -> int:
    return len(data)


@task
def zeros(count: int) -> bytes:
    return bytes(count)


@task
def pid() -> int:
    return os.getpid()


@task
def naps(value: int, seconds: float) -> int:
    time.sleep(seconds)
    return value


@task(timeout=0.2)
def naps_too_long(seconds: float) -> None:
    time.sleep(seconds)


@task
def notes(path: Path, seconds: float = 0.0) -> None:
    """Write down that this began, and take some time."""
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)


@task
def kills(path: Path) -> None:
    """Write down that this began, and end the worker."""
    with path.open("a") as file:
        file.write("begun\n")
    os._exit(1)


@task
def kills_if(value: int, bad: int) -> int:
    if value == bad:
        os._exit(1)
    time.sleep(0.002)
    return value


@task
def makes_lock() -> Any:
    return threading.Lock()


class Unreadable:
    """Pickles, and raises when it is read."""

    def __init__(self, where: type[BaseException] = ValueError) -> None:
        self.where = where

    def __reduce__(self) -> Any:
        return _refuse, (self.where,)


def _refuse(kind: type[BaseException]) -> None:
    raise kind("no such thing here")


@task
def makes_unreadable(kind: type[BaseException]) -> Unreadable:
    return Unreadable(kind)


@task
def takes(value: object) -> str:
    return type(value).__name__


def censor(text: str) -> str:
    return "..."
