"""The code in README and docs: it prints what stands below it, and type checkers say what stands there."""

import os
import re
from pathlib import Path

import pytest

from tests import ROOT
from tests.harness.checkers import PLUGIN, SETUPS, Environment, Flagged, installed
from tests.harness.forks import run_module
from tests.tools.blocks import Block, blocks, masked
from tests.tools.documents import README, pages

pytestmark = pytest.mark.slow

DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (README, *pages())}
CODE = {name: text for name, text in DOCUMENTS.items() if re.search(r"(?m)^```(python|console)", text)}
SLOW = {name: text for name, text in CODE.items() if "<!-- slow -->" in text}
REPRODUCIBLY = {  # for Hypothesis: no deadline, the same draws each time, nothing kept
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "STATESIG_STORE")},
    "CI": "true",
    "PYTHONPATH": str(ROOT),
}


def printed(name: str, folder: Path, *options: str) -> str:
    """Return a document with what its code prints now, run in a folder."""
    module = "tests.tools.blocks"
    done = run_module(module, str(ROOT / name), str(folder), *options, given=b"", cwd=folder, environment=REPRODUCIBLY)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout.decode()


@pytest.mark.parametrize("name", CODE)
def test_code_prints_what_the_document_says(name: str, tmp_path: Path) -> None:
    """Each program and each command, in the order of the document, prints the text that it shows."""
    assert masked(CODE[name]) == masked(printed(name, tmp_path))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SLOW)
def test_slow_code_prints_what_the_document_says(name: str, tmp_path: Path) -> None:
    """So do those that start processes or draw many examples."""
    assert masked(SLOW[name]) == masked(printed(name, tmp_path, "--all"))


def test_no_code_fails_without_saying_so() -> None:
    """No page shows a traceback."""
    assert [] == [name for name, text in DOCUMENTS.items() if "Traceback (most recent" in text]


# ---- type checkers


def checked() -> dict[str, tuple[str, Block]]:
    """Return the Python in all documents, by the name of the file that a checker reads, with its document."""
    found: dict[str, tuple[str, Block]] = {}
    for name, text in DOCUMENTS.items():
        place = re.sub(r"\W", "_", name.removesuffix(".md"))
        for at, block in enumerate(blocks(text)):
            if block.language == "python" and block.is_here:
                file = f"{place}/{block.title or f'example_{at}.py'}"
                found[f"{place}_{at}/{block.title}" if file in found else file] = name, block
    return found


def beside(block: Block, folder: Path) -> str:
    """Return the code of a block that imports the files beside it from there, as it does where they are run."""
    names = "|".join(path.stem for path in folder.glob("*.py"))
    return re.sub(rf"(?m)^from ({names}) import", r"from .\1 import", block.body) if names else block.body


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel, as a reader has it."""
    return installed(tmp_path_factory.mktemp("installed"))


def flagged(environment: Environment, folder: Path, setup: str) -> Flagged:
    """Return what a checker reports of all Python in the documents."""
    for file, (_, block) in checked().items():
        path = folder / "code" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(beside(block, path.parent))
    return SETUPS[setup].check(environment, folder / "code", folder / "kept")


def right(found: Flagged) -> dict[tuple[str, int], dict[str, str]]:
    """Return what is reported of code that is not marked wrong, by the document and the line there."""
    known = checked()
    places = [(place, known[place[0]], said) for place, said in found.items()]
    return {(name, block.line + at - 1): said for (_, at), (name, block), said in places if block.mark != "wrong"}


@pytest.mark.exhaustive
def test_mypy_accepts_the_code(environment: Environment, tmp_path: Path) -> None:
    """mypy --strict with the plugin has nothing to say of it, and of what is marked wrong exactly what is shown."""
    found = flagged(environment, tmp_path, PLUGIN)

    assert {} == right(found)
    for file, (_, block) in checked().items():
        if block.mark == "wrong":
            told = [
                f"{block.title}:{line}: error: {message.replace(f'{Path(file).parent}.', '')}  [{code}]"
                for (path, line), problems in sorted(found.items())
                for code, message in problems.items()
                if path == file
            ]
            assert (block.output or "").splitlines() == told


@pytest.mark.exhaustive
def test_pyright_accepts_the_code(environment: Environment, tmp_path: Path) -> None:
    """So has pyright, strict."""
    assert {} == right(flagged(environment, tmp_path, "pyright"))
