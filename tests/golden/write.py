"""Write the golden file of the coming release: `python -m tests.golden.write`. A file that is there is left alone."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from statesig import (
    Cached,
    Cancelled,
    Cancelling,
    Crashed,
    ErrorInfo,
    Failed,
    Looped,
    MapCancelled,
    MapFailed,
    Mapped,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    Skipped,
    State,
    Submitted,
    Success,
    TimedOut,
    TriggerFailed,
    ValidationFailed,
    encode,
)

HERE = Path(__file__).parent
MORNING = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
PRECISE = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
PLAIN = ErrorInfo(type="builtins.KeyError", message="'rows'")
WHOLE = ErrorInfo(
    type="acme.errors.QuotaExceeded", message="no\nquota — é", notes=("while loading", ""), traceback="Traceback ..."
)

STATES: tuple[State[Any], ...] = (
    Pending(),
    Pending(message="as drawn", result={"kept": True}, causes=(PLAIN,)),
    Scheduled(),
    Scheduled(start_time=MORNING),
    Scheduled(start_time=PRECISE, message="after the change of clocks"),
    Resume(),
    Resume(start_time=MORNING, message="go on"),
    Retrying(),
    Retrying(start_time=PRECISE, run_count=3, message="rate limited", causes=(WHOLE, PLAIN)),
    Looped(),
    Looped(loop_count=2, result=[1, 2.5, -0.0, 1e-300, 12345678901234567890], start_time=MORNING),
    Paused(),
    Paused(message="sign, please", result=None),
    Paused(message="sign by then", until=MORNING),
    Queued(state=Pending()),
    Queued(state=Retrying(run_count=2, message="inner"), message="no free place"),
    Submitted(state=Scheduled(start_time=MORNING)),
    Submitted(state=Looped(loop_count=9, result="handed on"), message="to dask"),
    Running(),
    Running(message="half way", result={"done": 5, "of": 10}),
    Cancelling(),
    Cancelling(message="asked to stop"),
    Success(),
    Success(result=None),
    Success(result=False),
    Success(result=0),
    Success(result=""),
    Success(result=[]),
    Success(result={}),
    Success(result='quotes " and \\ and é and \u2028 and \U0001f600 and \x00'),
    Success(result={"z": 1, "a": {"deep": [[[None]]]}, "": "empty key"}, message="order of keys is kept"),
    Cached(),
    Cached(expires=MORNING, result=[1]),
    Mapped(),
    Mapped(children=(Success(result=1), Skipped(message="empty"), Mapped(children=())), message="all of them"),
    MapFailed(children=(Failed(),)),
    MapFailed(children=(Success(result=1), Skipped(message="empty"), Failed(causes=(PLAIN,)), Mapped(), Cancelled())),
    MapFailed(children=(MapFailed(children=(TimedOut(),)),), message="nested", retryable=True, result=[None, 1]),
    MapCancelled(children=(Cancelled(),)),
    MapCancelled(children=(MapCancelled(children=(Cancelled(),)), Success(result=None)), message="by hand"),
    Skipped(),
    Skipped(message="no new rows"),
    Failed(),
    Failed(retryable=False, message="bad input", causes=(WHOLE,)),
    TimedOut(),
    TimedOut(message="took 61 s", retryable=False),
    TriggerFailed(),
    TriggerFailed(retryable=True),
    ValidationFailed(),
    ValidationFailed(message="id: required", retryable=False),
    Crashed(),
    Crashed(message="the worker is gone", retryable=False),
    Cancelled(),
    Cancelled(message="by hand", result={"rows": 7}),
)


def path() -> Path:
    """Return the file of the coming release, which is given that release's version for its name."""
    return HERE / "next.ndjson"


def main() -> None:
    """Write the file of the coming release.

    Raises:
        FileExistsError: It is there.
    """
    with path().open("xb") as lines:
        lines.writelines(encode(state) + b"\n" for state in STATES)


if __name__ == "__main__":
    main()
