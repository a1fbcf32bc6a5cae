"""Tags and signals that two classes claim, found for the mypy plugin along the imports of a program.

Mypy keeps the notes on a class in its cache. All else here is an index, kept for one run or by the daemon: never trust
it without looking the class up again.

It keeps a graph of imports so that a second class with one tag is reported in the module that imports the first, even
through others, and no longer once that import is gone; mypy's own map of imports loses entries while mypy runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mypy.errorcodes import ErrorCode
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import Import, ImportAll, ImportFrom, MypyFile, SymbolTable, TypeInfo
from mypy.semanal import SemanticAnalyzer
from mypy.server.trigger import make_wildcard_trigger
from mypy.types import ProperType, TupleType, get_proper_type
from mypy.typevars import fill_typevars
from mypy.util import correct_relative_import

__all__ = [
    "MACHINE",
    "NOTES",
    "SIGNAL",
    "STATE",
    "STATESIG",
    "TRANSITION",
    "Claims",
    "argument_of",
    "class_at",
    "is_state",
    "notes_of",
    "root_of",
]

STATE: Final = "statesig.states.State"
SIGNAL: Final = "statesig.signals.Signal"
MACHINE: Final = "statesig.states.machines.Machine"
TRANSITION: Final = "statesig.algebra.machines.Transition"
NOTES: Final = "statesig"

STATESIG: Final = ErrorCode("statesig", "Check that states and signals are defined one to one", "statesig")


_HOMES: Final = ("statesig.states", "statesig.signals")
"""The modules that define the states of a run, each with its name for a tag, and their signals."""

_Claim = tuple[str, str]
"""What only one class may have: a state's tag with the name of its machine's root, or a signal's state with no text."""


class Claims:
    """The classes that claim a tag, or a state to raise, in all modules seen so far.

    Classes that mypy analyses enter themselves. Cached ones are searched for once, and only in modules that a module
    with a claim imports and that import statesig, directly or through others: looking at a cached class loads it.
    """

    def __init__(self) -> None:
        self._claimants: dict[_Claim, dict[str, set[str]]] = {}  # by claim and module
        self._imports = _Imports()
        self._searched: set[str] = set()

    def rival_of(self, info: TypeInfo, analyzer: SemanticAnalyzer) -> TypeInfo | None:
        """Enter a class, and return another with the same claim, above it or in a module that its own imports.

        Modules that do not import each other are not compared: a program may never load both, and mypy may check one
        again without the other.
        """
        claim = _claim_of(info)
        if claim is None or class_at(info.fullname, analyzer) is not info:
            return None  # a second definition of the name; only one of them exists at run time
        imported = self._searched_below(claim, info.module_name, analyzer)
        self._enter(claim, info)
        claimants = self._claimants[claim]
        for module in imported | self._imports.named_in(info.module_name):
            if not module.startswith("statesig."):
                analyzer.add_plugin_dependency(make_wildcard_trigger(module))  # so that the daemon checks again
        for module in [*sorted(imported & claimants.keys()), info.module_name]:
            others = [class_at(name, analyzer) for name in sorted(claimants[module] - {info.fullname})]
            rivals = [other for other in others if other is not None and _claim_of(other) == claim]
            if module == info.module_name:
                rivals = [other for other in rivals if other.line < info.line]
            if rivals:
                return min(rivals, key=lambda other: other.line)
        return None

    def signal_of(self, state: TypeInfo, seen_from: str, analyzer: SemanticAnalyzer) -> TypeInfo | None:
        """Return the signal of a state, of those in the modules that another imports, or in itself.

        Args:
            state: The state.
            seen_from: The module in whose place it is asked.
            analyzer: Where mypy is.
        """
        claim = (state.fullname, "")
        imported = self._searched_below(claim, seen_from, analyzer)
        claimants = self._claimants.get(claim, {})
        names = [
            name for module in (*sorted(imported & claimants.keys()), seen_from) for name in claimants.get(module, ())
        ]
        found = (class_at(name, analyzer) for name in names)
        return next((signal for signal in found if signal is not None and _claim_of(signal) == claim), None)

    def imported_by(self, module: str) -> set[str]:
        """Return the modules in which rivals of a module's classes were searched for."""
        return self._imports.known_below(module)

    def _enter(self, claim: _Claim | None, info: TypeInfo) -> None:
        if claim is not None:
            self._claimants.setdefault(claim, {}).setdefault(info.module_name, set()).add(info.fullname)

    def _searched_below(self, claim: _Claim, module: str, analyzer: SemanticAnalyzer) -> set[str]:
        """Return the modules that a module imports, once what they claim is known."""
        imported = self._imports.below(module, analyzer)
        self._search(claim, imported, analyzer)
        return imported

    def _search(self, claim: _Claim, imported: set[str], analyzer: SemanticAnalyzer) -> None:
        for module in imported - self._searched:
            tree = analyzer.modules.get(module)
            if tree is None or (module in _HOMES and not _is_own(claim, tree)):
                continue
            self._searched.add(module)
            if tree.defs:
                continue  # mypy analyses its source, and each class enters itself
            for info in _classes_in(tree.names, module):
                self._enter(_claim_of(info), info)


class _Imports:
    """The imports between modules that import statesig, directly or through others; not those of its own modules."""

    def __init__(self) -> None:
        self._edges: dict[str, tuple[object, set[str]]] = {}
        self._own: set[str] = set()
        self._related: set[str] = set()
        self._below: dict[str, set[str]] = {}
        self._sizes = (0, 0)
        self._grown = False

    def below(self, module: str, analyzer: SemanticAnalyzer) -> set[str]:
        """Return the modules that a module imports, directly or through others, read from the current sources.

        Of those of statesig, the `_HOMES` stand for all: no other defines a state or a signal.
        """
        self._learn(analyzer)
        for each in (module, *self.named_in(module), *self._below.get(module, ())):
            self._look_at(each, analyzer)
        self._relate()
        known = self._below.get(module)
        if known is None:
            known = self._below[module] = set(_HOMES)
            ahead = [module]
            while ahead:
                fresh = (self.named_in(ahead.pop()) & self._related) - self._own - known
                known |= fresh
                ahead += fresh
            known.discard(module)
        return known

    def named_in(self, module: str) -> set[str]:
        """Return a module's direct imports, as last read."""
        return self._edges[module][1] if module in self._edges else set()

    def known_below(self, module: str) -> set[str]:
        """Return the last answer of `below`."""
        return self._below.get(module, set())

    def _learn(self, analyzer: SemanticAnalyzer) -> None:
        """Read the modules added since the last call."""
        sizes = len(analyzer.modules), len(analyzer.import_map)
        if sizes != self._sizes:
            self._sizes = sizes
            for module in (*analyzer.modules, *analyzer.import_map):
                if f"{module}.".startswith("statesig.") and not module.startswith("statesig.examples."):
                    self._own.add(module)
                elif module not in self._edges:
                    self._look_at(module, analyzer)

    def _look_at(self, module: str, analyzer: SemanticAnalyzer) -> None:
        """Read a module's imports, unless they were read from the same source before."""
        tree = analyzer.modules.get(module)
        source = tree.imports if tree is not None and tree.imports else None
        before = self._edges.get(module)
        if before is not None and before[0] is source:
            return
        # Mypy's map is quick to read the first time, but its sets are not reliable later.
        listed = analyzer.import_map.get(module) if before is None else None
        imports = set(listed) if listed is not None else _imports_in(module, analyzer)
        self._edges[module] = source, imports
        if before is not None and before[1] == imports:
            return
        self._below.clear()
        self._grown = True

    def _relate(self) -> None:
        """Find the modules that import statesig; keep those that no longer do, since they may again."""
        if not self._grown:
            return
        related, before = self._related | self._own, 0
        while before != len(related):
            before = len(related)
            for module, (_, imports) in reversed(self._edges.items()):  # mypy's map has what is imported last
                if module not in related and not imports.isdisjoint(related):
                    related.add(module)
        self._related = related
        self._grown = False


def class_at(name: str, analyzer: SemanticAnalyzer) -> TypeInfo | None:
    """Return the class with a full name, as far as it is analysed.

    None if the name is unknown, is not a class, or has come to be the name of an import, as after a class was moved.
    """
    symbol = analyzer.lookup_fully_qualified_or_none(name)
    found = symbol.node if symbol is not None else None
    return found if isinstance(found, TypeInfo) and found.fullname == name else None


def notes_of(info: TypeInfo) -> dict[str, object]:
    """Return the notes on a class, such as a state's tag; empty for a class without notes."""
    return info.metadata.get(NOTES, {})


def is_state(info: TypeInfo) -> bool:
    """Tell whether a class is a state of a run or of a machine."""
    return info.has_base(STATE) or (info.has_base(MACHINE) and info.fullname != MACHINE)


def root_of(state: TypeInfo) -> TypeInfo:
    """Return the class at the top of a state's hierarchy: `State`, or the root of a machine."""
    return next(base for base in reversed(state.mro) if base.fullname == STATE or is_state(base))


def _claim_of(info: TypeInfo) -> _Claim | None:
    """Return what a class claims; None if it claims nothing."""
    notes = notes_of(info)
    raised, tag = notes.get("raises"), notes.get("tag")
    if isinstance(raised, str):
        return raised, ""
    return (tag, str(notes["root"])) if isinstance(tag, str) and not notes["abstract"] else None


def _is_own(claim: _Claim, module: MypyFile) -> bool:
    """Tell whether a class in one of the `_HOMES` may have a claim."""
    value, root = claim
    return value in module.names if root else value.startswith("statesig.")


def _classes_in(names: SymbolTable, module: str) -> Iterator[TypeInfo]:
    """Yield the classes that a module defines, nested ones included, imported ones excluded."""
    for symbol in names.values():
        if symbol.cross_ref is None and isinstance(symbol.node, TypeInfo) and symbol.node.module_name == module:
            yield symbol.node
            yield from _classes_in(symbol.node.names, module)


def _imports_in(module: str, analyzer: SemanticAnalyzer) -> set[str]:
    """Return the modules that a module's source imports, with their packages."""
    tree = analyzer.modules.get(module)
    if tree is None:
        return set()
    named: set[str] = set()
    for statement in tree.imports:
        if isinstance(statement, ImportFrom | ImportAll):
            relative, name = statement.relative, statement.id
            package, _ = correct_relative_import(module, relative, name, tree.is_package_init_file())
            named.add(package)
            if isinstance(statement, ImportFrom):
                named |= {f"{package}.{name}" for name, _ in statement.names} & analyzer.modules.keys()
        elif isinstance(statement, Import):
            named |= {name for name, _ in statement.ids}
    # Importing a module also imports the packages that contain it.
    return {".".join(parts[:depth]) for parts in map(_parts, named) for depth in range(1, len(parts) + 1)}


def _parts(module: str) -> list[str]:
    return module.split(".")


def argument_of(info: TypeInfo, root: str) -> ProperType:
    """Return what a class gives for the first argument of `STATE` or `SIGNAL`, in the class's own type variables."""
    for base in info.bases:
        if base.type.fullname == root:
            return get_proper_type(base.args[0])
    itself = fill_typevars(info)
    if isinstance(itself, TupleType):
        itself = itself.partial_fallback
    above = next(base for base in info.mro if base.fullname == root)
    return get_proper_type(map_instance_to_supertype(itself, above).args[0])
