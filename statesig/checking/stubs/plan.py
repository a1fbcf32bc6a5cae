"""The plan of stubs: the modules that need one, the path of each, and whether existing ones are current.

A signal takes the fields of its state, and annotations cannot copy fields from one class to another. So a module that
defines signals needs a stub with a constructor for each and all other declarations; other modules need none.
``python -m statesig stubs`` writes them, and must never overwrite a file that it did not write.
"""

from __future__ import annotations

import ast
import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from statesig.checking.stubs.constructors import is_named_signal
from statesig.checking.stubs.declarations import declarations_of
from statesig.checking.stubs.formatting import text_of
from statesig.checking.stubs.readers import TYPINGS, read_by
from statesig.checking.stubs.sources import parsed, source_of

__all__ = ["COMMAND", "Plan", "shown", "stub_of", "stubs_of"]

COMMAND = "python -m statesig stubs"

_BY_HAND = f"was not written by `{COMMAND}` and is left as it is; move it, or give another folder by --output"

Load = Callable[[str], ModuleType]


@dataclass(frozen=True)
class Plan:
    """The stubs that should exist.

    Args:
        command: The command that writes them.
        texts: The text of each needed stub, by path.
        left_over: Existing generated stubs whose modules define no signals.
        output: The folder of the stubs.
        beside: The paths that stubs beside the modules would have.
    """

    command: str
    texts: dict[Path, str]
    left_over: tuple[Path, ...]
    output: Path = TYPINGS
    beside: tuple[Path, ...] = ()

    def write(self) -> Iterator[str]:
        """Write the stubs that are not current and remove those left over; yield a line for each.

        Raises:
            FileExistsError: A hand-written file is in a stub's place; nothing is written.
            OSError: A file cannot be written.
        """
        if by_hand := [f"{shown(path)} {_BY_HAND}" for path in self.texts if _is_by_hand(path)]:
            raise FileExistsError("\n".join(by_hand))
        for path, text in self.texts.items():
            if _state_of(path, text):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
                yield shown(path)
        for path in self.left_over:
            path.unlink()
            yield f"{shown(path)} removed"

    def readers(self) -> list[str]:
        """Return a line that says which type checkers read the stubs, and a warning where mypy checks less for them."""
        beside = [shown(path) for path in self.beside if path.is_file() and _is_generated(path)]
        return [*read_by(self.output, shown(self.output), self.texts, beside)]

    def check(self) -> list[str]:
        """Return a line with problem and remedy for each stub that is missing, stale, left over or hand-written."""
        wrong = {path: found for path, text in self.texts.items() if (found := self._problem(path, text))}
        wrong |= dict.fromkeys(self.left_over, f"is not needed any more; run {self.command}")
        return [f"{shown(path)} {found}" for path, found in wrong.items()]

    def _problem(self, path: Path, text: str) -> str | None:
        found = _state_of(path, text)
        return _BY_HAND if _is_by_hand(path) else found and f"{found}; run {self.command}"


def stubs_of(packages: Sequence[str], output: Path | None = None, load: Load = import_module) -> Plan:
    """Return the plan of a program's stubs: one for each module that defines signals.

    It reads all modules of a package, imports those that may define signals, and never imports ``__main__``.

    Args:
        packages: Dotted names of modules and packages.
        output: The folder for the stubs, as in ``typings/shop/signals.pyi``; ``typings`` by default. Beside the
            modules mypy would read them in place of these, and check nothing of what the modules do.
        load: Imports a module.

    Raises:
        ImportError: A module cannot be imported; `load` may raise other errors.
        OSError: A module has no source.
        SyntaxError: A file is not Python, or needs a later version.
    """
    option = "" if output is None else f" --output {shown(output)}"
    folder = output or TYPINGS
    texts: dict[Path, str] = {}
    places: list[Path] = []
    beside: list[Path] = []
    for package in packages:
        module = load(package)
        for name, file in _files_of(module):
            place = folder / _path_of(name, Path(file).stem)
            places.append(place)
            if (name == package or _may_define_signals(name, file)) and _defines_signals(load(name)):
                texts[place] = stub_of(name, command=f"{COMMAND} {name}{option}")
                beside.append(Path(file).with_suffix(".pyi"))
        if hasattr(module, "__path__"):  # the stubs of deleted modules are in its folder
            places.append(folder / package.replace(".", "/"))
    command = f"{COMMAND} {' '.join(packages)}{option}"
    return Plan(command, texts, _left_over(places, texts), folder, tuple(beside))


def stub_of(module: str, *, command: str | None = None) -> str:
    """Return the stub of one module: the same bytes on every Python that can import it.

    Args:
        module: Its dotted name.
        command: The command that the stub's first line names.

    Raises:
        ImportError: The module cannot be imported.
        OSError: The module has no source.
        SyntaxError: Its text is not Python, or needs a later version.
    """
    source = source_of(module)
    header = f"{_header(command or f'{COMMAND} {module}')}: change the module, not this file."
    return text_of(source, declarations_of(source), header)


def _header(command: str) -> str:
    return f"# Written by `{command}`"


# ---- files


def _path_of(module: str, stem: str = "") -> str:
    return module.replace(".", "/") + ("/__init__.pyi" if stem == "__init__" else ".pyi")


def shown(path: Path) -> str:
    """Return a path relative to the current folder if it is in it, so that the text is the same on every machine."""
    here = Path.cwd()
    path = Path(os.path.abspath(path))  # not resolved: a link keeps the name that the user gave
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _state_of(path: Path, text: str) -> str | None:
    """Return the problem with a stub, or None if it is current."""
    if not path.is_file():
        return "is missing"
    return None if path.read_bytes().replace(b"\r\n", b"\n") == text.encode() else "is stale"


def _is_by_hand(path: Path) -> bool:
    """Tell whether a file exists that the generator did not write."""
    return path.is_file() and not _is_generated(path)


def _is_generated(path: Path) -> bool:
    return path.read_bytes().startswith(_header(COMMAND)[:-1].encode())


def _left_over(places: Iterable[Path], texts: Iterable[Path]) -> tuple[Path, ...]:
    """Return the generated stubs among these files and folders that are not in the plan."""
    found = {path for place in places for path in (sorted(place.rglob("*.pyi")) if place.is_dir() else [place])}
    return tuple(path for path in sorted(found.difference(texts)) if path.is_file() and _is_generated(path))


# ---- modules


def _files_of(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Yield name and file of a module and, for a package, of all modules below it; import nothing."""
    path = getattr(module, "__path__", None)
    file = getattr(module, "__file__", None)
    if file is not None and file.endswith(".py"):
        yield module.__name__, file
    elif path is None:
        raise FileNotFoundError(f"{module.__name__} has no source")
    if path is not None:
        yield from _files_below(module.__name__, path)


def _files_below(package: str, path: Iterable[str]) -> Iterator[tuple[str, str]]:
    path = [*path]
    for found in pkgutil.iter_modules(path, f"{package}."):
        spec = found.module_finder.find_spec(found.name, None)
        if spec is None or spec.origin is None or found.name.endswith(".__main__"):
            continue
        if spec.origin.endswith(".py"):
            yield found.name, spec.origin
        yield from _files_below(found.name, spec.submodule_search_locations or ())
    for folder in _folders_without_init(path):
        yield from _files_below(f"{package}.{folder.name}", [str(folder)])


def _folders_without_init(path: Iterable[str]) -> Iterator[Path]:
    """Yield the folders that import as namespace packages, which `pkgutil` does not list."""
    for folder in (folder for entry in path if Path(entry).is_dir() for folder in sorted(Path(entry).iterdir())):
        is_folder = folder.is_dir() and not folder.is_symlink()  # a link may lead back
        if is_folder and folder.name.isidentifier() and not (folder / "__init__.py").exists():
            yield folder


def _may_define_signals(module: str, file: str) -> bool:
    """Tell whether a module has a class with a base from statesig, from its own package, or of unknown origin.

    Other modules are not imported: their dependencies may not be installed here.
    """
    tree = parsed(file)
    homes = {"statesig", module.partition(".")[0]}
    near: set[str] = set()
    values: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                near.update((each.asname or each.name).partition(".")[0] for each in names if _root(each.name) in homes)
            case ast.ImportFrom(module=source, names=names, level=level):
                is_near = level > 0 or _root(source or "") in homes
                near.update(each.asname or each.name for each in names if is_near or each.name in ("*", "Signal"))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = value
            case _:
                pass
    bases = (base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases)
    roots = {name for base in bases for name in _roots_of(base, values)}
    return ("*" in near and bool(roots)) or not near.isdisjoint(roots)


def _root(module: str) -> str:
    return module.partition(".")[0]


def _roots_of(expression: ast.expr, values: dict[str, ast.expr]) -> set[str]:
    """Return the names in an expression, and in the values that the module assigns to those names."""
    found: set[str] = set()
    pending = [expression]
    while pending:
        names = {part.id for part in ast.walk(pending.pop()) if isinstance(part, ast.Name)} - found
        found |= names
        pending += [values[name] for name in names if name in values]
    return found


def _defines_signals(module: ModuleType) -> bool:
    """Tell whether a module defines a signal, at top level or inside a class."""
    pending = _classes(module)
    while pending:
        cls = pending.pop()
        if cls.__module__ == module.__name__:
            if is_named_signal(cls):
                return True
            pending += [inner for inner in _classes(cls) if inner.__qualname__.startswith(f"{cls.__qualname__}.")]
    return False


def _classes(scope: object) -> list[type[Any]]:
    return [value for value in vars(scope).values() if isinstance(value, type)]
