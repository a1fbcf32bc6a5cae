"""Which tests are slow, which are exhaustive or thorough, and in what order they run.

Slow are whole folders, whose tests start checkers, programs, processes, servers or clusters; ``-m "not slow"`` leaves
them out, so that a person can run the others while working. Elsewhere such a file, or test, marks itself as slow.

Exhaustive are the tests that `.ci/run` runs after the test command: more rounds and more ways of what that has tried.
Thorough are those that `.ci/run --thorough` adds: more again, of what takes long. They mark themselves, and run when an
expression of ``-m`` names them, or when tests are chosen by ``-k`` or ``::``.
"""

import compileall
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests import ROOT
from tests.harness import profile as profile  # Hypothesis's, for each file alike

LEVELS = ("exhaustive", "thorough")
PRELOADED = ["pytest", "statesig", "statesig.flow", "statesig.executors.processes"]
"""What the server that multiprocessing forks has loaded, so that no worker of `Processes` loads it again."""
SLOW_FOLDERS = ("checking", "executors", "stores", "cli", "testing", "examples")
LONGEST_FIRST = ("checking", "docs", *SLOW_FOLDERS[1:])


def pytest_configure(config: pytest.Config) -> None:
    """Compile what processes import, once, and let SIGINT reach them.

    Where PYTHONDONTWRITEBYTECODE is set, each of some hundred processes would compile all of statesig for itself. What
    a shell runs in the background ignores SIGINT, and hands that on to every process which a test starts. A cluster of
    Dask's gives up a worker that is not there again after fifteen seconds, which a busy machine may need to start one.
    """
    os.environ.setdefault("DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT", "60s")
    multiprocessing.set_forkserver_preload(["__main__", *PRELOADED])
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        for folder in ("statesig", "tests/harness", "tests/samples"):
            compileall.compile_dir(ROOT / folder, quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the tests that are compiled here: to compile all of them takes as long as to collect them."""
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = kept


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let every other worker of xdist begin at the end, so that each reads what others have compiled meanwhile."""
    report = yield
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if isinstance(collector, pytest.Directory) and worker.endswith(("1", "3", "5", "7", "9")):
        report.result.reverse()
    return report


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders, leave out what nobody asked for, and put the files that take longest first.

    Files are dealt out in this order, so that none that takes long is begun when the others are done.
    """
    for item in items:
        if Path(item.path).parent.name in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
    asked = _level_asked_for(config)
    left_out = [item for item in items if _level_of(item) > asked]
    items[:] = [item for item in items if _level_of(item) <= asked]
    config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: (_place(item), item.path))


def pytest_collection_finish() -> None:
    """Keep Python from looking at fifteen thousand tests whenever it collects garbage, and at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 100)


def _level_of(item: pytest.Item) -> int:
    """Return 0 for a test of the test command, and more for one that is exhaustive or thorough."""
    return max((level for level, mark in enumerate(LEVELS, 1) if item.get_closest_marker(mark)), default=0)


def _level_asked_for(config: pytest.Config) -> int:
    """Return the highest level of which tests may run: the last that -m names, or any if tests are chosen."""
    if config.option.keyword or any("::" in argument for argument in config.args):
        return len(LEVELS)
    expression = config.option.markexpr
    return max(
        (level for level, mark in enumerate(LEVELS, 1) if mark in expression.replace(f"not {mark}", "")), default=0
    )


def _place(item: pytest.Item) -> int:
    """Return where a test stands in the order; within a place, files go by their paths."""
    folder = Path(item.path).parent.name
    if folder in LONGEST_FIRST:
        return LONGEST_FIRST.index(folder)
    return len(LONGEST_FIRST) + (item.get_closest_marker("slow") is None)
