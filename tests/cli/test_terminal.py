"""What the command shows on a terminal: tables that fit, states in colour, progress, and one line for many tasks."""

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from statesig import Cancelled, Cancelling, Event, Failed, Flow, MapFailed, Pending, Running, State, Success, task
from statesig.cli.display import Lines, summary
from statesig.cli.terminal import Look, aligned, colour_of
from tests.samples.kinds import Quarantined

TIME = datetime(2019, 4, 4, tzinfo=UTC)
ESCAPE = re.compile(r"\x1b\[[\d;]*m")


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns that can show colours."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")


# ---- how a stream looks


def test_a_pipe_gets_whole_lines_without_colour() -> None:
    """What is no terminal has no width and no colours."""
    assert Look(None, False) == Look.of(io.StringIO())


def test_a_terminal_has_a_width_and_colours() -> None:
    """COLUMNS comes first; a terminal that tells no width has 80 columns."""
    assert Look(60, True) == Look.of(Terminal())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR and a dumb terminal are respected."""
    monkeypatch.setenv(name, value)
    assert Look(60, False) == Look.of(Terminal())


@pytest.mark.parametrize(
    ("tag", "colour"),
    [
        *((tag, "green") for tag in ("Success", "Cached", "Mapped")),
        *((tag, "red") for tag in ("Failed", "TimedOut", "MapFailed", "Quarantined")),
        *((tag, "yellow") for tag in ("Skipped", "Paused", "Retrying")),
        *((tag, None) for tag in ("Cancelled", "Pending", "NoSuchState")),
    ],
)
def test_the_colour_of_a_state(tag: str, colour: str | None) -> None:
    """A success is green, a failure red, each with its family and a program's own; a skip or a pause is yellow."""
    assert colour == colour_of(tag), Quarantined


def test_only_the_tag_is_coloured() -> None:
    """What is said after it stays plain, and a shortened tag has its colour, too."""
    look = Look(60, True)
    assert "\x1b[31mFailed\x1b[0m, no rows" == look.painted("Failed, no rows")
    assert "\x1b[31mMapF...\x1b[0m" == look.painted("MapF...", "MapFailed: 3 Success")


# ---- tables

RUNS = [
    ("RUN", "FLOW", "STATE", "CREATED", "CHANGED", "TASKS"),
    ("91b45b86cfd34d578473116bdf12f0e0", "nightly", "Failed", "2026-11-28T22:57:38Z", "2026-11-28T22:57:39Z", "4"),
]
TASKS = [
    ("TASK", "STATE", "SECONDS", "MESSAGE"),
    ("load[12]", "MapFailed: 10 Success, 1 Skipped, 1 Failed", "0.622", "raised ValueError: " + "no such row " * 20),
    ("report", "Success", "12.000", ""),
]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("rows", [RUNS, TASKS], ids=["runs", "tasks"])
def test_a_table_fits_its_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    """No line is longer than the terminal is wide, from 60 columns on."""
    lines = list(aligned(rows, look=Look(width)))
    assert [] == [line for line in lines if len(line) > width]


def test_a_narrow_table_keeps_what_tells_most() -> None:
    """Columns that tell little go first; an identity is cut without a mark, so that it can be copied."""
    head, row = (line.split() for line in aligned(RUNS, look=Look(60)))
    assert ["RUN", "FLOW", "STATE", "CREATED", "TASKS"] == head
    assert [True, "nightly", "Failed"] == [RUNS[1][0].startswith(row[0]) and len(row[0]) >= 8, *row[1:3]]


def test_a_table_without_a_width_is_whole() -> None:
    """A pipe gets every cell as it is."""
    assert [re.split(r" {2,}", line) for line in aligned(TASKS)][1] == [cell.rstrip() for cell in TASKS[1]]


def test_wide_characters_count_twice() -> None:
    """A column is as wide as a terminal shows it."""
    first, second = aligned([("\u53d6\u5f97", "x"), ("load", "x")])
    assert (first.index("x") + 2, "load  x") == (second.index("x"), second)


def test_a_coloured_table_is_as_wide_as_a_plain_one() -> None:
    """Escape codes take no room."""
    plain, coloured = list(aligned(TASKS, look=Look(80))), list(aligned(TASKS, look=Look(80, True)))
    assert (plain, 2) == ([ESCAPE.sub("", line) for line in coloured], sum("\x1b" in line for line in coloured))


# ---- a run


def told(flow: Flow, *states: tuple[str | None, State[Any]]) -> list[str]:
    """Return the lines for states of tasks, and of the run itself, without colours."""
    out = io.StringIO()
    with Lines(out) as lines:
        for name, state in states:
            lines(Event("r", name, None, 1, TIME, state))
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def flow_of(number: int) -> Flow:
    with Flow("f") as flow:
        for _ in range(number):
            task(name="work")(lambda: 1)()
    return flow


def test_a_cancellation_has_one_line_for_many_tasks() -> None:
    """Ctrl-C does not print a line for each task that never began."""
    names = [node.name for node in flow_of(50).nodes]
    cancelled = [(name, Cancelled(message="the run was cancelled")) for name in names[1:]]
    lines = told(flow_of(50), (None, Cancelling()), *cancelled, (names[0], Success()))
    assert ["49 tasks Cancelled", "work Success"] == lines


def test_a_task_that_cancels_itself_has_its_own_line() -> None:
    """Only the cancellation of the run makes one line of many; one alone is told whole."""
    states = [("a", Cancelled(message="x")), ("b", Cancelled(message="y"))]
    assert ["a Cancelled x", "b Cancelled y"] == told(flow_of(1), *states)
    assert ["a Cancelled x"] == told(flow_of(1), (None, Cancelling()), states[0])


def table_of(flow: Flow, stream: io.StringIO) -> list[str]:
    run = flow.run()
    summary(run, stream, with_results=True)
    return stream.getvalue().splitlines()


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def nothing() -> None:
    """A task without a result."""


@task
def opaque():  # type: ignore[no-untyped-def]  # an annotation would refuse the result
    return {"it": object(), "price": float("nan")}


def test_results_of_leaves_are_printed() -> None:
    """Each in one line as JSON: those of the tasks on which no other depends, and not None."""
    with Flow("f") as flow:
        numbers(2)
        flow.map(task(lambda n: n * 2, name="twice"), numbers(3))
        nothing()
        opaque()
    assert ["", "numbers = [0,1]", "twice = [0,2,4]", 'opaque = {"it":"<object>","price":NaN}', "", "f: Success"] == (
        table_of(flow, io.StringIO())[-6:]
    )


def test_a_long_result_is_cut_to_the_terminal() -> None:
    """It takes one line; a pipe gets the first 1,000 characters."""
    with Flow("f") as flow:
        numbers(10_000)
    assert [60, 1000] == [len(table_of(flow, stream)[3]) for stream in (Terminal(), io.StringIO())]


def test_states_are_coloured_in_the_summary() -> None:
    """In the table and in the last line."""
    with Flow("f") as flow:
        numbers(1)
    lines = table_of(flow, Terminal())
    assert ["\x1b[32mSuccess\x1b[0m" in line for line in (lines[1], lines[-1])] == [True, True]


def test_the_bar_counts_mapped_children_and_shows_a_rate() -> None:
    """The total grows with the children, and the rate counts what ended."""
    pytest.importorskip("rich")
    with Flow("f") as flow:
        flow.map(task(lambda n: n, name="work"), [1, 2, 3])
    terminal = Terminal()
    with Lines.for_stream(flow, terminal) as lines:
        for index in range(3):
            lines(Event("r", "work", index, 1, TIME, Pending()))
            lines(Event("r", "work", index, 1, TIME, Running()))
        lines(Event("r", "work", 0, 1, TIME, Failed(message="no")))
        lines(Event("r", "work", 1, 1, TIME, Success()))
    lines(Event("r", "work", None, 1, TIME, MapFailed(children=(Failed(),))))
    shown = ESCAPE.sub("", terminal.getvalue())
    assert ("2/4", True) == (shown and max(re.findall(r"\d/\d", shown)), re.search(r"\d+\.\d/s", shown) is not None)
