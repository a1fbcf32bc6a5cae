"""What the test command leaves to `.ci/run`: the ways and the higher counts that are marked exhaustive or thorough."""

import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest


def exhaustive_but(core: Collection[Any], ways: Iterable[Any], *, thorough: Collection[Any] = ()) -> list[Any]:
    """Return ways as parameters of a test: those that are not of the core are exhaustive, and some of them thorough."""

    def marks(way: Any) -> list[pytest.MarkDecorator]:
        return [] if way in core else [pytest.mark.thorough if way in thorough else pytest.mark.exhaustive]

    return [_parameters(way, *marks(way)) for way in ways]


def thorough_but(core: Collection[Any], ways: Iterable[Any]) -> list[Any]:
    """Return ways as parameters of a test: those that are not of the core are thorough."""
    every = list(ways)
    return exhaustive_but(core, every, thorough=every)


def counts(few: int | None, many: int | None, most: int | None = None, *, share: float = 1.0) -> list[Any]:
    """Return how often a test does something, as parameters: a few times, many times, and most where it is thorough.

    Args:
        few: For the test command; None where that leaves it out.
        many: For `.ci/run`; None where that leaves it out.
        most: For `.ci/run --thorough`; None where it adds nothing.
        share: The part of STATESIG_ROUNDS, which goes before all: of what takes longer there is less.
    """
    said = os.environ.get("STATESIG_ROUNDS")
    if said is not None:
        many, most = max(few or 1, int(int(said) * share)), None
        few = None if few is None else many
    levels = [number for number in (few, many, most) if number is not None]
    return exhaustive_but([few], dict.fromkeys(levels), thorough=[most])


def one_in(number: int, ways: Sequence[Any], *, others: pytest.MarkDecorator = pytest.mark.exhaustive) -> list[Any]:
    """Return ways as parameters of a test, of which one in so many, spread evenly, is not exhaustive, or thorough."""
    return [_parameters(way, *([others] if at % number else [])) for at, way in enumerate(ways)]


def _parameters(way: Any, *marks: pytest.MarkDecorator) -> Any:
    """Return a way as a parameter; a tuple is several."""
    return pytest.param(*way, marks=marks) if isinstance(way, tuple) else pytest.param(way, marks=marks)
