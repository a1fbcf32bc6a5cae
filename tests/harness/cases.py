"""Many small cases as one test."""

import functools
import inspect
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest


def at_once(test: Callable[..., None]) -> Callable[..., None]:
    """Make one test of a parametrised one, which stands above its parametrisations; a failure notes its case.

    To collect and to report some thousand tests takes longer than to run them, where each is a comparison.
    """
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    of_each = [list(_cases(mark)) for mark in marks if mark.name == "parametrize"]
    names = {name for cases in of_each for name in cases[0]}

    @functools.wraps(test)
    def all_cases(**fixtures: Any) -> None:
        for chosen in product(*of_each):
            given = {name: value for case in chosen for name, value in case.items()}
            try:
                test(**fixtures, **given)
            except BaseException as exc:
                exc.add_note(f"the case: {given!r:.1000}")
                raise

    signature = inspect.signature(test)
    others = [parameter for name, parameter in signature.parameters.items() if name not in names]
    vars(all_cases)["__signature__"] = signature.replace(parameters=others)
    vars(all_cases)["pytestmark"] = [mark for mark in marks if mark.name != "parametrize"]
    return all_cases


def _cases(mark: pytest.Mark) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each case of a parametrisation."""
    names, values = mark.args
    for value in values:
        yield {names: value} if isinstance(names, str) else dict(zip(names, value, strict=True))
