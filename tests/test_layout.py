"""How the package is laid out: imports in one direction, nothing loaded before it is needed, each name in its place."""

import ast
import builtins
import importlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import statesig

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "statesig"

# A module imports only from those above it. Modules in one line know nothing of each other.
ORDER = """
    errors
    generics
    rules
    models
    states
    signals
    transitions
    algebra
    observations results
    captures
    counts
    predicates
    triggers
    truths
    readback
    codec
    events expressions
    tasks
    histories nodes
    flow
    parameters
    decisions
    attempts
    calls
    executors store
    coroutines processes clusters rows walfiles
    databases
    tables
    sqlite postgres
    items
    inputs
    waits lanes caches interrupts encodings graphs leases
    journals
    cancellations changes
    drives
    runs
    runner
    interop
    http
    progress
    claims
    mypy
    sources
    constructors
    attributes
    declarations
    layouts
    stubgen
    exits
    arguments programs choices
    documents launches listings
    cli
    strategies equations fixtures
    laws hypothesis_plugin pytest_plugin
    testing
    examples
"""
# What a module loads when it is called, to hand over to it: a flow is run by its method, a store is opened by its name.
DOORS = {"flow": {"runner"}, "store": {"sqlite", "postgres"}}
RANK = {name: rank for rank, line in enumerate(ORDER.strip().splitlines()) for name in line.split()}

LAZY = ("asyncio", "multiprocessing", "rich", "fastapi", "dask", "mypy", "hypothesis", "pytest")


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """Return the first name below the package: ``codec`` for ``statesig/codec.py``, ``""`` for the package itself."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield what of statesig is imported anywhere in a module, in functions too, save for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                yield from imported(ast.Module([other], []))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert 0 == node.level, "imports say the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imported(node)


def edges(path: Path) -> set[str]:
    """Return the modules of statesig that a module imports; a name of the package's own front stands for its home."""
    homes = statesig._HOME
    found: set[str] = set()
    for name in imported(ast.parse(path.read_text())):
        first, _, rest = name.partition(".")
        if first == "statesig" and rest:
            part = rest.partition(".")[0]
            found.add(homes.get(part, part))
    return found


def test_every_module_has_its_place_in_the_order() -> None:
    """No module is outside of the order: no `utils`, `base`, `core` or `common` either."""
    assert [] == [str(path) for path in sources() if module_of(path) not in {*RANK, "", "__main__"}]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_in_one_direction(path: Path) -> None:
    """A module imports only modules above it, at its top and within its functions; types alone may look down."""
    own = module_of(path)
    rank = RANK.get(own, len(RANK))
    below = {target for target in edges(path) if target != own and RANK[target] >= rank}
    assert DOORS.get(own, set()) == below


def test_interop_needs_nothing_past_the_codec() -> None:
    """A foreign format is read and written without flows, runs or events."""
    targets = {target for path in sources() if module_of(path) == "interop" for target in edges(path)}
    assert set() == {target for target in targets - {"interop"} if RANK[target] > RANK["codec"]}


def loaded_by(program: str, names: tuple[str, ...]) -> list[str]:
    """Return which modules a program has loaded at its end, in an interpreter of its own."""
    code = f"{program}\nimport json, sys\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_importing_the_package_alone_loads_nothing() -> None:
    """``import statesig`` loads neither its own modules nor pydantic."""
    own = tuple(f"statesig.{name}" for name in RANK)
    assert [] == loaded_by("import statesig", (*LAZY, "pydantic", "pydantic_core", *own))


def test_states_and_signals_load_no_extra() -> None:
    """``from statesig import Success, SKIP`` loads pydantic, and none of the modules that only some need."""
    assert ["pydantic"] == loaded_by("from statesig import Success, SKIP\nraised = SKIP('x')", (*LAZY, "pydantic"))


def test_running_a_flow_loads_no_extra() -> None:
    """A flow of plain functions runs without asyncio, multiprocessing or rich."""
    program = """
from statesig import Flow, task
@task
def one():
    return 1
with Flow("f") as flow:
    node = one()
assert flow.run()[node].unwrap() == 1
"""
    assert [] == loaded_by(program, LAZY)


def test_all_is_what_the_front_offers() -> None:
    """``statesig.__all__`` is the table of lazy names, without a name twice, and without those that builtins have."""
    assert {"map", "zip"} == set(statesig._HOME) - set(statesig.__all__)
    assert set() == set(statesig.__all__) - set(statesig._HOME)
    assert len(set(statesig.__all__)) == len(statesig.__all__)


@pytest.mark.parametrize("name", statesig._HOME)
def test_every_name_resolves_to_its_home(name: str) -> None:
    """A name of the front is the very object of its module, which offers it too."""
    module = importlib.import_module(f"statesig.{statesig._HOME[name]}")
    assert getattr(module, name) is getattr(statesig, name)
    assert name in getattr(module, "__all__", [name])
    assert name in dir(statesig)


def test_no_name_is_a_modules_too() -> None:
    """A module and a name of the front would hide each other, whichever is loaded last."""
    assert set() == set(statesig.__all__) & {module_of(path) for path in sources()}


def test_checkers_see_what_the_front_offers() -> None:
    """What is imported for type checkers is what can be imported at run time, from the same modules."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        (alias.name, str(statement.module).removeprefix("statesig."))
        for block in guarded
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert set(statesig._HOME.items()) == seen


def test_another_name_is_an_attribute_error() -> None:
    """A name that there is not is refused as by any module."""
    with pytest.raises(AttributeError, match="no attribute 'NOPE'"):
        statesig.NOPE  # type: ignore[attr-defined]  # that is the mistake


def test_star_import() -> None:
    """``from statesig import *`` gives every name, and hides no builtin."""
    namespace: dict[str, object] = {}
    exec("from statesig import *", namespace)
    assert set(statesig.__all__) == namespace.keys() - {"__builtins__"}
    assert set() == namespace.keys() & vars(builtins).keys()


def test_the_core_needs_two_distributions() -> None:
    """Without extras statesig depends on pydantic and typing_extensions alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = sorted(requirement.partition(">=")[0] for requirement in project["dependencies"])
    assert ["pydantic", "typing_extensions"] == names


def test_the_core_imports_two_distributions() -> None:
    """At the top of the modules stands nothing but the standard library, pydantic and typing_extensions."""
    allowed = {*sys.stdlib_module_names, "statesig", "pydantic", "pydantic_core", "typing_extensions"}
    foreign = {
        (str(path.relative_to(PACKAGE)), name)
        for path in sources()
        for statement in ast.parse(path.read_text()).body
        for name in imported(ast.Module([statement], []))
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef))
        if name.partition(".")[0] not in allowed
    }
    extras = ("http.py", "claims.py", "mypy.py", "strategies.py", "laws.py", "pytest_plugin.py")
    assert set() == {(path, name) for path, name in foreign if path not in extras}


def test_the_package_is_typed() -> None:
    """The marker for type checkers is there."""
    assert (PACKAGE / "py.typed").is_file()
