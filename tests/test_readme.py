"""The README says what is so: its examples run, its output is theirs, its generated parts are current."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.forks import run_module
from tests.tools.documents import README, current, examples

pytestmark = pytest.mark.slow

TEXT = README.read_text()
REPRODUCIBLY = {**os.environ, "CI": "true"}  # for Hypothesis: no deadline, the same draws each time, nothing kept
FEW = """
from hypothesis import settings
settings.register_profile("few", settings.get_profile("ci"), max_examples=10)
settings.load_profile("few")
"""
"""What goes before an example of Hypothesis, which draws 100 states for each law."""
LAWS = "except LawBroken"
"""What stands in the example that checks laws, which takes as long as all others together."""
EXAMPLES = [
    pytest.param(code, output, marks=[pytest.mark.exhaustive] * (LAWS in code)) for code, output in examples(TEXT)
]
SUITES = [code for code in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL) if "def test_fetch" in code]


@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=lambda part: part.strip().splitlines()[-1][:40])
def test_example_prints_what_the_readme_says(code: str, output: str, tmp_path: Path) -> None:
    """Each example, run on its own, prints the text below it, and warns of nothing."""
    few = FEW if "import given" in code else ""
    (tmp_path / "example.py").write_text(f"import warnings\nwarnings.simplefilter('error')\n{few}{code}")
    done = run_module("example", given=b"", cwd=tmp_path, environment=REPRODUCIBLY)

    assert (done.stdout.decode(), done.stderr.decode()) == (output, "")


def test_there_are_examples() -> None:
    """The README has its fourteen examples with their output, and one of tests."""
    assert (len(examples(TEXT)), len(SUITES)) == (14, 1)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.strip().splitlines()[-1][:40])
def test_an_example_of_tests_passes(suite: str, tmp_path: Path) -> None:
    """Its tests pass under pytest, and the one signal that is swallowed is warned of."""
    (tmp_path / "test_suite.py").write_text(suite)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--assert=plain"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed, 1 warning" in done.stdout


def test_generated_parts_are_current() -> None:
    """Tables and diagram are what the code says; `python -m tests.tools.documents` writes them anew."""
    assert current(TEXT) == TEXT
