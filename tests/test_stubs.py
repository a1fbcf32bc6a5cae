"""No stub says less than the module it stands before: every checker reads every name alike, with it and without.

The program is the package ``stubbed/shop``, with all that a module may hold. It is checked as it is written and with
its stubs, by `reveal_type` of each name that it has and of each member of its classes.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

# One process runs the checkers, once for all of these.
pytestmark = pytest.mark.xdist_group("stubs")

ROOT = Path(__file__).parents[1]
SHOP = ROOT / "tests/stubbed/shop"
CHECKERS = ["mypy", "pyright"]
SIGNALS = {"COUNT", "DAMAGED", "HOLD", "LARGE", "PACK", "PRICE", "_KEEP"}

Told = dict[str, str]
"""What a checker says of each expression; of the stubs themselves under their own names."""


def run(folder: Path, *arguments: str | Path, path: Path = ROOT) -> str:
    """Run Python with arguments in a folder, with the statesig of a path, and return what it printed."""
    environ = {**os.environ, "PYTHONPATH": str(path), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The program as it is written, and the same with the stubs that the command writes."""
    written = tmp_path_factory.mktemp("programs") / "written"
    shutil.copytree(SHOP, written / "shop")
    (written / "names.py").write_text("\n".join(asked(written)))
    (written / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    stubbed = written.with_name("stubbed")
    shutil.copytree(written, stubbed)
    assert "shop/__init__.pyi\nshop/signals.pyi\n" == run(stubbed, "-m", "statesig", "stubs", "shop")
    return {"written": written, "stubbed": stubbed}


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
def told(programs: dict[str, Path]) -> dict[tuple[str, str], Told]:
    """What each checker says of both programs."""
    with ThreadPoolExecutor(2) as pool:
        running = {
            (checker, program): pool.submit(ask, folder)
            for program, folder in programs.items()
            for checker, ask in [("mypy", ask_mypy), ("pyright", ask_pyright), ("stubtest", ask_stubtest)]
        }
        return {key: future.result() for key, future in running.items()}


def ask_mypy(folder: Path) -> Told:
    options = ["--strict", "--config-file=", "--output=json", "--cache-dir=.cache", "--no-incremental"]
    found: Told = {}
    lines = (folder / "names.py").read_text().splitlines()
    for problem in map(json.loads, run(folder, "-m", "mypy", *options, "names.py").splitlines()):
        name = Path(problem["file"]).name
        if name == "names.py" and problem["severity"] == "note":
            found[lines[problem["line"] - 1]] = problem["message"]
        elif name != "names.py":
            found[f"{name}:{problem['line']}"] = problem["message"]
    return found


def ask_pyright(folder: Path) -> Told:
    found: Told = {}
    lines = (folder / "names.py").read_text().splitlines()
    for problem in json.loads(run(folder, "-m", "pyright", "--outputjson"))["generalDiagnostics"]:
        name, line = Path(problem["file"]).name, problem["range"]["start"]["line"]
        if name == "names.py" and problem["severity"] == "information":
            found[lines[line]] = problem["message"]
        elif name.endswith(".pyi"):
            found[f"{name}:{line + 1}"] = problem["message"]
    return found


def ask_stubtest(folder: Path) -> Told:
    lines = run(folder, "-m", "mypy.stubtest", "shop.signals", "--concise").splitlines()
    return {line.partition(" ")[0]: line for line in lines}


def about(told: Told, suffix: str) -> Told:
    """Return what is told of the names, or of the stubs themselves."""
    return {key: text for key, text in told.items() if (".pyi:" in key) == (suffix == ".pyi")}


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_reads_every_name_alike(checker: str, told: dict[tuple[str, str], Told]) -> None:
    """Every name and every member has the type with the stub that it has without, but for a signal's constructor."""
    written, stubbed = (about(told[checker, program], "") for program in ("written", "stubbed"))
    differing = {key for key, text in written.items() if text.replace('(".', '("shop.') != stubbed.get(key)}
    assert 120 < len(written)
    assert [] == sorted(key for key in differing if not SIGNALS.intersection(re.findall(r"\w+", key)[-1:]))


def test_the_constructors_of_signals_are_what_a_stub_adds(told: dict[tuple[str, str], Told]) -> None:
    """Without the stub a signal takes anything, with it the fields of its state."""
    signal = "reveal_type(shop.signals.COUNT)"
    assert "**fields: object" in told["mypy", "written"][signal]
    assert "result: int | None" in told["mypy", "stubbed"][signal]


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_stub_is_clean(checker: str, told: dict[tuple[str, str], Told]) -> None:
    """Neither checker has anything to say of the stubs at its strictest."""
    assert {} == about(told[checker, "stubbed"], ".pyi")


def test_stubtest_finds_no_more_in_the_stub_than_in_the_module(told: dict[tuple[str, str], Told]) -> None:
    """What `mypy.stubtest` says of the stub it says of the module's own annotations too."""
    assert [] == sorted({*told["stubtest", "stubbed"].values()} - {*told["stubtest", "written"].values()})


# ---- the package's own


def test_stubtest_finds_nothing_in_the_whole_package(tmp_path: Path) -> None:
    """`mypy.stubtest` finds nothing but what the list gives a reason for, and each of its lines is needed."""
    package = tmp_path / "statesig"
    shutil.copytree(ROOT / "statesig", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "stubs/statesig", package, dirs_exist_ok=True)  # as the wheel has them
    options: list[str | Path] = ["--allowlist", ROOT / "stubs/allowlist.txt", "--ignore-disjoint-bases"]
    said = run(tmp_path, "-m", "mypy.stubtest", "statesig", *options, path=tmp_path)
    assert said.startswith("Success: no issues found"), said
