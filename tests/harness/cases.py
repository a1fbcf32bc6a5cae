"""Many small cases as one test."""

import functools
import inspect
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest

LEVELS = {"few": 0, "exhaustive": 1, "thorough": 2}
"""The levels of cases, by the marks that say so; few cases have none."""


class Case(NamedTuple):
    """The arguments of a case and the level at which it runs."""

    level: int
    given: dict[str, Any]


def at_once(test: Callable[..., None]) -> Callable[..., None]:
    """Make one test of a parametrised one, which stands above its parametrisations; a failure notes its case.

    To collect and to report some thousand tests takes longer than to run them, where each is a comparison. Where some
    cases are exhaustive or thorough, each level is a test.
    """
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    of_each = [list(_cases(mark)) for mark in marks if mark.name == "parametrize"]
    names = {name for cases in of_each for name in cases[0].given}

    @functools.wraps(test)
    def all_cases(level: str = "few", **fixtures: Any) -> None:
        for chosen in product(*of_each):
            if max(case.level for case in chosen) != LEVELS[level]:
                continue
            given = {name: value for case in chosen for name, value in case.given.items()}
            try:
                test(**fixtures, **given)
            except BaseException as exc:
                exc.add_note(f"the case: {given!r:.1000}")
                raise

    kept = [mark for mark in marks if mark.name != "parametrize"]
    signature = inspect.signature(test)
    others = [parameter for name, parameter in signature.parameters.items() if name not in names]
    levels = {max(case.level for case in chosen) for chosen in product(*of_each)}
    if levels != {LEVELS["few"]}:
        others.append(inspect.Parameter("level", inspect.Parameter.KEYWORD_ONLY))
        kept.append(_levels(levels).mark)
    vars(all_cases)["__signature__"] = signature.replace(parameters=others)
    vars(all_cases)["pytestmark"] = kept
    return all_cases


def _levels(levels: set[int]) -> pytest.MarkDecorator:
    """Return the parametrisation by levels, each marked as its cases were."""
    every = [(name, [] if name == "few" else [getattr(pytest.mark, name)]) for name in LEVELS if LEVELS[name] in levels]
    return pytest.mark.parametrize("level", [pytest.param(name, marks=marks, id=name) for name, marks in every])


def _cases(mark: pytest.Mark) -> Iterator[Case]:
    """Yield each case of a parametrisation."""
    names, values = mark.args
    for value in values:
        level = 0
        if isinstance(value, _PARAMETERS):
            level = max((LEVELS[each.name] for each in value.marks), default=0)
            value = value.values[0] if isinstance(names, str) else value.values
        yield Case(level, {names: value} if isinstance(names, str) else dict(zip(names, value, strict=True)))


_PARAMETERS: type[Any] = type(pytest.param())
