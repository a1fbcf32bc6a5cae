"""Loading of the modules, flows and states that a user names on the command line. Never import a name from data."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from statesig.cli.exits import Terminated, UsageError

if TYPE_CHECKING:
    from statesig.flow import Flow
    from statesig.states import State

__all__ = ["kind_named", "load", "load_flow"]


def load_flow(target: str) -> Flow:
    """Return the flow that ``MODULE:FLOW`` names; for ``MODULE`` alone its flow named ``flow``, or its only one.

    Raises:
        UsageError: There is no such module or flow, or more than one.
    """
    from statesig.flow import Flow

    module_name, _, name = target.partition(":")
    module = load(module_name)
    flows: dict[str, Flow] = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    if name:
        found = flows.get(name)
        if found is None:
            raise UsageError(f"{module_name} has no flow {name!r}; it has {', '.join(flows) or 'none'}")
        return found
    if "flow" in flows:
        return flows["flow"]
    if len(flows) != 1:
        listed = f"{', '.join(flows)}: say which, as in {module_name}:{next(iter(flows))}" if flows else "none"
        raise UsageError(f"{module_name} has {len(flows)} flows, {listed}")
    return next(iter(flows.values()))


def load(name: str) -> ModuleType:
    """Import a module that the user named, from the current folder too.

    Raises:
        UsageError: It does not exist, or it cannot be imported.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise UsageError(f"there is no module {name!r}, here or installed") from None
        raise UsageError(f"{name} cannot be imported: {exc}") from exc
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as exc:  # a module may also exit, or raise a signal
        raise UsageError(f"{name} cannot be imported: {type(exc).__name__}: {exc}") from exc


def kind_named(tag: str, modules: Iterable[str]) -> type[State[Any]]:
    """Import modules, then return the kind of state with a tag, or the abstract kind with a name.

    Raises:
        UsageError: There is no such kind, or a module cannot be imported.
    """
    from statesig.states import Finished, MetaState, State
    from statesig.states.families import descendants

    for module in modules:
        load(module)
    known: dict[str, type[Any]] = {kind.__name__: kind for kind in (State, MetaState, Finished)}
    known |= {cls.__tag__: cls for cls in descendants(State)}
    found = known.get(tag)
    if found is None:
        raise UsageError(f"there is no state {tag!r}; known are {', '.join(known)}")
    return found
