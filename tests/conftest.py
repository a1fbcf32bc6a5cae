"""Which tests are slow, which are exhaustive, and in what order they run.

Slow are whole folders, whose tests start checkers, programs, processes, servers or clusters; ``-m "not slow"`` leaves
them out, so that a person can run the others while working. Elsewhere such a file, or test, marks itself as slow.

Exhaustive are the tests that `.ci/run` runs after the test command: more rounds and more ways of what that has tried.
They mark themselves, and run when an expression of ``-m`` names them, or when tests are chosen by ``-k`` or ``::``.
"""

import compileall
import gc
import signal
from pathlib import Path

import pytest

from tests import ROOT

SLOW_FOLDERS = ("checking", "executors", "stores", "cli", "testing", "examples")


def pytest_configure(config: pytest.Config) -> None:
    """Compile what processes import, once, and let SIGINT reach them.

    Where PYTHONDONTWRITEBYTECODE is set, each of some hundred processes would compile all of statesig for itself. What
    a shell runs in the background ignores SIGINT, and hands that on to every process which a test starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        for folder in ("statesig", "tests/harness", "tests/samples"):
            compileall.compile_dir(ROOT / folder, quiet=2)


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders, leave the exhaustive ones out, and put the files that take longest first.

    Files are dealt out in this order, so that none that takes long is begun when the others are done.
    """
    for item in items:
        if Path(item.path).parent.name in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
    if not _may_be_exhaustive(config):
        left_out = [item for item in items if item.get_closest_marker("exhaustive")]
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=_place)


def pytest_collection_finish() -> None:
    """Keep Python from looking at fifteen thousand tests at each collection of garbage: a quarter of the time."""
    gc.collect()
    gc.freeze()


def _may_be_exhaustive(config: pytest.Config) -> bool:
    """Tell whether exhaustive tests are to run where they are chosen."""
    chosen = any("::" in argument for argument in config.args)
    return chosen or bool(config.option.keyword) or _names_exhaustive(config)


def _names_exhaustive(config: pytest.Config) -> bool:
    """Tell whether the expression of -m asks for exhaustive tests."""
    return "exhaustive" in config.option.markexpr.replace("not exhaustive", "")


def _place(item: pytest.Item) -> int:
    """Return where a test stands in the order; tests of one place stay in theirs."""
    folder = Path(item.path).parent.name
    if folder in SLOW_FOLDERS:
        return SLOW_FOLDERS.index(folder)
    return len(SLOW_FOLDERS) + (item.get_closest_marker("slow") is None)
