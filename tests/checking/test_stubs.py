"""No stub says less than the module it stands before: every checker reads every name alike, with it and without.

The program is the package ``stubbed/shop``, with all that a module may hold. It is checked with its stubs, and under
another name as it is written, by `reveal_type` of each name that it has and of each member of its classes.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests import ROOT

pytestmark = pytest.mark.exhaustive

SHOP = ROOT / "tests/samples/stubbed/shop"
CHECKERS = ["mypy", "pyright"]
SIGNALS = {"COUNT", "DAMAGED", "HOLD", "LARGE", "PACK", "PRICE", "_KEEP"}

Told = dict[str, dict[str, str]]
"""What a checker says of each expression, by the program, and of the stubs, by the place."""


def run(folder: Path, *arguments: str | Path, path: Path = ROOT) -> str:
    """Run Python with arguments in a folder, with the statesig of a path, and return what it printed."""
    environ = {**os.environ, "PYTHONPATH": str(path), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program and the stubs that the command writes, and with ``bare``, the same without these."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("shop", "bare"):
        shutil.copytree(SHOP, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    lines = "\n".join(asked(folder))
    (folder / "ask_shop.py").write_text(lines)
    (folder / "ask_bare.py").write_text(re.sub(r"\bshop\b", "bare", lines))
    config = {"typeCheckingMode": "strict", "include": ["ask_shop.py", "ask_bare.py", "shop/**/*.pyi"]}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    assert "shop/__init__.pyi\nshop/signals.pyi\n" == run(folder, "-m", "statesig", "stubs", "shop", "--output", ".")
    return folder


def asked(folder: Path) -> Iterator[str]:
    """Yield the lines of a program that asks for the type of each name of the package and of each member.

    What a module has from elsewhere is not its to offer.
    """
    tree = ast.parse((folder / "shop/signals.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    foreign = {alias.name for node in imports if not getattr(node, "level", 0) for alias in node.names}
    renamed = {alias.asname for node in imports for alias in node.names if alias.asname} | {"_Signal"}
    listing = "import shop.signals; print(*vars(shop), *('signals.' + name for name in vars(shop.signals)))"
    yield "import shop, shop.signals"
    for name in sorted(run(folder, "-c", listing).split()):
        last = name.rpartition(".")[2]
        if not is_machinery(last) and last not in foreign | renamed | {"collections", "os"}:
            yield f"reveal_type(shop.{name})"
    yield from asked_of_members(tree, "shop.signals")


def asked_of_members(scope: ast.Module | ast.ClassDef, path: str) -> Iterator[str]:
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and "TypedDict" not in ast.unparse(node).partition("\n")[0]:
            here = f"{path}.{node.name}"
            names = sorted({name for part in node.body for name in members(part) if not is_machinery(name)})
            yield from (f"def f_{name}(x: {here}) -> None: reveal_type(x.{name})" for name in names)
            yield from asked_of_members(node, here)


def is_machinery(name: str) -> bool:
    return re.fullmatch("__.+__", name) is not None


def members(statement: ast.stmt) -> set[str]:
    """Return what a statement in a class makes of members, by way of ``self`` too."""
    if isinstance(statement, ast.ClassDef):
        return {statement.name}
    parts = [part for part in ast.walk(statement) if isinstance(getattr(part, "ctx", None), ast.Store)]
    own = {part.attr for part in parts if isinstance(part, ast.Attribute)}
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return own | {statement.name}
    return own | {part.id for part in parts if isinstance(part, ast.Name)}


@pytest.fixture(scope="session")
def mypy_told(programs: Path) -> Told:
    """What mypy says."""
    return ask_mypy(programs)


@pytest.fixture(scope="session")
def pyright_told(programs: Path) -> Told:
    """What pyright says."""
    return ask_pyright(programs)


@pytest.fixture
def told(checker: str, request: pytest.FixtureRequest) -> Told:
    """What the checker of a test says."""
    said: Told = request.getfixturevalue(f"{checker}_told")
    return said


def ask_mypy(folder: Path) -> Told:
    options = ["--strict", "--config-file=", "--output=json", "--cache-dir=.cache", "--no-incremental"]
    said = run(folder, "-m", "mypy", *options, "ask_shop.py", "ask_bare.py").splitlines()
    found = [(Path(it["file"]), it["line"], it["severity"] == "note", it["message"]) for it in map(json.loads, said)]
    return sorted_out(folder, found)


def ask_pyright(folder: Path) -> Told:
    said = json.loads(run(folder, "-m", "pyright", "--outputjson"))
    found = [
        (Path(it["file"]), it["range"]["start"]["line"] + 1, it["severity"] == "information", it["message"])
        for it in said["generalDiagnostics"]
    ]
    return sorted_out(folder, found)


def sorted_out(folder: Path, problems: Iterable[tuple[Path, int, bool, str]]) -> Told:
    """Return what was told of the two programs and of the stubs, as if both programs had one name."""
    told: Told = {"shop": {}, "bare": {}, "stubs": {}}
    lines = (folder / "ask_shop.py").read_text().splitlines()
    for path, line, is_revealed, message in problems:
        if path.suffix == ".pyi":
            told["stubs"][f"{path.name}:{line}"] = message
        elif is_revealed and path.stem.startswith("ask_"):
            told[path.stem.removeprefix("ask_")][lines[line - 1]] = re.sub(r"\bbare\b", "shop", message)
    return told


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_reads_every_name_alike(told: Told) -> None:
    """Every name and every member has the type with the stub that it has without, but for a signal's constructor."""
    stubbed, bare = told["shop"], told["bare"]
    differing = {key for key, text in bare.items() if text.replace('(".', '("shop.') != stubbed.get(key)}
    assert 140 < len(bare)
    assert [] == sorted(key for key in differing if not SIGNALS.intersection(re.findall(r"\w+", key)[-1:]))


def test_the_constructors_of_signals_are_what_a_stub_adds(mypy_told: Told) -> None:
    """Without the stub a signal takes anything, with it the fields of its state."""
    signal = "reveal_type(shop.signals.COUNT)"
    assert "**fields: object" in mypy_told["bare"][signal]
    assert "result: int | None" in mypy_told["shop"][signal]


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_stub_is_clean(told: Told) -> None:
    """Neither checker has anything to say of the stubs at its strictest."""
    assert {} == told["stubs"]


def test_stubtest_finds_nothing_in_the_program_and_in_the_whole_package(programs: Path, tmp_path: Path) -> None:
    """`mypy.stubtest` finds nothing but what the two lists give a reason for, and each of their lines is needed."""
    ignored = shutil.ignore_patterns("*.pyc.*")  # what another process is writing
    shutil.copytree(ROOT / "statesig", tmp_path / "statesig", ignore=ignored)
    shutil.copytree(programs / "shop", tmp_path / "shop", ignore=ignored)
    options: list[str | Path] = ["--ignore-disjoint-bases", "--allowlist", Path(__file__).with_name("allowlist.txt")]
    options += ["--allowlist", ROOT / "tests/samples/stubbed/allowlist.txt"]
    said = run(tmp_path, "-m", "mypy.stubtest", "statesig", "shop.signals", *options, path=tmp_path)
    assert said.startswith("Success: no issues found"), said


def test_stubtest_finds_nothing_in_other_programs(tmp_path: Path) -> None:
    """It finds nothing in three more programs, but that no checker knows the metaclass of states."""
    for name in ("warehouse", "chain", "kinds.py"):
        source = ROOT / "tests/typing" / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path)
    modules = ["warehouse.signals", "chain.signals", "kinds"]
    run(tmp_path, "-m", "statesig", "stubs", *modules, "--output", ".")
    (tmp_path / "allowed").write_text(r"warehouse\.signals\.Events\.CLEAR\.__state_type__")
    said = run(tmp_path, "-m", "mypy.stubtest", *modules, "--allowlist", "allowed", path=ROOT)
    assert said.startswith("Success: no issues found"), said
