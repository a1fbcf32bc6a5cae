"""Which tests ``pytest -m "not slow"`` leaves out, so that a person can run the others while working.

Slow are whole folders, whose tests start checkers, programs, processes, servers or clusters. Elsewhere such a file
marks itself: ``pytestmark = pytest.mark.slow``.
"""

from pathlib import Path

import pytest

SLOW_FOLDERS = frozenset({"checking", "cli", "examples", "executors", "stores", "testing"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders."""
    for item in items:
        if Path(item.path).parent.name in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
