"""What the tests of runs share: where a store is to be, and that a test leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.leftovers import leaving_nothing


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Where a new store is to be."""
    return str(tmp_path / "runs.db")


@pytest.fixture
def leaves_nothing() -> Iterator[None]:
    """See to it that the test leaves no thread, no child process and no open file."""
    with leaving_nothing():
        yield
