"""The pytest plugin: fixtures for tests of flows, and a watch over signals that were swallowed.

It is loaded by every run of pytest where statesig is installed, so nothing of statesig is loaded before it is used.
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
    """Add the option that has every test watched for swallowed signals."""
    parser.addini(_OPTION, "warn of signals that a handler for everything has swallowed, in every test", "bool", False)


def pytest_configure(config: pytest.Config) -> None:
    """Watch every test, where that was asked for."""
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

    It is set by .set(time), moved by .advance(seconds), read by calling it; .slept lists what was slept by it.
    """
    from statesig.testing.fixtures import Clock

    return Clock()


@pytest.fixture
def statesig_run(statesig_clock: Clock) -> Rehearsal:
    """Return what runs flows by statesig_clock, without waiting, and keeps their events.

    With captured = statesig_run(flow, day=3): captured.run is the run, captured.events are its events, and
    captured.history(node) the states that a task was in.
    """
    from statesig.testing.fixtures import Rehearsal

    return Rehearsal(statesig_clock)


@pytest.fixture
def statesig_swallowed() -> Iterator[Watch]:
    """Warn of each signal that a bare except, or except BaseException, has swallowed while the test ran.

    .swallowed() lists them so far. The option statesig_swallowed = true warns so in every test.
    """
    from statesig.testing.fixtures import Watch

    with Watch() as watch:
        yield watch
    watch.warn()
