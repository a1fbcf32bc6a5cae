"""What the test command leaves to `.ci/run`: the ways and the higher counts that are marked as exhaustive."""

import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest


def exhaustive_but(core: Collection[Any], ways: Iterable[Any]) -> list[Any]:
    """Return ways as parameters of a test: those that are not of the core are exhaustive."""
    return [_parameters(way, *([] if way in core else [pytest.mark.exhaustive])) for way in ways]


def counts(few: int | None, many: int, *, share: float = 1.0) -> list[Any]:
    """Return how often a test does something, as parameters: a few times, and many times where it is exhaustive.

    Args:
        few: For the test command; None where that leaves it out.
        many: For `.ci/run`.
        share: The part of STATESIG_ROUNDS, which goes before both: of what takes longer there is less.
    """
    said = os.environ.get("STATESIG_ROUNDS")
    if said is not None:
        many = max(few or 1, int(int(said) * share))
    core = [] if few is None else [few if said is None else many]
    return exhaustive_but(core, dict.fromkeys([*core, many]))


def one_in(number: int, ways: Sequence[Any]) -> list[Any]:
    """Return ways as parameters of a test, of which one in so many, spread evenly, is not exhaustive."""
    marks = [pytest.mark.exhaustive]
    return [_parameters(way, *(marks if at % number else [])) for at, way in enumerate(ways)]


def _parameters(way: Any, *marks: pytest.MarkDecorator) -> Any:
    """Return a way as a parameter; a tuple is several."""
    return pytest.param(*way, marks=marks) if isinstance(way, tuple) else pytest.param(way, marks=marks)
