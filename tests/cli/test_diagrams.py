"""`statesig diagram MODULE[:NAME]`: a flow as a diagram, with the states of a stored run; or a machine."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from statesig import Event, Flow, Running, Skipped, State, Success, diagram, encode_event, schema, state_of, task
from statesig.cli.diagrams import _dot, _mermaid
from tests.harness.commands import in_this_process
from tests.samples.outcomes import mixed
from tests.samples.tickets import Closed, Held, Open, Ticket


def drawn() -> Flow:
    @task
    def read() -> list[int]:
        return [1]

    @task(name='say "end"')
    def say(value: object) -> None: ...

    with Flow("f") as flow:
        rows = read()
        loaded = flow.map(task(lambda n: n, name="load"), rows)
        told = say(state_of(loaded))
        flow.after(task(lambda: 1, name="clean")(), told)
    return flow


def test_a_flow_as_mermaid() -> None:
    """A value has a solid arrow, a state or the order a dotted one; a mapped task has double sides."""
    assert [
        "flowchart TD",
        '    n0["read"]',
        '    n1[["load"]]',
        '    n2["say #34;end#34;"]',
        '    n3["clean"]',
        "    n0 --> n1",
        "    n1 -. state .-> n2",
        "    n2 -.-> n3",
    ] == list(_mermaid(drawn(), {}))


def test_a_flow_as_dot() -> None:
    """The same for Graphviz, with names escaped by its rules."""
    assert [
        "digraph flow {",
        '    node [shape=box, style="rounded,filled", fillcolor=white];',
        '    n0 [label="read"];',
        '    n1 [label="load", peripheries=2];',
        '    n2 [label="say \\"end\\""];',
        '    n3 [label="clean"];',
        "    n0 -> n1;",
        '    n1 -> n2 [style=dashed, label="state"];',
        "    n2 -> n3 [style=dashed];",
        "}",
    ] == list(_dot(drawn(), {}))


@pytest.mark.parametrize("format", ["mermaid", "dot"])
def test_a_flow_with_the_states_of_a_run(format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each task has its state in the run, in the colour of that state; options may stand anywhere."""
    store = str(tmp_path / "runs.db")
    run = mixed.run(store=store)
    arguments = ["diagram", "tests.samples.outcomes:mixed", "--format", format, "--store", store, run.id[:8]]
    code, output, errors = in_this_process(arguments, capfd)
    expected = {
        "mermaid": ['n0[["half<br/>MapFailed"]]:::red', "classDef red fill:#ffe3e3"],
        "dot": ['n0 [label="half\\nMapFailed", peripheries=2, fillcolor="#ffe3e3"];'],
    }[format]
    assert (0, "", []) == (code, errors, [line for line in expected if line not in output])


def test_a_run_of_another_flow(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A flow that has other tasks than the run is not drawn with its states."""
    store = str(tmp_path / "runs.db")
    run = mixed.run(store=store)
    code, output, errors = in_this_process(["diagram", "tests.samples.outcomes:pause", run.id, "--store", store], capfd)
    expected = f"statesig: run {run.id} of flow 'mixed' has other tasks than flow 'pause' has now\n"
    assert (2, "", expected) == (code, output, errors)


# ---- machines


TICKET = "tests.samples.tickets:Ticket"


@pytest.mark.parametrize("format", ["mermaid", "dot"])
def test_a_machine(format: Literal["mermaid", "dot"], capfd: pytest.CaptureFixture[str]) -> None:
    """A class of states in the place of a flow: the table of its machine, as `diagram(kind=)` draws it."""
    code, output, errors = in_this_process(["diagram", TICKET, "--format", format], capfd)
    assert (0, diagram(format, kind=Ticket), "") == (code, output, errors)


def test_a_group_and_a_guard_of_a_machine() -> None:
    """From a group an arrow leads out of each of its states; a guard is told."""
    arrows = [line.strip() for line in diagram(kind=Ticket).splitlines() if "CLOSE" in line]
    assert [f"{source} --> Closed: CLOSE [guarded]" for source in ("Open", "Asked", "Blocked")] == arrows


def test_a_machine_has_no_stored_run(capfd: pytest.CaptureFixture[str]) -> None:
    """A run is one of a flow."""
    expected = f"statesig: a stored run is one of a flow; {TICKET} is a class of states\n"
    assert (2, "", expected) == in_this_process(["diagram", TICKET, "4f2a"], capfd)


def test_what_is_above_all_machines_is_no_machine(capfd: pytest.CaptureFixture[str]) -> None:
    """`Machine` itself, which a module has because it imports it, names no table."""
    remedy = "it has none; a class of a machine is MODULE:CLASS, such as shop:Order"
    expected = f"statesig: tests.samples.tickets has no flow 'Machine'; {remedy}\n"
    assert (2, "", expected) == in_this_process(["diagram", "tests.samples.tickets:Machine"], capfd)


def test_the_schema_of_a_machine(capfd: pytest.CaptureFixture[str]) -> None:
    """A class of states named with its module, without an import by option; a group is its states."""
    code, output, errors = in_this_process(["schema", "tests.samples.tickets:Held"], capfd)
    assert (0, schema(Held), "") == (code, json.loads(output), errors)


def test_documents_are_checked_as_states_of_a_machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One of another machine, or of a run, is not valid."""
    file = tmp_path / "tickets.jsonl"
    file.write_text('{"type":"Open","title":"tea"}\n{"type":"Failed"}\n')
    refused = f"{file}:2: not a Ticket: a Failed is not one; possible: Open, Asked, Blocked, Closed\n1 of 2 not valid\n"
    assert (1, "", refused) == in_this_process(["check", "--as", TICKET, str(file)], capfd)


@pytest.mark.parametrize("alias", ["AnyTicket", "OneTicket"])
def test_a_union_of_states_is_named_as_a_class_is(
    alias: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its alias too, by ``type``: `diagram` draws its machine, `schema` and `check` take its states alone."""
    target = f"tests.samples.tickets:{alias}"
    assert (0, diagram(kind=Ticket), "") == in_this_process(["diagram", target], capfd)
    code, output, errors = in_this_process(["schema", target], capfd)
    assert (0, schema(Open | Closed), "") == (code, json.loads(output), errors)
    file = tmp_path / "tickets.jsonl"
    file.write_text('{"type":"Open","title":"tea"}\n{"type":"Asked","title":"tea"}\n')
    refused = f"{file}:2: not an Open | Closed: a Asked is not one; possible: Open, Closed\n1 of 2 not valid\n"
    assert (1, "", refused) == in_this_process(["check", "--as", target, str(file)], capfd)


def test_an_event_of_a_union(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its state is of the union, whatever parameters a member has there."""
    now = datetime.now(UTC)
    states: list[State[Any]] = [Success(result=3), Skipped(), Running()]
    events = [encode_event(Event(run="r", task="a", index=None, attempt=1, time=now, state=each)) for each in states]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(events))
    told = f"{file}:3: state: a Running, not a Success[int] | Failed\n1 of 3 not valid\n"
    assert (1, "", told) == in_this_process(["check", "--as", "tests.samples.tickets:Ended", str(file)], capfd)


def test_a_union_of_two_machines_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    """It is told of which it has states."""
    expected = "statesig: tests.samples.tickets:Mixed is no union: states of one machine are asked for, not of "
    code, _, errors = in_this_process(["diagram", "tests.samples.tickets:Mixed"], capfd)
    assert (2, f"{expected}Ticket and State\n") == (code, errors)
