"""A place for a store."""

from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Where a new store is to be."""
    return str(tmp_path / "runs.db")
