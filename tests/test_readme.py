"""The README says what is so: its examples run, its output is theirs, its generated parts are current."""

import subprocess
import sys

import pytest

from tests.documents import README, current, examples

TEXT = README.read_text()


@pytest.mark.parametrize(("code", "output"), examples(TEXT), ids=lambda part: part.strip().splitlines()[-1][:40])
def test_example_prints_what_the_readme_says(code: str, output: str) -> None:
    """Each example, run on its own, prints the text below it."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == (output, "")


def test_there_are_examples() -> None:
    """The README has its six examples with their output."""
    assert len(examples(TEXT)) == 6


def test_generated_parts_are_current() -> None:
    """The table of states and the diagram are what the code says; `python -m tests.documents` writes them anew."""
    assert current(TEXT) == TEXT
