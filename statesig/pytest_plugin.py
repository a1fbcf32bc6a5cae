"""The pytest plugin: fixtures for tests of flows, and warnings about swallowed signals.

Every run of pytest loads it where statesig is installed: import the rest of statesig only when a test uses it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from statesig.testing.fixtures import Clock, Rehearsal, Watch

__all__ = ["pytest_addoption", "pytest_configure", "statesig_clock", "statesig_run", "statesig_swallowed"]

_OPTION = "statesig_swallowed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that watches every test for swallowed signals."""
    parser.addini(_OPTION, "in every test, warn of signals that a catch-all handler swallows", "bool", False)


def pytest_configure(config: pytest.Config) -> None:
    """Watch every test if the option is set."""
    if config.getini(_OPTION):
        config.pluginmanager.register(_EveryTest(), _OPTION)


class _EveryTest:
    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        from statesig.testing.fixtures import Watch

        with Watch() as watch:
            try:
                return (yield)
            finally:
                watch.warn()


@pytest.fixture
def statesig_clock() -> Clock:
    """Return a clock that stands still, for flow.run(clock=statesig_clock, sleep=statesig_clock.sleep).

    Set it with .set(time), move it with .advance(seconds), read it by calling it; .slept lists the sleeps in seconds.
    """
    from statesig.testing.fixtures import Clock

    return Clock()


@pytest.fixture
def statesig_run(statesig_clock: Clock) -> Rehearsal:
    """Return a runner of flows that uses statesig_clock, never waits, and keeps the events.

    After captured = statesig_run(flow, day=3), captured.run is the run, captured.events are its events, and
    captured.history(node) lists the states that a task was in.
    """
    from statesig.testing.fixtures import Rehearsal

    return Rehearsal(statesig_clock)


@pytest.fixture
def statesig_swallowed() -> Iterator[Watch]:
    """Warn of each signal that a bare except, or except BaseException, swallows during the test.

    .swallowed() lists them so far. The option statesig_swallowed = true does the same in every test.
    """
    from statesig.testing.fixtures import Watch

    with Watch() as watch:
        yield watch
    watch.warn()
