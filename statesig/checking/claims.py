"""What the plugin for mypy knows of classes: what each was noted to be, and which others claim the same.

A note is kept in mypy's own cache, with its class. What is remembered besides, of one run or of a daemon, is an index:
a class is looked up again before it is believed to claim anything, and imports are read again with their source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mypy.maptype import map_instance_to_supertype
from mypy.nodes import Import, ImportAll, ImportFrom, SymbolTable, TypeInfo
from mypy.semanal import SemanticAnalyzer
from mypy.server.trigger import make_wildcard_trigger
from mypy.types import Instance, ProperType, TupleType, get_proper_type
from mypy.typevars import fill_typevars
from mypy.util import correct_relative_import

__all__ = ["NOTES", "SIGNAL", "STATE", "Claims", "class_at", "notes_of", "state_raised_by"]

STATE: Final = "statesig.states.State"
SIGNAL: Final = "statesig.signals.Signal"
NOTES: Final = "statesig"


class Claims:
    """Which classes claim a tag, and which a state to raise, in all the modules seen so far.

    A class that mypy analyses claims for itself. Those that come from the cache are looked for once, in the modules
    that import statesig, themselves or through others: to look into a cached class is to load it.
    """

    def __init__(self) -> None:
        self._claimants: dict[str, dict[str, set[str]]] = {}  # by claim and module
        self._imports = _Imports()
        self._searched: set[str] = set()

    def rival_of(self, info: TypeInfo, analyzer: SemanticAnalyzer) -> TypeInfo | None:
        """Enter a class, and return another that claims the same, above it or in a module along its imports.

        Two modules that do not import each other are not compared: they may never be loaded together, and when mypy
        looks at one again, the other need not be there.
        """
        claim = _claim_of(info)
        if claim is None or class_at(info.fullname, analyzer) is not info:
            return None  # the second definition of a name, of which one is there when it runs
        self._search(analyzer)
        claimants = self._claimants.setdefault(claim, {})
        claimants.setdefault(info.module_name, set()).add(info.fullname)
        imported = self._imports.below(info.module_name, analyzer)
        for module in imported | self._imports.named_in(info.module_name):
            if not module.startswith("statesig."):
                analyzer.add_plugin_dependency(make_wildcard_trigger(module))  # the daemon is to look again
        for module in [*sorted(imported & claimants.keys()), info.module_name]:
            others = [class_at(name, analyzer) for name in sorted(claimants[module] - {info.fullname})]
            rivals = [other for other in others if other is not None and _claim_of(other) == claim]
            if module == info.module_name:
                rivals = [other for other in rivals if other.line < info.line]
            if rivals:
                return min(rivals, key=lambda other: other.line)
        return None

    def imported_by(self, module: str) -> set[str]:
        """Return the modules that were searched for the rivals of a module's classes."""
        return self._imports.known_below(module)

    def _search(self, analyzer: SemanticAnalyzer) -> None:
        for module in self._imports.learn(analyzer) & analyzer.modules.keys() - self._searched:
            self._searched.add(module)
            if analyzer.modules[module].defs:
                continue  # it has a source that mypy analyses, class by class
            for info in _classes_in(analyzer.modules[module].names, module):
                claim = _claim_of(info)
                if claim is not None:
                    self._claimants.setdefault(claim, {}).setdefault(module, set()).add(info.fullname)


class _Imports:
    """Which modules import which, of those alone that import statesig, themselves or through others."""

    def __init__(self) -> None:
        self._edges: dict[str, tuple[object, set[str]]] = {}
        self._related: set[str] = set()
        self._below: dict[str, set[str]] = {}
        self._sizes = (0, 0)
        self._grown = False

    def learn(self, analyzer: SemanticAnalyzer) -> set[str]:
        """Look at the modules that came since the last call, and return all that import statesig."""
        sizes = len(analyzer.modules), len(analyzer.import_map)
        if sizes != self._sizes:
            self._sizes = sizes
            for module in (*analyzer.modules, *analyzer.import_map):
                if module not in self._edges:
                    self._look_at(module, analyzer)
            self._relate()
        return self._related

    def below(self, module: str, analyzer: SemanticAnalyzer) -> set[str]:
        """Return the modules that a module imports, itself or through others, by what their sources say now."""
        self._look_at(module, analyzer)
        for each in (*self.named_in(module), *self._below.get(module, ())):
            self._look_at(each, analyzer)
        self._relate()
        known = self._below.get(module)
        if known is None:
            known = self._below[module] = set()
            ahead = [module]
            while ahead:
                fresh = (self.named_in(ahead.pop()) & self._related) - known
                known |= fresh
                ahead += fresh
            known.discard(module)
        return known

    def named_in(self, module: str) -> set[str]:
        """Return the modules that a module imports itself, by what was read last."""
        return self._edges[module][1] if module in self._edges else set()

    def known_below(self, module: str) -> set[str]:
        """Return what `below` has returned last."""
        return self._below.get(module, set())

    def _look_at(self, module: str, analyzer: SemanticAnalyzer) -> None:
        """Read a module's imports, unless they were read of the same source."""
        tree = analyzer.modules.get(module)
        source = tree.imports if tree is not None and tree.imports else None
        before = self._edges.get(module)
        if before is not None and before[0] is source:
            return
        # What mypy itself read is there at once, but not of what the daemon sees again.
        listed = analyzer.import_map.get(module) if before is None else None
        imports = set(listed) if listed is not None else _imports_in(module, analyzer)
        self._edges[module] = source, imports
        if before is None or before[1] != imports:
            self._below.clear()
        self._grown |= before is None or not imports <= before[1]

    def _relate(self) -> None:
        """Find the modules that import statesig. One that did may do so again, so none is ever left out."""
        if not self._grown:
            return
        self._grown = False
        self._below.clear()
        importers: dict[str, list[str]] = {}
        for module, (_, imports) in self._edges.items():
            for imported in imports:
                importers.setdefault(imported, []).append(module)
        ahead = [module for module in self._edges if module.startswith("statesig.")]
        seen = set(ahead)
        while ahead:
            fresh = [module for module in importers.get(ahead.pop(), ()) if module not in seen]
            seen.update(fresh)
            ahead += fresh
        self._related |= seen


def class_at(name: str, analyzer: SemanticAnalyzer) -> TypeInfo | None:
    """Return the class of a full name as far as it is analysed; None where the name is no class, or not known yet."""
    symbol = analyzer.lookup_fully_qualified_or_none(name)
    return symbol.node if symbol is not None and isinstance(symbol.node, TypeInfo) else None


def notes_of(info: TypeInfo) -> dict[str, object]:
    """Return what was noted of a class where it was defined, such as the tag of a state; nothing of any other."""
    return info.metadata.get(NOTES, {})


def _claim_of(info: TypeInfo) -> str | None:
    """Return what there may be one of: the tag of a state, the state of a signal."""
    if info.has_base(STATE):
        notes = notes_of(info)
        return None if notes.get("tag") is None or notes["abstract"] else f"tag {notes['tag']}"
    if info.has_base(SIGNAL) and info.fullname != SIGNAL:
        state = state_raised_by(info)
        return f"signal of {state.type.fullname}" if isinstance(state, Instance) else None
    return None


def _classes_in(names: SymbolTable, module: str) -> Iterator[TypeInfo]:
    """Yield the classes that a module defines, nested ones too, and none that it imports."""
    for symbol in names.values():
        if symbol.cross_ref is None and isinstance(symbol.node, TypeInfo) and symbol.node.module_name == module:
            yield symbol.node
            yield from _classes_in(symbol.node.names, module)


def _imports_in(module: str, analyzer: SemanticAnalyzer) -> set[str]:
    """Return the modules that a module's source imports."""
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
    # To import a module is to import the packages it is in.
    return {".".join(parts[:depth]) for parts in map(_parts, named) for depth in range(1, len(parts) + 1)}


def _parts(module: str) -> list[str]:
    return module.split(".")


def _signal_above(info: TypeInfo) -> TypeInfo:
    return next(base for base in info.mro if base.fullname == SIGNAL)


def state_raised_by(info: TypeInfo) -> ProperType:
    """Return what stands in the brackets of ``Signal[...]`` at a class or above it, in the variables of the class."""
    itself = fill_typevars(info)
    if isinstance(itself, TupleType):
        itself = itself.partial_fallback
    return get_proper_type(map_instance_to_supertype(itself, _signal_above(info)).args[0])
