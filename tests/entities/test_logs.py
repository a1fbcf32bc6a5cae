"""`statesig history --root MODULE:CLASS`: the histories of a machine in a log or in a store, one line for each."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from statesig import Entities, encode, open_store
from tests.harness.commands import in_this_process
from tests.harness.records import an_entity
from tests.samples.tickets import ASK, BLOCK, CLOSE, FILE, Asked, Closed, Open, Ticket

ROOT = ["history", "--root", "tests.samples.tickets:Ticket"]
OPEN, ASKED, CLOSED = (encode(state(title="t")) for state in (Open, Asked, Closed))


def change(key: str, state: bytes, **place: Any) -> bytes:
    """Return a line of a log of several entities."""
    return json.dumps({"key": key, **place, "state": json.loads(state)}).encode()


def told(
    lines: list[bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str], *options: str
) -> tuple[int, list[str], list[str]]:
    """Return the exit code of the command for a log, and the lines of what it printed."""
    log = tmp_path / "log.ndjson"
    log.write_bytes(b"\n".join(lines))
    code, output, errors = in_this_process([*ROOT, str(log), *options], capfd)
    return code, output.splitlines(), [line.replace(f"{log}", "log") for line in errors.splitlines()]


# ---- logs


def test_a_log_of_one_entity(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its lines are states, in their order."""
    lines = [OPEN, b"", ASKED, CLOSED]
    expected = ["ok: Closed, version 3", "1 history, none illegal"]
    assert (0, expected, []) == told(lines, tmp_path, capfd)


def test_a_log_of_several(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Lines with a key are of that entity, whatever stands between them."""
    lines = [change("a", OPEN), change("b\n", OPEN), change("a", ASKED, version=2), change("b\n", CLOSED)]
    expected = ["a: ok: Asked, version 2", "b\\n: ok: Closed, version 2", "2 histories, none illegal"]
    assert (0, expected, []) == told(lines, tmp_path, capfd)


NOON, BEFORE = "2026-03-01T12:00:00Z", "2026-03-01T11:00:00Z"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([ASKED], "illegal at version 1: a history begins Open, not Asked"),
        (
            [OPEN, CLOSED, OPEN, ASKED],
            "illegal at version 3: Closed -> Open is not allowed; from Closed: nothing (final)",
        ),
        (
            [OPEN, encode(Asked(title="t", by="")), CLOSED],
            "illegal at version 3: Asked -> Closed is refused: nobody is named",
        ),
        (
            [change("a", OPEN, version=1), change("a", ASKED, version=3)],
            "a: illegal at version 2: its line says version 3",
        ),
        (
            [change("a", OPEN, time=NOON), change("a", ASKED, time=BEFORE)],
            "a: illegal at version 2: Asked at 2026-03-01T11:00:00+00:00 is before Open at 2026-03-01T12:00:00+00:00",
        ),
    ],
)
def test_the_first_illegal_step_is_told(
    lines: list[bytes], sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A state that may not follow, a guard that refuses, a version left out, a time that goes back: the code is 1."""
    assert (1, [sentence, "1 history, 1 illegal"], []) == told(lines, tmp_path, capfd)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no JSON", "log:2: not a Ticket: not JSON"),
        (b'{"type":"Success"}', "log:2: not a Ticket: a Success is not one; possible: Open, "),
        (
            b'{"key":"a","state":{"type":"Success"}}',
            "log:2: not a change: state: a Success is not one; possible: Open, ",
        ),
        (b'{"key":"a"}', "log:2: not a change: state: field required"),
        (
            b'{"key":"a","key":"b","state":' + OPEN + b"}",
            "log:2: not a change: the key key is there twice in one object",
        ),
        (change("a", OPEN, more=1), "log:2: not a change: more: no such field"),
    ],
)
def test_a_line_that_is_no_state_is_told(
    line: bytes, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With its number; the others are read, and the code is 1."""
    code, output, errors = told([OPEN, line, ASKED], tmp_path, capfd)
    assert (1, ["ok: Asked, version 2", "1 history, none illegal"], 1) == (code, output, len(errors))
    assert errors[0].startswith(reason)


def test_an_empty_log_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is likely to be the wrong file."""
    said = "statesig: log is empty; it should hold states of Ticket, one per line"
    assert (2, [], [said]) == told([b""], tmp_path, capfd)


def test_a_history_as_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One object for each, with the last state."""
    code, output, _ = told([change("a", OPEN), change("b", ASKED)], tmp_path, capfd, "--json")
    illegal = {"version": 1, "reason": "a history begins Open, not Asked"}
    assert 1 == code
    assert [
        {"key": "a", "ok": True, "version": 1, "illegal": None, "state": {"type": "Open", "title": "t"}},
        {"key": "b", "ok": False, "version": 1, "illegal": illegal, "state": {"type": "Asked", "title": "t"}},
    ] == [json.loads(line) for line in output]


# ---- stores


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A store with two tickets, and an entity of another machine."""
    place = str(tmp_path / "tickets.db")
    tickets = Entities(place, Ticket)
    with tickets.store:
        for key in ("t-1", "t-2"):
            tickets.append(key, FILE(title="t"), expected=0)
        tickets.advance("t-1", ASK)
        tickets.advance("t-1", CLOSE)
        tickets.advance("t-2", BLOCK)
        tickets.store.change_entity(an_entity("o-1"))
    return place


def test_the_histories_of_a_store(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    """All of the machine, or one."""
    lines = "t-1: ok: Closed, version 3\nt-2: ok: Blocked, version 2\n2 histories, none illegal\n"
    assert (0, lines, "") == in_this_process([*ROOT, "--store", place], capfd)
    one = "t-2: ok: Blocked, version 2\n1 history, none illegal\n"
    assert (0, one, "") == in_this_process([*ROOT, "--store", place, "t-2"], capfd)


def test_a_stored_history_may_have_become_illegal(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The machine as it is now judges: a way that was taken out since then is told."""
    with open_store(place) as store:
        found = store.entity("t-2")
        assert found is not None
        store.change_entity(replace(found, version=3, state=OPEN))
    code, output, _ = in_this_process([*ROOT, "--store", place, "t-2"], capfd)
    assert (1, "t-2: illegal at version 3: Blocked -> Open is not allowed; from Blocked: Closed") == (
        code,
        output.splitlines()[0],
    )


@pytest.mark.parametrize("table", ["entities", "changes"])
def test_a_damaged_history_hides_no_other(table: str, place: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is named on standard error, and the code is 1."""
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute(f"UPDATE statesig_{table} SET time = 0 WHERE key = 't-1'")
    code, output, errors = in_this_process([*ROOT, "--store", place], capfd)
    assert (1, "t-2: ok: Blocked, version 2\n1 history, none illegal\n", 1) == (code, output, len(errors.splitlines()))
    assert "entity 't-1'" in errors


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ([*ROOT, "--store", "PLACE", "t-9"], 2, "there is no entity 't-9'"),
        ([*ROOT, "--store", "PLACE", "o-1"], 1, "entity 'o-1' is of machine Order, not of Ticket"),
        ([*ROOT, "--store", "nowhere.db"], 2, "there is no store nowhere.db"),
        (["history", "--store", "PLACE"], 2, "--store holds entities, whose machine --root MODULE:CLASS names"),
        (["history", "--root", "Ticket"], 2, "'Ticket' is no machine; name the root of one, as in shop:Order"),
        (["history", "--root", "statesig:Success"], 2, "'statesig:Success' is no machine"),
        (["history", "--root", "nowhere:Order"], 2, "there is no module 'nowhere'"),
        ([*ROOT, "nowhere.ndjson"], 2, "nowhere.ndjson cannot be read"),
    ],
)
def test_what_cannot_be_told_is_said(
    arguments: list[str], code: int, reason: str, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed but the reason."""
    found, output, errors = in_this_process([place if one == "PLACE" else one for one in arguments], capfd)
    assert (code, "", True) == (found, output, reason in errors)
