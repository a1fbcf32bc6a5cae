"""What the test command leaves to `.ci/run`: the ways and the higher counts that are marked as exhaustive."""

import os
from collections.abc import Collection, Iterable
from typing import Any

import pytest


def exhaustive_but(core: Collection[Any], ways: Iterable[Any]) -> list[Any]:
    """Return ways as parameters of a test: those that are not of the core are exhaustive."""
    return [way if way in core else pytest.param(way, marks=pytest.mark.exhaustive) for way in ways]


def counts(few: int, many: int, variable: str = "STATESIG_ROUNDS", share: float = 1.0) -> list[Any]:
    """Return how often a test does something, as parameters: a few times, and many times where it is exhaustive.

    Args:
        few: For the test command.
        many: For `.ci/run`.
        variable: What says how often in the environment, in place of both.
        share: The part of that number which is done: of what takes longer there is less.
    """
    said = os.environ.get(variable)
    if said is not None:
        return [max(few, int(int(said) * share))]
    return [few, pytest.param(many, marks=pytest.mark.exhaustive)]
