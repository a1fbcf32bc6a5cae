"""Programs that a user names on the command line: their modules and flows. Never one that data names."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from statesig.exits import Terminated, UsageError

if TYPE_CHECKING:
    from statesig.flow import Flow

__all__ = ["load", "load_flow"]


def load_flow(target: str) -> Flow:
    """Return the flow that ``MODULE:FLOW`` names; of ``MODULE`` alone the one named flow, or its only one.

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
        UsageError: There is none, or it cannot be imported.
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
