"""Loading of the modules, flows and states that a user names on the command line. Never import a name from data."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

from typing_extensions import TypeForm

from statesig.cli.exits import Terminated, UsageError

if TYPE_CHECKING:
    from statesig.flow import Flow
    from statesig.states import State
    from statesig.states.machines import AnyKind, Machine

__all__ = ["OF_A_MACHINE", "kind_named", "load", "load_flow", "load_flows", "load_kind", "load_union"]

OF_A_MACHINE = "; a class of a machine is MODULE:CLASS, such as shop:Order"


def load_flow(target: str, *, hint: str = "") -> Flow:
    """Return the flow that ``MODULE:FLOW`` names; for ``MODULE`` alone its flow named ``flow``, or its only one.

    A module may be named by its file, too: ``./etl.py:nightly``.

    Args:
        target: What the user named.
        hint: What else could have been named, for the error about a flow that is not there.

    Raises:
        UsageError: There is no such module or flow, or more than one.
    """
    from statesig.flow import Flow

    module_name, colon, name = target.rpartition(":")
    if not colon or name.endswith(".py"):
        module_name, name = target, ""
    module = load(module_name)
    flows: dict[str, Flow] = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    if name:
        found = flows.get(name)
        if found is None:
            raise UsageError(f"{module_name} has no flow {name!r}; it has {', '.join(flows) or 'none'}{hint}")
        return found
    if "flow" in flows:
        return flows["flow"]
    if not flows:
        raise UsageError(f"{module_name} has no flow; define one at its top level: with Flow(...) as flow{hint}")
    if len(flows) != 1:
        listed = f"{', '.join(flows)}: say which, as in {module_name}:{next(iter(flows))}"
        raise UsageError(f"{module_name} has {len(flows)} flows, {listed}")
    return next(iter(flows.values()))


def load_flows(target: str) -> list[Flow]:
    """Return the flow that ``MODULE:FLOW`` names; for ``MODULE`` alone all its flows.

    Raises:
        UsageError: There is no such module or flow, or the module has none.
    """
    from statesig.flow import Flow

    _, colon, name = target.rpartition(":")
    if colon and not name.endswith(".py"):
        return [load_flow(target)]
    flows = {id(value): value for value in vars(load(target)).values() if isinstance(value, Flow)}
    if not flows:
        raise UsageError(f"{target} has no flow; define one at its top level: with Flow(...) as flow")
    return [*flows.values()]


def load_kind(target: str) -> AnyKind | None:
    """Return the class of states that ``MODULE:NAME`` names, of a run or of a machine; None if it names no such class.

    Raises:
        UsageError: There is no such module.
    """
    module_name, colon, name = target.rpartition(":")
    if not colon or name.endswith(".py"):
        return None
    found: object = getattr(load(module_name), name, None)
    return found if _is_kind(found) else None


def load_union(target: str) -> TypeForm[State[Any] | Machine] | None:
    """Return the closed union of states that ``MODULE:NAME`` names, or an alias of one; None if it names no union.

    Raises:
        UsageError: There is no such module, or the union is of states of several machines.
    """
    from statesig.states.unions import choice_of

    module_name, colon, name = target.rpartition(":")
    if not colon or name.endswith(".py"):
        return None
    found: Any = getattr(load(module_name), name, None)
    try:
        return found if choice_of(found) is not None else None
    except TypeError as exc:
        raise UsageError(f"{target} is no union: {exc}") from None


def _is_kind(found: object) -> TypeGuard[AnyKind]:
    """Tell whether an object is a class of states below one root."""
    from statesig.states import State
    from statesig.states.machines import Machine

    return isinstance(found, type) and issubclass(found, (State, Machine)) and found is not Machine


def load(name: str) -> ModuleType:
    """Import a module that the user named, by its name or by its file; from the current folder, too.

    Raises:
        UsageError: It does not exist, or it cannot be imported.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    path = Path(name)
    if path.suffix == ".py" and (len(path.parts) > 1 or path.exists()):
        return _loaded_file(path)
    return _imported(name)


def _loaded_file(path: Path) -> ModuleType:
    """Import a file as the module that it is: one of the packages around it, found from the folder above them.

    Raises:
        UsageError: There is no such file, or its name belongs to another module.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}")
    file = path.resolve()
    names, folder = [file.stem], file.parent
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    if "." in file.stem:
        raise UsageError(f"{str(path)!r} has a dot in its name, so that it is no module; rename it")
    if folder != Path.cwd():
        sys.path.insert(0, str(folder))
    name = ".".join(names)
    module = _imported(name)
    found = getattr(module, "__file__", None)
    if found is None or Path(found).resolve() != file:
        raise UsageError(f"{str(path)!r} would be the module {name!r}, which is another one: {found}; rename the file")
    return module


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            kind = f"file or module {name!r}" if name.endswith(".py") else f"module {name!r}"
            raise UsageError(f"there is no {kind}, here or installed") from None
        raise UsageError(f"{name} cannot be imported: {exc}") from exc
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as exc:  # a module may also exit, or raise a signal
        raise UsageError(f"{name} cannot be imported: {type(exc).__name__}: {exc}") from exc


def kind_named(tag: str, modules: Iterable[str]) -> AnyKind:
    """Import modules, then return the kind of state with a tag, or the abstract kind with a name, in any case.

    A kind of a machine is named with its module: ``shop:Order``.

    Raises:
        UsageError: There is no such kind, or a module cannot be imported.
    """
    from statesig.states.tags import kinds_by_name

    for module in modules:
        load(module)
    known = kinds_by_name()
    alike = [kind for name, kind in known.items() if name.casefold() == tag.casefold()]
    found = known.get(tag) or (alike[0] if len(alike) == 1 else None)
    if found is None:
        found = load_kind(tag)
    if found is None:
        remedies = f"--import MODULE makes those of a program known{OF_A_MACHINE}"
        raise UsageError(f"there is no state {tag!r}; known are {', '.join(known)}; {remedies}")
    return found
