"""Legal histories as Hypothesis strategies: those of a run, and those of a user's own machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast, overload

from hypothesis import reject
from hypothesis import strategies as st

from statesig.algebra.machines import Transition
from statesig.algebra.tables import FIRST
from statesig.algebra.transitions import advance, is_allowed, successors
from statesig.errors import IllegalTransition
from statesig.signals import signal_type_of
from statesig.states import Finished, State
from statesig.states.machines import Machine, shared_fields
from statesig.testing.machines import Kind, signals_of
from statesig.testing.strategies import Form, filled, states

__all__ = ["advanced", "forms_of", "paths", "signals_after"]

MachineT = TypeVar("MachineT", bound=Machine)


@overload
def paths(*, max_steps: int = ..., finished: bool = ...) -> st.SearchStrategy[list[State[Any]]]: ...
@overload
def paths(root: type[MachineT], *, max_steps: int = ..., finished: bool = ...) -> st.SearchStrategy[list[MachineT]]: ...
def paths(
    root: type[Machine] | None = None, *, max_steps: int = 10, finished: bool = False
) -> st.SearchStrategy[list[Any]]:
    """Return a strategy of legal histories: ``check_history(path) is None`` for each path that it draws.

    They shrink to shorter histories of plainer states. Those of a machine take over the fields that `Transition.after`
    would, and its guards let each step pass.

    Args:
        root: The root of a machine; by default they are histories of runs.
        max_steps: The largest number of transitions; a path has one state more than transitions.
        finished: Whether each path ends in a state that nothing follows; of a run, a Finished one.

    Raises:
        ValueError: `max_steps` is too small, or no history of the machine comes to an end.
        TypeError: `root` is no root of a machine.
    """
    if root is not None:
        return _machine_paths(root, max_steps, _left(root) if finished else None)
    if max_steps < finished:
        raise _too_few(int(finished), max_steps)
    return _run_paths(max_steps, finished, _Families())


def _too_few(least: int, max_steps: int) -> ValueError:
    return ValueError(f"a history takes {least} steps or more, and max_steps is {max_steps}")


# ---- of a run


class _Families(dict[type[State[Any]], st.SearchStrategy[Any]]):
    """The strategy of each family, made once: making one takes longer than drawing from it."""

    def __missing__(self, family: type[State[Any]]) -> st.SearchStrategy[Any]:
        self[family] = found = states(family)
        return found


@st.composite
def _run_paths(draw: st.DrawFn, max_steps: int, finished: bool, drawn: _Families) -> list[State[Any]]:
    path: list[State[Any]] = []
    families = FIRST
    for left in range(max_steps, -1, -1):
        # Draw a family of the table first, so that Running is as frequent as all failed states together.
        family = draw(st.sampled_from(families))
        path.append(draw(drawn[family]))
        families = successors(type(path[-1]))
        if finished:
            # Finished states come first, since Hypothesis shrinks to the first, and must come while a step is left.
            ends = tuple(family for family in families if issubclass(family, Finished))
            families = ends if left == 1 else ends + tuple(family for family in families if family not in ends)
        if not families or not (finished or draw(_going_on)):
            break
    return path


_going_on = st.sampled_from((False, True, True, True))


# ---- of a machine


def forms_of(root: type[Machine]) -> Mapping[type[Machine], Form]:
    """Return what draws each state that has a transition, made once: making it takes longer than drawing from it."""
    return {kind: Form(kind) for kind in signals_of(root)}


def signals_after(source: Machine | None, form: Form) -> st.SearchStrategy[Transition[Any, Any]]:
    """Return a strategy of the signals to a state, which take over what `Transition.after` does."""
    names: tuple[str, ...] = () if source is None else shared_fields(type(source), form.cls)
    signal: Any = signal_type_of(form.cls)
    return filled(form, {name: getattr(source, name) for name in names}).map(signal.of)


def advanced(state: Machine | None, signal: Transition[Any, Any]) -> Machine | None:
    """Return what `advance` gives; None if it refuses."""
    source: Any = state  # of whatever kind: it is `advance` that judges
    try:
        return cast("Machine", advance(source, signal))
    except IllegalTransition:
        return None


def _machine_paths(
    root: type[Machine], max_steps: int, left: Mapping[type[Machine], int] | None
) -> st.SearchStrategy[list[Any]]:
    forms = forms_of(root)
    if left is not None:
        least = min((left[kind] for kind in _next(None, left)), default=None)
        if least is None:
            raise ValueError(f"no history of {root.__name__} comes to an end")
        if max_steps < least:
            raise _too_few(least, max_steps)
    elif max_steps < 0:
        raise _too_few(0, max_steps)
    return _walks(forms, max_steps, left)


def _next(source: Kind, kinds: Iterable[type[Machine]]) -> list[type[Machine]]:
    """Return those kinds that may follow another."""
    return [kind for kind in kinds if is_allowed(source, kind)]


def _left(root: type[Machine]) -> dict[type[Machine], int]:
    """Return how many steps it takes from each kind to an end, the fewest first; a kind without such a way has none."""
    found: dict[type[Machine], int] = {}
    ends = [kind for kind in signals_of(root) if not successors(kind)]
    while ends:
        found.update(dict.fromkeys(ends, max(found.values(), default=-1) + 1))
        ends = [kind for kind in signals_of(root) if kind not in found and _next(kind, found)]
    return found


@st.composite
def _walks(
    draw: st.DrawFn,
    forms: Mapping[type[Machine], Form],
    max_steps: int,
    left: Mapping[type[Machine], int] | None,
) -> list[Machine]:
    """Draw a walk; if it is told how many steps each kind has left to an end, one that comes to an end."""
    path: list[Machine] = []
    for steps in range(max_steps, -1, -1):
        source = path[-1] if path else None
        kinds = _next(None if source is None else type(source), forms if left is None else left)
        state = _step(draw, source, [kind for kind in kinds if left is None or left[kind] <= steps], forms)
        if state is None:
            break
        path.append(state)
        if left is None and not draw(_going_on):
            break
    if not path or (left is not None and left[type(path[-1])]):
        reject()  # guards stand in all ways
    return path


def _step(
    draw: st.DrawFn, source: Machine | None, kinds: list[type[Machine]], forms: Mapping[type[Machine], Form]
) -> Machine | None:
    """Draw a state of one of some kinds that follows another; None if the guards refuse all that is drawn."""
    while kinds:
        kind = draw(st.sampled_from(kinds))
        state = advanced(source, draw(signals_after(source, forms[kind])))
        if state is not None:
            return state
        kinds = [other for other in kinds if other is not kind]
    return None
