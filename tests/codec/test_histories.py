"""Histories put together from events in any order, and the command that tells them."""

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from statesig import (
    Cancelled,
    Conflict,
    Event,
    Failed,
    IllegalStep,
    MetaState,
    Observation,
    Paused,
    Pending,
    Queued,
    Resume,
    Retrying,
    Running,
    Scheduled,
    State,
    Success,
    encode_event,
    merge,
    observe,
)
from statesig.cli import main
from statesig.codec.histories import History, histories_of, tell_histories
from statesig.testing import paths
from tests.harness.strategies import CONCRETE, payloads

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATE = datetime(9999, 6, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def events_of(
    states: Sequence[State[Any]],
    *,
    run: str = "r",
    task: str = "t",
    index: int | None = None,
    start: datetime = NOON,
    step: timedelta = SECOND,
) -> list[Event]:
    """Return the events of a history: each attempt as `observe` counts it, each time later by a step or more."""
    events: list[Event] = []
    time = start
    for observation in observe(states):
        events.append(Event(run, task, index, observation.attempt, time, observation.state))
        waiting = observation.state.state if isinstance(observation.state, MetaState) else observation.state
        begin = waiting.start_time if isinstance(waiting, Scheduled) else None
        time = max(time + step, begin or time)
    return events


def only(events: Sequence[Event]) -> History:
    """Return the one history that there is."""
    (history,) = histories_of(events)
    return history


def told(events: Sequence[Event], *, as_json: bool = False) -> tuple[int, str, str]:
    """Return the exit code, the output and the errors for the lines of some events."""
    out, err = io.StringIO(), io.StringIO()
    code = tell_histories([encode_event(event) + b"\n" for event in events], "log", as_json=as_json, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


# ---- legal histories


@given(paths(), st.randoms(use_true_random=False))
def test_a_legal_history_is_ok_in_any_order(path: list[State[Any]], random: Any) -> None:
    """The events of a legal history give that history back, and nothing is illegal or in conflict."""
    events = events_of(path)
    shuffled = random.sample(events, len(events))

    history = only(shuffled)

    assert (True, None, ()) == (history.is_ok, history.illegal, history.conflicts)
    assert (observe(path), tuple(event.time for event in events)) == (history.observations, history.times)


@given(paths(max_steps=6))
def test_a_legal_history_is_ok_by_a_clock_that_stands_still(path: list[State[Any]]) -> None:
    """Where all events are of one time, an order that is legal is found."""
    events = events_of(path, start=LATE, step=timedelta())
    assume(len({(event.attempt, repr(event.state)) for event in events}) == len(events))

    assert (None, ()) == ((history := only(events[::-1])).illegal, history.conflicts)


@given(paths(finished=True))
def test_a_finished_history_merges_to_its_end(path: list[State[Any]]) -> None:
    """What is merged is the last state, of the last attempt."""
    assert observe(path)[-1] == only(events_of(path)[::-1]).merged


def test_a_pause_and_a_resumption_at_one_time() -> None:
    """The order of a moment is one that the next moment can follow: Running follows Resume, not Paused."""
    path = [Pending(), Paused(), Resume(), Running(), Success()]
    events = [Event("r", "t", None, 1, NOON, state) for state in path[:3]]
    events += [Event("r", "t", None, 1, NOON + SECOND, state) for state in path[3:]]

    assert path == [observation.state for observation in only(events[::-1]).observations]


def test_the_same_event_again_is_no_step() -> None:
    """An event that was delivered twice is told once."""
    events = events_of([Pending(), Running(), Success()])
    assert only(events) == only([*events, *events])


def test_one_schedule_and_the_next_are_no_conflict() -> None:
    """States of one place that may follow one another are steps, and the later one is what is merged."""
    first, second = Scheduled(start_time=NOON), Scheduled(start_time=NOON + SECOND)
    history = only(events_of([Pending(), first, second]))

    assert isinstance(merge(*history.observations), Conflict)
    assert (True, Observation(1, second)) == (history.is_ok, history.merged)


def test_histories_are_told_by_run_task_and_index() -> None:
    """Of several runs each task, and each child of a mapped one, has a history of its own."""
    places: list[tuple[str, str, int | None]] = [
        ("a", "load", None),
        ("a", "load", 0),
        ("a", "load", 2),
        ("a", "load", 10),
        ("b", "extract", None),
    ]
    events = [event for run, task, index in places for event in events_of([Pending()], run=run, task=task, index=index)]
    assert places == [(history.run, history.task, history.index) for history in histories_of(events[::-1])]


def test_a_run_and_each_try_have_histories() -> None:
    """The run itself comes before its tasks; a further try of a task is legal from Pending on."""
    tries = [
        replace(event, try_number=number) for number in (1, 2) for event in events_of([Pending(), Running(), Failed()])
    ]
    run = [replace(event, task=None) for event in events_of([Pending(), Running(), Success()])]
    found = list(histories_of([*tries, *run]))
    assert [(None, 1, True), ("t", 1, True), ("t", 2, True)] == [(one.task, one.try_number, one.is_ok) for one in found]
    code, out, _ = told([*tries, *run])
    assert (0, ["run r: ok: Success", "run r: t: ok: Failed", "run r: t, try 2: ok: Failed"]) == (
        code,
        out.splitlines()[:-1],
    )
    documents = [json.loads(line) for line in told([*tries, *run], as_json=True)[1].splitlines()]
    assert [(None, None), ("t", None), ("t", 2)] == [(one.get("task"), one.get("try")) for one in documents]


def test_no_events_are_no_histories() -> None:
    """Nothing reported is nothing told."""
    assert [] == list(histories_of([]))


# ---- what is wrong with others


def test_the_first_illegal_step_is_told() -> None:
    """A step that the table does not have is told with its place in the order of the times."""
    history = only(events_of([Pending(), Success(), Running()]))

    assert history.illegal is not None
    assert (1, "Pending", "Success") == (history.illegal.index, history.illegal.source, history.illegal.target)


def test_an_attempt_that_was_not_begun_is_illegal() -> None:
    """After Running comes the next attempt, and no later one."""
    events = [
        Event("r", "t", None, attempt, NOON + attempt * SECOND, state)
        for attempt, state in [(1, Running()), (3, Retrying())]
    ]
    events.insert(0, Event("r", "t", None, 1, NOON, Pending()))

    expected = IllegalStep(2, "Running", "Retrying", "Retrying after Running is of attempt 2, not 3")
    assert expected == only(events).illegal


def test_a_beginning_before_its_start_time_is_illegal() -> None:
    """A task that was scheduled does not run before that."""
    states = [Scheduled(start_time=NOON + 60 * SECOND), Running()]
    events = [Event("r", "t", None, 1, NOON + place * SECOND, state) for place, state in enumerate(states)]

    illegal = only(events).illegal
    assert illegal is not None
    assert (1, True) == (illegal.index, "before the start_time 2026-03-01T12:01:00+00:00" in illegal.reason)


@pytest.mark.parametrize(
    "states",
    [
        [Success(result=1), Success(result=2)],
        [Success(), Failed()],
        [Failed(message="a"), Failed(message="b"), Cancelled()],
    ],
    ids=str,
)
def test_two_ends_of_one_attempt_are_in_conflict(states: list[State[Any]]) -> None:
    """Unequal final states of one attempt are a conflict, and it is what is merged."""
    conflict = Conflict(frozenset(Observation(1, state) for state in states))
    history = only(events_of([Pending(), Running(), *states]))

    assert ((conflict,), conflict, False) == (history.conflicts, history.merged, history.is_ok)


def test_a_conflict_of_an_attempt_that_was_left_is_told_too() -> None:
    """Two workers that both ran the first attempt contradict each other, whatever became of the second."""
    one, other = Running(message="here"), Running(message="there")
    events = events_of([Pending(), one, Retrying(), Running(), Success()])
    events.append(Event("r", "t", None, 1, NOON + SECOND, other))

    history = only(events)
    assert (Conflict(frozenset({Observation(1, one), Observation(1, other)})),) == history.conflicts
    assert Observation(2, Success()) == history.merged


def test_equal_reports_are_no_conflict() -> None:
    """Two who report the same, though not at the same time, agree; where the second comes late is another matter."""
    events = events_of([Pending(), Running(), Success(result=1)])
    events.append(Event("r", "t", None, 1, NOON + 9 * SECOND, Success(result=1)))

    assert True is only(events).is_ok


def test_more_than_can_be_put_in_order_is_told_by_phase() -> None:
    """Of very many reports of one moment no legal order is looked for; the answer is the same in any order."""
    states = [Scheduled(message=str(number)) for number in range(20)]
    events = [Event("r", "t", None, 1, NOON, state) for state in (Pending(), *states)]

    assert only(events) == only(events[::-1])
    assert True is only(events).is_ok


# ---- any order of lines

_runs, _tasks = st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"])
_few = st.sampled_from(
    [
        Pending(),
        Queued(state=Pending()),
        Paused(),
        Resume(),
        Retrying(),
        Running(),
        Running(message="b"),
        Success(),
        Success(result=1),
        Success(result=1.0),
        Success(result={"a": 1, "b": 2}),
        Success(result={"b": 2, "a": 1}),
        Failed(),
    ]
)
_any_events = st.builds(
    Event,
    run=_runs,
    task=_tasks,
    index=st.none() | st.integers(0, 1),
    attempt=st.integers(1, 2),
    time=st.sampled_from([NOON, NOON + SECOND, NOON + 2 * SECOND]),
    state=_few | st.sampled_from(CONCRETE).flatmap(payloads),
)


@given(st.lists(_any_events, max_size=12), st.randoms(use_true_random=False), st.booleans())
def test_any_order_of_lines_gives_the_same_bytes(events: list[Event], random: Any, as_json: bool) -> None:
    """Neither the order of the lines nor how often each is there changes a byte, whatever they say."""
    again = [event for event in events if random.random() < 0.3]
    shuffled = random.sample([*events, *again], len(events) + len(again))

    assert told(events, as_json=as_json)[:2] == told(shuffled, as_json=as_json)[:2]


@given(st.lists(_any_events, min_size=1, max_size=8))
def test_the_exit_code_says_whether_all_is_well(events: list[Event]) -> None:
    """0 where each history is ok, 1 where one is not."""
    expected = 0 if all(history.is_ok for history in histories_of(events)) else 1
    assert expected == told(events)[0]


# ---- the command


def log(tmp_path: Path, *events: Event) -> str:
    """Write events to a file, one a line, and return its path."""
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"".join(encode_event(event) + b"\n" for event in events))
    return str(path)


LEGAL = events_of([Pending(), Running(), Success(result=3)], run="7", task="half", index=2)
WRONG = [
    *events_of([Pending(), Running(), Success(result=1), Success(result=2)], run="8", task="load"),
    *events_of([Pending(), Success()], run="8", task="report"),
]


def test_the_command_tells_each_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each task that is ok; for others what is wrong and how far they are; 1 is the exit code then."""
    path = log(tmp_path, *WRONG, *LEGAL)

    assert 1 == main(["history", path])
    assert [
        "run 7: half[2]: ok: Success",
        "run 8: load: illegal at 3: Success -> Success is not allowed; from Success: nothing (final)",
        'run 8: load: conflict in attempt 1: {"type":"Success","result":1} or {"type":"Success","result":2}',
        'run 8: load: merged: {"type":"Success","result":1} or {"type":"Success","result":2}',
        "run 8: report: illegal at 1: Pending -> Success is not allowed; from Pending: Running, Paused, Scheduled, "
        "Queued, Submitted, Cached, Mapped, Skipped, Failed, Cancelled",
        "run 8: report: merged: Success",
        "3 histories, 2 illegal or in conflict",
    ] == capsys.readouterr().out.splitlines()


def test_the_command_exits_with_0_where_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Legal histories are told, nothing is said on standard error."""
    assert 0 == main(["history", log(tmp_path, *LEGAL)])
    assert ("run 7: half[2]: ok: Success\n1 history, none illegal or in conflict\n", "") == capsys.readouterr()


def test_the_command_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json each line is an object: the place, the first illegal step, the conflicts, and what is merged."""
    assert 1 == main(["history", "--json", log(tmp_path, *LEGAL, *WRONG[:4])])
    ends = {"attempt": 1, "states": [{"type": "Success", "result": 1}, {"type": "Success", "result": 2}]}
    reason = "Success -> Success is not allowed; from Success: nothing (final)"
    assert [
        {
            "run": "7",
            "task": "half",
            "index": 2,
            "ok": True,
            "steps": 3,
            "illegal": None,
            "conflicts": [],
            "merged": {"attempt": 1, "states": [{"type": "Success", "result": 3}]},
        },
        {
            "run": "8",
            "task": "load",
            "index": None,
            "ok": False,
            "steps": 4,
            "illegal": {"index": 3, "source": "Success", "target": "Success", "reason": reason},
            "conflicts": [ends],
            "merged": ends,
        },
    ] == [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``-``, or no file at all, is standard input."""
    for arguments in (["history"], ["history", "-"]):
        lines = io.BytesIO(b"".join(encode_event(event) + b"\n" for event in LEGAL))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(lines))
        assert 0 == main(arguments)
        assert "run 7: half[2]: ok: Success" == capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"type":"Success"}', "run: field required"),
        (encode_event(LEGAL[0]).replace(b'"Pending"', b'"Pending","type":"Running"'), "is there twice"),
        (encode_event(LEGAL[0]).replace(b"Pending", b"Nonesuch"), "unknown tag"),
        (encode_event(LEGAL[0]).replace(b'"attempt":1', b'"attempt":0'), "attempt"),
    ],
    ids=["no JSON", "a state", "a key twice", "an unknown tag", "no attempt"],
)
def test_a_line_that_is_no_event_is_told_by_its_number(
    line: bytes, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad line is blamed on standard error and counted, the others are told, and the exit code is 1."""
    path = tmp_path / "log"
    path.write_bytes(b"\n".join([encode_event(LEGAL[0]), b"", line, *map(encode_event, LEGAL[1:])]))

    assert 1 == main(["history", str(path)])
    output, errors = capsys.readouterr()
    assert "run 7: half[2]: ok: Success" == output.splitlines()[0]
    assert (True, True) == (errors.startswith(f"{path}:3: "), reason in errors.splitlines()[0])
    assert "1 of 4 lines are not events" == errors.splitlines()[-1]


@pytest.mark.parametrize("text", [b"", b"\n \n"], ids=["nothing", "empty lines"])
def test_a_log_without_lines_is_a_mistake(text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to tell is more likely the wrong file: 2, as for `statesig check`."""
    path = tmp_path / "log"
    path.write_bytes(text)

    assert 2 == main(["history", str(path)])
    assert "is empty; it should hold events, one per line" in capsys.readouterr().err


def test_a_log_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is a usage error."""
    assert 2 == main(["history", "no/such/log"])
    assert "no/such/log cannot be read" in capsys.readouterr().err


def test_states_of_a_program_are_imported_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --import a user's own states are known."""
    path = tmp_path / "log"
    path.write_bytes(encode_event(LEGAL[0]).replace(b'"Pending"', b'"Throttled"'))

    assert 0 == main(["history", "--import", "tests.samples.kinds", str(path)])
    assert "run 7: half[2]: ok: Throttled" == capsys.readouterr().out.splitlines()[0]


def test_names_do_not_steer_a_terminal() -> None:
    """What is not printable in a name is spelled out."""
    code, output, _ = told(events_of([Pending()], run="\x1b[31m", task="a\nb"))
    assert (0, r"run \x1b[31m: a\nb: ok: Pending") == (code, output.splitlines()[0])


def test_a_run_of_a_program_is_told_as_ok(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What `run --json` prints has no fault: retries, mapped tasks, failures and all."""
    main(["run", "--json", "tests.samples.outcomes:mixed"])
    path = tmp_path / "log"
    path.write_text(capsys.readouterr().out)

    assert 0 == main(["history", "--import", "tests.samples.kinds", str(path)])
