"""`statesig diagram MODULE[:FLOW]`: a flow as a diagram, with the states of a stored run."""

from pathlib import Path

import pytest

from statesig import Flow, state_of, task
from statesig.cli.diagrams import _dot, _mermaid
from tests.harness.commands import in_this_process
from tests.samples.outcomes import mixed


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
