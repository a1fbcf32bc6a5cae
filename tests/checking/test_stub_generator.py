"""Stubs: what `python -m statesig stubs` writes of a module, and into the source of the built-in signals."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from pydantic_core import PydanticUndefined

from statesig.checking.stubs.own import own_constructors
from statesig.checking.stubs.plan import stub_of
from statesig.signals import signal_type_of
from statesig.states import State
from statesig.states.families import descendants
from tests import ROOT
from tests.harness.cases import at_once
from tests.harness.commands import statesig as statesig_command
from tests.harness.exhaustive import exhaustive_but, one_in, thorough_but

HEADER = "# Written by `python -m statesig stubs"
SIGNALS_FILE = "statesig/signals/__init__.py"
OWN = (ROOT / SIGNALS_FILE).read_text()
TREE = ast.parse(OWN)
BUILT_IN = [kind for kind in descendants(State) if kind.__module__ == "statesig.states"]


def class_in(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def constructor_of(kind: type[State[Any]]) -> ast.FunctionDef:
    """Return the constructor that the signal of a state has for type checkers."""
    return constructor_in(TREE, signal_type_of(kind).__name__)


def constructor_in(tree: ast.Module, signal: str) -> ast.FunctionDef:
    members = ast.walk(class_in(tree, signal))
    return next(each for each in members if isinstance(each, ast.FunctionDef) and each.name == "__init__")


def stubs(folder: Path, *arguments: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with the statesig of a path: in a fork, or for another one in its own Python."""
    if path == ROOT:
        return statesig_command("stubs", *arguments, cwd=folder)
    command = [sys.executable, "-m", "statesig", "stubs", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done


# ---- the package's own


def test_the_committed_constructors_are_current() -> None:
    """The constructors in the source are what the generator writes of the states as they are."""
    assert [] == own_constructors().check()


def test_every_signal_stands_where_its_constructor_is_written() -> None:
    """But for the examples, which are to be read and run, no other module has a class below a signal.

    `Transition`, the base of those of machines, carries no state yet.
    """
    bases = {
        (path.relative_to(ROOT / "statesig").parts[0], ast.unparse(base))
        for path in (ROOT / "statesig").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    found = {name for name, base in bases if base.startswith("Signal[") and base != "Signal[TargetT]"}
    assert {"examples", "signals"} == found


@at_once
@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_constructor_takes_the_fields_of_its_state_in_their_order(kind: type[State[Any]]) -> None:
    """A signal takes the message, by position too, and each other field by name."""
    arguments = constructor_of(kind).args
    by_name = [arg.arg for arg in arguments.kwonlyargs]
    assert ["self", "message"] == [arg.arg for arg in arguments.args]
    assert [name for name in kind.model_fields if name != "message"] == by_name
    assert (None, None) == (arguments.vararg, arguments.kwarg)


@at_once
@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_constructor_has_the_defaults_of_its_state(kind: type[State[Any]]) -> None:
    """What the state requires has no default, and the others have the state's."""
    arguments = constructor_of(kind).args
    given = {
        arg.arg: PydanticUndefined if default is None else ast.literal_eval(default)
        for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }
    expected = {name: field.default for name, field in kind.model_fields.items() if name != "message"}
    assert expected == given


@at_once
@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_signal_is_final(kind: type[State[Any]]) -> None:
    """A second signal of a state is refused, and so is a class below the first: checkers know it."""
    assert signal_type_of(kind).__final__


# ---- a field that changes


def changed(how: str, only: str = "") -> str:
    """Return the text of the module of states with every field changed, or with one, ``State.message``."""
    tree = ast.parse((ROOT / "statesig/states/__init__.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in FAMILY:
            node.body = changed_body(node.body, node.name, how, only)
            if how == "added" and only in ("", node.name):
                node.body += ast.parse(f"added_{node.name}: int = 0").body
    return ast.unparse(tree)


def changed_body(body: list[ast.stmt], cls: str, how: str, only: str) -> list[ast.stmt]:
    kept: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If):
            statement.body = changed_body(statement.body, cls, how, only) or [ast.Pass()]
            statement.orelse = changed_body(statement.orelse, cls, how, only)
        elif is_field(statement) and only in ("", f"{cls}.{ast.unparse(statement.target)}"):
            CHANGES[how](statement)
            if how == "removed":
                continue
        kept.append(statement)
    return kept or [ast.Pass()]


def is_field(statement: ast.stmt) -> TypeGuard[ast.AnnAssign]:
    return isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.annotation).startswith("ClassVar")


def rename(field: ast.AnnAssign) -> None:
    field.target = ast.Name(f"renamed_{ast.unparse(field.target)}", ast.Store())


def retype(field: ast.AnnAssign) -> None:
    field.annotation = ast.Subscript(ast.Name("list"), field.annotation)


def give_another_default(field: ast.AnnAssign) -> None:
    changed = ast.Constant("another")
    if isinstance(field.value, ast.Call):
        field.value.keywords = [keyword for keyword in field.value.keywords if keyword.arg != "default"]
        field.value.keywords.append(ast.keyword("default", changed))
    else:
        field.value = changed


CHANGES = {
    "added": lambda field: None,
    "removed": lambda field: None,
    "renamed": rename,
    "retyped": retype,
    "another default": give_another_default,
}
FAMILY = {kind.__name__ for built_in in BUILT_IN for kind in built_in.__mro__ if kind.__module__ == "statesig.states"}

Parameters = dict[str, tuple[str, str]]
"""The annotation and the default of each parameter, by its name."""


def parameters(tree: ast.Module, signal: str) -> Parameters:
    given = constructor_in(tree, signal).args
    defaults = [*[None] * (len(given.args) - len(given.defaults)), *given.defaults, *given.kw_defaults]
    arguments = zip([*given.args, *given.kwonlyargs], defaults, strict=True)
    texts = {arg.arg: (arg.annotation, default) for arg, default in arguments if arg.arg != "self"}
    return {
        name: (ast.unparse(one or ast.Tuple([])), ast.unparse(two or ast.Tuple([])))
        for name, (one, two) in texts.items()
    }


def checkout(folder: Path, states: str | None = None) -> Path:
    """Copy the package to a folder, with another text of its module of states."""
    # With what is compiled, but what another process is writing.
    shutil.copytree(ROOT / "statesig", folder / "statesig", ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    if states is not None:
        (folder / "statesig/states/__init__.py").write_text(states)
    return folder


@pytest.mark.parametrize("how", thorough_but(["added"], CHANGES))
def test_a_change_of_any_field_of_any_state_changes_its_signal(how: str, tmp_path: Path) -> None:
    """The command names the file that it writes, which has each field of each state, and no other change."""
    folder = checkout(tmp_path, changed(how))
    done = stubs(folder, path=folder)
    assert (0, f"{SIGNALS_FILE}\n", "") == (done.returncode, done.stdout, done.stderr)
    tree = ast.parse((folder / SIGNALS_FILE).read_text())
    unchanged: list[str] = []
    for kind in BUILT_IN:
        signal = signal_type_of(kind).__name__
        before, after = parameters(TREE, signal), parameters(tree, signal)
        if how == "added":
            above = {parent.__name__ for parent in kind.__mro__} & FAMILY
            unchanged += [f"{signal} {name}" for name in above if f"added_{name}" not in after]
        else:
            unchanged += [f"{signal} {name}" for name in kind.model_fields if before[name] == after.get(name)]
    assert [] == unchanged
    assert without_constructors(OWN) == without_constructors((folder / SIGNALS_FILE).read_text())


def without_constructors(text: str) -> list[str]:
    lines = text.splitlines()
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ClassDef) and node.name.isupper():
            del lines[node.body[1].lineno - 1 : node.body[1].end_lineno]
    return lines


def name_of(cls: type) -> str:
    return cls.__name__


ONE_CHANGE = [
    ("added", "State"),
    ("added", "Finished"),
    ("added", "Crashed"),
    ("removed", "State.message"),
    ("renamed", "Retrying.run_count"),
    ("retyped", "MetaState.state"),
    ("another default", "TriggerFailed.retryable"),
]


@pytest.mark.parametrize(
    ("how", "only"), exhaustive_but([("retyped", "MetaState.state")], ONE_CHANGE, thorough=[("added", "State")])
)
def test_the_check_fails_after_one_field_of_one_state_is_changed(how: str, only: str, tmp_path: Path) -> None:
    """The command exits 1, names each signal and the command that writes it, and changes nothing."""
    folder = checkout(tmp_path, changed(how, only))
    changed_class = only.partition(".")[0]
    signals = {signal_type_of(kind).__name__ for kind in BUILT_IN if changed_class in map(name_of, kind.__mro__)}
    said = {f"{SIGNALS_FILE}: the constructor of {name} is stale; run python -m statesig stubs" for name in signals}
    done = stubs(folder, "--check", path=folder)
    assert (1, "", said) == (done.returncode, done.stdout, {*done.stderr.splitlines()})
    assert OWN == (folder / SIGNALS_FILE).read_text()


def test_the_check_passes_where_nothing_is_changed(tmp_path: Path) -> None:
    """In a copy of the checkout the command exits 0 without a word."""
    folder = checkout(tmp_path)
    done = stubs(folder, "--check", path=folder)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


# ---- a user's package


def test_a_module_that_is_not_there_is_an_import_error() -> None:
    """There is no stub of a module that cannot be imported."""
    with pytest.raises(ModuleNotFoundError):
        stub_of("statesig.nowhere")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of a program's package, without any stub."""
    shutil.copytree(ROOT / "tests/samples/stubbed/shop", tmp_path / "shop")
    return tmp_path


SALES = """
from statesig import Signal, Skipped

class Sold(Skipped[None]):
    price: int

class SELL(Signal[Sold]): ...
"""


def said_by(done: subprocess.CompletedProcess[str]) -> tuple[int, list[str], list[str]]:
    """Return how the command ended and what it said, but for the line on who reads the stubs."""
    said = [line for line in done.stderr.splitlines() if not line.startswith("pyright reads typings/, ")]
    return done.returncode, done.stdout.splitlines(), said


def test_a_package_gets_a_stub_for_each_module_that_defines_signals(shop: Path) -> None:
    """No module without signals gets one; what cannot be imported here and ``__main__`` are not imported."""
    assert (0, ["typings/shop/__init__.pyi", "typings/shop/signals.pyi"], []) == said_by(stubs(shop, "shop"))
    assert ["__init__.pyi", "signals.pyi"] == sorted(path.name for path in shop.rglob("*.pyi"))
    assert (0, [], []) == said_by(stubs(shop, "shop", "--check"))


def test_a_stub_that_somebody_wrote_is_left_as_it_is(shop: Path) -> None:
    """Writing refuses with exit 2 before it writes anything, the check with exit 1, and both say what to do."""
    by_hand = shop / "typings/shop/signals.pyi"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("# by hand\n")
    said = "typings/shop/signals.pyi was not written by `python -m statesig stubs` and is left as it is; "
    said += "move it, or give another folder by --output"
    assert (2, [], [f"statesig: {said}"]) == said_by(stubs(shop, "shop"))
    missing = "typings/shop/__init__.pyi is missing; run python -m statesig stubs shop"
    assert (1, [], [missing, said]) == said_by(stubs(shop, "shop", "--check"))
    assert ("# by hand\n", [by_hand]) == (by_hand.read_text(), [*shop.rglob("*.pyi")])


def test_other_line_ends_are_current(shop: Path) -> None:
    """A stub that was checked out with the line ends of another system is current."""
    stubs(shop, "shop")
    path = shop / "typings/shop/signals.pyi"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert (0, [], []) == said_by(stubs(shop, "shop", "--check"))


@pytest.mark.exhaustive
def test_several_packages_and_modules(shop: Path) -> None:
    """Each name may be a package or a module; a stub is the same by whichever it is reached."""
    (shop / "alone.py").write_text("import shop\n")
    assert (0, ["typings/shop/signals.pyi"], []) == said_by(stubs(shop, "shop.signals"))
    assert (0, ["typings/shop/__init__.pyi"], []) == said_by(stubs(shop, "alone", "shop"))


@pytest.mark.exhaustive
def test_the_header_names_the_command_that_writes_the_file(shop: Path) -> None:
    """It is that of the one module, with the folder that was asked for."""
    stubs(shop, "shop", "--output", str(shop / "out"))
    first = (shop / "out/shop/signals.pyi").read_text().splitlines()[0]
    command = "python -m statesig stubs shop.signals --output out"
    assert f"# Written by `{command}`: change the module, not this file." == first
    assert (0, [], []) == said_by(stubs(shop, *command.split()[4:], "--check"))


@pytest.mark.exhaustive
def test_the_check_names_what_is_missing_stale_and_left_over(shop: Path) -> None:
    """One line for each, with the command to run; nothing is written or removed, and running that command ends it."""
    stubs(shop, "shop")
    (shop / "typings/shop/signals.pyi").write_text(f"{HEADER}`: changed\n")
    (shop / "typings/shop/states.pyi").write_text((shop / "typings/shop/__init__.pyi").read_text())
    (shop / "typings/shop/gone.pyi").write_text((shop / "typings/shop/__init__.pyi").read_text())
    (shop / "typings/shop/by_hand.pyi").write_text("# by hand\n")
    (shop / "typings/shop/__init__.pyi").unlink()
    before = sorted(path.name for path in shop.rglob("*.pyi"))
    assert said_by(stubs(shop, "shop", "--check")) == (
        1,
        [],
        [
            "typings/shop/__init__.pyi is missing; run python -m statesig stubs shop",
            "typings/shop/signals.pyi is stale; run python -m statesig stubs shop",
            "typings/shop/gone.pyi is not needed any more; run python -m statesig stubs shop",
            "typings/shop/states.pyi is not needed any more; run python -m statesig stubs shop",
        ],
    )
    assert before == sorted(path.name for path in shop.rglob("*.pyi"))
    written = [
        "typings/shop/__init__.pyi",
        "typings/shop/signals.pyi",
        "typings/shop/gone.pyi removed",
        "typings/shop/states.pyi removed",
    ]
    assert (0, written, []) == said_by(stubs(shop, "shop"))
    assert (0, [], []) == said_by(stubs(shop, "shop", "--check"))
    assert "# by hand\n" == (shop / "typings/shop/by_hand.pyi").read_text()


READERS = (
    'pyright reads typings/, ty with extra-paths = ["typings"] under [environment]; '
    "mypy needs plugins = statesig.mypy, and pyrefly stubs beside the modules: --output ."
)
WARNING = (
    "warning: mypy, which {file} sets up, reads shop/__init__.pyi in place of its module, "
    "whose code it no longer checks; give it plugins = statesig.mypy, and keep the stubs in typings/"
)


@pytest.mark.exhaustive
def test_whoever_writes_stubs_is_told_who_reads_them(shop: Path) -> None:
    """One line on standard error names the checkers, where stubs were written; a check and a second writing do not."""
    assert [READERS] == stubs(shop, "shop").stderr.splitlines()
    assert "" == stubs(shop, "shop").stderr
    said = stubs(shop, "shop", "--output", "out").stderr
    assert said.startswith('pyright reads out/ with "stubPath": "out", ty with extra-paths = ["out"]')


@pytest.mark.parametrize(
    ("file", "text", "is_warned"),
    one_in(
        3,
        [
            ("mypy.ini", "[mypy]\n", True),
            ("pyproject.toml", "[tool.mypy]\n", True),
            ("pyproject.toml", "[tool.ruff]\n", False),
        ],
    ),
)
def test_stubs_beside_modules_that_mypy_is_to_check_are_warned_of(
    file: str, text: str, is_warned: bool, shop: Path
) -> None:
    """Mypy reads them in place of the modules: it is warned of where a configuration of mypy is, also of older ones."""
    (shop / file).write_text(text)
    warning = [WARNING.format(file=file)] if is_warned else []
    everybody = "stubs beside their modules are read by every type checker"
    done = stubs(shop, "shop", "--output", ".")
    assert ["shop/__init__.pyi", "shop/signals.pyi"] == done.stdout.splitlines()
    assert [everybody, *warning] == done.stderr.splitlines()
    assert [everybody, *warning] == stubs(shop, "shop").stderr.splitlines()  # into typings/, with those beside


@pytest.mark.exhaustive
@pytest.mark.parametrize("regular", ["", "shops"])
def test_folders_without_init_are_packages_too(regular: str, tmp_path: Path) -> None:
    """A module of a namespace has the same stub by the name of any package above it, be that a regular one or none."""
    (tmp_path / "shops/one/not-one").mkdir(parents=True)
    (tmp_path / "shops/one/not-one/words.py").write_text("no python")
    (tmp_path / "shops/one/sales.py").write_text(SALES)
    if regular:
        (tmp_path / regular / "__init__.py").touch()
    assert (0, ["typings/shops/one/sales.pyi"], []) == said_by(stubs(tmp_path, "shops.one"))
    text = (tmp_path / "typings/shops/one/sales.pyi").read_text()
    assert (0, [], []) == said_by(stubs(tmp_path, "shops", "--check"))
    (tmp_path / "typings/shops/one/sales.pyi").unlink()
    assert (0, ["typings/shops/one/sales.pyi"], []) == said_by(stubs(tmp_path, "shops"))
    assert text == (tmp_path / "typings/shops/one/sales.pyi").read_text()


def test_a_module_without_signals_needs_no_stub(shop: Path) -> None:
    """It is said, and nothing is written."""
    said = ["no module of shop.states defines a signal: no stub is needed"]
    assert (0, [], said) == said_by(stubs(shop, "shop.states"))
    assert [] == [*shop.rglob("*.pyi")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no module 'nowhere', here or installed"),
        (["shop.nowhere"], "there is no module 'shop.nowhere', here or installed"),
        (["shop.plain"], "shop.plain cannot be imported: No module named 'shop_no_such_dependency'"),
        (["broken"], "broken.signals cannot be imported: ZeroDivisionError: division by zero"),
        (["garbled"], "{shop}/garbled/words.py:1: invalid syntax"),
        (
            ["foreign"],
            "{shop}/foreign/words.py:2: "
            "(unicode error) 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (["itertools"], "itertools has no source"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(arguments: list[str], said: str, shop: Path) -> None:
    """A module that there is not, that fails, or that is no Python, with its path: exit 2, and no stub is written."""
    for name, module, text in [
        ("broken", "signals", "from statesig import Signal\nclass S(Signal[1 / 0]): ..."),
        ("garbled", "words", "no python"),
        ("foreign", "words", "# no UTF-8\nname = '\xff'"),
    ]:
        (shop / name).mkdir()
        (shop / name / "__init__.py").touch()
        (shop / name / f"{module}.py").write_text(text, encoding="latin-1")
    assert (2, [], [f"statesig: {said.format(shop=shop.as_posix())}"]) == said_by(stubs(shop, *arguments))
    assert [] == [*shop.rglob("*.pyi")]


@pytest.mark.exhaustive
def test_without_a_checkout_there_are_no_stubs_of_its_own(tmp_path: Path) -> None:
    """An installed statesig says what to name instead."""
    shutil.copytree(ROOT / "statesig", tmp_path / "statesig")
    done = stubs(ROOT / "tests/samples/stubbed", path=tmp_path)
    assert 2 == done.returncode
    assert done.stderr.endswith("name its package: python -m statesig stubs PACKAGE\n")


@pytest.mark.exhaustive
def test_another_checkout_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """In the folder of a checkout the statesig of that checkout is to be run, and no other is written or checked."""
    folder = checkout(tmp_path)
    command = [sys.executable, "-P", "-m", "statesig", "stubs", "--check"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert 2 == done.returncode
    assert "this folder is a checkout of statesig" in done.stderr


# ---- a user's own


STATES = '''
"""A user's states."""

import datetime as dt
from decimal import Decimal as Money
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypeVar

from statesig import Failed, Success

R = TypeVar("R", covariant=True, default=Any)


class Colour(Enum):
    RED = 1


class Priced(Success[R]):
    price: Money
    level: Literal["low", "high"] = "low"
    colour: Colour = Colour.RED
    seen: "list[dt.datetime]" = Field(default_factory=list)


class Sized(Priced[int]):
    size: Annotated[int, Field(ge=0)] = 0
    names: dict[str, int] = {}


class Named(Failed):
    names: "tuple[Other, ...]" = ()
    text: str = "a long default that nobody needs to read in a stub"


class Other(Failed):
    message: str
'''

SIGNALS = '''
"""A user's signals."""

from __future__ import annotations

import logging
from typing import Any, Protocol, overload

import states
from pydantic import computed_field
from statesig import Signal, Skipped, task
from states import Priced, R, Sized as Large

dt = 5
_log = logging.getLogger(__name__)
log = _log
limit: int = 10
_Pair = tuple[int, int]


class Colour(Protocol):
    """What has a colour."""

    def colour(self, default: str = 'red') -> str: ...


class PRICE(Signal[Priced[R]]):
    """Priced."""


class SIZE(Signal[Large]): ...


class NAME(Signal[states.Named[str]]): ...


class OTHER(Signal[states.Other]):
    def hint(self) -> str:
        return "other"


class Unraised(Skipped[Any]):
    reason: str = ""
    _hidden: int = 5

    @computed_field  # type: ignore[prop-decorator]  # the property is Pydantic's
    @property
    def length(self) -> int:
        return len(self.reason)


@overload
def pair(one: int) -> _Pair: ...
@overload
def pair(one: str, /, *rest: int, key: bool = False, **more: object) -> None: ...
def pair(one, *rest, **more):
    return (1, 1)


@task
def load(rows: list[str], *, table: str = "rows") -> int:
    return len(rows)


async def _wait() -> None: ...  # type: ignore[misc]  # it is said in the stub, too
'''

EXPECTED = """\
# Written by `python -m statesig stubs signals --output out`: change the module, not this file.

import datetime as _dt
import logging
from decimal import Decimal as Money
from typing import Any, Literal, Protocol, final, overload

import states
from pydantic import computed_field
from states import Colour as _Colour
from states import Other, Priced, R
from states import Sized as Large
from statesig import Signal, Skipped, task
from statesig.states import ErrorInfo

dt: int
_log = logging.getLogger(__name__)
log = _log
limit: int
_Pair = tuple[int, int]

class Colour(Protocol):
    def colour(self, default: str = "red") -> str: ...

@final
class PRICE(Signal[Priced[R]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: R | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        price: Money,
        level: Literal["low", "high"] = "low",
        colour: _Colour = ...,
        seen: list[_dt.datetime] = ...,
    ) -> None: ...

@final
class SIZE(Signal[Large]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: int | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        price: Money,
        level: Literal["low", "high"] = "low",
        colour: _Colour = ...,
        seen: list[_dt.datetime] = ...,
        size: int = 0,
        names: dict[str, int] = {},
    ) -> None: ...

@final
class NAME(Signal[states.Named[str]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = True,
        names: tuple[Other, ...] = (),
        text: str = ...,
    ) -> None: ...

@final
class OTHER(Signal[states.Other]):
    def __init__(
        self,
        message: str,
        *,
        result: Any | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        retryable: bool = True,
    ) -> None: ...
    def hint(self) -> str: ...

class Unraised(Skipped[Any]):
    reason: str = ""
    _hidden: int = 5
    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int: ...

@overload
def pair(one: int) -> _Pair: ...
@overload
def pair(one: str, /, *rest: int, key: bool = False, **more: object) -> None: ...
@task
def load(rows: list[str], *, table: str = "rows") -> int: ...
async def _wait() -> None: ...  # type: ignore[misc]
"""


def test_a_stub_of_a_users_signals(tmp_path: Path) -> None:
    """A user's constructors have the fields of all ancestors of the state, resolved where each was declared."""
    (tmp_path / "states.py").write_text(STATES)
    (tmp_path / "signals.py").write_text(SIGNALS)
    # In a Python of its own: these states are not to join the families of the other tests.
    done = stubs(tmp_path, "signals", "--output", "out")
    assert (0, "out/signals.pyi\n") == (done.returncode, done.stdout)
    assert EXPECTED == (tmp_path / "out/signals.pyi").read_text()


def test_a_signal_is_final_in_a_stub_once(tmp_path: Path) -> None:
    """A stub adds the decorator to a signal, and does not repeat it for one that has it."""
    ends = SALES.replace("class SELL", "@typing.final\nclass SELL")
    (tmp_path / "once.py").write_text(f"import typing\n{ends}")
    (tmp_path / "added.py").write_text(SALES.replace("Sold", "Given"))
    stubs(tmp_path, "once", "added")
    found = [(tmp_path / f"typings/{name}.pyi").read_text() for name in ("once", "added")]
    assert [["@typing.final"], ["@final"]] == [[line for line in text.splitlines() if "@" in line] for text in found]


def test_what_is_imported_from_its_package_is_offered(tmp_path: Path) -> None:
    """Other modules of the package may import it from here, a private name too; what is foreign they may not."""
    (tmp_path / "shops").mkdir()
    (tmp_path / "shops/__init__.py").touch()
    (tmp_path / "shops/tools.py").write_text("_most = 5\n")
    (tmp_path / "shops/sales.py").write_text(f"from os import _exit\nfrom shops.tools import _most\n{SALES}")
    stubs(tmp_path, "shops")
    lines = (tmp_path / "typings/shops/sales.pyi").read_text().splitlines()
    assert ["from shops.tools import _most as _most"] == [line for line in lines if "_most" in line or "_exit" in line]


KINDS = """
import typing
from typing import Protocol, Self

from statesig import Signal, Skipped, Success
from states import Colour, Priced, R


class Kin(Success[R]):
    me: Self | None = None
    others: "list[typing.Self]" = []


def build(unit: str) -> type[Success[int]]:
    class Made(Priced[Colour]):
        level: str = unit
    return Made


class Kid(build("mm")):
    size: int = 0


class Asked(Skipped[None]):
    what: str


class Heard(Skipped[None]):
    what: str


class Asking:
    def __init__(self, what: str, times: int) -> None: ...


class Hearing(Protocol):
    def heard(self) -> str: ...


class KIN(Signal[Kin[R]]): ...
class KID(Signal[Kid]): ...
class ASK(Asking, Signal[Asked]): ...
class HEAR(Hearing, Signal[Heard]): ...
"""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> ast.Module:
    """The stub of states and signals that are made in rare ways."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "states.py").write_text(STATES)
    (folder / "kinds.py").write_text(KINDS)
    assert (0, ["typings/kinds.pyi"], []) == said_by(stubs(folder, "kinds"))
    return ast.parse((folder / "typings/kinds.pyi").read_text())


def test_a_field_of_its_own_type(kinds: ast.Module) -> None:
    """`Self` in a state is the state in its signal's constructor, not the signal."""
    found = parameters(kinds, "KIN")
    assert ("Kin[R] | None", "list[Kin[R]]") == (found["me"][0], found["others"][0])


def test_a_base_that_a_call_makes(kinds: ast.Module) -> None:
    """Fields have the types that the classes above such a base declare; those that it declares itself have any."""
    found = parameters(kinds, "KID")
    names = ("size", "price", "colour", "result", "level")
    assert ("int", "Money", "Colour", "Colour | None", "Any") == tuple(found[name][0] for name in names)


def test_the_constructor_of_a_class_before_signal_is_kept(kinds: ast.Module) -> None:
    """A signal with another constructor, be it inherited, gets none; a protocol has none."""
    texts = {name: ast.unparse(class_in(kinds, name)) for name in ("ASK", "HEAR")}
    assert {"ASK": False, "HEAR": True} == {name: "__init__" in text for name, text in texts.items()}


BRACKETS = """
from statesig import Signal, Skipped


type Pair[T] = tuple[T, T]


class Odd[R](Skipped[R]):
    pair: Pair[int]


class ODD[R](Signal[Odd[R]]): ...


class Box[T: (int, str)]:
    def __init__(self, held: T) -> None:
        self.held = held


def first[T: Odd](pair: Pair[T]) -> T:
    return pair[0]
"""

EXPECTED_BRACKETS = """\
type Pair[T] = tuple[T, T]

class Odd[R](Skipped[R]):
    pair: Pair[int]

@final
class ODD[R](Signal[Odd[R]]):
    def __init__(
        self,
        message: str | None = None,
        *,
        result: R | None = None,
        causes: tuple[ErrorInfo, ...] = (),
        pair: Pair[int],
    ) -> None: ...

class Box[T: (int, str)]:
    held: T
    def __init__(self, held: T) -> None: ...

def first[T: Odd](pair: Pair[T]) -> T: ...
"""


@pytest.mark.exhaustive
def test_type_parameters_in_brackets(tmp_path: Path) -> None:
    """They stay as they are; a Python that does not know them says so, and writes nothing."""
    (tmp_path / "brackets.py").write_text(BRACKETS)
    done = stubs(tmp_path, "brackets")
    if sys.version_info >= (3, 12):
        assert (0, ["typings/brackets.pyi"], []) == said_by(done)
        assert EXPECTED_BRACKETS == (tmp_path / "typings/brackets.pyi").read_text().partition("ErrorInfo\n\n")[2]
    else:
        assert (2, []) == (done.returncode, [*tmp_path.rglob("*.pyi")])
        assert done.stderr.startswith("statesig: brackets cannot be imported: SyntaxError: invalid syntax")


BRANCHES = """
import re
import sys

from statesig import Signal, Skipped


class Odd(Skipped[None]): ...


class ODD(Signal[Odd]): ...


if sys.platform == "win32":
    import winreg as _keys

    def home() -> _keys.HKEYType: ...
elif sys.version_info >= (3, 15):
    def home() -> bytes: ...
else:
    def home() -> str: ...

try:
    import fast_json as _json
except ImportError:
    import json as _json

if (found := re.match("a", "a")) is not None:
    end = found.end()

def parse(text: str) -> "_json.JSONDecoder": ...

if __name__ == "__main__":
    ran = True
"""

EXPECTED_BRANCHES = """\
if sys.platform == "win32":
    import winreg as _keys

    def home() -> _keys.HKEYType: ...
else:
    if sys.version_info >= (3, 15):
        def home() -> bytes: ...
    else:
        def home() -> str: ...

if (found := re.match("a", "a")) is not None:
    end = found.end()

def parse(text: str) -> _json.JSONDecoder: ...
"""


def test_branches(tmp_path: Path) -> None:
    """A test that a checker answers, or needs to narrow a type, stays; of other branches the first definition holds."""
    (tmp_path / "branches.py").write_text(BRANCHES)
    assert (0, ["typings/branches.pyi"], []) == said_by(stubs(tmp_path, "branches"))
    text = (tmp_path / "typings/branches.pyi").read_text()
    assert "\nimport fast_json as _json\n" in text
    assert EXPECTED_BRANCHES == text[text.index("if sys") :]


LISTED = """
from collections import OrderedDict
from typing import Any, NewType

from shops import tools
from shops.tools import Sku, most, other
from statesig import Failed, Signal

{listing}
Code = NewType("Code", int)

class Sold(Failed[Any]):
    price: int = 3
    sku: Sku = Sku("a")
    codes: tuple[Code, ...] | None = (Code(1),)

class SELL(Signal[Sold]): ...
"""
LISTINGS = [
    '__all__: list[str] = ["SELL", "OrderedDict", "most"]',
    '__all__ = ["SELL", "OrderedDict"] + tools.__all__',
    '__all__ = ["SELL", "OrderedDict"]\n__all__.extend(tools.__all__)',
]


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str], str]:
    """Write the stub of a module with a listing, and return its text."""

    def text(listing: str) -> str:
        (tmp_path / "shops").mkdir()
        tools = 'from typing import NewType\n__all__ = ["most"]\nmost = other = 5\nSku = NewType("Sku", str)\n'
        (tmp_path / "shops/tools.py").write_text(tools)
        (tmp_path / "shops/sales.py").write_text(LISTED.format(listing=listing))
        stubs(tmp_path, "shops")
        return (tmp_path / "typings/shops/sales.pyi").read_text()

    return text


@pytest.mark.parametrize("listing", LISTINGS)
def test_what_a_listing_names_is_imported(listing: str, listed: Callable[[str], str]) -> None:
    """A stub imports the names in ``__all__``, however the module lists them, and keeps the listing."""
    lines = listed(listing).splitlines()
    assert {"from collections import OrderedDict", "from shops.tools import Sku, most"} <= {*lines}
    assert listing.splitlines()[0] in lines


def test_the_default_of_a_new_type_is_not_shown(listed: Callable[[str], str]) -> None:
    """Its value is that of another type, which a checker would refuse."""
    lines = [line.strip() for line in listed(LISTINGS[0]).splitlines()]
    shown = ("price: int = 3,", "sku: Sku = ...,", "codes: tuple[Code, ...] | None = ...,")
    assert shown == tuple(line for line in lines if line.startswith(("price", "sku", "codes")) and line.endswith(","))
