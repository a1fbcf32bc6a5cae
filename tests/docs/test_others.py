"""The page beside other packages: their programs print what it says, and checkers find what its table says.

Only packages that are installed are tried. Prefect and Airflow cannot be installed together, so the whole page takes
two environments.
"""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.test_blocks import DOCUMENTS, REPRODUCIBLY
from tests.tools import others
from tests.tools.blocks import blocks, masked

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

MARKS = [
    (name, mark)
    for name, text in DOCUMENTS.items()
    for mark in sorted({block.mark for block in blocks(text) if block.package})
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each document that has code of other packages, with what all of it prints that can be run here."""
    return {name: _printed(name, tmp_path_factory.mktemp("others")) for name in dict(MARKS)}


@pytest.mark.parametrize(("name", "mark"), MARKS, ids=lambda part: part.replace("/", "."))
def test_code_of_another_package_prints_what_the_document_says(name: str, mark: str, shown: dict[str, str]) -> None:
    """A program of another package is run where that is installed, in the release that the document names."""
    _, package, release = mark.split()
    try:
        found = version(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    if not f"{found}.".startswith(f"{release}."):
        pytest.skip(f"{package} {found} is installed, not {release}")
    assert masked(_of(DOCUMENTS[name], mark)) == masked(_of(shown[name], mark))


def _printed(name: str, folder: Path) -> str:
    command = [sys.executable, "-m", "tests.tools.blocks", ROOT / name, folder, "--others"]
    patiently = {**REPRODUCIBLY, "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    return subprocess.run(command, env=patiently, cwd=folder, capture_output=True, check=True, text=True).stdout


def _of(text: str, mark: str) -> str:
    return "\n".join(block.body for block in blocks(text) if block.mark == mark)


def test_checkers_find_what_the_table_says() -> None:
    """Each column of a package that is installed is what mypy and pyright, both strict, report of planted mistakes."""
    told = others.told()
    assert {name: told[name] for name in others.PACKAGES} == others.found()
