"""What a test leaves behind of this process: threads, child processes and open files. Nothing here closes anything."""

import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

PATIENCE = 30.0
"""Seconds within which what is about to end has ended."""


def start_servers() -> None:
    """Start what multiprocessing starts once for a process, and keeps until its end."""
    resource_tracker.ensure_running()
    forkserver.ensure_running()


def descendants(of: int | str = "self") -> set[int]:
    """Return the numbers of a process's children and theirs, also of those that ended and that nobody waited for."""
    lists = Path(f"/proc/{of}/task").glob("*/children")
    children = {int(number) for found in lists for number in _text(found).split()}
    return children.union(*map(descendants, children))


def descriptors() -> set[tuple[str, str]]:
    """Return the open files of this process, each with its number."""
    if not Path("/proc/self/fd").is_dir():
        return set()
    links = {name: _link(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
    return {(name, target) for name, target in links.items() if target}


def present() -> set[object]:
    """Return all of it."""
    return {*threading.enumerate(), *descendants(), *descriptors()}


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """See to it that a block leaves no thread, no child process and no open file."""
    start_servers()
    before = present()
    yield
    until = time.monotonic() + PATIENCE
    while left := present() - before:
        gc.collect()
        assert time.monotonic() < until, f"it left {sorted(map(str, left))}"
        time.sleep(0.01)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # of a thread that has just ended
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # of the listing itself
        return ""
