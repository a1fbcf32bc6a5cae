"""The site is built from a fresh checkout, without network, and is whole."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]

NO_NETWORK = "http://127.0.0.1:9"
"""A proxy that is not there: whoever asks for something elsewhere fails."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with nothing from elsewhere."""
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "http_proxy": NO_NETWORK, "https_proxy": NO_NETWORK}
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", ROOT / "docs" / "mkdocs.yml", "-d", folder]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stdout + done.stderr)
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No page has a script, a style, a font or a picture of another site."""
    loaded = r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=["']?(?:https?:)?//[^>]*>|@import|@font-face"""
    files = [*site.rglob("*.html"), *site.rglob("*.svg")]
    assert [] == [(file.name, found) for file in files for found in re.findall(loaded, file.read_text())]


def test_every_name_can_be_linked_to(site: Path) -> None:
    """Each name that the reference describes has its anchor, with its docstring below it."""
    from tests.tools.documents import described

    pages = {name: (site / "reference" / page).with_suffix(".html").read_text() for name, page in described().items()}
    assert [] == [name for name, text in pages.items() if f'id="{name}"' not in text]
