"""Where the tests of stores have theirs: in a file, and on a server that they share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from statesig.stores.opening import open_store
from statesig.stores.store import Store
from tests.harness.servers import Server
from tests.harness.servers import server as server  # a fixture


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store is to be."""
    if request.param == "sqlite":
        return str(tmp_path / "runs.db")
    started: Server = request.getfixturevalue("server")
    return started.new_place()


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    """A new store in that place."""
    with open_store(place) as opened:
        yield opened
