"""What Hypothesis loads when it is imported: it ties states to their strategies, and loads nothing of these yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["register", "strategy_for"]


def register() -> None:
    """Let ``st.from_type`` know every state, those of users and parametrised ones, and those that are defined later.

    By the table in which Hypothesis keeps what it knows of other packages: a function for each, asked once the package
    is loaded and for a type that nobody has registered. What is registered by a user goes before it.
    """
    from hypothesis.strategies._internal import types

    by_package = getattr(types, "_global_extra_lookup", None)
    if by_package is None:
        _register_known()
    else:
        by_package["statesig.states"] = strategy_for


def strategy_for(thing: Any) -> SearchStrategy[Any] | None:
    """Return the strategy of a class of states, or of another type that is statesig's; None for any other type."""
    from statesig.testing import strategies

    return strategies.strategy_for(thing)


def _register_known() -> None:
    """Register the states that there are, by Hypothesis's public way: where it keeps no table of other packages."""
    from hypothesis.strategies import register_type_strategy

    from statesig.states import Finished, MetaState, State
    from statesig.states.families import descendants
    from statesig.testing.strategies import strategy_of

    kinds: list[Any] = [State, MetaState, Finished, *descendants(State)]
    for kind in kinds:
        register_type_strategy(kind, strategy_of)
