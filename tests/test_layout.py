"""How the package is laid out: imports in one direction, nothing loaded before it is needed, each name in its place."""

import ast
import builtins
import functools
import importlib
import json
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import statesig
from statesig.signals import SIGNALS
from tests import ROOT

PACKAGE = ROOT / "statesig"

# A package imports only from those in lines above its own.
ORDER = """
    errors
    states
    signals stores
    algebra
    codec graph checking
    executors entities
    engine
    flow
    http tracing
    interop cli testing
    mypy hypothesis_plugin pytest_plugin examples __main__
"""
RANK = {name: rank for rank, line in enumerate(ORDER.strip().splitlines()) for name in line.split()}

LAZY = ("asyncio", "multiprocessing", "rich", "fastapi", "starlette", "httpx", "dask", "opentelemetry", "mypy")
LAZY += ("hypothesis", "pytest")


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the name of a module: ``statesig.codec.states``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    """Return the first name below the package: ``codec`` for ``statesig.codec.states``, ``""`` for the front."""
    return module.partition(".")[2].partition(".")[0]


@functools.cache
def imports_of(text: str) -> tuple[str, ...]:
    """Return every name that is imported anywhere in a module's text."""
    return tuple(imported(ast.parse(text)))


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every name that is imported anywhere in a module, in functions and for type checkers alone, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert 0 == node.level, "imports say the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph_of(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Return for each module, given with its text, the modules of statesig that it imports."""
    homes = statesig._HOMES
    graph: dict[str, set[str]] = {module: set() for module in texts}
    for module, text in texts.items():
        for name in imports_of(text):
            if name.partition(".")[0] == "statesig" and module != "statesig":
                whole = homes.get(name.removeprefix("statesig."), name)  # a name of the front is its home's
                graph[module].add(whole if whole in texts else whole.rpartition(".")[0])
    return graph


def upward(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the imports that do not lead to a room in a line above."""
    pairs = [(module, target) for module, targets in graph.items() for target in targets]
    return [
        f"{module} imports {target}"
        for module, target in pairs
        if room_of(module) != room_of(target) and RANK.get(room_of(module), -1) <= RANK.get(room_of(target), len(RANK))
    ]


TEXTS = {name_of(path): path.read_text() for path in sources()}


def test_every_room_has_its_place_in_the_order() -> None:
    """No module is outside of the order: no `utils`, `base`, `core` or `common` either."""
    assert {""} == {room_of(module) for module in TEXTS} - RANK.keys()


def test_imports_go_in_one_direction() -> None:
    """A package imports only from those above it: at the top, within functions, and for type checkers alone."""
    assert [] == upward(graph_of(TEXTS))


def test_no_imports_make_a_circle() -> None:
    """Within a package, too, no module leads back to itself; `graphlib` raises where one does."""
    assert TEXTS.keys() == {*TopologicalSorter(graph_of(TEXTS)).static_order()}


@pytest.mark.parametrize(
    "statement",
    [
        "from statesig.engine.runs import Run",
        "def later():\n    from statesig.engine import runs",
        "if TYPE_CHECKING:\n    import statesig.engine.runs",
        "from statesig import Run",
    ],
)
def test_an_upward_import_is_found(statement: str) -> None:
    """Wherever it is planted: at the top, in a function, for types alone, through the front."""
    planted = {**TEXTS, "statesig.graph.nodes": f"{TEXTS['statesig.graph.nodes']}\n{statement}\n"}
    assert ["statesig.graph.nodes imports statesig.engine.runs"] == upward(graph_of(planted))
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph_of(planted)).static_order())


def test_states_and_signals_are_defined_in_their_rooms() -> None:
    """No other module defines any, the examples apart, so the mypy plugin need not read the others."""
    named = {kind.__name__ for pair in SIGNALS.items() for kind in pair} | {"State", "Finished", "Signal"}
    defining = {
        module
        for module, text in TEXTS.items()
        for statement in ast.walk(ast.parse(text))
        if isinstance(statement, ast.ClassDef) and named & {ast.unparse(base).split("[")[0] for base in statement.bases}
    }
    known = {"statesig.states", "statesig.signals", "statesig.algebra.machines"}  # the last has `Transition`, abstract
    assert known == {module for module in defining if room_of(module) != "examples"}


def test_interop_needs_nothing_past_the_codec() -> None:
    """A foreign format is read and written without flows, runs or stores."""
    graph = graph_of(TEXTS)
    found = {room_of(target) for module in graph if room_of(module) == "interop" for target in graph[module]}
    assert set() == {room for room in found - {"interop"} if RANK[room] > RANK["codec"]}


def loaded_by(program: str, names: tuple[str, ...]) -> list[str]:
    """Return which modules a program has loaded at its end, in an interpreter of its own."""
    code = f"{program}\nimport json, sys\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_importing_the_package_alone_loads_nothing() -> None:
    """``import statesig`` loads neither its own modules nor pydantic."""
    own = tuple(module for module in TEXTS if module != "statesig")
    assert [] == loaded_by("import statesig", (*LAZY, "pydantic", "pydantic_core", *own))


def test_the_plugin_loads_no_pydantic() -> None:
    """Each run of mypy loads the plugin: without Pydantic and the states that takes no time to speak of."""
    assert [] == loaded_by("import statesig.mypy", ("pydantic", "statesig.states"))


def test_states_and_signals_load_no_extra() -> None:
    """``from statesig import Success, SKIP`` loads pydantic, and none of the modules that only some need."""
    assert ["pydantic"] == loaded_by("from statesig import Success, SKIP\nraised = SKIP('x')", (*LAZY, "pydantic"))


def test_the_middleware_loads_no_extra() -> None:
    """Any ASGI application may have it, and any program the client: without FastAPI, Starlette and asyncio."""
    program = "from statesig.http import SignalMiddleware, raise_for_signal\nSignalMiddleware(print)"
    assert [] == loaded_by(program, LAZY)


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
    assert {"map", "zip"} == set(statesig._HOMES) - set(statesig.__all__)
    assert set() == set(statesig.__all__) - set(statesig._HOMES)
    assert len(set(statesig.__all__)) == len(statesig.__all__)


def test_every_name_resolves_to_its_home() -> None:
    """A name of the front is the very object of its module, which offers it too."""
    for name, home in statesig._HOMES.items():
        module = importlib.import_module(home)
        assert getattr(module, name) is getattr(statesig, name)
        assert name in getattr(module, "__all__", [name])
        assert name in dir(statesig)


def test_no_name_is_a_modules_too() -> None:
    """A module and a name of the front would hide each other, whichever is loaded last."""
    assert set() == {*statesig.__all__, "map", "zip"} & {room_of(module) for module in TEXTS}


def test_dir_holds_the_public_names_alone() -> None:
    """What completion offers is what may be used."""
    assert sorted([*statesig.__all__, "map", "zip"]) == dir(statesig)


def test_without_its_source_the_front_loads_all_names_at_once() -> None:
    """The lazy front reads its own imports; where only byte code is there, it makes them."""
    code = compile(TEXTS["statesig"], "statesig/__init__.py", "exec")
    front = types.ModuleType("statesig")
    exec(code, vars(front))
    assert [] == [name for name in statesig.__all__ if vars(front)[name] is not getattr(statesig, name)]


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
        (module, name)
        for module, text in TEXTS.items()
        for statement in ast.parse(text).body
        if isinstance(statement, (ast.Import, ast.ImportFrom))
        for name in imported(statement)
        if name.partition(".")[0] not in allowed
    }
    rooms = ("statesig.http", "statesig.tracing", "statesig.checking", "statesig.testing")
    extras = (*rooms, "statesig.pytest_plugin", "statesig.examples.orders", "statesig.examples.approval_service")
    assert set() == {(module, name) for module, name in foreign if not module.startswith(extras)}


def test_the_package_is_typed() -> None:
    """The marker for type checkers is there."""
    assert (PACKAGE / "py.typed").is_file()
