"""The Hypothesis plugin: registers strategies of states. It must not import them before a test asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["register", "strategy_for"]


def register() -> None:
    """Let ``st.from_type`` know every state: users' own, parametrised ones, and those defined later.

    It adds a function to Hypothesis's table of other packages. Hypothesis calls it once the package is loaded, for
    types that nobody has registered; a user's registration takes precedence.
    """
    from hypothesis.strategies._internal import types

    by_package = getattr(types, "_global_extra_lookup", None)
    if by_package is None:
        _register_known()
    else:
        by_package["statesig.states"] = strategy_for


def strategy_for(thing: Any) -> SearchStrategy[Any] | None:
    """Return the strategy of a class of states or of another statesig type; None for any other type."""
    from statesig.testing import strategies

    return strategies.strategy_for(thing)


def _register_known() -> None:
    """Register all known states through Hypothesis's public API, for releases without a table of other packages."""
    from hypothesis.strategies import register_type_strategy

    from statesig.states import Finished, MetaState, State
    from statesig.states.families import descendants
    from statesig.testing.strategies import strategy_of

    kinds: list[Any] = [State, MetaState, Finished, *descendants(State)]
    for kind in kinds:
        register_type_strategy(kind, strategy_of)
