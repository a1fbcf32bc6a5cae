"""Read the clock that a caller gives. Nothing here may keep a time: states have none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["told_by", "utc_now"]


def utc_now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


def told_by(clock: Callable[[], datetime] | None) -> datetime:
    """Return the time by a clock, in UTC: in another zone, adding an hour may be two, or none.

    Args:
        clock: Returns the time, aware; None: that of the machine.

    Raises:
        ValueError: The clock returned a time without an offset from UTC.
    """
    if clock is None:
        return datetime.now(UTC)  # not by another call: a runner asks several times for each task
    time = clock()
    if time.tzinfo is None:
        raise ValueError("clock returns an aware datetime, and the time it returned has no offset from UTC")
    return time.astimezone(UTC)
