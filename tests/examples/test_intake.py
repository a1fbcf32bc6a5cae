"""The examples `statesig.examples.intake` and `statesig.examples.consumer`, run on real files."""

from decimal import Decimal
from pathlib import Path

import pytest

from statesig import Event, MapFailed, Mapped, RunFailed, Skipped, Success, encode_event
from statesig.examples import consumer
from statesig.examples.intake import Incomplete, Order, Unreadable, flow, loaded, summary

FILES = {
    "a.csv": "customer,amount,day\nAda,120.50,2026-11-20\nBob,80,2026-11-21\n",
    "b.csv": 'customer,amount,day\nCleo,lots,2026-11-20\n"Ada\nL.",9.50,2026-11-22\nDan,3,2026-11-22,more\n',
    "c.csv": "customer,amount,day\n",
    "d.csv": "who,what\nx,y\n",
    "e.csv": b"customer,amount,day\n\xff\xfe,1,2026-11-20\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with a file of each kind."""
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path


def written(event: Event) -> bytes:
    """Return an event as `statesig run --json` prints it."""
    return encode_event(event, result_type=flow.returns(event.task))


def test_each_file_has_the_state_that_it_deserves(folder: Path) -> None:
    """Good rows load, bad rows make a file Incomplete, no rows Skipped, and what is no file of orders Unreadable."""
    run = flow.run(folder=folder)
    good, some, empty, other, bytes_ = run.children(loaded)

    assert isinstance(run[loaded], MapFailed)
    assert good.type == "Success"
    assert len(good.unwrap()) == 2
    assert isinstance(some, Incomplete)
    assert some.rejected == (2, 5)
    assert ["Ada\nL."] == [order.customer for order in some.unwrap()]
    assert isinstance(empty, Skipped)
    assert empty.unwrap() == []
    assert isinstance(other, Unreadable)
    assert other.file == "d.csv"
    assert not other.retryable
    assert isinstance(bytes_, Unreadable)
    assert bytes_.causes[0].type == "UnicodeDecodeError"


def test_the_report_is_made_whatever_happened(folder: Path) -> None:
    """It counts good and bad rows, adds up each customer, and holds the states of the files set aside."""
    run = flow.run(folder=folder)
    report = run[summary].unwrap()

    assert (report.orders, report.rejected, report.empty, report.failed) == (3, 2, ("c.csv has no rows",), ())
    assert report.total == {"Ada": Decimal("120.50"), "Ada\nL.": Decimal("9.50"), "Bob": Decimal(80)}
    assert [state.file for state in report.unreadable] == ["d.csv", "e.csv"]
    with pytest.raises(RunFailed, match=r"d\.csv has not the columns"):
        run.raise_for_state()


def test_rejected_rows_are_kept_with_the_reason(folder: Path) -> None:
    """They stand beside the files, and a second run writes the same."""
    flow.run(folder=folder)
    first = (folder / "rejected" / "b.csv").read_bytes()
    flow.run(folder=folder)

    assert first == (folder / "rejected" / "b.csv").read_bytes()
    assert b"2,Cleo,lots,2026-11-20,amount: Input should be a valid decimal" in first.splitlines()
    assert ["b.csv"] == [path.name for path in (folder / "rejected").iterdir()]


def test_a_run_resumes_with_its_own_states(tmp_path: Path) -> None:
    """Orders, and the state that is a success with a field, come back from the store as they were."""
    (tmp_path / "b.csv").write_text(FILES["b.csv"] if isinstance(FILES["b.csv"], str) else "")
    run = flow.run(folder=tmp_path, store=tmp_path / "runs.db")
    again = flow.load(run.id, store=tmp_path / "runs.db")

    assert isinstance(again[loaded], Mapped)
    assert isinstance(again.state, Success)
    assert run.children(loaded) == again.children(loaded)
    assert isinstance(again.children(loaded)[0].unwrap()[0], Order)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """It is not taken for an empty one."""
    assert "FileNotFoundError" in str(flow.run(folder=tmp_path / "none").state.message)


def test_the_consumer_tells_what_a_person_should_know(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each task that failed, also for a line that is no event; the exit code is 1."""
    lines: list[bytes] = []
    run = flow.run(folder=folder, on_event=lambda event: lines.append(written(event)))
    log = folder / "log.ndjson"
    log.write_bytes(b"\n".join([*reversed(lines), b'{"type": "Success"}']))

    assert 1 == consumer.main([str(log), "--import", "statesig.examples.intake"])
    told = capsys.readouterr().out.splitlines()
    assert [f"{run.id[:8]} load[3]", f"{run.id[:8]} load[4]"] == sorted(
        line.partition(":")[0] for line in told if "Unreadable" in line and "load[" in line
    )
    assert any(line.startswith(f"line {len(lines) + 1}: not an event") for line in told)


def test_the_consumer_is_silent_of_what_went_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run without a failure, a retry or a pause needs no person."""
    lines: list[bytes] = []
    flow.run(folder=tmp_path, on_event=lambda event: lines.append(written(event)))
    (tmp_path / "log.ndjson").write_bytes(b"\n".join(lines))

    assert (0, "") == (consumer.main([str(tmp_path / "log.ndjson")]), capsys.readouterr().out)
