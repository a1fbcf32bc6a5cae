"""Which tests are left out by ``pytest -m "not slow"``, the tests that a person runs while working."""

from pathlib import Path

import pytest

SLOW = frozenset(
    {
        # type checkers on whole programs
        "test_typing",
        "test_project",
        "test_stubs",
        "test_stubgen",
        # programs, processes, servers and clusters that are started, and killed
        "test_cancelling",
        "test_cli",
        "test_clusters",
        "test_drives",
        "test_durability",
        "test_everywhere",
        "test_executors",
        "test_journals",
        "test_launches",
        "test_listings",
        "test_packages",
        "test_postgres",
        "test_readme",
        "test_store",
        "test_stored_results",
        "test_testing",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files."""
    for item in items:
        if Path(item.path).stem in SLOW:
            item.add_marker(pytest.mark.slow)
