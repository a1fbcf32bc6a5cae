"""The generated table of what a signal does that a handler of a flow raises, beside what the ancestor did.

For each row two flows are really run: the handler of one raises the signal as the run is to be Running, that of the
other as it is to be Success.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from statesig import (
    FAIL,
    PAUSE,
    RETRY,
    SKIP,
    SUCCESS,
    TRIGGERFAIL,
    Event,
    Flow,
    Paused,
    Running,
    Signal,
    State,
    Success,
    current,
    task,
)

Handler = Callable[[State[Any], State[Any]], None]


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        signal: The signal.
        ancestor: The tag in which Prefect 0.5.1's run ended, wherever the signal was raised, as recorded from its own
            FlowRunner; None: its flows had nothing of the kind.
        remark: What it did besides.
        retries: The retries of the flow.
        once: Whether the handler raises the signal a single time.
    """

    signal: type[Signal[Any]]
    ancestor: str | None = None
    remark: str = ""
    retries: int = 0
    once: bool = False

    @property
    def title(self) -> str:
        """Return the first cell."""
        name = f"`{self.signal.__name__}`{' once' if self.once else ''}"
        return f"{name}, `retries={self.retries}`" if self.signal is RETRY else name


ROWS = [
    Row(SKIP, "Skipped"),
    Row(FAIL, "Failed"),
    Row(SUCCESS, "Success"),
    Row(TRIGGERFAIL, "TriggerFailed"),
    Row(PAUSE, "Failed", ", as by an unexpected error"),
    Row(RETRY, "Retrying", ", and was not tried again"),
    Row(RETRY, retries=1),
    Row(RETRY, retries=1, once=True),
]


def raising(row: Row, at: type[State[Any]]) -> Handler:
    """Return a handler that raises the signal where the run is to be in a state of a class, until it is resumed."""
    raised: list[bool] = []

    def handle(old: State[Any], new: State[Any]) -> None:
        if isinstance(new, at) and current().resumed is None and not (row.once and raised):
            raised.append(True)
            raise row.signal("so")

    return handle


def states(row: Row, at: type[State[Any]]) -> str:
    """Run a flow whose handler raises the signal; return its states, and those after a resumption if it is Paused."""
    events: list[Event] = []
    with Flow("f", handlers=[raising(row, at)], retries=row.retries) as flow:
        task(name="work")(lambda: 5)()
    run = flow.run(on_event=events.append)
    told = [event.state.type for event in events if event.task is None]
    if not isinstance(run.state, Paused):
        return " → ".join(told)
    run.resume()
    resumed = [event.state.type for event in events if event.task is None][len(told) :]
    return f"{' → '.join(told)}; resumed → {' → '.join(resumed)}"


def table() -> str:
    """Return the signals and the states of the runs as a table."""
    rows = [
        "| a handler raises | as it is to be Running | Prefect 0.5.1 | as it is to be Success | Prefect 0.5.1 |",
        "|---|---|---|---|---|",
    ]
    for row in ROWS:
        cells = [row.title]
        for at, way in ((Running, "Scheduled"), (Success, "Scheduled → Running")):
            then = "its flows had no retries" if row.ancestor is None else f"{way} → {row.ancestor}{row.remark}"
            cells += [states(row, at), then]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def generated() -> dict[str, str]:
    """Return the generated part by its name."""
    return {"flow signals": table()}


if __name__ == "__main__":
    print(table())
