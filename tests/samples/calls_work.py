"""Tasks that executors are handed, in a module that worker processes can import."""

import asyncio
import ctypes
import os
import signal
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from statesig import FAIL, SKIP, Attempt, State, Success, current, task
from statesig.executors.processes import Processes

place: ContextVar[str] = ContextVar("place", default="nowhere")


@task
def double(number: int) -> int:
    return 2 * number


@task
def divide(number: int) -> float:
    return 1 / number


@task
def skip() -> None:
    raise SKIP("nothing to do")


@task
def give_up() -> None:
    raise FAIL("no use", retryable=False)


@task
def give_state() -> State[int]:
    return Success(result=3, message="mine")


@task
def tell() -> Attempt:
    return current()


@task
async def tell_later() -> Attempt:
    await asyncio.sleep(0)
    return current()


@task
def look(name: str = "") -> str:
    """Return what is seen of a context variable, and set it."""
    found = place.get()
    place.set(name)
    return found


@task
async def look_later(name: str = "") -> str:
    found = place.get()
    await asyncio.sleep(0)
    place.set(name)
    return found


@task
def raise_one(name: str) -> None:
    raise {"KeyboardInterrupt": KeyboardInterrupt, "SystemExit": SystemExit}[name]("not to be told")


@task
async def raise_one_later(name: str) -> None:
    await asyncio.sleep(0)
    raise_one(name)


@task
async def double_later(number: int) -> int:
    await asyncio.sleep(0.001)
    return 2 * number


@task
async def cancel_itself() -> None:
    current_task = asyncio.current_task()
    assert current_task is not None
    current_task.cancel()
    await asyncio.sleep(0)


@task
async def dream(seconds: float) -> None:
    await asyncio.sleep(seconds)


@task
def nap(seconds: float) -> None:
    time.sleep(seconds)


@task
def wait_for(event: threading.Event) -> bool:
    return event.wait(60)


@task
def thread_name() -> int:
    return threading.get_ident()


@task
def pid() -> int:
    return os.getpid()


@task
def touch(path: Path) -> None:
    path.touch()


@task
def mark_and_nap(path: Path, seconds: float) -> int:
    """Tell in a file who runs this, then wait."""
    note = path.with_name(f"{path.name}.part")
    note.write_text(str(os.getpid()))
    note.rename(path)
    time.sleep(seconds)
    return os.getpid()


@task
def end(how: str) -> None:
    """End the process that this runs in."""
    ways: dict[str, Any] = {
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "exit": lambda: os._exit(7),
        "segfault": lambda: ctypes.string_at(0),
    }
    ways[how]()


@task
def bytes_of(size: int) -> bytes:
    return b"x" * size


@task
def length(data: bytes) -> int:
    return len(data)


@task
def lock() -> object:
    return threading.Lock()


class Unreadable:
    """Pickles, and does not unpickle."""

    def __reduce__(self) -> Any:
        return refuse, ("the secret",)


class Deadly:
    """Ends the process in which it is unpickled."""

    def __reduce__(self) -> Any:
        return end, ("kill",)


def refuse(secret: str) -> None:
    raise ValueError("this does not unpickle")


@task
def unreadable() -> object:
    return Unreadable()


@task
def take(value: object) -> str:
    return type(value).__name__


@task
def interrupt_itself() -> str:
    """Send this process the signal of Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    return "went on"


@task
def leave_behind(path: Path, seconds: float) -> None:
    """Start a program that outlives this process and could hold what this holds open; then end."""
    os.system(f"sleep {seconds} & echo $! > {path}")
    os.kill(os.getpid(), signal.SIGKILL)


@task
def leave_thread(seconds: float) -> None:
    """Begin a thread that the end of this process waits for."""
    threading.Thread(target=time.sleep, args=(seconds,)).start()


@task
def open_processes() -> None:
    """Begin to serve by processes within one."""
    Processes(1).open(lambda call, outcome: None)
