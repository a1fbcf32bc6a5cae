"""The examples are clean in the type checkers, strict, as a reader's copy of them is."""

import shutil
from pathlib import Path

import pytest

from tests import ROOT
from tests.harness.checkers import SETUPS, bare


@pytest.mark.exhaustive
@pytest.mark.parametrize("checker", ["pyrefly", "ty"])  # mypy and pyright read them with the package itself
def test_a_checker_accepts_the_examples(checker: str, tmp_path: Path) -> None:
    """Nothing is reported of any."""
    code = shutil.copytree(ROOT / "statesig/examples", tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    assert {} == SETUPS[checker].check(bare(tmp_path), code, tmp_path / "kept")
